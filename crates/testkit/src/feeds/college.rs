//! College participation: person-level with the college's own learner references; many learners live elsewhere.

use model::{Month, Period, PeriodType};

use super::calendar::{self, Date, DateForm};
use super::canary::{Canary, Carries};
use super::context::Context;
use super::dirt::{self, Fault, Plan, SexForm};
use super::people;
use super::postcodes::PostcodeForm;
use super::sheet::{Ending, Feed, FeedMade, Place, Record, Sheet};
use crate::random::Random;
use crate::world::TestkitError;

pub(super) const FEED: Feed =
    Feed { organisation: "runshaw-college", dataset: "participation", dims: &["sex", "level"], measures: &["count"] };

const LEARNERS: u32 = 4_200;
const FAULTS: Plan = &[
    (Fault::UnknownPlace, 900),
    (Fault::TerminatedPostcode, 60),
    (Fault::BlankPlace, 30),
    (Fault::MalformedPlace, 20),
    (Fault::OtherDateForm, 200),
    (Fault::MissingDate, 10),
    (Fault::Ragged, 8),
    (Fault::Duplicate, 30),
];
/// Level as written, as stored, and its share where need is least and where it is most.
const LEVELS: [(&str, &str, u32, u32); 3] =
    [("1", "entry and level 1", 8, 22), ("2", "level 2", 14, 28), ("3", "level 3", 78, 50)];

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "college");
    // Young people of needy areas take part less.
    let weights: Vec<u32> = context
        .world
        .lsoas
        .iter()
        .map(|lsoa| {
            let people = lsoa.people(2024);
            (people.count(true, 16, 18) + people.count(false, 16, 18) + 10) * (1_600 - lsoa.need)
        })
        .collect();
    let mut made = FeedMade::new(&FEED);
    for period in calendar::periods(PeriodType::AcademicYear) {
        let later = period.start().year() > 2023;
        let header = if later {
            ["Learner Ref", "Name", "Date of Birth", "PostcodePrior", "Sex", "NotionalNVQLevel", "Start Date"]
        } else {
            ["LearnRefNumber", "Learner Name", "DateOfBirth", "Postcode", "Sex", "Level", "LearnStartDate"]
        };
        let mut sheet = Sheet::new(&FEED, period, &header);
        let canary = Canary::of("college", period);
        for row in 0..LEARNERS {
            let lsoa = random.weighted(&weights);
            let carries = canary.at(usize::try_from(row).unwrap_or_default());
            learner_row(context, &mut random, &mut sheet, period, (row, lsoa), carries);
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

fn learner_row(
    context: &Context<'_>,
    random: &mut Random,
    sheet: &mut Sheet,
    period: Period,
    at: (u32, usize),
    carries: Carries<'_>,
) {
    let (row, lsoa) = at;
    let fault = context.fault(random, FAULTS, lsoa, carries);
    let Some(postcode) = context.postcodes.live(random, lsoa) else { return };
    let (sex, sex_stored) = dirt::sex(random.chance(49, 100), SexForm::Letters, fault);
    let need = context.world.lsoas.get(lsoa).map_or(0, |lsoa| lsoa.need);
    let shares: Vec<u32> =
        LEVELS.iter().map(|(_, _, least, most)| least * (1_000 - need.min(1_000)) + most * need).collect();
    let (level, level_stored, _, _) = LEVELS.get(random.weighted(&shares)).copied().unwrap_or_default();
    let starts = if random.chance(9, 10) { 0 } else { 1 + i32::try_from(random.below(6)).unwrap_or_default() };
    let date = Date { month: period.start().plus(starts), day: 2 + random.below(20) };
    let reference = u64::try_from(period.start().year()).unwrap_or_default() * 100_000 + u64::from(row);
    let fields = [
        reference.to_string(),
        carries.text().map_or_else(|| people::draw_name(random), str::to_owned),
        born(random, period).write(DateForm::Iso),
        dirt::postcode(random, context.world, &context.postcodes, (lsoa, postcode), PostcodeForm::Spaced, fault),
        sex.to_owned(),
        level.to_owned(),
        dirt::date(random, date, (DateForm::Iso, DateForm::Slashes), fault, period),
    ];
    let record = Record {
        place: Place::Lsoa(lsoa),
        month: date.month,
        dims: vec![sex_stored, level_stored],
        values: vec![Some(1)],
        contributor: Some(reference),
    };
    sheet.put(&fields, fault, record);
}

/// Born so that the learner is 16 to 18 when the year begins.
fn born(random: &mut Random, period: Period) -> Date {
    let back = -12 * 16 - i32::try_from(random.below(36)).unwrap_or_default() - 1;
    let month: Month = period.start().plus(back);
    Date { month, day: 1 + random.below(28) }
}
