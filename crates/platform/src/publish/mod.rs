//! Publishing: from the current partitions of a dataset, through the gate, to published tables.

mod allowed;
mod approval;
mod attempt;
mod audit;
mod basis;
mod coarser;
mod cubes;
mod failure;
mod group;
mod ledger;
mod links;
mod noise;
mod placing;
mod queue;
mod releases;
mod residents;
mod restore;
mod revision;
mod waiting;

use std::fmt;

use model::DatasetId;
use model::contract::DatasetContract;

pub(crate) use self::allowed::operator;
pub use self::approval::Preview;
pub(crate) use self::approval::WAITS;
pub(crate) use self::basis::{Basis, Registration, other_areas};
pub(crate) use self::coarser::coarser_than;
pub(crate) use self::cubes::denominator_rule;
pub(crate) use self::ledger::{Opened, ledger_group};
pub(crate) use self::noise::{Grammar, check_primary, counted, in_order_of_counts, noise_of, parameters};
pub(crate) use self::placing::{Placing, carries_over};
pub(crate) use self::queue::REPLACED;
pub(crate) use self::releases::{Recorded, year_of};
pub(crate) use self::residents::{bounds, everybody, in_use as residents_in_use, shared as shared_with_residents};
pub use self::revision::{RevisedPeriod, RevisionPlan, RevisionPreview, Shows};
use crate::error::PlatformError;
use crate::state::State;

/// What publishing came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Datasets whose tables are published anew.
    pub published: Vec<DatasetId>,
    /// Those of them that show corrections which a revision was asked of.
    pub revised: Vec<DatasetId>,
    /// What could not be published, in words; what was published before stays.
    pub failures: Vec<String>,
    /// Datasets whose publication waits for approval, in words; what was published before stays.
    pub unapproved: Vec<String>,
    /// Views of which too little can be shown, each with a coarser one that would show more.
    pub too_fine: Vec<String>,
    /// Indicators on what was published that cannot be shown before another dataset is.
    pub waiting: Vec<String>,
    /// Datasets with corrections that wait for a revision, in words.
    pub corrected: Vec<String>,
}

impl fmt::Display for PublishReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.published.as_slice() {
            [] => write!(f, "published nothing new")?,
            datasets => {
                let names: Vec<&str> = datasets.iter().map(DatasetId::as_str).collect();
                write!(f, "published {}", names.join(", "))?;
            }
        }
        self.unapproved.iter().try_for_each(|publication| write!(f, "\n{publication}"))?;
        self.failures.iter().try_for_each(|failure| write!(f, "\nnot published: {failure}"))?;
        self.waiting.iter().try_for_each(|indicator| write!(f, "\nnot shown yet: {indicator}"))?;
        self.corrected.iter().try_for_each(|correction| write!(f, "\nnot revised: {correction}"))?;
        self.too_fine.iter().try_for_each(|view| write!(f, "\ntoo fine: {view}"))
    }
}

fn contract<'a>(state: &'a State, dataset: &DatasetId) -> Result<&'a DatasetContract, PlatformError> {
    state
        .definitions
        .contract(dataset)
        .ok_or_else(|| PlatformError::NotFound { what: format!("the contract of `{dataset}`") })
}
