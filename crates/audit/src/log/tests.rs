use super::*;
use crate::entry::{
    Access, Actor, AgreementChange, CredentialChange, Grounds, KeyChange, PlanRecord, PreviewRecord, Question, Verdict,
    Work,
};
use crate::testing::{SimulatedDisk, Tail};
use crate::verify::{verify, verify_storage};
use model::{Digest, PeriodType};
use proptest::prelude::*;
use uuid::Uuid;

const SMALL: Options = Options { segment_bytes: 400 };

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn actor() -> Actor {
    Actor {
        credential: "0123456789abcdef".parse().unwrap(),
        organisation: "chorley-council".parse().unwrap(),
        role: "analyst".parse().unwrap(),
    }
}

/// One entry of every kind.
fn entries() -> Vec<Entry> {
    let dataset: model::DatasetId = "one-org.two-set".parse().unwrap();
    let agreements = [Digest([1; 32]), Digest([2; 32])].into();
    vec![
        Entry::Started { version: "0.1.0".parse().unwrap() },
        Entry::Intent {
            work_id: Uuid::from_u128(1),
            work: Work::Ingest,
            actor: Some(actor()),
            purpose: Some("neighbourhood-needs".parse().unwrap()),
            datasets: [dataset.clone()].into(),
            agreements,
            epoch: Digest([3; 32]),
        },
        Entry::Ingested {
            work_id: Uuid::from_u128(1),
            dataset: dataset.clone(),
            period: PeriodType::Quarter.containing("2024-02".parse().unwrap()),
            revision: 1,
            version: Uuid::from_u128(2),
            table: Digest([3; 32]),
            agreements: [].into(),
            findings: Some(Digest([4; 32])),
            opt_outs_applied: None,
        },
        Entry::Unchanged { work_id: Uuid::from_u128(1) },
        Entry::Refused { work_id: Uuid::from_u128(1), code: "unreadable".parse().unwrap() },
        Entry::Failed { work_id: Uuid::from_u128(1), code: "over-tolerance".parse().unwrap() },
        Entry::Released {
            work_id: Uuid::from_u128(4),
            group: "fire".parse().unwrap(),
            views: ["deliberate-fires/lsoa-year".parse().unwrap()].into(),
            plan: Some(PlanRecord {
                released: Digest([5; 32]),
                ledger_sequence: 1,
                ledger_entry: Digest([6; 32]),
                cells_shown: 100,
                cells_withheld: 40,
                steps: 7,
            }),
            agreements: [].into(),
        },
        Entry::Previewed {
            work_id: Uuid::from_u128(6),
            group: "fire".parse().unwrap(),
            plan: PreviewRecord {
                ledger_sequence: 2,
                ledger_entry: Digest([7; 32]),
                cells_shown: 100,
                cells_withheld: 41,
                steps: 7,
            },
            approval: ["reviewer".parse().unwrap()].into(),
        },
        Entry::Decided {
            actor: Some(actor()),
            group: "fire".parse().unwrap(),
            preview: Digest([7; 32]),
            verdict: Verdict::Approved,
            grounds: Grounds::AsAgreed,
        },
        Entry::Declared {
            work_id: Uuid::from_u128(7),
            dataset: dataset.clone(),
            version: Uuid::from_u128(2),
            opt_outs_applied: at(0),
        },
        Entry::Withdrawn { work_id: Uuid::from_u128(5), dataset, version: Uuid::from_u128(2) },
        Entry::Accessed {
            from: at(0),
            until: at(1),
            accesses: vec![Access { view: "deliberate-fires/lsoa-year".parse().unwrap(), actor: None, reads: 12 }],
        },
        Entry::Reviewed { actor: Some(actor()), group: "fire".parse().unwrap(), question: Question::Explain },
        Entry::Denied {
            actor: None,
            work: Work::Query,
            subject: Some("one-org.two-set".parse().unwrap()),
            purpose: None,
            code: "no-grant".parse().unwrap(),
            reference: Some("d-0123456789".parse().unwrap()),
            agreement: Some(Digest([1; 32])),
        },
        Entry::Agreement {
            agreement: "fire-2024".parse().unwrap(),
            digest: Digest([1; 32]),
            change: AgreementChange::Suspended,
            actor: Some(actor()),
            epoch: Digest([4; 32]),
        },
        Entry::Key { key: "pseudonym/nhs".parse().unwrap(), change: KeyChange::Created },
        Entry::Credential {
            credential: "0123456789abcdef".parse().unwrap(),
            organisation: "chorley-council".parse().unwrap(),
            change: CredentialChange::Issued,
        },
        Entry::Stopped,
    ]
}

fn open(disk: &SimulatedDisk) -> (AuditLog, Recovery) {
    AuditLog::open(Box::new(disk.clone()), SMALL).unwrap()
}

fn records(disk: &SimulatedDisk) -> Vec<Record> {
    let mut records = Vec::new();
    verify_storage(disk, &[], &mut |record| records.push(record.clone())).unwrap();
    records
}

#[test]
fn every_kind_is_recorded_in_a_folder_and_verified_offline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let (log, recovery) = AuditLog::open_folder(&path, SMALL).unwrap();
    assert_eq!(recovery, Recovery { records: 0, torn_bytes: 0 });
    let mut receipts = vec![Receipt::GENESIS];
    for (second, entry) in entries().into_iter().enumerate() {
        receipts.push(log.append(entry, at(i64::try_from(second).unwrap())).unwrap());
    }
    assert_eq!(log.head().unwrap(), *receipts.last().unwrap());
    let report = verify(&path, &receipts).unwrap();
    assert_eq!((report.records, report.torn_bytes), (18, 0));
    assert!(report.segments > 2, "{report:?}");
    assert_eq!(report.kinds.len(), 18);
    assert_eq!((report.first_at, report.last_at), (Some(at(0)), Some(at(17))));
    let mut read = Vec::new();
    verify_storage(&FolderStorage::new(&path), &[], &mut |record| read.push(record.entry.clone())).unwrap();
    assert_eq!(read, entries());
    assert!(read.iter().all(|entry| serde_json::to_value(entry).unwrap()["kind"] == entry.kind()));

    drop(log);
    let (log, recovery) = AuditLog::open_folder(&path, SMALL).unwrap();
    assert_eq!(recovery, Recovery { records: 18, torn_bytes: 0 });
    let next = log.append(Entry::Stopped, at(20)).unwrap();
    assert_eq!(next.sequence, 19);
    let forged = Receipt { sequence: 19, hash: Digest([9; 32]) };
    assert!(matches!(verify(&path, &[next, forged]), Err(AuditError::MissingReceipt { sequence: 19 })));
}

#[test]
fn nothing_appended_is_nothing_written() {
    let disk = SimulatedDisk::default();
    let (log, _) = open(&disk);
    let (receipts, head) = log.append_all([], at(0)).unwrap();
    assert_eq!((receipts, head, disk.operations()), (vec![], Receipt::GENESIS, 0));
}

/// Short entries, so that every byte can be tried as the last.
fn short_entries() -> Vec<Entry> {
    ["a", "b", "c", "d", "e", "f"]
        .map(|key| Entry::Key { key: key.parse().unwrap(), change: KeyChange::Created })
        .into()
}

/// The same appends every time: single entries and one batch. Returns the receipts that were acknowledged.
fn script(disk: &SimulatedDisk) -> Vec<Receipt> {
    let Ok((log, _)) = AuditLog::open(Box::new(disk.clone()), SMALL) else { return Vec::new() };
    let mut acknowledged = Vec::new();
    let mut all = short_entries().into_iter();
    for size in [1, 1, 2, 1, 1] {
        let batch: Vec<Entry> = all.by_ref().take(size).collect();
        match log.append_all(batch, at(1)) {
            Ok((receipts, _)) => acknowledged.extend(receipts),
            Err(_) => assert!(matches!(log.append(Entry::Stopped, at(1)), Err(AuditError::Poisoned))),
        }
    }
    acknowledged
}

/// A power cut at every operation, with every number of unsynced bytes surviving, both as they were written and as
/// zeros: no acknowledged record is lost, and the log goes on.
#[test]
fn no_acknowledged_record_is_lost_at_any_crash_point() {
    let whole = SimulatedDisk::default();
    let complete = script(&whole);
    assert_eq!(complete.len(), 6);
    let mut torn = 0;
    for operation in 0..=whole.operations() {
        let disk = SimulatedDisk::default();
        disk.fail_at(operation);
        let acknowledged = script(&disk);
        assert!(operation == whole.operations() || acknowledged.len() < complete.len());
        for keep in 0..=disk.unsynced() {
            for (tail, lose_names) in [(Tail::AsWritten, false), (Tail::AsWritten, true), (Tail::Zeros, false)] {
                let after = disk.after_crash(keep, tail, lose_names);
                let (log, recovery) = open(&after);
                torn += u64::from(recovery.torn_bytes > 0);
                let next = log.append(Entry::Stopped, at(2)).unwrap();
                let mut expected = acknowledged.clone();
                expected.push(next);
                let report = verify_storage(&after, &expected, &mut |_| {}).unwrap();
                assert_eq!(report.records, recovery.records + 1);
                assert_eq!(report.torn_bytes, 0);
            }
        }
    }
    assert!(torn > 1000, "the simulation must tear lines: {torn}");
}

#[test]
fn a_crash_while_recovering_does_no_harm() {
    let disk = SimulatedDisk::default();
    let receipts = script(&disk);
    disk.edit("00000000000000000001.jsonl", |_| {});
    let last = disk.list().unwrap().pop().unwrap();
    disk.edit(&last, |content| content.extend_from_slice(b"{\"hash\":\"12"));
    for operation in 0..3 {
        let copy = disk.after_crash(0, Tail::AsWritten, false);
        copy.fail_at(operation);
        assert!(AuditLog::open(Box::new(copy.clone()), SMALL).is_err());
        let after = copy.after_crash(usize::MAX / 2, Tail::AsWritten, false);
        open(&after).0.append(Entry::Stopped, at(3)).unwrap().sequence.checked_sub(7).unwrap();
        verify_storage(&after, &receipts, &mut |_| {}).unwrap();
    }
}

#[test]
fn a_failed_sync_poisons_the_log_until_it_is_opened_again() {
    let disk = SimulatedDisk::default();
    let (log, _) = open(&disk);
    let _ = log.append(Entry::Stopped, at(0)).unwrap();
    disk.fail_at(disk.operations() + 1);
    assert!(matches!(log.append(Entry::Stopped, at(1)), Err(AuditError::Storage { .. })));
    for _ in 0..3 {
        assert!(matches!(log.append(Entry::Stopped, at(2)), Err(AuditError::Poisoned)));
        assert!(matches!(log.head(), Err(AuditError::Poisoned)));
    }
    // The record was written though not acknowledged: it may stay, and the chain goes on from it.
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.records, 2);
    assert_eq!(log.append(Entry::Stopped, at(3)).unwrap().sequence, 3);
}

#[test]
fn threads_share_one_chain() {
    let disk = SimulatedDisk::default();
    let (log, _) = open(&disk);
    let receipts: Vec<Receipt> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..25).map(|i| log.append(Entry::Stopped, at(i)).unwrap()).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(receipts.len(), 100);
    assert_eq!(verify_storage(&disk, &receipts, &mut |_| {}).unwrap().records, 100);
}

/// Runs `change` on a copy of a good log and expects it to be refused, by the verifier and on opening.
#[track_caller]
fn broken(what: &str, change: impl FnOnce(&SimulatedDisk)) {
    let disk = SimulatedDisk::default();
    script(&disk);
    let before = records(&disk).len();
    assert_eq!(before, 6);
    change(&disk);
    let refused = |error: AuditError| matches!(error, AuditError::Broken { .. });
    assert!(refused(verify_storage(&disk, &[], &mut |_| {}).unwrap_err()), "{what}: verify");
    let content = |disk: &SimulatedDisk| -> Vec<_> {
        disk.list().unwrap().into_iter().map(|name| disk.read(&name).unwrap()).collect()
    };
    let damaged = content(&disk);
    assert!(refused(AuditLog::open(Box::new(disk.clone()), SMALL).unwrap_err()), "{what}: open");
    assert_eq!(content(&disk), damaged, "{what}: a broken log must not be changed");
}

fn lines(content: &[u8]) -> Vec<Vec<u8>> {
    content.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn damage_in_the_middle_is_refused_and_left_alone() {
    let disk = SimulatedDisk::default();
    script(&disk);
    let mut names = disk.list().unwrap();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    let (first, last) = (names[0].as_str(), names.last().unwrap().as_str());
    broken("a line removed", |d| d.edit(first, |c| *c = lines(c)[1..].concat()));
    broken("a line repeated", |d| d.edit(last, |c| *c = [c.clone(), lines(c).pop().unwrap()].concat()));
    broken("two lines exchanged", |d| {
        d.edit(first, |c| {
            let mut parts = lines(c);
            parts.swap(0, 1);
            *c = parts.concat();
        });
    });
    broken("a torn line that is not the last", |d| {
        d.edit(first, |c| {
            c.pop();
        });
    });
    broken("a torn line in the middle of the last segment", |d| {
        d.edit(last, |c| *c = [&c[..20], b"\n", &c.clone()].concat());
    });
    broken("a segment removed", |d| d.remove(&names[1]));
    broken("the first segment removed", |d| d.remove(first));
    broken("a segment emptied", |d| d.edit(first, Vec::clear));
    broken("an empty line", |d| d.edit(last, |c| c.push(b'\n')));
    broken("a strange file", |d| d.clone().create("notes.txt").unwrap());
}

#[test]
fn a_cut_end_is_found_with_a_receipt() {
    let disk = SimulatedDisk::default();
    let receipts = script(&disk);
    let last = disk.list().unwrap().into_iter().max().unwrap();
    disk.remove(&last);
    verify_storage(&disk, &receipts[..3], &mut |_| {}).unwrap();
    let error = verify_storage(&disk, &receipts, &mut |_| {}).unwrap_err();
    assert!(matches!(error, AuditError::MissingReceipt { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any changed byte is refused, except that a line feed or the end changed in the very last line makes that line a
    /// torn one; a receipt finds that.
    #[test]
    fn any_changed_byte_is_found(place in any::<prop::sample::Index>(), to: u8) {
        let disk = SimulatedDisk::default();
        let receipts = script(&disk);
        let mut names = disk.list().unwrap();
        names.sort();
        let lengths: Vec<usize> = names.iter().map(|name| disk.read(name).unwrap().len()).collect();
        let mut place = place.index(lengths.iter().sum());
        let mut segment = 0;
        while place >= lengths[segment] {
            place -= lengths[segment];
            segment += 1;
        }
        let mut same = false;
        disk.edit(&names[segment], |content| {
            same = content[place] == to;
            content[place] = to;
        });
        prop_assert_eq!(verify_storage(&disk, &receipts, &mut |_| {}).is_ok(), same);
    }
}
