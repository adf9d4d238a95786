//! A refusal by the agreements: recorded, and told to the caller as far as they may know. A party to an agreement that
//! denies reads its clause; to anybody else what is denied does not exist.

use agreements::{Agreement, BlockerCode, Denial};
use audit::Work;
use model::Digest;

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
                purpose: Some(denial.purpose.clone()),
                code,
                reference: denial.reference.parse().ok(),
                agreement: self.first_agreement(denial),
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

    /// Records that somebody with a credential named what is not registered, as a denial is recorded, so that neither the
    /// answer nor its time tells whether it exists; gives the answer.
    pub(crate) fn unregistered(
        &self,
        caller: &Caller,
        work: Work,
        subject: &str,
        missing: PlatformError,
    ) -> PlatformError {
        let Ok(code) = BlockerCode::NoAgreement.as_str().parse() else { return missing };
        if caller.is_public() {
            return missing;
        }
        let entry = audit::Entry::Denied {
            actor: caller.actor.clone(),
            work,
            subject: subject.parse().ok(),
            purpose: None,
            code,
            reference: None,
            agreement: None,
        };
        self.record(entry).err().unwrap_or(missing)
    }

    fn first_agreement(&self, denial: &Denial) -> Option<Digest> {
        let name = denial.blockers.iter().find_map(|blocker| blocker.agreement.as_ref())?;
        let state = self.state();
        state.snapshot.agreements().find(|agreement| agreement.name() == *name).map(Agreement::digest)
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
