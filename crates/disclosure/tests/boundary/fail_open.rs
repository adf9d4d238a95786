use disclosure::Unreleased;

fn open(truth: Unreleased) -> Vec<u64> {
    truth.counts
}

fn main() {
    let _ = open;
}
