//! Boundaries for maps: simplified once for each shared border, so that neighbours stay neighbours.
//!
//! Never for counting or for testing points: those use the full outlines.

mod dissolve;
mod simplify;
mod topology;
mod write;

use model::{AreaType, BoundaryYear};

use crate::area::{Area, Layer};
use crate::gazetteer::Gazetteer;
use topology::{Coverage, Outline, quantise};

/// Tolerance above which nothing is left of a district, metres.
const MAX_TOLERANCE_M: f64 = 1_000.0;

impl Gazetteer {
    /// The boundaries of a registered type as a GeoJSON feature collection (RFC 7946, longitude and latitude to six
    /// decimals) with properties `code`, `name`, `area_type` and `boundary_year`, sorted by code; `None` if the type is
    /// not registered. The same gazetteer and tolerance always give the same bytes.
    ///
    /// Lines move by at most about `tolerance_m` metres (0 to 1,000). Shared borders stay shared, lines that would cross
    /// or areas that would vanish keep more of their vertices. Areas without outlines of their own are the unions of
    /// their atoms.
    #[must_use]
    pub fn boundaries_geojson(&self, area_type: AreaType, tolerance_m: f64) -> Option<Vec<u8>> {
        let layer = self.layer(area_type)?;
        let outlines =
            if layer.shapes.is_empty() { self.unions(layer) } else { layer.shapes.iter().map(quantise).collect() };
        Some(draw(&layer.areas.iter().collect::<Vec<_>>(), outlines, tolerance_m))
    }

    /// The context areas of a type and vintage in the same form; `None` if there are none.
    #[must_use]
    pub fn context_geojson(
        &self,
        area_type: AreaType,
        boundary_year: BoundaryYear,
        tolerance_m: f64,
    ) -> Option<Vec<u8>> {
        let context = self.context.get(&(area_type, boundary_year))?;
        let outlines = context.iter().map(|context| quantise(&context.shape)).collect();
        Some(draw(&context.iter().map(|context| &context.area).collect::<Vec<_>>(), outlines, tolerance_m))
    }

    fn unions(&self, layer: &Layer) -> Vec<Outline> {
        let shapes = self.layer(AreaType::Lsoa).map(|atoms| atoms.shapes.as_slice()).unwrap_or_default();
        let atoms: Vec<Outline> = shapes.iter().map(quantise).collect();
        let union = |members: &Vec<crate::area::AtomIndex>| {
            dissolve::dissolve(members.iter().filter_map(|atom| atoms.get(atom.get())))
        };
        layer.members.iter().map(union).collect()
    }
}

fn draw(areas: &[&Area], outlines: Vec<Outline>, tolerance_m: f64) -> Vec<u8> {
    let tolerance = if tolerance_m.is_nan() { 0.0 } else { tolerance_m.clamp(0.0, MAX_TOLERANCE_M) };
    let simplified = simplify::simplify(&Coverage::new(outlines), tolerance);
    write::feature_collection(areas, &simplified)
}

#[cfg(test)]
mod tests;
