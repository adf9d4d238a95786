//! Simplifying arcs (Douglas and Peucker, 1973) without letting lines cross or areas vanish.

use std::collections::BTreeSet;

use super::topology::{Arc, Coverage, Outline, Vertex, signed_area, tidy};
use crate::grid::LocalPlane;

/// How often the tolerance of an arc in conflict is halved before the arc is kept whole.
const HALVINGS: u32 = 6;

/// Simplifies each arc once and puts the areas together again.
pub(crate) fn simplify(coverage: Coverage, tolerance: f64) -> Vec<Outline> {
    let plane = plane(&coverage.arcs);
    let mut attempts = vec![0_u32; coverage.arcs.len()];
    let mut simplified: Vec<Vec<Vertex>> =
        coverage.arcs.iter().map(|arc| simplify_arc(&arc.vertices, tolerance, plane)).collect();
    loop {
        let mut conflicts = vanished(&coverage, &simplified);
        conflicts.extend(crossing(&simplified));
        conflicts.retain(|&arc| attempts.get(arc).is_some_and(|&tried| tried <= HALVINGS));
        if conflicts.is_empty() {
            break;
        }
        for index in conflicts {
            let (Some(arc), Some(tried), Some(slot)) =
                (coverage.arcs.get(index), attempts.get_mut(index), simplified.get_mut(index))
            else {
                continue;
            };
            *tried += 1;
            *slot = if *tried > HALVINGS {
                arc.vertices.clone()
            } else {
                simplify_arc(&arc.vertices, tolerance / f64::from(1 << *tried), plane)
            };
        }
    }
    let area =
        |rings: &Vec<_>| rings.iter().filter_map(|ring: &Vec<_>| tidy(Coverage::ring(&simplified, ring))).collect();
    coverage.areas.iter().map(area).collect()
}

fn plane(arcs: &[Arc]) -> LocalPlane {
    let latitudes = || arcs.iter().flat_map(|arc| &arc.vertices).map(|&[_, y]| y);
    let middle = f64::midpoint(f64::from(latitudes().min().unwrap_or(0)), f64::from(latitudes().max().unwrap_or(0)));
    LocalPlane::at(middle / 1e6)
}

/// Keeps the ends and every vertex further than the tolerance from the line without it.
fn simplify_arc(vertices: &[Vertex], tolerance: f64, plane: LocalPlane) -> Vec<Vertex> {
    let mut keep = vec![false; vertices.len()];
    let last = vertices.len().saturating_sub(1);
    let mut open = vec![(0, last)];
    if vertices.first() == vertices.last() {
        // A whole ring has no line to begin with: its furthest vertex makes two.
        if let Some((far, _)) = furthest(vertices, 0, last, plane) {
            open = vec![(0, far), (far, last)];
        }
    }
    for end in open.iter().flat_map(|&(a, b)| [a, b]) {
        if let Some(kept) = keep.get_mut(end) {
            *kept = true;
        }
    }
    while let Some((start, end)) = open.pop() {
        if let Some((far, distance)) = furthest(vertices, start, end, plane)
            && distance > tolerance
        {
            if let Some(kept) = keep.get_mut(far) {
                *kept = true;
            }
            open.extend([(start, far), (far, end)]);
        }
    }
    vertices.iter().zip(keep).filter(|(_, keep)| *keep).map(|(vertex, _)| *vertex).collect()
}

/// The vertex strictly between two others that is furthest from the segment between them.
fn furthest(vertices: &[Vertex], start: usize, end: usize, plane: LocalPlane) -> Option<(usize, f64)> {
    let degrees = |&[x, y]: &Vertex| [f64::from(x) / 1e6, f64::from(y) / 1e6];
    let (a, b) = (degrees(vertices.get(start)?), degrees(vertices.get(end)?));
    let between = vertices.iter().enumerate().take(end).skip(start + 1);
    between.map(|(at, v)| (at, plane.distance(degrees(v), a, b))).max_by(|(_, p), (_, q)| p.total_cmp(q))
}

/// Arcs of rings that must not vanish: the largest ring of each area.
fn vanished(coverage: &Coverage, simplified: &[Vec<Vertex>]) -> BTreeSet<usize> {
    let mut conflicts = BTreeSet::new();
    let full: Vec<Vec<Vertex>> = coverage.arcs.iter().map(|arc| arc.vertices.clone()).collect();
    for rings in &coverage.areas {
        let Some(largest) = rings.iter().max_by_key(|ring| signed_area(&Coverage::ring(&full, ring)).abs()) else {
            continue;
        };
        // Turned inside out counts as vanished.
        let area = signed_area(&Coverage::ring(simplified, largest));
        if tidy(Coverage::ring(simplified, largest)).is_none() || area <= 0 {
            conflicts.extend(largest.iter().map(|used| used.arc));
        }
    }
    conflicts
}

/// A side of an arc, western end first.
#[derive(Clone, Copy)]
struct Side {
    west: Vertex,
    east: Vertex,
    arc: usize,
}

/// Arcs with a side that meets another side elsewhere than in a common end.
fn crossing(arcs: &[Vec<Vertex>]) -> BTreeSet<usize> {
    let mut sides: Vec<Side> = Vec::new();
    for (arc, vertices) in arcs.iter().enumerate() {
        let pairs = vertices.iter().zip(vertices.iter().skip(1));
        sides.extend(pairs.map(|(&a, &b)| Side { west: a.min(b), east: a.max(b), arc }));
    }
    sides.sort_unstable_by_key(|side| (side.west, side.east, side.arc));
    let mut conflicts = BTreeSet::new();
    for (index, one) in sides.iter().enumerate() {
        let ([_, ay], [bx, by]) = (one.west, one.east);
        for other in sides.iter().skip(index + 1) {
            let ([cx, cy], [_, dy]) = (other.west, other.east);
            if cx > bx {
                break;
            }
            if cy.min(dy) <= ay.max(by) && ay.min(by) <= cy.max(dy) && meet(*one, *other) {
                conflicts.extend([one.arc, other.arc]);
            }
        }
    }
    conflicts
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
