//! What the attacker holds: dimensions, released tables and public knowledge.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;

use crate::strict::distinct;

/// The largest count, limit and denominator that is attacked. Sums of so many cells as fit into memory are far from overflowing.
pub const MOST_COUNT: u64 = 1 << 36;

/// One protection group as seen from outside. Codes are text; each cell names one code per dimension, in the order of
/// [`Problem::dimensions`].
#[derive(Clone, Default)]
pub struct Problem {
    /// The group's name, for the report.
    pub name: String,
    /// The smallest count that may be shown to be reached, `k`.
    pub threshold: u32,
    /// Dimensions whose product are the atoms.
    pub dimensions: Vec<Dimension>,
    /// Released tables.
    pub tables: Vec<Table>,
    /// Public limits of counts, for example populations where each person counts at most once, or what a published
    /// rate allows.
    pub bounds: Vec<Bound>,
    /// What published comparisons say: ranks, classes, words, colours.
    pub comparisons: Vec<Comparison>,
    /// Records that everybody knows to be in the data.
    pub known: Vec<Known>,
    /// Attackers who also know records of their own: single contributors, partners, coalitions of them.
    pub attackers: Vec<Attacker>,
}

/// A dimension: its atoms and the levels that group them. Overlapping geographies are levels of one dimension.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// Its name, for example `area`.
    pub name: String,
    /// Codes of the finest units that any table tells apart.
    pub atoms: Vec<String>,
    /// Groupings of atoms.
    #[serde(default)]
    pub levels: Vec<Level>,
    /// The code of the total over all atoms.
    #[serde(default = "total")]
    pub total: String,
}

fn total() -> String {
    "all".to_owned()
}

/// A grouping of a dimension's atoms: disjoint codes, not necessarily covering every atom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its name, for example `ward`.
    pub name: String,
    /// Code to the atoms it consists of.
    #[serde(deserialize_with = "distinct")]
    pub codes: BTreeMap<String, Vec<String>>,
}

/// A released table. A row that is absent says nothing.
#[derive(Clone, Default)]
pub struct Table {
    /// Its name, for the report.
    pub name: String,
    /// Whether it is public anyway; an open table's cells are knowledge, not targets.
    pub open: bool,
    /// Whether zeros are always published, so that a withheld cell is at least 1.
    pub zeros_published: bool,
    /// Dimensions whose categories are sensitive: a group must not be concentrated in one of them.
    pub sensitive: Vec<String>,
    /// How far its figures may be from today's, if they may be those of an earlier revision. Where an earlier revision is known
    /// ([`crate::jointly`]), only figures that are printed as in it may be older.
    pub may_be_older: Option<Older>,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// How far a figure that stayed when data were corrected may be from today's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "OlderText")]
pub enum Older {
    /// By fewer than this.
    ByFewerThan(u64),
    /// By any number.
    ByAnyNumber,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OlderText {
    Number(NonZeroU32),
    Word(OlderWord),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OlderWord {
    ByAnyNumber,
}

impl From<OlderText> for Older {
    fn from(text: OlderText) -> Self {
        match text {
            OlderText::Number(number) => Self::ByFewerThan(number.get().into()),
            OlderText::Word(OlderWord::ByAnyNumber) => Self::ByAnyNumber,
        }
    }
}

impl Older {
    /// The smallest and the largest that today's figure may be, if a figure was so; the largest `None` if nothing is known.
    pub(crate) fn range(self, low: u64, high: u64) -> (u64, Option<u64>) {
        match self {
            Self::ByFewerThan(number) => {
                let most = number.saturating_sub(1);
                (low.saturating_sub(most), Some(high.saturating_add(most).min(MOST_COUNT)))
            }
            Self::ByAnyNumber => (0, None),
        }
    }

    /// What a comparison of figures says of today's counts; `None` if nothing.
    pub(crate) fn comparison(self, comparison: Comparison) -> Option<Comparison> {
        let Self::ByFewerThan(number) = self else { return None };
        let most = i64::try_from(number).unwrap_or(i64::MAX).saturating_sub(1);
        let by = comparison.terms.iter().map(|(_, factor)| factor.saturating_abs().saturating_mul(most));
        let by = by.fold(0, i64::saturating_add);
        let (low, high) = (comparison.low.map(|l| l.saturating_sub(by)), comparison.high.map(|h| h.saturating_add(by)));
        Some(Comparison { low, high, ..comparison })
    }
}

/// A cell of a released table.
#[derive(Clone)]
pub struct Cell {
    /// One code per dimension, in the problem's order.
    pub codes: Vec<String>,
    /// What was released.
    pub value: Value,
}

/// What was released of a cell. (No `Debug`: the values are about people.)
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The count.
    Released(u64),
    /// The count is in this range: it was rounded or perturbed, or an interval was published.
    Between(u64, u64),
    /// A mark in place of the count.
    Withheld,
}

/// Public limits of a count.
#[derive(Clone)]
pub struct Bound {
    /// One code per dimension.
    pub codes: Vec<String>,
    /// The count is at least this.
    pub lower: u64,
    /// The count is at most this; `None` if nothing is known.
    pub upper: Option<u64>,
}

/// `low <= sum of factor times count <= high`: what a rank, a class or a word says of counts. That the rate of A is at
/// least that of B is `count A * population B - count B * population A >= 0`.
#[derive(Clone)]
pub struct Comparison {
    /// Cells (one code per dimension) and their factors.
    pub terms: Vec<(Vec<String>, i64)>,
    /// The sum is at least this.
    pub low: Option<i64>,
    /// The sum is at most this.
    pub high: Option<i64>,
}

/// Records that the attacker knows to be in the data.
#[derive(Clone)]
pub struct Known {
    /// One code per dimension: the narrowest cell they are known to be in.
    pub codes: Vec<String>,
    /// How many.
    pub count: u64,
}

/// Somebody who knows which records are their own.
#[derive(Clone)]
pub struct Attacker {
    /// Who it is, for the report.
    pub name: String,
    /// Their records.
    pub known: Vec<Known>,
}
