//! What a reviewer may ask of the ledger: does every entry hold, what does a publication lose, why is a cell withheld. Each
//! question needs a reviewer's permit for the dataset, and is on record before it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use agreements::{Denial, Release, Request, Role, decide};
use disclosure::{CellId, Explainer, MeasureId, ReportedView};
pub use disclosure::{
    Change, Changes, Explanation, Loss, Protection, PublicationReport, ShareBand, Verification, ViewChange,
};
use model::table::Breakdown;
use model::{CellKey, DatasetId, PurposeId, TidyRow, ViewId};

use crate::caller::Caller;
use crate::cube::DenominatorRule;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::publish::{Basis, Opened, denominator_rule, ledger_group};
use crate::read::DataRequest;
use crate::requests;
use crate::state::State;

/// A row as a reader sees it, with the decisions about the protected cells that it was computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowExplanation {
    /// The row: indicator, area, period and whom it is about.
    pub row: String,
    /// One for the numerator and one for the denominator, as far as they are of controlled data.
    pub cells: Vec<Explanation>,
    /// Of a numerator with noise, of which nothing is withheld: what the noise is, if there is a figure.
    pub noise: Option<String>,
}

impl fmt::Display for RowExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.row)?;
        match &self.noise {
            Some(noise) => writeln!(f, "  {noise}")?,
            None if self.cells.is_empty() => writeln!(f, "  open data: nothing is withheld")?,
            None => {}
        }
        self.cells.iter().try_for_each(|cell| writeln!(f, "  {}", cell.to_string().replace('\n', "\n  ")))
    }
}

impl Platform {
    /// The datasets of which the audit log says that something was released by a plan, in order; with or without a contract
    /// that is in order.
    ///
    /// # Errors
    /// If the audit log names a group that is no dataset.
    pub fn planned_datasets(&self) -> Result<Vec<DatasetId>, PlatformError> {
        let groups: Vec<model::Label> = self.recorded().groups().cloned().collect();
        groups.iter().map(|group| Ok(group.as_str().parse()?)).collect()
    }

    /// Checks every released entry of a dataset's ledger, oldest first, from nothing but the ledger: that its worlds prove
    /// what it withheld, and that it keeps what was decided before.
    ///
    /// # Errors
    /// If the agreements do not let the caller review it, nothing of it was planned, ledger and audit log do not belong
    /// together, or an entry does not hold.
    pub fn verify_ledger(&self, caller: &Caller, dataset: &DatasetId) -> Result<Verification, PlatformError> {
        let entries = self.reviewed(caller, dataset, audit::Question::Verify)?;
        let has_noise = entries.last().is_some_and(|last| last.basis.has_noise());
        let entries = entries.iter().map(|opened| &opened.entry);
        let verified = if has_noise {
            disclosure::verify_noise(&requests::group_of(dataset)?, entries)
        } else {
            disclosure::verify_ledger(entries)
        };
        verified.map_err(PlatformError::failed("verify the ledger"))
    }

    /// What the last publication of a dataset released and withheld, after checking its proof.
    ///
    /// # Errors
    /// As [`Platform::verify_ledger`].
    pub fn publication_report(&self, caller: &Caller, dataset: &DatasetId) -> Result<PublicationReport, PlatformError> {
        let entries = self.reviewed(caller, dataset, audit::Question::Report)?;
        let missing = || PlatformError::NotFound { what: format!("a publication of `{dataset}`") };
        let mut report = self.report_on(dataset, entries.last().ok_or_else(missing)?)?;
        let group = ledger_group(dataset)?;
        let (at, plan) = {
            let recorded = self.recorded();
            (recorded.released_at(&group), recorded.releases_of(&group).pop_last())
        };
        report.facts.extend(at.map(|at| ("released", at.strftime("%-d %B %Y, %H:%M UTC").to_string())));
        report.facts.extend(plan.map(|(_, plan)| ("found in", format!("{} steps of search", plan.steps))));
        let waiting = self.corrections(dataset, &entries)?;
        let withdrawn = entries.last().is_some_and(|last| self.recorded().is_withdrawn(&last.basis));
        let dark = "data that it stands on: nothing of it is served before it is published without them";
        report.facts.extend(withdrawn.then(|| ("withdrawn", dark.to_owned())));
        let waits = || format!("{waiting}, which wait for a revision: `disclosure revise {dataset}`");
        report.facts.extend((waiting > 0).then(|| ("corrections", waits())));
        Ok(report)
    }

    /// What an entry releases and withholds, by the views that stand on it.
    pub(crate) fn report_on(&self, dataset: &DatasetId, opened: &Opened) -> Result<PublicationReport, PlatformError> {
        let state = self.state();
        let views = reported_views(&state, dataset, opened.basis.views.iter().collect())?;
        let report = if opened.basis.has_noise() {
            disclosure::report_noise(&requests::group_of(dataset)?, &opened.entry, &views)
        } else {
            disclosure::report(&opened.entry, &views)
        };
        let mut report = report.map_err(PlatformError::failed("report on a publication"))?;
        let agreements = opened.basis.agreements();
        let names: Vec<String> = agreements
            .iter()
            .map(|digest| state.snapshot.agreement(digest).map_or_else(|| digest.to_string(), |known| known.name()))
            .collect();
        report.facts.push(("under", names.join(", ")));
        let periods = opened.basis.periods();
        let span = periods.first().zip(periods.last()).map(|(first, last)| match first == last {
            true => first.label(),
            false => {
                format!("{} to {}{}", first.label(), last.label(), if has_gaps(&periods) { ", with gaps" } else { "" })
            }
        });
        report.facts.extend(span.map(|span| ("data of", span)));
        Ok(report)
    }

    /// Why the rows of an answer look as they do: the mark, the rule and its parameters for each protected cell behind them.
    ///
    /// # Errors
    /// As [`Platform::data`] and [`Platform::verify_ledger`].
    pub fn explain(&self, caller: &Caller, request: &DataRequest) -> Result<Vec<RowExplanation>, PlatformError> {
        let answer = self.data(caller, request)?;
        let state = self.state();
        let missing = || PlatformError::NotFound { what: format!("indicator `{}`", request.indicator) };
        let indicator = state.definitions.indicator(&request.indicator).ok_or_else(missing)?;
        // One question, one record and one reading for each dataset, though numerator and denominator may be of the same.
        let (mut entries, mut noisy) = (BTreeMap::new(), BTreeSet::new());
        for dataset in indicator.datasets().filter(|dataset| is_planned(&state, dataset)) {
            let last = self.reviewed(caller, dataset, audit::Question::Explain)?.pop();
            if last.as_ref().is_some_and(|last| last.basis.has_noise()) {
                noisy.insert(dataset);
                continue;
            }
            let explainer = last.map(|opened| Explainer::new(&opened.entry)).transpose();
            entries.extend(
                explainer.map_err(PlatformError::failed("explain a cell"))?.map(|explainer| (dataset, explainer)),
            );
        }
        let mut parts = Vec::new();
        for (measure, is_numerator) in
            std::iter::once((&indicator.numerator, true)).chain(indicator.denominator.iter().map(|m| (m, false)))
        {
            let (Some(entry), Some(group)) = (entries.get(&measure.dataset), state.released.get(&measure.dataset))
            else {
                continue;
            };
            let contract = state.definitions.contract(&measure.dataset).filter(|_| !is_numerator);
            let rule =
                contract.map(|of| denominator_rule(&indicator.numerator.dataset, measure, of, group)).transpose()?;
            parts.push(Part { measure: requests::measure_id(measure)?, rule, entry });
        }
        let noise = noisy.contains(&indicator.numerator.dataset).then(|| answer.notes.join(" "));
        Ok(answer.rows.get().iter().map(|row| explained(row, &parts, noise.as_deref())).collect())
    }

    /// The released entries of a dataset's ledger, for a caller whom the agreements let review it; on record.
    pub(crate) fn reviewed(
        &self,
        caller: &Caller,
        dataset: &DatasetId,
        question: audit::Question,
    ) -> Result<Vec<Opened>, PlatformError> {
        let missing =
            || PlatformError::NotFound { what: format!("a publication of `{dataset}`, which is for reviewers,") };
        let nothing = || Err(self.unregistered(caller, audit::Work::Review, dataset.as_str(), missing()));
        // Why a cell is withheld says how small it may be: it is for reviewers, and for everybody else it does not exist.
        if caller.principal.role != Role::Reviewer {
            return nothing();
        }
        let entries = self.released_entries(dataset)?;
        let Some(last) = entries.last() else { return nothing() };
        match self.may_review(caller, dataset, &last.basis) {
            Some(Ok(())) => {}
            Some(Err(denial)) => return Err(self.denied(caller, audit::Work::Review, dataset.as_str(), &denial)),
            None => return nothing(),
        }
        let group = ledger_group(dataset)?;
        self.record(audit::Entry::Reviewed { actor: caller.actor.clone(), group, question })?;
        Ok(entries)
    }

    /// Whether the agreements would show the caller everything that was decided, for one of the caller's purposes; none
    /// where the caller has no purpose.
    pub(crate) fn may_review(&self, caller: &Caller, dataset: &DatasetId, basis: &Basis) -> Option<Result<(), Denial>> {
        let (state, now) = (self.state(), self.now());
        let governing = basis.governing(dataset);
        let levels = basis.levels();
        let opt_outs = basis.opt_outs(&state.snapshot, &governing);
        let ask = |purpose: &PurposeId| {
            let request = Request::new(caller.principal.clone(), purpose.clone(), governing.clone())
                .with_outputs(levels.iter().copied())
                .with_opt_outs(opt_outs.clone());
            decide::<Release>(&state.snapshot, &request, now).map(drop)
        };
        caller.principal.purposes.iter().map(ask).reduce(|first, next| first.or(next))
    }
}

/// What a row was computed from: a measure, how its cells are found where it is a denominator, and its ledger entry.
struct Part<'a> {
    measure: MeasureId,
    rule: Option<DenominatorRule>,
    entry: &'a Explainer,
}

/// Those of some views that are still defined, as cells of a dataset's group.
pub(crate) fn reported_views(
    state: &State,
    dataset: &DatasetId,
    ids: BTreeSet<&ViewId>,
) -> Result<Vec<ReportedView>, PlatformError> {
    let mut views = Vec::new();
    for id in ids {
        let Some((indicator, view)) = state.definitions.view(id) else { continue };
        let Some(numerator) = state.definitions.contract(&indicator.numerator.dataset) else { continue };
        let own = std::iter::once(&indicator.numerator).chain(&indicator.denominator);
        let own = own.filter(|measure| measure.dataset == *dataset);
        // A denominator of another dataset has its own periods.
        let foreign = state.definitions.contract(dataset).filter(|contract| contract.id != numerator.id);
        let by = requests::dimensions(numerator, view);
        let by = foreign.map_or_else(|| by.clone(), |contract| requests::shared(by.clone(), contract));
        views.push(ReportedView {
            name: id.to_string(),
            measures: own.map(requests::measure_id).collect::<Result<_, _>>()?,
            area_type: view.area_type,
            period_type: foreign.map_or(view.period_type, |contract| contract.partition),
            by: by.into_iter().map(|dimension| (dimension.name, dimension.categories.into_iter().collect())).collect(),
        });
    }
    Ok(views)
}

/// Whether some periods leave months out between the first and the last.
fn has_gaps(periods: &[model::Period]) -> bool {
    let months: BTreeSet<i32> = periods.iter().flat_map(|period| period.months()).map(model::Month::ordinal).collect();
    let span = months.first().zip(months.last()).map_or(0, |(first, last)| last - first + 1);
    usize::try_from(span).is_ok_and(|span| months.len() < span)
}

/// Whether what is shown of a dataset was decided by a plan.
fn is_planned(state: &State, dataset: &DatasetId) -> bool {
    state.released.get(dataset).is_some_and(|group| !group.basis.open)
}

fn explained(row: &TidyRow, parts: &[Part<'_>], noise: Option<&str>) -> RowExplanation {
    let key = key_of(row);
    let mut cells = Vec::new();
    for part in parts {
        let key = part.rule.as_ref().map_or_else(|| Some(key.clone()), |rule| rule.key(&key));
        let Some(key) = key else { continue };
        let id = CellId { measure: part.measure.clone(), key };
        cells.extend(part.entry.explain(&id));
    }
    let shown = row.value.map_or_else(|| format!("[{}]", row.status.as_str()), |value| value.to_string());
    let noise = noise.map(|noise| match row.count {
        Some(_) => format!("released with noise, nothing is withheld. {noise}"),
        None => "no figure is published of this area and period; where there are figures they have noise".to_owned(),
    });
    RowExplanation { row: format!("{} {key}: {shown}", row.indicator), cells, noise }
}

fn key_of(row: &TidyRow) -> CellKey {
    let category = row.breakdown.clone().filter(|category| category != "all");
    CellKey {
        area_type: row.area_type,
        area: row.area_code.clone(),
        period: row.period,
        sex: row.sex,
        age: row.age,
        breakdown: row
            .breakdown_type
            .clone()
            .zip(category)
            .map(|(dimension, category)| Breakdown { dimension, category }),
    }
}
