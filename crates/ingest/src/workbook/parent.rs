//! The parent's side: start the child, feed it, collect its frames, and kill it when its time is over.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use csv::StringRecord;

use super::{Task, WorkbookError};
use crate::request::Limits;

/// How to start the child process that reads workbooks: usually this program with its hidden subcommand.
#[derive(Debug, Clone)]
pub struct WorkbookReader {
    executable: PathBuf,
    arguments: Vec<OsString>,
}

/// A sheet's rows as records, with their numbers from 1; rows without a cell are left out.
type Rows = Vec<(u64, StringRecord)>;

impl WorkbookReader {
    /// A reader that starts `executable` with `arguments`; that program must call [`super::child_main`].
    pub fn new(executable: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self { executable: executable.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// Reads a sheet (the first, if none is named) behind its first `skip_rows` rows.
    ///
    /// # Errors
    /// If the file is no workbook, breaks a limit, or kills its reader. The calling process lives on.
    pub fn rows(
        &self,
        file: &[u8],
        sheet: Option<&str>,
        skip_rows: u32,
        limits: &Limits,
        time: Duration,
    ) -> Result<Rows, WorkbookError> {
        let task = Task {
            sheet: sheet.map(str::to_owned),
            rows: limits.rows.saturating_add(u64::from(skip_rows)).saturating_add(1),
            columns: limits.columns,
            field_bytes: limits.field_bytes,
            entries: limits.workbook_entries,
            inflated_bytes: limits.inflated_bytes,
            ratio: limits.ratio,
            address_space: limits.workbook_memory,
            processor_seconds: time.as_secs().saturating_add(1),
        };
        let mut child = self.start()?;
        let answer = converse(&mut child, file, &task, limits, time);
        // Already dead unless it was too slow or wrote too much; killing a dead child is harmless.
        let _ = child.kill();
        let status = child.wait().map_err(WorkbookError::Start)?;
        let output = answer?;
        parse(&output, skip_rows, limits)?.ok_or_else(|| WorkbookError::Died { how: how(status) })
    }

    fn start(&self) -> Result<Child, WorkbookError> {
        Command::new(&self.executable)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What a dying parser prints may quote cells.
            .stderr(Stdio::null())
            .spawn()
            .map_err(WorkbookError::Start)
    }
}

/// Writes the task and the file, and reads all frames. The child reads its input to the end before it writes, but it
/// may die or hang at any point, so writing and reading each have a thread and this one keeps the time.
fn converse(
    child: &mut Child,
    file: &[u8],
    task: &Task,
    limits: &Limits,
    time: Duration,
) -> Result<Vec<u8>, WorkbookError> {
    let mut input = child.stdin.take().ok_or(WorkbookError::Protocol)?;
    let output = child.stdout.take().ok_or(WorkbookError::Protocol)?;
    let mut head = serde_json::to_vec(task).map_err(|_| WorkbookError::Protocol)?;
    head.push(b'\n');
    let limit = limits.inflated_bytes;
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A child that dies early closes the pipe; its silence is noticed on the other one.
            let _ = input.write_all(&head).and_then(|()| input.write_all(file));
        });
        scope.spawn(move || {
            let _ = sender.send(collect(output, limit));
        });
        let answer = receiver.recv_timeout(time);
        if answer.is_err() {
            // Unblocks both threads, which the scope waits for.
            let _ = child.kill();
        }
        answer.map_err(|_| WorkbookError::TimedOut { seconds: time.as_secs() })?
    })
}

fn collect(output: ChildStdout, limit: u64) -> Result<Vec<u8>, WorkbookError> {
    let mut bytes = Vec::new();
    // A read error is a child that died: what is there has no last frame, and that is noticed.
    let _ = output.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        Err(WorkbookError::TooLong { limit })
    } else {
        Ok(bytes)
    }
}

/// Reads frames; `None` if there is no last frame.
fn parse(output: &[u8], skip_rows: u32, limits: &Limits) -> Result<Option<Rows>, WorkbookError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(output);
    let mut rows = Vec::new();
    // A frame names the cells that hold something; the record has them all, and can be a thousand times as large.
    let mut cells = 0_u64;
    let mut frame = StringRecord::new();
    while reader.read_record(&mut frame).map_err(|_| WorkbookError::Protocol)? {
        match frame.get(0) {
            Some("end") => return Ok(Some(rows)),
            Some("refused") => return Err(WorkbookError::Refused(frame.get(1).unwrap_or_default().to_owned())),
            Some("row") => {
                let (number, record) = parse_row(&frame, limits.columns).ok_or(WorkbookError::Protocol)?;
                cells = cells.saturating_add(u64::try_from(record.len()).unwrap_or(u64::MAX));
                if cells > limits.workbook_cells {
                    return Err(WorkbookError::TooManyCells { limit: limits.workbook_cells });
                }
                if number > u64::from(skip_rows) {
                    rows.push((number, record));
                }
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}

/// A frame as a dense record; cells that are not named are empty.
fn parse_row(frame: &StringRecord, columns: u64) -> Option<(u64, StringRecord)> {
    let mut fields = frame.iter().skip(1);
    let number = fields.next()?.parse().ok()?;
    let mut record = StringRecord::new();
    let mut next = 1_u64;
    while let Some(column) = fields.next() {
        let column: u64 = column.parse().ok()?;
        let text = fields.next()?;
        if column < next || column > columns {
            return None;
        }
        for _ in next..column {
            record.push_field("");
        }
        record.push_field(text);
        next = column + 1;
    }
    Some((number, record))
}

fn how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "unknown".to_owned(),
    }
}
