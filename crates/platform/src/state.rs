//! What the platform holds in memory: replaced whole, so that a reader sees one consistent state.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agreements::{Registry, Seen, Snapshot, SourceFile};
use catalog::Credential;
use disclosure::{Geographies, GroupTables, Noisy, Released};
use geography::Gazetteer;
use model::{AreaType, DatasetId, DefinitionError, Digest, ViewId};
use sha2::Digest as _;

use crate::cube::Cube;
use crate::definitions::{DefinitionFile, Definitions};
use crate::error::PlatformError;
use crate::publish::Basis;
use crate::read::Boundaries;

/// Areas, lookups and postcodes, with what is drawn of them.
pub(crate) struct Geography {
    pub(crate) gazetteer: Gazetteer,
    /// Digest of the stored form.
    pub(crate) digest: Digest,
    pub(crate) boundaries: BTreeMap<AreaType, Boundaries>,
    /// The areas compared with each other, as registration asks.
    pub(crate) registered: Geographies,
}

/// Released cells of one dataset's group, and what they stand on.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) tables: Released<GroupTables>,
    pub(crate) basis: Basis,
    /// What adds noise to whatever else is asked of it, where noise is added to figures.
    pub(crate) noisy: Option<Noisy>,
}

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) snapshot: Snapshot,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) geography: Option<Arc<Geography>>,
    pub(crate) credentials: Arc<BTreeMap<String, Credential>>,
    /// How many credentials are not accepted, because their records were changed outside the service.
    pub(crate) unaccepted: usize,
    pub(crate) released: BTreeMap<DatasetId, Arc<Group>>,
    /// The same with what may not be shown any more: nobody has forgotten it, and what is registered stands beside it.
    pub(crate) out: BTreeMap<DatasetId, Arc<Group>>,
    /// Datasets of which it is not known for sure what was released, and why: nothing of them is served.
    pub(crate) distrusted: BTreeMap<DatasetId, String>,
    pub(crate) cubes: BTreeMap<ViewId, Arc<Cube>>,
}

impl State {
    pub(crate) fn geography(&self) -> Result<&Arc<Geography>, PlatformError> {
        self.geography.as_ref().ok_or_else(|| PlatformError::Unavailable {
            reason: "no geography is imported: run `commonground geography import`".to_owned(),
        })
    }
}

/// Definitions and agreements from their folders, with everything that is wrong in them; `seen` is how far the events of
/// agreements went before.
pub(crate) fn load_definitions(
    contracts: &Path,
    indicators: &Path,
    agreements: &Path,
    seen: &BTreeMap<Digest, Seen>,
) -> Result<(Definitions, Registry, Vec<DefinitionError>), PlatformError> {
    let (definitions, mut errors) = Definitions::load(&texts(contracts)?, &texts(indicators)?);
    let contracts: Vec<_> = definitions.contracts().cloned().collect();
    let registry = Registry::load_after(&sources(agreements)?, &contracts, seen)?;
    errors.extend(registry.errors().iter().cloned());
    Ok((definitions, registry, errors))
}

pub(crate) fn texts(folder: &Path) -> Result<Vec<DefinitionFile>, PlatformError> {
    let mut files = Vec::new();
    for source in sources(folder)? {
        let text = String::from_utf8(source.content)
            .map_err(|_| DefinitionError::whole(&source.name, "it is not UTF-8 text: save it as UTF-8"))?;
        files.push(DefinitionFile { name: source.name, text });
    }
    Ok(files)
}

/// The TOML files of a folder, by name.
pub(crate) fn sources(folder: &Path) -> Result<Vec<SourceFile>, PlatformError> {
    let read = |path: PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let content = read_definition(&path).map_err(|error| unreadable(&path, &error))?;
        Ok(SourceFile { name, content })
    };
    toml_files(folder)?.into_iter().map(read).collect()
}

/// The most that one file of definitions may hold, in bytes.
const MOST: u64 = 4 << 20;

/// What a file of definitions holds. Nothing is read that may have no end, such as a device or a pipe.
pub(crate) fn read_definition(path: &Path) -> std::io::Result<Vec<u8>> {
    let refused = |why: &str| std::io::Error::other(why.to_owned());
    if !std::fs::metadata(path)?.is_file() {
        return Err(refused("it is no regular file: put the text itself there, or take it away"));
    }
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(MOST + 1).read_to_end(&mut content)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > MOST {
        return Err(refused("it has more than 4 MiB, which no definition needs: is it the right file?"));
    }
    Ok(content)
}

/// The paths of the TOML files of a folder, in order.
pub(crate) fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, PlatformError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> PlatformError {
    PlatformError::Folder(format!(
        "could not read `{}`: {error}; `--agreements`, `--contracts` and `--indicators` name the folders of definitions",
        path.display()
    ))
}

/// SHA-256 over parts, each behind its length.
pub(crate) fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    Digest(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_no_end_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        let said = || sources(folder.path()).map(|files| files.len()).map_err(|error| error.to_string());
        std::fs::write(&file, "id = 1").unwrap();
        assert_eq!(said(), Ok(1));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for endless in ["/dev/zero", "pipe", "."] {
            std::fs::remove_file(&file).unwrap();
            std::os::unix::fs::symlink(endless, &file).unwrap();
            assert!(said().is_err_and(|said| said.contains("no regular file") && said.contains("a.toml")), "{endless}");
        }
        std::fs::remove_file(&file).unwrap();
        std::fs::File::create(&file).unwrap().set_len(MOST + 1).unwrap();
        assert!(said().is_err_and(|said| said.contains("4 MiB")));
        std::fs::File::create(&file).unwrap().set_len(MOST).unwrap();
        assert_eq!(said(), Ok(1));
    }
}
