//! The canonical form of an agreement and its digest.
//!
//! What is signed is what is *written*: the file's keys and values, without comments, spacing, order of keys, and
//! without the signatures themselves. So a later version of this software, with more optional keys, computes the same
//! digest for the same file.

use std::fmt::Write as _;

use model::{DefinitionError, Digest};
use sha2::{Digest as _, Sha256};
use toml::Value;

const AGREEMENT: &str = "commonground agreement v1\n";

/// The SHA-256 digest of an agreement's canonical form: JSON without spaces, keys in order of their bytes, dates as
/// text, every `[party.signature]` left out, after a line that names the format.
///
/// # Errors
/// If the text is not TOML.
pub fn agreement_digest(file: &str, text: &str) -> Result<Digest, DefinitionError> {
    let mut table: toml::Table = model::load::parse(file, text)?;
    if let Some(Value::Array(parties)) = table.get_mut("party") {
        for party in parties {
            if let Value::Table(party) = party {
                party.remove("signature");
            }
        }
    }
    let mut canonical = AGREEMENT.to_owned();
    write_value(&mut canonical, &Value::Table(table));
    Ok(sha256(&canonical))
}

/// SHA-256 of a text.
pub(crate) fn sha256(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}

/// Appends a text as a JSON string.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' || c == '\u{7f}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => write_string(out, text),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => {
            let _ = write!(out, "{value}");
        }
        Value::Datetime(datetime) => write_string(out, &datetime.to_string()),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Value::Table(table) => {
            let mut entries: Vec<_> = table.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_value(out, item);
            }
            out.push('}');
        }
    }
}
