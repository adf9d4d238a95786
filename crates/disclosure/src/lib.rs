//! The gate: from true counts that nobody can read to released tables from which nobody is recovered.
//!
//! ```text
//! UnreleasedBuilder -> Unreleased -> plan() -> Plan -> DurableReceipt::obtain() -> commit() -> Released<GroupTables>
//!                                  (LedgerState, Policy, PlanKey)   (ledger, then audit)
//! ```
//!
//! A plan covers a whole *protection group*: every cell ever published about overlapping records. Each withheld cell has a
//! *witness*: another non-negative integer assignment to the atoms that agrees with everything visible and in which the cell
//! is not small. [`plan`] finds what else to withhold until each has one, and an independent check repeats the proof.
//!
//! **Architecture invariant:** pure and deterministic; no IO, no clock, no randomness but the key that is passed in.

mod blocks;
mod changes;
mod contributions;
mod counts;
mod decide;
mod differences;
mod gone;
mod history;
mod ids;
mod key;
mod ledger;
mod matching;
mod material;
mod perturb;
mod plan;
mod policy;
mod receipt;
mod registration;
mod released;
mod report;
mod review;
mod rules;
mod split;
mod suppress;
mod table;
#[cfg(test)]
mod tests;
mod universe;
mod unreleased;
mod verify;

pub use changes::{Change, Changes, Shown, ViewChange};
pub use counts::{CellSpace, CountsError, UnreleasedCounts};
pub use ids::{CellId, GroupId, MeasureId, NameError};
pub use key::PlanKey;
pub use ledger::{AuthenticatedEntry, LedgerError, LedgerState, SealedEntry, restore};
pub use perturb::{
    Bound, CountedTable, Found, Geometric, GeometricError, Judged, Kind, MOST_PART, NearZero, Noise, NoiseError,
    NoiseKind, NoisePlan, NoisePlanError, NoiseRelease, NoiseState, NoiseTable, Noisy, Refused, Registered,
    RegisteredDimension, RegisteredLevel, RegistrationError, SmallCount, SumNoise, SumNoiseError, TableError,
    averaging_bound, refuse, restore_noise, verify_noise,
};
pub use plan::{Plan, PlanError, Summary, Tally, plan, plan_without_what_is_late};
pub use policy::{Coalitions, Dominance, Policy, Rounding, Share, StepBudget, ZeroPolicy};
pub use receipt::{
    AnswerPort, AnswerReceipt, AnswerRecord, AuditPort, CommitError, DurableReceipt, LedgerPort, PortError,
    ReceiptError, ReleaseRecord, commit, commit_noise,
};
pub use registration::{
    Counted, Geographies, Refusal, Register, RegisteredArea, RegisteredTable, screen_areas, screen_table,
};
pub use released::{Cell, GroupTables, OpenError, OpenSource, Released};
pub use report::{Loss, Protection, PublicationReport, ReportedView, ShareBand, report, report_noise};
pub use review::{Explainer, Explanation, Verification, verify_ledger};
pub use rules::Reason;
pub use unreleased::{AtomIndex, BuildError, CellFacts, Unreleased, UnreleasedBuilder};
pub use verify::VerifyError;
