//! Integrated action team: few people, whom every service knows. Shares are quotas, so that they are true of so few.

use model::{Period, PeriodType};

use super::calendar::{self, DateForm};
use super::canary::{Canary, Carries};
use super::context::Context;
use super::demand;
use super::dirt::{self, Fault, SexForm};
use super::people::Person;
use super::postcodes::PostcodeForm;
use super::sheet::{Ending, Feed, FeedMade, Place, Record, Sheet};
use crate::random::Random;
use crate::world::TestkitError;

pub(super) const FEED: Feed = Feed {
    organisation: "chorley-council",
    dataset: "integrated-action-team",
    dims: &["sex", "age", "reason", "referrer", "intervention_level", "case_status"],
    measures: &["count", "contacts_before", "contacts_after"],
};

/// Men and women in each district a year: 74 cases, 37 in six months, 73 % men.
const PEOPLE: [(u32, u32); 2] = [(29, 11), (25, 9)];
/// Reason as written, as stored, and cases a year.
const REASONS: [(&str, &str, u32); 7] = [
    ("Alcohol", "alcohol", 17),
    ("ASB victim", "victim of anti-social behaviour", 13),
    ("MH", "mental health", 13),
    ("Housing", "housing", 10),
    ("Drugs", "drugs", 7),
    ("Vulnerability", "vulnerability", 7),
    ("Burglary", "burglary", 7),
];
const LEVELS: [(&str, &str, u32); 3] = [("Low", "low", 22), ("Mid", "mid", 30), ("High", "high", 22)];
/// Who referred, as written and as stored: the partners by way of whom cases come.
const REFERRERS: [(&str, &str); 6] = [
    ("Police", "police"),
    ("District council", "district council"),
    ("Fire and rescue", "fire and rescue"),
    ("Ambulance", "ambulance"),
    ("Mental health trust", "mental health trust"),
    ("Hospital", "hospital"),
];
/// Faults of the rows after the cases: each file has one of each.
const EXTRA: [Fault; 4] = [Fault::BlankPlace, Fault::MalformedPlace, Fault::MissingDate, Fault::Ragged];

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "casework");
    let mut known = draw_people(context, &mut random).into_iter();
    let mut made = FeedMade::new(&FEED);
    for period in calendar::periods(PeriodType::CalendarYear) {
        let year = period.start().year();
        let header = if year < 2025 {
            [
                "Case Ref",
                "Name",
                "DOB",
                "Date Accepted",
                "NHS Number",
                "Postcode",
                "Gender",
                "Age",
                "Main Reason",
                "Referrer",
                "Intervention Level",
                "Status",
                "Contacts Before",
                "Contacts After",
                "Consent",
            ]
        } else {
            [
                "Ref",
                "Client",
                "Date of Birth",
                "Accepted",
                "NHS No",
                "Postcode",
                "Sex",
                "Age",
                "Reason",
                "Referred By",
                "Level",
                "Status",
                "Calls 12m before",
                "Calls 12m after",
                "Consent",
            ]
        };
        let mut sheet = Sheet::new(&FEED, period, &header);
        let reasons = quota(&mut random, &REASONS);
        let levels = quota(&mut random, &LEVELS);
        let statuses = quota(&mut random, statuses(year));
        let cases: usize = PEOPLE.iter().map(|(men, women)| usize::try_from(men + women).unwrap_or_default()).sum();
        let choices = reasons.iter().zip(&levels).zip(&statuses).cycle().take(cases + EXTRA.len());
        for (row, ((reason, level), status)) in choices.enumerate() {
            let Some(person) = known.next() else { break };
            let fault = if row < cases { planned(row) } else { EXTRA.get(row - cases).copied().unwrap_or(Fault::None) };
            case_row(context, &mut random, &mut sheet, (period, row), person, fault, [*reason, *level, *status]);
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

/// Two cases a year are written twice.
const fn planned(row: usize) -> Fault {
    match row {
        20 | 41 => Fault::Duplicate,
        _ => Fault::None,
    }
}

fn case_row(
    context: &Context<'_>,
    random: &mut Random,
    sheet: &mut Sheet,
    at: (Period, usize),
    person: &Person,
    fault: Fault,
    [reason, level, status]: [(&'static str, &'static str); 3],
) {
    let (period, row) = at;
    let canary = Canary::of("casework", period);
    let carries = match (row, fault) {
        (0, _) => canary.kept(),
        (_, Fault::MissingDate) => canary.refused(),
        _ => Carries::Nothing,
    };
    let Some(month) = period.months().nth(usize::try_from(random.below(12)).unwrap_or_default()) else { return };
    let date = demand::day(random, month);
    let years = date.age(person.born);
    let (sex, sex_stored) = dirt::sex(person.male, SexForm::Letters, fault);
    let nhs = match carries {
        Carries::Kept(_, Some(number)) => number,
        _ => person.nhs,
    };
    let before = 10 + u64::from(random.below(50));
    let after = before * (30 + u64::from(random.below(40))) / 100;
    let home = (person.lsoa, person.postcode);
    // In this order: each draws from the stream.
    let date = dirt::date(random, date, (DateForm::Slashes, DateForm::Name), fault, period);
    let postcode = dirt::postcode(random, context.world, &context.postcodes, home, PostcodeForm::Spaced, fault);
    let referrer = random.pick(&REFERRERS).copied().unwrap_or_default();
    let fields = [
        format!("IAT-{}-{row:03}", period.start().year()),
        carries.text().unwrap_or(&person.name).to_owned(),
        person.born.write(DateForm::Slashes),
        date,
        nhs.to_string(),
        postcode,
        sex.to_owned(),
        years.to_string(),
        reason.0.to_owned(),
        referrer.0.to_owned(),
        level.0.to_owned(),
        status.0.to_owned(),
        before.to_string(),
        after.to_string(),
        "Yes".to_owned(),
    ];
    let band = match years {
        ..40 => "16-39",
        40..60 => "40-59",
        _ => "60+",
    };
    let record = Record {
        place: Place::Lsoa(person.lsoa),
        month,
        dims: vec![sex_stored, band, reason.1, referrer.1, level.1, status.1],
        values: vec![Some(1), Some(before), Some(after)],
        contributor: Some(nhs),
    };
    sheet.put(&fields, fault, record);
}

/// Cases open, monitored and closed at the end of the sample.
const fn statuses(year: i32) -> &'static [(&'static str, &'static str, u32)] {
    match year {
        2023 => &[("Closed", "closed", 74)],
        2024 => &[("Monitoring", "monitoring", 12), ("Closed", "closed", 62)],
        _ => &[("Live", "live", 32), ("Monitoring", "monitoring", 32), ("Closed", "closed", 10)],
    }
}

/// Each choice as often as its quota says, in random order.
fn quota(random: &mut Random, choices: &[(&'static str, &'static str, u32)]) -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<_> =
        choices.iter().flat_map(|(written, stored, number)| (0..*number).map(|_| (*written, *stored))).collect();
    random.shuffle(&mut all);
    all
}

/// People whom services meet most, mostly aged 40 to 59, in the quotas of sex and district for each year, in the order
/// of the rows; the rows with faults take the last.
fn draw_people<'a>(context: &'a Context<'_>, random: &mut Random) -> Vec<&'a Person> {
    let mut candidates: Vec<&Person> = context
        .people
        .all
        .iter()
        .filter(|person| person.activity >= 8 && (1945..=2004).contains(&person.born.month.year()))
        .collect();
    random.shuffle(&mut candidates);
    // Seven in ten from the ages 40 to 59 throughout the sample: stable sort by group, then take in that ratio.
    let (middle, others): (Vec<&Person>, Vec<&Person>) =
        candidates.into_iter().partition(|person| (1967..=1982).contains(&person.born.month.year()));
    let (mut middle, mut others) = (middle.into_iter(), others.into_iter());
    let mut chosen = Vec::new();
    for _ in calendar::periods(PeriodType::CalendarYear) {
        let mut cases: Vec<&Person> = Vec::new();
        for (district, (men, women)) in PEOPLE.into_iter().enumerate() {
            for (male, number) in [(true, men), (false, women)] {
                for case in 0..number {
                    let fits = |person: &&Person| {
                        let home = context.world.lsoas.get(person.lsoa).map(|lsoa| lsoa.district);
                        person.male == male && home == Some(district)
                    };
                    let found = if case % 10 < 7 { middle.find(fits) } else { others.find(fits) };
                    cases.extend(found);
                }
            }
        }
        random.shuffle(&mut cases);
        chosen.extend(cases);
        chosen.extend(others.by_ref().take(EXTRA.len()));
    }
    chosen
}
