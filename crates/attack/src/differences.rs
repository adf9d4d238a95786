//! Differences of released cells: what lies in one and not in others is a group of people too, also if no table shows
//! it.
//!
//! Three kinds are looked at: a cell less one or two cells inside it; a cell less all the cells of a table inside it
//! (what is in none of its parts); and two or three cells that together cover another one, less that one. A difference
//! that is withheld somewhere, or follows from several sums, is the business of the other attacks.

use std::collections::BTreeSet;

use crate::report::Sliver;
use crate::universe::{Layer, Universe};
use crate::util::{at, id};

/// Two or three cells that cover another one.
const COVER: usize = 3;

/// Released cells whose difference is from 1 to k - 1.
pub(crate) fn slivers(universe: &Universe) -> Vec<Sliver> {
    let search = Search { universe, k: universe.threshold };
    let mut found = BTreeSet::new();
    for (cell, state) in (0..).zip(&universe.cells) {
        let Some(value) = state.released else { continue };
        let inside: Vec<Inside> = universe.layers.iter().map(|layer| search.inside(cell, layer)).collect();
        search.less_parts(cell, value, &inside, &mut found);
        search.less_two(cell, value, &inside, &mut found);
        search.covered(cell, value, &mut found);
    }
    found.into_iter().map(|(cells, count)| Sliver { cells, count }).collect()
}

struct Search<'a> {
    universe: &'a Universe,
    k: i64,
}

/// The cells of a layer inside a cell.
struct Inside {
    /// Released ones with their values, largest first.
    released: Vec<(i64, u32)>,
    /// Whether all of them are released.
    all: bool,
}

type Found = BTreeSet<(String, i64)>;

impl Search<'_> {
    fn dimensions(&self) -> usize {
        self.universe.dimensions.len()
    }

    fn label(&self, cell: u32) -> &str {
        self.universe.cells.get(cell as usize).map_or("", |state| state.label.as_str())
    }

    fn released(&self, cell: u32) -> Option<i64> {
        self.universe.cells.get(cell as usize).and_then(|state| state.released)
    }

    /// Whether a difference tells of a few people in controlled data.
    fn tells(&self, value: i64, cells: &[u32]) -> bool {
        let controlled = |cell: &u32| self.universe.cells.get(*cell as usize).is_some_and(|c| c.controlled);
        (1..self.k).contains(&value) && cells.iter().any(controlled)
    }

    /// How many atoms a cell has.
    fn size(&self, cell: u32) -> usize {
        (0..self.dimensions()).map(|d| self.universe.members(cell, d).len()).fold(1, usize::saturating_mul)
    }

    /// The codes of a level that lie inside a cell (`within`) or touch it, in one dimension.
    fn codes(&self, cell: u32, dimension: usize, level: u32, within: bool) -> Vec<u32> {
        let members = self.universe.members(cell, dimension);
        let Some(level) = self.universe.dimensions.get(dimension).and_then(|d| d.levels.get(level as usize)) else {
            return Vec::new();
        };
        let touching: BTreeSet<u32> = members.iter().map(|atom| at(&level.of_atom, *atom)).collect();
        let codes = touching.into_iter().filter(|code| (*code as usize) < level.codes);
        let fits = |code: &u32| {
            let atoms = level.members.get(*code as usize);
            !within || atoms.is_some_and(|atoms| atoms.iter().all(|atom| members.binary_search(atom).is_ok()))
        };
        codes.filter(fits).collect()
    }

    /// The cells of a layer at all combinations of codes; `None` in place of one that is in no table.
    fn cells(&self, layer: &Layer, codes: &[Vec<u32>]) -> Vec<Option<u32>> {
        let size = codes.iter().map(Vec::len).fold(1, usize::saturating_mul);
        if size > layer.index.len() {
            let inside = |key: &Vec<u32>| key.iter().zip(codes).all(|(code, codes)| codes.contains(code));
            let mut cells: Vec<_> =
                layer.index.iter().filter(|(k, _)| inside(k)).map(|(_, cell)| Some(*cell)).collect();
            cells.push(None);
            return cells;
        }
        let mut keys: Vec<Vec<u32>> = vec![Vec::new()];
        for codes in codes {
            keys = keys.iter().flat_map(|key| codes.iter().map(|code| [&key[..], &[*code]].concat())).collect();
        }
        keys.iter().map(|key| layer.index.get(key).copied()).collect()
    }

    fn inside(&self, cell: u32, layer: &Layer) -> Inside {
        let codes: Vec<Vec<u32>> =
            (0..self.dimensions()).map(|d| self.codes(cell, d, at(&layer.levels, id(d)), true)).collect();
        let cells: Vec<u32> = self.cells(layer, &codes).into_iter().flatten().filter(|c| *c != cell).collect();
        let mut released: Vec<(i64, u32)> =
            cells.iter().filter_map(|c| self.released(*c).map(|value| (value, *c))).collect();
        released.sort_unstable_by_key(|(value, cell)| (std::cmp::Reverse(*value), *cell));
        let all = released.len() == cells.len();
        Inside { released, all }
    }

    /// A cell less one inside it, and less all parts of a table inside it.
    fn less_parts(&self, cell: u32, value: i64, inside: &[Inside], found: &mut Found) {
        for parts in inside {
            for (part_value, part) in &parts.released {
                let rest = value - part_value;
                if rest >= self.k {
                    break;
                }
                if self.tells(rest, &[cell, *part]) && self.size(*part) < self.size(cell) {
                    found.insert((format!("{} less {}", self.label(cell), self.label(*part)), rest));
                }
            }
            let size: usize = parts.released.iter().map(|(_, part)| self.size(*part)).sum();
            let rest = value - parts.released.iter().map(|(value, _)| value).sum::<i64>();
            let cells: Vec<u32> = parts.released.iter().map(|(_, part)| *part).chain([cell]).collect();
            if parts.all && cells.len() > 2 && size < self.size(cell) && self.tells(rest, &cells) {
                let first = parts.released.first().map_or("", |(_, part)| self.label(*part));
                found.insert((format!("{} less {first} and its {} others", self.label(cell), cells.len() - 2), rest));
            }
        }
    }

    /// A cell less two inside it, of different tables or of the same.
    fn less_two(&self, cell: u32, value: i64, inside: &[Inside], found: &mut Found) {
        for (number, first) in inside.iter().enumerate() {
            for (other, second) in inside.iter().enumerate().skip(number) {
                let largest = second.released.first().map_or(0, |(value, _)| *value);
                for (a_value, a) in first.released.iter().take_while(|(a, _)| value - a - largest < self.k) {
                    for (b_value, b) in second.released.iter().take_while(|(b, _)| value - a_value - b < self.k) {
                        let rest = value - a_value - b_value;
                        let fewer = self.size(*a) + self.size(*b) < self.size(cell);
                        let zero = *a_value == 0 || *b_value == 0;
                        // Within a table each pair once.
                        let once = other > number || a < b;
                        if !zero && fewer && once && self.tells(rest, &[cell, *a, *b]) && self.apart(*a, *b) {
                            let (a, b) = (self.label(*a), self.label(*b));
                            found.insert((format!("{} less {a} and {b}", self.label(cell)), rest));
                        }
                    }
                }
            }
        }
    }

    /// Whether two cells have no atom in common.
    fn apart(&self, a: u32, b: u32) -> bool {
        (0..self.dimensions()).any(|d| {
            let other = self.universe.members(b, d);
            self.universe.members(a, d).iter().all(|atom| other.binary_search(atom).is_err())
        })
    }

    /// Two or three cells of a table that cover a cell, less that cell.
    fn covered(&self, cell: u32, value: i64, found: &mut Found) {
        for layer in &self.universe.layers {
            let codes: Vec<Vec<u32>> =
                (0..self.dimensions()).map(|d| self.codes(cell, d, at(&layer.levels, id(d)), false)).collect();
            let size = codes.iter().map(Vec::len).fold(1, usize::saturating_mul);
            if !(2..=COVER).contains(&size) {
                continue;
            }
            let cover: Option<Vec<u32>> = self.cells(layer, &codes).into_iter().collect();
            let Some(cover) = cover else { continue };
            let values: Option<Vec<i64>> = cover.iter().map(|c| self.released(*c)).collect();
            let Some(values) = values else { continue };
            let atoms: usize = cover.iter().map(|c| self.size(*c)).sum();
            let rest = values.iter().sum::<i64>() - value;
            let cells: Vec<u32> = cover.iter().copied().chain([cell]).collect();
            if atoms > self.size(cell) && self.covers(cell, &cover) && self.tells(rest, &cells) {
                let names: Vec<&str> = cover.iter().map(|c| self.label(*c)).collect();
                found.insert((format!("{} less {}", names.join(" and "), self.label(cell)), rest));
            }
        }
    }

    /// Whether every atom of a cell lies in one of the others: all of its atoms have a code in the others' layer.
    fn covers(&self, cell: u32, cover: &[u32]) -> bool {
        (0..self.dimensions()).all(|d| {
            let known: BTreeSet<u32> =
                cover.iter().flat_map(|c| self.universe.members(*c, d).iter().copied()).collect();
            self.universe.members(cell, d).iter().all(|atom| known.contains(atom))
        })
    }
}
