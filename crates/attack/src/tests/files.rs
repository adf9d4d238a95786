//! The folder format.

use std::fs;

use tempfile::TempDir;

use crate::{InputLimits, run};

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

/// Rates, classes, noise, declared records, and a second revision.
#[test]
fn everything_that_can_be_described_is_read() {
    let tables = |count: &str| {
        let text = r#"{"groups": [{
          "name": "calls", "threshold": 5,
          "dimensions": [{"name": "area", "atoms": ["a", "b", "c", "d"]}, {"name": "period", "atoms": ["Q1"]}],
          "tables": [
            {"name": "calls", "rows": {"file": "data.csv", "columns": {"area": "code"}}, "status": "status", "zeros_published": true},
            {"name": "noisy", "rows": {"file": "noisy.csv", "columns": {"area": "code"}}, "within": 2}
          ],
          "bounds": [{"rows": {"file": "limits.csv", "columns": {"area": "code"}}, "lower": "low", "upper": "high"}],
          "rates": [{"rows": {"file": "data.csv", "columns": {"area": "code"}}, "denominator": "people", "per": 100,
                     "limits": "wilson", "value": "rate", "lower_95": "low", "upper_95": "high"}],
          "classes": [{"rows": {"file": "data.csv", "columns": {"area": "code"}}, "class": "class", "denominator": "people"}],
          "attackers": [{"name": "partner", "known": [{"at": {"area": "a"}, "count": 2}]}]
        }]}"#;
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("tables.json", text);
        let rows = "a,,c,100,,,,1\nb,,c,100,10.0,5.5,17.4,2\nc,30,ok,100,30.0,,,3\nd,,c,200,,,,\nall,COUNT,ok,,,,,\n";
        let header = "code,count,status,people,rate,low,high,class\n";
        write("data.csv", &format!("{header}{}", rows.replace("COUNT", count)));
        write("noisy.csv", "code,count\nd,20\n");
        write("limits.csv", "code,low,high\na,1,\nd,,40\n");
        dir
    };
    let first = tables("70");
    let problem = crate::read(first.path(), &InputLimits::default()).unwrap().remove(0);
    assert_eq!((problem.bounds.len(), problem.comparisons.len(), problem.attackers.len()), (4, 2, 1));
    let report = run(first.path()).unwrap();
    let group = &report.groups[0];
    // The printed rate of b is 10 of 100, and a's class is lower: 8 to 10 are left for a, 20 to 22 for d.
    let found = |findings: &[crate::Finding]| {
        findings.iter().map(|f| format!("{} {}..{}", f.cell, f.lower, f.upper)).collect::<Vec<_>>()
    };
    assert_eq!(found(&group.with_marks.recovered), ["calls: area=b 10..10"]);
    assert_eq!(found(&group.with_marks.narrow), ["calls: area=a 8..10", "calls: area=d 20..22"]);
    let failures = report.failures();
    assert!(failures.iter().any(|f| f.promise == crate::Promise::NoProofOfSmallness && f.attacker == "everybody"));
    assert!(failures.iter().any(|f| f.to_string() == "calls: 1 cells recovered (everybody)"), "{failures:?}");
    // One more in all, and nothing else is known of it: two revisions of the same tables.
    let second = tables("71");
    let folders = [first.path().to_owned(), second.path().to_owned()];
    let joint = crate::read_over_time(&folders, crate::Feed::Appends, &InputLimits::default()).unwrap();
    assert_eq!((joint.len(), joint[0].dimensions.len(), joint[0].tables.len()), (1, 3, 4));
    let report = crate::attack_all(&joint, &crate::Options::default()).unwrap();
    assert_eq!(report.groups[0].with_marks.recovered.len(), 2);
    assert!(crate::read_over_time(&[], crate::Feed::Appends, &InputLimits::default()).unwrap().is_empty());
}

/// A word that compares an area with all areas, whose count is shown: with the right word a small count is recovered.
#[test]
fn words_are_read_as_inequalities() {
    let tables = r#"{"groups": [{"name": "g", "threshold": 5,
      "dimensions": [{"name": "area", "atoms": ["L1", "L2"]}],
      "tables": [{"name": "areas", "rows": {"file": "counts.csv", "columns": {"area": "area"}}}],
      "words": [{"rows": {"file": "words.csv", "columns": {"area": "area"}}, "word": "word",
                 "other": {"area": OTHER}, "denominator": "people", "other_denominator": "all_people",
                 "says": {"higher": "above", "similar": "nothing", "lower": "below", "equal": "same"}}]}]}"#;
    let ranges = |word: &str, other: &str| {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("tables.json", &tables.replace("OTHER", other));
        write("counts.csv", "area,count\nL1,\nL2,\nall,24\n");
        write("words.csv", &format!("area,word,people,all_people,whole\nL1,{word},100,300,all\n"));
        let problem = crate::read(dir.path(), &InputLimits::default()).map_err(|error| error.to_string())?.remove(0);
        let found = crate::ranges(&problem, &crate::Options::default()).unwrap();
        Ok::<_, String>(found["areas: area=L1"])
    };
    let code = r#"{"code": "all"}"#;
    // A third of the people: a third of 24 is the benchmark.
    for (word, expect) in
        [("similar", (0, 24)), ("", (0, 24)), ("higher", (9, 24)), ("lower", (0, 7)), ("equal", (8, 8))]
    {
        assert_eq!(ranges(word, code), Ok(expect), "{word}");
        assert_eq!(ranges(word, r#"{"column": "whole"}"#), Ok(expect), "{word}");
    }
    assert!(ranges("high", code).unwrap_err().contains("what the word `high` says"));
    assert!(ranges("higher", r#"{"kode": "all"}"#).unwrap_err().contains("does not follow"));
}
