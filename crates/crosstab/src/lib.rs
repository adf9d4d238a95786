//! Cross-tabulation of coded columns: a histogram in mixed radix.
//!
//! Rows come in [`Block`]s of equally long columns: axes, whose values are small whole numbers ([`Codes`]), and measures.
//! A table has one cell for each combination of codes, in row-major order of its axes ([`Shape`]).
//!
//! * [`Dense`] has every cell in memory: one addition a row. It is for tables of which most cells can be filled.
//! * [`Sparse`] has the cells that some row is in, in order. It is for axes with millions of values, such as contributors.
//! * [`Pairs`] has who is in which cell, by keys of 64 bits that look random and have no codes.
//!
//! Rows sorted by the first axis meet the same few cells again and again, which then stay in the processor's cache: that is
//! several times faster, though any order gives the same table. All numbers are whole, so a table does not depend on how
//! rows were divided among blocks and threads.
//!
//! **Architecture invariants:** pure, but for the threads that [`tabulate`] starts and ends; no Arrow, no query engine.

mod block;
mod codes;
mod dense;
mod error;
mod pairs;
mod parallel;
mod primary;
mod run;
mod shape;
mod sparse;
#[cfg(test)]
mod tests;
mod totals;

pub use block::{Amounts, Block};
pub use codes::Codes;
pub use dense::{Dense, Sums};
pub use error::CrosstabError;
pub use pairs::{PairRun, PairTable, Pairs};
pub use parallel::{Tally, tabulate};
pub use primary::{Small, small_cells};
pub use run::Run;
pub use shape::Shape;
pub use sparse::{Sparse, SparseTable};
pub use totals::add_totals;
