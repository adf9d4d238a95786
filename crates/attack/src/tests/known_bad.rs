//! The attack convicts what is known to be bad, on random groups.

use crate::groups::{Size, random_group};
use crate::{Options, Problem, attack, jointly, known_bad};

/// Everything released.
fn truth(seed: u64) -> Problem {
    let group = random_group(seed, Size::Medium);
    group.release(group.revisions, true, |_| false)
}

fn options() -> Options {
    Options { threads: 1, singletons: false, ..Options::default() }
}

/// Recovered and small cells, withheld cells and groups, over some seeds.
fn convicted(seeds: std::ops::Range<u64>, method: impl Fn(&Problem) -> Problem) -> (usize, usize, usize, usize) {
    let (mut recovered, mut small, mut withheld, mut groups) = (0, 0, 0, 0);
    for seed in seeds {
        let report = attack(&method(&truth(seed)), &options()).unwrap();
        recovered += report.with_marks.recovered.len();
        small += report.with_marks.provably_small.len();
        withheld += report.withheld;
        groups += usize::from(!report.with_marks.provably_small.is_empty());
    }
    (recovered, small, withheld, groups)
}

#[test]
fn primaries_alone_are_convicted() {
    let (recovered, small, withheld, groups) = convicted(0..40, known_bad::primaries);
    println!("primaries: {recovered} recovered, {small} small of {withheld} withheld in {groups} groups");
    assert!(recovered * 2 > withheld && groups > 25);
}

#[test]
fn one_more_gap_in_every_sum_is_convicted() {
    let (recovered, small, withheld, groups) = convicted(0..40, |problem| known_bad::secondaries(problem).unwrap());
    println!("secondaries: {recovered} recovered, {small} small of {withheld} withheld in {groups} groups");
    assert!(small * 10 > withheld && groups > 25);
}

#[test]
fn ignored_zeros_are_convicted() {
    let (recovered, small, withheld, groups) =
        convicted(0..25, |problem| known_bad::zeros_ignored(problem, &options()).unwrap());
    println!("zeros ignored: {recovered} recovered, {small} small of {withheld} withheld in {groups} groups");
    assert!(small > 20 && groups > 5);
}

/// What is safe in each revision alone may not be safe in all of them.
#[test]
fn revisions_protected_one_by_one_are_convicted() {
    let (mut alone, mut together) = (0, 0);
    for seed in 0..40 {
        let group = random_group(seed, Size::Medium);
        let cells: usize = group.tables(1).iter().map(|(_, cells)| cells.len()).sum();
        if group.revisions < 2 || cells > 200 {
            continue;
        }
        let release = |revision| known_bad::secondaries(&group.release(revision, true, |_| false)).unwrap();
        let revisions: Vec<Problem> = (1..=group.revisions).map(release).collect();
        let last = attack(revisions.last().unwrap(), &options()).unwrap();
        let joint = attack(&jointly(&revisions, group.feed).unwrap(), &options()).unwrap();
        alone += last.with_marks.provably_small.len();
        let small = joint.with_marks.provably_small.iter();
        together += small.filter(|f| f.cell.contains(&format!("as of {}:", group.revisions))).count();
    }
    println!("last revision small: {alone} by itself, {together} with the earlier ones");
    assert!(together > alone);
}
