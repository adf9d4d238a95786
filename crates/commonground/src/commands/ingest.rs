//! `commonground ingest`.

use std::fs::File;
use std::io::{self, Read};

use anyhow::Context;
use model::DatasetId;
use platform::{PlatformError, UploadRequest};

use crate::cli::IngestArgs;
use crate::config::Config;

pub(crate) fn run(config: &Config, args: &IngestArgs) -> anyhow::Result<()> {
    let dataset: DatasetId = args.dataset.parse().map_err(PlatformError::Name)?;
    let file: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(&args.file).with_context(|| format!("could not open `{}`", args.file.display()))?)
    };
    let platform = super::open(config)?;
    let caller = platform.local_officer(&dataset)?;
    let request = UploadRequest { dataset, period: args.period.clone(), idempotency_key: None, digest: None };
    let outcome = platform.upload(&caller, &request, file);
    if let Err(PlatformError::Refused { findings: Some(findings), .. }) = &outcome {
        eprintln!("{}", platform::findings_text(findings));
    }
    let receipt = outcome?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&receipt)?);
    } else {
        println!("{} {} version {}", receipt.dataset, receipt.period, receipt.version);
        println!("{}", platform::findings_text(&receipt.findings));
        if !receipt.created {
            println!("already stored: nothing was changed");
        }
    }
    if !args.no_publish {
        let report = platform.publish_pending(&mut |_| ())?;
        if !args.json {
            println!("{report}");
        }
    }
    Ok(())
}
