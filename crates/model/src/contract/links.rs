//! A dataset that nobody uploads: people whose records are linked over other datasets, by how many of these know them.

use serde::{Deserialize, Serialize};

use super::{
    Absence, Column, ColumnType, Counts, DatasetContract, Encoding, Exposure, FileFormat, Format, GeographyRule,
    GeographySource, Level, Role, Tolerance, Treatment,
};
use crate::area::{AreaType, BoundaryYear};
use crate::id::DatasetId;
use crate::load::{self, DefinitionError};
use crate::period::PeriodType;

/// With how many states of its data it may be published, at most.
const MOST_REVISIONS: u32 = 20;

/// `[links]`: which datasets' people are counted together. Each of them is a service that knows somebody if it has a record of them in
/// the period. People are counted where most of their records of the period are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// The datasets, two or more.
    pub datasets: Vec<DatasetId>,
    /// Types of areas. Each is one more table that everybody is counted in, so that more of them need more noise.
    pub areas: Vec<AreaType>,
    /// The type of period that a person is counted in.
    pub period: PeriodType,
    /// With how many states of its data a figure may be published: 1 if it is never corrected. Each is fresh noise of nearly the same count,
    /// so that more states need more noise.
    #[serde(default = "once")]
    pub revisions: u32,
}

const fn once() -> u32 {
    1
}

/// As it is written in a file of its own among the contracts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkedDataset {
    id: DatasetId,
    title: String,
    description: String,
    release: String,
    #[serde(default)]
    synthetic: bool,
    links: Links,
}

impl Links {
    /// The one dimension.
    pub const DIMENSION: &str = "services";

    /// By how many services somebody is known: three and more are together.
    #[must_use]
    pub fn categories(&self) -> Vec<String> {
        let all = ["1", "2", "3+"];
        all.iter().take(self.datasets.len()).map(|category| (*category).to_owned()).collect()
    }

    fn check(&self) -> Result<(), String> {
        let Self { datasets, areas, period, revisions } = self;
        if datasets.len() < 2 {
            return Err("`links.datasets` names fewer than two datasets: name those whose people are counted together"
                .to_owned());
        }
        if areas.is_empty() {
            return Err("`links.areas` is empty: name the types of areas that people are counted by".to_owned());
        }
        if super::crossings::repeats(datasets) || super::crossings::repeats(areas) {
            return Err("`links` names something twice: name it once".to_owned());
        }
        if *period == PeriodType::Rolling12 {
            return Err("`links.period` is `rolling-12`, which overlaps: who is in one would be counted in several; use calendar-year".to_owned());
        }
        if !(1..=MOST_REVISIONS).contains(revisions) {
            return Err(format!("`links.revisions` is {revisions}: choose 1 to {MOST_REVISIONS} states of the data"));
        }
        Ok(())
    }
}

/// Whether a text describes linked data; what is no TOML does not.
pub(super) fn is_linked(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("links"))
}

/// Reads a description of linked data, as the contract of a dataset whose rows are people.
pub(super) fn parse(file: &str, text: &str) -> Result<DatasetContract, DefinitionError> {
    let LinkedDataset { id, title, description, release, synthetic, links } = load::parse(file, text)?;
    links.check().map_err(|message| DefinitionError::whole(file, message))?;
    // Rows are where the datasets place them, which is put in its place when these are known.
    let boundary_year = BoundaryYear::new(2021).map_err(|error| DefinitionError::whole(file, error.to_string()))?;
    Ok(DatasetContract {
        id,
        title,
        description,
        release,
        synthetic,
        exposure: Exposure::Controlled,
        level: Level::Person,
        partition: links.period,
        stock: false,
        absence: Absence::default(),
        counts: Counts::Records,
        partner: None,
        crossings: None,
        file: FileFormat {
            format: Format::Csv,
            encoding: Encoding::Auto,
            skip_rows: 0,
            sheet: None,
            null_values: Vec::new(),
            withheld_values: Vec::new(),
        },
        tolerance: Tolerance::default(),
        geography: GeographyRule { area_type: AreaType::Lsoa, boundary_year, sources: vec![GeographySource::Postcode] },
        columns: vec![services(&links)],
        unpivots: Vec::new(),
        links: Some(links),
    })
}

fn services(links: &Links) -> Column {
    Column {
        source: Links::DIMENSION.to_owned(),
        aliases: Vec::new(),
        name: Links::DIMENSION.to_owned(),
        column_type: ColumnType::Text,
        role: Role::Dimension,
        treatment: Treatment::Keep,
        place: None,
        scheme: None,
        required: true,
        formats: Vec::new(),
        recode: std::collections::BTreeMap::new(),
        allowed: links.categories(),
        bands: Vec::new(),
        range: None,
        part_of: None,
        only: Vec::new(),
        unique: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "a-partnership.people-by-services"
title = "People by services"
description = "People whom several services know."
release = "1"
synthetic = true
[links]
datasets = ["org-a.calls", "org-b.visits", "org-c.cases"]
areas = ["msoa", "district"]
period = "calendar-year"
revisions = 2
"#;

    #[test]
    fn it_is_a_contract_that_nobody_fulfils_by_a_file() {
        let contract = DatasetContract::parse("links.toml", GOOD).unwrap();
        let links = contract.links.clone().unwrap();
        assert_eq!((links.datasets.len(), links.revisions, contract.partition), (3, 2, PeriodType::CalendarYear));
        assert_eq!(contract.dimensions(), [Links::DIMENSION]);
        assert_eq!(contract.measures(), ["count"]);
        assert_eq!(links.categories(), ["1", "2", "3+"]);
        assert_eq!(contract.link(), None, "its rows are joined with nothing else");
        let two = GOOD.replace(", \"org-c.cases\"", "");
        assert_eq!(DatasetContract::parse("links.toml", &two).unwrap().links.unwrap().categories(), ["1", "2"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        for (from, to, expect) in [
            ("[\"org-a.calls\", \"org-b.visits\", \"org-c.cases\"]", "[\"org-a.calls\"]", "fewer than two datasets"),
            ("[\"msoa\", \"district\"]", "[]", "`links.areas` is empty"),
            ("\"district\"", "\"msoa\"", "names something twice"),
            ("\"org-b.visits\"", "\"org-a.calls\"", "names something twice"),
            ("calendar-year", "rolling-12", "which overlaps"),
            ("revisions = 2", "revisions = 0", "`links.revisions` is 0"),
            ("revisions = 2", "revisions = 21", "choose 1 to 20 states"),
            ("revisions = 2", "revision = 2", "unknown field `revision`"),
            ("release = \"1\"", "release = \"1\"\nlevel = \"person\"", "unknown field `level`"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD, "{from}");
            let error = DatasetContract::parse("links.toml", &text).unwrap_err();
            assert!(error.to_string().contains(expect), "{to}: {error}");
        }
    }

    #[test]
    fn a_contract_of_files_has_no_links() {
        let contract = DatasetContract::parse("links.toml", GOOD).unwrap();
        let text = toml::to_string(&contract).unwrap();
        assert!(text.contains("[links]"), "they are part of what a release stands on");
        let error = toml::from_str::<DatasetContract>(&text).unwrap_err();
        assert!(error.to_string().contains("unknown field `links`"), "{error}");
    }
}
