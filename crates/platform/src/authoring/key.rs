//! Key files of organisations.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use agreements::{PublicKey, SecretKey};
use vault::{Entropy as _, OsEntropy};
use zeroize::Zeroizing;

use super::AuthoringError;
use crate::error::PlatformError;

const LONGEST_FILE: u64 = 4096;

/// Makes a new key in a file that nobody else may read. An existing file is never replaced, and the file may not lie in the folder of
/// agreements, which others have. Gives the public half, for the register.
///
/// # Errors
/// If the file is there already, would lie among the agreements, or cannot be written durably.
pub fn new_agreement_key(path: &Path, agreements: &Path) -> Result<PublicKey, AuthoringError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let real = fs::canonicalize(folder).map_err(AuthoringError::file("open", folder))?;
    if fs::canonicalize(agreements).is_ok_and(|agreements| real.starts_with(agreements)) {
        let reason = "it would lie among the agreements, which others have: keep it elsewhere".to_owned();
        return Err(AuthoringError::Key { file: path.display().to_string(), reason });
    }
    let mut seed = Zeroizing::new([0_u8; 32]);
    OsEntropy.fill(&mut *seed).map_err(PlatformError::failed("make a key"))?;
    let key = SecretKey::from_seed(&seed);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(AuthoringError::file("create", path))?;
    if let Err(error) = file.write_all(key.to_text().as_bytes()).and_then(|()| file.sync_all()) {
        // Half a key file would only stand in the way of the next attempt.
        let _ = fs::remove_file(path);
        return Err(AuthoringError::file("write", path)(error));
    }
    // The name must survive a power cut too: what was signed with a lost key can be signed by another only.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(AuthoringError::file("make durable", folder))?;
    Ok(key.public())
}

/// Opens a key file, which nobody else may use.
pub(super) fn open(path: &Path) -> Result<SecretKey, AuthoringError> {
    let refuse = |reason: String| AuthoringError::Key { file: path.display().to_string(), reason };
    let file = File::open(path).map_err(AuthoringError::file("open the key file", path))?;
    // Of the open file, not of the name: the name may be exchanged in between.
    let metadata = file.metadata().map_err(AuthoringError::file("inspect", path))?;
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file".to_owned()));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(refuse(format!("other users may use it (mode {mode:04o}); run `chmod 600` on it")));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST_FILE).read_to_string(&mut text).map_err(AuthoringError::file("read", path))?;
    SecretKey::parse(&text).map_err(|error| refuse(error.to_string()))
}
