//! What each command does: a few lines over a use case of the platform.

mod agreements;
mod credential;
mod demo;
mod geography;
mod ingest;
mod query;
mod serve;

use anyhow::Context;
use platform::Platform;

use crate::cli::{Cli, Command};
use crate::config::Config;

/// Runs one command.
pub(crate) fn run(cli: Cli) -> anyhow::Result<()> {
    start_log();
    let config = Config::read(&cli.places, base(&cli))?;
    match &cli.command {
        Command::Init => init(&config),
        Command::Demo(args) => demo::run(&config, args),
        Command::Serve(args) => serve::run(&config, args),
        Command::Ingest(args) => ingest::run(&config, args),
        Command::Agreements(command) => agreements::run(&config, command),
        Command::Geography(command) => geography::run(&config, command),
        Command::Query(args) => query::run(&config, args),
        Command::Credential(command) => credential::run(&config, command),
    }
}

/// The demo keeps everything together: its key beside its folder, its definitions in the sample.
fn base(cli: &Cli) -> Config {
    let mut base = Config::default();
    if let Command::Demo(args) = &cli.command {
        base.data = base.data.join("demo");
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
    println!("data folder  {}", config.data.display());
    println!("master key   {}  keep a copy elsewhere: without it nothing can be read", config.key_file.display());
    println!("next         commonground geography import MANIFEST --data {}", config.data.display());
    Ok(())
}

fn open(config: &Config) -> anyhow::Result<Platform> {
    let (platform, problems) = Platform::open(config.settings()?).context("could not open the data folder")?;
    for problem in problems {
        eprintln!("warning: {problem}");
    }
    Ok(platform)
}

/// Operator's log on standard error; level by `COMMONGROUND_LOG`, default warnings.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("COMMONGROUND_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
