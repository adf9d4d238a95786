//! What a release of linked figures stands on.

use std::collections::{BTreeMap, BTreeSet};

use engine::Dimension;
use model::contract::{DatasetContract, Links};
use model::indicator::Measure;
use model::{AreaType, DatasetId, Digest};
use uuid::Uuid;

use super::super::audit::views_on;
use super::super::basis::{Basis, Partition, Registration, boundary_years};
use super::super::ledger::Opened;
use super::super::placing::Located;
use super::terms::Permitted;
use super::work::Work;
use super::{Linked, unpublishable};
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::digest_of;

impl Platform {
    /// What a release of linked figures stands on.
    pub(super) fn basis_of_links(
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
        let basis = Basis {
            revision: revision(work, permitted, (&linked, &partitions), &policy)?,
            policy: digest_of([policy.as_slice()]),
            geography: geography.digest,
            boundary_years: boundary_years(&geography.gazetteer),
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
pub(super) fn measure(contract: &DatasetContract) -> Measure {
    Measure { dataset: contract.id.clone(), measure: "count".to_owned(), filter: BTreeMap::new() }
}
