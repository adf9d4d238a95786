//! A second opinion that shares nothing with the attacker but its input: it enumerates all worlds.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Dimension, Known, Problem, Value};

/// Smallest and largest value of a cell over all worlds, by the label that findings carry.
pub(super) type Ranges = BTreeMap<String, (i64, i64)>;

/// Merged atoms inside a sum, and its limits.
struct Sum {
    inside: Vec<usize>,
    low: i64,
    high: i64,
}

/// Sums with their factors, and limits.
type Compared = (Vec<(usize, i64)>, i64, i64);

struct Worlds {
    sums: Vec<Sum>,
    /// Sums by atom.
    of_atom: Vec<Vec<usize>>,
    comparisons: Vec<Compared>,
    wanted: Vec<(String, Vec<usize>)>,
    ranges: Ranges,
    budget: usize,
}

/// The ranges of all withheld (and blurred) cells for somebody who also knows `own`; `None` if there are too many worlds
/// to try. With `marks`, a withheld cell of a table that publishes zeros is at least 1.
pub(super) fn ranges(problem: &Problem, own: &[Known], marks: bool, budget: usize) -> Option<Ranges> {
    let members: Vec<BTreeMap<String, BTreeSet<usize>>> = problem.dimensions.iter().map(members).collect();
    let sizes: Vec<usize> = problem.dimensions.iter().map(|dimension| dimension.atoms.len()).collect();
    let mut cells: BTreeMap<Vec<String>, (i64, i64)> = BTreeMap::new();
    let mut wanted: Vec<(Vec<String>, String)> = Vec::new();
    let mut blurred = Vec::new();
    let mut released = BTreeSet::new();
    let mut narrow = |codes: &[String], low: i64, high: i64| {
        let limits = cells.entry(codes.to_vec()).or_insert((0, i64::MAX));
        *limits = (limits.0.max(low), limits.1.min(high));
    };
    let mut labels: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for table in &problem.tables {
        for cell in &table.cells {
            let parts = problem.dimensions.iter().zip(&cell.codes).filter(|(d, code)| d.total != **code);
            let parts: String = parts.map(|(d, code)| format!(" {}={code}", d.name)).collect();
            labels.entry(cell.codes.clone()).or_insert_with(|| format!("{}:{parts}", table.name));
            match cell.value {
                Value::Released(n) => narrow(&cell.codes, n as i64, n as i64),
                Value::Between(low, high) => narrow(&cell.codes, low as i64, high as i64),
                Value::Withheld => narrow(&cell.codes, i64::from(marks && table.zeros_published), i64::MAX),
            }
            match cell.value {
                Value::Withheld if !table.open => wanted.push((cell.codes.clone(), labels[&cell.codes].clone())),
                Value::Between(..) if !table.open => blurred.push((cell.codes.clone(), labels[&cell.codes].clone())),
                Value::Released(_) => drop(released.insert(cell.codes.clone())),
                _ => {}
            }
        }
    }
    // What is a range here and exact there is not hidden.
    wanted.extend(blurred.into_iter().filter(|(codes, _)| !released.contains(codes)));
    for bound in &problem.bounds {
        narrow(&bound.codes, bound.lower as i64, bound.upper.map_or(i64::MAX, |upper| upper as i64));
    }
    for comparison in &problem.comparisons {
        for (codes, _) in &comparison.terms {
            narrow(codes, 0, i64::MAX);
        }
    }
    // Every cell that holds the records of the attacker; here each cell holds one declaration at most.
    for known in problem.known.iter().chain(own) {
        narrow(&known.codes, known.count as i64, i64::MAX);
    }
    let (merged, of_cell) = merge(&sizes, &members, cells.keys());
    let position: BTreeMap<&Vec<String>, usize> = cells.keys().zip(0..).collect();
    let sums: Vec<Sum> = cells
        .values()
        .zip(&of_cell)
        .map(|((low, high), inside)| Sum { inside: inside.clone(), low: *low, high: *high })
        .collect();
    let mut of_atom = vec![Vec::new(); merged];
    for (number, sum) in sums.iter().enumerate() {
        sum.inside.iter().for_each(|atom| of_atom[*atom].push(number));
    }
    let comparisons = problem.comparisons.iter().map(|comparison| {
        let terms = comparison.terms.iter().map(|(codes, factor)| (position[codes], *factor)).collect();
        (terms, comparison.low.unwrap_or(i64::MIN), comparison.high.unwrap_or(i64::MAX))
    });
    let mut worlds = Worlds {
        comparisons: comparisons.collect(),
        wanted: wanted.iter().map(|(codes, label)| (label.clone(), of_cell[position[codes]].clone())).collect(),
        sums,
        of_atom,
        ranges: Ranges::new(),
        budget,
    };
    worlds.visit(&mut Vec::new()).then_some(worlds.ranges)
}

fn members(dimension: &Dimension) -> BTreeMap<String, BTreeSet<usize>> {
    let number = |atom: &String| dimension.atoms.iter().position(|other| other == atom).unwrap();
    let mut members: BTreeMap<String, BTreeSet<usize>> =
        dimension.atoms.iter().map(|atom| (atom.clone(), BTreeSet::from([number(atom)]))).collect();
    for (code, atoms) in dimension.levels.iter().flat_map(|level| &level.codes) {
        members.insert(code.clone(), atoms.iter().map(number).collect());
    }
    members.insert(dimension.total.clone(), (0..dimension.atoms.len()).collect());
    members
}

/// Atoms in the same cells are one; how many there are, and those in each cell.
fn merge<'a>(
    sizes: &[usize],
    members: &[BTreeMap<String, BTreeSet<usize>>],
    cells: impl Iterator<Item = &'a Vec<String>> + Clone,
) -> (usize, Vec<Vec<usize>>) {
    let mut signatures: BTreeSet<Vec<bool>> = BTreeSet::new();
    for number in 0..sizes.iter().product::<usize>() {
        let mut rest = number;
        let at: Vec<usize> = sizes
            .iter()
            .map(|size| {
                let digit = rest % size;
                rest /= size;
                digit
            })
            .collect();
        let inside = |codes: &Vec<String>| {
            codes.iter().zip(members).zip(&at).all(|((code, known), atom)| known[code].contains(atom))
        };
        let signature: Vec<bool> = cells.clone().map(inside).collect();
        if signature.contains(&true) {
            signatures.insert(signature);
        }
    }
    let of_cell = (0..cells.count()).map(|cell| {
        signatures.iter().enumerate().filter(|(_, signature)| signature[cell]).map(|(atom, _)| atom).collect()
    });
    (signatures.len(), of_cell.collect())
}

impl Worlds {
    /// Tries every value of the next atom; false if the budget ran out or an atom has no limit.
    fn visit(&mut self, world: &mut Vec<i64>) -> bool {
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 {
            return false;
        }
        let atom = world.len();
        let value = |world: &[i64], inside: &[usize]| -> i64 { inside.iter().filter_map(|a| world.get(*a)).sum() };
        if atom == self.of_atom.len() {
            let holds = |(terms, low, high): &Compared| {
                let sum: i64 = terms.iter().map(|(sum, factor)| factor * value(world, &self.sums[*sum].inside)).sum();
                (*low..=*high).contains(&sum)
            };
            if self.comparisons.iter().all(holds) {
                for (label, inside) in &self.wanted {
                    let count = value(world, inside);
                    let range = self.ranges.entry(label.clone()).or_insert((count, count));
                    *range = (range.0.min(count), range.1.max(count));
                }
            }
            return true;
        }
        let room = self.of_atom[atom].iter().map(|sum| &self.sums[*sum]).filter(|sum| sum.high < i64::MAX);
        let Some(room) = room.map(|sum| sum.high - value(world, &sum.inside)).min() else { return false };
        for next in 0..=room {
            world.push(next);
            let complete = |sum: &Sum| sum.inside.iter().all(|a| *a <= atom);
            let enough = self.of_atom[atom]
                .iter()
                .map(|sum| &self.sums[*sum])
                .all(|sum| !complete(sum) || value(world, &sum.inside) >= sum.low);
            let more = !enough || self.visit(world);
            world.pop();
            if !more {
                return false;
            }
        }
        true
    }
}

/// The label that findings carry for a cell of a table.
pub(super) fn label(problem: &Problem, codes: &[String]) -> String {
    let table = problem.tables.iter().find(|table| table.cells.iter().any(|cell| cell.codes == codes)).unwrap();
    let parts = problem.dimensions.iter().zip(codes).filter(|(d, code)| d.total != **code);
    let parts: String = parts.map(|(d, code)| format!(" {}={code}", d.name)).collect();
    format!("{}:{parts}", table.name)
}
