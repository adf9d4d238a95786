//! Decisions at the edges of the invariants, one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::asking::decided;
use super::random::permissive;
use super::world::*;
use crate::*;

/// The instant of expiry denies, and so do instants at the ends of the calendar; an instant before expiry allows.
#[test]
fn the_instant_of_expiry_denies() {
    let query = Query {
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
        now: 0,
    };
    let mut plain = permissive(&query, &[0].into(), false);
    plain.effective = 1;
    plain.expires = 100;
    let loaded = World { agreements: vec![plain], faulty: BTreeSet::new() }.load();
    let request = query.request(&loaded);
    let tick = jiff::SignedDuration::from_nanos(1);
    for (now, allowed) in [
        (instant(24) - tick, false),
        (instant(24), true),
        (instant(2_400) - tick, true),
        (instant(2_400), false),
        (jiff::Timestamp::MIN, false),
        (jiff::Timestamp::MAX, false),
    ] {
        assert_eq!(decide::<Derive>(&loaded.snapshot, &request, now).is_ok(), allowed, "{now}");
    }
}

/// A part of a dataset that no agreement governs is not governed by what governs another part of it.
#[test]
fn an_ungoverned_part_of_a_dataset_denies() {
    let query = |parts: &[&[usize]]| Query {
        action: ActionKind::Derive,
        organisation: 1,
        role: Role::Analyst,
        held: [0].into(),
        purpose: 0,
        inputs: parts.iter().map(|bound| (0, bound.iter().copied().collect())).collect(),
        outputs: BTreeSet::new(),
        public: false,
        evidence: BTreeMap::new(),
        year: None,
        original: None,
        now: 0,
    };
    let plain = permissive(&query(&[&[0]]), &[0].into(), false);
    let world = World { agreements: vec![plain], faulty: BTreeSet::new() };
    for (parts, allowed) in
        [(&[&[0][..]][..], true), (&[&[0], &[0]], true), (&[&[]], false), (&[&[], &[0]], false), (&[&[0], &[]], false)]
    {
        assert_eq!(decided(&world.load(), &query(parts)).is_ok(), allowed, "{parts:?}");
    }
}

/// Two halves of what is asked do not make a whole.
#[test]
fn purpose_of_one_grant_and_recipient_of_another_deny() {
    let mut query = Query {
        action: ActionKind::Derive,
        organisation: 1,
        role: Role::Analyst,
        held: [0, 1].into(),
        purpose: 0,
        inputs: vec![(0, [0].into())],
        outputs: BTreeSet::new(),
        public: false,
        evidence: BTreeMap::new(),
        year: None,
        original: None,
        now: 0,
    };
    let mut plain = permissive(&query, &[0].into(), false);
    query.purpose = 1;
    query.organisation = 2;
    plain.grant_for(&query, &[0].into());
    let loaded = World { agreements: vec![plain], faulty: BTreeSet::new() }.load();
    for (organisation, purpose, allowed) in [(1, 0, true), (2, 1, true), (1, 1, false), (2, 0, false)] {
        let query = Query { organisation, purpose, ..query.clone() };
        assert_eq!(decided(&loaded, &query).is_ok(), allowed, "{organisation} {purpose}");
    }
}
