//! The folder format.

use std::fs;

use tempfile::TempDir;

use crate::run;

const TABLES: &str = r#"{"groups": [{
  "name": "fires",
  "threshold": 5,
  "dimensions": [
    {"name": "area", "atoms": ["L1", "L2", "L3"], "levels": [{"name": "ward", "codes": {"W1": ["L1", "L2"], "W2": ["L3"]}}]},
    {"name": "sex", "atoms": ["female", "male"]}
  ],
  "tables": [
    {"name": "lsoa", "rows": {"file": "data.csv", "columns": {"area": "area_code"}, "where": {"area_type": "lsoa"}}, "status": "status", "zeros_published": true},
    {"name": "ward", "rows": {"file": "data.csv", "columns": {"area": "area_code"}, "where": {"area_type": "ward"}}, "status": "status"},
    {"name": "by sex", "rows": {"file": "sex.csv", "columns": {"sex": "sex"}, "fixed": {"area": "W1"}}, "count": "n", "sensitive": ["sex"]}
  ],
  "bounds": [{"rows": {"file": "population.csv", "columns": {"area": "code"}}, "upper": "people"}],
  "known": [{"at": {"area": "L1"}, "count": 1}]
}]}"#;

fn folder(tables: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write("tables.json", tables);
    write("data.csv", "area_code,area_type,count,status\nL1,lsoa,,c\nL2,lsoa,20,ok\nL3,lsoa,,x\nW1,ward,24,ok\n");
    write("sex.csv", "sex,n\nfemale,[c]\nmale,9\n");
    write("population.csv", "code,people\nL1,300\n");
    dir
}

#[test]
fn a_folder_is_attacked() {
    let dir = folder(TABLES);
    let report = run(dir.path()).unwrap();
    assert_eq!((report.cells(), report.withheld()), (5, 2));
    assert_eq!(report.recovered().len(), 2);
    let text = report.to_string();
    assert!(text.contains("recovered: lsoa: area=L1"), "{text}");
    assert!(!text.contains("15"), "no recovered value is printed: {text}");
}

#[test]
fn mistakes_are_explained() {
    let cases = [
        ("\"L3\"]", "\"L3\", \"L3\"]", "lists atom `L3` twice"),
        ("\"W2\": [\"L3\"]", "\"W2\": [\"L2\"]", "overlap at `W2`"),
        ("\"W2\": [\"L3\"]", "\"W2\": [\"L9\"]", "`L9` in `W2`"),
        ("\"area_code\"}, \"where\": {\"area_type\": \"lsoa\"}", "\"code\"}, \"where\": {}", "no column `code`"),
        ("\"status\": \"status\"", "\"statos\": \"status\"", "does not follow docs/attack-input.md"),
        ("\"count\": \"n\"", "\"count\": \"sex\"", "not a whole number"),
        ("\"population.csv\"", "\"nothing.csv\"", "could not read"),
        ("\"sensitive\": [\"sex\"]", "\"sensitive\": [\"age\"]", "`age` as sensitive"),
        ("\"at\": {\"area\"", "\"at\": {\"age\"", "`age`, which is not a dimension"),
        ("\"fixed\": {\"area\": \"W1\"}", "\"fixed\": {\"area\": \"W7\"}", "`W7` in `by sex` is not a code"),
        ("\"where\": {\"area_type\": \"ward\"}", "\"where\": {}", "contradict"),
    ];
    for (from, to, expect) in cases {
        let text = TABLES.replacen(from, to, 1);
        assert_ne!(text, TABLES, "{from}");
        // The last case reads area rows twice, which is consistent until a count differs.
        let result = run(folder(&text).path());
        match result {
            Err(error) => assert!(error.to_string().contains(expect), "{expect}: {error}"),
            Ok(_) => assert_eq!(expect, "contradict"),
        }
    }
}
