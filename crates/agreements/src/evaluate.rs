//! What stands in the way of a request, and what it may have if nothing does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use model::{DatasetId, Digest, Tier};

use crate::agreement::Agreement;
use crate::blocker::{Blocker, BlockerCode};
use crate::date::is_fresh;
use crate::event::State;
use crate::grant::Grant;
use crate::level::Levels;
use crate::permit::{AgreedColumn, Standing};
use crate::principal::{ActionKind, Recipient, Role};
use crate::registry::{Snapshot, has_begun, has_ended};
use crate::request::{Governing, LinkedFigures, Request};
use crate::terms::{Method, Onward, Terms, meet};
use crate::treatment::strictest;

/// Everything there is to say about a request.
pub(crate) struct Evaluation {
    pub(crate) inputs: Vec<Governing>,
    pub(crate) blockers: Vec<Blocker>,
    pub(crate) standings: BTreeMap<Digest, Standing>,
    /// The meet of the terms of all agreements with a grant that covers the request.
    pub(crate) terms: Option<Terms>,
}

struct Evaluator<'a> {
    snapshot: &'a Snapshot,
    request: &'a Request,
    action: ActionKind,
    /// Figures that are read, where nothing is linked.
    figures: Option<LinkedFigures>,
    now: Timestamp,
    inputs: Vec<Governing>,
    /// Who receives; `None` if the caller can receive nothing.
    recipient: Option<Recipient>,
    blockers: Vec<Blocker>,
}

/// Evaluates a request against every agreement that governs its data.
pub(crate) fn evaluate(snapshot: &Snapshot, request: &Request, action: ActionKind, now: Timestamp) -> Evaluation {
    evaluate_for(snapshot, request, (action, None), now)
}

/// The same; of figures of linked records, whether they may be read.
pub(crate) fn evaluate_for(
    snapshot: &Snapshot,
    request: &Request,
    (action, figures): (ActionKind, Option<LinkedFigures>),
    now: Timestamp,
) -> Evaluation {
    let mut evaluator = Evaluator {
        snapshot,
        request,
        action,
        figures,
        now,
        inputs: governed_inputs(snapshot, request, action, now),
        recipient: recipient(request, action),
        blockers: Vec::new(),
    };
    evaluator.caller();
    evaluator.datasets();
    evaluator.original();
    let mut terms: Option<Terms> = None;
    let mut standings = BTreeMap::new();
    let involved = evaluator.involved();
    for (agreement, datasets) in &involved {
        evaluator.standing(agreement, datasets);
        evaluator.forbids(agreement, datasets);
        evaluator.limits(agreement, datasets);
        if let Some((grant, recipients)) = evaluator.grant(agreement, datasets) {
            let own = agreement.terms(grant, recipients);
            terms = Some(terms.map_or_else(|| own.clone(), |terms| meet(&terms, &own)));
            let events = snapshot.events(&agreement.digest()).map_or(0, |log| log.events().len());
            let standing = Standing { name: agreement.name(), grant: grant.id.clone(), events };
            standings.insert(agreement.digest(), standing);
        }
    }
    evaluator.opt_outs(&involved);
    evaluator.together(&involved);
    let Evaluator { inputs, mut blockers, .. } = evaluator;
    blockers.sort();
    blockers.dedup();
    Evaluation { inputs, blockers, standings, terms }
}

/// The datasets, each once, with everything that governs them: what their manifests bind, or the versions that have
/// replaced it; for an intake what the snapshot says, and for passing on also what governed the original.
fn governed_inputs(snapshot: &Snapshot, request: &Request, action: ActionKind, now: Timestamp) -> Vec<Governing> {
    let mut inputs = Governing::combine(&request.inputs);
    for input in &mut inputs {
        if action == ActionKind::Ingest {
            input.agreements.extend(snapshot.governing(&input.dataset, now).agreements);
        }
        let originals = request.onward_of.iter().flat_map(|original| &original.inputs);
        for original in originals.filter(|original| original.dataset == input.dataset) {
            input.agreements.extend(original.agreements.iter().copied());
        }
        *input = snapshot.rebound(input, now);
    }
    inputs
}

/// Who receives: anyone, for a public release, whoever asks for it; otherwise the caller.
fn recipient(request: &Request, action: ActionKind) -> Option<Recipient> {
    if action == ActionKind::Release && request.tier == Tier::Public {
        return Some(Recipient::Public);
    }
    request.principal.recipient()
}

impl<'a> Evaluator<'a> {
    /// The loaded agreements of the request, each with the datasets of the request that it governs.
    fn involved(&self) -> Vec<(&'a Agreement, BTreeSet<DatasetId>)> {
        let mut involved: BTreeMap<Digest, BTreeSet<DatasetId>> = BTreeMap::new();
        for input in &self.inputs {
            for digest in &input.agreements {
                involved.entry(*digest).or_default().insert(input.dataset.clone());
            }
        }
        let loaded = |(digest, datasets)| self.snapshot.agreement(&digest).map(|agreement| (agreement, datasets));
        involved.into_iter().filter_map(loaded).collect()
    }

    /// Adds a blocker that comes from the request itself.
    fn block(&mut self, code: BlockerCode, clause: &str, required: impl Into<String>, actual: impl Into<String>) {
        self.blockers.push(Blocker {
            code,
            agreement: None,
            clause: clause.to_owned(),
            required: required.into(),
            actual: actual.into(),
            remedy: code.remedy(),
            contact: String::new(),
            audience: None,
        });
    }

    /// Adds a blocker about a dataset, for its supplier's eyes.
    fn block_dataset(&mut self, code: BlockerCode, dataset: &DatasetId, required: &str, actual: impl Into<String>) {
        self.block(code, dataset.as_str(), required, actual);
        if let Some(blocker) = self.blockers.last_mut() {
            blocker.audience = Some(Arc::new(dataset.organisation().into_iter().collect()));
        }
    }

    /// Adds a blocker that comes from an agreement, for its parties' eyes.
    fn refuse(
        &mut self,
        agreement: &Agreement,
        code: BlockerCode,
        clause: &str,
        required: impl Into<String>,
        actual: impl Into<String>,
    ) {
        self.block(code, clause, required, actual);
        if let Some(blocker) = self.blockers.last_mut() {
            blocker.agreement = Some(agreement.name());
            blocker.contact = agreement.contact().to_owned();
            blocker.audience = Some(Arc::clone(agreement.audience()));
        }
    }

    fn caller(&mut self) {
        let principal = &self.request.principal;
        if !principal.role.permits(self.action) {
            let required = format!("a role that may {}", self.action);
            self.block(BlockerCode::RoleNotPermitted, "principal.role", required, principal.role.as_str());
        }
        // A published table carries its own purpose; its reader has no credential that could name one.
        if principal.role != Role::Public && !principal.purposes.contains(&self.request.purpose) {
            let held: Vec<_> = principal.purposes.iter().map(|purpose| purpose.as_str()).collect();
            let purpose = self.request.purpose.as_str();
            self.block(BlockerCode::PurposeNotHeld, "principal.purposes", purpose, held.join(", "));
        }
        if self.action == ActionKind::Release && self.request.outputs.is_empty() {
            self.block(BlockerCode::NoOutput, "request.outputs", "at least one table", "none");
        }
    }

    fn datasets(&mut self) {
        if self.inputs.is_empty() {
            self.block(BlockerCode::NoDataset, "request.inputs", "at least one dataset", "none");
        }
        for input in self.inputs.clone() {
            let dataset = &input.dataset;
            if let Some(fault) = self.snapshot.faults(dataset).first() {
                self.block_dataset(BlockerCode::DatasetClosed, dataset, "files without faults", fault.to_string());
            }
            if input.agreements.is_empty() || self.has_ungoverned(dataset) {
                self.block_dataset(BlockerCode::NoAgreement, dataset, "at least one agreement", "none");
            }
            for digest in input.agreements.iter().filter(|digest| self.snapshot.agreement(digest).is_none()) {
                let actual = digest.to_string();
                self.block_dataset(BlockerCode::AgreementUnknown, dataset, "an agreement that is loaded", actual);
            }
        }
    }

    /// Whether a part of a dataset came without any agreement: what governs its other parts, or what the original was
    /// released under, does not govern it. Only an intake has no manifest to name one.
    fn has_ungoverned(&self, dataset: &DatasetId) -> bool {
        let parts = self.request.inputs.iter().filter(|part| part.dataset == *dataset);
        self.action != ActionKind::Ingest && parts.into_iter().any(|part| part.agreements.is_empty())
    }

    /// Passing on stays within what was released.
    fn original(&mut self) {
        let Some(original) = &self.request.onward_of else { return };
        let request = self.request;
        let levels = Levels::at_least_as_coarse_as(original.outputs.iter().copied());
        let code = BlockerCode::BeyondOriginal;
        if self.action != ActionKind::Release || original.action != ActionKind::Release {
            self.block(code, "action", "passing on a release", format!("{} of {}", self.action, original.action));
        }
        if request.purpose != original.purpose {
            self.block(code, "purpose", original.purpose.as_str(), request.purpose.as_str());
        }
        if request.tier > original.tier {
            self.block(code, "tier", "partners", "public");
        }
        for level in request.outputs.iter().filter(|level| !levels.contains(**level)) {
            self.block(code, "outputs", levels.to_string(), level.to_string());
        }
        for input in self.inputs.clone() {
            if !original.inputs.iter().any(|known| known.dataset == input.dataset) {
                self.block(code, "inputs", "a dataset of the original", input.dataset.as_str());
            }
        }
    }

    /// Whether the agreement is active.
    fn standing(&mut self, agreement: &Agreement, datasets: &BTreeSet<DatasetId>) {
        let header = &agreement.document().agreement;
        let state = self.snapshot.events(&agreement.digest()).map_or(State::Unsigned, |log| log.state(self.now));
        let code = match state {
            State::Unsigned => Some(BlockerCode::NotSigned),
            State::Suspended => Some(BlockerCode::Suspended),
            State::Terminated => Some(BlockerCode::Terminated),
            State::InForce => None,
        };
        if let Some(code) = code {
            self.refuse(agreement, code, "events", State::InForce.to_string(), state.to_string());
        }
        let now = self.now.to_string();
        if !has_begun(agreement, self.now) {
            let required = format!("{} or later", header.effective);
            self.refuse(agreement, BlockerCode::NotYetEffective, "agreement.effective", required, now.as_str());
        }
        if has_ended(agreement, self.now) {
            let required = format!("before {}", header.expires);
            self.refuse(agreement, BlockerCode::Expired, "agreement.expires", required, now);
        }
        for actual in self.snapshot.looser_successors(agreement, datasets, self.now) {
            let required = format!("no wider terms than those of {}", agreement.name());
            self.refuse(agreement, BlockerCode::Superseded, "agreement.supersedes", required, actual);
        }
    }

    /// The first grant that covers the whole request; what the nearest one lacks, if there is none.
    fn grant(
        &mut self,
        agreement: &'a Agreement,
        datasets: &BTreeSet<DatasetId>,
    ) -> Option<(&'a Grant, &'a BTreeSet<Recipient>)> {
        let mut nearest: Option<(&Grant, Vec<String>)> = None;
        for (grant, recipients) in agreement.grants() {
            let gaps = self.gaps(grant, recipients, datasets);
            if gaps.is_empty() {
                return Some((grant, recipients));
            }
            if nearest.as_ref().is_none_or(|(_, fewest)| gaps.len() < fewest.len()) {
                nearest = Some((grant, gaps));
            }
        }
        let actual = nearest.map_or_else(
            || "no grant".to_owned(),
            |(grant, gaps)| format!("grant `{}` does not cover {}", grant.id, gaps.join(", ")),
        );
        self.refuse(agreement, BlockerCode::NoGrant, "grant", "one grant that covers the whole request", actual);
        None
    }

    fn gaps(&self, grant: &Grant, granted: &BTreeSet<Recipient>, datasets: &BTreeSet<DatasetId>) -> Vec<String> {
        let mut gaps = Vec::new();
        if !grant.purposes.contains(&self.request.purpose) {
            gaps.push(format!("purpose {}", self.request.purpose));
        }
        if !grant.actions.contains(&self.action) {
            gaps.push(format!("action {}", self.action));
        }
        match &self.recipient {
            Some(recipient) if granted.contains(recipient) => {}
            Some(recipient) => gaps.push(format!("recipient {recipient}")),
            None => gaps.push(format!("recipient {}", self.request.principal)),
        }
        gaps.extend(datasets.difference(&grant.datasets).map(|id| format!("dataset {id}")));
        if self.action == ActionKind::Link {
            let others = self.inputs.iter().map(|input| &input.dataset).filter(|id| !datasets.contains(*id));
            let outside = others.filter(|id| !grant.datasets.contains(*id) && !grant.link_with.contains(*id));
            gaps.extend(outside.map(|id| format!("link with {id}")));
        }
        gaps
    }

    fn forbids(&mut self, agreement: &Agreement, datasets: &BTreeSet<DatasetId>) {
        let forbid = &agreement.document().forbid;
        let purpose = &self.request.purpose;
        if forbid.purposes.contains(purpose) {
            let code = BlockerCode::ForbiddenPurpose;
            self.refuse(agreement, code, "forbid.purposes", "another purpose", purpose.as_str());
        }
        if self.action == ActionKind::Link {
            for input in self.inputs.clone() {
                let other = !datasets.contains(&input.dataset) || datasets.len() > 1;
                if other && forbid.links.contains(&input.dataset) {
                    let code = BlockerCode::ForbiddenLink;
                    self.refuse(agreement, code, "forbid.links", "no link with it", input.dataset.as_str());
                }
            }
        }
        for (index, pattern) in forbid.recipients.iter().enumerate() {
            // Neither to them, nor at their wish to anyone.
            let met = [self.recipient.clone(), self.request.principal.recipient()];
            let met = met.iter().flatten().find(|who| pattern.forbids(who)).map(ToString::to_string);
            if let Some(who) = met {
                let clause = format!("forbid.recipients.{}", index + 1);
                let required = format!("anyone but {pattern}");
                self.refuse(agreement, BlockerCode::ForbiddenRecipient, &clause, required, who);
            }
        }
    }

    /// Evidence is about a dataset, not about an agreement: where several ask for it, the one that wants it freshest
    /// speaks for all, because what satisfies it satisfies them.
    fn opt_outs(&mut self, involved: &[(&'a Agreement, BTreeSet<DatasetId>)]) {
        let mut strictest: BTreeMap<(&DatasetId, &str), (u32, &Agreement)> = BTreeMap::new();
        for (agreement, datasets) in involved {
            let rule = agreement.document().optout.as_ref().filter(|rule| rule.applies.contains(&self.action));
            for (rule, dataset) in rule.into_iter().flat_map(|rule| datasets.iter().map(move |dataset| (rule, dataset)))
            {
                let known = strictest.entry((dataset, &rule.scheme)).or_insert((rule.max_age_days, agreement));
                if rule.max_age_days < known.0 {
                    *known = (rule.max_age_days, agreement);
                }
            }
        }
        // Nothing was linked later than now.
        let linked_at = self.figures.map(|figures| figures.at);
        let at = linked_at.map_or(self.now, |at| at.min(self.now));
        for ((dataset, scheme), (days, agreement)) in strictest {
            let evidence = self.request.opt_outs.iter().filter(|e| e.dataset == *dataset && e.scheme == scheme);
            let latest = evidence.map(|evidence| evidence.applied_at).filter(|applied| *applied <= at).max();
            if !latest.is_some_and(|applied| is_fresh(applied, at, days)) {
                let before = if linked_at.is_some() { format!("before {at}") } else { "ago".to_owned() };
                let required = format!("{scheme} applied less than {days} days {before}");
                let actual = latest.map_or_else(|| "no evidence".to_owned(), |at| format!("applied at {at}"));
                let clause = format!("optout for {dataset}");
                self.refuse(agreement, BlockerCode::OptOutEvidence, &clause, required, actual);
            }
        }
    }

    /// Period, audience, levels and passing on.
    fn limits(&mut self, agreement: &Agreement, datasets: &BTreeSet<DatasetId>) {
        let terms = &agreement.document().terms;
        if self.action == ActionKind::Ingest {
            self.period(agreement, datasets);
        }
        if self.action == ActionKind::Release {
            let public = self.request.tier == Tier::Public || self.request.principal.role == Role::Public;
            if public && terms.tier < Tier::Public {
                self.refuse(agreement, BlockerCode::TierExceeded, "terms.tier", "partners", "public");
            }
        }
        if let Some(figures) = self.figures {
            let agreed = terms.links.map_or(0, |links| links.odds);
            if figures.odds > agreed {
                let required = if agreed == 0 { "no figures".to_owned() } else { format!("at most {agreed}") };
                self.refuse(
                    agreement,
                    BlockerCode::OddsExceeded,
                    "terms.links.odds",
                    required,
                    figures.odds.to_string(),
                );
            }
            // What is rounded to a multiple is rounded to it, too.
            if !figures.rounding.is_multiple_of(terms.rounding.max(1)) {
                let (required, actual) = (format!("a multiple of {}", terms.rounding), figures.rounding.to_string());
                self.refuse(agreement, BlockerCode::OddsExceeded, "terms.rounding", required, actual);
            }
        }
        if matches!(self.action, ActionKind::Derive | ActionKind::Release) {
            let levels = agreement.levels();
            for level in self.request.outputs.iter().filter(|level| !levels.contains(**level)) {
                let code = BlockerCode::LevelTooFine;
                self.refuse(agreement, code, "terms.finest", levels.to_string(), level.to_string());
            }
        }
        if self.request.onward_of.is_some() && terms.onward == Onward::None {
            let code = BlockerCode::OnwardNotAllowed;
            self.refuse(agreement, code, "terms.onward", "onward = \"recipients\"", "onward = \"none\"");
        }
    }

    fn period(&mut self, agreement: &Agreement, datasets: &BTreeSet<DatasetId>) {
        let Some(period) = self.request.period else { return };
        for dataset in datasets.iter().filter_map(|id| agreement.dataset(id)) {
            let from = dataset.from;
            let first = (i32::from(from.year()), i32::from(from.month()));
            let starts = (period.start().year(), period.start().month());
            let begins_inside = if from.day() == 1 { starts >= first } else { starts > first };
            let ends = (period.end().year(), period.end().month());
            let ends_inside =
                dataset.until.is_none_or(|until| ends <= (i32::from(until.year()), i32::from(until.month())));
            if !begins_inside || !ends_inside {
                let until = dataset.until.map_or_else(|| "no end".to_owned(), |until| format!("before {until}"));
                let required = format!("from {from}, {until}");
                let clause = format!("dataset {}", dataset.id);
                self.refuse(agreement, BlockerCode::PeriodNotCovered, &clause, required, period.label());
            }
        }
    }

    /// What the agreements must have in common.
    fn together(&mut self, involved: &[(&'a Agreement, BTreeSet<DatasetId>)]) {
        let about_people = |agreement: &Agreement, datasets: &BTreeSet<DatasetId>| {
            datasets.iter().any(|id| agreement.dataset(id).is_none_or(|dataset| !dataset.exposure.is_open()))
        };
        let controlled = involved.iter().filter(|(agreement, datasets)| about_people(agreement, datasets));
        let regimes: BTreeSet<_> = controlled.map(|(agreement, _)| agreement.document().legal.regime).collect();
        if regimes.len() > 1 {
            let names: Vec<_> = regimes.iter().map(ToString::to_string).collect();
            self.block(BlockerCode::RegimesMixed, "legal.regime", "one law for all", names.join(" and "));
        }
        if matches!(self.action, ActionKind::Derive | ActionKind::Release) && !involved.is_empty() {
            let accepted = |method: Method| {
                involved.iter().all(|(agreement, _)| agreement.document().terms.methods.contains(&method))
            };
            if ![Method::Suppress, Method::Perturb].into_iter().any(accepted) {
                self.block(BlockerCode::MethodConflict, "terms.methods", "a method that all accept", "none");
            }
        }
    }
}

/// The columns of a dataset on which all its agreements agree, each with the strictest treatment.
pub(crate) fn agreed_columns(snapshot: &Snapshot, input: &Governing) -> BTreeMap<String, AgreedColumn> {
    let mut agreed: Option<BTreeMap<String, AgreedColumn>> = None;
    for agreement in input.agreements.iter().filter_map(|digest| snapshot.agreement(digest)) {
        let columns = agreement.dataset(&input.dataset).into_iter().flat_map(|dataset| &dataset.columns);
        let mut own = BTreeMap::new();
        for column in columns {
            let clause = format!("{} [[dataset]] {}", agreement.name(), input.dataset);
            let column_terms = AgreedColumn { role: column.role, treatment: column.treatment, clause };
            own.insert(column.name.clone(), column_terms);
        }
        agreed = Some(match agreed {
            None => own,
            Some(others) => others
                .into_iter()
                .filter_map(|(name, other)| {
                    let own = own.get(&name)?;
                    let treatment = strictest(own.treatment, other.treatment);
                    let clause = format!("{}; {}", other.clause, own.clause);
                    Some((name, AgreedColumn { role: other.role, treatment, clause }))
                })
                .collect(),
        });
    }
    agreed.unwrap_or_default()
}
