//! What publishing one more period takes as more of them are out already: the sample's files of some datasets, one after the other, each
//! published by itself. Prints milliseconds of each publication as JSON.

use std::time::Instant;

use commonground_benches::{opened, root};
use platform::{Platform, UploadRequest};

const DATASETS: [&str; 4] = [
    "north-west-ambulance.call-outs",
    "lancashire-teaching-hospitals.emergency-attendances",
    "lancashire-constabulary.anti-social-behaviour",
    "lancashire-fire-and-rescue.incidents",
];
const RESIDENTS: &str = "office-for-national-statistics.population";

fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let definitions = ["sharing-agreements", "sample-data/contracts", "sample-data/indicators"];
    let platform = opened(folder.path(), definitions.map(|of| root().join(of)))?;
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
