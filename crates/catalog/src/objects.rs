//! Encrypted files under names the platform makes.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::Digest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::error::CatalogError;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// An encrypted Parquet table.
    Table,
    /// Encrypted findings.
    Findings,
    /// An encrypted upload in quarantine.
    Upload,
    /// Areas, lookups and postcodes: public, not encrypted.
    Geography,
}

impl ObjectKind {
    const ALL: [Self; 4] = [Self::Table, Self::Findings, Self::Upload, Self::Geography];

    const fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Table => ("table-", ".parquet"),
            Self::Findings => ("findings-", ".sealed"),
            Self::Upload => ("upload-", ".sealed"),
            Self::Geography => ("geography-", ".bin"),
        }
    }
}

/// The name of an object: its kind and a UUID. Nothing a caller sends becomes part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    kind: ObjectKind,
    id: Uuid,
}

impl ObjectName {
    /// A name.
    #[must_use]
    pub const fn new(kind: ObjectKind, id: Uuid) -> Self {
        Self { kind, id }
    }

    /// What the object is.
    #[must_use]
    pub const fn kind(self) -> ObjectKind {
        self.kind
    }

    /// Its id: for a table and for findings, that of their dataset version.
    #[must_use]
    pub const fn id(self) -> Uuid {
        self.id
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.kind.parts();
        write!(f, "{before}{}{after}", self.id.hyphenated())
    }
}

impl FromStr for ObjectName {
    type Err = CatalogError;
    fn from_str(text: &str) -> Result<Self, CatalogError> {
        ObjectKind::ALL
            .into_iter()
            .find_map(|kind| {
                let (before, after) = kind.parts();
                let id = Uuid::parse_str(text.strip_prefix(before)?.strip_suffix(after)?).ok()?;
                Some(Self { kind, id }).filter(|name| name.to_string() == text)
            })
            .ok_or(CatalogError::Invalid { what: "an object", reason: "its name was not made by this platform" })
    }
}

impl Serialize for ObjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An object that is durably stored, with what it takes to notice damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRef {
    /// Its name.
    pub name: ObjectName,
    /// SHA-256 of its (encrypted) bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A local folder of objects. An object appears under its name whole and durable, or not at all.
#[derive(Debug, Clone)]
pub struct ObjectStore {
    folder: PathBuf,
    // Shared by clones: after a failed sync it is unknown what is on the disk.
    poisoned: Arc<AtomicBool>,
}

const TEMPORARY: &str = ".part";

impl ObjectStore {
    /// Opens a folder and removes what unfinished writes have left in it. The caller holds the lock on the data folder.
    ///
    /// # Errors
    /// If the folder cannot be read or cleaned.
    pub fn open(folder: &Path) -> Result<Self, CatalogError> {
        let store = Self { folder: folder.to_owned(), poisoned: Arc::new(AtomicBool::new(false)) };
        for name in store.file_names()? {
            if name.ends_with(TEMPORARY) {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(store)
    }

    /// Begins to write an object. Nothing is stored until [`ObjectWriter::commit`].
    ///
    /// # Errors
    /// If the object exists or cannot be made, or an earlier sync failed.
    pub fn writer(&self, name: ObjectName) -> Result<ObjectWriter, CatalogError> {
        self.check()?;
        let path = self.path(name);
        if path.exists() {
            return Err(CatalogError::conflict("object", name, "it exists; objects are never overwritten"));
        }
        let temporary = self.folder.join(format!("{name}{TEMPORARY}"));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(failed("create", &temporary))?;
        Ok(ObjectWriter { store: self.clone(), name, temporary, file: Some(file), hash: Sha256::new(), bytes: 0 })
    }

    /// Writes an object whole.
    ///
    /// # Errors
    /// As [`ObjectStore::writer`] and [`ObjectWriter::commit`].
    pub fn put(&self, name: ObjectName, bytes: &[u8]) -> Result<ObjectRef, CatalogError> {
        let mut writer = self.writer(name)?;
        writer.write_all(bytes).map_err(failed("write", &self.path(name)))?;
        writer.commit()
    }

    /// Reads an object whole and compares it with its digest.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], or [`CatalogError::Damaged`] if it is not what was written.
    pub fn read(&self, object: &ObjectRef) -> Result<Vec<u8>, CatalogError> {
        let mut file = self.open_file(object)?;
        let mut bytes = Vec::with_capacity(usize::try_from(object.bytes).unwrap_or_default());
        file.read_to_end(&mut bytes).map_err(failed("read", &self.path(object.name)))?;
        if crate::port::digest_of(&bytes) == object.digest { Ok(bytes) } else { Err(damaged(object)) }
    }

    /// Compares an object with its digest and returns its path, for a reader that needs a file (the query engine).
    ///
    /// # Errors
    /// As [`ObjectStore::read`].
    pub fn checked_path(&self, object: &ObjectRef) -> Result<PathBuf, CatalogError> {
        let path = self.path(object.name);
        let mut file = self.open_file(object)?;
        let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            let count = file.read(&mut buffer).map_err(failed("read", &path))?;
            if count == 0 {
                break;
            }
            hash.update(buffer.get(..count).unwrap_or_default());
        }
        if Digest(hash.finalize().into()) == object.digest { Ok(path) } else { Err(damaged(object)) }
    }

    /// Removes an object; says whether it was there.
    ///
    /// # Errors
    /// If it cannot be removed durably.
    pub fn remove(&self, name: ObjectName) -> Result<bool, CatalogError> {
        self.check()?;
        let path = self.path(name);
        match fs::remove_file(&path) {
            Ok(()) => {
                self.sync_folder()?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    /// Moves an object out of the store into a folder of the same file system; says whether it was there.
    pub(crate) fn move_to(&self, name: ObjectName, folder: &Path) -> Result<bool, CatalogError> {
        self.relocate(&self.path(name), &folder.join(name.to_string()), folder)
    }

    /// Moves an object from a folder of the same file system into the store, over none that is there.
    pub(crate) fn move_from(&self, name: ObjectName, folder: &Path) -> Result<bool, CatalogError> {
        if self.path(name).exists() {
            return Ok(false);
        }
        self.relocate(&folder.join(name.to_string()), &self.path(name), folder)
    }

    fn relocate(&self, from: &Path, to: &Path, other: &Path) -> Result<bool, CatalogError> {
        self.check()?;
        match fs::rename(from, to) {
            Ok(()) => {
                File::open(other).and_then(|folder| folder.sync_all()).map_err(failed("make durable", other))?;
                self.sync_folder()?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("move", from)(error)),
        }
    }

    /// All objects, in order: to find those that the catalogue does not know, left by an upload that was never
    /// acknowledged.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn names(&self) -> Result<Vec<ObjectName>, CatalogError> {
        let mut names: Vec<ObjectName> = self.file_names()?.iter().filter_map(|name| name.parse().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Where an object is or would be.
    #[must_use]
    pub fn path(&self, name: ObjectName) -> PathBuf {
        self.folder.join(name.to_string())
    }

    fn open_file(&self, object: &ObjectRef) -> Result<File, CatalogError> {
        let path = self.path(object.name);
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => CatalogError::not_found("object", object.name),
            _ => failed("open", &path)(error),
        })?;
        let length = file.metadata().map_err(failed("inspect", &path))?.len();
        if length == object.bytes { Ok(file) } else { Err(damaged(object)) }
    }

    fn file_names(&self) -> Result<Vec<String>, CatalogError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed("list", &self.folder))? {
            let entry = entry.map_err(failed("list", &self.folder))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    /// Whether the store still accepts anything.
    ///
    /// # Errors
    /// [`CatalogError::Poisoned`] after a failed write: it is then unknown what is on the disk.
    pub fn check(&self) -> Result<(), CatalogError> {
        if self.poisoned.load(Ordering::Acquire) { Err(CatalogError::Poisoned) } else { Ok(()) }
    }

    fn sync_folder(&self) -> Result<(), CatalogError> {
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(|error| {
            self.poisoned.store(true, Ordering::Release);
            failed("make durable", &self.folder)(error)
        })
    }
}

/// An object being written. Dropped without [`ObjectWriter::commit`], it leaves nothing behind.
#[derive(Debug)]
pub struct ObjectWriter {
    store: ObjectStore,
    name: ObjectName,
    temporary: PathBuf,
    // None once committed.
    file: Option<File>,
    hash: Sha256,
    bytes: u64,
}

impl ObjectWriter {
    /// Makes the object durable under its name: sync, rename, sync of the folder.
    ///
    /// # Errors
    /// If the disk fails; then the store accepts nothing more.
    pub fn commit(mut self) -> Result<ObjectRef, CatalogError> {
        self.store.check()?;
        let Some(file) = self.file.take() else { return Err(CatalogError::Poisoned) };
        let path = self.store.path(self.name);
        let result = file.sync_all().and_then(|()| fs::rename(&self.temporary, &path));
        if let Err(error) = result {
            self.store.poisoned.store(true, Ordering::Release);
            return Err(failed("make durable", &self.temporary)(error));
        }
        self.store.sync_folder()?;
        let hash = std::mem::take(&mut self.hash);
        Ok(ObjectRef { name: self.name, digest: Digest(hash.finalize().into()), bytes: self.bytes })
    }
}

impl Write for ObjectWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(file) = self.file.as_mut() else { return Err(io::Error::from(io::ErrorKind::BrokenPipe)) };
        let count = file.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // If this fails, the next start removes it.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn damaged(object: &ObjectRef) -> CatalogError {
    CatalogError::damaged("object", object.name, "its length or digest is not the recorded one")
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CatalogError {
    let path = path.to_owned();
    move |source| CatalogError::File { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(id: u128) -> ObjectName {
        ObjectName::new(ObjectKind::Table, Uuid::from_u128(id))
    }

    #[test]
    fn an_object_is_stored_whole_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = ObjectStore::open(folder.path()).unwrap();
        let object = store.put(name(1), b"ciphertext").unwrap();
        assert_eq!((object.bytes, object.digest), (10, crate::port::digest_of(b"ciphertext")));
        assert_eq!(store.read(&object).unwrap(), b"ciphertext");
        let path = store.checked_path(&object).unwrap();
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), object.name.to_string());
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(store.put(name(1), b"other"), Err(CatalogError::Conflict { .. })));
        assert_eq!(store.read(&object).unwrap(), b"ciphertext");
        assert!(store.remove(name(1)).unwrap() && !store.remove(name(1)).unwrap());
        assert!(matches!(store.read(&object), Err(CatalogError::NotFound { .. })));
    }

    #[test]
    fn an_unfinished_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = ObjectStore::open(folder.path()).unwrap();
        let mut writer = store.writer(name(1)).unwrap();
        writer.write_all(b"half").unwrap();
        assert!(matches!(store.writer(name(1)), Err(CatalogError::File { .. })), "two writers of one name");
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // A process that is killed cannot tidy up; the next start does.
        let mut writer = store.writer(name(2)).unwrap();
        writer.write_all(b"half").unwrap();
        std::mem::forget(writer);
        assert_eq!(store.names().unwrap(), []);
        ObjectStore::open(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let store = ObjectStore::open(folder.path()).unwrap();
        let object = store.put(name(1), b"ciphertext").unwrap();
        for bytes in [&b"ciphertexT"[..], b"ciphertex", b"ciphertext ", b""] {
            fs::write(store.path(name(1)), bytes).unwrap();
            assert!(matches!(store.read(&object), Err(CatalogError::Damaged { .. })));
            assert!(matches!(store.checked_path(&object), Err(CatalogError::Damaged { .. })));
        }
    }

    #[test]
    fn a_failed_commit_poisons_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = ObjectStore::open(folder.path()).unwrap();
        let writer = store.writer(name(1)).unwrap();
        fs::remove_file(&writer.temporary).unwrap();
        assert!(matches!(writer.commit(), Err(CatalogError::File { .. })));
        assert!(matches!(store.put(name(2), b"x"), Err(CatalogError::Poisoned)));
        assert!(matches!(store.clone().remove(name(2)), Err(CatalogError::Poisoned)));
    }

    #[test]
    fn names_are_the_platforms_own() {
        for kind in ObjectKind::ALL {
            let name = ObjectName::new(kind, Uuid::from_u128(5));
            assert_eq!(name.to_string().parse::<ObjectName>().unwrap(), name);
        }
        for bad in ["", "table-.parquet", "../table-x.parquet", "table-00000000000000000000000000000005.parquet", "a"] {
            assert!(bad.parse::<ObjectName>().is_err(), "{bad}");
        }
    }
}
