//! Linked records: people known to several services, counted under a permit to link and published with noise that excludes nothing.
//!
//! What is published of the datasets by themselves is proved without regard to these figures. That stays true whatever they are, as they
//! exclude no world (ADR 106). So they are a group of their own, whose one account is how much they tell of a person in one period.

mod terms;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::DatasetVersion;
use disclosure::{
    CellId, CountedTable, DurableReceipt, Geometric, Judged, NoisePlan, NoiseRelease, NoiseState, UnreleasedCounts,
};
use engine::{Dimension, LinkPermit, LinkRequest, LinkedDataset};
use jiff::Timestamp;
use model::contract::{DatasetContract, Links};
use model::{AreaType, DatasetId, Digest, Period, PeriodType};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::terms::{Permits, Permitted};
use super::attempt::target;
use super::audit::{Audit, views_on};
use super::basis::{Basis, Partition, Registration, digest_of_areas};
use super::contract;
use super::failure::plan_error;
use super::group::Outcome;
use super::ledger::{Ledger, Opened};
use super::noise::{in_order_of_counts, state_of};
use super::placing::Located;
use super::queue::withdrawn_meanwhile;
use crate::cube::{covered, key_of};
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::{Group, State, digest_of};

/// What linked figures stand on beside what all do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Linked {
    /// Each dataset with the versions whose records were linked.
    pub(crate) versions: BTreeMap<DatasetId, BTreeSet<Uuid>>,
    /// Everything that was ever registered to be published by.
    pub(crate) areas: BTreeSet<AreaType>,
    /// The type of period that a person is counted in.
    pub(crate) period: PeriodType,
    /// By how many times odds about one person may change.
    pub(crate) odds: u32,
    /// The periods that all datasets cover.
    pub(crate) periods: Vec<Period>,
    /// When they were linked.
    pub(crate) at: Timestamp,
}

/// The periods that the versions of every dataset cover.
fn covered_by_all(sources: &[Source<'_>], kind: PeriodType) -> Vec<Period> {
    let periods = |source: &Source<'_>| -> BTreeSet<Period> {
        let partitions: Vec<Period> = source.versions.iter().map(|version| version.facts.period).collect();
        covered(&partitions, kind).into_iter().collect()
    };
    let all = sources.iter().map(periods).reduce(|all, more| &all & &more);
    all.into_iter().flatten().collect()
}

/// A dataset whose records are linked.
struct Source<'a> {
    contract: &'a DatasetContract,
    versions: Vec<DatasetVersion>,
}

/// What is linked, before anybody was asked whether it may be.
struct Work<'a> {
    state: &'a State,
    contract: &'a DatasetContract,
    links: &'a Links,
    sources: Vec<Source<'a>>,
    /// The periods that all datasets cover.
    periods: Vec<Period>,
}

fn unpublishable<T>(reason: impl Into<String>) -> Result<T, PlatformError> {
    Err(PlatformError::Unpublishable { reason: reason.into() })
}

/// What would be the same another time.
fn lasting(error: &dyn std::error::Error) -> PlatformError {
    PlatformError::Unpublishable { reason: error.to_string() }
}

impl<'a> Work<'a> {
    fn new(
        platform: &Platform,
        state: &'a State,
        contract: &'a DatasetContract,
        links: &'a Links,
    ) -> Result<Self, PlatformError> {
        let source = |dataset: &DatasetId| {
            Ok(Source { contract: self::contract(state, dataset)?, versions: platform.current_versions(dataset)? })
        };
        let mut sources: Vec<Source<'a>> = links.datasets.iter().map(source).collect::<Result<_, PlatformError>>()?;
        // In whatever order they are named, the data are in the same state.
        sources.sort_unstable_by(|one, other| one.contract.id.cmp(&other.contract.id));
        let periods = covered_by_all(&sources, links.period);
        Ok(Self { state, contract, links, sources, periods })
    }

    /// The versions with records of a period that is published.
    fn versions(&self) -> impl Iterator<Item = (&DatasetId, &DatasetVersion)> {
        let is_used = |version: &&DatasetVersion| self.periods.iter().any(|of| of.overlaps(version.facts.period));
        self.sources.iter().flat_map(move |source| {
            source.versions.iter().filter(is_used).map(|version| (&source.contract.id, version))
        })
    }

    /// Digest over everything that may make something else of it than was tried last.
    fn target(&self, now: Timestamp) -> Result<Digest, PlatformError> {
        let of_all = target(self.state, self.contract, &[], now)?;
        let of = |source: &Source<'_>| target(self.state, source.contract, &source.versions, now);
        let each = self.sources.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        Ok(digest_of(std::iter::once(&of_all).chain(&each).map(|digest| &digest.0[..])))
    }

    /// With what was counted and registered before, which nobody has forgotten.
    fn linked(
        &self,
        versions: BTreeMap<DatasetId, BTreeSet<Uuid>>,
        odds: u32,
        (last, at): (Option<&Opened>, Timestamp),
    ) -> Result<Linked, PlatformError> {
        let (links, periods) = (self.links, self.periods.clone());
        let mut areas: BTreeSet<AreaType> = links.areas.iter().copied().collect();
        if let Some(before) = last.and_then(|last| last.basis.linked.as_ref()) {
            if before.period != links.period {
                return unpublishable(format!(
                    "people were counted by {} at its last release, and who is in one of these would be in another again: keep that, or count them under another name",
                    before.period
                ));
            }
            areas.extend(&before.areas);
        }
        Ok(Linked { versions, areas, period: links.period, odds, periods, at })
    }

    /// What areas of these types are made of, and those that rows carry.
    fn areas(&self, types: &BTreeSet<AreaType>) -> Result<BTreeMap<AreaType, Digest>, PlatformError> {
        let gazetteer = &self.state.geography()?.gazetteer;
        let all = types.iter().copied().chain([self.contract.geography.area_type]);
        Ok(all.map(|area_type| (area_type, digest_of_areas(gazetteer, area_type))).collect())
    }

    /// Of each period a digest over the records of all datasets in it, and over what the areas are made of that they are counted by.
    fn states(&self, areas: &BTreeMap<AreaType, Digest>) -> BTreeMap<Period, Digest> {
        let state = |period: &Period| {
            // How people are counted, which must change with what is counted.
            let mut parts: Vec<Vec<u8>> = vec![b"where most records of a period are, 2".to_vec()];
            for source in &self.sources {
                let mut of: Vec<(Period, Digest)> = (source.versions.iter().map(|version| &version.facts))
                    .filter(|facts| facts.period.overlaps(*period))
                    .map(|facts| (facts.period, state_of(facts)))
                    .collect();
                of.sort_unstable();
                parts.push(source.contract.id.as_str().as_bytes().to_vec());
                parts.extend(of.into_iter().map(|(_, state)| state.0.to_vec()));
            }
            parts.extend(areas.values().map(|digest| digest.0.to_vec()));
            (*period, digest_of(parts.iter().map(Vec::as_slice)))
        };
        self.periods.iter().map(state).collect()
    }
}

impl Platform {
    /// The linked data that indicators stand on and that may be published otherwise than when it was last tried; and in words what
    /// waits for data. What cannot be read is tried, so that its failure is told and is that of nothing else.
    pub(super) fn changed_links(&self) -> (BTreeSet<DatasetId>, Vec<String>) {
        let (state, mut changed, mut waiting) = (self.state(), BTreeSet::new(), Vec::new());
        for contract in state.definitions.linked() {
            let Some(links) = &contract.links else { continue };
            if state.definitions.indicators_on(&contract.id).next().is_none() {
                continue;
            }
            let covered = Work::new(self, &state, contract, links).map(|work| !work.periods.is_empty());
            if matches!(covered, Ok(false)) {
                waiting.push(format!("{}: no {} is covered by all of its datasets", contract.id, links.period));
            } else if !matches!(self.changed_link(&state, contract), Ok(None)) {
                changed.insert(contract.id.clone());
            }
        }
        (changed, waiting)
    }

    /// One version of the data that linked figures would be made of, if they may be published otherwise than when it was last tried.
    pub(super) fn changed_link(
        &self,
        state: &State,
        contract: &DatasetContract,
    ) -> Result<Option<Uuid>, PlatformError> {
        let Some(links) = &contract.links else { return Ok(None) };
        let work = Work::new(self, state, contract, links)?;
        let tried = self.remembered(&contract.id)?.tried;
        let changed = !work.periods.is_empty() && tried != Some(work.target(self.now())?);
        Ok(work.versions().next().filter(|_| changed).map(|(_, version)| version.facts.id))
    }

    /// Takes the linked figures of all covered periods through the gate.
    pub(super) fn publish_linked(
        &self,
        state: &State,
        contract: &DatasetContract,
        links: &Links,
    ) -> Result<Outcome, PlatformError> {
        let mut work = Work::new(self, state, contract, links)?;
        if work.periods.is_empty() {
            return unpublishable(format!("no {} is covered by all of its datasets", links.period));
        }
        let target = work.target(self.now())?;
        let outcome = self.link(&mut work);
        let is_lasting = |error: &PlatformError| {
            plan_error(error).is_some()
                || matches!(error, PlatformError::Unpublishable { .. } | PlatformError::Denied { .. })
        };
        if outcome.as_ref().err().is_none_or(is_lasting) {
            self.remember(&contract.id, |remembered| remembered.tried = Some(target))?;
        }
        let (group, refused) = outcome?;
        Ok(Outcome { group, held: BTreeSet::new(), later: Vec::new(), refused, fresh: false, revised: false })
    }

    fn link(&self, work: &mut Work<'_>) -> Result<(Arc<Group>, Vec<String>), PlatformError> {
        let past = self.released_entries(&work.contract.id)?;
        let stay = self.keep_within_room(work, past.last())?;
        if work.periods.is_empty() {
            return unpublishable(stay.join("; "));
        }
        let work = &*work;
        self.counted_elsewhere(work)?;
        let mut permitted = self.permitted(work)?;
        permitted.refused.extend(stay);
        let basis = self.basis_of_links(work, &permitted, past.last())?;
        let group = match past.last().filter(|last| last.basis.revision == basis.revision) {
            Some(last) => self.group_of(last)?,
            None => {
                let subject = permitted.subject(work.state);
                let release = |work_id| self.release_linked(work_id, (work, &permitted), &basis, &past);
                self.on_record(&subject, (audit::Work::Publish, None), release)?
            }
        };
        Ok((group, permitted.refused))
    }

    /// Goes on with the files that were linked before where a period is out with as many states of its data as are registered: its figures
    /// stay as they are, or are gone with what was withdrawn of it, and no other period waits for it. Returns which, in words.
    fn keep_within_room(&self, work: &mut Work<'_>, last: Option<&Opened>) -> Result<Vec<String>, PlatformError> {
        let Some((last, linked)) = last.and_then(|last| Some((last, last.basis.linked.as_ref()?))) else {
            return Ok(Vec::new());
        };
        let group = requests::group_of(&work.contract.id)?;
        let before = NoiseState::decode(group, Some(&last.entry)).map_err(|error| lasting(&error))?;
        let areas = work.areas(&work.links.areas.iter().chain(&linked.areas).copied().collect())?;
        let full = before.without_room(&work.states(&areas), work.links.revisions);
        if full.is_empty() {
            return Ok(Vec::new());
        }
        let is_in = |period: Period| full.iter().any(|full| full.overlaps(period));
        for source in &mut work.sources {
            source.versions.retain(|version| !is_in(version.facts.period));
            for id in linked.versions.get(&source.contract.id).into_iter().flatten() {
                let version = self.catalog().version(*id).map_err(PlatformError::failed("read a version"))?;
                let is_there = |version: &DatasetVersion| {
                    version.table_keys.is_some() && !self.recorded().withdrawn().contains(&version.facts.id)
                };
                source.versions.extend(version.filter(|version| is_in(version.facts.period) && is_there(version)));
            }
        }
        work.periods = covered_by_all(&work.sources, work.links.period);
        // A file may reach over several periods.
        let still = before.without_room(&work.states(&areas), work.links.revisions);
        work.periods.retain(|period| !still.contains(period));
        let revisions = work.links.revisions;
        let said = |period: &Period| {
            let stays = if work.periods.contains(period) { "stays as it is" } else { "is not shown" };
            format!(
                "{}: {} was published with {revisions} states of its data, as many as are registered, and {stays}: send files again that it was published from",
                work.contract.id,
                period.label()
            )
        };
        Ok(full.iter().map(said).collect())
    }

    /// Refuses to count people where other linked figures count or ever counted any: of somebody who is in both, each would tell as much as
    /// is agreed, whichever datasets they are of.
    fn counted_elsewhere(&self, work: &Work<'_>) -> Result<(), PlatformError> {
        for other in self.planned_datasets()?.into_iter().filter(|other| *other != work.contract.id) {
            let known = work.state.out.get(&other).map(|group| group.basis.linked.clone());
            let linked = match known {
                Some(linked) => linked,
                None => self.released_entries(&other)?.pop().and_then(|last| last.basis.linked),
            };
            if linked.is_some() {
                return unpublishable(format!(
                    "people were counted by `{other}`, and what both say of somebody together is more than either may: put `{other}` back in its place"
                ));
            }
        }
        Ok(())
    }

    fn basis_of_links(
        &self,
        work: &Work<'_>,
        permitted: &Permitted,
        last: Option<&Opened>,
    ) -> Result<Basis, PlatformError> {
        let Work { state, contract, .. } = work;
        let geography = state.geography()?;
        let mut located = Vec::new();
        let mut versions: BTreeMap<DatasetId, BTreeSet<Uuid>> = BTreeMap::new();
        for source in &work.sources {
            located.push(Located::of_partitions(source.contract, &geography.gazetteer, &source.versions)?);
        }
        for (dataset, version) in work.versions() {
            versions.entry(dataset.clone()).or_default().insert(version.facts.id);
        }
        let located = located.into_iter().reduce(Located::and);
        let Some(located) = located else { return unpublishable("it names no dataset") };
        let linked = work.linked(versions, permitted.odds, (last, self.now()))?;
        let partitions: Vec<Partition> = work.versions().map(|(_, version)| Partition::of(version)).collect();
        let policy = permitted.rules()?;
        let years = |area_type: AreaType| {
            geography.gazetteer.areas(area_type).first().map(|area| (area_type, area.boundary_year))
        };
        let basis = Basis {
            revision: revision(work, permitted, (&linked, &partitions), &policy)?,
            policy: digest_of([policy.as_slice()]),
            geography: geography.digest,
            boundary_years: geography.gazetteer.area_types().filter_map(years).collect(),
            located,
            open: false,
            partitions,
            views: views_on(&permitted.definitions, &contract.id),
            sensitive: BTreeSet::new(),
            bounds: None,
            areas: work.areas(&linked.areas)?,
            parts: BTreeMap::new(),
            partners: Vec::new(),
            grammar: None,
            tables: registrations(work, &linked)?,
            linked: Some(linked),
        };
        match last.and_then(|last| last.basis.cannot_become(&basis)) {
            Some(why) => unpublishable(format!("of `{}`, {why}", contract.id)),
            None => Ok(basis),
        }
    }

    fn release_linked(
        &self,
        work_id: Uuid,
        (work, permitted): (&Work<'_>, &Permitted),
        basis: &Basis,
        past: &[Opened],
    ) -> Result<Arc<Group>, PlatformError> {
        let dataset = &work.contract.id;
        let plan = self.plan_of_links((work, permitted), basis, past)?;
        // The last moment before it is durable; whoever reads it later is asked about again, each time.
        self.refresh_agreements()?;
        if self.recorded().is_withdrawn(basis) {
            return Err(withdrawn_meanwhile());
        }
        permitted.still_holds(&self.state().snapshot, self.now())?;
        let agreements = permitted.agreements().chain(basis.agreements()).collect();
        let mut audit = Audit { platform: self, work_id, views: basis.views.clone(), agreements };
        let mut ledger = Ledger::new(self, dataset, basis)?;
        let receipt = DurableReceipt::obtain_noise(&plan, &mut ledger, &mut audit, self.now().as_second())
            .map_err(PlatformError::failed("record a release"))?;
        let sequence = receipt.ledger_entry();
        self.remember(dataset, |remembered| (remembered.released, remembered.open) = (sequence, None))?;
        let (tables, noisy) = disclosure::commit_noise(plan, receipt).map_err(PlatformError::failed("release"))?;
        Ok(Arc::new(Group { tables, basis: basis.clone(), noisy }))
    }

    fn plan_of_links(
        &self,
        (work, permitted): (&Work<'_>, &Permitted),
        basis: &Basis,
        past: &[Opened],
    ) -> Result<NoisePlan, PlatformError> {
        let (dataset, links) = (&work.contract.id, work.links);
        let registered = basis.linked.as_ref().map_or(0, |linked| linked.areas.len());
        let most = u32::try_from(registered).unwrap_or(u32::MAX);
        let noise = Geometric::new(permitted.odds, (most, links.revisions), permitted.rounding);
        let judged = Judged::of_links(noise.map_err(|error| lasting(&error))?);
        let group = requests::group_of(dataset)?;
        let before = NoiseState::decode(group, past.last().map(|opened| &opened.entry));
        let before = before.map_err(|error| lasting(&error))?;
        let mut tables = Vec::new();
        let mut counted = BTreeSet::new();
        for permits in &permitted.permits {
            let areas: Vec<AreaType> = permits.areas.iter().copied().filter(|of| counted.insert(*of)).collect();
            for (area_type, counts) in areas.iter().zip(self.count_linked((work, permits), basis.revision, &areas)?) {
                tables.push(CountedTable { cells: cells(work, *area_type)?, counts });
            }
        }
        let release = NoiseRelease { revision: basis.revision, states: work.states(&basis.areas), tables };
        let key = self.keys().plan_key(dataset)?;
        NoisePlan::new(&before, &judged, &release, &key).map_err(|error| lasting(&error))
    }

    fn count_linked(
        &self,
        (work, permits): (&Work<'_>, &Permits),
        revision: Digest,
        areas: &[AreaType],
    ) -> Result<Vec<UnreleasedCounts>, PlatformError> {
        let Work { state, contract, links, periods, .. } = work;
        let gazetteer = &state.geography()?.gazetteer;
        let stored = contract.geography.area_type;
        let request = LinkRequest {
            release: (requests::group_of(&contract.id)?, revision),
            services: (Links::DIMENSION.to_owned(), links.categories()),
            areas: areas.iter().map(|of| Arc::new(requests::area_set(gazetteer, stored, *of))).collect(),
            everywhere: gazetteer.areas(stored).iter().map(|area| area.code.clone()).collect(),
            periods: periods.clone(),
        };
        let mut datasets = Vec::new();
        for source in &work.sources {
            let link = source.contract.link().map(|column| column.name.clone()).unwrap_or_default();
            let versions: Vec<DatasetVersion> = work
                .versions()
                .filter(|(dataset, _)| **dataset == source.contract.id)
                .map(|(_, version)| version.clone())
                .collect();
            let tables = self.stored_tables(&state.snapshot, &versions)?;
            datasets.push(LinkedDataset { dataset: source.contract.id.clone(), link, tables });
        }
        let Permits { link, derive, .. } = permits;
        let permit = LinkPermit { link, derive, snapshot: &state.snapshot, now: self.now() };
        let limits = self.settings().limits.engine();
        self.in_query_engine(|| self.common().link(&permit, &datasets, &request, &limits))
    }
}

/// Digest over everything that the figures depend on.
fn revision(
    work: &Work<'_>,
    permitted: &Permitted,
    (linked, partitions): (&Linked, &[Partition]),
    policy: &[u8],
) -> Result<Digest, PlatformError> {
    let write = PlatformError::failed::<serde_json::Error>;
    let mut parts = vec![
        serde_json::to_vec(work.contract).map_err(write("write a contract"))?,
        serde_json::to_vec(partitions).map_err(write("write a partition"))?,
        serde_json::to_vec(&(&linked.versions, &linked.areas, &linked.periods))
            .map_err(write("write what is linked"))?,
        work.state.geography()?.digest.0.to_vec(),
        policy.to_vec(),
    ];
    for indicator in permitted.definitions.indicators_on(&work.contract.id) {
        parts.push(serde_json::to_vec(indicator).map_err(write("write an indicator"))?);
    }
    Ok(digest_of(parts.iter().map(Vec::as_slice)))
}

/// Every table that may be shown: by each type of areas, in all and by how many services know somebody.
fn registrations(work: &Work<'_>, linked: &Linked) -> Result<Vec<Registration>, PlatformError> {
    let measure = measure(work.contract);
    let by = Dimension { name: Links::DIMENSION.to_owned(), categories: work.links.categories() };
    let table = |area_type: AreaType, by: Vec<(String, Vec<String>)>| -> Result<Registration, PlatformError> {
        Ok(Registration {
            measure: requests::measure_id(&measure)?.to_string(),
            column: measure.measure.clone(),
            filter: BTreeMap::new(),
            area_type,
            period_type: work.links.period,
            periods: linked.periods.clone(),
            by,
        })
    };
    let mut tables = Vec::new();
    for area_type in &linked.areas {
        tables.push(table(*area_type, Vec::new())?);
        tables.push(table(*area_type, vec![(by.name.clone(), by.categories.clone())])?);
    }
    tables.sort_unstable();
    Ok(tables)
}

/// What is counted: people, whoever knows them.
fn measure(contract: &DatasetContract) -> model::indicator::Measure {
    model::indicator::Measure { dataset: contract.id.clone(), measure: "count".to_owned(), filter: BTreeMap::new() }
}

/// The cells of a table in the order of its counts.
fn cells(work: &Work<'_>, area_type: AreaType) -> Result<Vec<CellId>, PlatformError> {
    let measure = requests::measure_id(&measure(work.contract))?;
    let combinations = in_order_of_counts(&[work.links.categories()]);
    let mut cells = Vec::new();
    for area in work.state.geography()?.gazetteer.areas(area_type) {
        for period in &work.periods {
            for combination in &combinations {
                let by = std::iter::once(Links::DIMENSION).zip(combination);
                let key = key_of((area_type, &area.code, *period), by)?;
                cells.push(CellId { measure: measure.clone(), key });
            }
        }
    }
    Ok(cells)
}

#[cfg(test)]
mod tests;
