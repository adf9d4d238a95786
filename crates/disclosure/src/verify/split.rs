//! Checks that each table may be proved while the others stay as they are.
//!
//! Tables come in the order in which they were split off; the last is what was left. A table's atoms, with *outside* for what is in
//! none of them, and what all later tables see together are joined where they occur together. In a piece where every one
//! occurs with every other, any non-negative numbers with equal sums are the two sides of a non-negative matrix. So a world
//! of the table that keeps the sum of each piece goes together with the truth of the later tables, and a world of the later
//! ones that keeps it with the truth of the table.
//!
//! The pieces are told apart by the last table's atoms alone. Hence a world of any other table, which leaves the last one true, keeps
//! the sums of all earlier pieces, and goes together with the truth of one earlier table after the other; a world of the last table
//! must keep the pieces of every table. A reader's own records are taken out of both sides of the matrix first.
//!
//! What later tables tell apart only by when records were there may occur with every atom of the table that occurs with what was
//! first at the same places, provided that the table does not tell that itself.

use std::collections::{HashMap, HashSet};

use super::VerifyError;
use super::base::Base;
use crate::ledger::{Entry, EntryTable};

/// For each atom of a table the piece that it lies in; `None` where nothing need be kept.
pub(super) type Pieces = Vec<Option<u32>>;

/// For each table, the divisions into pieces whose sums its worlds must keep.
pub(super) fn divisions(entry: &Entry, base: &Base<'_>) -> Result<Vec<Vec<Pieces>>, VerifyError> {
    let mut divisions = Vec::with_capacity(entry.tables.len());
    for block in &base.blocks {
        let tables = entry.tables.get(block.tables.clone()).unwrap_or_default();
        let start = u32::try_from(block.atoms.start).unwrap_or(u32::MAX);
        let origins = entry.origins.get(block.atoms.clone()).unwrap_or_default();
        let origins: Vec<u32> = origins.iter().map(|origin| origin.saturating_sub(start)).collect();
        divisions.extend(of_block(tables, &origins, block.tables.start)?);
    }
    Ok(divisions)
}

/// The same for the tables of a block, the first of which has this number.
fn of_block(tables: &[EntryTable], origins: &[u32], first: usize) -> Result<Vec<Vec<Pieces>>, VerifyError> {
    let Some((last, earlier)) = tables.split_last() else { return Ok(Vec::new()) };
    let later = seen_from(tables);
    let (mut divisions, mut of_last) = (Vec::with_capacity(tables.len()), Vec::with_capacity(earlier.len()));
    for ((table, later), number) in earlier.iter().zip(&later).zip(first..) {
        let fail = |what| VerifyError::Split { table: number, what };
        let graph = Joined::new(table, later, origins);
        let roots = graph.complete().ok_or_else(|| fail("some combinations with the later tables do not exist"))?;
        of_last.push(graph.in_last(&roots, last, later).map_err(fail)?);
        divisions.push(vec![(0..graph.atoms).map(|atom| roots.get(atom).copied()).collect()]);
    }
    divisions.push(of_last);
    Ok(divisions)
}

/// For each table but the last and each atom of the block: a number for what all later tables see of it together.
fn seen_from(tables: &[EntryTable]) -> Vec<Vec<u32>> {
    let atoms = tables.iter().map(|table| table.places.len()).max().unwrap_or(0);
    let mut seen = vec![0_u32; atoms];
    let mut all = Vec::new();
    for table in tables.iter().rev() {
        all.push(seen.clone());
        let mut known: HashMap<(Option<u32>, u32), u32> = HashMap::new();
        for (atom, now) in seen.iter_mut().enumerate() {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            *now = *known.entry((table.places.get(atom).copied().flatten(), *now)).or_insert(next);
        }
    }
    all.reverse();
    all
}

/// A table's atoms, *outside* and what later tables see, as nodes in this order; the pairs that occur.
struct Joined {
    atoms: usize,
    pairs: Vec<(usize, usize)>,
    nodes: usize,
}

impl Joined {
    fn new(table: &EntryTable, later: &[u32], origins: &[u32]) -> Self {
        let atoms = table.atoms as usize;
        let outside = atoms;
        let ours = |atom: usize| table.places.get(atom).copied().flatten().map_or(outside, |place| place as usize);
        let mut pairs: Vec<(usize, usize)> =
            later.iter().enumerate().map(|(atom, seen)| (ours(atom), outside + 1 + *seen as usize)).collect();
        let possible = possible(&pairs, origins);
        pairs.extend(possible);
        pairs.sort_unstable();
        pairs.dedup();
        let nodes = pairs.iter().map(|(_, seen)| seen + 1).max().unwrap_or(0).max(outside + 1);
        Self { atoms, pairs, nodes }
    }

    /// The piece of every node; `None` unless all of one side occur with all of the other in each piece.
    fn complete(&self) -> Option<Vec<u32>> {
        let mut parents: Vec<usize> = (0..self.nodes).collect();
        for (ours, seen) in &self.pairs {
            let (a, b) = (root(&mut parents, *ours)?, root(&mut parents, *seen)?);
            *parents.get_mut(a.max(b))? = a.min(b);
        }
        let roots: Vec<usize> = (0..self.nodes).map(|node| root(&mut parents, node)).collect::<Option<_>>()?;
        let (mut sizes, mut occurring) = (vec![(0_u64, 0_u64); self.nodes], vec![0_u64; self.nodes]);
        for (node, root) in roots.iter().enumerate() {
            let size = sizes.get_mut(*root)?;
            if node <= self.atoms { size.0 += 1 } else { size.1 += 1 }
        }
        for (ours, _) in &self.pairs {
            *occurring.get_mut(*roots.get(*ours)?)? += 1;
        }
        let full = sizes.iter().zip(&occurring).all(|((ours, seen), pairs)| ours * seen == *pairs);
        full.then(|| roots.into_iter().map(|root| u32::try_from(root).unwrap_or(u32::MAX)).collect())
    }

    /// The piece that each atom of the last table lies in.
    fn in_last(&self, roots: &[u32], last: &EntryTable, later: &[u32]) -> Result<Pieces, &'static str> {
        // Where the table has no atom there is nothing to keep.
        let mut real = vec![false; roots.len()];
        for root in roots.iter().take(self.atoms) {
            real.get_mut(*root as usize).into_iter().for_each(|slot| *slot = true);
        }
        let mut pieces: Vec<Option<Option<u32>>> = vec![None; last.atoms as usize];
        for (place, seen) in last.places.iter().zip(later) {
            let root = roots.get(self.atoms + 1 + *seen as usize).copied().ok_or("an atom lies in no piece")?;
            let piece = Some(root).filter(|root| real.get(*root as usize) == Some(&true));
            let slot = place.and_then(|place| pieces.get_mut(place as usize));
            let slot = slot.ok_or("an atom is in no table")?;
            if *slot.get_or_insert(piece) != piece {
                return Err("what is left does not tell its pieces apart");
            }
        }
        Ok(pieces.into_iter().map(Option::flatten).collect())
    }
}

/// Pairs that may occur, from those of each atom of the group.
fn possible(pairs: &[(usize, usize)], origins: &[u32]) -> Vec<(usize, usize)> {
    let mut together: HashMap<usize, HashSet<usize>> = HashMap::new();
    let (mut told_apart, mut same_place) = (HashSet::new(), HashSet::new());
    for ((ours, seen), origin) in pairs.iter().zip(origins) {
        together.entry(*seen).or_default().insert(*ours);
        match pairs.get(*origin as usize) {
            Some((first, of_first)) if first == ours => same_place.insert((*seen, *of_first)),
            _ => told_apart.insert(*seen),
        };
    }
    same_place.retain(|(seen, of_first)| seen != of_first && !told_apart.contains(seen));
    let with_first = |(seen, first): &(usize, usize)| {
        let ours: Vec<usize> = together.get(first).into_iter().flatten().copied().collect();
        ours.into_iter().map(|ours| (ours, *seen)).collect::<Vec<_>>()
    };
    same_place.iter().flat_map(with_first).collect()
}

/// Root of a union-find forest.
fn root(parents: &mut [usize], mut node: usize) -> Option<usize> {
    loop {
        let up = *parents.get(node)?;
        if up == node {
            return Some(node);
        }
        let further = *parents.get(up)?;
        *parents.get_mut(node)? = further;
        node = further;
    }
}
