//! A group of the size of the sample partnership: separated exactly, attacked in seconds.

use std::collections::BTreeMap;

use crate::columns::System;
use crate::propagate::{Intervals, Knowledge};
use crate::universe::Universe;
use crate::{Cell, Dimension, Level, Options, Problem, Table, Value, attack};

/// A small deterministic generator (splitmix64), for data only.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

fn level(name: &str, atoms: usize, code: impl Fn(usize) -> String, atom: impl Fn(usize) -> String) -> Level {
    let mut codes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for number in 0..atoms {
        codes.entry(code(number)).or_default().push(atom(number));
    }
    Level { name: name.to_owned(), codes }
}

fn lsoa(n: usize) -> String {
    format!("L{n:03}")
}

fn month(m: usize) -> String {
    format!("{}-{:02}", 2023 + m / 12, m % 12 + 1)
}

/// 140 areas in 31 MSOAs, 37 wards, 9 neighbourhoods and 2 districts; 36 months; sex, age band, and one measure that is
/// part of another.
fn dimensions() -> Vec<Dimension> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let plain = |name: &str, atoms: &str| Dimension {
        name: name.to_owned(),
        atoms: words(atoms),
        levels: Vec::new(),
        total: "all".to_owned(),
    };
    let area = Dimension {
        name: "area".to_owned(),
        atoms: (0..140).map(lsoa).collect(),
        levels: vec![
            level(
                "msoa",
                140,
                |n| if n < 70 { format!("M{:02}", n / 5) } else { format!("M{:02}", 14 + (n - 70) * 17 / 70) },
                lsoa,
            ),
            level(
                "ward",
                140,
                |n| {
                    if n < 70 {
                        format!("W{:02}", n * 14 / 70)
                    } else {
                        format!("W{:02}", 14 + ((n - 70) * 37 + 11) % 23)
                    }
                },
                lsoa,
            ),
            level("neighbourhood", 140, |n| format!("N{}", (n * 7 / 11 + n / 4) % 9), lsoa),
            level("district", 140, |n| format!("D{}", n / 70), lsoa),
        ],
        total: "all".to_owned(),
    };
    let period = Dimension {
        name: "period".to_owned(),
        atoms: (0..36).map(month).collect(),
        levels: vec![
            level("quarter", 36, |m| format!("{}Q{}", 2023 + m / 12, m % 12 / 3 + 1), month),
            level("year", 36, |m| format!("Y{}", 2023 + m / 12), month),
        ],
        total: "all".to_owned(),
    };
    vec![area, period, plain("sex", "female male"), plain("age", "0-15 16-64 65+"), plain("measure", "part rest")]
}

/// Levels of a table: area, period, sex, age, with measures all and part.
const VIEWS: [(&str, [&str; 4]); 5] = [
    ("lsoa-year", ["lsoa", "year", "all", "all"]),
    ("msoa-quarter", ["msoa", "quarter", "all", "all"]),
    ("ward-quarter", ["ward", "quarter", "all", "all"]),
    ("district-month", ["district", "month", "all", "all"]),
    ("district-year-sex-age", ["district", "year", "sex", "age"]),
];

struct Data {
    /// Events by area, month, sex, age, measure.
    events: Vec<[usize; 5]>,
}

fn data(seed: u64, events: usize) -> Data {
    let mut numbers = Numbers(seed);
    let mut pick = |n: u64| usize::try_from(numbers.below(n)).unwrap();
    let one = |pick: &mut dyn FnMut(u64) -> usize| {
        let area = pick(140).min(pick(140));
        [area, pick(36), pick(2), pick(5).min(2), usize::from(pick(100) >= 30)]
    };
    Data { events: (0..events).map(|_| one(&mut pick)).collect() }
}

/// Codes at a level, with the atoms' numbers.
fn codes(dimension: &Dimension, level: &str) -> Vec<(String, Vec<usize>)> {
    let number = |atom: &String| dimension.atoms.iter().position(|a| a == atom).unwrap();
    match level {
        "all" => vec![("all".to_owned(), (0..dimension.atoms.len()).collect())],
        level => match dimension.levels.iter().find(|l| l.name == level) {
            Some(level) => {
                level.codes.iter().map(|(code, atoms)| (code.clone(), atoms.iter().map(number).collect())).collect()
            }
            None => dimension.atoms.iter().enumerate().map(|(n, atom)| (atom.clone(), vec![n])).collect(),
        },
    }
}

/// The released tables. `hide` decides about a count, given a random number below 100.
fn problem(seed: u64, events: usize, hide: impl Fn(u64, u64) -> bool) -> Problem {
    let dimensions = dimensions();
    let data = data(seed, events);
    let mut numbers = Numbers(seed + 1);
    let mut tables = Vec::new();
    for (name, levels) in VIEWS {
        let mut cells = Vec::new();
        for measure in ["all", "part"] {
            // Every total over sex, age and measure is in the table too.
            let combinations: Vec<[&str; 4]> = if levels[2] == "sex" {
                let [area, period, ..] = levels;
                vec![levels, [area, period, "all", "age"], [area, period, "sex", "all"], [area, period, "all", "all"]]
            } else {
                vec![levels]
            };
            for combination in combinations {
                tabulate(&dimensions, &data, combination, measure, &mut |codes, count| {
                    let value = if hide(count, numbers.below(100)) { Value::Withheld } else { Value::Released(count) };
                    cells.push(Cell { codes, value });
                });
            }
        }
        tables.push(Table {
            name: name.to_owned(),
            open: false,
            zeros_published: true,
            sensitive: Vec::new(),
            may_be_older: None,
            cells,
        });
    }
    Problem { name: format!("group {seed}"), threshold: 5, dimensions, tables, ..Problem::default() }
}

fn tabulate(
    dimensions: &[Dimension],
    data: &Data,
    levels: [&str; 4],
    measure: &str,
    write: &mut dyn FnMut(Vec<String>, u64),
) {
    let by: Vec<Vec<(String, Vec<usize>)>> =
        dimensions.iter().zip(levels.iter().chain([&"all"])).map(|(d, l)| codes(d, l)).collect();
    let position: Vec<BTreeMap<usize, usize>> = by
        .iter()
        .map(|codes| codes.iter().enumerate().flat_map(|(i, (_, atoms))| atoms.iter().map(move |a| (*a, i))).collect())
        .collect();
    let mut counts: BTreeMap<Vec<usize>, u64> = BTreeMap::new();
    for event in data.events.iter().filter(|event| measure == "all" || event[4] == 0) {
        *counts.entry(event.iter().zip(&position).map(|(atom, codes)| codes[atom]).collect()).or_default() += 1;
    }
    let mut at = vec![0; 4];
    loop {
        let mut key = at.clone();
        key.push(0);
        let mut codes: Vec<String> = key.iter().zip(&by).map(|(i, codes)| codes[*i].0.clone()).collect();
        codes[4] = measure.to_owned();
        write(codes, counts.get(&key).copied().unwrap_or(0));
        let Some(d) = (0..4).rev().find(|d| at[*d] + 1 < by[*d].len()) else { return };
        at[d] += 1;
        at[d + 1..].fill(0);
    }
}

/// Separation leaves as many columns as the finest tables have cells, not as many as there are atoms.
#[test]
fn tables_that_share_only_sums_are_separated() {
    let problem = problem(1, 9_000, |count, _| count > 0);
    let universe = Universe::build(&problem).unwrap();
    let intervals = Intervals::given(&universe, Knowledge::Values);
    let system = System::build(&universe, &intervals, &Options::default()).unwrap();
    println!(
        "{} atoms, {} columns, {} parts, {} links",
        system.atoms,
        system.columns,
        system.parts,
        system.links.len()
    );
    assert!(system.parts >= 3);
    assert!((system.columns as usize) < system.atoms / 4);
}

/// Primaries, and a share of the rest: not a protection, but about as many withheld cells as one has.
#[test]
fn a_realistic_group_is_attacked() {
    let problem = problem(2, 40_000, |count, random| count > 0 && (count < 5 || random < 20));
    let report = attack(&problem, &Options::default()).unwrap();
    println!("{}", crate::Report { groups: vec![report.clone()] });
    assert!(report.withheld > 300);
    assert!(report.with_marks.not_finished.is_empty());
    assert!(!report.with_marks.recovered.is_empty());
}
