//! What the audit log says: which ledger entries were released, held against what the ledger has, and which work has no end.
//!
//! An entry is durable before its release is recorded, so a crash may leave one that was never released: it is passed
//! over. Anything else that does not fit means that one of the two was cut or exchanged, and nothing of the group may be
//! shown until somebody has restored it: what is out already would be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use audit::{Actor, AuditError, CredentialChange, Entry, FolderStorage, PlanRecord, Verdict};
use catalog::LedgerEntry;
use jiff::Timestamp;
use model::{Digest, Label, OrganisationId};
use uuid::Uuid;

use super::basis::Basis;
use super::waiting::{Decision, Waiting};

/// What is read from the audit log once, and followed from then on.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// The released entries of every group, by their number in the ledger.
    plans: BTreeMap<Label, BTreeMap<u64, PlanRecord>>,
    /// When the last release of each group was recorded.
    times: BTreeMap<Label, Timestamp>,
    /// Groups whose last release was of open data.
    open: BTreeSet<Label>,
    /// The plan of each group that waits for approval.
    waiting: BTreeMap<Label, Waiting>,
    /// Intents without an end.
    unfinished: BTreeSet<Uuid>,
    /// Every dataset version that was taken in.
    versions: BTreeSet<Uuid>,
    /// Those of them that were withdrawn.
    withdrawn: BTreeSet<Uuid>,
    /// Every credential that was issued, with whom it was issued to.
    issued: BTreeMap<Label, OrganisationId>,
    /// Every credential that was revoked.
    revoked: BTreeSet<Label>,
    /// Every table that was asked for and answered: its group, and the question with the states of the data.
    answered: BTreeSet<(Label, Digest)>,
    /// How many of a group's were new to everybody when an organisation asked, by calendar year.
    answers: BTreeMap<(OrganisationId, Label, i16), u32>,
    /// Whether anything was recorded at all.
    any: bool,
}

impl Recorded {
    /// Reads the audit log.
    pub(crate) fn read(folder: &Path) -> Result<Self, AuditError> {
        let mut recorded = Self::default();
        audit::verify_storage(&FolderStorage::new(folder), &[], &mut |record| {
            recorded.note_at(&record.entry, record.at);
        })?;
        Ok(recorded)
    }

    /// Takes note of what was recorded, and when.
    pub(crate) fn note_at(&mut self, entry: &Entry, at: Timestamp) {
        if let Entry::Released { group, .. } = entry {
            self.times.insert(group.clone(), at);
        }
        if let Entry::Answered { actor: Some(actor), group, .. } = entry {
            let of = (actor.organisation.clone(), group.clone(), year_of(at));
            *self.answers.entry(of).or_default() += 1;
        }
        self.note(entry);
    }

    /// When the last release of a group was recorded.
    pub(crate) fn released_at(&self, group: &Label) -> Option<Timestamp> {
        self.times.get(group).copied()
    }

    fn note(&mut self, entry: &Entry) {
        self.any = true;
        match entry {
            Entry::Ingested { version, .. } => {
                self.versions.insert(*version);
            }
            Entry::Withdrawn { version, .. } => {
                self.withdrawn.insert(*version);
            }
            Entry::Credential { credential, organisation, change } => match change {
                CredentialChange::Issued => {
                    self.issued.insert(credential.clone(), organisation.clone());
                }
                CredentialChange::Revoked => {
                    self.revoked.insert(credential.clone());
                }
            },
            Entry::Intent { work_id, .. } => {
                self.unfinished.insert(*work_id);
            }
            Entry::Released { group, plan: Some(plan), .. } => {
                self.open.remove(group);
                self.waiting.remove(group);
                self.plans.entry(group.clone()).or_default().insert(plan.ledger_sequence, plan.clone());
            }
            Entry::Released { group, plan: None, .. } => {
                self.open.insert(group.clone());
                self.waiting.remove(group);
            }
            Entry::Answered { group, question, .. } => {
                self.answered.insert((group.clone(), *question));
            }
            Entry::Previewed { group, plan, approval, .. } => {
                let (plan, approval) = (plan.clone(), approval.clone());
                self.waiting.insert(group.clone(), Waiting { plan, approval, decisions: Vec::new() });
            }
            Entry::Decided { actor, group, preview, verdict, grounds } => {
                let waiting = self.waiting.get_mut(group).filter(|waiting| waiting.plan.ledger_entry == *preview);
                let decision = Decision { actor: actor.clone(), verdict: *verdict, grounds: *grounds };
                waiting.into_iter().for_each(|waiting| waiting.decisions.push(decision.clone()));
            }
            _ => {}
        }
        if let Some(ended) = entry.ends() {
            self.unfinished.remove(&ended);
        }
    }

    /// Whether nothing was ever recorded.
    pub(crate) const fn is_empty(&self) -> bool {
        !self.any
    }

    /// Whether a dataset version was taken in.
    pub(crate) fn has_version(&self, version: Uuid) -> bool {
        self.versions.contains(&version)
    }

    /// Every dataset version that was taken in.
    pub(crate) const fn versions(&self) -> &BTreeSet<Uuid> {
        &self.versions
    }

    /// Every dataset version that was withdrawn.
    pub(crate) const fn withdrawn(&self) -> &BTreeSet<Uuid> {
        &self.withdrawn
    }

    /// Whether what was released stands on something that was withdrawn since.
    pub(crate) fn is_withdrawn(&self, basis: &Basis) -> bool {
        !basis.versions().is_disjoint(&self.withdrawn)
    }

    /// Whom a credential was issued to; `None` if it never was.
    pub(crate) fn issued_to(&self, credential: &Label) -> Option<OrganisationId> {
        self.issued.get(credential).cloned()
    }

    /// Whether a credential was revoked.
    pub(crate) fn is_revoked(&self, credential: &Label) -> bool {
        self.revoked.contains(credential)
    }

    /// Every group of which something was released by a plan.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Label> {
        self.plans.keys()
    }

    /// The plan of a group that waits for approval. What a key approved that was revoked since counts no more.
    pub(crate) fn waiting(&self, group: &Label) -> Option<Waiting> {
        let mut waiting = self.waiting.get(group).cloned()?;
        let stands = |actor: &Actor| !self.revoked.contains(&actor.credential);
        waiting
            .decisions
            .retain(|decision| decision.verdict == Verdict::Rejected || decision.actor.as_ref().is_none_or(stands));
        Some(waiting)
    }

    /// Every group of which a plan waits for approval.
    pub(crate) fn waiting_groups(&self) -> Vec<Label> {
        self.waiting.keys().cloned().collect()
    }

    /// The released entries of one group.
    pub(crate) fn releases_of(&self, group: &Label) -> BTreeMap<u64, PlanRecord> {
        self.plans.get(group).cloned().unwrap_or_default()
    }

    /// Whether a question was answered before, of the same data.
    pub(crate) fn is_answered(&self, group: &Label, question: Digest) -> bool {
        self.answered.contains(&(group.clone(), question))
    }

    /// How many tables of a group that were new to everybody an organisation asked for in a calendar year.
    pub(crate) fn answers_to(&self, organisation: &OrganisationId, group: &Label, year: i16) -> u32 {
        self.answers.get(&(organisation.clone(), group.clone(), year)).copied().unwrap_or(0)
    }

    /// Whether a group's last release was of open data.
    pub(crate) fn is_open(&self, group: &Label) -> bool {
        self.open.contains(group)
    }

    /// Whether work was begun and has no end yet.
    pub(crate) fn is_unfinished(&self, work_id: Uuid) -> bool {
        self.unfinished.contains(&work_id)
    }

    /// All work that was begun and has no end yet.
    pub(crate) fn unfinished(&self) -> Vec<Uuid> {
        self.unfinished.iter().copied().collect()
    }
}

/// The calendar year of a moment, UTC.
pub(crate) fn year_of(at: Timestamp) -> i16 {
    at.to_zoned(jiff::tz::TimeZone::UTC).year()
}

/// Ledger and audit log do not belong together: nothing of the group is served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LedgerFault {
    #[error(
        "release {0} is in the audit log but not in the ledger, whose end is missing: put the right catalogue back, or restore the whole data folder from one backup"
    )]
    Missing(u64),
    #[error(
        "entry {0} of the ledger is not the one that was released: put the right catalogue back, or restore the whole data folder from one backup"
    )]
    Exchanged(u64),
    #[error(
        "release {0} was made but the audit log does not have it, its end is missing: put the right audit log back, or restore the whole data folder from one backup"
    )]
    Unaudited(u64),
    #[error(
        "open data were released but the audit log does not have it, its end is missing: put the right audit log back, or restore the whole data folder from one backup"
    )]
    OpenUnaudited,
}

/// Whether a group's last release was of open data. The audit log has the last word, as what is remembered follows it and may
/// have been cut short; but what is remembered was recorded. `last` and `remembered` are numbers of released entries.
pub(super) fn last_was_open(
    audited: bool,
    last: u64,
    remembered: u64,
    remembered_open: bool,
) -> Result<bool, LedgerFault> {
    if remembered_open && !audited && last <= remembered { Err(LedgerFault::OpenUnaudited) } else { Ok(audited) }
}

/// The entries that were released with what the audit log says of each, oldest first. `remembered` is the number of the last one, as the catalogue has it
/// from after the release was recorded.
pub(super) fn released(
    audited: BTreeMap<u64, PlanRecord>,
    remembered: u64,
    stored: Vec<LedgerEntry>,
) -> Result<Vec<(PlanRecord, LedgerEntry)>, LedgerFault> {
    if audited.last_key_value().map_or(0, |(sequence, _)| *sequence) < remembered {
        return Err(LedgerFault::Unaudited(remembered));
    }
    let mut entries: BTreeMap<u64, LedgerEntry> = stored.into_iter().map(|entry| (entry.sequence, entry)).collect();
    let take = |(sequence, record): (u64, PlanRecord)| match entries.remove(&sequence) {
        None => Err(LedgerFault::Missing(sequence)),
        Some(entry) if entry.digest != record.ledger_entry => Err(LedgerFault::Exchanged(sequence)),
        Some(entry) => Ok((record, entry)),
    };
    audited.into_iter().map(take).collect()
}

#[cfg(test)]
mod tests {
    use audit::{Grounds, PreviewRecord};

    use super::*;

    fn entry(sequence: u64, content: u8) -> LedgerEntry {
        let ciphertext = vec![content];
        let digest = catalog::port::digest_of(&ciphertext);
        LedgerEntry { group: "a.group".parse().unwrap(), sequence, digest, ciphertext }
    }

    fn record(sequence: u64, content: u8) -> PlanRecord {
        PlanRecord {
            released: model::Digest([content; 32]),
            ledger_sequence: sequence,
            ledger_entry: entry(sequence, content).digest,
            cells_shown: 1,
            cells_withheld: 0,
            steps: 0,
        }
    }

    /// Numbers of the entries that count as released, or the fault.
    fn check(audited: &[(u64, u8)], remembered: u64, stored: &[(u64, u8)], expect: Result<&[u64], LedgerFault>) {
        let audited = audited.iter().map(|(sequence, content)| (*sequence, record(*sequence, *content))).collect();
        let stored = stored.iter().map(|(sequence, content)| entry(*sequence, *content)).collect();
        let numbers = released(audited, remembered, stored)
            .map(|entries| entries.iter().map(|(_, entry)| entry.sequence).collect::<Vec<_>>());
        assert_eq!(numbers, expect.map(<[u64]>::to_vec));
    }

    #[test]
    fn only_what_the_audit_log_names_was_released() {
        check(&[], 0, &[], Ok(&[]));
        check(&[(1, 7), (2, 8)], 2, &[(1, 7), (2, 8)], Ok(&[1, 2]));
        // A crash before the catalogue remembered the release.
        check(&[(1, 7), (2, 8)], 1, &[(1, 7), (2, 8)], Ok(&[1, 2]));
        // Crashes between ledger and audit log, once before a later release.
        check(&[(1, 7)], 1, &[(1, 7), (2, 8)], Ok(&[1]));
        check(&[], 0, &[(1, 7)], Ok(&[]));
        check(&[(2, 8)], 2, &[(1, 7), (2, 8)], Ok(&[2]));
    }

    fn release(plan: Option<PlanRecord>) -> Entry {
        let (group, views) = ("a.group".parse().unwrap(), BTreeSet::new());
        Entry::Released { work_id: Uuid::from_u128(1), group, views, plan, agreements: BTreeSet::new() }
    }

    /// What waits is the last plan that was previewed, with what was decided about exactly it, until something is released.
    #[test]
    fn the_last_previewed_plan_waits_with_what_was_decided_about_it() {
        let group: Label = "a.group".parse().unwrap();
        let preview = |content: u8| PreviewRecord {
            ledger_sequence: u64::from(content),
            ledger_entry: entry(u64::from(content), content).digest,
            cells_shown: 1,
            cells_withheld: 0,
            steps: 0,
        };
        let previewed = |content: u8| Entry::Previewed {
            work_id: Uuid::from_u128(1),
            group: group.clone(),
            plan: preview(content),
            approval: BTreeSet::from(["reviewer".parse().unwrap()]),
        };
        let actor = Actor {
            credential: "one-org/key".parse().unwrap(),
            organisation: "one-org".parse().unwrap(),
            role: "reviewer".parse().unwrap(),
        };
        let decided = |content: u8, verdict| Entry::Decided {
            actor: Some(actor.clone()),
            group: group.clone(),
            preview: preview(content).ledger_entry,
            verdict,
            grounds: Grounds::NotNow,
        };
        let revoked = Entry::Credential {
            credential: actor.credential.clone(),
            organisation: actor.organisation.clone(),
            change: CredentialChange::Revoked,
        };
        let (yes, no) = (Verdict::Approved, Verdict::Rejected);
        for (entries, decisions) in [
            (vec![previewed(1)], 0),
            (vec![previewed(1), decided(1, yes)], 1),
            // Of another plan, or of one in whose place another has come.
            (vec![previewed(1), decided(2, yes)], 0),
            (vec![previewed(1), decided(1, yes), previewed(2)], 0),
            (vec![previewed(1), decided(1, yes), previewed(2), decided(1, yes)], 0),
            // What a key approved that was lost counts no more; what it rejected does.
            (vec![previewed(1), decided(1, yes), revoked.clone()], 0),
            (vec![previewed(1), decided(1, no), revoked], 1),
        ] {
            let mut recorded = Recorded::default();
            entries.iter().for_each(|entry| recorded.note(entry));
            assert_eq!(recorded.waiting(&group).unwrap().decisions.len(), decisions, "{entries:?}");
            recorded.note(&release(Some(record(3, 3))));
            assert!(recorded.waiting(&group).is_none(), "what is released does not wait");
        }
    }

    /// The audit log knows which release was the last, also where nothing after its record came about.
    #[test]
    fn the_last_release_says_whether_a_group_is_open() {
        let group = "a.group".parse().unwrap();
        for (releases, open) in [
            (vec![], false),
            (vec![release(None)], true),
            (vec![release(None), release(Some(record(1, 7)))], false),
            (vec![release(Some(record(1, 7))), release(None)], true),
        ] {
            let mut recorded = Recorded::default();
            releases.iter().for_each(|entry| recorded.note(entry));
            assert_eq!(recorded.is_open(&group), open, "{releases:?}");
        }
    }

    #[test]
    fn an_open_release_is_in_the_audit_log() {
        for (audited, last, remembered, remembered_open, expect) in [
            (false, 0, 0, false, Ok(false)),
            (true, 0, 0, true, Ok(true)),
            // Killed before it was remembered: that it is open, or that it is no more.
            (true, 3, 3, false, Ok(true)),
            (false, 3, 2, true, Ok(false)),
            (false, 1, 0, true, Ok(false)),
            (false, 0, 0, true, Err(LedgerFault::OpenUnaudited)),
            (false, 3, 3, true, Err(LedgerFault::OpenUnaudited)),
        ] {
            assert_eq!(
                last_was_open(audited, last, remembered, remembered_open),
                expect,
                "{audited} {last} {remembered}"
            );
        }
    }

    #[test]
    fn work_is_unfinished_until_its_end_is_recorded() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let intent = |work_id| Entry::Intent {
            work_id,
            work: audit::Work::Ingest,
            actor: None,
            purpose: None,
            datasets: BTreeSet::new(),
            agreements: BTreeSet::new(),
            epoch: model::Digest([0; 32]),
        };
        let mut recorded = Recorded::default();
        recorded.note(&intent(one));
        recorded.note(&intent(two));
        assert_eq!(recorded.unfinished(), [one, two]);
        recorded.note(&Entry::Unchanged { work_id: one });
        assert_eq!((recorded.is_unfinished(one), recorded.unfinished()), (false, vec![two]));
        recorded.note(&Entry::Failed { work_id: two, code: "failed".parse().unwrap() });
        assert!(recorded.unfinished().is_empty());
    }

    #[test]
    fn a_cut_or_exchanged_entry_is_noticed() {
        check(&[(1, 7), (2, 8)], 2, &[(1, 7)], Err(LedgerFault::Missing(2)));
        check(&[(1, 7)], 1, &[], Err(LedgerFault::Missing(1)));
        check(&[(1, 7)], 1, &[(1, 9)], Err(LedgerFault::Exchanged(1)));
        check(&[(1, 7)], 2, &[(1, 7), (2, 8)], Err(LedgerFault::Unaudited(2)));
        check(&[], 1, &[], Err(LedgerFault::Unaudited(1)));
    }
}
