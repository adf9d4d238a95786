//! What open data say of how many people live where: no count of people is larger, and areas of very few are not published.

use std::collections::{BTreeMap, BTreeSet};

use disclosure::{CellId, MeasureId, RegisteredArea, screen_areas};
use engine::{Dimension, TableSpec};
use geography::Gazetteer;
use model::contract::{Counts, DatasetContract, Level};
use model::indicator::Measure;
use model::{AgeBand, AreaType, CellKey, Digest, Sex};

use crate::cube::{Choice, DenominatorPeriods, combinations, key_of};
use crate::definitions::check::holds;
use crate::error::PlatformError;
use crate::requests;
use crate::state::{Group, State};

/// The residents of a dataset's areas, as far as they are published.
struct Residents<'a> {
    contract: &'a DatasetContract,
    group: &'a Group,
    measure: MeasureId,
    periods: DenominatorPeriods,
}

/// Everybody who lives somewhere: the one measure of the dataset, without a filter.
pub(crate) fn everybody(contract: &DatasetContract) -> Measure {
    let measure = contract.measures().first().map(|name| (*name).to_owned()).unwrap_or_default();
    Measure { dataset: contract.id.clone(), measure, filter: BTreeMap::new() }
}

/// Those dimensions of a table by which residents can be told apart just so.
pub(crate) fn shared(residents: &DatasetContract, by: &[Dimension]) -> Vec<Dimension> {
    let told_apart = |dimension: &&Dimension| {
        let mut known = dimension.categories.iter().filter(|category| *category != engine::UNKNOWN);
        residents.dimensions().contains(&dimension.name.as_str())
            && known.all(|category| holds(residents, &dimension.name, category).is_ok())
    };
    by.iter().filter(told_apart).cloned().collect()
}

/// Whether the population bounds what a dataset counts, unless that is open itself.
pub(crate) fn bounds(contract: &DatasetContract) -> bool {
    contract.counts == Counts::People
}

/// What is published of how many people live where; nothing while it is not.
pub(crate) fn in_use(state: &State) -> Option<Digest> {
    let group = state.released.get(&state.definitions.residents()?.id)?;
    Some(group.basis.revision)
}

/// What everybody knows that cells of a dataset are at most.
pub(super) fn known_upper(
    state: &State,
    contract: &DatasetContract,
    tables: &[TableSpec],
) -> Result<BTreeMap<CellId, u64>, PlatformError> {
    match Residents::published(state)? {
        Some(residents) => residents.known_upper(contract, tables),
        None if state.definitions.residents().is_none() => Ok(BTreeMap::new()),
        None => {
            let reason = "how many people live in its areas is not published yet, and bounds what it counts";
            Err(PlatformError::Unpublishable { reason: reason.to_owned() })
        }
    }
}

impl<'a> Residents<'a> {
    /// `None` while no dataset of residents is published.
    fn published(state: &'a State) -> Result<Option<Self>, PlatformError> {
        let contract = state.definitions.residents();
        let found = contract.and_then(|contract| Some((contract, state.released.get(&contract.id)?)));
        // Of residents who were not released as open data nobody knows anything but what is released.
        let Some((contract, group)) = found.filter(|(_, group)| group.basis.open) else { return Ok(None) };
        let measure = requests::measure_id(&everybody(contract))?;
        let periods = DenominatorPeriods::Nearest(contract.partition, group.basis.periods());
        Ok(Some(Self { contract, group, measure, periods }))
    }

    fn count(&self, key: CellKey) -> Option<u64> {
        self.group.tables.get().cell(&CellId { measure: self.measure.clone(), key })?.value()
    }

    /// What everybody knows that cells of a dataset are at most. Where the population of the very year is not known, that of
    /// the year that stands in for it; where it is not known of these categories, that of all ages and both sexes.
    fn known_upper(
        &self,
        contract: &DatasetContract,
        tables: &[TableSpec],
    ) -> Result<BTreeMap<CellId, u64>, PlatformError> {
        let mut known = BTreeMap::new();
        let people = |table: &&TableSpec| contract.level == Level::Aggregate || table.measure.column == "count";
        for table in tables.iter().filter(people) {
            let shared: BTreeSet<String> = shared(self.contract, &table.by).into_iter().map(|by| by.name).collect();
            let categories: Vec<Vec<String>> = table.by.iter().map(|by| by.categories.clone()).collect();
            let combinations = combinations(&categories);
            let area_type = table.areas.area_type;
            for period in &table.periods {
                // Where the very year is not out yet, readers take the one that stands in for it, and so does the rate.
                let Some(of) = self.periods.for_period(*period) else { continue };
                for (area, _) in &table.areas.areas {
                    for choices in &combinations {
                        let by = || table.by.iter().map(|by| by.name.as_str()).zip(choices);
                        let wider: Vec<(&str, Choice)> =
                            by().map(|(name, choice)| (name, among(choice, shared.contains(name)))).collect();
                        let wider = wider.iter().map(|(name, choice)| (*name, choice));
                        let Some(most) = self.count(key_of((area_type, area, of), wider)?) else { continue };
                        let key = key_of((area_type, area, *period), by())?;
                        known.insert(CellId { measure: table.measure.id.clone(), key }, most);
                    }
                }
            }
        }
        Ok(known)
    }

    /// Residents of each small area by its number, of the latest period; `None` if they are not known of all.
    fn by_atom(&self, gazetteer: &Gazetteer) -> Option<Vec<u64>> {
        let period = *self.group.basis.periods().last()?;
        let residents = |area: &geography::Area| {
            let (area_type, area) = (AreaType::Lsoa, area.code.clone());
            self.count(CellKey { area_type, area, period, sex: Sex::All, age: AgeBand::All, breakdown: None })
        };
        gazetteer.atoms().iter().map(residents).collect()
    }
}

/// A category by which residents are told apart, or else everybody.
fn among(choice: &Choice, told_apart: bool) -> Choice {
    choice.clone().filter(|category| told_apart && category != engine::UNKNOWN)
}

/// The area types of views of which an area, or what two areas differ by, has fewer residents than the least, each with the
/// reason. Coarser areas come first: what is too small between two types is left out with the finer.
pub(super) fn too_small(
    state: &State,
    views: impl Iterator<Item = AreaType>,
    least: u32,
) -> Result<BTreeMap<AreaType, String>, PlatformError> {
    let mut refused = BTreeMap::new();
    if least == 0 {
        return Ok(refused);
    }
    let gazetteer = &state.geography()?.gazetteer;
    let types: BTreeSet<AreaType> = views.collect();
    let residents = Residents::published(state)?.and_then(|residents| residents.by_atom(gazetteer));
    let Some(residents) = residents else {
        let reason =
            "how many people live in its areas is not known: publish an open dataset with `counts = \"residents\"`";
        return Ok(types.into_iter().map(|area_type| (area_type, reason.to_owned())).collect());
    };
    let mut accepted: Vec<RegisteredArea> = Vec::new();
    for area_type in types.into_iter().rev() {
        let mut with = accepted.clone();
        with.extend(gazetteer.areas(area_type).iter().map(|area| RegisteredArea {
            code: area.code.to_string(),
            parts: gazetteer.members(area_type, area.code.as_str()).iter().map(|atom| u32::from(atom.0)).collect(),
        }));
        match screen_areas(&with, &residents, u64::from(least)).first() {
            Some(refusal) => drop(refused.insert(area_type, refusal.to_string())),
            None => accepted = with,
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests;
