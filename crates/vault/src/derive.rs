//! HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869), the only two ways in which keys make other values.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::context::Context;
use crate::key::DataKey;

const BLOCK: usize = 64;
const HASH: usize = 32;

/// HMAC-SHA-256 of the parts, one after the other. The parts are *not* length-prefixed: see
/// [`Context`](crate::Context) for that.
pub(crate) fn hmac_sha256(key: &[u8; HASH], parts: &[&[u8]]) -> Zeroizing<[u8; HASH]> {
    // A key shorter than a block is padded with zeros by definition; padding here avoids a fallible constructor.
    let mut block = [0_u8; BLOCK];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    block.zeroize();
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// A secret for another part of the platform (such as the key that orders a disclosure plan), bound to a context; the
/// key itself stays here.
#[must_use]
pub fn derive_secret(key: &DataKey, context: &Context) -> Zeroizing<[u8; HASH]> {
    hmac_sha256(key.bytes(), &[Context::new("commonground derived secret 1").with(context.as_bytes()).as_bytes()])
}

/// Fills `output` (at most 255 x 32 bytes) with HKDF-SHA-256 of `key`, bound to `salt` and `info`.
pub(crate) fn hkdf_sha256(key: &[u8], salt: &[u8; HASH], info: &[u8], output: &mut [u8]) {
    let pseudo_random_key = hmac_sha256(salt, &[key]);
    let mut previous: Option<Zeroizing<[u8; HASH]>> = None;
    for (chunk, counter) in output.chunks_mut(HASH).zip(1_u8..=255) {
        let before: &[u8] = previous.as_ref().map_or(&[], |block| block.as_slice());
        let block = hmac_sha256(&pseudo_random_key, &[before, info, &[counter]]);
        chunk.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
        previous = Some(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn hmac_matches_rfc_4231() {
        // Test cases 1 and 2, whose keys are shorter than 32 bytes and so equal their zero-padded forms.
        let cases = [
            (vec![0x0b; 20], b"Hi There".to_vec(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ];
        for (key, data, expect) in cases {
            let mut padded = [0_u8; 32];
            padded[..key.len()].copy_from_slice(&key);
            assert_eq!(hmac_sha256(&padded, &[&data]).to_vec(), hex(expect));
            let (left, right) = data.split_at(3);
            assert_eq!(hmac_sha256(&padded, &[left, right]).to_vec(), hex(expect));
        }
    }

    #[test]
    fn hkdf_matches_rfc_5869_case_1() {
        let mut salt = [0_u8; 32];
        salt[..13].copy_from_slice(&hex("000102030405060708090a0b0c"));
        let mut output = [0_u8; 42];
        hkdf_sha256(&[0x0b; 22], &salt, &hex("f0f1f2f3f4f5f6f7f8f9"), &mut output);
        let expect = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(output.to_vec(), hex(expect));
    }
}
