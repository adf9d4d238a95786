//! Ambulance call-outs: person-level, with a falls project that works and one person who calls again and again.

use model::{Month, PeriodType};

use super::calendar::{self, Date, DateForm};
use super::canary::Canary;
use super::context::{self, Context};
use super::demand;
use super::dirt::{Fault, Plan, SexForm};
use super::people::Person;
use super::postcodes::PostcodeForm;
use super::sheet::{Ending, Feed, FeedMade, Sheet};
use super::visits::{self, Forms, Visit};
use crate::random::Random;
use crate::world::{Lsoa, TestkitError};

pub(super) const FEED: Feed = Feed {
    organisation: "north-west-ambulance",
    dataset: "call-outs",
    dims: &["sex", "age", "category", "outcome"],
    measures: &["count"],
};

const CALL_OUTS: u32 = 40_000;
const FAULTS: Plan = &[
    (Fault::SexUnknown, 250),
    (Fault::ImpossibleAge, 70),
    (Fault::OtherDateForm, 300),
    (Fault::TerminatedPostcode, 60),
    (Fault::BlankPlace, 30),
    (Fault::MalformedPlace, 15),
    (Fault::UnknownPlace, 50),
    (Fault::BlankLink, 80),
    (Fault::InvalidLink, 30),
    (Fault::BadDate, 8),
    (Fault::MissingDate, 8),
    (Fault::OtherPeriod, 8),
    (Fault::Ragged, 6),
    (Fault::Duplicate, 25),
];
/// Call-outs in the quiet area: (month of the sample, how many, all by one person).
const QUIET: [(i32, u32, bool); 5] = [(2, 7, false), (9, 6, false), (16, 6, true), (26, 8, false), (32, 9, false)];
const NOTES: [&str; 6] =
    ["fall at home", "chest pain", "breathless, known to service", "lives alone", "carer present", "referred to GP"];

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "ambulance");
    let visits = draw_visits(context, &mut random);
    let mut made = FeedMade::new(&FEED);
    let mut number = 230_000_000_u64;
    for period in calendar::periods(PeriodType::Quarter) {
        let (header, forms) = release(period.start());
        let mut sheet = Sheet::new(&FEED, period, &header);
        let canary = Canary::of("ambulance", period);
        let own = visits.iter().filter(|visit| period.contains(visit.date.month));
        for (row, visit) in own.enumerate() {
            let carries = canary.at(row);
            let fault = if visit.planted {
                Fault::None
            } else {
                context.fault(&mut random, FAULTS, visit.person.lsoa, carries)
            };
            let mut shown = visits::show(context, &mut random, visit, forms, fault, period, carries);
            let category = random.weighted(&[10, 50, 30, 10]);
            let convey = random.chance(7, 10);
            let modern = forms.sex == SexForm::Letters;
            let pair =
                |pairs: [(&'static str, &'static str); 2]| pairs.get(usize::from(convey)).copied().unwrap_or_default();
            let (outcome, outcome_stored) = if modern {
                pair([("S&T", "see-and-treat"), ("S&C", "see-and-convey")])
            } else {
                pair([("See & Treat", "see-and-treat"), ("See & Convey", "see-and-convey")])
            };
            let stored =
                ["category 1", "category 2", "category 3", "category 4"].get(category).copied().unwrap_or_default();
            shown.record.dims.extend([stored, outcome_stored]);
            let note = if random.chance(1, 25) { random.pick(&NOTES).copied().unwrap_or_default() } else { "" };
            number += 1;
            let fields = [
                number.to_string(),
                shown.date,
                shown.nhs,
                shown.name,
                shown.born,
                shown.postcode,
                shown.sex,
                shown.age,
                format!("C{}", category + 1),
                outcome.to_owned(),
                note.to_owned(),
            ];
            sheet.put(&fields, fault, shown.record);
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

/// Header and forms of the release in use in a month. Patient name, date of birth and notes are not in the contract.
fn release(month: Month) -> ([&'static str; 11], Forms) {
    if month.year() < 2025 {
        (
            [
                "IncidentNumber",
                "CallDate",
                "NHSNumber",
                "PatientName",
                "DateOfBirth",
                "Postcode",
                "Gender",
                "Age",
                "Category",
                "Outcome",
                "CrewNotes",
            ],
            Forms { dates: (DateForm::Slashes, DateForm::Iso), postcode: PostcodeForm::Spaced, sex: SexForm::Digits },
        )
    } else {
        (
            [
                "Incident Number",
                "Incident_Date",
                "NHS_No",
                "Patient Name",
                "DOB",
                "Incident Postcode",
                "Sex",
                "AgeAtCall",
                "ResponseCategory",
                "Outcome",
                "Crew Notes",
            ],
            Forms { dates: (DateForm::Iso, DateForm::Name), postcode: PostcodeForm::Seven, sex: SexForm::Letters },
        )
    }
}

fn draw_visits<'a>(context: &'a Context<'_>, random: &mut Random) -> Vec<Visit<'a>> {
    let places = &context.places;
    let weight = |position: usize, lsoa: &Lsoa, month: Month| -> u64 {
        if position == places.quiet {
            return 0;
        }
        let people = lsoa.people(month.year());
        let older = u64::from(people.count(true, 65, 90) + people.count(false, 65, 90));
        let project = lsoa.neighbourhood == Some(places.project) && context::project_runs(month);
        let effect = if project { 70 } else { 100 };
        (u64::from(people.total()) + 4 * older) * (800 + u64::from(lsoa.need) / 2) * demand::winter(month) * effect
    };
    let older_more = |person: &Person| person.activity * if person.born.month.year() < 1958 { 6 } else { 1 };
    let mut visits = visits::draw(context, random, CALL_OUTS, weight, older_more);
    visits.extend(quiet_visits(context));
    visits.sort_by_key(|visit| (visit.date, visit.person.lsoa, visit.person.nhs));
    visits
}

/// Few call-outs in an area, by people each seen once, but for six in one quarter by the same person.
fn quiet_visits<'a>(context: &'a Context<'_>) -> Vec<Visit<'a>> {
    let mut residents = context.people.all.iter().filter(|person| person.lsoa == context.places.quiet);
    let mut visits = Vec::new();
    for (offset, number, same) in QUIET {
        let Some(month) = calendar::months().find(|month| calendar::index(*month) == offset) else { continue };
        let mut person = residents.next();
        for call in 0..number {
            let Some(who) = person else { break };
            visits.push(Visit { person: who, date: Date { month, day: 6 + 2 * call }, planted: true });
            if !same {
                person = residents.next();
            }
        }
    }
    visits
}
