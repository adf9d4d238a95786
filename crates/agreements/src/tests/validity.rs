//! Permits at egress, denials as others see them, and the roles.

use std::collections::{BTreeMap, BTreeSet};

use super::random::permissive;
use super::world::*;
use crate::*;

/// An analyst of `org-b` derives from `org-a.data`, bound to agreement 0.
pub(super) fn derive_query() -> Query {
    Query {
        action: ActionKind::Derive,
        organisation: 1,
        role: Role::Analyst,
        held: [0].into(),
        purpose: 0,
        inputs: vec![(0, [0].into())],
        outputs: BTreeSet::new(),
        public: false,
        evidence: BTreeMap::new(),
        year: None,
        original: None,
        now: 1,
    }
}

/// What happened, and at which hour.
type Events<'a> = &'a [(EventKind, i64)];

fn world(events: Events<'_>, others: Events<'_>) -> Loaded {
    let mut query = derive_query();
    let mut first = permissive(&query, &[0].into(), false);
    first.events = events.to_vec();
    query.inputs = vec![(1, [1].into())];
    let mut second = permissive(&query, &[1].into(), false);
    second.events = others.to_vec();
    World { agreements: vec![first, second], faulty: BTreeSet::new() }.load()
}

#[test]
fn a_permit_is_void_after_a_suspension_even_when_it_was_resumed() {
    use EventKind::{Resumed, Signed, Suspended, Terminated};
    let signed = [(Signed, 0)];
    let before = world(&signed, &signed);
    let query = derive_query();
    let permit = decide::<Derive>(&before.snapshot, &query.request(&before), instant(1)).unwrap();
    assert_eq!(permit.epoch(), before.snapshot.epoch());
    let cases: [(Events<'_>, Events<'_>, i64, bool); 8] = [
        (&signed, &signed, 2, true),
        (&[(Signed, 0), (Suspended, 5)], &signed, 4, true),
        (&[(Signed, 0), (Suspended, 5)], &signed, 5, false),
        (&[(Signed, 0), (Suspended, 5), (Resumed, 6)], &signed, 7, false),
        // A suspension that was recorded afterwards with an earlier time.
        (&[(Signed, 0), (Suspended, 1), (Resumed, 1)], &signed, 7, false),
        (&[(Signed, 0), (Terminated, 3)], &signed, 7, false),
        (&signed, &[(Signed, 0), (Suspended, 2)], 7, true),
        (&signed, &signed, 400 * 24, false),
    ];
    for (events, others, hour, valid) in cases {
        let after = world(events, others);
        assert_eq!(permit.is_valid(&after.snapshot, instant(hour)), valid, "{events:?} {others:?} at {hour}");
    }
    let mut closed = World { agreements: vec![permissive(&query, &[0].into(), false)], faulty: [0].into() }.load();
    assert!(!permit.is_valid(&closed.snapshot, instant(2)), "the dataset is closed");
    closed = World::default().load();
    assert!(!permit.is_valid(&closed.snapshot, instant(2)), "the agreement is gone");
}

#[test]
fn a_permit_says_what_may_be_taken() {
    let loaded = world(&[(EventKind::Signed, 0)], &[(EventKind::Signed, 0)]);
    let permit = decide::<Derive>(&loaded.snapshot, &derive_query().request(&loaded), instant(1)).unwrap();
    let dataset = "org-a.data".parse().unwrap();
    let columns = permit.agreed_columns(&dataset).unwrap();
    assert_eq!(columns.keys().collect::<Vec<_>>(), ["kind"]);
    assert_eq!(columns["kind"].clause, "agreement-0@1 [[dataset]] org-a.data");
    assert_eq!(permit.agreed_columns(&"org-b.data".parse().unwrap()), None);
    assert!(!permit.exposure(&dataset).unwrap().is_open());
    assert_eq!(permit.agreements().values().map(|standing| standing.grant.as_str()).collect::<Vec<_>>(), ["grant-0"]);
    let record = serde_json::to_string(permit.record()).unwrap();
    assert_eq!(serde_json::from_str::<PermitRecord>(&record).unwrap(), *permit.record());
}

#[test]
fn strangers_learn_nothing_from_a_denial() {
    let loaded = world(&[(EventKind::Signed, 0), (EventKind::Suspended, 1)], &[(EventKind::Signed, 0)]);
    let request = derive_query().request(&loaded);
    let denial = decide::<Derive>(&loaded.snapshot, &request, instant(2)).unwrap_err();
    assert_eq!(denial.code(), BlockerCode::Suspended);
    let nothing = Request {
        inputs: vec![Governing { dataset: "org-z.data".parse().unwrap(), agreements: BTreeSet::new() }],
        ..request
    };
    let absent = decide::<Derive>(&loaded.snapshot, &nothing, instant(2)).unwrap_err();
    assert_eq!(absent.code(), BlockerCode::NoAgreement);

    let reader = |organisation: &str, role| Principal::new(organisation.parse().unwrap(), role, []);
    let cases = [
        // The parties of the agreement are org-a and org-b.
        (reader("org-a", Role::Analyst), "suspended"),
        (reader("org-b", Role::PartnerOfficer), "suspended"),
        (reader("org-c", Role::Operator), "suspended"),
        (reader("org-c", Role::Analyst), "not-available"),
        (Principal::public(), "not-available"),
    ];
    for (reader, code) in cases {
        let view = denial.view(&reader);
        assert_eq!(view.code, code, "{reader}");
        assert_eq!(view.blockers.is_empty(), code == "not-available");
        if code == "not-available" {
            // The same as for data that do not exist, but for the reference.
            let other = absent.view(&reader);
            assert_eq!((view.code, view.blockers, view.partial), (other.code, other.blockers, other.partial));
        }
    }
    assert!(!denial.to_string().contains("org-a"), "{denial}");
}

#[test]
fn a_party_is_one_also_where_only_its_own_credential_stands_in_the_way() {
    let loaded = world(&[(EventKind::Signed, 0)], &[(EventKind::Signed, 0)]);
    let mut request = derive_query().request(&loaded);
    request.principal.purposes.clear();
    let denial = decide::<Derive>(&loaded.snapshot, &request, instant(2)).unwrap_err();
    assert_eq!(denial.blockers.iter().map(|blocker| blocker.code).collect::<Vec<_>>(), [BlockerCode::PurposeNotHeld]);
    assert_eq!(denial.purpose, request.purpose);
    for (organisation, code) in
        [("org-a", "purpose-not-held"), ("org-b", "purpose-not-held"), ("org-c", "not-available")]
    {
        let view = denial.view(&Principal::new(organisation.parse().unwrap(), Role::Analyst, []));
        assert_eq!(view.code, code, "{organisation}");
    }
}

#[test]
fn a_denial_explains_itself_to_a_party() {
    let loaded = world(&[(EventKind::Signed, 0), (EventKind::Suspended, 1)], &[(EventKind::Signed, 0)]);
    let mut query = derive_query();
    query.organisation = 0;
    let denial = decide::<Derive>(&loaded.snapshot, &query.request(&loaded), instant(2)).unwrap_err();
    let view = denial.view(&Principal::new("org-a".parse().unwrap(), Role::PartnerOfficer, []));
    let text = view.to_string();
    for expect in [
        "suspended (agreement-0@1, events): required in force, actual suspended; ask a party that may resume it (contact dpo@org-a.example.org)",
        "no-grant (agreement-0@1, grant): required one grant that covers the whole request, actual grant `grant-0` does not cover recipient analyst of org-a",
    ] {
        assert!(text.contains(expect), "{text}");
    }
}

#[test]
fn roles_permit_what_they_are_for() {
    use ActionKind::{Derive, Ingest, Link, Release};
    let cases: [(Role, &[ActionKind]); 7] = [
        (Role::PartnerOfficer, &[Ingest, Derive, Release]),
        (Role::Analyst, &[Link, Derive, Release]),
        (Role::Dashboard, &[Derive, Release]),
        (Role::Reviewer, &[Release]),
        (Role::Governance, &[]),
        (Role::Operator, &[Ingest, Link, Derive, Release]),
        (Role::Public, &[Release]),
    ];
    for (role, actions) in cases {
        for action in ActionKind::ALL {
            assert_eq!(role.permits(action), actions.contains(&action), "{role} {action}");
        }
        assert_eq!(role.as_str().parse::<Role>().unwrap(), role);
    }
}

#[test]
fn treatments_are_ordered_by_strictness() {
    use model::contract::Treatment::{Band, Drop, Keep, Pseudonymise, Truncate};
    for (actual, agreed, enough) in [
        (Keep, Keep, true),
        (Keep, Band, false),
        (Band, Keep, true),
        (Band, Truncate, false),
        (Truncate, Band, false),
        (Pseudonymise, Truncate, true),
        (Drop, Pseudonymise, true),
        (Pseudonymise, Drop, false),
    ] {
        assert_eq!(at_least_as_strict(actual, agreed), enough, "{actual:?} {agreed:?}");
    }
    assert_eq!(crate::treatment::strictest(Band, Truncate), Drop);
    assert_eq!(crate::treatment::strictest(Keep, Band), Band);
}
