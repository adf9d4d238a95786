//! Who made an agreement, and their signatures.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use model::{Digest, OrganisationId};
use serde::{Deserialize, Serialize};

use crate::canonical::sha256;
use crate::date;
use crate::signature::{PublicKey, SignatureBytes};

/// `[[party]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The organisation.
    pub id: OrganisationId,
    /// What it is in this agreement.
    pub role: PartyRole,
    /// How it belongs to the partnership.
    pub membership: Membership,
    /// Whom to ask.
    pub contacts: Contacts,
    /// How it shows that it keeps data safely.
    pub assurance: Assurance,
    /// Its signature; absent until it has signed.
    pub signature: Option<PartySignature>,
}

/// What a party is in an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartyRole {
    /// Decides why and how data are used.
    Controller,
    /// Decides so together with others.
    JointController,
    /// Works for a controller.
    Processor,
}

/// How an organisation belongs to the partnership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Membership {
    /// A full partner.
    Full,
    /// An affiliated partner.
    Affiliated,
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Affiliated => "affiliated",
        })
    }
}

/// Whom to ask at a party.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// Registration number with the Information Commissioner's Office.
    pub ico: String,
    /// Data protection officer.
    pub dpo: String,
    /// Caldicott guardian, for health and care.
    pub caldicott: Option<String>,
    /// Senior information risk owner.
    pub siro: String,
}

/// How a party shows that it keeps data safely.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assurance {
    /// The scheme, for example the Data Security and Protection Toolkit.
    pub scheme: String,
    /// What was reached.
    pub level: String,
    /// Until when it is valid.
    #[serde(deserialize_with = "date::date")]
    pub until: Date,
}

/// A party's signature over the digest of the canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartySignature {
    /// Who signed, by office.
    pub by: String,
    /// When.
    #[serde(deserialize_with = "date::timestamp")]
    pub at: Timestamp,
    /// The public key, registered for the party.
    pub key: PublicKey,
    /// The signature of [`PartySignature::message`].
    pub value: SignatureBytes,
}

impl PartySignature {
    /// The text that a party signs: the agreement's digest, the party, who signs for it, and when.
    #[must_use]
    pub fn message(agreement: &Digest, party: &OrganisationId, by: &str, at: Timestamp) -> String {
        // `by` is free text: its digest keeps it from running into the next line.
        format!("commonground agreement signature v1\n{agreement}\n{party}\n{}\n{at}\n", sha256(by))
    }
}
