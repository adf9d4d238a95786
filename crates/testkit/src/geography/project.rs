//! British National Grid to longitude and latitude, in integers.

use crate::world::Point;

/// WGS84 longitude and latitude in millionths of a degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LonLat {
    /// Longitude, millionths of a degree east.
    pub longitude: i32,
    /// Latitude, millionths of a degree north.
    pub latitude: i32,
}

/// Where the polynomials are centred, metres.
const CENTRE: Point = Point { easting: 360_000, northing: 430_000 };

/// One term: powers of x and y, coefficients for longitude and latitude.
type Term = (u32, u32, i128, i128);

/// Cubic least-squares fit to OSTN15 on a 1 km grid over eastings 326 to 394 km and northings 398 to 486 km. With x and
/// y in units of 65,536 m from the centre the sum is in millionths of a degree times 65,536. Greatest error over that
/// box 0.36 m, within the partnership 0.18 m.
const TERMS: [Term; 10] = [
    (0, 0, -170_935_807_584, 3_523_531_160_300),
    (1, 0, 65_149_853_247, 330_637_487),
    (0, 1, -558_192_601, 38_600_657_595),
    (2, 0, 9_805_698, -270_177_952),
    (1, 1, 910_754_607, 7_111_977),
    (0, 2, -10_458_759, -2_360_147),
    (3, 0, -5_691_717, 330_311),
    (2, 1, 386_670, -5_751_951),
    (1, 2, 17_341_893, 528_180),
    (0, 3, 112_588, 468_008),
];

/// Converts a point of Lancashire; far outside it the polynomial means nothing.
#[must_use]
pub fn to_lonlat(point: Point) -> LonLat {
    let x = i128::from(point.easting - CENTRE.easting);
    let y = i128::from(point.northing - CENTRE.northing);
    let (mut longitude, mut latitude) = (0_i128, 0_i128);
    for (i, j, for_longitude, for_latitude) in TERMS {
        let power = x.pow(i) * y.pow(j);
        let shift = 16 * (i + j);
        longitude += (for_longitude * power) >> shift;
        latitude += (for_latitude * power) >> shift;
    }
    let rounded = |value: i128| i32::try_from((value + (1 << 15)) >> 16).unwrap_or_default();
    LonLat { longitude: rounded(longitude), latitude: rounded(latitude) }
}

/// A number of millionths as decimal text with six places.
#[must_use]
pub fn micro(value: i32) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let size = value.unsigned_abs();
    format!("{sign}{}.{:06}", size / 1_000_000, size % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_is_within_a_metre_of_ostn15() {
        let mut worst = 0.0_f64;
        for easting in (327_000..=393_000).step_by(1_500) {
            for northing in (399_000..=485_000).step_by(1_500) {
                let (longitude, latitude) =
                    lonlat_bng::convert_osgb36_to_ll(f64::from(easting), f64::from(northing)).unwrap();
                let ours = to_lonlat(Point { easting, northing });
                let metres_a_degree = 111_300.0;
                let east =
                    (f64::from(ours.longitude) / 1e6 - longitude) * metres_a_degree * latitude.to_radians().cos();
                let north = (f64::from(ours.latitude) / 1e6 - latitude) * metres_a_degree;
                worst = worst.max(east.hypot(north));
            }
        }
        assert!(worst <= 1.0, "{worst} m");
        assert!(worst > 0.01, "a fit this good means that nothing was compared");
    }

    #[test]
    fn millionths_are_written_with_six_places() {
        for (value, text) in [(0, "0.000000"), (-2_600_621, "-2.600621"), (53_000_001, "53.000001"), (-1, "-0.000001")]
        {
            assert_eq!(micro(value), text);
        }
    }
}
