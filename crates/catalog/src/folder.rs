//! The data folder: `VERSION catalog.sqlite objects/ quarantine/ set-aside/ audit/ revocations/ lock`.

use std::cmp::Ordering;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::CatalogError;
use crate::set_aside::SetAside;

/// An exclusive lock on a folder, held as long as the value lives, and given back by the kernel if the process dies.
#[derive(Debug)]
pub struct FolderLock {
    // Closing the files releases the lock. The file stays, and the folder is locked as well: where somebody removes the file,
    // no second process gets in.
    _file: File,
    _folder: File,
}

impl FolderLock {
    /// Takes the lock by `flock` on the folder and on the file `lock` in it, and writes this process's id into it.
    ///
    /// # Errors
    /// [`CatalogError::Locked`], with the holder, if another process has it.
    pub fn acquire(folder: &Path) -> Result<Self, CatalogError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("open", &path))?;
        let itself = File::open(folder).map_err(failed("open", folder))?;
        for (file, path) in [(&itself, folder), (&file, path.as_path())] {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    // For the message only: whatever is in the file, the folder is in use.
                    let holder = fs::read_to_string(folder.join("lock")).ok();
                    let holder = holder.and_then(|text| text.trim().parse().ok());
                    return Err(CatalogError::Locked { path: folder.to_owned(), holder });
                }
                Err(errno) => return Err(failed("lock", path)(io::Error::from(errno))),
            }
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed("write", &path))?;
        Ok(Self { _file: file, _folder: itself })
    }
}

/// A locked data folder.
#[derive(Debug)]
pub struct DataFolder {
    root: PathBuf,
    _lock: FolderLock,
}

/// Counts up when data folders of earlier versions can no longer be read.
const FORMAT: i64 = 2;

/// The file of the catalogue in a data folder.
pub const CATALOG: &str = "catalog.sqlite";

impl DataFolder {
    /// Opens a data folder, or makes one (mode 0700) where there is none or an empty folder, and takes its lock.
    ///
    /// # Errors
    /// [`CatalogError::Locked`]; [`CatalogError::NotADataFolder`] for a folder with other files in it;
    /// [`CatalogError::Newer`]; or if the disk fails.
    pub fn open_or_create(root: &Path) -> Result<Self, CatalogError> {
        if !root.join("VERSION").exists() {
            make_folder(root)?;
            let strange = fs::read_dir(root).map_err(failed("list", root))?.flatten().any(|entry| {
                // What an earlier attempt that was cut short may have left.
                !["lock", "objects", "quarantine", "audit", "revocations", "VERSION.part"]
                    .contains(&entry.file_name().to_string_lossy().as_ref())
            });
            if strange {
                let reason = "it has no VERSION file, and is not empty";
                return Err(CatalogError::NotADataFolder { path: root.to_owned(), reason });
            }
        }
        let lock = FolderLock::acquire(root)?;
        let folder = Self { root: root.to_owned(), _lock: lock };
        for part in [folder.objects(), folder.quarantine(), folder.audit(), revocations(root)] {
            make_folder(&part)?;
        }
        if !root.join("VERSION").exists() {
            folder.write_version()?;
        }
        folder.check_version()?;
        Ok(folder)
    }

    /// Opens an existing data folder and takes its lock.
    ///
    /// # Errors
    /// As [`DataFolder::open_or_create`]; also [`CatalogError::NotADataFolder`] if there is none.
    pub fn open(root: &Path) -> Result<Self, CatalogError> {
        if root.join("VERSION").is_file() {
            Self::open_or_create(root)
        } else {
            let reason = "it has no VERSION file; make one with `commonground init`";
            Err(CatalogError::NotADataFolder { path: root.to_owned(), reason })
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The catalogue's database.
    #[must_use]
    pub fn catalog(&self) -> PathBuf {
        self.root.join(CATALOG)
    }

    /// Encrypted objects.
    #[must_use]
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// Encrypted uploads that are not yet taken in.
    #[must_use]
    pub fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Objects that nothing names.
    #[must_use]
    pub fn set_aside(&self) -> SetAside {
        SetAside::new(self.root.join("set-aside"))
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.root.join("audit")
    }

    /// Requests to revoke a key. The one part that is written without the lock.
    #[must_use]
    pub fn revocations(&self) -> PathBuf {
        revocations(&self.root)
    }

    fn write_version(&self) -> Result<(), CatalogError> {
        let (temporary, path) = (self.root.join("VERSION.part"), self.root.join("VERSION"));
        let write = || {
            let mut file = File::create(&temporary)?;
            writeln!(file, "{FORMAT}")?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.root)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    fn check_version(&self) -> Result<(), CatalogError> {
        let path = self.root.join("VERSION");
        let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
        let reason = "its VERSION file does not hold a number";
        let found: i64 =
            text.trim().parse().map_err(|_| CatalogError::NotADataFolder { path: self.root.clone(), reason })?;
        match found.cmp(&FORMAT) {
            Ordering::Greater => Err(CatalogError::Newer { path: self.root.clone(), found, known: FORMAT }),
            Ordering::Less => {
                let reason =
                    "it was made by an earlier version, which this one cannot read: use the version that made it";
                Err(CatalogError::NotADataFolder { path: self.root.clone(), reason })
            }
            Ordering::Equal => Ok(()),
        }
    }
}

/// Where requests to revoke a key are left in the data folder `root`, whoever holds its lock.
#[must_use]
pub fn revocations(root: &Path) -> PathBuf {
    root.join("revocations")
}

pub(crate) fn make_folder(path: &Path) -> Result<(), CatalogError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("create", path))?;
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed("make durable", parent))
}

pub(crate) fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CatalogError {
    let path = path.to_owned();
    move |source| CatalogError::File { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_is_made_once_and_locked() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("new/data");
        assert!(matches!(DataFolder::open(&root), Err(CatalogError::NotADataFolder { .. })));
        let folder = DataFolder::open_or_create(&root).unwrap();
        assert!(folder.objects().is_dir() && folder.quarantine().is_dir() && folder.audit().is_dir());
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        // flock belongs to the open file, so a second opening in this process is refused as another process is.
        let error = DataFolder::open(&root).unwrap_err();
        assert!(matches!(error, CatalogError::Locked { holder: Some(pid), .. } if pid == std::process::id()));
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        // Without the file it is locked all the same.
        fs::remove_file(root.join("lock")).unwrap();
        assert!(matches!(DataFolder::open(&root), Err(CatalogError::Locked { .. })));
        drop(folder);
        DataFolder::open(&root).unwrap();
        DataFolder::open_or_create(&root).unwrap();
    }

    #[test]
    fn other_folders_are_left_alone() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("thesis.txt"), "x").unwrap();
        assert!(matches!(DataFolder::open_or_create(outer.path()), Err(CatalogError::NotADataFolder { .. })));
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_creation_that_was_cut_short_is_completed_and_later_formats_are_refused() {
        let outer = tempfile::tempdir().unwrap();
        for part in ["objects", "audit"] {
            fs::create_dir(outer.path().join(part)).unwrap();
        }
        fs::write(outer.path().join("VERSION.part"), "").unwrap();
        drop(DataFolder::open_or_create(outer.path()).unwrap());
        for (text, newer) in [("3\n", true), ("1\n", false), ("", false), ("one", false)] {
            fs::write(outer.path().join("VERSION"), text).unwrap();
            let error = DataFolder::open(outer.path()).unwrap_err();
            assert_eq!(matches!(error, CatalogError::Newer { found: 3, .. }), newer, "{error}");
        }
    }
}
