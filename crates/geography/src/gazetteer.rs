//! Everything known about a partnership's places, immutable after import.

use std::collections::BTreeMap;

use model::{AreaCode, AreaType, BoundaryYear, Month};
use serde::{Deserialize, Serialize};

use crate::area::{Area, AtomIndex, Layer, Method, Parent};
use crate::conversion::{CarriedOver, Conversion};
use crate::geometry::{Point, Shape};
use crate::grid::{GridProblem, LocalPlane, bng_to_lonlat};
use crate::locate::{Location, PointIndex};
use crate::postcode::{PostcodeMatch, PostcodeProblem, PostcodeTable};

/// Where the geography comes from, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What it is.
    pub title: String,
    /// Whether the areas are invented.
    pub synthetic: bool,
    /// Where the files come from.
    pub source: String,
    /// The licence they are used under.
    pub licence: String,
}

/// A general practice and its primary care network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Practice {
    /// Practice code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The larger area's type (`pcn`).
    pub area_type: AreaType,
    /// The larger area's code.
    pub area: AreaCode,
    /// Registered patients, if the list says.
    pub list_size: Option<u64>,
}

/// A place around the partnership, kept for drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Context {
    pub(crate) area: Area,
    pub(crate) shape: Shape,
}

/// What a supplied area and a supplied point say about each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaceCheck {
    /// The atom of the supplied code.
    pub supplied: AtomIndex,
    /// Where the point lies.
    pub derived: Location,
    /// Metres from the point to the supplied atom; 0 inside it.
    pub distance_m: f64,
}

impl PlaceCheck {
    /// Whether code and point agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.derived == Location::Atom(self.supplied)
    }
}

/// Areas, lookups, postcodes and boundaries of one partnership. The atoms are its LSOAs of 2021; every registered
/// geography is a set of atoms.
#[derive(Debug, Clone)]
pub struct Gazetteer {
    pub(crate) about: About,
    /// Always has the layer of the atoms themselves, with their shapes.
    pub(crate) layers: BTreeMap<AreaType, Layer>,
    pub(crate) context: BTreeMap<(AreaType, BoundaryYear), Vec<Context>>,
    pub(crate) conversions: BTreeMap<AreaCode, Conversion>,
    pub(crate) postcodes: PostcodeTable,
    pub(crate) practices: BTreeMap<String, Practice>,
    /// People of each atom; empty if no file says.
    pub(crate) populations: Vec<u64>,
    pub(crate) index: PointIndex,
}

impl Gazetteer {
    /// Where the geography comes from.
    #[must_use]
    pub const fn about(&self) -> &About {
        &self.about
    }

    /// The atoms, sorted by code; an [`AtomIndex`] is a position here.
    #[must_use]
    pub fn atoms(&self) -> &[Area] {
        self.areas(AreaType::Lsoa)
    }

    /// The atom with a code.
    #[must_use]
    pub fn atom(&self, code: &str) -> Option<AtomIndex> {
        let position = self.layer(AreaType::Lsoa)?.position(code)?;
        u16::try_from(position).ok().map(AtomIndex)
    }

    /// The area of an atom.
    #[must_use]
    pub fn atom_area(&self, atom: AtomIndex) -> Option<&Area> {
        self.atoms().get(atom.get())
    }

    /// The registered types, finest first.
    pub fn area_types(&self) -> impl Iterator<Item = AreaType> + '_ {
        self.layers.keys().copied()
    }

    /// The areas of a type, sorted by code; none if the type is not registered.
    #[must_use]
    pub fn areas(&self, area_type: AreaType) -> &[Area] {
        self.layer(area_type).map(|layer| layer.areas.as_slice()).unwrap_or_default()
    }

    /// An area by type and code.
    #[must_use]
    pub fn area(&self, area_type: AreaType, code: &str) -> Option<&Area> {
        let layer = self.layer(area_type)?;
        layer.areas.get(layer.position(code)?)
    }

    /// The atoms of an area, sorted; none if it is not registered.
    #[must_use]
    pub fn members(&self, area_type: AreaType, code: &str) -> &[AtomIndex] {
        let members = self.layer(area_type).and_then(|layer| layer.members.get(layer.position(code)?));
        members.map(Vec::as_slice).unwrap_or_default()
    }

    /// How the atoms of a registered type were assigned, and in which boundary year.
    #[must_use]
    pub fn method(&self, area_type: AreaType) -> Option<(Method, BoundaryYear)> {
        self.layer(area_type).map(|layer| (layer.method, layer.edge_year))
    }

    /// How many people live in each atom, in the order of [`Self::atoms`]; none if no file says.
    #[must_use]
    pub fn populations(&self) -> Option<&[u64]> {
        (!self.populations.is_empty()).then_some(self.populations.as_slice())
    }

    /// The areas of a type that an atom belongs to: one in most types, none or several where a type need not cover
    /// everything once.
    pub fn areas_of(&self, atom: AtomIndex, area_type: AreaType) -> impl Iterator<Item = &Area> {
        let layer = self.layer(area_type);
        let positions = layer.and_then(|layer| layer.of_atom.get(atom.get())).map(Vec::as_slice).unwrap_or_default();
        positions.iter().filter_map(move |&position| layer?.areas.get(usize::from(position)))
    }

    /// The area of a type that an atom belongs to; the first by code where there are several.
    #[must_use]
    pub fn area_of(&self, atom: AtomIndex, area_type: AreaType) -> Option<&Area> {
        self.areas_of(atom, area_type).next()
    }

    /// Every larger area of an atom with the method and vintage of the edge, finest type first.
    #[must_use]
    pub fn parents(&self, atom: AtomIndex) -> Vec<Parent<'_>> {
        let larger = self.layers.iter().filter(|&(&area_type, _)| area_type != AreaType::Lsoa);
        larger
            .flat_map(|(&area_type, layer)| {
                self.areas_of(atom, area_type).map(|area| Parent {
                    area,
                    method: layer.method,
                    edge_year: layer.edge_year,
                })
            })
            .collect()
    }

    /// Types and vintages of the areas that are drawn and named but never hold data: the surroundings, or former areas.
    pub fn contexts(&self) -> impl Iterator<Item = (AreaType, BoundaryYear)> + '_ {
        self.context.keys().copied()
    }

    /// The context areas of a type and vintage, sorted by code.
    pub fn context_areas(&self, area_type: AreaType, boundary_year: BoundaryYear) -> impl Iterator<Item = &Area> {
        self.context.get(&(area_type, boundary_year)).into_iter().flatten().map(|context| &context.area)
    }

    /// How an LSOA of 2011 is carried over to the atoms; `None` if it is not of the partnership.
    #[must_use]
    pub fn convert_lsoa11(&self, code: &str) -> Option<&Conversion> {
        self.conversions.get(&code.parse::<AreaCode>().ok()?)
    }

    /// All conversions, sorted by the older code.
    pub fn conversions(&self) -> impl Iterator<Item = &Conversion> {
        self.conversions.values()
    }

    /// What figures of LSOAs of 2011 become in an area of a type: divided, averaged, or as they were.
    #[must_use]
    pub fn carried_over(&self, area_type: AreaType, code: &str) -> CarriedOver {
        CarriedOver::of(self.conversions(), self.members(area_type, code))
    }

    /// The atom of a postcode in any form, as it was in a month (`None`: its latest use).
    ///
    /// # Errors
    /// If the text is no postcode, or the postcode is unknown, a pseudo-postcode, or outside the partnership.
    pub fn postcode(&self, text: &str, as_at: Option<Month>) -> Result<PostcodeMatch, PostcodeProblem> {
        self.postcodes.find(text, as_at)
    }

    /// How many postcodes are known, and how many of them have had several places.
    #[must_use]
    pub fn postcode_counts(&self) -> (usize, usize) {
        (self.postcodes.len(), self.postcodes.reused())
    }

    /// A general practice by code.
    #[must_use]
    pub fn practice(&self, code: &str) -> Option<&Practice> {
        self.practices.get(code.trim())
    }

    /// All practices, sorted by code.
    pub fn practices(&self) -> impl Iterator<Item = &Practice> {
        self.practices.values()
    }

    /// The atom that holds a point (WGS84 degrees). A point on a shared border belongs to the area east of it, on a
    /// border along a parallel to the area north of it: always to exactly one. Where boundaries overlap by mistake, the
    /// atom whose code sorts first wins.
    #[must_use]
    pub fn locate_lonlat(&self, lon: f64, lat: f64) -> Location {
        self.index.locate([lon, lat])
    }

    /// The atom that holds a point on the British National Grid (metres), by OSTN15.
    ///
    /// # Errors
    /// If the position is not in Great Britain.
    pub fn locate_bng(&self, easting: f64, northing: f64) -> Result<Location, GridProblem> {
        let [lon, lat] = bng_to_lonlat(easting, northing)?;
        Ok(self.locate_lonlat(lon, lat))
    }

    /// Compares a supplied area with a supplied point (WGS84 degrees): suppliers shift points, so they can disagree by a
    /// few metres. The dataset's contract says which one wins.
    #[must_use]
    pub fn check_place(&self, supplied: AtomIndex, lon: f64, lat: f64) -> PlaceCheck {
        let derived = self.locate_lonlat(lon, lat);
        let distance_m = if derived == Location::Atom(supplied) { 0.0 } else { self.distance(supplied, [lon, lat]) };
        PlaceCheck { supplied, derived, distance_m }
    }

    fn distance(&self, atom: AtomIndex, point: Point) -> f64 {
        let [_, lat] = point;
        let plane = LocalPlane::at(lat);
        let shape = self.layer(AreaType::Lsoa).and_then(|layer| layer.shapes.get(atom.get()));
        let segments = shape.into_iter().flat_map(Shape::segments);
        segments.map(|(a, b)| plane.distance(point, a, b)).min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
    }

    pub(crate) fn layer(&self, area_type: AreaType) -> Option<&Layer> {
        self.layers.get(&area_type)
    }
}
