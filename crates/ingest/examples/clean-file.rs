//! Cleans one file and prints what was found, with the time it took. Everything in the contract counts as agreed.
//!
//! `cargo run -p ingest --example clean-file -- GEOGRAPHY.toml FOLDER CONTRACT.toml PERIOD FILE`, where FOLDER holds
//! the files that the geography names and PERIOD is an ISO 8601 interval such as `2024-01-01/P3M`. Pseudonyms are not
//! keyed here: this is for trying contracts, and nothing is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use geography::{Gazetteer, Importer, Manifest};
use ingest::{AgreedColumn, CleanRequest, Limits, Pseudonymiser, WorkbookReader};
use model::DatasetContract;
use model::contract::Treatment;
use model::id::DatasetId;
use model::period::Period;
use sha2::{Digest, Sha256};

struct Unkeyed;

impl Pseudonymiser for Unkeyed {
    fn pseudonym(&self, domain: &str, text: &str) -> [u8; 16] {
        Sha256::digest(format!("{domain}/{text}")).first_chunk().copied().unwrap_or_default()
    }

    fn record_key(&self, dataset: &DatasetId, text: &str) -> u64 {
        Sha256::digest(format!("{dataset}/{text}")).first_chunk().copied().map_or(0, u64::from_le_bytes)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command] = arguments.as_slice()
        && command == "workbook"
    {
        let _ = ingest::workbook::child_main(std::io::stdin().lock(), std::io::stdout().lock());
        return Ok(());
    }
    let [geography, folder, contract, period, file] = arguments.as_slice() else {
        return Err("give GEOGRAPHY.toml FOLDER CONTRACT.toml PERIOD FILE".into());
    };
    let gazetteer = load(Path::new(geography), Path::new(folder))?;
    let contract = DatasetContract::parse(contract, &std::fs::read_to_string(contract)?)?;
    let agreed = agree(&contract);
    let reader = WorkbookReader::new(std::env::current_exe()?, ["workbook"]);
    let request = CleanRequest {
        contract: &contract,
        agreed: &agreed,
        gazetteer: &gazetteer,
        pseudonymiser: &Unkeyed,
        period: Period::parse(period, contract.partition)?,
        limits: &Limits { findings: 20, ..Limits::default() },
        empty: false,
        opt_outs: &BTreeSet::new(),
        file_name: Path::new(file).file_name().and_then(|name| name.to_str()),
        workbook: Some(&reader),
    };
    let bytes = std::fs::read(file)?;
    let started = Instant::now();
    let result = ingest::clean(&bytes, &request);
    let seconds = started.elapsed().as_secs_f64();
    let findings = match &result {
        Ok(cleaned) => &cleaned.findings,
        Err(error) => {
            eprintln!("{error}");
            error.findings().ok_or("refused before any row was read")?
        }
    };
    println!("{}", serde_json::to_string_pretty(findings)?);
    eprintln!("{} rows in {seconds:.3} s", findings.counts.rows_read);
    Ok(())
}

fn load(manifest: &Path, folder: &Path) -> Result<Gazetteer, Box<dyn Error>> {
    let name = manifest.display().to_string();
    let mut importer = Importer::new(Manifest::parse(&name, &std::fs::read_to_string(manifest)?)?);
    let paths: Vec<String> = importer.paths().iter().map(ToString::to_string).collect();
    for path in paths {
        importer.file(&path, &std::fs::read(folder.join(&path))?)?;
    }
    Ok(importer.finish()?.0)
}

fn agree(contract: &DatasetContract) -> BTreeMap<String, AgreedColumn> {
    let keep = |treatment| AgreedColumn { treatment, clause: String::new() };
    let narrow = contract.columns.iter().map(|column| (column.name.clone(), keep(column.treatment)));
    let wide = contract.unpivots.iter().flat_map(|unpivot| {
        let names = [&unpivot.into, &unpivot.value].into_iter().chain(unpivot.set.keys());
        names.map(|name| (name.clone(), keep(Treatment::Keep)))
    });
    narrow.chain(wide).collect()
}
