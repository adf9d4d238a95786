//! The parameters of the noise, and which of them are possible together.

use serde::{Deserialize, Serialize};

/// The most that `largest` may be: larger tables would take a bound on averaging that is too slow to compute.
const MOST_LARGEST: u32 = 20;
/// Below this nothing is protected, and the table would be all but certain.
const LEAST_VARIANCE: f64 = 0.01;
/// A variance this close to the edge of what a row can have is refused: there the row is all but two or three values.
const EDGE: f64 = 1e-3;

/// How counts are perturbed; public, and validated: for every instance there is a [`NoiseTable`](super::NoiseTable) all of whose rows
/// have mean zero and *exactly* this variance.
///
/// Not every row can have every variance. A published count is never below zero, so small counts move down by little; and with
/// `least_shown` a count of 1 must move to 0 or past it. With noise from `-a` to `b` and mean zero the variance is at most `a b`
/// (times `1 - stays` if the count may stay), and if the noise cannot be zero at least `l u`, with `-l` and `u` the values next to
/// zero (Bhatia and Davis 2000, and its complement). Software of the field takes the nearest possible variance then, so that some
/// rows are less protected than the parameters say. Here such parameters are **refused**: whoever reads `variance` in an agreement
/// may rely on it for every count above zero, and so may the bound on averaging.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct Noise {
    largest: u32,
    variance: f64,
    least_shown: u32,
    stays: f64,
}

/// As they are written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    largest: u32,
    variance: f64,
    least_shown: u32,
    stays: f64,
}

/// Why parameters are not possible. Each says what would be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoiseError {
    /// `largest` is out of range.
    #[error(
        "`largest` is {largest}, but noise is at least 1 and at most {MOST_LARGEST}: choose a whole number from 1 to {MOST_LARGEST}"
    )]
    Largest {
        /// As given.
        largest: u32,
    },
    /// `variance` is not a number that a variance can be.
    #[error(
        "`variance` is {variance}, but below {LEAST_VARIANCE} nothing is protected: choose a number of at least {LEAST_VARIANCE}"
    )]
    Variance {
        /// As given.
        variance: f64,
    },
    /// `least_shown` leaves nothing to move to.
    #[error("`least_shown` is {least_shown}, but with `largest` {largest} at most {} is possible, or counts next above it could not be moved down: lower it, or raise `largest` to at least {}", largest.saturating_sub(1), least_shown.saturating_add(1))]
    LeastShown {
        /// As given.
        least_shown: u32,
        /// As given.
        largest: u32,
    },
    /// `stays` is not a probability below one.
    #[error("`stays` is {stays}, but it is a probability that leaves room for noise: choose a number from 0 to 0.95")]
    Stays {
        /// As given.
        stays: f64,
    },
    /// No noise of at most `largest` has this variance in every row, even if no count need stay.
    #[error("`variance` is {variance}, but with `largest` {largest} and `least_shown` {least_shown} a count of {count} can have at most {possible}: lower it, or raise `largest`{}", raised(*instead))]
    TooMuch {
        /// As given.
        variance: f64,
        /// As given.
        largest: u32,
        /// As given.
        least_shown: u32,
        /// The count whose row has the least room.
        count: u32,
        /// The largest variance that is possible.
        possible: f64,
        /// A `largest` that would do, if any is.
        instead: Option<u32>,
    },
    /// The variance is possible, but not if so many counts stay.
    #[error("`stays` {stays} and `variance` {variance} are not possible together: with this `stays` the variance is at most {possible}; with this variance `stays` is at most {stays_possible}{}", raised_too(*instead))]
    Together {
        /// As given.
        stays: f64,
        /// As given.
        variance: f64,
        /// The largest variance that is possible with `stays`.
        possible: f64,
        /// The largest `stays` that is possible with `variance`.
        stays_possible: f64,
        /// A `largest` that would do for both, if any is.
        instead: Option<u32>,
    },
    /// Counts that are never shown have to move further than the variance allows.
    #[error("`variance` is {variance}, but with `least_shown` {least_shown} a count of {count} must be published as 0 or as {} and more, which takes at least {needed}: raise the variance, or lower `least_shown`", least_shown.saturating_add(1))]
    TooLittle {
        /// As given.
        variance: f64,
        /// As given.
        least_shown: u32,
        /// The count that has to move furthest.
        count: u32,
        /// The least variance that is possible.
        needed: f64,
    },
}

/// To six decimals.
fn six_decimals(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
}

fn raised(instead: Option<u32>) -> String {
    instead.map_or_else(String::new, |largest| format!(" to {largest}"))
}

fn raised_too(instead: Option<u32>) -> String {
    instead.map_or_else(String::new, |largest| format!("; both are possible with `largest` {largest}"))
}

impl TryFrom<Parameters> for Noise {
    type Error = NoiseError;

    fn try_from(written: Parameters) -> Result<Self, NoiseError> {
        Self::new(written.largest, written.variance, written.least_shown, written.stays)
    }
}

impl From<Noise> for Parameters {
    fn from(Noise { largest, variance, least_shown, stays }: Noise) -> Self {
        Self { largest, variance, least_shown, stays }
    }
}

impl Noise {
    /// Noise of at most `largest` either way (1 to 20), of this `variance` (in squared counts), that publishes no count from 1 to
    /// `least_shown` (0 for none; below `largest`) and keeps a count that may be published with a probability of at least `stays`
    /// (0 to 0.95). Both fractions are taken to six decimals: such numbers come back from any reader of decimal text as they were
    /// written, which readers do not promise of longer ones.
    ///
    /// # Errors
    /// If no such noise exists for some count; says what would be possible.
    pub fn new(largest: u32, variance: f64, least_shown: u32, stays: f64) -> Result<Self, NoiseError> {
        if !(1..=MOST_LARGEST).contains(&largest) {
            return Err(NoiseError::Largest { largest });
        }
        if !(variance.is_finite() && variance >= LEAST_VARIANCE) {
            return Err(NoiseError::Variance { variance });
        }
        let (variance, stays) = (six_decimals(variance), six_decimals(stays));
        if least_shown >= largest {
            return Err(NoiseError::LeastShown { least_shown, largest });
        }
        if !(0.0..=0.95).contains(&stays) {
            return Err(NoiseError::Stays { stays });
        }
        let noise = Self { largest, variance, least_shown, stays };
        noise.check_least()?;
        noise.check_most()?;
        Ok(noise)
    }

    /// The most that is added or taken away, in counts.
    #[must_use]
    pub const fn largest(&self) -> u32 {
        self.largest
    }

    /// The variance of the noise of every count above zero, in squared counts.
    #[must_use]
    pub const fn variance(&self) -> f64 {
        self.variance
    }

    /// No count from 1 to this is published; 0 for none.
    #[must_use]
    pub const fn least_shown(&self) -> u32 {
        self.least_shown
    }

    /// The least probability that a count keeps its value, if that may be published.
    #[must_use]
    pub const fn stays(&self) -> f64 {
        self.stays
    }

    /// The count from which on all have the same noise.
    pub(super) const fn last_row(&self) -> u32 {
        self.largest + self.least_shown + 1
    }

    /// What may be added to a count above zero, ascending.
    pub(super) fn support(&self, count: u32) -> Vec<i64> {
        let (count, largest) = (i64::from(count), i64::from(self.largest));
        let shown = |published: &i64| *published == 0 || *published > i64::from(self.least_shown);
        ((count - largest).max(0)..=count + largest).filter(shown).map(|published| published - count).collect()
    }

    /// Of each row: its count, the least and the most variance at mean zero, and whether the count may stay.
    fn rows(&self) -> impl Iterator<Item = (u32, f64, f64, bool)> {
        (1..=self.last_row()).map(|count| {
            let support = self.support(count);
            let stays = support.contains(&0);
            let down = support.iter().copied().filter(|v| *v < 0).max().unwrap_or(0);
            let up = support.iter().copied().filter(|v| *v > 0).min().unwrap_or(0);
            let least = if stays { 0.0 } else { (-down * up) as f64 };
            let (first, last) = (support.first().copied().unwrap_or(0), support.last().copied().unwrap_or(0));
            (count, least, (-first * last) as f64, stays)
        })
    }

    fn check_least(&self) -> Result<(), NoiseError> {
        let (mut count, mut needed) = (0, 0.0);
        for (row, least, _, _) in self.rows() {
            if least > needed {
                (count, needed) = (row, least);
            }
        }
        // Rounded up, so that what the message names is possible.
        let needed = (needed * (1.0 + EDGE) * 1000.0).ceil() / 1000.0;
        if self.variance < needed {
            let Self { variance, least_shown, .. } = *self;
            return Err(NoiseError::TooLittle { variance, least_shown, count, needed });
        }
        Ok(())
    }

    /// The largest variance that every row can have, with its row, if a count stays with at least this probability.
    fn most(&self, stays: f64) -> (u32, f64) {
        let mut found = (0, f64::INFINITY);
        for (row, _, most, may_stay) in self.rows() {
            let most = if may_stay { most * (1.0 - stays) } else { most };
            if most < found.1 {
                found = (row, most);
            }
        }
        // Rounded down, so that what the message names is possible.
        (found.0, (found.1 * (1.0 - EDGE) * 1000.0).floor() / 1000.0)
    }

    fn check_most(&self) -> Result<(), NoiseError> {
        let Self { largest, variance, least_shown, stays } = *self;
        let (_, possible) = self.most(stays);
        if variance <= possible {
            return Ok(());
        }
        let would_do = |largest: &u32| Self { largest: *largest, ..*self }.most(stays).1 >= variance;
        let instead = (largest + 1..=MOST_LARGEST).find(would_do);
        let (count, without) = self.most(0.0);
        if variance > without {
            return Err(NoiseError::TooMuch { variance, largest, least_shown, count, possible: without, instead });
        }
        let fits = |thousandths: &u32| self.most(f64::from(*thousandths) / 1000.0).1 >= variance;
        let stays_possible = f64::from((0..=950).rev().find(fits).unwrap_or(0)) / 1000.0;
        Err(NoiseError::Together { stays, variance, possible, stays_possible, instead })
    }
}
