//! A release with noise: counted, recorded, released.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agreements::{Derive, NoiseTerms, Permit};
use catalog::{DatasetVersion, VersionFacts};
use disclosure::{
    CellId, CountedTable, DurableReceipt, GroupId, MeasureId, NoisePlan, NoiseRelease, NoiseState, UnreleasedCounts,
};
use engine::{CountPermit, CountRequest, Of, Stop, StoredTable, TableSpec};
use model::contract::DatasetContract;
use model::{CellKey, DatasetId, Digest, Period};
use uuid::Uuid;

use super::super::allowed::Allowed;
use super::super::attempt::Attempt;
use super::super::audit::Audit;
use super::super::basis::Basis;
use super::super::failure::not_as_previewed;
use super::super::ledger::{Ledger, Opened};
use super::{Grammar, check_primary};
use crate::cube::{Choice, covered, key_of};
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::{Group, State, digest_of};

/// What a table counts of a dataset that has noise added.
pub(crate) const fn counted(grammar: &Grammar) -> Of {
    if grammar.people { Of::People } else { Of::Rows }
}

impl Platform {
    /// The plan of what an attempt shows, with what it is planned after.
    pub(in crate::publish) fn noise_plan(
        &self,
        attempt: &Attempt<'_>,
        past: &[Opened],
        noise: &NoiseTerms,
    ) -> Result<(NoiseState, NoisePlan), PlatformError> {
        let Attempt { state, contract, allowed, basis, .. } = attempt;
        let grammar = basis.grammar.as_ref().ok_or_else(|| PlatformError::Unpublishable {
            reason: format!("the contract of `{}` registers no `[crossings]`", contract.id),
        })?;
        let group = requests::group_of(&contract.id)?;
        let before = NoiseState::decode(group.clone(), past.last().map(|opened| &opened.entry));
        let before = before.map_err(|error| lasting(error.to_string()))?;
        if let Some(registered) = Grammar::of(contract) {
            let before = past.last().and_then(|last| last.basis.grammar.as_ref());
            check_primary(state, (&registered, before), &allowed.primary)?;
        }
        let judged = self.judged(state, grammar, noise)?;
        let release = NoiseRelease {
            revision: basis.revision,
            states: states(grammar, attempt.versions),
            tables: self.noisy_tables(attempt, grammar, &group)?,
            kept: BTreeSet::new(),
        };
        let key = self.keys().plan_key(&contract.id)?;
        let plan = NoisePlan::new(&before, &judged, &release, &key).map_err(|error| lasting(error.to_string()))?;
        Ok((before, plan))
    }

    /// Those of some corrections that can be published where figures have noise: of periods that are not out with as many states of
    /// their data as are registered. One period holds up no other.
    pub(in crate::publish) fn with_room(
        &self,
        contract: &DatasetContract,
        (current, past): (&[DatasetVersion], &[Opened]),
        mut corrections: BTreeSet<Uuid>,
    ) -> Result<BTreeSet<Uuid>, PlatformError> {
        let last = past.last();
        let registered = last.and_then(|last| last.basis.grammar.as_ref()).zip(Grammar::of(contract));
        let Some((before, now)) = registered else { return Ok(corrections) };
        let grammar = now.after(before).map_err(lasting)?;
        let group = requests::group_of(&contract.id)?;
        let before =
            NoiseState::decode(group, last.map(|last| &last.entry)).map_err(|error| lasting(error.to_string()))?;
        loop {
            let versions = self.settled(current, past, &corrections)?.versions;
            let full = before.without_room(&states(&grammar, &versions), grammar.revisions);
            let is_in = |version: &&DatasetVersion| full.iter().any(|period| period.overlaps(version.facts.period));
            let too_many: BTreeSet<Uuid> = versions.iter().filter(is_in).map(|version| version.facts.id).collect();
            let left: BTreeSet<Uuid> = corrections.difference(&too_many).copied().collect();
            if left.len() == corrections.len() {
                return Ok(left);
            }
            corrections = left;
        }
    }

    pub(in crate::publish) fn release_with_noise(
        &self,
        attempt: &Attempt<'_>,
        past: &[Opened],
        noise: &NoiseTerms,
        audit: &mut Audit<'_>,
    ) -> Result<Arc<Group>, PlatformError> {
        let (dataset, basis) = (&attempt.contract.id, &attempt.basis);
        let (_, plan) = self.noise_plan(attempt, past, noise)?;
        if let Some(agreed) = attempt.agreed
            && agreed != plan.code(&self.keys().plan_key(dataset)?)
        {
            return Err(not_as_previewed(dataset));
        }
        // The last moment before it is durable; whoever reads it later is asked about again, each time.
        self.still_permitted(attempt.allowed, basis)?;
        let mut ledger = Ledger::new(self, dataset, basis)?;
        let proposed = (plan.ledger_entry(), (plan.cells(), 0, 0));
        let _nobody_decides =
            self.approved((dataset, basis), proposed, &attempt.allowed.approval, &mut ledger, audit)?;
        self.commit_with_noise(plan, (dataset, basis), &mut ledger, audit)
    }

    /// Records a plan of noise in the ledger, then in the audit log, and releases it.
    pub(in crate::publish) fn commit_with_noise(
        &self,
        plan: NoisePlan,
        (dataset, basis): (&DatasetId, &Basis),
        ledger: &mut Ledger<'_>,
        audit: &mut Audit<'_>,
    ) -> Result<Arc<Group>, PlatformError> {
        let receipt = DurableReceipt::obtain_noise(&plan, ledger, audit, self.now().as_second())
            .map_err(PlatformError::failed("record a release"))?;
        let sequence = receipt.ledger_entry();
        self.remember(dataset, |remembered| (remembered.released, remembered.open) = (sequence, None))?;
        let (tables, noisy) = disclosure::commit_noise(plan, receipt).map_err(PlatformError::failed("release"))?;
        Ok(Arc::new(Group { tables, basis: basis.clone(), noisy }))
    }

    fn noisy_tables(
        &self,
        attempt: &Attempt<'_>,
        grammar: &Grammar,
        group: &GroupId,
    ) -> Result<Vec<CountedTable>, PlatformError> {
        let Attempt { state, contract, versions, allowed, .. } = attempt;
        let stored = self.stored_tables(&state.snapshot, versions)?;
        let mut tables = Vec::new();
        for table in &attempt.request.tables {
            let Some(permit) = permit_of(allowed, table) else { continue };
            let request = CountRequest {
                release: (group.clone(), attempt.revision()),
                dataset: contract.id.clone(),
                areas: Arc::clone(&table.areas),
                periods: table.periods.clone(),
                by: table.by.clone(),
                of: counted(grammar),
                sum: None,
            };
            let counts = self.count(state, permit, &stored, &request, &Stop::new())?;
            tables.push(CountedTable { cells: cells(table)?, counts });
        }
        Ok(tables)
    }

    /// The files that a release stands on of some periods.
    pub(crate) fn tables_of(
        &self,
        state: &State,
        group: &Group,
        periods: &[Period],
    ) -> Result<Vec<StoredTable>, PlatformError> {
        let asked = |period: Period| periods.iter().any(|asked| asked.overlaps(period));
        let mut versions = Vec::new();
        for partition in group.basis.partitions.iter().filter(|partition| asked(partition.period)) {
            let version = self.catalog().version(partition.version).map_err(PlatformError::failed("read a version"))?;
            versions.push(version.ok_or_else(|| PlatformError::Unavailable {
                reason: "a file that figures were published from is not in the catalogue any more".to_owned(),
            })?);
        }
        self.published_tables(&state.snapshot, &versions)
    }

    /// Counts of a table, before noise, until `stop` is told that nobody waits for them.
    pub(crate) fn count(
        &self,
        state: &State,
        permit: &Permit<Derive>,
        stored: &[StoredTable],
        request: &CountRequest,
        stop: &Stop,
    ) -> Result<UnreleasedCounts, PlatformError> {
        let limits = self.settings().limits.engine(stop);
        let permit = CountPermit { permit, snapshot: &state.snapshot, now: self.now() };
        self.in_query_engine(|| self.common().count(&permit, stored, request, &limits))
    }
}

/// What would be the same another time.
pub(in crate::publish) fn lasting(reason: String) -> PlatformError {
    PlatformError::Unpublishable { reason }
}

/// The permit of an indicator that asks for a table; of what only earlier releases showed there is none, and nothing is shown.
fn permit_of<'a>(allowed: &'a Allowed, table: &TableSpec) -> Option<&'a Permit<Derive>> {
    table.asked_by.iter().find_map(|indicator| allowed.permits.get(indicator))
}

/// The cells of a table in the order of its counts.
fn cells(table: &TableSpec) -> Result<Vec<CellId>, PlatformError> {
    let categories: Vec<Vec<String>> = table.by.iter().map(|by| by.categories.clone()).collect();
    let combinations = in_order_of_counts(&categories);
    let measure: &MeasureId = &table.measure.id;
    let mut cells = Vec::new();
    for (area, _) in &table.areas.areas {
        for period in &table.periods {
            for combination in &combinations {
                let by = table.by.iter().map(|by| by.name.as_str()).zip(combination);
                let key: CellKey = key_of((table.areas.area_type, area, *period), by)?;
                cells.push(CellId { measure: measure.clone(), key });
            }
        }
    }
    Ok(cells)
}

/// Of each dimension its categories and then the total, the last dimension fastest.
pub(crate) fn in_order_of_counts(categories: &[Vec<String>]) -> Vec<Vec<Choice>> {
    let mut combinations: Vec<Vec<Choice>> = vec![Vec::new()];
    for dimension in categories {
        let choices: Vec<Choice> = dimension.iter().cloned().map(Some).chain([None]).collect();
        let longer = |head: &Vec<Choice>| {
            choices.iter().map(|choice| [head.as_slice(), std::slice::from_ref(choice)].concat()).collect::<Vec<_>>()
        };
        combinations = combinations.iter().flat_map(longer).collect();
    }
    combinations
}

/// The state of the data of a version: of its rows, or of an older one's file.
pub(in crate::publish) fn state_of(facts: &VersionFacts) -> Digest {
    facts.records.unwrap_or(facts.content)
}

/// Of each registered period that the data cover, a digest over the states of its partitions.
fn states(grammar: &Grammar, versions: &[DatasetVersion]) -> BTreeMap<Period, Digest> {
    let contents: BTreeMap<Period, Digest> =
        versions.iter().map(|version| (version.facts.period, state_of(&version.facts))).collect();
    let partitions: Vec<Period> = contents.keys().copied().collect();
    let periods: BTreeSet<Period> = grammar.periods.iter().flat_map(|kind| covered(&partitions, *kind)).collect();
    let state = |period: Period| {
        let parts =
            contents.iter().filter(|(partition, _)| partition.overlaps(period)).map(|(_, content)| &content.0[..]);
        (period, digest_of(parts))
    };
    periods.into_iter().map(state).collect()
}
