//! Intake: one file of one period of a dataset, from an encrypted quarantine to an encrypted table, or nothing at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use agreements::{Denial, Ingest, Permit, Request, decide};
use catalog::{
    DatasetVersion, IdempotencyKey, ObjectKind, ObjectName, ObjectRef, OptOutDeclaration, Upload, VersionFacts,
    VersionStatus,
};
use ingest::{CleanRequest, Cleaned, IngestError, WorkbookReader};
use jiff::Timestamp;
use model::contract::{DatasetContract, Format};
use model::{DatasetId, Digest, Period, PeriodType};
use sha2::Digest as _;
use uuid::Uuid;
use vault::{Context, OsEntropy, SealWriter, TableIdentity, TableKeys};
use zeroize::Zeroizing;

use crate::budget::Share;
use crate::caller::Caller;
use crate::error::PlatformError;
use crate::opt_outs;
use crate::platform::Platform;
use crate::receipt::UploadReceipt;
use crate::staging::Prepared;
use crate::state::{State, digest_of};

/// How compressed files begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// How long an upload waits for memory that other uploads use.
const MEMORY_WAIT: Duration = Duration::from_secs(60);
/// Seconds for what comes after cleaning: writing the table, waiting for others to be recorded.
const STORING_SECONDS: u64 = 60;

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
    /// Whether the caller says that there was nothing to report in the period.
    pub empty: bool,
    /// When the caller says that opt-outs were applied: an instant, or a day in UTC.
    pub opt_outs_applied: Option<String>,
    /// Whether the caller says that the file corrects what is held of the period. Without that, other content is refused.
    pub corrects: bool,
}

/// One upload that is allowed.
pub(crate) struct Intake<'a> {
    pub(crate) contract: &'a DatasetContract,
    pub(crate) period: Period,
    pub(crate) request: &'a UploadRequest,
    caller: &'a Caller,
    permit: &'a Permit<Ingest>,
    pub(crate) opt_outs: Option<OptOutDeclaration>,
    pub(crate) work_id: Uuid,
}

/// What reading a file came to: it is known already, or there is a version to keep.
enum Taken {
    Known(Box<UploadReceipt>),
    New(Box<Prepared>),
}

struct Arrival {
    object: ObjectRef,
    /// How long the file is.
    bytes: u64,
    /// Whether it begins as gzip does.
    compressed: bool,
    key: vault::DataKey,
    context: Context,
    digest: Digest,
}

impl Platform {
    /// Takes a file in. When this returns `Ok`, the version and its findings survive a power cut. When it returns an error,
    /// nothing of the file is left, unless the error says that it may be stored: sent again under its key, it is not stored twice.
    ///
    /// # Errors
    /// See [`PlatformError`]: not allowed, not the declared digest, over a limit, or refused by its contract.
    pub fn upload(
        &self,
        caller: &Caller,
        request: &UploadRequest,
        file: impl Read,
    ) -> Result<UploadReceipt, PlatformError> {
        // What is wrong whichever dataset is meant comes first: then it says nothing about one.
        let applied = opt_outs::parse(request.opt_outs_applied.as_deref(), self.now())?;
        let state = self.state();
        let contract = self.known_contract(&state, caller, &request.dataset)?;
        let period = parse_period(contract, &request.period);
        // Whether somebody may upload comes before what is wrong with the period.
        let permit = self.permit_ingest(&state, caller, contract, period.as_ref().ok().copied(), applied)?;
        let period = period?;
        let declared = |by| applied.map(|applied_at| OptOutDeclaration { applied_at, declared_by: by });
        let work_id = Uuid::now_v7();
        let intake = Intake {
            contract,
            period,
            request,
            caller,
            permit: &permit,
            opt_outs: caller.principal.organisation.clone().and_then(declared),
            work_id,
        };
        self.record_intent(caller, &permit, &request.dataset, work_id)?;
        let taken = self.receive(file).and_then(|arrival| {
            let taken = self.take_in(&state, &intake, &arrival);
            self.clear(&arrival);
            taken
        });
        let outcome = taken.and_then(|taken| match taken {
            Taken::Known(receipt) => Ok(*receipt),
            Taken::New(prepared) => self.keep(*prepared, &intake),
        });
        self.record_end(work_id, &outcome);
        outcome
    }

    /// How many seconds an upload may take after its last byte has come.
    #[must_use]
    pub fn seconds_after_arrival(&self) -> u64 {
        MEMORY_WAIT.as_secs() + self.settings().limits.ingest_seconds + STORING_SECONDS
    }

    /// A stored version, for the organisation that supplied it.
    ///
    /// # Errors
    /// If there is none, or the caller may not know of it.
    pub fn version(&self, caller: &Caller, dataset: &DatasetId, version: &str) -> Result<UploadReceipt, PlatformError> {
        let missing = || PlatformError::NotFound { what: "this version".to_owned() };
        let state = self.state();
        let contract = self.known_contract(&state, caller, dataset)?;
        // Nothing is taken in, so nothing need be declared anew.
        let _permit = self.permit_ingest(&state, caller, contract, None, Some(self.now()))?;
        let id = Uuid::parse_str(version).map_err(|_| missing())?;
        let version = self.catalog().version(id).map_err(PlatformError::failed("read a version"))?;
        let acknowledged = |v: &DatasetVersion| v.facts.dataset == *dataset && v.status != VersionStatus::Staged;
        self.receipt(&version.filter(acknowledged).ok_or_else(missing)?, false)
    }

    /// The contract of a dataset. Without a credential there is none: nothing about datasets is public. A guess at a name
    /// is recorded as a refusal is, so that neither the answer nor its time tells whether the dataset exists.
    fn known_contract<'s>(
        &self,
        state: &'s State,
        caller: &Caller,
        dataset: &DatasetId,
    ) -> Result<&'s DatasetContract, PlatformError> {
        // Nobody sends what is counted over others.
        let contract = state.definitions.contract(dataset).filter(|of| of.links.is_none() && !caller.is_public());
        contract.ok_or_else(|| self.unregistered(caller, audit::Work::Ingest, dataset.as_str(), unknown(dataset)))
    }

    fn permit_ingest(
        &self,
        state: &State,
        caller: &Caller,
        contract: &DatasetContract,
        period: Option<Period>,
        opt_outs_applied: Option<Timestamp>,
    ) -> Result<Permit<Ingest>, PlatformError> {
        self.decide_ingest(state, caller, contract, period, opt_outs_applied).map_err(|denial| match denial {
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
        opt_outs_applied: Option<Timestamp>,
    ) -> Result<Permit<Ingest>, Option<Denial>> {
        let now = self.now();
        // A credential may name several purposes; intake needs one that the agreements cover.
        let mut denial: Option<Denial> = None;
        for purpose in &caller.principal.purposes {
            let governing = state.snapshot.governing(&contract.id, now);
            let by = caller.principal.organisation.as_ref();
            let request = Request {
                period,
                opt_outs: opt_outs::declared(&state.snapshot, &governing, by, opt_outs_applied),
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

    /// Whether what was decided before the file came still holds: the credential, and every agreement that the permit names.
    /// What another agreement would allow by now was not what the file was read by.
    pub(crate) fn still_allowed(&self, intake: &Intake<'_>) -> Result<(), PlatformError> {
        let caller = intake.caller;
        self.refresh_agreements()?;
        self.refresh_revocations()?;
        let state = self.state();
        if !self.in_force(caller) {
            return Err(PlatformError::Unauthenticated);
        }
        if intake.permit.is_valid(&state.snapshot, self.now()) {
            return Ok(());
        }
        let applied = intake.opt_outs.as_ref().map(|declared| declared.applied_at);
        // If something denies now, that is the answer.
        let _other = self.permit_ingest(&state, caller, intake.contract, Some(intake.period), applied)?;
        let reason = "the agreements changed while the file was read: nothing was stored; send it again".to_owned();
        Err(PlatformError::Unavailable { reason })
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
        let mut start: Vec<u8> = Vec::with_capacity(GZIP.len());
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(PlatformError::Stalled),
                Err(error) => return Err(PlatformError::failed("read the upload")(error)),
            };
            let chunk = buffer.get(..count).unwrap_or_default();
            total += u64::try_from(count).unwrap_or(u64::MAX);
            if total > limit {
                return Err(PlatformError::TooLarge { limit_bytes: limit });
            }
            start.extend(chunk.iter().take(GZIP.len() - start.len()));
            hasher.update(chunk);
            sealed.write_all(chunk).map_err(PlatformError::failed("write to the quarantine"))?;
        }
        let writer = sealed.finish().map_err(PlatformError::failed("encrypt an upload"))?;
        let object = writer.commit().map_err(PlatformError::failed("write to the quarantine"))?;
        let digest = Digest(hasher.finalize().into());
        Ok(Arrival { object, bytes: total, compressed: start == GZIP, key, context, digest })
    }

    /// Removes a file from the quarantine. What became of it stands by now: if this fails, the next start removes it.
    fn clear(&self, arrival: &Arrival) {
        if let Err(error) = self.quarantine().remove(arrival.object.name) {
            let causes = crate::error::causes(&error);
            tracing::warn!(causes, "an upload stays in the quarantine, encrypted, until the next start");
        }
    }

    fn take_in(&self, state: &State, intake: &Intake<'_>, arrival: &Arrival) -> Result<Taken, PlatformError> {
        let Intake { contract, period, request, permit, .. } = *intake;
        if request.digest.is_some_and(|declared| declared != arrival.digest) {
            return Err(PlatformError::DigestMismatch);
        }
        let upload = named_upload(request, self.keys().keyed_digest(&arrival.digest.0)?)?;
        let agreements: BTreeSet<Digest> = permit.agreements().keys().copied().collect();
        let file = self.content_digest(state, contract, &agreements, arrival.digest)?;
        if let Some(known) = self.known_file(intake, upload.as_ref(), file)? {
            return Ok(Taken::Known(Box::new(known)));
        }
        self.overlaps_no_other(&contract.id, period)?;
        let memory = self.memory_for(contract, arrival)?;
        let cleaned = self.clean(state, intake, arrival, &memory)?;
        let version = Uuid::now_v7();
        let identity = TableIdentity { dataset: contract.id.clone(), version, agreements: agreements.clone() };
        let content = self.content_digest(state, contract, &agreements, cleaned.content)?;
        let records = self.keys().keyed_digest(&digest_of([b"records".as_slice(), &cleaned.content.0]).0)?;
        let placing = self.placing_text(state, contract)?;
        let (table, keys) = self.write_table(&cleaned, identity)?;
        let findings = self.write_findings(&cleaned.findings, version).inspect_err(|_| {
            // Nothing names it. Where it cannot be removed either, the next start sets it aside.
            let _ = self.store().remove(table.name);
        })?;
        let facts = VersionFacts {
            id: version,
            dataset: contract.id.clone(),
            period,
            content,
            records: Some(records),
            file: Some(file),
            schema: cleaned.schema_hash,
            agreements,
            table,
            findings: Some(findings),
            placing,
            received_at: self.now(),
            upload,
            opt_outs: intake.opt_outs.clone(),
        };
        Ok(Taken::New(Box::new(Prepared { facts, keys, findings: cleaned.findings })))
    }

    /// Refuses a period that shares months with another that is stored, as where a contract asks for months by now and had quarters: the
    /// same records would count twice.
    fn overlaps_no_other(&self, dataset: &DatasetId, period: Period) -> Result<(), PlatformError> {
        let current = self.current_versions(dataset)?;
        let mut others = current.iter().map(|version| version.facts.period).filter(|other| *other != period);
        match others.find(|other| other.overlaps(period)) {
            Some(other) => Err(PlatformError::BadParameter {
                parameter: "period",
                problem: format!("`{other}` is stored, and it shares months with `{period}`: withdraw it first"),
            }),
            None => Ok(()),
        }
    }

    /// A share of the memory of all uploads, for what a file may become when it is decompressed.
    fn memory_for(&self, contract: &DatasetContract, arrival: &Arrival) -> Result<Share<'_>, PlatformError> {
        let compressed = arrival.compressed || contract.file.format == Format::Xlsx;
        let limits = self.settings().limits.ingest();
        let becomes = if compressed { limits.greatest_inflated(arrival.bytes) } else { 0 };
        self.upload_memory().take(arrival.bytes.saturating_add(becomes), MEMORY_WAIT).ok_or_else(|| {
            let reason = "other uploads are being read: nothing was stored; send it again in a minute".to_owned();
            PlatformError::Unavailable { reason }
        })
    }

    fn clean(
        &self,
        state: &State,
        intake: &Intake<'_>,
        arrival: &Arrival,
        _memory: &Share<'_>,
    ) -> Result<Cleaned, PlatformError> {
        let Intake { contract, period, request, permit, .. } = *intake;
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
            empty: request.empty,
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

pub(crate) fn parse_period(contract: &DatasetContract, text: &str) -> Result<Period, PlatformError> {
    Period::parse(text, contract.partition).map_err(|error| PlatformError::BadParameter {
        parameter: "period",
        problem: match PeriodType::ALL.iter().find_map(|of| Period::parse(text, *of).ok()) {
            Some(other) => format!(
                "a file of `{}` covers one {}, and `{text}` is a {}: {} begins with {}",
                contract.id,
                contract.partition,
                other.period_type(),
                other.label(),
                contract.partition.containing(other.start())
            ),
            None => format!("{error}; a file of `{}` covers one {}", contract.id, contract.partition),
        },
    })
}

fn named_upload(request: &UploadRequest, body: Digest) -> Result<Option<Upload>, PlatformError> {
    let key = request.idempotency_key.as_deref().map(str::parse::<IdempotencyKey>).transpose();
    let key =
        key.map_err(|error| PlatformError::BadParameter { parameter: "idempotency-key", problem: error.to_string() })?;
    Ok(key.map(|key| Upload { key, body }))
}

/// An idempotency key that was used for something else, or a catalogue that failed.
pub(crate) fn conflict(upload: Option<&Upload>) -> impl FnOnce(catalog::CatalogError) -> PlatformError + '_ {
    move |error| match (&error, upload) {
        (catalog::CatalogError::Conflict { .. }, Some(upload)) => {
            PlatformError::IdempotencyConflict { key: upload.key.as_str().to_owned() }
        }
        _ => PlatformError::failed("record a version")(error),
    }
}

/// A file that does not fit, or a table that could not be made of one that does: that is no fault of the file.
fn refused(error: IngestError) -> PlatformError {
    if matches!(error, IngestError::Table { .. }) {
        return PlatformError::failed("make a table of the file")(error);
    }
    let findings = error.findings().cloned().map(Box::new);
    PlatformError::Refused { reason: crate::error::causes(&error), findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What fails here is not answered as a fault of the file.
    #[test]
    fn a_table_that_cannot_be_made_is_no_refusal() {
        let source = Box::new(std::io::Error::other("out of luck"));
        let ours = refused(IngestError::Table { operation: "building the table", source });
        assert!(matches!(ours, PlatformError::Failed { .. }), "{ours:?}");
        let theirs = refused(IngestError::Compressed);
        assert!(matches!(theirs, PlatformError::Refused { .. }), "{theirs:?}");
    }
}
