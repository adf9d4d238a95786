use proptest::prelude::*;

use super::*;
use crate::geometry::Polygon;

/// A sheet of `n` x `n` crooked four-sided areas that share their corners, with corners on a coarse lattice so that many
/// random points fall on borders.
fn sheet(n: usize, jitter: &[(i8, i8)]) -> Vec<Shape> {
    let corner = |column: usize, row: usize| {
        let inner = column > 0 && row > 0 && column < n && row < n;
        let (dx, dy) = if inner { jitter[(row * n + column) % jitter.len()] } else { (0, 0) };
        let at =
            |cell: usize, shift: i8, origin: f64| ((cell * 16) as f64 + f64::from(shift)).mul_add(1.0 / 4096.0, origin);
        [at(column, dx, -2.7), at(row, dy, 53.6)]
    };
    let mut shapes = Vec::new();
    for row in 0..n {
        for column in 0..n {
            let shell = vec![
                corner(column, row),
                corner(column + 1, row),
                corner(column + 1, row + 1),
                corner(column, row + 1),
            ];
            shapes.push(Shape { polygons: vec![Polygon { shell, holes: Vec::new() }] });
        }
    }
    shapes
}

fn slow(shapes: &[Shape], point: Point) -> Vec<AtomIndex> {
    let holding = shapes.iter().enumerate().filter(|(_, shape)| shape.contains(point));
    holding.map(|(i, _)| AtomIndex(u16::try_from(i).unwrap())).collect()
}

proptest! {
    /// The index says what looking at every edge says, and in a coverage every point is in exactly one area.
    #[test]
    fn agrees_with_every_edge(
        n in 1_usize..9,
        jitter in prop::collection::vec((-7_i8..8, -7_i8..8), 1..40),
        points in prop::collection::vec((-2_i32..146, -2_i32..146), 1..60),
        floats in prop::collection::vec((-0.01_f64..1.01, -0.01_f64..1.01), 1..60),
    ) {
        let shapes = sheet(n, &jitter);
        let index = PointIndex::new(&shapes);
        let side = (n * 16) as f64 / 4096.0;
        let lattice = points.iter().map(|&(x, y)| [
            f64::from(x).mul_add(1.0 / 4096.0, -2.7), f64::from(y).mul_add(1.0 / 4096.0, 53.6),
        ]);
        let free = floats.iter().map(|&(x, y)| [x.mul_add(side, -2.7), y.mul_add(side, 53.6)]);
        let corners = shapes.iter().flat_map(Shape::points).collect::<Vec<_>>();
        for point in lattice.chain(free).chain(corners) {
            let expect = slow(&shapes, point);
            prop_assert!(expect.len() <= 1);
            prop_assert_eq!(index.locate(point).atom(), expect.first().copied(), "{:?}", point);
            prop_assert_eq!(index.all(point), expect);
            let [x, y] = point;
            let within = x >= -2.7 && y >= 53.6 && x < -2.7 + side && y < 53.6 + side;
            prop_assert_eq!(index.locate(point) != Location::Outside, within, "{:?}", point);
        }
    }

    /// An independent implementation agrees wherever no border runs through the point.
    #[test]
    fn agrees_with_another_library(
        n in 1_usize..6,
        jitter in prop::collection::vec((-7_i8..8, -7_i8..8), 1..40),
        points in prop::collection::vec((-0.01_f64..1.01, -0.01_f64..1.01), 1..60),
    ) {
        use geo::algorithm::coordinate_position::{CoordPos, CoordinatePosition};
        let shapes = sheet(n, &jitter);
        let index = PointIndex::new(&shapes);
        let polygons: Vec<geo::Polygon> = shapes
            .iter()
            .map(|shape| {
                let line = shape.polygons[0].shell.iter().map(|&[x, y]| geo::coord! { x: x, y: y });
                geo::Polygon::new(line.collect(), Vec::new())
            })
            .collect();
        let side = (n * 16) as f64 / 4096.0;
        for (x, y) in points {
            let point = geo::coord! { x: x.mul_add(side, -2.7), y: y.mul_add(side, 53.6) };
            let positions: Vec<CoordPos> = polygons.iter().map(|p| p.coordinate_position(&point)).collect();
            if !positions.contains(&CoordPos::OnBoundary) {
                let expect = positions.iter().position(|position| *position == CoordPos::Inside);
                prop_assert_eq!(index.locate([point.x, point.y]).atom().map(AtomIndex::get), expect);
            }
        }
    }

    /// Overlaps and holes: the first area in order wins.
    #[test]
    fn overlapping_shapes(
        squares in prop::collection::vec((0_u8..40, 0_u8..40, 1_u8..20, 1_u8..20), 1..12),
        points in prop::collection::vec((0_u8..120, 0_u8..120), 1..80),
    ) {
        let at = |x: f64, y: f64| [x.mul_add(0.001, -2.7), y.mul_add(0.001, 53.6)];
        let shapes: Vec<Shape> = squares.iter().map(|&(x, y, w, h)| {
            let (x, y, w, h) = (f64::from(x), f64::from(y), f64::from(w), f64::from(h));
            let shell = vec![at(x, y), at(x + w, y), at(x + w, y + h), at(x, y + h)];
            let (a, b) = (w * 0.25, h * 0.25);
            let hole = vec![at(x + a, y + b), at(x + a, y + h - b), at(x + w - a, y + b)];
            Shape { polygons: vec![Polygon { shell, holes: vec![hole] }] }
        }).collect();
        let index = PointIndex::new(&shapes);
        for (x, y) in points {
            let point = at(f64::from(x) * 0.5, f64::from(y) * 0.5);
            let expect = slow(&shapes, point);
            prop_assert_eq!(index.locate(point).atom(), expect.first().copied());
            prop_assert_eq!(index.all(point), expect);
        }
    }
}

#[test]
fn odd_numbers_are_outside() {
    let index = PointIndex::new(&sheet(2, &[(0, 0)]));
    for point in [[f64::NAN, 53.6], [-2.7, f64::NAN], [f64::INFINITY, 53.6], [-2.7, f64::NEG_INFINITY], [0.0, 0.0]] {
        assert_eq!(index.locate(point), Location::Outside);
    }
    assert_eq!(PointIndex::new(&[]).locate([0.0, 0.0]), Location::Outside);
}
