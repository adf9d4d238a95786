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
use crate::facts::Facts;
use crate::request::{Deadline, GroupRequest, Limits, TableSpec};
use crate::unreported::unreported;

/// Builds the group's cells and hands them to disclosure control.
///
/// # Errors
/// If the atoms are more than `limits` allow: then no memory was taken for them; or it takes longer than it may.
pub(crate) fn tabulate(
    facts: &Facts,
    request: &GroupRequest,
    limits: &Limits,
    deadline: Deadline,
) -> Result<Unreleased, EngineError> {
    let dimensions = request.dimensions();
    let mut needed = 0_u64;
    let mut builder = UnreleasedBuilder::new(request.group.clone(), request.revision, request.exposure.clone());
    for (index, column) in request.measures().iter().enumerate() {
        let tables: Vec<&TableSpec> = request.tables.iter().filter(|t| t.measure.column == *column).collect();
        let space = Space::new(facts, request, &tables);
        needed = needed.saturating_add(space.size());
        let truth = space.truth(facts, index, request, checked(needed, space.size(), limits)?)?;
        let mut atoms = Atoms { truth: &truth, numbers: vec![None; truth.len()] };
        for (table_index, table) in tables.iter().enumerate() {
            let contributors =
                if request.has_contributors { Some(space.contributors(facts, table_index, index)) } else { None };
            space.cells(
                (table_index, table),
                &dimensions,
                contributors.as_ref(),
                &mut atoms,
                &mut builder,
                deadline,
            )?;
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

/// The mixed-radix space of atoms of one measure column.
struct Space {
    area_codes: BTreeMap<String, usize>,
    area_classes: Classes,
    months: Vec<Month>,
    month_classes: Classes,
    dimension_classes: Vec<Classes>,
    axes: Vec<Axes>,
}

struct Truth {
    counts: Vec<i64>,
    complete: Vec<bool>,
}

impl Truth {
    fn len(&self) -> usize {
        self.counts.len()
    }
}

struct Atoms<'a> {
    truth: &'a Truth,
    numbers: Vec<Option<AtomIndex>>,
}

impl Atoms<'_> {
    fn number(&mut self, position: usize, builder: &mut UnreleasedBuilder) -> Option<AtomIndex> {
        let slot = self.numbers.get_mut(position)?;
        if slot.is_none() {
            let count = self.truth.counts.get(position).copied().unwrap_or_default();
            *slot = Some(builder.atom(u64::try_from(count).unwrap_or_default()));
        }
        *slot
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

    /// The true count of each of the `size` atoms, and whether all of it is known.
    fn truth(&self, facts: &Facts, measure: usize, request: &GroupRequest, size: usize) -> Result<Truth, EngineError> {
        let mut truth = Truth { counts: vec![0; size], complete: vec![true; size] };
        let area_classes: Vec<Option<usize>> = facts.areas.texts().iter().map(|code| self.area_class(code)).collect();
        for row in &facts.rows {
            // Rows outside every published period or area are in no cell.
            let Some(area) = area_classes.get(row.area).copied().flatten() else { continue };
            let Some(month) = self.month_class(row.month) else { continue };
            let classes = row
                .categories
                .iter()
                .zip(&self.dimension_classes)
                .map(|(value, space)| space.of_value.get(*value).copied().unwrap_or_default());
            let position = self.position(area, month, classes);
            let Some((sum, complete)) = row.sums.get(measure) else { continue };
            if let Some(count) = truth.counts.get_mut(position) {
                *count = count.saturating_add(*sum);
            }
            if let Some(known) = truth.complete.get_mut(position) {
                *known &= complete;
            }
        }
        let block = truth.len() / (self.area_classes.count * self.month_classes.count).max(1);
        for (area, month) in unreported(facts, &self.area_codes, &self.months, &request.reporting) {
            let class = |classes: &Classes, value: usize| classes.of_value.get(value).copied();
            let (Some(area), Some(month)) = (class(&self.area_classes, area), class(&self.month_classes, month)) else {
                continue;
            };
            let start = (area * self.month_classes.count + month) * block;
            if let Some(known) = truth.complete.get_mut(start..start + block) {
                known.fill(false);
            }
        }
        if truth.counts.iter().any(|count| *count < 0) {
            let problem = "a count is negative: counts are whole numbers from 0".to_owned();
            return Err(EngineError::Stored { dataset: request.dataset.to_string(), problem });
        }
        Ok(truth)
    }

    /// Distinct contributors of every cell of a table, as far as they add to the measure. Rows without a contributor
    /// count as one together: they may be one person.
    fn contributors(&self, facts: &Facts, table_index: usize, measure: usize) -> Contributors {
        let Some(axes) = self.axes.get(table_index) else { return Contributors(Vec::new()) };
        let inverse = Inverse::new(self, axes);
        let mut pairs: Vec<(usize, [u8; 17])> = Vec::new();
        let area_classes: Vec<Option<usize>> = facts.areas.texts().iter().map(|code| self.area_class(code)).collect();
        for row in &facts.rows {
            let Some(area) = area_classes.get(row.area).copied().flatten() else { continue };
            let Some(month) = self.month_class(row.month) else { continue };
            if row.sums.get(measure).is_none_or(|(sum, _)| *sum == 0) {
                continue;
            }
            let mut contributor = [0_u8; 17];
            if let Some(known) = row.contributor {
                contributor =
                    std::array::from_fn(|i| i.checked_sub(1).and_then(|j| known.get(j)).copied().unwrap_or(1));
            }
            inverse.each_cell(self, row, area, month, |cell| pairs.push((cell, contributor)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        let mut counts = vec![0_u64; axes.cells()];
        for (cell, _) in pairs {
            if let Some(count) = counts.get_mut(cell) {
                *count += 1;
            }
        }
        Contributors(counts)
    }

    fn cells(
        &self,
        (table_index, table): (usize, &TableSpec),
        dimensions: &[&str],
        contributors: Option<&Contributors>,
        atoms: &mut Atoms<'_>,
        builder: &mut UnreleasedBuilder,
        deadline: Deadline,
    ) -> Result<(), EngineError> {
        let Some(axes) = self.axes.get(table_index) else { return Ok(()) };
        let combinations = axes.combinations();
        let mut ordinal = 0;
        for ((area, _), area_classes) in table.areas.areas.iter().zip(&axes.areas) {
            deadline.check()?;
            for (period, month_classes) in table.periods.iter().zip(&axes.periods) {
                for combination in &combinations {
                    let positions = self.positions(area_classes, month_classes, axes, combination);
                    let available = positions.iter().all(|p| atoms.truth.complete.get(*p).copied().unwrap_or(true));
                    let count: i64 = positions.iter().filter_map(|p| atoms.truth.counts.get(*p)).sum();
                    let members: Vec<AtomIndex> = positions.iter().filter_map(|p| atoms.number(*p, builder)).collect();
                    let key = table.key(area.clone(), *period, dimensions, combination)?;
                    let headline =
                        matches!(key.area_type, AreaType::District | AreaType::County | AreaType::Partnership)
                            && key.sex == Sex::All
                            && key.age == AgeBand::All
                            && key.breakdown.is_none();
                    let known = contributors.and_then(|c| c.0.get(ordinal).copied());
                    let facts = CellFacts { headline, known_upper: None, not_available: !available };
                    let distinct = known.unwrap_or_else(|| u64::try_from(count).unwrap_or_default());
                    builder.cell(CellId { measure: table.measure.id.clone(), key }, members, distinct, facts);
                    ordinal += 1;
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

struct Contributors(Vec<u64>);

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

    fn cells(&self) -> usize {
        self.areas.len() * self.periods.len() * self.choices.iter().map(Vec::len).product::<usize>()
    }
}

/// For each class, the indices on each axis of a table that take it.
struct Inverse {
    areas: Vec<Vec<usize>>,
    periods: Vec<Vec<usize>>,
    period_count: usize,
    choices: Vec<(usize, Vec<Vec<usize>>)>,
}

fn invert(axis: &[Vec<usize>], classes: usize) -> Vec<Vec<usize>> {
    let mut inverse = vec![Vec::new(); classes];
    for (index, members) in axis.iter().enumerate() {
        for class in members {
            if let Some(list) = inverse.get_mut(*class) {
                list.push(index);
            }
        }
    }
    inverse
}

impl Inverse {
    fn new(space: &Space, axes: &Axes) -> Self {
        Self {
            areas: invert(&axes.areas, space.area_classes.count),
            periods: invert(&axes.periods, space.month_classes.count),
            period_count: axes.periods.len(),
            choices: axes
                .choices
                .iter()
                .zip(&space.dimension_classes)
                .map(|(choices, classes)| (choices.len(), invert(choices, classes.count)))
                .collect(),
        }
    }

    fn each_cell(
        &self,
        space: &Space,
        row: &crate::facts::Row,
        area: usize,
        month: usize,
        mut visit: impl FnMut(usize),
    ) {
        let areas = self.areas.get(area).map(Vec::as_slice).unwrap_or_default();
        let periods = self.periods.get(month).map(Vec::as_slice).unwrap_or_default();
        let mut ordinals: Vec<usize> =
            areas.iter().flat_map(|a| periods.iter().map(move |p| a * self.period_count + p)).collect();
        for (((count, inverse), classes), value) in
            self.choices.iter().zip(&space.dimension_classes).zip(&row.categories)
        {
            let class = classes.of_value.get(*value).copied().unwrap_or_default();
            let picks = inverse.get(class).map(Vec::as_slice).unwrap_or_default();
            ordinals = ordinals.iter().flat_map(|o| picks.iter().map(move |pick| o * count + pick)).collect();
        }
        ordinals.into_iter().for_each(&mut visit);
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
mod tests;
