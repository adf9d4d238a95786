//! Unique texts in person-level files that must never be found in what the platform stores.

use model::{Period, PeriodType};

use super::calendar;
use super::people;

/// The feeds that carry canaries, whether each has NHS numbers, and the period of a file.
const FEEDS: [(&str, bool, PeriodType); 8] = [
    ("ambulance", true, PeriodType::Quarter),
    ("emergency", true, PeriodType::Quarter),
    ("wellbeing", true, PeriodType::Quarter),
    ("casework", true, PeriodType::CalendarYear),
    ("college", false, PeriodType::AcademicYear),
    ("fire", false, PeriodType::Quarter),
    ("nuisance", false, PeriodType::Quarter),
    ("repairs", false, PeriodType::Quarter),
];
/// Which row of a file carries the canary of a kept row.
const KEPT_ROW: usize = 4;
/// Which row of a file carries the canary of a refused row.
const REFUSED_ROW: usize = 9;

/// The canaries of one file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Canary {
    /// In a row that is kept.
    kept: String,
    /// In a row that is refused, and so stands in quarantine.
    refused: String,
    /// The NHS number of the kept row, in feeds that have NHS numbers.
    nhs: Option<u64>,
}

/// Which canary a row carries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries<'a> {
    Nothing,
    Kept(&'a str, Option<u64>),
    Refused(&'a str),
}

impl Canary {
    /// The canaries of a feed's file.
    pub(super) fn of(tag: &str, period: Period) -> Self {
        all()
            .find(|(own, at, _)| *own == tag && *at == period)
            .map_or_else(|| Self { kept: String::new(), refused: String::new(), nhs: None }, |(_, _, canary)| canary)
    }

    /// What the row at a position (from 0) of the file carries.
    pub(super) fn at(&self, row: usize) -> Carries<'_> {
        match row {
            KEPT_ROW => self.kept(),
            REFUSED_ROW => self.refused(),
            _ => Carries::Nothing,
        }
    }

    /// For a row that is kept.
    pub(super) fn kept(&self) -> Carries<'_> {
        Carries::Kept(&self.kept, self.nhs)
    }

    /// For a row that is refused.
    pub(super) fn refused(&self) -> Carries<'_> {
        Carries::Refused(&self.refused)
    }
}

impl<'a> Carries<'a> {
    /// The canary's text, if the row carries one.
    pub(super) const fn text(self) -> Option<&'a str> {
        match self {
            Self::Nothing => None,
            Self::Kept(text, _) | Self::Refused(text) => Some(text),
        }
    }
}

fn all() -> impl Iterator<Item = (&'static str, Period, Canary)> {
    let files = FEEDS
        .into_iter()
        .flat_map(|(tag, nhs, kind)| calendar::periods(kind).into_iter().map(move |period| (tag, nhs, period)));
    files.enumerate().map(|(serial, (tag, nhs, period))| {
        let stem = calendar::stem(period).replace('-', "");
        let canary = Canary {
            kept: format!("Zqcanary{tag}{stem}k"),
            refused: format!("Zqcanary{tag}{stem}r"),
            nhs: nhs.then(|| people::canary_number(serial)),
        };
        (tag, period, canary)
    })
}

/// Every canary as it stands in the files: names and notes, then NHS numbers.
pub(super) fn texts() -> Vec<String> {
    all()
        .flat_map(|(_, _, canary)| {
            [Some(canary.kept), Some(canary.refused), canary.nhs.map(|number| number.to_string())]
        })
        .flatten()
        .collect()
}
