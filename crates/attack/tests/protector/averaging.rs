//! Perturbed counts of random groups, averaged: how often an attacker is right, against what the bound on averaging says.
//!
//! Two attackers: least squares over everything, rounded (the library's), and the best there is, on groups so small that all counts
//! can be gone through: it knows the table of noise row by row, with its limits, and takes the most probable value.

use std::collections::BTreeMap;

use attack::averaging::average;
use attack::groups::Numbers;
use attack::{Cell, Dimension, Level, Problem, Table, Value};
use disclosure::{
    Bound, Noise, NoiseTable, Refused, Registered, RegisteredDimension, RegisteredLevel, averaging_bound, refuse,
};

fn dimension(name: &str, atoms: u32, run: Option<u32>) -> RegisteredDimension {
    let pairs = run.map(|length| RegisteredLevel {
        name: "runs".to_owned(),
        categories: (0..atoms / length).map(|n| (n * length..(n + 1) * length).collect()).collect(),
    });
    let total = RegisteredLevel::total("all", atoms);
    let levels = std::iter::once(RegisteredLevel::finest("each", atoms)).chain(pairs).chain([total]).collect();
    RegisteredDimension { name: name.to_owned(), atoms, levels, known: None }
}

fn registered(dimensions: Vec<RegisteredDimension>) -> Registered {
    Registered { dimensions, crossings: None, revisions: 1 }
}

/// A published cell: its levels, its categories, the atoms of the group in it.
#[derive(Clone)]
struct Registry {
    levels: Vec<String>,
    codes: Vec<String>,
    atoms: Vec<usize>,
}

/// All crossings; atoms of the group are numbered with the last dimension fastest.
fn registry(registered: &Registered) -> Vec<Registry> {
    let mut cells = vec![Registry { levels: Vec::new(), codes: Vec::new(), atoms: vec![0] }];
    for of in &registered.dimensions {
        let mut longer = Vec::new();
        for cell in &cells {
            for level in &of.levels {
                for (number, category) in level.categories.iter().enumerate() {
                    let mut cell = cell.clone();
                    cell.levels.push(level.name.clone());
                    cell.codes.push(code(of, level, number));
                    let inside = |atom: &usize| {
                        category.iter().map(|own| atom * of.atoms as usize + *own as usize).collect::<Vec<_>>()
                    };
                    cell.atoms = cell.atoms.iter().flat_map(inside).collect();
                    longer.push(cell);
                }
            }
        }
        cells = longer;
    }
    cells
}

/// How the attacker calls a category.
fn code(of: &RegisteredDimension, level: &RegisteredLevel, number: usize) -> String {
    match level.name.as_str() {
        "each" => format!("{}{number}", of.name),
        "all" => "all".to_owned(),
        name => format!("{name}{number}"),
    }
}

fn attacked_dimensions(registered: &Registered) -> Vec<Dimension> {
    let dimension = |of: &RegisteredDimension| {
        let atoms: Vec<String> = (0..of.atoms).map(|atom| format!("{}{atom}", of.name)).collect();
        let others = of.levels.iter().filter(|level| level.name != "each" && level.name != "all");
        let level = |level: &RegisteredLevel| Level {
            name: level.name.clone(),
            codes: level
                .categories
                .iter()
                .enumerate()
                .map(|(number, set)| {
                    (code(of, level, number), set.iter().map(|a| atoms[*a as usize].clone()).collect())
                })
                .collect::<BTreeMap<_, _>>(),
        };
        Dimension { name: of.name.clone(), levels: others.map(level).collect(), total: "all".to_owned(), atoms }
    };
    registered.dimensions.iter().map(dimension).collect()
}

/// People of every atom, and what is published of every cell.
fn publish(cells: &[Registry], table: &NoiseTable, counts: &[u64], numbers: &mut Numbers) -> Vec<u64> {
    let mut key = || (numbers.below(1 << 32) as u64) << 32 | numbers.below(1 << 32) as u64;
    let keys: Vec<u64> = counts.iter().map(|count| (0..*count).map(|_| key()).fold(0, u64::wrapping_add)).collect();
    let published = |cell: &Registry| {
        let cell_key = cell.atoms.iter().map(|atom| keys[*atom]).fold(0, u64::wrapping_add);
        table.published(count_of(cell, counts), cell_key)
    };
    cells.iter().map(published).collect()
}

fn count_of(cell: &Registry, counts: &[u64]) -> u64 {
    cell.atoms.iter().map(|atom| counts[*atom]).sum()
}

/// By kind of cell, how often an attacker was right.
#[derive(Default)]
struct Rates(BTreeMap<Vec<String>, (f64, f64)>);

impl Rates {
    fn add(&mut self, cell: &Registry, is_right: bool) {
        let (right, all) = self.0.entry(cell.levels.clone()).or_default();
        *right += f64::from(u8::from(is_right));
        *all += 1.0;
    }

    /// Fails if some kind of cells was guessed more often than the bound says, by more than four standard deviations. Tables share
    /// noise between cells, so that `each` cells count as one.
    fn assert_below(&self, bound: &Bound, each: f64, what: &str) {
        for (levels, (right, all)) in &self.0 {
            let kind = bound.kinds.iter().find(|kind| kind.levels == *levels).unwrap();
            let (rate, allowed) = (right / all, 4.0 * (0.25 * each / all).sqrt());
            println!(
                "{what} {levels:?}: {rate:.3} of {all}, estimated {:.3}, proved {:.3}",
                kind.estimated, kind.proved
            );
            assert!(
                rate <= kind.proved + allowed,
                "{what} {levels:?}: {rate} above {} by more than {allowed}",
                kind.proved
            );
        }
    }

    /// Fails if least squares were right more or less often than the bound's own estimate of them, which takes noise as normal.
    fn assert_as_estimated(&self, bound: &Bound, each: f64) {
        for (levels, (right, all)) in self.0.iter().filter(|(levels, _)| levels.iter().all(|level| level == "each")) {
            let kind = bound.kinds.iter().find(|kind| kind.levels == *levels).unwrap();
            let allowed = 0.03 + 4.0 * (0.25 * each / all).sqrt();
            assert!((right / all - kind.estimated).abs() <= allowed, "{} and {}", right / all, kind.estimated);
        }
    }

    fn worst(&self) -> f64 {
        self.0.values().map(|(right, all)| right / all).fold(0.0, f64::max)
    }
}

/// So many people in each atom, about.
fn counts(atoms: usize, least: usize, more: usize, numbers: &mut Numbers) -> Vec<u64> {
    (0..atoms).map(|_| (least + numbers.below(more)) as u64).collect()
}

/// Least squares over tables of areas in larger ones by age by sex.
fn least_squares(table: &NoiseTable, runs: u64, least: usize, more: usize) -> (Rates, Bound) {
    let registered =
        registered(vec![dimension("area", 6, Some(2)), dimension("age", 3, None), dimension("sex", 2, None)]);
    let cells = registry(&registered);
    let largest = u64::from(table.noise().largest());
    let mut rates = Rates::default();
    for seed in 0..runs {
        let mut numbers = Numbers::new(seed);
        let counts = counts(36, least, more, &mut numbers);
        let published = publish(&cells, table, &counts, &mut numbers);
        let value =
            |published: u64| Value::Between(published - published.min(largest), published + published.min(largest));
        let seen =
            cells.iter().zip(&published).map(|(cell, seen)| Cell { codes: cell.codes.clone(), value: value(*seen) });
        let problem = Problem {
            threshold: 5,
            dimensions: attacked_dimensions(&registered),
            tables: vec![Table { name: "all".to_owned(), cells: seen.collect(), ..Table::default() }],
            ..Problem::default()
        };
        let wanted: Vec<Vec<String>> = cells.iter().map(|cell| cell.codes.clone()).collect();
        let estimates = average(&problem, table.noise().variance(), &wanted).unwrap();
        for (cell, estimate) in cells.iter().zip(estimates) {
            let count = count_of(cell, &counts);
            // That nobody is there is not what is to be found out.
            if count > 0 {
                rates.add(cell, estimate.count.round() as i64 == count as i64);
            }
        }
    }
    (rates, averaging_bound(&registered, table).unwrap())
}

/// Likelihood of a published count, by true count: looked up once.
struct Likelihood(BTreeMap<(u64, u64), f64>);

impl Likelihood {
    fn of(table: &NoiseTable, most: u64) -> Self {
        let row = |count: u64| {
            table.probabilities(count).into_iter().map(move |(v, p)| ((count, count.checked_add_signed(v).unwrap()), p))
        };
        Self((0..=most).flat_map(row).collect())
    }

    fn get(&self, count: u64, published: u64) -> f64 {
        self.0.get(&(count, published)).copied().unwrap_or(0.0)
    }
}

/// All counts of the atoms that agree with what is published of them, with the probability of everything published.
fn best_guesses(
    cells: &[Registry],
    published: &[u64],
    likelihood: &Likelihood,
    atoms: usize,
    largest: u64,
) -> Vec<u64> {
    let seen: Vec<u64> =
        (0..atoms).map(|atom| published[cells.iter().position(|cell| cell.atoms == [atom]).unwrap()]).collect();
    let mut posterior: Vec<BTreeMap<u64, f64>> = vec![BTreeMap::new(); cells.len()];
    let mut worlds: Vec<(Vec<u64>, f64)> = vec![(Vec::new(), 1.0)];
    for seen in &seen {
        let range = seen.saturating_sub(largest)..=seen + largest;
        let possible: Vec<(u64, f64)> =
            range.map(|count| (count, likelihood.get(count, *seen))).filter(|(_, p)| *p > 0.0).collect();
        let longer = |(counts, p): &(Vec<u64>, f64)| {
            possible.iter().map(|(count, q)| ([&counts[..], &[*count]].concat(), p * q)).collect::<Vec<_>>()
        };
        worlds = worlds.iter().flat_map(longer).collect();
    }
    for (counts, mut p) in worlds {
        for (cell, published) in cells.iter().zip(published).filter(|(cell, _)| cell.atoms.len() > 1) {
            p *= likelihood.get(count_of(cell, &counts), *published);
        }
        if p > 0.0 {
            for (cell, posterior) in cells.iter().zip(&mut posterior) {
                *posterior.entry(count_of(cell, &counts)).or_default() += p;
            }
        }
    }
    let best = |of: &BTreeMap<u64, f64>| of.iter().fold((0, 0.0), |a, b| if *b.1 > a.1 { (*b.0, *b.1) } else { a }).0;
    posterior.iter().map(best).collect()
}

/// The best attacker on two by two with all margins.
fn best_attacker(table: &NoiseTable, runs: u64, least: usize, more: usize) -> (Rates, Bound) {
    let registered = registered(vec![dimension("area", 2, None), dimension("sex", 2, None)]);
    let cells = registry(&registered);
    let largest = u64::from(table.noise().largest());
    let likelihood = Likelihood::of(table, 4 * (least + more) as u64 + 8 * largest);
    let mut rates = Rates::default();
    for seed in 0..runs {
        let mut numbers = Numbers::new(seed);
        let counts = counts(4, least, more, &mut numbers);
        let published = publish(&cells, table, &counts, &mut numbers);
        let guesses = best_guesses(&cells, &published, &likelihood, 4, largest);
        for (cell, guess) in cells.iter().zip(guesses) {
            let count = count_of(cell, &counts);
            if count > 0 {
                rates.add(cell, guess == count);
            }
        }
    }
    (rates, averaging_bound(&registered, table).unwrap())
}

fn usual() -> NoiseTable {
    NoiseTable::solve(&Noise::new(5, 3.0, 2, 0.3).unwrap()).unwrap()
}

fn least_squares_stays_below(runs: u64) {
    for (what, least, more) in [("many people", 20, 60), ("few people", 0, 4), ("hardly anybody", 0, 2)] {
        let (rates, bound) = least_squares(&usual(), runs, least, more);
        rates.assert_below(&bound, 4.0, what);
        if least > 0 {
            rates.assert_as_estimated(&bound, 4.0);
        }
        // It is an attack: somewhere it is right more often than one published count would let it.
        assert!(rates.worst() > 0.25, "{}", rates.worst());
    }
}

fn the_best_attacker_stays_below(runs: u64) {
    let small = NoiseTable::solve(&Noise::new(3, 1.5, 1, 0.35).unwrap()).unwrap();
    for table in [usual(), small] {
        for (what, least, more) in [("many people", 20, 60), ("few people", 0, 4), ("hardly anybody", 0, 2)] {
            let (rates, bound) = best_attacker(&table, runs, least, more);
            rates.assert_below(&bound, 4.0, what);
        }
    }
}

#[test]
fn least_squares_are_right_no_more_often_than_the_bound_says() {
    least_squares_stays_below(30);
}

#[test]
fn the_best_attacker_is_right_no_more_often_than_the_bound_says() {
    the_best_attacker_stays_below(60);
}

#[test]
#[ignore = "takes half a minute: many more tables"]
fn long_attackers_are_right_no_more_often_than_the_bound_says() {
    least_squares_stays_below(600);
    the_best_attacker_stays_below(4_000);
}

/// Eight categories and all their unions: everything is recovered, and the registration is refused.
#[test]
fn free_recodes_break_and_are_refused() {
    let noise = Noise::new(6, 4.0, 2, 0.2).unwrap();
    let table = NoiseTable::solve(&noise).unwrap();
    let level = |set: u32| RegisteredLevel {
        name: format!("set {set} "),
        categories: [1, 0].map(|side| (0..8).filter(|c| set >> c & 1 == side).collect()).to_vec(),
    };
    let levels = (1..128).map(level).collect();
    let registered = registered(vec![RegisteredDimension { name: "kind".to_owned(), atoms: 8, levels, known: None }]);
    let cells = registry(&registered);
    let (mut right, runs) = (0, 40);
    for seed in 0..runs {
        let mut numbers = Numbers::new(seed);
        let counts = counts(8, 20, 40, &mut numbers);
        let published = publish(&cells, &table, &counts, &mut numbers);
        let seen = cells.iter().zip(&published);
        let seen =
            seen.map(|(cell, seen)| Cell { codes: cell.codes.clone(), value: Value::Between(seen - 6, seen + 6) });
        let problem = Problem {
            threshold: 5,
            dimensions: attacked_dimensions(&registered),
            tables: vec![Table { name: "recodes".to_owned(), cells: seen.collect(), ..Table::default() }],
            ..Problem::default()
        };
        let total = average(&problem, 4.0, &[vec!["all".to_owned()]]).unwrap()[0].count;
        right += i32::from(total.round() as u64 == counts.iter().sum::<u64>());
    }
    println!("{right} of {runs} totals are recovered");
    assert!(right > 32);
    for cap in [0.5, 0.75, 0.9] {
        assert!(matches!(refuse(&registered, &noise, cap), Err(Refused::Averaging { .. })));
    }
}
