//! The integration tests: the sample partnership through the front door, in one binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole binary is tests, helpers included"
)]

mod api;
mod approval;
mod attacks;
mod cli;
mod intake;
mod path;
mod publishing;
mod standing;
mod support;
mod tampering;
