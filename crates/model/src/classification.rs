//! Sex and age as every table writes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::IdError;

/// Sex as recorded by the supplier; `All` is the total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sex {
    /// Everyone, whatever is recorded.
    All,
    /// Female.
    Female,
    /// Male.
    Male,
    /// Not recorded, or recorded as something else.
    Unknown,
}

impl Sex {
    /// Every value, the total first.
    pub const ALL: [Self; 4] = [Self::All, Self::Female, Self::Male, Self::Unknown];

    /// The name used in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Female => "female",
            Self::Male => "male",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Sex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Sex {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| IdError::new("sex", text, "use all, female, male or unknown"))
    }
}

/// An age band in completed years, both ends included: `0-15`, `16-64`, `65+`; `all` and `unknown` as words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgeBand {
    /// Every age.
    All,
    /// From the first to the second age, both included.
    Closed(u8, u8),
    /// From this age up.
    Open(u8),
    /// Not recorded.
    Unknown,
}

impl AgeBand {
    /// Whether a person of this age, in completed years, falls in the band.
    #[must_use]
    pub const fn contains(self, age: u8) -> bool {
        match self {
            Self::All => true,
            Self::Closed(from, to) => age >= from && age <= to,
            Self::Open(from) => age >= from,
            Self::Unknown => false,
        }
    }

    /// Its least and greatest age, both included, without a greatest where it is open; `None` for `all` and `unknown`.
    #[must_use]
    pub const fn ages(self) -> Option<(u8, Option<u8>)> {
        match self {
            Self::Closed(from, to) => Some((from, Some(to))),
            Self::Open(from) => Some((from, None)),
            Self::All | Self::Unknown => None,
        }
    }

    /// Two of the bands that share an age, if there are any.
    #[must_use]
    pub fn overlap(bands: &[Self]) -> Option<(Self, Self)> {
        let share = |a: &Self, b: &Self| match (a.ages(), b.ages()) {
            (Some((low, high)), Some((from, to))) => {
                to.is_none_or(|to| low <= to) && high.is_none_or(|high| from <= high)
            }
            _ => a == b,
        };
        bands.iter().enumerate().find_map(|(index, band)| {
            bands.iter().skip(index + 1).find(|other| share(band, other)).map(|other| (*band, *other))
        })
    }
}

impl fmt::Display for AgeBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Closed(from, to) => write!(f, "{from}-{to}"),
            Self::Open(from) => write!(f, "{from}+"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl FromStr for AgeBand {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::new("age band", text, "write all, unknown, `16-64` or `65+`, ages 0 to 120");
        let age = |part: &str| part.parse::<u8>().ok().filter(|a| *a <= 120).ok_or_else(error);
        match text {
            "all" => return Ok(Self::All),
            "unknown" => return Ok(Self::Unknown),
            _ => {}
        }
        if let Some(from) = text.strip_suffix('+') {
            return Ok(Self::Open(age(from)?));
        }
        let (from, to) = text.split_once('-').ok_or_else(error)?;
        let (from, to) = (age(from)?, age(to)?);
        if from <= to { Ok(Self::Closed(from, to)) } else { Err(error()) }
    }
}

impl Serialize for AgeBand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AgeBand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_bands_parse_print_and_contain() {
        let cases = [
            ("0-15", 15, true),
            ("0-15", 16, false),
            ("65+", 65, true),
            ("65+", 64, false),
            ("all", 3, true),
            ("unknown", 3, false),
        ];
        for (text, age, inside) in cases {
            let band: AgeBand = text.parse().unwrap();
            assert_eq!(band.to_string(), text);
            assert_eq!(band.contains(age), inside, "{age} in {text}");
        }
        for (texts, expect) in [
            (&["0-15", "16-64", "65+", "unknown"][..], None),
            (&["0-15", "15-64"], Some(("0-15", "15-64"))),
            (&["65+", "0-64", "80-89"], Some(("65+", "80-89"))),
            (&["65+", "90+"], Some(("65+", "90+"))),
            (&["unknown", "0-15", "unknown"], Some(("unknown", "unknown"))),
        ] {
            let bands: Vec<AgeBand> = texts.iter().map(|text| text.parse().unwrap()).collect();
            let found = AgeBand::overlap(&bands).map(|(a, b)| (a.to_string(), b.to_string()));
            assert_eq!(found, expect.map(|(a, b)| (a.to_owned(), b.to_owned())), "{texts:?}");
        }
        for bad in ["", "15-0", "-5", "200+", "16 - 64", "abc"] {
            assert!(bad.parse::<AgeBand>().is_err(), "{bad}");
        }
    }
}
