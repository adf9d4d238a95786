//! What was found in a file: counts that add up, tallies by column and kind, and the first findings one by one.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The row has more or fewer fields than the header. Refused.
    Ragged,
    /// A required value is missing. Refused; in a measure not available where a row is about an area.
    Missing,
    /// Not a number. `unknown` in a dimension; in a measure refused, or not available where a row is about an area.
    NotANumber,
    /// A number outside the contract's range. Treated as what is not a number.
    OutOfRange,
    /// A part that is more than its whole. Refused; where a row is about an area, neither is available.
    MoreThanWhole,
    /// Not a date in the contract's formats. Refused in the time column, `unknown` in a dimension.
    NotADate,
    /// The row belongs to another period than the file was sent for. Refused.
    OutsidePeriod,
    /// A value the contract does not list; stored as `other` (sex and age: `unknown`).
    NotAllowed,
    /// An identifier that fails its check; the row is kept without a contributor unless the column is required.
    InvalidIdentifier,
    /// Not a postcode.
    MalformedPostcode,
    /// A postcode the gazetteer does not know.
    UnknownPostcode,
    /// A postcode that was no longer in use; the row is kept.
    TerminatedPostcode,
    /// An area or practice code the gazetteer does not know.
    UnknownCode,
    /// Coordinates that are no numbers.
    InvalidCoordinates,
    /// Nothing in the row says where.
    WithoutLocation,
    /// Not in the partnership.
    Outside,
    /// Two sources in the row give different areas; the contract's order decides.
    Disagreement,
    /// The row repeats another; left out.
    Duplicate,
    /// The row repeats another of an open dataset, and is kept because open data are kept as published.
    Repeated,
    /// The person opted out; left out.
    OptedOut,
    /// No row came for a category that the contract lists, of an area that has others: its figure is not available.
    Absent,
    /// A cell withheld by the supplier.
    Withheld,
    /// A column of the contract is not in the file.
    ColumnMissing,
    /// The file is not UTF-8 and was read as Windows-1252.
    Encoding,
    /// The file holds no rows.
    Empty,
}

/// One thing found. For controlled data about people or events the message never holds a cell's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Line (CSV), row (workbook) or feature (GeoJSON), from 1; 0 for the file as a whole.
    pub row: u64,
    /// The contract's column, or empty.
    pub column: String,
    /// What kind.
    pub kind: Kind,
    /// In words.
    pub message: String,
    /// The clause that allows the column, or empty.
    pub clause: String,
}

/// What became of the rows. `rows_read` is the sum of `kept`, `refused`, `outside`, `without_location`, `duplicates`,
/// `skipped` and `opted_out`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Rows under the header that are not blank.
    pub rows_read: u64,
    /// Rows that are in the table (a wide row counts once).
    pub kept: u64,
    /// Rows with an error.
    pub refused: u64,
    /// Rows of places outside the partnership.
    pub outside: u64,
    /// Rows that say nothing usable about where.
    pub without_location: u64,
    /// Rows that repeat another.
    pub duplicates: u64,
    /// Rows the contract does not mean.
    pub skipped: u64,
    /// Rows of people who opted out.
    pub opted_out: u64,
    /// Cells replaced by `unknown` or `other` in rows that were kept or might have been.
    pub corrected: u64,
    /// Rows kept with a figure that cannot be read, which is not available then. Only where rows are about areas.
    pub unreadable: u64,
    /// Refused rows that do not say which area they are about. Only where rows are about areas.
    pub unattributed: u64,
    /// Figures that no row came for, of areas that have others; they are not available. Only where rows are about areas.
    pub absent: u64,
    /// Measure cells withheld by the supplier.
    pub withheld: u64,
    /// Rows of the table made.
    pub rows_written: u64,
}

impl Counts {
    /// Whether every row read is accounted for exactly once.
    #[must_use]
    pub fn add_up(&self) -> bool {
        let parts = [
            self.kept,
            self.refused,
            self.outside,
            self.without_location,
            self.duplicates,
            self.skipped,
            self.opted_out,
        ];
        parts.iter().sum::<u64>() == self.rows_read
    }
}

/// Why a column is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DropReason {
    /// In the contract, but no agreement names it.
    NotAgreed,
    /// In the file, but not in the contract.
    NotInContract,
    /// Agreed for a rule only, never stored.
    RuleOnly,
    /// The agreed treatment cannot be given to this column.
    TreatmentUnavailable,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAgreed => "no agreement names it",
            Self::NotInContract => "not in the contract",
            Self::RuleOnly => "agreed for a rule only, never stored",
            Self::TreatmentUnavailable => "the agreed treatment cannot be given to it",
        })
    }
}

/// A column that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DroppedColumn {
    /// The contract's name, or the file's header where the contract has none.
    pub column: String,
    /// Why.
    pub reason: DropReason,
    /// The clause, where there is one.
    pub clause: Option<String>,
}

/// Everything found in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// What became of the rows.
    pub counts: Counts,
    /// How often each kind was found, by column (empty for the row as a whole).
    pub tallies: BTreeMap<String, BTreeMap<Kind, u64>>,
    /// The first findings by row.
    pub first: Vec<Finding>,
    /// Columns that are not in the table, with the reason.
    pub dropped_columns: Vec<DroppedColumn>,
    /// Rows in which two sources gave different areas.
    pub disagreements: u64,
    /// Rows kept by the method that found their area.
    pub methods: BTreeMap<String, u64>,
}

impl Findings {
    /// How often a kind was found, in all columns together.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.tallies.values().filter_map(|tally| tally.get(&kind)).sum()
    }
}

/// Where and about what a finding is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) row: u64,
    pub(crate) column: &'a str,
    pub(crate) clause: &'a str,
}

/// Collects findings; keeps the first by row, whatever the order they come in.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) findings: Findings,
    first: BTreeMap<(u64, usize), Finding>,
    recorded: usize,
    limit: usize,
}

impl Recorder {
    pub(crate) fn new(limit: usize) -> Self {
        Self { findings: Findings::default(), first: BTreeMap::new(), recorded: 0, limit }
    }

    /// Counts what is expected and needs no list of rows.
    pub(crate) fn tally(&mut self, column: &str, kind: Kind) {
        match self.findings.tallies.get_mut(column) {
            Some(tally) => *tally.entry(kind).or_default() += 1,
            None => {
                self.findings.tallies.insert(column.to_owned(), BTreeMap::from([(kind, 1)]));
            }
        }
    }

    /// Counts a finding, and keeps it if it is among the first.
    pub(crate) fn record(&mut self, at: At<'_>, kind: Kind, message: impl FnOnce() -> String) {
        self.tally(at.column, kind);
        self.recorded += 1;
        let key = (at.row, self.recorded);
        let full = self.first.len() >= self.limit;
        if full && self.first.last_key_value().is_none_or(|(last, _)| *last < key) {
            return;
        }
        let finding = Finding {
            row: at.row,
            column: at.column.to_owned(),
            kind,
            message: message(),
            clause: at.clause.to_owned(),
        };
        self.first.insert(key, finding);
        if full {
            self.first.pop_last();
        }
    }

    pub(crate) fn finish(mut self) -> Findings {
        self.findings.first = std::mem::take(&mut self.first).into_values().collect();
        self.findings.dropped_columns.sort();
        self.findings
    }
}
