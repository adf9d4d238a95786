//! Which blocks stay as they are: those of which everything is what it was when they were proved.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::contributions::Contribution;
use crate::history::{Figure, History, KnownBlock};
use crate::ids::CellId;
use crate::ledger::Entry;
use crate::material::{Material, MaterialCell};
use crate::policy::Policy;
use crate::rules::Rules;
use crate::table::{Rows, at};

/// Finds blocks of the last plan again.
pub(crate) struct Keeper<'a> {
    of_cell: HashMap<&'a CellId, &'a KnownBlock>,
    /// Who read the last plan, and who reads this one.
    readers: [Vec<Vec<u16>>; 2],
    /// A mutant does not look what changed.
    looks: bool,
}

impl<'a> Keeper<'a> {
    /// Of a plan by other rules, or from before blocks were told apart, nothing stays.
    pub(crate) fn new(past: Option<&'a History>, policy: &Policy, rules: Rules, partners: &BTreeSet<u16>) -> Self {
        // What is late is decided with the material.
        let all = Rules { late: true, blocks: true, ..rules } == Rules::ALL;
        let same = |history: &&History| {
            !rules.blocks || Policy { budget: history.policy.budget, ..policy.clone() } == history.policy
        };
        let Some(history) = past.filter(|_| all).filter(same) else {
            return Self { of_cell: HashMap::new(), readers: [Vec::new(), Vec::new()], looks: true };
        };
        let of = |block: &'a KnownBlock| block.figures().map(move |figure| (&figure.id, block));
        let before = history.contributions.partners();
        Self {
            of_cell: history.blocks.iter().flat_map(of).collect(),
            readers: [policy.reading(&before), policy.reading(partners)],
            looks: rules.blocks,
        }
    }

    /// The entry of a block if nothing in it changed: its figures and what is known of them, who stands behind them, and whoever knows
    /// records of their own there.
    pub(crate) fn kept(&self, block: &Material) -> Option<&'a Entry> {
        let known = *block.figures().find_map(|figure| self.of_cell.get(&figure.id))?;
        let same_figures = same(&known.shown, &block.cells) && same(&known.superseded, &block.superseded);
        let same_content = || Outline::of_known(known) == Outline::of(block);
        let unchanged = !self.looks || (same_figures && self.is_read_as_before(block) && same_content());
        unchanged.then_some(&known.entry)
    }

    /// Whether those who know records of their own know the same of this block.
    fn is_read_as_before(&self, block: &Material) -> bool {
        let here: BTreeSet<u16> = block.contributions.iter().map(|entry| entry.partner).collect();
        let [before, now] = self.readers.each_ref().map(|readers| {
            let known = |reader: &Vec<u16>| reader.iter().copied().filter(|one| here.contains(one)).collect();
            let mut known: BTreeSet<BTreeSet<u16>> = readers.iter().map(known).collect();
            known.remove(&BTreeSet::new());
            known
        });
        before == now
    }
}

fn same(before: &[Figure], now: &[MaterialCell]) -> bool {
    before.len() == now.len() && before.iter().zip(now).all(|(before, now)| is_same(before, now))
}

fn is_same(before: &Figure, now: &MaterialCell) -> bool {
    now.id == before.id
        && now.past == Some(before.past)
        && now.because == before.reason
        && (now.contributors, now.facts, now.sensitive) == (before.contributors, before.facts, before.sensitive)
        && now.left_behind == before.left_behind
        && !(now.kept_back || now.barred || now.given_up)
}

/// What is in which figures: by the figures that records are counted in, and those that the records of the same place were first counted
/// in, how many they are, and of whom.
#[derive(PartialEq, Eq)]
struct Outline(BTreeMap<(Vec<u32>, Vec<u32>), Records>);

type Records = (i64, BTreeMap<(u64, u16), u64>);

impl Outline {
    fn of(block: &Material) -> Self {
        let figures = block.figures().map(|cell| cell.atoms.clone());
        Self::new(figures, (&block.truth, &block.origins), &block.contributions)
    }

    fn of_known(block: &KnownBlock) -> Self {
        let figures = block.figures().map(|figure| figure.atoms.clone());
        let truth: Vec<i64> = block.entry.truth.iter().map(|count| crate::material::signed(*count)).collect();
        let people = block.entry.contributions.iter();
        let people = people.map(|(atom, contributor, partner, amount)| Contribution {
            atom: *atom,
            contributor: *contributor,
            partner: *partner,
            amount: *amount,
        });
        Self::new(figures, (&truth, &block.entry.origins), &people.collect::<Vec<_>>())
    }

    fn new(
        figures: impl Iterator<Item = Vec<u32>>,
        (truth, origins): (&[i64], &[u32]),
        contributions: &[Contribution],
    ) -> Self {
        let inside = Rows::new(figures).transposed(truth.len());
        let of_atom = |atom: u32| (inside.row(atom).to_vec(), inside.row(at(origins, atom)).to_vec());
        let mut all: BTreeMap<(Vec<u32>, Vec<u32>), Records> = BTreeMap::new();
        for (count, atom) in truth.iter().zip(0_u32..).filter(|(_, atom)| !inside.row(*atom).is_empty()) {
            all.entry(of_atom(atom)).or_default().0 += count;
        }
        for entry in contributions.iter().filter(|entry| entry.amount > 0) {
            if let Some(records) = all.get_mut(&of_atom(entry.atom)) {
                *records.1.entry((entry.contributor, entry.partner)).or_insert(0) += entry.amount;
            }
        }
        Self(all)
    }
}
