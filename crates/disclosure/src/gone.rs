//! What may be shown of new data beside what was shown and is not there any more: withdrawn with its period, or a gap of the source.
//!
//! Everybody who kept a figure may subtract from it. As nothing in the data that are here says which of its records are still the
//! same, no proof could be about that: so nothing new is shown that may hold any of them. Which those are follows from the tables
//! alone, never from who was counted in them.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::Month;

use crate::history::{Figure, History};
use crate::ids::CellId;
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
    pub(crate) fn new(truth: &'a Unreleased, history: &'a History, gone: bool) -> Self {
        let decided: HashSet<&CellId> =
            history.superseded.iter().chain(&history.shown).map(|figure| &figure.id).collect();
        let left_behind: HashSet<&CellId> =
            history.gone().filter(|figure| figure.left_behind).map(|figure| &figure.id).collect();
        let available = truth.cells.iter().filter(|(_, entry)| !entry.facts.not_available).map(|(id, _)| id);
        let there: HashSet<&CellId> = available.filter(|id| !left_behind.contains(id)).collect();
        let mut beside = Self { decided, there };
        if gone {
            let told = beside.told(truth, history);
            beside.there.retain(|id| !told.contains(id));
        }
        beside
    }

    /// The new cells that may hold records of what is gone: months in common, and an atom that is in the same of the cells that are
    /// there and were decided before.
    fn told(&self, truth: &'a Unreleased, history: &'a History) -> HashSet<&'a CellId> {
        let figures = || history.superseded.iter().chain(&history.shown);
        let gone: Vec<&Figure> = figures().filter(|figure| !self.there.contains(&figure.id)).collect();
        if gone.is_empty() {
            return HashSet::new();
        }
        let known: HashMap<&CellId, u32> = self.decided.intersection(&self.there).copied().zip(0..).collect();
        let before = figures().map(|figure| (known.get(&figure.id).copied(), figure.atoms.as_slice()));
        let before = around(before, history.truth.len());
        let cells = truth.cells.iter().filter(|(id, _)| self.there.contains(id));
        let now = around(cells.map(|(id, entry)| (known.get(id).copied(), entry.atoms.as_slice())), truth.counts.len());
        let mut months: HashMap<&[u32], BTreeSet<Month>> = HashMap::new();
        for figure in gone {
            let places: BTreeSet<&[u32]> = figure.atoms.iter().filter_map(|atom| place(&before, *atom)).collect();
            for around in places {
                months.entry(around).or_default().extend(figure.id.key.period.months());
            }
        }
        let holds = |id: &CellId, atom: &u32| {
            let gone = place(&now, *atom).and_then(|place| months.get(place));
            gone.is_some_and(|gone| id.key.period.months().any(|month| gone.contains(&month)))
        };
        let new = truth.cells.iter().filter(|(id, _)| self.there.contains(id) && !known.contains_key(id));
        new.filter(|(id, entry)| entry.atoms.iter().any(|atom| holds(id, atom))).map(|(id, _)| id).collect()
    }
}

/// For each atom, the numbers of the cells around it, in order.
fn around<'a>(cells: impl Iterator<Item = (Option<u32>, &'a [u32])>, atoms: usize) -> Vec<Vec<u32>> {
    let mut around: Vec<Vec<u32>> = vec![Vec::new(); atoms];
    for (number, members) in cells {
        for atom in members {
            around.get_mut(*atom as usize).into_iter().for_each(|cells| cells.extend(number));
        }
    }
    for cells in &mut around {
        cells.sort_unstable();
        cells.dedup();
    }
    around
}

fn place(around: &[Vec<u32>], atom: u32) -> Option<&[u32]> {
    around.get(atom as usize).map(Vec::as_slice)
}
