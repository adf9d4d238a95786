//! Who is in which cells of a table, and how many different people that are in each cell and in each total.

use std::collections::BTreeSet;

use crosstab::add_totals;

use super::CHECKED_EVERY;
use crate::error::EngineError;
use crate::request::Deadline;

/// Nobody was seen with this code yet.
const UNSEEN: usize = usize::MAX;
/// Somebody is in several finest cells, which are in the list.
const SEVERAL: usize = usize::MAX - 1;

/// The finest cells that people are in. Most are in one.
#[derive(Default)]
pub(super) struct Whereabouts {
    /// By code: the one finest cell, [`UNSEEN`] or [`SEVERAL`].
    only: Vec<usize>,
    /// Of those who are in several, code and cell.
    several: Vec<(u32, usize)>,
}

impl Whereabouts {
    pub(super) fn add(&mut self, rows: impl Iterator<Item = (u32, usize)>) {
        for (code, cell) in rows {
            let index = code as usize;
            if index >= self.only.len() {
                self.only.resize(index + 1, UNSEEN);
            }
            let Some(only) = self.only.get_mut(index) else { continue };
            match *only {
                UNSEEN => *only = cell,
                SEVERAL => self.several.push((code, cell)),
                first if first == cell => {}
                first => {
                    self.several.extend([(code, first), (code, cell)]);
                    *only = SEVERAL;
                }
            }
        }
    }

    /// Counts everybody once in each cell that they are in, totals included, and adds up their keys there.
    ///
    /// # Errors
    /// If time is up, or nobody waits.
    pub(super) fn count(
        mut self,
        sizes: &[usize],
        (counts, keys): (&mut [u64], &mut [u64]),
        key_of: impl Fn(u32) -> u64,
        deadline: &Deadline,
    ) -> Result<(), EngineError> {
        let here = |counts: &mut [u64], keys: &mut [u64], cell: usize, key: u64| {
            if let (Some(count), Some(sum)) = (counts.get_mut(cell), keys.get_mut(cell)) {
                *count += 1;
                *sum = sum.wrapping_add(key);
            }
        };
        // Whoever is in one finest cell is once in each total: these add up.
        for (code, cell) in (0..).zip(&self.only).filter(|(_, cell)| **cell < SEVERAL) {
            if code % CHECKED_EVERY == 0 {
                deadline.check()?;
            }
            here(counts, keys, *cell, key_of(code));
        }
        let dimensions = 2..sizes.len();
        add_totals(counts, sizes, dimensions.clone(), u64::saturating_add);
        add_totals(keys, sizes, dimensions, u64::wrapping_add);
        let totals = Totals::new(sizes);
        self.several.sort_unstable();
        for (number, rows) in (0..).zip(self.several.chunk_by(|(one, _), (other, _)| one == other)) {
            if number % CHECKED_EVERY == 0 {
                deadline.check()?;
            }
            let mut cells = BTreeSet::new();
            let mut add = |cell| {
                cells.insert(cell);
            };
            rows.iter().for_each(|(_, cell)| totals.of(*cell, &mut add));
            let key = rows.first().map_or(0, |(code, _)| key_of(*code));
            cells.into_iter().for_each(|cell| here(counts, keys, cell, key));
        }
        Ok(())
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.only.capacity() * size_of::<usize>() + self.several.capacity() * size_of::<(u32, usize)>()
    }
}

/// Which cells hold a finest one: of each dimension its category or all.
pub(super) struct Totals {
    /// Of each dimension how many places it has, the last one for all, and how far apart they are.
    dimensions: Vec<(usize, usize)>,
}

impl Totals {
    /// Of a table whose first two axes, areas and periods, have no total.
    pub(super) fn new(sizes: &[usize]) -> Self {
        let mut stride = 1;
        let mut dimensions = Vec::new();
        for size in sizes.iter().skip(2).rev() {
            dimensions.push((*size, stride));
            stride *= size;
        }
        Self { dimensions }
    }

    /// Does something with each of them, once. What is in no category of a dimension, whose place is the last one, is in its total
    /// alone.
    pub(super) fn of(&self, finest: usize, each: &mut dyn FnMut(usize)) {
        Self::along(&self.dimensions, finest, each);
    }

    fn along(dimensions: &[(usize, usize)], cell: usize, each: &mut dyn FnMut(usize)) {
        let [(size, stride), rest @ ..] = dimensions else { return each(cell) };
        let (place, total) = (cell / stride % size, size - 1);
        if place != total {
            Self::along(rest, cell, each);
        }
        Self::along(rest, cell + (total - place) * stride, each);
    }
}
