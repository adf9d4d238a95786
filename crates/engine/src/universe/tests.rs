//! From rows through the gate: who is behind a figure decides whether it is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use disclosure::{AuthenticatedEntry, Cell, Dominance, LedgerState, PlanKey, Policy, Share, plan, restore};
use model::{Digest, Exposure, PeriodType};

mod parts;

use super::*;
use crate::request::{AreaSet, Contributors, Dimension};

/// Area, category, person, referrer, contacts.
type Record = (&'static str, &'static str, Option<u16>, usize, i64);

const AREAS: [&str; 4] = ["E01000001", "E01000002", "E01000003", "E01000004"];
const KINDS: [&str; 2] = ["minor", "severe"];

/// So many records in an area, each of a person of their own.
fn people(area: &'static str, kind: &'static str, from: u16, number: u16) -> Vec<Record> {
    (from..from + number).map(|person| (area, kind, Some(person), usize::from(person % 3), 1)).collect()
}

/// Enough of both kinds in every area but the first.
fn elsewhere() -> Vec<Record> {
    let areas = AREAS[1..].iter().zip([100, 200, 300]);
    areas
        .flat_map(|(area, from)| [people(area, "minor", from, 20), people(area, "severe", from + 50, 20)].concat())
        .collect()
}

struct Case {
    records: Vec<Record>,
    request: GroupRequest,
    policy: Policy,
}

fn month() -> Month {
    "2025-01".parse().unwrap()
}

fn table(column: &str, filter: &[&str], by: &[&str]) -> TableSpec {
    let area = |codes: &[&str]| codes.iter().map(|code| code.parse().unwrap()).collect::<Vec<model::AreaCode>>();
    let areas = AREAS.iter().map(|code| (code.parse().unwrap(), area(&[code]))).collect();
    let id = [&["test", column], filter].concat().join("|");
    let kinds: Vec<String> = filter.iter().map(|kind| (*kind).to_owned()).collect();
    let filter = if kinds.is_empty() { BTreeMap::new() } else { BTreeMap::from([("kind".to_owned(), kinds)]) };
    TableSpec {
        measure: MeasureSpec { id: id.parse().unwrap(), column: column.to_owned(), filter },
        areas: Arc::new(AreaSet { area_type: AreaType::Lsoa, areas }),
        period_type: PeriodType::Month,
        periods: vec![PeriodType::Month.containing(month())],
        by: by
            .iter()
            .map(|name| Dimension { name: (*name).to_owned(), categories: KINDS.map(str::to_owned).to_vec() })
            .collect(),
        asked_by: BTreeSet::new(),
    }
}

/// The total over all areas, so that there is something to subtract from.
fn district(of: TableSpec) -> TableSpec {
    let all = AREAS.iter().map(|code| code.parse().unwrap()).collect();
    let areas = vec![("E07000001".parse().unwrap(), all)];
    TableSpec { areas: Arc::new(AreaSet { area_type: AreaType::District, areas }), ..of }
}

impl Case {
    fn new(records: Vec<Record>, tables: Vec<TableSpec>) -> Self {
        let request = GroupRequest {
            group: "test".parse().unwrap(),
            revision: Digest([0; 32]),
            dataset: "org.data".parse().unwrap(),
            exposure: Exposure::Controlled,
            contributors: Contributors::Linked,
            partner: None,
            sensitive: BTreeSet::new(),
            known_upper: BTreeMap::new(),
            parts: BTreeMap::new(),
            decimals: BTreeSet::new(),
            reporting: Vec::new(),
            classifications: BTreeMap::from([("kind".to_owned(), KINDS.map(str::to_owned).to_vec())]),
            tables,
        };
        Self { records, request, policy: Policy::threshold(5) }
    }

    fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        let mut kinds = crate::facts::Codes::default();
        for kind in KINDS {
            let _ = kinds.number(kind);
        }
        for name in ["one", "two", "three"] {
            facts.partners.number(name);
        }
        let with_kinds = self.request.dimensions() == ["kind"];
        let columns = self.request.measures();
        let mut rows: BTreeMap<(usize, usize, Option<u16>, usize), Vec<i64>> = BTreeMap::new();
        for (area, kind, person, partner, contacts) in &self.records {
            let key = (facts.areas.number(area), if with_kinds { kinds.number(kind) } else { 0 }, *person, *partner);
            let sums = rows.entry(key).or_insert_with(|| vec![0; columns.len()]);
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum += if *column == "count" { 1 } else { *contacts };
            }
        }
        for ((area, kind, person, partner), sums) in rows {
            facts.rows.push(Row {
                area,
                month: month().ordinal(),
                categories: if with_kinds { vec![kind] } else { Vec::new() },
                contributor: person.map(|person| u128::from(person).to_be_bytes()),
                partner: if self.request.partner.is_some() { partner } else { 0 },
                sums: sums.into_iter().map(|sum| (sum, true)).collect(),
            });
        }
        if with_kinds {
            facts.categories.push(kinds);
        }
        facts
    }

    /// What a plan shows of an area: of a measure, in a category or in all.
    #[allow(clippy::disallowed_methods, reason = "the plan was made here")]
    fn shown(&self) -> impl Fn(&str, &str, &str) -> Option<u64> + use<> {
        let limits = Limits::default();
        let truth = tabulate(&self.facts(), &self.request, &limits, &Deadline::new(&limits)).unwrap();
        let past = LedgerState::empty("test".parse().unwrap());
        let plan = plan(&past, &truth, &self.policy, &PlanKey::new([3; 32])).unwrap();
        let entry = AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec());
        let tables = restore(&entry).unwrap();
        move |measure, area, kind| {
            let key = CellKey {
                area_type: AreaType::Lsoa,
                area: area.parse().unwrap(),
                period: PeriodType::Month.containing(month()),
                sex: Sex::All,
                age: AgeBand::All,
                breakdown: (kind != "all")
                    .then(|| Breakdown { dimension: "kind".to_owned(), category: kind.to_owned() }),
            };
            let cell = tables.get().cell(&CellId { measure: measure.parse().unwrap(), key });
            cell.and_then(Cell::value)
        }
    }
}

fn plain(records: Vec<Record>) -> Case {
    Case::new(records, vec![table("count", &[], &[]), district(table("count", &[], &[]))])
}

#[test]
fn six_records_of_one_person_pass_a_threshold_of_five_and_are_withheld() {
    let six = |person: &dyn Fn(u16) -> Option<u16>| -> Vec<Record> {
        (0..6).map(|n| (AREAS[0], "minor", person(n), 0, 1)).chain(elsewhere()).collect()
    };
    let shown = |records| plain(records).shown()("test|count", AREAS[0], "all");
    assert_eq!(shown(six(&|_| Some(1))), None);
    assert_eq!(shown(six(&|n| Some(n.min(3)))), None, "four people");
    assert_eq!(shown(six(&Some)), Some(6), "six people");
    assert_eq!(shown(six(&|_| None)), None, "nobody known, who may be one");
    // Where nobody is told apart at all, each row is somebody's.
    let mut rows = plain(six(&|_| None));
    rows.request.contributors = Contributors::Rows;
    assert_eq!(rows.shown()("test|count", AREAS[0], "all"), Some(6));
}

#[test]
fn what_differs_by_one_persons_records_is_not_shown_together() {
    // Minor and all differ by six severe records, of one person or of six.
    for (people, together) in [(1, false), (6, true)] {
        let severe = (0..6).map(|n| (AREAS[0], "severe", Some(n % people), 0, 1));
        let records = [people_of(AREAS[0]), severe.collect(), elsewhere()].concat();
        let tables =
            vec![table("count", &[], &[]), table("count", &["minor"], &[]), district(table("count", &[], &[]))];
        let shown = Case::new(records, tables).shown();
        let both =
            shown("test|count", AREAS[0], "all").is_some() && shown("test|count|minor", AREAS[0], "all").is_some();
        assert_eq!(both, together, "{people}");
    }
}

fn people_of(area: &'static str) -> Vec<Record> {
    people(area, "minor", 10, 15)
}

#[test]
fn a_figure_that_one_contributor_makes_up_is_withheld() {
    let with = |contacts: &[i64]| -> Vec<Record> {
        let first = (0..).zip(contacts).map(|(person, contacts)| (AREAS[0], "minor", Some(person), 0, *contacts));
        first.chain(elsewhere()).collect()
    };
    let shown = |contacts: &[i64], dominance| {
        let tables = vec![table("contacts", &[], &[]), district(table("contacts", &[], &[]))];
        let mut case = Case::new(with(contacts), tables);
        case.policy.dominance = dominance;
        case.shown()("test|contacts", AREAS[0], "all")
    };
    let largest = Dominance { largest: Some(Share { contributors: 1, percent: 70 }), ..Dominance::NONE };
    let p_percent = Dominance { p_percent: Some(10), ..Dominance::NONE };
    let one_large = [80, 10, 3, 3, 2, 2];
    assert_eq!(shown(&one_large, Dominance::NONE), Some(100), "six people");
    assert_eq!(shown(&one_large, largest), None);
    assert_eq!(shown(&[20, 20, 20, 20, 10, 10], largest), Some(100));
    assert_eq!(shown(&[80, 14, 2, 2, 1, 1], p_percent), None, "the second largest knows all but 6 of 86");
    assert_eq!(shown(&one_large, p_percent), Some(100));
}

#[test]
fn no_area_is_shown_to_be_all_of_one_sensitive_kind() {
    let records = [people(AREAS[0], "severe", 0, 12), elsewhere()].concat();
    let tables = || vec![table("count", &[], &["kind"]), district(table("count", &[], &["kind"]))];
    let mut case = Case::new(records.clone(), tables());
    let value = |case: &Case, kind: &str| case.shown()("test|count", AREAS[0], kind);
    assert_eq!((value(&case, "all"), value(&case, "severe")), (Some(12), Some(12)), "not sensitive");
    case.request.sensitive.insert("kind".to_owned());
    let known = (value(&case, "all"), value(&case, "severe"));
    assert!(known.0.is_none() || known.1.is_none(), "{known:?}");
    // Nor by an indicator that is filtered to the kind, beside one of all kinds.
    let tables = vec![table("count", &[], &[]), table("count", &["severe"], &[]), district(table("count", &[], &[]))];
    let mut case = Case::new(records, tables);
    case.request.sensitive.insert("kind".to_owned());
    let shown = case.shown();
    let known = (shown("test|count", AREAS[0], "all"), shown("test|count|severe", AREAS[0], "all"));
    assert!(known.0.is_none() || known.1.is_none(), "{known:?}");
}

#[test]
fn nearly_all_of_a_population_are_not_shown_to_be_counted() {
    let records = [people(AREAS[0], "severe", 0, 12), elsewhere()].concat();
    let mut case = plain(records);
    case.request.sensitive.insert("count".to_owned());
    let id = |area: &str| {
        let key = CellKey {
            area_type: AreaType::Lsoa,
            area: area.parse().unwrap(),
            period: PeriodType::Month.containing(month()),
            sex: Sex::All,
            age: AgeBand::All,
            breakdown: None,
        };
        CellId { measure: "test|count".parse().unwrap(), key }
    };
    let value = |case: &Case| case.shown()("test|count", AREAS[0], "all");
    assert_eq!(value(&case), Some(12));
    case.request.known_upper.insert(id(AREAS[0]), 40);
    assert_eq!(value(&case), Some(12), "12 of 40");
    case.request.known_upper.insert(id(AREAS[0]), 14);
    assert_eq!(value(&case), None, "12 of 14");
    // A figure of residents lags: more than there are is everybody.
    case.request.known_upper.insert(id(AREAS[0]), 11);
    assert_eq!(value(&case), None, "12 of 11");
}

#[test]
fn a_partner_that_knows_its_rows_is_not_left_with_few_others() {
    // 12 people, 10 of them referred by the first partner.
    let own = (0..12_u16).map(|n| (AREAS[0], "minor", Some(n), usize::from(n >= 10), 1));
    let mut case = plain(own.chain(elsewhere()).collect());
    let value = |case: &Case| case.shown()("test|count", AREAS[0], "all");
    assert_eq!(value(&case), Some(12), "of one partner nothing is told apart");
    case.request.partner = Some("referrer".to_owned());
    assert_eq!(value(&case), None);
    case.policy.own_rows = false;
    assert_eq!(value(&case), Some(12));
    case.policy.dominance = Dominance { partner_p_percent: Some(10), ..Dominance::NONE };
    assert_eq!(value(&case), None, "the second of two partners knows the first's");
}

#[test]
fn who_knows_their_own_records_counts() {
    // One record is hidden by eleven, seven of which are one person's: to them, no more than five others are behind both.
    let second = (0..11_u16).map(|n| (AREAS[1], "minor", Some(50 + n.saturating_sub(6)), 0, 1));
    let records = [people_in(AREAS[0], 1), second.collect(), people_in(AREAS[2], 30), people_in(AREAS[3], 30)].concat();
    let withheld = |case: &Case| {
        let shown = case.shown();
        AREAS.iter().filter(|area| shown("test|count", area, "all").is_none()).copied().collect::<Vec<_>>()
    };
    let mut case = plain(records);
    case.policy.own_records = false;
    assert_eq!(withheld(&case), AREAS[..2]);
    case.policy.own_records = true;
    let with = withheld(&case);
    assert!(with.len() > 1 && with != AREAS[..2], "{with:?}");
}

fn people_in(area: &'static str, number: u16) -> Vec<Record> {
    people(area, "minor", 1000 + 100 * area.as_bytes()[8] as u16, number)
}

#[test]
fn too_much_is_refused_with_the_setting_that_limits_it() {
    let case = plain(elsewhere());
    let refused = |limits: &Limits| {
        tabulate(&case.facts(), &case.request, limits, &Deadline::new(limits)).unwrap_err().to_string()
    };
    assert!(refused(&Limits { max_atoms: 3, ..Limits::default() }).contains("`limits.max_atoms`"));
}
