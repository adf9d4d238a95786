//! Crate vault.
