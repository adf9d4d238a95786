//! Plans synthetic groups of the size of the sample partnership and reports what is lost and how long it takes.
//!
//! `cargo run --release -p disclosure --example groups [decoys per thousand] [only this group] [apart: without nested differences, people: with contributors,
//! revised: and once more, corrected] [so many records of one quarter gone]`

#![allow(clippy::disallowed_methods, reason = "an example reads files and measures time")]

mod support;

use std::error::Error;
use std::time::Instant;

use disclosure::{
    AtomIndex, AuthenticatedEntry, CellFacts, CellId, GroupId, LedgerState, Plan, PlanKey, Policy, Unreleased,
    UnreleasedBuilder, ZeroPolicy, plan,
};
use model::{AgeBand, AreaType, CellKey, Digest, Exposure, Month, PeriodType, Sex};

const LSOAS: usize = 140;
const AGES: [&str; 3] = ["0-15", "16-64", "65+"];

/// A small linear congruential generator: the same groups everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct Atom {
    lsoa: usize,
    month: Month,
    sex: Sex,
    age: AgeBand,
    part: bool,
    count: u64,
    index: AtomIndex,
}

/// Area of an LSOA at a level; MSOAs nest in districts, wards and neighbourhoods cut across them.
fn area(level: AreaType, lsoa: usize) -> String {
    let district = lsoa / 70;
    let within = lsoa % 70;
    match level {
        AreaType::Lsoa => format!("E0199{lsoa:04}"),
        AreaType::Msoa => format!("E0299{:04}", district * 14 + within * (14 + 3 * district) / 70),
        AreaType::Ward => format!("E0599{:04}", district * 14 + (within + 3) % 70 * (14 + 9 * district) / 70),
        AreaType::Neighbourhood => format!("NBH-{:02}", (lsoa + 5) % 140 * 9 / 140),
        _ => format!("E0799{district:04}"),
    }
}

struct Shape {
    name: &'static str,
    /// Expected count per LSOA and year.
    mean: u64,
    /// Of 1,000 records, how many belong to the filtered measure.
    part: u64,
    fine: AreaType,
}

/// Which records a correction changes.
#[derive(Clone, Copy)]
enum Late {
    Nothing,
    /// One atom in 50 has one record more, and one in 50 has one less.
    Everywhere,
    /// So many records of one quarter go.
    Gone(u64),
}

/// A group, as it is or corrected.
fn group(shape: &Shape, people: bool, late: Late) -> Result<Unreleased, Box<dyn Error>> {
    let group: GroupId = shape.name.parse()?;
    let mut builder = UnreleasedBuilder::new(group, Digest([0; 32]), Exposure::Controlled);
    let (mut random, mut random_late) = (Random(shape.mean * 7919 + shape.part), Random(7));
    let mut gone = if let Late::Gone(records) = late { records } else { 0 };
    let mut atoms = Vec::new();
    for lsoa in 0..LSOAS {
        let weight = 20 + random.below(160);
        for month in 0..36 {
            for sex in [Sex::Female, Sex::Male] {
                for age in AGES {
                    for part in [false, true] {
                        let share = if part { shape.part } else { 1000 - shape.part };
                        let expected = shape.mean * weight * share / 72;
                        let mut count = 0;
                        // A binomial with eight trials is near enough to a Poisson.
                        for _ in 0..8 {
                            count += u64::from(random.below(800_000) < expected) + expected / 800_000;
                        }
                        match late {
                            Late::Everywhere => match random_late.below(50) {
                                0 => count += 1,
                                1 => count = count.saturating_sub(1),
                                _ => {}
                            },
                            Late::Gone(_) if (24..27).contains(&month) && random_late.below(10) == 0 => {
                                let less = count.min(1).min(gone);
                                (count, gone) = (count - less, gone - less);
                            }
                            _ => {}
                        }
                        let month = Month::new(2023 + month / 12, month % 12 + 1).ok_or("month")?;
                        let index = builder.atom(count);
                        if people {
                            for _ in 0..count {
                                // Some come often: a tenth of the people are behind more than half of the records.
                                let crowd = if random.below(2) == 0 { 200 } else { 20_000 };
                                let person = random.below(crowd);
                                builder.contribution(index, Some(u128::from(person).to_be_bytes()), 0, 1);
                            }
                        }
                        atoms.push(Atom { lsoa, month, sex, age: age.parse()?, part, count, index });
                    }
                }
            }
        }
    }
    let views = [
        (AreaType::Lsoa, PeriodType::CalendarYear, false),
        (AreaType::Msoa, PeriodType::Quarter, false),
        (shape.fine, PeriodType::Quarter, false),
        (AreaType::District, PeriodType::Month, false),
        (AreaType::District, PeriodType::CalendarYear, true),
    ];
    for (level, period_type, demographic) in views {
        add_view(&mut builder, &atoms, level, period_type, demographic)?;
    }
    Ok(builder.finish()?)
}

fn add_view(
    builder: &mut UnreleasedBuilder,
    atoms: &[Atom],
    level: AreaType,
    period_type: PeriodType,
    demographic: bool,
) -> Result<(), Box<dyn Error>> {
    let mut cells: std::collections::BTreeMap<CellId, (Vec<AtomIndex>, u64)> = std::collections::BTreeMap::new();
    for atom in atoms {
        let sexes: &[Sex] = if demographic { &[Sex::All, atom.sex] } else { &[Sex::All] };
        let ages: &[AgeBand] = if demographic { &[AgeBand::All, atom.age] } else { &[AgeBand::All] };
        for measure in ["events|count", "events|count|part"].iter().take(1 + usize::from(atom.part)) {
            for sex in sexes {
                for age in ages {
                    let key = CellKey {
                        area_type: level,
                        area: area(level, atom.lsoa).parse()?,
                        period: period_type.containing(atom.month),
                        sex: *sex,
                        age: *age,
                        breakdown: None,
                    };
                    let cell = cells.entry(CellId { measure: measure.parse()?, key }).or_default();
                    cell.0.push(atom.index);
                    cell.1 += atom.count;
                }
            }
        }
    }
    for (id, (atoms, count)) in cells {
        let headline = level == AreaType::District && id.key.sex == Sex::All && id.key.age == AgeBand::All;
        builder.cell(id, atoms, count, CellFacts { headline, ..CellFacts::default() });
    }
    Ok(())
}

fn report(plan: &Plan, seconds: f64) {
    let summary = plan.summary();
    println!(
        "  {:5.2} s, {} of {} cells withheld, {} provably small, {} worlds, {} steps, entry {} kB",
        seconds,
        summary.withheld(),
        summary.cells(),
        summary.provably_small,
        summary.worlds,
        summary.steps,
        plan.ledger_entry().secret_bytes().len() / 1000
    );
    for ((area_type, period_type), tally) in &summary.tallies {
        println!(
            "    {area_type:12} {:14} {:5} cells, {:4.1} % visible",
            period_type.as_str(),
            tally.cells,
            tally.released as f64 * 100.0 / tally.cells as f64
        );
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let decoys = std::env::args().nth(1).map_or(Ok(0), |text| text.parse())?;
    let shapes = [
        Shape { name: "abundant", mean: 300, part: 300, fine: AreaType::Ward },
        Shape { name: "common", mean: 60, part: 200, fine: AreaType::Ward },
        Shape { name: "usual", mean: 20, part: 300, fine: AreaType::Ward },
        Shape { name: "usual, neighbourhoods", mean: 20, part: 300, fine: AreaType::Neighbourhood },
        Shape { name: "rare", mean: 7, part: 250, fine: AreaType::Neighbourhood },
        Shape { name: "very rare", mean: 3, part: 500, fine: AreaType::Ward },
    ];
    let mut total = 0.0;
    let clock = Instant::now();
    let nested = std::env::args().nth(3).is_none_or(|what| what != "apart");
    let people = std::env::args().nth(3).is_some_and(|what| what == "people");
    let revised = std::env::args().nth(3).is_some_and(|what| what == "revised");
    let late = match std::env::args().nth(4) {
        Some(records) => Late::Gone(records.parse()?),
        None => Late::Everywhere,
    };
    let only = std::env::args().nth(2).unwrap_or_default();
    let policies = [ZeroPolicy::Publish, ZeroPolicy::HideShare { per_thousand: 200 }];
    for shape in shapes.into_iter().filter(|shape| only.is_empty() || shape.name == only) {
        let truth = group(&shape, people, Late::Nothing)?;
        for zeros in policies.iter().copied() {
            let policy =
                Policy { zeros, decoys_per_thousand: decoys, nested_differences: nested, ..Policy::threshold(5) };
            println!("{} ({zeros:?})", shape.name);
            let start = support::seconds(clock);
            let plan = plan(&LedgerState::empty(shape.name.parse()?), &truth, &policy, &PlanKey::new([7; 32]))?;
            let seconds = support::seconds(clock) - start;
            total += seconds;
            report(&plan, seconds);
            println!("    checked in {:.3} s", support::seconds_to_verify(&plan, clock)?);
            if revised {
                let entry = AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec());
                let later = group(&shape, people, late)?;
                let start = support::seconds(clock);
                let past = LedgerState::decode(shape.name.parse()?, Some(&entry))?;
                report(
                    &disclosure::plan(&past, &later, &policy, &PlanKey::new([7; 32]))?,
                    support::seconds(clock) - start,
                );
            }
        }
    }
    println!("{total:.2} s in total");
    Ok(())
}
