//! What a plan is made of: atoms, who stands behind them, and every figure that was or will be decided.
//!
//! A revision is not a new beginning. Where a cell has another count now than the one that was decided, both are figures over
//! atoms that stayed, went and came, and both are part of the proof: what they differ by is protected like what any two released
//! cells differ by. Every cell that changed is decided anew: to leave some as they were would say by how much they changed.

use std::collections::{BTreeMap, HashMap};

use crate::contributions::{Contribution, Contributions};
use crate::gone::Beside;
use crate::history::{Figure, History, Past, Proof};
use crate::ids::{CellId, GroupId};
use crate::key::PlanKey;
use crate::matching::{Matched, Side, matched};
use crate::rules::{Reason, Rules};
use crate::table::{Rows, add, at, set};
use crate::unreleased::{CellEntry, CellFacts, Unreleased};

/// One figure over the material's atoms.
#[derive(Debug, Clone)]
pub(crate) struct MaterialCell {
    pub(crate) id: CellId,
    /// Sorted, without repeats.
    pub(crate) atoms: Vec<u32>,
    pub(crate) contributors: u64,
    pub(crate) facts: CellFacts,
    pub(crate) sensitive: bool,
    /// What an earlier plan decided about this very figure.
    pub(crate) past: Option<Past>,
    /// Why that plan withheld it.
    pub(crate) because: Option<Reason>,
    /// What was decided of it before keeps it back: it was withheld, or what was shown is so close that it would say how few came or
    /// went.
    pub(crate) kept_back: bool,
    /// Something was revised while its cell was not there.
    pub(crate) left_behind: bool,
    /// There is a figure, and it is not to be shown beside what is gone or revised.
    pub(crate) barred: bool,
    /// It is barred for good, as it has no plan.
    pub(crate) given_up: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Material {
    pub(crate) group: GroupId,
    pub(crate) truth: Vec<i64>,
    /// For each atom, the first of its place.
    pub(crate) origins: Vec<u32>,
    pub(crate) contributions: Vec<Contribution>,
    /// What is to be shown, in the order of ids.
    pub(crate) cells: Vec<MaterialCell>,
    /// What was shown and is not any more, oldest first.
    pub(crate) superseded: Vec<MaterialCell>,
    /// The worlds that proved the plan before.
    pub(crate) inherited: Vec<Proof>,
    /// Whether records were replaced, or a cell that was decided before is decided anew.
    pub(crate) revises: bool,
    /// Whether cells that are new have to wait for the plan after this one, as this one revises.
    pub(crate) more_follows: bool,
}

impl Material {
    /// The material of data after what was decided before.
    pub(crate) fn new(truth: &Unreleased, past: Option<&History>, k: u64, key: &PlanKey, rules: Rules) -> Self {
        let data = Data::new(truth, keyed(truth, key), k, rules);
        match past {
            None => data.as_first(),
            Some(history) => data.after(history),
        }
    }

    /// Every figure.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &MaterialCell> {
        self.cells.iter().chain(&self.superseded)
    }

    /// The contributions after atoms were merged: `place` says which atom each became.
    pub(crate) fn merged_contributions(&self, place: &[Option<u32>], atoms: usize) -> Contributions {
        let moved = self.contributions.iter().filter_map(|entry| {
            let atom = place.get(entry.atom as usize).copied().flatten()?;
            Some(Contribution { atom, ..*entry })
        });
        Contributions::new(moved.collect(), atoms)
    }
}

/// Contributions with numbers that are the same in every plan of the group and say nothing without the key.
fn keyed(truth: &Unreleased, key: &PlanKey) -> Vec<Contribution> {
    let group = truth.group.to_string();
    let number = |name: &[u8; 16]| key.draw(&[b"contributor", group.as_bytes(), name]).max(1);
    let numbers: BTreeMap<u64, u64> =
        truth.contributors.iter().map(|(name, position)| (*position, number(name))).collect();
    let keyed = |entry: &Contribution| {
        let contributor = numbers.get(&entry.contributor).copied().unwrap_or(0);
        Contribution { contributor, ..*entry }
    };
    truth.contributions.iter().map(keyed).collect()
}

/// The data, with what no cell tells apart as one atom.
struct Data<'a> {
    truth: &'a Unreleased,
    /// What each atom of the data became.
    became: Vec<Option<u32>>,
    counts: Vec<i64>,
    contributions: Contributions,
    k: u64,
    rules: Rules,
}

impl<'a> Data<'a> {
    fn new(truth: &'a Unreleased, mut contributions: Vec<Contribution>, k: u64, rules: Rules) -> Self {
        let cells = Rows::new(truth.cells.values().map(|entry| entry.atoms.clone())).transposed(truth.counts.len());
        let mut named = vec![false; truth.counts.len()];
        contributions.iter().for_each(|entry| set(&mut named, entry.atom, true));
        let some_named = !contributions.is_empty();
        let mut known: HashMap<(&[u32], bool), u32> = HashMap::new();
        let (mut became, mut counts) = (Vec::with_capacity(named.len()), Vec::new());
        for ((count, named), atom) in truth.counts.iter().zip(&named).zip(0_u32..) {
            let row = cells.row(atom);
            if row.is_empty() {
                became.push(None);
                continue;
            }
            let next = u32::try_from(counts.len()).unwrap_or(u32::MAX);
            // Of whom the records are is known of all of an atom or of none.
            let unnamed = some_named && !named && *count > 0;
            let merged = *known.entry((row, unnamed)).or_insert(next);
            if merged == next {
                counts.push(0);
            }
            add(&mut counts, merged, signed(*count));
            became.push(Some(merged));
        }
        contributions.retain_mut(|entry| {
            let merged = at(&became, entry.atom);
            entry.atom = merged.unwrap_or(entry.atom);
            merged.is_some()
        });
        let contributions = Contributions::new(contributions, counts.len());
        Self { truth, became, counts, contributions, k, rules }
    }

    /// The atoms of a cell, sorted.
    fn atoms(&self, entry: &CellEntry) -> Vec<u32> {
        let mut atoms: Vec<u32> = entry.atoms.iter().filter_map(|atom| at(&self.became, *atom)).collect();
        atoms.sort_unstable();
        atoms.dedup();
        atoms
    }

    fn as_first(&self) -> Material {
        let cells = self.truth.cells.iter().map(|(id, entry)| self.cell(id, entry, self.atoms(entry)));
        Material {
            group: self.truth.group.clone(),
            contributions: self.contributions.all().to_vec(),
            cells: cells.collect(),
            superseded: Vec::new(),
            origins: self.numbers(),
            truth: self.counts.clone(),
            inherited: Vec::new(),
            revises: false,
            more_follows: false,
        }
    }

    fn cell(&self, id: &CellId, entry: &CellEntry, atoms: Vec<u32>) -> MaterialCell {
        MaterialCell {
            id: id.clone(),
            atoms,
            contributors: entry.contributors,
            facts: entry.facts,
            sensitive: self.truth.sensitive.covers(id),
            past: None,
            because: None,
            kept_back: false,
            left_behind: false,
            barred: false,
            given_up: false,
        }
    }

    fn after(&self, history: &History) -> Material {
        let matched = self.match_with(history, &history.comparable());
        let moved = |atoms: &[u32]| union(&matched.of_old, atoms);
        let shown: HashMap<&CellId, &Figure> = history.shown.iter().map(|figure| (&figure.id, figure)).collect();
        let mut last: HashMap<&CellId, (usize, &Figure)> = HashMap::new();
        last.extend(history.superseded.iter().enumerate().map(|(index, figure)| (&figure.id, (index, figure))));
        let decided = |figure: &Figure| self.decided(figure, moved(&figure.atoms));
        let beside = Beside::new(self.truth, history, self.rules);
        let mut superseded: Vec<Option<MaterialCell>> =
            history.superseded.iter().map(|figure| Some(decided(figure))).collect();
        let mut cells = Vec::with_capacity(self.truth.cells.len());
        for (id, entry) in &self.truth.cells {
            let mut cell = self.cell(id, entry, union(&matched.of_new, &self.atoms(entry)));
            cell.barred = !cell.facts.not_available && !beside.there.contains(id);
            cell.facts.not_available |= cell.barred;
            cell.given_up = beside.given_up.contains(id);
            if cell.facts.not_available {
                cells.push(cell);
                continue;
            }
            if let Some(figure) = shown.get(id) {
                let before = decided(figure);
                if before.atoms == cell.atoms {
                    cells.push(before);
                } else {
                    cells.push(cell);
                    superseded.push(Some(before));
                }
                continue;
            }
            // It comes back: as it was, or decided anew beside what it was.
            let before = last.get(id).map(|(index, figure)| (*index, decided(figure)));
            match before.filter(|(_, before)| before.atoms == cell.atoms) {
                Some((index, before)) => {
                    superseded.get_mut(index).into_iter().for_each(|slot| *slot = None);
                    cells.push(before);
                }
                None => cells.push(cell),
            }
        }
        self.find_what_is_kept_back(&mut cells, superseded.iter().flatten());
        let inherited = history.proofs.iter().flat_map(|proof| proof.after(&matched.of_old, &matched.again)).collect();
        superseded
            .extend(history.shown.iter().filter(|figure| !beside.there.contains(&figure.id)).map(|f| Some(decided(f))));
        let mut more_follows = false;
        let decides = |cell: &MaterialCell| cell.past.is_none() && !cell.facts.not_available;
        let revises = self.truth.revises || cells.iter().any(|cell| decides(cell) && beside.decided.contains(&cell.id));
        if revises {
            let gone = superseded.iter_mut().flatten().filter(|figure| !beside.there.contains(&figure.id));
            gone.for_each(|figure| figure.left_behind = true);
            // Beside figures that changed, sums that nobody withheld before tell who kept the old ones what is withheld now.
            let is_new = |cell: &&mut MaterialCell| decides(cell) && !beside.decided.contains(&cell.id);
            for cell in cells.iter_mut().filter(is_new) {
                (cell.facts.not_available, cell.barred, more_follows) = (true, true, true);
            }
        }
        Material {
            group: self.truth.group.clone(),
            truth: matched.truth,
            origins: matched.origins,
            contributions: matched.contributions,
            cells,
            superseded: superseded.into_iter().flatten().collect(),
            inherited,
            revises,
            more_follows,
        }
    }

    /// Whether two figures of a cell that are both shown would differ by few, or a figure of it was withheld. Which figures are shown
    /// again must not depend on what was withheld: of a rule by distance, whoever knows it learns that distance.
    fn find_what_is_kept_back<'b>(&self, cells: &mut [MaterialCell], before: impl Iterator<Item = &'b MaterialCell>) {
        let mut known: HashMap<&CellId, Vec<Past>> = HashMap::new();
        for figure in before {
            known.entry(&figure.id).or_default().extend(figure.past);
        }
        for cell in cells.iter_mut().filter(|cell| cell.past.is_none()) {
            let count = self.truth.cells.get(&cell.id).map_or(0, |entry| self.count(entry));
            let keeps_back = |before: &Past| match before {
                Past::Released(before) => (1..self.k).contains(&before.abs_diff(count)),
                Past::Withheld(_) => true,
            };
            cell.kept_back = known.get(&cell.id).is_some_and(|figures| figures.iter().any(keeps_back));
        }
    }

    fn count(&self, entry: &CellEntry) -> u64 {
        entry.atoms.iter().filter_map(|atom| self.truth.counts.get(*atom as usize)).sum()
    }

    /// A figure that was decided. What everybody knows of it is what they know today: other limits than at the time exclude
    /// other worlds.
    fn decided(&self, figure: &Figure, atoms: Vec<u32>) -> MaterialCell {
        let mut facts = figure.facts;
        if let Some(today) = self.truth.cells.get(&figure.id) {
            // More than the limit is everybody, as in a table that is new.
            facts.known_upper = today.facts.known_upper.map(|upper| upper.max(figure.past.count()));
        }
        MaterialCell {
            id: figure.id.clone(),
            atoms,
            contributors: figure.contributors,
            facts,
            sensitive: figure.sensitive,
            past: Some(figure.past),
            because: figure.reason,
            kept_back: false,
            left_behind: figure.left_behind,
            barred: false,
            given_up: false,
        }
    }

    fn numbers(&self) -> Vec<u32> {
        (0..).take(self.counts.len()).collect()
    }

    /// Which records are still there.
    fn match_with(&self, history: &History, comparable: &HashMap<&CellId, &[u32]>) -> Matched {
        let (mut before, mut after, mut cells) = (Vec::new(), Vec::new(), Vec::new());
        for (id, entry) in &self.truth.cells {
            let Some(atoms) = comparable.get(id) else { continue };
            cells.push((id.key.period, !entry.facts.not_available));
            before.push(atoms.to_vec());
            after.push(self.atoms(entry));
        }
        let (before, after) =
            (Rows::new(before).transposed(history.truth.len()), Rows::new(after).transposed(self.counts.len()));
        matched(
            &Side {
                truth: &history.truth,
                contributions: &history.contributions,
                signatures: &before,
                origins: &history.origins,
            },
            &Side {
                truth: &self.counts,
                contributions: &self.contributions,
                signatures: &after,
                origins: &self.numbers(),
            },
            &cells,
        )
    }
}

/// What a set of atoms became, sorted.
fn union(parts: &[Vec<u32>], atoms: &[u32]) -> Vec<u32> {
    let mut all: Vec<u32> = atoms.iter().filter_map(|atom| parts.get(*atom as usize)).flatten().copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Counts are limited to 2^36 per atom and 2^24 atoms, so this never saturates.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
