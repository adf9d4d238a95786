//! The durable queue of publish jobs.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Result, failed, from_json, parse, rows, to_json, versions};
use crate::error::CatalogError;
use crate::records::{Job, JobOutcome, JobState, NewJob};

const COLUMNS: &str = "id, facts, state, attempts, message, updated_at";

struct Stored {
    id: String,
    facts: String,
    state: String,
    attempts: u32,
    message: Option<String>,
    updated_at: String,
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: row.get(0)?,
        facts: row.get(1)?,
        state: row.get(2)?,
        attempts: row.get(3)?,
        message: row.get(4)?,
        updated_at: row.get(5)?,
    })
}

fn read(stored: Stored) -> Result<Job> {
    let damaged = || CatalogError::damaged("job", &stored.id, "its record cannot be read");
    let facts = from_json("job", &stored.id, &stored.facts)?;
    let state = JobState::ALL.into_iter().find(|s| s.as_str() == stored.state).ok_or_else(damaged)?;
    let updated_at = parse("job", &stored.id, &stored.updated_at)?;
    Ok(Job { facts, state, attempts: stored.attempts, message: stored.message, updated_at })
}

fn by_id(connection: &Connection, id: Uuid) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM job WHERE id = ?1");
    let found = connection.query_row(&sql, [id.to_string()], stored).optional().map_err(failed("find a job"))?;
    found.map(read).transpose()
}

/// Whether any job is about a version.
pub(super) fn names(connection: &Connection, version: Uuid) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM job WHERE version = ?1)";
    connection.query_row(sql, [version.to_string()], |row| row.get(0)).map_err(failed("find a job"))
}

pub(super) fn insert(transaction: &Connection, job: &NewJob) -> Result<()> {
    if by_id(transaction, job.id)?.is_some() {
        return Err(CatalogError::conflict("job", job.id, "the id is taken"));
    }
    if let Some(id) = job.version
        && versions::by_id(transaction, id)?.is_none()
    {
        return Err(CatalogError::not_found("dataset version", id));
    }
    transaction
        .execute(
            "INSERT INTO job (id, version, facts, state, attempts, updated_at) VALUES (?1, ?2, ?3, 'pending', 0, ?4)",
            params![
                job.id.to_string(),
                job.version.map(|id| id.to_string()),
                to_json("the job", job)?,
                job.created_at.to_string()
            ],
        )
        .map_err(failed("queue a job"))?;
    Ok(())
}

pub(super) fn claim(transaction: &Connection, now: Timestamp) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM job WHERE state = 'pending' ORDER BY sequence LIMIT 1");
    let job = loop {
        let found = transaction.query_row(&sql, [], stored).optional().map_err(failed("take a job"))?;
        let Some(found) = found else { return Ok(None) };
        let id = found.id.clone();
        match read(found) {
            Ok(job) => break job,
            // Nobody can do it, and it must keep neither the others nor whoever lists them.
            Err(_) => transaction
                .execute(
                    "UPDATE job SET state = 'damaged', updated_at = ?2 WHERE id = ?1",
                    params![id, now.to_string()],
                )
                .map_err(failed("give up a damaged job"))?,
        };
    };
    transaction
        .execute(
            "UPDATE job SET state = 'running', attempts = attempts + 1, updated_at = ?2 WHERE id = ?1",
            params![job.facts.id.to_string(), now.to_string()],
        )
        .map_err(failed("take a job"))?;
    by_id(transaction, job.facts.id)
}

pub(super) fn finish(transaction: &Connection, id: Uuid, outcome: JobOutcome, now: Timestamp) -> Result<()> {
    let job = by_id(transaction, id)?.ok_or_else(|| CatalogError::not_found("job", id))?;
    if job.state != JobState::Running {
        return Err(CatalogError::conflict("job", id, "it is not running"));
    }
    let (state, message) = outcome.into_parts();
    transaction
        .execute(
            "UPDATE job SET state = ?2, message = ?3, updated_at = ?4 WHERE id = ?1",
            params![id.to_string(), state.as_str(), message, now.to_string()],
        )
        .map_err(failed("finish a job"))?;
    Ok(())
}

pub(super) fn requeue(transaction: &Connection, now: Timestamp) -> Result<u64> {
    let sql = "UPDATE job SET state = 'pending', attempts = attempts - 1, updated_at = ?1 WHERE state = 'running'";
    let count = transaction.execute(sql, [now.to_string()]).map_err(failed("requeue jobs"))?;
    Ok(count as u64)
}

pub(super) fn list(connection: &Connection, state: Option<JobState>) -> Result<Vec<Job>> {
    let sql =
        format!("SELECT {COLUMNS} FROM job WHERE state <> 'damaged' AND (?1 IS NULL OR state = ?1) ORDER BY sequence");
    rows(connection, "list jobs", &sql, [state.map(JobState::as_str)], stored, read)
}
