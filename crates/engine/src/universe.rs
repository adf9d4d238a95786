//! From coded rows to the cells of a group over its atoms.
//!
//! Atoms are the coarsest combinations of area, period and category that still tell every registered cell apart: two
//! values that no table distinguishes share a class.

use std::collections::BTreeMap;

use disclosure::{AtomIndex, CellFacts, CellId, Unreleased, UnreleasedBuilder};
use model::table::Breakdown;
use model::{AgeBand, AreaType, CellKey, Month, Period, Sex};

use crate::choice::{Choice, choices};
use crate::error::EngineError;
use crate::facts::{Facts, Row};
use crate::nested::Family;
use crate::people::People;
use crate::request::{Deadline, GroupRequest, Limits, MeasureSpec, TableSpec};
use crate::unreported::unreported;

/// Builds the group's cells and hands them to disclosure control.
///
/// # Errors
/// If the atoms are more than `limits` allow: then no memory was taken for them; or it takes longer than it may.
pub(crate) fn tabulate(
    facts: &Facts,
    request: &GroupRequest,
    limits: &Limits,
    deadline: &Deadline,
) -> Result<Unreleased, EngineError> {
    let dimensions = request.dimensions();
    let mut needed = 0_u64;
    let mut builder = UnreleasedBuilder::new(request.group.clone(), request.revision, request.exposure.clone());
    declare_sensitive(request, &dimensions, &mut builder);
    for family in Family::all(request)? {
        let tables: Vec<(usize, &TableSpec)> =
            request.tables.iter().filter_map(|table| Some((family.layer(&table.measure.column)?, table))).collect();
        let space = Space::new(facts, request, &tables.iter().map(|(_, table)| *table).collect::<Vec<_>>());
        let layers = u64::try_from(family.layers()).unwrap_or(u64::MAX);
        needed = needed.saturating_add(space.size().saturating_mul(layers));
        let size = checked(needed, space.size(), limits)?;
        let positions = space.positions_of(facts);
        let truth = space.truth(facts, &family, &positions, (request, size))?;
        let people = People::new(facts, &family, (&positions, size), request)?;
        let numbers = vec![None; family.layers() * size];
        let mut atoms = Atoms { truth: &truth, people: people.as_ref(), numbers, size, layer: 0 };
        for (table_index, (layer, table)) in tables.into_iter().enumerate() {
            atoms.layer = layer;
            space.cells((table_index, table), &dimensions, request, &mut atoms, &mut builder, deadline)?;
        }
    }
    builder.finish().map_err(EngineError::Group)
}

/// The number of atoms of a space as a length, if those of the group so far are within the limit.
fn checked(needed: u64, size: u64, limits: &Limits) -> Result<usize, EngineError> {
    let limit = limits.max_atoms;
    let size = usize::try_from(size).ok().filter(|_| needed <= limit);
    size.ok_or(EngineError::TooLarge { needed, unit: "atoms", limit, setting: "limits.max_atoms" })
}

/// A dimension is sensitive as what a table is broken down by, and as what a measure is filtered by; a column, whenever it is
/// summed.
fn declare_sensitive(request: &GroupRequest, dimensions: &[&str], builder: &mut UnreleasedBuilder) {
    for name in dimensions.iter().filter(|name| request.sensitive.contains(**name)) {
        builder.sensitive_dimension(name);
    }
    for MeasureSpec { id, column, filter } in request.tables.iter().map(|table| &table.measure) {
        if request.sensitive.contains(column) || filter.keys().any(|name| request.sensitive.contains(name)) {
            builder.sensitive_measure(id.clone());
        }
    }
}

/// A partition of values into classes; a class is known by what its members match.
struct Classes {
    /// Class of each value.
    of_value: Vec<usize>,
    count: usize,
}

impl Classes {
    fn by_signature<S: Ord>(signatures: impl Iterator<Item = S>) -> Self {
        let mut numbers = BTreeMap::new();
        let of_value = signatures
            .map(|signature| {
                let next = numbers.len();
                *numbers.entry(signature).or_insert(next)
            })
            .collect();
        Self { of_value, count: numbers.len() }
    }

    /// The classes of the values that match, in order, once each.
    fn matching(&self, matches: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut classes: Vec<usize> =
            self.of_value.iter().enumerate().filter(|(value, _)| matches(*value)).map(|(_, class)| *class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }
}

/// The classes of one table's axes.
struct Axes {
    areas: Vec<Vec<usize>>,
    periods: Vec<Vec<usize>>,
    /// For each dimension of the group: the classes of each choice (the total last); one choice where the table does not
    /// break down by it. The filter is already applied.
    choices: Vec<Vec<Vec<usize>>>,
}

/// The mixed-radix space of positions of one measure column, or of several that are inside each other.
struct Space {
    area_codes: BTreeMap<String, usize>,
    area_classes: Classes,
    months: Vec<Month>,
    month_classes: Classes,
    dimension_classes: Vec<Classes>,
    axes: Vec<Axes>,
}

/// By layer and position.
struct Truth {
    counts: Vec<i64>,
    /// Whether all of the layer's own column is known.
    complete: Vec<bool>,
}

/// The atoms of a space: one for each position and layer.
struct Atoms<'a> {
    truth: &'a Truth,
    /// Who stands behind each, where that is told apart.
    people: Option<&'a People>,
    numbers: Vec<Option<AtomIndex>>,
    /// How many positions there are.
    size: usize,
    /// The layer of the table at hand.
    layer: usize,
}

impl Atoms<'_> {
    /// Whether a figure over these positions can be given.
    fn available(&self, positions: &[usize]) -> bool {
        let own = positions.iter().map(|position| self.layer * self.size + position);
        own.map(|position| self.truth.complete.get(position)).all(|complete| complete.copied().unwrap_or(true))
    }

    /// Positions with all layers that the table at hand reaches over.
    fn layered(&self, positions: &[usize]) -> Vec<usize> {
        (0..=self.layer).flat_map(|layer| positions.iter().map(move |at| layer * self.size + at)).collect()
    }

    /// The number of an atom, which is given with all its contributions the first time that a cell asks for it.
    fn number(&mut self, position: usize, builder: &mut UnreleasedBuilder) -> Option<AtomIndex> {
        let slot = self.numbers.get_mut(position)?;
        if slot.is_none() {
            let count = self.truth.counts.get(position).copied().unwrap_or_default();
            let atom = builder.atom(u64::try_from(count).unwrap_or_default());
            for one in self.people.map(|people| people.of(position)).unwrap_or_default() {
                builder.contribution(atom, one.who, one.partner, one.amount);
            }
            *slot = Some(atom);
        }
        *slot
    }

    /// Distinct people and cases behind atoms with this count; where nobody is told apart, each record is somebody's.
    fn contributors(&self, positions: &[usize], count: u64) -> u64 {
        self.people.map_or(count, |people| people.distinct(positions))
    }
}

impl Space {
    fn new(facts: &Facts, request: &GroupRequest, tables: &[&TableSpec]) -> Self {
        let mut area_signatures: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
        for (t, table) in tables.iter().enumerate() {
            for (a, (_, atoms)) in table.areas.areas.iter().enumerate() {
                for atom in atoms {
                    area_signatures.entry(atom.to_string()).or_default().push((t, a));
                }
            }
        }
        let area_codes = area_signatures.keys().enumerate().map(|(number, code)| (code.clone(), number)).collect();
        let area_classes = Classes::by_signature(area_signatures.values());
        let mut month_signatures: BTreeMap<Month, Vec<Period>> = BTreeMap::new();
        for period in tables.iter().flat_map(|t| &t.periods) {
            for month in period.months() {
                month_signatures.entry(month).or_default().push(*period);
            }
        }
        for periods in month_signatures.values_mut() {
            periods.sort_unstable();
            periods.dedup();
        }
        let months: Vec<Month> = month_signatures.keys().copied().collect();
        let month_classes = Classes::by_signature(month_signatures.values());
        let mut space =
            Self { area_codes, area_classes, months, month_classes, dimension_classes: Vec::new(), axes: Vec::new() };
        let dimensions = request.dimensions();
        for (dimension, codes) in dimensions.iter().zip(&facts.categories) {
            let choices: Vec<Choice> = tables.iter().flat_map(|t| choices(t, dimension)).collect();
            let signatures = codes
                .texts()
                .iter()
                .map(|value| choices.iter().map(|choice| choice.takes(dimension, value)).collect::<Vec<bool>>());
            space.dimension_classes.push(Classes::by_signature(signatures));
        }
        space.axes = tables.iter().map(|table| space.table_axes(facts, &dimensions, table)).collect();
        space
    }

    fn table_axes(&self, facts: &Facts, dimensions: &[&str], table: &TableSpec) -> Axes {
        let areas = table.areas.areas.iter().map(|(_, atoms)| {
            let mut classes: Vec<usize> = atoms
                .iter()
                .filter_map(|atom| self.area_codes.get(atom.as_str()))
                .filter_map(|number| self.area_classes.of_value.get(*number).copied())
                .collect();
            classes.sort_unstable();
            classes.dedup();
            classes
        });
        let periods = table.periods.iter().map(|period| {
            self.month_classes.matching(|index| self.months.get(index).is_some_and(|month| period.contains(*month)))
        });
        let choices = dimensions.iter().zip(&facts.categories).zip(&self.dimension_classes).map(
            |((dimension, codes), classes)| {
                choices(table, dimension)
                    .iter()
                    .map(|choice| {
                        classes.matching(|value| {
                            codes.texts().get(value).is_some_and(|text| choice.takes(dimension, text))
                        })
                    })
                    .collect()
            },
        );
        Axes { areas: areas.collect(), periods: periods.collect(), choices: choices.collect() }
    }

    /// Position of an atom from its classes.
    fn position(&self, area: usize, month: usize, classes: impl Iterator<Item = usize>) -> usize {
        let mut position = area * self.month_classes.count + month;
        for (space, class) in self.dimension_classes.iter().zip(classes) {
            position = position * space.count + class;
        }
        position
    }

    /// How many atoms it has. The greatest number stands for all that are greater.
    fn size(&self) -> u64 {
        let all = [&self.area_classes, &self.month_classes].into_iter().chain(&self.dimension_classes);
        let counts: Vec<u64> = all.map(|classes| u64::try_from(classes.count).unwrap_or(u64::MAX)).collect();
        // An empty axis first: nothing times anything is nothing.
        if counts.contains(&0) { 0 } else { counts.into_iter().fold(1, u64::saturating_mul) }
    }

    fn month_class(&self, ordinal: i32) -> Option<usize> {
        let month = Month::from_ordinal(ordinal)?;
        let index = self.months.binary_search(&month).ok()?;
        self.month_classes.of_value.get(index).copied()
    }

    fn area_class(&self, code: &str) -> Option<usize> {
        self.area_codes.get(code).and_then(|number| self.area_classes.of_value.get(*number)).copied()
    }

    /// The atom of each row; rows outside every published period or area are in no cell.
    fn positions_of(&self, facts: &Facts) -> Vec<Option<usize>> {
        let area_classes: Vec<Option<usize>> = facts.areas.texts().iter().map(|code| self.area_class(code)).collect();
        let position = |row: &Row| {
            let area = area_classes.get(row.area).copied().flatten()?;
            let month = self.month_class(row.month)?;
            let classes = row
                .categories
                .iter()
                .zip(&self.dimension_classes)
                .map(|(value, space)| space.of_value.get(*value).copied().unwrap_or_default());
            Some(self.position(area, month, classes))
        };
        facts.rows.iter().map(position).collect()
    }

    /// The true count at each of the `size` positions by layer, and whether all of it is known.
    fn truth(
        &self,
        facts: &Facts,
        family: &Family<'_>,
        positions: &[Option<usize>],
        (request, size): (&GroupRequest, usize),
    ) -> Result<Truth, EngineError> {
        let atoms = family.layers() * size;
        let mut truth = Truth { counts: vec![0; atoms], complete: vec![true; atoms] };
        for (row, position) in facts.rows.iter().zip(positions) {
            let Some(position) = *position else { continue };
            for of in family.amounts(row, request)? {
                let position = of.layer * size + position;
                if let Some(count) = truth.counts.get_mut(position) {
                    *count = count.saturating_add(of.amount);
                }
                if let Some(known) = truth.complete.get_mut(position) {
                    *known &= of.known;
                }
            }
        }
        let block = size / (self.area_classes.count * self.month_classes.count).max(1);
        for (area, month) in unreported(facts, &self.area_codes, &self.months, &request.reporting) {
            let class = |classes: &Classes, value: usize| classes.of_value.get(value).copied();
            let (Some(area), Some(month)) = (class(&self.area_classes, area), class(&self.month_classes, month)) else {
                continue;
            };
            for layer in 0..family.layers() {
                let start = layer * size + (area * self.month_classes.count + month) * block;
                if let Some(known) = truth.complete.get_mut(start..start + block) {
                    known.fill(false);
                }
            }
        }
        if truth.counts.iter().any(|count| *count < 0) {
            let problem = "a count is negative: counts are whole numbers from 0".to_owned();
            return Err(EngineError::Stored { dataset: request.dataset.to_string(), problem });
        }
        Ok(truth)
    }

    fn cells(
        &self,
        (table_index, table): (usize, &TableSpec),
        dimensions: &[&str],
        request: &GroupRequest,
        atoms: &mut Atoms<'_>,
        builder: &mut UnreleasedBuilder,
        deadline: &Deadline,
    ) -> Result<(), EngineError> {
        let Some(axes) = self.axes.get(table_index) else { return Ok(()) };
        let combinations = axes.combinations();
        for ((area, _), area_classes) in table.areas.areas.iter().zip(&axes.areas) {
            for (period, month_classes) in table.periods.iter().zip(&axes.periods) {
                deadline.check()?;
                for combination in &combinations {
                    let positions = self.positions(area_classes, month_classes, axes, combination);
                    let available = atoms.available(&positions);
                    let positions = atoms.layered(&positions);
                    let count: i64 = positions.iter().filter_map(|p| atoms.truth.counts.get(*p)).sum();
                    let members: Vec<AtomIndex> = positions.iter().filter_map(|p| atoms.number(*p, builder)).collect();
                    let key = table.key(area.clone(), *period, dimensions, combination)?;
                    let headline =
                        matches!(key.area_type, AreaType::District | AreaType::County | AreaType::Partnership)
                            && key.sex == Sex::All
                            && key.age == AgeBand::All
                            && key.breakdown.is_none();
                    let count = u64::try_from(count).unwrap_or_default();
                    let distinct = atoms.contributors(&positions, count);
                    let id = CellId { measure: table.measure.id.clone(), key };
                    // More than there are is everybody: a figure of residents lags, or is an estimate.
                    let known_upper = request.known_upper.get(&id).map(|upper| (*upper).max(count));
                    let facts = CellFacts { headline, known_upper, not_available: !available };
                    builder.cell(id, members, distinct, facts);
                }
            }
        }
        Ok(())
    }

    fn positions(&self, areas: &[usize], months: &[usize], axes: &Axes, combination: &[Pick]) -> Vec<usize> {
        let mut positions: Vec<usize> = areas
            .iter()
            .flat_map(|area| months.iter().map(move |month| area * self.month_classes.count + month))
            .collect();
        for ((space, choices), pick) in self.dimension_classes.iter().zip(&axes.choices).zip(combination) {
            let classes = choices.get(pick.choice).map(Vec::as_slice).unwrap_or_default();
            positions = positions
                .iter()
                .flat_map(|position| classes.iter().map(move |class| position * space.count + class))
                .collect();
        }
        positions
    }
}

/// One choice in a combination.
#[derive(Clone, Copy)]
struct Pick {
    choice: usize,
    total: bool,
}

impl Axes {
    /// Every combination of choices over the dimensions of the group.
    fn combinations(&self) -> Vec<Vec<Pick>> {
        let mut combinations = vec![Vec::new()];
        for choices in &self.choices {
            combinations = combinations
                .iter()
                .flat_map(|head: &Vec<Pick>| {
                    (0..choices.len()).map(|choice| {
                        let mut combination = head.clone();
                        combination.push(Pick { choice, total: choice + 1 == choices.len() });
                        combination
                    })
                })
                .collect();
        }
        combinations
    }
}

impl TableSpec {
    /// The key of a cell; `picks` are choices on the group's dimensions, in order.
    fn key(
        &self,
        area: model::AreaCode,
        period: Period,
        dimensions: &[&str],
        picks: &[Pick],
    ) -> Result<CellKey, EngineError> {
        let area_type = self.areas.area_type;
        let mut key = CellKey { area_type, area, period, sex: Sex::All, age: AgeBand::All, breakdown: None };
        for (name, pick) in dimensions.iter().zip(picks) {
            let category = self
                .by
                .iter()
                .find(|d| d.name == *name)
                .and_then(|d| d.categories.get(pick.choice))
                .filter(|_| !pick.total);
            let Some(category) = category else { continue };
            let invalid =
                |error: model::IdError| EngineError::Category { dimension: (*name).to_owned(), source: error };
            match *name {
                "sex" => key.sex = category.parse().map_err(invalid)?,
                "age" => key.age = category.parse().map_err(invalid)?,
                _ => key.breakdown = Some(Breakdown { dimension: (*name).to_owned(), category: category.clone() }),
            }
        }
        Ok(key)
    }
}

#[cfg(test)]
mod limits;
#[cfg(test)]
mod tests;
