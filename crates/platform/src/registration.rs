//! Which views may be published at all: judged by boundaries, populations and definitions alone, before any data, so that the answer
//! says nothing about them.

use std::collections::{BTreeMap, BTreeSet};

use disclosure::{Counted, Geographies, Refusal, Register, RegisteredArea, RegisteredTable};
use geography::Gazetteer;
use jiff::Timestamp;
use model::contract::DatasetContract;
use model::indicator::{Indicator, View};
use model::{AgeBand, AreaType, DatasetId, ViewId};

use crate::definitions::Definitions;
use crate::platform::Platform;
use crate::publish::coarser_than;
use crate::requests;
use crate::settings::Limits;
use crate::state::State;

/// The areas of a geography, compared with each other.
pub(crate) fn geographies(gazetteer: &Gazetteer, limits: &Limits) -> Geographies {
    let areas = |kind: AreaType| -> Vec<RegisteredArea> {
        let area = |area: &geography::Area| RegisteredArea {
            code: area.code.to_string(),
            parts: gazetteer.members(kind, area.code.as_str()).iter().map(|atom| u32::from(atom.0)).collect(),
        };
        gazetteer.areas(kind).iter().map(area).collect()
    };
    let types: BTreeMap<AreaType, Vec<RegisteredArea>> =
        gazetteer.area_types().map(|kind| (kind, areas(kind))).filter(|(_, areas)| !areas.is_empty()).collect();
    Geographies::new(&types, gazetteer.populations(), limits.least_population)
}

/// What a geography would not let be published, whoever publishes it: for people who check one.
pub(crate) fn warnings(geographies: &Geographies) -> Vec<String> {
    let mut said = BTreeSet::new();
    let mut warnings = Vec::new();
    for ((one, other), refusal) in geographies.refusals() {
        let text = refusal.to_string();
        // What is wrong with one type is wrong with every pair that has it.
        if said.insert(text.clone()) {
            let of = if one == other { format!("`{one}`") } else { format!("`{one}` together with `{other}`") };
            warnings.push(format!("controlled data may not be published by {of}: {text}"));
        }
    }
    warnings
}

/// Every view that takes something refused from one of these datasets, and why.
pub(crate) fn refused<'a>(
    state: &State,
    (definitions, contracts): (&Definitions, impl Iterator<Item = &'a DatasetContract>),
    geographies: &Geographies,
    limits: &Limits,
    now: Timestamp,
) -> BTreeMap<ViewId, Refusal> {
    let mut refused = BTreeMap::new();
    for contract in contracts {
        let Some(k) = threshold(state, contract, now) else { continue };
        let mut register = Register::new(geographies, k, limits.view_cells);
        released(state, &contract.id).for_each(|table| register.keep(table));
        let mut tables: Vec<(bool, ViewId, RegisteredTable)> = Vec::new();
        for indicator in definitions.indicators_on(&contract.id) {
            for view in &indicator.views {
                let Ok(id) = indicator.view_id(view) else { continue };
                tables.extend(
                    table(definitions, contract, indicator, view, &id)
                        .map(|table| (!is_published(state, &contract.id, &id), id.clone(), table)),
                );
            }
        }
        // What is out already comes before what is new; among the others the order of names decides.
        tables.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        for (_, id, table) in tables {
            if let Err(refusal) = register.admit(table) {
                refused.entry(id).or_insert(refusal);
            }
        }
    }
    refused
}

/// The greatest threshold of the agreements about a dataset; none for data that are open to all of them.
fn threshold(state: &State, contract: &DatasetContract, now: Timestamp) -> Option<u64> {
    let governing = state.snapshot.governing(&contract.id, now);
    let agreements = || governing.agreements.iter().filter_map(|digest| state.snapshot.agreement(digest));
    let open = |agreement: &agreements::Agreement| {
        agreement.dataset(&contract.id).is_some_and(|agreed| agreed.exposure == contract.exposure)
    };
    if contract.exposure.is_open() && agreements().all(open) {
        return None;
    }
    agreements().map(|agreement| u64::from(agreement.document().terms.k)).max().or(Some(2))
}

fn is_published(state: &State, dataset: &DatasetId, view: &ViewId) -> bool {
    state.out.get(dataset).is_some_and(|group| group.basis.views.contains(view))
}

/// The tables that are out of a dataset, those included that no view asks for any more: no reader has forgotten them.
fn released<'a>(state: &'a State, dataset: &DatasetId) -> impl Iterator<Item = RegisteredTable> + 'a {
    let group = state.out.get(dataset).filter(|group| !group.basis.open);
    let contract = state.definitions.contract(dataset);
    group.into_iter().flat_map(|group| &group.basis.tables).map(move |table| {
        let of_table = table.by.iter().map(|(name, categories)| (name, categories)).chain(&table.filter);
        let ages = of_table.filter(|(name, _)| *name == "age").flat_map(|(_, bands)| bands);
        RegisteredTable {
            name: format!("{} by {} and {}, as it was published", table.measure, table.area_type, table.period_type),
            area_type: table.area_type,
            period_type: table.period_type,
            counts: BTreeSet::from([counted(contract, &table.column, &table.filter)]),
            ages: ages.filter_map(|band| band.parse().ok()).collect(),
            categories: table.by.iter().map(|(_, categories)| categories.len() as u64 + 1).product(),
            by: table.by.iter().map(|(name, _)| name.clone()).collect(),
            records: None,
        }
    })
}

/// What a view takes from a dataset.
fn table(
    definitions: &Definitions,
    contract: &DatasetContract,
    indicator: &Indicator,
    view: &View,
    id: &ViewId,
) -> Option<RegisteredTable> {
    let numerator = definitions.contract(&indicator.numerator.dataset)?;
    let (foreign, mut by) = (numerator.id != contract.id, requests::dimensions(numerator, view));
    if foreign {
        by = requests::shared(by, contract);
    }
    let measures = || std::iter::once(&indicator.numerator).chain(&indicator.denominator);
    let measures = || measures().filter(|measure| measure.dataset == contract.id);
    let ages = by.iter().filter(|dimension| dimension.name == "age").flat_map(|dimension| &dimension.categories);
    let ages = ages.chain(measures().filter_map(|measure| measure.filter.get("age")).flatten());
    Some(RegisteredTable {
        name: id.to_string(),
        area_type: view.area_type,
        // A denominator of another dataset is taken for one of its partitions.
        period_type: if foreign { contract.partition } else { view.period_type },
        counts: measures().map(|measure| counted(Some(contract), &measure.measure, &measure.filter)).collect(),
        ages: ages.filter_map(|band| band.parse().ok()).collect(),
        categories: by.iter().map(|dimension| dimension.categories.len() as u64 + 1).product(),
        by: by.into_iter().map(|dimension| dimension.name).collect(),
        records: indicator.expected_per_year.filter(|_| !foreign),
    })
}

/// A sum as registration looks at it: a part of another column is a choice of that; bands of ages are compared by the years in them;
/// `unknown` is a category by itself.
fn counted(contract: Option<&DatasetContract>, column: &str, filter: &BTreeMap<String, Vec<String>>) -> Counted {
    let years = |band: &String| -> Vec<String> {
        let Some((first, last)) = band.parse().ok().and_then(AgeBand::ages) else { return vec![band.clone()] };
        (first..=last.unwrap_or(u8::MAX)).map(|year| year.to_string()).collect()
    };
    let chosen = |(dimension, values): (&String, &Vec<String>)| {
        let values =
            if dimension == "age" { values.iter().flat_map(years).collect() } else { values.iter().cloned().collect() };
        (dimension.clone(), values)
    };
    let column = contract.map_or(column, |contract| contract.whole_of(column));
    Counted { column: column.to_owned(), filter: filter.iter().map(chosen).collect() }
}

/// Why a view is refused, with what to register in its place.
pub(crate) fn in_words(definitions: &Definitions, id: &ViewId, refusal: &Refusal) -> String {
    let large = matches!(refusal, Refusal::TooLarge { .. } | Refusal::TooSparse { .. });
    let coarser = definitions.view(id).filter(|_| large).map(|(_, view)| coarser_than(view));
    let coarser = coarser.map_or_else(String::new, |proposal| format!(" ({proposal})"));
    format!("view `{id}` is not registered: {refusal}{coarser}")
}

impl Platform {
    /// The views that are not registered, each with the reason and what would be. They are not published.
    #[must_use]
    pub fn refused_views(&self) -> Vec<String> {
        let state = self.state();
        let Some(geography) = &state.geography else { return Vec::new() };
        let limits = &self.settings().limits;
        let all = (&*state.definitions, state.definitions.contracts());
        let refused = refused(&state, all, &geography.registered, limits, self.now());
        let views = refused.iter().map(|(id, refusal)| in_words(&state.definitions, id, refusal));
        views
            .chain(state.definitions.contracts().filter_map(|contract| self.refused_crossings(&state, contract)))
            .chain(state.definitions.linked().filter_map(|contract| self.refused_links(&state, contract)))
            .collect()
    }
}

#[cfg(test)]
mod tests;
