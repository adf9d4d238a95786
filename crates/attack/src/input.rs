//! Reads a folder of released tables (`docs/attack-input.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use crate::AttackError;
use crate::derived::{Limits, Printed, Ranked, Rate, comparisons_of_classes};
use crate::files::{Folder, InputLimits, Left, Rows};
use crate::problem::{Attacker, Bound, Cell, Comparison, Dimension, Known, MOST_COUNT, Older, Problem, Table, Value};
use crate::strict::distinct;

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
    /// Figures may be those of an earlier revision, so far from today's.
    may_be_older: Option<Older>,
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
    /// As of the group, which it replaces.
    may_be_older: Option<Older>,
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
    #[serde(default, deserialize_with = "distinct")]
    other: BTreeMap<String, Other>,
    denominator: Option<String>,
    other_denominator: Option<String>,
    /// What each word says.
    #[serde(deserialize_with = "distinct")]
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
    #[serde(deserialize_with = "distinct")]
    at: BTreeMap<String, String>,
    count: u64,
}

/// Reads `tables.json` and the CSV files it names.
///
/// # Errors
/// If a file cannot be read, is too large or not in the folder, or does not follow `docs/attack-input.md`; or if there is nothing
/// to attack.
pub fn read(dir: &Path, limits: &InputLimits) -> Result<Vec<Problem>, AttackError> {
    read_within(dir, &Left::new(limits))
}

/// As [`read`], within what is left of the limits.
pub(crate) fn read_within(dir: &Path, left: &Left) -> Result<Vec<Problem>, AttackError> {
    const DESCRIPTION: &str = "tables.json";
    let folder = Folder::open(dir, left)?;
    let text = folder.text(DESCRIPTION)?;
    let description: Description = serde_json::from_str(&text)
        .map_err(|source| AttackError::Description { path: dir.join(DESCRIPTION), source })?;
    drop(text);
    if description.groups.is_empty() {
        let message = format!("`{}` has no groups", dir.join(DESCRIPTION).display());
        return Err(AttackError::Nothing { message });
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = description.groups.iter().find(|group| !names.insert(group.name.as_str())) {
        let message = "is the name of two groups: everything about overlapping records belongs in one group, and others need \
                       names of their own";
        return Err(AttackError::Definition { group: twice.name.clone(), message: message.to_owned() });
    }
    description.groups.into_iter().map(|group| read_group(&folder, group)).collect()
}

fn read_group(folder: &Folder, group: Group) -> Result<Problem, AttackError> {
    let Group { name, threshold, may_be_older, dimensions, tables, bounds, rates, classes, words, known, attackers } =
        group;
    let mut problem = Problem { name, threshold, dimensions, ..Problem::default() };
    if threshold < 2 {
        let message = format!("a threshold of {threshold} protects nobody: give the smallest count that may be shown");
        return Err(undefined(&problem, message));
    }
    for table in tables {
        let table = read_table(folder, &problem, may_be_older, table)?;
        problem.tables.push(table);
    }
    if !problem.tables.iter().any(|table| !table.open && !table.cells.is_empty()) {
        let message = format!(
            "group `{}` has no table, or no cell in any table that is not open; rows marked `x`, `z` or `low` say nothing",
            problem.name
        );
        return Err(AttackError::Nothing { message });
    }
    for bound in bounds {
        let columns = [bound.lower.as_deref(), bound.upper.as_deref()];
        let mut found = Vec::new();
        folder.each_row(&problem, &bound.rows, &columns, |row| {
            let (lower, upper) = (row.count(0)?.unwrap_or(0), row.count(1)?);
            found.push(Bound { codes: row.codes, lower, upper });
            Ok(())
        })?;
        problem.bounds.extend(found);
    }
    for file in rates {
        let bounds = read_rates(folder, &problem, &file)?;
        // Bounds of an older count, so that today's may be a little further.
        problem.bounds.extend(bounds.into_iter().map(|bound| match may_be_older {
            Some(older) => {
                let (lower, upper) = older.range(bound.lower, bound.upper.unwrap_or(MOST_COUNT));
                Bound { lower, upper, ..bound }
            }
            None => bound,
        }));
    }
    let mut comparisons = Vec::new();
    for file in classes {
        comparisons.extend(read_classes(folder, &problem, &file)?);
    }
    for file in words {
        comparisons.extend(read_words(folder, &problem, &file)?);
    }
    let today =
        |comparison| may_be_older.map_or(Some(Comparison::clone(&comparison)), |older| older.comparison(comparison));
    problem.comparisons = comparisons.into_iter().filter_map(today).collect();
    problem.known = read_known(&problem, &known)?;
    for attacker in attackers {
        let known = read_known(&problem, &attacker.known)?;
        problem.attackers.push(Attacker { name: attacker.name, known });
    }
    Ok(problem)
}

fn read_table(
    folder: &Folder,
    problem: &Problem,
    older: Option<Older>,
    table: TableFile,
) -> Result<Table, AttackError> {
    let mut cells = Vec::new();
    folder.each_row(problem, &table.rows, &[Some(&table.count), table.status.as_deref()], |row| {
        let status = table.status.as_ref().map(|_| row.text(1));
        let value = match value(row.text(0), status).map_err(|message| row.error(message))? {
            Some(Value::Released(count)) if table.within > 0 => {
                Value::Between(count.saturating_sub(table.within), count.saturating_add(table.within))
            }
            Some(value) => value,
            None => return Ok(()),
        };
        cells.push(Cell { codes: row.codes, value });
        Ok(())
    })?;
    let TableFile { name, open, zeros_published, sensitive, may_be_older, .. } = table;
    Ok(Table { name, open, zeros_published, sensitive, may_be_older: may_be_older.or(older), cells })
}

/// What classes say of the rates in them.
fn read_classes(folder: &Folder, problem: &Problem, file: &ClassFile) -> Result<Vec<Comparison>, AttackError> {
    let mut by_class: BTreeMap<u64, Vec<Ranked>> = BTreeMap::new();
    folder.each_row(problem, &file.rows, &[Some(&file.class), file.denominator.as_deref()], |row| {
        let denominator = row.count(1)?.unwrap_or(1);
        // A row without a class says nothing.
        if let Some(class) = row.count(0)? {
            by_class.entry(class).or_default().push(Ranked { codes: row.codes, denominator });
        }
        Ok(())
    })?;
    let classes: Vec<Vec<Ranked>> = by_class.into_values().collect();
    let pairs = classes.iter().zip(classes.iter().skip(1)).map(|(low, high)| low.len() as u64 * high.len() as u64);
    folder.charge(&file.rows.file, pairs.fold(0, u64::saturating_add))?;
    Ok(comparisons_of_classes(&classes))
}

/// What printed rates say of the counts behind them.
fn read_rates(folder: &Folder, problem: &Problem, file: &RateFile) -> Result<Vec<Bound>, AttackError> {
    if !(file.per.is_finite() && file.per > 0.0) {
        return Err(undefined(problem, "`per` of rates must be above 0".to_owned()));
    }
    let figures = [&file.value, &file.lower_95, &file.upper_95, &file.lower_998, &file.upper_998];
    let mut wanted = vec![Some(file.denominator.as_str())];
    wanted.extend(figures.iter().map(|column| column.as_deref()));
    let mut bounds = Vec::new();
    folder.each_row(problem, &file.rows, &wanted, |row| {
        let Some(denominator) = row.count(0)? else { return Ok(()) };
        let printed = |number: usize| Printed::parse(row.text(number));
        if (1..=figures.len()).all(|number| printed(number).is_none()) {
            return Ok(());
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
        Ok(())
    })?;
    Ok(bounds)
}

/// What words say: with denominators a and b, that count / a is above other / b is count * b - other * a >= 1, in whole
/// numbers.
fn read_words(folder: &Folder, problem: &Problem, file: &WordFile) -> Result<Vec<Comparison>, AttackError> {
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
    folder.each_row(problem, &file.rows, &wanted, |row| {
        let word = row.text(0).trim();
        if word.is_empty() {
            return Ok(());
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
            Says::Nothing => return Ok(()),
        };
        comparisons.push(Comparison { terms: vec![(row.codes, others), (other, -own)], low, high });
        Ok(())
    })?;
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
            Ok(count) if count > MOST_COUNT => {
                Err(format!("the count is above {MOST_COUNT}, the largest that is attacked: check the column"))
            }
            Ok(count) => Ok(Some(Value::Released(count))),
            Err(_) => {
                Err("the count is not a whole number: withhold it with status `c`, or leave the row out".to_owned())
            }
        },
    }
}
