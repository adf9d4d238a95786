//! Wellbeing referrals: person-level, moving from emergency to prevention.

use model::{Month, PeriodType};

use super::calendar::{self, DateForm};
use super::canary::Canary;
use super::context::Context;
use super::demand;
use super::dirt::{Fault, Plan, SexForm};
use super::people::Person;
use super::postcodes::PostcodeForm;
use super::sheet::{Ending, Feed, FeedMade, Sheet};
use super::visits::{self, Forms, Visit};
use crate::random::Random;
use crate::world::{Lsoa, TestkitError};

pub(super) const FEED: Feed = Feed {
    organisation: "lancashire-county-council",
    dataset: "wellbeing-referrals",
    dims: &["sex", "age", "stage_of_need"],
    measures: &["count"],
};

const REFERRALS: u32 = 8_000;
const FAULTS: Plan = &[
    (Fault::OtherDateForm, 400),
    (Fault::TerminatedPostcode, 80),
    (Fault::BlankPlace, 30),
    (Fault::MalformedPlace, 20),
    (Fault::UnknownPlace, 60),
    (Fault::BlankLink, 150),
    (Fault::InvalidLink, 50),
    (Fault::MissingDate, 10),
    (Fault::OtherPeriod, 10),
    (Fault::Ragged, 10),
    (Fault::Duplicate, 40),
];
/// Stages as written, as stored, and their shares in percent in the first month and the last.
const STAGES: [(&str, &str, i32, i32); 5] = [
    ("1 - Prevention", "prevention", 15, 38),
    ("2 - Self-management", "self-management", 20, 20),
    ("3 - Community support", "community support", 20, 20),
    ("4 - Specialist support", "specialist support", 15, 14),
    ("5 - Emergency", "emergency", 30, 8),
];
/// Notes as typed; some need Windows-1252 where that is the file's encoding.
const NOTES: [&str; 6] = [
    "Client\u{2019}s daughter rang",
    "Met at caf\u{e9} group",
    "Referred by Ren\u{e9}e \u{2013} link worker",
    "Home visit, two flights of stairs",
    "Declined debt advice",
    "Wants company",
];

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "wellbeing");
    let visits = draw_visits(context, &mut random);
    let mut made = FeedMade::new(&FEED);
    let mut number = 40_000_u64;
    for period in calendar::periods(PeriodType::Quarter) {
        let (header, forms, ending) = release(period.start());
        let mut sheet = Sheet::new(&FEED, period, &header);
        let canary = Canary::of("wellbeing", period);
        let own = visits.iter().filter(|visit| period.contains(visit.date.month));
        for (row, visit) in own.enumerate() {
            let carries = canary.at(row);
            let fault = context.fault(&mut random, FAULTS, visit.person.lsoa, carries);
            let mut shown = visits::show(context, &mut random, visit, forms, fault, period, carries);
            let (stage, stored) = draw_stage(&mut random, visit.date.month);
            shown.record.dims.push(stored);
            let note = if random.chance(1, 12) { random.pick(&NOTES).copied().unwrap_or_default() } else { "" };
            number += 1;
            let fields = [
                format!("WB{number}"),
                shown.date,
                shown.nhs,
                shown.name,
                shown.born,
                shown.postcode,
                shown.sex,
                shown.age,
                stage.to_owned(),
                note.to_owned(),
            ];
            sheet.put(&fields, fault, shown.record);
        }
        made.add(sheet.finish(ending)?);
    }
    Ok(made)
}

fn draw_stage(random: &mut Random, month: Month) -> (&'static str, &'static str) {
    let shares: Vec<u32> = STAGES
        .iter()
        .map(|(_, _, first, last)| u32::try_from(demand::slope(month, first * 100, last * 100)).unwrap_or_default())
        .collect();
    STAGES.get(random.weighted(&shares)).map(|(written, stored, _, _)| (*written, *stored)).unwrap_or_default()
}

/// Header, forms and encoding of the release in use. Names, dates of birth and notes are not in the contract.
fn release(month: Month) -> ([&'static str; 10], Forms, Ending) {
    let early =
        Forms { dates: (DateForm::Slashes, DateForm::Name), postcode: PostcodeForm::Spaced, sex: SexForm::Letters };
    let first = [
        "Referral ID",
        "Referral Date",
        "NHS No",
        "Client Name",
        "DOB",
        "Post Code",
        "Sex",
        "Age",
        "Stage of Need",
        "Notes",
    ];
    let later = [
        "ReferralID",
        "Date Of Referral",
        "NHS Number",
        "Client Name",
        "Date of Birth",
        "Home Postcode",
        "Gender",
        "Age at referral",
        "Stage",
        "Free Text",
    ];
    match (month.year(), month.month()) {
        (2023, 4) => (first, early, Ending::Windows1252),
        (2023, _) => (first, early, Ending::Plain),
        (2024, _) => (first, Forms { sex: SexForm::Words, ..early }, Ending::Spreadsheet),
        _ => (later, Forms { dates: (DateForm::Iso, DateForm::Slashes), ..early }, Ending::Plain),
    }
}

fn draw_visits<'a>(context: &'a Context<'_>, random: &mut Random) -> Vec<Visit<'a>> {
    let weight = |_: usize, lsoa: &Lsoa, month: Month| -> u64 {
        let people = u64::from(lsoa.people(month.year()).total());
        people * (700 + u64::from(lsoa.need) / 2) * demand::slope(month, 900, 1_100)
    };
    // Adults only, and people whom other services know are referred more often.
    let adults = |person: &Person| if person.born.month.year() < 2005 { person.activity } else { 0 };
    visits::draw(context, random, REFERRALS, weight, adults)
}
