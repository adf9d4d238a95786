//! The audit port: a release is recorded before it happens.

use std::collections::BTreeSet;

use disclosure::{AuditPort, PortError, ReleaseRecord};
use model::{DatasetId, Digest, ViewId};
use uuid::Uuid;

use crate::definitions::Definitions;
use crate::error::PlatformError;
use crate::platform::Platform;

/// Records a release before it happens.
pub(super) struct Audit<'a> {
    pub(super) platform: &'a Platform,
    pub(super) work_id: Uuid,
    pub(super) views: BTreeSet<ViewId>,
    pub(super) agreements: BTreeSet<Digest>,
}

impl Audit<'_> {
    /// Open data are in no plan and no ledger: everybody has them.
    pub(super) fn record_open(&self, dataset: &DatasetId) -> Result<(), PlatformError> {
        self.platform.record(audit::Entry::Released {
            work_id: self.work_id,
            group: dataset.as_str().parse()?,
            views: self.views.clone(),
            plan: None,
            agreements: self.agreements.clone(),
        })
    }
}

impl AuditPort for Audit<'_> {
    fn record_release(&mut self, record: &ReleaseRecord) -> Result<u64, PortError> {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let group: model::Label = record.group.as_str().parse()?;
        let stored = self.platform.catalog().ledger(&group, record.ledger_entry.saturating_sub(1))?;
        let entry = stored.first().filter(|entry| entry.sequence == record.ledger_entry);
        let entry = entry.ok_or("the ledger does not have the entry that is to be released")?;
        let receipt = self.platform.record_numbered(audit::Entry::Released {
            work_id: self.work_id,
            group,
            views: self.views.clone(),
            plan: Some(audit::PlanRecord {
                released: record.digest,
                ledger_sequence: record.ledger_entry,
                ledger_entry: entry.digest,
                cells_shown: count(record.cells_released),
                cells_withheld: count(record.cells_withheld),
                steps: record.steps,
            }),
            agreements: self.agreements.clone(),
        })?;
        Ok(receipt.sequence)
    }
}

pub(super) fn views_on(definitions: &Definitions, dataset: &DatasetId) -> BTreeSet<ViewId> {
    definitions
        .indicators_on(dataset)
        .flat_map(|indicator| indicator.views.iter().filter_map(|view| indicator.view_id(view).ok()))
        .collect()
}
