//! One column of the feed: what it holds, what it is for, and what is done to it before anything is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::classification::{AgeBand, Sex};

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
    /// For measures: the measure that this one is a part of in every row, patients on a register among those on the list. A row in which
    /// it is more is a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// Only rows whose value is one of these are meant by the contract; other rows are skipped and counted, not refused.
    #[serde(default)]
    pub only: Vec<String>,
    /// Whether the value identifies the row (a crime or incident number): rows that repeat it are duplicates. Without
    /// such a column, rows repeated byte for byte are.
    #[serde(default)]
    pub unique: bool,
}

impl Column {
    pub(super) fn check(&self) -> Result<(), String> {
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
        if self.role != Role::Measure && self.part_of.is_some() {
            return Err(format!("column `{name}`: only a measure is `part_of` another"));
        }
        if self.role == Role::Dimension { self.check_categories() } else { Ok(()) }
    }

    /// Whether its moments say which month. A year alone stands for the whole partition.
    pub(super) fn tells_months(&self) -> bool {
        self.column_type == ColumnType::Date || self.formats.iter().all(|format| names_month(format))
    }

    fn check_categories(&self) -> Result<(), String> {
        let name = &self.name;
        check_bands(name, &self.bands)?;
        for value in &self.allowed {
            check_category(name, value)?;
        }
        for target in self.recode.values() {
            let value = target.trim().to_lowercase();
            let known = if name == "sex" {
                value.parse::<Sex>().is_ok_and(|sex| sex != Sex::All)
            } else {
                self.allowed.is_empty() || value == "unknown" || value == "other" || self.allowed.contains(&value)
            };
            if !known {
                return Err(format!(
                    "column `{name}` recodes to `{target}`, which is not in `allowed`, so that no row would ever have it: correct one of the two"
                ));
            }
        }
        Ok(())
    }
}

/// Bands are found by the first that holds an age: where two share ages, the second would miss them.
fn check_bands(name: &str, bands: &[AgeBand]) -> Result<(), String> {
    if let Some(band) = bands.iter().find(|band| band.ages().is_none()) {
        return Err(format!(
            "column `{name}` has the band `{band}`: a band has ages from and to, such as `16-64` or `65+`"
        ));
    }
    match AgeBand::overlap(bands) {
        Some((a, b)) => {
            Err(format!("column `{name}` has the bands `{a}` and `{b}`, which share ages: make them distinct"))
        }
        None => Ok(()),
    }
}

/// A category as it is stored: one that is written otherwise would be in no row, and its figures 0.
pub(super) fn check_category(dimension: &str, value: &str) -> Result<(), String> {
    let stored = value.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if value.is_empty() || stored != value {
        return Err(format!("`{dimension}` allows `{value}`, but values are stored in lower case: write `{stored}`"));
    }
    if value == "all" || value == "total" {
        return Err(format!(
            "`{dimension}` allows `{value}`: a total would be added to its own parts, and tables hold totals by themselves: skip such rows with `only`"
        ));
    }
    if dimension == "sex" && !value.parse::<Sex>().is_ok_and(|sex| sex != Sex::All) {
        return Err(format!("`sex` allows `{value}`: it is female, male or unknown, and other texts are recoded"));
    }
    let age = value.parse::<AgeBand>().is_ok_and(|band| band != AgeBand::All) || value.parse::<u8>().is_ok();
    if dimension == "age" && !age {
        return Err(format!("`age` allows `{value}`, which is no age: write `17`, `16-64`, `65+` or `unknown`"));
    }
    Ok(())
}

/// Whether a strftime format has a month: `%m`, `%b`, `%B` or `%h`, flags and width allowed.
fn names_month(format: &str) -> bool {
    format.split('%').skip(1).any(|directive| {
        let letter = directive.trim_start_matches(|c: char| "-_0^#".contains(c) || c.is_ascii_digit());
        letter.starts_with(['m', 'b', 'B', 'h', 'D', 'F'])
    })
}
