//! Signing for demonstrations and tests. The keys are derived from the organisations' names alone, so **everybody has
//! them**: a signature made with one proves nothing. A real partnership registers its own keys in `partnership.toml`
//! and says `illustrative = false` there.

use std::fmt::Write as _;

use ed25519_dalek::SigningKey;
use jiff::Timestamp;
use model::{DefinitionError, Digest, OrganisationId};
use sha2::{Digest as _, Sha256};

use crate::canonical::agreement_digest;
use crate::event::{Event, EventKind};
use crate::party::PartySignature;
use crate::signature::{PublicKey, SignatureBytes};

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
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("signature = ")).collect();
    let digest = agreement_digest(file, &lines.join("\n"))?;
    let mut signed = String::new();
    let mut in_party = false;
    for line in lines {
        signed.push_str(line);
        signed.push('\n');
        if line.starts_with('[') {
            in_party = line == "[[party]]";
        }
        let id = line.strip_prefix("id = \"").and_then(|rest| rest.strip_suffix('"')).filter(|_| in_party);
        if let Some(id) = id {
            let party: OrganisationId = id.parse().map_err(|error| DefinitionError::whole(file, format!("{error}")))?;
            let key = signing_key(&party);
            let value = SignatureBytes::sign(&key, PartySignature::message(&digest, &party, by, at).as_bytes());
            // Writing to a String cannot fail.
            let _ = writeln!(
                signed,
                "signature = {{ by = \"{by}\", at = {at}, key = \"{}\", value = \"{value}\" }}",
                PublicKey::of(&key)
            );
        }
    }
    Ok(signed)
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
    let key = signing_key(by);
    let mut event = Event {
        kind,
        at,
        by: by.clone(),
        reason: reason.to_owned(),
        agreement,
        previous,
        key: PublicKey::of(&key),
        signature: SignatureBytes::sign(&key, b""),
    };
    event.signature = SignatureBytes::sign(&key, event.message().as_bytes());
    event
}
