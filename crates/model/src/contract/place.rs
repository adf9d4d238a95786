//! How rows find their area.

use serde::{Deserialize, Serialize};

use crate::area::{AreaType, BoundaryYear};

/// How rows find their area: the sources are tried in order and the first that gives an area wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeographyRule {
    /// The finest area the dataset supports; `lsoa` for events, coarser for some aggregates.
    pub area_type: AreaType,
    /// The vintage of codes the supplier writes; the store is always the current spine.
    pub boundary_year: BoundaryYear,
    /// Sources in order of preference.
    pub sources: Vec<GeographySource>,
}

/// One way to find a row's area, from columns with role `geography`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeographySource {
    /// An area code of the declared type and vintage, exact or converted by lookup.
    AreaCode,
    /// A postcode.
    Postcode,
    /// Longitude and latitude, WGS84 degrees.
    LongitudeLatitude,
    /// Easting and northing, British National Grid metres.
    EastingNorthing,
    /// A general practice, through its primary care network.
    Practice,
}

/// Which part of a place a geography column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// An area code.
    AreaCode,
    /// A postcode.
    Postcode,
    /// WGS84 longitude, degrees.
    Longitude,
    /// WGS84 latitude, degrees.
    Latitude,
    /// British National Grid easting, metres.
    Easting,
    /// British National Grid northing, metres.
    Northing,
    /// General practice code.
    Practice,
}

impl GeographySource {
    /// The places a row needs for this source.
    #[must_use]
    pub const fn places(self) -> &'static [Place] {
        match self {
            Self::AreaCode => &[Place::AreaCode],
            Self::Postcode => &[Place::Postcode],
            Self::LongitudeLatitude => &[Place::Longitude, Place::Latitude],
            Self::EastingNorthing => &[Place::Easting, Place::Northing],
            Self::Practice => &[Place::Practice],
        }
    }
}
