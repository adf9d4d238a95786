//! Typed parsing of cells.

mod category;
mod identifier;
mod moment;
mod number;

pub(crate) use category::{Category, birth_age};
pub(crate) use identifier::identifier;
pub(crate) use moment::{Moment, Moments};
pub(crate) use number::{decimal, integer};

use model::contract::FileFormat;

/// A cell's text behind the contract's markers, outer space removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell<'t> {
    /// Something to parse.
    Text(&'t str),
    /// Nothing, or a marker for it.
    Empty,
    /// The supplier withheld it.
    Withheld,
}

/// The contract's markers for "no value" and "withheld".
#[derive(Debug)]
pub(crate) struct Markers<'c> {
    file: &'c FileFormat,
}

impl<'c> Markers<'c> {
    pub(crate) const fn new(file: &'c FileFormat) -> Self {
        Self { file }
    }

    /// Tells text from markers, which are compared without case and outer space.
    pub(crate) fn read<'t>(&self, text: Option<&'t str>) -> Cell<'t> {
        let text = text.unwrap_or_default().trim();
        if text.is_empty() || listed(&self.file.null_values, text) {
            Cell::Empty
        } else if listed(&self.file.withheld_values, text) {
            Cell::Withheld
        } else {
            Cell::Text(text)
        }
    }
}

/// Whether a text is in a list, compared without case and outer space.
pub(crate) fn listed(list: &[String], text: &str) -> bool {
    list.iter().any(|item| item.trim().eq_ignore_ascii_case(text))
}
