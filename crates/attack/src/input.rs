//! Reads a folder of released tables (`docs/attack-input.md`).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::AttackError;
use crate::problem::{Bound, Cell, Dimension, Known, Problem, Table, Value};

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
    known: Vec<KnownRecords>,
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
    upper: String,
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
    let Group { name, threshold, dimensions, tables, bounds, known } = group;
    let mut problem =
        Problem { name, threshold, dimensions, tables: Vec::new(), bounds: Vec::new(), known: Vec::new() };
    for table in tables {
        let mut cells = Vec::new();
        let mut wanted = vec![table.count.as_str()];
        wanted.extend(table.status.as_deref());
        for row in read_rows(dir, &problem, &table.rows, &wanted)? {
            let count = row.values.first().map(String::as_str).unwrap_or_default();
            let status = table.status.as_ref().map(|_| row.values.get(1).map(String::as_str).unwrap_or_default());
            let value = value(count, status).map_err(|message| row.error(message))?;
            if let Some(value) = value {
                cells.push(Cell { codes: row.codes, value });
            }
        }
        problem.tables.push(Table {
            name: table.name,
            open: table.open,
            zeros_published: table.zeros_published,
            sensitive: table.sensitive,
            cells,
        });
    }
    for bound in bounds {
        for row in read_rows(dir, &problem, &bound.rows, &[&bound.upper])? {
            let text = row.values.first().map(String::as_str).unwrap_or_default();
            let upper = text.trim().parse().map_err(|_| row.error(format!("`{text}` is not a whole number")))?;
            problem.bounds.push(Bound { codes: row.codes, upper });
        }
    }
    for records in known {
        let codes = codes_of_known(&problem, &records)?;
        problem.known.push(Known { codes, count: records.count });
    }
    Ok(problem)
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
    fn error(&self, message: String) -> AttackError {
        AttackError::Row { path: self.path.clone(), line: self.line, message }
    }
}

/// Where a dimension's code comes from.
enum Source {
    Column(usize),
    Fixed(String),
}

fn read_rows(dir: &Path, problem: &Problem, rows: &Rows, wanted: &[&str]) -> Result<Vec<CsvRow>, AttackError> {
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
    let values = wanted.iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
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
            values: values.iter().map(|index| field(*index).to_owned()).collect(),
        });
    }
    Ok(result)
}
