//! A query session that holds only the permitted tables and columns of one request, in bounded memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::config::{EncryptionFactoryOptions, TableParquetOptions};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as QueryResult};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::parquet_encryption::EncryptionFactory;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, col};
use datafusion::object_store::path::Path;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use parquet::encryption::decrypt::FileDecryptionProperties;
use parquet::encryption::encrypt::FileEncryptionProperties;

use crate::allow_list;
use crate::error::EngineError;
use crate::request::{GroupRequest, Limits, RECORD_KEY, StoredTable};

const FACTORY: &str = "vault";
const TABLE: &str = "common_data_set";

/// Gives the reader each file's keys; writing through the query engine is refused.
struct Keyring(BTreeMap<String, Arc<FileDecryptionProperties>>);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} files)", self.0.len())
    }
}

#[async_trait]
impl EncryptionFactory for Keyring {
    async fn get_file_encryption_properties(
        &self,
        _config: &EncryptionFactoryOptions,
        _schema: &SchemaRef,
        _file_path: &Path,
    ) -> QueryResult<Option<Arc<FileEncryptionProperties>>> {
        Err(DataFusionError::Plan("the query engine does not write".to_owned()))
    }

    async fn get_file_decryption_properties(
        &self,
        _config: &EncryptionFactoryOptions,
        file_path: &Path,
    ) -> QueryResult<Option<Arc<FileDecryptionProperties>>> {
        match self.0.get(file_path.as_ref()) {
            Some(properties) => Ok(Some(Arc::clone(properties))),
            None => Err(DataFusionError::Plan("a file outside the permitted set was asked for".to_owned())),
        }
    }
}

/// The session of one request.
pub(crate) struct Session {
    context: SessionContext,
    table: Option<Arc<ListingTable>>,
}

impl Session {
    /// Opens the permitted tables, and of each only the columns that the request names.
    pub(crate) fn open(tables: &[StoredTable], request: &GroupRequest, limits: &Limits) -> Result<Self, EngineError> {
        let mut config = SessionConfig::new().with_target_partitions(limits.threads.max(1)).with_batch_size(8192);
        // Statistics would be collected by reading every footer before the scan reads it again.
        config.options_mut().execution.collect_statistics = false;
        let mut keyring = BTreeMap::new();
        let mut urls = Vec::new();
        for table in tables {
            let path = Path::from_absolute_path(&table.path).map_err(|error| EngineError::Stored {
                dataset: request.dataset.to_string(),
                problem: error.to_string(),
            })?;
            keyring.insert(path.to_string(), Arc::clone(&table.decryption));
            let url = ListingTableUrl::parse(table.path.to_string_lossy())
                .map_err(EngineError::query("name a table file"))?;
            urls.push(url);
        }
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(limits.memory_bytes)))
            // Spilled batches would be plain text on disk.
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()
            .map_err(EngineError::query("start the query engine"))?;
        runtime.register_parquet_encryption_factory(FACTORY, Arc::new(Keyring(keyring)));
        let context = SessionContext::new_with_config_rt(config, runtime);
        let table = if urls.is_empty() { None } else { Some(listing(&context, urls, request)?) };
        Ok(Self { context, table })
    }

    /// Sums every measure by area, month, the dimensions in use and, where they are told apart, partner and contributor.
    ///
    /// # Errors
    /// If there are more contributions than `limits` allow, as soon as that is seen.
    pub(crate) async fn aggregate(
        &self,
        request: &GroupRequest,
        limits: &Limits,
    ) -> Result<Vec<RecordBatch>, EngineError> {
        let Some(table) = &self.table else { return Ok(Vec::new()) };
        let plan = plan(Arc::clone(table), request)?;
        allow_list::check(&plan)?;
        let frame = self.context.execute_logical_plan(plan).await.map_err(EngineError::query("plan a table"))?;
        let mut stream = frame.execute_stream().await.map_err(EngineError::query("aggregate a dataset"))?;
        let (mut batches, mut contributions) = (Vec::new(), 0_u64);
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(EngineError::query("aggregate a dataset"))?;
            contributions = contributions.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
            if request.contributor_column().is_some() && contributions > limits.max_contributions {
                return Err(EngineError::TooLarge {
                    needed: contributions,
                    unit: "contributions",
                    limit: limits.max_contributions,
                    setting: "limits.max_contributions",
                });
            }
            batches.push(batch);
        }
        Ok(batches)
    }
}

/// The stored columns of the request: what `ingest` writes, as far as it is needed.
fn schema(request: &GroupRequest) -> SchemaRef {
    let coded = |key: DataType| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
    let mut fields =
        vec![Field::new("area", coded(DataType::UInt16), false), Field::new("month", DataType::Int32, false)];
    for name in request.dimensions() {
        fields.push(Field::new(name, coded(DataType::UInt16), true));
    }
    for name in request.measures() {
        let kind = if request.decimals.contains(name) { DataType::Float64 } else { DataType::Int64 };
        fields.push(Field::new(name, kind, true));
    }
    if let Some(name) = request.partner_column() {
        fields.push(Field::new(name, coded(DataType::UInt16), true));
    }
    match request.contributor_column() {
        Some(RECORD_KEY) => fields.push(Field::new(RECORD_KEY, DataType::UInt64, false)),
        Some(name) => fields.push(Field::new(name, DataType::FixedSizeBinary(16), true)),
        None => {}
    }
    Arc::new(Schema::new(fields))
}

fn listing(
    context: &SessionContext,
    urls: Vec<ListingTableUrl>,
    request: &GroupRequest,
) -> Result<Arc<ListingTable>, EngineError> {
    let state = context.state();
    let mut parquet =
        TableParquetOptions { global: state.config_options().execution.parquet.clone(), ..Default::default() };
    parquet.crypto.factory_id = Some(FACTORY.to_owned());
    // With a key per column, pruning by page index asks for keys of columns that the request does not hold.
    parquet.global.enable_page_index = false;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default().with_options(parquet))).with_file_extension("");
    let config =
        ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options).with_schema(schema(request));
    Ok(Arc::new(ListingTable::try_new(config).map_err(EngineError::query("open a dataset"))?))
}

fn plan(table: Arc<ListingTable>, request: &GroupRequest) -> Result<LogicalPlan, EngineError> {
    let mut keys = vec![col("area"), col("month")];
    keys.extend(request.dimensions().into_iter().map(|name| col(format!("\"{name}\""))));
    keys.extend(request.partner_column().into_iter().map(|name| col(format!("\"{name}\""))));
    keys.extend(request.contributor_column().map(col));
    let mut sums = Vec::new();
    for name in request.measures() {
        let column = col(format!("\"{name}\""));
        sums.push(sum(column.clone()).alias(format!("sum_{name}")));
        sums.push(count(column).alias(format!("known_{name}")));
    }
    sums.push(count(col("month")).alias("rows"));
    LogicalPlanBuilder::scan(TABLE, provider_as_source(table), None)
        .and_then(|scan| scan.aggregate(keys, sums))
        .and_then(LogicalPlanBuilder::build)
        .map_err(EngineError::query("build a plan"))
}
