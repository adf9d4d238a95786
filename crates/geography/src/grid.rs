//! Coordinates: British National Grid (EPSG:27700) to and from WGS84 by OSTN15, and metres on a local plane.

use crate::geometry::Point;

/// Why a position cannot be converted. Carries no coordinates: they may be where a person lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GridProblem {
    /// Outside the area that OSTN15 covers, or not a number.
    #[error(
        "the position is not in Great Britain; give metres on the British National Grid, or WGS84 degrees as longitude, latitude"
    )]
    OutsideGreatBritain,
    /// The reverse transformation did not settle.
    #[error("the position cannot be converted by OSTN15; check it")]
    NotConvergent,
}

impl From<lonlat_bng::TransformError> for GridProblem {
    fn from(error: lonlat_bng::TransformError) -> Self {
        match error {
            lonlat_bng::TransformError::NonConvergent { .. } => Self::NotConvergent,
            _ => Self::OutsideGreatBritain,
        }
    }
}

/// Easting and northing (metres) to longitude and latitude (degrees).
///
/// # Errors
/// Outside the coverage of OSTN15.
pub fn bng_to_lonlat(easting: f64, northing: f64) -> Result<Point, GridProblem> {
    // The extent of the grid that OSTN15 is given on; the library checks it too late.
    if !((0.0..=700_000.0).contains(&easting) && (0.0..=1_250_000.0).contains(&northing)) {
        return Err(GridProblem::OutsideGreatBritain);
    }
    let (lon, lat) = lonlat_bng::convert_osgb36_to_ll(easting, northing)?;
    if lon.is_finite() && lat.is_finite() { Ok([lon, lat]) } else { Err(GridProblem::OutsideGreatBritain) }
}

/// Longitude and latitude (degrees) to easting and northing (metres, to the millimetre).
///
/// # Errors
/// Outside the coverage of OSTN15.
pub fn lonlat_to_bng(lon: f64, lat: f64) -> Result<(f64, f64), GridProblem> {
    let (easting, northing) = lonlat_bng::convert_osgb36(lon, lat)?;
    if easting.is_finite() && northing.is_finite() {
        Ok((easting, northing))
    } else {
        Err(GridProblem::OutsideGreatBritain)
    }
}

/// A plane that touches the ellipsoid near a latitude: good to a few parts in ten thousand over a county, enough for
/// distances in reports and for simplification, never used to decide where a point lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LocalPlane {
    /// Metres in a degree of longitude.
    pub(crate) lon: f64,
    /// Metres in a degree of latitude.
    pub(crate) lat: f64,
}

impl LocalPlane {
    /// The lengths of a degree at a latitude (degrees): the usual series for the WGS84 ellipsoid (Snyder, Map
    /// Projections, US Geological Survey Professional Paper 1395, 1987).
    pub(crate) fn at(latitude: f64) -> Self {
        let phi = latitude.to_radians();
        let lat = 1.175f64.mul_add((4.0 * phi).cos(), 559.82f64.mul_add(-(2.0 * phi).cos(), 111_132.92));
        let lon = 0.118f64.mul_add((5.0 * phi).cos(), 93.5f64.mul_add(-(3.0 * phi).cos(), 111_412.84 * phi.cos()));
        Self { lon, lat }
    }

    /// Metres from a point to a segment.
    pub(crate) fn distance(self, point: Point, start: Point, end: Point) -> f64 {
        let [px, py] = self.offset(start, point);
        let [dx, dy] = self.offset(start, end);
        let length = dx * dx + dy * dy;
        let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
        (px - along * dx).hypot(py - along * dy)
    }

    fn offset(self, origin: Point, point: Point) -> [f64; 2] {
        let ([ox, oy], [x, y]) = (origin, point);
        [(x - ox) * self.lon, (y - oy) * self.lat]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test points TP11 and TP14 of the Ordnance Survey's OSTN15 developer pack: easting, northing, latitude, longitude.
    #[test]
    fn ostn15_test_points() {
        for (easting, northing, lat, lon) in [
            (599_445.590, 225_722.826, 51.894_366_37, 0.897_243_27),
            (562_180.547, 319_784.995, 52.751_366_87, 0.401_535_47),
        ] {
            let [x, y] = bng_to_lonlat(easting, northing).unwrap();
            assert!((x - lon).abs() < 2e-8 && (y - lat).abs() < 2e-8, "{x} {y}");
            let (e, n) = lonlat_to_bng(lon, lat).unwrap();
            assert!((e - easting).abs() < 0.002 && (n - northing).abs() < 0.002, "{e} {n}");
        }
    }

    #[test]
    fn positions_elsewhere_are_refused() {
        for (e, n) in [(-1.0, 0.0), (f64::NAN, 1.0), (700_001.0, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(bng_to_lonlat(e, n), Err(GridProblem::OutsideGreatBritain));
        }
        assert_eq!(lonlat_to_bng(53.7, -2.7), Err(GridProblem::OutsideGreatBritain));
    }

    #[test]
    fn the_plane_agrees_with_the_national_grid() {
        let plane = LocalPlane::at(53.7);
        let (a, b) = ([-2.7, 53.7], [-2.69, 53.705]);
        let ((e1, n1), (e2, n2)) = (lonlat_to_bng(a[0], a[1]).unwrap(), lonlat_to_bng(b[0], b[1]).unwrap());
        let grid = (e1 - e2).hypot(n1 - n2);
        assert!((plane.distance(a, b, b) - grid).abs() < grid * 1e-3);
        let above = plane.distance([-2.7, 53.71], [-2.71, 53.7], [-2.69, 53.7]);
        assert!((above - 0.01 * plane.lat).abs() < 1e-6);
    }
}
