//! Once more what released cells give away together: three cells of any kinds, half of what three tell where each atom is in two of
//! them, and any number of two kinds.

mod pairs;

use std::collections::{BTreeSet, HashMap};

use super::VerifyError;
use super::base::Base;
use super::differences::{Kind, kind};
use crate::ledger::{Entry, EntryCell, Outcome};

use pairs::{Common, layers};

/// Released cells that hold something, without what is known to be empty.
struct Shown<'a> {
    cells: Vec<&'a EntryCell>,
    kinds: Vec<BTreeSet<Kind<'a>>>,
    /// Released before by one of its names, and nothing in it is known to be empty only since: nothing can be done about it any more.
    earlier: Vec<bool>,
    atoms: Vec<Vec<u32>>,
    by_atom: Vec<Vec<usize>>,
    /// Whether anything is in an atom.
    counted: Vec<bool>,
}

impl<'a> Shown<'a> {
    fn new(entry: &'a Entry, base: &'a Base<'_>) -> Self {
        let released = || entry.figures().zip(&base.cells).filter(|(cell, _)| cell.outcome == Outcome::Released);
        let zeros = || released().filter(|(cell, _)| cell.count == 0);
        let atoms_of = |before: bool| {
            let mut inside = vec![false; base.truth.len()];
            for atom in zeros().filter(|(cell, _)| cell.earlier || !before).flat_map(|(_, atoms)| atoms) {
                inside.get_mut(*atom as usize).into_iter().for_each(|slot| *slot = true);
            }
            inside
        };
        let (empty, before) = (atoms_of(false), atoms_of(true));
        let is = |of: &[bool], atom: u32| of.get(atom as usize).copied().unwrap_or(false);
        let newly_empty = |atom: &u32| is(&empty, *atom) && !is(&before, *atom);
        let mut known: HashMap<&[u32], usize> = HashMap::new();
        let mut shown = Self {
            cells: Vec::new(),
            kinds: Vec::new(),
            earlier: Vec::new(),
            atoms: Vec::new(),
            by_atom: vec![Vec::new(); base.truth.len()],
            counted: base.truth.iter().map(|count| *count > 0).collect(),
        };
        for (cell, atoms) in released().filter(|(cell, _)| cell.count > 0) {
            let next = shown.cells.len();
            let place = *known.entry(atoms).or_insert(next);
            if place == next {
                shown.cells.push(cell);
                shown.kinds.push(BTreeSet::new());
                shown.earlier.push(false);
                shown.atoms.push(atoms.iter().copied().filter(|atom| !is(&empty, *atom)).collect());
            }
            shown.kinds.get_mut(place).into_iter().for_each(|kinds| {
                kinds.insert(kind(&cell.id));
            });
            let earlier = cell.earlier && !atoms.iter().any(newly_empty);
            shown.earlier.get_mut(place).into_iter().for_each(|slot| *slot |= earlier);
        }
        for (number, atoms) in shown.atoms.iter().enumerate() {
            for atom in atoms {
                shown.by_atom.get_mut(*atom as usize).into_iter().for_each(|list| list.push(number));
            }
        }
        shown
    }

    fn atoms(&self, cell: usize) -> &[u32] {
        self.atoms.get(cell).map_or(&[], Vec::as_slice)
    }

    /// The other cells that have atoms in common with one, each with how many; `shared` is all zero before and after.
    fn common(&self, cell: usize, shared: &mut [usize]) -> Vec<(usize, usize)> {
        let mut touched = Vec::new();
        for other in self.atoms(cell).iter().filter_map(|atom| self.by_atom.get(*atom as usize)).flatten() {
            if let Some(count) = shared.get_mut(*other) {
                if *count == 0 {
                    touched.push(*other);
                }
                *count += 1;
            }
        }
        touched.sort_unstable();
        let counted = touched.into_iter().map(|other| (other, shared.get_mut(other).map_or(0, std::mem::take)));
        counted.filter(|(other, _)| *other != cell).collect()
    }

    fn fail(&self, cells: &[usize]) -> Result<(), VerifyError> {
        if cells.iter().all(|cell| self.earlier.get(*cell) == Some(&true)) {
            return Ok(());
        }
        let named = cells.first().and_then(|cell| self.cells.get(*cell));
        named.map_or(Ok(()), |cell| Err(VerifyError::Together { cell: Box::new(cell.id.clone()) }))
    }
}

/// Who looks: nobody in particular, or those who know the rows of some partners.
struct Eye<'a> {
    base: &'a Base<'a>,
    partners: BTreeSet<u16>,
    k: u64,
    named: bool,
    most: u64,
    /// What each atom holds beside the rows that are known.
    counts: Vec<u64>,
}

impl<'a> Eye<'a> {
    fn new(entry: &Entry, base: &'a Base<'_>, partners: BTreeSet<u16>) -> Self {
        let (k, named) = (entry.policy.k, !entry.contributions.is_empty());
        let mut eye = Eye { base, partners, k, named, most: 0, counts: Vec::new() };
        eye.counts = (0_u32..).take(base.truth.len()).map(|atom| eye.counted(atom)).collect();
        let mut amounts: HashMap<u64, u64> = HashMap::new();
        for (person, by, amount) in base.people.iter().flatten() {
            if !eye.partners.contains(by) {
                *amounts.entry(*person).or_insert(0) += amount;
            }
        }
        let mut amounts: Vec<u64> = amounts.into_values().collect();
        amounts.sort_unstable();
        let few = (0..eye.k.saturating_sub(1)).map(|_| amounts.pop().unwrap_or(1));
        eye.most = few.sum();
        eye
    }

    fn count(&self, atom: u32) -> u64 {
        self.counts.get(atom as usize).copied().unwrap_or(0)
    }

    fn counted(&self, atom: u32) -> u64 {
        if self.partners.is_empty() {
            return self.base.value(&[atom]);
        }
        let own = self.base.people.get(atom as usize).into_iter().flatten();
        let own: u64 = own.filter(|(_, by, _)| self.partners.contains(by)).map(|(_, _, amount)| amount).sum();
        self.base.value(&[atom]).saturating_sub(own)
    }

    /// Whether what is left of a sum may be few people.
    fn in_range(&self, more: u64, less: u64) -> bool {
        more.checked_sub(less).is_some_and(|rest| (1..=self.most).contains(&rest))
    }

    fn sum(&self, atoms: &[u32]) -> u64 {
        atoms.iter().map(|atom| self.count(*atom)).sum()
    }

    /// Names, and how many have none. Once there are 2k the rest is left out: so many are no few, and beside any k of them
    /// there are k others.
    fn people(&self, atoms: &[u32]) -> (BTreeSet<u64>, u64) {
        let (mut names, mut others) = (BTreeSet::new(), 0);
        for atom in atoms {
            match self.base.people.get(*atom as usize) {
                Some(list) if !list.is_empty() => {
                    for (name, ..) in list.iter().filter(|person| !self.partners.contains(&person.1)) {
                        names.insert(*name);
                        if names.len() as u64 + others >= 2 * self.k {
                            return (names, others);
                        }
                    }
                }
                _ => others += self.count(*atom),
            }
        }
        (names, others)
    }

    fn few(&self, atoms: &[u32]) -> bool {
        let count = self.sum(atoms);
        let people = || {
            let (names, others) = self.people(atoms);
            names.len() as u64 + others
        };
        count > 0 && (count < self.k || (self.named && count <= self.most && people() < self.k))
    }
}

/// Checks a group.
pub(super) fn check(entry: &Entry, base: &Base<'_>) -> Result<(), VerifyError> {
    let shown = Shown::new(entry, base);
    let nobody = std::iter::once(BTreeSet::new());
    let eyes: Vec<Eye<'_>> =
        nobody.chain(base.readers.iter().cloned()).map(|partners| Eye::new(entry, base, partners)).collect();
    let layers = layers(&shown, base.truth.len());
    threes(&shown, &eyes)?;
    for (number, one) in layers.iter().enumerate() {
        for two in layers.iter().skip(number + 1) {
            let common = Common::new(&shown, one, two);
            for eye in &eyes {
                common.check(&shown, eye)?;
            }
        }
    }
    Ok(())
}

/// Two cells inside a third, and two that cover a third.
fn threes(shown: &Shown<'_>, eyes: &[Eye<'_>]) -> Result<(), VerifyError> {
    let mut shared = vec![0; shown.atoms.len()];
    let sums: Vec<Vec<u64>> = eyes.iter().map(|eye| shown.atoms.iter().map(|atoms| eye.sum(atoms)).collect()).collect();
    for large in 0..shown.atoms.len() {
        let common = shown.common(large, &mut shared);
        for (eye, sums) in eyes.iter().zip(&sums) {
            let around = Around { shown, eye, sums, large, common: &common };
            around.two_inside()?;
            around.two_around()?;
        }
    }
    Ok(())
}

/// A cell and those around it, as somebody sees them.
struct Around<'a> {
    shown: &'a Shown<'a>,
    eye: &'a Eye<'a>,
    /// What that reader counts, of each cell.
    sums: &'a [u64],
    large: usize,
    /// Every cell that has atoms in common with it, and how many.
    common: &'a [(usize, usize)],
}

impl Around<'_> {
    fn sum(&self, cell: usize) -> u64 {
        self.sums.get(cell).copied().unwrap_or(0)
    }

    /// The cell less two inside it.
    fn two_inside(&self) -> Result<(), VerifyError> {
        let Self { shown, eye, large, .. } = *self;
        let (whole, sum) = (shown.atoms(large), |cell| self.sum(cell));
        let inside =
            self.common.iter().filter(|(cell, common)| *common == shown.atoms(*cell).len() && *common < whole.len());
        let mut inside: Vec<(u64, usize)> = inside.map(|(cell, _)| (sum(*cell), *cell)).collect();
        inside.sort_unstable_by(|a, b| b.cmp(a));
        for (place, (first_sum, first)) in inside.iter().enumerate() {
            let wanted = inside.iter().skip(place + 1).skip_while(|(other, _)| first_sum + other >= sum(large));
            for (_, second) in wanted.take_while(|(other, _)| eye.in_range(sum(large), first_sum + other)) {
                let (a, b) = (shown.atoms(*first), shown.atoms(*second));
                if a.len() + b.len() > whole.len() {
                    continue;
                }
                let rest: Vec<u32> = whole.iter().copied().filter(|atom| !has(a, *atom) && !has(b, *atom)).collect();
                if rest.len() + a.len() + b.len() == whole.len() && eye.few(&rest) {
                    shown.fail(&[large, *first, *second])?;
                }
            }
        }
        Ok(())
    }

    /// The other way round: two that cover it, less the cell.
    fn two_around(&self) -> Result<(), VerifyError> {
        let Self { shown, eye, large, .. } = *self;
        let (whole, sum) = (shown.atoms(large), |cell| self.sum(cell));
        for (first, common) in self.common.iter().copied().filter(|(_, common)| *common < whole.len()) {
            let a = shown.atoms(first);
            let mut missing = whole.iter().filter(|atom| !has(a, **atom));
            let candidates = missing.next().and_then(|atom| shown.by_atom.get(*atom as usize));
            for second in candidates.into_iter().flatten().filter(|second| **second != large) {
                let b = shown.atoms(*second);
                if common + b.len() < whole.len() {
                    continue;
                }
                let (both, third) = (sum(first) + sum(*second), sum(large));
                let once = eye.in_range(both, third) && over(a, b, whole).is_some_and(|rest| eye.few(&rest));
                let half = both.checked_sub(third).map_or(0, |twice| twice / 2);
                // As many atoms as it takes: what of the first is not in the third is in the second, beside the rest of the third.
                let fits = b.len() + 2 * common == whole.len() + a.len() && (1..=eye.most).contains(&half);
                if once || (fits && half_of(a, b, whole).is_some_and(|rest| eye.few(&rest))) {
                    shown.fail(&[first, *second, large])?;
                }
            }
        }
        Ok(())
    }
}

/// What two cells that cover a third hold beside it: once what is in one of them and not in the third, or in all three. Nothing
/// if they do not cover it, or if something would be left twice.
fn over(a: &[u32], b: &[u32], whole: &[u32]) -> Option<Vec<u32>> {
    if whole.iter().any(|atom| !has(a, *atom) && !has(b, *atom)) {
        return None;
    }
    let mut rest = Vec::new();
    for atom in a {
        match (has(b, *atom), has(whole, *atom)) {
            (true, false) => return None,
            (true, true) | (false, false) => rest.push(*atom),
            (false, true) => {}
        }
    }
    rest.extend(b.iter().filter(|atom| !has(a, **atom) && !has(whole, **atom)));
    rest.sort_unstable();
    Some(rest)
}

/// What two cells have in common, where every atom of the three is in two of them: their sum less the third is twice that.
fn half_of(a: &[u32], b: &[u32], whole: &[u32]) -> Option<Vec<u32>> {
    let (shared, alone): (Vec<u32>, Vec<u32>) = a.iter().copied().partition(|atom| has(b, *atom));
    let mut alone: Vec<u32> = alone.into_iter().chain(b.iter().copied().filter(|atom| !has(a, *atom))).collect();
    alone.sort_unstable();
    (alone == whole).then_some(shared)
}

fn has(sorted: &[u32], atom: u32) -> bool {
    sorted.binary_search(&atom).is_ok()
}
