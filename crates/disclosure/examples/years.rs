//! Publishes a synthetic group quarter by quarter and prints, as more of it is out, how long each plan took and how large its entry is.
//!
//! `cargo run --release -p disclosure --example years [quarters]`

#![allow(clippy::disallowed_methods, reason = "an example measures time")]

use std::error::Error;
use std::time::Instant;

use disclosure::{
    AtomIndex, AuthenticatedEntry, CellFacts, CellId, GroupId, LedgerState, PlanKey, Policy, Unreleased,
    UnreleasedBuilder, plan,
};
use model::{AgeBand, AreaType, CellKey, Digest, Exposure, Month, Period, PeriodType, Sex};

const LSOAS: usize = 140;
const FIRST_YEAR: i32 = 2015;

/// So many records of one sex in a small area and month.
fn count(lsoa: usize, month: usize, sex: Sex) -> u64 {
    let mut state = (lsoa * 1_000 + month * 2 + usize::from(sex == Sex::Male)) as u64 + 1;
    for _ in 0..3 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
    (state >> 33) % 5
}

fn area(level: AreaType, lsoa: usize) -> String {
    match level {
        AreaType::Lsoa => format!("E0199{lsoa:04}"),
        AreaType::Msoa => format!("E0299{:04}", lsoa / 5),
        _ => format!("E0799{:04}", lsoa / 70),
    }
}

struct Atom {
    lsoa: usize,
    month: Month,
    sex: Sex,
    count: u64,
    index: AtomIndex,
}

struct Cells<'a>(&'a mut UnreleasedBuilder, &'a [Atom]);

impl Cells<'_> {
    fn level(&mut self, level: AreaType, each: usize, period: Period, sex: Sex) -> Result<(), Box<dyn Error>> {
        for first in (0..LSOAS).step_by(each) {
            let key = CellKey {
                area_type: level,
                area: area(level, first).parse()?,
                period,
                sex,
                age: AgeBand::All,
                breakdown: None,
            };
            let months: Vec<Month> = period.months().collect();
            let inside = |atom: &&Atom| {
                (first..first + each).contains(&atom.lsoa)
                    && (sex == Sex::All || sex == atom.sex)
                    && months.contains(&atom.month)
            };
            let inside: Vec<&Atom> = self.1.iter().filter(inside).collect();
            let people = inside.iter().map(|atom| atom.count).sum();
            let facts = CellFacts { headline: level == AreaType::District && sex == Sex::All, ..CellFacts::default() };
            let id = CellId { measure: "test|count".parse()?, key };
            self.0.cell(id, inside.iter().map(|atom| atom.index), people, facts);
        }
        Ok(())
    }
}

/// MSOAs by quarter, districts by month and by sex and quarter, small areas by year once it is over.
fn group(quarters: usize) -> Result<Unreleased, Box<dyn Error>> {
    let mut builder = UnreleasedBuilder::new("years".parse()?, Digest([0; 32]), Exposure::Controlled);
    let month_of = |number: usize| Month::new(FIRST_YEAR + (number / 12) as i32, (number % 12) as i32 + 1);
    let mut atoms = Vec::new();
    for number in 0..quarters * 3 {
        let month = month_of(number).ok_or("no such month")?;
        for lsoa in 0..LSOAS {
            for sex in [Sex::Female, Sex::Male] {
                let count = count(lsoa, number, sex);
                atoms.push(Atom { lsoa, month, sex, count, index: builder.atom(count) });
            }
        }
    }
    let mut cells = Cells(&mut builder, &atoms);
    for number in 0..quarters * 3 {
        let month = month_of(number).ok_or("no such month")?;
        cells.level(AreaType::District, 70, PeriodType::Month.containing(month), Sex::All)?;
        if number % 3 == 0 {
            let quarter = PeriodType::Quarter.containing(month);
            cells.level(AreaType::Msoa, 5, quarter, Sex::All)?;
            [Sex::All, Sex::Female, Sex::Male]
                .into_iter()
                .try_for_each(|sex| cells.level(AreaType::District, 70, quarter, sex))?;
        }
        if number % 12 == 11 {
            cells.level(AreaType::Lsoa, 1, PeriodType::CalendarYear.containing(month), Sex::All)?;
        }
    }
    Ok(builder.finish()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let quarters = std::env::args().nth(1).map_or(Ok(12), |text| text.parse())?;
    let (name, policy): (GroupId, Policy) = ("years".parse()?, Policy::threshold(5));
    let mut last: Option<AuthenticatedEntry> = None;
    println!("quarter  cells  withheld  plan, ms  read, ms  entry, bytes");
    for number in 1..=quarters {
        let truth = group(number)?;
        let start = Instant::now();
        let past = LedgerState::decode(name.clone(), last.as_ref())?;
        let read = start.elapsed();
        let start = Instant::now();
        let made = plan(&past, &truth, &policy, &PlanKey::new([7; 32]))?;
        let (took, summary) = (start.elapsed(), made.summary());
        let bytes = made.ledger_entry().secret_bytes();
        println!(
            "{number:>7}  {:>5}  {:>8}  {:>8}  {:>8}  {:>12}",
            summary.cells(),
            summary.withheld(),
            took.as_millis(),
            read.as_millis(),
            bytes.len()
        );
        last = Some(AuthenticatedEntry::from_vault(bytes.to_vec()));
    }
    Ok(())
}
