//! Noise on sums: on their largest contributors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::draw::{Purpose, draw};

/// Fractions are in thousandths.
const WHOLE: i128 = 1000;

/// How sums of a whole-number column are perturbed: each of the `contributors` largest contributors' parts is multiplied by a random
/// factor, and the sum changes by what they change by ("top contributors", Thompson, Broadfoot and Elazar 2013).
///
/// **The noise of one contributor.** Of the contributor of rank `t = 1..T` with part `x` (in the column's unit), it is
/// `s m x (T + 1 - t) / T`, rounded to a whole number *away from zero*. Sign `s` is + or - with equal probability and `m` is uniform from
/// `least` to `most`, both drawn from (column, cell key, record key): so a contributor has the same factor wherever it is among
/// the largest of the same records, and another one among others. Noise has mean zero but for rounding, is never zero where the part
/// is not, and as `most <= 1/2` never changes the sign of a part: it is at most the part itself. What is published never has the
/// opposite sign of the true sum: where noise would take it past zero, 0 is published.
///
/// **What the largest contributor keeps.** Let everything else be known: all other contributors' parts *and their noise*. What is left
/// of the published sum is `x (1 + s m)` with everything from `-most` to `-least` and `least` to `most` possible for `s m`. So
/// 1. the obvious estimate (what is left, as it stands) misses `x` by at least `least` of `x`, and by at least 1 unit, always;
/// 2. whatever is published, possible values of `x` lie from `x / (1 + most)` to `x / (1 - most)` (of what is left), so that for any
///    estimate some possible value is missed by at least `most` of itself, up to the rounding of one unit;
/// 3. an estimate within the fraction `p` of `x` succeeds with probability at most about `p / (most - least)` under a flat prior,
///    for `p` below half of `most - least`: it covers at most `2 p` of an interval of `2 (most - least)`.
///
/// A `p %` rule asks that nobody can estimate a contributor more closely than by `p %`. With (1), [`Self::kept_per_thousand`] is to be
/// at least `10 p` for the obvious estimate; with (3) `most` well above it. All of this is of a sum whose other noise is known: to
/// those who do not know it the other noise may also *cancel* the largest contributor's in what is published, so that the published
/// sum happens to be near the true one; but they cannot tell when. Of a signed column whose published sum is 0 only a range is known.
/// Contributors beyond the `T` largest keep nothing but the noise of those. One unit of noise on a part of a few units leaves few
/// possible values: a column of small numbers is to be published as counts.
///
/// **What this says nothing of:** averaging. Every cell that a contributor is in draws a new factor, so sums over many overlapping cells
/// say more of a large contributor together than one does; the bound on averaging is of counts alone. Publish a sum for few
/// crossings, or hold `least_per_thousand` well above what the rule asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parameters", into = "Parameters")]
pub struct SumNoise {
    contributors: u8,
    least_per_thousand: u16,
    most_per_thousand: u16,
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    contributors: u8,
    least_per_thousand: u16,
    most_per_thousand: u16,
}

/// Why parameters of sums are not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SumNoiseError {
    /// Too many or too few.
    #[error("`contributors` is {contributors}: choose 1 to 5")]
    Contributors {
        /// As given.
        contributors: u8,
    },
    /// Not a range of fractions.
    #[error(
        "`least_per_thousand` is {least} and `most_per_thousand` is {most}: choose 1 <= least < most <= 500, beyond which a part could change its sign"
    )]
    Fractions {
        /// As given.
        least: u16,
        /// As given.
        most: u16,
    },
}

/// Why a sum has no noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SumError {
    /// A number beyond 64 bits.
    #[error("a sum, or a sum with its noise, is beyond 64-bit whole numbers: publish it in a larger unit")]
    TooLarge,
    /// The largest contributors are not in order, or one of them is there twice.
    #[error("the largest contributors are not as `largest_contributors` finds them: each once, the largest part first")]
    NotInOrder,
}

/// What one contributor (all records of one person together) makes up of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contribution {
    /// The contributor's secret key.
    pub record_key: u64,
    /// Its part, in the column's unit.
    pub part: i64,
}

/// The largest contributors of a cell by the size of their parts, at most so many; parts under the same key are one contributor's.
/// Equal sizes are ordered by key, so that the result does not depend on the order of records.
///
/// # Errors
/// If a contributor's part is beyond 64 bits.
pub fn largest_contributors(parts: &[Contribution], contributors: u8) -> Result<Vec<Contribution>, SumError> {
    let mut merged: BTreeMap<u64, i128> = BTreeMap::new();
    for Contribution { record_key, part } in parts {
        // At most 2^63 parts of 2^63 each.
        *merged.entry(*record_key).or_default() += i128::from(*part);
    }
    let whole = |(record_key, part): (u64, i128)| {
        i64::try_from(part).map(|part| Contribution { record_key, part }).map_err(|_| SumError::TooLarge)
    };
    let mut all: Vec<Contribution> = merged.into_iter().map(whole).collect::<Result<_, _>>()?;
    all.sort_by_key(Contribution::order);
    all.truncate(usize::from(contributors));
    Ok(all)
}

impl Contribution {
    fn order(&self) -> (std::cmp::Reverse<u64>, u64) {
        (std::cmp::Reverse(self.part.unsigned_abs()), self.record_key)
    }
}

impl TryFrom<Parameters> for SumNoise {
    type Error = SumNoiseError;

    fn try_from(written: Parameters) -> Result<Self, SumNoiseError> {
        Self::new(written.contributors, written.least_per_thousand, written.most_per_thousand)
    }
}

impl From<SumNoise> for Parameters {
    fn from(SumNoise { contributors, least_per_thousand, most_per_thousand }: SumNoise) -> Self {
        Self { contributors, least_per_thousand, most_per_thousand }
    }
}

impl SumNoise {
    /// Noise on so many of the largest contributors (1 to 5), of the largest by at least and at most these fractions of its part,
    /// in thousandths (`1 <= least < most <= 500`).
    ///
    /// # Errors
    /// If a parameter is out of range; says what would be possible.
    pub const fn new(contributors: u8, least_per_thousand: u16, most_per_thousand: u16) -> Result<Self, SumNoiseError> {
        if contributors == 0 || contributors > 5 {
            return Err(SumNoiseError::Contributors { contributors });
        }
        let (least, most) = (least_per_thousand, most_per_thousand);
        if least == 0 || least >= most || most > 500 {
            return Err(SumNoiseError::Fractions { least, most });
        }
        Ok(Self { contributors, least_per_thousand, most_per_thousand })
    }

    /// How many contributors have noise.
    #[must_use]
    pub const fn contributors(&self) -> u8 {
        self.contributors
    }

    /// By how many thousandths of the largest contributor's part the obvious estimate of it misses, at least, even if everything
    /// else is known: to hold against a `p %` rule.
    #[must_use]
    pub const fn kept_per_thousand(&self) -> u16 {
        self.least_per_thousand
    }

    /// By how many thousandths of some possible value any estimate of the largest contributor misses, at least.
    #[must_use]
    pub const fn range_per_thousand(&self) -> u16 {
        self.most_per_thousand
    }

    /// What is published of a sum: `sum` and the parts of `largest` in the column's unit, the latter as [`largest_contributors`] finds them with
    /// [`Self::contributors`] (more are left out of account), `cell_key` the wrapping sum of the cell's record keys, `column` the
    /// name under which two sums over the same records are told apart.
    ///
    /// # Errors
    /// If the contributors are not in order, or the result is beyond 64 bits.
    pub fn published(&self, column: &str, cell_key: u64, sum: i64, largest: &[Contribution]) -> Result<i64, SumError> {
        let in_order = largest.windows(2).all(|pair| pair.is_sorted_by(|a, b| a.order() < b.order()));
        let mut keys: Vec<u64> = largest.iter().map(|contribution| contribution.record_key).collect();
        keys.sort_unstable();
        if !in_order || keys.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(SumError::NotInOrder);
        }
        let mut noisy = i128::from(sum);
        for (contribution, weight) in largest.iter().zip((1..=self.contributors).rev()) {
            noisy += self.noise(column, cell_key, *contribution, weight);
        }
        let noisy = match sum.signum() {
            1 => noisy.max(0),
            -1 => noisy.min(0),
            _ => noisy,
        };
        i64::try_from(noisy).map_err(|_| SumError::TooLarge)
    }

    /// The noise of one contributor; `weight` is the number of contributors for the largest and 1 for the last.
    pub(super) fn noise(&self, column: &str, cell_key: u64, contribution: Contribution, weight: u8) -> i128 {
        let drawn = draw(Purpose::Sum(column), &[cell_key, contribution.record_key]);
        let (sign, uniform) = (if drawn >> 63 == 0 { 1 } else { -1 }, i128::from(drawn & 0xffff_ffff));
        let (least, most) = (i128::from(self.least_per_thousand), i128::from(self.most_per_thousand));
        // In thousandths times 2^32: below 2^41, so that the product below is below 2^107.
        let factor = (least << 32) + (most - least) * uniform;
        let part = i128::from(contribution.part);
        let scale = (WHOLE * i128::from(self.contributors)) << 32;
        let size = (part.abs() * factor * i128::from(weight) + scale - 1) / scale;
        sign * part.signum() * size
    }
}
