//! The promise against a reference that shares nothing with the search: every world of a tiny group is enumerated from what
//! was released.

use model::{AgeBand, AreaType, Mark, Sex};
use proptest::prelude::*;

use super::{Small, cell_id, empty, group, key, numbered};
use crate::ledger::{AuthenticatedEntry, restore};
use crate::{Cell, CellFacts, Policy, ZeroPolicy, plan};

pub(super) const K: u64 = 3;

/// All the attacker has: masks with what is shown, and whether a mark means at least 1.
pub(super) struct Attacker {
    pub(super) shown: Vec<(u32, Cell)>,
    pub(super) atoms: usize,
    /// No world has more than this in total, to keep the enumeration finite.
    pub(super) most: u64,
    pub(super) marks_mean_one: bool,
    /// What the attacker knows each atom to hold at least.
    pub(super) own: Vec<u64>,
}

impl Attacker {
    /// Smallest and largest value of every cell over all worlds.
    pub(super) fn intervals(&self) -> Vec<(u64, u64)> {
        let mut found = vec![(u64::MAX, 0); self.shown.len()];
        self.extend(&mut Vec::new(), 0, &mut found);
        found
    }

    pub(super) fn sum(mask: u32, world: &[u64]) -> u64 {
        world.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, count)| count).sum()
    }

    fn extend(&self, world: &mut Vec<u64>, total: u64, found: &mut [(u64, u64)]) {
        let decided = (1_u32 << world.len()) - 1;
        for (mask, cell) in &self.shown {
            let sum = Self::sum(*mask, world);
            let complete = mask & !decided == 0;
            let fits = match cell {
                Cell::Value(value) => sum == *value || (sum < *value && !complete),
                // Of what is not available, nothing is said.
                Cell::Withheld(mark) => !complete || sum > 0 || !self.marks_mean_one || *mark == Mark::X,
            };
            if !fits {
                return;
            }
        }
        if world.len() == self.atoms {
            for ((mask, _), interval) in self.shown.iter().zip(found) {
                let sum = Self::sum(*mask, world);
                *interval = (interval.0.min(sum), interval.1.max(sum));
            }
            return;
        }
        for count in self.own.get(world.len()).copied().unwrap_or(0)..=self.most.saturating_sub(total) {
            world.push(count);
            self.extend(world, total + count, found);
            world.pop();
        }
    }
}

/// Each of the people, knowing their own record, still finds room for k others, k apart.
fn somebody_knows_their_own(attacker: &Attacker, counts: &[u64]) {
    for atom in (0..counts.len()).filter(|atom| counts[*atom] > 0) {
        let mut own = vec![0; counts.len()];
        own[atom] = 1;
        let single = Attacker { own: own.clone(), shown: attacker.shown.clone(), ..*attacker };
        for ((low, high), (mask, cell)) in single.intervals().into_iter().zip(&single.shown) {
            let others = high - Attacker::sum(*mask, &own);
            let safe = matches!(cell, Cell::Value(_)) || (others >= K && high - low >= K);
            assert!(safe, "somebody in {atom} knows {low}..={high} of {mask:b} in {:?}", single.shown);
        }
    }
}

/// Plans a group and checks the promise by enumeration; returns how many cells were withheld.
fn check(counts: &[u64], cells: &[Small], policy: &Policy, secret: u8) -> usize {
    let plan = plan(&empty(), &group(counts, cells), policy, &key(secret)).unwrap();
    let entry = AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec());
    let tables = restore(&entry).unwrap();
    let tables = tables.get();
    let total: u64 = counts.iter().sum();
    let attacker = Attacker {
        shown: cells.iter().map(|cell| (cell.mask, tables.cell(&cell.id).unwrap())).collect(),
        atoms: counts.len(),
        most: total + 2 * K + 1,
        marks_mean_one: policy.zeros == ZeroPolicy::Publish,
        own: Vec::new(),
    };
    if policy.own_records {
        somebody_knows_their_own(&attacker, counts);
    }
    let mut withheld = 0;
    for ((low, high), (mask, cell)) in attacker.intervals().into_iter().zip(&attacker.shown) {
        let truth = Attacker::sum(*mask, counts);
        match cell {
            Cell::Value(value) => {
                assert_eq!(*value, truth);
                assert!(truth == 0 || truth >= K, "an unsafe count is released");
            }
            Cell::Withheld(_) => {
                withheld += 1;
                assert!(high >= K, "provably small: {low}..={high} in {:?}", attacker.shown);
                assert!(high - low >= K, "nearly recovered: {low}..={high} in {:?}", attacker.shown);
            }
        }
    }
    for (inner, small) in &attacker.shown {
        for (outer, large) in &attacker.shown {
            if let (Cell::Value(small), Cell::Value(large)) = (small, large)
                && inner & outer == *inner
                && policy.nested_differences
            {
                assert!(*large == *small || large - small >= K, "a difference of nested cells is unsafe");
            }
        }
    }
    withheld
}

pub(super) fn masks(list: &[u32], atoms: usize) -> Vec<Small> {
    let all = (1_u32 << atoms) - 1;
    let facts = |headline| CellFacts { headline, ..CellFacts::default() };
    let mut cells: Vec<Small> = list
        .iter()
        .enumerate()
        .map(|(i, mask)| Small { id: numbered(i), mask: mask & all, facts: facts(false) })
        .collect();
    cells.push(Small { id: numbered(list.len()), mask: all, facts: facts(true) });
    cells
}

pub(super) fn policy(zeros: ZeroPolicy, decoys: u16) -> Policy {
    Policy { zeros, decoys_per_thousand: decoys, ..Policy::threshold(K) }
}

pub(super) fn zeros() -> impl Strategy<Value = ZeroPolicy> {
    prop_oneof![Just(ZeroPolicy::Publish), Just(ZeroPolicy::HideShare { per_thousand: 500 })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_overlapping_cells(
        counts in prop::collection::vec(prop_oneof![3 => 0_u64..4, 1 => 4_u64..7], 6),
        list in prop::collection::vec(1_u32..63, 3..9),
        zeros in zeros(),
        decoys in prop_oneof![Just(0_u16), Just(250)],
        own_records in any::<bool>(),
        secret in any::<u8>(),
    ) {
        check(&counts, &masks(&list, 6), &Policy { own_records, ..policy(zeros, decoys) }, secret);
    }

    #[test]
    fn areas_by_months_with_a_filter(
        counts in prop::collection::vec(0_u64..4, 8),
        zeros in zeros(),
        secret in any::<u8>(),
    ) {
        // Atom = 4 area + 2 month + filter.
        let list = [0x0f, 0xf0, 0x33, 0xcc, 0x0a, 0xa0, 0x22, 0x88, 0xaa];
        check(&counts, &masks(&list, 8), &policy(zeros, 0), secret);
    }

    #[test]
    fn a_demographic_table_beside_a_geographic_one(
        counts in prop::collection::vec(0_u64..4, 8),
        zeros in zeros(),
        secret in any::<u8>(),
    ) {
        // Atom = 4 area + 2 sex + age: the tables meet in the total only, and are proved apart.
        let mut cells = masks(&[0x0f, 0xf0], 8);
        let young: AgeBand = "0-15".parse().unwrap();
        let old: AgeBand = "16+".parse().unwrap();
        for (mask, sex, age) in [
            (0x33, Sex::Female, AgeBand::All),
            (0xcc, Sex::Male, AgeBand::All),
            (0x55, Sex::All, young),
            (0xaa, Sex::All, old),
            (0x11, Sex::Female, young),
            (0x22, Sex::Female, old),
            (0x44, Sex::Male, young),
            (0x88, Sex::Male, old),
        ] {
            let id = cell_id("test", AreaType::District, "DISTRICT", 1, sex, age);
            cells.push(Small { id, mask, facts: CellFacts::default() });
        }
        check(&counts, &cells, &policy(zeros, 0), secret);
    }
}

/// The enumeration can convict: one withheld cell in a row with its total is recovered.
#[test]
fn the_attacker_recovers_a_lonely_gap() {
    let shown = vec![(0b01, Cell::Withheld(Mark::C)), (0b10, Cell::Value(7)), (0b11, Cell::Value(9))];
    let attacker = Attacker { shown, atoms: 2, most: 15, marks_mean_one: true, own: Vec::new() };
    assert_eq!(attacker.intervals()[0], (2, 2));
}

#[test]
fn known_hard_cases() {
    for (counts, list) in [
        // Two small cells in one row: each at least 1, together 2, so a third must go.
        (vec![1, 1, 9, 9, 0, 0], vec![0b1, 0b10, 0b100, 0b1000]),
        // A row whose total is small itself.
        (vec![1, 1, 0, 0, 0, 0], vec![0b1, 0b10]),
        // Everything small everywhere.
        (vec![1, 1, 1, 1, 1, 1], vec![0b1, 0b10, 0b100, 0b1000, 0b1_0000, 0b10_0000, 0b111, 0b11_1000]),
    ] {
        let withheld = check(&counts, &masks(&list, 6), &policy(ZeroPolicy::Publish, 0), 1);
        assert!(withheld >= 2, "{counts:?}");
    }
}
