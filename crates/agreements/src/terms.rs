//! The terms on which data are used, and their meet: the terms that satisfy two agreements at once.
//!
//! Terms form a meet-semilattice: [`meet`] is commutative, associative and idempotent, and never gives more than
//! either side. Anything computed from several datasets is bound by the meet of all their terms.

use std::collections::BTreeSet;

use jiff::civil::Date;
use model::{DatasetId, PurposeId, Tier};
use serde::{Deserialize, Serialize};

use crate::grant::RecipientPattern;
use crate::level::Levels;
use crate::links::{self, LinkTerms};
use crate::noise::{self, NoiseTerms};
use crate::primary::PrimaryRules;
use crate::principal::{ActionKind, Recipient, Role};

/// A way to protect a published table. Of several that are accepted one is used, [`Method::used`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Withhold cells until the rest says nothing about them.
    Suppress,
    /// Add keyed noise, as [`NoiseTerms`] ask. Used only where `suppress` is not accepted.
    Perturb,
}

impl Method {
    /// The method that is used where these are accepted: `suppress` wherever it is, otherwise `perturb`; none, if none is.
    #[must_use]
    pub fn used(accepted: &BTreeSet<Self>) -> Option<Self> {
        [Self::Suppress, Self::Perturb].into_iter().find(|method| accepted.contains(method))
    }
}

/// What becomes of zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Zeros {
    /// Zeros are disclosive and protected like small counts. The stricter.
    Protect,
    /// Zeros are published where they disclose nothing.
    Publish,
}

/// Whether a recipient may pass a release on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Onward {
    /// No.
    None,
    /// To the grant's other recipients, within what was released.
    Recipients,
}

/// What is forbidden whatever is granted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
pub struct Forbids {
    /// Purposes.
    pub purposes: BTreeSet<PurposeId>,
    /// Datasets never to link with.
    pub links: BTreeSet<DatasetId>,
    /// Recipients.
    pub recipients: BTreeSet<RecipientPattern>,
}

/// The terms of one agreement for one request, or of several together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// Purposes of the grant.
    pub purposes: BTreeSet<PurposeId>,
    /// Recipients of the grant.
    pub recipients: BTreeSet<Recipient>,
    /// Actions of the grant.
    pub actions: BTreeSet<ActionKind>,
    /// The widest audience.
    pub tier: Tier,
    /// The first day on which nothing is allowed any more.
    pub expires: Date,
    /// New ad-hoc releases an organisation may ask for in a calendar year.
    pub query_budget: u32,
    /// Days that the suppliers' files are kept.
    pub raw_days: u32,
    /// Days that the tables made of them are kept.
    pub derived_days: u32,
    /// The least number of distinct contributors that a count may show; counts from 1 to k - 1 are protected.
    pub k: u32,
    /// Published counts are rounded to multiples of this; 1 is no rounding, the greatest value is "nothing is fine".
    pub rounding: u32,
    /// The protection methods that are accepted; none means that the data cannot be published together.
    pub methods: BTreeSet<Method>,
    /// What becomes of zeros.
    pub zeros: Zeros,
    /// The other rules that a figure must pass before it is shown.
    pub primary: PrimaryRules,
    /// How much noise figures must get where [`Method::Perturb`] is used; none, if no agreement says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseTerms>,
    /// How much figures about linked records may tell; none are published, unless all agreements say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<LinkTerms>,
    /// Who must approve each publication before it is one: all of these roles.
    pub approval: BTreeSet<Role>,
    /// How fine tables may be.
    pub levels: Levels,
    /// Whether a release may be passed on.
    pub onward: Onward,
    /// What whoever uses the data must do, in words, for example how to name the source.
    pub obligations: BTreeSet<String>,
    /// What is forbidden.
    pub forbids: Forbids,
}

/// The terms that satisfy both: permissions intersect, limits take the stricter, duties and forbids unite.
#[must_use]
pub fn meet(a: &Terms, b: &Terms) -> Terms {
    Terms {
        purposes: intersection(&a.purposes, &b.purposes),
        recipients: intersection(&a.recipients, &b.recipients),
        actions: intersection(&a.actions, &b.actions),
        tier: a.tier.min(b.tier),
        expires: a.expires.min(b.expires),
        query_budget: a.query_budget.min(b.query_budget),
        raw_days: a.raw_days.min(b.raw_days),
        derived_days: a.derived_days.min(b.derived_days),
        k: a.k.max(b.k),
        rounding: least_common_multiple(a.rounding, b.rounding),
        methods: intersection(&a.methods, &b.methods),
        zeros: a.zeros.min(b.zeros),
        primary: a.primary.meet(&b.primary),
        noise: noise::meet(a.noise, b.noise),
        links: links::meet(a.links, b.links),
        approval: union(&a.approval, &b.approval),
        levels: a.levels.meet(b.levels),
        onward: a.onward.min(b.onward),
        obligations: union(&a.obligations, &b.obligations),
        forbids: Forbids {
            purposes: union(&a.forbids.purposes, &b.forbids.purposes),
            links: union(&a.forbids.links, &b.forbids.links),
            recipients: union(&a.forbids.recipients, &b.forbids.recipients),
        },
    }
}

impl Terms {
    /// Whether these terms allow nothing that `other` does not.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        meet(self, other) == *self
    }
}

fn intersection<T: Ord + Clone>(a: &BTreeSet<T>, b: &BTreeSet<T>) -> BTreeSet<T> {
    a.intersection(b).cloned().collect()
}

fn union<T: Ord + Clone>(a: &BTreeSet<T>, b: &BTreeSet<T>) -> BTreeSet<T> {
    a.union(b).cloned().collect()
}

/// The least common multiple; beyond `u32::MAX`, which then absorbs everything, so that the operation stays
/// associative.
fn least_common_multiple(a: u32, b: u32) -> u32 {
    if a == u32::MAX || b == u32::MAX {
        return u32::MAX;
    }
    let (mut x, mut y) = (u64::from(a.max(1)), u64::from(b.max(1)));
    let product = x * y;
    while y != 0 {
        (x, y) = (y, x % y);
    }
    u32::try_from(product / x).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
