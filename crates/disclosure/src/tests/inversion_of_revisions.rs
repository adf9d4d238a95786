//! A reader who knows the algorithm, its parameters and everything but the key, and who kept what was shown before a correction: how
//! sure are they of what a mark stood for, of what is withheld now, and of how few came or went?
//!
//! A *world* is two small areas with their total before and after. For every pair of patterns that was shown, the reader weighs every
//! world that shows the same pair by how often it does over what the key draws.

use std::collections::{BTreeMap, BTreeSet};

use super::brute_force::masks;
use super::{Small, empty, group, name};
use crate::decide::decide;
use crate::ledger::{AuthenticatedEntry, restore};
use crate::rules::Rules;
use crate::{Cell, GroupTables, LedgerState, Plan, PlanError, PlanKey, Policy, plan};

const K: u64 = 3;
const AREAS: usize = 2;
const KEYS: u8 = 4;
/// What the reader believes possible before and after, and how much of that is tried as the truth.
const MOST: [u64; 2] = [7, 10];
const MOST_TRUE: [u64; 2] = [5, 6];

type Counts = [u64; AREAS];
type World = (Counts, Counts);
type Shown = Vec<Option<u64>>;
type Secret<'a> = &'a dyn Fn(&World) -> u64;

fn counts(most: u64) -> impl Iterator<Item = Counts> {
    (0..=most).flat_map(move |first| (0..=most).map(move |second| [first, second]))
}

fn sum(mask: u32, counts: &Counts) -> u64 {
    (0..AREAS).filter(|area| mask >> area & 1 == 1).map(|area| counts[area]).sum()
}

fn sealed(plan: &Plan) -> AuthenticatedEntry {
    AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec())
}

fn shown(tables: &GroupTables, cells: &[Small]) -> Shown {
    cells.iter().map(|cell| tables.cell(&cell.id).and_then(Cell::value)).collect()
}

#[derive(Debug, Default)]
struct Found {
    /// What is small and hidden, over truths and keys.
    small: f64,
    /// Of that, what is certain.
    certain: f64,
    /// Of that, what is more than 95 % likely.
    likely: f64,
}

fn invert(policy: &Policy, rules: Rules) -> Found {
    let cells = masks(&[1, 2], AREAS);
    let mut seen: BTreeMap<(Shown, Shown), BTreeMap<World, f64>> = BTreeMap::new();
    let mut firsts: BTreeMap<Shown, BTreeSet<Counts>> = BTreeMap::new();
    for before in counts(MOST[0]) {
        for secret in 0..KEYS {
            let key = PlanKey::new([secret; 32]);
            let first = plan(&empty(), &group(&before, &cells), policy, &key).unwrap();
            let old = shown(restore(&sealed(&first)).unwrap().get(), &cells);
            firsts.entry(old.clone()).or_default().insert(before);
            for after in counts(MOST[1]) {
                let past = LedgerState::decode(name("test"), Some(&sealed(&first))).unwrap();
                let new = match decide(&past, &group(&after, &cells), policy, &key, rules, true) {
                    Ok((second, _)) => shown(&second.tables(), &cells),
                    // What is out stays.
                    Err(PlanError::Unprovable { .. }) => old.clone(),
                    Err(other) => panic!("{other}"),
                };
                *seen.entry((old.clone(), new)).or_default().entry((before, after)).or_default() += 1.0;
            }
        }
    }
    let is_small = |count: u64| (1..K).contains(&count);
    let mut found = Found::default();
    // Where the total itself is withheld, it is declared small, and nothing more is claimed of its parts.
    let claimed = |shown: &Shown| shown.last().is_some_and(Option::is_some);
    for ((old, new), worlds) in seen.iter().filter(|((old, new), _)| claimed(old) && claimed(new)) {
        let total: f64 = worlds.values().sum();
        for (number, Small { mask, .. }) in cells.iter().enumerate() {
            let before = |(before, _): &World| sum(*mask, before);
            let after = |(_, after): &World| sum(*mask, after);
            let came =
                |(before, after): &World| sum(*mask, &[0, 1].map(|area| after[area].saturating_sub(before[area])));
            let went =
                |(before, after): &World| sum(*mask, &[0, 1].map(|area| before[area].saturating_sub(after[area])));
            let certain_before = firsts[old].iter().all(|before| is_small(sum(*mask, before)));
            let secrets: [(bool, Secret<'_>); 4] = [
                (old[number].is_none() && !certain_before, &before),
                // What looks as before may be of before.
                (new[number] == old[number] || new[number].is_none(), &after),
                (true, &came),
                (true, &went),
            ];
            for (_, secret) in secrets.iter().filter(|(hidden, _)| *hidden) {
                let of = |keep: &dyn Fn(&World) -> bool| -> f64 {
                    worlds.iter().filter(|(world, _)| keep(world)).map(|(_, weight)| weight).sum()
                };
                let small = of(&|world| is_small(secret(world)));
                let tried = |world: &World| {
                    world.0.iter().all(|count| *count <= MOST_TRUE[0])
                        && world.1.iter().all(|count| *count <= MOST_TRUE[1])
                };
                let times = of(&|world| is_small(secret(world)) && tried(world));
                found.small += times;
                found.certain += if small >= total - 1e-9 { times } else { 0.0 };
                found.likely += if small > 0.95 * total { times } else { 0.0 };
            }
        }
    }
    found
}

/// What is certain, and what is more than 95 % likely.
#[test]
#[ignore = "a measure, part of the long attack; the figures are in docs/gate.md"]
fn all_small_corrections() {
    let alone = Rules { revisions: false, ..Rules::ALL };
    for (name, rules, decoys_per_thousand) in [
        ("together", Rules::ALL, 0),
        ("together, 5 % decoys", Rules::ALL, 50),
        ("together, 25 % decoys", Rules::ALL, 250),
        ("each by itself", alone, 0),
    ] {
        let found = invert(&Policy { decoys_per_thousand, ..Policy::threshold(K) }, rules);
        let share = |of: f64| 100.0 * of / found.small;
        println!(
            "revisions planned {name}: {:.1} % certain, {:.1} % above 95 %, of {:.0}",
            share(found.certain),
            share(found.likely),
            found.small
        );
    }
}
