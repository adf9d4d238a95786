//! `commonground geography import`.

use crate::cli::GeographyCommand;
use crate::config::Config;
use crate::terminal::{note, say};

pub(crate) fn run(config: &Config, command: &GeographyCommand) -> anyhow::Result<()> {
    let GeographyCommand::Import { manifest, folder, check } = command;
    if *check {
        let (report, warnings) = platform::check_geography(manifest, folder.as_deref(), &config.settings()?.limits)?;
        warnings.iter().for_each(|warning| note(format_args!("warning: {warning}")));
        return Ok(say(report)?);
    }
    let platform = super::open(config)?;
    let report = platform.import_geography(manifest, folder.as_deref())?;
    super::note_refused(&platform);
    Ok(say(report)?)
}
