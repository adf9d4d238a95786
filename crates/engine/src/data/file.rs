//! Stored files: what they consist of, and their columns, coded.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, DictionaryArray, PrimitiveArray, new_null_array};
use arrow::datatypes::{
    ArrowDictionaryKeyType, ArrowNativeType, DataType, Float64Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use model::DatasetId;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::statistics::Statistics;

use super::column::{Column, Kind};
use super::values::SharedValues;
use crate::error::EngineError;
use crate::request::StoredTable;

/// Rows that are decoded at once.
const ROWS_AT_ONCE: usize = 64 * 1024;

/// What a file consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) groups: Vec<Group>,
}

/// A row group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) rows: usize,
    /// The first and the last area code that it holds, if the file says.
    pub(crate) areas: Option<(Box<str>, Box<str>)>,
}

/// A file whose footer was read.
pub(crate) struct OpenFile {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
    dataset: DatasetId,
}

impl OpenFile {
    pub(crate) fn open(table: &StoredTable, dataset: &DatasetId) -> Result<Self, EngineError> {
        let stored = |problem: String| EngineError::Stored { dataset: dataset.to_string(), problem };
        let file = File::open(&table.path).map_err(|error| stored(not_opened(&error)))?;
        let options = ArrowReaderOptions::new().with_file_decryption_properties(Arc::clone(&table.decryption));
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| stored(kind_of(&error)))?;
        Ok(Self { path: table.path.clone(), metadata, dataset: dataset.clone() })
    }

    pub(crate) fn footer(&self) -> Footer {
        let metadata = self.metadata.metadata();
        let area = metadata.file_metadata().schema_descr().columns().iter().position(|column| column.name() == "area");
        let groups = metadata.row_groups().iter().map(|group| Group {
            rows: usize::try_from(group.num_rows()).unwrap_or_default(),
            areas: area.and_then(|area| group.columns().get(area)?.statistics()).and_then(range_of),
        });
        Footer { groups: groups.collect() }
    }

    /// Columns of a row group, in the order in which they are named.
    pub(crate) fn columns(
        &self,
        group: usize,
        wanted: &[(&str, Kind, &SharedValues)],
    ) -> Result<Vec<Column>, EngineError> {
        let names: Vec<&str> = wanted.iter().map(|(name, ..)| *name).collect();
        // Each reader needs a place in the file of its own: copies of one handle share it.
        let file = File::open(&self.path).map_err(|error| self.wrong(&not_opened(&error)))?;
        let mask = ProjectionMask::columns(self.metadata.metadata().file_metadata().schema_descr(), names);
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(ROWS_AT_ONCE)
            .build()
            .map_err(|error| self.wrong(&kind_of(&error)))?;
        let mut coders: Vec<Coder> = wanted.iter().map(|(_, kind, values)| Coder::new(*kind, values)).collect();
        for batch in reader {
            // The message of an Arrow error may quote what it could not convert.
            let batch = batch.map_err(|_| self.wrong("it cannot be decoded"))?;
            for ((name, kind, _), coder) in wanted.iter().zip(&mut coders) {
                // Taken in before its contract had the column: nothing of it is known. Every row has an area.
                let kind = kind.may_be_absent().filter(|_| *name != "area");
                let absent = || kind.map(|kind| new_null_array(&kind, batch.num_rows()));
                let column = batch.column_by_name(name).cloned().or_else(absent);
                let column = &column.ok_or_else(|| self.wrong(&format!("column `{name}` is missing")))?;
                coder.add(column).map_err(|problem| match problem {
                    Uncoded::Kind => self
                        .wrong(&format!("column `{name}` is {}, which is not what it should be", column.data_type())),
                    Uncoded::Engine(error) => error,
                })?;
            }
        }
        Ok(coders.into_iter().map(Coder::finish).collect())
    }

    fn wrong(&self, problem: &str) -> EngineError {
        EngineError::Stored { dataset: self.dataset.to_string(), problem: problem.to_owned() }
    }
}

fn not_opened(error: &std::io::Error) -> String {
    format!("it cannot be opened: {}", error.kind())
}

/// What kind of error the reader met: its message may quote what it read.
fn kind_of(error: &ParquetError) -> String {
    match error {
        ParquetError::General(_) => "it is not an encrypted table, or not encrypted with its keys".to_owned(),
        ParquetError::EOF(_) => "it is cut off".to_owned(),
        _ => "it cannot be read".to_owned(),
    }
}

/// The least and the greatest text of a column in a row group.
fn range_of(statistics: &Statistics) -> Option<(Box<str>, Box<str>)> {
    let text = |bytes: Option<&[u8]>| std::str::from_utf8(bytes?).ok().map(Box::from);
    Some((text(statistics.min_bytes_opt())?, text(statistics.max_bytes_opt())?))
}

/// Why a column cannot be coded.
enum Uncoded {
    /// It is stored as something else.
    Kind,
    Engine(EngineError),
}

impl From<EngineError> for Uncoded {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// Codes one column, batch by batch.
struct Coder<'a> {
    kind: Kind,
    values: &'a SharedValues,
    codes: Vec<u32>,
    amounts: Vec<i64>,
    known: Option<Vec<bool>>,
    keys: Vec<u64>,
    /// The values of the last batch and their codes: batches of one row group share them.
    last: Option<(ArrayRef, Vec<u32>)>,
}

impl<'a> Coder<'a> {
    fn new(kind: Kind, values: &'a SharedValues) -> Self {
        Self { kind, values, codes: Vec::new(), amounts: Vec::new(), known: None, keys: Vec::new(), last: None }
    }

    fn add(&mut self, column: &ArrayRef) -> Result<(), Uncoded> {
        match (self.kind, column.data_type()) {
            (Kind::Text, DataType::Dictionary(key, _)) => match **key {
                DataType::UInt8 => self.texts::<UInt8Type>(column.as_dictionary()),
                DataType::UInt16 => self.texts::<UInt16Type>(column.as_dictionary()),
                DataType::UInt32 => self.texts::<UInt32Type>(column.as_dictionary()),
                DataType::Int32 => self.texts::<Int32Type>(column.as_dictionary()),
                _ => Err(Uncoded::Kind),
            },
            (Kind::Month, DataType::Int32) if column.null_count() == 0 => {
                Ok(self.values.of_months(column.as_primitive::<Int32Type>().values(), &mut self.codes)?)
            }
            (Kind::Person, DataType::FixedSizeBinary(16)) => {
                let people = column.as_fixed_size_binary().iter();
                let people = people.map(|who| who.and_then(|who| who.try_into().ok()));
                Ok(self.values.of_people(people, &mut self.codes)?)
            }
            (Kind::Person, DataType::UInt64) if column.null_count() == 0 => {
                let keys = column.as_primitive::<UInt64Type>().values().iter();
                let people = keys.map(|key| Some(u128::from(*key).to_be_bytes()));
                Ok(self.values.of_people(people, &mut self.codes)?)
            }
            (Kind::Amount, DataType::Int64) => {
                self.numbers(column.as_primitive::<Int64Type>(), |amount| amount);
                Ok(())
            }
            (Kind::Decimal, DataType::Int64) => {
                self.numbers(column.as_primitive::<Int64Type>(), |amount| amount.saturating_mul(1000));
                Ok(())
            }
            (Kind::Decimal, DataType::Float64) => {
                self.numbers(column.as_primitive::<Float64Type>(), thousandths);
                Ok(())
            }
            (Kind::Key, DataType::UInt64) if column.null_count() == 0 => {
                self.keys.extend_from_slice(column.as_primitive::<UInt64Type>().values());
                Ok(())
            }
            _ => Err(Uncoded::Kind),
        }
    }

    fn texts<K: ArrowDictionaryKeyType>(&mut self, column: &DictionaryArray<K>) -> Result<(), Uncoded> {
        let values = column.values();
        let same = self.last.as_ref().is_some_and(|(last, _)| last.to_data().ptr_eq(&values.to_data()));
        if !same {
            let texts = values.as_string_opt::<i32>().ok_or(Uncoded::Kind)?;
            self.last = Some((ArrayRef::clone(values), self.values.of_texts(texts.iter())?));
        }
        let Some((_, codes)) = &mut self.last else { return Ok(()) };
        if column.keys().null_count() > 0 && codes.len() == values.len() {
            // The last one stands for a missing text.
            codes.extend(self.values.of_texts(std::iter::once(None))?);
        }
        // A key of no value would be counted as another one: this is no code, and found with the greatest of them.
        let none = u32::MAX;
        let code = |key: K::Native| codes.get(key.as_usize()).copied().unwrap_or(none);
        let before = self.codes.len();
        if column.keys().null_count() == 0 {
            self.codes.extend(column.keys().values().iter().map(|key| code(*key)));
        } else {
            let missing = codes.last().copied().unwrap_or(none);
            self.codes.extend(column.keys().iter().map(|key| key.map_or(missing, code)));
        }
        let greatest = self.codes.iter().skip(before).fold(0, |greatest, code| greatest.max(*code));
        if greatest == none { Err(Uncoded::Kind) } else { Ok(()) }
    }

    fn numbers<P: ArrowPrimitiveType>(&mut self, column: &PrimitiveArray<P>, amount: impl Fn(P::Native) -> i64) {
        let before = self.amounts.len();
        self.amounts.extend(column.values().iter().map(|value| amount(*value)));
        if column.null_count() > 0 || self.known.is_some() {
            let known = self.known.get_or_insert_with(|| vec![true; before]);
            known.extend((0..column.len()).map(|row| column.is_valid(row)));
        }
    }

    fn finish(self) -> Column {
        match self.kind {
            Kind::Text | Kind::Month | Kind::Person => Column::coded(self.codes),
            Kind::Amount | Kind::Decimal => Column::Amounts(self.amounts, self.known),
            Kind::Key => Column::Keys(self.keys),
        }
    }
}

/// A decimal in thousandths, rounded half away from zero; out of range saturates.
#[allow(clippy::cast_possible_truncation, reason = "`as` saturates, and scores are far inside the range")]
fn thousandths(value: f64) -> i64 {
    (value * 1000.0).round() as i64
}
