//! The invariants of `decide`, on random worlds and queries, with the reference model as the oracle.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::random::{bound_to_world, inputs, methods, noise, pattern, permissive, runs_the_partnership};
use super::reference::{allows, coarser, governing, protection};
use super::validity::derive_query;
use super::world::*;
use crate::*;

/// The decision with its type of action put aside.
fn decided(loaded: &Loaded, query: &Query) -> Result<(PermitRecord, Terms), Denial> {
    let (snapshot, request, now) = (&loaded.snapshot, query.request(loaded), instant(query.now));
    fn open<A: Action>(permit: Permit<A>) -> (PermitRecord, Terms) {
        (permit.record().clone(), permit.terms().clone())
    }
    match query.action {
        ActionKind::Ingest => decide::<Ingest>(snapshot, &request, now).map(open),
        ActionKind::Link => decide::<Link>(snapshot, &request, now).map(open),
        ActionKind::Derive => decide::<Derive>(snapshot, &request, now).map(open),
        ActionKind::Release => decide::<Release>(snapshot, &request, now).map(open),
    }
}

fn is_allowed(world: &World, query: &Query) -> bool {
    decided(&world.load(), query).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Default deny, and agreement with the reference model on everything else, how it is protected included. An allow names every
    /// agreement.
    #[test]
    fn the_decision_is_the_reference_models((world, query) in bound_to_world()) {
        let loaded = world.load();
        let decision = decided(&loaded, &query);
        prop_assert_eq!(decision.is_ok(), allows(&world, &query), "{:?}", decision.err().map(|d| d.blockers));
        if let Ok((record, terms)) = decided(&loaded, &query) {
            prop_assert_eq!(protected(&terms), protection(&world, &query));
            let named: BTreeSet<_> = record.agreements.keys().copied().collect();
            let expected: BTreeSet<_> =
                governing(&world, &query).iter().flat_map(|(_, bound)| bound).map(|n| loaded.digests[*n]).collect();
            prop_assert!(!named.is_empty());
            prop_assert_eq!(named, expected);
        }
    }

    /// The same where several agreements allow everything, and differ in how they protect.
    #[test]
    fn protection_by_several_agreements_is_the_reference_models(
        several in prop::collection::vec((methods(), prop::option::weighted(0.7, noise())), 1..4),
    ) {
        let all = (0..several.len()).collect();
        let query = Query { inputs: vec![(0, all)], ..derive_query() };
        let agreement = |(methods, noise)| {
            let mut plain = Plain { methods, noise, ..permissive(&query, &[0].into(), false) };
            plain.make_sense();
            plain
        };
        let world = World { agreements: several.into_iter().map(agreement).collect(), faulty: BTreeSet::new() };
        let found = decided(&world.load(), &query).map(|(_, terms)| protected(&terms));
        prop_assert_eq!(found.is_ok(), allows(&world, &query));
        prop_assert!(found.is_err() || found.ok() == Some(protection(&world, &query)));
    }

    /// The order of inputs and files, and repetition, make no difference; the same question has the same answer.
    #[test]
    fn order_and_repetition_do_not_matter((world, query) in bound_to_world()) {
        let (mut files, digests) = world.files();
        let loaded = world.load();
        files.reverse();
        let other = Loaded { snapshot: Registry::load(&files, &[]).unwrap().snapshot().clone(), digests };
        let mut turned = query.clone();
        turned.inputs.reverse();
        turned.inputs.extend(query.inputs.clone());
        prop_assert_eq!(decided(&loaded, &query), decided(&other, &turned));
        prop_assert_eq!(decided(&loaded, &query), decided(&loaded, &query));
        prop_assert_eq!(loaded.snapshot.epoch(), other.snapshot.epoch());
    }

    /// More inputs, forbids, suspensions or opt-outs never allow more, and terms only descend.
    #[test]
    fn more_never_allows_more(
        (world, query) in bound_to_world(),
        what in 0..9_u8,
        which in any::<prop::sample::Index>(),
        extra in inputs(1..2),
        forbidden in (0..3_usize, pattern()),
        rules in 0..1024_u16,
        more_noise in noise(),
        less_odds in prop::option::of(2..20_u32),
    ) {
        let (mut stricter, mut more) = (world.clone(), query.clone());
        let agreement = which.index(world.agreements.len());
        let plain = &mut stricter.agreements[agreement];
        match what {
            0 => more.inputs.extend(extra.into_iter().map(|(dataset, _)| (dataset, [agreement].into()))),
            1 => {
                plain.forbid_purposes.insert(forbidden.0);
            }
            2 => {
                plain.forbid_links.insert(forbidden.0);
            }
            3 => plain.forbid_recipients.push(forbidden.1),
            4 => plain.suspend(query.now),
            5 => plain.primary |= rules,
            6 => plain.ask_for(more_noise),
            7 => plain.odds = plain.odds.zip(less_odds).map(|(known, less)| known.min(less)),
            _ => plain.optout = Some((ActionKind::ALL.into(), plain.optout.as_ref().map_or(10, |(_, days)| *days))),
        }
        let after = decided(&stricter.load(), &more);
        if let Ok((_, terms)) = after {
            let before = decided(&world.load(), &query);
            // With no input there was nothing to allow.
            prop_assert!(before.is_ok() || query.inputs.is_empty(), "{:?}", before);
            if let Ok((_, wider)) = before {
                prop_assert!(terms.is_within(&wider) || what == 0 && terms_within_but_grants(&terms, &wider));
            }
        }
    }

    /// Deriving in one step equals deriving in many: the inputs of what was derived are the union of all inputs.
    #[test]
    fn deriving_in_steps_launders_nothing((world, query) in bound_to_world(), cut in any::<prop::sample::Index>()) {
        let loaded = world.load();
        let all = query.request(&loaded).inputs;
        let at = if all.is_empty() { 0 } else { cut.index(all.len()) };
        let steps = [Governing::combine(&all[..at]), Governing::combine(&all[at..])].concat();
        prop_assert_eq!(Governing::combine(&steps), Governing::combine(&all));
        let mut derived = query.clone();
        derived.action = ActionKind::Derive;
        derived.original = None;
        if let Ok((record, terms)) = decided(&loaded, &derived) {
            // What the permit says governs the result is enough to decide again, with the same terms.
            let mut again = derived.request(&loaded);
            again.inputs = record.inputs.clone();
            let permit = decide::<Derive>(&loaded.snapshot, &again, instant(query.now)).unwrap();
            prop_assert_eq!(permit.terms(), &terms);
        }
    }

    /// Grants never mix: several grants allow only what one of them allows alone.
    #[test]
    fn grants_never_mix((world, query) in bound_to_world(), which in any::<prop::sample::Index>()) {
        let chosen = which.index(world.agreements.len());
        let grants = world.agreements[chosen].grants.clone();
        let alone = (0..grants.len().max(1)).any(|n| {
            let mut single = world.clone();
            single.agreements[chosen].grants = grants.get(n).cloned().into_iter().collect();
            is_allowed(&single, &query)
        });
        prop_assert_eq!(is_allowed(&world, &query), alone);
    }

    /// What is passed on stays within what was released, and saying where it came from never allows more.
    #[test]
    fn onward_sharing_is_within_the_original((world, query) in bound_to_world()) {
        let loaded = world.load();
        if query.original.is_some()
            && let Ok((record, _)) = decided(&loaded, &query)
        {
            let original = query.original.clone().unwrap();
            prop_assert_eq!(query.purpose, original.purpose);
            prop_assert!(original.public || !query.public);
            for level in &record.outputs {
                prop_assert!(original.outputs.iter().any(|fine| coarser(*fine, *level)));
            }
            for (dataset, _) in &query.inputs {
                prop_assert!(original.inputs.iter().any(|(known, _)| known == dataset));
            }
            let mut plain = query.clone();
            plain.original = None;
            prop_assert!(decided(&loaded, &plain).is_ok());
        }
    }

    /// A denial is sound: removing every blocker allows, removing all but one does not.
    #[test]
    fn a_denial_lists_exactly_what_is_in_the_way((world, mut query) in bound_to_world()) {
        // Another role, or another action than passing on, would be another question.
        query.original = query.original.filter(|_| query.action == ActionKind::Release);
        let loaded = world.load();
        prop_assume!(query.role.permits(query.action) && !query.inputs.is_empty());
        // No agreement can let anybody but the partnership's operator take in what others supply.
        let at_home = query.action == ActionKind::Ingest && !runs_the_partnership(query.organisation, query.role);
        prop_assume!(!at_home || query.inputs.iter().all(|(dataset, _)| *dataset == query.organisation));
        let Err(denial) = decided(&loaded, &query) else { return Ok(()) };
        prop_assert!(!denial.blockers.is_empty());
        let fixed = fix(&world, &query, &denial.blockers);
        let remaining = decided(&fixed.0.load(), &fixed.1).err().map(|denial| denial.blockers);
        prop_assert_eq!(remaining, None, "after {:?}", denial.blockers);
        for left in 0..denial.blockers.len() {
            let mut some = denial.blockers.clone();
            let kept = some.remove(left);
            let (world, query) = fix(&world, &query, &some);
            prop_assert!(decided(&world.load(), &query).is_err(), "allowed without fixing {}", kept);
        }
    }
}

/// A further input brings its own agreement, whose grant may have other recipients; limits still only descend.
fn terms_within_but_grants(terms: &Terms, wider: &Terms) -> bool {
    let mut terms = terms.clone();
    terms.purposes.clone_from(&wider.purposes);
    terms.recipients.clone_from(&wider.recipients);
    terms.actions.clone_from(&wider.actions);
    terms.is_within(wider)
}

/// How terms protect, as the reference model says it.
fn protected(terms: &Terms) -> (Option<Method>, Option<PlainNoise>, Option<u32>) {
    (Method::used(&terms.methods), terms.noise.map(numbers), terms.links.map(|links| links.odds))
}

/// A table of noise as its numbers.
fn numbers(noise: NoiseTerms) -> PlainNoise {
    let NoiseTerms { largest, variance, least_shown, stays_per_thousand, guess_per_thousand } = noise;
    [largest, variance, least_shown, stays_per_thousand.into(), guess_per_thousand.into()]
}

impl Plain {
    /// Asks for as much noise besides, where any is ever added.
    fn ask_for(&mut self, noise: PlainNoise) {
        if !self.methods.contains(&Method::Perturb) {
            return;
        }
        let known = self.noise.unwrap_or(noise);
        let stricter = |part: usize| if part < 3 { known[part].max(noise[part]) } else { known[part].min(noise[part]) };
        self.noise = Some(std::array::from_fn(stricter));
    }

    fn suspend(&mut self, now: i64) {
        self.events.retain(|(_, hour)| *hour <= now);
        if matches!(self.events.last(), Some((EventKind::Signed | EventKind::Resumed, _))) {
            self.events.push((EventKind::Suspended, now));
        }
    }
}

/// The world and query with these blockers removed, and nothing else.
fn fix(world: &World, query: &Query, blockers: &[Blocker]) -> (World, Query) {
    let (mut world, mut query) = (world.clone(), query.clone());
    let before = query.clone();
    let governed = governing(&world, &query);
    for blocker in blockers {
        let number = blocker
            .agreement
            .as_deref()
            .map(|name| name.trim_start_matches("agreement-").trim_end_matches("@1").parse::<usize>().unwrap());
        match number {
            Some(number) => {
                let mine: BTreeSet<usize> =
                    governed.iter().filter(|(_, bound)| bound.contains(&number)).map(|(dataset, _)| *dataset).collect();
                fix_agreement(&mut world.agreements[number], &mut query, &before, &mine, blocker);
            }
            None => fix_request(&mut world, &mut query, &governed, blocker),
        }
    }
    (world, query)
}

fn fix_agreement(plain: &mut Plain, query: &mut Query, before: &Query, mine: &BTreeSet<usize>, blocker: &Blocker) {
    let position = |names: &[&str]| names.iter().position(|name| *name == blocker.actual).unwrap();
    match blocker.code {
        BlockerCode::NotSigned | BlockerCode::Suspended | BlockerCode::Terminated => {
            plain.events = vec![(EventKind::Signed, 0)];
        }
        BlockerCode::NotYetEffective => plain.effective = -10,
        BlockerCode::Expired => plain.expires = 400,
        BlockerCode::NoGrant => plain.grant_for(before, mine),
        BlockerCode::ForbiddenPurpose => {
            plain.forbid_purposes.remove(&query.purpose);
        }
        BlockerCode::ForbiddenLink => {
            plain.forbid_links.remove(&position(&DATASETS));
        }
        BlockerCode::ForbiddenRecipient => {
            // Several may be removed: the clause counts them as they were, so a removed one leaves a hole.
            let index: usize = blocker.clause.rsplit('.').next().unwrap().parse().unwrap();
            plain.forbid_recipients[index - 1] = Pattern::Both(2, Role::Operator).unless_met_by(query);
        }
        BlockerCode::OptOutEvidence => {
            let dataset = DATASETS.iter().position(|name| blocker.clause.ends_with(name)).unwrap();
            query.evidence.insert(dataset, query.now);
        }
        BlockerCode::PeriodNotCovered => {
            let dataset = DATASETS.iter().position(|name| blocker.clause.ends_with(name)).unwrap();
            plain.from_years[dataset] = 2019;
        }
        BlockerCode::TierExceeded => plain.public_tier = true,
        BlockerCode::LevelTooFine => {
            let needed = LEVELS.iter().position(|name| *name == blocker.actual);
            // A district by year is not among the levels of these worlds; districts by month include it.
            plain.finest.insert(needed.unwrap_or(2));
        }
        BlockerCode::OnwardNotAllowed => plain.onward = true,
        other => panic!("an agreement does not give {other}"),
    }
}

impl Pattern {
    /// A prohibition of somebody else than who asks here.
    fn unless_met_by(self, query: &Query) -> Self {
        if query.organisation == 2 { Self::Both(1, Role::Operator) } else { self }
    }
}

fn fix_request(world: &mut World, query: &mut Query, governed: &[(usize, BTreeSet<usize>)], blocker: &Blocker) {
    let dataset = || DATASETS.iter().position(|name| *name == blocker.clause || *name == blocker.actual).unwrap();
    let involved: BTreeSet<usize> = governed.iter().flat_map(|(_, bound)| bound).copied().collect();
    match blocker.code {
        BlockerCode::PurposeNotHeld => {
            query.held.insert(query.purpose);
        }
        BlockerCode::NoOutput => {
            query.outputs.insert("county by calendar-year".parse().unwrap());
        }
        BlockerCode::DatasetClosed => {
            world.faulty.remove(&dataset());
        }
        BlockerCode::NoAgreement | BlockerCode::AgreementUnknown => {
            let law = involved.iter().find_map(|n| world.agreements.get(*n)).is_some_and(|plain| plain.law_enforcement);
            let mine = BTreeSet::from([dataset()]);
            let number = world.agreements.len();
            world.agreements.push(permissive(query, &mine, law));
            let originals = query.original.iter_mut().flat_map(|original| &mut original.inputs);
            for (_, bound) in query.inputs.iter_mut().chain(originals).filter(|(known, _)| mine.contains(known)) {
                let amiss = match blocker.code {
                    BlockerCode::NoAgreement => bound.is_empty(),
                    _ => bound.remove(&99),
                };
                if amiss {
                    bound.insert(number);
                }
            }
        }
        BlockerCode::RegimesMixed => {
            for plain in &mut world.agreements {
                plain.law_enforcement = false;
            }
        }
        BlockerCode::MethodConflict => {
            for plain in &mut world.agreements {
                plain.methods = [Method::Suppress, Method::Perturb].into();
            }
        }
        BlockerCode::BeyondOriginal => {
            let original = query.original.as_mut().unwrap();
            match blocker.clause.as_str() {
                "purpose" => original.purpose = query.purpose,
                "tier" => original.public = true,
                "outputs" => {
                    original.outputs.insert(blocker.actual.parse().unwrap());
                }
                "inputs" => original.inputs.push((dataset(), BTreeSet::new())),
                _ => query.original = None,
            }
        }
        other => panic!("a request does not give {other}"),
    }
}

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
        assert_eq!(is_allowed(&world, &query(parts)), allowed, "{parts:?}");
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
