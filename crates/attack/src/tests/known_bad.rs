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

/// Nothing is printed of what three or five cells share two by two, and half of a sum tells it.
#[test]
fn rings_are_convicted() {
    let slivers = |counts: &[u64]| {
        let report = attack(&known_bad::ring(5, counts), &Options::default()).unwrap();
        assert!(report.with_marks.not_finished.is_empty());
        report.slivers.iter().map(|s| format!("{} = {}", s.cells, s.count)).collect::<Vec<_>>()
    };
    let three = "half of ring: area=r0 and ring: area=r2 less ring: area=r1 = 3";
    assert_eq!(slivers(&[3, 40, 30]), [three]);
    assert_eq!(slivers(&[3, 4, 5]).len(), 2);
    assert_eq!(slivers(&[5, 6, 7]), Vec::<String>::new());
    let five = "half of ring: area=r0 and its 2 others less ring: area=r1 and ring: area=r3 = 2";
    assert_eq!(slivers(&[2, 40, 30, 20, 10]), [five]);
    assert_eq!(slivers(&[6, 40, 30, 20, 10]), Vec::<String>::new());
    // A ring of an even number tells differences only; one of seven is not looked for.
    assert_eq!(slivers(&[2, 40, 30, 20]), Vec::<String>::new());
    assert_eq!(slivers(&[2, 40, 30, 20, 10, 11, 12]), Vec::<String>::new());
}
