//! From labelled cells to outlines: borders are smoothed and thinned once, so neighbours share every vertex.

use std::collections::{BTreeMap, BTreeSet};

use super::grow::{at, put};
use super::lattice::Lattice;
use crate::world::{Point, Polygon, twice_signed_area};

/// Label of a cell that belongs to nothing.
pub(crate) const NONE: u16 = u16::MAX;

/// How far a thinned border may leave the drawn one, metres: round LSOAs and round context outlines.
const FINE: i64 = 7;
const COARSE: i64 = 70;

/// The borders between labelled cells.
#[derive(Debug)]
pub(crate) struct Borders<'a> {
    lattice: &'a Lattice,
    labels: &'a [u16],
    corners: Vec<Point>,
    kept: Vec<bool>,
}

/// The corners joined to a corner by a border, and whether one of the borders is fine.
type Joined = BTreeMap<usize, Vec<(usize, bool)>>;

impl<'a> Borders<'a> {
    /// Draws the borders. Labels below `fine_labels` are LSOAs.
    pub(crate) fn draw(lattice: &'a Lattice, labels: &'a [u16], fine_labels: u16) -> Self {
        let joined = join(lattice, labels, fine_labels);
        let corners = smooth(lattice.corners().to_vec(), &joined);
        let mut kept = vec![false; corners.len()];
        for chain in chains(&joined) {
            let tolerance = if chain.fine { FINE } else { COARSE };
            let points: Vec<Point> = chain.corners.iter().map(|c| at(&corners, *c)).collect();
            for position in thin(&points, tolerance) {
                put(&mut kept, at(&chain.corners, position), true);
            }
        }
        Self { lattice, labels, corners, kept }
    }

    /// The outlines of groups of labels: `group` gives the number of a label's group, or none.
    pub(crate) fn outlines(&self, groups: usize, group: impl Fn(u16) -> Option<usize>) -> Vec<Vec<Polygon>> {
        let mut steps: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new(); groups];
        for cell in 0..self.lattice.len() {
            let Some(own) = group(at_label(self.labels, cell)) else { continue };
            for side in self.lattice.sides(cell) {
                if group(at_label(self.labels, side.neighbour)) != Some(own)
                    && let Some(steps) = steps.get_mut(own)
                {
                    steps.insert(side.from, side.to);
                }
            }
        }
        steps.into_iter().map(|steps| polygons(self.rings(steps))).collect()
    }

    fn rings(&self, mut steps: BTreeMap<usize, usize>) -> Vec<Vec<Point>> {
        let mut rings = Vec::new();
        while let Some((start, mut next)) = steps.pop_first() {
            let mut walked = vec![start];
            while next != start {
                walked.push(next);
                let Some(after) = steps.remove(&next) else { break };
                next = after;
            }
            let mut ring: Vec<Point> =
                walked.into_iter().filter(|c| at(&self.kept, *c)).map(|c| at(&self.corners, c)).collect();
            ring.extend(ring.first().copied());
            rings.push(ring);
        }
        rings
    }
}

fn at_label(labels: &[u16], cell: usize) -> u16 {
    labels.get(cell).copied().unwrap_or(NONE)
}

/// Sorts rings into polygons: anticlockwise rings are outer, clockwise ones are holes of the smallest outer around them.
fn polygons(rings: Vec<Vec<Point>>) -> Vec<Polygon> {
    let (outer, holes): (Vec<_>, Vec<_>) = rings.into_iter().partition(|ring| twice_signed_area(ring) > 0);
    let mut polygons: Vec<Polygon> = outer.into_iter().map(|outer| Polygon { outer, holes: Vec::new() }).collect();
    polygons.sort_by_key(Polygon::twice_area);
    for hole in holes {
        let inside = |polygon: &&mut Polygon| {
            hole.first()
                .is_some_and(|point| Polygon { outer: polygon.outer.clone(), holes: Vec::new() }.contains(*point))
        };
        if let Some(polygon) = polygons.iter_mut().find(inside) {
            polygon.holes.push(hole);
        }
    }
    polygons.reverse();
    polygons
}

fn join(lattice: &Lattice, labels: &[u16], fine_labels: u16) -> Joined {
    let mut joined = Joined::new();
    for cell in 0..lattice.len() {
        let own = at_label(labels, cell);
        for side in lattice.sides(cell) {
            let other = at_label(labels, side.neighbour);
            if own < other {
                let fine = own < fine_labels;
                joined.entry(side.from).or_default().push((side.to, fine));
                joined.entry(side.to).or_default().push((side.from, fine));
            }
        }
    }
    joined
}

/// Draws every corner towards its neighbours on the border, which turns the hexagons' zigzag into a wandering line.
fn smooth(mut corners: Vec<Point>, joined: &Joined) -> Vec<Point> {
    for _ in 0..3 {
        let before = corners.clone();
        for (corner, near) in joined {
            let own = at(&before, *corner);
            let count = near.len() as i32;
            let mean = |coordinate: fn(Point) -> i32| {
                let near: i32 = near.iter().map(|(c, _)| coordinate(at(&before, *c)) - coordinate(own)).sum();
                coordinate(own) + near / (2 * count.max(1))
            };
            put(&mut corners, *corner, Point { easting: mean(|p| p.easting), northing: mean(|p| p.northing) });
        }
    }
    corners
}

/// A border between two meeting points, or a closed one.
#[derive(Debug)]
struct Chain {
    corners: Vec<usize>,
    fine: bool,
}

fn chains(joined: &Joined) -> Vec<Chain> {
    let mut done: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut chains = Vec::new();
    let meeting = |corner: usize| joined.get(&corner).is_none_or(|near| near.len() != 2);
    // First from the meeting points; what is left after that are closed borders, which may start anywhere.
    for wanted in [true, false] {
        for (start, near) in joined.iter().filter(|(corner, _)| meeting(**corner) == wanted) {
            for (second, fine) in near {
                if done.contains(&(*start, *second)) {
                    continue;
                }
                let mut corners = vec![*start, *second];
                done.extend([(*start, *second), (*second, *start)]);
                let (mut previous, mut current) = (*start, *second);
                while !meeting(current) && current != *start {
                    let onwards = joined.get(&current).and_then(|near| near.iter().find(|(c, _)| *c != previous));
                    let Some((next, _)) = onwards else { break };
                    done.extend([(current, *next), (*next, current)]);
                    corners.push(*next);
                    (previous, current) = (current, *next);
                }
                chains.push(Chain { corners, fine: *fine });
            }
        }
    }
    chains
}

/// The positions of points to keep so that no dropped point lies farther than `tolerance` metres from the line (Douglas
/// and Peucker 1973); of a closed line at least four.
fn thin(points: &[Point], tolerance: i64) -> BTreeSet<usize> {
    let last = points.len().saturating_sub(1);
    let mut kept = BTreeSet::from([0, last]);
    let mut spans = vec![(0, last)];
    if points.first() == points.last() {
        let (third, two_thirds) = (last / 3, last * 2 / 3);
        kept.extend([third, two_thirds]);
        spans = vec![(0, third), (third, two_thirds), (two_thirds, last)];
    }
    while let Some((from, to)) = spans.pop() {
        let (a, b) = (at(points, from), at(points, to));
        let (dx, dy) = (i128::from(b.easting - a.easting), i128::from(b.northing - a.northing));
        let length2 = (dx * dx + dy * dy).max(1);
        let off = |position: usize| {
            let p = at(points, position);
            let (x, y) = (i128::from(p.easting - a.easting), i128::from(p.northing - a.northing));
            let across = dx * y - dy * x;
            across * across / length2
        };
        let Some(farthest) = (from + 1..to).max_by_key(|position| (off(*position), *position)) else { continue };
        if off(farthest) > i128::from(tolerance * tolerance) {
            kept.insert(farthest);
            spans.extend([(from, farthest), (farthest, to)]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    fn point(easting: i32, northing: i32) -> Point {
        Point { easting, northing }
    }

    #[test]
    fn thinning_keeps_ends_and_corners_only() {
        let line: Vec<Point> =
            (0..=10).map(|i| point(i * 10, i % 2)).chain((1..=5).map(|i| point(100, i * 10))).collect();
        assert_eq!(thin(&line, 5), BTreeSet::from([0, 10, 15]));
        assert_eq!(thin(&line[..1], 5), BTreeSet::from([0]));
        let ring: Vec<Point> = [(0, 0), (9, 0), (9, 9), (0, 9), (0, 0)].map(|(e, n)| point(e, n)).to_vec();
        assert!(thin(&ring, 100).len() >= 4);
    }

    #[test]
    fn a_hole_and_an_island_become_polygons_with_shared_vertices() {
        let lattice = Lattice::new(Seed(1));
        let mut labels = vec![NONE; lattice.len()];
        let middle = lattice.centre(60_200);
        for (cell, label) in labels.iter_mut().enumerate() {
            *label = match super::super::grow::distance2(lattice.centre(cell), middle) {
                4_000_001.. => NONE,
                500_001.. => 0,
                _ => 1,
            };
        }
        let borders = Borders::draw(&lattice, &labels, 2);
        let outlines = borders.outlines(2, |label| (label < 2).then_some(usize::from(label)));
        assert_eq!((outlines[0].len(), outlines[0][0].holes.len()), (1, 1));
        assert_eq!((outlines[1].len(), outlines[1][0].holes.len()), (1, 0));
        let sorted = |ring: &[Point]| ring.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(sorted(&outlines[0][0].holes[0]), sorted(&outlines[1][0].outer));
        assert!(outlines[1][0].contains(middle) && !outlines[0][0].contains(middle));
        let together = borders.outlines(1, |label| (label < 2).then_some(0));
        assert_eq!((together[0].len(), together[0][0].holes.len()), (1, 0));
        assert_eq!(together[0][0].twice_area(), outlines[0][0].twice_area() + outlines[1][0].twice_area());
    }
}
