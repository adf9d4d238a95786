//! What the analyst holds: one fact for every answered count about controlled data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use attack::Value;
use model::contract::{Counts, Level, Role};
use model::indicator::IndicatorType;
use model::{AreaType, DatasetContract, DatasetId, Indicator, Period, View};
use serde_json::Value as Json;

use crate::support::root;

/// Begins the names of tables whose gaps may be another table's: a rate is withheld if its count or its denominator is.
pub(super) const EITHER: &str = "either ";

/// A published count, or the mark in its place.
pub(super) struct Fact {
    /// The table it stands in.
    pub(super) table: String,
    /// The summed column.
    pub(super) column: String,
    /// The filter of the measure.
    pub(super) filter: BTreeMap<String, Vec<String>>,
    pub(super) area_type: AreaType,
    pub(super) area: String,
    pub(super) period: Period,
    /// Dimension to category, where it is not the total.
    pub(super) categories: BTreeMap<String, String>,
    pub(super) value: Value,
}

/// The facts about one dataset, and the composition of the areas.
pub(super) struct Facts {
    pub(super) facts: Vec<Fact>,
    /// Area type to code to the small areas inside.
    pub(super) areas: BTreeMap<AreaType, BTreeMap<String, BTreeSet<String>>>,
    /// How many people live in an area in a year, where the dataset counts people.
    pub(super) residents: BTreeMap<(AreaType, String, i32), u64>,
    /// Columns of which each is part of another: the part, and its whole.
    pub(super) parts: BTreeMap<String, String>,
}

impl Facts {
    /// A column with all that is inside it.
    pub(super) fn inside(&self, column: &str) -> Vec<String> {
        let part = |whole: &String| self.parts.iter().find(|(_, of)| *of == whole).map(|(part, _)| part.clone());
        std::iter::successors(Some(column.to_owned()), part).collect()
    }
}

/// Everything that was answered.
pub(super) struct Gathered {
    pub(super) groups: BTreeMap<DatasetId, Facts>,
    /// Indicators on controlled data that the analyst may not read.
    pub(super) unread: Vec<String>,
}

/// The public definitions.
pub(super) struct Definitions {
    indicators: Vec<Indicator>,
    pub(super) contracts: BTreeMap<DatasetId, DatasetContract>,
}

impl Definitions {
    /// Those of the sample.
    pub(super) fn read() -> Self {
        Self::with(&root().join("sample-data/indicators"))
    }

    /// The sample's contracts, with other indicators.
    pub(super) fn with(indicators: &Path) -> Self {
        let texts = |folder: &Path| {
            crate::support::files(folder)
                .into_iter()
                .map(|path| std::fs::read_to_string(path).unwrap())
                .collect::<Vec<_>>()
        };
        let indicators = texts(indicators).iter().map(|text| Indicator::parse("indicator", text).unwrap()).collect();
        let contract = |text: &String| DatasetContract::parse("contract", text).unwrap();
        let contracts: Vec<DatasetContract> =
            texts(&root().join("sample-data/contracts")).iter().map(contract).collect();
        Self { indicators, contracts: contracts.into_iter().map(|contract| (contract.id.clone(), contract)).collect() }
    }

    fn controlled(&self, dataset: &DatasetId) -> bool {
        !self.contracts[dataset].exposure.is_open()
    }

    /// Whether the numerator and the denominator of an indicator are protected.
    pub(super) fn controlled_parts(&self, indicator: &str) -> [bool; 2] {
        let indicator = self.indicators.iter().find(|i| i.id.as_str() == indicator).unwrap();
        let denominator = indicator.denominator.as_ref();
        let denominator = denominator.is_some_and(|of| self.controlled(&of.dataset));
        [self.controlled(&indicator.numerator.dataset), denominator]
    }

    /// What anybody takes for a part of something else: the numerator of a proportion, and of people or events what is 0 or 1 in each row.
    fn parts(&self, dataset: &DatasetId) -> BTreeMap<String, String> {
        let mut parts = BTreeMap::new();
        for indicator in self.indicators.iter().filter(|indicator| indicator.numerator.dataset == *dataset) {
            let above = &indicator.numerator;
            let proportion = indicator.indicator_type == IndicatorType::Proportion;
            let of = indicator.denominator.as_ref().filter(|of| proportion && of.measure != above.measure);
            parts.extend(of.map(|of| (above.measure.clone(), of.measure.clone())));
        }
        let contract = &self.contracts[dataset];
        for column in contract.columns.iter().filter(|_| contract.level != Level::Aggregate) {
            if column.role == Role::Measure && column.range.is_some_and(|(least, most)| least >= 0 && most <= 1) {
                parts.entry(column.name.clone()).or_insert_with(|| "count".to_owned());
            }
        }
        parts
    }

    fn find(&self, indicator: &str, view: &str) -> (&Indicator, &View) {
        let indicator = self.indicators.iter().find(|i| i.id.as_str() == indicator).unwrap();
        (indicator, indicator.views.iter().find(|v| v.name == view).unwrap())
    }
}

/// Sorts the answers by dataset.
pub(super) fn gather(definitions: &Definitions, tables: Vec<(String, String, Vec<Json>)>, areas: &Json) -> Gathered {
    let areas = composition(areas);
    let mut groups: BTreeMap<DatasetId, Facts> = BTreeMap::new();
    let residents = residents(definitions, &tables);
    let mut read = BTreeSet::new();
    for (indicator, view, rows) in tables {
        let (indicator, view) = definitions.find(&indicator, &view);
        read.insert(indicator.id.clone());
        // Linked figures exclude nothing: no number that there may be is less possible for whoever knows them.
        if definitions.contracts[&indicator.numerator.dataset].links.is_some() {
            continue;
        }
        for row in &rows {
            for (dataset, fact) in facts_of(definitions, indicator, view, row) {
                let people = definitions.contracts[&dataset].counts == Counts::People;
                let residents = if people { residents.clone() } else { BTreeMap::new() };
                let parts = definitions.parts(&dataset);
                let empty = || Facts { facts: Vec::new(), areas: areas.clone(), residents, parts };
                groups.entry(dataset).or_insert_with(empty).facts.push(fact);
            }
        }
    }
    let unread = definitions
        .indicators
        .iter()
        .filter(|i| definitions.controlled(&i.numerator.dataset) && !read.contains(&i.id))
        .map(|i| i.id.to_string())
        .collect();
    Gathered { groups, unread }
}

/// How many people live in each area in each year, as open indicators say.
fn residents(
    definitions: &Definitions,
    tables: &[(String, String, Vec<Json>)],
) -> BTreeMap<(AreaType, String, i32), u64> {
    let counts = |dataset: &DatasetId| definitions.contracts[dataset].counts == Counts::Residents;
    let mut residents = BTreeMap::new();
    for (indicator, view, rows) in tables {
        let (indicator, view) = definitions.find(indicator, view);
        let all = indicator.denominator.as_ref().is_some_and(|of| counts(&of.dataset) && of.filter.is_empty());
        if !all || !counts(&indicator.numerator.dataset) || !view.by.is_empty() {
            continue;
        }
        for row in rows {
            let period = Period::parse(row["period"].as_str().unwrap(), view.period_type).unwrap();
            let key = (view.area_type, text(&row["area_code"]), period.start().year());
            residents.insert(key, row["denominator"].as_u64().unwrap());
        }
    }
    residents
}

fn composition(areas: &Json) -> BTreeMap<AreaType, BTreeMap<String, BTreeSet<String>>> {
    let mut by_type: BTreeMap<AreaType, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for area in areas["areas"].as_array().unwrap() {
        let atoms = area["atoms"].as_array().unwrap().iter().map(text).collect();
        by_type.entry(text(&area["area_type"]).parse().unwrap()).or_default().insert(text(&area["code"]), atoms);
    }
    by_type
}

/// The counts that a row tells about controlled datasets: its numerator's, and its denominator's where it is shown.
fn facts_of(definitions: &Definitions, indicator: &Indicator, view: &View, row: &Json) -> Vec<(DatasetId, Fact)> {
    let status = row["status"].as_str().unwrap();
    let denominator = indicator.denominator.as_ref().filter(|measure| definitions.controlled(&measure.dataset));
    let mut facts = Vec::new();
    let fact = |kind: &str, measure: &model::indicator::Measure, value| Fact {
        table: format!("{kind}{}/{}", indicator.id, view.name),
        column: measure.measure.clone(),
        filter: measure.filter.clone(),
        area_type: view.area_type,
        area: text(&row["area_code"]),
        period: Period::parse(row["period"].as_str().unwrap(), view.period_type).unwrap(),
        categories: categories(row),
        value,
    };
    if definitions.controlled(&indicator.numerator.dataset) {
        let kind = if denominator.is_some() { EITHER } else { "" };
        // Not available may be the rate alone; rounded to zero says nothing about the count.
        let value = match status {
            "c" => Some(Value::Withheld),
            "x" => row["count"].as_u64().map(Value::Released),
            "z" => Some(Value::Released(0)),
            "low" => None,
            _ => Some(counted(row, row["count"].as_u64().unwrap())),
        };
        let numerator = &indicator.numerator;
        facts.extend(value.map(|value| (numerator.dataset.clone(), fact(kind, numerator, value))));
    }
    if let Some(measure) = denominator {
        let contract = &definitions.contracts[&measure.dataset];
        let same = measure.dataset == indicator.numerator.dataset || contract.partition == view.period_type;
        assert!(same, "{}: the denominator is of another period: tell the attacker which", indicator.id);
        assert!(view.by.is_empty(), "{}: tell the attacker which dimensions the denominator shares", indicator.id);
        let value = match status {
            "c" => Some(Value::Withheld),
            "z" => Some(Value::Released(0)),
            "x" | "low" => None,
            _ => Some(Value::Released(row["denominator"].as_u64().unwrap())),
        };
        let kind = format!("{EITHER}denominator of ");
        facts.extend(value.map(|value| (measure.dataset.clone(), fact(&kind, measure, value))));
    }
    facts
}

/// What a count tells: itself, or where there is noise what it may have been made of.
fn counted(row: &Json, count: u64) -> Value {
    let noise = row["caveat"].as_str().and_then(|caveat| {
        let (_, after) = caveat.split_once("noise of at most ")?;
        after.split(' ').next()?.parse::<u64>().ok()
    });
    match noise {
        Some(largest) => Value::Between(count.saturating_sub(largest), count + largest),
        None => Value::Released(count),
    }
}

fn categories(row: &Json) -> BTreeMap<String, String> {
    let mut categories = BTreeMap::new();
    let mut add = |dimension: &str, category: &Json| {
        if let Some(category) = category.as_str().filter(|category| *category != "all") {
            categories.insert(dimension.to_owned(), category.to_owned());
        }
    };
    add("sex", &row["sex"]);
    add("age", &row["age"]);
    if let Some(dimension) = row["breakdown_type"].as_str() {
        add(dimension, &row["breakdown"]);
    }
    categories
}

fn text(value: &Json) -> String {
    value.as_str().unwrap().to_owned()
}
