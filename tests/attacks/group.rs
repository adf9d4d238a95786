//! A dataset's facts as the attacker's problem: its dimensions only as fine as the tables tell apart.

use std::collections::{BTreeMap, BTreeSet};

use attack::{Attacker, Bound, Cell, Dimension, Known, Level, Problem, Table, Value};
use model::DatasetId;

use super::Rules;
use super::facts::{EITHER, Fact, Facts};
use super::people::{Group, Record};

/// The code of a total.
pub(super) const TOTAL: &str = "all";
/// How a missing category is stored and published.
const UNKNOWN: &str = "unknown";
/// What is in none of the published categories.
const REST: &str = "(none of these)";

/// What the attacker takes published categories for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// Some of the events may be in none of them.
    SomeMayBeLeftOver,
    /// They cover everything, unless a released total exceeds the sum of its categories: a guess, but one that anybody
    /// makes who has seen many lines add up.
    TheyCoverAll,
}

/// Level to code to the units that the code consists of.
type Levels = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The problem of one protection group, to everybody and to who knows records of their own. What counts people is bounded by
/// who lives there; events are not.
pub(super) fn problem(dataset: &DatasetId, group: &Facts, belief: Belief, rules: &Rules, people: &[Group]) -> Problem {
    let facts = &group.facts;
    let names: BTreeSet<&str> =
        facts.iter().flat_map(|fact| fact.categories.keys().chain(fact.filter.keys())).map(String::as_str).collect();
    let mut axes = vec![measures(group), areas(group), periods(facts)];
    axes.extend(names.iter().map(|name| classification(name, group, belief)));
    let codes = |fact: &Fact| -> Vec<String> {
        let mut codes = vec![fact.column.clone(), fact.area.clone(), fact.period.to_string()];
        codes.extend(names.iter().map(|name| code(fact, name)));
        codes
    };
    let sensitive = |fact: &Fact| {
        let names = fact.categories.keys().chain(fact.filter.keys()).chain([&fact.column]);
        names.into_iter().any(|name| rules.sensitive.contains(name))
    };
    let mut tables: BTreeMap<(&str, bool), BTreeMap<Vec<String>, Value>> = BTreeMap::new();
    for fact in facts {
        let before = tables.entry((&fact.table, sensitive(fact))).or_default().insert(codes(fact), fact.value);
        assert!(before.is_none_or(|value| value == fact.value), "two answers for one cell of {}", fact.table);
    }
    let (plain, either): (Vec<_>, Vec<_>) = tables.into_iter().partition(|((name, _), _)| !name.starts_with(EITHER));
    // A cell bears the name of its first table: that whose mark speaks of this cell alone, if there is one.
    let tables = plain.into_iter().chain(either).map(|((name, sensitive), cells)| Table {
        name: format!("{name}{}", if sensitive { " (sensitive)" } else { "" }),
        // A mark that may be the other count's tells nothing of this one, and zeros of sensitive categories may be withheld.
        zeros_published: !name.starts_with(EITHER) && !sensitive,
        sensitive: names
            .iter()
            .filter(|name| rules.sensitive.contains(**name))
            .map(|name| (*name).to_owned())
            .collect(),
        cells: cells.into_iter().map(|(codes, value)| Cell { codes, value }).collect(),
        ..Table::default()
    });
    let bounds = facts.iter().filter(|fact| fact.categories.is_empty() && fact.filter.is_empty()).filter_map(|fact| {
        let upper = group.residents.get(&(fact.area_type, fact.area.clone(), fact.period.start().year()))?;
        Some(Bound { codes: codes(fact), lower: 0, upper: Some(*upper) })
    });
    let attackers =
        people.iter().map(|one| Attacker { name: one.name.clone(), known: known(one, group, &axes, &names) });
    Problem {
        name: dataset.to_string(),
        threshold: rules.k,
        tables: tables.collect(),
        bounds: bounds.collect(),
        attackers: attackers.filter(|attacker| !attacker.known.is_empty()).collect(),
        dimensions: axes.into_iter().map(|axis| axis.dimension).collect(),
        ..Problem::default()
    }
}

/// A dimension of the problem, and the atom of each unit that the tables tell apart.
struct Axis {
    dimension: Dimension,
    atoms: BTreeMap<String, String>,
}

impl Axis {
    /// The atom of a category: that of what is in none of those that are told apart, where it is not.
    fn atom(&self, unit: &str) -> Option<String> {
        self.atoms.get(unit).or_else(|| self.atoms.get(REST)).cloned()
    }
}

/// Records that somebody knows to be theirs, by the atoms that they are in; what is in no table is left out.
fn known(of: &Group, group: &Facts, axes: &[Axis], names: &BTreeSet<&str>) -> Vec<Known> {
    let mut known: BTreeMap<Vec<String>, u64> = BTreeMap::new();
    for Record { area, month, categories, amounts, .. } in &of.records {
        for (column, amount) in amounts {
            // What is in the part of a column is counted there.
            let part = group.parts.iter().find(|(_, whole)| *whole == column);
            let amount = amount - part.and_then(|(part, _)| amounts.get(part)).copied().unwrap_or(0);
            let own = [column.clone(), area.clone(), month.to_string()];
            let others = names.iter().map(|name| categories.get(*name).cloned().unwrap_or_else(|| UNKNOWN.to_owned()));
            let units: Vec<String> = own.into_iter().chain(others).collect();
            let codes: Option<Vec<String>> = axes.iter().zip(&units).map(|(axis, unit)| axis.atom(unit)).collect();
            if let Some(codes) = codes.filter(|_| amount > 0) {
                *known.entry(codes).or_default() += amount;
            }
        }
    }
    known.into_iter().map(|(codes, count)| Known { codes, count }).collect()
}

/// The code of a fact in a dimension: its category, or the filter's categories together, or the total.
fn code(fact: &Fact, dimension: &str) -> String {
    let category = fact.categories.get(dimension).cloned();
    category.or_else(|| fact.filter.get(dimension).map(|values| values.join(";"))).unwrap_or_else(|| TOTAL.to_owned())
}

/// Different columns of a dataset. One that is part of another has the innermost of its atoms: those of the whole are the part's and
/// what is left of it. Of others no table has the sum.
fn measures(group: &Facts) -> Axis {
    let mut levels = Levels::new();
    for fact in &group.facts {
        let units = group.inside(&fact.column).into_iter().collect();
        levels.entry(fact.column.clone()).or_default().insert(fact.column.clone(), units);
    }
    coarsest("measure", &levels, BTreeSet::new())
}

fn areas(group: &Facts) -> Axis {
    let mut levels = Levels::new();
    for fact in &group.facts {
        let units = group.areas[&fact.area_type][&fact.area].clone();
        levels.entry(fact.area_type.as_str().to_owned()).or_default().insert(fact.area.clone(), units);
    }
    coarsest("area", &levels, BTreeSet::new())
}

fn periods(facts: &[Fact]) -> Axis {
    let mut levels = Levels::new();
    for fact in facts {
        let units = fact.period.months().map(|month| month.to_string()).collect();
        let level = levels.entry(fact.period.period_type().as_str().to_owned()).or_default();
        level.insert(fact.period.to_string(), units);
    }
    coarsest("period", &levels, BTreeSet::new())
}

/// The categories of a dimension, and what may be in none of them; a dimension that is only filtered always has a rest.
fn classification(name: &str, group: &Facts, belief: Belief) -> Axis {
    let mut levels = Levels::new();
    let mut rest = BTreeSet::from([REST.to_owned()]);
    for fact in &group.facts {
        if let Some(category) = fact.categories.get(name) {
            let single = BTreeSet::from([category.clone()]);
            levels.entry("categories".to_owned()).or_default().insert(category.clone(), single);
        }
        if let Some(values) = fact.filter.get(name) {
            let level = format!("filter {}", values.join(";"));
            let values_set: BTreeSet<String> = values.iter().cloned().collect();
            levels.entry(level).or_default().insert(values.join(";"), values_set);
        }
    }
    let adds_up = || remainders_in(name, group).iter().all(|remainder| *remainder == 0);
    if belief == Belief::TheyCoverAll && levels.contains_key("categories") && adds_up() {
        rest.clear();
    }
    coarsest(name, &levels, rest)
}

/// A dimension whose atoms are the sets of units that no code tells apart.
fn coarsest(name: &str, levels: &Levels, further: BTreeSet<String>) -> Axis {
    let mut signatures: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for unit in &further {
        signatures.entry(unit).or_default();
    }
    for (level, codes) in levels {
        for (code, units) in codes {
            assert!(!units.is_empty(), "`{code}` of `{name}` consists of nothing");
            for unit in units {
                signatures.entry(unit).or_default().push((level, code));
            }
        }
    }
    let classes: BTreeSet<&Vec<(&str, &str)>> = signatures.values().collect();
    let atom = |number: usize| format!("{name} atom {number}");
    let names = (0..classes.len()).map(atom).collect();
    let numbers: BTreeMap<_, _> = classes.iter().zip(0..).collect();
    let atoms = signatures.iter().map(|(unit, class)| ((*unit).to_owned(), atom(numbers[&class]))).collect();
    let mut grouped: BTreeMap<&str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (number, signature) in classes.into_iter().enumerate() {
        for (level, code) in signature {
            grouped.entry(level).or_default().entry((*code).to_owned()).or_default().push(atom(number));
        }
    }
    let levels = grouped.into_iter().map(|(name, codes)| Level { name: name.to_owned(), codes }).collect();
    Axis { dimension: Dimension { name: name.to_owned(), atoms: names, levels, total: TOTAL.to_owned() }, atoms }
}

/// By how much released totals exceed the sum of their categories, wherever all of them are released.
pub(super) fn remainders(group: &Facts) -> Vec<u64> {
    let names: BTreeSet<&String> = group.facts.iter().flat_map(|fact| fact.categories.keys()).collect();
    names.into_iter().flat_map(|name| remainders_in(name, group)).collect()
}

fn remainders_in(name: &str, group: &Facts) -> Vec<u64> {
    let mut lines: BTreeMap<String, BTreeMap<&str, Value>> = BTreeMap::new();
    for fact in group.facts.iter().filter(|fact| !fact.filter.contains_key(name)) {
        let mut others = fact.categories.clone();
        others.remove(name);
        let line = format!("{} {:?} {} {} {others:?}", fact.column, fact.filter, fact.area, fact.period);
        let category = fact.categories.get(name).map_or(TOTAL, String::as_str);
        lines.entry(line).or_default().insert(category, fact.value);
    }
    let every: BTreeSet<&str> = lines.values().flat_map(|line| line.keys().copied()).collect();
    let mut remainders = Vec::new();
    for mut line in lines.into_values().filter(|line| line.len() == every.len()) {
        let Some(Value::Released(total)) = line.remove(TOTAL) else { continue };
        let parts: Option<u64> = line
            .values()
            .map(|value| match value {
                Value::Released(count) => Some(*count),
                Value::Withheld | Value::Between(..) => None,
            })
            .sum();
        // More in the parts than in the total is a contradiction, and the attack says so.
        remainders.extend(parts.and_then(|parts| total.checked_sub(parts)));
    }
    remainders
}
