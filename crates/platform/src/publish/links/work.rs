//! What is linked: files of several datasets, the periods that all of them cover, and the states of their data.

use std::collections::{BTreeMap, BTreeSet};

use catalog::DatasetVersion;
use disclosure::NoiseState;
use jiff::Timestamp;
use model::contract::{DatasetContract, Links};
use model::{AreaType, DatasetId, Digest, Period, PeriodType};
use uuid::Uuid;

use super::super::attempt::target;
use super::super::basis::digest_of_areas;

use super::super::ledger::Opened;
use super::super::noise::{lasting, state_of};
use super::{Linked, unpublishable};
use crate::cube::covered;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::{State, digest_of};

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
pub(super) struct Source<'a> {
    pub(super) contract: &'a DatasetContract,
    pub(super) versions: Vec<DatasetVersion>,
}

/// What is linked, before anybody was asked whether it may be.
pub(super) struct Work<'a> {
    pub(super) state: &'a State,
    pub(super) contract: &'a DatasetContract,
    pub(super) links: &'a Links,
    pub(super) sources: Vec<Source<'a>>,
    /// The periods that all datasets cover.
    pub(super) periods: Vec<Period>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        platform: &Platform,
        state: &'a State,
        contract: &'a DatasetContract,
        links: &'a Links,
    ) -> Result<Self, PlatformError> {
        let source = |dataset: &DatasetId| {
            Ok(Source {
                contract: super::super::contract(state, dataset)?,
                versions: platform.current_versions(dataset)?,
            })
        };
        let mut sources: Vec<Source<'a>> = links.datasets.iter().map(source).collect::<Result<_, PlatformError>>()?;
        // In whatever order they are named, the data are in the same state.
        sources.sort_unstable_by(|one, other| one.contract.id.cmp(&other.contract.id));
        let periods = covered_by_all(&sources, links.period);
        Ok(Self { state, contract, links, sources, periods })
    }

    /// The versions with records of a period that is published.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&DatasetId, &DatasetVersion)> {
        let is_used = |version: &&DatasetVersion| self.periods.iter().any(|of| of.overlaps(version.facts.period));
        self.sources.iter().flat_map(move |source| {
            source.versions.iter().filter(is_used).map(|version| (&source.contract.id, version))
        })
    }

    /// Digest over everything that may make something else of it than was tried last.
    pub(super) fn target(&self, now: Timestamp) -> Result<Digest, PlatformError> {
        let of_all = target(self.state, self.contract, &[], now)?;
        let of = |source: &Source<'_>| target(self.state, source.contract, &source.versions, now);
        let each = self.sources.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        Ok(digest_of(std::iter::once(&of_all).chain(&each).map(|digest| &digest.0[..])))
    }

    /// With what was counted and registered before, which nobody has forgotten.
    pub(super) fn linked(
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
    pub(super) fn areas(&self, types: &BTreeSet<AreaType>) -> Result<BTreeMap<AreaType, Digest>, PlatformError> {
        let gazetteer = &self.state.geography()?.gazetteer;
        let all = types.iter().copied().chain([self.contract.geography.area_type]);
        Ok(all.map(|area_type| (area_type, digest_of_areas(gazetteer, area_type))).collect())
    }

    /// Of each period a digest over the records of all datasets in it, and over what the areas are made of that they are counted by.
    pub(super) fn states(&self, areas: &BTreeMap<AreaType, Digest>) -> BTreeMap<Period, Digest> {
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
    /// Goes on with the files that were linked before where a period is out with as many states of its data as are registered: its figures
    /// stay as they are, or are gone with what was withdrawn of it, and no other period waits for it. Returns which, in words.
    pub(super) fn keep_within_room(
        &self,
        work: &mut Work<'_>,
        last: Option<&Opened>,
    ) -> Result<Vec<String>, PlatformError> {
        let Some((last, linked)) = last.and_then(|last| Some((last, last.basis.linked.as_ref()?))) else {
            return Ok(Vec::new());
        };
        let group = requests::group_of(&work.contract.id)?;
        let before = NoiseState::decode(group, Some(&last.entry)).map_err(|error| lasting(error.to_string()))?;
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
}
