//! Data that came under one version of an agreement, when another takes its place.

use model::{DatasetId, Digest};

use super::random::permissive;
use super::validity::derive_query;
use super::world::*;
use crate::*;

/// What an agreement on rows about people needs.
const PEOPLE: &str = "article_6 = [\"e\"]\n\
    dpia = { id = \"d\", digest = \"1a7372f7107151abde5ffed525a4e0adea3a369087ee4eaacdb0ac791de872e5\", review_by = 2030-01-01 }\n";
const PRIMARY: &str = "[terms.primary]\ndecoys_per_thousand = 50\nown_records = true\nown_rows = true\n\
    dominance = { contributors = 2, percent = 80 }\np_percent = 10\npartner_p_percent = 20\nminimum_population = 900\n\
    sensitive = [\"count\"]\n";

/// The first version, with every clause such that it can be made looser and stricter.
fn first() -> String {
    let mut plain = permissive(&derive_query(), &[0].into(), false);
    plain.methods = [Method::Suppress].into();
    plain.forbid_purposes.insert(1);
    plain.forbid_links.insert(2);
    plain.forbid_recipients.push(Pattern::Organisation(2));
    plain.optout = Some(([ActionKind::Ingest].into(), 10));
    plain.public_tier = false;
    plain.onward = false;
    plain.finest = [0].into();
    let (_, text, _) = plain.signed(0);
    let text = text
        .replace("power = \"p\"\n", &format!("power = \"p\"\n{PEOPLE}"))
        .replace("rounding = 1\n", "rounding = 6\n")
        .replace("zeros = \"publish\"", "zeros = \"protect\"")
        .replace("[terms.primary]\nown_records = false\nown_rows = false\ndecoys_per_thousand = 0\n", PRIMARY)
        .replace(
            "query_budget = 10\n",
            "query_budget = 10\napproval = [\"reviewer\"]\nobligations = [\"name the source\"]\n",
        )
        .replace("suspend = [\"org-a\"]", "suspend = [\"org-a\", \"org-b\"]");
    demo::sign("v1.toml", &text, "test", instant(0)).unwrap()
}

/// A later version in effect from hour 240, signed; and its digest.
fn next(text: &str, version: u32, replaced: Digest, edit: (&str, &str)) -> (String, Digest) {
    let text = text
        .replace("version = 1\n", &format!("version = {version}\nsupersedes = \"{replaced}\"\n"))
        .replace("effective = 2023-12-22", "effective = 2024-01-11");
    assert!(text.contains(edit.0), "the first version does not have `{}`: {text}", edit.0);
    let text = text.replacen(edit.0, edit.1, 1);
    let text = demo::sign("next.toml", &text, "test", instant(0)).unwrap();
    let digest = agreement_digest("next.toml", &text).unwrap();
    (text, digest)
}

fn load(versions: &[(String, Digest)], events: &[(usize, EventKind, i64)]) -> Snapshot {
    let mut files = vec![file("partnership.toml", register())];
    for (number, (text, digest)) in versions.iter().enumerate() {
        let mut previous = *digest;
        let mut log = String::new();
        for (_, kind, hour) in [(number, EventKind::Signed, 1)].iter().chain(events).filter(|(of, ..)| *of == number) {
            let event = demo::event(*kind, instant(*hour), &"org-a".parse().unwrap(), "", *digest, previous);
            previous = event.digest();
            log.push_str(&event.to_toml());
        }
        files.push(file(&format!("v{number}.toml"), text.clone()));
        files.push(file(&format!("v{number}.events.toml"), log));
    }
    let registry = Registry::load(&files, &[]).unwrap();
    assert_eq!(registry.errors(), &[]);
    registry.snapshot().clone()
}

/// The first version, and one after it.
fn two(edit: (&str, &str)) -> Vec<(String, Digest)> {
    followed(first(), edit)
}

/// A version, and one after it.
fn followed(first: String, edit: (&str, &str)) -> Vec<(String, Digest)> {
    let digest = agreement_digest("v1.toml", &first).unwrap();
    let second = next(&first, 2, digest, edit);
    vec![(first, digest), second]
}

/// Whether data that came under the first version may be derived from, at an hour.
fn decide_at(snapshot: &Snapshot, bound: Digest, hour: i64) -> Result<Permit<Derive>, Denial> {
    let loaded = Loaded { snapshot: snapshot.clone(), digests: vec![bound] };
    decide::<Derive>(snapshot, &derive_query().request(&loaded), instant(hour))
}

const SAME: (&str, &str) = ("title = \"test\"", "title = \"renewed\"");

#[test]
fn data_move_to_a_version_in_which_nothing_is_looser() {
    for edit in [
        SAME,
        ("expires = 2025-02-04", "expires = 2027-02-04"),
        ("k = 5\n", "k = 8\n"),
        ("rounding = 6\n", "rounding = 12\n"),
        ("query_budget = 10\n", "query_budget = 9\n"),
        ("decoys_per_thousand = 50", "decoys_per_thousand = 60"),
        ("contributors = 2, percent = 80", "contributors = 3, percent = 80"),
        ("contributors = 2, percent = 80", "contributors = 2, percent = 70"),
        ("\np_percent = 10", "\np_percent = 11"),
        ("partner_p_percent = 20", "partner_p_percent = 30"),
        ("minimum_population = 900", "minimum_population = 1000"),
        ("[\"reviewer\"]", "[\"reviewer\", \"governance\"]"),
        ("[\"name the source\"]", "[\"name the source\", \"say when\"]"),
        ("purposes = [\"purpose-b\"]\nlinks", "purposes = [\"purpose-b\", \"purpose-c\"]\nlinks"),
        ("max_age_days = 10", "max_age_days = 9"),
        ("raw_days = 10", "raw_days = 1"),
        ("breach_hours = 1", "breach_hours = 0"),
        ("from = 2019-01-01", "from = 2018-01-01"),
        ("resume = [\"org-a\"]", "resume = [\"org-a\"] # as before"),
    ] {
        let versions = two(edit);
        let snapshot = load(&versions, &[]);
        let (old, new) = (versions[0].1, versions[1].1);
        let names = |hour| decide_at(&snapshot, old, hour).map(|p| p.agreements().keys().copied().collect::<Vec<_>>());
        assert_eq!(names(239).unwrap(), [old], "{edit:?}");
        assert_eq!(names(240).unwrap(), [new], "{edit:?}");
    }
}

#[test]
fn a_version_that_is_looser_in_anything_denies_and_says_in_what() {
    let supply = "[[grant]]\nid = \"more\"\npurposes = [\"purpose-a\"]\nactions = [\"release\"]\n\
                  recipients = [{ organisation = \"org-b\", roles = [\"analyst\"] }]\ndatasets = [\"org-a.data\"]\n[terms]\n";
    for (from, to, clause) in [
        ("k = 5\n", "k = 4\n", "terms.k"),
        ("rounding = 6\n", "rounding = 3\n", "terms.rounding"),
        ("methods = [\"suppress\"]", "methods = [\"suppress\", \"perturb\"]", "terms.methods"),
        ("zeros = \"protect\"", "zeros = \"publish\"", "terms.zeros"),
        ("[\"lsoa by calendar-year\"]", "[\"lsoa by calendar-year\", \"msoa by quarter\"]", "terms.finest"),
        ("decoys_per_thousand = 50", "decoys_per_thousand = 0", "terms.primary.decoys_per_thousand"),
        ("own_records = true", "own_records = false", "terms.primary.own_records"),
        ("own_rows = true", "own_rows = false", "terms.primary.own_rows"),
        ("contributors = 2, percent = 80", "contributors = 1, percent = 70", "terms.primary.dominance"),
        ("contributors = 2, percent = 80", "contributors = 3, percent = 90", "terms.primary.dominance"),
        ("dominance = { contributors = 2, percent = 80 }\n", "", "terms.primary.dominance"),
        ("\np_percent = 10", "\np_percent = 9", "terms.primary.p_percent"),
        ("partner_p_percent = 20\n", "", "terms.primary.partner_p_percent"),
        ("minimum_population = 900", "minimum_population = 100", "terms.primary.minimum_population"),
        ("sensitive = [\"count\"]", "sensitive = []", "terms.primary.sensitive"),
        // Stricter, and yet marks that are out would mean something else.
        ("sensitive = [\"count\"]", "sensitive = [\"count\", \"kind\"]", "terms.primary.sensitive"),
        ("[\"reviewer\"]", "[\"governance\"]", "terms.approval"),
        ("tier = \"partners\"", "tier = \"public\"", "terms.tier"),
        ("onward = \"none\"", "onward = \"recipients\"", "terms.onward"),
        ("query_budget = 10\n", "query_budget = 11\n", "terms.query_budget"),
        ("[\"name the source\"]", "[]", "terms.obligations"),
        ("purposes = [\"purpose-b\"]\nlinks", "purposes = []\nlinks", "forbid.purposes"),
        ("links = [\"org-c.data\"]", "links = []", "forbid.links"),
        ("recipients = [{ organisation = \"org-c\" }]", "recipients = []", "forbid.recipients"),
        ("max_age_days = 10", "max_age_days = 11", "optout"),
        ("applies = [\"ingest\"]", "applies = [\"release\"]", "optout"),
        ("raw_days = 10", "raw_days = 11", "retention.raw_days"),
        ("derived_days = 20", "derived_days = 21", "retention.derived_days"),
        ("erasure_hours = 1", "erasure_hours = 2", "rights.erasure_hours"),
        ("breach_hours = 1", "breach_hours = 2", "rights.breach_hours"),
        ("suspend = [\"org-a\", \"org-b\"]", "suspend = [\"org-a\"]", "control.suspend"),
        ("terminate = [\"org-a\"]", "terminate = [\"org-b\"]", "control.terminate"),
        ("resume = [\"org-a\"]", "resume = [\"org-a\", \"org-b\"]", "control.resume"),
        ("regime = \"uk-gdpr\"", "regime = \"dpa-2018-part-3\"", "legal.regime"),
        ("transfers = \"t\"", "transfers = \"anywhere\"", "legal.transfers"),
        ("gateway = \"g\"", "gateway = \"another\"", "legal.gateway"),
        ("gateway = \"g\"", "gateway = \"g\"\narticle_9 = [\"h\"]", "legal.article_9"),
        ("kind = \"joint-controllers\"", "kind = \"controller-to-controller\"", "agreement.kind"),
        ("level = \"event\"", "level = \"person\"", "dataset org-a.data: level"),
        ("from = 2019-01-01", "from = 2020-01-01", "dataset org-a.data: the days"),
        ("from = 2019-01-01", "from = 2019-01-01\nuntil = 2030-01-01", "dataset org-a.data: the days"),
        ("name = \"kind\"", "name = \"other\"", "column `kind` may not be taken any more"),
        ("role = \"dimension\"", "role = \"special\"", "column `kind` is of another kind"),
        ("type = \"text\", role", "type = \"integer\", role", "column `kind` is of another kind"),
        ("treatment = \"keep\"", "treatment = \"pseudonymise\"", "column `kind` was treated more mildly"),
        ("actions = [\"derive\"]", "actions = [\"derive\", \"release\"]", "grant `grant-0` is wider"),
        ("purposes = [\"purpose-a\"]", "purposes = [\"purpose-a\", \"purpose-c\"]", "grant `grant-0` is wider"),
        ("[terms]\n", supply, "grant `more` is wider"),
    ] {
        let versions = two((from, to));
        let snapshot = load(&versions, &[]);
        assert!(decide_at(&snapshot, versions[0].1, 239).is_ok(), "{clause}");
        let denial = decide_at(&snapshot, versions[0].1, 240).unwrap_err();
        assert_eq!(denial.blockers.len(), 1, "{clause}: {denial:?}");
        let blocker = &denial.blockers[0];
        assert_eq!((blocker.code, blocker.clause.as_str()), (BlockerCode::Superseded, "agreement.supersedes"));
        let (name, actual) = ("agreement-0@2: ", blocker.actual.as_str());
        assert!(actual.starts_with(name) && actual.contains(clause), "{clause}: {actual}");
    }
}

/// Stricter, and yet nothing that is out could be brought under it: zeros that were published stay published.
#[test]
fn zeros_that_are_out_cannot_be_protected_by_a_later_version() {
    let first = first().replace("zeros = \"protect\"", "zeros = \"publish\"");
    let first = demo::sign("v1.toml", &first, "test", instant(0)).unwrap();
    let digest = agreement_digest("v1.toml", &first).unwrap();
    let second = next(&first, 2, digest, ("zeros = \"publish\"", "zeros = \"protect\""));
    let denial = decide_at(&load(&[(first, digest), second], &[]), digest, 240).unwrap_err();
    assert_eq!(denial.blockers[0].actual, "agreement-0@2: terms.zeros");
}

const SUPPRESS: &str = "methods = [\"suppress\"]";
const PERTURB: &str = "methods = [\"perturb\"]";
const EITHER: &str = "methods = [\"suppress\", \"perturb\"]";

/// What is out was decided by one method and, where that is noise, with one table of it.
#[test]
fn neither_the_method_nor_its_noise_changes_under_what_is_out() {
    let noise =
        "\nnoise = { largest = 8, variance = 6, least_shown = 2, stays_per_thousand = 300, guess_per_thousand = 500 }";
    let (noisy, either) = (format!("{PERTURB}{noise}"), format!("{EITHER}{noise}"));
    let table = NOISE_KEYS.map(|key| format!("terms.noise.{key}"));
    let table = |with: &[&str]| {
        let mut clauses: Vec<_> = table.iter().map(String::as_str).chain(with.iter().copied()).collect();
        clauses.sort_unstable();
        clauses.join(", ")
    };
    // Stricter, but for the cap as it goes away.
    let new_table = table(&[]).replace("terms.noise.guess_per_thousand, ", "");
    let part = |from: &'static str, to: &'static str| (noisy.as_str(), noisy.replace(from, to));
    fn whole<'a>(before: &'a str, after: &str) -> (&'a str, String) {
        (before, after.to_owned())
    }
    for ((before, after), clauses) in [
        (whole(&noisy, &noisy), ""),
        (part("guess_per_thousand = 500", "guess_per_thousand = 499"), ""),
        (part("guess_per_thousand = 500", "guess_per_thousand = 501"), "terms.noise.guess_per_thousand"),
        (part("largest = 8", "largest = 9"), "terms.noise.largest"),
        (part("largest = 8", "largest = 7"), "terms.noise.largest"),
        (part("variance = 6", "variance = 7"), "terms.noise.variance"),
        (part("variance = 6", "variance = 5"), "terms.noise.variance"),
        (part("least_shown = 2", "least_shown = 3"), "terms.noise.least_shown"),
        (part("least_shown = 2", "least_shown = 0"), "terms.noise.least_shown"),
        (part("stays_per_thousand = 300", "stays_per_thousand = 299"), "terms.noise.stays_per_thousand"),
        (part("stays_per_thousand = 300", "stays_per_thousand = 301"), "terms.noise.stays_per_thousand"),
        (whole(&noisy, &either), "terms.methods"),
        (whole(&either, &noisy), "terms.methods"),
        (whole(&noisy, EITHER), &table(&["terms.methods"])),
        (whole(&noisy, SUPPRESS), &table(&["terms.methods"])),
        (whole(SUPPRESS, &noisy), &format!("terms.methods, {new_table}")),
        (whole(EITHER, &noisy), &format!("terms.methods, {new_table}")),
        // Others may accept `perturb` alone, so that noise is what was used together with them.
        (whole(EITHER, &either), &new_table),
        (whole(&either, EITHER), &table(&[])),
        (whole(&either, SUPPRESS), &table(&[])),
        (whole(EITHER, SUPPRESS), ""),
        (whole(SUPPRESS, EITHER), "terms.methods"),
    ] {
        let first = first().replace(SUPPRESS, before);
        let first = demo::sign("v1.toml", &first, "test", instant(0)).unwrap();
        let versions = followed(first, (before, &after));
        let snapshot = load(&versions, &[]);
        assert!(decide_at(&snapshot, versions[0].1, 239).is_ok(), "{before}");
        let looser = match decide_at(&snapshot, versions[0].1, 240) {
            Ok(permit) => {
                assert_eq!(permit.agreements().keys().collect::<Vec<_>>(), [&versions[1].1]);
                String::new()
            }
            Err(denial) => denial.blockers[0].actual.clone(),
        };
        assert_eq!(looser.trim_start_matches("agreement-0@2: "), clauses, "{before} becomes {after}");
    }
}

/// What counts is the version that holds now, whatever stood between.
#[test]
fn data_are_compared_with_the_latest_version() {
    let looser = ("k = 5\n", "k = 4\n");
    for (second, third, moves) in [(SAME, SAME, true), (looser, SAME, true), (SAME, looser, false)] {
        let mut versions = two(second);
        versions.push(next(&first(), 3, versions[1].1, third));
        let permit = decide_at(&load(&versions, &[]), versions[0].1, 240);
        let named = permit.ok().map(|permit| permit.agreements().keys().copied().collect::<Vec<_>>());
        assert_eq!(named, moves.then(|| vec![versions[2].1]), "{second:?} {third:?}");
    }
}

/// A version that is suspended or over takes what it has replaced with it.
#[test]
fn data_that_moved_stop_where_the_new_version_stops() {
    let versions = two(SAME);
    for (kind, code) in
        [(EventKind::Suspended, BlockerCode::Suspended), (EventKind::Terminated, BlockerCode::Terminated)]
    {
        let snapshot = load(&versions, &[(1, kind, 300)]);
        assert!(decide_at(&snapshot, versions[0].1, 299).is_ok());
        let denial = decide_at(&snapshot, versions[0].1, 300).unwrap_err();
        assert_eq!(denial.blockers.iter().map(|blocker| blocker.code).collect::<Vec<_>>(), [code]);
    }
}

/// Without the text of what they came under, nobody can say what is looser.
#[test]
fn data_bound_to_a_version_that_is_not_there_are_not_moved() {
    let versions = two(SAME);
    let snapshot = load(&versions[1..], &[]);
    let denial = decide_at(&snapshot, versions[0].1, 240).unwrap_err();
    assert_eq!(denial.code(), BlockerCode::AgreementUnknown);
    let dataset: DatasetId = "org-a.data".parse().unwrap();
    let bound = Governing { dataset, agreements: [versions[0].1].into() };
    assert_eq!(snapshot.rebound(&bound, instant(240)), bound);
}

/// What figures of linked records may tell only becomes less: what is out keeps its noise, and nothing more comes out with another.
#[test]
fn figures_of_linked_records_tell_no_more_under_a_later_version() {
    let with = |odds: &str| format!("links = {{ odds = {odds} }}\n");
    let looser = "terms.links.odds";
    for (before, after, clauses) in [
        (with("4"), with("4"), ""),
        (with("4"), with("3"), ""),
        (with("4"), with("5"), looser),
        (with("4"), String::new(), ""),
        (String::new(), with("4"), looser),
    ] {
        let budget = "query_budget = 10\n";
        let (before, after) = (format!("{budget}{before}"), format!("{budget}{after}"));
        let first =
            first().replace("actions = [\"derive\"]", "actions = [\"derive\", \"link\"]").replace(budget, &before);
        let versions = followed(demo::sign("v1.toml", &first, "test", instant(0)).unwrap(), (&before, &after));
        let snapshot = load(&versions, &[]);
        let found = match decide_at(&snapshot, versions[0].1, 240) {
            Ok(_) => String::new(),
            Err(denial) => denial.blockers[0].actual.clone(),
        };
        assert_eq!(found.trim_start_matches("agreement-0@2: "), clauses, "{before} becomes {after}");
    }
}
