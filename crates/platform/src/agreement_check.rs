//! `agreements check`: what is wrong, and what each agreement allows.

use std::path::Path;

use agreements::{Agreement, Registry};
use model::contract::DatasetContract;

use crate::authoring::everything;
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
    errors.extend(snapshot.agreements().filter_map(|agreement| impossible_noise(agreement, &definitions)));
    Ok(AgreementCheck { lines: everything(snapshot, now), errors })
}

/// What of an agreement that accepts noise alone noise cannot keep.
fn impossible_noise(agreement: &Agreement, definitions: &Definitions) -> Option<String> {
    let controlled = || agreement.document().datasets.iter().filter(|dataset| !dataset.exposure.is_open());
    let (grant, recipients) = agreement.grants().next().filter(|_| controlled().next().is_some())?;
    let noise = match noise_of(&agreement.terms(grant, recipients)) {
        Ok(noise) => noise?,
        Err(why) => return Some(format!("{}: {why}", agreement.name())),
    };
    if let Err(why) = parameters(&noise) {
        return Some(format!("{}: {why}", agreement.name()));
    }
    let registers = |contract: &DatasetContract| contract.crossings.is_some();
    let without = controlled().find(|dataset| !definitions.contract(&dataset.id).is_none_or(registers))?;
    Some(format!(
        "{}: noise is added to figures of `{}`, and its contract registers no `[crossings]`: nothing of it is published",
        agreement.name(),
        without.id
    ))
}
