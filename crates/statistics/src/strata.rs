//! The audit before a standardised rate is printed: what its figures tell about strata that are withheld.

use crate::{Confidence, Estimate, StatisticsError, Stratum, directly_standardised_rate};

/// A stratum as a reader knows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownStratum {
    /// People.
    pub population: f64,
    /// The standard population's weight.
    pub standard: f64,
    /// Events: the released number, or what everybody knows of a withheld one.
    pub events: Known,
}

/// What is known of a stratum's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// The released number.
    Released(u64),
    /// Withheld, and by everything public from `least` to `most`: 1 where zeros are always shown; people, or all events.
    Withheld {
        /// At least.
        least: u64,
        /// At most.
        most: u64,
    },
}

/// What is to be printed of a rate, before rounding; asked about before it is released, and nothing else of it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The rate with its interval, for each confidence that is printed.
    pub estimates: Vec<(Confidence, Estimate)>,
    /// What it is multiplied by.
    pub multiplier: f64,
    /// All events together, if they are printed too.
    pub total: Option<u64>,
}

/// How a rate is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRule {
    /// Every withheld stratum must be able to be k, and to be two numbers that lie k apart.
    pub k: u64,
    /// Digits after the point that one would like to print, at most 9.
    pub digits: u8,
    /// The most vectors and parts of vectors looked at for one end of one stratum: the answer does not depend on the machine.
    pub steps: u64,
}

/// From the least to the greatest number that a withheld stratum can be; `None` where the steps did not suffice, or nothing
/// fits.
pub type Range = Option<(u64, u64)>;

/// How many digits after the point may be printed of a rate and its limits: the most, up to those asked for, at which every
/// withheld stratum stays k wide and reaches k for a reader who enumerates every vector of events that fits all printed figures.
/// `None`: nothing of it may be printed, not even whole numbers.
///
/// # Errors
/// If a population, weight or multiplier is not a number, or there is nobody.
pub fn printable_digits(
    strata: &[KnownStratum],
    figures: &Figures,
    rule: &AuditRule,
) -> Result<Option<u8>, StatisticsError> {
    let digits = rule.digits.min(9);
    for digits in (0..=digits).rev() {
        let ranges = ranges(strata, figures, digits, rule.steps)?;
        let wide = |range: &Range| range.is_some_and(|(least, most)| most >= rule.k && most - least >= rule.k);
        if ranges.iter().all(wide) {
            return Ok(Some(digits));
        }
    }
    Ok(None)
}

/// The range of each withheld stratum, in order, over every vector of events that fits the figures at so many digits.
///
/// # Errors
/// As [`printable_digits`].
pub fn ranges(
    strata: &[KnownStratum],
    figures: &Figures,
    digits: u8,
    steps: u64,
) -> Result<Vec<Range>, StatisticsError> {
    let search = Search::new(strata, figures, digits)?;
    let withheld = strata.iter().enumerate().filter(|(_, stratum)| matches!(stratum.events, Known::Withheld { .. }));
    Ok(withheld
        .map(|(index, _)| {
            let least = search.end(index, false, steps)?;
            Some((least, search.end(index, true, steps)?))
        })
        .collect())
}

/// A vector is tried stratum by stratum; parts that cannot come to the printed rate are left.
struct Search<'a> {
    figures: &'a Figures,
    strata: Vec<Stratum>,
    bounds: Vec<(u64, u64)>,
    /// What one event in a stratum adds to the rate.
    weights: Vec<f64>,
    /// The printed figures, in units of the last digit.
    printed: Vec<[f64; 3]>,
    scale: f64,
    /// The rate that is printed, from and to.
    rate: (f64, f64),
}

impl<'a> Search<'a> {
    fn new(known: &[KnownStratum], figures: &'a Figures, digits: u8) -> Result<Self, StatisticsError> {
        let numbers = known.iter().all(|s| s.population.is_finite() && s.standard.is_finite() && s.standard >= 0.0);
        if !numbers || !figures.multiplier.is_finite() {
            return Err(StatisticsError::NotANumber);
        }
        let all: f64 = known.iter().map(|stratum| stratum.standard).sum();
        if all <= 0.0 || known.iter().any(|stratum| stratum.population <= 0.0) {
            return Err(StatisticsError::NoDenominator);
        }
        let bounds = known.iter().map(|stratum| match stratum.events {
            Known::Released(events) => (events, events),
            Known::Withheld { least, most } => (least, figures.total.map_or(most, |total| most.min(total))),
        });
        let strata = known.iter().map(|KnownStratum { population, standard, .. }| Stratum {
            events: 0,
            population: *population,
            standard: *standard,
        });
        let scale = 10_f64.powi(i32::from(digits));
        let print = |estimate: &Estimate| {
            [estimate.value, estimate.interval.lower, estimate.interval.upper].map(|figure| (figure * scale).round())
        };
        let printed: Vec<[f64; 3]> = figures.estimates.iter().map(|(_, estimate)| print(estimate)).collect();
        // A little more than half a unit: what rounds to the same is decided by rounding, at the end.
        let slack = 0.5 + 1e-6;
        let rate = printed.first().map_or((f64::NEG_INFINITY, f64::INFINITY), |[value, ..]| {
            ((value - slack) / scale, (value + slack) / scale)
        });
        Ok(Self {
            figures,
            weights: known.iter().map(|s| s.standard / s.population / all * figures.multiplier).collect(),
            strata: strata.collect(),
            bounds: bounds.collect(),
            printed,
            scale,
            rate,
        })
    }

    /// The least or the greatest number of events that a stratum can have; `None` if no vector fits or the steps end.
    fn end(&self, stratum: usize, greatest: bool, mut steps: u64) -> Option<u64> {
        let (least, most) = *self.bounds.get(stratum)?;
        let mut order: Vec<usize> = (0..self.strata.len()).filter(|index| *index != stratum).collect();
        // Those that move the rate most first: what is left over is then soon out of reach.
        order.sort_by(|a, b| self.weight(*b).total_cmp(&self.weight(*a)).then(a.cmp(b)));
        let mut rest = vec![(0.0, 0.0, 0_u64, 0_u64); order.len() + 1];
        for (place, index) in order.iter().enumerate().rev() {
            let ((low, high), weight) = (self.bounds.get(*index).copied()?, self.weight(*index));
            let (a, b, c, d) = rest.get(place + 1).copied()?;
            let sum =
                (a + weight * low as f64, b + weight * high as f64, c.saturating_add(low), d.saturating_add(high));
            *rest.get_mut(place)? = sum;
        }
        let mut numbers = least..=most;
        let mut vector = vec![0; self.strata.len()];
        while let Some(events) = if greatest { numbers.next_back() } else { numbers.next() } {
            *vector.get_mut(stratum)? = events;
            let sum = (self.weight(stratum) * events as f64, events);
            match self.fits(&order, &rest, &mut vector, sum, &mut steps) {
                Some(true) => return Some(events),
                Some(false) => {}
                None => return None,
            }
        }
        None
    }

    fn weight(&self, index: usize) -> f64 {
        self.weights.get(index).copied().unwrap_or(0.0)
    }

    /// Whether the strata in `order` can be filled so that everything fits; `None` when the steps have ended. `rest` has the
    /// least and greatest that the strata from each place on can add to rate and events.
    fn fits(
        &self,
        order: &[usize],
        rest: &[(f64, f64, u64, u64)],
        vector: &mut [u64],
        (rate, events): (f64, u64),
        steps: &mut u64,
    ) -> Option<bool> {
        *steps = steps.checked_sub(1)?;
        let (low, high, least, most) = *rest.first()?;
        let slack = 1e-9 * self.rate.1.abs().max(1.0);
        if rate + low > self.rate.1 + slack || rate + high < self.rate.0 - slack {
            return Some(false);
        }
        let total = self.figures.total;
        if total.is_some_and(|total| events + least > total || events.saturating_add(most) < total) {
            return Some(false);
        }
        let Some((index, order)) = order.split_first() else { return Some(self.prints_the_same(vector)) };
        let (least, most) = self.bounds.get(*index).copied()?;
        let (least, most) = self.narrowed(*index, (least, most), rate, rest.get(1).copied()?);
        for number in least..=most {
            *vector.get_mut(*index)? = number;
            let sum = (rate + self.weight(*index) * number as f64, events + number);
            match self.fits(order, rest.get(1..)?, vector, sum, steps) {
                Some(false) => {}
                decided => return decided,
            }
        }
        Some(false)
    }

    /// The numbers of a stratum from which the printed rate can still be reached.
    fn narrowed(&self, index: usize, (least, most): (u64, u64), rate: f64, rest: (f64, f64, u64, u64)) -> (u64, u64) {
        let weight = self.weight(index);
        if weight <= 0.0 {
            return (least, most);
        }
        let (low, high, ..) = rest;
        let from = ((self.rate.0 - rate - high) / weight).floor() - 1.0;
        let to = ((self.rate.1 - rate - low) / weight).ceil() + 1.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; saturates")]
        let number = |value: f64| value.max(0.0) as u64;
        (least.max(number(from)), most.min(number(to)))
    }

    fn prints_the_same(&self, vector: &[u64]) -> bool {
        let strata: Vec<Stratum> =
            self.strata.iter().zip(vector).map(|(stratum, events)| Stratum { events: *events, ..*stratum }).collect();
        self.figures.estimates.iter().zip(&self.printed).all(|((confidence, _), printed)| {
            let estimate = directly_standardised_rate(&strata, self.figures.multiplier, *confidence);
            estimate.is_ok_and(|estimate| {
                let found = [estimate.value, estimate.interval.lower, estimate.interval.upper];
                found.iter().zip(printed).all(|(found, printed)| (found * self.scale).round() == *printed)
            })
        })
    }
}

#[cfg(test)]
mod tests;
