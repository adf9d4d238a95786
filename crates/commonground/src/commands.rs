//! What each command does: a few lines over a use case of the platform.

mod agreements;
mod credential;
mod demo;
mod disclosure;
mod geography;
mod ingest;
mod licences;
mod query;
mod serve;
mod withdraw;

use platform::Platform;

use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::terminal::{note, say};

/// Runs one command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    crate::log::start()?;
    let config = Config::read(&cli.places, base(&cli))?;
    match &cli.command {
        Command::Init => init(&config),
        Command::Demo(args) => demo::run(&config, args),
        Command::Serve(args) => serve::run(&config, args),
        Command::Ingest(args) => ingest::run(&config, args),
        Command::Withdraw(args) => withdraw::run(&config, args),
        Command::Agreements(command) => agreements::run(&config, command),
        Command::Geography(command) => geography::run(&config, command),
        Command::Query(args) => query::run(&config, args),
        Command::Disclosure(command) => disclosure::run(&config, command),
        Command::Credential(command) => credential::run(&config, command),
        Command::Licences => licences::run(),
    }
}

/// The demo keeps everything together: its key beside its folder, its definitions in the sample.
fn base(cli: &Cli) -> Config {
    let mut base = Config::default();
    if let Command::Demo(args) = &cli.command {
        base.data.set_file_name("demo");
        if let Some(data) = &cli.places.data {
            base.data.clone_from(data);
        }
        base.key_file = base.data.with_extension("key");
        base.contracts = args.sample.join("contracts");
        base.indicators = args.sample.join("indicators");
    }
    base
}

fn init(config: &Config) -> anyhow::Result<()> {
    Platform::create(&config.settings()?)?;
    let key = config.key_file.display();
    say(format_args!("data folder  {}", config.data.display()))?;
    say(format_args!("master key   {key}  keep a copy elsewhere: without it nothing can be read"))?;
    say("one folder   publish the same data from this folder only: what is withheld from one may be shown by another")?;
    say(format_args!("next         commonground geography import MANIFEST --data {}", config.data.display()))?;
    Ok(())
}

/// Takes the data folder and says what is wrong in definitions and agreements.
fn attach(config: &Config) -> anyhow::Result<Platform> {
    let (platform, problems) = Platform::attach(config.settings()?)?;
    for problem in problems {
        note(format_args!("warning: {problem}"));
    }
    for dataset in platform.closed_datasets()? {
        note(format_args!(
            "warning: `{dataset}` holds data, but has no valid contract in `{}`: it is closed; put its contract back, or give the right folder with `--contracts`",
            config.contracts.display()
        ));
    }
    Ok(platform)
}

fn load(platform: &Platform) -> anyhow::Result<()> {
    platform.load()?;
    note_refused(platform);
    Ok(())
}

/// Says which views are not registered.
fn note_refused(platform: &Platform) {
    for refusal in platform.refused_views() {
        note(format_args!("warning: {refusal}"));
    }
}

/// The platform with its keys and nothing of what is published, which takes its time.
fn open_credentials(config: &Config) -> anyhow::Result<Platform> {
    let platform = attach(config)?;
    platform.load_credentials()?;
    platform.loaded();
    Ok(platform)
}

/// The platform, loaded.
fn open(config: &Config) -> anyhow::Result<Platform> {
    let platform = attach(config)?;
    load(&platform)?;
    platform.loaded();
    Ok(platform)
}
