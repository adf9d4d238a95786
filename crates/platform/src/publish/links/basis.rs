//! What a release of linked figures stands on.

use std::collections::{BTreeMap, BTreeSet};

use catalog::DatasetVersion;
use engine::Dimension;
use model::contract::{DatasetContract, Links};
use model::indicator::Measure;
use model::{AreaType, Digest};
use uuid::Uuid;

use super::super::audit::views_on;
use super::super::basis::{Basis, Partition, Registration, boundary_years};
use super::super::ledger::Opened;
use super::super::placing::Located;
use super::periods::Periods;
use super::terms::Permitted;
use super::work::Work;
use super::{Linked, LinkedPeriod, unpublishable};
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::digest_of;

impl Platform {
    /// What a release of linked figures stands on: of what stays, what it stood on.
    pub(super) fn basis_of_links(
        &self,
        work: &Work<'_>,
        periods: &Periods,
        permitted: &Permitted,
        last: Option<&Opened>,
    ) -> Result<Basis, PlatformError> {
        let Work { state, contract, .. } = work;
        let geography = state.geography()?;
        let linked = linked(work, periods, permitted, last);
        let last = last.map(|last| &last.basis);
        let mut located: Vec<Located> =
            last.filter(|_| !periods.kept.is_empty()).map(|last| last.located.clone()).into_iter().collect();
        for (contract, versions) in periods.due.keys().flat_map(|period| work.versions_of(*period)) {
            let versions: Vec<DatasetVersion> = versions.into_iter().cloned().collect();
            located.push(Located::of_partitions(contract, &geography.gazetteer, &versions)?);
        }
        let Some(located) = located.into_iter().reduce(Located::and) else {
            return unpublishable("it names no dataset");
        };
        let partitions: BTreeMap<Uuid, Partition> =
            linked.from().into_values().flatten().map(|partition| (partition.version, partition.clone())).collect();
        let policy = permitted.rules()?;
        let basis = Basis {
            revision: revision(work, permitted, &linked, &policy)?,
            policy: digest_of([policy.as_slice()]),
            geography: geography.digest,
            boundary_years: boundary_years(&geography.gazetteer),
            located,
            open: false,
            partitions: partitions.into_values().collect(),
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
        match last.and_then(|last| last.cannot_become(&basis)) {
            Some(why) => unpublishable(format!("of `{}`, {why}", contract.id)),
            None => Ok(basis),
        }
    }
}

/// With everything that was registered before, which nobody has forgotten.
fn linked(work: &Work<'_>, periods: &Periods, permitted: &Permitted, last: Option<&Opened>) -> Linked {
    let at = permitted.at;
    let mut areas: BTreeSet<AreaType> = work.links.areas.iter().copied().collect();
    areas.extend(last.and_then(|last| last.basis.linked.as_ref()).iter().flat_map(|before| &before.areas));
    let due = periods.due.keys().map(|period| LinkedPeriod { period: *period, at, from: work.partitions(*period) });
    let mut all: Vec<LinkedPeriod> = periods.kept.values().cloned().chain(due).collect();
    all.sort_unstable_by_key(|of| of.period);
    Linked::new(areas, work.links.period, (permitted.odds, permitted.rounding), all)
}

/// Digest over everything that the figures depend on.
fn revision(work: &Work<'_>, permitted: &Permitted, linked: &Linked, policy: &[u8]) -> Result<Digest, PlatformError> {
    let write = PlatformError::failed::<serde_json::Error>;
    // Whenever it was.
    let periods: Vec<_> = linked.periods.iter().map(|of| (of.period, &of.from)).collect();
    let mut parts = vec![
        serde_json::to_vec(work.contract).map_err(write("write a contract"))?,
        serde_json::to_vec(&(&linked.areas, periods)).map_err(write("write what is linked"))?,
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
            periods: linked.periods.iter().map(|of| of.period).collect(),
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
pub(super) fn measure(contract: &DatasetContract) -> Measure {
    Measure { dataset: contract.id.clone(), measure: "count".to_owned(), filter: BTreeMap::new() }
}
