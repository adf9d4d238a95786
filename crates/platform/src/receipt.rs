//! What a sender is told of a file, and its findings as they are stored: encrypted, beside the table.

use catalog::{DatasetVersion, ObjectKind, ObjectName, ObjectRef, VersionStatus};
use ingest::Findings;
use jiff::Timestamp;
use model::DatasetId;
use serde::Serialize;
use uuid::Uuid;
use vault::{Context, OsEntropy};
use zeroize::Zeroizing;

use crate::error::PlatformError;
use crate::platform::Platform;
use crate::publish::WAITS;

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
        let facts = &version.facts;
        let jobs = self.catalog().jobs(None).map_err(PlatformError::failed("read jobs"))?;
        let job = jobs.iter().rev().find(|job| job.facts.version == Some(facts.id));
        let publication = match job {
            _ if version.status == VersionStatus::Withdrawn => "withdrawn".to_owned(),
            None => "none".to_owned(),
            Some(job) => match &job.message {
                // The job is done, and somebody else is to do something.
                Some(message) if message.starts_with(WAITS) => message.clone(),
                Some(message) => format!("{}: {message}", job.state.as_str()),
                None => job.state.as_str().to_owned(),
            },
        };
        Ok(UploadReceipt {
            dataset: facts.dataset.clone(),
            period: facts.period.to_string(),
            version: facts.id,
            revision: version.revision,
            created,
            received_at: facts.received_at,
            opt_outs_applied: facts.opt_outs.as_ref().map(|declared| declared.applied_at),
            findings: self.read_findings(version)?,
            publication,
        })
    }
}

fn findings_context(version: Uuid) -> Context {
    Context::new("findings").with(version.as_bytes())
}
