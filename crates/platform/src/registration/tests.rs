//! The sample partnership is registered whole; others are refused for each reason.

use std::path::PathBuf;

use crate::error::PlatformError;
use crate::testing::{Small, copy, root};

/// Replaces the small partnership's views by these, written `name area period breakdown`.
fn with_views(small: &Small, more: &str, views: &[&str]) {
    let _ = std::fs::remove_file(small.indicators().join("deliberate-fires.toml"));
    let text = std::fs::read_to_string(root().join("sample-data/indicators/fire-incidents.toml")).unwrap();
    let mut text =
        text.split("[[view]]").next().unwrap().replacen("\nexpected_per_year = 2000", &format!("\n{more}"), 1);
    for view in views {
        let mut words = view.split(' ');
        let mut next = || words.next().unwrap();
        let (name, area, period) = (next(), next(), next());
        let by: Vec<String> = words.map(|word| format!("\"{word}\"")).collect();
        text.push_str(&format!(
            "\n[[view]]\nname = \"{name}\"\narea_type = \"{area}\"\nperiod_type = \"{period}\"\nby = [{}]\n",
            by.join(", ")
        ));
    }
    std::fs::write(small.indicators().join("fire-incidents.toml"), text).unwrap();
}

/// A copy of the sample's geography in which one small area has so many people; without a population file if nobody is given.
fn geography(small: &Small, people: Option<&str>) -> PathBuf {
    let folder = small.folder.path().join("geography");
    copy(&root().join("sample-data/geography"), &folder);
    let manifest = folder.join("geography.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let (before, file) = text.split_at(text.find("[[file]]\nkind = \"population\"").unwrap());
    let mut text = before.to_owned();
    if let Some(people) = people {
        text.push_str(&file.replace(".csv.gz", ".csv"));
        let atoms = (1..=140).map(|n| format!("E0199{n:04},{}\n", if n == 11 { people } else { "1500" }));
        let csv = format!("LSOA21CD,POPULATION\n{}", atoms.collect::<String>());
        std::fs::write(folder.join("lsoa21-population23.csv"), csv).unwrap();
    }
    std::fs::write(&manifest, text).unwrap();
    manifest
}

#[test]
fn the_sample_partnership_is_registered_whole() {
    let small = Small::new();
    copy(&root().join("sample-data/indicators"), &small.indicators());
    let platform = small.open();
    assert!(platform.state().definitions.indicators().count() > 15);
    assert_eq!(platform.refused_views(), [""; 0]);
}

#[test]
fn each_reason_refuses_the_views_that_it_is_about_and_no_other() {
    for (more, views, refused, expect) in [
        (
            "",
            &["view-0 msoa quarter", "view-1 ward quarter", "view-2 beat quarter"][..],
            "view-2",
            "at most two such geographies",
        ),
        (
            "",
            &["view-0 msoa month", "view-1 ward quarter", "view-2 beat calendar-year"],
            "view-2",
            "at most two such geographies",
        ),
        ("", &["view-0 msoa calendar-year", "view-1 district financial-year"], "view-1", "use calendar-year"),
        ("", &["view-0 district month", "view-1 msoa rolling-12"], "view-1", "shares months with the next"),
        (
            "expected_per_year = 300",
            &["view-0 partnership calendar-year", "view-1 lsoa calendar-year"],
            "view-1",
            "publish larger areas",
        ),
        (
            "expected_per_year = 300",
            &["view-0 partnership calendar-year", "view-1 lsoa calendar-year"],
            "view-1",
            "register it by msoa",
        ),
        (
            "",
            &["view-0 district month", "view-1 lsoa month incident_type"],
            "view-1",
            "without the breakdown by incident_type",
        ),
    ] {
        let mut small = Small::new();
        small.limits.view_cells = 5_000;
        with_views(&small, more, views);
        let platform = small.open();
        let found = platform.refused_views();
        assert_eq!(found.len(), 1, "{views:?}: {found:?}");
        let start = format!("view `fire-incidents/{refused}` is not registered: ");
        assert!(found[0].starts_with(&start) && found[0].contains(expect), "{found:?}");
    }
}

#[test]
fn a_geography_with_areas_that_are_too_small_is_refused_where_they_are_published() {
    for (people, views, expect) in [
        ("999", &["view-0 lsoa calendar-year"][..], Some("area `E01990011` has 999 people, fewer than 1000")),
        ("1000", &["view-0 lsoa calendar-year"], None),
        // Not published by themselves; but what two areas differ by.
        ("999", &["view-0 msoa calendar-year"], None),
        ("999", &["view-0 msoa calendar-year", "view-1 ward calendar-year"], Some("differ by a sliver of 999 people")),
    ] {
        let small = Small::new();
        with_views(&small, "", views);
        let platform = small.open();
        let before = platform.state().geography().unwrap().digest;
        let outcome = platform.import_geography(&geography(&small, Some(people)), None);
        let after = platform.state().geography().unwrap().digest;
        match (outcome, expect) {
            (Ok(_), None) => assert_ne!(before, after),
            (Err(error @ PlatformError::Unregistrable { .. }), Some(expect)) => {
                assert!(error.to_string().contains(expect), "{error}");
                assert_eq!(before, after, "the one in use stays");
            }
            (outcome, _) => panic!("{people} {views:?}: {outcome:?}"),
        }
    }
}

#[test]
fn without_populations_nothing_controlled_is_registered() {
    let small = Small::new();
    let platform = small.open();
    platform.import_geography(&geography(&small, None), None).unwrap();
    let found = platform.refused_views();
    assert!(!found.is_empty() && found.iter().all(|text| text.contains("kind `population`")), "{found:?}");
}

/// A refused view is not published, and the publish job says so; what is out already comes before any other.
#[test]
fn a_refused_view_is_left_out_and_one_that_is_out_stays() {
    let small = Small::new();
    with_views(&small, "", &["old district quarter"]);
    let platform = small.open();
    Small::upload(&platform, 1);
    assert_eq!(platform.publish_pending(&mut |_| ()).unwrap().failures, [""; 0]);
    drop(platform);
    with_views(&small, "", &["new district academic-year", "old district quarter"]);
    let platform = small.open();
    let report = platform.publish_pending(&mut |_| ()).unwrap();
    let failures = report.failures.join("; ");
    assert!(failures.contains("`fire-incidents/new` is not registered"), "{report}");
    assert!(!failures.contains("`fire-incidents/old` is not registered"), "{report}");
    // Also where an agreement was suspended and nothing of it is shown: nobody has forgotten what was.
    platform.change(|state| (state.released, state.cubes) = Default::default());
    let refused = platform.refused_views();
    assert!(refused.len() == 1 && refused[0].contains("`fire-incidents/new`"), "{refused:?}");
}

/// Half of what three choices add up to would be one type that nobody publishes.
#[test]
fn indicators_may_not_choose_categories_that_cross() {
    let small = Small::new();
    let text = std::fs::read_to_string(root().join("sample-data/indicators/deliberate-fires.toml")).unwrap();
    let write = |name: &str, chosen: &str| {
        let text = text.replace("id = \"deliberate-fires\"", &format!("id = \"{name}\""));
        let filter = "filter = { incident_type = [\"deliberate fire\"] }";
        assert!(text.contains(filter) && text.contains(name), "{name}");
        let text = text.replace(filter, &format!("filter = {{ incident_type = [{chosen}] }}"));
        std::fs::write(small.indicators().join(format!("{name}.toml")), text).unwrap();
    };
    std::fs::remove_file(small.indicators().join("deliberate-fires.toml")).unwrap();
    write("fires-a", "\"deliberate fire\", \"accidental fire\"");
    write("fires-b", "\"accidental fire\", \"road traffic collision\"");
    write("fires-c", "\"accidental fire\"");
    let refused = small.open().refused_views();
    assert!(!refused.is_empty(), "{refused:?}");
    for text in &refused {
        assert!(text.contains("`fires-b/") && text.contains("counts a choice of `incident_type`"), "{text}");
    }
}

/// A register is a choice of those on the list: what it is filtered by is compared with what the list is.
#[test]
fn a_part_may_not_choose_categories_that_cross_those_of_its_whole() {
    let small = Small::new();
    std::fs::remove_file(small.indicators().join("deliberate-fires.toml")).unwrap();
    let text = std::fs::read_to_string(root().join("sample-data/indicators/diabetes-prevalence.toml")).unwrap();
    let (head, _) = text.split_once("[numerator]").unwrap();
    let view = &text[text.find("[[view]]").unwrap()..];
    let write = |name: &str, measure: &str, chosen: &str| {
        let head = head
            .replace("diabetes-prevalence", name)
            .replace("type = \"proportion\"", "type = \"count\"")
            .replace("multiplier = 100", "multiplier = 1")
            .replace("decimals = 2", "decimals = 0")
            .replace("interval = \"wilson\"", "interval = \"none\"");
        let dataset = "nhs-chorley-and-south-ribble-ccg.practice-prevalence";
        let of = format!(
            "[numerator]\ndataset = \"{dataset}\"\nmeasure = \"{measure}\"\nfilter = {{ condition = [{chosen}] }}\n\n"
        );
        std::fs::write(small.indicators().join(format!("{name}.toml")), format!("{head}{of}{view}")).unwrap();
    };
    write("all-listed", "list_size", "\"copd\", \"diabetes\"");
    write("on-register", "register", "\"diabetes\"");
    assert_eq!(small.open().refused_views(), [""; 0]);
    write("on-register", "register", "\"diabetes\", \"asthma\"");
    let refused = small.open().refused_views();
    assert!(refused.len() == 1 && refused[0].contains("`on-register/"), "{refused:?}");
    assert!(refused[0].contains("counts a choice of `condition`"), "{refused:?}");
}

/// From a file to what is shown: all but two of a network's list have the condition.
#[test]
fn what_a_list_has_beyond_its_register_is_protected() {
    use std::io::Read as _;
    let dataset = "nhs-chorley-and-south-ribble-ccg.practice-prevalence";
    let mut text = String::new();
    let packed = Small::sample(dataset, "2023-24");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    let lines = |without: u64| -> String {
        let mut left = without;
        let line = |line: &str| {
            let mut fields: Vec<String> = line.split(',').map(str::to_owned).collect();
            if matches!(fields[0].as_str(), "P99001" | "P99002" | "P99003" | "P99004") && fields[1] == "DM" {
                let list: u64 = fields[4].parse().unwrap();
                fields[2] = (list - std::mem::take(&mut left)).to_string();
            }
            format!("{}\n", fields.join(","))
        };
        text.lines().map(line).collect()
    };
    for (without, visible) in [(2, false), (50, true)] {
        let small = Small::of(&["diabetes-prevalence"]);
        let platform = small.open();
        Small::take_in(&platform, dataset, "2023-04-01/P1Y", lines(without).as_bytes());
        assert_eq!(platform.publish_pending(&mut |_| ()).unwrap().failures, [""; 0]);
        let state = platform.state();
        let cube = state.cubes.values().next().unwrap();
        let row = cube.rows.get().iter().find(|row| row.area_code.as_str() == "U99001").unwrap();
        assert_eq!((row.value.is_some(), row.denominator.is_some()), (visible, visible), "{without}: {row:?}");
    }
}

#[test]
fn choices_of_ages_are_compared_by_years() {
    let of = |bands: &[&str]| {
        let bands = bands.iter().map(|band| (*band).to_owned()).collect();
        super::counted(None, "count", &std::collections::BTreeMap::from([("age".to_owned(), bands)]))
    };
    let [inside, around, beside] = [of(&["16-17", "18-24"]), of(&["0-15", "16-24"]), of(&["18-24", "25+"])];
    assert!(!of(&["0-17", "unknown"]).filter["age"].is_disjoint(&of(&["18+", "unknown"]).filter["age"]));
    let years = |counted: &disclosure::Counted| counted.filter["age"].len();
    assert_eq!((years(&inside), years(&around), years(&beside)), (9, 25, 238));
    assert!(inside.filter["age"].is_subset(&around.filter["age"]));
    assert!(!around.filter["age"].is_disjoint(&beside.filter["age"]));
}
