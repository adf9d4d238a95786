//! What the plans before decided about a group, as the last of them left it: its atoms, and every figure ever decided.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::contributions::{Contribution, Contributions};
use crate::ids::CellId;
use crate::ledger::{Entry, EntryCell, EntryTable, FIRST_THAT_LEAVES_BEHIND, LedgerError, Outcome};
use crate::policy::Policy;
use crate::rules::Reason;
use crate::unreleased::CellFacts;

/// What was decided about a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    Released(u64),
    /// With the true count.
    Withheld(u64),
}

impl Past {
    /// The count that it was decided about.
    pub(crate) const fn count(self) -> u64 {
        let (Self::Released(count) | Self::Withheld(count)) = self;
        count
    }
}

/// A figure that was decided: a cell as of some revision.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) id: CellId,
    /// Sorted atoms of the history.
    pub(crate) atoms: Vec<u32>,
    pub(crate) contributors: u64,
    pub(crate) facts: CellFacts,
    pub(crate) sensitive: bool,
    pub(crate) past: Past,
    /// Why it was withheld.
    pub(crate) reason: Option<Reason>,
    /// Something was revised while its cell was not there.
    pub(crate) left_behind: bool,
}

/// The worlds of one table of the last plan.
#[derive(Debug)]
pub(crate) struct Proof {
    /// By atom of that table: the atoms in it.
    pub(crate) inside: Vec<Vec<u32>>,
    /// Changes of the truth: atom of that table, and difference.
    pub(crate) worlds: Vec<Vec<(u32, i64)>>,
}

/// See the module.
pub(crate) struct History {
    pub(crate) policy: Policy,
    pub(crate) truth: Vec<i64>,
    pub(crate) contributions: Contributions,
    /// For each atom, the first of its place.
    pub(crate) origins: Vec<u32>,
    /// Of each table into which the last plan was split.
    pub(crate) proofs: Vec<Proof>,
    /// What is shown, in the order of ids.
    pub(crate) shown: Vec<Figure>,
    /// What was shown and is not any more, oldest first.
    pub(crate) superseded: Vec<Figure>,
    /// Cells that are not tried again.
    pub(crate) given_up: HashSet<CellId>,
}

impl History {
    /// Reads an entry, which holds all that those before decided.
    pub(crate) fn new(entry: Entry) -> Result<Self, LedgerError> {
        let proofs: Vec<Proof> = entry.tables.iter().map(Proof::new).collect::<Result<_, _>>()?;
        let columns = Columns::new(&entry, &proofs)?;
        let figure = |cell: EntryCell| -> Option<Result<Figure, LedgerError>> {
            let past = match cell.outcome {
                Outcome::Released => Past::Released(cell.count),
                Outcome::Withheld => Past::Withheld(cell.count),
                Outcome::NotAvailable => return None,
            };
            let facts = CellFacts { headline: cell.headline, known_upper: cell.known_upper, not_available: false };
            Some(columns.atoms(cell.place).map(|atoms| Figure {
                id: cell.id,
                atoms,
                contributors: cell.contributors,
                facts,
                sensitive: cell.sensitive,
                past,
                reason: cell.reason,
                left_behind: cell.left_behind,
            }))
        };
        let given_up = entry.cells.iter().filter(|cell| cell.given_up).map(|cell| cell.id.clone()).collect();
        let shown: Vec<Figure> = entry.cells.into_iter().filter_map(figure).collect::<Result<_, _>>()?;
        let mut superseded: Vec<Figure> = entry.superseded.into_iter().filter_map(figure).collect::<Result<_, _>>()?;
        if entry.version < FIRST_THAT_LEAVES_BEHIND {
            let there: HashSet<&CellId> = shown.iter().map(|figure| &figure.id).collect();
            // Whether anything was revised since is not on record.
            superseded.iter_mut().for_each(|figure| figure.left_behind = !there.contains(&figure.id));
        }
        let contribution = |(atom, contributor, partner, amount): (u32, u64, u16, u64)| Contribution {
            atom,
            contributor,
            partner,
            amount,
        };
        let contributions = entry.contributions.into_iter().map(contribution).collect();
        Ok(Self {
            policy: entry.policy,
            origins: entry.origins,
            proofs,
            contributions: Contributions::new(contributions, entry.truth.len()),
            truth: entry.truth.into_iter().map(crate::material::signed).collect(),
            shown,
            superseded,
            given_up,
        })
    }

    /// What was decided last of each cell that is not there any more.
    pub(crate) fn gone(&self) -> impl Iterator<Item = &Figure> {
        let shown: HashSet<&CellId> = self.shown.iter().map(|figure| &figure.id).collect();
        let mut seen = HashSet::new();
        self.superseded.iter().rev().filter(move |figure| !shown.contains(&figure.id) && seen.insert(&figure.id))
    }

    /// For each cell by which records of before and now can be compared, its atoms: what is shown, and what was and could be again
    /// as it was, as nothing was decided anew since.
    pub(crate) fn comparable(&self) -> HashMap<&CellId, &[u32]> {
        let gone = self.gone().filter(|figure| !figure.left_behind);
        gone.chain(&self.shown).map(|figure| (&figure.id, figure.atoms.as_slice())).collect()
    }
}

/// Atoms of the group in each column of an entry's tables.
struct Columns {
    columns: Vec<Vec<Vec<u32>>>,
}

impl Proof {
    fn new(table: &EntryTable) -> Result<Self, LedgerError> {
        let mut inside: Vec<Vec<u32>> = vec![Vec::new(); table.atoms as usize];
        for (place, atom) in table.places.iter().zip(0_u32..) {
            let Some(place) = place else { continue };
            inside.get_mut(*place as usize).ok_or(LedgerError::Unreadable)?.push(atom);
        }
        Ok(Self { inside, worlds: table.worlds.clone() })
    }

    /// What may become of its worlds where each atom became some, and some have others in their place besides: the others stay as they
    /// are, or change alone, or as well.
    pub(crate) fn after(&self, became: &[Vec<u32>], again: &[Vec<u32>]) -> Vec<Self> {
        fn row(rows: &[Vec<u32>], atom: u32) -> &[u32] {
            rows.get(atom as usize).map_or(&[], Vec::as_slice)
        }
        let old = self.over(|atom| row(became, atom));
        if again.iter().all(Vec::is_empty) {
            return vec![old];
        }
        let alone = self.over(|atom| Some(row(again, atom)).filter(|new| !new.is_empty()).unwrap_or(row(became, atom)));
        let new = self.over(|atom| row(again, atom));
        let offset = u32::try_from(self.inside.len()).unwrap_or(u32::MAX);
        let also = |(place, delta): &(u32, i64)| {
            let any = new.inside.get(*place as usize).is_some_and(|atoms| !atoms.is_empty());
            any.then_some((place + offset, *delta))
        };
        let twice = |world: &Vec<(u32, i64)>| world.iter().copied().chain(world.iter().filter_map(also)).collect();
        let worlds = self.worlds.iter().map(twice).collect();
        let both = Self { inside: old.inside.iter().chain(&new.inside).cloned().collect(), worlds };
        vec![old, alone, both]
    }

    /// The same over other atoms: those that each atom became, the first that are first of theirs before the others.
    pub(crate) fn over<'a>(&self, became: impl Fn(u32) -> &'a [u32]) -> Self {
        let place = |atoms: &Vec<u32>| -> Vec<u32> {
            let firsts = atoms.iter().filter_map(|atom| became(*atom).first());
            let others = atoms.iter().flat_map(|atom| became(*atom).iter().skip(1));
            let mut seen = BTreeSet::new();
            firsts.chain(others).copied().filter(|atom| seen.insert(*atom)).collect()
        };
        Self { inside: self.inside.iter().map(place).collect(), worlds: self.worlds.clone() }
    }
}

impl Columns {
    fn new(entry: &Entry, proofs: &[Proof]) -> Result<Self, LedgerError> {
        let mut columns = Vec::with_capacity(entry.tables.len());
        for (table, proof) in entry.tables.iter().zip(proofs) {
            let of_column = |atoms: &[u32]| -> Result<Vec<u32>, LedgerError> {
                let mut all = Vec::new();
                for atom in atoms {
                    all.extend(proof.inside.get(*atom as usize).ok_or(LedgerError::Unreadable)?);
                }
                all.sort_unstable();
                Ok(all)
            };
            columns.push(table.columns.iter().map(|column| of_column(&column.atoms)).collect::<Result<_, _>>()?);
        }
        Ok(Self { columns })
    }

    /// The atoms of a cell; none for one without a column.
    fn atoms(&self, place: Option<(u32, u32)>) -> Result<Vec<u32>, LedgerError> {
        let Some((table, column)) = place else { return Ok(Vec::new()) };
        let found = self.columns.get(table as usize).and_then(|columns| columns.get(column as usize));
        found.cloned().ok_or(LedgerError::Unreadable)
    }
}
