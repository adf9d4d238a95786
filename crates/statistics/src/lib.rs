//! Statistics of indicators: pure formulae on released values.
//!
//! Confidence is a [`Confidence`] between 0 and 1; both 95 % and 99.8 % are usual. Sources are named at each function.
//!
//! **Architecture invariant:** this crate does no IO, reads no clock and draws no randomness, and knows nothing of
//! datasets or disclosure; nothing here may be given a value that was withheld. Only [`printable_digits`] is asked about figures
//! that are not released yet, and says no more than how many of their digits may be.

mod benchmark;
mod error;
mod interval;
mod quantile;
mod standardised;
mod strata;
mod trend;

pub use benchmark::{Comparison, compare};
pub use error::StatisticsError;
pub use interval::{
    Confidence, Estimate, Interval, byar, count, crude_rate, poisson_exact, poisson_limits, proportion, wilson,
};
pub use quantile::{MIN_AREAS, quantile_breaks, quintiles};
pub use standardised::{EUROPEAN_STANDARD_POPULATION_2013, Stratum, directly_standardised_rate};
pub use strata::{AuditRule, Figures, Known, KnownStratum, Range, printable_digits, ranges};
pub use trend::{Trend, TrendPoint, recent_trend};
