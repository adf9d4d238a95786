use std::collections::{BTreeMap, BTreeSet};

use geo::algorithm::Validation as _;
use geo::{Coord, LineString};

use super::*;
use crate::world::{Point, twice_signed_area};

fn made() -> &'static World {
    static WORLD: std::sync::OnceLock<World> = std::sync::OnceLock::new();
    WORLD.get_or_init(|| world(Seed::default()).unwrap())
}

#[test]
fn the_numbers_of_areas_are_those_of_the_real_districts() {
    let world = made();
    let of = |district| world.lsoas.iter().filter(|l| l.district == district).count();
    assert_eq!((of(0), of(1)), (70, 70));
    let distinct = |district, key: fn(&Lsoa) -> usize| {
        world.lsoas.iter().filter(|l| l.district == district).map(key).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((distinct(0, |l| l.msoa), distinct(1, |l| l.msoa)), (14, 17));
    assert_eq!((distinct(0, |l| l.ward), distinct(1, |l| l.ward)), (14, 23));
    let counts = [&world.msoas, &world.wards, &world.pcns, &world.beats, &world.neighbourhoods].map(Vec::len);
    assert_eq!(counts, [31, 37, 6, 10, 9]);
    assert_eq!(world.lsoa11.iter().filter(|f| f.district == 0).count(), 66);
    assert_eq!(world.lsoa11.iter().filter(|f| f.district == 1).count(), 70);
    assert!((5_500..=6_500).contains(&world.postcodes.len()), "{}", world.postcodes.len());
    let codes: BTreeSet<&str> = world.lsoas.iter().map(|l| l.code.as_str()).collect();
    let names: BTreeSet<&str> = world.lsoas.iter().map(|l| l.name.as_str()).collect();
    assert_eq!((codes.len(), names.len()), (140, 140));
}

#[test]
fn neighbourhoods_cut_across_wards() {
    let world = made();
    for neighbourhood in 0..world.neighbourhoods.len() {
        let inside: Vec<&Lsoa> = world.lsoas.iter().filter(|l| l.neighbourhood == Some(neighbourhood)).collect();
        let wards: BTreeSet<usize> = inside.iter().map(|l| l.ward).collect();
        let partly = wards
            .iter()
            .any(|ward| world.lsoas.iter().any(|l| l.ward == *ward && l.neighbourhood != Some(neighbourhood)));
        assert!(inside.len() >= 4 && wards.len() >= 2 && partly, "{neighbourhood}: {} in {wards:?}", inside.len());
    }
    assert!(world.lsoas.iter().any(|l| l.neighbourhood.is_none()));
}

fn to_geo(polygon: &Polygon) -> geo::Polygon<f64> {
    let line = |ring: &[Point]| -> LineString<f64> {
        ring.iter().map(|p| Coord { x: f64::from(p.easting), y: f64::from(p.northing) }).collect()
    };
    geo::Polygon::new(line(&polygon.outer), polygon.holes.iter().map(|hole| line(hole)).collect())
}

#[test]
fn every_outline_is_valid() {
    let world = made();
    let mut polygons: Vec<&Polygon> = world.lsoas.iter().map(|l| &l.polygon).collect();
    for areas in [&world.wards, &world.pcns, &world.neighbourhoods, &world.districts, &world.context] {
        polygons.extend(areas.iter().flat_map(|area| &area.polygons));
    }
    polygons.extend(&world.county.polygons);
    for polygon in polygons {
        let check = to_geo(polygon).check_validation();
        assert!(check.is_ok(), "{check:?}");
        assert!(twice_signed_area(&polygon.outer) > 0);
    }
}

#[test]
fn lsoas_tile_the_partnership_with_shared_edges() {
    let world = made();
    let mut edges: BTreeMap<(Point, Point), i32> = BTreeMap::new();
    let mut area = 0;
    for polygon in world.lsoas.iter().map(|l| &l.polygon) {
        area += polygon.twice_area();
        for ring in std::iter::once(&polygon.outer).chain(&polygon.holes) {
            for edge in ring.windows(2) {
                *edges.entry((edge[0], edge[1])).or_default() += 1;
            }
        }
    }
    assert!(edges.values().all(|count| *count == 1), "an edge is used twice in the same direction");
    let unshared: BTreeSet<Point> =
        edges.keys().filter(|(a, b)| !edges.contains_key(&(*b, *a))).map(|(a, _)| *a).collect();
    let rim: BTreeSet<Point> = world
        .partnership
        .polygons
        .iter()
        .flat_map(|p| p.outer.iter().chain(p.holes.iter().flatten()))
        .copied()
        .collect();
    assert_eq!(unshared, rim, "an edge inside the partnership has one side only");
    assert_eq!(area, world.partnership.polygons.iter().map(Polygon::twice_area).sum::<i64>());
}

#[test]
fn postcodes_lie_inside_their_lsoa_and_used_ones_do_not_overlap_in_time() {
    let world = made();
    for postcode in &world.postcodes {
        let lsoa = world.lsoas.get(postcode.lsoa).unwrap();
        assert!(lsoa.polygon.contains(postcode.point), "{}", postcode.text);
        assert!(postcode.terminated.is_none_or(|end| end > postcode.introduced));
    }
    let reused: Vec<_> = world.postcodes.windows(2).filter(|pair| pair[0].text == pair[1].text).collect();
    assert!(reused.len() >= 20, "{}", reused.len());
    assert!(reused.iter().all(|pair| pair[0].terminated.is_some_and(|end| end < pair[1].introduced)));
    let ended = world.postcodes.iter().filter(|p| p.terminated.is_some()).count();
    assert!((300..=700).contains(&ended), "{ended}");
}

#[test]
fn people_are_as_many_and_as_old_as_planned() {
    let world = made();
    for (district, expect) in [(0, 118_000_u32), (1, 111_000)] {
        for year in [2023, 2024, 2025] {
            let total: u32 =
                world.lsoas.iter().filter(|l| l.district == district).map(|l| l.people(year).total()).sum();
            assert!(total.abs_diff(expect) < 2_500, "{district} {year}: {total}");
        }
    }
    for lsoa in &world.lsoas {
        let total = lsoa.people(2023).total();
        assert!((1_000..=2_500).contains(&total), "{}: {total}", lsoa.code);
    }
    let older = |year: i32| -> u32 {
        world.lsoas.iter().map(|l| l.people(year).count(true, 75, 90) + l.people(year).count(false, 75, 90)).sum()
    };
    assert!(older(2023) < older(2024) && older(2024) < older(2025), "ageing");
}

#[test]
fn deprivation_has_contrast_is_smooth_and_has_ties() {
    let world = made();
    let in_decile = |decile| world.lsoa11.iter().filter(|f| f.imd_decile == decile).count();
    assert!(in_decile(1) >= 5 && in_decile(10) >= 15, "{} {}", in_decile(1), in_decile(10));
    let ranks: BTreeSet<u32> = world.lsoa11.iter().map(|f| f.imd_rank).collect();
    assert_eq!(ranks.len(), world.lsoa11.len() - 2);
    let mut gaps = (0_u64, 0_u64);
    for pair in world.lsoas.windows(2).filter(|pair| pair[0].msoa == pair[1].msoa) {
        gaps = (gaps.0 + u64::from(pair[0].need.abs_diff(pair[1].need)), gaps.1 + 1);
    }
    // Of two places drawn at random the mean gap of ranks is a third of the range.
    assert!(gaps.0 / gaps.1 < 250, "neighbours are alike: {}", gaps.0 / gaps.1);
}

#[test]
fn the_same_seed_gives_the_same_world_and_another_gives_another() {
    assert_eq!(*made(), world(Seed::default()).unwrap());
    let other = world(Seed(7)).unwrap();
    assert_ne!(made().lsoas, other.lsoas);
}
