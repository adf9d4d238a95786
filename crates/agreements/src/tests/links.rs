//! `[terms.links]` in files, and when opt-outs had to be fresh for what was linked.

use std::collections::BTreeMap;

use super::files::{good, partnership, place};
use super::random::permissive;
use super::world::*;
use crate::*;

/// The good agreement with this at the end of its terms, whose grant has these actions.
fn unsigned(links: &str, actions: &str) -> String {
    let text = good().0.replacen("[forbid]\n", &format!("{links}[forbid]\n"), 1);
    let granted = text.find("actions = ").unwrap();
    let end = granted + text[granted..].find('\n').unwrap();
    format!("{}actions = {actions}{}", &text[..granted], &text[end..])
}

fn agreement(links: &str, actions: &str) -> String {
    demo::sign("a.toml", &unsigned(links, actions), "test", instant(0)).unwrap()
}

fn parse(text: &str) -> Result<Agreement, Vec<model::DefinitionError>> {
    Agreement::parse("a.toml", text, &partnership(), &BTreeMap::new())
}

const LINKED: &str = "[\"derive\", \"link\", \"release\"]";

#[test]
fn the_odds_have_a_range_and_are_about_something() {
    for (table, actions, wrong) in [
        ("", LINKED, None),
        ("", "[\"derive\", \"release\"]", None),
        ("[terms.links]\nodds = 2\n", LINKED, None),
        ("[terms.links]\nodds = 20\n", LINKED, None),
        ("[terms.links]\nodds = 1\n", LINKED, Some(("odds = ", "below 2 figures would tell nothing"))),
        ("[terms.links]\nodds = 21\n", LINKED, Some(("odds = ", "choose 2 to 20"))),
        (
            "[terms.links]\nodds = 4\n",
            "[\"derive\", \"release\"]",
            Some(("[terms.links]", "no grant has the action `link`")),
        ),
        ("[terms.links]\n", LINKED, Some(("[terms.links]", "missing field `odds`"))),
        ("[terms.links]\nodds = 4\neven = 1\n", LINKED, Some(("even = ", "unknown field `even`"))),
    ] {
        let Some((at, expect)) = wrong else {
            let errors = parse(&agreement(table, actions)).err();
            assert!(errors.is_none(), "{table} {actions}: {errors:?}");
            continue;
        };
        let text = unsigned(table, actions);
        let errors = parse(&text).unwrap_err();
        let here = |error: &&model::DefinitionError| error.message.contains(expect) && error.line == place(&text, at).0;
        assert_eq!(errors.iter().filter(here).count(), 1, "{table} {actions}: {errors:?}");
    }
}

#[test]
fn it_is_under_the_signature_and_said() {
    let digest = |table: &str| agreement_digest("a.toml", &agreement(table, LINKED)).unwrap();
    let table = "[terms.links]\nodds = 4\n";
    assert_ne!(digest(""), digest(table));
    assert_ne!(digest(table), digest("[terms.links]\nodds = 5\n"));
    let said = |table: &str, actions: &str| {
        let read = parse(&agreement(table, actions)).unwrap();
        let id = read.document().datasets[0].id.clone();
        crate::explain::terms_in_words(&read, &id).join("; ")
    };
    assert!(said(table, LINKED).contains("change by at most 4 times for anybody"));
    assert!(said("", LINKED).contains("nothing says how much they may tell (`[terms.links]`)"));
    assert!(!said("", "[\"derive\", \"release\"]").contains("known to several services"));
}

/// Whoever reads later what was linked: permitted now, by evidence that was fresh then.
#[test]
fn opt_outs_had_to_be_fresh_when_records_were_linked() {
    let linked = Query { action: ActionKind::Link, ..super::validity::derive_query() };
    let plain = Plain {
        odds: Some(4),
        optout: Some(([ActionKind::Link].into(), 10)),
        ..permissive(&linked, &[0].into(), false)
    };
    let world = World { agreements: vec![plain], faulty: [].into() };
    let loaded = world.load();
    let evidence = |hour: i64| OptOutEvidence {
        dataset: DATASETS[0].parse().unwrap(),
        scheme: SCHEME.to_owned(),
        applied_at: instant(hour),
    };
    let day = 24;
    let allowed = |applied: i64, at: Option<i64>, now: i64| {
        let request = linked.request(&loaded).with_opt_outs(vec![evidence(applied)]);
        let figures = |at| LinkedFigures { at: instant(at), odds: 4, rounding: 1 };
        match at {
            Some(at) => may_read_linked(&loaded.snapshot, &request, figures(at), instant(now)).is_ok(),
            None => decide::<Link>(&loaded.snapshot, &request, instant(now)).is_ok(),
        }
    };
    assert!(allowed(20 * day, None, 25 * day), "fresh now");
    assert!(!allowed(20 * day, None, 31 * day), "stale now");
    assert!(allowed(20 * day, Some(25 * day), 80 * day), "fresh when it was linked");
    assert!(!allowed(20 * day, Some(31 * day), 80 * day), "stale when it was linked");
    assert!(!allowed(20 * day, Some(19 * day), 21 * day), "applied after it was linked");
    assert!(!allowed(20 * day, Some(90 * day), 19 * day), "nothing is linked later than now");
    // Everything else is asked now: this agreement ends after 400 days.
    assert!(!allowed(20 * day, Some(25 * day), 401 * day));
}

/// What is out may be read as long as the agreements let figures tell as much.
#[test]
fn figures_that_tell_more_than_is_agreed_now_are_not_read() {
    let linked = Query { action: ActionKind::Link, ..super::validity::derive_query() };
    let plain = |odds| Plain { odds, ..permissive(&linked, &[0].into(), false) };
    for (agreed, made_for, expect) in [
        ([Some(4), Some(9)], 4, None),
        ([Some(4), Some(9)], 5, Some("at most 4")),
        ([Some(9), None], 4, Some("no figures")),
        ([None, None], 2, Some("no figures")),
    ] {
        let world = World { agreements: agreed.into_iter().map(plain).collect(), faulty: [].into() };
        let loaded = world.load();
        let query = Query { inputs: vec![(0, [0, 1].into())], ..linked.clone() };
        let figures = LinkedFigures { at: instant(20), odds: made_for, rounding: 1 };
        let denial = may_read_linked(&loaded.snapshot, &query.request(&loaded), figures, instant(30)).err();
        let found = denial.map(|denial| {
            assert!(denial.blockers.iter().all(|blocker| blocker.code == BlockerCode::OddsExceeded), "{denial:?}");
            denial.blockers[0].required.clone()
        });
        assert_eq!(found.as_deref(), expect, "{agreed:?} {made_for}");
        // Linking by itself needs no such terms.
        assert!(decide::<Link>(&loaded.snapshot, &query.request(&loaded), instant(30)).is_ok());
    }
}
