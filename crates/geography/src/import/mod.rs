//! From files to a [`Gazetteer`]: the manifest says what each file is.

mod boundaries;
mod build;
mod lookups;
mod places;
mod table;

use std::collections::BTreeMap;
use std::io::Read;

use crate::error::GeographyError;
use crate::gazetteer::Gazetteer;
use crate::manifest::Manifest;
use crate::report::ImportReport;

/// Limits of an import. Everything is held in memory, so everything is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportLimits {
    /// Bytes of one file after decompression.
    pub file_bytes: u64,
    /// Bytes of all files after decompression.
    pub total_bytes: u64,
    /// Features of one boundary file.
    pub features: u64,
    /// Positions of one boundary file.
    pub positions: u64,
    /// Rows of one table.
    pub rows: u64,
    /// Bytes of a name or code.
    pub text_bytes: usize,
}

impl Default for ImportLimits {
    /// Room for England and Wales: 35,000 areas, 2 million vertices, 2.7 million postcodes.
    fn default() -> Self {
        Self {
            file_bytes: 1 << 30,
            total_bytes: 2 << 30,
            features: 200_000,
            positions: 20_000_000,
            rows: 5_000_000,
            text_bytes: 200,
        }
    }
}

/// Collects the files of a manifest and builds the gazetteer from them.
#[derive(Debug)]
pub struct Importer {
    manifest: Manifest,
    limits: ImportLimits,
    files: BTreeMap<String, Vec<u8>>,
}

impl Importer {
    /// An importer with default limits.
    #[must_use]
    pub fn new(manifest: Manifest) -> Self {
        Self::with_limits(manifest, ImportLimits::default())
    }

    /// An importer with given limits.
    #[must_use]
    pub const fn with_limits(manifest: Manifest, limits: ImportLimits) -> Self {
        Self { manifest, limits, files: BTreeMap::new() }
    }

    /// The paths to give, as written in the manifest, each once.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.manifest.files.iter().map(crate::manifest::File::path).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Takes the bytes of the file with this path in the manifest; decompresses gzip if the name ends in `.gz`. Any order.
    ///
    /// # Errors
    /// If the manifest does not list the path, it was given before, it is no gzip though its name says so, or a limit on
    /// bytes is exceeded.
    pub fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), GeographyError> {
        if !self.manifest.files.iter().any(|file| file.path() == path) {
            return Err(GeographyError::Unlisted { file: path.to_owned() });
        }
        if self.files.contains_key(path) {
            return Err(GeographyError::Repeated { file: path.to_owned() });
        }
        let limit = self.limits.file_bytes;
        let bytes = if path.ends_with(".gz") {
            decompress(path, bytes, limit)?
        } else if bytes.len() as u64 > limit {
            return Err(GeographyError::limit(path, "bytes", limit));
        } else {
            bytes.to_vec()
        };
        let total = self.files.values().chain([&bytes]).map(|bytes| bytes.len() as u64).sum::<u64>();
        if total > self.limits.total_bytes {
            return Err(GeographyError::limit(
                path,
                "bytes together with the files before it",
                self.limits.total_bytes,
            ));
        }
        self.files.insert(path.to_owned(), bytes);
        Ok(())
    }

    /// Builds the gazetteer.
    ///
    /// # Errors
    /// If a listed file is absent, a file cannot be read as what the manifest says, a lookup that promises to cover
    /// everything does not, or parts contradict each other. Whatever can be repaired is in the report instead.
    pub fn finish(self) -> Result<(Gazetteer, ImportReport), GeographyError> {
        build::build(&self.manifest, &self.limits, &self.files)
    }
}

fn decompress(path: &str, bytes: &[u8], limit: u64) -> Result<Vec<u8>, GeographyError> {
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|error| GeographyError::file(path, format!("it is no gzip file: {error}")))?;
    if out.len() as u64 > limit { Err(GeographyError::limit(path, "bytes", limit)) } else { Ok(out) }
}

#[cfg(test)]
mod tests;
