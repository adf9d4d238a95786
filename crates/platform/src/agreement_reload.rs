//! Agreements are read again when a file changes: a suspension counts from the next request on, without a restart.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use agreements::{Agreement, Registry, Seen, Snapshot, State};
use audit::AgreementChange;
use catalog::{Catalog, JobReason};
use jiff::Timestamp;
use model::{AgreementId, Digest, Label};

use crate::error::{PlatformError, causes};
use crate::platform::Platform;
use crate::state;

/// Every file of agreements, in order: its path, and what changes with its content. The times are those that the file system
/// sets, since a copy may bring its time of writing along; a file behind a link is what counts, not the link.
type Files = Vec<(PathBuf, (u64, u64), (i64, i64), u64)>;

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
    let facts = |path: PathBuf| {
        let facts = std::fs::metadata(&path).map_err(|error| state::unreadable(&path, &error))?;
        Ok((path, (facts.dev(), facts.ino()), (facts.ctime(), facts.ctime_nsec()), facts.len()))
    };
    state::toml_files(folder)?.into_iter().map(facts).collect()
}

impl Platform {
    /// Reads the agreements again if a file changed. To be asked before every decision: it looks at names, times and
    /// lengths, and reads only if one differs.
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
        let registry = Registry::load_after(&state::sources(folder)?, &contracts, &seen_events(self.catalog())?)?;
        for error in registry.errors() {
            tracing::error!(%error, "an agreement is not in order: its datasets are closed");
        }
        let (before, after) = (self.state().snapshot.clone(), registry.snapshot().clone());
        if before.epoch() != after.epoch() {
            self.record_agreement_changes(&after)?;
            // Before the change, which is seen at once: if this fails, all of it is tried again with the next request.
            let now = self.now();
            self.queue(JobReason::AgreementChanged, None, now)?;
            self.calendar().replace(&after, now);
            self.change(|state| state.snapshot = after);
            // What they closed does not stay in memory; what they did not is read again.
            self.common().let_go();
            self.wake_publisher();
        }
        *known = seen;
        Ok(())
    }

    /// Records what happened to agreements since it was last recorded, also while nothing ran here.
    ///
    /// # Errors
    /// If audit log or catalogue cannot be written.
    pub(crate) fn record_agreement_changes(&self, snapshot: &Snapshot) -> Result<(), PlatformError> {
        // First: an event that counted once is never forgotten, whatever fails after it.
        remember_events(self.catalog(), snapshot)?;
        let failed = PlatformError::failed::<serde_json::Error>;
        let name: Label = STANDINGS.parse()?;
        let stored = self.catalog().setting(&name).map_err(PlatformError::failed("read a setting"))?;
        let known = stored.as_deref().map(serde_json::from_str).transpose();
        let known: Standings = known.map_err(failed("read where the agreements stood"))?.unwrap_or_default();
        let now = standings(snapshot, self.now());
        if known == now {
            return Ok(());
        }
        for (digest, agreement, change) in changes(&known, &now) {
            let epoch = snapshot.epoch().digest();
            self.record(audit::Entry::Agreement { agreement, digest, change, actor: None, epoch })?;
        }
        // After the records: what is cut short here is recorded again at the next start, and nothing is missed.
        let text = serde_json::to_string(&now).map_err(failed("write where the agreements stand"))?;
        let replaced = self.catalog().replace_setting(&name, stored.as_deref(), &text);
        replaced.map_err(PlatformError::failed("store a setting"))
    }
}

/// The setting that holds how far the events of every agreement were ever seen.
const EVENTS: &str = "agreement-events";

/// How far the events of every agreement were ever seen, whether or not it is among the files now.
///
/// # Errors
/// If the catalogue cannot be read.
pub(crate) fn seen_events(catalog: &dyn Catalog) -> Result<BTreeMap<Digest, Seen>, PlatformError> {
    let stored = catalog.setting(&EVENTS.parse()?).map_err(PlatformError::failed("read a setting"))?;
    let seen = stored.as_deref().map(serde_json::from_str).transpose();
    Ok(seen.map_err(PlatformError::failed("read which events of agreements were seen"))?.unwrap_or_default())
}

/// Adds what was read now. An agreement whose events do not go on from what was seen is in no snapshot, so nothing is lost.
fn remember_events(catalog: &dyn Catalog, snapshot: &Snapshot) -> Result<(), PlatformError> {
    let name: Label = EVENTS.parse()?;
    let stored = catalog.setting(&name).map_err(PlatformError::failed("read a setting"))?;
    let mut seen = seen_events(catalog)?;
    seen.extend(snapshot.agreements().filter_map(|agreement| {
        let digest = agreement.digest();
        Some((digest, snapshot.events(&digest)?.seen()?))
    }));
    let text = serde_json::to_string(&seen).map_err(PlatformError::failed("write which events were seen"))?;
    if stored.as_deref() == Some(&text) {
        return Ok(());
    }
    catalog.replace_setting(&name, stored.as_deref(), &text).map_err(PlatformError::failed("store a setting"))
}

/// The setting that holds where every agreement stood when it was last recorded.
const STANDINGS: &str = "agreement-standings";

/// By digest: the agreement's id and its state after the events so far, in words.
type Standings = BTreeMap<Digest, (AgreementId, String)>;

fn standings(snapshot: &Snapshot, now: Timestamp) -> Standings {
    let standing = |agreement: &Agreement| {
        let digest = agreement.digest();
        let state = snapshot.events(&digest).map_or(State::Unsigned, |events| events.state(now));
        (digest, (agreement.document().agreement.id.clone(), state.to_string()))
    };
    let cut = snapshot.cut().map(|(digest, agreement)| (*digest, (agreement.clone(), CUT.to_owned())));
    snapshot.agreements().map(standing).chain(cut).collect()
}

/// The standing of an agreement some of whose events were taken away.
const CUT: &str = "cut";

/// What happened to each agreement whose standing is another one now.
fn changes(before: &Standings, after: &Standings) -> Vec<(Digest, AgreementId, AgreementChange)> {
    let word = |state: State| state.to_string();
    let mut changes = Vec::new();
    for (digest, (agreement, is)) in after {
        let was = before.get(digest).map(|(_, state)| state);
        if was == Some(is) {
            continue;
        }
        let mut add = |change| changes.push((*digest, agreement.clone(), change));
        let restored = was.is_some_and(|was| was == CUT);
        if was.is_none() {
            add(AgreementChange::Loaded);
        }
        if restored {
            add(AgreementChange::Restored);
        }
        if is == CUT {
            add(AgreementChange::Cut);
        } else if *is == word(State::Suspended) {
            add(AgreementChange::Suspended);
        } else if *is == word(State::Terminated) {
            add(AgreementChange::Terminated);
        } else if was.is_some_and(|was| *was == word(State::Suspended)) {
            add(AgreementChange::Resumed);
        } else if was.is_some() && !restored {
            add(AgreementChange::Signed);
        }
    }
    let removed = before.iter().filter(|(digest, _)| !after.contains_key(digest));
    changes.extend(removed.map(|(digest, (agreement, _))| (*digest, agreement.clone(), AgreementChange::Removed)));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_a_standing_is_named() {
        use AgreementChange::{Cut, Loaded, Removed, Restored, Resumed, Signed, Suspended, Terminated};
        let digest = Digest([1; 32]);
        let standings = |state: Option<&str>| -> Standings {
            state.map(|state| (digest, ("fire-incidents".parse().unwrap(), state.to_owned()))).into_iter().collect()
        };
        let word = |state: State| state.to_string();
        let (unsigned, in_force) = (word(State::Unsigned), word(State::InForce));
        let (suspended, terminated) = (word(State::Suspended), word(State::Terminated));
        let cases: [(Option<&str>, Option<&str>, &[AgreementChange]); 15] = [
            (None, Some(&unsigned), &[Loaded]),
            (None, Some(&suspended), &[Loaded, Suspended]),
            (Some(&unsigned), Some(&in_force), &[Signed]),
            (Some(&in_force), Some(&in_force), &[]),
            (Some(&in_force), Some(&suspended), &[Suspended]),
            (Some(&suspended), Some(&in_force), &[Resumed]),
            (Some(&suspended), Some(&terminated), &[Terminated]),
            (Some(&in_force), None, &[Removed]),
            (None, None, &[]),
            (Some(&suspended), Some(CUT), &[Cut]),
            (Some(CUT), Some(CUT), &[]),
            (None, Some(CUT), &[Loaded, Cut]),
            (Some(CUT), Some(&in_force), &[Restored]),
            (Some(CUT), Some(&suspended), &[Restored, Suspended]),
            (Some(CUT), None, &[Removed]),
        ];
        for (before, after, expect) in cases {
            let found = changes(&standings(before), &standings(after));
            assert_eq!(found.iter().map(|(_, _, change)| *change).collect::<Vec<_>>(), expect, "{before:?} {after:?}");
        }
    }

    /// What was seen stays known when its agreement is gone for a while: it could come back without its end.
    #[test]
    fn events_that_were_seen_are_never_forgotten() {
        let sources = |drop: &str| -> Vec<agreements::SourceFile> {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sharing-agreements");
            let files = state::sources(&root).unwrap();
            files.into_iter().filter(|file| drop.is_empty() || !file.name.starts_with(drop)).collect()
        };
        let catalog = catalog::MemoryCatalog::default();
        assert_eq!(seen_events(&catalog).unwrap(), BTreeMap::new());
        let load = |files: &[agreements::SourceFile]| {
            let registry = Registry::load_after(files, &[], &seen_events(&catalog).unwrap()).unwrap();
            remember_events(&catalog, registry.snapshot()).unwrap();
            registry.snapshot().cut().map(|(_, agreement)| agreement.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(load(&sources("")), Vec::<String>::new());
        let known = seen_events(&catalog).unwrap();
        assert!(known.len() > 5, "{known:?}");
        assert_eq!(load(&sources("fire-incidents")), Vec::<String>::new());
        let mut without_events = sources("");
        without_events.retain(|file| file.name != "fire-incidents.events.toml");
        assert_eq!(load(&without_events), ["fire-incidents"]);
        assert_eq!(seen_events(&catalog).unwrap(), known);
        assert_eq!(load(&sources("")), Vec::<String>::new());
    }
}
