//! Where and when events happen: drawn from integer weights by area and month.

use model::Month;

use super::calendar::{self, Date};
use crate::random::Random;
use crate::world::{Lsoa, World};

/// Something that happened in an area on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) date: Date,
    /// Position in [`World::lsoas`].
    pub(super) lsoa: usize,
}

/// Draws `total` events in proportion to `weight` of area (with its position) and month, sorted by day.
pub(super) fn draw(
    random: &mut Random,
    world: &World,
    total: u32,
    weight: impl Fn(usize, &Lsoa, Month) -> u64,
) -> Vec<Event> {
    let mut running: Vec<(u64, usize, Month)> = Vec::new();
    let mut sum = 0;
    for month in calendar::months() {
        for (position, lsoa) in world.lsoas.iter().enumerate() {
            sum += weight(position, lsoa, month);
            running.push((sum, position, month));
        }
    }
    let mut events: Vec<Event> = (0..total)
        .filter_map(|_| {
            let at = u64::try_from((u128::from(random.next_u64()) * u128::from(sum)) >> 64).unwrap_or_default();
            let (_, lsoa, month) = running.get(running.partition_point(|(to, _, _)| *to <= at))?;
            Some(Event { date: day(random, *month), lsoa: *lsoa })
        })
        .collect();
    events.sort_unstable();
    events
}

/// A day of the month, each as likely as any other.
pub(super) fn day(random: &mut Random, month: Month) -> Date {
    Date { month, day: 1 + random.below(calendar::days(month)) }
}

/// A factor in thousandths for the month of the year: `winter` higher in December to February and lower in summer.
pub(super) const fn winter(month: Month) -> u64 {
    match month.month() {
        1 | 12 => 1_150,
        2 | 11 => 1_080,
        6..=8 => 920,
        _ => 1_000,
    }
}

/// A factor in thousandths that moves evenly from `first` in the first month to `last` in the last.
pub(super) fn slope(month: Month, first: i32, last: i32) -> u64 {
    let now = first + (last - first) * calendar::index(month) / (calendar::MONTHS - 1);
    u64::try_from(now).unwrap_or_default()
}
