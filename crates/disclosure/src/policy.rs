//! The rules of one group, as its agreements' strictest terms give them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Everything that decides what is withheld, besides the data and the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The threshold: counts, and distinct contributors, from 1 to k - 1 are protected. At least 2.
    pub k: u64,
    /// What happens to zeros.
    pub zeros: ZeroPolicy,
    /// How released counts are written.
    pub rounding: Rounding,
    /// Of 1,000 releasable cells (headline totals apart), how many the key withholds without need.
    pub decoys_per_thousand: u16,
    /// Whether what released cells differ by is protected like a cell, although nobody prints it: the difference of two
    /// nested cells, and what is left of a cell after all its parts of one kind.
    pub nested_differences: bool,
    /// When one contributor or partner makes up too much of a count or sum.
    pub dominance: Dominance,
    /// Whether the proof also holds against every single contributor who knows their own records.
    pub own_records: bool,
    /// Whether the proof also holds against every single partner who knows the rows that came from it.
    pub own_rows: bool,
    /// Which partners might put together the rows that came from them. With [`Self::own_rows`], the proof holds against each of
    /// these too.
    #[serde(default)]
    pub coalitions: Coalitions,
    /// How hard to search; the budgets count steps, so that the result does not depend on the machine.
    pub budget: StepBudget,
}

impl Policy {
    /// Threshold `k`, zeros published, no rounding, no decoys, nested differences protected.
    #[must_use]
    pub const fn threshold(k: u64) -> Self {
        Self {
            k,
            zeros: ZeroPolicy::Publish,
            rounding: Rounding::None,
            decoys_per_thousand: 0,
            nested_differences: true,
            dominance: Dominance::NONE,
            own_records: false,
            own_rows: true,
            coalitions: Coalitions::None,
            budget: StepBudget::DEFAULT,
        }
    }
}

/// Of 1,000 releasable cells that a revision decides anew, how many are withheld without need at least. Otherwise a mark there says that its
/// cell changed: where a total grew by ten and ten of its parts are marked, each grew by one.
const LEAST_DECOYS_OF_A_REVISION: u16 = 100;

/// Partners who share what they supplied, each known by its number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coalitions {
    /// Each partner keeps its rows to itself.
    #[default]
    None,
    /// Any two partners.
    Pairs,
    /// These, each a list of partners. One that nobody in the group's data belongs to has nothing to share.
    Stated(Vec<Vec<u16>>),
}

impl Policy {
    /// Of 1,000 releasable cells, how many the key withholds without need: cells that are decided for the first time, or once more.
    pub(crate) fn decoys_of(&self, revised: bool) -> u16 {
        if revised { self.decoys_per_thousand.max(LEAST_DECOYS_OF_A_REVISION) } else { self.decoys_per_thousand }
    }

    /// Every set of partners that the proof must hold against, where these supplied records: first each alone, if there are
    /// several.
    pub(crate) fn reading(&self, partners: &BTreeSet<u16>) -> Vec<Vec<u16>> {
        if !self.own_rows || partners.len() < 2 {
            return Vec::new();
        }
        let mut sets: Vec<Vec<u16>> = partners.iter().map(|partner| vec![*partner]).collect();
        match &self.coalitions {
            Coalitions::None => {}
            Coalitions::Pairs => {
                for (number, one) in partners.iter().enumerate() {
                    sets.extend(partners.iter().skip(number + 1).map(|other| vec![*one, *other]));
                }
            }
            Coalitions::Stated(stated) => {
                for coalition in stated {
                    let there: BTreeSet<u16> = coalition.iter().copied().filter(|one| partners.contains(one)).collect();
                    let there: Vec<u16> = there.into_iter().collect();
                    if there.len() > 1 && !sets.contains(&there) {
                        sets.push(there);
                    }
                }
            }
        }
        sets
    }
}

/// Limits on what one contributor makes up. `None` is no limit. Percentages are whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dominance {
    /// Unsafe if the n largest contributors make up more than so many percent.
    pub largest: Option<Share>,
    /// The p % rule: unsafe if the total less the two largest is below p % of the largest, so that the second largest could
    /// estimate the largest more closely than by p %.
    pub p_percent: Option<u8>,
    /// The p % rule with partners, by way of whom the records came, in place of contributors.
    pub partner_p_percent: Option<u8>,
}

impl Dominance {
    /// No limit.
    pub const NONE: Self = Self { largest: None, p_percent: None, partner_p_percent: None };

    /// Whether there is any limit.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.largest.is_some() || self.p_percent.is_some() || self.partner_p_percent.is_some()
    }
}

/// The most that the largest contributors may make up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many of the largest.
    pub contributors: u8,
    /// Their share at most, in percent.
    pub percent: u8,
}

/// What happens to zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroPolicy {
    /// Every zero is published, so a mark says "at least 1" and every world has to agree with that.
    Publish,
    /// A keyed share of the zeros is hidden, and any zero may be, so a mark says nothing about the count.
    HideShare {
        /// Of 1,000 zeros, how many the key hides from the start.
        per_thousand: u16,
    },
}

/// How released counts are written. The proof is made as if they were exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// As counted.
    None,
    /// To the nearest multiple (halves upwards); what rounds to zero without being zero is marked `[low]`.
    Nearest(u32),
}

/// Limits of the search, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBudget {
    /// States opened in one search for a circuit that costs nothing.
    pub free_search: u32,
    /// States opened in one search for a circuit that may withhold further cells.
    pub paid_search: u32,
    /// Atoms, columns and edges looked at in one search for what released cells give away together.
    #[serde(default = "differences")]
    pub differences: u64,
    /// States opened in all searches of a table, whatever its size ...
    #[serde(default = "each_table")]
    pub each_table: u32,
    /// ... and for each of its columns. Where they are used up, the table has no plan.
    #[serde(default = "each_column")]
    pub each_column: u32,
}

/// Entries from before the search was limited.
const fn differences() -> u64 {
    StepBudget::DEFAULT.differences
}

/// The same.
const fn each_table() -> u32 {
    StepBudget::DEFAULT.each_table
}

/// The same.
const fn each_column() -> u32 {
    StepBudget::DEFAULT.each_column
}

impl StepBudget {
    /// Suits a group of some thousand cells.
    pub const DEFAULT: Self = Self {
        free_search: 60,
        paid_search: 160,
        differences: 20_000_000_000,
        each_table: 100_000,
        each_column: 2_000,
    };

    /// Beside an earlier plan, of which most stays: what cannot be proved soon ends soon, rather than holding up others. New periods
    /// take some ten states a column.
    pub(crate) const fn later(self) -> Self {
        Self { each_column: if self.each_column < 400 { self.each_column } else { 400 }, ..self }
    }

    /// The last try: a witness is further to seek where little may still be withheld.
    pub(crate) const fn thorough(self) -> Self {
        Self { free_search: 100 * self.free_search, paid_search: 100 * self.paid_search, ..self }
    }
}

impl Default for StepBudget {
    fn default() -> Self {
        Self::DEFAULT
    }
}
