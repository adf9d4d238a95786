//! Differences of released cells: what lies in some and not in others is a group of people too, also if no table shows it.
//!
//! Sums of released cells, some added and some subtracted, are looked at where every atom that may hold something is counted
//! once or not at all:
//!
//! - *one cell* by itself;
//! - *any number of cells of two layers* (cells of a layer are disjoint), such as five wards less three neighbourhoods inside
//!   them, or what is left of a total after all its parts ([`crate::transport`]);
//! - *three cells of any layers*: a cell less two inside it, and two that cover a third less that one;
//! - *half-sums* of three, four or five cells of any layers ([`halves`]).
//!
//! Records that somebody knows are subtracted first. A difference that is withheld somewhere, or follows from more
//! sums, is the business of the other attacks.

mod halves;

use std::collections::{BTreeMap, BTreeSet};

use crate::AttackError;
use crate::columns::classes;
use crate::dimension::NONE;
use crate::propagate::Intervals;
use crate::report::Sliver;
use crate::search::Options;
use crate::transport::{Part, fewest};
use crate::universe::Universe;
use crate::util::{at, id};
use halves::Loops;

/// What was found, and what was not looked at.
pub(crate) struct Differences {
    pub(crate) slivers: Vec<Sliver>,
    pub(crate) not_finished: Vec<String>,
}

/// Said where the search for differences was cut short.
const INCOMPLETE: &str = "differences of released cells: too many, or records that no single cell holds are known";

/// Said where no differences are sought.
const TOO_MANY_CELLS: &str =
    "not searched: differences of released cells and half-sums, of too many cells (limit `max_difference_cells`)";

/// Said where the search for half-sums was cut short.
const HALVES_INCOMPLETE: &str =
    "not searched: half-sums of released cells, of which too many overlap (limits `max_overlaps` and `max_steps`)";

/// The atoms by the cells that they are in: the same for everybody, whatever records are theirs.
pub(crate) struct Overlaps {
    /// Classes of atoms: for each layer the cell, or [`NONE`].
    rows: Vec<Vec<u32>>,
    /// Layers in an order that does not depend on the order of the input.
    layers: Vec<usize>,
    shared: Shared,
}

impl Overlaps {
    /// # Errors
    /// If there are too many atoms.
    pub(crate) fn new(universe: &Universe, intervals: &Intervals, options: &Options) -> Result<Self, AttackError> {
        if universe.cells.len() > options.max_difference_cells {
            return Ok(Self { rows: Vec::new(), layers: Vec::new(), shared: Shared::default() });
        }
        let rows = classes(universe, intervals, options.max_atoms)?;
        let mut layers: Vec<usize> = (0..universe.layers.len()).collect();
        layers.sort_by_key(|layer| universe.layers.get(*layer).map(|layer| layer.levels.clone()));
        let shared = Shared::new(universe, &rows, &layers, options);
        Ok(Self { rows, layers, shared })
    }

    /// Released cells and their differences that, less what the attacker knows, are from 1 to k - 1.
    pub(crate) fn differences(&self, universe: &Universe, intervals: &Intervals, options: &Options) -> Differences {
        if universe.cells.len() > options.max_difference_cells {
            return Differences { slivers: Vec::new(), not_finished: vec![TOO_MANY_CELLS.to_owned()] };
        }
        let empty = |cell: &u32| *cell != NONE && at(&intervals.high, *cell) == 0;
        // Where others are in none of a cell, there is less to count than everybody thinks.
        if !self.rows.iter().any(|row| row.iter().any(empty)) {
            return self.search(universe, &self.rows, &self.shared, options);
        }
        let rows: Vec<Vec<u32>> = self.rows.iter().filter(|row| !row.iter().any(empty)).cloned().collect();
        let shared = Shared::new(universe, &rows, &self.layers, options);
        self.search(universe, &rows, &shared, options)
    }

    fn search(&self, universe: &Universe, rows: &[Vec<u32>], shared: &Shared, options: &Options) -> Differences {
        let mut search = Search::new(universe, shared, options.max_steps);
        let mut feasible = true;
        for cell in 0..id(universe.cells.len()) {
            let count = at(&search.rest, cell);
            if (1..search.k).contains(&count) {
                search.note(search.classes_of(cell).to_vec(), &[cell], &[], count);
            }
        }
        for pair in &shared.pairs {
            feasible &= search.two_layers(rows, pair);
        }
        for cell in &shared.cells {
            search.three(*cell);
        }
        search.halves();
        let slivers = search.found.into_iter().map(|(cells, count)| Sliver { cells, count }).collect();
        let complete = feasible && search.steps > 0;
        let cut_short = [(complete, INCOMPLETE), (shared.loops.complete, HALVES_INCOMPLETE)];
        let not_finished = cut_short.into_iter().filter(|(complete, _)| !complete).map(|(_, what)| what.to_owned());
        Differences { slivers, not_finished: not_finished.collect() }
    }
}

fn released(universe: &Universe, cell: u32) -> bool {
    cell != NONE && universe.cells.get(cell as usize).is_some_and(|state| state.released.is_some())
}

/// What released cells have in common.
#[derive(Default)]
struct Shared {
    /// Classes of atoms in each released cell.
    of_cell: Vec<Vec<u32>>,
    /// Released cells of each class.
    of_class: Vec<Vec<u32>>,
    /// Released cells in which something may be, in an order that does not depend on the order of the input.
    cells: Vec<u32>,
    pairs: Vec<Pair>,
    loops: Loops,
}

/// Two layers, and the parts that their released cells have in common.
struct Pair {
    layers: (usize, usize),
    parts: Vec<Part>,
}

impl Pair {
    /// The released cells that a class is in.
    fn part(&self, universe: &Universe, row: &[u32]) -> Part {
        let cell = |layer: usize| row.get(layer).copied().filter(|cell| released(universe, *cell));
        (cell(self.layers.0), cell(self.layers.1))
    }
}

impl Shared {
    fn new(universe: &Universe, rows: &[Vec<u32>], layers: &[usize], options: &Options) -> Self {
        let mut of_cell = vec![Vec::new(); universe.cells.len()];
        let mut of_class = Vec::with_capacity(rows.len());
        for (row, class) in rows.iter().zip(0_u32..) {
            let cells: Vec<u32> = row.iter().copied().filter(|cell| released(universe, *cell)).collect();
            for cell in &cells {
                of_cell.get_mut(*cell as usize).into_iter().for_each(|list: &mut Vec<u32>| list.push(class));
            }
            of_class.push(cells);
        }
        let mut pairs = Vec::new();
        for (number, one) in layers.iter().enumerate() {
            for two in layers.iter().skip(number + 1) {
                let mut pair = Pair { layers: (*one, *two), parts: Vec::new() };
                let mut parts: Vec<Part> = rows.iter().map(|row| pair.part(universe, row)).collect();
                parts.sort_unstable();
                parts.dedup();
                parts.retain(|part| *part != (None, None));
                if parts.iter().any(|part| part.0.is_some()) && parts.iter().any(|part| part.1.is_some()) {
                    pair.parts = parts;
                    pairs.push(pair);
                }
            }
        }
        let place: BTreeMap<u32, usize> = (0..).zip(layers).map(|(place, layer)| (id(*layer), place)).collect();
        let order = |cell: &u32| {
            let state = universe.cells.get(*cell as usize);
            state.map(|state| (place.get(&state.layer).copied(), state.codes.clone()))
        };
        let inhabited = |cell: &u32| of_cell.get(*cell as usize).is_some_and(|classes| !classes.is_empty());
        let mut cells: Vec<u32> = (0..id(universe.cells.len())).filter(inhabited).collect();
        cells.sort_by_cached_key(order);
        let loops = Loops::new(&cells, &of_cell, &of_class, options);
        Self { of_cell, of_class, cells, pairs, loops }
    }
}

struct Search<'a> {
    universe: &'a Universe,
    shared: &'a Shared,
    k: i64,
    /// Released, less what the attacker knows.
    rest: Vec<i64>,
    /// Sets of classes that were found.
    known: BTreeSet<Vec<u32>>,
    found: BTreeSet<(String, i64)>,
    /// What may still be looked at.
    steps: u64,
}

impl<'a> Search<'a> {
    fn new(universe: &'a Universe, shared: &'a Shared, steps: u64) -> Self {
        let rest = universe.cells.iter().map(|state| state.released.map_or(0, |value| value - state.own)).collect();
        let (known, found) = (BTreeSet::new(), BTreeSet::new());
        Self { universe, shared, k: universe.threshold, rest, known, found, steps }
    }

    fn classes_of(&self, cell: u32) -> &'a [u32] {
        self.shared.of_cell.get(cell as usize).map_or(&[], Vec::as_slice)
    }

    fn names(&self, cells: &[u32]) -> String {
        let label = |cell: &u32| self.universe.cells.get(*cell as usize).map_or("", |state| state.label.as_str());
        let mut labels: Vec<&str> = cells.iter().map(label).collect();
        labels.sort_unstable();
        match labels.as_slice() {
            [] => String::new(),
            [one] => (*one).to_owned(),
            [one, two] => format!("{one} and {two}"),
            [first, others @ ..] => format!("{first} and its {} others", others.len()),
        }
    }

    /// Notes a set of classes that some cells less others are.
    fn note(&mut self, set: Vec<u32>, plus: &[u32], minus: &[u32], count: i64) {
        self.note_as("", set, (plus, minus), count);
    }

    fn note_as(&mut self, part: &str, set: Vec<u32>, (plus, minus): (&[u32], &[u32]), count: i64) {
        let controlled = |cell: &u32| self.universe.cells.get(*cell as usize).is_some_and(|state| state.controlled);
        if plus.iter().chain(minus).any(controlled) && self.known.insert(set) {
            let less = if minus.is_empty() { String::new() } else { format!(" less {}", self.names(minus)) };
            let name = format!("{part}{}{less}", self.names(plus));
            self.found.insert((name, count));
        }
    }

    /// Any number of cells of two layers; whether it could be looked at.
    fn two_layers(&mut self, rows: &[Vec<u32>], pair: &Pair) -> bool {
        let Some(cuts) = fewest(&pair.parts, &self.rest, self.k, &mut self.steps) else { return false };
        if cuts.is_empty() {
            return true;
        }
        let mut classes: BTreeMap<Part, Vec<u32>> = BTreeMap::new();
        for (row, class) in rows.iter().zip(0_u32..) {
            classes.entry(pair.part(self.universe, row)).or_default().push(class);
        }
        for cut in cuts {
            let parts = cut.parts.iter().filter_map(|part| classes.get(pair.parts.get(*part)?));
            let mut set: Vec<u32> = parts.flatten().copied().collect();
            set.sort_unstable();
            self.note(set, &cut.plus, &cut.minus, cut.count);
        }
        true
    }

    /// How many classes other released cells share with this one.
    fn near(&mut self, cell: u32) -> BTreeMap<u32, usize> {
        let mut near = BTreeMap::new();
        for class in self.classes_of(cell) {
            let cells = self.shared.of_class.get(*class as usize).map_or(&[][..], Vec::as_slice);
            self.steps = self.steps.saturating_sub(cells.len() as u64);
            cells.iter().filter(|other| **other != cell).for_each(|other| *near.entry(*other).or_insert(0) += 1);
        }
        near
    }

    /// A cell less two inside it, and two cells that cover it, less it.
    fn three(&mut self, cell: u32) {
        let near = self.near(cell);
        let size = self.classes_of(cell).len();
        let whole = at(&self.rest, cell);
        let mut list: Vec<(i64, u32, usize)> =
            near.iter().map(|(other, shared)| (at(&self.rest, *other), *other, *shared)).collect();
        list.sort_unstable_by_key(|(value, other, _)| (std::cmp::Reverse(*value), *other));
        for (number, (a_value, a, a_shared)) in list.iter().enumerate() {
            // The others come in order of their values: only those that leave less than k, or exceed by less, are of interest.
            let others = list.get(number + 1..).unwrap_or_default();
            let first = others.partition_point(|(b_value, ..)| a_value + b_value >= whole + self.k);
            for (b_value, b, b_shared) in others.iter().skip(first) {
                if self.steps == 0 {
                    return;
                }
                let sum = a_value + b_value;
                if sum + self.k <= whole {
                    break;
                }
                self.steps -= 1;
                let inside = |other: &u32, shared: usize| self.classes_of(*other).len() == shared;
                if (1..self.k).contains(&(whole - sum))
                    && inside(a, *a_shared)
                    && inside(b, *b_shared)
                    && a_shared + b_shared < size
                {
                    self.less(cell, *a, *b, whole - sum);
                } else if (1..self.k).contains(&(sum - whole)) && a_shared + b_shared >= size {
                    self.cover(cell, *a, *b, sum - whole);
                }
            }
        }
    }

    /// One cell less two that have nothing in common.
    fn less(&mut self, cell: u32, a: u32, b: u32, count: i64) {
        let (first, second) = (self.classes_of(a), self.classes_of(b));
        if first.iter().any(|class| second.binary_search(class).is_ok()) {
            return;
        }
        let out = |class: &u32| first.binary_search(class).is_err() && second.binary_search(class).is_err();
        let set: Vec<u32> = self.classes_of(cell).iter().copied().filter(out).collect();
        self.steps = self.steps.saturating_sub((set.len() + first.len()) as u64);
        self.note(set, &[cell], &[a, b], count);
    }

    /// Two cells that cover one, and have nothing in common outside it.
    fn cover(&mut self, cell: u32, a: u32, b: u32, count: i64) {
        let mut times: BTreeMap<u32, i32> = BTreeMap::new();
        for (other, sign) in [(a, 1), (b, 1), (cell, -1)] {
            let classes = self.classes_of(other);
            self.steps = self.steps.saturating_sub(classes.len() as u64);
            classes.iter().for_each(|class| *times.entry(*class).or_insert(0) += sign);
        }
        if times.values().all(|times| (0..=1).contains(times)) {
            let set: Vec<u32> = times.into_iter().filter(|(_, times)| *times == 1).map(|(class, _)| class).collect();
            self.note(set, &[a, b], &[cell], count);
        }
    }
}
