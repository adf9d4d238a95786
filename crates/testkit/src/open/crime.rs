//! Street crime in the columns of the police's open data, one file a month.

mod dirt;
mod model;

use std::fmt::Write as _;

use self::dirt::Dirt;
use self::model::{Expected, TYPES};
use super::{first_month, path};
use crate::geography::distance2;
use crate::geography::project::{micro, to_lonlat};
use crate::output::{Made, csv_row, packed};
use crate::random::{Random, Seed};
use crate::world::{Lsoa, Point, Postcode, SampleFile, TestkitError, World};

/// Months of data.
pub(super) const MONTHS: usize = 36;
/// Map points of an LSOA, to which crimes are moved.
const MAP_POINTS: usize = 14;

/// The header as published.
const HEADER: &str = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,\
                      Last outcome category,Context";

const STREETS: [&str; 40] = [
    "Alder Close",
    "Ashfield Road",
    "Bannister Lane",
    "Beacon Street",
    "Beech Avenue",
    "Birch Road",
    "Bridge Street",
    "Brook Street",
    "Canal Walk",
    "Chapel Lane",
    "Cherry Tree Drive",
    "Church Road",
    "Cross Street",
    "Devonshire Road",
    "Elm Grove",
    "Fell View",
    "Fieldside Avenue",
    "Garden Street",
    "Hawthorn Close",
    "Hill Top Lane",
    "Kingsway",
    "Larch Drive",
    "Lime Grove",
    "Long Meadow",
    "Manor Road",
    "Mill Street",
    "Moss Lane",
    "Oak Avenue",
    "Old School Lane",
    "Park Road",
    "Pinewood Drive",
    "Quarry Road",
    "Rowan Close",
    "School Lane",
    "Spring Gardens",
    "Station Road",
    "Victoria Street",
    "Water Street",
    "Willow Drive",
    "Wood Lane",
];
const CENTRE_PLACES: [&str; 6] =
    ["Supermarket", "Shopping Area", "Parking Area", "Nightclub", "Petrol Station", "Bus/Coach Station"];

/// A place that crimes are moved to.
#[derive(Debug, Clone)]
struct MapPoint {
    point: Point,
    location: String,
}

/// One row before it is written.
#[derive(Debug, Clone)]
struct Row {
    id: String,
    month: usize,
    /// Nothing where the source has no place.
    place: Option<MapPoint>,
    lsoa: Option<(String, String)>,
    crime_type: usize,
    outcome: &'static str,
}

/// What was made, counted for `TRUTH.md`.
#[derive(Debug, Clone, Default)]
struct Counts {
    rows: u32,
    /// By crime type and year, rows of the partnership with a place.
    by_type: Vec<[u32; 3]>,
    hot_before: u32,
    hot_after: u32,
    without_place: u32,
    outside: u32,
    displaced: u32,
    duplicates: u32,
}

pub(super) fn make(seed: Seed, world: &World) -> Result<Made, TestkitError> {
    let expected = Expected::new(world);
    let points: Vec<Vec<MapPoint>> = world.lsoas.iter().map(|lsoa| map_points(seed, world, lsoa)).collect();
    let mut dirt = Dirt::new(seed, world);
    let mut random = Random::stream(seed, "street-crime");
    let mut counts = Counts { by_type: vec![[0; 3]; TYPES.len()], ..Counts::default() };
    let mut files = Vec::new();
    for month in 0..MONTHS {
        let mut rows = Vec::new();
        for (number, lsoa) in world.lsoas.iter().enumerate() {
            let points = points.get(number).map(Vec::as_slice).unwrap_or_default();
            for crime_type in 0..TYPES.len() {
                let count = random.poisson(expected.milli(number, crime_type, month));
                for _ in 0..count {
                    let row = draw(&mut random, lsoa, points, crime_type, month);
                    let row = dirt.soil(row, number, &mut counts);
                    note(&mut counts, &row, expected.is_hot(number));
                    rows.push(row);
                }
            }
        }
        dirt.add_outside(&mut rows, month, &mut counts);
        dirt.add_duplicates(&mut rows, &mut counts);
        counts.rows += rows.len() as u32;
        files.push(file(month, &rows)?);
    }
    Ok(Made { files, truth: truth(world, &expected, &counts) })
}

/// The map points of an LSOA: some of its postcodes, busier places first.
fn map_points(seed: Seed, world: &World, lsoa: &Lsoa) -> Vec<MapPoint> {
    let mut random = Random::stream(seed, &lsoa.code);
    let postcodes: Vec<&Postcode> = lsoa.postcodes.iter().filter_map(|p| world.postcodes.get(*p)).collect();
    let step = (postcodes.len() / MAP_POINTS).max(1);
    postcodes
        .into_iter()
        .step_by(step)
        .take(MAP_POINTS)
        .map(|postcode| {
            let busy = random.chance(lsoa.centre, 1_800);
            let names = if busy { CENTRE_PLACES.as_slice() } else { STREETS.as_slice() };
            let name = random.pick(names).copied().unwrap_or_default();
            MapPoint { point: postcode.point, location: format!("On or near {name}") }
        })
        .collect()
}

fn draw(random: &mut Random, lsoa: &Lsoa, points: &[MapPoint], crime_type: usize, month: usize) -> Row {
    let weights: Vec<u32> = (1..=points.len() as u32).map(|place| 1_000 / (place + 2)).collect();
    let identified = crime_type != model::ANTI_SOCIAL;
    let id = if identified { crime_id(random) } else { String::new() };
    Row {
        id,
        month,
        place: points.get(random.weighted(&weights)).cloned(),
        lsoa: Some((lsoa.code.clone(), lsoa.name.clone())),
        crime_type,
        outcome: model::outcome(random, crime_type, month),
    }
}

/// 64 hexadecimal digits, as the police's crime identifiers are.
fn crime_id(random: &mut Random) -> String {
    let mut id = String::new();
    for _ in 0..4 {
        // Writing to a string cannot fail.
        let _ = write!(id, "{:016x}", random.next_u64());
    }
    id
}

fn note(counts: &mut Counts, row: &Row, hot: bool) {
    if row.place.is_none() {
        return;
    }
    if let Some(year) = counts.by_type.get_mut(row.crime_type).and_then(|years| years.get_mut(row.month / 12)) {
        *year += 1;
    }
    if hot && row.crime_type == model::HOT_TYPE {
        if row.month < model::HOT_FROM {
            counts.hot_before += 1;
        } else {
            counts.hot_after += 1;
        }
    }
}

fn file(month: usize, rows: &[Row]) -> Result<SampleFile, TestkitError> {
    let label = label(month)?;
    let mut out = format!("{HEADER}\n");
    for row in rows {
        let (longitude, latitude) = row.place.as_ref().map_or((String::new(), String::new()), |place| {
            let at = to_lonlat(place.point);
            (micro(at.longitude), micro(at.latitude))
        });
        let location = row.place.as_ref().map_or("No Location", |place| place.location.as_str());
        let (code, name) = row.lsoa.as_ref().map_or(("", ""), |(code, name)| (code.as_str(), name.as_str()));
        let crime_type = TYPES.get(row.crime_type).map_or("", |t| t.name);
        let force = "Lancashire Constabulary";
        let place = [longitude.as_str(), latitude.as_str(), location, code, name];
        let head = [row.id.as_str(), label.as_str(), force, force];
        csv_row(&mut out, head.into_iter().chain(place).chain([crime_type, row.outcome, ""]));
    }
    packed(&path("lancashire-constabulary", "street-crime", &label, "csv"), out.as_bytes())
}

/// A month as the file writes it, `2023-01`.
fn label(month: usize) -> Result<String, TestkitError> {
    Ok(first_month()?.plus(month as i32).to_string())
}

fn truth(world: &World, expected: &Expected, counts: &Counts) -> String {
    let mut out = format!(
        "### Street crime\n\n{} rows in {MONTHS} files. {} have no coordinates and no LSOA; {} are outside the partnership; {} \
         have a point a few metres outside the LSOA they state; {} repeat a row with the same Crime ID in the same file. \
         Anti-social behaviour has no Crime ID.\n\nRows by type and year (of the partnership, with a place, before \
         duplicates):\n\n| crime type | 2023 | 2024 | 2025 |\n|---|---|---|---|\n",
        counts.rows, counts.without_place, counts.outside, counts.displaced, counts.duplicates
    );
    for (crime_type, [a, b, c]) in TYPES.iter().zip(&counts.by_type) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} | {a} | {b} | {c} |", crime_type.name.to_lowercase());
    }
    let hot = |l: &Lsoa| format!("{} {} (need {} of 1,000)", l.code, l.name, l.need);
    let hot: Vec<String> = expected.hot_lsoas().filter_map(|l| world.lsoas.get(l)).map(hot).collect();
    let _ = write!(
        out,
        "\n- **Trend:** burglary falls in a straight line over the 36 months to half of where it began, everywhere; \
         shoplifting rises by two fifths.\n- **Hot spot:** from 2024-07 criminal damage and arson is five times as \
         frequent in {}: {} in the 18 months before, {} in the 18 months since.\n- **Centres and deprivation:** \
         shoplifting, violence and anti-social behaviour gather in the town centres of Chorley and Leyland; violence, \
         criminal damage and anti-social behaviour rise with deprivation.\n",
        hot.join(", "),
        counts.hot_before,
        counts.hot_after
    );
    out
}

#[cfg(test)]
mod tests;
