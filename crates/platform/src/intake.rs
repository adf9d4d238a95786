//! Intake: one file of one period of a dataset, from an encrypted quarantine to an encrypted table, or nothing at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use agreements::{Denial, Ingest, OptOutEvidence, Permit, Request, decide};
use catalog::{
    Commit, DatasetVersion, IdempotencyKey, JobReason, NewJob, ObjectKind, ObjectName, ObjectRef, Upload, VersionFacts,
    VersionStatus,
};
use ingest::{CleanRequest, Cleaned, Findings, IngestError, WorkbookReader};
use jiff::Timestamp;
use model::contract::{DatasetContract, Format};
use model::{DatasetId, Digest, Period};
use serde::Serialize;
use sha2::Digest as _;
use uuid::Uuid;
use vault::{Context, OsEntropy, SealWriter, TableIdentity, TableKeys};
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::state::{State, digest_of};

/// What comes with a file.
#[derive(Debug, Clone)]
pub struct UploadRequest {
    /// The dataset.
    pub dataset: DatasetId,
    /// The period that the file covers, ISO 8601 interval.
    pub period: String,
    /// The caller's name for this upload.
    pub idempotency_key: Option<String>,
    /// The digest that the caller computed.
    pub digest: Option<Digest>,
}

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
    /// Row by row: kept, dropped, corrected, refused.
    pub findings: Findings,
    /// How far its publication has come: `pending`, `running`, `done` or `failed`, with a sentence where there is one.
    pub publication: String,
}

struct Arrival {
    object: ObjectRef,
    key: vault::DataKey,
    context: Context,
    digest: Digest,
}

impl Platform {
    /// Takes a file in. When this returns `Ok`, the version and its findings survive a power cut; when it returns an
    /// error, nothing of the file is left.
    ///
    /// # Errors
    /// See [`PlatformError`]: not allowed, not the declared digest, over a limit, or refused by its contract.
    pub fn upload(
        &self,
        caller: &Caller,
        request: &UploadRequest,
        file: impl Read,
    ) -> Result<UploadReceipt, PlatformError> {
        let state = self.state();
        let contract = state.definitions.contract(&request.dataset).ok_or_else(|| unknown(&request.dataset))?;
        let period = parse_period(contract, &request.period);
        // Whether somebody may upload comes before what is wrong with the period.
        let permit = self.permit_ingest(&state, caller, contract, period.as_ref().ok().copied())?;
        let period = period?;
        let work_id = Uuid::now_v7();
        self.record_intent(caller, &permit, &request.dataset, work_id)?;
        let arrival = self.receive(file)?;
        let outcome = self.take_in(&state, contract, period, request, &permit, &arrival, work_id);
        self.quarantine().remove(arrival.object.name).map_err(PlatformError::failed("clear the quarantine"))?;
        if outcome.is_err() {
            self.record(audit::Entry::Failed { work_id, code: "refused".parse()? })?;
        }
        outcome
    }

    /// A stored version, for the organisation that supplied it.
    ///
    /// # Errors
    /// If there is none, or the caller may not know of it.
    pub fn version(&self, caller: &Caller, dataset: &DatasetId, version: &str) -> Result<UploadReceipt, PlatformError> {
        let missing = || PlatformError::NotFound { what: "this version".to_owned() };
        let state = self.state();
        let contract = state.definitions.contract(dataset).ok_or_else(|| unknown(dataset))?;
        let _permit = self.permit_ingest(&state, caller, contract, None)?;
        let id = Uuid::parse_str(version).map_err(|_| missing())?;
        let version = self.catalog().version(id).map_err(PlatformError::failed("read a version"))?;
        let version = version.filter(|v| v.facts.dataset == *dataset).ok_or_else(missing)?;
        self.receipt(&version, false)
    }

    fn permit_ingest(
        &self,
        state: &State,
        caller: &Caller,
        contract: &DatasetContract,
        period: Option<Period>,
    ) -> Result<Permit<Ingest>, PlatformError> {
        self.decide_ingest(state, caller, contract, period).map_err(|denial| match denial {
            Some(denial) => self.denied(caller, audit::Work::Ingest, contract.id.as_str(), &denial),
            None => PlatformError::Unauthenticated,
        })
    }

    /// The decision alone, without a record; no denial where the credential names no purpose.
    pub(crate) fn decide_ingest(
        &self,
        state: &State,
        caller: &Caller,
        contract: &DatasetContract,
        period: Option<Period>,
    ) -> Result<Permit<Ingest>, Option<Denial>> {
        let now = self.now();
        // A credential may name several purposes; intake needs one that the agreements cover.
        let mut denial: Option<Denial> = None;
        for purpose in &caller.principal.purposes {
            let governing = state.snapshot.governing(&contract.id, now);
            let request = Request {
                period,
                opt_outs: vec![supplier_opt_out(contract, now)],
                ..Request::new(caller.principal.clone(), purpose.clone(), vec![governing])
            };
            match decide::<Ingest>(&state.snapshot, &request, now) {
                Ok(permit) => return Ok(permit),
                // The purpose that comes closest is the one to explain.
                Err(refusal) if denial.as_ref().is_none_or(|known| refusal.blockers.len() < known.blockers.len()) => {
                    denial = Some(refusal);
                }
                Err(_) => {}
            }
        }
        Err(denial)
    }

    fn record_intent(
        &self,
        caller: &Caller,
        permit: &Permit<Ingest>,
        dataset: &DatasetId,
        work_id: Uuid,
    ) -> Result<(), PlatformError> {
        self.record(audit::Entry::Intent {
            work_id,
            work: audit::Work::Ingest,
            actor: caller.actor.clone(),
            purpose: Some(permit.purpose().clone()),
            datasets: BTreeSet::from([dataset.clone()]),
            agreements: permit.agreements().keys().copied().collect(),
            epoch: permit.epoch().digest(),
        })
    }

    /// Streams a file into the encrypted quarantine, counting and hashing on the way.
    fn receive(&self, mut file: impl Read) -> Result<Arrival, PlatformError> {
        let limit = self.settings().limits.upload_bytes;
        let name = ObjectName::new(ObjectKind::Upload, Uuid::now_v7());
        let context = Context::new("upload").with(name.to_string());
        let (key, _) = self
            .keys()
            .vault()
            .new_data_key("upload", &context, &mut OsEntropy)
            .map_err(PlatformError::failed("make a key"))?;
        let writer = self.quarantine().writer(name).map_err(PlatformError::failed("open the quarantine"))?;
        let mut sealed = SealWriter::new(writer, &key, &context, &mut OsEntropy)
            .map_err(PlatformError::failed("encrypt an upload"))?;
        let mut hasher = sha2::Sha256::new();
        let mut buffer = Zeroizing::new(vec![0_u8; 64 * 1024]);
        let mut total: u64 = 0;
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(PlatformError::failed("read the upload")(error)),
            };
            let chunk = buffer.get(..count).unwrap_or_default();
            total += u64::try_from(count).unwrap_or(u64::MAX);
            if total > limit {
                return Err(PlatformError::TooLarge { limit_bytes: limit });
            }
            hasher.update(chunk);
            sealed.write_all(chunk).map_err(PlatformError::failed("write to the quarantine"))?;
        }
        let writer = sealed.finish().map_err(PlatformError::failed("encrypt an upload"))?;
        let object = writer.commit().map_err(PlatformError::failed("write to the quarantine"))?;
        Ok(Arrival { object, key, context, digest: Digest(hasher.finalize().into()) })
    }

    #[allow(clippy::too_many_arguments, reason = "the facts of one upload, each with its own type")]
    fn take_in(
        &self,
        state: &State,
        contract: &DatasetContract,
        period: Period,
        request: &UploadRequest,
        permit: &Permit<Ingest>,
        arrival: &Arrival,
        work_id: Uuid,
    ) -> Result<UploadReceipt, PlatformError> {
        if request.digest.is_some_and(|declared| declared != arrival.digest) {
            return Err(PlatformError::DigestMismatch);
        }
        let upload = named_upload(request, self.keys().keyed_digest(&arrival.digest.0)?)?;
        if let Some(upload) = &upload
            && let Some(known) = self.catalog().find_upload(&contract.id, upload).map_err(conflict(request))?
        {
            if known.facts.period != period {
                return Err(PlatformError::IdempotencyConflict { key: upload.key.as_str().to_owned() });
            }
            return self.receipt(&known, false);
        }
        let agreements: BTreeSet<Digest> = permit.agreements().keys().copied().collect();
        let content = self.content_digest(state, contract, &agreements, arrival.digest)?;
        if let Some(known) = self.current(&contract.id, period)?.filter(|version| version.facts.content == content) {
            return self.receipt(&known, false);
        }
        let cleaned = self.clean(state, contract, period, permit, arrival)?;
        let version = Uuid::now_v7();
        let identity = TableIdentity { dataset: contract.id.clone(), version, agreements: agreements.clone() };
        let (table, keys) = self.write_table(&cleaned, identity)?;
        let findings = self.write_findings(&cleaned.findings, version)?;
        let facts = VersionFacts {
            id: version,
            dataset: contract.id.clone(),
            period,
            content,
            schema: cleaned.schema_hash,
            agreements: agreements.clone(),
            rows: cleaned.findings.counts.kept,
            table: table.clone(),
            findings: Some(findings.clone()),
            received_at: self.now(),
            upload,
        };
        let job =
            NewJob { id: Uuid::now_v7(), reason: JobReason::Ingested, version: Some(version), created_at: self.now() };
        let commit = self
            .catalog()
            .commit_version(facts, &keys, VersionStatus::Current, Some(job))
            .map_err(conflict(request))?;
        let stored = match commit {
            Commit::New(stored) => stored,
            Commit::Existing(known) => {
                for object in [table.name, findings.0.name] {
                    self.store().remove(object).map_err(PlatformError::failed("remove an unused object"))?;
                }
                return self.receipt(&known, false);
            }
        };
        self.record(audit::Entry::Ingested {
            work_id,
            dataset: contract.id.clone(),
            period,
            revision: stored.revision,
            version,
            table: table.digest,
            agreements,
            rows_read: cleaned.findings.counts.rows_read,
            rows_kept: cleaned.findings.counts.kept,
            findings: cleaned.findings.tallies.values().flat_map(BTreeMap::values).sum(),
        })?;
        self.wake_publisher();
        Ok(UploadReceipt { findings: cleaned.findings, ..self.receipt(&stored, true)? })
    }

    /// Keyed digest over everything that the result depends on: the file, the contract, the geography and the agreements.
    fn content_digest(
        &self,
        state: &State,
        contract: &DatasetContract,
        agreements: &BTreeSet<Digest>,
        file: Digest,
    ) -> Result<Digest, PlatformError> {
        let contract = serde_json::to_vec(contract).map_err(PlatformError::failed("write a contract"))?;
        let geography = state.geography()?.digest;
        let agreements: Vec<u8> = agreements.iter().flat_map(|digest| digest.0).collect();
        let parts = [file.0.as_slice(), contract.as_slice(), geography.0.as_slice(), agreements.as_slice()];
        self.keys().keyed_digest(&digest_of(parts).0)
    }

    fn clean(
        &self,
        state: &State,
        contract: &DatasetContract,
        period: Period,
        permit: &Permit<Ingest>,
        arrival: &Arrival,
    ) -> Result<Cleaned, PlatformError> {
        let sealed = self.quarantine().read(&arrival.object).map_err(PlatformError::failed("read the quarantine"))?;
        let bytes = vault::open_bytes(&sealed, &arrival.key, &arrival.context)
            .map_err(PlatformError::failed("open the quarantine"))?;
        drop(sealed);
        let agreed = permit
            .agreed_columns(&contract.id)
            .into_iter()
            .flatten()
            .map(|(name, column)| {
                (name.clone(), ingest::AgreedColumn { treatment: column.treatment, clause: column.clause.clone() })
            })
            .collect::<BTreeMap<_, _>>();
        let workbook = (contract.file.format == Format::Xlsx).then(|| {
            WorkbookReader::new(self.settings().workbook_program.clone(), [crate::WORKBOOK_COMMAND.to_owned()])
        });
        let geography = state.geography()?;
        let pseudonymiser = self.keys().pseudonyms(contract, self.catalog())?;
        let request = CleanRequest {
            contract,
            agreed: &agreed,
            gazetteer: &geography.gazetteer,
            pseudonymiser: &pseudonymiser,
            period,
            limits: &self.settings().limits.ingest(),
            opt_outs: &BTreeSet::new(),
            file_name: None,
            workbook: workbook.as_ref(),
        };
        ingest::clean(&bytes, &request).map_err(refused)
    }

    fn write_table(&self, cleaned: &Cleaned, identity: TableIdentity) -> Result<(ObjectRef, String), PlatformError> {
        let schema = cleaned.batch.schema();
        let name = ObjectName::new(ObjectKind::Table, identity.version);
        let (keys, wrapped) = TableKeys::generate(self.keys().vault(), identity, &schema, &mut OsEntropy)
            .map_err(PlatformError::failed("make the keys of a table"))?;
        let mut writer = self.store().writer(name).map_err(PlatformError::failed("write a table"))?;
        vault::write_table(&mut writer, &schema, [cleaned.batch.clone()], &keys)
            .map_err(PlatformError::failed("write a table"))?;
        let object = writer.commit().map_err(PlatformError::failed("write a table"))?;
        let text = serde_json::to_string(&wrapped).map_err(PlatformError::failed("write the keys of a table"))?;
        Ok((object, text))
    }

    fn write_findings(&self, findings: &Findings, version: Uuid) -> Result<(ObjectRef, String), PlatformError> {
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

    fn read_findings(&self, version: &DatasetVersion) -> Result<Findings, PlatformError> {
        let Some((object, wrapped)) = &version.facts.findings else { return Ok(Findings::default()) };
        let context = findings_context(version.facts.id);
        let wrapped = serde_json::from_str(wrapped).map_err(PlatformError::failed("read a key"))?;
        let key = self.keys().vault().unwrap_key(&wrapped, &context).map_err(PlatformError::failed("open findings"))?;
        let sealed = self.store().read(object).map_err(PlatformError::failed("read findings"))?;
        let plain = vault::open_bytes(&sealed, &key, &context).map_err(PlatformError::failed("open findings"))?;
        serde_json::from_slice(&plain).map_err(PlatformError::failed("read findings"))
    }

    fn receipt(&self, version: &DatasetVersion, created: bool) -> Result<UploadReceipt, PlatformError> {
        let facts = &version.facts;
        let jobs = self.catalog().jobs(None).map_err(PlatformError::failed("read jobs"))?;
        let job = jobs.iter().rev().find(|job| job.facts.version == Some(facts.id));
        let publication = job.map_or_else(
            || "none".to_owned(),
            |job| match &job.message {
                Some(message) => format!("{}: {message}", job.state.as_str()),
                None => job.state.as_str().to_owned(),
            },
        );
        Ok(UploadReceipt {
            dataset: facts.dataset.clone(),
            period: facts.period.to_string(),
            version: facts.id,
            revision: version.revision,
            created,
            received_at: facts.received_at,
            findings: self.read_findings(version)?,
            publication,
        })
    }

    fn current(&self, dataset: &DatasetId, period: Period) -> Result<Option<DatasetVersion>, PlatformError> {
        let current = self
            .catalog()
            .versions(Some(dataset), Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
        Ok(current.into_iter().find(|version| version.facts.period == period))
    }

    /// The partition of a dataset that a short name such as `2025-Q1` means.
    ///
    /// # Errors
    /// If the dataset is unknown, or the name is none of its kind of period.
    pub fn partition(&self, dataset: &DatasetId, name: &str) -> Result<Period, PlatformError> {
        let state = self.state();
        let contract = state.definitions.contract(dataset).ok_or_else(|| unknown(dataset))?;
        Ok(Period::parse_name(name, contract.partition)?)
    }
}

fn unknown(dataset: &DatasetId) -> PlatformError {
    PlatformError::NotFound { what: format!("dataset `{dataset}`") }
}

fn parse_period(contract: &DatasetContract, text: &str) -> Result<Period, PlatformError> {
    Period::parse(text, contract.partition).map_err(|error| PlatformError::BadParameter {
        parameter: "period",
        problem: format!("{error}; a file of `{}` covers one {}", contract.id, contract.partition),
    })
}

/// Suppliers apply opt-outs before they send; each file they send says so anew.
fn supplier_opt_out(contract: &DatasetContract, now: Timestamp) -> OptOutEvidence {
    OptOutEvidence { dataset: contract.id.clone(), scheme: NATIONAL_OPT_OUT.to_owned(), applied_at: now }
}

/// The scheme that agreements name for NHS data.
pub(crate) const NATIONAL_OPT_OUT: &str = "national-data-opt-out";

fn named_upload(request: &UploadRequest, body: Digest) -> Result<Option<Upload>, PlatformError> {
    let key = request.idempotency_key.as_deref().map(str::parse::<IdempotencyKey>).transpose();
    let key =
        key.map_err(|error| PlatformError::BadParameter { parameter: "idempotency-key", problem: error.to_string() })?;
    Ok(key.map(|key| Upload { key, body }))
}

fn conflict(request: &UploadRequest) -> impl FnOnce(catalog::CatalogError) -> PlatformError + '_ {
    move |error| match (&error, &request.idempotency_key) {
        (catalog::CatalogError::Conflict { .. }, Some(key)) => PlatformError::IdempotencyConflict { key: key.clone() },
        _ => PlatformError::failed("record a version")(error),
    }
}

fn findings_context(version: Uuid) -> Context {
    Context::new("findings").with(version.as_bytes())
}

fn refused(error: IngestError) -> PlatformError {
    let findings = error.findings().cloned().map(Box::new);
    PlatformError::Refused { reason: crate::error::causes(&error), findings }
}
