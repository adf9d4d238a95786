//! Measures of which one is inside another, row by row: patients with a condition among all on the list.
//!
//! They have one space of atoms in layers. The innermost layer is the smallest part, each further one what the next whole has
//! beyond it; a cell of a whole is made of its own layer and of all inside it. So what a whole leaves over when its part is taken away
//! is nothing new to the rest of the system: it is the difference of two cells of which one lies inside the other.

use std::collections::BTreeMap;

use crate::error::EngineError;
use crate::facts::Row;
use crate::request::GroupRequest;

/// Columns that are inside each other, from the innermost; mostly a single one.
pub(crate) struct Family<'a> {
    /// Name, and number among the measures of the request.
    columns: Vec<(&'a str, usize)>,
}

/// What one row adds to a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) layer: usize,
    pub(crate) amount: i64,
    /// Whether all of the layer's own column is known.
    pub(crate) known: bool,
}

impl<'a> Family<'a> {
    /// The families of a request's measures, in the order of their first columns.
    ///
    /// # Errors
    /// If two columns are parts of one whole, or columns are parts of each other: atoms cannot say that.
    pub(crate) fn all(request: &'a GroupRequest) -> Result<Vec<Self>, EngineError> {
        let measures = request.measures();
        let numbers: BTreeMap<&str, usize> = measures.iter().copied().zip(0..).collect();
        let mut whole_of: BTreeMap<&str, &str> = BTreeMap::new();
        let mut part_of: BTreeMap<&str, &str> = BTreeMap::new();
        for column in &measures {
            let Some(whole) = request.whole_in_use(column, &numbers)? else { continue };
            whole_of.insert(column, whole);
            if let Some(other) = part_of.insert(whole, column) {
                return Err(request.unrelated(&format!("`{other}` and `{column}` are both parts of `{whole}`")));
            }
        }
        let mut families = Vec::new();
        for innermost in measures.iter().filter(|column| !part_of.contains_key(**column)) {
            let chain = std::iter::successors(Some(*innermost), |column| whole_of.get(column).copied());
            let columns =
                chain.filter_map(|column| numbers.get_key_value(column)).map(|(name, number)| (*name, *number));
            families.push(Self { columns: columns.collect() });
        }
        if families.iter().map(Self::layers).sum::<usize>() != measures.len() {
            return Err(request.unrelated("columns of it are parts of each other"));
        }
        families.sort_unstable_by_key(|family: &Self| family.columns.iter().map(|(_, number)| *number).min());
        Ok(families)
    }

    /// How many layers it has.
    pub(crate) const fn layers(&self) -> usize {
        self.columns.len()
    }

    /// The layer that a column's cells reach out to.
    pub(crate) fn layer(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| *name == column)
    }

    /// What a row adds to each layer. Where a whole is not known, it has nothing beyond its part; where a part is not, what is known of
    /// the whole is in the rest. Either has no cell at that place that is available, so no figure tells where one ends, and any
    /// division is as true as another.
    ///
    /// # Errors
    /// If a part is more than its whole where both are known.
    pub(crate) fn amounts(&self, row: &Row, request: &GroupRequest) -> Result<Vec<Amount>, EngineError> {
        let mut amounts = Vec::with_capacity(self.columns.len());
        let mut inside: Option<(&str, i64)> = None;
        for (layer, (name, number)) in self.columns.iter().enumerate() {
            let Some((sum, known)) = row.sums.get(*number).copied() else { continue };
            let amount = match inside {
                None => sum,
                Some((part, taken)) if known && sum < taken => {
                    return Err(request.unrelated(&format!("`{part}` is part of `{name}`, but more than it somewhere")));
                }
                Some((_, taken)) => sum.saturating_sub(taken).max(0),
            };
            let taken = inside.map_or(0, |(_, taken)| taken);
            inside = Some((name, taken.saturating_add(amount)));
            amounts.push(Amount { layer, amount, known });
        }
        Ok(amounts)
    }
}

impl GroupRequest {
    /// The next whole around a column that any table sums.
    fn whole_in_use<'a>(
        &'a self,
        column: &str,
        in_use: &BTreeMap<&'a str, usize>,
    ) -> Result<Option<&'a str>, EngineError> {
        let mut whole = self.parts.get(column);
        for _ in 0..=self.parts.len() {
            let Some(name) = whole else { return Ok(None) };
            if name == column {
                break;
            }
            if let Some((name, _)) = in_use.get_key_value(name.as_str()) {
                return Ok(Some(name));
            }
            whole = self.parts.get(name);
        }
        Err(self.unrelated(&format!("`{column}` is part of itself")))
    }

    fn unrelated(&self, problem: &str) -> EngineError {
        EngineError::Stored { dataset: self.dataset.to_string(), problem: problem.to_owned() }
    }
}
