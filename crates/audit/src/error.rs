//! What can go wrong with the log.

use std::io;

/// An error of the audit log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The disk refused.
    #[error("could not {operation} the audit log (`{name}`)")]
    Storage {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// The segment or folder.
        name: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A record is not what its neighbours say it must be.
    #[error(
        "the audit log is broken at line {line} of `{segment}`: {reason}; do not repair it, restore it from a backup or a witness"
    )]
    Broken {
        /// The segment.
        segment: String,
        /// The line, from 1; 0 for the segment as a whole.
        line: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A receipt kept elsewhere is not in the log: its end was cut off, or it was rewritten as a whole.
    #[error(
        "the audit log has no record {sequence} with the hash of its receipt: records are missing or were rewritten"
    )]
    MissingReceipt {
        /// The sequence number of the receipt.
        sequence: u64,
    },
    /// An earlier write failed, so it is unknown what is on the disk.
    #[error("an earlier write to the audit log failed; nothing more is accepted until it is opened again")]
    Poisoned,
    /// A record could not be encoded.
    #[error("could not encode an audit record")]
    Encode(#[source] serde_json::Error),
}
