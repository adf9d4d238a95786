//! What is asked: by whom, for what, with which data.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::{DatasetId, Digest, Period, PurposeId, Tier};
use serde::{Deserialize, Serialize};

use crate::level::Level;
use crate::permit::PermitRecord;
use crate::principal::Principal;

/// The agreements that govern a dataset version, bound to it at intake and kept in its manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governing {
    /// The dataset.
    pub dataset: DatasetId,
    /// The digests of the agreements. All of them must allow every use.
    pub agreements: BTreeSet<Digest>,
}

impl Governing {
    /// What governs something derived from all these: each dataset once, under every agreement that any of them
    /// names. Deriving in many steps therefore ends where deriving in one does.
    #[must_use]
    pub fn combine<'a>(inputs: impl IntoIterator<Item = &'a Self>) -> Vec<Self> {
        let mut combined: BTreeMap<DatasetId, BTreeSet<Digest>> = BTreeMap::new();
        for input in inputs {
            combined.entry(input.dataset.clone()).or_default().extend(input.agreements.iter().copied());
        }
        combined.into_iter().map(|(dataset, agreements)| Self { dataset, agreements }).collect()
    }
}

/// Evidence that people who opted out were left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptOutEvidence {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// Under which scheme.
    pub scheme: String,
    /// When the list of people who opted out was applied.
    pub applied_at: Timestamp,
}

/// Figures of linked records. Whoever reads them needs a grant to link, and agreements that let figures tell so much, at that moment;
/// opt-outs had to be fresh when the records were linked: they are not linked again by reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkedFigures {
    /// When records were linked.
    pub at: Timestamp,
    /// By how many times they may change odds about one person.
    pub odds: u32,
    /// What they are rounded to.
    pub rounding: u32,
}

/// A request to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub principal: Principal,
    /// For what; one purpose.
    pub purpose: PurposeId,
    /// The dataset versions, as their manifests bind them. For an intake, which has no manifest yet, the agreements
    /// in the snapshot are added by the decision itself.
    pub inputs: Vec<Governing>,
    /// The tables that are computed or shown; a release names at least one.
    pub outputs: BTreeSet<Level>,
    /// For a release: to the caller, or to anyone.
    pub tier: Tier,
    /// For an intake: the period that the file covers.
    pub period: Option<Period>,
    /// Evidence of opt-outs.
    pub opt_outs: Vec<OptOutEvidence>,
    /// For passing on what was released: the record of the permit it was released under.
    pub onward_of: Option<PermitRecord>,
}

impl Request {
    /// A request for the caller alone, without tables, evidence or period.
    #[must_use]
    pub fn new(principal: Principal, purpose: PurposeId, inputs: Vec<Governing>) -> Self {
        Self {
            principal,
            purpose,
            inputs,
            outputs: BTreeSet::new(),
            tier: Tier::Partners,
            period: None,
            opt_outs: Vec::new(),
            onward_of: None,
        }
    }

    /// A request to take in a file of a dataset.
    #[must_use]
    pub fn ingest(principal: Principal, purpose: PurposeId, dataset: DatasetId, period: Period) -> Self {
        let inputs = vec![Governing { dataset, agreements: BTreeSet::new() }];
        Self { period: Some(period), ..Self::new(principal, purpose, inputs) }
    }

    /// The same with these tables.
    #[must_use]
    pub fn with_outputs(self, outputs: impl IntoIterator<Item = Level>) -> Self {
        Self { outputs: outputs.into_iter().collect(), ..self }
    }

    /// The same for this audience.
    #[must_use]
    pub fn for_tier(self, tier: Tier) -> Self {
        Self { tier, ..self }
    }

    /// The same with this evidence.
    #[must_use]
    pub fn with_opt_outs(self, opt_outs: Vec<OptOutEvidence>) -> Self {
        Self { opt_outs, ..self }
    }
}
