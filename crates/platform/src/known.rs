//! Files that are stored already: recognised by a keyed digest, so that nobody can test guesses against the catalogue.

use std::collections::BTreeSet;
use std::io::Read;

use catalog::{DatasetVersion, Upload, VersionStatus};
use model::contract::DatasetContract;
use model::{DatasetId, Digest, Period};
use sha2::Digest as _;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::error::PlatformError;
use crate::intake::{Intake, UploadRequest, conflict, parse_period};
use crate::opt_outs;
use crate::platform::Platform;
use crate::receipt::UploadReceipt;
use crate::state::{State, digest_of};

impl Platform {
    /// What is stored of exactly this file under the agreements as they are, if it is the version in use: then it need not be
    /// sent. Nothing is stored and nothing is recorded, so nothing is said to whoever could not send it.
    ///
    /// # Errors
    /// If a parameter cannot be used, the file cannot be read, or the catalogue cannot.
    pub fn already_stored(
        &self,
        caller: &Caller,
        request: &UploadRequest,
        mut file: impl Read,
    ) -> Result<Option<UploadReceipt>, PlatformError> {
        let applied = opt_outs::parse(request.opt_outs_applied.as_deref(), self.now())?;
        let state = self.state();
        let Some(contract) = state.definitions.contract(&request.dataset) else { return Ok(None) };
        let period = parse_period(contract, &request.period)?;
        let Ok(permit) = self.decide_ingest(&state, caller, contract, Some(period), applied) else { return Ok(None) };
        let mut hasher = sha2::Sha256::new();
        let mut buffer = Zeroizing::new(vec![0_u8; 64 * 1024]);
        loop {
            let count = file.read(&mut buffer).map_err(PlatformError::failed("read a file"))?;
            if count == 0 {
                break;
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        let agreements = permit.agreements().keys().copied().collect();
        let digest = self.content_digest(&state, contract, &agreements, Digest(hasher.finalize().into()))?;
        let known = self.current_file(&contract.id, period, digest)?;
        known.map(|known| self.receipt(&known, false)).transpose()
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
            if known.facts.period != period {
                return Err(PlatformError::IdempotencyConflict { key: upload.key.as_str().to_owned() });
            }
            self.still_allowed(intake)?;
            return self.receipt(&known, false).map(Some);
        }
        let Some(known) = self.current_file(dataset, period, file)? else { return Ok(None) };
        self.still_allowed(intake)?;
        // The key stands for this content from now on, as it would for a file that had to be read.
        if let Some(upload) = upload {
            self.catalog().record_upload(known.facts.id, upload).map_err(conflict(Some(upload)))?;
        }
        self.receipt(&known, false).map(Some)
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

    /// The version of a partition that is in use, if it is of this file.
    fn current_file(
        &self,
        dataset: &DatasetId,
        period: Period,
        file: Digest,
    ) -> Result<Option<DatasetVersion>, PlatformError> {
        let current = self
            .catalog()
            .versions(Some(dataset), Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
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
