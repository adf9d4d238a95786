//! The fixed, tidy columns of every data answer.

use serde::{Deserialize, Serialize};

use crate::area::{AreaCode, AreaType, BoundaryYear};
use crate::id::IndicatorId;
use crate::period::Period;
use crate::table::Mark;

/// The columns of a data answer, in order.
pub const COLUMNS: [&str; 26] = [
    "indicator",
    "area_code",
    "area_name",
    "area_type",
    "boundary_year",
    "period",
    "period_label",
    "period_type",
    "sex",
    "age",
    "breakdown_type",
    "breakdown",
    "value",
    "unit",
    "lower_95",
    "upper_95",
    "lower_998",
    "upper_998",
    "count",
    "denominator",
    "status",
    "significance",
    "trend",
    "geography_method",
    "modelled_share",
    "caveat",
];

/// Whether a value stands, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A value.
    Ok,
    /// Withheld to protect people.
    C,
    /// Rounds to zero.
    Low,
    /// Not available.
    X,
    /// Not applicable.
    Z,
    /// A value that may be revised.
    Provisional,
    /// A value part of which is modelled.
    Modelled,
}

impl Status {
    /// The name used in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::C => "c",
            Self::Low => "low",
            Self::X => "x",
            Self::Z => "z",
            Self::Provisional => "provisional",
            Self::Modelled => "modelled",
        }
    }
}

impl From<Mark> for Status {
    fn from(mark: Mark) -> Self {
        match mark {
            Mark::C => Self::C,
            Mark::Low => Self::Low,
            Mark::X => Self::X,
            Mark::Z => Self::Z,
        }
    }
}

/// One row of a data answer. When a cell is withheld, `value`, the intervals, `count`, `significance` and `trend` are
/// empty together; an open denominator stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TidyRow {
    /// The indicator.
    pub indicator: IndicatorId,
    /// The area's code.
    pub area_code: AreaCode,
    /// The area's name.
    pub area_name: String,
    /// Level of the area.
    pub area_type: AreaType,
    /// Vintage of its boundary.
    pub boundary_year: BoundaryYear,
    /// The period.
    pub period: Period,
    /// `all`, `female`, `male` or `unknown`.
    pub sex: crate::Sex,
    /// `all`, `unknown` or a band.
    pub age: crate::AgeBand,
    /// Another dimension; empty for none.
    pub breakdown_type: Option<String>,
    /// Its category; `all` for its total; empty for none.
    pub breakdown: Option<String>,
    /// The value in `unit`.
    pub value: Option<f64>,
    /// The unit.
    pub unit: String,
    /// 95 % lower limit.
    pub lower_95: Option<f64>,
    /// 95 % upper limit.
    pub upper_95: Option<f64>,
    /// 99.8 % lower limit.
    pub lower_998: Option<f64>,
    /// 99.8 % upper limit.
    pub upper_998: Option<f64>,
    /// The numerator.
    pub count: Option<u64>,
    /// The denominator.
    pub denominator: Option<u64>,
    /// Whether the value stands.
    pub status: Status,
    /// Against the benchmark, in words.
    pub significance: Option<String>,
    /// Recent trend, in words.
    pub trend: Option<String>,
    /// How the value got to this geography, for example `exact` or `best-fit`.
    pub geography_method: String,
    /// Share of the numerator that is modelled, 0 to 1.
    pub modelled_share: Option<f64>,
    /// What a reader must know.
    pub caveat: Option<String>,
}
