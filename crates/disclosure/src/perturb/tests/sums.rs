//! Noise on sums.

use proptest::prelude::*;

use super::Keys;
use crate::{Contribution, SumError, SumNoise, SumNoiseError, largest_contributors};

fn noise() -> SumNoise {
    SumNoise::new(3, 100, 300).unwrap()
}

fn contributions(parts: &[i64]) -> Vec<Contribution> {
    let mut keys = Keys(parts.len() as u64);
    parts.iter().map(|part| Contribution { record_key: keys.next(), part: *part }).collect()
}

/// What is published of these parts under some cell key.
fn published(noise: SumNoise, column: &str, cell_key: u64, parts: &[i64]) -> i64 {
    let top = largest_contributors(&contributions(parts), noise.contributors()).unwrap();
    noise.published(column, cell_key, parts.iter().sum(), &top).unwrap()
}

proptest! {
    #[test]
    fn signs_stay(parts in prop::collection::vec(-1_000_i64..1_000, 1..8), cell_key: u64, most in 2_u16..=500) {
        let noise = SumNoise::new(5, 1, most).unwrap();
        let sum: i64 = parts.iter().sum();
        let published = published(noise, "cost", cell_key, &parts);
        prop_assert!(sum.signum() * published.signum() >= 0, "{sum} {published}");
        // By no more than a half of the parts, each rounded away from zero.
        let most: i64 = parts.iter().map(|part| (part.abs() * i64::from(most) + 999) / 1000).sum();
        prop_assert!((published - sum).abs() <= most);
    }

    /// One contributor alone: the noise is at least the stated fraction and at most the other one, in whole units.
    #[test]
    fn the_largest_contributor_keeps_what_is_stated(part in prop_oneof![1_i64..30, 1_i64..2_000_000], negative: bool, cell_key: u64) {
        let part = if negative { -part } else { part };
        let noise = noise();
        let off = (published(noise, "cost", cell_key, &[part]) - part).abs();
        prop_assert!(off * 1000 >= part.abs() * i64::from(noise.kept_per_thousand()));
        prop_assert!(off >= 1 && (off - 1) * 1000 < part.abs() * i64::from(noise.range_per_thousand()));
    }

    #[test]
    fn the_largest_do_not_depend_on_order(parts in prop::collection::vec(-9_i64..9, 1..12), first in 0_usize..12) {
        let mut all = contributions(&parts);
        let expected = largest_contributors(&all, 3).unwrap();
        let first = first % all.len();
        all.rotate_left(first);
        prop_assert_eq!(&largest_contributors(&all, 3).unwrap(), &expected);
        // A part in two records is one contributor's.
        let Contribution { record_key, part } = all.pop().unwrap();
        all.push(Contribution { record_key, part: part - 4 });
        all.push(Contribution { record_key, part: 4 });
        prop_assert_eq!(largest_contributors(&all, 3).unwrap(), expected);
    }
}

/// Whatever is left of the published sum, values by the whole range around it are possible.
#[test]
fn every_estimate_misses_some_possible_value() {
    let (noise, left) = (noise(), 100_000_i64);
    let mut keys = Keys(5);
    let (mut low, mut high) = (i64::MAX, 0);
    for _ in 0..400_000 {
        let part = left * 100 / 135 + (keys.next() % (left as u64 * 7 / 10)) as i64;
        let of = [Contribution { record_key: 1, part }];
        if (noise.published("cost", keys.next(), part, &of).unwrap() - left).abs() <= 50 {
            (low, high) = (low.min(part), high.max(part));
        }
    }
    // left / 1.3 and left / 0.7, of which any estimate between misses one by 30 % of it.
    assert!((76_900..77_500).contains(&low) && (142_000..143_000).contains(&high), "{low} {high}");
}

#[test]
fn noise_has_mean_zero_and_weights_that_decrease() {
    let noise = noise();
    let mut keys = Keys(1);
    let parts = contributions(&[1_000_000, 900_000, 800_000]);
    let mean_size = |place: usize| {
        let mut keys = Keys(2);
        let (mut sum, mut size) = (0_i128, 0_i128);
        for _ in 0..20_000 {
            let found = noise.noise("cost", keys.next(), parts[place], 3 - place as u8);
            sum += found;
            size += found.abs();
        }
        assert!((sum / 20_000).abs() < 6_000, "{sum}");
        size as f64 / 20_000.0 / parts[place].part as f64
    };
    for (place, expected) in [0.2, 0.2 * 2.0 / 3.0, 0.2 / 3.0].into_iter().enumerate() {
        assert!((mean_size(place) - expected).abs() < 0.003, "{} {expected}", mean_size(place));
    }
    // The same factor at any rank of the same records, another one of other records or another column.
    let key = keys.next();
    let of = |column, cell_key, weight| noise.noise(column, cell_key, parts[0], weight);
    assert!((of("cost", key, 3) - 3 * of("cost", key, 1)).abs() <= 3);
    assert_ne!(of("cost", key, 3), of("hours", key, 3));
    assert_ne!(of("cost", key, 3), of("cost", key + 1, 3));
}

#[test]
fn published_sums_do_not_depend_on_the_machine() {
    let found: Vec<i64> = (0..6).map(|key| published(noise(), "cost", key, &[5_000, 700, -300, 20])).collect();
    assert_eq!(found, PUBLISHED);
}

const PUBLISHED: [i64; 6] = [6813, 4366, 4647, 6833, 4307, 4144];

#[test]
fn edges_and_errors() {
    let noise = noise();
    let one = |record_key, part| Contribution { record_key, part };
    assert_eq!(noise.published("cost", 1, 0, &[]), Ok(0));
    for key in 0..50 {
        for extreme in [i64::MAX, i64::MIN] {
            match noise.published("cost", key, extreme, &[one(1, extreme)]) {
                Ok(published) => assert!(published.signum() == extreme.signum()),
                Err(error) => assert_eq!(error, SumError::TooLarge),
            }
        }
    }
    let unsorted = noise.published("cost", 1, 3, &[one(1, 1), one(2, 2)]);
    assert_eq!(unsorted, Err(SumError::NotInOrder));
    assert_eq!(noise.published("cost", 1, 3, &[one(1, 2), one(1, 1)]), Err(SumError::NotInOrder));
    assert_eq!(largest_contributors(&[one(1, i64::MAX), one(1, 1)], 3), Err(SumError::TooLarge));
    assert_eq!(SumNoise::new(0, 1, 2), Err(SumNoiseError::Contributors { contributors: 0 }));
    assert_eq!(SumNoise::new(6, 1, 2).unwrap_err().to_string(), "`contributors` is 6: choose 1 to 5");
    for (least, most) in [(0, 5), (5, 5), (6, 5), (1, 501)] {
        assert_eq!(SumNoise::new(1, least, most), Err(SumNoiseError::Fractions { least, most }));
    }
    let text = serde_json::to_string(&noise).unwrap();
    assert_eq!(serde_json::from_str::<SumNoise>(&text).unwrap(), noise);
    assert!(serde_json::from_str::<SumNoise>(&text.replace("300", "900")).is_err());
    assert!(serde_json::from_str::<SumNoise>(&text.replace('{', "{\"more\":1,")).is_err());
}
