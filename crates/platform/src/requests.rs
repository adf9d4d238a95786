//! What a protection group publishes: the tables that indicators ask of a dataset, and the periods that its partitions cover.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use disclosure::{CellId, GroupId, MeasureId};
use engine::{AreaSet, Contributors, Dimension, GroupRequest, MeasureSpec, TableSpec};
use geography::Gazetteer;
use model::contract::{Absence, ColumnType, Counts, DatasetContract, Level};
use model::indicator::{Indicator, Measure, View};
use model::{AreaCode, AreaType, DatasetId, Digest, Exposure, Month, Period, PeriodType};

use crate::cube::{DenominatorPeriods, covered};
use crate::definitions::Definitions;
use crate::error::PlatformError;
use crate::publish::{Registration, bounds, everybody, shared_with_residents};

/// The group that a dataset's numbers are protected in: all measures, filters and views of it together.
pub(crate) fn group_of(dataset: &DatasetId) -> Result<GroupId, PlatformError> {
    dataset.as_str().parse().map_err(PlatformError::failed("name a protection group"))
}

pub(crate) fn measure_id(measure: &Measure) -> Result<MeasureId, PlatformError> {
    measure.identity().parse().map_err(PlatformError::failed("name a measure"))
}

/// Every table that indicators take from a dataset, and those that only earlier plans decided.
pub(crate) fn tables(
    definitions: &Definitions,
    gazetteer: &Gazetteer,
    contract: &DatasetContract,
    partitions: &[Period],
    decided: &[Registration],
) -> Result<Vec<TableSpec>, PlatformError> {
    let mut tables = Tables { gazetteer, contract, areas: BTreeMap::new(), tables: BTreeMap::new() };
    for indicator in definitions.indicators_on(&contract.id) {
        let Some(numerator) = definitions.contract(&indicator.numerator.dataset) else { continue };
        for view in &indicator.views {
            let by = dimensions(numerator, view);
            let mut add = |measure: &Measure, (kind, periods), by| -> Result<(), PlatformError> {
                let measure = MeasureSpec {
                    id: measure_id(measure)?,
                    column: measure.measure.clone(),
                    filter: measure.filter.clone(),
                };
                tables.add(measure, (view.area_type, kind), periods, by).asked_by.insert(indicator.id.clone());
                Ok(())
            };
            if numerator.id == contract.id {
                let periods = (view.period_type, covered(partitions, view.period_type));
                add(&indicator.numerator, periods, by.clone())?;
            }
            if let Some(denominator) = indicator.denominator.as_ref().filter(|m| m.dataset == contract.id) {
                let periods = denominator_periods(indicator, view, contract, partitions);
                add(denominator, periods, shared(by, contract))?;
            }
        }
    }
    if contract.counts == Counts::Residents {
        tables.add_residents(definitions, partitions)?;
    }
    // Of what was withdrawn there is nothing to count, and none counted is not the same.
    let months: BTreeSet<Month> = partitions.iter().flat_map(|period| period.months()).collect();
    let is_there = |period: &Period| period.months().all(|month| months.contains(&month));
    for table in decided {
        let measure = MeasureSpec {
            id: table.measure.parse().map_err(PlatformError::failed("name a measure"))?,
            column: table.column.clone(),
            filter: table.filter.clone(),
        };
        let periods = table.periods.iter().copied().filter(is_there).collect();
        let by = table.by.iter().cloned().map(|(name, categories)| Dimension { name, categories }).collect();
        tables.add(measure, (table.area_type, table.period_type), periods, by);
    }
    Ok(tables.tables.into_values().collect())
}

/// The dimensions of a table that a denominator's dataset has too.
pub(crate) fn shared(by: Vec<Dimension>, contract: &DatasetContract) -> Vec<Dimension> {
    by.into_iter().filter(|dimension| contract.dimensions().contains(&dimension.name.as_str())).collect()
}

/// What is known and agreed about a group, beside its tables.
pub(crate) struct Terms {
    pub(crate) exposure: Exposure,
    /// Digest over everything that the tables depend on.
    pub(crate) revision: Digest,
    /// Sensitive dimensions and measures.
    pub(crate) sensitive: BTreeSet<String>,
    /// What everybody knows that cells are at most.
    pub(crate) known_upper: BTreeMap<CellId, u64>,
}

/// The group's tables over one dataset.
pub(crate) fn group_request(
    contract: &DatasetContract,
    terms: Terms,
    partitions: &[Period],
    tables: Vec<TableSpec>,
) -> Result<GroupRequest, PlatformError> {
    let Terms { exposure, revision, sensitive, known_upper } = terms;
    let open = exposure.is_open();
    let reports = contract.level == Level::Aggregate && contract.absence == Absence::NotReported;
    Ok(GroupRequest {
        group: group_of(&contract.id)?,
        revision,
        dataset: contract.id.clone(),
        // Who is behind open data is of no consequence: everybody has them.
        contributors: match contract.level {
            _ if open => Contributors::Figures,
            Level::Aggregate => Contributors::Figures,
            Level::Person | Level::Event if contract.link().is_some() => Contributors::Linked,
            Level::Person | Level::Event => Contributors::Rows,
        },
        partner: contract.partner.clone().filter(|_| !open),
        exposure,
        sensitive,
        known_upper,
        // Open figures are shown as they are, whatever they say of each other.
        parts: if open { BTreeMap::new() } else { parts(contract) },
        decimals: decimals(contract),
        reporting: if reports { partitions.to_vec() } else { Vec::new() },
        classifications: classifications(contract),
        tables,
    })
}

fn denominator_periods(
    indicator: &Indicator,
    view: &View,
    contract: &DatasetContract,
    partitions: &[Period],
) -> (PeriodType, Vec<Period>) {
    match DenominatorPeriods::of(&indicator.numerator.dataset, contract, partitions) {
        DenominatorPeriods::Same => (view.period_type, covered(partitions, view.period_type)),
        DenominatorPeriods::Nearest(kind, periods) => (kind, periods),
    }
}

/// The dimensions of a view with the categories that it publishes.
pub(crate) fn dimensions(contract: &DatasetContract, view: &View) -> Vec<Dimension> {
    view.by.iter().map(|name| Dimension { name: name.clone(), categories: categories(contract, view, name) }).collect()
}

/// The published categories and, always, `unknown` for every row that is in none of them: what is left of a total is then
/// a cell like any other, decided about and shown, and not a difference that anybody can take.
fn categories(contract: &DatasetContract, view: &View, dimension: &str) -> Vec<String> {
    if dimension == "age" && !view.age_bands.is_empty() {
        return with_unknown(view.age_bands.iter().map(ToString::to_string).collect());
    }
    all_categories(contract, dimension)
}

/// The categories of a dimension by its contract, and `unknown` wherever a row may say nothing of it.
pub(crate) fn all_categories(contract: &DatasetContract, dimension: &str) -> Vec<String> {
    let categories = classifications(contract).remove(dimension).unwrap_or_default();
    // How many services know somebody is never unknown.
    if contract.links.is_some() { categories } else { with_unknown(categories) }
}

fn with_unknown(mut categories: Vec<String>) -> Vec<String> {
    if !categories.iter().any(|category| category == engine::UNKNOWN) {
        categories.push(engine::UNKNOWN.to_owned());
    }
    categories
}

/// Every value that each dimension can take.
pub(crate) fn classifications(contract: &DatasetContract) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for column in &contract.columns {
        let values: Vec<String> = if column.bands.is_empty() {
            column.allowed.clone()
        } else {
            column.bands.iter().map(ToString::to_string).collect()
        };
        if contract.dimensions().contains(&column.name.as_str()) {
            all.insert(column.name.clone(), values);
        }
    }
    for unpivot in &contract.unpivots {
        all.entry(unpivot.into.clone()).or_default().extend(unpivot.allowed.iter().cloned());
        for (name, value) in &unpivot.set {
            let values = all.entry(name.clone()).or_default();
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
    }
    all
}

/// Which measures of a dataset are parts of others.
fn parts(contract: &DatasetContract) -> BTreeMap<String, String> {
    let owned = |(part, whole): (&str, &str)| (part.to_owned(), whole.to_owned());
    contract.parts().into_iter().map(owned).collect()
}

fn decimals(contract: &DatasetContract) -> BTreeSet<String> {
    let columns = contract.columns.iter().filter(|column| column.column_type == ColumnType::Decimal);
    columns.map(|column| column.name.clone()).collect()
}

type TableKey = (MeasureId, AreaType, PeriodType, Vec<(String, Vec<String>)>);

struct Tables<'a> {
    gazetteer: &'a Gazetteer,
    contract: &'a DatasetContract,
    areas: BTreeMap<AreaType, Arc<AreaSet>>,
    tables: BTreeMap<TableKey, TableSpec>,
}

impl Tables<'_> {
    /// What is known of counts of people by how many live somewhere: residents of every small area, and of all areas and
    /// categories by which people are counted elsewhere.
    fn add_residents(&mut self, definitions: &Definitions, partitions: &[Period]) -> Result<(), PlatformError> {
        let (gazetteer, residents) = (self.gazetteer, self.contract);
        let everybody = everybody(residents);
        let mut add = |area_type, by| -> Result<(), PlatformError> {
            let measure =
                MeasureSpec { id: measure_id(&everybody)?, column: everybody.measure.clone(), filter: BTreeMap::new() };
            self.add(measure, (area_type, residents.partition), partitions.to_vec(), by);
            Ok(())
        };
        add(residents.geography.area_type, Vec::new())?;
        for indicator in definitions.indicators() {
            let counted = definitions.contract(&indicator.numerator.dataset).filter(|contract| bounds(contract));
            for view in counted.iter().flat_map(|_| &indicator.views) {
                if let Some(of) = counted.filter(|_| resolves(gazetteer, residents.geography.area_type, view.area_type))
                {
                    let mut by = shared_with_residents(residents, &dimensions(of, view));
                    // Everybody's sex and age are known; and what is left of other bands would be another figure each time.
                    by.iter_mut().for_each(|by| by.categories.retain(|category| category != engine::UNKNOWN));
                    add(view.area_type, by)?;
                }
            }
        }
        Ok(())
    }

    /// Adds a table, or the periods of one that is there already.
    fn add(
        &mut self,
        measure: MeasureSpec,
        (area_type, period_type): (AreaType, PeriodType),
        periods: Vec<Period>,
        by: Vec<Dimension>,
    ) -> &mut TableSpec {
        let categories = by.iter().map(|d| (d.name.clone(), d.categories.clone())).collect();
        let areas = self.areas(area_type);
        let key = (measure.id.clone(), area_type, period_type, categories);
        let asked_by = BTreeSet::new();
        let new = || TableSpec { measure, areas, period_type, periods: Vec::new(), by, asked_by };
        let table = self.tables.entry(key).or_insert_with(new);
        table.periods.extend(periods);
        table.periods.sort_unstable();
        table.periods.dedup();
        table
    }

    fn areas(&mut self, area_type: AreaType) -> Arc<AreaSet> {
        let (gazetteer, stored) = (self.gazetteer, self.contract.geography.area_type);
        Arc::clone(self.areas.entry(area_type).or_insert_with(|| Arc::new(area_set(gazetteer, stored, area_type))))
    }
}

/// The codes of a dataset's areas that make up an area of another type: small areas, or the coarser areas of the contract
/// that lie wholly inside.
fn parts_of(gazetteer: &Gazetteer, stored: AreaType, area_type: AreaType, area: &geography::Area) -> Vec<AreaCode> {
    if stored == area_type {
        return vec![area.code.clone()];
    }
    let members = gazetteer.members(area_type, area.code.as_str());
    if stored == AreaType::Lsoa {
        return members.iter().filter_map(|atom| gazetteer.atom_area(*atom)).map(|a| a.code.clone()).collect();
    }
    let inside = |part: &&geography::Area| {
        let atoms = gazetteer.members(stored, part.code.as_str());
        !atoms.is_empty() && atoms.iter().all(|atom| members.contains(atom))
    };
    gazetteer.areas(stored).iter().filter(inside).map(|part| part.code.clone()).collect()
}

pub(crate) fn area_set(gazetteer: &Gazetteer, stored: AreaType, area_type: AreaType) -> AreaSet {
    let codes = |area: &geography::Area| (area.code.clone(), parts_of(gazetteer, stored, area_type, area));
    AreaSet { area_type, areas: gazetteer.areas(area_type).iter().map(codes).collect() }
}

/// Whether every area of a type is made up of whole areas of a dataset's type: where it is not, rows that exist would be
/// in none of its cells, and a count of nothing would be shown as zero.
pub(crate) fn resolves(gazetteer: &Gazetteer, stored: AreaType, area_type: AreaType) -> bool {
    gazetteer.areas(area_type).iter().all(|area| {
        let parts = parts_of(gazetteer, stored, area_type, area);
        let covered = |part: &AreaCode| gazetteer.members(stored, part.as_str()).iter().copied();
        let covered: BTreeSet<_> = parts.iter().flat_map(covered).collect();
        let members = gazetteer.members(area_type, area.code.as_str());
        stored == area_type || (!members.is_empty() && members.iter().all(|atom| covered.contains(atom)))
    })
}
