//! What released cells give away together although nobody prints it.
//!
//! Before a plan: the difference of two nested cells, and what is left of a cell after all its parts of one kind. Of a plan, as it
//! would be released: all that up to three cells give away, and all that any number of cells of two kinds do; see [`few`] and [`layers`].

mod few;
mod layers;
mod scene;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::{AgeBand, AreaType, PeriodType, Sex};

use crate::history::Past;
use crate::ids::CellId;
use crate::material::signed;
use crate::policy::Policy;
use crate::rules::{Facts, Rules, judge};
use crate::table::{Column, Role, at};
use crate::universe::Universe;
use scene::{Reader, Scene};

/// What has to be protected.
pub(crate) struct Differences {
    /// By atoms: the demographic table that the difference is part of, if it is, and the difference as a column.
    pub(crate) hidden: BTreeMap<Vec<u32>, (Option<u32>, Column)>,
    /// Columns that are all that a sensitive category leaves of a row.
    pub(crate) empty: Vec<u32>,
    /// Whether everything was looked at.
    pub(crate) complete: bool,
}

/// How much may still be looked at.
struct Limit(u64);

impl Limit {
    fn count(&mut self, steps: usize) {
        self.0 = self.0.saturating_sub(steps as u64);
    }

    const fn reached(&self) -> bool {
        self.0 == 0
    }
}

#[derive(Default)]
struct Found {
    hidden: BTreeMap<Vec<u32>, (Option<u32>, Column)>,
    /// Those of `hidden` that are what a sensitive category leaves of a row.
    rows: BTreeSet<Vec<u32>>,
}

/// What parts of one kind have in common.
type Shape<'a> = (&'a str, AreaType, PeriodType, bool, bool, &'a str);

fn shape(id: &CellId) -> Shape<'_> {
    let key = &id.key;
    let dimension = key.breakdown.as_ref().map_or("", |breakdown| breakdown.dimension.as_str());
    (
        id.measure.as_str(),
        key.area_type,
        key.period.period_type(),
        key.sex != Sex::All,
        key.age != AgeBand::All,
        dimension,
    )
}

struct Finder<'a> {
    universe: &'a Universe<'a>,
    withheld: Option<&'a [bool]>,
    policy: &'a Policy,
    rules: Rules,
    found: Found,
}

/// Every unsafe difference and remainder of columns that may be released, or that are not among those `withheld`.
pub(crate) fn differences(
    universe: &Universe<'_>,
    withheld: Option<&[bool]>,
    policy: &Policy,
    rules: Rules,
) -> Differences {
    let mut finder = Finder { universe, withheld, policy, rules, found: Found::default() };
    let columns = u32::try_from(universe.drafts.len()).unwrap_or(0);
    let mut parts: Vec<Vec<u32>> = vec![Vec::new(); universe.drafts.len()];
    let mut shared: Vec<usize> = vec![0; universe.columns.len()];
    for small in 0..columns {
        if !finder.releasable(small) {
            continue;
        }
        let inner = universe.atoms.row(small);
        let mut touched: Vec<u32> = Vec::new();
        for large in inner.iter().flat_map(|atom| universe.members.row(*atom)) {
            if let Some(count) = shared.get_mut(*large as usize) {
                if *count == 0 {
                    touched.push(*large);
                }
                *count += 1;
            }
        }
        touched.sort_unstable();
        for large in touched {
            let contains = at(&shared, large) == inner.len();
            crate::table::set(&mut shared, large, 0);
            if contains && large != small && finder.releasable(large) {
                finder.pair(small, large);
                if let Some(list) = parts.get_mut(large as usize) {
                    list.push(small);
                }
            }
        }
    }
    for (large, parts) in (0..columns).zip(&parts) {
        finder.remainders(large, parts);
    }
    let complete = finder.withheld.is_none() || !rules.overlaps || finder.overlaps();
    // What is a cell itself is decided as such; an empty rest of a sensitive row must be withheld then.
    let known: HashMap<&[u32], u32> =
        universe.columns.iter().zip(0_u32..).map(|(_, index)| (universe.atoms.row(index), index)).collect();
    let Found { hidden, rows } = finder.found;
    let (cells, hidden): (BTreeMap<_, _>, BTreeMap<_, _>) =
        hidden.into_iter().partition(|(atoms, _)| known.contains_key(atoms.as_slice()));
    let empty = cells.keys().filter(|atoms| rows.contains(*atoms)).filter_map(|atoms| known.get(atoms.as_slice()));
    Differences { hidden, empty: empty.copied().collect(), complete }
}

impl Finder<'_> {
    fn releasable(&self, index: u32) -> bool {
        let column = self.universe.columns.get(index as usize);
        let out = self.withheld.map_or_else(
            || column.is_some_and(|column| column.role == Role::Protected),
            |withheld| at(withheld, index),
        );
        !out && column.is_some_and(|column| column.value > 0) && (index as usize) < self.universe.drafts.len()
    }

    /// The difference of two nested columns.
    fn pair(&mut self, small: u32, large: u32) {
        if self.is_fixed(small) && self.is_fixed(large) {
            return;
        }
        let whole = self.universe.atoms.row(large);
        let part = self.universe.atoms.row(small);
        let rest = || whole.iter().copied().filter(|atom| part.binary_search(atom).is_err());
        let value = self.value(large) - self.value(small);
        let concentrated = self.rules.group_disclosure
            && self.is_row(small, large)
            && value < signed(self.policy.k)
            && self.value(large) >= signed(self.policy.k);
        if concentrated {
            self.found.rows.insert(rest().collect());
        }
        if concentrated || self.is_unsafe(value, rest()) {
            self.add(&[small, large], rest().collect());
        }
    }

    /// Released by an earlier plan: nothing can be done about it any more.
    fn is_fixed(&self, index: u32) -> bool {
        self.universe.columns.get(index as usize).is_some_and(|column| column.role == Role::Frozen)
    }

    fn value(&self, index: u32) -> i64 {
        self.universe.columns.get(index as usize).map_or(0, |column| column.value)
    }

    /// Whether the small column is a sensitive category of the large one, rather than a part in space or time.
    fn is_row(&self, small: u32, large: u32) -> bool {
        let (Some(small), Some(large)) =
            (self.universe.drafts.get(small as usize), self.universe.drafts.get(large as usize))
        else {
            return false;
        };
        let same = |a: &CellId, b: &CellId| a.key.area == b.key.area && a.key.period == b.key.period;
        small.sensitive && small.ids.iter().any(|a| large.ids.iter().any(|b| same(a, b)))
    }

    /// Whether a set of atoms with this sum may not be known.
    fn is_unsafe(&self, value: i64, atoms: impl Iterator<Item = u32> + Clone) -> bool {
        if value <= 0 {
            return false;
        }
        if value < signed(self.policy.k) {
            return true;
        }
        let contributions = &self.universe.contributions;
        if contributions.is_empty() || !self.rules.contributors {
            return false;
        }
        if contributions.distinct(atoms.clone(), &self.universe.truth, self.policy.k) < self.policy.k {
            return true;
        }
        !contributions.readers().is_empty() && {
            let facts = self.universe.facts_of(&atoms.collect::<Vec<u32>>());
            judge(&facts, self.policy, self.rules).unsafe_for.is_some()
        }
    }

    /// What is left of a column after all its disjoint parts of one kind.
    fn remainders(&mut self, large: u32, parts: &[u32]) {
        let mut kinds: BTreeMap<Shape<'_>, Vec<u32>> = BTreeMap::new();
        for part in parts {
            let Some(draft) = self.universe.drafts.get(*part as usize) else { continue };
            for id in &draft.ids {
                let list = kinds.entry(shape(id)).or_default();
                if list.last() != Some(part) {
                    list.push(*part);
                }
            }
        }
        let whole = self.universe.atoms.row(large);
        for kind in kinds.into_values().filter(|kind| kind.len() > 1) {
            // Without contributions every record is a person, so that only few records are few people.
            let together: i64 = kind.iter().map(|part| self.value(*part)).sum();
            if self.universe.contributions.is_empty() && self.value(large) - together >= signed(self.policy.k) {
                continue;
            }
            let mut inside: Vec<u32> = kind.iter().flat_map(|part| self.universe.atoms.row(*part)).copied().collect();
            let atoms = inside.len();
            inside.sort_unstable();
            inside.dedup();
            let fixed = self.is_fixed(large) && kind.iter().all(|part| self.is_fixed(*part));
            if fixed || inside.len() != atoms || inside.len() == whole.len() {
                continue;
            }
            let rest: Vec<u32> = whole.iter().copied().filter(|atom| inside.binary_search(atom).is_err()).collect();
            let value = rest.iter().map(|atom| at(&self.universe.truth, *atom)).sum();
            if self.is_unsafe(value, rest.iter().copied())
                && let Some(first) = kind.first()
            {
                self.add(&[*first, large], rest);
            }
        }
    }

    /// What is shown of a plan together; whether all of it was looked at.
    fn overlaps(&mut self) -> bool {
        let universe = self.universe;
        let shown = |column: u32| {
            let draft = (column as usize) < universe.drafts.len();
            draft && !self.withheld.is_some_and(|withheld| at(withheld, column))
        };
        let before = |column: u32| {
            let past = universe.drafts.get(column as usize).and_then(|draft| draft.past);
            matches!(past, Some(Past::Released(_)))
        };
        let scene = Scene::new(&universe.atoms, &universe.truth, shown, before);
        let shapes = |column: u32| {
            let ids = universe.drafts.get(column as usize).map_or(&[][..], |draft| draft.ids.as_slice());
            ids.iter().map(|id| shape(id)).collect::<BTreeSet<Shape<'_>>>().into_iter().collect::<Vec<_>>()
        };
        let layers = layers::layers(&scene, shapes, universe.truth.len());
        let mut limit = Limit(self.policy.budget.differences);
        let mut found: Vec<(Vec<u32>, Vec<u32>)> = Vec::new();
        let mut note = |atoms: Vec<u32>, around: &[u32]| found.push((atoms, around.to_vec()));
        let everybody = Vec::new();
        for partners in std::iter::once(&everybody).chain(universe.contributions.readers()) {
            let who = (partners.as_slice(), self.rules.contributors);
            let reader = Reader::new(&universe.truth, &universe.contributions, who, self.policy.k);
            few::threes(&scene, &reader, &mut limit, universe.columns.len(), &mut note);
            for (number, one) in layers.iter().enumerate() {
                for two in layers.iter().skip(number + 1) {
                    layers::cuts(&scene, &reader, (one, two), &mut limit, &mut note);
                }
            }
        }
        for (atoms, around) in found {
            // What was out tells more once a zero beside it is shown.
            let out = |column: &u32| self.is_fixed(*column) && !scene.tells_more_of(universe.atoms.row(*column));
            if !around.iter().all(out) {
                self.add(&around, atoms);
            }
        }
        !limit.reached()
    }

    /// Adds a set of atoms that these columns give away.
    fn add(&mut self, around: &[u32], atoms: Vec<u32>) {
        if self.found.hidden.contains_key(&atoms) {
            return;
        }
        let columns =
            || around.iter().filter_map(|column| Some((*column, self.universe.columns.get(*column as usize)?)));
        let holds = |column: u32| {
            let row = self.universe.atoms.row(column);
            atoms.iter().all(|atom| row.binary_search(atom).is_ok())
        };
        let upper = columns().filter_map(|(column, known)| known.upper.filter(|_| holds(column))).min();
        let order = columns().fold(0, |order: u64, (_, column)| order.rotate_left(17) ^ column.order);
        let families: BTreeSet<Option<u32>> =
            around.iter().map(|column| self.universe.families.get(*column as usize).copied().flatten()).collect();
        let family = if families.len() == 1 { families.first().copied().flatten() } else { None };
        let facts = Facts { upper: None, ..self.universe.facts_of(&atoms) };
        let reach = signed(judge(&facts, self.policy, self.rules).reach);
        let k = signed(self.policy.k);
        let column = Column {
            role: Role::Difference,
            value: 0,
            cost: 0,
            order,
            lower: 0,
            upper,
            reach: upper.map_or(reach, |upper| upper.min(reach)),
            fall: i64::MAX,
            width: upper.map_or(k, |upper| upper.min(k)),
        };
        self.found.hidden.insert(atoms, (family, column));
    }
}
