//! A reader who knows the algorithm, its parameters and everything but the key: on all small tables, how sure are they of
//! what is behind a mark?
//!
//! A *table* is 2 x 3 or 3 x 3 counts with all totals; only the grand total is a headline. For every pattern that a plan showed, the
//! reader weighs every table that agrees with it by how often the plan of that table shows the same pattern over keys. A table shows
//! it at least as often as its decoys are drawn to be exactly what the pattern withholds besides its unsafe cells, so
//! that case is tried by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Small, empty, group, numbered};
use crate::decide::decide;
use crate::key::PlanKey;
use crate::rules::Rules;
use crate::{Cell, CellFacts, Policy, ZeroPolicy};

const K: u64 = 3;

type Counts = Vec<u64>;
type Shown = Vec<Option<u64>>;

/// Interior cells by row, then row totals, column totals, grand total: each with its counts as bits.
fn masks(rows: usize, columns: usize) -> Vec<u32> {
    let mask = |inside: &dyn Fn(usize, usize) -> bool| -> u32 {
        (0..rows * columns).filter(|i| inside(i / columns, i % columns)).map(|i| 1 << i).sum()
    };
    let interior = (0..rows * columns).map(|i| 1 << i);
    let by_row = (0..rows).map(|wanted| mask(&|row, _| row == wanted));
    let by_column = (0..columns).map(|wanted| mask(&|_, column| column == wanted));
    interior.chain(by_row).chain(by_column).chain([mask(&|_, _| true)]).collect()
}

fn sum(counts: &Counts, mask: u32) -> u64 {
    (0..counts.len()).filter(|i| mask >> i & 1 == 1).map(|i| counts[i]).sum()
}

/// The algorithm as the reader knows it, for tables of one shape.
#[derive(Clone, Copy)]
struct Known<'a> {
    policy: &'a Policy,
    rules: Rules,
    masks: &'a [u32],
}

fn show(counts: &Counts, Known { policy, rules, masks }: Known<'_>, key: &PlanKey) -> Shown {
    let cells: Vec<Small> = masks
        .iter()
        .enumerate()
        .map(|(i, mask)| Small {
            id: numbered(i),
            mask: *mask,
            facts: CellFacts { headline: i == masks.len() - 1, ..CellFacts::default() },
        })
        .collect();
    let tables = decide(&empty(), &group(counts, &cells), policy, key, rules, true).unwrap().0.tables();
    cells.iter().map(|cell| tables.cell(&cell.id).and_then(Cell::value)).collect()
}

/// All tables of so many cells with this total.
fn tables(cells: usize, total: u64) -> Vec<Counts> {
    let mut all = vec![vec![0; cells]];
    for i in 0..cells {
        all = all
            .into_iter()
            .flat_map(|counts: Counts| {
                let rest = total - counts.iter().sum::<u64>();
                let least = if i == cells - 1 { rest } else { 0 };
                (least..=rest).map(move |count| {
                    let mut next = counts.clone();
                    next[i] = count;
                    next
                })
            })
            .collect();
    }
    all
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Found {
    /// Withheld cells that hold from 1 to k - 1, over tables and keys; headlines apart.
    small: f64,
    /// Of these, those of which it is certain.
    certain: f64,
    /// Of these, those of which it is more than 95 % likely.
    likely: f64,
}

/// How likely a table shows a pattern by its decoys alone, if it then does.
fn by_decoys(counts: &Counts, shown: &Shown, known: Known<'_>, key: u8) -> f64 {
    let Known { policy, rules, masks } = known;
    let safe = |i: usize| sum(counts, masks[i]) >= K;
    let below = 0..masks.len() - 1;
    let decoys: BTreeSet<usize> = below.clone().filter(|i| shown[*i].is_none() && safe(*i)).collect();
    let names = decoys.iter().map(|i| numbered(*i).to_string()).collect();
    if show(counts, known, &PlanKey::choosing([key; 32], names)) != *shown {
        return 0.0;
    }
    let share = if rules.decoys { f64::from(policy.decoys_per_thousand) / 1000.0 } else { 0.0 };
    below.filter(|i| safe(*i)).map(|i| if decoys.contains(&i) { share } else { 1.0 - share }).product()
}

fn invert((rows, columns): (usize, usize), total: u64, keys: u8, policy: &Policy, rules: Rules) -> Found {
    let all = tables(rows * columns, total);
    let masks = masks(rows, columns);
    let known = Known { policy, rules, masks: &masks };
    let mut seen: BTreeMap<Shown, BTreeMap<Counts, f64>> = BTreeMap::new();
    for counts in &all {
        for key in 0..keys {
            let shown = show(counts, known, &PlanKey::new([key; 32]));
            *seen.entry(shown).or_default().entry(counts.clone()).or_default() += 1.0 / f64::from(keys);
        }
    }
    let mut found = Found::default();
    // Where the grand total itself is withheld, it is declared small, and nothing more is claimed of its parts.
    for (shown, observed) in seen.iter().filter(|(shown, _)| shown.last().is_some_and(Option::is_some)) {
        let agrees = |counts: &&Counts| {
            masks.iter().zip(shown).all(|(mask, cell)| match (sum(counts, *mask), cell) {
                (value, Some(shown)) => value == *shown,
                (value, None) => value > 0,
            })
        };
        let weights: Vec<(&Counts, f64)> = all
            .iter()
            .filter(agrees)
            .map(|counts| {
                let sampled = observed.get(counts).copied().unwrap_or(0.0);
                (counts, sampled.max(by_decoys(counts, shown, known, 0)))
            })
            .collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        for (_, mask) in shown.iter().zip(&masks).take(masks.len() - 1).filter(|(cell, _)| cell.is_none()) {
            let is_small = |counts: &Counts| sum(counts, *mask) < K;
            let small: f64 = weights.iter().filter(|(counts, _)| is_small(counts)).map(|(_, weight)| weight).sum();
            let times: f64 = observed.iter().filter(|(counts, _)| is_small(counts)).map(|(_, weight)| weight).sum();
            found.small += times;
            found.certain += if small >= total { times } else { 0.0 };
            found.likely += if small > 0.95 * total { times } else { 0.0 };
        }
    }
    found
}

fn policy(decoys: u16) -> Policy {
    Policy { zeros: ZeroPolicy::Publish, decoys_per_thousand: decoys, ..Policy::threshold(K) }
}

#[test]
fn with_decoys_nobody_is_certain() {
    let with = invert((2, 3), 6, 2, &policy(200), Rules::ALL);
    assert!(with.small > 50.0, "{with:?}");
    assert!(with.certain < 1e-9, "{with:?}");
}

/// The measure can convict: without decoys the choice of cells itself gives away many.
pub(super) fn certain_without_decoys(rules: Rules) -> bool {
    invert((2, 3), 8, 1, &policy(200), rules).certain > 0.0
}

/// Inverts all tables of a shape with these totals, and prints what is certain by share of decoys.
fn print(shape: (usize, usize), totals: std::ops::RangeInclusive<u64>, decoys: &[u16]) {
    for decoys in decoys {
        let invert = |total| invert(shape, total, 4, &policy(*decoys), Rules::ALL);
        let by_total: Vec<Found> = totals.clone().map(invert).collect();
        let share = |of: fn(&Found) -> f64| {
            100.0 * by_total.iter().map(of).sum::<f64>() / by_total.iter().map(|found| found.small).sum::<f64>()
        };
        println!(
            "{shape:?}, {decoys} of 1,000 decoys: {:.1} % certain, {:.1} % above 95 %: {by_total:.0?}",
            share(|found| found.certain),
            share(|found| found.likely)
        );
    }
}

/// All tables of up to nine: `cargo nextest run -p disclosure --run-ignored only inversion --no-capture`.
#[test]
#[ignore = "takes minutes: part of the long attack; the figures are in docs/gate.md"]
fn all_small_tables() {
    print((2, 3), 3..=9, &[0, 50, 100, 250]);
}

/// All larger tables of up to five.
#[test]
#[ignore = "takes minutes: part of the long attack"]
fn all_small_tables_of_three_rows() {
    print((3, 3), 3..=5, &[0, 100, 250]);
}
