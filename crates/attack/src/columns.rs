//! Atoms merged into columns: as few unknowns as give the attacker exactly the same worlds.
//!
//! 1. Atoms inside a cell that must be 0 are dropped; atoms that lie in the same cells are merged.
//! 2. Tables that share only sums are separated. Let the cells be split into two sets, and let a bipartite graph join
//!    the classes of atoms that the first set tells apart with those that the second tells apart, an edge for each
//!    atom. If every connected part of the graph is complete, whole numbers on the classes of either side whose sums
//!    agree in each part can always be completed to whole numbers on the atoms (a transportation problem without
//!    forbidden cells has a solution exactly when supply equals demand). So the atoms can be replaced by the classes of
//!    both sides and one equation per part: nothing is lost. The criterion is checked on the atoms, not assumed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::AttackError;
use crate::dimension::NONE;
use crate::propagate::Intervals;
use crate::search::Options;
use crate::universe::Universe;
use crate::util::{Sets, at, id, put};

/// A separation must save at least this share of the columns, in percent.
const MIN_SAVING_PERCENT: usize = 10;

/// Two sums that are equal.
#[derive(Default)]
pub(crate) struct Link {
    pub(crate) plus: Vec<u32>,
    pub(crate) minus: Vec<u32>,
}

/// The unknowns and how cells are made of them.
pub(crate) struct System {
    /// Atoms that may hold something.
    pub(crate) atoms: usize,
    pub(crate) columns: u32,
    /// The columns of each cell.
    pub(crate) of_cell: Vec<Vec<u32>>,
    pub(crate) links: Vec<Link>,
    /// How many sets of tables were separated.
    pub(crate) parts: usize,
}

/// What a column of [`Classes::rows`] holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    /// The cell of this layer.
    Layer(u32),
    /// A link.
    Link,
}

/// Atoms (or classes of them) and, by key, the cell or link each lies in.
struct Classes {
    rows: Vec<Vec<u32>>,
    keys: Vec<Key>,
}

/// Layers that may be separated together: each by itself, and those that differ in one dimension only (a table for a
/// measure and for a part of it, with and without a breakdown). The largest first, which succeed most often.
fn families(universe: &Universe) -> Vec<Vec<u32>> {
    let mut families: BTreeSet<Vec<u32>> = (0..id(universe.layers.len())).map(|layer| vec![layer]).collect();
    for d in 0..universe.dimensions.len() {
        let mut same: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
        for (number, layer) in (0..).zip(&universe.layers) {
            let others = layer.levels.iter().enumerate().filter(|(i, _)| *i != d).map(|(_, level)| *level).collect();
            same.entry(others).or_default().push(number);
        }
        families.extend(same.into_values());
    }
    let mut families: Vec<Vec<u32>> = families.into_iter().collect();
    families.sort_by_key(|family| std::cmp::Reverse(family.len()));
    families
}

struct Separation {
    /// For each key, whether it goes to the first set.
    first: Vec<bool>,
    columns: usize,
}

impl System {
    /// # Errors
    /// If there are too many atoms.
    pub(crate) fn build(universe: &Universe, intervals: &Intervals, options: &Options) -> Result<Self, AttackError> {
        let mut classes = atoms(universe, intervals, options.max_atoms)?;
        let families = if options.separate { families(universe) } else { Vec::new() };
        let mut system = Self {
            atoms: classes.rows.len(),
            columns: 0,
            of_cell: vec![Vec::new(); universe.cells.len()],
            links: Vec::new(),
            parts: 0,
        };
        while let Some(separation) = classes.best_separation(&families) {
            classes = system.separate(&classes, &separation);
        }
        system.emit(&classes);
        Ok(system)
    }

    /// Gives each row a column.
    fn emit(&mut self, classes: &Classes) {
        self.parts += 1;
        for row in &classes.rows {
            let column = self.columns;
            self.columns += 1;
            for (value, key) in row.iter().zip(&classes.keys) {
                match (*value, key) {
                    (NONE, _) => {}
                    (value, Key::Layer(_)) => push(&mut self.of_cell, value, column),
                    (value, Key::Link) => {
                        if let Some(link) = self.links.get_mut(value as usize) {
                            link.minus.push(column);
                        }
                    }
                }
            }
        }
    }

    /// Emits the first set and returns the second, with the link of each part as one more key.
    fn separate(&mut self, classes: &Classes, separation: &Separation) -> Classes {
        let (first, second) = classes.project(&separation.first);
        let mut sets = Sets::new(first.rows.len() + second.rows.len());
        let offset = id(first.rows.len());
        for (a, b) in &first.edges {
            sets.join(*a, offset + b);
        }
        let mut link_of = BTreeMap::new();
        let base = self.columns;
        for row in 0..offset {
            let link = *link_of.entry(sets.find(row)).or_insert_with(|| {
                self.links.push(Link::default());
                id(self.links.len() - 1)
            });
            if let Some(link) = self.links.get_mut(link as usize) {
                link.plus.push(base + row);
            }
        }
        self.emit(&Classes { rows: first.rows, keys: first.keys });
        let mut rows = second.rows;
        for (row, values) in rows.iter_mut().enumerate() {
            values.push(link_of.get(&sets.find(offset + id(row))).copied().unwrap_or(NONE));
        }
        let mut keys = second.keys;
        keys.push(Key::Link);
        Classes { rows, keys }
    }
}

fn push(lists: &mut [Vec<u32>], index: u32, value: u32) {
    if let Some(list) = lists.get_mut(index as usize) {
        list.push(value);
    }
}

/// One side of a separation.
struct Side {
    rows: Vec<Vec<u32>>,
    keys: Vec<Key>,
    /// Row of the first side and row of the second, for each class (only filled in on the first side).
    edges: Vec<(u32, u32)>,
}

impl Classes {
    fn project(&self, first: &[bool]) -> (Side, Side) {
        let keys = |side: bool| {
            let keys = self.keys.iter().zip(first);
            keys.filter(|(_, f)| **f == side).map(|(key, _)| *key).collect::<Vec<_>>()
        };
        let mut sides = (
            Side { rows: Vec::new(), keys: keys(true), edges: Vec::new() },
            Side { rows: Vec::new(), keys: keys(false), edges: Vec::new() },
        );
        let mut known: (HashMap<Vec<u32>, u32>, HashMap<Vec<u32>, u32>) = Default::default();
        for row in &self.rows {
            let part = |side: bool| -> Vec<u32> {
                row.iter().zip(first).filter(|(_, f)| **f == side).map(|(value, _)| *value).collect()
            };
            let a = number(&mut known.0, &mut sides.0.rows, part(true));
            let b = number(&mut known.1, &mut sides.1.rows, part(false));
            sides.0.edges.push((a, b));
        }
        sides
    }

    /// The first separation that halves the columns, or else the best one that saves enough.
    fn best_separation(&self, families: &[Vec<u32>]) -> Option<Separation> {
        let mut best: Option<Separation> = None;
        let mut tried = BTreeSet::new();
        for family in families {
            let inside: Vec<bool> =
                self.keys.iter().map(|key| matches!(key, Key::Layer(layer) if family.contains(layer))).collect();
            if !inside.contains(&true) {
                continue;
            }
            let first = self.determined_by(&inside);
            if first.iter().all(|f| *f) || !tried.insert(first.clone()) {
                continue;
            }
            let Some(columns) = self.complete(&first) else { continue };
            if columns * 2 <= self.rows.len() {
                return Some(Separation { first, columns });
            }
            let small = columns * 100 <= self.rows.len() * (100 - MIN_SAVING_PERCENT);
            if small && best.as_ref().is_none_or(|b| columns < b.columns) {
                best = Some(Separation { first, columns });
            }
        }
        best
    }

    /// The keys whose value follows from the values of these keys.
    fn determined_by(&self, inside: &[bool]) -> Vec<bool> {
        let mut seen: HashMap<Vec<u32>, &Vec<u32>> = HashMap::new();
        let mut determined = vec![true; self.keys.len()];
        for row in &self.rows {
            let values = row.iter().zip(inside).filter(|(_, inside)| **inside).map(|(value, _)| *value).collect();
            let other = *seen.entry(values).or_insert(row);
            for ((a, b), d) in row.iter().zip(other).zip(determined.iter_mut()) {
                *d &= a == b;
            }
        }
        determined
    }

    /// The number of columns after a separation, if it is allowed.
    fn complete(&self, first: &[bool]) -> Option<usize> {
        let (a, b) = self.project(first);
        let columns = a.rows.len() + b.rows.len();
        let mut sets = Sets::new(columns);
        let offset = id(a.rows.len());
        for (x, y) in &a.edges {
            sets.join(*x, offset + y);
        }
        let mut sizes: BTreeMap<u32, (usize, usize, usize)> = BTreeMap::new();
        for row in 0..id(columns) {
            let size = sizes.entry(sets.find(row)).or_default();
            if row < offset {
                size.0 += 1;
            } else {
                size.1 += 1;
            }
        }
        for (x, _) in &a.edges {
            sizes.entry(sets.find(*x)).or_default().2 += 1;
        }
        sizes.values().all(|(x, y, edges)| x * y == *edges).then_some(columns)
    }
}

fn number(known: &mut HashMap<Vec<u32>, u32>, rows: &mut Vec<Vec<u32>>, row: Vec<u32>) -> u32 {
    if let Some(number) = known.get(&row) {
        return *number;
    }
    let number = id(rows.len());
    rows.push(row.clone());
    known.insert(row, number);
    number
}

/// The atoms that may hold something, merged where they lie in the same cells: for each layer the cell, or [`NONE`].
///
/// # Errors
/// If there are too many atoms.
pub(crate) fn classes(
    universe: &Universe,
    intervals: &Intervals,
    max_atoms: usize,
) -> Result<Vec<Vec<u32>>, AttackError> {
    Ok(atoms(universe, intervals, max_atoms)?.rows)
}

fn atoms(universe: &Universe, intervals: &Intervals, max_atoms: usize) -> Result<Classes, AttackError> {
    let per_dimension: Vec<Vec<u32>> =
        (0..id(universe.dimensions.len())).map(|d| representatives(universe, d)).collect();
    let total = per_dimension.iter().map(Vec::len).fold(1_usize, usize::saturating_mul);
    if total > max_atoms {
        let message = format!(
            "{total} combinations of codes are told apart, at most {max_atoms} can be attacked: split the group"
        );
        return Err(AttackError::Definition { group: universe.name.clone(), message });
    }
    let finders: Vec<Finder> =
        universe.layers.iter().map(|layer| Finder::new(universe, layer, &per_dimension)).collect();
    let mut rows = Vec::new();
    let mut known = HashMap::new();
    let mut position = vec![0_u32; per_dimension.len()];
    for _ in 0..total {
        let row: Vec<u32> = finders.iter().map(|finder| finder.cell(&position)).collect();
        let zero = row.iter().any(|cell| *cell != NONE && at(&intervals.high, *cell) == 0);
        if !zero && row.iter().any(|cell| *cell != NONE) {
            number(&mut known, &mut rows, row);
        }
        for (d, size) in per_dimension.iter().map(Vec::len).enumerate().rev() {
            let next = at(&position, id(d)) + 1;
            let carry = next as usize >= size;
            put(&mut position, id(d), if carry { 0 } else { next });
            if !carry {
                break;
            }
        }
    }
    Ok(Classes { rows, keys: (0..id(universe.layers.len())).map(Key::Layer).collect() })
}

/// One atom for each set of atoms of a dimension that no layer tells apart.
fn representatives(universe: &Universe, dimension: u32) -> Vec<u32> {
    let Some(index) = universe.dimensions.get(dimension as usize) else { return Vec::new() };
    let used: BTreeSet<u32> = universe.layers.iter().map(|layer| at(&layer.levels, dimension)).collect();
    let levels: Vec<_> = used.iter().filter_map(|level| index.levels.get(*level as usize)).collect();
    let atoms = levels.first().map_or(0, |level| level.of_atom.len());
    let mut known = BTreeSet::new();
    (0..id(atoms))
        .filter(|atom| known.insert(levels.iter().map(|l| at(&l.of_atom, *atom)).collect::<Vec<_>>()))
        .collect()
}

/// Finds a layer's cell from one class per dimension.
struct Finder {
    /// By dimension and class: the code's contribution to the key, if it has a code.
    steps: Vec<Vec<Option<u64>>>,
    cells: HashMap<u64, u32>,
}

impl Finder {
    fn new(universe: &Universe, layer: &crate::universe::Layer, representatives: &[Vec<u32>]) -> Self {
        let mut steps = Vec::new();
        let mut strides = Vec::new();
        let mut stride = 1_u64;
        for ((dimension, level), atoms) in universe.dimensions.iter().zip(&layer.levels).zip(representatives) {
            let Some(level) = dimension.levels.get(*level as usize) else { continue };
            let step = |atom: &u32| {
                let code = at(&level.of_atom, *atom);
                (code != NONE).then(|| u64::from(code) * stride)
            };
            steps.push(atoms.iter().map(step).collect());
            strides.push(stride);
            stride = stride.saturating_mul(level.codes as u64);
        }
        let key = |codes: &[u32]| codes.iter().zip(&strides).map(|(code, stride)| u64::from(*code) * stride).sum();
        let cells = layer.index.iter().map(|(codes, cell)| (key(codes), *cell)).collect();
        Self { steps, cells }
    }

    fn cell(&self, position: &[u32]) -> u32 {
        let mut key = 0;
        for (steps, class) in self.steps.iter().zip(position) {
            match steps.get(*class as usize) {
                Some(Some(step)) => key += step,
                _ => return NONE,
            }
        }
        self.cells.get(&key).copied().unwrap_or(NONE)
    }
}
