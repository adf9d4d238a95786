//! Crate statistics.
