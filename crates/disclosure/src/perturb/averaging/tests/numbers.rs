//! Exact probabilities against enumeration of everything, variances against dense equations.

use std::collections::BTreeMap;

use super::super::exact::{Exact, binomial};
use super::super::neighbours::beats_neighbours;
use super::super::structure::Structure;
use super::super::{erf, squares};
use super::*;
use crate::perturb::tests::Keys;

type Noises = Vec<(i64, f64)>;

/// Several small kinds of noise of large counts.
fn noises() -> Vec<Noises> {
    let of = |largest, variance, stays| table(largest, variance, 0, stays).probabilities(1000);
    vec![of(1, 0.5, 0.0), of(1, 0.4, 0.55), of(2, 1.2, 0.0), of(2, 1.0, 0.45), of(3, 1.9, 0.3)]
}

/// All vectors of noise, with their probabilities.
fn vectors(noise: &Noises, length: usize) -> Vec<(Vec<i64>, f64)> {
    let mut all = vec![(Vec::new(), 1.0)];
    for _ in 0..length {
        let longer =
            |(v, p): &(Vec<i64>, f64)| noise.iter().map(|(e, q)| ([&v[..], &[*e]].concat(), p * q)).collect::<Vec<_>>();
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// The best guess of a value, of which there is a joint law with what is seen: the sum over what is seen of the most probable value.
fn best<K: Ord>(joint: impl Iterator<Item = (K, i64, f64)>) -> f64 {
    let mut seen: BTreeMap<K, BTreeMap<i64, f64>> = BTreeMap::new();
    joint.for_each(|(key, value, p)| *seen.entry(key).or_default().entry(value).or_default() += p);
    seen.values().map(|values| values.values().copied().fold(0.0, f64::max)).sum()
}

#[test]
fn guesses_are_those_of_all_vectors() {
    for noise in noises() {
        let mut exact = Exact::new(&noise);
        for length in 1..=5 {
            // Up to a shift, a vector of observations is its differences to the first; the shift is the first noise.
            let joint = vectors(&noise, length)
                .into_iter()
                .map(|(v, p)| (v.iter().map(|e| e - v[0]).collect::<Vec<_>>(), v[0], p));
            let expected = best(joint);
            assert!((exact.guess(length as u64) - expected).abs() < 1e-12, "{noise:?} {length}");
            let (low, high) = (noise[0].0, noise[noise.len() - 1].0);
            let certain = |v: &Vec<i64>| v.contains(&low) && v.contains(&high);
            let proved: f64 = vectors(&noise, length).iter().filter(|(v, _)| certain(v)).map(|(_, p)| p).sum();
            assert!((exact.proves(length as u64) - proved).abs() < 1e-12);
        }
    }
}

/// One observation of each petal's own and of the core, or two: what is bounded is at least what the best guess reaches.
#[test]
fn sunflowers_bound_what_the_best_guess_of_the_sum_reaches() {
    for noise in noises().into_iter().take(4) {
        let mut exact = Exact::new(&noise);
        for (core, own, petals) in [(1, 1, 2), (2, 1, 2), (1, 2, 2), (1, 1, 4), (2, 0, 3), (0, 1, 3)] {
            let length = core + own * petals;
            let mut joint = Vec::new();
            for bits in 0..1_usize << petals {
                let bit = |petal: usize| (bits >> petal & 1) as i64;
                let sum: i64 = (0..petals).map(bit).sum();
                let truth = |place: usize| if place < core { sum } else { bit((place - core) / own) };
                for (v, p) in vectors(&noise, length) {
                    let seen: Vec<i64> = v.iter().enumerate().map(|(place, e)| e + truth(place)).collect();
                    joint.push((seen, sum, p / f64::from(1_u32 << petals)));
                }
            }
            let reached = best(joint.into_iter());
            let bound = exact.sunflower(core as u64, own as u64, petals as u32);
            assert!(bound >= reached - 1e-9, "{noise:?} {core} {own} {petals}: {bound} below {reached}");
            // Nothing of its own: then there is nothing to give away besides.
            assert!(own > 0 || petals == 3 || (bound - reached).abs() < 1e-9);
        }
    }
}

/// Against the next integers alone a guess wins at least as often as against all of them, and hardly more often.
#[test]
fn neighbours_are_most_of_the_competition() {
    for noise in noises().into_iter().filter(|noise| noise.len() > 3) {
        let p: Vec<f64> = noise.iter().map(|(_, p)| *p).collect();
        let mut exact = Exact::new(&noise);
        for observations in 1..=6 {
            let guess = exact.guess(observations);
            let bound = beats_neighbours(&p, observations, None).unwrap();
            assert!(bound >= guess - 1e-9 && bound < guess + 0.1, "{noise:?} {observations}: {bound} and {guess}");
            for bits in [1, 2, 4] {
                let guess = exact.guess_bits(observations, bits);
                let bound = beats_neighbours(&p, observations, Some(&binomial(bits))).unwrap();
                assert!(
                    bound >= guess - 1e-9 && bound < guess + 0.1,
                    "{noise:?} {observations} {bits}: {bound} and {guess}"
                );
            }
        }
    }
}

/// Where kinds of vectors are too many, what is left out counts as guessed; the normal value is near.
#[test]
fn many_observations_are_bounded() {
    let mut exact = Exact::new(&table(5, 3.0, 2, 0.3).probabilities(1000));
    let mut last = 0.0;
    for observations in [1, 2, 3, 4, 6, 8, 12, 16, 24] {
        let guess = exact.guess(observations);
        assert!(guess >= last - 1e-12, "{observations}: {guess} after {last}");
        let normal = rounded_is_right(3.0 / observations as f64);
        assert!(guess > normal - 0.01 && guess < normal + 0.25, "{observations}: {guess} and {normal}");
        last = guess;
    }
    assert!((exact.guess(1) - 0.3).abs() < 1e-9);
    assert_eq!((exact.guess(1_000), exact.sunflower(200, 4, 8)), (1.0, 1.0));
    // A petal of which everything is known leaves nothing open.
    assert!(exact.sunflower(1, 1_000, 8) > 1.0 - 1e-12);
    // More petals, less known of each: harder.
    assert!(exact.sunflower(2, 2, 16) < exact.sunflower(2, 2, 4));
    assert!(exact.sunflower(2, 2, 16) < exact.sunflower(2, 8, 16));
    assert!(exact.sunflower(2, 2, 16) < exact.sunflower(4, 2, 16));
    assert!(exact.sunflower(2, 2, 64) >= exact.guess(2));
}

#[test]
fn the_error_function_is_that_of_tables() {
    for (x, expected) in
        [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.5, 0.999_593_048_0), (7.0, 1.0)]
    {
        assert!((erf(x) - expected).abs() < 1e-9, "{x}");
    }
    assert!((rounded_is_right(0.25) - 0.682_689_492).abs() < 1e-8);
}

/// The variance of a combination of atoms from these rows, by Gauss elimination on the normal equations with a weak prior.
fn dense(rows: &[(Vec<f64>, f64)], wanted: &[f64]) -> f64 {
    let size = wanted.len();
    let mut matrix: Vec<Vec<f64>> = (0..size)
        .map(|i| {
            let entry = |j| rows.iter().map(|(row, weight)| row[i] * row[j] * weight).sum::<f64>();
            (0..size).map(|j| entry(j) + f64::from(u8::from(i == j)) * 1e-8).chain([wanted[i]]).collect()
        })
        .collect();
    for i in 0..size {
        let pivot = (i..size).max_by(|a, b| matrix[*a][i].abs().total_cmp(&matrix[*b][i].abs())).unwrap();
        matrix.swap(i, pivot);
        for j in (0..size).filter(|j| *j != i) {
            let factor = matrix[j][i] / matrix[i][i];
            let pivot = matrix[i].clone();
            matrix[j].iter_mut().zip(pivot).skip(i).for_each(|(slot, entry)| *slot -= factor * entry);
        }
    }
    (0..size).map(|i| matrix[i][size] / matrix[i][i] * wanted[i]).sum()
}

fn indicator(atoms: &[u32], size: u32) -> Vec<f64> {
    (0..size).map(|atom| f64::from(u8::from(atoms.contains(&atom)))).collect()
}

fn cross(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().flat_map(|x| b.iter().map(move |y| x * y)).collect()
}

/// A dimension of some atoms with every atom, random partial partitions and perhaps known sums.
fn random_dimension(keys: &mut Keys, name: &str, known: bool) -> RegisteredDimension {
    let atoms = 3 + (keys.next() % 3) as u32;
    let mut levels = vec![RegisteredLevel::finest("atoms", atoms)];
    for number in 0..2 {
        let mut categories = vec![Vec::new(); 3];
        (0..atoms).for_each(|atom| categories[(keys.next() % 3) as usize].push(atom));
        // The third is left out: not every atom is in each level. Single atoms would be registered twice.
        categories.truncate(2);
        categories.retain(|category| category.len() > 1);
        let is_new = |set: &Vec<u32>| !levels.iter().any(|level| level.categories.contains(set));
        categories.retain(is_new);
        if !categories.is_empty() {
            levels.push(RegisteredLevel { name: format!("level {number}"), categories });
        }
    }
    let known = known.then(|| RegisteredLevel { name: "known".to_owned(), categories: vec![vec![0, 1]] });
    RegisteredDimension { name: name.to_owned(), atoms, levels, known }
}

#[test]
fn variances_are_those_of_dense_equations() {
    let mut keys = Keys(11);
    for run in 0..30 {
        let (a, b) = (random_dimension(&mut keys, "a", run % 3 == 0), random_dimension(&mut keys, "b", run % 2 == 0));
        let mut rows = Vec::new();
        let sets = |of: &RegisteredDimension, level: usize| -> Vec<Vec<f64>> {
            let categories = match of.levels.get(level) {
                Some(level) => level.categories.clone(),
                None => RegisteredLevel::finest("", of.atoms).categories,
            };
            categories.iter().map(|set| indicator(set, of.atoms)).collect()
        };
        for (x, y) in
            crossed(&[(0..a.levels.len()).collect(), (0..b.levels.len()).collect()]).iter().map(|c| (c[0], c[1]))
        {
            for (one, other) in
                sets(&a, x).iter().flat_map(|one| sets(&b, y).into_iter().map(move |other| (one, other)))
            {
                rows.push((cross(one, &other), 1.0));
            }
        }
        let atoms = |of: &RegisteredDimension| sets(of, usize::MAX);
        if let Some(known) = &a.known {
            let set = indicator(&known.categories[0], a.atoms);
            rows.extend(atoms(&b).iter().map(|other| (cross(&set, other), 1e7)));
        }
        if let Some(known) = &b.known {
            let set = indicator(&known.categories[0], b.atoms);
            rows.extend(atoms(&a).iter().map(|one| (cross(one, &set), 1e7)));
        }
        let mut registered = all(vec![a.clone(), b.clone()]);
        let structure = Structure::build(&registered).unwrap();
        let targets = targets(&structure).unwrap();
        let (found, is_exact) = least_squares(&structure, &targets);
        assert!(is_exact);
        for (target, found) in targets.iter().zip(&found) {
            let cells = sets(&a, target[0])
                .into_iter()
                .flat_map(|one| sets(&b, target[1]).into_iter().map(move |other| cross(&one, &other)));
            let expected = cells.map(|cell| dense(&rows, &cell)).filter(|v| *v > 1e-5).fold(f64::INFINITY, f64::min);
            let found = found.unwrap_or(f64::INFINITY);
            assert!((found - expected).abs() < 1e-4 || found == expected, "{target:?}: {found} and {expected}");
        }
        // The same as a list of all crossings, solved together.
        let list = crossed(&[(0..a.levels.len()).collect(), (0..b.levels.len()).collect()]);
        registered.crossings = Some(list.clone());
        let listed = Structure::build(&registered).unwrap();
        let together = squares::together(&listed, &list).unwrap();
        for (crossing, variance) in list.iter().zip(&together) {
            let place = targets.iter().position(|target| target == crossing).unwrap();
            let both = variance.zip(found[place]);
            assert!(both.map_or(variance.is_none() && found[place].is_none(), |(a, b)| (a - b).abs() < 1e-5));
        }
    }
}

#[test]
fn what_one_count_says_near_zero_is_bayes_rule() {
    let table = table(5, 3.0, 2, 0.3);
    let likelihood = |count: u64, published: u64| {
        let of = table.probabilities(count);
        of.iter().find(|(v, _)| count as i64 + v == published as i64).map_or(0.0, |(_, p)| *p)
    };
    let posterior = |count: u64, published: u64| {
        likelihood(count, published) / (0..60).map(|other| likelihood(other, published)).sum::<f64>()
    };
    let found = near_zero(&table);
    assert!((found.zero - posterior(0, 0)).abs() < 1e-12);
    let all = (3..40).flat_map(|published| (0..40).map(move |count| (published, count)));
    let worst = all.map(|(published, count)| posterior(count, published)).fold(0.0, f64::max);
    assert!((found.worst.posterior - worst).abs() < 1e-12);
    assert!((posterior(found.worst.count, found.worst.published) - worst).abs() < 1e-12);
}

/// A tiny group with everything registered: the best guess of every cell, by enumeration of all noise. With a flat prior, noise is
/// known up to what a change of the atoms can explain; atoms are printed, so it is known up to their noise.
fn reached(rows: &[Vec<u32>], wanted: &[u32], noise: &Noises) -> f64 {
    let atoms = rows.iter().filter(|row| row.len() == 1).count();
    let joint = vectors(noise, rows.len()).into_iter().map(|(v, p)| {
        let sum = |set: &[u32]| set.iter().map(|atom| v[*atom as usize]).sum::<i64>();
        let rest: Vec<i64> = rows.iter().zip(&v).skip(atoms).map(|(row, e)| e - sum(row)).collect();
        (rest, sum(wanted), p)
    });
    best(joint)
}

/// Atoms first, then the other cells.
fn cells(dimensions: &[RegisteredDimension]) -> Vec<Vec<u32>> {
    let mut cells = vec![vec![0_u32]];
    for of in dimensions {
        let sets: Vec<&Vec<u32>> = of.levels.iter().flat_map(|level| &level.categories).collect();
        let cross = |cell: &Vec<u32>, set: &Vec<u32>| {
            cell.iter().flat_map(|a| set.iter().map(|b| a * of.atoms + b).collect::<Vec<_>>()).collect()
        };
        cells =
            cells.iter().flat_map(|cell| sets.iter().map(|set| cross(cell, set)).collect::<Vec<Vec<u32>>>()).collect();
    }
    cells.sort_by_key(|cell| (cell.len() > 1, cell.clone()));
    cells
}

#[test]
fn no_attacker_on_tiny_groups_beats_the_bound() {
    let pairs = |atoms| {
        dimension(
            "a",
            atoms,
            vec![RegisteredLevel::finest("a", atoms), runs("pair", atoms, 2), RegisteredLevel::total("all", atoms)],
        )
    };
    let (one, two) = (table(1, 0.5, 0, 0.0), table(2, 1.2, 0, 0.3));
    let cases: Vec<(Vec<RegisteredDimension>, &NoiseTable)> = vec![
        (vec![plain("a", 2)], &two),
        (vec![plain("a", 5)], &two),
        (vec![pairs(4)], &two),
        (vec![pairs(6)], &one),
        (vec![plain("a", 2), plain("b", 2)], &one),
        (vec![plain("a", 2), plain("b", 3)], &one),
        (vec![free_recodes(4).dimensions.remove(0)], &one),
    ];
    for (mut dimensions, table) in cases {
        if dimensions[0].name == "kind" {
            // Atoms by themselves are among the recodes; as a level of their own they are registered once.
            let sets: Vec<Vec<u32>> = dimensions[0].levels.iter().flat_map(|level| level.categories.clone()).collect();
            let mut sets: Vec<Vec<u32>> = sets.into_iter().filter(|set| set.len() > 2).collect();
            sets.sort();
            let single = |set: Vec<u32>| RegisteredLevel { name: format!("{set:?}"), categories: vec![set] };
            dimensions[0].levels =
                std::iter::once(RegisteredLevel::finest("a", 4)).chain(sets.into_iter().map(single)).collect();
        }
        let noise = table.probabilities(1000);
        let rows = cells(&dimensions);
        let bound = averaging_bound(&all(dimensions.clone()), table).unwrap();
        let mut known: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
        for kind in &bound.kinds {
            let levels = kind.levels.iter().zip(&dimensions).map(|(name, of)| {
                let level = of.levels.iter().find(|level| level.name == *name);
                let level = level.cloned().unwrap_or_else(|| RegisteredLevel::finest("", of.atoms));
                RegisteredDimension { levels: vec![level], ..of.clone() }
            });
            let cells = cells(&levels.collect::<Vec<_>>());
            // All cells of a kind are alike here but for the first and the last one.
            for cell in [cells[0].clone(), cells[cells.len() - 1].clone()] {
                let reached = *known.entry(cell.clone()).or_insert_with(|| reached(&rows, &cell, &noise));
                assert!(kind.proved >= reached - 1e-9, "{kind:?} {cell:?}: {reached}");
            }
        }
    }
}
