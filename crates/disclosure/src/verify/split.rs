//! Checks that a table may be proved while the others stay as they are.
//!
//! Atoms of the table and what the other tables see of them are joined where they occur together. In a piece where every one
//! occurs with every other, any non-negative numbers with the same sum as the truth are the table's side of a non-negative
//! matrix whose other side is true. So the table's worlds must keep the sum of each piece.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::VerifyError;
use crate::ledger::Entry;

/// For each atom of a table, its piece; `None` if the table stands alone.
pub(super) type Slabs = Option<Vec<Option<usize>>>;

/// The pieces of a table.
pub(super) fn slabs(entry: &Entry, number: usize) -> Result<Slabs, VerifyError> {
    let fail = |what| VerifyError::Split { table: number, what };
    let Some(table) = entry.tables.get(number).filter(|_| entry.tables.len() > 1) else { return Ok(None) };
    let mut others: HashMap<Vec<Option<u32>>, usize> = HashMap::new();
    let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (atom, place) in table.places.iter().enumerate() {
        let Some(place) = place else { continue };
        let rest: Vec<Option<u32>> = entry
            .tables
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != number)
            .map(|(_, other)| other.places.get(atom).copied().flatten())
            .collect();
        let next = others.len();
        pairs.insert((*place as usize, *others.entry(rest).or_insert(next)));
    }
    let mut of_ours: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut of_others: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (ours, other) in &pairs {
        of_ours.entry(*ours).or_default().push(*other);
        of_others.entry(*other).or_default().push(*ours);
    }
    let mut piece_of: Vec<Option<usize>> = vec![None; table.atoms as usize];
    for (piece, first) in of_ours.keys().enumerate() {
        if piece_of.get(*first).copied().flatten().is_some() {
            continue;
        }
        // Complete means: all our atoms here occur with the same set of others, and those with no further atom of ours.
        let rest = of_ours.get(first).map_or(&[][..], Vec::as_slice);
        let Some(together) = rest.first().and_then(|other| of_others.get(other)) else { continue };
        for ours in together {
            if of_ours.get(ours).map(Vec::as_slice) != Some(rest) {
                return Err(fail("some combinations with the other tables do not exist"));
            }
            if let Some(slot) = piece_of.get_mut(*ours) {
                *slot = Some(piece);
            }
        }
        if rest.iter().any(|other| of_others.get(other) != Some(together)) {
            return Err(fail("some combinations with the other tables do not exist"));
        }
    }
    Ok(Some(piece_of))
}
