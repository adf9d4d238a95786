//! From bytes to records of text: what kind of file it is, inflating, decoding, and the outer structure.

mod csv;
mod encoding;
mod geojson;
mod inflate;

use std::borrow::Cow;
use std::time::Instant;

use ::csv::StringRecord;
pub(crate) use inflate::greatest_inflated;
use model::contract::Format;

use crate::error::IngestError;
use crate::findings::{At, Kind, Recorder};
use crate::request::{CleanRequest, Limits};

/// A record and the line, row or feature it begins on.
pub(crate) type Numbered = (u64, StringRecord);

/// The records of a file, header first.
pub(crate) enum Records<'a> {
    /// Read from text as they are asked for.
    Csv(csv::CsvRecords<'a>),
    /// Already read.
    Rows(std::vec::IntoIter<Numbered>),
}

impl Records<'_> {
    /// The next record; `None` at the end.
    pub(crate) fn next(&mut self, record: &mut StringRecord) -> Result<Option<u64>, IngestError> {
        match self {
            Self::Csv(records) => records.next(record),
            Self::Rows(rows) => Ok(rows.next().map(|(line, row)| {
                *record = row;
                line
            })),
        }
    }
}

/// A moment after which work stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    started: Instant,
    limit: std::time::Duration,
}

impl Deadline {
    pub(crate) fn start(limits: &Limits) -> Self {
        Self { started: Instant::now(), limit: limits.time }
    }

    pub(crate) fn check(&self) -> Result<(), IngestError> {
        if self.started.elapsed() > self.limit {
            Err(IngestError::TimeLimit { seconds: self.limit.as_secs() })
        } else {
            Ok(())
        }
    }

    pub(crate) fn left(&self) -> std::time::Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }
}

/// Checks size and name, and inflates if the bytes are compressed.
pub(crate) fn unpack<'a>(file: &'a [u8], request: &CleanRequest<'_>) -> Result<Cow<'a, [u8]>, IngestError> {
    let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
    if size > request.limits.bytes {
        return Err(limit("the file is", request.limits.bytes, " bytes"));
    }
    check_extension(request)?;
    let inflated = if file.starts_with(&[0x1f, 0x8b]) {
        Cow::Owned(inflate::inflate(file, request.limits)?)
    } else {
        Cow::Borrowed(file)
    };
    check_magic(&inflated, request.contract.file.format)?;
    Ok(inflated)
}

/// Decodes text files as the contract says.
pub(crate) fn decode<'a>(
    bytes: &'a [u8],
    request: &CleanRequest<'_>,
    recorder: &mut Recorder,
) -> Result<Cow<'a, str>, IngestError> {
    let decoded = encoding::decode(bytes, request.contract.file.encoding)?;
    if let Some(line) = decoded.fallback {
        recorder.record(At { row: line, column: "", clause: "" }, Kind::Encoding, || {
            "not UTF-8: read as Windows-1252; save the file as UTF-8".to_owned()
        });
    }
    Ok(decoded.text)
}

/// Opens a text file's records.
pub(crate) fn open_text<'a>(text: &'a str, request: &CleanRequest<'_>) -> Result<Records<'a>, IngestError> {
    let file = &request.contract.file;
    Ok(match file.format {
        Format::Geojson => Records::Rows(geojson::rows(text, request.limits)?.into_iter()),
        Format::Csv | Format::Xlsx => Records::Csv(csv::CsvRecords::open(text, file.skip_rows)),
    })
}

/// A size limit that was exceeded.
pub(crate) fn limit(what: impl Into<String>, limit: u64, hint: &'static str) -> IngestError {
    IngestError::Limit { what: what.into(), limit, hint }
}

fn described(format: Format) -> &'static str {
    match format {
        Format::Csv => "CSV",
        Format::Xlsx => "XLSX",
        Format::Geojson => "GeoJSON",
    }
}

fn check_extension(request: &CleanRequest<'_>) -> Result<(), IngestError> {
    let format = request.contract.file.format;
    let name = request.file_name.unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let Some((_, extension)) = name.rsplit_once('.') else { return Ok(()) };
    let accepted: &[&str] = match format {
        Format::Csv => &["csv", "txt"],
        Format::Xlsx => &["xlsx"],
        Format::Geojson => &["geojson", "json"],
    };
    if accepted.contains(&extension) {
        return Ok(());
    }
    let extension = extension.chars().filter(char::is_ascii_alphanumeric).take(10).collect();
    Err(IngestError::Extension { extension, expected: described(format) })
}

fn check_magic(bytes: &[u8], format: Format) -> Result<(), IngestError> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let found = if bytes.is_empty() {
        "empty"
    } else if start.starts_with(b"PK\x03\x04") {
        "a workbook or ZIP archive"
    } else if start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        "an old or encrypted Excel workbook"
    } else if start.starts_with(b"%PDF") {
        "a PDF document"
    } else if start.starts_with(&[0x1f, 0x8b]) {
        "compressed twice"
    } else if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        "UTF-16 text"
    } else if start.first() == Some(&b'<') {
        "a web page or XML"
    } else if start.first() == Some(&b'{') {
        "JSON"
    } else if bytes.contains(&0) {
        "binary"
    } else {
        "text"
    };
    let accepted = match format {
        Format::Csv => found == "text",
        Format::Xlsx => found == "a workbook or ZIP archive",
        Format::Geojson => found == "JSON",
    };
    if accepted { Ok(()) } else { Err(IngestError::Format { expected: described(format), found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_and_the_contract_agree() {
        let cases: [(&[u8], Format, Option<&str>); 14] = [
            (b"a,b\n1,2\n", Format::Csv, None),
            (b"\xef\xbb\xbfa,b\n", Format::Csv, None),
            (b"", Format::Csv, Some("empty")),
            (b"PK\x03\x04rest", Format::Csv, Some("ZIP")),
            (b"PK\x03\x04rest", Format::Xlsx, None),
            (b"a,b", Format::Xlsx, Some("text")),
            (b"%PDF-1.7", Format::Csv, Some("PDF")),
            (b"<!DOCTYPE html><html>", Format::Csv, Some("web page")),
            (b" {\"type\":1}", Format::Geojson, None),
            (b"{}", Format::Csv, Some("JSON")),
            (b"\xff\xfea\0,\0", Format::Csv, Some("UTF-16")),
            (b"a,b\n\0,1", Format::Csv, Some("binary")),
            (b"\xd0\xcf\x11\xe0\xa1", Format::Xlsx, Some("encrypted")),
            (b"\x1f\x8b\x08", Format::Csv, Some("twice")),
        ];
        for (bytes, format, expect) in cases {
            match (check_magic(bytes, format), expect) {
                (Ok(()), None) => {}
                (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
                (result, _) => panic!("{bytes:?} {format:?}: {result:?}"),
            }
        }
    }
}
