//! The union of areas that share their borders: lines used in both directions cancel.

use std::collections::BTreeMap;

use super::topology::{Outline, Vertex, signed_area, tidy};

/// Slivers that mismatched borders leave inside a union, in square grid units (twice the area); about 100 square metres.
const SLIVER: i64 = 2 * 15_000;

/// Joins outlines; what is inside on both sides of a line disappears.
pub(crate) fn dissolve<'a>(outlines: impl Iterator<Item = &'a Outline>) -> Outline {
    // Each line's net use: +1 in the direction from its lesser end, -1 against.
    let mut net: BTreeMap<(Vertex, Vertex), i32> = BTreeMap::new();
    for ring in outlines.flatten() {
        let next = ring.iter().cycle().skip(1);
        for (&a, &b) in ring.iter().zip(next) {
            let (key, step) = if a < b { ((a, b), 1) } else { ((b, a), -1) };
            *net.entry(key).or_default() += step;
        }
    }
    let mut outgoing: BTreeMap<Vertex, Vec<Vertex>> = BTreeMap::new();
    for ((a, b), uses) in net {
        let (from, to) = if uses > 0 { (a, b) } else { (b, a) };
        for _ in 0..uses.abs() {
            outgoing.entry(from).or_default().push(to);
        }
    }
    let mut rings = Vec::new();
    while let Some(start) = outgoing.keys().next().copied() {
        rings.extend(walk(&mut outgoing, start));
    }
    let big = |ring: &Vec<Vertex>| signed_area(ring).abs() > SLIVER;
    let (big, small): (Outline, Outline) = rings.into_iter().partition(big);
    if big.is_empty() { small } else { big }
}

/// Follows lines until it is back where it began, cutting off a ring whenever it meets its own path.
fn walk(outgoing: &mut BTreeMap<Vertex, Vec<Vertex>>, start: Vertex) -> Vec<Vec<Vertex>> {
    let mut rings = Vec::new();
    let mut path = vec![start];
    let mut at: BTreeMap<Vertex, usize> = BTreeMap::from([(start, 0)]);
    let mut current = start;
    while let Some(next) = take_next(outgoing, path.iter().rev().nth(1).copied(), current) {
        if let Some(&position) = at.get(&next) {
            let ring = path.split_off(position);
            for vertex in &ring {
                at.remove(vertex);
            }
            rings.extend(tidy(ring));
        }
        at.insert(next, path.len());
        path.push(next);
        current = next;
    }
    rings
}

/// Takes the line to go on with: where several leave a vertex, the sharpest left turn, so that areas that touch in a
/// corner stay apart.
fn take_next(
    outgoing: &mut BTreeMap<Vertex, Vec<Vertex>>,
    previous: Option<Vertex>,
    current: Vertex,
) -> Option<Vertex> {
    let choices = outgoing.get_mut(&current)?;
    let turn = |next: &Vertex| previous.map_or(0.0, |previous| angle(previous, current, *next));
    let best = choices.iter().enumerate().max_by(|(_, a), (_, b)| turn(a).total_cmp(&turn(b))).map(|(at, _)| at)?;
    let next = choices.swap_remove(best);
    if choices.is_empty() {
        outgoing.remove(&current);
    }
    Some(next)
}

/// Angle of the turn, positive to the left.
fn angle(a: Vertex, b: Vertex, c: Vertex) -> f64 {
    let along = |p: Vertex, q: Vertex| {
        let ([px, py], [qx, qy]) = (p, q);
        (f64::from(qx) - f64::from(px), f64::from(qy) - f64::from(py))
    };
    let ((ux, uy), (vx, vy)) = (along(a, b), along(b, c));
    (ux * vy - uy * vx).atan2(ux * vx + uy * vy)
}
