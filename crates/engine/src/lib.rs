//! Crate engine.
