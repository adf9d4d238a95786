//! Revoking a key while the service runs.
//!
//! The service holds the data folder, so another command cannot open it. It leaves a request in the folder instead: an
//! empty file `ID.revoke`. The service looks for requests before it accepts a key, before it keeps what a key sent, and
//! each second; it records the revocation, carries it out, and removes the request. So whoever may write the folder may
//! revoke, and nothing more.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::caller::no_credential;
use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::settings::Settings;

/// How often whoever asked looks for an answer, and how many times.
const LOOKS: (Duration, u32) = (Duration::from_millis(50), 200);

/// What a file is called: a request, and the answer that there is no such key. A request that was carried out is gone.
fn named(folder: &Path, id: &str) -> (PathBuf, PathBuf) {
    (folder.join(format!("{id}{ASKED}")), folder.join(format!("{id}{UNKNOWN}")))
}

const ASKED: &str = ".revoke";
const UNKNOWN: &str = ".unknown";

/// Asks the process that holds a data folder to revoke a key, and waits until it has.
///
/// # Errors
/// If there is no key with this id, the folder cannot be written, or the process does not answer: the request then stays,
/// and counts from the next time that the folder is opened.
pub fn ask_to_revoke(settings: &Settings, id: &str) -> Result<(), PlatformError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
        return Err(no_credential(id));
    }
    let folder = catalog::revocations(&settings.data);
    let (asked, unknown) = named(&folder, id);
    leave(&folder, &asked, &unknown).map_err(PlatformError::failed("leave the revocation in the data folder"))?;
    for _ in 0..LOOKS.1 {
        if unknown.exists() {
            fs::remove_file(unknown).map_err(PlatformError::failed("read the answer"))?;
            return Err(no_credential(id));
        }
        if !asked.exists() {
            return Ok(());
        }
        std::thread::sleep(LOOKS.0);
    }
    let reason = "the process that holds the data folder has not carried the revocation out: it stays in the folder, and counts at the latest when the folder is opened again; stop that process to be sure";
    Err(PlatformError::Unavailable { reason: reason.to_owned() })
}

/// Leaves a request that survives a power cut, and takes away the answer to an earlier one.
fn leave(folder: &Path, asked: &Path, unknown: &Path) -> std::io::Result<()> {
    if unknown.exists() {
        fs::remove_file(unknown)?;
    }
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(asked)?.sync_all()?;
    File::open(folder)?.sync_all()
}

impl Platform {
    /// Carries out what was asked since the last time. To be asked before a key is accepted.
    ///
    /// # Errors
    /// If requests cannot be read, or a revocation cannot be recorded: then no key may be accepted.
    pub(crate) fn refresh_revocations(&self) -> Result<(), PlatformError> {
        self.carry_out_revocations().map_err(|error| {
            tracing::error!(causes = causes(&error), "a revocation cannot be carried out");
            PlatformError::Unavailable { reason: "revocations of keys cannot be read or recorded".to_owned() }
        })
    }

    /// What the audit log calls revoked is, whatever the catalogue says: it was cut short before that knew, or an older one was
    /// put back.
    ///
    /// # Errors
    /// If the catalogue cannot be read or written.
    pub(crate) fn finish_revocations(&self) -> Result<(), PlatformError> {
        for known in self.catalog().credentials().map_err(PlatformError::failed("read credentials"))? {
            if known.revoked_at.is_none() && self.recorded().is_revoked(&known.id) {
                let revoked = self.catalog().revoke_credential(&known.id, self.now());
                revoked.map_err(PlatformError::failed("revoke a credential"))?;
            }
        }
        Ok(())
    }

    fn carry_out_revocations(&self) -> Result<(), PlatformError> {
        let _one_at_a_time = self.revoking();
        let folder = self.revocations_folder();
        let failed = PlatformError::failed::<std::io::Error>;
        for entry in fs::read_dir(&folder).map_err(failed("read the revocations"))? {
            let name = entry.map_err(failed("read the revocations"))?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(ASKED)) else { continue };
            let (asked, unknown) = named(&folder, id);
            let answered = match self.revoke_credential(id) {
                Ok(()) => fs::remove_file(asked),
                Err(PlatformError::NotFound { .. }) => fs::rename(asked, unknown),
                Err(error) => return Err(error),
            };
            match answered {
                Ok(()) => tracing::info!(credential = id, "a request to revoke a key is answered"),
                // It is carried out all the same, and found to be the next time.
                Err(error) => tracing::warn!(credential = id, causes = causes(&error), "a request stays in the folder"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Small;

    const OFFICER: [&str; 2] = ["lancashire-fire-and-rescue", "partner-officer"];

    fn key(platform: &Platform) -> (String, String) {
        let purposes = ["neighbourhood-needs".to_owned()];
        let key = platform.add_credential(OFFICER[0], OFFICER[1], &purposes, false).unwrap();
        (key.to_string(), key.split('_').nth(1).unwrap().to_owned())
    }

    fn revoked(small: &Small) -> usize {
        let mut count = 0;
        let storage = audit::FolderStorage::new(&small.settings().data.join("audit"));
        audit::verify_storage(&storage, &[], &mut |record| {
            let revoked = audit::CredentialChange::Revoked;
            count +=
                usize::from(matches!(&record.entry, audit::Entry::Credential { change, .. } if *change == revoked));
        })
        .unwrap();
        count
    }

    #[test]
    fn a_request_counts_before_the_key_is_next_accepted() {
        let small = Small::new();
        let platform = small.open();
        let ((token, id), (other, _)) = (key(&platform), key(&platform));
        platform.authenticate(Some(&token)).unwrap();
        let (asked, unknown) = named(&platform.revocations_folder(), &id);
        leave(&platform.revocations_folder(), &asked, &unknown).unwrap();
        let refused = platform.authenticate(Some(&token));
        assert!(matches!(refused, Err(PlatformError::Unauthenticated)), "{refused:?}");
        assert!(!asked.exists() && !unknown.exists());
        platform.authenticate(Some(&other)).unwrap();
        // Asked for again it is the same revocation.
        leave(&platform.revocations_folder(), &asked, &unknown).unwrap();
        platform.authenticate(Some(&other)).unwrap();
        assert_eq!((asked.exists(), revoked(&small)), (false, 1));
    }

    #[test]
    fn whoever_asks_is_answered_and_a_request_outlives_the_process() {
        let small = Small::new();
        let platform = small.open();
        let (token, id) = key(&platform);
        let watch = platform.start_watching();
        let error = ask_to_revoke(&small.settings(), "0123456789abcdef").unwrap_err().to_string();
        assert!(error.contains("credential `0123456789abcdef` does not exist"), "{error}");
        for bad in ["", "../lock", "a/b", "A"] {
            assert!(matches!(ask_to_revoke(&small.settings(), bad), Err(PlatformError::NotFound { .. })), "{bad}");
        }
        ask_to_revoke(&small.settings(), &id).unwrap();
        assert!(matches!(platform.authenticate(Some(&token)), Err(PlatformError::Unauthenticated)));
        assert_eq!(fs::read_dir(platform.revocations_folder()).unwrap().count(), 0);

        let (token, id) = key(&platform);
        platform.stop_publishing();
        watch.join().unwrap();
        let (asked, unknown) = named(&platform.revocations_folder(), &id);
        leave(&platform.revocations_folder(), &asked, &unknown).unwrap();
        drop(platform);
        let platform = small.open();
        assert_eq!((asked.exists(), revoked(&small)), (false, 2), "the start carried it out");
        assert!(matches!(platform.authenticate(Some(&token)), Err(PlatformError::Unauthenticated)));
    }

    /// What cannot be recorded is not passed over: no key is accepted meanwhile.
    #[test]
    fn while_a_revocation_cannot_be_stored_no_key_is_accepted() {
        let small = Small::new();
        let platform = small.open();
        let ((token, id), (other, _)) = (key(&platform), key(&platform));
        small.faults.set(&["revoke_credential"]);
        let (asked, unknown) = named(&platform.revocations_folder(), &id);
        leave(&platform.revocations_folder(), &asked, &unknown).unwrap();
        for token in [&token, &other] {
            assert!(matches!(platform.authenticate(Some(token)), Err(PlatformError::Unavailable { .. })));
        }
        assert!(matches!(platform.readiness(), crate::Readiness::NotReady { .. }));
        assert!(platform.authenticate(None).is_ok(), "what is public needs no key");
        small.faults.set(&[]);
        assert!(matches!(platform.authenticate(Some(&token)), Err(PlatformError::Unauthenticated)));
        platform.authenticate(Some(&other)).unwrap();
        assert_eq!(revoked(&small), 1, "it was tried often, and is one revocation");
    }

    /// The catalogue is a file: whoever can write it gives no revoked key back, and keeps none from being revoked, be it that
    /// its record is another one or none at all.
    #[test]
    fn a_changed_catalogue_neither_frees_a_key_nor_keeps_it() {
        let small = Small::new();
        let platform = small.open();
        let ((token, id), (other, other_id)) = (key(&platform), key(&platform));
        let refused = |token: &str| matches!(platform.authenticate(Some(token)), Err(PlatformError::Unauthenticated));
        let changed = |faults: &[&'static str]| {
            small.faults.set(faults);
            platform.reload_credentials().unwrap();
        };
        platform.revoke_credential(&id).unwrap();
        changed(&["credentials not revoked"]);
        assert!(refused(&token) && !refused(&other));
        let listed = platform.credentials().iter().map(ToString::to_string).find(|card| card.starts_with(&id));
        assert!(listed.unwrap().contains("revoked"));
        // With another role they are not accepted, and still there to be revoked.
        changed(&["credentials changed"]);
        assert!(refused(&other));
        platform.revoke_credential(&other_id).unwrap();
        changed(&["credentials not revoked"]);
        assert!(refused(&other));
        let (third, third_id) = key(&platform);
        changed(&["no credentials"]);
        platform.revoke_credential(&third_id).unwrap();
        changed(&["credentials not revoked"]);
        assert!(refused(&third));
        assert_eq!(revoked(&small), 3);
    }

    /// An older catalogue does not bring a revoked key back, nor does a crash before the catalogue knew.
    #[test]
    fn the_audit_log_has_the_last_word_on_a_key() {
        let small = Small::new();
        let platform = small.open();
        let ((token, id), (other, _)) = (key(&platform), key(&platform));
        let (credential, organisation) = (id.parse().unwrap(), OFFICER[0].parse().unwrap());
        let change = audit::CredentialChange::Revoked;
        platform.record(audit::Entry::Credential { credential, organisation, change }).unwrap();
        drop(platform);
        let platform = small.open();
        assert!(matches!(platform.authenticate(Some(&token)), Err(PlatformError::Unauthenticated)));
        platform.authenticate(Some(&other)).unwrap();
        assert_eq!(revoked(&small), 1);
    }
}
