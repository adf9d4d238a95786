//! What the engine is asked for: a group's tables, in terms of registered areas, periods and classifications.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agreements::Level;
use disclosure::{CellId, GroupId, MeasureId};
use model::{AreaCode, AreaType, DatasetId, Digest, Exposure, IndicatorId, Period, PeriodType};
use parquet::encryption::decrypt::FileDecryptionProperties;

use crate::Stop;
use crate::error::EngineError;

/// The stored column with the pseudonym of the person or case.
pub(crate) const CONTRIBUTOR: &str = "contributor";
/// The stored column that tells rows apart where nobody is identified.
pub(crate) const RECORD_KEY: &str = "record_key";

/// One encrypted partition of a dataset.
#[derive(Clone)]
pub struct StoredTable {
    /// The file.
    pub path: PathBuf,
    /// What opens it.
    pub decryption: Arc<FileDecryptionProperties>,
    /// The agreements that it was bound to when it was taken in.
    pub agreements: BTreeSet<Digest>,
}

/// Limits of one request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory of the query engine, bytes.
    pub memory_bytes: usize,
    /// Wall clock of one request.
    pub timeout: Duration,
    /// Cells over all tables of the request.
    pub max_cells: u64,
    /// Atoms over all measures of the request: the combinations of area, period and category that its tables tell apart.
    pub max_atoms: u64,
    /// Records of one contributor by way of one partner in one area, month and combination of categories.
    pub max_contributions: u64,
    /// Threads of the query engine for one request.
    pub threads: usize,
    /// Cancelled by whoever does not wait for the answer any more: what works on it stops.
    pub stop: Stop,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 512 << 20,
            timeout: Duration::from_secs(60),
            max_cells: 1_000_000,
            max_atoms: 4_000_000,
            max_contributions: 4_000_000,
            threads: 2,
            stop: Stop::new(),
        }
    }
}

/// What is summed: a column of the dataset over the rows that pass the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasureSpec {
    /// Its identity; tables with the same identity share cells.
    pub id: MeasureId,
    /// The column, `count` for events.
    pub column: String,
    /// Dimension to accepted categories; all must hold.
    pub filter: BTreeMap<String, Vec<String>>,
}

/// Registered areas of one type, each as the codes that rows of the dataset carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaSet {
    /// Their type.
    pub area_type: AreaType,
    /// Code and atoms.
    pub areas: Vec<(AreaCode, Vec<AreaCode>)>,
}

/// A dimension of a table and the categories that it publishes beside the total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// Its name, a column of the dataset.
    pub name: String,
    /// Its categories; for `age`, bands.
    pub categories: Vec<String>,
}

/// One table: measure x areas x periods x categories.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// What is summed.
    pub measure: MeasureSpec,
    /// Its areas.
    pub areas: Arc<AreaSet>,
    /// Its kind of period.
    pub period_type: PeriodType,
    /// Its periods, each wholly covered by partitions.
    pub periods: Vec<Period>,
    /// Its dimensions.
    pub by: Vec<Dimension>,
    /// The indicators that ask for it, each with a permit of its own. Empty for a table that only earlier plans asked
    /// for: its cells are computed because they stay part of the group, and nothing about them is decided anew.
    pub asked_by: BTreeSet<IndicatorId>,
}

/// Whose the rows of a dataset are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contributors {
    /// Nobody's: they are figures of areas.
    Figures,
    /// Rows carry a pseudonym of the person or case. Those without one are taken for one person's.
    Linked,
    /// Nobody is identified: each row is somebody's of its own.
    Rows,
}

/// Everything a protection group publishes from one dataset.
#[derive(Debug, Clone)]
pub struct GroupRequest {
    /// The group.
    pub group: GroupId,
    /// Digest over the revisions that the tables stand on.
    pub revision: Digest,
    /// The dataset.
    pub dataset: DatasetId,
    /// Whether the dataset is already public, and by whom.
    pub exposure: Exposure,
    /// Whose rows they are.
    pub contributors: Contributors,
    /// The column that says by way of which partner a row came; without one, all came by way of the same.
    pub partner: Option<String>,
    /// Dimensions and measures that are sensitive: no group may be shown to be alike in one.
    pub sensitive: BTreeSet<String>,
    /// What everybody knows that cells are at most; such as how many people live there, where each counts once.
    pub known_upper: BTreeMap<CellId, u64>,
    /// Measure columns of which each is part of another, row by row: the part and its whole. Every column that any table of the group
    /// ever summed counts.
    pub parts: BTreeMap<String, String>,
    /// Measure columns that hold decimals; they are counted in thousandths.
    pub decimals: BTreeSet<String>,
    /// For a dataset whose rows are figures of areas, its partitions: an area without any row in one that has rows was not
    /// reported. Empty for events and people, and where the contract says that absence means 0: an area without a row had
    /// none.
    pub reporting: Vec<Period>,
    /// Every value that a dimension can take, seen in the data or not.
    pub classifications: BTreeMap<String, Vec<String>>,
    /// The tables.
    pub tables: Vec<TableSpec>,
}

/// Until when a request may work.
#[derive(Debug)]
pub(crate) struct Deadline {
    /// None where the limit lies beyond what the clock can count.
    until: Option<Instant>,
    seconds: u64,
    stop: Stop,
}

impl Deadline {
    /// From now on, for as long as the limit allows.
    pub(crate) fn new(limits: &Limits) -> Self {
        let until = Instant::now().checked_add(limits.timeout);
        Self { until, seconds: limits.timeout.as_secs(), stop: limits.stop.clone() }
    }

    /// To be asked now and then by work that nothing else can stop.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if self.stop.is_cancelled() {
            return Err(EngineError::Stopped);
        }
        let over = self.until.is_some_and(|until| Instant::now() >= until);
        if over { Err(EngineError::TimedOut { seconds: self.seconds }) } else { Ok(()) }
    }
}

impl GroupRequest {
    /// The dimensions that any table filters or breaks down by, in order.
    pub(crate) fn dimensions(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self
            .tables
            .iter()
            .flat_map(|t| t.by.iter().map(|d| d.name.as_str()).chain(t.measure.filter.keys().map(String::as_str)))
            .collect();
        names.into_iter().collect()
    }

    /// The codes that rows of any area of any table carry, in order.
    pub(crate) fn areas(&self) -> Vec<&str> {
        let areas = self.tables.iter().flat_map(|table| &table.areas.areas);
        let codes: BTreeSet<&str> = areas.flat_map(|(_, atoms)| atoms.iter().map(AreaCode::as_str)).collect();
        codes.into_iter().collect()
    }

    /// The measure columns, in order.
    pub(crate) fn measures(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.tables.iter().map(|t| t.measure.column.as_str()).collect();
        names.into_iter().collect()
    }

    /// The column that tells contributors apart, if any has to be read: rows that count one each, by way of one partner, are as
    /// many people without it.
    pub(crate) fn contributor_column(&self) -> Option<&'static str> {
        match self.contributors {
            Contributors::Linked => Some(CONTRIBUTOR),
            Contributors::Rows if self.partner.is_some() || self.measures() != ["count"] => Some(RECORD_KEY),
            Contributors::Rows | Contributors::Figures => None,
        }
    }

    /// What is read beside dimensions and measures: the partner's column, unless it is a dimension in use.
    pub(crate) fn partner_column(&self) -> Option<&str> {
        self.partner.as_deref().filter(|name| !self.dimensions().contains(name))
    }

    pub(crate) fn check(&self, limits: &Limits) -> Result<(), EngineError> {
        let cells: u64 = self.tables.iter().map(TableSpec::cells).fold(0, u64::saturating_add);
        if cells > limits.max_cells {
            return Err(EngineError::TooLarge {
                needed: cells,
                unit: "cells",
                limit: limits.max_cells,
                setting: "limits.max_cells",
            });
        }
        Ok(())
    }
}

impl TableSpec {
    /// How fine it is.
    pub(crate) fn level(&self) -> Level {
        Level::new(self.areas.area_type, self.period_type)
    }

    /// The columns that it reads: its measure, what it filters and what it breaks down by.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let dimensions = self.measure.filter.keys().chain(self.by.iter().map(|dimension| &dimension.name));
        std::iter::once(self.measure.column.as_str()).chain(dimensions.map(String::as_str))
    }

    /// How many cells it has, totals included.
    fn cells(&self) -> u64 {
        let size = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let by = self.by.iter().map(|d| size(d.categories.len() + 1)).fold(1, u64::saturating_mul);
        by.saturating_mul(size(self.areas.areas.len())).saturating_mul(size(self.periods.len()))
    }
}

/// Whether no period overlaps another one: rows would be in two cells.
pub(crate) fn apart(periods: &[Period], dataset: &str) -> Result<(), EngineError> {
    let mut later = periods;
    while let [period, rest @ ..] = later {
        if rest.iter().any(|other| other.overlaps(*period)) {
            return Err(EngineError::Overlapping { dataset: dataset.to_owned() });
        }
        later = rest;
    }
    Ok(())
}
