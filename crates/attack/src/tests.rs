//! Tests of the attacker, against hand-made tables, complete enumeration and the reference block.

mod averaging;
mod block;
mod derived;
mod enumeration;
mod files;
mod groups;
mod hand_made;
mod hostile;
mod inversion;
mod known_bad;
mod network;
mod older;
mod oracle;
mod realistic;

use std::collections::BTreeMap;

use crate::{Cell, Dimension, Level, Options, Problem, Table, Value};

/// A dimension with levels written as `("ward", &[("W1", "a b"), ("W2", "c")])`.
fn dimension(name: &str, atoms: &str, levels: &[(&str, &[(&str, &str)])]) -> Dimension {
    let words = |text: &str| text.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let levels = levels.iter().map(|(level, codes)| Level {
        name: (*level).to_owned(),
        codes: codes.iter().map(|(code, atoms)| ((*code).to_owned(), words(atoms))).collect::<BTreeMap<_, _>>(),
    });
    Dimension { name: name.to_owned(), atoms: words(atoms), levels: levels.collect(), total: "all".to_owned() }
}

/// A table written as `("a all", "3")`, `"-"` for a withheld cell.
fn table(name: &str, zeros_published: bool, cells: &[(&str, &str)]) -> Table {
    let cells = cells.iter().map(|(codes, value)| Cell {
        codes: codes.split(' ').map(str::to_owned).collect(),
        value: value.parse().map_or(Value::Withheld, Value::Released),
    });
    Table {
        name: name.to_owned(),
        open: false,
        zeros_published,
        sensitive: Vec::new(),
        may_be_older: None,
        cells: cells.collect(),
    }
}

fn problem(dimensions: Vec<Dimension>, tables: Vec<Table>) -> Problem {
    Problem { name: "test".to_owned(), threshold: 5, dimensions, tables, ..Problem::default() }
}

fn exact() -> Options {
    Options { exact_ranges: true, ..Options::default() }
}
