//! Which sums follow from the equations: sparse elimination modulo two primes.
//!
//! A 0/1 row is a rational combination of others only if it is one modulo every prime that divides none of the
//! denominators; modulo a prime it can also be one by accident, with a chance of about 1 in 4 thousand million each. A
//! recovery is claimed only if it holds modulo *both* primes with the same value, and never outside what propagation
//! allows; an accident modulo both has a chance of about 1 in 10^19. If the primes disagree the answer is "undecided"
//! and the linear programme decides.

use std::collections::{BTreeMap, BTreeSet};

use crate::util::{at, id, put};

/// The two largest primes below 2^32.
const PRIMES: [u64; 2] = [4_294_967_291, 4_294_967_279];

/// A row of the equations: coefficients by column, and the right-hand side.
#[derive(Clone)]
struct Row {
    terms: Vec<(u32, u64)>,
    value: u64,
}

/// What the equations say of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Implied {
    /// It is this value.
    Value(i64),
    /// Nothing.
    No,
    /// The primes disagree.
    Undecided,
}

/// The equations, eliminated modulo both primes.
pub(crate) struct RowSpace {
    columns: usize,
    eliminated: Vec<(u64, Vec<(u32, Row)>)>,
}

impl RowSpace {
    /// `equations`: terms (column, +1 or -1) and value.
    pub(crate) fn new(columns: usize, equations: &[(Vec<(u32, i64)>, i64)]) -> Self {
        let eliminated = PRIMES.iter().map(|prime| (*prime, eliminate(columns, equations, *prime))).collect();
        Self { columns, eliminated }
    }

    /// What the equations say of the sum of some columns.
    pub(crate) fn implied(&self, columns: &[u32]) -> Implied {
        let mut answers = Vec::new();
        for (prime, pivots) in &self.eliminated {
            answers.push(reduce(self.columns, columns, pivots, *prime));
        }
        match answers.as_slice() {
            [None, None] => Implied::No,
            [Some(a), Some(b)] if a == b => Implied::Value(*a),
            _ => Implied::Undecided,
        }
    }
}

fn residue(value: i64, prime: u64) -> u64 {
    let modulus = i64::try_from(prime).unwrap_or(i64::MAX);
    u64::try_from(value.rem_euclid(modulus)).unwrap_or(0)
}

fn inverse(value: u64, prime: u64) -> u64 {
    let (mut base, mut exponent, mut result) = (value % prime, prime - 2, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % prime;
        }
        base = base * base % prime;
        exponent >>= 1;
    }
    result
}

/// Pivot columns with their rows, in order. The next pivot is a column in as few rows as possible, and of those rows
/// the shortest, which keeps fill-in low on the near-network equations of tables.
fn eliminate(columns: usize, equations: &[(Vec<(u32, i64)>, i64)], prime: u64) -> Vec<(u32, Row)> {
    let mut rows: Vec<Row> = Vec::new();
    let mut holders: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); columns];
    for (terms, value) in equations {
        let mut terms: Vec<(u32, u64)> = terms.iter().map(|(c, f)| (*c, residue(*f, prime))).collect();
        terms.sort_unstable();
        for (column, _) in &terms {
            if let Some(holder) = holders.get_mut(*column as usize) {
                holder.insert(id(rows.len()));
            }
        }
        rows.push(Row { terms, value: residue(*value, prime) });
    }
    let queue = holders.iter().enumerate().filter(|(_, h)| !h.is_empty());
    let mut queue: BTreeSet<(usize, u32)> = queue.map(|(column, h)| (h.len(), id(column))).collect();
    let mut pivots = Vec::new();
    while let Some((_, column)) = queue.pop_first() {
        let holding: Vec<u32> = holders.get(column as usize).map(|h| h.iter().copied().collect()).unwrap_or_default();
        let shortest = holding.iter().min_by_key(|row| (rows.get(**row as usize).map_or(0, |r| r.terms.len()), **row));
        let Some(chosen) = shortest.copied() else { continue };
        let Some(mut pivot) = rows.get(chosen as usize).cloned() else { continue };
        scale(&mut pivot, column, prime);
        for row in &holding {
            let Some(slot) = rows.get_mut(*row as usize) else { continue };
            let new = if *row == chosen {
                Row { terms: Vec::new(), value: 0 }
            } else {
                subtract(slot, &pivot, column, prime)
            };
            move_holders(&mut holders, &mut queue, *row, &slot.terms, &new.terms, column);
            *slot = new;
        }
        pivots.push((column, pivot));
    }
    pivots
}

/// Keeps the lists of rows by column, and their lengths in the queue, up to date.
fn move_holders(
    holders: &mut [BTreeSet<u32>],
    queue: &mut BTreeSet<(usize, u32)>,
    row: u32,
    old: &[(u32, u64)],
    new: &[(u32, u64)],
    pivot: u32,
) {
    let before: BTreeSet<u32> = old.iter().map(|(c, _)| *c).collect();
    let after: BTreeSet<u32> = new.iter().map(|(c, _)| *c).collect();
    for column in before.symmetric_difference(&after) {
        let Some(holder) = holders.get_mut(*column as usize) else { continue };
        let length = holder.len();
        if after.contains(column) {
            holder.insert(row);
        } else {
            holder.remove(&row);
        }
        if *column != pivot {
            queue.remove(&(length, *column));
            if !holder.is_empty() {
                queue.insert((holder.len(), *column));
            }
        }
    }
}

/// Makes the coefficient at the pivot column 1.
fn scale(row: &mut Row, column: u32, prime: u64) {
    let leading = row.terms.iter().find(|(c, _)| *c == column).map_or(1, |(_, f)| *f);
    let factor = inverse(leading, prime);
    for (_, coefficient) in &mut row.terms {
        *coefficient = *coefficient * factor % prime;
    }
    row.value = row.value * factor % prime;
}

/// `row` minus the multiple of `pivot` that clears the column.
fn subtract(row: &Row, pivot: &Row, column: u32, prime: u64) -> Row {
    let factor = row.terms.iter().find(|(c, _)| *c == column).map_or(0, |(_, f)| *f);
    let negative = (prime - factor) % prime;
    let mut terms: BTreeMap<u32, u64> = row.terms.iter().copied().collect();
    for (c, f) in &pivot.terms {
        let entry = terms.entry(*c).or_insert(0);
        *entry = (*entry + negative * f) % prime;
    }
    let terms = terms.into_iter().filter(|(_, f)| *f != 0).collect();
    Row { terms, value: (row.value + negative * pivot.value) % prime }
}

/// The value of a sum of columns if it is a combination of the pivots.
fn reduce(columns: usize, sum: &[u32], pivots: &[(u32, Row)], prime: u64) -> Option<i64> {
    let mut rest = vec![0_u64; columns];
    for column in sum {
        put(&mut rest, *column, 1);
    }
    let mut value = 0_u64;
    for (column, pivot) in pivots {
        let factor = at(&rest, *column);
        if factor == 0 {
            continue;
        }
        let negative = (prime - factor) % prime;
        for (c, f) in &pivot.terms {
            let old = at(&rest, *c);
            put(&mut rest, *c, (old + negative * f) % prime);
        }
        value = (value + factor * pivot.value) % prime;
    }
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    rest.iter().all(|v| *v == 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(equations: &[(&[u32], i64)], sum: &[u32], expect: Implied) {
        let equations: Vec<(Vec<(u32, i64)>, i64)> =
            equations.iter().map(|(columns, value)| (columns.iter().map(|c| (*c, 1)).collect(), *value)).collect();
        assert_eq!(RowSpace::new(6, &equations).implied(sum), expect);
    }

    #[test]
    fn combinations_are_recognised() {
        check(&[(&[0, 1], 7), (&[1], 3)], &[0], Implied::Value(4));
        check(&[(&[0, 1], 7), (&[1, 2], 3)], &[0], Implied::No);
        // Halves: (01 + 02 - 12) / 2.
        check(&[(&[0, 1], 7), (&[1, 2], 9), (&[0, 2], 6)], &[0], Implied::Value(2));
        // Redundant equations.
        check(&[(&[0, 1], 7), (&[2, 3], 9), (&[0, 1, 2, 3], 16), (&[0, 2], 5)], &[1, 3], Implied::Value(11));
        check(&[(&[0, 1], 7)], &[], Implied::Value(0));
        check(&[], &[5], Implied::No);
    }
}
