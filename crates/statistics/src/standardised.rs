//! Directly standardised rates.

use crate::{Confidence, Estimate, Interval, StatisticsError, byar};

/// Fewer events than this: no rate is given.
const MIN_EVENTS: u64 = 10;

/// European Standard Population 2013, in 19 age bands: 0-4, 5-9, ... 85-89, 90 and over. Source: Eurostat, Revision of
/// the European Standard Population, 2013.
pub const EUROPEAN_STANDARD_POPULATION_2013: [f64; 19] = [
    5000.0, 5500.0, 5500.0, 5500.0, 6000.0, 6000.0, 6500.0, 7000.0, 7000.0, 7000.0, 7000.0, 6500.0, 6000.0, 5500.0,
    5000.0, 4000.0, 2500.0, 1500.0, 1000.0,
];

/// A stratum of a standardised rate: events, people and standard population.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratum {
    /// Events.
    pub events: u64,
    /// People.
    pub population: f64,
    /// The standard population's weight.
    pub standard: f64,
}

/// A directly standardised rate per `multiplier`, with Dobson's interval: v = sum(w x/n) / sum w; Var = sum x (w/n)^2 /
/// (sum w)^2; v + sqrt(Var/O) (Byar(O) - O), O the events in all strata.
///
/// Source: Dobson, Kuulasmaa, Eberle and Scherer, Statistics in Medicine 10 (1991) 457.
///
/// # Errors
/// If a population or the standard is not positive, or there are fewer than 10 events.
pub fn directly_standardised_rate(
    strata: &[Stratum],
    multiplier: f64,
    confidence: Confidence,
) -> Result<Estimate, StatisticsError> {
    let mut observed = 0_u64;
    let (mut weights, mut rate, mut variance) = (0.0, 0.0, 0.0);
    for stratum in strata {
        let Stratum { events, population, standard } = *stratum;
        if !(population.is_finite() && standard.is_finite() && standard >= 0.0 && multiplier.is_finite()) {
            return Err(StatisticsError::NotANumber);
        }
        if population <= 0.0 {
            return Err(StatisticsError::NoDenominator);
        }
        let factor = standard / population;
        observed += events;
        weights += standard;
        rate += factor * events as f64;
        variance += factor * factor * events as f64;
    }
    if weights <= 0.0 {
        return Err(StatisticsError::NoDenominator);
    }
    if observed < MIN_EVENTS {
        return Err(StatisticsError::TooFewEvents);
    }
    let value = rate / weights;
    let step = (variance / (weights * weights) / observed as f64).sqrt();
    let limits = byar(observed, confidence);
    let limit = |byar: f64| (value + step * (byar - observed as f64)) * multiplier;
    Ok(Estimate {
        value: value * multiplier,
        interval: Interval { lower: limit(limits.lower), upper: limit(limits.upper) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `phe_dsr` in `archive/tests_old.py` of repository DataS-DHSC/PHStatsMethods: value and lower limit. (Its upper
    /// limit suffers from that version's slip in Byar's upper limit.)
    #[test]
    fn agrees_with_published_values() {
        let events = [50, 55, 55, 55, 60, 60, 65, 70, 70, 70, 70, 65, 60, 55, 50, 40, 25, 15, 10];
        let populations =
            [509, 559, 559, 559, 609, 609, 659, 709, 709, 709, 709, 659, 609, 559, 509, 409, 259, 159, 109];
        let strata: Vec<Stratum> = events
            .iter()
            .zip(populations)
            .zip(EUROPEAN_STANDARD_POPULATION_2013)
            .map(|((events, population), standard)| Stratum {
                events: *events,
                population: f64::from(population),
                standard,
            })
            .collect();
        let rate = directly_standardised_rate(&strata, 100_000.0, Confidence::P95).unwrap();
        for (actual, expect) in [(rate.value, 9_832.763_039_564_017), (rate.interval.lower, 9_232.668_299_548_477)] {
            assert!((actual / expect - 1.0).abs() < 1e-9, "{actual} is not {expect}");
        }
    }

    /// With one stratum it is the crude rate.
    #[test]
    fn one_stratum_is_the_crude_rate() {
        let strata = [Stratum { events: 42, population: 1234.0, standard: 7.0 }];
        let rate = directly_standardised_rate(&strata, 1000.0, Confidence::P998).unwrap();
        let crude = crate::crude_rate(42, 1234.0, 1000.0, Confidence::P998).unwrap();
        assert!((rate.value - crude.value).abs() < 1e-9);
        assert!((rate.interval.lower - crude.interval.lower).abs() < 1e-9);
        assert!((rate.interval.upper - crude.interval.upper).abs() < 1e-9);
    }

    #[test]
    fn impossible_inputs_are_errors() {
        let stratum = |events, population, standard| [Stratum { events, population, standard }];
        let rate = |strata: &[Stratum]| directly_standardised_rate(strata, 1000.0, Confidence::P95).unwrap_err();
        assert_eq!(rate(&stratum(9, 100.0, 1.0)), StatisticsError::TooFewEvents);
        assert_eq!(rate(&stratum(10, 0.0, 1.0)), StatisticsError::NoDenominator);
        assert_eq!(rate(&stratum(10, 10.0, 0.0)), StatisticsError::NoDenominator);
        assert_eq!(rate(&stratum(10, 10.0, f64::NAN)), StatisticsError::NotANumber);
        assert_eq!(rate(&[]), StatisticsError::NoDenominator);
    }
}
