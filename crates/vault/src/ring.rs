//! Long-lived secrets (pseudonym domains, record keys, credential hashing, ledgers) under stable names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::key::{DataKey, Vault, WrappedKey};

/// Wrapped keys by name. Safe to store; the stored form must be written durably before a new key is first used, or the
/// values made with it can never be made again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyRing {
    keys: BTreeMap<String, WrappedKey>,
}

const PURPOSE: &str = "named key";

impl KeyRing {
    /// Names in use, for example `pseudonym/nhs`, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// Makes a key for a name that has none; returns whether it did, and so whether the ring must be stored.
    ///
    /// # Errors
    /// If there is no randomness or the master key fails.
    pub fn ensure(&mut self, vault: &Vault, name: &str, entropy: &mut dyn Entropy) -> Result<bool, VaultError> {
        if self.keys.contains_key(name) {
            return Ok(false);
        }
        let (_, wrapped) = vault.new_data_key(PURPOSE, &context(name), entropy)?;
        self.keys.insert(name.to_owned(), wrapped);
        Ok(true)
    }

    /// Unwraps the key of a name.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] if there is none; otherwise as [`Vault::unwrap_key`].
    pub fn key(&self, vault: &Vault, name: &str) -> Result<DataKey, VaultError> {
        let wrapped = self.keys.get(name).ok_or_else(|| VaultError::NoKey { name: name.to_owned() })?;
        vault.unwrap_key(wrapped, &context(name))
    }

    /// Opens every key once: the ring belongs to this master key, and none of it was changed.
    ///
    /// # Errors
    /// As [`Vault::unwrap_key`], about the first key in order of name that does not open.
    pub fn check(&self, vault: &Vault) -> Result<(), VaultError> {
        self.keys.iter().try_for_each(|(name, wrapped)| vault.unwrap_key(wrapped, &context(name)).map(drop))
    }

    /// Destroys the key of a name in this ring; the caller stores the ring. Returns whether there was one.
    pub fn destroy(&mut self, name: &str) -> bool {
        self.keys.remove(name).is_some()
    }

    /// Wraps every key under the vault's current master key.
    ///
    /// # Errors
    /// If a key cannot be unwrapped; the ring is then unchanged.
    pub fn rewrap(&mut self, vault: &Vault, entropy: &mut dyn Entropy) -> Result<(), VaultError> {
        let mut keys = BTreeMap::new();
        for (name, wrapped) in &self.keys {
            keys.insert(name.clone(), vault.rewrap(wrapped, &context(name), entropy)?);
        }
        self.keys = keys;
        Ok(())
    }
}

fn context(name: &str) -> Context {
    Context::new("named key").with(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;
    use crate::provider::MemoryKey;
    use std::sync::Arc;

    #[test]
    fn a_stored_ring_gives_the_same_keys_and_names_are_bound() {
        let mut entropy = SeededEntropy::new(1);
        let old: Arc<MemoryKey> = Arc::new(MemoryKey::generate(&mut entropy).unwrap());
        let vault = Vault::new(old.clone());
        let mut ring = KeyRing::default();
        assert!(ring.ensure(&vault, "pseudonym/nhs", &mut entropy).unwrap());
        assert!(!ring.ensure(&vault, "pseudonym/nhs", &mut entropy).unwrap());
        assert!(ring.ensure(&vault, "record-key", &mut entropy).unwrap());
        let bytes = |ring: &KeyRing, vault: &Vault, name: &str| ring.key(vault, name).map(|k| *k.bytes());
        let nhs = bytes(&ring, &vault, "pseudonym/nhs").unwrap();
        assert_ne!(nhs, bytes(&ring, &vault, "record-key").unwrap());

        let mut stored: KeyRing = serde_json::from_str(&serde_json::to_string(&ring).unwrap()).unwrap();
        assert_eq!(bytes(&stored, &vault, "pseudonym/nhs").unwrap(), nhs);
        let rotated = Vault::new(Arc::new(MemoryKey::generate(&mut entropy).unwrap()));
        stored.rewrap(&rotated.clone().with_previous(old), &mut entropy).unwrap();
        assert_eq!(bytes(&stored, &rotated, "pseudonym/nhs").unwrap(), nhs);

        let exchanged = ring.keys["record-key"].clone();
        ring.keys.insert("pseudonym/nhs".to_owned(), exchanged);
        assert!(bytes(&ring, &vault, "pseudonym/nhs").is_err());
        assert!(matches!(ring.check(&vault), Err(VaultError::NotAuthentic { .. })));
        assert!(ring.destroy("record-key") && !ring.destroy("record-key"));
        assert!(matches!(bytes(&ring, &vault, "record-key"), Err(VaultError::NoKey { .. })));
    }

    #[test]
    fn a_ring_belongs_to_one_master_key() {
        let mut entropy = SeededEntropy::new(1);
        let mut vault = || Vault::new(Arc::new(MemoryKey::generate(&mut entropy).unwrap()));
        let (right, wrong) = (vault(), vault());
        let mut ring = KeyRing::default();
        assert!(ring.check(&wrong).is_ok(), "it holds nothing yet");
        ring.ensure(&right, "ledger", &mut SeededEntropy::new(2)).unwrap();
        assert!(ring.check(&right).is_ok());
        let needed = right.provider_id();
        assert!(matches!(ring.check(&wrong), Err(VaultError::UnknownProvider { needed: id }) if id == needed));
    }
}
