//! Sums of a column in the cells of a table, of each contributor at most so much.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, UInt32Type};

use super::whereabouts::Totals;
use super::{CHECKED_EVERY, CountRequest, Finest, NOWHERE, SumOf};
use crate::data::column::Kind;
use crate::data::hot::Hot;
use crate::error::EngineError;
use crate::query::grouping::Grouping;
use crate::query::session::Session;
use crate::request::{Deadline, Limits, RECORD_KEY, StoredTable};

impl CountRequest {
    /// Rows by contributor, with what is added up.
    pub(crate) fn open_sums(
        &self,
        sum: &SumOf,
        (hot, tables): (&Arc<Hot>, &[StoredTable]),
        limits: &Limits,
    ) -> Result<Session, EngineError> {
        let counted = self.grouping(limits);
        let mut axes = counted.axes;
        axes.retain(|(name, _)| **name != *RECORD_KEY);
        axes.push((Arc::from(RECORD_KEY), Kind::Person));
        let grouping = Grouping {
            axes,
            measures: vec![(Arc::from(sum.column.as_str()), Kind::Amount)],
            keys: false,
            most: Some((limits.max_contributions, "contributions", "limits.max_contributions")),
            ..counted
        };
        Session::open(hot, (&self.dataset, tables), grouping, limits)
    }

    /// The sums of all cells, totals included.
    pub(crate) async fn add_up(
        &self,
        sum: &SumOf,
        session: Session,
        deadline: &Deadline,
    ) -> Result<Vec<u64>, EngineError> {
        let (mut table, mut parts, account) = (Finest::new(self)?, Parts::default(), session.account("parts of sums"));
        let each = |batch: RecordBatch| {
            deadline.check()?;
            let positions = table.positions(&batch, self, &session)?;
            parts.add(&batch, (self, sum), positions)?;
            account.hold(table.bytes().saturating_add(parts.0.capacity() * size_of::<(u32, usize, u64)>()))
        };
        session.for_each(each).await?;
        parts.total(&self.sizes(), sum.most, deadline)
    }
}

/// Of whom how much is in which of the finest cells.
#[derive(Default)]
struct Parts(Vec<(u32, usize, u64)>);

impl Parts {
    fn add(
        &mut self,
        batch: &RecordBatch,
        (request, sum): (&CountRequest, &SumOf),
        positions: Vec<usize>,
    ) -> Result<(), EngineError> {
        let column = |name: &str, kind: DataType| {
            let column = batch.column_by_name(name).filter(|column| *column.data_type() == kind);
            column.ok_or_else(|| request.stored(format!("column `{name}` is missing, or has no whole numbers")))
        };
        let who = column(RECORD_KEY, DataType::UInt32)?.as_primitive::<UInt32Type>().values();
        let amounts = column(&format!("sum_{}", sum.column), DataType::Int64)?.as_primitive::<Int64Type>();
        for ((who, position), amount) in who.iter().zip(positions).zip(amounts) {
            let amount = u64::try_from(amount.unwrap_or_default()).unwrap_or_default();
            if position != NOWHERE && amount > 0 {
                self.0.push((*who, position, amount));
            }
        }
        Ok(())
    }

    /// Of each contributor what is in a cell, or in a total: there it may be of several cells, and is cut off once.
    fn total(mut self, sizes: &[usize], most: u64, deadline: &Deadline) -> Result<Vec<u64>, EngineError> {
        let mut sums = vec![0_u64; sizes.iter().product()];
        let totals = Totals::new(sizes);
        self.0.sort_unstable();
        for (number, rows) in (0..).zip(self.0.chunk_by(|(one, ..), (other, ..)| one == other)) {
            if number % CHECKED_EVERY == 0 {
                deadline.check()?;
            }
            let mut own: BTreeMap<usize, u64> = BTreeMap::new();
            for (_, cell, amount) in rows {
                totals.of(*cell, &mut |cell| {
                    let part = own.entry(cell).or_default();
                    *part = part.saturating_add(*amount);
                });
            }
            for (cell, part) in own {
                if let Some(sum) = sums.get_mut(cell) {
                    *sum = sum.saturating_add(part.min(most));
                }
            }
        }
        Ok(sums)
    }
}
