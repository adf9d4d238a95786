//! The primary rules once more, for the check.

use std::collections::BTreeSet;

use super::base::Base;
use crate::ledger::{Entry, EntryCell, Outcome};
use crate::policy::ZeroPolicy;

/// What worlds must show about a withheld cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub(super) lower: u64,
    pub(super) upper: Option<u64>,
    pub(super) reach: u64,
    pub(super) fall: Option<u64>,
}

/// Whether a mark on a cell says that it is not zero.
pub(super) fn never_withheld_at_zero(entry: &Entry, cell: &EntryCell) -> bool {
    cell.headline || (entry.policy.zeros == ZeroPolicy::Publish && !cell.sensitive)
}

/// Checks the outcome of a cell.
pub(super) fn check(entry: &Entry, base: &Base<'_>, cell: &EntryCell, atoms: &[u32]) -> Result<(), &'static str> {
    match cell.outcome {
        Outcome::Withheld if cell.count == 0 && never_withheld_at_zero(entry, cell) => Err("a zero is withheld"),
        Outcome::Released if !cell.earlier => match judge(entry, base, cell, atoms).0 {
            Some(what) => Err(what),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Why a cell is unsafe, if it is, and the demand if it is withheld.
pub(super) fn judge(entry: &Entry, base: &Base<'_>, cell: &EntryCell, atoms: &[u32]) -> (Option<&'static str>, Demand) {
    let policy = &entry.policy;
    let k = policy.k;
    let amounts = base.amounts(atoms);
    let people = cell.contributors.min(amounts.len() as u64);
    let mut problem = None;
    let mut demand =
        Demand { lower: u64::from(never_withheld_at_zero(entry, cell)), upper: cell.known_upper, reach: k, fall: None };
    if people < k {
        // k further people than records beyond one each.
        demand.reach = k + cell.count.saturating_sub(people);
    }
    if policy.own_records {
        demand.reach = demand.reach.max(k + amounts.first().copied().unwrap_or(0));
    }
    if cell.count > 0 && (cell.count < k || people < k) {
        problem = Some("an unsafe count is released");
    }
    if cell.count > 0 {
        for partners in &base.readers {
            let (own, others) = base.beside(atoms, partners);
            let rest = cell.count.saturating_sub(own);
            if own > 0 && rest > 0 && rest.min(others) < k {
                problem.get_or_insert("a partner is left with too few others");
            }
        }
    }
    dominance(entry, base, cell, atoms, &amounts, &mut problem, &mut demand);
    if let (true, Some(upper)) = (cell.sensitive, cell.known_upper)
        && upper >= k
        && upper - cell.count.min(upper) < k
    {
        problem.get_or_insert("nearly all of a population share a sensitive category");
        demand.fall = Some(demand.fall.map_or(upper - k, |fall| fall.min(upper - k)));
    }
    (problem, demand)
}

fn dominance(
    entry: &Entry,
    base: &Base<'_>,
    cell: &EntryCell,
    atoms: &[u32],
    amounts: &[u64],
    problem: &mut Option<&'static str>,
    demand: &mut Demand,
) {
    let limits = entry.policy.dominance;
    if cell.count == 0 || (limits.largest.is_none() && limits.p_percent.is_none() && limits.partner_p_percent.is_none())
    {
        return;
    }
    let unnamed = |atom: &u32| {
        let index = *atom as usize;
        base.truth.get(index).is_some_and(|count| *count > 0) && base.people.get(index).is_none_or(Vec::is_empty)
    };
    if cell.contributors != cell.count && atoms.iter().any(unnamed) {
        *problem = Some("a rule needs contributions that are not there");
        return;
    }
    let mut width = 0_u64;
    if let Some(share) = limits.largest {
        let top: u64 = amounts.iter().take(share.contributors.into()).sum();
        let percent = u64::from(share.percent).clamp(1, 100);
        if top * 100 > cell.count * percent {
            // The total of which the largest would be exactly the share, rounded up.
            let total = (100 * top).div_ceil(percent);
            width = width.max((total - cell.count).max(1));
        }
    }
    let p_percent = |list: &[u64], percent: u8| {
        let first = list.first().copied().unwrap_or(0);
        let rest: u64 = list.iter().skip(2).sum();
        let wanted = (first * u64::from(percent)).div_ceil(100);
        wanted.saturating_sub(rest)
    };
    if let Some(percent) = limits.p_percent {
        width = width.max(p_percent(amounts, percent));
    }
    if let Some(percent) = limits.partner_p_percent {
        let mut own: Vec<u64> = base
            .partners
            .iter()
            .map(|partner| base.beside(atoms, &BTreeSet::from([*partner])).0)
            .filter(|own| *own > 0)
            .collect();
        own.sort_unstable_by(|a, b| b.cmp(a));
        if own.len() > 1 {
            let known: u64 = own.iter().sum();
            let unknown = cell.count - known.min(cell.count);
            width = width.max(p_percent(&own, percent).saturating_sub(unknown));
        }
    }
    if width > 0 {
        problem.get_or_insert("one contributor makes up too much");
        demand.reach = demand.reach.max(cell.count + width);
        demand.fall = Some(cell.count.saturating_sub(width));
    }
}
