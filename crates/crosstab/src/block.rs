//! Rows: equally long columns of codes and amounts.

use crate::codes::{Codes, Key};
use crate::error::CrosstabError;
use crate::shape::Shape;

/// Rows of which the inner axes are put together at once.
const NARROW: usize = 2048;

/// A measure, an amount a row.
#[derive(Debug, Clone, Copy)]
pub struct Amounts<'a> {
    /// The amounts; what stands where one is not known is not read.
    pub amounts: &'a [i64],
    /// Whether each is known, if not all are.
    pub known: Option<&'a [bool]>,
}

impl Amounts<'_> {
    /// The sum of the absolute known amounts; the greatest number stands for all that are greater.
    #[must_use]
    pub fn magnitude(&self) -> u64 {
        let Some(known) = self.known else {
            // In 128 bits no block that fits in memory overflows.
            let sum: u128 = self.amounts.iter().map(|amount| u128::from(amount.unsigned_abs())).sum();
            return u64::try_from(sum).unwrap_or(u64::MAX);
        };
        let known = self.amounts.iter().zip(known).filter(|(_, known)| **known);
        known.fold(0, |sum, (amount, _)| sum.saturating_add(amount.unsigned_abs()))
    }
}

/// How many rows there are with those of a block; they are kept in 32 bits.
pub(crate) fn with_rows(total: u32, block: &Block<'_>) -> Result<u32, CrosstabError> {
    let rows = u32::try_from(block.rows).ok().and_then(|rows| total.checked_add(rows));
    rows.ok_or(CrosstabError::TooManyRows)
}

/// Whether every sum of a cell can be held, by what the absolute amounts of each measure add up to.
pub(crate) fn are_held(totals: impl Iterator<Item = u64>) -> Result<(), CrosstabError> {
    let mut totals = totals;
    match totals.position(|total| total > i64::MAX.unsigned_abs()) {
        None => Ok(()),
        Some(measure) => Err(CrosstabError::TooMuch { measure }),
    }
}

/// Some rows of a table.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// How many rows it has.
    pub rows: usize,
    /// The codes of each axis.
    pub axes: Vec<Codes<'a>>,
    /// The measures to be summed.
    pub measures: Vec<Amounts<'a>>,
    /// The rows' record keys, which are added modulo 2^64, if they are asked for.
    pub keys: Option<&'a [u64]>,
}

impl<'a> Block<'a> {
    /// The rows of a range.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Self {
        fn part<T>(all: &[T], start: usize, end: usize) -> &[T] {
            all.get(start..end).unwrap_or_default()
        }
        let end = end.min(self.rows);
        let start = start.min(end);
        Self {
            rows: end - start,
            axes: self.axes.iter().map(|codes| codes.slice(start, end)).collect(),
            measures: (self.measures.iter())
                .map(|of| Amounts {
                    amounts: part(of.amounts, start, end),
                    known: of.known.map(|known| part(known, start, end)),
                })
                .collect(),
            keys: self.keys.map(|keys| part(keys, start, end)),
        }
    }

    /// Whether it has the columns of a table and all are equally long.
    pub(crate) fn check(&self, shape: &Shape, measures: usize, keys: bool) -> Result<(), CrosstabError> {
        let wrong = |problem| Err(CrosstabError::Mismatch { problem });
        if self.axes.len() != shape.sizes().len() {
            return wrong("it has another number of axes");
        }
        if self.measures.len() != measures || self.keys.is_some() != keys {
            return wrong("it has other measures");
        }
        let equal = self.axes.iter().all(|codes| codes.len() == self.rows)
            && self
                .measures
                .iter()
                .all(|of| of.amounts.len() == self.rows && of.known.is_none_or(|known| known.len() == self.rows))
            && self.keys.is_none_or(|keys| keys.len() == self.rows);
        if equal { Ok(()) } else { wrong("its columns differ in length") }
    }

    /// The cell of each row, in `positions`, which are as many as the rows.
    ///
    /// # Errors
    /// If a code is outside its axis.
    pub(crate) fn positions<K: Key + From<u16> + TryFrom<u32>>(
        &self,
        shape: &Shape,
        positions: &mut [K],
    ) -> Result<(), CrosstabError> {
        for (axis, (codes, size)) in self.axes.iter().zip(shape.sizes()).enumerate() {
            if self.rows > 0 && codes.greatest() >= *size {
                return Err(CrosstabError::OutsideAxis { axis, size: *size });
            }
        }
        positions.fill(K::default());
        let (outer, inner) = self.axes.split_at(shape.outer());
        let (outer_sizes, inner_sizes) = shape.sizes().split_at(shape.outer());
        for (codes, size) in outer.iter().zip(outer_sizes) {
            codes.append(positions, K::try_from(*size).unwrap_or_default());
        }
        // The axes that change fastest are put together in 16 bits, which are multiplied much faster than wider ones.
        let mut narrow = [0_u16; NARROW];
        let product = inner_sizes.iter().product();
        for (number, positions) in positions.chunks_mut(NARROW).enumerate() {
            let narrow = narrow.get_mut(..positions.len()).unwrap_or_default();
            narrow.fill(0);
            for (codes, size) in inner.iter().zip(inner_sizes) {
                let part = codes.slice(number * NARROW, (number + 1) * NARROW);
                part.append(narrow, u16::try_from(*size).unwrap_or_default());
            }
            Codes::U16(narrow).append(positions, K::try_from(product).unwrap_or_default());
        }
        Ok(())
    }
}
