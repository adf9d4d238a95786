//! A refusal by the agreements: recorded, and told to the caller as far as they may know. A party to an agreement that
//! denies reads its clause; to anybody else what is denied does not exist.

use agreements::Denial;
use audit::Work;

use crate::caller::Caller;
use crate::error::{Blocker, PlatformError};
use crate::platform::Platform;

impl Platform {
    /// Records a denial and turns it into an answer. A record that cannot be made does not turn the denial into anything
    /// else.
    pub(crate) fn denied(&self, caller: &Caller, work: Work, subject: &str, denial: &Denial) -> PlatformError {
        let view = denial.view(&caller.principal);
        if let Ok(code) = denial.code().as_str().parse() {
            let entry = audit::Entry::Denied {
                actor: caller.actor.clone(),
                work,
                subject: subject.parse().ok(),
                purpose: None,
                code,
                agreement: None,
            };
            if let Err(error) = self.record(entry) {
                return error;
            }
        }
        if view.blockers.is_empty() {
            let kind = if work == Work::Query { "indicator" } else { "dataset" };
            return PlatformError::NotFound { what: format!("{kind} `{subject}`") };
        }
        PlatformError::Denied {
            code: view.code.to_owned(),
            reference: view.reference,
            blockers: view.blockers.iter().map(blocker).collect(),
        }
    }
}

fn blocker(blocker: &agreements::Blocker) -> Blocker {
    Blocker {
        code: blocker.code.as_str().to_owned(),
        agreement: blocker.agreement.clone().unwrap_or_default(),
        clause: blocker.clause.clone(),
        required: blocker.required.clone(),
        actual: blocker.actual.clone(),
        remedy: blocker.remedy.to_owned(),
        contact: blocker.contact.clone(),
    }
}
