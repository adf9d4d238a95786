//! `commonground disclosure`: what reviewers ask of the ledger, and the attacker.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::Context;
use attack::{Feed, InputLimits, Options, attack_all, read_over_time};
use model::{DatasetId, Digest};
use platform::{Caller, Grounds, Platform, PlatformError, Verdict};

use crate::cli::{
    AttackArgs, Decider, DecisionArgs, DisclosureCommand, ExplainArgs, PreviewArgs, ReviewArgs, ReviseArgs,
};
use crate::config::Config;
use crate::exit::{Refused, Usage};
use crate::terminal::{note, print, say};

pub(crate) fn run(config: &Config, command: &DisclosureCommand) -> anyhow::Result<()> {
    match command {
        DisclosureCommand::Verify(args) => verify(config, args),
        DisclosureCommand::Report(args) => report(config, args),
        DisclosureCommand::Preview(args) => preview(config, args),
        DisclosureCommand::Approve(args) => decide(config, args, Verdict::Approved),
        DisclosureCommand::Reject(args) => decide(config, args, Verdict::Rejected),
        DisclosureCommand::Revise(args) => revise(config, args),
        DisclosureCommand::Explain(args) => explain(config, args),
        DisclosureCommand::Attack(args) => attack(args),
    }
}

/// A ledger is read without loading anything else; one that does not hold does not keep the others from being checked.
fn verify(config: &Config, args: &ReviewArgs) -> anyhow::Result<()> {
    let platform = super::attach(config)?;
    let datasets = to_review(&platform, args)?;
    let reviewer = platform.local_reviewer()?;
    let (mut broken, mut unseen) = (0, 0);
    for dataset in &datasets {
        match platform.verify_ledger(&reviewer, dataset) {
            Ok(found) => say(format_args!(
                "{dataset}: {} plans hold; {} cells, {} worlds checked; {} cells that public facts alone prove small",
                found.entries, found.cells, found.worlds, found.provably_small
            ))?,
            Err(error @ (PlatformError::NotFound { .. } | PlatformError::Denied { .. })) => {
                unseen += 1;
                note(format_args!("error: {dataset}: {}", platform::causes(&error)));
            }
            Err(error) => {
                broken += 1;
                note(format_args!("error: {dataset}: {}", platform::causes(&error)));
            }
        }
    }
    if broken > 0 {
        anyhow::bail!("{broken} of {} ledgers could not be verified: nothing of them may be relied on", datasets.len());
    }
    if unseen > 0 {
        let text = format!(
            "{unseen} of {} ledgers were not looked at: there is none of this name, or an agreement does not let it be reviewed \
             (`commonground agreements check`)",
            datasets.len()
        );
        return Err(Refused(text).into());
    }
    Ok(())
}

fn report(config: &Config, args: &ReviewArgs) -> anyhow::Result<()> {
    // What waits of linked records hangs on the geography, too.
    let platform = super::open(config)?;
    let datasets = to_review(&platform, args)?;
    let reviewer = platform.local_reviewer()?;
    let mut failed = None;
    for dataset in &datasets {
        match platform.publication_report(&reviewer, dataset) {
            Ok(report) => say(report)?,
            // One holds up no other.
            Err(error) => {
                note(format_args!("{dataset}: {error}"));
                failed.get_or_insert(error);
            }
        }
    }
    failed.map_or(Ok(()), |error| Err(error.into()))
}

fn preview(config: &Config, args: &PreviewArgs) -> anyhow::Result<()> {
    let platform = super::open(config)?;
    let previews = platform.previews(&decider(&platform, args.role)?)?;
    if previews.is_empty() {
        note("nothing waits for approval");
    }
    for preview in previews {
        say(preview)?;
    }
    Ok(())
}

/// Decides, and publishes what may be published now.
fn decide(config: &Config, args: &DecisionArgs, verdict: Verdict) -> anyhow::Result<()> {
    let grounds: Grounds = args.because.parse().map_err(Usage)?;
    let dataset: DatasetId = args.dataset.parse().map_err(PlatformError::Name)?;
    let digest = digest(&args.digest, "disclosure preview")?;
    let platform = super::open(config)?;
    let standing = platform.decide_publication(&decider(&platform, args.role)?, &dataset, digest, verdict, grounds)?;
    say(format_args!("{dataset}: {standing}"))?;
    Ok(say(platform.publish_pending(&mut |_| ())?)?)
}

/// Says what a revision would change, or publishes what was previewed.
fn revise(config: &Config, args: &ReviseArgs) -> anyhow::Result<()> {
    let dataset: DatasetId = args.dataset.parse().map_err(PlatformError::Name)?;
    let previewed = args.publish.as_ref().map(|text| digest(text, "disclosure revise DATASET")).transpose()?;
    let platform = super::open(config)?;
    let reviewer = platform.local_reviewer()?;
    let Some(previewed) = previewed else {
        say(platform.preview_revision(&reviewer, &dataset)?)?;
        return Ok(());
    };
    if platform.revise(&reviewer, &dataset, previewed)? == 0 {
        return Err(Refused(format!("no correction of {dataset} waits: nothing was published")).into());
    }
    let report = platform.publish_pending(&mut |_| ())?;
    say(&report)?;
    if !report.revised.contains(&dataset) && !platform.awaits_revision(&dataset)? {
        return Err(Refused(format!("the corrections of {dataset} are not published: what was published stays")).into());
    }
    // What a revision leaves aside comes after it.
    if platform.pending()? > 0 {
        say(platform.publish_pending(&mut |_| ())?)?;
    }
    Ok(())
}

fn digest(text: &str, from: &str) -> Result<Digest, Usage> {
    text.parse().map_err(|_| Usage(format!("`{text}` is no digest: `{from}` says which one to give")))
}

fn decider(platform: &Platform, role: Decider) -> Result<Caller, PlatformError> {
    match role {
        Decider::Reviewer => platform.local_reviewer(),
        Decider::Governance => platform.local_governance(),
    }
}

fn explain(config: &Config, args: &ExplainArgs) -> anyhow::Result<()> {
    let platform = super::open(config)?;
    let reviewer: Caller = platform.local_reviewer()?;
    let rows = platform.explain(&reviewer, &super::query::request(&args.indicator, &args.rows)?)?;
    if rows.is_empty() {
        note("nothing matches: `commonground query` with the same options says what there is");
    }
    for row in rows {
        print(row.to_string().as_bytes())?;
    }
    Ok(())
}

/// The platform, and the datasets asked for or else all that have a plan.
fn to_review(platform: &Platform, args: &ReviewArgs) -> anyhow::Result<Vec<DatasetId>> {
    let datasets = if args.dataset.is_empty() {
        platform.planned_datasets()?
    } else {
        args.dataset.iter().map(|id| id.parse()).collect::<Result<_, _>>().map_err(PlatformError::Name)?
    };
    if datasets.is_empty() {
        note("nothing was published by a plan yet");
    }
    Ok(datasets)
}

/// When an attack has to end.
static DEADLINE: OnceLock<Option<Instant>> = OnceLock::new();

fn time_left() -> Duration {
    let deadline = DEADLINE.get().copied().flatten();
    deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
}

fn attack(args: &AttackArgs) -> anyhow::Result<()> {
    let feed = if args.corrects { Feed::Corrects } else { Feed::Appends };
    let limits = InputLimits { max_bytes: args.max_bytes, max_cells: args.max_cells };
    let minutes = Duration::from_secs(60 * u64::from(args.max_minutes));
    let _first_of_this_process = DEADLINE.set(Instant::now().checked_add(minutes));
    let options = Options {
        threads: args.threads.max(1),
        time_left: Some(time_left),
        progress: Some(|step| note(step)),
        ..Options::default()
    };
    let problems = read_over_time(&args.tables, feed, &limits).context("could not read the tables")?;
    let report = attack_all(&problems, &options).context("could not attack the tables")?;
    if args.json {
        print(format!("{}\n", serde_json::to_string_pretty(&report)?).as_bytes())?;
    } else {
        say(&report)?;
    }
    let failures = report.failures();
    if failures.is_empty() {
        let older = match report.older() {
            0 => String::new(),
            older => format!("; {older} figures were taken for possibly older, so that no difference was made of them"),
        };
        let (cells, withheld) = (report.cells(), report.withheld());
        note(format_args!("no promise is broken: {cells} cells attacked, {withheld} of them withheld{older}"));
        return Ok(());
    }
    failures.iter().for_each(note);
    let text = format!("{} promises are broken, each named above: do not publish these tables", failures.len());
    Err(Refused(text).into())
}
