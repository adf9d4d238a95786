//! Reading a definition from TOML text, with errors that name file, line and column.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};

/// What is wrong with a definition file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct DefinitionError {
    /// The file as the reader knows it (relative path).
    pub file: String,
    /// Line, from 1; 1 when the error is about the file as a whole.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl DefinitionError {
    /// An error about the file as a whole.
    #[must_use]
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 1, column: 1, message: message.into() }
    }
}

/// Parses TOML text into a definition; unknown keys are refused by the types themselves.
///
/// # Errors
/// If the text is not TOML, or not a valid `T`; the error carries the position of the offending value.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DefinitionError> {
    toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        DefinitionError { file: file.to_owned(), line, column, message: error.message().trim_end().to_owned() }
    })
}

/// Reads a value from text by its `FromStr`. The text is judged while the reader still stands on it, so that an error
/// about one item of an array has the place of that item.
///
/// # Errors
/// If there is no text, or it is not a valid `T`.
pub fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    struct Text<T>(PhantomData<T>);
    impl<T: FromStr<Err: Display>> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        #[allow(dead_code, reason = "only its presence is tested")]
        name: String,
    }

    #[test]
    fn an_item_of_an_array_has_its_own_place() {
        #[derive(Debug, serde::Deserialize)]
        struct Ids {
            #[allow(dead_code, reason = "only the error is tested")]
            ids: Vec<crate::DatasetId>,
        }
        let error = parse::<Ids>("a.toml", "ids = [\n  \"one-a.two\",\n  \"no dot\",\n]\n").unwrap_err();
        assert_eq!((error.line, error.column), (3, 3), "{error}");
    }

    #[test]
    fn errors_have_a_place() {
        let error = parse::<Small>("a.toml", "name = \"é\"\nnome = 1\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 1));
        assert!(error.message.contains("nome"), "{}", error.message);
        assert!(error.to_string().starts_with("a.toml:2:1: "));
        assert!(parse::<Small>("a.toml", "name = ").is_err());
    }
}
