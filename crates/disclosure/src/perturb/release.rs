//! What is published with noise: decided as a whole, on record before any of it is seen, and the same for everybody who asks.
//!
//! ```text
//! Judged (of all that is registered) -> NoisePlan -> DurableReceipt -> commit_noise() -> tables, Noisy
//!                                                                  AnswerReceipt -> Noisy::answer() -> Released
//! ```
//!
//! A plan fixes the table of noise, the records that it is added to (by a digest of the revision) and the figures of all views. Whatever
//! else of the registered crossings is asked for afterwards *follows* from it: a cell has the same noise by every route, until the data of
//! its period change; then all cells of the period have fresh noise (see [`Place`] for why).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{AreaType, Digest, Period};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::averaging::{Refused, Registered, refuse};
use super::entry::{NoiseEntry, NoiseState, Source, VERSION};
use super::geometric::{Geometric, GeometricNoise};
use super::noise::Noise;
use super::noisy::{Noisy, figures};
use super::sums::SumNoise;
use super::table::{NoiseTable, TableError};
use crate::changes::Changes;
use crate::counts::{CountsError, UnreleasedCounts};
use crate::ids::{CellId, GroupId};
use crate::key::PlanKey;
use crate::ledger::SealedEntry;
use crate::released::GroupTables;
use crate::report::ReportedView;

/// A registration that may be published with a noise: that was found before any data were looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    method: Method,
    revisions: u32,
    /// Sums by column, judged with the counts.
    sums: BTreeMap<String, SumNoise>,
}

/// What adds noise, and why that is enough.
#[derive(Debug, Clone, PartialEq)]
enum Method {
    /// By what was found.
    CellKey(Noise, Found),
    /// By what its odds are.
    Geometric(Geometric),
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
        Self::with_sums(registered, BTreeMap::new(), noise, cap)
    }

    /// The same with sums of these columns in every cell: each tells as much as one more publication of it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_sums(
        registered: &[Registered],
        sums: BTreeMap<String, SumNoise>,
        noise: &Noise,
        cap: f64,
    ) -> Result<Self, Refused> {
        let figures = u32::try_from(sums.len()).unwrap_or(u32::MAX).saturating_add(1);
        let mut found = Found { cap, guess: 0.0, of: Vec::new(), zero: 0.0 };
        let mut revisions = u32::MAX;
        for registered in registered {
            let all = Registered { revisions: registered.revisions.saturating_mul(figures), ..registered.clone() };
            let bound = refuse(&all, noise, cap)?;
            revisions = revisions.min(registered.revisions);
            found.zero = bound.near_zero.zero;
            let worst = bound.worst().filter(|worst| worst.posterior() > found.guess);
            worst.into_iter().for_each(|worst| (found.guess, found.of) = (worst.posterior(), worst.levels.clone()));
        }
        Ok(Self { method: Method::CellKey(*noise, found), revisions, sums })
    }

    /// Figures of linked records need no judgement: what they say together follows from the noise, as long as there are no more of them
    /// than it was made for.
    #[must_use]
    pub fn of_links(noise: Geometric) -> Self {
        Self { revisions: noise.revisions(), method: Method::Geometric(noise), sums: BTreeMap::new() }
    }

    /// What it was found to give away, where that had to be found.
    #[must_use]
    pub const fn found(&self) -> Option<&Found> {
        match &self.method {
            Method::CellKey(_, found) => Some(found),
            Method::Geometric(_) => None,
        }
    }

    /// Whether tables by all these areas may be published, each of everybody.
    fn allow(&self, cells: &[(CellId, u64)], group: &GroupId) -> Result<(), NoisePlanError> {
        let tables = cells.iter().map(|(id, _)| id.key.area_type).collect::<BTreeSet<AreaType>>().len();
        match &self.method {
            Method::Geometric(noise) if u32::try_from(tables).map_or(true, |tables| tables > noise.tables()) => {
                Err(NoisePlanError::Tables { group: group.clone(), tables, most: noise.tables() })
            }
            _ => Ok(()),
        }
    }

    /// What adds the noise to the figures of a group: as it was, if anything is out.
    fn source(&self, past: &NoiseState, key: &PlanKey) -> Result<Source, NoisePlanError> {
        let group = &past.group;
        let known = past.last.as_ref().map(|last| &last.table);
        match (&self.method, known) {
            (Method::CellKey(noise, _), Some(Source::CellKey(table))) if table.noise() == noise => {
                Ok(Source::CellKey(table.clone()))
            }
            (Method::CellKey(noise, _), None) => Ok(Source::CellKey(written(&NoiseTable::solve(noise)?, group)?)),
            (Method::Geometric(noise), Some(Source::Geometric(known))) if known.geometric.is_as(noise) => {
                Ok(Source::Geometric(known.clone()))
            }
            (Method::Geometric(noise), None) => Ok(Source::Geometric(GeometricNoise::new(*noise, group, key))),
            _ => Err(NoisePlanError::OtherNoise(group.clone())),
        }
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
    /// Sums may be out whose noise was for other parts.
    #[error(
        "sums of `{column}` of group `{group}` may be out with noise for parts of at most {most}, and two noises of the same sums narrow them down \
         together: register it as it was"
    )]
    OtherSums {
        /// The group.
        group: GroupId,
        /// The column.
        column: String,
        /// What it was.
        most: u64,
    },
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
    /// Figures were to stay, and there are none of the same data.
    #[error("figures of {0} of the same data are not out: this is a defect, and nothing is released")]
    NotOut(Period),
    /// More would be published of linked records than their noise was made for.
    #[error(
        "group `{group}` would be published in {tables} tables, and its noise was made for {most}: register what it is by"
    )]
    Tables {
        /// The group.
        group: GroupId,
        /// How many there would be.
        tables: usize,
        /// How many there may be.
        most: u32,
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
    /// Periods of which all figures stay as they are, and nothing is counted.
    pub kept: BTreeSet<Period>,
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
    pub fn new(
        past: &NoiseState,
        judged: &Judged,
        release: &NoiseRelease,
        key: &PlanKey,
    ) -> Result<Self, NoisePlanError> {
        let group = past.group.clone();
        let table = judged.source(past, key)?;
        let editions = editions(past, judged, &release.states)?;
        let sums = sums(past, judged)?;
        let (revision, states) = (release.revision, &release.states);
        let figures = |counts: &UnreleasedCounts| match &table {
            Source::CellKey(table) => figures(table, counts, (&group, revision), states),
            Source::Geometric(noise) => noise.figures(counts, (&group, revision), states),
        };
        let mut cells = past.kept(release)?;
        for CountedTable { cells: ids, counts } in &release.tables {
            if ids.len() != counts.cells() {
                let (cells, others) = (counts.cells(), ids.len());
                return Err(CountsError::Size { cells, others, what: "names" }.into());
            }
            cells.extend(ids.iter().cloned().zip(figures(counts)?));
        }
        // Two views may show the same cell, of the same records.
        cells.sort_unstable();
        cells.dedup();
        if let Some([(id, _), _]) = cells.array_windows().find(|[(one, _), (next, _)]| one == next) {
            return Err(NoisePlanError::TwoFigures(Box::new(id.clone())));
        }
        judged.allow(&cells, &group)?;
        let decided = NoiseEntry {
            noise_version: VERSION,
            group: group.clone(),
            revision,
            table,
            found: judged.found().cloned(),
            sums: sums.clone(),
            states: states.iter().map(|(period, state)| (*period, *state)).collect(),
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

    pub(crate) fn into_parts(self) -> (GroupTables, Option<Noisy>) {
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

/// What is registered of sums by now, and was before: nobody has forgotten that.
fn sums(past: &NoiseState, judged: &Judged) -> Result<BTreeMap<String, SumNoise>, NoisePlanError> {
    let known = past.last.iter().flat_map(|last| &last.sums);
    let other = |(column, noise): &(&String, &SumNoise)| judged.sums.get(*column) != Some(*noise);
    match known.clone().find(other) {
        Some((column, noise)) => {
            let (group, column, most) = (past.group.clone(), column.clone(), noise.most());
            Err(NoisePlanError::OtherSums { group, column, most })
        }
        None => Ok(judged.sums.clone()),
    }
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
