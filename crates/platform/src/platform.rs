//! The platform: one data folder, opened by one process.

mod threads;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, RwLock};

use audit::AuditLog;
use catalog::{Catalog, DataFolder, ObjectName, ObjectStore, SqliteCatalog};
use disclosure::Judged;
use engine::CommonDataSet;
use jiff::Timestamp;
use model::{DatasetId, DefinitionError, Digest};
use vault::{FileKey, OsEntropy, Vault};

use self::threads::Wake;
use crate::access::Accesses;
use crate::agreement_reload;
use crate::belonging;
use crate::budget::Budget;
use crate::calendar::Calendar;
use crate::error::PlatformError;
use crate::keys::Keys;
use crate::publish::Recorded;
use crate::readiness::Loading;
use crate::settings::Settings;
use crate::state::{self, State};

/// One data folder and everything that is done with it. Cheap to clone.
#[derive(Clone)]
pub struct Platform(Arc<Inner>);

/// What was judged of registrations with noise: what is refused stays so.
type Judgements = BTreeMap<Digest, Result<Arc<Judged>, String>>;

struct Inner {
    settings: Settings,
    catalog: Box<dyn Catalog>,
    store: ObjectStore,
    quarantine: ObjectStore,
    audit: AuditLog,
    keys: Keys,
    accesses: Accesses,
    loading: Loading,
    state: RwLock<Arc<State>>,
    /// What the audit log says.
    recorded: Mutex<Recorded>,
    agreements: agreement_reload::Watch,
    calendar: Calendar,
    /// Held while a group is planned and published: there is one publisher.
    publishing: Mutex<()>,
    publishing_failed: AtomicBool,
    /// Held while somebody decides about a publication that waits, and while an approved one is released.
    deciding: Mutex<()>,
    /// Stored columns in memory.
    common: CommonDataSet,
    /// What was judged of registrations with noise, by a digest of them.
    judgements: Mutex<Judgements>,
    /// Of datasets with noise, a digest of what they were last found to be protected under.
    protected: Mutex<BTreeMap<DatasetId, Digest>>,
    /// Memory for the files that are being read.
    uploads: Budget,
    /// Memory for the tables that are being answered.
    tables: Budget,
    /// Held while a version is staged, recorded and made current.
    staging: Mutex<()>,
    /// Held while an answer is put on record.
    answering: Mutex<()>,
    /// Held while requests to revoke keys are carried out.
    revoking: Mutex<()>,
    /// Held while credentials are read again: an older list may not replace a newer one.
    credentials: Mutex<()>,
    wake: (Mutex<Wake>, Condvar),
    // The last field: the folder's lock is given up after everything else.
    folder: DataFolder,
}

/// Whether there is a data folder here, with its catalogue.
#[must_use]
pub fn exists(data: &Path) -> bool {
    data.join("VERSION").exists() && data.join(catalog::CATALOG).exists()
}

impl Platform {
    /// Makes a data folder and its master key, or binds it to a key file that is there already. What was cut short is
    /// finished. This alone makes a catalogue.
    ///
    /// # Errors
    /// If the folder exists already or lost its catalogue, the key file is not one, or either cannot be written.
    pub fn create(settings: &Settings) -> Result<(), PlatformError> {
        if exists(&settings.data) {
            return Err(PlatformError::Folder(format!(
                "`{}` is a data folder already: use it as it is, or name another with `--data`",
                settings.data.display()
            )));
        }
        if let Some(parent) = settings.key_file.parent() {
            std::fs::create_dir_all(parent).map_err(PlatformError::failed("make the folder of the key file"))?;
        }
        // A key without a folder is harmless; a folder whose key could not be written would not be.
        let key = if settings.key_file.exists() {
            FileKey::open(&settings.key_file, &settings.data)
                .map_err(PlatformError::failed("open the master key that `--key-file` names"))?
        } else {
            FileKey::create(&settings.key_file, &settings.data, &mut OsEntropy)
                .map_err(PlatformError::failed("make the master key"))?
        };
        let folder =
            DataFolder::open_or_create(&settings.data).map_err(PlatformError::failed("make the data folder"))?;
        belonging::nothing_stored(&folder)?;
        let catalog = SqliteCatalog::create(&folder.catalog()).map_err(PlatformError::failed("make the catalogue"))?;
        Keys::load(Vault::new(Arc::new(key)), &catalog, settings, true).map(drop)
    }

    /// Opens a data folder and loads it: [`Platform::attach`], then [`Platform::load`].
    ///
    /// # Errors
    /// As those two.
    pub fn open(settings: Settings) -> Result<(Self, Vec<DefinitionError>), PlatformError> {
        let (platform, problems) = Self::attach(settings)?;
        platform.load()?;
        platform.loaded();
        Ok((platform, problems))
    }

    /// Takes a data folder, and says what is wrong in definitions and agreements; what is wrong is closed, the rest works.
    /// Nothing answers before [`Platform::load`] has ended and [`Platform::loaded`] says so.
    ///
    /// # Errors
    /// If another process has it, the key is another one, its catalogue is missing or does not belong to its audit log, or
    /// the register of agreements cannot be read.
    pub fn attach(settings: Settings) -> Result<(Self, Vec<DefinitionError>), PlatformError> {
        Self::attach_over(settings, |catalog| Box::new(catalog))
    }

    /// The same over what `catalogue` makes of the folder's own.
    pub(crate) fn attach_over(
        settings: Settings,
        catalogue: impl FnOnce(SqliteCatalog) -> Box<dyn Catalog>,
    ) -> Result<(Self, Vec<DefinitionError>), PlatformError> {
        let folder = DataFolder::open(&settings.data).map_err(PlatformError::failed("open the data folder"))?;
        let key = FileKey::open(&settings.key_file, &settings.data)
            .map_err(PlatformError::failed("open the master key that `--key-file` names"))?;
        belonging::catalogue_is_there(&folder)?;
        let catalog = SqliteCatalog::open(&folder.catalog()).map_err(PlatformError::failed("open the catalogue"))?;
        let catalog = catalogue(catalog);
        let recorded = Recorded::read(&folder.audit()).map_err(PlatformError::failed("read the audit log"))?;
        // Before anything is made or removed: what follows trusts the catalogue to name all that is stored.
        belonging::together(&folder, catalog.as_ref(), &recorded)?;
        let store = ObjectStore::open(&folder.objects()).map_err(PlatformError::failed("open the object store"))?;
        let quarantine =
            ObjectStore::open(&folder.quarantine()).map_err(PlatformError::failed("open the quarantine"))?;
        let (audit, _) = AuditLog::open_folder(&folder.audit(), audit::Options::default())
            .map_err(PlatformError::failed("open the audit log"))?;
        let agreements = agreement_reload::Watch::new(&settings.agreements);
        let keys = Keys::load(Vault::new(Arc::new(key)), catalog.as_ref(), &settings, recorded.is_empty())?;
        let seen = agreement_reload::seen_events(catalog.as_ref())?;
        let (definitions, registry, problems) =
            state::load_definitions(&settings.contracts, &settings.indicators, &settings.agreements, &seen)?;
        let state = State {
            snapshot: registry.snapshot().clone(),
            definitions: Arc::new(definitions),
            geography: None,
            credentials: Arc::default(),
            unaccepted: 0,
            released: std::collections::BTreeMap::new(),
            out: std::collections::BTreeMap::new(),
            distrusted: std::collections::BTreeMap::new(),
            cubes: std::collections::BTreeMap::new(),
        };
        let uploads = Budget::new(settings.limits.uploads_bytes);
        let tables = Budget::new(settings.limits.tables_bytes);
        let common = CommonDataSet::new(settings.limits.common_data_bytes);
        let now = settings.clock.now();
        let calendar = Calendar::new(&state.snapshot, now);
        let platform = Self(Arc::new(Inner {
            settings,
            catalog,
            store,
            quarantine,
            audit,
            keys,
            accesses: Accesses::new(now),
            loading: Loading::default(),
            state: RwLock::new(Arc::new(state)),
            recorded: Mutex::new(recorded),
            agreements,
            calendar,
            publishing: Mutex::new(()),
            publishing_failed: AtomicBool::new(false),
            deciding: Mutex::new(()),
            common,
            judgements: Mutex::default(),
            protected: Mutex::default(),
            uploads,
            tables,
            staging: Mutex::new(()),
            answering: Mutex::new(()),
            revoking: Mutex::new(()),
            credentials: Mutex::new(()),
            wake: (Mutex::new(Wake::default()), Condvar::new()),
            folder,
        }));
        Ok((platform, problems))
    }

    /// Clears what an interrupted run left and reads what is published into memory.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn load(&self) -> Result<(), PlatformError> {
        self.record(audit::Entry::Started { version: env!("CARGO_PKG_VERSION").parse()? })?;
        self.record_agreement_changes(&self.state().snapshot)?;
        self.clear_quarantine()?;
        self.settle_staged()?;
        self.finish_withdrawals()?;
        self.end_interrupted()?;
        self.set_aside_unreferenced()?;
        self.remove_what_was_set_aside()?;
        self.catalog().requeue_jobs(self.now()).map_err(PlatformError::failed("requeue jobs"))?;
        self.read_credentials()?;
        self.now_loading("reading the geography");
        self.load_geography()?;
        self.now_loading("restoring what is published");
        self.restore_published()
    }

    /// Reads who may ask, and nothing of what is published: enough to make, list and revoke keys.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn load_credentials(&self) -> Result<(), PlatformError> {
        self.record(audit::Entry::Started { version: env!("CARGO_PKG_VERSION").parse()? })?;
        self.record_agreement_changes(&self.state().snapshot)?;
        self.read_credentials()
    }

    fn read_credentials(&self) -> Result<(), PlatformError> {
        self.finish_revocations()?;
        self.reload_credentials()?;
        self.refresh_revocations()
    }

    pub(crate) fn loading_state(&self) -> &Loading {
        &self.0.loading
    }

    pub(crate) fn audit_log(&self) -> &AuditLog {
        &self.0.audit
    }

    /// How many threads work side by side on what is published, or on many files of one caller.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.settings().limits.publish_threads.clamp(1, 64)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn catalog(&self) -> &dyn Catalog {
        self.0.catalog.as_ref()
    }

    pub(crate) fn store(&self) -> &ObjectStore {
        &self.0.store
    }

    pub(crate) fn quarantine(&self) -> &ObjectStore {
        &self.0.quarantine
    }

    pub(crate) fn common(&self) -> &CommonDataSet {
        &self.0.common
    }

    pub(crate) fn judgements(&self) -> std::sync::MutexGuard<'_, Judgements> {
        self.0.judgements.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn protected(&self) -> std::sync::MutexGuard<'_, BTreeMap<DatasetId, Digest>> {
        self.0.protected.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(crate) fn accesses(&self) -> &Accesses {
        &self.0.accesses
    }

    /// The time by the platform's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.settings().clock.now()
    }

    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.0.state.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Replaces the state by a changed copy; readers see all of the change or none.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        let mut current = self.0.state.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut next = State::clone(&current);
        change(&mut next);
        *current = Arc::new(next);
    }

    pub(crate) fn upload_memory(&self) -> &Budget {
        &self.0.uploads
    }

    pub(crate) fn table_memory(&self) -> &Budget {
        &self.0.tables
    }

    pub(crate) fn staging(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0.staging.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn answering(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0.answering.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn revoking(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0.revoking.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn revocations_folder(&self) -> std::path::PathBuf {
        self.0.folder.revocations()
    }

    pub(crate) fn audit_folder(&self) -> std::path::PathBuf {
        self.0.folder.audit()
    }

    pub(crate) fn publishing(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0.publishing.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Unless somebody publishes at this moment.
    pub(crate) fn try_publishing(&self) -> Option<std::sync::MutexGuard<'_, ()>> {
        match self.0.publishing.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn deciding(&self) -> std::sync::MutexGuard<'_, ()> {
        self.0.deciding.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Makes an entry of the audit log durable.
    pub(crate) fn record(&self, entry: audit::Entry) -> Result<(), PlatformError> {
        self.record_numbered(entry).map(drop)
    }

    /// The same, and gives the number of the record.
    pub(crate) fn record_numbered(&self, entry: audit::Entry) -> Result<audit::Receipt, PlatformError> {
        let now = self.now();
        let receipt = self.0.audit.append(entry.clone(), now).map_err(|error| {
            tracing::error!(causes = crate::error::causes(&error), "the audit log cannot be written");
            PlatformError::Unavailable { reason: "the audit log cannot be written".to_owned() }
        })?;
        self.recorded().note_at(&entry, now);
        Ok(receipt)
    }

    /// What the audit log says.
    pub(crate) fn recorded(&self) -> std::sync::MutexGuard<'_, Recorded> {
        self.0.recorded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn calendar(&self) -> &Calendar {
        &self.0.calendar
    }

    pub(crate) fn watch(&self) -> &agreement_reload::Watch {
        &self.0.agreements
    }

    pub(crate) fn reload_credentials(&self) -> Result<(), PlatformError> {
        let _one_at_a_time = self.0.credentials.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let all = self.catalog().credentials().map_err(PlatformError::failed("read credentials"))?;
        let (mut by_id, mut unaccepted) = (std::collections::BTreeMap::new(), 0);
        for credential in all {
            if self.keys().credential_mac(&credential)? == credential.mac {
                by_id.insert(credential.id.to_string(), credential);
            } else {
                unaccepted += 1;
                tracing::error!(
                    credential = credential.id.as_str(),
                    "a credential's record was changed outside the service: it is not accepted"
                );
            }
        }
        self.change(|state| (state.credentials, state.unaccepted) = (Arc::new(by_id), unaccepted));
        Ok(())
    }

    /// What an interrupted upload left: it was never acknowledged.
    fn clear_quarantine(&self) -> Result<(), PlatformError> {
        for name in self.quarantine().names().map_err(PlatformError::failed("list the quarantine"))? {
            self.quarantine().remove(name).map_err(PlatformError::failed("clear the quarantine"))?;
        }
        Ok(())
    }

    /// Objects that no record names: an upload was cut short between writing and recording, or catalogue and audit log are
    /// of an earlier day. They are kept for a while, as somebody may put the right ones back. What the audit log names stays.
    fn set_aside_unreferenced(&self) -> Result<(), PlatformError> {
        let versions = self.catalog().versions(None, None).map_err(PlatformError::failed("read versions"))?;
        let findings =
            versions.iter().filter_map(|version| version.facts.findings.as_ref()).map(|(object, _)| object.name);
        let mut named: BTreeSet<ObjectName> =
            versions.iter().map(|version| version.facts.table.name).chain(findings).collect();
        named.extend(self.geography_object()?);
        let is_named = |name: ObjectName| named.contains(&name) || self.recorded().has_version(name.id());
        let aside = self.0.folder.set_aside();
        // What was set aside under an older catalogue is named by the right one.
        let back = aside.take_back(self.store(), is_named);
        for name in back.map_err(PlatformError::failed("take back what was set aside"))? {
            tracing::warn!(object = %name, "this object is named again: it is taken back");
        }
        let stored = self.store().names().map_err(PlatformError::failed("list the objects"))?;
        let stored: BTreeSet<ObjectName> = stored.into_iter().collect();
        for name in named.difference(&stored) {
            tracing::error!(object = %name, "this object is missing: put it back from a backup, or send its file with a change");
        }
        for name in stored {
            if !is_named(name) {
                match self.set_aside(name) {
                    Ok(()) => tracing::warn!(object = %name, "nothing names this object: it is set aside"),
                    Err(error) => {
                        tracing::warn!(object = %name, causes = crate::error::causes(&error), "nothing names this object, and it stays");
                    }
                }
            }
        }
        Ok(())
    }

    /// Removes what has been aside for its time; what is named was taken back first.
    fn remove_what_was_set_aside(&self) -> Result<(), PlatformError> {
        let days = jiff::Span::new().days(self.settings().limits.set_aside_days);
        let removed = self.0.folder.set_aside().remove_before(self.today().saturating_sub(days));
        match removed.map_err(PlatformError::failed("remove what was set aside"))? {
            0 => {}
            days => tracing::info!(days, "what was set aside is removed after its time"),
        }
        Ok(())
    }

    pub(crate) fn set_aside(&self, name: ObjectName) -> Result<(), PlatformError> {
        let kept = self.0.folder.set_aside().keep(self.store(), name, self.today());
        kept.map(drop).map_err(PlatformError::failed("set an object aside"))
    }

    fn today(&self) -> jiff::civil::Date {
        self.now().to_zoned(jiff::tz::TimeZone::UTC).date()
    }
}
