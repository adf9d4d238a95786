//! From ranges to findings.

use std::collections::{BTreeMap, BTreeSet};

use crate::bounds::Outcome;
use crate::component::Target;
use crate::propagate::{Intervals, Knowledge};
use crate::report::{Finding, Findings, GroupDisclosure, Method};
use crate::universe::{CellState, UNBOUNDED, Universe};
use crate::util::at;

/// The range of one cell.
pub(crate) struct CellRange {
    pub(crate) cell: u32,
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) seen_low: i64,
    pub(crate) seen_high: i64,
    method: Method,
    confirmed: bool,
    pub(crate) unfinished: bool,
}

impl CellRange {
    pub(crate) fn known(cell: u32, value: i64) -> Self {
        let (low, high, seen_low, seen_high) = (value, value, value, value);
        Self { cell, low, high, seen_low, seen_high, method: Method::Interval, confirmed: true, unfinished: false }
    }

    /// Takes over narrower limits found in whole numbers.
    pub(crate) fn narrow(&mut self, low: i64, high: i64) {
        if low > self.low || high < self.high {
            self.low = self.low.max(low);
            self.high = self.high.min(high);
            if self.seen_low < low || self.seen_high > high {
                self.method = Method::Integer;
            }
            self.seen_low = self.seen_low.max(low);
            self.seen_high = self.seen_high.min(high);
        }
    }
}

/// Adds up a cell's pieces; independent components reach their limits together.
pub(crate) fn combine<'a>(
    target: &Target,
    outcome: impl Fn(u32) -> Option<&'a Outcome>,
    intervals: &Intervals,
) -> CellRange {
    let constant = target.constant;
    let mut range = CellRange { method: Method::Bounds, ..CellRange::known(target.cell, constant) };
    let mut implied = true;
    for (component, query) in &target.pieces {
        let piece = outcome(*component).and_then(|o| o.ranges.get(*query as usize));
        let Some(piece) = piece else {
            range.unfinished = true;
            continue;
        };
        range.low = range.low.saturating_add(piece.low);
        range.high = range.high.saturating_add(piece.high).min(UNBOUNDED);
        range.seen_low = range.seen_low.saturating_add(piece.seen_low);
        range.seen_high = range.seen_high.saturating_add(piece.seen_high);
        range.confirmed &= piece.confirmed;
        range.unfinished |= piece.unfinished;
        implied &= piece.implied;
        if piece.by_integers {
            range.method = Method::Integer;
        }
    }
    if implied {
        range.method = Method::Rank;
    }
    let (low, high) = (at(&intervals.low, target.cell), at(&intervals.high, target.cell));
    if high <= range.high && low >= range.low && !implied {
        range.method = Method::Interval;
    }
    range.low = range.low.max(low);
    range.high = range.high.min(high);
    range
}

/// What an attacker knows of a withheld cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Public facts alone prove it small, and the release says no more.
    Public,
    /// Its largest possible value, less the attacker's own records, is below the threshold.
    Small,
    /// A limit or the solver left it open.
    Unfinished,
    /// Its possible values span less than the threshold.
    Narrow,
    /// Safe over real-valued worlds; no whole-number world was found.
    Unconfirmed,
    /// Safe.
    Safe,
}

/// The verdict on a withheld cell for who has `own` records in it.
pub(crate) fn verdict(state: &CellState, range: &CellRange, own: i64, k: i64, knowledge: Knowledge) -> Verdict {
    let width = range.seen_high.saturating_sub(range.seen_low);
    let (given_low, given_high) = state.given(knowledge);
    // What the attacker declares is no part of the release.
    let narrowed = range.low > given_low.max(own) || range.high < given_high;
    if given_high.saturating_sub(own) < k && !narrowed && range.low < range.high {
        Verdict::Public
    } else if range.high.saturating_sub(own) < k {
        Verdict::Small
    } else if range.unfinished {
        Verdict::Unfinished
    } else if width < k && range.low < range.high {
        Verdict::Narrow
    } else if !range.confirmed {
        Verdict::Unconfirmed
    } else {
        Verdict::Safe
    }
}

pub(crate) fn finding(state: &CellState, range: &CellRange) -> Finding {
    let with_theirs = |value: i64| value.saturating_add(state.apart).min(UNBOUNDED);
    Finding {
        cell: state.label.clone(),
        lower: with_theirs(range.low),
        upper: with_theirs(range.high),
        own: state.own + state.apart,
        method: range.method,
    }
}

/// By cell of which a whole is known (a released group, or a population): the largest value at which not all, or all
/// but fewer than the threshold, of the whole must lie in the cell.
pub(crate) fn disclosing(universe: &Universe) -> BTreeMap<u32, i64> {
    let k = universe.threshold;
    let mut lows: BTreeMap<u32, i64> = BTreeMap::new();
    let apart = |cell: u32| universe.cells.get(cell as usize).map_or(0, |state| state.apart);
    let mut add = |cell: u32, whole: i64| {
        if whole >= k && whole < UNBOUNDED {
            let low = (whole - k).max(k - 1) - apart(cell);
            let entry = lows.entry(cell).or_insert(low);
            *entry = (*entry).min(low);
        }
    };
    let controlled = |cell: u32| universe.cells.get(cell as usize).is_some_and(|c| c.controlled);
    for (group, part) in &universe.sensitive {
        let whole = universe.cells.get(*group as usize).and_then(|c| Some(c.released? + c.apart));
        if let Some(whole) = whole
            && (controlled(*group) || controlled(*part))
        {
            add(*part, whole);
        }
    }
    for (cell, state) in (0..).zip(&universe.cells) {
        if state.controlled && !state.blurred {
            add(cell, state.ceiling.saturating_add(state.apart).min(UNBOUNDED));
        }
    }
    lows
}

/// Whether a value tells what was not printed: of a figure that may be older, how many came or went since, if they are few.
fn says_more(state: &CellState, value: i64, k: i64) -> bool {
    state.withheld || state.older.is_none_or(|printed| (1..k).contains(&(value - printed).abs()))
}

/// A small count that was printed and may be older: it was true at some time.
fn printed_small(state: &CellState, k: i64) -> Option<Finding> {
    let count = state.older.filter(|count| (1..k).contains(count) && state.released.is_none())?;
    let (lower, own) = (count + state.apart, state.own + state.apart);
    Some(Finding { cell: state.label.clone(), lower, upper: lower, own, method: Method::Interval })
}

/// The findings, and the cells that were not shown to be safe.
pub(crate) fn judge(
    universe: &Universe,
    ranges: &BTreeMap<u32, CellRange>,
    intervals: &Intervals,
    lows: &BTreeMap<u32, i64>,
    knowledge: Knowledge,
) -> (Findings, BTreeSet<u32>) {
    let k = universe.threshold;
    let mut findings = Findings::default();
    let mut exposed = BTreeSet::new();
    for range in ranges.values() {
        let Some(state) = universe.cells.get(range.cell as usize) else { continue };
        if range.low == range.high && says_more(state, range.low, k) {
            findings.recovered.push(finding(state, range));
        }
        if !state.withheld {
            // A blurred cell is published to within its noise; only the exact value is not.
            if range.low == range.high || range.unfinished {
                exposed.insert(range.cell);
            }
            if range.unfinished {
                findings.not_finished.push(state.label.clone());
            }
            continue;
        }
        let verdict = verdict(state, range, state.own, k, knowledge);
        match verdict {
            Verdict::Public => findings.small_in_public += 1,
            Verdict::Small => findings.provably_small.push(finding(state, range)),
            Verdict::Unfinished => findings.not_finished.push(state.label.clone()),
            Verdict::Narrow => findings.narrow.push(finding(state, range)),
            Verdict::Unconfirmed => findings.unconfirmed.push(state.label.clone()),
            Verdict::Safe => {}
        }
        let width = range.seen_high.saturating_sub(range.seen_low).max(0);
        findings.widths.add(if range.low == range.high { 0 } else { width }, k);
        if !matches!(verdict, Verdict::Safe | Verdict::Unconfirmed) || width < k {
            exposed.insert(range.cell);
        }
    }
    findings.provably_small.extend(universe.cells.iter().filter_map(|state| printed_small(state, k)));
    for (cell, low) in lows {
        if at(&intervals.low, *cell) > *low {
            let whole = universe.cells.get(*cell as usize);
            findings.group_disclosed.push(GroupDisclosure { cell: whole.map(|c| c.label.clone()).unwrap_or_default() });
            if ranges.contains_key(cell) {
                exposed.insert(*cell);
            }
        }
    }
    (findings, exposed)
}
