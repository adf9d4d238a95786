//! Shapes on the surface, in WGS84 degrees, and the exact test every other part stands on.

pub(crate) mod geojson;
pub(crate) mod overlap;
pub(crate) mod repair;

use geo::algorithm::kernels::{Kernel, Orientation, RobustKernel};
use geo::coord;

/// A position: longitude, latitude in degrees.
pub(crate) type Point = [f64; 2];

/// A closed line without its repeated last point: at least three points, no two neighbours equal.
pub(crate) type Ring = Vec<Point>;

/// One shell and its holes; shells run anticlockwise and holes clockwise.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Polygon {
    pub(crate) shell: Ring,
    pub(crate) holes: Vec<Ring>,
}

/// The ground an area covers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Shape {
    pub(crate) polygons: Vec<Polygon>,
}

/// A rectangle in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) min: Point,
    pub(crate) max: Point,
}

impl Bounds {
    /// The smallest rectangle around the points; `None` for none.
    pub(crate) fn of(points: impl IntoIterator<Item = Point>) -> Option<Self> {
        let mut points = points.into_iter();
        let first = points.next()?;
        let mut bounds = Self { min: first, max: first };
        for [x, y] in points {
            let ([min_x, min_y], [max_x, max_y]) = (bounds.min, bounds.max);
            bounds = Self { min: [min_x.min(x), min_y.min(y)], max: [max_x.max(x), max_y.max(y)] };
        }
        Some(bounds)
    }
}

impl Shape {
    pub(crate) fn rings(&self) -> impl Iterator<Item = &Ring> {
        self.polygons.iter().flat_map(|polygon| std::iter::once(&polygon.shell).chain(&polygon.holes))
    }

    pub(crate) fn points(&self) -> impl Iterator<Item = Point> + '_ {
        self.rings().flatten().copied()
    }

    pub(crate) fn segments(&self) -> impl Iterator<Item = (Point, Point)> + '_ {
        self.rings().flat_map(|ring| segments(ring))
    }

    /// Even-odd test by the border rule of [`crosses`]; slow: looks at every edge.
    pub(crate) fn contains(&self, point: Point) -> bool {
        self.segments().filter(|&(a, b)| crosses(a, b, point)).count() % 2 == 1
    }

    /// A point well inside: the middle of the widest stretch on a few horizontal lines through the shape.
    pub(crate) fn interior_point(&self) -> Option<Point> {
        let Bounds { min: [_, south], max: [_, north] } = Bounds::of(self.points())?;
        let mut best: Option<(f64, Point)> = None;
        for part in [0.5, 0.37, 0.63, 0.21, 0.79, 0.09, 0.91] {
            let y = (north - south).mul_add(part, south);
            let mut crossings: Vec<f64> = self.segments().filter_map(|(a, b)| crossing(a, b, y)).collect();
            crossings.sort_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                if let [west, east] = *pair {
                    let middle = [(east - west).mul_add(0.5, west), y];
                    if best.is_none_or(|(width, _)| east - west > width) && self.contains(middle) {
                        best = Some((east - west, middle));
                    }
                }
            }
        }
        best.map(|(_, point)| point)
    }
}

/// The segments of a ring, the closing one included.
pub(crate) fn segments(ring: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))
}

/// Twice the signed area of a ring in square degrees; positive when it runs anticlockwise.
pub(crate) fn signed_area(ring: &[Point]) -> f64 {
    let Some(&[ox, oy]) = ring.first() else { return 0.0 };
    segments(ring).map(|([ax, ay], [bx, by])| (ax - ox) * (by - oy) - (bx - ox) * (ay - oy)).sum()
}

fn crossing([ax, ay]: Point, [bx, by]: Point, y: f64) -> Option<f64> {
    ((ay <= y) != (by <= y)).then(|| (bx - ax).mul_add((y - ay) / (by - ay), ax))
}

/// Whether the ray from `point` to the east crosses the segment.
///
/// The border rule follows from two half-open choices, made the same way for every polygon that uses the segment: a
/// segment spans latitudes from its lower end, included, to its upper end, excluded; and a point *on* the segment is not
/// west of it. So a point on a shared border belongs to the area east of it, and on a border along a parallel to the
/// area north of it: to exactly one area, always.
pub(crate) fn crosses(a: Point, b: Point, point: Point) -> bool {
    let ([_, ay], [_, by]) = (a, b);
    let (low, high) = if ay <= by { (a, b) } else { (b, a) };
    crosses_upward(low, high, point)
}

/// [`crosses`] for a segment whose lower end is given first.
#[inline]
pub(crate) fn crosses_upward(low: Point, high: Point, point: Point) -> bool {
    let ([lx, ly], [hx, hy], [x, y]) = (low, high, point);
    if y < ly || y >= hy {
        return false;
    }
    if x < lx.min(hx) {
        return true;
    }
    if x >= lx.max(hx) {
        return false;
    }
    is_left(low, high, point)
}

/// Whether `point` lies strictly to the left of the line from `a` to `b`: exact for all finite numbers.
#[inline]
fn is_left(a: Point, b: Point, point: Point) -> bool {
    /// Bound on the rounding error of the determinant, relative to the sum of its terms' sizes (Shewchuk, Adaptive
    /// Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates, 1997).
    const ERROR_BOUND: f64 = 3.330_669_073_875_471_6e-16;
    let ([ax, ay], [bx, by], [x, y]) = (a, b, point);
    let (one, other) = ((ax - x) * (by - y), (ay - y) * (bx - x));
    let determinant = one - other;
    if determinant.abs() > ERROR_BOUND * (one.abs() + other.abs()) {
        return determinant > 0.0;
    }
    let exact = RobustKernel::orient2d(coord! { x: ax, y: ay }, coord! { x: bx, y: by }, coord! { x: x, y: y });
    exact == Orientation::CounterClockwise
}

#[cfg(test)]
mod tests;
