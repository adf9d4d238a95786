//! Directions: changes of the atoms that change a cell by one and few published cells at all.

use std::collections::{BTreeMap, BTreeSet};

use super::structure::{Dimension, RegistrationError, Structure};

/// So many petals are told apart; fewer than there are is on the safe side.
const PETALS: [u32; 10] = [64, 48, 32, 24, 16, 12, 8, 6, 4, 2];
/// Different neighbourhoods of one level, at most.
const MOST_PROFILES: usize = 200;
/// Atoms that are tried as the partner of another one, at most.
const MOST_PAIRED: usize = 12;

/// A change in one dimension, of which there are several forms (*petals*): one atom more and, perhaps, another one less. By level, how
/// many categories change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Move {
    /// With every petal.
    pub(super) core: Vec<u32>,
    /// With one petal and no other: at most so many.
    pub(super) own: Vec<u32>,
    /// How many forms there are; 0 stands for a single one.
    pub(super) petals: u32,
}

impl Move {
    fn is_better(&self, other: &Self) -> bool {
        let fewer = |a: &[u32], b: &[u32]| a.iter().zip(b).all(|(a, b)| a <= b);
        fewer(&self.core, &other.core) && fewer(&self.own, &other.own) && self.petals >= other.petals
    }

    /// All categories that change, by level.
    pub(super) fn all(&self) -> Vec<u32> {
        self.core.iter().zip(&self.own).map(|(core, own)| core + own).collect()
    }
}

/// What can be done about one category: its moves, none better than another.
pub(super) type Profile = Vec<Move>;

/// Of each level, then of each atom, the profiles of its categories that are not public, the best ones left out.
pub(super) fn profiles(dimension: &Dimension) -> Result<Vec<BTreeSet<Profile>>, RegistrationError> {
    let moves: Vec<Vec<(Vec<usize>, Move)>> = (0..dimension.classes).map(|class| dimension.of_atom(class)).collect();
    let of_set = |classes: &[usize], category: Option<usize>| -> Profile {
        let of = classes.iter().filter_map(|class| moves.get(*class)).flatten();
        let changes = |core: &[usize]| category.is_none_or(|category| core.binary_search(&category).is_ok());
        let found = of.filter(|(core, _)| changes(core)).map(|(_, found)| found.clone());
        let more = category.map_or_else(Vec::new, |category| dimension.of_category(category, classes));
        best(found.chain(more).collect())
    };
    let mut result = Vec::new();
    for level in &dimension.levels {
        let sets = level.categories.iter().filter_map(|place| Some((*place, dimension.categories.get(*place)?)));
        let sets = sets.filter(|(_, set)| !dimension.is_public(set));
        result.push(worst(&sets.map(|(place, set)| of_set(set, Some(place))).collect()));
    }
    let atoms = (0..dimension.classes).filter(|class| !dimension.is_public(&[*class]));
    result.push(worst(&atoms.map(|class| of_set(&[class], None)).collect()));
    if let Some(place) = result.iter().position(|profiles| profiles.len() > MOST_PROFILES) {
        let level = dimension.levels.get(place).map_or(super::structure::EACH_ATOM, |level| level.name.as_str());
        let what = format!(
            "categories of `{level}` in `{}` overlap in more than {MOST_PROFILES} ways: make them more regular, or drop a level",
            dimension.name
        );
        return Err(RegistrationError::TooLarge { what });
    }
    Ok(result)
}

/// Petals, as they are found: each changes the core and, besides, categories that no other one changes.
struct Petals {
    taken: BTreeSet<usize>,
    found: Move,
}

impl Petals {
    fn of(dimension: &Dimension, core: &[usize]) -> Self {
        let core = dimension.by_level(core);
        let own = vec![0; core.len()];
        Self { taken: BTreeSet::new(), found: Move { core, own, petals: 0 } }
    }

    /// Adds one with these categories of its own, if no other one has any of them.
    fn add(&mut self, dimension: &Dimension, own: &[usize]) -> bool {
        let is_new = own.iter().all(|category| !self.taken.contains(category));
        if is_new {
            self.found.own.iter_mut().zip(dimension.by_level(own)).for_each(|(most, count)| *most = count.max(*most));
            self.taken.extend(own);
            self.found.petals += 1;
        }
        is_new
    }

    /// With one of the numbers of petals that are told apart.
    fn counted(mut self) -> Move {
        self.found.petals = PETALS.into_iter().find(|count| *count <= self.found.petals).unwrap_or(1);
        self.found
    }
}

/// What is in one ascending list and not in another.
fn less(a: &[usize], b: &[usize]) -> Vec<usize> {
    a.iter().copied().filter(|one| b.binary_search(one).is_err()).collect()
}

impl Dimension {
    fn inside(&self, class: usize) -> &[usize] {
        self.inside.get(class).map_or(&[], Vec::as_slice)
    }

    fn known(&self, class: usize) -> Option<usize> {
        self.known_of.get(class).copied().flatten()
    }

    /// How many of these categories are of each level.
    fn by_level(&self, categories: &[usize]) -> Vec<u32> {
        let mut counts = vec![0; self.levels.len()];
        for category in categories {
            let slot = self.level_of.get(*category).and_then(|level| counts.get_mut(*level));
            slot.into_iter().for_each(|slot| *slot += 1);
        }
        counts
    }

    /// One more of an atom, alone or with one less of another; each with the categories of its core.
    fn of_atom(&self, atom: usize) -> Vec<(Vec<usize>, Move)> {
        let mut found = Vec::new();
        let all = self.inside(atom);
        // One more of this atom is seen at once where a sum that it belongs to is known.
        if self.known(atom).is_none() {
            found.push((all.to_vec(), Petals::of(self, all).found));
        }
        // Others by which categories of this atom they are not in.
        let mut groups: BTreeMap<Vec<usize>, Petals> = BTreeMap::new();
        for other in (0..self.classes).filter(|other| *other != atom && self.known(*other) == self.known(atom)) {
            let core = less(all, self.inside(other));
            if core.is_empty() {
                continue;
            }
            let petals = groups.entry(core).or_insert_with_key(|core| Petals::of(self, core));
            petals.add(self, &less(self.inside(other), all));
        }
        found.extend(groups.into_iter().map(|(core, petals)| (core, petals.counted())));
        found
    }

    /// One more of any atom of a category, alone or with one less of any that is not in it. The core is what all of the category are in.
    fn of_category(&self, category: usize, classes: &[usize]) -> Vec<Move> {
        let Some((first, rest)) = classes.split_first() else { return Vec::new() };
        let mut common = self.inside(*first).to_vec();
        common.retain(|one| rest.iter().all(|class| self.inside(*class).binary_search(one).is_ok()));
        let mut alone = Petals::of(self, &common);
        for class in classes.iter().filter(|class| self.known(**class).is_none()) {
            alone.add(self, &less(self.inside(*class), &common));
        }
        let mut groups: BTreeMap<Vec<usize>, (Petals, Vec<usize>)> = BTreeMap::new();
        for other in 0..self.classes {
            let others = self.inside(other);
            let core = less(&common, others);
            if core.binary_search(&category).is_err() {
                continue;
            }
            let group = groups.entry(core).or_insert_with_key(|core| (Petals::of(self, core), classes.to_vec()));
            let (core, (petals, left)) = (less(&common, others), group);
            let pairs = left.iter().take(MOST_PAIRED).position(|one| {
                let all = self.inside(*one);
                let own = [less(&less(all, others), &core), less(others, all)].concat();
                self.known(*one) == self.known(other) && petals.add(self, &own)
            });
            if let Some(place) = pairs {
                left.remove(place);
            }
        }
        let groups = groups.into_values().map(|(petals, _)| petals);
        groups.chain([alone]).filter(|petals| petals.found.petals > 0).map(Petals::counted).collect()
    }
}

/// The moves that no other one is better than.
fn best(moves: BTreeSet<Move>) -> Profile {
    let mut kept: Profile = Vec::new();
    for one in moves {
        if kept.iter().any(|other| other.is_better(&one)) {
            continue;
        }
        kept.retain(|other| !one.is_better(other));
        kept.push(one);
    }
    kept.sort();
    kept
}

/// The profiles that are not at least as good as another one: what holds for these holds for all.
fn worst(profiles: &BTreeSet<Profile>) -> BTreeSet<Profile> {
    let covers = |good: &Profile, bad: &Profile| bad.iter().all(|one| good.iter().any(|other| other.is_better(one)));
    let mut kept: Vec<Profile> = Vec::new();
    for profile in profiles {
        if kept.iter().any(|bad| covers(profile, bad)) {
            continue;
        }
        kept.retain(|good| !covers(good, profile));
        kept.push(profile.clone());
    }
    kept.into_iter().collect()
}

impl Structure {
    /// How many published cells change where these categories of each dimension change, given by level.
    pub(super) fn cells(&self, by_level: &[Vec<u32>]) -> u64 {
        let product = match &self.crossings {
            None => by_level
                .iter()
                .map(|counts| counts.iter().copied().map(u64::from).sum::<u64>())
                .fold(1, u64::saturating_mul),
            Some(crossings) => {
                let count = |crossing: &Vec<usize>| {
                    let counts = by_level.iter().zip(crossing).map(|(counts, level)| counts.get(*level).copied());
                    counts.map(|count| u64::from(count.unwrap_or(0))).fold(1, u64::saturating_mul)
                };
                crossings.iter().map(count).fold(0, u64::saturating_add)
            }
        };
        product.saturating_mul(u64::from(self.revisions))
    }
}
