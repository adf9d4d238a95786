//! Who is in which cells of a table, and how many different people that are in each cell and in each total.

use std::collections::BTreeSet;

use crosstab::add_totals;

use super::CHECKED_EVERY;
use crate::error::EngineError;
use crate::request::Deadline;

/// Who is in which finest cell, in the order in which rows came. Areas and periods have no total, so that the cells of one of each, a
/// *block*, are counted by themselves.
pub(super) struct Whereabouts {
    /// Cells of a block.
    width: usize,
    /// How many there are of each block; then where those of each begin.
    starts: Vec<usize>,
    /// Finest cell and record key.
    pairs: Vec<(usize, u64)>,
}

impl Whereabouts {
    /// Nobody yet, in a table of these sizes.
    pub(super) fn new(sizes: &[usize]) -> Self {
        let blocks: usize = sizes.iter().take(2).product();
        let width: usize = sizes.iter().skip(2).product();
        Self { width: width.max(1), starts: vec![0; blocks + 1], pairs: Vec::new() }
    }

    pub(super) fn add(&mut self, rows: impl Iterator<Item = (u64, usize)>) {
        for (key, cell) in rows {
            // The next one's place, so that their sum is where it begins.
            if let Some(count) = self.starts.get_mut(cell / self.width + 1) {
                *count += 1;
                self.pairs.push((cell, key));
            }
        }
    }

    /// Counts everybody once in each cell that they are in, totals included, and adds up their keys there.
    ///
    /// # Errors
    /// If time is up, or nobody waits.
    pub(super) fn count(
        self,
        sizes: &[usize],
        (counts, keys): (&mut [u64], &mut [u64]),
        deadline: &Deadline,
    ) -> Result<(), EngineError> {
        let here = |counts: &mut [u64], keys: &mut [u64], cell: usize, key: u64| {
            if let (Some(count), Some(sum)) = (counts.get_mut(cell), keys.get_mut(cell)) {
                *count += 1;
                *sum = sum.wrapping_add(key);
            }
        };
        // Of those who are in several cells of a block, key and cell.
        let mut several: Vec<(u64, usize)> = Vec::new();
        let (ends, mut by_block) = self.by_block();
        let mut start = 0;
        for (number, end) in (0..).zip(ends) {
            if number % CHECKED_EVERY == 0 {
                deadline.check()?;
            }
            let block = by_block.get_mut(start..end).unwrap_or_default();
            start = end;
            block.sort_unstable();
            for one in block.chunk_by(|one, other| key_of(*one) == key_of(*other)) {
                let (Some(first), Some(last)) = (one.first(), one.last()) else { continue };
                if first == last {
                    // Whoever is in one finest cell is once in each total: these add up.
                    here(counts, keys, cell_of(*first), key_of(*first));
                } else {
                    several.extend(one.iter().map(|one| (key_of(*one), cell_of(*one))));
                }
            }
        }
        let dimensions = 2..sizes.len();
        add_totals(counts, sizes, dimensions.clone(), u64::saturating_add);
        add_totals(keys, sizes, dimensions, u64::wrapping_add);
        let totals = Totals::new(sizes);
        let in_one_block =
            |one: &(u64, usize), other: &(u64, usize)| one.0 == other.0 && one.1 / self.width == other.1 / self.width;
        for (number, one) in (0..).zip(several.chunk_by(in_one_block)) {
            if number % CHECKED_EVERY == 0 {
                deadline.check()?;
            }
            let mut cells = BTreeSet::new();
            let mut add = |cell| {
                cells.insert(cell);
            };
            one.iter().for_each(|(_, cell)| totals.of(*cell, &mut add));
            let key = one.first().map_or(0, |(key, _)| *key);
            cells.into_iter().for_each(|cell| here(counts, keys, cell, key));
        }
        Ok(())
    }

    /// Where each block ends, and key and cell of all, block after block.
    fn by_block(&self) -> (Vec<usize>, Vec<u128>) {
        let mut ends = Vec::with_capacity(self.starts.len());
        let mut sum = 0;
        for count in &self.starts {
            sum += count;
            ends.push(sum);
        }
        // Filled from where each begins, each place moves on until it is where the next one begins.
        let mut next = ends.clone();
        let mut all = vec![0; self.pairs.len()];
        for (cell, key) in &self.pairs {
            let Some(place) = next.get_mut(cell / self.width) else { continue };
            if let Some(slot) = all.get_mut(*place) {
                *slot = u128::from(*key) << u64::BITS | *cell as u128;
            }
            *place += 1;
        }
        (ends.split_off(1), all)
    }

    /// Bytes that it holds, and will hold while it is counted.
    pub(super) fn bytes(&self) -> usize {
        self.starts.capacity() * 3 * size_of::<usize>() + self.pairs.capacity() * 2 * size_of::<(u64, usize)>()
    }
}

/// The key of a key and a cell in one number, which is compared faster than two.
const fn key_of(one: u128) -> u64 {
    (one >> u64::BITS) as u64
}

const fn cell_of(one: u128) -> usize {
    one as u64 as usize
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
