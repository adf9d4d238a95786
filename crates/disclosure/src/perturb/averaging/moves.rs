//! Directions: changes of the atoms that change a cell by one and few published cells at all.

use std::collections::{BTreeMap, BTreeSet};

use super::structure::{Dimension, RegistrationError, Structure};

/// So many petals are told apart; fewer than there are is on the safe side.
const PETALS: [u32; 10] = [64, 48, 32, 24, 16, 12, 8, 6, 4, 2];
/// Different neighbourhoods of one level, at most.
const MOST_PROFILES: usize = 200;

/// A change in one dimension: one atom more, or one atom more and one of several others (*petals*) less. By level, how many
/// categories change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Move {
    /// With any petal: the categories of the atom itself that the petals are not in.
    pub(super) core: Vec<u32>,
    /// With one petal, which no other shares: at most so many.
    pub(super) own: Vec<u32>,
    /// How many others there are; 0 if nothing becomes less.
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
    let moves: Vec<Vec<(BTreeSet<usize>, Move)>> =
        (0..dimension.classes).map(|class| of_atom(dimension, class)).collect();
    let of_set = |classes: &[usize], category: Option<usize>| -> Profile {
        let of = classes.iter().filter_map(|class| moves.get(*class)).flatten();
        let changes = |core: &BTreeSet<usize>| category.is_none_or(|category| core.contains(&category));
        best(of.filter(|(core, _)| changes(core)).map(|(_, found)| found.clone()).collect())
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

/// The moves of one atom, each with the categories of its core.
fn of_atom(dimension: &Dimension, atom: usize) -> Vec<(BTreeSet<usize>, Move)> {
    let inside = |class: usize| dimension.inside.get(class).map_or(&[][..], Vec::as_slice);
    let known = |class: usize| dimension.known_of.get(class).copied().flatten();
    let levels = |categories: &mut dyn Iterator<Item = usize>| {
        let mut counts = vec![0; dimension.levels.len()];
        for category in categories {
            let level = dimension.level_of.get(category).and_then(|level| counts.get_mut(*level));
            level.into_iter().for_each(|slot| *slot += 1);
        }
        counts
    };
    let mut found = Vec::new();
    let own_categories = inside(atom);
    // One more of this atom is seen at once where a sum that it belongs to is known.
    if known(atom).is_none() {
        let core = levels(&mut own_categories.iter().copied());
        let own = vec![0; core.len()];
        found.push((own_categories.iter().copied().collect(), Move { core, own, petals: 0 }));
    }
    // Others by which categories of this atom they are not in; of these, those that share nothing of their own.
    let mut groups: BTreeMap<Vec<usize>, (BTreeSet<usize>, Move)> = BTreeMap::new();
    for other in (0..dimension.classes).filter(|other| *other != atom && known(*other) == known(atom)) {
        let others = inside(other);
        let core: Vec<usize> = own_categories.iter().copied().filter(|c| others.binary_search(c).is_err()).collect();
        let mut own = others.iter().copied().filter(|c| own_categories.binary_search(c).is_err());
        if core.is_empty() {
            continue;
        }
        let (taken, so_far) = groups.entry(core).or_insert_with_key(|core| {
            let core = levels(&mut core.iter().copied());
            let own = vec![0; core.len()];
            (BTreeSet::new(), Move { core, own, petals: 0 })
        });
        if own.clone().any(|category| taken.contains(&category)) {
            continue;
        }
        let counts = levels(&mut own.clone());
        taken.extend(own.by_ref());
        so_far.petals += 1;
        so_far.own.iter_mut().zip(counts).for_each(|(most, count)| *most = count.max(*most));
    }
    for (core, (_, mut petals)) in groups {
        petals.petals = PETALS.into_iter().find(|count| *count <= petals.petals).unwrap_or(1);
        found.push((core.into_iter().collect(), petals));
    }
    found
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
