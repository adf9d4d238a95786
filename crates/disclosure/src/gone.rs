//! What may be shown of new data beside what was shown and is not there any more: withdrawn with its period, or a gap of the source.
//!
//! Everybody who kept a figure may subtract from it. As nothing in the data that are here says which of its records are still the
//! same, no proof could be about that: so nothing new is shown of its months. That these or those of the new cells hold none of its
//! records is no reason to show them: with what is shown already they say what the others are.

use std::collections::{BTreeSet, HashSet};

use model::Month;

use crate::history::History;
use crate::ids::CellId;
use crate::rules::Rules;
use crate::unreleased::Unreleased;

/// See the module.
pub(crate) struct Beside<'a> {
    /// Cells that were decided before.
    pub(crate) decided: HashSet<&'a CellId>,
    /// Cells that are or may be shown.
    pub(crate) there: HashSet<&'a CellId>,
    /// Cells that are not, as they have no plan.
    pub(crate) given_up: HashSet<&'a CellId>,
}

impl<'a> Beside<'a> {
    /// What was gone while others were revised is not shown again: its records cannot be compared any more.
    ///
    /// A mutant that ignores `gone` shows whatever is new.
    pub(crate) fn new(truth: &'a Unreleased, history: &'a History, rules: Rules) -> Self {
        let decided: HashSet<&CellId> =
            history.superseded.iter().chain(&history.shown).map(|figure| &figure.id).collect();
        let left_behind: HashSet<&CellId> =
            history.gone().filter(|figure| figure.left_behind).map(|figure| &figure.id).collect();
        let available = truth.cells.iter().filter(|(_, entry)| !entry.facts.not_available).map(|(id, _)| id);
        let mut there: HashSet<&CellId> = available.filter(|id| !left_behind.contains(id)).collect();
        let gone: HashSet<&CellId> = decided.iter().filter(|id| rules.gone && !there.contains(*id)).copied().collect();
        let late = |closed: &HashSet<&CellId>, there: &HashSet<&'a CellId>| -> HashSet<&'a CellId> {
            let months: BTreeSet<Month> = closed.iter().flat_map(|id| id.key.period.months()).collect();
            let is_late = |id: &&CellId| id.key.period.months().any(|month| months.contains(&month));
            there.difference(&decided).copied().filter(is_late).collect()
        };
        let barred = late(&gone, &there);
        there.retain(|id| !barred.contains(id));
        let mut given_up: HashSet<&CellId> =
            truth.cells.keys().filter(|id| history.given_up.contains(*id) && !decided.contains(id)).collect();
        if !rules.late {
            given_up.extend(late(&decided, &there));
        }
        there.retain(|id| !given_up.contains(id));
        Self { decided, there, given_up }
    }
}
