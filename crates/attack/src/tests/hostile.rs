//! Input that must not pass for tables that withstood, and must not exhaust memory.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::{AttackError, Cell, InputLimits, MOST_COUNT, Options, Value, attack, read};

const TABLES: &str = r#"{"groups": [{
  "name": "fires", "threshold": 5,
  "dimensions": [{"name": "area", "atoms": ["L1", "L2"]}],
  "tables": [{"name": "t", "rows": {"file": "data.csv", "columns": {"area": "code"}}}]
}]}"#;
const ROWS: &str = "code,kind,count\nL1,a,\nL2,a,20\nall,b,31\n";

fn folder(tables: &str, rows: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tables.json"), tables).unwrap();
    fs::write(dir.path().join("data.csv"), rows).unwrap();
    dir
}

fn error(dir: &Path, limits: &InputLimits) -> String {
    let error = match read(dir, limits) {
        Err(error) => error,
        Ok(problems) => attack(&problems[0], &Options::default()).unwrap_err(),
    };
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error} {cause}")
}

/// The error of the tables with one thing changed.
fn changed(from: &str, to: &str) -> String {
    let (tables, rows) = (TABLES.replace(from, to), ROWS.replace(from, to));
    assert!(tables != TABLES || rows != ROWS, "{from}");
    error(folder(&tables, &rows).path(), &InputLimits::default())
}

#[test]
fn the_tables_themselves_are_attacked() {
    let dir = folder(TABLES, ROWS);
    assert_eq!(crate::run(dir.path()).unwrap().recovered().len(), 1);
}

#[test]
fn counts_that_could_overflow_are_refused() {
    for count in ["18446744073709551615", "68719476737"] {
        assert!(
            changed("L2,a,20", &format!("L2,a,{count}")).contains("line 3: the count is above 68719476736"),
            "{count}"
        );
        assert!(changed("all,b,31", &format!("all,b,{count}")).contains("line 4: the count is above"), "{count}");
    }
    assert!(changed("all,b,31", "all,b,NaN").contains("not a whole number"));
    let within = format!("\"within\": {}", u64::MAX);
    assert!(changed("\"name\": \"t\"", &format!("\"name\": \"t\", {within}")).contains("a count of `t` is above"));
    let known = |count: u64| format!("\"threshold\": 5, \"known\": [{{\"at\": {{}}, \"count\": {count}}}]");
    assert!(changed("\"threshold\": 5", &known(u64::MAX)).contains("the sum of known records"));
    let largest = folder(TABLES, &ROWS.replace("31", &MOST_COUNT.to_string()));
    assert_eq!(crate::run(largest.path()).unwrap().recovered().len(), 1);
    // What did not come from a file is looked at too.
    let mut problem = read(folder(TABLES, ROWS).path(), &InputLimits::default()).unwrap().remove(0);
    problem.tables[0].cells.push(Cell { codes: vec!["L1".to_owned()], value: Value::Released(u64::MAX) });
    assert!(matches!(attack(&problem, &Options::default()), Err(AttackError::Definition { .. })));
}

#[test]
fn nothing_to_attack_is_an_error() {
    let group = &TABLES[TABLES.find('[').unwrap() + 1..TABLES.rfind(']').unwrap()];
    let tables = &group[group.find("\"tables\"").unwrap()..];
    for (from, to, expect) in [
        (group, "", "nothing to attack: `"),
        (tables, "\"tables\": []}", "nothing to attack: group `fires` has no table"),
        ("L1,a,\nL2,a,20\nall,b,31\n", "", "has no row: nothing of it would be attacked"),
        ("L1,a,\nL2,a,20\nall,b,31\n", "L1,a,[x]\n", "nothing to attack: group `fires` has no table, or no cell"),
        ("\"name\": \"t\"", "\"open\": true, \"name\": \"t\"", "no cell in any table that is not open"),
        (
            "\"columns\": {\"area\"",
            "\"where\": {\"kind\": \"z\"}, \"columns\": {\"area\"",
            "no row with `z` in column `kind`",
        ),
        ("\"threshold\": 5", "\"threshold\": 1", "a threshold of 1 protects nobody"),
    ] {
        let found = changed(from, to);
        assert!(found.contains(expect), "{expect}: {found}");
    }
}

#[test]
fn names_that_occur_twice_are_refused() {
    let group = &TABLES[TABLES.find('[').unwrap() + 1..TABLES.rfind(']').unwrap()];
    let dimension = r#"{"name": "area", "atoms": ["L1", "L2"]}"#;
    for (from, to, expect) in [
        (group, format!("{group}, {group}"), "`fires`: is the name of two groups"),
        (dimension, format!("{dimension}, {dimension}"), "two dimensions are called `area`"),
        (
            "{\"area\": \"code\"}",
            "{\"area\": \"code\", \"area\": \"kind\"}".to_owned(),
            "`area` occurs twice in one object",
        ),
        ("code,kind", "code,code".to_owned(), "two columns `code`"),
    ] {
        let found = changed(from, &to);
        assert!(found.contains(expect), "{expect}: {found}");
    }
}

#[test]
fn only_regular_files_of_the_folder_are_read() {
    let elsewhere = folder(TABLES, ROWS);
    let file = elsewhere.path().join("data.csv");
    let named = |name: &str| changed("data.csv", name);
    assert!(named(file.to_str().unwrap()).contains("must be a name inside the folder"));
    assert!(named("../data.csv").contains("must be a name inside the folder"));
    assert!(named("a/../../data.csv").contains("must be a name inside the folder"));
    assert!(named("").contains("must be a name inside the folder"));
    assert!(named(".").contains("must be a name inside the folder"));
    let dir = folder(&TABLES.replace("data.csv", "inner"), ROWS);
    fs::create_dir(dir.path().join("inner")).unwrap();
    assert!(error(dir.path(), &InputLimits::default()).contains("no regular file"));
    assert!(error(&dir.path().join("missing"), &InputLimits::default()).contains("could not read"));
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_and_pipes_are_refused() {
    use std::os::unix::fs::symlink;
    let elsewhere = folder(TABLES, ROWS);
    let dir = folder(&TABLES.replace("data.csv", "link"), ROWS);
    let link = dir.path().join("link");
    for (to, expect) in [
        (elsewhere.path().join("data.csv"), "a link out of the folder"),
        ("/dev/zero".into(), "a link out of the folder"),
        ("link".into(), "could not read"),
    ] {
        symlink(&to, &link).unwrap();
        let found = error(dir.path(), &InputLimits::default());
        assert!(found.contains(expect), "{expect}: {found}");
        fs::remove_file(&link).unwrap();
    }
    symlink(elsewhere.path(), &link).unwrap();
    fs::write(dir.path().join("tables.json"), TABLES.replace("data.csv", "link/data.csv")).unwrap();
    assert!(error(dir.path(), &InputLimits::default()).contains("a link out of the folder"));
    fs::remove_file(&link).unwrap();
    symlink("data.csv", &link).unwrap();
    fs::write(dir.path().join("tables.json"), TABLES.replace("data.csv", "link")).unwrap();
    assert!(read(dir.path(), &InputLimits::default()).is_ok(), "a link inside the folder is read");
    // A pipe would be waited at for ever.
    fs::remove_file(&link).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&link).status().unwrap();
    assert!(made.success());
    assert!(error(dir.path(), &InputLimits::default()).contains("no regular file"));
}

#[test]
fn sizes_are_limited() {
    let dir = folder(TABLES, ROWS);
    let size = (TABLES.len() + ROWS.len()) as u64;
    let limits = |max_bytes, max_cells| InputLimits { max_bytes, max_cells };
    assert!(read(dir.path(), &limits(size, 3)).is_ok());
    let found = error(dir.path(), &limits(size - 1, 3));
    let most = format!("more than {} would be read in all", size - 1);
    assert!(found.contains("`data.csv` has") && found.contains(&most), "{found}");
    assert!(error(dir.path(), &limits(10, 3)).contains("`tables.json` has"));
    let found = error(dir.path(), &limits(size, 2));
    assert!(found.contains("more than 2 cells") && found.contains("(max_cells)"), "{found}");
    // The limits hold for all folders of an attack together.
    let twice = [dir.path().to_owned(), dir.path().to_owned()];
    let over_time = |limits| crate::read_over_time(&twice, crate::Feed::Appends, &limits);
    assert!(over_time(limits(2 * size, 6)).is_ok());
    assert!(over_time(limits(2 * size - 1, 6)).is_err() && over_time(limits(2 * size, 5)).is_err());
    // Classes are compared pairwise.
    let classes =
        r#""classes": [{"rows": {"file": "classes.csv", "columns": {"area": "code"}}, "class": "class"}], "tables""#;
    let dir = folder(&TABLES.replace("\"tables\"", classes), ROWS);
    fs::write(dir.path().join("classes.csv"), "code,class\nL1,1\nL2,2\n").unwrap();
    assert!(read(dir.path(), &limits(10_000, 6)).is_ok());
    assert!(error(dir.path(), &limits(10_000, 5)).contains("`classes.csv` has too many rows"));
}

#[test]
fn a_dimension_of_too_many_levels_is_refused() {
    let levels: Vec<String> =
        (0..3_200).map(|n| format!("{{\"name\": \"l{n}\", \"codes\": {{\"x{n}\": [\"L1\"]}}}}")).collect();
    let found = changed("[\"L1\", \"L2\"]", &format!("[\"L1\", \"L2\"], \"levels\": [{}]", levels.join(", ")));
    assert!(found.contains("3203 codes in 3200 levels"), "{found}");
}
