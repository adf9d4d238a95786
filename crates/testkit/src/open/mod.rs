//! Open data about the partnership: already public in the real world, invented here except for the projections.

mod assets;
mod crime;
mod deprivation;
mod population;
mod projections;

use model::Month;

use crate::output::Made;
use crate::random::Seed;
use crate::world::{TestkitError, World};

/// Makes every open dataset and says what was planted in it.
///
/// # Errors
/// If a file cannot be made.
pub fn generate(seed: Seed, world: &World) -> Result<Made, TestkitError> {
    let crime = crime::make(seed, world)?;
    let mut files = population::files(world)?;
    files.extend(projections::files()?);
    files.extend(deprivation::files(seed, world)?);
    files.extend(assets::files(seed, world)?);
    files.extend(crime.files);
    let truth = format!("## Open data\n\n{}\n{}\n{}", population::truth(world), deprivation::truth(world), crime.truth);
    Ok(Made { files, truth })
}

/// First month of the partnership's data.
fn first_month() -> Result<Month, TestkitError> {
    Month::new(2023, 1).ok_or_else(|| TestkitError::World("no first month".to_owned()))
}

/// Path of a dataset's file for the period that begins in a month, without `.gz`.
fn path(organisation: &str, dataset: &str, stem: &str, extension: &str) -> String {
    format!("partners/{organisation}/{dataset}/{stem}.{extension}")
}
