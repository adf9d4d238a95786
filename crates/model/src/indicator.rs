//! Indicators and the views (tables) they publish.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::area::AreaType;
use crate::classification::AgeBand;
use crate::id::{DatasetId, IndicatorId, OrganisationId, PurposeId, ViewId};
use crate::load::{self, DefinitionError};
use crate::period::PeriodType;

/// Who may read an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Partners with a credential.
    Partners,
    /// Anyone.
    Public,
}

/// What the value of an indicator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "String")]
pub enum IndicatorType {
    /// The numerator itself.
    Count,
    /// Numerator over a population, times the multiplier.
    CrudeRate,
    /// Part of a whole, times the multiplier (usually 100).
    Proportion,
    /// A score published by its source, shown as it is.
    Score,
}

/// Types that the design has and nothing here computes yet. A standardised rate could decode the strata under it.
const NOT_YET: [&str; 7] = [
    "directly-standardised-rate",
    "indirectly-standardised-ratio",
    "life-expectancy",
    "mean",
    "ratio",
    "index",
    "slope-of-inequality",
];

impl TryFrom<String> for IndicatorType {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Ok(match text.as_str() {
            "count" => Self::Count,
            "crude-rate" => Self::CrudeRate,
            "proportion" => Self::Proportion,
            "score" => Self::Score,
            later if NOT_YET.contains(&later) => {
                return Err(format!(
                    "the type `{later}` is not available yet: use `count`, `crude-rate`, `proportion` or `score`"
                ));
            }
            _ => return Err(format!("`{text}` is no type: use `count`, `crude-rate`, `proportion` or `score`")),
        })
    }
}

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Polarity {
    /// Higher is better.
    HighIsGood,
    /// Lower is better.
    LowIsGood,
    /// Neither.
    Neither,
}

/// How intervals are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntervalMethod {
    /// Byar's approximation, exact for small counts.
    Byar,
    /// Wilson's score interval.
    Wilson,
    /// No interval is given.
    None,
}

/// A sum of a measure over the rows of a dataset that pass a filter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The dataset.
    pub dataset: DatasetId,
    /// The measure: `count`, or a measure of the contract.
    pub measure: String,
    /// Dimension to accepted values; all must hold. Empty means every row. For `age`, bands.
    #[serde(default)]
    pub filter: BTreeMap<String, Vec<String>>,
}

/// A registered table: one area type, one period type, and the dimensions it is broken down by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Its name inside the indicator, for example `lsoa-year`.
    pub name: String,
    /// The areas of its rows.
    pub area_type: AreaType,
    /// The periods of its rows.
    pub period_type: PeriodType,
    /// Dimensions: `sex`, `age`, or another of the dataset's; the table also holds the total over each.
    #[serde(default)]
    pub by: Vec<String>,
    /// Age bands of an `age` breakdown; empty means the bands of the contract.
    #[serde(default)]
    pub age_bands: Vec<AgeBand>,
}

/// An indicator, one TOML file in `indicators/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    /// The indicator.
    pub id: IndicatorId,
    /// Its name for people.
    pub title: String,
    /// What is counted, in a sentence or two.
    pub definition: String,
    /// Why the partnership looks at it.
    pub rationale: String,
    /// The theme it is listed under, for example `Community safety`.
    pub theme: String,
    /// The organisation that answers for it.
    pub owner: OrganisationId,
    /// Version of the definition.
    pub version: String,
    /// What the value is.
    #[serde(rename = "type")]
    pub indicator_type: IndicatorType,
    /// The unit in words, for example `per 1,000 people`.
    pub unit: String,
    /// What the ratio is multiplied by; 1 for counts and scores.
    pub multiplier: u32,
    /// Decimals shown.
    pub decimals: u8,
    /// Which direction is good.
    pub polarity: Polarity,
    /// Who may read it.
    pub tier: Tier,
    /// How intervals are computed.
    pub interval: IntervalMethod,
    /// The purpose that its publication serves, as named in the agreements' grants.
    pub purpose: PurposeId,
    /// Stage of need, 1 (prevention) to 5 (emergency).
    pub stage_of_need: Option<u8>,
    /// Cost of one event in pence, with its year in the caveats.
    pub unit_cost_pence: Option<u32>,
    /// About how many are counted in a year in the whole partnership, as far as is known before any data: a view that
    /// would be too sparse for so few is refused before there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_per_year: Option<u64>,
    /// What a reader must know.
    #[serde(default)]
    pub caveats: Vec<String>,
    /// What is counted.
    pub numerator: Measure,
    /// What it is divided by.
    pub denominator: Option<Measure>,
    /// The tables it publishes.
    #[serde(rename = "view")]
    pub views: Vec<View>,
}

impl View {
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if let [first, second] = self.by.as_slice()
            && first == second
        {
            return Err(format!("view `{name}` is broken down by `{first}` twice: name it once"));
        }
        if !self.age_bands.is_empty() && !self.by.iter().any(|dimension| dimension == "age") {
            return Err(format!(
                "view `{name}` has `age_bands`, but is not broken down by age: add `age` to `by`, or leave them out"
            ));
        }
        if self.age_bands.contains(&AgeBand::All) {
            return Err(format!("view `{name}` has the age band `all`: leave it out, a table always holds the total"));
        }
        match AgeBand::overlap(&self.age_bands) {
            Some((a, b)) => Err(format!(
                "view `{name}` has the age bands `{a}` and `{b}`, which share ages: make them distinct, so that bands add up to the total"
            )),
            None => Ok(()),
        }
    }
}

impl Measure {
    /// Its identity as text: two indicators with the same dataset, measure and filter share cells.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut text = format!("{}|{}", self.dataset, self.measure);
        for (dimension, values) in &self.filter {
            let mut values: Vec<&str> = values.iter().map(String::as_str).collect();
            values.sort_unstable();
            values.dedup();
            text.push_str(&format!("|{dimension}={}", values.join(";")));
        }
        text
    }
}

impl Indicator {
    /// Reads an indicator from TOML and checks that it makes sense.
    ///
    /// # Errors
    /// With file, line and column where the text is wrong; with the file where the meaning is.
    pub fn parse(file: &str, text: &str) -> Result<Self, DefinitionError> {
        let indicator: Self = load::parse(file, text)?;
        indicator.check().map_err(|message| DefinitionError::whole(file, message))?;
        Ok(indicator)
    }

    /// The id of one of its views.
    ///
    /// # Errors
    /// If the view's name is not a slug (impossible after [`Indicator::parse`]).
    pub fn view_id(&self, view: &View) -> Result<ViewId, crate::IdError> {
        ViewId::new(&self.id, &view.name)
    }

    /// The datasets that its numbers stand on: the numerator's, then the denominator's where it is another.
    pub fn datasets(&self) -> impl Iterator<Item = &DatasetId> {
        let denominator = self.denominator.as_ref().map(|m| &m.dataset).filter(|d| **d != self.numerator.dataset);
        std::iter::once(&self.numerator.dataset).chain(denominator)
    }

    fn check(&self) -> Result<(), String> {
        if self.views.is_empty() {
            return Err("an indicator publishes at least one view: add `[[view]]`".to_owned());
        }
        for (index, view) in self.views.iter().enumerate() {
            self.view_id(view).map_err(|error| error.to_string())?;
            if self.views.iter().take(index).any(|other| other.name == view.name) {
                return Err(format!("two views are named `{}`: give each its own name", view.name));
            }
            if view.by.len() > 2 {
                return Err(format!("view `{}` has {} breakdowns: at most 2", view.name, view.by.len()));
            }
            view.check()?;
            if view.by.iter().filter(|d| *d != "sex" && *d != "age").count() > 1 {
                return Err(format!("view `{}`: at most one breakdown beside sex and age", view.name));
            }
        }
        let ratio = matches!(self.indicator_type, IndicatorType::CrudeRate | IndicatorType::Proportion);
        if ratio != self.denominator.is_some() {
            return Err("a crude rate or proportion needs a `[denominator]`; a count or score has none".to_owned());
        }
        if self.multiplier == 0 || (!ratio && self.multiplier != 1) {
            return Err("`multiplier` must be at least 1, and 1 for counts and scores".to_owned());
        }
        if self.stage_of_need.is_some_and(|stage| !(1..=5).contains(&stage)) {
            return Err("`stage_of_need` is 1 (prevention) to 5 (emergency)".to_owned());
        }
        if self.decimals > 6 {
            return Err("`decimals` is at most 6".to_owned());
        }
        let method_fits = match self.indicator_type {
            IndicatorType::Proportion => self.interval != IntervalMethod::Byar,
            IndicatorType::Count | IndicatorType::CrudeRate => self.interval != IntervalMethod::Wilson,
            IndicatorType::Score => self.interval == IntervalMethod::None,
        };
        if !method_fits {
            return Err("interval method and type do not fit: wilson for proportions, byar for counts and rates, none for scores".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "deliberate-fires"
title = "Deliberate fires"
definition = "Fires set on purpose."
rationale = "Linked to anti-social behaviour."
theme = "Community safety"
owner = "lancashire-fire-and-rescue"
version = "1"
type = "crude-rate"
unit = "per 1,000 people"
multiplier = 1000
decimals = 1
polarity = "low-is-good"
tier = "public"
interval = "byar"
purpose = "neighbourhood-needs"
[numerator]
dataset = "lancashire-fire-and-rescue.incidents"
measure = "count"
filter = { incident_type = ["deliberate fire"] }
[denominator]
dataset = "office-for-national-statistics.population"
measure = "population"
[[view]]
name = "lsoa-year"
area_type = "lsoa"
period_type = "calendar-year"
"#;

    #[test]
    fn an_indicator_is_read() {
        let indicator = Indicator::parse("i.toml", GOOD).unwrap();
        assert_eq!(indicator.view_id(&indicator.views[0]).unwrap().as_str(), "deliberate-fires/lsoa-year");
    }

    #[test]
    fn mistakes_are_named() {
        let cases = [
            ("interval = \"byar\"", "interval = \"wilson\"", "do not fit"),
            ("multiplier = 1000", "multiplier = 0", "multiplier"),
            ("[[view]]", "[[view]]\nby = [\"sex\", \"age\", \"crime\"]", "breakdowns"),
            ("[[view]]", "[[view]]\nby = [\"other\", \"crime\"]", "at most one"),
            ("[[view]]", "[[view]]\nby = [\"sex\", \"sex\"]", "twice"),
            ("[[view]]", "[[view]]\nage_bands = [\"0-15\"]", "not broken down by age"),
            ("[[view]]", "[[view]]\nby = [\"age\"]\nage_bands = [\"all\", \"65+\"]", "holds the total"),
            ("[[view]]", "[[view]]\nby = [\"age\"]\nage_bands = [\"0-15\", \"10-64\"]", "share ages"),
            (
                "[denominator]\ndataset = \"office-for-national-statistics.population\"\nmeasure = \"population\"\n",
                "",
                "denominator",
            ),
            ("tier = \"public\"", "tier = \"everyone\"", "unknown variant"),
            ("type = \"crude-rate\"", "type = \"crude\"", "`crude` is no type"),
            (
                "type = \"crude-rate\"",
                "type = \"directly-standardised-rate\"",
                "i.toml:9:8: the type `directly-standardised-rate` is not available yet",
            ),
        ];
        for (from, to, expect) in cases {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let error = Indicator::parse("i.toml", &text).unwrap_err();
            assert!(error.to_string().contains(expect), "{error}");
        }
    }
}
