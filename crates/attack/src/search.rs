//! The attacks on a group, in order, and what they found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::AttackError;
use crate::bounds::{self, Outcome};
use crate::columns::System;
use crate::component::{Components, Goals, Target};
use crate::problem::Problem;
use crate::propagate::{Intervals, Knowledge};
use crate::report::{Finding, Findings, GroupDisclosure, GroupReport, Method, Report};
use crate::universe::{CellState, UNBOUNDED, Universe};
use crate::util::at;

/// Limits of the search. All are counts, never clock time, so that a report is reproducible; what a limit cut short is
/// listed in the report as not finished.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads; the report does not depend on it.
    pub threads: usize,
    /// Find the exact range of every withheld cell, not only enough to decide it.
    pub exact_ranges: bool,
    /// Treat tables that share only sums separately. It loses nothing (see `columns.rs`); off only to compare.
    pub separate: bool,
    /// Most combinations of codes in a group.
    pub max_atoms: usize,
    /// Most optimisations in one component.
    pub max_solves: usize,
    /// Most columns times constraints in one component.
    pub max_size: usize,
    /// Most branch-and-bound nodes in one search for a whole-number world.
    pub max_nodes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 2,
            exact_ranges: false,
            separate: true,
            max_atoms: 4_000_000,
            max_solves: 20_000,
            max_size: 50_000_000,
            max_nodes: 100,
        }
    }
}

/// Attacks several groups.
///
/// # Errors
/// As [`attack`], for the first group that fails.
pub fn attack_all(problems: &[Problem], options: &Options) -> Result<Report, AttackError> {
    let inner = Options { threads: if problems.len() > 1 { 1 } else { options.threads }, ..options.clone() };
    let results = in_parallel(problems.len(), options.threads, |index| {
        problems.get(index).map(|problem| attack(problem, &inner))
    });
    let groups = results.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
    Ok(Report { groups })
}

/// Attacks one group, with and without what the marks tell.
///
/// # Errors
/// If the description does not make sense, or no counts agree with the released values.
pub fn attack(problem: &Problem, options: &Options) -> Result<GroupReport, AttackError> {
    let universe = Universe::build(problem)?;
    let withheld: Vec<u32> = (0..).zip(&universe.cells).filter(|(_, c)| c.withheld).map(|(cell, _)| cell).collect();
    let (with_marks, size) = attack_knowing(&universe, Knowledge::Marks, &withheld, options)?;
    // Worlds that respect the marks are worlds without them: only what the marks gave away can change.
    let exposed: Vec<u32> =
        if options.exact_ranges { withheld.clone() } else { with_marks.exposed.iter().copied().collect() };
    let from_values = if exposed.is_empty() {
        Findings::default()
    } else {
        attack_knowing(&universe, Knowledge::Values, &exposed, options)?.0.findings
    };
    Ok(GroupReport {
        name: universe.name.clone(),
        threshold: universe.threshold,
        cells: universe.cells.iter().filter(|cell| cell.controlled).count(),
        withheld: withheld.len(),
        atoms: size.atoms,
        columns: size.columns,
        components: size.components,
        with_marks: with_marks.findings,
        from_values,
    })
}

/// How large the equations were.
struct Size {
    atoms: usize,
    columns: usize,
    components: usize,
}

/// What was found, and the cells that were not shown to be safe.
struct Known {
    findings: Findings,
    exposed: BTreeSet<u32>,
}

fn attack_knowing(
    universe: &Universe,
    knowledge: Knowledge,
    cells: &[u32],
    options: &Options,
) -> Result<(Known, Size), AttackError> {
    let mut intervals = Intervals::given(universe, knowledge);
    intervals.propagate(universe)?;
    let system = System::build(universe, &intervals, options)?;
    let open: Vec<u32> = cells.iter().copied().filter(|cell| intervals.fixed(*cell).is_none()).collect();
    let lows = disclosing(universe);
    let goals = Goals { cells: &open, lows: &lows, exact: options.exact_ranges };
    let components = Components::build(universe, &intervals, &system, knowledge, &goals)?;
    let outcomes = in_parallel(components.components.len(), options.threads, |index| {
        components.components.get(index).map(|component| bounds::solve(component, options))
    });
    let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
    let size = Size {
        atoms: system.atoms,
        columns: components.components.iter().map(|c| c.columns.len()).sum(),
        components: components.components.len(),
    };
    let mut ranges: BTreeMap<u32, CellRange> = BTreeMap::new();
    for cell in cells {
        if let Some(value) = intervals.fixed(*cell) {
            ranges.insert(*cell, CellRange::known(*cell, value));
        }
    }
    for target in &components.targets {
        let range = combine(target, &outcomes, &intervals);
        intervals.meet(target.cell, range.low, range.high);
        ranges.insert(target.cell, range);
    }
    // What linear programming narrowed may, rounded to whole numbers, narrow other cells further.
    intervals.propagate(universe)?;
    for range in ranges.values_mut() {
        range.narrow(at(&intervals.low, range.cell), at(&intervals.high, range.cell));
    }
    let solves = outcomes.iter().map(|outcome| outcome.solves).sum();
    let mut known = judge(universe, &ranges, &intervals, &lows, knowledge);
    known.findings.solves = solves;
    if !intervals.complete {
        known
            .findings
            .not_finished
            .push("interval propagation stopped at its limit; bounds may be wider than provable".to_owned());
    }
    Ok((known, size))
}

/// The range of one withheld cell.
struct CellRange {
    cell: u32,
    low: i64,
    high: i64,
    seen_low: i64,
    seen_high: i64,
    method: Method,
    confirmed: bool,
    unfinished: bool,
}

impl CellRange {
    fn known(cell: u32, value: i64) -> Self {
        let (low, high, seen_low, seen_high) = (value, value, value, value);
        Self { cell, low, high, seen_low, seen_high, method: Method::Interval, confirmed: true, unfinished: false }
    }

    /// Takes over narrower limits found in whole numbers.
    fn narrow(&mut self, low: i64, high: i64) {
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
fn combine(target: &Target, outcomes: &[Outcome], intervals: &Intervals) -> CellRange {
    let constant = target.constant;
    let mut range = CellRange { method: Method::Bounds, ..CellRange::known(target.cell, constant) };
    let mut implied = true;
    for (component, query) in &target.pieces {
        let piece = outcomes.get(*component as usize).and_then(|o| o.ranges.get(*query as usize));
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

/// By cell of which a whole is known (a released group, or a population): the largest value at which not all, or all
/// but fewer than the threshold, of the whole must lie in the cell.
fn disclosing(universe: &Universe) -> BTreeMap<u32, i64> {
    let k = universe.threshold;
    let mut lows: BTreeMap<u32, i64> = BTreeMap::new();
    let mut add = |cell: u32, whole: i64| {
        if whole >= k && whole < UNBOUNDED {
            let low = (whole - k).max(k - 1);
            let entry = lows.entry(cell).or_insert(low);
            *entry = (*entry).min(low);
        }
    };
    let controlled = |cell: u32| universe.cells.get(cell as usize).is_some_and(|c| c.controlled);
    for (group, part) in &universe.sensitive {
        let whole = universe.cells.get(*group as usize).and_then(|c| c.released);
        if let Some(whole) = whole
            && (controlled(*group) || controlled(*part))
        {
            add(*part, whole);
        }
    }
    for (cell, state) in (0..).zip(&universe.cells) {
        if state.controlled {
            add(cell, state.ceiling);
        }
    }
    lows
}

fn finding(state: &CellState, range: &CellRange) -> Finding {
    Finding { cell: state.label.clone(), lower: range.low, upper: range.high, method: range.method }
}

fn judge(
    universe: &Universe,
    ranges: &BTreeMap<u32, CellRange>,
    intervals: &Intervals,
    lows: &BTreeMap<u32, i64>,
    knowledge: Knowledge,
) -> Known {
    let k = universe.threshold;
    let mut findings = Findings::default();
    let mut exposed = BTreeSet::new();
    for range in ranges.values() {
        let Some(state) = universe.cells.get(range.cell as usize) else { continue };
        let width = range.seen_high.saturating_sub(range.seen_low).max(0);
        let small = range.high.saturating_sub(state.own) < k;
        let (given_low, given_high) = state.given(knowledge);
        let narrowed = range.low > given_low || range.high < given_high;
        let public = given_high.saturating_sub(state.own) < k && !narrowed;
        if range.low == range.high {
            findings.recovered.push(finding(state, range));
        }
        if public && range.low < range.high {
            findings.small_in_public += 1;
        } else if small {
            findings.provably_small.push(finding(state, range));
        } else if range.unfinished {
            findings.not_finished.push(state.label.clone());
        } else if width < k && range.low < range.high {
            findings.narrow.push(finding(state, range));
        } else if !range.confirmed {
            findings.unconfirmed.push(state.label.clone());
        }
        findings.widths.add(if range.low == range.high { 0 } else { width }, k);
        if small || width < k || range.unfinished {
            exposed.insert(range.cell);
        }
    }
    for (cell, low) in lows {
        if at(&intervals.low, *cell) > *low {
            let whole = universe.cells.get(*cell as usize);
            findings.group_disclosed.push(GroupDisclosure { cell: whole.map(|c| c.label.clone()).unwrap_or_default() });
            if ranges.contains_key(cell) {
                exposed.insert(*cell);
            }
        }
    }
    Known { findings, exposed }
}

/// Calls `work` for `0..count` on some threads; results in order.
fn in_parallel<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return done;
            }
            done.push((index, work(index)));
        }
    };
    let mut results = thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for helper in helpers {
            match helper.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
