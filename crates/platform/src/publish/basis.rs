//! What a release stands on. It is stored with the plan, encrypted in the same ledger entry, so that what is said about
//! published figures is always what is true of them and not of whatever was taken in since.

use std::collections::{BTreeMap, BTreeSet};

use agreements::{Governing, OptOutEvidence, Snapshot};
use catalog::{DatasetVersion, OptOutDeclaration};
use engine::{GroupRequest, TableSpec};
use model::{AreaType, BoundaryYear, DatasetId, Digest, Period, PeriodType, ViewId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::placing::Located;
use crate::opt_outs;

/// What a group's released cells stand on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Basis {
    /// Digest over everything that the tables depend on.
    pub(crate) revision: Digest,
    /// Digest over the rules of the plan.
    pub(super) policy: Digest,
    /// Digest of the geography.
    pub(super) geography: Digest,
    /// Vintage of the areas of each type.
    pub(crate) boundary_years: BTreeMap<AreaType, BoundaryYear>,
    /// How its figures got to their areas.
    pub(super) located: Located,
    /// Whether the figures were open before.
    pub(crate) open: bool,
    /// The partitions, by period.
    pub(crate) partitions: Vec<Partition>,
    /// The views that may be shown of it.
    pub(crate) views: BTreeSet<ViewId>,
    /// What is sensitive of it: a mark on such a cell says nothing about zeros, on others it does.
    #[serde(default)]
    pub(crate) sensitive: BTreeSet<String>,
    /// Digest over what everybody knows that its counts are at most; `None` where nothing is known.
    #[serde(default)]
    pub(super) bounds: Option<Digest>,
    /// The partners by way of whom its rows came, in the order of their numbers.
    #[serde(default)]
    pub(crate) partners: Vec<String>,
    /// Every table that any plan of the group ever decided: all of them stay in the universe.
    pub(crate) tables: Vec<Registration>,
}

/// A partition as it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Partition {
    pub(crate) version: Uuid,
    pub(crate) period: Period,
    pub(crate) agreements: BTreeSet<Digest>,
    /// What its sender declared about opt-outs.
    pub(crate) opt_outs: Option<OptOutDeclaration>,
}

/// A table that was decided, whoever asked for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    /// Identity of what is summed.
    pub(crate) measure: String,
    pub(crate) column: String,
    pub(crate) filter: BTreeMap<String, Vec<String>>,
    pub(crate) area_type: AreaType,
    pub(crate) period_type: PeriodType,
    pub(crate) periods: Vec<Period>,
    /// Dimensions, each with its categories.
    pub(crate) by: Vec<(String, Vec<String>)>,
}

impl Registration {
    pub(super) fn of(table: &TableSpec) -> Self {
        Self {
            measure: table.measure.id.to_string(),
            column: table.measure.column.clone(),
            filter: table.measure.filter.clone(),
            area_type: table.areas.area_type,
            period_type: table.period_type,
            periods: table.periods.clone(),
            by: table.by.iter().map(|dimension| (dimension.name.clone(), dimension.categories.clone())).collect(),
        }
    }
}

impl Registration {
    /// Whether a dimension or measure has a part in it.
    fn uses(&self, name: &str) -> bool {
        self.column == name || self.filter.contains_key(name) || self.by.iter().any(|(dimension, _)| dimension == name)
    }
}

impl Partition {
    pub(super) fn of(version: &DatasetVersion) -> Self {
        let facts = &version.facts;
        Self {
            version: facts.id,
            period: facts.period,
            agreements: facts.agreements.clone(),
            opt_outs: facts.opt_outs.clone(),
        }
    }
}

impl Basis {
    /// Why nothing can be released after this that stands on another: what is out already would mean something else.
    pub(super) fn cannot_become(&self, next: &Self) -> Option<&'static str> {
        if self.open || next.open {
            return None;
        }
        let mut changed = self.sensitive.symmetric_difference(&next.sensitive);
        // A column that no decided table is about has given no mark a meaning.
        if changed.any(|name| self.tables.iter().any(|table| table.uses(name))) {
            return Some("what is sensitive differs from its last release, so that marks would change their meaning");
        }
        if !next.partners.starts_with(&self.partners) {
            return Some(
                "its contract lists partners in another order than at its last release: add new ones at the end",
            );
        }
        None
    }

    /// Every table of a request, asked for or only kept.
    pub(super) fn registrations(request: &GroupRequest) -> Vec<Registration> {
        let mut tables: Vec<Registration> = request.tables.iter().map(Registration::of).collect();
        tables.sort_unstable();
        tables
    }

    /// The periods of its partitions, in order.
    pub(crate) fn periods(&self) -> Vec<Period> {
        let mut periods: Vec<Period> = self.partitions.iter().map(|partition| partition.period).collect();
        periods.sort_unstable();
        periods
    }

    /// The agreements that bind the data it was made of.
    pub(crate) fn agreements(&self) -> BTreeSet<Digest> {
        self.partitions.iter().flat_map(|partition| partition.agreements.iter().copied()).collect()
    }

    pub(crate) fn governing(&self, dataset: &DatasetId) -> Governing {
        Governing { dataset: dataset.clone(), agreements: self.agreements() }
    }

    /// The evidence that opt-outs were applied to all of it.
    pub(crate) fn opt_outs(&self, snapshot: &Snapshot, governing: &Governing) -> Vec<OptOutEvidence> {
        opt_outs::together(snapshot, governing, self.partitions.iter().map(|partition| partition.opt_outs.as_ref()))
    }

    /// Whether a table was decided with exactly these categories.
    pub(crate) fn has(&self, measure: &str, area_type: AreaType, by: &[engine::Dimension]) -> bool {
        self.tables.iter().any(|table| {
            table.measure == measure
                && table.area_type == area_type
                && table.by.len() == by.len()
                && table.by.iter().zip(by).all(|((name, categories), d)| *name == d.name && *categories == d.categories)
        })
    }

    /// What of this is otherwise in another, in words; nothing if a plan made of either is the same.
    pub(super) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        if self == other {
            return None;
        }
        Some(if self.partitions != other.partitions {
            "other data came"
        } else if self.policy != other.policy || self.open != other.open {
            "the rules of its agreements changed"
        } else if self.geography != other.geography {
            "the geography changed"
        } else {
            "its definitions, or how many people are known to live in its areas, changed"
        })
    }

    /// Whether two plans stand on the same, so that equal figures make the later one superfluous.
    pub(super) fn stands_on_the_same(&self, other: &Self) -> bool {
        Self { revision: other.revision, ..self.clone() } == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_uses_what_it_sums_filters_and_tells_apart() {
        let table = Registration {
            measure: "a|count".to_owned(),
            column: "count".to_owned(),
            filter: BTreeMap::from([("reason".to_owned(), vec!["debt".to_owned()])]),
            area_type: AreaType::District,
            period_type: PeriodType::CalendarYear,
            periods: Vec::new(),
            by: vec![("sex".to_owned(), vec!["female".to_owned()])],
        };
        let used = ["count", "reason", "sex", "age"].map(|name| table.uses(name));
        assert_eq!(used, [true, true, true, false]);
    }
}
