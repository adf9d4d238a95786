//! What an attacker who knows the publisher's algorithm can work out: small tables are enumerated, the algorithm is run
//! on each, and what it would have published is compared.
//!
//! The algorithm is a closure, so nothing of a protector is needed here. A secret key is modelled by trying several: the
//! attacker knows the algorithm and how keys are drawn, not the key.

use std::collections::BTreeMap;

/// A table of counts by rows and columns; its totals are cells like any others.
#[derive(Clone, PartialEq, Eq)]
pub struct SmallTable {
    rows: usize,
    columns: usize,
    cells: Vec<u32>,
}

impl SmallTable {
    /// A table from its inner counts, row by row; missing counts are 0.
    #[must_use]
    pub fn new(rows: usize, columns: usize, inner: &[u32]) -> Self {
        let count = |row: usize, column: usize| inner.get(row * columns + column).copied().unwrap_or(0);
        let mut cells = Vec::new();
        for row in 0..=rows {
            for column in 0..=columns {
                let rows = if row == rows { 0..rows } else { row..row + 1 };
                let inside = |row: usize| if column == columns { (row, 0..columns) } else { (row, column..column + 1) };
                cells.push(
                    rows.map(inside)
                        .flat_map(|(row, columns)| columns.map(move |c| (row, c)))
                        .map(|(r, c)| count(r, c))
                        .sum(),
                );
            }
        }
        Self { rows, columns, cells }
    }

    /// Rows without the total.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Columns without the total.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// All cells row by row; the last of each row is its total, the last row holds the columns' totals.
    #[must_use]
    pub fn cells(&self) -> &[u32] {
        &self.cells
    }
}

/// All tables with at most this total.
#[must_use]
pub fn small_tables(rows: usize, columns: usize, most: u32) -> Vec<SmallTable> {
    let mut vectors: Vec<(Vec<u32>, u32)> = vec![(Vec::new(), 0)];
    for _ in 0..rows * columns {
        vectors = vectors
            .iter()
            .flat_map(|(head, sum)| (0..=most - sum).map(move |count| ([&head[..], &[count]].concat(), sum + count)))
            .collect();
    }
    vectors.iter().map(|(inner, _)| SmallTable::new(rows, columns, inner)).collect()
}

/// What an attacker who knows the algorithm can say of withheld cells, summed over all tables and keys, each as likely
/// as any other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Certainty {
    /// Withheld cells.
    pub withheld: u64,
    /// Withheld counts from 1 to k - 1: those that the publisher must protect.
    pub protected: u64,
    /// Protected counts that are certainly below k.
    pub certain: u64,
    /// Protected counts that are below k with a probability of more than 95 %.
    pub likely: u64,
    /// Protected counts whose value is certain.
    pub recovered: u64,
    /// Withheld cells of any value about which it is certain that they are below k.
    pub certain_of_withheld: u64,
    /// Withheld cells of any value that are below k with a probability of more than 95 %.
    pub likely_of_withheld: u64,
}

impl Certainty {
    /// The share of a number of cells among the protected ones, from 0 to 1.
    #[must_use]
    pub fn of_protected(&self, cells: u64) -> f64 {
        if self.protected == 0 { 0.0 } else { cells as f64 / self.protected as f64 }
    }

    /// The share of a number of cells among the withheld ones, from 0 to 1.
    #[must_use]
    pub fn of_withheld(&self, cells: u64) -> f64 {
        if self.withheld == 0 { 0.0 } else { cells as f64 / self.withheld as f64 }
    }
}

/// What is published of a table.
type Published = Vec<Option<u32>>;

/// Inverts an algorithm that says which cells of a table to withhold, given a key.
///
/// `protect` gets a table and a key and returns for each of [`SmallTable::cells`] whether it is withheld; a missing
/// answer means released.
pub fn invert(
    tables: &[SmallTable],
    keys: &[u64],
    threshold: u32,
    mut protect: impl FnMut(&SmallTable, u64) -> Vec<bool>,
) -> Certainty {
    // By what is published: which tables lead to it, and with how many keys.
    let mut origins: BTreeMap<Published, BTreeMap<usize, u64>> = BTreeMap::new();
    for (number, table) in tables.iter().enumerate() {
        for key in keys {
            let withheld = protect(table, *key);
            let hidden = |cell: usize| withheld.get(cell).copied().unwrap_or(false);
            let published = table.cells.iter().enumerate().map(|(cell, count)| (!hidden(cell)).then_some(*count));
            *origins.entry(published.collect()).or_default().entry(number).or_default() += 1;
        }
    }
    let mut certainty = Certainty::default();
    for (published, origins) in &origins {
        for (cell, _) in published.iter().enumerate().filter(|(_, value)| value.is_none()) {
            let count = |table: usize| tables.get(table).and_then(|t| t.cells.get(cell)).copied().unwrap_or_default();
            certainty.add(origins.iter().map(|(table, weight)| (count(*table), *weight)), threshold);
        }
    }
    certainty
}

impl Certainty {
    /// Adds a withheld cell: its possible counts and their weights.
    fn add(&mut self, counts: impl Iterator<Item = (u32, u64)>, threshold: u32) {
        let mut weights: BTreeMap<u32, u64> = BTreeMap::new();
        for (count, weight) in counts {
            *weights.entry(count).or_default() += weight;
        }
        let all: u64 = weights.values().sum();
        let below: u64 = weights.range(..threshold).map(|(_, weight)| weight).sum();
        let protected: u64 = weights.range(1..threshold.max(1)).map(|(_, weight)| weight).sum();
        self.withheld += all;
        self.protected += protected;
        // More than 95 in a hundred.
        if below * 100 > all * 95 {
            self.likely += protected;
            self.likely_of_withheld += all;
        }
        if below == all {
            self.certain += protected;
            self.certain_of_withheld += all;
        }
        if weights.len() == 1 {
            self.recovered += protected;
        }
    }
}
