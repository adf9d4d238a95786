//! A release of linked figures: counted, recorded, released.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::DatasetVersion;
use disclosure::{CellId, CountedTable, Geometric, Judged, NoisePlan, NoiseRelease, NoiseState, UnreleasedCounts};
use engine::{LinkPermit, LinkRequest, LinkedDataset};
use model::contract::Links;
use model::{AreaType, Digest, Period};
use uuid::Uuid;

use super::super::audit::Audit;
use super::super::basis::Basis;
use super::super::ledger::Ledger;
use super::super::noise::{in_order_of_counts, lasting};
use super::super::queue::withdrawn_meanwhile;
use super::basis::measure;
use super::periods::Periods;
use super::terms::{Permits, Permitted};
use super::work::Work;
use crate::cube::key_of;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::Group;

impl Platform {
    /// Counts, adds noise, and releases: ledger, then audit log, then anybody. Says which period cannot be counted, where one cannot.
    pub(super) fn release_linked(
        &self,
        work_id: Uuid,
        (work, periods, permitted): (&Work<'_>, &Periods, &Permitted),
        (basis, before): (&Basis, &NoiseState),
        uncounted: &Cell<Option<Period>>,
    ) -> Result<Arc<Group>, PlatformError> {
        let dataset = &work.contract.id;
        let plan = self.plan_of_links((work, periods, permitted), (basis, before), uncounted)?;
        // The last moment before it is durable; whoever reads it later is asked about again, each time.
        self.refresh_agreements()?;
        if self.recorded().is_withdrawn(basis) {
            return Err(withdrawn_meanwhile());
        }
        permitted.still_holds(&self.state().snapshot, self.now())?;
        let agreements = permitted.agreements().chain(basis.agreements()).collect();
        let mut audit = Audit { platform: self, work_id, views: basis.views.clone(), agreements };
        let mut ledger = Ledger::new(self, dataset, basis)?;
        self.commit_with_noise(plan, (dataset, basis), &mut ledger, &mut audit)
    }

    fn plan_of_links(
        &self,
        (work, periods, permitted): (&Work<'_>, &Periods, &Permitted),
        (basis, before): (&Basis, &NoiseState),
        uncounted: &Cell<Option<Period>>,
    ) -> Result<NoisePlan, PlatformError> {
        let (dataset, links) = (&work.contract.id, work.links);
        let registered = basis.linked.as_ref().map_or(0, |linked| linked.areas.len());
        let most = u32::try_from(registered).unwrap_or(u32::MAX);
        let noise = Geometric::new(permitted.odds, (most, links.revisions), permitted.rounding);
        let judged = Judged::of_links(noise.map_err(|error| lasting(error.to_string()))?);
        let mut tables = Vec::new();
        for (period, permits) in &permitted.linked {
            let mut counted = BTreeSet::new();
            uncounted.set(Some(*period));
            for permits in permits {
                let areas: Vec<AreaType> = permits.areas.iter().copied().filter(|of| counted.insert(*of)).collect();
                let counts = self.count_linked((work, permits), (*period, basis.revision), &areas)?;
                for (area_type, counts) in areas.iter().zip(counts) {
                    tables.push(CountedTable { cells: cells(work, *area_type, *period)?, counts });
                }
            }
        }
        uncounted.set(None);
        let kept = periods.kept.keys().copied().collect();
        let release = NoiseRelease { revision: basis.revision, states: periods.states.clone(), tables, kept };
        let key = self.keys().plan_key(dataset)?;
        NoisePlan::new(before, &judged, &release, &key).map_err(|error| lasting(error.to_string()))
    }

    fn count_linked(
        &self,
        (work, permits): (&Work<'_>, &Permits),
        (period, revision): (Period, Digest),
        areas: &[AreaType],
    ) -> Result<Vec<UnreleasedCounts>, PlatformError> {
        let Work { state, contract, links, .. } = work;
        let gazetteer = &state.geography()?.gazetteer;
        let stored = contract.geography.area_type;
        let request = LinkRequest {
            release: (requests::group_of(&contract.id)?, revision),
            services: (Links::DIMENSION.to_owned(), links.categories()),
            areas: areas.iter().map(|of| Arc::new(requests::area_set(gazetteer, stored, *of))).collect(),
            everywhere: gazetteer.areas(stored).iter().map(|area| area.code.clone()).collect(),
            periods: vec![period],
        };
        let mut datasets = Vec::new();
        for (contract, versions) in work.versions_of(period) {
            let link = contract.link().map(|column| column.name.clone()).unwrap_or_default();
            let versions: Vec<DatasetVersion> = versions.into_iter().cloned().collect();
            let tables = self.stored_tables(&state.snapshot, &versions)?;
            datasets.push(LinkedDataset { dataset: contract.id.clone(), link, tables });
        }
        let Permits { link, derive, .. } = permits;
        let permit = LinkPermit { link, derive, snapshot: &state.snapshot, now: self.now() };
        let limits = self.settings().limits.engine(&engine::Stop::new());
        self.in_query_engine(|| self.common().link(&permit, &datasets, &request, &limits))
    }
}

/// The cells of a table in the order of its counts.
fn cells(work: &Work<'_>, area_type: AreaType, period: Period) -> Result<Vec<CellId>, PlatformError> {
    let measure = requests::measure_id(&measure(work.contract))?;
    let combinations = in_order_of_counts(&[work.links.categories()]);
    let mut cells = Vec::new();
    for area in work.state.geography()?.gazetteer.areas(area_type) {
        for combination in &combinations {
            let by = std::iter::once(Links::DIMENSION).zip(combination);
            let key = key_of((area_type, &area.code, period), by)?;
            cells.push(CellId { measure: measure.clone(), key });
        }
    }
    Ok(cells)
}
