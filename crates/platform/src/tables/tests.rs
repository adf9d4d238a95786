//! Tables with noise, from files whose truth is known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use agreements::{EventKind, demo};
use audit::{Entry, FolderStorage};
use engine::Stop;
use model::{AreaCode, AreaType};

use super::*;
use crate::read::{DataRequest, PeriodChoice, TableAnswer, TableRow};
use crate::testing::{Small, root};

const COLLEGE: &str = "runshaw-college.participation";
const AGREEMENT: &str = "college-participation";
/// The most noise that the sample's agreement adds.
const LARGEST: u64 = 10;

/// A learner: number, small area, sex and level, as numbers.
type Learner = (u64, usize, usize, usize);

const SEXES: [(&str, &str); 2] = [("F", "female"), ("M", "male")];
const LEVELS: [(&str, &str); 3] = [("1", "entry and level 1"), ("2", "level 2"), ("3", "level 3")];

/// Small areas with a postcode in each, in order.
fn places() -> Vec<(String, String)> {
    let packed = std::fs::read(root().join("sample-data/geography/postcodes.csv.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut text).unwrap();
    let mut places = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        // In use for long, and in the partnership: some postcodes were used elsewhere before.
        if fields[2].is_empty() && fields[1] == "198001" && fields[6].starts_with("E01") {
            places.entry(fields[6].to_owned()).or_insert_with(|| fields[0].to_owned());
        }
    }
    places.into_iter().collect()
}

/// Learners of each area, from hardly any to many.
fn learners(areas: usize, salt: u64) -> Vec<Learner> {
    let mut all = on_two_courses(areas, salt);
    let mut seen = BTreeSet::new();
    all.retain(|learner| seen.insert(learner.0));
    all
}

/// The same, some of whom are there twice, on two courses of one or of two levels.
fn on_two_courses(areas: usize, salt: u64) -> Vec<Learner> {
    let mut learners = Vec::new();
    let mut number = salt * 1_000_000;
    for area in 0..areas {
        for of_area in 0..(area as u64 * 7 + salt) % 90 {
            number += 1;
            let (sex, level) = ((of_area % 2) as usize, (of_area / 2 % 3) as usize);
            learners.push((number, area, sex, level));
            match of_area % 10 {
                3 => learners.push((number, area, sex, level)),
                6 => learners.push((number, area, sex, (level + 1) % 3)),
                _ => {}
            }
        }
    }
    learners
}

fn file(learners: &[Learner], places: &[(String, String)], year: u16) -> Vec<u8> {
    let mut text = "LearnRefNumber,Learner Name,DateOfBirth,Postcode,Sex,Level,LearnStartDate\n".to_owned();
    for (number, area, sex, level) in learners {
        let (postcode, sex, level) = (&places[*area].1, SEXES[*sex].0, LEVELS[*level].0);
        writeln!(text, "{number},Test Person,2007-01-01,{postcode},{sex},{level},{year}-09-12").unwrap();
    }
    text.into_bytes()
}

struct College {
    small: Small,
    platform: Platform,
    places: Vec<(String, String)>,
    learners: Vec<Learner>,
}

impl College {
    /// One academic year published, under the sample's agreement or one with another text in it.
    fn published(amended: Option<(&str, &str)>) -> Self {
        Self::published_of(|areas| learners(areas, 1), amended)
    }

    fn published_of(learners: impl FnOnce(usize) -> Vec<Learner>, amended: Option<(&str, &str)>) -> Self {
        let small = Small::of(&[AGREEMENT]).without_denominator();
        if let Some((from, to)) = amended {
            small.amend(AGREEMENT, from, to);
        }
        let (platform, places) = (small.open(), places());
        let learners = learners(places.len());
        let college = Self { small, platform, places, learners };
        college.take_in(&college.learners);
        college.publish();
        college
    }

    fn take_in(&self, learners: &[Learner]) {
        self.take_in_of(2024, learners);
    }

    fn take_in_of(&self, year: u16, learners: &[Learner]) {
        let period = format!("{year}-09-01/P1Y");
        Small::take_in(&self.platform, COLLEGE, &period, &file(learners, &self.places, year));
    }

    fn publish(&self) {
        let report = self.platform.publish_pending(&mut |_| ()).unwrap();
        assert_eq!(report.failures, [""; 0], "{report}");
    }

    /// Publishes corrections, unless they are refused.
    fn revise(&self) -> Result<(), Option<String>> {
        let (reviewer, dataset) = (self.platform.local_reviewer().unwrap(), COLLEGE.parse().unwrap());
        let preview = self.platform.preview_revision(&reviewer, &dataset).unwrap();
        let plan = preview.plan.ok_or(preview.refused)?;
        let changes = plan.changes().unwrap();
        assert!(changes.all.changed > 0 && changes.all.withheld == 0, "{changes}");
        self.platform.revise(&reviewer, &dataset, plan.digest).unwrap();
        self.publish();
        Ok(())
    }

    fn caller(&self, organisation: &str) -> Caller {
        let purposes = ["service-planning".to_owned()];
        let key = self.platform.add_credential(organisation, "analyst", &purposes, true).unwrap();
        self.platform.authenticate(Some(&key)).unwrap()
    }

    fn ask(&self, caller: &Caller, area_type: AreaType, by: &[&str]) -> Result<TableAnswer, PlatformError> {
        self.ask_of(caller, area_type, by, None)
    }

    fn ask_of(
        &self,
        caller: &Caller,
        area_type: AreaType,
        by: &[&str],
        sum: Option<&str>,
    ) -> Result<TableAnswer, PlatformError> {
        let request = TableRequest {
            dataset: COLLEGE.parse().unwrap(),
            area_type,
            period_type: None,
            period: PeriodChoice::Latest,
            by: by.iter().map(|by| (*by).to_owned()).collect(),
            sum: sum.map(str::to_owned),
            purpose: Some("service-planning".to_owned()),
            stop: Stop::new(),
        };
        table(&self.platform, caller, &request)
    }

    /// How many different learners there are in a cell.
    fn truth(&self, areas: &BTreeSet<&str>, sex: Option<&str>, level: Option<&str>) -> u64 {
        let inside = |(_, area, of, at): &&Learner| {
            areas.contains(self.places[*area].0.as_str())
                && sex.is_none_or(|sex| SEXES[*of].1 == sex)
                && level.is_none_or(|level| LEVELS[*at].1 == level)
        };
        let people: BTreeSet<u64> = self.learners.iter().filter(inside).map(|learner| learner.0).collect();
        people.len() as u64
    }

    /// Every entry of the audit log that says that a table was answered.
    fn answered(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        let folder = FolderStorage::new(&self.platform.audit_folder());
        audit::verify_storage(&folder, &[], &mut |record| entries.push(record.entry.clone())).unwrap();
        entries.retain(|entry| matches!(entry, Entry::Answered { .. }));
        entries
    }

    /// The small areas of an area.
    fn inside(&self, area: &AreaCode) -> BTreeSet<&str> {
        let state = self.platform.state();
        let gazetteer = &state.geography().unwrap().gazetteer;
        let members: BTreeSet<String> = [AreaType::Lsoa, AreaType::District]
            .into_iter()
            .flat_map(|kind| gazetteer.members(kind, area.as_str()).to_vec())
            .filter_map(|atom| gazetteer.atom_area(atom).map(|area| area.code.to_string()))
            .collect();
        self.places.iter().map(|(code, _)| code.as_str()).filter(|code| members.contains(*code)).collect()
    }
}

fn table(platform: &Platform, caller: &Caller, request: &TableRequest) -> Result<TableAnswer, PlatformError> {
    match platform.table(caller, request, &|_| false, |answer| Ok(answer.clone()))? {
        TableOutcome::Written(answer) => Ok(answer),
        TableOutcome::Unchanged { etag } => panic!("{etag}"),
    }
}

fn category<'a>(answer: &TableAnswer, row: &'a TableRow, name: &str) -> Option<&'a str> {
    let place = answer.by.iter().position(|by| by == name)?;
    Some(&*row.by[place]).filter(|category| *category != "all")
}

/// Every crossing is the truth with noise, and the same by every route, whoever asks, in whatever order, before and after a start.
#[test]
fn every_crossing_is_the_truth_with_its_noise_by_every_route() {
    let college = College::published_of(|areas| on_two_courses(areas, 1), None);
    let analyst = college.caller("chorley-council");
    let mut seen: BTreeMap<(String, Option<String>, Option<String>), u64> = BTreeMap::new();
    let mut squares = (0.0, 0.0);
    for area_type in [AreaType::Lsoa, AreaType::District] {
        for by in [&[][..], &["sex"], &["level"], &["sex", "level"]] {
            let answer = college.ask(&analyst, area_type, by).unwrap();
            let expected: usize = by.iter().map(|by| if *by == "sex" { 4 } else { 5 }).product();
            let areas = if area_type == AreaType::Lsoa { college.places.len() } else { 2 };
            assert_eq!(answer.rows.get().len(), areas * expected, "{area_type} {by:?}");
            for row in answer.rows.get() {
                let (sex, level) = (category(&answer, row, "sex"), category(&answer, row, "level"));
                let truth = college.truth(&college.inside(&row.area.code), sex, level);
                let figure = row.figure.unwrap();
                let apart = figure.abs_diff(truth);
                assert!(apart <= LARGEST && (figure == 0 || figure > 2), "{row:?} {truth}");
                assert!(truth > 0 || figure == 0, "{row:?}");
                if truth > LARGEST {
                    squares = (squares.0 + (apart * apart) as f64, squares.1 + 1.0);
                }
                let cell = (row.area.code.to_string(), sex.map(str::to_owned), level.map(str::to_owned));
                assert_eq!(*seen.entry(cell).or_insert(figure), figure, "one cell, one figure: {row:?}");
            }
        }
    }
    let variance = squares.0 / squares.1;
    // 9, and further away than six standard deviations for as few as a thousand cells of their own.
    assert!(squares.1 > 500.0 && (6.5..11.5).contains(&variance), "{variance} of {}", squares.1);
    // The views of an indicator.
    let request = DataRequest {
        indicator: AGREEMENT.parse().unwrap(),
        area_type: Some(AreaType::Lsoa),
        period_type: None,
        areas: Vec::new(),
        within: None,
        period: PeriodChoice::Latest,
        sex: None,
        age: None,
        breakdown: None,
        purpose: None,
    };
    let data = college.platform.data(&analyst, &request).unwrap();
    assert_eq!(data.rows.get().len(), college.places.len());
    for row in data.rows.get() {
        assert_eq!(row.count, seen.get(&(row.area_code.to_string(), None, None)).copied());
        assert!(row.caveat.as_ref().unwrap().contains("noise of at most 10"));
        let (lower, upper) = (row.lower_95.unwrap(), row.upper_95.unwrap());
        let exact = statistics::count(row.count.unwrap(), statistics::Confidence::P95).unwrap().interval;
        assert!(upper > exact.upper && (lower < exact.lower || lower == 0.0), "wider than without noise: {row:?}");
    }
    // Somebody else, in another order, after a start: the same figures, and nothing new on record.
    let before = college.ask(&analyst, AreaType::Lsoa, &["sex", "level"]).unwrap();
    assert_eq!(college.answered().len(), 8);
    let College { small, platform, places, learners } = college;
    drop(platform);
    let platform = small.open();
    let college = College { small, platform, places, learners };
    let other = college.caller("south-ribble-council");
    let after = college.ask(&other, AreaType::Lsoa, &["level", "sex"]).unwrap();
    assert_eq!((before.rows.get(), &before.etag), (after.rows.get(), &after.etag));
    assert_eq!(college.answered().len(), 8);
}

/// A correction waits, is shown as fresh noise when it was asked for, and no third state of the same data is.
#[test]
fn a_correction_is_fresh_noise_as_often_as_was_registered() {
    let mut college = College::published(None);
    let analyst = college.caller("chorley-council");
    let first = college.ask(&analyst, AreaType::Lsoa, &[]).unwrap();
    let reviewer = college.platform.local_reviewer().unwrap();
    let dataset: DatasetId = COLLEGE.parse().unwrap();
    college.learners = learners(college.places.len(), 2);
    college.take_in(&college.learners);
    college.publish();
    let waits = college.ask(&analyst, AreaType::Lsoa, &[]).unwrap();
    assert_eq!(waits.rows.get(), first.rows.get(), "it waits");
    college.revise().unwrap();
    let second = college.ask(&analyst, AreaType::Lsoa, &[]).unwrap();
    assert_ne!(second.rows.get(), first.rows.get());
    for row in second.rows.get() {
        assert!(row.figure.unwrap().abs_diff(college.truth(&college.inside(&row.area.code), None, None)) <= LARGEST);
    }
    let verified = college.platform.verify_ledger(&reviewer, &dataset).unwrap();
    assert_eq!(verified.entries, 2);
    let report = college.platform.publication_report(&reviewer, &dataset).unwrap().to_string();
    assert!(report.contains("noise of at most 10") && report.contains("0 of "), "{report}");
    // Two states are registered.
    college.take_in(&learners(college.places.len(), 3));
    college.publish();
    let refused = college.revise().unwrap_err().unwrap();
    assert!(refused.contains("as many as are registered"), "{refused}");
    // Another year is published and corrected all the same.
    college.take_in_of(2023, &learners(college.places.len(), 4));
    college.publish();
    college.take_in_of(2023, &learners(college.places.len(), 5));
    college.publish();
    college.revise().unwrap();
    assert!(
        college.platform.corrections(&dataset, &college.platform.released_entries(&dataset).unwrap()).unwrap() == 1
    );
    assert_eq!(college.ask(&analyst, AreaType::Lsoa, &[]).unwrap().rows.get(), second.rows.get());
}

#[test]
fn new_tables_are_as_many_as_is_agreed() {
    let college = College::published(Some(("query_budget = 500", "query_budget = 2")));
    let (analyst, other) = (college.caller("chorley-council"), college.caller("south-ribble-council"));
    college.ask(&analyst, AreaType::Lsoa, &[]).unwrap();
    college.ask(&analyst, AreaType::Lsoa, &["sex"]).unwrap();
    let spent = college.ask(&analyst, AreaType::Lsoa, &["level"]);
    assert!(matches!(spent, Err(PlatformError::BudgetSpent { budget: 2, .. })), "{spent:?}");
    college.ask(&analyst, AreaType::Lsoa, &["sex"]).unwrap();
    // What another organisation asked for is not new.
    college.ask(&other, AreaType::Lsoa, &["level"]).unwrap();
    college.ask(&analyst, AreaType::Lsoa, &["level"]).unwrap();
    assert_eq!(college.answered().len(), 3);
}

#[test]
fn what_is_not_registered_or_not_allowed_is_refused() {
    let college = College::published(None);
    let analyst = college.caller("chorley-council");
    for (area_type, by, parameter) in [
        (AreaType::Msoa, &[][..], "area_type"),
        (AreaType::Lsoa, &["age"], "by"),
        (AreaType::Lsoa, &["sex", "sex"], "by"),
        (AreaType::Lsoa, &["learner_ref"], "by"),
    ] {
        let refused = college.ask(&analyst, area_type, by).unwrap_err();
        assert!(matches!(refused, PlatformError::BadParameter { parameter: of, .. } if of == parameter), "{refused}");
    }
    let request = |dataset: &str, purpose: Option<&str>, period| TableRequest {
        dataset: dataset.parse().unwrap(),
        area_type: AreaType::Lsoa,
        period_type: None,
        period,
        by: Vec::new(),
        sum: None,
        purpose: purpose.map(str::to_owned),
        stop: Stop::new(),
    };
    let ask = |caller: &Caller, dataset: &str, purpose, period| {
        table(&college.platform, caller, &request(dataset, purpose, period)).unwrap_err()
    };
    let planning = Some("service-planning");
    let latest = PeriodChoice::Latest;
    let early = PeriodChoice::Interval("2019-09-01/P1Y".to_owned());
    let refused = ask(&analyst, COLLEGE, planning, early);
    assert!(refused.to_string().contains("there are of: 2024-09-01/P1Y"), "{refused}");
    assert!(matches!(
        ask(&analyst, COLLEGE, None, latest.clone()),
        PlatformError::BadParameter { parameter: "purpose", .. }
    ));
    // Not a purpose of the key; then one that is in no register.
    assert!(matches!(
        ask(&analyst, COLLEGE, Some("neighbourhood-needs"), latest.clone()),
        PlatformError::Denied { .. }
    ));
    assert!(matches!(ask(&analyst, COLLEGE, Some("advertising"), latest.clone()), PlatformError::BadParameter { .. }));
    // Without a key, and with one of somebody who is no party, it does not exist, in the words of what does not.
    let outsider = college.caller("office-for-national-statistics");
    let public = college.platform.authenticate(None).unwrap();
    for caller in [&outsider, &public] {
        let known = ask(caller, COLLEGE, planning, latest.clone());
        let unknown = ask(caller, "runshaw-college.no-such-data", planning, latest.clone());
        assert!(matches!(known, PlatformError::NotFound { .. }), "{known}");
        assert_eq!(known.to_string(), unknown.to_string().replace("no-such-data", "participation"));
        assert!(college.platform.tables(caller).is_empty());
    }
    assert_eq!(college.platform.tables(&analyst).len(), 1);
    assert_eq!(college.answered().len(), 0);
}

/// What the agreements say at the moment is what counts, and what was withdrawn is gone.
#[test]
fn nothing_is_answered_beside_the_agreements_of_the_moment() {
    let college = College::published(None);
    let analyst = college.caller("chorley-council");
    college.ask(&analyst, AreaType::Lsoa, &[]).unwrap();
    // Another noise of the same counts.
    college.small.amend(AGREEMENT, "variance = 9", "variance = 8");
    college.platform.refresh_agreements().unwrap();
    let refused = college.ask(&analyst, AreaType::Lsoa, &[]).map(|answer| answer.etag);
    assert!(refused.is_err(), "{refused:?}");
    // As it was.
    for name in [format!("{AGREEMENT}.toml"), format!("{AGREEMENT}.events.toml")] {
        std::fs::copy(root().join("sharing-agreements").join(&name), college.small.agreements().join(&name)).unwrap();
    }
    college.platform.refresh_agreements().unwrap();
    college.ask(&analyst, AreaType::Lsoa, &[]).unwrap();
    // Suspended.
    let state = college.platform.state();
    let dataset: DatasetId = COLLEGE.parse().unwrap();
    let digest = state.released[&dataset].basis.agreements().into_iter().next().unwrap();
    let path = college.small.agreements().join(format!("{AGREEMENT}.events.toml"));
    let events = std::fs::read_to_string(&path).unwrap();
    let by = "runshaw-college".parse().unwrap();
    let agreement = state.snapshot.agreement(&digest).unwrap();
    let head = state.snapshot.events(&digest).unwrap().head(agreement);
    let event = demo::event(EventKind::Suspended, college.platform.now(), &by, "drill", digest, head);
    std::fs::write(&path, format!("{events}\n{}", event.to_toml())).unwrap();
    college.platform.refresh_agreements().unwrap();
    let refused = college.ask(&analyst, AreaType::Lsoa, &[]).map(|answer| answer.etag);
    assert!(matches!(refused, Err(PlatformError::Denied { .. } | PlatformError::NotFound { .. })), "{refused:?}");
    std::fs::write(&path, events).unwrap();
}

mod averaging;
mod sums;

/// What nobody waits for is not counted, not on record and takes nothing of a budget.
#[test]
fn a_table_that_nobody_waits_for_is_not_on_record() {
    let college = College::published(Some(("query_budget = 500", "query_budget = 1")));
    let analyst = college.caller("chorley-council");
    let request = |stop: Stop| TableRequest {
        dataset: COLLEGE.parse().unwrap(),
        area_type: AreaType::Lsoa,
        period_type: None,
        period: PeriodChoice::Latest,
        by: Vec::new(),
        sum: None,
        purpose: Some("service-planning".to_owned()),
        stop,
    };
    let gone = Stop::new();
    gone.cancel();
    for _ in 0..3 {
        let refused = table(&college.platform, &analyst, &request(gone.clone())).unwrap_err();
        assert!(!matches!(refused, PlatformError::BudgetSpent { .. }), "{refused}");
    }
    assert!(college.answered().is_empty(), "{:?}", college.answered());
    table(&college.platform, &analyst, &request(Stop::new())).unwrap();
    assert_eq!(college.answered().len(), 1);
}
