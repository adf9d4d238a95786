//! A refusal: everything that stands in the way, and how much of it a reader may see.

use std::collections::BTreeSet;
use std::fmt;

use model::{OrganisationId, PurposeId};
use serde::Serialize;

use crate::blocker::{Blocker, BlockerCode};
use crate::principal::{Principal, Role};

/// Why a request is refused. All blockers are listed: removing all of them allows the request, removing some does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused, reference {reference}")]
pub struct Denial {
    /// A reference to quote; says nothing by itself.
    pub reference: String,
    /// The purpose that was decided about.
    pub purpose: PurposeId,
    /// The organisations that know of what was asked for: the parties to agreements on all of it.
    pub parties: BTreeSet<OrganisationId>,
    /// Everything in the way, in a fixed order; never empty.
    pub blockers: Vec<Blocker>,
}

/// What a reader may see of a denial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DenialView {
    /// The first blocker's code; for an outsider always `not-available`, as for data that do not exist.
    pub code: &'static str,
    /// The reference to quote.
    pub reference: String,
    /// The blockers that the reader may see.
    pub blockers: Vec<Blocker>,
    /// Whether there may be others.
    pub partial: bool,
}

impl Denial {
    /// The code of the first blocker.
    #[must_use]
    pub fn code(&self) -> BlockerCode {
        self.blockers.first().map_or(BlockerCode::NoAgreement, |blocker| blocker.code)
    }

    /// What this reader may see: a party to an agreement what that agreement says, the platform's own operators and
    /// governance everything, anyone else the reference alone.
    #[must_use]
    pub fn view(&self, reader: &Principal) -> DenialView {
        let everything = reader.organisation.is_some() && matches!(reader.role, Role::Operator | Role::Governance);
        let named = |blocker: &Blocker| match (&blocker.audience, &reader.organisation) {
            (Some(audience), Some(organisation)) => audience.contains(organisation),
            (Some(_), None) => false,
            (None, _) => true,
        };
        // Not by the blockers alone: one that comes from the caller's own credential names nobody.
        let party = |organisation: &OrganisationId| {
            self.parties.contains(organisation)
                || self
                    .blockers
                    .iter()
                    .any(|blocker| blocker.audience.as_ref().is_some_and(|a| a.contains(organisation)))
        };
        let outsider = reader.role == Role::Public || !reader.organisation.as_ref().is_some_and(party);
        let seen: Vec<_> = if everything {
            self.blockers.clone()
        } else if outsider {
            Vec::new()
        } else {
            self.blockers.iter().filter(|blocker| named(blocker)).cloned().collect()
        };
        DenialView {
            code: seen.first().map_or("not-available", |blocker| blocker.code.as_str()),
            reference: self.reference.clone(),
            partial: !everything,
            blockers: seen,
        }
    }
}

impl fmt::Display for DenialView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (reference {})", self.code, self.reference)?;
        self.blockers.iter().try_for_each(|blocker| write!(f, "\n  {blocker}"))
    }
}
