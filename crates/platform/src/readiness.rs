//! Whether the platform can answer, what it does until it can, and what is closed in it.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use catalog::VersionStatus;
use model::DatasetId;

use crate::error::PlatformError;
use crate::platform::Platform;

/// What a platform does before it answers; nothing once it does.
pub(crate) struct Loading(RwLock<Option<String>>);

impl Default for Loading {
    fn default() -> Self {
        Self(RwLock::new(Some("opening the data folder".to_owned())))
    }
}

impl Loading {
    fn replace(&self, what: Option<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = what;
    }
}

/// How far the platform can do its work. The words name no dataset and no file: everybody may read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Everything answers.
    Ready,
    /// It answers, but some of what it holds is closed.
    Degraded {
        /// What is closed, and where to read more.
        problems: Vec<String>,
    },
    /// It does not answer, or not for all that it should.
    NotReady {
        /// What is being done, or what is missing.
        reason: String,
    },
}

impl Platform {
    /// What is being done before anything answers; nothing once [`Platform::loaded`] was called.
    #[must_use]
    pub fn loading(&self) -> Option<String> {
        self.loading_state().0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what is being done before anything answers, in words for everybody.
    pub fn now_loading(&self, what: &str) {
        self.loading_state().replace(Some(what.to_owned()));
    }

    /// Loading has ended: from now on everything answers.
    pub fn loaded(&self) {
        self.loading_state().replace(None);
    }

    /// How far the platform can do its work.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let missing = |reason: &str| Readiness::NotReady { reason: reason.to_owned() };
        if let Some(what) = self.loading() {
            return Readiness::NotReady { reason: format!("loading: {what}") };
        }
        if self.state().geography.is_none() {
            return missing("no geography is imported");
        }
        if self.audit_log().head().is_err() {
            return missing("the audit log cannot be written");
        }
        if self.refresh_agreements().is_err() {
            return missing("the agreements cannot be read");
        }
        if self.refresh_revocations().is_err() {
            return missing("revocations of keys cannot be read or recorded");
        }
        if self.store().check().and_then(|()| self.quarantine().check()).is_err() {
            return missing(
                "the object store failed to write, and takes nothing more in until the service is started again",
            );
        }
        let Ok(closed) = self.closed_datasets() else { return missing("the catalogue cannot be read") };
        let distrusted = self.state().distrusted.len();
        if distrusted > 0 {
            return missing(&format!(
                "nothing of {distrusted} datasets is served: they could not be restored, or ledger and audit log disagree about what was released; which, and why, is in the service's log"
            ));
        }
        let mut problems = Vec::new();
        if !closed.is_empty() {
            problems.push(format!(
                "{} of the datasets with data are closed, because their contracts are missing or invalid: their names are in what the service printed at its start",
                closed.len()
            ));
        }
        if let Ok(ungoverned @ 1..) = self.ungoverned() {
            problems.push(format!(
                "{ungoverned} of the datasets with data are closed, because an agreement that they came under is missing or invalid: `commonground agreements check` says which"
            ));
        }
        if self.publishing_failed() {
            problems.push(
                "the last run of publishing failed: what was taken in waits, and is tried again each minute; why is in the service's log"
                    .to_owned(),
            );
        }
        let unaccepted = self.state().unaccepted;
        if unaccepted > 0 {
            problems.push(format!(
                "{unaccepted} credentials are not accepted, because their records were changed outside the service: which is in the service's log"
            ));
        }
        if problems.is_empty() { Readiness::Ready } else { Readiness::Degraded { problems } }
    }

    /// How many datasets hold data of which an agreement is missing or invalid.
    fn ungoverned(&self) -> Result<usize, PlatformError> {
        let versions = self
            .catalog()
            .versions(None, Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
        let snapshot = self.state().snapshot.clone();
        let unknown = |version: &catalog::DatasetVersion| {
            version.facts.agreements.iter().any(|digest| snapshot.agreement(digest).is_none())
        };
        let datasets: BTreeSet<DatasetId> =
            versions.into_iter().filter(unknown).map(|version| version.facts.dataset).collect();
        Ok(datasets.len())
    }

    /// The datasets that hold data but have no valid contract: nothing of them is published or taken in.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn closed_datasets(&self) -> Result<BTreeSet<DatasetId>, PlatformError> {
        let versions = self
            .catalog()
            .versions(None, Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
        let definitions = &self.state().definitions;
        let datasets = versions.into_iter().map(|version| version.facts.dataset);
        Ok(datasets.filter(|dataset| definitions.contract(dataset).is_none()).collect())
    }
}
