//! Figures of several revisions together, against an enumeration of every world of records that stayed, went and came.
//!
//! The attacker sees every revision; records may have come everywhere if anything changed, and gone if any went.

use std::collections::{BTreeMap, BTreeSet};

use model::Mark;
use proptest::prelude::*;

use super::brute_force::{Attacker, K, masks, policy, zeros};
use super::{Small, group, key, name, numbered};
use crate::decide::decide;
use crate::ledger::{AuthenticatedEntry, EntryCell, Outcome, restore};
use crate::rules::Rules;
use crate::verify::{corrections, verify};
use crate::{Cell, CellId, LedgerState, Plan, PlanError, Policy, ZeroPolicy, plan, verify_ledger};

pub(super) type Shown = BTreeMap<CellId, Cell>;

pub(super) fn sealed(plan: &Plan) -> AuthenticatedEntry {
    AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec())
}

/// Plans one revision after the other; one that cannot be proved leaves everything as it was.
pub(super) fn publish(
    revisions: &[Vec<u64>],
    cells: &[Small],
    policy: &Policy,
    secret: u8,
) -> (Vec<AuthenticatedEntry>, Vec<Shown>) {
    let revisions: Vec<_> = revisions.iter().map(|counts| (counts.clone(), cells.to_vec())).collect();
    publish_each(&revisions, policy, secret)
}

/// The same, each with cells of its own.
pub(super) fn publish_each(
    revisions: &[(Vec<u64>, Vec<Small>)],
    policy: &Policy,
    secret: u8,
) -> (Vec<AuthenticatedEntry>, Vec<Shown>) {
    let (mut entries, mut shown) = (Vec::new(), Vec::new());
    for (counts, cells) in revisions {
        let past = LedgerState::decode(name("test"), entries.last()).unwrap();
        match plan(&past, &group(counts, cells), policy, &key(secret)) {
            Ok(plan) => entries.push(sealed(&plan)),
            Err(PlanError::Unprovable { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
        let tables = restore(entries.last().unwrap()).unwrap();
        shown.push(tables.get().iter().map(|(id, cell)| (id.clone(), cell)).collect());
    }
    (entries, shown)
}

fn sum(mask: u32, counts: &[u64]) -> u64 {
    Attacker::sum(mask, counts)
}

/// Two revisions as atoms: what stayed of each, and what went and came of each, if anything did.
struct Both {
    truth: Vec<u64>,
    went: Vec<Option<usize>>,
    came: Vec<Option<usize>>,
}

impl Both {
    fn new(before: &[u64], after: &[u64]) -> Self {
        let stayed = before.iter().zip(after).map(|(a, b)| *a.min(b));
        let mut both = Self { truth: stayed.collect(), went: Vec::new(), came: Vec::new() };
        let mut changed = |counts: Vec<u64>, any: bool| -> Vec<Option<usize>> {
            let mut atom = |count: u64| {
                both.truth.push(count);
                both.truth.len() - 1
            };
            counts.into_iter().map(|count| any.then(|| atom(count))).collect()
        };
        let went = before.iter().zip(after).map(|(a, b)| a.saturating_sub(*b)).collect::<Vec<u64>>();
        let any = went.iter().any(|count| *count > 0);
        let went = changed(went, any);
        let came = changed(before.iter().zip(after).map(|(a, b)| b.saturating_sub(*a)).collect(), before != after);
        (both.went, both.came) = (went, came);
        both
    }

    /// What stayed of these atoms, with what of them changed.
    fn mask(&self, mask: u32, changed: &[Option<usize>]) -> u32 {
        let inside = changed.iter().enumerate().filter(|(atom, _)| mask >> atom & 1 == 1);
        let extra: u32 = inside.filter_map(|(_, at)| at.map(|at| 1 << at)).sum();
        mask | extra
    }
}

/// Everything that somebody sees over two revisions convicts nobody. How many figures are shown anew, and how many are withheld.
fn check(before: &[u64], after: &[u64], cells: &[Small], policy: &Policy, secret: u8) -> [usize; 2] {
    let (entries, shown) = publish(&[before.to_vec(), after.to_vec()], cells, policy, secret);
    verify_ledger(&entries).unwrap();
    if entries.len() < 2 {
        return [0, 0];
    }
    convicts_nobody([before, after], cells, policy, &shown)
}

pub(super) fn convicts_nobody(
    [before, after]: [&[u64]; 2],
    cells: &[Small],
    policy: &Policy,
    shown: &[Shown],
) -> [usize; 2] {
    let both = Both::new(before, after);
    let mut attacker = Attacker {
        shown: Vec::new(),
        atoms: both.truth.len(),
        most: both.truth.iter().sum::<u64>() + 2 * K,
        marks_mean_one: policy.zeros == ZeroPolicy::Publish,
        own: Vec::new(),
    };
    let mut found = [0, 0];
    for Small { id, mask, .. } in cells {
        let (old, new) = (both.mask(*mask, &both.went), both.mask(*mask, &both.came));
        attacker.shown.push((old, shown[0][id]));
        if old == new {
            assert_eq!(shown[0][id], shown[1][id], "{id}");
            continue;
        }
        found[0] += 1;
        attacker.shown.push((new, shown[1][id]));
        if let Cell::Value(value) = shown[1][id] {
            assert_eq!(value, sum(*mask, after), "{id}");
            assert!(value == 0 || value >= K);
        }
    }
    for ((low, high), (mask, cell)) in attacker.intervals().into_iter().zip(&attacker.shown) {
        if cell.value().is_none() {
            found[1] += 1;
            let seen = || format!("{low}..={high} of {mask:b}; {before:?} {after:?} {:?}", attacker.shown);
            assert!(high >= K, "provably small: {}", seen());
            assert!(high - low >= K, "nearly recovered: {}", seen());
        }
    }
    found
}

/// An atom after a revision: as before, more, or something else.
pub(super) fn changed(corrects: bool) -> BoxedStrategy<Option<(bool, u64)>> {
    prop_oneof![
        3 => Just(None),
        2 => (1_u64..6).prop_map(|more| Some((true, more))),
        if corrects { 2 } else { 0 } => (0_u64..6).prop_map(|other| Some((false, other))),
    ]
    .boxed()
}

pub(super) fn apply(before: &[u64], changes: &[Option<(bool, u64)>]) -> Vec<u64> {
    let one = |(count, change): (&u64, &Option<(bool, u64)>)| match change {
        None => *count,
        Some((true, more)) => count + more,
        Some((false, other)) => *other,
    };
    before.iter().zip(changes).map(one).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_revisions_convict_nobody(
        before in prop::collection::vec(0_u64..5, 3),
        changes in prop::collection::vec(changed(true), 3),
        list in prop::collection::vec(1_u32..7, 1..5),
        zeros in zeros(),
        decoys in prop_oneof![Just(0_u16), Just(250)],
        secret in any::<u8>(),
    ) {
        check(&before, &apply(&before, &changes), &masks(&list, 3), &policy(zeros, decoys), secret);
    }

    #[test]
    fn late_rows_convict_nobody(
        before in prop::collection::vec(0_u64..4, 4),
        changes in prop::collection::vec(changed(false), 4),
        list in prop::collection::vec(1_u32..15, 2..7),
        zeros in zeros(),
        secret in any::<u8>(),
    ) {
        check(&before, &apply(&before, &changes), &masks(&list, 4), &policy(zeros, 0), secret);
    }

    /// What nobody revised stays, though another cell comes back that was away while it was revised.
    #[test]
    fn what_comes_back_opens_nothing_else(
        before in prop::collection::vec(0_u64..30, 5),
        changes in prop::collection::vec(changed(true), 5),
        list in prop::collection::vec(1_u32..31, 3..8),
        away in any::<prop::sample::Index>(),
        zeros in zeros(),
        secret in any::<u8>(),
    ) {
        let (cells, policy, after) = (masks(&list, 5), policy(zeros, 0), apply(&before, &changes));
        let mut left = cells.clone();
        left.remove(away.index(cells.len() - 1));
        let mut entries: Vec<AuthenticatedEntry> = Vec::new();
        for (counts, cells) in [(&before, &cells), (&after, &left), (&after, &cells)] {
            let past = LedgerState::decode(name("test"), entries.last()).unwrap();
            match plan(&past, &group(counts, cells), &policy, &key(secret)) {
                Ok(plan) => entries.push(sealed(&plan)),
                Err(PlanError::Unprovable { .. }) => return Ok(()),
                Err(other) => panic!("{other:?}"),
            }
        }
        verify_ledger(&entries).unwrap();
        let shown = |entry: &AuthenticatedEntry| -> Shown {
            restore(entry).unwrap().get().iter().map(|(id, cell)| (id.clone(), cell)).collect()
        };
        let (second, third) = (shown(&entries[1]), shown(&entries[2]));
        for (id, cell) in second {
            prop_assert_eq!(cell, third[&id], "{}", id);
        }
        let figures = |entry: &AuthenticatedEntry| entry.decode().unwrap().superseded.len();
        prop_assert!(figures(&entries[2]) <= figures(&entries[1]) + 1, "what was shown is decided anew");
    }

    /// Any number of revisions, with cells that go and come back: every entry proves itself and keeps all those before, and what was
    /// withheld once is not shown.
    #[test]
    fn a_long_life_is_verified_from_its_ledger(
        first in prop::collection::vec(0_u64..9, 5),
        changes in prop::collection::vec(prop::collection::vec(changed(true), 5), 1..5),
        list in prop::collection::vec(1_u32..31, 3..8),
        gone in prop::collection::vec(any::<u16>(), 5),
        zeros in zeros(),
        secret in any::<u8>(),
    ) {
        let mut revisions = vec![first];
        for change in &changes {
            revisions.push(apply(revisions.last().unwrap(), change));
        }
        let cells = masks(&list, 5);
        let policy = policy(zeros, 100);
        let mut entries: Vec<AuthenticatedEntry> = Vec::new();
        let mut withheld_once = BTreeSet::new();
        for (counts, gone) in revisions.iter().zip(gone) {
            let left: Vec<Small> =
                cells.iter().enumerate().filter(|(i, _)| gone >> i & 3 != 3).map(|(_, cell)| cell.clone()).collect();
            let past = LedgerState::decode(name("test"), entries.last()).unwrap();
            match plan(&past, &group(counts, &left), &policy, &key(secret)) {
                Ok(plan) => {
                    entries.push(sealed(&plan));
                    for (id, cell) in restore(entries.last().unwrap()).unwrap().get().iter() {
                        match cell {
                            Cell::Withheld(Mark::X) => {}
                            Cell::Withheld(_) => drop(withheld_once.insert(id.clone())),
                            Cell::Value(value) => prop_assert!(value == 0 || !withheld_once.contains(id), "{}", id),
                        }
                    }
                }
                // A cell that is new may have no room beside what was released of others; then nothing is published.
                Err(PlanError::Unprovable { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        verify_ledger(&entries).unwrap();
    }
}

/// A row of areas with their total, a headline.
fn row(before: &[u64], after: &[u64], policy: &Policy) -> (Vec<AuthenticatedEntry>, Vec<Shown>) {
    let list: Vec<u32> = (0..before.len()).map(|atom| 1 << atom).collect();
    publish(&[before.to_vec(), after.to_vec()], &masks(&list, before.len()), policy, 3)
}

#[test]
fn what_changed_little_is_not_told() {
    let k5 = Policy::threshold(5);
    let second = |before: &[u64], after: &[u64]| -> Vec<Option<u64>> {
        let (entries, shown) = row(before, after, &k5);
        verify_ledger(&entries).unwrap();
        shown[1].values().map(|cell| cell.value()).collect()
    };
    // By area: 20 -> 21, 30 -> 36, 40 -> 40; in all 90 -> 97.
    let values = second(&[20, 30, 40], &[21, 36, 40]);
    assert_eq!(values[0], None, "one more person would be seen coming");
    assert_eq!(values[2], Some(40), "what did not change stays");
    // 97 less 36 less what is known would tell of the one who came.
    assert!(values[1].is_none() || values[3].is_none(), "{values:?}");
    // Several small changes add up for those around them.
    assert_eq!(second(&[20, 30, 40], &[22, 33, 42]), [None, None, None, Some(97)]);
    // Four and four: that it was not seven and one must not follow.
    assert_eq!(second(&[20, 30], &[24, 34]), [None, None, Some(58)]);
    assert_eq!(second(&[20, 30], &[27, 31]), [None, None, Some(58)]);
    assert_eq!(second(&[20, 30], &[26, 36]), [Some(26), Some(36), Some(62)]);
}

/// A ward of four small areas: what of the first two stood behind their marks is not told by what takes their place.
#[test]
fn a_mark_that_is_replaced_does_not_say_what_it_stood_for() {
    let k5 = Policy::threshold(5);
    for after in [[5, 3, 40], [8, 9, 40], [14, 13, 40], [3, 4, 40], [9, 4, 41]] {
        let (entries, _) = row(&[4, 3, 40], &after, &k5);
        verify_ledger(&entries).unwrap();
    }
}

/// What was withheld beside a small count would tell that count if it were shown later, of all who believe that it did not change; and
/// if it were shown only at a distance, of all who know the rule and believe that records were only added.
#[test]
fn what_was_withheld_once_is_not_shown_again() {
    let k5 = Policy::threshold(5);
    for after in [[3, 20, 30, 47], [9, 21, 33, 40], [12, 18, 27, 38], [50, 60, 70, 80], [3, 90, 7, 40]] {
        let (entries, shown) = row(&[3, 20, 30, 40], &after, &k5);
        verify_ledger(&entries).unwrap();
        let values = |shown: &Shown| -> Vec<Option<u64>> { shown.values().map(|cell| cell.value()).collect() };
        let (old, new) = (values(&shown[0]), values(&shown[1]));
        let mut withheld = (0..4).filter(|area| old[*area].is_none());
        assert!(withheld.clone().count() > 1, "{old:?}");
        assert!(withheld.all(|area| new[area].is_none()), "{old:?} {new:?}");
        assert_ne!(old, new, "the rest is shown");
    }
    let (entries, shown) = row(&[3, 20, 30, 40], &[0, 20, 30, 40], &k5);
    verify_ledger(&entries).unwrap();
    assert_eq!(shown[1][&numbered(0)].value(), Some(0), "zeros are always shown here");
}

/// An entry that shows it all the same is refused by the independent check, at whatever distance.
#[test]
fn the_check_knows_what_was_withheld() {
    let k5 = Policy::threshold(5);
    let (entries, _) = row(&[3, 20, 30, 40, 50], &[33, 21, 32, 43, 54], &k5);
    let mut entry = entries[1].decode().unwrap();
    verify(&entry).unwrap();
    let shown = |figure: &EntryCell| {
        let mut cells = entry.cells.iter().zip(0..).filter(|(cell, _)| cell.outcome == Outcome::Released);
        cells.find(|(cell, _)| cell.id == figure.id).map(|(_, number)| number)
    };
    let [total] = entry.superseded.iter().filter_map(shown).collect::<Vec<usize>>()[..] else { panic!() };
    let id = entry.cells[total].id.clone();
    let before = entry.superseded.iter_mut().find(|figure| figure.id == id).unwrap();
    (before.outcome, before.count) = (Outcome::Withheld, 10_000);
    let what = corrections(&entry).unwrap_err().to_string();
    assert!(what.contains("was withheld before"), "{what}");
}

/// That revisions are proved together can be seen to matter: planned each by itself, somebody is convicted.
#[test]
fn revisions_planned_each_by_itself_give_away_who_came() {
    let k5 = Policy::threshold(5);
    let cells = masks(&[1, 2, 4], 3);
    let first = plan(&LedgerState::empty(name("test")), &group(&[20, 30, 40], &cells), &k5, &key(3)).unwrap();
    let after = |rules| {
        let past = LedgerState::decode(name("test"), Some(&sealed(&first))).unwrap();
        let tables = decide(&past, &group(&[21, 36, 40], &cells), &k5, &key(3), rules, true).unwrap().0.tables();
        tables.cell(&numbered(0)).unwrap().value()
    };
    assert_eq!(after(Rules { revisions: false, ..Rules::ALL }), Some(21), "21 - 20 is one person");
    assert_eq!(after(Rules::ALL), None);
}

/// Twenty areas of many, one of them corrected: cells that did not change are drawn anew, and what the plan changes is told
/// before it is published.
#[test]
fn what_did_not_change_is_drawn_anew_and_told_beforehand() {
    let cells = masks(&(0..20).map(|area| 1 << area).collect::<Vec<u32>>(), 20);
    let policy = Policy { decoys_per_thousand: 200, ..Policy::threshold(K) };
    let before: Vec<u64> = (0..20).map(|area| 100 + 10 * area).collect();
    let mut after = before.clone();
    after[7] -= 50;
    let (mut drawn, mut drawn_at_first) = (0, 0);
    for secret in 0..10 {
        let first = plan(&LedgerState::empty(name("test")), &group(&before, &cells), &policy, &key(secret)).unwrap();
        let past = || LedgerState::decode(name("test"), Some(&sealed(&first))).unwrap();
        let reason = |entry: &AuthenticatedEntry, id: &CellId| {
            let entry = entry.decode().unwrap();
            entry.cells.iter().find(|cell| cell.id == *id).unwrap().reason
        };
        let second = plan(&past(), &group(&after, &cells), &policy, &key(secret)).unwrap();
        let [old, new] = [&first, &second].map(|plan| restore(&sealed(plan)).unwrap());
        let shown = |id: &CellId| [&old, &new].map(|tables| tables.get().cell(id).unwrap().value());
        let was_shown = |small: &&Small| shown(&small.id)[0].is_some();
        drawn_at_first += cells.iter().filter(|small| !was_shown(small)).count();
        let now_drawn = |small: &&Small| reason(&sealed(&second), &small.id) == Some(crate::Reason::Decoy);
        drawn += cells.iter().filter(was_shown).filter(now_drawn).count();

        let changes = second.changes(&past(), &[]);
        let pairs: Vec<[Option<u64>; 2]> = cells.iter().filter(was_shown).map(|small| shown(&small.id)).collect();
        let count = |is: &dyn Fn(&[Option<u64>; 2]) -> bool| pairs.iter().filter(|pair| is(pair)).count();
        let now_shown = cells.iter().filter(|small| shown(&small.id)[1].is_some()).count();
        let expected = crate::Change {
            before: crate::Shown { cells: 21, numbers: pairs.len() },
            after: crate::Shown { cells: 21, numbers: now_shown },
            changed: count(&|[old, new]| new.is_some() && old != new),
            withheld: count(&|[_, new]| new.is_none()),
            appears: crate::Shown::default(),
        };
        assert_eq!(changes.all, expected);
        assert_eq!(changes.totals, Vec::new(), "the total changed by fifty");
    }
    assert!(drawn_at_first > 20 && drawn > 10, "{drawn_at_first} at first, {drawn} more with the revision");
}

/// A total that changed by fewer than the threshold is named beforehand.
#[test]
fn a_total_that_would_go_is_named_beforehand() {
    let (cells, policy) = (masks(&[1, 2, 4], 3), Policy::threshold(K));
    let total = cells.iter().find(|small| small.facts.headline).unwrap().id.clone();
    let first = plan(&LedgerState::empty(name("test")), &group(&[20, 30, 40], &cells), &policy, &key(1)).unwrap();
    let changes = |counts: &[u64]| {
        let past = LedgerState::decode(name("test"), Some(&sealed(&first))).unwrap();
        plan(&past, &group(counts, &cells), &policy, &key(1)).unwrap().changes(&past, &[])
    };
    assert_eq!(changes(&[20, 30, 39]).totals, std::slice::from_ref(&total));
    assert!(changes(&[20, 30, 39]).to_string().contains(&format!("total not shown any more: {total}")));
    assert_eq!(changes(&[20, 30, 60]).totals, Vec::new());
}

/// What names a plan before it is released depends on the key and on what the plan stands on, and is not the digest on record.
#[test]
fn a_plan_is_named_under_a_key() {
    let (cells, policy) = (masks(&[1, 2, 4], 3), Policy::threshold(K));
    let plan = plan(&LedgerState::empty(name("test")), &group(&[20, 30, 40], &cells), &policy, &key(1)).unwrap();
    let basis = |byte| model::Digest([byte; 32]);
    let codes =
        [plan.code(&key(1), basis(1)), plan.code(&key(2), basis(1)), plan.code(&key(1), basis(2)), plan.digest()];
    assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 4, "{codes:?}");
    assert_eq!(plan.code(&key(1), basis(1)), codes[0]);
}
