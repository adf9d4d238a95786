//! The HTTP interface: authentication, routes, formats, OpenAPI.
//!
//! **Architecture invariants:** it calls `platform` and nothing below; it sees no Arrow and no query-engine type; data
//! encoders accept only `Released` values; every error becomes one of the problem types in [`problem`].

mod data;
mod encode;
mod headers;
mod pages;
mod params;
pub mod problem;
mod reference;
mod schema;
mod server;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use platform::Platform;

pub use encode::{csv, json};
pub use schema::SYNTHETIC_NOTICE;
pub use server::{openapi, router, serve};

/// Limits of the HTTP interface.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Time for one request other than an upload.
    pub request_timeout: Duration,
    /// Time for one upload.
    pub upload_timeout: Duration,
    /// Requests served at once; more wait.
    pub concurrency: usize,
    /// Uploads read at once; more are told to come back.
    pub uploads: usize,
    /// Bytes of a query string.
    pub query_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            upload_timeout: Duration::from_secs(600),
            concurrency: 256,
            uploads: 4,
            query_bytes: 8192,
        }
    }
}

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) platform: Platform,
    pub(crate) uploads: Arc<tokio::sync::Semaphore>,
    pub(crate) limits: Arc<HttpLimits>,
}
