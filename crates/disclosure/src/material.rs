//! What a plan is made of: atoms, who stands behind them, and every figure that was or will be decided.
//!
//! A revision is not a new beginning. Where a cell has another count now than the one that was decided, both are figures over
//! atoms that stayed, went and came, and both are part of the proof. So that nobody is seen coming or going, a cell whose count
//! changed by fewer than k *waits*: what was shown of it stays, and what it would be now is a secret like any other.

use std::collections::{BTreeMap, HashMap};

use crate::contributions::{Contribution, Contributions};
use crate::history::{Figure, History, Past};
use crate::ids::{CellId, GroupId};
use crate::key::PlanKey;
use crate::ledger::LedgerState;
use crate::matching::{Matched, Side, matched};
use crate::policy::Policy;
use crate::rules::Reason;
use crate::table::{Rows, at, set};
use crate::unreleased::{CellEntry, CellFacts, Unreleased};

/// One figure over the material's atoms.
#[derive(Debug, Clone)]
pub(crate) struct MaterialCell {
    pub(crate) id: CellId,
    /// Sorted, without repeats.
    pub(crate) atoms: Vec<u32>,
    /// For a cell that waits: its atoms in the data.
    pub(crate) now: Option<Vec<u32>>,
    /// Whether something that is shown anew may tell of what a waiting cell hides.
    pub(crate) told_of: bool,
    pub(crate) contributors: u64,
    pub(crate) facts: CellFacts,
    pub(crate) sensitive: bool,
    /// What an earlier plan decided about this very figure.
    pub(crate) past: Option<Past>,
    /// Why that plan withheld it.
    pub(crate) because: Option<Reason>,
    /// It came back after it had been taken away, with another count: to be withheld.
    pub(crate) returned: bool,
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
}

/// Which changed cells wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Those whose count changed by fewer than k, and some that the key chooses, so that waiting does not say by how much.
    Few,
    /// Those, and all that are broken down by categories. Of who came, their categories are then not told at all, so that tables by
    /// categories stay apart from others.
    Categories,
    /// All of them. What is shown tells nothing of who came, and of who went no more than before.
    All,
}

impl Material {
    /// The material of data after what was decided before.
    pub(crate) fn new(
        truth: &Unreleased,
        past: &LedgerState,
        policy: &Policy,
        key: &PlanKey,
        patience: Patience,
    ) -> Self {
        let counts: Vec<i64> = truth.counts.iter().map(|count| signed(*count)).collect();
        let contributions = Contributions::new(keyed(truth, key), counts.len());
        let data = Data { truth, counts, contributions, policy, key, patience };
        match &past.history {
            None => data.as_first(),
            Some(history) => data.after(history),
        }
    }

    /// Every figure.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &MaterialCell> {
        self.cells.iter().chain(&self.superseded)
    }

    /// Which waiting cells others tell of: those that count some of who came, or that count a place without some of who went. Tables
    /// without categories say nothing of the categories of who came or went but how many there are in all.
    fn find_what_is_told_of(&mut self) {
        let mut counted = Told::new(self.truth.len());
        let mut left_out = Told::new(self.truth.len());
        let mut of_place: Vec<Vec<u32>> = vec![Vec::new(); self.truth.len()];
        for (origin, atom) in self.origins.iter().zip(0_u32..).filter(|(origin, atom)| **origin != *atom) {
            of_place.get_mut(*origin as usize).into_iter().for_each(|list| list.push(atom));
        }
        for figure in self.figures() {
            let broken_down = figure.id.is_broken_down();
            for atom in &figure.atoms {
                counted.note(*atom, broken_down);
                let others = of_place.get(*atom as usize).into_iter().flatten();
                let others = others.filter(|other| figure.atoms.binary_search(other).is_err());
                others.for_each(|other| left_out.note(*other, broken_down));
            }
        }
        for cell in &mut self.cells {
            let Some(now) = &cell.now else { continue };
            let broken_down = cell.id.is_broken_down();
            let mut came = now.iter().filter(|atom| cell.atoms.binary_search(atom).is_err());
            let mut went = cell.atoms.iter().filter(|atom| now.binary_search(atom).is_err());
            cell.told_of = came.any(|atom| counted.tells(*atom, broken_down))
                || went.any(|atom| left_out.tells(*atom, broken_down));
        }
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

/// By atom: what is told of it by figures without categories and with.
struct Told {
    plainly: Vec<bool>,
    by_category: Vec<bool>,
}

impl Told {
    fn new(atoms: usize) -> Self {
        Self { plainly: vec![false; atoms], by_category: vec![false; atoms] }
    }

    fn note(&mut self, atom: u32, broken_down: bool) {
        set(if broken_down { &mut self.by_category } else { &mut self.plainly }, atom, true);
    }

    /// Whether a cell, with or without categories, is told of by way of this atom.
    fn tells(&self, atom: u32, broken_down: bool) -> bool {
        at(&self.by_category, atom) || (!broken_down && at(&self.plainly, atom))
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

struct Data<'a> {
    truth: &'a Unreleased,
    counts: Vec<i64>,
    contributions: Contributions,
    policy: &'a Policy,
    key: &'a PlanKey,
    patience: Patience,
}

impl Data<'_> {
    fn as_first(&self) -> Material {
        let cells = self.truth.cells.iter().map(|(id, entry)| self.cell(id, entry, entry.atoms.clone()));
        Material {
            group: self.truth.group.clone(),
            contributions: self.contributions.all().to_vec(),
            cells: cells.collect(),
            superseded: Vec::new(),
            origins: self.numbers(),
            truth: self.counts.clone(),
        }
    }

    fn cell(&self, id: &CellId, entry: &CellEntry, atoms: Vec<u32>) -> MaterialCell {
        MaterialCell {
            id: id.clone(),
            atoms,
            now: None,
            told_of: false,
            contributors: entry.contributors,
            facts: entry.facts,
            sensitive: self.truth.sensitive.covers(id),
            past: None,
            because: None,
            returned: false,
        }
    }

    fn after(&self, history: &History) -> Material {
        let matched = self.match_with(history);
        let moved = |atoms: &[u32]| union(&matched.of_old, atoms);
        let shown: HashMap<&CellId, &Figure> = history.shown.iter().map(|figure| (&figure.id, figure)).collect();
        let mut last: HashMap<&CellId, (usize, &Figure)> = HashMap::new();
        last.extend(history.superseded.iter().enumerate().map(|(index, figure)| (&figure.id, (index, figure))));
        let decided = |figure: &Figure| self.decided(figure, moved(&figure.atoms));
        let mut superseded: Vec<Option<MaterialCell>> =
            history.superseded.iter().map(|figure| Some(decided(figure))).collect();
        let mut cells = Vec::with_capacity(self.truth.cells.len());
        for (id, entry) in &self.truth.cells {
            let cell = self.cell(id, entry, union(&matched.of_new, &entry.atoms));
            if cell.facts.not_available {
                cells.push(cell);
                continue;
            }
            if let Some(figure) = shown.get(id) {
                let before = decided(figure);
                let (cell, old) = self.revised(entry, before, cell);
                cells.push(cell);
                superseded.extend(old.map(Some));
            } else if let Some((index, figure)) = last.get(id) {
                let before = decided(figure);
                if before.atoms == cell.atoms {
                    superseded.get_mut(*index).into_iter().for_each(|slot| *slot = None);
                    cells.push(before);
                } else {
                    let returned = self.waits(id, figure.past, self.count(entry));
                    cells.push(MaterialCell { returned, ..cell });
                }
            } else {
                cells.push(cell);
            }
        }
        let gone = |figure: &&Figure| self.truth.cells.get(&figure.id).is_none_or(|entry| entry.facts.not_available);
        superseded.extend(history.shown.iter().filter(gone).map(|figure| Some(decided(figure))));
        let mut material = Material {
            group: self.truth.group.clone(),
            truth: matched.truth,
            origins: matched.origins,
            contributions: matched.contributions,
            cells,
            superseded: superseded.into_iter().flatten().collect(),
        };
        material.find_what_is_told_of();
        material
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
            now: None,
            told_of: false,
            contributors: figure.contributors,
            facts,
            sensitive: figure.sensitive,
            past: Some(figure.past),
            because: figure.reason,
            returned: false,
        }
    }

    fn numbers(&self) -> Vec<u32> {
        (0..).take(self.counts.len()).collect()
    }

    /// What is to be shown of a cell that was shown before, and the figure that it takes the place of.
    fn revised(
        &self,
        entry: &CellEntry,
        before: MaterialCell,
        after: MaterialCell,
    ) -> (MaterialCell, Option<MaterialCell>) {
        if before.atoms == after.atoms {
            return (before, None);
        }
        if before.past.is_some_and(|past| self.waits(&before.id, past, self.count(entry))) {
            return (MaterialCell { now: Some(after.atoms), ..before }, None);
        }
        (after, Some(before))
    }

    /// Whether a cell that was decided is to stay as it was shown.
    fn waits(&self, id: &CellId, shown: Past, count: u64) -> bool {
        let chosen = || {
            let (group, name) = (self.truth.group.to_string(), format!("{id} {count}"));
            self.key.chooses(b"waits", &group, &name, self.policy.decoys_per_thousand)
        };
        let all = match self.patience {
            Patience::Few => false,
            Patience::Categories => id.is_broken_down(),
            Patience::All => true,
        };
        all || count.abs_diff(shown.count()) < self.policy.k || chosen()
    }

    fn count(&self, entry: &CellEntry) -> u64 {
        entry.atoms.iter().filter_map(|atom| self.truth.counts.get(*atom as usize)).sum()
    }

    /// Which records are still there.
    fn match_with(&self, history: &History) -> Matched {
        let latest = history.latest();
        let both = self.truth.cells.iter().filter(|(_, entry)| !entry.facts.not_available);
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for (id, entry) in both {
            let Some(atoms) = latest.get(id) else { continue };
            before.push(atoms.to_vec());
            after.push(entry.atoms.clone());
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
