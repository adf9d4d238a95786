//! Noise on sums: that of counts, times the greatest part that anybody may have.
//!
//! A sum `S` of a whole-number column, in which no contributor has a greater part than `m` (what is above is cut off), is published as
//!
//! ```text
//! S + m v + w     v as the noise of a large count, w uniform among the whole numbers from -m/2 to m/2, the ends half as often
//! ```
//!
//! drawn by column, cell, state of the data and cell key; 0 where that is less. None is published where the *published* count of the cell is at
//! most [`SumNoise::few`].
//!
//! **Why this, and not noise on the largest contributors.** Those get a new factor in every cell, so that sums over overlapping cells
//! average it out, and nothing bounded that. And a sum of one person's part beside a published count of 0 says that there is somebody.
//!
//! **Few.** The noise of a small count is skewed, so that counts which might be behind what is shown are not told apart; that of a sum, which may
//! be of nobody, cannot be, and would tell them apart. Where more than `2 largest + least_shown` is shown there are more than
//! `largest + least_shown`, which is where noise has one form, and all that the bound is about.
//!
//! **There it tells no more than one more count of the same cell with fresh noise would.** `w` takes every remainder modulo `m` with equal
//! probability, so the remainder of `S + w` does, too, whatever `S` is: it tells nothing. Given the remainder, `S + w` is `m` times a whole
//! number `N`, and what is published is a count of `N` with noise `v`. Somebody's part, which is at most `m`, makes `N` more by 0 or 1; the parts
//! of `d` people by 0 to `d`. So it is a count of which some people are left out, by what is told to everybody. (Where the two ends of `w` meet in one
//! remainder, which of them it was is noise besides.) What one figure makes of odds in one place may be more than what a count makes of them
//! anywhere: outcomes that exclude a world and others that do not are published as one. It tells no more for that.
//!
//! So the bound on averaging takes each registered sum for one more publication of every cell ([`super::Judged::with_sums`]), and all
//! that it says of best guesses of counts holds with the sums published. Where everything else is known, a part is known to within
//! `m v + w`, with a standard deviation of more than `m` times that of a count. *Not* bounded: how close a part may be guessed from all sums that
//! it is in together, beyond that each of them has noise of its own.

use model::contract::Crossings;
use serde::{Deserialize, Serialize};

use super::noise::Noise;

/// The greatest part that may be registered.
pub const MOST_PART: u64 = Crossings::MOST_PART;

/// A registered sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct SumNoise {
    /// The greatest part of one contributor, in the column's unit: 1 to [`MOST_PART`].
    most: u64,
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    most: u64,
}

impl TryFrom<Written> for SumNoise {
    type Error = SumNoiseError;

    fn try_from(written: Written) -> Result<Self, SumNoiseError> {
        Self::new(written.most)
    }
}

impl From<SumNoise> for Written {
    fn from(SumNoise { most }: SumNoise) -> Self {
        Self { most }
    }
}

/// A part that cannot be the greatest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the greatest part of one contributor is `{most}`: choose 1 to {MOST_PART}")]
pub struct SumNoiseError {
    /// As given.
    most: u64,
}

impl SumNoise {
    /// Noise for sums of which no contributor has a greater part.
    ///
    /// # Errors
    /// If it is 0, or too large.
    pub const fn new(most: u64) -> Result<Self, SumNoiseError> {
        if most == 0 || most > MOST_PART { Err(SumNoiseError { most }) } else { Ok(Self { most }) }
    }

    /// The greatest part, in the column's unit.
    #[must_use]
    pub const fn most(&self) -> u64 {
        self.most
    }

    /// The greatest count that may be shown beside no sum.
    #[must_use]
    pub fn few(noise: &Noise) -> u64 {
        2 * u64::from(noise.largest()) + u64::from(noise.least_shown())
    }

    /// The standard deviation of a sum's noise where counts have this noise, in the column's unit.
    #[must_use]
    pub fn deviation(&self, noise: &Noise) -> f64 {
        let most = self.most as f64;
        let between = if self.most.is_multiple_of(2) { 2.0 } else { -1.0 };
        (most * most * noise.variance() + (most * most + between) / 12.0).sqrt()
    }

    /// How far a sum may be from what was added up, at most, in the column's unit.
    #[must_use]
    pub fn largest(&self, noise: &Noise) -> u64 {
        self.most * u64::from(noise.largest()) + self.most / 2
    }
}
