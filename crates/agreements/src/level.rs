//! How fine a table may be: an area type together with a period type.
//!
//! `finest = ["lsoa by calendar-year", "district by month"]` allows those two tables and everything coarser than
//! either, never LSOA by month. Coarser means *made of whole ones*: a district is made of whole LSOAs and a year of
//! whole quarters, but a ward is not made of whole MSOAs, nor an academic year of whole calendar quarters.

use std::fmt;
use std::str::FromStr;

use model::{AreaType, PeriodType};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The fineness of one table, written `lsoa by calendar-year`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level {
    /// The areas of its rows.
    pub area: AreaType,
    /// The periods of its rows.
    pub period: PeriodType,
}

impl Level {
    /// A level from its parts.
    #[must_use]
    pub const fn new(area: AreaType, period: PeriodType) -> Self {
        Self { area, period }
    }

    /// Every level, in a fixed order.
    pub fn all() -> impl Iterator<Item = Self> {
        AreaType::ALL.into_iter().flat_map(|area| PeriodType::ALL.into_iter().map(move |period| Self { area, period }))
    }

    /// Whether every row of a table at `other` is made of whole rows of a table at this level, or they are the same.
    #[must_use]
    pub fn is_as_fine_as(self, other: Self) -> bool {
        area_is_as_fine_as(self.area, other.area) && period_is_as_fine_as(self.period, other.period)
    }

    /// One bit for each of the 54 levels.
    fn bit(self) -> u64 {
        let area = AreaType::ALL.iter().position(|area| *area == self.area);
        let period = PeriodType::ALL.iter().position(|period| *period == self.period);
        area.zip(period).map_or(0, |(area, period)| 1 << (area * PeriodType::ALL.len() + period))
    }
}

const fn area_rank(area: AreaType) -> u8 {
    match area {
        AreaType::Lsoa => 0,
        AreaType::Msoa | AreaType::Ward | AreaType::Pcn | AreaType::Beat | AreaType::Neighbourhood => 1,
        AreaType::District => 2,
        AreaType::Partnership => 3,
        AreaType::County => 4,
    }
}

/// The areas of one rank overlap each other; those of a higher rank contain those of a lower.
fn area_is_as_fine_as(fine: AreaType, coarse: AreaType) -> bool {
    fine == coarse || area_rank(fine) < area_rank(coarse)
}

fn period_is_as_fine_as(fine: PeriodType, coarse: PeriodType) -> bool {
    let years = matches!(coarse, PeriodType::CalendarYear | PeriodType::FinancialYear);
    fine == coarse || fine == PeriodType::Month || (fine == PeriodType::Quarter && years)
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.area, self.period)
    }
}

impl FromStr for Level {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (area, period) = text
            .split_once(" by ")
            .ok_or_else(|| format!("`{text}` is not a level: write for example `lsoa by calendar-year`"))?;
        let area = area.trim().parse().map_err(|error: model::IdError| error.to_string())?;
        let period = period.trim().parse().map_err(|error: model::IdError| error.to_string())?;
        Ok(Self { area, period })
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        model::load::from_text(deserializer)
    }
}

/// A set of levels that, with any level, contains every coarser one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Levels(u64);

impl Levels {
    /// Everything at least as coarse as one of these.
    pub fn at_least_as_coarse_as(finest: impl IntoIterator<Item = Level>) -> Self {
        let mut bits = 0;
        for fine in finest {
            for level in Level::all().filter(|level| fine.is_as_fine_as(*level)) {
                bits |= level.bit();
            }
        }
        Self(bits)
    }

    /// Whether a table at this level is allowed.
    #[must_use]
    pub fn contains(self, level: Level) -> bool {
        self.0 & level.bit() != 0
    }

    /// Whether nothing at all is allowed.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What both allow: the coarsest common levels.
    #[must_use]
    pub const fn meet(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The levels allowed, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Level> {
        Level::all().filter(move |level| self.contains(*level))
    }

    /// The finest levels allowed, from which the rest follow.
    #[must_use]
    pub fn finest(self) -> Vec<Level> {
        let finer = |level: Level| self.iter().any(|other| other != level && other.is_as_fine_as(level));
        self.iter().filter(|level| !finer(*level)).collect()
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let names: Vec<_> = self.finest().iter().map(ToString::to_string).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Levels({self})")
    }
}

impl Serialize for Levels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.finest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarser_means_made_of_whole_ones() {
        let cases = [
            ("lsoa by calendar-year", "district by calendar-year", true),
            ("lsoa by calendar-year", "lsoa by month", false),
            ("lsoa by calendar-year", "lsoa by financial-year", false),
            ("lsoa by month", "lsoa by rolling-12", true),
            ("lsoa by quarter", "lsoa by financial-year", true),
            ("lsoa by quarter", "lsoa by academic-year", false),
            ("lsoa by quarter", "lsoa by rolling-12", false),
            ("msoa by quarter", "ward by quarter", false),
            ("msoa by quarter", "partnership by quarter", true),
            ("county by month", "partnership by month", false),
        ];
        for (finest, asked, allowed) in cases {
            let levels = Levels::at_least_as_coarse_as([finest.parse().unwrap()]);
            assert_eq!(levels.contains(asked.parse().unwrap()), allowed, "{finest}: {asked}");
            assert_eq!(levels.to_string(), finest);
        }
        assert!("lsoa".parse::<Level>().is_err());
        assert!("lsoa by week".parse::<Level>().is_err());
    }

    #[test]
    fn being_as_fine_is_a_partial_order() {
        let all: Vec<_> = Level::all().collect();
        for a in &all {
            assert!(a.is_as_fine_as(*a));
            for b in &all {
                assert!(!(a.is_as_fine_as(*b) && b.is_as_fine_as(*a)) || a == b, "{a} {b}");
                for c in &all {
                    assert!(!(a.is_as_fine_as(*b) && b.is_as_fine_as(*c)) || a.is_as_fine_as(*c), "{a} {b} {c}");
                }
            }
        }
    }
}
