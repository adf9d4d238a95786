//! `agreements check`: what is wrong, and what each agreement allows.

use std::path::Path;

use agreements::{Agreement, Registry, explain};

use crate::clock::Clock;
use crate::definitions::Definitions;
use crate::error::PlatformError;
use crate::publish::{noise_of, parameters};
use crate::state;

/// What a check found.
#[derive(Debug)]
pub struct AgreementCheck {
    /// Status of every agreement and who may do what with every dataset, for reading.
    pub lines: Vec<String>,
    /// Mistakes, each with its place, for reading.
    pub errors: Vec<String>,
}

/// Checks a folder of agreements against the contracts, without a data folder.
///
/// # Errors
/// If the folder or the partnership's register cannot be read.
pub fn check_agreements(agreements: &Path, contracts: &Path) -> Result<AgreementCheck, PlatformError> {
    let now = Clock::system().now();
    let (definitions, mistakes) = Definitions::load(&state::texts(contracts)?, &[]);
    let folder = contracts.display();
    let contracts: Vec<_> = definitions.contracts().cloned().collect();
    let registry = Registry::load(&state::sources(agreements)?, &contracts)?;
    let snapshot = registry.snapshot();
    let mut errors: Vec<String> = mistakes.iter().chain(registry.errors()).map(ToString::to_string).collect();
    errors.extend(snapshot.datasets().filter(|dataset| definitions.contract(dataset).is_none()).map(|dataset| {
        format!("`{dataset}` is in an agreement, but has no valid contract in `{folder}`: nothing of it is taken in or published")
    }));
    errors.extend(snapshot.agreements().filter_map(impossible_noise));
    let mut lines = Vec::new();
    for agreement in snapshot.agreements() {
        let status = snapshot.status(&agreement.digest(), now).map_or_else(String::new, |status| status.to_string());
        lines.push(format!("{:<32} {status:<18} {}", agreement.name(), agreement.document().agreement.title));
        // What a version that takes its place, and every event about it, has to name.
        lines.push(format!("  digest {}", agreement.digest()));
    }
    for dataset in snapshot.datasets() {
        lines.push(String::new());
        lines.extend(explain(snapshot, dataset, now).to_string().lines().map(str::to_owned));
    }
    Ok(AgreementCheck { lines, errors })
}

/// What of an agreement that accepts noise alone noise cannot keep.
fn impossible_noise(agreement: &Agreement) -> Option<String> {
    if agreement.document().datasets.iter().all(|dataset| dataset.exposure.is_open()) {
        return None;
    }
    let (grant, recipients) = agreement.grants().next()?;
    let noise = noise_of(&agreement.terms(grant, recipients));
    let possible = noise.and_then(|noise| noise.as_ref().map(parameters).transpose());
    possible.err().map(|why| format!("{}: {why}", agreement.name()))
}
