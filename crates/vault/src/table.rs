//! Encrypted tables: Parquet Modular Encryption, `AES_GCM_V1` with 256-bit keys only, a key per column and one for the
//! footer, so that one column's key can be destroyed when its agreement ends.
//!
//! What the library leaves to its caller, and this module therefore checks:
//! - a column without a key would be written in plain text as soon as any other column has one;
//! - a plain file is read without complaint even when decryption keys are given: [`require_encrypted`];
//! - bloom filters are written unencrypted: they stay off;
//! - a damaged length inside a file can make the reader panic or allocate without limit, so the caller compares the
//!   digest of the file before opening it;
//! - its *encryption* properties print their keys with `Debug`: they stay inside this module.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use model::{DatasetId, Digest};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::encryption::decrypt::FileDecryptionProperties;
use parquet::encryption::encrypt::FileEncryptionProperties;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::Context;
use crate::derive::hmac_sha256;
use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::key::{DataKey, Vault, WrappedKey};

/// Rows of a row group: small enough that a filter on the sorted area column skips most of a large table, large enough
/// for a table of thousands of millions of rows (the format allows 32,767 groups).
pub const ROWS_PER_GROUP: usize = 256 * 1024;
const COMPRESSION_LEVEL: i32 = 3;
const PURPOSE: &str = "table column";
const FOOTER: &str = "table footer";

/// What a table is: authenticated with every page of it, so that no file passes for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableIdentity {
    /// The dataset.
    pub dataset: DatasetId,
    /// The dataset version.
    pub version: Uuid,
    /// Digests of every agreement that governs it.
    pub agreements: BTreeSet<Digest>,
}

impl TableIdentity {
    fn context(&self) -> Context {
        let context = Context::new("commonground table 1").with(self.dataset.as_str()).with(self.version.as_bytes());
        self.agreements.iter().fold(context, |context, digest| context.with(digest.0))
    }

    /// 256 bits for any identity, since the prefix is repeated for every page. It needs no secret: any fixed key makes
    /// the HMAC a plain hash.
    fn aad_prefix(&self) -> Vec<u8> {
        hmac_sha256(&[0; 32], &[self.context().as_bytes()]).to_vec()
    }
}

/// The keys of a table, wrapped: stored in the catalogue beside the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedTableKeys {
    footer: WrappedKey,
    columns: BTreeMap<String, WrappedKey>,
}

impl WrappedTableKeys {
    /// Columns whose keys still exist, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// Destroys the key of one column; the caller stores the result. Returns whether there was one.
    pub fn destroy(&mut self, column: &str) -> bool {
        self.columns.remove(column).is_some()
    }

    /// Wraps the same keys under the vault's current master key.
    ///
    /// # Errors
    /// If a key cannot be unwrapped.
    pub fn rewrap(
        &self,
        vault: &Vault,
        identity: &TableIdentity,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, VaultError> {
        let footer = vault.rewrap(&self.footer, &identity.context(), entropy)?;
        let mut columns = BTreeMap::new();
        for (name, wrapped) in &self.columns {
            columns.insert(name.clone(), vault.rewrap(wrapped, &identity.context().with(name), entropy)?);
        }
        Ok(Self { footer, columns })
    }
}

/// The keys of a table in memory, for all of its columns or for those a permit allows.
pub struct TableKeys {
    identity: TableIdentity,
    footer: DataKey,
    columns: BTreeMap<String, DataKey>,
}

impl TableKeys {
    /// Makes fresh keys for every column of a flat schema.
    ///
    /// # Errors
    /// If the schema is empty, nested or repeats a name; if there is no randomness.
    pub fn generate(
        vault: &Vault,
        identity: TableIdentity,
        schema: &Schema,
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, WrappedTableKeys), VaultError> {
        check_schema(schema)?;
        let (footer, wrapped_footer) = vault.new_data_key(FOOTER, &identity.context(), entropy)?;
        let (mut columns, mut wrapped_columns) = (BTreeMap::new(), BTreeMap::new());
        for field in schema.fields() {
            let context = identity.context().with(field.name());
            let (key, wrapped) = vault.new_data_key(PURPOSE, &context, entropy)?;
            columns.insert(field.name().clone(), key);
            wrapped_columns.insert(field.name().clone(), wrapped);
        }
        Ok((Self { identity, footer, columns }, WrappedTableKeys { footer: wrapped_footer, columns: wrapped_columns }))
    }

    /// Unwraps the footer key and those of the named columns, or of all that still exist.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] for a named column without one; otherwise as [`Vault::unwrap_key`].
    pub fn unwrap(
        vault: &Vault,
        wrapped: &WrappedTableKeys,
        identity: TableIdentity,
        only: Option<&[&str]>,
    ) -> Result<Self, VaultError> {
        check_purpose(&wrapped.footer, FOOTER)?;
        let footer = vault.unwrap_key(&wrapped.footer, &identity.context())?;
        let names: Vec<&str> = only.map_or_else(|| wrapped.columns().collect(), <[&str]>::to_vec);
        let mut columns = BTreeMap::new();
        for name in names {
            let key = wrapped.columns.get(name).ok_or_else(|| VaultError::NoKey { name: name.to_owned() })?;
            check_purpose(key, PURPOSE)?;
            columns.insert(name.to_owned(), vault.unwrap_key(key, &identity.context().with(name))?);
        }
        Ok(Self { identity, footer, columns })
    }

    /// The table these keys belong to.
    #[must_use]
    pub const fn identity(&self) -> &TableIdentity {
        &self.identity
    }

    /// Columns these keys open, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// What the query engine needs to read the table. With keys for only some columns, it must project to those and
    /// leave the page index unread.
    ///
    /// # Errors
    /// Only if the Parquet library refuses the properties.
    pub fn decryption_properties(&self) -> Result<Arc<FileDecryptionProperties>, VaultError> {
        let mut builder =
            FileDecryptionProperties::builder(self.footer.bytes().to_vec()).with_aad_prefix(self.identity.aad_prefix());
        for (name, key) in &self.columns {
            builder = builder.with_column_key(name, key.bytes().to_vec());
        }
        builder.build().map_err(failed("prepare to read"))
    }

    fn encryption_properties(&self) -> Result<Arc<FileEncryptionProperties>, VaultError> {
        let mut builder = FileEncryptionProperties::builder(self.footer.bytes().to_vec())
            .with_aad_prefix(self.identity.aad_prefix())
            .with_aad_prefix_storage(false)
            .with_plaintext_footer(false);
        for (name, key) in &self.columns {
            builder = builder.with_column_key(name, key.bytes().to_vec());
        }
        builder.build().map_err(failed("prepare to write"))
    }
}

impl fmt::Debug for TableKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableKeys").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSummary {
    /// Rows in the table.
    pub rows: u64,
    /// Row groups in the table.
    pub row_groups: usize,
}

/// Writes a table encrypted: zstd, dictionaries, row groups of [`ROWS_PER_GROUP`]; minima and maxima only per row group,
/// encrypted under the column's key in the encrypted footer, and none for random identifiers.
///
/// # Errors
/// If a column has no key or the keys are for other columns, a batch has another schema, or writing fails.
pub fn write_table(
    writer: impl Write + Send,
    schema: &SchemaRef,
    batches: impl IntoIterator<Item = RecordBatch>,
    keys: &TableKeys,
) -> Result<TableSummary, VaultError> {
    check_schema(schema)?;
    let columns: BTreeSet<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if let Some(name) = columns.iter().find(|name| !keys.columns.contains_key(**name)) {
        return Err(VaultError::NoKey { name: (*name).to_owned() });
    }
    if let Some(name) = keys.columns().find(|name| !columns.contains(name)) {
        return Err(VaultError::Table {
            reason: format!("there is a key for column `{name}`, which it does not have"),
        });
    }
    let properties = writer_properties(schema, keys)?;
    let mut table = ArrowWriter::try_new(writer, Arc::clone(schema), Some(properties)).map_err(failed("begin"))?;
    for batch in batches {
        if batch.schema_ref() != schema {
            return Err(VaultError::Table { reason: "a batch has another schema than the table".to_owned() });
        }
        table.write(&batch).map_err(failed("write"))?;
    }
    let metadata = table.close().map_err(failed("finish"))?;
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
    Ok(TableSummary { rows, row_groups: metadata.num_row_groups() })
}

fn writer_properties(schema: &Schema, keys: &TableKeys) -> Result<WriterProperties, VaultError> {
    let level = ZstdLevel::try_new(COMPRESSION_LEVEL).map_err(failed("prepare to write"))?;
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_created_by("commonground".to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .set_dictionary_enabled(true)
        .set_bloom_filter_enabled(false)
        // Per row group only: page-level minima sit in page headers and in an index that a reader with keys for only
        // some of the columns cannot pass.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_write_page_header_statistics(false)
        .set_offset_index_disabled(true)
        .with_file_encryption_properties(keys.encryption_properties()?);
    for field in schema.fields() {
        // Pseudonyms and record keys are random: a dictionary saves nothing, a minimum is somebody's pseudonym.
        if matches!(field.data_type(), DataType::FixedSizeBinary(_) | DataType::Binary | DataType::UInt64) {
            let column = ColumnPath::new(vec![field.name().clone()]);
            builder = builder
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_statistics_enabled(column, EnabledStatistics::None);
        }
    }
    Ok(builder.build())
}

/// Refuses a file that is not an encrypted Parquet file with an encrypted footer. To be called before every read: the
/// Parquet reader would take a plain file in its place.
///
/// # Errors
/// [`VaultError::NotAuthentic`] for anything else; or if reading fails.
pub fn require_encrypted(file: &mut (impl Read + Seek)) -> Result<(), VaultError> {
    const MAGIC: &[u8; 4] = b"PARE";
    let refuse = VaultError::NotAuthentic { what: "an encrypted table" };
    let length = file.seek(SeekFrom::End(0)).map_err(VaultError::Stream)?;
    if length < 12 {
        return Err(refuse);
    }
    for place in [SeekFrom::End(-4), SeekFrom::Start(0)] {
        let mut magic = [0_u8; 4];
        file.seek(place).map_err(VaultError::Stream)?;
        file.read_exact(&mut magic).map_err(VaultError::Stream)?;
        if &magic != MAGIC {
            return Err(refuse);
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(VaultError::Stream)?;
    Ok(())
}

/// Reads a table, or those of its columns, in the table's order, for which there are keys. For tests and tools; the
/// query engine reads tables itself. The caller has compared the digest of the file.
///
/// # Errors
/// If the file is not encrypted, was changed, or is another table than the keys'.
pub fn read_table(file: Bytes, keys: &TableKeys) -> Result<Vec<RecordBatch>, VaultError> {
    require_encrypted(&mut std::io::Cursor::new(file.as_ref()))?;
    let options = ArrowReaderOptions::new().with_file_decryption_properties(keys.decryption_properties()?);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(failed("open"))?;
    let names: Vec<String> = keys.columns().map(str::to_owned).collect();
    let schema = builder.parquet_schema();
    let mask = ProjectionMask::columns(schema, names.iter().map(String::as_str));
    let reader = builder.with_projection(mask).with_batch_size(ROWS_PER_GROUP).build().map_err(failed("read"))?;
    let mut batches = Vec::new();
    for batch in reader {
        batches.push(batch.map_err(|error| failed("read")(ParquetError::from(error)))?);
    }
    Ok(batches)
}

fn check_schema(schema: &Schema) -> Result<(), VaultError> {
    let refuse = |reason| Err(VaultError::Table { reason });
    if schema.fields().is_empty() {
        return refuse("it has no columns".to_owned());
    }
    let mut names = BTreeSet::new();
    for field in schema.fields() {
        if field.data_type().is_nested() {
            return refuse(format!("column `{}` is nested", field.name()));
        }
        if !names.insert(field.name()) {
            return refuse(format!("column `{}` appears twice", field.name()));
        }
    }
    Ok(())
}

fn check_purpose(key: &WrappedKey, purpose: &str) -> Result<(), VaultError> {
    if key.purpose == purpose { Ok(()) } else { Err(VaultError::NotAuthentic { what: "a wrapped key" }) }
}

fn failed(operation: &'static str) -> impl FnOnce(ParquetError) -> VaultError {
    move |source| VaultError::Parquet { operation, source }
}

#[cfg(test)]
mod tests;
