//! Tables against a naive one: every cell looked for among all records.

use model::{AreaType, PeriodType};
use proptest::prelude::*;

use super::*;
use crate::query::tests::{AREAS, KINDS, Record, dataset, first_month, limits, record_key, records, run, stored};

/// The first three areas by themselves or two together; the first and the third month; two categories and the total.
fn request(together: bool) -> CountRequest {
    let codes =
        |range: std::ops::Range<usize>| AREAS[range].iter().map(|code| code.parse().unwrap()).collect::<Vec<_>>();
    let areas = if together {
        vec![("E02000001".parse().unwrap(), codes(0..2)), ("E02000002".parse().unwrap(), codes(2..3))]
    } else {
        codes(0..3).into_iter().map(|code: model::AreaCode| (code.clone(), vec![code])).collect()
    };
    let month = |after: i32| PeriodType::Month.containing(Month::from_ordinal(first_month() + after).unwrap());
    CountRequest {
        release: ("org.data".parse().unwrap(), Digest([0; 32])),
        dataset: dataset(),
        areas: Arc::new(AreaSet { area_type: AreaType::Lsoa, areas }),
        periods: vec![month(0), month(2)],
        by: vec![Dimension {
            name: "kind".to_owned(),
            categories: KINDS[..2].iter().map(|k| (*k).to_owned()).collect(),
        }],
        of: Of::Rows,
        sum: None,
    }
}

/// Counts and sums of keys of the records of each cell; of a list of keys that `once` makes of theirs.
fn naive(request: &CountRequest, files: &[Vec<Record>], once: impl Fn(Vec<u64>) -> Vec<u64>) -> (Vec<u64>, Vec<u64>) {
    let (mut counts, mut keys) = (Vec::new(), Vec::new());
    let categories = if request.by.is_empty() { &[None][..] } else { &[Some(0), Some(1), None] };
    for (_, atoms) in &request.areas.areas {
        for period in &request.periods {
            for category in categories.iter().copied() {
                let inside = |record: &&Record| {
                    atoms.iter().any(|atom| atom.as_str() == AREAS[record.0])
                        && period.contains(Month::from_ordinal(first_month() + record.1).unwrap())
                        && (category.is_none() || record.2 == category)
                };
                let found = once(files.iter().flatten().filter(inside).map(record_key).collect());
                counts.push(found.len() as u64);
                keys.push(found.into_iter().fold(0, u64::wrapping_add));
            }
        }
    }
    (counts, keys)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn cells_and_totals_are_what_a_naive_table_says(
        files in prop::collection::vec(records(), 0..3),
        together in any::<bool>(),
        threads in 1..3_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let tables: Vec<StoredTable> =
            (0..).zip(&files).map(|(number, records)| stored(folder.path(), number, records)).collect();
        let request = request(together);
        let limits = limits(threads);
        let hot = Arc::new(Hot::new(1 << 20));
        let (counts, keys) = naive(&request, &files, |keys| keys);
        prop_assert_eq!(counts.len(), request.sizes().iter().product::<usize>());
        for _ in 0..2 {
            let session = request.open(&hot, &tables, &limits).unwrap();
            let counted = run(request.count(session, &Deadline::new(&limits))).unwrap();
            prop_assert_eq!((&counted.counts, counted.keys.as_ref()), (&counts, Some(&keys)));
        }
        let request = CountRequest { of: Of::OpenRows, ..request };
        let session = request.open(&hot, &tables, &limits).unwrap();
        let counted = run(request.count(session, &Deadline::new(&limits))).unwrap();
        prop_assert_eq!((counted.counts, counted.keys), (counts, None));
        // Few keys among many records: the same person in several cells, months and files.
        let request = CountRequest { of: Of::People, ..request };
        let (counts, keys) = naive(&request, &files, |keys| Vec::from_iter(std::collections::BTreeSet::from_iter(keys)));
        let session = request.open(&hot, &tables, &limits).unwrap();
        let counted = run(request.count(session, &Deadline::new(&limits))).unwrap();
        prop_assert_eq!((counted.counts, counted.keys), (counts, Some(keys)));
        // Without dimensions nobody is in two groups of a cell, unless areas or periods are put together.
        let request = CountRequest { by: Vec::new(), ..request };
        prop_assert_eq!(request.has_everybody_once(), !together);
        let (counts, keys) = naive(&request, &files, |keys| Vec::from_iter(std::collections::BTreeSet::from_iter(keys)));
        let session = request.open(&hot, &tables, &limits).unwrap();
        let counted = run(request.count(session, &Deadline::new(&limits))).unwrap();
        prop_assert_eq!((counted.counts, counted.keys), (counts, Some(keys)));
    }
}

/// Of each contributor of a cell or total, all that they have there, and no more than the most.
fn naive_sums(request: &CountRequest, files: &[Vec<Record>], most: u64) -> Vec<u64> {
    let mut sums = Vec::new();
    for (_, atoms) in &request.areas.areas {
        for period in &request.periods {
            for category in [Some(0), Some(1), None] {
                let mut parts: BTreeMap<u64, u64> = BTreeMap::new();
                for record in files.iter().flatten() {
                    let is_in = atoms.iter().any(|atom| atom.as_str() == AREAS[record.0])
                        && period.contains(Month::from_ordinal(first_month() + record.1).unwrap())
                        && (category.is_none() || record.2 == category);
                    let amount = u64::try_from(record.4.unwrap_or(0)).unwrap();
                    *parts.entry(record_key(record)).or_default() += if is_in { amount } else { 0 };
                }
                sums.push(parts.into_values().map(|part| part.min(most)).sum());
            }
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn sums_are_what_a_naive_table_says(
        files in prop::collection::vec(records(), 0..3),
        (together, people) in any::<(bool, bool)>(),
        most in 1..12_u64,
        threads in 1..3_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let tables: Vec<StoredTable> =
            (0..).zip(&files).map(|(number, records)| stored(folder.path(), number, records)).collect();
        let of = if people { Of::People } else { Of::Rows };
        let sum = SumOf { column: "contacts".to_owned(), most };
        let request = CountRequest { of, ..request(together) };
        let limits = limits(threads);
        let hot = Arc::new(Hot::new(1 << 20));
        let session = request.open_sums(&sum, (&hot, &tables), &limits).unwrap();
        let sums = run(request.add_up(&sum, session, &Deadline::new(&limits))).unwrap();
        prop_assert_eq!(sums, naive_sums(&request, &files, most));
    }
}

#[test]
fn a_row_in_two_cells_and_too_many_cells_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let tables = [stored(folder.path(), 1, &[(0, 0, Some(0), None, None, None)])];
    let hot = Arc::new(Hot::new(1 << 20));
    let limits = limits(1);
    let count = |request: &CountRequest| {
        let session = request.open(&hot, &tables, &limits).unwrap();
        run(request.count(session, &Deadline::new(&limits)))
    };
    let mut twice = request(false);
    twice.by[0].categories.push("minor".to_owned());
    assert!(count(&twice).err().unwrap().to_string().contains("in two categories"));
    let mut twice = request(true);
    twice.areas = Arc::new(AreaSet {
        areas: twice.areas.areas.iter().map(|(code, _)| (code.clone(), vec![AREAS[0].parse().unwrap()])).collect(),
        ..(*twice.areas).clone()
    });
    assert!(count(&twice).err().unwrap().to_string().contains("part of two areas"));
    let mut twice = request(false);
    twice.periods.push(PeriodType::Quarter.containing(Month::from_ordinal(first_month()).unwrap()));
    assert!(matches!(twice.check(&limits), Err(EngineError::Overlapping { .. })));
    let small = Limits { max_cells: 17, ..limits.clone() };
    let error = request(false).check(&small).unwrap_err();
    assert!(matches!(error, EngineError::TooLarge { needed: 18, limit: 17, .. }), "{error}");
    request(false).check(&Limits { max_cells: 18, ..small }).unwrap();
    assert_eq!(count(&request(false)).unwrap().unreleased(&request(false)).unwrap().cells(), 18);
}
