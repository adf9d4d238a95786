use model::{AreaType, Month};

use super::*;
use crate::area::{AtomIndex, Method};
use crate::conversion::CarriedOver;
use crate::fixture::{Fixture, ORIGIN, STEP, code, fixture, gzip};
use crate::grid::lonlat_to_bng;
use crate::locate::Location;
use crate::postcode::{PostcodeProblem, Validity};
use crate::report::FindingKind::{self, *};

fn names<'a>(areas: impl IntoIterator<Item = &'a crate::area::Area>) -> Vec<&'a str> {
    areas.into_iter().map(|area| area.name.as_str()).collect()
}

fn edit(path: &str, from: &str, to: &str) -> Fixture {
    fixture().edit(path, from, to)
}

#[test]
fn areas_members_and_parents() {
    let (gazetteer, report) = fixture().import().unwrap();
    assert_eq!(gazetteer.atoms().len(), 16);
    let types: Vec<&str> = gazetteer.area_types().map(AreaType::as_str).collect();
    assert_eq!(types, ["lsoa", "msoa", "ward", "pcn", "neighbourhood", "district", "partnership"]);
    assert_eq!(names(gazetteer.areas(AreaType::Ward)), ["South Ward", "Lower Ward", "E05990003", "E05990004"]);
    assert_eq!(names(gazetteer.area(AreaType::Msoa, "E02990002")), ["Middle 2"]);
    assert_eq!(gazetteer.area(AreaType::Msoa, "E02990009"), None);
    let members = |area_type, code| gazetteer.members(area_type, code).iter().map(|a| a.0).collect::<Vec<_>>();
    assert_eq!(members(AreaType::Msoa, "E02990002"), [2, 3, 6, 7]);
    assert_eq!(members(AreaType::District, "E07990118"), (0..16).collect::<Vec<_>>());
    assert_eq!(members(AreaType::Partnership, "TEST-PARTNERSHIP"), (0..16).collect::<Vec<_>>());
    assert_eq!(members(AreaType::Lsoa, "E01990003"), [2]);
    assert_eq!(members(AreaType::Beat, "BEAT-01"), [0_u16; 0]);
    let second = gazetteer.atom("E01990002").unwrap();
    assert_eq!(names(gazetteer.areas_of(second, AreaType::Neighbourhood)), ["One", "Two"]);
    assert_eq!(names(gazetteer.area_of(AtomIndex(2), AreaType::Neighbourhood)), [""; 0]);
    let parents: Vec<(&str, Method, u16)> =
        gazetteer.parents(second).iter().map(|p| (p.area.code.as_str(), p.method, p.edge_year.get())).collect();
    let expect = [
        ("E02990001", Method::Exact, 2021),
        ("E05990001", Method::BestFit, 2024),
        ("U99001", Method::BestFit, 2025),
        ("NBH-01", Method::Supplied, 2025),
        ("NBH-02", Method::Supplied, 2025),
        ("E07990118", Method::Exact, 2025),
        ("TEST-PARTNERSHIP", Method::Exact, 2025),
    ];
    assert_eq!(parents, expect);
    let one = gazetteer.area(AreaType::Neighbourhood, "NBH-01").unwrap();
    assert_eq!(one.predecessors.iter().map(|c| c.as_str()).collect::<Vec<_>>(), ["NBH-98", "NBH-99"]);
    assert_eq!(one.valid_from.map(|m| m.to_string()).as_deref(), Some("2024-04"));
    let year = model::BoundaryYear::new(2025).unwrap();
    assert_eq!(names(gazetteer.context_areas(AreaType::District, year)), ["Place E07990999"]);
    assert_eq!(gazetteer.practice("P99001").unwrap().list_size, Some(12_345));
    assert_eq!(gazetteer.practice("P99002"), None);
    assert_eq!((report.count(UnknownNetwork), report.count(AtomWithoutArea)), (1, 14));
}

#[test]
fn conversions_from_2011() {
    let (gazetteer, report) = fixture().import().unwrap();
    let convert = |code: &str, count| {
        let conversion = gazetteer.convert_lsoa11(code)?;
        let weights: Vec<u64> = conversion.parts.iter().map(|part| part.weight).collect();
        let atoms = conversion.parts.iter().map(|part| part.atom.map(|atom| atom.0));
        Some((conversion.method(), atoms.zip(crate::apportion(count, &weights)).collect::<Vec<_>>()))
    };
    assert_eq!(convert("E01980001", 10), Some((Method::Modelled, vec![(Some(0), 6), (Some(1), 4)])));
    assert_eq!(convert("E01980003", 7), Some((Method::Exact, vec![(Some(2), 7)])));
    assert_eq!(convert("E01980005", 8), Some((Method::Modelled, vec![(None, 6), (Some(3), 2)])));
    assert_eq!(convert("E01981016", 9), Some((Method::Exact, vec![(Some(15), 9)])));
    assert_eq!(convert("E01987777", 9), None);
    assert_eq!(convert("nonsense", 9), None);
    assert_eq!((report.count(PartlyOutside), report.count(WithoutWeight)), (1, 0));
    assert!(!gazetteer.convert_lsoa11("E01980005").unwrap().change.is_comparable());
}

/// 2011 areas of the fixture: 1 was split into atoms 0 and 1, 3 and 4 merged into atom 2, 5 was redrawn as atom 3 and a
/// place outside; the others are as they were.
#[test]
fn what_is_carried_over_is_known_of_every_area() {
    let of = |fixture: Fixture, area_type, code| fixture.import().unwrap().0.carried_over(area_type, code);
    let nothing = CarriedOver::default();
    let split = CarriedOver { divided: true, wholly: true, ..nothing };
    let cases = [
        (AreaType::Lsoa, "E01990001", split),
        (AreaType::Lsoa, "E01990003", CarriedOver { averaged: true, ..nothing }),
        (AreaType::Lsoa, "E01990004", CarriedOver { irregular: true, ..split }),
        (AreaType::Lsoa, "E01990016", nothing),
        // Atoms 0, 1, 4 and 5: the split area lies inside as a whole.
        (AreaType::Msoa, "E02990001", nothing),
        // Atoms 2, 3, 6 and 7.
        (AreaType::Msoa, "E02990002", CarriedOver { divided: true, irregular: true, averaged: true, ..nothing }),
        (AreaType::Lsoa, "E01999999", nothing),
    ];
    for (area_type, code, expect) in cases {
        assert_eq!(of(fixture(), area_type, code), expect, "{code}");
        // The same without people: only where something is divided or averaged does it matter.
        let blind = of(edit("geography.toml", "population = \"people\"\n", ""), area_type, code);
        let without_weights = expect.divided || expect.averaged;
        assert_eq!(blind, CarriedOver { without_weights, ..expect }, "{code}");
    }
}

#[test]
fn postcodes_by_code_and_by_point() {
    let (gazetteer, report) = fixture().import().unwrap();
    let month = |text: &str| text.parse::<Month>().unwrap();
    let found = |text, as_at: Option<&str>| gazetteer.postcode(text, as_at.map(month)).map(|m| (m.atom.0, m.validity));
    assert_eq!(found("pr71aa", None), Ok((0, Validity::InUse)));
    assert_eq!(found("PR7 1AB", Some("2012-01")), Ok((5, Validity::Terminated(month("2010-06")))));
    assert_eq!(found("PR7 1AB", None), Ok((5, Validity::InUse)));
    assert_eq!(found("PR7 1AD", None), Err(PostcodeProblem::Unknown));
    assert_eq!(found("PR7 1AE", None), Err(PostcodeProblem::Outside));
    let counts = [MalformedPostcode, WithoutPosition, OutsidePartnership, ReusedPostcode];
    assert_eq!(counts.map(|kind| report.count(kind)), [1, 1, 1, 1]);
    assert_eq!(gazetteer.postcode_counts(), (3, 1));
}

#[test]
fn points_and_disagreement() {
    let (gazetteer, _) = fixture().import().unwrap();
    let centre = |column: usize, row: usize| {
        [STEP.mul_add(column as f64 + 0.5, ORIGIN[0]), STEP.mul_add(row as f64 + 0.5, ORIGIN[1])]
    };
    for (column, row) in [(0, 0), (3, 1), (2, 3)] {
        let [lon, lat] = centre(column, row);
        let atom = gazetteer.atom(&code(column, row)).unwrap();
        assert_eq!(gazetteer.locate_lonlat(lon, lat), Location::Atom(atom));
        let (e, n) = lonlat_to_bng(lon, lat).unwrap();
        assert_eq!(gazetteer.locate_bng(e, n), Ok(Location::Atom(atom)));
        assert!(gazetteer.check_place(atom, lon, lat).agrees());
    }
    let [lon, lat] = centre(0, 0);
    let neighbour = gazetteer.atom(&code(1, 0)).unwrap();
    let check = gazetteer.check_place(neighbour, lon, lat);
    // Half an atom's width is 331 m here; the border wiggles by up to 55 m.
    assert!(!check.agrees() && (check.distance_m - 331.0).abs() < 56.0, "{check:?}");
    assert_eq!(check.derived, Location::Atom(gazetteer.atom(&code(0, 0)).unwrap()));
    assert_eq!(gazetteer.locate_lonlat(0.0, 51.5), Location::Outside);
    assert!(gazetteer.locate_bng(-1.0, 5.0).is_err());
}

#[test]
fn stored_and_read_again() {
    let (gazetteer, _) = fixture().import().unwrap();
    let bytes = gazetteer.to_bytes().unwrap();
    let again = Gazetteer::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes().unwrap(), bytes);
    assert_eq!(again.layers, gazetteer.layers);
    assert_eq!(again.conversions, gazetteer.conversions);
    assert_eq!(again.postcodes, gazetteer.postcodes);
    assert_eq!(again.about, gazetteer.about);
    for area_type in gazetteer.area_types() {
        assert_eq!(again.boundaries_geojson(area_type, 20.0), gazetteer.boundaries_geojson(area_type, 20.0));
    }
    for length in [0, 10, 20, 30, bytes.len() / 2, bytes.len() - 8, bytes.len() - 1] {
        assert!(Gazetteer::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    let mut other = bytes.clone();
    other[15] = b'9';
    assert!(Gazetteer::from_bytes(&other).unwrap_err().to_string().contains("another version"));
    assert!(Gazetteer::from_bytes(&[bytes, vec![0; 8]].concat()).is_err());
}

#[test]
fn faulty_files_are_refused() {
    let check = |fixture: Fixture, problem: &str| match fixture.import() {
        Ok(_) => panic!("accepted: {problem}"),
        Err(error) => assert!(error.contains(problem), "{error}\nexpected {problem}"),
    };
    check(edit("hierarchy.csv", "E01990016,", "E01990015,"), "`hierarchy.csv`, line 17: its area was listed before");
    check(edit("hierarchy.csv", "E01990016,", "E01999999,"), "1 of 16 atoms do not occur, the first is `E01990016`");
    check(edit("hierarchy.csv", "E02990004", "e 2"), "line 12: `E 2` is not a valid area code");
    check(edit("hierarchy.csv", "MSOA21CD", "MSOA"), "no column `MSOA21CD`");
    check(edit("neighbourhoods.csv", "2024-04", "April"), "line 2: `April` is not a month written `%Y-%m`");
    check(
        edit("lsoa11.csv", ",M,", ",U,").edit("lsoa11.csv", "E01980003,E01990003", "E01980001,E01990003"),
        "has another change on line 2",
    );
    check(edit("lsoa11.csv", "E01980004,E01990003,M", "E01980003,E01990004,M"), "`E01980003` has several parts");
    check(edit("lsoa11.csv", ",X,10", ",Z,10"), "line 6: `Z` is no change");
    check(edit("lsoa11.csv", "1600", "many"), "line 2: `many` is not a whole number");
    check(edit("lsoa11.csv", "E0198", "E0188").edit("lsoa11.csv", "E01990016", "E01990015"), "1 of 16 atoms");
    check(
        edit("lsoa21.geojson.gz", "LSOA21CD\":\"E01990007", "code\":\"E01990007"),
        "feature 7: it has no text property `LSOA21CD`",
    );
    check(
        edit("geography.toml", "assign = \"interior-point\"\nmethod = \"exact\"\n", ""),
        "`district` has outlines but no atoms",
    );
    check(edit("geography.toml", "area_type = \"msoa\"", "area_type = \"partnership\""), "not made by a lookup");
    let mut missing = fixture();
    missing.files.remove("wards.csv");
    check(missing, "`wards.csv` is listed in the manifest but was not given");
    let mut unlisted = fixture();
    unlisted.files.insert("other.csv", Vec::new());
    check(unlisted, "`other.csv` is not listed");
}

#[test]
fn limits_hold() {
    let manifest = Manifest::parse("geography.toml", &fixture().manifest).unwrap();
    let with = |limits| Importer::with_limits(manifest.clone(), limits);
    let limits = ImportLimits::default();
    let mut small = with(ImportLimits { file_bytes: 1_000, ..limits });
    // A bomb: a million zeros in a thousand bytes.
    let bomb = gzip(&vec![0; 1_000_000]);
    assert!(bomb.len() < 1_100);
    let error = small.file("lsoa21.geojson.gz", &bomb).unwrap_err();
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
    assert!(small.file("wards.csv", &[b'x'; 1_001]).is_err());
    assert!(small.file("wards.csv", &[b'x'; 1_000]).is_ok());
    assert_eq!(small.file("wards.csv", b""), Err(GeographyError::Repeated { file: "wards.csv".to_owned() }));
    assert!(small.file("lsoa21.geojson.gz", b"not gzip").unwrap_err().to_string().contains("no gzip"));
    let mut total = with(ImportLimits { total_bytes: 1_500, ..limits });
    assert!(total.file("wards.csv", &[b'x'; 1_000]).is_ok());
    assert!(total.file("practices.csv", &[b'x'; 501]).is_err());
}

#[test]
fn repairs_and_differences_are_findings() {
    let check = |fixture: Fixture, kind: FindingKind, count: u64| {
        let (_, report) = fixture.import().unwrap();
        assert_eq!(report.count(kind), count, "{report}");
        assert!(report.to_string().contains(kind.title()));
    };
    let [x, y] = ORIGIN;
    let corner = format!("[{x:?}, {y:?}]");
    let (_, clean) = fixture().import().unwrap();
    assert_eq!([UnclosedRing, DuplicateVertex, RingOrientation, Overlap].map(|kind| clean.count(kind)), [0; 4]);
    check(edit("lsoa21.geojson.gz", &format!(", {corner}]"), "]"), UnclosedRing, 1);
    check(edit("lsoa21.geojson.gz", &format!("[{corner}"), &format!("[{corner}, {corner}")), DuplicateVertex, 1);
    check(
        edit("lsoa21.geojson.gz", "\"E01990016\"", "\"E01990001\"")
            .edit("hierarchy.csv", "E01990016", "E01999999")
            .edit("lsoa11.csv", "E01990016", "E01990015"),
        Repeated,
        1,
    );
    check(edit("neighbourhoods.csv", "E01990002,NBH-01,One", "E01990002,NBH-01,Uno"), NameDiffers, 1);
    check(edit("neighbourhoods.csv", "E01990002,NBH-02", "E01990002,NBH-01"), Repeated, 1);
    check(edit("lsoa11.csv", "S,1600", "S,"), WithoutWeight, 1);
    // The lookup as it is published: one split, two merged into one, one redrawn.
    check(edit("geography.toml", "population = \"people\"\n", ""), WithoutWeight, 4);
    assert_eq!(clean.count(CodeAndPointDiffer), 0);
    check(edit("postcodes.csv", "E01990006", "E01990001"), CodeAndPointDiffer, 1);
    check(
        edit(
            "geography.toml",
            "area_type = \"district\"\nboundary_year = 2025\ncode = \"LSOA21CD\"\nname = \"LSOA21NM\"\nassign = \"interior-point\"\nmethod = \"exact\"",
            "area_type = \"ward\"\nboundary_year = 2025\ncode = \"LSOA21CD\"",
        ),
        VintageDiffers,
        1,
    );
}

#[test]
fn populations_are_those_of_every_atom_or_refused() {
    let (gazetteer, _) = fixture().import().unwrap();
    let people = gazetteer.populations().unwrap();
    assert_eq!((people.len(), people.first(), people.last()), (16, Some(&1_000), Some(&1_600)));
    let again = Gazetteer::from_bytes(&gazetteer.to_bytes().unwrap()).unwrap();
    assert_eq!(again.populations(), Some(people));
    for (from, to, problem) in [
        ("E01990001,\"1,000\"", "E01990001,", "no number of people"),
        ("E01990001,\"1,000\"", "E01990001,many", "`many` is not a whole number"),
        ("E01990001,\"1,000\"", "E01990002,7", "its area was listed before"),
        ("E01990001,\"1,000\"\n", "", "1 of 16 atoms do not occur"),
    ] {
        let error = edit("population.csv", from, to).import().unwrap_err();
        assert!(error.contains(problem), "{error}");
    }
    let without = fixture().edit(
        "geography.toml",
        "kind = \"population\"\npath = \"population.csv\"",
        "kind = \"names\"\npath = \"population.csv\"",
    );
    let without = without.edit(
        "geography.toml",
        "code = \"LSOA21CD\"\npopulation = \"residents\"",
        "code = \"LSOA21CD\"\nname = \"residents\"",
    );
    assert_eq!(without.import().unwrap().0.populations(), None);
}

/// Control facts of the committed sample: 70 + 70 atoms, 14 + 17 MSOAs, 14 + 23 wards, 6 networks, 10 beats, 9
/// neighbourhoods.
#[test]
fn the_sample_geography_imports() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-data/geography");
    let text = std::fs::read_to_string(folder.join("geography.toml")).unwrap();
    let mut importer = Importer::new(Manifest::parse("geography.toml", &text).unwrap());
    let paths: Vec<String> = importer.paths().into_iter().map(str::to_owned).collect();
    for path in paths {
        importer.file(&path, &std::fs::read(folder.join(&path)).unwrap()).unwrap();
    }
    let (gazetteer, report) = importer.finish().unwrap();
    let counts: Vec<usize> = gazetteer.area_types().map(|area_type| gazetteer.areas(area_type).len()).collect();
    assert_eq!(counts, [140, 31, 37, 6, 10, 9, 2, 1, 1], "{report}");
    assert_eq!(gazetteer.members(AreaType::District, "E07990118").len(), 70);
    assert!(gazetteer.postcode_counts().0 > 5_000);
    // What is drawn is sound, and where it promises to, everything belongs somewhere.
    let repairs = [UnclosedRing, DuplicateVertex, Spike, DegenerateRing, SelfIntersection, NestedShell, Overlap];
    assert_eq!(repairs.map(|kind| report.count(kind)), [0; 7], "{report}");
    assert_eq!(report.count(MalformedPostcode) + report.count(UnknownNetwork), 0, "{report}");
    // Of the 2011 areas 5 were split, 6 merged and 1 was redrawn as two; the lookup has no people.
    assert_eq!(report.count(WithoutWeight), 12, "{report}");
    let lone = (0..140).map(AtomIndex).filter(|&atom| gazetteer.area_of(atom, AreaType::Pcn).is_none());
    assert_eq!(lone.count(), 0);
}
