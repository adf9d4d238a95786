//! A publication that its agreement wants approved: nothing of it is out before exactly it is approved.

use audit::{Entry, FolderStorage};

use super::*;
use crate::testing::Small;
use crate::{DataRequest, PeriodChoice, PublishReport};

/// The fires' agreement with another clause in its terms, signed anew.
fn amend(small: &Small, clause: &str) {
    small.amend("fire-incidents", "\nrounding = 1\n", &format!("\nrounding = 1\n{clause}\n"));
}

fn publish(platform: &Platform) -> PublishReport {
    platform.publish_pending(&mut |_| ()).unwrap()
}

/// Quarters of which figures are out.
fn periods(platform: &Platform) -> usize {
    let request = DataRequest {
        indicator: "deliberate-fires".parse().unwrap(),
        area_type: Some(model::AreaType::District),
        period_type: None,
        areas: Vec::new(),
        within: None,
        period: PeriodChoice::All,
        sex: None,
        age: None,
        breakdown: None,
        purpose: None,
    };
    platform.data(&platform.local_operator().unwrap(), &request).map_or(0, |answer| answer.rows.get().len() / 2)
}

/// Fires alone, with another clause in their agreement.
fn small(clause: &str) -> Small {
    let small = Small::new();
    amend(&small, clause);
    small.without_denominator()
}

fn fires() -> DatasetId {
    Small::FIRES.parse().unwrap()
}

fn decide(platform: &Platform, caller: &Caller, digest: Digest, verdict: Verdict) -> Result<String, PlatformError> {
    let because = if verdict == Verdict::Approved { Grounds::AsAgreed } else { Grounds::NotNow };
    platform.decide_publication(caller, &fires(), digest, verdict, because)
}

fn only(platform: &Platform) -> Preview {
    let mut previews = platform.previews(&platform.local_reviewer().unwrap()).unwrap();
    assert_eq!(previews.len(), 1);
    previews.remove(0)
}

#[test]
fn nothing_is_out_before_it_is_approved_and_what_was_out_stays_until_then() {
    let small = small("approval = [\"reviewer\"]");
    let platform = small.open();
    let receipt = Small::upload(&platform, 1);
    let report = publish(&platform);
    assert_eq!((report.published.len(), report.failures.len(), report.unapproved.len()), (0, 0, 1), "{report}");
    let told = "waits for approval by reviewer; nothing of it is shown until then";
    assert_eq!(Small::publication(&platform, &receipt), told);
    assert_eq!(periods(&platform), 0);
    let first = only(&platform);
    let text = first.to_string();
    assert!(first.void.is_none() && text.contains("waits for approval by reviewer"), "{text}");
    assert!(text.contains("deliberate-fires/district-quarter") && text.contains(&first.digest.to_string()), "{text}");
    assert!(!text.contains("why cells are withheld"), "{text}");

    // Planned again, nothing new is kept and nothing new is on record; nor does a start change anything.
    let kept = || platform.catalog().ledger(&Small::FIRES.parse().unwrap(), 0).unwrap().len();
    assert_eq!(kept(), 1);
    platform.queue(JobReason::DefinitionsChanged, None, platform.now()).unwrap();
    publish(&platform);
    assert_eq!((kept(), only(&platform).digest, periods(&platform)), (1, first.digest, 0));
    let reviewer = platform.local_reviewer().unwrap();
    decide(&platform, &reviewer, first.digest, Verdict::Approved).unwrap();
    assert_eq!(periods(&platform), 0, "a job publishes");
    assert_eq!(publish(&platform).published, [fires()]);
    assert_eq!((periods(&platform), kept()), (1, 1), "the entry that was previewed is the one that is released");
    assert!(Small::publication(&platform, &receipt).starts_with("done: published"));
    assert!(platform.previews(&reviewer).unwrap().is_empty());

    // The next quarter waits beside what is out.
    Small::upload(&platform, 2);
    assert_eq!(publish(&platform).unapproved.len(), 1);
    assert_eq!(periods(&platform), 1);
    drop(platform);
    let platform = small.open();
    assert_eq!(periods(&platform), 1);
    let reviewer = platform.local_reviewer().unwrap();
    decide(&platform, &reviewer, only(&platform).digest, Verdict::Approved).unwrap();
    publish(&platform);
    assert_eq!(periods(&platform), 2);
}

/// A revision that is rejected ends. It is not asked for again by others, and comes back when who rejected it approves it after all.
#[test]
fn a_revision_that_was_rejected_comes_back_with_its_approval() {
    let small = small("approval = [\"reviewer\"]");
    let platform = small.open();
    let reviewer = platform.local_reviewer().unwrap();
    Small::upload(&platform, 1);
    publish(&platform);
    decide(&platform, &reviewer, only(&platform).digest, Verdict::Approved).unwrap();
    publish(&platform);
    let corrected = Small::take_in(&platform, Small::FIRES, "2025-01-01/P3M", &Small::without(1, 150));
    publish(&platform);
    let preview = || platform.preview_revision(&reviewer, &fires()).unwrap();
    let code = preview().plan.unwrap().digest;
    platform.revise(&reviewer, &fires(), code).unwrap();
    assert_eq!(publish(&platform).unapproved.len(), 1);
    assert!(Small::publication(&platform, &corrected).starts_with("waits for approval"));
    let waits = only(&platform);
    decide(&platform, &reviewer, waits.digest, Verdict::Rejected).unwrap();
    publish(&platform);
    assert!(!platform.awaits_revision(&fires()).unwrap());
    let rejected = "it was rejected by reviewer (not-now)";
    assert!(preview().plan.is_none() && preview().refused.unwrap().starts_with(rejected));
    let refused = platform.revise(&reviewer, &fires(), code).unwrap_err().to_string();
    assert!(refused.contains(rejected), "{refused}");
    let shown = only(&platform);
    assert_eq!((shown.digest, shown.void), (waits.digest, None), "it stays what was rejected");

    decide(&platform, &reviewer, waits.digest, Verdict::Approved).unwrap();
    let report = publish(&platform);
    assert_eq!(report.revised, [fires()], "{report}");
    assert!(Small::publication(&platform, &corrected).starts_with("done: published"));

    // What comes while a revision waits is not part of it, and its supplier does not read that it is.
    let again = Small::take_in(&platform, Small::FIRES, "2025-01-01/P3M", &Small::without(1, 40));
    publish(&platform);
    platform.revise(&reviewer, &fires(), preview().plan.unwrap().digest).unwrap();
    let next = Small::upload(&platform, 2);
    assert_eq!(publish(&platform).unapproved.len(), 1);
    assert!(Small::publication(&platform, &again).starts_with("waits for approval"));
    let behind = Small::publication(&platform, &next);
    assert!(behind.contains("something else of this dataset waits for approval first"), "{behind}");
}

/// Of a correction that another took the place of before it was published nothing is said to be published.
#[test]
fn a_file_that_was_replaced_is_not_said_to_be_published() {
    let small = small("");
    let platform = small.open();
    let first = Small::upload(&platform, 1);
    publish(&platform);
    let corrected = Small::take_in(&platform, Small::FIRES, "2025-01-01/P3M", &Small::without(1, 150));
    let again = Small::take_in(&platform, Small::FIRES, "2025-01-01/P3M", &Small::without(1, 120));
    publish(&platform);
    let said = |receipt| Small::publication(&platform, receipt);
    assert!(said(&first).starts_with("done: published"));
    assert!(said(&corrected).contains("a file that came later took its place"), "{}", said(&corrected));
    assert!(said(&again).contains("until a reviewer asks for a revision"), "{}", said(&again));
}

#[test]
fn what_changed_since_the_preview_is_not_approved() {
    let small = small("approval = [\"reviewer\"]");
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform);
    let reviewer = platform.local_reviewer().unwrap();
    let first = only(&platform);
    let refused = |digest, expect: &str| {
        let error = decide(&platform, &reviewer, digest, Verdict::Approved).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    refused(Digest([7; 32]), "everything before it is void");
    // Other data, before anybody has planned again.
    Small::upload(&platform, 2);
    assert_eq!(only(&platform).void, Some("other data came".to_owned()));
    refused(first.digest, "is void: other data came");
    publish(&platform);
    let second = only(&platform);
    assert_ne!(second.digest, first.digest);
    refused(first.digest, "everything before it is void");
    // A definition: read at a start.
    let path = small.indicators().join("deliberate-fires.toml");
    let text = std::fs::read_to_string(&path).unwrap().replace("title = \"Deliberate fires\"", "title = \"Fires set\"");
    std::fs::write(&path, text).unwrap();
    assert_eq!(periods(&platform), 0, "nothing was out at any time");
    drop(platform);
    let platform = small.open();
    assert!(only(&platform).void.unwrap().starts_with("its definitions"));
    let error = decide(&platform, &reviewer, second.digest, Verdict::Approved).unwrap_err().to_string();
    assert!(error.contains("is void: its definitions"), "{error}");
    assert_eq!(periods(&platform), 0);
}

#[test]
fn all_who_are_asked_decide_and_nobody_else() {
    let small = small("approval = [\"reviewer\", \"governance\"]");
    let platform = small.open();
    let receipt = Small::upload(&platform, 1);
    publish(&platform);
    let (reviewer, governance) = (platform.local_reviewer().unwrap(), platform.local_governance().unwrap());
    let digest = only(&platform).digest;
    let purposes = ["neighbourhood-needs".to_owned()];
    for (organisation, role) in [
        ("chorley-council", "analyst"),
        ("lancashire-fire-and-rescue", "partner-officer"),
        ("office-for-national-statistics", "governance"),
    ] {
        let key = platform.add_credential(organisation, role, &purposes, false).unwrap();
        let caller = platform.authenticate(Some(key.as_str())).unwrap();
        match platform.previews(&caller) {
            Ok(previews) => assert!(role == "governance" && previews.is_empty(), "{role}"),
            Err(error) => assert!(matches!(error, PlatformError::NotFound { .. }), "{role}: {error}"),
        }
        let error = decide(&platform, &caller, digest, Verdict::Approved).unwrap_err();
        assert!(matches!(error, PlatformError::NotFound { .. }), "{role}: {error}");
    }
    decide(&platform, &reviewer, digest, Verdict::Approved).unwrap();
    assert_eq!(publish(&platform).unapproved.len(), 1);
    let told = Small::publication(&platform, &receipt);
    assert!(told.starts_with("waits for approval by governance;"), "{told}");
    // A reason that is none for the verdict is not taken.
    for (verdict, because) in [(Verdict::Approved, Grounds::NotNow), (Verdict::Rejected, Grounds::AsAgreed)] {
        let error = platform.decide_publication(&governance, &fires(), digest, verdict, because).unwrap_err();
        assert!(matches!(error, PlatformError::BadParameter { parameter: "because", .. }), "{error}");
    }
    decide(&platform, &governance, digest, Verdict::Rejected).unwrap();
    let report = publish(&platform);
    assert!(report.failures.join("").contains("rejected by governance (not-now)"), "{report}");
    // Who approves it all the same reads that this is not enough.
    let standing = decide(&platform, &reviewer, digest, Verdict::Approved).unwrap();
    assert!(standing.contains("rejected by governance (not-now): whoever rejected it may"), "{standing}");
    assert_eq!(periods(&platform), 0);
    decide(&platform, &governance, digest, Verdict::Approved).unwrap();
    assert_eq!(publish(&platform).published, [fires()]);
    assert_eq!(periods(&platform), 1);
    drop(platform);

    let mut kinds = Vec::new();
    let folder = small.folder.path().join("data/audit");
    audit::verify_storage(&FolderStorage::new(&folder), &[], &mut |record| {
        if matches!(record.entry, Entry::Previewed { .. } | Entry::Decided { .. } | Entry::Released { .. }) {
            kinds.push(record.entry.kind());
        }
    })
    .unwrap();
    assert_eq!(kinds, ["previewed", "decided", "decided", "decided", "released"]);
}

/// Whoever sent the data in may stop them, and does not approve them; a key that was revoked has approved nothing.
#[test]
fn nobody_approves_their_own_and_a_revoked_key_approves_nothing() {
    let small = small("approval = [\"reviewer\"]");
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform);
    let key = |organisation: &str| {
        let key =
            platform.add_credential(organisation, "reviewer", &["neighbourhood-needs".to_owned()], false).unwrap();
        let caller = platform.authenticate(Some(key.as_str())).unwrap();
        (key.split('_').nth(1).unwrap().to_owned(), caller)
    };
    let (_, supplier) = key("lancashire-fire-and-rescue");
    let (lost, other) = key("chorley-council");
    let digest = only(&platform).digest;
    let own = |verdict| decide(&platform, &supplier, digest, verdict);
    let refused = own(Verdict::Approved);
    let Err(PlatformError::Denied { code, blockers, .. }) = &refused else { panic!("{refused:?}") };
    assert!(code == "own-data" && blockers[0].actual.contains("your organisation's own"), "{refused:?}");

    own(Verdict::Rejected).unwrap();
    decide(&platform, &other, digest, Verdict::Approved).unwrap();
    decide(&platform, &other, digest, Verdict::Approved).unwrap();
    let said = only(&platform).decisions;
    assert_eq!(said.len(), 2, "what is said twice is recorded once: {said:?}");
    assert!(!said.join("").contains("credential"), "whose key it was is for those of the same organisation: {said:?}");
    let report = publish(&platform);
    assert!(report.failures.join("").contains("rejected by reviewer"), "{report}");
    // What it takes back is no approval either.
    own(Verdict::Approved).unwrap();
    assert!(own(Verdict::Approved).is_err());
    platform.revoke_credential(&lost).unwrap();
    assert_eq!(publish(&platform).unapproved.len(), 1);
    assert_eq!(periods(&platform), 0);
    decide(&platform, &platform.local_reviewer().unwrap(), digest, Verdict::Approved).unwrap();
    assert_eq!(publish(&platform).published, [fires()]);
    drop(platform);

    let mut denied = 0;
    let folder = small.folder.path().join("data/audit");
    audit::verify_storage(&FolderStorage::new(&folder), &[], &mut |record| {
        denied += usize::from(matches!(&record.entry, Entry::Denied { code, .. } if code.as_str() == "own-data"));
    })
    .unwrap();
    assert_eq!(denied, 2);
}

/// Stopped between a decision and the release, the release follows after a start: the job that makes it is queued before the
/// decision is on record, so that no moment is between the two at which it could be lost.
#[test]
fn a_crash_costs_no_approval() {
    let small = small("approval = [\"reviewer\"]");
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform);
    let digest = only(&platform).digest;
    let reviewer = platform.local_reviewer().unwrap();
    decide(&platform, &reviewer, digest, Verdict::Approved).unwrap();
    let jobs = platform.catalog().jobs(Some(catalog::JobState::Pending)).unwrap();
    let queued = jobs.iter().map(|job| job.facts.created_at).max().unwrap();
    drop(platform);
    let mut decided = None;
    let folder = small.folder.path().join("data/audit");
    audit::verify_storage(&FolderStorage::new(&folder), &[], &mut |record| {
        if matches!(record.entry, Entry::Decided { .. }) {
            decided = Some(record.at);
        }
    })
    .unwrap();
    assert!(queued <= decided.unwrap(), "{queued} is after {decided:?}");
    let platform = small.open();
    assert_eq!((only(&platform).digest, periods(&platform)), (digest, 0));
    assert_eq!(publish(&platform).published, [fires()]);
    assert_eq!(periods(&platform), 1);
    let reviewer = platform.local_reviewer().unwrap();
    let error = decide(&platform, &reviewer, digest, Verdict::Rejected).unwrap_err();
    assert!(matches!(error, PlatformError::NotFound { .. }), "what is out is told to be out: {error}");
    assert_eq!(platform.verify_ledger(&reviewer, &fires()).unwrap().entries, 1);
}

/// Roles that are not asked see nothing of it, whatever the agreements let them see otherwise.
#[test]
fn who_is_not_asked_is_told_of_nothing() {
    for (asked, not_asked) in [("reviewer", "governance"), ("governance", "reviewer")] {
        let small = small(&format!("approval = [\"{asked}\"]"));
        let platform = small.open();
        Small::upload(&platform, 1);
        publish(&platform);
        let caller = |role: &str| match role {
            "reviewer" => platform.local_reviewer().unwrap(),
            _ => platform.local_governance().unwrap(),
        };
        let previews = platform.previews(&caller(asked)).unwrap();
        assert_eq!(previews.len(), 1, "{asked}");
        assert_eq!(platform.previews(&caller(not_asked)).unwrap(), [], "{not_asked}");
        let error = decide(&platform, &caller(not_asked), previews[0].digest, Verdict::Approved).unwrap_err();
        assert!(matches!(error, PlatformError::NotFound { .. }), "{not_asked}: {error}");
    }
}

/// One that cannot be read is told to the partnership, without a figure, and hides no other.
#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let small = small("approval = [\"reviewer\"]");
    let platform = small.open();
    Small::upload(&platform, 1);
    publish(&platform);
    let approval = BTreeSet::from(["reviewer".parse().unwrap()]);
    let plan = PreviewRecord {
        ledger_sequence: 7,
        ledger_entry: Digest([7; 32]),
        cells_shown: 1,
        cells_withheld: 1,
        steps: 0,
    };
    let group = "a-council.lost".parse().unwrap();
    platform.record(Entry::Previewed { work_id: uuid::Uuid::now_v7(), group, plan, approval }).unwrap();
    let seen = |caller: &Caller| -> Vec<(String, bool, bool)> {
        let previews = platform.previews(caller).unwrap();
        let seen = |one: &Preview| (one.dataset.to_string(), one.void.is_some(), one.report.is_some());
        previews.iter().map(seen).collect()
    };
    let readable = (Small::FIRES.to_owned(), false, true);
    assert_eq!(
        seen(&platform.local_reviewer().unwrap()),
        [("a-council.lost".to_owned(), true, false), readable.clone()]
    );
    let purposes = ["neighbourhood-needs".to_owned()];
    let key = platform.add_credential("chorley-council", "reviewer", &purposes, false).unwrap();
    assert_eq!(seen(&platform.authenticate(Some(key.as_str())).unwrap()), [readable]);
}

/// The strictest counts: one agreement that asks is enough, and none that does not ask changes that.
#[test]
fn without_a_clause_nothing_waits() {
    let small = small("");
    let platform = small.open();
    Small::upload(&platform, 1);
    assert_eq!(publish(&platform).published, [fires()]);
    assert_eq!(periods(&platform), 1);
}
