//! Releases again what turns out not to be needed, the most valuable first.

use super::cover::Cover;
use crate::table::{Role, at, set};

/// A column is given up for release when this many others lose their witness.
const MOST_TO_MEND: usize = 12;

/// Tries every column that was withheld for the sake of others.
pub(super) fn release_again(cover: &mut Cover<'_>) {
    let secondary = |index: &u32| {
        at(&cover.withheld, *index) && matches!(cover.table.column(*index).role, Role::Open | Role::Headline)
    };
    let mut order: Vec<u32> = cover.table.indices().filter(secondary).collect();
    order.sort_by_key(|index| {
        let column = cover.table.column(*index);
        (column.role != Role::Headline, -column.cost, column.order, *index)
    });
    for index in order {
        try_release(cover, index);
    }
}

/// Releases one column if every other withheld column keeps or finds its witnesses.
fn try_release(cover: &mut Cover<'_>, index: u32) {
    let length = cover.worlds.len();
    set(&mut cover.withheld, index, false);
    let (dropped, doubtful) = cover.worlds.drop_those_that_move(index);
    let lost: Vec<u32> = doubtful.into_iter().filter(|column| !cover.covered(*column)).collect();
    let worth_it = lost.len() <= MOST_TO_MEND && cover.budget.free_search > 0;
    if worth_it && lost.iter().all(|column| cover.cover_free(*column)) {
        return;
    }
    set(&mut cover.withheld, index, true);
    cover.worlds.restore(&dropped, length);
}
