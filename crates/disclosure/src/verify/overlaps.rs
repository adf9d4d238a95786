//! Once more what released cells give away together: three cells of any kinds, and any number of two kinds.
//!
//! The second is checked by its dual: with the sums of the cells of two kinds as they are, each part that a cell of one kind has in
//! common with a cell of the other must be able to hold k, or else all those people whom k would take. Circuits are sought depth first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::VerifyError;
use super::base::Base;
use super::differences::{Kind, kind};
use crate::ledger::{Entry, EntryCell, Outcome};

/// Released cells that hold something, without what is known to be empty.
struct Shown<'a> {
    cells: Vec<&'a EntryCell>,
    kinds: Vec<BTreeSet<Kind<'a>>>,
    /// All names of the cell were released before.
    earlier: Vec<bool>,
    atoms: Vec<Vec<u32>>,
    by_atom: Vec<Vec<usize>>,
}

impl<'a> Shown<'a> {
    fn new(entry: &'a Entry, base: &'a Base<'_>) -> Self {
        let released = || entry.cells.iter().zip(&base.cells).filter(|(cell, _)| cell.outcome == Outcome::Released);
        let empty: BTreeSet<u32> =
            released().filter(|(cell, _)| cell.count == 0).flat_map(|(_, atoms)| atoms.iter().copied()).collect();
        let mut known: HashMap<&[u32], usize> = HashMap::new();
        let mut shown = Self {
            cells: Vec::new(),
            kinds: Vec::new(),
            earlier: Vec::new(),
            atoms: Vec::new(),
            by_atom: vec![Vec::new(); base.truth.len()],
        };
        for (cell, atoms) in released().filter(|(cell, _)| cell.count > 0) {
            let next = shown.cells.len();
            let place = *known.entry(atoms).or_insert(next);
            if place == next {
                shown.cells.push(cell);
                shown.kinds.push(BTreeSet::new());
                shown.earlier.push(true);
                shown.atoms.push(atoms.iter().copied().filter(|atom| !empty.contains(atom)).collect());
            }
            shown.kinds.get_mut(place).into_iter().for_each(|kinds| {
                kinds.insert(kind(&cell.id));
            });
            shown.earlier.get_mut(place).into_iter().for_each(|earlier| *earlier &= cell.earlier);
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
    for eye in &eyes {
        threes(&shown, eye)?;
        for (number, one) in layers.iter().enumerate() {
            for two in layers.iter().skip(number + 1) {
                pair_of_kinds(&shown, eye, one, two)?;
            }
        }
    }
    Ok(())
}

/// Two cells inside a third, and two that cover a third.
fn threes(shown: &Shown<'_>, eye: &Eye<'_>) -> Result<(), VerifyError> {
    let sums: Vec<u64> = shown.atoms.iter().map(|atoms| eye.sum(atoms)).collect();
    let sum = |cell: usize| sums.get(cell).copied().unwrap_or(0);
    let in_range = |more: u64, less: u64| more.checked_sub(less).is_some_and(|rest| (1..=eye.most).contains(&rest));
    for (large, whole) in shown.atoms.iter().enumerate() {
        let mut common: BTreeMap<usize, usize> = BTreeMap::new();
        for cell in whole.iter().filter_map(|atom| shown.by_atom.get(*atom as usize)).flatten() {
            *common.entry(*cell).or_insert(0) += 1;
        }
        common.remove(&large);
        let mut inside: Vec<(u64, usize)> = common
            .iter()
            .filter(|(cell, common)| **common == shown.atoms(**cell).len() && **common < whole.len())
            .map(|(cell, _)| (sum(*cell), *cell))
            .collect();
        inside.sort_unstable_by(|a, b| b.cmp(a));
        for (place, (first_sum, first)) in inside.iter().enumerate() {
            let wanted = inside.iter().skip(place + 1).skip_while(|(other, _)| first_sum + other >= sum(large));
            for (_, second) in wanted.take_while(|(other, _)| in_range(sum(large), first_sum + other)) {
                let (a, b) = (shown.atoms(*first), shown.atoms(*second));
                let rest: Vec<u32> = whole.iter().copied().filter(|atom| !has(a, *atom) && !has(b, *atom)).collect();
                if rest.len() + a.len() + b.len() == whole.len() && eye.few(&rest) {
                    shown.fail(&[large, *first, *second])?;
                }
            }
        }
        // The other way round: `large` is covered by two.
        for (first, common) in common.into_iter().filter(|(_, common)| *common < whole.len()) {
            let a = shown.atoms(first);
            let mut missing = whole.iter().filter(|atom| !has(a, **atom));
            let candidates = missing.next().and_then(|atom| shown.by_atom.get(*atom as usize));
            for second in candidates.into_iter().flatten().filter(|second| **second != large) {
                let b = shown.atoms(*second);
                if common + b.len() < whole.len() || !in_range(sum(first) + sum(*second), sum(large)) {
                    continue;
                }
                if over(a, b, whole).is_some_and(|rest| eye.few(&rest)) {
                    shown.fail(&[first, *second, large])?;
                }
            }
        }
    }
    Ok(())
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

fn has(sorted: &[u32], atom: u32) -> bool {
    sorted.binary_search(&atom).is_ok()
}

/// Disjoint cells, and which of them each atom lies in.
#[derive(PartialEq, Eq)]
struct Layer(Vec<usize>, Vec<Option<usize>>);

fn layers(shown: &Shown<'_>, atoms: usize) -> Vec<Layer> {
    let mut kinds: BTreeMap<&Kind<'_>, Vec<Layer>> = BTreeMap::new();
    for (cell, of) in shown.kinds.iter().enumerate() {
        for kind in of {
            let layers = kinds.entry(kind).or_default();
            let free = |layer: &Layer| shown.atoms(cell).iter().all(|a| layer.1.get(*a as usize) == Some(&None));
            let place = layers.iter().position(free).unwrap_or(layers.len());
            if place == layers.len() {
                layers.push(Layer(Vec::new(), vec![None; atoms]));
            }
            let Some(layer) = layers.get_mut(place) else { continue };
            for atom in shown.atoms(cell) {
                layer.1.get_mut(*atom as usize).into_iter().for_each(|slot| *slot = Some(cell));
            }
            layer.0.push(cell);
        }
    }
    let mut all: Vec<Layer> = Vec::new();
    for layer in kinds.into_values().flatten() {
        if all.iter().all(|other| other.0 != layer.0) {
            all.push(layer);
        }
    }
    all
}

/// A cell of either kind, or what is in none of that kind.
type Side = Option<usize>;

/// What cells of two kinds have in common, and how much of it may still move.
struct Parts<'a> {
    eye: &'a Eye<'a>,
    atoms: Vec<Vec<u32>>,
    ends: Vec<(Side, Side)>,
    of_first: HashMap<Side, Vec<usize>>,
    of_second: HashMap<Side, Vec<usize>>,
}

fn pair_of_kinds(shown: &Shown<'_>, eye: &Eye<'_>, one: &Layer, two: &Layer) -> Result<(), VerifyError> {
    let mut common: BTreeMap<(Side, Side), Vec<u32>> = BTreeMap::new();
    for ((first, second), atom) in one.1.iter().zip(&two.1).zip(0_u32..) {
        if first.is_some() || second.is_some() {
            common.entry((*first, *second)).or_default().push(atom);
        }
    }
    let mut parts =
        Parts { eye, atoms: Vec::new(), ends: Vec::new(), of_first: HashMap::new(), of_second: HashMap::new() };
    for ((ends, atoms), number) in common.into_iter().zip(0..) {
        parts.of_first.entry(ends.0).or_default().push(number);
        parts.of_second.entry(ends.1).or_default().push(number);
        parts.ends.push(ends);
        parts.atoms.push(atoms);
    }
    let counts: Vec<u64> = parts.atoms.iter().map(|atoms| eye.sum(atoms)).collect();
    let listed = |atoms: &Vec<u32>| {
        let (names, others) = eye.people(atoms);
        (names.into_iter().collect(), others)
    };
    let people: Vec<(Vec<u64>, u64)> =
        parts.atoms.iter().map(|atoms| if eye.named { listed(atoms) } else { Default::default() }).collect();
    for (part, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        if *count < eye.k {
            parts.fill(shown, part, *count, counts.clone())?;
        }
        let Some((names, others)) = people.get(part).filter(|_| eye.named) else { continue };
        let here = names.len() as u64 + others;
        if here < eye.k {
            // What others add to the people here; no limit where that makes k, so that no more are counted.
            let missing = eye.k - here;
            let new = |(names_there, others_there): &(Vec<u64>, u64)| {
                let fresh = names_there.iter().filter(|name| names.binary_search(name).is_err());
                let new = (0..missing).zip(fresh).count() as u64 + others_there;
                if new >= missing { u64::from(u32::MAX) } else { new }
            };
            parts.fill(shown, part, here, people.iter().map(new).collect())?;
        }
    }
    Ok(())
}

/// How a side was come to.
type Way = Option<Rc<Step>>;

/// A part, whether it gives, and the way before.
struct Step(usize, bool, Way);

fn further(way: &Way, step: Option<(usize, bool)>) -> Way {
    step.map_or_else(|| way.clone(), |(part, gives)| Some(Rc::new(Step(part, gives, way.clone()))))
}

/// The steps of a way, the last first: they are carried out together.
fn steps(way: &Way) -> Vec<(usize, bool)> {
    std::iter::successors(way.as_ref(), |step| step.2.as_ref()).map(|step| (step.0, step.1)).collect()
}

fn parts_at(map: &HashMap<Side, Vec<usize>>, side: Side) -> impl Iterator<Item = usize> {
    map.get(&side).into_iter().flatten().copied()
}

impl Parts<'_> {
    /// Fills one part up to k; if it cannot be, what stands in the way must not be few.
    fn fill(&self, shown: &Shown<'_>, part: usize, mut holds: u64, mut left: Vec<u64>) -> Result<(), VerifyError> {
        while holds < self.eye.k {
            let mut reached = (BTreeSet::new(), BTreeSet::new());
            let Some(circuit) = self.circuit(part, &left, &mut reached) else {
                return self.judge(shown, &reached);
            };
            let down = circuit.iter().filter(|(_, down)| *down).filter_map(|(other, _)| left.get(*other));
            let amount = down.copied().min().unwrap_or(u64::MAX).min(self.eye.k - holds);
            for (other, down) in circuit {
                if let Some(slot) = left.get_mut(other) {
                    *slot = if down { *slot - amount } else { slot.saturating_add(amount) };
                }
            }
            holds += amount;
        }
        Ok(())
    }

    fn judge(&self, shown: &Shown<'_>, reached: &(BTreeSet<Side>, BTreeSet<Side>)) -> Result<(), VerifyError> {
        let cut = self.ends.iter().zip(&self.atoms);
        let cut = cut.filter(|((first, second), _)| reached.0.contains(first) && !reached.1.contains(second));
        let mut atoms: Vec<u32> = cut.flat_map(|(_, atoms)| atoms.iter().copied()).collect();
        atoms.sort_unstable();
        if !self.eye.few(&atoms) {
            return Ok(());
        }
        // Cells on the side of the cut that does not hold what is in none.
        let whole = reached.0.contains(&None);
        let first = self.of_first.keys().filter(|cell| reached.0.contains(cell) != whole);
        let second = self.of_second.keys().filter(|cell| reached.1.contains(cell) != whole);
        let mut cells: Vec<usize> = first.chain(second).flatten().copied().collect();
        cells.sort_unstable();
        shown.fail(&cells)
    }

    /// Parts that give and take in turn, from the first end of a part to its second; all that is reached otherwise.
    fn circuit(
        &self,
        start: usize,
        left: &[u64],
        reached: &mut (BTreeSet<Side>, BTreeSet<Side>),
    ) -> Option<Vec<(usize, bool)>> {
        let (from, to) = *self.ends.get(start)?;
        let gives = |part: &usize| *part != start && left.get(*part).is_some_and(|left| *left > 0);
        let closing: HashMap<Side, usize> =
            parts_at(&self.of_second, to).filter(gives).filter_map(|p| Some((self.ends.get(p)?.0, p))).collect();
        // Sides of the first kind to look at, each with the way there.
        let mut stack: Vec<(Side, Way)> = vec![(from, None)];
        reached.0.insert(from);
        'next: while let Some((side, path)) = stack.pop() {
            if let Some(part) = closing.get(&side) {
                return Some(steps(&further(&path, Some((*part, true)))));
            }
            // What is in no cell of the first kind may move to where it is in none of the second, unseen.
            if side.is_none() && to.is_none() {
                return Some(steps(&path));
            }
            let giving = parts_at(&self.of_first, side).filter(gives);
            let mut ways: Vec<(Side, Option<usize>)> =
                giving.filter_map(|part| Some((self.ends.get(part)?.1, Some(part)))).collect();
            if side.is_none() {
                ways.push((None, None));
            }
            for (second, by) in ways {
                if !reached.1.insert(second) {
                    continue;
                }
                let path = further(&path, by.map(|part| (part, true)));
                let taking = parts_at(&self.of_second, second).filter(|part| *part != start);
                let mut next: Vec<(Side, Option<usize>)> =
                    taking.filter_map(|part| Some((self.ends.get(part)?.0, Some(part)))).collect();
                if second.is_none() {
                    next.push((None, None));
                }
                for (first, by) in next {
                    if reached.0.insert(first) {
                        let near = closing.contains_key(&first);
                        stack.push((first, further(&path, by.map(|part| (part, false)))));
                        if near {
                            continue 'next;
                        }
                    }
                }
            }
        }
        None
    }
}
