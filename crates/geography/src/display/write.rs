//! GeoJSON text from grid outlines.

use std::fmt::Write;

use super::topology::{Outline, Vertex, signed_area};
use crate::area::Area;

/// Writes a feature collection; areas and outlines go together by position.
pub(crate) fn feature_collection(areas: &[&Area], outlines: &[Outline]) -> Vec<u8> {
    let mut out = String::from("{\"type\":\"FeatureCollection\",\"features\":[");
    for (position, (area, outline)) in areas.iter().zip(outlines).enumerate() {
        out.push_str(if position == 0 { "\n" } else { ",\n" });
        write_feature(&mut out, area, outline);
    }
    out.push_str("\n]}\n");
    out.into_bytes()
}

fn write_feature(out: &mut String, area: &Area, outline: &Outline) {
    out.push_str("{\"type\":\"Feature\",\"properties\":{\"code\":");
    write_text(out, area.code.as_str());
    out.push_str(",\"name\":");
    write_text(out, &area.name);
    out.push_str(",\"area_type\":");
    write_text(out, area.area_type.as_str());
    out.push_str(",\"boundary_year\":");
    out.push_str(&area.boundary_year.get().to_string());
    out.push_str("},\"geometry\":");
    let polygons = polygons(outline);
    match polygons.as_slice() {
        [] => out.push_str("null"),
        [only] => {
            out.push_str("{\"type\":\"Polygon\",\"coordinates\":");
            write_polygon(out, only);
            out.push('}');
        }
        several => {
            out.push_str("{\"type\":\"MultiPolygon\",\"coordinates\":");
            write_list(out, several, |out, polygon| write_polygon(out, polygon));
            out.push('}');
        }
    }
    out.push('}');
}

/// Groups rings into polygons: each hole goes with the smallest shell around it. Largest polygon first.
fn polygons(outline: &Outline) -> Vec<Vec<&Vec<Vertex>>> {
    let mut shells: Vec<&Vec<Vertex>> = outline.iter().filter(|ring| signed_area(ring) > 0).collect();
    shells.sort_by_key(|ring| (-signed_area(ring), ring.first().copied()));
    let mut polygons: Vec<Vec<&Vec<Vertex>>> = shells.into_iter().map(|shell| vec![shell]).collect();
    let mut holes: Vec<&Vec<Vertex>> = outline.iter().filter(|ring| signed_area(ring) < 0).collect();
    holes.sort_by_key(|ring| (signed_area(ring), ring.first().copied()));
    for hole in holes {
        let around = |polygon: &&mut Vec<&Vec<Vertex>>| polygon.first().is_some_and(|shell| encloses(shell, hole));
        if let Some(polygon) = polygons.iter_mut().rev().find(around) {
            polygon.push(hole);
        }
    }
    polygons
}

/// Whether a hole lies in a shell: by the middle of its sides, since its corners may touch the shell.
fn encloses(shell: &[Vertex], hole: &[Vertex]) -> bool {
    // Doubled coordinates keep the middles whole.
    let double = |&[x, y]: &Vertex| [2 * i64::from(x), 2 * i64::from(y)];
    let next = hole.iter().cycle().skip(1);
    let middles = hole
        .iter()
        .zip(next)
        .map(|(&[ax, ay], &[bx, by])| [i64::from(ax) + i64::from(bx), i64::from(ay) + i64::from(by)]);
    let inside = |[x, y]: [i64; 2]| {
        let sides = shell.iter().map(double).zip(shell.iter().map(double).cycle().skip(1));
        let crossed = sides.filter(|&([ax, ay], [bx, by])| {
            let upward = ay <= by;
            let ([lx, ly], [hx, hy]) = if upward { ([ax, ay], [bx, by]) } else { ([bx, by], [ax, ay]) };
            ly <= y && y < hy && (hx - lx) * (y - ly) - (hy - ly) * (x - lx) > 0
        });
        crossed.count() % 2 == 1
    };
    let (mut votes, mut total) = (0_usize, 0_usize);
    for middle in middles {
        votes += usize::from(inside(middle));
        total += 1;
    }
    2 * votes > total
}

fn write_polygon(out: &mut String, rings: &Vec<&Vec<Vertex>>) {
    write_list(out, rings, |out, ring| {
        let closed: Vec<&Vertex> = ring.iter().chain(ring.first()).collect();
        write_list(out, &closed, |out, [x, y]| {
            out.push('[');
            write_degrees(out, *x);
            out.push(',');
            write_degrees(out, *y);
            out.push(']');
        });
    });
}

fn write_list<T>(out: &mut String, items: &[T], mut each: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        each(out, item);
    }
    out.push(']');
}

/// Millionths of a degree as a decimal number without trailing zeros.
fn write_degrees(out: &mut String, millionths: i32) {
    let (whole, part) = (millionths.unsigned_abs() / 1_000_000, millionths.unsigned_abs() % 1_000_000);
    if millionths < 0 {
        out.push('-');
    }
    out.push_str(&whole.to_string());
    if part > 0 {
        // Writing to a string cannot fail.
        let _ = write!(out, ".{part:06}");
        out.truncate(out.trim_end_matches('0').len());
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees() {
        for (millionths, text) in
            [(0, "0"), (-2_600_001, "-2.600001"), (53_000_000, "53"), (-100_000, "-0.1"), (120, "0.00012")]
        {
            let mut out = String::new();
            write_degrees(&mut out, millionths);
            assert_eq!(out, text);
        }
    }

    #[test]
    fn holes_go_with_the_smallest_shell_around() {
        let square = |low: i32, high: i32| vec![[low, low], [high, low], [high, high], [low, high]];
        let reversed = |low: i32, high: i32| square(low, high).into_iter().rev().collect::<Vec<_>>();
        let outline = vec![reversed(4, 6), square(3, 7), square(0, 10), reversed(2, 8), square(20, 22)];
        let found: Vec<Vec<i64>> =
            polygons(&outline).iter().map(|p| p.iter().map(|ring| signed_area(ring) / 2).collect()).collect();
        assert_eq!(found, [vec![100, -36], vec![16, -4], vec![4]]);
    }
}
