//! `geography.toml`: which files make up a geography, and what their columns are called.
//!
//! `sample-data/geography/geography.toml` is a commented example that uses every kind of file. Paths are relative to the
//! manifest; a file whose name ends in `.gz` is decompressed.

use std::collections::BTreeSet;

use model::load::{self, DefinitionError};
use model::{AreaCode, AreaType, BoundaryYear};
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
    /// Where the files come from; shown wherever the areas are.
    pub source: String,
    /// The licence they are used under, or the attribution it asks for.
    pub licence: String,
    /// The partnership as an area: the union of all atoms.
    pub partnership: Partnership,
    /// The files. Their order does not matter; findings are reported in it.
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

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum File {
    /// Polygons of one area type (GeoJSON, WGS84 longitude and latitude).
    Boundaries(Boundaries),
    /// Parents of each atom, one row an atom, one or more levels.
    Hierarchy(Hierarchy),
    /// The areas of one type that atoms belong to; an atom may occur several times or never.
    Membership(Membership),
    /// LSOA 2011 to 2021, exact fit, one row a pair.
    Lsoa11Lookup(Lsoa11Lookup),
    /// Postcodes with their areas or points.
    Postcodes(Postcodes),
    /// General practices and the larger area (primary care network) each belongs to.
    Practices(Practices),
    /// Names of areas of one type, where the lookups have codes only.
    Names(Names),
    /// How many people live in each atom.
    Population(Population),
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
            Self::Names(_) => "names",
            Self::Population(_) => "population",
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
            Self::Names(file) => &file.path,
            Self::Population(file) => &file.path,
        }
    }
}

/// Rows (or features) to keep: those whose column holds one of the values. Others are counted and skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Column (or GeoJSON property) to look at.
    pub column: String,
    /// Values kept.
    pub values: BTreeSet<String>,
}

/// What the areas of a boundary file are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The atoms: everything else is made of them.
    Spine,
    /// Outlines of areas whose members come from elsewhere.
    Display,
    /// Areas round about, drawn and named, never holding data.
    Context,
}

/// How the areas of a boundary file get their atoms when no lookup says so.
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
    /// What the areas are for.
    pub role: Role,
    /// Type of the areas.
    pub area_type: AreaType,
    /// Vintage.
    pub boundary_year: BoundaryYear,
    /// Property with the code.
    pub code: String,
    /// Property with the name; the code serves if absent.
    pub name: Option<String>,
    /// If set, atoms are assigned by geometry and the edges labelled with `method`.
    pub assign: Option<Assign>,
    /// Method of the edges made by `assign`: `exact` for geographies that nest, else `best-fit`.
    pub method: Option<Method>,
    /// Features to keep.
    pub within: Option<Within>,
}

/// A lookup with one row an atom and columns for one or more larger geographies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hierarchy {
    /// Path relative to the manifest.
    pub path: String,
    /// Type of the child; the type of the atoms.
    pub child_type: AreaType,
    /// Vintage of the child; that of the atoms.
    pub child_year: BoundaryYear,
    /// Column with the child's code.
    pub child_code: String,
    /// Column with the child's name.
    pub child_name: Option<String>,
    /// Rows to keep.
    pub within: Option<Within>,
    /// The levels.
    #[serde(rename = "level")]
    pub levels: Vec<Level>,
}

/// One level of a hierarchy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Type of the larger area.
    pub area_type: AreaType,
    /// Vintage.
    pub boundary_year: BoundaryYear,
    /// Column with its code.
    pub code: String,
    /// Column with its name.
    pub name: Option<String>,
    /// How atoms were assigned.
    pub method: Method,
}

/// Whether a lookup promises to mention every atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covers {
    /// Every atom occurs; the importer refuses the file otherwise.
    #[default]
    All,
    /// Some atoms may be in no area.
    Some,
}

/// A lookup with one row for each pair of atom and area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// Path relative to the manifest.
    pub path: String,
    /// Type of the child; the type of the atoms.
    pub child_type: AreaType,
    /// Vintage of the child; that of the atoms.
    pub child_year: BoundaryYear,
    /// Column with the child's code.
    pub child_code: String,
    /// Type of the larger area.
    pub area_type: AreaType,
    /// Vintage.
    pub boundary_year: BoundaryYear,
    /// Column with its code.
    pub code: String,
    /// Column with its name.
    pub name: Option<String>,
    /// Column with the codes of the areas it replaces, separated by spaces.
    pub predecessors: Option<String>,
    /// Column with the first month it is valid.
    pub valid_from: Option<String>,
    /// Column with the first month it is no longer valid.
    pub valid_to: Option<String>,
    /// How months are written (strftime with `%Y` and `%m`).
    #[serde(default = "default_month_format")]
    pub month_format: String,
    /// How atoms were assigned.
    pub method: Method,
    /// Whether every atom must occur.
    #[serde(default)]
    pub covers: Covers,
    /// Rows to keep.
    pub within: Option<Within>,
}

fn default_month_format() -> String {
    "%Y-%m".to_owned()
}

/// The LSOA 2011 to 2021 lookup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lsoa11Lookup {
    /// Path relative to the manifest.
    pub path: String,
    /// Vintage converted from.
    pub from_year: BoundaryYear,
    /// Column with the older code.
    pub from_code: String,
    /// Column with the older name.
    pub from_name: Option<String>,
    /// Vintage converted to; that of the atoms.
    pub to_year: BoundaryYear,
    /// Column with the newer code.
    pub to_code: String,
    /// Column with the newer name.
    pub to_name: Option<String>,
    /// Column with the change: `U`, `S`, `M` or `X`.
    pub change: String,
    /// Column with the people of the older area that live in the newer one; equal shares if absent.
    pub population: Option<String>,
    /// Rows to keep.
    pub within: Option<Within>,
}

/// A postcode file. Give `area_code`, or both `easting` and `northing`, or all three: the code then wins, and the point
/// is compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postcodes {
    /// Path relative to the manifest.
    pub path: String,
    /// Column names in order, for files without a header row.
    pub header: Option<Vec<String>>,
    /// Column with the postcode in any of its forms.
    pub postcode: String,
    /// Column with the easting, metres, British National Grid.
    pub easting: Option<String>,
    /// Column with the northing, metres, British National Grid.
    pub northing: Option<String>,
    /// Column with the publisher's area code.
    pub area_code: Option<String>,
    /// Type of that area; the type of the atoms.
    pub area_type: AreaType,
    /// Vintage of that area; that of the atoms.
    pub boundary_year: BoundaryYear,
    /// Column with the month of introduction.
    pub introduced: Option<String>,
    /// Column with the month of termination; empty while in use.
    pub terminated: Option<String>,
    /// How months are written (strftime with `%Y` and `%m`).
    #[serde(default = "default_month_format")]
    pub month_format: String,
    /// Column with the positional quality indicator, as the supplier writes it.
    pub quality: Option<String>,
    /// Rows to keep.
    pub within: Option<Within>,
}

/// A list of general practices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Practices {
    /// Path relative to the manifest.
    pub path: String,
    /// Column with the practice code.
    pub practice: String,
    /// Column with the practice's name.
    pub name: Option<String>,
    /// Column with the number of registered patients.
    pub list_size: Option<String>,
    /// Type of the larger area: `pcn`.
    pub area_type: AreaType,
    /// Vintage of the larger area.
    pub boundary_year: BoundaryYear,
    /// Column with the code of the larger area.
    pub code: String,
    /// Rows to keep.
    pub within: Option<Within>,
}

/// Names of areas of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Path relative to the manifest.
    pub path: String,
    /// Type of the areas.
    pub area_type: AreaType,
    /// Vintage.
    pub boundary_year: BoundaryYear,
    /// Column with the code.
    pub code: String,
    /// Column with the name.
    pub name: String,
    /// Rows to keep.
    pub within: Option<Within>,
}

/// How many people live in each atom, as published: what areas are judged by before anything is published of them. Every
/// atom occurs once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Path relative to the manifest.
    pub path: String,
    /// Type of the areas; the type of the atoms.
    pub area_type: AreaType,
    /// Vintage of the areas; that of the atoms.
    pub boundary_year: BoundaryYear,
    /// Column with the code.
    pub code: String,
    /// Column with the number of people.
    pub population: String,
    /// Rows to keep.
    pub within: Option<Within>,
}

impl Manifest {
    /// Parses the text of a `geography.toml`; `file` is only used in messages.
    ///
    /// # Errors
    /// If the text is no TOML, has unknown keys, lacks needed ones, or its files contradict each other.
    pub fn parse(file: &str, text: &str) -> Result<Self, DefinitionError> {
        let manifest: Self = load::parse(file, text)?;
        manifest.check().map_err(|message| DefinitionError::whole(file, message))?;
        Ok(manifest)
    }

    /// Type and vintage of the atoms.
    #[must_use]
    pub fn spine(&self) -> Option<(AreaType, BoundaryYear)> {
        self.files.iter().find_map(|file| match file {
            File::Boundaries(b) if b.role == Role::Spine => Some((b.area_type, b.boundary_year)),
            _ => None,
        })
    }

    fn check(&self) -> Result<(), String> {
        let spine = self.spine().ok_or("no file defines the atoms; give one of kind `boundaries` the role `spine`")?;
        if spine.0 != AreaType::Lsoa {
            return Err(format!("the atoms are of type `{}`; the spine is made of `lsoa`", spine.0));
        }
        let mut seen = BTreeSet::new();
        for file in &self.files {
            let (kind, path) = (file.kind(), file.path());
            if !seen.insert((kind, path)) {
                return Err(format!("`{path}` is listed twice with kind `{kind}`; keep one entry"));
            }
            self.check_file(file, spine).map_err(|problem| format!("`{path}`: {problem}"))?;
        }
        Ok(())
    }

    fn check_file(&self, file: &File, spine: (AreaType, BoundaryYear)) -> Result<(), String> {
        let is_spine = |what: &str, area_type: AreaType, year: BoundaryYear| {
            if (area_type, year) == spine {
                return Ok(());
            }
            let (found, expected) = ((area_type, year.get()), (spine.0, spine.1.get()));
            Err(format!("{what} is {} {}, but the atoms are {} {}", found.0, found.1, expected.0, expected.1))
        };
        match file {
            File::Boundaries(b) if b.role == Role::Spine => is_spine("a second spine", b.area_type, b.boundary_year),
            File::Boundaries(b) if b.assign.is_some() && b.method.is_none() => {
                Err("atoms are assigned by geometry, so add `method`: exact (it nests) or best-fit".to_owned())
            }
            File::Hierarchy(h) => is_spine("the child", h.child_type, h.child_year),
            File::Membership(m) => is_spine("the child", m.child_type, m.child_year),
            File::Lsoa11Lookup(l) => is_spine("the target", AreaType::Lsoa, l.to_year),
            File::Postcodes(p) if p.easting.is_some() != p.northing.is_some() => {
                Err("give both `easting` and `northing`, or neither".to_owned())
            }
            File::Postcodes(p) if p.area_code.is_none() && p.easting.is_none() => {
                Err("a postcode needs `area_code`, or `easting` and `northing`".to_owned())
            }
            File::Postcodes(p) => is_spine("the publisher's area", p.area_type, p.boundary_year),
            File::Population(p) => is_spine("the area", p.area_type, p.boundary_year),
            File::Boundaries(_) | File::Practices(_) | File::Names(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "title = \"T\"\nsource = \"S\"\nlicence = \"L\"\n\
        partnership = { code = \"PART-1\", name = \"P\", boundary_year = 2025 }\n";
    const SPINE: &str = "[[file]]\nkind = \"boundaries\"\npath = \"a.geojson\"\nrole = \"spine\"\narea_type = \"lsoa\"\n\
        boundary_year = 2021\ncode = \"C\"\n";

    #[test]
    fn contradictions_are_refused() {
        let postcodes = "[[file]]\nkind = \"postcodes\"\npath = \"p.csv\"\npostcode = \"p\"\narea_type = \"lsoa\"\n";
        let cases = [
            (SPINE.to_owned(), ""),
            (String::new(), "file"),
            (SPINE.replace("spine", "display"), "no file defines the atoms"),
            (SPINE.replace("lsoa", "msoa"), "the spine is made of `lsoa`"),
            (format!("{SPINE}{SPINE}"), "listed twice"),
            (format!("{SPINE}colour = \"red\"\n"), "colour"),
            (format!("{SPINE}{postcodes}boundary_year = 2021\n"), "a postcode needs `area_code`"),
            (format!("{SPINE}{postcodes}boundary_year = 2021\neasting = \"e\"\n"), "give both"),
            (format!("{SPINE}{postcodes}boundary_year = 2011\narea_code = \"l\"\n"), "but the atoms are lsoa 2021"),
            (format!("{SPINE}{postcodes}boundary_year = 2021\narea_code = \"l\"\n"), ""),
        ];
        for (body, problem) in cases {
            match Manifest::parse("geography.toml", &format!("{HEAD}{body}")) {
                Ok(manifest) => {
                    assert_eq!(problem, "", "{body}");
                    assert_eq!(manifest.spine().map(|s| s.1.get()), Some(2021));
                }
                Err(error) => assert!(!problem.is_empty() && error.message.contains(problem), "{body}: {error}"),
            }
        }
    }

    #[test]
    fn the_sample_manifest_parses() {
        let text = include_str!("../../../sample-data/geography/geography.toml");
        let manifest = Manifest::parse("geography.toml", text).unwrap();
        assert!(manifest.synthetic && manifest.files.len() > 5);
    }
}
