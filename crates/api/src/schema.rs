//! Answers as they are written: plain text and numbers, described in OpenAPI.

use crate::encode::JsonRows;
use model::DatasetId;
use model::Period;
use platform::{
    AreaCard, Change, IndicatorCard, Loss, Me, Preview, PublicationReport, RevisedPeriod, RevisionPlan,
    RevisionPreview, ShareBand, Shows, TableCard, ViewCard, ViewChange,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The sentence that goes with every answer over invented data.
pub const SYNTHETIC_NOTICE: &str =
    "Synthetic data: invented for demonstration. No figure describes a real person or place.";

/// The catalogue of indicators.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IndicatorList {
    /// Whether any of it stands on invented data.
    pub(crate) synthetic: bool,
    /// What to know about the data.
    pub(crate) notice: Option<&'static str>,
    /// The indicators that the caller may read.
    pub(crate) indicators: Vec<IndicatorItem>,
}

/// An indicator in the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IndicatorItem {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    card: CardWithoutViews,
    /// Its tables.
    views: Vec<ViewItem>,
}

/// The card's own fields; views are written with their periods in words.
#[derive(Debug, Serialize)]
struct CardWithoutViews(serde_json::Map<String, serde_json::Value>);

/// A table of an indicator.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewItem {
    /// Its name.
    pub(crate) name: String,
    /// Areas of its rows.
    pub(crate) area_type: String,
    /// Kind of its periods.
    pub(crate) period_type: String,
    /// What it is broken down by.
    pub(crate) by: Vec<String>,
    /// Published periods, oldest first.
    pub(crate) periods: Vec<PeriodItem>,
    /// Cells in the table.
    pub(crate) cells: u64,
    /// Cells with a value.
    pub(crate) visible: u64,
}

/// A period, for programs and for people.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeriodItem {
    /// ISO 8601 interval, for example `2024-01-01/P1Y`.
    pub(crate) period: String,
    /// In words, for example `2024`.
    pub(crate) label: String,
}

impl From<Period> for PeriodItem {
    fn from(period: Period) -> Self {
        Self { period: period.to_string(), label: period.label() }
    }
}

impl From<ViewCard> for ViewItem {
    fn from(view: ViewCard) -> Self {
        Self {
            name: view.name,
            area_type: view.area_type.to_string(),
            period_type: view.period_type.to_string(),
            by: view.by,
            periods: view.periods.into_iter().map(PeriodItem::from).collect(),
            cells: view.cells,
            visible: view.visible,
        }
    }
}

impl From<IndicatorCard> for IndicatorItem {
    fn from(mut card: IndicatorCard) -> Self {
        let views = std::mem::take(&mut card.views).into_iter().map(ViewItem::from).collect();
        let mut fields = match serde_json::to_value(&card) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        fields.remove("views");
        if let Some(kind) = fields.remove("indicator_type") {
            fields.insert("type".to_owned(), kind);
        }
        Self { card: CardWithoutViews(fields), views }
    }
}

/// Areas of the partnership.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AreaList {
    /// Whether the boundaries and codes are invented.
    pub(crate) synthetic: bool,
    /// The areas, in order of code.
    #[schema(value_type = Vec<Object>)]
    pub(crate) areas: Vec<AreaCard>,
}

/// Rows of one view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DataDocument {
    /// The indicator.
    pub(crate) indicator: String,
    /// The view that answered.
    pub(crate) view: String,
    /// Whether the rows stand on invented data.
    pub(crate) synthetic: bool,
    /// What to know about the data.
    pub(crate) notice: Option<&'static str>,
    /// Why there are no rows, and what exists.
    pub(crate) notes: Vec<String>,
    /// Digests of the agreements that the numbers stand on.
    pub(crate) agreements: Vec<String>,
    /// The rows, as objects with the fixed columns.
    #[schema(value_type = Vec<Object>)]
    pub(crate) rows: serde_json::Value,
}

/// A table of counts with noise.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TableDocument<'a> {
    /// The dataset.
    pub(crate) dataset: String,
    /// Type of its areas.
    pub(crate) area_type: String,
    /// Vintage of their boundaries.
    pub(crate) boundary_year: Option<u16>,
    /// Its dimensions: every row has a category of each, or `all`.
    pub(crate) by: Vec<String>,
    /// The measure that figures are sums of; without one they are counts.
    pub(crate) sum: Option<String>,
    /// Whether it stands on invented data.
    pub(crate) synthetic: bool,
    /// What to know about the data.
    pub(crate) notice: Option<&'static str>,
    /// What is counted, and what the noise is.
    pub(crate) notes: Vec<String>,
    /// Digests of the agreements that the numbers stand on.
    pub(crate) agreements: Vec<String>,
    /// Its rows, as objects: area, period, dimensions, count.
    #[schema(value_type = Vec<Object>)]
    pub(crate) rows: JsonRows<'a>,
}

/// What tables the caller may ask for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TableList {
    /// By dataset.
    #[schema(value_type = Vec<Object>)]
    pub(crate) tables: Vec<TableCard>,
}

/// What the caller may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeDocument {
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub(crate) me: Me,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, `degraded`, or what is being done or missing.
    pub(crate) status: String,
    /// What is closed, while the rest answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<String>,
}

impl Health {
    /// A state without problems to tell.
    pub(crate) fn of(status: &str) -> Self {
        Self { status: status.to_owned(), problems: Vec::new() }
    }
}

/// Publications that wait for approval.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicationList {
    /// Those that the caller may decide about.
    pub(crate) publications: Vec<PublicationItem>,
}

/// A revision that was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevisionItem {
    /// How many corrected files it is about.
    pub(crate) corrections: usize,
}

/// What a revision would publish. Nothing in it is a figure of a cell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevisionPreviewItem {
    /// The dataset.
    dataset: String,
    /// How many corrected files wait.
    corrections: usize,
    /// What to send when asking for exactly this; none where nothing waits or it cannot be published.
    digest: Option<String>,
    /// Why it cannot be published, if it cannot.
    refused: Option<String>,
    /// What becomes of the numbers that are shown now, by view.
    views: Vec<ViewChangeItem>,
    /// Of people over several datasets: the periods of which all figures would be others. Which ones nobody is told before.
    periods: Vec<RevisedPeriodItem>,
    /// Headline totals that would not be shown any more: measure, area, period and whom they are about.
    totals: Vec<String>,
    /// Cells that were shown once and are not there now, and would never be shown again, whatever is sent.
    left_behind: Vec<LeftBehindItem>,
    /// Cells of which there is a figure and which stay away, as an earlier revision left them behind.
    stay_away: Vec<LeftBehindItem>,
}

/// A period that would be published with one more state of its data.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevisedPeriodItem {
    /// The period.
    period: String,
    /// With how many states of its data it is out.
    published: usize,
    /// With how many it may be, for good.
    most: u32,
}

/// What a revision would leave behind of a period.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeftBehindItem {
    /// The period.
    period: String,
    /// How many cells.
    cells: usize,
}

/// What a revision would change of a view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewChangeItem {
    /// Its name.
    view: String,
    #[serde(flatten)]
    all: ChangeItem,
    /// The periods in which numbers would be `[c]`, and those that would appear.
    periods: Vec<PeriodChangeItem>,
}

/// What a revision would change of a period of a view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PeriodChangeItem {
    /// The period.
    period: String,
    #[serde(flatten)]
    all: ChangeItem,
}

/// What a revision would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeItem {
    /// Numbers that are shown.
    shown: usize,
    /// How many of them would be others.
    changed: usize,
    /// How many of them would be `[c]`.
    withheld: usize,
    /// Numbers that would appear: of a period that comes back.
    appear: usize,
    /// Cells that would appear as `[c]`.
    appear_withheld: usize,
    /// Share of the cells that are shown now, in whole percent; none where nothing is there now.
    percent_now: Option<usize>,
    /// Share of the cells that would be shown.
    percent_then: usize,
    /// Whether enough is shown now, and too little would be.
    becomes_too_fine: bool,
}

impl From<&Change> for ChangeItem {
    fn from(change: &Change) -> Self {
        Self {
            shown: change.before.numbers,
            changed: change.changed,
            withheld: change.withheld,
            appear: change.appears.numbers,
            appear_withheld: change.appears.cells.saturating_sub(change.appears.numbers),
            percent_now: (change.before.cells > 0).then(|| change.before.percent()),
            percent_then: change.after.percent(),
            becomes_too_fine: change.becomes_too_fine(),
        }
    }
}

impl From<&ViewChange> for ViewChangeItem {
    fn from(view: &ViewChange) -> Self {
        let losing = view.periods.iter().filter(|(_, change)| change.withheld > 0 || change.appears.cells > 0);
        let period = |(period, change): (&model::Period, &Change)| PeriodChangeItem {
            period: period.to_string(),
            all: change.into(),
        };
        Self { view: view.name.clone(), all: (&view.all).into(), periods: losing.map(period).collect() }
    }
}

impl From<RevisionPreview> for RevisionPreviewItem {
    fn from(preview: RevisionPreview) -> Self {
        let changes = preview.plan.as_ref().and_then(RevisionPlan::changes);
        let left_behind =
            |(period, cells): (&model::Period, &usize)| LeftBehindItem { period: period.to_string(), cells: *cells };
        Self {
            dataset: preview.dataset.to_string(),
            corrections: preview.corrections,
            digest: preview.plan.as_ref().map(|plan| plan.digest.to_string()),
            views: changes.iter().flat_map(|changes| &changes.views).map(ViewChangeItem::from).collect(),
            left_behind: changes.iter().flat_map(|changes| &changes.left_behind).map(left_behind).collect(),
            stay_away: changes.iter().flat_map(|changes| &changes.stay_away).map(left_behind).collect(),
            totals: changes.iter().flat_map(|changes| &changes.totals).map(ToString::to_string).collect(),
            periods: preview.plan.as_ref().map(|plan| revised_periods(&plan.shows)).unwrap_or_default(),
            refused: preview.refused,
        }
    }
}

fn revised_periods(shows: &Shows) -> Vec<RevisedPeriodItem> {
    let Shows::Links { periods, most, .. } = shows else { return Vec::new() };
    let item = |RevisedPeriod { period, published }: &RevisedPeriod| RevisedPeriodItem {
        period: period.to_string(),
        published: *published,
        most: *most,
    };
    periods.iter().map(item).collect()
}

/// Where a publication that waits stands once somebody has decided.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StandingItem {
    /// In words: approved, whose word is still missing, or by whom it was rejected.
    pub(crate) standing: String,
}

/// A publication that waits for approval. Nothing in it is a figure of a cell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublicationItem {
    /// The dataset.
    dataset: String,
    /// What is approved or rejected: this and nothing else.
    digest: String,
    /// The roles that have to approve it.
    approval: Vec<String>,
    /// What was decided, in order.
    decisions: Vec<String>,
    /// Why it can no longer be approved, if it cannot.
    void: Option<String>,
    /// What it would withhold, by view; empty where that cannot be read.
    views: Vec<ViewLoss>,
    /// The whole report, for people; empty where it cannot be read.
    report: String,
}

/// What a view would withhold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewLoss {
    /// Its name.
    view: String,
    /// All its cells for which there is a figure.
    cells: usize,
    /// How many of them are withheld.
    withheld: usize,
    /// Share of its value that is withheld, in one of five bands or `nothing`; empty where it would narrow what few cells hold.
    share_of_value: Option<&'static str>,
}

impl From<&(String, Loss)> for ViewLoss {
    fn from((view, loss): &(String, Loss)) -> Self {
        Self {
            view: view.clone(),
            cells: loss.cells,
            withheld: loss.withheld,
            share_of_value: loss.share_of_value().map(ShareBand::as_str),
        }
    }
}

/// What the last publication of a dataset released and withheld. Nothing in it is a figure of a cell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportItem {
    /// The dataset.
    dataset: String,
    /// What it withholds, by view.
    views: Vec<ViewLoss>,
    /// The whole report, for people.
    report: String,
}

impl ReportItem {
    pub(crate) fn new(dataset: &DatasetId, report: &PublicationReport) -> Self {
        Self {
            dataset: dataset.to_string(),
            views: report.views.iter().map(ViewLoss::from).collect(),
            report: report.to_string(),
        }
    }
}

impl From<Preview> for PublicationItem {
    fn from(preview: Preview) -> Self {
        Self {
            dataset: preview.dataset.to_string(),
            digest: preview.digest.to_string(),
            approval: preview.approval.iter().map(ToString::to_string).collect(),
            decisions: preview.decisions,
            void: preview.void,
            views: preview.report.iter().flat_map(|report| &report.views).map(ViewLoss::from).collect(),
            report: preview.report.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }
}
