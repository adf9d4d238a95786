//! Where the search for circuits ends: the cheapest change that moves a column, as a linear program over the whole table.
//!
//! Atoms go up or down; a column that may be withheld may change at its cost, one that may not, may not. What is found is repaired
//! to whole numbers and checked exactly.

use std::collections::BTreeMap;

use super::program::{Microlp, Program, Relation, Solver};
use crate::table::{Change, Column, Role, Table, at};

/// Tables with more atoms or columns are left to the search for circuits.
const MOST_ATOMS: usize = 1_000;
const MOST_COLUMNS: usize = 3_000;
/// Nodes of the repair to whole numbers.
const NODES: u64 = 40;
/// Moving a record costs a little, so that nothing moves in vain.
const MOVE: f64 = 0.01;
/// Numbers closer to zero are zero.
const ZERO: f64 = 1e-6;
/// Numbers closer to a whole one are it.
const WHOLE: f64 = 1e-3;

/// What is asked for.
pub(super) struct Wanted<'a> {
    pub(super) withheld: &'a [bool],
    pub(super) target: u32,
    /// How far to move the target, with its direction.
    pub(super) amount: i64,
    /// Least counts of atoms, where somebody knows better.
    pub(super) floors: &'a [(u32, i64)],
    /// Whether headline totals may be withheld.
    pub(super) headlines: bool,
    /// What may be withheld anew.
    pub(super) pay: Pay<'a>,
}

/// What a change may cost.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pay<'a> {
    /// Any released column that may be withheld.
    Any,
    /// Nothing.
    Nothing {
        /// Of the released columns, enough to say all that they say of what moves.
        released: &'a [u32],
        /// Which atoms may move, in order; those that a released column has to itself may not be among them.
        atoms: &'a [u32],
    },
}

/// Whether a table is small enough.
pub(super) const fn suits(table: &Table) -> bool {
    table.truth.len() <= MOST_ATOMS && table.columns.len() <= MOST_COLUMNS
}

/// A change that moves the target by the amount, and what has to be withheld for it.
pub(super) fn cheapest(table: &Table, wanted: &Wanted<'_>) -> Option<(Change, Vec<u32>)> {
    let pays = matches!(wanted.pay, Pay::Any);
    let price = |column: &Column| -> Option<f64> {
        let allowed = match column.role {
            Role::Open => true,
            Role::Headline => wanted.headlines,
            _ => false,
        };
        #[allow(clippy::cast_precision_loss, reason = "costs are small whole numbers")]
        let cost = column.cost as f64;
        (pays && allowed && column.value >= column.lower).then_some(cost)
    };
    let mut allowed: BTreeMap<u32, f64> = BTreeMap::new();
    for (column, index) in table.columns.iter().zip(0_u32..) {
        if let Some(cost) = price(column).filter(|_| !at(wanted.withheld, index)) {
            allowed.insert(index, cost);
        }
    }
    let found = Model::new(table, wanted, &allowed, false).solve()?;
    let bought: Vec<u32> =
        allowed.keys().filter(|index| found.moved.get(index).is_some_and(|net| net.abs() > ZERO)).copied().collect();
    let change = match found.whole(table) {
        Some(change) => change,
        None => {
            let free = bought.iter().map(|index| (*index, MOVE)).collect();
            Model::new(table, wanted, &free, true).solve()?.whole(table)?
        }
    };
    let bought = bought.into_iter().filter(|index| change.nets.binary_search_by_key(index, |net| net.0).is_ok());
    let bought: Vec<u32> = bought.collect();
    is_exact(table, wanted, &change, &bought).then_some((change, bought))
}

/// The change that a solution in real numbers is, if it is whole and what was asked for.
pub(super) fn whole(table: &Table, wanted: &Wanted<'_>, point: &[(u32, f64)]) -> Option<Change> {
    let change = Moved { atoms: point.iter().copied().collect(), moved: BTreeMap::new() }.whole(table)?;
    is_exact(table, wanted, &change, &[]).then_some(change)
}

/// Checks in whole numbers that only what may change changes, within what is known.
fn is_exact(table: &Table, wanted: &Wanted<'_>, change: &Change, bought: &[u32]) -> bool {
    let floor = |atom: u32| wanted.floors.iter().find(|floor| floor.0 == atom).map_or(0, |floor| floor.1);
    let atoms = change
        .atoms
        .iter()
        .all(|(atom, delta)| at(&table.live, *atom) && (*delta > 0 || at(&table.truth, *atom) + delta >= floor(*atom)));
    let columns = change.nets.iter().all(|(index, net)| {
        let Some(column) = table.columns.get(*index as usize) else { return false };
        let value = column.value + net;
        let known = value >= column.lower && column.upper.is_none_or(|upper| value <= upper);
        known && (at(wanted.withheld, *index) || bought.binary_search(index).is_ok())
    });
    let moved = change.nets.iter().find(|net| net.0 == wanted.target).map_or(0, |net| net.1);
    let reached = moved * wanted.amount.signum() >= wanted.amount.abs();
    atoms && columns && reached
}

/// A solved program: how far atoms and the columns that may be bought move.
struct Moved {
    atoms: BTreeMap<u32, f64>,
    moved: BTreeMap<u32, f64>,
}

impl Moved {
    /// The change in whole numbers, if it is one.
    fn whole(&self, table: &Table) -> Option<Change> {
        let mut atoms = Vec::new();
        let mut nets: BTreeMap<u32, i64> = BTreeMap::new();
        for (atom, delta) in &self.atoms {
            #[allow(clippy::cast_possible_truncation, reason = "bounded by the program")]
            let whole = delta.round() as i64;
            #[allow(clippy::cast_precision_loss, reason = "small")]
            if (delta - whole as f64).abs() > WHOLE {
                return None;
            }
            if whole != 0 {
                atoms.push((*atom, whole));
                table.members.row(*atom).iter().for_each(|column| *nets.entry(*column).or_insert(0) += whole);
            }
        }
        Some(Change { atoms, nets: nets.into_iter().filter(|net| net.1 != 0).collect() })
    }
}

/// The program of one question.
struct Model {
    program: Program,
    /// Variables up and down of each atom.
    atoms: Vec<(u32, usize, usize)>,
    /// Variables up and down of each column that may be bought.
    columns: Vec<(u32, usize, usize)>,
}

impl Model {
    fn new(table: &Table, wanted: &Wanted<'_>, allowed: &BTreeMap<u32, f64>, whole: bool) -> Self {
        let mut model =
            Self { program: Program { whole, ..Program::default() }, atoms: Vec::new(), columns: Vec::new() };
        let floors: BTreeMap<u32, i64> = wanted.floors.iter().copied().collect();
        #[allow(clippy::cast_precision_loss, reason = "counts are small beside 2^52")]
        let real = |number: i64| number as f64;
        let most = real(wanted.amount.abs() * 2 + 8);
        let mut terms: Vec<Vec<(usize, f64)>> = vec![Vec::new(); table.columns.len()];
        for (count, atom) in table.truth.iter().zip(0_u32..) {
            let moves = match wanted.pay {
                Pay::Any => at(&table.live, atom),
                Pay::Nothing { atoms, .. } => atoms.binary_search(&atom).is_ok(),
            };
            if !moves {
                continue;
            }
            let room = (count - floors.get(&atom).copied().unwrap_or(0)).max(0);
            let up = model.program.variable(MOVE, most);
            let down = model.program.variable(MOVE, real(room));
            model.atoms.push((atom, up, down));
            for column in table.members.row(atom) {
                if let Some(list) = terms.get_mut(*column as usize) {
                    list.extend([(up, 1.0), (down, -1.0)]);
                }
            }
        }
        let scale = real(wanted.amount.abs().max(1));
        for ((column, index), mut terms) in table.columns.iter().zip(0_u32..).zip(terms) {
            if terms.is_empty() {
                continue;
            }
            if at(wanted.withheld, index) {
                model.known(column, &terms);
            } else {
                if let Pay::Nothing { released, .. } = wanted.pay
                    && released.binary_search(&index).is_err()
                {
                    continue;
                }
                if let Some(cost) = allowed.get(&index) {
                    let up = model.program.variable(cost / scale, most * 4.0);
                    let room = real((column.value - column.lower).max(0));
                    let down = model.program.variable(cost / scale, room.min(most * 4.0));
                    terms.extend([(up, -1.0), (down, 1.0)]);
                    model.columns.push((index, up, down));
                }
                model.program.row(terms, Relation::Equal, 0.0);
                continue;
            }
            if wanted.target == index {
                let relation = if wanted.amount > 0 { Relation::AtLeast } else { Relation::AtMost };
                model.program.row(terms, relation, real(wanted.amount));
            }
        }
        model
    }

    /// What is known of a withheld column.
    fn known(&mut self, column: &Column, terms: &[(usize, f64)]) {
        #[allow(clippy::cast_precision_loss, reason = "counts are small beside 2^52")]
        let real = |number: i64| number as f64;
        // Without a mark that says more, atoms alone keep a column from becoming negative.
        if column.lower > 0 {
            self.program.row(terms.to_vec(), Relation::AtLeast, real(column.lower - column.value));
        }
        if let Some(upper) = column.upper {
            self.program.row(terms.to_vec(), Relation::AtMost, real(upper - column.value));
        }
    }

    fn solve(self) -> Option<Moved> {
        let values = Microlp { nodes: NODES }.minimise(&self.program)?;
        let net = |(index, up, down): &(u32, usize, usize)| {
            let value = |variable: &usize| values.get(*variable).copied().unwrap_or(0.0);
            (*index, value(up) - value(down))
        };
        Some(Moved {
            atoms: self.atoms.iter().map(net).filter(|(_, net)| net.abs() > ZERO).collect(),
            moved: self.columns.iter().map(net).collect(),
        })
    }
}
