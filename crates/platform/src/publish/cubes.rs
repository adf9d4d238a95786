//! Published tables: written anew from what is released, and swapped in at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::contract::{DatasetContract, Level};
use model::indicator::{Indicator, IndicatorType, Measure, View};
use model::{AgeBand, CellKey, DatasetId, Sex, ViewId};

use super::contract;
use super::placing::{Figures, Placing, placing};
use crate::cube::{self, Basis, Cube, DenominatorPeriods, DenominatorRule, Layout, Sums, TableArea};
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::{Group, State, digest_of};

impl Platform {
    /// Puts new cells in place, takes others away, and writes anew every table that stands on either; readers see all of it
    /// or none.
    pub(crate) fn swap(
        &self,
        mut fresh: BTreeMap<DatasetId, Arc<Group>>,
        gone: &BTreeSet<DatasetId>,
    ) -> Result<(), PlatformError> {
        loop {
            {
                let recorded = self.recorded();
                fresh.retain(|_, group| !recorded.is_withdrawn(&group.basis));
            }
            if self.try_to_swap(&fresh, gone)? {
                return Ok(());
            }
        }
    }

    /// Does so unless something that is fresh was withdrawn meanwhile; whether it did.
    fn try_to_swap(
        &self,
        fresh: &BTreeMap<DatasetId, Arc<Group>>,
        gone: &BTreeSet<DatasetId>,
    ) -> Result<bool, PlatformError> {
        let changed: BTreeSet<DatasetId> = fresh.keys().chain(gone).cloned().collect();
        if changed.is_empty() {
            return Ok(true);
        }
        let mut state = State::clone(&self.state());
        state.released.retain(|dataset, _| !gone.contains(dataset));
        state.released.extend(fresh.clone());
        let (mut written, mut cubes) = (BTreeSet::new(), BTreeMap::new());
        for indicator in state.definitions.indicators() {
            if indicator.datasets().any(|dataset| changed.contains(dataset)) {
                written.extend(indicator.views.iter().filter_map(|view| indicator.view_id(view).ok()));
                for cube in cubes_of(&state, indicator)? {
                    cubes.insert(cube.view.clone(), Arc::new(cube));
                }
            }
        }
        // Until this is done nothing is withdrawn, and from then on it is found among what is shown.
        let recorded = self.recorded();
        if fresh.values().any(|group| recorded.is_withdrawn(&group.basis)) {
            return Ok(false);
        }
        self.change(|current| {
            current.released.retain(|dataset, _| !gone.contains(dataset));
            current.out.extend(fresh.clone());
            current.released.extend(fresh.clone());
            current.cubes.retain(|view, _| !written.contains(view));
            // Another group may have been taken out of service meanwhile.
            let definitions = Arc::clone(&current.definitions);
            let released = &current.released;
            let stands = |view: &ViewId| {
                let indicator = definitions.view(view).map(|(indicator, _)| indicator);
                indicator.is_some_and(|of| of.datasets().all(|dataset| released.contains_key(dataset)))
            };
            cubes.retain(|view, _| stands(view));
            current.cubes.extend(cubes);
        });
        Ok(true)
    }

    /// Shows nothing any more of groups that stand on something withdrawn: of the dataset that it is of, and of records linked with it.
    pub(crate) fn take_out_withdrawn(&self) {
        let recorded = self.recorded();
        self.change(|state| {
            let released = state.released.iter();
            let withdrawn: Vec<DatasetId> = released
                .filter(|(_, group)| recorded.is_withdrawn(&group.basis))
                .map(|(dataset, _)| dataset.clone())
                .collect();
            withdrawn.iter().for_each(|dataset| stop_showing(state, dataset));
        });
    }

    /// Puts new cells in place all at once; where that fails, dataset by dataset, so that one which cannot be shown keeps no
    /// other back. Returns those that are not shown.
    pub(super) fn swap_each(&self, fresh: BTreeMap<DatasetId, Arc<Group>>) -> Vec<(DatasetId, PlatformError)> {
        // A defect is one dataset's, as while it is published.
        let swap = |fresh: BTreeMap<DatasetId, Arc<Group>>| {
            let swap = std::panic::AssertUnwindSafe(|| self.swap(fresh, &BTreeSet::new()));
            std::panic::catch_unwind(swap).unwrap_or_else(|_| {
                Err(PlatformError::Unavailable { reason: "showing it stopped on a defect".to_owned() })
            })
        };
        if swap(fresh.clone()).is_ok() {
            return Vec::new();
        }
        let alone = |(dataset, group): (DatasetId, Arc<Group>)| {
            let swapped = swap(BTreeMap::from([(dataset.clone(), group)]));
            swapped.err().map(|error| (dataset, error))
        };
        fresh.into_iter().filter_map(alone).collect()
    }
}

/// Takes a group and everything that stands on it out of what is shown.
pub(super) fn stop_showing(state: &mut State, dataset: &DatasetId) {
    state.released.remove(dataset);
    let definitions = Arc::clone(&state.definitions);
    let stands = |view: &ViewId| {
        definitions.view(view).is_some_and(|(indicator, _)| indicator.datasets().any(|used| used == dataset))
    };
    state.cubes.retain(|view, _| !stands(view));
}

/// The tables of one indicator, as far as all that they stand on is released. What is said about them is said of the
/// release, not of what was taken in since.
fn cubes_of(state: &State, indicator: &Indicator) -> Result<Vec<Cube>, PlatformError> {
    let mut groups = BTreeMap::new();
    for dataset in indicator.datasets() {
        let Some(group) = state.released.get(dataset) else { return Ok(Vec::new()) };
        groups.insert(dataset, &**group);
    }
    let (mut governing, mut opt_outs, mut linked) = (Vec::new(), Vec::new(), Vec::new());
    for (dataset, group) in &groups {
        let stands = group.basis.governing(dataset);
        opt_outs.extend(group.basis.opt_outs(&state.snapshot, &stands));
        governing.extend(stands);
        linked.extend(group.basis.linked.iter().flat_map(|linked| linked.reads(&state.snapshot)));
    }
    let mut cubes = Vec::new();
    for view in &indicator.views {
        let Some(layout) = layout(state, indicator, view, &groups)? else { continue };
        let Some(numerator) = groups.get(&indicator.numerator.dataset) else { continue };
        let denominator = indicator.denominator.as_ref().and_then(|measure| groups.get(&measure.dataset));
        let rows = cube::rows(&layout, &numerator.tables, denominator.map(|group| &group.tables))?;
        let content = serde_json::to_vec(rows.get()).map_err(PlatformError::failed("write a table"))?;
        let definition = serde_json::to_vec(indicator).map_err(PlatformError::failed("write an indicator"))?;
        let stands: Vec<u8> = governing.iter().flat_map(|g| &g.agreements).flat_map(|digest| digest.0).collect();
        let etag = digest_of([content.as_slice(), definition.as_slice(), stands.as_slice()]);
        let etag = etag.to_string().chars().take(32).collect();
        let basis = Basis { governing: governing.clone(), opt_outs: opt_outs.clone(), linked: linked.clone(), etag };
        let noise = layout.noise(numerator.tables.get());
        cubes.push(Cube { view: indicator.view_id(view)?, rows, noise, basis });
    }
    Ok(cubes)
}

/// How a view is written; `None` if what is released does not have it: it was refused, or is defined otherwise by now.
fn layout<'a>(
    state: &State,
    indicator: &'a Indicator,
    view: &'a View,
    groups: &BTreeMap<&DatasetId, &Group>,
) -> Result<Option<Layout<'a>>, PlatformError> {
    let numerator = contract(state, &indicator.numerator.dataset)?;
    let Some(group) = groups.get(&numerator.id) else { return Ok(None) };
    let (id, by) = (indicator.view_id(view)?, requests::dimensions(numerator, view));
    let shown = |group: &Group, measure: &str, by: &[engine::Dimension]| {
        group.basis.views.contains(&id) && group.basis.has(measure, view.area_type, by)
    };
    if !shown(group, &indicator.numerator.identity(), &by) {
        return Ok(None);
    }
    let (mut denominator, mut below) = (None, None);
    if let Some(measure) = &indicator.denominator {
        let of = contract(state, &measure.dataset)?;
        let Some(under) = groups.get(&of.id) else { return Ok(None) };
        below = Some(&under.basis.located);
        if !shown(under, &measure.identity(), &requests::shared(by.clone(), of)) {
            return Ok(None);
        }
        denominator = Some(denominator_rule(&numerator.id, measure, of, under)?);
    }
    let gazetteer = &state.geography()?.gazetteer;
    let measure = requests::measure_id(&indicator.numerator)?;
    let mut periods = cube::covered(&group.basis.periods(), view.period_type);
    if let Some((links, linked)) = numerator.links.as_ref().zip(group.basis.linked.as_ref()) {
        periods.retain(|period| linked.is_of(*period, links));
    }
    leave_out_barred(&mut periods, group, |id| id.measure == measure && id.key.area_type == view.area_type);
    let score = indicator.indicator_type == IndicatorType::Score;
    let figures = Figures { numerator: &group.basis.located, score, denominator: below };
    let placed = |area: &geography::Area| placing(&figures, view.area_type, &area.code);
    Ok(Some(Layout {
        indicator,
        view,
        areas: areas(gazetteer, view, group, (&measure, &periods), placed),
        measure,
        periods,
        categories: by.into_iter().map(|dimension| dimension.categories).collect(),
        denominator,
        conceals_gaps: conceals_gaps(numerator, group),
        sums: numerator.links.as_ref().and_then(|links| Sums::of(group.tables.get(), links.categories().len())),
    }))
}

/// Leaves out the periods of which nothing may be shown beside what is gone: as if there were no data of them.
fn leave_out_barred(periods: &mut Vec<model::Period>, group: &Group, is_of: impl Fn(&disclosure::CellId) -> bool) {
    let tables = group.tables.get();
    let cells = || tables.iter().map(|(id, _)| id).filter(|id| is_of(id));
    let barred: BTreeSet<_> = cells().filter(|id| tables.is_barred(id)).map(|id| id.key.period).collect();
    if !barred.is_empty() {
        let shown: BTreeSet<_> = cells().filter(|id| !tables.is_barred(id)).map(|id| id.key.period).collect();
        periods.retain(|period| !barred.contains(period) || shown.contains(period));
    }
}

/// How the cells of a denominator are found from those of a numerator.
pub(crate) fn denominator_rule(
    numerator: &DatasetId,
    measure: &Measure,
    of: &DatasetContract,
    under: &Group,
) -> Result<DenominatorRule, PlatformError> {
    let (mut periods, id) = (under.basis.periods(), requests::measure_id(measure)?);
    leave_out_barred(&mut periods, under, |cell| cell.measure == id);
    Ok(DenominatorRule {
        measure: id,
        open: under.basis.open,
        shared: of.dimensions().into_iter().map(str::to_owned).collect(),
        periods: DenominatorPeriods::of(numerator, of, &periods),
        conceals_gaps: conceals_gaps(of, under),
    })
}

/// Whether a figure that is not available says something of somebody: that a row is there, where rows are people or events; that the
/// supplier withheld a small one, where it withholds any. What it withheld and what it left out are stored alike.
fn conceals_gaps(contract: &DatasetContract, group: &Group) -> bool {
    !group.basis.open && (contract.level != Level::Aggregate || !contract.file.withheld_values.is_empty())
}

/// The areas of a view that the release has, with the vintage that they had in it.
fn areas(
    gazetteer: &geography::Gazetteer,
    view: &View,
    group: &Group,
    (measure, periods): (&disclosure::MeasureId, &[model::Period]),
    placed: impl Fn(&geography::Area) -> Placing,
) -> Vec<TableArea> {
    let released = |area: &&geography::Area| {
        let of = |period: &model::Period| {
            let (area_type, area, period) = (view.area_type, area.code.clone(), *period);
            let key = CellKey { area_type, area, period, sex: Sex::All, age: AgeBand::All, breakdown: None };
            group.tables.get().cell(&disclosure::CellId { measure: measure.clone(), key }).is_some()
        };
        // A period of before may not have been published by these areas.
        periods.iter().any(of)
    };
    let written = |area: &geography::Area| TableArea {
        code: area.code.clone(),
        name: area.name.clone(),
        boundary_year: group.basis.boundary_years.get(&view.area_type).copied().unwrap_or(area.boundary_year),
        placing: placed(area),
    };
    gazetteer.areas(view.area_type).iter().filter(released).map(written).collect()
}
