//! Cells that some row is in, with what their rows add up to.

use std::cmp::Ordering;
use std::ops::Range;

/// Rows as they came: a cell each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rows {
    pub(crate) cells: Vec<u64>,
    /// By measure.
    pub(crate) amounts: Vec<Vec<i64>>,
    /// Whether each amount is known, by measure; empty as long as all are.
    pub(crate) known: Vec<Vec<bool>>,
    pub(crate) keys: Vec<u64>,
}

/// Cells in the order of their numbers, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    cells: Vec<u64>,
    rows: Vec<u32>,
    sums: Vec<Vec<i64>>,
    unknown: Vec<Vec<u32>>,
    keys: Vec<u64>,
}

impl Rows {
    pub(crate) fn bytes(&self) -> usize {
        let amounts: usize = self.amounts.iter().map(Vec::capacity).sum();
        let known: usize = self.known.iter().map(Vec::capacity).sum();
        8 * (self.cells.capacity() + self.keys.capacity() + amounts) + known
    }

    fn amount(&self, measure: usize, row: usize) -> Option<i64> {
        let known = self.known.get(measure).and_then(|known| known.get(row)).copied().unwrap_or(true);
        self.amounts.get(measure)?.get(row).copied().filter(|_| known)
    }
}

impl Run {
    /// The numbers of its cells.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.cells
    }

    /// How many rows each cell has.
    #[must_use]
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// A measure's sum of known amounts in each cell.
    #[must_use]
    pub fn sums(&self, measure: usize) -> &[i64] {
        self.sums.get(measure).map_or(&[], Vec::as_slice)
    }

    /// A measure's rows of unknown amount in each cell; empty where all are known.
    #[must_use]
    pub fn unknown(&self, measure: usize) -> &[u32] {
        self.unknown.get(measure).map_or(&[], Vec::as_slice)
    }

    /// The sum of the record keys of each cell modulo 2^64; empty where none were asked for.
    #[must_use]
    pub fn keys(&self) -> &[u64] {
        &self.keys
    }

    pub(crate) fn bytes(&self) -> usize {
        let sums: usize = self.sums.iter().map(Vec::capacity).sum();
        let unknown: usize = self.unknown.iter().map(Vec::capacity).sum();
        8 * (self.cells.capacity() + self.keys.capacity() + sums) + 4 * (self.rows.capacity() + unknown)
    }

    /// Rows sorted and added up.
    pub(crate) fn of(mut rows: Rows) -> Self {
        if rows.amounts.is_empty() && rows.keys.is_empty() {
            rows.cells.sort_unstable();
            return Self::counted(&rows.cells);
        }
        let mut order: Vec<(u64, u32)> = rows.cells.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let measures = rows.amounts.len();
        let mut run = Self { sums: vec![Vec::new(); measures], unknown: vec![Vec::new(); measures], ..Self::default() };
        for group in order.chunk_by(|one, other| one.0 == other.0) {
            run.cells.extend(group.first().map(|(cell, _)| *cell));
            run.rows.push(length(group.len()));
            let at = || group.iter().map(|(_, row)| *row as usize);
            for (measure, (sums, unknown)) in run.sums.iter_mut().zip(&mut run.unknown).enumerate() {
                let (mut sum, mut missing) = (0_i64, 0);
                for amount in at().map(|row| rows.amount(measure, row)) {
                    match amount {
                        Some(amount) => sum = sum.wrapping_add(amount),
                        None => missing += 1,
                    }
                }
                sums.push(sum);
                if rows.known.get(measure).is_some_and(|known| !known.is_empty()) {
                    unknown.push(missing);
                }
            }
            if !rows.keys.is_empty() {
                run.keys.push(at().filter_map(|row| rows.keys.get(row)).fold(0, |sum, key| sum.wrapping_add(*key)));
            }
        }
        run
    }

    fn counted(sorted: &[u64]) -> Self {
        let mut run = Self::default();
        for group in sorted.chunk_by(u64::eq) {
            run.cells.extend(group.first());
            run.rows.push(length(group.len()));
        }
        run
    }

    /// The cells of a dense table that some row is in; of each measure its sums and unknown rows.
    pub(crate) fn of_cells(rows: &[u32], measures: Vec<(Vec<i64>, Vec<u32>)>, keys: Option<&[u64]>) -> Self {
        fn kept<T: Copy>(all: &[T], rows: &[u32]) -> Vec<T> {
            all.iter().zip(rows).filter(|(_, rows)| **rows > 0).map(|(value, _)| *value).collect()
        }
        let cells = (0..).zip(rows).filter(|(_, rows)| **rows > 0).map(|(cell, _)| cell);
        let (sums, unknown): (Vec<_>, Vec<_>) = measures.into_iter().unzip();
        Self {
            cells: cells.collect(),
            rows: kept(rows, rows),
            sums: sums.iter().map(|of| kept(of, rows)).collect(),
            unknown: unknown.iter().map(|of: &Vec<u32>| kept(of, rows)).collect(),
            keys: keys.map(|keys| kept(keys, rows)).unwrap_or_default(),
        }
    }

    /// Gives each cell another number; their order must stay.
    pub(crate) fn renumber(&mut self, mut number: impl FnMut(u64) -> u64) {
        self.cells.iter_mut().for_each(|cell| *cell = number(*cell));
    }

    /// Its parts by where their cells belong, which never decreases from cell to cell.
    pub(crate) fn divided(&self, place: impl Fn(u64) -> u64) -> Vec<(u64, Self)> {
        let mut parts = Vec::new();
        let mut start = 0;
        for group in self.cells.chunk_by(|one, other| place(*one) == place(*other)) {
            let mut part = self.empty();
            part.append(self, start..start + group.len());
            parts.extend(group.first().map(|cell| (place(*cell), part)));
            start += group.len();
        }
        parts
    }

    /// Without cells, but with its measures.
    fn empty(&self) -> Self {
        Self {
            sums: vec![Vec::new(); self.sums.len()],
            unknown: vec![Vec::new(); self.unknown.len()],
            ..Self::default()
        }
    }

    /// Both together.
    pub(crate) fn merge(mut self, mut other: Self) -> Self {
        if other.cells.is_empty() {
            return self;
        }
        if self.cells.is_empty() {
            return other;
        }
        self.tells_unknown(&other);
        other.tells_unknown(&self);
        let mut all = self.empty();
        let (mut mine, mut others) = (0, 0);
        while let (Some(one), Some(another)) = (self.cells.get(mine), other.cells.get(others)) {
            match one.cmp(another) {
                Ordering::Less => {
                    all.append(&self, mine..mine + 1);
                    mine += 1;
                }
                Ordering::Greater => {
                    all.append(&other, others..others + 1);
                    others += 1;
                }
                Ordering::Equal => {
                    all.append(&self, mine..mine + 1);
                    all.add_last(&other, others);
                    (mine, others) = (mine + 1, others + 1);
                }
            }
        }
        all.append(&self, mine..self.cells.len());
        all.append(&other, others..other.cells.len());
        all
    }

    /// Unknown rows of each cell, for the measures that another part has some of.
    fn tells_unknown(&mut self, other: &Self) {
        let cells = self.cells.len();
        for (mine, others) in self.unknown.iter_mut().zip(&other.unknown) {
            if mine.is_empty() && !others.is_empty() {
                mine.resize(cells, 0);
            }
        }
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        fn extend<T: Copy>(list: &mut Vec<T>, other: &[T], range: &Range<usize>) {
            list.extend_from_slice(other.get(range.clone()).unwrap_or_default());
        }
        extend(&mut self.cells, &other.cells, &range);
        extend(&mut self.rows, &other.rows, &range);
        extend(&mut self.keys, &other.keys, &range);
        for (mine, others) in self.sums.iter_mut().zip(&other.sums) {
            extend(mine, others, &range);
        }
        for (mine, others) in self.unknown.iter_mut().zip(&other.unknown) {
            extend(mine, others, &range);
        }
    }

    /// Adds a cell of another run to the last one of this. What rows and amounts add up to is checked for all cells together.
    fn add_last(&mut self, other: &Self, at: usize) {
        let count = |mine: &mut Vec<u32>, others: &[u32]| {
            if let (Some(mine), Some(more)) = (mine.last_mut(), others.get(at)) {
                *mine = mine.wrapping_add(*more);
            }
        };
        count(&mut self.rows, &other.rows);
        for (mine, others) in self.unknown.iter_mut().zip(&other.unknown) {
            count(mine, others);
        }
        for (mine, others) in self.sums.iter_mut().zip(&other.sums) {
            if let (Some(mine), Some(more)) = (mine.last_mut(), others.get(at)) {
                *mine = mine.wrapping_add(*more);
            }
        }
        if let (Some(mine), Some(more)) = (self.keys.last_mut(), other.keys.get(at)) {
            *mine = mine.wrapping_add(*more);
        }
    }
}

/// The number of some rows of a table, which has less than 2^32.
fn length(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
