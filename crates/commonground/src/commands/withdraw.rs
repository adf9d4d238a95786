//! `commonground withdraw`.

use model::DatasetId;
use platform::PlatformError;

use crate::cli::WithdrawArgs;
use crate::config::Config;
use crate::terminal::say;

/// Withdraws, and publishes what is left.
pub(crate) fn run(config: &Config, args: &WithdrawArgs) -> anyhow::Result<()> {
    let dataset: DatasetId = args.dataset.parse().map_err(PlatformError::Name)?;
    let platform = super::open(config)?;
    let withdrawn = platform.withdraw(&platform.local_operator()?, &dataset, &args.period)?;
    let files = if withdrawn.versions == 1 { "file" } else { "files" };
    say(format_args!("{dataset} {}: {} {files} withdrawn", withdrawn.period, withdrawn.versions))?;
    if withdrawn.by_revision {
        say("what comes in their place is shown when a reviewer asks for a revision")?;
    }
    if withdrawn.views > 0 {
        say(format_args!(
            "{} views that stand on it are not shown before they are published without it",
            withdrawn.views
        ))?;
    }
    Ok(say(platform.publish_pending(&mut |_| ())?)?)
}
