//! Checks a ledger entry from the entry alone: who is behind every cell, every rule, what released cells differ by, that
//! tables may be proved apart, every world exactly, every witness. It shares no code with the search that found them.

mod base;
mod blocks;
mod chain;
mod differences;
mod overlaps;
mod relations;
mod rules;
mod split;
mod worlds;

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::CellId;
use crate::ledger::{Entry, EntryCell, OLDEST_VERSION, Outcome};

use base::Base;
pub(crate) use chain::Decided;
pub(crate) use relations::Figures;

/// What does not hold. Cells are named, counts are not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The entry contradicts itself.
    #[error("table {table} of the entry is inconsistent: {what}")]
    Inconsistent {
        /// Number of the table.
        table: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A table that cannot be proved apart from the others.
    #[error("table {table} cannot be proved apart from the others: {what}")]
    Split {
        /// Number of the table.
        table: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A world that everybody can exclude.
    #[error("world {world} of table {table} contradicts what is public: {what}")]
    ImpossibleWorld {
        /// Number of the table.
        table: usize,
        /// Number of the world.
        world: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A withheld cell without a proof.
    #[error("column {column} of table {table} is protected without a witness: {what}")]
    NoWitness {
        /// Number of the table.
        table: usize,
        /// Number of the column.
        column: usize,
        /// What no world shows.
        what: &'static str,
    },
    /// A cell whose outcome breaks the rules.
    #[error("cell `{cell}` breaks the rules: {what}")]
    Rule {
        /// The cell.
        cell: Box<CellId>,
        /// What is wrong.
        what: &'static str,
    },
    /// Released cells that together give away a small number.
    #[error("cell `{cell}` and other released cells that overlap with it give away too few together")]
    Together {
        /// One of the cells.
        cell: Box<CellId>,
    },
    /// Released cells that give away a small number by subtraction.
    #[error("cell `{cell}` less released parts of it gives away too few")]
    Difference {
        /// The cell.
        cell: Box<CellId>,
    },
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checked {
    /// Withheld columns whose proved interval stays below k: only where public bounds alone force that.
    pub(crate) provably_small: usize,
    /// Worlds checked.
    pub(crate) worlds: usize,
}

/// No figure is shown of a cell that was withheld before, or that differs by fewer than k from what was shown of it before. Zeros are,
/// where they always are.
pub(crate) fn corrections(entry: &Entry) -> Result<(), VerifyError> {
    let mut before: BTreeMap<&CellId, Vec<&EntryCell>> = BTreeMap::new();
    for figure in &entry.superseded {
        before.entry(&figure.id).or_default().push(figure);
    }
    // Figures of the same records are one, whatever they are called.
    let zeros = entry.cells.iter().filter(|cell| cell.count == 0 && rules::never_withheld_at_zero(entry, cell));
    let always: BTreeSet<Option<(u32, u32)>> = zeros.map(|cell| cell.place).collect();
    let known: BTreeSet<Option<(u32, u32)>> =
        entry.cells.iter().filter(|cell| cell.earlier).map(|cell| cell.place).collect();
    let is_new = |cell: &&EntryCell| cell.outcome == Outcome::Released && !known.contains(&cell.place);
    let shown = entry.cells.iter().filter(is_new);
    for cell in shown {
        for figure in before.get(&cell.id).into_iter().flatten() {
            let what = match figure.outcome {
                Outcome::Released if (1..entry.policy.k).contains(&figure.count.abs_diff(cell.count)) => {
                    "it is shown and differs by few from what was shown of it before"
                }
                // Older plans showed it at a distance.
                Outcome::Withheld
                    if !always.contains(&cell.place)
                        && (entry.version > OLDEST_VERSION || figure.count.abs_diff(cell.count) < entry.policy.k) =>
                {
                    "it is shown and was withheld before"
                }
                _ => continue,
            };
            return Err(VerifyError::Rule { cell: Box::new(cell.id.clone()), what });
        }
    }
    Ok(())
}

/// Checks everything.
///
/// # Errors
/// The first thing that does not hold.
pub(crate) fn verify(entry: &Entry) -> Result<Checked, VerifyError> {
    blocks::blocks(entry)?;
    let partners = base::partners(entry);
    let apart = |_| VerifyError::Inconsistent { table: 0, what: "it cannot be taken apart" };
    let (blocks, loose) = crate::blocks::apart(entry.clone()).map_err(apart)?;
    let mut checked = Checked::default();
    // One by one, as they were when they were decided: cells of others are not among those that give something away.
    for block in blocks.iter().chain([&loose]) {
        let of_block = verify_among(block, &partners)?;
        checked.provably_small += of_block.provably_small;
        checked.worlds += of_block.worlds;
    }
    Ok(checked)
}

/// Checks an entry of some blocks of a group, records of which came by way of these partners.
///
/// # Errors
/// The first thing that does not hold.
pub(crate) fn verify_among(entry: &Entry, partners: &BTreeSet<u16>) -> Result<Checked, VerifyError> {
    let base = Base::new(entry, partners)?;
    corrections(entry)?;
    for (cell, set) in entry.figures().zip(&base.cells) {
        let fail = |what| VerifyError::Rule { cell: Box::new(cell.id.clone()), what };
        if cell.outcome == Outcome::NotAvailable {
            continue;
        }
        if base.value(set) != cell.count {
            return Err(fail("its count is not the sum of its atoms"));
        }
        rules::check(entry, &base, cell, set).map_err(fail)?;
    }
    if entry.policy.nested_differences {
        differences::check(entry, &base)?;
        overlaps::check(entry, &base)?;
    }
    let mut checked = Checked::default();
    for (number, divisions) in split::divisions(entry, &base)?.iter().enumerate() {
        worlds::check(entry, &base, number, divisions, &mut checked)?;
    }
    Ok(checked)
}
