//! Signs every agreement of a folder with the public test keys, writes its `signed` event, and writes who may do what
//! into `expected/who-may-do-what.txt`:
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

use agreements::{Agreement, EventKind, Partnership, PublicKey, Registry, SourceFile, demo, explain};
use jiff::Timestamp;
use model::OrganisationId;

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
        let text = demo::sign(&name, &fs::read_to_string(&path)?, SIGNED_BY, SIGNED_AT.parse()?)?;
        fs::write(&path, &text)?;
        let agreement = Agreement::parse(&name, &text, &partnership, &BTreeMap::new()).map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })?;
        let (by, digest) = (&partnership.partnership.id, agreement.digest());
        let reason = "all parties have signed";
        let event = demo::event(EventKind::Signed, IN_FORCE_AT.parse()?, by, reason, digest, digest);
        let header = "# What happened to this agreement. Signed with public test keys: illustrative, proves nothing.\n";
        fs::write(folder.join(name.replace(".toml", ".events.toml")), format!("{header}\n{}", event.to_toml()))?;
    }
    let registry = Registry::load(&files(folder)?, &[])?;
    for error in registry.errors() {
        eprintln!("{error}");
    }
    fs::create_dir_all(folder.join("expected"))?;
    fs::write(folder.join("expected/who-may-do-what.txt"), who_may_do_what(&registry)?)?;
    Ok(())
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
