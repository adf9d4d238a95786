//! How many people are known to how many services, by area and period: records of several datasets are joined by the pseudonyms that these
//! share, in this function and nowhere else. What comes out are counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use agreements::{Derive, Level, Levels, Link, Permit, Snapshot};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type, UInt32Type};
use disclosure::{CellSpace, GroupId, UnreleasedCounts};
use jiff::Timestamp;
use model::contract::Role as ColumnRole;
use model::{AreaCode, DatasetId, Digest, Month, Period};

use crate::data::column::Kind;
use crate::data::hot::Hot;
use crate::data::values::Values;
use crate::error::EngineError;
use crate::permitted::covers_stored;
use crate::query::grouping::{Grouping, ROWS};
use crate::query::session::Session;
use crate::request::{AreaSet, CONTRIBUTOR, Deadline, Limits, StoredTable, apart};

/// One of the datasets whose people are counted together.
#[derive(Clone)]
pub struct LinkedDataset {
    /// The dataset.
    pub dataset: DatasetId,
    /// Its column with the identifier that pseudonyms were made of.
    pub link: String,
    /// Its files.
    pub tables: Vec<StoredTable>,
}

/// What is counted of linked records.
#[derive(Debug, Clone)]
pub struct LinkRequest {
    /// The group, and a digest over the revision of its data that is counted.
    pub release: (GroupId, Digest),
    /// The dimension and its categories: known to one service, to two and so on, the last one to so many and more.
    pub services: (String, Vec<String>),
    /// Every area that rows may carry: where most of somebody's records are must not depend on which tables are counted.
    pub everywhere: Vec<AreaCode>,
    /// One table by each of these; no row is in two areas of one.
    pub areas: Vec<Arc<AreaSet>>,
    /// Periods, none of which overlaps another one.
    pub periods: Vec<Period>,
}

/// Who may link records and make tables of it, at what moment.
#[derive(Debug, Clone, Copy)]
pub struct LinkPermit<'a> {
    /// To link.
    pub link: &'a Permit<Link>,
    /// To make tables.
    pub derive: &'a Permit<Derive>,
    /// The agreements that both must still hold in.
    pub snapshot: &'a Snapshot,
    /// The moment.
    pub now: Timestamp,
}

impl LinkPermit<'_> {
    pub(crate) fn check(&self, datasets: &[LinkedDataset], request: &LinkRequest) -> Result<(), EngineError> {
        let refused = |what: String| Err(EngineError::NotPermitted { what });
        let Self { link, derive, snapshot, now } = self;
        if !link.is_valid(snapshot, *now) || !derive.is_valid(snapshot, *now) {
            return refused("linked records any longer".to_owned());
        }
        for LinkedDataset { dataset, link: column, tables } in datasets {
            covers_stored(link, tables, dataset)?;
            covers_stored(derive, tables, dataset)?;
            // Other columns say something else of somebody than who it is.
            let agreed = link.agreed_columns(dataset).and_then(|agreed| agreed.get(column));
            if agreed.is_none_or(|agreed| agreed.role != ColumnRole::Link) {
                return refused(format!("column `{column}` of `{dataset}`"));
            }
        }
        let levels = Levels::at_least_as_coarse_as(derive.outputs().iter().copied());
        for (areas, period) in request.areas.iter().flat_map(|areas| request.periods.iter().map(move |of| (areas, of)))
        {
            let level = Level::new(areas.area_type, period.period_type());
            if !levels.contains(level) {
                return refused(format!("a table of linked records by {level}"));
            }
        }
        Ok(())
    }
}

/// Somebody's records of one dataset in one period and area.
struct Seen {
    who: [u8; 16],
    period: u32,
    /// In [`Joined::atoms`], or [`NOWHERE`].
    area: u32,
    service: u32,
    rows: u64,
}

const NOWHERE: u32 = u32::MAX;

/// Everybody's records. They stay in this crate.
pub(crate) struct Joined<'a> {
    request: &'a LinkRequest,
    /// Codes that rows carry, each with its number.
    atoms: BTreeMap<String, u32>,
    seen: Vec<Seen>,
}

impl<'a> Joined<'a> {
    /// Reads the records of all datasets, in the order given.
    ///
    /// # Errors
    /// If a table is not what the catalogue says, or a limit is reached.
    pub(crate) async fn read(
        hot: &Arc<Hot>,
        datasets: &[LinkedDataset],
        request: &'a LinkRequest,
        (limits, deadline): (&Limits, &Deadline),
    ) -> Result<Self, EngineError> {
        apart(&request.periods, "linked records")?;
        let codes = request.areas.iter().flat_map(|areas| areas.areas.iter().flat_map(|(_, atoms)| atoms));
        let codes: std::collections::BTreeSet<&str> = codes.chain(&request.everywhere).map(AreaCode::as_str).collect();
        let atoms = codes.into_iter().map(str::to_owned).zip(0..).collect();
        let mut joined = Self { request, atoms, seen: Vec::new() };
        for (service, LinkedDataset { dataset, tables, .. }) in (0..).zip(datasets) {
            let session = Session::open(hot, (dataset, tables), grouping(limits), limits)?;
            let account = session.account("linked records");
            let each = |batch: RecordBatch| {
                deadline.check()?;
                joined.add(&batch, (service, dataset), &session)?;
                joined.within(limits)?;
                account.hold(joined.seen.capacity().saturating_mul(size_of::<Seen>()))
            };
            session.for_each(each).await?;
        }
        Ok(joined)
    }

    fn within(&self, limits: &Limits) -> Result<(), EngineError> {
        let needed = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        if needed > limits.max_contributions {
            // How many there are is nobody's business.
            let needed = limits.max_contributions.saturating_add(1);
            let (limit, unit, setting) = (limits.max_contributions, "contributions", "limits.max_contributions");
            return Err(EngineError::TooLarge { needed, unit, limit, setting });
        }
        Ok(())
    }

    fn add(
        &mut self,
        batch: &RecordBatch,
        (service, dataset): (u32, &DatasetId),
        session: &Session,
    ) -> Result<(), EngineError> {
        let stored = |problem: &str| EngineError::Stored { dataset: dataset.to_string(), problem: problem.to_owned() };
        let column = |number: usize| {
            let column = batch.columns().get(number).filter(|column| *column.data_type() == DataType::UInt32);
            column
                .map(|column| column.as_primitive::<UInt32Type>().values())
                .ok_or_else(|| stored("a column is not coded"))
        };
        let rows = batch.column_by_name(ROWS).filter(|column| *column.data_type() == DataType::Int64);
        let rows = rows.ok_or_else(|| stored("rows are not counted"))?.as_primitive::<Int64Type>().values();
        let columns = session.snapshot().columns();
        let [areas, months, people] = columns else { return Err(stored("a column is missing")) };
        let (areas, months, people) = (areas.values.read(), months.values.read(), people.values.read());
        let places = places(&areas, |values, code| {
            values.text(code).and_then(|area| self.atoms.get(area)).copied().unwrap_or(NOWHERE)
        });
        let periods = places_of_months(&months, &self.request.periods);
        for (((area, month), who), rows) in column(0)?.iter().zip(column(1)?).zip(column(2)?).zip(rows) {
            // Whoever has no identifier is known to nobody else.
            let Some(who) = people.who(*who) else { continue };
            let at = |list: &[u32], code: u32| list.get(code as usize).copied().unwrap_or(NOWHERE);
            let (area, period) = (at(&places, *area), at(&periods, *month));
            if period != NOWHERE {
                self.seen.push(Seen { who, period, area, service, rows: u64::try_from(*rows).unwrap_or_default() });
            }
        }
        Ok(())
    }

    /// Counts everybody once in each table: where most of their records are, by how many services know them.
    ///
    /// # Errors
    /// If an area code is part of two areas of a table.
    pub(crate) fn count(self) -> Result<Vec<UnreleasedCounts>, EngineError> {
        let LinkRequest { release, services, areas, periods, .. } = self.request;
        let unreleased = |(table, areas): (Table, &Arc<AreaSet>)| {
            let parts = |(_, parts): &(AreaCode, Vec<AreaCode>)| parts.iter().map(ToString::to_string).collect();
            let areas = areas.areas.iter().map(parts).collect();
            let space = CellSpace { areas, periods: periods.clone(), by: vec![services.clone()] };
            UnreleasedCounts::new(release.clone(), space, table.counts, None).map_err(EngineError::Counts)
        };
        self.tables()?.into_iter().zip(areas).map(unreleased).collect()
    }

    fn tables(mut self) -> Result<Vec<Table>, EngineError> {
        let LinkRequest { services: (_, categories), areas, periods, .. } = self.request;
        let axes = (periods.len(), categories.len());
        let table = |areas: &Arc<AreaSet>| Table::new(areas, &self.atoms, axes);
        let mut tables = areas.iter().map(table).collect::<Result<Vec<_>, _>>()?;
        self.seen.sort_unstable_by_key(|seen| (seen.who, seen.period, seen.area, seen.service));
        for person in self.seen.chunk_by(|one, other| (one.who, one.period) == (other.who, other.period)) {
            let Some((area, first)) = usual_area(person).zip(person.first()) else { continue };
            let category = services(person).min(axes.1).saturating_sub(1);
            tables.iter_mut().for_each(|table| table.add(area, (first.period as usize, category)));
        }
        Ok(tables)
    }
}

/// The counts of one table.
struct Table {
    /// The number of the area that an atom is part of, by the atom's number.
    area_of: Vec<u32>,
    /// How many periods and categories there are.
    axes: (usize, usize),
    /// By area, period and category, the last place of which is for all.
    counts: Vec<u64>,
}

impl Table {
    fn new(set: &AreaSet, atoms: &BTreeMap<String, u32>, axes: (usize, usize)) -> Result<Self, EngineError> {
        let mut area_of = vec![NOWHERE; atoms.len()];
        for (number, (_, parts)) in (0..).zip(&set.areas) {
            for part in parts {
                let slot = atoms.get(part.as_str()).and_then(|atom| area_of.get_mut(*atom as usize));
                let Some(slot) = slot else { continue };
                if *slot != NOWHERE && *slot != number {
                    let problem = format!("area `{part}` is part of two areas of the table");
                    return Err(EngineError::Stored { dataset: "linked records".to_owned(), problem });
                }
                *slot = number;
            }
        }
        let cells = set.areas.len() * axes.0 * (axes.1 + 1);
        Ok(Self { area_of, axes, counts: vec![0; cells] })
    }

    fn add(&mut self, atom: u32, (period, category): (usize, usize)) {
        let (periods, categories) = self.axes;
        let area = self.area_of.get(atom as usize).copied().unwrap_or(NOWHERE);
        if area == NOWHERE {
            return;
        }
        let row = (area as usize * periods + period) * (categories + 1);
        for place in [row + category, row + categories] {
            if let Some(count) = self.counts.get_mut(place) {
                *count += 1;
            }
        }
    }
}

fn grouping(limits: &Limits) -> Grouping {
    let axes = [("area", Kind::Text), ("month", Kind::Month), (CONTRIBUTOR, Kind::Person)];
    Grouping {
        axes: axes.into_iter().map(|(name, kind)| (Arc::from(name), kind)).collect(),
        measures: Vec::new(),
        keys: false,
        // Records elsewhere say where most of somebody's are.
        areas: None,
        most: Some((limits.max_contributions, "contributions", "limits.max_contributions")),
    }
}

/// What each code stands for.
fn places(values: &Values, place: impl Fn(&Values, u32) -> u32) -> Vec<u32> {
    (0..).take(values.len()).map(|code| place(values, code)).collect()
}

fn places_of_months(months: &Values, periods: &[Period]) -> Vec<u32> {
    places(months, |values, code| {
        let month = values.month(code).and_then(Month::from_ordinal);
        let period = month.and_then(|month| periods.iter().position(|period| period.contains(month)));
        period.and_then(|period| u32::try_from(period).ok()).unwrap_or(NOWHERE)
    })
}

/// Where most of somebody's records are, the first of several by code; nowhere if none of them is anywhere.
fn usual_area(person: &[Seen]) -> Option<u32> {
    let mut most: Option<(u64, u32)> = None;
    for records in person.chunk_by(|one, other| one.area == other.area) {
        let area = records.first().map(|seen| seen.area).filter(|area| *area != NOWHERE);
        let rows = records.iter().map(|seen| seen.rows).fold(0, u64::saturating_add);
        if let Some(area) = area.filter(|_| most.is_none_or(|(known, _)| rows > known)) {
            most = Some((rows, area));
        }
    }
    most.map(|(_, area)| area)
}

/// How many services know somebody.
fn services(person: &[Seen]) -> usize {
    let known: std::collections::BTreeSet<u32> = person.iter().map(|seen| seen.service).collect();
    known.len()
}

#[cfg(test)]
mod tests;
