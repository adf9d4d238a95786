//! Where the query engine would sort rows into groups, this counts them in a table.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result as QueryResult;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode, AggregateOutputMode};

use super::operator::{Crosstab, CrosstabExec};
use super::output::Output;
use super::scan::CommonScan;
use crate::data::column::Kind;

/// Replaces sums and counts over coded columns of the common data set. It has to come first: later rules put exchanges in between.
/// What does not fit stays as it is, and the query engine does it.
#[derive(Debug)]
pub(crate) struct CountInTables;

impl PhysicalOptimizerRule for CountInTables {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> QueryResult<Arc<dyn ExecutionPlan>> {
        let replace = |node: Arc<dyn ExecutionPlan>| match crosstab_of(&node) {
            Some(table) => Ok(Transformed::yes(table)),
            None => Ok(Transformed::no(node)),
        };
        plan.transform_down(replace).data()
    }

    fn name(&self) -> &'static str {
        "count_in_tables"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The cross-tabulation that gives the same as an aggregation, if there is one.
fn crosstab_of(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let last = node.downcast_ref::<AggregateExec>()?;
    if last.mode().output_mode() != AggregateOutputMode::Final {
        return None;
    }
    let first = match last.mode().input_mode() {
        AggregateInputMode::Raw => last,
        AggregateInputMode::Partial => last.input().downcast_ref::<AggregateExec>()?,
    };
    let scan = first.input().downcast_ref::<CommonScan>()?;
    let plain = |of: &AggregateExec| {
        of.group_expr().is_single()
            && of.filter_expr().iter().all(Option::is_none)
            && of.limit_options().is_none()
            && of.aggr_expr().iter().all(|expr| !expr.is_distinct() && expr.order_bys().is_empty())
    };
    if first.mode().input_mode() != AggregateInputMode::Raw || !plain(first) || !plain(last) {
        return None;
    }
    let (mut axes, mut people) = (Vec::new(), None);
    for (expr, _) in first.group_expr().expr() {
        let column = column_of(expr, scan)?;
        match scan.snapshot.columns().get(column)?.kind {
            // Last, and nothing beside it.
            Kind::Key if people.is_none() && first.aggr_expr().is_empty() => people = Some(column),
            kind if kind.is_coded() && people.is_none() => axes.push(column),
            _ => return None,
        }
    }
    let snapshot = Arc::clone(&scan.snapshot);
    let mut work = Crosstab { snapshot, axes, measures: Vec::new(), keys: None, people, outputs: Vec::new() };
    for expr in first.aggr_expr().iter() {
        let output = output_of(expr, scan, &mut work)?;
        work.outputs.push(output);
    }
    if !work.fits() {
        return None;
    }
    Some(Arc::new(CrosstabExec::new(work, last.schema(), scan.threads)))
}

/// The number in the snapshot of the column that an expression is.
fn column_of(expr: &Arc<dyn PhysicalExpr>, scan: &CommonScan) -> Option<usize> {
    let column = expr.downcast_ref::<Column>()?;
    scan.columns.get(column.index()).copied()
}

fn output_of(expr: &AggregateFunctionExpr, scan: &CommonScan, work: &mut Crosstab) -> Option<Output> {
    let arguments = expr.expressions();
    let [argument] = arguments.as_slice() else { return None };
    let is_count = match expr.fun().name() {
        "count" => true,
        "sum" => false,
        _ => return None,
    };
    if is_count && argument.downcast_ref::<Literal>().is_some_and(|literal| *literal.value() != ScalarValue::Null) {
        return Some(Output::Rows);
    }
    let column = column_of(argument, scan)?;
    let kind = scan.snapshot.columns().get(column)?.kind;
    let of_measure = |work: &mut Crosstab| {
        let known = work.measures.iter().position(|measure| *measure == column);
        known.unwrap_or_else(|| {
            work.measures.push(column);
            work.measures.len() - 1
        })
    };
    match (is_count, expr.field().data_type()) {
        // A code is never missing.
        (true, _) if kind.is_coded() => Some(Output::Rows),
        (true, _) if kind.is_amount() => Some(Output::Known(of_measure(work))),
        (false, DataType::Int64) if kind.is_amount() => Some(Output::Sum(of_measure(work))),
        (false, DataType::UInt64) if !kind.is_coded() && work.keys.is_none_or(|keys| keys == column) => {
            work.keys = Some(column);
            Some(Output::Keys)
        }
        _ => None,
    }
}
