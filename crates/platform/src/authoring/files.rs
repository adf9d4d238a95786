//! The folder of agreements as it is, and as it would be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use agreements::{Agreement, Registry, SourceFile};
use model::{DatasetContract, DefinitionError};

use super::{AgreementPlaces, AuthoringError};
use crate::definitions::Definitions;
use crate::error::PlatformError;
use crate::state;

const EVENTS: &str = ".events.toml";

/// The folder, what it loads to with the changes made so far, and those changes, of which nothing is written yet.
pub(super) struct Folder {
    path: PathBuf,
    files: Vec<SourceFile>,
    contracts: Vec<DatasetContract>,
    registry: Registry,
    changed: Vec<String>,
    /// Held until the changes are written.
    _lock: Option<File>,
}

/// The file of the events of an agreement.
pub(super) fn events_of(name: &str) -> String {
    format!("{}{EVENTS}", name.strip_suffix(".toml").unwrap_or(name))
}

impl Folder {
    /// Reads it.
    pub(super) fn read(places: AgreementPlaces<'_>) -> Result<Self, AuthoringError> {
        let (definitions, _) = Definitions::load(&state::texts(places.contracts)?, &[]);
        let contracts: Vec<_> = definitions.contracts().cloned().collect();
        let files = state::sources(places.agreements)?;
        let registry = Registry::load(&files, &contracts).map_err(PlatformError::from)?;
        let path = places.agreements.to_owned();
        Ok(Self { path, files, contracts, registry, changed: Vec::new(), _lock: None })
    }

    /// Reads it to be changed: until it is written, no other command changes it.
    pub(super) fn locked(places: AgreementPlaces<'_>) -> Result<Self, AuthoringError> {
        let failed = || AuthoringError::file("open", places.agreements);
        let lock = File::open(places.agreements).map_err(failed())?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = "another command is changing these agreements: try again when it has ended";
                return Err(AuthoringError::Faulty(message.to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(AuthoringError::file("lock", places.agreements)(error)),
        }
        Ok(Self { _lock: Some(lock), ..Self::read(places)? })
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What is wrong with a file, so that its agreement is not loaded.
    pub(super) fn faults(&self, name: &str) -> String {
        let events = events_of(name);
        let errors = self.registry.errors().iter().filter(|error| error.file == name || error.file == events);
        let lines: Vec<_> = errors.map(ToString::to_string).collect();
        let mut text = format!("`{name}` is not in order, and nothing is added to it: {}", lines.join("; "));
        if lines.iter().any(|line| line.contains("changed after signing")) {
            text.push_str(
                ". Put the text back that was signed; or, where it never was in force, take every `signature` line out and have all parties sign again; or write the change as a new version that `supersedes` this one",
            );
        }
        text
    }

    /// The name in this folder of a file that somebody named.
    pub(super) fn name_of(&self, file: &Path) -> Result<String, AuthoringError> {
        let real = |path: &Path| fs::canonicalize(path).ok();
        let folder = real(&self.path);
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let here = real(file).is_some_and(|file| file.parent() == folder.as_deref())
            // Its name alone will do.
            || file.components().count() == 1 && !file.exists();
        let known = self.files.iter().any(|known| known.name == name);
        if here && known && !name.ends_with(EVENTS) && name != "partnership.toml" {
            return Ok(name);
        }
        let (file, folder) = (file.display(), self.path.display());
        let message =
            format!("`{file}` is not an agreement of the folder `{folder}`: `--agreements` names another folder");
        Err(AuthoringError::Unknown(message))
    }

    /// The text of a file, with the changes made so far.
    pub(super) fn text(&self, name: &str) -> Result<String, AuthoringError> {
        let missing = || AuthoringError::Unknown(format!("there is no file `{name}`"));
        self.text_if_there(name)?.ok_or_else(missing)
    }

    /// The same; nothing if there is no such file.
    pub(super) fn text_if_there(&self, name: &str) -> Result<Option<String>, AuthoringError> {
        let file = self.files.iter().find(|file| file.name == name);
        file.map(|file| utf8(name, file.content.clone())).transpose()
    }

    /// A draft that lies anywhere, checked against this folder's register.
    pub(super) fn draft(&self, path: &Path) -> Result<Agreement, AuthoringError> {
        let content = state::read_definition(path).map_err(AuthoringError::file("read", path))?;
        let text = utf8(&path.display().to_string(), content)?;
        let contracts: BTreeMap<_, _> = self.contracts.iter().map(|one| (one.id.clone(), one.clone())).collect();
        let partnership = self.registry.snapshot().partnership();
        Agreement::parse_draft(&path.display().to_string(), &text, partnership, &contracts).map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            AuthoringError::Faulty(lines.join("\n"))
        })
    }

    /// Puts a text in the place of a file, if the folder then loads as it does now: nothing may be wrong that is not wrong already.
    pub(super) fn change(&mut self, name: &str, text: String) -> Result<(), AuthoringError> {
        let content = text.into_bytes();
        let mut files = self.files.clone();
        match files.iter_mut().find(|file| file.name == name) {
            Some(file) => file.content = content,
            None => files.push(SourceFile { name: name.to_owned(), content }),
        }
        let after = Registry::load(&files, &self.contracts).map_err(PlatformError::from)?;
        let before: BTreeSet<String> = self.registry.errors().iter().map(ToString::to_string).collect();
        let new: Vec<String> =
            after.errors().iter().map(DefinitionError::to_string).filter(|error| !before.contains(error)).collect();
        if !new.is_empty() {
            return Err(AuthoringError::WouldNotLoad(new.join("; ")));
        }
        (self.files, self.registry) = (files, after);
        self.changed.push(name.to_owned());
        Ok(())
    }

    /// Writes what was changed, in that order: a file is there whole or as it was.
    pub(super) fn write(&mut self) -> Result<(), AuthoringError> {
        for name in std::mem::take(&mut self.changed) {
            let file = self.files.iter().find(|file| file.name == name);
            let path = self.path.join(&name);
            replace(&path, file.map_or(&[][..], |file| &file.content)).map_err(AuthoringError::file("write", &path))?;
        }
        Ok(())
    }
}

fn utf8(name: &str, content: Vec<u8>) -> Result<String, AuthoringError> {
    String::from_utf8(content).map_err(|_| AuthoringError::Faulty(format!("`{name}` is not UTF-8 text")))
}

/// Replaces a file, or makes it. What it links to is replaced, not the link.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Not a name that is read as an agreement.
    let temporary = folder.join(format!(".{name}.{}.new", std::process::id()));
    let permissions = fs::metadata(&path).map(|facts| facts.permissions()).ok();
    let written = OpenOptions::new().write(true).create_new(true).open(&temporary).and_then(|mut file| {
        permissions.map_or(Ok(()), |permissions| file.set_permissions(permissions))?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    });
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    // The new name must survive a power cut too.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_would_not_load_is_not_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let places = AgreementPlaces {
            agreements: &root.join("sharing-agreements"),
            contracts: &root.join("sample-data/contracts"),
        };
        // Nothing of the sample is written: the folder is never told to.
        let mut folder = Folder::read(places).unwrap();
        let good = folder.text("claimants.toml").unwrap();
        for bad in ["not TOML".to_owned(), good.replacen("k = 5", "k = 6", 1), good.replacen("k = 5", "k = 1", 1)] {
            let error = folder.change("claimants.toml", bad).unwrap_err();
            assert!(matches!(error, AuthoringError::WouldNotLoad(_)), "{error}");
            assert!(folder.changed.is_empty() && folder.text("claimants.toml").unwrap() == good);
        }
        let error = folder.change("twin.toml", good.clone()).unwrap_err().to_string();
        assert!(
            error.starts_with("nothing was written: twin.toml:1:1: ") && error.contains("the same text"),
            "{error}"
        );
        folder.change("claimants.toml", format!("# a comment\n{good}")).unwrap();
        assert_eq!(folder.changed, ["claimants.toml"]);
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.toml"), folder.path().join("link.toml"));
        replace(&file, b"first").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("a.toml", &link).unwrap();
        replace(&link, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        // A folder stands where the file would.
        let taken = folder.path().join("taken.toml");
        fs::create_dir_all(taken.join("inside")).unwrap();
        replace(&taken, b"third").unwrap_err();
        replace(&folder.path().join("none/a.toml"), b"fourth").unwrap_err();
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a.toml", "link.toml", "taken.toml"]);
    }
}
