//! Agreements at the terminal: explained, compared, signed and stopped by those who may, with keys of their own.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use agreements::{SecretKey, demo};
use tempfile::TempDir;

use super::program;
use crate::support;

const COUNCIL: &str = "chorley-council";
const HOST: &str = "csr-partnership";
const DWP: &str = "department-for-work-and-pensions";
const CLAIMANTS: &str = "mine/claimants.toml";
const EVENTS: &str = "mine/claimants.events.toml";

/// Exit code, standard output, standard error.
fn typed(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = program(folder, arguments).env("COMMONGROUND_AGREEMENTS", folder.join("mine")).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn done(folder: &Path, arguments: &[&str]) -> String {
    let (code, said, error) = typed(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {error}");
    said
}

/// One agreement of the sample that nobody has signed, in a register of keys that are not publicly known.
fn unsigned() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (support::root().join("sharing-agreements"), folder.path().join("mine"));
    fs::create_dir(&to).unwrap();
    let text = fs::read_to_string(from.join("claimants.toml")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("signature = "));
    fs::write(to.join("claimants.toml"), lines.flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();
    let register = fs::read_to_string(from.join("partnership.toml")).unwrap();
    fs::write(to.join("partnership.toml"), &register).unwrap();
    let mut id = String::new();
    let mut real = String::new();
    for line in register.replace("illustrative = true", "illustrative = false").lines() {
        if let Some(known) = line.strip_prefix("id = \"") {
            id = known.trim_end_matches('"').to_owned();
        }
        if line.starts_with("keys = ") {
            real.push_str(&done(folder.path(), &["agreements", "key", "new", &format!("{id}.key")]));
        } else {
            real.push_str(line);
            real.push('\n');
        }
    }
    fs::write(to.join("partnership.toml"), real).unwrap();
    folder
}

fn parties(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join(CLAIMANTS)).unwrap();
    let before = text.split_once("[legal]").unwrap().0;
    let ids = before.lines().filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
    // The first is the agreement's own.
    ids.skip(1).map(str::to_owned).collect()
}

fn sign<'a>(organisation: &'a str, key: &'a str) -> Vec<&'a str> {
    vec!["agreements", "sign", CLAIMANTS, "--as", organisation, "--key", key]
}

/// The same, signed by everybody.
fn signed() -> TempDir {
    let folder = unsigned();
    for party in parties(folder.path()) {
        done(folder.path(), &sign(&party, &format!("{party}.key")));
    }
    folder
}

fn happens<'a>(what: &'a str, agreement: &'a str, organisation: &'a str, key: &'a str) -> Vec<&'a str> {
    vec!["agreements", what, agreement, "--as", organisation, "--key", key, "--reason", "a drill"]
}

/// Every file of the agreements.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let read =
        |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap());
    fs::read_dir(folder.join("mine")).unwrap().map(|entry| read(entry.unwrap())).collect()
}

#[test]
fn an_agreement_is_signed_by_all_then_stopped_and_let_go_on() {
    let folder = unsigned();
    let folder = folder.path();
    let explained = |expect: &str| {
        let said = done(folder, &["agreements", "explain", "claimants"]);
        assert!(said.contains(expect), "{expect} is not in\n{said}");
    };
    explained("claimants@1: not signed\n");
    let parties = parties(folder);
    for (index, party) in parties.iter().enumerate() {
        let said = done(folder, &sign(party, &format!("{party}.key")));
        let last = index + 1 == parties.len();
        assert_eq!(said.contains("claimants@1 is active"), last, "{said}");
        assert_eq!(said.contains("it waits for the signature of"), !last, "{said}");
    }
    explained("claimants@1: active\n");
    assert!(typed(folder, &["agreements", "check"]).1.contains("claimants@1"));
    let dataset = format!("{DWP}.claimants");
    assert!(done(folder, &["agreements", "explain", &dataset]).contains("  may "));

    let said = done(folder, &happens("suspend", "claimants", HOST, &format!("{HOST}.key")));
    assert!(said.contains("claimants@1 is suspended") && said.contains(&format!("{DWP} may resume it")), "{said}");
    explained("claimants@1: suspended\n");
    assert!(done(folder, &["agreements", "explain", &dataset]).contains("nobody may do anything with it"));
    done(folder, &happens("resume", "claimants@1", DWP, &format!("{DWP}.key")));
    explained("claimants@1: active\n");
    done(folder, &happens("terminate", "claimants", DWP, &format!("{DWP}.key")));
    explained("claimants@1: terminated\n");
    explained("suspended by csr-partnership: a drill\n");

    let events = fs::read_to_string(folder.join(EVENTS)).unwrap();
    let kinds: Vec<_> = events.lines().filter_map(|line| line.strip_prefix("kind = ")).collect();
    assert_eq!(kinds, ["\"signed\"", "\"suspended\"", "\"resumed\"", "\"terminated\""]);
    let names: Vec<_> = files(folder).into_keys().collect();
    assert_eq!(names, ["claimants.events.toml", "claimants.toml", "partnership.toml"], "nothing is left behind");
}

/// The last signature was written, and a power cut came before the event.
#[test]
fn what_everybody_signed_is_brought_into_force_by_any_party() {
    let folder = signed();
    fs::remove_file(folder.path().join(EVENTS)).unwrap();
    let said = done(folder.path(), &sign(COUNCIL, "chorley-council.key"));
    assert!(said.contains("claimants@1 is active"), "{said}");
}

struct Refusal {
    name: &'static str,
    prepare: fn(&Path),
    typed: Vec<&'static str>,
    code: i32,
    said: &'static str,
}

fn nothing(_: &Path) {}

/// Puts another text in the place of one.
fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// A key file with the publicly known key of the council.
fn test_key(folder: &Path) {
    let key = SecretKey::from(demo::signing_key(&COUNCIL.parse().unwrap()));
    fs::write(folder.join("test.key"), key.to_text().as_bytes()).unwrap();
    fs::set_permissions(folder.join("test.key"), Permissions::from_mode(0o600)).unwrap();
}

fn check_refusals(folder: fn() -> TempDir, refusals: &[Refusal]) {
    let template = folder();
    for Refusal { name, prepare, typed: arguments, code, said } in refusals {
        let folder = tempfile::tempdir().unwrap();
        support::copy(template.path(), folder.path());
        prepare(folder.path());
        let before = files(folder.path());
        let (found, _, text) = typed(folder.path(), arguments);
        assert_eq!(found, *code, "{name}: {text}");
        assert!(text.contains(said), "{name}: {said} is not in\n{text}");
        assert!(files(folder.path()) == before, "{name}: something was written");
    }
}

#[rustfmt::skip]
#[test]
fn a_signature_that_would_not_count_is_refused_and_nothing_written() {
    check_refusals(unsigned, &[
        Refusal { name: "wrong key", prepare: nothing, typed: sign(COUNCIL, "csr-partnership.key"), code: 3,
            said: "this key is not registered for `chorley-council`" },
        Refusal { name: "no party", prepare: nothing, typed: sign("office-for-national-statistics", "office-for-national-statistics.key"), code: 3,
            said: "`office-for-national-statistics` is not a party to claimants@1" },
        Refusal { name: "no organisation", prepare: nothing, typed: sign("Chorley Council", "chorley-council.key"), code: 2, said: "Chorley Council" },
        Refusal { name: "public test key", prepare: test_key, typed: sign(COUNCIL, "test.key"), code: 3, said: "everybody has this key of `chorley-council`" },
        Refusal { name: "signed already", prepare: |f| drop(done(f, &sign(COUNCIL, "chorley-council.key"))),
            typed: sign(COUNCIL, "chorley-council.key"), code: 3, said: "`chorley-council` has signed claimants@1 already" },
        Refusal { name: "changed since another signed", prepare: |f| { done(f, &sign(COUNCIL, "chorley-council.key")); edit(&f.join(CLAIMANTS), "query_budget = ", "query_budget = 1") },
            typed: sign(HOST, "csr-partnership.key"), code: 3, said: "changed after signing" },
        Refusal { name: "a mistake in the text", prepare: |f| edit(&f.join(CLAIMANTS), "[terms]", "[terns]"),
            typed: sign(COUNCIL, "chorley-council.key"), code: 3, said: "claimants.toml:" },
        Refusal { name: "no such file", prepare: nothing, typed: vec!["agreements", "sign", "none.toml", "--as", COUNCIL, "--key", "chorley-council.key"],
            code: 2, said: "`none.toml` is not an agreement of the folder" },
        Refusal { name: "a file elsewhere", prepare: |f| drop(fs::copy(f.join(CLAIMANTS), f.join("claimants.toml"))),
            typed: vec!["agreements", "sign", "claimants.toml", "--as", COUNCIL, "--key", "chorley-council.key"], code: 2, said: "is not an agreement of the folder" },
        Refusal { name: "the register", prepare: nothing, typed: vec!["agreements", "sign", "mine/partnership.toml", "--as", COUNCIL, "--key", "chorley-council.key"],
            code: 2, said: "is not an agreement of the folder" },
        Refusal { name: "nobody signs", prepare: nothing, typed: [sign(COUNCIL, "chorley-council.key"), vec!["--office", ""]].concat(), code: 2,
            said: "`--office` is needed in words" },
        Refusal { name: "key file missing", prepare: nothing, typed: sign(COUNCIL, "lost.key"), code: 4, said: "lost.key" },
        Refusal { name: "key file is a folder", prepare: |f| fs::create_dir(f.join("a.key")).unwrap(), typed: sign(COUNCIL, "a.key"), code: 4, said: "not a regular file" },
        Refusal { name: "key file that others may read", prepare: |f| fs::set_permissions(f.join("chorley-council.key"), Permissions::from_mode(0o640)).unwrap(),
            typed: sign(COUNCIL, "chorley-council.key"), code: 4, said: "chmod 600" },
        Refusal { name: "not a key file", prepare: |f| { fs::copy(f.join("mine/partnership.toml"), f.join("a.key")).unwrap(); fs::set_permissions(f.join("a.key"), Permissions::from_mode(0o600)).unwrap() },
            typed: sign(COUNCIL, "a.key"), code: 4, said: "its first line must be" },
        Refusal { name: "a key among the agreements", prepare: nothing, typed: vec!["agreements", "key", "new", "mine/a.key"], code: 4, said: "keep it elsewhere" },
        Refusal { name: "a key that is there", prepare: nothing, typed: vec!["agreements", "key", "new", "chorley-council.key"], code: 4, said: "could not create `chorley-council.key`" },
        Refusal { name: "not in force yet", prepare: nothing, typed: happens("suspend", "claimants", HOST, "csr-partnership.key"), code: 3, said: "not in force cannot be suspended" },
    ]);
}

#[rustfmt::skip]
#[test]
fn an_event_that_cannot_be_is_refused_and_nothing_written() {
    check_refusals(signed, &[
        Refusal { name: "who may not", prepare: nothing, typed: happens("suspend", "claimants", COUNCIL, "chorley-council.key"), code: 3,
            said: "`chorley-council` may not do this: `[control]` names who may" },
        Refusal { name: "who may suspend, but not resume", prepare: |f| drop(done(f, &happens("suspend", "claimants", HOST, "csr-partnership.key"))),
            typed: happens("resume", "claimants", HOST, "csr-partnership.key"), code: 3, said: "`csr-partnership` may not do this" },
        Refusal { name: "who may suspend, but not terminate", prepare: nothing, typed: happens("terminate", "claimants", HOST, "csr-partnership.key"), code: 3,
            said: "`csr-partnership` may not do this" },
        Refusal { name: "another's key", prepare: nothing, typed: happens("suspend", "claimants", HOST, "chorley-council.key"), code: 3,
            said: "this key is not registered for `csr-partnership`" },
        Refusal { name: "suspended twice", prepare: |f| drop(done(f, &happens("suspend", "claimants", HOST, "csr-partnership.key"))),
            typed: happens("suspend", "claimants", HOST, "csr-partnership.key"), code: 3, said: "suspended cannot be suspended" },
        Refusal { name: "not suspended", prepare: nothing, typed: happens("resume", "claimants", DWP, "department-for-work-and-pensions.key"), code: 3, said: "in force cannot be resumed" },
        Refusal { name: "unknown", prepare: nothing, typed: happens("suspend", "claiments", HOST, "csr-partnership.key"), code: 2, said: "there is no agreement or dataset `claiments`" },
        Refusal { name: "unknown version", prepare: nothing, typed: happens("suspend", "claimants@2", HOST, "csr-partnership.key"), code: 2, said: "it has claimants@1" },
        Refusal { name: "no reason", prepare: nothing, typed: vec!["agreements", "suspend", "claimants", "--as", HOST, "--key", "csr-partnership.key", "--reason", " "], code: 2, said: "`--reason` is needed in words" },
        Refusal { name: "a text that was changed", prepare: |f| edit(&f.join(CLAIMANTS), "query_budget = ", "query_budget = 1"),
            typed: happens("suspend", "claimants", HOST, "csr-partnership.key"), code: 2, said: "changed after signing" },
        Refusal { name: "an event that was changed", prepare: |f| edit(&f.join(EVENTS), "all parties have signed", "nobody has"),
            typed: happens("suspend", "claimants", HOST, "csr-partnership.key"), code: 2, said: "changed after signing" },
        Refusal { name: "an event that was taken out", prepare: |f| {
                done(f, &happens("suspend", "claimants", HOST, "csr-partnership.key"));
                let text = fs::read_to_string(f.join(EVENTS)).unwrap();
                fs::write(f.join(EVENTS), format!("[[event]]{}", text.rsplit_once("[[event]]").unwrap().1)).unwrap();
            }, typed: happens("resume", "claimants", DWP, "department-for-work-and-pensions.key"), code: 2, said: "the chain is broken" },
    ]);
}

/// Somebody else's mistake stops nobody.
#[test]
fn a_faulty_file_does_not_keep_others_from_being_suspended() {
    let folder = signed();
    let folder = folder.path();
    fs::write(folder.join("mine/other.toml"), "[agreement]\nid = \n").unwrap();
    done(folder, &happens("suspend", "claimants", HOST, "csr-partnership.key"));
    assert_eq!(typed(folder, &["agreements", "check"]).0, 3);
}

#[test]
fn one_command_at_a_time_changes_agreements() {
    let folder = signed();
    let lock = fs::File::open(folder.path().join("mine")).unwrap();
    lock.lock().unwrap();
    let suspend = happens("suspend", "claimants", HOST, "csr-partnership.key");
    let (code, _, text) = typed(folder.path(), &suspend);
    assert!(code == 3 && text.contains("another command is changing these agreements"), "{text}");
    // Reading goes on.
    done(folder.path(), &["agreements", "explain"]);
    drop(lock);
    done(folder.path(), &suspend);
}

#[test]
fn a_key_is_for_its_owner_alone() {
    let folder = unsigned();
    let mode = fs::metadata(folder.path().join("chorley-council.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(folder.path().join("chorley-council.key")).unwrap();
    let public = SecretKey::parse(&text).unwrap().public().to_string();
    assert!(fs::read_to_string(folder.path().join("mine/partnership.toml")).unwrap().contains(&public));
    assert!(!public.is_empty() && !text.contains(&public));
}

#[test]
fn versions_and_drafts_are_compared() {
    let folder = signed();
    let folder = folder.path();
    let same = done(folder, &["agreements", "diff", "claimants@1", CLAIMANTS]);
    assert!(same.ends_with("no difference\n"), "{same}");
    fs::copy(folder.join(CLAIMANTS), folder.join("draft.toml")).unwrap();
    edit(&folder.join("draft.toml"), "finest = [", "finest = [\n  \"lsoa by month\",");
    let said = done(folder, &["agreements", "diff", "claimants", "draft.toml"]);
    assert!(said.contains("terms.finest: ") && said.contains(": looser"), "{said}");
    std::os::unix::fs::symlink("/dev/zero", folder.join("endless.toml")).unwrap();
    for (new, code, expect) in [
        ("none.toml", 4, "No such file"),
        ("endless.toml", 4, "no regular file"),
        ("claimants@7", 2, "it has claimants@1"),
    ] {
        let (found, _, text) = typed(folder, &["agreements", "diff", "claimants", new]);
        assert!(found == code && text.contains(expect), "{found} {text}");
    }
    edit(&folder.join("draft.toml"), "purposes = [", "purposes = [\"spying\", ");
    let (code, _, text) = typed(folder, &["agreements", "diff", "claimants", "draft.toml"]);
    assert!(code == 3 && text.contains("draft.toml:") && text.contains("`spying`"), "{text}");
}

#[test]
fn what_is_not_there_is_not_explained() {
    let folder = signed();
    let everything = done(folder.path(), &["agreements", "explain"]);
    assert!(everything.contains("claimants@1") && everything.contains(&format!("\n{DWP}.claimants\n")), "{everything}");
    let (code, _, text) = typed(folder.path(), &["agreements", "explain", "nobody.nothing"]);
    assert!(code == 2 && text.contains("there is no agreement or dataset `nobody.nothing`"), "{text}");
}
