//! Who asks, in which role, and what they ask to do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use model::{OrganisationId, PurposeId};
use serde::{Deserialize, Serialize};

/// What is done with data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Taking a supplier's file in.
    Ingest,
    /// Joining records about the same person from several datasets.
    Link,
    /// Computing an aggregate.
    Derive,
    /// Showing an aggregate to someone.
    Release,
}

impl ActionKind {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Link, Self::Derive, Self::Release];

    /// The name used in files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Link => "link",
            Self::Derive => "derive",
            Self::Release => "release",
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ActionKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("`{text}` is not an action: use ingest, link, derive or release"))
    }
}

mod sealed {
    pub trait Sealed {}
}

/// An action as a type, so that a permit for one action is never taken for a permit for another.
pub trait Action: sealed::Sealed {
    /// The action as a value.
    const KIND: ActionKind;
}

macro_rules! action {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Action for $name {
            const KIND: ActionKind = ActionKind::$name;
        }
    };
}

action!(
    /// Taking a supplier's file in.
    Ingest
);
action!(
    /// Joining records about the same person from several datasets.
    Link
);
action!(
    /// Computing an aggregate.
    Derive
);
action!(
    /// Showing an aggregate to someone.
    Release
);

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Supplies a partner's data and sees what became of them.
    PartnerOfficer,
    /// Asks questions of the common data set.
    Analyst,
    /// A dashboard or other program that shows tables.
    Dashboard,
    /// Looks at a table before it is published.
    Reviewer,
    /// Governs agreements; sees no data.
    Governance,
    /// Runs the platform: its pulls and its publishing jobs.
    Operator,
    /// Anyone, without a credential.
    Public,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::PartnerOfficer,
        Self::Analyst,
        Self::Dashboard,
        Self::Reviewer,
        Self::Governance,
        Self::Operator,
        Self::Public,
    ];

    /// The name used in files and credentials.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PartnerOfficer => "partner-officer",
            Self::Analyst => "analyst",
            Self::Dashboard => "dashboard",
            Self::Reviewer => "reviewer",
            Self::Governance => "governance",
            Self::Operator => "operator",
            Self::Public => "public",
        }
    }

    /// Whether someone in this role may ever do this, whatever the agreements say.
    #[must_use]
    pub const fn permits(self, action: ActionKind) -> bool {
        match self {
            Self::PartnerOfficer => !matches!(action, ActionKind::Link),
            Self::Analyst => !matches!(action, ActionKind::Ingest),
            Self::Dashboard => matches!(action, ActionKind::Derive | ActionKind::Release),
            Self::Reviewer | Self::Public => matches!(action, ActionKind::Release),
            Self::Governance => false,
            Self::Operator => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not a role: use partner-officer, analyst, dashboard, reviewer, governance or operator")
        })
    }
}

/// Who asks, from their credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// The organisation; `None` for the public only.
    pub organisation: Option<OrganisationId>,
    /// The role.
    pub role: Role,
    /// The purposes that the credential may name. A member of the public has none and needs none.
    pub purposes: BTreeSet<PurposeId>,
}

impl Principal {
    /// Someone in an organisation.
    #[must_use]
    pub fn new(organisation: OrganisationId, role: Role, purposes: impl IntoIterator<Item = PurposeId>) -> Self {
        Self { organisation: Some(organisation), role, purposes: purposes.into_iter().collect() }
    }

    /// Anyone, without a credential.
    #[must_use]
    pub const fn public() -> Self {
        Self { organisation: None, role: Role::Public, purposes: BTreeSet::new() }
    }

    /// Who would receive what is released to this principal; `None` if the credential names no organisation although
    /// its role needs one: then nothing is ever granted.
    #[must_use]
    pub fn recipient(&self) -> Option<Recipient> {
        match (&self.organisation, self.role) {
            (_, Role::Public) => Some(Recipient::Public),
            (Some(organisation), role) => Some(Recipient::Partner { organisation: organisation.clone(), role }),
            (None, _) => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.recipient() {
            Some(recipient) => recipient.fmt(f),
            None => write!(f, "{} of no organisation", self.role),
        }
    }
}

/// Who receives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipient {
    /// A role in an organisation.
    Partner {
        /// The organisation.
        organisation: OrganisationId,
        /// The role.
        role: Role,
    },
    /// Anyone.
    Public,
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partner { organisation, role } => write!(f, "{role} of {organisation}"),
            Self::Public => f.write_str("the public"),
        }
    }
}
