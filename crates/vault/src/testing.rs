//! For tests only: keys that anyone can make again.

use std::sync::Arc;

use crate::entropy::SeededEntropy;
use crate::error::VaultError;
use crate::key::Vault;
use crate::provider::MemoryKey;

/// A vault whose master key follows from the seed.
///
/// # Errors
/// Never in practice; the seeded source does not fail.
pub fn vault(seed: u64) -> Result<Vault, VaultError> {
    Ok(Vault::new(Arc::new(MemoryKey::generate(&mut SeededEntropy::new(seed))?)))
}
