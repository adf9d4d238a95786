//! One try at publishing a group: what is tabulated, and what it stands on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use agreements::{Governing, Snapshot};
use catalog::{DatasetVersion, VersionFacts};
use disclosure::{CellId, Unreleased};
use engine::{EngineError, GroupRequest, Permits, StoredTable};
use geography::Gazetteer;
use jiff::Timestamp;
use model::contract::DatasetContract;
use model::{AreaType, Digest, Period};
use vault::{TableIdentity, TableKeys};

use super::allowed::Allowed;
use super::audit::views_on;
use super::basis::{Basis, Partition, boundary_years, digest_of_areas};
use super::noise::{self, Grammar};
use super::placing::Located;
use super::residents::{bounds, in_use, known_upper};
use crate::definitions::check;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;
use crate::state::{State, digest_of};

/// One try: some versions, and everything that the agreements allow of them.
pub(super) struct Attempt<'a> {
    pub(super) state: &'a State,
    pub(super) contract: &'a DatasetContract,
    pub(super) versions: &'a [DatasetVersion],
    pub(super) allowed: &'a Allowed,
    pub(super) request: GroupRequest,
    pub(super) basis: Basis,
    /// Names what it has to show, if a revision was asked for.
    pub(super) agreed: Option<Digest>,
}

impl Attempt<'_> {
    /// Digest over everything that its tables depend on.
    pub(super) const fn revision(&self) -> Digest {
        self.basis.revision
    }
}

impl Platform {
    /// What will be tabulated, and what it will stand on.
    pub(super) fn prepare<'a>(
        &self,
        state: &'a State,
        contract: &'a DatasetContract,
        versions: &'a [DatasetVersion],
        allowed: &'a Allowed,
        last: Option<&Basis>,
    ) -> Result<Attempt<'a>, PlatformError> {
        let unrelated = check::unrelated(allowed.definitions.indicators_on(&contract.id), contract);
        if let Some(reason) = unrelated.filter(|_| !allowed.open()) {
            return Err(PlatformError::Unpublishable { reason });
        }
        let geography = state.geography()?;
        let mut partitions: Vec<Partition> = versions.iter().map(Partition::of).collect();
        partitions.sort_unstable_by_key(|partition| partition.period);
        let periods: Vec<Period> = partitions.iter().map(|partition| partition.period).collect();
        let tables = requests::tables(
            &allowed.definitions,
            &geography.gazetteer,
            contract,
            &periods,
            last.map(|last| last.tables.as_slice()).unwrap_or_default(),
        )?;
        let known_upper = if bounds(contract) && !allowed.open() && allowed.noise.is_none() {
            known_upper(state, contract, &tables)?
        } else {
            BTreeMap::new()
        };
        let bounds = digest_of_bounds(&known_upper)?;
        let revision = revision(geography.digest, contract, &partitions, allowed, bounds)?;
        let names: BTreeSet<&str> = contract.dimensions().into_iter().chain(contract.measures()).collect();
        let sensitive = allowed.primary.sensitive.iter().filter(|name| names.contains(name.as_str()));
        let terms = requests::Terms {
            exposure: allowed.exposure.clone(),
            revision,
            sensitive: sensitive.cloned().collect(),
            known_upper,
        };
        let request = requests::group_request(contract, terms, &periods, tables)?;
        let policy = rules(allowed)?;
        let registered = Grammar::of(contract).filter(|_| allowed.noise.is_some());
        let grammar = match (registered, last.and_then(|last| last.grammar.as_ref())) {
            (Some(registered), Some(before)) => Some(registered.after(before)),
            (registered, _) => registered.map(Ok),
        };
        let grammar = grammar
            .transpose()
            .map_err(|why| PlatformError::Unpublishable { reason: format!("of `{}`, {why}", contract.id) })?;
        let basis = Basis {
            revision,
            policy: digest_of(policy.iter().map(Vec::as_slice)),
            geography: geography.digest,
            boundary_years: boundary_years(&geography.gazetteer),
            located: Located::of_partitions(contract, &geography.gazetteer, versions)?,
            open: allowed.open(),
            partitions,
            views: views_on(&allowed.definitions, &contract.id),
            sensitive: request.sensitive.clone(),
            bounds,
            areas: areas_of(&request, grammar.as_ref(), &geography.gazetteer),
            grammar,
            linked: None,
            parts: request.parts.clone(),
            partners: partners(&request),
            tables: Basis::registrations(&request, last),
        };
        if let Some(why) = last.and_then(|last| last.cannot_become(&basis)) {
            return Err(PlatformError::Unpublishable { reason: format!("of `{}`, {why}", contract.id) });
        }
        Ok(Attempt { state, contract, versions, allowed, request, basis, agreed: None })
    }

    pub(super) fn tabulate(&self, attempt: &Attempt<'_>) -> Result<Unreleased, PlatformError> {
        let snapshot = &attempt.state.snapshot;
        let tables = self.stored_tables(snapshot, attempt.versions)?;
        let limits = self.settings().limits.engine(&engine::Stop::new());
        let permits = Permits { of: &attempt.allowed.permits, snapshot, now: self.now() };
        self.in_query_engine(|| self.common().tabulate(&permits, &tables, &attempt.request, &limits))
    }

    /// Waits for work of the query engine.
    pub(super) fn in_query_engine<T: Send, F>(&self, work: impl FnOnce() -> F + Send) -> Result<T, PlatformError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let work = || -> Result<T, PlatformError> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(PlatformError::failed("start the query engine"))?;
            runtime.block_on(work()).map_err(|error| match error {
                // It would be the same another time.
                EngineError::TimedOut { seconds } => PlatformError::TimedOut { seconds },
                EngineError::Stopped => PlatformError::Unavailable { reason: error.to_string() },
                error if error.is_lasting() => PlatformError::Unpublishable { reason: error.to_string() },
                error => PlatformError::failed("tabulate a dataset")(error),
            })
        };
        // Its own thread: the caller may be inside another runtime.
        std::thread::scope(|scope| scope.spawn(work).join())
            .unwrap_or_else(|_| Err(PlatformError::Unavailable { reason: "the query engine stopped".to_owned() }))
    }

    /// The files of some versions, under the agreements as they are now, each compared with its digest.
    pub(super) fn stored_tables(
        &self,
        snapshot: &Snapshot,
        versions: &[DatasetVersion],
    ) -> Result<Vec<StoredTable>, PlatformError> {
        let checked = |facts: &VersionFacts| {
            self.store().checked_path(&facts.table).map_err(PlatformError::failed("find a table"))
        };
        self.stored_tables_at(snapshot, versions, checked)
    }

    /// The same of what was published from, not compared with digests each time that a table is asked for: every page that is read is
    /// authenticated under a key of its version, and what is in memory is not read.
    pub(super) fn published_tables(
        &self,
        snapshot: &Snapshot,
        versions: &[DatasetVersion],
    ) -> Result<Vec<StoredTable>, PlatformError> {
        self.stored_tables_at(snapshot, versions, |facts| Ok(self.store().path(facts.table.name)))
    }

    fn stored_tables_at(
        &self,
        snapshot: &Snapshot,
        versions: &[DatasetVersion],
        path: impl Fn(&VersionFacts) -> Result<PathBuf, PlatformError>,
    ) -> Result<Vec<StoredTable>, PlatformError> {
        let now = self.now();
        let table = |version: &DatasetVersion| {
            let mut table = self.stored_table(version, path(&version.facts)?)?;
            // A version of an agreement may stand in the place of the one that the data came under.
            let bound = Governing { dataset: version.facts.dataset.clone(), agreements: table.agreements };
            table.agreements = snapshot.rebound(&bound, now).agreements;
            Ok(table)
        };
        versions.iter().map(table).collect()
    }

    fn stored_table(&self, version: &DatasetVersion, path: PathBuf) -> Result<StoredTable, PlatformError> {
        let facts = &version.facts;
        let destroyed = || PlatformError::Unpublishable {
            reason: format!("the keys of a version of `{}` are destroyed", facts.dataset),
        };
        let wrapped = version.table_keys.as_deref().ok_or_else(destroyed)?;
        let wrapped = serde_json::from_str(wrapped).map_err(PlatformError::failed("read the keys of a table"))?;
        let identity =
            TableIdentity { dataset: facts.dataset.clone(), version: facts.id, agreements: facts.agreements.clone() };
        let keys = TableKeys::unwrap(self.keys().vault(), &wrapped, identity, None)
            .map_err(PlatformError::failed("open the keys of a table"))?;
        // The reader would take a plain file too.
        let mut file = std::fs::File::open(&path).map_err(PlatformError::failed("open a table"))?;
        vault::require_encrypted(&mut file).map_err(PlatformError::failed("open a table"))?;
        Ok(StoredTable {
            path,
            decryption: keys.decryption_properties().map_err(PlatformError::failed("open a table"))?,
            agreements: facts.agreements.clone(),
        })
    }
}

/// What the areas of every type of a request and of what is registered beside it are made of.
fn areas_of(request: &GroupRequest, grammar: Option<&Grammar>, gazetteer: &Gazetteer) -> BTreeMap<AreaType, Digest> {
    let mut types = noise::area_types(grammar);
    types.extend(request.tables.iter().map(|table| table.areas.area_type));
    types.into_iter().map(|area_type| (area_type, digest_of_areas(gazetteer, area_type))).collect()
}

/// The partners of a request, in the order of their numbers.
fn partners(request: &GroupRequest) -> Vec<String> {
    let names = request.partner.as_ref().and_then(|name| request.classifications.get(name));
    names.cloned().unwrap_or_default()
}

/// Everything that the agreements ask for before anything is shown.
fn rules(allowed: &Allowed) -> Result<Vec<Vec<u8>>, PlatformError> {
    let write = PlatformError::failed::<serde_json::Error>;
    let policy = serde_json::to_vec(&allowed.policy).map_err(write("write a policy"))?;
    let primary = serde_json::to_vec(&allowed.primary).map_err(write("write primary rules"))?;
    let noise = allowed.noise.map(|noise| serde_json::to_vec(&noise).map_err(write("write the noise"))).transpose()?;
    Ok([policy, primary].into_iter().chain(noise).collect())
}

fn digest_of_bounds(known_upper: &BTreeMap<CellId, u64>) -> Result<Option<Digest>, PlatformError> {
    if known_upper.is_empty() {
        return Ok(None);
    }
    let known_upper: Vec<(&CellId, &u64)> = known_upper.iter().collect();
    let text = serde_json::to_vec(&known_upper).map_err(PlatformError::failed("write what is known"))?;
    Ok(Some(digest_of([text.as_slice()])))
}

/// Digest over what is defined on a dataset and under which terms, whatever its data and geography.
pub(super) fn definitions_of(allowed: &Allowed, contract: &DatasetContract) -> Result<Digest, PlatformError> {
    let write = PlatformError::failed::<serde_json::Error>;
    let mut parts = vec![serde_json::to_vec(contract).map_err(write("write a contract"))?];
    parts.extend(rules(allowed)?);
    for indicator in allowed.definitions.indicators_on(&contract.id) {
        parts.push(serde_json::to_vec(indicator).map_err(write("write an indicator"))?);
    }
    Ok(digest_of(parts.iter().map(Vec::as_slice)))
}

/// Digest over everything that a group's tables depend on.
fn revision(
    geography: Digest,
    contract: &DatasetContract,
    partitions: &[Partition],
    allowed: &Allowed,
    bounds: Option<Digest>,
) -> Result<Digest, PlatformError> {
    let write = PlatformError::failed::<serde_json::Error>;
    let parts = [
        definitions_of(allowed, contract)?.0.to_vec(),
        bounds.map_or_else(Vec::new, |bounds| bounds.0.to_vec()),
        serde_json::to_vec(&allowed.exposure).map_err(write("write an exposure"))?,
        geography.0.to_vec(),
        serde_json::to_vec(partitions).map_err(write("write a partition"))?,
    ];
    Ok(digest_of(parts.iter().map(Vec::as_slice)))
}

/// Digest over everything that may make a group publish something else than it does: what is asked of it, before the
/// agreements were, where these stand at the moment, and which figures of residents are in use.
pub(super) fn target(
    state: &State,
    contract: &DatasetContract,
    versions: &[DatasetVersion],
    now: Timestamp,
) -> Result<Digest, PlatformError> {
    let write = PlatformError::failed::<serde_json::Error>;
    let mut parts = vec![
        serde_json::to_vec(contract).map_err(write("write a contract"))?,
        state.geography()?.digest.0.to_vec(),
        state.snapshot.epoch().digest().0.to_vec(),
    ];
    for indicator in state.definitions.indicators_on(&contract.id) {
        parts.push(serde_json::to_vec(indicator).map_err(write("write an indicator"))?);
    }
    for agreement in state.snapshot.agreements().filter(|agreement| agreement.dataset(&contract.id).is_some()) {
        let status = state.snapshot.status(&agreement.digest(), now);
        parts.push(status.map_or_else(Vec::new, |status| format!("{} {status}", agreement.digest()).into_bytes()));
    }
    parts.extend(versions.iter().map(|version| version.facts.id.as_bytes().to_vec()));
    let others = state.definitions.residents().is_some_and(|residents| residents.id != contract.id);
    parts.extend(in_use(state).filter(|_| others).map(|figures| figures.0.to_vec()));
    Ok(digest_of(parts.iter().map(Vec::as_slice)))
}
