//! Signing for demonstrations and tests. The keys are derived from the organisations' names alone, so **everybody has
//! them**: a signature made with one proves nothing. A real partnership registers its own keys in `partnership.toml`
//! and says `illustrative = false` there.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use model::{DefinitionError, Digest, OrganisationId};
use sha2::{Digest as _, Sha256};

use crate::author::{Author, SecretKey, party_ids, signature_line, signed_event, with_lines};
use crate::canonical::agreement_digest;
use crate::event::{Event, EventKind};

/// The publicly known test key of an organisation.
#[must_use]
pub fn signing_key(organisation: &OrganisationId) -> SigningKey {
    let seed = Sha256::new()
        .chain_update(b"commonground public test key, proves nothing\n")
        .chain_update(organisation.as_str().as_bytes())
        .finalize();
    SigningKey::from_bytes(&seed.into())
}

/// Writes every party's signature into the text of an agreement, as one line after the line with the party's id;
/// signatures that are there already (each on its own line) are replaced. Comments and layout stay.
///
/// # Errors
/// If the text is not TOML or a party's id is not valid.
pub fn sign(file: &str, text: &str, by: &str, at: Timestamp) -> Result<String, DefinitionError> {
    let unsigned: String =
        text.lines().filter(|line| !line.starts_with("signature = ")).flat_map(|line| [line, "\n"]).collect();
    let digest = agreement_digest(file, &unsigned)?;
    let parties = party_ids(file, &unsigned)?;
    let mut lines = BTreeMap::new();
    for id in &parties {
        let party: OrganisationId = id.parse().map_err(|error| DefinitionError::whole(file, format!("{error}")))?;
        let key = SecretKey::from(signing_key(&party));
        lines.insert(id.as_str(), signature_line(&digest, Author { organisation: &party, key: &key, at }, by));
    }
    with_lines(file, &unsigned, &lines)
}

/// A signed event, to be appended after the event with digest `previous` (the agreement's own for the first).
#[must_use]
pub fn event(
    kind: EventKind,
    at: Timestamp,
    by: &OrganisationId,
    reason: &str,
    agreement: Digest,
    previous: Digest,
) -> Event {
    let key = SecretKey::from(signing_key(by));
    signed_event(Author { organisation: by, key: &key, at }, (kind, reason), agreement, previous)
}
