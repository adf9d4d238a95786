//! Search for circuits: small integer changes of atoms that no released cell sees, or that few cheap cells see.
//!
//! A state is a set of changed atoms. Its faults are the released columns whose sum changed and the withheld ones that would
//! leave what is known of them. Best first, one fault is mended at a time: by an opposite change of another of its atoms, or by
//! withholding the column, which costs.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::rc::Rc;

use crate::policy::StepBudget;
use crate::table::{Change, Column, Role, Rows, Table, add, at};

/// How many of the best atoms are tried to mend one fault.
const BRANCHES: usize = 6;
/// How many atoms of the target are tried first.
const STARTS: usize = 12;
/// How many atoms of one column are looked at.
const SCAN: usize = 400;
/// Columns with more atoms are not searched for twins.
const TWIN_SCAN: usize = 64;
/// How many twins of an atom are looked at.
const TWINS: usize = 3;
/// What a headline total counts for in the search once it may be withheld.
const DEAR: i64 = 200;
/// Guessed cost of a fault that only other atoms can mend.
const STUCK: i64 = 64;

/// What a search may spend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// States opened.
    pub(crate) states: u32,
    /// Total cost of columns that may be withheld anew; 0 for a free circuit.
    pub(crate) cost: i64,
    /// Whether headline totals may be withheld too.
    pub(crate) headlines: bool,
    /// Whether to take the first way out rather than to look for a cheap one.
    pub(crate) hurry: bool,
    /// Which way to turn between equals.
    pub(crate) turn: u64,
}

struct Circuit {
    atoms: Vec<(u32, i64)>,
    nets: Vec<(u32, i64)>,
    paid: Vec<u32>,
}

#[derive(Clone)]
struct State {
    atoms: Vec<(u32, i64)>,
    nets: Vec<(u32, i64)>,
    paid: Vec<u32>,
    spent: i64,
    guess: i64,
    hash: u64,
}

/// A state to look at; most are never looked at, and so are not made before.
enum Next {
    Made(State),
    /// A state, the move that is made in it, forwards or backwards, and the guess after it.
    After(Rc<State>, u32, i64, i64),
}

/// One step of the search: one record more at `plus`, and perhaps one less at `minus`.
#[derive(Debug, Clone, Copy)]
struct Move {
    plus: u32,
    minus: Option<u32>,
}

/// A world under construction, and which columns are withheld.
pub(crate) struct Search<'a> {
    table: &'a Table,
    moves: Vec<Move>,
    /// Columns that gain by a move; none loses.
    gains: Rows,
    /// Moves by which a column gains.
    of_column: Rows,
    /// Withheld for the search: everything withheld, and what the search has paid for.
    withheld: Vec<bool>,
    world: Vec<i64>,
    sums: Vec<i64>,
    /// Counts below which single atoms must not fall, because somebody knows better; by atom.
    pub(crate) floors: Vec<(u32, i64)>,
    /// States opened so far, over all searches.
    pub(crate) steps: u64,
    /// How many may be.
    most: u64,
    changes: Changes,
}

/// By how much the guess changes if a column gains: asked for many moves of one state, most of which share columns.
#[derive(Default)]
struct Changes {
    /// The state that is asked about, by a number.
    turn: u64,
    /// By column: the turn that it was asked in, and what came out.
    known: Vec<(u64, i64)>,
}

/// Adds `delta` to the entry of `key` in a sorted list, dropping it at zero; returns the value before.
fn bump(list: &mut Vec<(u32, i64)>, key: u32, delta: i64) -> i64 {
    match list.binary_search_by_key(&key, |entry| entry.0) {
        Ok(index) => {
            let Some(entry) = list.get_mut(index) else { return 0 };
            let before = entry.1;
            entry.1 += delta;
            if entry.1 == 0 {
                list.remove(index);
            }
            before
        }
        Err(index) => {
            list.insert(index, (key, delta));
            0
        }
    }
}

fn value_in(list: &[(u32, i64)], key: u32) -> i64 {
    list.binary_search_by_key(&key, |entry| entry.0).ok().and_then(|i| list.get(i)).map_or(0, |entry| entry.1)
}

/// Every atom by itself, and with a twin: an atom in all its columns but some, such as the same place and month outside a
/// filter. Moving a record between the two changes the filtered columns alone.
fn moves(table: &Table) -> (Vec<Move>, Rows) {
    let atoms = 0..u32::try_from(table.truth.len()).unwrap_or(0);
    let mut moves: Vec<Move> = atoms.clone().map(|atom| Move { plus: atom, minus: None }).collect();
    let mut gains: Vec<Vec<u32>> = atoms.clone().map(|atom| table.members.row(atom).to_vec()).collect();
    for atom in atoms {
        let own = table.members.row(atom);
        let inside = |other: &u32| {
            let row = table.members.row(*other);
            !row.is_empty() && row.len() < own.len() && row.iter().all(|column| own.binary_search(column).is_ok())
        };
        let near = own.iter().map(|column| table.atoms.row(*column)).filter(|atoms| atoms.len() <= TWIN_SCAN);
        let found: BTreeSet<u32> = near.flatten().copied().filter(inside).collect();
        for twin in nearest(table, found) {
            let row = table.members.row(twin);
            moves.push(Move { plus: atom, minus: Some(twin) });
            gains.push(own.iter().filter(|column| row.binary_search(column).is_err()).copied().collect());
        }
    }
    (moves, Rows::new(gains))
}

/// Of atoms whose columns are some of another's: those that have the most of them, each in some way of its own.
fn nearest(table: &Table, found: BTreeSet<u32>) -> Vec<u32> {
    let mut found: Vec<u32> = found.into_iter().collect();
    found.sort_by_key(|other| (Reverse(table.members.row(*other).len()), Reverse(*other)));
    let mut nearest: Vec<u32> = Vec::new();
    for other in found {
        let row = table.members.row(other);
        let within = |twin: &u32| row.iter().all(|column| table.members.row(*twin).binary_search(column).is_ok());
        if nearest.len() < TWINS && !nearest.iter().any(within) {
            nearest.push(other);
        }
    }
    nearest
}

const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (number ^ (number >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

impl<'a> Search<'a> {
    pub(crate) fn new(table: &'a Table, budget: &StepBudget) -> Self {
        let sums = table.columns.iter().map(|column| column.value).collect();
        let withheld = vec![false; table.columns.len()];
        let (moves, gains) = moves(table);
        let of_column = gains.transposed(table.columns.len());
        Self {
            table,
            moves,
            gains,
            of_column,
            withheld,
            world: table.truth.clone(),
            sums,
            floors: Vec::new(),
            steps: 0,
            changes: Changes { turn: 0, known: vec![(0, 0); table.columns.len()] },
            most: u64::from(budget.each_column) * table.columns.len() as u64 + u64::from(budget.each_table),
        }
    }

    /// A change that moves `target` by `amount` (its sign says where to), starting from the truth; and the columns that must
    /// be withheld for it, sorted. `None` if this effort finds none.
    pub(crate) fn shift(
        &mut self,
        withheld: &[bool],
        target: u32,
        amount: i64,
        effort: Effort,
    ) -> Option<(Change, Vec<u32>, i64)> {
        self.withheld.clear();
        self.withheld.extend_from_slice(withheld);
        let sign = amount.signum();
        let mut missing = amount.abs();
        let (mut bought, mut spent) = (Vec::new(), 0);
        let mut change = Change::default();
        while missing > 0 {
            let left = Effort { cost: effort.cost - spent, ..effort };
            let Some(circuit) = self.circuit(target, sign, left) else { break };
            for column in &circuit.paid {
                spent += self.table.column(*column).cost;
                if let Some(flag) = self.withheld.get_mut(*column as usize) {
                    *flag = true;
                }
            }
            bought.extend_from_slice(&circuit.paid);
            let times = self.times(&circuit, target, sign, missing);
            if times <= 0 {
                break;
            }
            missing -= times * value_in(&circuit.nets, target) * sign;
            for (atom, delta) in circuit.atoms {
                add(&mut self.world, atom, delta * times);
                bump(&mut change.atoms, atom, delta * times);
            }
            for (column, net) in circuit.nets {
                add(&mut self.sums, column, net * times);
                bump(&mut change.nets, column, net * times);
            }
        }
        self.undo(&change);
        bought.sort_unstable();
        (missing <= 0).then_some((change, bought, spent))
    }

    fn floor(&self, atom: u32) -> i64 {
        value_in(&self.floors, atom)
    }

    fn undo(&mut self, change: &Change) {
        change.atoms.iter().for_each(|(atom, delta)| add(&mut self.world, *atom, -delta));
        change.nets.iter().for_each(|(column, net)| add(&mut self.sums, *column, -net));
    }

    /// How often a circuit can be applied before something runs out.
    fn times(&self, circuit: &Circuit, target: u32, sign: i64, missing: i64) -> i64 {
        let per_round = value_in(&circuit.nets, target) * sign;
        let mut times = if per_round > 0 { (missing + per_round - 1) / per_round } else { 0 };
        for (atom, delta) in circuit.atoms.iter().filter(|(_, delta)| *delta < 0) {
            times = times.min((at(&self.world, *atom) - self.floor(*atom)) / -delta);
        }
        for (index, net) in &circuit.nets {
            let Some(column) = self.table.columns.get(*index as usize) else { continue };
            let sum = at(&self.sums, *index);
            if *net < 0 {
                times = times.min((sum - column.lower) / -net);
            } else if let Some(upper) = column.upper {
                times = times.min((upper - sum) / net);
            }
        }
        times
    }

    /// Guessed cost of what is wrong with a column whose sum changed by `net`; 0 if nothing is.
    fn fault(&self, index: u32, column: &Column, net: i64, paid: &[u32], effort: Effort) -> i64 {
        if net == 0 {
            return 0;
        }
        if at(&self.withheld, index) || paid.contains(&index) {
            let sum = at(&self.sums, index) + net;
            let inside = sum >= column.lower && column.upper.is_none_or(|upper| sum <= upper);
            return if inside { 0 } else { STUCK };
        }
        match self.price(column, effort) {
            Some(cost) if effort.hurry => cost + net.abs(),
            Some(cost) => (cost / 2).min(2 * STUCK) * net.abs(),
            None => STUCK * net.abs(),
        }
    }

    /// What withholding costs, if it is allowed.
    const fn price(&self, column: &Column, effort: Effort) -> Option<i64> {
        let allowed = match column.role {
            Role::Open => true,
            Role::Headline => effort.headlines,
            _ => false,
        };
        if !allowed || column.cost > effort.cost || column.value < column.lower {
            return None;
        }
        // Where a headline must go, it must not look so dear that everything else is tried first.
        let limit = if effort.headlines { DEAR } else { i64::MAX };
        if column.cost < limit { Some(column.cost) } else { Some(limit) }
    }

    /// The guessed cost after a move forwards (`delta` 1) or backwards (-1), or `None` if there is nothing to move.
    fn guess_after(&self, state: &State, index: u32, delta: i64, effort: Effort, changes: &mut Changes) -> Option<i64> {
        let step = self.moves.get(index as usize)?;
        let possible = |atom: u32, delta: i64| {
            let now = at(&self.world, atom) + value_in(&state.atoms, atom);
            (delta > 0 || now + delta >= self.floor(atom)) && at(&self.table.live, atom)
        };
        if !possible(step.plus, delta) || !step.minus.is_none_or(|atom| possible(atom, -delta)) {
            return None;
        }
        let mut guess = state.guess;
        for index in self.gains.row(index) {
            let known = changes.known.get_mut(*index as usize)?;
            if known.0 != changes.turn {
                let column = self.table.columns.get(*index as usize)?;
                let net = value_in(&state.nets, *index);
                let fault = |net| self.fault(*index, column, net, &state.paid, effort);
                *known = (changes.turn, fault(net + delta) - fault(net));
            }
            guess += known.1;
        }
        Some(guess)
    }

    /// The steps and the hash of the state after a move, which is linear in the change, so that it does not matter by which way a
    /// state was reached.
    fn mark_after(&self, state: &State, index: u32, delta: i64) -> (i64, u64) {
        let Some(step) = self.moves.get(index as usize) else { return (state.spent, state.hash) };
        let mark = |atom: u32, delta: i64| mix(u64::from(atom) + 1).wrapping_mul(delta.cast_unsigned());
        let minus = step.minus.map_or(0, |atom| mark(atom, -delta));
        let hash = state.hash.wrapping_add(mark(step.plus, delta)).wrapping_add(minus);
        (state.spent + 1 + i64::from(step.minus.is_some()), hash)
    }

    fn after(&self, state: &State, index: u32, delta: i64, guess: i64) -> State {
        let mut next = state.clone();
        let Some(step) = self.moves.get(index as usize) else { return next };
        (next.spent, next.hash) = self.mark_after(state, index, delta);
        bump(&mut next.atoms, step.plus, delta);
        if let Some(atom) = step.minus {
            bump(&mut next.atoms, atom, -delta);
        }
        for column in self.gains.row(index) {
            bump(&mut next.nets, *column, delta);
        }
        next.guess = guess;
        next
    }

    /// The best moves that change a column by `delta`, the best first.
    fn best(&mut self, state: &State, column: u32, delta: i64, keep: usize, effort: Effort) -> Vec<(i64, u64, u32)> {
        let mut changes = std::mem::take(&mut self.changes);
        changes.turn += 1;
        let moves = self.of_column.row(column);
        let skip = if moves.len() > SCAN { (mix(state.hash) % moves.len() as u64) as usize } else { 0 };
        let mut found: Vec<(i64, u64, u32)> = Vec::new();
        for index in moves.iter().cycle().skip(skip).take(moves.len().min(SCAN)) {
            let Some(guess) = self.guess_after(state, *index, delta, effort, &mut changes) else { continue };
            // Between equals the state decides, which grew from the key: else the first atoms would always pay.
            found.push((guess, mix(state.hash ^ u64::from(*index)), *index));
        }
        self.changes = changes;
        if found.len() > keep {
            found.select_nth_unstable(keep);
            found.truncate(keep);
        }
        found.sort_unstable();
        found
    }

    /// The fault with the fewest atoms.
    fn worst(&self, state: &State, effort: Effort) -> Option<(u32, i64)> {
        let faulty = |(index, net): &&(u32, i64)| {
            let column = self.table.columns.get(*index as usize);
            column.is_some_and(|column| self.fault(*index, column, *net, &state.paid, effort) > 0)
        };
        state.nets.iter().filter(faulty).min_by_key(|(index, _)| self.of_column.row(*index).len()).copied()
    }

    /// One circuit that moves `target` by at least one step in the direction of `sign`.
    fn circuit(&mut self, target: u32, sign: i64, effort: Effort) -> Option<Circuit> {
        let hash = self.table.columns.get(target as usize).map_or(0, |column| column.order) ^ mix(effort.turn);
        let empty = State { atoms: Vec::new(), nets: Vec::new(), paid: Vec::new(), spent: 0, guess: 0, hash };
        let first = self.best(&empty, target, sign, STARTS, effort);
        let starts = first.into_iter().map(|(guess, _, step)| self.after(&empty, step, sign, guess)).collect();
        self.explore(starts, (target, sign), effort)
    }

    /// A world that moves `target` by at least `least` in its direction, made by mending one of these; and what must be withheld for it.
    pub(crate) fn mend(
        &mut self,
        withheld: &[bool],
        (target, least): (u32, i64),
        starts: &[&Change],
        effort: Effort,
    ) -> Option<(Change, Vec<u32>)> {
        self.withheld.clear();
        self.withheld.extend_from_slice(withheld);
        let state = |change: &&Change| {
            let (atoms, nets) = (change.atoms.clone(), change.nets.clone());
            let fault = |(index, net): &(u32, i64)| {
                let column = self.table.columns.get(*index as usize);
                column.map_or(0, |column| self.fault(*index, column, *net, &[], effort))
            };
            let guess = nets.iter().map(fault).sum();
            let mark = |(atom, delta): &(u32, i64)| mix(u64::from(*atom) + 1).wrapping_mul(delta.cast_unsigned());
            let hash = atoms.iter().map(mark).fold(effort.turn, u64::wrapping_add);
            State { atoms, nets, paid: Vec::new(), spent: 0, guess, hash }
        };
        let mut starts: Vec<State> = starts.iter().map(state).collect();
        starts.sort_by_key(|state| state.guess);
        starts.truncate(STARTS);
        let circuit = self.explore(starts, (target, least), effort)?;
        let mut bought = circuit.paid;
        bought.sort_unstable();
        Some((Change { atoms: circuit.atoms, nets: circuit.nets }, bought))
    }

    /// Mends states, the best first, until one has no fault and moves `target` by at least so much.
    fn explore(&mut self, starts: Vec<State>, (target, least): (u32, i64), effort: Effort) -> Option<Circuit> {
        let branches = if effort.hurry { 2 * BRANCHES } else { BRANCHES };
        let moves_enough = |moved: i64| moved * least.signum() >= least.abs();
        let mut states = Vec::new();
        let mut heap = BinaryHeap::new();
        let mut seen = BTreeSet::new();
        for state in starts {
            heap.push(Reverse((state.guess, states.len())));
            states.push(Some(Next::Made(state)));
        }
        for _ in 0..effort.states {
            if self.steps >= self.most {
                return None;
            }
            let Reverse((_, index)) = heap.pop()?;
            self.steps += 1;
            let state = Rc::new(match states.get_mut(index).and_then(Option::take)? {
                Next::Made(state) => state,
                Next::After(before, step, delta, guess) => self.after(&before, step, delta, guess),
            });
            let moved = value_in(&state.nets, target);
            let Some((worst, net)) = self.worst(&state, effort) else {
                if moves_enough(moved) {
                    return Some(Circuit {
                        atoms: state.atoms.clone(),
                        nets: state.nets.clone(),
                        paid: state.paid.clone(),
                    });
                }
                continue;
            };
            let mut keep = |rank: i64, hash: u64, next: Next| {
                if seen.insert(hash) {
                    heap.push(Reverse((rank, states.len())));
                    states.push(Some(next));
                }
            };
            let delta = -net.signum();
            for (guess, _, step) in self.best(&state, worst, delta, branches, effort) {
                let gained = if self.gains.row(step).binary_search(&target).is_ok() { delta } else { 0 };
                // The target must not be mended back to where it was.
                if moves_enough(moved + gained) {
                    let (spent, hash) = self.mark_after(&state, step, delta);
                    keep(spent + guess, hash, Next::After(Rc::clone(&state), step, delta, guess));
                }
            }
            if let Some(paid) = self.with_payment(&state, worst, net, effort) {
                keep(paid.spent + paid.guess, paid.hash, Next::Made(paid));
            }
        }
        None
    }

    /// The state after withholding a faulty column.
    fn with_payment(&self, state: &State, index: u32, net: i64, effort: Effort) -> Option<State> {
        let column = self.table.columns.get(index as usize)?;
        if at(&self.withheld, index) || state.paid.contains(&index) {
            return None;
        }
        let cost = self.price(column, effort)?;
        let paid: i64 = state.paid.iter().map(|paid| self.table.column(*paid).cost).sum();
        if paid + cost > effort.cost {
            return None;
        }
        let mut next = state.clone();
        next.guess -= self.fault(index, column, net, &state.paid, effort);
        next.paid.push(index);
        next.guess += self.fault(index, column, net, &next.paid, effort);
        next.spent += cost;
        next.hash = next.hash.wrapping_add(mix(u64::from(index) << 8 ^ 0x5bd1));
        Some(next)
    }
}
