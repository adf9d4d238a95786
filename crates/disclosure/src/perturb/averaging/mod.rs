//! Averaging: what everything that is registered says together about a cell, bounded before anything is published.
//!
//! A group is a product of dimensions. Each has *levels*, partitions of its atoms into categories, that may overlap and need not cover
//! all atoms. What is published are cells: one category of each dimension, for all crossings of levels or for those of a list. The
//! published count is the true one plus noise of variance `V` within the limits `-D..=D`, independent between different record sets
//! (see `draw` for why), known in distribution to the attacker.
//!
//! # What is estimated: generalised least squares
//! With all crossings, the matrix of cells by atoms is `X = M1 (x) ... (x) Mn` (Kronecker products), where `Md` has one row for each
//! category of dimension `d`: a cell is one row of each, and its entry at an atom is 1 if it is 1 in each. So `X'X = G1 (x) ... (x) Gn` with
//! `Gd = Md' Md`, whose entry at two atoms is the number of categories that hold both. A wanted cell is `c = c1 (x) ... (x) cn`. The best
//! linear unbiased estimate has variance `V c' (X'X)^+ c` (Gauss and Markov), and since `(A (x) B)^+ = A^+ (x) B^+` and
//! `(a (x) b)' (A (x) B) (a (x) b) = (a' A a)(b' B b)`, that is `V prod_d cd' Gd^+ cd`: one matrix per dimension. With a list of crossings
//! `X'X` is a sum of such products and is solved as a whole, up to 2,000 atoms; beyond, all crossings are taken, which gives at most
//! the same variance because more observations never raise it. Variance is taken as `V` in all rows, which is what a table has.
//!
//! *Publicly known sums* over a dimension, for every atom of the others, say that only `x` with `Kd x = 0` is unknown beside a known
//! part: `x = (B (x) I) z`, where the columns of `B` span the null space of `Kd`. Then `Md B` takes the place of `Md` and `B'c` that of `c`, and
//! the product stays one, also with several such dimensions, whose null spaces cross. Where `B'c = 0` the cell is public, and nothing is
//! claimed about it.
//!
//! A flat prior and normal errors of this variance make the rounded estimate right with probability `2 Phi(1 / 2s) - 1`. This is a
//! real attack, so what it gives is an *estimate of what can be done*, not a limit: noise is not normal, and has hard limits.
//!
//! # What is proved: sunflowers
//! Let `d` be a change of the atoms, in whole numbers, that changes the wanted cell by 1 (a swap, a circuit, one record more). Tell
//! the attacker everything but the `t` in `x = x0 + t d`. Then the only published counts that say anything about `t` are the `m` that `d`
//! changes, each by 1 or -1: `m` independent observations of `t` with known noise. With a flat prior on `t` the probability that the
//! best guess is right is a finite sum over kinds of noise vectors, computed exactly, hard limits included. To be told something never
//! makes the best guess worse, so no attacker does better.
//!
//! One direction tells too much where sums help little. So several directions `d1..dr` (*petals*) are left open at once, that all change
//! the wanted cell and the same *core* of cells by the same, and of which each changes other cells of its own: `x = x0 + sum tj dj`, each `tj`
//! being 0 or 1. The core observes `T = sum tj`, the petal's own cells observe `tj`. The laws `P0`, `P1` of its own cells have a common part of
//! weight `a = sum min(P0, P1)`: what is seen there is as if with probability `a` nothing was seen of `tj`, and otherwise at most all
//! of it. Let it be all. Then what is known of `T` is a known number plus a sum of `K` fair bits, `K` binomial of `r` and `a`, and the core.
//! The probability of guessing `T` is again a finite sum, and a sum of more bits is harder to guess. Every kind of cell is bounded by
//! the best sunflower or single direction that is found, and the worst category of each level counts.
//!
//! **Assumptions, all of them needed:**
//! 1. The prior has equal weight on the points `x0 + sum tj dj` (or `x0 + t d`) that are left open: it is locally flat. An attacker who
//!    knows that most cells are 0, or who has last year's figures, has a better guess before anything is published; what is bounded is
//!    what publication makes of an open question.
//! 2. All counts that the directions change are large: `largest + least_shown + 1` and more by some. Of smaller ones [`NearZero`] says
//!    what one published count tells, exactly; what several tell together near zero is **not bounded**.
//! 3. Record keys are secret, and SHA-256 behaves like a random function.
//! 4. Everything is registered, with revisions: a cell that is published again after one more record has fresh noise. Groups whose
//!    records overlap are one group, with a dimension that tells them apart.
//! 5. It is the probability over the noise, before publication. Some published figures say more: hard limits *prove* a cell with the
//!    small probability [`Kind::proves`] (at most), and in a large group that will happen to some. A table whose `largest` is three
//!    times the root of its variance makes that rare.
//!
//! Probabilities are computed in floating point, to about 1e-9. A bound may be loose where the search finds poor sunflowers or kinds
//! of noise are too many to enumerate; it is then larger, never smaller.
//!
//! A registration is refused by the larger of what is proved and what is estimated.

mod exact;
mod moves;
mod near_zero;
mod neighbours;
mod refusal;
mod squares;
mod structure;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use near_zero::{NearZero, SmallCount};
pub use refusal::{Refused, refuse};
pub use structure::{Registered, RegisteredDimension, RegisteredLevel, RegistrationError};

use super::table::NoiseTable;
use exact::Exact;
use moves::{Move, Profile, profiles};
use near_zero::near_zero;
use squares::{CANNOT, factors, together};
use structure::{EACH_ATOM, Structure};

/// Kinds of cells that are judged, at most, and sunflowers that are tried for all of them.
const MOST_KINDS: usize = 20_000;
const MOST_TRIES: usize = 20_000_000;

/// What a registration gives away.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// One for each crossing that is published, and for the atoms, which nobody prints; those that give most first. Cells that are public
    /// anyhow are left out.
    pub kinds: Vec<Kind>,
    /// What one published count says near zero.
    pub near_zero: NearZero,
    /// Whether the least-squares variances are of the registered crossings: otherwise there were too many atoms, and they are of all
    /// crossings.
    pub squares_are_exact: bool,
}

/// Cells of one crossing of levels, the worst of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// A level's name for each dimension, or `each atom`.
    pub levels: Vec<String>,
    /// The variance of the least-squares estimate, in squared counts. `None` if it cannot be estimated.
    pub variance: Option<f64>,
    /// The probability that the rounded least-squares estimate is right, if errors are normal.
    pub estimated: f64,
    /// The probability that the best guess is right, at most, under the assumptions of the module.
    pub proved: f64,
    /// The probability that hard limits leave one value only, at most, under the same assumptions.
    pub proves: f64,
    /// How many published cells the narrowest direction changes.
    pub cells: u64,
}

impl Kind {
    /// What a registration is judged by: the larger of what is proved and what is estimated.
    #[must_use]
    pub const fn posterior(&self) -> f64 {
        self.proved.max(self.estimated)
    }
}

impl Bound {
    /// The kind of cells that is given away most.
    #[must_use]
    pub fn worst(&self) -> Option<&Kind> {
        self.kinds.first()
    }

    /// Whether nothing is given away with a probability above `cap`.
    pub(crate) fn passes(&self, cap: f64) -> bool {
        self.near_zero.worst.posterior <= cap && self.worst().is_none_or(|kind| kind.posterior() <= cap)
    }
}

/// Judges everything that is registered against the noise. Takes the cube of the atoms of each dimension: some seconds for 2,000.
///
/// # Errors
/// If the registration does not make sense or is too large to be judged.
pub fn averaging_bound(registered: &Registered, table: &NoiseTable) -> Result<Bound, RegistrationError> {
    let structure = Structure::build(registered)?;
    let targets = targets(&structure)?;
    let (variances, squares_are_exact) = least_squares(&structure, &targets);
    let variance = table.noise().variance() / f64::from(structure.revisions);
    let witnesses = Witnesses::of(&structure)?;
    let found = witnesses.judge(&targets, &mut exact_of(table))?;
    let mut kinds = Vec::new();
    for ((target, factor), found) in targets.iter().zip(variances).zip(found) {
        let (Some(factor), Some(found)) = (factor, found) else { continue };
        let name = |(level, of): (&usize, &structure::Dimension)| {
            of.levels.get(*level).map_or(EACH_ATOM, |level| level.name.as_str()).to_owned()
        };
        let known = (factor < CANNOT).then_some(factor * variance);
        kinds.push(Kind {
            levels: target.iter().zip(&structure.dimensions).map(name).collect(),
            variance: known,
            estimated: known.map_or(0.0, rounded_is_right),
            proved: found.proved,
            proves: found.proves,
            cells: found.cells,
        });
    }
    kinds.sort_by(|a, b| b.posterior().total_cmp(&a.posterior()));
    Ok(Bound { kinds, near_zero: near_zero(table), squares_are_exact })
}

/// Probabilities of guesses with the noise of large counts.
fn exact_of(table: &NoiseTable) -> Exact {
    Exact::new(&table.probabilities(u64::from(table.noise().last_row())))
}

/// The kinds of cells, each by its level of every dimension; the number of levels stands for each atom.
fn targets(structure: &Structure) -> Result<Vec<Vec<usize>>, RegistrationError> {
    let atoms: Vec<usize> = structure.dimensions.iter().map(|dimension| dimension.levels.len()).collect();
    if let Some(crossings) = &structure.crossings {
        return Ok(crossings.iter().cloned().chain([atoms]).collect());
    }
    let mut targets: Vec<Vec<usize>> = vec![Vec::new()];
    for levels in &atoms {
        if targets.len() * (levels + 1) > MOST_KINDS {
            let what = format!("it has more than {MOST_KINDS} crossings of levels: register fewer levels");
            return Err(RegistrationError::TooLarge { what });
        }
        let longer =
            |target: &Vec<usize>| (0..=*levels).map(|level| [&target[..], &[level]].concat()).collect::<Vec<_>>();
        targets = targets.iter().flat_map(longer).collect();
    }
    Ok(targets)
}

/// Of each target the least variance of its cells, as a multiple of one count's, and whether it is of the registered crossings alone.
fn least_squares(structure: &Structure, targets: &[Vec<usize>]) -> (squares::Factors, bool) {
    if let Some(found) = structure.crossings.as_ref().and_then(|crossings| together(structure, crossings)) {
        return (found, true);
    }
    let by_dimension: Vec<squares::Factors> = structure.dimensions.iter().map(factors).collect();
    let product = |target: &Vec<usize>| {
        let each = target.iter().zip(&by_dimension).map(|(level, factors)| factors.get(*level).copied().flatten());
        each.product::<Option<f64>>()
    };
    (targets.iter().map(product).collect(), structure.crossings.is_none())
}

/// Moves of all dimensions.
struct Witnesses<'a> {
    structure: &'a Structure,
    /// By dimension and level.
    profiles: Vec<Vec<BTreeSet<Profile>>>,
}

/// What is proved of a kind of cells.
#[derive(Clone, Copy)]
struct Found {
    proved: f64,
    proves: f64,
    cells: u64,
}

impl<'a> Witnesses<'a> {
    fn of(structure: &'a Structure) -> Result<Self, RegistrationError> {
        let profiles: Result<_, _> = structure.dimensions.iter().map(profiles).collect();
        Ok(Self { structure, profiles: profiles? })
    }

    /// What is proved of each target; `None` if all its cells are public.
    fn judge(&self, targets: &[Vec<usize>], exact: &mut Exact) -> Result<Vec<Option<Found>>, RegistrationError> {
        let mut tries = 0_usize;
        let mut result = Vec::new();
        for target in targets {
            let lists = target.iter().zip(&self.profiles).map(|(level, profiles)| profiles.get(*level));
            let lists: Vec<Vec<&Profile>> = lists.map(|set| set.into_iter().flatten().collect()).collect();
            let mut worst: Option<Found> = None;
            // Before anything is listed.
            let each =
                |profiles: &Vec<&Profile>| profiles.iter().map(|profile| 2 * profile.len().max(1)).sum::<usize>();
            tries = lists.iter().map(each).fold(1, usize::saturating_mul).saturating_add(tries);
            if tries > MOST_TRIES {
                let what =
                    "its levels overlap in too many ways: register fewer levels, or more regular ones".to_owned();
                return Err(RegistrationError::TooLarge { what });
            }
            for profiles in crossed(&lists) {
                let found = self.best(&profiles, exact);
                worst = Some(worst.map_or(found, |worst| Found {
                    proved: worst.proved.max(found.proved),
                    proves: worst.proves.max(found.proves),
                    cells: worst.cells.max(found.cells),
                }));
            }
            result.push(worst);
        }
        Ok(result)
    }

    /// The best that is found for a cell with these profiles.
    fn best(&self, profiles: &[&Profile], exact: &mut Exact) -> Found {
        let lists: Vec<Vec<&Move>> = profiles.iter().map(|profile| profile.iter().collect()).collect();
        let mut best = Found { proved: 1.0, proves: 1.0, cells: u64::MAX };
        for moves in crossed(&lists) {
            let all: Vec<Vec<u32>> = moves.iter().map(|one| one.all()).collect();
            let cells = self.structure.cells(&all);
            if cells < best.cells {
                best.proved = best.proved.min(exact.guess(cells));
                best = Found { proves: exact.proves(cells), cells, ..best };
            }
            for open in 1..1_u32 << moves.len().min(16) {
                let is_open = |place: usize| open >> place & 1 == 1;
                let petals = moves.iter().enumerate().filter(|(place, _)| is_open(*place)).map(|(_, one)| one.petals);
                let petals = petals.min().unwrap_or(0);
                if petals < 2 {
                    continue;
                }
                let by_level = moves.iter().zip(&all).enumerate();
                let by_level =
                    by_level.map(|(place, (one, all))| if is_open(place) { one.core.clone() } else { all.clone() });
                let core = self.structure.cells(&by_level.collect::<Vec<_>>());
                best.proved = best.proved.min(exact.sunflower(core, cells - core, petals));
            }
        }
        best
    }
}

/// All ways to take one of each list.
fn crossed<T: Copy>(lists: &[Vec<T>]) -> Vec<Vec<T>> {
    let mut result: Vec<Vec<T>> = vec![Vec::new()];
    for list in lists {
        result = result
            .iter()
            .flat_map(|so_far| list.iter().map(|one| [&so_far[..], &[*one]].concat()).collect::<Vec<_>>())
            .collect();
    }
    result
}

/// `2 Phi(1 / 2s) - 1`, which is `erf(1 / (2 s sqrt 2))`.
fn rounded_is_right(variance: f64) -> f64 {
    if variance <= 0.0 { 1.0 } else { erf(1.0 / (8.0 * variance).sqrt()) }
}

/// The error function of a non-negative number, by its series `2/sqrt(pi) exp(-x^2) sum x (2 x^2)^n / (2n + 1)!!` (Abramowitz and Stegun
/// 7.1.6), whose terms are all positive; 1 from 6 on, where it is to 1e-16.
fn erf(x: f64) -> f64 {
    if x >= 6.0 {
        return 1.0;
    }
    let (mut term, mut sum) = (x, 0.0);
    for n in 1..200 {
        sum += term;
        term *= 2.0 * x * x / (2.0 * f64::from(n) + 1.0);
    }
    (std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum).min(1.0)
}
