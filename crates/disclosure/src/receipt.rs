//! Nothing is released before ledger and audit are durable: the receipt of both is the only way to commit a plan.

use std::error::Error;
use std::fmt;

use model::Digest;
use sha2::{Digest as _, Sha256};

use crate::ids::GroupId;
use crate::ledger::SealedEntry;
use crate::perturb::{NoisePlan, Noisy};
use crate::plan::Plan;
use crate::released::{GroupTables, Released};

/// What a port returns when it cannot do its work.
pub type PortError = Box<dyn Error + Send + Sync>;

/// The durable, encrypted, append-only ledger.
pub trait LedgerPort {
    /// Encrypts and appends an entry, and returns its number in the ledger only when it is durable. Appending the same
    /// bytes of the same group again returns the number it has.
    ///
    /// # Errors
    /// When the entry is not durable.
    fn append(&mut self, entry: &SealedEntry) -> Result<u64, PortError>;
}

/// The durable audit log.
pub trait AuditPort {
    /// Records a release, and returns its number in the log only when the record is durable.
    ///
    /// # Errors
    /// When the record is not durable.
    fn record_release(&mut self, record: &ReleaseRecord) -> Result<u64, PortError>;
}

/// The durable audit log of answers.
pub trait AnswerPort {
    /// Records an answer that stands on a release, and returns only when the record is durable. An answer that was recorded before
    /// is new to nobody, and need not be recorded again.
    ///
    /// # Errors
    /// When the record is not durable.
    fn record_answer(&mut self, record: &AnswerRecord) -> Result<(), PortError>;
}

/// What the audit log says of a release: nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseRecord {
    /// The group.
    pub group: GroupId,
    /// Digest of what everybody sees.
    pub digest: Digest,
    /// Cells with a value.
    pub cells_released: usize,
    /// Cells with a mark.
    pub cells_withheld: usize,
    /// Steps of the search for it.
    pub steps: u64,
    /// Number of the entry in the ledger.
    pub ledger_entry: u64,
    /// Seconds since 1970-01-01 UTC.
    pub at: i64,
}

/// Ledger or audit could not be made durable: nothing may be released.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The ledger failed.
    #[error(
        "the ledger entry of group `{group}` is not durable, so nothing is released: check the store and publish again"
    )]
    Ledger {
        /// The group.
        group: GroupId,
        /// Why.
        #[source]
        source: PortError,
    },
    /// The audit log failed.
    #[error(
        "the release of group `{group}` is not in the audit log, so nothing is released: check the log and publish again"
    )]
    Audit {
        /// The group.
        group: GroupId,
        /// Why.
        #[source]
        source: PortError,
    },
}

/// Proof that ledger and audit hold a plan durably.
#[must_use = "a plan is released by committing it with its receipt"]
pub struct DurableReceipt {
    group: GroupId,
    digest: Digest,
    /// Of the entry, so that plans of different truths are told apart; stays in memory.
    entry: [u8; 32],
    ledger_entry: u64,
    audit_record: u64,
}

fn entry_digest(entry: &SealedEntry) -> [u8; 32] {
    Sha256::digest(entry.secret_bytes()).into()
}

/// What a receipt is for.
struct Subject<'a> {
    entry: &'a SealedEntry,
    digest: Digest,
    cells_released: usize,
    cells_withheld: usize,
    steps: u64,
}

impl<'a> Subject<'a> {
    fn of_plan(plan: &'a Plan) -> Self {
        let (entry, digest, summary) = (plan.ledger_entry(), plan.digest(), plan.summary());
        let (cells_released, cells_withheld) = (summary.released(), summary.withheld());
        Self { entry, digest, cells_released, cells_withheld, steps: summary.steps }
    }

    fn of_noise(plan: &'a NoisePlan) -> Self {
        let (entry, digest) = (plan.ledger_entry(), plan.digest());
        Self { entry, digest, cells_released: plan.cells(), cells_withheld: 0, steps: 0 }
    }
}

impl DurableReceipt {
    /// Appends the plan to the ledger, then records the release; both durable, in this order.
    ///
    /// # Errors
    /// If either port fails. Then nothing may be released, and the plan can be tried again.
    pub fn obtain(
        plan: &Plan,
        ledger: &mut dyn LedgerPort,
        audit: &mut dyn AuditPort,
        now: i64,
    ) -> Result<Self, ReceiptError> {
        Self::obtain_for(&Subject::of_plan(plan), ledger, audit, now)
    }

    /// The same for a plan of noise.
    ///
    /// # Errors
    /// As [`Self::obtain`].
    pub fn obtain_noise(
        plan: &NoisePlan,
        ledger: &mut dyn LedgerPort,
        audit: &mut dyn AuditPort,
        now: i64,
    ) -> Result<Self, ReceiptError> {
        Self::obtain_for(&Subject::of_noise(plan), ledger, audit, now)
    }

    fn obtain_for(
        subject: &Subject<'_>,
        ledger: &mut dyn LedgerPort,
        audit: &mut dyn AuditPort,
        now: i64,
    ) -> Result<Self, ReceiptError> {
        let Subject { entry, digest, cells_released, cells_withheld, steps } = *subject;
        let group = entry.group().clone();
        let ledger_entry =
            ledger.append(entry).map_err(|source| ReceiptError::Ledger { group: group.clone(), source })?;
        let record = ReleaseRecord {
            group: group.clone(),
            digest,
            cells_released,
            cells_withheld,
            steps,
            ledger_entry,
            at: now,
        };
        let audit_record =
            audit.record_release(&record).map_err(|source| ReceiptError::Audit { group: group.clone(), source })?;
        Ok(Self { group, digest, entry: entry_digest(entry), ledger_entry, audit_record })
    }

    /// Whether it is for this.
    fn check(self, subject: &Subject<'_>) -> Result<(), CommitError> {
        let group = subject.entry.group();
        let of = (group, subject.digest, entry_digest(subject.entry));
        if (&self.group, self.digest, self.entry) == of {
            Ok(())
        } else {
            Err(CommitError::OtherPlan { receipt: self.group, plan: group.clone() })
        }
    }

    /// Number of the entry in the ledger.
    #[must_use]
    pub const fn ledger_entry(&self) -> u64 {
        self.ledger_entry
    }

    /// Number of the record in the audit log.
    #[must_use]
    pub const fn audit_record(&self) -> u64 {
        self.audit_record
    }
}

impl fmt::Debug for DurableReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DurableReceipt({}, {})", self.group, self.digest)
    }
}

/// Why a plan cannot be committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The receipt is for something else.
    #[error(
        "the receipt is for a plan of group `{receipt}`, or an older plan, not for this one of `{plan}`: obtain one for it"
    )]
    OtherPlan {
        /// The receipt's group.
        receipt: GroupId,
        /// The plan's group.
        plan: GroupId,
    },
}

/// Releases a plan: the only way from a plan to tables.
///
/// # Errors
/// If the receipt is not that of this plan.
pub fn commit(plan: Plan, receipt: DurableReceipt) -> Result<Released<GroupTables>, CommitError> {
    receipt.check(&Subject::of_plan(&plan))?;
    Ok(Released::new(plan.into_tables()))
}

/// The same for a plan of noise: the tables and, unless these are all there is, what adds the same noise to whatever else is asked of
/// the release.
///
/// # Errors
/// If the receipt is not that of this plan.
pub fn commit_noise(
    plan: NoisePlan,
    receipt: DurableReceipt,
) -> Result<(Released<GroupTables>, Option<Noisy>), CommitError> {
    receipt.check(&Subject::of_noise(&plan))?;
    let (tables, noisy) = plan.into_parts();
    Ok((Released::new(tables), noisy))
}

/// What the audit log says of an answer that is new to everybody: nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerRecord {
    /// The group.
    pub group: GroupId,
    /// Digest of the revision that it stands on.
    pub revision: Digest,
    /// Digest of what was asked.
    pub question: Digest,
}

/// Proof that the audit log holds an answer durably.
#[must_use = "an answer is given with its receipt"]
#[derive(Debug)]
pub struct AnswerReceipt {
    pub(crate) group: GroupId,
    pub(crate) revision: Digest,
}

impl AnswerReceipt {
    /// Records that a question about a release is answered.
    ///
    /// # Errors
    /// If the record is not durable. Then nothing may be answered.
    pub fn obtain(noisy: &Noisy, question: Digest, audit: &mut dyn AnswerPort) -> Result<Self, ReceiptError> {
        let (group, revision) = (noisy.group().clone(), noisy.revision());
        audit
            .record_answer(&AnswerRecord { group: group.clone(), revision, question })
            .map_err(|source| ReceiptError::Audit { group: group.clone(), source })?;
        Ok(Self { group, revision })
    }
}
