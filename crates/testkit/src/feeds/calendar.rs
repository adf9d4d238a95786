//! Days and the periods of the sample: January 2023 to December 2025.

use model::{Month, Period, PeriodType};

/// Months since year 0 of January 2023.
const FIRST: i32 = 2023 * 12;
/// Length of the sample in months.
pub(super) const MONTHS: i32 = 36;

/// The months of the sample, in order.
pub(super) fn months() -> impl Iterator<Item = Month> {
    (0..MONTHS).filter_map(|offset| Month::from_ordinal(FIRST + offset))
}

/// Months since January 2023; negative before.
pub(super) const fn index(month: Month) -> i32 {
    month.ordinal() - FIRST
}

/// The periods of a type that lie wholly in the sample, in order.
pub(super) fn periods(period_type: PeriodType) -> Vec<Period> {
    let mut found: Vec<Period> = months().filter_map(|month| Period::new(period_type, month)).collect();
    found.retain(|period| index(period.end()) <= MONTHS);
    found
}

/// The name of a period's file: `2024`, `2024-Q3`, `2024-25`, `2024-07`.
pub(super) fn stem(period: Period) -> String {
    let start = period.start();
    match period.period_type() {
        PeriodType::CalendarYear => format!("{}", start.year()),
        PeriodType::Quarter => format!("{}-Q{}", start.year(), (start.month() + 2) / 3),
        PeriodType::FinancialYear | PeriodType::AcademicYear => {
            format!("{}-{:02}", start.year(), (start.year() + 1) % 100)
        }
        PeriodType::Month | PeriodType::Rolling12 => start.to_string(),
    }
}

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub(super) month: Month,
    pub(super) day: u32,
}

/// How a supplier writes days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateForm {
    /// `05/03/2024`
    Slashes,
    /// `2024-03-05`
    Iso,
    /// `05-Mar-2024`
    Name,
    /// `20240305`
    Compact,
}

impl Date {
    pub(super) fn write(self, form: DateForm) -> String {
        let (year, month, day) = (self.month.year(), self.month.month(), self.day);
        match form {
            DateForm::Slashes => format!("{day:02}/{month:02}/{year}"),
            DateForm::Iso => format!("{year}-{month:02}-{day:02}"),
            DateForm::Name => format!("{day:02}-{}-{year}", short_name(month)),
            DateForm::Compact => format!("{year}{month:02}{day:02}"),
        }
    }

    /// Completed years of someone born on `born`.
    pub(super) fn age(self, born: Self) -> i32 {
        let birthday_to_come = (self.month.month(), self.day) < (born.month.month(), born.day);
        self.month.year() - born.month.year() - i32::from(birthday_to_come)
    }
}

/// Days in a month.
pub(super) const fn days(month: Month) -> u32 {
    match month.month() {
        2 if month.year() % 4 == 0 && (month.year() % 100 != 0 || month.year() % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn short_name(month: i32) -> &'static str {
    match month {
        1 => "Jan",
        2 => "Feb",
        3 => "Mar",
        4 => "Apr",
        5 => "May",
        6 => "Jun",
        7 => "Jul",
        8 => "Aug",
        9 => "Sep",
        10 => "Oct",
        11 => "Nov",
        _ => "Dec",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        let (month, day) = text.rsplit_once('-').unwrap();
        Date { month: month.parse().unwrap(), day: day.parse().unwrap() }
    }

    #[test]
    fn dates_are_written_and_ages_counted() {
        let cases = [
            (DateForm::Slashes, "05/03/2024"),
            (DateForm::Iso, "2024-03-05"),
            (DateForm::Name, "05-Mar-2024"),
            (DateForm::Compact, "20240305"),
        ];
        for (form, expect) in cases {
            assert_eq!(date("2024-03-05").write(form), expect);
        }
        for (born, age) in [("1950-03-05", 74), ("1950-03-06", 73), ("1950-02-28", 74), ("2024-03-05", 0)] {
            assert_eq!(date("2024-03-05").age(date(born)), age, "{born}");
        }
        for (month, length) in [("2023-02", 28), ("2024-02", 29), ("2024-04", 30), ("2024-12", 31)] {
            assert_eq!(days(month.parse().unwrap()), length, "{month}");
        }
    }

    #[test]
    fn the_sample_has_whole_periods_only() {
        let cases = [
            (PeriodType::Month, 36, "2023-01", "2025-12"),
            (PeriodType::Quarter, 12, "2023-Q1", "2025-Q4"),
            (PeriodType::CalendarYear, 3, "2023", "2025"),
            (PeriodType::FinancialYear, 2, "2023-24", "2024-25"),
            (PeriodType::AcademicYear, 2, "2023-24", "2024-25"),
        ];
        for (kind, number, first, last) in cases {
            let found = periods(kind);
            assert_eq!(found.len(), number, "{kind}");
            assert_eq!((stem(found[0]).as_str(), stem(found[number - 1]).as_str()), (first, last));
        }
    }
}
