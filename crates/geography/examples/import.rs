//! Imports a geography and says what it found: `import MANIFEST FOLDER [FACTS] [OSTN15]`.
//!
//! FACTS is a TOML file of named numbers that must come out; OSTN15 is the Ordnance Survey's table of test points.
//! Exits with 4 if a file cannot be read or imported and 3 if a fact does not hold.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use geography::{Gazetteer, ImportReport, Importer, Location, Manifest};
use model::AreaType;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(4)
        }
    }
}

fn run(arguments: &[String]) -> Result<bool> {
    let [manifest, folder, rest @ ..] = arguments else {
        return Err("usage: import MANIFEST FOLDER [FACTS] [OSTN15]".into());
    };
    let started = Instant::now();
    let mut importer = Importer::new(Manifest::parse(manifest, &read_text(Path::new(manifest))?)?);
    let paths: Vec<String> = importer.paths().into_iter().map(str::to_owned).collect();
    for path in &paths {
        let full = Path::new(folder).join(path);
        importer.file(path, &std::fs::read(&full).map_err(|error| format!("{}: {error}", full.display()))?)?;
    }
    let (gazetteer, report) = importer.finish()?;
    println!("{report}");
    println!("imported in {:.3} s", started.elapsed().as_secs_f64());
    let mut facts = count(&gazetteer, &report);
    store(&gazetteer)?;
    draw(&gazetteer);
    locate(&gazetteer);
    if let Some(table) = rest.get(1) {
        facts.insert("ostn15 points".to_owned(), check_ostn15(&read_text(Path::new(table))?)?);
    }
    match rest.first() {
        Some(expected) => compare(&facts, &model::load::parse(expected, &read_text(Path::new(expected))?)?),
        None => Ok(true),
    }
}

fn read_text(path: &Path) -> Result<String> {
    Ok(std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// Counts what the facts may ask for.
fn count(gazetteer: &Gazetteer, report: &ImportReport) -> BTreeMap<String, u64> {
    let mut facts = BTreeMap::new();
    for area_type in gazetteer.area_types() {
        facts.insert(format!("areas {area_type}"), gazetteer.areas(area_type).len() as u64);
        for area in gazetteer.areas(area_type).iter().filter(|area| area.area_type != AreaType::Lsoa) {
            let members = gazetteer.members(area_type, area.code.as_str()).len();
            facts.insert(format!("members {area_type} {}", area.code), members as u64);
        }
        let lone = (0..).map(geography::AtomIndex).take(gazetteer.atoms().len());
        let lone = lone.filter(|&atom| gazetteer.area_of(atom, area_type).is_none()).count();
        facts.insert(format!("atoms without {area_type}"), lone as u64);
    }
    for (area_type, year) in gazetteer.contexts() {
        let areas = gazetteer.context_areas(area_type, year).count();
        facts.insert(format!("context {area_type} {}", year.get()), areas as u64);
    }
    for file in &report.files {
        facts.insert(format!("rows {}", file.path), file.read);
        facts.insert(format!("used {}", file.path), file.used);
    }
    facts.insert("lsoa11 areas".to_owned(), gazetteer.conversions().count() as u64);
    for letter in ["U", "S", "M", "X"] {
        let of_letter = gazetteer.conversions().filter(|c| geography::Change::parse(letter) == Some(c.change));
        facts.insert(format!("lsoa11 rows {letter}"), of_letter.map(|c| c.parts.len() as u64).sum());
    }
    facts.insert("postcodes".to_owned(), gazetteer.postcode_counts().0 as u64);
    facts.insert("practices".to_owned(), gazetteer.practices().count() as u64);
    facts
}

fn store(gazetteer: &Gazetteer) -> Result<()> {
    let bytes = gazetteer.to_bytes()?;
    let started = Instant::now();
    let again = Gazetteer::from_bytes(&bytes)?;
    println!("stored in {} bytes, read again in {:.3} s", bytes.len(), started.elapsed().as_secs_f64());
    if again.to_bytes()? == bytes { Ok(()) } else { Err("the stored geography changed when read again".into()) }
}

fn draw(gazetteer: &Gazetteer) {
    for area_type in gazetteer.area_types() {
        let sizes: Vec<String> = [0.0, 5.0, 20.0]
            .into_iter()
            .map(|tolerance| {
                let started = Instant::now();
                let bytes = gazetteer.boundaries_geojson(area_type, tolerance).unwrap_or_default().len();
                format!("{tolerance} m: {bytes} bytes ({:.0} ms)", started.elapsed().as_secs_f64() * 1e3)
            })
            .collect();
        println!("boundaries {area_type}: {}", sizes.join(", "));
    }
}

/// Locates pseudo-random points over the partnership's box, on one thread and on two.
fn locate(gazetteer: &Gazetteer) {
    const POINTS: u32 = 5_000_000;
    let Some([west, south, east, north]) = extent(gazetteer) else { return };
    let points: Vec<[f64; 2]> = (0..POINTS)
        .map(|i| {
            // Two irrational steps: an even cover without a random source.
            let (a, b) =
                ((f64::from(i) * 0.754_877_666_246_693).fract(), (f64::from(i) * 0.569_840_290_998_053).fract());
            [a.mul_add(east - west, west), b.mul_add(north - south, south)]
        })
        .collect();
    let inside = |part: &[[f64; 2]]| {
        part.iter().filter(|&&[lon, lat]| gazetteer.locate_lonlat(lon, lat) != Location::Outside).count()
    };
    let started = Instant::now();
    let found = inside(&points);
    let one = f64::from(POINTS) / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let (left, right) = points.split_at(points.len() / 2);
    let both: usize = std::thread::scope(|scope| {
        let other = scope.spawn(|| inside(left));
        inside(right) + other.join().unwrap_or_default()
    });
    let two = f64::from(POINTS) / started.elapsed().as_secs_f64();
    println!(
        "located {POINTS} points ({found} inside): {one:.0} a second on one thread, {two:.0} on two ({both} inside)"
    );
}

/// The box around the partnership, read back from its drawn boundary.
fn extent(gazetteer: &Gazetteer) -> Option<[f64; 4]> {
    let drawn = gazetteer.boundaries_geojson(AreaType::Partnership, 1_000.0)?;
    let text = String::from_utf8(drawn).ok()?;
    let (_, coordinates) = text.split_once("\"coordinates\":")?;
    let number = |text: &str| text.trim_matches(|c: char| !c.is_ascii_digit() && c != '-' && c != '.').parse::<f64>();
    let numbers: Vec<f64> = coordinates.split(',').filter_map(|text| number(text).ok()).collect();
    let (lons, lats): (Vec<f64>, Vec<f64>) = numbers.into_iter().partition(|&number| number < 20.0);
    let least = |list: &[f64]| list.iter().copied().reduce(f64::min);
    let greatest = |list: &[f64]| list.iter().copied().reduce(f64::max);
    Some([least(&lons)?, least(&lats)?, greatest(&lons)?, greatest(&lats)?])
}

/// Converts each test point and compares it with its published latitude and longitude; the number of points.
///
/// In the table a point has one row an iteration, with its ETRS89 position and the shifts, and a row `RESULT`. The
/// position on the National Grid is that of the last iteration plus its shifts.
fn check_ostn15(table: &str) -> Result<u64> {
    let (mut grid, mut points, mut worst, mut back) = ((0.0, 0.0), 0, 0.0_f64, 0.0_f64);
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| -> Result<f64> {
            Ok(fields.get(index).ok_or("a row of the test points is short")?.trim().parse::<f64>()?)
        };
        if fields.get(1).is_some_and(|&kind| kind == "RESULT") {
            let (lat, lon) = (number(2)?, number(3)?);
            let [x, y] = geography::bng_to_lonlat(grid.0, grid.1)?;
            let metres = ((y - lat) * 111_300.0).hypot((x - lon) * 111_300.0 * lat.to_radians().cos());
            worst = worst.max(metres);
            let (e, n) = geography::lonlat_to_bng(lon, lat)?;
            back = back.max((e - grid.0).hypot(n - grid.1));
            points += 1;
        } else {
            grid = (number(2)? + number(17)?, number(3)? + number(18)?);
        }
    }
    println!("OSTN15: {points} test points, greatest error {worst:.4} m to WGS84, {back:.4} m to the National Grid");
    if worst.max(back) < 0.01 { Ok(points) } else { Err("OSTN15 conversion is off by a centimetre or more".into()) }
}

/// Prints every fact beside what was found; whether all hold.
fn compare(found: &BTreeMap<String, u64>, expected: &BTreeMap<String, u64>) -> Result<bool> {
    println!("\n{:<60}  {:>10}  {:>10}", "fact", "expected", "found");
    let mut all = true;
    for (fact, number) in expected {
        let value = found.get(fact).map_or_else(|| "nothing".to_owned(), u64::to_string);
        let holds = found.get(fact) == Some(number);
        all &= holds;
        println!("{fact:<60}  {number:>10}  {value:>10}{}", if holds { "" } else { "  <- differs" });
    }
    Ok(all)
}
