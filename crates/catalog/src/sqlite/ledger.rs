//! Ledgers of protection groups: only ever appended to.

use model::Label;
use rusqlite::{Connection, params};

use super::{Result, failed, parse, rows};
use crate::error::CatalogError;
use crate::port::digest_of;
use crate::records::LedgerEntry;

pub(super) fn append(transaction: &Connection, entry: &LedgerEntry) -> Result<()> {
    let operation = "append to a ledger";
    if digest_of(&entry.ciphertext) != entry.digest {
        let reason = "the digest is not that of the ciphertext";
        return Err(CatalogError::Invalid { what: "the ledger entry", reason });
    }
    let sql = "SELECT 1 + coalesce(max(sequence), 0) FROM ledger WHERE protection_group = ?1";
    let next: i64 = transaction.query_row(sql, [entry.group.as_str()], |row| row.get(0)).map_err(failed(operation))?;
    if i64::try_from(entry.sequence) != Ok(next) {
        return Err(CatalogError::conflict("ledger", &entry.group, "the sequence number is not the next"));
    }
    transaction
        .execute(
            "INSERT INTO ledger (protection_group, sequence, digest, ciphertext) VALUES (?1, ?2, ?3, ?4)",
            params![entry.group.as_str(), next, entry.digest.to_string(), entry.ciphertext],
        )
        .map_err(failed(operation))?;
    Ok(())
}

pub(super) fn entries(connection: &Connection, group: &Label, after: u64) -> Result<Vec<LedgerEntry>> {
    let sql = "SELECT sequence, digest, ciphertext FROM ledger WHERE protection_group = ?1 AND sequence > ?2
               ORDER BY sequence";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let row =
        |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?));
    rows(connection, "read a ledger", sql, params![group.as_str(), after], row, |(sequence, digest, ciphertext)| {
        let damaged = || CatalogError::damaged("ledger entry", format!("{group} {sequence}"), "its digest differs");
        let digest = parse("ledger entry", format!("{group} {sequence}"), &digest)?;
        if digest_of(&ciphertext) != digest {
            return Err(damaged());
        }
        let sequence = u64::try_from(sequence).map_err(|_| damaged())?;
        Ok(LedgerEntry { group: group.clone(), sequence, digest, ciphertext })
    })
}

pub(super) fn groups(connection: &Connection) -> Result<Vec<Label>> {
    let sql = "SELECT DISTINCT protection_group FROM ledger ORDER BY protection_group";
    let row = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    rows(connection, "list ledgers", sql, [], row, |group| parse("ledger", &group, &group))
}
