//! Dates and months in the contract's formats.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::fmt::strtime::BrokenDownTime;
use model::contract::{Column, ColumnType};
use model::period::Month;

/// What a time cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A day.
    Day(Date, Month),
    /// A month.
    Month(Month),
    /// A year, written without a month.
    Year(i32),
}

impl Moment {
    /// The month; a year without one begins in the month its period does.
    pub(crate) fn month(self, start: Month) -> Option<Month> {
        match self {
            Self::Day(_, month) | Self::Month(month) => Some(month),
            Self::Year(year) => Month::new(year, start.month()),
        }
    }

    /// The day, or the first of the month or year.
    pub(crate) fn first_day(self) -> Option<Date> {
        let month = match self {
            Self::Day(date, _) => return Some(date),
            Self::Month(month) => month,
            Self::Year(year) => Month::new(year, 1)?,
        };
        Date::new(i16::try_from(month.year()).ok()?, i8::try_from(month.month()).ok()?, 1).ok()
    }

    /// The day, if one is given.
    pub(crate) const fn day(self) -> Option<Date> {
        match self {
            Self::Day(date, _) => Some(date),
            Self::Month(_) | Self::Year(_) => None,
        }
    }
}

/// Reads one column's moments. Dates repeat, so each text is parsed once.
#[derive(Debug)]
pub(crate) struct Moments<'c> {
    column: &'c Column,
    known: HashMap<String, Option<Moment>>,
}

impl<'c> Moments<'c> {
    pub(crate) fn new(column: &'c Column) -> Self {
        Self { column, known: HashMap::new() }
    }

    /// The first of the column's formats that reads the text.
    pub(crate) fn read(&mut self, text: &str) -> Option<Moment> {
        if let Some(moment) = self.known.get(text) {
            return *moment;
        }
        let moment = self.column.formats.iter().find_map(|format| parse(format, text, self.column.column_type));
        self.known.insert(text.to_owned(), moment);
        moment
    }
}

fn parse(format: &str, text: &str, column_type: ColumnType) -> Option<Moment> {
    let parsed = BrokenDownTime::parse(format, text).ok()?;
    let year = i32::from(parsed.year()?);
    let month = parsed.month().and_then(|month| Month::new(year, i32::from(month)));
    if column_type == ColumnType::Date {
        let date = parsed.to_date().ok()?;
        return Some(Moment::Day(date, Month::new(i32::from(date.year()), i32::from(date.month()))?));
    }
    if parsed.month().is_none() {
        return Month::new(year, 1).map(|_| Moment::Year(year));
    }
    month.map(Moment::Month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_tried_in_order() {
        let cases = [
            ("%d/%m/%Y", "31/12/2024", ColumnType::Date, Some("2024-12")),
            ("%d/%m/%Y", "31/02/2024", ColumnType::Date, None),
            ("%d/%m/%Y", "12/31/2024", ColumnType::Date, None),
            ("%d/%m/%Y", "1/2/2024", ColumnType::Date, Some("2024-02")),
            ("%Y-%m-%d", "2024-02-29", ColumnType::Date, Some("2024-02")),
            ("%Y-%m-%d %H:%M", "2024-02-29 23:59", ColumnType::Date, Some("2024-02")),
            ("%d-%b-%Y", "03-Mar-2023", ColumnType::Date, Some("2023-03")),
            ("%Y%m%d", "20230305", ColumnType::Date, Some("2023-03")),
            ("%Y-%m", "2018-12", ColumnType::Month, Some("2018-12")),
            ("%Y-%m", "2018-13", ColumnType::Month, None),
            ("%B %Y", "March 2024", ColumnType::Month, Some("2024-03")),
            ("%Y", "2019", ColumnType::Month, Some("2019-04")),
            ("%Y-%m", "0001-01", ColumnType::Month, None),
            ("%q", "nonsense", ColumnType::Month, None),
            ("%", "%", ColumnType::Date, None),
        ];
        for (format, text, column_type, expect) in cases {
            let found = parse(format, text, column_type).and_then(|m| m.month("2000-04".parse().unwrap()));
            assert_eq!(found.map(|month| month.to_string()).as_deref(), expect, "{format} {text}");
        }
    }
}
