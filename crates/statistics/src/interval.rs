//! Counts, crude rates and proportions with confidence intervals.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};

use crate::StatisticsError;

/// Below this count, limits are exact instead of Byar's (as in the public health statistics guidance for England).
const EXACT_BELOW: u64 = 10;

/// A confidence level with its normal quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence {
    level: f64,
    z: f64,
}

impl Confidence {
    /// 95 %.
    pub const P95: Self = Self { level: 0.95, z: 1.959_963_984_540_054 };
    /// 99.8 %.
    pub const P998: Self = Self { level: 0.998, z: 3.090_232_306_167_813_5 };

    /// A confidence level between 0 and 1, for example 0.9.
    ///
    /// # Errors
    /// If the level is not strictly between 0 and 1.
    pub fn new(level: f64) -> Result<Self, StatisticsError> {
        if !(level > 0.0 && level < 1.0) {
            return Err(StatisticsError::Confidence);
        }
        let normal = Normal::new(0.0, 1.0).map_err(|_| StatisticsError::Confidence)?;
        Ok(Self { level, z: normal.inverse_cdf(f64::midpoint(1.0, level)) })
    }

    /// The level, between 0 and 1.
    #[must_use]
    pub const fn level(self) -> f64 {
        self.level
    }

    /// The standard normal quantile of (1 + level) / 2.
    #[must_use]
    pub const fn z(self) -> f64 {
        self.z
    }
}

/// Lower and upper confidence limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower limit.
    pub lower: f64,
    /// Upper limit.
    pub upper: f64,
}

impl Interval {
    fn scaled(self, factor: f64) -> Self {
        Self { lower: self.lower * factor, upper: self.upper * factor }
    }
}

/// A value with its interval, both in the unit of the multiplier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its confidence interval.
    pub interval: Interval,
}

fn float(count: u64) -> f64 {
    // Counts of people and events are far below 2^53, up to which this is exact.
    count as f64
}

/// Byar's approximation to the exact Poisson limits of an observed count.
///
/// L = O (1 - 1/(9 O) - z/(3 sqrt O))^3, U = (O+1) (1 - 1/(9 (O+1)) + z/(3 sqrt(O+1)))^3. A lower limit that the
/// approximation would make negative (very small counts) is 0. Source: Breslow and Day, Statistical Methods in Cancer
/// Research, volume II, IARC 1987, page 69.
#[must_use]
pub fn byar(observed: u64, confidence: Confidence) -> Interval {
    let z = confidence.z;
    let o = float(observed);
    let lower = if observed == 0 { 0.0 } else { o * (1.0 - 1.0 / (9.0 * o) - z / (3.0 * o.sqrt())).powi(3) };
    let next = o + 1.0;
    let upper = next * (1.0 - 1.0 / (9.0 * next) + z / (3.0 * next.sqrt())).powi(3);
    Interval { lower: lower.max(0.0), upper }
}

/// Exact Poisson limits of an observed count: chi2((1-c)/2, 2 O)/2 and chi2((1+c)/2, 2 O + 2)/2; the lower limit of 0 is
/// 0. Source: Garwood, Biometrika 28 (1936) 437; Armitage and Berry, Statistical Methods in Medical Research.
///
/// # Errors
/// Never for an ordinary count; [`StatisticsError::NotANumber`] if the quantile cannot be calculated.
pub fn poisson_exact(observed: u64, confidence: Confidence) -> Result<Interval, StatisticsError> {
    let quantile = |probability: f64, degrees: f64| {
        let distribution = ChiSquared::new(degrees).map_err(|_| StatisticsError::NotANumber)?;
        refine(&distribution, probability, distribution.inverse_cdf(probability))
    };
    let o = float(observed);
    let tail = (1.0 - confidence.level) / 2.0;
    let lower = if observed == 0 { 0.0 } else { quantile(tail, 2.0 * o)? / 2.0 };
    Ok(Interval { lower, upper: quantile(1.0 - tail, 2.0 * o + 2.0)? / 2.0 })
}

/// Polishes a quantile by Newton's method: the library's search stops early.
fn refine(distribution: &ChiSquared, probability: f64, start: f64) -> Result<f64, StatisticsError> {
    use statrs::distribution::Continuous;
    let mut x = start;
    for _ in 0..8 {
        let density = distribution.pdf(x);
        let step = (distribution.cdf(x) - probability) / density;
        if !step.is_finite() || density <= 0.0 {
            break;
        }
        x = (x - step).max(x / 2.0);
    }
    if x.is_finite() { Ok(x) } else { Err(StatisticsError::NotANumber) }
}

/// Limits of an observed count, by itself and as the numerator of rates and ratios: exact below 10, Byar's from 10. Source:
/// the Department of Health and Social Care's public health technical guidance, chapter Rates, in which the limits of a rate
/// are those of the observed count over the denominator.
///
/// # Errors
/// As [`poisson_exact`].
pub fn poisson_limits(observed: u64, confidence: Confidence) -> Result<Interval, StatisticsError> {
    if observed < EXACT_BELOW { poisson_exact(observed, confidence) } else { Ok(byar(observed, confidence)) }
}

/// A count with its interval ([`poisson_limits`]).
///
/// # Errors
/// As [`poisson_exact`].
pub fn count(observed: u64, confidence: Confidence) -> Result<Estimate, StatisticsError> {
    Ok(Estimate { value: float(observed), interval: poisson_limits(observed, confidence)? })
}

/// A crude rate per `multiplier` people, with its interval ([`poisson_limits`] of the numerator).
///
/// # Errors
/// If the denominator is not a positive number, or the multiplier is not.
pub fn crude_rate(
    numerator: u64,
    denominator: f64,
    multiplier: f64,
    confidence: Confidence,
) -> Result<Estimate, StatisticsError> {
    let factor = scale(denominator, multiplier)?;
    let interval = poisson_limits(numerator, confidence)?.scaled(factor);
    Ok(Estimate { value: float(numerator) * factor, interval })
}

fn scale(denominator: f64, multiplier: f64) -> Result<f64, StatisticsError> {
    if !denominator.is_finite() || !multiplier.is_finite() || multiplier <= 0.0 {
        return Err(StatisticsError::NotANumber);
    }
    if denominator <= 0.0 {
        return Err(StatisticsError::NoDenominator);
    }
    Ok(multiplier / denominator)
}

/// Wilson's score limits of a proportion, between 0 and 1:
/// (2x + z^2 -+ z sqrt(z^2 + 4x(1 - x/n))) / (2 (n + z^2)).
///
/// Source: Wilson, Journal of the American Statistical Association 22 (1927) 209; Newcombe and Altman in Altman et al.,
/// Statistics with Confidence, second edition, BMJ Books 2000, page 46.
///
/// # Errors
/// If the denominator is zero or the numerator is larger.
pub fn wilson(numerator: u64, denominator: u64, confidence: Confidence) -> Result<Interval, StatisticsError> {
    if denominator == 0 {
        return Err(StatisticsError::NoDenominator);
    }
    if numerator > denominator {
        return Err(StatisticsError::NumeratorTooLarge);
    }
    let (x, n, z) = (float(numerator), float(denominator), confidence.z);
    let centre = 2.0 * x + z * z;
    let spread = z * (z * z + 4.0 * x * (1.0 - x / n)).sqrt();
    let whole = 2.0 * (n + z * z);
    // At 0 and n the limit is exact; rounding must not take it outside.
    let lower = if numerator == 0 { 0.0 } else { (centre - spread) / whole };
    let upper = if numerator == denominator { 1.0 } else { (centre + spread) / whole };
    Ok(Interval { lower, upper })
}

/// A proportion times `multiplier` (100 for per cent), with Wilson's interval.
///
/// # Errors
/// If the denominator is zero, the numerator is larger, or the multiplier is not positive.
pub fn proportion(
    numerator: u64,
    denominator: u64,
    multiplier: f64,
    confidence: Confidence,
) -> Result<Estimate, StatisticsError> {
    let interval = wilson(numerator, denominator, confidence)?.scaled(multiplier);
    let factor = scale(float(denominator), multiplier)?;
    Ok(Estimate { value: float(numerator) * factor, interval })
}

#[cfg(test)]
#[path = "interval/tests.rs"]
mod tests;
