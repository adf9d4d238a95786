//! Every mistake at the command line is told once, with what to do and its exit code.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use catalog::DataFolder;
use tempfile::TempDir;

use super::{ended, program, run};
use crate::support;

/// A mistake: what is prepared beside a fresh data folder, what is typed, and what must come of it.
struct Mistake {
    name: &'static str,
    prepare: fn(&Path),
    typed: &'static [&'static str],
    code: i32,
    /// What must be said, in this order.
    said: &'static [&'static str],
}

const FIRE: &str = "lancashire-fire-and-rescue.incidents";

fn nothing(_: &Path) {}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Puts a folder of the sample beside the data folder, where it may be spoilt.
fn copy_of(folder: &Path, what: &str, name: &str) {
    support::copy(&support::root().join(what), &folder.join(name));
}

#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    Mistake { name: "unknown flag", prepare: nothing, typed: &["query", "--colour"], code: 2,
        said: &["unexpected argument '--colour'", "--help"] },
    Mistake { name: "unknown command", prepare: nothing, typed: &["publsh"], code: 2,
        said: &["unrecognized subcommand 'publsh'"] },
    Mistake { name: "no data folder", prepare: nothing, typed: &["query", "--data", "elsewhere"], code: 4,
        said: &["elsewhere` is not a Commonground data folder", "`commonground init`"] },
    Mistake { name: "a folder of something else", prepare: |f| write(&f.join("photos/cat.jpg"), "x"),
        typed: &["init", "--data", "photos", "--key-file", "photos.key"], code: 4,
        said: &["photos` is not a Commonground data folder", "not empty"] },
    Mistake { name: "made twice", prepare: nothing, typed: &["init"], code: 4,
        said: &["is a data folder already", "`--data`"] },
    Mistake { name: "key file missing", prepare: nothing, typed: &["query", "--key-file", "lost.key"], code: 4,
        said: &["`--key-file`", "lost.key`", "No such file"] },
    Mistake { name: "key file of another folder",
        prepare: |f| assert_eq!(run(f, &["init", "--data", "other", "--key-file", "other.key"]).0, 0),
        typed: &["query", "--key-file", "other.key"], code: 4,
        said: &["other.key` is master key", "was encrypted under master key", "`--key-file`"] },
    Mistake { name: "key file that others may read",
        prepare: |f| fs::set_permissions(f.join("data.key"), fs::Permissions::from_mode(0o644)).unwrap(),
        typed: &["query"], code: 4, said: &["data.key` may be used by other users", "chmod 600"] },
    Mistake { name: "not a key file", prepare: |f| { write(&f.join("a.key"), "hello"); fs::set_permissions(f.join("a.key"), fs::Permissions::from_mode(0o600)).unwrap() },
        typed: &["init", "--data", "new", "--key-file", "a.key"], code: 4, said: &["a.key` is not a master key file"] },
    Mistake { name: "configuration missing", prepare: nothing, typed: &["query", "--config", "none.toml"], code: 2,
        said: &["`none.toml`", "No such file", "`--config`"] },
    Mistake { name: "configuration that is not TOML", prepare: |f| write(&f.join("commonground.toml"), "listen = \n"),
        typed: &["query"], code: 2, said: &["configuration", "commonground.toml"] },
    Mistake { name: "configuration with an unknown entry", prepare: |f| write(&f.join("commonground.toml"), "colour = 1\n"),
        typed: &["query"], code: 2, said: &["configuration", "colour", "commonground.toml"] },
    Mistake { name: "unknown limit", prepare: |f| write(&f.join("commonground.toml"), "[limits]\nrow = 1\n"),
        typed: &["query"], code: 2, said: &["configuration", "row", "expected"] },
    Mistake { name: "no agreements", prepare: nothing, typed: &["query", "--agreements", "none"], code: 4,
        said: &["could not read `none`", "No such file", "`--agreements`"] },
    Mistake { name: "agreements without a register", prepare: |f| fs::create_dir(f.join("none")).unwrap(),
        typed: &["agreements", "check", "--agreements", "none"], code: 3, said: &["partnership.toml", "register is missing", "`--agreements`"] },
    Mistake { name: "agreement that is not TOML",
        prepare: |f| { copy_of(f, "sharing-agreements", "mine"); write(&f.join("mine/claimants.toml"), "[agreement]\nid = \n") },
        typed: &["agreements", "check", "--agreements", "mine"], code: 3,
        said: &["error: claimants.toml:2:", "mistake"] },
    Mistake { name: "contract that is gone",
        prepare: |f| { copy_of(f, "sample-data/contracts", "mine"); fs::remove_file(f.join("mine").join(format!("{FIRE}.toml"))).unwrap() },
        typed: &["agreements", "check", "--contracts", "mine"], code: 3,
        said: &[FIRE, "no valid contract", "mistake"] },
    Mistake { name: "contract that is invalid",
        prepare: |f| { copy_of(f, "sample-data/contracts", "mine"); write(&f.join("mine").join(format!("{FIRE}.toml")), "id = 1\n") },
        typed: &["agreements", "check", "--contracts", "mine"], code: 3,
        said: &["incidents.toml:1:", "mistake"] },
    Mistake { name: "no manifest", prepare: nothing, typed: &["geography", "import", "none.toml"], code: 4,
        said: &["could not read `none.toml`", "No such file"] },
    Mistake { name: "manifest that is not TOML", prepare: |f| write(&f.join("map.toml"), "= 1"),
        typed: &["geography", "import", "map.toml", "--check"], code: 3, said: &["map.toml:1:1:"] },
    Mistake { name: "no such file", prepare: nothing, typed: &["ingest", FIRE, "none.csv", "--period", "2025-01-01/P3M"], code: 4,
        said: &["could not open `none.csv`", "No such file"] },
    Mistake { name: "a folder for a file", prepare: |f| fs::create_dir(f.join("files")).unwrap(),
        typed: &["ingest", FIRE, "files", "--period", "2025-01-01/P3M"], code: 4, said: &["`files` is a folder", "one file"] },
    Mistake { name: "no such dataset", prepare: |f| write(&f.join("a.csv"), "x"),
        typed: &["ingest", "lancashire-fire-and-rescue.nothing", "a.csv", "--period", "2025-01-01/P3M"], code: 2,
        said: &["lancashire-fire-and-rescue.nothing", "does not exist"] },
    Mistake { name: "not a dataset's name", prepare: |f| write(&f.join("a.csv"), "x"),
        typed: &["ingest", "Fires", "a.csv", "--period", "2025-01-01/P3M"], code: 2,
        said: &["`Fires`", "{organisation}.{dataset}"] },
    Mistake { name: "bad period", prepare: |f| write(&f.join("a.csv"), "x"),
        typed: &["ingest", FIRE, "a.csv", "--period", "last month"], code: 2, said: &["period: ", "`last month`"] },
    Mistake { name: "no geography", prepare: |f| write(&f.join("a.csv"), "x"),
        typed: &["ingest", FIRE, "a.csv", "--period", "2025-01-01/P3M"], code: 4,
        said: &["no geography is imported", "`commonground geography import`"] },
    Mistake { name: "nothing published", prepare: nothing, typed: &["query", "fire-incidents"], code: 2,
        said: &["indicator `fire-incidents` does not exist", "visible"] },
    Mistake { name: "not a kind of area", prepare: nothing, typed: &["query", "fire-incidents", "--area-type", "village"], code: 2,
        said: &["`village`", "lsoa"] },
    Mistake { name: "not a kind of period", prepare: nothing, typed: &["query", "fire-incidents", "--period-type", "week"], code: 2,
        said: &["`week`", "month"] },
    Mistake { name: "no such organisation", prepare: nothing,
        typed: &["credential", "add", "--organisation", "somebody-else", "--role", "analyst", "--purpose", "neighbourhood-needs"], code: 2,
        said: &["organisation", "`somebody-else`", "register"] },
    Mistake { name: "no such role", prepare: nothing,
        typed: &["credential", "add", "--organisation", "chorley-council", "--role", "chief", "--purpose", "neighbourhood-needs"], code: 2,
        said: &["role", "`chief`"] },
    Mistake { name: "no such key", prepare: nothing, typed: &["credential", "revoke", "abc"], code: 2,
        said: &["credential `abc` does not exist"] },
    Mistake { name: "not an address", prepare: nothing, typed: &["serve", "--listen", "here"], code: 2,
        said: &["'here'", "--listen"] },
    Mistake { name: "demo beyond this machine", prepare: nothing, typed: &["demo", "--listen", "0.0.0.0:0"], code: 3,
        said: &["will not listen on 0.0.0.0:0", "loopback"] },
    Mistake { name: "no sample", prepare: nothing, typed: &["demo", "--load-only", "--sample", "none", "--data", "new"], code: 4,
        said: &["`none` is not the sample partnership", "`--sample`", "No such file"] },
];

#[test]
fn every_mistake_says_what_to_do() {
    for mistake in MISTAKES {
        let folder = initialised();
        (mistake.prepare)(folder.path());
        let (code, text) = run(folder.path(), mistake.typed);
        assert_eq!(code, mistake.code, "{}: {text}", mistake.name);
        well_said(mistake.name, &text, mistake.said);
    }
}

/// What is expected, in its order; nothing twice; no type of the program's own and no panic.
fn well_said(name: &str, text: &str, said: &[&str]) {
    let mut rest = text;
    for part in said {
        let at = rest.find(part).unwrap_or_else(|| panic!("{name}: `{part}` is not said in its place in: {text}"));
        rest = &rest[at + part.len()..];
    }
    let lines: Vec<&str> = text.lines().map(|line| line.trim().trim_start_matches("because ")).collect();
    for (at, line) in lines.iter().enumerate() {
        assert!(line.is_empty() || !lines[..at].contains(line), "{name}: said twice: {text}");
    }
    for wrong in ["panicked", "PlatformError", "Some(", "None", "{ "] {
        assert!(!text.contains(wrong), "{name}: {text}");
    }
}

fn initialised() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = run(folder.path(), &["init"]);
    assert_eq!(code, 0, "{text}");
    folder
}

#[test]
fn a_variable_that_cannot_be_understood_is_usage() {
    let folder = initialised();
    for (variable, value, said) in [
        ("COMMONGROUND_LOG", "loud", "`loud` is not a level"),
        ("COMMONGROUND_LISTEN", "here", "configuration"),
        ("COMMONGROUND_COLOUR", "red", "colour"),
    ] {
        let output = program(folder.path(), &["query"]).env(variable, value).output().unwrap();
        let (code, text) = ended(&output);
        assert_eq!(code, 2, "{text}");
        well_said(variable, &text, &[said]);
    }
}

#[test]
fn a_folder_in_use_is_refused_and_names_its_holder() {
    let folder = initialised();
    let _held = DataFolder::open(&folder.path().join("data")).unwrap();
    for typed in [&["query"][..], &["serve", "--listen", "127.0.0.1:0"], &["credential", "list"]] {
        let (code, text) = run(folder.path(), typed);
        assert_eq!(code, 4, "{text}");
        well_said(typed[0], &text, &[&format!("in use by process {}", std::process::id()), "stop that program"]);
    }
}

#[test]
fn a_port_in_use_is_refused_before_anything_is_loaded() {
    let folder = initialised();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, text) = run(folder.path(), &["serve", "--listen", &address]);
    assert_eq!(code, 4, "{text}");
    well_said("port", &text, &[&address, "`--listen`", "in use"]);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    support::copy(&support::loaded(), folder.path());
    for typed in [
        &["query", "fire-incidents", "--area-type", "lsoa", "--period", "all", "--format", "csv"][..],
        &["agreements", "check"],
    ] {
        let mut child = program(folder.path(), typed).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The reading end is closed before anything is written.
        drop(child.stdout.take());
        let mut text = String::new();
        child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{typed:?}: {text}");
        assert!(!text.contains("error") && !text.contains("panicked"), "{typed:?}: {text}");
    }
}
