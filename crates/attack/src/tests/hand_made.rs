//! Small tables whose answers can be worked out by hand.

use super::{dimension, exact, problem, table};
use crate::{AttackError, Attacker, Bound, GroupReport, Known, Options, Problem, attack};

/// What was found, as lines: `cell lower..upper method`.
fn found(report: &GroupReport) -> Vec<String> {
    let findings = &report.with_marks;
    let mut lines = Vec::new();
    for (kind, list) in
        [("recovered", &findings.recovered), ("small", &findings.provably_small), ("narrow", &findings.narrow)]
    {
        for f in list {
            lines.push(format!("{kind} {} {}..{} {:?}", f.cell, f.lower, f.upper, f.method));
        }
    }
    lines.extend(findings.group_disclosed.iter().map(|d| format!("disclosed {}", d.cell)));
    lines.extend(findings.not_finished.iter().map(|c| format!("not finished {c}")));
    lines
}

fn check(problem: &Problem, expect: &[&str]) {
    for options in [Options::default(), exact()] {
        let report = attack(problem, &options).unwrap();
        assert_eq!(found(&report), expect);
    }
}

fn two_by_two(zeros: bool, inner: [&str; 4]) -> Problem {
    let [aa, ab, ba, bb] = inner;
    let cells = [
        ("a x", aa),
        ("a y", ab),
        ("a all", "20"),
        ("b x", ba),
        ("b y", bb),
        ("b all", "30"),
        ("all x", "24"),
        ("all y", "26"),
        ("all all", "50"),
    ];
    problem(vec![dimension("area", "a b", &[]), dimension("sex", "x y", &[])], vec![table("t", zeros, &cells)])
}

#[test]
fn two_by_two_with_margins() {
    check(&two_by_two(false, ["4", "16", "20", "10"]), &[]);
    // One cell missing: every margin gives it.
    check(
        &two_by_two(false, ["-", "16", "20", "10"]),
        &["recovered t: area=a sex=x 4..4 Interval", "small t: area=a sex=x 4..4 Interval"],
    );
    // A row missing: the columns give it.
    check(
        &two_by_two(false, ["-", "-", "20", "10"]),
        &[
            "recovered t: area=a sex=x 4..4 Interval",
            "recovered t: area=a sex=y 16..16 Interval",
            "small t: area=a sex=x 4..4 Interval",
        ],
    );
    // All four missing: 0..20 each.
    check(&two_by_two(false, ["-", "-", "-", "-"]), &[]);
    check(&two_by_two(true, ["-", "-", "-", "-"]), &[]);
}

#[test]
fn exact_ranges_are_reported() {
    let report = attack(&two_by_two(true, ["-", "-", "-", "-"]), &exact()).unwrap();
    assert_eq!(report.with_marks.widths.from_2k, 4);
    assert_eq!(report.withheld, 4);
    assert_eq!(report.cells, 9);
}

/// Three withheld cells that add up to 6 in each row: at least 1 each, so at most 4.
#[test]
fn zero_marks_prove_smallness() {
    let cells = [
        ("a x", "-"),
        ("a y", "-"),
        ("a z", "-"),
        ("a all", "6"),
        ("b x", "-"),
        ("b y", "-"),
        ("b z", "-"),
        ("b all", "6"),
        ("all x", "4"),
        ("all y", "4"),
        ("all z", "4"),
    ];
    let dimensions = || vec![dimension("area", "a b", &[]), dimension("kind", "x y z", &[])];
    let marked = problem(dimensions(), vec![table("t", true, &cells)]);
    let report = attack(&marked, &exact()).unwrap();
    assert_eq!(report.with_marks.provably_small.len(), 6);
    assert!(report.with_marks.provably_small.iter().all(|f| (f.lower, f.upper) == (1, 3)));
    assert!(report.from_values.provably_small.iter().all(|f| (f.lower, f.upper) == (0, 4)));
    // Columns of 12: small only because of the marks.
    let wide: Vec<_> = cells
        .iter()
        .map(|(c, v)| {
            (
                *c,
                if *v == "4" {
                    "12"
                } else if *v == "6" {
                    "18"
                } else {
                    *v
                },
            )
        })
        .collect();
    check(&problem(dimensions(), vec![table("t", true, &wide)]), &[]);
    let row: Vec<_> = wide
        .iter()
        .map(|(c, v)| {
            (
                *c,
                if *c == "a all" {
                    "6"
                } else if *c == "b all" {
                    "30"
                } else {
                    *v
                },
            )
        })
        .collect();
    let report = attack(&problem(dimensions(), vec![table("t", true, &row)]), &Options::default()).unwrap();
    assert_eq!(report.with_marks.provably_small.len(), 3);
    assert!(report.with_marks.provably_small.iter().all(|f| (f.lower, f.upper) == (1, 4)));
    assert!(report.from_values.provably_small.is_empty());
}

/// Two geographies that overlap: their difference is one withheld area.
#[test]
fn overlapping_geographies_are_differenced() {
    let area = dimension(
        "area",
        "a b c d",
        &[("ward", &[("W1", "a b"), ("W2", "c d")]), ("neighbourhood", &[("N1", "a b c"), ("N2", "d")])],
    );
    let cells = [("a", "-"), ("b", "-"), ("c", "-"), ("d", "-"), ("W1", "17"), ("W2", "13"), ("N1", "20"), ("N2", "-")];
    check(
        &problem(vec![area], vec![table("t", true, &cells)]),
        &[
            "recovered t: area=c 3..3 Rank",
            "recovered t: area=d 10..10 Rank",
            "recovered t: area=N2 10..10 Rank",
            "small t: area=c 3..3 Rank",
        ],
    );
}

/// A cell that no single sum gives, but a combination does: (W1 + W2 - N1 - N2 + ...) needs the rank test.
#[test]
fn linear_combinations_are_found() {
    // ab + bc + cd - da ... an odd cycle: a+b, b+c, a+c released, so a = (ab + ac - bc) / 2.
    let area = dimension("area", "a b c", &[("p", &[("AB", "a b")]), ("q", &[("BC", "b c")]), ("r", &[("AC", "a c")])]);
    let cells = [("a", "-"), ("b", "-"), ("c", "-"), ("AB", "30"), ("BC", "24"), ("AC", "14")];
    check(
        &problem(vec![area], vec![table("t", true, &cells)]),
        &[
            "recovered t: area=a 10..10 Rank",
            "recovered t: area=b 20..20 Rank",
            "recovered t: area=c 4..4 Rank",
            "small t: area=c 4..4 Rank",
        ],
    );
}

#[test]
fn public_bounds_narrow() {
    let dimensions = || vec![dimension("area", "a b c", &[])];
    let cells = [("a", "-"), ("b", "-"), ("c", "-"), ("all", "30")];
    let mut bounded = problem(dimensions(), vec![table("t", true, &cells)]);
    check(&bounded, &[]);
    bounded.bounds = vec![
        Bound { codes: vec!["a".to_owned()], lower: 0, upper: Some(12) },
        Bound { codes: vec!["b".to_owned()], lower: 0, upper: Some(16) },
    ];
    // c is at least 30 - 12 - 16 = 2, which is no disclosure; a is at most 12.
    check(&bounded, &[]);
    bounded.bounds.push(Bound { codes: vec!["c".to_owned()], lower: 0, upper: Some(4) });
    // Public facts alone prove c small; the release narrows it to 2..4.
    check(
        &bounded,
        &[
            "small t: area=c 2..4 Interval",
            "narrow t: area=a 10..12 Interval",
            "narrow t: area=b 14..16 Interval",
            "disclosed t: area=a",
            "disclosed t: area=b",
        ],
    );
}

#[test]
fn smallness_that_is_public_anyway_is_not_a_finding() {
    let mut p = problem(
        vec![dimension("area", "a b c", &[])],
        vec![table("t", false, &[("a", "-"), ("b", "-"), ("c", "-"), ("all", "30")])],
    );
    p.bounds = vec![Bound { codes: vec!["c".to_owned()], lower: 0, upper: Some(4) }];
    let report = attack(&p, &Options::default()).unwrap();
    assert_eq!(report.with_marks.small_in_public, 1);
    assert_eq!(found(&report), Vec::<String>::new());
}

/// Quarters inside years: the year minus three released quarters.
#[test]
fn nested_years_are_differenced() {
    let time = dimension("period", "Q1 Q2 Q3 Q4", &[("half", &[("H1", "Q1 Q2"), ("H2", "Q3 Q4")])]);
    let area = dimension("area", "a b", &[("district", &[("D", "a b")])]);
    let by_quarter = table("quarters", true, &[("D Q1", "10"), ("D Q2", "12"), ("D Q3", "9"), ("D Q4", "-")]);
    let by_year = table("years", true, &[("a all", "-"), ("b all", "-"), ("D all", "34")]);
    check(
        &problem(vec![area.clone(), time.clone()], vec![by_quarter, by_year]),
        &["recovered quarters: area=D period=Q4 3..3 Interval", "small quarters: area=D period=Q4 3..3 Interval"],
    );
    let halves = table("halves", true, &[("a H1", "20"), ("b H1", "-"), ("a H2", "-"), ("b H2", "-")]);
    let by_quarter = table("quarters", true, &[("D Q1", "10"), ("D Q2", "12"), ("D Q3", "-"), ("D Q4", "-")]);
    check(
        &problem(vec![area, time], vec![by_quarter, halves]),
        &["recovered halves: area=b period=H1 2..2 Rank", "small halves: area=b period=H1 2..2 Rank"],
    );
}

/// A part of a measure is at most the whole.
#[test]
fn a_part_is_bounded_by_the_whole() {
    let dimensions = vec![dimension("area", "a b", &[]), dimension("measure", "part rest", &[])];
    let all = table("all events", true, &[("a all", "8"), ("b all", "40")]);
    let part = table("part", true, &[("a part", "-"), ("b part", "-"), ("all part", "44")]);
    // a's part is at most 8 and at least 44 - 40.
    check(
        &problem(dimensions, vec![all, part]),
        &["narrow part: area=a measure=part 4..8 Bounds", "narrow part: area=b measure=part 36..40 Bounds"],
    );
}

#[test]
fn own_records_are_subtracted() {
    let mut p =
        problem(vec![dimension("area", "a b", &[])], vec![table("t", true, &[("a", "-"), ("b", "-"), ("all", "9")])]);
    check(&p, &[]);
    p.known = vec![Known { codes: vec!["a".to_owned()], count: 4 }];
    // b is at most 9 - 4 = 5 and a at most 8, of which 4 are others.
    check(&p, &["small t: area=a 4..8 Interval", "narrow t: area=b 1..5 Interval"]);
}

#[test]
fn groups_are_disclosed() {
    let dimensions = || vec![dimension("area", "a b", &[]), dimension("condition", "yes no", &[])];
    let with = |yes: &str, no: &str, all: &str| {
        let mut t = table("t", true, &[("a yes", yes), ("a no", no), ("a all", all)]);
        t.sensitive = vec!["condition".to_owned()];
        problem(dimensions(), vec![t])
    };
    check(&with("10", "0", "10"), &["disclosed t: area=a condition=yes"]);
    check(&with("10", "10", "20"), &[]);
    check(&with("6", "0", "-"), &["recovered t: area=a 6..6 Interval"]);
    let mut population = problem(dimensions(), vec![table("t", true, &[("a yes", "18")])]);
    population.bounds = vec![Bound { codes: vec!["a".to_owned(), "yes".to_owned()], lower: 0, upper: Some(20) }];
    check(&population, &["disclosed t: area=a condition=yes"]);
}

#[test]
fn open_tables_are_knowledge_not_targets() {
    let dimensions = vec![dimension("area", "a b", &[]), dimension("kind", "x y", &[])];
    let mut open = table("open", true, &[("a x", "3"), ("b x", "2"), ("all x", "5")]);
    open.open = true;
    let closed = table(
        "closed",
        true,
        &[("a all", "-"), ("b all", "9"), ("a y", "-"), ("b y", "7"), ("all y", "17"), ("all all", "22")],
    );
    check(
        &problem(dimensions, vec![open, closed]),
        &["recovered closed: area=a 13..13 Interval", "recovered closed: area=a kind=y 10..10 Interval"],
    );
}

#[test]
fn withheld_here_and_released_there_is_recovered() {
    let dimensions = vec![dimension("area", "a b", &[("district", &[("D", "a b")])])];
    let tables = vec![table("one", true, &[("a", "-"), ("b", "-"), ("all", "-")]), table("two", true, &[("D", "25")])];
    check(&problem(dimensions, tables), &["recovered one: 25..25 Interval"]);
}

#[test]
fn contradictions_are_errors() {
    let p =
        problem(vec![dimension("area", "a b", &[])], vec![table("t", true, &[("a", "3"), ("b", "4"), ("all", "9")])]);
    assert!(matches!(attack(&p, &Options::default()), Err(AttackError::Contradiction { .. })));
}

/// Differences of released cells that no table shows.
#[test]
fn slivers_are_found() {
    let area = dimension(
        "area",
        "a b c d e",
        &[
            ("ward", &[("W", "a b c d")]),
            ("neighbourhood", &[("N", "a b c")]),
            ("half", &[("H1", "a b"), ("H2", "c d e")]),
        ],
    );
    let slivers = |cells: &[(&str, &str)]| {
        let report = attack(&problem(vec![area.clone()], vec![table("t", true, cells)]), &Options::default()).unwrap();
        report.slivers.iter().map(|s| format!("{} = {}", s.cells, s.count)).collect::<Vec<_>>()
    };
    // A ward less a neighbourhood inside it.
    assert_eq!(slivers(&[("W", "30"), ("N", "27")]), ["t: area=W less t: area=N = 3"]);
    assert_eq!(slivers(&[("W", "30"), ("N", "25")]), Vec::<String>::new());
    assert_eq!(slivers(&[("W", "30"), ("N", "30")]), Vec::<String>::new());
    // Halves cover the ward, and one area more.
    assert_eq!(slivers(&[("W", "30"), ("H1", "12"), ("H2", "20")]), ["t: area=H1 and t: area=H2 less t: area=W = 2"]);
    // A total less two of its parts.
    assert_eq!(slivers(&[("all", "40"), ("H1", "12"), ("c", "26")]), ["t: less t: area=H1 and t: area=c = 2"]);
    // What is in no area: the total less all the areas that are shown.
    assert_eq!(
        slivers(&[("all", "40"), ("a", "9"), ("b", "8"), ("c", "11"), ("d", "10")]),
        ["t: less t: area=a and its 3 others = 2"]
    );
}

/// Half of a sum of released cells, where no sum and no difference of whole cells is small.
#[test]
fn half_sums_are_found() {
    let codes = ["ab", "bc", "ac", "abd", "bcd", "pqs", "prt", "qru", "stu"];
    let atoms = codes.map(|code| code.chars().map(|atom| format!("{atom} ")).collect::<String>());
    let single: Vec<[(&str, &str); 1]> = codes.iter().zip(&atoms).map(|(code, atoms)| [(*code, &atoms[..])]).collect();
    let levels: Vec<(&str, &[(&str, &str)])> = single.iter().map(|level| (level[0].0, &level[..])).collect();
    let area = dimension("area", "a b c d p q r s t u", &levels);
    let attacked = |cells: &[(&str, &str)], own: &[(&str, u64)]| {
        let mut problem = problem(vec![area.clone()], vec![table("t", true, cells)]);
        let known = own.iter().map(|(code, count)| Known { codes: vec![(*code).to_owned()], count: *count });
        problem.attackers = vec![Attacker { name: "one".to_owned(), known: known.collect() }];
        let report = attack(&problem, &Options::default()).unwrap();
        let names = |slivers: &[crate::Sliver]| slivers.iter().map(|s| s.count).collect::<Vec<_>>();
        (names(&report.slivers), names(&report.declared[0].slivers))
    };
    let ring = [("ab", "43"), ("bc", "70"), ("ac", "33")];
    assert_eq!(attacked(&ring, &[]).0, [3]);
    // With a table that tells d apart, which holds something, a is not told; with d in the two others it is.
    assert_eq!(attacked(&[("abd", "50"), ("bc", "70"), ("ac", "33")], &[]).0, Vec::<i64>::new());
    assert_eq!(attacked(&[("abd", "50"), ("bcd", "77"), ("ac", "33")], &[]).0, [3]);
    // A zero counts for nothing.
    assert_eq!(attacked(&[("abd", "43"), ("d", "0"), ("bc", "70"), ("ac", "33")], &[]).0, [3]);
    // Of eight in a, somebody has four.
    let large = [("ab", "48"), ("bc", "70"), ("ac", "38")];
    assert_eq!(attacked(&large, &[("a", 4)]), (vec![], vec![4]));
    assert_eq!(attacked(&large, &[("b", 4)]), (vec![], vec![]));
    // Four cells: half of three less the fourth is p, q and r together.
    assert_eq!(attacked(&[("pqs", "22"), ("prt", "32"), ("qru", "42"), ("stu", "90")], &[]).0, [3]);
    assert_eq!(attacked(&[("pqs", "32"), ("prt", "32"), ("qru", "42"), ("stu", "90")], &[]).0, Vec::<i64>::new());
}

/// Nothing depends on the order in which tables, cells and codes are given.
#[test]
fn the_order_of_the_input_does_not_matter() {
    use crate::groups::{Numbers, Size, random_group};
    let shuffle = |numbers: &mut Numbers, length: usize| {
        let mut order: Vec<usize> = (0..length).collect();
        (1..length).rev().for_each(|n| order.swap(n, numbers.below(n + 1)));
        order
    };
    for seed in 0..12 {
        let group = random_group(seed, Size::Medium);
        let problem = group.release(1, true, |cell| (1..9).contains(&cell.count));
        let mut numbers = Numbers::new(seed);
        let mut other = problem.clone();
        for table in &mut other.tables {
            let cells = shuffle(&mut numbers, table.cells.len()).into_iter().map(|n| table.cells[n].clone());
            table.cells = cells.collect();
        }
        let atoms = shuffle(&mut numbers, other.dimensions[0].atoms.len());
        other.dimensions[0].atoms = atoms.iter().map(|n| problem.dimensions[0].atoms[*n].clone()).collect();
        let found = |p: &Problem| {
            let report = attack(p, &exact()).unwrap();
            let mut found: Vec<String> =
                found(&report).iter().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
            found.extend(report.slivers.iter().map(|sliver| sliver.count.to_string()));
            found.sort();
            found
        };
        let (one, two) = (found(&problem), found(&other));
        let only = |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>();
        assert_eq!(only(&one, &two), only(&two, &one), "{seed}");
        assert_eq!(one.len(), two.len(), "{seed}");
    }
}
