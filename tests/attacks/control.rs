//! The control: tables of the same structure over invented counts, in which only small counts are withheld.

use std::collections::BTreeMap;

use attack::{Dimension, Problem, Value};
use testkit::{Random, Seed};

/// The mean of the cells of the largest table.
const MEAN: usize = 8;

/// The same tables over other counts, with every count from 1 to k - 1 withheld and nothing else; and the counts by the
/// names that the attacker gives to cells.
pub(super) fn primaries_only(like: &Problem) -> (Problem, BTreeMap<String, u64>) {
    let counts = invented(like);
    let members: Vec<_> = like.dimensions.iter().map(members).collect();
    let mut problem = like.clone();
    let mut names: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut truth = BTreeMap::new();
    for table in &mut problem.tables {
        table.zeros_published = true;
        for cell in &mut table.cells {
            let count = sum(&counts, &members, &cell.codes);
            let small = (1..u64::from(problem.threshold)).contains(&count);
            cell.value = if small { Value::Withheld } else { Value::Released(count) };
            let name = names.entry(cell.codes.clone()).or_insert_with(|| {
                let parts =
                    like.dimensions.iter().zip(&cell.codes).filter(|(dimension, code)| dimension.total != **code);
                let parts: String = parts.map(|(dimension, code)| format!(" {}={code}", dimension.name)).collect();
                format!("{}:{parts}", table.name)
            });
            truth.insert(name.clone(), count);
        }
    }
    (problem, truth)
}

/// A Poisson count for every atom, in the order of the dimensions.
fn invented(like: &Problem) -> Vec<u64> {
    let atoms: usize = like.dimensions.iter().map(|dimension| dimension.atoms.len()).product();
    let largest = like.tables.iter().map(|table| table.cells.len()).max().unwrap();
    let mean_milli = u32::try_from((1000 * MEAN * largest).div_ceil(atoms)).unwrap();
    let mut random = Random::stream(Seed::default(), &like.name);
    (0..atoms).map(|_| u64::from(random.poisson(mean_milli))).collect()
}

/// The positions of a code's atoms, for every code.
fn members(dimension: &Dimension) -> BTreeMap<&str, Vec<usize>> {
    let position: BTreeMap<&str, usize> = dimension.atoms.iter().map(String::as_str).zip(0..).collect();
    let mut members = BTreeMap::from([(dimension.total.as_str(), (0..dimension.atoms.len()).collect())]);
    members.extend(position.iter().map(|(atom, number)| (*atom, vec![*number])));
    for (code, atoms) in dimension.levels.iter().flat_map(|level| &level.codes) {
        members.insert(code, atoms.iter().map(|atom| position[atom.as_str()]).collect());
    }
    members
}

fn sum(counts: &[u64], members: &[BTreeMap<&str, Vec<usize>>], codes: &[String]) -> u64 {
    let mut positions = vec![0];
    for (dimension, code) in members.iter().zip(codes) {
        let size = dimension.values().flatten().max().unwrap() + 1;
        let inside = &dimension[code.as_str()];
        positions = positions.iter().flat_map(|head| inside.iter().map(move |atom| head * size + atom)).collect();
    }
    positions.into_iter().map(|position| counts[position]).sum()
}
