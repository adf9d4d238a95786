//! What cleaning asks of a gazetteer, and the methods by which a row found its area.

use model::area::{AreaCode, AreaType, BoundaryYear};
use model::period::Month;

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// In this area of the partnership.
    Inside(AreaCode),
    /// Known, and not in the partnership.
    Outside,
    /// The gazetteer does not know it.
    Unknown,
}

/// What a postcode says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostcodeAnswer {
    /// A well-formed postcode.
    Read {
        /// Where it is.
        place: Answer,
        /// Whether it was no longer in use at the date; still accepted, with a finding.
        terminated: bool,
    },
    /// Not a postcode.
    Malformed,
}

/// How a supplied code's area became current areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The same area under the same or another code.
    Unchanged,
    /// Split into several.
    Split,
    /// Merged with others into one.
    Merged,
    /// Redrawn so that neither holds; apportioned.
    Irregular,
}

/// One part of a supplied area in today's geography.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Today's area; `None` if it is outside the partnership.
    pub area: Option<AreaCode>,
    /// The population of the part: what totals are allocated by and scores averaged with.
    pub weight: u64,
}

/// What an area code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeAnswer {
    /// A current code of the partnership, stored as supplied.
    Current(AreaCode),
    /// A code of another vintage, converted.
    Converted {
        /// How it changed.
        change: Change,
        /// Its parts, in the order of their codes.
        pieces: Vec<Piece>,
    },
    /// A well-formed code of another place.
    Outside,
    /// Not an area code of that type.
    Unknown,
}

/// What cleaning asks of a gazetteer. Answers are of the current spine.
pub trait Locator {
    /// The area of a postcode at a month. Terminated postcodes are answered.
    fn postcode(&self, text: &str, as_at: Month) -> PostcodeAnswer;
    /// The atom of a point, WGS84 degrees.
    fn locate_lonlat(&self, longitude: f64, latitude: f64) -> Answer;
    /// The atom of a point, British National Grid metres.
    fn locate_bng(&self, easting: f64, northing: f64) -> Answer;
    /// The current areas of a code of a type and vintage.
    fn area_code(&self, area_type: AreaType, year: BoundaryYear, code: &str) -> CodeAnswer;
    /// The primary care network of a general practice.
    fn practice(&self, code: &str) -> Answer;
}

/// How a row found its area, as stored in `geography_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// A code of another vintage, converted without loss.
    Exact,
    /// The area that holds most of the supplied one.
    BestFit,
    /// Through a postcode.
    Postcode,
    /// Through coordinates.
    Point,
    /// Through a practice's primary care network.
    PracticeList,
    /// Allocated by weight.
    Modelled,
    /// A current code as supplied.
    Supplied,
}

impl Method {
    /// The text stored in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::BestFit => "best-fit",
            Self::Postcode => "postcode",
            Self::Point => "point",
            Self::PracticeList => "practice-list",
            Self::Modelled => "modelled",
            Self::Supplied => "supplied",
        }
    }
}
