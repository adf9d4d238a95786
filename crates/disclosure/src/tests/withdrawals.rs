//! Withdrawals: what went with its whole period, and what came in its place.

use model::{AgeBand, AreaType, Mark, Month, Period, PeriodType, Sex};
use proptest::prelude::*;

use super::brute_force::{masks, policy, zeros};
use super::revisions::{apply, changed, convicts_nobody, publish, publish_each, sealed};
use super::{Small, cell_id, empty, group, key, name};
use crate::decide::decide;
use crate::ledger::{AuthenticatedEntry, Entry, restore};
use crate::rules::Rules;
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

fn quarter(year: i32, month: i32) -> Period {
    PeriodType::Quarter.containing(Month::new(year, month).unwrap())
}

fn small(area_type: AreaType, area: &str, period: Period, mask: u32) -> Small {
    let mut id = cell_id("test", area_type, area, 1, Sex::All, AgeBand::All);
    id.key.period = period;
    Small { id, mask, facts: CellFacts::default() }
}

/// Two areas by a year, and both together by two of its quarters; each atom is an area in a quarter.
fn areas_by_year_and_quarters() -> [Small; 4] {
    let year = PeriodType::CalendarYear.containing(Month::new(2024, 1).unwrap());
    [
        small(AreaType::Lsoa, "AREA-0", year, 0b0101),
        small(AreaType::Lsoa, "AREA-1", year, 0b1010),
        small(AreaType::Msoa, "AREA-M", quarter(2024, 1), 0b0011),
        small(AreaType::Msoa, "AREA-M", quarter(2024, 4), 0b1100),
    ]
}

/// An entry of which something else is said.
fn changed_entry(entry: &AuthenticatedEntry, change: impl FnOnce(&mut Entry)) -> AuthenticatedEntry {
    let mut entry = entry.decode().unwrap();
    change(&mut entry);
    AuthenticatedEntry::from_vault(serde_json::to_vec(&entry).unwrap())
}

/// A year goes with its first quarter, and its second is revised meanwhile: what they were made of cannot be compared any more with what
/// they are made of now, so that they stay away, also later. The others stay as they were.
#[test]
fn what_was_away_while_others_were_revised_stays_away() {
    let cells = areas_by_year_and_quarters();
    let [.., second] = &cells;
    let away = |count| (vec![count], vec![Small { mask: 1, ..second.clone() }]);
    // Some came to the second quarter, or some went: then nothing need have stayed there.
    for (revised, third, fourth) in [(67, 46, 21), (50, 29, 21), (61, 40, 21)] {
        let back = (vec![26, 33, third, fourth], cells.to_vec());
        let revisions = [(vec![20, 33, 40, 21], cells.to_vec()), away(61), away(revised), back.clone(), back];
        let (mut entries, shown) = publish_each(&revisions, &Policy::threshold(5), 3);
        assert_eq!(verify_ledger(&entries).unwrap().entries, 5);
        let is_away = revised != 61;
        for shown in &shown[3..] {
            for cell in &cells[..3] {
                assert_eq!(shown[&cell.id] == Cell::Withheld(Mark::X), is_away, "{revised}: {shown:?}");
            }
            assert!(!is_away || shown[&second.id].value() == Some(revised), "{revised}: {shown:?}");
        }
        // An entry that says nothing of it is refused, and one that forgets it later.
        let forget = |entry: &mut Entry| entry.superseded.iter_mut().for_each(|figure| figure.left_behind = false);
        for (forged, what) in [(2, "gone while others are decided anew"), (3, "was left behind and is there again")] {
            let changed = changed_entry(&entries[forged], forget);
            let honest = std::mem::replace(&mut entries[forged], changed);
            let refused = verify_ledger(&entries).map(|found| found.entries).map_err(|error| error.to_string());
            assert!(!is_away || refused.is_err_and(|error| error.contains(what)));
            entries[forged] = honest;
        }
    }
}

/// Areas by quarter are new while the year of these areas is away with its first quarter: the year less its other quarters, which are
/// unrelated to it as far as the records that are here tell, would be the first.
#[test]
fn nothing_new_is_shown_beside_what_is_gone() {
    let cells = areas_by_year_and_quarters();
    let fine = |first: u32| {
        ["AREA-0", "AREA-1"].map(|area| {
            let mask = if area == "AREA-0" { first } else { first << 1 };
            small(AreaType::Lsoa, area, quarter(2024, 4), mask)
        })
    };
    let next_year = |mask| small(AreaType::Msoa, "AREA-M", quarter(2025, 1), mask);
    let meanwhile = [vec![Small { mask: 0b11, ..cells[3].clone() }, next_year(0b100)], fine(1).to_vec()].concat();
    let again = [cells.to_vec(), vec![next_year(0b1_0000)], fine(0b100).to_vec()].concat();
    let revisions = [
        (vec![20, 33, 40, 21], cells.to_vec()),
        (vec![40, 21, 70], meanwhile.clone()),
        (vec![20, 33, 40, 21, 70], again),
    ];
    let (mut entries, shown) = publish_each(&revisions, &Policy::threshold(5), 3);
    assert_eq!(verify_ledger(&entries).unwrap().entries, 3);
    let fine = fine(1).map(|cell| cell.id);
    assert_eq!(fine.each_ref().map(|id| shown[1][id]), [Cell::Withheld(Mark::X); 2]);
    assert_eq!((shown[1][&cells[3].id], shown[1][&next_year(1).id]), (Cell::Value(61), Cell::Value(70)));
    // What is here again can be compared, and with it what is new.
    assert_eq!(fine.each_ref().map(|id| shown[2][id]), [Cell::Value(40), Cell::Value(21)]);
    assert!(cells.iter().all(|cell| shown[2][&cell.id] == shown[0][&cell.id]));
    // Of who keeps no account of it, where the areas happen to be in another order: three people of area 0 in the first quarter, as it had
    // 43 in the year.
    let first = plan(&empty(), &group(&[3, 60, 40, 21], &cells), &Policy::threshold(5), &key(3)).unwrap();
    let past = LedgerState::decode(name("test"), Some(&sealed(&first))).unwrap();
    let by_mutant = Rules { gone: false, ..Rules::ALL };
    let reordered =
        [&meanwhile[..2], &[Small { mask: 2, ..meanwhile[2].clone() }, Small { mask: 1, ..meanwhile[3].clone() }]]
            .concat();
    let mutant = decide(&past, &group(&[21, 40, 70], &reordered), &Policy::threshold(5), &key(3), by_mutant, true);
    let year = restore(&sealed(&first)).unwrap().get().cell(&cells[0].id).unwrap().value().unwrap();
    assert_eq!(year - mutant.unwrap().0.tables().cell(&fine[0]).unwrap().value().unwrap(), 3);
    // An entry that shows it beside is refused.
    let this_year = |entry: &mut Entry| {
        let new = entry.cells.iter_mut().filter(|cell| cell.id == next_year(1).id);
        new.for_each(|cell| cell.id.key.period = quarter(2024, 7));
    };
    entries[1] = changed_entry(&entries[1], this_year);
    let refused = verify_ledger(&entries[..2]).unwrap_err().to_string();
    assert!(refused.contains("new in months of what is gone"), "{refused}");
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

/// Two cells of the same count change places: each entry proves itself, and the second does not follow from the first.
#[test]
fn figures_lie_in_each_other_as_before() {
    let (counts, cells) = (vec![20, 20, 30], masks(&[0b001, 0b010, 0b101], 3));
    let (mut entries, _) = publish_each(&[(counts.clone(), cells.clone()), (counts, cells)], &Policy::threshold(5), 3);
    assert_eq!(verify_ledger(&entries).unwrap().entries, 2);
    let swapped = |entry: &mut Entry| {
        let places = [entry.cells[1].place, entry.cells[0].place];
        entry.cells.iter_mut().zip(places).for_each(|(cell, place)| cell.place = place);
    };
    entries[1] = changed_entry(&entries[1], swapped);
    restore(&entries[1]).expect("by itself it holds");
    let refused = verify_ledger(&entries).unwrap_err().to_string();
    assert!(refused.contains("lie in other figures"), "{refused}");
}
