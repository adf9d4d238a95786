//! The attacks on a group, in order, and what they found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::AttackError;
use crate::bounds::{self, Outcome};
use crate::columns::System;
use crate::component::{Component, Components, Goals};
use crate::differences::{Differences, Overlaps};
use crate::judge::{CellRange, combine, disclosing, judge};
use crate::own::{self, Everybody};
use crate::problem::Problem;
use crate::propagate::{Intervals, Knowledge};
use crate::report::{Findings, GroupReport, Report};
use crate::universe::{CellState, Universe};
use crate::util::at;

/// Limits of the search. All are counts, never clock time, so that a report is reproducible; what a limit cut short is
/// listed in the report as not finished.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads; the report does not depend on it.
    pub threads: usize,
    /// Find the exact range of every withheld cell, not only enough to decide it.
    pub exact_ranges: bool,
    /// Also ask what each single contributor to a withheld cell can prove.
    pub singletons: bool,
    /// Treat tables that share only sums separately. It loses nothing (see `columns.rs`); off only to compare.
    pub separate: bool,
    /// Most combinations of codes in a group.
    pub max_atoms: usize,
    /// Most optimisations in one component.
    pub max_solves: usize,
    /// Most columns times constraints in one component.
    pub max_size: usize,
    /// Most cells and parts of cells looked at in search of small differences.
    pub max_steps: u64,
    /// Most cells of a group of which differences are sought.
    pub max_difference_cells: usize,
    /// Most pairs of overlapping released cells, and sets of such, kept in search of half-sums.
    pub max_overlaps: usize,
    /// Most branch-and-bound nodes in one search for a whole-number world.
    pub max_nodes: u64,
    /// Most cells times unknowns of a component in which single contributors are tried one after another.
    pub max_contributors: usize,
    /// How long it may go on, for who waits no longer; what is not decided by then counts as not decided. Without one it goes on to the
    /// end, and the report depends on nothing but the tables.
    pub time_left: Option<fn() -> Duration>,
    /// Called with what is done next, for whoever waits. Nothing else depends on it.
    pub progress: Option<fn(&str)>,
}

impl Options {
    fn say(&self, group: &str, step: &str) {
        if let Some(progress) = self.progress {
            progress(&format!("{group}: {step}"));
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 2,
            exact_ranges: false,
            singletons: true,
            separate: true,
            max_atoms: 4_000_000,
            max_solves: 20_000,
            max_size: 50_000_000,
            max_steps: 20_000_000_000,
            max_difference_cells: 250_000,
            max_overlaps: 8_000_000,
            max_nodes: 100,
            max_contributors: 400_000_000,
            time_left: None,
            progress: None,
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

/// Attacks one group: with and without what the marks tell, and for every declared attacker.
///
/// # Errors
/// If the description does not make sense, or no counts agree with the released values.
pub fn attack(problem: &Problem, options: &Options) -> Result<GroupReport, AttackError> {
    let universe = Universe::build(problem)?;
    let wanted = |cell: &CellState| cell.withheld || cell.is_vague();
    let targets: Vec<u32> = (0..).zip(&universe.cells).filter(|(_, c)| wanted(c)).map(|(cell, _)| cell).collect();
    options.say(&universe.name, &format!("{} cells, {} to attack", universe.cells.len(), targets.len()));
    let run = Run::new(&universe, Knowledge::Marks, &targets, options, None)?;
    options.say(&universe.name, &format!("again without marks, {} cells", run.exposed.len()));
    // Worlds that respect the marks are worlds without them: only what the marks gave away can change.
    let exposed: Vec<u32> = if options.exact_ranges { targets.clone() } else { run.exposed.iter().copied().collect() };
    let from_values = if exposed.is_empty() {
        Findings::default()
    } else {
        Run::new(&universe, Knowledge::Values, &exposed, options, None)?.findings
    };
    options.say(&universe.name, "contributors to single cells");
    let mut declared = if options.singletons { own::singletons(&universe, &run, options) } else { Vec::new() };
    options.say(&universe.name, "differences of released cells");
    let overlaps = Overlaps::new(&universe, &run.intervals, options)?;
    let (with_marks, slivers) = run.with_differences(&universe, &overlaps, options);
    options.say(&universe.name, &format!("{} attackers with records of their own", problem.attackers.len()));
    let everybody = Everybody { universe: &universe, run: &run, targets: &targets, findings: &with_marks, options };
    declared.extend(everybody.declared(&overlaps, &slivers)?);
    Ok(GroupReport {
        name: universe.name.clone(),
        threshold: universe.threshold,
        cells: universe.cells.iter().filter(|cell| cell.controlled).count(),
        withheld: universe.cells.iter().filter(|cell| cell.withheld).count(),
        blurred: targets.len() - universe.cells.iter().filter(|cell| cell.withheld).count(),
        older: universe.cells.iter().filter(|cell| cell.older.is_some() && cell.released.is_none()).count(),
        atoms: run.system.atoms,
        columns: run.components.components.iter().map(|c| c.columns.len()).sum(),
        components: run.components.components.len(),
        with_marks,
        from_values,
        slivers,
        declared,
    })
}

/// The smallest and the largest possible value of every withheld cell, by what the report calls it, for everybody.
///
/// # Errors
/// As [`attack`].
pub fn ranges(problem: &Problem, options: &Options) -> Result<BTreeMap<String, (i64, i64)>, AttackError> {
    let universe = Universe::build(problem)?;
    let cells = (0..).zip(&universe.cells).filter(|(_, cell)| cell.withheld).map(|(cell, _)| cell);
    let options = Options { exact_ranges: true, ..options.clone() };
    let run = Run::new(&universe, Knowledge::Marks, &cells.collect::<Vec<u32>>(), &options, None)?;
    let label = |cell: u32| universe.cells.get(cell as usize).map(|state| state.label.clone()).unwrap_or_default();
    Ok(run.ranges.values().map(|range| (label(range.cell), (range.low, range.high))).collect())
}

/// An attack on some cells, with everything that was worked out on the way.
pub(crate) struct Run {
    pub(crate) findings: Findings,
    /// The cells that were not shown to be safe.
    pub(crate) exposed: BTreeSet<u32>,
    pub(crate) ranges: BTreeMap<u32, CellRange>,
    pub(crate) intervals: Intervals,
    pub(crate) components: Components,
    pub(crate) outcomes: Vec<Outcome>,
    system: Arc<System>,
}

impl Run {
    /// `before` is what everybody can work out, for somebody who knows more: the atoms are the same, and so is what was found
    /// in components of which they know nothing more.
    pub(crate) fn new(
        universe: &Universe,
        knowledge: Knowledge,
        cells: &[u32],
        options: &Options,
        before: Option<&Self>,
    ) -> Result<Self, AttackError> {
        let mut intervals = Intervals::given(universe, knowledge);
        intervals.propagate(universe)?;
        let system = match before {
            Some(before) => Arc::clone(&before.system),
            None => Arc::new(System::build(universe, &intervals, options)?),
        };
        let open: Vec<u32> = cells.iter().copied().filter(|cell| intervals.fixed(*cell).is_none()).collect();
        let lows = disclosing(universe);
        let spare = i64::from(options.singletons);
        let goals = Goals { cells: &open, lows: &lows, spare, exact: options.exact_ranges };
        let components = Components::build(universe, &intervals, &system, knowledge, &goals)?;
        let outcomes = in_parallel(components.components.len(), options.threads, |index| {
            let component = components.components.get(index)?;
            let known = before.and_then(|before| before.outcome_of(component));
            Some(known.cloned().unwrap_or_else(|| bounds::solve(component, options)))
        });
        let outcomes: Vec<Outcome> = outcomes.into_iter().flatten().collect();
        let mut ranges: BTreeMap<u32, CellRange> = BTreeMap::new();
        for cell in cells {
            if let Some(value) = intervals.fixed(*cell) {
                ranges.insert(*cell, CellRange::known(*cell, value));
            }
        }
        for target in &components.targets {
            let range = combine(target, |component| outcomes.get(component as usize), &intervals);
            intervals.meet(target.cell, range.low, range.high);
            ranges.insert(target.cell, range);
        }
        // What linear programming narrowed may, rounded to whole numbers, narrow other cells further.
        intervals.propagate(universe)?;
        for range in ranges.values_mut() {
            range.narrow(at(&intervals.low, range.cell), at(&intervals.high, range.cell));
        }
        let (mut findings, exposed) = judge(universe, &ranges, &intervals, &lows, knowledge);
        findings.solves = outcomes.iter().map(|outcome| outcome.solves).sum();
        if !intervals.complete {
            let message = "interval propagation stopped at its limit; bounds may be wider than provable";
            findings.not_finished.push(message.to_owned());
        }
        Ok(Self { findings, exposed, ranges, intervals, components, outcomes, system })
    }

    /// What was found out in a component.
    fn outcome_of(&self, component: &Component) -> Option<&Outcome> {
        let mut known = self.components.components.iter().zip(&self.outcomes);
        known.find_map(|(other, outcome)| (other == component).then_some(outcome))
    }

    /// What was found, with the small differences of released cells.
    fn with_differences(
        &self,
        universe: &Universe,
        overlaps: &Overlaps,
        options: &Options,
    ) -> (Findings, Vec<crate::Sliver>) {
        let Differences { slivers, not_finished } = overlaps.differences(universe, &self.intervals, options);
        let mut findings = self.findings.clone();
        findings.not_finished.extend(not_finished);
        (findings, slivers)
    }
}

/// Calls `work` for `0..count` on some threads; results in order.
pub(crate) fn in_parallel<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
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
