//! Who stands behind the atoms: records by contributor and partner, and how concentrated a set of atoms is.

use std::collections::{BTreeMap, BTreeSet};

use crate::table::at;

/// Records of one contributor by way of one partner in one atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Contribution {
    pub(crate) atom: u32,
    /// Keyed number of the contributor, the same in every plan of the group; 0 for all whom nobody knows, together.
    pub(crate) contributor: u64,
    pub(crate) partner: u16,
    pub(crate) amount: u64,
}

/// All contributions of a group, by atom. An atom without any holds records of as many contributors, each with one.
#[derive(Debug, Default)]
pub(crate) struct Contributions {
    start: Vec<u32>,
    list: Vec<Contribution>,
    /// Partners, alone or together, who know the rows that came from them.
    readers: Vec<Vec<u16>>,
}

/// How concentrated a set of atoms is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Concentration {
    pub(crate) contributors: u64,
    /// Amounts of the largest contributors, the largest first.
    pub(crate) largest: Vec<u64>,
    /// Amount of each partner.
    pub(crate) partners: BTreeMap<u16, u64>,
    /// For partners who read, alone or together: their amount, and contributors of the others.
    pub(crate) readers: Vec<(u64, u64)>,
}

/// How many of the largest contributors are remembered.
const LARGEST: usize = 8;

impl Contributions {
    /// Merges equal ones; `atoms` is the number of atoms.
    pub(crate) fn new(mut list: Vec<Contribution>, atoms: usize) -> Self {
        list.retain(|entry| entry.amount > 0);
        list.sort_unstable_by_key(|entry| (entry.atom, entry.contributor, entry.partner));
        list.dedup_by(|next, kept| {
            let same = (next.atom, next.contributor, next.partner) == (kept.atom, kept.contributor, kept.partner);
            if same {
                kept.amount = kept.amount.saturating_add(next.amount);
            }
            same
        });
        let mut start = vec![0_u32; atoms + 1];
        for entry in &list {
            if let Some(count) = start.get_mut(entry.atom as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut start {
            sum += *count;
            *count = sum;
        }
        Self { start, list, readers: Vec::new() }
    }

    /// The partners that the records came by way of.
    pub(crate) fn partners(&self) -> BTreeSet<u16> {
        self.list.iter().map(|entry| entry.partner).collect()
    }

    /// The same, read by partners who know their own rows.
    pub(crate) fn read_by(mut self, readers: Vec<Vec<u16>>) -> Self {
        self.readers = readers;
        self
    }

    pub(crate) fn readers(&self) -> &[Vec<u16>] {
        &self.readers
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn all(&self) -> &[Contribution] {
        &self.list
    }

    /// The contributions of one atom.
    pub(crate) fn of(&self, atom: u32) -> &[Contribution] {
        let (from, to) = (at(&self.start, atom) as usize, at(&self.start, atom + 1) as usize);
        self.list.get(from..to).unwrap_or(&[])
    }

    /// How concentrated a set of atoms with these counts is.
    pub(crate) fn concentration(&self, atoms: impl Iterator<Item = u32>, truth: &[i64]) -> Concentration {
        let mut anonymous = 0_u64;
        let mut amounts: BTreeMap<u64, u64> = BTreeMap::new();
        let mut by_partner: BTreeMap<u16, u64> = BTreeMap::new();
        let mut pairs: BTreeSet<(u64, u16)> = BTreeSet::new();
        for atom in atoms {
            let known = self.of(atom);
            if known.is_empty() {
                anonymous += u64::try_from(at(truth, atom)).unwrap_or(0);
            }
            for entry in known {
                *amounts.entry(entry.contributor).or_insert(0) += entry.amount;
                *by_partner.entry(entry.partner).or_insert(0) += entry.amount;
                if !self.readers.is_empty() {
                    pairs.insert((entry.contributor, entry.partner));
                }
            }
        }
        let mut largest: Vec<u64> = amounts.values().copied().collect();
        largest.extend(std::iter::repeat_n(1, usize::try_from(anonymous).unwrap_or(LARGEST).min(LARGEST)));
        largest.sort_unstable_by(|a, b| b.cmp(a));
        largest.truncate(LARGEST);
        let reader = |partners: &Vec<u16>| {
            let others = pairs.iter().filter(|(_, partner)| !partners.contains(partner));
            let people: BTreeSet<u64> = others.map(|(person, _)| *person).collect();
            let own = partners.iter().filter_map(|partner| by_partner.get(partner)).sum();
            (own, anonymous + people.len() as u64)
        };
        let readers = self.readers.iter().map(reader).collect();
        Concentration { contributors: anonymous + amounts.len() as u64, largest, partners: by_partner, readers }
    }

    /// Distinct contributors of a set of atoms, counted up to `limit` only.
    pub(crate) fn distinct(&self, atoms: impl Iterator<Item = u32>, truth: &[i64], limit: u64) -> u64 {
        let mut anonymous = 0_u64;
        let mut people: BTreeSet<u64> = BTreeSet::new();
        for atom in atoms {
            let known = self.of(atom);
            if known.is_empty() {
                anonymous += u64::try_from(at(truth, atom)).unwrap_or(0);
            }
            people.extend(known.iter().map(|entry| entry.contributor));
            if anonymous + people.len() as u64 >= limit {
                return limit;
            }
        }
        anonymous + people.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(atom: u32, contributor: u64, partner: u16, amount: u64) -> Contribution {
        Contribution { atom, contributor, partner, amount }
    }

    #[test]
    fn people_are_counted_once_over_atoms_and_partners() {
        let list = vec![entry(0, 7, 0, 2), entry(0, 7, 0, 1), entry(1, 7, 1, 4), entry(1, 8, 1, 1)];
        let all = Contributions::new(list, 3).read_by(vec![vec![0], vec![1], vec![0, 1]]);
        assert_eq!(all.of(0), [entry(0, 7, 0, 3)]);
        let found = all.concentration([0, 1, 2].into_iter(), &[3, 5, 2]);
        assert_eq!(found.contributors, 4, "7, 8 and two whom nobody knows");
        assert_eq!(found.largest, [7, 1, 1, 1]);
        assert_eq!(found.partners, BTreeMap::from([(0, 3), (1, 5)]));
        assert_eq!(found.readers, [(3, 4), (5, 3), (8, 2)]);
        assert_eq!(all.distinct([0, 1].into_iter(), &[3, 5, 2], 9), 2);
        assert_eq!(all.distinct([0, 1, 2].into_iter(), &[3, 5, 2], 3), 3);
    }
}
