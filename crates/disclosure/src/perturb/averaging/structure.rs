//! What is registered, in a form to compute with.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Atoms that are told apart in one dimension, at most: dense matrices of this size are factored.
pub(super) const MOST_CLASSES: usize = 2_000;
/// Atoms and levels of one dimension, and crossings of a list, at most: beyond, memory and time are not bounded by what is judged.
const MOST_ATOMS: u32 = 1_000_000;
const MOST_LEVELS: usize = 500;
const MOST_CROSSINGS: usize = 20_000;
/// How a target that nobody prints is called: each atom, as far as registered categories tell atoms apart.
pub(super) const EACH_ATOM: &str = "each atom";

/// Everything that is registered of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// The group is their product: an atom of the group is one atom of each.
    pub dimensions: Vec<RegisteredDimension>,
    /// Which crossings are published, each by the place of one level per dimension. `None` for all.
    #[serde(default)]
    pub crossings: Option<Vec<Vec<usize>>>,
    /// How often the same cell is published with records that differ, so with noise that differs, although its count is known to be all but the
    /// same: 1 if what was published never changes. At least 1.
    #[serde(default = "once")]
    pub revisions: u32,
}

const fn once() -> u32 {
    1
}

/// One dimension: area, age, period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredDimension {
    /// Its name, for messages.
    pub name: String,
    /// How many atoms it has.
    pub atoms: u32,
    /// Its registered levels; the total is one with a single category.
    pub levels: Vec<RegisteredLevel>,
    /// Sets of atoms whose sum is publicly known exactly, *for every atom of all other dimensions*: users and non-users of a service where the
    /// population is known by all other dimensions. Disjoint, like a level, and not itself published with noise.
    #[serde(default)]
    pub known: Option<RegisteredLevel>,
}

/// One way to put atoms together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredLevel {
    /// Its name, for messages.
    pub name: String,
    /// Atoms of each category, from 0; no atom in two, and not every atom need be in one.
    pub categories: Vec<Vec<u32>>,
}

impl RegisteredLevel {
    /// All atoms in one category.
    #[must_use]
    pub fn total(name: &str, atoms: u32) -> Self {
        Self { name: name.to_owned(), categories: vec![(0..atoms).collect()] }
    }

    /// Every atom by itself.
    #[must_use]
    pub fn finest(name: &str, atoms: u32) -> Self {
        Self { name: name.to_owned(), categories: (0..atoms).map(|atom| vec![atom]).collect() }
    }
}

/// Why a registration cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Something does not make sense.
    #[error("the registration does not make sense: {what}")]
    Definition {
        /// What, where and what to do.
        what: String,
    },
    /// Too much to compute.
    #[error("the registration is too large to be judged: {what}")]
    TooLarge {
        /// What, where and what to do.
        what: String,
    },
}

pub(super) fn nonsense<T>(what: String) -> Result<T, RegistrationError> {
    Err(RegistrationError::Definition { what })
}

/// A dimension whose atoms are put together as far as nothing registered tells them apart.
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) classes: usize,
    /// Classes of each category, ascending.
    pub(super) categories: Vec<Vec<usize>>,
    /// The level that each category counts for.
    pub(super) level_of: Vec<usize>,
    pub(super) levels: Vec<Level>,
    /// Categories of each class, ascending.
    pub(super) inside: Vec<Vec<usize>>,
    /// Of each class, the publicly known set that it is in.
    pub(super) known_of: Vec<Option<usize>>,
    pub(super) known: Vec<Vec<usize>>,
}

pub(super) struct Level {
    pub(super) name: String,
    pub(super) categories: Vec<usize>,
}

impl Dimension {
    /// Whether the sum over these classes is known to everybody: they are whole known sets.
    pub(super) fn is_public(&self, classes: &[usize]) -> bool {
        let sets: Option<BTreeSet<usize>> =
            classes.iter().map(|class| self.known_of.get(*class).copied().flatten()).collect();
        let size = |set: &usize| self.known.get(*set).map_or(0, Vec::len);
        sets.is_some_and(|sets| sets.iter().map(size).sum::<usize>() == classes.len())
    }
}

/// The dimensions, and which crossings of their levels there are.
pub(super) struct Structure {
    pub(super) dimensions: Vec<Dimension>,
    pub(super) crossings: Option<Vec<Vec<usize>>>,
    pub(super) revisions: u32,
}

impl Structure {
    pub(super) fn build(registered: &Registered) -> Result<Self, RegistrationError> {
        let Registered { dimensions, crossings, revisions } = registered;
        if dimensions.is_empty() || *revisions == 0 {
            return nonsense("there are no dimensions, or no publication: register at least one of both".to_owned());
        }
        if let Some(crossings) = crossings {
            let fits = |crossing: &Vec<usize>| {
                let mut places = crossing.iter().zip(dimensions);
                crossing.len() == dimensions.len() && places.all(|(level, of)| *level < of.levels.len())
            };
            if let Some(number) = crossings.iter().position(|crossing| !fits(crossing)) {
                return nonsense(format!("crossing {number} does not name one level of each dimension"));
            }
            if crossings.len() > MOST_CROSSINGS {
                let what = format!("it lists {} crossings, at most {MOST_CROSSINGS} can be judged", crossings.len());
                return Err(RegistrationError::TooLarge { what });
            }
            if crossings.is_empty() {
                return nonsense("the list of crossings is empty: leave it out if all are registered".to_owned());
            }
        }
        // Sets of atoms that are registered twice have the same records, so the same noise: one observation. With a list of
        // crossings each counts, as what it is crossed with may differ: that is on the safe side.
        let once = crossings.is_none();
        let used = |dimension: usize, level: usize| {
            crossings.as_ref().is_none_or(|all| all.iter().any(|crossing| crossing.get(dimension) == Some(&level)))
        };
        let build = |(number, dimension): (usize, &RegisteredDimension)| {
            Dimension::build(dimension, once, |level| used(number, level))
        };
        let dimensions: Result<Vec<Dimension>, RegistrationError> = dimensions.iter().enumerate().map(build).collect();
        // A crossing that is named twice is one.
        let crossings = crossings.clone().map(|all| all.into_iter().collect::<BTreeSet<_>>().into_iter().collect());
        Ok(Self { dimensions: dimensions?, crossings, revisions: *revisions })
    }
}

/// Which category of a level each atom is in.
fn membership(of: &RegisteredDimension, level: &RegisteredLevel) -> Result<Vec<Option<usize>>, RegistrationError> {
    let mut inside = vec![None; of.atoms as usize];
    for (category, atoms) in level.categories.iter().enumerate() {
        if atoms.is_empty() {
            return nonsense(format!(
                "category {category} of `{}` in `{}` has no atoms: leave it out",
                level.name, of.name
            ));
        }
        for atom in atoms {
            match inside.get_mut(*atom as usize) {
                Some(slot @ None) => *slot = Some(category),
                Some(Some(_)) => {
                    let what = format!(
                        "atom {atom} is in two categories of `{}` in `{}`: make two levels of it",
                        level.name, of.name
                    );
                    return nonsense(what);
                }
                None => {
                    let what =
                        format!("atom {atom} of `{}` in `{}` is beyond its {} atoms", level.name, of.name, of.atoms);
                    return nonsense(what);
                }
            }
        }
    }
    Ok(inside)
}

impl Dimension {
    fn build(
        registered: &RegisteredDimension,
        once: bool,
        used: impl Fn(usize) -> bool,
    ) -> Result<Self, RegistrationError> {
        if registered.levels.is_empty() {
            return nonsense(format!("`{}` has no levels: register its total at least", registered.name));
        }
        let (atoms, levels) = (registered.atoms, registered.levels.len());
        if atoms > MOST_ATOMS || levels > MOST_LEVELS {
            let what = format!(
                "`{}` has {atoms} atoms and {levels} levels, at most {MOST_ATOMS} and {MOST_LEVELS} can be judged",
                registered.name
            );
            return Err(RegistrationError::TooLarge { what });
        }
        let levels: Result<Vec<_>, _> = registered.levels.iter().map(|level| membership(registered, level)).collect();
        let mut levels = levels?;
        // What is in no crossing says nothing.
        let unused = levels.iter_mut().enumerate().filter(|(number, _)| !used(*number));
        unused.for_each(|(_, level)| level.fill(None));
        let known = registered.known.as_ref().map(|known| membership(registered, known)).transpose()?;
        let mut numbers: BTreeMap<Vec<Option<usize>>, usize> = BTreeMap::new();
        let mut class_of = Vec::new();
        for atom in 0..registered.atoms as usize {
            let at = |level: &Vec<Option<usize>>| level.get(atom).copied().flatten();
            let signature: Vec<Option<usize>> = levels.iter().chain(&known).map(at).collect();
            // Of an atom that is in nothing, nothing is said.
            if signature.iter().all(Option::is_none) {
                class_of.push(None);
                continue;
            }
            let next = numbers.len();
            class_of.push(Some(*numbers.entry(signature).or_insert(next)));
        }
        let classes = numbers.len();
        if classes > MOST_CLASSES {
            let what = format!(
                "`{}` tells {classes} atoms apart, at most {MOST_CLASSES} can be judged: split the group, or register coarser categories",
                registered.name
            );
            return Err(RegistrationError::TooLarge { what });
        }
        let sets = |membership: &[Option<usize>], count: usize| {
            let mut sets = vec![BTreeSet::new(); count];
            for (category, class) in membership.iter().zip(&class_of) {
                if let (Some(category), Some(class)) = (category, class)
                    && let Some(set) = sets.get_mut(*category)
                {
                    set.insert(*class);
                }
            }
            sets.into_iter().map(|set| set.into_iter().collect::<Vec<usize>>()).filter(|set| !set.is_empty())
        };
        let known = match (&known, &registered.known) {
            (Some(membership), Some(level)) => sets(membership, level.categories.len()).collect(),
            _ => Vec::new(),
        };
        let levels: Vec<(String, Vec<Vec<usize>>)> = registered
            .levels
            .iter()
            .zip(&levels)
            .map(|(level, membership)| (level.name.clone(), sets(membership, level.categories.len()).collect()))
            .collect();
        Ok(Self::of_sets(registered.name.clone(), classes, known, levels, once))
    }

    fn of_sets(
        name: String,
        classes: usize,
        known: Vec<Vec<usize>>,
        sets: Vec<(String, Vec<Vec<usize>>)>,
        once: bool,
    ) -> Self {
        let (mut categories, mut level_of, mut levels) = (Vec::new(), Vec::new(), Vec::new());
        let mut places: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        for (number, (name, sets)) in sets.into_iter().enumerate() {
            let mut inside = Vec::new();
            for set in sets {
                let place = places.get(&set).copied().filter(|_| once).unwrap_or_else(|| {
                    places.insert(set.clone(), categories.len());
                    categories.push(set);
                    level_of.push(number);
                    categories.len() - 1
                });
                inside.push(place);
            }
            levels.push(Level { name, categories: inside });
        }
        let mut inside = vec![Vec::new(); classes];
        for (category, set) in categories.iter().enumerate() {
            for class in set {
                if let Some(list) = inside.get_mut(*class) {
                    list.push(category);
                }
            }
        }
        let mut known_of = vec![None; classes];
        for (number, set) in known.iter().enumerate() {
            for class in set {
                if let Some(slot) = known_of.get_mut(*class) {
                    *slot = Some(number);
                }
            }
        }
        Self { name, classes, categories, level_of, levels, inside, known_of, known }
    }
}
