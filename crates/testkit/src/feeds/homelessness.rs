//! Homelessness duties: the workbook that one council compiles, with banner rows, notes and numbers as text.

use model::{Period, PeriodType};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, XlsxError};

use super::calendar;
use super::context::Context;
use super::prevalence;
use super::sheet::{Expectation, Fate, Feed, FeedMade, Place, Record};
use crate::output;
use crate::random::Random;
use crate::world::TestkitError;

pub(super) const FEED: Feed =
    Feed { organisation: "chorley-council", dataset: "homelessness", dims: &["duty"], measures: &["households"] };

const DUTIES: [&str; 2] = ["prevention duty", "relief duty"];
const HEADER: [&str; 5] = [
    "Area code",
    "Area name",
    "Total initial assessments",
    "Households owed a prevention duty",
    "Households owed a relief duty",
];
const BANNER: u32 = 4;
/// District and quarter (from 0) whose relief duties the council withheld.
const WITHHELD: (usize, usize) = (1, 1);

/// A row of the sheet: texts as shown.
type Line = [String; 5];

/// Makes the feed.
///
/// # Errors
/// If a workbook cannot be written.
pub(super) fn make(context: &Context<'_>) -> Result<FeedMade, TestkitError> {
    let mut random = Random::stream(context.seed, "homelessness");
    let mut made = FeedMade::new(&FEED);
    for (quarter, period) in calendar::periods(PeriodType::Quarter).into_iter().enumerate() {
        let path = FEED.path(period, "xlsx");
        let mut expectation = Expectation::new(&FEED, period, &path);
        let mut lines = Vec::new();
        let mut records = Vec::new();
        let county = [78_000 + random.below(900), 36_000 + random.below(500), 41_000 + random.below(500)];
        lines.push(line("E92000001", "England", &county.map(u64::from)));
        expectation.count(Fate::Outside);
        for district in 0..context.world.districts.len() {
            let duties = draw(&mut random, district, quarter);
            let (own, fate) = district_line(context, district, quarter, period, duties);
            lines.push(own);
            records.extend(expectation.count(fate));
        }
        expectation.note(if quarter == WITHHELD.1 { "withheld" } else { "withheld-elsewhere" });
        for (position, area) in context.world.context.iter().enumerate() {
            let duties = [150, 70, 80].map(|usual| u64::from(usual + random.below(60)));
            lines.push(context_line(&area.code, &area.name, position, &duties));
            expectation.count(Fate::Outside);
        }
        let note = "[c] withheld, [x] not available, [z] not applicable";
        lines.push([note.to_owned(), String::new(), String::new(), String::new(), String::new()]);
        expectation.count(Fate::WithoutLocation);
        let bytes = workbook(period, &lines)
            .map_err(|error| TestkitError::Write { path: path.clone(), message: error.to_string() })?;
        made.add((output::plain(&path, bytes), expectation, records));
    }
    Ok(made)
}

/// Prevention and relief duties of a district in a quarter. Relief falls in the first district from the fifth quarter.
fn draw(random: &mut Random, district: usize, quarter: usize) -> [u64; 2] {
    let relief = match (district, quarter) {
        (0, 4..) => 48_000,
        (0, _) => 74_000,
        _ => 63_000,
    };
    [u64::from(random.poisson(66_000)), u64::from(random.poisson(relief))]
}

fn district_line(
    context: &Context<'_>,
    district: usize,
    quarter: usize,
    period: Period,
    duties: [u64; 2],
) -> (Line, Fate) {
    let [prevention, relief] = duties;
    let hidden = (district, quarter) == WITHHELD;
    let area = context.world.districts.get(district);
    let (code, name) = area.map(|area| (area.code.as_str(), area.name.as_str())).unwrap_or_default();
    let assessed = prevention + relief + 1_000;
    let mut own = line(code, name, &[assessed, prevention, relief]);
    if hidden {
        let [_, _, _, _, last] = &mut own;
        "[c]".clone_into(last);
    }
    let records = DUTIES.into_iter().zip([Some(prevention), (!hidden).then_some(relief)]).map(|(duty, value)| Record {
        place: Place::District(district),
        month: period.start(),
        dims: vec![duty],
        values: vec![value],
        contributor: None,
    });
    (own, Fate::KeptWide(records.collect()))
}

/// A district of the rest of the county; the first three show the marks.
fn context_line(code: &str, name: &str, position: usize, duties: &[u64; 3]) -> Line {
    let [code, name, assessed, prevention, relief] = line(code, name, duties);
    match position {
        0 => [code, name, assessed, "[c]".to_owned(), "[c]".to_owned()],
        1 => [code, name, "[x]".to_owned(), "[x]".to_owned(), "[x]".to_owned()],
        2 => [code, name, assessed, prevention, "[z]".to_owned()],
        _ => [code, name, assessed, prevention, relief],
    }
}

fn line(code: &str, name: &str, numbers: &[u64; 3]) -> Line {
    let [a, b, c] = numbers.map(|number| prevalence::number(number, true));
    [code.to_owned(), name.to_owned(), a, b, c]
}

fn workbook(period: Period, lines: &[Line]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The day the sample was made up; a clock here would change the bytes.
    let made = ExcelDateTime::from_ymd(2026, 1, 15)?;
    workbook.set_properties(&DocProperties::new().set_title("Table A1 (synthetic)").set_creation_datetime(&made));
    let sheet = workbook.add_worksheet().set_name("A1")?;
    sheet.write_string(0, 0, "Table A1: households assessed and owed a homelessness duty by district (synthetic)")?;
    sheet.write_string(1, 0, format!("Quarter: {}", period.label()))?;
    sheet.write_string(2, 0, "Source: invented for the sample partnership; no figure is real")?;
    for (column, text) in (0_u16..).zip(HEADER) {
        sheet.write_string(BANNER, column, text)?;
    }
    for (row, fields) in (BANNER + 1..).zip(lines) {
        for (column, text) in (0_u16..).zip(fields) {
            if !text.is_empty() {
                sheet.write_string(row, column, text)?;
            }
        }
    }
    let notes = workbook.add_worksheet().set_name("Notes")?;
    notes.write_string(0, 0, "Every figure in this workbook is invented.")?;
    workbook.save_to_buffer()
}
