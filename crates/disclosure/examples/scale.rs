//! How the cost of a plan and of its check grows, and what large groups take.
//!
//! `cargo run --release -p disclosure --example scale growth [plot.svg]`: ten times the areas, months, indicators or records.
//! `... scale areas`: 120 areas in 24 wards in 3 districts by 8 ages, sex and 5 ethnicities, with all totals: 23,976 cells.
//! `... scale months`: 140 areas by 12 months, with MSOA, ward, neighbourhood, district, month and year.

#![allow(clippy::disallowed_methods, reason = "an example writes files and measures time")]

mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::time::Instant;

use disclosure::{
    AtomIndex, CellFacts, CellId, GroupId, LedgerState, PlanKey, Policy, Unreleased, UnreleasedBuilder, ZeroPolicy,
    plan,
};
use model::table::Breakdown;
use model::{AgeBand, AreaType, CellKey, Digest, Exposure, Month, PeriodType, Sex};

const GROUP: &str = "scale";
const K: u64 = 5;
const POLICIES: [ZeroPolicy; 2] = [ZeroPolicy::Publish, ZeroPolicy::HideShare { per_thousand: 200 }];

/// A small linear congruential generator: the same groups everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// A count with about this mean in thousandths: a binomial of sixteen trials, and what is sure.
    fn count(&mut self, mean: u64) -> u64 {
        (0..16).map(|_| u64::from(self.below(16_000) < mean % 16_000) + mean / 16_000).sum()
    }
}

/// A group under construction: cells by id, with their atoms and counts.
struct Draft {
    builder: UnreleasedBuilder,
    cells: BTreeMap<CellId, (Vec<AtomIndex>, u64)>,
}

impl Draft {
    fn new() -> Result<Self, Box<dyn Error>> {
        let builder = UnreleasedBuilder::new(GROUP.parse()?, Digest([0; 32]), Exposure::Controlled);
        Ok(Self { builder, cells: BTreeMap::new() })
    }

    fn put(&mut self, id: CellId, atom: AtomIndex, count: u64) {
        let cell = self.cells.entry(id).or_default();
        cell.0.push(atom);
        cell.1 += count;
    }

    fn finish(mut self, headline: impl Fn(&CellId) -> bool) -> Result<Problem, Box<dyn Error>> {
        let (mut small, mut zeros) = (0, 0);
        for (id, (atoms, count)) in self.cells {
            small += usize::from((1..K).contains(&count));
            zeros += usize::from(count == 0);
            let facts = CellFacts { headline: headline(&id), ..CellFacts::default() };
            self.builder.cell(id, atoms, count, facts);
        }
        Ok(Problem { truth: self.builder.finish()?, small, zeros })
    }
}

/// A group, and how many of its cells hold 1 to k - 1 and nothing.
struct Problem {
    truth: Unreleased,
    small: usize,
    zeros: usize,
}

fn key(area_type: AreaType, area: &str, period_type: PeriodType, month: Month) -> Result<CellKey, Box<dyn Error>> {
    let period = period_type.containing(month);
    Ok(CellKey { area_type, area: area.parse()?, period, sex: Sex::All, age: AgeBand::All, breakdown: None })
}

/// The sizes of a group whose growth is measured.
#[derive(Clone, Copy)]
struct Size {
    areas: usize,
    months: i32,
    indicators: usize,
    /// Mean of an area, month and indicator, in thousandths.
    mean: u64,
}

/// LSOA by year, MSOA by quarter, ward by quarter, district by month; for each indicator, and for all together.
fn growing(size: Size) -> Result<Problem, Box<dyn Error>> {
    let mut draft = Draft::new()?;
    let mut random = Random(1);
    for area in 0..size.areas {
        let weight = 20 + random.below(160);
        let areas = [
            (AreaType::Lsoa, PeriodType::CalendarYear, format!("E01{area:06}")),
            (AreaType::Msoa, PeriodType::Quarter, format!("E02{:06}", area / 5)),
            (AreaType::Ward, PeriodType::Quarter, format!("E05{:06}", (area + 3) % size.areas / 5)),
            (AreaType::District, PeriodType::Month, format!("E07{:06}", area * 2 / size.areas)),
        ];
        for number in 0..size.months {
            let month = Month::new(2016 + number / 12, number % 12 + 1).ok_or("month")?;
            for indicator in 0..size.indicators {
                let count = random.count(size.mean * weight / 100);
                let atom = draft.builder.atom(count);
                for (area_type, period_type, name) in &areas {
                    for measure in ["all".to_owned(), format!("indicator{indicator}")] {
                        let key = key(*area_type, name, *period_type, month)?;
                        draft.put(CellId { measure: measure.parse()?, key }, atom, count);
                    }
                }
            }
        }
    }
    draft.finish(|id| id.key.area_type == AreaType::District && id.measure.as_str() == "all")
}

/// The four-way table with all totals.
fn by_areas() -> Result<Problem, Box<dyn Error>> {
    let mut draft = Draft::new()?;
    let mut random = Random(2);
    let month = Month::new(2025, 1).ok_or("month")?;
    for area in 0..120 {
        let size = 20 + random.below(160);
        let areas = [
            (AreaType::Lsoa, format!("E01{area:06}")),
            (AreaType::Ward, format!("E05{:06}", area / 5)),
            (AreaType::District, format!("E07{:06}", area / 40)),
            (AreaType::Partnership, "ALL-AREAS".to_owned()),
        ];
        for age in 0..8 {
            for sex in [Sex::Female, Sex::Male] {
                for (ethnicity, share) in (0..).zip([300_u64, 100, 60, 30, 10]) {
                    let count = random.count(size * share / 2);
                    let atom = draft.builder.atom(count);
                    for (area_type, name) in &areas {
                        for age in [AgeBand::All, AgeBand::Closed(age * 10, age * 10 + 9)] {
                            for sex in [Sex::All, sex] {
                                for breakdown in [None, Some(format!("e{ethnicity}"))] {
                                    let breakdown = breakdown
                                        .map(|category| Breakdown { dimension: "ethnicity".to_owned(), category });
                                    let all = key(*area_type, name, PeriodType::CalendarYear, month)?;
                                    let key = CellKey { age, sex, breakdown, ..all };
                                    draft.put(CellId { measure: "areas".parse()?, key }, atom, count);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    draft.finish(|id| {
        id.key.area_type == AreaType::Partnership && id.key.breakdown.is_none() && id.key.age == AgeBand::All
    })
}

/// Areas of six levels, each by month and by year.
fn by_months() -> Result<Problem, Box<dyn Error>> {
    let mut draft = Draft::new()?;
    let mut random = Random(3);
    for area in 0..140 {
        let weight = 20 + random.below(160);
        let (district, within) = (area / 70, area % 70);
        let areas = [
            (AreaType::Lsoa, format!("E01{area:06}")),
            (AreaType::Msoa, format!("E02{:06}", district * 14 + within / 5)),
            (AreaType::Ward, format!("E05{:06}", district * 18 + (within + 3) % 70 / 4)),
            (AreaType::Neighbourhood, format!("NBH-{:02}", (area + 5) % 140 * 9 / 140)),
            (AreaType::District, format!("E07{district:06}")),
            (AreaType::Partnership, "ALL-AREAS".to_owned()),
        ];
        for number in 1..=12 {
            let month = Month::new(2025, number).ok_or("month")?;
            let count = random.count(2_000 * weight / 100);
            let atom = draft.builder.atom(count);
            for (area_type, name) in &areas {
                for period_type in [PeriodType::Month, PeriodType::CalendarYear] {
                    draft.put(
                        CellId { measure: "months".parse()?, key: key(*area_type, name, period_type, month)? },
                        atom,
                        count,
                    );
                }
            }
        }
    }
    draft.finish(|id| matches!(id.key.area_type, AreaType::District | AreaType::Partnership))
}

/// What one plan took.
struct Took {
    cells: usize,
    plan: f64,
    verify: f64,
}

fn measure(name: &str, problem: &Problem, zeros: ZeroPolicy) -> Result<Took, Box<dyn Error>> {
    let group: GroupId = GROUP.parse()?;
    let policy = Policy { zeros, ..Policy::threshold(K) };
    let clock = Instant::now();
    let before = support::seconds(clock);
    let plan = plan(&LedgerState::empty(group), &problem.truth, &policy, &PlanKey::new([7; 32]))?;
    let seconds = support::seconds(clock) - before;
    let verify = support::seconds_to_verify(&plan, clock)?;
    let summary = plan.summary();
    println!(
        "{name} ({zeros:?}): {} cells, {} of 1 to 4, {} zeros, {} withheld, {} provably small, {} worlds; plan {seconds:.2} s, verify {verify:.3} s",
        summary.cells(),
        problem.small,
        problem.zeros,
        summary.withheld(),
        summary.provably_small,
        summary.worlds
    );
    for ((area_type, period_type), tally) in &summary.tallies {
        println!("    {area_type:12} {:14} {} of {} shown", period_type.as_str(), tally.released, tally.cells);
    }
    Ok(Took { cells: summary.cells(), plan: seconds, verify })
}

/// What grows, and what plans of it took.
type Line = (&'static str, Vec<Took>);
/// What grows, and how.
type Step = (&'static str, fn(usize, Size) -> Size);

fn growth() -> Result<Vec<Line>, Box<dyn Error>> {
    let base = Size { areas: 28, months: 12, indicators: 1, mean: 1_500 };
    let steps: [Step; 4] = [
        ("areas", |times, base| Size { areas: base.areas * times, ..base }),
        ("months", |times, base| Size { months: base.months * i32::try_from(times).unwrap_or(1), ..base }),
        ("indicators", |times, base| Size { indicators: times, ..base }),
        ("records", |times, base| Size { mean: base.mean * times as u64, ..base }),
    ];
    let mut lines = Vec::new();
    for (name, grown) in steps {
        let mut line = Vec::new();
        for times in [1, 3, 10] {
            let problem = growing(grown(times, base))?;
            line.push(measure(&format!("{times} times the {name}"), &problem, ZeroPolicy::Publish)?);
        }
        lines.push((name, line));
    }
    Ok(lines)
}

/// Seconds over growth, both on logarithmic axes: plans as lines, checks dashed.
fn plot(lines: &[Line]) -> Result<String, std::fmt::Error> {
    let (width, height) = (640.0, 360.0);
    let across = |place: usize| 60.0 + 220.0 * place as f64;
    let up = |seconds: f64| (height - 40.0) - 60.0 * (seconds.max(0.001).log10() + 3.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" \
         fill=\"#222\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (power, label) in [(-3, "1 ms"), (-2, "10 ms"), (-1, "0.1 s"), (0, "1 s"), (1, "10 s")] {
        let y = up(10.0_f64.powi(power));
        writeln!(
            svg,
            "<path d=\"M60 {y:.0}H500\" stroke=\"#ddd\"/><text x=\"52\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
            y + 4.0
        )?;
    }
    for (place, label) in ["once", "3 times", "10 times"].iter().enumerate() {
        writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
            across(place),
            height - 16.0
        )?;
    }
    for ((name, line), colour) in lines.iter().zip(["#0b6e4f", "#c1440e", "#3d5a99", "#7a3e9d"]) {
        for (of, dash) in
            [((|took: &Took| took.plan) as fn(&Took) -> f64, ""), (|took| took.verify, " stroke-dasharray=\"4 4\"")]
        {
            let points: Vec<String> = line
                .iter()
                .enumerate()
                .map(|(place, took)| format!("{:.0},{:.1}", across(place), up(of(took))))
                .collect();
            writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>",
                points.join(" ")
            )?;
        }
        if let Some(last) = line.last() {
            let (x, y) = (across(line.len() - 1) + 8.0, up(last.plan) + 4.0);
            writeln!(svg, "<text x=\"{x:.0}\" y=\"{y:.0}\" fill=\"{colour}\">{name} ({} cells)</text>", last.cells)?;
        }
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn main() -> Result<(), Box<dyn Error>> {
    let what = std::env::args().nth(1).unwrap_or_default();
    let problem = match what.as_str() {
        "growth" => {
            let lines = growth()?;
            if let Some(path) = std::env::args().nth(2) {
                std::fs::write(path, plot(&lines)?)?;
            }
            return Ok(());
        }
        "areas" => by_areas()?,
        "months" => by_months()?,
        _ => return Err("say what to measure: growth, areas or months".into()),
    };
    for zeros in POLICIES {
        measure(&what, &problem, zeros)?;
    }
    Ok(())
}
