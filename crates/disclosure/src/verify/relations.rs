//! What an entry must keep of how the figures of the one before lie in each other: records that were counted in some of them and not in
//! others still are. Atoms may be divided further, never moved.

use std::collections::{BTreeMap, BTreeSet};

use super::VerifyError;
use super::base::{Base, partners};
use super::chain::{Named, broken, named};
use crate::ledger::{Entry, LedgerError, Outcome};

/// Figures with the atoms of each, and the truth of the atoms.
pub(crate) struct Figures {
    atoms: BTreeMap<Named, Vec<u32>>,
    truth: Vec<u64>,
}

impl Figures {
    /// Those of an entry that no other has the name of.
    pub(crate) fn of(entry: &Entry) -> Result<Self, VerifyError> {
        let base = Base::new(entry, &partners(entry))?;
        let mut seen: BTreeMap<Named, usize> = BTreeMap::new();
        let mut atoms = BTreeMap::new();
        for (figure, members) in entry.figures().zip(base.cells) {
            if figure.outcome != Outcome::NotAvailable {
                *seen.entry(named(figure)).or_default() += 1;
                atoms.insert(named(figure), members);
            }
        }
        atoms.retain(|name, _| seen.get(name) == Some(&1));
        Ok(Self { atoms, truth: entry.truth.clone() })
    }

    /// Checks that these lie in each other as they did before.
    pub(crate) fn keep(&self, before: &Self) -> Result<(), LedgerError> {
        let names: Vec<&Named> = before.atoms.keys().filter(|name| self.atoms.contains_key(*name)).collect();
        let (then, now) = (before.records(&names), self.records(&names));
        let differs = |(inside, records): (&BTreeSet<u32>, &u64)| then.get(inside) != Some(records);
        let moved = now.iter().find(|item| differs(*item)).map(|(inside, _)| inside);
        let moved = moved.or_else(|| then.keys().find(|inside| !now.contains_key(*inside)));
        let first = moved.and_then(|inside| inside.first()).and_then(|number| names.get(*number as usize));
        first.map_or(Ok(()), |(id, ..)| Err(broken(id, "its records lie in other figures than they did before")))
    }

    /// How many records are counted in exactly which of the figures, by their numbers in a list.
    fn records(&self, names: &[&Named]) -> BTreeMap<BTreeSet<u32>, u64> {
        let mut inside: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); self.truth.len()];
        for (name, number) in names.iter().zip(0_u32..) {
            for atom in self.atoms.get(*name).into_iter().flatten() {
                inside.get_mut(*atom as usize).into_iter().for_each(|figures| figures.extend([number]));
            }
        }
        let mut records: BTreeMap<BTreeSet<u32>, u64> = BTreeMap::new();
        for (figures, count) in
            inside.into_iter().zip(&self.truth).filter(|(figures, count)| !figures.is_empty() && **count > 0)
        {
            *records.entry(figures).or_default() += count;
        }
        records
    }
}
