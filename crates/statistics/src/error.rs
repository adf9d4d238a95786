//! Why a statistic cannot be calculated.

use thiserror::Error;

/// Why a statistic cannot be calculated. No message contains a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StatisticsError {
    /// A rate or proportion of nobody.
    #[error("the denominator is zero or negative: no rate or proportion can be given")]
    NoDenominator,
    /// More cases than people.
    #[error("the numerator is larger than the denominator: this is not a proportion")]
    NumeratorTooLarge,
    /// Confidence outside (0, 1).
    #[error("the confidence must lie between 0 and 1, for example 0.95")]
    Confidence,
    /// A number that is not finite, or negative where that makes no sense.
    #[error("a value is negative or not a number")]
    NotANumber,
    /// Fewer than 10 events in all.
    #[error("fewer than 10 events: a directly standardised rate is not given")]
    TooFewEvents,
    /// Too few areas to divide into quantiles.
    #[error("fewer than {needed} areas have a value: they are not compared by quantile")]
    TooFewAreas {
        /// How many are needed.
        needed: usize,
    },
}
