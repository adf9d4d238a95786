//! One line of the log.

use jiff::Timestamp;
use model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::entry::Entry;
use crate::error::AuditError;

/// A record: an entry with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// From 1, without gaps.
    pub sequence: u64,
    /// When it was appended, by the platform's clock.
    pub at: Timestamp,
    /// Hash of the record before; zeros for the first.
    pub previous: Digest,
    /// What happened.
    pub entry: Entry,
}

/// Proof that a record was accepted: it is on the disk, and this was its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Receipt {
    /// Sequence number of the record; 0 before the first.
    pub sequence: u64,
    /// Hash of the record; zeros before the first.
    pub hash: Digest,
}

impl Receipt {
    /// The head of an empty log.
    pub const GENESIS: Self = Self { sequence: 0, hash: Digest([0; 32]) };
}

const HEADING: &[u8] = b"commonground audit record 1\n";
const BEFORE_HASH: &str = "{\"hash\":\"";
const BEFORE_RECORD: &str = "\",\"record\":";
const AFTER_RECORD: &str = "}";

fn hash(body: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(HEADING);
    hash.update(body);
    Digest(hash.finalize().into())
}

impl Record {
    /// The line, with its line feed, and the receipt of the record.
    pub(crate) fn encode(&self) -> Result<(String, Receipt), AuditError> {
        let body = serde_json::to_string(self).map_err(AuditError::Encode)?;
        let hash = hash(body.as_bytes());
        let line = format!("{BEFORE_HASH}{hash}{BEFORE_RECORD}{body}{AFTER_RECORD}\n");
        Ok((line, Receipt { sequence: self.sequence, hash }))
    }

    /// Reads a line without its line feed and checks it against its hash and against the record before.
    pub(crate) fn decode(line: &[u8], head: Receipt) -> Result<(Self, Receipt), &'static str> {
        let line = std::str::from_utf8(line).map_err(|_| "it is not text")?;
        let rest = line.strip_prefix(BEFORE_HASH).ok_or("it does not begin with a hash")?;
        let (stated, rest) = rest.split_once(BEFORE_RECORD).ok_or("it holds no record")?;
        let body = rest.strip_suffix(AFTER_RECORD).ok_or("it does not end as a record")?;
        let stated: Digest = stated.parse().map_err(|_| "its hash is not 64 hexadecimal digits")?;
        if hash(body.as_bytes()) != stated {
            return Err("the record does not have its hash");
        }
        let record: Self = serde_json::from_str(body).map_err(|_| "the record is of an unknown form")?;
        if record.previous != head.hash {
            return Err("the record does not follow the one before");
        }
        if Some(record.sequence) != head.sequence.checked_add(1) {
            return Err("the sequence number is not the next");
        }
        let receipt = Receipt { sequence: record.sequence, hash: stated };
        Ok((record, receipt))
    }
}
