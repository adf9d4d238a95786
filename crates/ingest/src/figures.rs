//! Measures: how their cells are read, and how those of one row must fit together.

use model::DatasetContract;

use crate::findings::Kind;
use crate::parse::{Cell, decimal, integer};
use crate::plan::Plan;

/// A measure's value; `None` is withheld or missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// A count.
    Integer(Option<i64>),
    /// A score.
    Decimal(Option<f64>),
}

/// The values that the measures of a plan have before their cells are read.
pub(crate) fn no_figures(plan: &Plan<'_>) -> Vec<Number> {
    plan.measures.iter().map(|measure| empty(measure.name, measure.decimal)).collect()
}

/// The value a measure has before its cell is read: an event counts one.
fn empty(name: &str, decimal: bool) -> Number {
    match (name, decimal) {
        (_, true) => Number::Decimal(None),
        ("count", false) => Number::Integer(Some(1)),
        (_, false) => Number::Integer(None),
    }
}

/// The greatest count of a row: what is beyond is no figure of an area, and too large to be protected.
const GREATEST_COUNT: i64 = 1 << 32;
/// The greatest score: thousandths of it are counted.
const GREATEST_SCORE: i64 = 1 << 26;

/// Reads a measure: from 0 at least, within what the contract says.
pub(crate) fn read_number(cell: Cell<'_>, is_decimal: bool, range: Option<(i64, i64)>) -> (Number, Option<Kind>) {
    let greatest = if is_decimal { GREATEST_SCORE } else { GREATEST_COUNT };
    let (least, greatest) = range.map_or((0, greatest), |(least, most)| (least.max(0), most.min(greatest)));
    let none = if is_decimal { Number::Decimal(None) } else { Number::Integer(None) };
    let text = match cell {
        Cell::Text(text) => text,
        Cell::Empty => return (none, None),
        Cell::Withheld => return (none, Some(Kind::Withheld)),
    };
    let (number, inside) = if is_decimal {
        let Some(value) = decimal(text) else { return (none, Some(Kind::NotANumber)) };
        #[allow(clippy::cast_precision_loss, reason = "limits are small numbers written by people")]
        let inside = value >= least as f64 && value <= greatest as f64;
        (Number::Decimal(Some(value)), inside)
    } else {
        let Some(value) = integer(text) else { return (none, Some(Kind::NotANumber)) };
        (Number::Integer(Some(value)), (least..=greatest).contains(&value))
    };
    if inside { (number, None) } else { (none, Some(Kind::OutOfRange)) }
}

/// The measures of a row that are more than what the contract says they are part of. Neither figure is known then: one of them is wrong.
pub(crate) fn more_than_whole<'c>(
    contract: &'c DatasetContract,
    plan: &Plan<'_>,
    numbers: &mut [Number],
) -> Vec<&'c str> {
    let place = |name: &str| plan.measures.iter().position(|measure| measure.name == name);
    let figure = |numbers: &[Number], at: usize| match numbers.get(at) {
        Some(Number::Integer(figure)) => *figure,
        _ => None,
    };
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for (part, whole) in contract.parts() {
        let (Some(of_part), Some(of_whole)) = (place(part), place(whole)) else { continue };
        if figure(numbers, of_part).zip(figure(numbers, of_whole)).is_some_and(|(part, whole)| part > whole) {
            found.push(part);
            wrong.extend([of_part, of_whole]);
        }
    }
    for at in wrong {
        numbers.get_mut(at).into_iter().for_each(|number| *number = Number::Integer(None));
    }
    found
}
