//! Which blocks stay as they are: those of which everything is what it was when they were proved.

use std::collections::{BTreeSet, HashMap};

use crate::contributions::Contribution;
use crate::history::{Figure, History, KnownBlock};
use crate::ids::CellId;
use crate::ledger::{Entry, EntryContribution};
use crate::material::{Material, MaterialCell, signed};
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
        let unchanged = same_figures && self.is_read_as_before(block) && has_same_records(known, block);
        let unchanged = unchanged || !self.looks;
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
struct Outline<'a> {
    inside: Rows,
    truth: &'a [i64],
    origins: &'a [u32],
    contributions: &'a [Contribution],
}

/// A number for what an outline tells apart; none for what it does not count.
type Numbers<'a> = HashMap<(&'a [u32], &'a [u32]), u32>;

/// The records that an outline counts.
#[derive(PartialEq, Eq)]
struct Records {
    /// By number: whether it is there, and how many.
    counts: Vec<(bool, i64)>,
    /// Whose they are, in order: number, contributor, partner and amount.
    people: Vec<(u32, u64, u16, u64)>,
}

impl Outline<'_> {
    /// Where an atom is counted.
    fn key(&self, atom: u32) -> Option<(&[u32], &[u32])> {
        let (row, of_origin) = (self.inside.row(atom), self.inside.row(at(self.origins, atom)));
        (!row.is_empty()).then_some((row, of_origin))
    }

    /// Whether another, of the same figures, is the same.
    fn is_same(&self, other: &Self) -> bool {
        let atoms = || (0_u32..).zip(self.truth).map(|(atom, _)| atom);
        let mut numbers = Numbers::new();
        for key in atoms().filter_map(|atom| self.key(atom)) {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            numbers.entry(key).or_insert(next);
        }
        let (ours, theirs) = (self.records(&numbers), other.records(&numbers));
        ours.is_some() && ours == theirs
    }

    /// Nothing if something has no number.
    fn records(&self, numbers: &Numbers<'_>) -> Option<Records> {
        let mut counts = vec![(false, 0_i64); numbers.len()];
        let mut of_atom: Vec<Option<u32>> = Vec::with_capacity(self.truth.len());
        for (count, atom) in self.truth.iter().zip(0_u32..) {
            let Some(key) = self.key(atom) else {
                of_atom.push(None);
                continue;
            };
            let number = *numbers.get(&key)?;
            of_atom.push(Some(number));
            if let Some((is_there, sum)) = counts.get_mut(number as usize) {
                *is_there = true;
                *sum += count;
            }
        }
        let person =
            |entry: &Contribution| Some((at(&of_atom, entry.atom)?, entry.contributor, entry.partner, entry.amount));
        let mut people: Vec<_> = self.contributions.iter().filter_map(person).filter(|person| person.3 > 0).collect();
        people.sort_unstable();
        people.dedup_by(|next, kept| {
            let same = (next.0, next.1, next.2) == (kept.0, kept.1, kept.2);
            kept.3 += if same { next.3 } else { 0 };
            same
        });
        Some(Records { counts, people })
    }
}

/// Whether a block has the records of a known one, each where it was.
fn has_same_records(known: &KnownBlock, block: &Material) -> bool {
    let KnownBlock { entry, .. } = known;
    let truth: Vec<i64> = entry.truth.iter().map(|count| signed(*count)).collect();
    let contribution = |(atom, contributor, partner, amount): &EntryContribution| Contribution {
        atom: *atom,
        contributor: *contributor,
        partner: *partner,
        amount: *amount,
    };
    let contributions: Vec<Contribution> = entry.contributions.iter().map(contribution).collect();
    let before = Outline {
        inside: Rows::new(known.figures().map(|figure| figure.atoms.clone())).transposed(truth.len()),
        truth: &truth,
        origins: &entry.origins,
        contributions: &contributions,
    };
    let now = Outline {
        inside: Rows::new(block.figures().map(|cell| cell.atoms.clone())).transposed(block.truth.len()),
        truth: &block.truth,
        origins: &block.origins,
        contributions: &block.contributions,
    };
    before.is_same(&now)
}
