use std::collections::BTreeSet;
use std::io::Read as _;

use super::*;

fn made() -> &'static (World, Vec<Vec<String>>) {
    static MADE: std::sync::OnceLock<(World, Vec<Vec<String>>)> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        let world = crate::geography::world(Seed::default()).unwrap();
        let mut rows = Vec::new();
        for file in make(Seed::default(), &world).unwrap().files {
            let mut text = String::new();
            flate2::read::GzDecoder::new(file.bytes.as_slice()).read_to_string(&mut text).unwrap();
            assert!(text.starts_with(HEADER));
            rows.extend(text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>()));
        }
        (world, rows)
    })
}

#[test]
fn there_are_about_sixty_thousand_rows_and_the_dirt_is_as_frequent_as_stated() {
    let (world, rows) = made();
    assert!((54_000..=66_000).contains(&rows.len()), "{}", rows.len());
    let per_mille = |count: usize| count * 1_000 / rows.len();
    let unplaced = rows.iter().filter(|r| r[4].is_empty()).count();
    assert!(rows.iter().all(|r| r.len() == 12 && r[4].is_empty() == r[7].is_empty()));
    assert!((20..=28).contains(&per_mille(unplaced)), "{unplaced}");
    let ours: BTreeSet<&str> = world.lsoas.iter().map(|l| l.code.as_str()).collect();
    let outside = rows.iter().filter(|r| !r[7].is_empty() && !ours.contains(r[7].as_str())).count();
    assert!((35..=50).contains(&per_mille(outside)), "{outside}");
    assert!(rows.iter().all(|r| r[0].is_empty() == (r[9] == "Anti-social behaviour")));
    let identified: Vec<&str> = rows.iter().map(|r| r[0].as_str()).filter(|id| !id.is_empty()).collect();
    let repeated = identified.len() - identified.iter().collect::<BTreeSet<_>>().len();
    assert!((60..=300).contains(&repeated), "{repeated}");
}

#[test]
fn points_lie_in_the_stated_lsoa_but_for_three_in_a_hundred() {
    let (world, rows) = made();
    let (mut inside, mut beside) = (0_usize, 0_usize);
    for row in rows.iter().filter(|r| !r[4].is_empty()) {
        let Some(lsoa) = world.lsoas.iter().find(|l| l.code == row[7]) else { continue };
        let ll = (row[4].parse::<f64>().unwrap(), row[5].parse::<f64>().unwrap());
        let (easting, northing) = lonlat_bng::convert_osgb36(ll.0, ll.1).unwrap();
        let point = Point { easting: easting.round() as i32, northing: northing.round() as i32 };
        if lsoa.polygon.contains(point) {
            inside += 1;
        } else {
            beside += 1;
        }
    }
    let per_mille = beside * 1_000 / (inside + beside);
    assert!((22..=36).contains(&per_mille), "{beside} of {}", inside + beside);
}

#[test]
fn planted_truths_are_in_the_rows() {
    let (world, rows) = made();
    let count =
        |crime_type: &str, year: &str| rows.iter().filter(|r| r[9] == crime_type && r[1].starts_with(year)).count();
    assert!(count("Burglary", "2025") * 100 < count("Burglary", "2023") * 75);
    assert!(count("Shoplifting", "2025") * 100 > count("Shoplifting", "2023") * 115);
    let expected = Expected::new(world);
    let hot: Vec<&str> = expected.hot_lsoas().map(|l| world.lsoas[l].code.as_str()).collect();
    let damage = |later: bool| {
        let kind = "Criminal damage and arson";
        rows.iter()
            .filter(|r| r[9] == kind && hot.contains(&r[7].as_str()) && (r[1].as_str() >= "2024-07") == later)
            .count()
    };
    assert!(damage(true) > 3 * damage(false), "{} {}", damage(false), damage(true));
    let rate = |keep: &dyn Fn(&Lsoa) -> bool| {
        let lsoas: Vec<&Lsoa> = world.lsoas.iter().filter(|l| keep(l)).collect();
        let codes: BTreeSet<&str> = lsoas.iter().map(|l| l.code.as_str()).collect();
        let violence = rows.iter().filter(|r| r[9].starts_with("Violence") && codes.contains(r[7].as_str())).count();
        violence * 1_000 / lsoas.iter().map(|l| l.people(2024).total() as usize).sum::<usize>()
    };
    assert!(rate(&|l| l.need > 800) > 2 * rate(&|l| l.need < 200), "deprivation gradient");
    assert!(rate(&|l| l.centre > 600) > rate(&|l| l.centre == 0), "centres");
}
