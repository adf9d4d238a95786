//! Where in a TOML file something stands, for errors about meaning (the TOML reader itself places errors of form).

use std::cell::OnceCell;

use model::DefinitionError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One step from a value to a value inside it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    /// The value of a key.
    Key(&'a str),
    /// The item of an array, from 0.
    Index(usize),
    /// The first item of an array that is this text; the array itself if there is none.
    Text(&'a str),
}

/// A parsed file that remembers where its values stand.
pub(crate) struct Locator<'a> {
    file: &'a str,
    text: &'a str,
    /// Parsed when the first mistake is found.
    root: OnceCell<Option<Spanned<DeTable<'a>>>>,
}

impl<'a> Locator<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, root: OnceCell::new() }
    }

    /// An error about the value at the end of the path, or about the last value on the way that exists.
    pub(crate) fn error(&self, path: &[Step<'_>], message: impl Into<String>) -> DefinitionError {
        let (line, column) = self.place(path).map_or((1, 1), |offset| self.line_and_column(offset));
        DefinitionError { file: self.file.to_owned(), line, column, message: message.into() }
    }

    /// Where the value at the end of the path begins, in bytes; or the last value on the way that exists.
    pub(crate) fn place(&self, path: &[Step<'_>]) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let Step::Key(key) = first else { return None };
        let root = self.root.get_or_init(|| DeTable::parse(self.text).ok());
        let mut value = root.as_ref()?.get_ref().get(*key)?;
        for step in rest {
            match inside(value, *step) {
                Some(next) => value = next,
                None => break,
            }
        }
        Some(value.span().start)
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
    }
}

fn inside<'v, 'a>(value: &'v Spanned<DeValue<'a>>, step: Step<'_>) -> Option<&'v Spanned<DeValue<'a>>> {
    match step {
        Step::Key(key) => value.get_ref().as_table()?.get(key),
        Step::Index(index) => value.get_ref().as_array()?.get(index),
        Step::Text(text) => value.get_ref().as_array()?.iter().find(|item| item.get_ref().as_str() == Some(text)),
    }
}
