//! The partnership's places, made from the seed.

mod border;
mod deprivation;
mod files;
mod groups;
mod grow;
mod lattice;
mod noise;
mod people;
mod places;
mod plan;
mod postcodes;
pub mod project;

use border::Borders;
use groups::Groups;
use places::{
    BEATS, CHORLEY_MSOAS, CHORLEY_WARDS, CONTEXT, CONTEXT_IN_COUNTY, NEIGHBOURHOODS, PCNS, SOUTH_RIBBLE_MSOAS,
    SOUTH_RIBBLE_WARDS,
};
use plan::Plan;

use crate::random::Seed;
use crate::world::{Area, Change, Lsoa, Polygon, TestkitError, World};

pub(crate) use deprivation::score_milli;
pub(crate) use files::{collection as feature_collection, coordinates as point_text};
pub(crate) use grow::{at, distance2};

/// First label that is not an LSOA.
const LSOAS: u16 = 140;

/// Makes the partnership.
///
/// # Errors
/// If the drawn geography does not have the promised numbers of areas.
pub fn world(seed: Seed) -> Result<World, TestkitError> {
    let plan = Plan::draw(seed)?;
    let groups = Groups::draw(&plan)?;
    let borders = Borders::draw(&plan.lattice, &plan.labels, LSOAS);
    let raw = people::raw_need(seed, &plan);
    let need = people::ranked(&raw);
    let populations = people::populations(seed, &plan, &need);

    let msoa: Vec<usize> = plan.patches.iter().map(|patch| patch.district * CHORLEY_MSOAS.len() + patch.msoa).collect();
    let msoa_names = msoa_names();
    let mut lsoa11 = groups::former_lsoas(seed, &plan, &msoa, &msoa_names);
    deprivation::rank(&mut lsoa11, &raw);

    let lsoa_of = |label: u16| (label < LSOAS).then_some(usize::from(label));
    let mut outlines = borders.outlines(usize::from(LSOAS), lsoa_of).into_iter();
    let mut lsoas = Vec::new();
    let mut letters = vec![0_u8; msoa_names.len()];
    for ((number, patch), population) in plan.patches.iter().enumerate().zip(populations) {
        let polygon = only(outlines.next().unwrap_or_default())?;
        let own = at(&msoa, number);
        let letter = letters.get_mut(own).map_or(0, |next| std::mem::replace(next, *next + 1));
        let former: Vec<usize> =
            (0..lsoa11.len()).filter(|f| lsoa11.get(*f).is_some_and(|area| area.lsoas.contains(&number))).collect();
        let main = former.first().and_then(|f| lsoa11.get(*f));
        lsoas.push(Lsoa {
            code: format!("E0199{:04}", number + 1),
            name: format!("{}{}", msoa_names.get(own).map_or("", String::as_str), char::from(b'A' + letter)),
            district: patch.district,
            msoa: own,
            ward: at(&groups.ward, number),
            pcn: at(&groups.pcn, number),
            beat: at(&groups.beat, number),
            neighbourhood: at(&groups.neighbourhood, number),
            population,
            need: at(&need, number),
            centre: people::centre(patch.middle),
            deprivation_rank: main.map_or(0, |area| area.imd_rank),
            deprivation_decile: main.map_or(0, |area| area.imd_decile),
            imd_score_milli: main.map_or(0, |area| area.imd_score_milli),
            centroid: inner_point(&plan, number, &polygon),
            polygon,
            lsoa11: former,
            postcodes: Vec::new(),
        });
    }
    let mut world = World { lsoas, lsoa11, ..areas(&borders, &plan, &groups) };
    world.postcodes = postcodes::postcodes(seed, &plan, &world.lsoas)?;
    for (position, postcode) in world.postcodes.iter().enumerate() {
        if let Some(lsoa) = world.lsoas.get_mut(postcode.lsoa) {
            lsoa.postcodes.push(position);
        }
    }
    world.practices = postcodes::practices(seed, &world.pcns, &world.lsoas);
    check(&world)?;
    Ok(world)
}

fn msoa_names() -> Vec<String> {
    let numbered = |district: &str, count: usize| (1..=count).map(|n| format!("{district} {n:03}")).collect::<Vec<_>>();
    let mut names = numbered("Chorley", CHORLEY_MSOAS.len());
    names.extend(numbered("South Ribble", SOUTH_RIBBLE_MSOAS.len()));
    names
}

fn only(polygons: Vec<Polygon>) -> Result<Polygon, TestkitError> {
    let mut polygons = polygons.into_iter();
    match (polygons.next(), polygons.next()) {
        (Some(polygon), None) => Ok(polygon),
        _ => Err(TestkitError::World("an LSOA is not one polygon".to_owned())),
    }
}

/// The cell centre nearest the middle that lies well inside.
fn inner_point(plan: &Plan, number: usize, polygon: &Polygon) -> crate::world::Point {
    let Some(patch) = plan.patches.get(number) else { return crate::world::Point::default() };
    let centres = patch.cells.iter().map(|cell| plan.lattice.centre(*cell));
    let inside = centres.filter(|point| polygon.contains_with_margin(*point, 20));
    inside.min_by_key(|point| distance2(*point, patch.middle)).unwrap_or(patch.middle)
}

/// Everything above the LSOA, with outlines.
fn areas(borders: &Borders<'_>, plan: &Plan, groups: &Groups) -> World {
    let msoa_of = |l: usize| plan.patches.get(l).map(|p| p.district * CHORLEY_MSOAS.len() + p.msoa);
    let district_of = |l: usize| plan.patches.get(l).map(|p| p.district);
    let made = |codes_names: Vec<(String, String)>, group: &dyn Fn(usize) -> Option<usize>| {
        let of_label = |label: u16| if label < LSOAS { group(usize::from(label)) } else { None };
        let outlines = borders.outlines(codes_names.len(), of_label);
        let areas = codes_names.into_iter().zip(outlines);
        areas.map(|((code, name), polygons)| Area { code, name, polygons }).collect::<Vec<_>>()
    };
    let numbered = |prefix: &str, digits: usize, names: Vec<&str>| -> Vec<(String, String)> {
        (1..).zip(names).map(|(n, name)| (format!("{prefix}{n:0digits$}"), name.to_owned())).collect()
    };
    let outline = |group: &dyn Fn(u16) -> bool| {
        borders.outlines(1, |label| group(label).then_some(0)).into_iter().next().unwrap_or_default()
    };
    let context = borders.outlines(CONTEXT.len(), |label| label.checked_sub(LSOAS).map(usize::from));
    let in_county = |label: u16| label < LSOAS + CONTEXT_IN_COUNTY as u16;
    let districts =
        [("E07990118", "Chorley"), ("E07990126", "South Ribble")].map(|(c, n)| (c.to_owned(), n.to_owned())).to_vec();
    let wards = CHORLEY_WARDS.iter().chain(&SOUTH_RIBBLE_WARDS).map(|ward| ward.0).collect();
    let msoas = CHORLEY_MSOAS.iter().chain(&SOUTH_RIBBLE_MSOAS).map(|(place, _)| place.0).collect();
    World {
        lsoas: Vec::new(),
        lsoa11: Vec::new(),
        msoas: made(numbered("E0299", 4, msoas), &msoa_of),
        wards: made(numbered("E0599", 4, wards), &|l| groups.ward.get(l).copied()),
        pcns: made(numbered("U99", 3, PCNS.iter().map(|p| p.0).collect()), &|l| groups.pcn.get(l).copied()),
        beats: made(numbered("BEAT-", 2, BEATS.iter().map(|p| p.0).collect()), &|l| groups.beat.get(l).copied()),
        neighbourhoods: made(numbered("NBH-", 2, NEIGHBOURHOODS.iter().map(|(p, _)| p.0).collect()), &|l| {
            at(&groups.neighbourhood, l)
        }),
        districts: made(districts, &district_of),
        partnership: Area {
            code: "CSR-PARTNERSHIP".to_owned(),
            name: "Chorley and South Ribble Partnership".to_owned(),
            polygons: outline(&|label| label < LSOAS),
        },
        county: Area { code: "E10990017".to_owned(), name: "Lancashire".to_owned(), polygons: outline(&in_county) },
        context: CONTEXT
            .iter()
            .zip(context)
            .map(|((code, name, _), polygons)| Area { code: (*code).to_owned(), name: (*name).to_owned(), polygons })
            .collect(),
        postcodes: Vec::new(),
        practices: Vec::new(),
    }
}

/// The geography's own files.
///
/// # Errors
/// If a file cannot be made.
pub fn files(world: &World) -> Result<Vec<crate::world::SampleFile>, TestkitError> {
    files::files(world)
}

/// The promises that the rest relies on.
fn check(world: &World) -> Result<(), TestkitError> {
    let fault = |message: &str| Err(TestkitError::World(message.to_owned()));
    if world.lsoas.iter().any(|lsoa| !lsoa.polygon.contains(lsoa.centroid)) {
        return fault("a centroid is outside its LSOA");
    }
    for areas in [&world.msoas, &world.wards, &world.pcns, &world.beats, &world.neighbourhoods, &world.districts] {
        if areas.iter().any(|area| area.polygons.is_empty()) {
            return fault("an area is empty");
        }
    }
    if !world.lsoa11.iter().any(|area| area.change == Change::Irregular) {
        return fault("no 2011 area is irregular");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
