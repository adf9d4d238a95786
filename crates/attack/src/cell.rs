//! What is known of one cell by itself.

use crate::problem::{Table, Value};
use crate::propagate::Knowledge;

/// Larger than any count: "no upper bound is known".
pub(crate) const UNBOUNDED: i64 = i64::MAX / 4;

/// A distinct cell, whichever tables it occurs in.
#[derive(Clone)]
pub(crate) struct CellState {
    pub(crate) layer: u32,
    pub(crate) codes: Vec<u32>,
    pub(crate) label: String,
    pub(crate) released: Option<i64>,
    /// Withheld in at least one table that is not open.
    pub(crate) withheld: bool,
    /// In at least one table that is not open.
    pub(crate) controlled: bool,
    /// Withheld where zeros are always published.
    pub(crate) marked: bool,
    /// Published as a range, in a table that is not open.
    pub(crate) blurred: bool,
    /// The figure that was printed, which may be of an earlier revision, in a table that is not open.
    pub(crate) older: Option<i64>,
    /// Known to be at least this.
    pub(crate) floor: i64,
    /// Known to be at most this.
    pub(crate) ceiling: i64,
    /// Records of the attacker inside that are still counted in all of these.
    pub(crate) own: i64,
    /// Records of the attacker that were taken out of all of these.
    pub(crate) apart: i64,
}

impl CellState {
    /// A cell of which nothing is known.
    pub(crate) fn new(layer: u32, codes: Vec<u32>, label: String) -> Self {
        Self {
            layer,
            codes,
            label,
            released: None,
            withheld: false,
            controlled: false,
            marked: false,
            blurred: false,
            older: None,
            floor: 0,
            ceiling: UNBOUNDED,
            own: 0,
            apart: 0,
        }
    }

    /// What is known of the cell by itself: smallest and largest value.
    pub(crate) fn given(&self, knowledge: Knowledge) -> (i64, i64) {
        if let Some(value) = self.released {
            return (value, value);
        }
        let mark = i64::from(self.marked && knowledge == Knowledge::Marks);
        (self.floor.max(mark), self.ceiling)
    }

    /// Adds what a table shows of the cell; whether it agrees with what others show.
    pub(crate) fn show(&mut self, table: &Table, value: Value) -> bool {
        let (low, high) = match (value, table.may_be_older) {
            (Value::Withheld, older) => {
                self.withheld |= !table.open;
                // Of an older mark, the records may have gone since.
                self.marked |= table.zeros_published && older.is_none();
                return true;
            }
            (Value::Released(count), None) => {
                let count = number(count);
                return *self.released.get_or_insert(count) == count;
            }
            (Value::Released(count), Some(older)) => {
                self.older = self.older.or((!table.open).then(|| number(count)));
                older.range(count, count)
            }
            (Value::Between(low, high), older) => {
                self.blurred |= !table.open;
                older.map_or((low, Some(high)), |older| older.range(low, high))
            }
        };
        self.floor = self.floor.max(number(low));
        self.ceiling = self.ceiling.min(high.map_or(UNBOUNDED, number));
        true
    }

    /// Whether the cell was printed, though not exactly as it is: what it is exactly is still to be attacked.
    pub(crate) fn is_vague(&self) -> bool {
        !self.withheld && self.released.is_none() && (self.blurred || self.older.is_some())
    }

    /// Takes an attacker's records out: what is left are other people's.
    pub(crate) fn take_out(&mut self, records: i64) {
        if records == 0 {
            return;
        }
        self.apart += records;
        self.released = self.released.map(|count| count.saturating_sub(records));
        self.older = self.older.map(|count| count.saturating_sub(records));
        self.floor = self.floor.saturating_sub(records).max(0);
        if self.ceiling < UNBOUNDED {
            self.ceiling = self.ceiling.saturating_sub(records);
        }
        // One of the records that the mark tells of is theirs.
        self.marked = false;
    }
}

pub(crate) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(UNBOUNDED)
}
