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
        let closed = decided.iter().filter(|id| rules.gone && !there.contains(*id) || !rules.late);
        let months: BTreeSet<Month> = closed.flat_map(|id| id.key.period.months()).collect();
        there.retain(|id| decided.contains(id) || !id.key.period.months().any(|month| months.contains(&month)));
        Self { decided, there }
    }
}
