//! Anti-social behaviour: event-level at map points, gathered in one place of each district.

use model::{Month, PeriodType};

use super::calendar::{self, DateForm};
use super::canary::Canary;
use super::context::Context;
use super::demand;
use super::dirt::{self, Fault, Plan};
use super::sheet::{Ending, Feed, FeedMade, Place, Record, Sheet};
use crate::random::Random;
use crate::world::{Lsoa, TestkitError};

pub(super) const FEED: Feed = Feed {
    organisation: "lancashire-constabulary",
    dataset: "anti-social-behaviour",
    dims: &["incident_type"],
    measures: &["count"],
};

const INCIDENTS: u32 = 20_000;
const FAULTS: Plan = &[
    (Fault::OtherDateForm, 300),
    (Fault::BlankPlace, 50),
    (Fault::MalformedPlace, 10),
    (Fault::UnknownPlace, 40),
    (Fault::BadDate, 8),
    (Fault::MissingDate, 8),
    (Fault::OtherPeriod, 8),
    (Fault::Ragged, 8),
    (Fault::Duplicate, 30),
];
/// Types as written and stored, with their share.
const TYPES: [(&str, &str, u32); 3] = [
    ("ASB - Nuisance", "nuisance", 70),
    ("ASB - Personal", "personal", 22),
    ("ASB - Environmental", "environmental", 8),
];
/// A point in the Irish Sea, west of the county.
const AT_SEA: (&str, &str) = ("300000", "430000");

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "anti-social behaviour");
    let weight = |position: usize, lsoa: &Lsoa, month: Month| -> u64 {
        let people = u64::from(lsoa.people(month.year()).total());
        let gathers = if context.places.nuisance.contains(&position) { 3 } else { 1 };
        let summer = match month.month() {
            5..=8 => 1_200,
            10 => 1_300,
            12 | 1 | 2 => 800,
            _ => 1_000,
        };
        people * (500 + u64::from(lsoa.need + lsoa.centre) * 7 / 10) * summer * gathers
    };
    let events = demand::draw(&mut random, context.world, INCIDENTS, weight);
    let shares: Vec<u32> = TYPES.iter().map(|(_, _, share)| *share).collect();
    let mut made = FeedMade::new(&FEED);
    let mut number = 10_000_u64;
    for period in calendar::periods(PeriodType::Quarter) {
        let (header, dates, ending) = release(period.start());
        let mut sheet = Sheet::new(&FEED, period, &header);
        let canary = Canary::of("nuisance", period);
        let own = events.iter().filter(|event| period.contains(event.date.month));
        for (row, event) in own.enumerate() {
            let carries = canary.at(row);
            let fault = context.fault(&mut random, FAULTS, event.lsoa, carries);
            let (easting, northing) = point(context, &mut random, event.lsoa, fault);
            let (written, stored, _) = TYPES.get(random.weighted(&shares)).copied().unwrap_or_default();
            number += 1;
            let fields = [
                format!("LC-{number}"),
                dirt::date(&mut random, event.date, dates, fault, period),
                easting,
                northing,
                written.to_owned(),
                carries.text().unwrap_or_default().to_owned(),
            ];
            let record = Record {
                place: Place::Lsoa(event.lsoa),
                month: event.date.month,
                dims: vec![stored],
                values: vec![Some(1)],
                contributor: None,
            };
            sheet.put_at_point(&fields, fault, record);
        }
        made.add(sheet.finish(ending)?);
    }
    Ok(made)
}

/// Incidents are recorded at map points: here, the points of the area's postcodes.
fn point(context: &Context<'_>, random: &mut Random, lsoa: usize, fault: Fault) -> (String, String) {
    match fault {
        Fault::BlankPlace => return (String::new(), String::new()),
        Fault::MalformedPlace => return ("SD".to_owned(), "58 17".to_owned()),
        Fault::UnknownPlace => return (AT_SEA.0.to_owned(), AT_SEA.1.to_owned()),
        _ => {}
    }
    let postcode = context.postcodes.live(random, lsoa).and_then(|position| context.world.postcodes.get(position));
    postcode.map(|at| (at.point.easting.to_string(), at.point.northing.to_string())).unwrap_or_default()
}

/// Header, date forms and ending of the release in use. The caller's name is not in the contract.
fn release(month: Month) -> ([&'static str; 6], (DateForm, DateForm), Ending) {
    match month.year() {
        2023 => (
            ["Incident No", "Incident Date", "Easting", "Northing", "Incident Type", "Caller"],
            (DateForm::Slashes, DateForm::Name),
            Ending::Plain,
        ),
        2024 => (
            ["Incident No", "IncidentDate", "Easting", "Northing", "Incident Type", "Caller"],
            (DateForm::Slashes, DateForm::Iso),
            Ending::Spreadsheet,
        ),
        _ => (
            ["URN", "Date Opened", "X Coordinate", "Y Coordinate", "ASB Type", "Caller Name"],
            (DateForm::Iso, DateForm::Slashes),
            Ending::Plain,
        ),
    }
}
