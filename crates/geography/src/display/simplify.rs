//! Simplifying arcs (Douglas and Peucker, 1973) without letting lines cross or areas vanish.

use std::collections::BTreeSet;

use super::topology::{Arc, Coverage, Outline, Vertex, signed_area, tidy};
use crate::grid::LocalPlane;

/// An arc being simplified.
struct Draft<'a> {
    vertices: &'a [Vertex],
    /// Positions of the vertices kept, in order; the ends always are.
    kept: Vec<usize>,
}

/// A side of a simplified arc: the arc, and the position in `kept` where it begins.
type SideId = (usize, usize);

/// Simplifies each arc once and puts the areas together again. Where simplified sides would meet, a
/// vertex would change sides, or an area would vanish, the sides concerned get their furthest vertex back, until nothing conflicts that did not before.
pub(crate) fn simplify(coverage: &Coverage, tolerance: f64) -> Vec<Outline> {
    let plane = plane(&coverage.arcs);
    let mut drafts: Vec<Draft<'_>> =
        coverage.arcs.iter().map(|arc| Draft::new(&arc.vertices, tolerance, plane)).collect();
    loop {
        let mut conflicts = vanished(coverage, &drafts);
        conflicts.extend(crossing(&drafts));
        conflicts.extend(swallowing(&drafts));
        let mut refined = false;
        // From the back, so that positions before stay right.
        for &(arc, side) in conflicts.iter().rev() {
            refined |= drafts.get_mut(arc).is_some_and(|draft| draft.refine(side, plane));
        }
        if !refined {
            break;
        }
    }
    let simplified: Vec<Vec<Vertex>> = drafts.iter().map(|draft| draft.line().collect()).collect();
    let area =
        |rings: &Vec<_>| rings.iter().filter_map(|ring: &Vec<_>| tidy(Coverage::ring(&simplified, ring))).collect();
    coverage.areas.iter().map(area).collect()
}

impl<'a> Draft<'a> {
    /// Keeps the ends and every vertex further than the tolerance from the line without it.
    fn new(vertices: &'a [Vertex], tolerance: f64, plane: LocalPlane) -> Self {
        let last = vertices.len().saturating_sub(1);
        let mut kept = vec![0, last];
        let mut open = vec![(0, last)];
        if vertices.first() == vertices.last() {
            // A whole ring has no line to begin with: its furthest vertex makes two.
            if let Some((far, _)) = furthest(vertices, 0, last, plane) {
                kept.push(far);
                open = vec![(0, far), (far, last)];
            }
        }
        while let Some((start, end)) = open.pop() {
            if let Some((far, distance)) = furthest(vertices, start, end, plane)
                && distance > tolerance
            {
                kept.push(far);
                open.extend([(start, far), (far, end)]);
            }
        }
        kept.sort_unstable();
        Self { vertices, kept }
    }

    fn line(&self) -> impl Iterator<Item = Vertex> + '_ {
        self.kept.iter().filter_map(|&at| self.vertices.get(at).copied())
    }

    /// Gives a side its furthest vertex back; `false` if it has none.
    fn refine(&mut self, side: usize, plane: LocalPlane) -> bool {
        let (Some(&start), Some(&end)) = (self.kept.get(side), self.kept.get(side + 1)) else { return false };
        let Some((far, _)) = furthest(self.vertices, start, end, plane) else { return false };
        self.kept.insert(side + 1, far);
        true
    }
}

fn plane(arcs: &[Arc]) -> LocalPlane {
    let latitudes = || arcs.iter().flat_map(|arc| &arc.vertices).map(|&[_, y]| y);
    let middle = f64::midpoint(f64::from(latitudes().min().unwrap_or(0)), f64::from(latitudes().max().unwrap_or(0)));
    LocalPlane::at(middle / 1e6)
}

/// The vertex strictly between two others that is furthest from the segment between them.
fn furthest(vertices: &[Vertex], start: usize, end: usize, plane: LocalPlane) -> Option<(usize, f64)> {
    let degrees = |&[x, y]: &Vertex| [f64::from(x) / 1e6, f64::from(y) / 1e6];
    let (a, b) = (degrees(vertices.get(start)?), degrees(vertices.get(end)?));
    let between = vertices.iter().enumerate().take(end).skip(start + 1);
    between.map(|(at, v)| (at, plane.distance(degrees(v), a, b))).max_by(|(_, p), (_, q)| p.total_cmp(q))
}

/// The sides of rings that must not vanish, but have: the largest ring of each area.
fn vanished(coverage: &Coverage, drafts: &[Draft<'_>]) -> BTreeSet<SideId> {
    let full: Vec<Vec<Vertex>> = coverage.arcs.iter().map(|arc| arc.vertices.clone()).collect();
    let simplified: Vec<Vec<Vertex>> = drafts.iter().map(|draft| draft.line().collect()).collect();
    let mut conflicts = BTreeSet::new();
    for rings in &coverage.areas {
        let Some(largest) = rings.iter().max_by_key(|ring| signed_area(&Coverage::ring(&full, ring)).abs()) else {
            continue;
        };
        // Turned inside out counts as vanished.
        if tidy(Coverage::ring(&simplified, largest)).is_none_or(|ring| signed_area(&ring) <= 0) {
            for used in largest {
                let sides = drafts.get(used.arc).map_or(0, |draft| draft.kept.len().saturating_sub(1));
                conflicts.extend((0..sides).map(|side| (used.arc, side)));
            }
        }
    }
    conflicts
}

/// A side of an arc, western end first.
#[derive(Clone, Copy)]
struct Side {
    west: Vertex,
    east: Vertex,
    id: SideId,
}

/// Sides that meet another side elsewhere than in a common end.
fn crossing(drafts: &[Draft<'_>]) -> BTreeSet<SideId> {
    let mut sides: Vec<Side> = Vec::new();
    for (arc, draft) in drafts.iter().enumerate() {
        let pairs = draft.line().zip(draft.line().skip(1)).enumerate();
        sides.extend(pairs.map(|(side, (a, b))| Side { west: a.min(b), east: a.max(b), id: (arc, side) }));
    }
    sides.sort_unstable_by_key(|side| (side.west, side.east, side.id));
    let mut conflicts = BTreeSet::new();
    for (index, one) in sides.iter().enumerate() {
        let ([_, ay], [bx, by]) = (one.west, one.east);
        for other in sides.iter().skip(index + 1) {
            let ([cx, cy], [_, dy]) = (other.west, other.east);
            if cx > bx {
                break;
            }
            if cy.min(dy) <= ay.max(by) && ay.min(by) <= cy.max(dy) && meet(*one, *other) {
                conflicts.extend([one.id, other.id]);
            }
        }
    }
    conflicts
}

/// Sides that have passed over a vertex of another line: it lies between the side and the vertices it replaces, such as
/// an island in a bay that was straightened.
fn swallowing(drafts: &[Draft<'_>]) -> BTreeSet<SideId> {
    let mut vertices: Vec<Vertex> = drafts.iter().flat_map(Draft::line).collect();
    vertices.sort_unstable();
    vertices.dedup();
    let mut conflicts = BTreeSet::new();
    for (arc, draft) in drafts.iter().enumerate() {
        for (side, ends) in draft.kept.windows(2).enumerate() {
            let &[start, end] = ends else { continue };
            let replaced = draft.vertices.get(start..=end).unwrap_or_default();
            if replaced.len() > 2 && vertices_within(replaced, &vertices) {
                conflicts.insert((arc, side));
            }
        }
    }
    conflicts
}

/// Whether one of the sorted vertices, not itself of the ring, lies inside it.
fn vertices_within(ring: &[Vertex], sorted: &[Vertex]) -> bool {
    let (Some(west), Some(east)) = (ring.iter().map(|[x, _]| x).min(), ring.iter().map(|[x, _]| x).max()) else {
        return false;
    };
    let from = sorted.partition_point(|[x, _]| x < west);
    let near = sorted.iter().skip(from).take_while(|[x, _]| x <= east);
    near.filter(|vertex| !ring.contains(vertex)).any(|&vertex| encloses(ring, vertex))
}

/// Even-odd test: exact.
fn encloses(ring: &[Vertex], vertex: Vertex) -> bool {
    let [_, y] = vertex;
    let sides = ring.iter().zip(ring.iter().cycle().skip(1));
    let crossed = sides.filter(|&(&a, &b)| {
        let ([_, ay], [_, by]) = (a, b);
        let (low, high) = if ay <= by { (a, b) } else { (b, a) };
        ay.min(by) <= y && y < ay.max(by) && turn(low, high, vertex) > 0
    });
    crossed.count() % 2 == 1
}

/// Whether two sides have a point in common that is not an end of both.
fn meet(one: Side, other: Side) -> bool {
    let (a, b, c, d) = (one.west, one.east, other.west, other.east);
    if (a, b) == (c, d) {
        return true;
    }
    let turns = (turn(a, b, c), turn(a, b, d), turn(c, d, a), turn(c, d, b));
    if a == c || a == d || b == c || b == d {
        // One common end: they meet elsewhere only if they run along one line in the same direction from it.
        let (shared, p, q) = if a == c {
            (a, b, d)
        } else if a == d {
            (a, b, c)
        } else if b == c {
            (b, a, d)
        } else {
            (b, a, c)
        };
        return turn(shared, p, q) == 0 && toward(shared, p, q);
    }
    let within = |p: Vertex, q: Vertex, v: Vertex| {
        let ([px, py], [qx, qy], [x, y]) = (p, q, v);
        (px.min(qx)..=px.max(qx)).contains(&x) && (py.min(qy)..=py.max(qy)).contains(&y)
    };
    (turns.0 != turns.1 && turns.2 != turns.3)
        || (turns.0 == 0 && within(a, b, c))
        || (turns.1 == 0 && within(a, b, d))
        || (turns.2 == 0 && within(c, d, a))
        || (turns.3 == 0 && within(c, d, b))
}

/// Which side of the line from `a` to `b` a vertex lies on: exact.
fn turn(a: Vertex, b: Vertex, c: Vertex) -> i64 {
    let ((ux, uy), (vx, vy)) = (offset(a, b), offset(a, c));
    (ux * vy - uy * vx).signum()
}

fn toward(origin: Vertex, p: Vertex, q: Vertex) -> bool {
    let ((ux, uy), (vx, vy)) = (offset(origin, p), offset(origin, q));
    ux * vx + uy * vy > 0
}

fn offset(a: Vertex, b: Vertex) -> (i64, i64) {
    let ([ax, ay], [bx, by]) = (a, b);
    (i64::from(bx) - i64::from(ax), i64::from(by) - i64::from(ay))
}
