//! Postcodes and general practices.

use std::collections::BTreeMap;

use crate::area::AtomIndex;
use crate::error::GeographyError;
use crate::gazetteer::Practice;
use crate::grid::bng_to_lonlat;
use crate::import::ImportLimits;
use crate::import::lookups::{Atoms, Drafts};
use crate::import::table::{Column, Row, Table};
use crate::locate::PointIndex;
use crate::manifest::{Postcodes, Practices};
use crate::postcode::{Postcode, PostcodeTable, Use};
use crate::report::{FileReport, FindingKind};

/// Reads a postcode file into the table.
pub(crate) fn read_postcodes(
    file: &Postcodes,
    bytes: &[u8],
    limits: &ImportLimits,
    atoms: &Atoms,
    index: &PointIndex,
    postcodes: &mut PostcodeTable,
    report: &mut FileReport,
) -> Result<(), GeographyError> {
    let table = Table::open(&file.path, bytes, file.header.as_deref(), limits, file.within.as_ref())?;
    let postcode = table.column(&file.postcode)?;
    let code = table.optional(file.area_code.as_ref())?;
    let point = (table.optional(file.easting.as_ref())?, table.optional(file.northing.as_ref())?);
    let (introduced, terminated) =
        (table.optional(file.introduced.as_ref())?, table.optional(file.terminated.as_ref())?);
    let quality = table.optional(file.quality.as_ref())?;
    report.read = table.for_each(|row| {
        let place = format_args!("line {}", row.line);
        let Some(postcode) = Postcode::parse(row.text(postcode)?) else {
            report.find(FindingKind::MalformedPostcode, place);
            return Ok(());
        };
        let by_code = match code {
            Some(column) if !row.text(column)?.is_empty() => Some(row.code(column)?),
            _ => None,
        };
        let by_point = locate(row, point, index)?;
        let atom = match (by_code, by_point) {
            (Some(code), by_point) => {
                let atom = atoms.find(&code);
                if by_point.is_some_and(|found| found != atom) {
                    report.find(FindingKind::CodeAndPointDiffer, place);
                }
                atom
            }
            (None, Some(found)) => found,
            (None, None) => {
                report.find(FindingKind::WithoutPosition, place);
                return Ok(());
            }
        };
        let new = Use {
            atom,
            introduced: row.month(introduced, &file.month_format)?,
            terminated: row.month(terminated, &file.month_format)?,
            quality: row.number(quality)?.and_then(|quality| u8::try_from(quality).ok()),
        };
        if atom.is_none() {
            report.find(FindingKind::OutsidePartnership, place);
        }
        if postcodes.add(postcode, new) {
            report.used += 1;
        } else {
            report.find(FindingKind::Repeated, place);
        }
        Ok(())
    })?;
    for (code, uses) in postcodes.iter().filter(|(_, uses)| uses.len() > 1) {
        report.find(FindingKind::ReusedPostcode, format_args!("{} ({} uses)", code.as_str(), uses.len()));
    }
    Ok(())
}

/// The atom of a row's point (`Some(None)`: outside); `None` without a usable point. Suppliers write 0, 0 for no position.
fn locate(
    row: &Row<'_>,
    (easting, northing): (Option<Column>, Option<Column>),
    index: &PointIndex,
) -> Result<Option<Option<AtomIndex>>, GeographyError> {
    let (Some(easting), Some(northing)) = (row.coordinate(easting)?, row.coordinate(northing)?) else {
        return Ok(None);
    };
    if easting <= 0.0 && northing <= 0.0 {
        return Ok(None);
    }
    Ok(bng_to_lonlat(easting, northing).ok().map(|point| index.locate(point).atom()))
}

/// Reads a list of practices; the larger areas must be registered.
pub(crate) fn read_practices(
    file: &Practices,
    bytes: &[u8],
    limits: &ImportLimits,
    drafts: &Drafts,
    practices: &mut BTreeMap<String, Practice>,
    report: &mut FileReport,
) -> Result<(), GeographyError> {
    let table = Table::open(&file.path, bytes, None, limits, file.within.as_ref())?;
    let (practice, area) = (table.column(&file.practice)?, table.column(&file.code)?);
    let (name, list_size) = (table.optional(file.name.as_ref())?, table.optional(file.list_size.as_ref())?);
    let layer = drafts.get(&file.area_type);
    report.read = table.for_each(|row| {
        let code = row.text(practice)?;
        if code.is_empty() {
            return Err(row.error("the practice has no code"));
        }
        let area = row.code(area)?;
        if !layer.is_some_and(|layer| layer.areas.contains_key(&area)) {
            report.find(FindingKind::UnknownNetwork, code);
            return Ok(());
        }
        if practices.contains_key(code) {
            report.find(FindingKind::Repeated, code);
            return Ok(());
        }
        let name = row.optional(name)?.unwrap_or(code).to_owned();
        let list_size = row.number(list_size)?;
        report.used += 1;
        practices.insert(
            code.to_owned(),
            Practice { code: code.to_owned(), name, area_type: file.area_type, area, list_size },
        );
        Ok(())
    })?;
    Ok(())
}
