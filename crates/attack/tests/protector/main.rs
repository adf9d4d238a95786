//! The attacker against the gate, on random groups: what the gate releases of them, over all their revisions, is attacked.
//!
//! Only what anybody has is handed over: the released cells and marks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole file is tests, helpers included"
)]

mod averaging;
mod gate;
mod withdrawals;

use std::collections::{BTreeMap, BTreeSet};

use attack::groups::{Group, Numbers, Size, random_group};
use attack::{Options, Problem, Report, Value, attack};
use disclosure::{CellId, ZeroPolicy};

use gate::{COALITIONS, PERIOD, Released, Setting, Step, inside, is_not_available, release, release_each};

/// The cells, as the attacker calls them, in which nobody but these partners has a record: of these nothing is claimed (ADR 81), as
/// nobody is there to be found.
fn wholly_theirs(group: &Group, published: &[usize], joint: &Problem, attacker: &str) -> BTreeSet<String> {
    let Some(coalition) = COALITIONS.iter().find(|partners| attacker == format!("partners {partners:?}")) else {
        return BTreeSet::new();
    };
    let mut theirs = BTreeSet::new();
    for table in &joint.tables {
        for cell in &table.cells {
            let (revision, codes) = cell.codes.split_last().unwrap();
            let revision = published[revision.strip_prefix("as of ").unwrap().parse::<usize>().unwrap() - 1];
            let there = group.records.iter().filter(|record| (record.from..=record.until).contains(&revision));
            let mut there = there.filter(|record| inside(&group.dimensions_as_of(revision), codes, &record.at));
            if there.all(|record| coalition.contains(&record.partner)) {
                let shown = cell.codes.iter().zip(&joint.dimensions).filter(|(code, of)| **code != of.total);
                let shown: String = shown.map(|(code, of)| format!(" {}={code}", of.name)).collect();
                theirs.insert(format!("{}:{shown}", table.name));
            }
        }
    }
    theirs
}

/// What was attacked.
#[derive(Default)]
struct Attacked {
    report: Report,
    published: usize,
    /// How many of the published groups have what.
    kinds: BTreeMap<&'static str, usize>,
}

/// What of a group a generator must not leave out.
fn kinds(group: &Group, setting: Setting, revisions: usize) -> Vec<&'static str> {
    let level = |dimension: usize, name: &str| group.dimensions[dimension].levels.iter().any(|l| l.name == name);
    let people: BTreeSet<usize> = group.records.iter().map(|record| record.person).collect();
    let atoms: usize = group.dimensions.iter().map(|dimension| dimension.atoms.len()).product();
    let all = [
        ("hierarchy", level(0, "district")),
        ("overlap", level(0, "neighbourhood")),
        ("months and years", level(1, "year")),
        ("sparse", group.records.len() < atoms),
        ("dense", group.records.len() > 4 * atoms),
        ("repeat contributors", people.len() < group.records.len() * 3 / 4),
        ("several indicators", group.dimensions.iter().any(|dimension| dimension.name == "measure")),
        (
            "extension by months",
            revisions > 1 && group.dimensions_as_of(1)[1].atoms.len() < group.dimensions[1].atoms.len(),
        ),
        ("partners", setting.named),
        ("decoys", setting.decoys > 0),
        ("hidden zeros", setting.zeros != ZeroPolicy::Publish),
    ];
    all.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// Attacks groups with these seeds as everybody, and as every partner and every two partners where it is known who they are.
fn attacked(seeds: impl Iterator<Item = u64>, size: Size, setting: impl Fn(u64) -> Setting) -> Attacked {
    attacked_each(seeds, |seed| random_group(seed, size), setting, |group, setting, _| release(group, setting))
}

/// The same of what is released of each.
fn attacked_each(
    seeds: impl Iterator<Item = u64>,
    group: impl Fn(u64) -> Group,
    setting: impl Fn(u64) -> Setting,
    mut release: impl FnMut(&Group, Setting, u64) -> Option<Released>,
) -> Attacked {
    let mut attacked = Attacked::default();
    for seed in seeds {
        if attacked.published > 0 && attacked.published % 100 == 0 {
            println!("{} groups, {} promises broken", attacked.published, attacked.report.failures().len());
        }
        let (group, setting) = (group(seed), setting(seed));
        let Some(Released { joint, published, .. }) = release(&group, setting, seed) else { continue };
        attacked.published += 1;
        for kind in kinds(&group, setting, published.len()) {
            *attacked.kinds.entry(kind).or_default() += 1;
        }
        let options = Options { threads: 1, singletons: setting.own_records, ..Options::default() };
        let mut report = attack(&joint, &options).unwrap();
        for partners in &mut report.declared {
            let theirs = wholly_theirs(&group, &published, &joint, &partners.attacker);
            let findings = &mut partners.findings;
            for list in [&mut findings.recovered, &mut findings.provably_small, &mut findings.narrow] {
                list.retain(|finding| !theirs.contains(&finding.cell));
            }
        }
        report.name = format!("seed {seed}, {setting:?}");
        attacked.report.groups.push(report);
    }
    attacked
}

impl Attacked {
    /// Fails if any promise is broken, and says which.
    fn assert_clean(&self) {
        let Self { report, published, kinds } = self;
        println!("{published} groups, {} cells, {} withheld: {kinds:?}", report.cells(), report.withheld());
        let broken: Vec<String> = report.failures().iter().map(ToString::to_string).collect();
        for group in report.groups.iter().filter(|group| broken.iter().any(|line| line.starts_with(&group.name))) {
            println!("{}", Report { groups: vec![group.clone()] });
        }
        assert!(report.withheld() > 100, "{}", report.withheld());
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

fn check(seeds: impl Iterator<Item = u64>, size: Size, kinds: &[&str]) {
    let seeds: Vec<u64> = seeds.collect();
    let wanted = seeds.len() * 3 / 4;
    let attacked = attacked(seeds.into_iter(), size, Setting::of);
    attacked.assert_clean();
    let Attacked { published, kinds: found, .. } = attacked;
    assert!(published >= wanted, "{published}");
    for kind in kinds {
        assert!(found.get(kind).is_some_and(|groups| *groups >= 5), "{kind} in {:?} groups", found.get(kind));
    }
}

const ALL_KINDS: [&str; 11] = [
    "hierarchy",
    "overlap",
    "months and years",
    "sparse",
    "dense",
    "repeat contributors",
    "several indicators",
    "extension by months",
    "partners",
    "decoys",
    "hidden zeros",
];

#[test]
#[ignore = "takes ten seconds of processor time, most of it the gate's"]
fn long_own_records_tell_nobody_anything_when_the_policy_says_so() {
    let setting = |seed| Setting { own_records: true, named: false, ..Setting::of(seed) };
    let Attacked { report, published, .. } = attacked(0..12, Size::Medium, setting);
    let failures: Vec<String> = report.failures().iter().map(ToString::to_string).collect();
    println!("{published} groups, {} cells, {} withheld", report.cells(), report.withheld());
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Cells over all revisions of the groups that are attacked in every run; the long tests have larger ones.
const FEW_CELLS: usize = 160;

/// So many groups of few cells, from a seed on.
fn few_cells(from: u64, count: usize) -> impl Iterator<Item = u64> {
    let cells = |seed: u64| {
        let group = random_group(seed, Size::Small);
        let of = |revision| group.tables(revision).iter().map(|(_, cells)| cells.len()).sum::<usize>();
        (1..=group.revisions).map(of).sum::<usize>()
    };
    (from..).filter(move |seed| cells(*seed) <= FEW_CELLS).take(count)
}

#[test]
fn the_gate_withstands_the_attack_on_two_hundred_groups() {
    check(few_cells(0, 200), Size::Small, &ALL_KINDS);
}

/// A group in which partners 0 and 1 prove a cell small that nobody else is in: no finding, and the filter is the only reason.
#[test]
fn of_what_partners_supplied_wholly_nothing_is_claimed() {
    let group = random_group(150, Size::Medium);
    let Released { joint, published, .. } = release(&group, Setting::of(150)).unwrap();
    let report = attack(&joint, &Options { threads: 1, ..Options::default() }).unwrap();
    let theirs = wholly_theirs(&group, &published, &joint, "partners [0, 1]");
    let of = report.declared.iter().filter(|declared| declared.attacker == "partners [0, 1]");
    assert!(of.flat_map(|found| &found.findings.provably_small).all(|finding| theirs.contains(&finding.cell)));
    assert!(theirs.len() > 1 && wholly_theirs(&group, &published, &joint, "nobody").is_empty());
}

#[test]
#[ignore = "takes minutes: larger groups"]
fn long_the_gate_withstands_the_attack_on_two_hundred_larger_groups() {
    check(0..200, Size::Medium, &ALL_KINDS);
}

#[test]
#[ignore = "takes minutes: thousands of groups"]
fn long_the_gate_withstands_the_attack_on_two_thousand_groups() {
    check(few_cells(100_000, 2_000), Size::Small, &ALL_KINDS);
}

/// A plain problem for the gate's rule about half-sums: three filters over three kinds of records, AB, BC and AC, each of many. A
/// protector without the rule releases all three, since none of them and no difference of them is small; the attacker convicts it.
#[test]
fn a_protector_that_ignores_half_sums_is_convicted() {
    let attacked = |withheld: Option<usize>| {
        let mut problem = attack::known_bad::ring(5, &[3, 40, 30]);
        if let Some(cell) = withheld {
            problem.tables[0].cells[cell].value = Value::Withheld;
        }
        let report = Report { groups: vec![attack(&problem, &Options::default()).unwrap()] };
        report.failures().iter().map(|failure| failure.promise).collect::<Vec<_>>()
    };
    assert_eq!(attacked(None), [attack::Promise::NoSliver]);
    for cell in 0..3 {
        assert_eq!(attacked(Some(cell)), Vec::new(), "with one of them withheld there is nothing to find");
    }
}
