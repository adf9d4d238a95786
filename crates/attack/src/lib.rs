//! Crate attack.
