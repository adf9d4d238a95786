//! How good a file is, in a few numbers that follow from what was found in it, and how it differs from what came before: for its sender.

use std::collections::BTreeMap;
use std::fmt;

use agreements::Snapshot;
use catalog::{DatasetVersion, VersionFacts, VersionStatus};
use ingest::{Findings, Kind};
use jiff::Timestamp;
use jiff::civil::Date;
use model::{Period, PeriodType};
use serde::Serialize;

use crate::error::PlatformError;
use crate::platform::Platform;

/// A summary of what was found in a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    /// Rows that were kept, in per cent of those that the contract means and that are of the partnership.
    pub kept_percent: Option<f64>,
    /// Of each column in which anything was found, how complete and how valid it is.
    pub columns: BTreeMap<String, ColumnQuality>,
    /// How long after its period it came.
    pub timeliness: Timeliness,
}

/// In per cent of the rows read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ColumnQuality {
    /// Rows in which the column has a value.
    pub complete_percent: f64,
    /// Rows in which what it has is what the contract allows.
    pub valid_percent: f64,
}

/// When a file came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timeliness {
    /// Days from the day after its period to the day on which it came, in UTC; less than 0 if the period had not ended.
    pub days_after_period: i64,
    /// The last day on which it is in time by what is agreed: before the next file is due.
    pub due: Option<Date>,
    /// Whether it came by then.
    pub in_time: Option<bool>,
}

/// What is different since an earlier version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The period of the earlier version, ISO 8601 interval.
    pub period: String,
    /// Its revision.
    pub revision: u32,
    /// When it was received.
    pub received_at: Timestamp,
    /// Rows that were kept of it, and of this one.
    pub kept: [u64; 2],
    /// Rows that were refused of it, and of this one.
    pub refused: [u64; 2],
    /// Cells that were corrected in it, and in this one.
    pub corrected: [u64; 2],
}

/// What says that a value is missing.
const MISSING: [Kind; 2] = [Kind::Missing, Kind::WithoutLocation];

/// What says that a value is none that the contract allows.
const INVALID: [Kind; 11] = [
    Kind::NotANumber,
    Kind::OutOfRange,
    Kind::MoreThanWhole,
    Kind::NotADate,
    Kind::OutsidePeriod,
    Kind::NotAllowed,
    Kind::InvalidIdentifier,
    Kind::MalformedPostcode,
    Kind::UnknownPostcode,
    Kind::UnknownCode,
    Kind::InvalidCoordinates,
];

impl Quality {
    /// Of a file, where the agreements that it came in under ask for one each `frequency`.
    pub(crate) fn of(findings: &Findings, facts: &VersionFacts, frequency: Option<PeriodType>) -> Self {
        let counts = &findings.counts;
        let meant = counts.rows_read.saturating_sub(counts.skipped).saturating_sub(counts.outside);
        let columns = findings.tallies.iter().filter(|(column, _)| !column.is_empty()).map(|(column, tally)| {
            let without = |kinds: &[Kind]| {
                let found: u64 = kinds.iter().filter_map(|kind| tally.get(kind)).sum();
                percent(counts.rows_read.saturating_sub(found), counts.rows_read).unwrap_or(100.0)
            };
            let quality = ColumnQuality { complete_percent: without(&MISSING), valid_percent: without(&INVALID) };
            (column.clone(), quality)
        });
        Self {
            kept_percent: percent(counts.kept, meant),
            columns: columns.collect(),
            timeliness: Timeliness::of(facts.period, facts.received_at, frequency),
        }
    }
}

impl Timeliness {
    fn of(period: Period, received_at: Timestamp, frequency: Option<PeriodType>) -> Self {
        let received = received_at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let ended = day_after(period);
        let days = ended.and_then(|ended| received.since(ended).ok()).map_or(0, |span| i64::from(span.get_days()));
        // The next file is about the period after this one, and comes when that has ended.
        let next = frequency.map(|frequency| frequency.containing(period.end()));
        let due = next.and_then(day_after).and_then(|after| after.yesterday().ok());
        Self { days_after_period: days, due, in_time: due.map(|due| received <= due) }
    }
}

/// The day after a period.
fn day_after(period: Period) -> Option<Date> {
    let next = period.end();
    Date::new(i16::try_from(next.year()).ok()?, i8::try_from(next.month()).ok()?, 1).ok()
}

/// To one decimal; none of nothing.
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 * 1000.0 / whole as f64).round() / 10.0)
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kept) = self.kept_percent {
            writeln!(f, "{kept:>9.1} % of the rows that are meant were kept")?;
        }
        for (column, ColumnQuality { complete_percent, valid_percent }) in &self.columns {
            writeln!(f, "   `{column}`: {complete_percent:.1} % complete, {valid_percent:.1} % valid")?;
        }
        write!(f, "{:>10} days after its period", self.timeliness.days_after_period)?;
        match (self.timeliness.due, self.timeliness.in_time) {
            (Some(due), Some(true)) => write!(f, ", in time: it was due by {due}"),
            (Some(due), _) => write!(f, ", late: it was due by {due}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let received = self.received_at.strftime("%-d %B %Y");
        write!(f, "   revision {} of {}, of {received}:", self.revision, self.period)?;
        for (what, [before, now]) in [("kept", self.kept), ("refused", self.refused), ("corrected", self.corrected)] {
            write!(f, " {what} {before}, now {now};")?;
        }
        Ok(())
    }
}

impl Difference {
    fn between(earlier: &DatasetVersion, before: &Findings, now: &Findings) -> Self {
        let both = |count: fn(&Findings) -> u64| [count(before), count(now)];
        Self {
            period: earlier.facts.period.to_string(),
            revision: earlier.revision,
            received_at: earlier.facts.received_at,
            kept: both(|findings| findings.counts.kept),
            refused: both(|findings| findings.counts.refused),
            corrected: both(|findings| findings.counts.corrected),
        }
    }
}

impl Platform {
    /// The quality of a version, what is different since the revision before, and since the period before.
    ///
    /// # Errors
    /// If the catalogue, or what was found in a file, cannot be read.
    pub(crate) fn quality(
        &self,
        version: &DatasetVersion,
        findings: &Findings,
    ) -> Result<(Quality, [Option<Difference>; 2]), PlatformError> {
        let facts = &version.facts;
        let known = self.catalog().versions(Some(&facts.dataset), None);
        let known = known.map_err(PlatformError::failed("read versions"))?;
        let stored = || known.iter().filter(|other| other.status != VersionStatus::Staged);
        let revised = stored()
            .filter(|other| other.facts.period == facts.period && other.revision < version.revision)
            .max_by_key(|other| other.revision);
        let start = |of: &DatasetVersion| of.facts.period.start();
        let before = stored()
            .filter(|other| other.status == VersionStatus::Current && start(other) < start(version))
            .max_by_key(|other| start(other));
        let difference = |earlier: Option<&DatasetVersion>| -> Result<Option<Difference>, PlatformError> {
            let Some(earlier) = earlier else { return Ok(None) };
            Ok(Some(Difference::between(earlier, &self.read_findings(earlier)?, findings)))
        };
        let frequency = frequency(&self.state().snapshot, facts);
        Ok((Quality::of(findings, facts, frequency), [difference(revised)?, difference(before)?]))
    }
}

/// How often a file is to come, the most often where several agreements say so.
fn frequency(snapshot: &Snapshot, facts: &VersionFacts) -> Option<PeriodType> {
    let agreed = facts.agreements.iter().filter_map(|digest| snapshot.agreement(digest)?.dataset(&facts.dataset));
    agreed.map(|agreed| agreed.frequency).min_by_key(|frequency| frequency.months())
}

#[cfg(test)]
mod tests;
