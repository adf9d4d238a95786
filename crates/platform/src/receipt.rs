//! What a sender is told of a file, and its findings as they are stored: encrypted, beside the table.

use catalog::{DatasetVersion, JobState, ObjectKind, ObjectName, ObjectRef, VersionStatus};
use ingest::Findings;
use jiff::Timestamp;
use model::DatasetId;
use serde::Serialize;
use uuid::Uuid;
use vault::{Context, OsEntropy};
use zeroize::Zeroizing;

use crate::error::PlatformError;
use crate::platform::Platform;
use crate::publish::{REPLACED, WAITS};
use crate::quality::{Difference, Quality};

/// How a supplier reads that another period of its dataset was withdrawn, and what is left is not published yet.
const DARK: &str = "published, and not shown at present: something else that its figures stood on was withdrawn";
/// How it reads that a run failed of a file that is published.
const SHOWN: &str = "what another run or job published of it is shown";
/// How it reads of cells that are not shown again.
const LEFT_BEHIND: &str = "of its figures are never shown again, as they were not there while others were revised";

/// What became of a file: durable before it is given.
#[derive(Debug, Clone, Serialize)]
pub struct UploadReceipt {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period, ISO 8601 interval.
    pub period: String,
    /// Id of the version.
    pub version: Uuid,
    /// Number of the revision within its period, from 1.
    pub revision: u32,
    /// Whether this upload made it; false if the same content was there.
    pub created: bool,
    /// When it was received.
    pub received_at: Timestamp,
    /// When opt-outs were applied, as its sender declared.
    pub opt_outs_applied: Option<Timestamp>,
    /// Row by row: kept, dropped, corrected, refused.
    pub findings: Findings,
    /// How good it is, in a few numbers.
    pub quality: Quality,
    /// What is different since the revision before, if there is one.
    pub since_last_revision: Option<Difference>,
    /// What is different from the period before, if that is held.
    pub since_last_period: Option<Difference>,
    /// How far its publication has come: `pending`, `running`, `done` or `failed`, with a sentence where there is
    /// one, that it waits for approval, or `withdrawn`.
    pub publication: String,
}

impl Platform {
    pub(crate) fn write_findings(
        &self,
        findings: &Findings,
        version: Uuid,
    ) -> Result<(ObjectRef, String), PlatformError> {
        let context = findings_context(version);
        let (key, wrapped) = self
            .keys()
            .vault()
            .new_data_key("findings", &context, &mut OsEntropy)
            .map_err(PlatformError::failed("make a key"))?;
        let plain = Zeroizing::new(serde_json::to_vec(findings).map_err(PlatformError::failed("write findings"))?);
        let sealed = vault::seal_bytes(&plain, &key, &context, &mut OsEntropy)
            .map_err(PlatformError::failed("encrypt findings"))?;
        let name = ObjectName::new(ObjectKind::Findings, version);
        let object = self.store().put(name, &sealed).map_err(PlatformError::failed("write findings"))?;
        Ok((object, serde_json::to_string(&wrapped).map_err(PlatformError::failed("write a key"))?))
    }

    pub(crate) fn read_findings(&self, version: &DatasetVersion) -> Result<Findings, PlatformError> {
        let Some((object, wrapped)) = &version.facts.findings else { return Ok(Findings::default()) };
        let context = findings_context(version.facts.id);
        let wrapped = serde_json::from_str(wrapped).map_err(PlatformError::failed("read a key"))?;
        let key = self.keys().vault().unwrap_key(&wrapped, &context).map_err(PlatformError::failed("open findings"))?;
        let sealed = self.store().read(object).map_err(PlatformError::failed("read findings"))?;
        let plain = vault::open_bytes(&sealed, &key, &context).map_err(PlatformError::failed("open findings"))?;
        serde_json::from_slice(&plain).map_err(PlatformError::failed("read findings"))
    }

    pub(crate) fn receipt(&self, version: &DatasetVersion, created: bool) -> Result<UploadReceipt, PlatformError> {
        let declared = self.last_declared(version.clone())?.facts.opt_outs;
        let facts = &version.facts;
        let (publication, findings) = (self.publication_of(version)?, self.read_findings(version)?);
        let (quality, [since_last_revision, since_last_period]) = self.quality(version, &findings)?;
        Ok(UploadReceipt {
            dataset: facts.dataset.clone(),
            period: facts.period.to_string(),
            version: facts.id,
            revision: version.revision,
            created,
            received_at: facts.received_at,
            opt_outs_applied: declared.map(|declared| declared.applied_at),
            findings,
            quality,
            since_last_revision,
            since_last_period,
            publication,
        })
    }

    /// How far the publication of a version has come: what its last job says, unless other files or withdrawals have overtaken it.
    fn publication_of(&self, version: &DatasetVersion) -> Result<String, PlatformError> {
        let facts = &version.facts;
        if version.status == VersionStatus::Withdrawn {
            return Ok("withdrawn".to_owned());
        }
        let jobs = self.catalog().jobs(None).map_err(PlatformError::failed("read jobs"))?;
        let Some(job) = jobs.iter().rev().find(|job| job.facts.version == Some(facts.id)) else {
            return Ok("none".to_owned());
        };
        let state = self.state();
        let out = state.out.get(&facts.dataset).filter(|group| group.basis.versions().contains(&facts.id));
        let is_done = job.state == JobState::Done;
        Ok(match (out, &job.message) {
            (Some(group), _) if is_done && self.recorded().is_withdrawn(&group.basis) => format!("done: {DARK}"),
            (Some(group), Some(message)) if is_done && !message.starts_with(WAITS) => {
                match group.tables.get().left_behind(facts.period) {
                    0 => format!("done: {message}"),
                    cells => format!("done: {message}; {cells} {LEFT_BEHIND}"),
                }
            }
            // Another run shows it, before or after.
            (Some(_), Some(message)) if job.state == JobState::Failed => format!("failed: {message}; {SHOWN}"),
            (None, Some(_)) if is_done && version.status == VersionStatus::Superseded => format!("done: {REPLACED}"),
            // The job is done, and somebody else is to do something.
            (_, Some(message)) if message.starts_with(WAITS) => message.clone(),
            (_, Some(message)) => format!("{}: {message}", job.state.as_str()),
            (_, None) => job.state.as_str().to_owned(),
        })
    }
}

fn findings_context(version: Uuid) -> Context {
    Context::new("findings").with(version.as_bytes())
}
