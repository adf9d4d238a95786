//! The port: what the platform asks of a catalogue.

use jiff::Timestamp;
use model::{DatasetId, Digest, Label};
use uuid::Uuid;

use crate::error::CatalogError;
use crate::records::{
    Commit, Credential, DatasetVersion, Job, JobOutcome, JobState, LedgerEntry, NewJob, Upload, VersionFacts,
    VersionStatus,
};

type Result<T> = std::result::Result<T, CatalogError>;

/// A durable catalogue. Every method is one transaction: when it returns, its effect survives a power cut; when it
/// fails, nothing has changed. Methods block; callers on an async runtime use a blocking thread.
///
/// All methods fail with [`CatalogError::Database`] if the database does, and with [`CatalogError::Damaged`] if a stored
/// record cannot be read; only other errors are listed.
pub trait Catalog: Send + Sync {
    /// The version an upload was recorded as, so that a repeated upload is answered before any work.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] if the key was used with another body.
    fn find_upload(&self, dataset: &DatasetId, upload: &Upload) -> Result<Option<DatasetVersion>>;

    /// Records that an upload was answered with a version that is there; nothing if that is recorded already.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Conflict`] if the key was used with another body.
    fn record_upload(&self, id: Uuid, upload: &Upload) -> Result<()>;

    /// Records a version as [`VersionStatus::Staged`] or [`VersionStatus::Current`], with the next revision number of
    /// its partition; a current one supersedes every earlier current or staged one. Queues the job with it. Answers
    /// [`Commit::Existing`] if the upload is already recorded, or the latest version of the partition that is current or
    /// staged has the same content.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] if the idempotency key was used with another body, or an id is taken;
    /// [`CatalogError::Invalid`] for another status.
    fn commit_version(
        &self,
        facts: VersionFacts,
        table_keys: &str,
        status: VersionStatus,
        job: Option<NewJob>,
    ) -> Result<Commit>;

    /// Removes a staged version and the uploads recorded with it, as if they had never been; its number is free again.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Conflict`] if it is not staged, or a job names it.
    fn discard_version(&self, id: Uuid) -> Result<()>;

    /// Makes a staged version current or withdraws a version, and queues a job with it.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Conflict`] for any other step (a staged version that a later revision
    /// has superseded cannot be approved), or if the job's id is taken.
    fn change_version(&self, id: Uuid, to: VersionStatus, job: Option<NewJob>) -> Result<DatasetVersion>;

    /// Replaces the wrapped keys of a version's table (rotation), or destroys them: what they opened can then never be
    /// read again, and they leave no trace in the database files.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Conflict`] if they were already destroyed.
    fn replace_table_keys(&self, id: Uuid, keys: Option<&str>) -> Result<()>;

    /// One version.
    ///
    /// # Errors
    /// See the trait.
    fn version(&self, id: Uuid) -> Result<Option<DatasetVersion>>;

    /// Versions of one dataset or of all, in one status or in any, ordered by dataset, partition and revision.
    ///
    /// # Errors
    /// See the trait.
    fn versions(&self, dataset: Option<&DatasetId>, status: Option<VersionStatus>) -> Result<Vec<DatasetVersion>>;

    /// Queues a job.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] if its id is taken; [`CatalogError::NotFound`] if its version is not recorded.
    fn enqueue(&self, job: NewJob) -> Result<()>;

    /// Takes the job that has waited longest.
    ///
    /// # Errors
    /// See the trait.
    fn claim_job(&self, now: Timestamp) -> Result<Option<Job>>;

    /// Ends an attempt. A job to be tried again goes behind no other: it keeps its place.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Conflict`] if the job is not running.
    fn finish_job(&self, id: Uuid, outcome: JobOutcome, now: Timestamp) -> Result<()>;

    /// Puts every running job back into the queue, as if that attempt had not been: called when nothing can be running.
    /// Returns how many.
    ///
    /// # Errors
    /// See the trait.
    fn requeue_jobs(&self, now: Timestamp) -> Result<u64>;

    /// Jobs in one state or in any, in the order in which they were queued.
    ///
    /// # Errors
    /// See the trait.
    fn jobs(&self, state: Option<JobState>) -> Result<Vec<Job>>;

    /// Appends to a group's ledger.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] if the sequence number is not the next; [`CatalogError::Invalid`] if the digest is not
    /// that of the ciphertext.
    fn append_ledger(&self, entry: &LedgerEntry) -> Result<()>;

    /// Entries of a group after a sequence number, in order; each checked against its digest.
    ///
    /// # Errors
    /// See the trait.
    fn ledger(&self, group: &Label, after: u64) -> Result<Vec<LedgerEntry>>;

    /// Groups that have a ledger, in order.
    ///
    /// # Errors
    /// See the trait.
    fn ledger_groups(&self) -> Result<Vec<Label>>;

    /// Records a credential.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] if its id is taken.
    fn add_credential(&self, credential: &Credential) -> Result<()>;

    /// Revokes a credential; the first revocation stays.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    fn revoke_credential(&self, id: &Label, now: Timestamp) -> Result<()>;

    /// All credentials, in order of their ids.
    ///
    /// # Errors
    /// See the trait.
    fn credentials(&self) -> Result<Vec<Credential>>;

    /// A setting.
    ///
    /// # Errors
    /// See the trait.
    fn setting(&self, name: &Label) -> Result<Option<String>>;

    /// Sets a setting if it still has the expected value (`None`: is not set).
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] if it has another one.
    fn replace_setting(&self, name: &Label, expected: Option<&str>, value: &str) -> Result<()>;
}

/// SHA-256 of bytes.
#[must_use]
pub fn digest_of(bytes: &[u8]) -> Digest {
    use sha2::Digest as _;
    Digest(sha2::Sha256::digest(bytes).into())
}
