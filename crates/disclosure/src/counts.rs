//! Counts of a table before noise is added to them.

use std::fmt;

use model::{Digest, Period};
use sha2::{Digest as _, Sha256};

use crate::ids::GroupId;
use crate::perturb::absorb;

/// What the cells of a table are of. They are in row-major order: areas, periods, then for each dimension its categories and the total,
/// the last dimension fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellSpace {
    /// Each area by the codes of the small areas that it is made of.
    pub areas: Vec<Vec<String>>,
    /// Periods.
    pub periods: Vec<Period>,
    /// Dimensions, each with its categories.
    pub by: Vec<(String, Vec<String>)>,
}

impl CellSpace {
    /// How many cells there are.
    #[must_use]
    pub fn cells(&self) -> usize {
        let by = self.by.iter().map(|(_, categories)| categories.len().saturating_add(1));
        [self.areas.len(), self.periods.len()].into_iter().chain(by).fold(1, usize::saturating_mul)
    }

    /// Of each area a digest of what it is made of.
    pub(crate) fn names_of_areas(&self) -> Vec<[u8; 32]> {
        let name = |parts: &Vec<String>| {
            let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            parts.sort_unstable();
            digest_of(parts)
        };
        self.areas.iter().map(name).collect()
    }

    /// Of each combination of categories a digest of those that are no totals, in whatever order the dimensions are.
    pub(crate) fn names_of_combinations(&self) -> Vec<[u8; 32]> {
        let mut combinations: Vec<Vec<(&str, &str)>> = vec![Vec::new()];
        for (name, categories) in &self.by {
            let mut longer = Vec::with_capacity(combinations.len().saturating_mul(categories.len() + 1));
            for head in &combinations {
                for category in categories {
                    longer.push([head.as_slice(), &[(name.as_str(), category.as_str())]].concat());
                }
                longer.push(head.clone());
            }
            combinations = longer;
        }
        let digest = |mut combination: Vec<(&str, &str)>| {
            combination.sort_unstable();
            digest_of(combination.into_iter().flat_map(|(name, category)| [name, category]))
        };
        combinations.into_iter().map(digest).collect()
    }
}

/// SHA-256 over parts, each behind its length.
fn digest_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| absorb(&mut hash, part.as_bytes()));
    hash.finalize().into()
}

/// Counts that cannot be what they are said to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CountsError {
    /// They are not of the same table.
    #[error("a table of {cells} cells came with {others} {what}")]
    Size {
        /// Cells that were counted.
        cells: usize,
        /// How many of the other there are.
        others: usize,
        /// What the others are.
        what: &'static str,
    },
    /// They were counted without keys, as open data are.
    #[error("counts of group `{0}` came without keys: count with them")]
    NoKeys(GroupId),
    /// There are no data of a period in what is released.
    #[error("counts of group `{group}` are of {period}, of which nothing is released")]
    NoData {
        /// The group.
        group: GroupId,
        /// The period.
        period: Period,
    },
    /// A sum was not registered, or with another greatest part.
    #[error("sums of `{column}` of group `{group}` are not registered like this: nothing of them is released")]
    Unregistered {
        /// The group.
        group: GroupId,
        /// The column.
        column: String,
    },
    /// They are of something else than what is released.
    #[error("counts of group `{found}` came where those of one release of `{wanted}` are needed: count that")]
    Other {
        /// Released.
        wanted: GroupId,
        /// Counted.
        found: GroupId,
    },
}

/// The counts of a table's cells in row-major order, and what noise is looked up by. The engine makes it; nothing but what adds noise
/// reads it.
///
/// It cannot be compared either: whoever could would guess counts until one is the same.
pub struct UnreleasedCounts {
    pub(crate) group: GroupId,
    pub(crate) revision: Digest,
    pub(crate) space: CellSpace,
    counts: Vec<u64>,
    /// As many as there are cells, where noise is looked up by them.
    keys: Option<Vec<u64>>,
    /// What is added up of who is counted.
    summed: Option<Summed>,
}

/// Sums of a column in the cells of a table.
pub(crate) struct Summed {
    pub(crate) column: String,
    /// No contributor has a greater part in one.
    pub(crate) most: u64,
    pub(crate) sums: Vec<u64>,
}

impl UnreleasedCounts {
    /// Of a group and of a revision of its data: for each cell how many records it has and, where noise is looked up by them, the sum of their
    /// record keys modulo 2^64.
    ///
    /// # Errors
    /// [`CountsError::Size`] if there are not as many counts and keys as cells.
    pub fn new(
        (group, revision): (GroupId, Digest),
        space: CellSpace,
        counts: Vec<u64>,
        keys: Option<Vec<u64>>,
    ) -> Result<Self, CountsError> {
        let cells = space.cells();
        for (others, what) in [(Some(counts.len()), "counts"), (keys.as_ref().map(Vec::len), "keys")] {
            if let Some(others) = others.filter(|others| *others != cells) {
                return Err(CountsError::Size { cells, others, what });
            }
        }
        Ok(Self { group, revision, space, counts, keys, summed: None })
    }

    /// With the sums of a column in each cell, of each contributor at most so much.
    ///
    /// # Errors
    /// [`CountsError::Size`] if there are not as many sums as cells.
    pub fn with_sums(self, column: String, most: u64, sums: Vec<u64>) -> Result<Self, CountsError> {
        let (cells, others) = (self.cells(), sums.len());
        if others != cells {
            return Err(CountsError::Size { cells, others, what: "sums" });
        }
        Ok(Self { summed: Some(Summed { column, most, sums }), ..self })
    }

    /// The sums, if there are any.
    pub(crate) const fn summed(&self) -> Option<&Summed> {
        self.summed.as_ref()
    }

    /// How many cells it has.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.counts.len()
    }

    /// Each count, if they are of this release.
    pub(crate) fn of_release(
        &self,
        group: &GroupId,
        revision: Digest,
    ) -> Result<impl Iterator<Item = u64>, CountsError> {
        if (&self.group, self.revision) != (group, revision) {
            return Err(CountsError::Other { wanted: group.clone(), found: self.group.clone() });
        }
        Ok(self.counts.iter().copied())
    }

    /// Each count with its key, if they are of this release.
    pub(crate) fn keyed(
        &self,
        group: &GroupId,
        revision: Digest,
    ) -> Result<impl Iterator<Item = (u64, u64)>, CountsError> {
        let counts = self.of_release(group, revision)?;
        let keys = self.keys.as_ref().ok_or_else(|| CountsError::NoKeys(group.clone()))?;
        Ok(counts.zip(keys.iter().copied()))
    }
}

impl fmt::Debug for UnreleasedCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnreleasedCounts({} cells, redacted)", self.cells())
    }
}
