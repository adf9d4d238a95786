use std::io::{Read, Write};

use model::{DatasetId, Period, PeriodType};

use super::*;
use crate::Platform;
use crate::publish::PublishReport;
use crate::testing::Small;

const CLAIMANTS: &str = "department-for-work-and-pensions.claimants";
const POPULATION: &str = "office-for-national-statistics.population";
const QUARTER: &str = "2023-01-01/P3M";
const YEAR: &str = "2023-01-01/P1Y";

fn publish(platform: &Platform) -> PublishReport {
    platform.publish_pending(&mut |_| ()).unwrap()
}

fn id(dataset: &str) -> DatasetId {
    dataset.parse().unwrap()
}

/// The revision under which claimants are shown.
fn revision(platform: &Platform) -> Option<Digest> {
    platform.state().released.get(&id(CLAIMANTS)).map(|group| group.basis.revision)
}

/// The file of residents as lines of fields.
fn lines() -> Vec<Vec<String>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(Small::sample(POPULATION, "2023").as_slice()).read_to_string(&mut text).unwrap();
    text.trim_start_matches('\u{feff}').lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// How many of these ages, `F16` to `F24`, the file has in these small areas.
fn counted(lines: &[Vec<String>], areas: &[String], sexes: &[&str], ages: std::ops::RangeInclusive<u32>) -> u64 {
    let wanted: Vec<String> = sexes.iter().flat_map(|sex| ages.clone().map(move |age| format!("{sex}{age}"))).collect();
    let columns: Vec<usize> = (0..lines[0].len()).filter(|column| wanted.contains(&lines[0][*column])).collect();
    let rows = lines.iter().skip(1).filter(|line| areas.contains(&line[2]));
    rows.flat_map(|line| columns.iter().map(|column| line[*column].parse::<u64>().unwrap())).sum()
}

/// What bounds the claimants of a quarter.
fn bounds_in_use(platform: &Platform) -> BTreeMap<CellId, u64> {
    let state = platform.state();
    let contract = state.definitions.contract(&id(CLAIMANTS)).unwrap();
    let quarter = Period::parse(QUARTER, PeriodType::Quarter).unwrap();
    let gazetteer = &state.geography().unwrap().gazetteer;
    let tables = requests::tables(&state.definitions, gazetteer, contract, &[quarter], &[]).unwrap();
    known_upper(&state, contract, &tables).unwrap()
}

/// Nothing that residents bound goes out before them, and all of it is looked at again when they change.
#[test]
fn counts_of_people_wait_for_residents_and_follow_them() {
    let small = Small::of(&["claimant-rate"]);
    let platform = small.open();
    let claimants = Small::take_in(&platform, CLAIMANTS, QUARTER, &Small::sample(CLAIMANTS, "2023-Q1"));
    assert_eq!(publish(&platform).failures.len(), 1);
    let told = Small::publication(&platform, &claimants);
    assert!(told.starts_with("failed: ") && told.contains("how many people live in its areas"), "{told}");
    assert_eq!(revision(&platform), None);

    Small::take_in(&platform, POPULATION, YEAR, &Small::sample(POPULATION, "2023"));
    let report = publish(&platform);
    assert_eq!(report.failures, Vec::<String>::new());
    assert_eq!(report.published, [id(POPULATION), id(CLAIMANTS)], "by a job of its own");
    let first = revision(&platform).unwrap();

    // The same figures are no change, and a start finds nothing to do.
    drop(platform);
    let platform = small.open();
    assert_eq!(platform.pending().unwrap(), 0);
    assert_eq!(revision(&platform), Some(first));

    let mut corrected = lines();
    let column = corrected[0].iter().position(|name| name == "F20").unwrap();
    corrected[1][column] = "977".to_owned();
    let text: String = corrected.iter().map(|line| format!("{}\n", line.join(","))).collect();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    Small::take_in(&platform, POPULATION, YEAR, &packed.finish().unwrap());
    assert_eq!(publish(&platform).published, [id(POPULATION), id(CLAIMANTS)], "proved anew, and on record");
    assert_ne!(revision(&platform), Some(first));
}

/// Each bound is what the file of residents adds up to, of the same sex and ages where it tells them apart.
#[test]
fn the_bounds_are_what_the_file_adds_up_to() {
    let small = Small::of(&["claimant-rate"]);
    let platform = small.open();
    Small::take_in(&platform, POPULATION, YEAR, &Small::sample(POPULATION, "2023"));
    assert_eq!(publish(&platform).failures, Vec::<String>::new());
    let (lines, state) = (lines(), platform.state());
    let gazetteer = &state.geography().unwrap().gazetteer;
    let bounds = bounds_in_use(&platform);
    let mut told_apart = 0;
    for (cell, most) in &bounds {
        let key = &cell.key;
        let atoms = gazetteer.members(key.area_type, key.area.as_str());
        let areas: Vec<String> =
            atoms.iter().map(|atom| gazetteer.atom_area(*atom).unwrap().code.to_string()).collect();
        let sexes: &[&str] = match key.sex {
            Sex::All => &["F", "M"],
            Sex::Female => &["F"],
            Sex::Male => &["M"],
            _ => continue,
        };
        let ages = match key.age.to_string().as_str() {
            "all" => 0..=90,
            "16-24" => 16..=24,
            "25-49" => 25..=49,
            "50+" => 50..=90,
            _ => continue,
        };
        told_apart += usize::from(key.sex != Sex::All && key.age != AgeBand::All);
        assert_eq!(*most, counted(&lines, &areas, sexes, ages), "{cell:?}");
    }
    // 31 MSOAs, and two districts by all, female and male, and by all and three bands.
    assert_eq!(told_apart, 2 * 2 * 3);
    assert!(bounds.len() >= 31 + 2 * 3 * 4, "{}", bounds.len());
}

/// How many single contributions a group may need is a limit, of which the supplier reads.
#[test]
fn more_contributions_than_the_limit_are_refused() {
    let dataset = "lancashire-county-council.wellbeing-referrals";
    let mut small = Small::of(&["wellbeing-referrals"]);
    small.limits.max_contributions = 10;
    let platform = small.open();
    // Which areas are too small for it has to be known.
    Small::take_in(&platform, POPULATION, YEAR, &Small::sample(POPULATION, "2023"));
    let receipt = Small::take_in(&platform, dataset, QUARTER, &Small::sample(dataset, "2023-Q1"));
    assert_eq!(publish(&platform).failures.len(), 1);
    let told = Small::publication(&platform, &receipt);
    assert!(told.starts_with("failed: ") && told.contains("raise `limits.max_contributions`"), "{told}");
    drop(platform);
    small.limits.max_contributions = 100_000;
    let platform = small.open();
    Small::take_in(&platform, dataset, "2023-04-01/P3M", &Small::sample(dataset, "2023-Q2"));
    assert_eq!(publish(&platform).failures, Vec::<String>::new());
}
