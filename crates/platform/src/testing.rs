//! For tests: a small partnership in a folder of its own, over a catalogue that can be made to fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use agreements::{EventKind, demo};
use catalog::{
    Catalog, CatalogError, Commit, Credential, DatasetVersion, Job, JobOutcome, JobState, LedgerEntry, NewJob,
    SqliteCatalog, Upload, VersionFacts, VersionStatus,
};
use jiff::Timestamp;
use model::{DatasetId, Label};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{Clock, Limits, Platform, Settings, UploadRequest};

type Result<T> = std::result::Result<T, CatalogError>;

/// The operations that fail; one with `!` after its name stops on a defect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<BTreeSet<&'static str>>>);

impl Faults {
    pub(crate) fn set(&self, operations: &[&'static str]) {
        *self.0.lock().unwrap() = operations.iter().copied().collect();
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        let faults = self.0.lock().unwrap().clone();
        assert!(!faults.iter().any(|fault| fault.strip_suffix('!') == Some(operation)), "a planted defect");
        if faults.contains(operation) { Err(CatalogError::Poisoned) } else { Ok(()) }
    }

    fn has(&self, fault: &'static str) -> bool {
        self.0.lock().unwrap().contains(fault)
    }
}

struct Failing {
    inner: SqliteCatalog,
    faults: Faults,
}

impl Catalog for Failing {
    fn find_upload(&self, dataset: &DatasetId, upload: &Upload) -> Result<Option<DatasetVersion>> {
        self.inner.find_upload(dataset, upload)
    }

    fn record_upload(&self, id: Uuid, upload: &Upload) -> Result<()> {
        self.inner.record_upload(id, upload)
    }

    fn commit_version(
        &self,
        facts: VersionFacts,
        table_keys: &str,
        status: VersionStatus,
        job: Option<NewJob>,
    ) -> Result<Commit> {
        self.faults.check("commit_version")?;
        self.inner.commit_version(facts, table_keys, status, job)
    }

    fn discard_version(&self, id: Uuid) -> Result<()> {
        self.inner.discard_version(id)
    }

    fn change_version(&self, id: Uuid, to: VersionStatus, job: Option<NewJob>) -> Result<DatasetVersion> {
        self.faults.check("change_version")?;
        self.inner.change_version(id, to, job)
    }

    fn replace_table_keys(&self, id: Uuid, keys: Option<&str>) -> Result<()> {
        self.inner.replace_table_keys(id, keys)
    }

    fn version(&self, id: Uuid) -> Result<Option<DatasetVersion>> {
        self.faults.check("version")?;
        if self.faults.has("first version damaged") && self.inner.versions(None, None)?[0].facts.id == id {
            return Err(CatalogError::Damaged {
                what: "dataset version",
                id: id.to_string(),
                reason: "a planted fault",
            });
        }
        self.inner.version(id)
    }

    fn versions(&self, dataset: Option<&DatasetId>, status: Option<VersionStatus>) -> Result<Vec<DatasetVersion>> {
        self.faults.check(if dataset.is_some() { "versions of one" } else { "versions of all" })?;
        self.inner.versions(dataset, status)
    }

    fn enqueue(&self, job: NewJob) -> Result<()> {
        self.faults.check("enqueue")?;
        self.inner.enqueue(job)
    }

    fn claim_job(&self, now: Timestamp) -> Result<Option<Job>> {
        self.faults.check("claim_job")?;
        self.inner.claim_job(now)
    }

    fn finish_job(&self, id: Uuid, outcome: JobOutcome, now: Timestamp) -> Result<()> {
        self.faults.check("finish_job")?;
        self.inner.finish_job(id, outcome, now)
    }

    fn requeue_jobs(&self, now: Timestamp) -> Result<u64> {
        if !self.inner.jobs(Some(JobState::Running))?.is_empty() {
            self.faults.check("requeue_jobs of a run")?;
        }
        self.inner.requeue_jobs(now)
    }

    fn jobs(&self, state: Option<JobState>) -> Result<Vec<Job>> {
        self.inner.jobs(state)
    }

    fn append_ledger(&self, entry: &LedgerEntry) -> Result<()> {
        self.inner.append_ledger(entry)
    }

    fn ledger(&self, group: &Label, after: u64) -> Result<Vec<LedgerEntry>> {
        self.faults.check("ledger")?;
        self.inner.ledger(group, after)
    }

    fn ledger_groups(&self) -> Result<Vec<Label>> {
        self.inner.ledger_groups()
    }

    fn add_credential(&self, credential: &Credential) -> Result<()> {
        self.inner.add_credential(credential)
    }

    fn revoke_credential(&self, id: &Label, now: Timestamp) -> Result<()> {
        self.faults.check("revoke_credential")?;
        if self.faults.has("no credentials") {
            return Err(CatalogError::NotFound { what: "credential", id: id.to_string() });
        }
        self.inner.revoke_credential(id, now)
    }

    fn credentials(&self) -> Result<Vec<Credential>> {
        let mut credentials = self.inner.credentials()?;
        if self.faults.has("no credentials") {
            credentials.clear();
        }
        for credential in &mut credentials {
            if self.faults.has("credentials not revoked") {
                credential.revoked_at = None;
            }
            if self.faults.has("credentials changed") {
                credential.role = "operator".parse().unwrap();
            }
        }
        Ok(credentials)
    }

    fn setting(&self, name: &Label) -> Result<Option<String>> {
        self.inner.setting(name)
    }

    fn replace_setting(&self, name: &Label, expected: Option<&str>, value: &str) -> Result<()> {
        self.inner.replace_setting(name, expected, value)
    }
}

/// The sample's geography, agreements and contracts, some of its indicators, and nothing taken in yet.
pub(crate) struct Small {
    pub(crate) folder: TempDir,
    pub(crate) faults: Faults,
    pub(crate) limits: Limits,
    /// How many days its clock is ahead.
    pub(crate) days: Arc<AtomicI64>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

impl Small {
    pub(crate) const FIRES: &str = "lancashire-fire-and-rescue.incidents";

    /// With the indicator on fires.
    pub(crate) fn new() -> Self {
        Self::of(&["deliberate-fires"])
    }

    /// With these indicators.
    pub(crate) fn of(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&root().join("sharing-agreements"), &folder.path().join("agreements"));
        let indicators = folder.path().join("indicators");
        std::fs::create_dir_all(&indicators).unwrap();
        for name in names {
            let name = format!("{name}.toml");
            std::fs::copy(root().join("sample-data/indicators").join(&name), indicators.join(&name)).unwrap();
        }
        let small = Self { folder, faults: Faults::default(), limits: Limits::default(), days: Arc::default() };
        Platform::create(&small.settings()).unwrap();
        crate::keys::Keys::fix(&small.settings(), &[Self::FIRES]);
        small
    }

    /// Its indicators as counts, without the denominators that only a whole sample has.
    pub(crate) fn without_denominator(self) -> Self {
        for entry in std::fs::read_dir(self.indicators()).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let (before, denominator) = text.split_once("[denominator]").unwrap();
            let views = denominator.split_once("[[view]]").unwrap().1;
            let text = format!("{before}[[view]]{views}").replace("type = \"crude-rate\"", "type = \"count\"");
            let line = |line: &str| {
                if line.starts_with("multiplier = ") { "multiplier = 1\n".to_owned() } else { format!("{line}\n") }
            };
            std::fs::write(path, text.lines().map(line).collect::<String>()).unwrap();
        }
        self
    }

    /// The agreements, which may be changed.
    pub(crate) fn agreements(&self) -> PathBuf {
        self.folder.path().join("agreements")
    }

    /// The sample's agreement with another text in the place of one, signed anew.
    pub(crate) fn amend(&self, agreement: &str, from: &str, to: &str) {
        let (name, events) = (format!("{agreement}.toml"), format!("{agreement}.events.toml"));
        let text = std::fs::read_to_string(root().join("sharing-agreements").join(&name)).unwrap();
        let amended = text.replacen(from, to, 1);
        assert_ne!(amended, text, "{from}");
        let at = "2022-12-12T10:00:00Z".parse().unwrap();
        let text = demo::sign(&name, &amended, "illustrative signatory", at).unwrap();
        let digest = agreements::agreement_digest(&name, &text).unwrap();
        let by = "csr-partnership".parse().unwrap();
        let event = demo::event(EventKind::Signed, "2022-12-15T09:00:00Z".parse().unwrap(), &by, "", digest, digest);
        std::fs::write(self.agreements().join(name), text).unwrap();
        std::fs::write(self.agreements().join(events), event.to_toml()).unwrap();
    }

    /// What becomes of one of the sample's agreements at this moment.
    pub(crate) fn happens(&self, agreement: &str, kind: EventKind) {
        let read = |name: &str| std::fs::read_to_string(self.agreements().join(name)).unwrap();
        let (name, events) = (format!("{agreement}.toml"), format!("{agreement}.events.toml"));
        let files = [&name, &events, &"partnership.toml".to_owned()]
            .map(|name| agreements::SourceFile { name: name.clone(), content: read(name).into_bytes() });
        let registry = agreements::Registry::load(&files, &[]).unwrap();
        let digest = agreements::agreement_digest(&name, &read(&name)).unwrap();
        let known = registry.snapshot().agreement(&digest).unwrap().clone();
        let previous = registry.snapshot().events(&digest).unwrap().head(&known);
        let now = Timestamp::from_second(self.settings().clock.now().as_second()).unwrap();
        let control = &known.document().control;
        let may = if kind == EventKind::Resumed { &control.resume } else { &control.suspend };
        let by = may.iter().next().unwrap().clone();
        let event = demo::event(kind, now, &by, "a test", digest, previous);
        std::fs::write(self.agreements().join(&events), format!("{}\n{}", read(&events), event.to_toml())).unwrap();
    }

    /// A later version of one of the sample's agreements with another text in the place of one.
    pub(crate) fn renegotiate(&self, agreement: &str, from: &str, to: &str) {
        let name = format!("{agreement}.toml");
        let text = std::fs::read_to_string(self.agreements().join(&name)).unwrap();
        let before = agreements::agreement_digest(&name, &text).unwrap();
        let later = text.replacen(from, to, 1);
        assert_ne!(later, text, "{from}");
        let later = later.replacen("version = 1\n", &format!("version = 2\nsupersedes = \"{before}\"\n"), 1);
        let at = "2022-12-12T10:00:00Z".parse().unwrap();
        let later = demo::sign(&name, &later, "illustrative signatory", at).unwrap();
        let digest = agreements::agreement_digest(&name, &later).unwrap();
        let by = "csr-partnership".parse().unwrap();
        let now = Timestamp::from_second(self.settings().clock.now().as_second()).unwrap();
        let event = demo::event(EventKind::Signed, now, &by, "", digest, digest);
        std::fs::write(self.agreements().join(format!("{agreement}-2.toml")), later).unwrap();
        std::fs::write(self.agreements().join(format!("{agreement}-2.events.toml")), event.to_toml()).unwrap();
    }

    /// The sample's contracts, unless the test has its own.
    fn contracts(&self) -> PathBuf {
        let own = self.folder.path().join("contracts");
        if own.exists() { own } else { root().join("sample-data/contracts") }
    }

    /// The sample's contracts with another text in the place of one.
    pub(crate) fn describe(&self, contract: &str, from: &str, to: &str) {
        let own = self.folder.path().join("contracts");
        if !own.exists() {
            copy(&root().join("sample-data/contracts"), &own);
        }
        let path = own.join(format!("{contract}.toml"));
        let text = std::fs::read_to_string(&path).unwrap();
        let described = text.replacen(from, to, 1);
        assert_ne!(described, text, "{from}");
        std::fs::write(path, described).unwrap();
    }

    /// The indicators, which may be changed.
    pub(crate) fn indicators(&self) -> PathBuf {
        self.folder.path().join("indicators")
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings {
            data: self.folder.path().join("data"),
            key_file: self.folder.path().join("data.key"),
            agreements: self.agreements(),
            contracts: self.contracts(),
            indicators: self.indicators(),
            workbook_program: PathBuf::new(),
            limits: self.limits.clone(),
            clock: {
                let days = Arc::clone(&self.days);
                Clock::of(move || Clock::system().now() + jiff::SignedDuration::from_hours(24 * days.load(Relaxed)))
            },
        }
    }

    /// Opened; the geography imported if it is not yet.
    pub(crate) fn open(&self) -> Platform {
        let faults = self.faults.clone();
        let over = |inner| -> Box<dyn Catalog> { Box::new(Failing { inner, faults }) };
        let (platform, problems) = Platform::attach_over(self.settings(), over).unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        platform.load().unwrap();
        let manifest = root().join("sample-data/geography/geography.toml");
        if platform.state().geography.is_none() {
            platform.import_geography(&manifest, None).unwrap();
        }
        platform.loaded();
        platform
    }

    /// Takes a quarter of fires in.
    pub(crate) fn upload(platform: &Platform, quarter: u8) -> crate::UploadReceipt {
        Self::try_upload(platform, quarter).unwrap()
    }

    /// The same, where it may fail.
    pub(crate) fn try_upload(
        platform: &Platform,
        quarter: u8,
    ) -> std::result::Result<crate::UploadReceipt, crate::PlatformError> {
        let caller = platform.local_officer(&Self::FIRES.parse().unwrap()).unwrap();
        Self::send(platform, &caller, quarter, None)
    }

    /// The same by somebody, under a key.
    pub(crate) fn send(
        platform: &Platform,
        caller: &crate::Caller,
        quarter: u8,
        key: Option<&str>,
    ) -> std::result::Result<crate::UploadReceipt, crate::PlatformError> {
        let file = Self::sample(Self::FIRES, &format!("2025-Q{quarter}"));
        let period = format!("2025-{:02}-01/P3M", (quarter - 1) * 3 + 1);
        let request = UploadRequest { idempotency_key: key.map(str::to_owned), ..Self::request(Self::FIRES, &period) };
        platform.upload(caller, &request, file.as_slice())
    }

    /// A file of the sample.
    pub(crate) fn sample(dataset: &str, stem: &str) -> Vec<u8> {
        let name = format!("partners/{}/{stem}.csv.gz", dataset.replace('.', "/"));
        std::fs::read(root().join("sample-data").join(name)).unwrap()
    }

    /// A quarter of fires without its last lines.
    pub(crate) fn without(quarter: u8, dropped: usize) -> Vec<u8> {
        let packed = Self::sample(Self::FIRES, &format!("2025-Q{quarter}"));
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut text).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}\n", lines[..lines.len() - dropped].join("\n")).into_bytes()
    }

    /// Takes a file in from its supplier.
    pub(crate) fn take_in(platform: &Platform, dataset: &str, period: &str, file: &[u8]) -> crate::UploadReceipt {
        let caller = platform.local_officer(&dataset.parse().unwrap()).unwrap();
        let opt_outs_applied = Some(platform.now().to_string());
        let request = UploadRequest { opt_outs_applied, ..Self::request(dataset, period) };
        platform.upload(&caller, &request, file).unwrap()
    }

    fn request(dataset: &str, period: &str) -> UploadRequest {
        UploadRequest {
            dataset: dataset.parse().unwrap(),
            period: period.to_owned(),
            idempotency_key: None,
            digest: None,
            empty: false,
            corrects: true,
            opt_outs_applied: None,
        }
    }

    /// How far the publication of a version has come, as its supplier reads it.
    pub(crate) fn publication(platform: &Platform, receipt: &crate::UploadReceipt) -> String {
        let caller = platform.local_officer(&receipt.dataset).unwrap();
        platform.version(&caller, &receipt.dataset, &receipt.version.to_string()).unwrap().publication
    }
}
