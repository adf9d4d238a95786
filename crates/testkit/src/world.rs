//! The synthetic partnership: its places, people by age and sex, postcodes and practices. Feeds are made from it.
//!
//! References between places are positions in the vectors of [`World`], so `world.msoas.get(lsoa.msoa)`.

use model::Month;

/// A point in British National Grid metres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Point {
    /// Metres east of the false origin.
    pub easting: i32,
    /// Metres north of the false origin.
    pub northing: i32,
}

/// A polygon in British National Grid metres; rings are closed (first vertex repeated last).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Polygon {
    /// Outer ring, anticlockwise.
    pub outer: Vec<Point>,
    /// Holes, clockwise.
    pub holes: Vec<Vec<Point>>,
}

impl Polygon {
    /// Whether a point lies inside; a point on the border is inside one of the two polygons that share it (even-odd rule
    /// with half-open edges).
    #[must_use]
    pub fn contains(&self, point: Point) -> bool {
        let crossings = |ring: &[Point]| ring_crossings(ring, point);
        (crossings(&self.outer) + self.holes.iter().map(|hole| crossings(hole)).sum::<usize>()) % 2 == 1
    }

    /// Whether a point and the four points `margin` metres diagonally off it lie inside: true of points that no rounding
    /// of coordinates moves across a border.
    #[must_use]
    pub fn contains_with_margin(&self, point: Point, margin: i32) -> bool {
        [(0, 0), (margin, margin), (margin, -margin), (-margin, margin), (-margin, -margin)]
            .into_iter()
            .all(|(e, n)| self.contains(Point { easting: point.easting + e, northing: point.northing + n }))
    }

    /// Twice the area in square metres.
    #[must_use]
    pub fn twice_area(&self) -> i64 {
        twice_signed_area(&self.outer) + self.holes.iter().map(|hole| twice_signed_area(hole)).sum::<i64>()
    }
}

/// Twice the signed area of a closed ring in square metres, positive if it runs anticlockwise.
#[must_use]
pub fn twice_signed_area(ring: &[Point]) -> i64 {
    ring.windows(2)
        .map(|edge| match edge {
            [a, b] => i64::from(a.easting) * i64::from(b.northing) - i64::from(b.easting) * i64::from(a.northing),
            _ => 0,
        })
        .sum()
}

fn ring_crossings(ring: &[Point], point: Point) -> usize {
    ring.windows(2)
        .filter(|edge| {
            let [a, b] = edge else { return false };
            if (a.northing > point.northing) == (b.northing > point.northing) {
                return false;
            }
            // The crossing lies east of the point: compare without dividing, the sign of the height is known.
            let (height, along) = (i64::from(b.northing - a.northing), i64::from(point.northing - a.northing));
            let left = i64::from(point.easting - a.easting) * height;
            let right = i64::from(b.easting - a.easting) * along;
            if height > 0 { left < right } else { left > right }
        })
        .count()
}

/// A named area that is made of LSOAs, or a context outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Code, for example `E05990003`.
    pub code: String,
    /// Name.
    pub name: String,
    /// Its parts on the map.
    pub polygons: Vec<Polygon>,
}

/// People by single year of age, 0 to 89 and 90 for "90 and over".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pyramid {
    /// Females by age; 91 numbers.
    pub female: Vec<u32>,
    /// Males by age; 91 numbers.
    pub male: Vec<u32>,
}

impl Pyramid {
    /// Everyone.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.female.iter().chain(&self.male).sum()
    }

    /// Females (or males) from the first to the last age, both included.
    #[must_use]
    pub fn count(&self, female: bool, first: u8, last: u8) -> u32 {
        let ages = if female { &self.female } else { &self.male };
        ages.get(usize::from(first)..=usize::from(last.min(90))).unwrap_or_default().iter().sum()
    }
}

/// A lower-layer super output area of 2021.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lsoa {
    /// Code, `E0199....`.
    pub code: String,
    /// Name, for example `Chorley 001A`.
    pub name: String,
    /// Position in [`World::districts`].
    pub district: usize,
    /// Position in [`World::msoas`].
    pub msoa: usize,
    /// Position in [`World::wards`] (best fit).
    pub ward: usize,
    /// Position in [`World::pcns`].
    pub pcn: usize,
    /// Position in [`World::beats`].
    pub beat: usize,
    /// Position in [`World::neighbourhoods`]; neighbourhoods do not cover everything.
    pub neighbourhood: Option<usize>,
    /// Positions in [`World::lsoa11`] of the 2011 areas it was made from, with the change.
    pub lsoa11: Vec<usize>,
    /// Population at mid-2023, mid-2024 and mid-2025.
    pub population: [Pyramid; 3],
    /// Need from 0 (least deprived place here) to 1,000 (most): what feeds should scale by.
    pub need: u32,
    /// Town-centre-ness from 0 (open country) to 1,000 (a main centre): where things happen.
    pub centre: u32,
    /// Rank in England of its (main) 2011 area, 1 is most deprived of 32,844.
    pub deprivation_rank: u32,
    /// Decile of that rank, 1 is most deprived.
    pub deprivation_decile: u32,
    /// Score of that 2011 area, in thousandths.
    pub imd_score_milli: u32,
    /// A point inside, near the middle.
    pub centroid: Point,
    /// Its outline: one polygon.
    pub polygon: Polygon,
    /// Positions in [`World::postcodes`] of its postcodes, live and terminated.
    pub postcodes: Vec<usize>,
}

impl Lsoa {
    /// People at the middle of a year; the nearest year there is for other years.
    #[must_use]
    pub fn people(&self, year: i32) -> &Pyramid {
        let [first, middle, last] = &self.population;
        match year {
            ..=2023 => first,
            2024 => middle,
            _ => last,
        }
    }
}

/// How a 2011 area became 2021 areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Unchanged.
    Unchanged,
    /// Split into two or more.
    Split,
    /// Merged with another.
    Merged,
    /// Irregular: not comparable.
    Irregular,
}

impl Change {
    /// The letter of the published lookup.
    #[must_use]
    pub const fn letter(self) -> &'static str {
        match self {
            Self::Unchanged => "U",
            Self::Split => "S",
            Self::Merged => "M",
            Self::Irregular => "X",
        }
    }
}

/// A lower-layer super output area of 2011.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lsoa11 {
    /// Code, `E0198....`.
    pub code: String,
    /// Name as of 2011.
    pub name: String,
    /// Position in [`World::districts`].
    pub district: usize,
    /// What became of it.
    pub change: Change,
    /// Positions in [`World::lsoas`] of the areas it became (part of).
    pub lsoas: Vec<usize>,
    /// Rank in England, 1 is most deprived of 32,844; a few are tied.
    pub imd_rank: u32,
    /// Decile of that rank.
    pub imd_decile: u32,
    /// Score in thousandths.
    pub imd_score_milli: u32,
}

/// One use of a postcode. A postcode that was ended and used again elsewhere is two entries with the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postcode {
    /// Text with one space, `PR99 1AA`.
    pub text: String,
    /// Position in [`World::lsoas`].
    pub lsoa: usize,
    /// Where it is.
    pub point: Point,
    /// First month of use.
    pub introduced: Month,
    /// Month it was ended, if it was.
    pub terminated: Option<Month>,
    /// Positional quality as in the national directories: 1 best to 9 none.
    pub quality: u8,
}

impl Postcode {
    /// Whether it was in use in a month.
    #[must_use]
    pub fn live(&self, month: Month) -> bool {
        self.introduced <= month && self.terminated.is_none_or(|end| month < end)
    }
}

/// A general practice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practice {
    /// Code, `P99001`.
    pub code: String,
    /// Name.
    pub name: String,
    /// Position in [`World::pcns`].
    pub pcn: usize,
    /// Registered patients.
    pub list_size: u32,
}

/// The whole synthetic partnership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    /// The 140 LSOAs of 2021, by code: Chorley's 70, then South Ribble's 70.
    pub lsoas: Vec<Lsoa>,
    /// LSOAs of 2011, by code.
    pub lsoa11: Vec<Lsoa11>,
    /// 31 middle-layer areas.
    pub msoas: Vec<Area>,
    /// 37 wards.
    pub wards: Vec<Area>,
    /// 6 primary care networks.
    pub pcns: Vec<Area>,
    /// 10 police beats.
    pub beats: Vec<Area>,
    /// 9 bespoke neighbourhoods.
    pub neighbourhoods: Vec<Area>,
    /// Chorley, South Ribble.
    pub districts: Vec<Area>,
    /// The partnership itself.
    pub partnership: Area,
    /// The county, an outline for context.
    pub county: Area,
    /// The other districts of the county, outlines for context.
    pub context: Vec<Area>,
    /// About 6,000 postcodes, by text and first month.
    pub postcodes: Vec<Postcode>,
    /// General practices, by code.
    pub practices: Vec<Practice>,
}

/// One generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleFile {
    /// Path below `sample-data/`, with forward slashes.
    pub path: String,
    /// Its bytes as committed (gzip-compressed where the path ends in `.gz`).
    pub bytes: Vec<u8>,
}

/// Why the sample data could not be made: always a fault of the generator, never of input.
#[derive(Debug, thiserror::Error)]
pub enum TestkitError {
    /// A file could not be written to memory.
    #[error("could not make `{path}`: {message}")]
    Write {
        /// The file.
        path: String,
        /// What went wrong.
        message: String,
    },
    /// The drawn world broke one of its own promises.
    #[error("the generated geography is wrong: {0}")]
    World(String),
}
