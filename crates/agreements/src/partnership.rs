//! The partnership's register: its purposes, its organisations and their public keys. It is the root of trust: a
//! signature counts only if its key is registered here for the organisation that is said to have signed.

use std::collections::BTreeSet;

use model::{DefinitionError, OrganisationId, PurposeId, load};
use serde::Deserialize;

use crate::demo;
use crate::position::{Locator, Step};
use crate::signature::PublicKey;

/// The register, `partnership.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partnership {
    /// The partnership itself.
    pub partnership: Identity,
    /// The purposes it may use data for.
    #[serde(rename = "purpose")]
    pub purposes: Vec<Purpose>,
    /// Every organisation that an agreement may name.
    #[serde(rename = "organisation")]
    pub organisations: Vec<Organisation>,
}

/// The partnership's own entry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The organisation that runs the platform for the partners.
    pub id: OrganisationId,
    /// Its name.
    pub title: String,
    /// Whether keys and agreements are an illustration: the keys are then publicly known and prove nothing.
    pub illustrative: bool,
}

/// A purpose that data may be used for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// The purpose.
    pub id: PurposeId,
    /// What it means, in a sentence.
    pub title: String,
}

/// An organisation and the keys it signs with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// The organisation.
    pub id: OrganisationId,
    /// Its name.
    pub title: String,
    /// Its public keys. Removing one withdraws everything signed with it.
    #[serde(default)]
    pub keys: Vec<PublicKey>,
}

impl Partnership {
    /// Reads the register.
    ///
    /// # Errors
    /// With file, line and column.
    pub fn parse(file: &str, text: &str) -> Result<Self, DefinitionError> {
        let register: Self = load::parse(file, text)?;
        let locator = Locator::new(file, text);
        for (index, organisation) in register.organisations.iter().enumerate() {
            if register.organisations.iter().take(index).any(|other| other.id == organisation.id) {
                let path = [Step::Key("organisation"), Step::Index(index), Step::Key("id")];
                return Err(locator.error(&path, format!("`{}` is registered twice", organisation.id)));
            }
        }
        if register.organisation(&register.partnership.id).is_none() {
            let path = [Step::Key("partnership"), Step::Key("id")];
            let message = format!("`{}` is not among the organisations: add it", register.partnership.id);
            return Err(locator.error(&path, message));
        }
        if let Some((index, known)) = register.public_test_key().filter(|_| !register.partnership.illustrative) {
            let path = [Step::Key("organisation"), Step::Index(index), Step::Key("keys")];
            let message = format!(
                "everybody has this key of `{known}`, it is for demonstrations: register the organisation's own, or say `illustrative = true`"
            );
            return Err(locator.error(&path, message));
        }
        Ok(register)
    }

    /// The first organisation that has a key which everybody has.
    fn public_test_key(&self) -> Option<(usize, &OrganisationId)> {
        let public: BTreeSet<PublicKey> =
            self.organisations.iter().map(|one| PublicKey::of(&demo::signing_key(&one.id))).collect();
        let has = |one: &Organisation| one.keys.iter().any(|key| public.contains(key));
        self.organisations.iter().position(has).and_then(|index| Some((index, &self.organisations.get(index)?.id)))
    }

    /// Whether everybody has this key: it is the test key of an organisation that is registered.
    pub(crate) fn is_public_test_key(&self, key: &PublicKey) -> bool {
        self.organisations.iter().any(|one| PublicKey::of(&demo::signing_key(&one.id)) == *key)
    }

    /// The entry of an organisation.
    #[must_use]
    pub fn organisation(&self, id: &OrganisationId) -> Option<&Organisation> {
        self.organisations.iter().find(|organisation| organisation.id == *id)
    }

    /// Whether the purpose is registered.
    #[must_use]
    pub fn has_purpose(&self, id: &PurposeId) -> bool {
        self.purposes.iter().any(|purpose| purpose.id == *id)
    }

    /// Whether the key is registered for the organisation.
    #[must_use]
    pub fn has_key(&self, organisation: &OrganisationId, key: &PublicKey) -> bool {
        self.organisation(organisation).is_some_and(|organisation| organisation.keys.contains(key))
    }
}
