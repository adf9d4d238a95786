//! Counted, on record, answered.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agreements::{Derive, Permit, Release};
use disclosure::{AnswerPort, AnswerReceipt, AnswerRecord, Noisy, PortError, SumNoise};
use engine::{CountRequest, Stop};
use model::{AreaCode, AreaType, Digest, Label, ViewId};

use super::question::Question;
use super::{Subject, noise_in_words, sum_in_words, what_is_counted};
use crate::caller::Caller;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::publish::{counted, in_order_of_counts, year_of};
use crate::read::{TableAnswer, TableOutcome, TablePlace, TableRow};
use crate::requests;
use crate::state::{State, digest_of};

/// How long a table waits for the memory of others.
const MEMORY_WAIT: Duration = Duration::from_secs(10);

/// A question that its caller may ask.
pub(super) struct Asked<'a> {
    pub(super) platform: &'a Platform,
    pub(super) state: &'a State,
    pub(super) caller: &'a Caller,
    pub(super) subject: &'a Subject<'a>,
    pub(super) question: &'a Question,
    pub(super) release: &'a Permit<Release>,
    pub(super) stop: &'a Stop,
}

impl Asked<'_> {
    pub(super) fn answer<T>(
        &self,
        derive: &Permit<Derive>,
        has: &dyn Fn(&str) -> bool,
        write: impl FnOnce(&TableAnswer) -> Result<T, PlatformError>,
    ) -> Result<TableOutcome<T>, PlatformError> {
        let Self { platform, state, caller, subject, question, .. } = *self;
        let Subject { contract, group, noisy, grammar } = subject;
        let gazetteer = &state.geography()?.gazetteer;
        let areas = Arc::new(requests::area_set(gazetteer, grammar.stored, question.area_type));
        let digest = question.digest(noisy)?;
        let mut notes = vec![what_is_counted(grammar), noise_in_words(noisy)];
        notes.extend(question.sum.as_ref().and_then(|sum| sum_in_words(noisy, &sum.column, grammar)));
        notes.extend(self.release.terms().obligations.iter().map(|duty| format!("whoever uses it must: {duty}")));
        let said = notes.iter().map(String::as_bytes);
        let etag = digest_of([&digest.0[..], &noisy.revision().0].into_iter().chain(said));
        let etag: String = etag.to_string().chars().take(32).collect();
        let view: ViewId = format!("tables/{}", digest.to_string().chars().take(32).collect::<String>()).parse()?;
        if has(&etag) && platform.recorded().is_answered(&self.group()?, digest) {
            self.still_allowed()?;
            platform.accesses().count(view, caller.actor.clone());
            return Ok(TableOutcome::Unchanged { etag });
        }
        self.within_budget(digest)?;
        let busy = || PlatformError::Unavailable { reason: "many tables are being made: ask again soon".to_owned() };
        let counting = u64::try_from(platform.settings().limits.query_memory_bytes).unwrap_or(u64::MAX);
        let bytes = question.bytes(areas.areas.len()).saturating_add(counting);
        let _memory = platform.table_memory().take(bytes, MEMORY_WAIT).ok_or_else(busy)?;
        let count = CountRequest {
            release: (noisy.group().clone(), noisy.revision()),
            dataset: contract.id.clone(),
            areas: Arc::clone(&areas),
            periods: question.periods.clone(),
            by: question.by.clone(),
            of: counted(grammar),
            sum: question.sum.clone(),
        };
        let stored = platform.tables_of(state, group, &question.periods)?;
        let counts = platform.count(state, derive, &stored, &count, self.stop).map_err(too_much)?;
        let receipt = {
            // One at a time, so that two who ask for the same at once are one answer.
            let _answering = platform.answering();
            self.still_wanted()?;
            self.still_allowed()?;
            self.within_budget(digest)?;
            let mut log = Answers { asked: self, view: &view };
            AnswerReceipt::obtain(noisy, digest, &mut log).map_err(|error| match error {
                disclosure::ReceiptError::Audit { source, .. } => unwritten(source),
                other => PlatformError::failed("record an answer")(other),
            })?
        };
        let figures = noisy.answer(&counts, &receipt).map_err(PlatformError::failed("add noise to a table"))?;
        platform.accesses().count(view, caller.actor.clone());
        let places = areas.areas.iter().map(|(code, _)| Arc::new(place(gazetteer, question.area_type, code)));
        #[expect(
            clippy::disallowed_methods,
            reason = "names of areas and categories, which are public, beside released figures"
        )]
        let rows = figures.map(|figures| rows(question, places, figures));
        let answer = TableAnswer {
            dataset: contract.id.clone(),
            area_type: question.area_type,
            boundary_year: group.basis.boundary_years.get(&question.area_type).copied(),
            by: question.by.iter().map(|by| by.name.clone()).collect(),
            sum: question.sum.as_ref().map(|sum| sum.column.clone()),
            rows,
            notes,
            caveat: caveat(noisy, question),
            etag,
            agreements: group.basis.agreements().into_iter().collect(),
            synthetic: contract.synthetic,
        };
        // While the memory of it is this one's.
        write(&answer).map(TableOutcome::Written)
    }

    fn group(&self) -> Result<Label, PlatformError> {
        Ok(self.subject.contract.id.as_str().parse()?)
    }

    /// Whether anybody waits for it: what nobody receives is not on record, and takes nothing of a budget.
    fn still_wanted(&self) -> Result<(), PlatformError> {
        let reason = || "nobody waits for it any more".to_owned();
        if self.stop.is_cancelled() { Err(PlatformError::Unavailable { reason: reason() }) } else { Ok(()) }
    }

    /// What the agreements say at this moment, as before every byte that leaves; and whether the key is still one.
    fn still_allowed(&self) -> Result<(), PlatformError> {
        let platform = self.platform;
        platform.refresh_agreements()?;
        if !platform.in_force(self.caller) {
            return Err(PlatformError::Unauthenticated);
        }
        let snapshot = platform.state().snapshot.clone();
        let is_gone = platform.recorded().is_withdrawn(&self.subject.group.basis);
        if !is_gone && self.release.is_valid(&snapshot, platform.now()) {
            return Ok(());
        }
        let reason = "an agreement was suspended or ended, or data were withdrawn, while it was counted".to_owned();
        Err(PlatformError::Unavailable { reason })
    }

    /// Refuses a table that is new to everybody where the organisation has asked for as many this year as is agreed.
    fn within_budget(&self, question: Digest) -> Result<(), PlatformError> {
        let (group, recorded) = (self.group()?, self.platform.recorded());
        let Some(organisation) = self.caller.organisation() else { return Ok(()) };
        let (budget, year) = (self.release.terms().query_budget, year_of(self.platform.now()));
        if recorded.is_answered(&group, question) || recorded.answers_to(organisation, &group, year) < budget {
            return Ok(());
        }
        Err(PlatformError::BudgetSpent { budget, year })
    }
}

/// What it would be another time too is for who asks to change; why is in the log, as it may say how many people there are.
fn too_much(error: PlatformError) -> PlatformError {
    let PlatformError::Unpublishable { reason } = error else { return error };
    tracing::warn!(reason, "a table that was asked for is not counted");
    PlatformError::BadParameter {
        parameter: "area_type, period or by",
        problem: "this table is more than the service counts at once: ask for fewer dimensions, or for one period; if it is small, tell the programme office that a limit of the service is"
            .to_owned(),
    }
}

/// The audit log of answers.
struct Answers<'a> {
    asked: &'a Asked<'a>,
    view: &'a ViewId,
}

impl AnswerPort for Answers<'_> {
    fn record_answer(&mut self, record: &AnswerRecord) -> Result<(), PortError> {
        let Asked { platform, caller, question, release, .. } = self.asked;
        let group: Label = record.group.as_str().parse()?;
        if platform.recorded().is_answered(&group, record.question) {
            return Ok(());
        }
        let by: Result<BTreeSet<Label>, _> = question.by.iter().map(|by| label(&by.name)).collect();
        platform.record(audit::Entry::Answered {
            actor: caller.actor.clone(),
            purpose: release.purpose().clone(),
            group,
            revision: record.revision,
            question: record.question,
            view: self.view.clone(),
            area_type: question.area_type.as_str().parse()?,
            periods: question.periods.clone(),
            by: by?,
            sum: question.sum.as_ref().map(|sum| label(&sum.column)).transpose()?,
            agreements: release.agreements().keys().copied().collect(),
        })?;
        Ok(())
    }
}

/// In a few words, what every figure of a table has.
fn caveat(noisy: &Noisy, question: &Question) -> String {
    let of_sum = question.sum.as_ref().and_then(|sum| noisy.sums().get(&sum.column));
    let Some(sum) = of_sum else {
        let largest = noisy.noise().largest();
        return format!(
            "With noise of at most {largest} either way; a 0 may stand for up to {largest}; parts do not add up exactly."
        );
    };
    format!(
        "Of nobody more than {} is added up; with noise of at most {} either way; none where a count of at most {} is shown; parts do not add up exactly.",
        sum.most(),
        sum.largest(noisy.noise()),
        SumNoise::few(noisy.noise())
    )
}

/// A column's name as a label.
fn label(name: &str) -> Result<Label, model::IdError> {
    name.replace('_', "-").to_lowercase().parse()
}

/// What the platform said of its audit log.
fn unwritten(source: PortError) -> PlatformError {
    match source.downcast::<PlatformError>() {
        Ok(error) => *error,
        Err(source) => PlatformError::Failed { operation: "record an answer", source },
    }
}

fn place(gazetteer: &geography::Gazetteer, area_type: AreaType, code: &AreaCode) -> TablePlace {
    let name = gazetteer.area(area_type, code.as_str()).map_or_else(String::new, |area| area.name.clone());
    TablePlace { code: code.clone(), name }
}

fn rows(question: &Question, areas: impl Iterator<Item = Arc<TablePlace>>, figures: Vec<Option<u64>>) -> Vec<TableRow> {
    let categories: Vec<Vec<String>> = question.by.iter().map(|by| by.categories.clone()).collect();
    let named = |choice: Option<String>| choice.unwrap_or_else(|| "all".to_owned());
    let combinations: Vec<Arc<[String]>> =
        in_order_of_counts(&categories).into_iter().map(|choices| choices.into_iter().map(named).collect()).collect();
    let mut figures = figures.into_iter();
    let mut rows = Vec::with_capacity(figures.len());
    for area in areas {
        for period in &question.periods {
            for (by, figure) in combinations.iter().zip(&mut figures) {
                rows.push(TableRow { area: Arc::clone(&area), period: *period, by: Arc::clone(by), figure });
            }
        }
    }
    rows
}
