//! Agreements are read again when a file changes: a suspension counts from the next request on, without a restart.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use agreements::{Registry, Snapshot, Status};
use audit::AgreementChange;
use catalog::{JobReason, NewJob};
use jiff::Timestamp;
use uuid::Uuid;

use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::state;

/// Name, time of change and length of every file, in order.
type Files = Vec<(OsString, Option<SystemTime>, u64)>;

/// The files that the agreements in use were read from.
pub(crate) struct Watch(Mutex<Files>);

impl Watch {
    /// To be made before the agreements are read, so that no change falls between. A folder that cannot be read is left to
    /// whoever reads the agreements: they say what to do.
    pub(crate) fn new(folder: &Path) -> Self {
        Self(Mutex::new(files(folder).unwrap_or_default()))
    }
}

fn files(folder: &Path) -> Result<Files, PlatformError> {
    let failed =
        || |error: std::io::Error| PlatformError::Folder(format!("could not read `{}`: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        let facts = entry.metadata().map_err(failed())?;
        files.push((entry.file_name(), facts.modified().ok(), facts.len()));
    }
    files.sort_unstable();
    Ok(files)
}

impl Platform {
    /// Reads the agreements again if a file changed. To be asked before every decision: it looks at names, times and
    /// lengths, and reads only what is new.
    ///
    /// # Errors
    /// If they cannot be read: then nothing may be decided, since a suspension would be missed.
    pub(crate) fn refresh_agreements(&self) -> Result<(), PlatformError> {
        self.reload_if_changed().map_err(|error| {
            tracing::error!(causes = causes(&error), "the agreements cannot be read again");
            PlatformError::Unavailable { reason: "the agreements cannot be read".to_owned() }
        })
    }

    fn reload_if_changed(&self) -> Result<(), PlatformError> {
        let folder = &self.settings().agreements;
        let mut known = self.watch().0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seen = files(folder)?;
        if *known == seen {
            return Ok(());
        }
        let definitions = Arc::clone(&self.state().definitions);
        let contracts: Vec<_> = definitions.contracts().cloned().collect();
        let registry = Registry::load(&state::sources(folder)?, &contracts)?;
        for error in registry.errors() {
            tracing::error!(%error, "an agreement is not in order: its datasets are closed");
        }
        let (before, after) = (self.state().snapshot.clone(), registry.snapshot().clone());
        if before.epoch() != after.epoch() {
            self.record_changes(&before, &after)?;
            self.change(|state| state.snapshot = after);
            let job = NewJob {
                id: Uuid::now_v7(),
                reason: JobReason::AgreementChanged,
                version: None,
                created_at: self.now(),
            };
            self.catalog().enqueue(job).map_err(PlatformError::failed("queue a job"))?;
            self.wake_publisher();
        }
        *known = seen;
        Ok(())
    }

    fn record_changes(&self, before: &Snapshot, after: &Snapshot) -> Result<(), PlatformError> {
        let now = self.now();
        for (digest, change) in changes(before, after, now) {
            let Some(agreement) = after.agreement(&digest) else { continue };
            self.record(audit::Entry::Agreement {
                agreement: agreement.document().agreement.id.clone(),
                digest,
                change,
                actor: None,
                epoch: after.epoch().digest(),
            })?;
        }
        Ok(())
    }
}

/// What happened to each agreement whose standing is another one now.
fn changes(before: &Snapshot, after: &Snapshot, now: Timestamp) -> Vec<(model::Digest, AgreementChange)> {
    let digests = after.agreements().map(agreements::Agreement::digest);
    let changed = digests.filter_map(|digest| {
        let (was, is) = (before.status(&digest, now), after.status(&digest, now));
        let change = match (was, is) {
            _ if was == is => return None,
            (None, _) => AgreementChange::Loaded,
            (Some(Status::Suspended), Some(Status::Active)) => AgreementChange::Resumed,
            (_, Some(Status::Suspended)) => AgreementChange::Suspended,
            (_, Some(Status::Terminated)) => AgreementChange::Terminated,
            (Some(Status::NotSigned), Some(_)) => AgreementChange::Signed,
            _ => AgreementChange::Loaded,
        };
        Some((digest, change))
    });
    changed.collect()
}
