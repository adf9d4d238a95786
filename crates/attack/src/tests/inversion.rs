//! Algorithms inverted by enumeration: the known-bad one is found out, and less is known of better ones.

use crate::groups::Numbers;
use crate::inversion::{Certainty, SmallTable, invert, small_tables};

const K: u32 = 3;

/// Withholds everything, then releases cell by cell in an order, as long as every cell of `protected` keeps a world in
/// which it is at least k.
fn release(tables: &[SmallTable], truth: &SmallTable, order: &[usize], all: bool, decoys: &[bool]) -> Vec<bool> {
    let cells = truth.cells();
    let mut withheld: Vec<bool> = vec![true; cells.len()];
    // Tables that agree with what is released so far.
    let mut worlds: Vec<&SmallTable> = tables.iter().collect();
    for cell in order {
        let count = cells[*cell];
        if (1..K).contains(&count) || decoys[*cell] {
            continue;
        }
        let left: Vec<&SmallTable> = worlds.iter().filter(|world| world.cells()[*cell] == count).copied().collect();
        let safe = (0..cells.len()).filter(|other| other != cell && withheld[*other]).all(|other| {
            let target = all || (1..K).contains(&cells[other]);
            !target || left.iter().any(|world| world.cells()[other] >= K)
        });
        if safe {
            withheld[*cell] = false;
            worlds = left;
        }
    }
    withheld
}

/// The grand total first, the others in the order of the key.
fn shuffled(cells: usize, key: u64) -> Vec<usize> {
    let mut numbers = Numbers::new(key);
    let mut order: Vec<usize> = (0..cells - 1).collect();
    for number in (1..order.len()).rev() {
        order.swap(number, numbers.below(number + 1));
    }
    order.insert(0, cells - 1);
    order
}

/// A keyed share of the cells below the grand total.
fn decoys(cells: usize, key: u64, percent: usize) -> Vec<bool> {
    let mut numbers = Numbers::new(key ^ 0xdec0);
    (0..cells).map(|cell| numbers.percent(percent) && cell + 1 < cells).collect()
}

fn print(name: &str, c: &Certainty) {
    println!(
        "{name}: {} withheld, {} protected; of the protected {:.0} % certainly small, {:.0} % more than 95 %, {:.0} % recovered; \
         of all withheld {:.0} % certainly small, {:.0} % more than 95 %",
        c.withheld,
        c.protected,
        100.0 * c.of_protected(c.certain),
        100.0 * c.of_protected(c.likely),
        100.0 * c.of_protected(c.recovered),
        100.0 * c.of_withheld(c.certain_of_withheld),
        100.0 * c.of_withheld(c.likely_of_withheld),
    );
}

/// Totals first, then keyed order with decoys and a witness for every withheld cell.
fn compare(most: u32, keys: u64) -> (Certainty, Certainty) {
    let tables = small_tables(2, 3, most);
    // Grand total, totals of columns and rows, inner cells; cells are numbered row by row, totals last.
    let totals_first = [11, 8, 9, 10, 3, 7, 0, 1, 2, 4, 5, 6];
    let never = vec![false; 12];
    let first = invert(&tables, &[0], K, |table, _| release(&tables, table, &totals_first, false, &never));
    let keys: Vec<u64> = (1..=keys).collect();
    let decoyed =
        invert(&tables, &keys, K, |table, key| release(&tables, table, &shuffled(12, key), true, &decoys(12, key, 25)));
    print("totals first", &first);
    print("keyed order, decoys, a witness for every withheld cell", &decoyed);
    (first, decoyed)
}

/// Totals first is found out: what is withheld tells what is small. A reference run on larger tables proves 66 % small
/// and recovers 23 %. With keys and decoys much less is certain, and the less the more keys there might be.
#[test]
fn totals_first_is_inverted() {
    let (first, decoyed) = compare(5, 8);
    assert!((0.55..0.75).contains(&first.of_protected(first.certain)));
    assert!((0.15..0.30).contains(&first.of_protected(first.recovered)));
    assert!(decoyed.of_protected(decoyed.certain) < 0.6 * first.of_protected(first.certain));
    assert!(decoyed.of_protected(decoyed.recovered) < 0.1 * first.of_protected(first.recovered));
    let (_, few) = compare(5, 2);
    assert!(decoyed.of_protected(decoyed.certain) < few.of_protected(few.certain));
}

/// The reference run: all tables with a total of at most nine.
#[test]
#[ignore = "takes minutes: part of the long attack"]
fn long_totals_first_is_inverted() {
    let (first, decoyed) = compare(9, 30);
    assert!((0.6..0.75).contains(&first.of_protected(first.certain)));
    assert!(decoyed.of_protected(decoyed.certain) < 0.25);
}

#[test]
fn the_harness_counts_what_is_certain() {
    let tables = small_tables(1, 2, 4);
    assert_eq!(tables.len(), 15);
    // Nothing withheld, nothing certain.
    let open = invert(&tables, &[0], K, |table, _| vec![false; table.cells().len()]);
    assert_eq!(open, Certainty::default());
    // Everything withheld: all that is known is the prior, total at most 4; the first row's total equals the grand total.
    let closed = invert(&tables, &[0], K, |table, _| vec![true; table.cells().len()]);
    assert_eq!((closed.withheld, closed.certain, closed.recovered), (15 * 6, 0, 0));
    // Only small counts withheld: totals give them away, both where one is small and where both are.
    let small = invert(&tables, &[0], K, |table, _| table.cells().iter().map(|n| (1..K).contains(n)).collect());
    assert_eq!(small.certain, small.protected);
    assert!(small.recovered > 0 && small.recovered < small.protected);
    let table = SmallTable::new(2, 2, &[1, 2, 3, 4]);
    assert_eq!(table.cells(), [1, 2, 3, 3, 4, 7, 4, 6, 10]);
}
