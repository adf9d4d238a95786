//! Crate disclosure.
