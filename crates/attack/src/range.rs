//! What is known of the range of a sum of unknowns, and whether that decides what was asked.

use crate::component::Query;

/// Larger than solver errors, smaller than the distance of a vertex of such a system from the next whole number.
pub(crate) const TOLERANCE: f64 = 1e-5;
/// Stands for "no upper bound" where the solver needs a number.
pub(crate) const LARGE: i64 = 1_000_000;

/// What is known of the range of a query.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Range {
    /// No world is below this.
    pub(crate) low: i64,
    /// No world is above this.
    pub(crate) high: i64,
    /// A real-valued world reaches down to here.
    pub(crate) seen_low: i64,
    /// A real-valued world reaches up to here.
    pub(crate) seen_high: i64,
    /// Whole-number worlds reach from here
    pub(crate) whole_low: i64,
    /// to here.
    pub(crate) whole_high: i64,
    /// The equations alone give the value.
    pub(crate) implied: bool,
    /// The range was narrowed by the absence of whole-number worlds.
    pub(crate) by_integers: bool,
    pub(crate) low_solved: bool,
    pub(crate) high_solved: bool,
    /// Whole-number worlds show what real-valued worlds showed.
    pub(crate) confirmed: bool,
    /// A limit or the solver ended the search before the query was decided.
    pub(crate) unfinished: bool,
}

pub(crate) fn ceiling(value: f64) -> i64 {
    (value - TOLERANCE).ceil() as i64
}

pub(crate) fn floor(value: f64) -> i64 {
    (value + TOLERANCE).floor() as i64
}

impl Range {
    /// Whether worlds have been seen that settle the query, or its limits are exact.
    pub(crate) fn decided(&self, query: &Query) -> bool {
        let seen = self.seen_high >= query.want_high
            && self.seen_low <= query.want_low
            && self.seen_high.saturating_sub(self.seen_low) >= query.want_width;
        seen || (self.low_solved && self.high_solved)
    }

    /// How far up a world is still wanted, if one is.
    pub(crate) fn missing_high(&self, query: &Query) -> Option<i64> {
        let low = if self.seen_low == i64::MAX { self.low } else { self.seen_low };
        let to = query.want_high.max(low.saturating_add(query.want_width));
        (!self.high_solved && self.seen_high < to).then_some(to)
    }

    /// Takes over an exact limit.
    pub(crate) fn settle(&mut self, objective: f64, up: bool) {
        if up {
            let unbounded = floor(objective) >= LARGE;
            self.high = if unbounded { self.high } else { self.high.min(floor(objective)) };
            self.high_solved = true;
        } else {
            self.low = self.low.max(ceiling(objective));
            self.low_solved = true;
        }
    }

    /// Whether whole-number worlds show as much as is claimed of the query.
    pub(crate) fn whole_reaches(&self, query: &Query, up: bool) -> bool {
        let target = self.whole_target(query, up);
        if up { self.whole_high >= target } else { self.whole_low <= target }
    }

    /// How far whole-number worlds must reach: no further than real-valued ones do.
    pub(crate) fn whole_target(&self, query: &Query, up: bool) -> i64 {
        let high = self.seen_high.min(query.want_high.max(self.seen_low.saturating_add(query.want_width)));
        if up { high } else { self.seen_low.max(query.want_low.min(high.saturating_sub(query.want_width))) }
    }

    /// Learns that a whole-number world has this value.
    pub(crate) fn see(&mut self, value: i64) {
        self.whole_low = self.whole_low.min(value);
        self.whole_high = self.whole_high.max(value);
        self.seen_low = self.seen_low.min(value);
        self.seen_high = self.seen_high.max(value);
    }

    /// Whether whole-number worlds reach this far and are so wide.
    pub(crate) fn reaches(&self, high: i64, width: i64) -> bool {
        self.whole_high >= high && self.whole_high.saturating_sub(self.whole_low) >= width
    }

    /// As it is for whoever knows of a record in another unknown of a network: both limits may be nearer by one.
    pub(crate) fn nearer(&mut self, old: &Self) {
        self.see(old.whole_high - 1);
        self.see(old.whole_low + 1);
    }
}
