//! Why a table cannot be made.

/// What stops a cross-tabulation. No message names a value of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrosstabError {
    /// The axes have more combinations than allowed.
    #[error("the table would have {cells} cells, over the limit of {limit}")]
    TooManyCells {
        /// Combinations of codes; the greatest number stands for all that are greater.
        cells: u64,
        /// How many may be.
        limit: u64,
    },
    /// Numbers of rows are kept in 32 bits.
    #[error("a table can count at most 4,294,967,295 rows")]
    TooManyRows,
    /// The sum of all absolute amounts of a measure is 2^63 or more, so that a cell might not hold its sum.
    #[error("the amounts of measure {measure} add up to more than can be held")]
    TooMuch {
        /// Number of the measure.
        measure: usize,
    },
    /// A code is not below the size of its axis: it would be counted in another cell.
    #[error("a code of axis {axis} is outside its {size} values")]
    OutsideAxis {
        /// Number of the axis.
        axis: usize,
        /// How many values it has.
        size: u32,
    },
    /// Columns of one block differ in length, or blocks in their columns.
    #[error("a block of rows does not fit the table: {problem}")]
    Mismatch {
        /// What differs.
        problem: &'static str,
    },
    /// It was told to stop.
    #[error("the cross-tabulation was stopped")]
    Stopped,
}
