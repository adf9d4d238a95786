//! Finds witnesses for every withheld column, withholding more where none exist.

use std::collections::VecDeque;

use super::search::{Change, Effort, Search};
use super::{Solution, Unprovable};
use crate::policy::StepBudget;
use crate::table::{Role, Table, at, set};

/// More than any table costs.
const ANY_COST: i64 = 1 << 40;

/// One step of the search for a circuit that may cost something.
struct Rung {
    cost: i64,
    headlines: bool,
    /// Times the budget of states.
    times: u32,
    turn: u64,
}

/// About one ordinary column, two, six, any, and headline totals at last, then with other turns between equals.
const LADDER: [Rung; 8] = [
    Rung { cost: 100, headlines: false, times: 1, turn: 0 },
    Rung { cost: 200, headlines: false, times: 1, turn: 0 },
    Rung { cost: 500, headlines: false, times: 1, turn: 0 },
    Rung { cost: ANY_COST, headlines: false, times: 4, turn: 0 },
    Rung { cost: ANY_COST, headlines: true, times: 4, turn: 0 },
    Rung { cost: ANY_COST, headlines: true, times: 8, turn: 1 },
    Rung { cost: ANY_COST, headlines: true, times: 16, turn: 2 },
    Rung { cost: ANY_COST, headlines: true, times: 16, turn: 3 },
];

/// Best known extremes of a column: how far above and below the truth, and in which world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extremes {
    pub(super) above: i64,
    pub(super) top: Option<u32>,
    pub(super) below: i64,
    pub(super) bottom: Option<u32>,
}

pub(super) struct Cover<'a> {
    pub(super) table: &'a Table,
    pub(super) budget: StepBudget,
    pub(super) withheld: Vec<bool>,
    pub(super) worlds: Vec<Change>,
    /// Worlds that no longer count, because they change a released column.
    pub(super) dropped: Vec<bool>,
    pub(super) extremes: Vec<Extremes>,
    pub(super) search: Search<'a>,
}

impl<'a> Cover<'a> {
    pub(super) fn new(table: &'a Table, budget: StepBudget) -> Self {
        let withheld =
            table.columns.iter().map(|column| matches!(column.role, Role::Protected | Role::Difference)).collect();
        Self {
            table,
            budget,
            withheld,
            worlds: Vec::new(),
            dropped: Vec::new(),
            extremes: vec![Extremes::default(); table.columns.len()],
            search: Search::new(table),
        }
    }

    /// How much the largest and the smallest known value of a withheld column still have to move apart, and how much of
    /// that must be upwards.
    pub(super) fn missing(&self, index: u32) -> (i64, i64) {
        let Some(column) = self.table.columns.get(index as usize) else { return (0, 0) };
        let known = at(&self.extremes, index);
        let up = (column.reach - column.value - known.above).max(0);
        let apart = (column.width - known.above - known.below).max(0);
        (up.max(apart), up)
    }

    pub(super) fn covered(&self, index: u32) -> bool {
        !at(&self.withheld, index) || self.missing(index).0 == 0
    }

    /// Records a world.
    pub(super) fn keep(&mut self, change: Change) {
        let number = u32::try_from(self.worlds.len()).unwrap_or(u32::MAX);
        for (index, net) in &change.nets {
            self.note(*index, *net, number);
        }
        self.worlds.push(change);
        self.dropped.push(false);
    }

    pub(super) fn note(&mut self, index: u32, net: i64, world: u32) {
        let Some(known) = self.extremes.get_mut(index as usize) else { return };
        if net > known.above {
            (known.above, known.top) = (net, Some(world));
        }
        if -net > known.below {
            (known.below, known.bottom) = (-net, Some(world));
        }
    }

    /// Protects everything that is withheld now, and whatever that makes withheld.
    pub(super) fn run(&mut self) -> Result<(), Unprovable> {
        let mut first: Vec<u32> = self.table.indices().filter(|index| at(&self.withheld, *index)).collect();
        first.sort_by_key(|index| (self.table.column(*index).order, *index));
        let mut queue = VecDeque::new();
        for index in first {
            if !self.cover_free(index) {
                queue.push_back(index);
            }
        }
        while let Some(index) = queue.pop_front() {
            if self.covered(index) {
                continue;
            }
            let bought = match self.cover_paid(index) {
                Some(bought) => bought,
                None => self.escalate(index)?,
            };
            for column in bought.into_iter().chain([index]) {
                if !self.cover_free(column) {
                    queue.push_back(column);
                }
            }
        }
        Ok(())
    }

    pub(super) fn withhold(&mut self, columns: &[u32]) {
        columns.iter().for_each(|column| set(&mut self.withheld, *column, true));
    }

    const fn free(&self) -> Effort {
        Effort { states: self.budget.free_search, cost: 0, headlines: false, hurry: false, turn: 0 }
    }

    /// Tries to cover a column without withholding anything; says whether it is covered.
    pub(super) fn cover_free(&mut self, index: u32) -> bool {
        let effort = self.free();
        loop {
            let (apart, up) = self.missing(index);
            if apart == 0 {
                return true;
            }
            // Up by all that is missing, down by it, or up by what must be up and down by the rest later.
            let (raise, lower) = self.amounts(index, apart, up);
            let least = at(&self.extremes, index).above + up;
            let attempts = [raise, lower, (up > 0 && raise.is_some_and(|raise| least < raise)).then_some(least)];
            let found = attempts
                .into_iter()
                .flatten()
                .find_map(|amount| self.search.shift(&self.withheld, index, amount, effort));
            let Some((change, _, _)) = found else { return false };
            self.keep(change);
        }
    }

    /// How far from the truth a new world should raise the column, and how far it should lower it if that is of use; as far
    /// as public bounds allow.
    fn amounts(&self, index: u32, apart: i64, up: i64) -> (Option<i64>, Option<i64>) {
        let Some(column) = self.table.columns.get(index as usize) else { return (None, None) };
        let known = at(&self.extremes, index);
        let room = column.upper.map_or(i64::MAX, |upper| upper - column.value);
        let raise = (known.above + apart).min(room);
        let lower = (known.below + apart).min(column.value - column.lower);
        let enough = up == 0 && lower > known.below && (lower == known.below + apart || raise <= known.above);
        ((raise > known.above).then_some(raise), enough.then_some(-lower))
    }

    /// Covers a column by the cheapest circuits found, up or down; returns what has to be withheld for it.
    fn cover_paid(&mut self, index: u32) -> Option<Vec<u32>> {
        let (apart, up) = self.missing(index);
        let (raise, lower) = self.amounts(index, apart, up);
        for Rung { cost, headlines, times, turn } in LADDER {
            // Where any cost is allowed, the first way out is taken; `thrift` makes it cheaper.
            let hurry = cost == ANY_COST;
            let effort = Effort { states: self.budget.paid_search * times, cost, headlines, hurry, turn };
            let raised = raise.and_then(|raise| self.search.shift(&self.withheld, index, raise, effort));
            let limit = raised.as_ref().map_or(cost, |found| found.2 - 1);
            let lowered = match lower {
                Some(lower) if limit > 0 => {
                    self.search.shift(&self.withheld, index, lower, Effort { cost: limit, ..effort })
                }
                _ => None,
            };
            let amount = lower.filter(|_| lowered.is_some()).or(raise).unwrap_or(0);
            if let Some((change, bought, _)) = lowered.or(raised) {
                let (change, bought) = self.thrift(index, amount, change, bought);
                self.withhold(&bought);
                self.keep(change);
                return Some(bought);
            }
        }
        None
    }

    /// Does without one bought column after the other, the dearest first, as long as the rest is enough.
    fn thrift(&mut self, index: u32, amount: i64, mut change: Change, bought: Vec<u32>) -> (Change, Vec<u32>) {
        let mut order = bought.clone();
        order.sort_by_key(|column| (-self.table.column(*column).cost, *column));
        let effort = Effort { states: self.budget.paid_search, cost: 0, headlines: false, hurry: false, turn: 0 };
        let mut withheld = self.withheld.clone();
        bought.iter().for_each(|column| set(&mut withheld, *column, true));
        let mut needed = bought;
        for column in order {
            set(&mut withheld, column, false);
            if change.nets.binary_search_by_key(&column, |net| net.0).is_ok() {
                let Some((other, _, _)) = self.search.shift(&withheld, index, amount, effort) else {
                    set(&mut withheld, column, true);
                    continue;
                };
                change = other;
            }
            needed.retain(|kept| *kept != column);
        }
        (change, needed)
    }

    /// Withholds more and more around a column until it is covered: what lies inside it, what shares an atom, everything.
    fn escalate(&mut self, index: u32) -> Result<Vec<u32>, Unprovable> {
        let mut bought = Vec::new();
        for level in 0..4 {
            let more = self.around(index, level);
            self.withhold(&more);
            bought.extend_from_slice(&more);
            if !more.is_empty() && (self.cover_free(index) || self.cover_hard(index)) {
                return Ok(bought);
            }
        }
        Err(Unprovable(index))
    }

    /// A long search for a free circuit.
    fn cover_hard(&mut self, index: u32) -> bool {
        let (apart, up) = self.missing(index);
        let (raise, _) = self.amounts(index, apart, up);
        let effort = Effort { states: self.budget.paid_search * 20, cost: 0, headlines: false, hurry: true, turn: 9 };
        let found = raise.and_then(|raise| self.search.shift(&self.withheld, index, raise, effort));
        found.map(|(change, _, _)| self.keep(change)).is_some()
    }

    /// Released columns that may be withheld: at level 0 those that share atoms with the column without containing it, then
    /// all that share atoms, then all but headlines, then all.
    fn around(&self, index: u32, level: u32) -> Vec<u32> {
        let own = self.table.atoms.row(index);
        let mut shared = vec![0_usize; self.table.columns.len()];
        for column in own.iter().flat_map(|atom| self.table.members.row(*atom)) {
            if let Some(count) = shared.get_mut(*column as usize) {
                *count += 1;
            }
        }
        let wanted = |other: &u32| {
            let column = self.table.column(*other);
            let count = at(&shared, *other);
            let open = match column.role {
                Role::Open => true,
                Role::Headline => level == 3,
                _ => false,
            };
            let near = match level {
                0 => count > 0 && count < own.len(),
                1 => count > 0,
                _ => true,
            };
            open && near && column.value >= column.lower && !at(&self.withheld, *other)
        };
        self.table.indices().filter(wanted).collect()
    }

    /// Keeps only the worlds that are somebody's witness.
    pub(super) fn finish(self) -> Solution {
        let mut new_number = vec![None; self.worlds.len()];
        let mut worlds = Vec::new();
        let mut witnesses = Vec::new();
        let mut renumber = |world: Option<u32>| -> Option<u32> {
            let old = world? as usize;
            let slot = new_number.get_mut(old)?;
            if slot.is_none() {
                *slot = u32::try_from(worlds.len()).ok();
                worlds.push(self.worlds.get(old).cloned().unwrap_or_default());
            }
            *slot
        };
        for index in self.table.indices().filter(|index| at(&self.withheld, *index)) {
            let known = at(&self.extremes, index);
            witnesses.push((index, renumber(known.top), renumber(known.bottom)));
        }
        Solution { withheld: self.withheld, worlds, witnesses, steps: self.search.steps }
    }
}
