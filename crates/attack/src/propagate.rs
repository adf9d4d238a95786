//! Peeling and interval propagation over sums of cells, in exact integers.

use crate::AttackError;
use crate::universe::{Fact, Relation, UNBOUNDED, Universe};
use crate::util::{at, put};

/// Sweeps over all sums. Stopping early only leaves intervals wider; the later attacks do not rely on the fixpoint.
const MAX_SWEEPS: usize = 1_000;

/// What the marks tell: with them, a withheld cell of a table that always publishes zeros is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Knowledge {
    /// Released values and public bounds only.
    Values,
    /// Also the marks.
    Marks,
}

/// The interval of every cell.
#[derive(Clone)]
pub(crate) struct Intervals {
    pub(crate) low: Vec<i64>,
    pub(crate) high: Vec<i64>,
    /// Whether the fixpoint was reached.
    pub(crate) complete: bool,
}

impl Intervals {
    /// What is known of each cell by itself.
    pub(crate) fn given(universe: &Universe, knowledge: Knowledge) -> Self {
        let mut low = Vec::new();
        let mut high = Vec::new();
        for cell in &universe.cells {
            let (l, h) = cell.given(knowledge);
            low.push(l);
            high.push(h);
        }
        Self { low, high, complete: true }
    }

    /// Whether the value is known.
    pub(crate) fn fixed(&self, cell: u32) -> Option<i64> {
        let low = at(&self.low, cell);
        (low == at(&self.high, cell)).then_some(low)
    }

    /// Narrows every cell by every sum until nothing changes.
    ///
    /// # Errors
    /// If no values are left for some cell.
    pub(crate) fn propagate(&mut self, universe: &Universe) -> Result<(), AttackError> {
        for _ in 0..MAX_SWEEPS {
            let mut changed = false;
            for relation in &universe.relations {
                changed |= self.narrow(relation);
            }
            for fact in &universe.facts {
                changed |= self.compare(fact);
            }
            let empty = self.low.iter().zip(&self.high).position(|(low, high)| low > high);
            if let Some(cell) = empty {
                let cell = universe.cells.get(cell).map(|c| c.label.clone()).unwrap_or_default();
                return Err(AttackError::Contradiction { group: universe.name.clone(), cell });
            }
            if !changed {
                return Ok(());
            }
        }
        self.complete = false;
        Ok(())
    }

    fn narrow(&mut self, relation: &Relation) -> bool {
        let (mut low_sum, mut high_sum, mut unbounded) = (0_i64, 0_i64, 0_usize);
        for part in &relation.parts {
            low_sum = low_sum.saturating_add(at(&self.low, *part));
            let high = at(&self.high, *part);
            if high >= UNBOUNDED {
                unbounded += 1;
            } else {
                high_sum = high_sum.saturating_add(high);
            }
        }
        let all_high = if unbounded == 0 { high_sum } else { UNBOUNDED };
        let mut changed = self.meet(relation.parent, low_sum, all_high);
        let (parent_low, parent_high) = (at(&self.low, relation.parent), at(&self.high, relation.parent));
        for part in &relation.parts {
            let (low, high) = (at(&self.low, *part), at(&self.high, *part));
            // Where nothing fits, bounds run past each other before that is seen.
            let others_low = low_sum.saturating_sub(low);
            let others_high = match (unbounded, high >= UNBOUNDED) {
                (0, _) => high_sum.saturating_sub(high),
                (1, true) => high_sum,
                _ => UNBOUNDED,
            };
            let new_high = if parent_high >= UNBOUNDED { UNBOUNDED } else { parent_high.saturating_sub(others_low) };
            let new_low = if others_high >= UNBOUNDED { 0 } else { parent_low.saturating_sub(others_high) };
            if self.meet(*part, new_low, new_high) {
                changed = true;
                low_sum = low_sum.saturating_add(at(&self.low, *part).saturating_sub(low));
                let now = at(&self.high, *part);
                if high >= UNBOUNDED && now < UNBOUNDED {
                    unbounded -= 1;
                    high_sum = high_sum.saturating_add(now);
                } else if high < UNBOUNDED {
                    high_sum = high_sum.saturating_add(now.saturating_sub(high));
                }
            }
        }
        changed
    }

    /// Narrows the cells of a comparison: each term is what the others leave of the sum.
    fn compare(&mut self, fact: &Fact) -> bool {
        // In 128 bits, where no product and no sum of the few terms overflows.
        let (low, high) = (i128::from(fact.low), i128::from(fact.high));
        let limits = |intervals: &Self, (cell, factor): &(u32, i64)| {
            let (a, b) = (at(&intervals.low, *cell), at(&intervals.high, *cell));
            let (a, b) = if *factor < 0 { (b, a) } else { (a, b) };
            let product = |value: i64| (value < UNBOUNDED).then(|| i128::from(value) * i128::from(*factor));
            (product(a), product(b))
        };
        let mut changed = false;
        for (number, (cell, factor)) in fact.terms.iter().enumerate() {
            let others = || fact.terms.iter().enumerate().filter(move |(other, _)| *other != number);
            let least: Option<i128> = others().map(|(_, term)| limits(self, term).0).sum();
            let most: Option<i128> = others().map(|(_, term)| limits(self, term).1).sum();
            let at_most = least.filter(|_| fact.high < UNBOUNDED).map(|least| high - least);
            let at_least = most.filter(|_| fact.low > -UNBOUNDED).map(|most| low - most);
            let factor = i128::from(*factor);
            // Divided by a negative factor, the limits change places.
            let (below, above) = if factor < 0 { (at_most, at_least) } else { (at_least, at_most) };
            let (below, above) = (below.map(|v| divide_up(v, factor)), above.map(|v| divide_down(v, factor)));
            let new_low = below.and_then(|v| i64::try_from(v).ok()).unwrap_or(0);
            let new_high = above.and_then(|v| i64::try_from(v).ok()).unwrap_or(UNBOUNDED);
            changed |= self.meet(*cell, new_low, new_high);
        }
        changed
    }

    /// Intersects the interval of a cell; whether it changed.
    pub(crate) fn meet(&mut self, cell: u32, low: i64, high: i64) -> bool {
        let (old_low, old_high) = (at(&self.low, cell), at(&self.high, cell));
        put(&mut self.low, cell, old_low.max(low));
        put(&mut self.high, cell, old_high.min(high));
        low > old_low || high < old_high
    }
}

/// Quotient rounded down; of 0 for the factor 0, which no comparison needs.
fn divide_down(value: i128, factor: i128) -> i128 {
    let (value, factor) = if factor < 0 { (-value, -factor) } else { (value, factor) };
    value.checked_div_euclid(factor).unwrap_or(0)
}

fn divide_up(value: i128, factor: i128) -> i128 {
    -divide_down(-value, factor)
}
