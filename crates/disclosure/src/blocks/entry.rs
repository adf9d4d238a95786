//! Entries of one block each, and the entry of a group that they make together.

use std::collections::HashMap;

use crate::ids::CellId;
use crate::ledger::{Entry, EntryBlock, EntryCell, LedgerError};

/// The blocks of an entry, each as an entry with atoms and tables of its own, and what is in none of them.
pub(crate) fn apart(mut entry: Entry) -> Result<(Vec<Entry>, Entry), LedgerError> {
    let extents = std::mem::take(&mut entry.blocks);
    let ends = Ends::new(&extents)?;
    let mut blocks: Vec<Entry> = extents.iter().map(|block| header(&entry, vec![*block])).collect();
    let mut loose = header(&entry, Vec::new());
    let mut of_cell: HashMap<CellId, usize> = HashMap::new();
    for cell in entry.cells.iter().chain(&entry.superseded) {
        if let Some((table, _)) = cell.place {
            of_cell.insert(cell.id.clone(), ends.of_table(table)?.0);
        }
    }
    let mut is_shown = std::iter::repeat_n(true, entry.cells.len()).chain(std::iter::repeat(false));
    for mut cell in entry.cells.into_iter().chain(entry.superseded) {
        let known = if cell.is_available() { of_cell.get(&cell.id) } else { None };
        let block = known.and_then(|block| blocks.get_mut(*block)).unwrap_or(&mut loose);
        if let Some((table, _)) = &mut cell.place {
            *table = ends.of_table(*table)?.1;
        }
        if is_shown.next() == Some(true) { block.cells.push(cell) } else { block.superseded.push(cell) }
    }
    for ((count, origin), atom) in entry.truth.into_iter().zip(entry.origins).zip(0_u32..) {
        let (number, _) = ends.of_atom(atom)?;
        let (of_origin, origin) = ends.of_atom(origin)?;
        let block = blocks.get_mut(number).filter(|_| of_origin == number).ok_or(LedgerError::Unreadable)?;
        block.truth.push(count);
        block.origins.push(origin);
    }
    for (atom, contributor, partner, amount) in entry.contributions {
        let (number, atom) = ends.of_atom(atom)?;
        let block = blocks.get_mut(number).ok_or(LedgerError::Unreadable)?;
        block.contributions.push((atom, contributor, partner, amount));
    }
    for (table, number) in entry.tables.into_iter().zip(0_u32..) {
        let block = blocks.get_mut(ends.of_table(number)?.0).ok_or(LedgerError::Unreadable)?;
        block.tables.push(table);
    }
    let whole = |(block, extent): (&Entry, &EntryBlock)| {
        block.truth.len() == extent.atoms as usize && block.tables.len() == extent.tables as usize
    };
    if blocks.iter().zip(&extents).all(whole) { Ok((blocks, loose)) } else { Err(LedgerError::Unreadable) }
}

/// Entries of blocks, in the order of their first cells, as one.
pub(crate) fn joined(mut whole: Entry, blocks: impl Iterator<Item = Entry>) -> Entry {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    for block in blocks {
        let (atoms, tables) = (number(whole.truth.len()), number(whole.tables.len()));
        let moved = |mut cell: EntryCell| {
            cell.place = cell.place.map(|(table, column)| (tables + table, column));
            cell
        };
        whole.blocks.push(EntryBlock { atoms: number(block.truth.len()), tables: number(block.tables.len()) });
        whole.cells.extend(block.cells.into_iter().map(moved));
        whole.superseded.extend(block.superseded.into_iter().map(moved));
        whole.truth.extend(block.truth);
        whole.origins.extend(block.origins.iter().map(|origin| atoms + origin));
        let contributions = block.contributions.into_iter();
        whole.contributions.extend(contributions.map(|(atom, who, by, amount)| (atoms + atom, who, by, amount)));
        whole.tables.extend(block.tables);
    }
    whole.cells.sort_by(|a, b| a.id.cmp(&b.id));
    whole
}

/// Whether two entries of a block say the same of it.
pub(crate) fn is_same(one: &Entry, other: &Entry) -> bool {
    (&one.truth, &one.origins, &one.contributions) == (&other.truth, &other.origins, &other.contributions)
        && (&one.cells, &one.superseded, &one.tables) == (&other.cells, &other.superseded, &other.tables)
}

/// An entry like another, of nothing yet.
fn header(like: &Entry, blocks: Vec<EntryBlock>) -> Entry {
    Entry {
        version: like.version,
        blocks,
        more_follows: like.more_follows,
        without_late: like.without_late,
        ..Entry::empty(like.group.clone(), like.revision, like.policy.clone())
    }
}

/// Where the atoms and tables of each block end.
struct Ends {
    atoms: Vec<u32>,
    tables: Vec<u32>,
}

impl Ends {
    fn new(blocks: &[EntryBlock]) -> Result<Self, LedgerError> {
        let mut ends = Self { atoms: Vec::new(), tables: Vec::new() };
        let (mut atoms, mut tables) = (0_u32, 0_u32);
        for block in blocks {
            atoms = atoms.checked_add(block.atoms).ok_or(LedgerError::Unreadable)?;
            tables = tables.checked_add(block.tables).ok_or(LedgerError::Unreadable)?;
            ends.atoms.push(atoms);
            ends.tables.push(tables);
        }
        Ok(ends)
    }

    fn of_atom(&self, atom: u32) -> Result<(usize, u32), LedgerError> {
        find(&self.atoms, atom)
    }

    fn of_table(&self, table: u32) -> Result<(usize, u32), LedgerError> {
        find(&self.tables, table)
    }
}

/// The block that something is of, and its number there.
fn find(ends: &[u32], number: u32) -> Result<(usize, u32), LedgerError> {
    let block = ends.partition_point(|end| *end <= number);
    let start = block.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    if block < ends.len() { Ok((block, number - start)) } else { Err(LedgerError::Unreadable) }
}
