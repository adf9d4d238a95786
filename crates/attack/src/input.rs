//! Reads a folder of released tables (`docs/attack-input.md`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::AttackError;
use crate::derived::{Limits, Printed, Ranked, Rate, comparisons_of_classes};
use crate::problem::{Attacker, Bound, Cell, Comparison, Dimension, Known, Problem, Table, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    threshold: u32,
    dimensions: Vec<Dimension>,
    tables: Vec<TableFile>,
    #[serde(default)]
    bounds: Vec<BoundFile>,
    #[serde(default)]
    rates: Vec<RateFile>,
    #[serde(default)]
    classes: Vec<ClassFile>,
    #[serde(default)]
    words: Vec<WordFile>,
    #[serde(default)]
    known: Vec<KnownRecords>,
    #[serde(default)]
    attackers: Vec<AttackerRecords>,
}

/// Where a CSV's rows get their codes from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    file: PathBuf,
    /// Dimension to column.
    #[serde(default)]
    columns: BTreeMap<String, String>,
    /// Dimension to the code of every row.
    #[serde(default)]
    fixed: BTreeMap<String, String>,
    /// Column to the text a row must have there to be read.
    #[serde(default, rename = "where")]
    filter: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    name: String,
    rows: Rows,
    #[serde(default = "count_column")]
    count: String,
    status: Option<String>,
    /// The count is at most this far from what is printed.
    #[serde(default)]
    within: u64,
    #[serde(default)]
    open: bool,
    #[serde(default)]
    zeros_published: bool,
    #[serde(default)]
    sensitive: Vec<String>,
}

fn count_column() -> String {
    "count".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BoundFile {
    rows: Rows,
    lower: Option<String>,
    upper: Option<String>,
}

/// Rates with limits: columns of what was printed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateFile {
    rows: Rows,
    denominator: String,
    per: f64,
    limits: Limits,
    value: Option<String>,
    lower_95: Option<String>,
    upper_95: Option<String>,
    lower_998: Option<String>,
    upper_998: Option<String>,
}

/// Rows in classes or ranks: a higher number is a higher rate.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassFile {
    rows: Rows,
    class: String,
    denominator: Option<String>,
}

/// Rows with a word that compares each with another cell: a benchmark, an earlier period.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WordFile {
    rows: Rows,
    word: String,
    /// Where the other cell is not in the same place: dimension to its code, or to the column with it.
    #[serde(default)]
    other: BTreeMap<String, Other>,
    denominator: Option<String>,
    other_denominator: Option<String>,
    /// What each word says.
    says: BTreeMap<String, Says>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Other {
    Code(String),
    Column(String),
}

/// How the rate of a row compares with that of the other cell.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Says {
    Above,
    AtLeast,
    Same,
    AtMost,
    Below,
    Nothing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttackerRecords {
    name: String,
    known: Vec<KnownRecords>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownRecords {
    /// Dimension to code; others are the total.
    at: BTreeMap<String, String>,
    count: u64,
}

/// Reads `tables.json` and the CSV files it names.
///
/// # Errors
/// If a file cannot be read, or does not follow `docs/attack-input.md`.
pub fn read(dir: &Path) -> Result<Vec<Problem>, AttackError> {
    let path = dir.join("tables.json");
    let text = fs::read_to_string(&path).map_err(|source| AttackError::Read { path: path.clone(), source })?;
    let description: Description =
        serde_json::from_str(&text).map_err(|source| AttackError::Description { path, source })?;
    description.groups.into_iter().map(|group| read_group(dir, group)).collect()
}

fn read_group(dir: &Path, group: Group) -> Result<Problem, AttackError> {
    let Group { name, threshold, dimensions, tables, bounds, rates, classes, words, known, attackers } = group;
    let mut problem = Problem { name, threshold, dimensions, ..Problem::default() };
    for table in tables {
        let table = read_table(dir, &problem, table)?;
        problem.tables.push(table);
    }
    for bound in bounds {
        let columns = [bound.lower.as_deref(), bound.upper.as_deref()];
        for row in read_rows(dir, &problem, &bound.rows, &columns)? {
            let (lower, upper) = (row.count(0)?.unwrap_or(0), row.count(1)?);
            problem.bounds.push(Bound { codes: row.codes, lower, upper });
        }
    }
    for file in rates {
        let bounds = read_rates(dir, &problem, &file)?;
        problem.bounds.extend(bounds);
    }
    for file in classes {
        let mut by_class: BTreeMap<u64, Vec<Ranked>> = BTreeMap::new();
        for row in read_rows(dir, &problem, &file.rows, &[Some(&file.class), file.denominator.as_deref()])? {
            let denominator = row.count(1)?.unwrap_or(1);
            // A row without a class says nothing.
            if let Some(class) = row.count(0)? {
                by_class.entry(class).or_default().push(Ranked { codes: row.codes, denominator });
            }
        }
        problem.comparisons.extend(comparisons_of_classes(&by_class.into_values().collect::<Vec<_>>()));
    }
    for file in words {
        let comparisons = read_words(dir, &problem, &file)?;
        problem.comparisons.extend(comparisons);
    }
    problem.known = read_known(&problem, &known)?;
    for attacker in attackers {
        let known = read_known(&problem, &attacker.known)?;
        problem.attackers.push(Attacker { name: attacker.name, known });
    }
    Ok(problem)
}

fn read_table(dir: &Path, problem: &Problem, table: TableFile) -> Result<Table, AttackError> {
    let mut cells = Vec::new();
    for row in read_rows(dir, problem, &table.rows, &[Some(&table.count), table.status.as_deref()])? {
        let status = table.status.as_ref().map(|_| row.text(1));
        let value = match value(row.text(0), status).map_err(|message| row.error(message))? {
            Some(Value::Released(count)) if table.within > 0 => {
                Value::Between(count.saturating_sub(table.within), count.saturating_add(table.within))
            }
            Some(value) => value,
            None => continue,
        };
        cells.push(Cell { codes: row.codes, value });
    }
    let TableFile { name, open, zeros_published, sensitive, .. } = table;
    Ok(Table { name, open, zeros_published, sensitive, cells })
}

/// What printed rates say of the counts behind them.
fn read_rates(dir: &Path, problem: &Problem, file: &RateFile) -> Result<Vec<Bound>, AttackError> {
    let figures = [&file.value, &file.lower_95, &file.upper_95, &file.lower_998, &file.upper_998];
    let mut wanted = vec![Some(file.denominator.as_str())];
    wanted.extend(figures.iter().map(|column| column.as_deref()));
    let mut bounds = Vec::new();
    for row in read_rows(dir, problem, &file.rows, &wanted)? {
        let Some(denominator) = row.count(0)? else { continue };
        let printed = |number: usize| Printed::parse(row.text(number));
        if (1..=figures.len()).all(|number| printed(number).is_none()) {
            continue;
        }
        let rate = Rate {
            denominator,
            per: file.per,
            limits: file.limits,
            value: printed(1),
            limits_95: (printed(2), printed(3)),
            limits_998: (printed(4), printed(5)),
        };
        let Some((lower, upper)) = rate.range() else {
            let message = "no count has the printed rate and limits: check `per`, `limits` and the denominator";
            return Err(row.error(message.to_owned()));
        };
        bounds.push(Bound { codes: row.codes, lower, upper: Some(upper) });
    }
    Ok(bounds)
}

/// What words say: with denominators a and b, that count / a is above other / b is count * b - other * a >= 1, in whole
/// numbers.
fn read_words(dir: &Path, problem: &Problem, file: &WordFile) -> Result<Vec<Comparison>, AttackError> {
    let unknown = |name: &&String| !problem.dimensions.iter().any(|known| known.name == **name);
    if let Some(name) = file.other.keys().find(unknown) {
        return Err(undefined(problem, format!("the other cell of a word names `{name}`, which is not a dimension")));
    }
    let mut wanted = vec![Some(file.word.as_str()), file.denominator.as_deref(), file.other_denominator.as_deref()];
    let columns = |other: &'_ Other| match other {
        Other::Column(column) => Some(column.clone()),
        Other::Code(_) => None,
    };
    let of_dimension: Vec<Option<String>> =
        problem.dimensions.iter().map(|dimension| file.other.get(&dimension.name).and_then(columns)).collect();
    wanted.extend(of_dimension.iter().map(Option::as_deref));
    let mut comparisons = Vec::new();
    for row in read_rows(dir, problem, &file.rows, &wanted)? {
        let word = row.text(0).trim();
        if word.is_empty() {
            continue;
        }
        let Some(says) = file.says.get(word) else {
            return Err(
                row.error(format!("`says` does not tell what the word `{word}` says: add it, if only as `nothing`"))
            );
        };
        let mut other = row.codes.clone();
        for (number, (dimension, code)) in problem.dimensions.iter().zip(&mut other).enumerate() {
            match file.other.get(&dimension.name) {
                Some(Other::Code(given)) => code.clone_from(given),
                Some(Other::Column(_)) => row.text(3 + number).clone_into(code),
                None => {}
            }
        }
        let factor = |number: usize| -> Result<i64, AttackError> {
            let denominator = row.count(number)?.unwrap_or(1);
            i64::try_from(denominator).map_err(|_| row.error(format!("denominator `{denominator}` is too large")))
        };
        let (own, others) = (factor(1)?, factor(2)?);
        let (low, high) = match says {
            Says::Above => (Some(1), None),
            Says::AtLeast => (Some(0), None),
            Says::Same => (Some(0), Some(0)),
            Says::AtMost => (None, Some(0)),
            Says::Below => (None, Some(-1)),
            Says::Nothing => continue,
        };
        comparisons.push(Comparison { terms: vec![(row.codes, others), (other, -own)], low, high });
    }
    Ok(comparisons)
}

fn read_known(problem: &Problem, records: &[KnownRecords]) -> Result<Vec<Known>, AttackError> {
    let mut known = Vec::new();
    for records in records {
        known.push(Known { codes: codes_of_known(problem, records)?, count: records.count });
    }
    Ok(known)
}

fn codes_of_known(problem: &Problem, records: &KnownRecords) -> Result<Vec<String>, AttackError> {
    for name in records.at.keys() {
        if !problem.dimensions.iter().any(|dimension| dimension.name == *name) {
            return Err(undefined(problem, format!("known records name `{name}`, which is not a dimension")));
        }
    }
    let code = |dimension: &Dimension| records.at.get(&dimension.name).unwrap_or(&dimension.total).clone();
    Ok(problem.dimensions.iter().map(code).collect())
}

fn undefined(problem: &Problem, message: String) -> AttackError {
    AttackError::Definition { group: problem.name.clone(), message }
}

/// The value a row releases; `None` if the row says nothing.
fn value(count: &str, status: Option<&str>) -> Result<Option<Value>, String> {
    let count = count.trim();
    match status.map(str::trim) {
        Some("c") => return Ok(Some(Value::Withheld)),
        Some("x" | "z" | "low") => return Ok(None),
        Some("ok" | "provisional" | "modelled") | None => {}
        Some(other) => return Err(format!("status `{other}` is not one of ok, provisional, modelled, c, x, z, low")),
    }
    match (count, status) {
        ("" | "[c]", None) => Ok(Some(Value::Withheld)),
        ("[x]" | "[z]" | "[low]", None) => Ok(None),
        _ => match count.parse() {
            Ok(count) => Ok(Some(Value::Released(count))),
            Err(_) => {
                Err("the count is not a whole number: withhold it with status `c`, or leave the row out".to_owned())
            }
        },
    }
}

/// A row of interest.
struct CsvRow {
    path: PathBuf,
    line: u64,
    codes: Vec<String>,
    values: Vec<String>,
}

impl CsvRow {
    fn text(&self, number: usize) -> &str {
        self.values.get(number).map_or("", String::as_str)
    }

    /// A whole number, if there is one.
    fn count(&self, number: usize) -> Result<Option<u64>, AttackError> {
        let text = self.text(number).trim();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| self.error(format!("`{text}` is not a whole number")))
    }

    fn error(&self, message: String) -> AttackError {
        AttackError::Row { path: self.path.clone(), line: self.line, message }
    }
}

/// Where a dimension's code comes from.
enum Source {
    Column(usize),
    Fixed(String),
}

/// The rows with their codes and, in order, the text of the wanted columns (empty where no column is named).
fn read_rows(dir: &Path, problem: &Problem, rows: &Rows, wanted: &[Option<&str>]) -> Result<Vec<CsvRow>, AttackError> {
    let path = dir.join(&rows.file);
    let csv_error = |source| AttackError::Csv { path: path.clone(), source };
    let file = fs::File::open(&path).map_err(|source| AttackError::Read { path: path.clone(), source })?;
    let mut reader = csv::Reader::from_reader(file);
    let headers = reader.headers().map_err(csv_error)?.clone();
    let column = |name: &str| {
        headers
            .iter()
            .position(|header| header == name)
            .ok_or_else(|| undefined(problem, format!("`{}` has no column `{name}`", rows.file.display())))
    };
    for name in rows.columns.keys().chain(rows.fixed.keys()) {
        if !problem.dimensions.iter().any(|dimension| dimension.name == *name) {
            return Err(undefined(
                problem,
                format!("`{}` is given codes for `{name}`, which is not a dimension", rows.file.display()),
            ));
        }
    }
    let mut sources = Vec::new();
    for dimension in &problem.dimensions {
        sources.push(match (rows.columns.get(&dimension.name), rows.fixed.get(&dimension.name)) {
            (Some(name), _) => Source::Column(column(name)?),
            (None, Some(code)) => Source::Fixed(code.clone()),
            (None, None) => Source::Fixed(dimension.total.clone()),
        });
    }
    let mut values = Vec::new();
    for name in wanted {
        values.push(name.map(column).transpose()?);
    }
    let mut filter = Vec::new();
    for (name, text) in &rows.filter {
        filter.push((column(name)?, text));
    }
    let mut result = Vec::new();
    for record in reader.records() {
        let record = record.map_err(csv_error)?;
        let field = |index: usize| record.get(index).unwrap_or_default();
        if filter.iter().any(|(index, text)| field(*index) != text.as_str()) {
            continue;
        }
        let code = |source: &Source| match source {
            Source::Column(index) => field(*index).to_owned(),
            Source::Fixed(code) => code.clone(),
        };
        result.push(CsvRow {
            path: path.clone(),
            line: record.position().map_or(0, csv::Position::line),
            codes: sources.iter().map(code).collect(),
            values: values.iter().map(|index| index.map(field).unwrap_or_default().to_owned()).collect(),
        });
    }
    Ok(result)
}
