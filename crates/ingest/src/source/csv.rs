//! Comma-separated values: records with their line numbers.

use csv::{Reader, ReaderBuilder, StringRecord};

use crate::error::IngestError;

/// The records of a text.
pub(crate) struct CsvRecords<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    lines_skipped: u64,
    last: Option<(usize, u64)>,
}

impl<'a> CsvRecords<'a> {
    /// Opens a text behind its first `skip_rows` lines.
    pub(super) fn open(text: &'a str, skip_rows: u32) -> Self {
        let mut text = text;
        for _ in 0..skip_rows {
            text = text.split_once('\n').map_or("", |(_, rest)| rest);
        }
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        Self { text, reader, lines_skipped: u64::from(skip_rows), last: None }
    }

    /// The next record and its line.
    pub(super) fn next(&mut self, record: &mut StringRecord) -> Result<Option<u64>, IngestError> {
        let start = self.reader.position().line();
        let more = self.reader.read_record(record).map_err(|_| IngestError::Structure {
            line: start + self.lines_skipped,
            message: "the row cannot be read as comma-separated values: quote fields that hold commas or quotes",
        })?;
        if !more {
            return self.check_end().map(|()| None);
        }
        // The reader's position is behind the last record's text: line ends and blank lines are still to come.
        let position = record.position();
        let behind = position.map_or(0, |p| usize::try_from(p.byte()).unwrap_or(usize::MAX));
        let rest = self.text.as_bytes().get(behind..).unwrap_or_default();
        let blank: Vec<&u8> = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).collect();
        let ends: u64 = blank.iter().map(|byte| u64::from(**byte == b'\n')).sum();
        let line = position.map_or(start, csv::Position::line) + ends + self.lines_skipped;
        self.last = Some((behind + blank.len(), line));
        Ok(Some(line))
    }

    /// A quote that is never closed swallows the rest of the file without an error; it can only be in the last record.
    fn check_end(&self) -> Result<(), IngestError> {
        let Some((start, line)) = self.last else { return Ok(()) };
        if ends_in_quotes(self.text.as_bytes().get(start..).unwrap_or_default()) {
            return Err(IngestError::Structure { line, message: "a quote in this row is never closed: close it" });
        }
        Ok(())
    }
}

/// Whether a record's bytes end inside a quoted field (RFC 4180: quotes count at the start of a field only).
fn ends_in_quotes(record: &[u8]) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        FieldStart,
        Plain,
        Quoted,
        QuoteInQuoted,
    }
    let mut at = At::FieldStart;
    for byte in record {
        at = match (at, byte) {
            (At::FieldStart | At::QuoteInQuoted, b'"') | (At::Quoted, 0..b'"' | b'#'..) => At::Quoted,
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (_, b',' | b'\n' | b'\r') => At::FieldStart,
            _ => At::Plain,
        };
    }
    at == At::Quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, skip: u32) -> Result<Vec<(u64, Vec<String>)>, IngestError> {
        let mut records = CsvRecords::open(text, skip);
        let mut record = StringRecord::new();
        let mut rows = Vec::new();
        while let Some(line) = records.next(&mut record)? {
            rows.push((line, record.iter().map(str::to_owned).collect()));
        }
        Ok(rows)
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let text = "banner\n\na,b\r\n\"1,\n2\",\"say \"\"x\"\"\"\n\n3\n";
        let rows = read(text, 2).unwrap();
        let expect = [(3, vec!["a", "b"]), (4, vec!["1,\n2", "say \"x\""]), (7, vec!["3"])];
        assert_eq!(rows.len(), expect.len());
        for ((line, row), (expect_line, expect_row)) in rows.iter().zip(&expect) {
            assert_eq!(row, expect_row);
            assert_eq!(line, expect_line, "{row:?}");
        }
    }

    #[test]
    fn an_open_quote_is_an_error_not_a_long_field() {
        let cases = [
            ("a,b\n1,\"x\n2,y\n", true),
            ("a,b\n1,\"x\n2,y", true),
            ("a,b\n1,\"x\"\n", false),
            ("a,b\n1,\"x\"\"", true),
            ("a,b\n1,x\"\n", false),
            ("a,b\n1,\"\"", false),
            ("a,b\n\"\",\"\"\"\"\n", false),
        ];
        for (text, broken) in cases {
            assert_eq!(read(text, 0).is_err(), broken, "{text:?}");
        }
    }
}
