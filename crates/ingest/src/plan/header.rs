//! The header row: matched to the contract without regard to case and space.

use std::collections::BTreeSet;

use csv::StringRecord;
use model::DatasetContract;
use model::classification::AgeBand;
use model::contract::{Column, Level, Role, Treatment, Unpivot};

use super::{Agreed, Field, drop_column};
use crate::error::IngestError;
use crate::findings::{At, DropReason, Kind, Recorder};
use crate::request::CleanRequest;

/// How many headers an error lists.
const LISTED: usize = 30;

/// The headers of a file.
pub(super) struct Header {
    /// As written, outer space removed.
    names: Vec<String>,
    /// Lower case, no space at all.
    keys: Vec<String>,
    /// Positions of the contract's columns, agreed or not.
    claimed: BTreeSet<usize>,
}

impl Header {
    pub(super) fn new(record: &StringRecord, contract: &DatasetContract) -> Self {
        let names = record.iter().map(|name| name.trim().to_owned()).collect();
        let keys = record.iter().map(key).collect();
        let mut header = Self { names, keys, claimed: BTreeSet::new() };
        header.claimed = contract.columns.iter().flat_map(|column| header.positions(column)).collect();
        header
    }

    /// Finds the agreed columns.
    pub(super) fn fields<'a>(
        &self,
        request: &CleanRequest<'a>,
        agreed: &[Agreed<'a>],
        recorder: &mut Recorder,
    ) -> Result<Vec<Field<'a>>, IngestError> {
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut missing = Vec::new();
        for Agreed { column, clause, treatment } in agreed.iter().copied() {
            match self.positions(column).as_slice() {
                [] if needed(request.contract, column, treatment) => missing.push(format!("`{}`", column.source)),
                [] => recorder.record(At { row: 0, column: &column.name, clause }, Kind::ColumnMissing, || {
                    format!("the file has no column `{}`", column.source)
                }),
                [position] => fields.push(Field { column, clause, treatment, position: *position }),
                several => {
                    let headers = several.iter().filter_map(|i| self.names.get(*i)).map(|name| format!("`{name}`"));
                    let headers = headers.collect::<Vec<_>>().join(", ");
                    return Err(IngestError::AmbiguousColumn { column: column.name.clone(), headers });
                }
            }
        }
        if missing.is_empty() { Ok(fields) } else { Err(self.missing(request, &missing.join(", "))) }
    }

    /// Headers `prefix` + text that no contract column claims, with the text. What becomes an age must look like one.
    pub(super) fn wide(&self, unpivot: &Unpivot) -> Vec<(usize, String)> {
        let prefix = spaced(&unpivot.prefix);
        let mut found = Vec::new();
        for (position, name) in self.names.iter().enumerate().filter(|(position, _)| !self.claimed.contains(position)) {
            let name = spaced(name);
            let Some(rest) = name.strip_prefix(&prefix).map(str::trim).filter(|rest| !rest.is_empty()) else {
                continue;
            };
            if unpivot.into != "age" {
                found.push((position, rest.to_owned()));
            } else if let Ok(age) = rest.parse::<u8>() {
                found.push((position, age.to_string()));
            } else if rest.parse::<AgeBand>().is_ok_and(|band| band != AgeBand::All) {
                found.push((position, rest.to_owned()));
            }
        }
        found
    }

    /// Reports headers that neither the contract's columns nor its wide prefixes claim.
    pub(super) fn report_strangers(&self, contract: &DatasetContract, recorder: &mut Recorder) {
        let mut known = self.claimed.clone();
        known.extend(contract.unpivots.iter().flat_map(|unpivot| self.wide(unpivot)).map(|(position, _)| position));
        for (position, name) in self.names.iter().enumerate() {
            if !known.contains(&position) && !name.is_empty() {
                drop_column(recorder, &short(name), DropReason::NotInContract, None);
            }
        }
    }

    /// The error for missing columns. A file about people may have no header at all, and then its first row is
    /// somebody's data: of such files only headers that the contract knows are repeated.
    pub(super) fn missing(&self, request: &CleanRequest<'_>, expected: &str) -> IngestError {
        let all = request.contract.exposure.is_open() || request.contract.level == Level::Aggregate;
        let names = self.names.iter().enumerate().filter(|(position, _)| all || self.claimed.contains(position));
        let mut found: Vec<String> = names.take(LISTED).map(|(_, name)| format!("`{}`", short(name))).collect();
        let rest = self.names.len().saturating_sub(found.len());
        if rest > 0 {
            found.push(format!("{rest} other columns"));
        }
        IngestError::MissingColumns { expected: expected.to_owned(), found: found.join(", ") }
    }

    fn positions(&self, column: &Column) -> Vec<usize> {
        let wanted: Vec<String> =
            std::iter::once(&column.source).chain(&column.aliases).map(|text| key(text)).collect();
        self.keys.iter().enumerate().filter(|(_, key)| wanted.contains(key)).map(|(position, _)| position).collect()
    }
}

/// Whether the file is refused without the column. Without a dimension every row would be in no category, and a figure about
/// one would be zero; without a link several records of one person would count as those of several.
fn needed(contract: &DatasetContract, column: &Column, treatment: Treatment) -> bool {
    column.required
        || (matches!(column.role, Role::Dimension | Role::Link) && treatment != Treatment::Drop)
        || column.role == Role::Time
        || (column.role == Role::Measure && contract.level == Level::Aggregate)
        || !column.only.is_empty()
}

/// For comparing: lower case, no space at all.
fn key(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '\u{feff}').flat_map(char::to_lowercase).collect()
}

/// For prefixes: lower case, single spaces.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
