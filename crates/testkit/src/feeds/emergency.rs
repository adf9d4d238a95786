//! Emergency department attendances: person-level, with opt-outs, two trends and an inequality gap.

use model::{Month, PeriodType};

use super::calendar::{self, DateForm};
use super::canary::{Canary, Carries};
use super::context::Context;
use super::demand;
use super::dirt::{Fault, Plan, SexForm};
use super::postcodes::PostcodeForm;
use super::sheet::{Ending, Fate, Feed, FeedMade, Sheet};
use super::visits::{self, Forms, Visit};
use crate::random::Random;
use crate::world::{Lsoa, TestkitError};

pub(super) const FEED: Feed = Feed {
    organisation: "lancashire-teaching-hospitals",
    dataset: "emergency-attendances",
    dims: &["sex", "age", "arrival_mode", "acuity"],
    measures: &["count"],
};

const ATTENDANCES: u32 = 110_000;
const FAULTS: Plan = &[
    (Fault::SexUnknown, 120),
    (Fault::ImpossibleAge, 40),
    (Fault::OtherDateForm, 200),
    (Fault::TerminatedPostcode, 60),
    (Fault::BlankPlace, 25),
    (Fault::MalformedPlace, 10),
    (Fault::UnknownPlace, 60),
    (Fault::BlankLink, 60),
    (Fault::InvalidLink, 20),
    (Fault::BadDate, 6),
    (Fault::MissingDate, 6),
    (Fault::OtherPeriod, 6),
    (Fault::Ragged, 3),
    (Fault::Duplicate, 20),
];
/// SNOMED CT code, stored value and share of the five acuity levels.
const ACUITY: [(&str, &str, u32); 5] = [
    ("1064891000000107", "immediate", 2),
    ("1064911000000105", "very urgent", 14),
    ("1064901000000103", "urgent", 40),
    ("1077241000000103", "standard", 36),
    ("1077251000000100", "low", 8),
];

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "emergency");
    let visits = draw_visits(context, &mut random);
    let shares: Vec<u32> = ACUITY.iter().map(|(_, _, share)| *share).collect();
    let mut made = FeedMade::new(&FEED);
    let mut number = 7_000_000_u64;
    for period in calendar::periods(PeriodType::Quarter) {
        let (header, forms) = release(period.start());
        let mut sheet = Sheet::new(&FEED, period, &header);
        let canary = Canary::of("emergency", period);
        let own = visits.iter().filter(|visit| period.contains(visit.date.month));
        for (row, visit) in own.enumerate() {
            let carries = canary.at(row);
            let opted_out = visit.person.opted_out && carries == Carries::Nothing;
            let drawn = context.fault(&mut random, FAULTS, visit.person.lsoa, carries);
            let fault = if opted_out { Fault::None } else { drawn };
            let mut shown = visits::show(context, &mut random, visit, forms, fault, period, carries);
            let by_ambulance = random.chance(28, 100);
            let (mode, mode_stored) = if by_ambulance { ("1", "ambulance") } else { ("2", "other") };
            let (acuity, acuity_stored, _) = ACUITY.get(random.weighted(&shares)).copied().unwrap_or_default();
            shown.record.dims.extend([mode_stored, acuity_stored]);
            number += 1;
            let mut fields = vec![
                number.to_string(),
                shown.nhs,
                shown.postcode,
                shown.sex,
                shown.age,
                shown.date,
                mode.to_owned(),
                acuity.to_owned(),
                if opted_out { "Y" } else { "N" }.to_owned(),
            ];
            if header.len() > 10 {
                fields.push(shown.born);
            }
            fields.push(carries.text().unwrap_or_default().to_owned());
            if opted_out {
                sheet.expectation.note("opted-out");
                sheet.row(&fields, Fate::Skipped);
            } else {
                sheet.put(&fields, fault, shown.record);
            }
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

/// Header and forms of the release in use in a month. Date of birth (until 2024) and triage notes are not in the
/// contract.
fn release(month: Month) -> (Vec<&'static str>, Forms) {
    if month.year() < 2025 {
        let header = vec![
            "ATTENDANCE_IDENTIFIER",
            "NHS_NUMBER",
            "POSTCODE_OF_USUAL_ADDRESS",
            "PERSON_STATED_GENDER_CODE",
            "AGE_AT_CDS_ACTIVITY_DATE",
            "ARRIVAL_DATE",
            "ARRIVAL_MODE",
            "ACUITY",
            "NATIONAL_DATA_OPT_OUT",
            "PERSON_BIRTH_DATE",
            "TRIAGE_NOTE",
        ];
        let dates = (DateForm::Iso, DateForm::Slashes);
        (header, Forms { dates, postcode: PostcodeForm::Eight, sex: SexForm::Digits })
    } else {
        let header = vec![
            "Attendance_Identifier",
            "Der_NHS_Number",
            "Postcode_Usual",
            "Sex",
            "Age_At_Arrival",
            "Emergency_Care_Arrival_Date",
            "EC_Arrival_Mode",
            "EC_Acuity_SNOMED_CT",
            "NDOO_Flag",
            "Triage_Note",
        ];
        let dates = (DateForm::Compact, DateForm::Iso);
        (header, Forms { dates, postcode: PostcodeForm::Seven, sex: SexForm::Letters })
    }
}

fn draw_visits<'a>(context: &'a Context<'_>, random: &mut Random) -> Vec<Visit<'a>> {
    let places = &context.places;
    let weight = |_: usize, lsoa: &Lsoa, month: Month| -> u64 {
        let people = u64::from(lsoa.people(month.year()).total());
        let trend = match lsoa.neighbourhood {
            Some(at) if at == places.falling => demand::slope(month, 1_300, 800),
            Some(at) if at == places.rising => demand::slope(month, 800, 1_300),
            _ => 1_000,
        };
        people * (600 + u64::from(lsoa.need) * 12 / 10) * demand::winter(month) * trend
    };
    visits::draw(context, random, ATTENDANCES, weight, |person| person.activity)
}
