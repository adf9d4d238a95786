//! What is asked for, in terms of what is registered.

use agreements::Level;
use disclosure::Noisy;
use engine::{Dimension, SumOf};
use model::{AreaType, Digest, Period, PeriodType};

use super::Subject;
use crate::cube::covered;
use crate::error::PlatformError;
use crate::read::{PeriodChoice, TableRequest};
use crate::state::digest_of;

/// A table, made definite.
pub(super) struct Question {
    pub(super) area_type: AreaType,
    pub(super) period_type: PeriodType,
    pub(super) periods: Vec<Period>,
    pub(super) by: Vec<Dimension>,
    /// What is added up, if anything is.
    pub(super) sum: Option<SumOf>,
}

impl Question {
    pub(super) fn level(&self) -> Level {
        Level::new(self.area_type, self.period_type)
    }

    /// Names it, with the states of the data of its periods: as long as these are the same, so is the answer.
    pub(super) fn digest(&self, noisy: &Noisy) -> Result<Digest, PlatformError> {
        let by: Vec<&str> = self.by.iter().map(|by| by.name.as_str()).collect();
        let states: Vec<Option<Digest>> = self.periods.iter().map(|period| noisy.state(*period)).collect();
        let sum = self.sum.as_ref().map(|sum| &sum.column);
        let text = match sum {
            None => serde_json::to_vec(&(self.area_type, &self.periods, by, states)),
            Some(sum) => serde_json::to_vec(&(self.area_type, &self.periods, by, states, sum)),
        };
        Ok(digest_of([text.map_err(PlatformError::failed("write a question"))?.as_slice()]))
    }

    /// Bytes that its rows and what is written of them take, about.
    pub(super) fn bytes(&self, areas: usize) -> u64 {
        let by = self.by.iter().map(|by| by.categories.len() + 1).fold(1, usize::saturating_mul);
        let rows = areas.saturating_mul(self.periods.len()).saturating_mul(by);
        u64::try_from(rows.saturating_mul(BYTES_PER_ROW)).unwrap_or(u64::MAX)
    }
}

/// Bytes that a row and its text take together, about.
const BYTES_PER_ROW: usize = 512;

/// What is asked for in terms of what is registered.
pub(super) fn question(subject: &Subject<'_>, request: &TableRequest) -> Result<Question, PlatformError> {
    let Subject { contract, group, grammar, .. } = subject;
    let bad = |parameter, problem: String| Err(PlatformError::BadParameter { parameter, problem });
    let list = |names: Vec<&str>| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    if !grammar.areas.contains(&request.area_type) {
        let known = list(grammar.areas.iter().map(|area_type| area_type.as_str()).collect());
        return bad(
            "area_type",
            format!("`{}` registers no crossings by {}; it has: {known}", contract.id, request.area_type),
        );
    }
    let mut kinds = grammar.periods.iter().copied();
    let kind = match (request.period_type, kinds.next(), kinds.next()) {
        (Some(kind), ..) if grammar.periods.contains(&kind) => kind,
        (None, Some(only), None) => only,
        _ => {
            let known = list(grammar.periods.iter().map(|kind| kind.as_str()).collect());
            return bad("period_type", format!("`{}` registers crossings by: {known}; name one", contract.id));
        }
    };
    let all = covered(&group.basis.periods(), kind);
    let periods = match &request.period {
        PeriodChoice::All => all,
        PeriodChoice::Latest => all.last().copied().into_iter().collect(),
        PeriodChoice::Interval(text) => {
            let wanted = Period::parse(text, kind).map_err(|error| PlatformError::BadParameter {
                parameter: "period",
                problem: format!("{error}; these tables are by {kind}"),
            })?;
            if !all.contains(&wanted) {
                let known: Vec<String> = all.iter().map(ToString::to_string).collect();
                return bad(
                    "period",
                    format!("there are no whole data of {wanted}; there are of: {}", known.join(", ")),
                );
            }
            vec![wanted]
        }
    };
    if periods.is_empty() {
        return bad("period", format!("there are no data yet that cover a whole {kind}"));
    }
    let mut by = Vec::new();
    for name in &request.by {
        let Some(categories) = grammar.by.get(name) else {
            let known = list(grammar.by.keys().map(String::as_str).collect());
            return bad("by", format!("`{}` registers no crossings by `{name}`; it has: {known}", contract.id));
        };
        if by.iter().any(|known: &Dimension| known.name == *name) {
            return bad("by", format!("`{name}` is named twice"));
        }
        by.push(Dimension { name: name.clone(), categories: categories.clone() });
    }
    let sum = match &request.sum {
        None => None,
        Some(name) => match grammar.sums.get(name) {
            Some(most) => Some(SumOf { column: name.clone(), most: *most }),
            None => {
                let known = list(grammar.sums.keys().map(String::as_str).collect());
                return bad("sum", format!("`{}` registers no sums of `{name}`; it has: {known}", contract.id));
            }
        },
    };
    // The same table in another order is the same table.
    by.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(Question { area_type: request.area_type, period_type: kind, periods, by, sum })
}
