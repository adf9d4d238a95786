//! Dataset versions and the uploads they came from.

use model::{DatasetId, Period};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Result, failed, from_json, jobs, rows, to_json};
use crate::error::CatalogError;
use crate::records::{Commit, DatasetVersion, NewJob, Upload, VersionFacts, VersionStatus};

const COLUMNS: &str = "id, facts, revision, status, table_keys";

struct Stored {
    id: String,
    facts: String,
    revision: u32,
    status: String,
    table_keys: Option<String>,
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: row.get(0)?,
        facts: row.get(1)?,
        revision: row.get(2)?,
        status: row.get(3)?,
        table_keys: row.get(4)?,
    })
}

fn read(stored: Stored) -> Result<DatasetVersion> {
    let damaged = || CatalogError::damaged("dataset version", &stored.id, "its record cannot be read");
    let facts: VersionFacts = from_json("dataset version", &stored.id, &stored.facts)?;
    let status = VersionStatus::ALL.into_iter().find(|s| s.as_str() == stored.status).ok_or_else(damaged)?;
    Ok(DatasetVersion { facts, revision: stored.revision, status, table_keys: stored.table_keys })
}

fn period_text(period: Period) -> String {
    format!("{} {period}", period.period_type())
}

pub(super) fn find_upload(
    connection: &Connection,
    dataset: &DatasetId,
    upload: &Upload,
) -> Result<Option<DatasetVersion>> {
    let sql = "SELECT body, version FROM upload WHERE dataset = ?1 AND key = ?2";
    let found: Option<(String, String)> = connection
        .query_row(sql, params![dataset.as_str(), upload.key.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(failed("find an upload"))?;
    match found {
        None => Ok(None),
        Some((body, id)) if body == upload.body.to_string() => by_text(connection, &id),
        Some(_) => Err(CatalogError::conflict(
            "idempotency key",
            upload.key.as_str(),
            "it was used with another body; use a new key for a new file",
        )),
    }
}

pub(super) fn by_id(connection: &Connection, id: Uuid) -> Result<Option<DatasetVersion>> {
    by_text(connection, &id.to_string())
}

fn by_text(connection: &Connection, id: &str) -> Result<Option<DatasetVersion>> {
    let sql = format!("SELECT {COLUMNS} FROM version WHERE id = ?1");
    let found = connection.query_row(&sql, [id], stored).optional().map_err(failed("find a version"))?;
    found.map(read).transpose()
}

pub(super) fn list(
    connection: &Connection,
    dataset: Option<&DatasetId>,
    status: Option<VersionStatus>,
) -> Result<Vec<DatasetVersion>> {
    let sql =
        format!("SELECT {COLUMNS} FROM version WHERE (?1 IS NULL OR dataset = ?1) AND (?2 IS NULL OR status = ?2)");
    let parameters = params![dataset.map(DatasetId::as_str), status.map(VersionStatus::as_str)];
    let mut versions = rows(connection, "list versions", &sql, parameters, stored, read)?;
    versions.sort_by(|a, b| {
        let key = |v: &DatasetVersion| (v.facts.dataset.clone(), v.facts.period, v.revision);
        key(a).cmp(&key(b))
    });
    Ok(versions)
}

pub(super) fn commit(
    transaction: &Connection,
    facts: VersionFacts,
    table_keys: &str,
    status: VersionStatus,
    job: Option<NewJob>,
) -> Result<Commit> {
    if !matches!(status, VersionStatus::Staged | VersionStatus::Current) {
        return Err(CatalogError::Invalid { what: "the version", reason: "a new version is staged or current" });
    }
    if let Some(upload) = &facts.upload
        && let Some(version) = find_upload(transaction, &facts.dataset, upload)?
    {
        return Ok(Commit::Existing(version));
    }
    if let Some(version) = latest_live(transaction, &facts)?.filter(|v| v.facts.content == facts.content) {
        insert_upload(transaction, &facts.dataset, facts.upload.as_ref(), version.facts.id)?;
        return Ok(Commit::Existing(version));
    }
    if by_id(transaction, facts.id)?.is_some() {
        return Err(CatalogError::conflict("dataset version", facts.id, "the id is taken"));
    }
    let period = period_text(facts.period);
    let sql = "SELECT 1 + coalesce(max(revision), 0) FROM version WHERE dataset = ?1 AND period = ?2";
    let revision: u32 = transaction
        .query_row(sql, params![facts.dataset.as_str(), period], |row| row.get(0))
        .map_err(failed("number a version"))?;
    if status == VersionStatus::Current {
        supersede(transaction, &facts, revision)?;
    }
    transaction
        .execute(
            "INSERT INTO version (id, dataset, period, revision, status, content, facts, table_keys)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                facts.id.to_string(),
                facts.dataset.as_str(),
                period,
                revision,
                status.as_str(),
                facts.content.to_string(),
                to_json("the version", &facts)?,
                table_keys
            ],
        )
        .map_err(failed("record a version"))?;
    insert_upload(transaction, &facts.dataset, facts.upload.as_ref(), facts.id)?;
    if let Some(job) = job {
        jobs::insert(transaction, &job)?;
    }
    Ok(Commit::New(DatasetVersion { facts, revision, status, table_keys: Some(table_keys.to_owned()) }))
}

/// The latest revision of the partition that is current or staged.
fn latest_live(transaction: &Connection, facts: &VersionFacts) -> Result<Option<DatasetVersion>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM version WHERE dataset = ?1 AND period = ?2 AND status IN ('current', 'staged')
         ORDER BY revision DESC LIMIT 1"
    );
    let parameters = params![facts.dataset.as_str(), period_text(facts.period)];
    let found = transaction.query_row(&sql, parameters, stored).optional().map_err(failed("find a version"))?;
    found.map(read).transpose()
}

pub(super) fn record_upload(transaction: &Connection, id: Uuid, upload: &Upload) -> Result<()> {
    let version = by_id(transaction, id)?.ok_or_else(|| CatalogError::not_found("dataset version", id))?;
    let dataset = &version.facts.dataset;
    match find_upload(transaction, dataset, upload)? {
        Some(_) => Ok(()),
        None => insert_upload(transaction, dataset, Some(upload), id),
    }
}

fn insert_upload(transaction: &Connection, dataset: &DatasetId, upload: Option<&Upload>, version: Uuid) -> Result<()> {
    let Some(upload) = upload else { return Ok(()) };
    transaction
        .execute(
            "INSERT INTO upload (dataset, key, body, version) VALUES (?1, ?2, ?3, ?4)",
            params![dataset.as_str(), upload.key.as_str(), upload.body.to_string(), version.to_string()],
        )
        .map_err(failed("record an upload"))?;
    Ok(())
}

fn supersede(transaction: &Connection, facts: &VersionFacts, below: u32) -> Result<()> {
    transaction
        .execute(
            "UPDATE version SET status = 'superseded'
             WHERE dataset = ?1 AND period = ?2 AND revision < ?3 AND status IN ('current', 'staged')",
            params![facts.dataset.as_str(), period_text(facts.period), below],
        )
        .map_err(failed("supersede a version"))?;
    Ok(())
}

pub(super) fn discard(transaction: &Connection, id: Uuid) -> Result<()> {
    let version = by_id(transaction, id)?.ok_or_else(|| CatalogError::not_found("dataset version", id))?;
    if version.status != VersionStatus::Staged {
        return Err(CatalogError::conflict("dataset version", id, "only a staged version is discarded"));
    }
    if jobs::names(transaction, id)? {
        return Err(CatalogError::conflict("dataset version", id, "a job names it"));
    }
    for sql in ["DELETE FROM upload WHERE version = ?1", "DELETE FROM version WHERE id = ?1"] {
        transaction.execute(sql, [id.to_string()]).map_err(failed("discard a version"))?;
    }
    Ok(())
}

pub(super) fn change(
    transaction: &Connection,
    id: Uuid,
    to: VersionStatus,
    job: Option<NewJob>,
) -> Result<DatasetVersion> {
    let version = by_id(transaction, id)?.ok_or_else(|| CatalogError::not_found("dataset version", id))?;
    if !version.status.may_become(to) {
        return Err(CatalogError::conflict("dataset version", id, "its status does not allow this step"));
    }
    if to == VersionStatus::Current {
        supersede(transaction, &version.facts, version.revision)?;
    }
    transaction
        .execute("UPDATE version SET status = ?2 WHERE id = ?1", params![id.to_string(), to.as_str()])
        .map_err(failed("change a version"))?;
    if let Some(job) = job {
        jobs::insert(transaction, &job)?;
    }
    Ok(DatasetVersion { status: to, ..version })
}

pub(super) fn replace_keys(transaction: &Connection, id: Uuid, keys: Option<&str>) -> Result<()> {
    let version = by_id(transaction, id)?.ok_or_else(|| CatalogError::not_found("dataset version", id))?;
    if version.table_keys.is_none() {
        return Err(CatalogError::conflict("dataset version", id, "its keys were destroyed"));
    }
    transaction
        .execute("UPDATE version SET table_keys = ?2 WHERE id = ?1", params![id.to_string(), keys])
        .map_err(failed("replace keys"))?;
    Ok(())
}
