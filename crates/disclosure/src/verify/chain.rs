//! What an entry must keep of the one before it.

use std::collections::{BTreeMap, BTreeSet};

use model::Month;

use crate::ids::CellId;
use crate::ledger::{Entry, EntryCell, FIRST_THAT_LEAVES_BEHIND, LedgerError, Outcome};

/// Figures that were decided, and how many there are of each.
type Figures = BTreeMap<(CellId, Outcome, u64), usize>;

/// What was decided up to an entry.
#[derive(Default)]
pub(crate) struct Decided {
    figures: Figures,
    /// Cells that are not shown again.
    left_behind: BTreeSet<CellId>,
}

impl Decided {
    /// Checks that an entry has every figure that was decided before, that none claims to be earlier which is not, and that what is
    /// gone is told by nothing new; returns all that are decided now.
    pub(crate) fn follow(&self, entry: &Entry) -> Result<Self, LedgerError> {
        let now = self.figures_of(entry)?;
        if entry.version >= FIRST_THAT_LEAVES_BEHIND {
            self.check_what_is_gone(entry, &now)?;
        }
        let left_behind = entry.superseded.iter().filter(|figure| figure.left_behind);
        Ok(Self { figures: now, left_behind: left_behind.map(|figure| figure.id.clone()).collect() })
    }

    fn figures_of(&self, entry: &Entry) -> Result<Figures, LedgerError> {
        let mut now: Figures = BTreeMap::new();
        let mut claimed: Figures = BTreeMap::new();
        let superseded = entry.superseded.iter().map(|figure| (figure, true));
        for (figure, is_superseded) in entry.cells.iter().map(|cell| (cell, false)).chain(superseded) {
            if figure.outcome == Outcome::NotAvailable {
                continue;
            }
            let named = (figure.id.clone(), figure.outcome, figure.count);
            *now.entry(named.clone()).or_default() += 1;
            if figure.earlier && figure.outcome != Outcome::Released {
                return Err(broken(&figure.id, "it claims to be released before and is withheld"));
            }
            if is_superseded || figure.earlier {
                *claimed.entry(named).or_default() += 1;
            }
        }
        for (named, count) in &self.figures {
            if now.get(named).copied().unwrap_or(0) < *count {
                return Err(broken(&named.0, "it was decided and is missing"));
            }
        }
        for (named, count) in &claimed {
            if self.figures.get(named).copied().unwrap_or(0) < *count {
                return Err(broken(&named.0, "it claims to be decided before and was not"));
            }
        }
        Ok(now)
    }

    /// What is gone while others are decided anew is left behind for good, and nothing new is shown in the months of what is gone.
    fn check_what_is_gone(&self, entry: &Entry, now: &Figures) -> Result<(), LedgerError> {
        let decided: BTreeSet<&CellId> = self.figures.keys().map(|named| &named.0).collect();
        let available = || entry.cells.iter().filter(|cell| cell.outcome != Outcome::NotAvailable);
        let there: BTreeSet<&CellId> = available().map(|cell| &cell.id).collect();
        let gone: Vec<&EntryCell> = entry.superseded.iter().filter(|figure| !there.contains(&figure.id)).collect();
        let left_behind: BTreeSet<&CellId> =
            gone.iter().filter(|figure| figure.left_behind).map(|figure| &figure.id).collect();
        if let Some(id) = self.left_behind.iter().find(|id| !left_behind.contains(id)) {
            return Err(broken(id, "it was left behind and is there again"));
        }
        let superseded: BTreeSet<&CellId> = entry.superseded.iter().map(|figure| &figure.id).collect();
        let anew = |cell: &EntryCell| {
            let named = (cell.id.clone(), cell.outcome, cell.count);
            superseded.contains(&cell.id) && now.get(&named) > self.figures.get(&named)
        };
        if available().any(anew)
            && let Some(figure) = gone.iter().find(|figure| !figure.left_behind)
        {
            return Err(broken(&figure.id, "it is gone while others are decided anew, and not left behind"));
        }
        let months: BTreeSet<Month> = gone.iter().flat_map(|figure| figure.id.key.period.months()).collect();
        let beside = |cell: &&EntryCell| {
            !decided.contains(&cell.id) && cell.id.key.period.months().any(|month| months.contains(&month))
        };
        available().find(beside).map_or(Ok(()), |cell| Err(broken(&cell.id, "it is new beside what is gone")))
    }
}

fn broken(id: &CellId, what: &'static str) -> LedgerError {
    LedgerError::Broken { cell: Box::new(id.clone()), what }
}
