//! What the agreements let a dataset publish, and under which terms.

use std::collections::{BTreeMap, BTreeSet};

use agreements::{
    Denial, Derive, Governing, Level, NoiseTerms, Permit, PrimaryRules, Principal, Release, Request, Role, Terms,
    Zeros, decide,
};
use catalog::DatasetVersion;
use disclosure::{Dominance, Policy, Rounding, Share, ZeroPolicy};
use geography::Gazetteer;
use jiff::Timestamp;
use model::contract::DatasetContract;
use model::indicator::{Indicator, View};
use model::{Exposure, IndicatorId};

use super::basis::Basis;
use super::noise;
use super::residents::too_small;
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
    /// The strictest primary rules; what of them `policy` cannot say (sensitive columns, least population) is applied before.
    pub(super) primary: PrimaryRules,
    /// The noise that is added to figures; `None` where cells are withheld.
    pub(super) noise: Option<NoiseTerms>,
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

    /// Leaves out the views that are in no release yet, for this reason; how many.
    pub(super) fn leave_out_new(&mut self, contract: &DatasetContract, last: &Basis, reason: &str) -> usize {
        let left_out = leave_out(&mut self.definitions, contract, |indicator, view| {
            let is_new = indicator.view_id(view).is_ok_and(|id| !last.views.contains(&id));
            is_new.then(|| format!("view `{}/{}` is not published: {reason}", indicator.id, view.name))
        });
        let count = left_out.len();
        self.refused.extend(left_out);
        count
    }

    /// Whether any view of a dataset is left.
    pub(super) fn shows_something(&self, contract: &DatasetContract) -> bool {
        self.definitions.indicators_on(&contract.id).next().is_some()
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
        let (definitions, mut refused) = registered(state, contract, limits, now)?;
        let mut allowed = definitions.clone();
        let (mut permits, mut releases, mut denial) = (BTreeMap::new(), Vec::new(), None);
        let ask = |indicator: &Indicator| {
            let request = Request::new(operator.clone(), indicator.purpose.clone(), inputs.clone())
                .with_outputs(levels_on(indicator, contract))
                .with_opt_outs(opt_outs.clone())
                .for_tier(indicator.tier);
            let derive = decide::<Derive>(&state.snapshot, &request, now)?;
            decide::<Release>(&state.snapshot, &request, now).map(|release| (derive, release))
        };
        for indicator in definitions.indicators_on(&contract.id) {
            let decided = ask(indicator).or_else(|refusal| {
                tracing::warn!(indicator = indicator.id.as_str(), %refusal, blockers = ?refusal.blockers, "may not be published");
                // One view that is too fine takes no other with it.
                let alone = |view: &View| ask(&Indicator { views: vec![view.clone()], ..indicator.clone() }).err();
                let too_fine = leave_out_of(&mut allowed, indicator, |view| alone(view).map(|why| in_words(indicator, view, &why)));
                let left = allowed.indicator(&indicator.id).ok_or(refusal)?;
                refused.extend(too_fine);
                ask(left)
            });
            match decided {
                Ok((derive, release)) => {
                    releases.push(release);
                    permits.insert(indicator.id.clone(), derive);
                }
                Err(refusal) => {
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
                None => nothing_left(&refused, contract),
            });
        }
        let terms = strictest(&releases)?;
        let agreed = permits.values().all(|permit| permit.exposure(&contract.id) == Some(&contract.exposure));
        let exposure = if agreed { contract.exposure.clone() } else { Exposure::Controlled };
        let noise = if exposure.is_open() { None } else { noise::noise_of(&terms)? };
        if !exposure.is_open() {
            let found = leave_out_small_areas(state, contract, &mut allowed, terms.primary.minimum_population)?;
            refused.extend(found);
            if noise.is_some() {
                refused.extend(leave_out(&mut allowed, contract, |indicator, view| {
                    let why = noise::not_registered(contract, indicator, view)?;
                    Some(format!("view `{}/{}`: {why}", indicator.id, view.name))
                }));
            }
            if allowed.indicators_on(&contract.id).next().is_none() {
                return Err(nothing_left(&refused, contract));
            }
        }
        let (policy, approval, primary) = (policy(&terms), terms.approval, terms.primary);
        Ok(Allowed { permits, releases, definitions: allowed, policy, primary, noise, approval, exposure, refused })
    }
}

/// The supplier reads this, and may not know of every indicator that stands on its data.
pub(super) fn nothing_left(refused: &[String], contract: &DatasetContract) -> PlatformError {
    let (id, views) = (&contract.id, refused.len());
    PlatformError::Unpublishable {
        reason: format!("none of the {views} views on `{id}` may be registered: the service's log says which, and why"),
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
    // A view is refused for what it takes from this dataset or from another.
    let used: BTreeSet<_> = definitions.indicators_on(&contract.id).flat_map(Indicator::datasets).collect();
    let used = state.definitions.contracts().filter(|contract| used.contains(&contract.id));
    let refusals = registration::refused(state, (&state.definitions, used), &geography.registered, limits, now);
    let refused = leave_out(&mut definitions, contract, |indicator, view| {
        let id = indicator.view_id(view);
        let refusal = id.ok().and_then(|id| refusals.get_key_value(&id));
        refusal
            .map(|(id, refusal)| registration::in_words(&state.definitions, id, refusal))
            .or_else(|| unresolved(state, &geography.gazetteer, indicator, view))
    });
    Ok((definitions, refused))
}

fn unresolved(state: &State, gazetteer: &Gazetteer, indicator: &Indicator, view: &View) -> Option<String> {
    let mut datasets = indicator.datasets().filter_map(|dataset| state.definitions.contract(dataset));
    let of = datasets.find(|of| !requests::resolves(gazetteer, of.geography.area_type, view.area_type))?;
    Some(format!(
        "view `{}/{}`: `{}` is by {}, which does not make up every {}: register a view by whole areas of it",
        indicator.id, view.name, of.id, of.geography.area_type, view.area_type
    ))
}

/// Leaves out the views of a dataset by areas of fewer residents than the agreements ask for.
fn leave_out_small_areas(
    state: &State,
    contract: &DatasetContract,
    definitions: &mut Definitions,
    least: u32,
) -> Result<Vec<String>, PlatformError> {
    let views = definitions.indicators_on(&contract.id).flat_map(|indicator| &indicator.views);
    let refused = too_small(state, views.map(|view| view.area_type), least)?;
    Ok(leave_out(definitions, contract, |indicator, view| {
        let why = refused.get(&view.area_type)?;
        Some(format!("view `{}/{}`: {why}", indicator.id, view.name))
    }))
}

/// Leaves out the views of a dataset's indicators that are refused, and indicators of which none is left; returns what was
/// left out, and why.
fn leave_out(
    definitions: &mut Definitions,
    contract: &DatasetContract,
    refusal: impl Fn(&Indicator, &View) -> Option<String>,
) -> Vec<String> {
    let mut refused = Vec::new();
    for indicator in definitions.indicators_on(&contract.id).cloned().collect::<Vec<_>>() {
        refused.extend(leave_out_of(definitions, &indicator, |view| refusal(&indicator, view)));
    }
    refused
}

/// The same of one indicator.
fn leave_out_of(
    definitions: &mut Definitions,
    indicator: &Indicator,
    refusal: impl Fn(&View) -> Option<String>,
) -> Vec<String> {
    let (mut kept, mut refused) = (indicator.clone(), Vec::new());
    kept.views.retain(|view| {
        let Some(reason) = refusal(view) else { return true };
        tracing::warn!(reason, "a view cannot be published");
        refused.push(reason);
        false
    });
    if kept.views.is_empty() {
        definitions.remove(&indicator.id);
    } else if !refused.is_empty() {
        definitions.replace(kept);
    }
    refused
}

/// Why the agreements do not allow a view, for the operator.
fn in_words(indicator: &Indicator, view: &View, denial: &Denial) -> String {
    let blockers: Vec<String> = denial.blockers.iter().map(ToString::to_string).collect();
    format!(
        "view `{}/{}` (by {} and {}) is not allowed by the agreements: {}",
        indicator.id,
        view.name,
        view.area_type,
        view.period_type.as_str(),
        blockers.join("; ")
    )
}

/// Publishing is done by the partnership itself.
pub(crate) fn operator(state: &State) -> Principal {
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

/// The meet of all terms under which anything of a group is released.
fn strictest(releases: &[Permit<Release>]) -> Result<Terms, PlatformError> {
    let strictest = releases.iter().map(|permit| permit.terms().clone()).reduce(|a, b| agreements::meet(&a, &b));
    strictest.ok_or_else(|| PlatformError::Unpublishable { reason: "no agreement allows a release".to_owned() })
}

/// The policy of a group, as its strictest terms say.
fn policy(terms: &Terms) -> Policy {
    let primary = &terms.primary;
    let share = |of: agreements::LargestShare| Share { contributors: of.contributors, percent: of.percent };
    Policy {
        zeros: match terms.zeros {
            Zeros::Protect => ZeroPolicy::HideShare { per_thousand: HIDDEN_ZEROS_PER_THOUSAND },
            Zeros::Publish => ZeroPolicy::Publish,
        },
        rounding: if terms.rounding > 1 { Rounding::Nearest(terms.rounding) } else { Rounding::None },
        decoys_per_thousand: primary.decoys_per_thousand,
        dominance: Dominance {
            largest: primary.dominance.map(share),
            p_percent: primary.p_percent,
            partner_p_percent: primary.partner_p_percent,
        },
        own_records: primary.own_records,
        own_rows: primary.own_rows,
        ..Policy::threshold(u64::from(terms.k.max(2)))
    }
}
