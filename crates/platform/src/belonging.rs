//! Whether catalogue, audit log and objects of a data folder belong together.
//!
//! The catalogue says which objects are in use. Where it is missing, or it and the audit log do not name the same dataset
//! versions, nothing is opened, and nothing is changed, until somebody has put the right one back.

use std::collections::BTreeSet;

use catalog::{Catalog, DataFolder, DatasetVersion, VersionStatus};
use uuid::Uuid;

use crate::error::PlatformError;
use crate::publish::Recorded;

/// Makes sure that there is a catalogue to open.
pub(crate) fn catalogue_is_there(folder: &DataFolder) -> Result<(), PlatformError> {
    if folder.catalog().exists() {
        return Ok(());
    }
    nothing_stored(folder)?;
    Err(PlatformError::Folder(format!(
        "the data folder `{}` was not finished when it was made: run `commonground init` again",
        folder.root().display()
    )))
}

/// Makes sure that a data folder without a catalogue never had one.
pub(crate) fn nothing_stored(folder: &DataFolder) -> Result<(), PlatformError> {
    let recorded = audit::verify(&folder.audit(), &[]).map_err(PlatformError::failed("read the audit log"))?.records;
    let objects = std::fs::read_dir(folder.objects()).map_err(PlatformError::failed("list the objects"))?.count();
    if recorded == 0 && objects == 0 {
        return Ok(());
    }
    Err(PlatformError::Folder(format!(
        "the data folder `{}` is in use, but its catalogue `{}` is missing: put it back, or restore the whole folder from one backup; nothing was changed",
        folder.root().display(),
        catalog::CATALOG
    )))
}

/// Makes sure that catalogue and audit log name the same dataset versions. A staged one has no record yet.
pub(crate) fn together(folder: &DataFolder, catalog: &dyn Catalog, recorded: &Recorded) -> Result<(), PlatformError> {
    let versions = catalog.versions(None, None).map_err(PlatformError::failed("read versions"))?;
    let known: BTreeSet<Uuid> = versions.iter().map(|version| version.facts.id).collect();
    let staged = |version: &&DatasetVersion| version.status == VersionStatus::Staged;
    let taken_in: BTreeSet<Uuid> =
        versions.iter().filter(|version| !staged(version)).map(|version| version.facts.id).collect();
    let missing_in = |part: &str, other: &str, missing: Vec<&Uuid>| {
        let Some(first) = missing.first() else { return Ok(()) };
        Err(PlatformError::Folder(format!(
            "the {part} of the data folder `{}` does not have {} of the dataset versions that its {other} names, such as `{first}`: it is older, or another one; put the right one back, or restore the whole folder from one backup; nothing was changed",
            folder.root().display(),
            missing.len()
        )))
    };
    missing_in("catalogue", "audit log", recorded.versions().difference(&known).collect())?;
    missing_in("audit log", "catalogue", taken_in.difference(recorded.versions()).collect())?;
    let withdrawn = versions.iter().filter(|version| version.status == VersionStatus::Withdrawn);
    let withdrawn: Vec<&Uuid> = withdrawn.map(|version| &version.facts.id).collect();
    let unknown = withdrawn.into_iter().filter(|id| !recorded.withdrawn().contains(*id)).collect();
    missing_in("audit log", "catalogue (as withdrawn)", unknown)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use catalog::{ObjectKind, ObjectName, ObjectStore};

    use super::*;
    use crate::testing::Small;
    use crate::{Platform, exists};

    /// A folder that was begun and has nothing in it yet is finished by the command that makes folders, and by no other.
    #[test]
    fn a_folder_that_was_not_finished_is_finished_by_init() {
        let small = Small::new();
        let settings = small.settings();
        std::fs::remove_file(settings.data.join(catalog::CATALOG)).unwrap();
        assert!(!exists(&settings.data));
        let error = Platform::attach(settings.clone()).err().unwrap().to_string();
        assert!(error.contains("`commonground init` again"), "{error}");
        assert!(!exists(&settings.data), "attaching makes none");
        Platform::create(&settings).unwrap();
        drop(small.open());
        assert!(exists(&settings.data));
    }

    /// Objects alone say that there was a catalogue, also where the audit log is missing too.
    #[test]
    fn a_folder_with_objects_is_not_made_anew() {
        let small = Small::new();
        let settings = small.settings();
        let store = ObjectStore::open(&settings.data.join("objects")).unwrap();
        let name = ObjectName::new(ObjectKind::Table, Uuid::from_u128(1));
        store.put(name, b"a partner's table").unwrap();
        std::fs::remove_file(settings.data.join(catalog::CATALOG)).unwrap();
        for error in [Platform::create(&settings).err(), Platform::attach(settings.clone()).err()] {
            let error = error.unwrap().to_string();
            assert!(error.contains("put it back") && error.contains("nothing was changed"), "{error}");
        }
        assert_eq!(store.names().unwrap(), [name]);
    }

    /// A catalogue without its audit log would be trusted with what nobody can hold against it.
    #[test]
    fn an_older_audit_log_is_noticed() {
        let small = Small::new();
        let platform = small.open();
        Small::upload(&platform, 1);
        drop(platform);
        let (audit, kept) = (small.settings().data.join("audit"), small.folder.path().join("kept"));
        copy(&audit, &kept);
        let platform = small.open();
        let later = Small::upload(&platform, 2).version;
        drop(platform);
        std::fs::remove_dir_all(&audit).unwrap();
        copy(&kept, &audit);
        let error = Platform::attach(small.settings()).err().unwrap().to_string();
        assert!(error.contains("the audit log of the data folder"), "{error}");
        assert!(
            error.contains(&format!("1 of the dataset versions that its catalogue names, such as `{later}`")),
            "{error}"
        );
    }

    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }

    /// What is restored from a backup may name less than is stored: the rest waits until somebody puts the right parts back.
    #[test]
    fn what_nothing_names_is_set_aside_and_comes_back_when_it_is_named() {
        let small = Small::new();
        drop(small.open());
        let (data, earlier, whole) =
            (small.settings().data, small.folder.path().join("earlier"), small.folder.path().join("whole"));
        let parts = |from: &Path, to: &Path| {
            std::fs::create_dir_all(to).unwrap();
            let _ = std::fs::remove_dir_all(to.join("audit"));
            copy(&from.join("audit"), &to.join("audit"));
            for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
                let _ = std::fs::remove_file(to.join(name));
                let _ = std::fs::copy(from.join(name), to.join(name));
            }
        };
        parts(&data, &earlier);
        let platform = small.open();
        let version = Small::upload(&platform, 1).version;
        drop(platform);
        parts(&data, &whole);
        let stored = |platform: &Platform| {
            let names = platform.store().names().unwrap();
            names.into_iter().filter(|name| name.id() == version).count()
        };
        let start = |days: i64| {
            let now = small.settings().clock.now() + jiff::SignedDuration::from_hours(24 * days);
            let settings = crate::Settings { clock: crate::Clock::of(move || now), ..small.settings() };
            let platform = Platform::attach(settings).unwrap().0;
            platform.load().unwrap();
            platform
        };
        parts(&earlier, &data);
        assert_eq!(stored(&start(0)), 0);
        parts(&whole, &data);
        assert_eq!(stored(&start(40)), 2, "its table and its findings are back");
        // Nobody puts anything back: after its time it goes.
        parts(&earlier, &data);
        drop(start(0));
        let aside = data.join("set-aside");
        assert_eq!(std::fs::read_dir(&aside).unwrap().count(), 1);
        drop(start(30));
        assert_eq!(std::fs::read_dir(&aside).unwrap().count(), 1);
        drop(start(31));
        assert_eq!(std::fs::read_dir(&aside).unwrap().count(), 0);
    }

    /// Whatever the catalogue says, what was acknowledged is no rubbish.
    #[test]
    fn what_the_audit_log_names_is_never_set_aside_as_unused() {
        let small = Small::new();
        let platform = small.open();
        let kept = Small::upload(&platform, 1).version;
        let name = |id| ObjectName::new(ObjectKind::Table, id);
        platform.store().put(name(Uuid::from_u128(1)), b"cut short").unwrap();
        // Its record names another table: as it would be if a version came to be forgotten here.
        platform.store().put(ObjectName::new(ObjectKind::Upload, kept), b"named").unwrap();
        platform.load().unwrap();
        let names = platform.store().names().unwrap();
        assert!(names.contains(&name(kept)) && names.contains(&ObjectName::new(ObjectKind::Upload, kept)), "{names:?}");
        assert!(!names.contains(&name(Uuid::from_u128(1))), "{names:?}");
    }
}
