//! Tables that have every cell in memory.

use crate::block::{Amounts, Block, are_held, with_rows};
use crate::error::CrosstabError;
use crate::run::Run;
use crate::shape::Shape;

/// Rows whose positions are computed before they are counted: they fit in the first-level cache.
const ROWS_AT_ONCE: usize = 2048;

/// The sums of one measure by cell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sums {
    /// The sum of the known amounts.
    pub amounts: Vec<i64>,
    /// Rows whose amount is not known; empty as long as all are.
    pub unknown: Vec<u32>,
    /// The sum of all absolute amounts: while it is below 2^63, no cell's sum is beyond it, in whatever order it came about.
    total: u64,
}

impl Sums {
    fn add(&mut self, positions: &[u32], of: &Amounts<'_>) {
        self.total = self.total.saturating_add(of.magnitude());
        let Some(known) = of.known.filter(|known| known.contains(&false)) else {
            for (position, amount) in positions.iter().zip(of.amounts) {
                add_at(&mut self.amounts, *position, *amount);
            }
            return;
        };
        if self.unknown.is_empty() {
            self.unknown = vec![0; self.amounts.len()];
        }
        for ((position, amount), known) in positions.iter().zip(of.amounts).zip(known) {
            if *known {
                add_at(&mut self.amounts, *position, *amount);
            } else if let Some(unknown) = self.unknown.get_mut(*position as usize) {
                *unknown = unknown.wrapping_add(1);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        for (sum, more) in self.amounts.iter_mut().zip(other.amounts) {
            *sum = sum.wrapping_add(more);
        }
        if self.unknown.is_empty() {
            self.unknown = other.unknown;
        } else {
            add_all(&mut self.unknown, &other.unknown);
        }
    }
}

fn add_at(sums: &mut [i64], position: u32, amount: i64) {
    if let Some(sum) = sums.get_mut(position as usize) {
        // Checked for all cells together by `Sums::total`.
        *sum = sum.wrapping_add(amount);
    }
}

fn add_all(counts: &mut [u32], more: &[u32]) {
    for (count, more) in counts.iter_mut().zip(more) {
        // Checked for all cells together by the number of rows.
        *count = count.wrapping_add(*more);
    }
}

/// The number of cells of a table that has them all, whose positions are kept in 32 bits.
fn cells_of(shape: &Shape) -> Result<usize, CrosstabError> {
    let limit = u64::from(u32::MAX);
    let too_many = CrosstabError::TooManyCells { cells: shape.cells(), limit };
    usize::try_from(shape.cells()).ok().filter(|_| shape.cells() < limit).ok_or(too_many)
}

fn moved<T: Copy>(old: &[T], new: &mut [T], move_to: &[(usize, usize)]) {
    for (from, to) in move_to {
        if let (Some(value), Some(slot)) = (old.get(*from), new.get_mut(*to)) {
            *slot = *value;
        }
    }
}

/// A table with all its cells, as many as its [`Shape`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dense {
    shape: Shape,
    total: u32,
    rows: Vec<u32>,
    sums: Vec<Sums>,
    keys: Option<Vec<u64>>,
}

impl Dense {
    /// No rows yet.
    ///
    /// # Errors
    /// If the shape has 2^32 cells or more: their positions are kept in 32 bits.
    pub fn new(shape: Shape, measures: usize, keys: bool) -> Result<Self, CrosstabError> {
        let cells = cells_of(&shape)?;
        let sums = (0..measures).map(|_| Sums { amounts: vec![0; cells], ..Sums::default() }).collect();
        Ok(Self { shape, total: 0, rows: vec![0; cells], sums, keys: keys.then(|| vec![0; cells]) })
    }

    /// Bytes that a table needs at most while it is filled by one thread.
    #[must_use]
    pub fn bytes_of(shape: &Shape, measures: usize, keys: bool) -> u64 {
        let measures = u64::try_from(measures).unwrap_or(u64::MAX);
        // Rows; a sum and unknown rows for each measure; keys.
        let cell = measures.saturating_mul(12).saturating_add(if keys { 12 } else { 4 });
        shape.cells().saturating_mul(cell)
    }

    /// Counts the rows of a block.
    ///
    /// # Errors
    /// If the block does not fit the table, or the table cannot hold what it adds up to. The table is of no use then.
    pub fn add(&mut self, block: &Block<'_>) -> Result<(), CrosstabError> {
        block.check(&self.shape, self.sums.len(), self.keys.is_some())?;
        self.total = with_rows(self.total, block)?;
        let mut positions = [0_u32; ROWS_AT_ONCE];
        for start in (0..block.rows).step_by(ROWS_AT_ONCE) {
            let part = block.slice(start, start + ROWS_AT_ONCE);
            let positions = positions.get_mut(..part.rows).unwrap_or_default();
            part.positions(&self.shape, positions)?;
            self.count(positions);
            for (sums, of) in self.sums.iter_mut().zip(&part.measures) {
                sums.add(positions, of);
            }
            if let (Some(sums), Some(keys)) = (&mut self.keys, part.keys) {
                for (position, key) in positions.iter().zip(keys) {
                    if let Some(sum) = sums.get_mut(*position as usize) {
                        *sum = sum.wrapping_add(*key);
                    }
                }
            }
        }
        self.is_held()
    }

    fn count(&mut self, positions: &[u32]) {
        for position in positions {
            if let Some(count) = self.rows.get_mut(*position as usize) {
                *count = count.wrapping_add(1);
            }
        }
    }

    /// Adds another part of the same table.
    ///
    /// # Errors
    /// If it is not one, or together they are more than can be held.
    pub fn merge(mut self, other: Self) -> Result<Self, CrosstabError> {
        if self.shape != other.shape
            || self.sums.len() != other.sums.len()
            || self.keys.is_some() != other.keys.is_some()
        {
            return Err(CrosstabError::Mismatch { problem: "it is a part of another table" });
        }
        self.total = self.total.checked_add(other.total).ok_or(CrosstabError::TooManyRows)?;
        add_all(&mut self.rows, &other.rows);
        for (sums, more) in self.sums.iter_mut().zip(other.sums) {
            sums.merge(more);
        }
        for (sum, more) in self.keys.iter_mut().flatten().zip(other.keys.iter().flatten()) {
            *sum = sum.wrapping_add(*more);
        }
        self.is_held()?;
        Ok(self)
    }

    /// The same rows in a table with longer axes.
    ///
    /// # Errors
    /// If it is another table, or has 2^32 cells or more.
    pub fn reshaped(self, shape: Shape) -> Result<Self, CrosstabError> {
        if shape == self.shape {
            return Ok(self);
        }
        self.shape.grows_to(&shape)?;
        if self.shape.sizes().get(1..) == shape.sizes().get(1..) {
            // Only the first axis is longer: what is there keeps its place.
            let cells = cells_of(&shape)?;
            return Ok(self.extended(shape, cells));
        }
        let mut grown = Self::new(shape, self.sums.len(), self.keys.is_some())?;
        grown.total = self.total;
        let mut codes = Vec::new();
        let occupied = (0_u64..).zip(0_usize..).zip(&self.rows).filter(|(_, rows)| **rows > 0);
        let move_to: Vec<(usize, usize)> = occupied
            .filter_map(|((cell, at), _)| {
                self.shape.codes(cell, &mut codes);
                Some((at, usize::try_from(grown.shape.cell(&codes)?).ok()?))
            })
            .collect();
        moved(&self.rows, &mut grown.rows, &move_to);
        if let (Some(old), Some(new)) = (&self.keys, &mut grown.keys) {
            moved(old, new, &move_to);
        }
        for (old, new) in self.sums.iter().zip(&mut grown.sums) {
            new.total = old.total;
            moved(&old.amounts, &mut new.amounts, &move_to);
            if !old.unknown.is_empty() {
                new.unknown = vec![0; new.amounts.len()];
                moved(&old.unknown, &mut new.unknown, &move_to);
            }
        }
        Ok(grown)
    }

    fn extended(mut self, shape: Shape, cells: usize) -> Self {
        self.shape = shape;
        self.rows.resize(cells, 0);
        if let Some(keys) = &mut self.keys {
            keys.resize(cells, 0);
        }
        for sums in &mut self.sums {
            sums.amounts.resize(cells, 0);
            if !sums.unknown.is_empty() {
                sums.unknown.resize(cells, 0);
            }
        }
        self
    }

    fn is_held(&self) -> Result<(), CrosstabError> {
        are_held(self.sums.iter().map(|sums| sums.total))
    }

    /// Whether record keys are added up.
    #[must_use]
    pub const fn is_keyed(&self) -> bool {
        self.keys.is_some()
    }

    /// Its parts, for a table that keeps only cells with rows: shape, rows in all, the cells, and by measure the sum of absolute amounts.
    pub(crate) fn into_run(self) -> (Shape, u32, Run, Vec<u64>, bool) {
        let keyed = self.keys.is_some();
        let totals = self.sums.iter().map(|sums| sums.total).collect();
        let sums = self.sums.into_iter().map(|sums| (sums.amounts, sums.unknown)).collect();
        let run = Run::of_cells(&self.rows, sums, self.keys.as_deref());
        (self.shape, self.total, run, totals, keyed)
    }

    /// The sizes of its axes.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How many rows each cell has.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The sums of each measure.
    #[must_use]
    pub fn sums(&self) -> &[Sums] {
        &self.sums
    }

    /// The sum of the record keys of each cell modulo 2^64; empty where none were asked for.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        self.keys.as_deref().unwrap_or_default()
    }
}
