//! The attacker over what the API really answers.
//!
//! The attacker is an analyst who holds every answer about controlled data, the areas' composition, the indicators'
//! definitions and the agreements' rules. All of that is read through the front door or from public files; nothing of
//! the protector is used.

mod control;
mod facts;
mod group;

use std::time::Instant;

use attack::{Finding, GroupReport, Options, Problem, Report, attack_all};
use serde_json::Value as Json;

use crate::api::data::all_rows;
use crate::support::{Demo, files, root};
use facts::{Definitions, EITHER, Gathered};
use group::Belief;

/// The threshold of every sample agreement over controlled data; [`the_rules_are_the_agreements`] holds it to them.
const K: u32 = 5;

/// What the analyst can gather: every answered count, by dataset.
async fn gathered(demo: &Demo) -> Gathered {
    let areas = demo.get("/v1/areas", Some("analyst")).await.json();
    facts::gather(&Definitions::read(), all_rows(demo).await, &areas)
}

#[test]
fn the_rules_are_the_agreements() {
    let mut seen = 0;
    for path in files(&root().join("sharing-agreements")) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        if path.ends_with("open-data.toml") || path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        for line in text.lines() {
            let expected = match line.split_once(" = ") {
                Some(("k", _)) => format!("k = {K}"),
                Some(("zeros", _)) => "zeros = \"publish\"".to_owned(),
                _ => continue,
            };
            assert_eq!(line, expected, "{}: tell the attacker of it", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 16, "{seen}");
}

#[tokio::test]
async fn nothing_withheld_is_recovered_or_proved_small_from_what_the_api_answers() {
    let start = Instant::now();
    let gathered = gathered(&Demo::open()).await;
    println!("answers {:.1?}; not readable by the analyst, not attacked: {:?}", start.elapsed(), gathered.unread);
    print_remainders(&gathered);
    let mut found = Vec::new();
    for belief in [Belief::SomeMayBeLeftOver, Belief::TheyCoverAll] {
        let start = Instant::now();
        let report = attack_all(&problems(&gathered, belief), &Options::default()).unwrap();
        println!("\npublished categories: {belief:?}, {:.1?}\n{report}", start.elapsed());

        // The attack looked at something: every controlled dataset that the analyst reads, with gaps in it.
        assert!(report.groups.len() >= 8, "{}", report.groups.len());
        assert!(report.cells() > 5_000, "{}", report.cells());
        assert!(report.withheld() >= 100, "{}", report.withheld());

        assert_eq!(report.not_finished(), Vec::<&str>::new(), "undecided cells may be unsafe");
        // For everybody, and for whoever has one record in a withheld cell.
        let exact = report.recovered().into_iter().filter(|finding| discloses(finding));
        found.extend(exact.map(|finding| format!("{belief:?}: recovered {finding:?}")));
        for group in &report.groups {
            found.extend(small(group).map(|finding| format!("{belief:?}: provably small {finding:?}")));
            found.extend(group.slivers.iter().map(|sliver| format!("{belief:?}: small difference {sliver:?}")));
            let declared = group.declared.iter().filter(|declared| !declared.findings.provably_small.is_empty());
            found.extend(
                declared.map(|declared| format!("{belief:?}: {} finds {:?}", declared.attacker, declared.findings)),
            );
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn problems(gathered: &Gathered, belief: Belief) -> Vec<Problem> {
    gathered.groups.iter().map(|(dataset, facts)| group::problem(dataset, facts, belief, K)).collect()
}

/// Where a row is withheld because of its count *or* its denominator, a cell that may not be protected at all is no
/// finding: it is one only if its value is one that must be protected.
fn discloses(finding: &Finding) -> bool {
    !finding.cell.starts_with(EITHER) || (1..i64::from(K)).contains(&finding.lower)
}

/// Cells of which too little is left open: proved small, or to within less than the threshold. Where a row is withheld
/// because of its count *or* its denominator, the other one needs no protection: only smallness counts.
fn small(group: &GroupReport) -> impl Iterator<Item = &Finding> {
    let either = |finding: &&Finding| finding.cell.starts_with(EITHER);
    let small = group.with_marks.provably_small.iter().filter(move |f| !either(f) || f.upper >= 1);
    small.chain(group.with_marks.narrow.iter().filter(move |f| !either(f)))
}

/// What is in a total and in none of its published categories. Nobody prints it; everybody can subtract.
fn print_remainders(gathered: &Gathered) {
    for (dataset, facts) in &gathered.groups {
        let remainders = group::remainders(facts);
        let small = remainders.iter().filter(|n| (1..u64::from(K)).contains(n)).count();
        let other = remainders.iter().filter(|n| **n >= u64::from(K)).count();
        if small + other > 0 {
            println!("{dataset}: totals beyond their categories: {small} by 1 to {}, {other} by more", K - 1);
        }
    }
}

/// Suppression switched off and the rest as it is: the attack finds cells, and what it says of them is true. Nothing that is
/// answered about controlled data is lost between the API and the attacker.
#[tokio::test]
async fn the_same_attack_without_complementary_suppression_finds_cells() {
    let definitions = Definitions::read();
    let demo = control::unprotected();
    let areas = demo.get("/v1/areas", Some("analyst")).await.json();
    let rows = all_rows(&demo).await;
    let small = |(indicator, view, rows): &(String, String, Vec<Json>)| {
        let rows = control::primaries_only(&definitions, indicator, rows.clone(), u64::from(K));
        (indicator.clone(), view.clone(), rows)
    };
    let withheld = facts::gather(&definitions, rows.iter().map(small).collect(), &areas);
    let controlled = |part: usize| {
        let tables = rows.iter().filter(|(indicator, ..)| definitions.controlled_parts(indicator)[part]);
        // A rate that is not available leaves open what is under it, and what is not available at all tells nothing.
        let told = |row: &&Json| row["status"] != "x" || (part == 0 && row["count"].is_u64());
        tables.map(|(.., rows)| rows.iter().filter(told).count()).sum::<usize>()
    };
    let answered = controlled(0) + controlled(1);
    let open = facts::gather(&definitions, rows.clone(), &areas);
    let told: usize = open.groups.values().map(|group| group.facts.len()).sum();
    assert!(told == answered && told > 5_000, "{told} facts of {answered} answers");

    let (mut recovered, mut small) = (0, 0);
    let mut report = Report::default();
    for (open, problem) in problems(&open, Belief::TheyCoverAll).iter().zip(problems(&withheld, Belief::TheyCoverAll)) {
        let truth = control::truth(open);
        let group = attack::attack(&problem, &Options::default()).unwrap();
        for finding in &group.with_marks.recovered {
            // The attacker is right: what it says is what was hidden.
            assert_eq!(finding.lower, finding.upper, "{finding:?}");
            assert_eq!(truth.get(&finding.cell).copied(), u64::try_from(finding.lower).ok(), "{finding:?}");
            recovered += 1;
        }
        small += group.with_marks.provably_small.len();
        report.groups.push(group);
    }
    println!("{report}");
    println!("control: {recovered} of {} withheld cells recovered, {small} proved small", report.withheld());
    assert!(recovered > 20, "{recovered} of {}", report.withheld());
}
