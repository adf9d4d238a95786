//! Decides a group, block by block.

use std::borrow::Cow;
use std::collections::BTreeSet;

use model::{Digest, Exposure};

use crate::blocks::{Divided, Keeper, apart, is_same, joined};
use crate::contributions::Contribution;
use crate::history::Past;
use crate::ids::GroupId;
use crate::key::PlanKey;
use crate::ledger::{
    ColumnKind, Entry, EntryBlock, EntryCell, EntryColumn, EntryTable, LedgerError, LedgerState, Outcome,
};
use crate::material::{Material, MaterialCell};
use crate::plan::PlanError;
use crate::policy::{Policy, StepBudget};
use crate::rules::{Reason, Rules};
use crate::split::{Part, Readers, parts};
use crate::suppress::{Solution, Unprovable, solve};
use crate::table::{Role, at, set};
use crate::universe::Universe;
use crate::unreleased::Unreleased;
use crate::verify::{Checked, VerifyError, verify_among};

/// A revision of a group with more atoms is only planned if its tables can be proved apart as before.
const MOST_ATOMS_IN_ONE_TABLE: usize = 4_000;
/// How often a group is planned again because of what could be subtracted from the plan before.
const MOST_ROUNDS: u32 = 40;

/// What is decided of a group.
pub(crate) struct Decided {
    pub(crate) entry: Entry,
    /// Steps of the search.
    pub(crate) steps: u64,
    /// Of the blocks that were decided: withheld columns whose proved interval stays below k.
    pub(crate) provably_small: usize,
}

/// Decides every cell of the blocks in which anything changed, with this budget, and checks them; the others stay as they were.
pub(crate) fn decided(
    past: &LedgerState,
    truth: &Unreleased,
    (policy, budget): (&Policy, StepBudget),
    key: &PlanKey,
    rules: Rules,
) -> Result<Decided, PlanError> {
    let mut small = 0;
    let made = each_block((past, truth), (policy, key, rules), &mut |decider, block| {
        let (entry, steps, checked) = decider.proved(block, budget)?;
        small += checked.provably_small;
        Ok((entry, steps))
    })?;
    let Made { entry, blocks, steps } = made;
    if !is_made_of(&entry, &blocks).map_err(|source| unverified(&truth.group, source))? {
        return Err(unverified(&truth.group, LedgerError::Unreadable));
    }
    Ok(Decided { entry, steps, provably_small: small })
}

fn unverified(group: &GroupId, source: LedgerError) -> PlanError {
    PlanError::Unverified { group: group.clone(), source }
}

/// Whether the blocks of an entry are these, byte for byte: those that were just checked, and those that were when they were made.
fn is_made_of(entry: &Entry, blocks: &[Cow<'_, Entry>]) -> Result<bool, LedgerError> {
    let (again, _) = apart(entry.clone())?;
    Ok(again.len() == blocks.len() && again.iter().zip(blocks).all(|(again, block)| is_same(again, block)))
}

/// Decides every cell, without the check; and the steps that took.
#[cfg(test)]
pub(crate) fn decide(
    past: &LedgerState,
    truth: &Unreleased,
    policy: &Policy,
    key: &PlanKey,
    rules: Rules,
    split: bool,
) -> Result<(Entry, u64), PlanError> {
    let one = &mut |decider: &Decider<'_>, block: &Material| decider.attempt(block, policy.budget, split);
    each_block((past, truth), (policy, key, rules), one).map(|made| (made.entry, made.steps))
}

/// Decides everything as one block, whatever there is.
#[cfg(test)]
pub(crate) fn decide_as_one(
    past: &LedgerState,
    truth: &Unreleased,
    policy: &Policy,
    key: &PlanKey,
) -> Result<Entry, PlanError> {
    let budget = if past.is_empty() { policy.budget } else { policy.budget.later() };
    let material = Material::new(truth, past.history.as_ref(), policy.k, key, Rules::ALL);
    let partners = material.contributions.iter().map(|entry| entry.partner).collect();
    let (group, revision, rules) = (&truth.group, truth.revision, Rules::ALL);
    let decider = Decider { group, revision, policy, key, rules, partners: &partners };
    decider.patient(&material, budget, true).map(|(entry, _)| entry)
}

/// What decides one block.
type One<'a> = dyn FnMut(&Decider<'_>, &Material) -> Result<(Entry, u64), PlanError> + 'a;

/// An entry and the blocks that it was put together from: those that stay as they were, and those that were decided.
struct Made<'a> {
    entry: Entry,
    blocks: Vec<Cow<'a, Entry>>,
    steps: u64,
}

fn each_block<'a>(
    (past, truth): (&'a LedgerState, &Unreleased),
    (policy, key, rules): (&Policy, &PlanKey, Rules),
    one: &mut One<'_>,
) -> Result<Made<'a>, PlanError> {
    check_arguments(past, truth, policy)?;
    // A mutant plans every revision by itself.
    let past = past.history.as_ref().filter(|_| rules.revisions);
    let Divided { blocks, loose, partners } = Material::new(truth, past, policy.k, key, rules).divided();
    let keeper = Keeper::new(past, policy, rules, &partners);
    let decider = Decider { group: &truth.group, revision: truth.revision, policy, key, rules, partners: &partners };
    let mut whole = decider.loose(&loose);
    let (mut made, mut steps) = (Vec::with_capacity(blocks.len()), 0);
    for block in &blocks {
        if let Some(known) = keeper.kept(block) {
            made.push(Cow::Borrowed(known));
            continue;
        }
        let (entry, taken) = one(&decider, block)?;
        steps += taken;
        made.push(Cow::Owned(entry));
    }
    // What took the most patience says how much it took.
    let budgets = made.iter().filter(|block| matches!(block, Cow::Owned(_))).map(|block| block.policy.budget);
    whole.policy.budget = budgets.max_by_key(|budget| budget.free_search).unwrap_or(policy.budget);
    let entry = joined(whole, made.iter().map(|block| block.clone().into_owned()));
    Ok(Made { entry, blocks: made, steps })
}

/// Decides blocks.
struct Decider<'a> {
    group: &'a GroupId,
    revision: Digest,
    policy: &'a Policy,
    key: &'a PlanKey,
    rules: Rules,
    /// Those by way of whom any of the records of the group came.
    partners: &'a BTreeSet<u16>,
}

impl Decider<'_> {
    /// Decides a block, and checks it from its entry; where its tables turn out not to be proved apart, as one table.
    fn proved(&self, block: &Material, budget: StepBudget) -> Result<(Entry, u64, Checked), PlanError> {
        let (mut entry, mut steps) = self.patient(block, budget, true)?;
        let mut checked = verify_among(&entry, self.partners);
        if matches!(checked, Err(VerifyError::Split { .. })) {
            (entry, steps) = self.patient(block, budget, false)?;
            checked = verify_among(&entry, self.partners);
        }
        let checked = checked.map_err(|source| unverified(self.group, LedgerError::Unproven(source)))?;
        Ok((entry, steps, checked))
    }

    fn patient(&self, block: &Material, budget: StepBudget, split: bool) -> Result<(Entry, u64), PlanError> {
        match self.attempt(block, budget, split) {
            Err(PlanError::Unprovable { .. }) => self.attempt(block, budget.thorough(), split),
            other => other,
        }
    }

    fn attempt(&self, block: &Material, budget: StepBudget, split: bool) -> Result<(Entry, u64), PlanError> {
        let Self { key, rules, .. } = *self;
        let policy = &Policy { budget, ..self.policy.clone() };
        let mut universe = Universe::new(block, policy, key, (rules, self.partners));
        let readers = Readers {
            contributors: policy.own_records && rules.own_records,
            partners: !universe.contributions.readers().is_empty(),
        };
        let unprovable = |universe: &Universe<'_>, column| PlanError::Unprovable {
            group: self.group.clone(),
            cell: name_of(block, universe, column),
        };
        if block.revises && has_grown_together(&universe, readers, split, block.tables_before()) {
            return Err(PlanError::GrownTogether(self.group.clone()));
        }
        let (mut rounds, mut steps) = (0, 0);
        let solved = loop {
            // Split where that is sound; where a part cannot be proved because of a shared total, as one table.
            let solved = match solve_parts(parts(&universe, readers, split), policy) {
                Ok(solved) => solved,
                Err(_) => solve_parts(parts(&universe, readers, false), policy)
                    .map_err(|column| unprovable(&universe, column))?,
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
                _ => return Err(PlanError::TooManyDifferences(self.group.clone())),
            }
        };
        Ok((self.entry(block, policy, &universe, &solved), steps))
    }

    /// An entry of nothing yet.
    fn empty(&self, policy: &Policy, more_follows: bool) -> Entry {
        let entry = Entry::empty(self.group.clone(), self.revision, policy.clone());
        Entry { more_follows, ..entry }
    }

    /// Cells without atoms count nothing, and the others of no block are not available.
    fn loose(&self, loose: &Material) -> Entry {
        let cell = |cell: &MaterialCell| {
            let outcome = if cell.facts.not_available { Outcome::NotAvailable } else { Outcome::Released };
            entry_cell(cell, outcome, 0, None, None)
        };
        Entry {
            cells: loose.cells.iter().map(cell).collect(),
            superseded: loose.superseded.iter().map(cell).collect(),
            ..self.empty(self.policy, loose.more_follows)
        }
    }

    fn entry(
        &self,
        material: &Material,
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
            let count =
                column.and_then(|column| universe.columns.get(column as usize)).map_or(0, |column| column.value);
            let place = column.and_then(|column| places.get(column as usize).copied().flatten());
            entry_cell(cell, outcome, unsigned(count), reason, place)
        };
        let mut cells: Vec<EntryCell> = material.figures().zip(&universe.places).map(cell).collect();
        let superseded = cells.split_off(material.cells.len().min(cells.len()));
        let contribution = |entry: &Contribution| (entry.atom, entry.contributor, entry.partner, entry.amount);
        let tables: Vec<EntryTable> = solved.iter().map(|(part, solution)| entry_table(part, solution)).collect();
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let extent = EntryBlock { atoms: number(universe.truth.len()), tables: number(tables.len()) };
        Entry {
            truth: universe.truth.iter().map(|count| unsigned(*count)).collect(),
            origins: universe.origins.clone(),
            contributions: universe.contributions.all().iter().map(contribution).collect(),
            cells,
            superseded,
            tables,
            blocks: vec![extent],
            ..self.empty(policy, material.more_follows)
        }
    }
}

fn entry_cell(
    cell: &MaterialCell,
    outcome: Outcome,
    count: u64,
    reason: Option<Reason>,
    place: Option<(u32, u32)>,
) -> EntryCell {
    EntryCell {
        id: cell.id.clone(),
        outcome,
        count,
        contributors: cell.contributors,
        known_upper: cell.facts.known_upper,
        headline: cell.facts.headline,
        sensitive: cell.sensitive,
        earlier: matches!(cell.past, Some(Past::Released(_))),
        left_behind: cell.left_behind,
        barred: cell.barred,
        given_up: cell.given_up,
        reason: (outcome == Outcome::Withheld).then_some(reason.unwrap_or(Reason::Secondary)),
        place,
    }
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
