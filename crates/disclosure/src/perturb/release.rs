//! What is published with noise: decided as a whole, on record before any of it is seen, and the same for everybody who asks.
//!
//! ```text
//! Judged (of all that is registered) -> NoisePlan -> DurableReceipt -> commit_noise() -> tables, Noisy
//!                                                                  AnswerReceipt -> Noisy::answer() -> Released
//! ```
//!
//! A plan fixes the table of noise, the records that it is added to (by a digest of the revision) and the figures of all views. Whatever
//! else of the registered crossings is asked for afterwards *follows* from it: the same records have the same noise by every route.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{Digest, Period};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::averaging::{Bound, Refused, Registered, refuse};
use super::noise::Noise;
use super::table::{NoiseTable, TableError};
use crate::changes::Changes;
use crate::counts::{CountsError, UnreleasedCounts};
use crate::ids::{CellId, GroupId};
use crate::key::PlanKey;
use crate::ledger::{AuthenticatedEntry, LedgerError, SealedEntry};
use crate::policy::Rounding;
use crate::receipt::AnswerReceipt;
use crate::released::{Cell, GroupTables, Released};
use crate::report::ReportedView;
use crate::review::Verification;

/// Version of the entry's form.
const VERSION: u32 = 1;

/// A registration that may be published with a noise: that was found before any data were looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    noise: Noise,
    revisions: u32,
    bound: Bound,
}

impl Judged {
    /// Judges everything that is registered of a group: no best guess of a count may be right with a probability above the cap, nor one of
    /// a published 0 where zeros are protected.
    ///
    /// # Errors
    /// If it is refused; says what to change.
    pub fn new(registered: &Registered, noise: &Noise, cap: f64, protects_zeros: bool) -> Result<Self, Refused> {
        let bound = refuse(registered, noise, cap)?;
        let zero = bound.near_zero.zero;
        if protects_zeros && zero > cap {
            return Err(Refused::Zeros { zero, cap });
        }
        Ok(Self { noise: *noise, revisions: registered.revisions, bound })
    }

    /// What it was found to give away.
    #[must_use]
    pub const fn bound(&self) -> &Bound {
        &self.bound
    }
}

/// Why nothing can be released with noise.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoisePlanError {
    /// The noise of what is out is another one.
    #[error(
        "group `{0}` is out with another noise, and two noises of the same counts narrow them down together: agree on the noise that it was \
         published with"
    )]
    OtherNoise(GroupId),
    /// Figures of the same cells are out with other records as often as was registered.
    #[error(
        "figures of {period} were published with {editions} states of its data, as many as are registered: each is fresh noise of nearly \
         the same counts. Register more `revisions`, if the agreed noise allows it, or leave the figures as they are"
    )]
    Revisions {
        /// The period.
        period: Period,
        /// With how many states of its data it is out.
        editions: usize,
    },
    /// The counts are not those of this release.
    #[error(transparent)]
    Counts(#[from] CountsError),
    /// There is no table of noise.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The entry could not be written.
    #[error("the noise of group `{0}` cannot be written as a ledger entry")]
    Encoding(GroupId),
}

/// A ledger entry: nothing in it is secret but what it is asked about later.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoiseEntry {
    noise_version: u32,
    pub(crate) group: GroupId,
    revision: Digest,
    table: NoiseTable,
    rounding: Rounding,
    /// Of each period that figures were published of, the states of its data.
    editions: Vec<(Period, BTreeSet<Digest>)>,
    /// The figures of all views, as they are published.
    cells: Vec<(CellId, u64)>,
}

impl NoiseEntry {
    fn digest(&self) -> Result<Digest, NoisePlanError> {
        let Self { group, revision, table, cells, .. } = self;
        let seen = serde_json::to_vec(&("noise", group, revision, table, cells));
        let seen = seen.map_err(|_| NoisePlanError::Encoding(group.clone()))?;
        Ok(Digest(Sha256::digest(seen).into()))
    }

    fn tables(&self) -> GroupTables {
        let cells = self.cells.iter().map(|(id, value)| (id.clone(), Cell::Value(*value)));
        GroupTables {
            group: self.group.clone(),
            cells: cells.collect(),
            revised: self.editions.iter().any(|(_, states)| states.len() > 1),
            more_follows: false,
            without_late: false,
            left_behind: BTreeMap::new(),
            barred: BTreeSet::new(),
            noise: Some(*self.table.noise()),
        }
    }

    fn noisy(self) -> Noisy {
        let Self { group, revision, table, rounding, .. } = self;
        Noisy { group, revision, table, rounding }
    }
}

/// What earlier plans of a group published with noise.
pub struct NoiseState {
    group: GroupId,
    last: Option<NoiseEntry>,
}

impl NoiseState {
    /// Reads the last entry of a group, which holds what all those before it published.
    ///
    /// # Errors
    /// If it cannot be read, is of another group, or withholds cells: nobody proved what both methods say together.
    pub fn decode(group: GroupId, last: Option<&AuthenticatedEntry>) -> Result<Self, LedgerError> {
        let last = last.map(|entry| read(entry, &group)).transpose()?;
        Ok(Self { group, last })
    }
}

/// Not what is in the ledger.
impl fmt::Debug for NoiseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoiseState({}, {} cells)", self.group, self.last.as_ref().map_or(0, |last| last.cells.len()))
    }
}

fn read(entry: &AuthenticatedEntry, group: &GroupId) -> Result<NoiseEntry, LedgerError> {
    let Some(noise) = entry.noise() else {
        return Err(entry.withholds().map_or(LedgerError::Unreadable, LedgerError::OtherMethod));
    };
    match noise.noise_version {
        VERSION if noise.group == *group => Ok(noise),
        VERSION => Err(LedgerError::OtherGroup { wanted: group.clone(), found: noise.group }),
        other => Err(LedgerError::Version(other)),
    }
}

/// A table of a view: the cells that its counts are of, in their order.
#[derive(Debug)]
pub struct CountedTable {
    /// The cells; `None` for a count that no view shows.
    pub cells: Vec<Option<CellId>>,
    /// Their counts.
    pub counts: UnreleasedCounts,
}

/// What is to be released with noise.
#[derive(Debug)]
pub struct NoiseRelease {
    /// Digest over everything that the figures stand on.
    pub revision: Digest,
    /// What figures are rounded to, after the noise.
    pub rounding: Rounding,
    /// Of each registered period that is covered by data, a digest of the records: the same records have the same noise.
    pub states: BTreeMap<Period, Digest>,
    /// The tables of all views.
    pub tables: Vec<CountedTable>,
}

/// What is decided for a group that is published with noise; released only by [`crate::commit_noise`].
#[must_use = "a plan is released by committing it with its receipt"]
pub struct NoisePlan {
    decided: NoiseEntry,
    entry: SealedEntry,
    digest: Digest,
}

impl NoisePlan {
    /// Adds noise to what views show: with the table of the last plan if there is one.
    ///
    /// # Errors
    /// If what is out has another noise, a period is out with as many states of its data as were judged, or counts are of something
    /// else.
    pub fn new(past: &NoiseState, judged: &Judged, release: &NoiseRelease) -> Result<Self, NoisePlanError> {
        let group = past.group.clone();
        let table = match &past.last {
            Some(last) if *last.table.noise() != judged.noise => return Err(NoisePlanError::OtherNoise(group)),
            Some(last) => last.table.clone(),
            None => written(&NoiseTable::solve(&judged.noise)?, &group)?,
        };
        let editions = editions(past, judged, &release.states)?;
        let NoiseRelease { revision, rounding, .. } = *release;
        let noisy = Noisy { group: group.clone(), revision, table, rounding };
        let mut cells = Vec::new();
        for CountedTable { cells: ids, counts } in &release.tables {
            if ids.len() != counts.cells() {
                let (cells, others) = (counts.cells(), ids.len());
                return Err(CountsError::Size { cells, others, what: "names" }.into());
            }
            let values = ids.iter().zip(noisy.figures(counts)?);
            cells.extend(values.filter_map(|(id, value)| Some((id.clone()?, value))));
        }
        // Two views may show the same cell, of the same records.
        cells.sort_unstable();
        cells.dedup();
        let Noisy { table, .. } = noisy;
        let decided =
            NoiseEntry { noise_version: VERSION, group: group.clone(), revision, table, rounding, editions, cells };
        let bytes = serde_json::to_vec(&decided).map_err(|_| NoisePlanError::Encoding(group.clone()))?;
        let entry = SealedEntry { group, bytes: Zeroizing::new(bytes) };
        Ok(Self { digest: decided.digest()?, decided, entry })
    }

    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        &self.decided.group
    }

    /// What the ledger must hold before the plan may be committed.
    #[must_use]
    pub const fn ledger_entry(&self) -> &SealedEntry {
        &self.entry
    }

    /// SHA-256 over what everybody will see.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// How many cells views show.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.decided.cells.len()
    }

    /// Names what everybody would see, and what it would stand on, before it is released: see [`crate::Plan::code`].
    #[must_use]
    pub fn code(&self, key: &PlanKey) -> Digest {
        let NoiseEntry { group, revision, .. } = &self.decided;
        Digest(key.code(&[b"noise", group.as_str().as_bytes(), &revision.0, &self.digest.0]))
    }

    /// What it would change of what everybody sees.
    #[must_use]
    pub fn changes(&self, past: &NoiseState, views: &[ReportedView]) -> Changes {
        let before = past.last.as_ref().map(NoiseEntry::tables);
        Changes::between(before.as_ref(), &self.decided.tables(), views)
    }

    pub(crate) fn into_parts(self) -> (GroupTables, Noisy) {
        (self.decided.tables(), self.decided.noisy())
    }
}

impl fmt::Debug for NoisePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoisePlan({}, {})", self.group(), self.digest)
    }
}

/// A table as it comes back from what is written down.
fn written(table: &NoiseTable, group: &GroupId) -> Result<NoiseTable, NoisePlanError> {
    let text = serde_json::to_vec(table).and_then(|text| serde_json::from_slice(&text));
    text.map_err(|_| NoisePlanError::Encoding(group.clone()))
}

/// The states of the data that each period is out with, those of this release included.
fn editions(
    past: &NoiseState,
    judged: &Judged,
    states: &BTreeMap<Period, Digest>,
) -> Result<Vec<(Period, BTreeSet<Digest>)>, NoisePlanError> {
    let known = past.last.iter().flat_map(|last| last.editions.iter().cloned());
    let mut editions: BTreeMap<Period, BTreeSet<Digest>> = known.collect();
    for (period, state) in states {
        let of = editions.entry(*period).or_default();
        let before = of.len();
        if of.insert(*state) && of.len() > usize::try_from(judged.revisions).unwrap_or(usize::MAX) {
            return Err(NoisePlanError::Revisions { period: *period, editions: before });
        }
    }
    Ok(editions.into_iter().collect())
}

/// Adds to counts the noise that a release fixed. There is one only of a release that ledger and audit log hold.
pub struct Noisy {
    group: GroupId,
    revision: Digest,
    table: NoiseTable,
    rounding: Rounding,
}

impl Noisy {
    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        &self.group
    }

    /// Digest over everything that its figures stand on.
    #[must_use]
    pub const fn revision(&self) -> Digest {
        self.revision
    }

    /// The parameters of the noise, which are public.
    #[must_use]
    pub const fn noise(&self) -> &Noise {
        self.table.noise()
    }

    /// What figures are rounded to, after the noise.
    #[must_use]
    pub const fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// The figures of a table that was asked for, in the order of its counts.
    ///
    /// # Errors
    /// If the receipt is of another release, or the counts are.
    pub fn answer(
        &self,
        counts: &UnreleasedCounts,
        receipt: &AnswerReceipt,
    ) -> Result<Released<Vec<u64>>, CountsError> {
        if (&receipt.group, receipt.revision) != (&self.group, self.revision) {
            return Err(CountsError::Other { wanted: self.group.clone(), found: receipt.group.clone() });
        }
        Ok(Released::new(self.figures(counts)?.collect()))
    }

    fn figures(&self, counts: &UnreleasedCounts) -> Result<impl Iterator<Item = u64>, CountsError> {
        let base = match self.rounding {
            Rounding::Nearest(base) => u64::from(base.max(1)),
            Rounding::None => 1,
        };
        let rounded = move |value: u64| value.saturating_add(base / 2) / base * base;
        let published = counts.keyed(&self.group, self.revision)?;
        Ok(published.map(move |(count, key)| rounded(self.table.published(count, key))))
    }
}

impl fmt::Debug for Noisy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Noisy({}, {})", self.group, self.revision)
    }
}

/// Makes what a plan of noise released available again after a restart.
///
/// # Errors
/// If the entry cannot be read, or is no such plan of the group.
pub fn restore_noise(
    group: &GroupId,
    entry: &AuthenticatedEntry,
) -> Result<(Released<GroupTables>, Noisy), LedgerError> {
    let entry = read(entry, group)?;
    Ok((Released::new(entry.tables()), entry.noisy()))
}

/// Checks all entries of a group that is published with noise, oldest first: one table of noise, and no state of the data forgotten.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify_noise<'a>(
    group: &GroupId,
    entries: impl IntoIterator<Item = &'a AuthenticatedEntry>,
) -> Result<Verification, LedgerError> {
    let mut found = Verification::default();
    let mut before: Option<NoiseEntry> = None;
    let wrong = |what: &str| Err(LedgerError::Noise { group: group.clone(), what: what.to_owned() });
    for entry in entries {
        let entry = read(entry, group)?;
        if let Some(before) = &before {
            if before.table != entry.table {
                return wrong("its table of noise is not that of the entry before");
            }
            let editions: BTreeMap<_, _> = entry.editions.iter().map(|(period, states)| (period, states)).collect();
            let kept = |(period, states): &(Period, BTreeSet<Digest>)| {
                editions.get(period).is_some_and(|later| later.is_superset(states))
            };
            if !before.editions.iter().all(kept) {
                return wrong("it forgets a state of the data that was published before");
            }
        }
        found.entries += 1;
        found.cells = entry.cells.len();
        before = Some(entry);
    }
    Ok(found)
}
