//! Ways to withhold cells that are known to be bad: a test that the attack convicts them is a test that it can fail.
//!
//! Each takes tables with every count released and says nothing of the counts' contributors.

use std::collections::BTreeSet;

use crate::AttackError;
use crate::problem::{Cell, Dimension, Level, Problem, Table, Value};
use crate::search::{Options, attack};
use crate::universe::Universe;

/// Only the small counts are withheld: differences give them back.
#[must_use]
pub fn primaries(truth: &Problem) -> Problem {
    let small = 1..u64::from(truth.threshold);
    let mut problem = truth.clone();
    for cell in problem.tables.iter_mut().flat_map(|table| &mut table.cells) {
        if matches!(cell.value, Value::Released(count) if small.contains(&count)) {
            cell.value = Value::Withheld;
        }
    }
    problem
}

/// Also, in every sum with one gap, the smallest other count: no single sum gives a gap away, several do, and so do
/// totals with few people.
///
/// # Errors
/// If the description does not make sense.
pub fn secondaries(truth: &Problem) -> Result<Problem, AttackError> {
    let universe = Universe::build(truth)?;
    let mut hidden = hidden(&universe, &primaries(truth));
    loop {
        let before = hidden.len();
        for relation in &universe.relations {
            close(&universe, relation.parent, &relation.parts, &mut hidden);
        }
        if hidden.len() == before {
            return Ok(withhold(&universe, truth, &hidden));
        }
    }
}

/// Also whatever an attacker needs who ignores that zeros are published: who does not ignore it knows more.
///
/// # Errors
/// If the description does not make sense.
pub fn zeros_ignored(truth: &Problem, options: &Options) -> Result<Problem, AttackError> {
    let universe = Universe::build(truth)?;
    let mut problem = secondaries(truth)?;
    let mut hidden = hidden(&universe, &problem);
    let options = Options { singletons: false, ..options.clone() };
    loop {
        let mut unmarked = problem.clone();
        for table in &mut unmarked.tables {
            table.zeros_published = false;
        }
        let found = attack(&unmarked, &options)?.with_marks;
        let exposed: BTreeSet<&str> = found
            .recovered
            .iter()
            .chain(&found.provably_small)
            .chain(&found.narrow)
            .map(|finding| finding.cell.as_str())
            .collect();
        let before = hidden.len();
        for relation in &universe.relations {
            let all = relation.parts.iter().chain([&relation.parent]);
            let touched =
                |cell: &u32| universe.cells.get(*cell as usize).is_some_and(|c| exposed.contains(c.label.as_str()));
            if all.clone().any(touched) {
                let positive = all.filter(|cell| !hidden.contains(cell) && count(&universe, **cell) > 0);
                hidden.extend(positive.min_by_key(|cell| (count(&universe, **cell), **cell)).copied());
            }
        }
        if hidden.len() == before {
            return Ok(problem);
        }
        problem = withhold(&universe, truth, &hidden);
    }
}

/// A ring of released cells, one for each count, that each share a kind of records with the next: AB, BC, CA; AB, BC, CD, DE, EA.
/// Released as they are by whoever looks only at sums and differences of cells: no count is small, and no difference. In a ring of
/// an odd number, half of a sum is each of the counts.
#[must_use]
pub fn ring(threshold: u32, counts: &[u64]) -> Problem {
    let atoms: Vec<String> = (0..counts.len()).map(|number| format!("a{number}")).collect();
    let (mut levels, mut cells) = (Vec::new(), Vec::new());
    for ((number, atom), count) in atoms.iter().enumerate().zip(counts) {
        let next = (number + 1) % counts.len().max(1);
        let code = format!("r{number}");
        let inside = vec![atom.clone(), atoms.get(next).unwrap_or(atom).clone()];
        levels.push(Level { name: code.clone(), codes: [(code.clone(), inside)].into() });
        let both = count + counts.get(next).unwrap_or(&0);
        cells.push(Cell { codes: vec![code], value: Value::Released(both) });
    }
    let area = Dimension { name: "area".to_owned(), atoms, levels, total: "all".to_owned() };
    let table = Table { name: "ring".to_owned(), zeros_published: true, cells, ..Table::default() };
    Problem { name: "ring".to_owned(), threshold, dimensions: vec![area], tables: vec![table], ..Problem::default() }
}

/// The count of a cell.
fn count(universe: &Universe, cell: u32) -> i64 {
    universe.cells.get(cell as usize).and_then(|c| c.released).unwrap_or_default()
}

/// Withholds the smallest other count of a sum with one gap.
fn close(universe: &Universe, parent: u32, parts: &[u32], hidden: &mut BTreeSet<u32>) {
    let all = || parts.iter().chain([&parent]);
    if all().filter(|cell| hidden.contains(cell)).count() == 1 {
        let positive = all().filter(|cell| !hidden.contains(cell) && count(universe, **cell) > 0);
        hidden.extend(positive.min_by_key(|cell| (count(universe, **cell), **cell)).copied());
    }
}

fn hidden(universe: &Universe, problem: &Problem) -> BTreeSet<u32> {
    let cells = problem.tables.iter().flat_map(|table| &table.cells);
    cells.filter(|cell| cell.value == Value::Withheld).filter_map(|cell| universe.find(&cell.codes)).collect()
}

fn withhold(universe: &Universe, truth: &Problem, hidden: &BTreeSet<u32>) -> Problem {
    let mut problem = truth.clone();
    for cell in problem.tables.iter_mut().flat_map(|table| &mut table.cells) {
        if universe.find(&cell.codes).is_some_and(|cell| hidden.contains(&cell)) {
            cell.value = Value::Withheld;
        }
    }
    problem
}

/// Arithmetic modulo this prime: a linear combination of counts is one modulo it, the converse fails by accident only.
const PRIME: u64 = 2_147_483_647;

/// The largest counts are released first, each as long as no small count becomes a linear combination of released ones:
/// elimination as in the R package GaussSuppression. Nothing is recovered by it; that counts are not negative, and that
/// zeros are published, is not looked at.
///
/// # Errors
/// If the description does not make sense.
pub fn independent(truth: &Problem) -> Result<Problem, AttackError> {
    let universe = Universe::build(truth)?;
    let small = hidden(&universe, &primaries(truth));
    let mut cells: Vec<(i64, u32)> = Vec::new();
    let mut regions: Vec<&[String]> = Vec::new();
    for cell in truth.tables.iter().flat_map(|table| &table.cells) {
        if let Some(number) = universe.find(&cell.codes) {
            cells.push((count(&universe, number), number));
            regions.push(&cell.codes);
        }
    }
    let kinds = universe.membership(&regions)?;
    let row = |region: usize| -> Vec<u64> {
        kinds.iter().map(|kind| u64::from(kind.get(region).copied().unwrap_or(false))).collect()
    };
    let mut protected: Vec<Vec<u64>> = Vec::new();
    let mut candidates: Vec<(bool, i64, usize)> = Vec::new();
    for (region, (value, cell)) in cells.iter().enumerate() {
        if small.contains(cell) {
            protected.push(row(region));
        } else {
            // Zeros before everything, then by size.
            candidates.push((*value > 0, -value, region));
        }
    }
    candidates.sort_unstable();
    let mut basis: Vec<(usize, Vec<u64>)> = Vec::new();
    let mut hidden = small.clone();
    for (.., region) in candidates {
        let mut new = row(region);
        for (pivot, row) in &basis {
            clear(&mut new, *pivot, row);
        }
        let Some(pivot) = new.iter().position(|value| *value != 0) else { continue };
        scale(&mut new, pivot);
        if protected.iter().any(|row| multiple(row, pivot, &new)) {
            hidden.extend(cells.get(region).map(|(_, cell)| *cell));
            continue;
        }
        for row in &mut protected {
            clear(row, pivot, &new);
        }
        basis.push((pivot, new));
    }
    Ok(withhold(&universe, truth, &hidden))
}

/// Subtracts the multiple of a row with a 1 at the pivot that leaves 0 there.
fn clear(row: &mut [u64], pivot: usize, other: &[u64]) {
    let factor = row.get(pivot).copied().unwrap_or(0);
    if factor != 0 {
        for (value, other) in row.iter_mut().zip(other) {
            *value = (*value + (PRIME - factor) * other) % PRIME;
        }
    }
}

/// Makes the value at the pivot 1.
fn scale(row: &mut [u64], pivot: usize) {
    let (mut base, mut exponent, mut inverse) = (row.get(pivot).copied().unwrap_or(1), PRIME - 2, 1);
    while exponent > 0 {
        if exponent & 1 == 1 {
            inverse = inverse * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    for value in row {
        *value = *value * inverse % PRIME;
    }
}

/// Whether a row is a multiple of one with a 1 at the pivot, and not 0.
fn multiple(row: &[u64], pivot: usize, other: &[u64]) -> bool {
    let factor = row.get(pivot).copied().unwrap_or(0);
    factor != 0 && row.iter().zip(other).all(|(value, other)| *value == factor * other % PRIME)
}
