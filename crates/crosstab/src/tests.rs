//! Every table against a naive one: a map from combinations of codes to what its rows add up to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cell {
    rows: u32,
    sums: Vec<i64>,
    unknown: Vec<u32>,
    key: u64,
}

/// Rows as a user would write them down.
#[derive(Debug, Clone)]
struct Rows {
    sizes: Vec<u32>,
    codes: Vec<Vec<u32>>,
    amounts: Vec<Vec<Option<i64>>>,
    keys: Option<Vec<u64>>,
}

impl Rows {
    fn len(&self) -> usize {
        self.codes[0].len()
    }

    fn naive(&self) -> BTreeMap<Vec<u32>, Cell> {
        let mut cells: BTreeMap<Vec<u32>, Cell> = BTreeMap::new();
        for row in 0..self.len() {
            let cell = cells.entry(self.codes.iter().map(|axis| axis[row]).collect()).or_default();
            cell.rows += 1;
            cell.sums.resize(self.amounts.len(), 0);
            cell.unknown.resize(self.amounts.len(), 0);
            for (measure, amounts) in self.amounts.iter().enumerate() {
                cell.sums[measure] += amounts[row].unwrap_or(0);
                cell.unknown[measure] += u32::from(amounts[row].is_none());
            }
            cell.key = cell.key.wrapping_add(self.keys.as_ref().map_or(0, |keys| keys[row]));
        }
        cells
    }
}

/// The same rows in columns, each axis as narrow as it may be.
struct Columns {
    narrow: Vec<Vec<u8>>,
    middle: Vec<Vec<u16>>,
    amounts: Vec<Vec<i64>>,
    known: Vec<Vec<bool>>,
}

impl Columns {
    fn new(rows: &Rows) -> Self {
        let narrow = rows.codes.iter().map(|axis| axis.iter().map(|code| *code as u8).collect()).collect();
        let middle = rows.codes.iter().map(|axis| axis.iter().map(|code| *code as u16).collect()).collect();
        // What is not known must not be read.
        let amounts =
            rows.amounts.iter().map(|of| of.iter().map(|amount| amount.unwrap_or(i64::MAX)).collect()).collect();
        let known = rows.amounts.iter().map(|of| of.iter().map(Option::is_some).collect()).collect();
        Self { narrow, middle, amounts, known }
    }

    fn block<'a>(&'a self, rows: &'a Rows) -> Block<'a> {
        let axes = (0..rows.sizes.len()).map(|axis| match axis % 3 {
            0 => Codes::U16(&self.middle[axis]),
            1 => Codes::U8(&self.narrow[axis]),
            _ => Codes::U32(&rows.codes[axis]),
        });
        let measures = self
            .amounts
            .iter()
            .zip(&self.known)
            .map(|(amounts, known)| Amounts { amounts, known: known.contains(&false).then_some(known.as_slice()) });
        Block { rows: rows.len(), axes: axes.collect(), measures: measures.collect(), keys: rows.keys.as_deref() }
    }
}

fn rows() -> impl Strategy<Value = Rows> {
    (prop::collection::vec(1_u32..=7, 1..=4), 0..3_usize, any::<bool>(), any::<bool>(), 0..200_usize).prop_flat_map(
        |(sizes, measures, keyed, sorted, rows)| {
            let codes: Vec<_> = sizes.iter().map(|size| prop::collection::vec(0..*size, rows)).collect();
            let amount = prop_oneof![8 => (-50_i64..50).prop_map(Some), 1 => Just(None)];
            let amounts = prop::collection::vec(prop::collection::vec(amount, rows), measures);
            let keys = prop::collection::vec(any::<u64>(), rows);
            (Just(sizes), codes, amounts, keys).prop_map(move |(sizes, mut codes, amounts, keys)| {
                if sorted {
                    codes[0].sort_unstable();
                }
                Rows { sizes, codes, amounts, keys: keyed.then_some(keys) }
            })
        },
    )
}

/// What a dense table says, without its empty cells.
fn of_dense(table: &Dense) -> BTreeMap<Vec<u32>, Cell> {
    let mut cells = BTreeMap::new();
    let mut codes = Vec::new();
    for (cell, rows) in table.rows().iter().enumerate() {
        let sums = table.sums().iter().map(|sums| sums.amounts[cell]).collect::<Vec<_>>();
        let unknown = table.sums().iter().map(|sums| sums.unknown.get(cell).copied().unwrap_or(0)).collect::<Vec<_>>();
        let key = table.keys().get(cell).copied().unwrap_or(0);
        if *rows == 0 {
            assert!(key == 0 && sums.iter().all(|sum| *sum == 0) && unknown.iter().all(|unknown| *unknown == 0));
            continue;
        }
        table.shape().codes(cell as u64, &mut codes);
        assert_eq!(table.shape().cell(&codes), Some(cell as u64));
        cells.insert(codes.clone(), Cell { rows: *rows, sums, unknown, key });
    }
    cells
}

fn of_sparse(table: &SparseTable, measures: usize) -> BTreeMap<Vec<u32>, Cell> {
    let mut cells = BTreeMap::new();
    let (mut codes, mut last) = (Vec::new(), None);
    for run in table.runs() {
        let columns = table.shape().columns(run.cells());
        for (at, cell) in run.cells().iter().enumerate() {
            assert!(last.replace(*cell).is_none_or(|last| last < *cell));
            table.shape().codes(*cell, &mut codes);
            assert_eq!(codes, columns.iter().map(|column| column[at]).collect::<Vec<_>>());
            let facts = Cell {
                rows: run.rows()[at],
                sums: (0..measures).map(|measure| run.sums(measure)[at]).collect(),
                unknown: (0..measures).map(|measure| run.unknown(measure).get(at).copied().unwrap_or(0)).collect(),
                key: run.keys().get(at).copied().unwrap_or(0),
            };
            cells.insert(codes.clone(), facts);
        }
    }
    cells
}

fn shape_of(sizes: Vec<u32>) -> Shape {
    Shape::new(sizes, u64::MAX - 1).unwrap()
}

fn never() -> bool {
    false
}

proptest! {
    #[test]
    fn tables_are_what_a_naive_one_says_on_any_number_of_threads(rows in rows(), threads in 1..5_usize, cut in 0..200_usize, only_first in any::<bool>()) {
        let columns = Columns::new(&rows);
        let block = columns.block(&rows);
        let blocks = [block.slice(0, cut), block.slice(cut, rows.len().max(cut))];
        let shape = Shape::new(rows.sizes.clone(), 10_000).unwrap();
        let measures = rows.amounts.len();
        let expect = rows.naive();
        let dense = Dense::new(shape.clone(), measures, rows.keys.is_some()).unwrap();
        let dense = tabulate(&blocks, vec![dense; threads], &never).unwrap().unwrap();
        prop_assert_eq!(&of_dense(&dense), &expect);
        let sparse = Sparse::new(shape, measures, rows.keys.is_some());
        let sparse = tabulate(&blocks, vec![sparse; threads], &never).unwrap().unwrap();
        let distinct = sparse.clone().distinct(threads, 10_000, &never).unwrap();
        // As if each part had been counted before the values of the other were known.
        let longer = |(axis, size): (usize, &u32)| if only_first && axis > 0 { *size } else { size * 3 + 1 };
        let longer = shape_of(rows.sizes.iter().enumerate().map(longer).collect());
        let part = |block: &Block<'_>| {
            let mut dense = Dense::new(shape_of(rows.sizes.clone()), measures, rows.keys.is_some()).unwrap();
            let mut sparse = Sparse::new(shape_of(rows.sizes.clone()), measures, rows.keys.is_some());
            dense.add(block).unwrap();
            sparse.add(block).unwrap();
            let from_dense = Sparse::from(dense.clone()).finish(threads, &never).unwrap();
            assert_eq!(of_sparse(&from_dense, measures), of_dense(&dense));
            assert_eq!(of_sparse(&SparseTable::from(dense.clone()), measures), of_dense(&dense));
            (dense.reshaped(longer.clone()).unwrap(), sparse.reshaped(longer.clone()).unwrap())
        };
        let ((dense_one, sparse_one), (dense_other, sparse_other)) = (part(&blocks[0]), part(&blocks[1]));
        prop_assert_eq!(&of_dense(&dense_one.merge(dense_other).unwrap()), &expect);
        let merged = sparse_one.merge(sparse_other).unwrap().finish(threads, &never).unwrap();
        prop_assert_eq!(&of_sparse(&merged, measures), &expect);
        prop_assert_eq!(&of_sparse(&sparse.finish(threads, &never).unwrap(), measures), &expect);
        let mut last_codes: BTreeMap<&[u32], u32> = BTreeMap::new();
        for codes in expect.keys() {
            *last_codes.entry(codes.split_last().unwrap().1).or_default() += 1;
        }
        let others = Shape::new(rows.sizes.split_last().unwrap().1.to_vec(), 10_000).unwrap();
        prop_assert_eq!(distinct.len() as u64, others.cells());
        prop_assert_eq!(distinct.iter().filter(|count| **count > 0).count(), last_codes.len());
        for (codes, count) in last_codes {
            prop_assert_eq!(distinct[others.cell(codes).unwrap() as usize], count);
        }
        for k in [0, 1, 2, 5] {
            let small = small_cells(dense.rows(), k);
            for (cell, count) in dense.rows().iter().enumerate() {
                prop_assert_eq!(small.contains(cell), *count > 0 && *count < k);
            }
            prop_assert_eq!(small.count(), dense.rows().iter().filter(|n| **n > 0 && **n < k).count() as u64);
            prop_assert!(!small.contains(dense.rows().len()));
        }
    }
}

/// Many rows: more than are counted, sorted or put together at once, over many cells and over two.
#[test]
fn long_columns_in_any_order_give_the_same_table() {
    for sizes in [[300, 50, 20], [1, 2, 1]] {
        long_columns(sizes);
    }
}

fn long_columns(sizes: [u32; 3]) {
    let mut state = 1_u64;
    let mut next = |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u32 % below
    };
    let count = 300_000;
    let mut unsorted: Vec<[u32; 3]> = (0..count).map(|_| sizes.map(&mut next)).collect();
    let of = |rows: &[[u32; 3]]| Rows {
        sizes: sizes.to_vec(),
        codes: (0..3).map(|axis| rows.iter().map(|row| row[axis]).collect()).collect(),
        amounts: vec![rows.iter().map(|row| (row[2] > 3).then_some(i64::from(row[1]))).collect()],
        keys: Some(rows.iter().map(|row| u64::from(row[2]) << 60 | u64::from(row[0])).collect()),
    };
    let tables = |rows: &Rows, threads: usize| {
        let columns = Columns::new(rows);
        let block = columns.block(rows);
        let shape = Shape::new(rows.sizes.clone(), u64::MAX - 1).unwrap();
        let dense = Dense::new(shape.clone(), 1, true).unwrap();
        let dense = tabulate(std::slice::from_ref(&block), vec![dense; threads], &never).unwrap().unwrap();
        let sparse = Sparse::new(shape, 1, true);
        let sparse = tabulate(&[block], vec![sparse; threads], &never).unwrap().unwrap();
        assert!(sparse.bytes() > 0);
        (dense, sparse.finish(threads, &never).unwrap())
    };
    let rows = of(&unsorted);
    let (dense, sparse) = tables(&rows, 1);
    assert_eq!(dense.rows().iter().map(|rows| u64::from(*rows)).sum::<u64>(), count);
    assert_eq!(of_dense(&dense), of_sparse(&sparse, 1));
    unsorted.sort_unstable();
    let sorted = of(&unsorted);
    for threads in 1..=3 {
        for rows in [&rows, &sorted] {
            let (again, sparse_again) = tables(rows, threads);
            assert!(again == dense && sparse_again == sparse, "on {threads} threads");
        }
    }
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let shape = |sizes: &[u32]| Shape::new(sizes.to_vec(), 100).unwrap();
    assert_eq!(Shape::new(vec![u32::MAX; 3], 100), Err(CrosstabError::TooManyCells { cells: u64::MAX, limit: 100 }));
    assert_eq!(Shape::new(vec![u32::MAX, 0, u32::MAX], 100).unwrap().cells(), 0);
    assert_eq!(Shape::new(Vec::new(), 100).unwrap().cells(), 1);
    assert_eq!(shape(&[2, 3]).cell(&[1, 3]), None);
    assert_eq!(shape(&[2, 3]).cell(&[1]), None);
    let codes = [0, 1, 2];
    let block =
        |codes: &'static [u8], rows: usize| Block { rows, axes: vec![Codes::U8(codes)], measures: vec![], keys: None };
    let cases = [
        (block(&[0, 1, 2], 3), "outside its 2 values"),
        (block(&[0, 1], 3), "differ in length"),
        (Block { axes: vec![], ..block(&[0], 1) }, "another number of axes"),
        (Block { keys: Some(&[1]), ..block(&[0], 1) }, "other measures"),
    ];
    for (block, problem) in cases {
        let dense = Dense::new(shape(&[2]), 0, false).unwrap().add(&block).unwrap_err();
        let sparse = Sparse::new(shape(&[2]), 0, false).add(&block).unwrap_err();
        assert_eq!(dense, sparse);
        assert!(dense.to_string().contains(problem), "{dense}");
    }
    // Nothing is in an empty table; no rows fit it.
    Dense::new(shape(&[0]), 0, false).unwrap().add(&block(&[], 0)).unwrap();
    let measures = vec![Amounts { amounts: &[i64::MAX, -1, 0], known: None }];
    let block = Block { rows: 3, axes: vec![Codes::U8(&codes)], measures, keys: None };
    let mut dense = Dense::new(shape(&[3]), 1, false).unwrap();
    assert_eq!(dense.add(&block), Err(CrosstabError::TooMuch { measure: 0 }));
    assert_eq!(Sparse::new(shape(&[3]), 1, false).add(&block), Err(CrosstabError::TooMuch { measure: 0 }));
    let other = Dense::new(shape(&[2]), 0, false).unwrap();
    assert!(matches!(dense.merge(other), Err(CrosstabError::Mismatch { .. })));
}

#[test]
fn it_stops_soon_after_it_is_told_to() {
    let codes = vec![0_u8; 4 << 20];
    let block = Block { rows: codes.len(), axes: vec![Codes::U8(&codes)], measures: vec![], keys: None };
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 2;
    let table = Dense::new(Shape::new(vec![1], 1).unwrap(), 0, false).unwrap();
    assert_eq!(tabulate(&[block], vec![table; 2], &stop), Err(CrosstabError::Stopped));
    assert!(asked.into_inner() <= 4, "each thread stops when it is told to");
    let block = Block { rows: codes.len(), axes: vec![Codes::U8(&codes)], measures: vec![], keys: None };
    let mut sorted = Sparse::new(Shape::new(vec![1], 1).unwrap(), 0, false);
    sorted.add(&block).unwrap();
    assert_eq!(sorted.clone().finish(2, &|| true), Err(CrosstabError::Stopped));
    assert_eq!(sorted.distinct(2, 1, &|| true), Err(CrosstabError::Stopped));
}

#[test]
fn a_total_is_the_sum_of_all_places_of_its_axis() {
    let sizes = [2, 3, 4];
    let finest: Vec<u64> = (1..=24).collect();
    let mut table = finest.clone();
    add_totals(&mut table, &sizes, 1..3, u64::wrapping_add);
    let shape = shape_of(sizes.map(|size| size as u32).to_vec());
    for area in 0..2 {
        for one in 0..3 {
            for other in 0..4 {
                // The last place of an axis stands for all of them.
                let places = |place: u32, size: u32| if place + 1 == size { 0..size } else { place..place + 1 };
                let cell = |codes: [u32; 3]| shape.cell(&codes).unwrap() as usize;
                let expect: u64 = places(one, 3)
                    .flat_map(|one| places(other, 4).map(move |other| (one, other)))
                    .map(|(one, other)| finest[cell([area, one, other])])
                    .sum();
                assert_eq!(table[cell([area, one, other])], expect, "{area} {one} {other}");
            }
        }
    }
    add_totals(&mut [], &[0, 3], 1..2, u64::wrapping_add);
}
