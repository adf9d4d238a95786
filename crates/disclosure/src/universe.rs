//! Everything of a group that must be decided or protected: distinct columns, what is unsafe about them, and the differences
//! of nested cells, which nobody prints and everybody can compute.

use std::collections::{BTreeMap, HashMap};

use model::{AreaType, PeriodType, Sex};

use crate::ids::CellId;
use crate::key::PlanKey;
use crate::ledger::{LedgerState, Past};
use crate::policy::{Policy, ZeroPolicy};
use crate::table::{Column, Role, Rows, at};
use crate::unreleased::{CellEntry, Unreleased, min_bound};

/// A group's columns over the atoms of its builder.
pub(crate) struct Universe {
    pub(crate) columns: Vec<Column>,
    pub(crate) atoms: Rows,
    /// Per cell, in the order of ids: its column, or `None` where the source has no figure.
    pub(crate) places: Vec<Option<u32>>,
    /// Per column: the number of its demographic table, if it has one.
    pub(crate) families: Vec<Option<u32>>,
}

/// The facts of all cells that count the same atoms, together.
struct Draft<'a> {
    first: &'a CellId,
    atoms: &'a [u32],
    value: u64,
    contributors: u64,
    headline: bool,
    upper: Option<u64>,
    past: Option<Past>,
}

/// A table by categories: cells of one level, one period type and one further dimension, broken down.
type Family<'a> = (AreaType, PeriodType, &'a str);

fn family(id: &CellId) -> Option<Family<'_>> {
    let key = &id.key;
    let dimension = key.breakdown.as_ref().map_or("", |breakdown| breakdown.dimension.as_str());
    let broken_down = key.sex != Sex::All || key.age != model::AgeBand::All || !dimension.is_empty();
    broken_down.then_some((key.area_type, key.period.period_type(), dimension))
}

impl Universe {
    pub(crate) fn new(truth: &Unreleased, past: &LedgerState, policy: &Policy, key: &PlanKey) -> Self {
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        let mut known: HashMap<&[u32], u32> = HashMap::new();
        let mut places = Vec::with_capacity(truth.cells.len());
        for (id, entry) in &truth.cells {
            if entry.facts.not_available {
                places.push(None);
                continue;
            }
            let next = u32::try_from(drafts.len()).unwrap_or(u32::MAX);
            let place = *known.entry(&entry.atoms).or_insert(next);
            places.push(Some(place));
            match drafts.get_mut(place as usize) {
                Some(draft) => draft.merge(id, entry, past),
                None => drafts.push(Draft::new(id, entry, truth, past)),
            }
        }
        let mut numbers: BTreeMap<Family<'_>, u32> = BTreeMap::new();
        let mut families: Vec<Option<u32>> = drafts
            .iter()
            .map(|draft| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                family(draft.first).map(|family| *numbers.entry(family).or_insert(next))
            })
            .collect();
        let mut columns: Vec<Column> =
            drafts.iter().map(|draft| draft.column(&truth.group.to_string(), policy, key)).collect();
        let mut atoms: Vec<Vec<u32>> = drafts.iter().map(|draft| draft.atoms.to_vec()).collect();
        if policy.nested_differences {
            for (small, difference) in nested_differences(&columns, &atoms, truth.counts.len(), policy.k) {
                if known.contains_key(difference.as_slice()) {
                    continue;
                }
                columns.push(difference_column(&columns, small, policy));
                families.push(
                    families
                        .get(small.0 as usize)
                        .copied()
                        .flatten()
                        .or(families.get(small.1 as usize).copied().flatten()),
                );
                atoms.push(difference);
            }
        }
        Self { columns, atoms: Rows::new(atoms), places, families }
    }
}

impl<'a> Draft<'a> {
    fn new(id: &'a CellId, entry: &'a CellEntry, truth: &Unreleased, past: &LedgerState) -> Self {
        Self {
            first: id,
            atoms: &entry.atoms,
            value: entry.atoms.iter().map(|atom| at(&truth.counts, *atom)).sum(),
            contributors: entry.contributors,
            headline: entry.facts.headline,
            upper: entry.facts.known_upper,
            past: past.cells.get(id).copied(),
        }
    }

    fn merge(&mut self, id: &CellId, entry: &CellEntry, past: &LedgerState) {
        self.contributors = self.contributors.min(entry.contributors);
        self.headline |= entry.facts.headline;
        self.upper = min_bound(self.upper, entry.facts.known_upper);
        // What was ever released under one of the names stays released.
        self.past = match (self.past, past.cells.get(id).copied()) {
            (Some(Past::Released(value)), _) | (_, Some(Past::Released(value))) => Some(Past::Released(value)),
            (a, b) => a.or(b),
        };
    }

    fn role(&self, group: &str, name: &str, policy: &Policy, key: &PlanKey) -> Role {
        match self.past {
            Some(Past::Released(_)) => return Role::Frozen,
            Some(Past::Withheld(_)) => return Role::Protected,
            None => {}
        }
        let drawn = |what: &[u8], per_thousand: u16| {
            key.draw(&[what, group.as_bytes(), name.as_bytes()]) % 1000 < u64::from(per_thousand)
        };
        if self.value == 0 {
            return match policy.zeros {
                ZeroPolicy::Publish => Role::Frozen,
                ZeroPolicy::HideShare { .. } if self.headline || self.atoms.is_empty() => Role::Frozen,
                ZeroPolicy::HideShare { per_thousand } if drawn(b"zero", per_thousand) => Role::Protected,
                ZeroPolicy::HideShare { .. } => Role::Open,
            };
        }
        if self.value < policy.k || self.contributors < policy.k {
            Role::Protected
        } else if self.headline {
            Role::Headline
        } else if policy.decoys_per_thousand > 0 && drawn(b"decoy", policy.decoys_per_thousand) {
            Role::Protected
        } else {
            Role::Open
        }
    }

    fn column(&self, group: &str, policy: &Policy, key: &PlanKey) -> Column {
        let name = self.first.to_string();
        let role = self.role(group, &name, policy, key);
        let order = key.draw(&[b"order", group.as_bytes(), name.as_bytes()]);
        // Losing a large count loses more; the key decides between equals.
        let size = i64::from((self.value + 1).ilog2()) * 3 + i64::try_from(order % 8).unwrap_or(0);
        let cost = match role {
            Role::Headline => (56 + size) * 40,
            // Too small to lend much to others, so that more would have to be withheld with it.
            _ if self.value > 0 && self.value < 2 * policy.k => 72 + size,
            _ => 56 + size,
        };
        let lower = i64::from(policy.zeros == ZeroPolicy::Publish);
        // Records beyond one for each contributor are no further people: a world must hold k people all the same.
        let repeats = if self.contributors < policy.k { self.value.saturating_sub(self.contributors) } else { 0 };
        let reach = signed(policy.k + repeats);
        let upper = self.upper.map(signed);
        Column {
            role,
            value: signed(self.value),
            cost,
            order,
            lower,
            upper,
            reach: upper.map_or(reach, |upper| reach.min(upper)),
            width: upper.map_or(signed(policy.k), |upper| signed(policy.k).min(upper - lower)),
        }
    }
}

/// Counts are limited to 2^36 per atom and 2^24 atoms, so this never saturates.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Pairs of releasable columns, one inside the other, whose difference is from 1 to k - 1; with the atoms of the difference.
fn nested_differences(
    columns: &[Column],
    atoms: &[Vec<u32>],
    atom_count: usize,
    k: u64,
) -> Vec<((u32, u32), Vec<u32>)> {
    let members = Rows::new(atoms.iter().cloned()).transposed(atom_count);
    let safe = |column: &Column| !matches!(column.role, Role::Protected | Role::Difference) && column.value > 0;
    let mut found: BTreeMap<Vec<u32>, (u32, u32)> = BTreeMap::new();
    for ((small, inner), column) in (0_u32..).zip(atoms).zip(columns).filter(|(_, column)| safe(column)) {
        let Some(first) = inner.first() else { continue };
        for large in members.row(*first).iter().filter(|large| **large != small) {
            let Some((outer, around)) = columns.get(*large as usize).zip(atoms.get(*large as usize)) else { continue };
            let difference = outer.value - column.value;
            if !safe(outer) || difference <= 0 || difference >= signed(k) || around.len() <= inner.len() {
                continue;
            }
            let rest: Vec<u32> = around.iter().filter(|atom| inner.binary_search(atom).is_err()).copied().collect();
            if rest.len() == around.len() - inner.len() {
                found.entry(rest).or_insert((small, *large));
            }
        }
    }
    found.into_iter().map(|(rest, pair)| (pair, rest)).collect()
}

fn difference_column(columns: &[Column], pair: (u32, u32), policy: &Policy) -> Column {
    let part = |index: u32| columns.get(index as usize);
    let (small, large) = (part(pair.0), part(pair.1));
    let upper = large.and_then(|column| column.upper);
    Column {
        role: Role::Difference,
        value: 0,
        cost: 0,
        order: small.map_or(0, |column| column.order.rotate_left(17)),
        lower: 0,
        upper,
        reach: upper.map_or(signed(policy.k), |upper| upper.min(signed(policy.k))),
        width: upper.map_or(signed(policy.k), |upper| upper.min(signed(policy.k))),
    }
}
