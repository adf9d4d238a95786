//! The reference implementation: nothing durable, nothing clever. Tests compare the others with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use model::{DatasetId, Digest, Label, Period};
use uuid::Uuid;

use crate::error::CatalogError;
use crate::port::{Catalog, digest_of};
use crate::records::{
    Commit, Credential, DatasetVersion, IdempotencyKey, Job, JobOutcome, JobState, LedgerEntry, NewJob, Upload,
    VersionFacts, VersionStatus,
};

type Result<T> = std::result::Result<T, CatalogError>;

/// A catalogue in memory, for tests.
#[derive(Debug, Default)]
pub struct MemoryCatalog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    versions: BTreeMap<(DatasetId, Period, u32), DatasetVersion>,
    uploads: BTreeMap<(DatasetId, IdempotencyKey), (Digest, Uuid)>,
    jobs: Vec<Job>,
    ledger: BTreeMap<Label, Vec<LedgerEntry>>,
    credentials: BTreeMap<Label, Credential>,
    settings: BTreeMap<Label, String>,
}

impl State {
    fn version(&self, id: Uuid) -> Option<&DatasetVersion> {
        self.versions.values().find(|version| version.facts.id == id)
    }

    fn version_mut(&mut self, id: Uuid) -> Result<&mut DatasetVersion> {
        let found = self.versions.values_mut().find(|version| version.facts.id == id);
        found.ok_or_else(|| CatalogError::not_found("dataset version", id))
    }

    fn find_upload(&self, dataset: &DatasetId, upload: &Upload) -> Result<Option<DatasetVersion>> {
        match self.uploads.get(&(dataset.clone(), upload.key.clone())) {
            None => Ok(None),
            Some((body, id)) if *body == upload.body => Ok(self.version(*id).cloned()),
            Some(_) => Err(CatalogError::conflict(
                "idempotency key",
                upload.key.as_str(),
                "it was used with another body; use a new key for a new file",
            )),
        }
    }

    /// Checks a job that comes with a version (`with`) or alone.
    fn check_job(&self, job: &NewJob, with: Option<Uuid>) -> Result<()> {
        if self.jobs.iter().any(|known| known.facts.id == job.id) {
            return Err(CatalogError::conflict("job", job.id, "the id is taken"));
        }
        match job.version.filter(|id| with != Some(*id) && self.version(*id).is_none()) {
            Some(id) => Err(CatalogError::not_found("dataset version", id)),
            None => Ok(()),
        }
    }

    fn push_job(&mut self, job: NewJob) {
        let updated_at = job.created_at;
        self.jobs.push(Job { facts: job, state: JobState::Pending, attempts: 0, message: None, updated_at });
    }

    fn supersede(&mut self, dataset: &DatasetId, period: Period, below: u32) {
        for version in self.versions.values_mut() {
            let earlier =
                version.facts.dataset == *dataset && version.facts.period == period && version.revision < below;
            if earlier && matches!(version.status, VersionStatus::Current | VersionStatus::Staged) {
                version.status = VersionStatus::Superseded;
            }
        }
    }
}

impl MemoryCatalog {
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        self.state.lock().map_err(|_| CatalogError::Poisoned)
    }
}

impl Catalog for MemoryCatalog {
    fn find_upload(&self, dataset: &DatasetId, upload: &Upload) -> Result<Option<DatasetVersion>> {
        self.lock()?.find_upload(dataset, upload)
    }

    fn record_upload(&self, id: Uuid, upload: &Upload) -> Result<()> {
        let mut state = self.lock()?;
        let dataset = state.version_mut(id)?.facts.dataset.clone();
        if state.find_upload(&dataset, upload)?.is_none() {
            state.uploads.insert((dataset, upload.key.clone()), (upload.body, id));
        }
        Ok(())
    }

    fn commit_version(
        &self,
        facts: VersionFacts,
        table_keys: &str,
        status: VersionStatus,
        job: Option<NewJob>,
    ) -> Result<Commit> {
        if !matches!(status, VersionStatus::Staged | VersionStatus::Current) {
            let reason = "a new version is staged or current";
            return Err(CatalogError::Invalid { what: "the version", reason });
        }
        let mut state = self.lock()?;
        if let Some(upload) = &facts.upload
            && let Some(version) = state.find_upload(&facts.dataset, upload)?
        {
            return Ok(Commit::Existing(version));
        }
        let partition: Vec<&DatasetVersion> = state
            .versions
            .values()
            .filter(|version| version.facts.dataset == facts.dataset && version.facts.period == facts.period)
            .collect();
        let live = partition
            .iter()
            .rev()
            .find(|version| matches!(version.status, VersionStatus::Staged | VersionStatus::Current));
        if let Some(version) = live.filter(|version| version.facts.content == facts.content) {
            let version = (**version).clone();
            if let Some(upload) = facts.upload {
                state.uploads.insert((facts.dataset, upload.key), (upload.body, version.facts.id));
            }
            return Ok(Commit::Existing(version));
        }
        let revision = partition.last().map_or(1, |version| version.revision + 1);
        if state.version(facts.id).is_some() {
            return Err(CatalogError::conflict("dataset version", facts.id, "the id is taken"));
        }
        if let Some(job) = &job {
            state.check_job(job, Some(facts.id))?;
        }
        if status == VersionStatus::Current {
            state.supersede(&facts.dataset, facts.period, revision);
        }
        if let Some(upload) = facts.upload.clone() {
            state.uploads.insert((facts.dataset.clone(), upload.key), (upload.body, facts.id));
        }
        let key = (facts.dataset.clone(), facts.period, revision);
        let version = DatasetVersion { facts, revision, status, table_keys: Some(table_keys.to_owned()) };
        state.versions.insert(key, version.clone());
        if let Some(job) = job {
            state.push_job(job);
        }
        Ok(Commit::New(version))
    }

    fn discard_version(&self, id: Uuid) -> Result<()> {
        let mut state = self.lock()?;
        if state.version_mut(id)?.status != VersionStatus::Staged {
            return Err(CatalogError::conflict("dataset version", id, "only a staged version is discarded"));
        }
        if state.jobs.iter().any(|job| job.facts.version == Some(id)) {
            return Err(CatalogError::conflict("dataset version", id, "a job names it"));
        }
        state.uploads.retain(|_, (_, version)| *version != id);
        state.versions.retain(|_, version| version.facts.id != id);
        Ok(())
    }

    fn change_version(&self, id: Uuid, to: VersionStatus, job: Option<NewJob>) -> Result<DatasetVersion> {
        let mut state = self.lock()?;
        let version = state.version_mut(id)?.clone();
        if !version.status.may_become(to) {
            return Err(CatalogError::conflict("dataset version", id, "its status does not allow this step"));
        }
        if let Some(job) = &job {
            state.check_job(job, None)?;
        }
        if to == VersionStatus::Current {
            state.supersede(&version.facts.dataset, version.facts.period, version.revision);
        }
        let changed = state.version_mut(id)?;
        changed.status = to;
        let changed = changed.clone();
        if let Some(job) = job {
            state.push_job(job);
        }
        Ok(changed)
    }

    fn replace_table_keys(&self, id: Uuid, keys: Option<&str>) -> Result<()> {
        let mut state = self.lock()?;
        let version = state.version_mut(id)?;
        if version.table_keys.is_none() {
            return Err(CatalogError::conflict("dataset version", id, "its keys were destroyed"));
        }
        version.table_keys = keys.map(str::to_owned);
        Ok(())
    }

    fn version(&self, id: Uuid) -> Result<Option<DatasetVersion>> {
        Ok(self.lock()?.version(id).cloned())
    }

    fn versions(&self, dataset: Option<&DatasetId>, status: Option<VersionStatus>) -> Result<Vec<DatasetVersion>> {
        let state = self.lock()?;
        let wanted = |version: &&DatasetVersion| {
            dataset.is_none_or(|dataset| version.facts.dataset == *dataset)
                && status.is_none_or(|status| version.status == status)
        };
        Ok(state.versions.values().filter(wanted).cloned().collect())
    }

    fn enqueue(&self, job: NewJob) -> Result<()> {
        let mut state = self.lock()?;
        state.check_job(&job, None)?;
        state.push_job(job);
        Ok(())
    }

    fn claim_job(&self, now: Timestamp) -> Result<Option<Job>> {
        let mut state = self.lock()?;
        let Some(job) = state.jobs.iter_mut().find(|job| job.state == JobState::Pending) else { return Ok(None) };
        job.state = JobState::Running;
        job.attempts += 1;
        job.updated_at = now;
        Ok(Some(job.clone()))
    }

    fn finish_job(&self, id: Uuid, outcome: JobOutcome, now: Timestamp) -> Result<()> {
        let mut state = self.lock()?;
        let found = state.jobs.iter_mut().find(|job| job.facts.id == id);
        let job = found.ok_or_else(|| CatalogError::not_found("job", id))?;
        if job.state != JobState::Running {
            return Err(CatalogError::conflict("job", id, "it is not running"));
        }
        let (next, message) = outcome.into_parts();
        job.state = next;
        job.message = Some(message);
        job.updated_at = now;
        Ok(())
    }

    fn requeue_jobs(&self, now: Timestamp) -> Result<u64> {
        let mut count = 0;
        for job in self.lock()?.jobs.iter_mut().filter(|job| job.state == JobState::Running) {
            job.state = JobState::Pending;
            job.attempts -= 1;
            job.updated_at = now;
            count += 1;
        }
        Ok(count)
    }

    fn jobs(&self, state: Option<JobState>) -> Result<Vec<Job>> {
        let all = self.lock()?;
        Ok(all.jobs.iter().filter(|job| state.is_none_or(|state| job.state == state)).cloned().collect())
    }

    fn append_ledger(&self, entry: &LedgerEntry) -> Result<()> {
        if digest_of(&entry.ciphertext) != entry.digest {
            let reason = "the digest is not that of the ciphertext";
            return Err(CatalogError::Invalid { what: "the ledger entry", reason });
        }
        let mut state = self.lock()?;
        let last = state.ledger.get(&entry.group).and_then(|entries| entries.last()).map_or(0, |last| last.sequence);
        if entry.sequence != last + 1 {
            return Err(CatalogError::conflict("ledger", &entry.group, "the sequence number is not the next"));
        }
        state.ledger.entry(entry.group.clone()).or_default().push(entry.clone());
        Ok(())
    }

    fn ledger(&self, group: &Label, after: u64) -> Result<Vec<LedgerEntry>> {
        let state = self.lock()?;
        let entries = state.ledger.get(group).into_iter().flatten();
        Ok(entries.filter(|entry| entry.sequence > after).cloned().collect())
    }

    fn ledger_groups(&self) -> Result<Vec<Label>> {
        Ok(self.lock()?.ledger.keys().cloned().collect())
    }

    fn add_credential(&self, credential: &Credential) -> Result<()> {
        let mut state = self.lock()?;
        if state.credentials.contains_key(&credential.id) {
            return Err(CatalogError::conflict("credential", &credential.id, "the id is taken"));
        }
        state.credentials.insert(credential.id.clone(), credential.clone());
        Ok(())
    }

    fn revoke_credential(&self, id: &Label, now: Timestamp) -> Result<()> {
        let mut state = self.lock()?;
        let credential = state.credentials.get_mut(id).ok_or_else(|| CatalogError::not_found("credential", id))?;
        credential.revoked_at = credential.revoked_at.or(Some(now));
        Ok(())
    }

    fn credentials(&self) -> Result<Vec<Credential>> {
        Ok(self.lock()?.credentials.values().cloned().collect())
    }

    fn setting(&self, name: &Label) -> Result<Option<String>> {
        Ok(self.lock()?.settings.get(name).cloned())
    }

    fn replace_setting(&self, name: &Label, expected: Option<&str>, value: &str) -> Result<()> {
        let mut state = self.lock()?;
        if state.settings.get(name).map(String::as_str) != expected {
            return Err(CatalogError::conflict("setting", name, "it was changed meanwhile; read it again"));
        }
        state.settings.insert(name.clone(), value.to_owned());
        Ok(())
    }
}
