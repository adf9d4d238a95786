//! A partnership of one's own, as the README makes one: a folder, a geography, files one after the other.

use std::path::Path;

use super::program;
use crate::support::root;

const FIRES: &str = "lancashire-fire-and-rescue.incidents";
const PEOPLE: &str = "office-for-national-statistics.population";

/// What a command prints that succeeds.
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = program(folder, arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn ingest(folder: &Path, dataset: &str, file: &str, period: &str, more: &[&str]) -> String {
    let file = root().join("sample-data/partners").join(file);
    done(folder, &[&["ingest", dataset, file.to_str().unwrap(), "--period", period], more].concat())
}

/// A year is there with its last quarter, also where a view of small counts had no cell before.
#[test]
fn quarters_that_come_one_after_the_other_make_a_year() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, &["init"]);
    done(folder, &["geography", "import", root().join("sample-data/geography/geography.toml").to_str().unwrap()]);
    ingest(folder, PEOPLE, "office-for-national-statistics/population/2025.csv.gz", "2025-01-01/P1Y", &[]);
    for (number, month) in (1..).zip(["01", "04", "07", "10"]) {
        let file = format!("lancashire-fire-and-rescue/incidents/2025-Q{number}.csv.gz");
        let said = ingest(folder, FIRES, &file, &format!("2025-{month}-01/P3M"), &["--json"]);
        let receipt: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(receipt["publication"], "done: published", "{number}: {said}");
    }
    let table = |indicator: &str, area_type: &str| done(folder, &["query", indicator, "--area-type", area_type]);
    assert!(table("fire-incidents", "lsoa").lines().count() > 140);
    assert!(table("deliberate-fires", "neighbourhood").lines().count() >= 9);
}

#[test]
fn what_an_indicator_waits_for_is_said_until_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let done = |arguments: &[&str]| done(folder.path(), arguments);
    let ingest = |dataset: &str, file: &str, period: &str| ingest(folder.path(), dataset, file, period, &[]);
    assert!(done(&["init"]).contains("from this folder only"));
    let geography = root().join("sample-data/geography/geography.toml");
    done(&["geography", "import", geography.to_str().unwrap()]);

    let fires = "lancashire-fire-and-rescue/incidents/2025-Q1.csv.gz";
    let said = ingest(FIRES, fires, "2025-01-01/P3M");
    let waits = "`fire-incidents` waits for data of `office-for-national-statistics.population`";
    assert!(said.contains("dropped column") && said.contains(waits), "{said}");

    let people = "office-for-national-statistics/population/2025.csv.gz";
    let said = ingest(PEOPLE, people, "2025-01-01/P1Y");
    assert!(!said.contains(waits), "{said}");
    let table = || done(&["query", "fire-incidents", "--area-type", "msoa"]);
    assert!(table().lines().count() > 30, "{}", table());

    // Withdrawn it is gone; sent anew it waits for a reviewer.
    let said = done(&["withdraw", FIRES, "2025-01-01/P3M"]);
    assert!(said.contains("2025-01-01/P3M: 1 file withdrawn"), "{said}");
    let query = program(folder.path(), &["query", "fire-incidents", "--area-type", "msoa"]).output().unwrap();
    assert!(!query.status.success(), "{query:?}");
    let said = ingest(FIRES, fires, "2025-01-01/P3M");
    assert!(said.contains("not revised: lancashire-fire-and-rescue.incidents: 1 corrected files"), "{said}");
    let preview = done(&["disclosure", "revise", FIRES]);
    let code = preview.split("--publish ").nth(1).unwrap().trim().to_owned();
    done(&["disclosure", "revise", FIRES, "--publish", &code]);
    assert!(table().lines().count() > 30, "{}", table());
}
