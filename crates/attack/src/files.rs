//! The files of a folder: regular files inside it, within limits, row by row.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::AttackError;
use crate::problem::{MOST_COUNT, Problem};
use crate::strict::distinct;

/// How much may be read of the folders of one attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputLimits {
    /// Most bytes of all files; one that several tables read counts for each.
    pub max_bytes: u64,
    /// Most rows that are read as cells, limits, rates, classes or words, and most comparisons that follow from classes.
    pub max_cells: u64,
}

impl Default for InputLimits {
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_cells: 2_000_000 }
    }
}

/// What is left of the limits.
pub(crate) struct Left {
    limits: InputLimits,
    bytes: Cell<u64>,
    cells: Cell<u64>,
}

impl Left {
    pub(crate) fn new(limits: &InputLimits) -> Self {
        Self { limits: *limits, bytes: Cell::new(limits.max_bytes), cells: Cell::new(limits.max_cells) }
    }
}

/// A folder that is read.
pub(crate) struct Folder<'a> {
    dir: PathBuf,
    /// The same without links.
    real: PathBuf,
    left: &'a Left,
}

/// A file that ends where it ended when it was opened.
struct Bounded {
    file: File,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other("it grew while it was read"))?;
        Ok(read)
    }
}

/// Where a CSV's rows get their codes from.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    pub(crate) file: PathBuf,
    /// Dimension to column.
    #[serde(default, deserialize_with = "distinct")]
    columns: BTreeMap<String, String>,
    /// Dimension to the code of every row.
    #[serde(default, deserialize_with = "distinct")]
    fixed: BTreeMap<String, String>,
    /// Column to the text a row must have there to be read.
    #[serde(default, rename = "where", deserialize_with = "distinct")]
    filter: BTreeMap<String, String>,
}

/// A row of interest.
pub(crate) struct CsvRow<'a> {
    path: &'a Path,
    line: u64,
    pub(crate) codes: Vec<String>,
    values: Vec<String>,
}

impl CsvRow<'_> {
    pub(crate) fn text(&self, number: usize) -> &str {
        self.values.get(number).map_or("", String::as_str)
    }

    /// A whole number, if there is one.
    pub(crate) fn count(&self, number: usize) -> Result<Option<u64>, AttackError> {
        let text = self.text(number).trim();
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().map_err(|_| self.error(format!("`{text}` is not a whole number")))?;
        if number > MOST_COUNT {
            return Err(self.error(format!("`{text}` is above {MOST_COUNT}, the largest number that is attacked")));
        }
        Ok(Some(number))
    }

    pub(crate) fn error(&self, message: String) -> AttackError {
        AttackError::Row { path: self.path.to_owned(), line: self.line, message }
    }
}

/// Where a dimension's code comes from.
enum Source {
    Column(usize),
    Fixed(String),
}

/// What is taken from each row.
struct Columns<'a> {
    sources: Vec<Source>,
    values: Vec<Option<usize>>,
    filter: Vec<(usize, &'a String)>,
}

impl<'a> Folder<'a> {
    /// # Errors
    /// If there is no such folder.
    pub(crate) fn open(dir: &Path, left: &'a Left) -> Result<Self, AttackError> {
        let real = fs::canonicalize(dir).map_err(|source| AttackError::Read { path: dir.to_owned(), source })?;
        Ok(Self { dir: dir.to_owned(), real, left })
    }

    /// Opens a regular file inside the folder.
    fn file(&self, name: &Path) -> Result<Bounded, AttackError> {
        let path = self.dir.join(name);
        let refused = |message: String| AttackError::File { path: name.to_owned(), message };
        if !name.components().all(|part| matches!(part, Component::Normal(_))) || name.as_os_str().is_empty() {
            return Err(refused("must be a name inside the folder, neither absolute nor with `..`".to_owned()));
        }
        let unreadable = |source| AttackError::Read { path: path.clone(), source };
        let real = fs::canonicalize(&path).map_err(unreadable)?;
        if !real.starts_with(&self.real) {
            return Err(refused("is a link out of the folder: copy what it leads to into it".to_owned()));
        }
        // Asked before it is opened, which could wait for ever at a pipe, and of what was opened.
        let regular = |metadata: &fs::Metadata| {
            if metadata.is_file() { Ok(()) } else { Err(refused("is no regular file".to_owned())) }
        };
        regular(&fs::metadata(&real).map_err(unreadable)?)?;
        let file = File::open(&real).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        regular(&metadata)?;
        let size = metadata.len();
        let Some(left) = self.left.bytes.get().checked_sub(size) else {
            let most = self.left.limits.max_bytes;
            return Err(refused(format!(
                "has {size} bytes, so that more than {most} would be read in all: split the group, leave out what no table \
                 needs, or raise the limit (max_bytes)"
            )));
        };
        self.left.bytes.set(left);
        Ok(Bounded { file, left: size })
    }

    /// The whole text of a file.
    ///
    /// # Errors
    /// If it is no readable text, no regular file inside the folder, or too large.
    pub(crate) fn text(&self, name: &str) -> Result<String, AttackError> {
        let mut text = String::new();
        let read = self.file(Path::new(name))?.read_to_string(&mut text);
        read.map_err(|source| AttackError::Read { path: self.dir.join(name), source })?;
        Ok(text)
    }

    /// Counts cells, or what takes as much memory.
    ///
    /// # Errors
    /// If there are too many.
    pub(crate) fn charge(&self, name: &Path, cells: u64) -> Result<(), AttackError> {
        let Some(left) = self.left.cells.get().checked_sub(cells) else {
            let most = self.left.limits.max_cells;
            let message = format!(
                "has too many rows: more than {most} cells, limits and comparisons would be read in all; split the group, or \
                 raise the limit (max_cells)"
            );
            return Err(AttackError::File { path: name.to_owned(), message });
        };
        self.left.cells.set(left);
        Ok(())
    }

    /// Every row with its codes and, in order, the text of the wanted columns (empty where no column is named).
    ///
    /// # Errors
    /// If the file cannot be read or does not fit the description, if no row is of interest, or as `each`.
    pub(crate) fn each_row(
        &self,
        problem: &Problem,
        rows: &Rows,
        wanted: &[Option<&str>],
        mut each: impl FnMut(CsvRow) -> Result<(), AttackError>,
    ) -> Result<(), AttackError> {
        let path = self.dir.join(&rows.file);
        let csv_error = |source| AttackError::Csv { path: path.clone(), source };
        let mut reader = csv::Reader::from_reader(self.file(&rows.file)?);
        let columns = Columns::new(problem, rows, wanted, reader.headers().map_err(csv_error)?)?;
        let mut record = csv::StringRecord::new();
        let mut nothing = true;
        while reader.read_record(&mut record).map_err(csv_error)? {
            let field = |index: usize| record.get(index).unwrap_or_default();
            if columns.filter.iter().any(|(index, text)| field(*index) != text.as_str()) {
                continue;
            }
            nothing = false;
            self.charge(&rows.file, 1)?;
            let code = |source: &Source| match source {
                Source::Column(index) => field(*index).to_owned(),
                Source::Fixed(code) => code.clone(),
            };
            each(CsvRow {
                path: &path,
                line: record.position().map_or(0, csv::Position::line),
                codes: columns.sources.iter().map(code).collect(),
                values: columns.values.iter().map(|index| index.map(field).unwrap_or_default().to_owned()).collect(),
            })?;
        }
        if nothing {
            let having = |(column, text): (&String, &String)| format!(" with `{text}` in column `{column}`");
            let having: String = rows.filter.iter().map(having).collect();
            let message = format!("has no row{having}: nothing of it would be attacked; check `where` and the file");
            return Err(AttackError::File { path: rows.file.clone(), message });
        }
        Ok(())
    }
}

impl<'a> Columns<'a> {
    fn new(
        problem: &Problem,
        rows: &'a Rows,
        wanted: &[Option<&str>],
        headers: &csv::StringRecord,
    ) -> Result<Self, AttackError> {
        let define = |message| AttackError::Definition { group: problem.name.clone(), message };
        let file = rows.file.display();
        let column = |name: &str| {
            let mut found = headers.iter().enumerate().filter(|(_, header)| *header == name);
            match (found.next(), found.next()) {
                (Some((index, _)), None) => Ok(index),
                (None, _) => Err(define(format!("`{file}` has no column `{name}`"))),
                _ => Err(define(format!("`{file}` has two columns `{name}`: rename one"))),
            }
        };
        for name in rows.columns.keys().chain(rows.fixed.keys()) {
            if !problem.dimensions.iter().any(|dimension| dimension.name == *name) {
                return Err(define(format!("`{file}` is given codes for `{name}`, which is not a dimension")));
            }
            if rows.columns.contains_key(name) && rows.fixed.contains_key(name) {
                return Err(define(format!("`{file}` is given codes for `{name}` twice, by `columns` and by `fixed`")));
            }
        }
        let mut sources = Vec::new();
        for dimension in &problem.dimensions {
            sources.push(match (rows.columns.get(&dimension.name), rows.fixed.get(&dimension.name)) {
                (Some(name), _) => Source::Column(column(name)?),
                (None, Some(code)) => Source::Fixed(code.clone()),
                (None, None) => Source::Fixed(dimension.total.clone()),
            });
        }
        let values = wanted.iter().map(|name| name.map(column).transpose()).collect::<Result<_, _>>()?;
        let filter =
            rows.filter.iter().map(|(name, text)| Ok((column(name)?, text))).collect::<Result<_, AttackError>>()?;
        Ok(Self { sources, values, filter })
    }
}
