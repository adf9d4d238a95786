//! What rows of a dataset are grouped by and what of them is added up: all that a plan of this engine can say.

use std::sync::Arc;

use datafusion::datasource::provider_as_source;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col};

use super::scan::CommonTable;
use crate::data::column::Kind;
use crate::error::EngineError;
use crate::request::{GroupRequest, RECORD_KEY};

const TABLE: &str = "common_data_set";

/// The number of rows of a group.
pub(crate) const ROWS: &str = "rows";
/// The sum of the record keys of a group modulo 2^64.
pub(crate) const KEYS: &str = "keys";

/// A grouping of rows. In what comes out, groups without rows are absent, and a measure `m` has two columns: `sum_m` of what is
/// known of it, and `known_m`, in how many rows it is.
#[derive(Debug, Clone)]
pub(crate) struct Grouping {
    /// Coded columns; where people are told apart by their record keys and nothing is added up, these are the last.
    pub(crate) axes: Vec<(Arc<str>, Kind)>,
    /// Measures.
    pub(crate) measures: Vec<(Arc<str>, Kind)>,
    /// Whether record keys are added up.
    pub(crate) keys: bool,
    /// The least and the greatest area code of rows that anything is asked about.
    pub(crate) areas: Option<(Box<str>, Box<str>)>,
    /// Groups there may be at most: how many, and of what.
    pub(crate) most: Option<(u64, &'static str, &'static str)>,
}

impl Grouping {
    /// Every measure by area, month, the dimensions in use and, where they are told apart, partner and contributor.
    pub(crate) fn of_group(request: &GroupRequest, most_contributions: u64) -> Self {
        let mut axes = vec![("area", Kind::Text), ("month", Kind::Month)];
        axes.extend(request.dimensions().into_iter().map(|name| (name, Kind::Text)));
        axes.extend(request.partner_column().map(|name| (name, Kind::Text)));
        let contributor = request.contributor_column();
        axes.extend(contributor.map(|name| (name, Kind::Person)));
        let kind = |name: &str| if request.decimals.contains(name) { Kind::Decimal } else { Kind::Amount };
        let named = |(name, kind): (&str, Kind)| (Arc::from(name), kind);
        let areas = request.areas();
        Self {
            axes: axes.into_iter().map(named).collect(),
            measures: request.measures().into_iter().map(|name| named((name, kind(name)))).collect(),
            keys: false,
            // Where areas report, a row of any area says that its partition is not empty.
            areas: (areas.first().zip(areas.last()).filter(|_| request.reporting.is_empty()))
                .map(|(first, last)| (Box::from(*first), Box::from(*last))),
            most: contributor.map(|_| (most_contributions, "contributions", "limits.max_contributions")),
        }
    }

    /// The stored columns that are read.
    pub(super) fn columns(&self) -> Vec<(Arc<str>, Kind)> {
        let keys = self.keys.then(|| (Arc::from(RECORD_KEY), Kind::Key));
        self.axes.iter().chain(&self.measures).cloned().chain(keys).collect()
    }

    pub(super) fn plan(&self, table: Arc<CommonTable>) -> Result<LogicalPlan, EngineError> {
        let quoted = |name: &str| col(format!("\"{name}\""));
        let axes: Vec<Expr> = self.axes.iter().map(|(name, _)| quoted(name)).collect();
        let mut sums = Vec::new();
        for (name, _) in &self.measures {
            sums.push(sum(quoted(name)).alias(format!("sum_{name}")));
            sums.push(count(quoted(name)).alias(format!("known_{name}")));
        }
        if self.keys {
            sums.push(sum(quoted(RECORD_KEY)).alias(KEYS));
        }
        if !self.axes.iter().any(|(_, kind)| *kind == Kind::Key) {
            // A code is never missing.
            sums.extend(axes.first().map(|axis| count(axis.clone()).alias(ROWS)));
        }
        LogicalPlanBuilder::scan(TABLE, provider_as_source(table), None)
            .and_then(|scan| scan.aggregate(axes, sums))
            .and_then(LogicalPlanBuilder::build)
            .map_err(EngineError::query("build a plan"))
    }
}
