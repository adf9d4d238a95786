//! `commonground ingest`.

use std::fs::File;
use std::io::{self, Read};

use anyhow::Context;
use model::DatasetId;
use platform::{Platform, PlatformError, UploadReceipt, UploadRequest};

use crate::cli::IngestArgs;
use crate::config::Config;
use crate::terminal::{note, say};

pub(crate) fn run(config: &Config, args: &IngestArgs) -> anyhow::Result<()> {
    let dataset: DatasetId = args.dataset.parse().map_err(PlatformError::Name)?;
    let file: Box<dyn Read> = if args.file.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        let path = args.file.display();
        let file = File::open(&args.file).with_context(|| format!("could not open `{path}`"))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            anyhow::bail!("`{path}` is a folder: give one file, of one period");
        }
        Box::new(file)
    };
    let platform = super::open(config)?;
    let caller = platform.local_officer(&dataset)?;
    let request = UploadRequest {
        dataset,
        period: args.period.clone(),
        idempotency_key: None,
        digest: None,
        empty: args.empty_period,
        corrects: args.revision,
        opt_outs_applied: args.opt_outs_applied.clone(),
    };
    let outcome = platform.upload(&caller, &request, file);
    if let Err(PlatformError::Refused { findings: Some(findings), .. }) = &outcome {
        note(platform::findings_text(findings));
    }
    let receipt = outcome?;
    // The file is taken in: it is published too, whether or not anybody still reads.
    if args.json {
        return print_json(&platform, receipt, args);
    }
    let printed = print_receipt(&receipt);
    if !args.no_publish {
        say(platform.publish_pending(&mut |_| ())?)?;
    }
    printed
}

/// What became of the file, once it is published.
fn print_json(platform: &Platform, mut receipt: UploadReceipt, args: &IngestArgs) -> anyhow::Result<()> {
    if !args.no_publish {
        note(platform.publish_pending(&mut |_| ())?);
        let caller = platform.local_officer(&receipt.dataset)?;
        let version = receipt.version.to_string();
        receipt.publication = platform.version(&caller, &receipt.dataset, &version)?.publication;
    }
    Ok(say(serde_json::to_string_pretty(&receipt)?)?)
}

fn print_receipt(receipt: &UploadReceipt) -> anyhow::Result<()> {
    say(format_args!("{} {} version {}", receipt.dataset, receipt.period, receipt.version))?;
    say(platform::findings_text(&receipt.findings))?;
    say(&receipt.quality)?;
    for (what, difference) in [("since", &receipt.since_last_revision), ("beside", &receipt.since_last_period)] {
        difference.iter().try_for_each(|difference| say(format_args!("{what}{difference}")))?;
    }
    if !receipt.created {
        match receipt.opt_outs_applied {
            Some(at) => say(format_args!(
                "already stored: no new version; opt-outs were applied on {at}, by the latest word on record"
            ))?,
            None => say("already stored: nothing was changed")?,
        }
    }
    Ok(())
}
