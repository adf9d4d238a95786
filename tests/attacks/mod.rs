//! The attacker over what the API really answers.
//!
//! The attacker is an analyst who holds every answer about controlled data, the areas' composition, the indicators'
//! definitions and the agreements' rules. All of that is read through the front door or from public files; nothing of
//! the protector is used. Besides, every person with several records in a withheld cell and every partner is declared with
//! the records that are theirs, out of the partners' files.

mod casework;
mod control;
mod facts;
mod group;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use agreements::{Registry, Terms};
use attack::{Finding, Findings, GroupReport, Options, Problem, Report, Value, attack_all};
use model::DatasetId;
use serde_json::Value as Json;

use crate::api::data::all_rows;
use crate::support::{Demo, files, root};
use facts::{Definitions, EITHER, Gathered};
use group::Belief;

/// The threshold of every sample agreement over controlled data.
const K: u32 = 5;

/// What everybody may know of the rules of a dataset.
pub(crate) struct Rules {
    k: u32,
    /// Dimensions and measures of which the agreements say that they are sensitive: zeros of those may be withheld.
    sensitive: BTreeSet<String>,
}

/// The rules of every controlled dataset, as its agreements say. Any that the attacker does not know how to use fails here.
fn rules() -> BTreeMap<DatasetId, Rules> {
    let toml = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let sources: Vec<agreements::SourceFile> = files(&root().join("sharing-agreements"))
        .iter()
        .filter(|path| toml(path))
        .map(|path| agreements::SourceFile {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            content: std::fs::read(path).unwrap(),
        })
        .collect();
    let registry = Registry::load(&sources, &[]).unwrap();
    let mut rules = BTreeMap::new();
    // A version that another has replaced governs nothing that comes in.
    let today = "2026-11-22T00:00:00Z".parse().unwrap();
    let snapshot = registry.snapshot();
    let replaced = Some(agreements::Status::Superseded);
    let counts = |one: &&agreements::Agreement| snapshot.status(&one.digest(), today) != replaced;
    for agreement in snapshot.agreements().filter(counts) {
        for dataset in agreement.document().datasets.iter().filter(|dataset| !dataset.exposure.is_open()) {
            let terms: Vec<Terms> = agreement.grants().map(|(grant, to)| agreement.terms(grant, to)).collect();
            let terms = &terms[0];
            assert_eq!((terms.k, terms.rounding), (K, 1), "{}: tell the attacker of it", agreement.name());
            assert_eq!(terms.zeros, agreements::Zeros::Publish, "{}: tell the attacker of it", agreement.name());
            assert!(terms.primary.own_records && terms.primary.own_rows, "{}: nobody is declared", agreement.name());
            let sensitive = terms.primary.sensitive.clone();
            assert!(rules.insert(dataset.id.clone(), Rules { k: K, sensitive }).is_none(), "{}", dataset.id);
        }
    }
    assert!(rules.len() >= 11, "{}", rules.len());
    rules
}

/// What the analyst can gather: every answered count, by dataset.
async fn gathered(demo: &Demo, definitions: &Definitions) -> Gathered {
    let areas = demo.get("/v1/areas", Some("analyst")).await.json();
    facts::gather(definitions, all_rows(demo).await, &areas)
}

#[tokio::test]
async fn nothing_withheld_is_recovered_or_proved_small_from_what_the_api_answers() {
    let start = Instant::now();
    let definitions = Definitions::read();
    let gathered = gathered(&Demo::open(), &definitions).await;
    println!("answers {:.1?}; not readable by the analyst, not attacked: {:?}", start.elapsed(), gathered.unread);
    print_remainders(&gathered);
    let people = people(&gathered, &definitions);
    let [partners, persons] = numbers(&people);
    assert!(
        partners >= 4 && persons >= 20,
        "{partners} partners, {persons} people with several records in withheld cells"
    );
    let mut found = Vec::new();
    for belief in [Belief::SomeMayBeLeftOver, Belief::TheyCoverAll] {
        let problems = problems(&gathered, belief, &people);
        // How many people live where is part of what everybody knows.
        let bounded = problems.iter().map(|problem| problem.bounds.len()).sum::<usize>();
        assert!(bounded >= 300, "{bounded} limits by residents");
        let report = attacked(&problems, belief, &mut found);

        // The attack looked at something: every controlled dataset that the analyst reads, with gaps in it.
        assert!(report.groups.len() >= 10, "{}", report.groups.len());
        assert!(report.cells() > 5_000, "{}", report.cells());
        assert!(report.withheld() >= 100, "{}", report.withheld());
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Few cases by views that are too fine for them, with what is sensitive, and what each partner knows.
#[tokio::test]
async fn casework_by_fine_views_gives_nothing_away() {
    let demo = casework::by_fine_views();
    let definitions = Definitions::with(&demo.folder.path().join("sample-data/indicators"));
    let gathered = gathered(&demo, &definitions).await;
    let people = people(&gathered, &definitions);
    let [partners, persons] = numbers(&people);
    // Everybody has one case, so that the attack tries them by itself.
    assert!(
        partners >= 4 && persons == 0,
        "{partners} partners, {persons} people with several records in withheld cells"
    );
    let mut found = Vec::new();
    for belief in [Belief::SomeMayBeLeftOver, Belief::TheyCoverAll] {
        let problems = problems(&gathered, belief, &people);
        let sensitive = problems.iter().flat_map(|problem| &problem.tables).filter(|table| !table.sensitive.is_empty());
        let withheld = |table: &attack::Table| table.cells.iter().filter(|cell| cell.value == Value::Withheld).count();
        assert!(sensitive.map(withheld).sum::<usize>() >= 5, "nothing sensitive is withheld");
        let report = attacked(&problems, belief, &mut found);
        // Something is shown too, or there would be nothing to attack with.
        assert!(report.withheld() >= 50 && report.cells() - report.withheld() >= 20, "{report}");
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// What the attack reports; everything that it should not have found goes on the list.
fn attacked(problems: &[Problem], belief: Belief, found: &mut Vec<String>) -> Report {
    let start = Instant::now();
    let report = attack_all(problems, &Options::default()).unwrap();
    println!("\npublished categories: {belief:?}, {:.1?}\n{report}", start.elapsed());
    assert_eq!(report.not_finished(), Vec::<&str>::new(), "undecided cells may be unsafe");
    // For everybody, and for whoever has one record in a withheld cell.
    let exact = report.recovered().into_iter().filter(|finding| discloses(finding));
    found.extend(exact.map(|finding| format!("{belief:?}: recovered {finding:?}")));
    for group in &report.groups {
        found.extend(small(group).map(|finding| format!("{belief:?}: provably small {finding:?}")));
        let alike = group.with_marks.group_disclosed.iter();
        found.extend(alike.map(|cell| format!("{belief:?}: a group is shown to be alike {cell:?}")));
        found.extend(group.slivers.iter().map(|sliver| format!("{belief:?}: small difference {sliver:?}")));
        for declared in &group.declared {
            let Findings { recovered, provably_small, narrow, group_disclosed, not_finished, .. } = &declared.findings;
            let who = |what: String| format!("{belief:?}: {} finds {what}", declared.attacker);
            let cells = recovered.iter().chain(provably_small).chain(narrow).filter(|finding| discloses(finding));
            found.extend(cells.map(|finding| who(format!("{finding:?}"))));
            found.extend(group_disclosed.iter().map(|cell| who(format!("{cell:?}"))));
            found.extend(declared.slivers.iter().map(|sliver| who(format!("{sliver:?}"))));
            found.extend(not_finished.iter().map(|what| who(format!("no answer: {what}"))));
        }
    }
    report
}

/// How many partners and how many people are declared.
fn numbers(people: &BTreeMap<DatasetId, Vec<people::Group>>) -> [usize; 2] {
    let (partners, persons): (Vec<_>, Vec<_>) = people.values().flatten().partition(|one| one.is_partner());
    [partners.len(), persons.len()]
}

fn problems(gathered: &Gathered, belief: Belief, people: &BTreeMap<DatasetId, Vec<people::Group>>) -> Vec<Problem> {
    let rules = rules();
    let problem = |(dataset, facts): (&DatasetId, &facts::Facts)| {
        let people = people.get(dataset).map(Vec::as_slice).unwrap_or_default();
        group::problem(dataset, facts, belief, &rules[dataset], people)
    };
    gathered.groups.iter().map(problem).collect()
}

/// Who is declared: of every feed that says whose its rows are.
fn people(gathered: &Gathered, definitions: &Definitions) -> BTreeMap<DatasetId, Vec<people::Group>> {
    let gazetteer = people::gazetteer();
    let mut declared = BTreeMap::new();
    for (dataset, facts) in &gathered.groups {
        let contract = &definitions.contracts[dataset];
        if contract.link().is_some() {
            let start = Instant::now();
            let known = people::attackers(&people::records(contract, &gazetteer), facts);
            println!("{dataset}: {} people and partners declared, {:.1?}", known.len(), start.elapsed());
            declared.insert(dataset.clone(), known);
        }
    }
    declared
}

/// Where a row is withheld because of its count *or* its denominator, a cell that may not be protected at all is no
/// finding: it is one only if its value is one that must be protected.
fn discloses(finding: &Finding) -> bool {
    !finding.cell.starts_with(EITHER) || (1..i64::from(K)).contains(&(finding.lower - finding.own))
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
    let nobody = BTreeMap::new();
    let pairs = problems(&open, Belief::TheyCoverAll, &nobody);
    for (open, problem) in pairs.iter().zip(problems(&withheld, Belief::TheyCoverAll, &nobody)) {
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
