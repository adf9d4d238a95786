//! Figures of areas that did not come: a listed category without a row in an area that has others, and rows that were
//! refused although they say which area they are about. Each becomes a row without a figure, so that no sum over it is
//! shown as if it were whole.

use std::collections::{BTreeMap, BTreeSet};

use model::contract::{Absence, Level, Role, Treatment};
use model::period::Month;

use crate::error::IngestError;
use crate::figures::no_figures;
use crate::findings::{At, Kind, Recorder};
use crate::locate::Method;
use crate::places::Place;
use crate::plan::Plan;
use crate::request::CleanRequest;
use crate::rows::{Candidates, Row, UNSET};
use crate::source::limit;

/// How much of a supplier's code is quoted.
const QUOTED: usize = 40;

/// A row that was refused, and the area that it is about.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The supplier's own code of the area.
    pub(crate) unit: u32,
    pub(crate) place: Place,
    pub(crate) method: Method,
    /// `None` where its date cannot be read.
    pub(crate) month: Option<Month>,
    /// [`UNSET`] where a category cannot be read.
    pub(crate) dimensions: Vec<u32>,
}

impl Refused {
    /// Its month, or all that it may be of.
    fn months(&self, all: &BTreeSet<Month>) -> BTreeSet<Month> {
        self.month.map_or_else(|| all.clone(), |month| BTreeSet::from([month]))
    }
}

/// The supplier's area, the month and the category of each dimension.
type Key = (u32, Month, Vec<u32>);

/// What a dimension of the file's own rows can be.
struct Axis {
    /// Numbers of the categories that the contract lists; empty where it lists none.
    listed: Vec<u32>,
    /// The number of `unknown`; `None` where wide columns give the value.
    unknown: Option<u32>,
}

/// Rows without a figure for everything that did not come.
pub(crate) fn blanks(
    found: &mut Candidates<'_>,
    plan: &Plan<'_>,
    request: &CleanRequest<'_>,
    recorder: &mut Recorder,
) -> Result<Vec<Row>, IngestError> {
    if request.contract.level != Level::Aggregate {
        return Ok(Vec::new());
    }
    let axes = axes(found, plan);
    let mut months: BTreeSet<Month> = found.rows.iter().map(|row| row.month).collect();
    if months.is_empty() {
        months.insert(request.period.start());
    }
    let mut blanks = BTreeSet::new();
    if request.contract.absence == Absence::NotReported {
        blanks = absent(found, &axes, &months, request)?;
        recorder.findings.counts.absent += u64::try_from(blanks.len()).unwrap_or(u64::MAX);
        for (unit, month, dimensions) in &blanks {
            let at = At { row: 0, column: "", clause: "" };
            recorder.record(at, Kind::Absent, || say_absent(found, *unit, *month, dimensions));
        }
    }
    for row in &found.refused {
        let choices = row.dimensions.iter().zip(&axes).map(|(value, axis)| match axis.unknown {
            Some(unknown) if *value == UNSET => axis.listed.iter().copied().chain([unknown]).collect(),
            _ => vec![*value],
        });
        let choices: Vec<Vec<u32>> = choices.collect();
        for month in row.months(&months) {
            blanks.extend(combinations(&choices).into_iter().map(|dimensions| (row.unit, month, dimensions)));
        }
    }
    let kept = found.rows.iter().map(|row| (row.unit, (&row.place, row.method)));
    let places: BTreeMap<u32, (&Place, Method)> =
        kept.chain(found.refused.iter().map(|row| (row.unit, (&row.place, row.method)))).collect();
    let row = |(unit, month, dimensions): Key| {
        let (place, method) = places.get(&unit)?;
        Some(Row {
            line: 0,
            index: u32::MAX,
            unit,
            month,
            place: (*place).clone(),
            method: *method,
            dimensions,
            numbers: no_figures(plan),
            contributor: None,
            record_key: None,
            unique: None,
            unreadable: false,
        })
    };
    Ok(blanks.into_iter().filter_map(row).collect())
}

/// What each dimension of the plan can be.
fn axes(found: &mut Candidates<'_>, plan: &Plan<'_>) -> Vec<Axis> {
    let axis = |(name, values): (&&str, &mut crate::intern::Interner)| {
        let field =
            plan.fields.iter().find(|field| field.column.role == Role::Dimension && field.column.name == **name);
        let Some(field) = field else { return Axis { listed: Vec::new(), unknown: None } };
        let texts: Vec<String> = if field.treatment == Treatment::Band {
            field.column.bands.iter().map(ToString::to_string).collect()
        } else {
            field.column.allowed.clone()
        };
        // Nobody need report what is not known, or not listed.
        let texts = texts.iter().filter(|text| *text != "unknown" && *text != "other");
        let listed = texts.map(|text| values.intern(text)).collect();
        Axis { listed, unknown: Some(values.intern("unknown")) }
    };
    plan.dimensions.iter().zip(&mut found.values).map(axis).collect()
}

/// The listed categories that no row came for. Of a category that the contract does not list nobody can say that it is
/// missing.
fn absent(
    found: &Candidates<'_>,
    axes: &[Axis],
    months: &BTreeSet<Month>,
    request: &CleanRequest<'_>,
) -> Result<BTreeSet<Key>, IngestError> {
    let key = |row: &Row| (row.unit, row.month, row.dimensions.clone());
    let present: BTreeSet<Key> = found.rows.iter().map(key).collect();
    let unlisted = |dimensions: &[u32]| -> Vec<u32> {
        dimensions.iter().zip(axes).map(|(value, axis)| if axis.listed.is_empty() { *value } else { UNSET }).collect()
    };
    let mut frames: BTreeSet<Key> = present.iter().map(|(unit, month, d)| (*unit, *month, unlisted(d))).collect();
    // An area all of whose rows were refused has a row again, and none of its other figures.
    for row in &found.refused {
        frames.extend(row.months(months).into_iter().map(|month| (row.unit, month, unlisted(&row.dimensions))));
    }
    if axes.iter().all(|axis| !axis.listed.is_empty() || axis.unknown.is_none()) {
        let others = |(unit, _, d): &Key| months.iter().map(|month| (*unit, *month, d.clone())).collect::<Vec<_>>();
        frames = frames.iter().flat_map(others).collect();
    }
    let size = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let each = axes.iter().map(|axis| size(axis.listed.len().max(1))).fold(1, u64::saturating_mul);
    if each.saturating_mul(size(frames.len())) > request.limits.rows {
        let hint = ": if a category without a row is none, say `absence = \"zero\"` in the contract";
        return Err(limit("the areas and listed categories of the file are", request.limits.rows, hint));
    }
    let mut absent = BTreeSet::new();
    for (unit, month, frame) in frames {
        let choices = frame.iter().zip(axes).map(|(value, axis)| match axis.listed.as_slice() {
            [] => vec![*value],
            listed => listed.to_vec(),
        });
        let choices: Vec<Vec<u32>> = choices.collect();
        let keys = combinations(&choices).into_iter().map(|dimensions| (unit, month, dimensions));
        absent.extend(keys.filter(|key| !present.contains(key)));
    }
    Ok(absent)
}

/// One value of each, in every combination.
fn combinations(choices: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut combinations = vec![Vec::new()];
    for values in choices {
        let longer = |head: &Vec<u32>| {
            values.iter().map(|value| head.iter().copied().chain([*value]).collect()).collect::<Vec<Vec<u32>>>()
        };
        combinations = combinations.iter().flat_map(longer).collect();
    }
    combinations
}

/// Codes and categories of aggregates may be quoted; there is no figure to tell.
fn say_absent(found: &Candidates<'_>, unit: u32, month: Month, dimensions: &[u32]) -> String {
    let unit: String = found.units.name(unit).chars().take(QUOTED).collect();
    let named = dimensions.iter().zip(&found.values).filter(|(value, _)| **value != UNSET);
    let categories: String = named.map(|(value, values)| format!(", `{}`", values.name(*value))).collect();
    format!("no row for `{unit}`, {month}{categories}: not available")
}
