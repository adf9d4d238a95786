//! How full the cells of each controlled view are.

use std::collections::{BTreeMap, BTreeSet};

use model::{AreaType, Indicator, Period, View};

use crate::feeds::sheet::{FeedMade, Place, Record};
use crate::world::World;

/// One view's cells: areas x periods x (categories and their total).
#[derive(Debug)]
pub(super) struct Report {
    #[allow(dead_code, reason = "shown when the test fails")]
    pub(super) view: String,
    pub(super) cells: usize,
    /// Cells with one to four contributors.
    pub(super) primaries: usize,
    #[allow(dead_code, reason = "shown when the test fails")]
    pub(super) zeros: usize,
    #[allow(dead_code, reason = "shown when the test fails")]
    pub(super) mean: u64,
}

/// A cell's place in its table; `None` is the total over a dimension.
type Key<'a> = (usize, Period, Vec<Option<&'a str>>);

/// A report for every view of an indicator whose numerator is a controlled feed.
pub(super) fn reports(world: &World, feeds: &[FeedMade], indicators: &[Indicator]) -> Vec<Report> {
    let mut reports = Vec::new();
    for indicator in indicators {
        let numerator = &indicator.numerator;
        let Some(feed) = feeds.iter().find(|feed| feed.feed.id() == numerator.dataset.as_str()) else { continue };
        let measure = feed.feed.measures.iter().position(|name| *name == numerator.measure).unwrap();
        let dimension = |name: &str| feed.feed.dims.iter().position(|own| *own == name).unwrap();
        let records: Vec<&Record> = feed
            .records
            .iter()
            .filter(|record| {
                numerator.filter.iter().all(|(name, values)| values.iter().any(|v| v == record.dims[dimension(name)]))
            })
            .collect();
        for view in &indicator.views {
            let by: Vec<usize> = view.by.iter().map(|name| dimension(name)).collect();
            let name = format!("{}/{}", indicator.id, view.name);
            reports.push(report(world, view, &by, measure, &records, name));
        }
    }
    reports
}

fn report(world: &World, view: &View, by: &[usize], measure: usize, records: &[&Record], name: String) -> Report {
    let mut people: BTreeMap<Key<'_>, BTreeSet<u64>> = BTreeMap::new();
    let mut counts: BTreeMap<Key<'_>, u64> = BTreeMap::new();
    let mut periods = BTreeSet::new();
    let mut categories: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); by.len()];
    for (number, record) in (1..).zip(records) {
        let period = view.period_type.containing(record.month);
        periods.insert(period);
        let own: Vec<&str> = by.iter().map(|position| record.dims[*position]).collect();
        categories.iter_mut().zip(&own).for_each(|(all, value)| {
            all.insert(value);
        });
        let Some(area) = area(world, view.area_type, record.place) else { continue };
        for mask in 0..1_u32 << by.len() {
            let key = own.iter().enumerate().map(|(bit, value)| (mask >> bit & 1 == 0).then_some(*value)).collect();
            let key = (area, period, key);
            // Rows of groups count their people; rows of events their contributors, or themselves.
            *counts.entry(key.clone()).or_default() += record.values[measure].unwrap_or_default();
            people.entry(key).or_default().insert(record.contributor.unwrap_or(number));
        }
    }
    let aggregate = records.iter().any(|record| record.values[measure] != Some(1));
    let contributors = |key: &Key<'_>| {
        if aggregate { counts[key] } else { u64::try_from(people[key].len()).unwrap() }
    };
    let margins: usize = categories.iter().map(|all| all.len() + 1).product();
    let cells = areas(world, view.area_type) * periods.len() * margins;
    let filled = counts.values().filter(|count| **count > 0).count();
    Report {
        view: name,
        cells,
        primaries: counts.keys().filter(|key| (1..=4).contains(&contributors(key))).count(),
        zeros: cells - filled,
        mean: counts.values().sum::<u64>() / u64::try_from(cells).unwrap(),
    }
}

fn areas(world: &World, kind: AreaType) -> usize {
    match kind {
        AreaType::Lsoa => world.lsoas.len(),
        AreaType::Msoa => world.msoas.len(),
        AreaType::Ward => world.wards.len(),
        AreaType::Pcn => world.pcns.len(),
        AreaType::Beat => world.beats.len(),
        AreaType::Neighbourhood => world.neighbourhoods.len(),
        AreaType::District => world.districts.len(),
        AreaType::County | AreaType::Partnership => 1,
    }
}

fn area(world: &World, kind: AreaType, place: Place) -> Option<usize> {
    let lsoa = match (place, kind) {
        (Place::Pcn(position), AreaType::Pcn) | (Place::District(position), AreaType::District) => {
            return Some(position);
        }
        (Place::Pcn(_) | Place::District(_), _) => return None,
        (Place::Lsoa(position), _) => position,
    };
    let own = &world.lsoas[lsoa];
    match kind {
        AreaType::Lsoa => Some(lsoa),
        AreaType::Msoa => Some(own.msoa),
        AreaType::Ward => Some(own.ward),
        AreaType::Pcn => Some(own.pcn),
        AreaType::Beat => Some(own.beat),
        AreaType::Neighbourhood => own.neighbourhood,
        AreaType::District => Some(own.district),
        AreaType::County | AreaType::Partnership => Some(0),
    }
}
