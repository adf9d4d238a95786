//! What up to three shown columns of any kinds give away: one less two others inside it, two that cover a third, less that, and
//! half of the same where every atom is in two of the three. (What their overlap is follows from the second, where the third is
//! both together.)

use super::Limit;
use super::scene::{Reader, Scene};
use crate::table::{at, set};

/// What is known of a column to somebody.
#[derive(Clone, Copy, Default)]
struct Size {
    value: i64,
    /// Distinct people, where they are known.
    people: u64,
}

struct Few<'a> {
    scene: &'a Scene,
    reader: &'a Reader<'a>,
    limit: &'a mut Limit,
    sizes: Vec<Size>,
    /// Which atoms are marked, by the number of the marking.
    marks: Vec<u32>,
    marking: u32,
}

/// Every such set of fewer than k people besides those whom the reader knows, with the columns that give it away.
pub(super) fn threes(
    scene: &Scene,
    reader: &Reader<'_>,
    limit: &mut Limit,
    columns: usize,
    found: &mut dyn FnMut(Vec<u32>, &[u32]),
) {
    let mut sizes = vec![Size::default(); columns];
    for column in &scene.shown {
        let atoms = scene.atoms.row(*column);
        set(&mut sizes, *column, Size { value: reader.value(atoms), people: reader.all_people(atoms) });
    }
    let marks = vec![0; reader.rest.len()];
    let mut few = Few { scene, reader, limit, sizes, marks, marking: 0 };
    for column in &scene.shown {
        let around = few.around(*column);
        few.less_two(*column, &around, found);
        few.covered(*column, &around, found);
    }
}

/// A column that has atoms in common with another.
#[derive(Clone, Copy)]
struct Near {
    column: u32,
    /// How many atoms they share.
    shared: usize,
    /// Wholly inside the other.
    inside: bool,
    /// Wholly around the other.
    around: bool,
}

impl Few<'_> {
    fn size(&self, column: u32) -> Size {
        at(&self.sizes, column)
    }

    /// The columns that have atoms in common with one.
    fn around(&mut self, column: u32) -> Vec<Near> {
        let row = self.scene.atoms.row(column);
        let mut shared: std::collections::BTreeMap<u32, usize> = std::collections::BTreeMap::new();
        let mut steps = 0;
        for other in row.iter().flat_map(|atom| self.scene.members.row(*atom)).filter(|other| **other != column) {
            steps += 1;
            *shared.entry(*other).or_insert(0) += 1;
        }
        self.limit.count(steps);
        let near = |(other, shared): (u32, usize)| Near {
            column: other,
            shared,
            inside: shared == self.scene.atoms.row(other).len(),
            around: shared == row.len(),
        };
        shared.into_iter().map(near).collect()
    }

    /// Marks the atoms of a column.
    fn mark(&mut self, column: u32) {
        self.marking += 1;
        let atoms = self.scene.atoms.row(column);
        self.limit.count(atoms.len());
        atoms.iter().for_each(|atom| set(&mut self.marks, *atom, self.marking));
    }

    fn is_marked(&self, atom: u32) -> bool {
        at(&self.marks, atom) == self.marking
    }

    /// Whether what is left may be of a few: neither more records nor more people than a few have.
    fn may_be_few(&self, value: i64, whole: u64, parts: u64) -> bool {
        (1..=self.reader.most).contains(&value) && (!self.reader.named() || whole < parts + self.reader.k())
    }

    /// A column less two that lie in it and have nothing in common.
    fn less_two(&mut self, column: u32, near: &[Near], found: &mut dyn FnMut(Vec<u32>, &[u32])) {
        let mut parts: Vec<(i64, u32)> = near
            .iter()
            .filter(|near| near.inside && !near.around)
            .map(|near| (self.size(near.column).value, near.column))
            .collect();
        parts.sort_unstable();
        let whole = self.size(column);
        for (number, (value, part)) in parts.iter().enumerate() {
            // The other part has at least what is left less what a few have; each pair once.
            let (low, high) = (whole.value - value - self.reader.most, whole.value - value - 1);
            let from = parts.partition_point(|(value, _)| *value < low).max(number + 1);
            let others: Vec<(i64, u32)> =
                parts.get(from..).unwrap_or(&[]).iter().copied().take_while(|(value, _)| *value <= high).collect();
            if others.is_empty() {
                continue;
            }
            self.mark(*part);
            for (other_value, other) in others {
                if self.limit.reached() {
                    return;
                }
                let people = self.size(*part).people + self.size(other).people;
                let row = self.scene.atoms.row(other);
                self.limit.count(1);
                if !self.may_be_few(whole.value - value - other_value, whole.people, people)
                    || row.iter().any(|atom| self.is_marked(*atom))
                {
                    continue;
                }
                let left = |atom: &u32| !self.is_marked(*atom) && row.binary_search(atom).is_err();
                let rest: Vec<u32> = self.scene.atoms.row(column).iter().copied().filter(left).collect();
                self.limit.count(rest.len());
                if self.reader.is_few(self.reader.value(&rest), &rest) {
                    found(rest, &[column, *part, other]);
                }
            }
        }
    }

    /// Two columns that cover this one, less this one: once if they have nothing in common outside it, twice if they have nothing
    /// else in common, and nothing for themselves.
    fn covered(&mut self, column: u32, near: &[Near], found: &mut dyn FnMut(Vec<u32>, &[u32])) {
        let whole = self.size(column);
        let row = self.scene.atoms.row(column);
        for first in near.iter().filter(|near| !near.around) {
            let one = self.size(first.column);
            let one_row = self.scene.atoms.row(first.column);
            // The second has this atom of the covered column, which the first has not.
            let Some(missing) = row.iter().find(|atom| one_row.binary_search(atom).is_err()) else { continue };
            let mut marked = false;
            for second in self.scene.members.row(*missing) {
                let two = self.size(*second);
                self.limit.count(1);
                let over = one.value + two.value - whole.value;
                let once = self.may_be_few(over, two.people, whole.people);
                // What of the first is not in this one is in the second, beside the rest of this one.
                let fits = || self.scene.atoms.row(*second).len() + 2 * first.shared == row.len() + one_row.len();
                let twice = over % 2 == 0 && (1..=self.reader.most).contains(&(over / 2)) && fits();
                if *second == column || !(once || twice) {
                    continue;
                }
                if self.limit.reached() {
                    return;
                }
                if !marked {
                    self.mark(first.column);
                    marked = true;
                }
                let around = [first.column, *second, column];
                let tells = once.then(|| self.left_over(around)).flatten().map(|rest| (over, rest));
                let tells =
                    tells.or_else(|| twice.then(|| self.in_both(around)).flatten().map(|rest| (over / 2, rest)));
                if let Some((value, rest)) = tells.filter(|(value, rest)| self.reader.is_few(*value, rest)) {
                    debug_assert_eq!(value, self.reader.value(&rest));
                    found(rest, &around);
                }
            }
        }
    }

    /// What two columns hold beside one that they cover: what both have, and what either has outside. Nothing if they do not
    /// cover it or have something in common outside. The first is marked.
    fn left_over(&mut self, [first, second, column]: [u32; 3]) -> Option<Vec<u32>> {
        let rows = &self.scene.atoms;
        let (one, two, row) = (rows.row(first), rows.row(second), rows.row(column));
        self.limit.count(two.len() + row.len());
        let covers = row.iter().all(|atom| self.is_marked(*atom) || two.binary_search(atom).is_ok());
        let twice = |atom: &u32| self.is_marked(*atom) && row.binary_search(atom).is_err();
        if !covers || two.iter().any(twice) {
            return None;
        }
        let left =
            |atom: &u32| row.binary_search(atom).is_err() || (self.is_marked(*atom) && two.binary_search(atom).is_ok());
        let mut rest: Vec<u32> = one.iter().chain(two).copied().filter(left).collect();
        rest.sort_unstable();
        rest.dedup();
        Some(rest)
    }

    /// What two columns have in common, if the third is all that only one of them has: half of their sum less the third tells it.
    /// The first is marked.
    fn in_both(&mut self, [first, second, column]: [u32; 3]) -> Option<Vec<u32>> {
        let rows = &self.scene.atoms;
        let (one, two, row) = (rows.row(first), rows.row(second), rows.row(column));
        self.limit.count(one.len() + two.len());
        let both: Vec<u32> = two.iter().copied().filter(|atom| self.is_marked(*atom)).collect();
        let third = row.iter().all(|atom| self.is_marked(*atom) != two.binary_search(atom).is_ok());
        (third && one.len() + two.len() == row.len() + 2 * both.len()).then_some(both)
    }
}
