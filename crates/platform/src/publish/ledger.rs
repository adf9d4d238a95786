//! The ledger port: entries encrypted, in the catalogue, each with what its plan stands on.

use std::collections::BTreeSet;

use audit::PlanRecord;
use catalog::LedgerEntry;
use disclosure::{AuthenticatedEntry, GroupId, LedgerPort, LedgerState, PortError, SealedEntry};
use model::{DatasetId, Digest, Label};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use vault::{Context, OsEntropy};
use zeroize::Zeroizing;

use super::basis::Basis;
use super::cubes::stop_showing;
use super::releases::{LedgerFault, released};
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::requests;

/// A released entry, opened.
pub(crate) struct Opened {
    /// The group of the dataset that it is of.
    pub(super) group: GroupId,
    /// Digest of what everybody sees of it; none of an entry that waits.
    pub(super) shown: Option<Digest>,
    pub(crate) basis: Basis,
    pub(crate) entry: AuthenticatedEntry,
}

/// What the catalogue keeps about a group beside its ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Remembered {
    /// The revision that was last tried, with or without success: trying it again would end the same.
    pub(super) tried: Option<Digest>,
    /// Number of the last released entry; 0 where there is none.
    pub(super) released: u64,
    /// The revision of the last release of open data; the audit log says whether that was the group's last release.
    pub(super) open: Option<Digest>,
    /// The corrections that a revision was asked of and that are not published yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) revised: BTreeSet<Uuid>,
    /// What that revision was to show, by the digest that was previewed: it is published as this or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) agreed: Option<Digest>,
    /// What was last previewed of a revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) previewed: Option<Previewed>,
    /// Views that are new and were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_out: Option<LeftOut>,
}

/// That views which are new were left out: to find so again takes a plan with each new period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeftOut {
    /// Digest over what was defined and agreed then, the geography, and about how many periods there were: as long as it is the same they
    /// are not tried again.
    pub(super) of: Digest,
    /// Why.
    pub(super) reason: String,
}

/// A revision that was previewed: nothing else can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Previewed {
    /// Names what everybody would see, under a key.
    pub(super) digest: Digest,
    /// The corrections.
    pub(super) held: BTreeSet<Uuid>,
}

impl Remembered {
    /// Of a revision that was asked for nothing is left.
    pub(super) fn end_revision(&mut self) {
        self.revised.clear();
        self.agreed = None;
    }
}

impl Platform {
    /// The released entries of a group, oldest first. One that was never released is passed over.
    pub(crate) fn released_entries(&self, dataset: &DatasetId) -> Result<Vec<Opened>, PlatformError> {
        let group = ledger_group(dataset)?;
        let stored = self.catalog().ledger(&group, 0).map_err(PlatformError::failed("read the ledger"))?;
        let remembered = self.remembered(dataset)?.released;
        let entries = released(self.recorded().releases_of(&group), remembered, stored)
            .map_err(|fault| self.distrust(dataset, &fault))?;
        let open = |(record, entry): (PlanRecord, LedgerEntry)| self.open_entry(dataset, Some(record.released), &entry);
        entries.into_iter().map(open).collect()
    }

    /// One entry, opened; `shown` is the digest of what everybody sees of it, if anybody does.
    #[expect(clippy::disallowed_methods, reason = "`open_bytes` has just authenticated the bytes")]
    pub(super) fn open_entry(
        &self,
        dataset: &DatasetId,
        shown: Option<Digest>,
        entry: &LedgerEntry,
    ) -> Result<Opened, PlatformError> {
        let plain = self.open_plain(dataset, entry)?;
        let (basis, plan) = split(&plain).ok_or_else(|| unreadable(dataset))?;
        let mut basis: Basis = serde_json::from_slice(basis).map_err(PlatformError::failed("read the ledger"))?;
        if let Some(linked) = &mut basis.linked {
            linked.complete(&basis.partitions);
        }
        Ok(Opened {
            group: requests::group_of(dataset)?,
            shown,
            basis,
            entry: AuthenticatedEntry::from_vault(plan.to_vec()),
        })
    }

    fn open_plain(&self, dataset: &DatasetId, entry: &LedgerEntry) -> Result<Zeroizing<Vec<u8>>, PlatformError> {
        let key = self.keys().ledger()?;
        vault::open_bytes(&entry.ciphertext, &key, &ledger_context(dataset, entry.sequence))
            .map_err(PlatformError::failed("open the ledger"))
    }

    /// The entry of a group with this number, released or not.
    pub(super) fn ledger_entry(&self, group: &Label, sequence: u64) -> Result<LedgerEntry, PlatformError> {
        let stored = self.catalog().ledger(group, sequence.saturating_sub(1));
        let stored = stored.map_err(PlatformError::failed("read the ledger"))?;
        let missing = || PlatformError::Unavailable { reason: format!("entry {sequence} of a ledger is missing") };
        stored.into_iter().next().filter(|entry| entry.sequence == sequence).ok_or_else(missing)
    }

    pub(super) fn ledger_digest(&self, group: &Label, sequence: u64) -> Result<Digest, PlatformError> {
        Ok(self.ledger_entry(group, sequence)?.digest)
    }

    /// Takes a group out of service: ledger and audit log say otherwise what was released of it.
    pub(super) fn distrust(&self, dataset: &DatasetId, fault: &LedgerFault) -> PlatformError {
        tracing::error!(dataset = dataset.as_str(), %fault, "ledger and audit log do not belong together: not served");
        self.out_of_service(dataset, fault.to_string());
        PlatformError::Unavailable { reason: format!("`{dataset}` is not served: its records do not agree") }
    }

    /// Shows nothing of a group until it has been restored.
    pub(super) fn out_of_service(&self, dataset: &DatasetId, why: String) {
        self.change(|state| {
            state.distrusted.insert(dataset.clone(), why);
            stop_showing(state, dataset);
        });
    }

    pub(super) fn remembered(&self, dataset: &DatasetId) -> Result<Remembered, PlatformError> {
        let text = self.catalog().setting(&setting(dataset)?).map_err(PlatformError::failed("read a setting"))?;
        let read = |text: String| serde_json::from_str(&text).map_err(PlatformError::failed("read a setting"));
        text.map_or_else(|| Ok(Remembered::default()), read)
    }

    /// Changes it. Whoever else changed it in between is not overwritten: that is an error.
    pub(super) fn remember(
        &self,
        dataset: &DatasetId,
        change: impl FnOnce(&mut Remembered),
    ) -> Result<(), PlatformError> {
        let before = self.remembered(dataset)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let write = |value: &Remembered| serde_json::to_string(value).map_err(PlatformError::failed("write a setting"));
        let expected = if before == Remembered::default() { None } else { Some(write(&before)?) };
        self.catalog()
            .replace_setting(&setting(dataset)?, expected.as_deref(), &write(&after)?)
            .map_err(PlatformError::failed("store a setting"))
    }
}

fn unreadable(dataset: &DatasetId) -> PlatformError {
    PlatformError::Unavailable { reason: format!("an entry of the ledger of `{dataset}` cannot be read") }
}

fn setting(dataset: &DatasetId) -> Result<Label, PlatformError> {
    Ok(format!("published/{dataset}").parse()?)
}

pub(crate) fn ledger_group(dataset: &DatasetId) -> Result<Label, PlatformError> {
    Ok(dataset.as_str().parse()?)
}

fn ledger_context(dataset: &DatasetId, sequence: u64) -> Context {
    Context::new("ledger").with(dataset.as_str()).with(sequence.to_be_bytes())
}

/// The length of the basis, the basis, the plan.
fn join(basis: &[u8], plan: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = u64::try_from(basis.len()).unwrap_or(u64::MAX).to_be_bytes();
    let mut plain = Zeroizing::new(Vec::with_capacity(length.len() + basis.len() + plan.len()));
    plain.extend_from_slice(&length);
    plain.extend_from_slice(basis);
    plain.extend_from_slice(plan);
    plain
}

fn split(plain: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = plain.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)
}

/// Encrypts a plan with its basis and appends it to the catalogue's ledger.
pub(super) struct Ledger<'a> {
    platform: &'a Platform,
    dataset: &'a DatasetId,
    basis: &'a Basis,
    /// The last entry, released or not.
    last: Option<LedgerEntry>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(platform: &'a Platform, dataset: &'a DatasetId, basis: &'a Basis) -> Result<Self, PlatformError> {
        let group = ledger_group(dataset)?;
        let released = platform.recorded().releases_of(&group).last_key_value().map_or(0, |(sequence, _)| *sequence);
        let stored = platform.catalog().ledger(&group, released.saturating_sub(1));
        let last = stored.map_err(PlatformError::failed("read the ledger"))?.pop();
        Ok(Self { platform, dataset, basis, last })
    }
}

impl LedgerPort for Ledger<'_> {
    fn append(&mut self, entry: &SealedEntry) -> Result<u64, PortError> {
        let plain = join(&serde_json::to_vec(self.basis)?, entry.secret_bytes());
        // What waited for approval, or was cut short before its release was recorded, is there already.
        // One that cannot be opened is another one.
        let same =
            |last: &&LedgerEntry| self.platform.open_plain(self.dataset, last).is_ok_and(|stored| *stored == *plain);
        if let Some(last) = self.last.as_ref().filter(same) {
            return Ok(last.sequence);
        }
        let key = self.platform.keys().ledger()?;
        let sequence = self.last.as_ref().map_or(1, |last| last.sequence + 1);
        let context = ledger_context(self.dataset, sequence);
        let ciphertext = vault::seal_bytes(&plain, &key, &context, &mut OsEntropy)?;
        let digest = catalog::port::digest_of(&ciphertext);
        let stored = LedgerEntry { group: ledger_group(self.dataset)?, sequence, digest, ciphertext };
        self.platform.catalog().append_ledger(&stored)?;
        self.last = Some(stored);
        Ok(sequence)
    }
}

/// What was decided of a dataset before.
pub(super) fn ledger_state(dataset: &DatasetId, past: &[Opened]) -> Result<LedgerState, PlatformError> {
    LedgerState::decode(requests::group_of(dataset)?, past.last().map(|opened| &opened.entry))
        .map_err(PlatformError::failed("read the ledger"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basis_and_plan_come_apart_as_they_were_joined() {
        for (basis, plan) in [("{}", "plan"), ("", ""), ("basis", ""), ("", "plan")] {
            let plain = join(basis.as_bytes(), plan.as_bytes());
            assert_eq!(split(&plain), Some((basis.as_bytes(), plan.as_bytes())));
            for cut in 0..plain.len().saturating_sub(plan.len()) {
                assert_eq!(split(plain.get(..cut).unwrap()), None, "cut to {cut}");
            }
        }
        assert_eq!(split(&[0xff; 12]), None);
    }
}
