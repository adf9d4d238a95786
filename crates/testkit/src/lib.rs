//! The synthetic partnership: places, open data and partners' feeds, made from one seed with integer arithmetic.
//!
//! **Architecture invariant:** the same seed gives the same bytes on every machine: no floating point, no clock, no
//! iteration over unordered maps. Nothing here is about a real person, dwelling or incident.

pub mod feeds;
pub mod geography;
pub mod open;
pub mod output;
pub mod random;
pub mod world;

pub use output::Made;
pub use random::{Random, Seed};
pub use world::{SampleFile, TestkitError, World};

pub use feeds::canaries;
pub use output::inflate;

/// What `TRUTH.md` begins with.
const TRUTH: &str = "# What is planted in the sample data\n\n\
    Generated together with the data by `cargo run -p testkit --bin make-sample-data -- sample-data`; do not edit. \
    Everything is invented except the population projections.\n\n";

/// Makes every generated file of `sample-data/`, by path.
///
/// # Errors
/// If the generator breaks one of its own promises or a file cannot be made.
pub fn generate(seed: Seed) -> Result<Vec<SampleFile>, TestkitError> {
    let world = geography::world(seed)?;
    let (open, feeds) = (open::generate(seed, &world)?, feeds::generate(seed, &world)?);
    let mut files = geography::files(&world)?;
    files.extend(open.files);
    files.extend(feeds.files);
    files.push(output::plain("TRUTH.md", format!("{TRUTH}{}\n{}", open.truth, feeds.truth).into_bytes()));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

#[cfg(test)]
mod tests;
