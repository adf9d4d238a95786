//! Indices of deprivation in the columns of the 2019 release's file 7 (all scores, ranks, deciles and population), on
//! LSOAs of 2011.

use super::path;
use crate::geography::{at, score_milli};
use crate::output::{csv_row, packed};
use crate::random::{Random, Seed};
use crate::world::{Lsoa11, SampleFile, TestkitError, World};

/// LSOAs of England in 2011.
const ENGLAND: i64 = 32_844;

/// The indices and domains as the file heads their columns: name, what follows "Score", and the greatest score in
/// thousandths.
const DOMAINS: [(&str, &str, i64); 16] = [
    ("Index of Multiple Deprivation (IMD)", "", 92_700),
    ("Income", " (rate)", 580),
    ("Employment", " (rate)", 460),
    ("Education, Skills and Training", "", 91_000),
    ("Health Deprivation and Disability", "", 3_300),
    ("Crime", "", 3_100),
    ("Barriers to Housing and Services", "", 61_000),
    ("Living Environment", "", 88_000),
    ("Income Deprivation Affecting Children Index (IDACI)", " (rate)", 720),
    ("Income Deprivation Affecting Older People (IDAOPI)", " (rate)", 700),
    ("Children and Young People Sub-domain", "", 2_700),
    ("Adult Skills Sub-domain", "", 590),
    ("Geographical Barriers Sub-domain", "", 2_600),
    ("Wider Barriers Sub-domain", "", 6_200),
    ("Indoors Sub-domain", "", 2_900),
    ("Outdoors Sub-domain", "", 2_800),
];

/// How many LSOAs of other districts the file also holds, as the real file holds all of England.
const ELSEWHERE: u32 = 40;

pub(super) fn files(seed: Seed, world: &World) -> Result<Vec<SampleFile>, TestkitError> {
    let mut random = Random::stream(seed, "deprivation");
    let mut out = String::new();
    csv_row(&mut out, headers());
    for area in &world.lsoa11 {
        let district = world.districts.get(area.district).map_or(["", ""], |d| [d.code.as_str(), d.name.as_str()]);
        let ages = people(world, area);
        row(&mut out, &mut random, area, district, ages);
    }
    for number in 0..ELSEWHERE {
        let rank = random.between(1, ENGLAND as i32);
        let Some(district) = world.context.get(random.below(10) as usize) else { continue };
        let area = Lsoa11 {
            code: format!("E0198{:04}", 9_000 + number),
            name: format!("{} {:03}A", district.name, number + 1),
            imd_rank: rank as u32,
            imd_decile: ((i64::from(rank) - 1) * 10 / ENGLAND + 1) as u32,
            imd_score_milli: score_milli(i64::from(rank)) as u32,
            ..elsewhere()
        };
        row(&mut out, &mut random, &area, [&district.code, &district.name], [310, 900, 420]);
    }
    let path = path("ministry-of-housing-communities-and-local-government", "deprivation", "2019", "csv");
    Ok(vec![packed(&path, out.as_bytes())?])
}

fn elsewhere() -> Lsoa11 {
    Lsoa11 {
        code: String::new(),
        name: String::new(),
        district: 0,
        change: crate::world::Change::Unchanged,
        lsoas: Vec::new(),
        imd_rank: 0,
        imd_decile: 0,
        imd_score_milli: 0,
    }
}

/// The headers exactly as published: commas inside, and a space at the end of the last.
fn headers() -> Vec<String> {
    let mut headers: Vec<String> = [
        "LSOA code (2011)",
        "LSOA name (2011)",
        "Local Authority District code (2019)",
        "Local Authority District name (2019)",
    ]
    .map(str::to_owned)
    .to_vec();
    for (name, unit, _) in DOMAINS {
        headers.push(format!("{name} Score{unit}"));
        headers.push(format!("{name} Rank (where 1 is most deprived)"));
        headers.push(format!("{name} Decile (where 1 is most deprived 10% of LSOAs)"));
    }
    headers.extend(
        [
            "Total population: mid 2015 (excluding prisoners)",
            "Dependent Children aged 0-15: mid 2015 (excluding prisoners)",
            "Population aged 16-59: mid 2015 (excluding prisoners)",
            "Older population aged 60 and over: mid 2015 (excluding prisoners)",
            "Working age population 18-59/64: for use with Employment Deprivation Domain (excluding prisoners) ",
        ]
        .map(str::to_owned),
    );
    headers
}

/// People of a 2011 area aged 0 to 15, 16 to 59, 60 and over, by the (later) estimates of what it became.
fn people(world: &World, area: &Lsoa11) -> [u32; 3] {
    let mut ages = [0; 3];
    for lsoa in area.lsoas.iter().filter_map(|lsoa| world.lsoas.get(*lsoa)) {
        let sharers = lsoa.lsoa11.len().max(1) as u32;
        let people = lsoa.people(2023);
        for (total, (from, to)) in ages.iter_mut().zip([(0, 15), (16, 59), (60, 90)]) {
            *total += (people.count(true, from, to) + people.count(false, from, to)) / sharers;
        }
    }
    ages
}

fn row(out: &mut String, random: &mut Random, area: &Lsoa11, district: [&str; 2], ages: [u32; 3]) {
    let [code, name] = district.map(str::to_owned);
    let mut fields = vec![area.code.clone(), area.name.clone(), code, name];
    for (domain, (_, _, greatest)) in DOMAINS.iter().enumerate() {
        let (rank, decile, score) = if domain == 0 {
            (i64::from(area.imd_rank), i64::from(area.imd_decile), i64::from(area.imd_score_milli))
        } else {
            // Barriers to housing are worst in the country; the other domains follow the index.
            let own = i64::from(area.imd_rank);
            let base = if matches!(domain, 6 | 12) { ENGLAND - own } else { own };
            let rank = (base + i64::from(random.between(-4_200, 4_200))).clamp(1, ENGLAND);
            (rank, (rank - 1) * 10 / ENGLAND + 1, score_milli(rank) * greatest / 92_700)
        };
        fields.extend([format!("{}.{:03}", score / 1_000, score % 1_000), rank.to_string(), decile.to_string()]);
    }
    let [children, adults, older] = [0, 1, 2].map(|band| at(&ages, band));
    let working = adults * 96 / 100 + older / 10;
    fields.extend([children + adults + older, children, adults, older, working].map(|number| number.to_string()));
    csv_row(out, fields);
}

/// The ends of the order, and the ties.
pub(super) fn truth(world: &World) -> String {
    let mut order: Vec<&Lsoa11> = world.lsoa11.iter().collect();
    order.sort_by_key(|area| (area.imd_rank, &area.code));
    let line = |area: &Lsoa11| format!("{} {} (rank {})", area.code, area.name, area.imd_rank);
    let list = |areas: Vec<String>| areas.join(", ");
    let tied = order.windows(2).filter_map(|pair| match pair {
        [a, b] if a.imd_rank == b.imd_rank => Some(format!("{} and {} (rank {})", a.code, b.code, a.imd_rank)),
        _ => None,
    });
    let decile = |decile: u32| world.lsoa11.iter().filter(|area| area.imd_decile == decile).count();
    format!(
        "### Deprivation\n\nLSOAs of 2011. Most deprived: {}. Least deprived: {}. In decile 1: {}; in decile 10: {}. \
         Ranks that two areas share: {}. {ELSEWHERE} rows are of LSOAs outside the partnership.\n",
        list(order.iter().take(5).map(|area| line(area)).collect()),
        list(order.iter().rev().take(3).map(|area| line(area)).collect()),
        decile(1),
        decile(10),
        list(tied.collect()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_the_release() {
        let headers = headers();
        assert_eq!(headers.len(), 57);
        assert_eq!(headers.iter().filter(|h| h.contains(',')).count(), 3);
        assert!(headers.last().unwrap().ends_with(' '));
        assert_eq!(headers[5], "Index of Multiple Deprivation (IMD) Rank (where 1 is most deprived)");
        assert_eq!(headers[7], "Income Score (rate)");
    }
}
