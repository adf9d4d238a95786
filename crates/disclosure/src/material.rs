//! What a plan is made of: atoms, who stands behind them, and every cell that was or will be decided.

use crate::contributions::{Contribution, Contributions};
use crate::ids::{CellId, GroupId};
use crate::ledger::{LedgerState, Past};
use crate::unreleased::{CellFacts, Unreleased};

/// One cell over the material's atoms.
#[derive(Debug, Clone)]
pub(crate) struct MaterialCell {
    pub(crate) id: CellId,
    /// Sorted, without repeats.
    pub(crate) atoms: Vec<u32>,
    pub(crate) contributors: u64,
    pub(crate) facts: CellFacts,
    pub(crate) sensitive: bool,
    /// What an earlier plan decided about this very count.
    pub(crate) past: Option<Past>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Material {
    pub(crate) group: GroupId,
    pub(crate) truth: Vec<i64>,
    pub(crate) contributions: Vec<Contribution>,
    pub(crate) cells: Vec<MaterialCell>,
}

impl Material {
    /// The material of data in which nothing decided before has changed.
    pub(crate) fn new(truth: &Unreleased, past: &LedgerState) -> Self {
        let cells = truth.cells.iter().map(|(id, entry)| MaterialCell {
            id: id.clone(),
            atoms: entry.atoms.clone(),
            contributors: entry.contributors,
            facts: entry.facts,
            sensitive: truth.sensitive.covers(id),
            past: past.cells.get(id).map(|decided| decided.past),
        });
        Self {
            group: truth.group.clone(),
            truth: truth.counts.iter().map(|count| signed(*count)).collect(),
            contributions: truth.contributions.clone(),
            cells: cells.collect(),
        }
    }

    /// The contributions after atoms were merged: `place` says which atom each became.
    pub(crate) fn merged_contributions(&self, place: &[Option<u32>], atoms: usize) -> Contributions {
        let moved = self.contributions.iter().filter_map(|entry| {
            let atom = place.get(entry.atom as usize).copied().flatten()?;
            Some(Contribution { atom, ..*entry })
        });
        Contributions::new(moved.collect(), atoms)
    }
}

/// Counts are limited to 2^36 per atom and 2^24 atoms, so this never saturates.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
