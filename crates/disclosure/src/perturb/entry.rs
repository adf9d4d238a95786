//! Ledger entries of plans of noise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{AreaType, Digest, Period};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::geometric::{Geometric, GeometricNoise};
use super::noise::Noise;
use super::noisy::Noisy;
use super::release::{Found, NoisePlanError, NoiseRelease};
use super::sums::SumNoise;
use super::table::NoiseTable;
use crate::ids::{CellId, GroupId};
use crate::ledger::{AuthenticatedEntry, LedgerError};
use crate::released::{Cell, GroupTables, Released};
use crate::review::Verification;

/// Version of the entry's form.
pub(super) const VERSION: u32 = 1;

/// What adds noise to the figures of a group.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Source {
    /// By the keys of records.
    CellKey(NoiseTable),
    /// Without a largest value, where records are linked.
    Geometric(GeometricNoise),
}

/// The noise that figures have, as everybody may know it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NoiseKind {
    /// By the keys of records.
    CellKey(Noise),
    /// Without a largest value, where records are linked.
    Geometric(Geometric),
}

impl NoiseKind {
    /// The variance of one figure, squared counts.
    #[must_use]
    pub fn variance(&self) -> f64 {
        match self {
            Self::CellKey(noise) => noise.variance(),
            Self::Geometric(noise) => noise.variance(),
        }
    }
}

impl Source {
    pub(crate) const fn kind(&self) -> NoiseKind {
        match self {
            Self::CellKey(table) => NoiseKind::CellKey(*table.noise()),
            Self::Geometric(noise) => NoiseKind::Geometric(noise.geometric),
        }
    }
}

/// A ledger entry: secret in it are what noise is drawn by, and what it is asked about later.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoiseEntry {
    pub(super) noise_version: u32,
    pub(crate) group: GroupId,
    pub(super) revision: Digest,
    pub(crate) table: Source,
    /// Of noise by the keys of records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<Found>,
    /// Sums that may be asked for, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) sums: BTreeMap<String, SumNoise>,
    /// Of each registered period that the data cover, their state.
    pub(super) states: Vec<(Period, Digest)>,
    /// Of each period that figures were published of, all states that its data had.
    pub(super) editions: Vec<(Period, BTreeSet<Digest>)>,
    /// The figures of all views, as they are published.
    pub(crate) cells: Vec<(CellId, u64)>,
}

impl NoiseEntry {
    pub(super) fn digest(&self) -> Result<Digest, NoisePlanError> {
        let Self { group, revision, cells, sums, .. } = self;
        let seen = match &self.table {
            Source::CellKey(table) if sums.is_empty() => serde_json::to_vec(&("noise", group, revision, table, cells)),
            Source::CellKey(table) => serde_json::to_vec(&("noise", group, revision, table, (cells, sums))),
            // Not what it is drawn by.
            Source::Geometric(noise) => serde_json::to_vec(&("links", group, revision, noise.geometric, cells)),
        };
        let seen = seen.map_err(|_| NoisePlanError::Encoding(group.clone()))?;
        Ok(Digest(Sha256::digest(seen).into()))
    }

    pub(super) fn tables(&self) -> GroupTables {
        let cells = self.cells.iter().map(|(id, value)| (id.clone(), Cell::Value(*value)));
        GroupTables {
            group: self.group.clone(),
            cells: cells.collect(),
            revised: self.editions.iter().any(|(_, states)| states.len() > 1),
            more_follows: false,
            without_late: false,
            left_behind: BTreeMap::new(),
            barred: BTreeSet::new(),
            noise: Some(self.table.kind()),
        }
    }

    /// What adds the same noise to whatever else is asked of it; nothing where all there is was published.
    pub(super) fn noisy(self) -> Option<Noisy> {
        let Self { group, revision, table, states, sums, .. } = self;
        match table {
            Source::CellKey(table) => {
                Some(Noisy { group, revision, table, states: states.into_iter().collect(), sums })
            }
            Source::Geometric(_) => None,
        }
    }

    /// The state of the data that a cell stands on.
    fn state(&self, cell: &CellId) -> Option<Digest> {
        self.state_of(cell.key.period)
    }

    fn state_of(&self, period: Period) -> Option<Digest> {
        let place = self.states.binary_search_by_key(&period, |(of, _)| *of).ok()?;
        self.states.get(place).map(|(_, state)| *state)
    }

    /// A cell with a figure that is not the one which an earlier entry has of the same data.
    pub(super) fn differs_from(&self, before: &Self) -> Option<&CellId> {
        let known: BTreeMap<&CellId, u64> = before.cells.iter().map(|(id, value)| (id, *value)).collect();
        let differs = |(id, value): &&(CellId, u64)| {
            self.state(id) == before.state(id) && known.get(id).is_some_and(|known| known != value)
        };
        self.cells.iter().find(differs).map(|(id, _)| id)
    }
}

/// What earlier plans of a group published with noise.
pub struct NoiseState {
    pub(super) group: GroupId,
    pub(super) last: Option<NoiseEntry>,
}

impl NoiseState {
    /// A group of which nothing was published.
    #[must_use]
    pub const fn empty(group: GroupId) -> Self {
        Self { group, last: None }
    }

    /// Reads the last entry of a group, which holds what all those before it published.
    ///
    /// # Errors
    /// If it cannot be read, is of another group, or withholds cells: nobody proved what both methods say together.
    pub fn decode(group: GroupId, last: Option<&AuthenticatedEntry>) -> Result<Self, LedgerError> {
        let last = last.map(|entry| read(entry, &group)).transpose()?;
        Ok(Self { group, last })
    }

    /// The noise of what is out of linked records.
    #[must_use]
    pub fn of_links(&self) -> Option<Geometric> {
        match &self.last.as_ref()?.table {
            Source::Geometric(noise) => Some(noise.geometric),
            Source::CellKey(_) => None,
        }
    }

    /// All states of the data that figures of a period were ever published with.
    #[must_use]
    pub fn editions(&self, period: Period) -> BTreeSet<Digest> {
        let mut known = self.last.iter().flat_map(|last| &last.editions);
        known.find(|(of, _)| *of == period).map(|(_, states)| states.clone()).unwrap_or_default()
    }

    /// The state of the data that the last release shows a period with.
    #[must_use]
    pub fn state(&self, period: Period) -> Option<Digest> {
        self.last.as_ref()?.state_of(period)
    }

    /// By which areas the last release shows a period.
    #[must_use]
    pub fn areas(&self, period: Period) -> BTreeSet<AreaType> {
        let cells = self.last.iter().flat_map(|last| &last.cells).filter(|(id, _)| id.key.period == period);
        cells.map(|(id, _)| id.key.area_type).collect()
    }

    /// The figures of what stays.
    pub(super) fn kept(&self, release: &NoiseRelease) -> Result<Vec<(CellId, u64)>, NoisePlanError> {
        let mut kept = Vec::new();
        for period in &release.kept {
            let state = release.states.get(period).copied();
            let same = |last: &&NoiseEntry| state.is_some() && last.state_of(*period) == state;
            let last = self.last.as_ref().filter(same).ok_or(NoisePlanError::NotOut(*period))?;
            kept.extend(last.cells.iter().filter(|(id, _)| id.key.period == *period).cloned());
        }
        Ok(kept)
    }

    /// The periods that would be out with more states of their data than so many.
    #[must_use]
    pub fn without_room(&self, states: &BTreeMap<Period, Digest>, revisions: u32) -> BTreeSet<Period> {
        let known = |period: &Period| {
            let mut editions = self.last.iter().flat_map(|last| &last.editions);
            editions.find(|(of, _)| of == period).map(|(_, states)| states)
        };
        let full = |(period, state): &(&Period, &Digest)| {
            let most = usize::try_from(revisions).unwrap_or(usize::MAX);
            known(period).is_some_and(|states| states.len() >= most && !states.contains(*state))
        };
        states.iter().filter(full).map(|(period, _)| *period).collect()
    }
}

/// Not what is in the ledger.
impl fmt::Debug for NoiseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoiseState({}, {} cells)", self.group, self.last.as_ref().map_or(0, |last| last.cells.len()))
    }
}

/// The entry of a plan of noise of a group.
pub(crate) fn read(entry: &AuthenticatedEntry, group: &GroupId) -> Result<NoiseEntry, LedgerError> {
    let Some(noise) = entry.noise() else {
        return Err(entry.withholds().map_or(LedgerError::Unreadable, LedgerError::OtherMethod));
    };
    match noise.noise_version {
        VERSION if noise.group == *group => Ok(noise),
        VERSION => Err(LedgerError::OtherGroup { wanted: group.clone(), found: noise.group }),
        other => Err(LedgerError::Version(other)),
    }
}

/// Makes what a plan of noise released available again after a restart.
///
/// # Errors
/// If the entry cannot be read, or is no such plan of the group.
pub fn restore_noise(
    group: &GroupId,
    entry: &AuthenticatedEntry,
) -> Result<(Released<GroupTables>, Option<Noisy>), LedgerError> {
    let entry = read(entry, group)?;
    Ok((Released::new(entry.tables()), entry.noisy()))
}

/// Checks all entries of a group that is published with noise, oldest first: one table of noise, no state of the data forgotten, no
/// figure that the noise cannot have, and none that changed while its data stayed as they were. What figures were made of is not in
/// them.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_noise<'a>(
    group: &GroupId,
    entries: impl IntoIterator<Item = &'a AuthenticatedEntry>,
) -> Result<Verification, LedgerError> {
    let mut found = Verification::default();
    let mut before: Option<NoiseEntry> = None;
    let mut figures: BTreeMap<(CellId, Digest), u64> = BTreeMap::new();
    let mut by: BTreeSet<AreaType> = BTreeSet::new();
    let wrong = |what: &str| Err(LedgerError::Noise { group: group.clone(), what: what.to_owned() });
    for entry in entries {
        let entry = read(entry, group)?;
        let possible = |value: u64| match entry.table.kind() {
            NoiseKind::CellKey(noise) => !(1..=u64::from(noise.least_shown())).contains(&value),
            NoiseKind::Geometric(noise) => value.is_multiple_of(u64::from(noise.rounding())),
        };
        if !entry.cells.iter().all(|(_, value)| possible(*value)) {
            return wrong("a figure is shown that its noise cannot have");
        }
        if let Some(before) = &before {
            if before.table != entry.table {
                return wrong("its table of noise is not that of the entry before");
            }
            let editions: BTreeMap<_, _> = entry.editions.iter().map(|(period, states)| (period, states)).collect();
            let kept = |(period, states): &(Period, BTreeSet<Digest>)| {
                editions.get(period).is_some_and(|later| later.is_superset(states))
            };
            if before.sums.iter().any(|(column, noise)| entry.sums.get(column) != Some(noise)) {
                return wrong("a sum that may be asked for is gone, or has another noise");
            }
            if !before.editions.iter().all(kept) {
                return wrong("it forgets a state of the data that was published before");
            }
        }
        if let NoiseKind::Geometric(noise) = entry.table.kind() {
            by.extend(entry.cells.iter().map(|(id, _)| id.key.area_type));
            let most = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
            let is_more = |(_, states): &(Period, BTreeSet<Digest>)| states.len() > most(noise.revisions());
            if by.len() > most(noise.tables()) || entry.editions.iter().any(is_more) {
                return wrong("more is published of linked records than their noise was made for");
            }
        }
        for (id, value) in &entry.cells {
            let Some(state) = entry.state(id) else { return wrong("a figure is of a period without data") };
            if *figures.entry((id.clone(), state)).or_insert(*value) != *value {
                return wrong("a figure of the same data is not what it was");
            }
        }
        found.entries += 1;
        found.cells = entry.cells.len();
        before = Some(entry);
    }
    Ok(found)
}
