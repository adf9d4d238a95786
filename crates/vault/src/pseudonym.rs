//! Pseudonyms and record keys: keyed, since a plain hash of an identifier that can be enumerated hides nothing.

use std::fmt;

use model::DatasetId;

use crate::context::Context;
use crate::derive::hmac_sha256;
use crate::key::DataKey;

/// Replaces identifiers of one linkage domain by pseudonyms. The same identifier gives the same pseudonym in every
/// dataset of the domain, and an unrelated one in every other domain.
pub struct Pseudonymiser {
    key: DataKey,
    domain: String,
}

impl Pseudonymiser {
    /// For a linkage domain: `nhs` for NHS numbers, the dataset id for identifiers local to a dataset. The identifier
    /// must already be in its canonical form (no spaces, one case).
    #[must_use]
    pub fn new(key: DataKey, domain: &str) -> Self {
        Self { key, domain: domain.to_owned() }
    }

    /// The first 128 bits of HMAC-SHA-256 over the domain and the identifier, each prefixed by its length.
    #[must_use]
    pub fn pseudonym(&self, identifier: &str) -> [u8; 16] {
        let message = Context::new("commonground pseudonym 1").with(&self.domain).with(identifier);
        let digest = hmac_sha256(self.key.bytes(), &[message.as_bytes()]);
        digest.first_chunk().copied().unwrap_or_default()
    }
}

impl fmt::Debug for Pseudonymiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonymiser({}, redacted)", self.domain)
    }
}

/// The record key of a person (or event) in a dataset: the first 64 bits, little endian, of HMAC-SHA-256 over the
/// dataset and the person, each prefixed by its length. The revision is deliberately no part of it: noise that changed
/// with every revision could be averaged away.
#[must_use]
pub fn record_key(secret: &DataKey, dataset: &DatasetId, person: &[u8]) -> u64 {
    let message = Context::new("commonground record key 1").with(dataset.as_str()).with(person);
    let digest = hmac_sha256(secret.bytes(), &[message.as_bytes()]);
    digest.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;
    use std::collections::BTreeSet;

    fn key(seed: u64) -> DataKey {
        DataKey::generate(&mut SeededEntropy::new(seed)).unwrap()
    }

    #[test]
    fn pseudonyms_are_stable_within_and_unrelated_across_domains_and_keys() {
        let nhs = Pseudonymiser::new(key(1), "nhs");
        assert_eq!(nhs.pseudonym("9990000018"), Pseudonymiser::new(key(1), "nhs").pseudonym("9990000018"));
        let others = [
            nhs.pseudonym("9990000018"),
            nhs.pseudonym("9990000026"),
            Pseudonymiser::new(key(1), "nhs9").pseudonym("990000018"),
            Pseudonymiser::new(key(1), "one-org.two-set").pseudonym("9990000018"),
            Pseudonymiser::new(key(2), "nhs").pseudonym("9990000018"),
        ];
        assert_eq!(BTreeSet::from(others).len(), others.len());
        assert_eq!(format!("{nhs:?}"), "Pseudonymiser(nhs, redacted)");
    }

    #[test]
    fn record_keys_depend_on_dataset_and_person_and_look_uniform() {
        let dataset: DatasetId = "one-org.two-set".parse().unwrap();
        let other: DatasetId = "one-org.two-setp".parse().unwrap();
        assert_eq!(record_key(&key(1), &dataset, b"p1"), record_key(&key(1), &dataset, b"p1"));
        assert_ne!(record_key(&key(1), &dataset, b"p1"), record_key(&key(1), &other, b"1"));
        assert_ne!(record_key(&key(1), &dataset, b"p1"), record_key(&key(2), &dataset, b"p1"));
        // Each of the 64 bits is set in about half of 4,096 keys: six standard deviations are 192.
        let keys: Vec<u64> = (0_u32..4096).map(|i| record_key(&key(1), &dataset, &i.to_le_bytes())).collect();
        for bit in 0..64 {
            let set = keys.iter().filter(|k| *k >> bit & 1 == 1).count();
            assert!(set.abs_diff(2048) < 192, "bit {bit}: {set}");
        }
    }
}
