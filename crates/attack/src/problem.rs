//! What the attacker holds: dimensions, released tables and public knowledge.

use std::collections::BTreeMap;

use serde::Deserialize;

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
    /// Its cells.
    pub cells: Vec<Cell>,
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
