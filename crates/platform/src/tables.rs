//! Tables that somebody asks for: any crossing of what is registered of a dataset whose agreements have noise added to its figures.
//!
//! All of it was judged and decided by one release, so that an answer follows from that and not from who asks, when, or after what.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agreements::{Action, Denial, Derive, Governing, Level, Permit, Principal, Release, Request, Terms, decide};
use disclosure::{AnswerPort, AnswerReceipt, AnswerRecord, Noisy, PortError, Released};
use engine::Dimension;
use model::contract::DatasetContract;
use model::{AreaCode, AreaType, BoundaryYear, DatasetId, Digest, Label, Period, PeriodType, PurposeId, ViewId};
use serde::Serialize;

use crate::caller::Caller;
use crate::cube::covered;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::publish::{
    Grammar, check_primary, count_request, counted, in_order_of_counts, noise_of, operator, parameters, year_of,
};
use crate::read::PeriodChoice;
use crate::requests;
use crate::state::{Group, State, digest_of};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct TableRequest {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its areas.
    pub area_type: AreaType,
    /// Its kind of period; the only one that is registered, if absent.
    pub period_type: Option<PeriodType>,
    /// Which periods.
    pub period: PeriodChoice,
    /// Its dimensions, each with all categories and the total.
    pub by: Vec<String>,
    /// For what; needed, as the table is not published.
    pub purpose: Option<String>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRow {
    /// Code of the area.
    pub area_code: AreaCode,
    /// Its name.
    pub area_name: Arc<str>,
    /// The period.
    pub period: Period,
    /// Of each dimension the category, or `all`.
    pub by: Vec<Arc<str>>,
    /// The count, with its noise.
    pub count: u64,
}

/// A table.
#[derive(Debug, Clone)]
pub struct TableAnswer {
    /// The dataset.
    pub dataset: DatasetId,
    /// Type of its areas.
    pub area_type: AreaType,
    /// Vintage of their boundaries.
    pub boundary_year: Option<BoundaryYear>,
    /// Its dimensions, in the order of each row's categories.
    pub by: Vec<String>,
    /// Its rows: by area, period and category.
    pub rows: Released<Vec<TableRow>>,
    /// What is counted, and what the noise is, in words.
    pub notes: Vec<String>,
    /// The same in a few words, for every row of a file that has no other place for it.
    pub caveat: String,
    /// Strong entity tag, without quotes.
    pub etag: String,
    /// The agreements that the numbers stand on.
    pub agreements: Vec<Digest>,
    /// Whether the data are synthetic.
    pub synthetic: bool,
}

/// What comes of asking for a table.
#[derive(Debug, Clone)]
pub enum TableOutcome {
    /// The table.
    Table(Box<TableAnswer>),
    /// The caller has it already.
    Unchanged {
        /// Its entity tag, without quotes.
        etag: String,
    },
}

/// What may be asked for of a dataset.
#[derive(Debug, Clone, Serialize)]
pub struct TableCard {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its name for people.
    pub title: String,
    /// What is counted: `people` or `rows`.
    pub counts: &'static str,
    /// Types of areas.
    pub area_types: Vec<AreaType>,
    /// Periods that there are, oldest first, by type.
    pub periods: Vec<Period>,
    /// Dimensions.
    pub by: Vec<DimensionCard>,
    /// What the noise is, in words.
    pub noise: String,
    /// Whether the data are synthetic.
    pub synthetic: bool,
}

/// A dimension that tables may be by.
#[derive(Debug, Clone, Serialize)]
pub struct DimensionCard {
    /// Its name.
    pub name: String,
    /// Its categories; each table has a total beside them.
    pub categories: Vec<String>,
}

/// A dataset of which tables may be asked for.
struct Subject<'a> {
    contract: &'a DatasetContract,
    group: &'a Group,
    noisy: &'a Noisy,
    /// What is registered by now.
    grammar: Grammar,
}

/// A table, made definite.
struct Question {
    area_type: AreaType,
    period_type: PeriodType,
    periods: Vec<Period>,
    by: Vec<Dimension>,
}

impl Question {
    fn level(&self) -> Level {
        Level::new(self.area_type, self.period_type)
    }

    /// Names it, with the states of the data of its periods: as long as these are the same, so is the answer.
    fn digest(&self, noisy: &Noisy) -> Result<Digest, PlatformError> {
        let by: Vec<&str> = self.by.iter().map(|by| by.name.as_str()).collect();
        let states: Vec<Option<Digest>> = self.periods.iter().map(|period| noisy.state(*period)).collect();
        let text = serde_json::to_vec(&(self.area_type, &self.periods, by, states));
        Ok(digest_of([text.map_err(PlatformError::failed("write a question"))?.as_slice()]))
    }

    /// Bytes that its rows and what is written of them take, about.
    fn bytes(&self, areas: usize) -> u64 {
        let by = self.by.iter().map(|by| by.categories.len() + 1).fold(1, usize::saturating_mul);
        let rows = areas.saturating_mul(self.periods.len()).saturating_mul(by);
        u64::try_from(rows.saturating_mul(BYTES_PER_ROW)).unwrap_or(u64::MAX)
    }
}

/// Bytes that a row and its text take together, about.
const BYTES_PER_ROW: usize = 512;
/// How long a table waits for the memory of others.
const MEMORY_WAIT: Duration = Duration::from_secs(10);

impl Platform {
    /// What tables the caller may ask for.
    #[must_use]
    pub fn tables(&self, caller: &Caller) -> Vec<TableCard> {
        let state = self.state();
        let subjects = state.definitions.contracts().filter_map(|contract| subject(&state, &contract.id));
        let may = |subject: &Subject<'_>| {
            let allowed = |purpose, level| self.may(&state, caller, subject, purpose, level).is_ok();
            let mut purposes = caller.principal.purposes.iter();
            purposes.any(|purpose| subject.grammar.levels().into_iter().any(|level| allowed(purpose, level)))
        };
        subjects.filter(may).map(|subject| card(&subject)).collect()
    }

    /// A table of counts with noise: on record before it is answered, if it is new to everybody. Nothing is counted where it is the one
    /// that the caller has, by its entity tag.
    ///
    /// # Errors
    /// If there is no such dataset for this caller, the agreements do not allow it, something is not registered, the organisation has
    /// asked for as many new tables this year as is agreed, or the table cannot be counted.
    pub fn table(
        &self,
        caller: &Caller,
        request: &TableRequest,
        has: &dyn Fn(&str) -> bool,
    ) -> Result<TableOutcome, PlatformError> {
        let state = self.state();
        let missing = || PlatformError::NotFound { what: format!("tables of `{}`", request.dataset) };
        if caller.is_public() {
            return Err(missing());
        }
        // Before anything that depends on whether the dataset exists.
        let purpose = self.purpose_of(&state, request)?;
        let Some(subject) = subject(&state, &request.dataset) else {
            return Err(self.unregistered(caller, audit::Work::Query, request.dataset.as_str(), missing()));
        };
        let denied = |denial: Denial| match self.denied(caller, audit::Work::Query, request.dataset.as_str(), &denial) {
            PlatformError::NotFound { .. } => missing(),
            other => other,
        };
        // Whoever may see no table at all does not learn what is registered.
        let any = subject.grammar.levels().into_iter().map(|level| self.may(&state, caller, &subject, &purpose, level));
        any.reduce(|first, next| first.or(next)).unwrap_or(Ok(())).map_err(denied)?;
        let question = question(&subject, request)?;
        let (derive, release) =
            permits(self, &state, (caller, &purpose), &subject, question.level()).map_err(denied)?;
        self.still_protected(&state, &subject, release.terms())?;
        Asked { platform: self, state: &state, caller, subject: &subject, question: &question, release: &release }
            .answer(&derive, has)
    }

    fn purpose_of(&self, state: &State, request: &TableRequest) -> Result<PurposeId, PlatformError> {
        let bad = |problem: String| PlatformError::BadParameter { parameter: "purpose", problem };
        let missing =
            || bad("what is not published is asked for with one: `/v1/me` lists those of your key".to_owned());
        let purpose: PurposeId = request.purpose.as_deref().ok_or_else(missing)?.parse()?;
        if state.snapshot.partnership().has_purpose(&purpose) {
            return Ok(purpose);
        }
        Err(bad(format!("`{purpose}` is not in the partnership's register")))
    }

    /// Refuses to answer where the agreements by now ask for more than what is out was judged by.
    fn still_protected(&self, state: &State, subject: &Subject<'_>, terms: &Terms) -> Result<(), PlatformError> {
        let registered = subject.group.basis.grammar.as_ref();
        let holds = || -> Result<bool, PlatformError> {
            let Some((noise, registered)) = noise_of(terms)?.zip(registered) else { return Ok(false) };
            check_primary(state, registered, &terms.primary)?;
            self.judged(state, registered, &noise)?;
            Ok(parameters(&noise)? == *subject.noisy.noise())
        };
        match holds() {
            Ok(true) => Ok(()),
            Ok(false) | Err(PlatformError::Unpublishable { .. }) => Err(PlatformError::Unavailable {
                reason: "the agreements ask for another protection than what is published of it has: nothing is shown beside that"
                    .to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// Whether the caller may be shown a table so fine for a purpose, and it may be computed.
    fn may(
        &self,
        state: &State,
        caller: &Caller,
        subject: &Subject<'_>,
        purpose: &PurposeId,
        level: Level,
    ) -> Result<(), Denial> {
        permits(self, state, (caller, purpose), subject, level).map(drop)
    }
}

/// Permits to compute a table and to show it to the caller.
fn permits(
    platform: &Platform,
    state: &State,
    (caller, purpose): (&Caller, &PurposeId),
    subject: &Subject<'_>,
    level: Level,
) -> Result<(Permit<Derive>, Permit<Release>), Denial> {
    fn ask<A: Action>(
        (platform, state): (&Platform, &State),
        principal: Principal,
        (purpose, subject, level): (&PurposeId, &Subject<'_>, Level),
    ) -> Result<Permit<A>, Denial> {
        let now = platform.now();
        let governing: Governing = subject.group.basis.governing(&subject.contract.id);
        let governing = state.snapshot.rebound(&governing, now);
        let opt_outs = subject.group.basis.opt_outs(&state.snapshot, &governing);
        let request =
            Request::new(principal, purpose.clone(), vec![governing]).with_outputs([level]).with_opt_outs(opt_outs);
        decide::<A>(&state.snapshot, &request, now)
    }
    let of = (purpose, subject, level);
    // The caller first: what may not be shown is not computed.
    let release = ask::<Release>((platform, state), caller.principal.clone(), of)?;
    Ok((ask::<Derive>((platform, state), operator(state), of)?, release))
}

/// The dataset, if tables of it may be asked for at all.
fn subject<'a>(state: &'a State, dataset: &DatasetId) -> Option<Subject<'a>> {
    let contract = state.definitions.contract(dataset)?;
    let group: &Group = state.released.get(dataset)?;
    let noisy = group.noisy.as_ref()?;
    let now = Grammar::of(contract)?;
    // What was registered after the last release was not judged with it.
    let grammar = group.basis.grammar.as_ref()?.and(&now);
    Some(Subject { contract, group, noisy, grammar })
}

/// What is asked for in terms of what is registered.
fn question(subject: &Subject<'_>, request: &TableRequest) -> Result<Question, PlatformError> {
    let Subject { contract, group, grammar, .. } = subject;
    let bad = |parameter, problem: String| Err(PlatformError::BadParameter { parameter, problem });
    let list = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    if !grammar.areas.contains(&request.area_type) {
        let known = list(grammar.areas.iter().map(|area_type| area_type.as_str()).collect());
        return bad(
            "area_type",
            format!("`{}` registers no crossings by {}; it has: {known}", contract.id, request.area_type),
        );
    }
    let mut kinds = grammar.periods.iter().copied();
    let kind = match (request.period_type, kinds.next(), kinds.next()) {
        (Some(kind), ..) if grammar.periods.contains(&kind) => kind,
        (None, Some(only), None) => only,
        _ => {
            let known = list(grammar.periods.iter().map(|kind| kind.as_str()).collect());
            return bad("period_type", format!("`{}` registers crossings by: {known}; name one", contract.id));
        }
    };
    let all = covered(&group.basis.periods(), kind);
    let periods = match &request.period {
        PeriodChoice::All => all,
        PeriodChoice::Latest => all.last().copied().into_iter().collect(),
        PeriodChoice::Interval(text) => {
            let wanted = Period::parse(text, kind).map_err(|error| PlatformError::BadParameter {
                parameter: "period",
                problem: format!("{error}; these tables are by {kind}"),
            })?;
            if !all.contains(&wanted) {
                let known: Vec<String> = all.iter().map(ToString::to_string).collect();
                return bad(
                    "period",
                    format!("there are no whole data of {wanted}; there are of: {}", known.join(", ")),
                );
            }
            vec![wanted]
        }
    };
    if periods.is_empty() {
        return bad("period", format!("there are no data yet that cover a whole {kind}"));
    }
    let mut by = Vec::new();
    for name in &request.by {
        let Some(categories) = grammar.by.get(name) else {
            let known = list(grammar.by.keys().map(String::as_str).collect());
            return bad("by", format!("`{}` registers no crossings by `{name}`; it has: {known}", contract.id));
        };
        if by.iter().any(|known: &Dimension| known.name == *name) {
            return bad("by", format!("`{name}` is named twice"));
        }
        by.push(Dimension { name: name.clone(), categories: categories.clone() });
    }
    // The same table in another order is the same table.
    by.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(Question { area_type: request.area_type, period_type: kind, periods, by })
}

fn name_of(gazetteer: &geography::Gazetteer, area_type: AreaType, code: &AreaCode) -> Arc<str> {
    gazetteer.area(area_type, code.as_str()).map_or_else(|| Arc::from(""), |area| Arc::from(area.name.as_str()))
}

fn rows<'a>(
    question: &Question,
    areas: impl Iterator<Item = (&'a AreaCode, &'a Arc<str>)>,
    figures: Vec<u64>,
) -> Vec<TableRow> {
    let all: Arc<str> = Arc::from("all");
    let categories: Vec<Vec<String>> = question.by.iter().map(|by| by.categories.clone()).collect();
    let combinations: Vec<Vec<Arc<str>>> = in_order_of_counts(&categories)
        .into_iter()
        .map(|choices| choices.into_iter().map(|choice| choice.map_or_else(|| Arc::clone(&all), Arc::from)).collect())
        .collect();
    let mut figures = figures.into_iter();
    let mut rows = Vec::with_capacity(figures.len());
    for (code, name) in areas {
        for period in &question.periods {
            for (by, count) in combinations.iter().zip(&mut figures) {
                let (area_code, area_name) = (code.clone(), Arc::clone(name));
                rows.push(TableRow { area_code, area_name, period: *period, by: by.clone(), count });
            }
        }
    }
    rows
}

fn what_is_counted(grammar: &Grammar) -> String {
    if grammar.people {
        "counts are of people, each once in a cell: who is in several cells is in each of them, and once in their total"
            .to_owned()
    } else {
        "counts are of rows".to_owned()
    }
}

fn noise_in_words(noisy: &Noisy) -> String {
    let noise = noisy.noise();
    let hidden = match noise.least_shown() {
        0 => String::new(),
        1 => ", a count of 1 is never shown".to_owned(),
        most => format!(", counts of 1 to {most} are never shown"),
    };
    format!(
        "every count above zero has noise of at most {} either way (standard deviation {:.1}){hidden}; totals have noise of their own, so \
         that parts do not add up to them exactly",
        noise.largest(),
        noise.variance().sqrt()
    )
}

fn card(subject: &Subject<'_>) -> TableCard {
    let Subject { contract, group, noisy, grammar } = subject;
    TableCard {
        dataset: contract.id.clone(),
        title: contract.title.clone(),
        counts: if grammar.people { "people" } else { "rows" },
        area_types: grammar.areas.iter().copied().collect(),
        periods: grammar.periods.iter().flat_map(|kind| covered(&group.basis.periods(), *kind)).collect(),
        by: grammar.by.clone().into_iter().map(|(name, categories)| DimensionCard { name, categories }).collect(),
        noise: noise_in_words(noisy),
        synthetic: contract.synthetic,
    }
}

/// A question that its caller may ask.
struct Asked<'a> {
    platform: &'a Platform,
    state: &'a State,
    caller: &'a Caller,
    subject: &'a Subject<'a>,
    question: &'a Question,
    release: &'a Permit<Release>,
}

impl Asked<'_> {
    fn answer(&self, derive: &Permit<Derive>, has: &dyn Fn(&str) -> bool) -> Result<TableOutcome, PlatformError> {
        let Self { platform, state, caller, subject, question, .. } = *self;
        let Subject { contract, group, noisy, grammar } = subject;
        let gazetteer = &state.geography()?.gazetteer;
        let areas = Arc::new(requests::area_set(gazetteer, grammar.stored, question.area_type));
        let digest = question.digest(noisy)?;
        let etag: String = digest_of([&digest.0[..], &noisy.revision().0]).to_string().chars().take(32).collect();
        let view: ViewId = format!("tables/{}", digest.to_string().chars().take(32).collect::<String>()).parse()?;
        if has(&etag) && platform.recorded().is_answered(&self.group()?, digest) {
            platform.accesses().count(view, caller.actor.clone());
            return Ok(TableOutcome::Unchanged { etag });
        }
        self.within_budget(digest)?;
        let busy = || PlatformError::Unavailable { reason: "many tables are being made: ask again soon".to_owned() };
        let _memory = platform.table_memory().take(question.bytes(areas.areas.len()), MEMORY_WAIT).ok_or_else(busy)?;
        let release = (noisy.group().clone(), noisy.revision());
        let by = question.by.clone();
        let count = count_request(contract, release, Arc::clone(&areas), &question.periods, by, counted(grammar));
        let stored = platform.tables_of(state, group, &question.periods)?;
        let counts = platform.count(state, derive, &stored, &count).map_err(too_much)?;
        let receipt = {
            // One at a time, so that two who ask for the same at once are one answer.
            let _answering = platform.answering();
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
        let names: Vec<Arc<str>> =
            areas.areas.iter().map(|(code, _)| name_of(gazetteer, question.area_type, code)).collect();
        #[expect(
            clippy::disallowed_methods,
            reason = "names of areas and categories, which are public, beside released figures"
        )]
        let rows = figures.map(|figures| rows(question, areas.areas.iter().map(|(code, _)| code).zip(&names), figures));
        let mut notes = vec![what_is_counted(grammar), noise_in_words(noisy)];
        notes.extend(self.release.terms().obligations.iter().map(|duty| format!("whoever uses it must: {duty}")));
        Ok(TableOutcome::Table(Box::new(TableAnswer {
            dataset: contract.id.clone(),
            area_type: question.area_type,
            boundary_year: group.basis.boundary_years.get(&question.area_type).copied(),
            by: question.by.iter().map(|by| by.name.clone()).collect(),
            rows,
            notes,
            caveat: format!("With noise of at most {} either way.", noisy.noise().largest()),
            etag,
            agreements: group.basis.agreements().into_iter().collect(),
            synthetic: contract.synthetic,
        })))
    }

    fn group(&self) -> Result<Label, PlatformError> {
        Ok(self.subject.contract.id.as_str().parse()?)
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
        problem: "this table is more than the service counts at once: ask for fewer dimensions, or for one period"
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
            agreements: release.agreements().keys().copied().collect(),
        })?;
        Ok(())
    }
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

#[cfg(test)]
mod tests;
