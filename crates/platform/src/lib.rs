//! The use cases of Commonground, and the only place that orders them: intake, publish, query, credentials, geography.
//!
//! **Architecture invariants:** every path to data goes through an agreement's permit; nothing is released before ledger
//! and audit log are durable; an upload through the API, the command line or the demo is one and the same use case.

mod access;
mod agreement_check;
mod agreement_reload;
mod authoring;
mod belonging;
mod budget;
mod calendar;
mod caller;
mod clock;
mod cube;
mod definitions;
mod denial;
mod error;
mod holdings;
mod import;
mod intake;
mod keys;
mod known;
mod opt_outs;
mod outcome;
mod platform;
mod publish;
mod quality;
mod query;
mod read;
mod readiness;
mod reading;
mod receipt;
mod registration;
mod requests;
mod review;
mod revocation;
mod settings;
mod staging;
mod state;
mod tables;
#[cfg(test)]
mod testing;
mod withdrawal;

use std::process::ExitCode;

pub use agreement_check::{AgreementCheck, check_agreements};
/// What can happen to an agreement.
pub use agreements::EventKind;
pub use audit::{Grounds, Verdict};
pub use authoring::{
    AgreementPlaces, AuthoringError, Signatory, change_agreement, compare_agreements, explain_agreements,
    new_agreement_key, sign_agreement,
};
pub use caller::{Caller, CredentialCard};
pub use clock::Clock;
pub use definitions::{DefinitionFile, Definitions};
/// Told by whoever does not wait for an answer any more.
pub use engine::Stop;
pub use error::{Blocker, PlatformError, causes};
pub use holdings::{Holdings, findings_text};
pub use import::check_geography;
pub use intake::UploadRequest;
pub use platform::{Platform, exists};
pub use publish::{Preview, PublishReport, RevisedPeriod, RevisionPlan, RevisionPreview, Shows};
pub use quality::{ColumnQuality, Difference, Quality, Timeliness};
pub use read::{
    AreaCard, AreasRequest, Boundaries, DataAnswer, DataRequest, DimensionCard, IndicatorCard, Me, ParentCard,
    PeriodChoice, SumCard, TableAnswer, TableCard, TableOutcome, TablePlace, TableRequest, TableRow, ViewCard,
};
pub use readiness::Readiness;
pub use receipt::UploadReceipt;
pub use review::{
    Change, Changes, Explanation, Loss, Protection, PublicationReport, RowExplanation, ShareBand, Verification,
    ViewChange,
};
pub use revocation::ask_to_revoke;
pub use settings::{Limits, Settings};
pub use withdrawal::Withdrawal;

/// The hidden subcommand under which the program reads one workbook and ends.
pub const WORKBOOK_COMMAND: &str = "__workbook";

/// Reads a workbook from standard input under tight limits: what [`WORKBOOK_COMMAND`] runs.
#[must_use]
pub fn workbook_child() -> ExitCode {
    ingest::workbook::child_main(std::io::stdin().lock(), std::io::stdout().lock())
}
