//! Crate catalog.
