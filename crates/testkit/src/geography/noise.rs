//! Smooth noise over the plane, in integers: what makes borders wander and neighbouring areas alike.

use crate::random::{Random, Seed};
use crate::world::Point;

/// Value noise: random numbers on a square grid, interpolated between its corners.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noise {
    key: u64,
    spacing: i64,
}

impl Noise {
    /// Noise that varies over about `spacing` metres.
    pub(crate) fn new(seed: Seed, purpose: &str, spacing: i64) -> Self {
        Self { key: Random::stream(seed, purpose).next_u64(), spacing: spacing.max(1) }
    }

    /// The value at a point, from -1,000 to 1,000.
    pub(crate) fn at(self, point: Point) -> i64 {
        let (e, n) = (i64::from(point.easting), i64::from(point.northing));
        let (column, row) = (e.div_euclid(self.spacing), n.div_euclid(self.spacing));
        let (x, y) = (ease(e.rem_euclid(self.spacing), self.spacing), ease(n.rem_euclid(self.spacing), self.spacing));
        let mix = |a: i64, b: i64, t: i64| a + (b - a) * t / 1_000;
        let low = mix(self.corner(column, row), self.corner(column + 1, row), x);
        let high = mix(self.corner(column, row + 1), self.corner(column + 1, row + 1), x);
        mix(low, high, y)
    }

    fn corner(self, column: i64, row: i64) -> i64 {
        let place = (column as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (row as u64).rotate_left(32);
        let draw = Random::stream(Seed(self.key ^ place), "corner").below(2_001);
        i64::from(draw) - 1_000
    }
}

/// How far along the way from one corner to the next, in thousandths, starting and ending level (3t^2 - 2t^3).
fn ease(offset: i64, spacing: i64) -> i64 {
    let t = offset * 1_000 / spacing;
    t * t * (3_000 - 2 * t) / 1_000_000
}

/// Moves points about by smooth noise, so that shapes made by distance are not circles and straight lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Warp {
    coarse: (Noise, Noise),
    fine: (Noise, Noise),
}

impl Warp {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            coarse: (Noise::new(seed, "warp-e", 3_700), Noise::new(seed, "warp-n", 3_700)),
            fine: (Noise::new(seed, "warp-fine-e", 900), Noise::new(seed, "warp-fine-n", 900)),
        }
    }

    pub(crate) fn apply(self, point: Point) -> Point {
        let moved = |coarse: Noise, fine: Noise| {
            i32::try_from(coarse.at(point) * 650 / 1_000 + fine.at(point) * 160 / 1_000).unwrap_or_default()
        };
        Point {
            easting: point.easting + moved(self.coarse.0, self.fine.0),
            northing: point.northing + moved(self.coarse.1, self.fine.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_bounded_smooth_and_not_constant() {
        let noise = Noise::new(Seed(1), "test", 1_000);
        let at = |easting| noise.at(Point { easting, northing: 420_500 });
        let values: Vec<i64> = (350_000..354_000).map(at).collect();
        assert!(values.iter().all(|v| (-1_000..=1_000).contains(v)));
        assert!(values.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= 8));
        assert!(values.iter().max().unwrap() - values.iter().min().unwrap() > 100);
    }
}
