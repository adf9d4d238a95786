//! A small made-up geography for tests: a sheet of 4 x 4 atoms with crooked shared borders.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::gazetteer::Gazetteer;
use crate::geometry::Point;
use crate::import::Importer;
use crate::manifest::Manifest;
use crate::report::ImportReport;

/// Atoms along a side.
pub(crate) const SIDE: usize = 4;
/// South-western corner.
pub(crate) const ORIGIN: Point = [-2.7, 53.6];
/// Width of an atom, degrees.
pub(crate) const STEP: f64 = 0.01;

/// A border from one corner to the next with wiggles that depend on its ends only, so both neighbours have the same.
fn border(from: (usize, usize), to: (usize, usize)) -> Vec<Point> {
    let outer =
        (from.0 == to.0 && (from.0 == 0 || from.0 == SIDE)) || (from.1 == to.1 && (from.1 == 0 || from.1 == SIDE));
    let (first, second) = (from.min(to), from.max(to));
    let at =
        |(column, row): (usize, usize)| [STEP.mul_add(column as f64, ORIGIN[0]), STEP.mul_add(row as f64, ORIGIN[1])];
    let (a, b) = (at(first), at(second));
    let seed = first.0 * 31 + first.1 * 17 + second.0 * 7 + second.1 * 3;
    let mut points: Vec<Point> = (0..20)
        .map(|i| {
            let part = f64::from(i) / 20.0;
            // Straight near the corners, where borders would cross each other.
            let size =
                if outer || !(3..18).contains(&i) { 0.0 } else { ((seed * 13 + i as usize * 29) % 11) as f64 - 5.0 };
            let shift = size * STEP / 60.0;
            let [x, y] = [(b[0] - a[0]).mul_add(part, a[0]), (b[1] - a[1]).mul_add(part, a[1])];
            if a[0] == b[0] { [x + shift, y] } else { [x, y + shift] }
        })
        .collect();
    points.push(b);
    if from > to {
        points.reverse();
    }
    points
}

/// The ring of an atom, anticlockwise, closed.
pub(crate) fn ring(column: usize, row: usize) -> Vec<Point> {
    let corners = [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1), (column, row)];
    let mut ring: Vec<Point> = corners.windows(2).flat_map(|c| border(c[0], c[1])).collect();
    ring.dedup();
    ring
}

/// The code of an atom.
pub(crate) fn code(column: usize, row: usize) -> String {
    format!("E0199{:04}", row * SIDE + column + 1)
}

fn each_atom() -> impl Iterator<Item = (usize, usize)> {
    (0..SIDE).flat_map(|row| (0..SIDE).map(move |column| (column, row)))
}

fn feature(code: &str, coordinates: &str) -> String {
    format!(
        r#"{{"type":"Feature","properties":{{"LSOA21CD":"{code}","LSOA21NM":"Place {code}"}},"geometry":{{"type":"Polygon","coordinates":{coordinates}}}}}"#
    )
}

fn collection(features: &[String]) -> Vec<u8> {
    format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, features.join(",")).into_bytes()
}

const MANIFEST: &str = r#"
title = "Test sheet"
synthetic = true
source = "tests"
licence = "CC0-1.0"
partnership = { code = "TEST-PARTNERSHIP", name = "Test", boundary_year = 2025 }
[[file]]
kind = "practices"
path = "practices.csv"
practice = "PRACTICE_CODE"
list_size = "LIST"
area_type = "pcn"
boundary_year = 2025
code = "PCN"
[[file]]
kind = "postcodes"
path = "postcodes.csv"
postcode = "pcds"
easting = "e"
northing = "n"
area_type = "lsoa"
boundary_year = 2021
area_code = "lsoa21"
introduced = "from"
terminated = "to"
month_format = "%Y%m"
quality = "q"
[[file]]
kind = "lsoa11-lookup"
path = "lsoa11.csv"
from_year = 2011
from_code = "old"
to_year = 2021
to_code = "new"
change = "change"
population = "people"
[[file]]
kind = "hierarchy"
path = "hierarchy.csv"
child_type = "lsoa"
child_year = 2021
child_code = "LSOA21CD"
[[file.level]]
area_type = "msoa"
boundary_year = 2021
code = "MSOA21CD"
name = "MSOA21NM"
method = "exact"
[[file.level]]
area_type = "ward"
boundary_year = 2024
code = "WD"
method = "best-fit"
[[file.level]]
area_type = "pcn"
boundary_year = 2025
code = "PCN"
method = "best-fit"
[[file]]
kind = "membership"
path = "neighbourhoods.csv"
child_type = "lsoa"
child_year = 2021
child_code = "lsoa"
area_type = "neighbourhood"
boundary_year = 2025
code = "code"
name = "name"
predecessors = "was"
valid_from = "from"
method = "supplied"
covers = "some"
[[file]]
kind = "names"
path = "wards.csv"
area_type = "ward"
boundary_year = 2024
code = "code"
name = "name"
[[file]]
kind = "population"
path = "population.csv"
area_type = "lsoa"
boundary_year = 2021
code = "LSOA21CD"
population = "residents"
[[file]]
kind = "boundaries"
path = "lsoa21.geojson.gz"
role = "spine"
area_type = "lsoa"
boundary_year = 2021
code = "LSOA21CD"
name = "LSOA21NM"
[[file]]
kind = "boundaries"
path = "district.geojson"
role = "display"
area_type = "district"
boundary_year = 2025
code = "LSOA21CD"
name = "LSOA21NM"
assign = "interior-point"
method = "exact"
[[file]]
kind = "boundaries"
path = "context.geojson"
role = "context"
area_type = "district"
boundary_year = 2025
code = "LSOA21CD"
name = "LSOA21NM"
"#;

/// A geography's files, to change before importing.
pub(crate) struct Fixture {
    /// The text of the manifest.
    pub(crate) manifest: String,
    /// The files by path; `.gz` ones are compressed when imported.
    pub(crate) files: BTreeMap<&'static str, Vec<u8>>,
}

/// The files as they should be.
pub(crate) fn fixture() -> Fixture {
    let polygon = |(column, row)| feature(&code(column, row), &format!("[{:?}]", ring(column, row)));
    let atoms: Vec<String> = each_atom().map(polygon).collect();
    let square = |code: &str, [west, south]: Point, size: f64| {
        let (east, north) = (west + size, south + size);
        feature(
            code,
            &format!("[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]"),
        )
    };
    let size = STEP * SIDE as f64;
    let mut hierarchy = String::from("LSOA21CD,MSOA21CD,MSOA21NM,WD,PCN\n");
    let mut population = String::from("LSOA21CD,residents\n");
    let mut lsoa11 = String::from(
        "old,new,change,people\nE01980001,E01990001,S,1600\nE01980001,E01990002,S,900\n\
        E01980003,E01990003,M,700\nE01980004,E01990003,M,300\nE01980005,E01990004,X,10\nE01980005,E01997777,X,30\n\
        E01987777,E01997777,U,5\n",
    );
    for (column, row) in each_atom() {
        let (atom, msoa) = (code(column, row), column / 2 + row / 2 * 2 + 1);
        let _ = writeln!(hierarchy, "{atom},E0299000{msoa},Middle {msoa},E0599000{},U9900{}", row + 1, column / 2 + 1);
        let _ = writeln!(population, "{atom},\"1,{}00\"", row + column);
        if row > 0 {
            let _ = writeln!(lsoa11, "E01981{},{atom},U,100", &atom[6..]);
        }
    }
    let files: [(&str, Vec<u8>); 10] = [
        ("lsoa21.geojson.gz", collection(&atoms)),
        ("district.geojson", collection(&[square("E07990118", ORIGIN, size)])),
        ("context.geojson", collection(&[square("E07990999", [-2.8, 53.6], 0.1)])),
        ("hierarchy.csv", hierarchy.into_bytes()),
        ("population.csv", population.into_bytes()),
        (
            "neighbourhoods.csv",
            b"lsoa,code,name,was,from\nE01990001,NBH-01,One,NBH-98 NBH-99,2024-04\nE01990002,NBH-01,One,,\n\
              E01990002,NBH-02,Two,,\n"
                .to_vec(),
        ),
        ("wards.csv", b"code,name\nE05990001,South Ward\nE05990002,Lower Ward\n".to_vec()),
        ("lsoa11.csv", lsoa11.into_bytes()),
        (
            "postcodes.csv",
            b"pcds,e,n,lsoa21,from,to,q\n\
              PR7 1AA,,,E01990001,198001,,1\n\
              PR7 1AB,354700,413600,,198001,201006,1\n\
              PR7 1AB,354700,413600,E01990006,201501,,1\n\
              PR7 1AD,0,0,,198001,,9\n\
              PR7 1AE,400000,400000,,198001,,1\n\
              NOT ONE,1,1,,,,\n"
                .to_vec(),
        ),
        ("practices.csv", b"PRACTICE_CODE,LIST,PCN\nP99001,\"12,345\",U99001\nP99002,,U99009\n".to_vec()),
    ];
    Fixture { manifest: MANIFEST.to_owned(), files: files.into() }
}

impl Fixture {
    /// Replaces text in one file.
    pub(crate) fn edit(mut self, path: &str, from: &str, to: &str) -> Self {
        if path == "geography.toml" {
            assert!(self.manifest.contains(from));
            self.manifest = self.manifest.replace(from, to);
            return self;
        }
        let bytes = self.files.get_mut(path).unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        *bytes = text.replace(from, to).into_bytes();
        self
    }

    /// Imports the files; the error as text.
    pub(crate) fn import(self) -> Result<(Gazetteer, ImportReport), String> {
        let manifest = Manifest::parse("geography.toml", &self.manifest).map_err(|error| error.to_string())?;
        let mut importer = Importer::new(manifest);
        for (path, bytes) in &self.files {
            let bytes = if path.ends_with(".gz") { gzip(bytes) } else { bytes.clone() };
            importer.file(path, &bytes).map_err(|error| error.to_string())?;
        }
        importer.finish().map_err(|error| error.to_string())
    }
}

/// Compresses bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
