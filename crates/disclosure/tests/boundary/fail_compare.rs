use disclosure::Unreleased;

fn compare(a: &Unreleased, b: &Unreleased) -> bool {
    a == b
}

fn main() {
    let _ = compare;
}
