//! Components that are networks: circuits find what enumeration finds, and who has one record knows no more where there is room.

use std::collections::BTreeSet;

use super::{dimension, problem};
use crate::component::{Component, Constraint, Query};
use crate::groups::Numbers;
use crate::network::Network;
use crate::universe::UNBOUNDED;
use crate::{Attacker, Cell, Findings, Known, Options, Problem, Table, Value, attack};

fn sum(columns: &[u32], low: i64, high: i64) -> Constraint {
    Constraint { terms: columns.iter().map(|column| (*column, 1)).collect(), low, high }
}

/// All worlds of a small component.
fn worlds(component: &Component) -> Vec<Vec<i64>> {
    let mut worlds = vec![Vec::new()];
    for (low, high) in &component.columns {
        worlds = worlds.iter().flat_map(|head| (*low..=*high).map(move |v| [&head[..], &[v]].concat())).collect();
    }
    worlds.retain(|world| component.admits(world));
    worlds
}

/// Tables of 2 x 3 with sums that are known, limited on one side or not at all, and an unknown in no table.
#[test]
fn circuits_agree_with_enumeration() {
    let mut numbers = Numbers::new(8);
    let (mut networks, mut found) = (0, 0);
    for _ in 0..300 {
        let columns: Vec<(i64, i64)> = (0..7).map(|_| (numbers.below(2) as i64, 2 + numbers.below(2) as i64)).collect();
        let sums: [&[u32]; 5] = [&[0, 1, 2], &[3, 4, 5], &[0, 3], &[1, 4], &[2, 5]];
        let mut constraints = Vec::new();
        for columns in sums {
            let value = (columns.len() + numbers.below(4)) as i64;
            constraints.extend(match numbers.below(4) {
                0 => None,
                1 => Some(sum(columns, 0, value)),
                2 => Some(sum(columns, value, UNBOUNDED)),
                _ => Some(sum(columns, value, value + numbers.below(2) as i64)),
            });
        }
        let component = Component { columns, constraints, queries: Vec::new() };
        let worlds = worlds(&component);
        let Some(mut network) = Network::new(&component) else {
            assert!(worlds.is_empty(), "a world is found if there is one");
            continue;
        };
        networks += 1;
        for column in 0..7_u32 {
            let values: BTreeSet<i64> = worlds.iter().map(|world| world[column as usize]).collect();
            let (low, high) = (*values.first().unwrap(), *values.last().unwrap());
            found += usize::from(low < high);
            assert_eq!(network.extreme(column, true, UNBOUNDED), Some((high, true)));
            assert_eq!(network.extreme(column, false, -1), Some((low, true)));
            assert_eq!(network.extreme(column, true, high), Some((high, false)), "no further than asked");
            assert!(component.admits(&network.world()));
        }
    }
    assert!(networks > 100 && found > 500, "{networks} {found}");
}

#[test]
fn what_is_no_network_is_left_to_linear_programmes() {
    let component = |constraints: Vec<Constraint>| Component {
        columns: vec![(0, 9); 3],
        constraints,
        queries: vec![Query { columns: vec![0], want_high: 5, want_width: 5, want_low: i64::MAX }],
    };
    let triangle = vec![sum(&[0, 1], 5, 5), sum(&[1, 2], 5, 5), sum(&[0, 2], 5, 5)];
    assert!(Network::new(&component(triangle[..2].to_vec())).is_some());
    assert!(Network::new(&component(triangle)).is_none(), "an odd ring has no two sides");
    let thrice = vec![sum(&[0, 1], 1, 5), sum(&[0, 2], 1, 5), sum(&[0, 1, 2], 1, 5)];
    assert!(Network::new(&component(thrice)).is_none());
    // A limit of one column is no sum.
    let mut marked =
        Network::new(&component(vec![sum(&[0, 1], 5, 5), sum(&[0, 2], 5, 5), sum(&[0], 1, UNBOUNDED)])).unwrap();
    assert_eq!((marked.extreme(0, false, -1), marked.extreme(1, true, 9)), (Some((1, true)), Some((4, true))));
    let weighted = Constraint { terms: vec![(0, 2), (1, 1)], low: 4, high: 4 };
    assert!(Network::new(&component(vec![weighted])).is_none());
    assert!(Network::new(&component(vec![sum(&[0, 1, 2], 28, 28)])).is_none(), "no world");
}

/// A square table with its margins; some cells withheld, all of them possibly zero.
fn two_way(seed: u64, size: usize, values: usize, percent: usize) -> Problem {
    let mut numbers = Numbers::new(seed);
    let codes = |letter: &str| (0..size).map(|n| format!("{letter}{n}")).collect::<Vec<_>>();
    let (rows, columns) = (codes("r"), codes("c"));
    let counts: Vec<Vec<u64>> = rows
        .iter()
        .map(|_| columns.iter().map(|_| (numbers.below(values) * numbers.below(5)) as u64).collect())
        .collect();
    let mut cells = Vec::new();
    let mut add =
        |row: &str, column: &str, value| cells.push(Cell { codes: vec![row.to_owned(), column.to_owned()], value });
    for (row, of_row) in rows.iter().zip(&counts) {
        for (column, count) in columns.iter().zip(of_row) {
            let hidden = numbers.percent(percent);
            add(row, column, if hidden { Value::Withheld } else { Value::Released(*count) });
        }
        add(row, "all", Value::Released(of_row.iter().sum()));
    }
    for (number, column) in columns.iter().enumerate() {
        add("all", column, Value::Released(counts.iter().map(|row| row[number]).sum()));
    }
    let dimensions = vec![dimension("row", &rows.join(" "), &[]), dimension("column", &columns.join(" "), &[])];
    problem(dimensions, vec![Table { name: "t".to_owned(), cells, ..Table::default() }])
}

/// What somebody finds who declares one record in a cell is found for contributors to that cell who do not declare it.
#[test]
fn nobody_with_one_record_is_overlooked() {
    let (mut tried, mut found) = (0, 0);
    for seed in 0..60 {
        let mut problem = two_way(seed, 5, 5, 60);
        let everybody = attack(&problem, &Options::default()).unwrap();
        let narrowed = |findings: &Findings| {
            let all = findings.recovered.iter().chain(&findings.provably_small).chain(&findings.narrow);
            all.map(|finding| finding.cell.clone()).collect::<BTreeSet<String>>()
        };
        let hidden: Vec<Vec<String>> = problem.tables[0]
            .cells
            .iter()
            .filter(|cell| cell.value == Value::Withheld)
            .map(|cell| cell.codes.clone())
            .collect();
        let anyone = narrowed(&everybody.with_marks)
            .into_iter()
            .chain(everybody.declared.iter().flat_map(|declared| narrowed(&declared.findings)))
            .collect::<BTreeSet<String>>();
        for codes in hidden {
            let name = format!("one in {}", codes.join(" "));
            problem.attackers = vec![Attacker { name, known: vec![Known { codes, count: 1 }] }];
            // Where the cell is known to be zero, nobody has a record in it.
            let Ok(report) = attack(&problem, &Options { singletons: false, ..Options::default() }) else { continue };
            tried += 1;
            let theirs = narrowed(&report.declared[0].findings);
            found += theirs.len();
            assert!(theirs.is_subset(&anyone), "seed {seed}: {theirs:?} of {anyone:?}");
        }
    }
    println!("{tried} contributors found {found}");
    assert!(tried > 400 && found > 20);
}

/// A table with 3,721 cells needs no linear programme, also where zeros are published.
#[test]
fn large_tables_are_answered_by_circuits() {
    for marks in [false, true] {
        let mut problem = two_way(1, 60, 20, 0);
        let mut numbers = Numbers::new(2);
        let table = &mut problem.tables[0];
        table.zeros_published = marks;
        for cell in table.cells.iter_mut().filter(|cell| !cell.codes.contains(&"all".to_owned())) {
            if cell.value != Value::Released(0) && numbers.percent(20) {
                cell.value = Value::Withheld;
            }
        }
        let report = attack(&problem, &Options::default()).unwrap();
        assert!(report.cells == 3_720 && report.withheld > 500);
        assert_eq!(report.with_marks.solves, 0);
        assert!(report.with_marks.not_finished.is_empty() && report.with_marks.unconfirmed.is_empty());
    }
}

/// What a limit kept from being searched is said, and is a broken promise.
#[test]
fn limits_are_never_silent() {
    static SAID: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    let limited = |options: &Options| {
        let report = crate::attack_all(&[two_way(3, 5, 5, 60)], options).unwrap();
        let all = report.groups[0].declared.iter().map(|declared| &declared.findings);
        let all = all.chain([&report.groups[0].with_marks]);
        let said: Vec<String> = all.flat_map(|findings| findings.not_finished.clone()).collect();
        assert_eq!(said.is_empty(), !report.failures().iter().any(|f| f.promise == crate::Promise::Decided));
        said
    };
    assert_eq!(limited(&Options::default()), Vec::<String>::new());
    assert!(limited(&Options { max_overlaps: 5, ..Options::default() })[0].starts_with("not searched: half-sums"));
    assert!(
        limited(&Options { max_difference_cells: 5, ..Options::default() })[0].starts_with("not searched: differences")
    );
    let contributors = limited(&Options { max_contributors: 5, ..Options::default() });
    assert!(contributors[0].starts_with("not searched: single contributors to "), "{contributors:?}");
    let progress: fn(&str) = |step| SAID.lock().unwrap().push(step.to_owned());
    limited(&Options { progress: Some(progress), ..Options::default() });
    let said = SAID.lock().unwrap();
    assert!(said.len() >= 4 && said.iter().all(|step| step.starts_with("test: ")), "{said:?}");
}
