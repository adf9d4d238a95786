use disclosure::Unreleased;

fn clone(truth: &Unreleased) -> Unreleased {
    Unreleased::clone(truth)
}

fn main() {
    let _ = clone;
}
