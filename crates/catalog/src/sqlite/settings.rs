//! Credentials and settings.

use jiff::Timestamp;
use model::Label;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Result, failed, from_json, parse, rows, to_json};
use crate::error::CatalogError;
use crate::records::Credential;

pub(super) fn add_credential(transaction: &Connection, credential: &Credential) -> Result<()> {
    let operation = "record a credential";
    let taken = transaction
        .query_row("SELECT 1 FROM credential WHERE id = ?1", [credential.id.as_str()], |_| Ok(()))
        .optional()
        .map_err(failed(operation))?;
    if taken.is_some() {
        return Err(CatalogError::conflict("credential", &credential.id, "the id is taken"));
    }
    transaction
        .execute(
            "INSERT INTO credential (id, facts, revoked_at) VALUES (?1, ?2, ?3)",
            params![
                credential.id.as_str(),
                to_json("the credential", credential)?,
                credential.revoked_at.map(|at| at.to_string())
            ],
        )
        .map_err(failed(operation))?;
    Ok(())
}

pub(super) fn revoke_credential(transaction: &Connection, id: &Label, now: Timestamp) -> Result<()> {
    let sql = "UPDATE credential SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1";
    let count =
        transaction.execute(sql, params![id.as_str(), now.to_string()]).map_err(failed("revoke a credential"))?;
    if count == 0 { Err(CatalogError::not_found("credential", id)) } else { Ok(()) }
}

pub(super) fn credentials(connection: &Connection) -> Result<Vec<Credential>> {
    let sql = "SELECT id, facts, revoked_at FROM credential ORDER BY id";
    let row =
        |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?));
    rows(connection, "list credentials", sql, [], row, |(id, facts, revoked_at)| {
        let credential: Credential = from_json("credential", &id, &facts)?;
        let revoked_at = revoked_at.map(|text| parse("credential", &id, &text)).transpose()?;
        Ok(Credential { revoked_at, ..credential })
    })
}

pub(super) fn setting(connection: &Connection, name: &Label) -> Result<Option<String>> {
    connection
        .query_row("SELECT value FROM setting WHERE name = ?1", [name.as_str()], |row| row.get(0))
        .optional()
        .map_err(failed("read a setting"))
}

pub(super) fn replace_setting(
    transaction: &Connection,
    name: &Label,
    expected: Option<&str>,
    value: &str,
) -> Result<()> {
    if setting(transaction, name)?.as_deref() != expected {
        return Err(CatalogError::conflict("setting", name, "it was changed meanwhile; read it again"));
    }
    transaction
        .execute(
            "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            params![name.as_str(), value],
        )
        .map_err(failed("change a setting"))?;
    Ok(())
}
