//! A dataset's contract: what its files look like, and what becomes of every column.
//!
//! A contract says how to *read*; the sharing agreement says what *may be taken*. A column is stored only if both name it.

mod column;
mod crossings;
mod file;
mod links;
mod parts;
mod place;

use serde::{Deserialize, Serialize};

use crate::id::DatasetId;
use crate::load::{self, DefinitionError};
use crate::period::PeriodType;

pub use column::{Column, ColumnType, LinkScheme, Role, Treatment};
pub use crossings::Crossings;
pub use file::{Encoding, FileFormat, Format, Unpivot};
pub use links::Links;
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

/// What it means that an area, or one of its listed categories, has no row in a partition of an aggregate dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absence {
    /// Nobody said how many: the figure is not available, and neither is any sum that needs it.
    #[default]
    NotReported,
    /// There were none: the supplier leaves out what is 0.
    Zero,
}

/// What the figures of a dataset count, as far as that bounds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// Events, cases, things, or people who may be counted several times: nothing bounds them.
    #[default]
    Records,
    /// People by where they live, each at most once in a partition: never more than live there.
    People,
    /// Everybody who lives in an area: what bounds every count of people in it. Only one open dataset can be that.
    Residents,
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
    /// Whether the figures are a state at one date of the partition (people claiming, dwellings let), not what happened
    /// in it: states of several partitions are never added.
    #[serde(default)]
    pub stock: bool,
    /// What a missing row of an aggregate dataset means.
    #[serde(default)]
    pub absence: Absence,
    /// What its figures count.
    #[serde(default)]
    pub counts: Counts,
    /// The dimension that says by way of which partner a row came, a referring service for example: each is taken to know its own
    /// rows. Without it all rows came by way of the supplier.
    pub partner: Option<String>,
    /// What may be crossed with what, where noise is added to its figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossings: Option<Crossings>,
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
    /// Whose people are counted, where nobody uploads it. It is written in a form of its own.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub links: Option<Links>,
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
    /// Reads a contract from TOML and checks that it makes sense; one with `[links]` describes people whose records are linked.
    ///
    /// # Errors
    /// With file, line and column where the text is wrong; with the file where the meaning is.
    pub fn parse(file: &str, text: &str) -> Result<Self, DefinitionError> {
        if links::is_linked(text) {
            return links::parse(file, text);
        }
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

    /// The finest period that figures can be told apart by: months where rows are events with a date, the partition where
    /// they have none. A figure about an area may stand for its whole partition, whatever date it carries.
    #[must_use]
    pub fn finest_period(&self) -> PeriodType {
        let dated = self.columns.iter().any(|column| column.role == Role::Time && column.tells_months());
        if dated && self.level != Level::Aggregate { PeriodType::Month } else { self.partition }
    }

    /// The link column, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<&Column> {
        self.columns.iter().find(|c| c.role == Role::Link)
    }

    fn check(&self) -> Result<(), String> {
        if self.partition == PeriodType::Rolling12 {
            return Err("`partition` is `rolling-12`: such periods overlap, and what is in two would be counted twice: upload by month or by year".to_owned());
        }
        if self.absence == Absence::Zero && self.level != Level::Aggregate {
            return Err("`absence` is about rows that are figures of areas (`level = \"aggregate\"`): leave it out, an event without a row did not happen".to_owned());
        }
        self.check_counts()?;
        self.check_partner()?;
        for unpivot in &self.unpivots {
            unpivot.check()?;
        }
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
        self.check_crossings()?;
        self.check_gaps()?;
        self.check_parts()
    }

    fn check_counts(&self) -> Result<(), String> {
        if self.counts == Counts::Records {
            return Ok(());
        }
        if !self.stock {
            return Err("`counts` people who live somewhere, which is a state at one date: say `stock = true`, or leave it out where people come and go within the partition".to_owned());
        }
        let single = self.level != Level::Aggregate || self.measures().len() == 1;
        if self.level == Level::Event || !single {
            return Err("`counts` people: the rows must be people, or figures of areas with one measure".to_owned());
        }
        if self.counts == Counts::Residents && !(self.exposure.is_open() && self.level == Level::Aggregate) {
            return Err("`counts = \"residents\"` is for an open dataset whose rows are figures of areas: what is not public bounds nothing for a reader".to_owned());
        }
        Ok(())
    }

    fn check_partner(&self) -> Result<(), String> {
        let Some(name) = &self.partner else { return Ok(()) };
        if self.level == Level::Aggregate {
            return Err("`partner` is about rows of people or events: a figure of an area has one supplier".to_owned());
        }
        let column = self.columns.iter().find(|column| column.name == *name && column.role == Role::Dimension);
        let column =
            column.ok_or_else(|| format!("`partner` names `{name}`, which is no column with role `dimension`"))?;
        if !column.required || column.allowed.is_empty() || column.treatment != Treatment::Keep {
            return Err(format!(
                "column `{name}` says which partner knows a row: it must be `required`, kept as it is, and list the partners in `allowed`"
            ));
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
            ("partition = \"month\"", "partition = \"rolling-12\"", "counted twice"),
            ("partition = \"month\"", "partition = \"month\"\nabsence = \"zero\"", "leave it out"),
            ("synthetic = true", "partner = \"incident_type\"", "must be `required`"),
            ("synthetic = true", "partner = \"station\"", "no column with role `dimension`"),
            ("synthetic = true", "counts = \"people\"", "say `stock = true`"),
            ("synthetic = true", "stock = true\ncounts = \"people\"", "the rows must be people"),
            (
                "synthetic = true\nlevel = \"event\"",
                "stock = true\ncounts = \"residents\"\nlevel = \"person\"",
                "for an open dataset",
            ),
            ("name = \"incident_type\"", "name = \"incident_type\"\nallowed = [\"Fire\"]", "write `fire`"),
            ("name = \"incident_type\"", "name = \"incident_type\"\nallowed = [\"all\", \"fire\"]", "its own parts"),
            ("name = \"incident_type\"", "name = \"incident_type\"\nallowed = [\"fire\", \"total\"]", "its own parts"),
            (
                "name = \"incident_type\"",
                "name = \"incident_type\"\nallowed = [\"fire\"]\nrecode = { F = \"fires\" }",
                "`fires`, which is not in `allowed`",
            ),
            ("name = \"incident_type\"", "name = \"sex\"\nallowed = [\"men\", \"women\"]", "female, male or unknown"),
            ("name = \"incident_type\"", "name = \"sex\"\nrecode = { F = \"woman\" }", "`woman`"),
            ("name = \"incident_type\"", "name = \"age\"\nbands = [\"0-15\", \"15-64\"]", "share ages"),
            ("name = \"incident_type\"", "name = \"age\"\nbands = [\"all\"]", "ages from and to"),
            ("name = \"incident_type\"", "name = \"age\"\nallowed = [\"young\"]", "no age"),
            (
                "name = \"incident_type\"\ntype = \"text\"\nrole = \"dimension\"\n",
                "name = \"incident_type\"\ntype = \"text\"\nrole = \"dimension\"\n[[unpivot]]\nprefix = \"F\"\ninto = \"age\"\nallowed = [\"o\"]\nvalue = \"people\"\n",
                "no age",
            ),
            (
                "name = \"incident_type\"\ntype = \"text\"\nrole = \"dimension\"\n",
                "name = \"incident_type\"\ntype = \"text\"\nrole = \"dimension\"\n[[unpivot]]\nprefix = \"F\"\ninto = \"age\"\nset = { sex = \"women\" }\nvalue = \"people\"\n",
                "female, male or unknown",
            ),
        ];
        for (from, to, expect) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = DatasetContract::parse("c.toml", &text).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        }
    }

    #[test]
    fn crossings_are_of_what_is_listed_and_does_not_overlap() {
        let listed =
            GOOD.replace("name = \"incident_type\"", "name = \"incident_type\"\nallowed = [\"fire\", \"flood\"]");
        let person = "[[column]]\nsource = \"N\"\nname = \"n\"\ntype = \"text\"\nrole = \"link\"\nscheme = \"nhs-number\"\ntreatment = \"pseudonymise\"\n";
        let linked = format!("{}{person}", listed.replace("level = \"event\"", "level = \"person\""));
        let measured = |sign: &str| {
            format!(
                "{listed}[[column]]\nsource = \"C\"\nname = \"crew\"\ntype = \"integer\"\nrole = \"measure\"\nrequired = true\nrange = [{sign}1, 9]\n"
            )
        };
        let (months, both) = ("periods = [\"month\"]", "periods = [\"month\", \"quarter\"]");
        for (text, crossings, expect) in [
            (&listed, format!("areas = [\"lsoa\", \"ward\"]\n{both}\nby = [\"incident_type\"]"), None),
            (&linked, format!("areas = [\"lsoa\"]\n{months}\nrevisions = 2"), None),
            (&linked, format!("areas = [\"lsoa\"]\n{both}"), Some("one period type")),
            (
                &linked.replace("partition", "stock = true\npartition"),
                format!("areas = [\"lsoa\"]\n{months}"),
                Some("nearly the same in the next"),
            ),
            (&listed, format!("areas = []\n{months}"), Some("need an area type")),
            (&listed, format!("areas = [\"lsoa\"]\n{months}\nrevisions = 0"), Some("at least one revision")),
            (&listed, format!("areas = [\"lsoa\", \"lsoa\"]\n{months}"), Some("twice")),
            (&listed, "areas = [\"lsoa\"]\nperiods = [\"rolling-12\"]".to_owned(), Some("show single months")),
            (
                &GOOD.to_owned(),
                format!("areas = [\"lsoa\"]\n{months}\nby = [\"incident_type\"]"),
                Some("listed categories"),
            ),
            (&listed, format!("areas = [\"lsoa\"]\n{months}\nby = [\"date\"]"), Some("no dimension")),
            (&measured(""), format!("areas = [\"lsoa\"]\n{months}\nsums = {{ crew = 8 }}"), None),
            (&measured(""), format!("areas = [\"lsoa\"]\n{months}\nsums = {{ crew = 0 }}"), Some("from 1 to")),
            (&measured(""), format!("areas = [\"lsoa\"]\n{months}\nsums = {{ cost = 8 }}"), Some("no measure")),
            (&measured("-"), format!("areas = [\"lsoa\"]\n{months}\nsums = {{ crew = 8 }}"), Some("not negative")),
            (
                &listed.replace("kind = \"controlled\"", "kind = \"open\"\nsource = \"s\"\nlicence = \"l\""),
                format!("areas = [\"lsoa\"]\n{months}"),
                Some("of figures of areas"),
            ),
        ] {
            let text = text.replace("[exposure]", &format!("[crossings]\n{crossings}\n[exposure]"));
            match (DatasetContract::parse("c.toml", &text), expect) {
                (Ok(contract), None) => assert!(contract.crossings.is_some()),
                (parsed, expect) => {
                    let said = parsed.unwrap_err().to_string();
                    assert!(said.contains(expect.unwrap()), "{said}");
                }
            }
        }
    }

    #[test]
    fn figures_are_told_apart_by_month_only_where_events_are_dated() {
        let dateless =
            GOOD.replace("role = \"time\"", "role = \"special\"").replace("truncate\"\nformats", "drop\"\nformats");
        let yearly = GOOD.replace("type = \"date\"", "type = \"month\"");
        let aggregate = format!(
            "{}[[column]]\nsource = \"N\"\nname = \"people\"\ntype = \"integer\"\nrole = \"measure\"\n",
            GOOD.replace("\"event\"", "\"aggregate\"")
        );
        let cases = [
            (GOOD.to_owned(), PeriodType::Month),
            (yearly.replace("%d/%m/%Y", "%-m %Y"), PeriodType::Month),
            (yearly.replace("%d/%m/%Y", "%B %Y"), PeriodType::Month),
            (yearly.replace("%d/%m/%Y", "%Y"), PeriodType::Quarter),
            (yearly.replace("%d/%m/%Y", "%Y-%m\", \"%Y"), PeriodType::Quarter),
            (dateless, PeriodType::Quarter),
            (aggregate, PeriodType::Quarter),
        ];
        for (text, expect) in cases {
            let text = text.replace("partition = \"month\"", "partition = \"quarter\"");
            assert_eq!(DatasetContract::parse("c.toml", &text).unwrap().finest_period(), expect, "{text}");
        }
    }
}
