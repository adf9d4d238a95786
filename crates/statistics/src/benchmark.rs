//! Comparison with a benchmark, in words.

use model::indicator::Polarity;

use crate::Interval;

/// Where an area stands against a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Significantly better.
    Better,
    /// Significantly worse.
    Worse,
    /// Not significantly different.
    Similar,
    /// Significantly higher, where neither direction is good.
    Higher,
    /// Significantly lower, where neither direction is good.
    Lower,
}

impl Comparison {
    /// The word in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Similar => "similar",
            Self::Higher => "higher",
            Self::Lower => "lower",
        }
    }
}

/// Compares an area's interval with a benchmark's value: significant if the value lies outside the interval. `None`
/// (no judgement) without an interval or a benchmark; the caller must not compare an area with itself.
#[must_use]
pub fn compare(interval: Option<Interval>, benchmark: Option<f64>, polarity: Polarity) -> Option<Comparison> {
    let (interval, benchmark) = (interval?, benchmark?);
    if !(interval.lower.is_finite() && interval.upper.is_finite() && benchmark.is_finite()) {
        return None;
    }
    let higher = interval.lower > benchmark;
    let lower = interval.upper < benchmark;
    Some(match (higher, lower, polarity) {
        (true, _, Polarity::HighIsGood) | (_, true, Polarity::LowIsGood) => Comparison::Better,
        (true, _, Polarity::LowIsGood) | (_, true, Polarity::HighIsGood) => Comparison::Worse,
        (true, _, Polarity::Neither) => Comparison::Higher,
        (_, true, Polarity::Neither) => Comparison::Lower,
        _ => Comparison::Similar,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_polarity() {
        let interval = |lower, upper| Some(Interval { lower, upper });
        let cases = [
            (interval(11.0, 13.0), Some(10.0), Polarity::HighIsGood, Some("better")),
            (interval(11.0, 13.0), Some(10.0), Polarity::LowIsGood, Some("worse")),
            (interval(11.0, 13.0), Some(10.0), Polarity::Neither, Some("higher")),
            (interval(7.0, 9.0), Some(10.0), Polarity::HighIsGood, Some("worse")),
            (interval(7.0, 9.0), Some(10.0), Polarity::LowIsGood, Some("better")),
            (interval(7.0, 9.0), Some(10.0), Polarity::Neither, Some("lower")),
            (interval(9.0, 11.0), Some(10.0), Polarity::LowIsGood, Some("similar")),
            // Touching is not outside.
            (interval(10.0, 12.0), Some(10.0), Polarity::LowIsGood, Some("similar")),
            (interval(8.0, 10.0), Some(10.0), Polarity::Neither, Some("similar")),
            (None, Some(10.0), Polarity::LowIsGood, None),
            (interval(9.0, 11.0), None, Polarity::LowIsGood, None),
            (interval(f64::NAN, 11.0), Some(10.0), Polarity::LowIsGood, None),
        ];
        for (interval, benchmark, polarity, expect) in cases {
            assert_eq!(compare(interval, benchmark, polarity).map(Comparison::as_str), expect);
        }
    }
}
