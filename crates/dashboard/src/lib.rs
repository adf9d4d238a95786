//! Crate dashboard.
