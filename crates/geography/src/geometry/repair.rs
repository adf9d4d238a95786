//! Making shapes sound: real boundary files hold unclosed, reversed, repeated and nested rings.

use super::geojson::RawPolygons;
use super::{Point, Polygon, Ring, Shape, crosses, segments, signed_area};
use crate::report::FindingKind;

/// Repairs the polygons of one area and says what was repaired: one entry for each ring repaired in that way.
///
/// An area without a usable ring gives an empty shape.
pub(crate) fn repair(raw: RawPolygons) -> (Shape, Vec<FindingKind>) {
    let mut findings = Vec::new();
    let mut polygons = Vec::new();
    for rings in raw {
        let mut rings = rings.into_iter();
        let Some(shell) = rings.next().and_then(|ring| clean(ring, true, &mut findings)) else {
            // Holes without their shell cannot be placed.
            continue;
        };
        let holes = rings.filter_map(|ring| clean(ring, false, &mut findings)).collect();
        polygons.push(Polygon { shell, holes });
    }
    (Shape { polygons: drop_nested(polygons, &mut findings) }, findings)
}

/// Closes, cleans and turns one ring; `None` if nothing is left of it.
fn clean(mut ring: Vec<Point>, is_shell: bool, findings: &mut Vec<FindingKind>) -> Option<Ring> {
    if ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    } else {
        findings.push(FindingKind::UnclosedRing);
    }
    let before = ring.len();
    ring.dedup();
    while ring.len() > 1 && ring.first() == ring.last() {
        ring.pop();
    }
    if ring.len() < before {
        findings.push(FindingKind::DuplicateVertex);
    }
    if remove_spikes(&mut ring) {
        findings.push(FindingKind::Spike);
    }
    let area = signed_area(&ring);
    if ring.len() < 3 || area == 0.0 {
        findings.push(FindingKind::DegenerateRing);
        return None;
    }
    if (area > 0.0) != is_shell {
        findings.push(FindingKind::RingOrientation);
        ring.reverse();
    }
    if has_self_intersection(&ring) {
        findings.push(FindingKind::SelfIntersection);
    }
    Some(ring)
}

/// Removes points where the line turns straight back on itself; they enclose nothing.
fn remove_spikes(ring: &mut Ring) -> bool {
    let mut kept: Ring = Vec::with_capacity(ring.len());
    for &point in ring.iter() {
        if kept.len() >= 2 && kept.iter().rev().nth(1) == Some(&point) {
            kept.pop();
        } else if kept.last() != Some(&point) {
            kept.push(point);
        }
    }
    // The same across the seam.
    while kept.len() >= 3 {
        match kept.as_slice() {
            [first, .., before, _] if first == before => {
                kept.truncate(kept.len() - 2);
            }
            [_, second, .., last] if second == last => {
                kept.remove(0);
                kept.pop();
            }
            _ => break,
        }
    }
    let changed = kept.len() != ring.len();
    *ring = kept;
    changed
}

/// A shell inside another shell of the same area (and not in one of its holes) covers ground twice. Kept as it is, the
/// even-odd rule would cut a hole there, so the inner one goes.
fn drop_nested(polygons: Vec<Polygon>, findings: &mut Vec<FindingKind>) -> Vec<Polygon> {
    let nested: Vec<bool> = polygons
        .iter()
        .enumerate()
        .map(|(index, inner)| {
            polygons.iter().enumerate().any(|(other, outer)| {
                other != index
                    && signed_area(&outer.shell) > signed_area(&inner.shell)
                    && inner.shell.iter().all(|&point| covers(outer, point))
            })
        })
        .collect();
    findings.extend(nested.iter().filter(|&&nested| nested).map(|_| FindingKind::NestedShell));
    polygons.into_iter().zip(nested).filter(|(_, nested)| !nested).map(|(polygon, _)| polygon).collect()
}

fn covers(polygon: &Polygon, point: Point) -> bool {
    let rings = std::iter::once(&polygon.shell).chain(&polygon.holes);
    rings.flat_map(|ring| segments(ring)).filter(|&(a, b)| crosses(a, b, point)).count() % 2 == 1
}

/// Whether two sides cross properly. Sides are compared in order of their western ends, so only overlapping ones meet.
fn has_self_intersection(ring: &[Point]) -> bool {
    let mut sides: Vec<(Point, Point)> =
        segments(ring).map(|(a, b)| if a.first() <= b.first() { (a, b) } else { (b, a) }).collect();
    sides.sort_by(|([ax, _], _), ([bx, _], _)| ax.total_cmp(bx));
    for (index, &(a, b)) in sides.iter().enumerate() {
        let ([_, ay], [bx, by]) = (a, b);
        for &(c, d) in sides.iter().skip(index + 1) {
            let ([cx, cy], [_, dy]) = (c, d);
            if cx > bx {
                break;
            }
            if cy.min(dy) <= ay.max(by) && ay.min(by) <= cy.max(dy) && cross_properly(a, b, c, d) {
                return true;
            }
        }
    }
    false
}

fn cross_properly(a: Point, b: Point, c: Point, d: Point) -> bool {
    let separates = |a, b, c, d| {
        (super::is_left(a, b, c) && super::is_left(b, a, d)) || (super::is_left(a, b, d) && super::is_left(b, a, c))
    };
    separates(a, b, c, d) && separates(c, d, a, b)
}

#[cfg(test)]
mod tests {
    use FindingKind::{
        DegenerateRing, DuplicateVertex, NestedShell, RingOrientation, SelfIntersection, Spike, UnclosedRing,
    };

    use super::*;

    const SQUARE: &[Point] = &[[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]];
    const INNER: &[Point] = &[[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [2.0, 1.0], [1.0, 1.0]];

    fn check(polygons: &[&[&[Point]]], rings: usize, expect: &[FindingKind]) {
        let raw = polygons.iter().map(|rings| rings.iter().map(|ring| ring.to_vec()).collect()).collect();
        let (shape, findings) = repair(raw);
        assert_eq!(findings, expect, "{polygons:?}");
        assert_eq!(shape.rings().count(), rings, "{polygons:?}");
        for polygon in &shape.polygons {
            assert!(signed_area(&polygon.shell) > 0.0);
            assert!(polygon.holes.iter().all(|hole| signed_area(hole) < 0.0));
        }
        for ring in shape.rings() {
            assert!(segments(ring).all(|(a, b)| a != b));
        }
    }

    #[test]
    fn rings_are_repaired() {
        let reversed: Vec<Point> = SQUARE.iter().rev().copied().collect();
        let doubled: Vec<Point> = SQUARE.iter().flat_map(|&p| [p, p]).collect();
        let spiked = [[0.0, 0.0], [4.0, 0.0], [9.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 0.0]];
        let seam = [[-3.0, 0.0], [0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 0.0], [-3.0, 0.0]];
        let bow = [[0.0, 0.0], [4.0, 4.0], [4.0, 0.0], [0.0, 5.0], [0.0, 0.0]];
        check(&[&[SQUARE]], 1, &[]);
        check(&[&[SQUARE, INNER]], 2, &[]);
        check(&[&[&SQUARE[..4]]], 1, &[UnclosedRing]);
        check(&[&[&reversed]], 1, &[RingOrientation]);
        check(&[&[&doubled]], 1, &[DuplicateVertex]);
        check(&[&[&spiked]], 1, &[Spike]);
        check(&[&[&seam]], 1, &[Spike]);
        check(&[&[&bow]], 1, &[SelfIntersection]);
        check(&[&[&[[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]]], 0, &[DegenerateRing]);
        check(&[&[&[]]], 0, &[UnclosedRing, DegenerateRing]);
        check(&[&[]], 0, &[]);
    }

    #[test]
    fn nested_shells_are_dropped_but_islands_in_holes_stay() {
        let inner: Vec<Point> = INNER.iter().rev().copied().collect();
        let island = [[1.2, 1.2], [1.8, 1.2], [1.8, 1.8], [1.2, 1.2]];
        check(&[&[SQUARE], &[&inner]], 1, &[NestedShell]);
        check(&[&[&inner], &[SQUARE]], 1, &[NestedShell]);
        check(&[&[SQUARE, INNER], &[&island]], 3, &[]);
    }
}
