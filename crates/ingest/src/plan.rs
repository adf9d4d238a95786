//! Which columns of the file are read, decided from contract, agreement and header before any cell is looked at.

mod header;

use csv::StringRecord;
use model::area::AreaType;
use model::contract::{Absence, Column, ColumnType, GeographySource, Level, Place, Role, Treatment};

use crate::error::IngestError;
use crate::findings::{At, DropReason, DroppedColumn, Recorder};
use crate::request::{AgreedColumn, CleanRequest};
use header::Header;

/// An agreed column of the contract that is in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    /// The contract's column.
    pub(crate) column: &'a Column,
    /// The clause that allows it.
    pub(crate) clause: &'a str,
    /// The stricter of the contract's and the agreement's treatment.
    pub(crate) treatment: Treatment,
    /// Where it stands in the file, from 0.
    pub(crate) position: usize,
}

impl<'a> Field<'a> {
    /// A place for a finding.
    pub(crate) const fn at(&self, row: u64) -> At<'a> {
        At { row, column: self.column.name.as_str(), clause: self.clause }
    }
}

/// A wide column of the file that becomes rows.
#[derive(Debug, Clone)]
pub(crate) struct Wide<'a> {
    /// Where it stands in the file, from 0.
    pub(crate) position: usize,
    /// The measure its cells become.
    pub(crate) measure: &'a str,
    /// The clause that allows the measure.
    pub(crate) clause: &'a str,
    /// Dimension values of its rows, agreed ones only.
    pub(crate) values: Vec<(&'a str, String)>,
}

/// A measure of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Measure<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Decimal measures are scores, averaged; whole ones are counts, added.
    pub(crate) decimal: bool,
}

/// What is read from the file and what the table holds.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) wides: Vec<Wide<'a>>,
    /// Dimensions of the table, in the contract's order.
    pub(crate) dimensions: Vec<&'a str>,
    /// Measures of the table, in the contract's order.
    pub(crate) measures: Vec<Measure<'a>>,
    /// Sources of location whose columns are all here.
    pub(crate) sources: Vec<GeographySource>,
    /// Columns in the file.
    pub(crate) width: usize,
}

impl<'a> Plan<'a> {
    /// Checks contract and agreement against each other, then both against the header.
    pub(crate) fn make(
        request: &CleanRequest<'a>,
        record: &StringRecord,
        recorder: &mut Recorder,
    ) -> Result<Self, IngestError> {
        check_contract(request)?;
        let agreed = agreed_columns(request, recorder)?;
        let header = Header::new(record, request.contract);
        let fields = header.fields(request, &agreed, recorder)?;
        let wides = wide_columns(request, &header, recorder)?;
        header.report_strangers(request.contract, recorder);
        let plan = Self {
            dimensions: dimensions(request, &fields, &wides),
            measures: measures(request, &fields, &wides),
            sources: sources(request, |place| fields.iter().any(|field| field.column.place == Some(place))),
            width: record.len(),
            fields,
            wides,
        };
        if plan.sources.is_empty() {
            return Err(header.missing(request, "the columns of a geography source"));
        }
        if plan.measures.is_empty() {
            return Err(header.missing(request, "a column with a measure"));
        }
        Ok(plan)
    }

    /// The field with a role, where there is at most one that matters.
    pub(crate) fn with_role(&self, role: Role) -> Option<usize> {
        self.fields.iter().position(|field| field.column.role == role)
    }

    /// The field that holds a part of a place.
    pub(crate) fn with_place(&self, place: Place) -> Option<usize> {
        self.fields.iter().position(|field| field.column.place == Some(place))
    }
}

/// An agreed column of the contract.
#[derive(Debug, Clone, Copy)]
struct Agreed<'a> {
    column: &'a Column,
    clause: &'a str,
    treatment: Treatment,
}

fn check_contract(request: &CleanRequest<'_>) -> Result<(), IngestError> {
    let contract = request.contract;
    let fail = |message: String| Err(IngestError::Contract { dataset: contract.id.to_string(), message });
    for source in &contract.geography.sources {
        let needs = match source {
            GeographySource::AreaCode => continue,
            GeographySource::Practice => AreaType::Pcn,
            GeographySource::Postcode | GeographySource::LongitudeLatitude | GeographySource::EastingNorthing => {
                AreaType::Lsoa
            }
        };
        if contract.geography.area_type != needs {
            return fail(format!("reads {source:?}, which gives areas of type `{needs}`: set `area_type` to it"));
        }
    }
    let narrow = contract.columns.iter().find(|column| column.role == Role::Measure);
    match narrow.filter(|_| !contract.unpivots.is_empty()) {
        Some(column) => {
            fail(format!("has wide columns, so the measure `{}` would be repeated: remove it", column.name))
        }
        None => Ok(()),
    }
}

/// The contract's columns that are agreed; the others are reported, and refused where nothing works without them.
fn agreed_columns<'a>(request: &CleanRequest<'a>, recorder: &mut Recorder) -> Result<Vec<Agreed<'a>>, IngestError> {
    let mut agreed = Vec::new();
    for column in &request.contract.columns {
        let Some(AgreedColumn { treatment, clause }) = request.agreed.get(&column.name) else {
            drop_column(recorder, &column.name, DropReason::NotAgreed, None);
            continue;
        };
        let treatment = stricter(column.treatment, *treatment);
        if column.role == Role::Dimension && !available(column, treatment) {
            let reason =
                if treatment == Treatment::Drop { DropReason::RuleOnly } else { DropReason::TreatmentUnavailable };
            drop_column(recorder, &column.name, reason, Some(clause));
            if treatment != Treatment::Drop {
                continue;
            }
        }
        agreed.push(Agreed { column, clause, treatment });
    }
    let has = |test: &dyn Fn(&Column) -> bool| agreed.iter().any(|a| test(a.column));
    let refuse = |columns: String, purpose| Err(IngestError::NotAgreed { columns, purpose });
    let time = request.contract.columns.iter().find(|column| column.role == Role::Time);
    if let Some(time) = time.filter(|_| !has(&|column| column.role == Role::Time)) {
        return refuse(format!("`{}`", time.name), "rows have no period");
    }
    let filter = request.contract.columns.iter().find(|c| !c.only.is_empty() && !has(&|column| column.name == c.name));
    if let Some(filter) = filter {
        return refuse(format!("`{}`", filter.name), "rows that are not meant cannot be told from those that are");
    }
    if sources(request, |place| has(&|column| column.place == Some(place))).is_empty() {
        let columns: Vec<String> =
            request.contract.columns.iter().filter(|c| c.place.is_some()).map(|c| format!("`{}`", c.name)).collect();
        return refuse(columns.join(", "), "rows have no area");
    }
    let wide = request.contract.unpivots.iter().any(|unpivot| request.agreed.contains_key(&unpivot.value));
    if request.contract.level == Level::Aggregate && !wide && !has(&|column| column.role == Role::Measure) {
        let names: Vec<String> = request.contract.measures().iter().map(|name| format!("`{name}`")).collect();
        return refuse(names.join(", "), "rows have no measure");
    }
    Ok(agreed)
}

/// Whether a dimension can be stored under a treatment.
fn available(column: &Column, treatment: Treatment) -> bool {
    match treatment {
        Treatment::Keep => true,
        Treatment::Band => !column.bands.is_empty(),
        Treatment::Truncate => {
            matches!(column.column_type, ColumnType::Date | ColumnType::Month)
        }
        Treatment::Pseudonymise | Treatment::Drop => false,
    }
}

/// The treatment that keeps less.
fn stricter(contract: Treatment, agreement: Treatment) -> Treatment {
    const fn rank(treatment: Treatment) -> u8 {
        match treatment {
            Treatment::Keep => 0,
            Treatment::Band | Treatment::Truncate => 1,
            Treatment::Pseudonymise => 2,
            Treatment::Drop => 3,
        }
    }
    if rank(agreement) > rank(contract) { agreement } else { contract }
}

/// The contract's sources whose places are all there.
fn sources(request: &CleanRequest<'_>, has: impl Fn(Place) -> bool) -> Vec<GeographySource> {
    let all = request.contract.geography.sources.iter().copied();
    all.filter(|source| source.places().iter().all(|place| has(*place))).collect()
}

fn wide_columns<'a>(
    request: &CleanRequest<'a>,
    header: &Header,
    recorder: &mut Recorder,
) -> Result<Vec<Wide<'a>>, IngestError> {
    let mut wides = Vec::new();
    for unpivot in &request.contract.unpivots {
        let Some(value) = request.agreed.get(&unpivot.value).filter(|a| a.treatment == Treatment::Keep) else {
            drop_column(recorder, &unpivot.value, DropReason::NotAgreed, None);
            continue;
        };
        let agreed = |name: &str| request.agreed.get(name).is_some_and(|a| a.treatment == Treatment::Keep);
        for name in std::iter::once(&unpivot.into).chain(unpivot.set.keys()).filter(|name| !agreed(name)) {
            drop_column(recorder, name, DropReason::NotAgreed, None);
        }
        let found = header.wide(unpivot);
        if found.is_empty() {
            return Err(header.missing(request, &format!("columns that begin with `{}`", unpivot.prefix)));
        }
        let absent = unpivot.allowed.iter().filter(|category| !found.iter().any(|(_, rest)| rest == *category));
        let absent: Vec<String> = absent.map(|category| format!("`{}{category}`", unpivot.prefix)).collect();
        let reports = request.contract.level == Level::Aggregate && request.contract.absence == Absence::NotReported;
        if reports && !absent.is_empty() {
            return Err(header.missing(request, &absent.join(", ")));
        }
        for (position, rest) in found {
            let set = unpivot.set.iter().map(|(name, value)| (name.as_str(), value.to_lowercase()));
            let values = std::iter::once((unpivot.into.as_str(), rest)).chain(set);
            let values = values.filter(|(name, _)| agreed(name)).collect();
            wides.push(Wide { position, measure: &unpivot.value, clause: &value.clause, values });
        }
    }
    let mut positions: Vec<usize> = wides.iter().map(|wide| wide.position).collect();
    positions.sort_unstable();
    positions.dedup();
    if positions.len() < wides.len() {
        let message = "has two wide prefixes that claim the same header: make them distinct".to_owned();
        return Err(IngestError::Contract { dataset: request.contract.id.to_string(), message });
    }
    Ok(wides)
}

fn dimensions<'a>(request: &CleanRequest<'a>, fields: &[Field<'_>], wides: &[Wide<'_>]) -> Vec<&'a str> {
    let stored = |name: &str| {
        let narrow = fields.iter().find(|field| field.column.name == name && field.column.role == Role::Dimension);
        narrow.is_some_and(|field| field.treatment != Treatment::Drop)
            || wides.iter().any(|wide| wide.values.iter().any(|(dimension, _)| *dimension == name))
    };
    request.contract.dimensions().into_iter().filter(|name| stored(name)).collect()
}

fn measures<'a>(request: &CleanRequest<'a>, fields: &[Field<'_>], wides: &[Wide<'_>]) -> Vec<Measure<'a>> {
    let events = request.contract.level != Level::Aggregate;
    let mut measures = Vec::new();
    for name in request.contract.measures() {
        let narrow = fields.iter().find(|field| field.column.name == name && field.column.role == Role::Measure);
        let narrow = narrow.filter(|field| field.treatment != Treatment::Drop);
        let decimal = narrow.is_some_and(|field| field.column.column_type == ColumnType::Decimal);
        if narrow.is_some() || (events && name == "count") || wides.iter().any(|wide| wide.measure == name) {
            measures.push(Measure { name, decimal });
        }
    }
    measures
}

pub(crate) fn drop_column(recorder: &mut Recorder, column: &str, reason: DropReason, clause: Option<&String>) {
    let dropped = DroppedColumn { column: column.to_owned(), reason, clause: clause.cloned() };
    if !recorder.findings.dropped_columns.contains(&dropped) {
        recorder.findings.dropped_columns.push(dropped);
    }
}
