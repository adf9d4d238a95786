use proptest::prelude::*;

use super::*;
use crate::EUROPEAN_STANDARD_POPULATION_2013;

const STEPS: u64 = 2_000_000;

/// What is printed of these events, and what a reader knows: strata with fewer than `below` events are withheld, of which there are at
/// least `least` and at most `most`.
fn case(
    strata: &[Stratum],
    below: u64,
    (least, most): (u64, u64),
    total: bool,
) -> Option<(Vec<KnownStratum>, Figures)> {
    let estimate = |confidence| directly_standardised_rate(strata, 1_000.0, confidence).ok();
    let estimates =
        [Confidence::P95, Confidence::P998].into_iter().filter_map(|level| Some((level, estimate(level)?))).collect();
    let events = |stratum: &Stratum| {
        let withheld = stratum.events < below && stratum.events >= least;
        if withheld { Known::Withheld { least, most } } else { Known::Released(stratum.events) }
    };
    let known = |stratum: &Stratum| KnownStratum {
        population: stratum.population,
        standard: stratum.standard,
        events: events(stratum),
    };
    estimate(Confidence::P95)?;
    let total = total.then(|| strata.iter().map(|stratum| stratum.events).sum());
    Some((strata.iter().map(known).collect(), Figures { estimates, multiplier: 1_000.0, total }))
}

/// The same by trying every vector, and by comparing texts.
fn brute_force(known: &[KnownStratum], figures: &Figures, digits: u8) -> Vec<Range> {
    let bounds: Vec<(u64, u64)> = known
        .iter()
        .map(|stratum| match stratum.events {
            Known::Released(events) => (events, events),
            Known::Withheld { least, most } => (least, most),
        })
        .collect();
    let texts = |estimate: &Estimate| {
        [estimate.value, estimate.interval.lower, estimate.interval.upper]
            .map(|figure| ((figure * 10_f64.powi(i32::from(digits))).round()).to_string())
    };
    let mut ranges: Vec<Range> = vec![None; known.len()];
    let mut vector: Vec<u64> = bounds.iter().map(|(least, _)| *least).collect();
    loop {
        let strata: Vec<Stratum> = known
            .iter()
            .zip(&vector)
            .map(|(s, events)| Stratum { events: *events, population: s.population, standard: s.standard })
            .collect();
        let fits = figures.total.is_none_or(|total| total == vector.iter().sum::<u64>())
            && figures.estimates.iter().all(|(confidence, estimate)| {
                directly_standardised_rate(&strata, figures.multiplier, *confidence)
                    .is_ok_and(|found| texts(&found) == texts(estimate))
            });
        if fits {
            for (range, events) in ranges.iter_mut().zip(&vector) {
                *range = Some(range.map_or((*events, *events), |(a, b)| (a.min(*events), b.max(*events))));
            }
        }
        // The next vector, as one counts.
        let Some(place) = vector.iter().zip(&bounds).position(|(events, (_, most))| events < most) else { break };
        for (events, (least, _)) in vector.iter_mut().zip(&bounds).take(place) {
            *events = *least;
        }
        vector[place] += 1;
    }
    let withheld = known.iter().zip(ranges).filter(|(s, _)| matches!(s.events, Known::Withheld { .. }));
    withheld.map(|(_, range)| range).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_range_is_that_of_trying_all_vectors(
        strata in prop::collection::vec((0_u64..9, 20_u32..400, 1_u32..90), 2..5),
        digits in 0_u8..4,
        total: bool,
        least in 0_u64..2,
    ) {
        let strata: Vec<Stratum> = strata
            .iter()
            .map(|(events, people, weight)| Stratum {
                events: *events,
                population: f64::from(*people),
                standard: f64::from(*weight),
            })
            .collect();
        let Some((known, figures)) = case(&strata, 5, (least, 11), total) else { return Ok(()) };
        let expect = brute_force(&known, &figures, digits);
        // The truth fits, whatever is printed.
        prop_assert!(expect.iter().all(Option::is_some));
        prop_assert_eq!(ranges(&known, &figures, digits, STEPS).unwrap(), expect);
        let rule = AuditRule { k: 5, digits, steps: STEPS };
        let allowed = printable_digits(&known, &figures, &rule).unwrap();
        let wide = |digits: u8| {
            let ranges = brute_force(&known, &figures, digits);
            ranges.iter().all(|range| range.is_some_and(|(a, b)| b >= 5 && b - a >= 5))
        };
        prop_assert_eq!(allowed, (0..=digits).rev().find(|digits| wide(*digits)));
    }
}

fn nineteen(events: &[u64; 19]) -> Vec<Stratum> {
    let people = |index: usize| 40.0 + 7.0 * (index % 5) as f64;
    let stratum = |(index, (events, standard)): (usize, (&u64, f64))| Stratum {
        events: *events,
        population: people(index),
        standard,
    };
    events.iter().zip(EUROPEAN_STANDARD_POPULATION_2013).enumerate().map(stratum).collect()
}

#[test]
fn all_strata_released_may_be_printed_as_asked() {
    let strata = nineteen(&[6; 19]);
    let (known, figures) = case(&strata, 5, (1, 20), true).unwrap();
    let rule = AuditRule { k: 5, digits: 3, steps: STEPS };
    assert_eq!(printable_digits(&known, &figures, &rule), Ok(Some(3)));
}

/// Strata that weigh the same stand in for each other, however many digits are printed.
#[test]
fn what_stays_wide_may_be_printed() {
    let stratum = |events| Stratum { events, population: 100.0, standard: 10.0 };
    let strata = [4, 4, 4, 30].map(stratum);
    let rule = AuditRule { k: 5, digits: 3, steps: STEPS };
    let (known, figures) = case(&strata, 5, (0, 20), true).unwrap();
    assert_eq!(ranges(&known, &figures, 3, STEPS).unwrap(), [Some((0, 12)); 3]);
    assert_eq!(printable_digits(&known, &figures, &rule), Ok(Some(3)));
    // Two of them cannot both be 5 and more apart where each holds at least 1 of 8.
    let strata = [4, 4, 30].map(stratum);
    let (known, figures) = case(&strata, 5, (1, 20), true).unwrap();
    assert_eq!(ranges(&known, &figures, 0, STEPS).unwrap(), [Some((1, 7)); 2]);
    assert_eq!(printable_digits(&known, &figures, &AuditRule { k: 7, ..rule }), Ok(None));
    assert_eq!(printable_digits(&known, &figures, &AuditRule { k: 6, ..rule }), Ok(Some(3)));
}

/// Few events in a few withheld strata: decimals decode them, so nothing is printed.
#[test]
fn a_rate_that_decodes_its_strata_is_not_printed() {
    let mut events = [6; 19];
    (events[2], events[9]) = (1, 3);
    let strata = nineteen(&events);
    let (known, figures) = case(&strata, 5, (1, 20), false).unwrap();
    let decoded = ranges(&known, &figures, 3, STEPS).unwrap();
    assert_eq!(decoded, [Some((1, 1)), Some((3, 3))], "three decimals of rate and limits say it all");
    let rule = AuditRule { k: 5, digits: 3, steps: STEPS };
    assert_eq!(printable_digits(&known, &figures, &rule), Ok(None));
}

#[test]
fn what_cannot_be_shown_in_time_is_not_printed() {
    let mut events = [6; 19];
    (0..10).for_each(|index| events[index] = 2);
    let strata = nineteen(&events);
    let (known, figures) = case(&strata, 5, (1, 40), false).unwrap();
    assert_eq!(printable_digits(&known, &figures, &AuditRule { k: 5, digits: 1, steps: 3 }), Ok(None));
    let nobody = [KnownStratum { population: 0.0, standard: 1.0, events: Known::Released(20) }];
    let rule = AuditRule { k: 5, digits: 1, steps: 3 };
    assert_eq!(printable_digits(&nobody, &figures, &rule), Err(StatisticsError::NoDenominator));
}
