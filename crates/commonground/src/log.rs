//! The operator's log on standard error.
//!
//! Libraries may log what they work on, and they work on rows about people: only our own crates are heard unless the
//! operator names others.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::exit::Usage;

/// The variable that says what is logged.
const VARIABLE: &str = "COMMONGROUND_LOG";

/// Our crates: none of them logs a value of a row.
const OWN: [&str; 16] = [
    "agreements",
    "api",
    "audit",
    "catalog",
    "commonground",
    "crosstab",
    "dashboard",
    "disclosure",
    "engine",
    "geography",
    "ingest",
    "model",
    "platform",
    "statistics",
    "testkit",
    "vault",
];

/// What is logged of which crate.
#[derive(Debug, PartialEq, Eq)]
struct LogFilter {
    own: LevelFilter,
    others: LevelFilter,
    named: BTreeMap<String, LevelFilter>,
}

impl LogFilter {
    /// Reads `LEVEL`, `others=LEVEL` and `CRATE=LEVEL`, comma-separated. Others are heard up to warnings at most; who needs
    /// more names the crate.
    fn parse(text: &str) -> Result<Self, String> {
        let mut filter = Self { own: LevelFilter::WARN, others: LevelFilter::OFF, named: BTreeMap::new() };
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, level) = part.split_once('=').map_or(("", part), |(name, level)| (name.trim(), level.trim()));
            // No text at all would be read as `error`.
            let known = (!level.is_empty()).then(|| level.parse::<LevelFilter>().ok()).flatten();
            let level = known.ok_or_else(|| {
                format!("`{level}` is not a level: write off, error, warn, info, debug or trace, for example `info,others=warn`")
            })?;
            match name {
                "" => filter.own = level,
                "others" => filter.others = level.min(LevelFilter::WARN),
                name => {
                    filter.named.insert(name.to_owned(), level);
                }
            }
        }
        Ok(filter)
    }

    /// The level up to which a target is heard; a target begins with the name of its crate.
    fn level(&self, target: &str) -> LevelFilter {
        let name = target.split("::").next().unwrap_or_default();
        match self.named.get(name) {
            Some(level) => *level,
            None if OWN.contains(&name) => self.own,
            None => self.others,
        }
    }

    fn loudest(&self) -> LevelFilter {
        self.named.values().copied().fold(self.own.max(self.others), LevelFilter::max)
    }
}

/// Starts the log as `COMMONGROUND_LOG` says: warnings of our own crates by default.
///
/// # Errors
/// If the variable cannot be understood.
pub(crate) fn start() -> Result<(), Usage> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let filter = LogFilter::parse(&text).map_err(|problem| Usage(format!("the variable `{VARIABLE}`: {problem}")))?;
    let _ = subscriber(filter, std::io::stderr).try_init();
    Ok(())
}

fn subscriber(
    filter: LogFilter,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> impl Subscriber + Send + Sync {
    let loudest = filter.loudest();
    // A filter of the whole log, not of one layer: records of the older `log` interface pass it under their own target.
    let heard = filter_fn(move |metadata| *metadata.level() <= filter.level(metadata.target()));
    // Colours are for who looks on, not for files.
    let colours = std::io::stderr().is_terminal();
    let written = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(writer);
    tracing_subscriber::registry().with(heard.with_max_level_hint(loudest)).with(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_silent_unless_named() {
        use LevelFilter as L;
        for (text, own, library, named) in [
            ("", L::WARN, L::OFF, L::OFF),
            ("trace", L::TRACE, L::OFF, L::OFF),
            ("off", L::OFF, L::OFF, L::OFF),
            ("others=trace", L::WARN, L::WARN, L::WARN),
            ("info, others=error", L::INFO, L::ERROR, L::ERROR),
            ("error,hyper=debug", L::ERROR, L::OFF, L::DEBUG),
            ("debug,others=warn,hyper=off", L::DEBUG, L::WARN, L::OFF),
        ] {
            let filter = LogFilter::parse(text).unwrap();
            for target in ["platform", "platform::publish", "api::server", "commonground"] {
                assert_eq!(filter.level(target), own, "{text}: {target}");
            }
            // A crate whose name only begins like one of ours is none of ours.
            for target in ["datafusion::physical_plan", "platforms::x", "apiary", "modelling", "log", ""] {
                assert_eq!(filter.level(target), library, "{text}: {target}");
            }
            assert_eq!(filter.level("hyper::proto::h1"), named, "{text}");
        }
    }

    #[test]
    fn what_a_library_traces_is_not_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = |text: &str| {
            file.as_file().set_len(0).unwrap();
            let writer = std::sync::Mutex::new(file.reopen().unwrap());
            tracing::subscriber::with_default(subscriber(LogFilter::parse(text).unwrap(), writer), || {
                tracing::trace!(target: "platform::intake", "ours");
                tracing::trace!(target: "datafusion::physical_plan", "somebody's row");
            });
            std::fs::read_to_string(file.path()).unwrap()
        };
        let text = written("trace");
        assert!(text.contains("ours") && !text.contains("somebody"), "{text}");
        assert!(written("trace,datafusion=trace").contains("somebody"));
    }

    #[test]
    fn the_loudest_level_covers_every_target() {
        for (text, loudest) in
            [("", LevelFilter::WARN), ("error,hyper=debug", LevelFilter::DEBUG), ("off,others=warn", LevelFilter::WARN)]
        {
            assert_eq!(LogFilter::parse(text).unwrap().loudest(), loudest, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_said() {
        for text in ["loud", "platform=loud", "info,others="] {
            assert!(LogFilter::parse(text).unwrap_err().contains("is not a level"), "{text}");
        }
    }

    /// The list above is the workspace's: a new crate is heard too. `attack` is never part of the program.
    #[test]
    fn our_crates_are_all_here() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut crates: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        crates.retain(|name| name != "attack");
        crates.sort();
        assert_eq!(crates, OWN);
    }
}
