//! Fire and rescue incidents: event-level, with many deliberate fires in one neighbourhood.

use model::{Month, PeriodType};

use super::calendar::{self, DateForm};
use super::canary::Canary;
use super::context::Context;
use super::demand::{self, Event};
use super::dirt::{self, Fault, Plan};
use super::postcodes::PostcodeForm;
use super::sheet::{Ending, Feed, FeedMade, Place, Record, Sheet};
use crate::random::Random;
use crate::world::{Lsoa, TestkitError};

pub(super) const FEED: Feed = Feed {
    organisation: "lancashire-fire-and-rescue",
    dataset: "incidents",
    dims: &["incident_type"],
    measures: &["count"],
};

const INCIDENTS: u32 = 6_000;
const FAULTS: Plan = &[
    (Fault::OtherDateForm, 300),
    (Fault::TerminatedPostcode, 60),
    (Fault::BlankPlace, 50),
    (Fault::MalformedPlace, 10),
    (Fault::UnknownPlace, 40),
    (Fault::BadDate, 10),
    (Fault::MissingDate, 10),
    (Fault::OtherPeriod, 10),
    (Fault::Ragged, 15),
    (Fault::Duplicate, 40),
];
/// Types as written and stored, with their share where fires are not set, and where they are.
const TYPES: [(&str, &str, u32, u32); 5] = [
    ("Fire - Deliberate", "deliberate fire", 11, 44),
    ("Fire - Accidental", "accidental fire", 21, 20),
    ("False Alarm", "false alarm", 42, 40),
    ("RTC", "road traffic collision", 9, 9),
    ("Special Service", "other special service", 17, 17),
];
const DELIBERATE: usize = 0;

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "fire");
    let places = &context.places;
    let weight = |_: usize, lsoa: &Lsoa, month: Month| -> u64 {
        let people = u64::from(lsoa.people(month.year()).total());
        let set = if lsoa.neighbourhood == Some(places.fires) { 1_300 } else { 1_000 };
        people * (850 + u64::from(lsoa.need + lsoa.centre) / 4) * set
    };
    let events = demand::draw(&mut random, context.world, INCIDENTS, weight);
    let mut made = FeedMade::new(&FEED);
    let mut number = 1_000_u64;
    for period in calendar::periods(PeriodType::Quarter) {
        let (header, dates, form) = release(period.start());
        let mut sheet = Sheet::new(&FEED, period, &header);
        let canary = Canary::of("fire", period);
        let own = events.iter().filter(|event| period.contains(event.date.month));
        for (row, event) in own.enumerate() {
            let carries = canary.at(row);
            let fault = context.fault(&mut random, FAULTS, event.lsoa, carries);
            let Some(postcode) = context.postcodes.live(&mut random, event.lsoa) else { continue };
            let (written, stored) = draw_type(context, &mut random, event);
            number += 1;
            let at = (event.lsoa, postcode);
            let fields = [
                format!("{}-{number}", event.date.month.year()),
                dirt::date(&mut random, event.date, dates, fault, period),
                dirt::postcode(&mut random, context.world, &context.postcodes, at, form, fault),
                written.to_owned(),
                (1 + random.below(3)).to_string(),
                carries.text().unwrap_or_default().to_owned(),
            ];
            let record = Record {
                place: Place::Lsoa(event.lsoa),
                month: event.date.month,
                dims: vec![stored],
                values: vec![Some(1)],
                contributor: None,
            };
            sheet.put(&fields, fault, record);
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

fn draw_type(context: &Context<'_>, random: &mut Random, event: &Event) -> (&'static str, &'static str) {
    let neighbourhood = context.world.lsoas.get(event.lsoa).and_then(|lsoa| lsoa.neighbourhood);
    let set = neighbourhood == Some(context.places.fires);
    let mut shares: Vec<u32> = TYPES.iter().map(|(_, _, usual, many)| 100 * if set { *many } else { *usual }).collect();
    // Bonfire season: twice as many fires are set.
    if matches!(event.date.month.month(), 10 | 11) {
        shares.iter_mut().skip(DELIBERATE).take(1).for_each(|share| *share *= 2);
    }
    TYPES.get(random.weighted(&shares)).map(|(written, stored, _, _)| (*written, *stored)).unwrap_or_default()
}

/// Header and forms of the release in use. Pumps and the officer's remarks are not in the contract.
fn release(month: Month) -> ([&'static str; 6], (DateForm, DateForm), PostcodeForm) {
    match month.year() {
        2023 => (
            ["Incident Number", "Date Of Call", "Postcode", "Incident Type", "Pumps", "OIC Remarks"],
            (DateForm::Slashes, DateForm::Iso),
            PostcodeForm::Spaced,
        ),
        2024 => (
            ["Incident Number", "DateOfCall", "Post Code", "Incident Type", "Pumps", "OIC Remarks"],
            (DateForm::Slashes, DateForm::Name),
            PostcodeForm::Seven,
        ),
        _ => (
            ["IncidentNo", "DateOfCall", "Postcode_Full", "IncidentGroup", "PumpsAttending", "OIC_Remarks"],
            (DateForm::Iso, DateForm::Slashes),
            PostcodeForm::Eight,
        ),
    }
}
