//! Grants: who may do what with which dataset for what purpose, as one indivisible whole.

use std::collections::BTreeSet;
use std::fmt;

use model::{DatasetId, OrganisationId, PurposeId};
use serde::{Deserialize, Serialize};

use crate::party::{Membership, Party};
use crate::principal::{ActionKind, Recipient, Role};

/// One grant. A request is covered by one grant as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Its name inside the agreement.
    pub id: String,
    /// For what.
    pub purposes: BTreeSet<PurposeId>,
    /// What may be done.
    pub actions: BTreeSet<ActionKind>,
    /// By and for whom.
    pub recipients: Vec<RecipientPattern>,
    /// With which datasets of the agreement.
    pub datasets: BTreeSet<DatasetId>,
    /// Which other datasets they may be linked with.
    #[serde(default)]
    pub link_with: BTreeSet<DatasetId>,
}

/// A rule that describes recipients: `{ public = true }`, or an organisation or membership with roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientPattern {
    /// One party. In `[forbid]`, absent means every organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationId>,
    /// Every party with this membership; in grants only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// The roles. In `[forbid]`, none means every role.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
    /// Anyone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
}

impl RecipientPattern {
    /// Whether a prohibition meets this recipient.
    #[must_use]
    pub fn forbids(&self, recipient: &Recipient) -> bool {
        match recipient {
            Recipient::Public => self.public,
            Recipient::Partner { organisation, role } => {
                !self.public
                    && self.organisation.as_ref().is_none_or(|named| named == organisation)
                    && (self.roles.is_empty() || self.roles.contains(role))
            }
        }
    }

    /// The recipients that a grant with this pattern means.
    fn expand(&self, parties: &[Party], into: &mut BTreeSet<Recipient>) {
        if self.public {
            into.insert(Recipient::Public);
        }
        let member = |party: &&Party| self.membership == Some(party.membership);
        let members = parties.iter().filter(member).map(|party| &party.id);
        for organisation in members.chain(&self.organisation) {
            for role in &self.roles {
                into.insert(Recipient::Partner { organisation: organisation.clone(), role: *role });
            }
        }
    }
}

impl fmt::Display for RecipientPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.public {
            return f.write_str("the public");
        }
        if self.roles.is_empty() {
            f.write_str("everyone")?;
        } else {
            let roles: Vec<_> = self.roles.iter().map(|role| role.as_str()).collect();
            f.write_str(&roles.join(", "))?;
        }
        match (&self.organisation, self.membership) {
            (Some(organisation), _) => write!(f, " of {organisation}"),
            (None, Some(membership)) => write!(f, " of every {membership} partner"),
            (None, None) => f.write_str(" of any organisation"),
        }
    }
}

impl Grant {
    /// Everyone the grant names.
    #[must_use]
    pub fn recipients(&self, parties: &[Party]) -> BTreeSet<Recipient> {
        let mut recipients = BTreeSet::new();
        for pattern in &self.recipients {
            pattern.expand(parties, &mut recipients);
        }
        recipients
    }
}
