//! What publishing one more period takes as more of them are out already: the sample's files of some datasets, one after the other, each
//! published by itself. Prints milliseconds of each publication as JSON, medians of as many times as it is asked for (1).

use std::collections::BTreeMap;
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
    let times = std::env::args().nth(1).map_or(Ok(1), |text| text.parse())?;
    let mut all: BTreeMap<&str, Vec<Vec<u64>>> = BTreeMap::new();
    for _ in 0..times {
        for (dataset, each) in published()? {
            let of_quarter = all.entry(dataset).or_insert_with(|| vec![Vec::new(); each.len()]);
            of_quarter.iter_mut().zip(each).for_each(|(list, time)| list.push(time));
        }
    }
    let median = |mut list: Vec<u64>| {
        list.sort_unstable();
        list.get(list.len() / 2).copied().unwrap_or_default()
    };
    let medians = all.into_iter().map(|(dataset, each)| (dataset, each.into_iter().map(median).collect::<Vec<u64>>()));
    println!("{}", serde_json::to_string(&medians.collect::<BTreeMap<_, _>>())?);
    Ok(())
}

/// Milliseconds of each publication, by dataset.
fn published() -> anyhow::Result<Vec<(&'static str, Vec<u64>)>> {
    let folder = tempfile::tempdir()?;
    let definitions = ["sharing-agreements", "sample-data/contracts", "sample-data/indicators"];
    let platform = opened(folder.path(), definitions.map(|of| root().join(of)))?;
    for year in 2023..=2025 {
        if let Some(file) = sample(RESIDENTS, &year.to_string()) {
            take_in(&platform, RESIDENTS, &format!("{year}-01-01/P1Y"), &file)?;
        }
    }
    platform.publish_pending(&mut |_| ())?;
    let mut result = Vec::new();
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
        result.push((dataset, times));
    }
    Ok(result)
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
        corrects: true,
        opt_outs_applied: Some(platform.now().to_string()),
    };
    let caller = platform.local_officer(&request.dataset)?;
    platform.upload(&caller, &request, file)?;
    Ok(())
}
