//! Signing keys for demonstrations and tests. They are derived from the organisation's name alone, so **everybody has
//! them**: a signature made with one proves nothing. A real partnership registers its own keys in `partnership.toml`,
//! and says `illustrative = false`.

use ed25519_dalek::SigningKey;
use model::OrganisationId;
use sha2::{Digest as _, Sha256};

/// The publicly known test key of an organisation.
#[must_use]
pub fn signing_key(organisation: &OrganisationId) -> SigningKey {
    let seed = Sha256::new()
        .chain_update(b"commonground public test key, proves nothing\n")
        .chain_update(organisation.as_str().as_bytes())
        .finalize();
    SigningKey::from_bytes(&seed.into())
}
