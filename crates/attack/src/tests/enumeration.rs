//! Random tiny groups against complete enumeration of all worlds: an independent oracle.

use proptest::prelude::*;

use super::{dimension, exact, problem, table};
use crate::{AttackError, Attacker, Bound, Finding, Findings, GroupReport, Known, Method, Options, Problem, attack};

/// A random group: two dimensions, one with two overlapping groupings, with counts and withheld cells.
#[derive(Debug, Clone)]
struct Case {
    counts: Vec<u64>,
    withheld: Vec<bool>,
    marks: bool,
    bounded: bool,
}

const AREAS: [(&str, &[usize]); 6] =
    [("a", &[0]), ("b", &[1]), ("c", &[2]), ("W", &[0, 1]), ("N", &[1, 2]), ("all", &[0, 1, 2])];
const ATOMS: usize = 6;
const CELLS: usize = 18;
const SEXES: [(&str, &[usize]); 3] = [("x", &[0]), ("y", &[1]), ("all", &[0, 1])];

/// The cells of a case: codes, atoms among the six.
fn cells() -> Vec<(String, Vec<usize>)> {
    let mut cells = Vec::new();
    for (area, rows) in AREAS {
        for (sex, columns) in SEXES {
            let atoms = rows.iter().flat_map(|r| columns.iter().map(move |c| r * 2 + c)).collect();
            cells.push((format!("{area} {sex}"), atoms));
        }
    }
    cells
}

impl Case {
    fn count(&self, atoms: &[usize]) -> u64 {
        atoms.iter().map(|atom| self.counts[*atom]).sum()
    }

    fn upper(&self, atom: usize) -> u64 {
        self.counts[atom] + 2
    }

    fn hidden(&self, cell: usize, atoms: &[usize]) -> bool {
        // Where zeros are always published, a zero is never withheld.
        self.withheld[cell] && !(self.marks && self.count(atoms) == 0)
    }

    fn problem(&self) -> Problem {
        let area = dimension("area", "a b c", &[("ward", &[("W", "a b")]), ("neighbourhood", &[("N", "b c")])]);
        let rows: Vec<(String, String)> = cells()
            .into_iter()
            .enumerate()
            .map(|(i, (codes, atoms))| {
                let value = if self.hidden(i, &atoms) { "-".to_owned() } else { self.count(&atoms).to_string() };
                (codes, value)
            })
            .collect();
        let rows: Vec<(&str, &str)> = rows.iter().map(|(c, v)| (c.as_str(), v.as_str())).collect();
        let mut p = problem(vec![area, dimension("sex", "x y", &[])], vec![table("t", self.marks, &rows)]);
        p.threshold = 3;
        if self.bounded {
            for (i, area) in ["a", "b", "c"].iter().enumerate() {
                for (j, sex) in ["x", "y"].iter().enumerate() {
                    let codes = vec![(*area).to_owned(), (*sex).to_owned()];
                    p.bounds.push(Bound { codes, lower: 0, upper: Some(self.upper(i * 2 + j)) });
                }
            }
        }
        p
    }

    /// Smallest and largest value of every withheld cell over all worlds.
    fn ranges(&self, use_marks: bool) -> Vec<(String, u64, u64)> {
        let cells = cells();
        let mut ranges: Vec<(u64, u64)> = vec![(u64::MAX, 0); cells.len()];
        let mut world = vec![0_u64; ATOMS];
        // Every atom is at most the grand total, or the smallest released cell around it.
        let limit = |atom: usize| {
            let released =
                cells.iter().enumerate().filter(|(i, (_, atoms))| atoms.contains(&atom) && !self.hidden(*i, atoms));
            let limit = released.map(|(_, (_, atoms))| self.count(atoms)).min().unwrap_or(0);
            if self.bounded { limit.min(self.upper(atom)) } else { limit }
        };
        let limits: Vec<u64> = (0..ATOMS).map(limit).collect();
        self.enumerate(0, &limits, &cells, use_marks, &mut world, &mut ranges);
        let hidden = cells.iter().enumerate().filter(|(i, (_, atoms))| self.hidden(*i, atoms));
        hidden.map(|(i, (codes, _))| (codes.clone(), ranges[i].0, ranges[i].1)).collect()
    }

    fn enumerate(
        &self,
        atom: usize,
        limits: &[u64],
        cells: &[(String, Vec<usize>)],
        use_marks: bool,
        world: &mut Vec<u64>,
        ranges: &mut [(u64, u64)],
    ) {
        // Cells all of whose atoms are chosen must agree; no released cell may be exceeded.
        for (i, (_, atoms)) in cells.iter().enumerate() {
            let chosen = atoms.iter().filter(|a| **a < atom);
            let sum: u64 = chosen.map(|a| world[*a]).sum();
            let complete = atoms.iter().all(|a| *a < atom);
            let agrees = if self.hidden(i, atoms) {
                !(self.marks && use_marks && complete) || sum >= 1
            } else {
                sum == self.count(atoms) || (!complete && sum < self.count(atoms))
            };
            if !agrees {
                return;
            }
        }
        if atom == ATOMS {
            for ((_, atoms), range) in cells.iter().zip(ranges.iter_mut()) {
                let sum = atoms.iter().map(|a| world[*a]).sum();
                *range = (range.0.min(sum), range.1.max(sum));
            }
            return;
        }
        for value in 0..=limits[atom] {
            world[atom] = value;
            self.enumerate(atom + 1, limits, cells, use_marks, world, ranges);
        }
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let shape = (prop::collection::vec(0_u64..4, ATOMS), 20_u32..90, any::<bool>(), any::<bool>());
    shape.prop_flat_map(|(counts, percent, marks, bounded)| {
        let cell = prop::bool::weighted(f64::from(percent) / 100.0);
        prop::collection::vec(cell, CELLS).prop_map(move |mut withheld| {
            // The grand total is published.
            withheld[CELLS - 1] = false;
            Case { counts: counts.clone(), withheld, marks, bounded }
        })
    })
}

fn names(cells: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = cells.collect();
    names.sort();
    names
}

/// `t: area=a sex=x` for `a x`.
fn label(codes: &str) -> String {
    let (area, sex) = codes.split_once(' ').unwrap();
    let part = |name: &str, code: &str| if code == "all" { String::new() } else { format!(" {name}={code}") };
    format!("t:{}{}", part("area", area), part("sex", sex))
}

fn compare(case: &Case, report: &GroupReport, exact: bool) {
    for (findings, marks) in [(&report.with_marks, true), (&report.from_values, false)] {
        let truth = case.ranges(marks);
        assert!(findings.not_finished.is_empty());
        let recovered = names(findings.recovered.iter().map(|f| f.cell.clone()));
        let unique = names(truth.iter().filter(|(_, low, high)| low == high).map(|(codes, ..)| label(codes)));
        // Nothing is claimed that is not so.
        for finding in findings.recovered.iter().chain(&findings.provably_small).chain(&findings.narrow) {
            let (_, low, high) = truth.iter().find(|(codes, ..)| label(codes) == finding.cell).unwrap();
            assert!(finding.lower <= *low as i64 && finding.upper >= *high as i64, "{} is not sound", finding.cell);
            if exact || finding.method == Method::Rank {
                assert_eq!(
                    (finding.lower, finding.upper),
                    (*low as i64, *high as i64),
                    "{} is not exact",
                    finding.cell
                );
            }
        }
        // Nothing is missed, except where it says that whole-number worlds were not found.
        let missing: Vec<&String> = unique.iter().filter(|cell| !recovered.contains(cell)).collect();
        assert!(missing.iter().all(|cell| findings.unconfirmed.contains(cell)), "missed {missing:?}");
        let small = names(findings.provably_small.iter().map(|f| f.cell.clone()));
        for (codes, _, high) in &truth {
            let cell = label(codes);
            let public = case.bounded && findings.small_in_public > 0;
            assert!(
                *high >= 3 || small.contains(&cell) || findings.unconfirmed.contains(&cell) || public,
                "missed that {cell} is small"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_enumeration(case in cases()) {
        let p = case.problem();
        match attack(&p, &Options::default()) {
            Ok(report) => compare(&case, &report, false),
            Err(error) => panic!("{error}"),
        }
        compare(&case, &attack(&p, &exact()).unwrap(), true);
    }
}

/// What somebody with these records in each atom finds beyond everybody: cell, least and greatest value.
type Found = Vec<(String, i64, i64)>;

fn found(findings: &[Finding]) -> Found {
    let mut found: Found = findings.iter().map(|f| (f.cell.clone(), f.lower, f.upper)).collect();
    found.sort();
    found
}

fn known(own: &[u64]) -> Vec<Known> {
    let atoms = cells().into_iter().filter(|(_, atoms)| atoms.len() == 1);
    let known = atoms
        .map(|(codes, atoms)| Known { codes: codes.split(' ').map(str::to_owned).collect(), count: own[atoms[0]] });
    known.filter(|known| known.count > 0).collect()
}

/// The same by the other way: their records are facts that everybody knows, and a count less theirs has to be large.
fn as_everybody(case: &Case, own: &[u64], everybody: &Findings) -> [Found; 3] {
    let p = Problem { known: known(own), ..case.problem() };
    let theirs = attack(&p, &exact()).unwrap().with_marks;
    let of_others = |(cell, _, upper): &(String, i64, i64)| {
        let (_, atoms) = cells().into_iter().find(|(codes, _)| label(codes) == *cell).unwrap();
        *upper > atoms.iter().map(|atom| own[*atom] as i64).sum::<i64>()
    };
    let new = |theirs: &[Finding], known: &[&[Finding]]| -> Found {
        let known: Vec<&String> = known.iter().flat_map(|known| known.iter()).map(|f| &f.cell).collect();
        found(theirs).into_iter().filter(|one| of_others(one) && !known.contains(&&one.0)).collect()
    };
    let Findings { recovered, provably_small, narrow, .. } = everybody;
    [
        new(&theirs.recovered, &[recovered]),
        new(&theirs.provably_small, &[provably_small]),
        new(&theirs.narrow, &[recovered, provably_small, narrow]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Several who declare records find what each of them finds alone, and that is what follows from their records.
    #[test]
    fn who_declares_records_finds_the_same_alone_and_among_others(
        case in cases(),
        shares in prop::collection::vec(prop::collection::vec(0_u64..4, ATOMS), 3),
    ) {
        let owned = |share: &Vec<u64>| -> Vec<u64> {
            share.iter().zip(&case.counts).map(|(share, count)| (*share).saturating_sub(1).min(*count)).collect()
        };
        let own: Vec<Vec<u64>> = shares.iter().map(owned).filter(|own| own.iter().any(|records| *records > 0)).collect();
        let attacker = |own: &Vec<u64>| Attacker { name: format!("{own:?}"), known: known(own) };
        let with = |attackers: Vec<Attacker>| {
            let options = Options { singletons: false, ..exact() };
            attack(&Problem { attackers, ..case.problem() }, &options).unwrap()
        };
        let together = with(own.iter().map(attacker).collect());
        prop_assert_eq!(together.declared.len(), own.len());
        for (own, declared) in own.iter().zip(&together.declared) {
            let alone = with(vec![attacker(own)]).declared.remove(0);
            let of = |findings: &Findings| [&findings.recovered, &findings.provably_small, &findings.narrow].map(|f| found(f));
            prop_assert_eq!(of(&declared.findings), of(&alone.findings));
            prop_assert_eq!(&declared.slivers, &alone.slivers);
            prop_assert_eq!(of(&declared.findings), as_everybody(&case, own, &together.with_marks));
        }
    }
}

/// Areas by half-years and by their groups, all areas by month: too large to enumerate, small enough to solve on atoms.
fn separable(counts: &[u64], withheld: &[bool], marks: bool) -> Problem {
    let areas: [(&str, &[usize]); 6] =
        [("a", &[0]), ("b", &[1]), ("c", &[2]), ("d", &[3]), ("W", &[0, 1]), ("all", &[0, 1, 2, 3])];
    let times: [(&str, &[usize]); 9] = [
        ("1", &[0]),
        ("2", &[1]),
        ("3", &[2]),
        ("4", &[3]),
        ("5", &[4]),
        ("6", &[5]),
        ("H1", &[0, 1, 2]),
        ("H2", &[3, 4, 5]),
        ("all", &[0, 1, 2, 3, 4, 5]),
    ];
    let mut rows = Vec::new();
    for (area, i) in areas {
        for (time, j) in times {
            // Months only for all areas together.
            if area != "all" && j.len() == 1 {
                continue;
            }
            let count: u64 = i.iter().flat_map(|i| j.iter().map(move |j| i * 6 + j)).map(|atom| counts[atom]).sum();
            let hidden = withheld[rows.len()] && !(marks && count == 0) && time != "all";
            rows.push((format!("{area} {time}"), if hidden { "-".to_owned() } else { count.to_string() }));
        }
    }
    let rows: Vec<(&str, &str)> = rows.iter().map(|(codes, value)| (codes.as_str(), value.as_str())).collect();
    let time = dimension("time", "1 2 3 4 5 6", &[("half", &[("H1", "1 2 3"), ("H2", "4 5 6")])]);
    let area = dimension("area", "a b c d", &[("ward", &[("W", "a b")])]);
    problem(vec![area, time], vec![table("t", marks, &rows)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The attack on separated tables finds what the attack on atoms finds.
    #[test]
    fn separation_loses_nothing(
        counts in prop::collection::vec(0_u64..6, 24),
        withheld in prop::collection::vec(prop::bool::weighted(0.6), 60),
        marks in any::<bool>(),
    ) {
        let p = separable(&counts, &withheld, marks);
        let together = attack(&p, &Options { separate: false, ..exact() }).unwrap();
        let separately = attack(&p, &exact()).unwrap();
        prop_assert!(separately.columns <= together.columns);
        for (a, b) in [(&together.with_marks, &separately.with_marks), (&together.from_values, &separately.from_values)] {
            let ranges = |f: &[crate::Finding]| f.iter().map(|f| (f.cell.clone(), f.lower, f.upper)).collect::<Vec<_>>();
            prop_assert_eq!(ranges(&a.recovered), ranges(&b.recovered));
            prop_assert_eq!(ranges(&a.provably_small), ranges(&b.provably_small));
            prop_assert_eq!(ranges(&a.narrow), ranges(&b.narrow));
            prop_assert_eq!(a.widths, b.widths);
        }
    }
}

#[test]
fn a_wrong_released_value_is_noticed_or_changes_the_answer() {
    let case = Case { counts: vec![1, 2, 3, 4, 1, 2], withheld: vec![false; CELLS], marks: false, bounded: false };
    let mut p = case.problem();
    p.tables[0].cells[0].value = crate::Value::Released(9);
    assert!(matches!(attack(&p, &Options::default()), Err(AttackError::Contradiction { .. })));
}

#[test]
fn the_report_does_not_depend_on_threads() {
    let case = Case {
        counts: vec![1, 2, 3, 4, 1, 2],
        withheld: (0..CELLS).map(|i| i % 3 != 2).collect(),
        marks: true,
        bounded: false,
    };
    let one = attack(&case.problem(), &Options { threads: 1, ..Options::default() }).unwrap();
    let four = attack(&case.problem(), &Options { threads: 4, ..Options::default() }).unwrap();
    assert_eq!(one, four);
}
