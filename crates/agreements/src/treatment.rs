//! Which treatment of a column does at least what another does.

use model::contract::Treatment;

const fn strictness(treatment: Treatment) -> u8 {
    match treatment {
        Treatment::Keep => 0,
        Treatment::Band | Treatment::Truncate => 1,
        Treatment::Pseudonymise => 2,
        Treatment::Drop => 3,
    }
}

/// Whether a treatment does at least what was agreed: keep, then band or truncate, then pseudonymise, then drop.
/// Banding and truncating do not stand in for each other.
#[must_use]
pub fn at_least_as_strict(actual: Treatment, agreed: Treatment) -> bool {
    actual == agreed || strictness(actual) > strictness(agreed)
}

/// The mildest treatment that does what both ask; dropping, where nothing milder does.
pub(crate) fn strictest(a: Treatment, b: Treatment) -> Treatment {
    if at_least_as_strict(a, b) {
        a
    } else if at_least_as_strict(b, a) {
        b
    } else {
        Treatment::Drop
    }
}
