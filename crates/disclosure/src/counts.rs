//! Counts of a table before noise is added to them.

use std::fmt;

use model::Digest;

use crate::ids::GroupId;

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
    /// They are of something else than what is released.
    #[error("counts of group `{found}` came where those of one release of `{wanted}` are needed: count that")]
    Other {
        /// Released.
        wanted: GroupId,
        /// Counted.
        found: GroupId,
    },
}

/// The counts of a table's cells in row-major order, and what noise is looked up by. The engine makes it; nothing but the
/// cell-key method reads it.
///
/// It cannot be compared either: whoever could would guess counts until one is the same.
pub struct UnreleasedCounts {
    pub(crate) group: GroupId,
    pub(crate) revision: Digest,
    pub(crate) counts: Vec<u64>,
    /// As many as there are cells, where noise is to be added.
    pub(crate) keys: Option<Vec<u64>>,
}

impl UnreleasedCounts {
    /// Of a group and of a revision of its data: for each cell how many records it has and, for noise, the sum of their record keys
    /// modulo 2^64.
    ///
    /// # Errors
    /// [`CountsError::Size`] if there are not as many keys as cells.
    pub fn new(
        (group, revision): (GroupId, Digest),
        counts: Vec<u64>,
        keys: Option<Vec<u64>>,
    ) -> Result<Self, CountsError> {
        match &keys {
            Some(keys) if keys.len() != counts.len() => {
                Err(CountsError::Size { cells: counts.len(), others: keys.len(), what: "keys" })
            }
            _ => Ok(Self { group, revision, counts, keys }),
        }
    }

    /// How many cells it has.
    #[must_use]
    pub const fn cells(&self) -> usize {
        self.counts.len()
    }

    /// Each count with its key, if they are of this release.
    pub(crate) fn keyed(
        &self,
        group: &GroupId,
        revision: Digest,
    ) -> Result<impl Iterator<Item = (u64, u64)>, CountsError> {
        if (&self.group, self.revision) != (group, revision) {
            return Err(CountsError::Other { wanted: group.clone(), found: self.group.clone() });
        }
        let keys = self.keys.as_ref().ok_or_else(|| CountsError::NoKeys(group.clone()))?;
        Ok(self.counts.iter().copied().zip(keys.iter().copied()))
    }
}

impl fmt::Debug for UnreleasedCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnreleasedCounts({} cells, redacted)", self.cells())
    }
}
