//! Tables of counts over any crossing of registered classifications, for the cell-key method.
//!
//! A table has an axis for areas, one for periods, and one for each dimension: its categories, then the total. Everything comes from one
//! pass over the rows: counts and record keys both add up, so that totals are sums of the finest cells.

mod sums;
mod whereabouts;

use std::collections::BTreeMap;
use std::sync::Arc;

use agreements::{Derive, Level, Permit, Snapshot};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, UInt32Type, UInt64Type};
use crosstab::add_totals;
use disclosure::{CellSpace, GroupId, UnreleasedCounts};
use jiff::Timestamp;
use model::{AreaCode, DatasetId, Digest, Exposure, Month, Period};

use crate::choice::in_category;
use crate::data::column::Kind;
use crate::data::hot::Hot;
use crate::data::values::Values;
use crate::error::EngineError;
use crate::facts::UNKNOWN;
use crate::permitted::covers_stored;
use crate::query::grouping::{Grouping, KEYS, ROWS};
use crate::query::session::Session;
use crate::request::{AreaSet, Deadline, Dimension, Limits, RECORD_KEY, StoredTable, apart};
use whereabouts::Whereabouts;

/// Counts of the rows of a dataset.
#[derive(Debug, Clone)]
pub struct CountRequest {
    /// The group, and a digest over the revision of its data that is counted: noise is added to no other.
    pub release: (GroupId, Digest),
    /// The dataset.
    pub dataset: DatasetId,
    /// Its areas; no row is in two of them.
    pub areas: Arc<AreaSet>,
    /// Its periods, none of which overlaps another one.
    pub periods: Vec<Period>,
    /// Its dimensions; no value is in two categories of one.
    pub by: Vec<Dimension>,
    /// What is counted.
    pub of: Of,
    /// What is added up of them beside it.
    pub sum: Option<SumOf>,
}

/// A sum that noise is added to: of each contributor (whoever has a row, or each row where it is not known whose it is) no more than so
/// much in a cell, whatever the part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumOf {
    /// The column, of whole numbers that are not negative. What is not known of it counts nothing.
    pub column: String,
    /// The greatest part.
    pub most: u64,
}

/// What a table counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Rows of open data, to which no noise is added.
    OpenRows,
    /// Rows, with the sum of their record keys.
    Rows,
    /// Whoever has a row in a cell, once each whatever the number of rows, with the sum of their record keys. Totals are not sums of
    /// their parts then: somebody may be in several.
    People,
}

/// Who may count, at what moment.
#[derive(Debug, Clone, Copy)]
pub struct CountPermit<'a> {
    /// The permit.
    pub permit: &'a Permit<Derive>,
    /// The agreements that it must still hold in.
    pub snapshot: &'a Snapshot,
    /// The moment.
    pub now: Timestamp,
}

impl CountPermit<'_> {
    pub(crate) fn check(&self, tables: &[StoredTable], request: &CountRequest) -> Result<(), EngineError> {
        let refused = |what: String| Err(EngineError::NotPermitted { what });
        if !self.permit.is_valid(self.snapshot, self.now) {
            return refused(format!("dataset `{}` any longer", request.dataset));
        }
        covers_stored(self.permit, tables, &request.dataset)?;
        let levels = agreements::Levels::at_least_as_coarse_as(self.permit.outputs().iter().copied());
        for period in &request.periods {
            let level = Level::new(request.areas.area_type, period.period_type());
            if !levels.contains(level) {
                return refused(format!("a table of `{}` by {level}", request.dataset));
            }
        }
        if request.of == Of::OpenRows && !self.permit.exposure(&request.dataset).is_some_and(Exposure::is_open) {
            return refused(format!("counts of `{}` without what noise is looked up by", request.dataset));
        }
        let agreed = self.permit.agreed_columns(&request.dataset);
        let mut columns = request.by.iter().map(|by| &by.name).chain(request.sum.iter().map(|sum| &sum.column));
        match columns.find(|name| !agreed.is_some_and(|agreed| agreed.contains_key(name.as_str()))) {
            Some(name) => refused(format!("column `{name}` of `{}`", request.dataset)),
            None => Ok(()),
        }
    }
}

impl CountRequest {
    /// The sizes of the axes: areas, periods, then for each dimension its categories and the total.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let by = self.by.iter().map(|by| by.categories.len() + 1);
        [self.areas.areas.len(), self.periods.len()].into_iter().chain(by).collect()
    }

    pub(crate) fn check(&self, limits: &Limits) -> Result<(), EngineError> {
        apart(&self.periods, self.dataset.as_str())?;
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let cells = self.sizes().into_iter().map(size).fold(1, u64::saturating_mul);
        if cells <= limits.max_cells {
            return Ok(());
        }
        Err(EngineError::TooLarge {
            needed: cells,
            unit: "cells",
            limit: limits.max_cells,
            setting: "limits.max_cells",
        })
    }

    /// Whether nobody can be in a cell by two groups of rows, nor in two cells of a total: each cell is one area and month as rows have
    /// them.
    fn has_everybody_once(&self) -> bool {
        let is_one_month = |period: &Period| period.months().count() == 1;
        self.by.is_empty()
            && self.areas.areas.iter().all(|(_, atoms)| atoms.len() == 1)
            && self.periods.iter().all(is_one_month)
    }

    fn grouping(&self, limits: &Limits) -> Grouping {
        let by = self.by.iter().map(|by| (Arc::from(by.name.as_str()), Kind::Text));
        let first = [(Arc::from("area"), Kind::Text), (Arc::from("month"), Kind::Month)];
        let codes = || self.areas.areas.iter().flat_map(|(_, atoms)| atoms.iter().map(|atom| Box::from(atom.as_str())));
        let people = (self.of == Of::People).then(|| (Arc::from(RECORD_KEY), Kind::Key));
        Grouping {
            axes: first.into_iter().chain(by).chain(people).collect(),
            measures: Vec::new(),
            keys: self.of == Of::Rows,
            areas: codes().min().zip(codes().max()),
            most: people_at_most(self.of, limits),
        }
    }

    pub(crate) async fn count(&self, session: Session, deadline: &Deadline) -> Result<Counted, EngineError> {
        let (mut table, account) = (Finest::new(self)?, session.account("cells"));
        let each = |batch: RecordBatch| {
            deadline.check()?;
            table.add(&batch, self, &session)?;
            account.hold(table.bytes())
        };
        session.for_each(each).await?;
        table.with_totals(deadline)
    }

    pub(crate) fn open(&self, hot: &Arc<Hot>, tables: &[StoredTable], limits: &Limits) -> Result<Session, EngineError> {
        Session::open(hot, (&self.dataset, tables), self.grouping(limits), limits)
    }

    fn stored(&self, problem: String) -> EngineError {
        EngineError::Stored { dataset: self.dataset.to_string(), problem }
    }
}

/// How many of somebody's rows are told apart at most.
fn people_at_most(of: Of, limits: &Limits) -> Option<(u64, &'static str, &'static str)> {
    (of == Of::People).then_some((limits.max_contributions, "contributions", "limits.max_contributions"))
}

/// Counts and sums of record keys of all cells. It stays in this crate.
pub(crate) struct Counted {
    counts: Vec<u64>,
    keys: Option<Vec<u64>>,
    sums: Option<Vec<u64>>,
}

impl Counted {
    pub(crate) fn with_sums(self, sums: Vec<u64>) -> Self {
        Self { sums: Some(sums), ..self }
    }

    /// For disclosure control alone.
    pub(crate) fn unreleased(self, request: &CountRequest) -> Result<UnreleasedCounts, EngineError> {
        let parts = |(_, parts): &(AreaCode, Vec<AreaCode>)| parts.iter().map(ToString::to_string).collect();
        let space = CellSpace {
            areas: request.areas.areas.iter().map(parts).collect(),
            periods: request.periods.clone(),
            by: request.by.iter().map(|by| (by.name.clone(), by.categories.clone())).collect(),
        };
        let counts = UnreleasedCounts::new(request.release.clone(), space, self.counts, self.keys);
        let summed = |counts: UnreleasedCounts| match (&request.sum, self.sums) {
            (Some(SumOf { column, most }), Some(sums)) => counts.with_sums(column.clone(), *most, sums),
            _ => Ok(counts),
        };
        counts.and_then(summed).map_err(EngineError::Counts)
    }
}

/// After how many people time is looked at.
const CHECKED_EVERY: u32 = 4_096;

/// A row that is in no cell of the table.
const NOWHERE: usize = usize::MAX;

/// Where a value is on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No row had it yet.
    Unasked,
    /// The table does not ask about it.
    Nowhere,
    /// Here.
    At(usize),
}

/// The finest cells: each dimension has its categories, and one more place for what is in none of them.
struct Finest {
    sizes: Vec<usize>,
    counts: Vec<u64>,
    keys: Vec<u64>,
    /// Where people are counted, who is in which cells.
    people: Option<Whereabouts>,
    /// For each axis where a value is, by its code.
    places: Vec<Vec<Place>>,
    areas: BTreeMap<String, usize>,
}

impl Finest {
    fn new(request: &CountRequest) -> Result<Self, EngineError> {
        let mut areas = BTreeMap::new();
        for (number, (_, atoms)) in request.areas.areas.iter().enumerate() {
            for atom in atoms {
                if areas.insert(atom.to_string(), number).is_some_and(|other| other != number) {
                    return Err(request.stored(format!("area `{atom}` is part of two areas of the table")));
                }
            }
        }
        let sizes = request.sizes();
        let cells = sizes.iter().product();
        let keys = vec![0; if request.of == Of::OpenRows { 0 } else { cells }];
        let people = (request.of == Of::People && !request.has_everybody_once()).then(|| Whereabouts::new(&sizes));
        let places = vec![Vec::new(); sizes.len()];
        Ok(Self { sizes, counts: vec![0; cells], keys, people, places, areas })
    }

    fn add(&mut self, batch: &RecordBatch, request: &CountRequest, session: &Session) -> Result<(), EngineError> {
        let positions = self.positions(batch, request, session)?;
        let column = |name: &str, kind: DataType| {
            let column = batch.column_by_name(name).filter(|column| *column.data_type() == kind);
            column.ok_or_else(|| request.stored(format!("column `{name}` is missing")))
        };
        if request.of == Of::People {
            let who = column(RECORD_KEY, DataType::UInt64)?.as_primitive::<UInt64Type>().values();
            if let Some(people) = &mut self.people {
                people.add(who.iter().copied().zip(positions).filter(|(_, position)| *position != NOWHERE));
                return Ok(());
            }
            for (position, key) in positions.into_iter().zip(who) {
                if let (Some(count), Some(sum)) = (self.counts.get_mut(position), self.keys.get_mut(position)) {
                    *count = count.saturating_add(1);
                    *sum = sum.wrapping_add(*key);
                }
            }
            return Ok(());
        }
        let rows = column(ROWS, DataType::Int64)?.as_primitive::<Int64Type>().values();
        for (position, rows) in positions.iter().zip(rows) {
            if let Some(count) = self.counts.get_mut(*position) {
                *count = count.saturating_add(u64::try_from(*rows).unwrap_or_default());
            }
        }
        if request.of == Of::Rows {
            let keys = column(KEYS, DataType::UInt64)?.as_primitive::<UInt64Type>().values();
            for (position, key) in positions.iter().zip(keys) {
                if let Some(sum) = self.keys.get_mut(*position) {
                    *sum = sum.wrapping_add(*key);
                }
            }
        }
        Ok(())
    }

    /// For each row the number of its finest cell, or [`NOWHERE`].
    fn positions(
        &mut self,
        batch: &RecordBatch,
        request: &CountRequest,
        session: &Session,
    ) -> Result<Vec<usize>, EngineError> {
        let mut positions = vec![0_usize; batch.num_rows()];
        for (axis, size) in self.sizes.clone().into_iter().enumerate() {
            let column = batch.columns().get(axis).filter(|column| *column.data_type() == DataType::UInt32);
            let codes = column.ok_or_else(|| request.stored("a column is not coded".to_owned()))?;
            let codes = codes.as_primitive::<UInt32Type>().values();
            let values = session.snapshot().columns().get(axis);
            let values = values.ok_or_else(|| request.stored("a column is missing".to_owned()))?.values.read();
            let mut places = self.places.get_mut(axis).map(std::mem::take).unwrap_or_default();
            places.resize(values.len(), Place::Unasked);
            for (position, code) in positions.iter_mut().zip(codes) {
                let place = places.get_mut(*code as usize);
                let place = place.ok_or_else(|| request.stored("a code has no value".to_owned()))?;
                if *place == Place::Unasked {
                    *place = self.place(axis, *code, &values, request)?;
                }
                *position = match place {
                    Place::At(place) if *position != NOWHERE => *position * size + *place,
                    _ => NOWHERE,
                };
            }
            self.places.get_mut(axis).into_iter().for_each(|slot| *slot = std::mem::take(&mut places));
        }
        Ok(positions)
    }

    /// Where a value that some row has is.
    fn place(&self, axis: usize, code: u32, values: &Values, request: &CountRequest) -> Result<Place, EngineError> {
        let month = || Month::from_ordinal(values.month(code)?);
        let place = match axis.checked_sub(2) {
            None if axis == 0 => values.text(code).and_then(|area| self.areas.get(area)).copied(),
            None => month().and_then(|month| request.periods.iter().position(|period| period.contains(month))),
            Some(number) => match request.by.get(number) {
                Some(by) => Some(place_in(by, values.text(code).unwrap_or(UNKNOWN), request)?),
                None => None,
            },
        };
        Ok(place.map_or(Place::Nowhere, Place::At))
    }

    /// Bytes that it holds.
    fn bytes(&self) -> usize {
        let cells = (self.counts.capacity() + self.keys.capacity()) * size_of::<u64>();
        cells + self.people.as_ref().map_or(0, Whereabouts::bytes)
    }

    /// The last place of each dimension becomes the total of all.
    fn with_totals(mut self, deadline: &Deadline) -> Result<Counted, EngineError> {
        deadline.check()?;
        if let Some(people) = self.people.take() {
            people.count(&self.sizes, (&mut self.counts, &mut self.keys), deadline)?;
        } else {
            let dimensions = 2..self.sizes.len();
            add_totals(&mut self.counts, &self.sizes, dimensions.clone(), u64::saturating_add);
            add_totals(&mut self.keys, &self.sizes, dimensions, u64::wrapping_add);
        }
        Ok(Counted { counts: self.counts, keys: Some(self.keys).filter(|keys| !keys.is_empty()), sums: None })
    }
}

/// The place of a value on a dimension's axis: that of its category, or the one after all categories.
fn place_in(by: &Dimension, value: &str, request: &CountRequest) -> Result<usize, EngineError> {
    let mut of_it = (0..).zip(&by.categories).filter(|(_, category)| in_category(&by.name, category, value));
    let first = of_it.next().map(|(place, _)| place);
    if of_it.next().is_some() {
        return Err(request.stored(format!("a value of `{}` is in two categories of the table", by.name)));
    }
    // Whatever no other category takes.
    let unknown = by.categories.iter().position(|category| category == UNKNOWN);
    Ok(first.or(unknown).unwrap_or(by.categories.len()))
}

#[cfg(test)]
mod tests;
