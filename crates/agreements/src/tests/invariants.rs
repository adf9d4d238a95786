//! The eleven invariants of `decide`, on random worlds and queries. Every decision is compared with the reference model, whatever
//! else the invariant says of it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::Index;

use super::asking::{Asking, Case, decided, on_random_worlds};
use super::fixing::fix;
use super::random::{inputs, methods, noise, pattern, permissive, runs_the_partnership};
use super::reference::{coarser, governing, protection, protects};
use super::validity::derive_query;
use super::world::*;
use crate::*;

/// What `make test` compares, over all invariants.
const AT_LEAST: u64 = 100_000;

/// A test for each invariant, on so many worlds and of at least so many decisions; and one of ten times as much, for which
/// `make agreements-long` chooses another seed each time.
macro_rules! invariants {
    ($($name:ident: $worlds:literal worlds, $decisions:literal decisions;)*) => {
        mod each {
            $(#[test]
            fn $name() {
                let compared = super::$name($worlds);
                println!("{compared} decisions");
                assert!(compared >= $decisions, "{compared} decisions were compared");
            })*
        }

        const _: () = assert!(0 $(+ $decisions)* >= AT_LEAST);

        #[test]
        #[ignore = "`make agreements-long`"]
        fn long_run_of_a_million_decisions() {
            let mut total = 0;
            $({
                let compared = $name(10 * $worlds);
                println!("{}: {compared} decisions", stringify!($name));
                total += compared;
            })*
            println!("{total} decisions compared with the reference model");
            assert!(total >= 10 * AT_LEAST);
        }
    };
}

invariants! {
    i01_denies_by_default: 1_000 worlds, 50_000 decisions;
    i02_order_and_repetition_do_not_matter: 60 worlds, 5_000 decisions;
    i03_more_never_allows_more: 150 worlds, 9_000 decisions;
    i04_deriving_in_steps_launders_nothing: 150 worlds, 4_500 decisions;
    i05_grants_never_mix: 40 worlds, 8_000 decisions;
    i06_an_error_denies: 80 worlds, 9_000 decisions;
    i07_nothing_but_the_arguments_matters: 100 worlds, 8_000 decisions;
    i08_onward_sharing_is_within_the_original: 200 worlds, 4_000 decisions;
    i09_an_allow_names_every_agreement: 100 worlds, 6_000 decisions;
    i10_a_denial_lists_exactly_what_is_in_the_way: 100 worlds, 3_000 decisions;
    i11_a_larger_k_never_reveals: 100 worlds, 6_000 decisions;
}

/// Whatever the reference model does not allow is denied, and what is allowed is protected as it says.
fn i01_denies_by_default(worlds: u32) -> u64 {
    on_random_worlds("default deny", worlds, 50, Just(()), |asking, Case { world, written, queries }, ()| {
        let loaded = world.open(written);
        for query in &queries {
            if let Ok((_, terms)) = asking.ask(&world, &loaded, query)? {
                prop_assert_eq!(protected(&terms), protection(&world, query), "{:?}", query);
            }
        }
        Ok(())
    })
}

/// The order of files, inputs and grants, and repetition, make no difference.
fn i02_order_and_repetition_do_not_matter(worlds: u32) -> u64 {
    on_random_worlds("order", worlds, 30, Just(()), |asking, Case { world, written, queries }, ()| {
        let loaded = world.open(written);
        let other = if written { backwards(&world) } else { world.open(false) };
        prop_assert_eq!(loaded.snapshot.epoch(), other.snapshot.epoch());
        let mut turned_world = world.clone();
        turned_world.agreements.iter_mut().for_each(|plain| plain.grants.reverse());
        let turned_grants = turned_world.open(written);
        for query in &queries {
            let mut turned = query.clone();
            turned.inputs.reverse();
            turned.inputs.extend(query.inputs.clone());
            prop_assert_eq!(asking.ask(&world, &loaded, query)?, asking.ask(&world, &other, &turned)?, "{:?}", query);
            let _same = asking.ask(&turned_world, &turned_grants, query)?;
        }
        Ok(())
    })
}

/// The files of a world, read from the last to the first.
fn backwards(world: &World) -> Loaded {
    let (mut files, digests) = world.files();
    files.reverse();
    Loaded { snapshot: Registry::load(&files, &[]).unwrap().snapshot().clone(), digests }
}

/// More inputs, forbids, suspensions, opt-outs or rules never allow more, and terms only descend.
fn i03_more_never_allows_more(worlds: u32) -> u64 {
    let extra = (
        0..9_u8,
        any::<Index>(),
        inputs(1..2),
        (0..3_usize, pattern()),
        0..1024_u16,
        noise(),
        prop::option::of(2..20_u32),
    );
    on_random_worlds("more", worlds, 30, extra, |asking, case, (what, which, extra, forbidden, rules, noise, odds)| {
        let Case { world, written, queries } = case;
        let mut stricter = world.clone();
        let agreement = which.index(world.agreements.len());
        let plain = &mut stricter.agreements[agreement];
        // All queries are asked at times at which the first is.
        let now = queries[0].now;
        match what {
            0 => {}
            1 => {
                plain.forbid_purposes.insert(forbidden.0);
            }
            2 => {
                plain.forbid_links.insert(forbidden.0);
            }
            3 => plain.forbid_recipients.push(forbidden.1),
            4 => plain.suspend(now),
            5 => plain.primary |= rules,
            6 => plain.ask_for(noise),
            7 => plain.odds = plain.odds.zip(odds).map(|(known, less)| known.min(less)),
            _ => plain.optout = Some((ActionKind::ALL.into(), plain.optout.as_ref().map_or(10, |(_, days)| *days))),
        }
        let (before, after) = (world.open(written), stricter.open(written));
        for query in queries {
            let query = Query { now, ..query };
            let mut more = query.clone();
            if what == 0 {
                more.inputs.extend(extra.iter().map(|(dataset, _)| (*dataset, [agreement].into())));
            }
            let (wider, narrower) = (asking.ask(&world, &before, &query)?, asking.ask(&stricter, &after, &more)?);
            let Ok((_, terms)) = narrower else { continue };
            // With no input there was nothing to allow.
            prop_assert!(wider.is_ok() || query.inputs.is_empty(), "{:?} of {:?}", wider, query);
            if let Ok((_, wider)) = wider {
                prop_assert!(terms.is_within(&wider) || what == 0 && within_but_grants(&terms, &wider), "{:?}", query);
            }
        }
        Ok(())
    })
}

/// A further input brings its own agreement, whose grant may have other recipients; limits still only descend.
fn within_but_grants(terms: &Terms, wider: &Terms) -> bool {
    let mut terms = terms.clone();
    terms.purposes.clone_from(&wider.purposes);
    terms.recipients.clone_from(&wider.recipients);
    terms.actions.clone_from(&wider.actions);
    terms.is_within(wider)
}

/// Deriving in one step equals deriving in many: the inputs of what was derived are the union of all inputs.
fn i04_deriving_in_steps_launders_nothing(worlds: u32) -> u64 {
    on_random_worlds("steps", worlds, 30, any::<Index>(), |asking, Case { world, written, queries }, cut| {
        let loaded = world.open(written);
        for mut query in queries {
            query.action = ActionKind::Derive;
            query.original = None;
            let mut request = query.request(&loaded);
            let all = std::mem::take(&mut request.inputs);
            let at = if all.is_empty() { 0 } else { cut.index(all.len()) };
            let steps = [Governing::combine(&all[..at]), Governing::combine(&all[at..])].concat();
            prop_assert_eq!(Governing::combine(&steps), Governing::combine(&all));
            let now = instant(query.now);
            let whole = asking.ask(&world, &loaded, &query)?;
            // An input without agreements stays one: deriving from it first makes it no better.
            let ungoverned = all.iter().any(|input| input.agreements.is_empty());
            let again = decide::<Derive>(&loaded.snapshot, &Request { inputs: steps, ..request.clone() }, now);
            prop_assert!(ungoverned || again.is_ok() == whole.is_ok(), "{:?}", query);
            if let Ok((record, terms)) = whole {
                // What the permit says governs the result is enough to decide again, with the same terms.
                let permit =
                    decide::<Derive>(&loaded.snapshot, &Request { inputs: record.inputs, ..request }, now).unwrap();
                prop_assert_eq!(permit.terms(), &terms);
            }
        }
        Ok(())
    })
}

/// Grants never mix: several grants allow only what one of them allows alone.
fn i05_grants_never_mix(worlds: u32) -> u64 {
    on_random_worlds("grants", worlds, 30, any::<Index>(), |asking, Case { world, written, queries }, which| {
        let chosen = which.index(world.agreements.len());
        let grants = world.agreements[chosen].grants.clone();
        let single = |n: usize| {
            let mut single = world.clone();
            single.agreements[chosen].grants = grants.get(n).cloned().into_iter().collect();
            (single.open(written), single)
        };
        let singles: Vec<_> = (0..grants.len().max(1)).map(single).collect();
        let loaded = world.open(written);
        for query in &queries {
            let mut alone = false;
            for (loaded, single) in &singles {
                alone |= asking.ask(single, loaded, query)?.is_ok();
            }
            prop_assert_eq!(asking.ask(&world, &loaded, query)?.is_ok(), alone, "{:?}", query);
        }
        Ok(())
    })
}

/// An error denies: a damaged file nobody's data but its own, an agreement that is not loaded, an instant outside the calendar.
fn i06_an_error_denies(worlds: u32) -> u64 {
    let extra = (any::<Index>(), any::<Index>(), 0..3_usize, prop::option::weighted(0.3, 0..4_u8));
    on_random_worlds("errors", worlds, 40, extra, |asking, case, (which, place, closed, how)| {
        let Case { world, written, queries } = case;
        let chosen = which.index(world.agreements.len());
        let mut faulty = world.clone();
        faulty.faulty.insert(closed);
        let (loaded, closing) = (world.open(written), faulty.open(written));
        let damaged = how.map(|how| damaged(&world, chosen, place, how));
        for query in &queries {
            let before = asking.ask(&world, &loaded, query)?.is_ok();
            let after = asking.ask(&faulty, &closing, query)?.is_ok();
            let touched = query.inputs.iter().any(|(dataset, _)| *dataset == closed);
            prop_assert_eq!(after, before && !touched, "{:?}", query);
            let mut unknown = query.clone();
            unknown.inputs.iter_mut().take(1).for_each(|(_, bound)| _ = bound.insert(99));
            prop_assert!(asking.ask(&world, &loaded, &unknown)?.is_err(), "{:?}", query);
            let Some((damaged, errors)) = damaged.as_ref().filter(|_| query.action != ActionKind::Ingest) else {
                continue;
            };
            let bound = query.inputs.iter().any(|(_, bound)| bound.contains(&chosen));
            let allowed = decided(damaged, query).is_ok();
            prop_assert!(before || !allowed, "{:?}", query);
            prop_assert!(!allowed || !bound || !errors, "{:?}", query);
        }
        Ok(())
    })
}

/// The files of a world, one of which somebody cut or changed; and whether that is noticed.
fn damaged(world: &World, chosen: usize, place: Index, how: u8) -> (Loaded, bool) {
    let (mut files, digests) = world.files();
    let name = format!("agreement-{chosen}.toml");
    let content = &mut files.iter_mut().find(|file| file.name == name).unwrap().content;
    let at = place.index(content.len());
    let line = |content: &[u8]| content[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    match how {
        0 => content.truncate(at),
        1 => content.truncate(line(content)),
        2 => content[at] ^= 1,
        _ => {
            let start = line(content);
            let end = content[at..].iter().position(|byte| *byte == b'\n').map_or(content.len(), |end| at + end + 1);
            content.drain(start..end);
        }
    }
    let registry = Registry::load(&files, &[]).unwrap();
    let noticed = registry.errors().len() > world.faulty.len();
    (Loaded { snapshot: registry.snapshot().clone(), digests }, noticed)
}

/// The decision is a function of snapshot, question and time: of nothing asked before, and of the hour no more than it says. At the
/// instant at which something begins or ends it has; a nanosecond before it has not.
fn i07_nothing_but_the_arguments_matters(worlds: u32) -> u64 {
    let extra = (any::<Index>(), any::<Index>());
    on_random_worlds("arguments", worlds, 20, extra, |asking, case, (which, boundary)| {
        let Case { world, written, queries } = case;
        let plain = &world.agreements[which.index(world.agreements.len())];
        let mut hours = vec![plain.effective * 24, plain.expires * 24];
        hours.extend(plain.events.iter().map(|(_, hour)| *hour));
        let hour = hours[boundary.index(hours.len())];
        let (loaded, other) = (world.open(written), world.open(written));
        let mut first = Vec::new();
        for query in &queries {
            first.push(asking.ask(&world, &loaded, query)?);
            let at = Query { now: hour, ..query.clone() };
            let decision = asking.ask(&world, &loaded, &at)?;
            let involved =
                governing(&world, &at).iter().any(|(_, bound)| bound.contains(&which.index(world.agreements.len())));
            prop_assert!(decision.is_err() || !involved || hour != plain.expires * 24, "{:?}", at);
            let before = Query { now: hour - 1, ..query.clone() };
            let tick = instant(hour) - SignedDuration::from_nanos(1);
            let _same = asking.ask_at(&world, &loaded, &before, tick)?;
        }
        for (query, first) in queries.iter().zip(first).rev() {
            prop_assert_eq!(&asking.ask(&world, &other, query)?, &first, "{:?}", query);
        }
        Ok(())
    })
}

/// What is passed on stays within what was released, and saying where it came from never allows more.
fn i08_onward_sharing_is_within_the_original(worlds: u32) -> u64 {
    let extra = prop::collection::vec(any::<[bool; 5]>(), 20);
    on_random_worlds("onward", worlds, 20, extra, |asking, Case { world, written, queries }, differs| {
        let loaded = world.open(written);
        for (query, differs) in queries.into_iter().zip(differs) {
            let query = query.passed_on(differs);
            let decision = asking.ask(&world, &loaded, &query)?;
            let Ok((record, _)) = decision else { continue };
            let original = query.original.clone().unwrap();
            prop_assert_eq!(query.purpose, original.purpose);
            prop_assert!(original.public || !query.public);
            for level in &record.outputs {
                prop_assert!(original.outputs.iter().any(|fine| coarser(*fine, *level)), "{:?}", query);
            }
            for (dataset, _) in &query.inputs {
                prop_assert!(original.inputs.iter().any(|(known, _)| known == dataset), "{:?}", query);
            }
            let plain = Query { original: None, ..query.clone() };
            prop_assert!(asking.ask(&world, &loaded, &plain)?.is_ok(), "{:?}", query);
        }
        Ok(())
    })
}

/// Every allow names every agreement, and each of them could have denied it.
fn i09_an_allow_names_every_agreement(worlds: u32) -> u64 {
    on_random_worlds("names", worlds, 30, any::<Index>(), |asking, Case { world, written, queries }, which| {
        let chosen = which.index(world.agreements.len());
        let mut without = world.clone();
        without.agreements[chosen].events.clear();
        let (loaded, unsigned) = (world.open(written), without.open(written));
        for query in &queries {
            let denied = asking.ask(&without, &unsigned, query)?.is_err();
            let Ok((record, _)) = asking.ask(&world, &loaded, query)? else { continue };
            let named: BTreeSet<_> = record.agreements.keys().copied().collect();
            let bound: BTreeSet<_> = governing(&world, query).into_iter().flat_map(|(_, bound)| bound).collect();
            let expected: BTreeSet<_> = bound.iter().map(|n| loaded.digests[*n]).collect();
            prop_assert!(!named.is_empty());
            prop_assert_eq!(named, expected, "{:?}", query);
            prop_assert_eq!(denied, bound.contains(&chosen), "{:?}", query);
        }
        Ok(())
    })
}

/// A denial is sound: removing every blocker allows, removing all but one does not.
fn i10_a_denial_lists_exactly_what_is_in_the_way(worlds: u32) -> u64 {
    on_random_worlds("denials", worlds, 20, Just(()), |asking, Case { world, written, queries }, ()| {
        let loaded = world.open(written);
        for mut query in queries {
            // Another role, or another action than passing on, would be another question.
            query.original = query.original.filter(|_| query.action == ActionKind::Release);
            // No agreement can let anybody but the partnership's operator take in what others supply.
            let at_home = query.action == ActionKind::Ingest && !runs_the_partnership(query.organisation, query.role);
            let abroad = at_home && query.inputs.iter().any(|(dataset, _)| *dataset != query.organisation);
            if abroad || !query.role.permits(query.action) || query.inputs.is_empty() {
                continue;
            }
            let Err(denial) = asking.ask(&world, &loaded, &query)? else { continue };
            prop_assert!(!denial.blockers.is_empty());
            let (world_then, then) = fix(&world, &query, &denial.blockers);
            let remaining = asking.ask(&world_then, &world_then.open(written), &then)?.err().map(|d| d.blockers);
            prop_assert_eq!(remaining, None, "after {:?} of {:?}", denial.blockers, query);
            for left in 0..denial.blockers.len() {
                let mut some = denial.blockers.clone();
                let kept = some.remove(left);
                let (world, then) = fix(&world, &query, &some);
                // The world with everything fixed took the long way, where any does.
                let decision = asking.ask(&world, &world.open(false), &then)?;
                prop_assert!(decision.is_err(), "allowed without fixing {} of {:?}", kept, query);
            }
        }
        Ok(())
    })
}

/// A larger k of one agreement never reveals what a smaller one protects, and all that any of them protects is protected.
fn i11_a_larger_k_never_reveals(worlds: u32) -> u64 {
    let extra = (any::<Index>(), 3..20_u32);
    on_random_worlds("k", worlds, 30, extra, |asking, Case { world, written, queries }, (which, more)| {
        let chosen = which.index(world.agreements.len());
        let mut stricter = world.clone();
        stricter.agreements[chosen].k = world.agreements[chosen].k.max(more);
        let (before, after) = (world.open(written), stricter.open(written));
        let is_primary = |terms: &Terms, count| 0 < count && count < terms.k;
        for query in &queries {
            let (smaller, larger) = (asking.ask(&world, &before, query)?, asking.ask(&stricter, &after, query)?);
            prop_assert_eq!(smaller.is_ok(), larger.is_ok(), "{:?}", query);
            let (Ok((_, smaller)), Ok((_, larger))) = (smaller, larger) else { continue };
            for count in 0..25 {
                prop_assert!(is_primary(&larger, count) || !is_primary(&smaller, count), "{} of {:?}", count, query);
                prop_assert_eq!(
                    is_primary(&smaller, count),
                    protects(&world, query, count),
                    "{} of {:?}",
                    count,
                    query
                );
                prop_assert_eq!(
                    is_primary(&larger, count),
                    protects(&stricter, query, count),
                    "{} of {:?}",
                    count,
                    query
                );
            }
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Where several agreements allow everything and differ in how they protect, it is as the reference model says.
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
        let decision = Asking::default().ask(&world, &world.load(), &query)?;
        if let Ok((_, terms)) = decision {
            prop_assert_eq!(protected(&terms), protection(&world, &query));
        }
    }
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

impl Query {
    /// Passes on a release of the same, which in some ways was another.
    fn passed_on(mut self, [purpose, public, input, output, more]: [bool; 5]) -> Self {
        self.action = ActionKind::Release;
        let mut original = Original {
            purpose: self.purpose,
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            public: self.public || public,
        };
        // Half of what could differ does not, or hardly anything would be allowed.
        if purpose && more {
            original.purpose = (self.purpose + 1) % PURPOSES.len();
        }
        if input && more {
            original.inputs.pop();
        }
        if output && more {
            original.outputs.pop_first();
        }
        if self.public && public && more {
            original.public = false;
        }
        self.original = Some(original);
        self
    }
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
