//! Counts of a table before noise is added to them.

use std::fmt;

/// Counts and keys that are not of the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a table of {cells} cells came with {keys} keys")]
pub struct CountsError {
    cells: usize,
    keys: usize,
}

/// The counts of a table's cells in row-major order, and what noise is looked up by. The engine makes it; nothing but the
/// cell-key method reads it.
///
/// It cannot be compared either: whoever could would guess counts until one is the same.
pub struct UnreleasedCounts {
    counts: Vec<u64>,
    /// As many as there are cells, where noise is to be added.
    #[expect(dead_code, reason = "for the cell-key method, by which nothing is published yet")]
    keys: Option<Vec<u64>>,
}

impl UnreleasedCounts {
    /// For each cell how many records it has and, for noise, the sum of their record keys modulo 2^64.
    ///
    /// # Errors
    /// [`CountsError`] if there are not as many keys as cells.
    pub fn new(counts: Vec<u64>, keys: Option<Vec<u64>>) -> Result<Self, CountsError> {
        match &keys {
            Some(keys) if keys.len() != counts.len() => Err(CountsError { cells: counts.len(), keys: keys.len() }),
            _ => Ok(Self { counts, keys }),
        }
    }

    /// How many cells it has.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.counts.len()
    }
}

impl fmt::Debug for UnreleasedCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnreleasedCounts({} cells, redacted)", self.cells())
    }
}
