//! One thing that stands in the way of a request.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use model::OrganisationId;
use serde::Serialize;

/// What kind of thing stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockerCode {
    /// The caller's role never does this.
    RoleNotPermitted,
    /// The caller's credential does not allow the purpose.
    PurposeNotHeld,
    /// The request names no dataset.
    NoDataset,
    /// A release names no table.
    NoOutput,
    /// A file about the dataset is faulty, so the dataset is closed until it is mended.
    DatasetClosed,
    /// No agreement governs the dataset.
    NoAgreement,
    /// The dataset is bound to an agreement that is not loaded.
    AgreementUnknown,
    /// The agreement is not signed by everyone, or not in force.
    NotSigned,
    /// Its first day has not come.
    NotYetEffective,
    /// It is suspended.
    Suspended,
    /// It is over.
    Terminated,
    /// Its last day has passed.
    Expired,
    /// Another version has replaced it, on wider terms than the data came under.
    Superseded,
    /// No grant covers the request as a whole.
    NoGrant,
    /// The purpose is forbidden.
    ForbiddenPurpose,
    /// Linking with a dataset is forbidden.
    ForbiddenLink,
    /// The recipient is forbidden.
    ForbiddenRecipient,
    /// Evidence of opt-outs is missing or too old.
    OptOutEvidence,
    /// The file is about days that the agreement does not cover.
    PeriodNotCovered,
    /// The audience is wider than the terms.
    TierExceeded,
    /// A table is finer than the terms.
    LevelTooFine,
    /// Figures of linked records tell more than the terms allow.
    OddsExceeded,
    /// Agreements under different laws.
    RegimesMixed,
    /// Agreements that accept no common protection method.
    MethodConflict,
    /// Passing on is not allowed.
    OnwardNotAllowed,
    /// What is passed on goes beyond what was released.
    BeyondOriginal,
}

impl BlockerCode {
    /// Every code.
    pub const ALL: [Self; 26] = [
        Self::RoleNotPermitted,
        Self::PurposeNotHeld,
        Self::NoDataset,
        Self::NoOutput,
        Self::DatasetClosed,
        Self::NoAgreement,
        Self::AgreementUnknown,
        Self::NotSigned,
        Self::NotYetEffective,
        Self::Suspended,
        Self::Terminated,
        Self::Expired,
        Self::Superseded,
        Self::NoGrant,
        Self::ForbiddenPurpose,
        Self::ForbiddenLink,
        Self::ForbiddenRecipient,
        Self::OptOutEvidence,
        Self::PeriodNotCovered,
        Self::TierExceeded,
        Self::LevelTooFine,
        Self::OddsExceeded,
        Self::RegimesMixed,
        Self::MethodConflict,
        Self::OnwardNotAllowed,
        Self::BeyondOriginal,
    ];

    /// The code as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoleNotPermitted => "role-not-permitted",
            Self::PurposeNotHeld => "purpose-not-held",
            Self::NoDataset => "no-dataset",
            Self::NoOutput => "no-output",
            Self::DatasetClosed => "dataset-closed",
            Self::NoAgreement => "no-agreement",
            Self::AgreementUnknown => "agreement-unknown",
            Self::NotSigned => "not-signed",
            Self::NotYetEffective => "not-yet-effective",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::NoGrant => "no-grant",
            Self::ForbiddenPurpose => "forbidden-purpose",
            Self::ForbiddenLink => "forbidden-link",
            Self::ForbiddenRecipient => "forbidden-recipient",
            Self::OptOutEvidence => "opt-out-evidence",
            Self::PeriodNotCovered => "period-not-covered",
            Self::TierExceeded => "tier-exceeded",
            Self::LevelTooFine => "level-too-fine",
            Self::OddsExceeded => "odds-exceeded",
            Self::RegimesMixed => "regimes-mixed",
            Self::MethodConflict => "method-conflict",
            Self::OnwardNotAllowed => "onward-not-allowed",
            Self::BeyondOriginal => "beyond-original",
        }
    }

    /// What would have to change.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::RoleNotPermitted => "use a credential whose role does this",
            Self::PurposeNotHeld => "name a purpose of your credential, or have the purpose added to it",
            Self::NoDataset => "name at least one dataset",
            Self::NoOutput => "name the tables to be released",
            Self::DatasetClosed => "mend the file named here; `agreements check` shows what is wrong",
            Self::NoAgreement => "make an agreement with the supplier",
            Self::AgreementUnknown => "restore the agreement's file, or send the files again under another agreement",
            Self::NotSigned => "have every party sign, then record the `signed` event",
            Self::NotYetEffective => "wait until it takes effect",
            Self::Suspended => "ask a party that may resume it",
            Self::Terminated => "make a new agreement",
            Self::Expired => "renew the agreement by a new version",
            Self::Superseded => {
                "send the files again, which binds them to the new version, or agree on terms that are no wider"
            }
            Self::NoGrant => "ask the parties for a grant that covers the whole request",
            Self::ForbiddenPurpose | Self::ForbiddenLink | Self::ForbiddenRecipient => {
                "the parties ruled this out; only a new version of the agreement can change it"
            }
            Self::OptOutEvidence => "apply the current list of opt-outs and say when",
            Self::PeriodNotCovered => "send files about the agreed period only",
            Self::TierExceeded => "release to partners only, or agree on a wider tier",
            Self::LevelTooFine => "ask for a coarser area or period",
            Self::OddsExceeded => "agree on terms under which the figures may be shown",
            Self::RegimesMixed => "use the datasets apart",
            Self::MethodConflict => "use the datasets apart, or agree on a common method",
            Self::OnwardNotAllowed => "the recipient should ask for the data themselves",
            Self::BeyondOriginal => "pass on no more than was released",
        }
    }
}

impl fmt::Display for BlockerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that stands in the way, with what would have to change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Blocker {
    /// What kind.
    pub code: BlockerCode,
    /// The agreement it comes from, `fire-incidents@1`; `None` where it comes from no single one.
    pub agreement: Option<String>,
    /// The clause, for example `terms.tier`.
    pub clause: String,
    /// What would be needed.
    pub required: String,
    /// What is.
    pub actual: String,
    /// What to do.
    pub remedy: &'static str,
    /// Whom to ask; empty if nobody is named.
    pub contact: String,
    /// The organisations that may read it; `None` if everybody who is not an outsider may.
    #[serde(skip)]
    pub(crate) audience: Option<Arc<BTreeSet<OrganisationId>>>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(agreement) = &self.agreement {
            write!(f, " ({agreement}, {})", self.clause)?;
        }
        write!(f, ": required {}, actual {}; {}", self.required, self.actual, self.remedy)?;
        if self.contact.is_empty() { Ok(()) } else { write!(f, " (contact {})", self.contact) }
    }
}
