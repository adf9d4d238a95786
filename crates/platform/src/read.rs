//! What readers ask for and get: the shapes that the API and the command line turn into text.

use std::sync::Arc;

use disclosure::Released;
use engine::Stop;
use model::indicator::{IndicatorType, Polarity};
use model::{
    AgeBand, AreaCode, AreaType, BoundaryYear, DatasetId, Digest, IndicatorId, OrganisationId, Period, PeriodType, Sex,
    TidyRow, Tier,
};
use serde::Serialize;

/// What a caller may do, as `/v1/me` says it.
#[derive(Debug, Clone, Serialize)]
pub struct Me {
    /// The organisation; absent without a credential.
    pub organisation: Option<OrganisationId>,
    /// The role.
    pub role: String,
    /// The purposes that the credential allows.
    pub purposes: Vec<String>,
    /// The datasets that the caller may upload.
    pub may_upload: Vec<DatasetId>,
    /// The indicators that the caller may read.
    pub may_read: Vec<IndicatorId>,
}

/// An indicator in the catalogue.
#[derive(Debug, Clone, Serialize)]
pub struct IndicatorCard {
    /// The indicator.
    pub id: IndicatorId,
    /// Its name for people.
    pub title: String,
    /// What is counted.
    pub definition: String,
    /// Why the partnership looks at it.
    pub rationale: String,
    /// Its theme.
    pub theme: String,
    /// Who answers for it.
    pub owner: OrganisationId,
    /// Version of the definition.
    pub version: String,
    /// What the value is.
    pub indicator_type: IndicatorType,
    /// The unit in words.
    pub unit: String,
    /// What the ratio is multiplied by.
    pub multiplier: u32,
    /// Decimals shown.
    pub decimals: u8,
    /// Which direction is good.
    pub polarity: Polarity,
    /// Who may read it.
    pub tier: Tier,
    /// Stage of need, 1 to 5.
    pub stage_of_need: Option<u8>,
    /// What a reader must know.
    pub caveats: Vec<String>,
    /// The organisations whose data it stands on.
    pub partners: Vec<OrganisationId>,
    /// Its source, in words: datasets, and for open data their publisher and licence.
    pub source: String,
    /// Whether any of its data are synthetic.
    pub synthetic: bool,
    /// Its tables.
    pub views: Vec<ViewCard>,
}

/// A table of an indicator.
#[derive(Debug, Clone, Serialize)]
pub struct ViewCard {
    /// Its name.
    pub name: String,
    /// Areas of its rows.
    pub area_type: AreaType,
    /// Kind of its periods.
    pub period_type: PeriodType,
    /// What it is broken down by.
    pub by: Vec<String>,
    /// Its periods that are published, oldest first.
    pub periods: Vec<Period>,
    /// Its cells.
    pub cells: u64,
    /// Those with a value.
    pub visible: u64,
}

/// Which areas are asked for.
#[derive(Debug, Clone, Default)]
pub struct AreasRequest {
    /// Only this type.
    pub area_type: Option<AreaType>,
    /// Only areas inside this one.
    pub within: Option<AreaCode>,
}

/// An area.
#[derive(Debug, Clone, Serialize)]
pub struct AreaCard {
    /// Its code.
    pub code: AreaCode,
    /// Its name.
    pub name: String,
    /// Its type.
    pub area_type: AreaType,
    /// Vintage of its boundary.
    pub boundary_year: BoundaryYear,
    /// Larger areas that hold it, with the method of the link.
    pub parents: Vec<ParentCard>,
    /// The small areas it is made of.
    pub atoms: Vec<AreaCode>,
}

/// A larger area that holds another.
#[derive(Debug, Clone, Serialize)]
pub struct ParentCard {
    /// Its code.
    pub code: AreaCode,
    /// Its name.
    pub name: String,
    /// Its type.
    pub area_type: AreaType,
    /// How the smaller area was put in it: `exact` or `best-fit`.
    pub method: String,
}

/// Display boundaries of one area type.
#[derive(Debug, Clone)]
pub struct Boundaries {
    /// A GeoJSON feature collection, longitude and latitude.
    pub geojson: std::sync::Arc<[u8]>,
    /// Strong entity tag, without quotes.
    pub etag: String,
}

/// Which rows are asked for. Absent fields take the defaults of the contract: latest period, all sexes, all ages, no breakdown.
#[derive(Debug, Clone)]
pub struct DataRequest {
    /// The indicator.
    pub indicator: IndicatorId,
    /// The area type; the indicator's first view if absent.
    pub area_type: Option<AreaType>,
    /// The period type; the first view that fits if absent.
    pub period_type: Option<PeriodType>,
    /// Only these areas; all if empty.
    pub areas: Vec<AreaCode>,
    /// Only areas inside this one.
    pub within: Option<AreaCode>,
    /// Which periods.
    pub period: PeriodChoice,
    /// Only this sex.
    pub sex: Option<Sex>,
    /// Only this age band.
    pub age: Option<AgeBand>,
    /// Every category of this dimension (`sex`, `age` or another), its total included.
    pub breakdown: Option<String>,
    /// The purpose, for what is not public.
    pub purpose: Option<String>,
}

/// Which periods of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeriodChoice {
    /// The latest.
    Latest,
    /// All of them.
    All,
    /// The one with this ISO 8601 interval.
    Interval(String),
}

/// Rows of one view.
#[derive(Debug, Clone)]
pub struct DataAnswer {
    /// The rows, in order of period, area, sex, age, breakdown.
    pub rows: Released<Vec<TidyRow>>,
    /// Strong entity tag, without quotes: content, definition and agreements.
    pub etag: String,
    /// The view that answered.
    pub view: String,
    /// The agreements that the numbers stand on.
    pub agreements: Vec<Digest>,
    /// Why there are no rows, and what exists; of rows, what noise all of them have.
    pub notes: Vec<String>,
    /// Whether any of the data are synthetic.
    pub synthetic: bool,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct TableRequest {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its areas.
    pub area_type: AreaType,
    /// Its kind of period; the only one that is registered, if absent.
    pub period_type: Option<PeriodType>,
    /// Which periods.
    pub period: PeriodChoice,
    /// Its dimensions, each with all categories and the total.
    pub by: Vec<String>,
    /// A measure that is added up, instead of counting.
    pub sum: Option<String>,
    /// For what; needed, as the table is not published.
    pub purpose: Option<String>,
    /// Told by whoever does not wait for it any more: then it is neither counted nor put on record.
    pub stop: Stop,
}

/// An area of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePlace {
    /// Its code.
    pub code: AreaCode,
    /// Its name.
    pub name: String,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The area.
    pub area: Arc<TablePlace>,
    /// The period.
    pub period: Period,
    /// Of each dimension the category, or `all`.
    pub by: Arc<[String]>,
    /// The count, or the sum, with its noise; no sum where few are counted.
    pub figure: Option<u64>,
}

/// A table.
#[derive(Debug, Clone)]
pub struct TableAnswer {
    /// The dataset.
    pub dataset: DatasetId,
    /// Type of its areas.
    pub area_type: AreaType,
    /// Vintage of their boundaries.
    pub boundary_year: Option<BoundaryYear>,
    /// Its dimensions, in the order of each row's categories.
    pub by: Vec<String>,
    /// The measure that figures are sums of; without one they are counts.
    pub sum: Option<String>,
    /// Its rows: by area, period and category.
    pub rows: Released<Vec<TableRow>>,
    /// What is counted, and what the noise is, in words.
    pub notes: Vec<String>,
    /// The same in a few words, for every row of a file that has no other place for it.
    pub caveat: String,
    /// Strong entity tag, without quotes.
    pub etag: String,
    /// The agreements that the numbers stand on.
    pub agreements: Vec<Digest>,
    /// Whether the data are synthetic.
    pub synthetic: bool,
}

/// What comes of asking for a table.
#[derive(Debug, Clone)]
pub enum TableOutcome<T> {
    /// What was written of it.
    Written(T),
    /// The caller has it already.
    Unchanged {
        /// Its entity tag, without quotes.
        etag: String,
    },
}

/// What may be asked for of a dataset.
#[derive(Debug, Clone, Serialize)]
pub struct TableCard {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its name for people.
    pub title: String,
    /// What is counted: `people` or `rows`.
    pub counts: &'static str,
    /// Types of areas.
    pub area_types: Vec<AreaType>,
    /// Periods that there are, oldest first, by type.
    pub periods: Vec<Period>,
    /// Dimensions.
    pub by: Vec<DimensionCard>,
    /// Measures whose sums may be asked for.
    pub sums: Vec<SumCard>,
    /// What the noise is, in words.
    pub noise: String,
    /// Whether the data are synthetic.
    pub synthetic: bool,
}

/// A measure whose sums may be asked for.
#[derive(Debug, Clone, Serialize)]
pub struct SumCard {
    /// Its name.
    pub name: String,
    /// What is added up, and what the noise is, in words.
    pub noise: String,
}

/// A dimension that tables may be by.
#[derive(Debug, Clone, Serialize)]
pub struct DimensionCard {
    /// Its name.
    pub name: String,
    /// Its categories; each table has a total beside them.
    pub categories: Vec<String>,
}
