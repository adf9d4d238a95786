//! Splits a group into tables that can be protected one by one.
//!
//! **Why that is sound.** Take a table by categories A (say sex and age by district and year) and the rest B (areas and months).
//! Give every atom the set of A's columns that contain it, and the set of B's. Join the sets that occur together: the
//! connected pieces are *slabs* (here a district and a year). In a slab in which every set of A occurs with every set of B,
//! any non-negative integers over A's sets and any over B's with the same sum are the margins of a non-negative integer
//! matrix (fill it from the north-west corner). So a world of A that keeps every slab's total goes together with the truth
//! of B, and the other way round: each is a world of the whole group. Slab totals are therefore frozen in both tables, which
//! only makes the proof harder; where a slab's total is itself withheld, nothing is split.
//!
//! What went and what came differ from what stayed at the same place in when they were there. Where A does not tell the difference,
//! any of A's sets that occurs with what stayed may occur with what went or came of it, whether it did or not.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::blocks::Forest;
use crate::material::signed;
use crate::table::{Column, Known, Reader, Role, Rows, Table, add, at, set};
use crate::universe::Universe;

/// Atoms with the same columns are one atom: no released or withheld cell can tell them apart.
struct Piece {
    truth: Vec<i64>,
    /// Columns of each atom: of the universe, and from its end on slab totals.
    rows: Vec<Vec<u32>>,
    /// For each atom of the universe, the atom here that it is part of.
    places: Vec<Option<u32>>,
}

/// One table and, for each of its columns, the column of the universe (`None` for a slab total).
pub(crate) struct Part {
    pub(crate) table: Table,
    pub(crate) columns: Vec<Option<u32>>,
    /// For each atom of the universe, the table's atom that it is part of.
    pub(crate) places: Vec<Option<u32>>,
}

/// Against whose own knowledge the proof holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readers {
    pub(crate) contributors: bool,
    pub(crate) partners: bool,
}

/// The group as one table, or as several if `split`.
pub(crate) fn parts(universe: &Universe<'_>, readers: Readers, split: bool) -> Vec<Part> {
    let numbers = 0..u32::try_from(universe.truth.len()).unwrap_or(0);
    let mut base = Piece {
        truth: universe.truth.clone(),
        rows: numbers.clone().map(|atom| universe.members.row(atom).to_vec()).collect(),
        places: numbers.map(Some).collect(),
    };
    let mut pinned = BTreeSet::new();
    let mut pieces = Vec::new();
    let mut next_slab = u32::try_from(universe.columns.len()).unwrap_or(u32::MAX);
    let families: BTreeSet<u32> = universe.families.iter().flatten().copied().collect();
    for family in families.into_iter().filter(|_| split) {
        if let Some((piece, rest)) = split_off(&base, universe, family, &mut next_slab, &mut pinned) {
            pieces.push(piece);
            base = rest;
        }
    }
    pieces.push(base);
    pieces.into_iter().map(|piece| part(piece, universe, readers, &pinned)).collect()
}

/// Numbers distinct rows in the order met.
#[derive(Default)]
struct Sets {
    known: HashMap<Vec<u32>, u32>,
    rows: Vec<Vec<u32>>,
    totals: Vec<i64>,
}

impl Sets {
    fn place(&mut self, row: Vec<u32>, count: i64) -> u32 {
        let next = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let place = *self.known.entry(row.clone()).or_insert(next);
        if place == next {
            self.rows.push(row);
            self.totals.push(0);
        }
        add(&mut self.totals, place, count);
        place
    }
}

/// Splits the table of one family off, or says that it cannot be.
fn split_off(
    base: &Piece,
    universe: &Universe<'_>,
    family: u32,
    next_slab: &mut u32,
    pinned: &mut BTreeSet<u32>,
) -> Option<(Piece, Piece)> {
    let in_family = |column: &u32| universe.families.get(*column as usize).copied().flatten() == Some(family);
    let (mut ours, mut rest) = (Sets::default(), Sets::default());
    let mut pairs = Vec::with_capacity(base.rows.len());
    for (row, count) in base.rows.iter().zip(&base.truth) {
        let (a, b): (Vec<u32>, Vec<u32>) = row.iter().copied().partition(in_family);
        pairs.push((ours.place(a, *count), rest.place(b, *count)));
    }
    // Every pair that occurs, and every one that may: for each atom of the universe, where both lie.
    let of_universe: Vec<Option<(u32, u32)>> =
        base.places.iter().map(|atom| pairs.get((*atom)? as usize).copied()).collect();
    let possible = with_possible(&of_universe, &universe.origins);
    let offset = u32::try_from(ours.rows.len()).ok()?;
    let total = offset + u32::try_from(rest.rows.len()).ok()?;
    let mut forest = Forest::new(total as usize);
    possible.iter().for_each(|(a, b)| forest.join(*a, *b + offset));
    let roots: Vec<u32> = (0..total).map(|node| forest.root(node)).collect();
    let slabs = Slabs::new(&roots, offset, &possible, &ours)?;
    let touched = slabs.fixed_columns(&ours.rows, 0).into_iter().chain(slabs.fixed_columns(&rest.rows, offset));
    let mut fixed = BTreeSet::new();
    for column in touched {
        let role = universe.columns.get(column as usize).map(|column| column.role);
        if matches!(role, Some(Role::Protected | Role::Difference)) {
            return None;
        }
        fixed.insert(column);
    }
    pinned.extend(fixed);
    let first = *next_slab;
    *next_slab += total;
    let around = slabs.around(&of_universe, &universe.origins);
    let with_slab = |sets: Sets, start: u32| -> Piece {
        let rows = sets.rows.into_iter().zip(start..).map(|(mut row, node)| {
            if slabs.is_slab(node) {
                let root = at(&slabs.roots, node);
                let others = around.get(&root).map_or(&[][..], Vec::as_slice);
                row.extend(others.iter().chain([&root]).map(|slab| first + slab));
                row.sort_unstable();
            }
            row
        });
        Piece { rows: rows.collect(), truth: sets.totals, places: Vec::new() }
    };
    let (ours, mut rest) = (with_slab(ours, 0), with_slab(rest, offset));
    let place = |of: fn(&(u32, u32)) -> u32| {
        let pairs = &pairs;
        base.places.iter().map(move |atom| pairs.get((*atom)? as usize).map(of))
    };
    rest.places = place(|pair| pair.1).collect();
    // Atoms outside the family's table belong to the rest alone.
    let mut inside = Piece { truth: Vec::new(), rows: Vec::new(), places: Vec::new() };
    let mut kept = Vec::with_capacity(ours.rows.len());
    for (row, count) in ours.rows.into_iter().zip(ours.truth) {
        let real = row.iter().any(in_family);
        kept.push(real.then(|| u32::try_from(inside.rows.len()).unwrap_or(u32::MAX)));
        if real {
            inside.rows.push(row);
            inside.truth.push(count);
        }
    }
    inside.places = place(|pair| pair.0).map(|atom| kept.get(atom? as usize).copied().flatten()).collect();
    Some((inside, rest))
}

/// The pairs that occur, and those that may because the family does not tell a set of the rest from the one that was first at its
/// places.
fn with_possible(of_universe: &[Option<(u32, u32)>], origins: &[u32]) -> BTreeSet<(u32, u32)> {
    let occurring: BTreeSet<(u32, u32)> = of_universe.iter().flatten().copied().collect();
    // By set of the rest: the sets first at its places; `None` if the family tells them apart.
    let mut firsts: BTreeMap<u32, Option<BTreeSet<u32>>> = BTreeMap::new();
    for (place, origin) in of_universe.iter().zip(origins) {
        let (Some((ours, rest)), Some((first, of_first))) = (place, at(of_universe, *origin)) else { continue };
        let known = firsts.entry(*rest).or_insert_with(|| Some(BTreeSet::new()));
        match known {
            Some(known) if *ours == first => {
                known.insert(of_first);
            }
            known => *known = None,
        }
    }
    let mut with: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (ours, rest) in &occurring {
        with.entry(*rest).or_default().push(*ours);
    }
    let mut possible = occurring;
    for (rest, firsts) in firsts {
        for first in firsts.into_iter().flatten().filter(|first| *first != rest) {
            possible.extend(with.get(&first).into_iter().flatten().map(|ours| (*ours, rest)));
        }
    }
    possible
}

/// The connected pieces of sets that occur together.
struct Slabs {
    roots: Vec<u32>,
    /// Per root: how many sets of the family it has; 0 where the family has no column at all.
    real: Vec<bool>,
    sizes: Vec<(i64, i64)>,
}

impl Slabs {
    /// `None` unless in every piece each set of the family occurs with each set of the rest.
    fn new(roots: &[u32], offset: u32, pairs: &BTreeSet<(u32, u32)>, ours: &Sets) -> Option<Self> {
        let mut sizes = vec![(0_i64, 0_i64); roots.len()];
        let mut cells = vec![0_i64; roots.len()];
        let mut real = vec![false; roots.len()];
        for (node, root) in (0_u32..).zip(roots) {
            let size = sizes.get_mut(*root as usize)?;
            if node < offset {
                size.0 += 1;
                if ours.rows.get(node as usize).is_some_and(|row| !row.is_empty()) {
                    set(&mut real, *root, true);
                }
            } else {
                size.1 += 1;
            }
        }
        pairs.iter().for_each(|(a, _)| add(&mut cells, at(roots, *a), 1));
        let full = sizes.iter().zip(&cells).all(|((a, b), cells)| a * b == *cells);
        full.then(|| Self { roots: roots.to_vec(), real, sizes })
    }

    /// By slab: those of what went from there and came to it. Their totals are kept together with its own, which says the same, and
    /// what went has no total then that what stayed at its place has not.
    fn around(&self, of_universe: &[Option<(u32, u32)>], origins: &[u32]) -> BTreeMap<u32, Vec<u32>> {
        let root = |atom: u32| at(of_universe, atom).map(|(ours, _)| at(&self.roots, ours));
        let mut homes: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (origin, atom) in origins.iter().zip(0_u32..) {
            if let (Some(slab), Some(home)) = (root(atom), root(*origin)) {
                homes.entry(slab).or_default().insert(home);
            }
        }
        let mut around: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (slab, homes) in homes {
            if let (1, Some(home)) = (homes.len(), homes.first().filter(|home| **home != slab)) {
                around.entry(*home).or_default().push(slab);
            }
        }
        around
    }

    fn is_slab(&self, node: u32) -> bool {
        at(&self.real, at(&self.roots, node))
    }

    /// Columns made of whole slabs: their value is fixed once slab totals are.
    fn fixed_columns(&self, rows: &[Vec<u32>], start: u32) -> Vec<u32> {
        let mut per_column: HashMap<u32, HashMap<u32, i64>> = HashMap::new();
        for (row, node) in rows.iter().zip(start..) {
            for column in row {
                *per_column.entry(*column).or_default().entry(at(&self.roots, node)).or_insert(0) += 1;
            }
        }
        let whole = |slab: &u32, count: &i64| {
            let size = self.sizes.get(*slab as usize).copied().unwrap_or_default();
            at(&self.real, *slab) && *count == if start == 0 { size.0 } else { size.1 }
        };
        let mut fixed: Vec<u32> = per_column
            .iter()
            .filter(|(_, slabs)| slabs.iter().all(|(slab, count)| whole(slab, count)))
            .map(|(column, _)| *column)
            .collect();
        fixed.sort_unstable();
        fixed
    }
}

/// Makes a table of a piece.
fn part(piece: Piece, universe: &Universe<'_>, readers: Readers, pinned: &BTreeSet<u32>) -> Part {
    let ids: BTreeSet<u32> = piece.rows.iter().flatten().copied().collect();
    let numbers: HashMap<u32, u32> = ids.iter().copied().zip(0_u32..).collect();
    let rows = piece.rows.iter().map(|row| row.iter().filter_map(|id| numbers.get(id).copied()).collect());
    let atoms = Rows::new(rows).transposed(ids.len());
    let column = |id: &u32| match universe.columns.get(*id as usize) {
        Some(column) if pinned.contains(id) => Column { role: Role::Frozen, ..column.clone() },
        Some(column) => column.clone(),
        None => Column::default(),
    };
    let columns = ids.iter().map(column).collect();
    let of_universe = |id: &u32| ((*id as usize) < universe.columns.len()).then_some(*id);
    let mut table = Table::new(piece.truth, columns, atoms);
    let became = |atom: u32| piece.places.get(atom as usize).map_or(&[][..], Option::as_slice);
    table.inherited = universe.inherited.iter().flat_map(|proof| table.changes(&proof.over(became))).collect();
    table.known = known_records(universe, readers, &piece.places, table.truth.len());
    Part { columns: ids.iter().map(of_universe).collect(), table, places: piece.places }
}

/// Who knows how many of their own records in each atom of a table, the most first. Records of nobody known are of one person
/// each; they differ only in the atom.
fn known_records(universe: &Universe<'_>, readers: Readers, places: &[Option<u32>], atoms: usize) -> Known {
    let mut amounts: BTreeMap<(u32, Reader), i64> = BTreeMap::new();
    let named = &universe.contributions;
    for ((place, count), atom) in places.iter().zip(&universe.truth).zip(0_u32..) {
        let Some(place) = *place else { continue };
        if readers.contributors && *count > 0 && named.of(atom).is_empty() {
            amounts.insert((place, Reader::Somebody(place)), 1);
        }
        for entry in named.of(atom) {
            let amount = signed(entry.amount);
            if readers.contributors {
                *amounts.entry((place, Reader::Contributor(entry.contributor))).or_insert(0) += amount;
            }
            if readers.partners {
                for (reader, number) in named.readers().iter().zip(0..) {
                    if reader.contains(&entry.partner) {
                        *amounts.entry((place, Reader::Partner(number))).or_insert(0) += amount;
                    }
                }
            }
        }
    }
    let mut known = Known(vec![Vec::new(); atoms]);
    for ((atom, reader), amount) in amounts {
        if let Some(list) = known.0.get_mut(atom as usize) {
            list.push((amount, reader));
        }
    }
    known.0.iter_mut().for_each(|list| list.sort_unstable_by(|a, b| b.cmp(a)));
    known
}
