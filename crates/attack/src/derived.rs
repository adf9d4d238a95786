//! Published figures that are not counts, read back as counts: rates with limits, standardised rates, means, ranks,
//! classes and words.
//!
//! The attacker tries every count that is possible and keeps those that would have been printed as what was printed.
//! How the publisher rounds halves is not known, so both are allowed.

use serde::Deserialize;

use crate::problem::Comparison;

/// Standard normal quantiles for two-sided 95 % and 99.8 % limits.
const Z_95: f64 = 1.959_963_984_540_054;
const Z_998: f64 = 3.090_232_306_167_813;

/// Counts beyond this are not tried; nobody is protected by them.
const MOST_TRIED: u64 = 2_000_000;

/// A number as it was printed.
#[derive(Clone, Copy)]
pub struct Printed {
    value: f64,
    half_unit: f64,
}

impl Printed {
    /// Reads a number such as `12.30`; its digits tell how it was rounded.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        Some(Self { value, half_unit: 0.5 / 10_f64.powi(i32::try_from(decimals).ok()?) })
    }

    /// Whether this number would be printed so.
    #[must_use]
    pub fn admits(&self, number: f64) -> bool {
        // The tolerance is for the last bits of the publisher's arithmetic.
        (number - self.value).abs() <= self.half_unit * (1.0 + 1e-9) + number.abs() * 1e-12
    }
}

/// How limits of a rate were computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limits {
    /// Byar's approximation for counts: `n (1 - 1/9n - z/3sqrt(n))^3`, and with n + 1 above.
    Byar,
    /// Wilson's score interval for proportions.
    Wilson,
}

/// What was printed about a rate. A figure that was not printed is `None`.
#[derive(Clone, Copy)]
pub struct Rate {
    /// The denominator, which is open.
    pub denominator: u64,
    /// Events per this many: 100 for a percentage.
    pub per: f64,
    /// How the limits were computed.
    pub limits: Limits,
    /// The rate.
    pub value: Option<Printed>,
    /// Limits of 95 %.
    pub limits_95: (Option<Printed>, Option<Printed>),
    /// Limits of 99.8 %.
    pub limits_998: (Option<Printed>, Option<Printed>),
}

fn float(count: u64) -> f64 {
    // Counts are far below 2^52, up to which this is exact.
    count as f64
}

/// Lower and upper limit of a count (Byar's approximation).
fn byar(count: f64, z: f64) -> (f64, f64) {
    let cube = |n: f64, sign: f64| n * (1.0 - 1.0 / (9.0 * n) + sign * z / (3.0 * n.sqrt())).powi(3);
    (if count > 0.0 { cube(count, -1.0) } else { 0.0 }, cube(count + 1.0, 1.0))
}

/// Lower and upper limit of a proportion (Wilson's score interval).
fn wilson(count: f64, of: f64, z: f64) -> (f64, f64) {
    let p = count / of;
    let centre = 2.0 * count + z * z;
    let spread = z * (z * z + 4.0 * count * (1.0 - p)).max(0.0).sqrt();
    let scale = 2.0 * (of + z * z);
    ((centre - spread) / scale, (centre + spread) / scale)
}

fn admits(printed: Option<Printed>, number: f64) -> bool {
    printed.is_none_or(|printed| printed.admits(number))
}

impl Rate {
    /// Whether this many events would have been printed so.
    #[must_use]
    pub fn admits(&self, count: u64) -> bool {
        let (count, of) = (float(count), float(self.denominator));
        if of == 0.0 {
            return count == 0.0;
        }
        let limits = |z: f64| match self.limits {
            Limits::Byar => {
                let (low, high) = byar(count, z);
                (low / of, high / of)
            }
            Limits::Wilson => wilson(count, of, z),
        };
        let pair = |printed: (Option<Printed>, Option<Printed>), (low, high): (f64, f64)| {
            admits(printed.0, low * self.per) && admits(printed.1, high * self.per)
        };
        admits(self.value, count / of * self.per)
            && pair(self.limits_95, limits(Z_95))
            && pair(self.limits_998, limits(Z_998))
    }

    /// The smallest and largest count that would have been printed so; `None` if there is none.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        // The rate is at most what rounds to it, and at most any of its upper limits.
        let highest = [self.value, self.limits_95.1, self.limits_998.1].into_iter().flatten();
        let highest = highest.map(|printed| (printed.value + printed.half_unit) * float(self.denominator) / self.per);
        let most = highest.fold(f64::INFINITY, f64::min).max(0.0) + 1.0;
        let most = if most < float(MOST_TRIED) { most as u64 } else { self.denominator.min(MOST_TRIED) };
        limits_where(most, |count| self.admits(count))
    }

    /// The counts from 0 to `most` that would have been printed so.
    #[must_use]
    pub fn counts(&self, most: u64) -> Vec<u64> {
        (0..=most).filter(|count| self.admits(*count)).collect()
    }
}

/// The smallest and largest count from 0 to `most` of which a word, a colour or a class is true; `None` if there is
/// none.
pub fn limits_where(most: u64, holds: impl Fn(u64) -> bool) -> Option<(u64, u64)> {
    let mut counts = (0..=most).filter(|count| holds(*count));
    let first = counts.next()?;
    Some((first, counts.last().unwrap_or(first)))
}

/// The counts between two limits (those that a perturbed count allows) for which some sum of whole numbers has the
/// printed mean.
#[must_use]
pub fn counts_of_mean(mean: Printed, low: u64, high: u64) -> Vec<u64> {
    let whole = |count: &u64| {
        let sum = (mean.value * float(*count)).round();
        *count > 0 && [sum - 1.0, sum, sum + 1.0].into_iter().any(|sum| mean.admits(sum / float(*count)))
    };
    (low..=high).filter(whole).collect()
}

/// A stratum of a directly standardised rate.
#[derive(Debug, Clone, Copy)]
pub struct Stratum {
    /// Its population.
    pub population: u64,
    /// The standard population.
    pub standard: u64,
}

/// What was printed about a directly standardised rate with Dobson's limits.
#[derive(Clone, Copy)]
pub struct Standardised {
    /// Events per this many.
    pub per: f64,
    /// All events, if their number is known.
    pub count: Option<u64>,
    /// The rate.
    pub value: Option<Printed>,
    /// Limits of 95 %.
    pub limits_95: (Option<Printed>, Option<Printed>),
}

/// The vectors of events by stratum that fit a standardised rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strata {
    /// How many vectors fit.
    pub vectors: u64,
    /// For each stratum the smallest and largest number in a vector that fits.
    pub ranges: Vec<(u64, u64)>,
    /// Whether all vectors were tried within the limit.
    pub complete: bool,
}

struct Enumeration<'a> {
    figures: &'a Standardised,
    /// What an event in each stratum adds to the rate, and to its variance.
    weights: Vec<(f64, f64)>,
    /// The smallest and largest weight from each stratum on.
    rest: Vec<(f64, f64)>,
    vector: Vec<u64>,
    found: Strata,
    steps: u64,
}

/// Enumerates the vectors of up to `most` events that fit what was printed, in at most `steps` steps.
#[must_use]
pub fn strata_of_rate(strata: &[Stratum], figures: &Standardised, most: u64, steps: u64) -> Strata {
    let standard: f64 = strata.iter().map(|stratum| float(stratum.standard)).sum();
    let weight = |stratum: &Stratum| {
        let weight = float(stratum.standard) / standard / float(stratum.population).max(1.0);
        (weight, weight * weight)
    };
    let weights: Vec<(f64, f64)> = strata.iter().map(weight).collect();
    let mut rest = vec![(f64::INFINITY, 0.0)];
    for (weight, _) in weights.iter().rev() {
        let (low, high) = rest.last().copied().unwrap_or((f64::INFINITY, 0.0));
        rest.push((weight.min(low), weight.max(high)));
    }
    rest.reverse();
    let mut enumeration = Enumeration {
        figures,
        weights,
        rest,
        vector: Vec::new(),
        found: Strata { vectors: 0, ranges: vec![(u64::MAX, 0); strata.len()], complete: true },
        steps,
    };
    for count in figures.count.map_or(0..=most, |count| count..=count) {
        enumeration.visit(count, count, (0.0, 0.0));
    }
    enumeration.found
}

impl Enumeration<'_> {
    /// Divides the events that are left among the strata that are left.
    fn visit(&mut self, left: u64, count: u64, sums: (f64, f64)) {
        let stratum = self.vector.len();
        let Some((weight, square)) = self.weights.get(stratum).copied() else {
            if left == 0 && self.fits(count, sums) {
                self.found.vectors += 1;
                for (range, value) in self.found.ranges.iter_mut().zip(&self.vector) {
                    *range = (range.0.min(*value), range.1.max(*value));
                }
            }
            return;
        };
        let (least, most) = self.rest.get(stratum).copied().unwrap_or_default();
        let reachable = self.figures.value.is_none_or(|value| {
            let (low, high) = (sums.0 + float(left) * least, sums.0 + float(left) * most);
            let slack = value.half_unit * 1.001 / self.figures.per;
            let rate = value.value / self.figures.per;
            low <= rate + slack && high >= rate - slack
        });
        if left > 0 && !reachable {
            return;
        }
        let last = stratum + 1 == self.weights.len();
        for events in if last { left..=left } else { 0..=left } {
            if self.steps == 0 {
                self.found.complete = false;
                return;
            }
            self.steps -= 1;
            self.vector.push(events);
            let n = float(events);
            self.visit(left - events, count, (sums.0 + n * weight, sums.1 + n * square));
            self.vector.pop();
        }
    }

    /// Whether the figures of this vector are those that were printed (Dobson's limits).
    fn fits(&self, count: u64, (rate, variance): (f64, f64)) -> bool {
        let figures = self.figures;
        let events = float(count);
        let (low, high) = byar(events, Z_95);
        let scale = if count == 0 { 0.0 } else { (variance / events).sqrt() };
        admits(figures.value, rate * figures.per)
            && (count == 0
                || (admits(figures.limits_95.0, (rate + scale * (low - events)) * figures.per)
                    && admits(figures.limits_95.1, (rate + scale * (high - events)) * figures.per)))
    }
}

/// A cell and the denominator of its rate.
#[derive(Clone)]
pub struct Ranked {
    /// One code per dimension.
    pub codes: Vec<String>,
    /// Its denominator, which is open: 1 where counts are ranked.
    pub denominator: u64,
}

/// What classes say (quintiles, colours, ranks as classes of one): no rate in a class exceeds one in the next. From the
/// lowest class to the highest.
#[must_use]
pub fn comparisons_of_classes(classes: &[Vec<Ranked>]) -> Vec<Comparison> {
    let factor = |denominator: u64| i64::try_from(denominator).unwrap_or(i64::MAX);
    let mut comparisons = Vec::new();
    for (lower, higher) in classes.iter().zip(classes.iter().skip(1)) {
        for low in lower {
            for high in higher {
                let terms = vec![
                    (high.codes.clone(), factor(low.denominator)),
                    (low.codes.clone(), factor(high.denominator).saturating_neg()),
                ];
                comparisons.push(Comparison { terms, low: Some(0), high: None });
            }
        }
    }
    comparisons
}
