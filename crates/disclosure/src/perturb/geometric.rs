//! Noise that excludes nothing: two-sided geometric, without a largest value.
//!
//! Figures about people whose records were linked over datasets stand beside figures of these datasets that are protected in other ways, so
//! nobody can list what all of them say together. Noise with a largest value would exclude worlds: a figure says that a count is not
//! further away. Two-sided geometric noise excludes none. Where one person is otherwise, every figure that there may be is at most so many
//! times as probable as before, whatever else is published or known (Dwork, McSherry, Nissim and Smith 2006; Ghosh, Roughgarden and
//! Sundararajan 2009). What was proved of the other figures before therefore stays proved.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use model::{Digest, Period};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::draw::absorb;
use crate::counts::{CountsError, UnreleasedCounts};
use crate::ids::GroupId;
use crate::key::PlanKey;

/// By how much odds may change.
const ODDS: RangeInclusive<u32> = 2..=1000;
/// By how many types of areas, and with how many states of the data.
const TABLES: RangeInclusive<u32> = 1..=20;
const MOST_ROUNDED: u32 = 1000;
/// One, where the ratio is counted in parts of it.
const ONE: f64 = 4_294_967_296.0;

/// The noise as everybody may know it: `v` is added to a count with probability `(1 - r) / (1 + r) * r^|v|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Geometric {
    odds: u32,
    tables: u32,
    revisions: u32,
    rounding: u32,
    /// `r` in parts of 2^32.
    ratio: u32,
}

/// As it is written down: the ratio is made by a logarithm and an exponential, which differ between machines in the last digit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    odds: u32,
    tables: u32,
    revisions: u32,
    rounding: u32,
    ratio: u32,
}

impl TryFrom<Stored> for Geometric {
    type Error = GeometricError;
    fn try_from(stored: Stored) -> Result<Self, GeometricError> {
        let Stored { odds, tables, revisions, rounding, ratio } = stored;
        let now = Self::new(odds, (tables, revisions), rounding)?;
        if now.ratio.abs_diff(ratio) > 1 {
            return Err(GeometricError::Changed { ratio });
        }
        Ok(Self { ratio, ..now })
    }
}

impl From<Geometric> for Stored {
    fn from(noise: Geometric) -> Self {
        let Geometric { odds, tables, revisions, rounding, ratio } = noise;
        Self { odds, tables, revisions, rounding, ratio }
    }
}

/// Why there is no such noise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeometricError {
    /// Out of range.
    #[error(
        "odds that change by {odds} times over {tables} types of areas with {revisions} states of the data, rounded to {rounding}, are no \
         possible noise: at most 20 types of areas, 20 states, and 1,000 times"
    )]
    Range {
        /// See [`Geometric::new`].
        odds: u32,
        /// See [`Geometric::new`].
        tables: u32,
        /// See [`Geometric::new`].
        revisions: u32,
        /// See [`Geometric::new`].
        rounding: u32,
    },
    /// What was read back could not have been written.
    #[error(
        "the stored noise has the ratio {ratio}, which does not follow from its odds: it was changed, restore it from a copy"
    )]
    Changed {
        /// As it is stored.
        ratio: u32,
    },
}

impl Geometric {
    /// For everybody's odds about one person to change by at most `odds` (2 to 1,000) times, where that person is counted in one figure of
    /// each of so many tables (1 to 20), and each is published with so many states of its data (1 to 20), with fresh noise each time.
    /// Figures are rounded to `rounding` (1 to 1,000) afterwards.
    ///
    /// Who is counted elsewhere in a table leaves one figure and enters another, each by one, so that the probability of what is
    /// published changes by at most `r^-2` for each: `r = odds^(-1 / (2 tables revisions))`, rounded up, which is more noise.
    ///
    /// # Errors
    /// If anything is out of range.
    pub fn new(odds: u32, (tables, revisions): (u32, u32), rounding: u32) -> Result<Self, GeometricError> {
        let in_range = ODDS.contains(&odds) && TABLES.contains(&tables) && TABLES.contains(&revisions);
        if !in_range || !(1..=MOST_ROUNDED).contains(&rounding) {
            return Err(GeometricError::Range { odds, tables, revisions, rounding });
        }
        let ratio = (-f64::from(odds).ln() / (2.0 * f64::from(tables) * f64::from(revisions))).exp();
        // Below one, as the odds are at least 2.
        let ratio = (ratio * ONE).ceil().min(ONE - 1.0) as u32;
        Ok(Self { odds, tables, revisions, rounding, ratio })
    }

    /// By how many times odds about one person change at most.
    #[must_use]
    pub const fn odds(&self) -> u32 {
        self.odds
    }

    /// By how many types of areas there may be a table.
    #[must_use]
    pub const fn tables(&self) -> u32 {
        self.tables
    }

    /// With how many states of its data each may be published.
    #[must_use]
    pub const fn revisions(&self) -> u32 {
        self.revisions
    }

    /// What figures are rounded to, after the noise.
    #[must_use]
    pub const fn rounding(&self) -> u32 {
        self.rounding
    }

    /// Whether it is the same noise, whichever machine made it.
    pub(super) const fn is_as(&self, other: &Self) -> bool {
        let same = self.tables == other.tables && self.revisions == other.revisions;
        same && self.odds == other.odds && self.rounding == other.rounding
    }

    fn ratio(&self) -> f64 {
        f64::from(self.ratio) / ONE
    }

    /// The variance of one figure, squared counts, with that of rounding.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let (ratio, rounding) = (self.ratio(), f64::from(self.rounding));
        2.0 * ratio / (1.0 - ratio).powi(2) + (rounding * rounding - 1.0) / 12.0
    }

    /// A distance that the sum of so many figures (1 for one) is within of its count with a probability of 95 % at least: the least that its
    /// noise is within, and what rounding may add to each figure.
    #[must_use]
    pub fn within_95(&self, figures: u32) -> u32 {
        let ratio = self.ratio();
        // Beyond this one figure's noise has a probability of less than 10^-9.
        let most = (1e-9_f64.ln() / ratio.ln()).ceil() as i64;
        let places = (2 * u64::from(figures.max(1)) * u64::try_from(most).unwrap_or(0) + 1) as usize;
        let mut none = vec![0.0; places];
        none.get_mut(places / 2).into_iter().for_each(|p| *p = 1.0);
        let sum = (0..figures.max(1)).fold(none, |sum, _| with_noise(&sum, ratio));
        let middle = sum.len() / 2;
        let (mut inside, mut within) = (sum.get(middle).copied().unwrap_or(1.0), 0);
        while inside < 0.95 && within < middle {
            within += 1;
            let sides = [middle.checked_sub(within), middle.checked_add(within)];
            inside += sides.into_iter().flatten().filter_map(|place| sum.get(place)).sum::<f64>();
        }
        u32::try_from(within).unwrap_or(u32::MAX).saturating_add(figures.saturating_mul(self.rounding / 2))
    }

    /// `v` of one cell, by two uniform numbers of 127 bits: the difference of two geometric ones.
    fn noise(&self, [one, other]: [u128; 2]) -> i64 {
        self.steps(one) - self.steps(other)
    }

    /// How often `r` holds, one after the other, by a uniform number of 127 bits: in whole numbers, the same on every machine. Exact but
    /// for a part of 2^-32 in what is less probable than 2^-63.
    fn steps(&self, uniform: u128) -> i64 {
        let (mut at_least, mut steps) = (1_u128 << 127, 0);
        loop {
            at_least = (at_least >> 32) * u128::from(self.ratio);
            if uniform >= at_least {
                return steps;
            }
            steps += 1;
        }
    }

    /// With which probability there are no steps, one, two, ...: as [`Self::steps`] has it.
    #[cfg(test)]
    pub(super) fn probabilities_of_steps(&self, most: usize) -> Vec<f64> {
        let mut at_least = 1_u128 << 127;
        let mut step = |_| {
            let next = (at_least >> 32) * u128::from(self.ratio);
            let of = (at_least - next) as f64 / 2_f64.powi(127);
            at_least = next;
            of
        };
        (0..most).map(&mut step).collect()
    }

    fn rounded(&self, figure: i64) -> u64 {
        let (figure, rounding) = (u64::try_from(figure).unwrap_or(0), u64::from(self.rounding));
        (figure + rounding / 2) / rounding * rounding
    }
}

/// The distribution of a number and noise of this ratio together: what is passed on from each side loses all but `ratio` at each step.
fn with_noise(distribution: &[f64], ratio: f64) -> Vec<f64> {
    let passed_on = |carried: &mut f64, p: f64| {
        let before = *carried;
        *carried = ratio * (*carried + p);
        Some(before)
    };
    let from_left = distribution.iter().scan(0.0, |carried, p| passed_on(carried, *p));
    let mut from_right: Vec<f64> = distribution.iter().rev().scan(0.0, |carried, p| passed_on(carried, *p)).collect();
    from_right.reverse();
    let all = distribution.iter().zip(from_left).zip(from_right);
    all.map(|((here, left), right)| (here + left + right) * (1.0 - ratio) / (1.0 + ratio)).collect()
}

/// Such noise with the secret that it is drawn by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GeometricNoise {
    pub(crate) geometric: Geometric,
    secret: Digest,
}

impl GeometricNoise {
    pub(super) fn new(geometric: Geometric, group: &GroupId, key: &PlanKey) -> Self {
        Self { geometric, secret: Digest(key.code(&[b"noise of links", group.as_str().as_bytes()])) }
    }

    /// Counts by one dimension with noise, which is drawn by what a cell is of and the state of its period's data. The total is the sum of
    /// the figures of its categories: it says nothing that they do not.
    ///
    /// # Errors
    /// If the counts are not of this release, or of a period without data in it.
    pub(super) fn figures(
        &self,
        counts: &UnreleasedCounts,
        (group, revision): (&GroupId, Digest),
        states: &BTreeMap<Period, Digest>,
    ) -> Result<Vec<u64>, CountsError> {
        let space = &counts.space;
        let combinations = space.names_of_combinations();
        // The last one is the total.
        let categories = combinations.len().saturating_sub(1);
        let mut cells = counts.of_release(group, revision)?;
        let mut figures = Vec::with_capacity(counts.cells());
        for area in space.names_of_areas() {
            for period in &space.periods {
                let no_data = || CountsError::NoData { group: group.clone(), period: *period };
                let state = states.get(period).ok_or_else(no_data)?;
                let mut total = 0_u64;
                for (name, count) in combinations.iter().take(categories).zip(&mut cells) {
                    let noise = self.geometric.noise(self.draws(&area, *period, state, name));
                    let figure = self.geometric.rounded(i64::try_from(count).unwrap_or(i64::MAX).saturating_add(noise));
                    total = total.saturating_add(figure);
                    figures.push(figure);
                }
                let _without_noise = cells.next();
                figures.push(total);
            }
        }
        Ok(figures)
    }

    fn draws(&self, area: &[u8; 32], period: Period, state: &Digest, combination: &[u8; 32]) -> [u128; 2] {
        let mut hash = Sha256::new();
        let period = period.to_string();
        let parts = [
            b"commonground geometric noise 1".as_slice(),
            &self.secret.0,
            &state.0,
            period.as_bytes(),
            area,
            combination,
        ];
        parts.into_iter().for_each(|part| absorb(&mut hash, part));
        let bytes: [u8; 32] = hash.finalize().into();
        let (one, other) = bytes.split_at(16);
        [one, other].map(|half| half.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte)) >> 1)
    }
}
