//! What the file looks like, before its columns mean anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::column::check_category;

/// The file's outer form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFormat {
    /// CSV, XLSX or GeoJSON.
    pub format: Format,
    /// Character encoding of text files.
    #[serde(default)]
    pub encoding: Encoding,
    /// Banner rows before the header.
    #[serde(default)]
    pub skip_rows: u32,
    /// Sheet of a workbook; the first if absent.
    pub sheet: Option<String>,
    /// Cell texts that mean "no value", beside the empty cell.
    #[serde(default)]
    pub null_values: Vec<String>,
    /// Cell texts that mean "withheld by the supplier", for example `[c]` or `*`.
    #[serde(default)]
    pub withheld_values: Vec<String>,
}

/// The outer form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Comma-separated values, RFC 4180.
    Csv,
    /// An Excel workbook.
    Xlsx,
    /// A GeoJSON feature collection of points.
    Geojson,
}

/// Character encoding of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8 with or without a byte-order mark; Windows-1252 where it is not valid UTF-8, with a finding.
    #[default]
    Auto,
    /// UTF-8; anything else is refused.
    Utf8,
    /// Windows-1252.
    Windows1252,
}

/// Turns wide columns into rows: every column `prefix` + text becomes a row with that text in `into`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unpivot {
    /// What the headers begin with, for example `F` in `F0` to `F90`.
    pub prefix: String,
    /// The dimension that the rest of the header becomes, for example `age`.
    pub into: String,
    /// The categories that the rest of the header can be; needed to break a table down by them.
    #[serde(default)]
    pub allowed: Vec<String>,
    /// Dimensions with one value for all these columns, for example `sex = "female"`.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// The measure that the cell becomes.
    pub value: String,
}

impl Unpivot {
    pub(super) fn check(&self) -> Result<(), String> {
        self.allowed.iter().try_for_each(|value| check_category(&self.into, value))?;
        self.set.iter().try_for_each(|(dimension, value)| check_category(dimension, value))
    }
}
