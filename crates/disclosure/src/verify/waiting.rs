//! What cells that wait must not give away: what they are now, who came and who went since the figure that is shown.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::VerifyError;
use super::base::Base;
use super::rules::Demand;
use crate::ledger::{ColumnKind, Entry, Outcome};

/// What worlds must show, by table and column.
pub(super) type Demands = BTreeMap<(u32, u32), Demand>;

/// Finds the column of each secret of a waiting cell, and what worlds must show of it.
pub(super) fn demands(entry: &Entry, base: &Base<'_>) -> Result<Demands, VerifyError> {
    let mut places: HashMap<Vec<u32>, (u32, u32)> = HashMap::new();
    for place in &entry.hidden {
        let bad = |what| VerifyError::Inconsistent { table: place.0 as usize, what };
        let atoms = base.column(entry, *place).ok_or_else(|| bad("a hidden column does not exist"))?;
        if atoms.1 != ColumnKind::Difference {
            return Err(bad("a hidden column is printed"));
        }
        places.insert(atoms.0, *place);
    }
    // Withheld figures have demands of their own, and what was released before is no secret.
    let figures = entry.figures().zip(&base.cells);
    let settled: HashSet<&[u32]> = figures
        .filter(|(figure, _)| figure.outcome == Outcome::Withheld || figure.earlier)
        .map(|(_, atoms)| atoms.as_slice())
        .collect();
    let told = Told::new(entry, base);
    let mut demands = Demands::new();
    for (cell, shown) in entry.cells.iter().zip(&base.cells) {
        let Some(now) = &cell.now else { continue };
        let fail = |what| VerifyError::Rule { cell: Box::new(cell.id.clone()), what };
        if now.windows(2).any(|pair| pair.first() >= pair.last())
            || now.iter().any(|atom| *atom as usize >= base.truth.len())
        {
            return Err(fail("its atoms in the latest data are not a set of atoms"));
        }
        let less = |whole: &[u32], part: &[u32]| -> Vec<u32> {
            whole.iter().copied().filter(|atom| part.binary_search(atom).is_err()).collect()
        };
        let (came, went) = (less(now, shown), less(shown, now));
        if !told.tells(&came, &went, cell.id.is_broken_down()) {
            continue;
        }
        for secret in [now.clone(), came, went] {
            if !is_few(entry, base, &secret) || settled.contains(secret.as_slice()) {
                continue;
            }
            let place = places.get(&secret).ok_or_else(|| fail("what it hides while it waits is not protected"))?;
            demands.insert(*place, demand(entry, base, &secret));
        }
    }
    Ok(demands)
}

/// Which atoms released figures count, and which they leave out though they count their place; those of tables by categories apart.
struct Told {
    counted: [HashSet<u32>; 2],
    left_out: [HashSet<u32>; 2],
}

impl Told {
    fn new(entry: &Entry, base: &Base<'_>) -> Self {
        let mut told = Self { counted: Default::default(), left_out: Default::default() };
        let later: Vec<(u32, u32)> =
            (0_u32..).zip(entry.origins.iter().copied()).filter(|(atom, origin)| atom != origin).collect();
        for (figure, atoms) in
            entry.figures().zip(&base.cells).filter(|(figure, _)| figure.outcome == Outcome::Released)
        {
            let [plain, by_category] = &mut told.counted;
            let counted = if figure.id.is_broken_down() { by_category } else { plain };
            counted.extend(atoms);
            let [plain, by_category] = &mut told.left_out;
            let left_out = if figure.id.is_broken_down() { by_category } else { plain };
            let has = |atom: &u32| atoms.binary_search(atom).is_ok();
            left_out.extend(later.iter().filter(|(atom, origin)| has(origin) && !has(atom)).map(|(atom, _)| *atom));
        }
        told
    }

    /// Tables without categories tell of the categories of who came or went no more than how many there are in all.
    fn tells(&self, came: &[u32], went: &[u32], broken_down: bool) -> bool {
        let by = |sets: &[HashSet<u32>; 2], atom: &u32| {
            let [plain, by_category] = sets;
            by_category.contains(atom) || (!broken_down && plain.contains(atom))
        };
        came.iter().any(|atom| by(&self.counted, atom)) || went.iter().any(|atom| by(&self.left_out, atom))
    }
}

/// Whether a set holds somebody, and too few to be seen, or to be seen by a partner beside its own.
fn is_few(entry: &Entry, base: &Base<'_>, atoms: &[u32]) -> bool {
    let (k, count) = (entry.policy.k, base.value(atoms));
    let left_few = |partners: &BTreeSet<u16>| {
        let (own, others) = base.beside(atoms, partners);
        own > 0 && count > own && (count - own).min(others) < k
    };
    count > 0 && (!base.at_least(atoms.iter().copied(), k) || base.readers.iter().any(left_few))
}

fn demand(entry: &Entry, base: &Base<'_>, atoms: &[u32]) -> Demand {
    let (k, amounts) = (entry.policy.k, base.amounts(atoms));
    let people = amounts.len() as u64;
    let repeats = if people < k { base.value(atoms).saturating_sub(people) } else { 0 };
    let own = if entry.policy.own_records { amounts.first().copied().unwrap_or(0) } else { 0 };
    Demand { lower: 0, upper: None, reach: k + repeats.max(own), fall: None }
}
