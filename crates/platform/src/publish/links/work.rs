//! What is linked: files of several datasets, the periods that all of them cover, and the states of their data.

use std::collections::{BTreeMap, BTreeSet};

use catalog::DatasetVersion;
use jiff::Timestamp;
use model::contract::{DatasetContract, Links};
use model::{AreaType, DatasetId, Digest, Period, PeriodType};
use uuid::Uuid;

use super::super::attempt::target;
use super::super::basis::{Partition, digest_of_areas};
use super::super::noise::state_of;
use crate::cube::covered;
use crate::error::PlatformError;
use crate::platform::Platform;
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
            let current = platform.current_versions(dataset)?.into_iter();
            Ok(Source {
                contract: super::super::contract(state, dataset)?,
                // What was said of opt-outs since counts here and nowhere else: it is no other data, and changes no plan.
                versions: current.map(|version| platform.last_declared(version)).collect::<Result<_, _>>()?,
            })
        };
        let mut sources: Vec<Source<'a>> = links.datasets.iter().map(source).collect::<Result<_, PlatformError>>()?;
        // In whatever order they are named, the data are in the same state.
        sources.sort_unstable_by(|one, other| one.contract.id.cmp(&other.contract.id));
        let periods = covered_by_all(&sources, links.period);
        Ok(Self { state, contract, links, sources, periods })
    }

    /// The versions with records of a period that may be published.
    pub(super) fn versions(&self) -> impl Iterator<Item = (&DatasetId, &DatasetVersion)> {
        let is_used = |version: &&DatasetVersion| self.periods.iter().any(|of| of.overlaps(version.facts.period));
        self.sources.iter().flat_map(move |source| {
            source.versions.iter().filter(is_used).map(|version| (&source.contract.id, version))
        })
    }

    /// Whether all of these are in use.
    pub(super) fn has(&self, versions: &BTreeSet<Uuid>) -> bool {
        let used: BTreeSet<Uuid> = self.versions().map(|(_, version)| version.facts.id).collect();
        versions.is_subset(&used)
    }

    /// Of each dataset the versions with records of a period.
    pub(super) fn versions_of(&self, period: Period) -> impl Iterator<Item = (&DatasetContract, Vec<&DatasetVersion>)> {
        self.sources.iter().map(move |source| {
            let is_in = |version: &&DatasetVersion| version.facts.period.overlaps(period);
            (source.contract, source.versions.iter().filter(is_in).collect())
        })
    }

    /// Of each dataset what records of a period come from.
    pub(super) fn partitions(&self, period: Period) -> BTreeMap<DatasetId, Vec<Partition>> {
        let of = |versions: Vec<&DatasetVersion>| versions.into_iter().map(Partition::of).collect();
        self.versions_of(period).map(|(contract, versions)| (contract.id.clone(), of(versions))).collect()
    }

    /// The types of areas that indicators show it by.
    pub(super) fn shown_by(&self) -> BTreeSet<AreaType> {
        let indicators = self.state.definitions.indicators_on(&self.contract.id);
        indicators.flat_map(|indicator| &indicator.views).map(|view| view.area_type).collect()
    }

    /// Digest over everything that may make something else of it than was tried last.
    pub(super) fn target(&self, now: Timestamp) -> Result<Digest, PlatformError> {
        let of_all = target(self.state, self.contract, &[], now)?;
        let of = |source: &Source<'_>| target(self.state, source.contract, &source.versions, now);
        let each = self.sources.iter().map(of).collect::<Result<Vec<_>, _>>()?;
        // What was denied by what was declared of them may be permitted by what is.
        let declared = self.versions().map(|(_, version)| &version.facts.opt_outs).collect::<Vec<_>>();
        let declared = serde_json::to_vec(&declared).map_err(PlatformError::failed("write declarations"))?;
        let digests = std::iter::once(&of_all).chain(&each).map(|digest| &digest.0[..]);
        Ok(digest_of(digests.chain([declared.as_slice()])))
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
