//! A published directory of community assets, GeoJSON points.

use super::path;
use crate::geography::{feature_collection, point_text};
use crate::output::packed;
use crate::random::{Random, Seed};
use crate::world::{Lsoa, SampleFile, TestkitError, World};

/// Kinds of asset: name as the directory writes it, how many of 1,000, and whether more are found in centres.
const KINDS: [(&str, u32, u32); 13] = [
    ("Sports club", 140, 500),
    ("Place of worship", 130, 800),
    ("Playing field", 120, 0),
    ("Community centre", 110, 600),
    ("Youth club", 75, 700),
    ("Lunch club", 70, 500),
    ("Community garden", 65, 200),
    ("Warm space", 65, 1_500),
    ("Advice centre", 55, 3_000),
    ("Food bank", 50, 2_000),
    ("Library", 40, 2_500),
    ("Men's shed", 40, 300),
    ("Repair café", 40, 1_000),
];

/// Entries of the directory.
const ENTRIES: u32 = 600;
/// Editions, one a year.
const YEAR: &str = "2025";

pub(super) fn files(seed: Seed, world: &World) -> Result<Vec<SampleFile>, TestkitError> {
    let mut random = Random::stream(seed, "assets");
    let kinds: Vec<u32> = KINDS.iter().map(|(_, share, _)| *share).collect();
    let mut features = Vec::new();
    for number in 1..=ENTRIES {
        let Some((kind, _, pull)) = KINDS.get(random.weighted(&kinds)) else { continue };
        let weights: Vec<u32> = world.lsoas.iter().map(|lsoa| 1_000 + pull * lsoa.centre / 1_000).collect();
        let Some(lsoa) = world.lsoas.get(random.weighted(&weights)) else { continue };
        let Some(postcode) = random.pick(&lsoa.postcodes).and_then(|p| world.postcodes.get(*p)) else { continue };
        // One entry in sixty was never classified by the directory's editors.
        let written = if random.chance(1, 60) { "" } else { kind };
        features.push(format!(
            "{{\"type\":\"Feature\",\"properties\":{{\"asset_id\":\"CF-{number:04}\",\"name\":\"{} {}\",\
             \"asset_type\":\"{written}\",\"year\":\"{YEAR}\"}},\"geometry\":{{\"type\":\"Point\",\"coordinates\":{}}}}}",
            place_name(world, lsoa),
            kind.to_lowercase(),
            point_text(postcode.point)
        ));
    }
    let text = feature_collection("Synthetic directory of community assets", features.into_iter());
    Ok(vec![packed(&path("community-futures", "assets", YEAR, "geojson"), text.as_bytes())?])
}

fn place_name<'a>(world: &'a World, lsoa: &Lsoa) -> &'a str {
    world.msoas.get(lsoa.msoa).map_or("", |area| area.name.as_str())
}
