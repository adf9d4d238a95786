//! What a plan would change of what everybody sees: for who decides whether it is published.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{Mark, Period};

use crate::history::Past;
use crate::ids::CellId;
use crate::ledger::{LedgerState, shown};
use crate::policy::Rounding;
use crate::released::{Cell, GroupTables};
use crate::report::{ReportedView, TOGETHER};

/// How many of some cells are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Cells for which the source has a figure.
    pub cells: usize,
    /// Of these, with a number.
    pub numbers: usize,
}

impl Shown {
    /// So many of 100 cells of a view have to be shown, or it is too fine.
    pub const LEAST_PERCENT: usize = 60;

    /// Whether it is not too fine.
    #[must_use]
    pub const fn is_enough(self) -> bool {
        self.numbers.saturating_mul(100) >= self.cells.saturating_mul(Self::LEAST_PERCENT)
    }

    /// Whole percent, rounded down: what is short of the limit is never written as the limit.
    #[must_use]
    pub fn percent(self) -> usize {
        self.numbers.saturating_mul(100).checked_div(self.cells).unwrap_or(100)
    }

    fn add(&mut self, number: Option<u64>) {
        self.cells += 1;
        self.numbers += usize::from(number.is_some());
    }
}

/// What becomes of some cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    /// What is shown now.
    pub before: Shown,
    /// What would be.
    pub after: Shown,
    /// Of the numbers that are shown now, those that would be others.
    pub changed: usize,
    /// Of the numbers that are shown now, those that would be marks, or not there.
    pub withheld: usize,
    /// Of what would be shown, the cells that are not there now, numbers and marks.
    pub appears: Shown,
}

impl Change {
    /// Whether enough is shown now, and too little would be: what is withheld once stays so.
    #[must_use]
    pub const fn becomes_too_fine(&self) -> bool {
        self.before.is_enough() && !self.after.is_enough()
    }
}

/// What becomes of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewChange {
    /// Its name for people.
    pub name: String,
    /// All its cells.
    pub all: Change,
    /// The same by period.
    pub periods: BTreeMap<Period, Change>,
}

/// What a plan would change of what everybody sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// By view, in the order given.
    pub views: Vec<ViewChange>,
    /// All cells of the group.
    pub all: Change,
    /// Headline totals that would not be shown any more, in the order of ids.
    pub totals: Vec<CellId>,
    /// By period, how many cells that were shown once and are not there now would never be shown again, whatever is sent.
    pub left_behind: BTreeMap<Period, usize>,
    /// By period, how many cells of which there is a figure stay away, as an earlier revision left them behind.
    pub stay_away: BTreeMap<Period, usize>,
}

impl Changes {
    pub(crate) fn new(past: &LedgerState, next: &GroupTables, views: &[ReportedView]) -> Self {
        let mut changes = Self { stay_away: next.left_behind.clone(), ..Self::none_of(views) };
        let rounding = past.history.as_ref().map_or(Rounding::None, |history| history.policy.rounding);
        let now: BTreeSet<&CellId> =
            past.history.iter().flat_map(|history| &history.shown).map(|figure| &figure.id).collect();
        for (id, cell) in next.iter().filter(|(_, cell)| *cell != Cell::Withheld(Mark::X)) {
            let is_new = !now.contains(id);
            changes.count(views, id, |change| {
                change.after.add(cell.value());
                if is_new {
                    change.appears.add(cell.value());
                }
            });
        }
        for figure in past.history.iter().flat_map(|history| &history.shown) {
            let before = match figure.past {
                Past::Released(count) => shown(count, rounding).value(),
                Past::Withheld(_) => None,
            };
            let after = next.cell(&figure.id).and_then(Cell::value);
            changes.count(views, &figure.id, |change| {
                change.before.add(before);
                change.changed += usize::from(before.zip(after).is_some_and(|(before, after)| before != after));
                change.withheld += usize::from(before.is_some() && after.is_none());
            });
            if figure.facts.headline && before.is_some() && after.is_none() {
                changes.totals.push(figure.id.clone());
            }
        }
        changes
    }

    /// From figures to others, nothing of which is withheld for anything else.
    pub(crate) fn between(before: Option<&GroupTables>, after: &GroupTables, views: &[ReportedView]) -> Self {
        let mut changes = Self::none_of(views);
        let shown = |tables: Option<&GroupTables>, id: &CellId| tables.and_then(|tables| tables.cell(id)?.value());
        for (id, cell) in after.iter().filter(|(id, _)| shown(before, id).is_none()) {
            changes.count(views, id, |change| {
                change.after.add(cell.value());
                change.appears.add(cell.value());
            });
        }
        for (id, cell) in before.iter().flat_map(|before| before.iter()) {
            let later = shown(Some(after), id);
            changes.count(views, id, |change| {
                change.before.add(cell.value());
                later.iter().for_each(|value| change.after.add(Some(*value)));
                change.changed += usize::from(later.is_some() && later != cell.value());
                change.withheld += usize::from(later.is_none());
            });
        }
        changes
    }

    fn none_of(views: &[ReportedView]) -> Self {
        let named = |view: &ReportedView| ViewChange {
            name: view.name.clone(),
            all: Change::default(),
            periods: BTreeMap::new(),
        };
        Self { views: views.iter().map(named).collect(), ..Self::default() }
    }

    /// Counts a cell in each view that shows it, and in all.
    fn count(&mut self, views: &[ReportedView], id: &CellId, count: impl Fn(&mut Change)) {
        for (_, change) in views.iter().zip(&mut self.views).filter(|(view, _)| view.shows(id)) {
            count(&mut change.all);
            count(change.periods.entry(id.key.period).or_default());
        }
        count(&mut self.all);
    }
}

impl fmt::Display for Changes {
    /// A line for each view, and one for each period in which it loses numbers or is there anew.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<(String, Change)> = Vec::new();
        for view in &self.views {
            lines.push((view.name.clone(), view.all));
            let losing = view.periods.iter().filter(|(_, change)| change.withheld > 0 || change.appears.cells > 0);
            lines.extend(losing.map(|(period, change)| (format!("  {}", period.label()), *change)));
        }
        lines.push((TOGETHER.to_owned(), self.all));
        let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let some_appear = self.all.appears.cells > 0;
        write!(f, "{:<width$}  {:>13}  {:>12}  {:>12}", "", "numbers shown", "would change", "would be [c]")?;
        writeln!(f, "{}", if some_appear { "  would appear  appear as [c]" } else { "" })?;
        for (name, Change { before, changed, withheld, appears, .. }) in &lines {
            write!(f, "{name:<width$}  {:>13}  {changed:>12}  {withheld:>12}", before.numbers)?;
            if some_appear {
                write!(f, "  {:>12}  {:>13}", appears.numbers, appears.cells - appears.numbers)?;
            }
            writeln!(f)?;
        }
        self.totals.iter().try_for_each(|total| writeln!(f, "total not shown any more: {total}"))?;
        let Change { changed, withheld, appears, .. } = self.all;
        if changed == 0 && withheld == 0 && appears.cells == 0 {
            writeln!(f, "nothing that anybody sees would change")?;
        }
        if !self.left_behind.is_empty() {
            writeln!(
                f,
                "never shown again, as they are not there now (numbers of cells): {}; nor is anything new that contains \
                 any of their months, of whatever area: no year that is not out yet. To show them, have them sent first and revise all \
                 together",
                cells_of(&self.left_behind)
            )?;
        }
        if !self.stay_away.is_empty() {
            writeln!(
                f,
                "stay away for good, as others were revised while they were not there (numbers of cells): {}",
                cells_of(&self.stay_away)
            )?;
        }
        for view in &self.views {
            let periods =
                view.periods.iter().map(|(period, change)| (format!("{} of {}", view.name, period.label()), change));
            for (name, Change { before, after, .. }) in std::iter::once((view.name.clone(), &view.all))
                .chain(periods)
                .filter(|(_, change)| change.becomes_too_fine())
            {
                let now = if before.cells == 0 {
                    "nothing is shown now".to_owned()
                } else {
                    format!("{} % are shown now", before.percent())
                };
                writeln!(
                    f,
                    "too fine then: {name} would show {} % of its cells for good, {now}; a view that is new would need {} %, here it is for the reviewer to decide",
                    after.percent(),
                    Shown::LEAST_PERCENT
                )?;
            }
        }
        Ok(())
    }
}

/// Numbers of cells by period, in words.
fn cells_of(periods: &BTreeMap<Period, usize>) -> String {
    let each: Vec<String> = periods.iter().map(|(period, cells)| format!("{} ({cells})", period.label())).collect();
    each.join(", ")
}
