//! Crate ingest.
