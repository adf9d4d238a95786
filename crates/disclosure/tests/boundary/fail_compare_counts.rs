//! Who can compare or copy counts before noise is added can guess them.

fn main() {
    let counts = |count: u64| disclosure::UnreleasedCounts::new(("g".parse().unwrap(), model::Digest([0; 32])), vec![count], None).unwrap();
    let _ = counts(3) == counts(3);
    let _ = counts(3).clone();
}
