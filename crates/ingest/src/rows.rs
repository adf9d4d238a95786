//! One row after another: parsed, checked, located, and either kept as a candidate or counted with its fate.

use model::contract::{Column, ColumnType, Level, LinkScheme, Role, Treatment};
use model::period::Month;

use crate::error::IngestError;
use crate::figures::{Number, more_than_whole, no_figures, read_number};
use crate::findings::{At, Kind, Recorder};
use crate::frame::{TextColumn, TextFrame};
use crate::gaps::Refused;
use crate::intern::Interner;
use crate::locate::Method;
use crate::parse::{Category, Cell, Markers, Moment, Moments, birth_age, identifier, listed};
use crate::places::{Place, Places, Verdict};
use crate::plan::{Field, Plan};
use crate::request::CleanRequest;
use crate::say;

/// No value of a dimension yet; wide columns fill it in.
pub(crate) const UNSET: u32 = u32::MAX;

/// The linkage domain of NHS numbers, one for all datasets.
const NHS_DOMAIN: &str = "nhs";

/// A row that may be kept.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its line in the file.
    pub(crate) line: u64,
    /// Its number in the text frame.
    pub(crate) index: u32,
    /// The supplier's own code of its area, where rows are about areas.
    pub(crate) unit: u32,
    pub(crate) month: Month,
    pub(crate) place: Place,
    pub(crate) method: Method,
    /// A number for each dimension of the plan.
    pub(crate) dimensions: Vec<u32>,
    /// A value for each measure of the plan.
    pub(crate) numbers: Vec<Number>,
    pub(crate) contributor: Option<[u8; 16]>,
    pub(crate) record_key: Option<u64>,
    /// The value that identifies the row, if the contract names one.
    pub(crate) unique: Option<String>,
    /// Whether a figure could not be read, and is not available therefore.
    pub(crate) unreadable: bool,
}

/// What became of a row that is no candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Refused,
    Skipped,
    Outside,
    WithoutLocation,
    OptedOut,
}

/// What a field's cells become.
enum Reader<'a> {
    Time(Moments<'a>),
    Dimension { index: usize, category: Category<'a>, moments: Moments<'a> },
    Measure { index: usize, decimal: bool },
    Other,
}

/// All candidates, and the texts behind their numbers.
pub(crate) struct Candidates<'a> {
    pub(crate) rows: Vec<Row>,
    /// Rows about areas that were refused.
    pub(crate) refused: Vec<Refused>,
    /// The supplier's own codes of areas.
    pub(crate) units: Interner,
    /// Values of each dimension of the plan.
    pub(crate) values: Vec<Interner>,
    pub(crate) places: Places<'a>,
}

/// Reads rows of one file.
struct Cleaner<'a, 'r> {
    request: CleanRequest<'a>,
    plan: &'r Plan<'a>,
    markers: Markers<'a>,
    cells: &'r [TextColumn],
    readers: Vec<Reader<'a>>,
    places: Places<'a>,
    units: Interner,
    refused: Vec<Refused>,
    recorder: &'r mut Recorder,
    line: u64,
}

/// What the first pass over a row's cells gives.
struct Parsed {
    moment: Option<Moment>,
    dimensions: Vec<u32>,
    numbers: Vec<Number>,
    refused: bool,
    unreadable: bool,
}

/// Reads every row of the frame.
pub(crate) fn candidates<'a>(
    frame: &TextFrame,
    plan: &Plan<'a>,
    request: CleanRequest<'a>,
    recorder: &mut Recorder,
    check_time: impl Fn() -> Result<(), IngestError>,
) -> Result<Candidates<'a>, IngestError> {
    let cells = frame.fields();
    let mut cleaner = Cleaner {
        request,
        plan,
        markers: Markers::new(&request.contract.file),
        cells,
        readers: plan.fields.iter().map(|field| reader(plan, field)).collect(),
        places: Places::new(request, plan),
        units: Interner::default(),
        refused: Vec::new(),
        recorder,
        line: 0,
    };
    let mut rows = Vec::new();
    for (index, line) in (0_u32..).zip(&frame.lines) {
        if index.is_multiple_of(4096) {
            check_time()?;
        }
        cleaner.line = *line;
        match cleaner.row(index) {
            Ok(row) => rows.push(row),
            Err(fate) => cleaner.count(fate),
        }
    }
    let mut values: Vec<Interner> = plan.dimensions.iter().map(|_| Interner::default()).collect();
    for reader in cleaner.readers {
        if let Reader::Dimension { index, category, .. } = reader
            && let Some(slot) = values.get_mut(index)
        {
            *slot = category.values;
        }
    }
    Ok(Candidates { rows, refused: cleaner.refused, units: cleaner.units, values, places: cleaner.places })
}

fn reader<'a>(plan: &Plan<'a>, field: &Field<'a>) -> Reader<'a> {
    let column = field.column;
    let dimension = plan.dimensions.iter().position(|name| *name == column.name);
    let measure = plan.measures.iter().position(|measure| measure.name == column.name);
    match (column.role, dimension, measure) {
        (Role::Time, ..) => Reader::Time(Moments::new(column)),
        (Role::Dimension, Some(index), _) => {
            Reader::Dimension { index, category: Category::new(column, field.treatment), moments: Moments::new(column) }
        }
        (Role::Measure, _, Some(index)) => {
            Reader::Measure { index, decimal: column.column_type == ColumnType::Decimal }
        }
        _ => Reader::Other,
    }
}

impl<'a> Cleaner<'a, '_> {
    fn row(&mut self, index: u32) -> Result<Row, Fate> {
        if !self.meant(index) {
            return Err(Fate::Skipped);
        }
        let mut parsed = self.parse(index);
        let month = self.month(parsed.moment);
        let identity = self.identity(index, &mut parsed);
        let (false, Some(month)) = (parsed.refused, month) else {
            self.attribute(index, parsed, month);
            return Err(Fate::Refused);
        };
        let contributor = identity.as_ref().map(|(domain, text)| self.request.pseudonymiser.pseudonym(domain, text));
        if contributor.is_some_and(|pseudonym| self.request.opt_outs.contains(&pseudonym)) {
            return Err(Fate::OptedOut);
        }
        let (place, method) = self.locate(index, month)?;
        let unique = self.unique(index);
        let key_text = match (&identity, &unique) {
            (Some((_, text)), _) => Some(format!("person:{text}")),
            (None, Some(text)) => Some(format!("event:{text}")),
            (None, None) => None,
        };
        let record_key = key_text.map(|text| self.request.pseudonymiser.record_key(&self.request.contract.id, &text));
        Ok(Row {
            line: self.line,
            index,
            unit: self.unit(index),
            month,
            place,
            method,
            dimensions: parsed.dimensions,
            numbers: parsed.numbers,
            contributor,
            record_key,
            unique,
            unreadable: parsed.unreadable,
        })
    }

    fn count(&mut self, fate: Fate) {
        let counts = &mut self.recorder.findings.counts;
        match fate {
            Fate::Refused => counts.refused += 1,
            Fate::Skipped => counts.skipped += 1,
            Fate::Outside => {
                counts.outside += 1;
                self.recorder.tally("", Kind::Outside);
            }
            Fate::WithoutLocation => counts.without_location += 1,
            Fate::OptedOut => {
                counts.opted_out += 1;
                self.recorder.tally("", Kind::OptedOut);
            }
        }
    }

    fn text(&self, field: usize, index: u32) -> Option<&str> {
        self.cells.get(field).and_then(|cells| cells.get(usize::try_from(index).unwrap_or(usize::MAX)))
    }

    fn cell(&self, field: usize, index: u32) -> Cell<'_> {
        self.markers.read(self.text(field, index))
    }

    /// Whether the contract means the row: every column with `only` holds one of its values, as written or recoded.
    fn meant(&self, index: u32) -> bool {
        self.plan.fields.iter().enumerate().filter(|(_, field)| !field.column.only.is_empty()).all(|(number, field)| {
            let text = self.text(number, index).unwrap_or_default().trim();
            let recoded = field.column.recode.iter().find(|(from, _)| from.trim().eq_ignore_ascii_case(text));
            listed(&field.column.only, text) || recoded.is_some_and(|(_, to)| listed(&field.column.only, to.trim()))
        })
    }

    /// Reads time, dimensions and measures; everything wrong in the row is reported, not only the first thing.
    fn parse(&mut self, index: u32) -> Parsed {
        let mut parsed = Parsed {
            moment: None,
            dimensions: vec![UNSET; self.plan.dimensions.len()],
            numbers: no_figures(self.plan),
            refused: false,
            unreadable: false,
        };
        let plan = self.plan;
        // Without a row about an area its figure would be 0, or too low a sum: a figure that is there and cannot be read is
        // one that is not available, like one that is withheld.
        let keeps = |column: &Column| column.role == Role::Measure && self.request.contract.level == Level::Aggregate;
        // Ages may be worked out from a date of birth, so the row's own date is read first.
        let by_time = |time: bool| {
            plan.fields.iter().enumerate().filter(move |(_, field)| (field.column.role == Role::Time) == time)
        };
        for (number, field) in by_time(true).chain(by_time(false)) {
            let cell = self
                .markers
                .read(self.cells.get(number).and_then(|cells| cells.get(usize::try_from(index).unwrap_or(usize::MAX))));
            let column = field.column;
            if cell == Cell::Empty && (column.required || column.role == Role::Time) {
                let slot = if keeps(column) { &mut parsed.unreadable } else { &mut parsed.refused };
                *slot = true;
                self.recorder.record(field.at(self.line), Kind::Missing, || say::problem(Kind::Missing, None));
                continue;
            }
            let Some(reader) = self.readers.get_mut(number) else { continue };
            let issue = read_cell(reader, cell, field, &mut parsed);
            let Some(kind) = issue else { continue };
            if kind == Kind::Withheld {
                self.recorder.findings.counts.withheld += 1;
                self.recorder.tally(&column.name, kind);
                // A row about somebody without its figure is no row: a sum without it would show that it is there.
                parsed.refused |= column.required && column.role == Role::Measure && !keeps(column);
                continue;
            }
            if column.role == Role::Dimension && (!column.required || kind == Kind::NotAllowed) {
                self.recorder.findings.counts.corrected += 1;
            } else if keeps(column) {
                parsed.unreadable = true;
            } else {
                parsed.refused = true;
                if let Reader::Dimension { index, .. } = reader
                    && let Some(slot) = parsed.dimensions.get_mut(*index)
                {
                    *slot = UNSET;
                }
            }
            let shown = say::shown(self.request.contract, column, cell);
            self.recorder.record(field.at(self.line), kind, || say::problem(kind, shown));
        }
        for part in more_than_whole(self.request.contract, plan, &mut parsed.numbers) {
            let kind = Kind::MoreThanWhole;
            let keeps = self.request.contract.level == Level::Aggregate;
            *(if keeps { &mut parsed.unreadable } else { &mut parsed.refused }) = true;
            let at = plan.fields.iter().find(|field| field.column.name == part).map(|field| field.at(self.line));
            at.into_iter().for_each(|at| self.recorder.record(at, kind, || say::problem(kind, None)));
        }
        parsed
    }

    /// The row's month, if it is in the partition. Without a time column a row belongs to the partition as a whole.
    fn month(&mut self, moment: Option<Moment>) -> Option<Month> {
        let period = self.request.period;
        let Some(field) = self.plan.with_role(Role::Time).and_then(|index| self.plan.fields.get(index)) else {
            return Some(period.start());
        };
        let month = moment?.month(period.start());
        if let Some(month) = month.filter(|month| period.contains(*month)) {
            return Some(month);
        }
        let message = || format!("outside {}: send the row with the file of its own period", period.label());
        self.recorder.record(field.at(self.line), Kind::OutsidePeriod, message);
        None
    }

    /// The linkage domain and canonical identifier, where the row has a valid one.
    fn identity(&mut self, index: u32, parsed: &mut Parsed) -> Option<(String, String)> {
        let number = self.plan.with_role(Role::Link)?;
        let field = self.plan.fields.get(number)?;
        let scheme = field.column.scheme.filter(|_| field.treatment != Treatment::Drop)?;
        let Cell::Text(text) = self.cell(number, index) else { return None };
        let found = identifier(scheme, text);
        if found.is_none() {
            parsed.refused |= field.column.required;
            let kind = Kind::InvalidIdentifier;
            self.recorder.record(field.at(self.line), kind, || say::problem(kind, None));
        }
        let domain = match scheme {
            LinkScheme::NhsNumber => NHS_DOMAIN.to_owned(),
            LinkScheme::Local => self.request.contract.id.to_string(),
        };
        found.map(|text| (domain, text))
    }

    fn unique(&self, index: u32) -> Option<String> {
        let number = self.plan.fields.iter().position(|field| field.column.unique)?;
        match self.cell(number, index) {
            Cell::Text(text) => Some(text.to_uppercase()),
            Cell::Empty | Cell::Withheld => None,
        }
    }

    /// Remembers a refused row about an area: its figure is not available. A row that says another period is not missed in
    /// this one.
    fn attribute(&mut self, index: u32, parsed: Parsed, month: Option<Month>) {
        let of_another_period = parsed.moment.is_some() && month.is_none();
        if self.request.contract.level != Level::Aggregate || of_another_period {
            return;
        }
        let verdict = self.verdict(index, month.unwrap_or_else(|| self.request.period.start()));
        match verdict.place {
            Place::Unknown => self.recorder.findings.counts.unattributed += 1,
            Place::Outside => {}
            place => {
                let (unit, method) = (self.unit(index), verdict.method);
                self.refused.push(Refused { unit, place, method, month, dimensions: parsed.dimensions });
            }
        }
    }

    /// The number of the supplier's own code of a row's area.
    fn unit(&mut self, index: u32) -> u32 {
        if self.request.contract.level != Level::Aggregate {
            return 0;
        }
        let places = self.plan.fields.iter().enumerate().filter(|(_, field)| field.column.place.is_some());
        let codes = places.filter_map(|(number, _)| match self.cell(number, index) {
            Cell::Text(text) => Some(text.to_uppercase()),
            Cell::Empty | Cell::Withheld => None,
        });
        let code = codes.collect::<Vec<_>>().join(" ");
        self.units.intern(&code)
    }

    fn verdict(&mut self, index: u32, month: Month) -> Verdict {
        let (markers, cells) = (&self.markers, self.cells);
        let row = usize::try_from(index).unwrap_or(usize::MAX);
        let cell = |field: usize| markers.read(cells.get(field).and_then(|cells| cells.get(row)));
        self.places.locate(cell, month)
    }

    fn locate(&mut self, index: u32, month: Month) -> Result<(Place, Method), Fate> {
        let verdict = self.verdict(index, month);
        for (number, kind) in verdict.issues {
            if let Some(field) = self.plan.fields.get(number) {
                let shown = say::shown(self.request.contract, field.column, self.cell(number, index));
                let shown = shown.map(str::to_owned);
                self.recorder.record(field.at(self.line), kind, || say::problem(kind, shown.as_deref()));
            }
        }
        let at = At { row: self.line, column: "", clause: "" };
        if verdict.disagreement {
            self.recorder.findings.disagreements += 1;
            self.recorder.record(at, Kind::Disagreement, || say::problem(Kind::Disagreement, None));
        }
        match verdict.place {
            Place::Outside => Err(Fate::Outside),
            Place::Unknown => {
                self.recorder.record(at, Kind::WithoutLocation, || say::problem(Kind::WithoutLocation, None));
                Err(Fate::WithoutLocation)
            }
            place => Ok((place, verdict.method)),
        }
    }
}

/// Reads one cell into the row; gives what was wrong with it.
fn read_cell(reader: &mut Reader<'_>, cell: Cell<'_>, field: &Field<'_>, parsed: &mut Parsed) -> Option<Kind> {
    match reader {
        Reader::Time(moments) => {
            let Cell::Text(text) = cell else { return Some(Kind::NotADate) };
            parsed.moment = moments.read(text);
            parsed.moment.is_none().then_some(Kind::NotADate)
        }
        Reader::Dimension { index, category, moments } => {
            let (value, issue) = match cell {
                Cell::Empty | Cell::Withheld => (category.unknown(), None),
                Cell::Text(text) if is_date(field) => dated(category, moments, text, parsed.moment, field),
                Cell::Text(text) => category.read(text),
            };
            if let Some(slot) = parsed.dimensions.get_mut(*index) {
                *slot = value;
            }
            issue
        }
        Reader::Measure { index, decimal } => {
            let (number, issue) = read_number(cell, *decimal, field.column.range);
            if let Some(slot) = parsed.numbers.get_mut(*index) {
                *slot = number;
            }
            issue
        }
        Reader::Other => None,
    }
}

fn is_date(field: &Field<'_>) -> bool {
    matches!(field.column.column_type, ColumnType::Date | ColumnType::Month)
}

/// A dimension from a date: an age from a date of birth, otherwise the month.
fn dated(
    category: &mut Category<'_>,
    moments: &mut Moments<'_>,
    text: &str,
    at: Option<Moment>,
    field: &Field<'_>,
) -> (u32, Option<Kind>) {
    let Some(moment) = moments.read(text) else { return (category.unknown(), Some(Kind::NotADate)) };
    if field.column.name != "age" {
        let month = Month::new(1900, 1).and_then(|start| moment.month(start)).map(|month| month.to_string());
        return (category.derived(month.as_deref()), None);
    }
    let Some(at) = at.and_then(Moment::first_day) else { return (category.unknown(), None) };
    let Some(age) = moment.day().and_then(|birth| birth_age(birth, at)) else {
        return (category.unknown(), Some(Kind::OutOfRange));
    };
    let value = if field.treatment == Treatment::Band {
        category.band(age).map(|band| band.to_string())
    } else {
        Some(age.to_string())
    };
    (category.derived(value.as_deref()), None)
}
