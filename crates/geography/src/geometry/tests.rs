use proptest::prelude::*;

use super::*;

fn shape(rings: &[&[Point]]) -> Shape {
    Shape {
        polygons: vec![Polygon {
            shell: rings[0].to_vec(),
            holes: rings[1..].iter().map(|ring| ring.to_vec()).collect(),
        }],
    }
}

const SQUARE: [Point; 4] = [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]];

#[test]
fn the_border_rule() {
    let square = shape(&[&SQUARE]);
    let cases = [
        ([1.0, 1.0], true),
        ([0.0, 1.0], true),  // western border: the area east of it
        ([2.0, 1.0], false), // eastern border
        ([1.0, 0.0], true),  // southern border: the area north of it
        ([1.0, 2.0], false), // northern border
        ([0.0, 0.0], true),
        ([2.0, 2.0], false),
        ([2.0, 0.0], false),
        ([0.0, 2.0], false),
        ([3.0, 1.0], false),
        ([-1.0, 1.0], false),
    ];
    for (point, inside) in cases {
        assert_eq!(square.contains(point), inside, "{point:?}");
    }
}

#[test]
fn interior_points_avoid_holes() {
    let hole: [Point; 4] = [[0.2, 0.1], [0.2, 1.9], [1.8, 1.9], [1.8, 0.1]];
    let ring = shape(&[&SQUARE, &hole]);
    let inside = ring.interior_point().unwrap();
    assert!(ring.contains(inside), "{inside:?}");
    assert!((signed_area(&SQUARE) - 8.0).abs() < 1e-12);
    assert!(signed_area(&hole) < 0.0);
}

proptest! {
    /// A line of random vertices splits a rectangle: every point, on the line or not, is in exactly one half.
    #[test]
    fn shared_borders_partition(
        xs in prop::collection::vec(1_u32..63, 1..8),
        points in prop::collection::vec((0_u32..64, 0_u32..64), 1..40),
        along in 0.0_f64..1.0,
    ) {
        // Sixteenths near real coordinates: many points fall exactly on the line.
        let at = |x: u32, y: f64| [f64::from(x).mul_add(0.0625, -4.5), y.mul_add(0.0625, 52.0)];
        let step = 64.0 / (xs.len() as f64 + 1.0);
        let mut line = vec![at(32, 0.0)];
        line.extend(xs.iter().enumerate().map(|(i, &x)| at(x, (i as f64 + 1.0) * step)));
        line.push(at(32, 64.0));
        let mut west = line.clone();
        west.extend([at(0, 64.0), at(0, 0.0)]);
        let mut east: Vec<Point> = line.iter().rev().copied().collect();
        east.extend([at(64, 0.0), at(64, 64.0)]);
        let (west, east) = (shape(&[&west]), shape(&[&east]));
        let mut all: Vec<Point> = points.iter().map(|&(x, y)| at(x, f64::from(y))).collect();
        // Points that rounding puts on, or a hair beside, the line.
        all.extend(line.windows(2).map(|w| [
            (w[1][0] - w[0][0]).mul_add(along, w[0][0]),
            (w[1][1] - w[0][1]).mul_add(along, w[0][1]),
        ]));
        all.extend(line.iter().copied().take(line.len() - 1));
        for point in all {
            prop_assert_eq!(u8::from(west.contains(point)) + u8::from(east.contains(point)), 1, "{:?}", point);
        }
    }
}
