//! Perturbed counts averaged over complements.

use std::collections::BTreeMap;

use crate::averaging::average;
use crate::groups::Numbers;
use crate::{Cell, Dimension, Level, Problem, Table, Value, attack};

const CATEGORIES: usize = 8;
/// Noise is at most this.
const MOST: i64 = 6;

/// Noise of variance 4: the sum of six numbers from -1 to 1.
fn noise(numbers: &mut Numbers) -> i64 {
    (0..6).map(|_| numbers.below(3) as i64 - 1).sum()
}

/// Counts of all sums of eight categories, each with its own noise, except the total.
fn recodes(seed: u64) -> (Problem, i64) {
    let mut numbers = Numbers::new(seed);
    let atoms: Vec<String> = (0..CATEGORIES).map(|number| format!("c{number}")).collect();
    let counts: Vec<i64> = (0..CATEGORIES).map(|_| 20 + numbers.below(40) as i64).collect();
    let mut levels = Vec::new();
    let mut cells = Vec::new();
    for set in 1_usize..(1 << CATEGORIES) - 1 {
        let inside: Vec<usize> = (0..CATEGORIES).filter(|c| set >> c & 1 == 1).collect();
        let code = format!("set {set}");
        let members: Vec<String> = inside.iter().map(|c| atoms[*c].clone()).collect();
        levels.push(Level { name: code.clone(), codes: BTreeMap::from([(code.clone(), members)]) });
        let value = inside.iter().map(|c| counts[*c]).sum::<i64>() + noise(&mut numbers);
        let range = Value::Between((value - MOST).max(0) as u64, (value + MOST) as u64);
        cells.push(Cell { codes: vec![code], value: range });
    }
    let dimensions = vec![Dimension { name: "category".to_owned(), atoms, levels, total: "all".to_owned() }];
    let tables = vec![Table { name: "recodes".to_owned(), cells, ..Table::default() }];
    (Problem { threshold: 5, dimensions, tables, ..Problem::default() }, counts.iter().sum())
}

#[test]
fn free_recodes_give_the_total_away() {
    let (mut right, mut certain) = (0, 0.0);
    let runs = 40;
    for seed in 0..runs {
        let (problem, total) = recodes(seed);
        let estimates = average(&problem, 4.0, &[vec!["all".to_owned()], vec!["c0".to_owned()]]).unwrap();
        // What the equations say of the standard error: 127 pairs of complements.
        assert!((0.2..0.4).contains(&estimates[0].error), "{}", estimates[0].error);
        right += u32::from(estimates[0].count.round() as i64 == total);
        certain += estimates[0].certainty();
    }
    let share = f64::from(right) / f64::from(runs as u32);
    println!("totals recovered: {share:.2}, expected {:.2}", certain / f64::from(runs as u32));
    assert!(share > 0.8);
    assert!((share - certain / f64::from(runs as u32)).abs() < 0.15);
}

/// One noisy table alone: the estimate is what was published, with its noise.
#[test]
fn one_table_is_as_uncertain_as_its_noise() {
    let area = super::dimension("area", "a b", &[]);
    let cells = [("a", 10, 22), ("b", 4, 16)];
    let cell = |(code, low, high): &(&str, u64, u64)| Cell {
        codes: vec![(*code).to_owned()],
        value: Value::Between(*low, *high),
    };
    let noisy = Table { name: "t".to_owned(), cells: cells.iter().map(cell).collect(), ..Table::default() };
    let problem = super::problem(vec![area], vec![noisy]);
    let found = average(&problem, 4.0, &[vec!["a".to_owned()], vec!["all".to_owned()]]).unwrap();
    assert!((found[0].count - 16.0).abs() < 0.01 && (found[0].error - 2.0).abs() < 0.01);
    assert!((found[1].count - 26.0).abs() < 0.01 && (found[1].error - 8_f64.sqrt()).abs() < 0.01);
    assert!(found[0].certainty() < 0.25);
    let report = attack(&problem, &super::exact()).unwrap();
    assert_eq!((report.blurred, report.with_marks.recovered.len()), (2, 0));
}

/// A total that was not perturbed, and limits of the noise: the ranges meet in one value.
#[test]
fn limits_of_the_noise_prove_values() {
    let area = super::dimension("area", "a b", &[]);
    let value = |low, high| Value::Between(low, high);
    let cell = |code: &str, value| Cell { codes: vec![code.to_owned()], value };
    let cells = vec![cell("a", value(4, 8)), cell("b", value(10, 14)), cell("all", Value::Released(22))];
    let noisy = Table { name: "t".to_owned(), cells, ..Table::default() };
    let report = attack(&super::problem(vec![area], vec![noisy]), &super::exact()).unwrap();
    let found: Vec<(i64, i64)> = report.with_marks.recovered.iter().map(|f| (f.lower, f.upper)).collect();
    assert_eq!(found, [(8, 8), (14, 14)]);
}
