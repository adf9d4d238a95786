//! API keys: `cg_<id>_<secret>`, shown once, stored only as a keyed hash.

use std::fmt;
use std::str::FromStr;

use model::Digest;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::derive::hmac_sha256;
use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::key::DataKey;

const ID: usize = 16;
const SECRET: usize = 64;

/// An API key as its holder presents it. The id is public; the secret is 256 random bits.
pub struct ApiKey {
    id: String,
    secret: Zeroizing<String>,
}

impl ApiKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0_u8; (ID + SECRET) / 2]);
        entropy.fill(bytes.as_mut_slice())?;
        let mut text = Zeroizing::new(String::with_capacity(ID + SECRET));
        bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).for_each(|digit| {
            text.extend(char::from_digit(u32::from(digit), 16));
        });
        let (id, secret) = text.split_at_checked(ID).ok_or(VaultError::NotAnApiKey)?;
        Ok(Self { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }

    /// The public part, under which the hash is stored.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, to be shown to its holder once.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("cg_{}_{}", self.id, *self.secret))
    }

    /// What is stored: HMAC-SHA-256 under a key of the vault. A stolen catalogue alone allows no guessing.
    #[must_use]
    pub fn hash(&self, key: &DataKey) -> Digest {
        let message = Context::new("commonground api key 1").with(&self.id).with(self.secret.as_bytes());
        Digest(*hmac_sha256(key.bytes(), &[message.as_bytes()]))
    }

    /// Whether this is the key of the stored hash, in time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, key: &DataKey, stored: &Digest) -> bool {
        self.hash(key).0.ct_eq(&stored.0).into()
    }
}

impl FromStr for ApiKey {
    type Err = VaultError;
    fn from_str(text: &str) -> Result<Self, VaultError> {
        let hex = |part: &str, length| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let (id, secret) =
            text.strip_prefix("cg_").and_then(|rest| rest.split_once('_')).ok_or(VaultError::NotAnApiKey)?;
        if !hex(id, ID) || !hex(secret, SECRET) {
            return Err(VaultError::NotAnApiKey);
        }
        Ok(Self { id: id.to_owned(), secret: Zeroizing::new(secret.to_owned()) })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey(cg_{}_redacted)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn a_key_matches_its_own_hash_only() {
        let mut entropy = SeededEntropy::new(1);
        let secret = DataKey::generate(&mut entropy).unwrap();
        let key = ApiKey::generate(&mut entropy).unwrap();
        let stored = key.hash(&secret);
        let text = key.reveal();
        let read: ApiKey = text.parse().unwrap();
        assert_eq!(read.id(), key.id());
        assert!(read.matches(&secret, &stored));
        assert!(!ApiKey::generate(&mut entropy).unwrap().matches(&secret, &stored));
        assert!(!read.matches(&DataKey::generate(&mut entropy).unwrap(), &stored));
        // Any other digit, in the id or in the secret, no longer matches.
        for place in (3..19).chain(20..84) {
            let mut changed = text.to_string().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            let changed: ApiKey = String::from_utf8(changed).unwrap().parse().unwrap();
            assert!(!changed.matches(&secret, &stored), "place {place}");
        }
        assert!(!format!("{key:?}").contains(&text[20..]));
    }

    #[test]
    fn other_texts_are_no_keys() {
        let id = "0".repeat(16);
        let secret = "a".repeat(64);
        assert!(format!("cg_{id}_{secret}").parse::<ApiKey>().is_ok());
        for bad in [
            String::new(),
            "cg_".to_owned(),
            format!("cg_{id}{secret}"),
            format!("CG_{id}_{secret}"),
            format!("cg_{id}_{}", secret.to_uppercase()),
            format!("cg_{id}_{secret}a"),
            format!("cg_{id}0_{secret}"),
            format!("cg_{id}_{secret} "),
            format!("cg_{id}_{}é", "a".repeat(62)),
        ] {
            let error = bad.parse::<ApiKey>().unwrap_err();
            assert!(!error.to_string().contains(&secret), "{error}");
        }
    }
}
