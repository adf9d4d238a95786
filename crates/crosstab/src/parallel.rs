//! Rows divided among threads.

use crate::block::Block;
use crate::dense::Dense;
use crate::error::CrosstabError;
use crate::sparse::Sparse;

/// Rows between two looks at whether to stop: a millisecond or less.
const ROWS_AT_ONCE: usize = 256 * 1024;

/// A table that rows are added to and parts of which are put together.
pub trait Tally: Sized + Send {
    /// As [`Dense::add`].
    ///
    /// # Errors
    /// If the block does not fit the table, or the table cannot hold what it adds up to.
    fn add(&mut self, block: &Block<'_>) -> Result<(), CrosstabError>;

    /// As [`Dense::merge`].
    ///
    /// # Errors
    /// If it is not a part of the same table, or together they are more than can be held.
    fn merge(self, other: Self) -> Result<Self, CrosstabError>;
}

impl Tally for Dense {
    fn add(&mut self, block: &Block<'_>) -> Result<(), CrosstabError> {
        self.add(block)
    }

    fn merge(self, other: Self) -> Result<Self, CrosstabError> {
        self.merge(other)
    }
}

impl Tally for Sparse {
    fn add(&mut self, block: &Block<'_>) -> Result<(), CrosstabError> {
        self.add(block)
    }

    fn merge(self, other: Self) -> Result<Self, CrosstabError> {
        self.merge(other)
    }
}

/// Counts all rows, on as many threads as `parts` are given: empty tables of the same kind. The result is the same for any number.
///
/// # Errors
/// As [`Tally::add`] and [`Tally::merge`]; [`CrosstabError::Stopped`] soon after `stop` says so.
pub fn tabulate<T: Tally>(
    blocks: &[Block<'_>],
    parts: Vec<T>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Option<T>, CrosstabError> {
    let rows: usize = blocks.iter().map(|block| block.rows).sum();
    let share = rows.div_ceil(parts.len().max(1)).max(1);
    let run = |mut part: T, number: usize| -> Result<T, CrosstabError> {
        for block in of_range(blocks, number * share, (number + 1) * share) {
            for start in (0..block.rows).step_by(ROWS_AT_ONCE) {
                if stop() {
                    return Err(CrosstabError::Stopped);
                }
                part.add(&block.slice(start, start + ROWS_AT_ONCE))?;
            }
        }
        Ok(part)
    };
    let done: Vec<Result<T, CrosstabError>> = std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> =
            parts.into_iter().enumerate().map(|(number, part)| scope.spawn(move || run(part, number))).collect();
        // A thread that panicked has no part to give.
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err(CrosstabError::Stopped))).collect()
    });
    let mut all = None;
    for part in done {
        all = Some(match all {
            None => part?,
            Some(all) => T::merge(all, part?)?,
        });
    }
    Ok(all)
}

/// Does some work on each item, on so many threads; results are in the order of the items.
///
/// # Errors
/// If `stop` says so before an item, or a thread panicked: what it was to give is missing.
pub(crate) fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    stop: &(dyn Fn() -> bool + Sync),
    work: impl Fn(T) -> R + Sync,
) -> Result<Vec<R>, CrosstabError> {
    let share = items.len().div_ceil(threads.max(1)).max(1);
    let mut items = items.into_iter();
    let shares: Vec<Vec<T>> =
        std::iter::from_fn(|| Some(items.by_ref().take(share).collect::<Vec<T>>()).filter(|part| !part.is_empty()))
            .collect();
    let one = |item: T| if stop() { Err(CrosstabError::Stopped) } else { Ok(work(item)) };
    std::thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = shares
            .into_iter()
            .map(|part| scope.spawn(move || part.into_iter().map(one).collect::<Result<Vec<R>, _>>()))
            .collect();
        let mut results = Vec::new();
        for thread in threads {
            results.extend(thread.join().map_err(|_| CrosstabError::Stopped).flatten()?);
        }
        Ok(results)
    })
}

/// The rows from `start` to `end` of all blocks together.
fn of_range<'a>(blocks: &[Block<'a>], start: usize, end: usize) -> Vec<Block<'a>> {
    let mut first = 0;
    let mut parts = Vec::new();
    for block in blocks {
        let last = first + block.rows;
        if first < end && start < last {
            parts.push(block.slice(start.saturating_sub(first), end - first));
        }
        first = last;
    }
    parts
}
