//! Tests of the whole gate on groups small enough to be understood, or enumerated.

mod blocks;
mod brute_force;
mod inversion;
mod inversion_of_revisions;
mod life_of_a_plan;
mod mutants;
mod noise;
mod reports;
mod revisions;
mod rules;
mod tables;
mod withdrawals;

use model::{AgeBand, AreaType, CellKey, Digest, Exposure, Month, PeriodType, Sex};

use crate::{CellFacts, CellId, GroupId, LedgerState, PlanKey, Unreleased, UnreleasedBuilder};

pub(super) fn name(text: &str) -> GroupId {
    text.parse().unwrap()
}

pub(super) fn key(byte: u8) -> PlanKey {
    PlanKey::new([byte; 32])
}

pub(super) fn empty() -> LedgerState {
    LedgerState::empty(name("test"))
}

pub(super) fn cell_id(measure: &str, area_type: AreaType, area: &str, month: i32, sex: Sex, age: AgeBand) -> CellId {
    let period = PeriodType::Month.containing(Month::new(2024, month).unwrap());
    let key = CellKey { area_type, area: area.parse().unwrap(), period, sex, age, breakdown: None };
    CellId { measure: measure.parse().unwrap(), key }
}

/// A cell known by its number.
pub(super) fn numbered(number: usize) -> CellId {
    cell_id("test", AreaType::Lsoa, &format!("AREA-{number}"), 1, Sex::All, AgeBand::All)
}

/// One cell of a small group: bit `i` of `mask` says that atom `i` belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Small {
    pub(super) id: CellId,
    pub(super) mask: u32,
    pub(super) facts: CellFacts,
}

pub(super) fn group(counts: &[u64], cells: &[Small]) -> Unreleased {
    let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
    let atoms: Vec<_> = counts.iter().map(|count| builder.atom(*count)).collect();
    for Small { id, mask, facts } in cells {
        let inside = |i: &usize| mask >> i & 1 == 1;
        let contributors = (0..counts.len()).filter(inside).map(|i| counts[i]).sum();
        builder.cell(id.clone(), (0..counts.len()).filter(inside).map(|i| atoms[i]), contributors, *facts);
    }
    builder.finish().unwrap()
}
