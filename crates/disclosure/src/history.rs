//! What the plans before decided about a group, as the last of them left it: its atoms, and every figure ever decided.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::blocks::apart;
use crate::contributions::{Contribution, Contributions};
use crate::ids::CellId;
use crate::ledger::{ENTRY_VERSION, Entry, EntryCell, EntryTable, FIRST_THAT_LEAVES_BEHIND, LedgerError, Outcome};
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

/// A block of the last plan.
pub(crate) struct KnownBlock {
    /// As an entry of its own, after which others come: what it released is out.
    pub(crate) entry: Entry,
    /// Its figures that are shown, and those that were, over atoms of its own.
    pub(crate) shown: Vec<Figure>,
    pub(crate) superseded: Vec<Figure>,
}

impl KnownBlock {
    fn new(mut entry: Entry) -> Result<Self, LedgerError> {
        let columns = Columns::new(&entry)?;
        let figures = entry.cells.iter_mut().chain(&mut entry.superseded);
        figures.for_each(|figure| figure.earlier = figure.outcome == Outcome::Released);
        let of = |cells: &[EntryCell]| cells.iter().filter_map(|cell| columns.figure(cell)).collect::<Result<_, _>>();
        let (shown, superseded) = (of(&entry.cells)?, of(&entry.superseded)?);
        Ok(Self { entry, shown, superseded })
    }

    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.shown.iter().chain(&self.superseded)
    }
}

/// The worlds of one table of the last plan.
#[derive(Debug)]
pub(crate) struct Proof {
    /// The number of its block, and of the table in it.
    pub(crate) of: (u32, u32),
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
    /// Its blocks, if it told them apart.
    pub(crate) blocks: Vec<KnownBlock>,
}

impl History {
    /// Reads an entry, which holds all that those before decided.
    pub(crate) fn new(entry: Entry) -> Result<Self, LedgerError> {
        let version = entry.version;
        let (blocks, loose) = apart(entry)?;
        let mut blocks = blocks.into_iter().map(KnownBlock::new).collect::<Result<Vec<_>, _>>()?;
        let loose = KnownBlock::new(loose)?;
        let mut history = Self {
            policy: loose.entry.policy.clone(),
            truth: Vec::new(),
            contributions: Contributions::default(),
            origins: Vec::new(),
            proofs: Vec::new(),
            shown: Vec::new(),
            superseded: Vec::new(),
            given_up: HashSet::new(),
            blocks: Vec::new(),
        };
        let mut contributions = Vec::new();
        for (block, number) in blocks.iter().chain([&loose]).zip(0_u32..) {
            history.add(block, number, &mut contributions)?;
        }
        history.contributions = Contributions::new(contributions, history.truth.len());
        history.shown.sort_by(|a, b| a.id.cmp(&b.id));
        if version < FIRST_THAT_LEAVES_BEHIND {
            let there: HashSet<&CellId> = history.shown.iter().map(|figure| &figure.id).collect();
            // Whether anything was revised since is not on record.
            history.superseded.iter_mut().for_each(|figure| figure.left_behind = !there.contains(&figure.id));
        }
        // What was decided by an earlier form of the check is proved anew.
        blocks.retain(|_| version == ENTRY_VERSION);
        history.blocks = blocks;
        Ok(history)
    }

    /// Adds a block, behind the atoms of those before.
    fn add(
        &mut self,
        block: &KnownBlock,
        number: u32,
        contributions: &mut Vec<Contribution>,
    ) -> Result<(), LedgerError> {
        let start = u32::try_from(self.truth.len()).map_err(|_| LedgerError::Unreadable)?;
        let moved = |figure: &Figure| Figure {
            atoms: figure.atoms.iter().map(|atom| start + atom).collect(),
            ..figure.clone()
        };
        self.shown.extend(block.shown.iter().map(moved));
        self.superseded.extend(block.superseded.iter().map(moved));
        let entry = &block.entry;
        self.truth.extend(entry.truth.iter().map(|count| crate::material::signed(*count)));
        self.origins.extend(entry.origins.iter().map(|origin| start + origin));
        contributions.extend(entry.contributions.iter().map(|(atom, contributor, partner, amount)| Contribution {
            atom: start + atom,
            contributor: *contributor,
            partner: *partner,
            amount: *amount,
        }));
        for (table, place) in entry.tables.iter().zip(0_u32..) {
            let mut inside = atoms_inside(table)?;
            inside.iter_mut().flatten().for_each(|atom| *atom += start);
            self.proofs.push(Proof { of: (number, place), inside, worlds: table.worlds.clone() });
        }
        self.given_up.extend(entry.cells.iter().filter(|cell| cell.given_up).map(|cell| cell.id.clone()));
        Ok(())
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

/// Atoms in each column of the tables of a block.
struct Columns(Vec<Vec<Vec<u32>>>);

/// By atom of a table: the atoms in it.
fn atoms_inside(table: &EntryTable) -> Result<Vec<Vec<u32>>, LedgerError> {
    let mut inside: Vec<Vec<u32>> = vec![Vec::new(); table.atoms as usize];
    for (place, atom) in table.places.iter().zip(0_u32..) {
        let Some(place) = place else { continue };
        inside.get_mut(*place as usize).ok_or(LedgerError::Unreadable)?.push(atom);
    }
    Ok(inside)
}

impl Proof {
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
        let inside = old.inside.iter().chain(&new.inside).cloned().collect();
        let both = Self { of: self.of, inside, worlds };
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
        Self { of: self.of, inside: self.inside.iter().map(place).collect(), worlds: self.worlds.clone() }
    }
}

impl Columns {
    fn new(entry: &Entry) -> Result<Self, LedgerError> {
        let mut columns = Vec::with_capacity(entry.tables.len());
        for table in &entry.tables {
            let inside = atoms_inside(table)?;
            let of_column = |atoms: &[u32]| -> Result<Vec<u32>, LedgerError> {
                let mut all = Vec::new();
                for atom in atoms {
                    all.extend(inside.get(*atom as usize).ok_or(LedgerError::Unreadable)?);
                }
                all.sort_unstable();
                Ok(all)
            };
            columns.push(table.columns.iter().map(|column| of_column(&column.atoms)).collect::<Result<_, _>>()?);
        }
        Ok(Self(columns))
    }

    /// What was decided of a cell, if anything was.
    fn figure(&self, cell: &EntryCell) -> Option<Result<Figure, LedgerError>> {
        let past = match cell.outcome {
            Outcome::Released => Past::Released(cell.count),
            Outcome::Withheld => Past::Withheld(cell.count),
            Outcome::NotAvailable => return None,
        };
        let facts = CellFacts { headline: cell.headline, known_upper: cell.known_upper, not_available: false };
        Some(self.atoms(cell.place).map(|atoms| Figure {
            id: cell.id.clone(),
            atoms,
            contributors: cell.contributors,
            facts,
            sensitive: cell.sensitive,
            past,
            reason: cell.reason,
            left_behind: cell.left_behind,
        }))
    }

    /// The atoms of a cell; none for one without a column.
    fn atoms(&self, place: Option<(u32, u32)>) -> Result<Vec<u32>, LedgerError> {
        let Some((table, column)) = place else { return Ok(Vec::new()) };
        let found = self.0.get(table as usize).and_then(|columns| columns.get(column as usize));
        found.cloned().ok_or(LedgerError::Unreadable)
    }
}
