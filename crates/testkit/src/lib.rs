//! The synthetic partnership: places, open data and partners' feeds, made from one seed with integer arithmetic.
//!
//! **Architecture invariant:** the same seed gives the same bytes on every machine: no floating point, no clock, no
//! iteration over unordered maps. Nothing here is about a real person, dwelling or incident.

pub mod feeds;
pub mod output;
pub mod random;
pub mod world;

pub use output::Made;
pub use random::{Random, Seed};
pub use world::{SampleFile, TestkitError, World};
