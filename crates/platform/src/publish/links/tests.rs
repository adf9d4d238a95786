//! Linked figures from files of several suppliers: counted, published as often as registered, permitted to whoever may link.

use std::fmt::Write as _;

use super::*;
use crate::caller::Caller;
use crate::testing::Small;
use crate::{DataAnswer, DataRequest, PeriodChoice, RevisionPreview};

const LINKS: &str = "csr-partnership.people-by-services";
const TEAM: &str = "chorley-council.integrated-action-team";
const WELLBEING: &str = "lancashire-county-council.wellbeing-referrals";
const BOTH: &str =
    "  \"lancashire-teaching-hospitals.emergency-attendances\",\n  \"north-west-ambulance.call-outs\",\n";

/// People known to the action team or to the wellbeing service, in two districts.
fn small() -> Small {
    let small = Small::of(&["people-known-to-services"]).without_denominator();
    small.describe(LINKS, BOTH, "");
    // How many live where is not published here.
    small.amend("wellbeing-referrals", "minimum_population = 1000", "minimum_population = 0");
    small
}

/// A number that the modulus-11 check takes, out of nine digits; another one if there is none of these.
fn nhs_number(number: u32) -> String {
    let digits = format!("{:09}", 999_100_000 + number * 3);
    let sum: u32 = digits.chars().zip((2..=10).rev()).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum();
    match 11 - sum % 11 {
        11 => format!("{digits}0"),
        10 => nhs_number(number + 10_000),
        check => format!("{digits}{check}"),
    }
}

/// The year's cases of these people; the quarter's referrals of those.
fn cases(people: &[u32]) -> String {
    let mut text = "Case Ref,Name,DOB,Date Accepted,NHS Number,Postcode,Gender,Age,Main Reason,Referrer,Intervention Level,Status,Contacts Before,Contacts After,Consent\n".to_owned();
    for (row, person) in people.iter().enumerate() {
        let number = nhs_number(*person);
        writeln!(
            text,
            "IAT-{row},X,01/01/1980,04/03/2024,{number},PR98 1LL,M,44,Vulnerability,Police,Mid,Closed,4,2,Yes"
        )
        .unwrap();
    }
    text
}

fn referrals(quarter: u8, people: &[u32]) -> String {
    let mut text =
        "Referral ID,Referral Date,NHS No,Client Name,DOB,Post Code,Sex,Age,Stage of Need,Notes\n".to_owned();
    for (row, person) in people.iter().enumerate() {
        let (number, month) = (nhs_number(*person), quarter * 3);
        writeln!(
            text,
            "WB{quarter}{row},05/{month:02}/2024,{number},X,01/01/1980,PR98 1LL,Male,44,3 - Community support,"
        )
        .unwrap();
    }
    text
}

const CASES: [u32; 40] = numbers(0);
const REFERRED: [u32; 40] = numbers(20);

/// Forty people from one on.
const fn numbers(from: u32) -> [u32; 40] {
    let mut people = [0; 40];
    let mut at = 0;
    while at < 40 {
        people[at as usize] = from + at;
        at += 1;
    }
    people
}

fn take_in(platform: &Platform, referred: [&[u32]; 4]) {
    Small::take_in(platform, TEAM, "2024-01-01/P1Y", cases(&CASES).as_bytes());
    for (quarter, people) in (1_u8..).zip(referred) {
        take_in_referrals(platform, quarter, people);
    }
}

fn take_in_referrals(platform: &Platform, quarter: u8, people: &[u32]) {
    let period = format!("2024-{:02}-01/P3M", quarter * 3 - 2);
    Small::take_in(platform, WELLBEING, &period, referrals(quarter, people).as_bytes());
}

fn publish(platform: &Platform) -> String {
    platform.publish_pending(&mut |_| ()).unwrap().to_string()
}

fn reviewer(platform: &Platform) -> Caller {
    caller(platform, "chorley-council", "reviewer")
}

fn preview(platform: &Platform) -> RevisionPreview {
    platform.preview_revision(&reviewer(platform), &LINKS.parse().unwrap()).unwrap()
}

/// Publishes the corrections that wait.
fn revise(platform: &Platform) -> String {
    let digest = preview(platform).plan.unwrap().digest;
    assert!(platform.revise(&reviewer(platform), &LINKS.parse().unwrap(), digest).unwrap() > 0);
    publish(platform)
}

/// A year that is published, and somebody who may read it.
fn published() -> (Small, Platform, Caller) {
    let small = small();
    let platform = small.open();
    take_in(&platform, [&REFERRED, &[20], &[20], &[20]]);
    publish(&platform);
    let reader = analyst(&platform);
    (small, platform, reader)
}

fn caller(platform: &Platform, organisation: &str, role: &str) -> Caller {
    let purposes = ["service-planning".to_owned(), "performance-reporting".to_owned()];
    let key = platform.add_credential(organisation, role, &purposes, false).unwrap();
    platform.authenticate(Some(&key)).unwrap()
}

fn request(area_type: AreaType) -> DataRequest {
    DataRequest {
        indicator: "people-known-to-services".parse().unwrap(),
        area_type: Some(area_type),
        period_type: None,
        areas: Vec::new(),
        within: None,
        period: PeriodChoice::Latest,
        sex: None,
        age: None,
        breakdown: Some("services".to_owned()),
        purpose: None,
    }
}

fn ask(platform: &Platform, caller: &Caller, area_type: AreaType) -> Result<DataAnswer, PlatformError> {
    platform.data(caller, &request(area_type))
}

/// By area and category, the total first: so many that no two draws of noise give the same.
fn figures(platform: &Platform, caller: &Caller, area_type: AreaType) -> Vec<(String, String, u64)> {
    let answer = ask(platform, caller, area_type).unwrap();
    let rows = answer.rows.get().iter();
    rows.map(|row| (row.area_name.clone(), row.breakdown.clone().unwrap(), row.count.unwrap())).collect()
}

fn analyst(platform: &Platform) -> Caller {
    caller(platform, "chorley-council", "analyst")
}

#[test]
fn people_are_counted_over_services_and_shown_to_whoever_may_link() {
    let small = small();
    let platform = small.open();
    take_in(&platform, [&REFERRED, &[20], &REFERRED, &[20]]);
    let report = publish(&platform);
    assert!(report.contains(LINKS), "{report}");
    let reader = analyst(&platform);
    let districts = figures(&platform, &reader, AreaType::District);
    let shown: Vec<_> = districts.iter().filter(|(area, ..)| area == "South Ribble").collect();
    // 20 known to the team alone and 20 to the other alone; 20 to both; noise beyond 150 once in many billions.
    for ((_, category, count), (of, truth)) in shown.iter().zip([("all", 60_u64), ("1", 40), ("2", 20)]) {
        assert!(category == of && count.abs_diff(truth) < 150, "{shown:?}");
    }
    assert_eq!(shown[0].2, shown[1].2 + shown[2].2, "{shown:?}");
    let shown = figures(&platform, &reader, AreaType::Msoa);
    // A role and an organisation that may read the figures of each dataset, and may not link.
    for (organisation, role) in [("chorley-council", "dashboard"), ("runshaw-college", "analyst")] {
        let other = caller(&platform, organisation, role);
        let refused = ask(&platform, &other, AreaType::District).unwrap_err();
        assert!(matches!(refused, PlatformError::Denied { .. }), "{organisation} {role}: {refused:?}");
    }
    let nobody = platform.authenticate(None).unwrap();
    assert!(matches!(ask(&platform, &nobody, AreaType::District), Err(PlatformError::NotFound { .. })));
    // Nothing more is published of the same, and it is what it was after a restart.
    assert_eq!(publish(&platform), "published nothing new");
    drop(platform);
    let platform = small.open();
    assert_eq!(figures(&platform, &reader, AreaType::Msoa), shown);
    assert_eq!(publish(&platform), "published nothing new");
    let reviewer = reviewer(&platform);
    let id = LINKS.parse().unwrap();
    assert_eq!(platform.verify_ledger(&reviewer, &id).unwrap().entries, 1);
    let report = platform.publication_report(&reviewer, &id).unwrap().to_string();
    assert!(report.contains("at most 4 times") && report.contains("95 % of figures are within"), "{report}");
}

#[test]
fn a_period_is_published_when_all_datasets_cover_it_and_as_often_as_registered() {
    let small = small();
    let platform = small.open();
    Small::take_in(&platform, TEAM, "2024-01-01/P1Y", cases(&CASES).as_bytes());
    for quarter in 1..4 {
        take_in_referrals(&platform, quarter, &REFERRED);
    }
    let report = publish(&platform);
    assert!(report.contains("no calendar-year is covered by all of its datasets"), "{report}");
    take_in_referrals(&platform, 4, &[20]);
    assert!(publish(&platform).contains("published"));
    let reader = analyst(&platform);
    let first = figures(&platform, &reader, AreaType::Msoa);
    // Another state of the data waits for a reviewer, who sees what it would take and no figure; then none is left.
    take_in_referrals(&platform, 4, &[1]);
    let report = publish(&platform);
    assert!(report.contains(&format!("{LINKS}: 1 corrected files")), "{report}");
    assert_eq!(figures(&platform, &reader, AreaType::Msoa), first);
    let waits = preview(&platform).to_string();
    assert!(waits.contains("2024: published with 1 of 2 states of its data; this is one more"), "{waits}");
    let report = revise(&platform);
    assert!(report.contains(LINKS), "{report}");
    let second = figures(&platform, &reader, AreaType::Msoa);
    assert_ne!(first, second);
    take_in_referrals(&platform, 4, &[1, 2]);
    let report = publish(&platform);
    assert!(report.contains("with 2 states of its data, as many as are registered, and stays as it is"), "{report}");
    assert_eq!(figures(&platform, &reader, AreaType::Msoa), second, "what is out stays");
    let full = preview(&platform);
    assert!(full.plan.is_none() && full.refused.unwrap().contains("as many as are registered"));
    assert!(!publish(&platform).contains("registered"), "it is not tried again before something changes");
    // What was out before is no new state.
    take_in_referrals(&platform, 4, &[20]);
    assert!(publish(&platform).contains(LINKS));
    assert_eq!(figures(&platform, &reader, AreaType::Msoa), first);
}

#[test]
fn what_is_withdrawn_of_one_dataset_is_gone_at_once() {
    let (small, platform, reader) = published();
    assert_eq!(figures(&platform, &reader, AreaType::District).len(), 6);
    let officer = platform.local_officer(&WELLBEING.parse().unwrap()).unwrap();
    platform.withdraw(&officer, &WELLBEING.parse().unwrap(), "2024-04-01/P3M").unwrap();
    assert!(matches!(ask(&platform, &reader, AreaType::District), Err(PlatformError::NotFound { .. })));
    publish(&platform);
    assert!(
        matches!(ask(&platform, &reader, AreaType::District), Err(PlatformError::NotFound { .. })),
        "the year is covered no more"
    );
    drop(platform);
    let platform = small.open();
    assert!(matches!(ask(&platform, &reader, AreaType::District), Err(PlatformError::NotFound { .. })));
    take_in_referrals(&platform, 2, &[7]);
    assert!(publish(&platform).contains("corrected files"), "what comes in its place is another state of the year");
    assert!(matches!(ask(&platform, &reader, AreaType::District), Err(PlatformError::NotFound { .. })));
    revise(&platform);
    assert_eq!(figures(&platform, &reader, AreaType::District).len(), 6);
}

/// Of one of the agreements, what lets no linked figure be published; those of the datasets by themselves are no concern of it.
#[test]
fn every_agreement_must_let_records_be_linked_and_say_how_much_figures_may_tell() {
    let odds = "[terms.links]\nodds = 4\n";
    let grant = "purposes = [\"service-planning\"]\nactions = [\"link\"]";
    for (agreement, from, to, expect) in [
        ("wellbeing-referrals", odds, "", "`[terms.links]` must be in each of them"),
        ("wellbeing-referrals", grant, &grant.replace("service-planning", "neighbourhood-needs"), "no-grant"),
        (
            "integrated-action-team",
            "links = [\n",
            "links = [\n  \"lancashire-county-council.wellbeing-referrals\",\n",
            "forbidden-link",
        ),
        (
            "integrated-action-team",
            "zeros = \"publish\"",
            "zeros = \"publish\"\napproval = [\"reviewer\"]",
            "ask for approval",
        ),
        (
            "wellbeing-referrals",
            "minimum_population = 1000",
            "minimum_population = 2000",
            "how many people live in its areas is not known",
        ),
    ] {
        let small = small();
        small.amend(agreement, from, to);
        let platform = small.open();
        take_in(&platform, [&REFERRED, &[20], &[20], &[20]]);
        let report = publish(&platform);
        assert!(report.contains(expect), "{agreement} {to}: {report}");
        let refused = ask(&platform, &analyst(&platform), AreaType::District).unwrap_err();
        let hidden = matches!(refused, PlatformError::NotFound { .. } | PlatformError::Denied { .. });
        assert!(hidden, "{agreement} {to}: {refused:?}");
        // What is refused whatever the data are is said before there are any.
        let early = platform.refused_views().join("; ");
        assert_eq!(early.contains(expect), !expect.contains("live in"), "{agreement} {to}: {early}");
    }
}

/// An agreement that takes the place of the one that the data came under, without being its later version, allows nothing of them.
#[test]
fn what_one_of_the_agreements_no_longer_allows_is_not_read() {
    let (small, platform, reader) = published();
    assert_eq!(figures(&platform, &reader, AreaType::District).len(), 6);
    small.amend("wellbeing-referrals", "links = [\n", "links = [\n  \"chorley-council.integrated-action-team\",\n");
    platform.refresh_agreements().unwrap();
    let refused = ask(&platform, &reader, AreaType::District).map(|answer| answer.view).unwrap_err();
    assert!(matches!(refused, PlatformError::Denied { .. } | PlatformError::NotFound { .. }), "{refused:?}");
}

#[test]
fn people_of_a_dataset_are_counted_by_one_definition_ever() {
    let small = small();
    let platform = small.open();
    take_in(&platform, [&REFERRED, &[20], &[20], &[20]]);
    publish(&platform);
    drop(platform);
    // Under another name it would tell as much again.
    small.describe(LINKS, LINKS, "csr-partnership.people-again");
    let indicator = small.indicators().join("people-known-to-services.toml");
    let text = std::fs::read_to_string(&indicator).unwrap();
    std::fs::write(indicator, text.replace(LINKS, "csr-partnership.people-again")).unwrap();
    let platform = small.open();
    let report = publish(&platform);
    assert!(report.contains(&format!("people were counted by `{LINKS}`")), "{report}");
    assert!(matches!(ask(&platform, &analyst(&platform), AreaType::District), Err(PlatformError::NotFound { .. })));
}

#[test]
fn what_is_registered_later_has_another_noise_and_is_refused() {
    let (small, platform, reader) = published();
    let shown = figures(&platform, &reader, AreaType::Msoa);
    drop(platform);
    for (from, to) in
        [("\"msoa\", \"district\"", "\"msoa\", \"ward\", \"district\""), ("revisions = 2", "revisions = 3")]
    {
        small.describe(LINKS, from, to);
        let platform = small.open();
        let report = publish(&platform);
        assert!(report.contains("is out with another noise"), "{to}: {report}");
        assert_eq!(figures(&platform, &reader, AreaType::Msoa), shown);
        drop(platform);
        small.describe(LINKS, to, from);
    }
    let platform = small.open();
    assert_eq!(publish(&platform), "published nothing new");
}

/// The indicator's file, its text, and the text without the view by MSOA.
fn by_district_alone(small: &Small) -> (std::path::PathBuf, String, String) {
    let indicator = small.indicators().join("people-known-to-services.toml");
    let text = std::fs::read_to_string(&indicator).unwrap();
    let (before, view) = text.rsplit_once("[[view]]").unwrap();
    let district = format!("{}[[view]]{view}", before.split_once("[[view]]").unwrap().0);
    std::fs::write(&indicator, &district).unwrap();
    (indicator, text, district)
}

/// Who is in one year is in four quarters: by both, figures would tell of everybody more than once.
#[test]
fn people_are_counted_by_one_type_of_period_ever() {
    let small = small();
    let (indicator, _, district) = by_district_alone(&small);
    let platform = small.open();
    take_in(&platform, [&REFERRED, &[20], &[20], &[20]]);
    publish(&platform);
    let reader = analyst(&platform);
    let shown = figures(&platform, &reader, AreaType::District);
    drop(platform);
    small.describe(LINKS, "calendar-year", "quarter");
    std::fs::write(&indicator, district.replace("calendar-year", "quarter")).unwrap();
    let platform = small.open();
    let report = publish(&platform);
    assert!(report.contains("people were counted by calendar-year at its last release"), "{report}");
    drop(platform);
    small.describe(LINKS, "\"quarter\"", "\"calendar-year\"");
    std::fs::write(&indicator, district).unwrap();
    assert_eq!(figures(&small.open(), &reader, AreaType::District), shown);
}

/// Of a year that is out with all its states, the figures stay, and other years come and go without it.
#[test]
fn a_period_without_states_holds_up_no_other() {
    let small = small();
    let platform = small.open();
    take_in(&platform, [&REFERRED, &[20], &[20], &[20]]);
    publish(&platform);
    take_in_referrals(&platform, 4, &[1]);
    revise(&platform);
    take_in_referrals(&platform, 4, &[1, 2]);
    publish(&platform);
    let reader = analyst(&platform);
    let all = |platform: &Platform| {
        let request = DataRequest { period: PeriodChoice::All, ..request(AreaType::Msoa) };
        let answer = platform.data(&reader, &request).unwrap();
        let rows = answer.rows.get().iter().filter(|row| row.breakdown.as_deref() != Some("all"));
        rows.map(|row| (row.period.label(), row.area_name.clone(), row.breakdown.clone(), row.count))
            .collect::<Vec<_>>()
    };
    let of_2024 = all(&platform);
    let in_2025 = |text: String| text.replace("/2024", "/2025");
    Small::take_in(&platform, TEAM, "2025-01-01/P1Y", in_2025(cases(&CASES)).as_bytes());
    for quarter in 1..=4 {
        let period = format!("2025-{:02}-01/P3M", quarter * 3 - 2);
        Small::take_in(&platform, WELLBEING, &period, in_2025(referrals(quarter, &REFERRED)).as_bytes());
    }
    let report = publish(&platform);
    assert!(report.contains("2024 was published with 2 states"), "{report}");
    let both = all(&platform);
    assert_eq!(both.iter().filter(|row| row.0 == "2024").cloned().collect::<Vec<_>>(), of_2024);
    assert_eq!(both.len(), 2 * of_2024.len());
    // What is withdrawn of 2025 takes nothing of 2024.
    let officer = platform.local_officer(&WELLBEING.parse().unwrap()).unwrap();
    platform.withdraw(&officer, &WELLBEING.parse().unwrap(), "2025-04-01/P3M").unwrap();
    publish(&platform);
    assert_eq!(all(&platform), of_2024);
    // What is withdrawn of 2024 takes it away: what came in its place would be a third state.
    platform.withdraw(&officer, &WELLBEING.parse().unwrap(), "2024-10-01/P3M").unwrap();
    take_in_referrals(&platform, 4, &[3]);
    let report = publish(&platform);
    assert!(report.contains("and is not shown"), "{report}");
    assert!(matches!(ask(&platform, &reader, AreaType::District), Err(PlatformError::NotFound { .. })));
}

/// In whatever order datasets are named.
#[test]
fn a_definition_that_is_only_written_otherwise_is_no_new_state() {
    let (small, platform, reader) = published();
    let shown = figures(&platform, &reader, AreaType::Msoa);
    drop(platform);
    let (one, other) = (format!("  \"{TEAM}\",\n"), format!("  \"{WELLBEING}\",\n"));
    small.describe(LINKS, &format!("{one}{other}"), &format!("{other}{one}"));
    let platform = small.open();
    publish(&platform);
    assert_eq!(figures(&platform, &reader, AreaType::Msoa), shown);
}

mod periods;
