//! `commonground agreements`.

use platform::{AgreementPlaces, EventKind, Signatory};

use crate::cli::{AgreementKeyCommand, AgreementsCommand, EventArgs, SignatoryArgs};
use crate::config::Config;
use crate::exit::Refused;
use crate::terminal::{OutputError, note, say};

pub(crate) fn run(config: &Config, command: &AgreementsCommand) -> anyhow::Result<()> {
    let places = AgreementPlaces { agreements: &config.agreements, contracts: &config.contracts };
    let said = match command {
        AgreementsCommand::Check => return check(config),
        AgreementsCommand::Explain { what } => platform::explain_agreements(places, what.as_deref())?,
        AgreementsCommand::Diff { old, new } => platform::compare_agreements(places, old, new)?,
        AgreementsCommand::Sign(args) => {
            platform::sign_agreement(places, &args.file, signatory(&args.signatory), &args.office)?
        }
        AgreementsCommand::Suspend(args) => change(places, args, EventKind::Suspended)?,
        AgreementsCommand::Resume(args) => change(places, args, EventKind::Resumed)?,
        AgreementsCommand::Terminate(args) => change(places, args, EventKind::Terminated)?,
        AgreementsCommand::Key(AgreementKeyCommand::New { file }) => {
            let key = platform::new_agreement_key(file, &config.agreements)?;
            note("the line for your organisation in partnership.toml; the secret half is in the file alone");
            vec![format!("keys = [\"{key}\"]")]
        }
    };
    print(&said)?;
    Ok(())
}

fn print(lines: &[String]) -> Result<(), OutputError> {
    lines.iter().try_for_each(say)
}

fn signatory(args: &SignatoryArgs) -> Signatory<'_> {
    Signatory { organisation: &args.organisation, key_file: &args.key }
}

fn change(places: AgreementPlaces<'_>, args: &EventArgs, kind: EventKind) -> anyhow::Result<Vec<String>> {
    let signatory = signatory(&args.signatory);
    Ok(platform::change_agreement(places, &args.agreement, signatory, (kind, &args.reason))?)
}

fn check(config: &Config) -> anyhow::Result<()> {
    let check = platform::check_agreements(&config.agreements, &config.contracts)?;
    // What is wrong is said first, before hundreds of lines of what stands.
    for error in &check.errors {
        note(format_args!("error: {error}"));
    }
    print(&check.lines)?;
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
