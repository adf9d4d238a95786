//! Text encodings: UTF-8 with or without a byte-order mark, and Windows-1252.

use std::borrow::Cow;

use model::contract::Encoding;

use crate::error::IngestError;

/// Text, and the line of the first byte that was not UTF-8 if another encoding had to be assumed.
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) fallback: Option<u64>,
}

pub(super) fn decode(bytes: &[u8], encoding: Encoding) -> Result<Decoded<'_>, IngestError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if encoding == Encoding::Windows1252 {
        return Ok(Decoded { text: windows_1252(bytes), fallback: None });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text: Cow::Borrowed(text), fallback: None }),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
            if encoding == Encoding::Utf8 {
                return Err(IngestError::Encoding { line, encoding: "UTF-8" });
            }
            Ok(Decoded { text: windows_1252(bytes), fallback: Some(line) })
        }
    }
}

fn windows_1252(bytes: &[u8]) -> Cow<'_, str> {
    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        type Case<'a> = (&'a [u8], Encoding, Option<(&'a str, Option<u64>)>);
        let cases: [Case<'_>; 6] = [
            ("caf\u{e9}".as_bytes(), Encoding::Auto, Some(("café", None))),
            (b"\xef\xbb\xbfa", Encoding::Auto, Some(("a", None))),
            (b"a\ncaf\xe9 \x96", Encoding::Auto, Some(("a\ncafé –", Some(2)))),
            (b"caf\xe9", Encoding::Utf8, None),
            (b"caf\xe9", Encoding::Windows1252, Some(("café", None))),
            (b"\xc3\xa9", Encoding::Windows1252, Some(("Ã©", None))),
        ];
        for (bytes, encoding, expect) in cases {
            let found = decode(bytes, encoding).ok().map(|d| (d.text.into_owned(), d.fallback));
            assert_eq!(found, expect.map(|(text, line)| (text.to_owned(), line)), "{bytes:?}");
        }
    }
}
