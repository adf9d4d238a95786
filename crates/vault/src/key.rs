//! Data keys and the vault that wraps them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::entropy::Entropy;
use crate::error::VaultError;
use crate::provider::KeyProvider;

/// A 256-bit key in memory. Cleared when dropped; never printed, compared or serialised.
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    pub(crate) fn generate(entropy: &mut dyn Entropy) -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        entropy.fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    pub(crate) const fn from_bytes(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(redacted)")
    }
}

/// A data key encrypted under a master key: safe to store. Destroying every copy of it destroys the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrappedKey {
    /// Id of the master key that wrapped it.
    pub provider: String,
    /// What the key is for, for example `upload`; authenticated.
    pub purpose: String,
    /// The provider's ciphertext, base64 in text formats.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub ciphertext: Vec<u8>,
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Makes and unwraps data keys with a master key behind a [`KeyProvider`].
#[derive(Clone)]
pub struct Vault {
    current: Arc<dyn KeyProvider>,
    providers: BTreeMap<String, Arc<dyn KeyProvider>>,
}

impl Vault {
    /// A vault that wraps with `provider`.
    #[must_use]
    pub fn new(provider: Arc<dyn KeyProvider>) -> Self {
        let providers = BTreeMap::from([(provider.id().to_owned(), Arc::clone(&provider))]);
        Self { current: provider, providers }
    }

    /// Also unwraps keys of an earlier master key, until they are rewrapped.
    #[must_use]
    pub fn with_previous(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.providers.entry(provider.id().to_owned()).or_insert(provider);
        self
    }

    /// Id of the master key that new keys are wrapped with.
    #[must_use]
    pub fn provider_id(&self) -> &str {
        self.current.id()
    }

    /// Makes a data key, usable only with the same purpose and context.
    ///
    /// # Errors
    /// If there is no randomness or the provider fails.
    pub fn new_data_key(
        &self,
        purpose: &str,
        context: &Context,
        entropy: &mut dyn Entropy,
    ) -> Result<(DataKey, WrappedKey), VaultError> {
        let key = DataKey::generate(entropy)?;
        let wrapped = self.wrap(&key, purpose, context, entropy)?;
        Ok((key, wrapped))
    }

    /// Recovers a data key.
    ///
    /// # Errors
    /// If the master key is another one, or the wrapped key, its purpose or the context was changed.
    pub fn unwrap_key(&self, wrapped: &WrappedKey, context: &Context) -> Result<DataKey, VaultError> {
        let provider = self
            .providers
            .get(&wrapped.provider)
            .ok_or_else(|| VaultError::UnknownProvider { needed: wrapped.provider.clone() })?;
        let bound = binding(&wrapped.provider, &wrapped.purpose, context);
        provider.unwrap(&wrapped.ciphertext, bound.as_bytes()).map(DataKey::from_bytes)
    }

    /// Wraps the same data key under the current master key: rotation without touching the data.
    ///
    /// # Errors
    /// As [`Vault::unwrap_key`] and [`Vault::new_data_key`].
    pub fn rewrap(
        &self,
        wrapped: &WrappedKey,
        context: &Context,
        entropy: &mut dyn Entropy,
    ) -> Result<WrappedKey, VaultError> {
        let key = self.unwrap_key(wrapped, context)?;
        self.wrap(&key, &wrapped.purpose, context, entropy)
    }

    fn wrap(
        &self,
        key: &DataKey,
        purpose: &str,
        context: &Context,
        entropy: &mut dyn Entropy,
    ) -> Result<WrappedKey, VaultError> {
        let provider = self.current.id();
        let bound = binding(provider, purpose, context);
        let ciphertext = self.current.wrap(key.bytes(), bound.as_bytes(), entropy)?;
        Ok(WrappedKey { provider: provider.to_owned(), purpose: purpose.to_owned(), ciphertext })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("provider", &self.current.id()).finish_non_exhaustive()
    }
}

fn binding(provider: &str, purpose: &str, context: &Context) -> Context {
    Context::new("commonground wrapped key 1").with(provider).with(purpose).with(context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;
    use crate::provider::MemoryKey;

    fn provider(seed: u64) -> Arc<dyn KeyProvider> {
        Arc::new(MemoryKey::generate(&mut SeededEntropy::new(seed)).unwrap())
    }

    #[test]
    fn a_key_opens_only_with_its_purpose_context_and_master_key() {
        let mut entropy = SeededEntropy::new(1);
        let vault = Vault::new(provider(10));
        let context = Context::new("upload").with("one");
        let (key, wrapped) = vault.new_data_key("upload", &context, &mut entropy).unwrap();
        assert_eq!(vault.unwrap_key(&wrapped, &context).unwrap().bytes(), key.bytes());
        assert!(vault.unwrap_key(&wrapped, &Context::new("upload").with("two")).is_err());
        let other = WrappedKey { purpose: "table".to_owned(), ..wrapped.clone() };
        assert!(vault.unwrap_key(&other, &context).is_err());
        for position in 0..wrapped.ciphertext.len() {
            let mut changed = wrapped.clone();
            changed.ciphertext[position] ^= 1;
            assert!(vault.unwrap_key(&changed, &context).is_err(), "byte {position}");
            changed.ciphertext.truncate(position);
            assert!(vault.unwrap_key(&changed, &context).is_err(), "length {position}");
        }
        let error = Vault::new(provider(11)).unwrap_key(&wrapped, &context).unwrap_err();
        assert!(matches!(error, VaultError::UnknownProvider { .. }), "{error}");
    }

    #[test]
    fn rotation_rewraps_and_text_round_trips() {
        let mut entropy = SeededEntropy::new(2);
        let (old, new) = (provider(10), provider(11));
        let context = Context::new("x");
        let (key, wrapped) = Vault::new(Arc::clone(&old)).new_data_key("p", &context, &mut entropy).unwrap();
        let both = Vault::new(Arc::clone(&new)).with_previous(old);
        let rewrapped = both.rewrap(&wrapped, &context, &mut entropy).unwrap();
        assert_eq!(rewrapped.provider, new.id());
        let text = serde_json::to_string(&rewrapped).unwrap();
        let read: WrappedKey = serde_json::from_str(&text).unwrap();
        assert_eq!(Vault::new(new).unwrap_key(&read, &context).unwrap().bytes(), key.bytes());
    }

    #[test]
    fn nothing_prints_a_key() {
        let mut entropy = SeededEntropy::new(3);
        let vault = Vault::new(provider(10));
        let (key, _) = vault.new_data_key("p", &Context::new("x"), &mut entropy).unwrap();
        assert_eq!(format!("{key:?}"), "DataKey(redacted)");
        assert!(!format!("{vault:?}").contains(&format!("{:?}", &key.bytes()[..4])));
    }
}
