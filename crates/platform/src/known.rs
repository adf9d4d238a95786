//! Files that are stored already: recognised by a keyed digest, so that nobody can test guesses against the catalogue.

use std::collections::BTreeSet;

use audit::Entry;
use catalog::{DatasetVersion, OptOutDeclaration, Upload, VersionStatus};
use model::contract::DatasetContract;
use model::{DatasetId, Digest, Period};

use crate::error::PlatformError;
use crate::intake::{Intake, conflict};
use crate::opt_outs;
use crate::platform::Platform;
use crate::receipt::UploadReceipt;
use crate::state::{State, digest_of};

impl Platform {
    /// Whether anything of a period was ever taken in: at the machine, for who loads files and must neither take the place of what came
    /// since nor bring back what was withdrawn. Nothing is recorded.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn was_taken_in(&self, dataset: &DatasetId, period: Period) -> Result<bool, PlatformError> {
        let versions = self.catalog().versions(Some(dataset), None).map_err(PlatformError::failed("read versions"))?;
        let acknowledged = |version: &DatasetVersion| version.status != VersionStatus::Staged;
        Ok(versions.iter().any(|version| version.facts.period == period && acknowledged(version)))
    }

    /// The version that a file is already, by its idempotency key or as what is current. It is answered under the same
    /// lock and the same questions as a new version: the answer says what stands at this moment.
    pub(crate) fn known_file(
        &self,
        intake: &Intake<'_>,
        upload: Option<&Upload>,
        file: Digest,
    ) -> Result<Option<UploadReceipt>, PlatformError> {
        let (dataset, period) = (&intake.contract.id, intake.period);
        let _turn = self.staging();
        // What is half recorded may be what is current.
        self.settle_staged()?;
        if let Some(upload) = upload
            && let Some(known) = self.catalog().find_upload(dataset, upload).map_err(conflict(Some(upload)))?
        {
            if known.status == VersionStatus::Withdrawn {
                let problem = "the file that was sent with it was withdrawn: send it with another key".to_owned();
                return Err(PlatformError::BadParameter { parameter: "idempotency-key", problem });
            }
            if known.facts.period != period {
                return Err(PlatformError::IdempotencyConflict { key: upload.key.as_str().to_owned() });
            }
            self.still_allowed(intake)?;
            return self.receipt(&self.declared_again(known, intake)?, false).map(Some);
        }
        let Some(known) = self.current_file(dataset, period, file)? else { return Ok(None) };
        self.still_allowed(intake)?;
        // The key stands for this content from now on, as it would for a file that had to be read.
        if let Some(upload) = upload {
            self.catalog().record_upload(known.facts.id, upload).map_err(conflict(Some(upload)))?;
        }
        self.receipt(&self.declared_again(known, intake)?, false).map(Some)
    }

    /// What is sent again may have been compared with a newer list of those who opted out, and nobody in it was: then it stands from now
    /// on with what its sender says of that. On record.
    pub(crate) fn declared_again(
        &self,
        version: DatasetVersion,
        intake: &Intake<'_>,
    ) -> Result<DatasetVersion, PlatformError> {
        let (known, snapshot) = (self.last_declared(version)?, self.state().snapshot.clone());
        let later = intake.opt_outs.as_ref().filter(|later| {
            let before = known.facts.opt_outs.as_ref();
            let is_later = |before: &OptOutDeclaration| {
                let same = before.declared_by == later.declared_by;
                let charged = || opt_outs::is_charged(&snapshot, &known.facts.agreements, &later.declared_by);
                if same { before.applied_at < later.applied_at } else { charged() }
            };
            known.status == VersionStatus::Current && before.is_none_or(is_later)
        });
        let Some(later) = later else { return Ok(known) };
        let (id, dataset) = (known.facts.id, known.facts.dataset.clone());
        let (work_id, opt_outs_applied) = (intake.work_id, later.applied_at);
        self.record(Entry::Declared { work_id, dataset, version: id, opt_outs_applied })?;
        let known = self.declare(known, later)?;
        // What could not be linked for want of it is tried again.
        self.wake_publisher();
        Ok(known)
    }

    /// Keyed digest over something with everything that its result depends on: contract, geography and agreements.
    pub(crate) fn content_digest(
        &self,
        state: &State,
        contract: &DatasetContract,
        agreements: &BTreeSet<Digest>,
        of: Digest,
    ) -> Result<Digest, PlatformError> {
        let contract = serde_json::to_vec(contract).map_err(PlatformError::failed("write a contract"))?;
        let geography = state.geography()?.digest;
        let agreements: Vec<u8> = agreements.iter().flat_map(|digest| digest.0).collect();
        let parts = [of.0.as_slice(), contract.as_slice(), geography.0.as_slice(), agreements.as_slice()];
        self.keys().keyed_digest(&digest_of(parts).0)
    }

    fn current(&self, dataset: &DatasetId) -> Result<Vec<DatasetVersion>, PlatformError> {
        let current = self.catalog().versions(Some(dataset), Some(VersionStatus::Current));
        current.map_err(PlatformError::failed("read versions"))
    }

    /// The version of a partition that is in use, if it is of this file.
    fn current_file(
        &self,
        dataset: &DatasetId,
        period: Period,
        file: Digest,
    ) -> Result<Option<DatasetVersion>, PlatformError> {
        let current = self.current(dataset)?;
        Ok(current.into_iter().find(|version| version.facts.period == period && version.facts.file == Some(file)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Small;

    /// That a file is known is told to whom it could be given, as with any other file.
    #[test]
    fn whoever_sends_a_known_file_is_asked_as_with_a_new_one() {
        let small = Small::new();
        let platform = small.open();
        Small::upload(&platform, 1);
        let purposes = ["neighbourhood-needs".to_owned()];
        let token = platform.add_credential("lancashire-fire-and-rescue", "partner-officer", &purposes, false).unwrap();
        let caller = platform.authenticate(Some(&token)).unwrap();
        assert!(!Small::send(&platform, &caller, 1, Some("one")).unwrap().created);
        platform.revoke_credential(token.split('_').nth(1).unwrap()).unwrap();
        // By its content, and by its key.
        for key in [None, Some("one")] {
            let refused = Small::send(&platform, &caller, 1, key);
            assert!(matches!(refused, Err(PlatformError::Unauthenticated)), "{refused:?}");
        }
    }
}
