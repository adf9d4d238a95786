//! Any number of cells of two kinds, by the dual: with the sums of the cells of two kinds as they are, each part that a cell of one
//! kind has in common with a cell of the other must be able to hold k, or else all those people whom k would take. Circuits are
//! sought depth first.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::{Eye, Shown};
use crate::verify::VerifyError;
use crate::verify::differences::Kind;

/// Disjoint cells, and which of them each atom lies in.
#[derive(PartialEq, Eq)]
pub(super) struct Layer(Vec<usize>, Vec<Option<usize>>);

pub(super) fn layers(shown: &Shown<'_>, atoms: usize) -> Vec<Layer> {
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

/// The place of a cell among those of its kind, after what is in none of them.
type Side = usize;
/// What is in no cell of a kind.
const OUTSIDE: Side = 0;

/// What cells of two kinds have in common, part by part.
pub(super) struct Common {
    /// Those that hold something; a part of nothing else has none.
    atoms: Vec<Vec<u32>>,
    ends: Vec<(Side, Side)>,
    first: Sides,
    second: Sides,
}

/// The cells of a kind.
struct Sides {
    cells: Vec<usize>,
    /// The parts of each side.
    parts: Vec<Vec<usize>>,
}

impl Sides {
    fn new(layer: &Layer) -> Self {
        Self { cells: layer.0.clone(), parts: vec![Vec::new(); layer.0.len() + 1] }
    }

    fn parts(&self, side: Side) -> impl Iterator<Item = usize> {
        self.parts.get(side).into_iter().flatten().copied()
    }

    /// The cells of some sides that have parts.
    fn cells(&self, wanted: impl Fn(Side) -> bool) -> impl Iterator<Item = usize> {
        let sides = self.cells.iter().zip(self.parts.iter().skip(1)).zip(1..);
        sides.filter(move |((_, parts), side)| !parts.is_empty() && wanted(*side)).map(|((cell, _), _)| *cell)
    }
}

impl Common {
    pub(super) fn new(shown: &Shown<'_>, one: &Layer, two: &Layer) -> Self {
        let mut common = Self { atoms: Vec::new(), ends: Vec::new(), first: Sides::new(one), second: Sides::new(two) };
        let outside: Vec<u32> =
            (0_u32..).zip(&one.1).filter(|(_, side)| side.is_none()).map(|(atom, _)| atom).collect();
        let mut places: Vec<Side> = vec![OUTSIDE; shown.atoms.len()];
        for (cell, place) in two.0.iter().zip(1..) {
            places.get_mut(*cell).into_iter().for_each(|slot| *slot = place);
        }
        // By the second side: the part that it has in common with the first side at hand, and which that was.
        let mut found: Vec<(Side, usize)> = vec![(usize::MAX, 0); two.0.len() + 1];
        let cells = one.0.iter().map(|cell| shown.atoms(*cell));
        for (first, atoms) in std::iter::once(outside.as_slice()).chain(cells).enumerate() {
            for atom in atoms {
                let cell = two.1.get(*atom as usize).copied().flatten();
                let second = cell.and_then(|cell| places.get(cell)).copied().unwrap_or(OUTSIDE);
                if first == OUTSIDE && second == OUTSIDE {
                    continue;
                }
                let Some(slot) = found.get_mut(second) else { continue };
                if slot.0 != first {
                    *slot = (first, common.begin((first, second)));
                }
                if shown.counted.get(*atom as usize) == Some(&true) {
                    common.atoms.get_mut(slot.1).into_iter().for_each(|part| part.push(*atom));
                }
            }
        }
        common
    }

    fn begin(&mut self, ends: (Side, Side)) -> usize {
        let number = self.ends.len();
        self.first.parts.get_mut(ends.0).into_iter().for_each(|parts| parts.push(number));
        self.second.parts.get_mut(ends.1).into_iter().for_each(|parts| parts.push(number));
        self.ends.push(ends);
        self.atoms.push(Vec::new());
        number
    }

    pub(super) fn check(&self, shown: &Shown<'_>, eye: &Eye<'_>) -> Result<(), VerifyError> {
        let parts = Parts { eye, common: self };
        let counts: Vec<u64> = self.atoms.iter().map(|atoms| eye.sum(atoms)).collect();
        let listed = |atoms: &Vec<u32>| {
            let (names, others) = eye.people(atoms);
            (names.into_iter().collect(), others)
        };
        let people: Vec<(Vec<u64>, u64)> =
            self.atoms.iter().map(|atoms| if eye.named { listed(atoms) } else { Default::default() }).collect();
        for (part, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            if *count < eye.k {
                parts.fill(shown, part, *count, Left::of(&|other| counts.get(other).copied().unwrap_or(0)))?;
            }
            let Some((names, others)) = people.get(part).filter(|_| eye.named) else { continue };
            let here = names.len() as u64 + others;
            if here < eye.k {
                // What others add to the people here; no limit where that makes k, so that no more are counted.
                let missing = eye.k - here;
                let new = |other: usize| {
                    let Some((names_there, others_there)) = people.get(other) else { return 0 };
                    let fresh = names_there.iter().filter(|name| names.binary_search(name).is_err());
                    let new = (0..missing).zip(fresh).count() as u64 + others_there;
                    if new >= missing { u64::from(u32::MAX) } else { new }
                };
                parts.fill(shown, part, here, Left::of(&new))?;
            }
        }
        Ok(())
    }
}

/// What each part may still give: as it was at first, but for some. Most are never asked for.
struct Left<'a> {
    first: &'a dyn Fn(usize) -> u64,
    changed: HashMap<usize, u64>,
}

impl<'a> Left<'a> {
    fn of(first: &'a dyn Fn(usize) -> u64) -> Self {
        Self { first, changed: HashMap::new() }
    }

    fn get(&self, part: usize) -> u64 {
        self.changed.get(&part).copied().unwrap_or_else(|| (self.first)(part))
    }
}

/// The same, and who looks.
struct Parts<'a> {
    eye: &'a Eye<'a>,
    common: &'a Common,
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

/// The sides of either kind that a search came to.
struct Reached([Vec<bool>; 2]);

impl Reached {
    fn has(&self, kind: usize, side: Side) -> bool {
        self.0.get(kind).and_then(|sides| sides.get(side)).copied().unwrap_or(false)
    }

    /// Whether it is new.
    fn insert(&mut self, kind: usize, side: Side) -> bool {
        let slot = self.0.get_mut(kind).and_then(|sides| sides.get_mut(side));
        slot.is_some_and(|slot| !std::mem::replace(slot, true))
    }
}

impl Parts<'_> {
    /// Fills one part up to k; if it cannot be, what stands in the way must not be few.
    fn fill(&self, shown: &Shown<'_>, part: usize, mut holds: u64, mut left: Left<'_>) -> Result<(), VerifyError> {
        while holds < self.eye.k {
            let of = |sides: &Sides| vec![false; sides.parts.len()];
            let mut reached = Reached([of(&self.common.first), of(&self.common.second)]);
            let Some(circuit) = self.circuit(part, &left, &mut reached) else {
                return self.judge(shown, &reached);
            };
            let down = circuit.iter().filter(|(_, down)| *down).map(|(other, _)| left.get(*other));
            let amount = down.min().unwrap_or(u64::MAX).min(self.eye.k - holds);
            for (other, down) in circuit {
                let before = left.get(other);
                let after = if down { before.saturating_sub(amount) } else { before.saturating_add(amount) };
                left.changed.insert(other, after);
            }
            holds += amount;
        }
        Ok(())
    }

    fn judge(&self, shown: &Shown<'_>, reached: &Reached) -> Result<(), VerifyError> {
        let cut = self.common.ends.iter().zip(&self.common.atoms);
        let cut = cut.filter(|((first, second), _)| reached.has(0, *first) && !reached.has(1, *second));
        let mut atoms: Vec<u32> = cut.flat_map(|(_, atoms)| atoms.iter().copied()).collect();
        atoms.sort_unstable();
        if !self.eye.few(&atoms) {
            return Ok(());
        }
        // Cells on the side of the cut that does not hold what is in none.
        let whole = reached.has(0, OUTSIDE);
        let first = self.common.first.cells(|side| reached.has(0, side) != whole);
        let second = self.common.second.cells(|side| reached.has(1, side) != whole);
        let mut cells: Vec<usize> = first.chain(second).collect();
        cells.sort_unstable();
        shown.fail(&cells)
    }

    /// Parts that give and take in turn, from the first end of a part to its second; all that is reached otherwise.
    fn circuit(&self, start: usize, left: &Left<'_>, reached: &mut Reached) -> Option<Vec<(usize, bool)>> {
        let Common { ends, first: one, second: two, .. } = self.common;
        let (from, to) = *ends.get(start)?;
        let gives = |part: &usize| *part != start && left.get(*part) > 0;
        let mut closing: Vec<Option<usize>> = vec![None; one.parts.len()];
        for part in two.parts(to).filter(gives) {
            let side = ends.get(part).and_then(|(first, _)| closing.get_mut(*first));
            side.into_iter().for_each(|slot| *slot = Some(part));
        }
        let closes = |side: Side| closing.get(side).copied().flatten();
        // Sides of the first kind to look at, each with the way there.
        let mut stack: Vec<(Side, Way)> = vec![(from, None)];
        reached.insert(0, from);
        'next: while let Some((side, path)) = stack.pop() {
            if let Some(part) = closes(side) {
                return Some(steps(&further(&path, Some((part, true)))));
            }
            // What is in no cell of the first kind may move to where it is in none of the second, unseen.
            if side == OUTSIDE && to == OUTSIDE {
                return Some(steps(&path));
            }
            let giving = one.parts(side).filter(gives).filter_map(|part| Some((ends.get(part)?.1, Some(part))));
            let unseen = (side == OUTSIDE).then_some((OUTSIDE, None));
            for (second, by) in giving.chain(unseen) {
                if !reached.insert(1, second) {
                    continue;
                }
                let path = further(&path, by.map(|part| (part, true)));
                let taking = two.parts(second).filter(|part| *part != start);
                let taking = taking.filter_map(|part| Some((ends.get(part)?.0, Some(part))));
                let unseen = (second == OUTSIDE).then_some((OUTSIDE, None));
                for (first, by) in taking.chain(unseen) {
                    if reached.insert(0, first) {
                        stack.push((first, further(&path, by.map(|part| (part, false)))));
                        if closes(first).is_some() {
                            continue 'next;
                        }
                    }
                }
            }
        }
        None
    }
}
