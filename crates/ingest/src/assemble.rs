//! From candidates to table rows: wide cells joined, repeated rows left out, converted areas allocated.

use std::collections::{BTreeSet, HashMap};

use geography::apportion;
use model::contract::Level;

use crate::error::IngestError;
use crate::figures::{Number, read_number};
use crate::findings::{At, Kind, Recorder};
use crate::frame::TextFrame;
use crate::gaps;
use crate::intern::Interner;
use crate::parse::Markers;
use crate::places::{Part, Place};
use crate::plan::Plan;
use crate::request::CleanRequest;
use crate::rows::{Candidates, Row, UNSET};
use crate::say;
use crate::table::{Entry, Table};

/// Wide cells by row of the text frame: wide column and value.
type WideCells = HashMap<u32, Vec<(usize, Number)>>;

/// Makes the table.
pub(crate) fn assemble(
    mut found: Candidates<'_>,
    frame: &TextFrame,
    plan: &Plan<'_>,
    request: &CleanRequest<'_>,
    recorder: &mut Recorder,
) -> Result<Table, IngestError> {
    let wide = if plan.wides.is_empty() {
        WideCells::new()
    } else {
        read_wide(&mut found.rows, frame, plan, request, recorder)?
    };
    remove_repeated(&mut found, frame, plan, request, recorder);
    let wide_values = intern_wide(plan, &mut found.values);
    let mut entries = Vec::with_capacity(found.rows.len());
    for row in &found.rows {
        recorder.findings.counts.kept += 1;
        recorder.findings.counts.unreadable += u64::from(row.unreadable);
        *recorder.findings.methods.entry(row.method.as_str().to_owned()).or_default() += 1;
        if plan.wides.is_empty() {
            place(row, &row.dimensions, &row.numbers, &mut entries);
            continue;
        }
        for (index, number) in wide.get(&row.index).into_iter().flatten() {
            let values = wide_values.get(*index).map(Vec::as_slice).unwrap_or_default();
            let dimensions = with_wide(&row.dimensions, values);
            let measure = plan.wides.get(*index).map_or("", |wide| wide.measure);
            let named = plan.measures.iter().zip(&row.numbers);
            let numbers: Vec<Number> =
                named.map(|(m, empty)| if m.name == measure { *number } else { *empty }).collect();
            place(row, &dimensions, &numbers, &mut entries);
        }
    }
    for row in gaps::blanks(&mut found, plan, request, recorder)? {
        if plan.wides.is_empty() {
            place(&row, &row.dimensions, &row.numbers, &mut entries);
        }
        for values in &wide_values {
            place(&row, &with_wide(&row.dimensions, values), &row.numbers, &mut entries);
        }
    }
    fill_unset(&mut entries, &mut found.values);
    let mut table = Table { entries, areas: found.places.areas, values: found.values };
    if found.places.converted && request.contract.level == Level::Aggregate {
        table.combine()?;
    }
    recorder.findings.counts.rows_written = u64::try_from(table.entries.len()).unwrap_or(u64::MAX);
    Ok(table)
}

/// Parses the wide cells of candidate rows. One bad cell refuses its row: a part of a row is no row. Where a row is about
/// an area, the cell is not available instead.
fn read_wide(
    rows: &mut Vec<Row>,
    frame: &TextFrame,
    plan: &Plan<'_>,
    request: &CleanRequest<'_>,
    recorder: &mut Recorder,
) -> Result<WideCells, IngestError> {
    let markers = Markers::new(&request.contract.file);
    let lines: HashMap<u32, u64> = rows.iter().map(|row| (row.index, row.line)).collect();
    let mut cells = WideCells::new();
    let mut bad: BTreeSet<u32> = BTreeSet::new();
    for cell in frame.unpivot() {
        let (Some(line), Some(wide)) = (lines.get(&cell.row), plan.wides.get(cell.wide)) else { continue };
        let (number, issue) = read_number(markers.read(cell.text), false, None);
        match issue {
            Some(Kind::Withheld) => {
                recorder.findings.counts.withheld += 1;
                recorder.tally(wide.measure, Kind::Withheld);
            }
            Some(kind) => {
                let at = At { row: *line, column: wide.measure, clause: wide.clause };
                recorder.record(at, kind, || say::problem(kind, None));
                bad.insert(cell.row);
            }
            None => {}
        }
        cells.entry(cell.row).or_default().push((cell.wide, number));
    }
    if request.contract.level == Level::Aggregate {
        for row in rows {
            row.unreadable |= bad.contains(&row.index);
        }
    } else {
        recorder.findings.counts.refused += u64::try_from(bad.len()).unwrap_or(u64::MAX);
        rows.retain(|row| !bad.contains(&row.index));
    }
    Ok(cells)
}

/// Leaves out rows that repeat another. With a column that identifies rows, those with its value; without one, rows
/// repeated byte for byte. Open data without such a column are kept as published, and only counted.
fn remove_repeated(
    found: &mut Candidates<'_>,
    frame: &TextFrame,
    plan: &Plan<'_>,
    request: &CleanRequest<'_>,
    recorder: &mut Recorder,
) {
    let identified = plan.fields.iter().any(|field| field.column.unique);
    let open = request.contract.exposure.is_open();
    let digest = |row: &Row| frame.digests.get(usize::try_from(row.index).unwrap_or(usize::MAX)).copied();
    let mut groups: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    for (position, row) in found.rows.iter().enumerate() {
        let key = match (identified, &row.unique) {
            (true, Some(unique)) => unique.clone().into_bytes(),
            (true, None) => continue,
            (false, _) => digest(row).map(Vec::from).unwrap_or_default(),
        };
        groups.entry(key).or_default().push(position);
    }
    let mut repeated = vec![false; found.rows.len()];
    for group in groups.into_values().filter(|group| group.len() > 1) {
        // Which of several versions stays must not depend on their order: the last by month, then by content.
        let stays = group.iter().max_by_key(|position| {
            found.rows.get(**position).map(|row| (row.month, digest(row), std::cmp::Reverse(row.line)))
        });
        let stays = stays.copied();
        let line = stays.and_then(|stays| found.rows.get(stays)).map_or(0, |row| row.line);
        for position in group.into_iter().filter(|position| Some(*position) != stays) {
            let at = At { row: found.rows.get(position).map_or(0, |row| row.line), column: "", clause: "" };
            if open && !identified {
                recorder.record(at, Kind::Repeated, || format!("repeats line {line}; kept as published"));
                continue;
            }
            recorder.record(at, Kind::Duplicate, || format!("repeats line {line}; left out"));
            recorder.findings.counts.duplicates += 1;
            if let Some(flag) = repeated.get_mut(position) {
                *flag = true;
            }
        }
    }
    let mut flags = repeated.into_iter();
    found.rows.retain(|_| flags.next() != Some(true));
}

/// A row's dimensions with the values of one of its wide columns.
fn with_wide(dimensions: &[u32], values: &[(usize, u32)]) -> Vec<u32> {
    let mut dimensions = dimensions.to_vec();
    for (dimension, value) in values {
        if let Some(slot) = dimensions.get_mut(*dimension) {
            *slot = *value;
        }
    }
    dimensions
}

/// The dimension values of each wide column: dimension of the plan, number of the value.
fn intern_wide(plan: &Plan<'_>, values: &mut [Interner]) -> Vec<Vec<(usize, u32)>> {
    let mut interned = Vec::new();
    for wide in &plan.wides {
        let mut pairs = Vec::new();
        for (name, value) in &wide.values {
            let dimension = plan.dimensions.iter().position(|dimension| dimension == name);
            if let Some((dimension, values)) = dimension.and_then(|d| Some((d, values.get_mut(d)?))) {
                pairs.push((dimension, values.intern(value)));
            }
        }
        interned.push(pairs);
    }
    interned
}

/// Writes a row into its area, or allocates it over the areas its own has become.
fn place(row: &Row, dimensions: &[u32], numbers: &[Number], entries: &mut Vec<Entry>) {
    let entry = |area: u32, numbers: Box<[Number]>, weight: u64| Entry {
        month: row.month.ordinal(),
        area,
        dimensions: dimensions.into(),
        numbers,
        method: row.method,
        contributor: row.contributor,
        record_key: row.record_key,
        weight,
    };
    match &row.place {
        Place::One(area) => entries.push(entry(*area, numbers.into(), 1)),
        Place::Parts(parts) => {
            let shares: Vec<Vec<Number>> = numbers.iter().map(|number| share(*number, parts)).collect();
            for (index, (area, weight)) in parts.iter().enumerate() {
                let numbers = shares.iter().filter_map(|share| share.get(index).copied()).collect();
                entries.extend(area.map(|area| entry(area, numbers, *weight)));
            }
        }
        Place::Outside | Place::Unknown => {}
    }
}

/// A count is allocated so that its parts add up; a score holds for every part.
fn share(number: Number, parts: &[Part]) -> Vec<Number> {
    match number {
        Number::Integer(Some(total)) => {
            let weights: Vec<u64> = parts.iter().map(|(_, weight)| *weight).collect();
            apportion(total, &weights).into_iter().map(|part| Number::Integer(Some(part))).collect()
        }
        other => vec![other; parts.len()],
    }
}

fn fill_unset(entries: &mut [Entry], values: &mut [Interner]) {
    for entry in entries {
        for (value, names) in entry.dimensions.iter_mut().zip(values.iter_mut()) {
            if *value == UNSET {
                *value = names.intern("unknown");
            }
        }
    }
}
