//! The geography's files, as `sample-data/geography/geography.toml` describes them.

use std::fmt::Write as _;

use super::project::{micro, to_lonlat};
use crate::output::{csv_row, packed};
use crate::world::{Area, Lsoa, Point, Polygon, SampleFile, TestkitError, World};

/// Makes every file of the geography but its manifest.
pub(crate) fn files(world: &World) -> Result<Vec<SampleFile>, TestkitError> {
    let lsoas = world.lsoas.iter().map(|l| feature(&["LSOA21CD", "LSOA21NM"], &l.code, &l.name, &[&l.polygon]));
    let context = world.context.iter().map(|area| area_feature(&["LAD25CD", "LAD25NM"], area));
    let county = std::iter::once(area_feature(&["CTY25CD", "CTY25NM"], &world.county));
    let texts = [
        ("lsoa21.geojson", collection("Synthetic LSOAs of 2021", lsoas)),
        ("context.geojson", collection("Synthetic outlines of neighbouring districts", context)),
        ("county.geojson", collection("Synthetic outline of the county", county)),
        ("lsoa21-msoa21-ward25-district25.csv", hierarchy(world)),
        ("lsoa21-pcn25.csv", membership(world, "PCN25", &world.pcns, |lsoa| Some(lsoa.pcn))),
        ("lsoa21-beat25.csv", membership(world, "BEAT25", &world.beats, |lsoa| Some(lsoa.beat))),
        ("lsoa21-neighbourhood25.csv", membership(world, "NBH25", &world.neighbourhoods, |lsoa| lsoa.neighbourhood)),
        ("lsoa11-lsoa21.csv", former(world)),
        ("postcodes.csv", postcodes(world)),
        ("practices.csv", practices(world)),
        ("lsoa21-population23.csv", population(world)),
    ];
    texts.into_iter().map(|(name, text)| packed(&format!("geography/{name}"), text.as_bytes())).collect()
}

/// A GeoJSON feature collection, one feature a line.
pub(crate) fn collection(name: &str, features: impl Iterator<Item = String>) -> String {
    let features = features.collect::<Vec<_>>().join(",\n");
    format!("{{\"type\":\"FeatureCollection\",\"name\":\"{name}\",\"features\":[\n{features}\n]}}\n")
}

fn area_feature(keys: &[&str; 2], area: &Area) -> String {
    feature(keys, &area.code, &area.name, &area.polygons.iter().collect::<Vec<_>>())
}

fn feature(keys: &[&str; 2], code: &str, name: &str, polygons: &[&Polygon]) -> String {
    let [code_key, name_key] = keys;
    let (kind, coordinates) = match polygons {
        [polygon] => ("Polygon", rings(polygon)),
        several => ("MultiPolygon", format!("[{}]", several.iter().map(|p| rings(p)).collect::<Vec<_>>().join(","))),
    };
    format!(
        "{{\"type\":\"Feature\",\"properties\":{{\"{code_key}\":\"{code}\",\"{name_key}\":\"{name}\"}},\
         \"geometry\":{{\"type\":\"{kind}\",\"coordinates\":{coordinates}}}}}"
    )
}

fn rings(polygon: &Polygon) -> String {
    let mut out = String::from("[");
    for (position, ring) in std::iter::once(&polygon.outer).chain(&polygon.holes).enumerate() {
        out.push_str(if position > 0 { ",[" } else { "[" });
        for (position, point) in ring.iter().enumerate() {
            out.push_str(if position > 0 { "," } else { "" });
            out.push_str(&coordinates(*point));
        }
        out.push(']');
    }
    out.push(']');
    out
}

/// A GeoJSON position: longitude, latitude.
pub(crate) fn coordinates(point: Point) -> String {
    let place = to_lonlat(point);
    format!("[{},{}]", micro(place.longitude), micro(place.latitude))
}

fn code_name(areas: &[Area], position: usize) -> [&str; 2] {
    areas.get(position).map_or(["", ""], |area| [area.code.as_str(), area.name.as_str()])
}

fn hierarchy(world: &World) -> String {
    let mut out = String::new();
    let header = "LSOA21CD,LSOA21NM,MSOA21CD,MSOA21NM,MSOA21HCLNM,WD25CD,WD25NM,LAD25CD,LAD25NM,CTY25CD,CTY25NM";
    csv_row(&mut out, header.split(','));
    for lsoa in &world.lsoas {
        let [msoa, msoa_name] = code_name(&world.msoas, lsoa.msoa);
        let [ward, ward_name] = code_name(&world.wards, lsoa.ward);
        let [district, district_name] = code_name(&world.districts, lsoa.district);
        // An LSOA's name is its middle-layer area's name and a letter.
        let msoa_number = lsoa.name.get(..lsoa.name.len().saturating_sub(1)).unwrap_or_default();
        let county = [world.county.code.as_str(), world.county.name.as_str()];
        csv_row(
            &mut out,
            [&lsoa.code, &lsoa.name, msoa, msoa_number, msoa_name, ward, ward_name, district, district_name]
                .into_iter()
                .chain(county),
        );
    }
    out
}

fn membership(world: &World, prefix: &str, areas: &[Area], group: impl Fn(&Lsoa) -> Option<usize>) -> String {
    let mut out = format!("LSOA21CD,LSOA21NM,{prefix}CD,{prefix}NM\n");
    for lsoa in &world.lsoas {
        if let Some(position) = group(lsoa) {
            let [code, name] = code_name(areas, position);
            csv_row(&mut out, [&lsoa.code, &lsoa.name, code, name]);
        }
    }
    out
}

fn former(world: &World) -> String {
    let mut out = String::from("LSOA11CD,LSOA11NM,LSOA21CD,LSOA21NM,CHGIND,LAD22CD,LAD22NM\n");
    for area in &world.lsoa11 {
        for lsoa in area.lsoas.iter().filter_map(|lsoa| world.lsoas.get(*lsoa)) {
            let [district, district_name] = code_name(&world.districts, lsoa.district);
            let change = area.change.letter();
            csv_row(&mut out, [&area.code, &area.name, &lsoa.code, &lsoa.name, change, district, district_name]);
        }
    }
    out
}

fn postcodes(world: &World) -> String {
    let mut out = String::from("pcds,dointr,doterm,oseast1m,osnrth1m,osgrdind,lsoa21cd\n");
    for postcode in &world.postcodes {
        let month = |month: model::Month| format!("{:04}{:02}", month.year(), month.month());
        let lsoa = world.lsoas.get(postcode.lsoa).map_or("", |lsoa| lsoa.code.as_str());
        let ended = postcode.terminated.map(month).unwrap_or_default();
        let started = month(postcode.introduced);
        let Point { easting, northing } = postcode.point;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{},{started},{ended},{easting},{northing},{},{lsoa}", postcode.text, postcode.quality);
    }
    out
}

/// The people that areas are judged by: those of mid-2023, as the population estimates have them.
fn population(world: &World) -> String {
    let mut out = String::from("LSOA21CD,LSOA21NM,POPULATION\n");
    for lsoa in &world.lsoas {
        csv_row(&mut out, [&lsoa.code, &lsoa.name, lsoa.people(2023).total().to_string().as_str()]);
    }
    out
}

fn practices(world: &World) -> String {
    let mut out = String::from("PRACTICE_CODE,PRACTICE_NAME,PRACTICE_LIST_SIZE,PCN25CD,PCN25NM\n");
    for practice in &world.practices {
        let [code, name] = code_name(&world.pcns, practice.pcn);
        csv_row(&mut out, [&practice.code, &practice.name, practice.list_size.to_string().as_str(), code, name]);
    }
    out
}
