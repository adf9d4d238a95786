//! `[terms.noise]` in files: what is refused and where, what is said of it, and what replacing it would change.

use std::collections::BTreeMap;

use super::files::{good, partnership, place};
use super::random::permissive;
use super::validity::derive_query;
use super::world::*;
use crate::*;

const NOISE: PlainNoise = [8, 6, 2, 300, 500];
const EITHER: &str = "methods = [\"suppress\", \"perturb\"]";
const PERTURB: &str = "methods = [\"perturb\"]";
const SUPPRESS: &str = "methods = [\"suppress\"]";

/// The good agreement with these methods and this table of noise, signed.
fn agreement(methods: &str, noise: &str) -> String {
    let text = good().0.replacen(EITHER, methods, 1).replacen("[forbid]\n", &format!("{noise}[forbid]\n"), 1);
    demo::sign("a.toml", &text, "test", instant(0)).unwrap()
}

fn parse(text: &str) -> Result<Agreement, Vec<model::DefinitionError>> {
    Agreement::parse("a.toml", text, &partnership(), &BTreeMap::new())
}

/// Everything that is wrong with a table, as keys and messages; each error stands at its value.
fn mistakes(noise: PlainNoise) -> Vec<(&'static str, String)> {
    let text = agreement(PERTURB, &noise_table(&noise));
    let errors = parse(&text).err().unwrap_or_default();
    let key = |error: &model::DefinitionError| {
        let at = |key: &str| (place(&text, &format!("\n{key} = ")).0 + 1, key.len() + 4) == (error.line, error.column);
        NOISE_KEYS.into_iter().find(|key| at(key)).unwrap_or_else(|| panic!("{error} stands at no key"))
    };
    errors.iter().map(|error| (key(error), error.message.clone())).collect()
}

#[test]
fn every_number_has_its_range() {
    // The largest and least that may be written, and those next to them that may not.
    for (noise, wrong, expect) in [
        (NOISE, None, ""),
        ([20, 100, 19, 950, 999], None, ""),
        ([1, 1, 0, 0, 1], None, ""),
        ([0, 1, 0, 0, 1], Some("largest"), "noise is of at most 0, but below 1 nothing is protected"),
        ([21, 6, 2, 300, 500], Some("largest"), "above 20 what averages tell takes too long to bound: choose 1 to 20"),
        ([8, 0, 2, 300, 500], Some("variance"), "the variance is 0, but below 1 most counts stay"),
        ([8, 101, 2, 300, 500], Some("variance"), "choose 1 to 100 squared counts"),
        ([8, 6, 8, 300, 500], Some("least_shown"), "choose less than `largest`"),
        ([8, 6, 9, 300, 500], Some("least_shown"), "counts to 9 are never shown, but noise of at most 8 could not"),
        ([8, 6, 2, 951, 500], Some("stays_per_thousand"), "951 of 1,000 counts stay, but above 950 hardly any"),
        ([8, 6, 2, 300, 0], Some("guess_per_thousand"), "0 of 1,000 best guesses may be right, but below 1"),
        ([8, 6, 2, 300, 1000], Some("guess_per_thousand"), "choose 1 to 999"),
    ] {
        let found = mistakes(noise);
        assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), Vec::from_iter(wrong), "{noise:?}");
        assert!(found.iter().all(|(_, message)| message.contains(expect)), "{noise:?}: {found:?}");
    }
    let keys: Vec<_> = mistakes([0, 0, 9, 1000, 1000]).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, NOISE_KEYS, "all are reported at once");
}

#[test]
fn a_table_of_noise_is_written_whole() {
    let table = noise_table(&NOISE);
    for (key, value) in NOISE_KEYS.into_iter().zip(NOISE) {
        let errors = parse(&agreement(PERTURB, &table.replace(&format!("{key} = {value}\n"), ""))).unwrap_err();
        assert!(errors[0].message.contains(&format!("missing field `{key}`")), "{errors:?}");
        for other in ["-1", "0.5", "\"1\"", "5000000000"] {
            let text = agreement(PERTURB, &table.replace(&format!("{key} = {value}"), &format!("{key} = {other}")));
            assert!(parse(&text).is_err(), "{key} = {other}");
        }
    }
    let errors = parse(&agreement(PERTURB, &format!("{table}least = 1\n"))).unwrap_err();
    assert!(errors[0].message.contains("unknown field `least`"), "{errors:?}");
}

#[test]
fn noise_is_said_where_it_is_what_protects() {
    let table = noise_table(&NOISE);
    let open = "exposure = { kind = \"open\", source = \"s\", licence = \"l\" }";
    let missing =
        "`perturb` is the only method, and nothing says how much noise protects `org-a.data`: add `[terms.noise]`";
    let idle = "`methods` does not accept `perturb`, so that no noise is added";
    for (methods, noise, is_open, wrong) in [
        (PERTURB, &*table, false, None),
        (PERTURB, "", false, Some(("[\"perturb\"]", missing))),
        (PERTURB, "", true, None),
        (PERTURB, &table, true, None),
        (EITHER, &table, false, None),
        (EITHER, "", false, None),
        (SUPPRESS, "", false, None),
        (SUPPRESS, &table, false, Some(("[terms.noise]", idle))),
        (SUPPRESS, &table, true, Some(("[terms.noise]", idle))),
    ] {
        let mut text = agreement(methods, noise);
        if is_open {
            text = text.replace("exposure = { kind = \"controlled\" }", open);
            text = demo::sign("a.toml", &text, "test", instant(0)).unwrap();
        }
        let errors = parse(&text).err().unwrap_or_default();
        let found: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
        let at = wrong.map(|(needle, _)| place(&text, needle));
        assert_eq!(found, Vec::from_iter(at), "{methods} {noise} {errors:?}");
        assert!(errors.iter().all(|error| error.message.contains(wrong.unwrap().1)), "{errors:?}");
    }
}

/// Where one dataset is open and another is not, the other is what noise protects.
#[test]
fn one_dataset_that_is_not_open_needs_noise() {
    let mut plain = permissive(&derive_query(), &[0, 1].into(), false);
    plain.methods = [Method::Perturb].into();
    let (_, text, _) = plain.signed(0);
    let open = "exposure = { kind = \"open\", source = \"s\", licence = \"l\" }";
    let text = text.replacen("exposure = { kind = \"controlled\" }", open, 1);
    let text = demo::sign("a.toml", &text, "test", instant(0)).unwrap();
    let errors = parse(&text).unwrap_err();
    assert!(matches!(&errors[..], [error] if error.message.contains("`org-b.data`")), "{errors:?}");
}

/// The table is part of what is signed.
#[test]
fn noise_is_under_the_signature() {
    let digest = |noise: &str| agreement_digest("a.toml", &agreement(EITHER, noise)).unwrap();
    assert_eq!(digest(""), agreement_digest("a.toml", &good().0).unwrap());
    assert_ne!(digest(""), digest(&noise_table(&NOISE)));
    let text = agreement(PERTURB, &noise_table(&NOISE));
    let errors = parse(&text.replace("variance = 6", "variance = 5")).unwrap_err();
    assert!(errors.iter().all(|error| error.message.contains("changed after signing")), "{errors:?}");
    assert!(!errors.is_empty());
}

#[test]
fn a_diff_says_of_each_part_whether_it_is_stricter() {
    let lines = |before: &str, after: &str| {
        let [before, after] = [before, after].map(|noise| parse(&agreement(EITHER, noise)).unwrap());
        diff(&before, &after).terms
    };
    let table = noise_table(&NOISE);
    let every = |of: [&str; 5]| {
        NOISE_KEYS.iter().zip(of).map(|(key, line)| format!("terms.noise.{key}: {line}")).collect::<Vec<_>>()
    };
    assert_eq!(
        lines("", &table),
        every([
            "no noise becomes 8: stricter",
            "no noise becomes 6: stricter",
            "no noise becomes 2: stricter",
            "no noise becomes 300: stricter",
            "no noise becomes 500: stricter",
        ])
    );
    assert_eq!(
        lines(&table, ""),
        every([
            "8 becomes no noise: looser",
            "6 becomes no noise: looser",
            "2 becomes no noise: looser",
            "300 becomes no noise: looser",
            "500 becomes no noise: looser",
        ])
    );
    assert_eq!(
        lines(&table, &noise_table(&[9, 7, 3, 301, 501])),
        every([
            "8 becomes 9: stricter",
            "6 becomes 7: stricter",
            "2 becomes 3: stricter",
            "300 becomes 301: looser",
            "500 becomes 501: looser",
        ])
    );
    assert_eq!(
        lines(&table, &noise_table(&[7, 6, 2, 300, 499])),
        ["terms.noise.largest: 8 becomes 7: looser", "terms.noise.guess_per_thousand: 500 becomes 499: stricter"]
    );
    assert_eq!(lines(&table, &table), Vec::<String>::new());
}

/// Of noise it is said what noise does, and only where that is what protects.
#[test]
fn an_explanation_says_what_noise_does() {
    let table = noise_table(&NOISE);
    let explained = |methods: &str, noise: &str, (from, to): (&str, &str)| {
        let text = demo::sign("a.toml", &agreement(methods, noise).replace(from, to), "test", instant(0)).unwrap();
        let registry = Registry::load(&[file("partnership.toml", register()), file("a.toml", text)], &[]).unwrap();
        assert_eq!(registry.errors(), &[]);
        let mut lines = explain(registry.snapshot(), &"org-a.data".parse().unwrap(), instant(1)).terms;
        lines.truncate(lines.iter().position(|line| line.starts_with("finest")).unwrap());
        lines
    };
    let (same, protect) = (("", ""), ("zeros = \"publish\"", "zeros = \"protect\""));
    let zeros = "zeros stay zero, and small counts may be shown as zero too";
    for edit in [same, protect] {
        assert_eq!(
            explained(PERTURB, &table, edit),
            [
                "counts of fewer than 5 people or events are not withheld: noise protects them (perturb)",
                "noise of at most 8 either way (variance 6) is added to every count above zero",
                "counts of 1 and 2 are never shown",
                "at least 300 of 1,000 other counts keep their value",
                "over all that may ever be asked for, nobody's best guess of a count above 10 is right with more than 50 % probability, if all counts are equally probable before",
                zeros,
            ]
        );
    }
    let rounded = explained(PERTURB, &table, ("rounding = 1\n", "rounding = 5\n"));
    assert_eq!(rounded[5], format!("{zeros}; figures are rounded to multiples of 5"));
    let counts = "counts of fewer than 5 people or events are protected";
    let (either, suppress) = (format!("{counts} (suppress or perturb)"), format!("{counts} (suppress)"));
    for (methods, noise, first) in [(EITHER, &*table, &*either), (EITHER, "", &either), (SUPPRESS, "", &suppress)] {
        assert_eq!(explained(methods, noise, same), [first, "zeros are shown"]);
        assert_eq!(explained(methods, noise, protect), [first, "zeros are protected too"]);
    }
}
