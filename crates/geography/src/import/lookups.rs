//! Lookups that make registered geographies out of atoms, and the one from 2011 to 2021.

use std::collections::{BTreeMap, BTreeSet};

use model::{AreaCode, AreaType, BoundaryYear, Month};

use crate::area::{AtomIndex, Method};
use crate::conversion::{Change, Conversion, Part};
use crate::error::GeographyError;
use crate::import::ImportLimits;
use crate::import::table::{Column, Row, Table};
use crate::manifest::{Covers, Hierarchy, Lsoa11Lookup, Membership, Names, Population};
use crate::report::{FileReport, FindingKind};

/// The codes of the atoms, for looking them up.
pub(crate) struct Atoms {
    codes: Vec<AreaCode>,
}

impl Atoms {
    /// From codes in order.
    pub(crate) const fn new(codes: Vec<AreaCode>) -> Self {
        Self { codes }
    }

    pub(crate) fn find(&self, code: &AreaCode) -> Option<AtomIndex> {
        self.codes.binary_search(code).ok().and_then(|position| u16::try_from(position).ok()).map(AtomIndex)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (AtomIndex, &AreaCode)> {
        (0_u16..).map(AtomIndex).zip(&self.codes)
    }

    pub(crate) fn len(&self) -> usize {
        self.codes.len()
    }
}

/// An area being put together.
#[derive(Debug, Default)]
pub(crate) struct AreaDraft {
    pub(crate) name: Option<String>,
    pub(crate) atoms: BTreeSet<AtomIndex>,
    pub(crate) predecessors: Vec<AreaCode>,
    pub(crate) valid_from: Option<Month>,
    pub(crate) valid_to: Option<Month>,
}

/// A geography being put together, possibly from several files.
#[derive(Debug)]
pub(crate) struct LayerDraft {
    pub(crate) method: Method,
    pub(crate) edge_year: BoundaryYear,
    pub(crate) areas: BTreeMap<AreaCode, AreaDraft>,
}

/// Geographies by type.
pub(crate) type Drafts = BTreeMap<AreaType, LayerDraft>;

/// The draft of a type; several files may add to one, if they agree.
pub(crate) fn draft<'a>(
    drafts: &'a mut Drafts,
    file: &str,
    area_type: AreaType,
    method: Method,
    edge_year: BoundaryYear,
) -> Result<&'a mut LayerDraft, GeographyError> {
    if matches!(area_type, AreaType::Lsoa | AreaType::Partnership) {
        let problem =
            format!("areas of type `{area_type}` are not made by a lookup; the importer registers them itself");
        return Err(GeographyError::file(file, problem));
    }
    let layer = drafts.entry(area_type).or_insert_with(|| LayerDraft { method, edge_year, areas: BTreeMap::new() });
    if (layer.method, layer.edge_year) != (method, edge_year) {
        let (year, other) = (edge_year.get(), layer.edge_year.get());
        let problem = format!(
            "it assigns `{area_type}` of {year} by {method}, but a file before it those of {other} by {}; keep one vintage and method",
            layer.method
        );
        return Err(GeographyError::file(file, problem));
    }
    Ok(layer)
}

impl AreaDraft {
    pub(crate) fn take_name(&mut self, code: &AreaCode, name: Option<&str>, report: &mut FileReport) {
        match (&self.name, name) {
            (None, Some(name)) => self.name = Some(name.to_owned()),
            (Some(kept), Some(name)) if kept != name => report.find(FindingKind::NameDiffers, code),
            _ => {}
        }
    }
}

/// Reads a hierarchy file into the drafts of its levels.
pub(crate) fn read_hierarchy(
    file: &Hierarchy,
    bytes: &[u8],
    limits: &ImportLimits,
    atoms: &Atoms,
    drafts: &mut Drafts,
    report: &mut FileReport,
) -> Result<(), GeographyError> {
    let path = &file.path;
    let table = Table::open(path, bytes, None, limits, file.within.as_ref())?;
    let child = table.column(&file.child_code)?;
    let mut columns = Vec::new();
    for level in &file.levels {
        draft(drafts, path, level.area_type, level.method, level.boundary_year)?;
        columns.push((level.area_type, table.column(&level.code)?, table.optional(level.name.as_ref())?));
    }
    let mut seen = BTreeSet::new();
    report.read = table.for_each(|row| {
        let Some(atom) = read_atom(row, child, atoms, report)? else { return Ok(()) };
        if !seen.insert(atom) {
            return Err(row.error("its area was listed before; a hierarchy has one row for each"));
        }
        report.used += 1;
        for &(area_type, code, name) in &columns {
            let code = row.code(code)?;
            let Some(layer) = drafts.get_mut(&area_type) else { continue };
            let area = layer.areas.entry(code.clone()).or_default();
            area.atoms.insert(atom);
            area.take_name(&code, row.optional(name)?, report);
        }
        Ok(())
    })?;
    check_cover(path, atoms, &seen, Covers::All, report)
}

/// Reads a membership file into the draft of its type.
pub(crate) fn read_membership(
    file: &Membership,
    bytes: &[u8],
    limits: &ImportLimits,
    atoms: &Atoms,
    drafts: &mut Drafts,
    report: &mut FileReport,
) -> Result<(), GeographyError> {
    let path = &file.path;
    let table = Table::open(path, bytes, None, limits, file.within.as_ref())?;
    let (child, code) = (table.column(&file.child_code)?, table.column(&file.code)?);
    let name = table.optional(file.name.as_ref())?;
    let predecessors = table.optional(file.predecessors.as_ref())?;
    let (from, to) = (table.optional(file.valid_from.as_ref())?, table.optional(file.valid_to.as_ref())?);
    let layer = draft(drafts, path, file.area_type, file.method, file.boundary_year)?;
    let mut seen = BTreeSet::new();
    report.read = table.for_each(|row| {
        let Some(atom) = read_atom(row, child, atoms, report)? else { return Ok(()) };
        let code = row.code(code)?;
        let area = layer.areas.entry(code.clone()).or_default();
        if !area.atoms.insert(atom) {
            report.find(FindingKind::Repeated, format_args!("line {}", row.line));
            return Ok(());
        }
        seen.insert(atom);
        report.used += 1;
        area.take_name(&code, row.optional(name)?, report);
        area.valid_from = area.valid_from.or(row.month(from, &file.month_format)?);
        area.valid_to = area.valid_to.or(row.month(to, &file.month_format)?);
        if area.predecessors.is_empty() {
            let list = row.optional(predecessors)?.unwrap_or("").split_whitespace().map(crate::area::read_code);
            area.predecessors = list.collect::<Result<_, _>>().map_err(|error| row.error(error.to_string()))?;
        }
        Ok(())
    })?;
    check_cover(path, atoms, &seen, file.covers, report)
}

fn read_atom(
    row: &Row<'_>,
    column: Column,
    atoms: &Atoms,
    report: &mut FileReport,
) -> Result<Option<AtomIndex>, GeographyError> {
    let code = row.code(column)?;
    let atom = atoms.find(&code);
    if atom.is_none() {
        report.find(FindingKind::OutsidePartnership, &code);
    }
    Ok(atom)
}

/// Holds a lookup to its promise to mention every atom.
pub(crate) fn check_cover(
    path: &str,
    atoms: &Atoms,
    seen: &BTreeSet<AtomIndex>,
    covers: Covers,
    report: &mut FileReport,
) -> Result<(), GeographyError> {
    let missing: Vec<&AreaCode> = atoms.all().filter(|(atom, _)| !seen.contains(atom)).map(|(_, code)| code).collect();
    match (covers, missing.first()) {
        (Covers::All, Some(first)) => {
            let count = missing.len();
            let problem = format!("{count} of {} atoms do not occur, the first is `{first}`; complete it", atoms.len());
            Err(GeographyError::file(path, problem))
        }
        _ => {
            missing.iter().for_each(|code| report.find(FindingKind::AtomWithoutArea, code));
            Ok(())
        }
    }
}

/// Reads how many people live in each atom, in their order.
pub(crate) fn read_population(
    file: &Population,
    bytes: &[u8],
    limits: &ImportLimits,
    atoms: &Atoms,
    report: &mut FileReport,
) -> Result<Vec<u64>, GeographyError> {
    let path = &file.path;
    let table = Table::open(path, bytes, None, limits, file.within.as_ref())?;
    let (code, people) = (table.column(&file.code)?, table.column(&file.population)?);
    let mut known: BTreeMap<AtomIndex, u64> = BTreeMap::new();
    report.read = table.for_each(|row| {
        let Some(atom) = read_atom(row, code, atoms, report)? else { return Ok(()) };
        let number = row.number(Some(people))?.ok_or_else(|| row.error("it has no number of people"))?;
        if known.insert(atom, number).is_some() {
            return Err(row.error("its area was listed before; give one number for each"));
        }
        report.used += 1;
        Ok(())
    })?;
    check_cover(path, atoms, &known.keys().copied().collect(), Covers::All, report)?;
    Ok(known.into_values().collect())
}

/// Reads names of areas that have only a code elsewhere.
pub(crate) fn read_names(
    file: &Names,
    bytes: &[u8],
    limits: &ImportLimits,
    report: &mut FileReport,
) -> Result<BTreeMap<AreaCode, String>, GeographyError> {
    let table = Table::open(&file.path, bytes, None, limits, file.within.as_ref())?;
    let (code, name) = (table.column(&file.code)?, table.column(&file.name)?);
    let mut names = BTreeMap::new();
    report.read = table.for_each(|row| {
        let (code, name) = (row.code(code)?, row.text(name)?);
        if !name.is_empty() && names.insert(code.clone(), name.to_owned()).is_some() {
            report.find(FindingKind::Repeated, &code);
        }
        Ok(())
    })?;
    report.used = names.len() as u64;
    Ok(names)
}

/// Rows of one 2011 area.
#[derive(Debug)]
struct Rows {
    line: u64,
    change: Change,
    parts: BTreeMap<AreaCode, Option<u64>>,
}

/// Reads the LSOA 2011 to 2021 lookup. Areas without any part in the partnership are skipped.
pub(crate) fn read_lsoa11(
    file: &Lsoa11Lookup,
    bytes: &[u8],
    limits: &ImportLimits,
    atoms: &Atoms,
    report: &mut FileReport,
) -> Result<BTreeMap<AreaCode, Conversion>, GeographyError> {
    let table = Table::open(&file.path, bytes, None, limits, file.within.as_ref())?;
    let (from, to, change) =
        (table.column(&file.from_code)?, table.column(&file.to_code)?, table.column(&file.change)?);
    let population = table.optional(file.population.as_ref())?;
    let mut groups: BTreeMap<AreaCode, Rows> = BTreeMap::new();
    report.read = table.for_each(|row| {
        let (from, to, letter) = (row.code(from)?, row.code(to)?, row.text(change)?);
        let change =
            Change::parse(letter).ok_or_else(|| row.error(format!("`{letter}` is no change; use U, S, M or X")))?;
        let line = row.line;
        let group = groups.entry(from).or_insert_with(|| Rows { line, change, parts: BTreeMap::new() });
        if group.change != change {
            return Err(row.error(format!("its 2011 area has another change on line {}", group.line)));
        }
        if group.parts.insert(to, row.number(population)?).is_some() {
            report.find(FindingKind::Repeated, format_args!("line {line}"));
        }
        Ok(())
    })?;
    let mut conversions = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (code, rows) in groups {
        let Some(conversion) = convert(file, code, &rows, atoms, report)? else { continue };
        seen.extend(conversion.parts.iter().filter_map(|part| part.atom));
        report.used += rows.parts.len() as u64;
        conversions.insert(conversion.code.clone(), conversion);
    }
    check_cover(&file.path, atoms, &seen, Covers::All, report)?;
    Ok(conversions)
}

fn convert(
    file: &Lsoa11Lookup,
    code: AreaCode,
    rows: &Rows,
    atoms: &Atoms,
    report: &mut FileReport,
) -> Result<Option<Conversion>, GeographyError> {
    if rows.parts.len() > 1 && matches!(rows.change, Change::Unchanged | Change::Merged) {
        let problem = format!("`{code}` has several parts, but its change says that it has one");
        return Err(GeographyError::row(&file.path, rows.line, problem));
    }
    let places: Vec<Option<AtomIndex>> = rows.parts.keys().map(|part| atoms.find(part)).collect();
    if places.iter().all(Option::is_none) {
        return Ok(None);
    }
    if places.contains(&None) {
        report.find(FindingKind::PartlyOutside, &code);
    }
    let weights: Option<Vec<u64>> = rows.parts.values().copied().collect();
    let weights = weights.filter(|weights| weights.iter().any(|&weight| weight > 0));
    // A published lookup has no people in it: whoever divides or averages by it must know.
    if weights.is_none() && (places.len() > 1 || rows.change == Change::Merged) {
        report.find(FindingKind::WithoutWeight, &code);
    }
    let by_population = weights.is_some();
    let weights = weights.unwrap_or_else(|| vec![1; places.len()]);
    // Parts outside are one: nobody here asks where outside.
    let mut parts: BTreeMap<Option<AtomIndex>, u64> = BTreeMap::new();
    for (atom, weight) in places.into_iter().zip(weights) {
        *parts.entry(atom).or_default() += weight;
    }
    let parts = parts.into_iter().map(|(atom, weight)| Part { atom, weight }).collect();
    Ok(Some(Conversion { code, change: rows.change, parts, by_population }))
}
