//! Folders that somebody changed: data folders put back in parts, and agreements without their end.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use agreements::EventKind;
use audit::{AgreementChange, FolderStorage};
use platform::Platform;

use crate::cli::run;
use crate::publishing::{
    DISTRICTS, again, append, figures, own, own_definitions, publication, quarter, take_catalogue, upload,
};
use crate::support::{self, Demo};

/// The files of a folder with their bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    support::files(folder).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Opens a folder that must be refused, as the service and as another command, and finds every object as it was.
fn refused(folder: &Path, said: &str) {
    let before = contents(&folder.join("data/objects"));
    assert!(before.len() > 20, "{} objects", before.len());
    let error = Platform::open(support::settings(folder)).err().unwrap().to_string();
    assert!(error.contains(said) && error.contains("nothing was changed"), "{error}");
    let (code, text) = run(folder, &["query"]);
    assert!(code == 4 && text.contains(said), "{code} {text}");
    let (code, text) = run(folder, &["init"]);
    assert!(code == 4, "{text}");
    assert_eq!(contents(&folder.join("data/objects")), before);
}

/// What the catalogue does not name is removed at a start: one that is missing, empty or older names too little.
#[tokio::test]
async fn a_catalogue_that_is_missing_or_older_costs_no_data() {
    let kept = tempfile::tempdir().unwrap();
    let demo = again(Demo::open(), |folder| support::copy(&folder.join("data"), kept.path()));
    let version = upload(&demo, "2026-01-01/P3M", quarter("2026", 0)).await;
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    let after = figures(&demo).await;
    let demo = again(demo, |folder| {
        let catalogue = folder.join("data/catalog.sqlite");
        support::copy(&folder.join("data"), &folder.join("whole"));
        take_catalogue(folder);
        refused(folder, "its catalogue `catalog.sqlite` is missing");
        assert!(!catalogue.exists(), "none is made");
        fs::write(&catalogue, "").unwrap();
        refused(folder, "of the dataset versions that its audit log names");
        take_catalogue(folder);
        fs::copy(kept.path().join("catalog.sqlite"), &catalogue).unwrap();
        refused(folder, "does not have 1 of the dataset versions that its audit log names");
        take_catalogue(folder);
        for extra in ["", "-wal"] {
            let name = format!("catalog.sqlite{extra}");
            if folder.join("whole").join(&name).exists() {
                fs::copy(folder.join("whole").join(&name), folder.join("data").join(&name)).unwrap();
            }
        }
    });
    assert!(publication(&demo, &version).await.starts_with("done"));
    assert_eq!(figures(&demo).await, after);
}

/// What was recorded about agreements, in order.
fn agreement_changes(folder: &Path) -> Vec<AgreementChange> {
    let mut changes = Vec::new();
    audit::verify_storage(&FolderStorage::new(&folder.join("data/audit")), &[], &mut |record| {
        if let audit::Entry::Agreement { change, .. } = &record.entry {
            changes.push(*change);
        }
    })
    .unwrap();
    changes
}

/// Every shorter chain of events is a valid one. Whoever can write the folder, and holds no key, may not undo a suspension by
/// cutting it off: neither while the service runs nor while it is stopped.
#[tokio::test]
async fn a_suspension_that_is_cut_off_stays() {
    use AgreementChange::{Cut, Restored, Resumed, Suspended};
    let demo = own(Demo::open());
    let agreements = demo.folder.path().join("agreements");
    let path = agreements.join("fire-incidents.events.toml");
    let in_force = fs::read(&path).unwrap();
    let before = agreement_changes(demo.folder.path()).len();
    append(&agreements, EventKind::Suspended);
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    let suspended = fs::read(&path).unwrap();

    fs::write(&path, &in_force).unwrap();
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    assert_eq!(demo.get("/v1/data.json?indicator=all-crime", None).await.status, 200, "the others stand");
    assert_eq!(agreement_changes(demo.folder.path())[before..], [Suspended, Cut]);

    // The same file, found at a start.
    let Demo { platform, router, folder, .. } = demo;
    drop((platform, router));
    let (platform, problems) = Platform::open(own_definitions(folder.path())).unwrap();
    assert!(problems.iter().any(|problem| problem.message.contains("seen before")), "{problems:?}");
    drop(platform);
    assert_eq!(agreement_changes(folder.path())[before..], [Suspended, Cut], "and recorded once");

    fs::write(&path, &suspended).unwrap();
    let demo = Demo::over(folder, own_definitions(path.parent().unwrap().parent().unwrap()));
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
    append(&agreements, EventKind::Resumed);
    demo.get("/v1/me", None).await;
    demo.platform.publish_pending(&mut |_| ()).unwrap();
    assert_eq!(demo.get(DISTRICTS, None).await.status, 200);
    assert_eq!(agreement_changes(demo.folder.path())[before..], [Suspended, Cut, Restored, Suspended, Resumed]);
}

/// Agreements may be links to files elsewhere, as they are where a folder of configuration is mounted.
#[tokio::test]
async fn a_suspension_behind_a_link_counts_too() {
    let demo = own(Demo::open());
    let agreements = demo.folder.path().join("agreements");
    let (link, file) = (agreements.join("fire-incidents.events.toml"), demo.folder.path().join("mounted.toml"));
    fs::rename(&link, &file).unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    // A link to nothing beside them, as editors leave it, is no agreement.
    std::os::unix::fs::symlink("nowhere", agreements.join(".#notes")).unwrap();
    assert_eq!(demo.get(DISTRICTS, None).await.status, 200);
    append(&agreements, EventKind::Suspended);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404);
}

/// A file of the same length and the same time of change is another file all the same.
#[tokio::test]
async fn a_change_that_keeps_length_and_time_is_noticed() {
    let demo = own(Demo::open());
    let agreements = demo.folder.path().join("agreements");
    let path = agreements.join("fire-incidents.events.toml");
    assert_eq!(demo.get(DISTRICTS, None).await.status, 200);
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut text = fs::read(&path).unwrap();
    let at = memchr::memmem::find(&text, b"signature = \"").unwrap() + 14;
    text[at] = if text[at] == b'A' { b'B' } else { b'A' };
    fs::write(&path, text).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    assert_eq!(demo.get(DISTRICTS, None).await.status, 404, "a signature that does not hold closes its data");
}
