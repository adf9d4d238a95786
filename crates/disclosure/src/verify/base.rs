//! The group as one table again: which atoms each cell counts, and who is behind them.

use std::collections::{BTreeMap, BTreeSet};

use super::VerifyError;
use super::blocks::{self, Block};
use crate::ledger::{ColumnKind, Entry, EntryCell, Outcome};
use crate::policy::{Coalitions, Policy};

/// See the module.
pub(super) struct Base<'a> {
    pub(super) truth: &'a [u64],
    /// By atom: contributor, partner, amount.
    pub(super) people: Vec<Vec<(u64, u16, u64)>>,
    /// Atoms of each figure, in order.
    pub(super) cells: Vec<Vec<u32>>,
    /// What is proved apart because it shares nothing.
    pub(super) blocks: Vec<Block>,
    /// By table and table atom: atoms of the group.
    pub(super) inside: Vec<Vec<Vec<u32>>>,
    /// Partners who supplied records.
    pub(super) partners: BTreeSet<u16>,
    /// Partners, alone or together, against whom the proof must hold.
    pub(super) readers: Vec<BTreeSet<u16>>,
}

impl<'a> Base<'a> {
    /// Of an entry of some blocks of a group, records of which came by way of these partners.
    pub(super) fn new(entry: &'a Entry, among: &BTreeSet<u16>) -> Result<Self, VerifyError> {
        let mut people = vec![Vec::new(); entry.truth.len()];
        let bad = |table, what| VerifyError::Inconsistent { table, what };
        for (atom, contributor, partner, amount) in &entry.contributions {
            let list = people.get_mut(*atom as usize).ok_or_else(|| bad(0, "a contribution has no atom"))?;
            list.push((*contributor, *partner, *amount));
        }
        for (list, count) in people.iter().zip(&entry.truth) {
            let sum: u64 = list.iter().map(|person| person.2).sum();
            if !list.is_empty() && sum != *count {
                return Err(bad(0, "contributions do not add up"));
            }
        }
        let blocks = blocks::blocks(entry)?;
        let mut inside = Vec::with_capacity(entry.tables.len());
        for block in &blocks {
            for number in block.tables.clone() {
                let table = entry.tables.get(number).ok_or_else(|| bad(number, "it does not exist"))?;
                let mut atoms: Vec<Vec<u32>> = vec![Vec::new(); table.atoms as usize];
                if table.places.len() != block.atoms.len() {
                    return Err(bad(number, "it does not say where each atom lies"));
                }
                for (place, atom) in table.places.iter().zip(block.atoms.clone()) {
                    let Some(place) = place else { continue };
                    let slot = atoms.get_mut(*place as usize).ok_or_else(|| bad(number, "an atom lies nowhere"))?;
                    slot.push(u32::try_from(atom).unwrap_or(u32::MAX));
                }
                inside.push(atoms);
            }
        }
        let (partners, readers) = (partners(entry), readers(&entry.policy, among));
        let mut base = Self { truth: &entry.truth, people, cells: Vec::new(), blocks, inside, partners, readers };
        base.cells = entry.figures().map(|cell| base.atoms_of(entry, cell)).collect::<Result<_, _>>()?;
        Ok(base)
    }

    fn atoms_of(&self, entry: &Entry, cell: &EntryCell) -> Result<Vec<u32>, VerifyError> {
        let fail = |what| VerifyError::Rule { cell: Box::new(cell.id.clone()), what };
        let Some(place) = cell.place else {
            let nothing = cell.count == 0 && cell.outcome != Outcome::Withheld;
            return if nothing { Ok(Vec::new()) } else { Err(fail("it has no column")) };
        };
        let (atoms, kind) = self.column(entry, place).ok_or_else(|| fail("its column does not exist"))?;
        match (cell.outcome, kind) {
            (Outcome::Released, ColumnKind::Released) | (Outcome::Withheld, ColumnKind::Withheld) => Ok(atoms),
            _ => Err(fail("its outcome is not that of its column")),
        }
    }

    /// Atoms of the group in a column of a table, in order, and what the column is.
    pub(super) fn column(&self, entry: &Entry, (number, column): (u32, u32)) -> Option<(Vec<u32>, ColumnKind)> {
        let column = entry.tables.get(number as usize)?.columns.get(column as usize)?;
        let inside = self.inside.get(number as usize)?;
        let mut atoms = Vec::new();
        for atom in &column.atoms {
            atoms.extend(inside.get(*atom as usize)?);
        }
        atoms.sort_unstable();
        atoms.dedup();
        Some((atoms, column.kind))
    }

    pub(super) fn value(&self, atoms: &[u32]) -> u64 {
        atoms.iter().filter_map(|atom| self.truth.get(*atom as usize)).sum()
    }

    /// Amount of each contributor; unknown people have the highest numbers.
    pub(super) fn amounts(&self, atoms: &[u32]) -> Vec<u64> {
        let mut named: BTreeMap<u64, u64> = BTreeMap::new();
        let mut amounts = Vec::new();
        for atom in atoms {
            match self.people.get(*atom as usize) {
                Some(list) if !list.is_empty() => {
                    list.iter().for_each(|(person, _, amount)| *named.entry(*person).or_default() += amount);
                }
                _ => {
                    let count = self.truth.get(*atom as usize).copied().unwrap_or(0);
                    amounts.extend((0..count.min(100_000)).map(|_| 1));
                }
            }
        }
        amounts.extend(named.values());
        amounts.sort_unstable_by(|a, b| b.cmp(a));
        amounts
    }

    /// Whether atoms hold at least so many records, of at least so many people; stops as soon as they do.
    pub(super) fn at_least(&self, atoms: impl Iterator<Item = u32>, wanted: u64) -> bool {
        let (mut records, mut unknown) = (0, 0);
        let mut named: BTreeSet<u64> = BTreeSet::new();
        for atom in atoms {
            let count = self.truth.get(atom as usize).copied().unwrap_or(0);
            records += count;
            match self.people.get(atom as usize) {
                Some(list) if !list.is_empty() => named.extend(list.iter().map(|person| person.0)),
                _ => unknown += count,
            }
            if records >= wanted && unknown + named.len() as u64 >= wanted {
                return true;
            }
        }
        wanted == 0
    }

    /// Amount by way of some partners, and how many contributors the others have.
    pub(super) fn beside(&self, atoms: &[u32], partners: &BTreeSet<u16>) -> (u64, u64) {
        let (mut own, mut unknown) = (0, 0);
        let mut others = BTreeSet::new();
        for atom in atoms {
            match self.people.get(*atom as usize) {
                Some(list) if !list.is_empty() => {
                    for (person, by, amount) in list {
                        if partners.contains(by) {
                            own += amount;
                        } else {
                            others.insert(*person);
                        }
                    }
                }
                _ => unknown += self.truth.get(*atom as usize).copied().unwrap_or(0),
            }
        }
        (own, unknown + others.len() as u64)
    }
}

/// The partners by way of whom the records of an entry came.
pub(super) fn partners(entry: &Entry) -> BTreeSet<u16> {
    entry.contributions.iter().map(|(_, _, partner, _)| *partner).collect()
}

/// Each partner, and each coalition that the policy states, if there are several partners.
fn readers(policy: &Policy, partners: &BTreeSet<u16>) -> Vec<BTreeSet<u16>> {
    let mut readers: BTreeSet<BTreeSet<u16>> = BTreeSet::new();
    if policy.own_rows && partners.len() > 1 {
        for one in partners {
            readers.insert(BTreeSet::from([*one]));
            if policy.coalitions == Coalitions::Pairs {
                readers.extend(partners.iter().map(|other| BTreeSet::from([*one, *other])));
            }
        }
        if let Coalitions::Stated(stated) = &policy.coalitions {
            let there =
                |list: &Vec<u16>| -> BTreeSet<u16> { list.iter().filter(|p| partners.contains(p)).copied().collect() };
            readers.extend(stated.iter().map(there).filter(|coalition| !coalition.is_empty()));
        }
    }
    readers.into_iter().collect()
}
