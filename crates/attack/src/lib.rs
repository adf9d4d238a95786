//! The attacker: what anybody who holds the released tables can work out about the withheld cells.
//!
//! It is written separately from the protector and shares no code with it, so that a mistake in one is not repeated in
//! the other. It reads released tables only: a folder in the format of `docs/attack-input.md` ([`run`]) or a [`Problem`]
//! built in memory ([`attack`]).
//!
//! A *world* is a non-negative whole number for every atom (finest area, period and category) that agrees with every
//! released value, every public bound and, where a table never withholds zeros, with "a withheld cell is at least 1".
//! The attacks, in order:
//!
//! 1. peeling: sums of released parts, and interval propagation, in exact integers ([`Method::Interval`]);
//! 2. rank: is a withheld cell a linear combination of released ones, by elimination modulo two primes
//!    ([`Method::Rank`]);
//! 3. bounds: smallest and largest value over all real-valued worlds by linear programming ([`Method::Bounds`]), and
//!    over whole-number worlds where the real-valued ones leave it open ([`Method::Integer`]);
//! 4. group disclosure: all, or all but fewer than the threshold, of a group share an attribute.
//!
//! **Architecture invariant:** apart from [`run`] and [`read`], which read the folder, this crate does no IO; it reads
//! no clock and draws no randomness, and its report does not depend on the number of threads.

pub mod averaging;
mod bounds;
mod cell;
mod columns;
mod component;
pub mod derived;
mod differences;
mod dimension;
mod error;
mod files;
pub mod groups;
mod input;
pub mod inversion;
mod judge;
pub mod known_bad;
mod modular;
mod network;
mod own;
mod problem;
mod propagate;
mod range;
mod report;
mod revisions;
mod search;
mod strict;
mod transport;
mod universe;
mod util;

use std::path::Path;

pub use error::AttackError;
pub use files::InputLimits;
pub use input::read;
pub use problem::{
    Attacker, Bound, Cell, Comparison, Dimension, Known, Level, MOST_COUNT, Older, Problem, Table, Value,
};
pub use report::{
    Declared, Failure, Finding, Findings, GroupDisclosure, GroupReport, Method, Promise, Report, Sliver, Widths,
};
pub use revisions::{Feed, jointly, read_over_time};
pub use search::{Options, attack, attack_all, ranges};

/// Attacks the tables of a folder (`tables.json` and CSV files, see `docs/attack-input.md`).
///
/// # Errors
/// If the folder cannot be read, its description does not make sense, or its tables contradict each other.
pub fn run(dir: &Path) -> Result<Report, AttackError> {
    attack_all(&read(dir, &InputLimits::default())?, &Options::default())
}

#[cfg(test)]
mod tests;
