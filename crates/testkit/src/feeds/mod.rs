//! Partners' controlled feeds, in the formats of the real ones.
//!
//! Every row carries at most one planted fault, and its fate at intake is known when it is written: `truth.json` and
//! `TRUTH.md` hold what an intake must report of every file, and the truths that its tables must show.

mod ambulance;
mod calendar;
mod canary;
mod casework;
mod claimants;
mod college;
mod context;
mod demand;
mod dirt;
mod emergency;
mod fire;
mod homelessness;
mod housing;
mod nuisance;
mod people;
mod postcodes;
mod prevalence;
mod sheet;
#[cfg(test)]
mod tests;
mod truth;
mod visits;
mod wellbeing;

use context::Context;
use sheet::FeedMade;

use crate::output::Made;
use crate::random::Seed;
use crate::world::{TestkitError, World};

/// Makes every controlled feed, and `truth.json` with what intake must make of them.
///
/// # Errors
/// If a file cannot be made.
pub fn generate(seed: Seed, world: &World) -> Result<Made, TestkitError> {
    let context = Context::new(seed, world);
    let feeds = make_all(&context)?;
    let truth = truth::Truth::of(&context, &feeds);
    let json = truth.file()?;
    let mut files: Vec<_> = feeds.into_iter().flat_map(|feed| feed.files).collect();
    files.push(json);
    Ok(Made { files, truth: truth.markdown() })
}

/// The unique texts planted in person-level files: names and notes that begin with `Zqcanary`, and NHS numbers. None of
/// them may be found in any byte that the platform stores unencrypted. They are the same for every seed and world.
#[must_use]
pub fn canaries() -> Vec<String> {
    canary::texts()
}

fn make_all(context: &Context<'_>) -> Result<Vec<FeedMade>, TestkitError> {
    let [stock, repairs] = housing::make(context)?;
    Ok(vec![
        casework::make(context)?,
        homelessness::make(context)?,
        claimants::make(context)?,
        nuisance::make(context)?,
        wellbeing::make(context)?,
        fire::make(context)?,
        emergency::make(context)?,
        prevalence::make(context)?,
        ambulance::make(context)?,
        stock,
        repairs,
        college::make(context)?,
    ])
}
