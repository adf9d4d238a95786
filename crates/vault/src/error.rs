//! What can go wrong with keys and encrypted data. No message holds a key, a plain value or a cell.

use std::io;
use std::path::PathBuf;

/// An error of the vault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness; nothing was encrypted")]
    Entropy(#[source] getrandom::Error),
    /// Reading or writing failed.
    #[error("could not {operation} `{}`", path.display())]
    File {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Reading or writing a stream failed.
    #[error("could not read or write an encrypted stream")]
    Stream(#[source] io::Error),
    /// The master key file is readable or writable by others.
    #[error("the key file `{}` may be used by other users (mode {mode:04o}); run `chmod 600` on it", path.display())]
    KeyFileOpen {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The master key file is not one.
    #[error("`{}` is not a master key file: {reason}", path.display())]
    KeyFileFormat {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The master key would lie in the folder it protects.
    #[error(
        "the key file `{}` lies inside the data folder `{}`; keep it elsewhere, so that a copy of the data is not a copy of the key",
        key.display(), folder.display()
    )]
    KeyInsideData {
        /// The key file.
        key: PathBuf,
        /// The data folder.
        folder: PathBuf,
    },
    /// The key was wrapped by a key this vault does not have.
    #[error("the data were encrypted under master key `{needed}`, which is not loaded; give that key file")]
    UnknownProvider {
        /// Id of the key that is needed.
        needed: String,
    },
    /// Authentication failed: another key, another context, or changed bytes.
    #[error("{what} could not be authenticated: it was changed, cut short, or belongs to something else")]
    NotAuthentic {
        /// What was being opened.
        what: &'static str,
    },
    /// The bytes are not in this format, or in a later version of it.
    #[error("{what} has an unknown format or version")]
    Format {
        /// What was being read.
        what: &'static str,
    },
    /// A file is longer than the format can hold.
    #[error("the file is too long to encrypt: at most 256 TiB")]
    TooLong,
    /// A key for this purpose is missing, or was destroyed.
    #[error("there is no key for `{name}`: it was never made, or it was destroyed when its agreement ended")]
    NoKey {
        /// The column or key name.
        name: String,
    },
    /// A table cannot be encrypted as it is.
    #[error("the table cannot be encrypted: {reason}")]
    Table {
        /// Why, naming a column but no value.
        reason: String,
    },
    /// The Parquet library refused. Its text is kept out of the message of this error.
    #[error("could not {operation} an encrypted table")]
    Parquet {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// The cause.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A text is not an API key.
    #[error("not an API key: write `cg_`, 16 hexadecimal digits, `_`, 64 hexadecimal digits")]
    NotAnApiKey,
}

impl VaultError {
    /// Recovers the vault's error from an input/output error that carries one.
    #[must_use]
    pub fn from_io(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<Self>()) {
            match error.into_inner().map(|inner| inner.downcast::<Self>()) {
                Some(Ok(ours)) => *ours,
                Some(Err(other)) => Self::Stream(io::Error::other(other)),
                None => Self::Stream(io::Error::other("unknown cause")),
            }
        } else {
            Self::Stream(error)
        }
    }
}

impl From<VaultError> for io::Error {
    fn from(error: VaultError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}
