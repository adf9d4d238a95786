//! Reading files: positions of mistakes, signatures, events, and how a folder is put together.

use std::collections::BTreeMap;

use model::{DatasetContract, DatasetId, Digest};

use super::random::permissive;
use super::validity::derive_query;
use super::world::*;
use crate::*;

/// A good agreement of `org-a` and `org-b` about `org-a.data`, signed, and its events.
pub(super) fn good() -> (String, String) {
    let mut plain = permissive(&derive_query(), &[0].into(), false);
    plain.forbid_links.insert(2);
    let world = World { agreements: vec![plain], faulty: Default::default() };
    let (files, _) = world.files();
    let text = |name: &str| {
        let file = files.iter().find(|file| file.name == name).unwrap();
        String::from_utf8(file.content.clone()).unwrap()
    };
    (text("agreement-0.toml"), text("agreement-0.events.toml"))
}

pub(super) fn partnership() -> Partnership {
    Partnership::parse("partnership.toml", &register()).unwrap()
}

fn contracts() -> BTreeMap<DatasetId, DatasetContract> {
    let text = r#"
id = "org-a.data"
title = "t"
description = "d"
release = "1"
level = "event"
partition = "month"
exposure = { kind = "controlled" }
file = { format = "csv" }
geography = { area_type = "lsoa", boundary_year = 2021, sources = ["postcode"] }
column = [
  { source = "Postcode", name = "postcode", type = "text", role = "geography", place = "postcode", treatment = "truncate" },
  { source = "Kind", name = "kind", type = "text", role = "dimension" },
]
"#;
    let contract = DatasetContract::parse("c.toml", text).unwrap();
    [(contract.id.clone(), contract)].into()
}

/// Where `needle` stands in the text: line and column from 1.
pub(super) fn place(text: &str, needle: &str) -> (usize, usize) {
    let before = &text[..text.find(needle).unwrap_or_else(|| panic!("{needle} is not in the text"))];
    (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap().len() + 1)
}

#[test]
fn mistakes_are_named_with_their_place() {
    let (good, _) = good();
    Agreement::parse("a.toml", &good, &partnership(), &contracts()).unwrap();
    // What to change, into what; where the error stands in the changed text; what it says.
    let cases = [
        ("power = ", "powre = ", "powre", "unknown field `powre`"),
        ("actions = [\"derive\"]", "actions = [\"derive\", \"sell\"]", "\"sell\"", "unknown variant `sell`"),
        (
            "purposes = [\"purpose-a\"]",
            "purposes = [\"purpose-a\", \"spying\"]",
            "\"spying\"",
            "`spying` is not registered",
        ),
        ("roles = [\"analyst\"]", "roles = [\"spy\"]", "\"spy\"", "unknown variant `spy`"),
        (
            "{ organisation = \"org-b\"",
            "{ organisation = \"org-c\"",
            "{ organisation = \"org-c\"",
            "`org-c` is not a party",
        ),
        ("id = \"org-b\"", "id = \"org-d\"", "\"org-d\"", "`org-d` is not registered"),
        (
            "name = \"kind\"",
            "name = \"knid\"",
            "{ name = \"knid\"",
            "has no column `knid`: it has count, kind, postcode",
        ),
        (
            "name = \"kind\", type = \"text\", role = \"dimension\", treatment = \"keep\"",
            "name = \"kind\", type = \"text\", role = \"dimension\", treatment = \"band\"",
            "{ name = \"kind\"",
            "must be treated as",
        ),
        ("expires = 2025", "expires = 2023", "2023-02", "ends on"),
        ("effective = 2023-12-22", "effective = 2023-12-22T09:00:00Z", "2023-12-22T09", "has a time"),
        ("k = 5", "k = 2", "2\nrounding", "3 to 1000 for controlled data"),
        (
            "own_rows = false",
            "own_rows = false\nsensitive = [\"postcode\"]",
            "\"postcode\"]\ndecoys",
            "`postcode` is no dimension or measure of these datasets: they have count, kind",
        ),
        ("decoys_per_thousand = 0", "decoys_per_thousand = 501", "501", "0 to 500 of 1,000 cells"),
        (
            "own_rows = false",
            "own_rows = false\ndominance = { contributors = 9, percent = 50 }",
            "{ contributors",
            "1 to 8 contributors",
        ),
        ("own_rows = false", "own_rows = false\np_percent = 0", "0\ndecoys", "1 to 100 percent"),
        ("own_rows = false", "own_row = false", "own_row", "unknown field `own_row`"),
        (
            "query_budget = 10\n",
            "query_budget = 10\napproval = [\"analyst\"]\n",
            "[\"analyst\"]\n",
            "`analyst` approves nothing: name `reviewer`, `governance` or both",
        ),
        ("finest = [\"lsoa by calendar-year\"", "finest = [\"lsoa by week\"", "\"lsoa by week\"", "period type"),
        ("links = [\"org-c.data\"]", "links = [\"org-c\"]", "\"org-c\"]", "dataset id"),
        ("suspend = [\"org-a\"]", "suspend = [\"org-c\"]", "\"org-c\"]\nresume", "`org-c` is not a party"),
        ("level = \"event\"", "level = \"person\"", "\"person\"", "contract says otherwise"),
        ("lead = \"org-a\"", "lead = \"org-c\"", "\"org-c\"\nerasure", "`org-c` is not a party"),
        ("title = \"test\"", "title = \"changed\"", "{ by = ", "the file was changed after signing"),
        (
            "datasets = [\"org-a.data\"]",
            "datasets = [\"org-b.data\"]",
            "\"org-b.data\"",
            "not a dataset of this agreement",
        ),
    ];
    for (from, to, needle, expect) in cases {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let errors = Agreement::parse("a.toml", &text, &partnership(), &contracts()).unwrap_err();
        let found = errors.iter().find(|error| error.message.contains(expect));
        let found = found.unwrap_or_else(|| panic!("`{expect}` not in {errors:?}"));
        assert_eq!((found.line, found.column), place(&text, needle), "{found}");
        assert_eq!(found.file, "a.toml");
    }
}

/// Where nobody is told apart, a rule on shares of single contributors or partners would hold of everything.
#[test]
fn rules_on_shares_need_somebody_who_has_them() {
    let (good, _) = good();
    let errors = |level: &str, rule: &str| {
        let text = good.replacen("level = \"event\"", level, 1).replacen("own_rows = false", rule, 1);
        let errors = Agreement::parse("a.toml", &text, &partnership(), &contracts()).unwrap_err();
        errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("\n")
    };
    let figures = "rows of `org-a.data` are figures of areas";
    let nobody = "the contract of `org-a.data` names no `partner`";
    for (rule, of_areas, of_rows) in [
        ("dominance = { contributors = 2, percent = 80 }", figures, None),
        ("p_percent = 10", figures, None),
        ("partner_p_percent = 10", figures, Some(nobody)),
    ] {
        let told = errors("level = \"aggregate\"", rule);
        assert!(told.contains(of_areas), "{rule}: {told}");
        let told = errors("level = \"event\"", rule);
        assert_eq!(told.contains(nobody), of_rows.is_some(), "{rule}: {told}");
        assert!(!told.contains(figures), "{rule}: {told}");
    }
}

/// Whoever signs for real may not name keys that everybody has.
#[test]
fn public_test_keys_are_for_illustrations() {
    let real = register().replace("illustrative = true", "illustrative = false");
    let error = Partnership::parse("partnership.toml", &real).unwrap_err();
    assert!(error.message.contains("everybody has this key of `org-a`"), "{error}");
    let key = |seed: u8| PublicKey::of(&ed25519_dalek::SigningKey::from_bytes(&[seed; 32])).to_string();
    let own = ORGANISATIONS.into_iter().zip(1..).fold(real, |text, (id, seed)| {
        text.replace(&PublicKey::of(&demo::signing_key(&id.parse().unwrap())).to_string(), &key(seed))
    });
    Partnership::parse("partnership.toml", &own).unwrap();
}

/// Who may send a file in: its supplier, and an operator of the partnership; never another party, in whichever role.
#[test]
fn only_its_supplier_and_the_partnership_may_send_a_dataset() {
    let (good, _) = good();
    let grants = |recipients: &str, actions: &str| {
        let text = good.replacen(
            "recipients = [{ organisation = \"org-b\", roles = [\"analyst\"] }]",
            &format!("recipients = [{recipients}]"),
            1,
        );
        let changed = text.replacen("actions = [\"derive\"]", &format!("actions = [{actions}]"), 1);
        let errors = Agreement::parse("a.toml", &changed, &partnership(), &contracts()).err().unwrap_or_default();
        // The file is no longer what was signed: that is another mistake.
        errors.into_iter().filter(|error| !error.message.contains("signature")).collect::<Vec<_>>()
    };
    let cases = [
        (r#"{ organisation = "org-a", roles = ["partner-officer"] }"#, r#""ingest""#, None),
        (r#"{ organisation = "org-a", roles = ["operator"] }"#, r#""ingest""#, None),
        (r#"{ organisation = "org-b", roles = ["operator"] }"#, r#""derive", "release""#, None),
        (r#"{ organisation = "org-b", roles = ["operator"] }"#, r#""ingest""#, Some("operator of org-b")),
        (r#"{ organisation = "org-b", roles = ["analyst"] }"#, r#""ingest""#, None),
        (r#"{ organisation = "org-b", roles = ["partner-officer"] }"#, r#""derive", "release""#, None),
        (r#"{ organisation = "org-b", roles = ["partner-officer"] }"#, r#""ingest""#, Some("partner-officer of org-b")),
        (
            r#"{ organisation = "org-b", roles = ["analyst", "partner-officer"] }"#,
            r#""derive", "ingest""#,
            Some("partner-officer of org-b"),
        ),
        // Every full partner: `org-a` supplies the data, `org-b` does not.
        (r#"{ membership = "full", roles = ["partner-officer"] }"#, r#""ingest""#, Some("partner-officer of org-b")),
    ];
    for (recipients, actions, refused) in cases {
        let errors = grants(recipients, actions);
        let messages: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        match refused {
            None => assert!(messages.is_empty(), "{recipients} {actions}: {messages:?}"),
            Some(other) => {
                let expect = format!("`{other}` may not send in `org-a.data`: only its supplier may");
                assert!(matches!(messages[..], [message] if message.starts_with(&expect)), "{messages:?}");
            }
        }
    }
}

#[test]
fn all_mistakes_of_meaning_are_reported_at_once() {
    let (good, _) = good();
    let text =
        good.replace("purpose-a", "spying").replace("k = 5", "k = 1").replace("lead = \"org-a\"", "lead = \"org-z\"");
    let errors = Agreement::parse("a.toml", &text, &partnership(), &contracts()).unwrap_err();
    for expect in ["`spying`", "k is 3", "`org-z`", "changed after signing"] {
        assert!(errors.iter().any(|error| error.message.contains(expect)), "{expect} not in {errors:?}");
    }
}

#[test]
fn the_digest_is_over_what_is_written() {
    let (good, _) = good();
    let digest = agreement_digest("a.toml", &good).unwrap();
    let unsigned: String =
        good.lines().filter(|line| !line.starts_with("signature")).map(|line| format!("{line}\n")).collect();
    let same = [
        format!("# a comment\n\n{good}"),
        good.replace("k = 5", "k   =   5 # five"),
        good.replace("k = 5\nrounding = 1", "rounding = 1\nk = 5"),
        unsigned,
    ];
    for text in same {
        assert_eq!(agreement_digest("a.toml", &text).unwrap(), digest, "{text}");
    }
    for (from, to) in [("k = 5", "k = 6"), ("org-c.data", "org-b.data"), ("version = 1", "version = 2")] {
        assert_ne!(agreement_digest("a.toml", &good.replacen(from, to, 1)).unwrap(), digest, "{from}");
    }
}

#[test]
fn a_signature_counts_only_with_the_partys_registered_key() {
    let (good, _) = good();
    let stranger = register().replace(
        &PublicKey::of(&demo::signing_key(&"org-b".parse().unwrap())).to_string(),
        &PublicKey::of(&demo::signing_key(&"org-c".parse().unwrap())).to_string(),
    );
    let stranger = Partnership::parse("p.toml", &stranger).unwrap();
    let errors = Agreement::parse("a.toml", &good, &stranger, &BTreeMap::new()).unwrap_err();
    assert!(errors[0].message.contains("not registered for `org-b`"), "{errors:?}");
    assert!("c2hvcnQ=".parse::<PublicKey>().is_err());
}

#[test]
fn events_form_a_chain() {
    let (text, events) = good();
    let agreement = Agreement::parse("a.toml", &text, &partnership(), &BTreeMap::new()).unwrap();
    let (a, b) = ("org-a".parse().unwrap(), "org-b".parse().unwrap());
    let digest = agreement.digest();
    let signed = EventLog::parse("e", &events, &agreement, &partnership()).unwrap();
    let head = signed.head(&agreement);
    let make = |kind, hour, by, previous| demo::event(kind, instant(hour), by, "why", digest, previous);
    let suspended = make(EventKind::Suspended, 5, &a, head);
    let read = |more: &[Event]| {
        let more: String = more.iter().map(Event::to_toml).collect();
        EventLog::parse("e", &format!("{events}{more}"), &agreement, &partnership())
    };
    let log = read(&[suspended.clone(), make(EventKind::Resumed, 7, &a, suspended.digest())]).unwrap();
    let states = [-1, 0, 4, 5, 6, 7, 99].map(|hour| log.state(instant(hour)));
    use State::{InForce, Suspended, Unsigned};
    assert_eq!(states, [Unsigned, InForce, InForce, Suspended, Suspended, InForce, InForce]);

    let mut forged = suspended.clone();
    forged.reason = "another".to_owned();
    let cases = [
        (make(EventKind::Suspended, 5, &b, head), "may not do this"),
        (make(EventKind::Suspended, -5, &a, head), "order of time"),
        (make(EventKind::Suspended, 5, &a, digest), "chain is broken"),
        (make(EventKind::Resumed, 5, &a, head), "cannot be resumed"),
        (make(EventKind::Signed, 5, &a, head), "cannot be signed"),
        (demo::event(EventKind::Suspended, instant(5), &a, "", Digest([1; 32]), head), "another text"),
        (forged, "changed after signing"),
    ];
    for (event, expect) in cases {
        let error = read(&[event]).unwrap_err();
        assert!(error.message.contains(expect), "{error}");
        assert!(error.line > 8, "{error}");
    }
    // Taking an event out of the middle breaks the chain; so does editing one.
    assert!(read(&[make(EventKind::Resumed, 7, &a, suspended.digest())]).is_err());
    assert!(
        EventLog::parse("e", &events.replace("reason = \"test\"", "reason = \"x\""), &agreement, &partnership())
            .is_err()
    );
}

type Spoil<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn one_bad_file_closes_its_data_and_no_one_elses() {
    let mut query = derive_query();
    let mut world = World::default();
    for dataset in 0..2 {
        query.inputs = vec![(dataset, [dataset].into())];
        world.agreements.push(permissive(&query, &[dataset].into(), false));
    }
    let whole = world.load();
    let (files, digests) = world.files();
    // Not TOML, not UTF-8, a mistake of meaning, a broken event, two files with one version.
    let spoil: [(&str, Spoil<'_>); 4] = [
        ("agreement-1.toml", &|content| content.extend(b"\nnot toml")),
        ("agreement-1.toml", &|content| content.extend([0xFF, 0xFE])),
        ("agreement-1.toml", &|content| {
            *content = String::from_utf8(content.clone()).unwrap().replace("k = 5", "k = 1").into_bytes()
        }),
        ("agreement-1.events.toml", &|content| content.extend(b"[[event]]\nkind = \"suspended\"\n")),
    ];
    for (name, spoil) in spoil {
        let mut files = files.clone();
        spoil(&mut files.iter_mut().find(|file| file.name == name).unwrap().content);
        let registry = Registry::load(&files, &[]).unwrap();
        assert!(!registry.errors().is_empty());
        assert!(registry.errors().iter().all(|error| error.file == name), "{:?}", registry.errors());
        let loaded = Loaded { snapshot: registry.snapshot().clone(), digests: digests.clone() };
        assert_ne!(loaded.snapshot.epoch(), whole.snapshot.epoch());
        for (dataset, open) in [(0, true), (1, false)] {
            query.inputs = vec![(dataset, [dataset].into())];
            let decision = decide::<Derive>(&loaded.snapshot, &query.request(&loaded), instant(1));
            assert_eq!(decision.is_ok(), open, "{name} {dataset}");
            assert!(decide::<Derive>(&whole.snapshot, &query.request(&whole), instant(1)).is_ok());
        }
    }
    let mut doubled = files.clone();
    let double = files.iter().find(|file| file.name == "agreement-1.toml").unwrap();
    let changed = String::from_utf8(double.content.clone()).unwrap().replace("k = 5", "k = 6");
    let changed = demo::sign("x", &changed, "test", instant(0)).unwrap();
    doubled.push(file("again.toml", changed));
    let registry = Registry::load(&doubled, &[]).unwrap();
    assert_eq!(registry.errors().len(), 2);
    assert!(registry.snapshot().faults(&"org-a.data".parse().unwrap()).is_empty());
    assert!(!registry.snapshot().faults(&"org-b.data".parse().unwrap()).is_empty());
    assert!(Registry::load(&files[1..], &[]).is_err(), "the register is missing");
}

/// A new version of agreement 0 in `text`, signed by its parties.
fn successor(text: &str, old: &Digest, edit: impl Fn(String) -> String) -> (String, Digest) {
    let next = edit(text.replace("version = 1", &format!("version = 2\nsupersedes = \"{old}\"")));
    let digest = agreement_digest("v2.toml", &next).unwrap();
    (demo::sign("v2.toml", &next, "test", instant(0)).unwrap(), digest)
}

#[test]
fn a_successor_replaces_only_with_everybodys_signature_and_from_its_day() {
    let query = derive_query();
    let world = World { agreements: vec![permissive(&query, &[0].into(), false)], faulty: Default::default() };
    let (files, digests) = world.files();
    let (text, _) = (files.iter().find(|file| file.name == "agreement-0.toml").unwrap(), ());
    let text = String::from_utf8(text.content.clone()).unwrap();
    let later = |text: String| text.replace("effective = 2023-12-22", "effective = 2024-01-11");
    let (next, next_digest) = successor(&text, &digests[0], later);
    let event = demo::event(EventKind::Signed, instant(1), &"org-a".parse().unwrap(), "", next_digest, next_digest);
    let mut with_next = files.clone();
    with_next.extend([file("v2.toml", next.clone()), file("v2.events.toml", event.to_toml())]);
    let registry = Registry::load(&with_next, &[]).unwrap();
    assert_eq!(registry.errors(), &[]);
    let loaded = Loaded { snapshot: registry.snapshot().clone(), digests: digests.clone() };
    let dataset = "org-a.data".parse().unwrap();
    let governing =
        |hour| loaded.snapshot.governing(&dataset, instant(hour)).agreements.into_iter().collect::<Vec<_>>();
    let mut both = vec![digests[0], next_digest];
    both.sort();
    assert_eq!(governing(239), both);
    assert_eq!(governing(240), [next_digest]);
    // What was bound to the old version is used under the one that holds.
    let request = query.request(&loaded);
    for (hour, expect) in [(239, digests[0]), (240, next_digest)] {
        let permit = decide::<Derive>(&loaded.snapshot, &request, instant(hour)).unwrap();
        assert_eq!(permit.agreements().keys().collect::<Vec<_>>(), [&expect]);
    }
    assert_eq!(loaded.snapshot.status(&digests[0], instant(240)), Some(Status::Superseded));

    // Without a party of the first version, or under another name, it is refused and closes its dataset.
    let without = |text: String| {
        let from = text.find("[[party]]\nid = \"org-b\"").unwrap();
        let to = text[from + 2..].find("\n[").unwrap() + from + 3;
        let text = format!("{}{}", &text[..from], &text[to..]);
        text.replace("organisation = \"org-b\"", "organisation = \"org-a\"")
    };
    let renamed = |text: String| text.replace("agreement-0", "agreement-9");
    let edits: [&dyn Fn(String) -> String; 2] = [&without, &renamed];
    for edit in edits {
        let (next, _) = successor(&text, &digests[0], edit);
        let mut files = files.clone();
        files.push(file("v2.toml", next));
        let registry = Registry::load(&files, &[]).unwrap();
        assert_eq!(registry.errors().len(), 1, "{:?}", registry.errors());
        assert!(registry.errors()[0].message.contains("supersede"), "{:?}", registry.errors());
        assert!(!registry.snapshot().faults(&dataset).is_empty());
    }
}

/// What two parties did since is a chain of events; every shorter chain and every other one was put together by somebody who
/// took an event back.
#[test]
fn events_that_were_seen_cannot_be_taken_back() {
    use EventKind::{Resumed, Signed, Suspended};
    let query = derive_query();
    let load = |events: &[(EventKind, i64)], seen: &BTreeMap<Digest, Seen>| {
        let mut plain = permissive(&query, &[0].into(), false);
        plain.events = events.to_vec();
        let (files, digests) = World { agreements: vec![plain], faulty: Default::default() }.files();
        let registry = Registry::load_after(&files, &[], seen).unwrap();
        (registry, Loaded { snapshot: Registry::load(&files, &[]).unwrap().snapshot().clone(), digests })
    };
    let history = [(Signed, 0), (Suspended, 1), (Resumed, 2), (Suspended, 3)];
    let nothing = BTreeMap::new();
    for known in 1..=history.len() {
        let (registry, loaded) = load(&history[..known], &nothing);
        assert_eq!(registry.snapshot().cut().count(), 0, "nothing was seen before");
        let digest = loaded.digests[0];
        let seen = registry.snapshot().events(&digest).unwrap().seen().unwrap();
        assert_eq!(seen.events, known);
        let seen = BTreeMap::from([(digest, seen)]);
        for length in 1..=history.len() {
            let (registry, _) = load(&history[..length], &seen);
            let snapshot = registry.snapshot();
            let cut: Vec<&Digest> = snapshot.cut().map(|(digest, _)| digest).collect();
            let expect: &[&Digest] = if length < known { &[&digest] } else { &[] };
            assert_eq!(cut, expect, "{known} seen, {length} read");
            assert_eq!(snapshot.faults(&"org-a.data".parse().unwrap()).is_empty(), length >= known);
            assert_eq!(registry.errors().is_empty(), length >= known, "{:?}", registry.errors());
            // The agreement that would be in force allows nothing.
            let loaded = Loaded { snapshot: snapshot.clone(), digests: loaded.digests.clone() };
            let allowed = decide::<Derive>(&loaded.snapshot, &query.request(&loaded), instant(10)).is_ok();
            let in_force = matches!(history[length - 1].0, Signed | Resumed);
            assert_eq!(allowed, in_force && length >= known, "{known} seen, {length} read");
        }
        // As long, but from another moment on it was told otherwise.
        let mut other = history[..known].to_vec();
        other[known - 1].1 += 5;
        assert_eq!(load(&other, &seen).0.snapshot().cut().count(), 1);
        // Without any event it is not in force, and closed like the rest.
        assert_eq!(load(&[], &seen).0.snapshot().cut().count(), 1);
    }
}

#[test]
fn a_diff_says_what_would_change() {
    let (text, _) = good();
    let parse = |text: &str| Agreement::parse("a.toml", text, &partnership(), &BTreeMap::new()).unwrap();
    let unsigned: String =
        text.lines().filter(|line| !line.starts_with("signature")).map(|line| format!("{line}\n")).collect();
    let old = parse(&unsigned);
    let new = unsigned
        .replace("k = 5", "k = 8")
        .replace("query_budget = 10", "query_budget = 20")
        .replace("own_records = false", "own_records = true\nsensitive = [\"kind\"]\np_percent = 10")
        .replace("actions = [\"derive\"]", "actions = [\"release\"]");
    let diff = diff(&old, &parse(&new)).to_string();
    let expect = "would allow: org-a.data\n  may release\n      for purpose-a\n      analyst of org-b\n\
                  would forbid: org-a.data\n  may derive\n      for purpose-a\n      analyst of org-b\n\
                  terms.k: 5 becomes 8: stricter\nterms.primary.own_records: false becomes true: stricter\n\
                  terms.primary.p_percent: no limit becomes 10 %: stricter\n\
                  terms.primary.sensitive: nothing becomes kind: stricter\nterms.query_budget: 10 becomes 20: looser\n";
    assert_eq!(diff, expect);
    assert_eq!(crate::diff(&old, &old).to_string(), "no difference\n");
}
