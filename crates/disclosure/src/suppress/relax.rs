//! Releases again what turns out not to be needed, the most valuable first.

use super::cover::{Cover, Extremes};
use super::search::Effort;
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
    let before = (cover.extremes.clone(), cover.dropped.clone(), cover.worlds.len());
    set(&mut cover.withheld, index, false);
    let lost = drop_worlds(cover, index);
    let effort = Effort { states: cover.budget.free_search, cost: 0, headlines: false, hurry: false, turn: 0 };
    let worth_it = lost.len() <= MOST_TO_MEND && effort.states > 0;
    if worth_it && lost.iter().all(|column| cover.cover_free(*column)) {
        return;
    }
    set(&mut cover.withheld, index, true);
    (cover.extremes, cover.dropped) = (before.0, before.1);
    cover.worlds.truncate(before.2);
}

/// Drops the worlds that change a column and returns the columns that are no longer covered.
fn drop_worlds(cover: &mut Cover<'_>, index: u32) -> Vec<u32> {
    let mut doubtful = Vec::new();
    for (change, dropped) in cover.worlds.iter().zip(cover.dropped.iter_mut()) {
        if !*dropped && change.nets.binary_search_by_key(&index, |net| net.0).is_ok() {
            *dropped = true;
            doubtful.extend(change.nets.iter().map(|net| net.0));
        }
    }
    doubtful.sort_unstable();
    doubtful.dedup();
    doubtful.iter().for_each(|column| set(&mut cover.extremes, *column, Extremes::default()));
    let live: Vec<(u32, Vec<(u32, i64)>)> = cover
        .worlds
        .iter()
        .zip(&cover.dropped)
        .zip(0_u32..)
        .filter(|((_, dropped), _)| !**dropped)
        .map(|((change, _), number)| {
            let nets = change.nets.iter().filter(|net| doubtful.binary_search(&net.0).is_ok()).copied().collect();
            (number, nets)
        })
        .collect();
    for (number, nets) in live {
        nets.iter().for_each(|(column, net)| cover.note(*column, *net, number));
    }
    doubtful.retain(|column| !cover.covered(*column));
    doubtful
}
