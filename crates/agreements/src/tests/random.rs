//! Random worlds and queries, in which allowing is not rare.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use super::reference::{allows, protection};
use super::world::*;
use crate::*;

fn numbers(range: std::ops::Range<usize>) -> impl Strategy<Value = BTreeSet<usize>> {
    btree_set(0..3_usize, range)
}

/// Mostly everything, so that allowing is not rare.
fn mostly(all: usize) -> impl Strategy<Value = BTreeSet<usize>> {
    prop_oneof![6 => Just((0..all).collect::<BTreeSet<_>>()), 1 => btree_set(0..all, 1..=all)]
}

fn actions() -> impl Strategy<Value = BTreeSet<ActionKind>> {
    mostly(4).prop_map(|set| set.into_iter().map(|n| ActionKind::ALL[n]).collect())
}

fn grant() -> impl Strategy<Value = PlainGrant> {
    let everyone = || {
        let partners = (0..3).flat_map(|n| ROLES[..3].iter().map(move |role| Who::Partner(n, *role)));
        partners.chain([Who::Public]).collect::<BTreeSet<_>>()
    };
    let one = (0..3_usize, 0..4_usize).prop_map(|(n, role)| match ROLES[role] {
        Role::Public => Who::Public,
        role => Who::Partner(n, role),
    });
    let recipients = prop_oneof![4 => Just(everyone()), 1 => btree_set(one, 1..4)];
    (mostly(3), actions(), recipients, mostly(3), mostly(3)).prop_map(
        |(purposes, actions, recipients, datasets, link_with)| {
            let link_with = if actions.contains(&ActionKind::Link) { link_with } else { BTreeSet::new() };
            PlainGrant { purposes, actions, recipients, datasets, link_with }
        },
    )
}

fn events() -> impl Strategy<Value = Vec<(EventKind, i64)>> {
    use EventKind::{Resumed, Signed, Suspended, Terminated};
    prop_oneof![
        24 => Just(vec![(Signed, 0)]),
        2 => Just(vec![(Signed, 0), (Suspended, 10), (Resumed, 20)]),
        1 => Just(vec![(Signed, 0), (Suspended, 10), (Resumed, 5_000)]),
        1 => Just(vec![(Signed, 0), (Suspended, 10)]),
        1 => Just(vec![(Signed, 0), (Terminated, 15)]),
        1 => Just(vec![(Signed, 5_000)]),
        1 => Just(vec![]),
    ]
}

pub(super) fn pattern() -> impl Strategy<Value = Pattern> {
    (0..4_u8, 0..3_usize, 0..3_usize).prop_map(|(kind, n, role)| match kind {
        0 => Pattern::Public,
        1 => Pattern::Organisation(n),
        2 => Pattern::Role(ROLES[role]),
        _ => Pattern::Both(n, ROLES[role]),
    })
}

/// What a file may say of noise.
pub(super) fn noise() -> impl Strategy<Value = PlainNoise> {
    (3..=20_u32, 1..=100_u32, 0..3_u32, 0..=950_u32, 1..=999_u32)
        .prop_map(|(largest, variance, least, stays, guess)| [largest, variance, least, stays, guess])
}

pub(super) fn methods() -> impl Strategy<Value = BTreeSet<Method>> {
    prop_oneof![
        4 => Just(BTreeSet::from([Method::Suppress, Method::Perturb])),
        2 => Just(BTreeSet::from([Method::Suppress])),
        1 => Just(BTreeSet::from([Method::Perturb])),
    ]
}

fn plain() -> impl Strategy<Value = Plain> {
    let dates = (prop_oneof![12 => Just(-10_i64), 1 => Just(150)], prop_oneof![12 => Just(400_i64), 1 => 90..110_i64]);
    let rare = |size| prop_oneof![10 => Just(BTreeSet::new()), 1 => numbers(0..size)];
    let forbids = (rare(2), rare(2), prop_oneof![10 => Just(vec![]), 1 => vec(pattern(), 1..3)]);
    let terms = (
        option::weighted(0.2, (actions(), 1..40_i64)),
        prop::bool::weighted(0.8),
        mostly(4),
        prop::bool::weighted(0.7),
        (3..12_u32, 0..1024_u16, option::of(noise()), option::weighted(0.8, 2..=20_u32)),
        prop_oneof![5 => Just([2020; 3]), 1 => Just([2020, 2025, 2020])],
    );
    (
        (numbers(0..3), mostly(3), prop::bool::weighted(0.05), methods()),
        dates,
        events(),
        vec(grant(), 1..4),
        forbids,
        terms,
    )
        .prop_map(|((extra, datasets, law, methods), dates, events, grants, forbids, terms)| {
            let mut plain = Plain {
                extra_parties: extra,
                datasets,
                law_enforcement: law,
                methods,
                effective: dates.0,
                // A file that ends before it begins is refused, which is tested elsewhere.
                expires: if dates.0 < dates.1 { dates.1 } else { 400 },
                events,
                grants,
                forbid_purposes: forbids.0,
                forbid_links: forbids.1,
                forbid_recipients: forbids.2,
                optout: terms.0,
                public_tier: terms.1,
                finest: terms.2,
                onward: terms.3,
                k: terms.4.0,
                primary: terms.4.1,
                noise: terms.4.2,
                odds: terms.4.3,
                from_years: terms.5,
            };
            plain.make_sense();
            plain
        })
}

impl Plain {
    /// Keeps what can be written in a file: of the grants known datasets and parties, and noise where it does something.
    pub(super) fn make_sense(&mut self) {
        // A table of noise is refused where none is added, and its absence where nothing else protects; both are tested elsewhere.
        match (self.methods.contains(&Method::Suppress), self.methods.contains(&Method::Perturb)) {
            (_, false) => self.noise = None,
            (false, true) => self.noise = self.noise.or(Some([5, 3, 2, 300, 500])),
            (true, true) => {}
        }
        let parties = self.parties();
        for grant in &mut self.grants {
            grant.datasets = grant.datasets.intersection(&self.datasets).copied().collect();
            grant.recipients.retain(|who| match who {
                Who::Public => true,
                Who::Partner(organisation, _) => parties.contains(organisation),
            });
        }
        self.grants.retain(|grant| !grant.datasets.is_empty() && !grant.recipients.is_empty());
        self.grants = self.grants.iter().flat_map(PlainGrant::with_senders_at_home).collect();
    }
}

impl PlainGrant {
    /// The same grant, but that whoever is not the partnership's operator takes in its own organisation's dataset alone: a
    /// file that says more is refused, which is tested elsewhere.
    fn with_senders_at_home(&self) -> Vec<Self> {
        if !self.actions.contains(&ActionKind::Ingest) {
            return vec![self.clone()];
        }
        let at_home = |who: &Who| matches!(who, Who::Partner(home, role) if role.permits(ActionKind::Ingest) && !runs_the_partnership(*home, *role));
        let (suppliers, others): (BTreeSet<Who>, BTreeSet<Who>) = self.recipients.iter().cloned().partition(at_home);
        let part = |actions: BTreeSet<ActionKind>, recipients, datasets| Self {
            link_with: if actions.contains(&ActionKind::Link) { self.link_with.clone() } else { BTreeSet::new() },
            purposes: self.purposes.clone(),
            actions,
            recipients,
            datasets,
        };
        let rest = self.actions.iter().copied().filter(|action| *action != ActionKind::Ingest).collect();
        let mut parts = vec![
            part(self.actions.clone(), others, self.datasets.clone()),
            part(rest, suppliers.clone(), self.datasets.clone()),
        ];
        for supplier in suppliers {
            let Who::Partner(home, _) = supplier else { continue };
            let own = self.datasets.intersection(&[home].into()).copied().collect();
            parts.push(part([ActionKind::Ingest].into(), [supplier].into(), own));
        }
        parts.retain(|part| !part.actions.is_empty() && !part.recipients.is_empty() && !part.datasets.is_empty());
        parts
    }
}

/// Whether somebody may take in what others supply: an operator of the organisation that the register names.
pub(super) fn runs_the_partnership(organisation: usize, role: Role) -> bool {
    role == Role::Operator && organisation == 0
}

pub(super) fn world() -> impl Strategy<Value = World> {
    (vec(plain(), 1..4), prop_oneof![8 => Just(BTreeSet::new()), 1 => numbers(1..2)])
        .prop_map(|(agreements, faulty)| World { agreements, faulty })
}

fn outputs(sizes: std::ops::Range<usize>) -> impl Strategy<Value = BTreeSet<Level>> {
    let level = prop_oneof![
        6 => Just("district by calendar-year"),
        1 => Just("lsoa by calendar-year"),
        1 => Just("msoa by quarter"),
        1 => Just("district by month"),
    ];
    btree_set(level.prop_map(|text| text.parse().unwrap()), sizes)
}

/// Bindings to agreements 0 to 2; a fourth is known to nobody.
pub(super) fn inputs(sizes: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(usize, BTreeSet<usize>)>> {
    let bound = prop_oneof![8 => numbers(1..3), 1 => Just(BTreeSet::new()), 1 => btree_set(0..4_usize, 1..4)];
    vec((0..3_usize, bound), sizes)
}

fn query() -> impl Strategy<Value = Query> {
    let original = (0..3_usize, inputs(0..3), outputs(1..3), any::<bool>())
        .prop_map(|(purpose, inputs, outputs, public)| Original { purpose, inputs, outputs, public });
    let caller = (0..4_usize, 0..3_usize, prop_oneof![0..4_usize, Just(1), Just(2)], mostly(3), 0..3_usize);
    let rest = (btree_map(0..3_usize, 1_500..2_500_i64, 0..4), option::of(2019..2026_i32), 2_300..2_500_i64);
    (caller, inputs(0..4), outputs(0..3), any::<bool>(), rest, option::weighted(0.15, original)).prop_map(
        |((action, organisation, role, held, purpose), inputs, outputs, public, (evidence, year, now), original)| {
            Query {
                action: ActionKind::ALL[action],
                organisation,
                role: ROLES[role],
                held,
                purpose,
                inputs,
                outputs,
                public,
                evidence,
                year,
                original,
                now,
            }
        },
    )
}

/// A query about agreements that exist.
pub(super) fn bound_to_world() -> impl Strategy<Value = (World, Query)> {
    (world(), query()).prop_map(|(world, query)| {
        let query = query.about(&world);
        (world, query)
    })
}

/// As many of them, all about one world.
pub(super) fn many_bound_to_world(queries: usize) -> impl Strategy<Value = (World, Vec<Query>)> {
    (world(), vec(query(), queries)).prop_map(|(world, queries)| {
        let queries = queries.into_iter().map(|query| query.about(&world)).collect();
        (world, queries)
    })
}

impl Query {
    fn about(mut self, world: &World) -> Self {
        for (_, bound) in self.inputs.iter_mut().chain(self.original.iter_mut().flat_map(|o| &mut o.inputs)) {
            let known = world.agreements.len();
            // The fourth stays unknown.
            *bound = bound.iter().map(|n| if *n == 3 { 99 } else { n % known }).collect();
        }
        // Half of those who send something in send their own, which is all that most may.
        if self.action == ActionKind::Ingest && self.now % 2 == 0 {
            self.inputs.truncate(1);
            self.inputs.iter_mut().for_each(|(dataset, _)| *dataset = self.organisation);
        }
        self
    }
}

/// An agreement that allows this query and everything like it.
pub(super) fn permissive(query: &Query, datasets: &BTreeSet<usize>, law_enforcement: bool) -> Plain {
    let mut plain = Plain {
        extra_parties: BTreeSet::new(),
        datasets: datasets.clone(),
        law_enforcement,
        methods: [Method::Suppress, Method::Perturb].into(),
        effective: -10,
        expires: 400,
        events: vec![(EventKind::Signed, 0)],
        grants: Vec::new(),
        forbid_purposes: BTreeSet::new(),
        forbid_links: BTreeSet::new(),
        forbid_recipients: Vec::new(),
        optout: None,
        public_tier: true,
        finest: (0..4).collect(),
        onward: true,
        k: 5,
        primary: 0,
        noise: None,
        odds: None,
        from_years: [2019; 3],
    };
    plain.grant_for(query, datasets);
    plain
}

/// The random worlds are worth something only if they allow and deny each action often enough, and protect in every way.
#[test]
fn random_worlds_allow_and_deny_every_action() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts: BTreeMap<(ActionKind, bool), u32> = BTreeMap::new();
    let mut protected: BTreeMap<(Option<Method>, bool), u32> = BTreeMap::new();
    let mut linked = 0;
    for _ in 0..2_000 {
        let (world, query) = bound_to_world().new_tree(&mut runner).unwrap().current();
        let allowed = allows(&world, &query);
        *counts.entry((query.action, allowed)).or_default() += 1;
        let (method, noise, odds) = protection(&world, &query);
        linked += u32::from(allowed && query.action == ActionKind::Link && odds.is_some());
        *protected.entry((method, noise.is_some())).or_default() += u32::from(allowed);
    }
    for action in ActionKind::ALL {
        for allowed in [true, false] {
            assert!(counts.get(&(action, allowed)).is_some_and(|count| *count >= 10), "{counts:?}");
        }
    }
    assert!(linked >= 10, "{linked}");
    for way in [(Method::Suppress, false), (Method::Suppress, true), (Method::Perturb, true)] {
        let count = protected.get(&(Some(way.0), way.1));
        assert!(count.is_some_and(|count| *count >= 10), "{protected:?}");
    }
}
