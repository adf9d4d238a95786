//! A small intake of CSV feeds, written from the contract alone: counts what becomes of every row.

use std::collections::{BTreeMap, BTreeSet};

use model::contract::{Column, ColumnType, Encoding, LinkScheme, Place, Role};
use model::{DatasetContract, Period, PeriodType};

use crate::feeds::sheet::Expectation;
use crate::world::World;

/// Reads the file by its contract and compares the counts.
pub(super) fn check(places: &Places, contract: &DatasetContract, bytes: &[u8], expect: &Expectation) {
    assert_eq!(contract.file.encoding, Encoding::Auto);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    };
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let columns: Vec<(&Column, usize)> = contract
        .columns
        .iter()
        .map(|column| {
            let known = |header: &&String| **header == column.source || column.aliases.contains(*header);
            let position = headers.iter().position(|header| known(&header));
            (column, position.unwrap_or_else(|| panic!("{}: no column `{}`", expect.path, column.source)))
        })
        .collect();
    let kind: PeriodType = expect.period_type.parse().unwrap();
    let intake = Intake { places, contract, columns, period: Period::parse(&expect.period, kind).unwrap() };
    let mut seen = BTreeSet::new();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        let fields: Vec<&str> = record.iter().collect();
        let fate = if fields.len() == headers.len() { intake.fate(&fields) } else { "refused" };
        let repeated = fate == "kept" && !seen.insert(fields.join("\u{1f}"));
        *counts.entry(if repeated { "duplicate" } else { fate }).or_default() += 1;
    }
    let count = |fate: &str| counts.get(fate).copied().unwrap_or_default();
    let found =
        [count("kept"), count("refused"), count("outside"), count("nowhere"), count("duplicate"), count("skipped")];
    let truth =
        [expect.kept, expect.refused, expect.outside, expect.without_location, expect.duplicates, expect.skipped];
    assert_eq!(found, truth, "{}", expect.path);
    assert_eq!(truth.iter().sum::<u32>(), expect.rows_read, "{}", expect.path);
    let allowed = contract.tolerance.refused_per_thousand;
    assert!(expect.refused * 1_000 <= expect.rows_read * allowed, "{}: {} refused", expect.path, expect.refused);
    let (unplaced, allowed) = (expect.without_location, contract.tolerance.unplaced_per_thousand);
    assert!(
        unplaced * 1_000 <= (expect.rows_read - expect.skipped) * allowed,
        "{}: {unplaced} in no place",
        expect.path
    );
}

/// What the partnership's gazetteer knows.
pub(super) struct Places {
    postcodes: BTreeSet<String>,
    /// Of LSOAs and practices.
    codes: BTreeSet<String>,
    /// Easting and northing of map points.
    points: BTreeSet<(i32, i32)>,
}

impl Places {
    pub(super) fn of(world: &World) -> Self {
        let lsoas = world.lsoas.iter().map(|lsoa| lsoa.code.clone());
        Self {
            postcodes: world.postcodes.iter().map(|postcode| key(&postcode.text)).collect(),
            codes: lsoas.chain(world.practices.iter().map(|practice| practice.code.clone())).collect(),
            points: world.postcodes.iter().map(|postcode| (postcode.point.easting, postcode.point.northing)).collect(),
        }
    }
}

struct Intake<'a> {
    places: &'a Places,
    contract: &'a DatasetContract,
    columns: Vec<(&'a Column, usize)>,
    period: Period,
}

impl Intake<'_> {
    fn fate(&self, fields: &[&str]) -> &'static str {
        let cell = |position: usize| fields[position].trim();
        let filtered = self.columns.iter().filter(|(column, _)| !column.only.is_empty());
        if filtered.clone().any(|(column, position)| !column.only.iter().any(|value| value == cell(*position))) {
            return "skipped";
        }
        for (column, position) in &self.columns {
            let text = cell(*position);
            match column.role {
                _ if column.required && text.is_empty() => return "refused",
                Role::Time if !self.in_period(column, text) => return "refused",
                Role::Dimension if !text.is_empty() => self.check_category(column, text),
                Role::Measure => {
                    let withheld = self.contract.file.withheld_values.iter().any(|mark| mark == text);
                    assert!(withheld || text.replace(',', "").parse::<u64>().is_ok());
                }
                Role::Link if column.scheme == Some(LinkScheme::Local) => assert!(!text.is_empty()),
                _ => {}
            }
        }
        let place = |wanted: Place| {
            self.columns.iter().find(|(column, _)| column.place == Some(wanted)).map(|(_, position)| cell(*position))
        };
        self.locate(place)
    }

    fn in_period(&self, column: &Column, text: &str) -> bool {
        let month = column.formats.iter().find_map(|format| {
            if column.column_type == ColumnType::Month {
                return text.parse().ok();
            }
            let date = jiff::civil::Date::strptime(format, text).ok()?;
            model::Month::new(i32::from(date.year()), i32::from(date.month()))
        });
        month.is_some_and(|month| self.period.contains(month))
    }

    /// Every category written is known to the contract, so that nothing becomes `other`.
    fn check_category(&self, column: &Column, text: &str) {
        if column.column_type == ColumnType::Integer {
            assert!(text.parse::<i64>().is_ok());
            return;
        }
        let value = column.recode.get(text).map_or(text, String::as_str);
        assert!(column.allowed.iter().any(|allowed| allowed == value), "{}: `{}`", self.contract.id, column.name);
    }

    fn locate<'t>(&self, place: impl Fn(Place) -> Option<&'t str>) -> &'static str {
        let places = self.places;
        if let Some(text) = place(Place::Postcode) {
            return if places.postcodes.contains(&key(text)) { "kept" } else { "nowhere" };
        }
        if let Some(code) = place(Place::AreaCode) {
            return if places.codes.contains(code) { "kept" } else { "outside" };
        }
        if let Some(code) = place(Place::Practice) {
            return if places.codes.contains(code) { "kept" } else { "nowhere" };
        }
        let number = |wanted: Place| place(wanted).and_then(|text| text.parse::<i32>().ok());
        match (number(Place::Easting), number(Place::Northing)) {
            (Some(easting), Some(northing)) if places.points.contains(&(easting, northing)) => "kept",
            (Some(_), Some(_)) => "outside",
            _ => "nowhere",
        }
    }
}

fn key(postcode: &str) -> String {
    postcode.to_uppercase().replace(' ', "")
}
