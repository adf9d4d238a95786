//! Several revisions of one group, attacked together.
//!
//! What was released at different times is about the same records, some of which were added or taken away in between.
//! That is one more dimension: the revisions in which a record was there. A feed that only appends has an atom for the
//! first revision and one for what each later revision added; "as of 2" is the sum of two of them. A feed that also
//! corrects has an atom for each run of revisions that a record may have been part of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::AttackError;
use crate::files::{InputLimits, Left};
use crate::input::read_within;
use crate::problem::{Attacker, Bound, Cell, Comparison, Dimension, Known, Level, Problem, Table, Value};

/// The name of the dimension that is added.
const REVISION: &str = "revision";

/// What may happen to a record between revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Records are only added: a count never falls.
    Appends,
    /// Records may also be taken away or moved.
    Corrects,
}

/// Reads the folders of several revisions, oldest first, and joins the groups of the same name. A group that a later
/// folder does not have ends there; what was released of it stays known.
///
/// # Errors
/// If a folder cannot be read, or as [`jointly`].
pub fn read_over_time(folders: &[PathBuf], feed: Feed, limits: &InputLimits) -> Result<Vec<Problem>, AttackError> {
    let left = Left::new(limits);
    let mut groups: BTreeMap<String, Vec<Problem>> = BTreeMap::new();
    for folder in folders {
        for problem in read_within(folder, &left)? {
            groups.entry(problem.name.clone()).or_default().push(problem);
        }
    }
    let joint = |mut revisions: Vec<Problem>| match (revisions.len(), revisions.pop()) {
        (1, Some(only)) => Ok(only),
        (_, last) => jointly(&revisions.into_iter().chain(last).collect::<Vec<_>>(), feed),
    };
    groups.into_values().map(joint).collect()
}

/// One group as seen by somebody who kept every revision, oldest first. Areas, months and categories may be added from
/// one revision to the next; a code whose meaning changes is told apart by its revision. Records that the attacker knows
/// need to be stated once.
///
/// # Errors
/// If there is no revision, or the revisions do not have the same dimensions.
pub fn jointly(revisions: &[Problem], feed: Feed) -> Result<Problem, AttackError> {
    let Some(last) = revisions.last() else {
        let message = "there is no revision to attack: give at least one".to_owned();
        return Err(AttackError::Definition { group: String::new(), message });
    };
    let define = |message: String| AttackError::Definition { group: last.name.clone(), message };
    let names = |problem: &Problem| problem.dimensions.iter().map(|d| d.name.clone()).collect::<Vec<_>>();
    if let Some(other) = revisions.iter().find(|problem| names(problem) != names(last)) {
        return Err(define(format!(
            "its revisions have different dimensions, `{}` and `{}`: describe all of them with the same, in the same order",
            names(other).join("`, `"),
            names(last).join("`, `")
        )));
    }
    if names(last).iter().any(|name| name == REVISION) {
        return Err(define(format!("a dimension is called `{REVISION}`, which is added here: give it another name")));
    }
    let mut joint = Problem { name: last.name.clone(), ..Problem::default() };
    let mut renamed: Vec<Vec<BTreeMap<String, String>>> = vec![Vec::new(); revisions.len()];
    for number in 0..last.dimensions.len() {
        let of: Vec<&Dimension> = revisions.iter().filter_map(|problem| problem.dimensions.get(number)).collect();
        let (dimension, names) = union(&of);
        joint.dimensions.push(dimension);
        for (all, names) in renamed.iter_mut().zip(names) {
            all.push(names);
        }
    }
    joint.dimensions.push(revision_dimension(revisions.len(), feed));
    let mut printed: BTreeMap<Vec<String>, Value> = BTreeMap::new();
    for (number, (problem, names)) in (1..).zip(revisions.iter().zip(&renamed)) {
        let rename = |codes: &[String]| {
            let mut renamed: Vec<String> = Vec::with_capacity(codes.len() + 1);
            for (position, code) in codes.iter().enumerate() {
                renamed.push(names.get(position).and_then(|names| names.get(code)).unwrap_or(code).clone());
            }
            renamed.push(as_of(number));
            renamed
        };
        add_tables(&mut joint, problem, number, &rename, &mut printed);
        add(&mut joint, problem, &rename);
    }
    Ok(joint)
}

fn as_of(revision: usize) -> String {
    format!("as of {revision}")
}

/// The tables of a revision; `printed` is what was last printed of each place (its codes without the revision) before it. Of a table
/// whose figures may be older, those that are not printed as before are of this revision: whoever decides a figure anew decides it
/// from today's records. So is one that was never printed.
fn add_tables(
    joint: &mut Problem,
    problem: &Problem,
    revision: usize,
    rename: &impl Fn(&[String]) -> Vec<String>,
    printed: &mut BTreeMap<Vec<String>, Value>,
) {
    let place = |codes: &[String]| codes.split_last().map(|(_, place)| place.to_vec()).unwrap_or_default();
    let mut now = Vec::new();
    for table in &problem.tables {
        let cells = table.cells.iter().map(|cell| Cell { codes: rename(&cell.codes), value: cell.value });
        let cells: Vec<Cell> = cells.collect();
        now.extend(cells.iter().map(|cell| (place(&cell.codes), cell.value)));
        let unchanged = |cell: &Cell| revision == 1 || printed.get(&place(&cell.codes)) == Some(&cell.value);
        let (older, new): (Vec<Cell>, Vec<Cell>) =
            cells.into_iter().partition(|cell| table.may_be_older.is_some() && unchanged(cell));
        for (cells, may_be_older) in [(older, table.may_be_older), (new, None)] {
            if !cells.is_empty() {
                let name = format!("{} {}", table.name, as_of(revision));
                let (sensitive, may_be_older) = (table.sensitive.clone(), may_be_older);
                let Table { open, zeros_published, .. } = *table;
                joint.tables.push(Table { name, open, zeros_published, sensitive, may_be_older, cells });
            }
        }
    }
    printed.extend(now);
}

/// What else is known of a revision.
fn add(joint: &mut Problem, problem: &Problem, rename: &impl Fn(&[String]) -> Vec<String>) {
    joint.threshold = joint.threshold.max(problem.threshold);
    joint.bounds.extend(problem.bounds.iter().map(|bound| Bound { codes: rename(&bound.codes), ..bound.clone() }));
    joint.comparisons.extend(problem.comparisons.iter().map(|comparison| Comparison {
        terms: comparison.terms.iter().map(|(codes, factor)| (rename(codes), *factor)).collect(),
        ..comparison.clone()
    }));
    let known =
        |known: &[Known]| known.iter().map(|k| Known { codes: rename(&k.codes), count: k.count }).collect::<Vec<_>>();
    joint.known.extend(known(&problem.known));
    for attacker in &problem.attackers {
        let theirs = known(&attacker.known);
        match joint.attackers.iter_mut().find(|other| other.name == attacker.name) {
            Some(other) => other.known.extend(theirs),
            None => joint.attackers.push(Attacker { name: attacker.name.clone(), known: theirs }),
        }
    }
}

/// What the records of these revisions are called in the dimension of revisions; of a feed that only appends, those that the first
/// of them added.
pub(crate) fn revision_atom(feed: Feed, first: usize, last: usize) -> String {
    match feed {
        Feed::Appends => format!("added by {first}"),
        Feed::Corrects => format!("from {first} to {last}"),
    }
}

/// The revisions that a record may have been part of.
fn revision_dimension(revisions: usize, feed: Feed) -> Dimension {
    let mut atoms = Vec::new();
    let mut codes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut atom = |name: String, in_revisions: &mut dyn Iterator<Item = usize>| {
        for revision in in_revisions {
            codes.entry(revision).or_default().push(name.clone());
        }
        atoms.push(name);
    };
    for first in 1..=revisions {
        match feed {
            Feed::Appends => atom(revision_atom(feed, first, revisions), &mut (first..=revisions)),
            Feed::Corrects => {
                for end in first..=revisions {
                    atom(revision_atom(feed, first, end), &mut (first..=end));
                }
            }
        }
    }
    let level = |(revision, atoms)| Level { name: as_of(revision), codes: BTreeMap::from([(as_of(revision), atoms)]) };
    let levels = codes.into_iter().map(level).collect();
    Dimension { name: REVISION.to_owned(), atoms, levels, total: "ever".to_owned() }
}

/// A dimension with the atoms and codes of all revisions, and for each revision the codes that had to be renamed.
fn union(revisions: &[&Dimension]) -> (Dimension, Vec<BTreeMap<String, String>>) {
    let mut atoms: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for atom in revisions.iter().flat_map(|dimension| &dimension.atoms) {
        if seen.insert(atom) {
            atoms.push(atom.clone());
        }
    }
    let last = revisions.last();
    let name = last.map(|dimension| dimension.name.clone()).unwrap_or_default();
    // The last revision's total is the total, if nothing was dropped on the way.
    let whole = last.filter(|dimension| dimension.atoms.len() == atoms.len()).map(|dimension| dimension.total.clone());
    let mut result = Dimension { name, atoms, levels: Vec::new(), total: whole.unwrap_or_else(|| "ever".to_owned()) };
    let mut meaning: BTreeMap<String, BTreeSet<String>> =
        result.atoms.iter().map(|atom| (atom.clone(), BTreeSet::from([atom.clone()]))).collect();
    meaning.insert(result.total.clone(), result.atoms.iter().cloned().collect());
    let mut renamed = Vec::new();
    for (number, dimension) in (1..).zip(revisions) {
        let mut names = BTreeMap::new();
        let total = BTreeMap::from([(dimension.total.clone(), dimension.atoms.clone())]);
        let total = Level { name: "total".to_owned(), codes: total };
        for level in dimension.levels.iter().chain([&total]) {
            let mut new = BTreeMap::new();
            for (code, members) in &level.codes {
                let set: BTreeSet<String> = members.iter().cloned().collect();
                let code = match meaning.get(code) {
                    Some(known) if *known == set => continue,
                    Some(_) => {
                        let name = format!("{code} {}", as_of(number));
                        names.insert(code.clone(), name.clone());
                        name
                    }
                    None => code.clone(),
                };
                meaning.insert(code.clone(), set);
                new.insert(code, members.clone());
            }
            add_level(&mut result, &level.name, new, number);
        }
        renamed.push(names);
    }
    (result, renamed)
}

/// Adds codes to the level of that name, or to a new one where they overlap with it.
fn add_level(dimension: &mut Dimension, name: &str, codes: BTreeMap<String, Vec<String>>, revision: usize) {
    if codes.is_empty() {
        return;
    }
    let atoms: BTreeSet<&String> = codes.values().flatten().collect();
    let apart =
        |level: &&mut Level| level.name == name && level.codes.values().flatten().all(|atom| !atoms.contains(atom));
    match dimension.levels.iter_mut().find(apart) {
        Some(level) => level.codes.extend(codes),
        None => {
            let taken = dimension.levels.iter().any(|level| level.name == name);
            let name = if taken { format!("{name} {}", as_of(revision)) } else { name.to_owned() };
            dimension.levels.push(Level { name, codes });
        }
    }
}
