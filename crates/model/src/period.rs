//! Periods: whole months, quarters and years, written as ISO 8601 intervals.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::IdError;

/// A calendar month, stored as months since year 0. The finest period of the common data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(i32);

impl Month {
    /// The month `month` (1 to 12) of `year` (1900 to 2200); `None` outside.
    #[must_use]
    pub const fn new(year: i32, month: i32) -> Option<Self> {
        if year >= 1900 && year <= 2200 && month >= 1 && month <= 12 { Some(Self(year * 12 + month - 1)) } else { None }
    }

    /// From months since year 0, as stored in tables; `None` outside 1900 to 2200.
    #[must_use]
    pub const fn from_ordinal(ordinal: i32) -> Option<Self> {
        Self::new(ordinal.div_euclid(12), ordinal.rem_euclid(12) + 1)
    }

    /// Months since year 0.
    #[must_use]
    pub const fn ordinal(self) -> i32 {
        self.0
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// The month of the year, 1 to 12.
    #[must_use]
    pub const fn month(self) -> i32 {
        self.0.rem_euclid(12) + 1
    }

    /// The month `months` later.
    #[must_use]
    pub const fn plus(self, months: i32) -> Self {
        Self(self.0 + months)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

impl FromStr for Month {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError::new("month", text, "write `YYYY-MM`, for example `2024-03`");
        let (year, month) = text.split_once('-').ok_or_else(error)?;
        if year.len() != 4 || month.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
            return Err(error());
        }
        let year = year.parse().map_err(|_| error())?;
        let month = month.parse().map_err(|_| error())?;
        Self::new(year, month).ok_or_else(error)
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The kind of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeriodType {
    /// January to December.
    CalendarYear,
    /// April to March.
    FinancialYear,
    /// September to August.
    AcademicYear,
    /// January, April, July or October, three months.
    Quarter,
    /// One calendar month.
    Month,
    /// Any twelve consecutive months.
    #[serde(rename = "rolling-12")]
    Rolling12,
}

impl PeriodType {
    /// Every type.
    pub const ALL: [Self; 6] =
        [Self::CalendarYear, Self::FinancialYear, Self::AcademicYear, Self::Quarter, Self::Month, Self::Rolling12];

    /// The name used in files, URLs and tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CalendarYear => "calendar-year",
            Self::FinancialYear => "financial-year",
            Self::AcademicYear => "academic-year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Rolling12 => "rolling-12",
        }
    }

    /// Length in months.
    #[must_use]
    pub const fn months(self) -> i32 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            _ => 12,
        }
    }

    const fn starts_in(self, month: i32) -> bool {
        match self {
            Self::CalendarYear => month == 1,
            Self::FinancialYear => month == 4,
            Self::AcademicYear => month == 9,
            Self::Quarter => month % 3 == 1,
            Self::Month | Self::Rolling12 => true,
        }
    }

    /// The period of this type that `month` falls in; for `rolling-12`, the one that *ends* with it.
    #[must_use]
    pub fn containing(self, month: Month) -> Period {
        let back = match self {
            Self::Month => 0,
            Self::Rolling12 => 11,
            Self::Quarter => (month.month() - 1) % 3,
            Self::CalendarYear => month.month() - 1,
            Self::FinancialYear => (month.month() + 8) % 12,
            Self::AcademicYear => (month.month() + 3) % 12,
        };
        Period { period_type: self, start: month.plus(-back) }
    }
}

impl fmt::Display for PeriodType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PeriodType {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|t| t.as_str() == text).ok_or_else(|| {
            IdError::new(
                "period type",
                text,
                "use calendar-year, financial-year, academic-year, quarter, month or rolling-12",
            )
        })
    }
}

/// A period: a type and its first month. Displayed as an ISO 8601 interval, `2023-04-01/P1Y`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    period_type: PeriodType,
    start: Month,
}

impl Period {
    /// A period of a type from its first month; `None` if that type does not start in that month.
    #[must_use]
    pub const fn new(period_type: PeriodType, start: Month) -> Option<Self> {
        if period_type.starts_in(start.month()) { Some(Self { period_type, start }) } else { None }
    }

    /// Its type.
    #[must_use]
    pub const fn period_type(self) -> PeriodType {
        self.period_type
    }

    /// Its first month.
    #[must_use]
    pub const fn start(self) -> Month {
        self.start
    }

    /// The first month after it.
    #[must_use]
    pub const fn end(self) -> Month {
        self.start.plus(self.period_type.months())
    }

    /// Whether the month lies inside.
    #[must_use]
    pub fn contains(self, month: Month) -> bool {
        month >= self.start && month < self.end()
    }

    /// Whether it has months in common with another.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end() && other.start < self.end()
    }

    /// Its months, in order.
    pub fn months(self) -> impl Iterator<Item = Month> {
        (0..self.period_type.months()).map(move |offset| self.start.plus(offset))
    }

    /// Reads an ISO 8601 interval as a period of the given type.
    ///
    /// # Errors
    /// If the text is no interval, or not one of that type.
    pub fn parse(text: &str, period_type: PeriodType) -> Result<Self, IdError> {
        let error = || {
            IdError::new(
                "period",
                text,
                "write an ISO 8601 interval such as `2023-04-01/P1Y`, `2023-04-01/P3M` or `2023-04-01/P1M`",
            )
        };
        let (start, duration) = text.split_once('/').ok_or_else(error)?;
        let month: Month = start.strip_suffix("-01").ok_or_else(error)?.parse().map_err(|_| error())?;
        if duration != duration_of(period_type) {
            return Err(error());
        }
        Self::new(period_type, month).ok_or_else(error)
    }

    /// Reads the short name that files carry: `2025`, `2024-25` (a financial or academic year), `2025-Q1`, `2025-01`.
    ///
    /// # Errors
    /// If the text does not name a period of that type.
    pub fn parse_name(text: &str, period_type: PeriodType) -> Result<Self, IdError> {
        let error = || {
            IdError::new(
                "period name",
                text,
                "write `2025`, `2024-25`, `2025-Q1` or `2025-01`, as the type of period asks",
            )
        };
        let year = |text: &str| text.parse::<i32>().ok().filter(|_| text.len() == 4).ok_or_else(error);
        let start = match period_type {
            PeriodType::CalendarYear => Month::new(year(text)?, 1),
            PeriodType::FinancialYear | PeriodType::AcademicYear => {
                let (first, last) = text.split_once('-').ok_or_else(error)?;
                let first = year(first)?;
                if format!("{:02}", (first + 1) % 100) != last {
                    return Err(error());
                }
                Month::new(first, if period_type == PeriodType::FinancialYear { 4 } else { 9 })
            }
            PeriodType::Quarter => {
                let (first, quarter) = text.split_once("-Q").ok_or_else(error)?;
                let quarter = quarter.parse::<i32>().ok().filter(|q| (1..=4).contains(q)).ok_or_else(error)?;
                Month::new(year(first)?, quarter * 3 - 2)
            }
            PeriodType::Month | PeriodType::Rolling12 => Some(text.parse()?),
        };
        start.and_then(|start| Self::new(period_type, start)).ok_or_else(error)
    }

    /// The words for people: `2023`, `2023/24`, `2023/24 academic year`, `Apr to Jun 2023`, `April 2023`,
    /// `12 months to March 2024`.
    #[must_use]
    pub fn label(self) -> String {
        let year = self.start.year();
        let last = self.end().plus(-1);
        match self.period_type {
            PeriodType::CalendarYear => format!("{year}"),
            PeriodType::FinancialYear => format!("{year}/{:02}", (year + 1) % 100),
            PeriodType::AcademicYear => format!("{year}/{:02} academic year", (year + 1) % 100),
            PeriodType::Quarter => format!("{:.3} to {:.3} {year}", month_name(self.start), month_name(last)),
            PeriodType::Month => format!("{} {year}", month_name(self.start)),
            PeriodType::Rolling12 => format!("12 months to {} {}", month_name(last), last.year()),
        }
    }
}

const fn duration_of(period_type: PeriodType) -> &'static str {
    match period_type {
        PeriodType::Month => "P1M",
        PeriodType::Quarter => "P3M",
        _ => "P1Y",
    }
}

const fn month_name(month: Month) -> &'static str {
    match month.month() {
        1 => "January",
        2 => "February",
        3 => "March",
        4 => "April",
        5 => "May",
        6 => "June",
        7 => "July",
        8 => "August",
        9 => "September",
        10 => "October",
        11 => "November",
        _ => "December",
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-01/{}", self.start, duration_of(self.period_type))
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{} {}", self.period_type, self))
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (kind, interval) =
            text.split_once(' ').ok_or_else(|| serde::de::Error::custom("a stored period is `{type} {interval}`"))?;
        let kind = kind.parse().map_err(serde::de::Error::custom)?;
        Self::parse(interval, kind).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_contain_label_and_round_trip() {
        let cases = [
            (PeriodType::CalendarYear, "2024-02", "2024-01-01/P1Y", "2024"),
            (PeriodType::FinancialYear, "2024-03", "2023-04-01/P1Y", "2023/24"),
            (PeriodType::FinancialYear, "2024-04", "2024-04-01/P1Y", "2024/25"),
            (PeriodType::AcademicYear, "2024-08", "2023-09-01/P1Y", "2023/24 academic year"),
            (PeriodType::AcademicYear, "2024-09", "2024-09-01/P1Y", "2024/25 academic year"),
            (PeriodType::Quarter, "2024-06", "2024-04-01/P3M", "Apr to Jun 2024"),
            (PeriodType::Month, "2024-06", "2024-06-01/P1M", "June 2024"),
            (PeriodType::Rolling12, "2024-03", "2023-04-01/P1Y", "12 months to March 2024"),
        ];
        for (kind, month, iso, label) in cases {
            let month: Month = month.parse().unwrap();
            let period = kind.containing(month);
            assert!(period.contains(month));
            assert_eq!(period.months().count(), usize::try_from(kind.months()).unwrap());
            assert_eq!(period.to_string(), iso);
            assert_eq!(period.label(), label);
            assert_eq!(Period::parse(iso, kind).unwrap(), period);
            let json = serde_json::to_string(&period).unwrap();
            assert_eq!(serde_json::from_str::<Period>(&json).unwrap(), period);
        }
    }

    #[test]
    fn short_names_are_read() {
        for (text, kind, expect) in [
            ("2025", PeriodType::CalendarYear, Some("2025-01-01/P1Y")),
            ("2024-25", PeriodType::FinancialYear, Some("2024-04-01/P1Y")),
            ("2024-25", PeriodType::AcademicYear, Some("2024-09-01/P1Y")),
            ("1999-00", PeriodType::FinancialYear, Some("1999-04-01/P1Y")),
            ("2025-Q3", PeriodType::Quarter, Some("2025-07-01/P3M")),
            ("2025-11", PeriodType::Month, Some("2025-11-01/P1M")),
            ("2024-26", PeriodType::FinancialYear, None),
            ("2025-Q5", PeriodType::Quarter, None),
            ("25", PeriodType::CalendarYear, None),
            ("2025-Q1", PeriodType::Month, None),
        ] {
            let read = Period::parse_name(text, kind).ok().map(|period| period.to_string());
            assert_eq!(read.as_deref(), expect, "{text} {kind}");
        }
    }

    #[test]
    fn wrong_periods_are_refused() {
        for (text, kind) in [
            ("2024-02-01/P1Y", PeriodType::CalendarYear),
            ("2024-01-01/P1Y", PeriodType::FinancialYear),
            ("2024-01-01/P3M", PeriodType::Month),
            ("2024-01-02/P1M", PeriodType::Month),
            ("2024-13-01/P1M", PeriodType::Month),
            ("nonsense", PeriodType::Month),
        ] {
            assert!(Period::parse(text, kind).is_err(), "{text} {kind}");
        }
    }
}
