//! The commands and their help.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Neighbourhood data of many partners, shared under signed agreements, published as safe aggregates.
///
/// Start with `commonground demo`: it makes a data folder, loads the synthetic sample partnership and serves it.
#[derive(Debug, Parser)]
#[command(
    name = "commonground",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  commonground demo                                   try it, on http://127.0.0.1:8080
  commonground init --data /srv/cg                    make an empty data folder and its master key
  commonground geography import map/geography.toml    load areas, lookups and postcodes
  commonground agreements check                       say what is wrong in which agreement, and where
  commonground agreements explain fire-incidents      who agreed to what, and who may do what
  commonground ingest lancashire-fire-and-rescue.incidents fires.csv --period 2025-01-01/P3M
  commonground query fire-incidents --area-type lsoa --format table
  commonground disclosure verify                      check the proof of everything released
  commonground disclosure explain fire-incidents --area-type lsoa
  commonground serve

Configuration: commonground.toml in this folder, then COMMONGROUND_* variables, then flags.
Exit codes: 0 done, 2 usage, 3 refused by an agreement or contract, 4 failed."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) places: Places,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where things are. Each also has an entry in commonground.toml and a COMMONGROUND_ variable.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// Configuration file; commonground.toml in this folder, if there is one.
    #[arg(long, global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Data folder: catalogue, encrypted tables and files, audit log.
    #[arg(long, global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Master key file; never inside the data folder.
    #[arg(long, global = true)]
    pub(crate) key_file: Option<PathBuf>,
    /// Folder of sharing agreements.
    #[arg(long, global = true)]
    pub(crate) agreements: Option<PathBuf>,
    /// Folder of dataset contracts.
    #[arg(long, global = true)]
    pub(crate) contracts: Option<PathBuf>,
    /// Folder of indicator definitions.
    #[arg(long, global = true)]
    pub(crate) indicators: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an empty data folder and its master key.
    Init,
    /// Load the synthetic sample partnership and serve it.
    ///
    /// The first start takes some seconds; starting again on the same folder loads nothing twice.
    Demo(DemoArgs),
    /// Serve the API and the web application over a data folder.
    Serve(ServeArgs),
    /// Take in one file of one period of a dataset, as an upload through the API would.
    Ingest(IngestArgs),
    /// Withdraw a period of a dataset with all its corrections: nothing that stands on it is shown any more.
    Withdraw(WithdrawArgs),
    /// Sharing agreements.
    #[command(subcommand)]
    Agreements(AgreementsCommand),
    /// Areas, lookups and postcodes.
    #[command(subcommand)]
    Geography(GeographyCommand),
    /// Print published figures.
    Query(QueryArgs),
    /// Review what is withheld and why, and attack released tables.
    #[command(subcommand)]
    Disclosure(DisclosureCommand),
    /// API keys.
    #[command(subcommand)]
    Credential(CredentialCommand),
    /// Print the licences of everything in this program that others made.
    Licences,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Address and port to serve on, 127.0.0.1:8080 if not given; the demo's keys are for this machine only, so it must be a
    /// loopback address.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    /// The sample partnership's files.
    #[arg(long, default_value = "sample-data")]
    pub(crate) sample: PathBuf,
    /// Load and publish, then end without serving.
    #[arg(long)]
    pub(crate) load_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port to serve on; 127.0.0.1:8080 if not given.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct IngestArgs {
    /// Dataset, for example lancashire-fire-and-rescue.incidents.
    pub(crate) dataset: String,
    /// The file, plain or gzip-compressed; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// The period that the file covers, for example 2025-01-01/P3M.
    #[arg(long)]
    pub(crate) period: String,
    /// Confirm that there was nothing to report: without it, a file of which nothing is kept is refused.
    #[arg(long)]
    pub(crate) empty_period: bool,
    /// Say that the file corrects what is held of the period: without it, other content for such a period is refused.
    #[arg(long)]
    pub(crate) revision: bool,
    /// When opt-outs were applied to the file, where the agreement asks its sender to: 2026-03-31, or an instant.
    #[arg(long)]
    pub(crate) opt_outs_applied: Option<String>,
    /// Print the findings as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Store only: publish later, when `serve` or the next `ingest` runs.
    #[arg(long)]
    pub(crate) no_publish: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// Dataset, for example lancashire-fire-and-rescue.incidents.
    pub(crate) dataset: String,
    /// The period as it was taken in, for example 2025-01-01/P3M.
    pub(crate) period: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgreementsCommand {
    /// Check every agreement: errors with file, line and column, then status and what each allows.
    Check,
    /// Who may do what: with a dataset, under an agreement, or with everything.
    ///
    /// Of an agreement it says first between whom it is, by which law, who signed, who may stop it and what happened to it. Every line of
    /// who may do what is the outcome of decisions as they would fall today, not a reading of the text.
    Explain {
        /// A dataset (lancashire-fire-and-rescue.incidents) or an agreement (fire-incidents, fire-incidents@1, or its digest).
        what: Option<String>,
    },
    /// What replacing one agreement by another would allow and forbid, and which terms it makes looser or stricter.
    ///
    /// Signatures are not looked at, so that a draft can be compared before anybody signs it.
    Diff {
        /// The agreement as it is: a file, or one of the folder, such as fire-incidents@1.
        old: String,
        /// The agreement as it would be: a file, or one of the folder.
        new: String,
    },
    /// Sign an agreement for your organisation: one line is added to its file, and nothing else is changed.
    ///
    /// What is signed is the text without comments and layout: whoever changes it later has to ask every party again. With the last
    /// signature the agreement comes into force, from its first day on.
    Sign(SignArgs),
    /// Stop all use under an agreement, from the running service's next request on.
    Suspend(EventArgs),
    /// Let use go on under an agreement that is suspended.
    Resume(EventArgs),
    /// End an agreement for good.
    Terminate(EventArgs),
    /// Keys that organisations sign with.
    #[command(subcommand)]
    Key(AgreementKeyCommand),
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The agreement's file, in the folder of agreements.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) signatory: SignatoryArgs,
    /// Who signs for the organisation, by office: it is kept with the signature.
    #[arg(long, default_value = "authorised signatory")]
    pub(crate) office: String,
}

#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// The agreement: fire-incidents, fire-incidents@1, or its digest.
    pub(crate) agreement: String,
    #[command(flatten)]
    pub(crate) signatory: SignatoryArgs,
    /// Why, in words: it is kept with the event, and every party reads it.
    #[arg(long)]
    pub(crate) reason: String,
}

/// Who signs.
#[derive(Debug, Args)]
pub(crate) struct SignatoryArgs {
    /// Your organisation, for example lancashire-fire-and-rescue.
    #[arg(long = "as", value_name = "ORGANISATION")]
    pub(crate) organisation: String,
    /// Its key file, made by `agreements key new`. Nobody else may be able to read it.
    #[arg(long, value_name = "KEYFILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgreementKeyCommand {
    /// Make a key in a new file, and print the line for the partnership's register.
    ///
    /// Keep the file where only those can read it who sign for your organisation, and a copy in a safe place. An existing file is never
    /// replaced. The key counts once the line stands in partnership.toml, which every party should look at.
    New {
        /// The file to make.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum GeographyCommand {
    /// Import areas, lookups and postcodes as a manifest (geography.toml) lists them.
    Import {
        /// The manifest; the files that it names are looked for beside it.
        manifest: PathBuf,
        /// Look for the files here instead.
        #[arg(long)]
        folder: Option<PathBuf>,
        /// Check and report only; store nothing and need no data folder.
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DisclosureCommand {
    /// Check every released plan again, from the ledger alone: each withheld cell has its proof, each decision was kept.
    Verify(ReviewArgs),
    /// What each publication withholds: by kind of table, share of cells and of their value, and for which rules.
    Report(ReviewArgs),
    /// Publications that wait for approval because their agreements ask for it: what each would release and withhold, and the
    /// digest by which it is approved or rejected.
    Preview(PreviewArgs),
    /// Approve exactly what was previewed; it is published once everybody who is asked has. On record.
    Approve(DecisionArgs),
    /// Reject what was previewed; what was published stays. On record.
    Reject(DecisionArgs),
    /// Say what publishing the corrections of a dataset would change, or publish exactly that. Without it, what was published stays as
    /// it was. All figures that they change are decided anew, and those that would tell how few people were added or taken away are
    /// withheld, for good. On record.
    Revise(ReviseArgs),
    /// Why figures look as they do: mark, rule and parameters. For reviewers: the reason of a withheld cell is confidential.
    Explain(ExplainArgs),
    /// Try to work out what released tables withhold: `tables.json` and CSV files, of this system or any other.
    ///
    /// Ends with exit code 0 if no promise is broken, which it says with the number of cells attacked; with 3 if one is: a cell is
    /// recovered or provably small, a group is disclosed, a difference of released cells is small, or a limit left something
    /// undecided; with 4 if the tables could not be attacked: nothing in them, not readable, too large, or contradicting each
    /// other. docs/attack-input.md has the format.
    Attack(AttackArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// Datasets, for example lancashire-fire-and-rescue.incidents; all that have a plan without one.
    pub(crate) dataset: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ReviseArgs {
    /// Dataset, for example lancashire-fire-and-rescue.incidents.
    pub(crate) dataset: String,
    /// Publish what was previewed: the digest that the preview gave. If it would be something else by now, nothing is published.
    #[arg(long, value_name = "DIGEST")]
    pub(crate) publish: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// For whom: reviewer or governance (data protection).
    #[arg(long = "as", value_enum, default_value_t = Decider::Reviewer)]
    pub(crate) role: Decider,
}

#[derive(Debug, Args)]
pub(crate) struct DecisionArgs {
    /// Dataset, for example lancashire-fire-and-rescue.incidents.
    pub(crate) dataset: String,
    /// The digest that the preview gave.
    pub(crate) digest: String,
    /// For whom: reviewer or governance (data protection).
    #[arg(long = "as", value_enum, default_value_t = Decider::Reviewer)]
    pub(crate) role: Decider,
    /// Why: as-agreed, shows-too-much, withholds-too-much, data-in-doubt or not-now.
    #[arg(long)]
    pub(crate) because: String,
}

/// Who decides about a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decider {
    /// Whoever looks at tables before they are published.
    Reviewer,
    /// Whoever answers for data protection.
    Governance,
}

#[derive(Debug, Args)]
pub(crate) struct AttackArgs {
    /// Folder with tables.json; once for each revision, oldest first.
    #[arg(long, required = true)]
    pub(crate) tables: Vec<PathBuf>,
    /// Between revisions, records may also have been taken away, not only added.
    #[arg(long)]
    pub(crate) corrects: bool,
    /// Threads; the report does not depend on it.
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
    /// Most bytes of all files that are read; a file that several tables read counts for each.
    #[arg(long, default_value_t = attack::InputLimits::default().max_bytes)]
    pub(crate) max_bytes: u64,
    /// Most cells, limits and comparisons that are read from all files.
    #[arg(long, default_value_t = attack::InputLimits::default().max_cells)]
    pub(crate) max_cells: u64,
    /// Minutes after which no more is tried: what is not decided by then is named, and the command ends with exit code 3.
    #[arg(long, default_value_t = 240)]
    pub(crate) max_minutes: u32,
    /// Print the whole report as JSON. It holds what was found about withheld cells.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// Indicator, for example deliberate-fires; without one, the indicators are listed.
    pub(crate) indicator: Option<String>,
    #[command(flatten)]
    pub(crate) rows: RowsArgs,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Indicator, for example deliberate-fires.
    pub(crate) indicator: String,
    #[command(flatten)]
    pub(crate) rows: RowsArgs,
}

/// Which rows of an indicator.
#[derive(Debug, Args)]
pub(crate) struct RowsArgs {
    /// lsoa, msoa, ward, pcn, beat, neighbourhood, district, county or partnership.
    #[arg(long)]
    pub(crate) area_type: Option<String>,
    /// calendar-year, financial-year, academic-year, quarter, month or rolling-12.
    #[arg(long)]
    pub(crate) period_type: Option<String>,
    /// Only this area (repeatable).
    #[arg(long)]
    pub(crate) area: Vec<String>,
    /// An interval such as 2024-01-01/P1Y, `latest` or `all`.
    #[arg(long, default_value = "latest")]
    pub(crate) period: String,
    /// Only female or male.
    #[arg(long)]
    pub(crate) sex: Option<String>,
    /// Only this band, such as 18-64 or 75+.
    #[arg(long)]
    pub(crate) age: Option<String>,
    /// Every category of this dimension.
    #[arg(long)]
    pub(crate) breakdown: Option<String>,
}

/// How figures are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns for reading.
    Table,
    /// The API's CSV.
    Csv,
    /// The API's JSON rows.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Make an API key and print it once.
    Add {
        /// Whose it is.
        #[arg(long)]
        organisation: String,
        /// partner-officer, analyst, dashboard, reviewer, governance or operator.
        #[arg(long)]
        role: String,
        /// Purposes that it may name, comma-separated.
        #[arg(long, value_delimiter = ',', required = true)]
        purpose: Vec<String>,
    },
    /// List keys: never the secret.
    List,
    /// Revoke a key at once, also while `serve` runs on the folder.
    Revoke {
        /// Its id, the part after `cg_`.
        id: String,
    },
}
