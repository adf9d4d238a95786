//! The child's side: limit yourself, read everything, write frames.

use std::io::{self, BufRead, Cursor, Read, Write};
use std::process::ExitCode;

use calamine::{DataRef, ExcelDateTime, Reader, Xlsx};
use csv::{StringRecord, Writer};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Task, package};

/// The most the task line may hold.
const TASK_BYTES: u64 = 1 << 16;

/// What the hidden subcommand runs: reads a task and a workbook, writes frames. Succeeds also when it refuses the file.
pub fn child_main(input: impl Read, output: impl Write) -> ExitCode {
    match serve(input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(input: impl Read, output: impl Write) -> io::Result<()> {
    let mut input = io::BufReader::new(input);
    let mut line = String::new();
    input.by_ref().take(TASK_BYTES).read_line(&mut line)?;
    let task: Task = serde_json::from_str(&line)?;
    limit_self(&task)?;
    let mut file = Vec::new();
    input.read_to_end(&mut file)?;
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(io::BufWriter::new(output));
    match frames(file, &task, &mut writer) {
        Ok(rows) => writer.write_record(["end", &rows.to_string()])?,
        Err(Stop::Refused(message)) => writer.write_record(["refused", &message])?,
        Err(Stop::Output(error)) => return Err(error),
    }
    writer.flush()
}

/// A core dump would put the file's cells on disk in plain text, so there is none; nor may the child write any file.
fn limit_self(task: &Task) -> io::Result<()> {
    let limits = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::As, address_space_now().saturating_add(task.address_space)),
        (Resource::Cpu, task.processor_seconds),
    ];
    for (resource, value) in limits {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })?;
    }
    Ok(())
}

/// Bytes of address space in use: an allocator may have reserved a good deal before it was asked for anything.
fn address_space_now() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4096))
}

enum Stop {
    Refused(String),
    Output(io::Error),
}

impl From<csv::Error> for Stop {
    fn from(error: csv::Error) -> Self {
        Self::Output(io::Error::other(error))
    }
}

fn refused(message: impl Into<String>) -> Stop {
    Stop::Refused(message.into())
}

fn frames<W: Write>(file: Vec<u8>, task: &Task, writer: &mut Writer<W>) -> Result<u64, Stop> {
    package::inspect(&file, task).map_err(Stop::Refused)?;
    let damaged = || refused(package::DAMAGED);
    let mut book = Xlsx::new(Cursor::new(file)).map_err(|_| damaged())?;
    let names = book.sheet_names();
    let name = match &task.sheet {
        Some(wanted) => names
            .iter()
            .find(|name| name.trim().eq_ignore_ascii_case(wanted.trim()))
            .ok_or_else(|| refused(format!("it has no sheet `{wanted}`: name the sheet as in the contract")))?,
        None => names.first().ok_or_else(|| refused("it has no sheets"))?,
    }
    .clone();
    let mut cells = book.worksheet_cells_reader(&name).map_err(|_| damaged())?;
    let mut record = StringRecord::new();
    let mut current = 0;
    let mut rows = 0;
    while let Some(cell) = cells.next_cell().map_err(|_| damaged())? {
        let (row, column) = cell.get_position();
        let (row, column) = (u64::from(row) + 1, u64::from(column) + 1);
        let Some(text) = text_of(cell.get_value()) else { continue };
        if column > task.columns {
            return Err(refused(format!("the sheet uses more than {} columns", task.columns)));
        }
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > task.field_bytes {
            return Err(refused(format!("row {row}: a cell is over {} bytes", task.field_bytes)));
        }
        if row != current {
            if row < current {
                return Err(refused(format!("row {row} comes after row {current}: save it again")));
            }
            rows += 1;
            if rows > task.rows {
                return Err(refused(format!("the sheet has more than {} rows", task.rows)));
            }
            flush(&mut record, writer)?;
            record.push_field("row");
            record.push_field(&row.to_string());
            current = row;
        }
        record.push_field(&column.to_string());
        record.push_field(&text);
    }
    flush(&mut record, writer)?;
    Ok(rows)
}

fn flush<W: Write>(record: &mut StringRecord, writer: &mut Writer<W>) -> Result<(), Stop> {
    if !record.is_empty() {
        writer.write_record(&*record)?;
        record.clear();
    }
    Ok(())
}

/// A cell as text: whole numbers without a point, dates in ISO 8601, nothing for empty cells.
fn text_of(value: &DataRef<'_>) -> Option<String> {
    let text = match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(moment) => date_text(moment),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn date_text(moment: &ExcelDateTime) -> String {
    if moment.is_duration() {
        return moment.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    if (hour, minute, second) == (0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}
