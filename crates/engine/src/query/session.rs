//! A query session that holds only the permitted tables and columns of one request, in bounded memory.

use std::sync::Arc;

use arrow::array::RecordBatch;
use crosstab::CrosstabError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
#[cfg(test)]
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use model::DatasetId;

use super::allow_list;
use super::grouping::Grouping;
use super::rule::CountInTables;
use super::scan::CommonTable;
use crate::data::hot::Hot;
use crate::data::snapshot::Snapshot;
use crate::error::EngineError;
use crate::request::{Limits, StoredTable};

/// The session of one request.
pub(crate) struct Session {
    runtime: Arc<RuntimeEnv>,
    /// Whether rows are counted in tables of our own.
    in_tables: bool,
    snapshot: Arc<Snapshot>,
    grouping: Grouping,
    limits: Limits,
    #[cfg(test)]
    last_rule: Option<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
}

impl Session {
    /// Opens the permitted tables of a dataset, and of each only the columns of the grouping.
    ///
    /// # Errors
    /// If a table is not what the catalogue says.
    pub(crate) fn open(
        hot: &Arc<Hot>,
        (dataset, tables): (&DatasetId, &[StoredTable]),
        grouping: Grouping,
        limits: &Limits,
    ) -> Result<Self, EngineError> {
        let areas = grouping.areas.as_ref().map(|(first, last)| (&**first, &**last));
        let snapshot = Arc::new(Snapshot::new(hot, dataset, tables, grouping.columns(), areas)?);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory_bytes)))
            // Spilled batches would be plain text on disk.
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
            .map_err(EngineError::query("start the query engine"))?;
        Ok(Self {
            runtime,
            in_tables: true,
            snapshot,
            grouping,
            limits: limits.clone(),
            #[cfg(test)]
            last_rule: None,
        })
    }

    /// What plans a request and runs it.
    fn context(&self, in_tables: bool) -> SessionContext {
        let mut rules = PhysicalOptimizer::new().rules;
        if in_tables {
            rules.insert(0, Arc::new(CountInTables));
        }
        #[cfg(test)]
        rules.extend(self.last_rule.clone());
        let state = SessionStateBuilder::new()
            .with_config(SessionConfig::new().with_target_partitions(self.limits.threads.max(1)))
            .with_runtime_env(Arc::clone(&self.runtime))
            .with_default_features()
            .with_physical_optimizer_rules(rules)
            .build();
        SessionContext::new_with_state(state)
    }

    /// For what is made of its groups, in the same bounded memory.
    pub(crate) fn account(&self, what: &'static str) -> Account {
        let reservation = MemoryConsumer::new(what).register(&self.runtime.memory_pool);
        Account { reservation, limits: self.limits.clone() }
    }

    /// What the request sees.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Does something with each batch of the groups of the grouping that have rows.
    ///
    /// # Errors
    /// If there are more than it may have, as soon as that is seen, or more memory is needed than the limit; those of `each`.
    pub(crate) async fn for_each(
        &self,
        mut each: impl FnMut(RecordBatch) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        if self.snapshot.pieces().is_empty() {
            return Ok(());
        }
        let table = CommonTable::new(Arc::clone(&self.snapshot), self.limits.threads);
        let plan = self.grouping.plan(Arc::new(table))?;
        match self.run(self.in_tables, &plan, &mut each).await {
            // How many values there are is known when all are read. No table came out yet.
            Err(EngineError::Crosstab(CrosstabError::TooManyCells { .. })) => self.run(false, &plan, &mut each).await,
            ended => ended,
        }
    }

    async fn run(
        &self,
        in_tables: bool,
        plan: &LogicalPlan,
        each: &mut impl FnMut(RecordBatch) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let context = self.context(in_tables);
        let physical = physical(&context, plan).await?;
        let failed = |error| EngineError::of_query("aggregate a dataset", error, &self.limits);
        let mut stream = execute_stream(physical, context.task_ctx()).map_err(failed)?;
        let mut groups = 0_u64;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(failed)?;
            groups = groups.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
            if let Some((limit, unit, setting)) = self.grouping.most.filter(|(limit, ..)| groups > *limit) {
                // How many there are is nobody's business.
                return Err(EngineError::TooLarge { needed: limit.saturating_add(1), unit, limit, setting });
            }
            each(batch)?;
        }
        Ok(())
    }

    /// All of these batches.
    ///
    /// # Errors
    /// As [`Self::for_each`].
    pub(crate) async fn aggregate(&self) -> Result<Vec<RecordBatch>, EngineError> {
        let (mut batches, mut bytes, account) = (Vec::new(), 0_usize, self.account("groups"));
        let keep = |batch: RecordBatch| {
            bytes = bytes.saturating_add(batch.get_array_memory_size());
            account.hold(bytes)?;
            batches.push(batch);
            Ok(())
        };
        self.for_each(keep).await?;
        Ok(batches)
    }
}

/// How a plan runs, if it and that are allowed.
async fn physical(context: &SessionContext, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    allow_list::check(plan)?;
    let planned = context.state().create_physical_plan(plan).await.map_err(EngineError::query("plan a table"))?;
    allow_list::check_physical(&planned)?;
    Ok(planned)
}

/// Memory of a request beside what the query engine works in.
pub(crate) struct Account {
    reservation: MemoryReservation,
    limits: Limits,
}

impl Account {
    /// Holds so many bytes from now on, instead of what it held.
    ///
    /// # Errors
    /// If that is more than is left of the request's memory.
    pub(crate) fn hold(&self, bytes: usize) -> Result<(), EngineError> {
        let held = self.reservation.try_resize(bytes);
        held.map_err(|error| EngineError::of_query("hold what was counted", error, &self.limits))
    }
}

#[cfg(test)]
impl Session {
    /// What plans of this session scan.
    pub(super) fn table(&self) -> CommonTable {
        CommonTable::new(Arc::clone(&self.snapshot), self.limits.threads)
    }

    pub(super) async fn physical_of(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
        physical(&self.context(self.in_tables), plan).await
    }

    /// With one more rule of the query engine.
    pub(super) fn optimised_by(mut self, rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        self.last_rule = Some(rule);
        self
    }

    /// Runs any plan as if it were that of the request.
    pub(super) async fn run_plan(&self, plan: &LogicalPlan) -> Result<(), EngineError> {
        self.run(self.in_tables, plan, &mut |_| Ok(())).await
    }

    /// With so much time for each piece that is read.
    pub(super) fn slowed(self, each: std::time::Duration) -> Self {
        self.snapshot.slow_down(each);
        self
    }

    /// As the query engine does it without a table.
    pub(super) fn without_tables(mut self) -> Self {
        self.in_tables = false;
        self
    }

    /// Bytes that its work holds at this moment.
    pub(super) fn reserved(&self) -> usize {
        self.runtime.memory_pool.reserved()
    }
}
