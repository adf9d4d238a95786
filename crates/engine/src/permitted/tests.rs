//! A request about fires under the sample's agreements, and what one changed fact makes of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agreements::{EventKind, Level, Principal, Registry, Request, Role, SourceFile, decide};
use model::{Digest, Period, PeriodType};
use parquet::encryption::decrypt::FileDecryptionProperties;

use super::*;
use crate::request::{AreaSet, Contributors, Dimension, MeasureSpec};

const FIRES: &str = "lancashire-fire-and-rescue.incidents";
const OTHER: &str = "north-west-ambulance.call-outs";

struct Case {
    permits: BTreeMap<IndicatorId, Permit<Derive>>,
    snapshot: Snapshot,
    now: Timestamp,
    tables: Vec<StoredTable>,
    request: GroupRequest,
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn files() -> Vec<SourceFile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sharing-agreements");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let toml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let read = |path: PathBuf| SourceFile {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        content: std::fs::read(&path).unwrap(),
    };
    toml.map(read).collect()
}

fn snapshot(files: &[SourceFile]) -> Snapshot {
    Registry::load(files, &[]).unwrap().snapshot().clone()
}

fn permit(snapshot: &Snapshot, dataset: &str, level: &str, now: Timestamp) -> Permit<Derive> {
    let register = snapshot.partnership();
    let purposes = register.purposes.iter().map(|purpose| purpose.id.clone());
    let operator = Principal::new(register.partnership.id.clone(), Role::Operator, purposes);
    let governing = snapshot.governing(&dataset.parse().unwrap(), now);
    let request = Request::new(operator, "neighbourhood-needs".parse().unwrap(), vec![governing]);
    let request = Request { opt_outs: Vec::new(), ..request };
    decide(snapshot, &request.with_outputs([level.parse::<Level>().unwrap()]), now).unwrap()
}

fn table(column: &str, by: &str) -> TableSpec {
    TableSpec {
        measure: MeasureSpec { id: "fires".parse().unwrap(), column: column.to_owned(), filter: BTreeMap::new() },
        areas: Arc::new(AreaSet { area_type: model::AreaType::District, areas: Vec::new() }),
        period_type: PeriodType::Quarter,
        periods: vec![Period::parse("2025-01-01/P3M", PeriodType::Quarter).unwrap()],
        by: vec![Dimension { name: by.to_owned(), categories: Vec::new() }],
        asked_by: BTreeSet::from(["fire-incidents".parse().unwrap()]),
    }
}

/// Everything in order.
fn good() -> Case {
    let now = time("2026-06-01T00:00:00Z");
    let snapshot = snapshot(&files());
    let stored = StoredTable {
        path: PathBuf::new(),
        decryption: FileDecryptionProperties::builder(vec![0; 16]).build().unwrap(),
        agreements: snapshot.governing(&FIRES.parse().unwrap(), now).agreements,
    };
    let request = GroupRequest {
        group: "fires".parse().unwrap(),
        revision: Digest([0; 32]),
        dataset: FIRES.parse().unwrap(),
        exposure: Exposure::Controlled,
        contributors: Contributors::Rows,
        partner: None,
        sensitive: BTreeSet::new(),
        known_upper: BTreeMap::new(),
        parts: BTreeMap::new(),
        decimals: BTreeSet::new(),
        reporting: Vec::new(),
        classifications: BTreeMap::new(),
        tables: vec![table("count", "incident_type")],
    };
    let permits =
        BTreeMap::from([("fire-incidents".parse().unwrap(), permit(&snapshot, FIRES, "msoa by quarter", now))]);
    Case { permits, snapshot, now, tables: vec![stored], request }
}

/// What is refused, if anything.
fn refusal(change: impl FnOnce(&mut Case)) -> Option<String> {
    let mut case = good();
    change(&mut case);
    let permits = Permits { of: &case.permits, snapshot: &case.snapshot, now: case.now };
    permits.check(&case.tables, &case.request).err().map(|error| error.to_string())
}

fn check(change: impl FnOnce(&mut Case), expect: &str) {
    let text = refusal(change).unwrap_or_default();
    assert!(text.contains(expect), "expected `{expect}`, got `{text}`");
}

#[test]
fn what_the_permit_covers_is_computed() {
    assert_eq!(refusal(|_| ()), None);
    // Decided before: kept in the universe, whoever asked for it then.
    assert_eq!(refusal(|case| case.request.tables[0].asked_by.clear()), None);
}

#[test]
fn what_no_permit_covers_is_refused() {
    check(|case| case.permits.clear(), "dataset `lancashire-fire-and-rescue.incidents`");
    check(|case| case.request.tables = vec![table("count", "crew")], "column `crew`");
    check(|case| case.request.tables = vec![table("name", "incident_type")], "column `name`");
    check(|case| case.request.partner = Some("crew".to_owned()), "column `crew`");
    check(|case| case.request.tables[0].period_type = PeriodType::Month, "by district by month");
    check(|case| case.request.exposure = Exposure::Open { source: "x".into(), licence: "y".into() }, "as open data");
    check(
        |case| {
            case.request.tables[0].asked_by.clear();
            case.request.tables[0].measure.column = "name".to_owned();
        },
        "decided before",
    );
}

#[test]
fn one_indicators_permit_does_not_open_for_another() {
    let another: IndicatorId = "deliberate-fires".parse().unwrap();
    let too_many = |case: &mut Case| {
        case.request.tables[0].asked_by.insert(another.clone());
    };
    check(too_many, "indicator `deliberate-fires`");
    let coarser = |case: &mut Case| {
        let permit = permit(&case.snapshot, FIRES, "district by calendar-year", case.now);
        case.permits.insert(another.clone(), permit);
        case.request.tables[0].asked_by = BTreeSet::from([another.clone()]);
    };
    check(coarser, "by district by quarter");
}

#[test]
fn data_bound_to_another_agreement_are_not_opened() {
    let bound = |case: &mut Case| {
        case.tables[0].agreements.insert(Digest([9; 32]));
    };
    check(bound, "bound to agreement");
    check(|case| case.request.dataset = OTHER.parse().unwrap(), "dataset `north-west-ambulance.call-outs`");
}

#[test]
fn a_permit_that_holds_no_longer_opens_nothing() {
    // The clock alone: the agreement has ended.
    check(|case| case.now = time("2029-01-01T00:00:00Z"), "any longer");
    let suspended = |case: &mut Case| {
        let governing = case.snapshot.governing(&FIRES.parse().unwrap(), case.now);
        let name = |digest: &Digest| case.snapshot.agreement(digest).unwrap().name();
        let digest = *governing.agreements.iter().find(|digest| name(digest).starts_with("fire-incidents@")).unwrap();
        let agreement = case.snapshot.agreement(&digest).unwrap();
        let previous = case.snapshot.events(&digest).unwrap().head(agreement);
        let by = "lancashire-fire-and-rescue".parse().unwrap();
        let at = time("2026-06-01T00:00:01Z");
        let event = agreements::demo::event(EventKind::Suspended, at, &by, "a test", digest, previous);
        let mut files = files();
        let log = files.iter_mut().find(|file| file.name == "fire-incidents.events.toml").unwrap();
        let text = format!(
            "\n[[event]]\nkind = \"suspended\"\nat = {at}\nby = \"{by}\"\nreason = \"a test\"\nagreement = \"{digest}\"\nprevious = \"{previous}\"\nkey = \"{}\"\nsignature = \"{}\"\n",
            event.key, event.signature
        );
        log.content.extend_from_slice(text.as_bytes());
        case.snapshot = snapshot(&files);
        case.now = time("2026-06-01T00:00:02Z");
    };
    check(suspended, "any longer");
}

const TEAM: &str = "chorley-council.integrated-action-team";
const WELLBEING: &str = "lancashire-county-council.wellbeing-referrals";

/// Linked records under the sample's agreements.
struct Linked {
    snapshot: Snapshot,
    link: Permit<agreements::Link>,
    derive: Permit<Derive>,
    now: Timestamp,
    datasets: Vec<crate::LinkedDataset>,
    request: crate::LinkRequest,
}

/// Everything in order.
fn linked() -> Linked {
    let now = time("2026-06-01T00:00:00Z");
    let snapshot = snapshot(&files());
    let ids: Vec<DatasetId> = [TEAM, WELLBEING].map(|id| id.parse().unwrap()).to_vec();
    let register = snapshot.partnership();
    let purposes = register.purposes.iter().map(|purpose| purpose.id.clone());
    let operator = Principal::new(register.partnership.id.clone(), Role::Operator, purposes);
    let governing: Vec<_> = ids.iter().map(|id| snapshot.governing(id, now)).collect();
    let schemes = |of: &agreements::Governing| {
        let agreements: Vec<_> = of.agreements.iter().filter_map(|digest| snapshot.agreement(digest)).collect();
        let rules = agreements.into_iter().filter_map(|agreement| agreement.document().optout.as_ref());
        let evidence = |rule: &agreements::OptOut| agreements::OptOutEvidence {
            dataset: of.dataset.clone(),
            scheme: rule.scheme.clone(),
            applied_at: now,
        };
        rules.map(evidence).collect::<Vec<_>>()
    };
    let opt_outs = governing.iter().flat_map(schemes).collect();
    let request = Request::new(operator, "service-planning".parse().unwrap(), governing.clone())
        .with_opt_outs(opt_outs)
        .with_outputs(["district by calendar-year".parse::<Level>().unwrap()]);
    let stored = |of: &agreements::Governing| crate::LinkedDataset {
        dataset: of.dataset.clone(),
        link: "nhs_number".to_owned(),
        tables: vec![StoredTable {
            path: PathBuf::new(),
            decryption: FileDecryptionProperties::builder(vec![0; 16]).build().unwrap(),
            agreements: of.agreements.clone(),
        }],
    };
    Linked {
        link: decide(&snapshot, &request, now).unwrap(),
        derive: decide(&snapshot, &request, now).unwrap(),
        datasets: governing.iter().map(stored).collect(),
        request: crate::LinkRequest {
            release: ("links".parse().unwrap(), Digest([0; 32])),
            services: ("services".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
            areas: vec![Arc::new(AreaSet { area_type: model::AreaType::District, areas: Vec::new() })],
            everywhere: Vec::new(),
            periods: vec![Period::parse("2025-01-01/P1Y", PeriodType::CalendarYear).unwrap()],
        },
        snapshot,
        now,
    }
}

/// Records are linked by whoever may link and make tables of all of them, by what was agreed and no finer.
#[test]
fn records_are_linked_under_both_permits_of_every_dataset() {
    let refusal = |change: &dyn Fn(&mut Linked)| {
        let mut case = linked();
        change(&mut case);
        let permit =
            crate::LinkPermit { link: &case.link, derive: &case.derive, snapshot: &case.snapshot, now: case.now };
        permit.check(&case.datasets, &case.request).err().map(|error| error.to_string())
    };
    assert_eq!(refusal(&|_| ()), None);
    type Change = fn(&mut Linked);
    let refused: [(Change, &str); 6] = [
        (|case| case.datasets[0].dataset = OTHER.parse().unwrap(), "dataset `north-west-ambulance.call-outs`"),
        (|case| case.datasets[1].link = "postcode".to_owned(), "column `postcode`"),
        (
            |case| case.datasets[1].tables[0].agreements.insert(Digest([7; 32])).then_some(()).unwrap(),
            "bound to agreement",
        ),
        (
            |case| case.request.areas = vec![Arc::new(AreaSet { area_type: model::AreaType::Msoa, areas: Vec::new() })],
            "by msoa by calendar-year",
        ),
        (
            |case| case.request.periods = vec![Period::parse("2025-01-01/P3M", PeriodType::Quarter).unwrap()],
            "by district by quarter",
        ),
        (|case| case.now = time("2029-06-01T00:00:00Z"), "linked records any longer"),
    ];
    for (change, expect) in refused {
        let text = refusal(&change).unwrap_or_default();
        assert!(text.contains(expect), "expected `{expect}`, got `{text}`");
    }
}
