//! Averaging: what many perturbed counts of overlapping cells say together.
//!
//! Every published count is its true count plus noise of known variance. Sums and complements of cells are estimates of
//! the same count, so a cell's count is estimated by weighted least squares over everything that was published; with
//! enough overlap the estimate, rounded, is the count. Noise that one cell key gives is taken as independent between
//! cells, as the publisher intends. What the limits of the noise prove is found by giving the counts as ranges
//! ([`Value::Between`](crate::Value::Between)).

use std::collections::BTreeMap;

use crate::AttackError;
use crate::problem::{Problem, Value};
use crate::universe::Universe;

/// Atoms that are told apart, at most: the normal equations are solved densely.
const MAX_ATOMS: usize = 1_500;
/// An atom's count is not unlimited; this weak prior keeps the equations solvable. Its standard deviation is far beyond
/// any noise.
const PRIOR_SD: f64 = 1_000.0;

/// What averaging says of a cell.
#[derive(Clone)]
pub struct Estimate {
    /// One code per dimension.
    pub codes: Vec<String>,
    /// The estimate of its count.
    pub count: f64,
    /// Its standard error.
    pub error: f64,
}

impl Estimate {
    /// The probability that the nearest whole number is the count, if errors are normal.
    #[must_use]
    pub fn certainty(&self) -> f64 {
        // Two-sided: the error is at most one half, shifted by what the estimate is away from the whole number.
        let off = self.count - self.count.round();
        if self.error <= 0.0 {
            return 1.0;
        }
        normal((0.5 - off) / self.error) - normal((-0.5 - off) / self.error)
    }
}

/// Distribution function of the standard normal distribution (Abramowitz and Stegun 7.1.26, error below 2e-7).
fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * (x.abs() / std::f64::consts::SQRT_2));
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let erf = 1.0 - poly * (-x * x / 2.0).exp();
    if x < 0.0 { (1.0 - erf) / 2.0 } else { (1.0 + erf) / 2.0 }
}

/// Estimates of the cells with these codes from all perturbed counts of a group (the middle of [`Value::Between`]) and
/// all exact ones.
///
/// # Errors
/// If the description does not make sense, or more atoms are told apart than can be solved.
pub fn average(problem: &Problem, variance: f64, wanted: &[Vec<String>]) -> Result<Vec<Estimate>, AttackError> {
    let universe = Universe::build(problem)?;
    let mut classes: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    let regions: Vec<&[String]> = problem
        .tables
        .iter()
        .flat_map(|table| &table.cells)
        .map(|cell| cell.codes.as_slice())
        .chain(wanted.iter().map(Vec::as_slice))
        .collect();
    let inside = universe.membership(&regions)?;
    for signature in &inside {
        let next = classes.len();
        classes.entry(signature.clone()).or_insert(next);
    }
    let atoms = classes.len();
    if atoms > MAX_ATOMS {
        let message = format!("{atoms} atoms are told apart, at most {MAX_ATOMS} can be averaged: split the group");
        return Err(AttackError::Definition { group: problem.name.clone(), message });
    }
    let rows = |region: usize| -> Vec<usize> {
        classes.iter().filter(|(s, _)| s.get(region).copied().unwrap_or(false)).map(|(_, atom)| *atom).collect()
    };
    let mut normal = Normal::new(atoms);
    for (region, cell) in problem.tables.iter().flat_map(|table| &table.cells).enumerate() {
        match cell.value {
            // An exact count is one with very little noise.
            Value::Released(count) => normal.observe(&rows(region), count as f64, variance * 1e-6),
            Value::Between(low, high) => normal.observe(&rows(region), (low as f64 + high as f64) / 2.0, variance),
            Value::Withheld => {}
        }
    }
    let factor = normal.factor();
    let solution = factor.solve(&normal.right);
    let published = regions.len() - wanted.len();
    let estimates = wanted.iter().enumerate().map(|(number, codes)| {
        let inside = rows(published + number);
        let mut row = vec![0.0; atoms];
        for atom in &inside {
            set(&mut row, *atom, 1.0);
        }
        let error = factor.solve(&row).iter().zip(&row).map(|(a, b)| a * b).sum::<f64>().max(0.0).sqrt();
        let count = solution.iter().zip(&row).map(|(a, b)| a * b).sum();
        Estimate { codes: codes.clone(), count, error }
    });
    Ok(estimates.collect())
}

fn set(row: &mut [f64], index: usize, value: f64) {
    if let Some(slot) = row.get_mut(index) {
        *slot = value;
    }
}

fn get(row: &[f64], index: usize) -> f64 {
    row.get(index).copied().unwrap_or_default()
}

/// Normal equations of least squares: a symmetric matrix by rows, and the right-hand side.
struct Normal {
    matrix: Vec<Vec<f64>>,
    right: Vec<f64>,
}

/// A lower triangular Cholesky factor.
struct Factor(Vec<Vec<f64>>);

impl Normal {
    fn new(atoms: usize) -> Self {
        let mut matrix = vec![vec![0.0; atoms]; atoms];
        for (number, row) in matrix.iter_mut().enumerate() {
            set(row, number, 1.0 / (PRIOR_SD * PRIOR_SD));
        }
        Self { matrix, right: vec![0.0; atoms] }
    }

    /// The sum of these atoms was seen to be `value`, with this variance.
    fn observe(&mut self, atoms: &[usize], value: f64, variance: f64) {
        for a in atoms {
            if let Some(row) = self.matrix.get_mut(*a) {
                for b in atoms {
                    let old = get(row, *b);
                    set(row, *b, old + 1.0 / variance);
                }
            }
            let old = get(&self.right, *a);
            set(&mut self.right, *a, old + value / variance);
        }
    }

    fn factor(&self) -> Factor {
        let mut lower: Vec<Vec<f64>> = Vec::new();
        for (i, row) in self.matrix.iter().enumerate() {
            let mut new = Vec::with_capacity(i + 1);
            for (j, other) in lower.iter().enumerate() {
                let dot: f64 = new.iter().zip(other).map(|(a, b): (&f64, &f64)| a * b).sum();
                new.push((get(row, j) - dot) / get(other, j));
            }
            let square: f64 = new.iter().map(|a| a * a).sum();
            new.push((get(row, i) - square).max(f64::MIN_POSITIVE).sqrt());
            lower.push(new);
        }
        Factor(lower)
    }
}

impl Factor {
    /// Solves the equations by substitution.
    fn solve(&self, right: &[f64]) -> Vec<f64> {
        let mut forward: Vec<f64> = Vec::with_capacity(right.len());
        for (row, value) in self.0.iter().zip(right) {
            let dot: f64 = row.iter().zip(&forward).map(|(a, b)| a * b).sum();
            forward.push((value - dot) / row.last().copied().unwrap_or(1.0));
        }
        let mut result = forward;
        for (i, row) in self.0.iter().enumerate().rev() {
            let value = get(&result, i) / row.last().copied().unwrap_or(1.0);
            set(&mut result, i, value);
            for (slot, factor) in result.iter_mut().zip(row).take(i) {
                *slot -= factor * value;
            }
        }
        result
    }
}
