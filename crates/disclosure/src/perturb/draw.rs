//! From a key to a uniform number.

use sha2::{Digest, Sha256};

/// What a draw is for. Two uses of the same key must not see the same number.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// The noise of a count.
    Count,
    /// The noise of a sum of this column.
    Sum(&'a str),
}

/// A uniform 64-bit number for a purpose and these keys: the first eight bytes of SHA-256 over the purpose, behind its length, and
/// the keys.
///
/// **Why the cell key is not used as it is.** Keys add up: the key of two disjoint cells together is the sum of their keys. Cut at
/// thresholds, the noises of `a`, `b` and `a + b` would be independent by pairs but not all three: published `a` and `b` with
/// guessed counts tell in which intervals their keys lie, so in which interval their sum lies, so what noise `a + b` has. All bounds
/// on averaging assume that noises of different record sets are independent. SHA-256 takes the structure away: for anybody who does
/// not hold the keys the numbers of different cell keys are independent as far as SHA-256 behaves like a random function. (A fixed
/// bijection such as a multiply-and-shift finaliser would be uniform too, but its independence would rest on nobody having looked.)
/// Trying all keys is no way round: a count says some two bits of a 64-bit key, so candidates are told apart only by cells that
/// share records, each with unknown keys of its own.
///
/// **What stays true.** Equal keys give equal numbers, so equal record sets have equal noise by every route. A count and a sum over
/// the same records have different purposes, so the noise of one says nothing about that of the other; nor do sums of different
/// columns.
///
/// Two *different* record sets have the same cell key with probability 2^-64 if record keys are random; but a record that counts
/// twice has to be added twice, or a cell with and without it have the same key.
pub(super) fn draw(purpose: Purpose<'_>, keys: &[u64]) -> u64 {
    let (name, column) = match purpose {
        Purpose::Count => ("commonground cell key 1: count", ""),
        Purpose::Sum(column) => ("commonground cell key 1: sum", column),
    };
    let mut hash = Sha256::new();
    for part in [name, column] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    for key in keys {
        hash.update(key.to_be_bytes());
    }
    hash.finalize().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
