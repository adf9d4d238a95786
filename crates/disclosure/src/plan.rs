//! The plan of a group: what is released and what is withheld, with its proof.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::repeat_n;

use model::{AreaType, Digest, Period, PeriodType};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::changes::Changes;
use crate::decide::{Decided, decided};
use crate::ids::{CellId, GroupId};
use crate::key::PlanKey;
use crate::ledger::{Entry, LedgerError, LedgerState, SealedEntry};
use crate::policy::Policy;
use crate::released::{Cell, GroupTables};
use crate::report::ReportedView;
use crate::rules::Rules;
use crate::table::{at, set};
use crate::unreleased::{CellEntry, Unreleased};

/// Why there is no plan. The previous one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Open data need no plan.
    #[error("group `{0}` is open: release it as it is")]
    Open(GroupId),
    /// Ledger and data do not belong together.
    #[error("the ledger state is of group `{ledger}`, the data of `{data}`")]
    OtherGroup {
        /// The ledger's.
        ledger: GroupId,
        /// The data's.
        data: GroupId,
    },
    /// A policy that protects nothing.
    #[error("threshold `{0}` protects nothing: use at least 2")]
    Threshold(u64),
    /// A share of more contributors than are remembered.
    #[error("dominance of `{0}` contributors cannot be judged: use 1 to 8")]
    Dominance(u8),
    /// Marks of earlier plans would get another meaning.
    #[error("the rule for zeros of group `{0}` differs from its earlier plans: marks would change their meaning")]
    ZerosChanged(GroupId),
    /// Nothing that may still be withheld would hide this cell.
    #[error(
        "cell `{cell}` of group `{group}` cannot be protected beside what is released already: publish coarser tables"
    )]
    Unprovable {
        /// The group.
        group: GroupId,
        /// The cell, or one of those around a difference of cells.
        cell: String,
    },
    /// A large group that was proved in parts would have to be proved as one.
    #[error(
        "tables of group `{0}` that were proved apart share a total that is not shown any more, and are too large to be \
         proved together: publish coarser tables, or revise once corrections change that total by the threshold at least"
    )]
    GrownTogether(GroupId),
    /// What released cells give away together was not all found, or not all hidden, within the limits.
    #[error(
        "released cells of group `{0}` give away too much together to be hidden within the limits: publish coarser tables or \
         fewer geographies that overlap"
    )]
    TooManyDifferences(GroupId),
    /// The independent check disagrees with the search. A defect, and nothing is released.
    #[error("the plan of group `{group}` failed its own check: report this as a defect")]
    Unverified {
        /// The group.
        group: GroupId,
        /// What the check found.
        #[source]
        source: LedgerError,
    },
    /// The entry could not be written.
    #[error("the plan of group `{0}` cannot be written as a ledger entry")]
    Encoding(GroupId),
}

/// What is decided for a group; released only by [`crate::commit`].
#[must_use = "a plan is released by committing it with its receipt"]
pub struct Plan {
    entry: SealedEntry,
    tables: GroupTables,
    digest: Digest,
    summary: Summary,
    /// Cells that are not shown again, by period: those that are gone while it decides others anew.
    left_behind: BTreeMap<Period, usize>,
}

impl Plan {
    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        &self.entry.group
    }

    /// What the ledger must hold before the plan may be committed.
    #[must_use]
    pub const fn ledger_entry(&self) -> &SealedEntry {
        &self.entry
    }

    /// SHA-256 over what everybody will see, and nothing else: a hash over a hidden value would let people guess it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Names what everybody would see, and what it would stand on, before it is released: under the key, as people would try figures
    /// until a digest without one fits.
    #[must_use]
    pub fn code(&self, key: &PlanKey, basis: Digest) -> Digest {
        Digest(key.code(&[b"plan", self.group().as_str().as_bytes(), &basis.0, &self.digest.0]))
    }

    /// Counts of cells; nothing secret.
    #[must_use]
    pub const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What it would change of what everybody sees.
    #[must_use]
    pub fn changes(&self, past: &LedgerState, views: &[ReportedView]) -> Changes {
        Changes { left_behind: self.left_behind.clone(), ..Changes::new(past, &self.tables, views) }
    }

    pub(crate) fn into_tables(self) -> GroupTables {
        self.tables
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan({}, {})", self.entry.group, self.digest)
    }
}

/// How many cells of one level and period type are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All cells.
    pub cells: usize,
    /// With a value.
    pub released: usize,
    /// Marked `[c]` or `[low]`.
    pub withheld: usize,
    /// Marked `[x]`.
    pub not_available: usize,
}

/// What a plan does, in numbers that may be printed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// By area type and period type, cells with categories and without together.
    pub tallies: BTreeMap<(AreaType, PeriodType), Tally>,
    /// Of the cells that this plan decided, those that are withheld and that public bounds alone prove to be below k (the plan does not
    /// narrow them); all others are proved safe.
    pub provably_small: usize,
    /// Worlds in the proof.
    pub worlds: usize,
    /// Steps of the search.
    pub steps: u64,
}

impl Summary {
    /// Cells with a value.
    #[must_use]
    pub fn released(&self) -> usize {
        self.tallies.values().map(|tally| tally.released).sum()
    }

    /// Cells marked `[c]` or `[low]`.
    #[must_use]
    pub fn withheld(&self) -> usize {
        self.tallies.values().map(|tally| tally.withheld).sum()
    }

    /// All cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.tallies.values().map(|tally| tally.cells).sum()
    }
}

/// Decides every cell of a group. The same arguments give the same bytes everywhere; no clock, no IO.
///
/// # Errors
/// See [`PlanError`]; the previous plan stays in force.
pub fn plan(past: &LedgerState, truth: &Unreleased, policy: &Policy, key: &PlanKey) -> Result<Plan, PlanError> {
    plan_by(past, truth, policy, key, Rules::ALL)
}

/// The same without figures of cells that are new in months of which others were decided before: what cannot be protected beside these
/// is no reason to show nothing of the months to come.
///
/// # Errors
/// As [`plan`].
pub fn plan_without_what_is_late(
    past: &LedgerState,
    truth: &Unreleased,
    policy: &Policy,
    key: &PlanKey,
) -> Result<Plan, PlanError> {
    plan_by(past, truth, policy, key, Rules { late: false, ..Rules::ALL })
}

fn plan_by(
    past: &LedgerState,
    truth: &Unreleased,
    policy: &Policy,
    key: &PlanKey,
    rules: Rules,
) -> Result<Plan, PlanError> {
    let group = truth.group.clone();
    let budget = if past.is_empty() { policy.budget } else { policy.budget.later() };
    let Decided { mut entry, steps, provably_small } = decided(past, truth, (policy, budget), key, rules)?;
    let unverified = |source| PlanError::Unverified { group: group.clone(), source };
    follows_from(truth, &entry).map_err(unverified)?;
    let now = past.decided.follow(&entry).map_err(unverified)?;
    let mut left_behind: BTreeMap<Period, usize> = BTreeMap::new();
    for id in now.left_behind.difference(&past.decided.left_behind) {
        *left_behind.entry(id.key.period).or_default() += 1;
    }
    entry.without_late = !rules.late && entry.cells.iter().any(|cell| cell.given_up);
    let tables = entry.tables();
    let bytes = serde_json::to_vec(&entry).map_err(|_| PlanError::Encoding(group.clone()))?;
    let worlds = entry.tables.iter().map(|table| table.worlds.len()).sum();
    let summary = Summary { tallies: tally(&tables), provably_small, worlds, steps };
    Ok(Plan {
        digest: public_digest(&tables),
        entry: SealedEntry { group, bytes: Zeroizing::new(bytes) },
        tables,
        summary,
        left_behind,
    })
}

/// Checks an entry against the data, however it was found what did not change: every cell of them is there, what is shown counts what
/// they do, and no record is counted in two blocks.
pub(crate) fn follows_from(truth: &Unreleased, entry: &Entry) -> Result<(), LedgerError> {
    let broken = |id: &CellId, what| Err(LedgerError::Broken { cell: Box::new(id.clone()), what });
    let count = |of: &CellEntry| of.atoms.iter().filter_map(|atom| truth.counts.get(*atom as usize)).sum::<u64>();
    let blocks = entry.blocks.iter().zip(0_u32..);
    let of_table: Vec<u32> = blocks.flat_map(|(block, number)| repeat_n(number, block.tables as usize)).collect();
    let mut of_atom: Vec<Option<u32>> = vec![None; truth.counts.len()];
    if entry.cells.len() != truth.cells.len() {
        let missing = truth.cells.keys().find(|id| !entry.cells.iter().any(|cell| cell.id == **id));
        return missing.map_or(Err(LedgerError::Unreadable), |id| broken(id, "it is in the data and not here"));
    }
    for (cell, (id, of)) in entry.cells.iter().zip(&truth.cells) {
        if cell.id != *id || (cell.is_available() && cell.count != count(of)) {
            return broken(&cell.id, "it does not count what the data do");
        }
        let Some((table, _)) = cell.place else { continue };
        let block = of_table.get(table as usize).copied();
        for atom in &of.atoms {
            if at(&of_atom, *atom).is_some_and(|other| Some(other) != block) {
                return broken(id, "its records are counted in another block, too");
            }
            set(&mut of_atom, *atom, block);
        }
    }
    Ok(())
}

/// Hash of group, ids and what is shown.
fn public_digest(tables: &GroupTables) -> Digest {
    let mut hash = Sha256::new();
    let mut put = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    put("commonground released tables 1");
    put(tables.group.as_str());
    for (id, cell) in tables.iter() {
        put(id.measure.as_str());
        put(&id.key.to_string());
        put(id.key.period.period_type().as_str());
        match cell {
            Cell::Value(value) => put(&value.to_string()),
            Cell::Withheld(mark) => put(&format!("[{mark:?}]")),
        }
    }
    Digest(hash.finalize().into())
}

fn tally(tables: &GroupTables) -> BTreeMap<(AreaType, PeriodType), Tally> {
    let mut tallies: BTreeMap<(AreaType, PeriodType), Tally> = BTreeMap::new();
    for (id, cell) in tables.iter() {
        let tally = tallies.entry((id.key.area_type, id.key.period.period_type())).or_default();
        tally.cells += 1;
        match cell {
            Cell::Value(_) => tally.released += 1,
            Cell::Withheld(model::Mark::X) => tally.not_available += 1,
            Cell::Withheld(_) => tally.withheld += 1,
        }
    }
    tallies
}
