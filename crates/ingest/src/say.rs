//! Findings in words, and when a cell may be quoted in them.

use model::DatasetContract;
use model::contract::{Column, Level, Role};

use crate::findings::Kind;
use crate::parse::Cell;

/// How much of a cell is quoted.
const QUOTED: usize = 40;

/// The cell's text if the message may quote it: open data, and the codes and categories of aggregates. Never a number
/// of a controlled dataset, never anything of a dataset about people or events.
pub(crate) fn shown<'t>(contract: &DatasetContract, column: &Column, cell: Cell<'t>) -> Option<&'t str> {
    let code = matches!(column.role, Role::Time | Role::Geography | Role::Dimension);
    let open = contract.exposure.is_open() && contract.level != Level::Person;
    match cell {
        Cell::Text(text) if open || (contract.level == Level::Aggregate && code) => Some(text),
        _ => None,
    }
}

/// What is wrong, and the text it is about where that may be quoted.
pub(crate) fn problem(kind: Kind, shown: Option<&str>) -> String {
    let words = match kind {
        Kind::Ragged => "another number of fields than the header",
        Kind::Missing => "no value, and the column is required",
        Kind::NotANumber => "not a number",
        Kind::OutOfRange => "outside the range the contract accepts",
        Kind::MoreThanWhole => "more than what the contract says it is part of",
        Kind::NotADate => "not a date in the formats of the contract",
        Kind::OutsidePeriod => "outside the period of the file",
        Kind::NotAllowed => "not a value the contract lists; stored as other or unknown",
        Kind::InvalidIdentifier => "the identifier fails its check; the row has no contributor",
        Kind::MalformedPostcode => "not a postcode",
        Kind::UnknownPostcode => "no known postcode",
        Kind::TerminatedPostcode => "a postcode no longer in use; its last area is taken",
        Kind::UnknownCode => "no known code",
        Kind::InvalidCoordinates => "no usable coordinates",
        Kind::WithoutLocation => "nothing in the row says where; left out",
        Kind::Outside => "outside the partnership; left out",
        Kind::Disagreement => "two columns give different areas; the contract's order decides",
        Kind::Duplicate => "repeats another row; left out",
        Kind::Repeated => "repeats another row; kept as published",
        Kind::OptedOut => "the person opted out; left out",
        Kind::Absent => "no row for a listed category; not available",
        Kind::Withheld => "withheld by the supplier",
        Kind::ColumnMissing => "the column is not in the file",
        Kind::Encoding => "not UTF-8",
        Kind::Empty => "the file holds no rows",
    };
    match shown {
        Some(text) => format!("{words}: `{}`", text.chars().take(QUOTED).collect::<String>()),
        None => words.to_owned(),
    }
}
