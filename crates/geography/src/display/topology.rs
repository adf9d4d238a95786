//! Outlines on a grid of millionths of a degree (about 10 cm), cut into arcs where areas meet.

use std::collections::{BTreeMap, BTreeSet};

use crate::geometry::Shape;

/// A vertex: longitude and latitude in millionths of a degree.
pub(crate) type Vertex = [i32; 2];

/// The rings of an area: shells anticlockwise, holes clockwise, last vertex not repeated.
pub(crate) type Outline = Vec<Vec<Vertex>>;

/// Puts a shape on the grid; rings that shrink to nothing go.
pub(crate) fn quantise(shape: &Shape) -> Outline {
    #[allow(clippy::cast_possible_truncation, reason = "degrees are at most 180, so millionths fit; `as` saturates")]
    let to_grid = |degrees: f64| (degrees * 1e6).round() as i32;
    let rings = shape.rings().map(|ring| ring.iter().map(|&[x, y]| [to_grid(x), to_grid(y)]).collect());
    rings.filter_map(tidy).collect()
}

/// Removes repeated vertices and lines that turn straight back; `None` if no area is left.
pub(crate) fn tidy(ring: Vec<Vertex>) -> Option<Vec<Vertex>> {
    let mut kept: Vec<Vertex> = Vec::with_capacity(ring.len());
    for vertex in ring {
        kept.push(vertex);
        unwind(&mut kept);
    }
    // The same across the seam.
    loop {
        match kept.as_slice() {
            [first, .., last] if first == last => {
                kept.pop();
            }
            [first, .., before, _] if first == before => {
                kept.truncate(kept.len() - 2);
            }
            [_, second, .., last] if second == last && kept.len() > 2 => {
                kept.remove(0);
            }
            _ => break,
        }
    }
    (kept.len() >= 3 && signed_area(&kept) != 0).then_some(kept)
}

fn unwind(kept: &mut Vec<Vertex>) {
    match kept.as_slice() {
        [.., before, last] if before == last => {
            kept.pop();
        }
        [.., before, _, last] if before == last => {
            kept.truncate(kept.len() - 2);
        }
        _ => {}
    }
}

/// Twice the signed area in square grid units; positive when anticlockwise.
pub(crate) fn signed_area(ring: &[Vertex]) -> i64 {
    let Some(&[ox, oy]) = ring.first() else { return 0 };
    let relative = |&[x, y]: &Vertex| (i64::from(x) - i64::from(ox), i64::from(y) - i64::from(oy));
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| (relative(a), relative(b))).map(|((ax, ay), (bx, by))| ax * by - bx * ay).sum()
}

/// A border between two meeting points (or a whole ring that meets none), in one of its two directions.
#[derive(Debug, Clone)]
pub(crate) struct Arc {
    /// Vertices; the first and last are equal for a whole ring.
    pub(crate) vertices: Vec<Vertex>,
}

/// A use of an arc by a ring.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ArcUse {
    pub(crate) arc: usize,
    pub(crate) reversed: bool,
}

/// Outlines of several areas as rings of shared arcs.
#[derive(Debug)]
pub(crate) struct Coverage {
    pub(crate) arcs: Vec<Arc>,
    /// By area, its rings.
    pub(crate) areas: Vec<Vec<Vec<ArcUse>>>,
}

impl Coverage {
    pub(crate) fn new(outlines: Vec<Outline>) -> Self {
        let junctions = junctions(&outlines);
        let mut coverage = Self { arcs: Vec::new(), areas: Vec::new() };
        let mut known: BTreeMap<Vec<Vertex>, usize> = BTreeMap::new();
        for outline in outlines {
            let rings = outline.into_iter().map(|ring| {
                let pieces = split(ring, &junctions).into_iter();
                pieces.map(|piece| coverage_arc(&mut coverage.arcs, &mut known, piece)).collect()
            });
            let rings = rings.collect();
            coverage.areas.push(rings);
        }
        coverage
    }

    /// The vertices of a ring, last not repeated.
    pub(crate) fn ring<'a>(arcs: &'a [Vec<Vertex>], ring: &'a [ArcUse]) -> Vec<Vertex> {
        let mut vertices = Vec::new();
        for &ArcUse { arc, reversed } in ring {
            let arc = arcs.get(arc).map(Vec::as_slice).unwrap_or_default();
            // The last vertex of each arc is the first of the next.
            let without_last = arc.len().saturating_sub(1);
            if reversed {
                vertices.extend(arc.iter().rev().take(without_last));
            } else {
                vertices.extend(arc.iter().take(without_last));
            }
        }
        vertices
    }
}

fn coverage_arc(arcs: &mut Vec<Arc>, known: &mut BTreeMap<Vec<Vertex>, usize>, piece: Vec<Vertex>) -> ArcUse {
    let backwards: Vec<Vertex> = piece.iter().rev().copied().collect();
    // Both neighbours must find the same arc, so the direction that sorts first stands for both.
    let reversed = backwards < piece;
    let vertices = if reversed { backwards } else { piece };
    let arc = *known.entry(vertices).or_insert_with_key(|vertices| {
        arcs.push(Arc { vertices: vertices.clone() });
        arcs.len() - 1
    });
    ArcUse { arc, reversed }
}

/// Vertices that must stay: where more or fewer than two border lines meet, or where the areas beside a line change.
fn junctions(outlines: &[Outline]) -> BTreeSet<Vertex> {
    // Every border line once, with the areas that use it.
    let mut lines: Vec<(Vertex, Vertex, usize)> = Vec::new();
    for (area, outline) in outlines.iter().enumerate() {
        for ring in outline {
            let next = ring.iter().cycle().skip(1);
            lines.extend(ring.iter().zip(next).map(|(&a, &b)| (a.min(b), a.max(b), area)));
        }
    }
    lines.sort_unstable();
    lines.dedup();
    let mut ends: Vec<(Vertex, Vec<usize>)> = Vec::new();
    for line in lines.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let users: Vec<usize> = line.iter().map(|&(_, _, area)| area).collect();
        if let Some(&(a, b, _)) = line.first() {
            ends.push((a, users.clone()));
            ends.push((b, users));
        }
    }
    ends.sort_unstable();
    let meeting = ends.chunk_by(|a, b| a.0 == b.0).filter(|lines| match lines {
        [one, other] => one.1 != other.1,
        _ => true,
    });
    meeting.filter_map(|lines| lines.first().map(|(vertex, _)| *vertex)).collect()
}

/// Cuts a ring at the junctions; a ring without any begins at its least vertex, whoever uses it.
fn split(mut ring: Vec<Vertex>, junctions: &BTreeSet<Vertex>) -> Vec<Vec<Vertex>> {
    let start = ring.iter().position(|vertex| junctions.contains(vertex));
    let least = || ring.iter().enumerate().min_by_key(|(_, vertex)| **vertex).map(|(position, _)| position);
    let Some(start) = start.or_else(least) else { return Vec::new() };
    ring.rotate_left(start);
    ring.extend(ring.first().copied());
    let mut pieces: Vec<Vec<Vertex>> = Vec::new();
    let mut piece: Vec<Vertex> = Vec::new();
    for vertex in ring {
        piece.push(vertex);
        if piece.len() > 1 && junctions.contains(&vertex) {
            pieces.push(std::mem::replace(&mut piece, vec![vertex]));
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}
