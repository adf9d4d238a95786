//! Crate agreements.
