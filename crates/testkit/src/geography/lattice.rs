//! The fine lattice under everything: hexagons with jittered corners. Three cells meet at every corner, so a union of
//! cells never touches itself in a point, and every traced outline is a simple ring.

use crate::random::{Random, Seed};
use crate::world::Point;

/// Side-to-side distance of neighbouring cells in a row, metres.
const WIDTH: i32 = 220;
/// Distance between rows, metres (`WIDTH` times half the root of three).
const HEIGHT: i32 = 190;
/// Distance from a cell's centre to its northern and southern corners, metres.
const CORNER: i32 = 127;
/// How far a corner may be moved each way, metres.
const JITTER: i32 = 38;
/// South-western corner of the lattice.
const ORIGIN: Point = Point { easting: 325_000, northing: 398_000 };

/// The lattice: cells numbered row by row from the south-west.
#[derive(Debug)]
pub(crate) struct Lattice {
    columns: usize,
    rows: usize,
    corners: Vec<Point>,
}

/// One side of a cell, walked with the cell on the left: the neighbour across it and the corners at its ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub(crate) neighbour: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Lattice {
    /// The lattice over the county.
    pub(crate) fn new(seed: Seed) -> Self {
        let mut lattice = Self { columns: 318, rows: 440, corners: Vec::new() };
        let mut random = Random::stream(seed, "corners");
        for cell in 0..lattice.len() {
            let centre = lattice.centre(cell);
            for offset in [CORNER, -CORNER] {
                lattice.corners.push(Point {
                    easting: centre.easting + random.between(-JITTER, JITTER),
                    northing: centre.northing + offset + random.between(-JITTER, JITTER),
                });
            }
        }
        lattice
    }

    /// Number of cells.
    pub(crate) fn len(&self) -> usize {
        self.columns * self.rows
    }

    /// The corners: two a cell, its northern and its southern one.
    pub(crate) fn corners(&self) -> &[Point] {
        &self.corners
    }

    /// A cell's (unjittered) centre.
    pub(crate) fn centre(&self, cell: usize) -> Point {
        let (column, row) = ((cell % self.columns) as i32, (cell / self.columns) as i32);
        Point {
            easting: ORIGIN.easting + column * WIDTH + (row % 2) * WIDTH / 2,
            northing: ORIGIN.northing + row * HEIGHT,
        }
    }

    /// Whether the cell lies on the lattice's rim, where it lacks neighbours.
    pub(crate) fn is_rim(&self, cell: usize) -> bool {
        let (column, row) = (cell % self.columns, cell / self.columns);
        column == 0 || row == 0 || column + 1 == self.columns || row + 1 == self.rows
    }

    /// The six sides of a cell, anticlockwise from the east; none for a cell on the rim.
    pub(crate) fn sides(&self, cell: usize) -> impl Iterator<Item = Side> + use<> {
        let rim = self.is_rim(cell);
        let shifted = (cell / self.columns) % 2;
        let (east, west) = (cell.wrapping_add(1), cell.wrapping_sub(1));
        let north_west = cell.wrapping_add(self.columns).wrapping_add(shifted).wrapping_sub(1);
        let south_west = cell.wrapping_sub(self.columns).wrapping_add(shifted).wrapping_sub(1);
        let (north_east, south_east) = (north_west.wrapping_add(1), south_west.wrapping_add(1));
        let northern = |cell: usize| cell.wrapping_mul(2);
        let southern = |cell: usize| cell.wrapping_mul(2).wrapping_add(1);
        let (ne, nw) = (southern(north_east), southern(north_west));
        let (se, sw) = (northern(south_east), northern(south_west));
        let (n, s) = (northern(cell), southern(cell));
        let side = |neighbour, from, to| Side { neighbour, from, to };
        [
            side(east, se, ne),
            side(north_east, ne, n),
            side(north_west, n, nw),
            side(west, nw, sw),
            side(south_west, sw, s),
            side(south_east, s, se),
        ]
        .into_iter()
        .filter(move |_| !rim)
    }

    /// The neighbours of a cell; none for a cell on the rim.
    pub(crate) fn neighbours(&self, cell: usize) -> impl Iterator<Item = usize> + use<> {
        self.sides(cell).map(|side| side.neighbour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_shared_both_ways_with_the_same_corners() {
        let lattice = Lattice::new(Seed(1));
        for cell in [5_000, 5_318, 60_001, 60_319] {
            for side in lattice.sides(cell) {
                let back = lattice.sides(side.neighbour).find(|s| s.neighbour == cell).unwrap();
                assert_eq!((back.from, back.to), (side.to, side.from));
                let (a, b) = (lattice.centre(cell), lattice.centre(side.neighbour));
                let (dx, dy) = (i64::from(a.easting - b.easting), i64::from(a.northing - b.northing));
                assert!((215..=225).contains(&(dx * dx + dy * dy).isqrt()));
            }
            assert_eq!(lattice.sides(cell).count(), 6);
        }
        assert_eq!(lattice.sides(0).count(), 0);
    }
}
