//! What can be wrong with the attacker's input.

use std::path::PathBuf;

use thiserror::Error;

/// Why the tables could not be attacked.
#[derive(Debug, Error)]
pub enum AttackError {
    /// A file could not be read.
    #[error("could not read `{}`: check that the file exists and is readable", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// `tables.json` is not what `docs/attack-input.md` describes.
    #[error("`{}` does not follow docs/attack-input.md", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// The cause, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A file that the description names is not one that is read.
    #[error("`{}` {message}", path.display())]
    File {
        /// The file as it is named.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// There is nothing to attack, which must not pass for tables that withstood.
    #[error("there is nothing to attack: {message}")]
    Nothing {
        /// What is missing and what to do.
        message: String,
    },
    /// A CSV file could not be parsed.
    #[error("`{}` is not a readable CSV file", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// The cause, with the line.
        #[source]
        source: csv::Error,
    },
    /// A row of a CSV file does not fit the description.
    #[error("`{}`, line {line}: {message}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what to do.
        message: String,
    },
    /// A group's description does not make sense.
    #[error("group `{group}`: {message}")]
    Definition {
        /// The group.
        group: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// No non-negative counts agree with all released values: the tables are rounded, perturbed or described wrongly.
    #[error(
        "group `{group}`: the released values contradict each other at {cell}: check hierarchies, populations and that \
         the counts are neither rounded nor perturbed"
    )]
    Contradiction {
        /// The group.
        group: String,
        /// The cell at which it showed, without any value.
        cell: String,
    },
}
