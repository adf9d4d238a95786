//! Reading a definition from TOML text, with errors that name file, line and column.

use serde::de::DeserializeOwned;

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
    fn errors_have_a_place() {
        let error = parse::<Small>("a.toml", "name = \"é\"\nnome = 1\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 1));
        assert!(error.message.contains("nome"), "{}", error.message);
        assert!(error.to_string().starts_with("a.toml:2:1: "));
        assert!(parse::<Small>("a.toml", "name = ").is_err());
    }
}
