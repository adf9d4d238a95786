//! Randomness as an argument.

use crate::error::VaultError;

/// A source of random bytes for keys, nonces and secrets.
pub trait Entropy {
    /// Fills the buffer.
    ///
    /// # Errors
    /// If there is no randomness; the buffer must then not be used.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), VaultError>;
}

/// The operating system's random generator: the one to use outside tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), VaultError> {
        getrandom::fill(buffer).map_err(VaultError::Entropy)
    }
}

/// Bytes that follow from a seed: SHA-256 in counter mode. For tests only; anyone who knows the seed knows the keys.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Clone)]
pub struct SeededEntropy {
    seed: u64,
    counter: u64,
}

#[cfg(any(test, feature = "testing"))]
impl SeededEntropy {
    /// A reproducible source.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }
}

#[cfg(any(test, feature = "testing"))]
impl Entropy for SeededEntropy {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), VaultError> {
        use sha2::Digest as _;
        for chunk in buffer.chunks_mut(32) {
            let mut hash = sha2::Sha256::new();
            hash.update(self.seed.to_le_bytes());
            hash.update(self.counter.to_le_bytes());
            self.counter += 1;
            chunk.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_fill_and_do_not_repeat() {
        let sources: [&mut dyn Entropy; 2] = [&mut OsEntropy, &mut SeededEntropy::new(1)];
        for source in sources {
            let (mut a, mut b) = ([0_u8; 40], [0_u8; 40]);
            source.fill(&mut a).unwrap();
            source.fill(&mut b).unwrap();
            assert_ne!(a, b);
            assert_ne!(a[..32], [0; 32]);
        }
        let (mut a, mut b) = ([0_u8; 40], [0_u8; 40]);
        SeededEntropy::new(7).fill(&mut a).unwrap();
        SeededEntropy::new(7).fill(&mut b).unwrap();
        assert_eq!(a, b);
    }
}
