//! A feed's file while it is written, with what intake must make of every row.

use std::collections::BTreeMap;

use model::{Month, Period};

use super::calendar;
use super::dirt::Fault;
use crate::output;
use crate::world::{SampleFile, TestkitError};

/// A feed as its contract sees it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Feed {
    pub(super) organisation: &'static str,
    pub(super) dataset: &'static str,
    /// Dimensions in the order of [`Record::dims`].
    pub(super) dims: &'static [&'static str],
    /// Measures in the order of [`Record::values`].
    pub(super) measures: &'static [&'static str],
}

impl Feed {
    pub(super) fn id(&self) -> String {
        format!("{}.{}", self.organisation, self.dataset)
    }

    /// Path of a period's file below `sample-data/`, without the ending `.gz`.
    pub(super) fn path(&self, period: Period, extension: &str) -> String {
        format!("partners/{}/{}/{}.{extension}", self.organisation, self.dataset, calendar::stem(period))
    }
}

/// The area of a stored row, as a position in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Lsoa(usize),
    Pcn(usize),
    District(usize),
}

/// A row that intake stores.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) place: Place,
    pub(super) month: Month,
    pub(super) dims: Vec<&'static str>,
    /// None where the supplier withheld the value.
    pub(super) values: Vec<Option<u64>>,
    /// Who contributes: an NHS number, dwelling or learner. None if the row is its own contributor.
    pub(super) contributor: Option<u64>,
}

/// What becomes of a row at intake.
pub(super) enum Fate {
    Kept(Record),
    /// One source row that becomes several in the table.
    KeptWide(Vec<Record>),
    Refused,
    Outside,
    WithoutLocation,
    /// Not meant by the contract: a total, a percentage, a person who opted out.
    Skipped,
}

/// What intake must report for one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Expectation {
    /// Path below `sample-data/`.
    pub(super) path: String,
    pub(super) dataset: String,
    /// The partition, as an ISO 8601 interval.
    pub(super) period: String,
    pub(super) period_type: String,
    /// Rows under the header that are not blank: the sum of the next six.
    pub(super) rows_read: u32,
    pub(super) kept: u32,
    pub(super) refused: u32,
    pub(super) outside: u32,
    pub(super) without_location: u32,
    pub(super) duplicates: u32,
    pub(super) skipped: u32,
    /// Rows of the common table.
    pub(super) rows_written: u32,
    /// Planted faults by kind, whatever became of their rows.
    pub(super) planted: BTreeMap<&'static str, u32>,
}

impl Expectation {
    pub(super) fn new(feed: &Feed, period: Period, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            dataset: feed.id(),
            period: period.to_string(),
            period_type: period.period_type().to_string(),
            rows_read: 0,
            kept: 0,
            refused: 0,
            outside: 0,
            without_location: 0,
            duplicates: 0,
            skipped: 0,
            rows_written: 0,
            planted: BTreeMap::new(),
        }
    }

    /// Counts a row, and gives back what is stored of it.
    pub(super) fn count(&mut self, fate: Fate) -> Vec<Record> {
        self.rows_read += 1;
        let (number, records) = match fate {
            Fate::Kept(record) => (&mut self.kept, vec![record]),
            Fate::KeptWide(records) => (&mut self.kept, records),
            Fate::Refused => (&mut self.refused, Vec::new()),
            Fate::Outside => (&mut self.outside, Vec::new()),
            Fate::WithoutLocation => (&mut self.without_location, Vec::new()),
            Fate::Skipped => (&mut self.skipped, Vec::new()),
        };
        *number += 1;
        self.rows_written += u32::try_from(records.len()).unwrap_or_default();
        records
    }

    pub(super) fn note(&mut self, kind: &'static str) {
        *self.planted.entry(kind).or_default() += 1;
    }
}

/// Everything one feed makes.
pub(super) struct FeedMade {
    pub(super) feed: &'static Feed,
    pub(super) files: Vec<SampleFile>,
    pub(super) expectations: Vec<Expectation>,
    pub(super) records: Vec<Record>,
}

impl FeedMade {
    pub(super) const fn new(feed: &'static Feed) -> Self {
        Self { feed, files: Vec::new(), expectations: Vec::new(), records: Vec::new() }
    }

    pub(super) fn add(&mut self, finished: (SampleFile, Expectation, Vec<Record>)) {
        let (file, expectation, records) = finished;
        self.files.push(file);
        self.expectations.push(expectation);
        self.records.extend(records);
    }
}

/// How a file ends and is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Ending {
    /// UTF-8, one line feed at the end.
    #[default]
    Plain,
    /// UTF-8 with a byte-order mark, carriage returns, and blank lines at the end, as spreadsheets save it.
    Spreadsheet,
    /// Windows-1252.
    Windows1252,
}

/// A CSV file while it is written.
pub(super) struct Sheet {
    text: String,
    last: String,
    records: Vec<Record>,
    pub(super) expectation: Expectation,
}

impl Sheet {
    pub(super) fn new(feed: &Feed, period: Period, header: &[&str]) -> Self {
        let mut text = String::new();
        output::csv_row(&mut text, header);
        let path = format!("{}.gz", feed.path(period, "csv"));
        Self { text, last: String::new(), records: Vec::new(), expectation: Expectation::new(feed, period, &path) }
    }

    /// Writes a row.
    pub(super) fn row(&mut self, fields: &[String], fate: Fate) {
        self.last.clear();
        output::csv_row(&mut self.last, fields);
        self.text.push_str(&self.last);
        self.records.extend(self.expectation.count(fate));
    }

    /// Writes a row placed by coordinates: an unknown place is a point outside, not a text that nobody knows.
    pub(super) fn put_at_point(&mut self, fields: &[String], fault: Fault, record: Record) {
        if fault == Fault::UnknownPlace {
            self.expectation.note("outside-point");
            self.row(fields, Fate::Outside);
        } else {
            self.put(fields, fault, record);
        }
    }

    /// Writes a row with its fault, and counts both.
    pub(super) fn put(&mut self, fields: &[String], fault: Fault, record: Record) {
        if let Some(kind) = fault.name() {
            self.expectation.note(kind);
        }
        match fault {
            Fault::Ragged => self.ragged(fields),
            _ => self.row(fields, fault.fate(record)),
        }
        if fault == Fault::Duplicate {
            self.repeat();
        }
    }

    /// Writes a row without its last two fields: intake refuses it.
    fn ragged(&mut self, fields: &[String]) {
        let short = fields.get(..fields.len().saturating_sub(2)).unwrap_or_default();
        self.row(short, Fate::Refused);
    }

    /// Writes the last row again, byte for byte.
    fn repeat(&mut self) {
        self.text.push_str(&self.last);
        self.expectation.rows_read += 1;
        self.expectation.duplicates += 1;
    }

    /// The file, compressed.
    ///
    /// # Errors
    /// If the compressor fails.
    pub(super) fn finish(self, ending: Ending) -> Result<(SampleFile, Expectation, Vec<Record>), TestkitError> {
        let bytes = match ending {
            Ending::Plain => self.text.into_bytes(),
            Ending::Spreadsheet => format!("\u{feff}{}\r\n\r\n", self.text.replace('\n', "\r\n")).into_bytes(),
            Ending::Windows1252 => self.text.chars().map(windows_1252).collect(),
        };
        let path = self.expectation.path.strip_suffix(".gz").unwrap_or(&self.expectation.path);
        Ok((output::packed(path, &bytes)?, self.expectation, self.records))
    }
}

/// The Windows-1252 byte of a character; `?` for characters that it does not have or that no feed uses.
fn windows_1252(character: char) -> u8 {
    match character {
        '\u{2019}' => 0x92,
        '\u{2013}' => 0x96,
        '\u{20ac}' => 0x80,
        '\0'..='\u{7f}' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(character)).unwrap_or(b'?'),
        _ => b'?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_1252_has_accents_and_curly_apostrophes() {
        let bytes: Vec<u8> = "Renée’s – café €5 ✓".chars().map(windows_1252).collect();
        assert_eq!(bytes, b"Ren\xe9e\x92s \x96 caf\xe9 \x805 ?");
    }
}
