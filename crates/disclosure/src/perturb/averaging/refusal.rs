//! Refusing a registration, with what to change.

use super::super::noise::Noise;
use super::super::table::{NoiseTable, TableError};
use super::structure::{Dimension, EACH_ATOM, Registered, RegistrationError, Structure};
use super::{Bound, Exact, Kind, SmallCount, Witnesses, averaging_bound, exact_of, rounded_is_right};

/// Variances that are tried, as multiples of the one that was refused.
const MULTIPLES: [f64; 8] = [1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0];

/// Levels of one dimension from which on no single one is to blame.
const MANY_LEVELS: usize = 16;

/// Why a registration must not be published with a noise.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// It cannot be judged.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The noise has no table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The cap is not a probability.
    #[error("the cap is {cap}, but it is a probability above 0 and below 1: choose one")]
    Cap {
        /// As given.
        cap: f64,
    },
    /// One published count says too much already.
    #[error("a published count of {} is a true count of {} with probability {:.2}, above the cap of {cap:.2}, even if nothing else is published: lower `stays_per_thousand`, or raise `variance`", worst.published, worst.count, worst.posterior)]
    OneCount {
        /// The published count.
        worst: SmallCount,
        /// The cap.
        cap: f64,
    },
    /// Everything together says too much.
    #[error("{} could be guessed with probability {:.2}, above the cap of {cap:.2}: {advice}", names(kind, dimensions), kind.posterior())]
    Averaging {
        /// The cells that are given away most.
        kind: Box<Kind>,
        /// Names of the dimensions.
        dimensions: Vec<String>,
        /// The cap.
        cap: f64,
        /// What gives most, and what to drop or raise.
        advice: String,
    },
}

/// A kind of cells in words.
fn names(kind: &Kind, dimensions: &[String]) -> String {
    let parts = kind.levels.iter().zip(dimensions).map(|(level, of)| {
        if level == EACH_ATOM { format!("each atom of `{of}`") } else { format!("`{level}` of `{of}`") }
    });
    format!("counts of {}", parts.collect::<Vec<_>>().join(" by "))
}

/// Judges a registration, and refuses it if a cell's posterior could exceed the cap: the larger of what is proved and what is
/// estimated ([`Kind::posterior`]), or that of a single published count above zero. What a published 0 says is not judged: true zeros
/// stay as they are by the method, and how probable one is depends on the data ([`NearZero::zero`](super::NearZero::zero) gives it for a
/// flat prior).
///
/// # Errors
/// If it is refused; names the cells, the level that gives most, and what to drop or raise.
pub fn refuse(registered: &Registered, noise: &Noise, cap: f64) -> Result<Bound, Refused> {
    if !(cap > 0.0 && cap < 1.0) {
        return Err(Refused::Cap { cap });
    }
    let table = NoiseTable::solve(noise)?;
    let bound = averaging_bound(registered, &table)?;
    let worst = bound.near_zero.worst;
    if worst.posterior > cap {
        return Err(Refused::OneCount { worst, cap });
    }
    match bound.worst() {
        Some(kind) if !bound.passes(cap) => Err(Refused::Averaging {
            advice: advice(registered, noise, kind, cap, &table)?,
            kind: Box::new(kind.clone()),
            dimensions: registered.dimensions.iter().map(|dimension| dimension.name.clone()).collect(),
            cap,
        }),
        _ => Ok(bound),
    }
}

/// What gives most, and what would pass.
fn advice(
    registered: &Registered,
    noise: &Noise,
    kind: &Kind,
    cap: f64,
    table: &NoiseTable,
) -> Result<String, Refused> {
    let structure = Structure::build(registered)?;
    let mut parts = Vec::new();
    let many = |dimension: &&Dimension| dimension.levels.len() > MANY_LEVELS;
    if let Some(dimension) = structure.dimensions.iter().filter(many).max_by_key(|dimension| dimension.levels.len()) {
        let (name, levels) = (&dimension.name, dimension.levels.len());
        parts.push(format!("`{name}` gives most; register far fewer than the {levels} levels of `{name}`"));
    } else if let Some((dimension, level, posterior)) = gives_most(registered, &structure, table)? {
        let cure = if posterior <= cap { "enough" } else { "not enough by itself" };
        parts.push(format!(
            "`{}` gives most; without its level `{level}` it would be {posterior:.2}, which is {cure}",
            dimension.name
        ));
    }
    if structure.revisions > 1 {
        parts.push(format!(
            "each cell is published {} times, by states of its data and for each of them once more with each sum: register fewer",
            structure.revisions
        ));
    }
    parts.push(match variance_that_passes(registered, &structure, noise, kind, cap)? {
        Some(more) => format!(
            "or raise `variance` to {} with `largest` {} and `stays_per_thousand` {:.0}",
            more.variance(),
            more.largest(),
            more.stays() * 1000.0
        ),
        None => "no variance that is possible would do".to_owned(),
    });
    Ok(parts.join("; "))
}

/// The level whose absence lowers the bound most, with its dimension and the bound then.
fn gives_most<'a>(
    registered: &Registered,
    structure: &'a Structure,
    table: &NoiseTable,
) -> Result<Option<(&'a Dimension, String, f64)>, Refused> {
    let mut best: Option<(&Dimension, String, f64)> = None;
    let mut exact = exact_of(table);
    for (place, dimension) in structure.dimensions.iter().enumerate() {
        for (number, level) in dimension.levels.iter().enumerate() {
            let Some(less) = without(registered, place, number) else { continue };
            let Ok(bound) = proved(&Structure::build(&less)?, &mut exact) else { continue };
            let is_better = match &best {
                None => true,
                Some((other, _, so_far)) => {
                    bound < so_far - 1e-9 || (bound < so_far + 1e-9 && dimension.levels.len() > other.levels.len())
                }
            };
            if is_better {
                best = Some((dimension, level.name.clone(), bound));
            }
        }
    }
    Ok(best)
}

/// The registration without one level, if anything is left of it.
fn without(registered: &Registered, dimension: usize, level: usize) -> Option<Registered> {
    let mut less = registered.clone();
    let levels = &mut less.dimensions.get_mut(dimension)?.levels;
    if level >= levels.len() || levels.len() == 1 {
        return None;
    }
    levels.remove(level);
    if let Some(crossings) = &mut less.crossings {
        crossings.retain(|crossing| crossing.get(dimension) != Some(&level));
        for place in crossings.iter_mut().filter_map(|crossing| crossing.get_mut(dimension)) {
            *place -= usize::from(*place > level);
        }
        if crossings.is_empty() {
            return None;
        }
    }
    Some(less)
}

/// The worst of what is proved.
fn proved(structure: &Structure, exact: &mut Exact) -> Result<f64, RegistrationError> {
    let targets = super::targets(structure)?;
    let found = Witnesses::of(structure)?.judge(&targets, exact)?;
    Ok(found.into_iter().flatten().map(|found| found.proved).fold(0.0, f64::max))
}

/// The least of some larger variances with which the bound stays below the cap.
fn variance_that_passes(
    registered: &Registered,
    structure: &Structure,
    noise: &Noise,
    kind: &Kind,
    cap: f64,
) -> Result<Option<Noise>, Refused> {
    // Where many counts keep their value, several published ones show it however large the others' noise is.
    let all = [noise.stays(), 0.0].into_iter().flat_map(|stays| MULTIPLES.map(|multiple| (stays, multiple)));
    for (stays, multiple) in all.take(if noise.stays() > 0.0 { 2 * MULTIPLES.len() } else { MULTIPLES.len() }) {
        // Agreements have whole ones.
        let variance = (noise.variance() * multiple).ceil();
        let first = noise.largest().max((2.5 * variance.sqrt()).ceil() as u32);
        let mut larger = (first..=20).filter_map(|to| Noise::new(to, variance, noise.least_shown(), stays).ok());
        let Some(more) = larger.next() else { continue };
        let ratio = variance / noise.variance();
        let estimated = kind.variance.map_or(0.0, |variance| rounded_is_right(variance * ratio));
        let table = NoiseTable::solve(&more)?;
        // First what is quick to know, then everything that the next registration is asked.
        if estimated <= cap
            && proved(structure, &mut exact_of(&table))? <= cap
            && averaging_bound(registered, &table)?.passes(cap)
        {
            return Ok(Some(more));
        }
    }
    Ok(None)
}
