//! Files as they are committed: CSV quoting and reproducible gzip.

use std::io::{Read as _, Write as _};

use flate2::{Compression, GzBuilder};

use crate::world::{SampleFile, TestkitError};

/// What one part of the generator makes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made {
    /// The files.
    pub files: Vec<SampleFile>,
    /// The part's section of `TRUTH.md`: Markdown that begins with a `## ` heading, or nothing.
    pub truth: String,
}

/// A file committed as it is.
#[must_use]
pub fn plain(path: &str, bytes: Vec<u8>) -> SampleFile {
    SampleFile { path: path.to_owned(), bytes }
}

/// A file committed gzip-compressed, without time or name in the header so that the bytes depend on the content only.
/// `.gz` is added to the path.
///
/// The bytes also depend on the compressor and its version, which `Cargo.lock` pins: zlib-rs, which this crate always
/// gets with its workbook writer, and whose matches do not depend on the processor.
///
/// # Errors
/// If the compressor fails.
pub fn packed(path: &str, bytes: &[u8]) -> Result<SampleFile, TestkitError> {
    let path = format!("{path}.gz");
    let fault = |error: std::io::Error| TestkitError::Write { path: path.clone(), message: error.to_string() };
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    encoder.write_all(bytes).map_err(fault)?;
    let bytes = encoder.finish().map_err(fault)?;
    Ok(SampleFile { path, bytes })
}

/// A committed file as its reader sees it: inflated if it is gzip-compressed, as it is otherwise.
///
/// # Errors
/// If it begins like gzip but cannot be inflated.
pub fn inflate(bytes: &[u8]) -> Result<Vec<u8>, TestkitError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.to_vec());
    }
    let mut plain = Vec::new();
    let fault =
        |error: std::io::Error| TestkitError::Write { path: "a gzip file".to_owned(), message: error.to_string() };
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).map_err(fault)?;
    Ok(plain)
}

/// Appends one CSV record (RFC 4180, line feed), quoting a field only where it must be.
pub fn csv_row<S: AsRef<str>>(out: &mut String, fields: impl IntoIterator<Item = S>) {
    for (position, field) in fields.into_iter().enumerate() {
        let field = field.as_ref();
        if position > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_bytes_depend_on_content_only_and_unpack() {
        let file = packed("a/b.csv", b"x,y\n1,2\n").unwrap();
        assert_eq!(file.path, "a/b.csv.gz");
        assert_eq!(file, packed("a/b.csv", b"x,y\n1,2\n").unwrap());
        assert_eq!(file.bytes.get(4..8), Some([0; 4].as_slice()), "modification time is zero");
        assert_eq!(inflate(&file.bytes).unwrap(), b"x,y\n1,2\n");
        assert_eq!(inflate(b"x,y\n").unwrap(), b"x,y\n");
        assert!(inflate(&[0x1f, 0x8b, 8, 0]).is_err());
    }

    #[test]
    fn csv_fields_are_quoted_where_needed() {
        let mut out = String::new();
        csv_row(&mut out, ["plain", "", "a,b", "say \"x\"", "two\nlines"]);
        assert_eq!(out, "plain,,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n");
    }
}
