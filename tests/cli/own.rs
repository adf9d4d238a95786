//! A partnership of one's own, as the README makes one: a folder, a geography, files one after the other.

use super::program;
use crate::support::root;

#[test]
fn what_an_indicator_waits_for_is_said_until_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let done = |arguments: &[&str]| {
        let output = program(folder.path(), arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let ingest = |dataset: &str, file: &str, period: &str| {
        let file = root().join("sample-data/partners").join(file);
        done(&["ingest", dataset, file.to_str().unwrap(), "--period", period])
    };
    assert!(done(&["init"]).contains("from this folder only"));
    let geography = root().join("sample-data/geography/geography.toml");
    done(&["geography", "import", geography.to_str().unwrap()]);

    let fires = "lancashire-fire-and-rescue/incidents/2025-Q1.csv.gz";
    let said = ingest("lancashire-fire-and-rescue.incidents", fires, "2025-01-01/P3M");
    let waits = "`fire-incidents` waits for data of `office-for-national-statistics.population`";
    assert!(said.contains("dropped column") && said.contains(waits), "{said}");

    let people = "office-for-national-statistics/population/2025.csv.gz";
    let said = ingest("office-for-national-statistics.population", people, "2025-01-01/P1Y");
    assert!(!said.contains(waits), "{said}");
    let table = || done(&["query", "fire-incidents", "--area-type", "msoa"]);
    assert!(table().lines().count() > 30, "{}", table());

    // Withdrawn it is gone; sent anew it waits for a reviewer.
    let said = done(&["withdraw", "lancashire-fire-and-rescue.incidents", "2025-01-01/P3M"]);
    assert!(said.contains("2025-01-01/P3M: 1 file withdrawn"), "{said}");
    let query = program(folder.path(), &["query", "fire-incidents", "--area-type", "msoa"]).output().unwrap();
    assert!(!query.status.success(), "{query:?}");
    let said = ingest("lancashire-fire-and-rescue.incidents", fires, "2025-01-01/P3M");
    assert!(said.contains("not revised: lancashire-fire-and-rescue.incidents: 1 corrected files"), "{said}");
    let preview = done(&["disclosure", "revise", "lancashire-fire-and-rescue.incidents"]);
    let code = preview.split("--publish ").nth(1).unwrap().trim().to_owned();
    done(&["disclosure", "revise", "lancashire-fire-and-rescue.incidents", "--publish", &code]);
    assert!(table().lines().count() > 30, "{}", table());
}
