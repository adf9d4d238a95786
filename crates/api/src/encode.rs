//! Tidy rows as CSV and JSON. The encoders take `Released` rows and nothing else.

use disclosure::Released;
use model::TidyRow;
use model::contract::Crossings;
use model::tidy::COLUMNS;
use platform::{TableAnswer, TableRow};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// Rows as RFC 4180 text with a header line, UTF-8. A notice joins the caveat of every row: a file that is kept or passed on
/// has nothing else to say it.
///
/// # Errors
/// If writing to memory fails, which the types do not rule out.
pub fn csv(rows: &Released<Vec<TidyRow>>, notice: Option<&str>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for row in rows.get() {
        let caveat = caveats(row.caveat.as_deref(), notice);
        let text = |(name, field): &(&str, Field)| if *name == "caveat" { caveat.text() } else { field.text() };
        writer.write_record(fields(row).iter().map(text))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// Rows as JSON objects with the columns in order; absent values are `null`.
pub fn json(rows: &Released<Vec<TidyRow>>) -> Value {
    let object = |row: &TidyRow| -> Value {
        fields(row).into_iter().map(|(name, field)| (name.to_owned(), field.json())).collect::<Map<_, _>>().into()
    };
    Value::Array(rows.get().iter().map(object).collect())
}

/// A table as RFC 4180 text with a header line, UTF-8; that there is noise stands in every row, as in [`csv`].
///
/// # Errors
/// As [`csv`].
pub(crate) fn table_csv(answer: &TableAnswer, notice: Option<&str>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let by = answer.by.iter().map(String::as_str);
    writer.write_record(Crossings::COLUMNS_BEFORE.into_iter().chain(by).chain([figure(answer), Crossings::CAVEAT]))?;
    let (dataset, area_type) = (answer.dataset.to_string(), answer.area_type.to_string());
    let year = answer.boundary_year.map_or_else(String::new, |year| year.get().to_string());
    let caveat = caveats(Some(&answer.caveat), notice).text();
    let mut last = None;
    for row in answer.rows.get() {
        let (_, period) = match last.take() {
            Some((same, texts)) if same == row.period => last.insert((same, texts)),
            _ => {
                let texts = [row.period.to_string(), row.period.label(), row.period.period_type().to_string()];
                last.insert((row.period, texts))
            }
        };
        let [interval, label, kind] = &*period;
        let name = defused(&row.area.name);
        for field in [&dataset, row.area.code.as_str(), &name, &area_type, &year, interval, label, kind] {
            writer.write_field(field)?;
        }
        row.by.iter().try_for_each(|category| writer.write_field(defused(category)))?;
        writer.write_field(row.figure.map(|figure| figure.to_string()).unwrap_or_default())?;
        writer.write_field(&caveat)?;
        writer.write_record(None::<&[u8]>)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The rows of a table as JSON objects, written one by one.
#[derive(Debug)]
pub(crate) struct JsonRows<'a>(pub(crate) &'a TableAnswer);

impl Serialize for JsonRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(answer) = self;
        serializer.collect_seq(answer.rows.get().iter().map(|row| JsonRow {
            by: &answer.by,
            figure: figure(answer),
            row,
        }))
    }
}

/// What the figure of a row is called.
fn figure(answer: &TableAnswer) -> &'static str {
    let [count, sum] = Crossings::FIGURES;
    if answer.sum.is_some() { sum } else { count }
}

struct JsonRow<'a> {
    by: &'a [String],
    figure: &'static str,
    row: &'a TableRow,
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { by, figure, row } = self;
        let mut object = serializer.serialize_map(Some(by.len() + 4))?;
        object.serialize_entry("area_code", row.area.code.as_str())?;
        object.serialize_entry("area_name", &row.area.name)?;
        object.serialize_entry("period", &Shown(&row.period))?;
        by.iter().zip(&*row.by).try_for_each(|(name, category)| object.serialize_entry(name, category))?;
        object.serialize_entry(figure, &row.figure)?;
        object.end()
    }
}

/// As it is shown.
struct Shown<'a, T>(&'a T);

impl<T: std::fmt::Display> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

fn caveats(own: Option<&str>, notice: Option<&str>) -> Field {
    match (notice, own) {
        (Some(notice), Some(own)) => Field::Text(format!("{notice} {own}")),
        (Some(text), None) | (None, Some(text)) => Field::Text(text.to_owned()),
        (None, None) => Field::Absent,
    }
}

enum Field {
    Text(String),
    Number(f64),
    Whole(u64),
    Absent,
}

impl Field {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => defused(text),
            Self::Number(number) => number.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Absent => String::new(),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::Number(number) => serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number),
            Self::Whole(number) => Value::from(number),
            Self::Absent => Value::Null,
        }
    }
}

/// Text that a spreadsheet would run as a formula gets an apostrophe in front.
fn defused(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

fn fields(row: &TidyRow) -> [(&'static str, Field); COLUMNS.len()] {
    let text = |value: &dyn std::fmt::Display| Field::Text(value.to_string());
    let maybe = |value: &Option<String>| value.clone().map_or(Field::Absent, Field::Text);
    let number = |value: Option<f64>| value.map_or(Field::Absent, Field::Number);
    let whole = |value: Option<u64>| value.map_or(Field::Absent, Field::Whole);
    let values = [
        text(&row.indicator),
        text(&row.area_code),
        text(&row.area_name),
        text(&row.area_type),
        Field::Whole(row.boundary_year.get().into()),
        text(&row.period),
        Field::Text(row.period.label()),
        text(&row.period.period_type()),
        text(&row.sex),
        text(&row.age),
        maybe(&row.breakdown_type),
        maybe(&row.breakdown),
        number(row.value),
        text(&row.unit),
        number(row.lower_95),
        number(row.upper_95),
        number(row.lower_998),
        number(row.upper_998),
        whole(row.count),
        whole(row.denominator),
        Field::Text(row.status.as_str().to_owned()),
        maybe(&row.significance),
        maybe(&row.trend),
        text(&row.geography_method),
        number(row.modelled_share),
        maybe(&row.caveat),
    ];
    let mut names = COLUMNS.iter();
    values.map(|field| (names.next().copied().unwrap_or_default(), field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_joins_what_the_row_itself_says() {
        for (own, notice, expect) in [
            (None, None, ""),
            (Some("low"), None, "low"),
            (None, Some("Invented."), "Invented."),
            (Some("low"), Some("Invented."), "Invented. low"),
        ] {
            assert_eq!(caveats(own, notice).text(), expect);
        }
    }

    #[test]
    fn formulas_are_defused() {
        for (text, expect) in [("=1+1", "'=1+1"), ("@x", "'@x"), ("-5", "'-5"), ("Adlington", "Adlington"), ("", "")] {
            assert_eq!(defused(text), expect);
        }
    }
}
