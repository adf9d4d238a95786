//! `commonground agreements check`.

use crate::cli::AgreementsCommand;
use crate::config::Config;
use crate::exit::Refused;

pub(crate) fn run(config: &Config, command: &AgreementsCommand) -> anyhow::Result<()> {
    match command {
        AgreementsCommand::Check => check(config),
    }
}

fn check(config: &Config) -> anyhow::Result<()> {
    let check = platform::check_agreements(&config.agreements, &config.contracts)?;
    for line in &check.lines {
        println!("{line}");
    }
    for error in &check.errors {
        eprintln!("error: {error}");
    }
    if check.errors.is_empty() {
        return Ok(());
    }
    Err(Refused(format!("{} mistakes: the agreements that hold them are closed", check.errors.len())).into())
}
