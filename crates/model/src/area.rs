//! Areas: codes, types and boundary vintages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{IdError, string_newtype};

/// An area's code: a nine-character GSS code, or a registered local code such as `NBH-CLAYTON`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AreaCode(String);
string_newtype!(AreaCode);

impl FromStr for AreaCode {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let valid = (3..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::new(
                "area code",
                text,
                "use 3 to 32 capital letters, digits and hyphens, for example `E01024915`",
            ))
        }
    }
}

/// A level of geography. The vintage is never part of the type: it is the [`BoundaryYear`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AreaType {
    /// Lower-layer super output area: about 1,500 people; the atom of the spine.
    Lsoa,
    /// Middle-layer super output area.
    Msoa,
    /// Electoral ward.
    Ward,
    /// Primary care network.
    Pcn,
    /// Police beat.
    Beat,
    /// Bespoke neighbourhood, registered by the partnership.
    Neighbourhood,
    /// Local authority district.
    District,
    /// County.
    County,
    /// The whole partnership.
    Partnership,
}

impl AreaType {
    /// Every type, finest first.
    pub const ALL: [Self; 9] = [
        Self::Lsoa,
        Self::Msoa,
        Self::Ward,
        Self::Pcn,
        Self::Beat,
        Self::Neighbourhood,
        Self::District,
        Self::County,
        Self::Partnership,
    ];

    /// The name used in files, URLs and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lsoa => "lsoa",
            Self::Msoa => "msoa",
            Self::Ward => "ward",
            Self::Pcn => "pcn",
            Self::Beat => "beat",
            Self::Neighbourhood => "neighbourhood",
            Self::District => "district",
            Self::County => "county",
            Self::Partnership => "partnership",
        }
    }

    /// The name in words, as a reader would say it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Lsoa => "small area (LSOA)",
            Self::Msoa => "middle-layer area (MSOA)",
            Self::Ward => "ward",
            Self::Pcn => "primary care network",
            Self::Beat => "police beat",
            Self::Neighbourhood => "neighbourhood",
            Self::District => "district",
            Self::County => "county",
            Self::Partnership => "partnership",
        }
    }
}

impl fmt::Display for AreaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AreaType {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|t| t.as_str() == text).ok_or_else(|| {
            IdError::new(
                "area type",
                text,
                "use lsoa, msoa, ward, pcn, beat, neighbourhood, district, county or partnership",
            )
        })
    }
}

/// The year of the boundaries that an area code belongs to, for example 2021.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct BoundaryYear(u16);

impl BoundaryYear {
    /// Checks that the year is between 1971 (first machine-readable census geography) and 2100.
    ///
    /// # Errors
    /// Outside that range.
    pub fn new(year: u16) -> Result<Self, IdError> {
        if (1971..=2100).contains(&year) {
            Ok(Self(year))
        } else {
            Err(IdError::new("boundary year", &year.to_string(), "use a year from 1971 to 2100"))
        }
    }

    /// The year as a number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl<'de> Deserialize<'de> for BoundaryYear {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u16::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_types_round_trip() {
        for area_type in AreaType::ALL {
            assert_eq!(area_type.as_str().parse::<AreaType>().unwrap(), area_type);
            assert_eq!(serde_json::to_string(&area_type).unwrap(), format!("\"{area_type}\""));
        }
        assert!("lsoa21".parse::<AreaType>().is_err());
    }

    #[test]
    fn codes_are_validated() {
        for (code, valid) in
            [("E01024915", true), ("NBH-01", true), ("e01024915", false), ("E0", false), ("E01 1", false)]
        {
            assert_eq!(code.parse::<AreaCode>().is_ok(), valid, "{code}");
        }
    }
}
