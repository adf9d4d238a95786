//! Workbooks through a real child process, hostile ones included.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use csv::StringRecord;

use super::{WorkbookError, WorkbookReader};
use crate::request::Limits;
use crate::tests::Setting;
use crate::tests::feeds::police;

/// The example that runs `child_main`; the test runners build examples beside the tests.
pub(crate) fn reader() -> WorkbookReader {
    let tests = std::env::current_exe().unwrap();
    let child: PathBuf = tests.parent().unwrap().parent().unwrap().join("examples/workbook_child");
    assert!(child.exists(), "build the example `workbook_child` first: run `cargo test`, not `cargo test --lib`");
    WorkbookReader::new(child, Vec::<String>::new())
}

fn rows(file: &[u8], sheet: Option<&str>, limits: &Limits) -> Result<Vec<(u64, StringRecord)>, WorkbookError> {
    reader().rows(file, sheet, 0, limits, Duration::from_secs(20))
}

/// A ZIP archive of the parts; `declared` is what it says of their sizes instead of the truth.
fn zip(parts: &[(&str, &str)], deflate: bool, declared: Option<u32>) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let mut crc = flate2::Crc::new();
        crc.update(content.as_bytes());
        let stored = if deflate { deflated(content) } else { content.as_bytes().to_vec() };
        let size = declared.unwrap_or(u32::try_from(content.len()).unwrap());
        let mut common = vec![20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0];
        for number in [crc.sum(), u32::try_from(stored.len()).unwrap(), size] {
            common.extend(number.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        common.extend([0, 0]);
        let offset = u32::try_from(file.len()).unwrap();
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(stored);
    }
    let start = u32::try_from(file.len()).unwrap();
    let count = u16::try_from(parts.len()).unwrap().to_le_bytes();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count);
    file.extend(count);
    file.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

fn deflated(content: &str) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A workbook of one sheet `A1` with these cells, and shared strings.
pub(crate) fn workbook(cells: &str, shared: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let types = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let parts: [(&str, &str); 7] = [
        (
            "[Content_Types].xml",
            &format!(
                "<Types xmlns=\"{package}/content-types\"><Override PartName=\"/xl/workbook.xml\" \
                 ContentType=\"{types}.sheet.main+xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels",
            &format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" \
                 Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"A1\" sheetId=\"1\" \
                 r:id=\"rId1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            &format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" Type=\"{office}/worksheet\" \
                 Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        ("xl/sharedStrings.xml", &format!("<sst xmlns=\"{main}\" {shared}</sst>")),
        (
            "xl/styles.xml",
            &format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet xmlns=\"{main}\"><sheetData>{cells}</sheetData></worksheet>"),
        ),
    ];
    zip(&parts, false, None)
}

const STRINGS: &str = "uniqueCount=\"2\"><si><t>Area code</t></si><si><t>Households, all</t></si>";

#[test]
fn cells_become_text() {
    let cells = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>banner</t></is></c></row>\
                 <row r=\"3\"><c r=\"A3\" t=\"s\"><v>0</v></c><c r=\"C3\" t=\"s\"><v>1</v></c></row>\
                 <row r=\"4\"><c r=\"A4\" t=\"inlineStr\"><is><t>E07</t></is></c><c r=\"B4\" s=\"1\"><v>45292</v></c>\
                 <c r=\"C4\"><v>1234</v></c><c r=\"D4\"><v>0.5</v></c><c r=\"E4\" t=\"b\"><v>1</v></c></row>";
    let found =
        reader().rows(&workbook(cells, STRINGS), Some("a1 "), 1, &Limits::default(), Duration::from_secs(20)).unwrap();
    let found: Vec<(u64, Vec<&str>)> = found.iter().map(|(row, record)| (*row, record.iter().collect())).collect();
    assert_eq!(
        found,
        [(3, vec!["Area code", "", "Households, all"]), (4, vec!["E07", "2024-01-01", "1234", "0.5", "true"]),]
    );
}

#[test]
fn what_is_no_workbook_is_refused() {
    let limits = Limits::default();
    let good = workbook("<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>", STRINGS);
    assert_eq!(rows(&good, None, &limits).unwrap().len(), 1);
    let cases: [(&[u8], Option<&str>, &str); 4] = [
        (b"PK\x03\x04nonsense", None, "not an Excel workbook"),
        (b"", None, "not an Excel workbook"),
        (&good[..good.len() / 2], None, "not an Excel workbook"),
        (&good, Some("B2"), "no sheet `B2`"),
    ];
    for (file, sheet, expect) in cases {
        let error = rows(file, sheet, &limits).unwrap_err();
        assert!(matches!(error, WorkbookError::Refused(_)), "{error}");
        assert!(error.to_string().contains(expect), "{error}");
    }
}

/// Both files make the library allocate without bound; here they end in an error, and this process lives to say so.
#[test]
fn hostile_workbooks_cost_only_the_child() {
    let limits = Limits::default();
    let corners =
        "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>";
    let far = rows(&workbook(corners, STRINGS), None, &limits).unwrap_err();
    assert!(far.to_string().contains("more than 2000 columns"), "{far}");
    let strings = "uniqueCount=\"4000000000000\"><si><t>x</t></si>";
    let many = rows(&workbook("<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>", strings), None, &limits).unwrap_err();
    assert!(matches!(many, WorkbookError::Died { .. }), "{many}");
    assert!(many.to_string().contains("signal 6"), "{many}");
}

#[test]
fn limits_hold_in_the_child() {
    let row = |number: u32| format!("<row r=\"{number}\"><c r=\"A{number}\" t=\"s\"><v>1</v></c></row>");
    let cells: String = (1..=50).map(row).collect();
    let file = workbook(&format!("{cells}<!--{}-->", " ".repeat(8 << 20)), STRINGS);
    let cases = [
        (Limits { rows: 20, ..Limits::default() }, "more than 21 rows"),
        (Limits { field_bytes: 5, ..Limits::default() }, "over 5 bytes"),
        (Limits { inflated_bytes: 1_000, ..Limits::default() }, "inflates to more than 1000 bytes"),
        (Limits { workbook_entries: 6, ..Limits::default() }, "more than 6 parts"),
        (Limits { workbook_cells: 49, ..Limits::default() }, "more than 49 cells"),
        (Limits { workbook_memory: 1 << 20, ..Limits::default() }, "died"),
    ];
    for (limits, expect) in cases {
        let error = rows(&file, None, &limits).unwrap_err();
        assert!(error.to_string().contains(expect), "{expect}: {error}");
    }
}

/// What the spreadsheet library would read for minutes, or read although it is no XML, is refused before it looks.
#[test]
fn hostile_packages_are_refused() {
    let spaces = " ".repeat(1 << 20);
    let cell = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>";
    let sheet = |xml: &str| zip(&[("xl/worksheets/sheet1.xml", xml)], true, None);
    let many: Vec<String> = (0..1_001).map(|number| format!("xl/media/{number}.png")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "")).collect();
    let bomb = [("xl/sharedStrings.xml", spaces.as_str())];
    let cases = [
        ("a bomb", zip(&bomb, true, None), "inflates to more than"),
        ("a bomb that says it is small", zip(&bomb, true, Some(100)), "malformed"),
        ("one that is no XML", zip(&[("xl/media/1.png", spaces.as_str())], true, Some(100)), "not an Excel workbook"),
        ("many parts", zip(&many, false, None), "more than 1000 parts"),
        ("one name twice", zip(&[("a.xml", "<a/>"), ("a.xml", "<a/>")], false, None), "same name"),
        ("a type definition", sheet("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), "document type definition"),
        ("an entity of its own", sheet("<a>&b;</a>"), "malformed"),
        ("an open element", sheet("<a><b></b>"), "malformed"),
        ("elements that cross", sheet("<a><b></a></b>"), "malformed"),
        ("an attribute twice", sheet("<a b=\"1\" b=\"2\"/>"), "malformed"),
        ("no element", sheet("<!-- a -->"), "malformed"),
        ("cut in the middle", sheet("<a><b c="), "malformed"),
        ("a wrong comment", workbook(&format!("{cell}<!-- a -- b -->"), STRINGS), "malformed"),
    ];
    for (name, file, expect) in cases {
        let error = rows(&file, None, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains(expect), "{name}: {error}");
    }
    let usual = workbook(&format!("{cell}<!-- 1 &lt; 2 -->"), &STRINGS.replace("Area code", "R&amp;D &#65;"));
    assert_eq!(rows(&usual, None, &Limits::default()).unwrap().len(), 1);
}

/// A row is as wide as its last cell: few bytes must not become many cells in this process.
#[test]
fn empty_cells_count() {
    let cells: String = (1..=20).map(|row| format!("<row r=\"{row}\"><c r=\"BXX{row}\"><v>1</v></c></row>")).collect();
    let limits = Limits { workbook_cells: 30_000, ..Limits::default() };
    let error = rows(&workbook(&cells, STRINGS), None, &limits).unwrap_err();
    assert!(matches!(error, WorkbookError::TooManyCells { limit: 30_000 }), "{error}");
}

#[test]
fn the_reader_has_a_time_limit_of_its_own() {
    let contract = police().replace("format = \"csv\"", "format = \"xlsx\"");
    let mut setting = Setting::new(&contract, "2018-12");
    setting.limits.workbook_time = Duration::from_millis(200);
    setting.workbook = Some(WorkbookReader::new("/bin/sleep", ["30"]));
    let started = Instant::now();
    let error = setting.refusal(b"PK\x03\x04");
    assert!(error.contains("took longer than") && started.elapsed() < Duration::from_secs(10), "{error}");
}

#[test]
fn a_child_that_hangs_is_killed() {
    let started = Instant::now();
    let sleeper = WorkbookReader::new("/bin/sleep", ["30"]);
    let file = vec![0; 1 << 20];
    let error = sleeper.rows(&file, None, 0, &Limits::default(), Duration::from_millis(200)).unwrap_err();
    assert!(matches!(error, WorkbookError::TimedOut { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    let absent = WorkbookReader::new("/nowhere/at/all", Vec::<String>::new());
    assert!(matches!(
        absent.rows(b"x", None, 0, &Limits::default(), Duration::from_secs(1)),
        Err(WorkbookError::Start(_))
    ));
    let liar = WorkbookReader::new("/bin/echo", ["row,x"]);
    let error = liar.rows(b"x", None, 0, &Limits::default(), Duration::from_secs(5)).unwrap_err();
    assert!(matches!(error, WorkbookError::Protocol), "{error}");
}
