use std::collections::{BTreeMap, BTreeSet};

use model::AreaType;
use serde_json::Value;

use super::topology::{Vertex, signed_area};
use super::*;
use crate::fixture::fixture;
use crate::geometry::geojson;

fn read(bytes: &[u8]) -> Vec<(Value, Vec<Vec<Vec<Vertex>>>)> {
    let features = geojson::read("drawn", bytes, 1_000, 1_000_000).unwrap();
    let grid = |[x, y]: [f64; 2]| [(x * 1e6).round() as i32, (y * 1e6).round() as i32];
    features
        .into_iter()
        .map(|feature| {
            let ring = |ring: Vec<[f64; 2]>| ring.into_iter().map(grid).collect();
            let polygons = feature.polygons.into_iter().map(|rings| rings.into_iter().map(ring).collect()).collect();
            (Value::Object(feature.properties), polygons)
        })
        .collect()
}

/// Every side of every area is used once more in the other direction, or lies on the outer border.
fn check_coverage(bytes: &[u8]) -> (usize, i64) {
    let mut sides: BTreeMap<(Vertex, Vertex), usize> = BTreeMap::new();
    let (mut vertices, mut area) = (0, 0);
    for (_, polygons) in read(bytes) {
        for ring in polygons.iter().flatten() {
            assert_eq!(ring.first(), ring.last());
            for pair in ring.windows(2) {
                assert_ne!(pair[0], pair[1]);
                *sides.entry((pair[0], pair[1])).or_default() += 1;
                vertices += 1;
            }
            area += signed_area(&ring[..ring.len() - 1]);
        }
        assert!(polygons.iter().all(|rings| signed_area(&rings[0][..rings[0].len() - 1]) > 0));
    }
    let lone: Vec<_> = sides.keys().filter(|(a, b)| !sides.contains_key(&(*b, *a))).collect();
    assert!(sides.values().all(|&uses| uses == 1));
    // What has no partner makes closed lines: as many begin at a vertex as end there.
    let begins: BTreeSet<Vertex> = lone.iter().map(|(a, _)| *a).collect();
    let ends: BTreeSet<Vertex> = lone.iter().map(|(_, b)| *b).collect();
    assert_eq!(begins, ends);
    (vertices, area)
}

#[test]
fn borders_stay_shared_and_ground_is_conserved() {
    let (gazetteer, _) = fixture().import().unwrap();
    let draw = |area_type, tolerance| gazetteer.boundaries_geojson(area_type, tolerance).unwrap();
    let (full, whole) = check_coverage(&draw(AreaType::Lsoa, 0.0));
    // A sheet with straight outer borders: four sides of 40,000 millionths.
    assert_eq!(whole, 2 * 40_000 * 40_000);
    let mut before = full + 1;
    for tolerance in [0.5, 20.0, 80.0, 200.0] {
        let (vertices, area) = check_coverage(&draw(AreaType::Lsoa, tolerance));
        assert!(vertices <= before, "{tolerance}: {vertices} > {before}");
        assert_eq!(area, whole, "{tolerance}");
        before = vertices;
    }
    // Nothing but the corners of 16 atoms.
    assert_eq!(before, 64);
    for tolerance in [700.0, 1e9, f64::INFINITY] {
        // Outer corners may go; what is left is still a coverage.
        check_coverage(&draw(AreaType::Lsoa, tolerance));
    }
    for area_type in [AreaType::Msoa, AreaType::Ward, AreaType::Pcn, AreaType::Partnership, AreaType::District] {
        let (_, area) = check_coverage(&draw(area_type, 20.0));
        assert_eq!(area, whole, "{area_type}");
    }
    assert_eq!(draw(AreaType::Lsoa, f64::NAN), draw(AreaType::Lsoa, 0.0));
    assert_eq!(draw(AreaType::Lsoa, -3.0), draw(AreaType::Lsoa, 0.0));
    assert_eq!(gazetteer.boundaries_geojson(AreaType::Beat, 1.0), None);
    let contexts: Vec<_> = gazetteer.contexts().collect();
    assert_eq!(contexts, [(AreaType::District, BoundaryYear::new(2025).unwrap())]);
    let (_, context) = check_coverage(&gazetteer.context_geojson(contexts[0].0, contexts[0].1, 1.0).unwrap());
    assert_eq!(context, 2 * 100_000 * 100_000);
    assert_eq!(gazetteer.context_geojson(AreaType::Ward, contexts[0].1, 1.0), None);
}

#[test]
fn features_carry_their_properties() {
    let (gazetteer, _) = fixture().edit("wards.csv", "South Ward", "\"South \"\"W\"\" \u{e9}\"").import().unwrap();
    let drawn = read(&gazetteer.boundaries_geojson(AreaType::Ward, 10.0).unwrap());
    assert_eq!(drawn.len(), 4);
    let properties = serde_json::json!({
        "code": "E05990001", "name": "South \"W\" \u{e9}", "area_type": "ward", "boundary_year": 2024
    });
    assert_eq!(drawn[0].0, properties);
}

fn square(west: i32, south: i32, size: i32) -> Vec<Vertex> {
    vec![[west, south], [west + size, south], [west + size, south + size], [west, south + size]]
}

#[test]
fn unions() {
    let reversed = |ring: Vec<Vertex>| ring.into_iter().rev().collect::<Vec<_>>();
    let ring_around = |west, size| vec![square(west, 0, size), reversed(square(west + 1_000, 1_000, 1_000))];
    let cases: [(Vec<Outline>, &[i64]); 6] = [
        (vec![vec![square(0, 0, 1_000)], vec![square(1_000, 0, 1_000)]], &[2]),
        (vec![vec![square(0, 0, 1_000)], vec![square(5_000, 0, 1_000)]], &[1, 1]),
        // Touching in a corner: two rings, not one that crosses itself.
        (vec![vec![square(0, 0, 1_000)], vec![square(1_000, 1_000, 1_000)]], &[1, 1]),
        (vec![ring_around(0, 3_000)], &[9, -1]),
        (vec![ring_around(0, 3_000), vec![square(1_000, 1_000, 1_000)]], &[9]),
        (vec![vec![square(0, 0, 1_000)]; 1], &[1]),
    ];
    for (outlines, expect) in cases {
        let mut found: Vec<i64> =
            dissolve::dissolve(outlines.iter()).iter().map(|ring| signed_area(ring) / 2_000_000).collect();
        found.sort_by_key(|area| -area);
        assert_eq!(found, expect);
    }
}

#[test]
fn islands_and_thin_areas_survive() {
    // A thin area between two straight neighbours, an island in a hole, and a speck that goes with its tolerance.
    let thin = vec![[0, 0], [10_000, 0], [10_000, 60], [0, 60]];
    let zigzag: Vec<Vertex> =
        (0..200).map(|i| [i * 50, 60 + (i % 2) * 40]).chain([[10_000, 5_000], [0, 5_000]]).collect();
    let mut zigzag_start = vec![[0, 60], [10_000, 60]];
    zigzag_start.extend(zigzag.iter().rev().take(2).rev());
    let outlines = vec![vec![thin], vec![zigzag_start], vec![square(20_000, 0, 40)]];
    let drawn = simplify::simplify(&Coverage::new(outlines), 1_000.0);
    assert_eq!(drawn.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(drawn.iter().flatten().all(|ring| signed_area(ring) > 0));
}

#[test]
fn lines_that_would_cross_or_swallow_keep_their_vertices() {
    // A bay in one area with an island of another in it, near its mouth (the straight line would cross it) or deep inside
    // (the straight line would pass it by on the wrong side).
    let bay = |bottom| {
        vec![
            [0, 0],
            [100_000, 0],
            [100_000, 100_000],
            [60_000, 100_000],
            [50_000, bottom],
            [40_000, 100_000],
            [0, 100_000],
        ]
    };
    for (bottom, island, tolerance) in
        [(60_000, square(48_000, 97_000, 4_000), 5_000.0), (20_000, square(49_000, 60_000, 2_000), 8_000.0)]
    {
        let alone = simplify::simplify(&Coverage::new(vec![vec![bay(bottom)]]), tolerance);
        assert!(!alone[0][0].contains(&[50_000, bottom]));
        let drawn = simplify::simplify(&Coverage::new(vec![vec![bay(bottom)], vec![island.clone()]]), tolerance);
        let [ring] = drawn[0].as_slice() else { panic!("the bay vanished") };
        assert!(ring.contains(&[50_000, bottom]), "{ring:?}");
        assert!(drawn[1][0].len() >= 3);
    }
}
