//! The sample agreements: they load, decide as expected, name only columns that the contracts have, and cover every
//! dataset and every indicator of the sample partnership.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::{DatasetContract, Indicator, Tier};

use crate::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(folder: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push(SourceFile { name, content: std::fs::read(path).unwrap() });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn text(file: &SourceFile) -> &str {
    std::str::from_utf8(&file.content).unwrap()
}

fn contracts() -> Vec<DatasetContract> {
    let files = read(&root().join("sample-data/contracts"));
    files.iter().map(|file| DatasetContract::parse(&file.name, text(file)).unwrap()).collect()
}

fn registry() -> Registry {
    Registry::load(&read(&root().join("sharing-agreements")), &contracts()).unwrap()
}

fn today() -> Timestamp {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

/// What is not in force any more, with its dataset unless a later version governs that.
const CLOSED: [(&str, Option<&str>, Status); 3] = [
    ("rent-arrears@1", Some("progress-housing-group.rent-arrears"), Status::Suspended),
    ("volunteering@1", None, Status::Superseded),
    ("winter-warmth@1", Some("community-futures.winter-warmth"), Status::Expired),
];

/// With the contracts at hand, an unknown column, a milder treatment or another exposure would be an error here.
#[test]
fn the_samples_load_with_the_contracts() {
    let registry = registry();
    assert_eq!(registry.errors(), &[]);
    let snapshot = registry.snapshot();
    assert!(snapshot.partnership().partnership.illustrative);
    assert!(snapshot.agreements().count() >= 16);
    for agreement in snapshot.agreements() {
        let title = &agreement.document().agreement.title;
        assert!(title.starts_with("Illustrative, not an agreement of this organisation"), "{title}");
        let closed = CLOSED.iter().find(|(name, ..)| *name == agreement.name());
        let expect = closed.map_or(Status::Active, |(_, _, status)| *status);
        assert_eq!(snapshot.status(&agreement.digest(), today()), Some(expect), "{title}");
    }
    for file in read(&root().join("sharing-agreements")) {
        let first = text(&file).lines().next().unwrap().to_lowercase();
        assert!(first.contains("illustrative") || file.name.ends_with(".events.toml"), "{}", file.name);
        assert!(text(&file).to_lowercase().contains("illustrative"), "{}", file.name);
    }
}

/// Every column that a contract stores is agreed, so that nothing is lost on the way in.
#[test]
fn every_dataset_may_be_taken_in_whole_by_its_supplier() {
    let registry = registry();
    let closed = |contract: &DatasetContract| CLOSED.iter().any(|(_, id, _)| *id == Some(contract.id.as_str()));
    for contract in contracts().into_iter().filter(|contract| contract.links.is_none() && !closed(contract)) {
        let supplier = contract.id.organisation().unwrap();
        // Every agreement is for planning services but one, which is for law enforcement alone.
        let of_police = contract.id.as_str() == "lancashire-constabulary.problem-places";
        let purpose: model::PurposeId =
            if of_police { "crime-prevention" } else { "service-planning" }.parse().unwrap();
        let principal = Principal::new(supplier, Role::PartnerOfficer, [purpose.clone()]);
        let start = if contract.id.as_str().ends_with("deprivation") { 2019 } else { 2024 };
        let month = model::Month::new(start, 1).unwrap();
        let period = contract.partition.containing(month);
        let scheme = "national-data-opt-out".to_owned();
        let evidence = OptOutEvidence { dataset: contract.id.clone(), scheme, applied_at: today() };
        let request = Request::ingest(principal, purpose.clone(), contract.id.clone(), period);
        let request = request.with_opt_outs(vec![evidence]);
        let permit = decide::<Ingest>(registry.snapshot(), &request, today());
        let permit = permit.unwrap_or_else(|denial| panic!("{}: {:?}", contract.id, denial.blockers));
        let agreed = permit.agreed_columns(&contract.id).unwrap();
        let derived = contract.dimensions().into_iter().chain(contract.measures()).filter(|name| *name != "count");
        for name in contract.columns.iter().map(|column| column.name.as_str()).chain(derived) {
            assert!(agreed.contains_key(name), "{} {name} is not agreed", contract.id);
        }
    }
}

/// Every indicator can be released, at every one of its views, to whom its tier says.
#[test]
fn every_indicator_may_be_published() {
    let registry = registry();
    let (snapshot, contracts) = (registry.snapshot(), contracts());
    for file in read(&root().join("sample-data/indicators")) {
        let indicator = Indicator::parse(&file.name, text(&file)).unwrap();
        let purpose = indicator.purpose.clone();
        let linked = contracts.iter().find(|contract| contract.id == indicator.numerator.dataset);
        let linked = linked.and_then(|contract| contract.links.as_ref()).map(|links| links.datasets.as_slice());
        let sources =
            linked.map_or_else(|| indicator.datasets().collect(), |datasets| datasets.iter().collect::<Vec<_>>());
        let inputs: Vec<Governing> = sources.into_iter().map(|dataset| snapshot.governing(dataset, today())).collect();
        let operator = Principal::new("csr-partnership".parse().unwrap(), Role::Operator, [purpose.clone()]);
        let outputs = indicator.views.iter().map(|view| Level::new(view.area_type, view.period_type));
        let request = Request::new(operator, purpose, inputs).with_outputs(outputs).for_tier(indicator.tier);
        if let Err(denial) = decide::<Derive>(snapshot, &request, today()) {
            panic!("derive {}: {:?}", indicator.id, denial.blockers);
        }
        if let Err(denial) = decide::<Release>(snapshot, &request, today()) {
            panic!("release {}: {:?}", indicator.id, denial.blockers);
        }
        let scheme = "national-data-opt-out".to_owned();
        let fresh = |of: &Governing| OptOutEvidence {
            dataset: of.dataset.clone(),
            scheme: scheme.clone(),
            applied_at: today(),
        };
        let evidence = request.inputs.iter().map(fresh).collect();
        let link = decide::<Link>(snapshot, &request.clone().with_opt_outs(evidence), today());
        if let Some(denial) = link.err().filter(|_| linked.is_some()) {
            panic!("link {}: {:?}", indicator.id, denial.blockers);
        }
        let public = Request { principal: Principal::public(), ..request.for_tier(Tier::Public) };
        let anyone = decide::<Release>(snapshot, &public, today()).is_ok();
        assert!(anyone || indicator.tier == Tier::Partners, "{}", indicator.id);
    }
}

/// What an agreement may show, and how to tell that it does.
type Kind<'a> = (&'a str, &'a dyn Fn(&Agreement) -> bool);

/// What the samples are to show, each by an agreement at least.
#[test]
fn the_samples_are_of_every_kind() {
    let registry = registry();
    let controlled = |agreement: &Agreement| agreement.document().datasets.iter().any(|one| !one.exposure.is_open());
    let grants = |agreement: &Agreement, action| agreement.grants().any(|(grant, _)| grant.actions.contains(&action));
    let level = |agreement: &Agreement, level| agreement.document().datasets.iter().all(|one| one.level == level);
    let kinds: [Kind<'_>; 8] = [
        ("joint controllers of controlled data", &|one| {
            one.document().agreement.kind == AgreementKind::JointControllers && controlled(one)
        }),
        ("law enforcement", &|one| one.document().legal.regime == Regime::LawEnforcement),
        ("evidence of opt-outs", &|one| one.document().optout.is_some()),
        ("aggregates only", &|one| level(one, model::Level::Aggregate) && controlled(one)),
        ("records of people", &|one| level(one, model::Level::Person)),
        ("links", &|one| grants(one, ActionKind::Link)),
        ("noise", &|one| one.document().terms.noise.is_some()),
        ("a later version", &|one| one.document().agreement.supersedes.is_some()),
    ];
    for (name, is) in kinds {
        assert!(registry.snapshot().agreements().any(is), "{name}");
    }
    // An organisation belongs to the partnership in one way, whoever writes.
    let mut memberships = std::collections::BTreeMap::new();
    for party in registry.snapshot().agreements().flat_map(|agreement| &agreement.document().parties) {
        assert_eq!(*memberships.entry(&party.id).or_insert(party.membership), party.membership, "{}", party.id);
    }
}

#[test]
fn decisions_are_as_expected() {
    let registry = registry();
    let folder = root().join("sharing-agreements/expected");
    let file = std::fs::read_to_string(folder.join("decisions.txt")).unwrap();
    let expectations = expected::parse("decisions.txt", &file).unwrap();
    assert!(expectations.len() >= 90);
    for code in ["suspended", "superseded", "expired", "regimes-mixed", "not-yet-effective", "agreement-unknown"] {
        assert!(expectations.iter().any(|one| one.blockers.contains(code)), "no line expects {code}");
    }
    if let Err(errors) = expected::check("decisions.txt", &expectations, registry.snapshot()) {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    // The table can fail: with the opposite expected, every line is reported.
    let mut wrong = expectations.clone();
    for expectation in &mut wrong {
        if !expectation.blockers.remove("no-grant") {
            expectation.blockers.insert("no-grant".to_owned());
        }
    }
    let errors = expected::check("decisions.txt", &wrong, registry.snapshot()).unwrap_err();
    assert_eq!(errors.len(), wrong.len());
    for (line, expect) in [
        ("a | b", "9 columns"),
        ("spy of x-y-z | release | - | abc | - | - | - | 2026-01-01 | allow", "`spy`"),
        ("public | release | x-y-z.data (a@1 | abc | - | - | - | 2026-01-01 | allow", "as `(grants@1)`"),
    ] {
        let error = expected::parse("t", &format!("# comment\n{line}\n")).unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.message.contains(expect), "{error}");
    }
}

#[test]
fn who_may_do_what_is_as_written() {
    let registry = registry();
    let written = std::fs::read_to_string(root().join("sharing-agreements/expected/who-may-do-what.txt")).unwrap();
    let mut text: String = written.lines().take(2).map(|line| format!("{line}\n")).collect();
    for dataset in registry.snapshot().datasets() {
        text.push('\n');
        text.push_str(&explain(registry.snapshot(), dataset, today()).to_string());
    }
    assert!(text == written, "run the example `sign-samples` and look at what changed in who-may-do-what.txt");
}

/// Where a suspended agreement is loaded beside others, only its own data are out of reach.
#[test]
fn suspending_one_sample_closes_that_data_only() {
    let mut files = read(&root().join("sharing-agreements"));
    let before = registry();
    let fire = before.snapshot().agreements().find(|a| a.document().agreement.id.as_str() == "fire-incidents").unwrap();
    let head = before.snapshot().events(&fire.digest()).unwrap().head(fire);
    let by = "lancashire-fire-and-rescue".parse().unwrap();
    let event = demo::event(EventKind::Suspended, today(), &by, "drill", fire.digest(), head);
    let log = files.iter_mut().find(|file| file.name == "fire-incidents.events.toml").unwrap();
    log.content.extend(event.to_toml().into_bytes());
    let after = Registry::load(&files, &contracts()).unwrap();
    assert_eq!(after.errors(), &[]);
    let others = [
        "lancashire-fire-and-rescue.incidents",
        "office-for-national-statistics.population",
        "chorley-council.homelessness",
    ];
    for dataset in before.snapshot().datasets().filter(|id| others.contains(&id.as_str())) {
        let rows = |registry: &Registry| explain(registry.snapshot(), dataset, today()).rows;
        assert!(!rows(&before).is_empty(), "{dataset}");
        assert_eq!(rows(&after).is_empty(), dataset.as_str() == "lancashire-fire-and-rescue.incidents", "{dataset}");
    }
}
