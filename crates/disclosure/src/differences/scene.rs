//! What a reader has before them: the columns that are shown, over the atoms that may hold something, and what of them the
//! reader does not know already.

use crate::contributions::Contributions;
use crate::table::{Rows, at, set};

/// Shown columns over live atoms.
pub(super) struct Scene {
    /// The shown columns that hold something, by number.
    pub(super) shown: Vec<u32>,
    /// Live atoms of each shown column; nothing for others.
    pub(super) atoms: Rows,
    /// Shown columns of each live atom.
    pub(super) members: Rows,
    /// Atoms that are known to hold nothing only since this plan.
    newly_empty: Vec<bool>,
}

impl Scene {
    /// Of these columns over these atoms, those that are `shown`, some of which were `before`. Atoms of a column that is shown to be
    /// zero are known to hold nothing, and tell nobody apart.
    pub(super) fn new(
        columns: &Rows,
        truth: &[i64],
        shown: impl Fn(u32) -> bool,
        before: impl Fn(u32) -> bool,
    ) -> Self {
        let mut live = vec![true; truth.len()];
        let mut empty_before = vec![false; truth.len()];
        let (mut rows, mut kept) = (Vec::new(), Vec::new());
        let indices = 0..u32::try_from(columns.len()).unwrap_or(0);
        for index in indices.clone().filter(|index| shown(*index)) {
            let row = columns.row(index);
            if row.iter().all(|atom| at(truth, *atom) == 0) {
                row.iter().for_each(|atom| set(&mut live, *atom, false));
                row.iter().filter(|_| before(index)).for_each(|atom| set(&mut empty_before, *atom, true));
            } else {
                kept.push(index);
            }
        }
        let mut next = kept.iter().copied().peekable();
        for index in indices {
            let row = if next.next_if_eq(&index).is_some() { columns.row(index) } else { &[] };
            rows.push(row.iter().copied().filter(|atom| at(&live, *atom)).collect());
        }
        let atoms = Rows::new(rows);
        let newly_empty = live.iter().zip(&empty_before).map(|(live, before)| !live && !before).collect();
        Self { shown: kept, members: atoms.transposed(truth.len()), atoms, newly_empty }
    }

    /// Whether one of these atoms is known to hold nothing only since this plan: cells that were out before tell more by it.
    pub(super) fn tells_more_of(&self, atoms: &[u32]) -> bool {
        atoms.iter().any(|atom| at(&self.newly_empty, *atom))
    }
}

/// A reader: the public, or partners together, who know the rows that came from them.
pub(super) struct Reader<'a> {
    k: u64,
    contributions: &'a Contributions,
    partners: &'a [u16],
    /// Whether few people may stand behind many records.
    named: bool,
    /// What the reader does not know of each atom.
    pub(super) rest: Vec<i64>,
    /// Fewer than k people have at most so many records.
    pub(super) most: i64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        truth: &[i64],
        contributions: &'a Contributions,
        (partners, named): (&'a [u16], bool),
        k: u64,
    ) -> Self {
        let named = named && !contributions.is_empty();
        let mut rest = truth.to_vec();
        let mut amounts: std::collections::HashMap<u64, i64> = std::collections::HashMap::new();
        for entry in contributions.all() {
            let amount = i64::try_from(entry.amount).unwrap_or(i64::MAX);
            if partners.contains(&entry.partner) {
                crate::table::add(&mut rest, entry.atom, -amount);
            } else {
                *amounts.entry(entry.contributor).or_insert(0) += amount;
            }
        }
        let few = usize::try_from(k.saturating_sub(1)).unwrap_or(usize::MAX);
        let mut largest: Vec<i64> = if named { amounts.into_values().collect() } else { Vec::new() };
        largest.sort_unstable_by(|a, b| b.cmp(a));
        // Anybody who is not named has one record.
        let missing = few.saturating_sub(largest.len());
        let most = largest.iter().take(few).sum::<i64>() + i64::try_from(missing).unwrap_or(0);
        Self { k, contributions, partners, named, rest, most }
    }

    pub(super) const fn k(&self) -> u64 {
        self.k
    }

    pub(super) const fn named(&self) -> bool {
        self.named
    }

    pub(super) fn value(&self, atoms: &[u32]) -> i64 {
        atoms.iter().map(|atom| at(&self.rest, *atom)).sum()
    }

    /// Adds the people behind an atom: those with a name to a list, and how many others there are.
    pub(super) fn people(&self, atom: u32, people: &mut Vec<u64>) -> u64 {
        let list = self.contributions.of(atom);
        people
            .extend(list.iter().filter(|entry| !self.partners.contains(&entry.partner)).map(|entry| entry.contributor));
        if list.is_empty() { u64::try_from(at(&self.rest, atom)).unwrap_or(0) } else { 0 }
    }

    /// Distinct people behind atoms, or k if there are more.
    pub(super) fn distinct(&self, atoms: impl Iterator<Item = u32>) -> u64 {
        let (mut people, mut others) = (Vec::new(), 0);
        let mut checked = 0;
        for atom in atoms {
            others += self.people(atom, &mut people);
            // Sorted now and then, so that it costs little and ends early.
            if people.len() > 2 * checked + 64 {
                people.sort_unstable();
                people.dedup();
                checked = people.len();
            }
            if others + checked as u64 >= self.k {
                return self.k;
            }
        }
        people.sort_unstable();
        people.dedup();
        (others + people.len() as u64).min(self.k)
    }

    /// Distinct people behind atoms, all of them; none where each record is of another.
    pub(super) fn all_people(&self, atoms: &[u32]) -> u64 {
        let mut people = Vec::new();
        let others: u64 = if self.named { atoms.iter().map(|atom| self.people(*atom, &mut people)).sum() } else { 0 };
        people.sort_unstable();
        people.dedup();
        others + people.len() as u64
    }

    /// Whether atoms hold something, but of fewer than k people.
    pub(super) fn is_few(&self, value: i64, atoms: &[u32]) -> bool {
        let k = i64::try_from(self.k).unwrap_or(i64::MAX);
        value > 0 && (value < k || (self.named && value <= self.most && self.distinct(atoms.iter().copied()) < self.k))
    }
}
