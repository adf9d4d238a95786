//! How it is written what linked figures stand on; and how it was when records of all periods were linked at once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{AreaType, DatasetId, Period, PeriodType};
use serde::Deserialize;
use uuid::Uuid;

use super::{Linked, LinkedPeriod};
use crate::publish::basis::Partition;

/// See the module.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Stored {
    Now(Now),
    AllAtOnce(AllAtOnce),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Now {
    areas: BTreeSet<AreaType>,
    period: PeriodType,
    odds: u32,
    rounding: u32,
    periods: Vec<LinkedPeriod>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllAtOnce {
    versions: BTreeMap<DatasetId, BTreeSet<Uuid>>,
    areas: BTreeSet<AreaType>,
    period: PeriodType,
    odds: u32,
    periods: Vec<Period>,
    at: Timestamp,
}

impl From<Stored> for Linked {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Now(Now { areas, period, odds, rounding, periods }) => {
                Self { areas, period, odds, rounding, periods, before: None }
            }
            Stored::AllAtOnce(AllAtOnce { versions, areas, period, odds, periods, at }) => {
                let periods = periods.into_iter().map(|period| LinkedPeriod { period, at, from: BTreeMap::new() });
                // What each was linked from is with the partitions.
                Self { areas, period, odds, rounding: 1, periods: periods.collect(), before: Some(versions) }
            }
        }
    }
}

impl Linked {
    /// Of an older entry, the partitions that its periods were linked from.
    pub(in crate::publish) fn complete(&mut self, partitions: &[Partition]) {
        let Some(versions) = self.before.take() else { return };
        for of in &mut self.periods {
            for (dataset, versions) in &versions {
                let is_in = |one: &&Partition| versions.contains(&one.version) && one.period.overlaps(of.period);
                of.from.insert(dataset.clone(), partitions.iter().filter(is_in).cloned().collect());
            }
        }
    }
}
