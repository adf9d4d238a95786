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
    // What is wrong is said first, before hundreds of lines of what stands.
    for error in &check.errors {
        note(format_args!("error: {error}"));
    }
    for line in &check.lines {
        say(line)?;
    }
    if check.errors.is_empty() {
        return Ok(());
    }
    let mistakes = match check.errors.len() {
        1 => "1 mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    Err(Refused(format!(
        "{mistakes}, each with its place above: a definition that holds one is closed until it is mended"
    ))
    .into())
}
