//! What an import read, repaired and left out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something worth knowing that did not stop the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A ring did not end where it began; closed.
    UnclosedRing,
    /// A vertex was repeated; removed.
    DuplicateVertex,
    /// A line ran out and straight back; removed.
    Spike,
    /// A ring without area; removed.
    DegenerateRing,
    /// A ring ran the other way round than RFC 7946 asks; reversed.
    RingOrientation,
    /// A ring crosses itself; kept, and read by the even-odd rule.
    SelfIntersection,
    /// A part lay inside another part of the same area; removed.
    NestedShell,
    /// Two areas overlap; points there belong to the one whose code sorts first.
    Overlap,
    /// Two areas overlap by less than a centimetre: their shared border was written twice, with rounding in between.
    BorderRounding,
    /// A row or feature repeats one before it; the first is kept.
    Repeated,
    /// The name of an area differs from the one read before; the first is kept.
    NameDiffers,
    /// An outline whose area has no atom; left out.
    WithoutAtoms,
    /// An area without an outline, though others of its type have one; all of that type are drawn from their atoms.
    WithoutOutline,
    /// The lookup and the outlines of a geography are of different years.
    VintageDiffers,
    /// An atom that a partial lookup does not mention.
    AtomWithoutArea,
    /// A row for an atom outside the partnership; skipped.
    OutsidePartnership,
    /// A 2011 area that was split, redrawn or merged, and whose lookup does not say how many people live in each part: its
    /// counts are divided equally, and its scores count as much as those of any other area.
    WithoutWeight,
    /// A 2011 area that only partly lies in the partnership.
    PartlyOutside,
    /// A text that has not the form of a postcode; skipped.
    MalformedPostcode,
    /// A postcode without a position (or a position not in Great Britain); skipped.
    WithoutPosition,
    /// The publisher's area and the area of the publisher's point differ; the publisher's is kept.
    CodeAndPointDiffer,
    /// A postcode used again after it was terminated; each use is kept with its dates.
    ReusedPostcode,
    /// A practice whose network is not registered; skipped.
    UnknownNetwork,
}

impl FindingKind {
    /// What it means, in words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::UnclosedRing => "ring not closed (closed)",
            Self::DuplicateVertex => "ring with repeated vertices (removed)",
            Self::Spike => "ring with a spike (removed)",
            Self::DegenerateRing => "ring without area (removed)",
            Self::RingOrientation => "ring in the wrong direction (reversed)",
            Self::SelfIntersection => "ring crosses itself (even-odd rule)",
            Self::NestedShell => "part inside another part (removed)",
            Self::Overlap => "areas overlap (first code wins)",
            Self::BorderRounding => "shared border differs by rounding (first code wins)",
            Self::Repeated => "repeated (first kept)",
            Self::NameDiffers => "name differs (first kept)",
            Self::WithoutAtoms => "outline of an area without atoms (left out)",
            Self::WithoutOutline => "area without an outline",
            Self::VintageDiffers => "lookup and outlines of different years",
            Self::AtomWithoutArea => "atom in no area",
            Self::OutsidePartnership => "outside the partnership (skipped)",
            Self::WithoutWeight => "no weight (equal shares, plain means)",
            Self::PartlyOutside => "partly outside the partnership",
            Self::MalformedPostcode => "not a postcode (skipped)",
            Self::WithoutPosition => "without a position (skipped)",
            Self::CodeAndPointDiffer => "code and point differ (code kept)",
            Self::ReusedPostcode => "postcode used again",
            Self::UnknownNetwork => "practice of an unknown network (skipped)",
        }
    }
}

/// Findings of one kind in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was found.
    pub kind: FindingKind,
    /// How often.
    pub count: u64,
    /// Where, for the first few: an area code, or a line of the file.
    pub examples: Vec<String>,
}

/// Examples kept for each kind of finding.
const EXAMPLES: usize = 5;

/// One file of the import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Path in the manifest.
    pub path: String,
    /// Kind in the manifest.
    pub kind: String,
    /// Rows or features read.
    pub read: u64,
    /// Of those, used.
    pub used: u64,
    /// What was found, by kind.
    pub findings: Vec<Finding>,
}

impl FileReport {
    pub(crate) fn new(path: &str, kind: &str) -> Self {
        Self { path: path.to_owned(), kind: kind.to_owned(), read: 0, used: 0, findings: Vec::new() }
    }

    pub(crate) fn find(&mut self, kind: FindingKind, example: impl fmt::Display) {
        let position = self.findings.partition_point(|finding| finding.kind < kind);
        match self.findings.get_mut(position) {
            Some(finding) if finding.kind == kind => {
                finding.count += 1;
                if finding.examples.len() < EXAMPLES {
                    finding.examples.push(example.to_string());
                }
            }
            _ => self.findings.insert(position, Finding { kind, count: 1, examples: vec![example.to_string()] }),
        }
    }

    /// How often a kind was found.
    #[must_use]
    pub fn count(&self, kind: FindingKind) -> u64 {
        self.findings.iter().find(|finding| finding.kind == kind).map_or(0, |finding| finding.count)
    }
}

/// The import as a whole, in the order of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The files.
    pub files: Vec<FileReport>,
}

impl ImportReport {
    /// How often a kind was found in all files.
    #[must_use]
    pub fn count(&self, kind: FindingKind) -> u64 {
        self.files.iter().map(|file| file.count(kind)).sum()
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.files.iter().map(|file| file.path.len()).max().unwrap_or(0).max("file".len());
        writeln!(f, "{:<width$}  {:<13}  {:>8}  {:>8}", "file", "kind", "read", "used")?;
        for file in &self.files {
            writeln!(f, "{:<width$}  {:<13}  {:>8}  {:>8}", file.path, file.kind, file.read, file.used)?;
            for finding in &file.findings {
                let examples = finding.examples.join(", ");
                writeln!(f, "  {:>6} x {}: {examples}", finding.count, finding.kind.title())?;
            }
        }
        Ok(())
    }
}
