//! Looking up.

use proptest::prelude::*;

use super::{Keys, chi_square, is_plausible, usual};
use crate::perturb::draw::Place;

proptest! {
    #[test]
    fn published_counts_are_in_the_support(count in 0_u64..100_000, key: u64) {
        let table = usual();
        let published = table.published(count, key);
        prop_assert_eq!(published, table.published(count, key));
        prop_assert!(published == 0 || published > 2);
        prop_assert!(published.abs_diff(count) <= 5);
        prop_assert!(count > 0 || published == 0);
    }
}

/// The thresholds are fixed here, so the same must come out on every machine.
#[test]
fn published_counts_do_not_depend_on_the_machine() {
    let table = usual();
    let published: Vec<u64> = (0..12).map(|key| table.published(20, key)).collect();
    assert_eq!(published, PUBLISHED);
    assert_eq!(table.published(u64::MAX, 3), u64::MAX.saturating_add_signed(PUBLISHED[3] as i64 - 20));
}

const PUBLISHED: [u64; 12] = [21, 18, 17, 18, 20, 16, 15, 19, 22, 18, 21, 22];

#[test]
fn lookups_have_the_probabilities_of_the_table() {
    let table = usual();
    for count in [1, 2, 3, 4, 6, 8, 50] {
        let mut keys = Keys(count);
        let p = table.probabilities(count);
        let mut observed: Vec<(f64, u64)> = p.iter().map(|(_, p)| (*p, 0)).collect();
        for _ in 0..40_000 {
            let noise = table.published(count, keys.next()) as i64 - count as i64;
            observed[p.iter().position(|(v, _)| *v == noise).unwrap()].1 += 1;
        }
        let chi = chi_square(&observed);
        assert!(is_plausible(chi), "{count}: {chi:?}");
    }
}

/// Chi-square of the joint law of the noises of `a`, `b` and both together.
fn of_unions(noise: impl Fn(u64) -> i64, p: &[(i64, f64)]) -> (f64, f64) {
    let mut keys = Keys(7);
    let values = p.len();
    let place = |noise: i64| p.iter().position(|(v, _)| *v == noise).unwrap();
    let mut observed: Vec<(f64, u64)> = (0..values.pow(3))
        .map(|cell| (p[cell / values / values].1 * p[cell / values % values].1 * p[cell % values].1, 0))
        .collect();
    for _ in 0..60_000 {
        let (a, b) = (keys.next(), keys.next());
        let places = [a, b, a.wrapping_add(b)].map(|key| place(noise(key)));
        observed[(places[0] * values + places[1]) * values + places[2]].1 += 1;
    }
    chi_square(&observed)
}

#[test]
fn noise_of_a_union_is_independent_of_that_of_its_parts() {
    let table = usual();
    let p = table.probabilities(50);
    let chi = of_unions(|key| table.published(50, key) as i64 - 50, &p);
    assert!(is_plausible(chi), "{chi:?}");
    // With the key as it is it would not be: the test can tell.
    let mut sum = 0.0;
    let ends: Vec<f64> = p
        .iter()
        .map(|(_, p)| {
            sum += p;
            sum
        })
        .collect();
    let raw = |key: u64| {
        let uniform = key as f64 / 2_f64.powi(64);
        p[ends.iter().position(|end| uniform < *end).unwrap_or(p.len() - 1)].0
    };
    let chi = of_unions(raw, &p);
    assert!(!is_plausible(chi), "{chi:?}");
}

#[test]
fn a_count_and_sums_over_the_same_records_have_draws_of_their_own() {
    let mut keys = Keys(3);
    let mut observed = vec![(1.0 / 64.0, 0_u64); 64];
    let of = |column: &str| Place::of_sums(column, &[1; 32], b"2024", &[1; 32]);
    let places = [Place::new(&[1; 32], b"2024", &[1; 32]), of("cost"), of("hours")];
    for _ in 0..20_000 {
        let key = keys.next();
        let [count, cost, hours] = places.each_ref().map(|place| place.draw(&[1; 32], key)[0] >> 62);
        observed[(count * 16 + cost * 4 + hours) as usize].1 += 1;
    }
    assert!(is_plausible(chi_square(&observed)));
}
