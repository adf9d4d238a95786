//! What the agreements let be published of linked records, and under which terms.

use std::collections::{BTreeMap, BTreeSet};

use agreements::{
    Denial, Derive, Governing, Level, Link, LinkedFigures, OptOutEvidence, Permit, Release, Request, Snapshot, Terms,
    decide, may_read_linked,
};
use disclosure::NoiseState;
use jiff::Timestamp;
use model::contract::DatasetContract;
use model::indicator::Indicator;
use model::{AreaType, DatasetId, Digest, IndicatorId, Period};

use super::super::allowed::operator;
use super::super::basis::{Basis, Partition};
use super::super::group::Subject;
use super::super::residents::too_small;
use super::LinkedPeriod;
use super::periods::Periods;
use super::work::Work;
use crate::cube::LinkedRecords;
use crate::definitions::Definitions;
use crate::error::PlatformError;
use crate::opt_outs;
use crate::platform::Platform;
use crate::requests;
use crate::state::State;

/// The permits of one indicator to link the records of one period.
pub(super) struct Permits {
    indicator: IndicatorId,
    pub(super) link: Permit<Link>,
    pub(super) derive: Permit<Derive>,
    release: Permit<Release>,
    /// The types of areas that it is shown by.
    pub(super) areas: BTreeSet<AreaType>,
}

/// What may be published.
pub(super) struct Permitted {
    /// Of each period that is linked, at least one.
    pub(super) linked: BTreeMap<Period, Vec<Permits>>,
    /// With the indicators that may be shown.
    pub(super) definitions: Definitions,
    /// By how many times the odds of two possibilities about one person may change.
    pub(super) odds: u32,
    /// What figures are rounded to.
    pub(super) rounding: u32,
    /// What may not be published, and why.
    pub(super) refused: Vec<String>,
    /// The moment of the decision.
    pub(super) at: Timestamp,
}

impl Permitted {
    pub(super) fn subject(&self, work: &Work<'_>, basis: &Basis) -> Subject {
        let mut shown = self.definitions.indicators_on(&work.contract.id);
        Subject {
            purpose: shown.next().map(|indicator| indicator.purpose.clone()),
            datasets: work.links.datasets.iter().cloned().collect(),
            agreements: self.agreements().chain(basis.agreements()).collect(),
            epoch: work.state.snapshot.epoch().digest(),
        }
    }

    fn permits(&self) -> impl Iterator<Item = &Permits> {
        self.linked.values().flatten()
    }

    pub(super) fn agreements(&self) -> impl Iterator<Item = Digest> {
        self.permits().flat_map(|permits| {
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
        if self.permits().all(holds) {
            return Ok(());
        }
        let reason = "an agreement was suspended or ended while records were linked: nothing is released";
        Err(PlatformError::Unavailable { reason: reason.to_owned() })
    }
}

/// Why something is not published.
enum Refusal {
    Denied(Box<Denial>),
    Because(String),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Denied(denial) => {
                let blockers: Vec<String> = denial.blockers.iter().map(ToString::to_string).collect();
                write!(f, "not allowed by the agreements: {}", blockers.join("; "))
            }
            Self::Because(reason) => f.write_str(reason),
        }
    }
}

/// What governs the records of each dataset, and what was declared of them.
struct Inputs {
    governing: Vec<Governing>,
    opt_outs: Vec<OptOutEvidence>,
}

impl Inputs {
    fn of(snapshot: &Snapshot, from: &BTreeMap<DatasetId, Vec<Partition>>) -> Self {
        let of = |(dataset, partitions): (&DatasetId, &Vec<Partition>)| {
            let governing = Partition::governing(dataset.clone(), partitions);
            let declared = partitions.iter().map(|partition| partition.opt_outs.as_ref());
            let opt_outs = opt_outs::together(snapshot, &governing, declared);
            (governing, opt_outs)
        };
        let (governing, opt_outs): (Vec<Governing>, Vec<Vec<OptOutEvidence>>) = from.iter().map(of).unzip();
        Self { governing, opt_outs: opt_outs.into_iter().flatten().collect() }
    }
}

impl LinkedPeriod {
    /// What is asked when its figures are read.
    pub(in crate::publish) fn read(&self, snapshot: &Snapshot, (odds, rounding): (u32, u32)) -> LinkedRecords {
        let Inputs { governing, opt_outs } = Inputs::of(snapshot, &self.from);
        let figures = LinkedFigures { at: self.at, odds, rounding };
        LinkedRecords { period: Some(self.period), inputs: governing, opt_outs, figures }
    }
}

/// What may be published of everything that is kept or linked, as it becomes known.
struct Answers<'a> {
    work: &'a Work<'a>,
    now: Timestamp,
    /// What is out, if anything is: what comes later has the same noise.
    noise: Option<(u32, u32)>,
    terms: Option<Terms>,
    permitted: Permitted,
    /// The indicators that may be shown of any period.
    allowed: BTreeSet<IndicatorId>,
    first: Option<Refusal>,
}

impl Platform {
    /// Which indicators the agreements of all datasets let be shown, of which periods: linked, counted and released for their purpose.
    /// What may not be linked is left as it is.
    pub(super) fn permitted(
        &self,
        work: &Work<'_>,
        periods: &mut Periods,
        before: &NoiseState,
    ) -> Result<Permitted, PlatformError> {
        let mut answers = Answers::new(work, before, self.now());
        for period in periods.due.keys().copied().collect::<Vec<_>>() {
            if !answers.link(period)? {
                periods.leave(period);
            }
        }
        for period in periods.leave_corrected_together() {
            answers.permitted.linked.remove(&period);
            let why = "its corrections are published together, or none of them";
            answers.refuse_period(period, [Refusal::Because(why.to_owned())]);
        }
        for (period, of) in periods.kept.clone() {
            // What came since may be the same records, under agreements that let them be shown.
            if !answers.keep(&of) && periods.may_be_linked_again(period, work) && answers.link(period)? {
                periods.link_again(period);
            }
        }
        let Answers { mut permitted, terms, first, noise, allowed, .. } = answers;
        let of_work = work.state.definitions.indicators_on(&work.contract.id).map(|indicator| &indicator.id);
        of_work.filter(|id| !allowed.contains(*id)).for_each(|id| permitted.definitions.remove(id));
        let shows_something = permitted.definitions.indicators_on(&work.contract.id).next().is_some();
        if periods.is_empty() || !shows_something {
            return Err(match first {
                Some(Refusal::Denied(denial)) => {
                    let caller = crate::Caller { principal: operator(work.state), actor: None };
                    self.denied(&caller, audit::Work::Publish, work.contract.id.as_str(), &denial)
                }
                Some(Refusal::Because(reason)) => PlatformError::Unpublishable { reason },
                None => PlatformError::Unpublishable { reason: "no indicator stands on it".to_owned() },
            });
        }
        permitted.refused.iter().for_each(|reason| tracing::warn!(reason, "linked figures cannot be published"));
        let of_terms = || terms.map(|terms| (terms.links.map_or(0, |links| links.odds), terms.rounding.max(1)));
        (permitted.odds, permitted.rounding) = noise.or_else(of_terms).unwrap_or_default();
        Ok(permitted)
    }

    /// Why the agreements that are in force let nothing be published of linked records, whatever data there will be.
    pub(crate) fn refused_links(&self, state: &State, contract: &DatasetContract) -> Option<String> {
        let (links, now) = (contract.links.as_ref()?, self.now());
        let governing: Vec<Governing> =
            links.datasets.iter().map(|dataset| state.snapshot.governing(dataset, now)).collect();
        let opt_outs = governing.iter().flat_map(|of| opt_outs::if_declared(&state.snapshot, of, now)).collect();
        let inputs = Inputs { governing, opt_outs };
        let (permits, refusals) = ask_all(state, contract, &inputs, now);
        let reason = match together(&permits) {
            Some(terms) => can_be_linked(&terms).err()?.to_string(),
            None if refusals.is_empty() => return None,
            None => refusals.iter().map(|(id, why)| format!("`{id}` is {why}")).collect::<Vec<_>>().join("; "),
        };
        Some(format!("`{}`: {reason}", contract.id))
    }
}

impl<'a> Answers<'a> {
    fn new(work: &'a Work<'a>, before: &NoiseState, now: Timestamp) -> Self {
        let permitted = Permitted {
            linked: BTreeMap::new(),
            definitions: Definitions::clone(&work.state.definitions),
            odds: 0,
            rounding: 0,
            refused: Vec::new(),
            at: now,
        };
        let noise = before.of_links().map(|noise| (noise.odds(), noise.rounding()));
        Self { work, now, noise, terms: None, permitted, allowed: BTreeSet::new(), first: None }
    }

    /// Whether the records of a period may be linked, for one indicator at least.
    fn link(&mut self, period: Period) -> Result<bool, PlatformError> {
        let Work { state, contract, .. } = self.work;
        let inputs = Inputs::of(&state.snapshot, &self.work.partitions(period));
        let (permits, refusals) = ask_all(state, contract, &inputs, self.now);
        let Some(terms) = together(&permits) else {
            self.refuse_period(period, refusals.into_iter().map(|(_, why)| why));
            return Ok(false);
        };
        let areas = permits.iter().flat_map(|of| of.areas.iter().copied());
        let too_small = too_small(state, areas, terms.primary.minimum_population)?;
        let too_small = too_small.into_iter().next().map(|(area_type, why)| format!("by {area_type}: {why}"));
        let because = can_be_linked(&terms).err().or(too_small.map(Refusal::Because));
        let because = because.or_else(|| self.other_noise(&terms));
        let because = match because {
            None => self.unresolved(&permits)?,
            because => because,
        };
        if let Some(why) = because {
            self.refuse_period(period, [why]);
            return Ok(false);
        }
        for (indicator, why) in refusals {
            self.refuse(&indicator, period, why);
        }
        self.allowed.extend(permits.iter().map(|of| of.indicator.clone()));
        self.terms = Some(match self.terms.take() {
            Some(known) => agreements::meet(&known, &terms),
            None => terms,
        });
        self.permitted.linked.insert(period, permits);
        Ok(true)
    }

    /// Areas that rows are not made up of.
    fn unresolved(&self, permits: &[Permits]) -> Result<Option<Refusal>, PlatformError> {
        let (gazetteer, stored) = (&self.work.state.geography()?.gazetteer, self.work.contract.geography.area_type);
        let mut areas = permits.iter().flat_map(|of| of.areas.iter().copied());
        let unresolved = areas.find(|area_type| !requests::resolves(gazetteer, stored, *area_type));
        Ok(unresolved.map(|area_type| {
            Refusal::Because(format!(
                "its rows are by {stored}, which does not make up every {area_type}: leave that out"
            ))
        }))
    }

    /// Whether figures may tell less than those that are out, or only with more rounding: what is out tells what it does.
    fn other_noise(&self, terms: &Terms) -> Option<Refusal> {
        let (odds, rounding) = self.noise?;
        let agreed = terms.links.map_or(0, |links| links.odds);
        (agreed < odds || !rounding.is_multiple_of(terms.rounding.max(1))).then(|| {
            Refusal::Because(format!(
                "its agreements let figures change odds {agreed} times, rounded to {}, and what is out has noise for {odds} times, rounded to {rounding}: new figures would have the same",
                terms.rounding.max(1)
            ))
        })
    }

    /// Whether what stays may be shown, of one indicator at least: as it is read.
    fn keep(&mut self, of: &LinkedPeriod) -> bool {
        let Work { state, contract, .. } = self.work;
        let records = of.read(&state.snapshot, self.noise.unwrap_or_default());
        let mut is_shown = false;
        for indicator in state.definitions.indicators_on(&contract.id) {
            let request = request(state, indicator, records.inputs.clone()).with_opt_outs(records.opt_outs.clone());
            let asked = decide::<Release>(&state.snapshot, &request, self.now).map(drop);
            let asked = asked.and_then(|()| may_read_linked(&state.snapshot, &request, records.figures, self.now));
            match asked {
                Ok(()) => {
                    is_shown = true;
                    self.allowed.insert(indicator.id.clone());
                }
                Err(denial) => self.refuse(&indicator.id, of.period, Refusal::Denied(Box::new(denial))),
            }
        }
        is_shown
    }

    fn refuse(&mut self, indicator: &IndicatorId, period: Period, why: Refusal) {
        self.permitted.refused.push(format!("`{indicator}` of {} is {why}", period.label()));
        self.first.get_or_insert(why);
    }

    fn refuse_period(&mut self, period: Period, refusals: impl IntoIterator<Item = Refusal>) {
        for why in refusals {
            self.permitted.refused.push(format!(
                "{}: {} is not published: {why}",
                self.work.contract.id,
                period.label()
            ));
            self.first.get_or_insert(why);
        }
    }
}

/// The permits of all indicators that have some, and why others have none.
fn ask_all(
    state: &State,
    contract: &DatasetContract,
    inputs: &Inputs,
    now: Timestamp,
) -> (Vec<Permits>, Vec<(IndicatorId, Refusal)>) {
    let (mut permits, mut refusals) = (Vec::new(), Vec::new());
    for indicator in state.definitions.indicators_on(&contract.id) {
        match ask(state, indicator, inputs, now) {
            Ok(of) => permits.push(of),
            Err(denial) => refusals.push((indicator.id.clone(), Refusal::Denied(Box::new(denial)))),
        }
    }
    (permits, refusals)
}

fn request(state: &State, indicator: &Indicator, inputs: Vec<Governing>) -> Request {
    let levels = indicator.views.iter().map(|view| Level::new(view.area_type, view.period_type));
    Request::new(operator(state), indicator.purpose.clone(), inputs).with_outputs(levels).for_tier(indicator.tier)
}

fn ask(state: &State, indicator: &Indicator, inputs: &Inputs, now: Timestamp) -> Result<Permits, Denial> {
    let Inputs { governing, opt_outs } = inputs;
    let request = request(state, indicator, governing.clone()).with_opt_outs(opt_outs.clone());
    Ok(Permits {
        indicator: indicator.id.clone(),
        link: decide::<Link>(&state.snapshot, &request, now)?,
        derive: decide::<Derive>(&state.snapshot, &request, now)?,
        release: decide::<Release>(&state.snapshot, &request, now)?,
        areas: indicator.views.iter().map(|view| view.area_type).collect(),
    })
}

/// The meet of all terms under which anything is linked or released.
fn together(permits: &[Permits]) -> Option<Terms> {
    let terms = permits.iter().flat_map(|of| [of.link.terms(), of.derive.terms(), of.release.terms()]);
    terms.cloned().reduce(|one, other| agreements::meet(&one, &other))
}

/// Whether nothing is asked for that these figures cannot keep.
fn can_be_linked(terms: &Terms) -> Result<(), Refusal> {
    if !terms.approval.is_empty() {
        return Err(Refusal::Because(
            "its agreements ask for approval of each publication, which linked figures cannot wait for: leave `terms.approval` out, or link nothing of these datasets".to_owned(),
        ));
    }
    if terms.links.is_none() {
        return Err(Refusal::Because(
            "not all of its agreements say how much figures about people known to several services may tell: `[terms.links]` must be in each of them".to_owned(),
        ));
    }
    Ok(())
}
