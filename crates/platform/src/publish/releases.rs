//! Which ledger entries were released: what the audit log says, held against what the ledger has.
//!
//! An entry is durable before its release is recorded, so a crash may leave one that was never released: it is passed
//! over. Anything else that does not fit means that one of the two was cut or exchanged, and nothing of the group may be
//! shown until somebody has restored it: what is out already would be forgotten.

use std::collections::BTreeMap;
use std::path::Path;

use audit::{AuditError, Entry, FolderStorage, PlanRecord};
use catalog::LedgerEntry;
use model::Label;

/// The released entries of every group, by their number in the ledger.
#[derive(Debug, Default)]
pub(crate) struct Releases(BTreeMap<Label, BTreeMap<u64, PlanRecord>>);

impl Releases {
    /// Reads them from the audit log.
    pub(crate) fn read(folder: &Path) -> Result<Self, AuditError> {
        let mut releases = Self::default();
        audit::verify_storage(&FolderStorage::new(folder), &[], &mut |record| releases.note(&record.entry))?;
        Ok(releases)
    }

    /// Takes note of what was recorded.
    pub(crate) fn note(&mut self, entry: &Entry) {
        if let Entry::Released { group, plan: Some(plan), .. } = entry {
            self.0.entry(group.clone()).or_default().insert(plan.ledger_sequence, plan.clone());
        }
    }

    /// Every group of which something was released by a plan.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &Label> {
        self.0.keys()
    }

    /// Those of one group.
    pub(crate) fn of(&self, group: &Label) -> BTreeMap<u64, PlanRecord> {
        self.0.get(group).cloned().unwrap_or_default()
    }
}

/// Ledger and audit log do not belong together: nothing of the group is served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LedgerFault {
    #[error(
        "release {0} is in the audit log but not in the ledger, whose end is missing: restore the catalogue from a backup"
    )]
    Missing(u64),
    #[error("entry {0} of the ledger is not the one that was released: restore the catalogue from a backup")]
    Exchanged(u64),
    #[error("release {0} was made but the audit log does not have it, its end is missing: restore it from a backup")]
    Unaudited(u64),
}

/// The entries that were released with what the audit log says of each, oldest first. `remembered` is the number of the last one, as the catalogue has it
/// from after the release was recorded.
pub(super) fn released(
    audited: BTreeMap<u64, PlanRecord>,
    remembered: u64,
    stored: Vec<LedgerEntry>,
) -> Result<Vec<(PlanRecord, LedgerEntry)>, LedgerFault> {
    if audited.last_key_value().map_or(0, |(sequence, _)| *sequence) < remembered {
        return Err(LedgerFault::Unaudited(remembered));
    }
    let mut entries: BTreeMap<u64, LedgerEntry> = stored.into_iter().map(|entry| (entry.sequence, entry)).collect();
    let take = |(sequence, record): (u64, PlanRecord)| match entries.remove(&sequence) {
        None => Err(LedgerFault::Missing(sequence)),
        Some(entry) if entry.digest != record.ledger_entry => Err(LedgerFault::Exchanged(sequence)),
        Some(entry) => Ok((record, entry)),
    };
    audited.into_iter().map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64, content: u8) -> LedgerEntry {
        let ciphertext = vec![content];
        let digest = catalog::port::digest_of(&ciphertext);
        LedgerEntry { group: "a.group".parse().unwrap(), sequence, digest, ciphertext }
    }

    fn record(sequence: u64, content: u8) -> PlanRecord {
        PlanRecord {
            released: model::Digest([content; 32]),
            ledger_sequence: sequence,
            ledger_entry: entry(sequence, content).digest,
            cells_shown: 1,
            cells_withheld: 0,
        }
    }

    /// Numbers of the entries that count as released, or the fault.
    fn check(audited: &[(u64, u8)], remembered: u64, stored: &[(u64, u8)], expect: Result<&[u64], LedgerFault>) {
        let audited = audited.iter().map(|(sequence, content)| (*sequence, record(*sequence, *content))).collect();
        let stored = stored.iter().map(|(sequence, content)| entry(*sequence, *content)).collect();
        let numbers = released(audited, remembered, stored)
            .map(|entries| entries.iter().map(|(_, entry)| entry.sequence).collect::<Vec<_>>());
        assert_eq!(numbers, expect.map(<[u64]>::to_vec));
    }

    #[test]
    fn only_what_the_audit_log_names_was_released() {
        check(&[], 0, &[], Ok(&[]));
        check(&[(1, 7), (2, 8)], 2, &[(1, 7), (2, 8)], Ok(&[1, 2]));
        // A crash before the catalogue remembered the release.
        check(&[(1, 7), (2, 8)], 1, &[(1, 7), (2, 8)], Ok(&[1, 2]));
        // Crashes between ledger and audit log, once before a later release.
        check(&[(1, 7)], 1, &[(1, 7), (2, 8)], Ok(&[1]));
        check(&[], 0, &[(1, 7)], Ok(&[]));
        check(&[(2, 8)], 2, &[(1, 7), (2, 8)], Ok(&[2]));
    }

    #[test]
    fn a_cut_or_exchanged_entry_is_noticed() {
        check(&[(1, 7), (2, 8)], 2, &[(1, 7)], Err(LedgerFault::Missing(2)));
        check(&[(1, 7)], 1, &[], Err(LedgerFault::Missing(1)));
        check(&[(1, 7)], 1, &[(1, 9)], Err(LedgerFault::Exchanged(1)));
        check(&[(1, 7)], 2, &[(1, 7), (2, 8)], Err(LedgerFault::Unaudited(2)));
        check(&[], 1, &[], Err(LedgerFault::Unaudited(1)));
    }
}
