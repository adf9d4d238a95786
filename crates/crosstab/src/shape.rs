//! How many values each axis has, and which cell a combination of codes is.

use crate::error::CrosstabError;

/// The sizes of a table's axes. Cells are numbered in row-major order: the last axis changes fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    sizes: Vec<u32>,
    cells: u64,
}

impl Shape {
    /// A table with axes of these sizes. Without any axis it has one cell; with an empty one, none.
    ///
    /// # Errors
    /// If it has more cells than `limit`.
    pub fn new(sizes: Vec<u32>, limit: u64) -> Result<Self, CrosstabError> {
        // An empty axis first: nothing times anything is nothing.
        let cells = if sizes.contains(&0) {
            0
        } else {
            sizes.iter().fold(1, |cells: u64, size| cells.saturating_mul(u64::from(*size)))
        };
        if cells > limit || cells == u64::MAX {
            return Err(CrosstabError::TooManyCells { cells, limit });
        }
        Ok(Self { sizes, cells })
    }

    /// The sizes of the axes, in order.
    #[must_use]
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// How many axes come before those that change fastest and together have less than 2^16 combinations.
    pub(crate) fn outer(&self) -> usize {
        let mut product = 1_u64;
        let inner = self.sizes.iter().rev().take_while(|size| {
            product = product.saturating_mul(u64::from(**size));
            product < 1 << 16
        });
        self.sizes.len() - inner.count()
    }

    /// How many cells it has.
    #[must_use]
    pub const fn cells(&self) -> u64 {
        self.cells
    }

    /// By how many bits a cell is shifted to find its bucket, and how many buckets there are: at most twice `about`, a power of two.
    pub(crate) fn buckets(&self, about: u64) -> (u32, usize) {
        let bits = u64::BITS - self.cells.leading_zeros();
        let shift = bits.saturating_sub(about.ilog2());
        (shift, usize::try_from((self.cells >> shift) + 1).unwrap_or_default())
    }

    /// The cell with these codes; `None` if they are not as many as there are axes, or one is outside its axis.
    #[must_use]
    pub fn cell(&self, codes: &[u32]) -> Option<u64> {
        if codes.len() != self.sizes.len() || codes.iter().zip(&self.sizes).any(|(code, size)| code >= size) {
            return None;
        }
        let digits = codes.iter().zip(&self.sizes);
        Some(digits.fold(0, |cell, (code, size)| cell * u64::from(*size) + u64::from(*code)))
    }

    /// Whether the other is the same table with longer axes.
    pub(crate) fn grows_to(&self, longer: &Self) -> Result<(), CrosstabError> {
        let grows =
            longer.sizes.len() == self.sizes.len() && longer.sizes.iter().zip(&self.sizes).all(|(new, old)| new >= old);
        if grows { Ok(()) } else { Err(CrosstabError::Mismatch { problem: "an axis cannot become shorter" }) }
    }

    /// The codes of a cell, in the order of the axes, in `codes`.
    pub fn codes(&self, cell: u64, codes: &mut Vec<u32>) {
        codes.clear();
        codes.resize(self.sizes.len(), 0);
        let mut rest = cell;
        for (code, size) in codes.iter_mut().zip(&self.sizes).rev() {
            let size = u64::from((*size).max(1));
            *code = u32::try_from(rest % size).unwrap_or(u32::MAX);
            rest /= size;
        }
    }

    /// The codes of many cells, a column for each axis.
    #[must_use]
    pub fn columns(&self, cells: &[u64]) -> Vec<Vec<u32>> {
        let mut columns: Vec<Vec<u32>> = self.sizes.iter().map(|_| Vec::with_capacity(cells.len())).collect();
        let (mut digits, mut before) = (vec![0_u32; self.sizes.len()], 0);
        for cell in cells {
            // Cells mostly come in order and close together, so that counting on replaces most divisions.
            match cell.checked_sub(before) {
                Some(further) => self.count_on(&mut digits, further),
                None => self.codes(*cell, &mut digits),
            }
            before = *cell;
            for (column, digit) in columns.iter_mut().zip(&digits) {
                column.push(*digit);
            }
        }
        columns
    }

    fn count_on(&self, digits: &mut [u32], further: u64) {
        let mut carry = further;
        for (digit, size) in digits.iter_mut().zip(&self.sizes).rev() {
            if carry == 0 {
                return;
            }
            let (sum, size) = (u64::from(*digit) + carry, u64::from((*size).max(1)));
            carry = if sum < size { 0 } else { sum / size };
            *digit = u32::try_from(sum - carry * size).unwrap_or(u32::MAX);
        }
    }
}
