//! The aggregated rows of a dataset, coded. They may still be about single people: they never leave this crate.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, UInt64Type};

use crate::error::EngineError;
use crate::request::{GroupRequest, RECORD_KEY};

/// Text that stands for a missing category.
pub const UNKNOWN: &str = "unknown";

/// A list of distinct texts and their numbers.
#[derive(Default)]
pub(crate) struct Codes {
    texts: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Codes {
    pub(crate) fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len();
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }
}

/// One aggregated row: everything that shares area, month, categories and contributor.
pub(crate) struct Row {
    /// Number of the area code in [`Facts::areas`].
    pub(crate) area: usize,
    /// Months since year 0.
    pub(crate) month: i32,
    /// Numbers of the categories, in the order of [`GroupRequest::dimensions`].
    pub(crate) categories: Vec<usize>,
    /// Who contributed, where the dataset says.
    pub(crate) contributor: Option<[u8; 16]>,
    /// Number of the partner in [`Facts::partners`].
    pub(crate) partner: usize,
    /// For each measure: its sum (decimals in thousandths), and whether all of it is known.
    pub(crate) sums: Vec<(i64, bool)>,
}

/// All rows of a request.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) areas: Codes,
    /// For each dimension, its values: the classification first, then those that filters name, then others that were seen.
    pub(crate) categories: Vec<Codes>,
    /// Partners by way of whom rows came, those of the classification first; none is told apart where no column does.
    pub(crate) partners: Codes,
    pub(crate) rows: Vec<Row>,
}

impl Facts {
    /// Decodes the batches of `Session::aggregate`.
    pub(crate) fn read(batches: &[RecordBatch], request: &GroupRequest) -> Result<Self, EngineError> {
        let dimensions = request.dimensions();
        let mut facts = Self::default();
        for name in &dimensions {
            let mut codes = Codes::default();
            for value in request.classifications.get(*name).into_iter().flatten() {
                codes.number(value);
            }
            codes.number(UNKNOWN);
            // What a filter names is told apart before any row has it, so that the first one changes no other cell. Ages are, by their bands.
            let filters =
                request.tables.iter().filter(|_| *name != "age").filter_map(|table| table.measure.filter.get(*name));
            for value in filters.flatten() {
                codes.number(value);
            }
            facts.categories.push(codes);
        }
        let partners = request.partner.as_ref().and_then(|name| request.classifications.get(name));
        for partner in partners.into_iter().flatten() {
            facts.partners.number(partner);
        }
        for batch in batches {
            facts.read_batch(batch, request, &dimensions)?;
        }
        Ok(facts)
    }

    fn is_listed(partner: &str, request: &GroupRequest) -> bool {
        let listed = request.partner.as_ref().and_then(|name| request.classifications.get(name));
        listed.is_some_and(|listed| listed.iter().any(|one| one == partner))
    }

    fn read_batch(
        &mut self,
        batch: &RecordBatch,
        request: &GroupRequest,
        dimensions: &[&str],
    ) -> Result<(), EngineError> {
        let columns = Columns { batch, request };
        let areas = columns.text("area")?;
        let months = columns.typed("month", &DataType::Int32)?;
        let months = months.as_primitive::<Int32Type>();
        let categories = dimensions.iter().map(|name| columns.text(name)).collect::<Result<Vec<_>, _>>()?;
        let contributors = columns.contributors()?;
        let partners = request.partner.as_ref().map(|name| columns.text(name)).transpose()?;
        let rows = columns.typed("rows", &DataType::Int64)?;
        let rows = rows.as_primitive::<Int64Type>();
        let sums = request.measures().iter().map(|name| columns.measure(name)).collect::<Result<Vec<_>, _>>()?;
        for index in 0..batch.num_rows() {
            let area = self.areas.number(areas.as_string::<i32>().value(index));
            let mut numbers = Vec::with_capacity(dimensions.len());
            for (codes, column) in self.categories.iter_mut().zip(&categories) {
                let column = column.as_string::<i32>();
                numbers.push(codes.number(if column.is_null(index) { UNKNOWN } else { column.value(index) }));
            }
            let contributor = contributors.at(index);
            let partner = match partners.as_ref().map(|column| column.as_string::<i32>()) {
                None => 0,
                Some(column) if column.is_valid(index) && Self::is_listed(column.value(index), request) => {
                    self.partners.number(column.value(index))
                }
                // Taken for a partner of its own it would be protected from nobody.
                Some(_) => {
                    let problem = "a row came by way of no partner that the contract lists: send its period again";
                    return Err(columns.stored(problem.to_owned()));
                }
            };
            let sums = sums.iter().map(|measure| measure.at(index, rows.value(index))).collect();
            self.rows.push(Row { area, month: months.value(index), categories: numbers, contributor, partner, sums });
        }
        Ok(())
    }
}

/// Who contributed the rows of a batch.
enum ContributorColumn {
    /// Nobody is told apart.
    None,
    Pseudonyms(ArrayRef),
    /// A key a row.
    Keys(ArrayRef),
}

impl ContributorColumn {
    fn at(&self, index: usize) -> Option<[u8; 16]> {
        match self {
            Self::None => None,
            Self::Pseudonyms(column) => {
                let column = column.as_fixed_size_binary();
                if column.is_null(index) { None } else { <[u8; 16]>::try_from(column.value(index)).ok() }
            }
            Self::Keys(column) => Some(u128::from(column.as_primitive::<UInt64Type>().value(index)).to_be_bytes()),
        }
    }
}

/// A measure's sum and the number of rows in which it is known.
struct MeasureColumn {
    sum: ArrayRef,
    known: ArrayRef,
    decimal: bool,
}

impl MeasureColumn {
    fn at(&self, index: usize, rows: i64) -> (i64, bool) {
        let complete = self.known.as_primitive::<Int64Type>().value(index) == rows;
        if self.sum.is_null(index) {
            return (0, complete);
        }
        let sum = if self.decimal {
            thousandths(self.sum.as_primitive::<Float64Type>().value(index))
        } else {
            self.sum.as_primitive::<Int64Type>().value(index)
        };
        (sum, complete)
    }
}

/// A decimal in thousandths, rounded half away from zero; out of range saturates.
#[allow(clippy::cast_possible_truncation, reason = "`as` saturates, and scores are far inside the range")]
fn thousandths(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}

struct Columns<'a> {
    batch: &'a RecordBatch,
    request: &'a GroupRequest,
}

impl Columns<'_> {
    fn stored(&self, problem: String) -> EngineError {
        EngineError::Stored { dataset: self.request.dataset.to_string(), problem }
    }

    fn column(&self, name: &str) -> Result<&ArrayRef, EngineError> {
        self.batch.column_by_name(name).ok_or_else(|| self.stored(format!("column `{name}` is missing")))
    }

    fn text(&self, name: &str) -> Result<ArrayRef, EngineError> {
        cast(self.column(name)?, &DataType::Utf8).map_err(|_| self.stored(format!("column `{name}` is not text")))
    }

    fn typed(&self, name: &str, kind: &DataType) -> Result<ArrayRef, EngineError> {
        let column = self.column(name)?;
        if column.data_type() == kind {
            Ok(ArrayRef::clone(column))
        } else {
            Err(self.stored(format!("column `{name}` is {}, not {kind}", column.data_type())))
        }
    }

    fn contributors(&self) -> Result<ContributorColumn, EngineError> {
        match self.request.contributor_column() {
            None => Ok(ContributorColumn::None),
            Some(RECORD_KEY) => Ok(ContributorColumn::Keys(self.typed(RECORD_KEY, &DataType::UInt64)?)),
            Some(name) => Ok(ContributorColumn::Pseudonyms(self.typed(name, &DataType::FixedSizeBinary(16))?)),
        }
    }

    fn measure(&self, name: &str) -> Result<MeasureColumn, EngineError> {
        let decimal = self.request.decimals.contains(name);
        let kind = if decimal { DataType::Float64 } else { DataType::Int64 };
        Ok(MeasureColumn {
            sum: self.typed(&format!("sum_{name}"), &kind)?,
            known: self.typed(&format!("known_{name}"), &DataType::Int64)?,
            decimal,
        })
    }
}
