//! The cell-key method: the mathematics of noise, and what is published with it ([`release`]).
//!
//! Every record has a secret 64-bit key, a cell's key is the wrapping sum of its records' keys, and what is added to the cell's count
//! is looked up by that key ([`NoiseTable::published`]): the same records give the same noise by every route, and nothing depends on
//! who asks, when or how often (Fraser and Wooton 2005; Thompson, Broadfoot and Elazar 2013). Sums get as much noise as their largest
//! contributor could have ([`SumNoise`]). What many noisy figures of overlapping cells say together is bounded before anything is
//! published ([`refuse`]).
//!
//! **Architecture invariant:** pure; floating point with transcendental functions is used to *make* a table and to judge a
//! registration, never to look up what is published.

mod averaging;
mod draw;
mod entry;
mod geometric;
mod maxent;
mod noise;
mod noisy;
mod release;
mod sums;
mod table;
#[cfg(test)]
mod tests;

pub use averaging::{
    Bound, Kind, NearZero, Refused, Registered, RegisteredDimension, RegisteredLevel, RegistrationError, SmallCount,
    averaging_bound, refuse,
};
pub(crate) use draw::absorb;
pub(crate) use entry::{NoiseEntry, read as read_noise};
pub use entry::{NoiseKind, NoiseState, restore_noise, verify_noise};
pub use geometric::{Geometric, GeometricError};
pub use noise::{Noise, NoiseError};
pub use noisy::Noisy;
pub use release::{CountedTable, Found, Judged, NoisePlan, NoisePlanError, NoiseRelease};
pub use sums::{MOST_PART, SumNoise, SumNoiseError};
pub use table::{NoiseTable, TableError};
