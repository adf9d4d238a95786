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

use super::averaging::{Refused, Registered, refuse};
use super::draw::Place;
use super::noise::Noise;
use super::table::{NoiseTable, TableError};
use crate::changes::Changes;
use crate::counts::{CountsError, UnreleasedCounts};
use crate::ids::{CellId, GroupId};
use crate::key::PlanKey;
use crate::ledger::{AuthenticatedEntry, LedgerError, SealedEntry};
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
    found: Found,
}

/// What a registration was found to give away, under the assumptions of the bound: counts above `largest + least_shown`, and all of
/// them equally probable before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// The agreed cap: with what probability anybody's best guess of a count may be right.
    pub cap: f64,
    /// With what probability it is, at most: the larger of what is proved and what is estimated.
    pub guess: f64,
    /// Of which cells, by the level of each dimension.
    pub of: Vec<String>,
    /// With what probability a published 0 is a true one. That of several together is higher, and not bounded.
    pub zero: f64,
}

impl Judged {
    /// Judges everything that is registered of a group, in every form that it may have for who knows which atoms are empty: no best
    /// guess of a count may be right with a probability above the cap in any of them.
    ///
    /// # Errors
    /// If it is refused; says what to change.
    pub fn new(registered: &[Registered], noise: &Noise, cap: f64) -> Result<Self, Refused> {
        let mut found = Found { cap, guess: 0.0, of: Vec::new(), zero: 0.0 };
        let mut revisions = u32::MAX;
        for registered in registered {
            let bound = refuse(registered, noise, cap)?;
            revisions = revisions.min(registered.revisions);
            found.zero = bound.near_zero.zero;
            let worst = bound.worst().filter(|worst| worst.posterior() > found.guess);
            worst.into_iter().for_each(|worst| (found.guess, found.of) = (worst.posterior(), worst.levels.clone()));
        }
        Ok(Self { noise: *noise, revisions, found })
    }

    /// What it was found to give away.
    #[must_use]
    pub const fn found(&self) -> &Found {
        &self.found
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
         the same counts. Register more `revisions`, if the agreed noise allows it, send a file again that was published, or leave the \
         figures as they are"
    )]
    Revisions {
        /// The period.
        period: Period,
        /// With how many states of its data it is out.
        editions: usize,
    },
    /// A figure would not be what it was, or would be two things at once, though its data are the same.
    #[error("cell `{0}` would have two figures of the same data: this is a defect, and nothing is released")]
    TwoFigures(Box<CellId>),
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
    found: Found,
    /// Of each registered period that the data cover, their state.
    states: Vec<(Period, Digest)>,
    /// Of each period that figures were published of, all states that its data had.
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
        let Self { group, revision, table, states, .. } = self;
        Noisy { group, revision, table, states: states.into_iter().collect() }
    }

    /// The state of the data that a cell stands on.
    fn state(&self, cell: &CellId) -> Option<Digest> {
        let place = self.states.binary_search_by_key(&cell.key.period, |(period, _)| *period).ok()?;
        self.states.get(place).map(|(_, state)| *state)
    }

    /// A cell with a figure that is not the one which an earlier entry has of the same data.
    fn differs_from(&self, before: &Self) -> Option<&CellId> {
        let known: BTreeMap<&CellId, u64> = before.cells.iter().map(|(id, value)| (id, *value)).collect();
        let differs = |(id, value): &&(CellId, u64)| {
            self.state(id) == before.state(id) && known.get(id).is_some_and(|known| known != value)
        };
        self.cells.iter().find(differs).map(|(id, _)| id)
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

impl NoiseState {
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
    /// The cells.
    pub cells: Vec<CellId>,
    /// Their counts.
    pub counts: UnreleasedCounts,
}

/// What is to be released with noise.
#[derive(Debug)]
pub struct NoiseRelease {
    /// Digest over everything that the figures stand on.
    pub revision: Digest,
    /// Of each registered period that is covered by data, a digest of the records: where it is the same, figures are the same.
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
        let (revision, states) = (release.revision, release.states.clone());
        let noisy = Noisy { group: group.clone(), revision, table, states };
        let mut cells = Vec::new();
        for CountedTable { cells: ids, counts } in &release.tables {
            if ids.len() != counts.cells() {
                let (cells, others) = (counts.cells(), ids.len());
                return Err(CountsError::Size { cells, others, what: "names" }.into());
            }
            cells.extend(ids.iter().cloned().zip(noisy.figures(counts)?));
        }
        // Two views may show the same cell, of the same records.
        cells.sort_unstable();
        cells.dedup();
        if let Some([(id, _), _]) = cells.array_windows().find(|[(one, _), (next, _)]| one == next) {
            return Err(NoisePlanError::TwoFigures(Box::new(id.clone())));
        }
        let Noisy { table, states, .. } = noisy;
        let decided = NoiseEntry {
            noise_version: VERSION,
            group: group.clone(),
            revision,
            table,
            found: judged.found.clone(),
            states: states.into_iter().collect(),
            editions,
            cells,
        };
        if let Some(id) = past.last.as_ref().and_then(|last| decided.differs_from(last)) {
            return Err(NoisePlanError::TwoFigures(Box::new(id.clone())));
        }
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
    states: BTreeMap<Period, Digest>,
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

    /// The state of the data of a registered period, if there are any.
    #[must_use]
    pub fn state(&self, period: Period) -> Option<Digest> {
        self.states.get(&period).copied()
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
        self.figures(counts).map(Released::new)
    }

    /// Each count with the noise of its cell.
    fn figures(&self, counts: &UnreleasedCounts) -> Result<Vec<u64>, CountsError> {
        let space = &counts.space;
        let state = |period: &Period| {
            let no_data = || CountsError::NoData { group: self.group.clone(), period: *period };
            Ok((period.to_string(), self.state(*period).ok_or_else(no_data)?))
        };
        let periods: Vec<(String, Digest)> = space.periods.iter().map(state).collect::<Result<_, _>>()?;
        let combinations = space.names_of_combinations();
        let mut cells = counts.keyed(&self.group, self.revision)?;
        let mut figures = Vec::with_capacity(counts.cells());
        for area in space.names_of_areas() {
            for (period, state) in &periods {
                let place = Place::new(&area, period.as_bytes(), &state.0);
                for (combination, (count, key)) in combinations.iter().zip(&mut cells) {
                    figures.push(self.table.with_noise(count, place.draw(combination, key)));
                }
            }
        }
        Ok(figures)
    }
}

impl fmt::Debug for Noisy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Noisy({}, {})", self.group, self.revision)
    }
}

/// What a plan of noise was found to give away.
///
/// # Errors
/// As [`restore_noise`].
pub fn found_of(group: &GroupId, entry: &AuthenticatedEntry) -> Result<Found, LedgerError> {
    Ok(read(entry, group)?.found)
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
    let wrong = |what: &str| Err(LedgerError::Noise { group: group.clone(), what: what.to_owned() });
    for entry in entries {
        let entry = read(entry, group)?;
        let least = u64::from(entry.table.noise().least_shown());
        if entry.cells.iter().any(|(_, value)| (1..=least).contains(value)) {
            return wrong("a figure is shown that is too small for its noise");
        }
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
            if entry.differs_from(before).is_some() {
                return wrong("a figure of the same data is not what it was");
            }
        }
        found.entries += 1;
        found.cells = entry.cells.len();
        before = Some(entry);
    }
    Ok(found)
}
