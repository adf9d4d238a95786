//! A dataset's contract: what its files look like, and what becomes of every column.
//!
//! A contract says how to *read*; the sharing agreement says what *may be taken*. A column is stored only if both name it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::area::{AreaType, BoundaryYear};
use crate::classification::AgeBand;
use crate::id::DatasetId;
use crate::load::{self, DefinitionError};
use crate::period::PeriodType;

/// Whether the data are already public.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Exposure {
    /// Already public: released exactly as published, known to every attacker.
    Open {
        /// Who published it.
        source: String,
        /// Under which licence.
        licence: String,
    },
    /// Protected by agreement and disclosure control.
    Controlled,
}

impl Exposure {
    /// Whether the data are already public.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// What one row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// One row a person, or an event with a person in it.
    Person,
    /// One row an event, nobody identified.
    Event,
    /// One row a group, with a count or a measure.
    Aggregate,
}

/// A dataset's contract, one TOML file in `contracts/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub struct DatasetContract {
    /// The dataset.
    pub id: DatasetId,
    /// Its name for people.
    pub title: String,
    /// What it holds, in a sentence or two.
    pub description: String,
    /// The release of the feed this contract reads, for example `2024` or `IMD 2019`.
    pub release: String,
    /// Whether the data look like people and are invented.
    #[serde(default)]
    pub synthetic: bool,
    /// Open or controlled.
    pub exposure: Exposure,
    /// What one row is.
    pub level: Level,
    /// The period one upload covers: one partition.
    pub partition: PeriodType,
    /// How to read the file.
    pub file: FileFormat,
    /// When to refuse a version whole.
    #[serde(default)]
    pub tolerance: Tolerance,
    /// How rows find their area.
    pub geography: GeographyRule,
    /// The columns, in the order of the feed.
    #[serde(rename = "column")]
    pub columns: Vec<Column>,
    /// Wide columns to turn into rows.
    #[serde(default, rename = "unpivot")]
    pub unpivots: Vec<Unpivot>,
}

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

/// The share of refused rows over which a version is refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// Rows refused in a thousand; 0 means that one bad row refuses the file.
    pub refused_per_thousand: u32,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { refused_per_thousand: 20 }
    }
}

/// How rows find their area: the sources are tried in order and the first that gives an area wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeographyRule {
    /// The finest area the dataset supports; `lsoa` for events, coarser for some aggregates.
    pub area_type: AreaType,
    /// The vintage of codes the supplier writes; the store is always the current spine.
    pub boundary_year: BoundaryYear,
    /// Sources in order of preference.
    pub sources: Vec<GeographySource>,
}

/// One way to find a row's area, from columns with role `geography`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeographySource {
    /// An area code of the declared type and vintage, exact or converted by lookup.
    AreaCode,
    /// A postcode.
    Postcode,
    /// Longitude and latitude, WGS84 degrees.
    LongitudeLatitude,
    /// Easting and northing, British National Grid metres.
    EastingNorthing,
    /// A general practice, through its primary care network.
    Practice,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnType {
    /// Any text.
    Text,
    /// A whole number; thousands commas are accepted.
    Integer,
    /// A decimal number; thousands commas are accepted.
    Decimal,
    /// A date in one of the column's `formats`.
    Date,
    /// A month in one of the column's `formats`.
    Month,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// When it happened; decides the period.
    Time,
    /// Where it happened; used to find the area, then dropped.
    Geography,
    /// A category kept as a coded column.
    Dimension,
    /// A number that is summed.
    Measure,
    /// A person's or case's identifier: becomes a keyed pseudonym, then dropped.
    Link,
    /// Checked and never stored (for example an opt-out flag or a free-text note).
    Special,
}

/// What is done to a value before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Stored as read (after recoding).
    #[default]
    Keep,
    /// Put in one of the column's `bands`.
    Band,
    /// Dates cut to the month, postcodes and points to the area.
    Truncate,
    /// Replaced by a keyed pseudonym.
    Pseudonymise,
    /// Read for a rule, never stored.
    Drop,
}

/// Which part of a place a geography column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// An area code.
    AreaCode,
    /// A postcode.
    Postcode,
    /// WGS84 longitude, degrees.
    Longitude,
    /// WGS84 latitude, degrees.
    Latitude,
    /// British National Grid easting, metres.
    Easting,
    /// British National Grid northing, metres.
    Northing,
    /// General practice code.
    Practice,
}

/// How a link column identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkScheme {
    /// NHS number, ten digits with a modulus-11 check; one linkage domain across all partners.
    NhsNumber,
    /// The supplier's own identifier; one domain a dataset.
    Local,
}

/// One column of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The header as published.
    pub source: String,
    /// Other headers seen for the same column in other releases.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The name in the common data set (`snake_case`); `sex` and `age` are reserved for those dimensions.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// What it is for.
    pub role: Role,
    /// What is done to it.
    #[serde(default)]
    pub treatment: Treatment,
    /// For geography columns: which part of a place.
    pub place: Option<Place>,
    /// For link columns: how it identifies.
    pub scheme: Option<LinkScheme>,
    /// Whether a row without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Date or month formats (strftime), tried in order.
    #[serde(default)]
    pub formats: Vec<String>,
    /// Texts to replace, compared without case and outer space.
    #[serde(default)]
    pub recode: BTreeMap<String, String>,
    /// Values accepted after recoding; anything else becomes `other` with a finding. Empty accepts all.
    #[serde(default)]
    pub allowed: Vec<String>,
    /// Age bands for treatment `band`.
    #[serde(default)]
    pub bands: Vec<AgeBand>,
    /// Least and greatest number accepted, both included.
    pub range: Option<(i64, i64)>,
    /// Only rows whose value is one of these are meant by the contract; other rows are skipped and counted, not refused.
    #[serde(default)]
    pub only: Vec<String>,
    /// Whether the value identifies the row (a crime or incident number): rows that repeat it are duplicates. Without
    /// such a column, rows repeated byte for byte are.
    #[serde(default)]
    pub unique: bool,
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

impl DatasetContract {
    /// Reads a contract from TOML and checks that it makes sense.
    ///
    /// # Errors
    /// With file, line and column where the text is wrong; with the file where the meaning is.
    pub fn parse(file: &str, text: &str) -> Result<Self, DefinitionError> {
        let contract: Self = load::parse(file, text)?;
        contract.check().map_err(|message| DefinitionError::whole(file, message))?;
        Ok(contract)
    }

    /// The names that are stored as coded columns: dimensions of columns and of unpivots, in order, once each.
    #[must_use]
    pub fn dimensions(&self) -> Vec<&str> {
        let columns = self.columns.iter().filter(|c| c.role == Role::Dimension).map(|c| c.name.as_str());
        let wide =
            self.unpivots.iter().flat_map(|u| std::iter::once(u.into.as_str()).chain(u.set.keys().map(String::as_str)));
        let mut names = Vec::new();
        for name in columns.chain(wide) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The names of summed measures. A person- or event-level dataset always has `count`, which is 1 a row.
    #[must_use]
    pub fn measures(&self) -> Vec<&str> {
        let counted = (self.level != Level::Aggregate).then_some("count");
        let columns = self.columns.iter().filter(|c| c.role == Role::Measure).map(|c| c.name.as_str());
        let wide = self.unpivots.iter().map(|u| u.value.as_str());
        let mut names = Vec::new();
        for name in counted.into_iter().chain(columns).chain(wide) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The link column, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<&Column> {
        self.columns.iter().find(|c| c.role == Role::Link)
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = Vec::new();
        for column in &self.columns {
            column.check()?;
            if seen.contains(&column.name.as_str()) {
                return Err(format!("two columns are named `{}`: give each its own name", column.name));
            }
            seen.push(column.name.as_str());
        }
        if self.columns.iter().filter(|c| c.role == Role::Link).count() > 1 {
            return Err("more than one link column: name one".to_owned());
        }
        if self.geography.sources.is_empty() {
            return Err("`geography.sources` is empty: name at least one way to find a row's area".to_owned());
        }
        for source in &self.geography.sources {
            for place in source.places() {
                if !self.columns.iter().any(|c| c.place == Some(*place)) {
                    return Err(format!("geography source {source:?} needs a column with place {place:?}"));
                }
            }
        }
        if self.measures().is_empty() {
            return Err("an aggregate dataset needs a column with role `measure`".to_owned());
        }
        Ok(())
    }
}

impl GeographySource {
    /// The places a row needs for this source.
    #[must_use]
    pub const fn places(self) -> &'static [Place] {
        match self {
            Self::AreaCode => &[Place::AreaCode],
            Self::Postcode => &[Place::Postcode],
            Self::LongitudeLatitude => &[Place::Longitude, Place::Latitude],
            Self::EastingNorthing => &[Place::Easting, Place::Northing],
            Self::Practice => &[Place::Practice],
        }
    }
}

impl Column {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let snake = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && name.starts_with(|c: char| c.is_ascii_lowercase());
        if !snake {
            return Err(format!("column name `{name}`: use 1 to 64 lower-case letters, digits and underscores"));
        }
        if matches!(self.column_type, ColumnType::Date | ColumnType::Month) && self.formats.is_empty() {
            return Err(format!("column `{name}` is a date or month: give its `formats`, for example [\"%d/%m/%Y\"]"));
        }
        if self.treatment == Treatment::Band && self.bands.is_empty() {
            return Err(format!("column `{name}` is banded: give its `bands`"));
        }
        if (self.role == Role::Geography) != self.place.is_some() {
            return Err(format!("column `{name}`: role `geography` and `place` go together"));
        }
        if (self.role == Role::Link) != self.scheme.is_some() {
            return Err(format!("column `{name}`: role `link` and `scheme` go together"));
        }
        if self.role == Role::Link && self.treatment != Treatment::Pseudonymise {
            return Err(format!("column `{name}` identifies someone: its treatment must be `pseudonymise`"));
        }
        if self.role == Role::Measure && !matches!(self.column_type, ColumnType::Integer | ColumnType::Decimal) {
            return Err(format!("column `{name}` is a measure: its type must be `integer` or `decimal`"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "lancashire-fire-and-rescue.incidents"
title = "Fire incidents"
description = "Incidents attended."
release = "2024"
synthetic = true
level = "event"
partition = "month"
[exposure]
kind = "controlled"
[file]
format = "csv"
[geography]
area_type = "lsoa"
boundary_year = 2021
sources = ["postcode"]
[[column]]
source = "DateOfCall"
name = "date"
type = "date"
role = "time"
treatment = "truncate"
formats = ["%d/%m/%Y"]
required = true
[[column]]
source = "Postcode"
name = "postcode"
type = "text"
role = "geography"
place = "postcode"
treatment = "truncate"
[[column]]
source = "IncidentType"
name = "incident_type"
type = "text"
role = "dimension"
"#;

    #[test]
    fn a_contract_is_read_and_described() {
        let contract = DatasetContract::parse("c.toml", GOOD).unwrap();
        assert_eq!(contract.dimensions(), ["incident_type"]);
        assert_eq!(contract.measures(), ["count"]);
        assert_eq!(contract.link(), None);
        assert!(!contract.exposure.is_open());
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("level = \"event\"", "level = \"row\"", "unknown variant"),
            ("place = \"postcode\"\n", "", "go together"),
            ("formats = [\"%d/%m/%Y\"]\n", "", "formats"),
            ("name = \"incident_type\"", "name = \"date\"", "two columns"),
            ("sources = [\"postcode\"]", "sources = [\"practice\"]", "needs a column"),
            ("release = \"2024\"", "release = \"2024\"\nrelaese = \"2\"", "unknown field"),
        ];
        for (from, to, expect) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = DatasetContract::parse("c.toml", &text).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        }
    }
}
