//! Tests of the bounds on averaging.

mod facts;
mod judged;
mod numbers;

use super::*;
use crate::Noise;

pub(super) fn table(largest: u32, variance: f64, least_shown: u32, stays: f64) -> NoiseTable {
    NoiseTable::solve(&Noise::new(largest, variance, least_shown, stays).unwrap()).unwrap()
}

pub(super) fn dimension(name: &str, atoms: u32, levels: Vec<RegisteredLevel>) -> RegisteredDimension {
    RegisteredDimension { name: name.to_owned(), atoms, levels, known: None }
}

/// Every atom, and the total.
pub(super) fn plain(name: &str, atoms: u32) -> RegisteredDimension {
    dimension(name, atoms, vec![RegisteredLevel::finest(name, atoms), RegisteredLevel::total("total", atoms)])
}

/// Runs of so many atoms.
pub(super) fn runs(name: &str, atoms: u32, length: u32) -> RegisteredLevel {
    let categories = (0..atoms.div_ceil(length)).map(|run| (run * length..((run + 1) * length).min(atoms)).collect());
    RegisteredLevel { name: name.to_owned(), categories: categories.collect() }
}

pub(super) fn all(dimensions: Vec<RegisteredDimension>) -> Registered {
    Registered { dimensions, crossings: None, revisions: 1 }
}

/// All unions of so many categories, each against the rest.
pub(super) fn free_recodes(categories: u32) -> Registered {
    let level = |set: u32| RegisteredLevel {
        name: format!("recode {set}"),
        categories: [1, 0].map(|side| (0..categories).filter(|c| set >> c & 1 == side).collect()).to_vec(),
    };
    // A set and its complement are one level.
    let mut levels: Vec<RegisteredLevel> = (1..1_u32 << (categories - 1)).map(level).collect();
    levels.push(RegisteredLevel::total("total", categories));
    all(vec![dimension("kind", categories, levels)])
}
