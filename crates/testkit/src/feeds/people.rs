//! The synthetic people whom several services meet: one pool, so that some are known to two or three of them.

use std::collections::BTreeMap;

use super::calendar::Date;
use super::postcodes::Postcodes;
use crate::random::{Random, Seed};
use crate::world::{Lsoa, World};

/// How many people the services know, about one resident in five.
const POOL: u64 = 48_000;
/// NHS numbers from 999 000 0000 are set aside for tests; these are the first nine digits of the first one.
const FIRST_STEM: u64 = 999_000_000;
/// First nine digits of the numbers of canaries, far from the pool's.
const FIRST_CANARY_STEM: u64 = 999_900_000;

/// A synthetic person. Deliberately without `Debug`: test output is a log, too.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// NHS number, ten digits.
    pub(super) nhs: u64,
    /// Position of the home in [`World::lsoas`].
    pub(super) lsoa: usize,
    /// Position of the home in [`World::postcodes`].
    pub(super) postcode: usize,
    pub(super) male: bool,
    pub(super) born: Date,
    /// `Given Family`.
    pub(super) name: String,
    /// How often they meet services, relative to most people's 1.
    pub(super) activity: u32,
    /// Whether they opted out of use of their data beyond their own care.
    pub(super) opted_out: bool,
}

/// The pool, sorted by home.
pub(super) struct People {
    pub(super) all: Vec<Person>,
}

impl People {
    pub(super) fn make(seed: Seed, world: &World, postcodes: &Postcodes) -> Self {
        let mut random = Random::stream(seed, "people");
        let residents: u64 = world.lsoas.iter().map(|lsoa| u64::from(lsoa.people(2023).total())).sum();
        let shares: Vec<u64> =
            world.lsoas.iter().map(|lsoa| u64::from(lsoa.people(2023).total()) * POOL / residents.max(1)).collect();
        let mut numbers: Vec<u64> =
            (FIRST_STEM..).filter_map(nhs_number).take(usize::try_from(POOL).unwrap_or_default()).collect();
        random.shuffle(&mut numbers);
        let mut numbers = numbers.into_iter();
        let mut all = Vec::new();
        for (position, (lsoa, share)) in world.lsoas.iter().zip(shares).enumerate() {
            for _ in 0..share {
                let (Some(nhs), Some(postcode)) = (numbers.next(), postcodes.live(&mut random, position)) else {
                    continue;
                };
                all.extend(draw_person(&mut random, lsoa, position, nhs, postcode));
            }
        }
        Self { all }
    }
}

fn draw_person(random: &mut Random, lsoa: &Lsoa, position: usize, nhs: u64, postcode: usize) -> Option<Person> {
    let (male, age) = draw_age(random, lsoa);
    let day = 1 + random.below(28);
    let month = 1 + i32::try_from(random.below(12)).unwrap_or_default();
    // Everyone is born by the end of 2022, so that nobody is met before birth.
    let born = model::Month::new(2022 - age, month)?;
    Some(Person {
        nhs,
        lsoa: position,
        postcode,
        male,
        born: Date { month: born, day },
        name: draw_name(random),
        activity: [1, 3, 8, 20].get(random.weighted(&[60, 25, 11, 4])).copied().unwrap_or(1),
        opted_out: random.chance(3, 100),
    })
}

/// Sex and age from the area's own pyramid; children and older people meet services more often.
fn draw_age(random: &mut Random, lsoa: &Lsoa) -> (bool, i32) {
    let pyramid = lsoa.people(2023);
    let weights: Vec<u32> = pyramid
        .female
        .iter()
        .zip(0..)
        .chain(pyramid.male.iter().zip(0..))
        .map(|(people, age)| {
            people
                * match age {
                    0..16 => 3,
                    16..65 => 2,
                    65..80 => 4,
                    _ => 6,
                }
        })
        .collect();
    let drawn = random.weighted(&weights);
    let (male, age) = if drawn < pyramid.female.len() { (false, drawn) } else { (true, drawn - pyramid.female.len()) };
    let over_ninety = if age >= 90 { i32::try_from(random.below(8)).unwrap_or_default() } else { 0 };
    (male, i32::try_from(age).unwrap_or_default() + over_ninety)
}

/// Names are put together from syllables so that nobody's is copied.
pub(super) fn draw_name(random: &mut Random) -> String {
    const GIVEN: [&[&str]; 2] = [
        &["Al", "Be", "Cor", "Da", "El", "Fen", "Gar", "Hol", "Is", "Jo", "Ke", "Lu", "Mar", "Ne", "Ro"],
        &["by", "den", "la", "lin", "mo", "na", "ra", "rin", "sa", "ta", "tin", "vy", "wen"],
    ];
    const FAMILY: [&[&str]; 2] = [
        &[
            "Ash", "Bram", "Clay", "Dun", "Elm", "Far", "Hes", "Kel", "Lang", "Mere", "Nor", "Ox", "Pen", "Rush",
            "Thorn",
        ],
        &["bank", "bury", "combe", "croft", "gate", "ham", "ley", "mere", "shaw", "stead", "thwaite", "wick", "worth"],
    ];
    let mut word = |parts: [&[&'static str]; 2]| -> String {
        parts.iter().filter_map(|part| random.pick(part).copied()).collect()
    };
    let given = word(GIVEN);
    format!("{given} {}", word(FAMILY))
}

/// A whole NHS number from its first nine digits: the tenth is eleven minus the weighted sum (10 for the first digit to
/// 2 for the ninth) modulo 11, and 11 is written 0. None where that is 10: such numbers are not issued.
/// Source: NHS Data Model and Dictionary, NHS NUMBER.
pub(super) fn nhs_number(stem: u64) -> Option<u64> {
    let (mut rest, mut sum) = (stem, 0);
    for weight in 2..=10 {
        sum += rest % 10 * weight;
        rest /= 10;
    }
    match 11 - sum % 11 {
        11 => Some(stem * 10),
        10 => None,
        check => Some(stem * 10 + check),
    }
}

/// The NHS number of a numbered canary; the numbers of different canaries differ.
pub(super) fn canary_number(serial: usize) -> u64 {
    (FIRST_CANARY_STEM..).filter_map(nhs_number).nth(serial).unwrap_or_default()
}

/// Draws people of an area in proportion to how likely a service meets them.
pub(super) struct Picker {
    /// By area: running totals of weights, with the person's position.
    areas: BTreeMap<usize, Vec<(u64, usize)>>,
}

impl Picker {
    pub(super) fn new(people: &People, weight: impl Fn(&Person) -> u32) -> Self {
        let mut areas: BTreeMap<usize, Vec<(u64, usize)>> = BTreeMap::new();
        for (position, person) in people.all.iter().enumerate() {
            let running = areas.entry(person.lsoa).or_default();
            let before = running.last().map_or(0, |(total, _)| *total);
            let own = u64::from(weight(person));
            if own > 0 {
                running.push((before + own, position));
            }
        }
        Self { areas }
    }

    /// Someone who lives in the area; none if the service meets nobody there.
    pub(super) fn pick<'a>(&self, random: &mut Random, people: &'a People, lsoa: usize) -> Option<&'a Person> {
        let running = self.areas.get(&lsoa)?;
        let (total, _) = running.last()?;
        let at = u64::from(random.below(u32::try_from(*total).unwrap_or(u32::MAX)));
        let (_, person) = running.get(running.partition_point(|(to, _)| *to <= at))?;
        people.all.get(*person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_follow_the_published_rule() {
        // 943 476 5919 is the worked example of the data dictionary.
        for (stem, expect) in [(943_476_591, Some(9_434_765_919)), (999_000_001, Some(9_990_000_018))] {
            assert_eq!(nhs_number(stem), expect);
        }
        for number in (FIRST_STEM..FIRST_STEM + 2_000).filter_map(nhs_number) {
            let digits: Vec<u64> = number.to_string().bytes().map(|b| u64::from(b - b'0')).collect();
            let sum: u64 = digits.iter().zip((1..=10).rev()).map(|(digit, weight)| digit * weight).sum();
            assert_eq!(sum % 11, 0, "{number}");
        }
        let canaries: std::collections::BTreeSet<u64> = (0..100).map(canary_number).collect();
        assert_eq!(canaries.len(), 100);
        assert!(canaries.iter().all(|n| (9_990_000_000..=9_999_999_999).contains(n)));
    }
}
