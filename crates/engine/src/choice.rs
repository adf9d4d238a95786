//! What a table tells apart on one dimension: its categories and their total.

use model::AgeBand;

use crate::facts::UNKNOWN;
use crate::request::TableSpec;

/// Whether a value of a dimension falls in a category; ages in single years fall in bands.
pub(crate) fn in_category(dimension: &str, category: &str, value: &str) -> bool {
    if value == category {
        return true;
    }
    if dimension != "age" {
        return false;
    }
    match (category.parse::<AgeBand>(), value.parse::<AgeBand>(), value.parse::<u8>()) {
        (Ok(band), _, Ok(age)) => band.contains(age),
        (Ok(AgeBand::Closed(from, to)), Ok(AgeBand::Closed(low, high)), _) => from <= low && high <= to,
        (Ok(AgeBand::Open(from)), Ok(AgeBand::Closed(low, _) | AgeBand::Open(low)), _) => from <= low,
        _ => false,
    }
}

/// A category choice of a table on one dimension: a category inside the filter, or the total.
pub(crate) struct Choice<'a> {
    filter: Option<&'a Vec<String>>,
    category: Option<&'a str>,
    /// All categories of the table on the dimension.
    categories: &'a [String],
}

impl Choice<'_> {
    pub(crate) fn takes(&self, dimension: &str, value: &str) -> bool {
        self.filter.is_none_or(|accepted| accepted.iter().any(|c| in_category(dimension, c, value)))
            && self.category.is_none_or(|category| match category {
                // Whatever no other category takes: the published categories always add up to the total, so that the
                // total less its parts is nothing that was not decided about.
                UNKNOWN => !self.categories.iter().any(|c| c != UNKNOWN && in_category(dimension, c, value)),
                _ => in_category(dimension, category, value),
            })
    }
}

/// The choices of a table on a dimension of the group: its categories, then the total.
pub(crate) fn choices<'a>(table: &'a TableSpec, dimension: &str) -> Vec<Choice<'a>> {
    let filter = table.measure.filter.get(dimension);
    let categories = table.by.iter().find(|d| d.name == dimension).map(|d| d.categories.as_slice()).unwrap_or_default();
    let mut choices: Vec<Choice> =
        categories.iter().map(|c| Choice { filter, category: Some(c), categories }).collect();
    choices.push(Choice { filter, category: None, categories });
    choices
}
