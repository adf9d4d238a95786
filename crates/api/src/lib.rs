//! The HTTP interface: authentication, routes, formats, OpenAPI.
//!
//! **Architecture invariants:** it calls `platform` and nothing below; it sees no Arrow and no query-engine type; data
//! encoders accept only `Released` values; every error becomes one of the problem types in [`problem`].

mod connections;
mod data;
mod encode;
mod headers;
mod pages;
mod params;
mod places;
pub mod problem;
mod publications;
mod reference;
mod schema;
mod server;
mod tables;
mod uploads;

use std::sync::Arc;

use platform::Platform;
use serde::{Deserialize, Serialize};

pub use connections::serve;
pub use encode::{csv, json};
pub use schema::SYNTHETIC_NOTICE;
pub use server::{openapi, router};

/// Limits of the HTTP interface; every one can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpLimits {
    /// Seconds for one request other than an upload.
    pub request_seconds: u64,
    /// Seconds in which an upload must have arrived. Reading and storing it have limits of their own.
    pub upload_seconds: u64,
    /// Seconds without a byte after which an upload ends.
    pub upload_idle_seconds: u64,
    /// Requests served at once; more wait.
    pub concurrency: usize,
    /// Threads that read and write for requests, uploads included: each has memory of its own, and more requests wait.
    pub threads: usize,
    /// Tables that are asked for and counted at once; more wait, and hold no thread meanwhile.
    pub tables: usize,
    /// Uploads read at once; more are told to come back.
    pub uploads: usize,
    /// Uploads of one organisation read at once.
    pub uploads_per_organisation: usize,
    /// Bytes of a query string.
    pub query_bytes: usize,
    /// Open connections; more wait to be accepted.
    pub connections: usize,
    /// Seconds in which a connection must have sent the head of its next request.
    pub header_seconds: u64,
    /// Seconds after which a connection is closed that takes nothing of an answer.
    pub stalled_seconds: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            request_seconds: 30,
            upload_seconds: 600,
            upload_idle_seconds: 30,
            concurrency: 256,
            threads: 32,
            tables: 8,
            uploads: 6,
            uploads_per_organisation: 2,
            query_bytes: 8192,
            connections: 512,
            header_seconds: 30,
            stalled_seconds: 30,
        }
    }
}

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) platform: Platform,
    pub(crate) places: Arc<places::UploadPlaces>,
    pub(crate) tables: Arc<tokio::sync::Semaphore>,
    pub(crate) limits: Arc<HttpLimits>,
}
