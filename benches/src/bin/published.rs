//! What publishing one more period takes as more of them are out already: the sample's files of some datasets, one after the other, each
//! published by itself. Prints milliseconds of each publication as JSON.

use std::path::{Path, PathBuf};
use std::time::Instant;

use platform::{Clock, Limits, Platform, Settings, UploadRequest};

const DATASETS: [&str; 4] = [
    "north-west-ambulance.call-outs",
    "lancashire-teaching-hospitals.emergency-attendances",
    "lancashire-constabulary.anti-social-behaviour",
    "lancashire-fire-and-rescue.incidents",
];
const RESIDENTS: &str = "office-for-national-statistics.population";

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let platform = opened(folder.path())?;
    for year in 2023..=2025 {
        if let Some(file) = sample(RESIDENTS, &year.to_string()) {
            take_in(&platform, RESIDENTS, &format!("{year}-01-01/P1Y"), &file)?;
        }
    }
    platform.publish_pending(&mut |_| ())?;
    let mut result = serde_json::Map::new();
    for dataset in DATASETS {
        let mut times = Vec::new();
        for (year, quarter) in (2023..=2025).flat_map(|year| (1..=4).map(move |quarter| (year, quarter))) {
            let Some(file) = sample(dataset, &format!("{year}-Q{quarter}")) else { continue };
            take_in(&platform, dataset, &format!("{year}-{:02}-01/P3M", quarter * 3 - 2), &file)?;
            let start = Instant::now();
            let report = platform.publish_pending(&mut |_| ())?;
            times.push(start.elapsed().as_millis() as u64);
            anyhow::ensure!(report.published.iter().any(|one| one.as_str() == dataset), "{report}");
        }
        result.insert(dataset.to_owned(), times.into());
    }
    println!("{}", serde_json::Value::Object(result));
    Ok(())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sample(dataset: &str, stem: &str) -> Option<Vec<u8>> {
    let name = format!("sample-data/partners/{}/{stem}.csv.gz", dataset.replace('.', "/"));
    std::fs::read(root().join(name)).ok()
}

fn take_in(platform: &Platform, dataset: &str, period: &str, file: &[u8]) -> anyhow::Result<()> {
    let dataset = dataset.parse()?;
    let request = UploadRequest {
        dataset,
        period: period.to_owned(),
        idempotency_key: None,
        digest: None,
        empty: false,
        opt_outs_applied: Some(platform.now().to_string()),
    };
    let caller = platform.local_officer(&request.dataset)?;
    platform.upload(&caller, &request, file)?;
    Ok(())
}

fn opened(folder: &Path) -> anyhow::Result<Platform> {
    let settings = Settings {
        data: folder.join("data"),
        key_file: folder.join("data.key"),
        agreements: root().join("sharing-agreements"),
        contracts: root().join("sample-data/contracts"),
        indicators: root().join("sample-data/indicators"),
        workbook_program: PathBuf::new(),
        limits: Limits::default(),
        clock: Clock::system(),
    };
    Platform::create(&settings)?;
    let (platform, problems) = Platform::open(settings)?;
    anyhow::ensure!(problems.is_empty(), "{problems:?}");
    platform.import_geography(&root().join("sample-data/geography/geography.toml"), None)?;
    Ok(platform)
}
