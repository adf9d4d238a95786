//! Corrections of linked data: what a revision would spend of what is registered. What it would show is told to nobody before: figures of
//! another state of the data are published by being shown, and nothing is linked to ask.

use model::Digest;
use model::contract::{DatasetContract, Links};

use super::super::ledger::{Opened, Previewed};
use super::super::revision::{RevisedPeriod, RevisionPlan, RevisionPreview, Shows};
use super::noise_of;
use super::periods::Periods;
use super::work::Work;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::state::State;

impl Platform {
    /// Which corrections of linked data wait, and what is left of what is registered.
    pub(in crate::publish) fn preview_linked(
        &self,
        state: &State,
        (contract, links): (&DatasetContract, &Links),
        past: &[Opened],
    ) -> Result<RevisionPreview, PlatformError> {
        let work = Work::new(self, state, contract, links)?;
        let (periods, previewed) = self.corrections_of_links(&work, past)?;
        let states = |period| periods.editions.get(period).copied().unwrap_or_default();
        let revised = periods.waiting.keys().map(|period| RevisedPeriod { period: *period, published: states(period) });
        let shows = Shows::Links { periods: revised.collect(), most: links.revisions };
        let plan = previewed.as_ref().map(|previewed| RevisionPlan { digest: previewed.digest, shows });
        let full = periods.full(&work);
        let corrections = previewed.as_ref().map_or(full.len(), |previewed| previewed.held.len());
        self.remember(&contract.id, |remembered| remembered.previewed = previewed)?;
        let refused = (!full.is_empty()).then(|| full.join("; "));
        Ok(RevisionPreview { dataset: contract.id.clone(), corrections, plan, refused })
    }

    /// Asks that the corrections that were previewed be published. How many there are.
    pub(in crate::publish) fn revise_linked(
        &self,
        state: &State,
        (contract, links): (&DatasetContract, &Links),
        (past, digest): (&[Opened], Digest),
    ) -> Result<usize, PlatformError> {
        let work = Work::new(self, state, contract, links)?;
        let (_, waiting) = self.corrections_of_links(&work, past)?;
        let Some(waiting) = waiting else { return Ok(0) };
        let remembered = self.remembered(&contract.id)?;
        if waiting.digest != digest || remembered.previewed.as_ref() != Some(&waiting) {
            let problem =
                "it is not what was previewed last, or other corrections came since: preview the revision again";
            return Err(PlatformError::BadParameter { parameter: "digest", problem: problem.to_owned() });
        }
        self.remember(&contract.id, |remembered| {
            (remembered.revised, remembered.agreed) = (waiting.held.clone(), Some(digest));
        })?;
        self.wake_publisher();
        Ok(waiting.held.len())
    }

    /// The corrections that wait, and what names them.
    pub(in crate::publish) fn waiting_links(
        &self,
        state: &State,
        (contract, links): (&DatasetContract, &Links),
        past: &[Opened],
    ) -> Result<usize, PlatformError> {
        let work = Work::new(self, state, contract, links)?;
        Ok(self.corrections_of_links(&work, past)?.1.map_or(0, |waiting| waiting.held.len()))
    }

    fn corrections_of_links(
        &self,
        work: &Work<'_>,
        past: &[Opened],
    ) -> Result<(Periods, Option<Previewed>), PlatformError> {
        let before = noise_of(&work.contract.id, past.last())?;
        let withdrawn = self.recorded().withdrawn().clone();
        let periods = Periods::new(work, (&before, past.last()), &withdrawn, None)?;
        let previewed = periods.code().map(|digest| Previewed { digest, held: periods.held(work) });
        Ok((periods, previewed))
    }
}
