//! Noise on sums.

use std::collections::BTreeMap;

use crate::perturb::draw::Place;
use crate::{MOST_PART, Noise, NoiseTable, SumNoise};

fn noise() -> Noise {
    Noise::new(6, 4.0, 2, 0.0).unwrap()
}

fn table() -> NoiseTable {
    NoiseTable::solve(&noise()).unwrap()
}

fn uniform(number: u64) -> [u64; 2] {
    Place::of_sums("hours", &[0; 32], b"2024", &[0; 32]).draw(&[0; 32], number)
}

/// Of the noise of a sum how often each is drawn.
fn drawn(most: u64, draws: u64) -> BTreeMap<i64, u64> {
    let (table, sum) = (table(), 1_000_000);
    let mut found = BTreeMap::new();
    for number in 0..draws {
        let figure = table.sum_with_noise(sum, most, uniform(number));
        *found.entry(i64::try_from(figure).unwrap() - 1_000_000).or_default() += 1;
    }
    found
}

#[test]
fn it_has_no_mean_and_the_deviation_that_is_said() {
    for most in [1, 2, 7, 40] {
        let (found, draws) = (drawn(most, 120_000), 120_000.0);
        let moment = |power: i32| found.iter().map(|(v, n)| (*v as f64).powi(power) * *n as f64).sum::<f64>() / draws;
        let of = SumNoise::new(most).unwrap();
        let (mean, variance, said) = (moment(1), moment(2), of.deviation(&noise()).powi(2));
        assert!(mean.abs() < 6.0 * (said / draws).sqrt(), "{most}: mean {mean}");
        assert!((variance / said - 1.0).abs() < 0.02, "{most}: {variance} where {said} is said");
        let furthest = found.keys().map(|v| v.unsigned_abs()).max().unwrap();
        assert!(furthest <= of.largest(&noise()), "{most}: {furthest}");
    }
}

/// Remainders tell nothing, and given one it is a count with noise: what the argument in [`crate::perturb::sums`] stands on, of what is drawn.
#[test]
fn by_remainder_it_is_a_count_with_noise() {
    const DRAWS: u64 = 200_000;
    for most in [1_i64, 2, 7, 8] {
        let counts: BTreeMap<i64, f64> = table().probabilities(1_000).into_iter().collect();
        let of_count = |v: i64| counts.get(&v).copied().unwrap_or(0.0);
        let found = drawn(u64::try_from(most).unwrap(), DRAWS);
        for remainder in 0..most {
            let of: Vec<(i64, u64)> =
                found.iter().filter(|(v, _)| v.rem_euclid(most) == remainder).map(|(v, n)| (*v, *n)).collect();
            let all: u64 = of.iter().map(|(_, n)| *n).sum();
            let share = all as f64 / DRAWS as f64 * most as f64;
            assert!((share - 1.0).abs() < 6.0 * (most as f64 / DRAWS as f64).sqrt(), "{most}: {remainder} {share}");
            // Of each whole number either a noise of a count, or one of two as often as the other.
            for (noise, times) in of {
                let near = [noise.div_euclid(most), noise.div_euclid(most) + 1];
                let [here, next] = near.map(of_count);
                let expected = match (remainder * 2).cmp(&most) {
                    std::cmp::Ordering::Less => here,
                    std::cmp::Ordering::Equal => (here + next) / 2.0,
                    std::cmp::Ordering::Greater => next,
                };
                let share = times as f64 / all as f64;
                assert!(
                    (share - expected).abs() < 6.0 * (expected / all as f64).sqrt() + 1e-9,
                    "{most}: {noise} {share} {expected}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_less_than_zero_and_the_largest_numbers_are_no_trouble() {
    let table = table();
    assert!((0..200).all(|number| table.sum_with_noise(0, 5, uniform(number)) <= 32));
    assert!((0..200).any(|number| table.sum_with_noise(0, 5, uniform(number)) == 0));
    for number in 0..200 {
        let figure = table.sum_with_noise(u64::MAX, MOST_PART, uniform(number));
        assert!(figure >= u64::MAX - 7 * MOST_PART);
    }
    let read = |text: &str| serde_json::from_str::<SumNoise>(text).map(|noise| noise.most()).ok();
    assert_eq!([r#"{"most":40}"#, r#"{"most":0}"#, r#"{"most":1,"x":1}"#].map(read), [Some(40), None, None]);
    for most in [0, MOST_PART + 1] {
        assert!(SumNoise::new(most).unwrap_err().to_string().contains("choose 1 to"));
    }
}

/// By column, cell, state and records; and never the draw of the count.
#[test]
fn each_sum_draws_by_itself() {
    let draw = |column: &str, area: u8, period: &[u8], state: u8, cell: u8, key: u64| {
        Place::of_sums(column, &[area; 32], period, &[state; 32]).draw(&[cell; 32], key)
    };
    let all = [
        draw("hours", 1, b"2024", 1, 1, 1),
        draw("cost", 1, b"2024", 1, 1, 1),
        draw("hours", 2, b"2024", 1, 1, 1),
        draw("hours", 1, b"2025", 1, 1, 1),
        draw("hours", 1, b"2024", 2, 1, 1),
        draw("hours", 1, b"2024", 1, 2, 1),
        draw("hours", 1, b"2024", 1, 1, 2),
        Place::new(&[1; 32], b"2024", &[1; 32]).draw(&[1; 32], 1),
    ];
    let numbers: std::collections::BTreeSet<u64> = all.into_iter().flatten().collect();
    assert_eq!(numbers.len(), 2 * all.len());
    assert_eq!(draw("hours", 1, b"2024", 1, 1, 1), all[0]);
}
