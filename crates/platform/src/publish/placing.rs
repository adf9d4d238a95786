//! What is said of how figures got to their areas. It follows from contract and geography alone, as they were when the
//! figures were released: how each single row was placed is a fact about whoever the row is about, and no rule of disclosure
//! protects it.

use std::collections::{BTreeMap, BTreeSet};

use catalog::DatasetVersion;
use geography::{CarriedOver, Gazetteer};
use model::contract::{DatasetContract, GeographySource, Level};
use model::{AreaCode, AreaType};
use serde::{Deserialize, Serialize};

use crate::error::PlatformError;
use crate::platform::Platform;
use crate::state::State;

/// How the rows of a dataset find their areas. Part of what a release stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Located {
    /// Every way that the contract takes, in the order tried.
    sources: Vec<String>,
    /// The type of area that rows are placed in.
    area_type: AreaType,
    /// Whether all that is carried over is modelled to a known share: rows are counts that state a code and nothing else.
    share_known: bool,
    /// How small areas were assigned to those of each type.
    assigned: BTreeMap<AreaType, String>,
    /// The areas where older boundaries divide or average something.
    carried: BTreeMap<AreaType, BTreeMap<AreaCode, CarriedOver>>,
    /// Whether some rows were placed by another geography or contract than the latest.
    mixed: bool,
}

impl Located {
    /// Of a dataset, in a geography.
    pub(super) fn of(contract: &DatasetContract, gazetteer: &Gazetteer) -> Self {
        let rule = &contract.geography;
        let (mut assigned, mut carried) = (BTreeMap::new(), BTreeMap::new());
        for area_type in gazetteer.area_types() {
            assigned.extend(gazetteer.method(area_type).map(|(method, _)| (area_type, method.to_string())));
            if !carries_over(contract) {
                continue;
            }
            let areas = gazetteer.areas(area_type).iter().map(|area| &area.code);
            let of_area = areas.map(|code| (code.clone(), gazetteer.carried_over(area_type, code.as_str())));
            let changed: BTreeMap<_, _> = of_area.filter(|(_, carried)| *carried != CarriedOver::default()).collect();
            carried.insert(area_type, changed);
        }
        Self {
            sources: sources(contract),
            area_type: rule.area_type,
            share_known: rule.sources == [GeographySource::AreaCode] && contract.level == Level::Aggregate,
            assigned,
            carried,
            mixed: false,
        }
    }

    /// The same for rows of which some were placed like this, and some otherwise: whatever holds of either is said.
    fn or(self, other: Self) -> Self {
        if other == self {
            return self;
        }
        Self { mixed: true, ..self.and(other) }
    }

    /// The same for rows of several datasets.
    pub(super) fn and(mut self, other: Self) -> Self {
        for source in other.sources {
            if !self.sources.contains(&source) {
                self.sources.push(source);
            }
        }
        for (area_type, areas) in other.carried {
            let own = self.carried.entry(area_type).or_default();
            for (code, theirs) in areas {
                let known = own.entry(code).or_default();
                *known = CarriedOver {
                    divided: known.divided || theirs.divided,
                    wholly: false,
                    irregular: known.irregular || theirs.irregular,
                    averaged: known.averaged || theirs.averaged,
                    without_weights: known.without_weights || theirs.without_weights,
                };
            }
        }
        Self { share_known: false, mixed: self.mixed || other.mixed, ..self }
    }

    /// Of what is released: as each partition was placed when it was read, in the geography of the release.
    ///
    /// # Errors
    /// If what a version says of it cannot be read.
    pub(super) fn of_partitions(
        contract: &DatasetContract,
        gazetteer: &Gazetteer,
        versions: &[DatasetVersion],
    ) -> Result<Self, PlatformError> {
        let mut all = Self::of(contract, gazetteer);
        let texts: BTreeSet<&str> = versions.iter().map(|version| version.facts.placing.as_str()).collect();
        for text in texts {
            let placed = serde_json::from_str(text).map_err(PlatformError::failed("read how rows were placed"))?;
            all = all.or(placed);
        }
        Ok(all)
    }

    fn earlier(&self) -> Option<String> {
        let said = "Some figures were placed in areas by an earlier geography or description of their dataset.";
        self.mixed.then(|| said.to_owned())
    }

    fn carried_over(&self, area_type: AreaType, code: &AreaCode) -> CarriedOver {
        self.carried.get(&area_type).and_then(|areas| areas.get(code)).copied().unwrap_or_default()
    }
}

/// How the figures of one area got there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placing {
    /// Every way that the contract takes, joined by `or`; then, after commas, that some are modelled, and how small areas
    /// were assigned to this one.
    pub(crate) method: String,
    /// Whether a part of the figures may be modelled.
    pub(crate) modelled: bool,
    /// The share of the numerator that is modelled, where it is known.
    pub(crate) share: Option<f64>,
    /// What a reader must know of it.
    pub(crate) caveat: Option<String>,
}

/// What an indicator's figures are made of.
pub(crate) struct Figures<'a> {
    pub(crate) numerator: &'a Located,
    /// Whether the numerator is a score, which is averaged and never divided.
    pub(crate) score: bool,
    pub(crate) denominator: Option<&'a Located>,
}

/// How the figures of an area got there.
pub(crate) fn placing(figures: &Figures<'_>, area_type: AreaType, code: &AreaCode) -> Placing {
    let numerator = figures.numerator;
    let above = numerator.carried_over(area_type, code);
    let below = figures.denominator.map(|of| of.carried_over(area_type, code)).unwrap_or_default();
    let modelled_above = above.divided || figures.score && above.averaged;
    let mut method = numerator.sources.join(" or ");
    if modelled_above {
        method.push_str(", modelled");
    }
    if numerator.area_type != area_type
        && let Some(assigned) = numerator.assigned.get(&area_type)
    {
        method = format!("{method}, {assigned}");
    }
    Placing {
        method,
        modelled: modelled_above || below.divided,
        // A code that is only one of several ways, or an event that is not divided, leaves the share unknown.
        share: (modelled_above && above.wholly && numerator.share_known).then_some(1.0),
        caveat: caveats(
            caveat(above, figures.score).into_iter().chain(numerator.earlier()),
            caveat(below, false).into_iter().chain(figures.denominator.and_then(Located::earlier)),
        ),
    }
}

impl Platform {
    /// How rows find their areas now, as it is kept with a version.
    pub(crate) fn placing_text(&self, state: &State, contract: &DatasetContract) -> Result<String, PlatformError> {
        let located = Located::of(contract, &state.geography()?.gazetteer);
        serde_json::to_string(&located).map_err(PlatformError::failed("write how rows are placed"))
    }
}

/// What is said of the numerator, and of the denominator where that is something else.
fn caveats(above: impl Iterator<Item = String>, below: impl Iterator<Item = String>) -> Option<String> {
    let mut said: Vec<String> = above.collect();
    let known = said.clone();
    let of_both = !known.is_empty();
    let below = below.filter(|sentence| !known.contains(sentence));
    said.extend(below.map(|sentence| if of_both { format!("Of the denominator: {sentence}") } else { sentence }));
    (!said.is_empty()).then(|| said.join(" "))
}

/// Whether rows may state areas of an older vintage, which are carried over.
pub(crate) fn carries_over(contract: &DatasetContract) -> bool {
    let rule = &contract.geography;
    rule.sources.contains(&GeographySource::AreaCode) && geography::is_carried_over(rule.area_type, rule.boundary_year)
}

/// The ways that rows may find their area, in the order in which they are tried.
fn sources(contract: &DatasetContract) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for source in &contract.geography.sources {
        let name = match source {
            GeographySource::Postcode => "postcode",
            GeographySource::LongitudeLatitude | GeographySource::EastingNorthing => "point",
            GeographySource::Practice => "practice-list",
            GeographySource::AreaCode => "supplied",
        };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn caveat(carried: CarriedOver, score: bool) -> Option<String> {
    let mut sentences = Vec::new();
    if carried.irregular {
        sentences.push("Boundaries here were redrawn irregularly between 2011 and 2021: figures before and after cannot be compared.");
    }
    sentences.extend(match (carried.divided, score, carried.without_weights) {
        (false, ..) => None,
        (true, true, _) => Some("The score of a larger area of 2011 stands for this part of it."),
        (true, false, false) => Some("Figures of a larger area of 2011 are divided by population."),
        (true, false, true) => {
            Some("Figures of a larger area of 2011 are divided equally: the lookup gives no populations.")
        }
    });
    sentences.extend(match (score && carried.averaged, carried.without_weights) {
        (false, _) => None,
        (true, false) => Some("The score is the mean of areas of 2011 that became one, by population."),
        (true, true) => Some("The score is the plain mean of areas of 2011 that became one."),
    });
    (!sentences.is_empty()).then(|| sentences.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(level: &str, year: u16, sources: &str) -> DatasetContract {
        let text = format!(
            r#"
id = "an-organisation.figures"
title = "t"
description = "d"
release = "1"
level = "{level}"
partition = "calendar-year"
exposure = {{ kind = "controlled" }}
file = {{ format = "csv" }}
geography = {{ area_type = "lsoa", boundary_year = {year}, sources = [{sources}] }}
column = [
  {{ source = "Code", name = "code", type = "text", role = "geography", place = "area-code" }},
  {{ source = "Lon", name = "lon", type = "decimal", role = "geography", place = "longitude", treatment = "truncate" }},
  {{ source = "Lat", name = "lat", type = "decimal", role = "geography", place = "latitude", treatment = "truncate" }},
  {{ source = "People", name = "people", type = "integer", role = "measure", required = true }},
]
"#
        );
        DatasetContract::parse("contract.toml", &text).unwrap()
    }

    /// The sample's geography: `E01980054` became four, `E01990018` was made of two that were redrawn, two became
    /// `E01990039`, and `E01990073` is as it was. Its lookup has no populations.
    fn gazetteer() -> Gazetteer {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-data/geography");
        let text = std::fs::read_to_string(folder.join("geography.toml")).unwrap();
        let mut importer = geography::Importer::new(geography::Manifest::parse("geography.toml", &text).unwrap());
        let paths: Vec<String> = importer.paths().into_iter().map(str::to_owned).collect();
        for path in paths {
            importer.file(&path, &std::fs::read(folder.join(&path)).unwrap()).unwrap();
        }
        importer.finish().unwrap().0
    }

    #[test]
    fn what_the_lookup_divides_or_averages_is_said_of_each_area() {
        let gazetteer = gazetteer();
        let old = contract("aggregate", 2011, r#""area-code""#);
        let both = contract("event", 2011, r#""longitude-latitude", "area-code""#);
        let new = contract("aggregate", 2021, r#""area-code""#);
        let lsoa = |numerator, score, denominator: Option<&DatasetContract>, code: &str| {
            let denominator = denominator.map(|of| Located::of(of, &gazetteer));
            let numerator = &Located::of(numerator, &gazetteer);
            let figures = Figures { numerator, score, denominator: denominator.as_ref() };
            placing(&figures, AreaType::Lsoa, &code.parse().unwrap())
        };
        let (split, redrawn, merged, unchanged) = ("E01990055", "E01990018", "E01990039", "E01990073");
        let cases = [
            (lsoa(&old, false, None, split), "supplied, modelled", true, Some(1.0), "divided equally"),
            (lsoa(&old, false, None, redrawn), "supplied, modelled", true, None, "redrawn irregularly"),
            (lsoa(&old, false, None, merged), "supplied", false, None, ""),
            (lsoa(&old, false, None, unchanged), "supplied", false, None, ""),
            (lsoa(&old, true, None, split), "supplied, modelled", true, Some(1.0), "score of a larger area"),
            (lsoa(&old, true, None, merged), "supplied, modelled", true, None, "plain mean"),
            // Most events have a point; which ones have not, nobody is told.
            (lsoa(&both, false, None, split), "point or supplied, modelled", true, None, "divided equally"),
            (lsoa(&both, false, None, unchanged), "point or supplied", false, None, ""),
            (lsoa(&new, false, None, split), "supplied", false, None, ""),
            (lsoa(&new, false, Some(&old), split), "supplied", true, None, "divided equally"),
            // What is said of both is said once; otherwise each is said.
            (lsoa(&old, false, Some(&old), split), "supplied, modelled", true, Some(1.0), "Figures of a larger"),
            (
                lsoa(&old, true, Some(&old), split),
                "supplied, modelled",
                true,
                Some(1.0),
                "denominator: Figures of a larger",
            ),
        ];
        for (number, (found, method, modelled, share, caveat)) in cases.into_iter().enumerate() {
            assert_eq!(
                (found.method.as_str(), found.modelled, found.share),
                (method, modelled, share),
                "case {number}"
            );
            assert_eq!(found.caveat.is_some(), !caveat.is_empty(), "case {number}: {:?}", found.caveat);
            let said = found.caveat.unwrap_or_default();
            assert!(said.contains(caveat), "case {number}");
            assert!(said.matches("divided equally").count() < 2, "case {number}: {said}");
        }
    }

    /// A later geography or contract says nothing of rows that were read before it.
    #[test]
    fn rows_that_were_placed_otherwise_are_said_to_be() {
        let gazetteer = gazetteer();
        let old = Located::of(&contract("aggregate", 2011, r#""area-code""#), &gazetteer);
        let new = Located::of(&contract("aggregate", 2021, r#""longitude-latitude""#), &gazetteer);
        assert_eq!(new.clone().or(new.clone()), new);
        let both = new.or(old);
        let figures = Figures { numerator: &both, score: false, denominator: None };
        let found = placing(&figures, AreaType::Lsoa, &"E01990055".parse().unwrap());
        assert_eq!((found.method.as_str(), found.modelled, found.share), ("point or supplied, modelled", true, None));
        let said = found.caveat.unwrap();
        assert!(said.contains("divided equally") && said.contains("placed in areas by an earlier geography"), "{said}");
    }

    /// A larger area that holds all parts has the whole figure again.
    #[test]
    fn nothing_is_modelled_where_all_parts_come_together() {
        let gazetteer = gazetteer();
        let old = contract("aggregate", 2011, r#""area-code""#);
        let figures = Figures { numerator: &Located::of(&old, &gazetteer), score: false, denominator: None };
        for area in gazetteer.areas(AreaType::District) {
            let found = placing(&figures, AreaType::District, &area.code);
            assert_eq!((found.method.as_str(), found.modelled, found.caveat), ("supplied, exact", false, None));
        }
    }
}
