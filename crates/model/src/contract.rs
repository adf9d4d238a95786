//! A dataset's contract: what its files look like, and what becomes of every column.
//!
//! A contract says how to *read*; the sharing agreement says what *may be taken*. A column is stored only if both name it.

mod column;
mod file;
mod place;

use serde::{Deserialize, Serialize};

use crate::id::DatasetId;
use crate::load::{self, DefinitionError};
use crate::period::PeriodType;

pub use column::{Column, ColumnType, LinkScheme, Role, Treatment};
pub use file::{Encoding, FileFormat, Format, Unpivot};
pub use place::{GeographyRule, GeographySource, Place};

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

/// The shares of unusable rows over which a version is refused whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tolerance {
    /// Rows refused, or with a figure that cannot be read, in a thousand; 0 means that one bad row refuses the file.
    pub refused_per_thousand: u32,
    /// Rows that say nothing usable about where, in a thousand. They are in no area, so that every one of them makes some
    /// area's count too low: a feed that leaves places out says how many are usual.
    pub unplaced_per_thousand: u32,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { refused_per_thousand: 20, unplaced_per_thousand: 50 }
    }
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
