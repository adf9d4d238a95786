//! What intake must report of every file, and what the tables must show: written for people and for tests.

mod planted;
mod text;

use std::collections::BTreeMap;

use model::PeriodType;
use serde::Serialize;

use super::context::Context;
use super::sheet::{Expectation, FeedMade, Place, Record};
use crate::output;
use crate::world::{SampleFile, TestkitError};
use planted::Planted;

/// The content of `truth.json`.
#[derive(Debug, Serialize)]
pub(super) struct Truth {
    /// What these numbers are.
    about: &'static str,
    /// What intake must report, file by file.
    files: Vec<Expectation>,
    /// Sums over stored rows by dataset, measure, quarter (or the partition, where that is longer) and district.
    totals: Vec<Total>,
    /// What was planted, and how it shows after cleaning.
    planted: Planted,
}

/// One sum over stored rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Total {
    dataset: String,
    measure: &'static str,
    /// ISO 8601 interval of the period.
    period: String,
    period_type: String,
    /// District, or primary care network for datasets stored by network.
    area: String,
    value: u64,
    /// Distinct contributors, where rows have them.
    contributors: Option<u64>,
}

impl Truth {
    pub(super) fn of(context: &Context<'_>, feeds: &[FeedMade]) -> Self {
        Self {
            about: "Synthetic. Counts that intake must report of each partner file, and sums over what it stores.",
            files: feeds.iter().flat_map(|feed| feed.expectations.iter().cloned()).collect(),
            totals: feeds.iter().flat_map(|feed| totals(context, feed)).collect(),
            planted: Planted::of(context, feeds),
        }
    }

    /// `truth.json`.
    ///
    /// # Errors
    /// If it cannot be written to memory.
    pub(super) fn file(&self) -> Result<SampleFile, TestkitError> {
        let path = "truth.json";
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| TestkitError::Write { path: path.to_owned(), message: error.to_string() })?;
        bytes.push(b'\n');
        Ok(output::plain(path, bytes))
    }

    /// The section of `TRUTH.md`.
    pub(super) fn markdown(&self) -> String {
        text::markdown(self)
    }
}

/// Datasets with yearly partitions are summed by partition, the others by quarter.
fn period_type(feed: &FeedMade) -> PeriodType {
    match feed.feed.dataset {
        "practice-prevalence" => PeriodType::FinancialYear,
        "participation" => PeriodType::AcademicYear,
        "housing-stock" | "integrated-action-team" => PeriodType::CalendarYear,
        _ => PeriodType::Quarter,
    }
}

fn totals(context: &Context<'_>, feed: &FeedMade) -> Vec<Total> {
    let kind = period_type(feed);
    let mut sums: BTreeMap<(model::Period, String), Vec<&Record>> = BTreeMap::new();
    for record in &feed.records {
        let area = area_code(context, record.place);
        sums.entry((kind.containing(record.month), area)).or_default().push(record);
    }
    let mut totals = Vec::new();
    for ((period, area), records) in sums {
        for (position, measure) in feed.feed.measures.iter().enumerate() {
            let value = records.iter().filter_map(|record| record.values.get(position).copied().flatten()).sum();
            let linked = records.iter().any(|record| record.contributor.is_some());
            totals.push(Total {
                dataset: feed.feed.id(),
                measure,
                period: period.to_string(),
                period_type: kind.to_string(),
                area: area.clone(),
                value,
                contributors: (linked && position == 0).then(|| contributors(&records)),
            });
        }
    }
    totals
}

/// Distinct contributors; a row without one counts for itself.
fn contributors(records: &[&Record]) -> u64 {
    let mut known: Vec<u64> = records.iter().filter_map(|record| record.contributor).collect();
    let alone = records.len() - known.len();
    known.sort_unstable();
    known.dedup();
    u64::try_from(known.len() + alone).unwrap_or_default()
}

fn area_code(context: &Context<'_>, place: Place) -> String {
    let world = context.world;
    let area = match place {
        Place::Lsoa(position) => world.lsoas.get(position).and_then(|lsoa| world.districts.get(lsoa.district)),
        Place::District(position) => world.districts.get(position),
        Place::Pcn(position) => world.pcns.get(position),
    };
    area.map(|area| area.code.clone()).unwrap_or_default()
}
