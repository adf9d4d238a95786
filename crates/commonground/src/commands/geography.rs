//! `commonground geography import`.

use crate::cli::GeographyCommand;
use crate::config::Config;
use crate::terminal::say;

pub(crate) fn run(config: &Config, command: &GeographyCommand) -> anyhow::Result<()> {
    let GeographyCommand::Import { manifest, folder, check } = command;
    let report = if *check {
        platform::check_geography(manifest, folder.as_deref())?
    } else {
        super::open(config)?.import_geography(manifest, folder.as_deref())?
    };
    say(report)?;
    Ok(())
}
