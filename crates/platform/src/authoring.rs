//! Signing agreements and stopping them: the files of the folder are read, changed and written here. Nothing is written with which
//! the folder would not load as before.

mod files;
mod key;

use std::path::Path;

use agreements::{
    Agreement, Author, AuthorError, Event, EventKind, EventLog, Registry, Snapshot, State, about, diff, explain,
    new_event, sign,
};
use jiff::Timestamp;
use model::{AgreementId, DatasetId, OrganisationId};

use crate::clock::Clock;
use crate::error::PlatformError;
use files::Folder;
pub use key::new_agreement_key;

/// The most characters of a reason or an office.
const MOST_WORDS: usize = 1_000;

/// Why an agreement was not read or not changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthoringError {
    /// There is no such agreement, dataset or file.
    #[error("{0}")]
    Unknown(String),
    /// A file is not in order, so that nothing can be added to it.
    #[error("{0}")]
    Faulty(String),
    /// With the change something would be wrong that is not wrong now.
    #[error("nothing was written: {0}")]
    WouldNotLoad(String),
    /// A signature is not made.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// A key file cannot be used.
    #[error("the key file `{file}` cannot be used: {reason}")]
    Key {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("could not {operation} `{file}`")]
    File {
        /// What was tried, as an infinitive.
        operation: &'static str,
        /// The file.
        file: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The definitions cannot be read.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

impl AuthoringError {
    fn file(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let file = path.display().to_string();
        move |source| Self::File { operation, file, source }
    }
}

/// Where the definitions are.
#[derive(Debug, Clone, Copy)]
pub struct AgreementPlaces<'a> {
    /// The folder of agreements.
    pub agreements: &'a Path,
    /// The folder of contracts.
    pub contracts: &'a Path,
}

/// Who signs: an organisation and the file of its key.
#[derive(Debug, Clone, Copy)]
pub struct Signatory<'a> {
    /// The organisation, as it was typed.
    pub organisation: &'a str,
    /// The file of its key.
    pub key_file: &'a Path,
}

/// Explains a dataset, an agreement, or everything: who may do what.
///
/// # Errors
/// If the folder cannot be read, or holds no such thing.
pub fn explain_agreements(places: AgreementPlaces<'_>, what: Option<&str>) -> Result<Vec<String>, AuthoringError> {
    let now = Clock::system().now();
    let folder = Folder::read(places)?;
    let snapshot = folder.registry().snapshot();
    let Some(what) = what else { return Ok(everything(snapshot, now)) };
    let dataset = what.parse::<DatasetId>().ok();
    let known =
        |dataset: &DatasetId| snapshot.datasets().any(|known| known == dataset) || !snapshot.faults(dataset).is_empty();
    if let Some(dataset) = dataset.filter(known) {
        return Ok(lines(&explain(snapshot, &dataset, now)));
    }
    let agreement = find(folder.registry(), what, now)?;
    let mut said = lines(&about(snapshot, agreement, now));
    for dataset in &agreement.document().datasets {
        said.push(String::new());
        said.extend(lines(&explain(snapshot, &dataset.id, now)));
    }
    Ok(said)
}

/// Every agreement with where it stands, then who may do what with each dataset.
pub(crate) fn everything(snapshot: &Snapshot, now: Timestamp) -> Vec<String> {
    let mut said = Vec::new();
    for agreement in snapshot.agreements() {
        let status = snapshot.status(&agreement.digest(), now).map_or_else(String::new, |status| status.to_string());
        said.push(format!("{:<32} {status:<18} {}", agreement.name(), agreement.document().agreement.title));
        // What a version that takes its place, and every event about it, has to name.
        said.push(format!("  digest {}", agreement.digest()));
    }
    for dataset in snapshot.datasets() {
        said.push(String::new());
        said.extend(lines(&explain(snapshot, dataset, now)));
    }
    said
}

fn lines(text: &impl ToString) -> Vec<String> {
    text.to_string().lines().map(str::to_owned).collect()
}

/// What replacing one agreement by another would change. Each is a file, or an agreement of the folder.
///
/// # Errors
/// If one of them cannot be read or is not in order.
pub fn compare_agreements(places: AgreementPlaces<'_>, old: &str, new: &str) -> Result<Vec<String>, AuthoringError> {
    let now = Clock::system().now();
    let folder = Folder::read(places)?;
    let (old, new) = (folder.draft_or(old, now)?, folder.draft_or(new, now)?);
    let named = |agreement: &Agreement| format!("{} ({})", agreement.name(), agreement.file());
    let mut said = vec![format!("{} to {}", named(&old), named(&new))];
    if old.document().agreement.id != new.document().agreement.id {
        said.push("these are two agreements, not two versions of one".to_owned());
    }
    said.extend(lines(&diff(&old, &new)));
    Ok(said)
}

/// Signs an agreement of the folder for an organisation, and brings it into force once every party has signed. Gives what happened,
/// for reading.
///
/// # Errors
/// If the file is not in order, the key is not the organisation's, it has signed already, or the folder would not load. Nothing is
/// written then.
pub fn sign_agreement(
    places: AgreementPlaces<'_>,
    file: &Path,
    signatory: Signatory<'_>,
    office: &str,
) -> Result<Vec<String>, AuthoringError> {
    in_words("office", office)?;
    let (organisation, key) = open(signatory)?;
    let mut folder = Folder::locked(places)?;
    let name = folder.name_of(file)?;
    let author = Author { organisation: &organisation, key: &key, at: now() };
    let (agreement, _) = folder.agreement_in(&name)?;
    let text = folder.text(&name)?;
    let partnership = folder.registry().snapshot().partnership().clone();
    let mut said = Vec::new();
    match sign(&agreement, &text, &partnership, author, office) {
        Ok(signed) => {
            folder.change(&name, signed)?;
            said.push(format!("{} is signed for `{organisation}` by {office}", agreement.name()));
        }
        // The last signature may be there without the event that everybody has signed.
        Err(AuthorError::AlreadySigned { .. }) if can_begin(&folder, &name)? => {}
        Err(error) => return Err(error.into()),
    }
    if can_begin(&folder, &name)? {
        let (agreement, log) = folder.agreement_in(&name)?;
        let event = new_event(&agreement, &log, &partnership, author, (EventKind::Signed, "all parties have signed"))?;
        folder.change(&files::events_of(&name), appended(&folder, &name, &event)?)?;
    }
    folder.write()?;
    let (agreement, _) = folder.agreement_in(&name)?;
    said.extend(standing(&folder, &agreement));
    Ok(said)
}

/// Whether everybody has signed, and nothing says so yet.
fn can_begin(folder: &Folder, name: &str) -> Result<bool, AuthoringError> {
    let (agreement, log) = folder.agreement_in(name)?;
    Ok(agreement.unsigned().next().is_none() && log.events().is_empty())
}

/// Suspends, resumes or terminates an agreement of the folder. Gives what happened, for reading.
///
/// # Errors
/// If there is no such agreement, `[control]` does not let the organisation, the key is not its own, the agreement is not in a state in
/// which this can happen, or the folder would not load. Nothing is written then.
pub fn change_agreement(
    places: AgreementPlaces<'_>,
    agreement: &str,
    signatory: Signatory<'_>,
    (kind, reason): (EventKind, &str),
) -> Result<Vec<String>, AuthoringError> {
    in_words("reason", reason)?;
    let (organisation, key) = open(signatory)?;
    let mut folder = Folder::locked(places)?;
    let author = Author { organisation: &organisation, key: &key, at: now() };
    let name = find(folder.registry(), agreement, author.at)?.file().to_owned();
    let (agreement, log) = folder.agreement_in(&name)?;
    let partnership = folder.registry().snapshot().partnership();
    let event = new_event(&agreement, &log, partnership, author, (kind, reason))?;
    folder.change(&files::events_of(&name), appended(&folder, &name, &event)?)?;
    folder.write()?;
    let mut said = vec![format!("{} is {} by `{organisation}` from {} on", agreement.name(), kind.as_str(), event.at)];
    said.extend(standing(&folder, &agreement));
    Ok(said)
}

/// What is kept with a signature says something, and no more than a reader takes in.
fn in_words(what: &str, text: &str) -> Result<(), AuthoringError> {
    let length = text.chars().count();
    if text.trim().is_empty() {
        let message = format!("`--{what}` is needed in words: it is kept with the signature, for every party to read");
        return Err(AuthoringError::Unknown(message));
    }
    if length > MOST_WORDS {
        let message = format!("`--{what}` has {length} characters: say it in {MOST_WORDS}");
        return Err(AuthoringError::Unknown(message));
    }
    Ok(())
}

/// The events of an agreement with one more.
fn appended(folder: &Folder, name: &str, event: &Event) -> Result<String, AuthoringError> {
    let before = folder.text_if_there(&files::events_of(name))?;
    let mut text = before.unwrap_or_else(|| {
        "# What happened to this agreement. Each event is signed and names the one before: none can be changed or taken out.\n"
            .to_owned()
    });
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&event.to_toml());
    Ok(text)
}

/// Where an agreement stands now, and what follows.
fn standing(folder: &Folder, agreement: &Agreement) -> Vec<String> {
    let (snapshot, now) = (folder.registry().snapshot(), now());
    let status = snapshot.status(&agreement.digest(), now).map_or_else(String::new, |status| status.to_string());
    let mut said = vec![format!("{} is {status}", agreement.name())];
    let state = snapshot.events(&agreement.digest()).map_or(State::Unsigned, |log| log.state(now));
    let missing: Vec<_> = agreement.unsigned().map(|party| party.id.as_str()).collect();
    let names = |ids: &std::collections::BTreeSet<OrganisationId>| {
        ids.iter().map(OrganisationId::as_str).collect::<Vec<_>>().join(", ")
    };
    let datasets: Vec<_> = agreement.document().datasets.iter().map(|dataset| dataset.id.as_str()).collect();
    let datasets = datasets.join(", ");
    match state {
        State::Unsigned => said.push(format!("it waits for the signature of {}", missing.join(", "))),
        State::Suspended => said.push(format!(
            "a running service uses {datasets} no more from its next request on; {} may resume it",
            names(&agreement.document().control.resume)
        )),
        State::Terminated => {
            said.push(format!("a running service uses {datasets} no more from its next request on, for good"))
        }
        State::InForce => {
            said.push(format!("what it grants of {datasets} counts from a running service's next request on"))
        }
    }
    said
}

/// The agreement that somebody means: `fire-incidents@1`, a digest, or `fire-incidents` where one version counts.
fn find<'a>(registry: &'a Registry, name: &str, now: Timestamp) -> Result<&'a Agreement, AuthoringError> {
    let snapshot = registry.snapshot();
    if let Some(exact) = snapshot.agreements().find(|one| one.name() == name || one.digest().to_string() == name) {
        return Ok(exact);
    }
    let id = name.parse::<AgreementId>().ok();
    let versions: Vec<&Agreement> =
        snapshot.agreements().filter(|one| Some(&one.document().agreement.id) == id.as_ref()).collect();
    let superseded = |one: &Agreement| snapshot.status(&one.digest(), now) == Some(agreements::Status::Superseded);
    let counts: Vec<&Agreement> = versions.iter().copied().filter(|one| !superseded(one)).collect();
    match (counts.as_slice(), versions.as_slice()) {
        ([only], _) | ([], [only]) => Ok(only),
        ([], []) => Err(AuthoringError::Unknown(unknown(registry, name))),
        _ => {
            let mut names: Vec<_> = versions.iter().map(|one| one.name()).collect();
            names.sort_unstable();
            Err(AuthoringError::Unknown(format!("`{name}` has several versions: say which of {}", names.join(", "))))
        }
    }
}

fn unknown(registry: &Registry, name: &str) -> String {
    let mut known: Vec<_> = registry.snapshot().agreements().map(Agreement::name).collect();
    known.sort_unstable();
    let mut text = format!("there is no agreement or dataset `{name}` in this folder: it has {}", known.join(", "));
    if let Some(error) = registry.errors().first() {
        text.push_str(&format!("; one file at least is not in order: {error}"));
    }
    text
}

fn open(signatory: Signatory<'_>) -> Result<(OrganisationId, agreements::SecretKey), AuthoringError> {
    let organisation = signatory.organisation.parse::<OrganisationId>();
    let organisation = organisation.map_err(|error| AuthoringError::Unknown(error.to_string()))?;
    Ok((organisation, key::open(signatory.key_file)?))
}

/// The time in whole seconds, as it is written in files. What happened a moment ago has happened.
fn now() -> Timestamp {
    let now = Clock::system().now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

impl Folder {
    /// The agreement in a file, and its events.
    fn agreement_in(&self, name: &str) -> Result<(Agreement, EventLog), AuthoringError> {
        let snapshot = self.registry().snapshot();
        let agreement = snapshot.agreements().find(|agreement| agreement.file() == name);
        let agreement = agreement.ok_or_else(|| AuthoringError::Faulty(self.faults(name)))?;
        let log = snapshot.events(&agreement.digest()).cloned().unwrap_or_default();
        Ok((agreement.clone(), log))
    }

    /// A file that is named, or an agreement of the folder.
    fn draft_or(&self, name: &str, now: Timestamp) -> Result<Agreement, AuthoringError> {
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") || path.is_file() {
            return self.draft(path);
        }
        find(self.registry(), name, now).cloned()
    }
}
