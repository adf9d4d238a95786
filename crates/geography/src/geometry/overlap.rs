//! Overlaps between areas that should only share borders.

use std::collections::BTreeMap;

use super::{Bounds, Shape};
use crate::grid::LocalPlane;
use crate::locate::PointIndex;

/// Two areas that overlap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Overlap {
    /// Positions of the two shapes, the lesser first.
    pub(crate) pair: (usize, usize),
    /// How far a vertex of one reaches into the other, metres.
    pub(crate) depth: f64,
}

/// Depth from which a vertex counts as inside rather than on the border, metres: a hundred times what rounding of the
/// distance itself can amount to.
const LEAST_DEPTH: f64 = 1e-7;

/// Finds pairs of shapes where a vertex of one lies inside the other. Overlaps in which only edges cross are not seen;
/// for areas that mean to share a border there is always a vertex near.
pub(crate) fn overlaps(shapes: &[Shape], index: &PointIndex) -> Vec<Overlap> {
    let mut pairs: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let Some(bounds) = Bounds::of(shapes.iter().flat_map(Shape::points)) else { return Vec::new() };
    let ([_, south], [_, north]) = (bounds.min, bounds.max);
    let plane = LocalPlane::at(f64::midpoint(south, north));
    for (own, shape) in shapes.iter().enumerate() {
        for vertex in shape.points() {
            for other in index.all(vertex).into_iter().map(crate::area::AtomIndex::get).filter(|&other| other != own) {
                let Some(other_shape) = shapes.get(other) else { continue };
                let depth = other_shape
                    .segments()
                    .map(|(a, b)| plane.distance(vertex, a, b))
                    .min_by(f64::total_cmp)
                    .unwrap_or(0.0);
                if depth >= LEAST_DEPTH {
                    let deepest = pairs.entry((own.min(other), own.max(other))).or_insert(0.0);
                    *deepest = deepest.max(depth);
                }
            }
        }
    }
    pairs.into_iter().map(|(pair, depth)| Overlap { pair, depth }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Polygon;

    #[test]
    fn slivers_are_measured_and_shared_borders_are_not() {
        let square = |west: f64| {
            let shell = vec![[west, 53.0], [west + 0.01, 53.0], [west + 0.01, 53.01], [west, 53.01]];
            Shape { polygons: vec![Polygon { shell, holes: Vec::new() }] }
        };
        let shapes = [square(-2.70), square(-2.69), square(-2.6801), square(-2.6)];
        let found = overlaps(&shapes, &PointIndex::new(&shapes));
        // Corners on the other's northern or southern border are no depth; the middle one needs a vertex inside.
        assert_eq!(found, []);
        let mut tall = square(-2.6801);
        tall.polygons[0].shell[0] = [-2.6801, 53.005];
        let shapes = [square(-2.70), square(-2.69), tall, square(-2.6)];
        let found = overlaps(&shapes, &PointIndex::new(&shapes));
        assert_eq!(found.iter().map(|o| o.pair).collect::<Vec<_>>(), [(1, 2)]);
        assert!((found[0].depth - 6.7).abs() < 0.1, "{}", found[0].depth);
    }
}
