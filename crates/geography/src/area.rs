//! Areas, atoms and the edges between them.

use std::fmt;
use std::str::FromStr;

use model::{AreaCode, AreaType, BoundaryYear, IdError, Month};
use serde::{Deserialize, Serialize};

use crate::geometry::Shape;

/// Position of an atom (an LSOA 2021 of the partnership) in [`Gazetteer::atoms`](crate::Gazetteer::atoms), sorted by code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AtomIndex(pub u16);

impl AtomIndex {
    /// The position as an index into a slice.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// How something got its area. The name is the `geography_method` of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The smaller area lies wholly inside the larger, or the code is the area's own.
    Exact,
    /// The whole smaller area goes to the larger one that holds its population-weighted centroid.
    BestFit,
    /// Found by postcode.
    Postcode,
    /// Found by point in polygon.
    Point,
    /// Through the registered list of a general practice.
    PracticeList,
    /// Apportioned by weights.
    Modelled,
    /// As the supplier or the partnership says.
    Supplied,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 7] =
        [Self::Exact, Self::BestFit, Self::Postcode, Self::Point, Self::PracticeList, Self::Modelled, Self::Supplied];

    /// The name used in files and tables.
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

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An area: a code alone is not enough, since codes change when boundaries do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// Code.
    pub code: AreaCode,
    /// Name.
    pub name: String,
    /// Type.
    pub area_type: AreaType,
    /// Vintage of the boundary.
    pub boundary_year: BoundaryYear,
    /// First month it is valid, if known.
    pub valid_from: Option<Month>,
    /// First month it is no longer valid, if any.
    pub valid_to: Option<Month>,
    /// Codes of the areas it replaced.
    pub predecessors: Vec<AreaCode>,
}

/// An area that an atom belongs to, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent<'a> {
    /// The larger area.
    pub area: &'a Area,
    /// The method of the edge from the atom.
    pub method: Method,
    /// The vintage of the edge: the boundary year of the lookup it was read from.
    pub edge_year: BoundaryYear,
}

/// A registered geography: areas of one type, each a set of atoms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// How atoms were assigned; the same for all areas of a layer.
    pub(crate) method: Method,
    /// Vintage of the assignment.
    pub(crate) edge_year: BoundaryYear,
    /// Sorted by code.
    pub(crate) areas: Vec<Area>,
    /// Atoms of each area, sorted.
    pub(crate) members: Vec<Vec<AtomIndex>>,
    /// Own outline of each area; empty if the areas are drawn as unions of their atoms.
    #[serde(skip)]
    pub(crate) shapes: Vec<Shape>,
    /// Positions of the areas of each atom, sorted; derived from `members`.
    #[serde(skip)]
    pub(crate) of_atom: Vec<Vec<u16>>,
}

impl Layer {
    pub(crate) fn position(&self, code: &str) -> Option<usize> {
        self.areas.binary_search_by(|area| area.code.as_str().cmp(code)).ok()
    }

    /// Derives `of_atom`. `false` if a member is no atom or the lists do not match.
    pub(crate) fn index(&mut self, atoms: usize) -> bool {
        self.of_atom = vec![Vec::new(); atoms];
        for (position, members) in self.members.iter().enumerate() {
            for atom in members {
                let (Some(of_atom), Ok(position)) = (self.of_atom.get_mut(atom.get()), u16::try_from(position)) else {
                    return false;
                };
                of_atom.push(position);
            }
        }
        self.members.len() == self.areas.len() && (self.shapes.is_empty() || self.shapes.len() == self.areas.len())
    }
}

/// Compares a code as read with the form of area codes: outer space removed, letters capital.
///
/// # Errors
/// If the rest is no area code.
pub(crate) fn read_code(text: &str) -> Result<AreaCode, IdError> {
    AreaCode::from_str(text.trim().to_ascii_uppercase().as_str())
}
