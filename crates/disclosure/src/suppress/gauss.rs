//! A first guess of what else to withhold in a small table: released columns must at least leave no protected one as their sum.
//!
//! One column after the other is released, the most valuable first, unless that would determine a protected column (the
//! elimination of Langsrud 2024, "Secondary cell suppression by Gaussian elimination"). Whether worlds are there too is left
//! to whoever asks: this guess only spares them most of the search.
//!
//! All columns are kept as sums of what is still undetermined, in whole numbers modulo a prime: exact enough for a guess, and
//! the same everywhere.

use crate::table::{Role, Table, at, set};

/// The prime 2^31 - 1.
const PRIME: u64 = 0x7fff_ffff;

/// Columns to withhold besides those that are protected, if those that may be released are in this order. Takes the square of the
/// atoms times the columns, at worst.
pub(super) fn guess(table: &Table, order: &[u32]) -> Vec<u32> {
    let (atoms, columns) = (table.truth.len(), table.columns.len());
    let mut rows: Vec<Vec<u32>> = vec![vec![0; atoms]; columns];
    for (row, index) in rows.iter_mut().zip(0_u32..) {
        table.atoms.row(index).iter().filter(|atom| at(&table.live, **atom)).for_each(|atom| set(row, *atom, 1));
    }
    let given = table.indices().filter(|index| matches!(table.column(*index).role, Role::Frozen | Role::Headline));
    for index in given.collect::<Vec<u32>>() {
        determine(&mut rows, index);
    }
    let protected =
        table.indices().filter(|index| matches!(table.column(*index).role, Role::Protected | Role::Difference));
    // What is determined already is beyond a guess.
    let protected: Vec<u32> =
        protected.filter(|index| rows.get(*index as usize).is_some_and(|row| lead(row).is_some())).collect();
    let mut withheld = Vec::new();
    for index in order {
        let determines = rows.get(*index as usize).is_some_and(|row| {
            lead(row).is_some_and(|place| {
                let mut others = protected.iter().filter_map(|other| rows.get(*other as usize));
                others.any(|other| are_multiples(row, other, place))
            })
        });
        if determines {
            withheld.push(*index);
        } else {
            determine(&mut rows, *index);
        }
    }
    // What the released ones determine together need not be withheld, and could not be.
    withheld.retain(|index| rows.get(*index as usize).is_some_and(|row| lead(row).is_some()));
    withheld
}

fn lead(row: &[u32]) -> Option<usize> {
    row.iter().position(|entry| *entry != 0)
}

/// Whether a row is a multiple of one that leads with this place.
fn are_multiples(lead: &[u32], row: &[u32], place: usize) -> bool {
    let first = |row: &[u32]| row.get(place).map_or(0, |entry| u64::from(*entry));
    let (x, y) = (first(lead), first(row));
    y != 0 && lead.iter().zip(row).all(|(a, b)| modulo(u64::from(*a) * y) == modulo(u64::from(*b) * x))
}

/// Takes out of all rows what a column determines once it is released.
fn determine(rows: &mut [Vec<u32>], index: u32) {
    let Some(row) = rows.get_mut(index as usize) else { return };
    let entries: Vec<(usize, u64)> = row
        .iter()
        .enumerate()
        .filter(|(_, entry)| **entry != 0)
        .map(|(place, entry)| (place, u64::from(*entry)))
        .collect();
    let Some((place, factor)) = entries.last().copied() else { return };
    let scale = inverse(factor);
    for row in rows.iter_mut() {
        let Some(entry) = row.get(place).copied().filter(|entry| *entry != 0) else { continue };
        let times = PRIME - modulo(u64::from(entry) * scale);
        for (place, entry) in &entries {
            if let Some(slot) = row.get_mut(*place) {
                let sum = modulo(u64::from(*slot) + times * entry);
                *slot = u32::try_from(sum).unwrap_or(0);
            }
        }
    }
}

/// What is left modulo the prime, of a number below its square.
const fn modulo(number: u64) -> u64 {
    let folded = (number & PRIME) + (number >> 31);
    let folded = (folded & PRIME) + (folded >> 31);
    if folded >= PRIME { folded - PRIME } else { folded }
}

/// The inverse modulo the prime, by its last power but one.
fn inverse(number: u64) -> u64 {
    let (mut result, mut base, mut power) = (1, number % PRIME, PRIME - 2);
    while power > 0 {
        if power % 2 == 1 {
            result = modulo(result * base);
        }
        base = modulo(base * base);
        power /= 2;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Rows};

    /// Two rows of three atoms, with all totals: six atoms, two rows, three columns, the grand total.
    fn table(protected: &[u32]) -> Table {
        let mut sets: Vec<Vec<u32>> = (0..6).map(|atom| vec![atom]).collect();
        sets.extend([vec![0, 1, 2], vec![3, 4, 5], vec![0, 3], vec![1, 4], vec![2, 5], (0..6).collect()]);
        let role = |index| if protected.contains(&index) { Role::Protected } else { Role::Open };
        let columns = (0..12).map(|index| Column { role: role(index), ..Column::default() }).collect();
        Table::new(vec![9; 6], columns, Rows::new(sets))
    }

    /// Of these columns, enough to say all that they say together; those of few atoms first.
    fn independent(table: &Table, columns: &[u32]) -> Vec<u32> {
        let mut order: Vec<u32> = columns.to_vec();
        order.sort_by_key(|index| (table.atoms.row(*index).len(), *index));
        let mut known: Vec<Option<Vec<(usize, u64)>>> = vec![None; table.truth.len()];
        let mut found = Vec::new();
        for index in order {
            let mut row = vec![0_u64; table.truth.len()];
            for atom in table.atoms.row(index).iter().filter(|atom| at(&table.live, **atom)) {
                set(&mut row, *atom, 1);
            }
            for place in 0..row.len() {
                let Some(factor) = row.get(place).copied().filter(|entry| *entry != 0) else { continue };
                let Some(slot) = known.get_mut(place) else { continue };
                if let Some(entries) = slot {
                    for (place, entry) in entries.iter() {
                        if let Some(slot) = row.get_mut(*place) {
                            *slot = modulo(*slot + (PRIME - factor) * entry);
                        }
                    }
                    continue;
                }
                let scale = inverse(factor);
                let entries = row.iter().enumerate().filter(|(_, entry)| **entry != 0);
                *slot = Some(entries.map(|(place, entry)| (place, modulo(entry * scale))).collect());
                found.push(index);
                break;
            }
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn no_protected_column_is_a_sum_of_released_ones() {
        let totals_first: Vec<u32> = (6..12).rev().chain((0..6).rev()).collect();
        for protected in [&[0][..], &[0, 4], &[0, 6], &[11], &[0, 1, 2]] {
            let table = table(protected);
            let order: Vec<u32> = totals_first.iter().copied().filter(|index| !protected.contains(index)).collect();
            let guess = guess(&table, &order);
            let released = |index: &u32| !protected.contains(index) && !guess.contains(index);
            let released: Vec<u32> = table.indices().filter(released).collect();
            let rank = independent(&table, &released).len();
            for column in protected.iter().chain(&guess) {
                let with = independent(&table, &[&released[..], &[*column]].concat()).len();
                assert_eq!(with, rank + 1, "{column} beside {protected:?} is known from {released:?}");
            }
            for column in &guess {
                let mut more = released.clone();
                more.push(*column);
                let rank = independent(&table, &more).len();
                let known = |other: &u32| independent(&table, &[&more[..], &[*other]].concat()).len() == rank;
                assert!(protected.iter().any(known), "{column} is withheld for nothing beside {protected:?}");
            }
        }
        // A square of four is the least.
        assert_eq!(guess(&table(&[0]), &totals_first[..11]).len(), 3);
    }

    #[test]
    fn arithmetic_is_modular() {
        for number in [1, 2, 12_345, PRIME - 1] {
            assert_eq!(modulo(number * inverse(number)), 1);
        }
        assert_eq!(modulo((PRIME - 1) * (PRIME - 1)), 1);
        assert_eq!(modulo(PRIME), 0);
    }
}
