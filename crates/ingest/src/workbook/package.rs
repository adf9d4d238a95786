//! A workbook as a package: a ZIP archive of XML parts, looked through in the child before the spreadsheet library sees it.
//!
//! The library is lenient, which is kind to people and to attackers: here the archive must be small enough inflated, as
//! declared and as really read, and every XML part well-formed and without a document type definition.

use std::io::{self, BufReader, Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::Event;
use zip::ZipArchive;

use super::Task;
use crate::source::greatest_inflated;

/// The most attributes of one element; workbooks have some twenty.
const ATTRIBUTES: usize = 256;

pub(super) const DAMAGED: &str = "not an Excel workbook (.xlsx), or damaged: save it again";

/// Looks a package through.
///
/// # Errors
/// With what is wrong, in words; no content is quoted.
pub(super) fn inspect(file: &[u8], task: &Task) -> Result<(), String> {
    let damaged = |_| DAMAGED.to_owned();
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(damaged)?;
    if u64::try_from(archive.len()).unwrap_or(u64::MAX) > task.entries {
        return Err(format!("it has more than {} parts: copy its values into a new workbook", task.entries));
    }
    if archive.has_duplicate_names() {
        return Err("two of its parts have the same name: save it again".to_owned());
    }
    let sent = u64::try_from(file.len()).unwrap_or(u64::MAX);
    let greatest = greatest_inflated(sent, task.ratio, task.inflated_bytes);
    let mut declared = 0_u64;
    for index in 0..archive.len() {
        declared = declared.saturating_add(archive.by_index(index).map_err(damaged)?.size());
    }
    if declared > greatest {
        return Err(too_large(greatest));
    }
    let mut left = greatest;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(damaged)?;
        let name = part.name_raw().to_ascii_lowercase();
        // What is declared may be a lie: only what is counted while reading is believed.
        let mut counted = part.take(left.saturating_add(1));
        let checked = if name.ends_with(b".xml") || name.ends_with(b".rels") {
            check_xml(&mut counted)
        } else {
            io::copy(&mut counted, &mut io::sink()).map(drop).map_err(|_| DAMAGED.to_owned())
        };
        let Some(rest) = counted.limit().checked_sub(1) else { return Err(too_large(greatest)) };
        checked?;
        left = rest;
    }
    Ok(())
}

fn too_large(greatest: u64) -> String {
    format!("it inflates to more than {greatest} bytes, which its size does not explain: save it again, or send CSV")
}

/// Whether a part is well-formed XML that defines nothing of its own.
fn check_xml(part: impl Read) -> Result<(), String> {
    let malformed = || "one of its parts is malformed XML: save it again".to_owned();
    let mut reader = Reader::from_reader(BufReader::new(part));
    reader.config_mut().enable_all_checks(true);
    let (mut buffer, mut depth, mut elements) = (Vec::new(), 0_u64, 0_u64);
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(|_| malformed())?;
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                for (number, attribute) in element.attributes().enumerate() {
                    if number >= ATTRIBUTES || attribute.is_err() {
                        return Err(malformed());
                    }
                }
                elements += 1;
                depth += u64::from(matches!(event, Event::Start(_)));
            }
            Event::End(_) => depth = depth.checked_sub(1).ok_or_else(malformed)?,
            Event::DocType(_) => {
                return Err("one of its parts has a document type definition, which no workbook needs: \
                            copy its values into a new workbook"
                    .to_owned());
            }
            // Without definitions only these five and numbers can be meant.
            Event::GeneralRef(reference)
                if !reference.is_char_ref() && !["amp", "apos", "gt", "lt", "quot"].contains(&&**reference) =>
            {
                return Err(malformed());
            }
            Event::Eof if depth == 0 && elements > 0 => return Ok(()),
            Event::Eof => return Err(malformed()),
            _ => {}
        }
    }
}
