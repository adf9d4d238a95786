//! Publications that wait: where an agreement asks for approval, a plan is kept encrypted in the ledger, and nothing of it is
//! released before somebody of each role that is asked has approved this very entry.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::MutexGuard;

use agreements::{Role, Status};
use audit::{Grounds, PreviewRecord, Verdict};
use catalog::JobReason;
use disclosure::{LedgerPort, SealedEntry};
use model::{DatasetId, Digest, Label};

use super::audit::Audit;
use super::contract;
use super::group::Work;
use super::ledger::{Ledger, Opened, Previewed, ledger_group};
use super::queue::public_reason;
use super::waiting::{Standing, Waiting};
use crate::caller::Caller;
use crate::error::{Blocker, PlatformError};
use crate::platform::Platform;
use crate::publish::Basis;
use crate::review::PublicationReport;

/// Why a plan is void of which there is no other in its place.
const CANNOT_BE_MADE: &str = "it may not be published any more as it is";
/// Why a plan is void whose dataset has no contract any more.
const NOT_DEFINED: &str = "its dataset is not defined any more";
/// How a supplier reads that a publication waits.
pub(crate) const WAITS: &str = "waits for approval";

/// A publication that waits, for those who decide about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The dataset.
    pub dataset: DatasetId,
    /// What is approved or rejected: this and nothing else.
    pub digest: Digest,
    /// The roles that have to approve it.
    pub approval: BTreeSet<Label>,
    /// What was decided, in order.
    pub decisions: Vec<String>,
    /// Why it can no longer be approved, if it cannot.
    pub void: Option<String>,
    /// What it would release and withhold, without how many cells are withheld for which reason; none where it cannot be read.
    pub report: Option<PublicationReport>,
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} {}", self.dataset, self.digest)?;
        writeln!(f, "  {}", waits_for(&self.approval))?;
        self.decisions.iter().try_for_each(|decision| writeln!(f, "  {decision}"))?;
        if let Some(changed) = &self.void {
            writeln!(f, "  void: {changed}; whatever is made in its place is previewed anew")?;
        }
        let report = self.report.as_ref().map(ToString::to_string).unwrap_or_default();
        report.lines().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl Platform {
    /// Whether a plan may be released: if somebody has to approve it, whether they have approved this one. If not, it is kept
    /// and on record. Of the plan there is its entry, and how many cells it shows and withholds after how many steps.
    ///
    /// Until the guard is dropped nobody decides otherwise: it is held until the release is on record.
    ///
    /// # Errors
    /// [`PlatformError::AwaitsApproval`] while it waits, [`PlatformError::Unpublishable`] if it was rejected.
    pub(super) fn approved(
        &self,
        (dataset, basis): (&DatasetId, &Basis),
        (entry, (cells_shown, cells_withheld, steps)): (&SealedEntry, (usize, usize, u64)),
        approval: &BTreeSet<Role>,
        ledger: &mut Ledger<'_>,
        audit: &Audit<'_>,
    ) -> Result<Option<MutexGuard<'_, ()>>, PlatformError> {
        if approval.is_empty() {
            return Ok(None);
        }
        let group = ledger_group(dataset)?;
        // The same bytes have the number that they have.
        let sequence = ledger
            .append(entry)
            .map_err(|source| PlatformError::Failed { operation: "keep a plan that waits for approval", source })?;
        let ledger_entry = self.ledger_digest(&group, sequence)?;
        let roles = labels(approval)?;
        let nobody_decides = self.deciding();
        // Where others are asked by now, what was decided before is no answer.
        let this = |waiting: &Waiting| waiting.plan.ledger_entry == ledger_entry && waiting.approval == roles;
        let known = self.recorded().waiting(&group).filter(this);
        let Some(waiting) = known else {
            let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            self.record(audit::Entry::Previewed {
                work_id: audit.work_id,
                group,
                plan: PreviewRecord {
                    ledger_sequence: sequence,
                    ledger_entry,
                    cells_shown: count(cells_shown),
                    cells_withheld: count(cells_withheld),
                    steps,
                },
                approval: roles.clone(),
            })?;
            return Err(waits(&roles, basis));
        };
        match waiting.standing(&dataset.organisation()?) {
            Standing::Approved => Ok(Some(nobody_decides)),
            Standing::Waits(roles) => Err(waits(&roles, basis)),
            Standing::Rejected { role, grounds } => {
                Err(PlatformError::Unpublishable { reason: rejected(&role, grounds) })
            }
        }
    }

    /// The publications that wait and that the caller is asked about; on record. One that cannot be read is among them as void,
    /// without figures, and hides no other.
    ///
    /// # Errors
    /// If the caller decides about none, or the agreements or the audit log cannot be used.
    pub fn previews(&self, caller: &Caller) -> Result<Vec<Preview>, PlatformError> {
        if !decides(caller) {
            let missing = PlatformError::NotFound { what: "a publication that waits for you as a reviewer".to_owned() };
            return Err(self.unregistered(caller, audit::Work::Review, "publications", missing));
        }
        self.refresh_agreements()?;
        let groups = self.recorded().waiting_groups();
        let mut previews = Vec::new();
        for group in groups {
            let dataset: DatasetId = group.as_str().parse()?;
            let waiting = self.recorded().waiting(&group);
            let Some(waiting) = waiting.filter(|waiting| waiting.asks(caller.principal.role)) else { continue };
            let opened = self.open_waiting(&dataset, &waiting);
            if !self.is_for(caller, &dataset, &opened) {
                continue;
            }
            let question = audit::Question::Preview;
            self.record(audit::Entry::Reviewed { actor: caller.actor.clone(), group, question })?;
            let (void, report) = opened.and_then(|opened| self.previewed(&dataset, &opened)).unwrap_or_else(|error| {
                let causes = crate::error::causes(&error);
                tracing::error!(dataset = dataset.as_str(), causes, "what waits for approval cannot be read");
                (Some(public_reason(&error)), None)
            });
            previews.push(Preview {
                void,
                digest: waiting.plan.ledger_entry,
                approval: waiting.approval.clone(),
                decisions: waiting.decisions.iter().map(|decision| decision.told_to(caller.organisation())).collect(),
                dataset,
                report,
            });
        }
        Ok(previews)
    }

    /// Why an entry that waits is void, if it is, and what it would release and withhold.
    fn previewed(
        &self,
        dataset: &DatasetId,
        opened: &Opened,
    ) -> Result<(Option<String>, Option<PublicationReport>), PlatformError> {
        let void = self.changed_since(dataset, &opened.basis)?.map(str::to_owned);
        let mut report = self.report_on(dataset, opened)?;
        // Which rule withholds how many narrows what they hold; reviewers are told it of what is released.
        report.reasons.clear();
        Ok((void, Some(report)))
    }

    /// Approves or rejects a publication that waits, by the digest that was previewed; on record before it counts. What is
    /// published follows with the next run. Where it stands then, in words.
    ///
    /// # Errors
    /// If nothing waits that the caller may decide about, something else waits by now, what it stands on changed since, or the reason is
    /// none for this verdict.
    pub fn decide_publication(
        &self,
        caller: &Caller,
        dataset: &DatasetId,
        digest: Digest,
        verdict: Verdict,
        grounds: Grounds,
    ) -> Result<String, PlatformError> {
        // What is being released at this moment cannot be rejected any more, and whoever tries is told.
        let _nobody_releases = self.deciding();
        let missing = || PlatformError::NotFound { what: format!("a publication of `{dataset}` that waits") };
        let nothing = || self.unregistered(caller, audit::Work::Review, dataset.as_str(), missing());
        if !decides(caller) {
            return Err(nothing());
        }
        let group = ledger_group(dataset)?;
        self.refresh_agreements()?;
        // Whoever is not asked does not learn that it waits.
        let waiting = self.recorded().waiting(&group).filter(|waiting| waiting.asks(caller.principal.role));
        let Some(waiting) = waiting else { return Err(nothing()) };
        let opened = self.open_waiting(dataset, &waiting);
        if !self.is_for(caller, dataset, &opened) {
            return Err(nothing());
        }
        let opened = opened?;
        let bad = |parameter, problem: String| Err(PlatformError::BadParameter { parameter, problem });
        let role = caller.principal.role.as_str();
        // The supplier may only take back what it rejected itself.
        let own = caller.organisation().filter(|own| dataset.organisation().as_ref() == Ok(own));
        if verdict == Verdict::Approved && own.is_some_and(|own| !waiting.is_rejected_by(role, own)) {
            return Err(self.own_data(caller, dataset));
        }
        let preview = waiting.plan.ledger_entry;
        if digest != preview {
            let problem =
                format!("`{digest}` does not wait: what waits is `{preview}`, and everything before it is void");
            return bad("digest", problem);
        }
        if (verdict == Verdict::Approved) != (grounds == Grounds::AsAgreed) {
            let problem = "what is approved is `as-agreed`, and what is rejected is for another reason".to_owned();
            return bad("because", problem);
        }
        let versions = self.not_yet_out(dataset, &opened.basis)?;
        if let Some(changed) = self.changed_since(dataset, &opened.basis)? {
            self.queue_versions(&versions)?;
            self.wake_publisher();
            let problem = format!("`{digest}` is void: {changed}; whatever is made in its place is previewed anew");
            return bad("digest", problem);
        }
        if verdict == Verdict::Approved {
            self.ask_again(dataset, &opened.basis)?;
        }
        // The jobs first: killed after the record, what was decided would wait for a job that nobody queues. Killed before it,
        // they find that the plan still waits. Nor can they run too early: a publisher that takes one now has to take
        // `deciding` in `approved` before it reads what was decided, and gets it when this is recorded or has failed.
        self.queue_versions(&versions)?;
        if !waiting.is_said(caller.actor.as_ref(), verdict, grounds) {
            let group = group.clone();
            self.record(audit::Entry::Decided { actor: caller.actor.clone(), group, preview, verdict, grounds })?;
        }
        if verdict == Verdict::Rejected {
            // With the plan goes the revision that it was made for: what is published goes on without.
            self.remember(dataset, super::ledger::Remembered::end_revision)?;
        }
        self.wake_publisher();
        let supplier = dataset.organisation()?;
        let standing = self.recorded().waiting(&group).map(|waiting| waiting.standing(&supplier));
        Ok(match standing {
            Some(Standing::Waits(roles)) => waits_for(&roles),
            Some(Standing::Rejected { role, grounds }) => {
                format!("{}: whoever rejected it may approve it after all", rejected(&role, grounds))
            }
            Some(Standing::Approved) | None => "approved: it is published with the next run".to_owned(),
        })
    }

    /// With a rejection that is taken back comes the revision that it ended.
    fn ask_again(&self, dataset: &DatasetId, basis: &Basis) -> Result<(), PlatformError> {
        let remembered = self.remembered(dataset)?;
        let out = self.released_entries(dataset)?.last().map(|last| last.basis.versions()).unwrap_or_default();
        let is_in = |held: &BTreeSet<uuid::Uuid>| held.is_subset(&basis.versions()) && held.is_disjoint(&out);
        let previewed = remembered.previewed.filter(|previewed| is_in(&previewed.held));
        let Some(Previewed { digest, held }) = previewed.filter(|_| remembered.revised.is_empty()) else {
            return Ok(());
        };
        self.remember(dataset, |remembered| (remembered.revised, remembered.agreed) = (held, Some(digest)))
    }

    /// Whether the plan that these corrections would have was rejected, in words.
    pub(super) fn rejection(
        &self,
        dataset: &DatasetId,
        corrections: &BTreeSet<uuid::Uuid>,
    ) -> Result<Option<String>, PlatformError> {
        let Some(waiting) = self.recorded().waiting(&ledger_group(dataset)?) else { return Ok(None) };
        let Standing::Rejected { role, grounds } = waiting.standing(&dataset.organisation()?) else { return Ok(None) };
        let basis = self.open_waiting(dataset, &waiting)?.basis;
        if !corrections.is_subset(&basis.versions()) || self.changed_since(dataset, &basis)?.is_some() {
            return Ok(None);
        }
        let rejected = rejected(&role, grounds);
        Ok(Some(format!("{rejected}: whoever rejected it may approve it after all, or other corrections may be sent")))
    }

    /// Refuses to let an organisation approve what it sent in itself; on record.
    fn own_data(&self, caller: &Caller, dataset: &DatasetId) -> PlatformError {
        let code = "own-data";
        let reference = uuid::Uuid::now_v7().simple().to_string();
        let blocker = Blocker {
            code: code.to_owned(),
            agreement: format!("the agreements on `{dataset}`"),
            clause: "terms.approval".to_owned(),
            required: "the word of another organisation than the one whose data they are".to_owned(),
            actual: "these data are your organisation's own".to_owned(),
            remedy: "let somebody of another organisation approve them; yours may reject them".to_owned(),
            contact: "another party to them".to_owned(),
        };
        let denied =
            PlatformError::Denied { code: code.to_owned(), reference: reference.clone(), blockers: vec![blocker] };
        let Ok(code) = code.parse() else { return denied };
        let entry = audit::Entry::Denied {
            actor: caller.actor.clone(),
            work: audit::Work::Review,
            subject: dataset.as_str().parse().ok(),
            purpose: None,
            code,
            reference: reference.parse().ok(),
            agreement: None,
        };
        self.record(entry).err().unwrap_or(denied)
    }

    /// Whether the caller may know of what waits. Whom the agreements let see what cannot be read is not known: only the
    /// partnership, whose service it is, is told of that.
    fn is_for(&self, caller: &Caller, dataset: &DatasetId, opened: &Result<Opened, PlatformError>) -> bool {
        match opened {
            Ok(opened) => self.may_decide(caller, dataset, &opened.basis),
            Err(_) => caller.organisation() == Some(&self.state().snapshot.partnership().partnership.id),
        }
    }

    /// Reviewers whom the agreements let see all of it; governance of any party to an agreement that is in force for the data
    /// now and itself asks governance.
    fn may_decide(&self, caller: &Caller, dataset: &DatasetId, basis: &Basis) -> bool {
        let (state, now) = (self.state(), self.now());
        let asks_party = |digest: &Digest| {
            let agreement = state.snapshot.agreement(digest);
            let active = state.snapshot.status(digest, now) == Some(Status::Active);
            agreement.zip(caller.organisation()).filter(|_| active).is_some_and(|(agreement, id)| {
                agreement.party(id).is_some() && agreement.document().terms.approval.contains(&Role::Governance)
            })
        };
        match caller.principal.role {
            Role::Reviewer => self.may_review(caller, dataset, basis).is_some_and(|outcome| outcome.is_ok()),
            Role::Governance => {
                let governing = basis.governing(dataset);
                let mut bound = governing.iter().map(|of| state.snapshot.rebound(of, now));
                bound.any(|of| of.agreements.iter().any(asks_party))
            }
            _ => false,
        }
    }

    fn open_waiting(&self, dataset: &DatasetId, waiting: &Waiting) -> Result<Opened, PlatformError> {
        let stored = self.ledger_entry(&ledger_group(dataset)?, waiting.plan.ledger_sequence)?;
        if stored.digest != waiting.plan.ledger_entry {
            let reason = format!("the entry of `{dataset}` that waits is not the one that was previewed");
            return Err(PlatformError::Unavailable { reason });
        }
        self.open_entry(dataset, None, &stored)
    }

    /// What changed since a plan was made, in words; nothing if it would be made again.
    fn changed_since(&self, dataset: &DatasetId, basis: &Basis) -> Result<Option<&'static str>, PlatformError> {
        self.refresh_agreements()?;
        let state = self.state();
        let Ok(contract) = contract(&state, dataset) else { return Ok(Some(NOT_DEFINED)) };
        let past = self.released_entries(dataset)?;
        let last = past.last().map(|opened| &opened.basis);
        let current = self.current_versions(dataset)?;
        if current.is_empty() {
            return Ok(Some("its data were withdrawn"));
        }
        // With the corrections that a revision was asked of, with all that wait, as where it was rejected, or without any.
        let (revised, none) = (self.remembered(dataset)?.revised, BTreeSet::new());
        let held = self.settled(&current, &past, &none)?.held;
        let tries = [&revised, &held, &none].map(|revised| self.settled(&current, &past, revised));
        let mut tries =
            tries.into_iter().map(|tried| tried.map(|settled| settled.versions)).collect::<Result<Vec<_>, _>>()?;
        // Without corrections there is nothing where all was withdrawn.
        tries.retain(|versions| !versions.is_empty());
        let work = Work { state: &state, contract, past: &past };
        let (mut changed, mut cannot_be_made) = (None, None);
        // Without the views that are new it is made for a revision, or where these would take too much.
        for (versions, all_views) in tries.iter().flat_map(|versions| [(versions, true), (versions, false)]) {
            let allowed = match self.allowed_of(&work, versions, !all_views) {
                Err(PlatformError::Denied { .. }) => return Ok(Some("the agreements do not allow it any more")),
                allowed => allowed,
            };
            let difference = allowed.and_then(|allowed| {
                Ok(self.prepare(&state, contract, versions, &allowed, last)?.basis.differs_in(basis))
            });
            match difference {
                Ok(None) => return Ok(None),
                Ok(difference) => changed = changed.or(difference),
                Err(PlatformError::Unpublishable { .. }) => cannot_be_made = Some(CANNOT_BE_MADE),
                Err(error) => return Err(error),
            }
        }
        Ok(changed.or(cannot_be_made))
    }

    /// The versions of a plan that waits which are in no release; at least one.
    fn not_yet_out(&self, dataset: &DatasetId, basis: &Basis) -> Result<Vec<uuid::Uuid>, PlatformError> {
        let past = self.released_entries(dataset)?;
        let out: BTreeSet<uuid::Uuid> =
            past.iter().flat_map(|opened| &opened.basis.partitions).map(|partition| partition.version).collect();
        let all = || basis.partitions.iter().map(|partition| partition.version);
        let fresh: Vec<uuid::Uuid> = all().filter(|version| !out.contains(version)).collect();
        Ok(if fresh.is_empty() { all().next_back().into_iter().collect() } else { fresh })
    }

    pub(super) fn queue_versions(&self, versions: &[uuid::Uuid]) -> Result<(), PlatformError> {
        for version in versions {
            self.queue(JobReason::Ingested, Some(*version), self.now())?;
        }
        Ok(())
    }
}

/// Whether the caller may be asked at all.
fn decides(caller: &Caller) -> bool {
    matches!(caller.principal.role, Role::Reviewer | Role::Governance)
}

fn labels(roles: &BTreeSet<Role>) -> Result<BTreeSet<Label>, PlatformError> {
    Ok(roles.iter().map(|role| role.as_str().parse()).collect::<Result<_, _>>()?)
}

fn rejected(role: &Label, grounds: Grounds) -> String {
    format!("it was rejected by {role} ({})", grounds.as_str())
}

fn waits_for(roles: &BTreeSet<Label>) -> String {
    let roles: Vec<&str> = roles.iter().map(Label::as_str).collect();
    format!("{WAITS} by {}", roles.join(" and "))
}

fn waits(roles: &BTreeSet<Label>, basis: &Basis) -> PlatformError {
    PlatformError::AwaitsApproval {
        versions: basis.versions(),
        reason: format!("{}; nothing of it is shown until then", waits_for(roles)),
    }
}

#[cfg(test)]
mod tests;
