//! The permission to open data.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use jiff::Timestamp;
use model::contract::{Role as ColumnRole, Treatment};
use model::{DatasetId, Digest, Exposure, PurposeId, Tier};
use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::principal::{Action, ActionKind, Principal};
use crate::registry::{PolicyEpoch, Snapshot, Status};
use crate::request::Governing;
use crate::terms::Terms;

/// The permission to do one thing with some data, given by [`crate::decide`] and by nothing else. Functions that open
/// data take one.
///
/// It is not `Clone`: pass a reference. What outlives the request is its [`PermitRecord`], which opens nothing.
///
/// It cannot be made:
/// ```compile_fail
/// let permit = agreements::Permit::<agreements::Release> { action: std::marker::PhantomData };
/// ```
/// nor copied:
/// ```compile_fail
/// fn twice(permit: &agreements::Permit<agreements::Release>) -> agreements::Permit<agreements::Release> {
///     permit.clone()
/// }
/// ```
/// nor taken for a permit for something else:
/// ```compile_fail
/// fn other(permit: agreements::Permit<agreements::Derive>) -> agreements::Permit<agreements::Release> {
///     permit
/// }
/// ```
#[derive(Debug)]
#[must_use = "a permit is there to be handed to what opens the data"]
pub struct Permit<A: Action> {
    pub(crate) record: PermitRecord,
    pub(crate) terms: Terms,
    pub(crate) columns: BTreeMap<DatasetId, BTreeMap<String, AgreedColumn>>,
    pub(crate) exposures: BTreeMap<DatasetId, Exposure>,
    pub(crate) action: PhantomData<fn() -> A>,
}

/// What a permit said, for the audit log and for passing on. It opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermitRecord {
    /// What was permitted.
    pub action: ActionKind,
    /// To whom.
    pub principal: Principal,
    /// For what.
    pub purpose: PurposeId,
    /// The datasets, each once, with the agreements that govern them.
    pub inputs: Vec<Governing>,
    /// The tables.
    pub outputs: BTreeSet<Level>,
    /// The audience of a release.
    pub tier: Tier,
    /// Every agreement that allowed it.
    pub agreements: BTreeMap<Digest, Standing>,
    /// The state of all agreements at the decision.
    pub epoch: PolicyEpoch,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// Where an agreement stood when it allowed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Its name, `fire-incidents@1`.
    pub name: String,
    /// The grant that covered the request.
    pub grant: String,
    /// How many of its events were known.
    pub events: usize,
}

/// A column that may be taken from a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedColumn {
    /// What it is for.
    pub role: ColumnRole,
    /// What must be done to it, at least; the strictest of all agreements.
    pub treatment: Treatment,
    /// Where that is agreed.
    pub clause: String,
}

impl<A: Action> Permit<A> {
    /// Who is permitted.
    pub const fn principal(&self) -> &Principal {
        &self.record.principal
    }

    /// For what.
    pub const fn purpose(&self) -> &PurposeId {
        &self.record.purpose
    }

    /// The datasets, in order.
    pub fn datasets(&self) -> impl Iterator<Item = &DatasetId> {
        self.record.inputs.iter().map(|input| &input.dataset)
    }

    /// Each dataset with the agreements that govern it: what an intake writes in its manifest, and what governs
    /// anything derived from these data.
    pub fn inputs(&self) -> &[Governing] {
        &self.record.inputs
    }

    /// The tables that may be made.
    pub const fn outputs(&self) -> &BTreeSet<Level> {
        &self.record.outputs
    }

    /// The audience of a release.
    pub const fn tier(&self) -> Tier {
        self.record.tier
    }

    /// Every agreement that allowed it.
    pub const fn agreements(&self) -> &BTreeMap<Digest, Standing> {
        &self.record.agreements
    }

    /// The state of all agreements at the decision.
    pub const fn epoch(&self) -> PolicyEpoch {
        self.record.epoch
    }

    /// When it was decided.
    pub const fn decided_at(&self) -> Timestamp {
        self.record.decided_at
    }

    /// The meet of all terms.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The columns of a dataset that may be stored or read, by canonical name; `None` for a dataset that the permit
    /// does not name.
    pub fn agreed_columns(&self, dataset: &DatasetId) -> Option<&BTreeMap<String, AgreedColumn>> {
        self.columns.get(dataset)
    }

    /// Whether a dataset is open or controlled; `None` for a dataset that the permit does not name.
    pub fn exposure(&self, dataset: &DatasetId) -> Option<&Exposure> {
        self.exposures.get(dataset)
    }

    /// What to write down about it.
    pub const fn record(&self) -> &PermitRecord {
        &self.record
    }

    /// Whether it still holds: every agreement that it names is active now, none was suspended or terminated since the
    /// decision (even if it was resumed), and no dataset was closed. To be asked again before every byte that leaves.
    pub fn is_valid(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        let record = &self.record;
        let agreements_stand = record.agreements.iter().all(|(digest, standing)| {
            snapshot.status(digest, now) == Some(Status::Active)
                && snapshot
                    .events(digest)
                    .is_some_and(|log| !log.stopped_since(standing.events, record.decided_at, now))
        });
        agreements_stand && !record.agreements.is_empty() && self.datasets().all(|id| snapshot.faults(id).is_empty())
    }
}
