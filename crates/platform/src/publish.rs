//! Publishing: from the current partitions of a dataset, through the gate, to published tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use agreements::{Derive, Governing, Level, Method, Permit, Principal, Release, Request, Role, Terms, Zeros, decide};
use catalog::{DatasetVersion, Job, JobOutcome, JobReason, LedgerEntry, NewJob, VersionStatus};
use disclosure::{
    AuditPort, AuthenticatedEntry, DurableReceipt, GroupTables, LedgerPort, LedgerState, OpenSource, PlanError, Policy,
    PortError, ReleaseRecord, Released, Rounding, SealedEntry, StepBudget, Unreleased, ZeroPolicy,
};
use engine::StoredTable;
use model::contract::DatasetContract;
use model::indicator::Indicator;
use model::{DatasetId, Digest, Exposure, Label, Period, ViewId};
use uuid::Uuid;
use vault::{Context, OsEntropy, TableIdentity, TableKeys};

use crate::cube::{self, Basis, Cube, DenominatorPeriods, DenominatorRule, Layout, TableArea};
use crate::definitions::Definitions;
use crate::error::{PlatformError, causes};
use crate::opt_outs;
use crate::platform::Platform;
use crate::requests;
use crate::state::{GroupCells, State, digest_of};

/// Of 1,000 zeros, how many are hidden where an agreement says that zeros disclose.
const HIDDEN_ZEROS_PER_THOUSAND: u16 = 250;
/// The budget of a second, thorough search, in steps.
const THOROUGH: StepBudget = StepBudget { free_search: 6_000, paid_search: 6_000 };
/// How often a job is tried before it is given up.
const ATTEMPTS: u32 = 3;

/// What publishing came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Datasets whose tables are published anew.
    pub published: Vec<DatasetId>,
    /// What could not be published, in words; what was published before stays.
    pub failures: Vec<String>,
}

impl fmt::Display for PublishReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.published.as_slice() {
            [] => write!(f, "published nothing new")?,
            datasets => {
                let names: Vec<&str> = datasets.iter().map(DatasetId::as_str).collect();
                write!(f, "published {}", names.join(", "))?;
            }
        }
        self.failures.iter().try_for_each(|failure| write!(f, "\nnot published: {failure}"))
    }
}

/// What one dataset may publish: the indicators that the agreements allow, and the strictest terms.
struct Allowed {
    permit: Permit<Derive>,
    definitions: Definitions,
    policy: Policy,
}

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
            datasets.extend(self.state().definitions.contracts().map(|contract| contract.id.clone()));
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

    fn dataset_of(&self, job: &Job) -> Result<Option<DatasetId>, PlatformError> {
        let Some(version) = job.facts.version else { return Ok(None) };
        let version = self.catalog().version(version).map_err(PlatformError::failed("read a version"))?;
        Ok(version.map(|version| version.facts.dataset))
    }

    fn finish(&self, job: &Job, outcome: JobOutcome) -> Result<(), PlatformError> {
        self.catalog().finish_job(job.facts.id, outcome, self.now()).map_err(PlatformError::failed("end a job"))
    }

    fn settle(
        &self,
        outcomes: BTreeMap<DatasetId, Result<GroupCells, PlatformError>>,
        jobs: &mut BTreeMap<DatasetId, Vec<Job>>,
    ) -> Result<PublishReport, PlatformError> {
        let mut report = PublishReport::default();
        let (mut fresh, mut failed) = (BTreeMap::new(), BTreeMap::new());
        for (dataset, outcome) in outcomes {
            match outcome {
                Ok(cells) => {
                    report.published.push(dataset.clone());
                    fresh.insert(dataset, cells);
                }
                Err(error) => {
                    tracing::error!(dataset = dataset.as_str(), causes = causes(&error), "not published");
                    report.failures.push(format!("{dataset}: {}", public_reason(&error)));
                    failed.insert(dataset, error);
                }
            }
        }
        // A job is done when readers see what it made.
        self.swap(fresh)?;
        for (dataset, jobs) in std::mem::take(jobs) {
            for job in jobs {
                self.finish(&job, outcome_of(&job, failed.get(&dataset)))?;
            }
        }
        Ok(report)
    }

    /// Several groups at once, each by one thread.
    fn publish_datasets(
        &self,
        datasets: &BTreeSet<DatasetId>,
        done: &mut (dyn FnMut(&DatasetId) + Send),
    ) -> BTreeMap<DatasetId, Result<GroupCells, PlatformError>> {
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

    /// Tabulates one dataset's group and takes it through the gate.
    fn publish_group(&self, dataset: &DatasetId) -> Result<GroupCells, PlatformError> {
        let state = self.state();
        let contract = contract(&state, dataset)?;
        let versions = self.current_versions(dataset)?;
        let allowed = self.allowed(&state, contract, &versions)?;
        let revision = self.revision(&state, contract, &versions, &allowed.policy)?;
        let work_id = Uuid::now_v7();
        self.record(audit::Entry::Intent {
            work_id,
            work: audit::Work::Publish,
            actor: None,
            purpose: Some(allowed.permit.purpose().clone()),
            datasets: BTreeSet::from([dataset.clone()]),
            agreements: allowed.permit.agreements().keys().copied().collect(),
            epoch: allowed.permit.epoch().digest(),
        })?;
        let unreleased = self.tabulate(&state, contract, &versions, &allowed, revision)?;
        let mut audit = Audit {
            platform: self,
            work_id,
            views: views_on(&allowed.definitions, dataset),
            agreements: agreements_of(&versions),
        };
        let released = match &contract.exposure {
            Exposure::Open { source, licence } => {
                audit.record_open(dataset)?;
                let open = OpenSource { source: source.clone(), licence: licence.clone() };
                unreleased.release_open(&open).map_err(PlatformError::failed("release open data"))?
            }
            Exposure::Controlled => self.protect(dataset, &unreleased, &allowed.policy, &mut audit)?,
        };
        self.remember_revision(dataset, revision)?;
        Ok(Arc::new(released))
    }

    fn protect(
        &self,
        dataset: &DatasetId,
        unreleased: &Unreleased,
        policy: &Policy,
        audit: &mut Audit<'_>,
    ) -> Result<Released<GroupTables>, PlatformError> {
        let group = requests::group_of(dataset)?;
        let entries = self.ledger_entries(dataset)?;
        let past = LedgerState::decode(group, &entries).map_err(PlatformError::failed("read the ledger"))?;
        let key = self.keys().plan_key(dataset)?;
        let plan = disclosure::plan(&past, unreleased, policy, &key).or_else(|error| match error {
            // What was decided before leaves less room: a witness is there, but further to seek.
            PlanError::Unprovable { .. } => {
                let policy = Policy { budget: THOROUGH, ..policy.clone() };
                disclosure::plan(&past, unreleased, &policy, &key)
            }
            other => Err(other),
        });
        let plan = plan.map_err(PlatformError::failed("plan what is released"))?;
        let mut ledger = Ledger { platform: self, dataset, next: u64::try_from(entries.len()).unwrap_or(u64::MAX) + 1 };
        let receipt = DurableReceipt::obtain(&plan, &mut ledger, audit, self.now().as_second())
            .map_err(PlatformError::failed("record a release"))?;
        disclosure::commit(plan, receipt).map_err(PlatformError::failed("release"))
    }

    fn tabulate(
        &self,
        state: &State,
        contract: &DatasetContract,
        versions: &[DatasetVersion],
        allowed: &Allowed,
        revision: Digest,
    ) -> Result<Unreleased, PlatformError> {
        let periods: Vec<Period> = versions.iter().map(|version| version.facts.period).collect();
        let gazetteer = &state.geography()?.gazetteer;
        let request = requests::group_request(&allowed.definitions, gazetteer, contract, &periods, revision)?;
        let tables = versions.iter().map(|version| self.stored_table(version)).collect::<Result<Vec<_>, _>>()?;
        let limits = self.settings().limits.engine();
        let work = || -> Result<Unreleased, PlatformError> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(PlatformError::failed("start the query engine"))?;
            runtime
                .block_on(engine::tabulate(&allowed.permit, &tables, &request, &limits))
                .map_err(PlatformError::failed("tabulate a dataset"))
        };
        // Its own thread: the caller may be inside another runtime.
        std::thread::scope(|scope| scope.spawn(work).join())
            .unwrap_or_else(|_| Err(PlatformError::Unavailable { reason: "the query engine stopped".to_owned() }))
    }

    fn stored_table(&self, version: &DatasetVersion) -> Result<StoredTable, PlatformError> {
        let facts = &version.facts;
        let destroyed = || PlatformError::Unavailable {
            reason: format!("the keys of a version of `{}` are destroyed", facts.dataset),
        };
        let wrapped = version.table_keys.as_deref().ok_or_else(destroyed)?;
        let wrapped = serde_json::from_str(wrapped).map_err(PlatformError::failed("read the keys of a table"))?;
        let identity =
            TableIdentity { dataset: facts.dataset.clone(), version: facts.id, agreements: facts.agreements.clone() };
        let keys = TableKeys::unwrap(self.keys().vault(), &wrapped, identity, None)
            .map_err(PlatformError::failed("open the keys of a table"))?;
        let path = self.store().checked_path(&facts.table).map_err(PlatformError::failed("find a table"))?;
        // The reader would take a plain file too.
        let mut file = std::fs::File::open(&path).map_err(PlatformError::failed("open a table"))?;
        vault::require_encrypted(&mut file).map_err(PlatformError::failed("open a table"))?;
        Ok(StoredTable {
            path,
            decryption: keys.decryption_properties().map_err(PlatformError::failed("open a table"))?,
        })
    }

    pub(crate) fn current_versions(&self, dataset: &DatasetId) -> Result<Vec<DatasetVersion>, PlatformError> {
        let versions = self
            .catalog()
            .versions(Some(dataset), Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
        if versions.is_empty() {
            return Err(PlatformError::Unavailable { reason: format!("`{dataset}` has no data yet") });
        }
        Ok(versions)
    }

    /// Which indicators the agreements let a dataset publish, and under which terms. An indicator that is not allowed is
    /// left out; if none is left, nothing is tabulated.
    fn allowed(
        &self,
        state: &State,
        contract: &DatasetContract,
        versions: &[DatasetVersion],
    ) -> Result<Allowed, PlatformError> {
        let now = self.now();
        let operator = operator(state);
        let governing = Governing { dataset: contract.id.clone(), agreements: agreements_of(versions) };
        let opt_outs = opt_outs::of_versions(&state.snapshot, &governing, versions);
        let inputs = vec![governing];
        let (mut permit, mut terms, mut definitions) =
            (None, Vec::<Terms>::new(), Definitions::clone(&state.definitions));
        let mut denial = None;
        for indicator in state.definitions.indicators_on(&contract.id) {
            let request = Request::new(operator.clone(), indicator.purpose.clone(), inputs.clone())
                .with_outputs(levels(indicator))
                .with_opt_outs(opt_outs.clone())
                .for_tier(indicator.tier);
            let derive = decide::<Derive>(&state.snapshot, &request, now);
            let release = decide::<Release>(&state.snapshot, &request, now);
            match (derive, release) {
                (Ok(derive), Ok(release)) => {
                    terms.push(release.terms().clone());
                    permit.get_or_insert(derive);
                }
                (Err(refusal), _) | (_, Err(refusal)) => {
                    tracing::warn!(indicator = indicator.id.as_str(), %refusal, blockers = ?refusal.blockers, "may not be published");
                    definitions.remove(&indicator.id);
                    denial = Some(refusal);
                }
            }
        }
        match (permit, denial) {
            (Some(permit), _) => Ok(Allowed { permit, definitions, policy: policy(&terms)? }),
            (None, Some(denial)) => {
                let caller = crate::Caller { principal: operator, actor: None };
                Err(self.denied(&caller, audit::Work::Publish, contract.id.as_str(), &denial))
            }
            (None, None) => Err(PlatformError::NotFound { what: format!("an indicator on `{}`", contract.id) }),
        }
    }

    /// Digest over everything that a group's tables depend on.
    fn revision(
        &self,
        state: &State,
        contract: &DatasetContract,
        versions: &[DatasetVersion],
        policy: &Policy,
    ) -> Result<Digest, PlatformError> {
        let write = PlatformError::failed::<serde_json::Error>;
        let mut parts = vec![
            serde_json::to_vec(contract).map_err(write("write a contract"))?,
            serde_json::to_vec(policy).map_err(write("write a policy"))?,
            state.geography()?.digest.0.to_vec(),
        ];
        for indicator in state.definitions.indicators_on(&contract.id) {
            parts.push(serde_json::to_vec(indicator).map_err(write("write an indicator"))?);
        }
        for version in versions {
            parts.push(version.facts.id.as_bytes().to_vec());
            parts.extend(version.facts.agreements.iter().map(|digest| digest.0.to_vec()));
        }
        Ok(digest_of(parts.iter().map(Vec::as_slice)))
    }

    fn remember_revision(&self, dataset: &DatasetId, revision: Digest) -> Result<(), PlatformError> {
        let name = revision_setting(dataset)?;
        let before = self.catalog().setting(&name).map_err(PlatformError::failed("read a setting"))?;
        self.catalog()
            .replace_setting(&name, before.as_deref(), &revision.to_string())
            .map_err(PlatformError::failed("store a setting"))
    }

    /// After a start: what was released before, from the ledger; open data are tabulated again. A group whose definitions
    /// changed since is queued.
    pub(crate) fn restore_published(&self) -> Result<(), PlatformError> {
        let state = self.state();
        if state.geography.is_none() {
            return Ok(());
        }
        let waiting =
            self.catalog().jobs(Some(catalog::JobState::Pending)).map_err(PlatformError::failed("read jobs"))?;
        let mut pending = BTreeSet::new();
        for job in &waiting {
            pending.extend(self.dataset_of(job)?);
        }
        let mut fresh = BTreeMap::new();
        for contract in state.definitions.contracts() {
            match self.restore_group(&state, contract, pending.contains(&contract.id)) {
                Ok(Some(cells)) => {
                    fresh.insert(contract.id.clone(), cells);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(dataset = contract.id.as_str(), causes = causes(&error), "not restored");
                }
            }
        }
        self.swap(fresh)
    }

    fn restore_group(
        &self,
        state: &State,
        contract: &DatasetContract,
        pending: bool,
    ) -> Result<Option<GroupCells>, PlatformError> {
        let Ok(versions) = self.current_versions(&contract.id) else { return Ok(None) };
        if state.definitions.indicators_on(&contract.id).next().is_none() {
            return Ok(None);
        }
        let allowed = self.allowed(state, contract, &versions)?;
        let revision = self.revision(state, contract, &versions, &allowed.policy)?;
        let known = self
            .catalog()
            .setting(&revision_setting(&contract.id)?)
            .map_err(PlatformError::failed("read a setting"))?;
        let unchanged = known.as_deref() == Some(revision.to_string().as_str());
        if !unchanged && !pending {
            let reason = JobReason::DefinitionsChanged;
            let version = versions.last().map(|version| version.facts.id);
            let job = NewJob { id: Uuid::now_v7(), reason, version, created_at: self.now() };
            self.catalog().enqueue(job).map_err(PlatformError::failed("queue a job"))?;
        }
        if contract.exposure.is_open() {
            // It was released before, exactly so: publishing it again changes nothing unless something else did.
            return if unchanged { self.publish_group(&contract.id).map(Some) } else { Ok(None) };
        }
        let entries = self.ledger_entries(&contract.id)?;
        let Some(last) = entries.last() else { return Ok(None) };
        let released = disclosure::restore(last).map_err(PlatformError::failed("restore from the ledger"))?;
        Ok(Some(Arc::new(released)))
    }

    fn ledger_entries(&self, dataset: &DatasetId) -> Result<Vec<AuthenticatedEntry>, PlatformError> {
        let stored =
            self.catalog().ledger(&ledger_group(dataset)?, 0).map_err(PlatformError::failed("read the ledger"))?;
        let key = self.keys().ledger()?;
        let open = |entry: &LedgerEntry| {
            vault::open_bytes(&entry.ciphertext, &key, &ledger_context(dataset, entry.sequence))
                .map(|plain| AuthenticatedEntry::from_vault(plain.to_vec()))
                .map_err(PlatformError::failed("open the ledger"))
        };
        stored.iter().map(open).collect()
    }

    /// Puts new cells in place, and writes anew every table that stands on them; readers see all of it or none.
    fn swap(&self, fresh: BTreeMap<DatasetId, GroupCells>) -> Result<(), PlatformError> {
        if fresh.is_empty() {
            return Ok(());
        }
        let mut state = State::clone(&self.state());
        let changed: BTreeSet<DatasetId> = fresh.keys().cloned().collect();
        state.released.extend(fresh);
        let mut cubes = BTreeMap::new();
        for indicator in state.definitions.indicators() {
            if indicator.datasets().any(|dataset| changed.contains(dataset)) {
                for cube in self.cubes(&state, indicator)? {
                    cubes.insert(cube.view.clone(), Arc::new(cube));
                }
            }
        }
        self.change(|current| {
            current.released = state.released;
            current.cubes.extend(cubes);
        });
        Ok(())
    }

    /// The tables of one indicator, as far as all that they stand on is released.
    fn cubes(&self, state: &State, indicator: &Indicator) -> Result<Vec<Cube>, PlatformError> {
        let Some(numerator) = state.released.get(&indicator.numerator.dataset) else { return Ok(Vec::new()) };
        let denominator = match &indicator.denominator {
            None => None,
            Some(measure) => match state.released.get(&measure.dataset) {
                None => return Ok(Vec::new()),
                Some(cells) => Some(cells),
            },
        };
        let (mut governing, mut evidence) = (Vec::new(), Vec::new());
        for dataset in indicator.datasets() {
            let versions = self.current_versions(dataset)?;
            let stands = Governing { dataset: dataset.clone(), agreements: agreements_of(&versions) };
            evidence.extend(opt_outs::of_versions(&state.snapshot, &stands, &versions));
            governing.push(stands);
        }
        let mut cubes = Vec::new();
        for view in &indicator.views {
            let layout = self.layout(state, indicator, view)?;
            let rows = cube::rows(&layout, numerator, denominator.map(|cells| &**cells))?;
            let content = serde_json::to_vec(rows.get()).map_err(PlatformError::failed("write a table"))?;
            let definition = serde_json::to_vec(indicator).map_err(PlatformError::failed("write an indicator"))?;
            let stands: Vec<u8> = governing.iter().flat_map(|g| &g.agreements).flat_map(|digest| digest.0).collect();
            let etag = digest_of([content.as_slice(), definition.as_slice(), stands.as_slice()]);
            let etag = etag.to_string().chars().take(32).collect();
            let basis = Basis { governing: governing.clone(), opt_outs: evidence.clone(), etag };
            cubes.push(Cube { view: indicator.view_id(view)?, rows, basis });
        }
        Ok(cubes)
    }

    fn layout<'a>(
        &self,
        state: &State,
        indicator: &'a Indicator,
        view: &'a model::View,
    ) -> Result<Layout<'a>, PlatformError> {
        let contract = contract(state, &indicator.numerator.dataset)?;
        let gazetteer = &state.geography()?.gazetteer;
        let areas = gazetteer.areas(view.area_type).iter().map(|area| TableArea {
            code: area.code.clone(),
            name: area.name.clone(),
            boundary_year: area.boundary_year,
        });
        let denominator = match &indicator.denominator {
            None => None,
            Some(measure) => {
                let of = self::contract(state, &measure.dataset)?;
                Some(DenominatorRule {
                    measure: requests::measure_id(measure)?,
                    open: of.exposure.is_open(),
                    shared: of.dimensions().into_iter().map(str::to_owned).collect(),
                    periods: DenominatorPeriods::of(&contract.id, of, &self.partitions(&of.id)?),
                })
            }
        };
        Ok(Layout {
            indicator,
            view,
            measure: requests::measure_id(&indicator.numerator)?,
            areas: areas.collect(),
            periods: cube::covered(&self.partitions(&contract.id)?, view.period_type),
            categories: requests::dimensions(contract, view).into_iter().map(|d| d.categories).collect(),
            denominator,
            geography_method: geography_method(contract, gazetteer, view.area_type),
        })
    }

    fn partitions(&self, dataset: &DatasetId) -> Result<Vec<Period>, PlatformError> {
        let mut periods: Vec<Period> =
            self.current_versions(dataset)?.iter().map(|version| version.facts.period).collect();
        periods.sort_unstable();
        Ok(periods)
    }
}

fn contract<'a>(state: &'a State, dataset: &DatasetId) -> Result<&'a DatasetContract, PlatformError> {
    state
        .definitions
        .contract(dataset)
        .ok_or_else(|| PlatformError::NotFound { what: format!("the contract of `{dataset}`") })
}

/// Publishing is done by the partnership itself.
fn operator(state: &State) -> Principal {
    let register = state.snapshot.partnership();
    let purposes = register.purposes.iter().map(|purpose| purpose.id.clone());
    Principal::new(register.partnership.id.clone(), Role::Operator, purposes)
}

fn agreements_of(versions: &[DatasetVersion]) -> BTreeSet<Digest> {
    versions.iter().flat_map(|version| version.facts.agreements.iter().copied()).collect()
}

/// How fine an indicator's tables are.
pub(crate) fn levels(indicator: &Indicator) -> BTreeSet<Level> {
    indicator.views.iter().map(|view| Level::new(view.area_type, view.period_type)).collect()
}

fn views_on(definitions: &Definitions, dataset: &DatasetId) -> BTreeSet<ViewId> {
    definitions
        .indicators_on(dataset)
        .flat_map(|indicator| indicator.views.iter().filter_map(|view| indicator.view_id(view).ok()))
        .collect()
}

/// The policy of a group: the meet of all terms under which anything of it is released.
fn policy(terms: &[Terms]) -> Result<Policy, PlatformError> {
    let strictest = terms.iter().cloned().reduce(|a, b| agreements::meet(&a, &b));
    let Some(terms) = strictest.filter(|terms| terms.methods.contains(&Method::Suppress)) else {
        let reason = "its agreements share no disclosure method that is built: they must all allow `suppress`";
        return Err(PlatformError::Unavailable { reason: reason.to_owned() });
    };
    let zeros = match terms.zeros {
        Zeros::Protect => ZeroPolicy::HideShare { per_thousand: HIDDEN_ZEROS_PER_THOUSAND },
        Zeros::Publish => ZeroPolicy::Publish,
    };
    let rounding = if terms.rounding > 1 { Rounding::Nearest(terms.rounding) } else { Rounding::None };
    Ok(Policy { zeros, rounding, ..Policy::threshold(u64::from(terms.k.max(2))) })
}

fn geography_method(
    contract: &DatasetContract,
    gazetteer: &geography::Gazetteer,
    area_type: model::AreaType,
) -> String {
    use model::contract::GeographySource as Source;
    let first = match contract.geography.sources.first() {
        Some(Source::Postcode) => "postcode",
        Some(Source::LongitudeLatitude | Source::EastingNorthing) => "point",
        Some(Source::Practice) => "practice-list",
        Some(Source::AreaCode) | None => "supplied",
    };
    if contract.geography.area_type == area_type {
        return first.to_owned();
    }
    match gazetteer.method(area_type) {
        Some((method, _)) => format!("{first}, {method}"),
        None => first.to_owned(),
    }
}

fn outcome_of(job: &Job, error: Option<&PlatformError>) -> JobOutcome {
    match error {
        None => JobOutcome::Done("published".to_owned()),
        Some(error @ PlatformError::Failed { .. }) if job.attempts < ATTEMPTS => {
            JobOutcome::Retry(public_reason(error))
        }
        Some(error) => JobOutcome::Failed(public_reason(error)),
    }
}

/// What a supplier may read about a failure: never which cell it was about.
fn public_reason(error: &PlatformError) -> String {
    if let PlatformError::Failed { source, .. } = error
        && let Some(plan) = source.downcast_ref::<PlanError>()
    {
        return match plan {
            PlanError::RevisionNeedsReview(_) | PlanError::CellMissing(_) => {
                "it changes figures that were decided before: a revision needs review; what was published stays"
            }
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

fn revision_setting(dataset: &DatasetId) -> Result<Label, PlatformError> {
    Ok(format!("revision/{dataset}").parse()?)
}

fn ledger_group(dataset: &DatasetId) -> Result<Label, PlatformError> {
    Ok(dataset.as_str().parse()?)
}

fn ledger_context(dataset: &DatasetId, sequence: u64) -> Context {
    Context::new("ledger").with(dataset.as_str()).with(sequence.to_be_bytes())
}

/// Encrypts an entry and appends it to the catalogue's ledger.
struct Ledger<'a> {
    platform: &'a Platform,
    dataset: &'a DatasetId,
    next: u64,
}

impl LedgerPort for Ledger<'_> {
    fn append(&mut self, entry: &SealedEntry) -> Result<u64, PortError> {
        let key = self.platform.keys().ledger()?;
        let context = ledger_context(self.dataset, self.next);
        let ciphertext = vault::seal_bytes(entry.secret_bytes(), &key, &context, &mut OsEntropy)?;
        let digest = catalog::port::digest_of(&ciphertext);
        let stored = LedgerEntry { group: ledger_group(self.dataset)?, sequence: self.next, digest, ciphertext };
        self.platform.catalog().append_ledger(&stored)?;
        Ok(self.next)
    }
}

/// Records a release before it happens.
struct Audit<'a> {
    platform: &'a Platform,
    work_id: Uuid,
    views: BTreeSet<ViewId>,
    agreements: BTreeSet<Digest>,
}

impl Audit<'_> {
    /// Open data are in no plan and no ledger: everybody has them.
    fn record_open(&self, dataset: &DatasetId) -> Result<(), PlatformError> {
        self.platform.record(audit::Entry::Released {
            work_id: self.work_id,
            group: dataset.as_str().parse()?,
            views: self.views.clone(),
            plan: None,
            agreements: self.agreements.clone(),
        })
    }
}

impl AuditPort for Audit<'_> {
    fn record_release(&mut self, record: &ReleaseRecord) -> Result<u64, PortError> {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let receipt = self.platform.record_numbered(audit::Entry::Released {
            work_id: self.work_id,
            group: record.group.as_str().parse()?,
            views: self.views.clone(),
            plan: Some(audit::PlanRecord {
                released: record.digest,
                ledger_sequence: record.ledger_entry,
                cells_shown: count(record.cells_released),
                cells_withheld: count(record.cells_withheld),
            }),
            agreements: self.agreements.clone(),
        })?;
        Ok(receipt.sequence)
    }
}
