//! Sharing agreements as code: read them, verify who signed them, and decide from them every intake, link,
//! derivation and release of data.
//!
//! An agreement is a TOML file mirrored from the signed paper ([`Agreement`]); what happened to it since (in force,
//! suspended, resumed, terminated) is a chain of signed events beside it ([`EventLog`]). A folder of both, loaded by
//! [`Registry::load`], is a [`Snapshot`]. [`decide`] asks every agreement that governs the data and answers with a
//! [`Permit`], which cannot be made in any other way, or with a [`Denial`] that lists everything in the way.
//!
//! **Architecture invariant:** this crate does no IO, reads no clock and draws no randomness. The caller reads files
//! and passes the time; the decision is a pure function of the snapshot, the request and the time.

mod about;
mod agreement;
mod author;
mod beside;
mod blocker;
mod canonical;
mod check;
mod date;
mod decide;
pub mod demo;
mod denial;
mod diff;
mod evaluate;
mod event;
pub mod expected;
mod explain;
mod grant;
mod level;
mod links;
mod noise;
mod partnership;
mod party;
mod permit;
mod position;
mod primary;
mod principal;
mod rebind;
mod registry;
mod request;
mod signature;
mod terms;
mod treatment;

#[cfg(test)]
mod tests;

pub use about::{About, about};
pub use agreement::{
    AgreedDataset, Agreement, AgreementDocument, AgreementKind, AtEnd, Column, Control, Dpia, Forbid, Header, Legal,
    OptOut, Regime, Retention, Rights, TermsClause,
};
pub use author::{Author, AuthorError, SecretKey, new_event, sign};
pub use blocker::{Blocker, BlockerCode};
pub use canonical::agreement_digest;
pub use decide::{decide, may_read_linked};
pub use denial::{Denial, DenialView};
pub use diff::{Diff, diff};
pub use event::{Event, EventKind, EventLog, Seen, State};
pub use explain::{Explanation, ExplanationRow, explain};
pub use grant::{Grant, RecipientPattern};
pub use level::{Level, Levels};
pub use links::LinkTerms;
pub use noise::NoiseTerms;
pub use partnership::{Identity, Organisation, Partnership, Purpose};
pub use party::{Assurance, Contacts, Membership, Party, PartyRole, PartySignature};
pub use permit::{AgreedColumn, Permit, PermitRecord, Standing};
pub use primary::{LargestShare, PrimaryRules};
pub use principal::{Action, ActionKind, Derive, Ingest, Link, Principal, Recipient, Release, Role};
pub use registry::{PolicyEpoch, Registry, Snapshot, SourceFile, Status};
pub use request::{Governing, LinkedFigures, OptOutEvidence, Request};
pub use signature::{PublicKey, SignatureBytes};
pub use terms::{Forbids, Method, Onward, Terms, Zeros, meet};
pub use treatment::at_least_as_strict;
