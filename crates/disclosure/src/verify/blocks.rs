//! The blocks of an entry: whatever one is about, no other is. A table counts atoms of its block alone and a figure is a column of one
//! table, so that a world of a block together with the truth of the others is a world of the group; and what figures of several
//! blocks tell together is the sum of what those of each tell, as no record is counted in two.

use std::collections::BTreeMap;
use std::ops::Range;

use super::VerifyError;
use crate::ids::CellId;
use crate::ledger::Entry;

/// The atoms and tables of a block, by their numbers in the entry.
pub(super) struct Block {
    pub(super) atoms: Range<usize>,
    pub(super) tables: Range<usize>,
}

/// Every block.
///
/// # Errors
/// If an atom or a table is of none, or if what is compared is not of one block: what came to a place and what was there, and the
/// figures of a cell.
pub(super) fn blocks(entry: &Entry) -> Result<Vec<Block>, VerifyError> {
    let bad = |table, what| VerifyError::Inconsistent { table, what };
    let (mut blocks, mut atoms, mut tables) = (Vec::with_capacity(entry.blocks.len()), 0, 0);
    for block in &entry.blocks {
        let (from, first) = (atoms, tables);
        atoms += block.atoms as usize;
        tables += block.tables as usize;
        blocks.push(Block { atoms: from..atoms, tables: first..tables });
    }
    if (atoms, tables) != (entry.truth.len(), entry.tables.len()) {
        return Err(bad(0, "atoms or tables are of no block"));
    }
    if entry.origins.len() != entry.truth.len() {
        return Err(bad(0, "it does not say of which place each atom is"));
    }
    for block in &blocks {
        let origins = entry.origins.get(block.atoms.clone()).unwrap_or_default();
        if !origins.iter().all(|origin| block.atoms.contains(&(*origin as usize))) {
            return Err(bad(block.tables.start, "an atom is of a place in another block"));
        }
    }
    let mut of_table = vec![0; entry.tables.len()];
    for (number, block) in blocks.iter().enumerate() {
        of_table.get_mut(block.tables.clone()).into_iter().for_each(|tables| tables.fill(number));
    }
    let mut known: BTreeMap<&CellId, usize> = BTreeMap::new();
    for figure in entry.figures().filter(|figure| figure.is_available()) {
        // One without a column counts nothing.
        let Some(block) = figure.place.and_then(|(table, _)| of_table.get(table as usize)) else { continue };
        if known.insert(&figure.id, *block).is_some_and(|other| other != *block) {
            let what = "its figures are of several blocks";
            return Err(VerifyError::Rule { cell: Box::new(figure.id.clone()), what });
        }
    }
    Ok(blocks)
}
