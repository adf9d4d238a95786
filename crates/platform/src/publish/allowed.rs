//! What the agreements let a dataset publish, and under which terms.

use std::collections::{BTreeMap, BTreeSet};

use agreements::{Derive, Governing, Level, Method, Permit, Principal, Release, Request, Role, Terms, Zeros, decide};
use catalog::DatasetVersion;
use disclosure::{Policy, Rounding, ZeroPolicy};
use geography::Gazetteer;
use jiff::Timestamp;
use model::contract::DatasetContract;
use model::indicator::{Indicator, View};
use model::{Exposure, IndicatorId};

use crate::definitions::Definitions;
use crate::error::PlatformError;
use crate::opt_outs;
use crate::platform::Platform;
use crate::registration;
use crate::requests;
use crate::settings::Limits;
use crate::state::State;

/// Of 1,000 zeros, how many are hidden where an agreement says that zeros disclose.
const HIDDEN_ZEROS_PER_THOUSAND: u16 = 250;

/// What one dataset may publish: the indicators that the agreements allow, each with its permit, and the strictest terms.
pub(super) struct Allowed {
    pub(super) permits: BTreeMap<IndicatorId, Permit<Derive>>,
    pub(super) releases: Vec<Permit<Release>>,
    pub(super) definitions: Definitions,
    pub(super) policy: Policy,
    /// The roles that have to approve what is published.
    pub(super) approval: BTreeSet<Role>,
    /// Open only if the contract and every agreement say so.
    pub(super) exposure: Exposure,
    /// Views that cannot be published, and why.
    pub(super) refused: Vec<String>,
}

impl Allowed {
    pub(super) const fn open(&self) -> bool {
        self.exposure.is_open()
    }
}

impl Platform {
    /// Which indicators the agreements let a dataset publish, and under which terms. An indicator that is not allowed is
    /// left out; if none is left, nothing is tabulated.
    pub(super) fn allowed(
        &self,
        state: &State,
        contract: &DatasetContract,
        versions: &[DatasetVersion],
    ) -> Result<Allowed, PlatformError> {
        let now = self.now();
        let operator = operator(state);
        let agreements = versions.iter().flat_map(|version| version.facts.agreements.iter().copied()).collect();
        let governing = Governing { dataset: contract.id.clone(), agreements };
        let declarations = versions.iter().map(|version| version.facts.opt_outs.as_ref());
        let opt_outs = opt_outs::together(&state.snapshot, &governing, declarations);
        let inputs = vec![governing];
        let limits = &self.settings().limits;
        let (definitions, refused) = registered(state, contract, limits, now)?;
        let mut allowed = definitions.clone();
        let (mut permits, mut releases, mut denial) = (BTreeMap::new(), Vec::new(), None);
        for indicator in definitions.indicators_on(&contract.id) {
            let request = Request::new(operator.clone(), indicator.purpose.clone(), inputs.clone())
                .with_outputs(levels_on(indicator, contract))
                .with_opt_outs(opt_outs.clone())
                .for_tier(indicator.tier);
            let derive = decide::<Derive>(&state.snapshot, &request, now);
            let release = decide::<Release>(&state.snapshot, &request, now);
            match (derive, release) {
                (Ok(derive), Ok(release)) => {
                    releases.push(release);
                    permits.insert(indicator.id.clone(), derive);
                }
                (Err(refusal), _) | (_, Err(refusal)) => {
                    tracing::warn!(indicator = indicator.id.as_str(), %refusal, blockers = ?refusal.blockers, "may not be published");
                    allowed.remove(&indicator.id);
                    denial = Some(refusal);
                }
            }
        }
        if permits.is_empty() {
            return Err(match denial {
                Some(denial) => {
                    let caller = crate::Caller { principal: operator, actor: None };
                    self.denied(&caller, audit::Work::Publish, contract.id.as_str(), &denial)
                }
                // The supplier reads this, and may not know of every indicator that stands on its data.
                None => PlatformError::Unpublishable {
                    reason: format!(
                        "none of the {} views on `{}` may be registered: the service's log says which, and why",
                        refused.len(),
                        contract.id
                    ),
                },
            });
        }
        let terms: Vec<Terms> = releases.iter().map(|permit| permit.terms().clone()).collect();
        let agreed = permits.values().all(|permit| permit.exposure(&contract.id) == Some(&contract.exposure));
        let exposure = if agreed { contract.exposure.clone() } else { Exposure::Controlled };
        let approval = terms.iter().flat_map(|terms| &terms.approval).copied().collect();
        Ok(Allowed { permits, releases, definitions: allowed, policy: policy(&terms)?, approval, exposure, refused })
    }
}

/// The definitions without those views of a dataset that are not registered, or whose areas it cannot resolve: these would
/// show false zeros.
fn registered(
    state: &State,
    contract: &DatasetContract,
    limits: &Limits,
    now: Timestamp,
) -> Result<(Definitions, Vec<String>), PlatformError> {
    let geography = state.geography()?;
    let mut definitions = Definitions::clone(&state.definitions);
    let mut reasons = Vec::new();
    let refusals = registration::refused(state, &state.definitions, &geography.registered, limits, now);
    for indicator in state.definitions.indicators_on(&contract.id) {
        let mut kept = indicator.clone();
        kept.views.retain(|view| {
            let id = indicator.view_id(view);
            let refusal = id.ok().and_then(|id| refusals.get_key_value(&id));
            let reason = refusal
                .map(|(id, refusal)| registration::in_words(&state.definitions, id, refusal))
                .or_else(|| unresolved(state, &geography.gazetteer, indicator, view));
            if let Some(reason) = &reason {
                tracing::warn!(reason, "a view cannot be published");
            }
            let keep = reason.is_none();
            reasons.extend(reason);
            keep
        });
        if kept.views.is_empty() {
            definitions.remove(&indicator.id);
        } else if kept.views.len() < indicator.views.len() {
            definitions.replace(kept);
        }
    }
    Ok((definitions, reasons))
}

fn unresolved(state: &State, gazetteer: &Gazetteer, indicator: &Indicator, view: &View) -> Option<String> {
    let mut datasets = indicator.datasets().filter_map(|dataset| state.definitions.contract(dataset));
    let of = datasets.find(|of| !requests::resolves(gazetteer, of.geography.area_type, view.area_type))?;
    Some(format!(
        "view `{}/{}`: `{}` is by {}, which does not make up every {}: register a view by whole areas of it",
        indicator.id, view.name, of.id, of.geography.area_type, view.area_type
    ))
}

/// Publishing is done by the partnership itself.
fn operator(state: &State) -> Principal {
    let register = state.snapshot.partnership();
    let purposes = register.purposes.iter().map(|purpose| purpose.id.clone());
    Principal::new(register.partnership.id.clone(), Role::Operator, purposes)
}

/// How fine an indicator's tables are, those that it takes from this dataset included: a denominator has its own periods.
fn levels_on(indicator: &Indicator, contract: &DatasetContract) -> BTreeSet<Level> {
    let own = indicator.views.iter().map(|view| Level::new(view.area_type, view.period_type));
    let foreign = indicator.numerator.dataset != contract.id;
    let under = indicator.views.iter().filter(|_| foreign).map(|view| Level::new(view.area_type, contract.partition));
    own.chain(under).collect()
}

/// The policy of a group: the meet of all terms under which anything of it is released.
fn policy(terms: &[Terms]) -> Result<Policy, PlatformError> {
    let strictest = terms.iter().cloned().reduce(|a, b| agreements::meet(&a, &b));
    let Some(terms) = strictest.filter(|terms| terms.methods.contains(&Method::Suppress)) else {
        let reason = "its agreements share no disclosure method that is built: they must all allow `suppress`";
        return Err(PlatformError::Unpublishable { reason: reason.to_owned() });
    };
    let zeros = match terms.zeros {
        Zeros::Protect => ZeroPolicy::HideShare { per_thousand: HIDDEN_ZEROS_PER_THOUSAND },
        Zeros::Publish => ZeroPolicy::Publish,
    };
    let rounding = if terms.rounding > 1 { Rounding::Nearest(terms.rounding) } else { Rounding::None };
    Ok(Policy { zeros, rounding, ..Policy::threshold(u64::from(terms.k.max(2))) })
}
