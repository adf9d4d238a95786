//! Random groups: against complete enumeration where they are tiny, and against their truth where they are not.

use super::oracle::{self, Ranges};
use crate::groups::{Counted, Group, Numbers, Size, random_group};
use crate::report::{Declared, Findings};
use crate::revisions::jointly;
use crate::{Attacker, Bound, Comparison, Known, Options, Problem, Value, attack};

/// The revisions of a group with cells withheld at random, jointly.
fn released(group: &Group, seed: u64) -> Problem {
    let mut numbers = Numbers::new(seed);
    let zeros_published = numbers.percent(60);
    let share = 20 + numbers.below(50);
    let hidden = |cell: &Counted, revision: usize| {
        // The same cell is treated alike wherever it occurs.
        let text: String = cell.codes.join(" ");
        let hash = text
            .bytes()
            .fold(seed ^ revision as u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let all = cell.codes.iter().all(|code| code == "all");
        let told = all || (zeros_published && cell.count == 0);
        !told && Numbers::new(hash).percent(share)
    };
    let revisions: Vec<Problem> = (1..=group.revisions)
        .map(|revision| group.release(revision, zeros_published, |cell| hidden(cell, revision)))
        .collect();
    jointly(&revisions, group.feed).unwrap()
}

fn names<'a>(cells: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    let mut names: Vec<&str> = cells.map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// What is found is what enumeration finds: exact ranges, nothing more and nothing less.
fn compare(problem: &Problem, found: &Findings, truth: &Ranges, own: impl Fn(&str) -> i64, seed: u64) {
    let k = i64::from(problem.threshold);
    assert!(found.not_finished.is_empty(), "{seed}");
    for finding in found.recovered.iter().chain(&found.provably_small).chain(&found.narrow) {
        assert_eq!((finding.lower, finding.upper), truth[&finding.cell], "{seed}: {}", finding.cell);
    }
    let unique = names(truth.iter().filter(|(_, (low, high))| low == high).map(|(cell, _)| cell));
    assert_eq!(names(found.recovered.iter().map(|f| &f.cell)), unique, "{seed}");
    let small = names(truth.iter().filter(|(cell, (_, high))| high - own(cell) < k).map(|(cell, _)| cell));
    let claimed = names(found.provably_small.iter().map(|f| &f.cell));
    assert!(claimed.iter().all(|cell| small.contains(cell)), "{seed}");
    assert!(small.len() - claimed.len() <= found.small_in_public, "{seed}: {small:?}, only {claimed:?}");
}

const BUDGET: usize = 300_000;

#[test]
fn tiny_groups_agree_with_enumeration() {
    let options = Options { exact_ranges: true, max_nodes: 5_000, threads: 1, ..Options::default() };
    let mut tried = 0;
    for seed in 0..250 {
        let problem = released(&random_group(seed, Size::Tiny), seed);
        let Some(truth) = oracle::ranges(&problem, &[], true, BUDGET) else { continue };
        let values = oracle::ranges(&problem, &[], false, BUDGET);
        let report = attack(&problem, &options).unwrap();
        tried += usize::from(!truth.is_empty());
        compare(&problem, &report.with_marks, &truth, |_| 0, seed);
        if let Some(values) = values {
            compare(&problem, &report.from_values, &values, |_| 0, seed);
        }
    }
    assert!(tried > 150, "{tried}");
}

/// Who ends an attack early hears what was not decided, and never that nothing was found where something is.
#[test]
fn an_attack_without_time_passes_nothing() {
    let in_time = Options { threads: 1, ..Options::default() };
    let late = Options { time_left: Some(|| std::time::Duration::ZERO), ..in_time.clone() };
    let (mut undecided, mut found) = (0, 0);
    for seed in 0..400 {
        let problem = released(&random_group(seed, Size::Tiny), seed);
        let [all, some] =
            [&in_time, &late].map(|options| crate::attack_all(std::slice::from_ref(&problem), options).unwrap());
        assert!(some.failures().len() >= usize::from(!all.failures().is_empty()), "{seed}");
        undecided += usize::from(some.failures().iter().any(|failure| failure.promise == crate::Promise::Decided));
        found += usize::from(!all.failures().is_empty());
        assert!(all.failures().iter().all(|failure| failure.promise != crate::Promise::Decided), "{seed}");
    }
    assert!(undecided > 10 && found > 10, "{undecided} not decided, {found} found");
}

/// Public limits, published ranges and comparisons, drawn around the truth.
fn informed(group: &Group, seed: u64) -> Problem {
    let mut numbers = Numbers::new(seed);
    let mut problem = group.release(1, false, |cell| cell.count < 4 && cell.codes.iter().any(|code| code != "all"));
    let truth = group.tables(1);
    let cells: Vec<&Counted> = truth.iter().flat_map(|(_, cells)| cells).collect();
    let around = |count: u64, numbers: &mut Numbers| {
        (count.saturating_sub(numbers.below(2) as u64), count + numbers.below(3) as u64)
    };
    for cell in problem.tables.iter_mut().flat_map(|table| &mut table.cells) {
        if let Value::Released(count) = cell.value
            && cell.codes.iter().any(|code| code != "all")
            && numbers.percent(30)
        {
            // A cell of several tables may be exact in another one: then it is no longer hidden at all.
            let (low, high) = around(count, &mut numbers);
            cell.value = Value::Between(low, high);
        }
    }
    for cell in &cells {
        if numbers.percent(15) {
            let (lower, upper) = around(cell.count, &mut numbers);
            problem.bounds.push(Bound { codes: cell.codes.clone(), lower, upper: Some(upper) });
        }
        let other = cells[numbers.below(cells.len())];
        if numbers.percent(25) && other.codes != cell.codes {
            // The rate of one is at least the rate of the other.
            let (a, b) = (1 + numbers.below(9) as i64, 1 + numbers.below(9) as i64);
            let difference = cell.count as i64 * a - other.count as i64 * b;
            let (low, high) = if difference >= 0 { (Some(0), None) } else { (None, Some(-1)) };
            let terms = vec![(cell.codes.clone(), a), (other.codes.clone(), -b)];
            problem.comparisons.push(Comparison { terms, low, high });
        }
    }
    problem
}

#[test]
fn public_knowledge_agrees_with_enumeration() {
    let options =
        Options { exact_ranges: true, max_nodes: 20_000, threads: 1, singletons: false, ..Options::default() };
    let (mut tried, mut compared) = (0, 0);
    for seed in 0..150 {
        let group = random_group(seed, Size::Tiny);
        let problem = informed(&group, seed);
        let Some(truth) = oracle::ranges(&problem, &[], true, BUDGET) else { continue };
        let report = attack(&problem, &options).unwrap();
        let found = &report.with_marks;
        tried += 1;
        compared += truth.len();
        let unique = names(truth.iter().filter(|(_, (low, high))| low == high).map(|(cell, _)| cell));
        assert_eq!(names(found.recovered.iter().map(|f| &f.cell)), unique, "{seed}");
        for finding in found.recovered.iter().chain(&found.provably_small).chain(&found.narrow) {
            assert_eq!((finding.lower, finding.upper), truth[&finding.cell], "{seed}: {}", finding.cell);
        }
    }
    assert!(tried > 100 && compared > 300, "{tried} {compared}");
}

/// What a partner, and every single contributor, can prove: against enumeration with what they know.
#[test]
fn declared_records_agree_with_enumeration() {
    let options = Options { max_nodes: 5_000, threads: 1, ..Options::default() };
    let (mut alone, mut partners) = (0, 0);
    for seed in 0..70 {
        let group = random_group(seed, Size::Tiny);
        let mut problem = released(&group, seed);
        let Some(everybody) = oracle::ranges(&problem, &[], true, BUDGET) else { continue };
        let k = i64::from(problem.threshold);
        let hidden: Vec<Vec<String>> = problem
            .tables
            .iter()
            .flat_map(|table| &table.cells)
            .filter(|cell| cell.value == Value::Withheld)
            .map(|cell| cell.codes.clone())
            .collect();
        let Some(codes) = hidden.first() else { continue };
        let partner = Known { codes: codes.clone(), count: 1 };
        problem.attackers = vec![Attacker { name: "partner".to_owned(), known: vec![partner.clone()] }];
        // A partner who declares more than there is would be a contradiction.
        let Some(theirs) = oracle::ranges(&problem, std::slice::from_ref(&partner), true, BUDGET) else { continue };
        if theirs.is_empty() {
            continue;
        }
        let report = attack(&problem, &options).unwrap();
        let small = |declared: &[&Declared], cell: &str| {
            declared.iter().any(|d| d.findings.provably_small.iter().any(|f| f.cell == cell))
                || report.with_marks.provably_small.iter().any(|f| f.cell == cell)
        };
        let declared: Vec<&Declared> = report.declared.iter().filter(|d| d.attacker == "partner").collect();
        let own = oracle::label(&problem, codes);
        let expected = theirs[&own].1 - 1 < k;
        partners += usize::from(expected && everybody[&own].1 >= k);
        let known = report.declared.iter().find(|d| d.attacker == "partner");
        assert_eq!(
            small(&declared, &own),
            expected,
            "{seed}: {own} {:?} {known:?} {:?}",
            theirs[&own],
            report.with_marks
        );
        // Every single contributor, to every withheld cell.
        let all: Vec<&Declared> = report.declared.iter().filter(|d| d.attacker != "partner").collect();
        for codes in &hidden {
            let known = [Known { codes: codes.clone(), count: 1 }];
            let Some(ranges) = oracle::ranges(&problem, &known, true, BUDGET) else { continue };
            let Some((_, high)) = ranges.get(&oracle::label(&problem, codes)) else { continue };
            let cell = oracle::label(&problem, codes);
            if everybody[&cell].1 < k {
                continue;
            }
            alone += usize::from(high - 1 < k);
            assert_eq!(small(&all, &cell), high - 1 < k, "{seed}: {cell}");
        }
    }
    assert!(partners > 2 && alone > 20, "{partners} {alone}");
}

#[test]
fn groups_are_as_described() {
    let groups: Vec<Group> = (0..200).map(|seed| random_group(seed, Size::Medium)).collect();
    let count = |what: &dyn Fn(&Group) -> bool| groups.iter().filter(|group| what(group)).count();
    let level = |group: &Group, name: &str| group.dimensions.iter().any(|d| d.levels.iter().any(|l| l.name == name));
    let repeats = |group: &Group| {
        let people: std::collections::BTreeSet<usize> = group.records.iter().map(|record| record.person).collect();
        people.len() < group.records.len()
    };
    assert!(count(&|g| level(g, "neighbourhood")) > 50);
    assert!(count(&|g| level(g, "district")) > 50);
    assert!(count(&|g| level(g, "year")) > 20);
    assert!(count(&|g| g.dimensions.iter().any(|d| d.name == "measure")) > 50);
    assert!(count(&|g| g.revisions > 1) > 50);
    assert!(count(&|g| g.dimensions_as_of(1) != g.dimensions) > 10);
    assert!(count(&repeats) > 50);
    let sizes: Vec<usize> =
        groups.iter().map(|g| g.tables(g.revisions).iter().map(|(_, cells)| cells.len()).sum()).collect();
    assert!(sizes.iter().all(|size| (5..3_000).contains(size)), "{sizes:?}");
    // The same seed makes the same group.
    let again = random_group(7, Size::Medium);
    assert!(again.records.iter().zip(&groups[7].records).all(|(a, b)| a.at == b.at && a.person == b.person));
}

/// Later than a first release of four, a fifth record arrives: the difference between the revisions is that record.
#[test]
fn a_late_record_shows_what_was_withheld() {
    let dimension = super::dimension("area", "a b", &[]);
    let first = super::problem(
        vec![dimension.clone()],
        vec![super::table("t", true, &[("a", "-"), ("b", "-"), ("all", "30")])],
    );
    let second =
        super::problem(vec![dimension], vec![super::table("t", true, &[("a", "5"), ("b", "26"), ("all", "31")])]);
    let alone = attack(&first, &Options::default()).unwrap();
    assert!(alone.with_marks.provably_small.is_empty() && alone.with_marks.narrow.is_empty());
    let together = jointly(&[first.clone(), second.clone()], crate::Feed::Appends).unwrap();
    let found = attack(&together, &super::exact()).unwrap().with_marks;
    // One more in all: a was 4 or 5, b was 25 or 26.
    let narrow: Vec<(i64, i64)> = found.narrow.iter().map(|f| (f.lower, f.upper)).collect();
    assert_eq!(narrow, [(4, 5), (25, 26)]);
    // Where records may also be taken away, nothing follows.
    let corrected = jointly(&[first, second], crate::Feed::Corrects).unwrap();
    let found = attack(&corrected, &super::exact()).unwrap().with_marks;
    assert!(found.narrow.is_empty() && found.provably_small.is_empty());
}
