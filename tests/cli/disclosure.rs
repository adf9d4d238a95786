//! Reviewers at the command line: what they are told, that it is on record, and who is told nothing.

use std::fs;
use std::path::Path;

use audit::FolderStorage;
use catalog::{Catalog, SqliteCatalog};
use platform::{DataRequest, PeriodChoice, Platform, PlatformError};

use super::program;
use crate::support::{self, Demo};

const REFERRALS: &str = "lancashire-county-council.wellbeing-referrals";

/// The exit code and everything that was said.
fn said(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = program(folder, arguments).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code().unwrap(), text)
}

/// Without a name, all of them, also of what is counted over several datasets.
#[test]
fn every_publication_is_reported() {
    let folder = support::folder();
    let (code, text) = said(folder.path(), &["disclosure", "report"]);
    assert_eq!(code, 0, "{text}");
    let of = |line: &&str| line.contains("csr-partnership.people-by-services") || line.contains(REFERRALS);
    assert!(text.lines().filter(of).count() >= 2 && text.contains("at most 4 times"), "{text}");
}

#[test]
fn reviewers_verify_report_and_explain_and_are_on_record() {
    let folder = support::folder();
    let (code, text) = said(folder.path(), &["disclosure", "verify"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.lines().filter(|line| line.contains("plans hold")).count() >= 6, "{text}");

    let (code, text) = said(folder.path(), &["disclosure", "report", REFERRALS]);
    assert_eq!(code, 0, "{text}");
    for said in [
        "counts of fewer than",
        "holds against anybody",
        "wellbeing-referrals/lsoa-year",
        "everything together",
        "released  ",
        "under  ",
        "steps of search",
        "few people or records",
    ] {
        assert!(text.contains(said), "`{said}` is not in {text}");
    }

    // Nothing was corrected.
    let (code, text) = said(folder.path(), &["disclosure", "revise", REFERRALS]);
    assert!(code == 0 && text.contains(&format!("{REFERRALS}: 0 corrected files wait")), "{code}: {text}");
    let (code, text) = said(folder.path(), &["disclosure", "revise", REFERRALS, "--publish", &"0".repeat(64)]);
    assert!(code == 3 && text.contains("no correction of"), "{code}: {text}");
    let (code, text) = said(folder.path(), &["disclosure", "revise", REFERRALS, "--publish", "abc"]);
    assert!(code == 2 && text.contains("`abc` is no digest: `disclosure revise DATASET` says"), "{code}: {text}");

    // No agreement of the sample asks for approval.
    let (code, text) = said(folder.path(), &["disclosure", "preview", "--as", "governance"]);
    assert!(code == 0 && text.contains("nothing waits for approval"), "{text}");
    let digest = "0".repeat(64);
    for (verdict, digest, because, expect) in [
        (
            "approve",
            digest.as_str(),
            "as-agreed",
            "a publication of `lancashire-county-council.wellbeing-referrals` that waits",
        ),
        ("reject", &digest, "a-hunch", "`a-hunch` is not a reason: use one of as-agreed, shows-too-much"),
        ("reject", "abc", "not-now", "`abc` is no digest"),
    ] {
        let (code, text) = said(folder.path(), &["disclosure", verdict, REFERRALS, digest, "--because", because]);
        assert!(code == 2 && text.contains(expect), "{code}: {text}");
    }

    let (code, text) = said(folder.path(), &["disclosure", "explain", "wellbeing-referrals", "--period", "all"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("[c]: withheld to protect people"), "{text}");
    assert!(text.contains("for reviewers: threshold: fewer than"), "{text}");
    let (code, text) = said(folder.path(), &["disclosure", "explain"]);
    assert_eq!(code, 2, "{text}");

    let mut asked = Vec::new();
    let storage = FolderStorage::new(&folder.path().join("data/audit"));
    audit::verify_storage(&storage, &[], &mut |record| {
        if let audit::Entry::Reviewed { group, question, actor } = &record.entry {
            assert_eq!(actor.as_ref().unwrap().role.as_str(), "reviewer");
            asked.push((group.to_string(), *question));
        }
    })
    .unwrap();
    for question in [audit::Question::Verify, audit::Question::Report, audit::Question::Explain] {
        assert!(asked.contains(&(REFERRALS.to_owned(), question)), "{question:?} of {asked:?}");
    }
}

/// One flipped bit in the ledger of one dataset, and the contract of that dataset gone: it is named, the others are checked, and
/// the exit code says that not all is well.
#[test]
fn a_ledger_that_was_changed_is_not_passed_over() {
    let folder = support::folder();
    let path = folder.path().join("data/catalog.sqlite");
    let entry = SqliteCatalog::open(&path).unwrap().ledger(&REFERRALS.parse().unwrap(), 0).unwrap().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let place = memchr::memmem::find(&bytes, &entry.ciphertext[..64]).expect("the entry is in the file");
    bytes[place + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let contracts = folder.path().join("contracts");
    support::copy(&support::root().join("sample-data/contracts"), &contracts);
    fs::remove_file(contracts.join(format!("{REFERRALS}.toml"))).unwrap();
    let arguments = ["disclosure", "verify", "--contracts", contracts.to_str().unwrap()];
    let (code, text) = said(folder.path(), &arguments);
    assert_eq!(code, 4, "{text}");
    assert!(text.contains(&format!("error: {REFERRALS}")) && text.contains("is damaged: its digest differs"), "{text}");
    assert!(text.lines().filter(|line| line.contains("plans hold")).count() >= 5, "{text}");
    assert!(text.contains("could not be verified"), "{text}");
}

/// Why a cell is withheld says how small it may be: an analyst is not told, nor whether there is anything to tell.
#[test]
fn nobody_but_a_reviewer_is_told_why() {
    let demo = Demo::open();
    let dataset = REFERRALS.parse().unwrap();
    let request = DataRequest {
        indicator: "wellbeing-referrals".parse().unwrap(),
        area_type: None,
        period_type: None,
        areas: Vec::new(),
        within: None,
        period: PeriodChoice::Latest,
        sex: None,
        age: None,
        breakdown: None,
        purpose: None,
    };
    let platform: &Platform = &demo.platform;
    for key in ["analyst", "officer", "dashboard", "outsider"] {
        let caller = platform.authenticate(Some(&demo.keys[key])).unwrap();
        let answers = [
            platform.verify_ledger(&caller, &dataset).err(),
            platform.publication_report(&caller, &dataset).err(),
            platform.explain(&caller, &request).err(),
        ];
        for answer in answers {
            // Who is party to the agreements reads why the figures themselves are not for them.
            let told = matches!(answer, Some(PlatformError::NotFound { .. } | PlatformError::Denied { .. }));
            assert!(told, "{key}: {answer:?}");
        }
    }
    let reviewer = platform.local_reviewer().unwrap();
    assert!(platform.verify_ledger(&reviewer, &dataset).unwrap().worlds > 0);
    let missing = platform.verify_ledger(&reviewer, &"nobody.nothing".parse().unwrap());
    assert!(matches!(missing, Err(PlatformError::NotFound { .. })));
}

/// Sums and differences are taken, and marks are read; what is wide enough stands.
/// A part and its whole are a dimension with the atoms part and rest: who did not attend is a difference like any other.
#[test]
fn a_part_and_its_whole_are_attacked_together() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    fs::create_dir_all(&tables).unwrap();
    let table = |name: &str, fixed: &str| {
        format!(
            r#"{{"name": "{name}", "rows": {{"file": "{name}.csv", "columns": {{"area": "area"}}{fixed}}}, "zeros_published": true}}"#
        )
    };
    let (whole, part) = (table("eligible", ""), table("attended", r#", "fixed": {"measure": "part"}"#));
    let problem = format!(
        r#"{{"groups": [{{"name": "courses", "threshold": 5, "dimensions": [
            {{"name": "area", "atoms": ["a", "b"]}}, {{"name": "measure", "atoms": ["part", "rest"]}}],
            "tables": [{whole}, {part}]}}]}}"#
    );
    fs::write(tables.join("tables.json"), problem).unwrap();
    let arguments = ["disclosure", "attack", "--tables", tables.to_str().unwrap()];
    for (eligible, attended, code, words) in [
        ("area,count\na,20\nb,60\n", "area,count\na,18\nb,30\n", 3, "small difference"),
        ("area,count\na,20\nb,60\n", "area,count\na,14\nb,30\n", 0, "courses"),
        // A register of 18 over lists of 5 and 14.
        ("area,count\na,5\nb,14\n", "area,count\na,[c]\nb,[c]\nall,18\n", 3, "proved small"),
    ] {
        fs::write(tables.join("eligible.csv"), eligible).unwrap();
        fs::write(tables.join("attended.csv"), attended).unwrap();
        let (ended, text) = said(folder.path(), &arguments);
        assert_eq!(ended, code, "{eligible}{attended}\n{text}");
        assert!(text.to_lowercase().contains(words), "{eligible}{attended}\n{text}");
    }
}

#[test]
fn tables_of_any_tool_are_attacked() {
    let folder = tempfile::tempdir().unwrap();
    let tables = folder.path().join("tables");
    fs::create_dir_all(&tables).unwrap();
    fs::write(
        tables.join("tables.json"),
        r#"{"groups": [{"name": "towns", "threshold": 5,
            "dimensions": [{"name": "area", "atoms": ["a", "b", "c"]}],
            "tables": [{"name": "t", "rows": {"file": "t.csv", "columns": {"area": "area"}}, "zeros_published": true}]}]}"#,
    )
    .unwrap();
    let arguments = ["disclosure", "attack", "--tables", tables.to_str().unwrap()];
    for (rows, code, words) in [
        ("area,count\na,8\nb,9\nc,7\nall,24\n", 0, "towns"),
        ("area,count\na,8\nb,9\nc,[c]\nall,20\n", 3, "recovered"),
        ("area,count\na,8\nb,[c]\nc,[c]\nall,12\n", 3, "proved small"),
        ("area,count\na,80\nb,[c]\nc,[c]\nall,112\n", 0, "towns"),
        ("area,count\na,eight\n", 4, "t.csv"),
    ] {
        fs::write(tables.join("t.csv"), rows).unwrap();
        let (ended, text) = said(folder.path(), &arguments);
        assert_eq!(ended, code, "{rows}\n{text}");
        assert!(text.contains(words), "{rows}\n{text}");
    }
    fs::write(tables.join("t.csv"), "area,count\na,8\nb,9\nc,[c]\nall,20\n").unwrap();
    let (_, text) = said(folder.path(), &[&arguments[..], &["--json"]].concat());
    assert!(text.contains("\"recovered\""), "{text}");
}
