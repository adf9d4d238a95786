//! What the catalogue records.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use model::{DatasetId, Digest, Label, OrganisationId, Period, PurposeId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::error::CatalogError;
use crate::objects::ObjectRef;

/// A caller's name for one upload, so that sending it again does nothing twice: 1 to 128 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = CatalogError;
    fn from_str(text: &str) -> Result<Self, CatalogError> {
        if (1..=128).contains(&text.len()) && text.bytes().all(|b| (b'!'..=b'~').contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            let reason = "use 1 to 128 printable ASCII characters without spaces";
            Err(CatalogError::Invalid { what: "the idempotency key", reason })
        }
    }
}

impl Serialize for IdempotencyKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An upload as its caller names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The caller's key; unique within a dataset.
    pub key: IdempotencyKey,
    /// Digest of the body that was sent with it.
    pub body: Digest,
}

/// What a dataset version is. Never changes once recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionFacts {
    /// Id of the version (UUID version 7), which the encrypted table is bound to.
    pub id: Uuid,
    /// The dataset.
    pub dataset: DatasetId,
    /// The partition.
    pub period: Period,
    /// Keyed digest of the table with the contract, the geography and the agreements that made it. The same content for
    /// the same partition is the same version, whatever bytes it came in.
    pub content: Digest,
    /// Keyed digest of the table alone: the same rows, whatever they were read by. `None` in records from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Digest>,
    /// Keyed digest of the file's bytes with the same as the content, so that a file sent again is known before it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<Digest>,
    /// Digest of the table's schema.
    pub schema: Digest,
    /// Digests of the agreements that govern it.
    pub agreements: BTreeSet<Digest>,
    /// The encrypted table.
    pub table: ObjectRef,
    /// The encrypted findings, and their wrapped key in text form.
    pub findings: Option<(ObjectRef, String)>,
    /// How its rows found their areas, as the platform that read them wrote it.
    pub placing: String,
    /// When the upload was received.
    pub received_at: Timestamp,
    /// The upload it came from, if its caller named it.
    pub upload: Option<Upload>,
    /// What the sender declared about opt-outs, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opt_outs: Option<OptOutDeclaration>,
}

/// A sender's word that people who opted out were left out of a file. Nobody here has seen the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOutDeclaration {
    /// When the list was applied, by their account.
    pub applied_at: Timestamp,
    /// Who says so.
    pub declared_by: OrganisationId,
}

/// Where a version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionStatus {
    /// Taken in, but not yet in the audit log: acknowledged to nobody.
    Staged,
    /// The one in use for its partition.
    Current,
    /// Replaced by a later revision.
    Superseded,
    /// No longer to be used.
    Withdrawn,
}

impl VersionStatus {
    pub(crate) const ALL: [Self; 4] = [Self::Staged, Self::Current, Self::Superseded, Self::Withdrawn];

    /// The status as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Current => "current",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether a version may be put from this status into another by request.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Staged, Self::Current) | (Self::Staged | Self::Current | Self::Superseded, Self::Withdrawn)
        )
    }
}

impl fmt::Display for VersionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version of a partition of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetVersion {
    /// What it is.
    pub facts: VersionFacts,
    /// Number of the revision within its partition, from 1.
    pub revision: u32,
    /// Where it stands.
    pub status: VersionStatus,
    /// The wrapped keys of the table, in text form; none once they were destroyed.
    pub table_keys: Option<String>,
}

/// What committing a version came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Commit {
    /// It was recorded.
    New(DatasetVersion),
    /// The same upload or the same content is already there; nothing was recorded. The caller removes the objects it
    /// had written.
    Existing(DatasetVersion),
}

/// Why something must be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobReason {
    /// A version was taken in or approved.
    Ingested,
    /// A version was withdrawn, or records were erased.
    Withdrawn,
    /// An agreement changed.
    AgreementChanged,
    /// Definitions of indicators, the geography, or how many people live where changed.
    DefinitionsChanged,
}

/// A publish job to be queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewJob {
    /// Id of the job (UUID version 7).
    pub id: Uuid,
    /// Why.
    pub reason: JobReason,
    /// The version that caused it, if one did.
    pub version: Option<Uuid>,
    /// When it was queued.
    pub created_at: Timestamp,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Waiting.
    Pending,
    /// Being done.
    Running,
    /// Done.
    Done,
    /// Given up.
    Failed,
}

impl JobState {
    pub(crate) const ALL: [Self; 4] = [Self::Pending, Self::Running, Self::Done, Self::Failed];

    /// The state as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A publish job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What was queued.
    pub facts: NewJob,
    /// Where it stands.
    pub state: JobState,
    /// How often it was begun; an attempt that was interrupted does not count.
    pub attempts: u32,
    /// A sentence for people, without any value from the data.
    pub message: Option<String>,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// How an attempt at a job ended. The text is shown to people and holds no value from the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobOutcome {
    /// It is done.
    Done(String),
    /// It is given up.
    Failed(String),
    /// It is to be tried again.
    Retry(String),
}

impl JobOutcome {
    pub(crate) fn into_parts(self) -> (JobState, String) {
        match self {
            Self::Done(text) => (JobState::Done, text),
            Self::Failed(text) => (JobState::Failed, text),
            Self::Retry(text) => (JobState::Pending, text),
        }
    }
}

/// One entry of a protection group's ledger: bytes that only the vault can open. Never changed, never removed.
#[derive(Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The protection group.
    pub group: Label,
    /// From 1 within the group, without gaps.
    pub sequence: u64,
    /// SHA-256 of the ciphertext.
    pub digest: Digest,
    /// The ciphertext.
    pub ciphertext: Vec<u8>,
}

impl fmt::Debug for LedgerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LedgerEntry({} {}, {} bytes, {})", self.group, self.sequence, self.ciphertext.len(), self.digest)
    }
}

/// A machine credential: what is known of it is a keyed hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Public id, part of the key.
    pub id: Label,
    /// Keyed hash of the secret.
    pub hash: Digest,
    /// Who holds it.
    pub organisation: OrganisationId,
    /// What it may do.
    pub role: Label,
    /// What it may do it for.
    pub purposes: BTreeSet<PurposeId>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Of everything above, under a key of the vault: whoever can write the catalogue cannot give a key other rights.
    pub mac: Digest,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}
