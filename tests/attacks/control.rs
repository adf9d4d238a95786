//! The control: the sample partnership with disclosure control switched off, through the same intake, gate, API and reading
//! as ever. Every controlled dataset is declared open, in its contract and in its agreement, so that every true count is
//! answered; then the small counts are withheld, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use agreements::{Agreement, EventKind, Partnership, demo};
use attack::{Problem, Value};
use jiff::Timestamp;
use serde_json::Value as Json;

use super::facts::Definitions;
use crate::support::{Demo, copy, load_sample, root, settings};

/// In force for as long as the sample's own agreements.
const SIGNED_AT: &str = "2022-12-15T09:00:00Z";

/// The sample, loaded with nothing controlled.
pub(super) fn unprotected() -> Demo {
    let folder = tempfile::tempdir().unwrap();
    let sample = folder.path().join("sample-data");
    for part in ["contracts", "indicators"] {
        copy(&root().join("sample-data").join(part), &sample.join(part));
    }
    for part in ["partners", "geography"] {
        std::os::unix::fs::symlink(root().join("sample-data").join(part), sample.join(part)).unwrap();
    }
    // Nor are people of open data counted over several.
    fs::remove_file(sample.join("contracts/csr-partnership.people-by-services.toml")).unwrap();
    fs::remove_file(sample.join("indicators/people-known-to-services.toml")).unwrap();
    edit(&sample.join("contracts"), |_, text| {
        // Of open data no other table is made.
        let text = match text.split_once("[crossings]") {
            Some((before, after)) => format!("{before}{}", after.split_once("\n\n").unwrap().1),
            None => text,
        };
        text.replace("kind = \"controlled\"", "kind = \"open\"\nsource = \"control\"\nlicence = \"control\"")
    });
    let agreements = folder.path().join("sharing-agreements");
    copy(&root().join("sharing-agreements"), &agreements);
    edit(&agreements, |name, text| if is_agreement(name) { opened(name, &text) } else { text });
    let register = fs::read_to_string(agreements.join("partnership.toml")).unwrap();
    let partnership = Partnership::parse("partnership.toml", &register).unwrap();
    for (name, text) in texts(&agreements).into_iter().filter(|(name, _)| is_agreement(name)) {
        let events = signed_event(&name, &text, &partnership);
        fs::write(agreements.join(name.replace(".toml", ".events.toml")), events).unwrap();
    }
    load_sample(folder.path(), folder.path());
    let mut settings = settings(folder.path());
    (settings.agreements, settings.contracts) = (agreements, sample.join("contracts"));
    settings.indicators = sample.join("indicators");
    Demo::over(folder, settings)
}

/// An agreement in which nothing is controlled, signed by everybody.
fn opened(name: &str, text: &str) -> String {
    let open = "{ kind = \"open\", source = \"control\", licence = \"control\" }";
    let text = text.replace("{ kind = \"controlled\" }", open);
    demo::sign(name, &text, "control", SIGNED_AT.parse().unwrap()).unwrap()
}

fn signed_event(name: &str, text: &str, partnership: &Partnership) -> String {
    let agreement = Agreement::parse(name, text, partnership, &BTreeMap::new()).unwrap();
    let (by, digest) = (&partnership.partnership.id, agreement.digest());
    let at: Timestamp = SIGNED_AT.parse().unwrap();
    demo::event(EventKind::Signed, at, by, "control", digest, digest).to_toml()
}

fn is_agreement(name: &str) -> bool {
    name.ends_with(".toml") && !name.ends_with(".events.toml") && name != "partnership.toml"
}

/// The text files of a folder by name.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

fn edit(folder: &Path, change: impl Fn(&str, String) -> String) {
    for (name, text) in texts(folder) {
        fs::write(folder.join(&name), change(&name, text)).unwrap();
    }
}

/// The same answers with every row withheld whose count, or whose controlled denominator, is from 1 to k - 1: what a gate
/// without complementary suppression would answer.
pub(super) fn primaries_only(definitions: &Definitions, indicator: &str, mut rows: Vec<Json>, k: u64) -> Vec<Json> {
    for row in &mut rows {
        let small = |column: &str| row[column].as_u64().is_some_and(|count| (1..k).contains(&count));
        let [numerator, denominator] = definitions.controlled_parts(indicator);
        if numerator && small("count") || denominator && small("denominator") {
            row["status"] = "c".into();
            for column in ["value", "count", "denominator"] {
                row[column] = Json::Null;
            }
        }
    }
    rows
}

/// The true counts by the names that the attacker gives to cells; every cell of the problem has one.
pub(super) fn truth(problem: &Problem) -> BTreeMap<String, u64> {
    let mut names: BTreeMap<&[String], String> = BTreeMap::new();
    let mut truth = BTreeMap::new();
    for table in &problem.tables {
        for cell in &table.cells {
            let name = names.entry(&cell.codes).or_insert_with(|| {
                let parts = problem.dimensions.iter().zip(&cell.codes).filter(|(d, code)| d.total != **code);
                let parts: String = parts.map(|(dimension, code)| format!(" {}={code}", dimension.name)).collect();
                format!("{}:{parts}", table.name)
            });
            let Value::Released(count) = cell.value else { panic!("the control withholds {name}") };
            truth.insert(name.clone(), count);
        }
    }
    truth
}
