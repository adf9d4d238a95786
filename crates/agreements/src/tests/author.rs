//! Signing with an organisation's own key, and what it does to an agreement later.

use std::collections::BTreeMap;

use model::{Digest, OrganisationId};

use super::files::{good, partnership};
use super::world::*;
use crate::*;

/// The key that only this organisation of the tests has.
fn own_key(organisation: &str) -> SecretKey {
    let mut seed = [7; 32];
    seed.iter_mut().zip(organisation.bytes()).for_each(|(to, from)| *to = from);
    SecretKey::from_seed(&seed)
}

/// The register with these keys for `org-a` and `org-b`.
fn register_of(keys: [PublicKey; 2], illustrative: bool) -> Result<Partnership, model::DefinitionError> {
    let test_key = |id: &str| PublicKey::of(&demo::signing_key(&id.parse().unwrap())).to_string();
    let text = register()
        .replace(&test_key("org-a"), &keys[0].to_string())
        .replace(&test_key("org-b"), &keys[1].to_string())
        .replace(&test_key("org-c"), &own_key("org-c").public().to_string())
        .replace("illustrative = true", &format!("illustrative = {illustrative}"));
    Partnership::parse("partnership.toml", &text)
}

fn real() -> Partnership {
    register_of([own_key("org-a").public(), own_key("org-b").public()], false).unwrap()
}

fn id(text: &str) -> OrganisationId {
    text.parse().unwrap()
}

fn unsigned() -> String {
    good().0.lines().filter(|line| !line.starts_with("signature")).flat_map(|line| [line, "\n"]).collect()
}

fn parse(text: &str, partnership: &Partnership) -> Agreement {
    Agreement::parse("a.toml", text, partnership, &BTreeMap::new()).unwrap()
}

fn signed_by(
    text: &str,
    organisation: &str,
    key: &SecretKey,
    partnership: &Partnership,
) -> Result<String, AuthorError> {
    let organisation = id(organisation);
    let author = Author { organisation: &organisation, key, at: instant(1) };
    sign(&parse(text, partnership), text, partnership, author, "the chief \"officer\"")
}

#[test]
fn every_party_signs_with_its_own_key() {
    let partnership = real();
    let text = unsigned();
    let one = signed_by(&text, "org-b", &own_key("org-b"), &partnership).unwrap();
    let missing: Vec<_> = parse(&one, &partnership).unsigned().map(|party| party.id.to_string()).collect();
    assert_eq!(missing, ["org-a"]);
    let both = signed_by(&one, "org-a", &own_key("org-a"), &partnership).unwrap();
    let agreement = parse(&both, &partnership);
    assert_eq!(agreement.unsigned().count(), 0);
    assert_eq!(agreement.digest(), parse(&text, &partnership).digest());
    let signature = agreement.party(&id("org-b")).unwrap().signature.clone().unwrap();
    assert_eq!((signature.by.as_str(), signature.at), ("the chief \"officer\"", instant(1)));
    // One line each, and nothing else.
    let others: String =
        both.lines().filter(|line| !line.starts_with("signature")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(others, text);
    assert_eq!(both.lines().count(), text.lines().count() + 2);
}

#[test]
fn the_demonstrations_signatures_are_made_the_same_way() {
    let mut text = unsigned();
    let partnership = partnership();
    for organisation in ["org-a", "org-b"] {
        let (key, organisation) = (SecretKey::from(demo::signing_key(&id(organisation))), id(organisation));
        let author = Author { organisation: &organisation, key: &key, at: instant(0) };
        text = sign(&parse(&text, &partnership), &text, &partnership, author, "test").unwrap();
    }
    assert_eq!(text, good().0);
}

#[test]
fn a_signature_is_refused_where_it_would_not_count() {
    let partnership = real();
    let text = unsigned();
    let signed = signed_by(&text, "org-b", &own_key("org-b"), &partnership).unwrap();
    let test_key = |organisation: &str| SecretKey::from(demo::signing_key(&id(organisation)));
    let cases = [
        (&text, "org-c", own_key("org-c"), "`org-c` is not a party to agreement-0@1: its parties are org-a, org-b"),
        (&text, "org-a", own_key("org-b"), "this key is not registered for `org-a`"),
        (&text, "org-a", SecretKey::from_seed(&[1; 32]), "this key is not registered for `org-a`"),
        (&text, "org-a", test_key("org-a"), "everybody has this key"),
        (&text, "org-a", test_key("org-b"), "everybody has this key"),
        (&signed, "org-b", own_key("org-b"), "`org-b` has signed agreement-0@1 already, at 2024-01-01T01:00:00Z"),
    ];
    for (text, organisation, key, expect) in cases {
        let error = signed_by(text, organisation, &key, &partnership).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    // Where everything is an illustration, test keys are registered, and may sign.
    let shown = register_of(["org-a", "org-b"].map(|one| test_key(one).public()), true).unwrap();
    assert!(signed_by(&text, "org-a", &test_key("org-a"), &shown).is_ok());
    assert!(register_of(["org-a", "org-b"].map(|one| test_key(one).public()), false).is_err());
}

/// Files that are laid out otherwise: the signature has a place, or is refused; it never changes what is signed.
#[test]
fn a_signature_finds_its_place_or_is_refused() {
    let partnership = real();
    let text = unsigned();
    let party = &text[text.find("[[party]]").unwrap()..text.find("[legal]").unwrap()];
    let cases = [
        (text.replace("id = \"org-b\"", "  id   =   'org-b' # the second"), true),
        (text.replace("[[party]]\nid", "[[ party ]]\n\"id\""), true),
        (text.replace('\n', "\r\n"), true),
        (text.replace(party, &format!("party = [{}, {}]\n", inline("org-a"), inline("org-b"))), false),
        (text.replace("id = \"org-b\"", "id = \"\"\"\norg-b\"\"\""), false),
    ];
    for (text, expect) in cases {
        let text = if expect { text } else { top_level_first(&text) };
        let result = signed_by(&text, "org-b", &own_key("org-b"), &partnership);
        match result {
            Ok(signed) => {
                assert!(expect, "{signed}");
                let agreement = parse(&signed, &partnership);
                assert_eq!(agreement.digest(), parse(&text, &partnership).digest());
                assert!(agreement.party(&id("org-b")).unwrap().signature.is_some());
            }
            Err(error) => assert!(!expect && error.to_string().contains("has no place"), "{error}\n{text}"),
        }
    }
}

fn inline(organisation: &str) -> String {
    format!(
        "{{ id = \"{organisation}\", role = \"controller\", membership = \"full\", contacts = {{ ico = \"Z0\", dpo = \"d\", siro = \"s\" }}, \
         assurance = {{ scheme = \"s\", level = \"l\", until = 2030-01-01 }} }}"
    )
}

/// A key without a table can only stand before the first table.
fn top_level_first(text: &str) -> String {
    let (first, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("party = ["));
    [first, rest].concat().join("\n") + "\n"
}

#[test]
fn events_are_refused_where_they_cannot_follow() {
    let partnership = real();
    let mut text = unsigned();
    for organisation in ["org-a", "org-b"] {
        text = signed_by(&text, organisation, &own_key(organisation), &partnership).unwrap();
    }
    let agreement = parse(&text, &partnership);
    let mut log = String::new();
    let read = |log: &str| EventLog::parse("e.toml", log, &agreement, &partnership).unwrap();
    // Who does what at which hour, and what is said if it cannot be.
    use EventKind::{Resumed, Signed, Suspended, Terminated};
    let steps = [
        ("org-a", Suspended, 1, Some("not in force cannot be suspended")),
        ("org-b", Signed, 1, None),
        ("org-a", Signed, 2, Some("in force cannot be signed")),
        ("org-a", Resumed, 2, Some("in force cannot be resumed")),
        ("org-b", Suspended, 2, Some("`org-b` may not do this: `[control]` names who may")),
        ("org-c", Suspended, 2, Some("`org-c` is not a party")),
        ("org-a", Suspended, 3, None),
        ("org-a", Suspended, 4, Some("suspended cannot be suspended")),
        ("org-a", Resumed, 2, Some("events are in order of time")),
        ("org-a", Resumed, 3, None),
        ("org-a", Terminated, 5, None),
        ("org-a", Resumed, 6, Some("terminated cannot be resumed")),
    ];
    for (organisation, kind, hour, refused) in steps {
        let (key, organisation) = (own_key(organisation), id(organisation));
        let author = Author { organisation: &organisation, key: &key, at: instant(hour) };
        match (new_event(&agreement, &read(&log), &partnership, author, (kind, "a reason")), refused) {
            (Ok(event), None) => log.push_str(&event.to_toml()),
            (Err(error), Some(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (result, _) => panic!("{organisation} {kind:?} {hour}: {result:?}"),
        }
    }
    let log = read(&log);
    assert_eq!(log.events().len(), 4);
    assert_eq!(log.state(instant(9)), State::Terminated);
    // Another's key.
    let author = Author { organisation: &id("org-a"), key: &own_key("org-b"), at: instant(9) };
    let error = new_event(&agreement, &log, &partnership, author, (Suspended, "")).unwrap_err();
    assert!(matches!(error, AuthorError::WrongKey { .. }), "{error}");
}

#[test]
fn an_event_needs_every_signature() {
    let partnership = real();
    let text = signed_by(&unsigned(), "org-a", &own_key("org-a"), &partnership).unwrap();
    let agreement = parse(&text, &partnership);
    let author = Author { organisation: &id("org-a"), key: &own_key("org-a"), at: instant(1) };
    let result = new_event(&agreement, &EventLog::default(), &partnership, author, (EventKind::Signed, ""));
    assert!(result.unwrap_err().to_string().contains("`org-b` has not signed yet"));
}

#[test]
fn a_key_file_is_what_it_says_or_refused() {
    let key = own_key("org-a");
    let text = key.to_text();
    assert_eq!(SecretKey::parse(&text).unwrap().public(), key.public());
    assert_eq!(SecretKey::parse(&text.replace('\n', "\r\n")).unwrap().public(), key.public());
    let secret = text.lines().nth(1).unwrap().to_owned();
    assert!(!format!("{key:?}").contains(&secret), "the secret half is not printed");
    for (text, expect) in [
        (String::new(), "two lines"),
        (secret.clone(), "two lines"),
        (text.replace("agreement key", "master key"), "first line"),
        (text.replace(&secret, "not base64!"), "not base64"),
        (text.replace(&secret, "c2hvcnQ="), "32 bytes"),
    ] {
        let error = SecretKey::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expect) && !error.contains(&secret), "{error}");
    }
}

#[test]
fn an_agreement_is_described_for_reading() {
    let (text, events) = good();
    let load = |text: &str, events: &str| {
        let files = [file("partnership.toml", register()), file("a.toml", text), file("a.events.toml", events)];
        let registry = Registry::load(&files, &[]).unwrap();
        assert_eq!(registry.errors(), &[]);
        registry.snapshot().clone()
    };
    let said =
        |snapshot: &Snapshot, hour| about(snapshot, snapshot.agreements().next().unwrap(), instant(hour)).to_string();
    let in_force = load(&text, &events);
    let agreement = in_force.agreements().next().unwrap();
    let expect = [
        "agreement-0@1: active\n",
        "  kind            joint controllers",
        "  holds           from 2023-12-22 until before 2025-02-04; to be reviewed by 2030-01-01\n",
        "  law             regime: uk-gdpr\n                  power: p\n",
        "  parties         org-a (controller, full partner): signed on 2024-01-01 by test\n                  org-b",
        "  may suspend     org-a\n",
        "  events          2024-01-01T00:00:00Z signed by org-a: test\n",
    ];
    for expect in expect {
        assert!(said(&in_force, 5).contains(expect), "{expect} is not in\n{}", said(&in_force, 5));
    }
    let by = id("org-a");
    let head = in_force.events(&agreement.digest()).unwrap().head(agreement);
    let reason = "a drill\u{1b}[2J\nstate: fine";
    let event = demo::event(EventKind::Suspended, instant(5), &by, reason, agreement.digest(), head);
    let suspended = load(&text, &format!("{events}{}", event.to_toml()));
    assert!(said(&suspended, 6).contains("agreement-0@1: suspended\n"));
    assert!(said(&suspended, 6).contains("suspended until resumed by org-a"));
    // A reason is one line, whatever its author would have a terminal do.
    let event = "suspended by org-a: a drill [2J state: fine (counts from then on)\n";
    assert!(said(&suspended, 4).contains(event), "{}", said(&suspended, 4));
    let draft = load(&unsigned(), "");
    assert!(said(&draft, 5).contains("agreement-0@1: not signed\n"));
    assert!(said(&draft, 5).contains("waits for the signature of org-a, org-b"));
    assert_ne!(agreement.digest(), Digest([0; 32]));
}
