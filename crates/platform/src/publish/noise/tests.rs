//! What may be registered, beside what was, and what of an agreement noise cannot keep.

use std::path::Path;

use super::*;
use crate::check_agreements;
use crate::testing::{Small, root};

const COLLEGE: &str = "runshaw-college.participation";

/// The college's contract with another text in the place of one.
fn contract(from: &str, to: &str) -> DatasetContract {
    let path = root().join(format!("sample-data/contracts/{COLLEGE}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from}");
    DatasetContract::parse("contract", &text.replacen(from, to, 1)).unwrap()
}

fn grammar(from: &str, to: &str) -> Grammar {
    Grammar::of(&contract(from, to)).unwrap()
}

fn sample() -> Grammar {
    grammar("revisions = 2", "revisions = 2")
}

#[test]
fn what_was_registered_is_not_forgotten_and_only_what_still_is_may_be_asked() {
    let by_sex = grammar("by = [\"sex\", \"level\"]", "by = [\"sex\"]");
    let together = by_sex.clone().after(&sample()).unwrap();
    assert_eq!(together, sample());
    assert_eq!(together.and(&by_sex).by.keys().collect::<Vec<_>>(), ["sex"]);
    let wards = grammar("areas = [\"lsoa\", \"district\"]", "areas = [\"lsoa\", \"ward\"]");
    let together = wards.clone().after(&sample()).unwrap();
    assert_eq!(together.areas.len(), 3);
    assert_eq!(together.and(&wards).areas, wards.areas);
    let once = grammar("revisions = 2", "revisions = 1");
    assert_eq!(once.after(&sample()).unwrap().revisions, 2, "it was published as often");
    for (from, to, why) in [
        (
            "\"entry and level 1\", \"level 2\", \"level 3\"]",
            "\"entry and level 1\", \"level 2\", \"level 3\", \"level 4\"]",
            "categories of `level`",
        ),
        ("periods = [\"academic-year\"]", "periods = [\"month\"]", "another type of period"),
        (
            "role = \"link\"\nscheme = \"local\"\ntreatment = \"pseudonymise\"",
            "role = \"special\"\ntreatment = \"drop\"",
            "people were counted",
        ),
        (
            "area_type = \"lsoa\"\nboundary_year = 2021",
            "area_type = \"msoa\"\nboundary_year = 2021",
            "areas of another type",
        ),
    ] {
        let refused = grammar(from, to).after(&sample()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}

/// With `unknown`, without, and as if everybody were in one cell of every crossing.
#[test]
fn a_registration_is_judged_in_what_may_be_known_of_it() {
    let small = Small::of(&[]);
    let platform = small.open();
    let state = platform.state();
    let forms = sample().registered(&state.geography().unwrap().gazetteer);
    let atoms: Vec<Vec<u32>> = forms.iter().map(|form| form.dimensions.iter().map(|d| d.atoms).collect()).collect();
    assert_eq!(atoms, [vec![140, 1, 4, 3], vec![140, 1, 3, 2], vec![1]]);
    assert_eq!(forms.iter().map(|form| form.revisions).collect::<Vec<_>>(), [2, 2, 2 * 2 * 4]);
}

/// Before any data, and again with what the agreements ask for: nothing is published of what is refused.
#[test]
fn a_registration_that_gives_away_too_much_is_refused_before_any_data() {
    let small = Small::of(&["college-participation"]).without_denominator();
    assert_eq!(small.open().refused_views(), [""; 0]);
    small.amend("college-participation", "guess_per_thousand = 500", "guess_per_thousand = 400");
    let platform = small.open();
    let refused = platform.refused_views().join(" ");
    assert!(
        refused.contains("could be guessed with probability 0.") && refused.contains("raise `variance`"),
        "{refused}"
    );
    Small::take_in(&platform, COLLEGE, "2024-09-01/P1Y", &Small::sample(COLLEGE, "2024-25"));
    let report = platform.publish_pending(&mut |_| ()).unwrap();
    assert!(report.published.is_empty() && report.failures.join(" ").contains("above the cap of 0.40"), "{report}");
    assert!(platform.state().released.is_empty());
}

#[test]
fn what_noise_cannot_keep_is_said_when_agreements_are_checked() {
    let check =
        |folder: &Path| check_agreements(folder, &root().join("sample-data/contracts")).unwrap().errors.join(" ");
    let share = "own_rows = true\np_percent = 10";
    let largest = "own_rows = true\ndominance = { contributors = 1, percent = 50 }";
    for (from, to, why) in [
        ("rounding = 1", "rounding = 1", ""),
        ("zeros = \"publish\"", "zeros = \"protect\"", "noise leaves zeros as they are"),
        ("rounding = 1", "rounding = 5", "noise and rounding"),
        ("decoys_per_thousand = 0", "decoys_per_thousand = 10", "nothing is withheld beside noise"),
        ("own_rows = true", share, "does not hide a large share"),
        ("own_rows = true", largest, "does not hide a large share"),
        ("variance = 9", "variance = 60", "is not possible"),
    ] {
        let small = Small::of(&[]);
        if from != to {
            small.amend("college-participation", from, to);
        }
        let said = check(&small.agreements());
        assert!(if why.is_empty() { said.is_empty() } else { said.contains(why) }, "{to}: {said}");
    }
}

#[test]
fn views_beside_noise_are_counts_of_what_is_registered() {
    let sample = contract("revisions = 2", "revisions = 2");
    let path = root().join("sample-data/indicators/college-participation.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let refusals = |from: &str, to: &str| -> Vec<String> {
        assert!(text.contains(from), "{from}");
        let indicator = Indicator::parse("indicator", &text.replacen(from, to, 1)).unwrap();
        indicator.views.iter().filter_map(|view| not_registered(&sample, &indicator, view)).collect()
    };
    assert_eq!(refusals("version", "version"), [""; 0]);
    let numerator = "measure = \"count\"\n";
    for (from, to, all, why) in [
        (numerator, "measure = \"count\"\nfilter = { sex = [\"female\"] }\n", true, "is something else"),
        ("area_type = \"lsoa\"", "area_type = \"msoa\"", false, "has not all that it is by"),
        ("by = [\"sex\", \"level\"]", "by = [\"sex\", \"course\"]", false, "has not all that it is by"),
    ] {
        let refused = refusals(from, to);
        assert_eq!(refused.len(), if all { 2 } else { 1 }, "{refused:?}");
        assert!(refused.iter().all(|refusal| refusal.contains(why)), "{refused:?}");
    }
}
