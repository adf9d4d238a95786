//! The secret that orders the choices of a plan.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes; wiped when dropped. With a fixed key a plan is the same everywhere; without it nobody can say which
/// of the possible plans would have been made of which data.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct PlanKey {
    bytes: [u8; 32],
    /// The cells that a test lets the key choose, whatever its bytes.
    #[cfg(test)]
    #[zeroize(skip)]
    chosen: Option<std::collections::BTreeSet<String>>,
}

impl PlanKey {
    /// Wraps the bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            #[cfg(test)]
            chosen: None,
        }
    }

    /// A key that chooses exactly these cells, by name, wherever a share is drawn.
    #[cfg(test)]
    pub(crate) const fn choosing(bytes: [u8; 32], chosen: std::collections::BTreeSet<String>) -> Self {
        Self { bytes, chosen: Some(chosen) }
    }

    /// Whether a cell is among so many of 1,000.
    pub(crate) fn chooses(&self, what: &[u8], group: &str, cell: &str, per_thousand: u16) -> bool {
        #[cfg(test)]
        if let Some(chosen) = &self.chosen {
            return chosen.contains(cell);
        }
        self.draw(&[what, group.as_bytes(), cell.as_bytes()]) % 1000 < u64::from(per_thousand)
    }

    /// A number drawn for these parts: the first eight bytes of their code.
    pub(crate) fn draw(&self, parts: &[&[u8]]) -> u64 {
        self.code(parts).iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }

    /// HMAC-SHA-256 over each part behind its length.
    pub(crate) fn code(&self, parts: &[&[u8]]) -> [u8; 32] {
        // An HMAC takes a key of any length, so there is no failure to report.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.bytes) else { return [0; 32] };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for PlanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlanKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_key_and_on_where_parts_end() {
        let (a, b) = (PlanKey::new([1; 32]), PlanKey::new([2; 32]));
        assert_eq!(a.draw(&[b"x", b"yz"]), a.draw(&[b"x", b"yz"]));
        assert_ne!(a.draw(&[b"x", b"yz"]), a.draw(&[b"xy", b"z"]));
        assert_ne!(a.draw(&[b"x"]), b.draw(&[b"x"]));
        assert_eq!(format!("{a:?}"), "PlanKey(redacted)");
    }
}
