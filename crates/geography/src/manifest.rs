//! `geography.toml`: which files make up a geography, and what their columns are called.
//!
//! ```toml
//! title = "Chorley and South Ribble (synthetic)"
//! synthetic = true
//!
//! [partnership]
//! code = "CSR-PARTNERSHIP"
//! name = "Chorley and South Ribble"
//! boundary_year = 2025
//!
//! [[file]]                      # the atoms: exactly the LSOAs in these files are the partnership
//! path = "lsoa21.geojson.gz"    # relative to the manifest; `.gz` is decompressed
//! kind = "boundaries"
//! area_type = "lsoa"
//! boundary_year = 2021
//! columns = { code = "LSOA21CD", name = "LSOA21NM" }
//!
//! [[file]]                      # areas outside, for drawing only
//! path = "context.geojson.gz"
//! kind = "boundaries"
//! area_type = "district"
//! boundary_year = 2025
//! role = "context"
//! columns = { code = "code", name = "name" }
//!
//! [[file]]                      # parents of each atom, several levels in one file
//! path = "lookup.csv.gz"
//! kind = "hierarchy"
//! columns = { atom = "lsoa21_code" }
//! [[file.level]]
//! area_type = "msoa"
//! boundary_year = 2021
//! method = "exact"
//! columns = { code = "msoa21_code", name = "msoa21_name" }
//! [[file.level]]
//! area_type = "ward"
//! boundary_year = 2025
//! method = "best-fit"
//! columns = { code = "ward_code", name = "ward_name" }
//!
//! [[file]]                      # one level; an atom may be listed under several areas
//! path = "neighbourhoods.csv"
//! kind = "membership"
//! area_type = "neighbourhood"
//! boundary_year = 2025
//! method = "supplied"
//! columns = { atom = "lsoa21_code", code = "neighbourhood_code", name = "neighbourhood_name" }
//!
//! [[file]]
//! path = "lsoa11_lsoa21.csv.gz"
//! kind = "lsoa11-lookup"
//! columns = { lsoa11 = "lsoa11_code", lsoa21 = "lsoa21_code", change = "change_code", weight = "population" }
//!
//! [[file]]
//! path = "postcodes.csv.gz"
//! kind = "postcodes"
//! columns = { postcode = "pcds", atom = "lsoa21", introduced = "dointr", terminated = "doterm", quality = "osgrdind" }
//!
//! [[file]]
//! path = "practices.csv"
//! kind = "practices"
//! columns = { practice = "practice_code", name = "practice_name", pcn = "pcn_code", pcn_name = "pcn_name" }
//! ```

use model::load::{self, DefinitionError};
use model::{AreaCode, AreaType, BoundaryYear, Month};
use serde::{Deserialize, Serialize};

use crate::area::Method;

/// The description of a geography's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What this geography is, for people.
    pub title: String,
    /// Whether the areas are invented.
    #[serde(default)]
    pub synthetic: bool,
    /// The partnership as an area: the union of all atoms.
    pub partnership: Partnership,
    /// The files, in any order; they are read in this order and combined at the end.
    #[serde(rename = "file")]
    pub files: Vec<File>,
}

/// The area that all atoms together make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partnership {
    /// Its code.
    pub code: AreaCode,
    /// Its name.
    pub name: String,
    /// The vintage of its boundary.
    pub boundary_year: BoundaryYear,
}

/// One file: where it is, what is kept of it, and its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum File {
    /// Polygons of one area type (GeoJSON, WGS84 longitude and latitude).
    Boundaries(Boundaries),
    /// Parents of each atom, one row an atom, one or more levels.
    Hierarchy(Hierarchy),
    /// Areas of one type and the atoms they consist of, one row a pair.
    Membership(Membership),
    /// LSOA 2011 to 2021, exact fit.
    #[serde(rename = "lsoa11-lookup")]
    Lsoa11Lookup(Lsoa11Lookup),
    /// Postcodes and their areas or points.
    Postcodes(Postcodes),
    /// General practices and their primary care networks.
    Practices(Practices),
}

impl File {
    /// The kind as written in the manifest.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Boundaries(_) => "boundaries",
            Self::Hierarchy(_) => "hierarchy",
            Self::Membership(_) => "membership",
            Self::Lsoa11Lookup(_) => "lsoa11-lookup",
            Self::Postcodes(_) => "postcodes",
            Self::Practices(_) => "practices",
        }
    }

    /// The path as written in the manifest.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Boundaries(file) => &file.path,
            Self::Hierarchy(file) => &file.path,
            Self::Membership(file) => &file.path,
            Self::Lsoa11Lookup(file) => &file.path,
            Self::Postcodes(file) => &file.path,
            Self::Practices(file) => &file.path,
        }
    }
}

/// Rows or features to keep: those whose column holds one of the values; everything else is counted and skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Column (or GeoJSON property) to look at.
    pub column: String,
    /// Values kept.
    pub values: Vec<String>,
}

/// What the areas of a boundary file are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Areas of the partnership: the atoms, if the type is `lsoa`, else boundaries of a registered geography.
    #[default]
    Areas,
    /// Areas around it, kept for drawing only.
    Context,
}

/// How the areas of a boundary file get their atoms when no lookup gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assign {
    /// An atom belongs to the area that holds a point well inside the atom.
    InteriorPoint,
}

/// A GeoJSON boundary file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boundaries {
    /// Path relative to the manifest.
    pub path: String,
    /// Type of the areas; `lsoa` with role `areas` defines the atoms.
    pub area_type: AreaType,
    /// Vintage.
    pub boundary_year: BoundaryYear,
    /// Partnership or context.
    #[serde(default)]
    pub role: Role,
    /// If set, atoms are assigned by geometry; `method` says how the edges are labelled.
    pub assign: Option<Assign>,
    /// Method of edges made by `assign`: `exact` for geographies that nest, else `best-fit`.
    pub method: Option<Method>,
    /// Feature filter.
    pub within: Option<Within>,
    /// Property names.
    pub columns: AreaColumns,
}

/// Names of the columns (or properties) that hold an area's code and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaColumns {
    /// Column with the code.
    pub code: String,
    /// Column with the name; the code serves as the name if absent.
    pub name: Option<String>,
}

/// A lookup with one row an atom and columns for one or more larger geographies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hierarchy {
    /// Path relative to the manifest.
    pub path: String,
    /// Row filter.
    pub within: Option<Within>,
    /// Column with the atom's code.
    pub columns: AtomColumn,
    /// The levels.
    #[serde(rename = "level")]
    pub levels: Vec<HierarchyLevel>,
}

/// Name of the column that holds the atom's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtomColumn {
    /// Column with the LSOA 2021 code.
    pub atom: String,
}

/// One level of a hierarchy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HierarchyLevel {
    /// Type of the larger area.
    pub area_type: AreaType,
    /// Vintage.
    pub boundary_year: BoundaryYear,
    /// How atoms were assigned.
    pub method: Method,
    /// Its code and name.
    pub columns: AreaColumns,
}

/// A lookup with one row for each pair of area and atom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Path relative to the manifest.
    pub path: String,
    /// Type of the areas.
    pub area_type: AreaType,
    /// Vintage.
    pub boundary_year: BoundaryYear,
    /// How atoms were assigned.
    pub method: Method,
    /// First month the areas are valid, if known.
    pub valid_from: Option<Month>,
    /// Row filter.
    pub within: Option<Within>,
    /// Column names.
    pub columns: MembershipColumns,
}

/// Columns of a membership file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembershipColumns {
    /// Column with the LSOA 2021 code.
    pub atom: String,
    /// Column with the area's code.
    pub code: String,
    /// Column with the area's name.
    pub name: Option<String>,
    /// Column with codes of the areas this one replaces, separated by spaces.
    pub predecessors: Option<String>,
}

/// The LSOA 2011 to 2021 lookup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lsoa11Lookup {
    /// Path relative to the manifest.
    pub path: String,
    /// Row filter.
    pub within: Option<Within>,
    /// Column names.
    pub columns: Lsoa11Columns,
}

/// Columns of the LSOA 2011 to 2021 lookup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lsoa11Columns {
    /// Column with the 2011 code.
    pub lsoa11: String,
    /// Column with the 2021 code.
    pub lsoa21: String,
    /// Column with the change: `U`, `S`, `M` or `X`.
    pub change: String,
    /// Column with a whole-number weight (census population of the part); equal shares if absent.
    pub weight: Option<String>,
}

/// A postcode file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postcodes {
    /// Path relative to the manifest.
    pub path: String,
    /// Column names, for files without a header row.
    pub header: Option<Vec<String>>,
    /// Row filter.
    pub within: Option<Within>,
    /// Column names.
    pub columns: PostcodeColumns,
}

/// Columns of a postcode file. Give `atom`, or both `easting` and `northing`, or all three: the code then wins and the
/// point is compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostcodeColumns {
    /// Column with the postcode in any of its forms.
    pub postcode: String,
    /// Column with the LSOA 2021 code.
    pub atom: Option<String>,
    /// Column with the easting, metres, British National Grid.
    pub easting: Option<String>,
    /// Column with the northing, metres, British National Grid.
    pub northing: Option<String>,
    /// Column with the month of introduction, `YYYYMM` or `YYYY-MM`.
    pub introduced: Option<String>,
    /// Column with the month of termination, `YYYYMM` or `YYYY-MM`; empty while in use.
    pub terminated: Option<String>,
    /// Column with the positional quality indicator, as the supplier writes it.
    pub quality: Option<String>,
}

/// A list of general practices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Practices {
    /// Path relative to the manifest.
    pub path: String,
    /// Row filter.
    pub within: Option<Within>,
    /// Column names.
    pub columns: PracticeColumns,
}

/// Columns of a practice file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PracticeColumns {
    /// Column with the practice code.
    pub practice: String,
    /// Column with the practice's name.
    pub name: Option<String>,
    /// Column with the code of its primary care network.
    pub pcn: String,
    /// Column with the name of the network.
    pub pcn_name: Option<String>,
}

impl Manifest {
    /// Parses the text of a `geography.toml`; `file` is only used in messages.
    ///
    /// # Errors
    /// If the text is no TOML, has unknown keys, lacks needed ones, or lists a path twice.
    pub fn parse(file: &str, text: &str) -> Result<Self, DefinitionError> {
        let manifest: Self = load::parse(file, text)?;
        manifest.check(file)?;
        Ok(manifest)
    }

    fn check(&self, file: &str) -> Result<(), DefinitionError> {
        let whole = |message: String| DefinitionError::whole(file, message);
        let mut seen = std::collections::BTreeSet::new();
        for entry in &self.files {
            // The same lookup may serve two kinds; the same file of the same kind would only count everything twice.
            if !seen.insert((entry.kind(), entry.path())) {
                let (kind, path) = (entry.kind(), entry.path());
                return Err(whole(format!("`{path}` is listed twice with kind `{kind}`; keep one entry")));
            }
            match entry {
                File::Boundaries(b) if b.assign.is_some() && b.method.is_none() => {
                    let path = &b.path;
                    return Err(whole(format!("`{path}` assigns atoms by geometry; add `method`, exact or best-fit")));
                }
                File::Postcodes(p) => {
                    let c = &p.columns;
                    if c.easting.is_some() != c.northing.is_some() || (c.atom.is_none() && c.easting.is_none()) {
                        let path = &p.path;
                        return Err(whole(format!("`{path}` needs the column `atom`, or both `easting` and `northing`")));
                    }
                }
                _ => {}
            }
        }
        let is_atoms = |entry: &File| {
            matches!(entry, File::Boundaries(b) if b.area_type == AreaType::Lsoa && b.role == Role::Areas)
        };
        if !self.files.iter().any(is_atoms) {
            return Err(whole("no file defines the atoms; add one of kind `boundaries`, area_type `lsoa`".to_owned()));
        }
        Ok(())
    }
}
