//! Published tables: tidy rows derived from released cells alone.

mod denominator;
mod figures;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use agreements::{Governing, LinkedFigures, OptOutEvidence};
use disclosure::{Cell, CellId, GroupTables, MeasureId, NoiseKind, Released};
use model::indicator::{Indicator, View};
use model::table::Breakdown;
use model::{
    AgeBand, AreaCode, AreaType, BoundaryYear, CellKey, Mark, Month, Period, PeriodType, Sex, Status, TidyRow, ViewId,
};

pub(crate) use self::denominator::{DenominatorPeriods, DenominatorRule};
use self::figures::{fill, without_value};
use crate::error::PlatformError;
use crate::publish::Placing;
use crate::state::digest_of;

/// A published view.
#[derive(Debug, Clone)]
pub(crate) struct Cube {
    /// The view.
    pub(crate) view: ViewId,
    /// Its rows, in order of period, area, sex, age, breakdown.
    pub(crate) rows: Released<Vec<TidyRow>>,
    /// What noise its figures have, in words, if any.
    pub(crate) noise: Option<String>,
    /// What the rows stand on.
    pub(crate) basis: Basis,
}

impl Cube {
    /// Without the rows of some periods; its entity tag is another then.
    pub(crate) fn without(self: &Arc<Self>, closed: &BTreeSet<Period>) -> Arc<Self> {
        if closed.is_empty() {
            return Arc::clone(self);
        }
        #[expect(clippy::disallowed_methods, reason = "a selection of released rows")]
        let rows = self
            .rows
            .as_ref()
            .map(|rows| rows.iter().filter(|row| !closed.contains(&row.period)).cloned().collect::<Vec<_>>());
        let closed = closed.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let etag = digest_of([self.basis.etag.as_bytes(), closed.as_bytes()]).to_string().chars().take(32).collect();
        let basis = Basis { etag, ..self.basis.clone() };
        Arc::new(Self { view: self.view.clone(), rows, noise: self.noise.clone(), basis })
    }
}

/// What a published view stands on; part of its entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Basis {
    /// The datasets and the agreements that govern them.
    pub(crate) governing: Vec<Governing>,
    /// When opt-outs were last applied to them.
    pub(crate) opt_outs: Vec<OptOutEvidence>,
    /// What was linked for it, period by period, where anything was.
    pub(crate) linked: Vec<LinkedRecords>,
    /// SHA-256 over the published rows, the definition and the agreements, in hexadecimal.
    pub(crate) etag: String,
}

/// Records that were linked at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkedRecords {
    /// Of which period, if anything is published of them.
    pub(crate) period: Option<Period>,
    /// What governs them.
    pub(crate) inputs: Vec<Governing>,
    /// What was declared of them.
    pub(crate) opt_outs: Vec<OptOutEvidence>,
    /// What figures were made of them.
    pub(crate) figures: LinkedFigures,
}

/// A category of a dimension in a table, or the total over it.
pub(crate) type Choice = Option<String>;

/// An area of a table.
pub(crate) struct TableArea {
    pub(crate) code: AreaCode,
    pub(crate) name: String,
    pub(crate) boundary_year: BoundaryYear,
    pub(crate) placing: Placing,
}

/// What is needed to write a view's rows, beside the released tables.
pub(crate) struct Layout<'a> {
    pub(crate) indicator: &'a Indicator,
    pub(crate) measure: MeasureId,
    pub(crate) view: &'a View,
    pub(crate) areas: Vec<TableArea>,
    pub(crate) periods: Vec<Period>,
    /// Categories of each dimension of the view, in the order of `view.by`.
    pub(crate) categories: Vec<Vec<String>>,
    pub(crate) denominator: Option<DenominatorRule>,
    /// Whether a figure that the source does not have is marked like one that is withheld.
    pub(crate) conceals_gaps: bool,
    /// Of linked records, whose totals are sums of figures with noise: of how many, and within what of their counts 19 of 20 figures and
    /// totals are.
    pub(crate) sums: Option<Sums>,
}

/// See [`Layout::sums`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sums {
    figures: u32,
    within: [u32; 2],
}

impl Sums {
    /// Of tables whose noise has no largest value.
    pub(crate) fn of(tables: &GroupTables, figures: usize) -> Option<Self> {
        let Some(NoiseKind::Geometric(noise)) = tables.noise() else { return None };
        let figures = u32::try_from(figures).unwrap_or(1).max(1);
        Some(Self { figures, within: [noise.within_95(1), noise.within_95(figures)] })
    }
}

impl Layout<'_> {
    /// Of how many figures with noise a cell is the sum.
    fn summed(&self, key: &CellKey) -> u32 {
        self.sums.filter(|_| key.breakdown.is_none()).map_or(1, |sums| sums.figures)
    }

    fn within(&self, key: &CellKey) -> u32 {
        self.sums.map_or(0, |sums| if key.breakdown.is_none() { sums.within[1] } else { sums.within[0] })
    }

    /// What is said of the noise of a whole table: of its least exact figures.
    pub(crate) fn noise(&self, numerator: &GroupTables) -> Option<String> {
        numerator.noise().map(|noise| noise_in_words(noise, self.sums.map_or(0, |sums| sums.within[1])))
    }
}

/// The rows of a view from released tables: a pure function of what is released.
///
/// # Errors
/// If a category cannot be written as a cell key.
#[expect(clippy::disallowed_methods, reason = "rows are made of released cells and of public definitions")]
pub(crate) fn rows(
    layout: &Layout<'_>,
    numerator: &Released<GroupTables>,
    denominator: Option<&Released<GroupTables>>,
) -> Result<Released<Vec<TidyRow>>, PlatformError> {
    let keys = keys(layout)?;
    let write = |top: &GroupTables, bottom: Option<&GroupTables>| {
        keys.iter().map(|(key, area)| row(layout, key, area, top, bottom)).collect::<Vec<TidyRow>>()
    };
    Ok(match denominator {
        Some(denominator) => numerator.as_ref().zip(denominator.as_ref()).map(|(top, bottom)| write(top, Some(bottom))),
        None => numerator.as_ref().map(|top| write(top, None)),
    })
}

fn keys<'a>(layout: &'a Layout<'_>) -> Result<Vec<(CellKey, &'a TableArea)>, PlatformError> {
    let combinations = combinations(&layout.categories);
    let mut keys = Vec::new();
    for period in &layout.periods {
        for area in &layout.areas {
            for combination in &combinations {
                let by = layout.view.by.iter().map(String::as_str).zip(combination);
                keys.push((key_of((layout.view.area_type, &area.code, *period), by)?, area));
            }
        }
    }
    Ok(keys)
}

/// The key of a cell, by a choice on each of its table's dimensions.
pub(crate) fn key_of<'a>(
    (area_type, area, period): (AreaType, &AreaCode, Period),
    choices: impl Iterator<Item = (&'a str, &'a Choice)>,
) -> Result<CellKey, PlatformError> {
    let area = area.clone();
    let mut key = CellKey { area_type, area, period, sex: Sex::All, age: AgeBand::All, breakdown: None };
    for (dimension, choice) in choices {
        let Some(category) = choice else { continue };
        match dimension {
            "sex" => key.sex = category.parse()?,
            "age" => key.age = category.parse()?,
            _ => key.breakdown = Some(Breakdown { dimension: dimension.to_owned(), category: category.clone() }),
        }
    }
    Ok(key)
}

/// The total first, then the categories, over all dimensions.
pub(crate) fn combinations(categories: &[Vec<String>]) -> Vec<Vec<Choice>> {
    let mut combinations: Vec<Vec<Choice>> = vec![Vec::new()];
    for dimension in categories {
        let choices: Vec<Choice> = std::iter::once(None).chain(dimension.iter().cloned().map(Some)).collect();
        combinations = combinations
            .iter()
            .flat_map(|head| {
                choices.iter().map(|choice| {
                    let mut combination = head.clone();
                    combination.push(choice.clone());
                    combination
                })
            })
            .collect();
    }
    combinations
}

fn row(
    layout: &Layout<'_>,
    key: &CellKey,
    area: &TableArea,
    numerator: &GroupTables,
    denominator: Option<&GroupTables>,
) -> TidyRow {
    let indicator = layout.indicator;
    let top = cell(numerator, &layout.measure, key, layout.conceals_gaps);
    let bottom = layout.denominator.as_ref().zip(denominator).map(|(rule, tables)| denominator_cell(rule, tables, key));
    let open_denominator = layout.denominator.as_ref().is_some_and(|rule| rule.open);
    let breakdown_type = layout.view.by.iter().find(|d| *d != "sex" && *d != "age");
    let mut row = TidyRow {
        indicator: indicator.id.clone(),
        area_code: area.code.clone(),
        area_name: area.name.clone(),
        area_type: key.area_type,
        boundary_year: area.boundary_year,
        period: key.period,
        sex: key.sex,
        age: key.age,
        breakdown_type: breakdown_type.cloned(),
        breakdown: breakdown_type
            .map(|_| key.breakdown.as_ref().map_or_else(|| "all".to_owned(), |b| b.category.clone())),
        value: None,
        unit: indicator.unit.clone(),
        lower_95: None,
        upper_95: None,
        lower_998: None,
        upper_998: None,
        count: None,
        denominator: match bottom {
            Some(Cell::Value(n)) if open_denominator => Some(n),
            _ => None,
        },
        status: Status::Ok,
        significance: None,
        trend: None,
        geography_method: area.placing.method.clone(),
        modelled_share: None,
        caveat: caveat(layout, area, key, [Some(numerator), denominator]),
    };
    let noise = numerator.noise().map_or(0.0, NoiseKind::variance) * f64::from(layout.summed(key));
    match (top, bottom) {
        // What the denominator's source does not have hides nothing of the numerator.
        (Cell::Value(count), Some(Cell::Withheld(Mark::X))) => without_value(&mut row, indicator, count),
        (Cell::Withheld(mark), _) | (_, Some(Cell::Withheld(mark))) => row.status = mark.into(),
        (Cell::Value(count), None) => fill(&mut row, indicator, (count, noise), None),
        (Cell::Value(count), Some(Cell::Value(of))) => fill(&mut row, indicator, (count, noise), Some(of)),
    }
    if row.status == Status::Ok && area.placing.modelled {
        row.status = Status::Modelled;
        row.modelled_share = area.placing.share;
    }
    row
}

/// What a reader must know: of the indicator as a whole, of this area, of this period, and of corrections. Nothing is said of one
/// cell.
fn caveat(
    layout: &Layout<'_>,
    area: &TableArea,
    key: &CellKey,
    [numerator, denominator]: [Option<&GroupTables>; 2],
) -> Option<String> {
    let of_place = area.placing.caveat.clone();
    let other = layout.denominator.as_ref().and_then(|rule| rule.periods.stand_in(key.period));
    let other = other.map(|of| format!("The denominator is that of {}: there is none of this period.", of.label()));
    let same = layout.denominator.as_ref().is_some_and(|rule| rule.periods == DenominatorPeriods::Same);
    let revised = [numerator, denominator.filter(|_| !same)].map(|tables| tables.is_some_and(GroupTables::is_revised));
    let noise = numerator.and_then(GroupTables::noise).map(|noise| noise_in_words(noise, layout.within(key)));
    let said = layout.indicator.caveats.iter().cloned().chain(noise).chain(of_place).chain(other);
    let said = said.chain(corrected(revised));
    let all: Vec<String> = said.collect();
    (!all.is_empty()).then(|| all.join(" "))
}

fn noise_in_words(noise: &NoiseKind, within: u32) -> String {
    match noise {
        NoiseKind::CellKey(noise) => format!(
            "To protect people, counts have noise of at most {0} either way, which the limits allow for; a 0 may stand for up to {0}, and parts do not add up to totals exactly.",
            noise.largest()
        ),
        NoiseKind::Geometric(_) => format!(
            "To protect people, counts have noise, which the limits allow for: 19 of 20 such figures are within {within} of what was counted, a 0 may stand for as many, and areas do not add up exactly."
        ),
    }
}

/// What is said of corrections to numerator and denominator.
fn corrected(revised: [bool; 2]) -> impl Iterator<Item = String> {
    let of_what = ["Data", "Data of the denominator"].into_iter().zip(revised).filter(|(_, revised)| *revised);
    of_what.map(|(of_what, _)| format!("{of_what} were corrected since they were first published."))
}

/// A cell that no table has is not available whatever its source withholds.
fn cell(tables: &GroupTables, measure: &MeasureId, key: &CellKey, conceals_gaps: bool) -> Cell {
    let id = CellId { measure: measure.clone(), key: key.clone() };
    match tables.cell(&id) {
        None => Cell::Withheld(Mark::X),
        Some(Cell::Withheld(Mark::X)) if conceals_gaps => Cell::Withheld(Mark::C),
        Some(cell) => cell,
    }
}

fn denominator_cell(rule: &DenominatorRule, tables: &GroupTables, key: &CellKey) -> Cell {
    rule.key(key).map_or(Cell::Withheld(Mark::X), |own| cell(tables, &rule.measure, &own, rule.conceals_gaps))
}

/// The share of cells of a view that have a value.
pub(crate) fn visible(rows: &[TidyRow]) -> u64 {
    let shown = rows.iter().filter(|row| row.value.is_some()).count();
    u64::try_from(shown).unwrap_or(u64::MAX)
}

/// The months that partitions of a dataset cover, as the periods of a type that are covered whole, oldest first.
pub(crate) fn covered(partitions: &[Period], kind: PeriodType) -> Vec<Period> {
    let months: std::collections::BTreeSet<Month> = partitions.iter().flat_map(|p| p.months()).collect();
    let mut periods: BTreeMap<Period, ()> = BTreeMap::new();
    for month in &months {
        let period = kind.containing(*month);
        if period.months().all(|m| months.contains(&m)) {
            periods.insert(period, ());
        }
    }
    periods.into_keys().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn months(kind: PeriodType, texts: &[&str]) -> Vec<Period> {
        texts.iter().map(|text| Period::parse(text, kind).unwrap()).collect()
    }

    #[test]
    fn only_whole_periods_are_published() {
        let quarters = months(
            PeriodType::Quarter,
            &["2023-01-01/P3M", "2023-04-01/P3M", "2023-07-01/P3M", "2023-10-01/P3M", "2024-01-01/P3M"],
        );
        let labels = |kind| covered(&quarters, kind).iter().map(|p| p.label()).collect::<Vec<_>>();
        assert_eq!(labels(PeriodType::CalendarYear), ["2023"]);
        assert_eq!(labels(PeriodType::FinancialYear), ["2023/24"]);
        assert_eq!(labels(PeriodType::Quarter).len(), 5);
        assert_eq!(labels(PeriodType::Month).len(), 15);
        assert_eq!(labels(PeriodType::Rolling12).len(), 4);
    }

    const INDICATOR: &str = r#"
id = "an-indicator"
title = "A"
definition = "A"
rationale = "A"
theme = "A"
owner = "an-organisation"
version = "1"
type = "crude-rate"
unit = "per 1,000 people"
multiplier = 1000
decimals = 1
polarity = "low-is-good"
tier = "public"
interval = "byar"
purpose = "a-purpose"
[numerator]
dataset = "an-organisation.events"
measure = "count"
[denominator]
dataset = "an-organisation.people"
measure = "people"
[[view]]
name = "district-year"
area_type = "district"
period_type = "calendar-year"
"#;

    /// What a reader sees of one row, whose cells are released as these counts; `None` has no figure at its source.
    fn shown(count: u64, people: Option<u64>) -> (Status, Option<u64>, bool) {
        let method = "point".to_owned();
        let placing = Placing { method, modelled: false, share: None, caveat: None };
        let row = written(count, people, placing, false);
        (row.status, row.count, row.value.is_some())
    }

    fn written(count: u64, people: Option<u64>, placing: Placing, conceals_gaps: bool) -> TidyRow {
        use disclosure::{CellFacts, OpenSource, UnreleasedBuilder};
        let indicator = Indicator::parse("indicator.toml", INDICATOR).unwrap();
        let period = Period::parse("2025-01-01/P1Y", PeriodType::CalendarYear).unwrap();
        let area_type = model::AreaType::District;
        let area: AreaCode = "E07000118".parse().unwrap();
        let key = CellKey { area_type, area: area.clone(), period, sex: Sex::All, age: AgeBand::All, breakdown: None };
        let release = |measure: &MeasureId, count: Option<u64>| {
            let (source, licence) = ("somebody".to_owned(), "a licence".to_owned());
            let exposure = model::Exposure::Open { source: source.clone(), licence: licence.clone() };
            let mut builder = UnreleasedBuilder::new("a-group".parse().unwrap(), model::Digest([0; 32]), exposure);
            let atom = builder.atom(count.unwrap_or(0));
            let facts = CellFacts { headline: false, known_upper: None, not_available: count.is_none() };
            builder.cell(CellId { measure: measure.clone(), key: key.clone() }, [atom], count.unwrap_or(0), facts);
            builder.finish().unwrap().release_open(&OpenSource { source, licence }).unwrap()
        };
        let measure = |measure: &model::indicator::Measure| crate::requests::measure_id(measure).unwrap();
        let (top, bottom) = (measure(&indicator.numerator), measure(indicator.denominator.as_ref().unwrap()));
        let layout = Layout {
            indicator: &indicator,
            measure: top.clone(),
            view: indicator.views.first().unwrap(),
            areas: vec![TableArea {
                code: area,
                name: "Chorley".to_owned(),
                boundary_year: BoundaryYear::new(2025).unwrap(),
                placing,
            }],
            periods: vec![period],
            categories: Vec::new(),
            denominator: Some(DenominatorRule {
                measure: bottom.clone(),
                open: true,
                shared: Vec::new(),
                periods: DenominatorPeriods::Same,
                conceals_gaps,
            }),
            conceals_gaps: false,
            sums: None,
        };
        let released = rows(&layout, &release(&top, Some(count)), Some(&release(&bottom, people))).unwrap();
        released.get().first().unwrap().clone()
    }

    #[test]
    fn a_modelled_figure_says_so_and_one_that_is_not_there_is_not_modelled() {
        let placing = Placing {
            method: "supplied, modelled".to_owned(),
            modelled: true,
            share: Some(1.0),
            caveat: Some("Redrawn.".to_owned()),
        };
        for (count, people, status, share) in
            [(7, Some(1000), Status::Modelled, Some(1.0)), (0, Some(0), Status::Z, None), (7, None, Status::X, None)]
        {
            let row = written(count, people, placing.clone(), false);
            assert_eq!((row.status, row.modelled_share), (status, share), "{count} of {people:?}");
            assert_eq!(row.geography_method, "supplied, modelled");
            assert_eq!(row.caveat.as_deref(), Some("Redrawn."));
        }
    }

    #[test]
    fn corrections_of_either_part_are_said() {
        let said = |revised| corrected(revised).collect::<Vec<_>>();
        assert_eq!(said([false, false]), Vec::<String>::new());
        let both = said([true, true]);
        assert!(both[0].starts_with("Data were corrected"), "{both:?}");
        assert!(both[1].starts_with("Data of the denominator were corrected"), "{both:?}");
        assert_eq!(said([false, true]), both[1..]);
    }

    #[test]
    fn a_count_without_a_rate_is_still_shown() {
        assert_eq!(shown(7, Some(1000)), (Status::Ok, Some(7), true));
        assert_eq!(shown(0, Some(0)), (Status::Z, None, false));
        assert_eq!(shown(7, Some(0)), (Status::X, Some(7), false));
        assert_eq!(shown(7, None), (Status::X, Some(7), false));
    }

    /// `[x]` in an area that has one supplier unit would say that the unit's figure is one that is withheld because it is small.
    #[test]
    fn what_a_supplier_withholds_is_not_told_from_what_is_withheld_here() {
        for (people, concealed, expect) in [
            (None, true, (Status::C, None)),
            (None, false, (Status::X, Some(7))),
            (Some(1000), true, (Status::Ok, Some(7))),
        ] {
            let method = "supplied".to_owned();
            let placing = Placing { method, modelled: false, share: None, caveat: None };
            let row = written(7, people, placing, concealed);
            assert_eq!((row.status, row.count), expect, "{people:?} {concealed}");
        }
    }

    #[test]
    fn combinations_hold_the_total_of_every_dimension() {
        let all = combinations(&[vec!["female".to_owned(), "male".to_owned()], vec!["65+".to_owned()]]);
        assert_eq!(all.len(), 6);
        assert_eq!(all.first().unwrap(), &vec![None, None]);
        assert_eq!(combinations(&[]), vec![Vec::<Choice>::new()]);
    }
}
