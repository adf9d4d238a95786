//! The aggregated rows of a dataset, coded. They may still be about single people: they never leave this crate.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, UInt32Type};

use crate::data::snapshot::Snapshot;
use crate::data::values::{SharedValues, Values};
use crate::error::EngineError;
use crate::request::{Deadline, GroupRequest};

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
    pub(crate) fn read(
        batches: &[RecordBatch],
        request: &GroupRequest,
        snapshot: &Snapshot,
        deadline: &Deadline,
    ) -> Result<Self, EngineError> {
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
            deadline.check()?;
            facts.read_batch(&Columns { batch, request, snapshot }, &dimensions)?;
        }
        Ok(facts)
    }

    fn is_listed(partner: &str, request: &GroupRequest) -> bool {
        let listed = request.partner.as_ref().and_then(|name| request.classifications.get(name));
        listed.is_some_and(|listed| listed.iter().any(|one| one == partner))
    }

    fn read_batch(&mut self, columns: &Columns<'_>, dimensions: &[&str]) -> Result<(), EngineError> {
        let request = columns.request;
        let areas = columns.coded("area")?;
        let months = columns.coded("month")?;
        let categories = dimensions.iter().map(|name| columns.coded(name)).collect::<Result<Vec<_>, _>>()?;
        let contributors = request.contributor_column().map(|name| columns.coded(name)).transpose()?;
        let partners = request.partner.as_ref().map(|name| columns.coded(name)).transpose()?;
        let rows = columns.typed("rows", &DataType::Int64)?;
        let rows = rows.as_primitive::<Int64Type>();
        let sums = request.measures().iter().map(|name| columns.measure(name)).collect::<Result<Vec<_>, _>>()?;
        // The values of a code are looked up, and given a number here, once a batch.
        let months: Vec<i32> = months.each(|values, code| values.month(code).unwrap_or_default());
        let areas = areas.each(|values, code| self.areas.number(values.text(code).unwrap_or_default()));
        let mut numbers = Vec::new();
        for (codes, column) in self.categories.iter_mut().zip(&categories) {
            numbers.push(column.each(|values, code| codes.number(values.text(code).unwrap_or(UNKNOWN))));
        }
        let partners = partners.map(|column| {
            column.each(|values, code| {
                values.text(code).filter(|name| Self::is_listed(name, request)).map(|name| self.partners.number(name))
            })
        });
        // There may be far more people than rows of a batch.
        let contributors = contributors.map(|column| column.row_by_row(|values, code| values.who(code)));
        for index in 0..columns.batch.num_rows() {
            fn at<T: Copy + Default>(column: &[T], index: usize) -> T {
                column.get(index).copied().unwrap_or_default()
            }
            let partner = match &partners {
                None => 0,
                // Taken for a partner of its own it would be protected from nobody.
                Some(partners) => at(partners, index).ok_or_else(|| {
                    let problem = "a row came by way of no partner that the contract lists: send its period again";
                    columns.stored(problem.to_owned())
                })?,
            };
            self.rows.push(Row {
                area: at(&areas, index),
                month: at(&months, index),
                categories: numbers.iter().map(|column| at(column, index)).collect(),
                contributor: contributors.as_ref().and_then(|column| at(column, index)),
                partner,
                sums: sums.iter().map(|measure| measure.at(index, rows.value(index))).collect(),
            });
        }
        Ok(())
    }
}

/// A column of codes and what they stand for.
struct Coded<'a> {
    codes: ArrayRef,
    values: &'a SharedValues,
}

impl Coded<'_> {
    /// Something for each row.
    fn row_by_row<T>(&self, of: impl Fn(&Values, u32) -> T) -> Vec<T> {
        let values = self.values.read();
        self.codes.as_primitive::<UInt32Type>().values().iter().map(|code| of(&values, *code)).collect()
    }

    /// Something for each row, worked out once for each code.
    fn each<T: Copy>(&self, mut of: impl FnMut(&Values, u32) -> T) -> Vec<T> {
        let values = self.values.read();
        let mut known: Vec<Option<T>> = vec![None; values.len()];
        let mut of_code = |code: u32| match known.get_mut(code as usize) {
            Some(slot) => *slot.get_or_insert_with(|| of(&values, code)),
            None => of(&values, code),
        };
        self.codes.as_primitive::<UInt32Type>().values().iter().map(|code| of_code(*code)).collect()
    }
}

/// A measure's sum and the number of rows in which it is known.
struct MeasureColumn {
    sum: ArrayRef,
    known: ArrayRef,
}

impl MeasureColumn {
    fn at(&self, index: usize, rows: i64) -> (i64, bool) {
        let complete = self.known.as_primitive::<Int64Type>().value(index) == rows;
        if self.sum.is_null(index) {
            return (0, complete);
        }
        (self.sum.as_primitive::<Int64Type>().value(index), complete)
    }
}

struct Columns<'a> {
    batch: &'a RecordBatch,
    request: &'a GroupRequest,
    snapshot: &'a Snapshot,
}

impl Columns<'_> {
    fn stored(&self, problem: String) -> EngineError {
        EngineError::Stored { dataset: self.request.dataset.to_string(), problem }
    }

    fn column(&self, name: &str) -> Result<&ArrayRef, EngineError> {
        self.batch.column_by_name(name).ok_or_else(|| self.stored(format!("column `{name}` is missing")))
    }

    fn coded(&self, name: &str) -> Result<Coded<'_>, EngineError> {
        let column = self.snapshot.columns().iter().find(|column| &*column.name == name && column.kind.is_coded());
        let values = &column.ok_or_else(|| self.stored(format!("column `{name}` is not coded")))?.values;
        Ok(Coded { codes: self.typed(name, &DataType::UInt32)?, values })
    }

    fn typed(&self, name: &str, kind: &DataType) -> Result<ArrayRef, EngineError> {
        let column = self.column(name)?;
        if column.data_type() == kind {
            Ok(ArrayRef::clone(column))
        } else {
            Err(self.stored(format!("column `{name}` is {}, not {kind}", column.data_type())))
        }
    }

    fn measure(&self, name: &str) -> Result<MeasureColumn, EngineError> {
        Ok(MeasureColumn {
            sum: self.typed(&format!("sum_{name}"), &DataType::Int64)?,
            known: self.typed(&format!("known_{name}"), &DataType::Int64)?,
        })
    }
}
