//! Keys and everything that is encrypted with them: wrapped data keys, encrypted files, encrypted tables,
//! pseudonyms, record keys and hashed credentials.
//!
//! **Architecture invariant:** no key leaves this crate except wrapped, or inside the decryption properties handed to
//! the Parquet reader; [`derive_secret`] gives other parts secrets of their own, never a key of a file or table. Keys are cleared from memory when dropped, and every `Debug` output is redacted. Randomness is
//! an argument ([`Entropy`]), so tests are deterministic.
//!
//! Two standard constructions only: Parquet Modular Encryption (`AES_GCM_V1`) for tables, see [`table`], and STREAM
//! over AES-256-GCM for every other file, see [`file`].

pub mod context;
pub mod credential;
pub mod derive;
pub mod entropy;
pub mod error;
pub mod file;
pub mod key;
pub mod provider;
pub mod pseudonym;
pub mod ring;
pub mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use context::Context;
pub use credential::ApiKey;
pub use derive::derive_secret;
#[cfg(any(test, feature = "testing"))]
pub use entropy::SeededEntropy;
pub use entropy::{Entropy, OsEntropy};
pub use error::VaultError;
pub use file::{OpenReader, SealWriter, open, open_bytes, seal, seal_bytes};
pub use key::{DataKey, Vault, WrappedKey};
pub use provider::{FileKey, KeyProvider};
pub use pseudonym::{Pseudonymiser, record_key};
pub use ring::KeyRing;
pub use table::{TableIdentity, TableKeys, TableSummary, WrappedTableKeys, read_table, require_encrypted, write_table};
