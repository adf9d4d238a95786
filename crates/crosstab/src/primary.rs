//! Which cells are below a threshold.

/// One bit a cell: whether its count is below a threshold, zero apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Small {
    words: Vec<u64>,
    cells: usize,
}

/// The cells that are primary by the threshold rule alone: 0 < n < k.
#[must_use]
pub fn small_cells(counts: &[u32], k: u32) -> Small {
    let below = |count: &u32| count.wrapping_sub(1) < k.saturating_sub(1);
    let words = counts
        .chunks(64)
        .map(|chunk| chunk.iter().rev().fold(0_u64, |word, count| word << 1 | u64::from(below(count))))
        .collect();
    Small { words, cells: counts.len() }
}

impl Small {
    /// Whether a cell is small; none beyond the end is.
    #[must_use]
    pub fn contains(&self, cell: usize) -> bool {
        cell < self.cells && self.words.get(cell / 64).is_some_and(|word| word >> (cell % 64) & 1 == 1)
    }

    /// How many cells are small.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}
