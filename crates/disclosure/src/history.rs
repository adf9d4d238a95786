//! What the plans before decided about a group, as the last of them left it: its atoms, and every figure ever decided.

use std::collections::HashMap;

use crate::contributions::{Contribution, Contributions};
use crate::ids::CellId;
use crate::ledger::{Entry, EntryCell, LedgerError, Outcome};
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
}

/// See the module.
pub(crate) struct History {
    pub(crate) policy: Policy,
    pub(crate) truth: Vec<i64>,
    pub(crate) contributions: Contributions,
    /// For each atom, the first of its place.
    pub(crate) origins: Vec<u32>,
    /// Into how many tables the last plan was split.
    pub(crate) tables: usize,
    /// What is shown, in the order of ids.
    pub(crate) shown: Vec<Figure>,
    /// What was shown and is not any more, oldest first.
    pub(crate) superseded: Vec<Figure>,
}

impl History {
    /// Reads an entry, which holds all that those before decided.
    pub(crate) fn new(entry: Entry) -> Result<Self, LedgerError> {
        let columns = Columns::new(&entry)?;
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
            }))
        };
        let shown = entry.cells.into_iter().filter_map(figure).collect::<Result<_, _>>()?;
        let superseded = entry.superseded.into_iter().filter_map(figure).collect::<Result<_, _>>()?;
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
            tables: entry.tables.len(),
            contributions: Contributions::new(contributions, entry.truth.len()),
            truth: entry.truth.into_iter().map(crate::material::signed).collect(),
            shown,
            superseded,
        })
    }

    /// For each cell that was ever decided, the atoms that it was last decided over.
    pub(crate) fn latest(&self) -> HashMap<&CellId, &[u32]> {
        // What is shown comes last, and so wins.
        let figures = self.superseded.iter().chain(&self.shown);
        figures.map(|figure| (&figure.id, figure.atoms.as_slice())).collect()
    }
}

/// Atoms of the group in each column of an entry's tables.
struct Columns {
    columns: Vec<Vec<Vec<u32>>>,
}

impl Columns {
    fn new(entry: &Entry) -> Result<Self, LedgerError> {
        let mut columns = Vec::with_capacity(entry.tables.len());
        for table in &entry.tables {
            let mut inside: Vec<Vec<u32>> = vec![Vec::new(); table.atoms as usize];
            for (place, atom) in table.places.iter().zip(0_u32..) {
                let Some(place) = place else { continue };
                inside.get_mut(*place as usize).ok_or(LedgerError::Unreadable)?.push(atom);
            }
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
        Ok(Self { columns })
    }

    /// The atoms of a cell; none for one without a column.
    fn atoms(&self, place: Option<(u32, u32)>) -> Result<Vec<u32>, LedgerError> {
        let Some((table, column)) = place else { return Ok(Vec::new()) };
        let found = self.columns.get(table as usize).and_then(|columns| columns.get(column as usize));
        found.cloned().ok_or(LedgerError::Unreadable)
    }
}
