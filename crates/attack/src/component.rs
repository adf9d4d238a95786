//! The equations without what follows from the rest, split into independent components.

use std::collections::{BTreeMap, BTreeSet};

use crate::AttackError;
use crate::columns::{Link, System};
use crate::propagate::{Intervals, Knowledge};
use crate::universe::{UNBOUNDED, Universe};
use crate::util::{Sets, at, id, put};

/// `low <= sum of terms <= high`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Constraint {
    /// Column and factor, ascending by column; +1 or -1 except in comparisons.
    pub(crate) terms: Vec<(u32, i64)>,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// A sum of columns of one component whose range is wanted.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) columns: Vec<u32>,
    /// Large enough once this is reached.
    pub(crate) want_high: i64,
    /// Wide enough once the range is this wide.
    pub(crate) want_width: i64,
    /// Small enough once this is reached.
    pub(crate) want_low: i64,
}

/// An independent part of the equations.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Component {
    /// Smallest and largest value of each column.
    pub(crate) columns: Vec<(i64, i64)>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) queries: Vec<Query>,
}

impl Component {
    /// Whether these numbers are a world, in exact integers.
    pub(crate) fn admits(&self, world: &[i64]) -> bool {
        let inside = |(value, (low, high)): (&i64, &(i64, i64))| (low..=high).contains(&value);
        let holds = |constraint: &Constraint| {
            let terms = constraint.terms.iter();
            let sum =
                terms.map(|(column, factor)| factor.saturating_mul(at(world, *column))).fold(0, i64::saturating_add);
            (constraint.low..=constraint.high).contains(&sum)
        };
        world.len() == self.columns.len()
            && world.iter().zip(&self.columns).all(inside)
            && self.constraints.iter().all(holds)
    }
}

/// A withheld cell as a constant plus one query in each of several components.
pub(crate) struct Target {
    pub(crate) cell: u32,
    pub(crate) constant: i64,
    /// Component and query.
    pub(crate) pieces: Vec<(u32, u32)>,
}

/// All components and the cells to attack.
pub(crate) struct Components {
    pub(crate) components: Vec<Component>,
    pub(crate) targets: Vec<Target>,
}

/// What each target must reach to be decided.
pub(crate) struct Goals<'a> {
    pub(crate) cells: &'a [u32],
    /// By cell: the largest value at which a group is not disclosed.
    pub(crate) lows: &'a BTreeMap<u32, i64>,
    /// How many more than the threshold a count should be able to reach: 1 for who has a record in it.
    pub(crate) spare: i64,
    /// Whether to find exact ranges whatever is needed for a decision.
    pub(crate) exact: bool,
}

impl Components {
    pub(crate) fn build(
        universe: &Universe,
        intervals: &Intervals,
        system: &System,
        knowledge: Knowledge,
        goals: &Goals,
    ) -> Result<Self, AttackError> {
        let bounds = column_bounds(universe, intervals, system)?;
        let mut constraints = link_constraints(system, &bounds);
        constraints.extend(cell_constraints(universe, intervals, system, &bounds, knowledge));
        constraints.extend(comparisons(universe, system, &bounds));
        let contradiction = || AttackError::Contradiction { group: universe.name.clone(), cell: "its sums".to_owned() };
        let constraints = simplify(constraints).ok_or_else(contradiction)?;

        let mut sets = Sets::new(bounds.len());
        for constraint in &constraints {
            for ((a, _), (b, _)) in constraint.terms.iter().zip(constraint.terms.iter().skip(1)) {
                sets.join(*a, *b);
            }
        }
        let mut split = Split {
            component_of: BTreeMap::new(),
            components: Vec::new(),
            targets: Vec::new(),
            known: BTreeMap::new(),
        };
        for cell in goals.cells {
            split.add_target(universe, system, &bounds, &mut sets, *cell, goals);
        }
        for constraint in constraints {
            let root = constraint.terms.first().map_or(0, |(column, _)| sets.find(*column));
            if let Some(component) = split.component_of.get(&root)
                && let Some(component) = split.components.get_mut(*component as usize)
            {
                component.constraints.push(constraint);
            }
        }
        let components = split.components.into_iter().map(|c| compact(c, &bounds)).collect();
        Ok(Self { components, targets: split.targets })
    }
}

struct Split {
    component_of: BTreeMap<u32, u32>,
    components: Vec<Component>,
    targets: Vec<Target>,
    known: BTreeMap<(u32, Vec<u32>), u32>,
}

impl Split {
    fn add_target(
        &mut self,
        universe: &Universe,
        system: &System,
        bounds: &[(i64, i64)],
        sets: &mut Sets,
        cell: u32,
        goals: &Goals,
    ) {
        let Some(state) = universe.cells.get(cell as usize) else { return };
        let mut constant = 0;
        let mut pieces: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for column in system.of_cell.get(cell as usize).into_iter().flatten() {
            let (low, high) = at(bounds, *column);
            if low == high {
                constant += low;
            } else {
                pieces.entry(sets.find(*column)).or_default().push(*column);
            }
        }
        let whole = pieces.len() == 1;
        let mut target = Target { cell, constant, pieces: Vec::new() };
        for (root, columns) in pieces {
            let next = id(self.components.len());
            let component_id = *self.component_of.entry(root).or_insert(next);
            if component_id == next {
                self.components.push(Component::default());
            }
            let Some(component) = self.components.get_mut(component_id as usize) else { continue };
            let query = *self.known.entry((root, columns.clone())).or_insert_with(|| {
                component.queries.push(Query { columns, want_high: 0, want_width: 0, want_low: i64::MAX });
                id(component.queries.len() - 1)
            });
            if let Some(query) = component.queries.get_mut(query as usize) {
                if goals.exact || !whole {
                    query.want_high = UNBOUNDED;
                    query.want_low = -1;
                } else {
                    query.want_high = query.want_high.max(state.own + universe.threshold + goals.spare - constant);
                    let low = goals.lows.get(&cell).copied().unwrap_or(i64::MAX);
                    query.want_low = query.want_low.min(low.saturating_sub(constant));
                }
                query.want_width = query.want_width.max(universe.threshold);
            }
            target.pieces.push((component_id, query));
        }
        self.targets.push(target);
    }
}

/// The range of each column from the cells it lies in.
fn column_bounds(universe: &Universe, intervals: &Intervals, system: &System) -> Result<Vec<(i64, i64)>, AttackError> {
    let mut bounds = vec![(0, UNBOUNDED); system.columns as usize];
    for (cell, columns) in system.of_cell.iter().enumerate() {
        let (low, high) = (at(&intervals.low, id(cell)), at(&intervals.high, id(cell)));
        for column in columns {
            let (old_low, old_high) = at(&bounds, *column);
            let new_low = if columns.len() == 1 { old_low.max(low) } else { old_low };
            put(&mut bounds, *column, (new_low, old_high.min(high)));
        }
    }
    if bounds.iter().any(|(low, high)| low > high) {
        return Err(AttackError::Contradiction { group: universe.name.clone(), cell: "overlapping cells".to_owned() });
    }
    Ok(bounds)
}

/// A constraint with the known columns moved to the other side.
fn constraint(terms: impl Iterator<Item = (u32, i64)>, low: i64, high: i64, bounds: &[(i64, i64)]) -> Constraint {
    let mut known = 0_i64;
    let mut unknown: BTreeMap<u32, i64> = BTreeMap::new();
    for (column, factor) in terms {
        let (column_low, column_high) = at(bounds, column);
        if column_low == column_high {
            known = known.saturating_add(factor.saturating_mul(column_low));
        } else {
            *unknown.entry(column).or_insert(0) += factor;
        }
    }
    let terms = unknown.into_iter().filter(|(_, factor)| *factor != 0).collect();
    let low = if low <= -UNBOUNDED { -UNBOUNDED } else { low.saturating_sub(known) };
    let high = if high >= UNBOUNDED { UNBOUNDED } else { high.saturating_sub(known) };
    Constraint { terms, low, high }
}

fn link_constraints(system: &System, bounds: &[(i64, i64)]) -> Vec<Constraint> {
    let sides = |link: &Link| {
        let (plus, minus) = (link.plus.clone(), link.minus.clone());
        plus.into_iter().map(|column| (column, 1)).chain(minus.into_iter().map(|column| (column, -1)))
    };
    system.links.iter().map(|link| constraint(sides(link), 0, 0, bounds)).collect()
}

fn comparisons<'a>(
    universe: &'a Universe,
    system: &'a System,
    bounds: &'a [(i64, i64)],
) -> impl Iterator<Item = Constraint> + 'a {
    universe.facts.iter().map(|fact| {
        let terms = fact.terms.iter().flat_map(|(cell, factor)| {
            system.of_cell.get(*cell as usize).into_iter().flatten().map(|column| (*column, *factor))
        });
        constraint(terms, fact.low, fact.high, bounds)
    })
}

/// Known cells as equations and withheld cells as inequalities, without those that follow from finer cells.
fn cell_constraints(
    universe: &Universe,
    intervals: &Intervals,
    system: &System,
    bounds: &[(i64, i64)],
    knowledge: Knowledge,
) -> Vec<Constraint> {
    let given: Vec<(i64, i64)> = universe
        .cells
        .iter()
        .zip(0..)
        .map(|(state, cell)| intervals.fixed(cell).map_or_else(|| state.given(knowledge), |value| (value, value)))
        .collect();
    let mut follows = vec![(false, false); given.len()];
    for relation in universe.relations.iter().filter(|relation| relation.parts.len() > 1) {
        let (low, high) = at(&given, relation.parent);
        let parts = || relation.parts.iter().map(|part| at(&given, *part));
        let low_sum = parts().fold(0_i64, |sum, (l, _)| sum.saturating_add(l));
        let high_sum = parts().fold(0_i64, |sum, (_, h)| sum.saturating_add(h));
        let (low_follows, high_follows) = at(&follows, relation.parent);
        // A known cell stays an equation, for the rank test, unless one sum of known cells gives it.
        let both = low_sum >= low && high_sum <= high;
        let (low_now, high_now) = if low == high { (both, both) } else { (low_sum >= low, high_sum <= high) };
        put(&mut follows, relation.parent, (low_follows || low_now, high_follows || high_now));
    }
    let mut constraints = Vec::new();
    for (cell, (low, high)) in given.iter().enumerate() {
        let (low_follows, high_follows) = at(&follows, id(cell));
        let low = if low_follows { 0 } else { *low };
        let high = if high_follows { UNBOUNDED } else { *high };
        if low > 0 || high < UNBOUNDED {
            let columns = system.of_cell.get(cell).map_or(&[][..], Vec::as_slice);
            constraints.push(constraint(columns.iter().map(|column| (*column, 1)), low, high, bounds));
        }
    }
    constraints
}

/// Merges equal left-hand sides, and cuts links one side of which is known. `None` if a contradiction shows.
fn simplify(constraints: Vec<Constraint>) -> Option<Vec<Constraint>> {
    let mut merged: BTreeMap<Vec<(u32, i64)>, (i64, i64)> = BTreeMap::new();
    for c in constraints {
        let range = merged.entry(c.terms).or_insert((i64::MIN, i64::MAX));
        *range = (range.0.max(c.low), range.1.min(c.high));
    }
    let known: BTreeMap<Vec<(u32, i64)>, i64> =
        merged.iter().filter(|(_, (low, high))| low == high).map(|(terms, (low, _))| (terms.clone(), *low)).collect();
    let mut result: BTreeMap<Vec<(u32, i64)>, (i64, i64)> = BTreeMap::new();
    for (terms, (low, high)) in merged {
        if low > high || (terms.is_empty() && (low > 0 || high < 0)) {
            return None;
        }
        let plus: Vec<_> = terms.iter().filter(|(_, f)| *f == 1).copied().collect();
        let minus: Vec<_> = terms.iter().filter(|(_, f)| *f == -1).map(|(c, _)| (*c, 1)).collect();
        let link = low == high && !minus.is_empty() && plus.len() + minus.len() == terms.len();
        let (terms, low, high) = match (link, known.get(&plus), known.get(&minus)) {
            (true, Some(value), _) => (minus, value - low, value - low),
            (true, _, Some(value)) => (plus, value + low, value + low),
            _ => (terms, low, high),
        };
        if terms.is_empty() {
            continue;
        }
        let range = result.entry(terms).or_insert((i64::MIN, i64::MAX));
        *range = (range.0.max(low), range.1.min(high));
        if range.0 > range.1 {
            return None;
        }
    }
    Some(result.into_iter().map(|(terms, (low, high))| Constraint { terms, low, high }).collect())
}

/// Numbers a component's columns from 0, merging those that no constraint and no query tells apart.
fn compact(component: Component, bounds: &[(i64, i64)]) -> Component {
    let mut lies_in: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
    for (number, constraint) in component.constraints.iter().enumerate() {
        for (column, factor) in &constraint.terms {
            lies_in.entry(*column).or_default().push((id(number), *factor));
        }
    }
    for (number, query) in component.queries.iter().enumerate() {
        for column in &query.columns {
            lies_in.entry(*column).or_default().push((id(component.constraints.len() + number), 1));
        }
    }
    let mut merged: BTreeMap<&Vec<(u32, i64)>, u32> = BTreeMap::new();
    let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
    let mut columns: Vec<(i64, i64)> = Vec::new();
    for (column, signature) in &lies_in {
        let number = *merged.entry(signature).or_insert(id(columns.len()));
        let (low, high) = at(bounds, *column);
        match columns.get_mut(number as usize) {
            Some(sum) => *sum = (sum.0.saturating_add(low), sum.1.saturating_add(high).min(UNBOUNDED)),
            None => columns.push((low, high)),
        }
        numbers.insert(*column, number);
    }
    let renumber = |column: &u32| numbers.get(column).copied().unwrap_or_default();
    let constraints = component.constraints.into_iter().map(|c| {
        let terms: BTreeMap<u32, i64> = c.terms.iter().map(|(column, factor)| (renumber(column), *factor)).collect();
        Constraint { terms: terms.into_iter().collect(), ..c }
    });
    let queries = component.queries.into_iter().map(|q| {
        let columns: BTreeSet<u32> = q.columns.iter().map(renumber).collect();
        Query { columns: columns.into_iter().collect(), ..q }
    });
    Component { columns, constraints: constraints.collect(), queries: queries.collect() }
}
