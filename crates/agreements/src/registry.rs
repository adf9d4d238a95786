//! A folder of agreements as one immutable snapshot. A faulty file closes its own datasets and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::Timestamp;
use model::{AgreementId, DatasetContract, DatasetId, DefinitionError, Digest};
use serde::{Deserialize, Serialize};

use crate::agreement::Agreement;
use crate::canonical::sha256;
use crate::date::start_of;
use crate::event::{EventLog, Seen, State};
use crate::partnership::Partnership;
use crate::request::Governing;

const REGISTER: &str = "partnership.toml";
const EVENTS: &str = ".events.toml";

/// One file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its name in the folder, for example `fire-incidents.toml`.
    pub name: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// The result of loading a folder: what can be decided from, and what is wrong with the rest.
#[derive(Debug, Clone)]
pub struct Registry {
    snapshot: Snapshot,
    errors: Vec<DefinitionError>,
}

/// The agreements at one moment, cheap to clone and to hand to threads.
#[derive(Debug, Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    partnership: Partnership,
    entries: BTreeMap<Digest, Entry>,
    by_dataset: BTreeMap<DatasetId, BTreeSet<Digest>>,
    /// Replaced agreement to those that replace it.
    successors: BTreeMap<Digest, Vec<Digest>>,
    closed: BTreeMap<DatasetId, Vec<DefinitionError>>,
    cut: BTreeMap<Digest, AgreementId>,
    epoch: PolicyEpoch,
}

#[derive(Debug, Clone)]
struct Entry {
    agreement: Agreement,
    log: EventLog,
}

/// A digest over every agreement, every event and every fault that was loaded: equal exactly when the policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyEpoch(Digest);

impl PolicyEpoch {
    /// The digest itself.
    #[must_use]
    pub const fn digest(self) -> Digest {
        self.0
    }
}

impl fmt::Display for PolicyEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an agreement stands at an instant; derived, never written anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not signed by everyone, or not brought into force.
    NotSigned,
    /// In force, but its first day has not come.
    NotYetEffective,
    /// Allows what it grants.
    Active,
    /// Suspended by a party.
    Suspended,
    /// Ended by a party.
    Terminated,
    /// Ended by its date.
    Expired,
    /// Replaced by another version.
    Superseded,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSigned => "not signed",
            Self::NotYetEffective => "not yet effective",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Terminated => "terminated",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        })
    }
}

impl Registry {
    /// Loads a folder: `partnership.toml`, agreements `*.toml`, and beside each its `{same name}.events.toml`. Other
    /// files are not looked at. The order of the files makes no difference.
    ///
    /// # Errors
    /// If the register is missing or faulty: then no name and no key is known, and nothing can be decided. A faulty
    /// agreement is no error here: it is among [`Registry::errors`] and its datasets are closed.
    pub fn load(files: &[SourceFile], contracts: &[DatasetContract]) -> Result<Self, DefinitionError> {
        Self::load_after(files, contracts, &BTreeMap::new())
    }

    /// The same, where the events of some agreements were `seen` before: an agreement whose events do not go on from there
    /// is faulty, as somebody took back what a party had signed.
    ///
    /// # Errors
    /// As [`Registry::load`].
    pub fn load_after(
        files: &[SourceFile],
        contracts: &[DatasetContract],
        seen: &BTreeMap<Digest, Seen>,
    ) -> Result<Self, DefinitionError> {
        let files: BTreeMap<&str, &[u8]> = files.iter().map(|file| (file.name.as_str(), &*file.content)).collect();
        let register = files
            .get(REGISTER)
            .ok_or_else(|| DefinitionError::whole(REGISTER, "the partnership's register is missing: put it beside the agreements, or name their folder with `--agreements`"))?;
        let register = utf8(REGISTER, register)?;
        let contracts = contracts.iter().map(|contract| (contract.id.clone(), contract.clone())).collect();
        let mut loading = Loading {
            partnership: Partnership::parse(REGISTER, register)?,
            contracts,
            entries: BTreeMap::new(),
            closed: BTreeMap::new(),
            cut: BTreeMap::new(),
            errors: Vec::new(),
        };
        for (name, content) in &files {
            if name.ends_with(".toml") && !name.ends_with(EVENTS) && *name != REGISTER {
                let events = name.strip_suffix(".toml").map(|stem| format!("{stem}{EVENTS}"));
                let events = events.and_then(|name| files.get_key_value(name.as_str()));
                loading.agreement(name, content, events.map(|(name, content)| (*name, *content)));
            }
        }
        for name in files.keys().filter(|name| name.ends_with(EVENTS)) {
            let agreement = name.strip_suffix(EVENTS).map(|stem| format!("{stem}.toml"));
            if !agreement.is_some_and(|agreement| files.contains_key(agreement.as_str())) {
                loading.errors.push(DefinitionError::whole(name, "there is no agreement beside these events"));
            }
        }
        loading.refuse_cut(seen);
        loading.refuse_doubles();
        loading.refuse_false_successors();
        Ok(loading.finish(register))
    }

    /// What was read already, put together as [`Registry::load`] does, for tests that need many.
    #[cfg(test)]
    pub(crate) fn unchecked(
        partnership: Partnership,
        agreements: impl IntoIterator<Item = (Agreement, EventLog)>,
        closed: BTreeMap<DatasetId, Vec<DefinitionError>>,
    ) -> Self {
        let entry = |(agreement, log): (Agreement, EventLog)| (agreement.digest(), Entry { agreement, log });
        let entries = agreements.into_iter().map(entry).collect();
        let (contracts, cut, errors) = Default::default();
        Loading { partnership, contracts, entries, closed, cut, errors }.finish("")
    }

    /// What can be decided from.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Everything that is wrong, by file.
    #[must_use]
    pub fn errors(&self) -> &[DefinitionError] {
        &self.errors
    }
}

struct Loading {
    partnership: Partnership,
    contracts: BTreeMap<DatasetId, DatasetContract>,
    entries: BTreeMap<Digest, Entry>,
    closed: BTreeMap<DatasetId, Vec<DefinitionError>>,
    cut: BTreeMap<Digest, AgreementId>,
    errors: Vec<DefinitionError>,
}

impl Loading {
    fn agreement(&mut self, name: &str, content: &[u8], events: Option<(&str, &[u8])>) {
        let loaded = utf8(name, content).map_err(|error| vec![error]).and_then(|text| {
            let agreement = Agreement::parse(name, text, &self.partnership, &self.contracts)?;
            let log = events.map_or(Ok(EventLog::default()), |(name, content)| {
                let text = utf8(name, content)?;
                EventLog::parse(name, text, &agreement, &self.partnership)
            });
            Ok(Entry { agreement, log: log.map_err(|error| vec![error])? })
        });
        match loaded {
            Ok(entry) => match self.entries.get(&entry.agreement.digest()) {
                None => {
                    self.entries.insert(entry.agreement.digest(), entry);
                }
                Some(first) => {
                    let message = format!("the same text is in `{}`: keep one of them", first.agreement.file());
                    let datasets = dataset_ids(&entry.agreement);
                    self.close(datasets, vec![DefinitionError::whole(name, message)]);
                }
            },
            Err(errors) => self.close(salvage(&String::from_utf8_lossy(content)), errors),
        }
    }

    fn close(&mut self, datasets: impl IntoIterator<Item = DatasetId>, errors: Vec<DefinitionError>) {
        for dataset in datasets {
            self.closed.entry(dataset).or_default().extend(errors.iter().cloned());
        }
        self.errors.extend(errors);
    }

    /// Takes an agreement out again and closes its datasets.
    fn refuse(&mut self, digest: &Digest, message: String) {
        if let Some(entry) = self.entries.remove(digest) {
            let error = DefinitionError::whole(entry.agreement.file(), message);
            self.close(dataset_ids(&entry.agreement), vec![error]);
        }
    }

    /// A signed event counts for good: without those that were seen, a suspension would be undone by cutting it off.
    fn refuse_cut(&mut self, seen: &BTreeMap<Digest, Seen>) {
        for (digest, seen) in seen {
            let Some(entry) = self.entries.get(digest).filter(|entry| !entry.log.contains(seen)) else { continue };
            let message = format!(
                "its events are not those that were seen before: {} were, and there are {}; put the missing events back, and add others after them",
                seen.events,
                entry.log.events().len()
            );
            self.cut.insert(*digest, entry.agreement.document().agreement.id.clone());
            self.refuse(digest, message);
        }
    }

    /// Two different texts may not claim to be the same version.
    fn refuse_doubles(&mut self) {
        let mut claims: BTreeMap<(AgreementId, u32), Vec<Digest>> = BTreeMap::new();
        for (digest, entry) in &self.entries {
            let header = &entry.agreement.document().agreement;
            claims.entry((header.id.clone(), header.version)).or_default().push(*digest);
        }
        for ((id, version), digests) in claims.into_iter().filter(|(_, digests)| digests.len() > 1) {
            for digest in digests {
                self.refuse(&digest, format!("two files claim to be {id}@{version}"));
            }
        }
    }

    /// A successor must be a later version of the same agreement, made by everybody who made the first.
    fn refuse_false_successors(&mut self) {
        let mut refused = Vec::new();
        for (digest, entry) in &self.entries {
            let new = entry.agreement.document();
            let Some(old) = new.agreement.supersedes.as_ref().and_then(|old| self.entries.get(old)) else { continue };
            let old = old.agreement.document();
            let missing = old.parties.iter().find(|party| entry.agreement.party(&party.id).is_none());
            if let Some(party) = missing {
                refused.push((*digest, format!("it would supersede a version without its party `{}`", party.id)));
            } else if old.agreement.id != new.agreement.id || old.agreement.version >= new.agreement.version {
                let message = format!(
                    "{}@{} cannot supersede {}@{}: only a later version of the same agreement can",
                    new.agreement.id, new.agreement.version, old.agreement.id, old.agreement.version
                );
                refused.push((*digest, message));
            }
        }
        for (digest, message) in refused {
            self.refuse(&digest, message);
        }
    }

    fn finish(mut self, register: &str) -> Registry {
        self.errors.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        let mut by_dataset: BTreeMap<DatasetId, BTreeSet<Digest>> = BTreeMap::new();
        let mut successors: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
        let mut state = format!("commonground policy v1\n{}\n", sha256(register));
        for (digest, entry) in &self.entries {
            for id in dataset_ids(&entry.agreement) {
                by_dataset.entry(id).or_default().insert(*digest);
            }
            if let Some(old) = entry.agreement.document().agreement.supersedes {
                successors.entry(old).or_default().push(*digest);
            }
            // Writing to a String cannot fail.
            let _ = writeln!(state, "{digest} {}", entry.log.head(&entry.agreement));
        }
        for (dataset, errors) in &self.closed {
            let _ = writeln!(state, "closed {dataset} {}", errors.len());
        }
        let inner = Inner {
            partnership: self.partnership,
            entries: self.entries,
            by_dataset,
            successors,
            closed: self.closed,
            cut: self.cut,
            epoch: PolicyEpoch(sha256(&state)),
        };
        Registry { snapshot: Snapshot { inner: Arc::new(inner) }, errors: self.errors }
    }
}

fn dataset_ids(agreement: &Agreement) -> BTreeSet<DatasetId> {
    agreement.document().datasets.iter().map(|dataset| dataset.id.clone()).collect()
}

fn utf8<'a>(name: &str, content: &'a [u8]) -> Result<&'a str, DefinitionError> {
    std::str::from_utf8(content).map_err(|_| DefinitionError::whole(name, "the file is not UTF-8 text"))
}

/// The datasets that a faulty file is about, read line by line because the file may not be TOML at all.
fn salvage(text: &str) -> BTreeSet<DatasetId> {
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.replace(' ', "").starts_with("[[dataset]]");
        } else if inside
            && let Some((key, value)) = line.split_once('=')
            && key.trim().trim_matches('"') == "id"
        {
            let quoted = value.trim().trim_start_matches(['"', '\'']);
            let id = quoted.split(['"', '\'', '#', ' ']).next().unwrap_or_default();
            found.extend(id.parse::<DatasetId>());
        }
    }
    found
}

impl Snapshot {
    /// The partnership's register.
    #[must_use]
    pub fn partnership(&self) -> &Partnership {
        &self.inner.partnership
    }

    /// The state of all agreements as one value.
    #[must_use]
    pub fn epoch(&self) -> PolicyEpoch {
        self.inner.epoch
    }

    /// Every agreement, in the order of their digests.
    pub fn agreements(&self) -> impl Iterator<Item = &Agreement> {
        self.inner.entries.values().map(|entry| &entry.agreement)
    }

    /// An agreement.
    #[must_use]
    pub fn agreement(&self, digest: &Digest) -> Option<&Agreement> {
        self.inner.entries.get(digest).map(|entry| &entry.agreement)
    }

    /// The events of an agreement.
    #[must_use]
    pub fn events(&self, digest: &Digest) -> Option<&EventLog> {
        self.inner.entries.get(digest).map(|entry| &entry.log)
    }

    /// Every dataset that an agreement is about, in order.
    pub fn datasets(&self) -> impl Iterator<Item = &DatasetId> {
        self.inner.by_dataset.keys()
    }

    /// The agreements that are not loaded because events that were seen before are missing, in the order of their digests.
    pub fn cut(&self) -> impl Iterator<Item = (&Digest, &AgreementId)> {
        self.inner.cut.iter()
    }

    /// What is wrong with the files about a dataset; it is closed unless this is empty.
    #[must_use]
    pub fn faults(&self, dataset: &DatasetId) -> &[DefinitionError] {
        self.inner.closed.get(dataset).map_or(&[], Vec::as_slice)
    }

    /// Where an agreement stands; `None` if it is not loaded.
    #[must_use]
    pub fn status(&self, digest: &Digest, now: Timestamp) -> Option<Status> {
        let entry = self.inner.entries.get(digest)?;
        Some(match entry.log.state(now) {
            State::Terminated => Status::Terminated,
            State::Unsigned => Status::NotSigned,
            _ if self.is_superseded(digest, now) => Status::Superseded,
            _ if !has_begun(&entry.agreement, now) => Status::NotYetEffective,
            _ if has_ended(&entry.agreement, now) => Status::Expired,
            State::Suspended => Status::Suspended,
            State::InForce => Status::Active,
        })
    }

    /// Whether a later version that everybody signed has taken effect.
    pub(crate) fn is_superseded(&self, digest: &Digest, now: Timestamp) -> bool {
        self.successors(digest, now).next().is_some()
    }

    /// The later versions that everybody signed, that name this one as replaced and that have taken effect.
    pub(crate) fn successors(&self, digest: &Digest, now: Timestamp) -> impl Iterator<Item = Digest> {
        let all = self.inner.successors.get(digest).into_iter().flatten().copied();
        all.filter(move |successor| {
            self.inner
                .entries
                .get(successor)
                .is_some_and(|entry| entry.log.state(now) != State::Unsigned && has_begun(&entry.agreement, now))
        })
    }

    /// The agreements that a new version of a dataset is bound to: everyone that is about it, whatever its state,
    /// except those that another has replaced. A suspended agreement stays in the set, or suspending could loosen.
    #[must_use]
    pub fn governing(&self, dataset: &DatasetId, now: Timestamp) -> Governing {
        let all = self.inner.by_dataset.get(dataset).into_iter().flatten();
        let agreements = all.filter(|digest| !self.is_superseded(digest, now)).copied().collect();
        Governing { dataset: dataset.clone(), agreements }
    }
}

/// Whether the first day has come; an error in the calendar means no.
pub(crate) fn has_begun(agreement: &Agreement, now: Timestamp) -> bool {
    start_of(agreement.document().agreement.effective).is_ok_and(|start| now >= start)
}

/// Whether the last day has passed; the instant of expiry has, and so has an error in the calendar.
pub(crate) fn has_ended(agreement: &Agreement, now: Timestamp) -> bool {
    !start_of(agreement.document().agreement.expires).is_ok_and(|end| now < end)
}
