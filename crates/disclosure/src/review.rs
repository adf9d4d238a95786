//! What a reviewer may ask of the ledger: is every entry proved, why is a cell withheld. No answer holds a count that was not
//! released.

use std::collections::BTreeMap;
use std::fmt;

use model::Mark;

use crate::ids::CellId;
use crate::ledger::{AuthenticatedEntry, EntryCell, LedgerError};
use crate::policy::{Policy, ZeroPolicy};
use crate::released::Cell;
use crate::rules::Reason;
use crate::verify::{Decided, Figures, verify};

/// What the check of a group's ledger found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verification {
    /// Entries, all of which hold.
    pub entries: usize,
    /// Cells of the last entry.
    pub cells: usize,
    /// Worlds checked, over all entries.
    pub worlds: usize,
    /// Withheld cells that public bounds alone prove to be below k, in the last entry.
    pub provably_small: usize,
}

/// Checks all entries of one group, oldest first, from nothing but themselves: each proves what it released, and keeps what
/// was decided before.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_ledger<'a>(
    entries: impl IntoIterator<Item = &'a AuthenticatedEntry>,
) -> Result<Verification, LedgerError> {
    let mut found = Verification::default();
    let (mut decided, mut before) = (Decided::default(), None);
    for entry in entries {
        let entry = entry.decode()?;
        let checked = verify(&entry).map_err(LedgerError::Unproven)?;
        found.entries += 1;
        found.cells = entry.cells.len();
        found.worlds += checked.worlds;
        found.provably_small = checked.provably_small;
        decided = decided.follow(&entry)?;
        let figures = Figures::of(&entry).map_err(LedgerError::Unproven)?;
        before.iter().try_for_each(|before| figures.keep(before))?;
        before = Some(figures);
    }
    Ok(found)
}

/// Why a cell looks as it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The cell.
    pub cell: CellId,
    /// What everybody sees.
    pub shown: Cell,
    /// Why it is withheld, for reviewers: from outside all reasons look the same.
    pub reason: Option<Reason>,
    /// The rules of the group.
    pub policy: Policy,
}

impl Explanation {
    /// What may be told to anybody: the mark and the rules, never which rule it was.
    #[must_use]
    pub fn public(&self) -> String {
        let k = self.policy.k;
        match self.shown {
            Cell::Value(_) => format!("released; counts of 1 to {} people or records are not", k.saturating_sub(1)),
            Cell::Withheld(Mark::X) => {
                "no figure: the source has none or withholds it itself, or figures over some of its records were \
                                        withdrawn, with which it cannot be compared"
                    .to_owned()
            }
            Cell::Withheld(Mark::Low) => "[low]: rounds to zero".to_owned(),
            Cell::Withheld(_) => {
                let zeros = match self.policy.zeros {
                    ZeroPolicy::Publish => "zeros are shown",
                    ZeroPolicy::HideShare { .. } => "some zeros are withheld too",
                };
                let decoys = if self.policy.decoys_per_thousand > 0 { ", some are chosen at random" } else { "" };
                format!(
                    "[c]: withheld to protect people. Counts of fewer than {k} people are withheld, others are so that these \
                     cannot be worked out{decoys}; {zeros}"
                )
            }
        }
    }
}

impl fmt::Display for Explanation {
    /// For reviewers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Policy { k, dominance, .. } = &self.policy;
        write!(f, "{}: {}", self.cell, self.public())?;
        let Some(reason) = self.reason else { return Ok(()) };
        let why = match reason {
            Reason::Threshold => format!("threshold: fewer than {k} contributors or records"),
            Reason::Partner => format!("a partner that knows its own rows would be left with fewer than {k} others"),
            Reason::Dominance => {
                let share = dominance
                    .largest
                    .map(|share| format!("the {} largest over {} %", share.contributors, share.percent));
                let p = dominance.p_percent.map(|p| format!("p % of {p}"));
                let partners = dominance.partner_p_percent.map(|p| format!("p % of {p} between partners"));
                let rules: Vec<String> = share.into_iter().chain(p).chain(partners).collect();
                format!("dominance: {}", rules.join(", "))
            }
            Reason::GroupDisclosure => format!("all, or all but fewer than {k}, would share a sensitive category"),
            Reason::RuleUndefined => "a rule needs contributions that the data do not have".to_owned(),
            Reason::HiddenZero => "one of the zeros that a key withholds".to_owned(),
            Reason::Decoy => "drawn by a key".to_owned(),
            Reason::Earlier => "withheld by an earlier plan".to_owned(),
            Reason::Correction => "withheld before a correction, or too close to what was released then".to_owned(),
            Reason::Secondary => "protects other cells".to_owned(),
        };
        write!(f, "\nfor reviewers: {why}")
    }
}

/// Explains the cells of one entry.
pub struct Explainer {
    policy: Policy,
    cells: BTreeMap<CellId, (Cell, Option<Reason>)>,
}

impl Explainer {
    /// Reads an entry.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(entry: &AuthenticatedEntry) -> Result<Self, LedgerError> {
        let entry = entry.decode()?;
        let tables = entry.tables();
        let cell = |cell: &EntryCell| Some((cell.id.clone(), (tables.cell(&cell.id)?, cell.reason)));
        Ok(Self { cells: entry.cells.iter().filter_map(cell).collect(), policy: entry.policy })
    }

    /// Explains a cell; `None` if the group has no such cell.
    #[must_use]
    pub fn explain(&self, id: &CellId) -> Option<Explanation> {
        let (shown, reason) = *self.cells.get(id)?;
        Some(Explanation { cell: id.clone(), shown, reason, policy: self.policy.clone() })
    }
}
