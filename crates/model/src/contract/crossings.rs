//! What may be crossed with what, where agreements have noise added to figures instead of withholding them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ColumnType, Counts, DatasetContract, Level, Role};
use crate::area::AreaType;
use crate::period::PeriodType;

/// `[crossings]`: every crossing of these may be asked for, each area and period by any of the dimensions, with all totals. All of it is
/// judged together before anything is published, and counts as published from then on, asked for or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crossings {
    /// Types of areas.
    pub areas: Vec<AreaType>,
    /// Types of periods. People are counted by one: who comes again in the next would be in both.
    pub periods: Vec<PeriodType>,
    /// Dimensions, each by its categories in this contract.
    #[serde(default)]
    pub by: Vec<String>,
    /// With how many states of its data a figure may be published: 1 if it is never corrected. Each is fresh noise of nearly the same count,
    /// so that more states need more noise.
    #[serde(default = "once")]
    pub revisions: u32,
    /// Measures whose sums may be asked for in all of these, each with the greatest part of one person (or row, where it is not known whose
    /// it is) in a cell: what is above counts as that. Sums have noise for such a part, so that more of them need more noise in counts, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, u64>,
}

const fn once() -> u32 {
    1
}

impl DatasetContract {
    /// Whether its rows carry whose they are, so that people are counted and not rows.
    #[must_use]
    pub fn identifies_people(&self) -> bool {
        self.level != Level::Aggregate && self.link().is_some()
    }

    pub(super) fn check_crossings(&self) -> Result<(), String> {
        let Some(Crossings { areas, periods, by, revisions, sums }) = &self.crossings else { return Ok(()) };
        if self.level == Level::Aggregate || self.exposure.is_open() {
            return Err("`crossings` are for rows of people or events that are not public: of figures of areas nobody knows the people behind, and open data are shown as they are; leave it out".to_owned());
        }
        if self.stock || self.counts != Counts::Records {
            return Err("`crossings` are for what happened in a period: a state at one date is nearly the same in the next, with noise of its own each time, so that many together give it away, and of people who live somewhere the number is known to be at most how many there are; leave it out".to_owned());
        }
        if areas.is_empty() || periods.is_empty() || *revisions == 0 {
            return Err("`crossings` need an area type, a period type and at least one revision: name them, or leave `crossings` out".to_owned());
        }
        if repeats(areas) || repeats(periods) || repeats(by) {
            return Err("`crossings` name something twice: name it once".to_owned());
        }
        if periods.contains(&PeriodType::Rolling12) {
            return Err(
                "`crossings` by `rolling-12` overlap, so that two of them show single months: use calendar-year"
                    .to_owned(),
            );
        }
        if self.identifies_people() && periods.len() > 1 {
            return Err("`crossings` of people are by one period type: who comes again in the next period is one person in the longer one, and sums would not fit: keep one".to_owned());
        }
        if let Some(name) = by.iter().find(|name| Crossings::is_column(name)) {
            return Err(format!(
                "`crossings` are by `{name}`, which tables have another column of: give the dimension another name"
            ));
        }
        sums.iter().try_for_each(|(name, most)| self.check_sum(name, *most))?;
        let listed = |name: &String| {
            self.columns
                .iter()
                .any(|column| column.name == *name && !(column.allowed.is_empty() && column.bands.is_empty()))
        };
        let known = |name: &&String| !(self.dimensions().contains(&name.as_str()) && listed(name));
        match by.iter().find(known) {
            Some(name) => Err(format!(
                "`crossings` are by `{name}`, which is no dimension with listed categories (`allowed` or `bands`): list them, as whatever is not registered cannot be judged"
            )),
            None => Ok(()),
        }
    }
}

impl DatasetContract {
    fn check_sum(&self, name: &str, most: u64) -> Result<(), String> {
        let column = self.columns.iter().find(|column| column.name == name && column.role == Role::Measure);
        let Some(column) = column else {
            return Err(format!("`crossings.sums` names `{name}`, which is no measure of this contract: leave it out"));
        };
        if column.column_type != ColumnType::Integer || column.range.is_none_or(|(least, _)| least < 0) {
            return Err(format!(
                "`crossings.sums` names `{name}`: sums with noise are of whole numbers that are not negative; say `type = \"integer\"` and a `range` from 0"
            ));
        }
        if most == 0 || most > Crossings::MOST_PART {
            return Err(format!(
                "`crossings.sums.{name}` is {most}: the greatest part of one person in a cell is from 1 to {}",
                Crossings::MOST_PART
            ));
        }
        Ok(())
    }
}

impl Crossings {
    /// The greatest part of one person in a sum that may be registered.
    pub const MOST_PART: u64 = 1 << 32;

    /// The columns of a table before those of its dimensions.
    pub const COLUMNS_BEFORE: [&str; 8] =
        ["dataset", "area_code", "area_name", "area_type", "boundary_year", "period", "period_label", "period_type"];
    /// The figure's, where it is a count and where it is a sum.
    pub const FIGURES: [&str; 2] = ["count", "sum"];
    /// The last.
    pub const CAVEAT: &str = "caveat";

    fn is_column(name: &str) -> bool {
        Self::COLUMNS_BEFORE.contains(&name) || Self::FIGURES.contains(&name) || name == Self::CAVEAT
    }
}

pub(super) fn repeats<T: PartialEq>(list: &[T]) -> bool {
    (1..list.len()).any(|end| list.get(..end).zip(list.get(end)).is_some_and(|(before, one)| before.contains(one)))
}
