//! Protects a reference block (area x age x sex x ethnicity, with wards, districts and all totals) under both zero policies.
//!
//! `cargo run --release -p disclosure --example block -- FILE.csv [which policy] [how many keys]`; the file has the columns `lsoa,age,sex,eth,freq`, without
//! zero cells. Area `Lnnn` lies in ward `nnn mod 3`, the ward in district `ward mod 2`.

#![allow(clippy::disallowed_methods, reason = "an example reads files and measures time")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Instant;

use disclosure::{
    AtomIndex, CellFacts, CellId, GroupId, LedgerState, PlanKey, Policy, Unreleased, UnreleasedBuilder, ZeroPolicy,
    plan,
};
use model::table::Breakdown;
use model::{AgeBand, AreaType, CellKey, Digest, Exposure, Month, PeriodType, Sex};

type Row = [String; 4];

fn read(path: &str) -> Result<BTreeMap<Row, u64>, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let mut counts = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [area, age, sex, eth, count] = fields.as_slice() else { return Err("a row needs five fields".into()) };
        counts.insert([*area, *age, *sex, *eth].map(str::to_owned), count.parse()?);
    }
    Ok(counts)
}

/// Names of the areas that contain a small area, itself first.
fn areas(area: &str) -> Result<[(AreaType, String); 4], Box<dyn Error>> {
    let number: u32 = area.trim_start_matches('L').parse()?;
    Ok([
        (AreaType::Lsoa, area.to_owned()),
        (AreaType::Ward, format!("WARD-{}", number % 3)),
        (AreaType::District, format!("DISTRICT-{}", number % 3 % 2)),
        (AreaType::Partnership, "ALL-AREAS".to_owned()),
    ])
}

fn block(counts: &BTreeMap<Row, u64>, group: &GroupId) -> Result<(Unreleased, usize, usize), Box<dyn Error>> {
    let mut builder = UnreleasedBuilder::new(group.clone(), Digest([0; 32]), Exposure::Controlled);
    let values =
        |field: usize| -> BTreeSet<&str> { counts.keys().filter_map(|row| Some(row.get(field)?.as_str())).collect() };
    let period = PeriodType::CalendarYear.containing(Month::new(2025, 1).ok_or("month")?);
    let mut cells: BTreeMap<CellId, (Vec<AtomIndex>, u64)> = BTreeMap::new();
    for area in values(0) {
        for age in values(1) {
            for sex in values(2) {
                for eth in values(3) {
                    let count = counts.get(&[area, age, sex, eth].map(str::to_owned)).copied().unwrap_or(0);
                    let atom = builder.atom(count);
                    let band = AgeBand::Closed(age.trim_start_matches('a').parse::<u8>()? * 20, 120);
                    let of_sex = if sex == "F" { Sex::Female } else { Sex::Male };
                    let category = Breakdown { dimension: "ethnicity".to_owned(), category: eth.to_owned() };
                    for (area_type, area) in areas(area)? {
                        for age in [AgeBand::All, band] {
                            for sex in [Sex::All, of_sex] {
                                for breakdown in [None, Some(category.clone())] {
                                    let key = CellKey { area_type, area: area.parse()?, period, sex, age, breakdown };
                                    let cell = cells.entry(CellId { measure: "block".parse()?, key }).or_default();
                                    cell.0.push(atom);
                                    cell.1 += count;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    let primaries = cells.values().filter(|(_, count)| (1..5).contains(count)).count();
    let zeros = cells.values().filter(|(_, count)| *count == 0).count();
    for (id, (atoms, count)) in cells {
        let facts = CellFacts {
            headline: id.key.area_type == AreaType::Partnership && atoms.len() > 300,
            ..CellFacts::default()
        };
        builder.cell(id, atoms, count, facts);
    }
    Ok((builder.finish()?, primaries, zeros))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the file of the reference block")?;
    let counts = read(&path)?;
    let group: GroupId = "reference block".parse()?;
    let policies = [
        ZeroPolicy::HideShare { per_thousand: 1000 },
        ZeroPolicy::HideShare { per_thousand: 200 },
        ZeroPolicy::Publish,
    ];
    let only = std::env::args().nth(2).map(|text| text.parse::<u32>()).transpose()?;
    let keys: u8 = std::env::args().nth(3).map_or(Ok(1), |text| text.parse())?;
    for (_, zeros) in (0_u32..).zip(policies).filter(|(index, _)| only.is_none_or(|only| only == *index)) {
        let (truth, primaries, zero_cells) = block(&counts, &group)?;
        let policy = Policy { zeros, ..Policy::threshold(5) };
        let (mut secondaries, mut seconds, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        let (mut small, mut cells) = (0, 0);
        let clock = Instant::now();
        for key in 7..7_u8.saturating_add(keys) {
            let start = support::seconds(clock);
            let plan = plan(&LedgerState::empty(group.clone()), &truth, &policy, &PlanKey::new([key; 32]))?;
            let summary = plan.summary();
            secondaries.push(summary.withheld() - primaries);
            seconds.push(support::seconds(clock) - start);
            checks.push(support::seconds_to_verify(&plan, clock)?);
            small += summary.provably_small;
            cells = summary.cells();
        }
        secondaries.sort_unstable();
        seconds.sort_unstable_by(f64::total_cmp);
        checks.sort_unstable_by(f64::total_cmp);
        let middle = secondaries.len() / 2;
        println!(
            "{zeros:?}: {cells} cells, {primaries} primaries, {zero_cells} zeros; withheld besides primaries {:?}, median {}; {small} provably \
             small; median {:.2} s of processor time, checked in {:.3} s",
            secondaries,
            secondaries.get(middle).copied().unwrap_or_default(),
            seconds.get(middle).copied().unwrap_or_default(),
            checks.get(middle).copied().unwrap_or_default()
        );
    }
    Ok(())
}
