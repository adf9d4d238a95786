//! What everybody can compute from released cells by subtraction: no part of a released cell may leave a few.

use std::collections::{BTreeMap, HashMap, HashSet};

use model::{AgeBand, AreaType, PeriodType, Sex};

use super::VerifyError;
use super::base::Base;
use crate::ids::CellId;
use crate::ledger::{Entry, EntryCell, Outcome};

/// Cells of one kind: measure, area type, period type, whether by sex and by age, and dimension.
pub(super) type Kind<'a> = (&'a str, AreaType, PeriodType, bool, bool, Option<&'a str>);

pub(super) fn kind(id: &CellId) -> Kind<'_> {
    let CellId { measure, key } = id;
    let dimension = key.breakdown.as_ref().map(|breakdown| breakdown.dimension.as_str());
    let (sex, age) = (key.sex == Sex::All, key.age == AgeBand::All);
    (measure.as_str(), key.area_type, key.period.period_type(), !sex, !age, dimension)
}

/// Released non-zero cells that no earlier plan fixed, by their atoms.
struct Sets<'a> {
    atoms: Vec<&'a [u32]>,
    cells: Vec<Vec<&'a EntryCell>>,
    by_atom: Vec<Vec<u32>>,
}

fn sets<'a>(entry: &'a Entry, base: &'a Base<'_>) -> Sets<'a> {
    let mut known: HashMap<&[u32], usize> = HashMap::new();
    let mut sets = Sets { atoms: Vec::new(), cells: Vec::new(), by_atom: vec![Vec::new(); base.truth.len()] };
    for (cell, atoms) in entry.figures().zip(&base.cells) {
        if cell.outcome != Outcome::Released || cell.count == 0 {
            continue;
        }
        let place = *known.entry(atoms).or_insert(sets.atoms.len());
        if place == sets.atoms.len() {
            sets.atoms.push(atoms);
            sets.cells.push(Vec::new());
            for atom in atoms {
                if let Some(list) = sets.by_atom.get_mut(*atom as usize) {
                    list.push(u32::try_from(place).unwrap_or(u32::MAX));
                }
            }
        }
        if let Some(list) = sets.cells.get_mut(place) {
            list.push(cell);
        }
    }
    sets
}

/// Checks every nested pair, and every cell with all its parts of one kind.
pub(super) fn check(entry: &Entry, base: &Base<'_>) -> Result<(), VerifyError> {
    let sets = sets(entry, base);
    let decided: HashSet<&[u32]> = base.cells.iter().map(Vec::as_slice).collect();
    let mut parts: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut shared = vec![0_usize; sets.atoms.len()];
    for (small, atoms) in sets.atoms.iter().enumerate() {
        for large in supersets(&sets, atoms, &mut shared) {
            if large as usize != small {
                parts.entry(large).or_default().push(small);
            }
        }
    }
    // Without contributions every record is a person, so that only few records are few people.
    let many = |count: u64| entry.contributions.is_empty() && count >= entry.policy.k;
    for (large, parts) in parts {
        let (Some(whole), Some(cells)) = (sets.atoms.get(large as usize), sets.cells.get(large as usize)) else {
            continue;
        };
        let Some(named) = cells.first() else { continue };
        let fail = || VerifyError::Difference { cell: Box::new(named.id.clone()) };
        let mut kinds: BTreeMap<Kind<'_>, Vec<usize>> = BTreeMap::new();
        for part in &parts {
            let (Some(atoms), Some(inner)) = (sets.atoms.get(*part), sets.cells.get(*part)) else { continue };
            for cell in inner {
                kinds.entry(kind(&cell.id)).or_default().push(*part);
            }
            if many(base.value(whole) - base.value(atoms)) {
                continue;
            }
            let fixed = cells.iter().chain(inner).all(|cell| cell.earlier);
            let row = entry.policy.k <= base.value(whole) && is_row(cells, inner);
            // What is a cell itself is judged as such, but for an empty rest.
            if !fixed
                && gives_away(entry, base, || without(whole, atoms), row)
                && (row || !decided.contains(without(whole, atoms).collect::<Vec<u32>>().as_slice()))
            {
                return Err(fail());
            }
        }
        for mut list in kinds.into_values() {
            list.dedup();
            let together: u64 =
                list.iter().filter_map(|part| sets.atoms.get(*part)).map(|atoms| base.value(atoms)).sum();
            if base.value(whole).checked_sub(together).is_some_and(many) {
                continue;
            }
            let mut inside: Vec<u32> =
                list.iter().filter_map(|part| sets.atoms.get(*part)).flat_map(|atoms| atoms.iter().copied()).collect();
            let size = inside.len();
            inside.sort_unstable();
            inside.dedup();
            let fixed = cells.iter().all(|cell| cell.earlier)
                && list.iter().filter_map(|part| sets.cells.get(*part)).flatten().all(|cell| cell.earlier);
            if !fixed
                && inside.len() == size
                && gives_away(entry, base, || without(whole, &inside), false)
                && !decided.contains(without(whole, &inside).collect::<Vec<u32>>().as_slice())
            {
                return Err(fail());
            }
        }
    }
    Ok(())
}

/// Sets that contain all of these atoms; `shared` is all zero before and after.
fn supersets(sets: &Sets<'_>, atoms: &[u32], shared: &mut [usize]) -> Vec<u32> {
    let mut touched = Vec::new();
    for set in atoms.iter().filter_map(|atom| sets.by_atom.get(*atom as usize)).flatten() {
        if let Some(count) = shared.get_mut(*set as usize) {
            if *count == 0 {
                touched.push(*set);
            }
            *count += 1;
        }
    }
    touched.retain(|set| shared.get_mut(*set as usize).is_some_and(|count| std::mem::take(count) == atoms.len()));
    touched.sort_unstable();
    touched
}

fn without<'a>(whole: &'a [u32], part: &'a [u32]) -> impl Iterator<Item = u32> + 'a {
    whole.iter().copied().filter(move |atom| part.binary_search(atom).is_err())
}

/// Whether the part is a sensitive category of the same area and period.
fn is_row(whole: &[&EntryCell], part: &[&EntryCell]) -> bool {
    let here = |a: &EntryCell, b: &EntryCell| a.id.key.area == b.id.key.area && a.id.key.period == b.id.key.period;
    part.iter().any(|cell| cell.sensitive) && part.iter().any(|inner| whole.iter().any(|outer| here(outer, inner)))
}

/// Whether the people in these atoms are too few to be told apart from the rest; in a sensitive row, none is too few too.
fn gives_away<I: Iterator<Item = u32>>(entry: &Entry, base: &Base<'_>, rest: impl Fn() -> I, row: bool) -> bool {
    let k = entry.policy.k;
    if base.at_least(rest(), k) {
        // Enough people, unless a partner takes its own away.
        return !base.readers.is_empty() && {
            let atoms: Vec<u32> = rest().collect();
            let count = base.value(&atoms);
            base.readers.iter().any(|partners| {
                let (own, others) = base.beside(&atoms, partners);
                own > 0 && count > own && (count - own).min(others) < k
            })
        };
    }
    row || rest().any(|atom| base.value(&[atom]) > 0)
}
