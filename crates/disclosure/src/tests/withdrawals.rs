//! Withdrawals: what went with its whole period, and what came in its place.

use model::{AgeBand, AreaType, Mark, Sex};
use proptest::prelude::*;

use super::brute_force::{masks, policy, zeros};
use super::revisions::{apply, changed, convicts_nobody, publish, publish_each, sealed};
use super::{Small, cell_id, group, key, name};
use crate::ledger::restore;
use crate::{Cell, CellFacts, LedgerError, LedgerState, Policy, plan, verify_ledger};

/// Another period beside some cells, of an atom that is the last.
fn beside(cells: &[Small], counts: &[u64]) -> (Vec<u64>, Vec<Small>) {
    let id = cell_id("test", AreaType::Lsoa, "AREA-0", 2, Sex::All, AgeBand::All);
    let other = Small { id, mask: 1 << counts.len(), facts: CellFacts::default() };
    (counts.iter().copied().chain([70]).collect(), cells.iter().cloned().chain([other]).collect())
}

/// The same where the whole period was away between the two: withdrawn, and sent anew.
fn check_withdrawn(before: &[u64], after: &[u64], cells: &[Small], policy: &Policy, secret: u8) -> [usize; 2] {
    let (first, last) = (beside(cells, before), beside(cells, after));
    let away = (first.0.clone(), first.1[cells.len()..].to_vec());
    let (entries, shown) = publish_each(&[first, away, last], policy, secret);
    verify_ledger(&entries).unwrap();
    if entries.len() < 3 {
        return [0, 0];
    }
    assert_eq!(shown[1].len(), 1);
    let shown = [shown[0].clone(), shown[2].clone()];
    convicts_nobody([before, after], cells, policy, &shown)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_withdrawn_and_sent_anew_convicts_nobody(
        before in prop::collection::vec(0_u64..5, 3),
        changes in prop::collection::vec(changed(true), 3),
        list in prop::collection::vec(1_u32..7, 1..5),
        zeros in zeros(),
        decoys in prop_oneof![Just(0_u16), Just(250)],
        secret in any::<u8>(),
    ) {
        check_withdrawn(&before, &apply(&before, &changes), &masks(&list, 3), &policy(zeros, decoys), secret);
    }
}

/// Withdrawn and sent anew, a period is compared with what it was: to take it back is no way around the proof.
#[test]
fn what_was_withdrawn_is_decided_beside_what_it_was() {
    let k5 = Policy::threshold(5);
    let cells = masks(&[1, 2, 4], 3);
    for after in [[21, 35, 40], [20, 30, 40], [25, 35, 45], [17, 22, 40]] {
        let direct = publish(&[vec![20, 30, 40], after.to_vec()], &cells, &k5, 3).1;
        let (first, last) = (beside(&cells, &[20, 30, 40]), beside(&cells, &after));
        let away = (first.0.clone(), first.1[3 + 1..].to_vec());
        let (entries, around) = publish_each(&[first, away.clone(), away, last], &k5, 3);
        assert_eq!(verify_ledger(&entries).unwrap().entries, 4);
        for (id, cell) in &direct[1] {
            assert_eq!(around[3][id], *cell, "{id} after {after:?}");
        }
    }
}

/// A year of small areas goes with one of its quarters, and what is left does not tell these areas apart: sent anew as they were, all are
/// shown as they were.
#[test]
fn what_is_sent_anew_as_it_was_is_shown_as_it_was() {
    let (year, first, second) = (1, 2, 3);
    let cell = |area_type, area: &str, period, mask| {
        let id = cell_id("test", area_type, area, period, Sex::All, AgeBand::All);
        Small { id, mask, facts: CellFacts::default() }
    };
    // Two areas by two quarters, the first area before the second or after it.
    let all = |places: [u32; 2]| {
        let small = |area: &str, place: u32| cell(AreaType::Lsoa, area, year, 0b0101 << place);
        vec![
            small("AREA-0", places[0]),
            small("AREA-1", places[1]),
            cell(AreaType::Msoa, "AREA-M", first, 0b0011),
            cell(AreaType::Msoa, "AREA-M", second, 0b1100),
        ]
    };
    let away = (vec![53], vec![cell(AreaType::Msoa, "AREA-M", first, 1)]);
    let revisions = [(vec![20, 33, 40, 21], all([0, 1])), away.clone(), away, (vec![33, 20, 21, 40], all([1, 0]))];
    let (entries, shown) = publish_each(&revisions, &Policy::threshold(5), 3);
    assert_eq!((verify_ledger(&entries).unwrap().entries, &shown[3]), (4, &shown[0]));
    assert_eq!(entries[3].decode().unwrap().superseded.len(), 0, "nothing is decided anew");
}

/// A year goes with its first quarter, and its second is revised meanwhile: what they were made of cannot be compared any more with what
/// they are made of now, so that they stay away, also later. The others stay as they were.
#[test]
fn what_was_away_while_others_were_revised_stays_away() {
    let (year, first, second) = (1, 2, 3);
    let cell = |area_type, area: &str, period, mask| {
        let id = cell_id("test", area_type, area, period, Sex::All, AgeBand::All);
        Small { id, mask, facts: CellFacts::default() }
    };
    let years = [cell(AreaType::Lsoa, "AREA-0", year, 0b0101), cell(AreaType::Lsoa, "AREA-1", year, 0b1010)];
    let quarters = [cell(AreaType::Msoa, "AREA-M", first, 0b0011), cell(AreaType::Msoa, "AREA-M", second, 0b1100)];
    let all = || [&years[..], &quarters[..]].concat();
    let away = |count| (vec![count], vec![cell(AreaType::Msoa, "AREA-M", second, 1)]);
    // Some came to the second quarter, or some went: then nothing need have stayed there.
    for (revised, third, fourth) in [(67, 46, 21), (50, 29, 21), (61, 40, 21)] {
        // The same records under another name are no better; those of the second quarter are shown under any.
        let renamed = |area: &str, period, mask| cell(AreaType::Ward, area, period, mask);
        let others = [renamed("AREA-W", first, 0b0001), renamed("AREA-X", second, 0b1100)];
        let back = (vec![26, 33, third, fourth], [all(), others.to_vec()].concat());
        let revisions = [(vec![20, 33, 40, 21], all()), away(61), away(revised), back.clone(), back];
        let (entries, shown) = publish_each(&revisions, &Policy::threshold(5), 3);
        assert_eq!(verify_ledger(&entries).unwrap().entries, 5);
        let is_away = revised != 61;
        for shown in &shown[3..] {
            for cell in years.iter().chain(&quarters[..1]).chain(&others[..1]) {
                assert_eq!(shown[&cell.id] == Cell::Withheld(Mark::X), is_away, "{revised}: {shown:?}");
            }
            let second = [&quarters[1], &others[1]].map(|cell| shown[&cell.id].value());
            assert!(!is_away || second == [Some(revised); 2], "{revised}: {shown:?}");
        }
    }
}

#[test]
fn what_is_withdrawn_is_not_shown_and_stays_part_of_the_proof() {
    let cells = masks(&[1, 2, 4, 8], 4);
    let k5 = Policy::threshold(5);
    let first = plan(&LedgerState::empty(name("test")), &group(&[9, 3, 2, 20], &cells), &k5, &key(3)).unwrap();
    let past = LedgerState::decode(name("test"), Some(&sealed(&first))).unwrap();
    let second = plan(&past, &group(&[9, 3, 2, 20], &cells[1..]), &k5, &key(3)).unwrap();
    let gone = restore(&sealed(&second)).unwrap();
    assert_eq!(gone.get().cell(&cells[0].id), None);
    assert_eq!(verify_ledger([&sealed(&first), &sealed(&second)]).unwrap().cells, 4);
    // It comes back as it was.
    let past = LedgerState::decode(name("test"), Some(&sealed(&second))).unwrap();
    let third = plan(&past, &group(&[9, 3, 2, 20], &cells), &k5, &key(3)).unwrap();
    assert_eq!(restore(&sealed(&third)).unwrap(), restore(&sealed(&first)).unwrap());
    // With another count that is close, it would tell who came.
    let third = plan(&past, &group(&[11, 3, 2, 20], &cells), &k5, &key(3)).unwrap();
    assert_eq!(restore(&sealed(&third)).unwrap().get().cell(&cells[0].id).unwrap().value(), None);
    let all = [sealed(&first), sealed(&second), sealed(&third)];
    verify_ledger(&all).unwrap();
    // An entry that forgets what was withdrawn is refused.
    let fresh = plan(&LedgerState::empty(name("test")), &group(&[9, 3, 2, 20], &cells[1..]), &k5, &key(3)).unwrap();
    assert!(matches!(verify_ledger([&sealed(&first), &sealed(&fresh)]), Err(LedgerError::Broken { .. })));
}
