//! Comma-separated tables: named columns, filters, limits, and errors that say file and line.

use csv::StringRecord;
use model::{AreaCode, Month};

use crate::area::read_code;
use crate::error::GeographyError;
use crate::import::ImportLimits;
use crate::manifest::Within;

/// A table being read.
pub(crate) struct Table<'a> {
    file: &'a str,
    header: StringRecord,
    reader: csv::Reader<&'a [u8]>,
    limits: &'a ImportLimits,
    within: Option<(usize, &'a Within)>,
}

/// A column's position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column(usize);

/// One row.
pub(crate) struct Row<'a> {
    file: &'a str,
    pub(crate) line: u64,
    record: &'a StringRecord,
    text_bytes: usize,
}

impl<'a> Table<'a> {
    /// Opens a table; `header` names the columns of a file without a header row.
    pub(crate) fn open(
        file: &'a str,
        bytes: &'a [u8],
        header: Option<&[String]>,
        limits: &'a ImportLimits,
        within: Option<&'a Within>,
    ) -> Result<Self, GeographyError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader =
            csv::ReaderBuilder::new().has_headers(header.is_none()).trim(csv::Trim::All).from_reader(bytes);
        let header = match header {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => reader.headers().map_err(|error| csv_error(file, &error))?.clone(),
        };
        let mut table = Self { file, header, reader, limits, within: None };
        if let Some(within) = within {
            table.within = Some((table.column(&within.column)?.0, within));
        }
        Ok(table)
    }

    /// The column with a name.
    pub(crate) fn column(&self, name: &str) -> Result<Column, GeographyError> {
        self.header.iter().position(|header| header == name).map(Column).ok_or_else(|| {
            let found: Vec<&str> = self.header.iter().take(40).collect();
            let problem = format!("it has no column `{name}`; its columns are `{}`", found.join("`, `"));
            GeographyError::file(self.file, problem)
        })
    }

    /// The column with a name, if one is named.
    pub(crate) fn optional(&self, name: Option<&String>) -> Result<Option<Column>, GeographyError> {
        name.map(|name| self.column(name)).transpose()
    }

    /// Gives each row that passes the filter to `each`; returns the number of rows read.
    pub(crate) fn for_each(
        mut self,
        mut each: impl FnMut(&Row<'_>) -> Result<(), GeographyError>,
    ) -> Result<u64, GeographyError> {
        let mut record = StringRecord::new();
        let mut rows = 0;
        while self.reader.read_record(&mut record).map_err(|error| csv_error(self.file, &error))? {
            rows += 1;
            if rows > self.limits.rows {
                return Err(GeographyError::limit(self.file, "rows", self.limits.rows));
            }
            if record.len() != self.header.len() {
                let (found, expected) = (record.len(), self.header.len());
                let line = record.position().map_or(0, csv::Position::line);
                let problem = format!("it has {found} fields but {expected} columns are named");
                return Err(GeographyError::row(self.file, line, problem));
            }
            let keep =
                self.within.is_none_or(|(column, within)| within.values.contains(record.get(column).unwrap_or("")));
            if keep {
                let line = record.position().map_or(0, csv::Position::line);
                each(&Row { file: self.file, line, record: &record, text_bytes: self.limits.text_bytes })?;
            }
        }
        Ok(rows)
    }
}

impl Row<'_> {
    /// The text of a field, without outer spaces.
    pub(crate) fn text(&self, column: Column) -> Result<&str, GeographyError> {
        let text = self.record.get(column.0).unwrap_or("");
        if text.len() > self.text_bytes {
            return Err(self.error(format!("a text is longer than {} bytes", self.text_bytes)));
        }
        Ok(text)
    }

    /// The text of an optional column; `None` if not named or empty.
    pub(crate) fn optional(&self, column: Option<Column>) -> Result<Option<&str>, GeographyError> {
        Ok(column.map(|column| self.text(column)).transpose()?.filter(|text| !text.is_empty()))
    }

    /// An area code.
    pub(crate) fn code(&self, column: Column) -> Result<AreaCode, GeographyError> {
        read_code(self.text(column)?).map_err(|error| self.error(error.to_string()))
    }

    /// A whole number, thousands commas allowed; `None` if not named or empty.
    pub(crate) fn number(&self, column: Option<Column>) -> Result<Option<u64>, GeographyError> {
        let Some(text) = self.optional(column)? else { return Ok(None) };
        let number = text.replace(',', "").parse();
        number.map(Some).map_err(|_| self.error(format!("`{text}` is not a whole number")))
    }

    /// Metres or any finite number; `None` if not named, empty or no number.
    pub(crate) fn coordinate(&self, column: Option<Column>) -> Result<Option<f64>, GeographyError> {
        Ok(self.optional(column)?.and_then(|text| text.parse().ok()).filter(|number: &f64| number.is_finite()))
    }

    /// A month in a format of `%Y`, `%m` and literal characters; `None` if not named or empty.
    pub(crate) fn month(&self, column: Option<Column>, format: &str) -> Result<Option<Month>, GeographyError> {
        let Some(text) = self.optional(column)? else { return Ok(None) };
        let problem = || self.error(format!("`{text}` is not a month written `{format}`"));
        read_month(text, format).ok_or_else(problem).map(Some)
    }

    pub(crate) fn error(&self, problem: impl Into<String>) -> GeographyError {
        GeographyError::row(self.file, self.line, problem)
    }
}

fn read_month(text: &str, format: &str) -> Option<Month> {
    let (mut year, mut month, mut rest) = (None, None, text);
    let mut format = format.chars();
    while let Some(expected) = format.next() {
        let digits = match (expected, expected == '%') {
            (_, true) => match format.next()? {
                'Y' => 4,
                'm' => 2,
                _ => return None,
            },
            (literal, false) => {
                rest = rest.strip_prefix(literal)?;
                continue;
            }
        };
        let (number, after) = rest.split_at_checked(digits)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *(if digits == 4 { &mut year } else { &mut month }) = Some(number.parse().ok()?);
        rest = after;
    }
    if rest.is_empty() { Month::new(year?, month?) } else { None }
}

fn csv_error(file: &str, error: &csv::Error) -> GeographyError {
    let line = error.position().map_or(1, csv::Position::line);
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("it has {len} fields but the header has {expected_len}")
        }
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8; convert the file".to_owned(),
        _ => "it is not comma-separated text; convert the file".to_owned(),
    };
    GeographyError::row(file, line, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months() {
        for (text, format, expect) in [
            ("202403", "%Y%m", Some("2024-03")),
            ("2024-03", "%Y-%m", Some("2024-03")),
            ("03/2024", "%m/%Y", Some("2024-03")),
            ("202413", "%Y%m", None),
            ("2024-3", "%Y-%m", None),
            ("2024-03-01", "%Y-%m", None),
            ("2024", "%Y", None),
            ("+202", "%Y", None),
            ("2024\u{e9}3", "%Y%m", None),
            ("202403", "%Y%b", None),
        ] {
            assert_eq!(read_month(text, format).map(|m| m.to_string()).as_deref(), expect, "{text} {format}");
        }
    }

    #[test]
    fn tables_are_read_or_refused() {
        let limits = ImportLimits { rows: 3, text_bytes: 5, ..ImportLimits::default() };
        let read = |bytes: &[u8], header: Option<&[String]>, within: Option<&Within>| {
            let table = Table::open("t.csv", bytes, header, &limits, within)?;
            let column = table.column("b")?;
            let mut found = Vec::new();
            let rows = table.for_each(|row| {
                found.push(row.text(column)?.to_owned());
                Ok(())
            })?;
            Ok::<_, GeographyError>((rows, found.join("|")))
        };
        let header = ["a".to_owned(), "b".to_owned()];
        let within = Within { column: "a".to_owned(), values: ["1".to_owned()].into() };
        let good: [(&[u8], _, _, (u64, &str)); 5] = [
            (b"a,b\n1,x\n2,y\n", None, None, (2, "x|y")),
            (b"\xef\xbb\xbfa,b\r\n1, \"x\" \r\n", None, None, (1, "\"x\"")),
            (b"a,b\n1,x\n2,y\n", None, Some(&within), (2, "x")),
            (b"\"1\",\"x,y\"\n", Some(header.as_slice()), None, (1, "x,y")),
            (b"a,b\n", None, None, (0, "")),
        ];
        for (bytes, header, within, (rows, texts)) in good {
            assert_eq!(read(bytes, header, within).unwrap(), (rows, texts.to_owned()));
        }
        let bad: [(&[u8], _, &str); 7] = [
            (b"a,c\n1,x\n", None, "no column `b`; its columns are `a`, `c`"),
            (b"", None, "no column `b`"),
            (b"a,b\n1,x\n1\n", None, "`t.csv`, line 3: it has 1 fields but the header has 2"),
            (b"1\n", Some(header.as_slice()), "line 1: it has 1 fields but 2 columns"),
            (b"a,b\n1,\xff\n", None, "line 2: it is not UTF-8"),
            (b"a,b\n1,xxxxxx\n", None, "line 2: a text is longer than 5"),
            (b"a,b\n1,x\n1,x\n1,x\n1,x\n", None, "more than 3 rows"),
        ];
        for (bytes, header, problem) in bad {
            let error = read(bytes, header, None).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
