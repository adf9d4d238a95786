//! Views of which too little can be shown, and what would show more.

use agreements::Level;
use disclosure::Shown;
use model::indicator::{Indicator, View};
use model::{AreaType, DatasetId};

use crate::cube::visible;
use crate::state::State;

/// The published views of a dataset's indicators: how many there are, and in words those that are too fine.
pub(super) struct Fineness {
    pub(super) views: usize,
    pub(super) too_fine: Vec<String>,
}

pub(super) fn fineness(state: &State, dataset: &DatasetId) -> Fineness {
    let mut fineness = Fineness { views: 0, too_fine: Vec::new() };
    let indicators = state.definitions.indicators_on(dataset);
    for indicator in indicators.filter(|indicator| indicator.numerator.dataset == *dataset) {
        let tables: Vec<(&View, Shown)> =
            indicator.views.iter().filter_map(|view| Some((view, shown(state, indicator, view)?))).collect();
        fineness.views += tables.len();
        for (view, shown) in tables.iter().filter(|(_, shown)| !shown.is_enough()) {
            fineness.too_fine.push(format!(
                "view `{}/{}` shows {} % of its cells, and {} % is the least: {}",
                indicator.id,
                view.name,
                shown.percent(),
                Shown::LEAST_PERCENT,
                proposal(view, &tables)
            ));
        }
    }
    fineness
}

fn shown(state: &State, indicator: &Indicator, view: &View) -> Option<Shown> {
    let rows = state.cubes.get(&indicator.view_id(view).ok()?)?.rows.get();
    Some(Shown { cells: rows.len(), numbers: usize::try_from(visible(rows)).unwrap_or(usize::MAX) })
}

/// What to register in the place of a view that is too fine, where nothing is known of the others.
pub(crate) fn coarser_than(view: &View) -> String {
    proposal(view, &[])
}

fn level(view: &View) -> Level {
    Level::new(view.area_type, view.period_type)
}

/// The richest coarser view that is there and shows enough; otherwise what to register in the place of this one.
fn proposal(view: &View, tables: &[(&View, Shown)]) -> String {
    let coarser = |other: &View| {
        other.name != view.name
            && level(view).is_as_fine_as(level(other))
            && other.by.iter().all(|dimension| view.by.contains(dimension))
    };
    let there = tables.iter().filter(|(other, shown)| coarser(other) && shown.is_enough());
    if let Some((other, shown)) = there.max_by_key(|(_, shown)| shown.numbers) {
        return format!("leave it out, the coarser view `{}` shows {} %", other.name, shown.percent());
    }
    if let Some((last, rest)) = view.by.split_last() {
        let rest = if rest.is_empty() { String::new() } else { format!(", only by {}", rest.join(", ")) };
        return format!("register it without the breakdown by {last}{rest}");
    }
    let wider =
        |area: &AreaType| *area != view.area_type && level(view).is_as_fine_as(Level::new(*area, view.period_type));
    match AreaType::ALL.into_iter().find(wider) {
        Some(area) => format!("register it by {area}, or for longer periods"),
        None => "register it for longer periods".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(text: &str) -> View {
        let mut words = text.split(' ');
        let mut next = || words.next().unwrap();
        let (name, area_type, period_type) = (next().to_owned(), next().parse().unwrap(), next().parse().unwrap());
        View { name, area_type, period_type, by: words.map(str::to_owned).collect(), age_bands: Vec::new() }
    }

    #[test]
    fn a_coarser_view_is_proposed() {
        let fine = "fine lsoa quarter type sex";
        for (view_text, others, expect) in [
            (fine, vec![("year lsoa calendar-year", 90)], "leave it out, the coarser view `year` shows 90 %"),
            (fine, vec![("a msoa quarter", 70), ("b msoa calendar-year sex", 80)], "the coarser view `b`"),
            // One that shows too little itself, a finer one, and one that is broken down by something else.
            (fine, vec![("a msoa quarter", 59)], "register it without the breakdown by sex, only by type"),
            (fine, vec![("a lsoa month", 90)], "register it without the breakdown by sex, only by type"),
            (fine, vec![("a msoa quarter age", 90)], "register it without the breakdown by sex, only by type"),
            ("fine lsoa quarter sex", vec![], "register it without the breakdown by sex"),
            ("fine lsoa quarter", vec![], "register it by msoa, or for longer periods"),
            ("fine ward quarter", vec![], "register it by district, or for longer periods"),
            ("fine county month", vec![], "register it for longer periods"),
        ] {
            let fine = view(view_text);
            let others: Vec<(View, Shown)> = others
                .into_iter()
                .map(|(text, visible)| (view(text), Shown { cells: 100, numbers: visible }))
                .collect();
            let tables: Vec<(&View, Shown)> = std::iter::once((&fine, Shown { cells: 100, numbers: 10 }))
                .chain(others.iter().map(|(view, shown)| (view, *shown)))
                .collect();
            let text = proposal(&fine, &tables);
            assert!(text.contains(expect), "{view_text}: {text}");
        }
    }
}
