//! Who is in which cell: the pairs of a cell and a 64-bit key that rows have, each once.
//!
//! Keys that look random need no codes: pairs are divided by the highest digits of their cells, and each bucket is sorted
//! within the processor's cache.

use crate::block::{Block, with_rows};
use crate::error::CrosstabError;
use crate::parallel::in_parallel;
use crate::shape::Shape;

/// Buckets: at most twice as many.
const BUCKETS: u64 = 512;
/// Rows whose positions are computed at once.
const ROWS_AT_ONCE: usize = 2048;
/// Pairs that a bucket keeps before those that are alike become one: no less, and no less than twice those that are different.
const PAIRS_KEPT: usize = 1 << 16;

/// Pairs under way.
#[derive(Debug, Clone)]
pub struct Pairs {
    shape: Shape,
    total: u32,
    /// By how many bits a cell is shifted to find its bucket.
    shift: u32,
    buckets: Vec<Bucket>,
}

/// A cell, and a key in the lower half: one number is compared faster than two.
type Pair = u128;

const fn pair(cell: u64, key: u64) -> Pair {
    (cell as Pair) << u64::BITS | key as Pair
}

const fn cell_of(pair: Pair) -> u64 {
    (pair >> u64::BITS) as u64
}

const fn key_of(pair: Pair) -> u64 {
    pair as u64
}

/// Pairs with the same highest digits.
#[derive(Debug, Clone, Default)]
struct Bucket {
    pairs: Vec<Pair>,
    /// How many of the first of them are different and in order.
    different: usize,
}

/// The pairs of some cells, in order, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairRun {
    cells: Vec<u64>,
    keys: Vec<u64>,
}

/// All pairs in the order of cells and keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairTable {
    shape: Shape,
    runs: Vec<PairRun>,
}

impl Pairs {
    /// No rows yet.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let (shift, buckets) = shape.buckets(BUCKETS);
        Self { shape, total: 0, shift, buckets: vec![Bucket::default(); buckets] }
    }

    /// The sizes of the axes that make up a cell.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.pairs.capacity()).sum::<usize>() * size_of::<Pair>()
    }

    /// Takes in the rows of a block, of which each has a key.
    ///
    /// # Errors
    /// If the block does not fit the table, or there are too many rows. It is of no use then.
    pub fn add(&mut self, block: &Block<'_>) -> Result<(), CrosstabError> {
        block.check(&self.shape, 0, true)?;
        self.total = with_rows(self.total, block)?;
        let mut positions = [0_u64; ROWS_AT_ONCE];
        for start in (0..block.rows).step_by(ROWS_AT_ONCE) {
            let part = block.slice(start, start + ROWS_AT_ONCE);
            let positions = positions.get_mut(..part.rows).unwrap_or_default();
            part.positions(&self.shape, positions)?;
            for (position, key) in positions.iter().zip(part.keys.unwrap_or_default()) {
                self.put(pair(*position, *key));
            }
        }
        Ok(())
    }

    fn put(&mut self, pair: Pair) {
        let bucket = usize::try_from(cell_of(pair) >> self.shift).ok().and_then(|at| self.buckets.get_mut(at));
        let Some(bucket) = bucket else { return };
        bucket.pairs.push(pair);
        if bucket.pairs.len() >= PAIRS_KEPT.max(2 * bucket.different) {
            bucket.tidy();
        }
    }

    /// Adds another part of the same table.
    ///
    /// # Errors
    /// If it is not one, or together they are too many rows.
    pub fn merge(mut self, other: Self) -> Result<Self, CrosstabError> {
        if self.shape != other.shape {
            return Err(CrosstabError::Mismatch { problem: "it is a part of another table" });
        }
        self.total = self.total.checked_add(other.total).ok_or(CrosstabError::TooManyRows)?;
        for (bucket, mut more) in self.buckets.iter_mut().zip(other.buckets) {
            if bucket.pairs.len() < more.pairs.len() {
                std::mem::swap(bucket, &mut more);
            }
            bucket.pairs.append(&mut more.pairs);
        }
        Ok(self)
    }

    /// The same rows in a table with longer axes.
    ///
    /// # Errors
    /// If it is another table.
    pub fn reshaped(self, shape: Shape) -> Result<Self, CrosstabError> {
        if shape == self.shape {
            return Ok(self);
        }
        self.shape.grows_to(&shape)?;
        let mut grown = Self::new(shape);
        grown.total = self.total;
        let mut codes = Vec::new();
        for bucket in self.buckets {
            // Many pairs of a cell come one after the other.
            let mut last = None;
            for of in bucket.pairs {
                let cell = cell_of(of);
                let number = match last {
                    Some((same, number)) if same == cell => number,
                    _ => {
                        self.shape.codes(cell, &mut codes);
                        grown.shape.cell(&codes).unwrap_or_default()
                    }
                };
                last = Some((cell, number));
                grown.put(pair(number, key_of(of)));
            }
        }
        Ok(grown)
    }

    /// All pairs in order, sorted on so many threads.
    ///
    /// # Errors
    /// [`CrosstabError::Stopped`] soon after `stop` says so.
    pub fn finish(self, threads: usize, stop: &(dyn Fn() -> bool + Sync)) -> Result<PairTable, CrosstabError> {
        let runs = in_parallel(self.buckets, threads, stop, Bucket::finish)?;
        Ok(PairTable { shape: self.shape, runs: runs.into_iter().filter(|run| !run.cells.is_empty()).collect() })
    }
}

impl Bucket {
    fn tidy(&mut self) {
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.different = self.pairs.len();
    }

    fn finish(mut self) -> PairRun {
        self.tidy();
        let cells = self.pairs.iter().map(|pair| cell_of(*pair)).collect();
        PairRun { cells, keys: self.pairs.into_iter().map(key_of).collect() }
    }
}

impl PairTable {
    /// The sizes of the axes that make up a cell.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let each = |run: &PairRun| (run.cells.capacity() + run.keys.capacity()) * size_of::<u64>();
        self.runs.iter().map(each).sum()
    }

    /// Its pairs, in runs: all of one before all of the next.
    #[must_use]
    pub fn runs(&self) -> &[PairRun] {
        &self.runs
    }
}

impl PairRun {
    /// The cell of each pair.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.cells
    }

    /// The key of each pair.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }
}

#[cfg(test)]
mod tests;
