//! Corrections of linked data: what a revision would spend of what is registered. What it would show is told to nobody before: figures of
//! another state of the data are published by being shown, and nothing is linked to ask.

use std::collections::BTreeSet;

use disclosure::NoiseState;
use model::contract::{DatasetContract, Links};
use model::{DatasetId, Digest};

use super::super::ledger::{Opened, Previewed};
use super::super::revision::{RevisedPeriod, RevisionPlan, RevisionPreview, Shows};
use super::noise_of;
use super::periods::Periods;
use super::work::Work;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::state::State;

/// What is out, what becomes of each period, and what names the corrections that wait.
struct Corrections {
    before: NoiseState,
    periods: Periods,
    previewed: Option<Previewed>,
}

impl Platform {
    /// Which corrections of linked data wait, and what is left of what is registered.
    pub(in crate::publish) fn preview_linked(
        &self,
        state: &State,
        (contract, links): (&DatasetContract, &Links),
        past: &[Opened],
    ) -> Result<RevisionPreview, PlatformError> {
        let work = Work::new(self, state, contract, links)?;
        let Corrections { before, periods, previewed } = self.corrections_of_links(&work, past)?;
        let states = |period| periods.editions.get(period).copied().unwrap_or_default();
        let revised = periods.waiting.keys().map(|period| RevisedPeriod { period: *period, published: states(period) });
        let shows =
            Shows::Links { periods: revised.collect(), most: links.revisions, other: other_datasets(links, past) };
        let is_as_before = is_as_before(&work, &before, past);
        let previewed = previewed.filter(|_| is_as_before);
        let plan = previewed.as_ref().map(|previewed| RevisionPlan { digest: previewed.digest, shows });
        let full = periods.full(&work);
        let corrections = previewed.as_ref().map_or(full.len(), |previewed| previewed.held.len());
        self.remember(&contract.id, |remembered| remembered.previewed = previewed)?;
        let other =
            "its `areas` or `revisions` are not those that the noise of what is out was made for: put them back";
        let reasons: Vec<String> = (!is_as_before).then(|| other.to_owned()).into_iter().chain(full).collect();
        let refused = (!reasons.is_empty()).then(|| reasons.join("; "));
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
        let Some(waiting) = self.corrections_of_links(&work, past)?.previewed else { return Ok(0) };
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
        Ok(self.corrections_of_links(&work, past)?.previewed.map_or(0, |waiting| waiting.held.len()))
    }

    fn corrections_of_links(&self, work: &Work<'_>, past: &[Opened]) -> Result<Corrections, PlatformError> {
        let before = noise_of(&work.contract.id, past.last())?;
        let withdrawn = self.recorded().withdrawn().clone();
        let periods = Periods::new(work, (&before, past), &withdrawn, None)?;
        let previewed = periods.code().map(|digest| Previewed { digest, held: periods.held(work) });
        Ok(Corrections { before, periods, previewed })
    }
}

/// Whether what is registered is what the noise of what is out was made for.
fn is_as_before(work: &Work<'_>, before: &NoiseState, past: &[Opened]) -> bool {
    let linked = past.last().and_then(|last| last.basis.linked.as_ref());
    let Some((noise, linked)) = before.of_links().zip(linked) else { return true };
    let areas: BTreeSet<_> = linked.areas.iter().chain(&work.links.areas).collect();
    noise.revisions() == work.links.revisions && u32::try_from(areas.len()) == Ok(noise.tables())
}

/// Which datasets the definition names that what is out was not linked from, or no more, in words.
fn other_datasets(links: &Links, past: &[Opened]) -> Option<String> {
    let linked = past.last()?.basis.linked.as_ref()?;
    let (from, now): (BTreeSet<_>, BTreeSet<_>) =
        (linked.from().into_keys().collect(), links.datasets.iter().collect());
    let names = |of: Vec<&DatasetId>| of.into_iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
    let without = (from.difference(&now).next().is_some())
        .then(|| format!("without {}", names(from.difference(&now).copied().collect())));
    let with = (now.difference(&from).next().is_some())
        .then(|| format!("with {}", names(now.difference(&from).copied().collect())));
    let said: Vec<String> = without.into_iter().chain(with).collect();
    (!said.is_empty())
        .then(|| format!("the definition names other datasets than what is out was linked from: {}", said.join(", ")))
}
