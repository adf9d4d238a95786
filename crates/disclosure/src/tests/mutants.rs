//! Every part of the protector is needed: without it, the attacker, who shares nothing with the protector, finds something in a
//! case in which the whole protector leaves nothing to be found.

use std::collections::{BTreeMap, BTreeSet};

use attack::{Attacker, Bound, Declared, Dimension, Known, Level, Options, Problem, Table, Value, attack, ranges};
use model::{AgeBand, AreaType, CellKey, Month, PeriodType, Sex};

use super::inversion::certain_without_decoys;
use super::rules::{Case, K, row};
use crate::rules::Rules;
use crate::{Cell, CellFacts, CellId, Coalitions, Dominance, Policy, Share, ZeroPolicy};

/// What the attacker has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Finds {
    Small,
    Difference,
    Group,
    Close,
    Undecided,
}

struct Mutant {
    name: &'static str,
    rules: Rules,
    case: Case,
    policy: Policy,
    /// Whether marks say "at least 1" to who knows the algorithm of the whole, and of the mutant.
    marks: (bool, bool),
    /// Who knows how many records of which atom.
    attackers: Vec<Vec<(usize, u64)>>,
    finds: Finds,
}

impl Mutant {
    fn new(name: &'static str, rules: Rules, case: Case, finds: Finds) -> Self {
        let policy = Policy::threshold(K);
        Self { name, rules, case, policy, marks: (true, true), attackers: Vec::new(), finds }
    }
}

/// One dimension in which every atom of the case is one, or areas by category.
fn problem(mutant: &Mutant, shown: &[Cell], marks: bool) -> Problem {
    let case = &mutant.case;
    let atoms = || 0..case.atoms.len();
    let name = |atom: usize| format!("atom {atom}");
    let mut levels: Vec<(u32, Level)> = Vec::new();
    let mut cells = Vec::new();
    let mut bounds = Vec::new();
    for (number, ((_, mask, facts), cell)) in case.cells.iter().zip(shown).enumerate() {
        let code = format!("cell {number}");
        let members: Vec<String> = atoms().filter(|atom| mask >> atom & 1 == 1).map(name).collect();
        let known = levels.iter_mut().find(|(taken, _)| taken & mask == 0);
        let (taken, level) = match known {
            Some(level) => level,
            None => {
                levels.push((0, Level { name: format!("level {number}"), codes: BTreeMap::new() }));
                levels.last_mut().unwrap()
            }
        };
        *taken |= mask;
        level.codes.insert(code.clone(), members);
        let value = cell.value().map_or(Value::Withheld, Value::Released);
        cells.push(attack::Cell { codes: vec![code.clone()], value });
        if let Some(upper) = facts.known_upper {
            bounds.push(Bound { codes: vec![code.clone()], lower: 0, upper: Some(upper) });
        }
    }
    let known = |(atom, count): &(usize, u64)| Known { codes: vec![name(*atom)], count: *count };
    let attackers = mutant.attackers.iter().enumerate().map(|(number, own)| Attacker {
        name: format!("attacker {number}"),
        known: own.iter().filter(|(_, count)| *count > 0).map(known).collect(),
    });
    Problem {
        name: mutant.name.to_owned(),
        threshold: u32::try_from(K).unwrap(),
        dimensions: vec![Dimension {
            name: "atoms".to_owned(),
            atoms: atoms().map(name).collect(),
            levels: levels.into_iter().map(|(_, level)| level).collect(),
            total: "everything".to_owned(),
        }],
        tables: vec![Table { name: "t".to_owned(), zeros_published: marks, cells, ..Table::default() }],
        bounds,
        attackers: attackers.collect(),
        ..Problem::default()
    }
}

/// Rows of everybody and of the sensitive category by area, as a table by category.
fn sensitive_problem(mutant: &Mutant, shown: &[Cell]) -> Problem {
    let areas = mutant.case.atoms.len() / 2;
    let dimension = |name: &str, atoms: Vec<String>| Dimension {
        name: name.to_owned(),
        atoms,
        levels: Vec::new(),
        total: "all".to_owned(),
    };
    let mut problem = Problem {
        name: mutant.name.to_owned(),
        threshold: u32::try_from(K).unwrap(),
        dimensions: vec![
            dimension("area", (0..areas).map(|area| format!("area {area}")).collect()),
            dimension("category", vec!["sensitive".to_owned(), "other".to_owned()]),
        ],
        ..Problem::default()
    };
    let mut cells = Vec::new();
    for (((_, mask, facts), cell), number) in mutant.case.cells.iter().zip(shown).zip(0..) {
        let area = if number / 2 < areas { format!("area {}", number / 2) } else { "all".to_owned() };
        let whole = mask >> areas != 0;
        let codes = vec![area, if whole { "all" } else { "sensitive" }.to_owned()];
        if let Some(upper) = facts.known_upper {
            problem.bounds.push(Bound { codes: codes.clone(), lower: 0, upper: Some(upper) });
        }
        cells.push(attack::Cell { codes, value: cell.value().map_or(Value::Withheld, Value::Released) });
    }
    let sensitive = vec!["category".to_owned()];
    problem.tables = vec![Table { name: "t".to_owned(), sensitive, cells, ..Table::default() }];
    problem
}

/// What the attacker finds of what a protector shows.
fn found(mutant: &Mutant, rules: Rules) -> BTreeSet<Finds> {
    let shown = mutant.case.shown(&mutant.policy, rules);
    let marks = if rules == Rules::ALL { mutant.marks.0 } else { mutant.marks.1 };
    let problem =
        if mutant.case.sensitive { sensitive_problem(mutant, &shown) } else { problem(mutant, &shown, marks) };
    let singletons = mutant.policy.own_records;
    let options = Options { threads: 1, singletons, ..Options::default() };
    let report = attack(&problem, &options).unwrap();
    let mut finds = BTreeSet::new();
    finds.extend((!report.with_marks.not_finished.is_empty()).then_some(Finds::Undecided));
    let everybody = [(&report.with_marks, &report.slivers)];
    let declared = report.declared.iter().map(|Declared { findings, slivers, .. }| (findings, slivers));
    for (findings, slivers) in everybody.into_iter().chain(declared) {
        let small = findings.recovered.len() + findings.provably_small.len() + findings.narrow.len();
        finds.extend((small > 0).then_some(Finds::Small));
        finds.extend((!slivers.is_empty()).then_some(Finds::Difference));
        finds.extend((!findings.group_disclosed.is_empty()).then_some(Finds::Group));
    }
    if mutant.policy.dominance.any() {
        // The first cell's largest contributor is known to within its width, two, or the cell is shown.
        let truth = i64::try_from(mutant.case.counts()[0]).unwrap();
        let range = ranges(&problem, &options).unwrap().get("t: atoms=cell 0").copied();
        let close = range.is_none_or(|(low, high)| low > truth - 2 || high < truth + 2);
        finds.extend(close.then_some(Finds::Close));
    }
    finds
}

fn id(measure: &str, area_type: AreaType, area: usize, period_type: PeriodType, month: i32) -> CellId {
    let period = period_type.containing(Month::new(2024, month).unwrap());
    let area = format!("AREA-{area}").parse().unwrap();
    let key = CellKey { area_type, area, period, sex: Sex::All, age: AgeBand::All, breakdown: None };
    CellId { measure: measure.parse().unwrap(), key }
}

/// Four small areas, and cells of another kind that hold two of them each.
fn twice(other: impl Fn(usize) -> CellId) -> Case {
    let mut case = Case::of_people(&[2, 9, 8, 7]);
    for area in 0..4 {
        let cell = id("a", AreaType::Lsoa, area, PeriodType::Month, 1);
        case.cells.push((cell, 1 << area, CellFacts::default()));
    }
    for half in 0..2 {
        case.cells.push((other(half), 0b11 << (2 * half), CellFacts::default()));
    }
    case
}

/// Areas one by one with their total, which is shown.
fn plain(counts: &[u64]) -> Case {
    let case = Case::of_people(counts);
    let all = (1_u32 << counts.len()) - 1;
    (0..counts.len()).fold(case, |case, area| case.cell(1 << area, false)).cell(all, true)
}

/// By partner: who supplied how many records of each atom.
fn of_partners(case: &Case, partners: &[u16]) -> Vec<(usize, u64)> {
    let own = |people: &Vec<(u16, u16, u64)>| people.iter().filter(|p| partners.contains(&p.1)).map(|p| p.2).sum();
    case.atoms.iter().map(own).enumerate().collect()
}

fn rules_about_people() -> Vec<Mutant> {
    let mut few = plain(&[0, 9, 8, 7]);
    few.atoms[0] = vec![(200, 0, 5), (201, 0, 1)];
    let contributors = Mutant {
        policy: Policy { own_records: true, ..Policy::threshold(K) },
        attackers: vec![vec![(0, 5)]],
        ..Mutant::new("contributors", Rules { contributors: false, ..Rules::ALL }, few, Finds::Difference)
    };
    let mut alone = plain(&[9, 8, 7, 8]);
    for (atom, people) in alone.atoms.iter_mut().enumerate() {
        for (index, person) in people.iter_mut().enumerate() {
            person.1 = u16::from((atom == 0 && index > 1) || (atom > 0 && index % 2 == 0));
        }
    }
    let partners = Mutant {
        attackers: vec![of_partners(&alone, &[0]), of_partners(&alone, &[1])],
        ..Mutant::new("partners", Rules { partners: false, ..Rules::ALL }, alone, Finds::Difference)
    };
    let mut together = plain(&[9, 12, 12, 12]);
    for (atom, people) in together.atoms.iter_mut().enumerate() {
        for (index, person) in people.iter_mut().enumerate() {
            person.1 = if atom == 0 { [0, 0, 0, 0, 1, 1, 1, 1, 2][index] } else { u16::try_from(index % 3).unwrap() };
        }
    }
    let pairs = [[0, 1], [0, 2], [1, 2]];
    let coalitions = Mutant {
        policy: Policy { coalitions: Coalitions::Pairs, ..Policy::threshold(K) },
        attackers: pairs.iter().map(|pair| of_partners(&together, pair)).collect(),
        ..Mutant::new("coalitions", Rules { coalitions: false, ..Rules::ALL }, together, Finds::Difference)
    };
    let case = Case::of_people(&[1, 2, 5, 6]);
    let case = [1, 2, 3, 4, 8].into_iter().fold(case, |case, mask| case.cell(mask, false)).cell(15, true);
    let zeros = ZeroPolicy::HideShare { per_thousand: 0 };
    let own_records = Mutant {
        policy: Policy { own_records: true, zeros, ..Policy::threshold(K) },
        marks: (false, false),
        attackers: (0..4).map(|atom| vec![(atom, 1)]).collect(),
        ..Mutant::new("own_records", Rules { own_records: false, ..Rules::ALL }, case, Finds::Small)
    };
    let mut one = plain(&[0, 9, 8, 9]);
    one.atoms[0] = vec![(200, 0, 8), (201, 0, 1), (202, 0, 1)];
    let largest = Dominance { largest: Some(Share { contributors: 1, percent: 70 }), ..Dominance::NONE };
    let p_percent = Dominance { p_percent: Some(30), ..Dominance::NONE };
    let dominance =
        [("dominance, largest share", largest), ("dominance, p %", p_percent)].map(|(name, dominance)| Mutant {
            policy: Policy { dominance, ..Policy::threshold(K) },
            ..Mutant::new(name, Rules { dominance: false, ..Rules::ALL }, one.clone(), Finds::Close)
        });
    let mut mutants = vec![contributors, partners, coalitions, own_records];
    mutants.extend(dominance);
    mutants
}

fn rules_about_cells() -> Vec<Mutant> {
    let small = || plain(&[2, 9, 8, 7]);
    let three = Case::of_people(&[1, 1, 1, 9, 8]);
    let three =
        || [1, 2, 4, 7, 8, 16].into_iter().fold(three.clone(), |case, mask| case.cell(mask, false)).cell(31, true);
    let nested =
        Case::of_people(&[6, 2, 8, 7]).cell(1, false).cell(3, false).cell(4, false).cell(8, false).cell(15, true);
    // Two wards less a neighbourhood that has all of them but the last.
    let ward = |area| id("a", AreaType::Ward, area, PeriodType::Month, 1);
    let mut overlap = Case::of_people(&[6, 5, 7, 2, 9]);
    for (cell, mask) in
        [(ward(0), 0b00011), (ward(1), 0b01100), (id("a", AreaType::Neighbourhood, 0, PeriodType::Month, 1), 0b00111)]
    {
        overlap.cells.push((cell, mask, CellFacts::default()));
    }
    // Three sums of which each two share a part.
    let half = Case::of_people(&[9, 2, 8]).cell(0b011, false).cell(0b110, false).cell(0b101, false);
    // A small count beside two that cannot grow: so few live there.
    let mut open = plain(&[2, 2, 2, 80, 100]);
    open.cells[1].2.known_upper = Some(2);
    open.cells[2].2.known_upper = Some(2);
    let hide = Policy { zeros: ZeroPolicy::HideShare { per_thousand: 1000 }, ..Policy::threshold(K) };
    let zeros = Mutant {
        policy: hide,
        marks: (false, true),
        ..Mutant::new("zeros", Rules { zeros: false, ..Rules::ALL }, three(), Finds::Small)
    };
    let group = |name, inside: [u64; 3], outside: [u64; 3], population| {
        let rules = Rules { group_disclosure: false, ..Rules::ALL };
        Mutant::new(name, rules, row(&inside, &outside, population), Finds::Group)
    };
    vec![
        Mutant::new("threshold", Rules { threshold: false, ..Rules::ALL }, small(), Finds::Difference),
        Mutant::new("witnesses", Rules { witnesses: false, ..Rules::ALL }, small(), Finds::Small),
        Mutant::new("marks", Rules { marks: false, ..Rules::ALL }, three(), Finds::Small),
        zeros,
        Mutant::new("differences", Rules { differences: false, ..Rules::ALL }, nested, Finds::Difference),
        Mutant::new("overlaps", Rules { overlaps: false, ..Rules::ALL }, overlap, Finds::Difference),
        Mutant::new("overlaps, half of a sum", Rules { overlaps: false, ..Rules::ALL }, half, Finds::Difference),
        Mutant::new("open", Rules { open: false, ..Rules::ALL }, open, Finds::Small),
        group("group_disclosure, all of a row", [7, 5, 4], [0, 5, 6], None),
        Mutant {
            // What is left of the row is a small difference, too: that rule alone hides it.
            rules: Rules { group_disclosure: false, differences: false, ..Rules::ALL },
            ..group("group_disclosure, nearly all of a row", [4, 7, 5], [5, 2, 6], None)
        },
        group("group_disclosure, a population", [7, 5, 4], [6, 5, 6], Some(8)),
    ]
}

/// Mutants that take no account of some cells, which are shown all the same.
fn parts_of_the_group() -> Vec<Mutant> {
    let area = |half| id("a", AreaType::Neighbourhood, half, PeriodType::Month, 1);
    let year = |half| id("a", AreaType::Lsoa, 10 + half, PeriodType::CalendarYear, 1);
    let measure = |half| id("b", AreaType::Lsoa, 20 + half, PeriodType::Month, 1);
    vec![
        Mutant::new("totals", Rules { totals: false, ..Rules::ALL }, plain(&[2, 9, 8, 7]), Finds::Small),
        Mutant::new("areas", Rules { areas: false, ..Rules::ALL }, twice(area), Finds::Small),
        Mutant::new("periods", Rules { periods: false, ..Rules::ALL }, twice(year), Finds::Small),
        Mutant::new("measures", Rules { measures: false, ..Rules::ALL }, twice(measure), Finds::Small),
    ]
}

#[test]
fn every_mutant_is_killed_by_the_attacker() {
    let mut wrong = Vec::new();
    for mutant in [rules_about_people(), rules_about_cells(), parts_of_the_group()].into_iter().flatten() {
        let (whole, finds) = (found(&mutant, Rules::ALL), found(&mutant, mutant.rules));
        println!("without {}: {finds:?}", mutant.name);
        if !whole.is_empty() || !finds.contains(&mutant.finds) {
            wrong.push(format!("{}: {finds:?} is found without it, {whole:?} with it", mutant.name));
        }
    }
    // Without decoys the choice of cells itself tells.
    if !certain_without_decoys(Rules { decoys: false, ..Rules::ALL }) {
        wrong.push("decoys: nothing is certain without them".to_owned());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
