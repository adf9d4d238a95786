//! True counts on their way into the gate. They can be written from outside and never read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{AgeBand, Digest, Exposure, Sex};

use crate::contributions::Contribution;
use crate::ids::{CellId, GroupId, MeasureId};

/// Largest count of one atom; sums over any group then stay exact in 64 bits.
const MAX_COUNT: u64 = 1 << 36;
/// Most atoms of one group.
const MAX_ATOMS: usize = 1 << 24;

/// An atom of the builder that made it: the finest area, period and category of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtomIndex(pub(crate) u32);

/// What the gate has to know of a cell besides its atoms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CellFacts {
    /// A headline total: never withheld for the sake of another cell while anything else will do.
    pub headline: bool,
    /// Everybody knows that the count is at most this, for example the population.
    pub known_upper: Option<u64>,
    /// The source has no figure: marked `[x]`, and nothing is claimed about it.
    pub not_available: bool,
}

/// Why a group cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Two definitions of one cell.
    #[error("cell `{0}` was given twice with different atoms: define each measure once")]
    DifferentAtoms(CellId),
    /// Two descriptions of one cell.
    #[error("cell `{0}` was given twice with different contributors or availability: count each measure once")]
    DifferentFacts(CellId),
    /// An atom that this builder did not make.
    #[error("cell `{0}` names an atom of another group: use the indices that this builder returned")]
    UnknownAtom(CellId),
    /// A public bound that the truth breaks.
    #[error("cell `{0}` is larger than its known upper bound allows: give a bound that holds, or none")]
    Contradiction(CellId),
    /// Contributions that are not those of the atom.
    #[error("contributions to an atom of group `{0}` do not add up to its count: give all of them, or none")]
    Contributions(GroupId),
    /// Too much of anything.
    #[error("group `{group}` is too large: {what}; publish coarser views")]
    TooLarge {
        /// The group.
        group: GroupId,
        /// Which limit.
        what: &'static str,
    },
}

#[derive(Clone)]
pub(crate) struct CellEntry {
    /// Sorted, without repeats.
    pub(crate) atoms: Vec<u32>,
    pub(crate) contributors: u64,
    pub(crate) facts: CellFacts,
}

/// Collects the truth of one protection group: write only.
pub struct UnreleasedBuilder {
    group: GroupId,
    revision: Digest,
    exposure: Exposure,
    counts: Vec<u64>,
    cells: BTreeMap<CellId, CellEntry>,
    contributors: BTreeMap<[u8; 16], u64>,
    contributions: Vec<Contribution>,
    sensitive: Sensitive,
    error: Option<BuildError>,
}

/// Which categories must not be shown to be those of a whole group.
#[derive(Debug)]
pub(crate) struct Sensitive {
    measures: BTreeSet<MeasureId>,
    dimensions: BTreeSet<String>,
}

impl Sensitive {
    pub(crate) fn covers(&self, id: &CellId) -> bool {
        let key = &id.key;
        let dimension = key.breakdown.as_ref().map(|breakdown| &breakdown.dimension);
        self.measures.contains(&id.measure)
            || dimension.is_some_and(|name| self.dimensions.contains(name))
            || key.sex != Sex::All && self.dimensions.contains("sex")
            || key.age != AgeBand::All && self.dimensions.contains("age")
    }
}

impl UnreleasedBuilder {
    /// Starts a group; `revision` names the input (dataset revisions and definitions) and is never published.
    #[must_use]
    pub const fn new(group: GroupId, revision: Digest, exposure: Exposure) -> Self {
        Self {
            group,
            revision,
            exposure,
            counts: Vec::new(),
            cells: BTreeMap::new(),
            contributors: BTreeMap::new(),
            contributions: Vec::new(),
            sensitive: Sensitive { measures: BTreeSet::new(), dimensions: BTreeSet::new() },
            error: None,
        }
    }

    /// Declares the categories of a dimension sensitive: no group may be shown to be all, or nearly all, in one of them. Zeros of such
    /// cells may be withheld, so that a mark on them says nothing.
    pub fn sensitive_dimension(&mut self, dimension: &str) -> &mut Self {
        self.sensitive.dimensions.insert(dimension.to_owned());
        self
    }

    /// Declares a measure sensitive as part of any other measure or population that it is counted in.
    pub fn sensitive_measure(&mut self, measure: MeasureId) -> &mut Self {
        self.sensitive.measures.insert(measure);
        self
    }

    /// Says whose records an atom holds: `amount` of them from one contributor by way of one partner. All that give no
    /// `contributor` are taken for one. Give all contributions of an atom or none; with none its records are of as many people.
    pub fn contribution(
        &mut self,
        atom: AtomIndex,
        contributor: Option<[u8; 16]>,
        partner: u16,
        amount: u64,
    ) -> &mut Self {
        let next = self.contributors.len() as u64 + 1;
        let contributor = contributor.map_or(0, |name| *self.contributors.entry(name).or_insert(next));
        self.contributions.push(Contribution { atom: atom.0, contributor, partner, amount });
        self
    }

    /// Adds an atom with its true count. Add atoms that hold nothing too: what *could* have happened there is what
    /// hides what did.
    pub fn atom(&mut self, count: u64) -> AtomIndex {
        if count > MAX_COUNT {
            self.fail("an atom holds more than 2^36");
        }
        if self.counts.len() >= MAX_ATOMS {
            self.fail("more than 2^24 atoms");
            return AtomIndex(0);
        }
        self.counts.push(count.min(MAX_COUNT));
        AtomIndex(u32::try_from(self.counts.len() - 1).unwrap_or(0))
    }

    /// Adds a cell: the sum of its atoms, from `contributors` distinct people or incidents (records of nobody known count
    /// as one each; a positive count with fewer than k contributors is protected). The same cell may be given again by another view, with the same atoms. Errors appear in [`Self::finish`].
    pub fn cell(
        &mut self,
        id: CellId,
        atoms: impl IntoIterator<Item = AtomIndex>,
        contributors: u64,
        facts: CellFacts,
    ) -> &mut Self {
        let mut atoms: Vec<u32> = atoms.into_iter().map(|atom| atom.0).collect();
        atoms.sort_unstable();
        atoms.dedup();
        if let Err(error) = self.add(id, CellEntry { atoms, contributors, facts }) {
            self.error.get_or_insert(error);
        }
        self
    }

    fn add(&mut self, id: CellId, entry: CellEntry) -> Result<(), BuildError> {
        if entry.atoms.last().is_some_and(|last| *last as usize >= self.counts.len()) {
            return Err(BuildError::UnknownAtom(id));
        }
        let count: u64 = entry.atoms.iter().filter_map(|atom| self.counts.get(*atom as usize)).sum();
        let too_low = entry.facts.known_upper.is_some_and(|upper| upper < count);
        if !entry.facts.not_available && too_low {
            return Err(BuildError::Contradiction(id));
        }
        let Some(known) = self.cells.get_mut(&id) else {
            self.cells.insert(id, entry);
            return Ok(());
        };
        if known.atoms != entry.atoms {
            return Err(BuildError::DifferentAtoms(id));
        }
        if known.contributors != entry.contributors || known.facts.not_available != entry.facts.not_available {
            return Err(BuildError::DifferentFacts(id));
        }
        known.facts.headline |= entry.facts.headline;
        known.facts.known_upper = min_bound(known.facts.known_upper, entry.facts.known_upper);
        Ok(())
    }

    fn fail(&mut self, what: &'static str) {
        let group = self.group.clone();
        self.error.get_or_insert(BuildError::TooLarge { group, what });
    }

    /// Closes the group.
    ///
    /// # Errors
    /// The first contradiction met while building.
    pub fn finish(self) -> Result<Unreleased, BuildError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
        for entry in &self.contributions {
            let sum = sums.entry(entry.atom).or_insert(0);
            *sum = sum.saturating_add(entry.amount);
        }
        if sums.iter().any(|(atom, sum)| self.counts.get(*atom as usize) != Some(sum)) {
            return Err(BuildError::Contributions(self.group));
        }
        Ok(Unreleased {
            group: self.group,
            revision: self.revision,
            exposure: self.exposure,
            counts: self.counts,
            cells: self.cells,
            contributors: self.contributors,
            contributions: self.contributions,
            sensitive: self.sensitive,
            revises: false,
        })
    }
}

impl fmt::Debug for UnreleasedBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnreleasedBuilder({}, redacted)", self.group)
    }
}

/// The lower of two bounds, where `None` is no bound.
pub(crate) fn min_bound(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The truth of one protection group. Outside this crate it can only be handed to the gate: no accessor, no clone, no
/// comparison, no serialisation, and a debug form that says nothing.
#[must_use = "only the gate can make something publishable of it"]
pub struct Unreleased {
    pub(crate) group: GroupId,
    pub(crate) revision: Digest,
    pub(crate) exposure: Exposure,
    pub(crate) counts: Vec<u64>,
    pub(crate) cells: BTreeMap<CellId, CellEntry>,
    /// Numbers of the contributors by name, from 1; a plan uses keyed numbers instead.
    pub(crate) contributors: BTreeMap<[u8; 16], u64>,
    pub(crate) contributions: Vec<Contribution>,
    pub(crate) sensitive: Sensitive,
    /// See [`Self::of_other_records`].
    pub(crate) revises: bool,
}

impl Unreleased {
    /// Says that records of earlier revisions were replaced: also where no cell that is here counts another number, those that are not
    /// here could not be compared any more.
    pub const fn of_other_records(mut self) -> Self {
        self.revises = true;
        self
    }
}

impl fmt::Debug for Unreleased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unreleased({}, redacted)", self.group)
    }
}
