//! The housing group's dwellings and the repairs asked for in them; the contributor is the dwelling.

use std::collections::BTreeMap;

use model::{Month, PeriodType};

use super::calendar::{self, Date, DateForm};
use super::canary::Canary;
use super::context::Context;
use super::demand;
use super::dirt::{self, Fault, Plan};
use super::postcodes::PostcodeForm;
use super::sheet::{Ending, Feed, FeedMade, Place, Record, Sheet};
use crate::random::Random;
use crate::world::{Lsoa, TestkitError};

pub(super) const STOCK: Feed = Feed {
    organisation: "progress-housing-group",
    dataset: "housing-stock",
    dims: &["dwelling_type"],
    measures: &["count"],
};
pub(super) const REPAIRS: Feed =
    Feed { organisation: "progress-housing-group", dataset: "repairs", dims: &["repair_type"], measures: &["count"] };

const DWELLINGS: u32 = 7_000;
const JOBS: u32 = 20_000;
/// Property references from 999 000 000 001, a range that is not given out.
const FIRST_UPRN: u64 = 999_000_000_001;
const STOCK_FAULTS: Plan = &[
    (Fault::TerminatedPostcode, 50),
    (Fault::BlankPlace, 20),
    (Fault::UnknownPlace, 20),
    (Fault::Ragged, 4),
    (Fault::Duplicate, 20),
];
const REPAIR_FAULTS: Plan = &[
    (Fault::OtherDateForm, 300),
    (Fault::TerminatedPostcode, 50),
    (Fault::BlankPlace, 30),
    (Fault::MalformedPlace, 10),
    (Fault::UnknownPlace, 30),
    (Fault::BadDate, 8),
    (Fault::MissingDate, 8),
    (Fault::OtherPeriod, 8),
    (Fault::Ragged, 8),
    (Fault::Duplicate, 40),
];
/// Code of the asset register, stored type and share.
const DWELLING_TYPES: [(&str, &str, u32); 4] =
    [("HSE", "house", 50), ("FLT", "flat", 30), ("BUN", "bungalow", 15), ("SUP", "supported", 5)];
/// Type as written and as stored, with its share.
const REPAIR_TYPES: [(&str, &str, u32); 6] = [
    ("Damp & Mould", "damp and mould", 22),
    ("Heating & Hot Water", "heating", 22),
    ("Plumbing", "plumbing", 24),
    ("Electrical", "electrical", 12),
    ("Joinery", "joinery", 14),
    ("Roofing", "roofing", 6),
];

/// A dwelling of the housing group.
struct Dwelling {
    uprn: u64,
    lsoa: usize,
    postcode: usize,
    kind: (&'static str, &'static str, u32),
    /// The year from which it is no longer let by the group.
    sold: Option<i32>,
}

/// Makes both feeds.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<[FeedMade; 2], TestkitError> {
    let dwellings = draw_dwellings(context);
    Ok([stock(context, &dwellings)?, repairs(context, &dwellings)?])
}

fn draw_dwellings(context: &Context<'_>) -> Vec<Dwelling> {
    let mut random = Random::stream(context.seed, "dwellings");
    let weights: Vec<u32> =
        context.world.lsoas.iter().map(|lsoa| lsoa.people(2023).total() * (250 + lsoa.need)).collect();
    let shares: Vec<u32> = DWELLING_TYPES.iter().map(|(_, _, share)| *share).collect();
    let mut places: Vec<usize> = (0..DWELLINGS).map(|_| random.weighted(&weights)).collect();
    places.sort_unstable();
    let mut dwellings = Vec::new();
    for (uprn, lsoa) in (FIRST_UPRN..).zip(places) {
        let Some(postcode) = context.postcodes.live(&mut random, lsoa) else { continue };
        let kind = DWELLING_TYPES.get(random.weighted(&shares)).copied().unwrap_or_default();
        let sold = random.chance(3, 100).then(|| 2024 + i32::try_from(random.below(2)).unwrap_or_default());
        dwellings.push(Dwelling { uprn, lsoa, postcode, kind, sold });
    }
    dwellings
}

fn stock(context: &Context<'_>, dwellings: &[Dwelling]) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "housing stock");
    let mut made = FeedMade::new(&STOCK);
    for period in calendar::periods(PeriodType::CalendarYear) {
        let year = period.start().year();
        let header = if year < 2025 {
            ["UPRN", "Snapshot Date", "Dwelling Type", "Post Code", "Bedrooms"]
        } else {
            ["UPRN", "Snapshot Date", "Archetype", "Postcode", "Beds"]
        };
        let mut sheet = Sheet::new(&STOCK, period, &header);
        let day = Date { month: period.start(), day: 1 };
        for dwelling in dwellings.iter().filter(|dwelling| dwelling.sold.is_none_or(|sold| year < sold)) {
            let fault = context.fault(&mut random, STOCK_FAULTS, dwelling.lsoa, super::canary::Carries::Nothing);
            let at = (dwelling.lsoa, dwelling.postcode);
            let (written, stored, _) = dwelling.kind;
            let fields = [
                dwelling.uprn.to_string(),
                day.write(DateForm::Slashes),
                written.to_owned(),
                dirt::postcode(&mut random, context.world, &context.postcodes, at, PostcodeForm::Spaced, fault),
                (1 + dwelling.uprn % 4).to_string(),
            ];
            sheet.put(&fields, fault, event(dwelling, day.month, stored));
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

fn repairs(context: &Context<'_>, dwellings: &[Dwelling]) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "repairs");
    let mut by_area: BTreeMap<usize, Vec<&Dwelling>> = BTreeMap::new();
    for dwelling in dwellings {
        by_area.entry(dwelling.lsoa).or_default().push(dwelling);
    }
    let weight = |position: usize, _: &Lsoa, month: Month| -> u64 {
        let own = by_area.get(&position).map_or(0, Vec::len);
        u64::try_from(own).unwrap_or_default() * demand::winter(month)
    };
    let jobs = demand::draw(&mut random, context.world, JOBS, weight);
    let mut made = FeedMade::new(&REPAIRS);
    let mut number = 500_000_u64;
    for period in calendar::periods(PeriodType::Quarter) {
        let (header, dates) = release(period.start());
        let mut sheet = Sheet::new(&REPAIRS, period, &header);
        let canary = Canary::of("repairs", period);
        let own = jobs.iter().filter(|job| period.contains(job.date.month));
        for (row, job) in own.enumerate() {
            let carries = canary.at(row);
            let fault = context.fault(&mut random, REPAIR_FAULTS, job.lsoa, carries);
            let Some(dwelling) = by_area.get(&job.lsoa).and_then(|own| random.pick(own)) else { continue };
            let (written, stored, _) = draw_repair(&mut random, job.date.month);
            let at = (dwelling.lsoa, dwelling.postcode);
            number += 1;
            let fields = [
                number.to_string(),
                dirt::date(&mut random, job.date, dates, fault, period),
                dwelling.uprn.to_string(),
                dirt::postcode(&mut random, context.world, &context.postcodes, at, PostcodeForm::Spaced, fault),
                written.to_owned(),
                format!("01632 960{:03}", dwelling.uprn % 1_000),
                carries.text().unwrap_or_default().to_owned(),
            ];
            sheet.put(&fields, fault, event(dwelling, job.date.month, stored));
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

/// Damp is reported in winter above all.
fn draw_repair(random: &mut Random, month: Month) -> (&'static str, &'static str, u32) {
    let damp = match month.month() {
        11 | 12 | 1 | 2 => 34,
        6..=8 => 12,
        _ => 22,
    };
    let shares: Vec<u32> =
        std::iter::once(damp).chain(REPAIR_TYPES.iter().skip(1).map(|(_, _, share)| *share)).collect();
    REPAIR_TYPES.get(random.weighted(&shares)).copied().unwrap_or_default()
}

fn event(dwelling: &Dwelling, month: Month, kind: &'static str) -> Record {
    Record {
        place: Place::Lsoa(dwelling.lsoa),
        month,
        dims: vec![kind],
        values: vec![Some(1)],
        contributor: Some(dwelling.uprn),
    }
}

/// Header and date forms of the release in use. Telephone and tenant are not in the contract; the numbers are from the
/// range set aside for drama.
fn release(month: Month) -> ([&'static str; 7], (DateForm, DateForm)) {
    if month.year() < 2025 {
        let header = ["Job No", "Date Raised", "UPRN", "Post Code", "Repair Type", "Tenant Tel", "Tenant"];
        (header, (DateForm::Slashes, DateForm::Name))
    } else {
        let header = ["JobRef", "Raised On", "UPRN", "Postcode", "Trade", "Tenant Tel", "Tenant"];
        (header, (DateForm::Iso, DateForm::Slashes))
    }
}
