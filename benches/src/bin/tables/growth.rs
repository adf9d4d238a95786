//! What a table costs as rows, cells and measures grow ten times each, as numbers and as a plot.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use commonground_benches::{Numbers, timed};
use crosstab::{Amounts, Block, Codes, Dense, Shape, tabulate};

use crate::work::TIMES;

const FACTORS: [u32; 4] = [1, 2, 5, 10];
const ROWS: u32 = 3_000_000;
const AREAS: u32 = 3_375;

/// Writes the plot, and prints a line for each point.
pub(crate) fn growth(plot: &Path, threads: usize) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for (what, color) in [("rows", "#1d70b8"), ("cells", "#d4351c"), ("measures", "#00703c")] {
        let mut points = Vec::new();
        for factor in FACTORS {
            let by = |name: &str| if name == what { factor } else { 1 };
            let seconds = measure(ROWS * by("rows"), AREAS * by("cells"), by("measures"), threads)?;
            println!("| {factor} times the {what} | {:.1} ms |", seconds * 1000.0);
            points.push((f64::from(factor), seconds));
        }
        lines.push((what, color, points));
    }
    std::fs::write(plot, svg(&lines)?).with_context(|| format!("write {}", plot.display()))
}

/// The median of rows sorted by area, by area, sex, age and ethnicity, with so many sums.
fn measure(rows: u32, areas: u32, measures: u32, threads: usize) -> anyhow::Result<f64> {
    let mut numbers = Numbers::new(1);
    let in_order = |row: u32| u64::from(row) * u64::from(areas) / u64::from(rows);
    let area: Vec<u32> = (0..rows).map(|row| u32::try_from(in_order(row)).unwrap_or(u32::MAX)).collect();
    let mut narrow =
        |bound: u32| -> Vec<u8> { (0..rows).map(|_| u8::try_from(numbers.below(bound)).unwrap_or_default()).collect() };
    let (sex, age, ethnicity) = (narrow(2), narrow(18), narrow(5));
    let amounts: Vec<i64> = (0..i64::from(rows)).map(|row| row % 7).collect();
    let block = Block {
        rows: area.len(),
        axes: vec![Codes::U32(&area), Codes::U8(&sex), Codes::U8(&age), Codes::U8(&ethnicity)],
        measures: (0..measures).map(|_| Amounts { amounts: &amounts, known: None }).collect(),
        keys: None,
    };
    let (seconds, _) = timed(TIMES, || {
        let shape = Shape::new(vec![areas, 2, 18, 5], u64::from(u32::MAX))?;
        let sums = block.measures.len();
        let parts = (0..threads).map(|_| Dense::new(shape.clone(), sums, false)).collect::<Result<_, _>>()?;
        Ok(tabulate(std::slice::from_ref(&block), parts, &|| false)?)
    })?;
    seconds.get(TIMES / 2).copied().context("nothing was measured")
}

/// What grows, its colour, and how many times with how many seconds.
type Line<'a> = (&'a str, &'a str, Vec<(f64, f64)>);

/// Both axes are logarithmic.
fn svg(lines: &[Line<'_>]) -> anyhow::Result<String> {
    let x = |factor: f64| 70.0 + factor.log10() * 420.0;
    let y = |seconds: f64| 320.0 - (seconds.log10() + 3.0) * 140.0;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 600 370\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"600\" height=\"370\" fill=\"white\"/>\n",
    );
    for (power, label) in [(-3, "1 ms"), (-2, "10 ms"), (-1, "0.1 s")] {
        let at = y(10_f64.powi(power));
        writeln!(
            svg,
            "<path d=\"M70 {at:.0}H490\" stroke=\"#b1b4b6\"/><text x=\"62\" y=\"{:.0}\" text-anchor=\"end\">{label}</text>",
            at + 4.0
        )?;
    }
    for factor in FACTORS {
        let at = x(f64::from(factor));
        writeln!(svg, "<text x=\"{at:.0}\" y=\"342\" text-anchor=\"middle\">{factor}</text>")?;
    }
    writeln!(svg, "<text x=\"280\" y=\"362\" text-anchor=\"middle\">times as many, all else as it was</text>")?;
    for (_, color, points) in lines {
        let path: Vec<String> =
            points.iter().map(|(factor, seconds)| format!("{:.1} {:.1}", x(*factor), y(*seconds))).collect();
        writeln!(svg, "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2.5\"/>", path.join("L"))?;
    }
    // Labels from top to bottom, so far apart that each can be read.
    let mut labels: Vec<(f64, &str, &str)> =
        lines.iter().filter_map(|(what, color, points)| Some((y(points.last()?.1) + 4.0, *what, *color))).collect();
    labels.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut lowest = f64::MIN;
    for (at, what, color) in labels {
        lowest = at.max(lowest + 15.0);
        writeln!(svg, "<text x=\"498\" y=\"{lowest:.0}\" fill=\"{color}\">{what}</text>")?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}
