//! How much crime is expected of which type, where and when.

use super::MONTHS;
use crate::geography::{at, distance2};
use crate::random::Random;
use crate::world::{Lsoa, Point, World};

/// A crime type of the police's open data and what it depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct CrimeType {
    pub(super) name: &'static str,
    /// Expected in the first month over the whole partnership.
    monthly: u64,
    /// Per mille more at the greatest need than in the middle, and less at the least.
    need: i64,
    /// Per mille more in a main centre.
    centre: u64,
    /// Per mille more in July and less in January.
    summer: i64,
    /// Per mille of the first month's level in the last.
    last: i64,
}

const fn kind(name: &'static str, monthly: u64, need: i64, centre: u64, summer: i64, last: i64) -> CrimeType {
    CrimeType { name, monthly, need, centre, summer, last }
}

/// All types; the position is the type's number.
pub(super) const TYPES: [CrimeType; 14] = [
    kind("Anti-social behaviour", 330, 650, 3_000, 250, 1_000),
    kind("Bicycle theft", 14, 200, 3_000, 300, 1_000),
    kind("Burglary", 125, 350, 600, -150, 500),
    kind("Criminal damage and arson", 130, 600, 1_200, 50, 1_000),
    kind("Drugs", 42, 600, 2_500, 0, 1_000),
    kind("Other crime", 36, 450, 600, 0, 1_000),
    kind("Other theft", 100, 200, 2_500, 50, 1_000),
    kind("Possession of weapons", 12, 600, 2_500, 0, 1_000),
    kind("Public order", 130, 550, 3_000, 100, 1_000),
    kind("Robbery", 12, 600, 4_000, -50, 1_000),
    kind("Shoplifting", 105, 150, 14_000, -50, 1_400),
    kind("Theft from the person", 9, 200, 9_000, 0, 1_000),
    kind("Vehicle crime", 85, 250, 700, -100, 900),
    kind("Violence and sexual offences", 530, 600, 1_800, 80, 1_000),
];

/// Anti-social behaviour: no crime identifier, no outcome.
pub(super) const ANTI_SOCIAL: usize = 0;
/// The type of the planted hot spot, criminal damage and arson.
pub(super) const HOT_TYPE: usize = 3;
/// The month from which the hot spot is hot: July 2024.
pub(super) const HOT_FROM: usize = 18;
/// How many times as much happens in it.
const HOT_FACTOR: u64 = 5;
/// How many LSOAs it takes in.
const HOT_LSOAS: usize = 3;
/// Where it is: the south-west of Leyland.
const HOT_POINT: Point = Point { easting: 353_000, northing: 421_500 };

/// Per mille of the seasonal swing, January to December.
const SEASON: [i64; 12] = [-1_000, -800, -300, 200, 500, 800, 1_000, 900, 400, 0, -500, -900];

const NO_SUSPECT: &str = "Investigation complete; no suspect identified";
const UNABLE: &str = "Unable to prosecute suspect";

/// Outcomes of the police's open data and how often each is recorded.
const OUTCOMES: [(&str, u32); 12] = [
    (UNABLE, 360),
    (NO_SUSPECT, 300),
    ("Status update unavailable", 60),
    ("Court result unavailable", 55),
    ("Further investigation is not in the public interest", 45),
    ("Local resolution", 45),
    ("Awaiting court outcome", 40),
    ("Formal action is not in the public interest", 30),
    ("Offender given a caution", 25),
    ("Action to be taken by another organisation", 20),
    ("Offender given community sentence", 10),
    ("Under investigation", 10),
];

/// The expected number of crimes by LSOA, type and month.
#[derive(Debug)]
pub(super) struct Expected {
    /// Per LSOA and type: the first month's mean in thousandths, before season and trend.
    base: Vec<Vec<u64>>,
    hot: Vec<usize>,
}

impl Expected {
    pub(super) fn new(world: &World) -> Self {
        let weight = |lsoa: &Lsoa, crime_type: &CrimeType| {
            let need = (1_000 + crime_type.need * (i64::from(lsoa.need) - 500) / 500).max(100) as u64;
            let centre = 1_000 + crime_type.centre * u64::from(lsoa.centre) / 1_000;
            u64::from(lsoa.people(2024).total()) * need * centre / 1_000_000
        };
        let totals: Vec<u64> =
            TYPES.iter().map(|t| world.lsoas.iter().map(|lsoa| weight(lsoa, t)).sum::<u64>().max(1)).collect();
        let base = world
            .lsoas
            .iter()
            .map(|lsoa| {
                TYPES.iter().zip(&totals).map(|(t, total)| t.monthly * 1_000 * weight(lsoa, t) / total).collect()
            })
            .collect();
        let mut hot: Vec<usize> = (0..world.lsoas.len()).collect();
        hot.sort_by_key(|l| world.lsoas.get(*l).map(|lsoa| distance2(lsoa.centroid, HOT_POINT)));
        hot.truncate(HOT_LSOAS);
        hot.sort_unstable();
        Self { base, hot }
    }

    pub(super) fn is_hot(&self, lsoa: usize) -> bool {
        self.hot.contains(&lsoa)
    }

    /// The LSOAs of the planted hot spot.
    pub(super) fn hot_lsoas(&self) -> impl Iterator<Item = usize> + use<'_> {
        self.hot.iter().copied()
    }

    /// The mean in thousandths.
    pub(super) fn milli(&self, lsoa: usize, crime_type: usize, month: usize) -> u32 {
        let Some(kind) = TYPES.get(crime_type) else { return 0 };
        let base = self.base.get(lsoa).map_or(0, |types| at(types, crime_type));
        let season = 1_000 + kind.summer * at(&SEASON, month % 12) / 1_000;
        let trend = 1_000 + (kind.last - 1_000) * month as i64 / (MONTHS as i64 - 1);
        let hot = self.is_hot(lsoa) && crime_type == HOT_TYPE && month >= HOT_FROM;
        let factor = if hot { HOT_FACTOR } else { 1 };
        u32::try_from(base * season as u64 * trend as u64 * factor / 1_000_000).unwrap_or(u32::MAX)
    }
}

/// Draws an outcome; recent crimes are mostly still under investigation.
pub(super) fn outcome(random: &mut Random, crime_type: usize, month: usize) -> &'static str {
    if crime_type == ANTI_SOCIAL {
        return "";
    }
    if month + 3 >= MONTHS && random.chance(11, 20) {
        return "Under investigation";
    }
    let weights: Vec<u32> = OUTCOMES.iter().map(|(_, weight)| *weight).collect();
    OUTCOMES.get(random.weighted(&weights)).map_or("", |(outcome, _)| *outcome)
}
