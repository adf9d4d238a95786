//! What an entry must keep of the one before it.

use std::collections::{BTreeMap, BTreeSet};

use model::Month;

use crate::ids::CellId;
use crate::ledger::{Entry, EntryCell, FIRST_THAT_LEAVES_BEHIND, LedgerError, Outcome};

/// What a figure is known by.
pub(super) type Named = (CellId, Outcome, u64);

/// Figures that were decided, and how many there are of each.
type Figures = BTreeMap<Named, usize>;

/// What was decided up to an entry.
#[derive(Default)]
pub(crate) struct Decided {
    figures: Figures,
    /// Cells that are not shown again.
    pub(crate) left_behind: BTreeSet<CellId>,
}

impl Decided {
    /// What an entry holds.
    pub(crate) fn by(entry: &Entry) -> Self {
        let mut figures = Figures::new();
        for figure in entry.figures().filter(|figure| figure.outcome != Outcome::NotAvailable) {
            *figures.entry(named(figure)).or_default() += 1;
        }
        let left_behind = entry.superseded.iter().filter(|figure| figure.left_behind);
        Self { figures, left_behind: left_behind.map(|figure| figure.id.clone()).collect() }
    }

    /// Checks that an entry has every figure that was decided before, that none claims to be earlier which is not, and that what is
    /// gone is told by nothing new; returns all that are decided now.
    pub(crate) fn follow(&self, entry: &Entry) -> Result<Self, LedgerError> {
        let now = Self::by(entry);
        self.check_claims(entry)?;
        for (named, count) in &self.figures {
            if now.figures.get(named).copied().unwrap_or(0) < *count {
                return Err(broken(&named.0, "it was decided and is missing"));
            }
        }
        if entry.version >= FIRST_THAT_LEAVES_BEHIND {
            let changes = Changes::new(self, &now, entry);
            changes.check_what_is_left_behind(&self.left_behind, &now.left_behind)?;
            changes.check_what_is_new()?;
        }
        Ok(now)
    }

    fn check_claims(&self, entry: &Entry) -> Result<(), LedgerError> {
        let mut claimed = Figures::new();
        if let Some(cell) = entry.cells.iter().find(|cell| cell.earlier && cell.outcome == Outcome::Withheld) {
            return Err(broken(&cell.id, "it claims to be released before and is withheld"));
        }
        for figure in entry.cells.iter().filter(|cell| cell.earlier).chain(&entry.superseded) {
            *claimed.entry(named(figure)).or_default() += 1;
        }
        for (named, count) in &claimed {
            if self.figures.get(named).copied().unwrap_or(0) < *count {
                return Err(broken(&named.0, "it claims to be decided before and was not"));
            }
        }
        Ok(())
    }
}

/// What an entry does to the cells that were decided before it.
struct Changes<'a> {
    /// Cells that were there once and are not, by all their figures.
    gone: Vec<&'a EntryCell>,
    /// Cells that were never decided before.
    new: Vec<&'a EntryCell>,
    /// Cells that are there and were decided before.
    known: BTreeSet<&'a CellId>,
    /// Whether any of these is decided anew.
    revises: bool,
}

impl<'a> Changes<'a> {
    fn new(before: &Decided, now: &Decided, entry: &'a Entry) -> Self {
        let decided: BTreeSet<&CellId> = before.figures.keys().map(|named| &named.0).collect();
        let there: Vec<&EntryCell> = entry.cells.iter().filter(|cell| cell.outcome != Outcome::NotAvailable).collect();
        let (known, new): (Vec<&EntryCell>, Vec<&EntryCell>) =
            there.into_iter().partition(|cell| decided.contains(&cell.id));
        let superseded: BTreeSet<&CellId> = entry.superseded.iter().map(|figure| &figure.id).collect();
        let anew = |cell: &&EntryCell| {
            let named = named(cell);
            superseded.contains(&cell.id) && now.figures.get(&named) > before.figures.get(&named)
        };
        let revises = known.iter().any(anew);
        let known: BTreeSet<&CellId> = known.into_iter().map(|cell| &cell.id).collect();
        let gone = entry.superseded.iter().filter(|figure| !known.contains(&figure.id)).collect();
        Self { gone, new, known, revises }
    }

    fn check_what_is_left_behind(&self, before: &BTreeSet<CellId>, now: &BTreeSet<CellId>) -> Result<(), LedgerError> {
        if let Some(id) = before.iter().find(|id| self.known.contains(id) || !now.contains(id)) {
            return Err(broken(id, "it was left behind and is there again"));
        }
        let forgotten = |figure: &&&EntryCell| !now.contains(&figure.id);
        match self.gone.iter().find(forgotten).filter(|_| self.revises) {
            Some(figure) => Err(broken(&figure.id, "it is gone while others are decided anew, and not left behind")),
            None => Ok(()),
        }
    }

    fn check_what_is_new(&self) -> Result<(), LedgerError> {
        if let Some(cell) = self.new.first().filter(|_| self.revises) {
            return Err(broken(&cell.id, "it is new while others are decided anew"));
        }
        let months: BTreeSet<Month> = self.gone.iter().flat_map(|figure| figure.id.key.period.months()).collect();
        let beside = |cell: &&&EntryCell| cell.id.key.period.months().any(|month| months.contains(&month));
        match self.new.iter().find(beside) {
            Some(cell) => Err(broken(&cell.id, "it is new in months of what is gone")),
            None => Ok(()),
        }
    }
}

pub(super) fn named(figure: &EntryCell) -> Named {
    (figure.id.clone(), figure.outcome, figure.count)
}

pub(super) fn broken(id: &CellId, what: &'static str) -> LedgerError {
    LedgerError::Broken { cell: Box::new(id.clone()), what }
}
