//! Postcodes in unallocated districts, and general practices.

use model::Month;

use super::grow::at;
use super::plan::Plan;
use crate::random::{Random, Seed};
use crate::world::{Area, Lsoa, Point, Postcode, Practice, TestkitError};

/// Postcode districts that were never allocated, one for each of our districts.
const OUTWARD: [&str; 2] = ["PR99", "PR98"];
/// Letters used in inward codes.
const LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";
/// People to a postcode.
const PEOPLE_A_POSTCODE: u32 = 39;
/// Metres that every postcode keeps from its LSOA's border, so that no rounding moves it out.
const MARGIN: i32 = 5;

fn month(year: i32, month: i32) -> Result<Month, TestkitError> {
    Month::new(year, month).ok_or_else(|| TestkitError::World(format!("no such month: {year}-{month}")))
}

/// Draws the postcodes of every LSOA; about one in twelve was ended, and some of those are in use again elsewhere.
pub(crate) fn postcodes(seed: Seed, plan: &Plan, lsoas: &[Lsoa]) -> Result<Vec<Postcode>, TestkitError> {
    let mut random = Random::stream(seed, "postcodes");
    let mut all = Vec::new();
    for district in 0..OUTWARD.len() {
        let mut unit = 0_usize;
        let mut ended: Vec<Postcode> = Vec::new();
        for (number, lsoa) in lsoas.iter().enumerate().filter(|(_, l)| l.district == district) {
            let sites = Sites::new(plan, number, lsoa);
            let count = lsoa.people(2024).total() / PEOPLE_A_POSTCODE + random.below(7);
            for _ in 0..count {
                let postcode = Postcode {
                    text: text(district, unit),
                    lsoa: number,
                    point: sites.draw(&mut random),
                    introduced: introduced(&mut random)?,
                    terminated: None,
                    quality: if random.chance(1, 25) { 2 + random.below(5) as u8 } else { 1 },
                };
                unit += 1;
                if random.chance(1, 12) && postcode.introduced < month(2012, 1)? {
                    let end = month(2014 + random.between(0, 11), random.between(1, 12))?;
                    ended.push(Postcode { terminated: Some(end), ..postcode });
                } else {
                    all.push(postcode);
                }
            }
        }
        reuse(&mut random, plan, lsoas, district, &ended, &mut all)?;
        all.extend(ended);
    }
    all.sort_by(|a, b| (&a.text, a.introduced).cmp(&(&b.text, b.introduced)));
    Ok(all)
}

fn introduced(random: &mut Random) -> Result<Month, TestkitError> {
    // Most are as old as the national directory's own first date.
    if random.chance(3, 4) { month(1980, 1) } else { month(1990 + random.between(0, 32), random.between(1, 12)) }
}

/// Brings every eighth ended postcode back, at least two years later and in another LSOA of the district.
fn reuse(
    random: &mut Random,
    plan: &Plan,
    lsoas: &[Lsoa],
    district: usize,
    ended: &[Postcode],
    all: &mut Vec<Postcode>,
) -> Result<(), TestkitError> {
    let last = month(2025, 6)?;
    for old in ended.iter().step_by(8) {
        let Some(end) = old.terminated.map(|end| end.plus(24 + random.between(0, 12))).filter(|m| *m <= last) else {
            continue;
        };
        let number = (district * 70) + random.below(70) as usize;
        let Some(lsoa) = lsoas.get(number).filter(|_| number != old.lsoa) else { continue };
        let point = Sites::new(plan, number, lsoa).draw(random);
        all.push(Postcode { lsoa: number, point, introduced: end, terminated: None, quality: 1, ..old.clone() });
    }
    Ok(())
}

fn text(district: usize, unit: usize) -> String {
    let letter = |place: usize| char::from(at(LETTERS, place % 20));
    let outward = OUTWARD.get(district).copied().unwrap_or_default();
    format!("{outward} {}{}{}", unit / 400, letter(unit / 20), letter(unit))
}

/// Places within one LSOA, drawn by where people live.
pub(crate) struct Sites<'a> {
    lsoa: &'a Lsoa,
    centres: Vec<Point>,
    weights: Vec<u32>,
}

impl<'a> Sites<'a> {
    pub(crate) fn new(plan: &Plan, number: usize, lsoa: &'a Lsoa) -> Self {
        let cells = plan.patches.get(number).map(|patch| patch.cells.as_slice()).unwrap_or_default();
        Self {
            lsoa,
            centres: cells.iter().map(|cell| plan.lattice.centre(*cell)).collect(),
            weights: cells.iter().map(|cell| at(&plan.density, *cell) as u32).collect(),
        }
    }

    /// A point inside the LSOA's outline and not at its very border.
    pub(crate) fn draw(&self, random: &mut Random) -> Point {
        for _ in 0..40 {
            let centre = self.centres.get(random.weighted(&self.weights)).copied().unwrap_or_default();
            let point = Point {
                easting: centre.easting + random.between(-105, 105),
                northing: centre.northing + random.between(-105, 105),
            };
            if self.lsoa.polygon.contains_with_margin(point, MARGIN) {
                return point;
            }
        }
        self.lsoa.centroid
    }
}

/// Three or four practices a network; together they have a few more patients than there are people.
pub(crate) fn practices(seed: Seed, pcns: &[Area], lsoas: &[Lsoa]) -> Vec<Practice> {
    const NAMES: [&str; 22] = [
        "Beech Grove Surgery",
        "Bridge Street Practice",
        "Cuerden View Surgery",
        "Dalehouse Medical Centre",
        "Elmwood Surgery",
        "Fairmile Practice",
        "Greenbank Health Centre",
        "Hawthorn Surgery",
        "Ivy House Practice",
        "Kingfisher Medical Centre",
        "Larkfield Surgery",
        "Mill Lane Practice",
        "Northgate Surgery",
        "Orchard Health Centre",
        "Pennine View Surgery",
        "Queensway Practice",
        "Riverside Medical Centre",
        "Station Road Surgery",
        "Three Lanes Practice",
        "Willow Park Surgery",
        "Yarrow Medical Centre",
        "Withy Trees Practice",
    ];
    let mut random = Random::stream(seed, "practices");
    let mut practices = Vec::new();
    for pcn in 0..pcns.len() {
        let people: u32 = lsoas.iter().filter(|l| l.pcn == pcn).map(|l| l.people(2024).total()).sum();
        let count = if pcn % 3 == 2 { 3 } else { 4 };
        let shares: Vec<u32> = (0..count).map(|_| 60 + random.below(90)).collect();
        let total: u32 = shares.iter().sum();
        for share in shares {
            let number = practices.len();
            practices.push(Practice {
                code: format!("P99{:03}", number + 1),
                name: NAMES.get(number).copied().unwrap_or("Village Surgery").to_owned(),
                pcn,
                list_size: people * 103 / 100 * share / total.max(1),
            });
        }
    }
    practices
}
