//! What may still move in a small table once columns are released: a simplex dictionary over the few directions that no released
//! column sees.
//!
//! Every atom that may move, and every withheld column, is a *form*: a sum of the free directions. To ask how far a column can
//! go, one direction after the other is followed until something runs out, which then takes its place among the directions (the
//! primal simplex method, from the truth). There are some tens of directions where the whole table has hundreds of atoms and
//! columns, so that an answer takes well under a millisecond, above all the answer that there is no such world.
//!
//! Numbers are floating point, operated on in a fixed order and so the same everywhere; whoever uses a result checks it in whole
//! numbers.

use crate::table::{Table, at, set};

/// Coefficients closer to zero are zero.
const ZERO: f64 = 1e-9;
/// A direction must move what it is followed for by this much.
const SLOPE: f64 = 1e-7;
/// No limit.
const FAR: f64 = 1e9;
/// Bounds are loosened by a millionth or two, each by another amount, so that no two run out at once and the search never stands
/// still. Rounding takes it away.
const LOOSE: f64 = 1e-6;
/// Pivots for one question.
const MOST_PIVOTS: usize = 400;

/// An atom, or a column over several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Atom(u32),
    Column(u32),
}

/// A form, by how much it has moved, and the least and the most that it may.
#[derive(Debug, Clone, Copy)]
struct Form {
    name: Name,
    value: f64,
    low: f64,
    high: f64,
}

impl Form {
    /// How far it may go in a direction.
    fn room(&self, sign: f64) -> f64 {
        let (bound, room) =
            if sign > 0.0 { (self.high, self.high - self.value) } else { (self.low, self.value - self.low) };
        if bound.abs() >= FAR { FAR } else { room.max(0.0) }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    /// What is given by the directions.
    forms: Vec<Form>,
    /// For each of these, its sum of directions.
    sums: Vec<f64>,
    /// The directions.
    free: Vec<Form>,
    /// Released columns of several atoms that say all that such columns say.
    pub(super) released: Vec<u32>,
}

/// How far a column went.
#[derive(Debug)]
pub(super) enum Reach {
    /// As far as was asked; how far each atom moved.
    There(Vec<(u32, f64)>),
    /// There is no world in which it goes as far.
    Never,
    /// No answer within the pivots that one question may take.
    Unknown,
}

impl Kernel {
    /// The directions left if all but the withheld columns are released. Takes the square of the atoms that may move times the columns,
    /// at worst.
    pub(super) fn new(table: &Table, withheld: &[bool]) -> Self {
        let left = Left::new(table, withheld);
        let columns = table.indices().filter(|index| at(withheld, *index));
        let columns: Vec<(u32, Vec<usize>)> = columns.map(|index| (index, left.places(table, index))).collect();
        let Left { moving, atoms, released } = left;
        let directions: Vec<usize> = (0..moving.len()).filter(|place| atoms.is_free(*place)).collect();
        let mut kernel = Self { forms: Vec::new(), sums: Vec::new(), free: Vec::new(), released };
        let mut lone: Vec<(f64, f64)> = moving.iter().map(|atom| (-real(at(&table.truth, *atom)), FAR)).collect();
        let bounds = |index: u32| {
            let column = table.column(index);
            (real(column.lower - column.value), column.upper.map_or(FAR, |upper| real(upper - column.value)))
        };
        for (index, places) in &columns {
            if let [place] = places.as_slice()
                && let Some(slot) = lone.get_mut(*place)
            {
                let (low, high) = bounds(*index);
                *slot = (slot.0.max(low), slot.1.min(high));
            }
        }
        for ((atom, bounds), place) in moving.iter().zip(&lone).zip(0..) {
            kernel.add(Name::Atom(*atom), *bounds, &atoms, &directions, &[place]);
        }
        for (index, places) in columns.iter().filter(|(_, places)| places.len() > 1) {
            kernel.add(Name::Column(*index), bounds(*index), &atoms, &directions, places);
        }
        kernel
    }

    /// Adds a form, unless it cannot move at all.
    fn add(&mut self, name: Name, (low, high): (f64, f64), atoms: &Atoms, directions: &[usize], places: &[usize]) {
        #[allow(clippy::cast_precision_loss, reason = "a share of one")]
        let share =
            ((self.forms.len() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / f64::from(1 << 24);
        let loose = LOOSE * (1.0 + share);
        let form = Form { name, value: 0.0, low: low - loose, high: high + loose };
        if let [place] = places
            && atoms.is_free(*place)
        {
            self.free.push(form);
            return;
        }
        let mut sum = vec![0.0; atoms.given.len()];
        places.iter().for_each(|place| atoms.add_to(&mut sum, *place));
        let sum: Vec<f64> = directions.iter().map(|place| sum.get(*place).copied().unwrap_or(0.0)).collect();
        if sum.iter().any(|entry| entry.abs() > ZERO) {
            self.forms.push(form);
            self.sums.extend(sum);
        }
    }

    /// Which form a column is: that of its atom, if only one of its atoms may move.
    fn name(&self, table: &Table, index: u32) -> Option<Name> {
        let own = table.atoms.row(index);
        let known = |name: Name| self.forms.iter().chain(&self.free).any(|form| form.name == name);
        if known(Name::Column(index)) {
            return Some(Name::Column(index));
        }
        let mut lone = own.iter().map(|atom| Name::Atom(*atom)).filter(|name| known(*name));
        match (lone.next(), lone.next()) {
            (Some(atom), None) => Some(atom),
            _ => None,
        }
    }

    /// How far a column can go towards an amount, starting from the truth, if single atoms must not fall below some counts.
    pub(super) fn reach(&self, table: &Table, index: u32, amount: i64, floors: &[(u32, i64)]) -> Reach {
        let Some(name) = self.name(table, index) else { return Reach::Never };
        let mut state = self.clone();
        for form in state.forms.iter_mut().chain(&mut state.free) {
            let Name::Atom(atom) = form.name else { continue };
            if let Ok(place) = floors.binary_search_by_key(&atom, |floor| floor.0) {
                let floor = floors.get(place).map_or(0, |floor| floor.1);
                form.low = form.low.max(real(floor - at(&table.truth, atom)) - LOOSE).min(0.0);
            }
        }
        let (sign, amount) = (if amount > 0 { 1.0 } else { -1.0 }, real(amount.abs()));
        for _ in 0..MOST_PIVOTS {
            let missing = amount - state.value(name) * sign;
            if missing <= 0.5 * LOOSE {
                return Reach::There(state.point());
            }
            let Some((direction, slope)) = state.steepest(name, sign) else {
                // What loose bounds lend is no world, and what is missing for their sake is there.
                return if missing < 1e-3 { Reach::There(state.point()) } else { Reach::Never };
            };
            state.follow(direction, slope.signum(), missing / slope.abs());
        }
        Reach::Unknown
    }

    fn value(&self, name: Name) -> f64 {
        self.forms.iter().chain(&self.free).find(|form| form.name == name).map_or(0.0, |form| form.value)
    }

    /// The direction that moves a form most, and how much.
    fn steepest(&self, name: Name, sign: f64) -> Option<(usize, f64)> {
        if let Some(place) = self.free.iter().position(|form| form.name == name) {
            let room = self.free.get(place).map_or(0.0, |form| form.room(sign));
            return (room > ZERO).then_some((place, sign));
        }
        let row = self.forms.iter().position(|form| form.name == name)?;
        let mut best: Option<(usize, f64)> = None;
        for ((entry, form), place) in self.row(row).iter().zip(&self.free).zip(0..) {
            let slope = entry * sign;
            let steeper = best.is_none_or(|(_, best)| slope.abs() > best.abs() + ZERO);
            if slope.abs() > SLOPE && steeper && form.room(slope) > ZERO {
                best = Some((place, slope));
            }
        }
        best
    }

    fn row(&self, row: usize) -> &[f64] {
        let width = self.free.len();
        self.sums.get(row * width..(row + 1) * width).unwrap_or(&[])
    }

    /// Follows a direction for a length at most; what runs out first becomes a direction in its place.
    fn follow(&mut self, direction: usize, sign: f64, length: f64) {
        let width = self.free.len();
        let own = self.free.get(direction).map_or(0.0, |form| form.room(sign));
        let (mut least, mut stop, mut size) = (own.min(length), None, 0.0);
        let entries = self.sums.chunks_exact(width.max(1)).map(|row| row.get(direction).copied().unwrap_or(0.0));
        let entries: Vec<f64> = entries.collect();
        for ((form, entry), row) in self.forms.iter().zip(&entries).zip(0..) {
            let slope = entry * sign;
            let room = form.room(slope);
            if slope.abs() < SLOPE || room >= FAR {
                continue;
            }
            let most = room / slope.abs();
            // Between equals, the larger divisor errs less.
            if most < least - 1e-12 || (stop.is_some() && most <= least + 1e-12 && slope.abs() > size) {
                (least, stop, size) = (most, Some(row), slope.abs());
            }
        }
        for (form, entry) in self.forms.iter_mut().zip(&entries) {
            form.value += entry * sign * least;
        }
        if let Some(form) = self.free.get_mut(direction) {
            form.value += sign * least;
        }
        if let Some(row) = stop {
            self.exchange(row, direction, &entries);
        }
    }

    /// Makes a form a direction and the direction a form.
    fn exchange(&mut self, row: usize, direction: usize, entries: &[f64]) {
        let width = self.free.len();
        let Some(divisor) = entries.get(row).copied() else { return };
        let mut pivot: Vec<f64> = self.row(row).iter().map(|entry| -entry / divisor).collect();
        if let Some(slot) = pivot.get_mut(direction) {
            *slot = 1.0 / divisor;
        }
        pivot.iter_mut().filter(|entry| entry.abs() < 1e-11).for_each(|entry| *entry = 0.0);
        for ((sum, factor), other) in self.sums.chunks_exact_mut(width).zip(entries).zip(0..) {
            if other == row {
                sum.copy_from_slice(&pivot);
            } else if *factor != 0.0 {
                if let Some(slot) = sum.get_mut(direction) {
                    *slot = 0.0;
                }
                sum.iter_mut().zip(&pivot).for_each(|(slot, entry)| *slot += factor * entry);
            }
        }
        if let (Some(form), Some(free)) = (self.forms.get_mut(row), self.free.get_mut(direction)) {
            std::mem::swap(form, free);
        }
    }

    /// Atoms that may move, in order.
    pub(super) fn atoms(&self) -> Vec<u32> {
        let atom = |form: &Form| match form.name {
            Name::Atom(atom) => Some(atom),
            Name::Column(_) => None,
        };
        let mut atoms: Vec<u32> = self.forms.iter().chain(&self.free).filter_map(atom).collect();
        atoms.sort_unstable();
        atoms
    }

    /// How far each atom has moved, in their order.
    fn point(&self) -> Vec<(u32, f64)> {
        let moved = |form: &Form| match form.name {
            Name::Atom(atom) if form.value.abs() > 1e-4 => Some((atom, form.value)),
            _ => None,
        };
        let mut point: Vec<(u32, f64)> = self.forms.iter().chain(&self.free).filter_map(moved).collect();
        point.sort_unstable_by_key(|entry| entry.0);
        point
    }
}

/// What released columns leave undetermined.
pub(super) struct Left {
    /// Atoms that no released column has to itself, in order.
    moving: Vec<u32>,
    atoms: Atoms,
    /// Released columns of several atoms that say all that such columns say, in order.
    released: Vec<u32>,
}

impl Left {
    pub(super) fn new(table: &Table, withheld: &[bool]) -> Self {
        let fixed = |index: &u32| !at(withheld, *index);
        let mut moves = table.live.clone();
        for index in table.indices().filter(fixed) {
            if let [atom] = table.atoms.row(index) {
                set(&mut moves, *atom, false);
            }
        }
        let moving: Vec<u32> = (0_u32..).zip(&moves).filter(|(_, moves)| **moves).map(|(atom, _)| atom).collect();
        let mut left = Self { atoms: Atoms { given: vec![None; moving.len()] }, moving, released: Vec::new() };
        let mut rows: Vec<(u32, Vec<usize>)> =
            table.indices().filter(fixed).map(|index| (index, left.places(table, index))).collect();
        rows.sort_by_key(|(index, places)| (places.len(), *index));
        for (index, places) in rows {
            if left.atoms.determine(&places) {
                left.released.push(index);
            }
        }
        left.released.sort_unstable();
        left
    }

    fn places(&self, table: &Table, index: u32) -> Vec<usize> {
        table.atoms.row(index).iter().filter_map(|atom| self.moving.binary_search(atom).ok()).collect()
    }

    /// Whether a column is still undetermined.
    pub(super) fn moves(&self, table: &Table, index: u32) -> bool {
        let mut sum = vec![0.0; self.moving.len()];
        self.places(table, index).into_iter().for_each(|place| self.atoms.add_to(&mut sum, place));
        sum.iter().any(|entry| entry.abs() > ZERO)
    }
}

/// Atoms by place, and for those that others give, by which sum of them.
struct Atoms {
    given: Vec<Option<Vec<f64>>>,
}

impl Atoms {
    fn is_free(&self, place: usize) -> bool {
        self.given.get(place).is_none_or(Option::is_none)
    }

    /// Adds an atom, in terms of the free ones, to a sum.
    fn add_to(&self, sum: &mut [f64], place: usize) {
        match self.given.get(place) {
            Some(Some(given)) => sum.iter_mut().zip(given).for_each(|(slot, entry)| *slot += entry),
            _ => sum.get_mut(place).into_iter().for_each(|slot| *slot += 1.0),
        }
    }

    /// Keeps the sum of some atoms from moving: gives one by the others. Whether that was news.
    fn determine(&mut self, places: &[usize]) -> bool {
        let mut sum = vec![0.0; self.given.len()];
        places.iter().for_each(|place| self.add_to(&mut sum, *place));
        // Dividing by one errs least.
        let off = |entry: f64| (entry.abs() - 1.0).abs();
        let mut best: Option<(usize, f64)> = None;
        for (entry, place) in sum.iter().zip(0..).filter(|(entry, _)| entry.abs() > SLOPE) {
            if best.is_none_or(|(_, best)| off(*entry) + ZERO < off(best)) {
                best = Some((place, *entry));
            }
        }
        let Some((gives, divisor)) = best else { return false };
        let new: Vec<f64> = sum
            .iter()
            .zip(0..)
            .map(|(entry, place)| if place == gives || entry.abs() < ZERO { 0.0 } else { -entry / divisor })
            .collect();
        for given in self.given.iter_mut().flatten() {
            let Some(factor) = given.get(gives).copied().filter(|factor| *factor != 0.0) else { continue };
            given.get_mut(gives).into_iter().for_each(|slot| *slot = 0.0);
            given.iter_mut().zip(&new).for_each(|(slot, entry)| *slot += factor * entry);
        }
        self.given.get_mut(gives).into_iter().for_each(|slot| *slot = Some(new.clone()));
        true
    }
}

/// A count as a floating point number: counts are small beside 2^52.
#[allow(clippy::cast_precision_loss, reason = "counts are small beside 2^52")]
const fn real(number: i64) -> f64 {
    number as f64
}
