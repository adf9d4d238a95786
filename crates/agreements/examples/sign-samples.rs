//! Signs every agreement of a folder with the public test keys, and its events anew over the signed text, and writes who may do
//! what into `expected/who-may-do-what.txt`. What happened, when, by whom and why stays as the files of events say; an agreement
//! without one comes into force. A version that supersedes another names its digest, which changes with its text.
//!
//! ```text
//! cargo run -p agreements --example sign-samples -- sharing-agreements
//! ```
//! The keys are known to everybody: such signatures prove nothing, and agreements signed so are illustrations.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use agreements::{Agreement, Event, EventKind, Partnership, PublicKey, Registry, SourceFile, demo, explain};
use jiff::Timestamp;
use model::{Digest, OrganisationId};

const SIGNED_BY: &str = "illustrative signatory";
const SIGNED_AT: &str = "2022-12-12T10:00:00Z";
const IN_FORCE_AT: &str = "2022-12-15T09:00:00Z";
const TODAY: &str = "2026-11-22T00:00:00Z";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("name the folder of agreements")?;
    let folder = Path::new(&folder);
    let register_file = folder.join("partnership.toml");
    let register = with_keys(&fs::read_to_string(&register_file)?)?;
    fs::write(&register_file, &register)?;
    let partnership = Partnership::parse("partnership.toml", &register)?;
    for name in names(folder)? {
        if !name.ends_with(".toml") || name.ends_with(".events.toml") || name == "partnership.toml" {
            continue;
        }
        let path = folder.join(&name);
        let text = fs::read_to_string(&path)?;
        let text = demo::sign(&name, &text, SIGNED_BY, signed_at(&text)?.parse()?)?;
        fs::write(&path, &text)?;
        let agreement = Agreement::parse(&name, &text, &partnership, &BTreeMap::new()).map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })?;
        let events = folder.join(name.replace(".toml", ".events.toml"));
        let happened = if events.exists() {
            happened(&fs::read_to_string(&events)?)?
        } else {
            let by = partnership.partnership.id.clone();
            vec![(EventKind::Signed, IN_FORCE_AT.parse()?, by, "all parties have signed".to_owned())]
        };
        fs::write(&events, signed_events(&happened, agreement.digest()))?;
    }
    let registry = Registry::load(&files(folder)?, &[])?;
    for error in registry.errors() {
        eprintln!("{error}");
    }
    fs::create_dir_all(folder.join("expected"))?;
    fs::write(folder.join("expected/who-may-do-what.txt"), who_may_do_what(&registry)?)?;
    Ok(())
}

/// When it was signed before, as its first signature says.
fn signed_at(text: &str) -> Result<String, Box<dyn Error>> {
    let table: toml::Table = toml::from_str(text)?;
    let first = table.get("party").and_then(|parties| parties.get(0)).and_then(|party| party.get("signature"));
    let at = first.and_then(|signature| signature.get("at")).and_then(toml::Value::as_datetime);
    Ok(at.map_or_else(|| SIGNED_AT.to_owned(), ToString::to_string))
}

type Happened = (EventKind, Timestamp, OrganisationId, String);

/// What a file says happened, whatever text it was signed over.
fn happened(text: &str) -> Result<Vec<Happened>, Box<dyn Error>> {
    #[derive(serde::Deserialize)]
    struct File {
        event: Vec<Event>,
    }
    let file: File = toml::from_str(text)?;
    Ok(file.event.into_iter().map(|event| (event.kind, event.at, event.by, event.reason)).collect())
}

fn signed_events(happened: &[Happened], agreement: Digest) -> String {
    let mut text = String::from(
        "# What happened to this agreement. Signed with public test keys: illustrative, proves nothing.\n",
    );
    let mut previous = agreement;
    for (kind, at, by, reason) in happened {
        let event = demo::event(*kind, *at, by, reason, agreement, previous);
        previous = event.digest();
        text.push('\n');
        text.push_str(&event.to_toml());
    }
    text
}

fn names(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn files(folder: &Path) -> Result<Vec<SourceFile>, Box<dyn Error>> {
    let mut files = Vec::new();
    for name in names(folder)? {
        let content = fs::read(folder.join(&name))?;
        files.push(SourceFile { name, content });
    }
    Ok(files)
}

/// The register with the test key of every organisation, after the line with its title.
fn with_keys(text: &str) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    let mut section = "";
    let mut organisation: Option<OrganisationId> = None;
    for line in text.lines().filter(|line| !line.starts_with("keys = ")) {
        out.push_str(line);
        out.push('\n');
        if line.starts_with('[') {
            section = line;
        }
        if let Some(id) = quoted(line, "id") {
            organisation = Some(id.parse()?);
        }
        if let Some(id) = organisation.as_ref().filter(|_| section == "[[organisation]]")
            && quoted(line, "title").is_some()
        {
            writeln!(out, "keys = [\"{}\"]", PublicKey::of(&demo::signing_key(id)))?;
        }
    }
    Ok(out)
}

fn who_may_do_what(registry: &Registry) -> Result<String, Box<dyn Error>> {
    let now: Timestamp = TODAY.parse()?;
    let mut text = String::from("Who may do what with which dataset, as decided from the agreements on 2026-11-22.\n");
    text.push_str("Illustrative agreements of a synthetic partnership; written by the example `sign-samples`.\n");
    for dataset in registry.snapshot().datasets() {
        text.push('\n');
        text.push_str(&explain(registry.snapshot(), dataset, now).to_string());
    }
    Ok(text)
}

/// The text in a line such as `id = "text"`.
fn quoted<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}
