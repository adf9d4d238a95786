//! Crate platform.
