//! `commonground agreements check`.

use crate::cli::AgreementsCommand;
use crate::config::Config;
use crate::exit::Refused;
use crate::terminal::{note, say};

pub(crate) fn run(config: &Config, command: &AgreementsCommand) -> anyhow::Result<()> {
    match command {
        AgreementsCommand::Check => check(config),
    }
}

fn check(config: &Config) -> anyhow::Result<()> {
    let check = platform::check_agreements(&config.agreements, &config.contracts)?;
    for line in &check.lines {
        say(line)?;
    }
    for error in &check.errors {
        note(format_args!("error: {error}"));
    }
    if check.errors.is_empty() {
        return Ok(());
    }
    let mistakes = check.errors.len();
    Err(Refused(format!(
        "{mistakes} mistakes, each with its place above: a definition that holds one is closed until it is mended"
    ))
    .into())
}
