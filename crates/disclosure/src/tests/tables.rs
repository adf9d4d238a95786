//! Tables by several classifications, proved one by one.

use model::table::Breakdown;
use model::{AgeBand, AreaType, CellKey, Digest, Exposure, Month, PeriodType, Sex};

use super::{empty, key, name};
use crate::{CellFacts, CellId, PlanError, Policy, StepBudget, Unreleased, UnreleasedBuilder, ZeroPolicy, plan};

/// Records by area, sex, age, quarter and stage of need.
const SIZES: [usize; 5] = [3, 2, 2, 2, 2];

fn places() -> impl Iterator<Item = [usize; 5]> {
    (0..SIZES.iter().product::<usize>()).map(|mut number| {
        SIZES.map(|size| {
            let place = number % size;
            number /= size;
            place
        })
    })
}

/// Small numbers that look random and are not.
fn count(seed: u64, atom: u64) -> u64 {
    let mut x = (seed << 32 | atom).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ x >> 32) % 4
}

struct Cell {
    area: Option<usize>,
    sex: Option<usize>,
    age: Option<usize>,
    quarter: Option<usize>,
    stage: Option<usize>,
}

impl Cell {
    fn id(&self) -> CellId {
        let kind = if self.quarter.is_some() { PeriodType::Quarter } else { PeriodType::CalendarYear };
        let month = self.quarter.map_or(1, |quarter| i32::try_from(quarter).unwrap() * 3 + 1);
        let stage = |stage: usize| Breakdown { dimension: "stage".to_owned(), category: format!("stage-{stage}") };
        CellId {
            measure: "test".parse().unwrap(),
            key: CellKey {
                area_type: if self.area.is_some() { AreaType::Lsoa } else { AreaType::District },
                area: self.area.map_or("AREA-D".to_owned(), |area| format!("AREA-{area}")).parse().unwrap(),
                period: kind.containing(Month::new(2024, month).unwrap()),
                sex: self.sex.map_or(Sex::All, |sex| [Sex::Female, Sex::Male][sex]),
                age: self.age.map_or(AgeBand::All, |age| ["0-17", "18+"][age].parse().unwrap()),
                breakdown: self.stage.map(stage),
            },
        }
    }

    fn holds(&self, [area, sex, age, quarter, stage]: [usize; 5]) -> bool {
        let is = |wanted: Option<usize>, found| wanted.is_none_or(|wanted| wanted == found);
        is(self.area, area)
            && is(self.sex, sex)
            && is(self.age, age)
            && is(self.quarter, quarter)
            && is(self.stage, stage)
    }
}

/// Areas by year and sex; the district by year, sex and age; the district by quarter and stage; areas by quarter.
fn cells() -> Vec<Cell> {
    let choices = |size: usize| std::iter::once(None).chain((0..size).map(Some));
    let mut cells = Vec::new();
    for area in choices(SIZES[0]) {
        for sex in choices(2) {
            cells.push(Cell { area, sex, age: None, quarter: None, stage: None });
        }
        for quarter in choices(2) {
            cells.push(Cell { area, sex: None, age: None, quarter, stage: None });
        }
    }
    for (sex, age) in choices(2).flat_map(|sex| choices(2).map(move |age| (sex, age))) {
        cells.push(Cell { area: None, sex, age, quarter: None, stage: None });
    }
    for (quarter, stage) in choices(2).flat_map(|quarter| choices(2).map(move |stage| (quarter, stage))) {
        cells.push(Cell { area: None, sex: None, age: None, quarter, stage });
    }
    cells
}

fn group(seed: u64) -> Unreleased {
    let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
    let counts: Vec<u64> = (0..).zip(places()).map(|(atom, _)| count(seed, atom)).collect();
    let atoms: Vec<_> = counts.iter().map(|count| builder.atom(*count)).collect();
    for cell in cells() {
        let inside: Vec<usize> = places().enumerate().filter(|(_, place)| cell.holds(*place)).map(|(i, _)| i).collect();
        let people = inside.iter().map(|i| counts[*i]).sum();
        let headline = cell.area.is_none();
        let facts = CellFacts { headline, known_upper: None, not_available: false };
        builder.cell(cell.id(), inside.iter().map(|i| atoms[*i]), people, facts);
    }
    builder.finish().unwrap()
}

/// What is left after two tables were taken away must keep the sums of each, not those of what the two tell apart together: a
/// plan that keeps the one is not refused for the other.
#[test]
fn tables_taken_away_one_after_the_other_are_proved() {
    let mut worlds = 0;
    for seed in 0..60 {
        for k in [3, 5, 9] {
            let plan = plan(&empty(), &group(seed), &Policy::threshold(k), &key(seed as u8));
            let plan = plan
                .unwrap_or_else(|error| panic!("seed {seed}, k {k}: {error}: {:?}", std::error::Error::source(&error)));
            worlds += plan.summary().worlds;
        }
    }
    assert!(worlds > 0, "a proof is needed");
}

/// The same key and data give the same bytes, however many threads plan beside each other.
#[test]
fn a_plan_is_the_same_on_any_number_of_threads() {
    let zeros = ZeroPolicy::HideShare { per_thousand: 300 };
    let policy = Policy { zeros, decoys_per_thousand: 100, ..Policy::threshold(4) };
    let entry =
        &|seed: u64| plan(&empty(), &group(seed), &policy, &key(1)).unwrap().ledger_entry().secret_bytes().to_vec();
    let alone: Vec<Vec<u8>> = (0..12).map(entry).collect();
    for threads in [2, 3, 12] {
        let mut together = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|first| {
                    scope.spawn(move || -> Vec<_> {
                        (first..12).step_by(threads).map(|seed| (seed, entry(seed as u64))).collect()
                    })
                })
                .collect();
            running.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        together.sort();
        let together: Vec<Vec<u8>> = together.into_iter().map(|(_, entry)| entry).collect();
        assert!(together == alone, "with {threads} threads");
    }
}

/// More areas of one block than linear programs are asked about, in threes; every sixth holds one or two.
fn many_areas() -> Unreleased {
    let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
    let atoms: Vec<_> = (0..1_200).map(|area| if area % 6 == 0 { 1 + area / 6 % 2 } else { 5 + area % 7 }).collect();
    let atoms: Vec<_> = atoms.into_iter().map(|count| (builder.atom(count), count)).collect();
    let mut cell = |area_type, area: usize, inside: &[(crate::AtomIndex, u64)]| {
        let id = super::cell_id("test", area_type, &format!("AREA-{area}"), 1, Sex::All, AgeBand::All);
        let people = inside.iter().map(|atom| atom.1).sum();
        builder.cell(id, inside.iter().map(|atom| atom.0), people, CellFacts::default());
    };
    for (area, inside) in atoms.chunks(1).enumerate() {
        cell(AreaType::Lsoa, area, inside);
    }
    for (area, inside) in atoms.chunks(3).enumerate() {
        cell(AreaType::Msoa, area, inside);
    }
    cell(AreaType::District, 0, &atoms);
    builder.finish().unwrap()
}

#[test]
fn a_search_ends_where_its_states_are_used_up() {
    let within = |each_column| {
        let budget = StepBudget { each_table: 0, each_column, ..StepBudget::DEFAULT };
        plan(&empty(), &many_areas(), &Policy { budget, ..Policy::threshold(5) }, &key(1))
    };
    let whole = within(2_000).unwrap();
    assert!(whole.summary().steps > 1_600, "{:?}", whole.summary());
    assert!(matches!(within(0), Err(PlanError::Unprovable { .. })));
    // What is enough decides nothing.
    assert_eq!(within(200).unwrap().digest(), whole.digest());
}
