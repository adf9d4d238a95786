//! What a data folder holds and what was found in a file, for reading.

use std::collections::BTreeSet;
use std::fmt;

use catalog::{DatasetVersion, VersionStatus};
use ingest::Findings;
use model::DatasetId;

use crate::cube::visible;
use crate::error::PlatformError;
use crate::platform::Platform;
use crate::state::State;

/// What a data folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// Datasets with data.
    pub datasets: usize,
    /// Current versions of their partitions.
    pub versions: usize,
    /// Rows in them.
    pub rows: u64,
    /// Published views.
    pub views: usize,
    /// Cells in those.
    pub cells: u64,
    /// Cells with a value.
    pub visible: u64,
    /// Datasets with data that are taken in but not in what is published: they wait, or are held back for review.
    pub waiting: Vec<DatasetId>,
}

impl fmt::Display for Holdings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} datasets, {} files, {} rows; {} views, {} cells, {} of them visible",
            self.datasets, self.versions, self.rows, self.views, self.cells, self.visible
        )?;
        for dataset in &self.waiting {
            write!(f, "\nnot published as it was last taken in, or waits for approval: {dataset}")?;
        }
        Ok(())
    }
}

impl Platform {
    /// What the folder holds.
    ///
    /// # Errors
    /// If the catalogue cannot be read.
    pub fn holdings(&self) -> Result<Holdings, PlatformError> {
        let versions = self
            .catalog()
            .versions(None, Some(VersionStatus::Current))
            .map_err(PlatformError::failed("read versions"))?;
        // How many rows a version has is encrypted with its findings.
        let kept = versions.iter().map(|version| Ok(self.read_findings(version)?.counts.kept));
        let kept: Vec<u64> = kept.collect::<Result<_, PlatformError>>()?;
        let state = self.state();
        let cubes = || state.cubes.values().map(|cube| cube.rows.get());
        Ok(Holdings {
            datasets: versions.iter().map(|version| &version.facts.dataset).collect::<BTreeSet<_>>().len(),
            versions: versions.len(),
            rows: kept.into_iter().sum(),
            views: state.cubes.len(),
            cells: cubes().map(|rows| u64::try_from(rows.len()).unwrap_or(u64::MAX)).sum(),
            visible: cubes().map(|rows| visible(rows)).sum(),
            waiting: waiting(&state, &versions),
        })
    }
}

/// The datasets of which a current version is not in what is published.
fn waiting(state: &State, versions: &[DatasetVersion]) -> Vec<DatasetId> {
    let published = |version: &&DatasetVersion| {
        let group = state.released.get(&version.facts.dataset);
        group.is_some_and(|group| group.basis.partitions.iter().any(|used| used.version == version.facts.id))
    };
    let used = |version: &&DatasetVersion| state.definitions.indicators_on(&version.facts.dataset).next().is_some();
    let waiting = versions.iter().filter(used).filter(|version| !published(version));
    waiting.map(|version| version.facts.dataset.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// What was found in a file, in lines for reading.
#[must_use]
pub fn findings_text(findings: &Findings) -> String {
    let counts = &findings.counts;
    let mut lines = vec![format!("{:>10} rows read", counts.rows_read)];
    let parts = [
        (counts.kept, "kept"),
        (counts.refused, "refused"),
        (counts.outside, "outside the partnership, not kept"),
        (counts.without_location, "without a usable place, not kept"),
        (counts.duplicates, "duplicates, not kept"),
        (counts.skipped, "not meant by the contract, skipped"),
        (counts.opted_out, "opted out, not kept"),
        (counts.corrected, "of those kept, corrected"),
        (counts.unreadable, "of those kept, with a figure that cannot be read"),
        (counts.absent, "figures that no row came for: not available"),
        (findings.disagreements, "where the supplied area and the point differ"),
    ];
    lines.extend(parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count:>10} {what}")));
    for dropped in &findings.dropped_columns {
        let clause = dropped.clause.as_deref().map(|clause| format!(" ({clause})")).unwrap_or_default();
        lines.push(format!("   dropped column `{}`: {}{clause}", dropped.column, dropped.reason));
    }
    for finding in findings.first.iter().take(10) {
        let column = if finding.column.is_empty() { String::new() } else { format!(" `{}`", finding.column) };
        lines.push(format!("   row {}{column}: {}", finding.row, finding.message));
    }
    if findings.first.len() > 10 {
        lines.push("   and more, which the answer to an upload through the API lists, as `--json` does".to_owned());
    }
    lines.join("\n")
}
