//! The master key: what wraps data keys. By default a file; a key service can take its place.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::{Zeroize, Zeroizing};

use crate::derive::hmac_sha256;
use crate::entropy::Entropy;
use crate::error::VaultError;

/// Something that can encrypt a data key and bind it to associated data: a key file, or a key management service.
pub trait KeyProvider: Send + Sync {
    /// A stable id of the master key; says nothing about the key.
    fn id(&self) -> &str;

    /// Encrypts a data key.
    ///
    /// # Errors
    /// If there is no randomness, or the service fails.
    fn wrap(&self, key: &[u8; 32], associated: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, VaultError>;

    /// Decrypts a data key.
    ///
    /// # Errors
    /// If the ciphertext or the associated data were changed, or the service fails.
    fn unwrap(&self, ciphertext: &[u8], associated: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError>;
}

const NONCE: usize = 12;
const TAG: usize = 16;

/// A master key held in memory: AES-256-GCM with a random nonce before the ciphertext.
pub(crate) struct MemoryKey {
    id: String,
    key: Zeroizing<[u8; 32]>,
}

impl MemoryKey {
    pub(crate) fn generate(entropy: &mut dyn Entropy) -> Result<Self, VaultError> {
        let mut key = Zeroizing::new([0_u8; 32]);
        entropy.fill(key.as_mut_slice())?;
        Ok(Self::new(key))
    }

    fn new(key: Zeroizing<[u8; 32]>) -> Self {
        let digest = hmac_sha256(&key, &[b"commonground master key id 1"]);
        let id = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { id, key }
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.key).into())
    }
}

impl KeyProvider for MemoryKey {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap(&self, key: &[u8; 32], associated: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0_u8; NONCE];
        entropy.fill(&mut nonce)?;
        let mut buffer = Vec::with_capacity(32 + TAG);
        buffer.extend_from_slice(key);
        let result = self.cipher().encrypt_in_place(&nonce.into(), associated, &mut buffer);
        if result.is_err() {
            buffer.zeroize();
            return Err(VaultError::NotAuthentic { what: "a wrapped key" });
        }
        Ok([nonce.as_slice(), &buffer].concat())
    }

    fn unwrap(&self, ciphertext: &[u8], associated: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let refuse = || VaultError::NotAuthentic { what: "a wrapped key" };
        let (nonce, rest) = ciphertext.split_first_chunk::<NONCE>().ok_or_else(refuse)?;
        let mut buffer = Zeroizing::new(rest.to_vec());
        self.cipher().decrypt_in_place(nonce.into(), associated, &mut *buffer).map_err(|_| refuse())?;
        let key: &[u8; 32] = buffer.as_slice().try_into().map_err(|_| refuse())?;
        Ok(Zeroizing::new(*key))
    }
}

/// A master key in a file of two lines: a heading and 32 random bytes as base64. Only its owner may read it, and it
/// never lies inside the data folder.
pub struct FileKey(MemoryKey);

const HEADING: &str = "commonground master key 1";
const LONGEST_FILE: u64 = 4096;

impl FileKey {
    /// Makes a new key file (mode 0600; never replaces one) and opens it. `data_folder` need not exist yet.
    ///
    /// # Errors
    /// If the file exists, would lie inside the data folder, or cannot be written durably.
    pub fn create(path: &Path, data_folder: &Path, entropy: &mut dyn Entropy) -> Result<Self, VaultError> {
        let failed = |operation| move |source| VaultError::File { operation, path: path.to_owned(), source };
        refuse_inside(path, data_folder)?;
        let key = MemoryKey::generate(entropy)?;
        let line = Zeroizing::new(STANDARD.encode(key.key.as_slice()));
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed("create"))?;
        let written = file
            .write_all(format!("{HEADING}\n").as_bytes())
            .and_then(|()| file.write_all(line.as_bytes()))
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all());
        if let Err(error) = written {
            // Half a key file would only stand in the way of the next attempt.
            let _ = fs::remove_file(path);
            return Err(failed("write")(error));
        }
        // The name must survive a power cut too: data encrypted under a lost key are lost.
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|f| f.sync_all()).map_err(failed("make durable"))?;
        Ok(Self(key))
    }

    /// Opens a key file.
    ///
    /// # Errors
    /// If it is missing, lies inside the data folder, may be used by other users, or is not a key file.
    pub fn open(path: &Path, data_folder: &Path) -> Result<Self, VaultError> {
        let failed = |operation| move |source| VaultError::File { operation, path: path.to_owned(), source };
        let format = |reason| VaultError::KeyFileFormat { path: path.to_owned(), reason };
        refuse_inside(path, data_folder)?;
        let file = File::open(path).map_err(failed("open"))?;
        // Of the open file, not of the name: the name may be exchanged in between.
        let metadata = file.metadata().map_err(failed("inspect"))?;
        if !metadata.is_file() {
            return Err(format("it is not a regular file"));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(VaultError::KeyFileOpen { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST_FILE).read_to_string(&mut text).map_err(failed("read"))?;
        let (heading, line) = text.trim_end().split_once('\n').ok_or_else(|| format("it must have two lines"))?;
        if heading.trim_end() != HEADING {
            return Err(format("its first line must be `commonground master key 1`"));
        }
        let bytes = STANDARD.decode(line).map(Zeroizing::new).map_err(|_| format("its second line is not base64"))?;
        let key = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| format("the key must have 32 bytes"))?;
        Ok(Self(MemoryKey::new(Zeroizing::new(*key))))
    }
}

impl KeyProvider for FileKey {
    fn id(&self) -> &str {
        self.0.id()
    }
    fn wrap(&self, key: &[u8; 32], associated: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, VaultError> {
        self.0.wrap(key, associated, entropy)
    }
    fn unwrap(&self, ciphertext: &[u8], associated: &[u8]) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        self.0.unwrap(ciphertext, associated)
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileKey({}, redacted)", self.0.id)
    }
}

fn refuse_inside(key: &Path, folder: &Path) -> Result<(), VaultError> {
    let (real_key, real_folder) = (resolve(key)?, resolve(folder)?);
    // A link outside that points inside counts as inside, and so does a name inside that points outside.
    let parent = key.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if real_key.starts_with(&real_folder) || resolve(parent)?.starts_with(&real_folder) {
        return Err(VaultError::KeyInsideData { key: key.to_owned(), folder: folder.to_owned() });
    }
    Ok(())
}

/// The canonical form of a path of which the last parts may not exist yet.
fn resolve(path: &Path) -> Result<PathBuf, VaultError> {
    let failed = |source| VaultError::File { operation: "resolve", path: path.to_owned(), source };
    let absolute = std::path::absolute(path).map_err(failed)?;
    for ancestor in absolute.ancestors() {
        let Ok(real) = fs::canonicalize(ancestor) else { continue };
        let rest = absolute.strip_prefix(ancestor).unwrap_or(Path::new(""));
        if rest.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(failed(std::io::Error::other("`..` after a folder that does not exist")));
        }
        return Ok(real.join(rest));
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn a_key_file_is_made_once_and_opens_as_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let (path, data) = (folder.path().join("key"), folder.path().join("data"));
        let made = FileKey::create(&path, &data, &mut SeededEntropy::new(1)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let opened = FileKey::open(&path, &data).unwrap();
        assert_eq!(made.id(), opened.id());
        let wrapped = made.wrap(&[7; 32], b"a", &mut SeededEntropy::new(2)).unwrap();
        assert_eq!(*opened.unwrap(&wrapped, b"a").unwrap(), [7; 32]);
        assert!(opened.unwrap(&wrapped, b"b").is_err());
        assert!(FileKey::create(&path, &data, &mut SeededEntropy::new(3)).is_err());
        assert_eq!(FileKey::open(&path, &data).unwrap().id(), made.id());
        let key = STANDARD.encode(made.0.key.as_slice());
        assert!(!format!("{made:?}").contains(&key));
    }

    #[test]
    fn a_key_file_others_may_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, data) = (folder.path().join("key"), folder.path().join("data"));
        FileKey::create(&path, &data, &mut SeededEntropy::new(1)).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o610, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(FileKey::open(&path, &data), Err(VaultError::KeyFileOpen { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(FileKey::open(&path, &data).is_ok());
    }

    #[test]
    fn the_key_never_lies_inside_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut entropy = SeededEntropy::new(1);
        let inside = |result: Result<FileKey, VaultError>| matches!(result, Err(VaultError::KeyInsideData { .. }));
        assert!(inside(FileKey::create(&data.join("key"), &data, &mut entropy)));
        fs::create_dir(&data).unwrap();
        assert!(inside(FileKey::create(&data.join("key"), &data, &mut entropy)));
        assert!(inside(FileKey::create(&data.join("../data/key"), &data, &mut entropy)));
        std::os::unix::fs::symlink(&data, folder.path().join("link")).unwrap();
        assert!(inside(FileKey::create(&folder.path().join("link/key"), &data, &mut entropy)));
        assert!(inside(FileKey::create(&data.join("key"), &folder.path().join("link"), &mut entropy)));
        assert!(FileKey::create(&folder.path().join("data-key"), &data, &mut entropy).is_ok());
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, data) = (folder.path().join("key"), folder.path().join("data"));
        let short = STANDARD.encode([0; 31]);
        for text in
            ["", "x", "commonground master key 1", "commonground master key 2\nAAAA", "commonground master key 1\n!!"]
                .into_iter()
                .chain([format!("{HEADING}\n{short}\n").as_str()])
        {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(FileKey::open(&path, &data), Err(VaultError::KeyFileFormat { .. })), "{text}");
        }
        assert!(matches!(FileKey::open(folder.path(), &data), Err(VaultError::KeyFileFormat { .. })));
        assert!(matches!(FileKey::open(&folder.path().join("none"), &data), Err(VaultError::File { .. })));
    }
}
