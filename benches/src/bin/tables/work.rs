//! What is measured.

use std::path::Path;

use anyhow::Context as _;
use commonground_benches::{peak_memory, timed};
use crosstab::{Block, Codes, Dense, Shape, Sparse, add_totals, small_cells, tabulate};
use disclosure::{Noise, NoiseTable};
use serde_json::{Value, json};

use crate::columns::{column, narrow_column};

pub(crate) const TIMES: usize = 5;
/// The threshold of the primary flags.
const K: u32 = 5;

fn never() -> bool {
    false
}

pub(crate) fn report(work: &str, seconds: &[f64], before: u64, found: Value) -> Value {
    let median = seconds.get(seconds.len() / 2);
    json!({ "work": work, "seconds": seconds, "median": median, "rows_bytes": before, "peak_bytes": peak_memory(), "found": found })
}

/// People by area, sex, age and ethnicity: counts with primary flags.
pub(crate) fn people(folder: &Path, threads: usize) -> anyhow::Result<Value> {
    let area = column(folder, "area.u16", u16::from_le_bytes)?;
    let [sex, age, ethnicity] = ["sex.u8", "age.u8", "ethnicity.u8"].map(|name| narrow_column(folder, name));
    let (sex, age, ethnicity) = (sex?, age?, ethnicity?);
    let before = peak_memory();
    let axes = vec![Codes::U16(&area), Codes::U8(&sex), Codes::U8(&age), Codes::U8(&ethnicity)];
    let block = Block { rows: area.len(), axes, measures: Vec::new(), keys: None };
    let (seconds, last) = timed(TIMES, || {
        let shape = Shape::new(vec![33_755, 2, 18, 5], u64::from(u32::MAX))?;
        let parts = (0..threads).map(|_| Dense::new(shape.clone(), 0, false)).collect::<Result<_, _>>()?;
        let table = tabulate(std::slice::from_ref(&block), parts, &never)?.context("no thread")?;
        let small = small_cells(table.rows(), K);
        Ok((table, small))
    })?;
    let (table, small) = last.context("nothing was measured")?;
    let found = json!({
        "cells": table.rows().iter().filter(|rows| **rows > 0).count(),
        "small": small.count(),
        "squares": table.rows().iter().map(|rows| u64::from(*rows).pow(2)).sum::<u64>(),
    });
    Ok(report("people", &seconds, before, found))
}

/// Distinct contributors by area and month.
pub(crate) fn distinct(folder: &Path, threads: usize) -> anyhow::Result<Value> {
    let area = column(folder, "area.u16", u16::from_le_bytes)?;
    let month = narrow_column(folder, "month.u8")?;
    let who = column(folder, "who.u32", u32::from_le_bytes)?;
    let before = peak_memory();
    let axes = vec![Codes::U16(&area), Codes::U8(&month), Codes::U32(&who)];
    let block = Block { rows: area.len(), axes, measures: Vec::new(), keys: None };
    let people = 3_000_000;
    let (seconds, last) = timed(TIMES, || {
        let shape = Shape::new(vec![33_755, 12, people], u64::MAX - 1)?;
        let parts = vec![Sparse::new(shape, 0, false); threads];
        let table = tabulate(std::slice::from_ref(&block), parts, &never)?.context("no thread")?;
        Ok(table.distinct(threads, 1 << 20, &never)?)
    })?;
    let table = last.context("nothing was measured")?;
    let found = json!({
        "cells": table.iter().filter(|count| **count > 0).count(),
        "squares": table.iter().map(|count| u64::from(*count).pow(2)).sum::<u64>(),
    });
    Ok(report("distinct", &seconds, before, found))
}

/// The cell-key method over three dimensions and all their totals: counts, keys, and the published counts.
pub(crate) fn keys(folder: &Path) -> anyhow::Result<Value> {
    let [one, two, three] = ["one.u8", "two.u8", "three.u8"].map(|name| narrow_column(folder, name));
    let (one, two, three) = (one?, two?, three?);
    let keys = column(folder, "key.u64", u64::from_le_bytes)?;
    let before = peak_memory();
    let axes = vec![Codes::U8(&one), Codes::U8(&two), Codes::U8(&three)];
    let block = Block { rows: keys.len(), axes, measures: Vec::new(), keys: Some(&keys) };
    let noise = NoiseTable::solve(&Noise::new(5, 3.0, 2, 0.3)?)?;
    let (seconds, last) = timed(TIMES, || {
        // The last place of each axis is for its total.
        let sizes = [67_usize, 27, 18];
        let mut table = Dense::new(Shape::new(vec![67, 27, 18], 1 << 20)?, 0, true)?;
        table.add(&block)?;
        let mut counts: Vec<u64> = table.rows().iter().map(|rows| u64::from(*rows)).collect();
        let mut keys = table.keys().to_vec();
        add_totals(&mut counts, &sizes, 0..3, u64::wrapping_add);
        add_totals(&mut keys, &sizes, 0..3, u64::wrapping_add);
        let published: Vec<u64> = counts.iter().zip(&keys).map(|(count, key)| noise.published(*count, *key)).collect();
        Ok((counts, published))
    })?;
    let (counts, published) = last.context("nothing was measured")?;
    let moved = counts.iter().zip(&published).filter(|(count, published)| count != published).count();
    Ok(report("keys", &seconds, before, json!({ "cells": published.len(), "moved": moved })))
}
