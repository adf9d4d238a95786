//! What the agreements let be published of linked records, and under which terms.

use std::collections::BTreeSet;

use agreements::{
    Denial, Derive, Governing, Level, Link, OptOutEvidence, Permit, Release, Request, Snapshot, Terms, decide,
};
use jiff::Timestamp;
use model::contract::DatasetContract;
use model::indicator::Indicator;
use model::{AreaType, DatasetId, Digest};

use super::super::allowed::operator;
use super::super::group::Subject;
use super::super::residents::too_small;
use super::unpublishable;
use super::work::Work;
use crate::definitions::Definitions;
use crate::error::PlatformError;
use crate::opt_outs;
use crate::platform::Platform;
use crate::state::State;

/// The permits of one indicator.
pub(super) struct Permits {
    pub(super) link: Permit<Link>,
    pub(super) derive: Permit<Derive>,
    release: Permit<Release>,
    /// The types of areas that it is shown by.
    pub(super) areas: BTreeSet<AreaType>,
}

/// What may be published.
pub(super) struct Permitted {
    /// At least one.
    pub(super) permits: Vec<Permits>,
    /// With the indicators that may be shown.
    pub(super) definitions: Definitions,
    /// By how many times the odds of two possibilities about one person may change.
    pub(super) odds: u32,
    /// What figures are rounded to.
    pub(super) rounding: u32,
    /// Indicators that may not, and why.
    pub(super) refused: Vec<String>,
}

impl Permitted {
    pub(super) fn subject(&self, state: &State) -> Subject {
        let permits = || self.permits.iter().map(|permits| &permits.link);
        Subject {
            purpose: permits().next().map(|permit| permit.purpose().clone()),
            datasets: permits().flat_map(|permit| permit.datasets().cloned()).collect(),
            agreements: self.agreements().collect(),
            epoch: state.snapshot.epoch().digest(),
        }
    }

    pub(super) fn agreements(&self) -> impl Iterator<Item = Digest> {
        self.permits.iter().flat_map(|permits| {
            let (link, derive) = (permits.link.agreements(), permits.derive.agreements());
            link.keys().chain(derive.keys()).chain(permits.release.agreements().keys()).copied()
        })
    }

    /// The rules that figures follow from.
    pub(super) fn rules(&self) -> Result<Vec<u8>, PlatformError> {
        serde_json::to_vec(&(self.odds, self.rounding)).map_err(PlatformError::failed("write the noise"))
    }

    /// Whether every permit holds, by these agreements at this moment.
    pub(super) fn still_holds(&self, snapshot: &Snapshot, now: Timestamp) -> Result<(), PlatformError> {
        let holds = |of: &Permits| {
            of.link.is_valid(snapshot, now) && of.derive.is_valid(snapshot, now) && of.release.is_valid(snapshot, now)
        };
        if self.permits.iter().all(holds) {
            return Ok(());
        }
        let reason = "an agreement was suspended or ended while records were linked: nothing is released";
        Err(PlatformError::Unavailable { reason: reason.to_owned() })
    }
}

/// What the agreements say of each indicator.
struct Answers {
    permits: Vec<Permits>,
    definitions: Definitions,
    refused: Vec<String>,
    denial: Option<Denial>,
}

impl Answers {
    fn new(
        (state, contract): (&State, &DatasetContract),
        (inputs, opt_outs): (&[Governing], &[OptOutEvidence]),
        now: Timestamp,
    ) -> Self {
        let definitions = Definitions::clone(&state.definitions);
        let mut answers = Self { permits: Vec::new(), definitions, refused: Vec::new(), denial: None };
        for indicator in state.definitions.indicators_on(&contract.id) {
            match (Asked { state, indicator, inputs, opt_outs, now }).permits() {
                Ok(of) => answers.permits.push(of),
                Err(denial) => {
                    answers.definitions.remove(&indicator.id);
                    let blockers: Vec<String> = denial.blockers.iter().map(ToString::to_string).collect();
                    let blockers = blockers.join("; ");
                    answers.refused.push(format!("`{}` is not allowed by the agreements: {blockers}", indicator.id));
                    answers.denial = Some(denial);
                }
            }
        }
        answers
    }

    /// The meet of all terms under which anything is linked or released.
    fn terms(&self) -> Option<Terms> {
        let terms = self.permits.iter().flat_map(|of| [of.link.terms(), of.derive.terms(), of.release.terms()]);
        terms.cloned().reduce(|one, other| agreements::meet(&one, &other))
    }
}

impl Platform {
    /// Which indicators the agreements of all datasets let be shown: linked, counted and released for their purpose.
    pub(super) fn permitted(&self, work: &Work<'_>) -> Result<Permitted, PlatformError> {
        let Work { state, contract, .. } = work;
        let inputs = governing(work);
        let answers = Answers::new((state, contract), (&inputs, &evidence(work, &inputs)), self.now());
        answers.refused.iter().for_each(|reason| tracing::warn!(reason, "linked figures cannot be published"));
        let Some(terms) = answers.terms() else {
            return match &answers.denial {
                Some(denial) => {
                    let caller = crate::Caller { principal: operator(state), actor: None };
                    Err(self.denied(&caller, audit::Work::Publish, contract.id.as_str(), denial))
                }
                None => unpublishable("no indicator stands on it"),
            };
        };
        let odds = odds(&terms)?;
        let Answers { permits, definitions, refused, .. } = answers;
        let areas = permits.iter().flat_map(|of| of.areas.iter().copied());
        if let Some((area_type, why)) = too_small(state, areas, terms.primary.minimum_population)?.into_iter().next() {
            return unpublishable(format!("by {area_type}: {why}"));
        }
        Ok(Permitted { permits, definitions, odds, rounding: terms.rounding.max(1), refused })
    }

    /// Why the agreements that are in force let nothing be published of linked records, whatever data there will be.
    pub(crate) fn refused_links(&self, state: &State, contract: &DatasetContract) -> Option<String> {
        let (links, now) = (contract.links.as_ref()?, self.now());
        let inputs: Vec<Governing> =
            links.datasets.iter().map(|dataset| state.snapshot.governing(dataset, now)).collect();
        let opt_outs: Vec<OptOutEvidence> =
            inputs.iter().flat_map(|of| opt_outs::if_declared(&state.snapshot, of, now)).collect();
        let answers = Answers::new((state, contract), (&inputs, &opt_outs), now);
        let reason = match answers.terms() {
            Some(terms) => odds(&terms).err()?.to_string(),
            None if answers.refused.is_empty() => return None,
            None => answers.refused.join("; "),
        };
        Some(format!("`{}`: {reason}", contract.id))
    }
}

/// What is asked for one indicator.
struct Asked<'a> {
    state: &'a State,
    indicator: &'a Indicator,
    inputs: &'a [Governing],
    opt_outs: &'a [OptOutEvidence],
    now: Timestamp,
}

impl Asked<'_> {
    fn permits(&self) -> Result<Permits, Denial> {
        let Self { state, indicator, inputs, opt_outs, now } = self;
        let levels = indicator.views.iter().map(|view| Level::new(view.area_type, view.period_type));
        let request = Request::new(operator(state), indicator.purpose.clone(), inputs.to_vec())
            .with_outputs(levels)
            .with_opt_outs(opt_outs.to_vec())
            .for_tier(indicator.tier);
        Ok(Permits {
            link: decide::<Link>(&state.snapshot, &request, *now)?,
            derive: decide::<Derive>(&state.snapshot, &request, *now)?,
            release: decide::<Release>(&state.snapshot, &request, *now)?,
            areas: indicator.views.iter().map(|view| view.area_type).collect(),
        })
    }
}

/// What governs the versions of each dataset that are used.
fn governing(work: &Work<'_>) -> Vec<Governing> {
    let of = |dataset: &DatasetId| Governing {
        dataset: dataset.clone(),
        agreements: work
            .versions()
            .filter(|(of, _)| *of == dataset)
            .flat_map(|(_, version)| version.facts.agreements.iter().copied())
            .collect(),
    };
    work.links.datasets.iter().map(of).collect()
}

fn evidence(work: &Work<'_>, inputs: &[Governing]) -> Vec<OptOutEvidence> {
    let of = |governing: &Governing| {
        let versions = work.versions().filter(|(dataset, _)| **dataset == governing.dataset);
        let declared = versions.map(|(_, version)| version.facts.opt_outs.as_ref());
        opt_outs::together(&work.state.snapshot, governing, declared)
    };
    inputs.iter().flat_map(of).collect()
}

/// How much may be told, if anything may, and nothing is asked for that these figures cannot keep.
fn odds(terms: &Terms) -> Result<u32, PlatformError> {
    if !terms.approval.is_empty() {
        return unpublishable(
            "its agreements ask for approval of each publication, which linked figures cannot wait for: leave `terms.approval` out, or link nothing of these datasets",
        );
    }
    match terms.links {
        Some(links) => Ok(links.odds),
        None => unpublishable(
            "not all of its agreements say how much figures about people known to several services may tell: `[terms.links]` must be in each of them",
        ),
    }
}
