//! Attackers who know records of their own.
//!
//! A *declared* attacker (a partner, a coalition) states records and is attacked for anew. *Any single contributor* is
//! tried at every withheld cell: who has a record in it knows that the cell is at least 1, and that one record less is
//! somebody else's. Where marks already say "at least 1", the worlds are those of everybody; elsewhere other cells may
//! be known better, and their worlds are sought again, starting from those that were found.

use std::collections::BTreeMap;

use crate::bounds::{self, Outcome};
use crate::component::{Component, Constraint};
use crate::judge::{Verdict, combine, finding, verdict};
use crate::propagate::Knowledge;
use crate::report::{Declared, Findings};
use crate::search::{Options, Run, in_parallel};
use crate::universe::{UNBOUNDED, Universe};
use crate::util::at;

/// Worlds kept of a component while its cells are gone through.
const MOST_WORLDS: usize = 600;

/// Any contributor to the cell that the finding is about.
const ANYONE: &str = "anyone with one record in the cell";

/// What single contributors find beyond what everybody finds.
pub(crate) fn singletons(universe: &Universe, run: &Run, options: &Options) -> Vec<Declared> {
    let mut regions: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
    for target in &run.components.targets {
        let withheld = universe.cells.get(target.cell as usize).is_some_and(|c| c.withheld);
        let maybe_zero = target.constant == 0 && at(&run.intervals.low, target.cell) == 0;
        // What lies in several components ties them together only weakly: somewhere among them is a record.
        if let ([(component, query)], true) = (target.pieces.as_slice(), withheld && maybe_zero) {
            regions.entry(*component).or_default().push((target.cell, *query));
        }
    }
    let regions: Vec<(u32, Vec<(u32, u32)>)> = regions.into_iter().collect();
    let found = in_parallel(regions.len(), options.threads, |number| {
        regions.get(number).map(|(component, cells)| in_component(universe, run, *component, cells, options))
    });
    let mut declared = vec![anyone(universe, run)];
    declared.extend(found.into_iter().flatten().flatten());
    declared.retain(|attacker| attacker.findings != Findings::default());
    declared
}

/// The cells of one component one after another: a world that was found for one is often of use to the next.
fn in_component(universe: &Universe, run: &Run, number: u32, cells: &[(u32, u32)], options: &Options) -> Vec<Declared> {
    let Some(mut known) = run.outcomes.get(number as usize).cloned() else { return Vec::new() };
    let mut declared = Vec::new();
    for (cell, query) in cells {
        let Some((found, outcome)) = region(universe, run, (*cell, number, *query), &known, options) else { continue };
        declared.extend(found);
        for world in outcome.worlds {
            if known.worlds.len() < MOST_WORLDS && !known.worlds.contains(&world) {
                known.worlds.push(world);
            }
        }
    }
    declared
}

/// Who has a record in a cell knows that it is at least 1, which takes nothing from its largest possible value.
fn anyone(universe: &Universe, run: &Run) -> Declared {
    let mut findings = Findings::default();
    for range in run.ranges.values() {
        let Some(state) = universe.cells.get(range.cell as usize).filter(|c| c.withheld) else { continue };
        let judged = |own: i64| verdict(state, range, own, universe.threshold, Knowledge::Marks);
        if judged(state.own) != Verdict::Small && judged(state.own + 1) == Verdict::Small {
            findings.provably_small.push(finding(state, range));
        }
    }
    Declared { attacker: ANYONE.to_owned(), findings, slivers: Vec::new() }
}

/// The findings of who has a record in a cell that might be zero for all that others know, if there are any, and the
/// worlds they have.
fn region(
    universe: &Universe,
    run: &Run,
    (cell, number, query): (u32, u32, u32),
    before: &Outcome,
    options: &Options,
) -> Option<(Option<Declared>, Outcome)> {
    let component: &Component = run.components.components.get(number as usize)?;
    let mut known = component.clone();
    let columns = component.queries.get(query as usize)?.columns.iter().map(|column| (*column, 1)).collect();
    known.constraints.push(Constraint { terms: columns, low: 1, high: UNBOUNDED });
    let outcome = bounds::solve_again(&known, before, options);
    let with = |other: u32| -> Option<&Outcome> {
        if other == number { Some(&outcome) } else { run.outcomes.get(other as usize) }
    };
    let mut findings = Findings { solves: outcome.solves, ..Findings::default() };
    let touched = run.components.targets.iter().filter(|target| target.pieces.iter().any(|(c, _)| *c == number));
    for target in touched {
        let Some(state) = universe.cells.get(target.cell as usize).filter(|c| c.withheld) else { continue };
        let range = combine(target, with, &run.intervals);
        let Some(known) = run.ranges.get(&target.cell) else { continue };
        let own = state.own + i64::from(universe.contains(target.cell, cell));
        if range.low == range.high && known.low < known.high {
            findings.recovered.push(finding(state, &range));
        }
        let judged = verdict(state, &range, own, universe.threshold, Knowledge::Marks);
        // What everybody knows, or anyone with a record, is not said again.
        if judged == verdict(state, known, own, universe.threshold, Knowledge::Marks) {
            continue;
        }
        match judged {
            Verdict::Small => findings.provably_small.push(finding(state, &range)),
            Verdict::Narrow => findings.narrow.push(finding(state, &range)),
            Verdict::Unfinished => findings.not_finished.push(state.label.clone()),
            Verdict::Public | Verdict::Unconfirmed | Verdict::Safe => {}
        }
    }
    let nothing = findings == Findings { solves: findings.solves, ..Findings::default() };
    let label = universe.cells.get(cell as usize).map(|c| c.label.clone()).unwrap_or_default();
    let declared =
        (!nothing).then(|| Declared { attacker: format!("one record in {label}"), findings, slivers: Vec::new() });
    Some((declared, outcome))
}

/// What a declared attacker finds about others, beyond what everybody finds. Of a cell that is shown to hold nobody else it
/// finds nothing: it tells of its own records, and of no other person.
pub(crate) fn beyond(universe: &Universe, theirs: Findings, everybody: &Findings) -> Findings {
    let own: BTreeMap<&str, i64> = universe.cells.iter().map(|cell| (cell.label.as_str(), cell.own)).collect();
    let known: BTreeMap<&str, (i64, i64)> = everybody
        .recovered
        .iter()
        .chain(&everybody.provably_small)
        .chain(&everybody.narrow)
        .map(|f| (f.cell.as_str(), (f.lower, f.upper)))
        .collect();
    let of_others = |f: &crate::Finding| own.get(f.cell.as_str()).is_none_or(|own| f.upper > *own);
    let new = |mut findings: Vec<crate::Finding>, of: &[crate::Finding]| {
        findings.retain(|f| of_others(f) && !of.iter().any(|other| other.cell == f.cell));
        findings
    };
    Findings {
        recovered: new(theirs.recovered, &everybody.recovered),
        provably_small: new(theirs.provably_small, &everybody.provably_small),
        narrow: theirs.narrow.into_iter().filter(|f| of_others(f) && !known.contains_key(f.cell.as_str())).collect(),
        group_disclosed: theirs
            .group_disclosed
            .into_iter()
            .filter(|disclosure| !everybody.group_disclosed.contains(disclosure))
            .collect(),
        ..theirs
    }
}
