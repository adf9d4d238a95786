//! Noise of linked records, held against its formula and against somebody who knows everything else.

use std::collections::BTreeMap;

use model::{Digest, Month, Period, PeriodType};
use proptest::prelude::*;

use super::super::geometric::{Geometric, GeometricError, GeometricNoise};
use crate::{CellSpace, CountsError, GroupId, PlanKey, UnreleasedCounts};

fn year(number: i32) -> Period {
    PeriodType::CalendarYear.containing(Month::new(number, 1).unwrap())
}

fn group() -> GroupId {
    "org.people-by-services".parse().unwrap()
}

/// Two areas with three categories and the total, in a year.
fn counts(values: [u64; 6]) -> UnreleasedCounts {
    let space = CellSpace {
        areas: vec![vec!["A".to_owned()], vec!["B".to_owned(), "C".to_owned()]],
        periods: vec![year(2024)],
        by: vec![("services".to_owned(), ["1", "2", "3+"].map(str::to_owned).to_vec())],
    };
    let [a, b, c, d, e, f] = values;
    let all = vec![a, b, c, a + b + c, d, e, f, d + e + f];
    UnreleasedCounts::new((group(), Digest([1; 32])), space, all, None).unwrap()
}

fn noise(odds: u32, tables: (u32, u32), rounding: u32, key: u8) -> GeometricNoise {
    GeometricNoise::new(Geometric::new(odds, tables, rounding).unwrap(), &group(), &PlanKey::new([key; 32]))
}

fn figures(noise: &GeometricNoise, values: [u64; 6], state: u8) -> Vec<u64> {
    let states = BTreeMap::from([(year(2024), Digest([state; 32]))]);
    noise.figures(&counts(values), (&group(), Digest([1; 32])), &states).unwrap()
}

/// The probability of each noise by its formula.
fn formula(noise: &Geometric, v: i64) -> f64 {
    let r = (f64::from(noise.odds()).ln() / (2.0 * f64::from(noise.tables() * noise.revisions()))).exp().recip();
    (1.0 - r) / (1.0 + r) * r.powi(i32::try_from(v.abs()).unwrap())
}

/// The probability of each noise from -`most` to `most` as it is drawn: from how many uniform numbers come so many steps.
fn drawn(noise: &Geometric, most: i64) -> BTreeMap<i64, f64> {
    let steps = noise.probabilities_of_steps(usize::try_from(most * 40).unwrap());
    let p = |v: i64| {
        let v = usize::try_from(v).unwrap();
        steps.iter().zip(steps.iter().skip(v)).map(|(one, other)| one * other).sum::<f64>()
    };
    (-most..=most).map(|v| (v, p(v.abs()))).collect()
}

#[test]
fn it_is_drawn_as_its_formula_says() {
    for (odds, tables) in [(2, (1, 1)), (4, (2, 2)), (10, (3, 2)), (20, (1, 1))] {
        let noise = Geometric::new(odds, tables, 1).unwrap();
        let drawn = drawn(&noise, 60);
        let mut variance = 0.0;
        for (v, p) in &drawn {
            let of = formula(&noise, *v);
            if of < 2_f64.powi(-60) {
                assert!(*p < 2_f64.powi(-59));
                continue;
            }
            assert!((p / of - 1.0).abs() < 1e-6, "{odds} {tables:?} {v}: {p} {of}");
            variance += p * (*v as f64).powi(2);
        }
        assert!(variance <= noise.variance() * 1.000_001, "{odds} {tables:?}");
        let within = i64::from(noise.within_95(1));
        if within <= 60 {
            let share = |most: i64| drawn.range(-most..=most).map(|(_, p)| p).sum::<f64>();
            assert!(share(within) >= 0.95 && (within == 0 || share(within - 1) < 0.95), "{odds} {tables:?} {within}");
        }
    }
}

/// What is next to each other is never more probable than the odds of one step, also in the least probable part.
#[test]
fn one_step_changes_no_probability_by_more_than_it_may() {
    for (odds, tables) in [(2, (1, 1)), (4, (2, 2)), (2, (5, 4))] {
        let noise = Geometric::new(odds, tables, 1).unwrap();
        let steps = noise.probabilities_of_steps(4000);
        let most = f64::from(odds).powf(1.0 / (2.0 * f64::from(tables.0 * tables.1)));
        for pair in steps.windows(2).filter(|pair| pair[1] > 2_f64.powi(-60)) {
            assert!(pair[0] / pair[1] <= most * 1.000_001 && pair[1] <= pair[0], "{odds} {tables:?}: {pair:?}");
        }
    }
}

proptest! {
    /// Somebody knows everything but where one person is counted, and sees all tables with all states of the data: the odds of two
    /// possibilities change by no more than was agreed, whatever was published.
    #[test]
    fn odds_about_one_person_change_by_no_more_than_was_agreed(
        odds in 2_u32..50,
        tables in 1_u32..5,
        revisions in 1_u32..4,
        published in prop::collection::vec((-20_i64..20, -20_i64..20), 20),
    ) {
        let noise = Geometric::new(odds, (tables, revisions), 1).unwrap();
        // As it is drawn, and not as a formula has it.
        let of = drawn(&noise, 21);
        let mut change = 0.0;
        // In each table the person is in this cell, or in that one.
        for (this, that) in published.into_iter().take(usize::try_from(tables * revisions).unwrap()) {
            let (one, other) = (of[&(this - 1)] * of[&that], of[&this] * of[&(that - 1)]);
            prop_assume!(one.min(other) > 2_f64.powi(-100));
            change += (one / other).ln();
        }
        prop_assert!(change.abs() <= f64::from(odds).ln() + 1e-6, "{change}");
    }
}

#[test]
fn figures_follow_from_the_cell_the_state_and_the_secret() {
    let of = noise(4, (2, 2), 1, 1);
    let values = [100, 40, 9, 300, 80, 20];
    let first = figures(&of, values, 1);
    assert_eq!(first, figures(&of, values, 1));
    assert_ne!(first, figures(&of, values, 2), "another state of the data");
    assert_ne!(first, figures(&noise(4, (2, 2), 1, 2), values, 1), "another key");
    // The same noise is added whatever the counts are: one more is one more.
    let more = figures(&of, [101, 40, 9, 300, 80, 20], 1);
    assert_eq!((more[0], &more[1..3], more[3]), (first[0] + 1, &first[1..3], first[3] + 1));
    assert_eq!(first[3], first[..3].iter().sum::<u64>(), "a total is the sum of its figures");
    assert_eq!(first[7], first[4..7].iter().sum::<u64>());
}

#[test]
fn nothing_is_less_than_zero_and_figures_are_rounded() {
    let (mut zeros, mut above) = (0, 0);
    for key in 0..100 {
        let shown = figures(&noise(4, (2, 2), 1, key), [0; 6], 1);
        zeros += shown.iter().filter(|value| **value == 0).count();
        above += shown.iter().filter(|value| **value > 0).count();
        let rounded = figures(&noise(4, (2, 2), 5, key), [100, 40, 9, 300, 80, 20], 1);
        assert!(rounded.iter().all(|value| value % 5 == 0));
    }
    assert!(zeros > 200 && above > 200, "a zero is no sign of nobody, nor a figure one of somebody: {zeros} {above}");
}

#[test]
fn noise_has_no_mean_and_its_variance() {
    let of = Geometric::new(4, (2, 2), 1).unwrap();
    let (mut sum, mut squares, mut number) = (0.0, 0.0, 0.0);
    for key in 0..200 {
        for state in 0..10 {
            let values = [10_000, 20_000, 30_000, 40_000, 50_000, 60_000];
            let shown = figures(&noise(4, (2, 2), 1, key), values, state);
            for (place, value) in [0, 1, 2, 4, 5, 6].into_iter().zip(values) {
                let v = shown[place] as f64 - value as f64;
                (sum, squares, number) = (sum + v, squares + v * v, number + 1.0);
            }
        }
    }
    let variance = of.variance();
    assert!((sum / number).abs() < 6.0 * (variance / number).sqrt(), "{}", sum / number);
    // The fourth moment of a Laplace distribution is six times the square of its variance.
    assert!((squares / number / variance - 1.0).abs() < 6.0 * (5.0 / number).sqrt(), "{}", squares / number);
}

#[test]
fn what_is_out_of_range_or_was_changed_is_refused() {
    for (odds, tables, rounding) in [
        (1, (1, 1), 1),
        (1001, (1, 1), 1),
        (4, (0, 1), 1),
        (4, (1, 0), 1),
        (4, (21, 1), 1),
        (4, (1, 21), 1),
        (4, (1, 1), 0),
    ] {
        let refused = Geometric::new(odds, tables, rounding);
        assert!(matches!(refused, Err(GeometricError::Range { .. })), "{odds} {tables:?} {rounding}");
    }
    let noise = Geometric::new(4, (2, 2), 5).unwrap();
    let text = serde_json::to_string(&noise).unwrap();
    assert_eq!(serde_json::from_str::<Geometric>(&text).unwrap(), noise);
    let ratio = text.rsplit(':').next().unwrap().trim_end_matches('}');
    let less = text.replace(ratio, "1000");
    assert!(serde_json::from_str::<Geometric>(&less).unwrap_err().to_string().contains("was changed"));
}

#[test]
fn counts_of_something_else_get_no_noise() {
    let of = noise(4, (2, 2), 1, 1);
    let states = BTreeMap::from([(year(2023), Digest([1; 32]))]);
    let no_data = of.figures(&counts([0; 6]), (&group(), Digest([1; 32])), &states);
    assert!(matches!(no_data, Err(CountsError::NoData { .. })));
    let other = of.figures(&counts([0; 6]), (&group(), Digest([2; 32])), &states);
    assert!(matches!(other, Err(CountsError::Other { .. })));
}

/// Of sums: against draws.
#[test]
fn a_sum_has_as_much_noise_as_its_figures_together() {
    let of = Geometric::new(4, (2, 2), 1).unwrap();
    assert_eq!((of.within_95(1), of.within_95(3)), (17, 29));
    let (mut inside, mut all) = (0, 0);
    for key in 0..200 {
        for state in 0..10 {
            let shown = figures(&noise(4, (2, 2), 1, key), [10_000, 20_000, 30_000, 40_000, 50_000, 60_000], state);
            for (total, truth) in [(shown[3], 60_000), (shown[7], 150_000)] {
                inside += u32::from(total.abs_diff(truth) <= 29);
                all += 1;
            }
        }
    }
    let share = f64::from(inside) / f64::from(all);
    assert!((0.93..0.97).contains(&share), "{share}");
}
