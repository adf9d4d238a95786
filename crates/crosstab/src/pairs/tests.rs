//! Pairs against a set of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::codes::Codes;

const SIZES: [u32; 2] = [40, 3];

fn never() -> bool {
    false
}

/// Rows of two codes and a key.
type Row = (u8, u8, u64);

fn taken(rows: &[Row], parts: usize, growing: bool) -> Pairs {
    let start = if growing { vec![1, 1] } else { SIZES.to_vec() };
    let shape = |sizes: Vec<u32>| Shape::new(sizes, 1 << 20).unwrap();
    let mut all: Option<Pairs> = None;
    for part in rows.chunks(rows.len().div_ceil(parts).max(1)) {
        let mut pairs = Pairs::new(shape(start.clone()));
        for rows in part.chunks(70) {
            let axes = [rows.iter().map(|row| row.0).collect(), rows.iter().map(|row| row.1).collect::<Vec<u8>>()];
            let keys: Vec<u64> = rows.iter().map(|row| row.2).collect();
            let sizes = axes.iter().zip(pairs.shape().sizes());
            let sizes = sizes.map(|(codes, size)| (u32::from(*codes.iter().max().unwrap()) + 1).max(*size)).collect();
            pairs = pairs.reshaped(shape(sizes)).unwrap();
            let axes = axes.iter().map(|codes| Codes::U8(codes)).collect();
            pairs.add(&Block { rows: rows.len(), axes, measures: Vec::new(), keys: Some(&keys) }).unwrap();
        }
        let pairs = pairs.reshaped(shape(SIZES.to_vec())).unwrap();
        all = Some(match all {
            None => pairs,
            Some(all) => all.merge(pairs).unwrap(),
        });
    }
    all.unwrap_or_else(|| Pairs::new(shape(SIZES.to_vec())))
}

fn in_order(table: &PairTable) -> Vec<(u64, u64)> {
    table.runs().iter().flat_map(|run| run.cells().iter().copied().zip(run.keys().iter().copied())).collect()
}

proptest! {
    #[test]
    fn each_pair_comes_once_and_in_order(
        rows in prop::collection::vec((0..40_u8, 0..3_u8, prop_oneof![0..5_u64, any::<u64>()]), 0..400),
        parts in 1..4_usize,
        threads in 1..4_usize,
        growing in any::<bool>(),
    ) {
        let expect: BTreeSet<(u64, u64)> =
            rows.iter().map(|(one, other, key)| (u64::from(*one) * 3 + u64::from(*other), *key)).collect();
        let table = taken(&rows, parts, growing).finish(threads, &never).unwrap();
        prop_assert_eq!(in_order(&table), expect.into_iter().collect::<Vec<_>>());
    }
}

/// More of one cell than a bucket keeps: what is alike becomes one, and memory stays small.
#[test]
fn many_rows_of_few_pairs_take_little_memory() {
    let rows: Vec<Row> = (0..1_000_000_u64).map(|row| (7, 1, row % 1_000)).collect();
    let pairs = taken(&rows, 1, false);
    assert!(pairs.bytes() < 4 * PAIRS_KEPT * size_of::<Pair>(), "{}", pairs.bytes());
    assert_eq!(in_order(&pairs.finish(2, &never).unwrap()), (0..1_000).map(|key| (22, key)).collect::<Vec<_>>());
}

#[test]
fn what_does_not_fit_is_refused_and_sorting_stops_when_told() {
    let shape = |sizes: &[u32]| Shape::new(sizes.to_vec(), 1 << 20).unwrap();
    let mut pairs = Pairs::new(shape(&SIZES));
    let codes = [1_u8];
    let axes = vec![Codes::U8(&codes), Codes::U8(&codes)];
    let without = Block { rows: 1, axes, measures: Vec::new(), keys: None };
    assert!(matches!(pairs.add(&without), Err(CrosstabError::Mismatch { .. })));
    assert!(matches!(Pairs::new(shape(&[2, 3])).merge(pairs.clone()), Err(CrosstabError::Mismatch { .. })));
    assert!(matches!(pairs.clone().reshaped(shape(&[39, 3])), Err(CrosstabError::Mismatch { .. })));
    assert!(matches!(pairs.finish(2, &|| true), Err(CrosstabError::Stopped)));
}
