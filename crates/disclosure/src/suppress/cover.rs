//! Finds witnesses for every withheld column, withholding more where none exist.

use std::collections::VecDeque;

use super::gauss;
use super::kernel::{Kernel, Left, Reach};
use super::linear::{self, Pay, Wanted};
use super::search::{Effort, Search};
use super::worlds::{Need, Worlds, starts_withheld};
use super::{Solution, Unprovable};
use crate::policy::StepBudget;
use crate::table::{Change, Column, Reader, Role, Table, at, set};

/// More than any table costs.
pub(super) const ANY_COST: i64 = 1 << 40;

/// How far the key moves columns back in the order of release, in quarters of a power of two.
const STEP: u32 = 1;

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

pub(super) struct Cover<'a> {
    pub(super) table: &'a Table,
    pub(super) budget: StepBudget,
    pub(super) withheld: Vec<bool>,
    pub(super) worlds: Worlds<'a>,
    pub(super) search: Search<'a>,
    /// In a small table: what was withheld, and what may still move then.
    kernel: Option<(Vec<bool>, Kernel)>,
}

impl<'a> Cover<'a> {
    pub(super) fn new(table: &'a Table, budget: StepBudget) -> Self {
        Self {
            table,
            budget,
            withheld: table.columns.iter().map(starts_withheld).collect(),
            worlds: Worlds::new(table),
            search: Search::new(table, &budget),
            kernel: None,
        }
    }

    /// The first thing that is missing for a column, and to whom: the public, or single readers.
    fn missing(&self, index: u32) -> Option<(Need, Vec<Reader>)> {
        if !at(&self.withheld, index) {
            return None;
        }
        let need = self.worlds.need(index, None);
        if need != Need::NOTHING {
            return Some((need, Vec::new()));
        }
        let readers = self.worlds.open_readers(index);
        let first = *readers.first()?;
        Some((self.worlds.need(index, Some(first)), readers))
    }

    pub(super) fn covered(&self, index: u32) -> bool {
        self.missing(index).is_none()
    }

    /// Protects everything that is withheld now, and whatever that makes withheld.
    pub(super) fn run(&mut self) -> Result<(), Unprovable> {
        self.inherit();
        let small = linear::suits(self.table);
        if small {
            self.give_up_early()?;
            self.guess();
        }
        let mut first: Vec<u32> = self.table.indices().filter(|index| at(&self.withheld, *index)).collect();
        first.sort_by_key(|index| (self.table.column(*index).order, *index));
        let mut queue = VecDeque::new();
        for index in first {
            if !self.cover_free(index) {
                queue.push_back(index);
            }
        }
        while let Some(index) = queue.pop_front() {
            if self.covered(index) || (small && self.cover_free(index)) {
                continue;
            }
            let bought = match self.cover_paid(index).or_else(|| self.cover_mended(index)) {
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

    /// Keeps the worlds of the plan before that still are worlds and show what is not shown yet.
    fn inherit(&mut self) {
        let table = self.table;
        for change in &table.inherited {
            let open = |(column, _): &(u32, i64)| !self.covered(*column);
            if self.worlds.agrees(change, &self.withheld) && change.nets.iter().any(open) {
                self.worlds.keep(change.clone());
            }
        }
    }

    /// The world of the plan before that shows more of a column for what costs least to withhold, and what that is.
    fn cheapest_inherited(
        &self,
        index: u32,
        need: Need,
        reader: Option<Reader>,
    ) -> Option<(i64, &'a Change, Vec<u32>)> {
        let cost = |change: &'a Change| {
            let bought = self.worlds.missing_for(change, &self.withheld)?;
            let cost = bought.iter().map(|column| self.table.column(*column).cost).sum::<i64>();
            Some((cost, change, bought))
        };
        let helps = |change: &&'a Change| self.worlds.helps(change, index, need, reader);
        let found = self.table.inherited.iter().filter(helps).filter_map(cost);
        found.min_by_key(|(cost, ..)| *cost)
    }

    /// Fails at once if what is released for good determines a column that is to be protected.
    fn give_up_early(&self) -> Result<(), Unprovable> {
        let may_be = |column: &Column| column.role != Role::Frozen && column.value >= column.lower;
        let most: Vec<bool> = self.table.columns.iter().map(may_be).collect();
        let left = Left::new(self.table, &most);
        let mut first = self.table.indices().filter(|index| at(&self.withheld, *index) && !self.covered(*index));
        first.find(|index| !left.moves(self.table, *index)).map_or(Ok(()), |index| Err(Unprovable(index)))
    }

    /// Withholds a first guess.
    fn guess(&mut self) {
        let open = self.table.indices().filter(|index| self.table.column(*index).role == Role::Open);
        let mut order: Vec<u32> = open.collect();
        order.sort_by_cached_key(|index| (self.place(*index), self.table.column(*index).order, *index));
        let guess = gauss::guess(self.table, &order);
        self.withhold(&guess);
    }

    /// Where a column stands in the order of release: the most valuable first by and large. The key moves one in two columns
    /// back, by a step more for each further half of these: any column may come behind any other, so that the order tells
    /// nothing for certain about counts.
    fn place(&self, index: u32) -> i64 {
        let column = self.table.column(index);
        // Quarters of a power of two.
        let size = u128::from(column.value.unsigned_abs().min(1 << 30) + 1).pow(4).ilog2();
        let back = STEP * column.order.trailing_zeros();
        i64::from(back) - i64::from(size)
    }

    pub(super) fn withhold(&mut self, columns: &[u32]) {
        columns.iter().for_each(|column| set(&mut self.withheld, *column, true));
    }

    /// How far from the truth a further world should bring the column, the most useful first; as far as public bounds allow.
    fn amounts(&self, index: u32, need: Need, reader: Option<Reader>) -> Vec<i64> {
        let Some(column) = self.table.columns.get(index as usize) else { return Vec::new() };
        let known = self.worlds.extremes(index, reader);
        let room = column.upper.map_or(i64::MAX, |upper| upper - column.value);
        let raise = (known.above + need.up.max(need.apart)).min(room);
        let lower = (known.below + need.down.max(need.apart)).min(column.value - column.lower);
        let enough = need.up == 0 && (lower >= known.below + need.apart || raise <= known.above);
        let mut amounts = Vec::new();
        if need.down > 0 {
            amounts.extend([-lower, -(known.below + need.down)]);
        } else {
            amounts.push(raise);
            if enough {
                amounts.push(-lower);
            }
            if need.up > 0 {
                amounts.push(known.above + need.up);
            } else {
                // Where there is no room for all of it on one side: a part of it on each.
                let half = (need.apart + 1) / 2;
                amounts.extend([known.above + half, -(known.below + half), known.above + 1, -(known.below + 1)]);
            }
        }
        // Only what adds something, once.
        amounts.retain(|amount| *amount > known.above || -*amount > known.below);
        amounts.dedup();
        amounts
    }

    /// Runs a search before readers who know records of their own.
    fn shift(
        &mut self,
        index: u32,
        amount: i64,
        readers: &[Reader],
        effort: Effort,
    ) -> Option<(Change, Vec<u32>, i64)> {
        self.search.floors = self.worlds.floors(readers);
        self.search.shift(&self.withheld, index, amount, effort)
    }

    /// Tries to cover a column without withholding anything; says whether it is covered.
    pub(super) fn cover_free(&mut self, index: u32) -> bool {
        while let Some((need, readers)) = self.missing(index) {
            // Before all readers at once, or else before the first.
            let alone = readers.get(..1).unwrap_or(&[]);
            let amounts = self.amounts(index, need, readers.first().copied());
            let groups = if readers.len() > 1 { vec![&readers[..], alone] } else { vec![&readers[..]] };
            let attempts = amounts.iter().flat_map(|amount| groups.iter().map(|readers| (*amount, *readers)));
            let found = attempts.into_iter().find_map(|(amount, readers)| self.free_world(index, amount, readers));
            let Some(change) = found else { return false };
            self.worlds.keep(change);
        }
        true
    }

    /// A world that moves a column by an amount without withholding anything.
    fn free_world(&mut self, index: u32, amount: i64, readers: &[Reader]) -> Option<Change> {
        if !linear::suits(self.table) {
            let states = self.budget.free_search;
            let effort = Effort { states, cost: 0, headlines: false, hurry: false, turn: 0 };
            return self.shift(index, amount, readers, effort).map(|found| found.0);
        }
        self.search.steps += 1;
        if self.kernel.as_ref().is_none_or(|(withheld, _)| *withheld != self.withheld) {
            self.kernel = Some((self.withheld.clone(), Kernel::new(self.table, &self.withheld)));
        }
        let (_, kernel) = self.kernel.as_ref()?;
        let floors = self.worlds.floors(readers);
        let wanted = |atoms| Wanted {
            withheld: &self.withheld,
            target: index,
            amount,
            floors: &floors,
            headlines: false,
            pay: Pay::Nothing { released: &kernel.released, atoms },
        };
        // Where it is not whole: among the atoms that moved, or else among all that may.
        let moved: Vec<u32> = match kernel.reach(self.table, index, amount, &floors) {
            Reach::Never => return None,
            Reach::Unknown => Vec::new(),
            Reach::There(point) => {
                if let Some(change) = linear::whole(self.table, &wanted(&[]), &point) {
                    return Some(change);
                }
                point.iter().map(|(atom, _)| *atom).collect()
            }
        };
        let all = kernel.atoms();
        let found = linear::cheapest(self.table, &wanted(&moved));
        found.or_else(|| linear::cheapest(self.table, &wanted(&all))).map(|(change, _)| change)
    }

    /// Covers a column by the cheapest circuits found, up or down; returns what has to be withheld for it.
    fn cover_paid(&mut self, index: u32) -> Option<Vec<u32>> {
        let (need, readers) = self.missing(index)?;
        let readers = readers.get(..1).unwrap_or(&[]);
        let amounts = self.amounts(index, need, readers.first().copied());
        if let Some(bought) = self.cover_linear(index, &amounts, readers) {
            return Some(bought);
        }
        let inherited = self.cheapest_inherited(index, need, readers.first().copied());
        let dearest = inherited.as_ref().map_or(i64::MAX, |(cost, ..)| cost - 1);
        for Rung { cost, headlines, times, turn } in LADDER {
            if dearest < cost && (dearest <= 0 || cost == ANY_COST) {
                break;
            }
            let cost = cost.min(dearest);
            // Where any cost is allowed, the first way out is taken; `thrift` makes it cheaper.
            let hurry = cost == ANY_COST;
            let mut limit = cost;
            let mut best = None;
            for amount in amounts.iter().take(2) {
                let effort = Effort { states: self.budget.paid_search * times, cost: limit, headlines, hurry, turn };
                if let Some(found) = self.shift(index, *amount, readers, effort) {
                    limit = found.2 - 1;
                    best = Some((*amount, found));
                }
                if limit <= 0 {
                    break;
                }
            }
            if let Some((amount, (change, bought, _))) = best {
                let (change, bought) = self.thrift(index, amount, change, bought);
                self.withhold(&bought);
                self.worlds.keep(change);
                return Some(bought);
            }
        }
        let (_, change, bought) = inherited?;
        self.withhold(&bought);
        self.worlds.keep(change.clone());
        Some(bought)
    }

    /// Covers a column by a world of the plan before, mended until it is a world of this one.
    fn cover_mended(&mut self, index: u32) -> Option<Vec<u32>> {
        let (need, readers) = self.missing(index)?;
        let reader = readers.first().copied();
        let known = self.worlds.extremes(index, reader);
        self.search.floors = self.worlds.floors(readers.get(..1).unwrap_or(&[]));
        let effort =
            Effort { states: self.budget.paid_search * 20, cost: ANY_COST, headlines: true, hurry: true, turn: 4 };
        let table = self.table;
        [known.above + 1, -known.below - 1].into_iter().find_map(|least| {
            let helps = |change: &&Change| {
                self.worlds.helps(change, index, need, reader) && change.net(index).signum() == least.signum()
            };
            let starts: Vec<&Change> = table.inherited.iter().filter(helps).collect();
            let (change, bought) = self.search.mend(&self.withheld, (index, least), &starts, effort)?;
            self.withhold(&bought);
            self.worlds.keep(change);
            Some(bought)
        })
    }

    /// Covers a column by linear programs where the table is small enough: up or down, whichever costs less.
    fn cover_linear(&mut self, index: u32, amounts: &[i64], readers: &[Reader]) -> Option<Vec<u32>> {
        if !linear::suits(self.table) {
            return None;
        }
        let floors = self.worlds.floors(readers);
        let cost = |bought: &[u32]| bought.iter().map(|column| self.table.column(*column).cost).sum::<i64>();
        let best = [false, true].into_iter().find_map(|headlines| {
            let found = amounts.iter().take(2).filter_map(|amount| {
                let wanted = Wanted {
                    withheld: &self.withheld,
                    target: index,
                    amount: *amount,
                    floors: &floors,
                    headlines,
                    pay: Pay::Any,
                };
                linear::cheapest(self.table, &wanted)
            });
            found.min_by_key(|(_, bought)| cost(bought))
        });
        let (change, bought) = best?;
        self.search.steps += 1;
        self.withhold(&bought);
        self.worlds.keep(change);
        Some(bought)
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
        let Some((need, readers)) = self.missing(index) else { return true };
        let readers = readers.get(..1).unwrap_or(&[]);
        let effort = Effort { states: self.budget.paid_search * 20, cost: 0, headlines: false, hurry: true, turn: 9 };
        let Some(amount) = self.amounts(index, need, readers.first().copied()).first().copied() else { return false };
        let found = self.shift(index, amount, readers, effort);
        found.map(|(change, _, _)| self.worlds.keep(change)).is_some()
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
        let columns: Vec<u32> = self.table.indices().filter(|index| at(&self.withheld, *index)).collect();
        let worlds = self.worlds.needed(&columns);
        Solution { withheld: self.withheld, worlds, steps: self.search.steps }
    }
}
