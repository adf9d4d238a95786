//! Whether catalogue, audit log and objects of a data folder belong together.
//!
//! The catalogue says which objects are in use, and what it does not name is removed at a start. A catalogue that is
//! missing, or older than what was acknowledged since, would have partners' data removed: then nothing is opened, and
//! nothing is changed, until somebody has put the right one back.

use std::collections::BTreeSet;

use catalog::{Catalog, DataFolder};
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

/// Makes sure that the catalogue has every dataset version that the audit log names.
pub(crate) fn together(folder: &DataFolder, catalog: &dyn Catalog, recorded: &Recorded) -> Result<(), PlatformError> {
    let versions = catalog.versions(None, None).map_err(PlatformError::failed("read versions"))?;
    let known: BTreeSet<Uuid> = versions.into_iter().map(|version| version.facts.id).collect();
    let mut missing = recorded.versions().difference(&known);
    let Some(first) = missing.next() else { return Ok(()) };
    Err(PlatformError::Folder(format!(
        "the catalogue of the data folder `{}` does not have {} dataset versions that its audit log names, such as `{first}`: it is older, or another one; put the right one back, or restore the whole folder from one backup; nothing was changed",
        folder.root().display(),
        missing.count() + 1
    )))
}

#[cfg(test)]
mod tests {
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

    /// Whatever the catalogue says, what was acknowledged is no rubbish.
    #[test]
    fn what_the_audit_log_names_is_never_removed_as_unused() {
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
