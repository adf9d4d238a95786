//! What a use case answers when it cannot do what was asked. The API and the command line map these once each.

use std::path::PathBuf;

use model::{AreaType, DatasetId, IdError, Period};
use serde::Serialize;

/// One reason for a denial, as far as the caller may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// Short code of the rule.
    pub code: String,
    /// Agreement and version.
    pub agreement: String,
    /// The clause.
    pub clause: String,
    /// What the clause requires.
    pub required: String,
    /// What was asked or found.
    pub actual: String,
    /// What would help.
    pub remedy: String,
    /// Whom to ask.
    pub contact: String,
}

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// No such thing, or nothing that this caller may know of.
    #[error("{what} does not exist, or is not visible to you")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// A parameter cannot be used.
    #[error("{parameter}: {problem}")]
    BadParameter {
        /// Its name.
        parameter: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The credential is missing, unknown or revoked.
    #[error("the credential is missing, unknown or revoked: send `Authorization: Bearer cg_...`")]
    Unauthenticated,
    /// The agreements do not allow it.
    #[error("not allowed: {code} (reference {reference})")]
    Denied {
        /// Code of the first reason.
        code: String,
        /// What to quote when asking; also in the audit log.
        reference: String,
        /// Every reason, for parties to the agreement; empty for outsiders.
        blockers: Vec<Blocker>,
    },
    /// The same idempotency key came with other content.
    #[error("idempotency key `{key}` was used for other content: send a new key for a new file")]
    IdempotencyConflict {
        /// The key.
        key: String,
    },
    /// The content is not what the caller said it is.
    #[error("the content does not match its digest: send it again")]
    DigestMismatch,
    /// An upload is larger than allowed.
    #[error("the file is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// No more of an upload arrived in time.
    #[error("the file stopped arriving: nothing was stored; send it again")]
    Stalled,
    /// The file does not fit its contract; nothing was stored.
    #[error("the file was refused: {reason}")]
    Refused {
        /// Why, without values of rows.
        reason: String,
        /// What was found, where reading got that far.
        findings: Option<Box<ingest::Findings>>,
    },
    /// Other content of the period is held, and the caller did not say that the file corrects it.
    #[error(
        "other data of {} are held of `{dataset}`, revision {revision} of {}: nothing was stored. If this file corrects them, send it again and say so (`revision=declared`, `ingest --revision`); if not, look at its period",
        period.label(), received_at.strftime("%-d %B %Y")
    )]
    Held {
        /// The dataset.
        dataset: DatasetId,
        /// The period.
        period: Period,
        /// Which revision is held.
        revision: u32,
        /// When it came.
        received_at: jiff::Timestamp,
    },
    /// Not ready yet, or it cannot record what it does.
    #[error("not available now: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// Counting took longer than it may.
    #[error("stopped after {seconds} s, the limit `limits.query_seconds`")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// Nothing of a dataset can be published as things are: trying again would end the same.
    #[error("cannot be published: {reason}")]
    Unpublishable {
        /// Why, and what would help.
        reason: String,
    },
    /// An organisation asked for as many new tables this year as its agreements allow.
    #[error(
        "your organisation has asked for {budget} new tables of this dataset in {year}, as many as is agreed: tables that were asked for before are answered as ever, as long as their data stay as they are, new ones from 1 January"
    )]
    BudgetSpent {
        /// How many are agreed in a calendar year.
        budget: u32,
        /// The year.
        year: i16,
    },
    /// Views that are new would take too much from those that are shown.
    #[error("cannot be published: {reason}")]
    TakesTooMuch {
        /// Which view would lose, and what would help.
        reason: String,
    },
    /// A publication that its agreements want approved is not yet.
    #[error("{reason}")]
    AwaitsApproval {
        /// By whom.
        reason: String,
        /// The dataset versions that it stands on.
        versions: std::collections::BTreeSet<uuid::Uuid>,
    },
    /// Everything of a dataset was withdrawn, and what came in its place is shown by a revision only.
    #[error("its data were withdrawn, and what came in their place waits until a reviewer asks for a revision")]
    AwaitsRevision {
        /// The dataset versions that came.
        versions: std::collections::BTreeSet<uuid::Uuid>,
    },
    /// A geography cannot be used beside what is published by its areas.
    #[error("the geography is refused, the one in use stays: {}", reasons.join("; "))]
    Unregistrable {
        /// Why, for each view.
        reasons: Vec<String>,
    },
    /// Another process uses the data folder, or its version is another one.
    #[error("{0}")]
    Folder(String),
    /// The master key is another one than the data were encrypted under.
    #[error(
        "`{}` is master key `{found}`, but the data folder `{}` was encrypted under master key `{needed}`: give that key's file with `--key-file`",
        key_file.display(), data.display()
    )]
    WrongKey {
        /// The key file that was given.
        key_file: PathBuf,
        /// The data folder.
        data: PathBuf,
        /// Id of the key in the file; says nothing about the key.
        found: String,
        /// Id of the key that is needed.
        needed: String,
    },
    /// Definitions or agreements cannot be used.
    #[error(transparent)]
    Definition(#[from] model::DefinitionError),
    /// A name that should have been checked before.
    #[error(transparent)]
    Name(#[from] IdError),
    /// A part failed. Details go to the log of the operator, not to callers.
    #[error("could not {operation}")]
    Failed {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl PlatformError {
    pub(crate) fn failed<E: std::error::Error + Send + Sync + 'static>(
        operation: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Failed { operation, source: Box::new(source) }
    }

    /// Whether another process holds the data folder.
    #[must_use]
    pub fn is_folder_in_use(&self) -> bool {
        let Self::Failed { source, .. } = self else { return false };
        matches!(source.downcast_ref(), Some(catalog::CatalogError::Locked { .. }))
    }

    /// Whether it failed because a disk is full, or somebody's share of it.
    #[must_use]
    pub fn is_out_of_space(&self) -> bool {
        self.has_cause(|error| {
            let full = error.downcast_ref().is_some_and(|error: &std::io::Error| {
                matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
            });
            full || error.downcast_ref().is_some_and(catalog::CatalogError::is_full)
        })
    }

    /// Whether an earlier write failed, so that nothing is stored until the program is started again.
    #[must_use]
    pub fn needs_a_start(&self) -> bool {
        self.has_cause(|error| matches!(error.downcast_ref(), Some(catalog::CatalogError::Poisoned)))
    }

    fn has_cause(&self, is: impl Fn(&(dyn std::error::Error + 'static)) -> bool) -> bool {
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            if is(error) {
                return true;
            }
            next = error.source();
        }
        false
    }

    pub(crate) fn no_area_type(area_type: AreaType) -> Self {
        Self::NotFound { what: format!("geography `{area_type}`") }
    }
}

/// The chain of causes, for the operator's log.
#[must_use]
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What cannot be cured by sending it again is told apart, however deep it lies.
    #[test]
    fn a_store_that_failed_needs_a_start() {
        let poisoned = PlatformError::failed("store it")(catalog::CatalogError::Poisoned);
        let passing = PlatformError::failed("store it")(std::io::Error::other("out of luck"));
        assert_eq!([&poisoned, &passing].map(PlatformError::needs_a_start), [true, false]);
        assert!(![&poisoned, &passing].into_iter().any(PlatformError::is_out_of_space));
    }
}
