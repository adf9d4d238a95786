//! Who lives where: need, town centres, and people by sex and single year of age over three years.

use super::grow::at;
use super::noise::Noise;
use super::places::{CENTRES, NEW_ESTATE, POCKETS};
use super::plan::{Plan, bump};
use crate::random::{Random, Seed};
use crate::world::{Point, Pyramid};

/// People of each district at mid-2023.
const DISTRICT_PEOPLE: [i64; 2] = [117_700, 110_600];
/// Ages 0 to 89 and "90 and over".
const AGES: usize = 91;

/// How many of 1,000 people are in each five-year band, 0-4 to 90 and over, in a place like this.
const BANDS: [i64; 19] = [50, 56, 59, 54, 47, 55, 64, 66, 64, 61, 70, 73, 67, 57, 51, 46, 29, 16, 9];
/// Yearly deaths of 100,000 at ages 0, 10, ... 90.
const DEATHS: [i64; 10] = [300, 10, 45, 70, 140, 340, 850, 2_100, 5_800, 19_000];
/// Yearly births to 1,000 women at ages 15, 20, ... 45.
const BIRTHS: [i64; 7] = [4, 42, 92, 108, 56, 10, 0];

/// What need is before it is ranked: smooth noise, named pockets, and a little for density.
pub(crate) fn raw_need(seed: Seed, plan: &Plan) -> Vec<i64> {
    let (broad, local) = (Noise::new(seed, "need", 4_000), Noise::new(seed, "need-local", 1_200));
    plan.patches
        .iter()
        .map(|patch| {
            let pockets: i64 =
                POCKETS.iter().map(|(p, strength, radius)| strength * bump(patch.middle, *p, *radius) / 1_000).sum();
            let density = patch.weight / i64::try_from(patch.cells.len()).unwrap_or(1).max(1);
            pockets + broad.at(patch.middle) * 300 / 1_000 + local.at(patch.middle) * 180 / 1_000 + density * 2
        })
        .collect()
}

/// Values replaced by their rank, from 0 (least) to 1,000 (most).
pub(crate) fn ranked(values: &[i64]) -> Vec<u32> {
    let top = values.len().saturating_sub(1).max(1);
    values
        .iter()
        .enumerate()
        .map(|(own, value)| {
            let below = values.iter().enumerate().filter(|(other, v)| (**v, *other) < (*value, own)).count();
            (below * 1_000 / top) as u32
        })
        .collect()
}

/// How much of a town centre a place is, from 0 to 1,000.
pub(crate) fn centre(point: Point) -> u32 {
    let strongest = CENTRES.iter().map(|(place, strength, radius)| strength * bump(point, *place, *radius) / 1_000);
    strongest.max().unwrap_or(0).max(0) as u32
}

/// People of every LSOA at the middle of 2023, 2024 and 2025.
pub(crate) fn populations(seed: Seed, plan: &Plan, need: &[u32]) -> Vec<[Pyramid; 3]> {
    let mut random = Random::stream(seed, "population");
    let district_weight = |district: usize| {
        let weights = plan.patches.iter().filter(|p| p.district == district).map(|p| p.weight.min(cap(plan)));
        weights.sum::<i64>().max(1)
    };
    let totals = [district_weight(0), district_weight(1)];
    plan.patches
        .iter()
        .enumerate()
        .map(|(lsoa, patch)| {
            // Half an equal share, half by drawn weight: that keeps LSOAs within the range of real ones.
            let people = at(&DISTRICT_PEOPLE, patch.district);
            let drawn = people * patch.weight.min(cap(plan)) / at(&totals, patch.district).max(1);
            let size = (people / 70 + drawn) / 2 + i64::from(random.between(-300, 300));
            let family = bump(patch.middle, NEW_ESTATE.0, NEW_ESTATE.1);
            let density = patch.weight / i64::try_from(patch.cells.len()).unwrap_or(1).max(1);
            let older = i64::from(random.between(-280, 280)) + (90 - density).clamp(-60, 90) * 2;
            let first = draw(&mut random, size, i64::from(at(need, lsoa)), family, older);
            let second = age_a_year(&mut random, &first, family);
            let third = age_a_year(&mut random, &second, family);
            [first, second, third]
        })
        .collect()
}

/// The greatest weight an LSOA may count with: sparse places of few LSOAs gather very much.
fn cap(plan: &Plan) -> i64 {
    let total: i64 = plan.patches.iter().map(|patch| patch.weight).sum();
    total * 17 / (10 * 140)
}

/// The value at an age from a table with one entry each `step` years, interpolated.
fn between_entries(table: &[i64], age: i64, step: i64) -> i64 {
    let entry = usize::try_from(age / step).unwrap_or(0);
    let (low, high) = (at(table, entry), table.get(entry + 1).copied().unwrap_or_else(|| at(table, entry)));
    low + (high - low) * (age % step) / step
}

/// The share of an age among all ages, in no particular unit.
fn age_weight(age: i64, need: i64, family: i64, older: i64) -> i64 {
    let base = if age >= 90 { at(&BANDS, 18) * 5 } else { between_entries(&BANDS, (age - 2).max(0), 5) };
    let need = need - 500;
    let tilt = match age {
        0..=17 => need * 24 / 100 + family * 80 / 100,
        18..=24 => need * 30 / 100 - family * 20 / 100,
        25..=44 => need * 16 / 100 + family,
        45..=64 => -need * 8 / 100 - family * 35 / 100,
        _ => -need * 38 / 100 - family * 75 / 100 + older,
    };
    base * (1_000 + tilt).max(80)
}

/// Males among 1,000 people of an age.
fn males(age: i64) -> i64 {
    match age {
        0..=19 => 512,
        20..=49 => 497,
        _ => (490 - (age - 50) * 32 / 10).max(345),
    }
}

fn draw(random: &mut Random, size: i64, need: i64, family: i64, older: i64) -> Pyramid {
    let weights: Vec<i64> = (0..AGES as i64).map(|age| age_weight(age, need, family, older)).collect();
    let total = weights.iter().sum::<i64>().max(1);
    let mut pyramid = Pyramid { female: Vec::new(), male: Vec::new() };
    for (age, weight) in (0_i64..).zip(&weights) {
        let expected_milli = size * 1_000 * weight / total;
        let male = expected_milli * males(age) / 1_000;
        pyramid.male.push(random.poisson(male as u32));
        pyramid.female.push(random.poisson((expected_milli - male) as u32));
    }
    pyramid
}

/// The same people a year later: one year older, without those who died or left, with those born or come.
fn age_a_year(random: &mut Random, before: &Pyramid, family: i64) -> Pyramid {
    let births_milli: i64 = before
        .female
        .iter()
        .zip(0_i64..)
        .filter(|(_, age)| (15..50).contains(age))
        .map(|(women, age)| i64::from(*women) * between_entries(&BIRTHS, age - 15, 5))
        .sum();
    let born = random.poisson(births_milli.max(0) as u32);
    let boys = random.binomial(born, 512, 1_000);
    Pyramid {
        female: one_sex(random, &before.female, born - boys, family, 88),
        male: one_sex(random, &before.male, boys, family, 112),
    }
}

fn one_sex(random: &mut Random, before: &[u32], born: u32, family: i64, deaths_percent: i64) -> Vec<u32> {
    let mut after = vec![born];
    for (age, people) in (0_i64..).zip(before) {
        let deaths = between_entries(&DEATHS, age, 10) * deaths_percent / 100;
        let leaving_per_mille = match age {
            17..=19 => 150,
            20..=34 => 85,
            35..=64 => 40,
            0..=16 => 45,
            _ => 22,
        };
        let dead = random.binomial(*people, deaths as u32, 100_000);
        let left = random.binomial(people - dead, leaving_per_mille, 1_000);
        // A little more come than go, most of them to the new estate; young adults go and come back older.
        let coming_per_mille = match age {
            17..=19 => 60,
            20..=34 => 105,
            35..=64 => 45,
            0..=16 => 54,
            _ => 25,
        } + i64::from(age < 45) * family * 40 / 1_000;
        let come = random.poisson((i64::from(*people) * coming_per_mille) as u32);
        after.push(people - dead - left + come);
    }
    // Those who were 89 and those who were already 90 or more make up the last age.
    let oldest = after.split_off(AGES.min(after.len()));
    if let Some(last) = after.last_mut() {
        *last += oldest.iter().sum::<u32>();
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_run_from_0_to_1000_even_with_ties() {
        assert_eq!(ranked(&[5, 5, 1]), [500, 1_000, 0]);
        assert_eq!(ranked(&[7]), [0]);
    }

    #[test]
    fn a_year_makes_people_a_year_older() {
        let mut random = Random::stream(Seed(1), "test");
        let mut before = Pyramid { female: vec![0; AGES], male: vec![0; AGES] };
        before.female[40] = 1_000;
        before.male[90] = 1_000;
        let after = age_a_year(&mut random, &before, 0);
        assert_eq!((after.female.len(), after.male.len()), (AGES, AGES));
        assert!((950..=1_050).contains(&after.female[41]), "{}", after.female[41]);
        assert_eq!(after.female[40], 0);
        assert!((700..=900).contains(&after.male[90]), "{}", after.male[90]);
        assert_eq!(after.total(), after.female[41] + after.male[90] + after.female[0] + after.male[0]);
    }
}
