//! The same where periods are withdrawn and come back, in any order with revisions and with views that are registered later.

use super::*;

/// What is published of a group, and when: months go and come back, records are revised meanwhile, months arrive and views are
/// registered.
fn times(group: &Group, seed: u64) -> Vec<Step> {
    let mut numbers = Numbers::new(seed ^ 0x0077_6974_6864_7261);
    let months = &group.dimensions[PERIOD].atoms;
    let views = if numbers.percent(40) { 1 + numbers.below(group.views.len()) } else { group.views.len() };
    let later = if numbers.percent(40) { numbers.below(months.len()) } else { 0 };
    let away = months.iter().rev().take(later).cloned().collect();
    let mut step = Step { away, views, withdrawals: true, ..Step::of(1) };
    let mut steps = vec![step.clone()];
    for _ in 0..4 + numbers.below(4) {
        let events = if numbers.percent(30) { 2 } else { 1 };
        for _ in 0..events {
            match numbers.below(12) {
                0..3 => {
                    let first = numbers.below(months.len());
                    let several = if numbers.percent(50) { 1 } else { 3 };
                    step.away.extend(months.iter().skip(first).take(several).cloned());
                }
                3..6 => {
                    let most = numbers.pick(&[0, 50], 0);
                    step.away.retain(|_| numbers.percent(most));
                    // What comes back may be corrected, by one revision.
                    step.revision = (step.revision + numbers.below(2)).min(group.revisions);
                }
                6..8 => {
                    let areas = group.dimensions[0].atoms.len();
                    step.gaps.insert((numbers.below(areas), numbers.below(months.len())));
                }
                8 => step.gaps.clear(),
                9 => step.views = (step.views + 1).min(group.views.len()),
                _ => step.revision = (step.revision + 1).min(group.revisions),
            }
        }
        steps.push(step.clone());
    }
    // In the end everything is there, so that whatever may come back does; what is new follows what is revised.
    let last = Step { withdrawals: true, ..Step::of(group.revisions) };
    steps.extend([Step { revision: group.revisions, ..step }, last.clone(), last]);
    steps
}

/// What of a group's life a generator must not leave out.
fn kinds_of(times: &[(Step, BTreeMap<CellId, disclosure::Cell>)]) -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::new();
    let mut last: BTreeMap<&CellId, (usize, disclosure::Cell)> = BTreeMap::new();
    for (number, (step, cells)) in times.iter().enumerate() {
        let before = number.checked_sub(1).map(|number| &times[number]);
        if before.is_some_and(|(before, _)| before.revision < step.revision && !before.away.is_empty()) {
            kinds.insert("revised while away");
        }
        for (id, cell) in cells {
            match last.get(id) {
                _ if is_not_available(*cell) => drop(kinds.insert("left behind")),
                Some((at, was)) if at + 1 < number && was == cell => drop(kinds.insert("back as it was")),
                Some((at, _)) if at + 1 < number => drop(kinds.insert("back, decided anew")),
                Some((at, was)) if at + 1 == number && was != cell => drop(kinds.insert("revised")),
                None if number > 0 => drop(kinds.insert("new later")),
                _ => {}
            }
            last.insert(id, (number, *cell));
        }
    }
    kinds
}

/// Groups of few cells with several months, and some without revisions.
fn groups(from: u64, count: usize) -> impl Iterator<Item = u64> {
    let fits = |seed: &u64| {
        let group = random_group(*seed, Size::Small);
        group.dimensions[PERIOD].atoms.len() > 1 && (group.revisions > 1 || seed.is_multiple_of(8))
    };
    few_cells(from, usize::MAX).filter(fits).take(count)
}

fn check_withdrawals(seeds: impl Iterator<Item = u64>) {
    let mut found: BTreeMap<&'static str, usize> = BTreeMap::new();
    let group = |seed| random_group(seed, Size::Small).with_all_months();
    let attacked = attacked_each(seeds, group, Setting::of, |group, setting, seed| {
        let released = release_each(group, setting, &times(group, seed))?;
        for kind in kinds_of(&released.times) {
            *found.entry(kind).or_default() += 1;
        }
        Some(released)
    });
    attacked.assert_clean();
    println!("{found:?}");
    let all = ["revised while away", "left behind", "back as it was", "back, decided anew", "revised", "new later"];
    for kind in all {
        assert!(found.get(kind).is_some_and(|groups| *groups >= 5), "{kind} in {:?} groups", found.get(kind));
    }
}

#[test]
fn the_gate_withstands_the_attack_on_groups_whose_months_go_and_come_back() {
    check_withdrawals(groups(0, 100));
}

#[test]
#[ignore = "takes minutes: thousands of groups"]
fn long_the_gate_withstands_the_attack_on_two_thousand_groups_whose_months_go_and_come_back() {
    check_withdrawals(groups(200_000, 2_000));
}
