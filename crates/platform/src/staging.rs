//! How a version comes to stand: staged in the catalogue, recorded in the audit log, and only then current.
//!
//! A crash between two of these steps leaves a staged version, and the audit log says what it is: with its record, the
//! version was taken in and is made current; without it, nobody was ever told of it, and nothing of it stays.

use std::collections::BTreeSet;

use audit::{Entry, FolderStorage};
use catalog::{Commit, DatasetVersion, JobReason, NewJob, VersionFacts, VersionStatus};
use ingest::Findings;
use uuid::Uuid;

use crate::error::PlatformError;
use crate::intake::conflict;
use crate::platform::Platform;
use crate::receipt::UploadReceipt;

/// A version whose objects are durable and which nothing names yet.
pub(crate) struct Prepared {
    pub(crate) facts: VersionFacts,
    /// The wrapped keys of its table.
    pub(crate) keys: String,
    pub(crate) findings: Findings,
}

impl Platform {
    /// Makes a version current and acknowledges it, or leaves nothing of it. What allowed the upload is asked again with
    /// `still_allowed`: since the decision the file came in and was read, which takes minutes.
    ///
    /// # Errors
    /// If it is not allowed any more, or catalogue or audit log fail. What is then half done is settled at the next start.
    pub(crate) fn keep(
        &self,
        prepared: Prepared,
        work_id: Uuid,
        still_allowed: impl FnOnce() -> Result<(), PlatformError>,
    ) -> Result<UploadReceipt, PlatformError> {
        let Prepared { facts, keys, findings } = prepared;
        // One at a time: nobody may be told that somebody else's staged version is stored.
        let _turn = self.staging();
        let upload = facts.upload.clone();
        let staged = still_allowed().and_then(|()| self.settle_staged()).and_then(|()| {
            let commit = self.catalog().commit_version(facts.clone(), &keys, VersionStatus::Staged, None);
            commit.map_err(conflict(upload.as_ref()))
        });
        let version = match staged {
            Ok(Commit::New(version)) => version,
            Ok(Commit::Existing(known)) => {
                self.remove_objects(&facts);
                return Ok(UploadReceipt { findings, ..self.receipt(&known, false)? });
            }
            Err(error) => {
                self.remove_objects(&facts);
                return Err(error);
            }
        };
        self.record(ingested(&version, work_id))?;
        let current = self.make_current(&version)?;
        self.wake_publisher();
        Ok(UploadReceipt { findings, ..self.receipt(&current, true)? })
    }

    /// Finishes what the audit log knows of and discards the rest.
    ///
    /// # Errors
    /// If catalogue or audit log cannot be read or written.
    pub(crate) fn settle_staged(&self) -> Result<(), PlatformError> {
        let staged = self
            .catalog()
            .versions(None, Some(VersionStatus::Staged))
            .map_err(PlatformError::failed("read versions"))?;
        if staged.is_empty() {
            return Ok(());
        }
        let known = self.ingested_versions()?;
        for version in staged {
            let id = version.facts.id;
            if known.contains(&id) {
                self.make_current(&version)?;
                tracing::info!(version = %id, "an upload that was cut short is finished");
            } else {
                self.catalog().discard_version(id).map_err(PlatformError::failed("discard a version"))?;
                self.remove_objects(&version.facts);
                tracing::info!(version = %id, "an upload that was cut short is discarded");
            }
        }
        Ok(())
    }

    fn make_current(&self, version: &DatasetVersion) -> Result<DatasetVersion, PlatformError> {
        let id = version.facts.id;
        let job = NewJob { id: Uuid::now_v7(), reason: JobReason::Ingested, version: Some(id), created_at: self.now() };
        self.catalog()
            .change_version(id, VersionStatus::Current, Some(job))
            .map_err(PlatformError::failed("record a version"))
    }

    /// The versions that the audit log says were taken in.
    fn ingested_versions(&self) -> Result<BTreeSet<Uuid>, PlatformError> {
        let mut versions = BTreeSet::new();
        audit::verify_storage(&FolderStorage::new(&self.audit_folder()), &[], &mut |record| {
            if let Entry::Ingested { version, .. } = &record.entry {
                versions.insert(*version);
            }
        })
        .map_err(PlatformError::failed("read the audit log"))?;
        Ok(versions)
    }

    /// Removes what no version names. What cannot be removed now is at the next start.
    fn remove_objects(&self, facts: &VersionFacts) {
        let findings = facts.findings.as_ref().map(|(object, _)| object.name);
        for name in findings.into_iter().chain([facts.table.name]) {
            if let Err(error) = self.store().remove(name) {
                let causes = crate::error::causes(&error);
                tracing::warn!(causes, "an unused object stays, encrypted, until the next start");
            }
        }
    }
}

fn ingested(version: &DatasetVersion, work_id: Uuid) -> Entry {
    let facts = &version.facts;
    Entry::Ingested {
        work_id,
        dataset: facts.dataset.clone(),
        period: facts.period,
        revision: version.revision,
        version: facts.id,
        table: facts.table.digest,
        agreements: facts.agreements.clone(),
        findings: facts.findings.as_ref().map(|(object, _)| object.digest),
        opt_outs_applied: facts.opt_outs.as_ref().map(|declared| declared.applied_at),
    }
}
