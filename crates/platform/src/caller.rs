//! Who calls: the holder of a key, someone at the machine itself, or the public.

use std::fmt;

use agreements::{Principal, Role};
use audit::Actor;
use catalog::Credential;
use model::{DatasetId, Label, OrganisationId, PurposeId};
use vault::{ApiKey, OsEntropy};
use zeroize::Zeroizing;

use crate::error::PlatformError;
use crate::platform::Platform;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub(crate) principal: Principal,
    pub(crate) actor: Option<Actor>,
}

impl Caller {
    /// Whether there is no credential.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.principal.role == Role::Public
    }

    /// Whom the caller belongs to; nobody without a credential.
    #[must_use]
    pub const fn organisation(&self) -> Option<&OrganisationId> {
        self.principal.organisation.as_ref()
    }

    pub(crate) const fn public() -> Self {
        Self { principal: Principal::public(), actor: None }
    }
}

/// A credential as it may be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialCard {
    id: Label,
    organisation: OrganisationId,
    role: Label,
    purposes: Vec<PurposeId>,
    revoked: bool,
}

impl fmt::Display for CredentialCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let purposes: Vec<&str> = self.purposes.iter().map(PurposeId::as_str).collect();
        let state = if self.revoked { "revoked" } else { "in force" };
        write!(f, "{:<20} {:<16} {:<32} {state}  {}", self.id, self.role, self.organisation, purposes.join(" "))
    }
}

/// The setting that marks a folder whose keys were printed on a screen.
const DEMO: &str = "demo-keys";

/// What stands for a credential where somebody is at the machine itself.
const LOCAL: &str = "local/command-line";

impl Platform {
    /// Whether the credential that a caller came with has not been revoked since.
    pub(crate) fn in_force(&self, caller: &Caller) -> bool {
        let Some(actor) = &caller.actor else { return true };
        let credential = actor.credential.as_str();
        let state = self.state();
        state.credentials.get(credential).map_or(credential == LOCAL, |stored| !self.is_revoked(stored))
    }

    /// Whether a credential was revoked. The audit log has the last word: a catalogue can be an older one.
    fn is_revoked(&self, credential: &Credential) -> bool {
        credential.revoked_at.is_some() || self.recorded().is_revoked(&credential.id)
    }

    /// Who holds this token; the public without one. Agreements that changed since the last request count from here on.
    ///
    /// # Errors
    /// [`PlatformError::Unauthenticated`] for an unknown or revoked key, or if agreements or revocations cannot be read.
    pub fn authenticate(&self, token: Option<&str>) -> Result<Caller, PlatformError> {
        self.refresh_agreements()?;
        let Some(token) = token else { return Ok(Caller::public()) };
        self.refresh_revocations()?;
        let key: ApiKey = token.parse().map_err(|_| PlatformError::Unauthenticated)?;
        let state = self.state();
        let stored = state.credentials.get(key.id()).ok_or(PlatformError::Unauthenticated)?;
        let matches = key.matches(&self.keys().credentials()?, &stored.hash);
        if !matches || self.is_revoked(stored) {
            return Err(PlatformError::Unauthenticated);
        }
        let role: Role = stored.role.as_str().parse().map_err(|_| PlatformError::Unauthenticated)?;
        Ok(Caller {
            principal: Principal::new(stored.organisation.clone(), role, stored.purposes.iter().cloned()),
            actor: Some(Actor {
                credential: stored.id.clone(),
                organisation: stored.organisation.clone(),
                role: stored.role.clone(),
            }),
        })
    }

    /// Somebody at the machine who acts for the supplier of a dataset: whoever can open the data folder and the master key.
    ///
    /// # Errors
    /// If the dataset's id names no organisation.
    pub fn local_officer(&self, dataset: &DatasetId) -> Result<Caller, PlatformError> {
        self.local(dataset.organisation()?, Role::PartnerOfficer)
    }

    /// Somebody at the machine who runs the service for the partnership.
    ///
    /// # Errors
    /// If the register of agreements was not loaded.
    pub fn local_operator(&self) -> Result<Caller, PlatformError> {
        let organisation = self.state().snapshot.partnership().partnership.id.clone();
        self.local(organisation, Role::Operator)
    }

    /// Somebody at the machine who reviews what is published, for the partnership.
    ///
    /// # Errors
    /// If the register of agreements was not loaded.
    pub fn local_reviewer(&self) -> Result<Caller, PlatformError> {
        let organisation = self.state().snapshot.partnership().partnership.id.clone();
        self.local(organisation, Role::Reviewer)
    }

    /// Somebody at the machine who answers for data protection, for the partnership.
    ///
    /// # Errors
    /// If the register of agreements was not loaded.
    pub fn local_governance(&self) -> Result<Caller, PlatformError> {
        let organisation = self.state().snapshot.partnership().partnership.id.clone();
        self.local(organisation, Role::Governance)
    }

    fn local(&self, organisation: OrganisationId, role: Role) -> Result<Caller, PlatformError> {
        let state = self.state();
        let purposes = state.snapshot.partnership().purposes.iter().map(|purpose| purpose.id.clone());
        let actor =
            Actor { credential: LOCAL.parse()?, organisation: organisation.clone(), role: role.as_str().parse()? };
        Ok(Caller { principal: Principal::new(organisation, role, purposes), actor: Some(actor) })
    }

    /// Makes an API key. It is returned once; only a keyed hash is stored.
    ///
    /// # Errors
    /// If organisation, role or a purpose is not registered.
    pub fn add_credential(
        &self,
        organisation: &str,
        role: &str,
        purposes: &[String],
        demo: bool,
    ) -> Result<Zeroizing<String>, PlatformError> {
        let bad = |parameter, problem: String| PlatformError::BadParameter { parameter, problem };
        let organisation: OrganisationId = organisation.parse()?;
        let role: Role = role.parse().map_err(|problem| bad("role", problem))?;
        if role == Role::Public {
            return Err(bad("role", "the public needs no key".to_owned()));
        }
        let state = self.state();
        let register = state.snapshot.partnership();
        if register.organisation(&organisation).is_none() {
            return Err(bad("organisation", format!("`{organisation}` is not in the partnership's register")));
        }
        let purposes: Vec<PurposeId> = purposes.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        if let Some(unknown) = purposes.iter().find(|purpose| !register.has_purpose(purpose)) {
            return Err(bad("purpose", format!("`{unknown}` is not in the partnership's register")));
        }
        if demo {
            self.mark_demo()?;
        }
        let key = ApiKey::generate(&mut OsEntropy).map_err(PlatformError::failed("make a key"))?;
        let mut credential = Credential {
            id: key.id().parse()?,
            hash: key.hash(&self.keys().credentials()?),
            organisation: organisation.clone(),
            role: role.as_str().parse()?,
            purposes: purposes.into_iter().collect(),
            issued_at: self.now(),
            mac: model::Digest([0; 32]),
            revoked_at: None,
        };
        credential.mac = self.keys().credential_mac(&credential)?;
        self.record(audit::Entry::Credential {
            credential: credential.id.clone(),
            organisation,
            change: audit::CredentialChange::Issued,
        })?;
        self.catalog().add_credential(&credential).map_err(PlatformError::failed("store a credential"))?;
        self.reload_credentials()?;
        Ok(key.reveal())
    }

    /// Revokes a key at once; nothing if it is revoked already. Whether it was issued is what the audit log says: one whose
    /// record was changed or taken away outside the service is not accepted anyway, and is revoked all the same, as the right
    /// record may come back.
    ///
    /// # Errors
    /// If there is none with this id.
    pub fn revoke_credential(&self, id: &str) -> Result<(), PlatformError> {
        let label: Label = id.parse().map_err(|_| no_credential(id))?;
        let issued_to = self.recorded().issued_to(&label);
        let organisation = match issued_to {
            Some(organisation) => organisation,
            None => {
                let stored = self.catalog().credentials().map_err(PlatformError::failed("read credentials"))?;
                let known = stored.into_iter().find(|known| known.id == label);
                known.ok_or_else(|| no_credential(id))?.organisation
            }
        };
        if !self.recorded().is_revoked(&label) {
            let change = audit::CredentialChange::Revoked;
            self.record(audit::Entry::Credential { credential: label.clone(), organisation, change })?;
        }
        match self.catalog().revoke_credential(&label, self.now()) {
            Ok(()) => self.reload_credentials(),
            Err(catalog::CatalogError::NotFound { .. }) => Ok(()),
            Err(error) => Err(PlatformError::failed("revoke a credential")(error)),
        }
    }

    /// Every credential, without secrets.
    #[must_use]
    pub fn credentials(&self) -> Vec<CredentialCard> {
        let card = |c: &Credential| CredentialCard {
            id: c.id.clone(),
            organisation: c.organisation.clone(),
            role: c.role.clone(),
            purposes: c.purposes.iter().cloned().collect(),
            revoked: self.is_revoked(c),
        };
        self.state().credentials.values().map(card).collect()
    }

    /// Whether keys of this folder were printed by the demo.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn has_demo_credentials(&self) -> Result<bool, PlatformError> {
        let stored = self.catalog().setting(&DEMO.parse()?).map_err(PlatformError::failed("read a setting"))?;
        Ok(stored.is_some())
    }

    fn mark_demo(&self) -> Result<(), PlatformError> {
        if self.has_demo_credentials()? {
            return Ok(());
        }
        self.catalog()
            .replace_setting(&DEMO.parse()?, None, "printed")
            .map_err(PlatformError::failed("store a setting"))
    }
}

pub(crate) fn no_credential(id: &str) -> PlatformError {
    PlatformError::NotFound { what: format!("credential `{id}`") }
}
