//! The common data set: stored files as coded columns, those in use in bounded memory.

pub(crate) mod column;
mod file;
pub(crate) mod hot;
pub(crate) mod snapshot;
pub(crate) mod values;
