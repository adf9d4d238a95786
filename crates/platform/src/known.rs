//! Files that are stored already: recognised by a keyed digest, so that nobody can test guesses against the catalogue.

use std::collections::BTreeSet;
use std::io::Read;

use catalog::{DatasetVersion, VersionStatus};
use model::contract::DatasetContract;
use model::{DatasetId, Digest, Period};
use sha2::Digest as _;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::error::PlatformError;
use crate::intake::{UploadRequest, parse_period};
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
        let known = self.current(&contract.id, period)?.filter(|version| version.facts.file == Some(digest));
        known.map(|known| self.receipt(&known, false)).transpose()
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

    /// The version of a partition that is in use.
    pub(crate) fn current(&self, dataset: &DatasetId, period: Period) -> Result<Option<DatasetVersion>, PlatformError> {
        let current = self
            .catalog()
            .versions(Some(dataset), Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
        Ok(current.into_iter().find(|version| version.facts.period == period))
    }
}
