//! The audit log: append-only, a chain of SHA-256 hashes, durable before [`AuditLog::append`] returns, and verifiable
//! offline by anyone who has the folder.
//!
//! ```text
//! audit/00000000000000000001.jsonl      one line a record, segments named by their first sequence number
//! {"hash":"<64 hex>","record":{"sequence":1,"at":"...","previous":"<64 hex>","entry":{"kind":"started",...}}}
//! ```
//! `hash` is SHA-256 over a fixed heading and the bytes of `record` exactly as they stand in the line; `previous` is the
//! hash of the record before. Changing, removing or inserting a record breaks the chain; cutting off the end is found
//! by comparing with a receipt kept elsewhere ([`verify`] takes them).
//!
//! **Architecture invariant:** an entry holds ids, digests and counts, never a value from a record about a person.

pub mod entry;
pub mod error;
pub mod log;
pub mod record;
pub mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verify;

pub use entry::{
    Access, Actor, AgreementChange, CredentialChange, Entry, Grounds, KeyChange, PlanRecord, PreviewRecord, Question,
    Verdict, Work,
};
pub use error::AuditError;
pub use log::{AuditLog, Options, Recovery};
pub use record::{Receipt, Record};
pub use storage::{FolderStorage, Storage};
pub use verify::{Report, verify, verify_storage};
