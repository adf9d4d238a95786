//! Attackers who know records of their own.
//!
//! A *declared* attacker (a partner, a coalition) states records; what is left of the cells is attacked anew. *Any single contributor* is
//! tried at every withheld cell: who has a record in it knows that the cell is at least 1, and that one record less is
//! somebody else's. Where marks already say "at least 1", the worlds are those of everybody; elsewhere other cells may
//! be known better, and their worlds are sought again, starting from those that were found.

use std::collections::{BTreeMap, BTreeSet};

use crate::AttackError;
use crate::bounds::{self, Outcome};
use crate::component::{Component, Constraint};
use crate::differences::{Differences, Overlaps};
use crate::judge::{Verdict, combine, finding, verdict};
use crate::propagate::{Intervals, Knowledge};
use crate::report::{Declared, Finding, Findings, Sliver};
use crate::search::{Options, Run, in_parallel};
use crate::universe::{Own, UNBOUNDED, Universe};
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
    // Where every range has room, nobody with one record knows more of another cell.
    let outcome = |component: u32| run.outcomes.get(component as usize);
    let all_roomy = |found: &Outcome| !found.roomy.is_empty() && found.roomy.iter().all(|roomy| *roomy);
    regions.retain(|component, _| !outcome(*component).is_some_and(all_roomy));
    let size = |component: u32| run.components.components.get(component as usize).map_or(0, |c| c.columns.len());
    let too_many = |component: u32, cells: usize| cells.saturating_mul(size(component)) > options.max_contributors;
    let skipped: usize =
        regions.iter().filter(|(c, cells)| too_many(**c, cells.len())).map(|(_, cells)| cells.len()).sum();
    regions.retain(|component, cells| !too_many(*component, cells.len()));
    let regions: Vec<(u32, Vec<(u32, u32)>)> = regions.into_iter().collect();
    let found = in_parallel(regions.len(), options.threads, |number| {
        regions.get(number).map(|(component, cells)| in_component(universe, run, *component, cells, options))
    });
    let mut anyone = anyone(universe, run);
    if skipped > 0 {
        let message = format!("not searched: single contributors to {skipped} cells (limit `max_contributors`)");
        anyone.findings.not_finished.push(message);
    }
    let mut declared = vec![anyone];
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
    for (other, roomy) in before.roomy.iter().enumerate() {
        if let Some(other) = known.queries.get_mut(other).filter(|_| *roomy && other != query as usize) {
            (other.want_high, other.want_low) = (other.want_high.saturating_sub(1), i64::MAX);
        }
    }
    match component.queries.get(query as usize)?.columns.as_slice() {
        [column] => {
            let (low, _) = known.columns.get_mut(*column as usize)?;
            *low = (*low).max(1);
        }
        columns => {
            let terms = columns.iter().map(|column| (*column, 1)).collect();
            known.constraints.push(Constraint { terms, low: 1, high: UNBOUNDED });
        }
    }
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

/// What is known to everybody, for whoever also declares records of their own.
pub(crate) struct Everybody<'a> {
    pub(crate) universe: &'a Universe,
    pub(crate) run: &'a Run,
    pub(crate) targets: &'a [u32],
    pub(crate) findings: &'a Findings,
    pub(crate) options: &'a Options,
}

impl Everybody<'_> {
    /// What each of those who declare records finds beyond what everybody finds.
    ///
    /// # Errors
    /// If somebody's records contradict the tables.
    pub(crate) fn declared(&self, overlaps: &Overlaps, shown: &[Sliver]) -> Result<Vec<Declared>, AttackError> {
        let attackers = &self.universe.attackers;
        let mut declared = Vec::new();
        for ((attacker, own), mut findings) in attackers.iter().zip(self.beyond_all(attackers)?) {
            let universe = self.universe.with(own)?;
            let mut intervals = Intervals::given(&universe, Knowledge::Marks);
            intervals.propagate(&universe)?;
            let Differences { mut slivers, not_finished } = overlaps.differences(&universe, &intervals, self.options);
            findings.not_finished.extend(not_finished);
            slivers.retain(|sliver| !shown.iter().any(|other| other.cells == sliver.cells));
            declared.push(Declared { attacker: attacker.clone(), findings, slivers });
        }
        Ok(declared)
    }

    /// The findings of each. Those who find nothing together find nothing alone: whoever knows fewer records has more worlds,
    /// and more of the records are others'.
    fn beyond_all(&self, attackers: &[(String, Own)]) -> Result<Vec<Findings>, AttackError> {
        match attackers {
            [] => Ok(Vec::new()),
            [(_, own)] => {
                let universe = self.universe.with(own)?;
                let theirs = self.run(&universe)?;
                Ok(vec![beyond(&universe, theirs, self.findings)])
            }
            several => {
                let all = Own::sum(several.iter().map(|(_, own)| own));
                // Records of two of them may be the same ones, so that together they would be more than there are.
                let together = self.universe.with(&all).and_then(|universe| self.run(&universe));
                if together.is_ok_and(|theirs| nothing_more(&theirs, self.findings)) {
                    return Ok(vec![Findings::default(); several.len()]);
                }
                let (first, second) = several.split_at(several.len() / 2);
                let mut findings = self.beyond_all(first)?;
                findings.extend(self.beyond_all(second)?);
                Ok(findings)
            }
        }
    }

    fn run(&self, universe: &Universe) -> Result<Findings, AttackError> {
        Ok(Run::new(universe, Knowledge::Marks, self.targets, self.options, Some(self.run))?.findings)
    }
}

/// Whether nothing was found, or left open, that everybody does not find.
fn nothing_more(theirs: &Findings, everybody: &Findings) -> bool {
    let cells =
        |findings: &[Finding]| findings.iter().map(|finding| finding.cell.clone()).collect::<BTreeSet<String>>();
    let known = |theirs: &[Finding], everybody: &[Finding]| cells(theirs).is_subset(&cells(everybody));
    known(&theirs.recovered, &everybody.recovered)
        && known(&theirs.provably_small, &everybody.provably_small)
        && known(&theirs.narrow, &everybody.narrow)
        // Together they may take the rest of what is small by public facts, and it is no finding; one of them alone may find it.
        && (theirs.small_in_public, everybody.small_in_public) == (0, 0)
        && theirs.group_disclosed.iter().all(|found| everybody.group_disclosed.contains(found))
        && theirs.unconfirmed.iter().all(|cell| everybody.unconfirmed.contains(cell))
        && theirs.not_finished.iter().all(|what| everybody.not_finished.contains(what))
}

/// What a declared attacker finds about others, beyond what everybody finds. Of a cell that is shown to hold nobody else it
/// finds nothing: it tells of its own records, and of no other person.
fn beyond(universe: &Universe, theirs: Findings, everybody: &Findings) -> Findings {
    let own: BTreeMap<&str, i64> =
        universe.cells.iter().map(|cell| (cell.label.as_str(), cell.own + cell.apart)).collect();
    let known: BTreeMap<&str, (i64, i64)> = everybody
        .recovered
        .iter()
        .chain(&everybody.provably_small)
        .chain(&everybody.narrow)
        .map(|f| (f.cell.as_str(), (f.lower, f.upper)))
        .collect();
    let of_others = |f: &Finding| own.get(f.cell.as_str()).is_none_or(|own| f.upper > *own);
    let new = |mut findings: Vec<Finding>, of: &[Finding]| {
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
