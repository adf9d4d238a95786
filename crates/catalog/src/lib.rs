//! The data folder: what the platform knows (the catalogue, in SQLite), and the encrypted objects it keeps.
//!
//! [`Catalog`] is a narrow port with two implementations, [`SqliteCatalog`] and the reference [`MemoryCatalog`], held to
//! one conformance suite. [`ObjectStore`] keeps encrypted files durably under names the platform makes.
//! [`DataFolder`] says where everything lies and holds the lock.
//!
//! **Architecture invariant:** nothing here is a plain value about a person: ids, digests, counts, and ciphertext.

pub mod error;
pub mod folder;
pub mod memory;
pub mod objects;
pub mod port;
pub mod records;
pub mod set_aside;
pub mod sqlite;

pub use error::CatalogError;
pub use folder::{CATALOG, DataFolder, FolderLock, revocations};
pub use memory::MemoryCatalog;
pub use objects::{ObjectKind, ObjectName, ObjectRef, ObjectStore, ObjectWriter};
pub use port::Catalog;
pub use records::{
    Commit, Credential, DatasetVersion, IdempotencyKey, Job, JobOutcome, JobReason, JobState, LedgerEntry, NewJob,
    OptOutDeclaration, Upload, VersionFacts, VersionStatus,
};
pub use set_aside::SetAside;
pub use sqlite::SqliteCatalog;
