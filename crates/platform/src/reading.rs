//! Who may read what is published, by the agreements as they stand at the moment of reading.

use std::collections::BTreeSet;

use agreements::{
    Denial, Governing, Level, LinkedFigures, OptOutEvidence, Principal, Release, Request, decide, may_read_linked,
};
use jiff::Timestamp;
use model::indicator::{Indicator, View};
use model::{DatasetId, Period, PurposeId, Tier};

use crate::caller::Caller;
use crate::cube::LinkedRecords;
use crate::opt_outs;
use crate::platform::Platform;
use crate::query::published;
use crate::state::State;

/// What is read of an indicator, or would be.
struct Reading<'a> {
    state: &'a State,
    indicator: &'a Indicator,
    levels: BTreeSet<Level>,
    governing: Vec<Governing>,
    opt_outs: Vec<OptOutEvidence>,
    /// What was linked for it, by period.
    linked: Vec<LinkedRecords>,
    now: Timestamp,
}

impl Platform {
    /// Whether the agreements, as they stand now, let the caller read what is published of an indicator; or would, if nothing
    /// is: what a caller may know does not hang on what is published at the moment. Returns the periods of linked records that they do not.
    ///
    /// # Errors
    /// If they let nothing be read.
    pub(crate) fn may_read(
        &self,
        state: &State,
        caller: &Caller,
        indicator: &Indicator,
        purpose: Option<&PurposeId>,
    ) -> Result<BTreeSet<Period>, Denial> {
        let reading = Reading::new(state, indicator, self.now());
        if indicator.tier == Tier::Public {
            return reading.ask(&Principal::public(), &indicator.purpose);
        }
        let mut outcome = reading.ask(&caller.principal, purpose.unwrap_or(&indicator.purpose));
        if purpose.is_none() {
            for purpose in &caller.principal.purposes {
                if outcome.is_ok() {
                    break;
                }
                outcome = reading.ask(&caller.principal, purpose);
            }
        }
        outcome
    }
}

impl<'a> Reading<'a> {
    fn new(state: &'a State, indicator: &'a Indicator, now: Timestamp) -> Self {
        let level = |view: &View| Level::new(view.area_type, view.period_type);
        if let Some((_, cube)) = published(state, indicator).next() {
            return Self {
                state,
                indicator,
                levels: published(state, indicator).map(|(view, _)| level(view)).collect(),
                governing: cube.basis.governing.clone(),
                opt_outs: cube.basis.opt_outs.clone(),
                linked: cube.basis.linked.clone(),
                now,
            };
        }
        let sources = state.definitions.sources(indicator);
        let governing: Vec<Governing> = sources.iter().map(|dataset| state.snapshot.governing(dataset, now)).collect();
        let opt_outs: Vec<OptOutEvidence> =
            governing.iter().flat_map(|of| opt_outs::if_declared(&state.snapshot, of, now)).collect();
        let datasets = state.definitions.linked_by(indicator);
        let linked = (!datasets.is_empty()).then(|| LinkedRecords {
            period: None,
            inputs: governing.iter().filter(|of| datasets.contains(&of.dataset)).cloned().collect(),
            opt_outs: opt_outs.clone(),
            figures: LinkedFigures { at: now, odds: 0, rounding: 0 },
        });
        let levels = indicator.views.iter().map(level).collect();
        Self { state, indicator, levels, governing, opt_outs, linked: linked.into_iter().collect(), now }
    }

    fn request(&self, principal: &Principal, purpose: &PurposeId, inputs: Vec<Governing>) -> Request {
        Request::new(principal.clone(), purpose.clone(), inputs)
            .with_outputs(self.levels.iter().copied())
            .for_tier(self.indicator.tier)
    }

    fn ask(&self, principal: &Principal, purpose: &PurposeId) -> Result<BTreeSet<Period>, Denial> {
        let snapshot = &self.state.snapshot;
        if self.linked.is_empty() {
            let request = self.request(principal, purpose, self.governing.clone());
            let request = request.with_opt_outs(self.opt_outs.clone());
            return decide::<Release>(snapshot, &request, self.now).map(|_| BTreeSet::new());
        }
        // Each period by itself: what closes one is no reason to close another.
        let (mut closed, mut denial, mut is_open) = (BTreeSet::new(), None, false);
        for records in &self.linked {
            match self.ask_of(records, principal, purpose) {
                Ok(()) => is_open = true,
                Err(denied) => {
                    closed.extend(records.period);
                    denial.get_or_insert(denied);
                }
            }
        }
        match denial {
            Some(denial) if !is_open => Err(denial),
            _ => Ok(closed),
        }
    }

    /// Of what was linked at one time: records were linked for whoever reads this, and what it is divided by was not.
    fn ask_of(&self, records: &LinkedRecords, principal: &Principal, purpose: &PurposeId) -> Result<(), Denial> {
        let LinkedRecords { inputs, opt_outs, figures, .. } = records;
        let linked: BTreeSet<&DatasetId> = self.linked.iter().flat_map(|of| &of.inputs).map(|of| &of.dataset).collect();
        let others = self.governing.iter().filter(|of| !linked.contains(&of.dataset)).cloned();
        let evidence = self.opt_outs.iter().filter(|of| !linked.contains(&of.dataset)).cloned();
        let all = self.request(principal, purpose, inputs.iter().cloned().chain(others).collect());
        let all = all.with_opt_outs(opt_outs.iter().cloned().chain(evidence).collect());
        decide::<Release>(&self.state.snapshot, &all, self.now).map(drop)?;
        let own = self.request(principal, purpose, inputs.clone()).with_opt_outs(opt_outs.clone());
        may_read_linked(&self.state.snapshot, &own, *figures, self.now)
    }
}
