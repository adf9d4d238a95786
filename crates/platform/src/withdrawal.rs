//! Withdrawing: a period is not shown any more, from this moment on. What was decided about it stays part of every later proof, and
//! data that come in its place are shown when a reviewer asks for a revision.
//!
//! Each version is withdrawn in the audit log first: whatever the catalogue says, also one that was cut short before it knew or an
//! older one that was put back, what the log calls withdrawn is.

use std::collections::BTreeSet;

use agreements::Role;
use audit::{Entry, Work};
use catalog::{CatalogError, DatasetVersion, JobReason, NewJob, VersionStatus};
use model::DatasetId;
use serde::Serialize;
use uuid::Uuid;

use crate::caller::Caller;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;

/// What was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawal {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period, ISO 8601 interval.
    pub period: String,
    /// How many files of it there were, corrections included.
    pub versions: usize,
    /// How many views are out of service with it until what is left is published, and stay so where nothing is.
    pub views: usize,
    /// Whether what comes in its place is shown by a revision only: something of it was protected.
    pub by_revision: bool,
}

impl Platform {
    /// Withdraws a period of a dataset with all its corrections, for the organisation that supplied it or the partnership's operator.
    /// When this returns nothing that stands on it is served; what is left of the dataset is with the next run. On record.
    ///
    /// The agreements are not asked: one that ended or is suspended is no reason to go on showing what its owner takes back.
    ///
    /// # Errors
    /// If the caller is neither of these, nothing of the period is stored, or catalogue or audit log cannot be written: asked again, it
    /// goes on where it stopped.
    pub fn withdraw(&self, caller: &Caller, dataset: &DatasetId, period: &str) -> Result<Withdrawal, PlatformError> {
        if !self.may_withdraw(caller, dataset)? {
            let missing = PlatformError::NotFound { what: format!("dataset `{dataset}`") };
            return Err(self.unregistered(caller, Work::Withdraw, dataset.as_str(), missing));
        }
        // Nothing becomes current meanwhile, and the key may have been revoked since it was looked at.
        let _turn = self.staging();
        self.refresh_revocations()?;
        if !self.in_force(caller) {
            return Err(PlatformError::Unauthenticated);
        }
        self.settle_staged()?;
        let stored = self.catalog().versions(Some(dataset), None).map_err(PlatformError::failed("read versions"))?;
        let of_period = |version: &DatasetVersion| version.facts.period.to_string() == period;
        let already = stored.iter().any(|version| of_period(version) && version.status == VersionStatus::Withdrawn);
        let (versions, others): (Vec<DatasetVersion>, Vec<DatasetVersion>) =
            stored.into_iter().filter(|version| version.status != VersionStatus::Withdrawn).partition(of_period);
        if versions.is_empty() && others.is_empty() && self.state().definitions.contract(dataset).is_none() {
            let missing = PlatformError::NotFound { what: format!("dataset `{dataset}`") };
            return Err(self.unregistered(caller, Work::Withdraw, dataset.as_str(), missing));
        }
        if versions.is_empty() {
            return Err(nothing_of(period, already, &others));
        }
        let (views, out) = (self.state().cubes.len(), self.state().out.get(dataset).cloned());
        // All of them on record before anything else: the record is what counts.
        let withdrawn = versions.iter().try_for_each(|version| self.record_withdrawn(caller, version));
        // Also where the last of them failed.
        self.take_out_withdrawn();
        let shown = self.state().cubes.len();
        withdrawn?;
        versions.iter().try_for_each(|version| self.mark_withdrawn(version))?;
        self.wake_publisher();
        Ok(Withdrawal {
            dataset: dataset.clone(),
            period: period.to_owned(),
            versions: versions.len(),
            views: views.saturating_sub(shown),
            by_revision: out.is_some_and(|group| !group.basis.open && self.recorded().is_withdrawn(&group.basis)),
        })
    }

    fn may_withdraw(&self, caller: &Caller, dataset: &DatasetId) -> Result<bool, PlatformError> {
        let Some(organisation) = caller.organisation() else { return Ok(false) };
        Ok(match caller.principal.role {
            Role::PartnerOfficer => *organisation == dataset.organisation()?,
            Role::Operator => *organisation == self.state().snapshot.partnership().partnership.id,
            _ => false,
        })
    }

    fn record_withdrawn(&self, caller: &Caller, version: &DatasetVersion) -> Result<(), PlatformError> {
        let (facts, work_id) = (&version.facts, Uuid::now_v7());
        if self.recorded().withdrawn().contains(&facts.id) {
            return Ok(());
        }
        self.record(Entry::Intent {
            work_id,
            work: Work::Withdraw,
            actor: caller.actor.clone(),
            purpose: None,
            datasets: BTreeSet::from([facts.dataset.clone()]),
            agreements: facts.agreements.clone(),
            epoch: self.state().snapshot.epoch().digest(),
        })?;
        self.record(Entry::Withdrawn { work_id, dataset: facts.dataset.clone(), version: facts.id })?;
        // From the record on, whatever becomes of the catalogue.
        self.common().forget(&facts.dataset, &self.store().path(facts.table.name));
        Ok(())
    }

    fn mark_withdrawn(&self, version: &DatasetVersion) -> Result<(), PlatformError> {
        let id = version.facts.id;
        let job =
            NewJob { id: Uuid::now_v7(), reason: JobReason::Withdrawn, version: Some(id), created_at: self.now() };
        let marked = self.catalog().change_version(id, VersionStatus::Withdrawn, Some(job));
        marked.map(drop).map_err(PlatformError::failed("withdraw a version"))
    }

    /// What the audit log calls withdrawn is, whatever the catalogue says.
    ///
    /// # Errors
    /// If the catalogue cannot be read or written.
    pub(crate) fn finish_withdrawals(&self) -> Result<(), PlatformError> {
        let withdrawn = self.recorded().withdrawn().clone();
        for id in withdrawn {
            let version = match self.catalog().version(id) {
                // It is told by what is about its dataset.
                Err(error @ CatalogError::Damaged { .. }) => {
                    tracing::error!(version = %id, causes = causes(&error), "a version that was withdrawn cannot be read");
                    continue;
                }
                version => version.map_err(PlatformError::failed("read a version"))?,
            };
            if let Some(version) = version.filter(|version| version.status != VersionStatus::Withdrawn) {
                self.mark_withdrawn(&version)?;
                tracing::info!(version = %id, "a withdrawal that was cut short is finished");
            }
        }
        Ok(())
    }
}

/// Nothing of a period is stored; what is of others.
fn nothing_of(period: &str, already: bool, others: &[DatasetVersion]) -> PlatformError {
    let stored: BTreeSet<String> = others.iter().map(|version| version.facts.period.to_string()).collect();
    let stored: Vec<String> = stored.into_iter().collect();
    let stored = if stored.is_empty() { "nothing".to_owned() } else { stored.join(", ") };
    let why = if already { ", it was withdrawn before" } else { "" };
    let problem = format!("there is nothing of `{period}` to withdraw{why}; of this dataset is stored: {stored}");
    PlatformError::BadParameter { parameter: "period", problem }
}

#[cfg(test)]
mod tests;
