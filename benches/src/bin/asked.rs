//! A table that somebody asks for, as the whole request through the API takes: 250,000 people of 140 areas by age (18) and sex, counted
//! once each, with noise and all totals, over HTTP on this machine. Prints times as JSON.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use agreements::{EventKind, demo};
use anyhow::Context as _;
use api::HttpLimits;
use commonground_benches::{opened, root};
use platform::{Platform, UploadRequest};

const DATASET: &str = "runshaw-college.participation";
const PEOPLE: u64 = 250_000;
const TIMES: usize = 500;

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let platform = loaded(folder.path())?;
    let key = platform.add_credential("chorley-council", "analyst", &["service-planning".to_owned()], true)?;
    let router = api::router(platform, HttpLimits::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))?;
    let address = listener.local_addr()?;
    runtime.spawn(api::serve(listener, router, HttpLimits::default(), std::future::pending()));
    let mut client = Client { stream: BufReader::new(TcpStream::connect(address)?), key: key.as_str().to_owned() };
    let path = |format: &str, area: &str, by: &str| {
        format!("/v1/tables.{format}?dataset={DATASET}&area_type={area}&by={by}&purpose=service-planning")
    };
    let mut fresh = Vec::new();
    for area in ["district", "lsoa"] {
        for by in ["", "sex", "age", "sex,age"] {
            fresh.push(client.get(&path("csv", area, by))?);
        }
    }
    let mut result = serde_json::Map::new();
    result.insert("new to everybody".to_owned(), summary(&mut fresh.iter().map(|(time, _)| *time).collect::<Vec<_>>()));
    for format in ["csv", "json"] {
        let (mut times, mut bytes) = (Vec::new(), 0);
        for _ in 0..TIMES {
            let (time, size) = client.get(&path(format, "lsoa", "sex,age"))?;
            times.push(time);
            bytes = size;
        }
        let mut summary = summary(&mut times);
        if let Some(object) = summary.as_object_mut() {
            object.insert("bytes".to_owned(), bytes.into());
        }
        result.insert(format.to_owned(), summary);
    }
    println!("{}", serde_json::Value::Object(result));
    Ok(())
}

fn summary(times: &mut [Duration]) -> serde_json::Value {
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| (time.as_secs_f64() * 1e5).round() / 100.0);
    serde_json::json!({ "requests": times.len(), "median_ms": milliseconds(at(50)), "p99_ms": milliseconds(at(99)) })
}

/// One connection that stays open.
struct Client {
    stream: BufReader<TcpStream>,
    key: String,
}

impl Client {
    /// How long a request took until the last byte of its answer, and how many there were.
    fn get(&mut self, path: &str) -> anyhow::Result<(Duration, usize)> {
        let start = Instant::now();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\r\n", self.key);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut length, mut line, mut status) = (0, String::new(), String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            if status.is_empty() {
                status.clone_from(&line);
            }
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        anyhow::ensure!(status.contains(" 200 "), "{status}{}", String::from_utf8_lossy(&body));
        Ok((start.elapsed(), length))
    }
}

/// The sample's partnership with one dataset, under an agreement that has more noise.
fn loaded(folder: &Path) -> anyhow::Result<Platform> {
    let root = root();
    define(&root, folder)?;
    let platform = opened(folder, ["agreements", "contracts", "indicators"].map(|of| folder.join(of)))?;
    let request = UploadRequest {
        dataset: DATASET.parse()?,
        period: "2024-09-01/P1Y".to_owned(),
        idempotency_key: None,
        digest: None,
        empty: false,
        corrects: true,
        opt_outs_applied: None,
    };
    let officer = platform.local_officer(&request.dataset)?;
    platform.upload(&officer, &request, people(&root)?.as_bytes())?;
    let report = platform.publish_pending(&mut |_| ())?;
    anyhow::ensure!(report.failures.is_empty(), "{report}");
    Ok(platform)
}

/// People of all areas alike, half of them women, of all ages.
fn people(root: &Path) -> anyhow::Result<String> {
    let packed = std::fs::read(root.join("sample-data/geography/postcodes.csv.gz"))?;
    let places = testkit::inflate(&packed)?;
    let places = String::from_utf8(places)?;
    let mut postcodes = std::collections::BTreeMap::new();
    for line in places.lines().skip(1) {
        if let [postcode, _, "", .., area] = line.split(',').collect::<Vec<_>>().as_slice()
            && area.starts_with("E01")
        {
            postcodes.entry((*area).to_owned()).or_insert_with(|| (*postcode).to_owned());
        }
    }
    let postcodes: Vec<String> = postcodes.into_values().collect();
    let mut text = "LearnRefNumber,Postcode,Sex,Age,Level,LearnStartDate\n".to_owned();
    for person in 0..PEOPLE {
        let mixed = person.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        let place = usize::try_from(mixed)? % postcodes.len();
        let postcode = postcodes.get(place).context("the sample has no postcodes")?;
        let sex = if person % 2 == 0 { "F" } else { "M" };
        writeln!(text, "{person},{postcode},{sex},{},2,2024-09-12", (mixed >> 12) % 95)?;
    }
    Ok(text)
}

/// Definitions of the sample, with a column of ages.
fn define(root: &Path, folder: &Path) -> anyhow::Result<()> {
    for name in ["agreements", "contracts", "indicators"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    for entry in std::fs::read_dir(root.join("sharing-agreements"))? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            std::fs::copy(&path, folder.join("agreements").join(name))?;
        }
    }
    let name = "college-participation.toml";
    let text = changed(
        &std::fs::read_to_string(root.join("sharing-agreements").join(name))?,
        &[
            (
                "  { name = \"level\",",
                "  { name = \"age\", type = \"integer\", role = \"dimension\", treatment = \"band\" },\n  { name = \"level\",",
            ),
            ("largest = 10", "largest = 12"),
            ("variance = 9", "variance = 10"),
        ],
    )?;
    let text = demo::sign(name, &text, "illustrative signatory", "2022-12-12T10:00:00Z".parse()?)?;
    let digest = agreements::agreement_digest(name, &text)?;
    let by = "csr-partnership".parse()?;
    let event = demo::event(EventKind::Signed, "2022-12-15T09:00:00Z".parse()?, &by, "", digest, digest);
    std::fs::write(folder.join("agreements").join(name), text)?;
    std::fs::write(folder.join("agreements/college-participation.events.toml"), event.to_toml())?;

    let bands =
        (0..18).map(|age| if age == 17 { "\"85+\"".to_owned() } else { format!("\"{}-{}\"", age * 5, age * 5 + 4) });
    let bands = bands.collect::<Vec<_>>().join(", ");
    let column = format!(
        "[[column]]\nsource = \"Age\"\nname = \"age\"\ntype = \"integer\"\nrole = \"dimension\"\ntreatment = \"band\"\nrange = [0, 120]\nbands = [{bands}]\n\n[[column]]\nsource = \"Level\""
    );
    let contract = std::fs::read_to_string(root.join(format!("sample-data/contracts/{DATASET}.toml")))?;
    let contract = changed(
        &contract,
        &[
            ("by = [\"sex\", \"level\"]", "by = [\"sex\", \"age\"]"),
            ("revisions = 2", "revisions = 1"),
            ("[[column]]\nsource = \"Level\"", &column),
        ],
    )?;
    std::fs::write(folder.join(format!("contracts/{DATASET}.toml")), contract)?;

    let indicator = std::fs::read_to_string(root.join("sample-data/indicators").join(name))?;
    let (before, after) = indicator.split_once("[denominator]").context("the sample's indicator has changed")?;
    let view = "[[view]]\nname = \"lsoa-academic-year\"\narea_type = \"lsoa\"\nperiod_type = \"academic-year\"\n";
    anyhow::ensure!(after.contains(view), "the sample's indicator has changed");
    let before =
        changed(before, &[("type = \"crude-rate\"", "type = \"count\""), ("multiplier = 1000", "multiplier = 1")])?;
    std::fs::write(folder.join("indicators").join(name), format!("{before}{view}"))?;
    Ok(())
}

fn changed(text: &str, changes: &[(&str, &str)]) -> anyhow::Result<String> {
    let mut text = text.to_owned();
    for (from, to) in changes {
        anyhow::ensure!(text.contains(from), "the sample has no `{from}` any more");
        text = text.replacen(from, to, 1);
    }
    Ok(text)
}
