//! People known to several services, against a naive count.

use std::collections::BTreeMap;

use model::{AreaType, PeriodType};
use proptest::prelude::*;

use super::*;
use crate::query::tests::{AREAS, Record, dataset, first_month, limits, run, stored};

fn code(text: &str) -> AreaCode {
    text.parse().unwrap()
}

/// Each of the first four areas by itself, and the first two and the next two together; the first month, and the second.
fn request() -> LinkRequest {
    let single = AREAS[..4].iter().map(|area| (code(area), vec![code(area)])).collect();
    let pairs = vec![
        (code("E02000001"), AREAS[..2].iter().map(|area| code(area)).collect()),
        (code("E02000002"), AREAS[2..4].iter().map(|area| code(area)).collect()),
    ];
    let month = |after: i32| PeriodType::Month.containing(Month::from_ordinal(first_month() + after).unwrap());
    LinkRequest {
        release: ("org.links".parse().unwrap(), Digest([0; 32])),
        services: ("services".to_owned(), ["1", "2", "3+"].map(str::to_owned).to_vec()),
        areas: vec![
            Arc::new(AreaSet { area_type: AreaType::Lsoa, areas: single }),
            Arc::new(AreaSet { area_type: AreaType::Msoa, areas: pairs }),
        ],
        everywhere: AREAS.iter().map(|area| code(area)).collect(),
        periods: vec![month(0), month(1)],
    }
}

fn counted(request: &LinkRequest, services: &[Vec<Vec<Record>>], threads: usize) -> Vec<Vec<u64>> {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    let mut linked = Vec::new();
    for files in services {
        let mut tables = Vec::new();
        for records in files {
            number += 1;
            tables.push(stored(folder.path(), number, records));
        }
        linked.push(LinkedDataset { dataset: dataset(), link: "nhs_number".to_owned(), tables });
    }
    let limits = limits(threads);
    let hot = Arc::new(Hot::new(1 << 20));
    let joined = run(Joined::read(&hot, &linked, request, (&limits, &Deadline::new(&limits)))).unwrap();
    joined.tables().unwrap().into_iter().map(|table| table.counts).collect()
}

/// Somebody's area and number of services, by looking at everything.
fn naive(request: &LinkRequest, services: &[Vec<Vec<Record>>]) -> Vec<Vec<u64>> {
    let mut tables = Vec::new();
    for set in &request.areas {
        let mut counts = vec![0; set.areas.len() * 2 * 4];
        for (period, month) in (0..2).enumerate() {
            for who in 0..=u8::MAX {
                let mut known = 0;
                let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
                for files in services {
                    let own = || files.iter().flatten().filter(|record| record.3 == Some(who) && record.1 == month);
                    known += usize::from(own().next().is_some());
                    own().for_each(|record| *rows.entry(AREAS[record.0]).or_default() += 1);
                }
                let most = rows.values().max().copied();
                let Some((area, _)) = rows.iter().find(|(_, rows)| Some(**rows) == most) else { continue };
                let Some(place) = set.areas.iter().position(|(_, atoms)| atoms.contains(&code(area))) else { continue };
                counts[(place * 2 + period) * 4 + known.min(3) - 1] += 1;
                counts[(place * 2 + period) * 4 + 3] += 1;
            }
        }
        tables.push(counts);
    }
    tables
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (0..5_usize, 0..3_i32, prop::option::weighted(0.9, 0..12_u8));
    prop::collection::vec(record.prop_map(|(area, month, who)| (area, month, None, who, None, None)), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn everybody_is_counted_once_where_most_of_their_records_are(
        services in prop::collection::vec(prop::collection::vec(records(), 0..3), 2..6),
        threads in 1..3_usize,
    ) {
        let request = request();
        prop_assert_eq!(counted(&request, &services, threads), naive(&request, &services));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// What the noise is made for: whatever becomes of all the records of one person, at most two counts of a table move, by one.
    #[test]
    fn one_person_moves_two_figures_of_a_table_and_period_by_one(
        services in prop::collection::vec(prop::collection::vec(records(), 1..3), 2..5),
        (who, service, others) in (0..12_u8, 0..5_usize, records()),
    ) {
        let request = request();
        let mut without = services.clone();
        without.iter_mut().flatten().for_each(|file| file.retain(|record| record.3 != Some(who)));
        let place = service % without.len();
        without[place].push(others.into_iter().map(|record| (record.0, record.1, None, Some(who), None, None)).collect());
        for (one, other) in counted(&request, &services, 1).iter().zip(counted(&request, &without, 1)) {
            for period in 0..2 {
                let moved = one.iter().zip(&other).enumerate();
                // The fourth of each row is for all, which is not published by itself.
                let moved = moved.filter(|(place, _)| place / 4 % 2 == period && place % 4 != 3);
                let moved: Vec<u64> = moved.map(|(_, (one, other))| one.abs_diff(*other)).filter(|by| *by > 0).collect();
                prop_assert!(moved.len() <= 2 && moved.iter().all(|by| *by == 1), "{:?}", moved);
            }
        }
    }
}

#[test]
fn whoever_has_no_identifier_or_no_place_is_not_counted() {
    let row = |area, who| (area, 0, None, who, None, None);
    // The fifth area is in no table.
    let services =
        [vec![vec![row(0, None), row(4, Some(1)), row(0, Some(2))]], vec![vec![row(0, None), row(0, Some(2))]]];
    let tables = counted(&request(), &services, 1);
    assert_eq!(tables[0].iter().sum::<u64>(), 2, "one person, and once among all");
    assert_eq!((tables[0][1], tables[0][3], tables[1][1]), (1, 1, 1));
}

/// With other tables beside it, or alone, and of areas that are only a part of all, a table has the same counts: equal noise on others would
/// tell the difference exactly.
#[test]
fn a_table_does_not_depend_on_which_are_counted_with_it() {
    // Three records outside the second table's areas and one inside.
    let row = |area, who| (area, 0, None, Some(who), None, None);
    let services =
        [vec![vec![row(3, 1), row(3, 1), row(3, 1), row(0, 1), row(0, 2)]], vec![vec![row(3, 1), row(0, 2)]]];
    let whole = request();
    let part =
        Arc::new(AreaSet { area_type: AreaType::Neighbourhood, areas: vec![(code("NBH-01"), vec![code(AREAS[0])])] });
    let both = LinkRequest { areas: [whole.areas.clone(), vec![Arc::clone(&part)]].concat(), ..whole.clone() };
    let alone = LinkRequest { areas: vec![part], ..whole };
    let (together, alone) = (counted(&both, &services, 1), counted(&alone, &services, 1));
    assert_eq!(together[2], alone[0]);
    assert_eq!(alone[0][3], 1, "the one who is elsewhere mostly is not here");
}

#[test]
fn limits_and_overlaps_are_errors() {
    let row = |who| (0, 0, None, Some(who), None, None);
    let folder = tempfile::tempdir().unwrap();
    let tables = vec![stored(folder.path(), 1, &[row(1), row(2), row(3)])];
    let linked = [LinkedDataset { dataset: dataset(), link: "nhs_number".to_owned(), tables }];
    let hot = Arc::new(Hot::new(1 << 20));
    let read = |request: &LinkRequest, limits: &Limits| {
        run(Joined::read(&hot, &linked, request, (limits, &Deadline::new(limits)))).map(drop).map_err(|e| e.to_string())
    };
    let few = Limits { max_contributions: 2, ..limits(1) };
    assert!(read(&request(), &few).unwrap_err().contains("limits.max_contributions"));
    read(&request(), &Limits { max_contributions: 3, ..limits(1) }).unwrap();
    let mut twice = request();
    twice.periods.push(PeriodType::Quarter.containing(Month::from_ordinal(first_month()).unwrap()));
    assert!(read(&twice, &limits(1)).unwrap_err().contains("overlap"));
    let mut twice = request();
    twice.areas.push(Arc::new(AreaSet {
        area_type: AreaType::Ward,
        areas: vec![(code("E05000001"), vec![code(AREAS[0])]), (code("E05000002"), vec![code(AREAS[0])])],
    }));
    let limits = limits(1);
    let joined = run(Joined::read(&hot, &linked, &twice, (&limits, &Deadline::new(&limits)))).unwrap();
    assert!(joined.count().unwrap_err().to_string().contains("part of two areas"));
}
