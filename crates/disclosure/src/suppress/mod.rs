//! Method `suppress`: choose what else to withhold so that every withheld column has witness worlds.

mod cover;
mod gauss;
mod kernel;
mod linear;
mod program;
mod relax;
mod search;
mod worlds;

use crate::policy::StepBudget;
use crate::table::{Change, Table};

/// The outcome for one table.
#[derive(Debug, Default)]
pub(crate) struct Solution {
    /// Per column: withheld.
    pub(crate) withheld: Vec<bool>,
    /// Worlds as changes of the truth.
    pub(crate) worlds: Vec<Change>,
    /// Steps taken.
    pub(crate) steps: u64,
}

/// A column that stays unprovable whatever else of its table is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unprovable(pub(crate) u32);

/// Protects one table.
///
/// # Errors
/// If a column stays unprovable with everything withheld that may be.
pub(crate) fn solve(table: &Table, budget: &StepBudget) -> Result<Solution, Unprovable> {
    let mut cover = cover::Cover::new(table, *budget);
    cover.run()?;
    relax::release_again(&mut cover);
    Ok(cover.finish())
}
