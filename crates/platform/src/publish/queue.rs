//! The queue: which datasets wait, and what became of each job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use catalog::{Job, JobOutcome, VersionStatus};
use disclosure::PlanError;
use model::DatasetId;

use super::PublishReport;
use super::group::{Outcome, plan_error};
use crate::error::{PlatformError, causes};
use crate::platform::Platform;

/// How often a job is tried before it is given up.
const ATTEMPTS: u32 = 3;
/// What a supplier reads about a correction that is not published.
const CORRECTION: &str =
    "it changes figures that were decided before: a revision needs review; what was published stays";

impl Platform {
    /// Does every queued publish job. `done` hears of each dataset as it is finished.
    ///
    /// # Errors
    /// If the queue cannot be read or written; a dataset that cannot be published is in the report instead.
    pub fn publish_pending(&self, done: &mut (dyn FnMut(&DatasetId) + Send)) -> Result<PublishReport, PlatformError> {
        let _one_at_a_time = self.publishing();
        let mut jobs: BTreeMap<DatasetId, Vec<Job>> = BTreeMap::new();
        let mut general = Vec::new();
        while let Some(job) = self.catalog().claim_job(self.now()).map_err(PlatformError::failed("take a job"))? {
            match self.dataset_of(&job)? {
                Some(dataset) => jobs.entry(dataset).or_default().push(job),
                None => general.push(job),
            }
        }
        let mut datasets: BTreeSet<DatasetId> = jobs.keys().cloned().collect();
        if !general.is_empty() {
            let held = self.catalog().versions(None, Some(VersionStatus::Current));
            let held = held.map_err(PlatformError::failed("read versions"))?;
            datasets.extend(held.into_iter().map(|version| version.facts.dataset));
        }
        // Reference data that no indicator uses has nothing to publish.
        datasets.retain(|dataset| self.state().definitions.indicators_on(dataset).next().is_some());
        let outcomes = self.publish_datasets(&datasets, done);
        let report = self.settle(outcomes, &mut jobs)?;
        for job in &general {
            self.finish(job, JobOutcome::Done("done".to_owned()))?;
        }
        Ok(report)
    }

    /// How many datasets wait to be published.
    ///
    /// # Errors
    /// If the queue cannot be read.
    pub fn pending(&self) -> Result<usize, PlatformError> {
        let jobs = self.catalog().jobs(Some(catalog::JobState::Pending)).map_err(PlatformError::failed("read jobs"))?;
        let mut datasets = BTreeSet::new();
        for job in &jobs {
            datasets.extend(self.dataset_of(job)?);
        }
        Ok(datasets.len())
    }

    pub(super) fn dataset_of(&self, job: &Job) -> Result<Option<DatasetId>, PlatformError> {
        let Some(version) = job.facts.version else { return Ok(None) };
        let version = self.catalog().version(version).map_err(PlatformError::failed("read a version"))?;
        Ok(version.map(|version| version.facts.dataset))
    }

    fn finish(&self, job: &Job, outcome: JobOutcome) -> Result<(), PlatformError> {
        self.catalog().finish_job(job.facts.id, outcome, self.now()).map_err(PlatformError::failed("end a job"))
    }

    fn settle(
        &self,
        outcomes: BTreeMap<DatasetId, Result<Outcome, PlatformError>>,
        jobs: &mut BTreeMap<DatasetId, Vec<Job>>,
    ) -> Result<PublishReport, PlatformError> {
        let (before, mut report) = (self.state(), PublishReport::default());
        let (mut fresh, mut held, mut failed) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        for (dataset, outcome) in outcomes {
            match outcome {
                Ok(outcome) => {
                    let known = before.released.get(&dataset);
                    if known.is_none_or(|known| known.basis != outcome.group.basis) {
                        report.published.push(dataset.clone());
                    }
                    report.failures.extend(outcome.refused);
                    if !outcome.held.is_empty() {
                        report.failures.push(format!("{dataset}: {CORRECTION}"));
                    }
                    held.extend(outcome.held);
                    fresh.insert(dataset, outcome.group);
                }
                Err(error) => {
                    tracing::error!(dataset = dataset.as_str(), causes = causes(&error), "not published");
                    report.failures.push(format!("{dataset}: {}", public_reason(&error)));
                    failed.insert(dataset, error);
                }
            }
        }
        let denied = failed.iter().filter(|(_, error)| matches!(error, PlatformError::Denied { .. }));
        // A job is done when readers see what it made.
        self.swap(fresh, &denied.map(|(dataset, _)| dataset.clone()).collect())?;
        for (dataset, jobs) in std::mem::take(jobs) {
            for job in jobs {
                let outcome = match failed.get(&dataset) {
                    None if job.facts.version.is_some_and(|version| held.contains(&version)) => {
                        JobOutcome::Failed(CORRECTION.to_owned())
                    }
                    error => outcome_of(&job, error),
                };
                self.finish(&job, outcome)?;
            }
        }
        Ok(report)
    }

    /// Several groups at once, each by one thread.
    fn publish_datasets(
        &self,
        datasets: &BTreeSet<DatasetId>,
        done: &mut (dyn FnMut(&DatasetId) + Send),
    ) -> BTreeMap<DatasetId, Result<Outcome, PlatformError>> {
        let queue = Mutex::new(datasets.iter().rev().cloned().collect::<Vec<_>>());
        let results = Mutex::new((BTreeMap::new(), done));
        let lock = |error: std::sync::PoisonError<_>| error.into_inner();
        std::thread::scope(|scope| {
            for _ in 0..self.settings().limits.publish_threads.clamp(1, 64) {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
                        let Some(dataset) = next else { break };
                        // A defect in one group must not end the publishing of all others.
                        let work = std::panic::AssertUnwindSafe(|| self.publish_group(&dataset));
                        let outcome = std::panic::catch_unwind(work).unwrap_or_else(|_| {
                            Err(PlatformError::Unavailable { reason: "publishing stopped on a defect".to_owned() })
                        });
                        let mut results = results.lock().unwrap_or_else(lock);
                        (results.1)(&dataset);
                        results.0.insert(dataset, outcome);
                    }
                });
            }
        });
        results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).0
    }
}

fn outcome_of(job: &Job, error: Option<&PlatformError>) -> JobOutcome {
    match error {
        None => JobOutcome::Done("published".to_owned()),
        // A plan that failed would fail again.
        Some(error @ PlatformError::Failed { .. }) if job.attempts < ATTEMPTS && plan_error(error).is_none() => {
            JobOutcome::Retry(public_reason(error))
        }
        Some(error) => JobOutcome::Failed(public_reason(error)),
    }
}

/// What a supplier may read about a failure: never which cell it was about.
fn public_reason(error: &PlatformError) -> String {
    if let Some(plan) = plan_error(error) {
        return match plan {
            PlanError::RevisionNeedsReview(_) | PlanError::CellMissing(_) => CORRECTION,
            PlanError::Unprovable { .. } => {
                "its tables cannot be protected beside what is published: register coarser views"
            }
            _ => "no plan of what to release could be made; what was published stays",
        }
        .to_owned();
    }
    match error {
        PlatformError::Failed { operation, .. } => format!("could not {operation}"),
        other => other.to_string(),
    }
}
