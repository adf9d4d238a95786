//! What has passed the gate.

use std::collections::{BTreeMap, BTreeSet};

use model::{Exposure, Mark, Period};
use serde::Serialize;

use crate::ids::{CellId, GroupId};
use crate::perturb::NoiseKind;
use crate::unreleased::Unreleased;

/// A value that may leave: only this crate makes one, of a committed plan, of open data, or of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Released<T>(T);

impl<T> Released<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// The value itself, no longer marked as released.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Something computed from this value alone. `f` must not bring in anything unreleased.
    #[must_use]
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Released<U> {
        Released(f(self.0))
    }

    /// A borrowed view, to compute without giving the value away.
    #[must_use]
    pub const fn as_ref(&self) -> Released<&T> {
        Released(&self.0)
    }

    /// Both together.
    #[must_use]
    pub fn zip<U>(self, other: Released<U>) -> Released<(T, U)> {
        Released((self.0, other.0))
    }
}

/// A cell as everybody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// The count.
    Value(u64),
    /// No count, and the mark that stands instead.
    Withheld(Mark),
}

impl Cell {
    /// The count, if there is one.
    #[must_use]
    pub const fn value(self) -> Option<u64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Withheld(_) => None,
        }
    }
}

/// Every cell of a group, in the order of its ids.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupTables {
    pub(crate) group: GroupId,
    pub(crate) cells: BTreeMap<CellId, Cell>,
    /// See [`Self::is_revised`].
    pub(crate) revised: bool,
    /// See [`Self::more_follows`].
    pub(crate) more_follows: bool,
    /// See [`Self::is_without_late`].
    pub(crate) without_late: bool,
    /// See [`Self::left_behind`].
    pub(crate) left_behind: BTreeMap<Period, usize>,
    /// See [`Self::is_barred`].
    pub(crate) barred: BTreeSet<CellId>,
    /// See [`Self::noise`].
    pub(crate) noise: Option<NoiseKind>,
}

impl GroupTables {
    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        &self.group
    }

    /// One cell; `None` if the group has no such cell.
    #[must_use]
    pub fn cell(&self, id: &CellId) -> Option<Cell> {
        self.cells.get(id).copied()
    }

    /// Every cell, in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (&CellId, Cell)> {
        self.cells.iter().map(|(id, cell)| (id, *cell))
    }

    /// The noise that its figures have, if any.
    #[must_use]
    pub const fn noise(&self) -> Option<&NoiseKind> {
        self.noise.as_ref()
    }

    /// Whether some of these figures took the place of others.
    #[must_use]
    pub const fn is_revised(&self) -> bool {
        self.revised
    }

    /// Whether cells that are new wait for the plan after this one: beside a revision nothing new is shown.
    #[must_use]
    pub const fn more_follows(&self) -> bool {
        self.more_follows
    }

    /// Whether cells that are new in months that were out have no plan, and are left out.
    #[must_use]
    pub const fn is_without_late(&self) -> bool {
        self.without_late
    }

    /// How many of its cells in months of a period are not shown again, as they were not there while others were revised.
    #[must_use]
    pub fn left_behind(&self, period: Period) -> usize {
        self.left_behind.iter().filter(|(of, _)| of.overlaps(period)).map(|(_, cells)| cells).sum()
    }

    /// Whether there is a figure of a cell that is not shown beside what is gone or revised.
    #[must_use]
    pub fn is_barred(&self, id: &CellId) -> bool {
        self.barred.contains(id)
    }

    /// How many cells there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

/// Who published the data already, and under which licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSource {
    /// The publisher.
    pub source: String,
    /// The licence.
    pub licence: String,
}

/// Why data cannot be released as open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The builder was told something else.
    #[error("group `{0}` holds controlled data: make a plan for it")]
    Controlled(GroupId),
    /// Source or licence differ from what the contract says.
    #[error("group `{0}` was declared open by another source or licence: use those of its contract")]
    OtherSource(GroupId),
}

impl Unreleased {
    /// Releases open data exactly as published: no rule applies, because everybody has it already.
    ///
    /// # Errors
    /// If the group was not built as open, or by another source or licence.
    pub fn release_open(self, open: &OpenSource) -> Result<Released<GroupTables>, OpenError> {
        match &self.exposure {
            Exposure::Controlled => return Err(OpenError::Controlled(self.group)),
            Exposure::Open { source, licence } if *source != open.source || *licence != open.licence => {
                return Err(OpenError::OtherSource(self.group));
            }
            Exposure::Open { .. } => {}
        }
        let count = |atoms: &[u32]| atoms.iter().filter_map(|atom| self.counts.get(*atom as usize)).sum();
        let cell = |entry: &crate::unreleased::CellEntry| match entry.facts.not_available {
            true => Cell::Withheld(Mark::X),
            false => Cell::Value(count(&entry.atoms)),
        };
        let cells = self.cells.iter().map(|(id, entry)| (id.clone(), cell(entry))).collect();
        Ok(Released::new(GroupTables {
            group: self.group,
            cells,
            revised: false,
            more_follows: false,
            without_late: false,
            left_behind: BTreeMap::new(),
            barred: BTreeSet::new(),
            noise: None,
        }))
    }
}
