//! Parameters, the solver and the table.

use proptest::prelude::*;

use super::usual;
use crate::perturb::maxent;
use crate::{Noise, NoiseError, NoiseTable};

/// An independent solver: bisection on `l2` around bisection on `l1`.
fn bisected(support: &[i64], variance: f64) -> Vec<f64> {
    let p = |l1: f64, l2: f64| {
        let exponents: Vec<f64> = support.iter().map(|v| *v as f64).map(|v| l1 * v + l2 * v * v).collect();
        let top = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = exponents.iter().map(|e| (e - top).exp()).sum();
        exponents.iter().map(|e| (e - top).exp() / sum).collect::<Vec<f64>>()
    };
    let moment = |p: &[f64], power| support.iter().zip(p).map(|(v, p)| (*v as f64).powi(power) * p).sum::<f64>();
    let bisect = |f: &dyn Fn(f64) -> f64| {
        let (mut low, mut high) = (-60.0, 60.0);
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if f(middle) < 0.0 { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    };
    let centred = |l2: f64| p(bisect(&|l1| moment(&p(l1, l2), 1)), l2);
    centred(bisect(&|l2| moment(&centred(l2), 2) - variance))
}

/// What both solvers say of all rows of some parameters.
fn compare(noise: &Noise) {
    let table = NoiseTable::solve(noise).unwrap();
    for count in 1..=noise.last_row() {
        let support = noise.support(count);
        let found = table.probabilities(u64::from(count));
        let mut expected = bisected(&support, noise.variance());
        let zero = support.iter().position(|v| *v == 0);
        if let Some(zero) = zero.filter(|zero| expected[*zero] < noise.stays()) {
            let rest: Vec<i64> = support.iter().copied().filter(|v| *v != 0).collect();
            let others = bisected(&rest, noise.variance() / (1.0 - noise.stays()));
            expected = others.iter().map(|p| p * (1.0 - noise.stays())).collect();
            expected.insert(zero, noise.stays());
        }
        for ((v, p), expected) in found.iter().zip(&expected) {
            assert!((p - expected).abs() < 1e-9, "{noise:?} row {count} noise {v}: {p} and {expected}");
        }
    }
}

#[test]
fn probabilities_are_those_of_an_independent_solver() {
    for (largest, variance, least_shown, stays) in [
        (5, 3.0, 2, 0.3),
        (5, 3.0, 0, 0.0),
        (2, 0.5, 0, 0.2),
        (1, 0.4, 0, 0.5),
        (8, 6.5, 4, 0.1),
        (10, 5.0, 2, 0.5),
        (20, 15.0, 3, 0.0),
        (20, 0.05, 0, 0.0),
    ] {
        compare(&Noise::new(largest, variance, least_shown, stays).unwrap());
    }
}

/// Stationarity: the logarithm of `p` is a quadratic function of the noise where nothing binds.
#[test]
fn entropy_is_largest() {
    for count in 1..=8 {
        let p = usual().probabilities(count);
        let free: Vec<(f64, f64)> =
            p.iter().filter(|(v, p)| *v != 0 || *p > 0.3 + 1e-9).map(|(v, p)| (*v as f64, p.ln())).collect();
        // Newton's third divided differences vanish.
        for four in free.windows(4) {
            let mut column: Vec<f64> = four.iter().map(|(_, y)| *y).collect();
            for order in 1..4 {
                column =
                    (0..4 - order).map(|i| (column[i + 1] - column[i]) / (four[i + order].0 - four[i].0)).collect();
            }
            assert!(column[0].abs() < 1e-8, "{count}: {four:?}");
        }
    }
}

#[test]
fn the_floor_binds_only_where_it_must() {
    let p = usual().probabilities(100);
    assert!(p.iter().any(|(v, p)| *v == 0 && (*p - 0.3).abs() < 1e-12), "{p:?}");
    let free = NoiseTable::solve(&Noise::new(5, 3.0, 2, 0.1).unwrap()).unwrap().probabilities(100);
    assert!(free.iter().any(|(v, p)| *v == 0 && *p > 0.2 && *p < 0.3), "{free:?}");
    assert!(maxent::solve(&[-1, 0, 1], 1.5, 0.0).is_none(), "more than is possible");
}

fn is_too_little(noise: &Result<Noise, NoiseError>) -> bool {
    matches!(noise, Err(NoiseError::TooLittle { .. }))
}

fn parameters() -> impl Strategy<Value = (u32, f64, u32, f64)> {
    (1_u32..=20, 0.01_f64..25.0, 0_u32..6, 0.0_f64..0.9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is accepted has a table that keeps what it promises, and comes back from the ledger as it was.
    #[test]
    fn accepted_parameters_have_tables((largest, variance, least_shown, stays) in parameters()) {
        let Ok(noise) = Noise::new(largest, variance, least_shown, stays) else { return Ok(()) };
        let table = NoiseTable::solve(&noise).unwrap();
        for count in 0..=u64::from(noise.last_row()) + 2 {
            let p = table.probabilities(count);
            let moment = |power| p.iter().map(|(v, p)| (*v as f64).powi(power) * p).sum::<f64>();
            prop_assert!((moment(0) - 1.0).abs() < 1e-15);
            prop_assert!(moment(1).abs() < 1e-9);
            prop_assert!(count == 0 || (moment(2) - noise.variance()).abs() < 1e-9, "{} of {}", moment(2), count);
            for (v, p) in &p {
                let published = count as i64 + v;
                prop_assert!(published == 0 || published > i64::from(least_shown));
                prop_assert!(v.unsigned_abs() <= u64::from(largest));
                prop_assert!(*v != 0 || *p >= noise.stays() - 1e-12);
            }
            prop_assert!(p.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        prop_assert!((noise.variance() - variance).abs() < 1e-6 && (noise.stays() - stays).abs() < 1e-6);
        let text = serde_json::to_string(&table).unwrap();
        prop_assert_eq!(serde_json::from_str::<NoiseTable>(&text).unwrap(), table);
    }

    /// What a message says is possible, is.
    #[test]
    fn refusals_name_what_is_possible((largest, variance, least_shown, stays) in parameters()) {
        match Noise::new(largest, variance, least_shown, stays) {
            Ok(_) => {}
            Err(NoiseError::TooMuch { possible, instead, .. }) => {
                prop_assert!(possible < variance);
                let lower = Noise::new(largest, possible, least_shown, 0.0);
                prop_assert!(lower.is_ok() || is_too_little(&lower), "{:?}", lower);
                prop_assert!(instead.is_none_or(|largest| Noise::new(largest, variance, least_shown, stays).is_ok()));
            }
            Err(NoiseError::Together { possible, stays_possible, instead, .. }) => {
                prop_assert!(possible < variance && stays_possible < stays);
                prop_assert!(Noise::new(largest, variance, least_shown, stays_possible).is_ok());
                let lower = Noise::new(largest, possible, least_shown, stays);
                prop_assert!(lower.is_ok() || possible < 0.01 || is_too_little(&lower));
                prop_assert!(instead.is_none_or(|largest| Noise::new(largest, variance, least_shown, stays).is_ok()));
            }
            Err(NoiseError::TooLittle { needed, .. }) => {
                prop_assert!(needed > variance);
                let more = Noise::new(20, needed, least_shown, 0.0);
                prop_assert!(more.is_ok(), "{:?}", more);
            }
            Err(NoiseError::LeastShown { .. }) => prop_assert!(least_shown >= largest),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

#[test]
fn messages_say_what_is_wrong_and_what_would_do() {
    let cases = [
        (
            (0, 3.0, 2, 0.3),
            "`largest` is 0, but noise is at least 1 and at most 20: choose a whole number from 1 to 20",
        ),
        ((5, 0.0, 2, 0.3), "`variance` is 0, but below 0.01 nothing is protected: choose a number of at least 0.01"),
        ((5, f64::NAN, 2, 0.3), "`variance` is NaN"),
        ((5, 3.0, 5, 0.3), "with `largest` 5 at most 4 is possible"),
        (
            (5, 3.0, 2, 1.0),
            "`stays` is 1, but it is a probability that leaves room for noise: choose a number from 0 to 0.95",
        ),
        (
            (5, 9.0, 2, 0.0),
            "`variance` is 9, but with `largest` 5 and `least_shown` 2 a count of 1 can have at most 4.995: lower it, or raise `largest` to 10",
        ),
        (
            (5, 4.0, 0, 0.3),
            "`stays` 0.3 and `variance` 4 are not possible together: with this `stays` the variance is at most 3.496; with this variance `stays` is at most 0.199; both are possible with `largest` 6",
        ),
        (
            (8, 5.0, 4, 0.1),
            "`variance` is 5, but with `least_shown` 4 a count of 2 must be published as 0 or as 5 and more, which takes at least 6.006",
        ),
    ];
    for ((largest, variance, least_shown, stays), expected) in cases {
        let message = Noise::new(largest, variance, least_shown, stays).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn what_is_read_back_is_validated() {
    let text = serde_json::to_string(&usual()).unwrap();
    let read = |text: &str| serde_json::from_str::<NoiseTable>(text).map_err(|error| error.to_string());
    assert_eq!(read(&text), Ok(usual()));
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = value["thresholds"].as_array().unwrap().clone();
    let mut changed = |change: &dyn Fn(&mut Vec<serde_json::Value>), expected: &str| {
        let mut rows = rows.clone();
        change(&mut rows);
        value["thresholds"] = rows.into();
        let error = read(&value.to_string()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    changed(&|rows| drop(rows.pop()), "the last one");
    changed(&|rows| drop(rows[3].as_array_mut().unwrap().pop()), "another number of thresholds");
    changed(&|rows| rows[3].as_array_mut().unwrap().swap(0, 1), "do not ascend");
    changed(
        &|rows| rows[3][2] = (rows[3][2].as_u64().unwrap() + (1 << 40)).into(),
        "count of 4 does not have mean zero",
    );
    // Wider on both sides: still mean zero.
    let wider = |rows: &mut Vec<serde_json::Value>| {
        let last = rows[7].as_array_mut().unwrap();
        last[0] = (last[0].as_u64().unwrap() + (1 << 50)).into();
        last[9] = (last[9].as_u64().unwrap() - (1 << 50)).into();
    };
    changed(&wider, "does not have the variance");
    // Moved from staying by a combination that keeps mean and variance: 1, -3, 3, -1.
    let stays_less = |rows: &mut Vec<serde_json::Value>| {
        let last = rows[7].as_array_mut().unwrap();
        let by = 1_i64 << 45;
        // Noise -2, -1, 0, 1, 2 by 1, -4, 6, -4, 1 the other way round.
        for (place, sum) in [(3, -1), (4, 3), (5, -3), (6, 1)] {
            last[place] = (last[place].as_u64().unwrap().checked_add_signed(sum * by).unwrap()).into();
        }
    };
    changed(&stays_less, "keeps the count less often");
    let lopsided = |rows: &mut Vec<serde_json::Value>| {
        let last = rows[7].as_array_mut().unwrap();
        for (place, sum) in [(6, 1_i64), (7, -2), (8, 1)] {
            last[place] = (last[place].as_u64().unwrap().checked_add_signed(sum << 45).unwrap()).into();
        }
    };
    changed(&lopsided, "is not symmetric");
    assert!(read(&text.replace("\"stays\"", "\"remains\"")).is_err());
    assert!(read(&text.replace("{\"noise\"", "{\"more\":1,\"noise\"")).unwrap_err().contains("unknown field"));
    assert!(read(&text.replace("\"largest\":5", "\"largest\":50")).unwrap_err().contains("at most 20"));
}
