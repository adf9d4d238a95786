//! How work ends: every intent in the audit log is followed by what came of it.

use audit::Entry;
use model::{IdError, Label};
use uuid::Uuid;

use crate::error::PlatformError;
use crate::platform::Platform;

impl Platform {
    /// Records how work ended, unless what came of it is its record. What cannot be recorded now is at the next start.
    pub(crate) fn record_end<T>(&self, work_id: Uuid, result: &Result<T, PlatformError>) {
        if !self.recorded().is_unfinished(work_id) {
            return;
        }
        let entry = match result {
            Ok(_) | Err(PlatformError::AwaitsApproval { .. }) => Ok(Entry::Unchanged { work_id }),
            Err(error) => ended(work_id, error),
        };
        let recorded = entry.map_err(PlatformError::from).and_then(|entry| self.record(entry));
        if let Err(error) = recorded {
            let causes = crate::error::causes(&error);
            tracing::error!(%work_id, causes, "the end of work is not in the audit log before the next start");
        }
    }

    /// After a start: nothing runs, so work without an end was interrupted.
    ///
    /// # Errors
    /// If the audit log cannot be written.
    pub(crate) fn end_interrupted(&self) -> Result<(), PlatformError> {
        let unfinished = self.recorded().unfinished();
        for work_id in unfinished {
            self.record(Entry::Failed { work_id, code: "interrupted".parse()? })?;
        }
        Ok(())
    }
}

/// The end of work that came to nothing: refused for what was sent or asked, or failed here.
fn ended(work_id: Uuid, error: &PlatformError) -> Result<Entry, IdError> {
    let (refused, code) = match error {
        PlatformError::Denied { code, .. } => (true, code.as_str()),
        PlatformError::Refused { .. } => (true, "contract-refused"),
        PlatformError::DigestMismatch => (true, "digest-mismatch"),
        PlatformError::IdempotencyConflict { .. } => (true, "idempotency-conflict"),
        PlatformError::TooLarge { .. } => (true, "too-large"),
        PlatformError::Held { .. } => (true, "period-held"),
        PlatformError::Stalled => (true, "stalled"),
        PlatformError::Unauthenticated => (true, "unauthenticated"),
        PlatformError::BadParameter { .. } | PlatformError::Name(_) => (true, "bad-parameter"),
        PlatformError::NotFound { .. } => (true, "not-found"),
        PlatformError::Unpublishable { .. } => (true, "unpublishable"),
        PlatformError::TakesTooMuch { .. } => (true, "takes-too-much"),
        PlatformError::BudgetSpent { .. } => (true, "query-budget-spent"),
        PlatformError::AwaitsApproval { .. } => (true, "awaits-approval"),
        PlatformError::AwaitsRevision { .. } => (true, "awaits-revision"),
        PlatformError::Unregistrable { .. } => (true, "unregistrable"),
        PlatformError::Unavailable { .. } => (false, "unavailable"),
        PlatformError::TimedOut { .. } => (false, "timed-out"),
        PlatformError::Folder(_)
        | PlatformError::WrongKey { .. }
        | PlatformError::Definition(_)
        | PlatformError::Failed { .. } => (false, "failed"),
    };
    let code: Label = code.parse()?;
    Ok(if refused { Entry::Refused { work_id, code } } else { Entry::Failed { work_id, code } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_here_is_no_refusal() {
        let failed = PlatformError::failed::<std::io::Error>("write a table")(std::io::Error::other("disk full"));
        let work_id = Uuid::from_u128(1);
        for (error, kind, code) in [
            (PlatformError::Refused { reason: String::new(), findings: None }, "refused", "contract-refused"),
            (
                PlatformError::Denied { code: "suspended".to_owned(), reference: String::new(), blockers: vec![] },
                "refused",
                "suspended",
            ),
            (PlatformError::TooLarge { limit_bytes: 1 }, "refused", "too-large"),
            (PlatformError::Unavailable { reason: "busy".to_owned() }, "failed", "unavailable"),
            (failed, "failed", "failed"),
        ] {
            let entry = ended(work_id, &error).unwrap();
            assert_eq!(entry.kind(), kind, "{error}");
            let (Entry::Refused { code: found, .. } | Entry::Failed { code: found, .. }) = entry else { panic!() };
            assert_eq!(found.as_str(), code);
        }
    }
}
