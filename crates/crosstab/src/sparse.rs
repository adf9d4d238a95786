//! Tables of which only the cells that some row is in are kept.
//!
//! Rows are first divided by the highest digits of their cells into a few hundred buckets, each of which is then sorted
//! within the processor's cache. No bucket shares a cell with another one, so threads sort them independently.

use crate::block::{Amounts, Block, are_held, with_rows};
use crate::dense::Dense;
use crate::error::CrosstabError;
use crate::parallel::in_parallel;
use crate::run::{Rows, Run};
use crate::shape::Shape;

/// Buckets: at most twice as many.
const BUCKETS: u64 = 256;
/// Rows whose positions are computed at once.
const ROWS_AT_ONCE: usize = 2048;
/// Rows that a bucket keeps before those of one cell are added up: no less, and no less than twice the cells that it has.
const ROWS_KEPT: usize = 1 << 16;

/// A table under way: rows by bucket.
#[derive(Debug, Clone)]
pub struct Sparse {
    shape: Shape,
    total: u32,
    measures: usize,
    keys: bool,
    /// By how many bits a cell is shifted to find its bucket.
    shift: u32,
    buckets: Vec<Bucket>,
    /// The sum of all absolute amounts by measure: while it is below 2^63, no cell's sum is beyond it.
    totals: Vec<u64>,
}

/// Rows with the same highest digits.
#[derive(Debug, Clone, Default)]
struct Bucket {
    rows: Vec<Rows>,
    runs: Vec<Run>,
}

/// The cells that some row is in, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SparseTable {
    shape: Shape,
    runs: Vec<Run>,
}

impl Sparse {
    /// No rows yet.
    #[must_use]
    pub fn new(shape: Shape, measures: usize, keys: bool) -> Self {
        let (shift, buckets) = shape.buckets(BUCKETS);
        let empty = Rows { amounts: vec![Vec::new(); measures], known: vec![Vec::new(); measures], ..Rows::default() };
        let bucket = Bucket { rows: vec![empty], runs: Vec::new() };
        Self { shape, total: 0, measures, keys, shift, buckets: vec![bucket; buckets], totals: vec![0; measures] }
    }

    /// The sizes of its axes.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let bytes: usize = self.buckets.iter().map(Bucket::bytes).sum();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Counts the rows of a block.
    ///
    /// # Errors
    /// If the block does not fit the table, or the table cannot hold what it adds up to. The table is of no use then.
    pub fn add(&mut self, block: &Block<'_>) -> Result<(), CrosstabError> {
        block.check(&self.shape, self.measures, self.keys)?;
        self.total = with_rows(self.total, block)?;
        let mut positions = [0_u64; ROWS_AT_ONCE];
        for start in (0..block.rows).step_by(ROWS_AT_ONCE) {
            let part = block.slice(start, start + ROWS_AT_ONCE);
            let positions = positions.get_mut(..part.rows).unwrap_or_default();
            part.positions(&self.shape, positions)?;
            self.divide(positions, &part);
            for (total, of) in self.totals.iter_mut().zip(&part.measures) {
                *total = total.saturating_add(of.magnitude());
            }
        }
        self.is_held()
    }

    fn divide(&mut self, positions: &[u64], part: &Block<'_>) {
        let simple = self.measures == 0 && !self.keys;
        for (row, position) in positions.iter().enumerate() {
            let Some(bucket) = usize::try_from(position >> self.shift).ok().and_then(|at| self.buckets.get_mut(at))
            else {
                continue;
            };
            let Some(rows) = bucket.rows.last_mut() else { continue };
            rows.cells.push(*position);
            if !simple {
                for (measure, of) in part.measures.iter().enumerate() {
                    rows.push(measure, of, row);
                }
                rows.keys.extend(part.keys.and_then(|keys| keys.get(row)));
            }
            if rows.cells.len() >= ROWS_KEPT {
                bucket.add_up();
            }
        }
    }

    /// Adds another part of the same table.
    ///
    /// # Errors
    /// If it is not one, or together they are more than can be held.
    pub fn merge(mut self, other: Self) -> Result<Self, CrosstabError> {
        if self.shape != other.shape || self.measures != other.measures || self.keys != other.keys {
            return Err(CrosstabError::Mismatch { problem: "it is a part of another table" });
        }
        self.total = self.total.checked_add(other.total).ok_or(CrosstabError::TooManyRows)?;
        for (total, more) in self.totals.iter_mut().zip(other.totals) {
            *total = total.saturating_add(more);
        }
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            bucket.rows.extend(more.rows);
            bucket.runs.extend(more.runs);
        }
        self.is_held()?;
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
        let mut grown = Self::new(shape, self.measures, self.keys);
        (grown.total, grown.totals) = (self.total, self.totals);
        let mut codes = Vec::new();
        for Bucket { rows, runs } in self.buckets {
            // The order of cells is that of their codes, whatever the sizes: what was sorted stays so.
            let added_up = rows.into_iter().map(Run::of).chain(runs);
            for mut run in added_up {
                run.renumber(|cell| {
                    self.shape.codes(cell, &mut codes);
                    grown.shape.cell(&codes).unwrap_or_default()
                });
                grown.take(&run);
            }
        }
        Ok(grown)
    }

    fn take(&mut self, run: &Run) {
        for (at, part) in run.divided(|cell| cell >> self.shift) {
            if let Some(bucket) = usize::try_from(at).ok().and_then(|at| self.buckets.get_mut(at)) {
                bucket.runs.push(part);
            }
        }
    }

    fn is_held(&self) -> Result<(), CrosstabError> {
        are_held(self.totals.iter().copied())
    }

    /// All cells in order, sorted on so many threads.
    ///
    /// # Errors
    /// [`CrosstabError::Stopped`] soon after `stop` says so.
    pub fn finish(self, threads: usize, stop: &(dyn Fn() -> bool + Sync)) -> Result<SparseTable, CrosstabError> {
        let runs = in_parallel(self.buckets, threads, stop, Bucket::finish)?;
        Ok(SparseTable { shape: self.shape, runs: runs.into_iter().filter(|run| !run.cells().is_empty()).collect() })
    }

    /// How many different codes of the last axis the rows of each combination of all other axes have: distinct contributors, where these
    /// are the last axis. Needs no more memory than the rows and the answer, a number for each combination.
    ///
    /// # Errors
    /// If the combinations of the other axes are more than `limit`; [`CrosstabError::Stopped`] soon after `stop` says so.
    pub fn distinct(
        self,
        threads: usize,
        limit: u64,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<u32>, CrosstabError> {
        let (last, others) = self.shape.sizes().split_last().map_or((1, &[][..]), |(last, others)| (*last, others));
        let cells = Shape::new(others.to_vec(), limit)?.cells();
        let too_many = CrosstabError::TooManyCells { cells, limit };
        let mut distinct = vec![0_u32; usize::try_from(cells).map_err(|_| too_many)?];
        let parts = in_parallel(self.buckets, threads, stop, |bucket| bucket.distinct(u64::from(last)))?;
        // A combination may reach into two buckets, but not with the same code.
        for (first, counts) in parts {
            let Some(slots) = usize::try_from(first).ok().and_then(|first| distinct.get_mut(first..)) else { continue };
            for (slot, count) in slots.iter_mut().zip(counts) {
                *slot = slot.wrapping_add(count);
            }
        }
        Ok(distinct)
    }
}

impl From<Dense> for Sparse {
    /// The same rows; empty cells are let go.
    fn from(table: Dense) -> Self {
        let measures = table.sums().len();
        let (shape, total, run, totals, keyed) = table.into_run();
        let mut sparse = Self::new(shape, measures, keyed);
        (sparse.total, sparse.totals) = (total, totals);
        sparse.take(&run);
        sparse
    }
}

impl Rows {
    fn push(&mut self, measure: usize, of: &Amounts<'_>, row: usize) {
        let known = of.known.is_none_or(|known| known.get(row).copied().unwrap_or(false));
        let before = self.cells.len() - 1;
        if let Some(all) = self.known.get_mut(measure)
            && (!known || !all.is_empty())
        {
            all.resize(before, true);
            all.push(known);
        }
        if let Some(amounts) = self.amounts.get_mut(measure) {
            amounts.push(of.amounts.get(row).copied().unwrap_or_default());
        }
    }
}

impl Bucket {
    fn bytes(&self) -> usize {
        self.rows.iter().map(Rows::bytes).sum::<usize>() + self.runs.iter().map(Run::bytes).sum::<usize>()
    }

    /// Adds up the rows of each cell, if that is worth it: if there are at least as many as there are cells.
    fn add_up(&mut self) {
        let rows: usize = self.rows.iter().map(|rows| rows.cells.len()).sum();
        let cells: usize = self.runs.iter().map(|run| run.cells().len()).sum();
        if rows < 2 * cells {
            return;
        }
        let measures = self.rows.first().map_or(0, |rows| rows.amounts.len());
        let run = self.take();
        self.runs.push(run);
        let (amounts, known) = (vec![Vec::new(); measures], vec![Vec::new(); measures]);
        self.rows.push(Rows { amounts, known, ..Rows::default() });
    }

    fn take(&mut self) -> Run {
        let rows = std::mem::take(&mut self.rows).into_iter().map(Run::of);
        let mut runs: Vec<Run> = rows.chain(std::mem::take(&mut self.runs)).collect();
        // In pairs, so that each cell is copied a logarithmic number of times.
        while runs.len() > 1 {
            let mut pairs = runs.into_iter();
            runs = Vec::new();
            while let Some(one) = pairs.next() {
                runs.push(match pairs.next() {
                    Some(other) => one.merge(other),
                    None => one,
                });
            }
        }
        runs.pop().unwrap_or_default()
    }

    fn finish(mut self) -> Run {
        self.take()
    }

    /// The first combination that it has rows of, and for it and those that follow, how many different last digits they have.
    fn distinct(mut self, last: u64) -> (u64, Vec<u32>) {
        let mut all: Vec<u64> = self.runs.iter().flat_map(|run| run.cells()).copied().collect();
        for rows in &mut self.rows {
            if all.is_empty() {
                all = std::mem::take(&mut rows.cells);
            } else {
                all.append(&mut rows.cells);
            }
        }
        all.sort_unstable();
        let first = all.first().copied().unwrap_or_default() / last.max(1);
        let mut counts = Vec::new();
        // Divided only where a combination ends: a division takes longer than all else here.
        let (mut end, mut before) = (0, None);
        for cell in all {
            if before == Some(cell) {
                continue;
            }
            before = Some(cell);
            if cell >= end {
                let combination = cell / last.max(1);
                end = (combination + 1).saturating_mul(last);
                counts.resize(usize::try_from(combination - first + 1).unwrap_or_default(), 0);
            }
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
        }
        (first, counts)
    }
}

impl From<Dense> for SparseTable {
    /// The cells of a dense table that some row is in.
    fn from(table: Dense) -> Self {
        let (shape, _, run, ..) = table.into_run();
        let runs = if run.cells().is_empty() { Vec::new() } else { vec![run] };
        Self { shape, runs }
    }
}

impl SparseTable {
    /// The sizes of its axes.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.runs.iter().map(Run::bytes).sum()
    }

    /// Its cells, in runs: all of one before all of the next.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }
}
