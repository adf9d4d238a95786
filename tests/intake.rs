//! Intake where something stops half way: what was acknowledged stays, and nothing else does.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use agreements::EventKind;
use audit::{AuditLog, Entry};
use catalog::{Catalog, Commit, DataFolder, DatasetVersion, JobState, SqliteCatalog, VersionStatus};
use platform::{Platform, PlatformError, UploadRequest};

use crate::publishing::{append, own};
use crate::support::{self, Demo, fires, moved};

fn request(dataset: &str, period: &str) -> UploadRequest {
    UploadRequest {
        dataset: dataset.parse().unwrap(),
        period: period.to_owned(),
        idempotency_key: Some("once".to_owned()),
        digest: None,
        empty: false,
        corrects: true,
        opt_outs_applied: None,
    }
}

fn upload_fires(platform: &Platform) -> platform::UploadReceipt {
    let request = request("lancashire-fire-and-rescue.incidents", "2026-01-01/P3M");
    let officer = platform.local_officer(&request.dataset).unwrap();
    platform.upload(&officer, &request, fires().as_slice()).unwrap()
}

/// Ends a platform and leaves its folder.
fn end(demo: Demo) -> tempfile::TempDir {
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    folder
}

fn objects(folder: &Path) -> Vec<PathBuf> {
    support::files(&folder.join("data/objects"))
}

/// How far an upload came before the machine stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crash {
    ObjectsWritten,
    Staged,
    Audited,
}

/// A folder in which an upload went through, and its version.
fn completed() -> (tempfile::TempDir, DatasetVersion) {
    let demo = Demo::open();
    let receipt = upload_fires(&demo.platform);
    let folder = end(demo);
    let data = DataFolder::open(&folder.path().join("data")).unwrap();
    let version = SqliteCatalog::open(&data.catalog()).unwrap().version(receipt.version).unwrap().unwrap();
    assert_eq!(version.status, VersionStatus::Current);
    assert_eq!(taken_in(&data.audit(), &version), 1, "an acknowledged version is in the audit log");
    (folder, version)
}

/// A folder in which that upload stopped half way: its steps are repeated with the very objects, keys and records.
fn crashed(completed: &Path, version: &DatasetVersion, at: Crash) -> tempfile::TempDir {
    let folder = support::folder();
    let facts = version.facts.clone();
    for name in [facts.table.name, facts.findings.as_ref().unwrap().0.name] {
        let name = format!("data/objects/{name}");
        fs::copy(completed.join(&name), folder.path().join(&name)).unwrap();
    }
    let data = DataFolder::open(&folder.path().join("data")).unwrap();
    let keys = version.table_keys.clone().unwrap();
    if at != Crash::ObjectsWritten {
        let catalog = SqliteCatalog::open(&data.catalog()).unwrap();
        let commit = catalog.commit_version(facts.clone(), &keys, VersionStatus::Staged, None).unwrap();
        assert!(matches!(commit, Commit::New(_)));
    }
    if at == Crash::Audited {
        let (log, _) = AuditLog::open_folder(&data.audit(), audit::Options::default()).unwrap();
        let entry = Entry::Ingested {
            work_id: facts.id,
            dataset: facts.dataset.clone(),
            period: facts.period,
            revision: version.revision,
            version: facts.id,
            table: facts.table.digest,
            agreements: facts.agreements.clone(),
            findings: facts.findings.as_ref().map(|(object, _)| object.digest),
            opt_outs_applied: None,
        };
        let _ = log.append(entry, facts.received_at).unwrap();
    }
    folder
}

/// How often the audit log says that a version was taken in.
fn taken_in(folder: &Path, version: &DatasetVersion) -> usize {
    let mut count = 0;
    audit::verify_storage(&audit::FolderStorage::new(folder), &[], &mut |record| {
        count += usize::from(matches!(&record.entry, Entry::Ingested { version: id, .. } if *id == version.facts.id));
    })
    .unwrap();
    count
}

#[test]
fn an_upload_that_was_not_audited_leaves_nothing() {
    let (completed, version) = completed();
    for crash in [Crash::ObjectsWritten, Crash::Staged] {
        let folder = crashed(completed.path(), &version, crash);
        let before = objects(folder.path()).len();
        let (platform, _) = Platform::open(support::settings(folder.path())).unwrap();
        assert_eq!(objects(folder.path()).len(), before - 2, "{crash:?}");
        let officer = platform.local_officer(&version.facts.dataset).unwrap();
        let id = version.facts.id.to_string();
        assert!(platform.version(&officer, &version.facts.dataset, &id).is_err(), "{crash:?}");
        // Neither its number nor its key is used up.
        let again = upload_fires(&platform);
        assert_eq!((again.created, again.revision), (true, 1), "{crash:?}");
        assert_ne!(again.version, version.facts.id, "{crash:?}");
    }
}

#[test]
fn an_upload_that_was_audited_is_finished() {
    let (completed, version) = completed();
    let folder = crashed(completed.path(), &version, Crash::Audited);
    let (platform, _) = Platform::open(support::settings(folder.path())).unwrap();
    let officer = platform.local_officer(&version.facts.dataset).unwrap();
    let receipt = platform.version(&officer, &version.facts.dataset, &version.facts.id.to_string()).unwrap();
    assert_eq!((receipt.revision, receipt.publication.as_str()), (1, "pending"));
    let again = upload_fires(&platform);
    assert_eq!((again.created, again.version), (false, version.facts.id));
    assert_eq!(platform.publish_pending(&mut |_| ()).unwrap().failures, Vec::<String>::new());
    drop(platform);
    let data = DataFolder::open(&folder.path().join("data")).unwrap();
    let catalog = SqliteCatalog::open(&data.catalog()).unwrap();
    assert_eq!(catalog.version(version.facts.id).unwrap().unwrap().status, VersionStatus::Current);
    assert_eq!(catalog.jobs(Some(JobState::Pending)).unwrap(), []);
    assert_eq!(taken_in(&data.audit(), &version), 1);
}

/// The reader of workbooks, which runs while the upload lies in the quarantine, makes it impossible to remove it.
#[test]
fn a_quarantine_that_cannot_be_cleared_costs_no_upload() {
    let demo = Demo::open_with(|settings, folder| {
        let quarantine = folder.join("data/quarantine");
        let script = format!(
            "#!/bin/sh\nfor f in '{}'/*; do /bin/rm \"$f\"; /bin/mkdir \"$f\"; done\nexec '{}' \"$@\"\n",
            quarantine.display(),
            support::binary().display()
        );
        settings.workbook_program = folder.join("reader");
        fs::write(&settings.workbook_program, script).unwrap();
        fs::set_permissions(&settings.workbook_program, fs::Permissions::from_mode(0o700)).unwrap();
    });
    let workbook = fs::read(support::root().join("sample-data/partners/chorley-council/homelessness/2025-Q1.xlsx"));
    let request = request("chorley-council.homelessness", "2025-01-01/P3M");
    let officer = demo.platform.local_officer(&request.dataset).unwrap();
    // Other bytes with the same figures: the file is read, and recognised by what is in it.
    let file = with_comment(&workbook.unwrap());
    let receipt = demo.platform.upload(&officer, &request, file.as_slice()).unwrap();
    assert!(!receipt.created && receipt.findings.counts.kept > 0, "{receipt:?}");
    let folder = end(demo);
    let left: Vec<PathBuf> =
        fs::read_dir(folder.path().join("data/quarantine")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left.len(), 1, "the reader did not interfere: {left:?}");
    fs::remove_dir(&left[0]).unwrap();
    fs::write(&left[0], b"sealed").unwrap();
    Platform::open(support::settings(folder.path())).unwrap();
    assert!(!left[0].exists(), "the next start clears the quarantine");
}

/// A file during whose arrival something else happens.
struct Meanwhile<'a, F> {
    happens: Option<F>,
    file: &'a [u8],
}

impl<F: FnOnce()> Read for Meanwhile<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(happens) = self.happens.take() {
            happens();
        }
        self.file.read(buffer)
    }
}

/// The decision that lets a file in is minutes old when it has been read.
#[test]
fn what_allowed_an_upload_is_asked_again_before_it_is_kept() {
    let demo = own(Demo::open());
    let platform = &demo.platform;
    let agreements = demo.folder.path().join("agreements");
    let key = demo.keys["officer"].as_str();
    let request = request("lancashire-fire-and-rescue.incidents", "2026-01-01/P3M");
    let before = objects(demo.folder.path());
    let file = fires();
    let upload = |key: Option<&str>, happens: &dyn Fn()| {
        let local = platform.local_officer(&request.dataset).unwrap();
        // Agreements that changed since the last request count from here on.
        let caller = platform.authenticate(key).unwrap();
        let caller = if key.is_some() { caller } else { local };
        platform.upload(&caller, &request, Meanwhile { happens: Some(happens), file: &file })
    };

    let revoked = upload(Some(key), &|| platform.revoke_credential(key.split('_').nth(1).unwrap()).unwrap());
    assert!(matches!(revoked, Err(PlatformError::Unauthenticated)), "{revoked:?}");
    let suspended = upload(None, &|| append(&agreements, EventKind::Suspended));
    assert!(matches!(suspended, Err(PlatformError::Denied { .. })), "{suspended:?}");
    append(&agreements, EventKind::Resumed);
    let interrupted = upload(None, &|| {
        append(&agreements, EventKind::Suspended);
        append(&agreements, EventKind::Resumed);
    });
    assert!(matches!(interrupted, Err(PlatformError::Unavailable { .. })), "{interrupted:?}");
    assert_eq!(objects(demo.folder.path()), before, "nothing of them is left");

    let kept = upload(None, &|| ()).unwrap();
    assert_eq!((kept.created, kept.revision), (true, 1));
}

/// After a write that failed it is not known what is on the disk: nothing more is taken in, and that is said.
#[test]
fn a_store_that_failed_to_write_is_not_ready() {
    let demo = Demo::open();
    let quarantine = demo.folder.path().join("data/quarantine");
    let request = request("lancashire-fire-and-rescue.incidents", "2026-01-01/P3M");
    let officer = demo.platform.local_officer(&request.dataset).unwrap();
    assert_eq!(demo.platform.readiness(), platform::Readiness::Ready);
    let happens = || support::files(&quarantine).iter().for_each(|path| fs::remove_file(path).unwrap());
    let file = Meanwhile { happens: Some(happens), file: &fires() };
    assert!(matches!(demo.platform.upload(&officer, &request, file), Err(PlatformError::Failed { .. })));
    let platform::Readiness::NotReady { reason } = demo.platform.readiness() else { panic!("nobody is told") };
    assert!(reason.starts_with("the object store failed to write"), "{reason}");
}

/// An area that is not in a file of figures by area has none, and neither has what it is part of: not 0, and no sum of the rest.
#[tokio::test]
async fn an_area_that_was_not_reported_has_no_figure() {
    let demo = Demo::open();
    let request = request("department-for-work-and-pensions.claimants", "2026-01-01/P3M");
    let text = String::from_utf8(moved("department-for-work-and-pensions/claimants")).unwrap();
    let file: String =
        text.lines().filter(|line| !line.contains("E01990001")).map(|line| format!("{line}\n")).collect();
    assert_ne!(file.len(), text.len());
    let officer = demo.platform.local_officer(&request.dataset).unwrap();
    demo.platform.upload(&officer, &request, file.as_bytes()).unwrap();
    assert_eq!(demo.platform.publish_pending(&mut |_| ()).unwrap().failures, Vec::<String>::new());
    for (area_type, areas) in [("msoa", 31), ("district", 2)] {
        for (period, missing) in [("2025-10-01/P3M", 0), ("2026-01-01/P3M", 1)] {
            let path = format!(
                "/v1/data.json?indicator=claimant-rate&area_type={area_type}&period_type=quarter&period={period}"
            );
            let answer = demo.get(&path, Some("analyst")).await;
            let json = answer.json();
            let rows = json["rows"].as_array().unwrap();
            let absent: Vec<_> = rows.iter().filter(|row| row["status"] == "x").collect();
            assert_eq!((rows.len(), absent.len()), (areas, missing), "{path}: {}", answer.text());
            assert!(absent.iter().all(|row| row["count"].is_null() && row["value"].is_null()), "{path}");
        }
    }
}

/// A ZIP archive with a comment at its end.
pub(crate) fn with_comment(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    let length = archive.len() - 2;
    assert_eq!(archive[length..], [0, 0], "it has no comment yet");
    archive.splice(length.., [1, 0, b' ']);
    archive
}
