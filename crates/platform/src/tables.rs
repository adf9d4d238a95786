//! Tables that somebody asks for: any crossing of what is registered of a dataset whose agreements have noise added to its figures.
//!
//! All of it was judged and decided by one release, so that an answer follows from that and not from who asks, when, or after what.

mod answer;
mod question;

use agreements::{Action, Denial, Derive, Governing, Level, Permit, Principal, Release, Request, Terms, decide};
use disclosure::{Noisy, SumNoise};
use model::contract::DatasetContract;
use model::{DatasetId, PurposeId};

use self::answer::Asked;
use self::question::question;
use crate::caller::Caller;
use crate::cube::covered;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::publish::{Grammar, check_primary, noise_of, operator, parameters, residents_in_use};
use crate::read::{DimensionCard, SumCard, TableAnswer, TableCard, TableOutcome, TableRequest};
use crate::state::{Group, State, digest_of};

/// A dataset of which tables may be asked for.
struct Subject<'a> {
    contract: &'a DatasetContract,
    group: &'a Group,
    noisy: &'a Noisy,
    /// What is registered by now.
    grammar: Grammar,
}

impl Platform {
    /// What tables the caller may ask for.
    #[must_use]
    pub fn tables(&self, caller: &Caller) -> Vec<TableCard> {
        let state = self.state();
        let subjects = state.definitions.contracts().filter_map(|contract| subject(&state, &contract.id));
        let may = |subject: Subject<'_>| {
            let allowed = |purpose, level| permits(self, &state, (caller, purpose), &subject, level).ok();
            let mut purposes = caller.principal.purposes.iter();
            let permit = purposes
                .find_map(|purpose| subject.grammar.levels().into_iter().find_map(|level| allowed(purpose, level)));
            permit.map(|(derive, _)| card(&subject, &derive))
        };
        subjects.filter_map(may).collect()
    }

    /// A table of counts with noise, as `write` makes a text of it: on record before it is answered, if it is new to everybody. Nothing is
    /// counted where it is the one that the caller has, by its entity tag.
    ///
    /// # Errors
    /// If there is no such dataset for this caller, the agreements do not allow it, something is not registered, the organisation has
    /// asked for as many new tables this year as is agreed, or the table cannot be counted.
    pub fn table<T>(
        &self,
        caller: &Caller,
        request: &TableRequest,
        has: &dyn Fn(&str) -> bool,
        write: impl FnOnce(&TableAnswer) -> Result<T, PlatformError>,
    ) -> Result<TableOutcome<T>, PlatformError> {
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
        let mut outcome = None;
        for level in subject.grammar.levels() {
            outcome = Some(permits(self, &state, (caller, &purpose), &subject, level).map(drop));
            if matches!(outcome, Some(Ok(()))) {
                break;
            }
        }
        outcome.ok_or_else(missing)?.map_err(denied)?;
        let question = question(&subject, request)?;
        let (derive, release) =
            permits(self, &state, (caller, &purpose), &subject, question.level()).map_err(denied)?;
        if let Some(sum) = question.sum.as_ref().filter(|sum| !is_agreed(&derive, &subject, &sum.column)) {
            let problem = format!("no agreement lets `{}` of `{}` be added up", sum.column, subject.contract.id);
            return Err(PlatformError::BadParameter { parameter: "sum", problem });
        }
        self.still_protected(&state, &subject, release.terms())?;
        let (subject, question, release, stop) = (&subject, &question, &release, &request.stop);
        Asked { platform: self, state: &state, caller, subject, question, release, stop }.answer(&derive, has, write)
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
        let Subject { contract, group, noisy, grammar } = subject;
        let residents = residents_in_use(state).map_or([0; 32], |figures| figures.0);
        let epoch = state.snapshot.epoch().digest();
        let of = digest_of([&noisy.revision().0[..], &epoch.0, &state.geography()?.digest.0, &residents]);
        // Asked with every table, and the same until something of this changes.
        if self.protected().get(&contract.id) == Some(&of) {
            return Ok(());
        }
        let holds = || -> Result<bool, PlatformError> {
            let registered = group.basis.grammar.as_ref();
            let Some((noise, registered)) = noise_of(terms)?.zip(registered) else { return Ok(false) };
            check_primary(state, (grammar, Some(registered)), &terms.primary)?;
            self.judged(state, registered, &noise)?;
            Ok(parameters(&noise)? == *noisy.noise())
        };
        match holds() {
            Ok(true) => {
                self.protected().insert(contract.id.clone(), of);
                Ok(())
            }
            Ok(false) | Err(PlatformError::Unpublishable { .. }) => Err(PlatformError::Unavailable {
                reason:
                    "the agreements ask for another protection than what is published of it has: nothing is shown beside that"
                        .to_owned(),
            }),
            Err(error) => Err(error),
        }
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
        let (basis, dataset) = (&subject.group.basis, &subject.contract.id);
        let governing: Vec<Governing> =
            basis.governing(dataset).iter().map(|of| state.snapshot.rebound(of, now)).collect();
        let opt_outs = basis.opt_outs(&state.snapshot, &governing);
        let request = Request::new(principal, purpose.clone(), governing).with_outputs([level]).with_opt_outs(opt_outs);
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

fn what_is_counted(grammar: &Grammar) -> String {
    let counted = if grammar.people {
        "counts are of people, each once in a cell: who is in several cells is in each of them, and once in their total; a row that does \
         not say whose it is counts as somebody of its own"
    } else {
        "counts are of rows: noise hides one of them, and nobody knows which are of the same person"
    };
    counted.to_owned()
}

fn noise_in_words(noisy: &Noisy) -> String {
    let noise = noisy.noise();
    let hidden = match noise.least_shown() {
        0 => String::new(),
        1 => ", a count of 1 is never shown".to_owned(),
        most => format!(", counts of 1 to {most} are never shown"),
    };
    format!(
        "every count above zero has noise of at most {} either way (standard deviation {:.1}){hidden}; a 0 may stand for up to {}; totals \
         have noise of their own, so that parts do not add up to them exactly",
        noise.largest(),
        noise.variance().sqrt(),
        noise.largest()
    )
}

/// What a sum adds up and which noise it has.
fn sum_in_words(noisy: &Noisy, column: &str, grammar: &Grammar) -> Option<String> {
    let of = noisy.sums().get(column)?;
    let (whose, most) = (if grammar.people { "person" } else { "row" }, of.most());
    Some(format!(
        "figures are sums of `{column}`: of one {whose} no more than {most} is added up in a cell; what is not known adds nothing; a sum has noise of at most {} either way (standard \
         deviation {:.0}), and there is none where a count of at most {} is shown",
        of.largest(noisy.noise()),
        of.deviation(noisy.noise()),
        SumNoise::few(noisy.noise())
    ))
}

/// Whether a column may be used by a permit.
fn is_agreed(permit: &Permit<Derive>, subject: &Subject<'_>, column: &str) -> bool {
    permit.agreed_columns(&subject.contract.id).is_some_and(|agreed| agreed.contains_key(column))
}

fn card(subject: &Subject<'_>, permit: &Permit<Derive>) -> TableCard {
    let Subject { contract, group, noisy, grammar } = subject;
    TableCard {
        dataset: contract.id.clone(),
        title: contract.title.clone(),
        counts: if grammar.people { "people" } else { "rows" },
        area_types: grammar.areas.iter().copied().collect(),
        periods: grammar.periods.iter().flat_map(|kind| covered(&group.basis.periods(), *kind)).collect(),
        by: grammar.by.clone().into_iter().map(|(name, categories)| DimensionCard { name, categories }).collect(),
        sums: grammar
            .sums
            .keys()
            .filter(|name| is_agreed(permit, subject, name))
            .filter_map(|name| Some(SumCard { name: name.clone(), noise: sum_in_words(noisy, name, grammar)? }))
            .collect(),
        noise: noise_in_words(noisy),
        synthetic: contract.synthetic,
    }
}

#[cfg(test)]
mod tests;
