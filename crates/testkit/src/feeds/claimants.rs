//! Claimants on one day of each quarter, in the layout of the official labour-market extracts: long, with totals and
//! percentages between the rows that are meant.

use model::{Month, Period, PeriodType};

use super::calendar;
use super::context::Context;
use super::demand;
use super::sheet::{Ending, Fate, Feed, FeedMade, Place, Record, Sheet};
use crate::random::Random;
use crate::world::{Lsoa, TestkitError};

pub(super) const FEED: Feed = Feed {
    organisation: "department-for-work-and-pensions",
    dataset: "claimants",
    dims: &["sex", "age"],
    measures: &["claimants"],
};

const HEADER: [&str; 9] = [
    "DATE",
    "DATE_NAME",
    "GEOGRAPHY_CODE",
    "GEOGRAPHY_NAME",
    "GENDER_NAME",
    "AGE_NAME",
    "MEASURES_NAME",
    "OBS_VALUE",
    "OBS_STATUS",
];
/// Stored band, first and last age, and factor of the rate in percent.
const AGES: [(&str, u8, u8, u32); 3] = [("16-24", 16, 24, 140), ("25-49", 25, 49, 110), ("50+", 50, 66, 70)];

/// One cell of the extract.
struct Cell {
    sex: &'static str,
    band: &'static str,
    claimants: u32,
}

/// Makes the feed.
///
/// # Errors
/// If a file cannot be compressed.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "claimants");
    let mut made = FeedMade::new(&FEED);
    for period in calendar::periods(PeriodType::Quarter) {
        let mut sheet = Sheet::new(&FEED, period, &HEADER);
        let month = period.end().plus(-1);
        for (position, lsoa) in context.world.lsoas.iter().enumerate() {
            let cells = draw_cells(&mut random, lsoa, month);
            area_rows(&mut sheet, (position, lsoa), month, &cells);
        }
        elsewhere(&mut sheet, period, month);
        made.add(sheet.finish(Ending::Plain)?);
    }
    Ok(made)
}

fn draw_cells(random: &mut Random, lsoa: &Lsoa, month: Month) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (sex, female) in [("Male", false), ("Female", true)] {
        for (band, first, last, factor) in AGES {
            let people = lsoa.people(month.year()).count(female, first, last);
            // Between 10 and 60 claimants in a thousand people; the young more, women a little less.
            let rate = (10 + lsoa.need / 20) * factor / 100 * if female { 9 } else { 11 } / 10;
            let slope = u32::try_from(demand::slope(month, 1_080, 920)).unwrap_or_default();
            cells.push(Cell { sex, band, claimants: random.poisson(people * rate * slope / 1_000) });
        }
    }
    cells
}

fn area_rows(sheet: &mut Sheet, area: (usize, &Lsoa), month: Month, cells: &[Cell]) {
    let (position, lsoa) = area;
    let total: u32 = cells.iter().map(|cell| cell.claimants).sum();
    let mut write = |sex: &str, age: &str, measure: &str, value: &str, fate: Fate| {
        let fields = [
            month.to_string(),
            month.to_string(),
            lsoa.code.clone(),
            lsoa.name.clone(),
            sex.to_owned(),
            age.to_owned(),
            measure.to_owned(),
            value.to_owned(),
            "A".to_owned(),
        ];
        sheet.row(&fields, fate);
    };
    write("Total", "All categories: Age 16+", "Value", &total.to_string(), Fate::Skipped);
    let working = lsoa.people(month.year()).count(true, 16, 64) + lsoa.people(month.year()).count(false, 16, 64);
    let tenths = total * 1_000 / working.max(1);
    let percent = format!("{}.{}", tenths / 10, tenths % 10);
    write("Total", "All categories: Age 16+", "Percent", &percent, Fate::Skipped);
    for cell in cells {
        let record = Record {
            place: Place::Lsoa(position),
            month,
            dims: vec![if cell.sex == "Male" { "male" } else { "female" }, cell.band],
            values: vec![Some(u64::from(cell.claimants))],
            contributor: None,
        };
        let age = match cell.band {
            "50+" => "Aged 50+".to_owned(),
            band => format!("Aged {band}"),
        };
        write(cell.sex, &age, "Value", &cell.claimants.to_string(), Fate::Kept(record));
    }
}

/// The extract's last rows: an area of another place, and a row without a code.
fn elsewhere(sheet: &mut Sheet, period: Period, month: Month) {
    let own = period.start().month();
    let fields = |code: &str, value: i32| {
        let month = month.to_string();
        [month.as_str(), month.as_str(), code, "Elsewhere 001A", "Male", "Aged 25-49", "Value", &value.to_string(), "A"]
            .map(str::to_owned)
    };
    sheet.row(&fields("E01000001", 10 + own), Fate::Outside);
    sheet.expectation.note("outside-code");
    sheet.row(&fields("", own), Fate::Refused);
    sheet.expectation.note("missing-code");
}
