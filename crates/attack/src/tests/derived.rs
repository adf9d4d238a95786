//! Published figures read back as counts.

use super::{dimension, exact, problem, table};
use crate::derived::{
    Limits, Printed, Ranked, Rate, Standardised, Strata, Stratum, comparisons_of_classes, counts_of_mean, limits_where,
    strata_of_rate,
};
use crate::groups::Numbers;
use crate::{Bound, attack};

fn printed(text: &str) -> Option<Printed> {
    Some(Printed::parse(text).unwrap())
}

fn rate(limits: Limits, denominator: u64, value: &str, low: &str, high: &str) -> Rate {
    Rate {
        denominator,
        per: if limits == Limits::Byar { 100_000.0 } else { 100.0 },
        limits,
        value: printed(value),
        limits_95: (printed(low), printed(high)),
        limits_998: (None, None),
    }
}

/// Reference figures: 10 events, Byar 4.79 to 18.39; 10 of 100, Wilson 5.52 % to 17.44 %.
#[test]
fn rates_are_read_back() {
    let check = |rate: Rate, expect: &[u64]| assert_eq!(rate.counts(1_000), expect);
    check(rate(Limits::Byar, 100_000, "10.00", "4.79", "18.39"), &[10]);
    check(rate(Limits::Byar, 100_000, "10.00", "4.79", "18.45"), &[]);
    check(rate(Limits::Wilson, 100, "10.00", "5.52", "17.44"), &[10]);
    // Without the rate, the limits alone do.
    check(Rate { value: None, ..rate(Limits::Wilson, 100, "0", "5.5", "17.4") }, &[10]);
    // One decimal of a large denominator leaves several.
    let coarse = Rate { limits_95: (None, None), ..rate(Limits::Byar, 2_000_000, "0.3", "0", "0") };
    check(coarse, &[5, 6, 7]);
    check(Rate { value: None, limits_95: (None, None), ..coarse }, &(0..=1_000).collect::<Vec<_>>());
    assert!(Printed::parse("[c]").is_none() && Printed::parse("inf").is_none());
}

#[test]
fn means_and_words_are_read_back() {
    // 38 over 7; no other count near it has a mean of 5.43 over whole numbers.
    assert_eq!(counts_of_mean(Printed::parse("5.43").unwrap(), 5, 9), [7]);
    assert_eq!(counts_of_mean(Printed::parse("5").unwrap(), 0, 3), [1, 2, 3]);
    assert_eq!(limits_where(20, |n| n * 3 >= 25), Some((9, 20)));
    assert_eq!(limits_where(20, |n| n > 20), None);
}

/// Vectors of events by age that fit one standardised rate with limits, at one decimal.
fn fitting(seed: u64, ages: usize, events: u64) -> (Vec<u64>, Strata) {
    let mut numbers = Numbers::new(seed);
    let strata: Vec<Stratum> = (0..ages)
        .map(|age| Stratum {
            population: 60 + numbers.below(300) as u64,
            standard: 3_000 + 250 * (age as u64 * 7 % 19),
        })
        .collect();
    let mut truth = vec![0_u64; ages];
    for _ in 0..events {
        truth[numbers.below(ages)] += 1;
    }
    // Worked out separately: the rate and Dobson's limits.
    let standard: f64 = strata.iter().map(|s| s.standard as f64).sum();
    let parts =
        || strata.iter().zip(&truth).map(|(s, x)| (s.standard as f64 / standard, s.population as f64, *x as f64));
    let rate: f64 = parts().map(|(w, n, x)| w * x / n).sum();
    let variance: f64 = parts().map(|(w, n, x)| w * w * x / (n * n)).sum();
    let o = events as f64;
    let low = o * (1.0 - 1.0 / (9.0 * o) - 1.959_964 / (3.0 * o.sqrt())).powi(3);
    let high = (o + 1.0) * (1.0 - 1.0 / (9.0 * (o + 1.0)) + 1.959_964 / (3.0 * (o + 1.0).sqrt())).powi(3);
    let scale = (variance / o).sqrt();
    let print = |value: f64| printed(&format!("{:.1}", value * 100_000.0));
    let figures = Standardised {
        per: 100_000.0,
        count: Some(events),
        value: print(rate),
        limits_95: (print(rate + scale * (low - o)), print(rate + scale * (high - o))),
    };
    (truth, strata_of_rate(&strata, &figures, events, 50_000_000))
}

#[test]
fn standardised_rates_give_away_ages() {
    let mut vectors: Vec<u64> = (0..25)
        .map(|seed| {
            let (truth, found) = fitting(seed, 12, 8);
            assert!(found.complete && found.vectors > 0);
            let inside = truth.iter().zip(&found.ranges).all(|(x, (low, high))| (low..=high).contains(&x));
            assert!(inside, "{seed}");
            found.vectors
        })
        .collect();
    vectors.sort_unstable();
    println!("vectors that fit: {vectors:?}");
    assert!(vectors[vectors.len() / 2] <= 3, "{vectors:?}");
    // A limit is reported, not hidden.
    let strata = [Stratum { population: 100, standard: 1 }; 6];
    let any = Standardised { per: 1.0, count: None, value: None, limits_95: (None, None) };
    assert!(!strata_of_rate(&strata, &any, 30, 1_000).complete);
    assert_eq!(strata_of_rate(&strata, &any, 1, 1_000).vectors, 7);
}

/// A withheld area that is coloured like its neighbours is known to within their rates.
#[test]
fn classes_bound_withheld_counts() {
    let area = dimension("area", "a b c d e", &[]);
    let cells = [("a", "10"), ("b", "-"), ("c", "12"), ("d", "-"), ("e", "40"), ("all", "90")];
    let mut p = problem(vec![area], vec![table("t", true, &cells)]);
    let open = attack(&p, &exact()).unwrap().with_marks;
    assert!(open.narrow.is_empty() && open.provably_small.is_empty());
    let ranked = |code: &str, denominator: u64| Ranked { codes: vec![code.to_owned()], denominator };
    // Rates per head: a = 0.1, c = 0.12; b lies between them, so d has what is left of 28.
    p.comparisons = comparisons_of_classes(&[
        vec![ranked("a", 100)],
        vec![ranked("b", 100)],
        vec![ranked("c", 100)],
        vec![ranked("d", 100), ranked("e", 200)],
    ]);
    let found = attack(&p, &exact()).unwrap().with_marks;
    let ranges: Vec<(i64, i64)> = found.narrow.iter().map(|f| (f.lower, f.upper)).collect();
    assert_eq!(ranges, [(10, 12), (16, 18)]);
    // A rate that is printed although its count is withheld is a range of counts.
    p.comparisons.clear();
    let published = Rate { limits_95: (None, None), ..rate(Limits::Byar, 100_000, "3.0", "0", "0") };
    let counts = published.counts(28);
    let bound = Bound { codes: vec!["b".to_owned()], lower: counts[0], upper: counts.last().copied() };
    p.bounds.push(bound);
    assert_eq!(attack(&p, &exact()).unwrap().with_marks.recovered.len(), 2);
}
