//! Disease registers of general practices, in the layout of the Quality and Outcomes Framework.

use model::{Period, PeriodType};

use super::calendar;
use super::context::Context;
use super::sheet::{Ending, Fate, Feed, FeedMade, Place, Record, Sheet};
use crate::random::Random;
use crate::world::{Practice, TestkitError};

pub(super) const FEED: Feed = Feed {
    organisation: "nhs-chorley-and-south-ribble-ccg",
    dataset: "practice-prevalence",
    dims: &["condition"],
    measures: &["register", "list_size"],
};

/// Code, stored condition, list type, share of the list that is of that type in percent, usual prevalence per mille.
const CONDITIONS: [(&str, &str, &str, u64, u64); 6] = [
    ("AF", "atrial fibrillation", "TOTAL", 100, 24),
    ("AST", "asthma", "06OV", 94, 68),
    ("COPD", "copd", "TOTAL", 100, 21),
    ("DEM", "dementia", "TOTAL", 100, 9),
    ("DM", "diabetes", "17OV", 80, 78),
    ("HYP", "hypertension", "TOTAL", 100, 152),
];
/// The condition whose register one practice withholds.
const WITHHELD: &str = "DEM";

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "prevalence");
    let mut made = FeedMade::new(&FEED);
    for period in calendar::periods(PeriodType::FinancialYear) {
        let mut sheet = Sheet::new(&FEED, period, &header(period));
        for (position, practice) in context.world.practices.iter().enumerate() {
            for condition in CONDITIONS {
                let hidden = condition.0 == WITHHELD && position == 3;
                practice_row(context, &mut random, &mut sheet, period, practice, condition, hidden);
            }
        }
        // Two practices of another place, as in the national file.
        for code in ["Y99901", "Y99902"] {
            let fields = [code, "DM", "512", "17OV", "6480"].map(str::to_owned);
            sheet.row(&fields, Fate::WithoutLocation);
            sheet.expectation.note("unknown-practice");
        }
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

fn practice_row(
    context: &Context<'_>,
    random: &mut Random,
    sheet: &mut Sheet,
    period: Period,
    practice: &Practice,
    condition: (&'static str, &'static str, &'static str, u64, u64),
    hidden: bool,
) {
    let (code, stored, list_type, share, usual) = condition;
    let list = u64::from(practice.list_size) * share / 100;
    let growth = if period.start().year() > 2023 { 1_020 } else { 1_000 };
    // Need raises prevalence by up to four tenths; practices differ by up to a tenth either way.
    let need = network_need(context, practice.pcn);
    let own = 900 + u64::from(random.below(200));
    let register = list * usual * (800 + need * 4 / 10) / 1_000 * own / 1_000 * growth / 1_000 / 1_000;
    let thousands = period.start().year() > 2023;
    let fields = [
        practice.code.clone(),
        code.to_owned(),
        if hidden { "*".to_owned() } else { number(register, thousands) },
        list_type.to_owned(),
        number(list, thousands),
    ];
    if hidden {
        sheet.expectation.note("withheld");
    }
    let record = Record {
        place: Place::Pcn(practice.pcn),
        month: period.start(),
        dims: vec![stored],
        values: vec![(!hidden).then_some(register), Some(list)],
        contributor: None,
    };
    sheet.row(&fields, Fate::Kept(record));
}

/// Mean need of the areas of a primary care network, weighted by people.
fn network_need(context: &Context<'_>, pcn: usize) -> u64 {
    let own = context.world.lsoas.iter().filter(|lsoa| lsoa.pcn == pcn);
    let (people, need) = own.fold((0, 0), |(people, need), lsoa| {
        let here = u64::from(lsoa.people(2023).total());
        (people + here, need + here * u64::from(lsoa.need))
    });
    need / u64::max(people, 1)
}

/// A number, with commas between thousands where the release has them.
pub(super) fn number(value: u64, thousands: bool) -> String {
    if !thousands {
        return value.to_string();
    }
    let digits = value.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn header(period: Period) -> [&'static str; 5] {
    if period.start().year() > 2023 {
        ["Practice code", "Group code", "Register", "Patient list type", "List size"]
    } else {
        ["PRACTICE_CODE", "GROUP_CODE", "REGISTER", "PATIENT_LIST_TYPE", "PRACTICE_LIST_SIZE"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (78_123, "78,123"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value, true), text);
            assert_eq!(number(value, false), value.to_string());
        }
    }
}
