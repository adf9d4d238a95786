//! The cleaned rows in columns, combined where areas merged, sorted, and written as an Arrow record batch.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, DictionaryArray, FixedSizeBinaryBuilder, Float64Array, Int32Array, Int64Array, PrimitiveArray,
    RecordBatch, StringArray, UInt64Array,
};
use arrow::datatypes::{ArrowDictionaryKeyType, Field, Schema, UInt8Type, UInt16Type};
use model::contract::Level;

use crate::error::IngestError;
use crate::figures::Number;
use crate::intern::Interner;
use crate::locate::Method;
use crate::plan::Plan;
use crate::request::CleanRequest;
use crate::source::limit;

/// One row of the table; texts are numbers of the interners.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) month: i32,
    pub(crate) area: u32,
    pub(crate) dimensions: Box<[u32]>,
    pub(crate) numbers: Box<[Number]>,
    pub(crate) method: Method,
    pub(crate) contributor: Option<[u8; 16]>,
    pub(crate) record_key: Option<u64>,
    /// What scores are averaged with when areas merge.
    pub(crate) weight: u64,
}

/// Everything the batch is made from.
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
    pub(crate) areas: Interner,
    pub(crate) values: Vec<Interner>,
}

impl Table {
    /// Whether any row has a figure; one whose measures are all withheld or missing has none.
    pub(crate) fn has_figures(&self) -> bool {
        let known = |number: &Number| matches!(number, Number::Integer(Some(_)) | Number::Decimal(Some(_)));
        self.entries.iter().any(|entry| entry.numbers.iter().any(known))
    }

    /// Adds up the rows of each area, month and combination of dimensions: counts are summed, scores averaged by
    /// the weights of the lookup (people, or 1 for each area where it gives none), and what is partly unknown is unknown.
    pub(crate) fn combine(&mut self) -> Result<(), IngestError> {
        self.entries.sort_by(|a, b| key(a).cmp(&key(b)).then(a.weight.cmp(&b.weight)).then(compare_numbers(a, b)));
        let mut combined: Vec<Entry> = Vec::new();
        for group in self.entries.chunk_by(|a, b| key(a) == key(b)) {
            let Some(first) = group.first() else { continue };
            let mut entry = first.clone();
            if group.len() > 1 {
                entry.method = group.iter().map(|entry| entry.method).max().unwrap_or(entry.method);
                entry.numbers =
                    (0..first.numbers.len()).map(|index| together(group, index)).collect::<Result<_, _>>()?;
            }
            combined.push(entry);
        }
        self.entries = combined;
        Ok(())
    }

    /// Sorts by month, area and dimensions, and then by everything else, so that the order of the file leaves no trace.
    /// Rows without a person or an event number get a record key from their content and how many are like them.
    fn sort(&mut self, request: &CleanRequest<'_>) {
        let (_, areas) = self.areas.sorted(self.area_ids().into_iter());
        let ranks: Vec<Vec<Option<u32>>> =
            (0..).zip(&self.values).map(|(i, v)| v.sorted(self.used(i).into_iter()).1).collect();
        let rank = |ranks: &[Option<u32>], id: u32| usize::try_from(id).ok().and_then(|id| ranks.get(id).copied()?);
        let dimensions = |entry: &Entry| -> Vec<Option<u32>> {
            entry.dimensions.iter().zip(&ranks).map(|(id, ranks)| rank(ranks, *id)).collect()
        };
        let mut keyed: Vec<_> = std::mem::take(&mut self.entries)
            .into_iter()
            .map(|entry| ((entry.month, rank(&areas, entry.area), dimensions(&entry)), entry))
            .collect();
        keyed.sort_by(|(a, left), (b, right)| {
            let rest = |entry: &Entry| (entry.method, entry.contributor, entry.record_key);
            a.cmp(b).then(compare_numbers(left, right)).then_with(|| rest(left).cmp(&rest(right)))
        });
        self.entries = keyed.into_iter().map(|(_, entry)| entry).collect();
        if request.contract.level != Level::Aggregate {
            self.fill_record_keys(request);
        }
    }

    fn fill_record_keys(&mut self, request: &CleanRequest<'_>) {
        let mut before: Option<String> = None;
        let mut alike = 0_u64;
        let Self { entries, areas, values } = self;
        for entry in entries.iter_mut().filter(|entry| entry.record_key.is_none()) {
            let names: Vec<&str> = entry.dimensions.iter().zip(values.iter()).map(|(id, v)| v.name(*id)).collect();
            let content = format!("row:{}|{}|{:?}|{:?}", entry.month, areas.name(entry.area), names, entry.numbers);
            alike = if before.as_ref() == Some(&content) { alike + 1 } else { 0 };
            entry.record_key =
                Some(request.pseudonymiser.record_key(&request.contract.id, &format!("{content}|{alike}")));
            before = Some(content);
        }
    }

    /// Writes the batch. Dictionaries hold the values that are used, sorted.
    pub(crate) fn into_batch(
        mut self,
        plan: &Plan<'_>,
        request: &CleanRequest<'_>,
    ) -> Result<RecordBatch, IngestError> {
        self.sort(request);
        let events = request.contract.level != Level::Aggregate;
        let mut columns: Vec<(Field, ArrayRef)> = Vec::new();
        let areas = dictionary::<UInt16Type>("area", &self.areas, &self.area_ids())?;
        push(&mut columns, "area", areas, false);
        let months: Int32Array = self.entries.iter().map(|entry| entry.month).collect::<Vec<_>>().into();
        push(&mut columns, "month", Arc::new(months), false);
        for ((index, name), values) in (0..).zip(&plan.dimensions).zip(&self.values) {
            push(&mut columns, name, dictionary::<UInt16Type>(name, values, &self.used(index))?, false);
        }
        for (index, measure) in plan.measures.iter().enumerate() {
            let numbers = self.entries.iter().map(|entry| entry.numbers.get(index).copied());
            let array: ArrayRef = if measure.decimal {
                Arc::new(numbers.map(decimal_of).collect::<Float64Array>())
            } else {
                Arc::new(numbers.map(integer_of).collect::<Int64Array>())
            };
            push(&mut columns, measure.name, array, true);
        }
        let mut methods = Interner::default();
        let ids: Vec<u32> = self.entries.iter().map(|entry| methods.intern(entry.method.as_str())).collect();
        let methods = dictionary::<UInt8Type>("geography_method", &methods, &ids)?;
        push(&mut columns, "geography_method", methods, false);
        if events {
            push(&mut columns, "contributor", self.contributors()?, true);
            let keys: UInt64Array =
                self.entries.iter().map(|e| e.record_key.unwrap_or_default()).collect::<Vec<_>>().into();
            push(&mut columns, "record_key", Arc::new(keys), false);
        }
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| IngestError::table("building the table", error))
    }

    fn area_ids(&self) -> Vec<u32> {
        self.entries.iter().map(|entry| entry.area).collect()
    }

    fn used(&self, dimension: usize) -> Vec<u32> {
        self.entries.iter().filter_map(|entry| entry.dimensions.get(dimension).copied()).collect()
    }

    fn contributors(&self) -> Result<ArrayRef, IngestError> {
        let mut builder = FixedSizeBinaryBuilder::with_capacity(self.entries.len(), 16);
        for entry in &self.entries {
            match entry.contributor {
                Some(pseudonym) => builder
                    .append_value(pseudonym)
                    .map_err(|error| IngestError::table("building the contributor column", error))?,
                None => builder.append_null(),
            }
        }
        Ok(Arc::new(builder.finish()))
    }
}

fn push(columns: &mut Vec<(Field, ArrayRef)>, name: &str, array: ArrayRef, nullable: bool) {
    columns.push((Field::new(name, array.data_type().clone(), nullable), array));
}

/// What rows are combined by.
fn key(entry: &Entry) -> (i32, u32, &[u32]) {
    (entry.month, entry.area, &entry.dimensions)
}

/// A dictionary column from interned numbers; its values are those that are used, sorted.
fn dictionary<K: ArrowDictionaryKeyType>(name: &str, texts: &Interner, ids: &[u32]) -> Result<ArrayRef, IngestError>
where
    K::Native: TryFrom<u32>,
{
    let (values, ranks) = texts.sorted(ids.iter().copied());
    let most = 1_u64.checked_shl(u32::try_from(size_of::<K::Native>() * 8).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
    let too_many = || limit(format!("`{name}` has different values"), most, ": check that the column is a category");
    let key = |id: &u32| {
        let rank = usize::try_from(*id).ok().and_then(|id| ranks.get(id).copied()?);
        rank.and_then(|rank| K::Native::try_from(rank).ok()).ok_or_else(too_many)
    };
    let keys: Vec<K::Native> = ids.iter().map(key).collect::<Result<_, _>>()?;
    let keys = PrimitiveArray::<K>::from_iter_values(keys);
    let array = DictionaryArray::<K>::try_new(keys, Arc::new(StringArray::from(values)))
        .map_err(|error| IngestError::table("building a dictionary", error))?;
    Ok(Arc::new(array))
}

fn compare_numbers(a: &Entry, b: &Entry) -> Ordering {
    for pair in a.numbers.iter().zip(&b.numbers) {
        let order = match pair {
            (Number::Decimal(Some(x)), Number::Decimal(Some(y))) => x.total_cmp(y),
            (x, y) => (integer_of(Some(*x)), decimal_of(Some(*x)).is_some())
                .cmp(&(integer_of(Some(*y)), decimal_of(Some(*y)).is_some())),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn integer_of(number: Option<Number>) -> Option<i64> {
    match number {
        Some(Number::Integer(value)) => value,
        _ => None,
    }
}

fn decimal_of(number: Option<Number>) -> Option<f64> {
    match number {
        Some(Number::Decimal(value)) => value,
        _ => None,
    }
}

/// One measure of several parts of an area.
fn together(group: &[Entry], index: usize) -> Result<Number, IngestError> {
    let numbers = || group.iter().map(|entry| (entry.numbers.get(index).copied(), entry.weight));
    if numbers().any(|(number, _)| matches!(number, Some(Number::Decimal(_)))) {
        let mut sum = 0.0;
        let mut weights = 0.0;
        for (number, weight) in numbers() {
            let Some(value) = decimal_of(number) else { return Ok(Number::Decimal(None)) };
            #[allow(clippy::cast_precision_loss, reason = "populations are far below 2^53")]
            let weight = weight as f64;
            sum += weight * value;
            weights += weight;
        }
        return Ok(Number::Decimal((weights > 0.0).then_some(sum / weights)));
    }
    let mut sum = 0_i64;
    for (number, _) in numbers() {
        let Some(value) = integer_of(number) else { return Ok(Number::Integer(None)) };
        let overflow = || limit("a sum of counts is", u64::try_from(i64::MAX).unwrap_or(u64::MAX), "");
        sum = sum.checked_add(value).ok_or_else(overflow)?;
    }
    Ok(Number::Integer(Some(sum)))
}
