//! The feeds against their contracts, their indicators and the truths they claim.

mod intake;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;

use model::{DatasetContract, Indicator};

use super::*;
use crate::world::SampleFile;

fn sample_data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../sample-data")
}

/// Every definition of a folder, by file name.
fn definitions(folder: &str) -> BTreeMap<String, String> {
    let folder = sample_data().join(folder);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn contracts() -> BTreeMap<String, DatasetContract> {
    let parsed = definitions("contracts").into_iter().map(|(name, text)| {
        let contract = DatasetContract::parse(&name, &text).unwrap();
        assert_eq!(name, format!("{}.toml", contract.id), "a contract's file is named after its dataset");
        (contract.id.to_string(), contract)
    });
    parsed.collect()
}

fn indicators() -> Vec<Indicator> {
    let parsed = definitions("indicators").into_iter().map(|(name, text)| {
        let indicator = Indicator::parse(&name, &text).unwrap();
        assert_eq!(name, format!("{}.toml", indicator.id), "an indicator's file is named after it");
        indicator
    });
    parsed.collect()
}

fn made<T>(look: impl FnOnce(&Context<'_>, &[FeedMade]) -> T) -> T {
    let world = crate::geography::world(Seed::default()).unwrap();
    let context = Context::new(Seed::default(), &world);
    let feeds = make_all(&context).unwrap();
    look(&context, &feeds)
}

fn unpacked(file: &SampleFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    if file.path.ends_with(".gz") {
        flate2::read::GzDecoder::new(file.bytes.as_slice()).read_to_end(&mut bytes).unwrap();
    } else {
        bytes.clone_from(&file.bytes);
    }
    bytes
}

#[test]
fn the_feeds_are_what_they_claim() {
    let contracts = contracts();
    made(|context, feeds| {
        contracts_hold_the_dimensions_and_measures(&contracts, feeds);
        truth_is_what_an_independent_intake_finds(context, &contracts, feeds);
        canaries_stand_in_the_files_once_each(feeds);
        planted_truths_show(context, feeds);
        views_are_coarse_enough(context, feeds);
    });
}

fn contracts_hold_the_dimensions_and_measures(contracts: &BTreeMap<String, DatasetContract>, feeds: &[FeedMade]) {
    for feed in feeds {
        let contract = &contracts[&feed.feed.id()];
        assert_eq!(contract.dimensions(), feed.feed.dims, "{}", contract.id);
        assert_eq!(contract.measures(), feed.feed.measures, "{}", contract.id);
        assert!(!contract.exposure.is_open() && contract.synthetic, "{}", contract.id);
    }
    let controlled = contracts.values().filter(|contract| !contract.exposure.is_open() && contract.links.is_none());
    let fed = controlled.filter(|contract| !crate::tests::WITHOUT_FILES.contains(&contract.id.as_str())).count();
    assert_eq!(fed, feeds.len(), "every controlled contract has a feed");
}

fn truth_is_what_an_independent_intake_finds(
    context: &Context<'_>,
    contracts: &BTreeMap<String, DatasetContract>,
    feeds: &[FeedMade],
) {
    let places = intake::Places::of(context.world);
    for feed in feeds {
        let contract = &contracts[&feed.feed.id()];
        for (file, expectation) in feed.files.iter().zip(&feed.expectations) {
            assert_eq!(file.path, expectation.path);
            if file.path.ends_with(".csv.gz") {
                intake::check(&places, contract, &unpacked(file), expectation);
            }
        }
    }
}

fn canaries_stand_in_the_files_once_each(feeds: &[FeedMade]) {
    let mut found: BTreeMap<String, usize> = canaries().into_iter().map(|canary| (canary, 0)).collect();
    assert_eq!(found.len(), canaries().len());
    for file in feeds.iter().flat_map(|feed| &feed.files) {
        let bytes = unpacked(file);
        for field in bytes.split(|byte| matches!(byte, b',' | b'\n' | b'\r')) {
            if let Some(number) = std::str::from_utf8(field).ok().and_then(|text| found.get_mut(text)) {
                *number += 1;
            }
        }
    }
    assert!(found.values().all(|number| *number == 1), "{found:?}");
}

fn planted_truths_show(context: &Context<'_>, feeds: &[FeedMade]) {
    let json = truth::Truth::of(context, feeds).file().unwrap();
    let truth: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
    let number = |pointer: &str| truth.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap();
    for spot in ["0", "1"] {
        let at = format!("/planted/nuisance_hot_spots/{spot}");
        assert!(number(&format!("{at}/incidents")) > 3 * number(&format!("{at}/median")), "{at}");
    }
    let fires = "/planted/deliberate_fires";
    assert!(number(&format!("{fires}/rate")) > 3 * number(&format!("{fires}/rate_elsewhere")));
    let year = |trend: &str, year: i32| number(&format!("/planted/emergency_{trend}/by_year/{year}"));
    assert!(year("falling", 2023) * 8 > year("falling", 2025) * 10);
    assert!(year("rising", 2023) * 10 < year("rising", 2025) * 8);
    assert!(number("/planted/inequality/rate_there") * 10 > number("/planted/inequality/rate_here") * 15);
    let ratio = number("/planted/falls_project/ratio_of_ratios_milli");
    assert!((620..=780).contains(&ratio), "{ratio}");
    let stage = |year: &str, stage: &str| number(&format!("/planted/wellbeing_stages/{year}/referrals/{stage}"));
    assert!(
        stage("0", "emergency") > stage("0", "prevention") && stage("2", "prevention") > 2 * stage("2", "emergency")
    );
    assert_eq!(number("/planted/one_person_six_call_outs/call_outs"), 6);
    assert_eq!(number("/planted/one_person_six_call_outs/people"), 1);
    for year in 0..3 {
        let cases = |what: &str| number(&format!("/planted/casework/{year}/{what}"));
        assert_eq!((cases("cases"), cases("men")), (74, 54));
        assert!((44..=60).contains(&cases("aged_40_to_59")), "{}", cases("aged_40_to_59"));
    }
    for known in 0..6 {
        let services = |what: &str| number(&format!("/planted/known_to_services/{known}/{what}"));
        assert!(services("one") > services("two") && services("two") > services("three_or_more"));
        assert!(services("three_or_more") >= 20);
    }
}

#[test]
fn indicators_name_what_the_contracts_have() {
    let contracts = contracts();
    let indicators = indicators();
    assert!(indicators.len() >= 16);
    let public = indicators.iter().filter(|indicator| indicator.tier == model::Tier::Public).count();
    assert!(public >= 4, "{public}");
    let partners: BTreeSet<&str> =
        indicators.iter().filter_map(|indicator| indicator.numerator.dataset.as_str().split('.').next()).collect();
    assert!(partners.len() >= 6, "{partners:?}");
    for indicator in &indicators {
        for measure in std::iter::once(&indicator.numerator).chain(&indicator.denominator) {
            assert!(!crate::tests::WITHOUT_FILES.contains(&measure.dataset.as_str()), "{}", indicator.id);
            let contract = contracts.get(measure.dataset.as_str());
            let contract = contract.unwrap_or_else(|| panic!("{}: no contract `{}`", indicator.id, measure.dataset));
            assert!(contract.measures().contains(&measure.measure.as_str()), "{}", indicator.id);
            for dimension in measure.filter.keys() {
                assert!(contract.dimensions().contains(&dimension.as_str()), "{}: `{dimension}`", indicator.id);
            }
        }
        let counted = &contracts[indicator.numerator.dataset.as_str()];
        for view in &indicator.views {
            for dimension in &view.by {
                assert!(counted.dimensions().contains(&dimension.as_str()), "{}/{}", indicator.id, view.name);
            }
        }
    }
}

fn views_are_coarse_enough(context: &Context<'_>, feeds: &[FeedMade]) {
    let reports = views::reports(context.world, feeds, &indicators());
    assert!(reports.len() >= 30, "{}", reports.len());
    let fine: Vec<_> = reports.iter().filter(|report| report.primaries * 100 > report.cells * 20).collect();
    assert!(fine.is_empty(), "{fine:#?}");
}

#[test]
fn committed_files_are_small_and_another_seed_gives_others() {
    let world = crate::geography::world(Seed::default()).unwrap();
    let other = generate(Seed(7), &world).unwrap();
    assert!(other.truth.starts_with("## "));
    let mut size = 0;
    for file in &other.files {
        let committed = std::fs::read(sample_data().join(&file.path)).unwrap();
        assert_ne!(committed, file.bytes, "{}", file.path);
        size += committed.len();
    }
    assert!(size <= 4_500_000, "{size}");
    let paths: BTreeSet<&str> = other.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths.len(), other.files.len());
}
