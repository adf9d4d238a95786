//! Ledger entries: what a plan decided, the truth it stands on, and the worlds that prove it. For the encrypted ledger only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{Digest, Mark, Period};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::history::History;
use crate::ids::{CellId, GroupId};
use crate::perturb::NoiseEntry;
use crate::policy::{Policy, Rounding};
use crate::released::{Cell, GroupTables, Released};
use crate::rules::Reason;
use crate::verify::{Decided, VerifyError, verify};

/// Version of the entry's form, and of what its check asks for: what an entry of another version proved is proved anew.
pub(crate) const ENTRY_VERSION: u32 = 8;
/// The oldest that is read. Its plans showed numbers again that differed by the threshold from what was withheld: what is out is out.
pub(crate) const OLDEST_VERSION: u32 = 5;
/// The first whose tables are of blocks. Before, all were of one.
const FIRST_WITH_BLOCKS: u32 = 8;
/// The first whose figures say whether they were left behind, and whose plans show nothing new beside what is gone.
pub(crate) const FIRST_THAT_LEAVES_BEHIND: u32 = 7;

/// The bytes of a ledger entry, to be encrypted and stored durably and to be seen by nobody. They are wiped when dropped.
pub struct SealedEntry {
    pub(crate) group: GroupId,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl SealedEntry {
    /// The group that the entry belongs to.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        &self.group
    }

    /// The bytes, true counts included: for encryption, nothing else.
    #[must_use]
    pub fn secret_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for SealedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealedEntry({}, redacted)", self.group)
    }
}

/// Bytes of a ledger entry that the vault has decrypted and authenticated: whoever makes one vouches for that.
pub struct AuthenticatedEntry(Zeroizing<Vec<u8>>);

impl AuthenticatedEntry {
    /// Takes what the vault returned for a stored entry, after it checked the authentication tag.
    #[must_use]
    pub fn from_vault(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn decode(&self) -> Result<Entry, LedgerError> {
        let Ok(mut entry) = serde_json::from_slice::<Entry>(&self.0) else {
            return Err(self.noise().map_or(LedgerError::Unreadable, |noise| LedgerError::OtherMethod(noise.group)));
        };
        if !(OLDEST_VERSION..=ENTRY_VERSION).contains(&entry.version) {
            return Err(LedgerError::Version(entry.version));
        }
        if entry.version < FIRST_WITH_BLOCKS {
            let number = |length: usize| u32::try_from(length).map_err(|_| LedgerError::Unreadable);
            entry.blocks = vec![EntryBlock { atoms: number(entry.truth.len())?, tables: number(entry.tables.len())? }];
        }
        Ok(entry)
    }

    /// What is in it if it is of a plan of noise.
    pub(crate) fn noise(&self) -> Option<NoiseEntry> {
        serde_json::from_slice(&self.0).ok()
    }

    /// The group of a plan that withholds, if it is of one.
    pub(crate) fn withholds(&self) -> Option<GroupId> {
        serde_json::from_slice::<Entry>(&self.0).ok().map(|entry| entry.group)
    }
}

impl fmt::Debug for AuthenticatedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthenticatedEntry(redacted)")
    }
}

/// Why the ledger cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Not an entry.
    #[error("a ledger entry cannot be read: restore it from a backup")]
    Unreadable,
    /// Written by another version of the program.
    #[error("a ledger entry has version `{0}`, which this program does not know: use the version that wrote it")]
    Version(u32),
    /// An entry of another group.
    #[error("a ledger entry belongs to group `{found}`, not `{wanted}`")]
    OtherGroup {
        /// Asked for.
        wanted: GroupId,
        /// In the entry.
        found: GroupId,
    },
    /// An entry that does not keep what an earlier one decided.
    #[error("cell `{cell}` of a ledger entry does not follow from the entries before: {what}")]
    Broken {
        /// The cell.
        cell: Box<CellId>,
        /// What is wrong.
        what: &'static str,
    },
    /// The group was published by the other method.
    #[error(
        "group `{0}` was published by the other method: what is out by `suppress` and by `perturb` together was proved by neither, so \
         that it stays with the first"
    )]
    OtherMethod(GroupId),
    /// An entry of noise that does not follow from those before it.
    #[error("an entry of noise of group `{group}` does not hold: {what}")]
    Noise {
        /// The group.
        group: GroupId,
        /// What is wrong.
        what: String,
    },
    /// An entry whose witnesses do not hold.
    #[error("a ledger entry does not prove what it released")]
    Unproven(#[source] VerifyError),
}

/// What earlier plans of a group decided. The default for a group without any is [`LedgerState::empty`].
pub struct LedgerState {
    pub(crate) group: GroupId,
    /// As the last plan left it.
    pub(crate) history: Option<History>,
    /// The same, for the check of what follows.
    pub(crate) decided: Decided,
}

impl LedgerState {
    /// A group that never had a plan.
    #[must_use]
    pub fn empty(group: GroupId) -> Self {
        Self { group, history: None, decided: Decided::default() }
    }

    /// Reads the last entry of a group, which holds what all those before it decided.
    ///
    /// # Errors
    /// If the entry cannot be read or belongs to another group.
    pub fn decode(group: GroupId, last: Option<&AuthenticatedEntry>) -> Result<Self, LedgerError> {
        let Some(last) = last else { return Ok(Self::empty(group)) };
        let entry = last.decode()?;
        if entry.group != group {
            return Err(LedgerError::OtherGroup { wanted: group, found: entry.group });
        }
        let decided = Decided::by(&entry);
        Ok(Self { group, history: Some(History::new(entry)?), decided })
    }

    /// The group.
    #[must_use]
    pub const fn group(&self) -> &GroupId {
        &self.group
    }

    /// Whether the group has no plan yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.history.is_none()
    }
}

impl fmt::Debug for LedgerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.history.as_ref().map_or(0, |history| history.shown.len());
        write!(f, "LedgerState({}, {cells} cells, redacted)", self.group)
    }
}

/// Makes the tables of a committed plan available again after a restart, and checks its proof once more.
///
/// # Errors
/// If the entry cannot be read, or its witnesses do not hold.
pub fn restore(entry: &AuthenticatedEntry) -> Result<Released<GroupTables>, LedgerError> {
    let entry = entry.decode()?;
    verify(&entry).map_err(LedgerError::Unproven)?;
    Ok(Released::new(entry.tables()))
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) version: u32,
    pub(crate) group: GroupId,
    pub(crate) revision: Digest,
    pub(crate) policy: Policy,
    /// True count per atom.
    pub(crate) truth: Vec<u64>,
    /// For each atom, the first of its place: of those that differ in nothing but when their records came and went.
    pub(crate) origins: Vec<u32>,
    /// Who stands behind the atoms, where that is known.
    pub(crate) contributions: Vec<EntryContribution>,
    /// What is shown, in the order of ids.
    pub(crate) cells: Vec<EntryCell>,
    /// What was shown once and stays part of the proof, oldest first.
    pub(crate) superseded: Vec<EntryCell>,
    /// Those of each block after those of the block before.
    pub(crate) tables: Vec<EntryTable>,
    /// What has no atom and no cell in common with anything else, in the order of atoms and tables.
    #[serde(default)]
    pub(crate) blocks: Vec<EntryBlock>,
    /// Cells that are new wait for the plan after this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) more_follows: bool,
    /// Cells that are new in months that were out have no plan, and are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) without_late: bool,
}

/// Atom, keyed number of the contributor, number of the partner, amount.
pub(crate) type EntryContribution = (u32, u64, u16, u64);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryCell {
    pub(crate) id: CellId,
    pub(crate) outcome: Outcome,
    pub(crate) count: u64,
    pub(crate) contributors: u64,
    pub(crate) known_upper: Option<u64>,
    pub(crate) headline: bool,
    pub(crate) sensitive: bool,
    /// Released by an earlier plan, so known for good whatever the rules are now.
    pub(crate) earlier: bool,
    /// Something was revised while its cell was not there: what it stood on cannot be compared any more, and its cell is not shown again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) left_behind: bool,
    /// There is a figure, and it was not to be shown beside what is gone or revised.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) barred: bool,
    /// It was new in months that were out, had no plan beside what is shown of them, and is not tried again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) given_up: bool,
    /// Why it is withheld.
    pub(crate) reason: Option<Reason>,
    /// Table and column; `None` for a cell that is not available or has no atoms.
    pub(crate) place: Option<(u32, u32)>,
}

impl EntryCell {
    /// Whether the source has a figure that may be shown.
    pub(crate) fn is_available(&self) -> bool {
        self.outcome != Outcome::NotAvailable
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Released,
    Withheld,
    NotAvailable,
}

/// How many atoms and tables a block has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryBlock {
    pub(crate) atoms: u32,
    pub(crate) tables: u32,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryTable {
    /// How many atoms the table has.
    pub(crate) atoms: u32,
    /// For each atom of its block, the table's atom that it is part of.
    pub(crate) places: Vec<Option<u32>>,
    pub(crate) columns: Vec<EntryColumn>,
    /// Changes of the truth: atom of the table, and difference.
    pub(crate) worlds: Vec<Vec<(u32, i64)>>,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryColumn {
    pub(crate) kind: ColumnKind,
    pub(crate) atoms: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ColumnKind {
    /// The cells with this column are printed.
    Released,
    /// A total that tables share; never changes.
    Shared,
    /// The cells with this column carry a mark.
    Withheld,
    /// Protected without being printed.
    Difference,
}

impl Entry {
    /// Of nothing yet.
    pub(crate) const fn empty(group: GroupId, revision: Digest, policy: Policy) -> Self {
        Self {
            version: ENTRY_VERSION,
            group,
            revision,
            policy,
            truth: Vec::new(),
            origins: Vec::new(),
            contributions: Vec::new(),
            cells: Vec::new(),
            superseded: Vec::new(),
            tables: Vec::new(),
            blocks: Vec::new(),
            more_follows: false,
            without_late: false,
        }
    }

    /// Every figure that the proof is about: what is shown, and what was.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &EntryCell> {
        self.cells.iter().chain(&self.superseded)
    }

    /// What everybody sees.
    pub(crate) fn tables(&self) -> GroupTables {
        let cell = |cell: &EntryCell| match cell.outcome {
            Outcome::Released => shown(cell.count, self.policy.rounding),
            Outcome::Withheld => Cell::Withheld(Mark::C),
            Outcome::NotAvailable => Cell::Withheld(Mark::X),
        };
        let cells = self.cells.iter().map(|entry| (entry.id.clone(), cell(entry))).collect();
        let shown: BTreeSet<&CellId> = self.cells.iter().map(|cell| &cell.id).collect();
        let revised = self.superseded.iter().any(|figure| shown.contains(&figure.id));
        let gone: BTreeSet<&CellId> =
            self.superseded.iter().filter(|figure| figure.left_behind).map(|figure| &figure.id).collect();
        let mut left_behind: BTreeMap<Period, usize> = BTreeMap::new();
        for id in gone.intersection(&shown) {
            *left_behind.entry(id.key.period).or_default() += 1;
        }
        let barred = self.cells.iter().filter(|cell| cell.barred).map(|cell| cell.id.clone()).collect();
        let (group, more_follows, without_late) = (self.group.clone(), self.more_follows, self.without_late);
        GroupTables { group, cells, revised, more_follows, without_late, left_behind, barred, noise: None }
    }
}

/// A released count as it is written.
pub(crate) fn shown(count: u64, rounding: Rounding) -> Cell {
    match rounding {
        Rounding::Nearest(base) if base > 1 => {
            let base = u64::from(base);
            match (count + base / 2) / base * base {
                0 if count > 0 => Cell::Withheld(Mark::Low),
                rounded => Cell::Value(rounded),
            }
        }
        _ => Cell::Value(count),
    }
}
