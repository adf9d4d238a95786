//! Crate geography.
