//! How much a group may need before memory is taken for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use disclosure::GroupId;
use model::{AreaCode, Digest, Exposure, PeriodType};

use super::*;
use crate::facts::{Codes, UNKNOWN};
use crate::request::{AreaSet, Contributors, Dimension, MeasureSpec};

/// A table of 2 districts x 3 months by one dimension with so many categories; `column` is its measure.
fn table(column: &str, dimension: &str, categories: usize) -> TableSpec {
    let districts = ["E07000118", "E07000126"].map(|code| code.parse::<AreaCode>().unwrap());
    let months = ["2025-01-01/P1M", "2025-02-01/P1M", "2025-03-01/P1M"];
    TableSpec {
        measure: MeasureSpec { id: column.parse().unwrap(), column: column.to_owned(), filter: BTreeMap::new() },
        areas: Arc::new(AreaSet {
            area_type: AreaType::District,
            areas: districts.map(|code| (code.clone(), vec![code])).into(),
        }),
        period_type: PeriodType::Month,
        periods: months.map(|text| Period::parse(text, PeriodType::Month).unwrap()).into(),
        by: vec![Dimension { name: dimension.to_owned(), categories: names(categories) }],
        asked_by: BTreeSet::new(),
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("c{number}")).collect()
}

fn request(tables: Vec<TableSpec>) -> GroupRequest {
    let group: GroupId = "a.group".parse().unwrap();
    GroupRequest {
        group,
        revision: Digest([0; 32]),
        dataset: "lancashire-fire-and-rescue.incidents".parse().unwrap(),
        exposure: Exposure::Controlled,
        contributors: Contributors::Figures,
        partner: None,
        sensitive: BTreeSet::new(),
        known_upper: BTreeMap::new(),
        parts: BTreeMap::new(),
        decimals: BTreeSet::new(),
        reporting: Vec::new(),
        classifications: BTreeMap::new(),
        tables,
    }
}

/// Tabulates without a row. Every dimension has the values `c0`, `c1` and so on, and "unknown".
fn run(request: &GroupRequest, values: usize, max_atoms: u64) -> Result<Unreleased, EngineError> {
    within(request, values, &Limits { max_atoms, ..Limits::default() })
}

fn within(request: &GroupRequest, values: usize, limits: &Limits) -> Result<Unreleased, EngineError> {
    let codes = || {
        let mut codes = Codes::default();
        for name in names(values) {
            codes.number(&name);
        }
        codes.number(UNKNOWN);
        codes
    };
    let categories = request.dimensions().iter().map(|_| codes()).collect();
    let facts = Facts { categories, ..Facts::default() };
    tabulate(&facts, request, limits, &Deadline::new(limits))
}

fn needed(result: Result<Unreleased, EngineError>) -> (u64, &'static str, &'static str) {
    match result {
        Err(EngineError::TooLarge { needed, unit, setting, .. }) => (needed, unit, setting),
        other => panic!("{:?}", other.err()),
    }
}

#[test]
fn the_limit_on_atoms_is_kept_to_the_last_one() {
    // 2 districts x 3 months x (4 categories and what is in none of them).
    let one = request(vec![table("count", "kind", 4)]);
    assert!(run(&one, 4, 30).is_ok());
    assert_eq!(needed(run(&one, 4, 29)), (30, "atoms", "limits.max_atoms"));
    // Two columns have a space each, and one limit for both.
    let two = request(vec![table("count", "kind", 4), table("casualties", "kind", 4)]);
    assert!(run(&two, 4, 60).is_ok());
    assert_eq!(needed(run(&two, 4, 59)), (60, "atoms", "limits.max_atoms"));
}

/// Each table is small; the space in which they are told apart together is not, and more than can be numbered.
#[test]
fn a_space_beyond_all_memory_is_refused_before_any_is_taken() {
    let dimensions: Vec<String> = (0..12).map(|number| format!("d{number:02}")).collect();
    let tables: Vec<TableSpec> = dimensions.iter().map(|name| table("count", name, 60)).collect();
    let wide = request(tables);
    wide.check(&Limits::default()).unwrap();
    assert_eq!(needed(run(&wide, 60, Limits::default().max_atoms)), (u64::MAX, "atoms", "limits.max_atoms"));
    let five = request(wide.tables[..5].to_vec());
    assert_eq!(needed(run(&five, 60, 1_000_000)).0, 6 * 61_u64.pow(5));
}

/// The query has its own end; what is made of its rows has the same.
#[test]
fn the_limit_on_time_holds_while_cells_are_made() {
    let one = request(vec![table("count", "kind", 4)]);
    let limits = |timeout| Limits { timeout, ..Limits::default() };
    let late = within(&one, 4, &limits(Duration::ZERO));
    assert!(matches!(late, Err(EngineError::TimedOut { seconds: 0 })), "{:?}", late.err());
    assert!(within(&one, 4, &limits(Duration::MAX)).is_ok());
}
