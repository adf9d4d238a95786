//! Why a geography cannot be imported, stored or read.

/// A refusal. Everything repairable is a [finding](crate::Finding) of the import instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeographyError {
    /// A file was given that the manifest does not list.
    #[error("`{file}` is not listed in the manifest; add a `[[file]]` for it or leave it out")]
    Unlisted {
        /// The file's name as given.
        file: String,
    },
    /// A file was given twice.
    #[error("`{file}` was given twice; give every file once")]
    Repeated {
        /// The file's name as given.
        file: String,
    },
    /// A listed file was not given.
    #[error("`{file}` is listed in the manifest but was not given; put it beside the manifest or remove its entry")]
    Absent {
        /// The path in the manifest.
        file: String,
    },
    /// A file cannot be used as a whole.
    #[error("`{file}`: {problem}")]
    File {
        /// The path in the manifest.
        file: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A row cannot be used.
    #[error("`{file}`, line {line}: {problem}")]
    Row {
        /// The path in the manifest.
        file: String,
        /// Line, from 1.
        line: u64,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A GeoJSON feature cannot be used.
    #[error("`{file}`, feature {feature}: {problem}")]
    Feature {
        /// The path in the manifest.
        file: String,
        /// Feature, from 1.
        feature: usize,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A limit was exceeded.
    #[error("`{file}` has more than {limit} {what}; raise the limit in the import settings if this is intended")]
    Limit {
        /// The path in the manifest.
        file: String,
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The parts do not fit together.
    #[error("the geography is inconsistent: {problem}")]
    Inconsistent {
        /// What is wrong and what to do.
        problem: String,
    },
    /// Stored bytes cannot be read.
    #[error("the stored geography cannot be read: {problem}; import it again from its files")]
    Stored {
        /// What is wrong.
        problem: String,
    },
}

impl GeographyError {
    pub(crate) fn file(file: &str, problem: impl Into<String>) -> Self {
        Self::File { file: file.to_owned(), problem: problem.into() }
    }

    pub(crate) fn row(file: &str, line: u64, problem: impl Into<String>) -> Self {
        Self::Row { file: file.to_owned(), line, problem: problem.into() }
    }

    pub(crate) fn feature(file: &str, feature: usize, problem: impl Into<String>) -> Self {
        Self::Feature { file: file.to_owned(), feature, problem: problem.into() }
    }

    pub(crate) fn limit(file: &str, what: &'static str, limit: u64) -> Self {
        Self::Limit { file: file.to_owned(), what, limit }
    }
}
