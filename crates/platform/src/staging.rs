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
use crate::intake::{Intake, conflict};
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
    /// Makes a version current and acknowledges it, or leaves nothing of it. What allowed the upload is asked again
    /// here: since the decision the file came in and was read, which takes minutes.
    ///
    /// # Errors
    /// If it is not allowed any more, or the catalogue fails: then nothing of it is left. If something fails once its record
    /// is begun, the error says that it may be stored: the next upload or the next start settles what is half done.
    pub(crate) fn keep(&self, prepared: Prepared, intake: &Intake<'_>) -> Result<UploadReceipt, PlatformError> {
        let work_id = intake.work_id;
        let Prepared { facts, keys, findings } = prepared;
        // One at a time: nobody may be told that somebody else's staged version is stored.
        let _turn = self.staging();
        let upload = facts.upload.clone();
        let settled = self.still_allowed(intake).and_then(|()| self.settle_staged());
        let staged = settled.and_then(|()| self.takes_no_place_unsaid(&facts, intake)).and_then(|()| {
            let commit = self.catalog().commit_version(facts.clone(), &keys, VersionStatus::Staged, None);
            commit.map_err(conflict(upload.as_ref()))
        });
        let version = match staged {
            Ok(Commit::New(version)) => version,
            Ok(Commit::Existing(known)) => {
                self.remove_objects(&facts);
                if let Some(upload) = upload.filter(|_| known.facts.period != facts.period) {
                    return Err(PlatformError::IdempotencyConflict { key: upload.key.as_str().to_owned() });
                }
                // The same rows in other bytes.
                let known = self.declared_again(known, intake)?;
                return Ok(UploadReceipt { findings, ..self.receipt(&known, false)? });
            }
            Err(error) => {
                self.remove_objects(&facts);
                return Err(error);
            }
        };
        self.acknowledge(&version, work_id, findings).map_err(|error| {
            let causes = crate::error::causes(&error);
            tracing::error!(version = %version.facts.id, causes, "an upload is not acknowledged, and may be stored");
            let reason = "something failed while the file was recorded: it may be stored. If nothing newer of this period was sent since, send it again with the same idempotency key: it is not stored twice";
            PlatformError::Unavailable { reason: reason.to_owned() }
        })
    }

    /// Refuses other content for a period that is held, unless its sender says that it is a correction: a wrong period is noticed so, and
    /// nothing of what is published waits for a revision that nobody meant.
    fn takes_no_place_unsaid(&self, facts: &VersionFacts, intake: &Intake<'_>) -> Result<(), PlatformError> {
        if intake.request.corrects {
            return Ok(());
        }
        let current = self.catalog().versions(Some(&facts.dataset), Some(VersionStatus::Current));
        let current = current.map_err(PlatformError::failed("read versions"))?;
        match current.into_iter().find(|held| held.facts.period == facts.period) {
            Some(held) if held.facts.content != facts.content => Err(PlatformError::Held {
                dataset: facts.dataset.clone(),
                period: facts.period,
                revision: held.revision,
                received_at: held.facts.received_at,
            }),
            _ => Ok(()),
        }
    }

    /// Records a staged version and makes it current.
    fn acknowledge(
        &self,
        version: &DatasetVersion,
        work_id: Uuid,
        findings: Findings,
    ) -> Result<UploadReceipt, PlatformError> {
        self.record(ingested(version, work_id))?;
        let current = self.make_current(version)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Small;

    fn refused(result: &Result<UploadReceipt, PlatformError>, said: &str) -> bool {
        matches!(result, Err(PlatformError::Unavailable { reason }) if reason.contains(said))
    }

    /// Its record is durable, so it will be current: nobody may be told that nothing was stored. Sent again, it is there.
    #[test]
    fn what_may_be_stored_is_said_to_be() {
        let small = Small::new();
        let platform = small.open();
        small.faults.set(&["change_version"]);
        let first = Small::try_upload(&platform, 1);
        assert!(refused(&first, "send it again with the same idempotency key"), "{first:?}");
        // As long as it fails, it is the same answer, and the same version waits.
        assert!(Small::try_upload(&platform, 1).is_err());
        small.faults.set(&[]);
        let again = Small::try_upload(&platform, 1).unwrap();
        assert!(!again.created, "the version of the first attempt stands");
        let versions = platform.catalog().versions(None, None).unwrap();
        let stored: Vec<_> = versions.iter().map(|version| (version.facts.id, version.status)).collect();
        assert_eq!(stored, [(again.version, VersionStatus::Current)]);
        assert_eq!(platform.store().names().unwrap().len(), 3, "its table, its findings, and the geography");

        // Settled at the next start, it is published as if it had been acknowledged.
        small.faults.set(&["change_version"]);
        assert!(refused(&Small::try_upload(&platform, 2), "it may be stored"));
        drop(platform);
        small.faults.set(&[]);
        let platform = small.open();
        assert_eq!(platform.catalog().versions(None, Some(VersionStatus::Current)).unwrap().len(), 2);
        assert_eq!(platform.pending().unwrap(), 1);
    }

    /// Before its record nothing is kept, and the answer is the failure itself.
    #[test]
    fn what_fails_before_its_record_leaves_nothing() {
        let small = Small::new();
        let platform = small.open();
        small.faults.set(&["commit_version"]);
        let result = Small::try_upload(&platform, 1);
        assert!(matches!(result, Err(PlatformError::Failed { .. })), "{result:?}");
        assert_eq!(platform.store().names().unwrap().len(), 1, "the geography");
        assert!(platform.quarantine().names().unwrap().is_empty());
        assert_eq!(platform.catalog().versions(None, None).unwrap(), []);
    }
}
