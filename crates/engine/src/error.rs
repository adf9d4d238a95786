//! What can go wrong in the engine. Messages never carry values of rows.

use std::sync::Arc;

use crosstab::CrosstabError;
use datafusion::error::DataFusionError;

use crate::request::Limits;

/// Why a table could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The permit does not cover what the request needs.
    #[error("the permit does not cover {what}: no agreement in force allows it to be read for this purpose")]
    NotPermitted {
        /// The dataset or column.
        what: String,
    },
    /// The request is larger than a limit.
    #[error(
        "the request needs at least {needed} {unit}, over the limit of {limit}: publish a coarser view, or raise `{setting}`"
    )]
    TooLarge {
        /// What it needs, as far as that was seen.
        needed: u64,
        /// Cells, atoms or bytes.
        unit: &'static str,
        /// The limit.
        limit: u64,
        /// The setting that holds the limit.
        setting: &'static str,
    },
    /// A stored table was withdrawn since it was named.
    #[error("a stored table of `{dataset}` was withdrawn meanwhile")]
    Withdrawn {
        /// The dataset.
        dataset: String,
    },
    /// The periods of a table overlap, so that rows would be in two cells.
    #[error("the periods of a table of `{dataset}` overlap: ask for each by itself")]
    Overlapping {
        /// The dataset.
        dataset: String,
    },
    /// It took longer than allowed and was stopped.
    #[error("stopped after {seconds} s, the time limit of one table request")]
    TimedOut {
        /// The limit in seconds.
        seconds: u64,
    },
    /// Nobody waits for it any more.
    #[error("stopped, as nobody waits for it any more")]
    Stopped,
    /// It needs more memory than one request may take.
    #[error("stopped because it needs more than {limit} bytes of memory: publish a coarser view, or raise `{setting}`")]
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
        /// The setting that holds the limit.
        setting: &'static str,
    },
    /// The rows cannot be counted in a table.
    #[error(transparent)]
    Crosstab(#[from] CrosstabError),
    /// The plan holds a node or an expression that the allow-list does not name.
    #[error("refused plan: `{node}` is not on the allow-list")]
    RefusedPlan {
        /// The kind of node or expression.
        node: String,
    },
    /// Stored data do not look as the catalogue says.
    #[error("the stored table of `{dataset}` is not as catalogued: {problem}")]
    Stored {
        /// The dataset.
        dataset: String,
        /// What differs, without values.
        problem: String,
    },
    /// The query engine failed while doing something.
    #[error("could not {operation}")]
    Query {
        /// What was being done.
        operation: &'static str,
        /// The engine's error; it may name columns, never values.
        #[source]
        source: Box<DataFusionError>,
    },
    /// A category of `sex` or `age` is not one that tables can write.
    #[error("a category of dimension `{dimension}` cannot be published")]
    Category {
        /// The dimension.
        dimension: String,
        /// Why.
        #[source]
        source: model::IdError,
    },
    /// Counts and keys of a table do not fit together.
    #[error("the counts of a table do not fit together")]
    Counts(#[source] disclosure::CountsError),
    /// The group's tables contradict each other.
    #[error("the tables of the group do not fit together")]
    Group(#[source] disclosure::BuildError),
}

impl EngineError {
    pub(crate) fn query(operation: &'static str) -> impl FnOnce(DataFusionError) -> Self {
        move |source| Self::Query { operation, source: Box::new(source) }
    }

    /// What of our own went wrong inside the query engine, or what it says itself.
    pub(crate) fn of_query(operation: &'static str, error: DataFusionError, limits: &Limits) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => match other.downcast::<CrosstabError>() {
                    Ok(own) => Self::Crosstab(*own),
                    Err(other) => Self::query(operation)(DataFusionError::External(other)),
                },
            },
            // Its memory pool says what else holds memory around the error, and exchanges share it.
            other if matches!(other.find_root(), DataFusionError::ResourcesExhausted(_)) => {
                Self::OutOfMemory { limit: limits.memory_bytes, setting: "limits.query_memory_bytes" }
            }
            DataFusionError::Context(_, inner) => Self::of_query(operation, *inner, limits),
            DataFusionError::Shared(inner) => match Arc::try_unwrap(inner) {
                Ok(inner) => Self::of_query(operation, inner, limits),
                // Several streams of an exchange have it.
                Err(inner) => match Self::of_root(inner.find_root()) {
                    Some(own) => own,
                    None => Self::query(operation)(DataFusionError::Shared(inner)),
                },
            },
            other => Self::query(operation)(other),
        }
    }

    /// What of our own is at the root of an error that others hold, too.
    fn of_root(root: &DataFusionError) -> Option<Self> {
        let DataFusionError::External(inner) = root else { return None };
        if let Some(error) = inner.downcast_ref::<CrosstabError>() {
            return Some(Self::Crosstab(error.clone()));
        }
        match inner.downcast_ref::<Self>()? {
            Self::Withdrawn { dataset } => Some(Self::Withdrawn { dataset: dataset.clone() }),
            Self::Stored { dataset, problem } => {
                Some(Self::Stored { dataset: dataset.clone(), problem: problem.clone() })
            }
            _ => None,
        }
    }

    /// Whether the same request would end the same way another time, whatever else the machine does.
    #[must_use]
    pub const fn is_lasting(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::OutOfMemory { .. } => true,
            Self::Crosstab(error) => !matches!(error, CrosstabError::Stopped),
            _ => false,
        }
    }
}
