//! One suite for both implementations: random operations on a SQLite catalogue, which is closed and opened again in
//! between, must answer exactly as the reference in memory does.

use super::*;
use crate::memory::MemoryCatalog;
use crate::objects::ObjectName;
use crate::objects::{ObjectKind, ObjectRef};
use crate::port::digest_of;
use crate::records::{IdempotencyKey, JobReason};
use model::{Digest, PeriodType};
use proptest::prelude::*;

mod database;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn digest(n: u8) -> Digest {
    Digest([n; 32])
}

fn id(n: u8) -> Uuid {
    Uuid::from_u128(u128::from(n))
}

fn object(kind: ObjectKind, n: u8) -> ObjectRef {
    ObjectRef { name: ObjectName::new(kind, id(n)), digest: digest(n), bytes: u64::from(n) }
}

fn dataset(n: u8) -> DatasetId {
    format!("one-org.set-{n:02}").parse().unwrap()
}

fn upload(key: u8, body: u8) -> Upload {
    Upload { key: format!("key-{key}").parse().unwrap(), body: digest(body) }
}

fn facts(version: u8, set: u8, month: i32, content: u8, named: Option<(u8, u8)>) -> VersionFacts {
    VersionFacts {
        id: id(version),
        dataset: dataset(set),
        period: PeriodType::Month.containing(model::Month::new(2024, month).unwrap()),
        content: digest(content),
        records: None,
        schema: digest(1),
        agreements: [digest(2), digest(3)].into(),
        table: object(ObjectKind::Table, version),
        placing: "by code".to_owned(),
        findings: Some((object(ObjectKind::Findings, version), "wrapped".to_owned())),
        received_at: at(1),
        upload: named.map(|(key, body)| upload(key, body)),
        file: Some(digest(content)),
        opt_outs: None,
    }
}

fn job(n: u8, version: Option<u8>) -> NewJob {
    NewJob { id: id(n), reason: JobReason::Ingested, version: version.map(id), created_at: at(2) }
}

fn entry(group: u8, sequence: u64, content: u8) -> LedgerEntry {
    let ciphertext = vec![content; usize::from(content)];
    LedgerEntry { group: label("group", group), sequence, digest: digest_of(&ciphertext), ciphertext }
}

fn label(what: &str, n: u8) -> Label {
    format!("{what}-{n}").parse().unwrap()
}

fn credential(n: u8) -> Credential {
    Credential {
        id: label("credential", n),
        hash: digest(n),
        organisation: "one-org".parse().unwrap(),
        role: "partner".parse().unwrap(),
        purposes: ["service-planning".parse().unwrap()].into(),
        issued_at: at(4),
        mac: digest(n),
        revoked_at: None,
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Commit { version: u8, set: u8, month: i32, content: u8, named: Option<(u8, u8)>, staged: bool, job: Option<u8> },
    FindUpload { set: u8, key: u8, body: u8 },
    RecordUpload { version: u8, key: u8, body: u8 },
    Discard { version: u8 },
    Change { version: u8, to: VersionStatus, job: Option<u8> },
    ReplaceKeys { version: u8, keys: Option<u8> },
    Enqueue { job: u8, version: Option<u8> },
    Claim(i64),
    Finish { job: u8, outcome: u8, now: i64 },
    Requeue(i64),
    Append { group: u8, sequence: u64, content: u8, wrong_digest: bool },
    AddCredential(u8),
    Revoke { credential: u8, now: i64 },
    Setting { name: u8, expected: Option<u8>, value: u8 },
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let small = || 0_u8..4;
    let status = prop::sample::select(VersionStatus::ALL.as_slice());
    let named = prop::option::of((small(), 0_u8..2));
    let commit = (0_u8..12, 0_u8..2, 1_i32..3, 0_u8..3, named, any::<bool>(), prop::option::of(0_u8..8));
    prop_oneof![
        6 => commit.prop_map(|(version, set, month, content, named, staged, job)| {
            O::Commit { version, set, month, content, named, staged, job }
        }),
        1 => (0_u8..2, small(), 0_u8..2).prop_map(|(set, key, body)| O::FindUpload { set, key, body }),
        2 => (0_u8..12, small(), 0_u8..2).prop_map(|(version, key, body)| O::RecordUpload { version, key, body }),
        3 => (0_u8..12, status, prop::option::of(0_u8..8)).prop_map(|(version, to, job)| O::Change { version, to, job }),
        2 => (0_u8..12).prop_map(|version| O::Discard { version }),
        1 => (0_u8..12, prop::option::of(small())).prop_map(|(version, keys)| O::ReplaceKeys { version, keys }),
        2 => (0_u8..8, prop::option::of(0_u8..12)).prop_map(|(job, version)| O::Enqueue { job, version }),
        2 => (0_i64..99).prop_map(O::Claim),
        2 => (0_u8..8, 0_u8..3, 0_i64..99).prop_map(|(job, outcome, now)| O::Finish { job, outcome, now }),
        1 => (0_i64..99).prop_map(O::Requeue),
        3 => (0_u8..2, 0_u64..5, small(), prop::bool::weighted(0.1)).prop_map(|(group, sequence, content, wrong)| {
            O::Append { group, sequence, content, wrong_digest: wrong }
        }),
        1 => small().prop_map(O::AddCredential),
        1 => (small(), 0_i64..99).prop_map(|(credential, now)| O::Revoke { credential, now }),
        1 => (0_u8..2, prop::option::of(0_u8..2), 0_u8..2)
            .prop_map(|(name, expected, value)| O::Setting { name, expected, value }),
        1 => Just(O::Reopen),
    ]
}

/// Runs an operation and describes its answer, errors included: variant, kind, id and reason.
fn run(catalog: &dyn Catalog, operation: &Operation) -> String {
    use Operation as O;
    match operation.clone() {
        O::Commit { version, set, month, content, named, staged, job: queued } => {
            let status = if staged { VersionStatus::Staged } else { VersionStatus::Current };
            let queued = queued.map(|n| job(n, Some(version)));
            format!("{:?}", catalog.commit_version(facts(version, set, month, content, named), "keys", status, queued))
        }
        O::FindUpload { set, key, body } => format!("{:?}", catalog.find_upload(&dataset(set), &upload(key, body))),
        O::RecordUpload { version, key, body } => {
            format!("{:?}", catalog.record_upload(id(version), &upload(key, body)))
        }
        O::Discard { version } => format!("{:?}", catalog.discard_version(id(version))),
        O::Change { version, to, job: queued } => {
            format!("{:?}", catalog.change_version(id(version), to, queued.map(|n| job(n, Some(version)))))
        }
        O::ReplaceKeys { version, keys } => {
            let keys = keys.map(|n| format!("keys {n}"));
            format!("{:?}", catalog.replace_table_keys(id(version), keys.as_deref()))
        }
        O::Enqueue { job: n, version } => format!("{:?}", catalog.enqueue(job(n, version))),
        O::Claim(now) => format!("{:?}", catalog.claim_job(at(now))),
        O::Finish { job, outcome, now } => {
            let outcome = match outcome {
                0 => JobOutcome::Done("done".to_owned()),
                1 => JobOutcome::Failed("failed".to_owned()),
                _ => JobOutcome::Retry("again".to_owned()),
            };
            format!("{:?}", catalog.finish_job(id(job), outcome, at(now)))
        }
        O::Requeue(now) => format!("{:?}", catalog.requeue_jobs(at(now))),
        O::Append { group, sequence, content, wrong_digest } => {
            let mut entry = entry(group, sequence, content);
            if wrong_digest {
                entry.digest = digest(9);
            }
            format!("{:?}", catalog.append_ledger(&entry))
        }
        O::AddCredential(n) => format!("{:?}", catalog.add_credential(&credential(n))),
        O::Revoke { credential, now } => {
            format!("{:?}", catalog.revoke_credential(&label("credential", credential), at(now)))
        }
        O::Setting { name, expected, value } => {
            let expected = expected.map(|n| n.to_string());
            format!("{:?}", catalog.replace_setting(&label("setting", name), expected.as_deref(), &value.to_string()))
        }
        O::Reopen => String::new(),
    }
}

/// Everything a catalogue can be asked.
fn contents(catalog: &dyn Catalog) -> String {
    let mut text = format!("{:?}", catalog.versions(None, None));
    for status in VersionStatus::ALL {
        text += &format!("{:?}", catalog.versions(Some(&dataset(0)), Some(status)));
    }
    for n in 0..12 {
        text += &format!("{:?}", catalog.version(id(n)));
    }
    text += &format!("{:?} {:?}", catalog.jobs(None), catalog.jobs(Some(JobState::Pending)));
    text += &format!("{:?} {:?}", catalog.ledger_groups(), catalog.ledger(&label("group", 0), 0));
    text += &format!("{:?}", catalog.ledger(&label("group", 1), 1));
    text += &format!("{:?}", catalog.credentials());
    text + &format!("{:?}", catalog.setting(&label("setting", 0)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn both_catalogues_answer_alike(operations in prop::collection::vec(operation(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let reference = MemoryCatalog::default();
        let mut catalog = SqliteCatalog::create(&path).unwrap();
        // The durability of each commit is SQLite's own; without it the test is an order of magnitude faster.
        catalog.lock().unwrap().pragma_update(None, "synchronous", "off").unwrap();
        for operation in &operations {
            if matches!(operation, Operation::Reopen) {
                drop(catalog);
                catalog = SqliteCatalog::open(&path).unwrap();
            }
            prop_assert_eq!(run(&catalog, operation), run(&reference, operation), "{:?}", operation);
        }
        prop_assert_eq!(contents(&catalog), contents(&reference));
    }
}

/// Both implementations, for rules that are stated one by one.
fn both(check: impl Fn(&dyn Catalog)) {
    check(&MemoryCatalog::default());
    let folder = tempfile::tempdir().unwrap();
    check(&SqliteCatalog::create(&folder.path().join("catalog.sqlite")).unwrap());
}

fn commit(catalog: &dyn Catalog, facts: VersionFacts) -> Result<Commit> {
    catalog.commit_version(facts, "keys", VersionStatus::Current, None)
}

#[test]
fn the_same_upload_or_content_is_recorded_once_and_another_body_is_refused() {
    both(|catalog| {
        let Commit::New(first) = commit(catalog, facts(1, 0, 1, 1, Some((1, 1)))).unwrap() else { panic!() };
        let existing = |result: Result<Commit>| matches!(result, Ok(Commit::Existing(found)) if found == first);
        assert_eq!((first.revision, first.status), (1, VersionStatus::Current));
        assert!(existing(commit(catalog, facts(2, 0, 1, 9, Some((1, 1))))), "same key, same body");
        assert!(existing(commit(catalog, facts(2, 0, 1, 1, None))), "same content");
        assert!(existing(commit(catalog, facts(2, 0, 1, 1, Some((2, 2))))), "same content, another key");
        for key in [1, 2] {
            let error = commit(catalog, facts(3, 0, 1, 3, Some((key, 7)))).unwrap_err();
            assert!(matches!(error, CatalogError::Conflict { what: "idempotency key", .. }), "{error}");
            assert!(catalog.find_upload(&dataset(0), &upload(key, 7)).is_err());
        }
        assert_eq!(catalog.find_upload(&dataset(0), &upload(2, 2)).unwrap(), Some(first.clone()));
        for _ in 0..2 {
            catalog.record_upload(id(1), &upload(3, 3)).unwrap();
            assert_eq!(catalog.find_upload(&dataset(0), &upload(3, 3)).unwrap(), Some(first.clone()));
        }
        let error = catalog.record_upload(id(1), &upload(3, 4)).unwrap_err();
        assert!(matches!(error, CatalogError::Conflict { what: "idempotency key", .. }), "{error}");
        let error = catalog.record_upload(id(9), &upload(4, 4)).unwrap_err();
        assert!(matches!(error, CatalogError::NotFound { .. }), "{error}");
        assert_eq!(catalog.find_upload(&dataset(1), &upload(1, 1)).unwrap(), None, "keys belong to a dataset");
        assert!(matches!(commit(catalog, facts(3, 0, 2, 1, None)), Ok(Commit::New(_))), "another partition");
        assert_eq!(catalog.versions(None, None).unwrap().len(), 2);
    });
}

#[test]
fn revisions_supersede_and_an_old_content_may_return() {
    both(|catalog| {
        for (version, content) in [(1, 1), (2, 2), (3, 1)] {
            assert!(matches!(commit(catalog, facts(version, 0, 1, content, None)), Ok(Commit::New(_))));
        }
        let statuses: Vec<_> =
            catalog.versions(None, None).unwrap().iter().map(|v| (v.revision, v.status.as_str())).collect();
        assert_eq!(statuses, [(1, "superseded"), (2, "superseded"), (3, "current")]);
        catalog.change_version(id(3), VersionStatus::Withdrawn, Some(job(1, Some(3)))).unwrap();
        assert!(catalog.change_version(id(3), VersionStatus::Current, None).is_err());
        assert_eq!(catalog.versions(None, Some(VersionStatus::Current)).unwrap(), []);
        assert_eq!(catalog.jobs(Some(JobState::Pending)).unwrap().len(), 1);
        // Withdrawn content is not "already there".
        assert!(matches!(commit(catalog, facts(4, 0, 1, 1, None)), Ok(Commit::New(v)) if v.revision == 4));
    });
}

#[test]
fn a_staged_version_waits_for_approval_and_a_refused_commit_leaves_nothing() {
    both(|catalog| {
        let _ = commit(catalog, facts(1, 0, 1, 1, None)).unwrap();
        let staged =
            catalog.commit_version(facts(2, 0, 1, 2, None), "keys", VersionStatus::Staged, Some(job(1, Some(2))));
        assert!(matches!(staged, Ok(Commit::New(_))));
        assert_eq!(catalog.version(id(1)).unwrap().unwrap().status, VersionStatus::Current);
        let before = contents(catalog);
        // The job's id is taken: the version must not be recorded either, nor the old one superseded.
        let refused = catalog.commit_version(
            facts(3, 0, 1, 3, Some((5, 5))),
            "keys",
            VersionStatus::Current,
            Some(job(1, Some(3))),
        );
        assert!(matches!(refused, Err(CatalogError::Conflict { what: "job", .. })));
        assert!(catalog.commit_version(facts(3, 0, 1, 3, None), "keys", VersionStatus::Superseded, None).is_err());
        assert_eq!(contents(catalog), before);
        catalog.change_version(id(2), VersionStatus::Current, None).unwrap();
        assert_eq!(catalog.version(id(1)).unwrap().unwrap().status, VersionStatus::Superseded);
    });
}

#[test]
fn jobs_are_taken_in_order_and_survive_a_crash_while_running() {
    both(|catalog| {
        for n in [3, 1, 2] {
            catalog.enqueue(job(n, None)).unwrap();
        }
        let first = catalog.claim_job(at(10)).unwrap().unwrap();
        assert_eq!((first.facts.id, first.state, first.attempts), (id(3), JobState::Running, 1));
        assert_eq!(catalog.claim_job(at(11)).unwrap().unwrap().facts.id, id(1));
        assert_eq!(catalog.requeue_jobs(at(12)).unwrap(), 2);
        let again = catalog.claim_job(at(13)).unwrap().unwrap();
        assert_eq!((again.facts.id, again.attempts), (id(3), 1), "what was interrupted is no attempt");
        catalog.finish_job(id(3), JobOutcome::Failed("2 views are too fine".to_owned()), at(14)).unwrap();
        assert!(catalog.finish_job(id(3), JobOutcome::Done(String::new()), at(15)).is_err());
        let failed = catalog.jobs(Some(JobState::Failed)).unwrap();
        assert_eq!(failed[0].message.as_deref(), Some("2 views are too fine"));
        assert_eq!(catalog.claim_job(at(16)).unwrap().unwrap().facts.id, id(1));
    });
}

fn open() -> (tempfile::TempDir, SqliteCatalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = SqliteCatalog::create(&folder.path().join("catalog.sqlite")).unwrap();
    (folder, catalog)
}

#[test]
fn idempotency_keys_are_validated() {
    for (text, valid) in [("a", true), ("6f1c-~!", true), ("", false), ("a b", false), ("é", false), ("a\n", false)] {
        assert_eq!(text.parse::<IdempotencyKey>().is_ok(), valid, "{text}");
    }
    assert!("k".repeat(129).parse::<IdempotencyKey>().is_err());
}

#[test]
fn a_discarded_version_was_never_there() {
    let folder = tempfile::tempdir().unwrap();
    let stored = SqliteCatalog::create(&folder.path().join("catalog.sqlite")).unwrap();
    let catalogs: [Box<dyn Catalog>; 2] = [Box::new(MemoryCatalog::default()), Box::new(stored)];
    for catalog in catalogs {
        let commit =
            |version, status| catalog.commit_version(facts(version, 1, 1, 1, Some((1, 1))), "keys", status, None);
        let Commit::New(first) = commit(1, VersionStatus::Staged).unwrap() else { panic!("it is new") };
        catalog.discard_version(first.facts.id).unwrap();
        assert_eq!(catalog.versions(None, None).unwrap(), []);
        assert_eq!(catalog.find_upload(&dataset(1), &upload(1, 2)).unwrap(), None, "the key is free for another body");
        let Commit::New(again) = commit(2, VersionStatus::Current).unwrap() else { panic!("it is new") };
        assert_eq!((again.revision, again.facts.id), (1, id(2)));
        assert!(matches!(catalog.discard_version(id(2)), Err(CatalogError::Conflict { .. })), "it is current");
    }
}
