//! The table that a key is looked up in.

use serde::{Deserialize, Serialize};

use super::draw::draw;
use super::maxent;
use super::noise::Noise;

/// How far a table's mean and variance may be from what was asked for.
const ACCURACY: f64 = 1e-9;

/// For each count the distribution of its noise, as thresholds: whole numbers, so that looking up is exact and the same on every
/// machine. Row `i` is for count `i`, the last one (`largest + least_shown + 1`) for all counts from there on; a count of 0 stays 0.
///
/// Noise `v` that is added to a count `i` is in `[-largest, largest]`; `i + v` is not negative and not in `1..=least_shown`. Every row
/// has mean 0 and the variance that was asked for, to 1e-9, keeps its count with probability `stays` or more where it may, and
/// otherwise has the largest entropy (Giessing 2016, "Computational issues in the design of transition probabilities and disclosure
/// risk estimation for additive noise"). A count above zero may be published as 0, so a published 0 does not say that there is
/// nobody; any other published count says that there is somebody.
///
/// It is made by exponentials and logarithms, which differ between machines in the last digit: **serialise it into the ledger** and
/// publish with what was read back. Reading validates everything that the method promises, but not that entropy is largest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct NoiseTable {
    noise: Noise,
    /// From count 1.
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    /// What may be added, ascending.
    noise: Vec<i64>,
    /// One less than there are values: the n-th is 2^64 times the probability of the first n values.
    thresholds: Vec<u64>,
}

/// As it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    noise: Noise,
    thresholds: Vec<Vec<u64>>,
}

/// Why there is no table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// The equations have no solution in floating point.
    #[error("the noise of a count of {count} was not found with `variance` {}, `largest` {}, `least_shown` {} and `stays` {}: move the variance away from the limits of what is possible", noise.variance(), noise.largest(), noise.least_shown(), noise.stays())]
    NotFound {
        /// The row.
        count: u32,
        /// The parameters.
        noise: Noise,
    },
    /// A table that was read back is not one that could have been written.
    #[error("the stored noise of a count of {count} {what}: the table was changed, restore it from a copy")]
    Changed {
        /// The row.
        count: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl NoiseTable {
    /// Solves for all rows: at most 40 problems of at most 41 probabilities, some milliseconds.
    ///
    /// # Errors
    /// If a row has no solution in floating point, which validated parameters do not lead to.
    pub fn solve(noise: &Noise) -> Result<Self, TableError> {
        let row = |count: u32| {
            let support = noise.support(count);
            let p = maxent::solve(&support, noise.variance(), noise.stays());
            let p = p.ok_or(TableError::NotFound { count, noise: *noise })?;
            Ok(thresholds(&p))
        };
        let rows: Result<Vec<Vec<u64>>, TableError> = (1..=noise.last_row()).map(row).collect();
        Self::checked(*noise, rows?)
    }

    /// The parameters.
    #[must_use]
    pub const fn noise(&self) -> &Noise {
        &self.noise
    }

    /// A count with the noise of a cell with this key (the wrapping sum of the keys of its records, each as often as it counts), whatever
    /// the cell is of.
    #[must_use]
    pub fn published(&self, count: u64, cell_key: u64) -> u64 {
        self.with_noise(count, draw(cell_key))
    }

    /// A count with the noise that a uniform number draws.
    pub(super) fn with_noise(&self, count: u64, uniform: u64) -> u64 {
        let Some(row) = self.row(count) else { return 0 };
        let place = row.thresholds.partition_point(|threshold| *threshold <= uniform);
        let noise = row.noise.get(place).copied().unwrap_or(0);
        count.saturating_add_signed(noise)
    }

    /// A sum with noise, in the column's unit; see [`super::sums`]. No contributor has a greater part in it than `most`.
    pub(super) fn sum_with_noise(&self, sum: u64, most: u64, [uniform, between]: [u64; 2]) -> u64 {
        let Some(row) = self.rows.last() else { return 0 };
        let place = row.thresholds.partition_point(|threshold| *threshold <= uniform);
        let noise = row.noise.get(place).copied().unwrap_or(0);
        // Half units, so that where two steps meet each has half: whatever noise a figure needs, it is that of one step or of both.
        let halves = (u128::from(between) * 2 * u128::from(most)) >> 64;
        let between =
            i128::try_from((halves + u128::from(most.is_multiple_of(2))) / 2).unwrap_or(0) - i128::from(most / 2);
        let moved = i128::from(sum) + i128::from(noise) * i128::from(most) + between;
        u64::try_from(moved.max(0)).unwrap_or(u64::MAX)
    }

    /// What may be added to a count, ascending, and with which probability: exactly as looking up has it.
    #[must_use]
    pub fn probabilities(&self, count: u64) -> Vec<(i64, f64)> {
        let Some(row) = self.row(count) else { return vec![(0, 1.0)] };
        let mut last = 0;
        let ends = row.thresholds.iter().map(|threshold| u128::from(*threshold)).chain([1 << 64]);
        let mut result = Vec::with_capacity(row.noise.len());
        for (noise, end) in row.noise.iter().zip(ends) {
            result.push((*noise, (end - last) as f64 / 2_f64.powi(64)));
            last = end;
        }
        result
    }

    fn row(&self, count: u64) -> Option<&Row> {
        let row = usize::try_from(count.min(u64::from(self.noise.last_row()))).ok()?;
        self.rows.get(row.checked_sub(1)?)
    }

    fn checked(noise: Noise, rows: Vec<Vec<u64>>) -> Result<Self, TableError> {
        let all = noise.last_row() as usize;
        if rows.len() != all {
            return Err(TableError::Changed { count: rows.len().min(all), what: "is the last one, or one too many" });
        }
        let row = |(thresholds, count): (Vec<u64>, u32)| Row { noise: noise.support(count), thresholds };
        let table = Self { noise, rows: rows.into_iter().zip(1..).map(row).collect() };
        for (count, row) in (1..).zip(&table.rows) {
            table.check(count, row).map_err(|what| TableError::Changed { count, what })?;
        }
        Ok(table)
    }

    fn check(&self, count: usize, row: &Row) -> Result<(), &'static str> {
        if row.thresholds.len() + 1 != row.noise.len() {
            return Err("has another number of thresholds than values");
        }
        if !row.thresholds.is_sorted() {
            return Err("has thresholds that do not ascend");
        }
        let p = self.probabilities(count as u64);
        let moment = |power: i32| -> f64 { p.iter().map(|(v, p)| (*v as f64).powi(power) * p).sum() };
        if moment(1).abs() > ACCURACY {
            return Err("does not have mean zero");
        }
        if (moment(2) - self.noise.variance()).abs() > ACCURACY {
            return Err("does not have the variance that the parameters say");
        }
        if p.iter().any(|(v, p)| *v == 0 && *p < self.noise.stays() - 1e-12) {
            return Err("keeps the count less often than the parameters say");
        }
        let symmetric = || p.iter().zip(p.iter().rev()).all(|((_, a), (_, b))| (a - b).abs() <= ACCURACY);
        if count == self.rows.len() && !symmetric() {
            return Err("is not symmetric");
        }
        Ok(())
    }
}

/// Cumulative probabilities times 2^64, without the last, which is 2^64.
fn thresholds(p: &[f64]) -> Vec<u64> {
    let mut sum = 0.0;
    let mut result: Vec<u64> = p
        .iter()
        .map(|p| {
            sum += p;
            // Saturates: what is beyond 2^64 by rounding is the end.
            (sum * 2_f64.powi(64)).round() as u64
        })
        .collect();
    result.pop();
    result
}

impl TryFrom<Stored> for NoiseTable {
    type Error = TableError;

    fn try_from(stored: Stored) -> Result<Self, TableError> {
        Self::checked(stored.noise, stored.thresholds)
    }
}

impl From<NoiseTable> for Stored {
    fn from(table: NoiseTable) -> Self {
        Self { noise: table.noise, thresholds: table.rows.into_iter().map(|row| row.thresholds).collect() }
    }
}
