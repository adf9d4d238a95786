//! The plan of a group: what is released and what is withheld, with its proof.

use std::collections::BTreeMap;
use std::fmt;

use model::{AreaType, Digest, Exposure, Period, PeriodType};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::changes::Changes;
use crate::contributions::Contribution;
use crate::history::{History, Past};
use crate::ids::GroupId;
use crate::key::PlanKey;
use crate::ledger::{
    ColumnKind, ENTRY_VERSION, Entry, EntryCell, EntryColumn, EntryTable, LedgerError, LedgerState, Outcome,
    SealedEntry,
};
use crate::material::{Material, MaterialCell};
use crate::policy::Policy;
use crate::released::{Cell, GroupTables};
use crate::report::ReportedView;
use crate::rules::{Reason, Rules};
use crate::split::{Part, Readers, parts};
use crate::suppress::{Solution, Unprovable, solve};
use crate::table::{Role, at, set};
use crate::universe::Universe;
use crate::unreleased::Unreleased;
use crate::verify::{VerifyError, verify};

/// A revision of a group with more atoms is only planned if its tables can be proved apart as before.
const MOST_ATOMS_IN_ONE_TABLE: usize = 4_000;
/// How often a group is planned again because of what could be subtracted from the plan before.
const MOST_ROUNDS: u32 = 40;

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
    /// Withheld cells that public bounds alone prove to be below k (the plan does not narrow them); all others are proved safe.
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
    let patient = |split| {
        let attempt = |budget| decide(past, truth, &Policy { budget, ..policy.clone() }, key, rules, split);
        match attempt(budget) {
            Err(PlanError::Unprovable { .. }) => attempt(budget.thorough()),
            other => other,
        }
    };
    let (mut entry, mut steps) = patient(true)?;
    let mut checked = verify(&entry);
    if matches!(checked, Err(VerifyError::Split { .. })) {
        (entry, steps) = patient(false)?;
        checked = verify(&entry);
    }
    let unverified = |source| PlanError::Unverified { group: group.clone(), source };
    let checked = checked.map_err(|source| unverified(LedgerError::Unproven(source)))?;
    let decided = past.decided.follow(&entry).map_err(unverified)?;
    let mut left_behind: BTreeMap<Period, usize> = BTreeMap::new();
    for id in decided.left_behind.difference(&past.decided.left_behind) {
        *left_behind.entry(id.key.period).or_default() += 1;
    }
    entry.without_late = !rules.late && entry.cells.iter().any(|cell| cell.given_up);
    let tables = entry.tables();
    let bytes = serde_json::to_vec(&entry).map_err(|_| PlanError::Encoding(group.clone()))?;
    let summary =
        Summary { tallies: tally(&tables), provably_small: checked.provably_small, worlds: checked.worlds, steps };
    Ok(Plan {
        digest: public_digest(&tables),
        entry: SealedEntry { group, bytes: Zeroizing::new(bytes) },
        tables,
        summary,
        left_behind,
    })
}

/// Decides every cell, without the check; and the steps that took.
pub(crate) fn decide(
    past: &LedgerState,
    truth: &Unreleased,
    policy: &Policy,
    key: &PlanKey,
    rules: Rules,
    split: bool,
) -> Result<(Entry, u64), PlanError> {
    check_arguments(past, truth, policy)?;
    // A mutant plans every revision by itself.
    let alone = LedgerState::empty(past.group.clone());
    let past = if rules.revisions { past } else { &alone };
    let material = Material::new(truth, past, policy.k, key, rules);
    let mut universe = Universe::new(&material, policy, key, rules);
    let readers = Readers {
        contributors: policy.own_records && rules.own_records,
        partners: !universe.contributions.readers().is_empty(),
    };
    let unprovable = |universe: &Universe<'_>, column| PlanError::Unprovable {
        group: truth.group.clone(),
        cell: name_of(&material, universe, column),
    };
    let grown = |history: &History| has_grown_together(&universe, readers, split, history.proofs.len());
    if material.revises && past.history.as_ref().is_some_and(grown) {
        return Err(PlanError::GrownTogether(truth.group.clone()));
    }
    let (mut rounds, mut steps) = (0, 0);
    let solved = loop {
        // Split where that is sound; where a part cannot be proved because of a shared total, as one table.
        let solved = match solve_parts(parts(&universe, readers, split), policy) {
            Ok(solved) => solved,
            Err(_) => {
                solve_parts(parts(&universe, readers, false), policy).map_err(|column| unprovable(&universe, column))?
            }
        };
        // With cells withheld, others may be the disjoint parts of a released one.
        rounds += 1;
        steps += solved.iter().map(|(_, solution)| solution.steps).sum::<u64>();
        let withheld = withheld_columns(&universe, &solved);
        if !policy.nested_differences || !rules.differences {
            break solved;
        }
        match universe.add_differences(Some(&withheld), policy, rules) {
            Some(false) => break solved,
            Some(true) if rounds < MOST_ROUNDS => {}
            _ => return Err(PlanError::TooManyDifferences(truth.group.clone())),
        }
    };
    Ok((entry(&material, truth.revision, policy, &universe, &solved), steps))
}

/// Whether a large group that was split before cannot be split any more: to search it as one table would take too long.
fn has_grown_together(universe: &Universe<'_>, readers: Readers, split: bool, before: usize) -> bool {
    universe.truth.len() > MOST_ATOMS_IN_ONE_TABLE && parts(universe, readers, split).len() < before
}

fn check_arguments(past: &LedgerState, truth: &Unreleased, policy: &Policy) -> Result<(), PlanError> {
    if truth.exposure != Exposure::Controlled {
        return Err(PlanError::Open(truth.group.clone()));
    }
    if past.group != truth.group {
        return Err(PlanError::OtherGroup { ledger: past.group.clone(), data: truth.group.clone() });
    }
    if policy.k < 2 {
        return Err(PlanError::Threshold(policy.k));
    }
    if let Some(share) = policy.dominance.largest
        && !(1..=8).contains(&share.contributors)
    {
        return Err(PlanError::Dominance(share.contributors));
    }
    if past.history.as_ref().is_some_and(|history| history.policy.zeros != policy.zeros) {
        return Err(PlanError::ZerosChanged(truth.group.clone()));
    }
    Ok(())
}

/// Whether each column of the universe is withheld.
fn withheld_columns(universe: &Universe<'_>, solved: &[(Part, Solution)]) -> Vec<bool> {
    let mut withheld = vec![false; universe.columns.len()];
    for (part, solution) in solved {
        for (column, hidden) in part.columns.iter().zip(&solution.withheld) {
            if let Some(column) = column {
                set(&mut withheld, *column, *hidden);
            }
        }
    }
    withheld
}

/// Solves each part; on failure says which column of the universe has no proof.
fn solve_parts(parts: Vec<Part>, policy: &Policy) -> Result<Vec<(Part, Solution)>, Option<u32>> {
    let solved = parts.into_iter().map(|part| match solve(&part.table, &policy.budget) {
        Ok(solution) => Ok((part, solution)),
        Err(Unprovable(column)) => Err(part.columns.get(column as usize).copied().flatten()),
    });
    solved.collect()
}

/// A cell with this column, or, as a difference has none, one that contains it.
fn name_of(material: &Material, universe: &Universe<'_>, column: Option<u32>) -> String {
    let with = |wanted: Option<u32>| {
        let mut named = material.figures().zip(&universe.places);
        named.find(|(_, place)| place.is_some() && **place == wanted).map(|(cell, _)| cell.id.to_string())
    };
    let inside = || {
        let atom = universe.atoms.row(column?).first()?;
        universe.members.row(*atom).iter().find_map(|around| with(Some(*around)))
    };
    with(column).or_else(inside).unwrap_or_default()
}

fn entry(
    material: &Material,
    revision: Digest,
    policy: &Policy,
    universe: &Universe<'_>,
    solved: &[(Part, Solution)],
) -> Entry {
    let mut places: Vec<Option<(u32, u32)>> = vec![None; universe.columns.len()];
    let withheld = withheld_columns(universe, solved);
    for ((part, _), table) in solved.iter().zip(0_u32..) {
        for (column, index) in part.columns.iter().zip(0_u32..) {
            column.iter().for_each(|column| set(&mut places, *column, Some((table, index))));
        }
    }
    let cell = |(cell, column): (&MaterialCell, &Option<u32>)| {
        let outcome = match column {
            None => Outcome::NotAvailable,
            Some(column) if at(&withheld, *column) => Outcome::Withheld,
            Some(_) => Outcome::Released,
        };
        let reason = column.and_then(|column| universe.reasons.get(column as usize).copied().flatten());
        // What withheld it in the first place.
        let reason = if reason == Some(Reason::Earlier) { cell.because.or(reason) } else { reason };
        EntryCell {
            id: cell.id.clone(),
            outcome,
            count: column.map_or(0, |column| unsigned(universe.columns.get(column as usize).map_or(0, |c| c.value))),
            contributors: cell.contributors,
            known_upper: cell.facts.known_upper,
            headline: cell.facts.headline,
            sensitive: cell.sensitive,
            earlier: matches!(cell.past, Some(Past::Released(_))),
            left_behind: cell.left_behind,
            barred: cell.barred,
            given_up: cell.given_up,
            reason: (outcome == Outcome::Withheld).then_some(reason.unwrap_or(Reason::Secondary)),
            place: column.and_then(|column| places.get(column as usize).copied().flatten()),
        }
    };
    let mut cells: Vec<EntryCell> = material.figures().zip(&universe.places).map(cell).collect();
    let superseded = cells.split_off(material.cells.len().min(cells.len()));
    let contribution = |entry: &Contribution| (entry.atom, entry.contributor, entry.partner, entry.amount);
    Entry {
        version: ENTRY_VERSION,
        group: material.group.clone(),
        revision,
        policy: policy.clone(),
        truth: universe.truth.iter().map(|count| unsigned(*count)).collect(),
        origins: universe.origins.clone(),
        contributions: universe.contributions.all().iter().map(contribution).collect(),
        cells,
        superseded,
        tables: solved.iter().map(|(part, solution)| entry_table(part, solution)).collect(),
        more_follows: material.more_follows,
        without_late: false,
    }
}

/// A count; none is negative.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn entry_table(part: &Part, solution: &Solution) -> EntryTable {
    let kind = |index: u32, role: Role| match role {
        Role::Difference => ColumnKind::Difference,
        _ if at(&solution.withheld, index) => ColumnKind::Withheld,
        _ if part.columns.get(index as usize).copied().flatten().is_none() => ColumnKind::Shared,
        _ => ColumnKind::Released,
    };
    let columns = part.table.columns.iter().zip(0_u32..).map(|(column, index)| EntryColumn {
        kind: kind(index, column.role),
        atoms: part.table.atoms.row(index).to_vec(),
    });
    EntryTable {
        atoms: u32::try_from(part.table.truth.len()).unwrap_or(u32::MAX),
        places: part.places.clone(),
        columns: columns.collect(),
        worlds: solution.worlds.iter().map(|world| world.atoms.clone()).collect(),
    }
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
