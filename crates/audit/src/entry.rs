//! What is recorded. Every field is an id, a digest, a count or an instant.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::Timestamp;
use model::{AgreementId, DatasetId, Digest, Label, OrganisationId, Period, PurposeId, ViewId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Actor {
    /// Public id of the credential.
    pub credential: Label,
    /// The organisation it was issued to.
    pub organisation: OrganisationId,
    /// The role it carries.
    pub role: Label,
}

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Taking in a file.
    Ingest,
    /// Planning and publishing a protection group.
    Publish,
    /// Answering a query over unpublished data.
    Query,
    /// Withdrawing a dataset version or a view.
    Withdraw,
    /// Reviewing what a plan decided.
    Review,
    /// Erasing a person's records.
    Erase,
    /// Exporting a backup.
    Backup,
}

/// What a reviewer asked of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Whether every entry holds.
    Verify,
    /// What a publication loses.
    Report,
    /// Why cells are withheld.
    Explain,
    /// What waits for approval.
    Preview,
    /// What a revision would publish.
    PreviewRevision,
    /// That the corrections which wait be published.
    Revise,
}

/// What was decided about a plan that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may be published, as far as this role is concerned.
    Approved,
    /// It may not.
    Rejected,
}

impl FromStr for Verdict {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "approved" => Ok(Self::Approved),
            "rejected" => Ok(Self::Rejected),
            _ => Err(format!("`{text}` is no verdict: use `approved` or `rejected`")),
        }
    }
}

/// Why it was decided so: one of these, as a log of words would come to hold what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grounds {
    /// It shows what the agreements mean it to show.
    AsAgreed,
    /// It shows too much.
    ShowsTooMuch,
    /// It withholds too much to be of use.
    WithholdsTooMuch,
    /// The data look wrong.
    DataInDoubt,
    /// It is right, but not now.
    NotNow,
}

impl Grounds {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::AsAgreed, Self::ShowsTooMuch, Self::WithholdsTooMuch, Self::DataInDoubt, Self::NotNow];

    /// As it stands in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsAgreed => "as-agreed",
            Self::ShowsTooMuch => "shows-too-much",
            Self::WithholdsTooMuch => "withholds-too-much",
            Self::DataInDoubt => "data-in-doubt",
            Self::NotNow => "not-now",
        }
    }
}

impl FromStr for Grounds {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|grounds| grounds.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is not a reason: use one of {known}")
        })
    }
}

/// What happened to an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgreementChange {
    /// Read from its file and verified.
    Loaded,
    /// Signed by a party.
    Signed,
    /// Suspended.
    Suspended,
    /// Resumed.
    Resumed,
    /// Terminated.
    Terminated,
    /// Its file is no longer there, or no longer in order.
    Removed,
    /// Events that were seen before are no longer in its file: it is closed.
    Cut,
    /// Those events are there again.
    Restored,
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyChange {
    /// Made.
    Created,
    /// Wrapped under another master key.
    Rewrapped,
    /// Destroyed: what it encrypted is gone.
    Destroyed,
}

/// What happened to a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialChange {
    /// Issued to an organisation.
    Issued,
    /// Revoked.
    Revoked,
}

/// Reads of one published view by one caller, within a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The view.
    pub view: ViewId,
    /// Who read it; nobody in particular for a public view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// How many times.
    pub reads: u64,
}

/// The plan behind a release: nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Digest of what everybody sees.
    pub released: Digest,
    /// Sequence number of the plan in the group's ledger.
    pub ledger_sequence: u64,
    /// SHA-256 of that entry as it is stored, encrypted: only an entry that is named here was ever released.
    pub ledger_entry: Digest,
    /// Cells with a value.
    pub cells_shown: u64,
    /// Cells withheld.
    pub cells_withheld: u64,
    /// Steps of the search for it; 0 where they were not recorded.
    #[serde(default)]
    pub steps: u64,
}

/// A plan that waits for approval: as [`PlanRecord`], without the digest of what everybody would see. Nobody sees that before it
/// is approved, nor ever if it is rejected, and whoever holds a digest without a key tries figures until one fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewRecord {
    /// Sequence number of the plan in the group's ledger.
    pub ledger_sequence: u64,
    /// SHA-256 of that entry as it is stored, encrypted: what is approved.
    pub ledger_entry: Digest,
    /// Cells with a value.
    pub cells_shown: u64,
    /// Cells withheld.
    pub cells_withheld: u64,
    /// Steps of the search for it.
    pub steps: u64,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Entry {
    /// The platform started.
    Started {
        /// Version of the program.
        version: Label,
    },
    /// The platform stopped in order.
    Stopped,
    /// Work is about to begin; durable before it does.
    Intent {
        /// Id of the work, repeated by what comes of it.
        work_id: Uuid,
        /// What kind.
        work: Work,
        /// Who asked; nobody for the platform's own jobs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
        /// For which purpose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<PurposeId>,
        /// Datasets concerned.
        datasets: BTreeSet<DatasetId>,
        /// Agreements that allow it.
        agreements: BTreeSet<Digest>,
        /// Policy epoch of the decision: a digest over all agreements and their events.
        epoch: Digest,
    },
    /// A dataset version was taken in.
    Ingested {
        /// The intent.
        work_id: Uuid,
        /// The dataset.
        dataset: DatasetId,
        /// The partition.
        period: Period,
        /// Revision of the partition, from 1.
        revision: u32,
        /// Id of the version.
        version: Uuid,
        /// Digest of the encrypted table.
        table: Digest,
        /// Agreements it is bound to.
        agreements: BTreeSet<Digest>,
        /// Digest of the encrypted findings, which hold how many rows were read, kept and refused: a total of few people is
        /// about them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        findings: Option<Digest>,
        /// When opt-outs were applied, by the sender's declaration, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opt_outs_applied: Option<Timestamp>,
    },
    /// A file that is stored was sent again, and its sender says that opt-outs were applied to it since.
    Declared {
        /// The intent.
        work_id: Uuid,
        /// The dataset.
        dataset: DatasetId,
        /// Id of the version.
        version: Uuid,
        /// When opt-outs were applied, by the sender's declaration.
        opt_outs_applied: Timestamp,
    },
    /// Work ended and changed nothing: what it would have made is there already.
    Unchanged {
        /// The intent.
        work_id: Uuid,
    },
    /// Work ended without a result, because of what was sent or asked: the rules do not allow it.
    Refused {
        /// The intent.
        work_id: Uuid,
        /// Why, as a code.
        code: Label,
    },
    /// Work ended without a result, because something failed here.
    Failed {
        /// The intent.
        work_id: Uuid,
        /// Why, as a code.
        code: Label,
    },
    /// A protection group was published; durable before the first byte of it leaves.
    Released {
        /// The intent.
        work_id: Uuid,
        /// The protection group.
        group: Label,
        /// The views that stand on it.
        views: BTreeSet<ViewId>,
        /// The plan that decided its cells; none for open data, which everybody has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<PlanRecord>,
        /// Agreements it stands on.
        agreements: BTreeSet<Digest>,
    },
    /// A table was asked for that nobody had asked for before, of figures with noise; durable before the first byte of it leaves.
    Answered {
        /// Who asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
        /// For which purpose.
        purpose: PurposeId,
        /// The protection group.
        group: Label,
        /// Digest of the revision that it stands on.
        revision: Digest,
        /// Digest of the question: what follows, and the states of the data of its periods.
        question: Digest,
        /// What reads of it are counted as.
        view: ViewId,
        /// Type of its areas.
        area_type: Label,
        /// Its periods.
        periods: Vec<Period>,
        /// Its dimensions.
        by: BTreeSet<Label>,
        /// What is added up, if anything is: people or rows are counted otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sum: Option<Label>,
        /// Agreements that allow it.
        agreements: BTreeSet<Digest>,
    },
    /// A plan was made and waits for approval; nothing of it is published. What waited before for the group is void.
    Previewed {
        /// The intent.
        work_id: Uuid,
        /// The protection group.
        group: Label,
        /// The plan; the digest of its ledger entry is what is approved.
        plan: PreviewRecord,
        /// The roles that have to approve it.
        approval: BTreeSet<Label>,
    },
    /// Somebody decided about a plan that waits.
    Decided {
        /// Who.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
        /// The protection group.
        group: Label,
        /// The digest of the ledger entry that was previewed.
        preview: Digest,
        /// What.
        verdict: Verdict,
        /// Why.
        grounds: Grounds,
    },
    /// A dataset version was withdrawn.
    Withdrawn {
        /// The intent.
        work_id: Uuid,
        /// The dataset.
        dataset: DatasetId,
        /// Id of the version.
        version: Uuid,
    },
    /// Published bytes were read.
    Accessed {
        /// Start of the batch, included.
        from: Timestamp,
        /// End of the batch, excluded.
        until: Timestamp,
        /// What was read by whom.
        accesses: Vec<Access>,
    },
    /// A reviewer's question to the ledger of a group; durable before it is answered.
    Reviewed {
        /// Who asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
        /// The protection group.
        group: Label,
        /// What was asked.
        question: Question,
    },
    /// A request was refused by policy.
    Denied {
        /// Who asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
        /// What was tried.
        work: Work,
        /// The registered object it was about, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<Label>,
        /// The stated purpose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<PurposeId>,
        /// The reason, as a code.
        code: Label,
        /// What the caller was given to quote, if anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Label>,
        /// The first agreement that denies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agreement: Option<Digest>,
    },
    /// An agreement changed.
    Agreement {
        /// The agreement.
        agreement: AgreementId,
        /// Its digest.
        digest: Digest,
        /// What happened.
        change: AgreementChange,
        /// Who did it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        actor: Option<Actor>,
        /// The policy epoch from now on.
        epoch: Digest,
    },
    /// A key changed.
    Key {
        /// Its stable name, for example `pseudonym/nhs`.
        key: Label,
        /// What happened.
        change: KeyChange,
    },
    /// A credential changed.
    Credential {
        /// Its public id.
        credential: Label,
        /// The organisation it belongs to.
        organisation: OrganisationId,
        /// What happened.
        change: CredentialChange,
    },
}

impl Entry {
    /// The intent that this is the end of, if it is the end of one.
    #[must_use]
    pub const fn ends(&self) -> Option<Uuid> {
        match self {
            Self::Ingested { work_id, .. }
            | Self::Declared { work_id, .. }
            | Self::Unchanged { work_id }
            | Self::Refused { work_id, .. }
            | Self::Failed { work_id, .. }
            | Self::Released { work_id, .. }
            | Self::Previewed { work_id, .. }
            | Self::Withdrawn { work_id, .. } => Some(*work_id),
            Self::Started { .. }
            | Self::Stopped
            | Self::Intent { .. }
            | Self::Accessed { .. }
            | Self::Reviewed { .. }
            | Self::Decided { .. }
            | Self::Answered { .. }
            | Self::Denied { .. }
            | Self::Agreement { .. }
            | Self::Key { .. }
            | Self::Credential { .. } => None,
        }
    }

    /// The kind, as it stands in the record.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped => "stopped",
            Self::Intent { .. } => "intent",
            Self::Ingested { .. } => "ingested",
            Self::Declared { .. } => "declared",
            Self::Unchanged { .. } => "unchanged",
            Self::Refused { .. } => "refused",
            Self::Failed { .. } => "failed",
            Self::Released { .. } => "released",
            Self::Answered { .. } => "answered",
            Self::Previewed { .. } => "previewed",
            Self::Decided { .. } => "decided",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Accessed { .. } => "accessed",
            Self::Reviewed { .. } => "reviewed",
            Self::Denied { .. } => "denied",
            Self::Agreement { .. } => "agreement",
            Self::Key { .. } => "key",
            Self::Credential { .. } => "credential",
        }
    }
}
