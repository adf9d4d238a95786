//! Everything of a group that must be decided or protected: distinct columns over merged atoms, what is unsafe about them, and
//! what can be computed by subtracting some from others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{AreaType, PeriodType};

use crate::contributions::Contributions;
use crate::differences::{Differences, differences};
use crate::history::{Past, Proof};
use crate::ids::CellId;
use crate::key::PlanKey;
use crate::material::{Material, MaterialCell, signed};
use crate::policy::{Policy, ZeroPolicy};
use crate::rules::{Facts, Reason, Rules, Verdict, judge};
use crate::table::{Column, Role, Rows, at};
use crate::unreleased::min_bound;

/// A group's columns over its merged atoms.
pub(crate) struct Universe<'a> {
    /// The cells of each column; differences have none.
    pub(crate) drafts: Vec<Draft<'a>>,
    pub(crate) columns: Vec<Column>,
    /// Atoms of each column.
    pub(crate) atoms: Rows,
    /// Columns of each atom.
    pub(crate) members: Rows,
    /// True count per atom.
    pub(crate) truth: Vec<i64>,
    /// For each atom, the first of its place.
    pub(crate) origins: Vec<u32>,
    pub(crate) contributions: Contributions,
    /// The worlds that proved the plan before.
    pub(crate) inherited: Vec<Proof>,
    /// Per figure of the material: its column, or `None` where the source has no figure.
    pub(crate) places: Vec<Option<u32>>,
    /// Per column: the number of its demographic table, if it has one.
    pub(crate) families: Vec<Option<u32>>,
    /// Per column: why it is withheld from the start, if it is.
    pub(crate) reasons: Vec<Option<Reason>>,
}

/// The facts of all cells that count the same atoms, together.
pub(crate) struct Draft<'a> {
    pub(crate) ids: Vec<&'a CellId>,
    contributors: u64,
    headline: bool,
    upper: Option<u64>,
    pub(crate) sensitive: bool,
    pub(crate) past: Option<Past>,
    kept_back: bool,
    /// How many figures of its cells were decided before and are not shown any more, at most.
    earlier: usize,
}

/// A table by categories: cells of one level, one period type and one further dimension, broken down.
type Family<'a> = (AreaType, PeriodType, &'a str);

fn family(id: &CellId) -> Option<Family<'_>> {
    let key = &id.key;
    let dimension = key.breakdown.as_ref().map_or("", |breakdown| breakdown.dimension.as_str());
    id.is_broken_down().then_some((key.area_type, key.period.period_type(), dimension))
}

impl<'a> Universe<'a> {
    /// Of a block; records of the group came by way of these partners.
    pub(crate) fn new(
        material: &'a Material,
        policy: &Policy,
        key: &PlanKey,
        (rules, partners): (Rules, &BTreeSet<u16>),
    ) -> Self {
        let (drafts, sets, places) = drafts(material);
        let mut merged = Merged::new(material, &sets);
        if rules.partners {
            let mut readers = policy.reading(partners);
            readers.retain(|reader| rules.coalitions || reader.len() == 1);
            merged.contributions = merged.contributions.read_by(readers);
        }
        let group = material.group.to_string();
        let mut columns = Vec::with_capacity(drafts.len());
        let mut reasons = Vec::with_capacity(drafts.len());
        for (draft, index) in drafts.iter().zip(0_u32..) {
            let mut facts = draft.facts(merged.atoms.row(index), &merged);
            facts.upper = facts.upper.filter(|_| rules.open);
            let maker = Maker { group: &group, policy, key, rules };
            let (column, reason) = maker.column(draft, &facts);
            columns.push(column);
            reasons.push(reason);
        }
        let mut numbers: BTreeMap<Family<'_>, u32> = BTreeMap::new();
        let mut families: Vec<Option<u32>> = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let family = draft.ids.first().and_then(|id| family(id));
            families.push(family.map(|family| *numbers.entry(family).or_insert(next)));
        }
        let mut atoms = merged.atoms;
        if rules.blind() {
            forget(&drafts, &mut columns, &mut atoms, rules);
        }
        let mut universe = Self {
            members: atoms.transposed(merged.truth.len()),
            drafts,
            columns,
            atoms,
            truth: merged.truth,
            origins: merged.origins,
            contributions: merged.contributions,
            inherited: merged.inherited,
            places,
            families,
            reasons,
        };
        if policy.nested_differences && rules.differences {
            universe.add_differences(None, policy, rules);
        }
        universe
    }

    /// Adds what could be computed if only these columns were withheld; whether there was anything new. `None` if there was
    /// too much to look at.
    pub(crate) fn add_differences(&mut self, withheld: Option<&[bool]>, policy: &Policy, rules: Rules) -> Option<bool> {
        let found = differences(self, withheld, policy, rules);
        if !found.complete {
            return None;
        }
        let any = !found.hidden.is_empty();
        self.add(found);
        Some(any)
    }

    /// Adds what nobody prints and everybody could compute.
    fn add(&mut self, found: Differences) {
        let mut atoms = self.atoms.to_vec();
        for index in found.empty {
            if let Some(column) = self.columns.get_mut(index as usize).filter(|column| column.role == Role::Open) {
                column.role = Role::Protected;
                crate::table::set(&mut self.reasons, index, Some(Reason::GroupDisclosure));
            }
        }
        for (set, (family, column)) in found.hidden {
            self.families.push(family);
            self.reasons.push(None);
            self.columns.push(column);
            atoms.push(set);
        }
        self.atoms = Rows::new(atoms);
        self.members = self.atoms.transposed(self.truth.len());
    }

    /// How concentrated a column is.
    pub(crate) fn facts_of(&self, atoms: &[u32]) -> Facts {
        let value: i64 = atoms.iter().map(|atom| at(&self.truth, *atom)).sum();
        let concentration = self.contributions.concentration(atoms.iter().copied(), &self.truth);
        Facts {
            value: u64::try_from(value).unwrap_or(0),
            contributors: concentration.contributors,
            concentration,
            ..Facts::default()
        }
    }
}

/// Takes the cells that the proof of a mutant does not take account of out of it.
fn forget(drafts: &[Draft<'_>], columns: &mut [Column], atoms: &mut Rows, rules: Rules) {
    let Some(first) = drafts.first().and_then(|draft| draft.ids.first()) else { return };
    let seen = |draft: &Draft<'_>| draft.ids.iter().any(|id| rules.see(id, draft.headline, first));
    let seen: Vec<bool> = drafts.iter().map(seen).collect();
    for (column, seen) in columns.iter_mut().zip(&seen) {
        if !seen {
            (column.reach, column.width, column.fall) = (0, 0, i64::MAX);
        }
    }
    let row = |(seen, index): (&bool, u32)| if *seen { atoms.row(index).to_vec() } else { Vec::new() };
    *atoms = Rows::new(seen.iter().zip(0_u32..).map(row).collect::<Vec<_>>());
}

/// Distinct columns of the material, the atoms of each, and the column of each cell.
fn drafts(material: &Material) -> (Vec<Draft<'_>>, Vec<&[u32]>, Vec<Option<u32>>) {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    let mut sets: Vec<&[u32]> = Vec::new();
    let mut known: HashMap<&[u32], u32> = HashMap::new();
    let mut places = Vec::with_capacity(material.cells.len());
    let mut earlier: HashMap<&CellId, usize> = HashMap::new();
    material.superseded.iter().for_each(|cell| *earlier.entry(&cell.id).or_default() += 1);
    let before = |cell: &MaterialCell| earlier.get(&cell.id).copied().unwrap_or(0);
    for cell in material.figures() {
        if cell.facts.not_available {
            places.push(None);
            continue;
        }
        let next = u32::try_from(drafts.len()).unwrap_or(u32::MAX);
        let place = *known.entry(&cell.atoms).or_insert(next);
        places.push(Some(place));
        match drafts.get_mut(place as usize) {
            Some(draft) => draft.merge(cell, before(cell)),
            None => {
                drafts.push(Draft::new(cell, before(cell)));
                sets.push(&cell.atoms);
            }
        }
    }
    (drafts, sets, places)
}

/// Atoms that no column tells apart, and that are of the same place, as one.
struct Merged {
    atoms: Rows,
    truth: Vec<i64>,
    origins: Vec<u32>,
    contributions: Contributions,
    inherited: Vec<Proof>,
}

impl Merged {
    fn new(material: &Material, sets: &[&[u32]]) -> Self {
        let raw = Rows::new(sets.iter().map(|set| set.to_vec())).transposed(material.truth.len());
        let mut known: HashMap<(&[u32], &[u32]), u32> = HashMap::new();
        let mut place: Vec<Option<u32>> = vec![None; material.truth.len()];
        let mut truth: Vec<i64> = Vec::new();
        let mut rows: Vec<Vec<u32>> = Vec::new();
        let mut firsts: Vec<u32> = Vec::new();
        for ((count, origin), atom) in material.truth.iter().zip(&material.origins).zip(0_u32..) {
            let row = raw.row(atom);
            if row.is_empty() {
                continue;
            }
            let next = u32::try_from(truth.len()).unwrap_or(u32::MAX);
            let merged = *known.entry((row, raw.row(*origin))).or_insert(next);
            if merged == next {
                truth.push(0);
                rows.push(row.to_vec());
                firsts.push(*origin);
            }
            crate::table::add(&mut truth, merged, *count);
            crate::table::set(&mut place, atom, Some(merged));
        }
        let of_place = |(origin, merged): (&u32, u32)| place.get(*origin as usize).copied().flatten().unwrap_or(merged);
        let origins = firsts.iter().zip(0_u32..).map(of_place).collect();
        let contributions = material.merged_contributions(&place, truth.len());
        let became = |atom: u32| place.get(atom as usize).map_or(&[][..], Option::as_slice);
        let inherited = material.inherited.iter().map(|proof| proof.over(became)).collect();
        Self { atoms: Rows::new(rows).transposed(sets.len()), truth, origins, contributions, inherited }
    }
}

impl<'a> Draft<'a> {
    fn new(cell: &'a MaterialCell, earlier: usize) -> Self {
        Self {
            ids: vec![&cell.id],
            contributors: cell.contributors,
            headline: cell.facts.headline,
            upper: cell.facts.known_upper,
            sensitive: cell.sensitive,
            past: cell.past,
            kept_back: cell.kept_back,
            earlier,
        }
    }

    fn merge(&mut self, cell: &'a MaterialCell, earlier: usize) {
        self.earlier = self.earlier.max(earlier);
        self.ids.push(&cell.id);
        self.contributors = self.contributors.min(cell.contributors);
        self.headline |= cell.facts.headline;
        self.upper = min_bound(self.upper, cell.facts.known_upper);
        self.sensitive |= cell.sensitive;
        self.kept_back |= cell.kept_back;
        // What was ever released under one of the names stays released.
        self.past = match (self.past, cell.past) {
            (Some(Past::Released(value)), _) | (_, Some(Past::Released(value))) => Some(Past::Released(value)),
            (a, b) => a.or(b),
        };
    }

    fn facts(&self, atoms: &[u32], merged: &Merged) -> Facts {
        let value: i64 = atoms.iter().map(|atom| at(&merged.truth, *atom)).sum();
        let value = u64::try_from(value).unwrap_or(0);
        let concentration = merged.contributions.concentration(atoms.iter().copied(), &merged.truth);
        let named = |atom: &u32| at(&merged.truth, *atom) == 0 || !merged.contributions.of(*atom).is_empty();
        Facts {
            value,
            contributors: self.contributors.min(concentration.contributors),
            complete: self.contributors == value || atoms.iter().all(named),
            concentration,
            upper: self.upper,
            sensitive: self.sensitive,
        }
    }
}

struct Maker<'a> {
    group: &'a str,
    policy: &'a Policy,
    key: &'a PlanKey,
    rules: Rules,
}

impl Maker<'_> {
    fn draw(&self, what: &[u8], name: &str) -> u64 {
        self.key.draw(&[what, self.group.as_bytes(), name.as_bytes()])
    }

    /// What may happen to a cell, and why it is withheld if it is.
    fn role(&self, draft: &Draft<'_>, facts: &Facts, verdict: &Verdict, name: &str) -> (Role, Option<Reason>) {
        match draft.past {
            Some(Past::Released(_)) => return (Role::Frozen, None),
            Some(Past::Withheld(_)) => return (Role::Protected, Some(verdict.unsafe_for.unwrap_or(Reason::Earlier))),
            None => {}
        }
        // Where zeros are always shown, none left is told of all that there were.
        if draft.kept_back && !(facts.value == 0 && self.marks_exclude_zero(draft)) {
            return (Role::Protected, Some(verdict.unsafe_for.unwrap_or(Reason::Correction)));
        }
        // Drawn anew with each revision: of those that the same draw left, marks would tell what changed.
        let name = if draft.earlier == 0 { name.to_owned() } else { format!("{name} after {}", draft.earlier) };
        let drawn = |what: &[u8], per_thousand: u16| self.key.chooses(what, self.group, &name, per_thousand);
        if let Some(reason) = verdict.unsafe_for {
            return (Role::Protected, Some(reason));
        }
        if facts.value == 0 {
            return match self.policy.zeros {
                _ if self.marks_exclude_zero(draft) => (Role::Frozen, None),
                ZeroPolicy::HideShare { per_thousand } if self.rules.zeros && drawn(b"zero", per_thousand) => {
                    (Role::Protected, Some(Reason::HiddenZero))
                }
                _ => (Role::Open, None),
            };
        }
        let decoys = self.policy.decoys_of(draft.earlier > 0);
        if draft.headline {
            (Role::Headline, None)
        } else if self.rules.decoys && decoys > 0 && drawn(b"decoy", decoys) {
            (Role::Protected, Some(Reason::Decoy))
        } else {
            (Role::Open, None)
        }
    }

    /// Whether zeros of these cells are always published, so that a mark says "at least 1".
    fn marks_exclude_zero(&self, draft: &Draft<'_>) -> bool {
        draft.headline || (self.policy.zeros == ZeroPolicy::Publish && !draft.sensitive)
    }

    fn column(&self, draft: &Draft<'_>, facts: &Facts) -> (Column, Option<Reason>) {
        let name = draft.ids.first().map_or_else(String::new, ToString::to_string);
        let verdict = judge(facts, self.policy, self.rules);
        let (role, reason) = self.role(draft, facts, &verdict, &name);
        let order = self.draw(b"order", &name);
        // Losing a large count loses more; the key decides between equals.
        let size = i64::from((facts.value + 1).ilog2()) * 3 + i64::try_from(order % 8).unwrap_or(0);
        let cost = match role {
            Role::Headline => (56 + size) * 40,
            // Too small to lend much to others, so that more would have to be withheld with it.
            _ if facts.value > 0 && facts.value < 2 * self.policy.k => 72 + size,
            _ => 56 + size,
        };
        let lower = i64::from(self.rules.marks && self.marks_exclude_zero(draft));
        let upper = facts.upper.map(signed);
        let k = if self.rules.witnesses { signed(self.policy.k) } else { 0 };
        let reach = if self.rules.witnesses { signed(verdict.reach) } else { 0 };
        let column = Column {
            role,
            value: signed(facts.value),
            cost,
            order,
            lower,
            upper,
            reach: upper.map_or(reach, |upper| reach.min(upper)),
            fall: verdict.fall.map_or(i64::MAX, |fall| signed(fall).max(lower)),
            width: upper.map_or(k, |upper| k.min(upper - lower)),
        };
        (column, reason)
    }
}
