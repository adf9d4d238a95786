//! Whether permits cover a request: asked before anything is opened.

use std::collections::{BTreeMap, BTreeSet};

use agreements::{Action, Derive, Levels, Permit, Snapshot};
use jiff::Timestamp;
use model::{DatasetId, Exposure, IndicatorId};

use crate::error::EngineError;
use crate::request::{GroupRequest, StoredTable, TableSpec};

/// The permits of a request: one for each indicator, and the state of the agreements that they must still hold in.
#[derive(Debug, Clone, Copy)]
pub struct Permits<'a> {
    /// Each indicator with its own permit.
    pub of: &'a BTreeMap<IndicatorId, Permit<Derive>>,
    /// The agreements.
    pub snapshot: &'a Snapshot,
    /// The moment.
    pub now: Timestamp,
}

impl Permits<'_> {
    /// Whether every table of the request may be computed from these stored tables, at this moment.
    pub(crate) fn check(&self, tables: &[StoredTable], request: &GroupRequest) -> Result<(), EngineError> {
        if self.of.is_empty() {
            return Err(refused(format!("dataset `{}`", request.dataset)));
        }
        for (indicator, permit) in self.of {
            if !permit.is_valid(self.snapshot, self.now) {
                return Err(refused(format!("indicator `{indicator}` any longer")));
            }
            covers_stored(permit, tables, &request.dataset)?;
            // Open only if every agreement says so; what is treated as controlled although it is open loses nothing.
            let open = permit.exposure(&request.dataset);
            if request.exposure != Exposure::Controlled && open != Some(&request.exposure) {
                return Err(refused(format!("dataset `{}` as open data", request.dataset)));
            }
        }
        request.tables.iter().try_for_each(|table| self.covers(table, request))
    }

    fn covers(&self, table: &TableSpec, request: &GroupRequest) -> Result<(), EngineError> {
        for indicator in &table.asked_by {
            let permit = self.of.get(indicator).ok_or_else(|| refused(format!("indicator `{indicator}`")))?;
            let levels = Levels::at_least_as_coarse_as(permit.outputs().iter().copied());
            if !levels.contains(table.level()) {
                return Err(refused(format!("a table of `{}` by {}", request.dataset, table.level())));
            }
            columns(permit, table, request)?;
        }
        if table.asked_by.is_empty() && !self.of.values().any(|permit| columns(permit, table, request).is_ok()) {
            return Err(refused(format!("a table of `{}` that was decided before", request.dataset)));
        }
        Ok(())
    }
}

/// Whether a permit covers everything that is stored of a dataset: it is opened as a whole.
pub(crate) fn covers_stored<A: Action>(
    permit: &Permit<A>,
    tables: &[StoredTable],
    dataset: &DatasetId,
) -> Result<(), EngineError> {
    let input = permit.inputs().iter().find(|input| input.dataset == *dataset);
    let input = input.ok_or_else(|| refused(format!("dataset `{dataset}`")))?;
    let bound: BTreeSet<_> = tables.iter().flat_map(|table| &table.agreements).collect();
    match bound.iter().find(|digest| !input.agreements.contains(**digest)) {
        Some(other) => Err(refused(format!("data of `{dataset}` bound to agreement `{other}`"))),
        None => Ok(()),
    }
}

fn columns(permit: &Permit<Derive>, table: &TableSpec, request: &GroupRequest) -> Result<(), EngineError> {
    let agreed = permit.agreed_columns(&request.dataset);
    let missing = table
        .columns()
        .chain(request.partner.as_deref())
        // A row is one event whatever its columns are.
        .find(|column| *column != "count" && !agreed.is_some_and(|agreed| agreed.contains_key(*column)));
    match missing {
        None => Ok(()),
        Some(column) => Err(refused(format!("column `{column}` of `{}`", request.dataset))),
    }
}

const fn refused(what: String) -> EngineError {
    EngineError::NotPermitted { what }
}

#[cfg(test)]
mod tests;
