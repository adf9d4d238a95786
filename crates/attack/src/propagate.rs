//! Peeling and interval propagation over sums of cells, in exact integers.

use crate::AttackError;
use crate::universe::{Relation, UNBOUNDED, Universe};
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
            let others_low = low_sum - low;
            let others_high = match (unbounded, high >= UNBOUNDED) {
                (0, _) => high_sum - high,
                (1, true) => high_sum,
                _ => UNBOUNDED,
            };
            let new_high = if parent_high >= UNBOUNDED { UNBOUNDED } else { parent_high - others_low };
            let new_low = if others_high >= UNBOUNDED { 0 } else { parent_low - others_high };
            if self.meet(*part, new_low, new_high) {
                changed = true;
                low_sum += at(&self.low, *part) - low;
                let now = at(&self.high, *part);
                if high >= UNBOUNDED && now < UNBOUNDED {
                    unbounded -= 1;
                    high_sum += now;
                } else if high < UNBOUNDED {
                    high_sum += now - high;
                }
            }
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
