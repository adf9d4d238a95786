//! The visitor that every logical plan passes before it runs.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::DefaultTableSource;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource};
use datafusion::physical_plan::ExecutionPlan;

use super::scan::CommonTable;
use crate::error::EngineError;

/// The aggregate functions a plan may use.
const AGGREGATES: [&str; 2] = ["sum", "count"];

/// Refuses a plan with any node or expression that is not named here.
///
/// # Errors
/// [`EngineError::RefusedPlan`] with the kind of node.
pub(crate) fn check(plan: &LogicalPlan) -> Result<(), EngineError> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        let allowed = match node {
            // Of ours, and as it is: what filters or ends a scan reads other rows than the plan says.
            LogicalPlan::TableScan(scan) => scan.filters.is_empty() && scan.fetch.is_none() && is_ours(&scan.source),
            LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) | LogicalPlan::SubqueryAlias(_) => true,
            _ => false,
        };
        if !allowed {
            refused = Some(kind(&format!("{node:?}")));
            return Ok(TreeNodeRecursion::Stop);
        }
        node.apply_expressions(|expr| {
            expr.apply(|inner| {
                if allowed_expression(inner) {
                    return Ok(TreeNodeRecursion::Continue);
                }
                refused = Some(inner.variant_name().to_owned());
                Ok(TreeNodeRecursion::Stop)
            })
        })
    })
    .map_err(EngineError::query("check a plan"))?;
    refused.map_or(Ok(()), |node| Err(EngineError::RefusedPlan { node }))
}

/// The operators that a plan may run as: our own, and what the query engine aggregates with where a table would be too large.
const OPERATORS: [&str; 7] = [
    "Crosstab",
    "CommonScan",
    "AggregateExec",
    "RepartitionExec",
    "CoalescePartitionsExec",
    "ProjectionExec",
    "CooperativeExec",
];

/// Refuses a plan that would run as anything else.
///
/// # Errors
/// [`EngineError::RefusedPlan`] with the operator.
pub(crate) fn check_physical(plan: &Arc<dyn ExecutionPlan>) -> Result<(), EngineError> {
    if !OPERATORS.contains(&plan.name()) {
        return Err(EngineError::RefusedPlan { node: plan.name().to_owned() });
    }
    plan.children().into_iter().try_for_each(check_physical)
}

/// Whether a scan is one of a snapshot.
fn is_ours(source: &Arc<dyn TableSource>) -> bool {
    let source = source.downcast_ref::<DefaultTableSource>();
    source.is_some_and(|source| source.table_provider.downcast_ref::<CommonTable>().is_some())
}

fn allowed_expression(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Alias(_) | Expr::Literal(..) => true,
        Expr::AggregateFunction(function) => {
            let AggregateFunctionParams { distinct, filter, order_by, null_treatment, .. } = &function.params;
            let is_plain = !distinct && filter.is_none() && order_by.is_empty() && null_treatment.is_none();
            is_plain && AGGREGATES.contains(&function.func.name())
        }
        _ => false,
    }
}

/// The variant's name out of its debug text; the rest may hold literals.
fn kind(debug: &str) -> String {
    debug.chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::datasource::provider_as_source;
    use datafusion::functions_aggregate::expr_fn::{avg, sum};
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
    use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;
    use crate::data::column::Kind;
    use crate::data::hot::Hot;
    use crate::data::snapshot::Snapshot;

    fn scan() -> LogicalPlanBuilder {
        let columns = vec![(Arc::from("area"), Kind::Text), (Arc::from("n"), Kind::Amount)];
        let dataset = "org.data".parse().unwrap();
        let snapshot = Snapshot::new(&Arc::new(Hot::new(0)), &dataset, &[], columns, None).unwrap();
        let table = Arc::new(CommonTable::new(Arc::new(snapshot), 1));
        LogicalPlanBuilder::scan("t", provider_as_source(table), None).unwrap()
    }

    #[test]
    fn only_listed_nodes_and_expressions_pass() {
        let good = scan().aggregate(vec![col("area")], vec![sum(col("n"))]).unwrap().build().unwrap();
        check(&good).unwrap();
        let cases = [
            (scan().filter(col("n").gt(lit(1_i64))).unwrap().build().unwrap(), "Filter"),
            (scan().limit(0, Some(1)).unwrap().build().unwrap(), "Limit"),
            (scan().sort(vec![col("n").sort(true, true)]).unwrap().build().unwrap(), "Sort"),
            (scan().explain(true, true).unwrap().build().unwrap(), "Analyze"),
            (scan().aggregate(vec![col("area")], vec![avg(col("n"))]).unwrap().build().unwrap(), "AggregateFunction"),
            (scan().project(vec![col("n") + lit(1_i64)]).unwrap().build().unwrap(), "BinaryExpr"),
        ];
        for (plan, name) in cases {
            let error = check(&plan).unwrap_err();
            assert!(matches!(&error, EngineError::RefusedPlan { node } if node == name), "{name}: {error}");
        }
    }

    #[test]
    fn only_listed_operators_run() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, false)]));
        let empty: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(schema));
        let together: Arc<dyn ExecutionPlan> = Arc::new(CoalescePartitionsExec::new(Arc::clone(&empty)));
        for plan in [empty, together] {
            let error = check_physical(&plan).unwrap_err();
            assert!(matches!(&error, EngineError::RefusedPlan { node } if node == "EmptyExec"), "{error}");
        }
    }
}
