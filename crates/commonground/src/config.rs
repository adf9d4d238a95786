//! One configuration: `commonground.toml`, then `COMMONGROUND_*` variables, then flags.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use api::HttpLimits;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use platform::{Clock, Limits, Settings};
use serde::{Deserialize, Serialize};

use crate::cli::Places;
use crate::exit::Usage;

/// The configuration file that is read without being named.
const CONFIG_FILE: &str = "commonground.toml";

/// Everything that can be configured, with its default.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Data folder.
    pub(crate) data: PathBuf,
    /// Master key file.
    pub(crate) key_file: PathBuf,
    /// Folder of sharing agreements.
    pub(crate) agreements: PathBuf,
    /// Folder of dataset contracts.
    pub(crate) contracts: PathBuf,
    /// Folder of indicator definitions.
    pub(crate) indicators: PathBuf,
    /// Address to serve on.
    pub(crate) listen: SocketAddr,
    /// Limits of work.
    pub(crate) limits: Limits,
    /// Limits of the HTTP interface.
    pub(crate) http: HttpLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: user_folder("XDG_DATA_HOME", ".local/share").join("commonground/data"),
            key_file: user_folder("XDG_CONFIG_HOME", ".config").join("commonground/master.key"),
            agreements: "sharing-agreements".into(),
            contracts: "contracts".into(),
            indicators: "indicators".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            limits: Limits::default(),
            http: HttpLimits::default(),
        }
    }
}

fn user_folder(variable: &str, below_home: &str) -> PathBuf {
    match std::env::var_os(variable).filter(|value| !value.is_empty()) {
        Some(folder) => folder.into(),
        None => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(below_home),
    }
}

impl Config {
    /// Reads the configuration for a command; `base` holds the command's own defaults.
    ///
    /// # Errors
    /// If the file has an unknown key or a value of the wrong kind; the error names it.
    pub(crate) fn read(places: &Places, base: Self) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(base));
        let usual = Path::new(CONFIG_FILE);
        if let Some(file) = places.config.as_deref().or_else(|| usual.exists().then_some(usual)) {
            // A file that is not there would otherwise count as an empty one.
            std::fs::metadata(file).map_err(|error| {
                Usage(format!("could not read the configuration `{}`: {error}; correct `--config`", file.display()))
            })?;
            figment = figment.merge(Toml::file_exact(file));
        }
        let mut config: Self = figment
            .merge(Env::prefixed("COMMONGROUND_").ignore(&["log"]).split("__"))
            .extract()
            .map_err(|error| Usage(format!("the configuration cannot be used: {error}")))?;
        config.limits.check().map_err(|problem| Usage(format!("the configuration cannot be used: {problem}")))?;
        let flags = [
            (&places.data, &mut config.data),
            (&places.key_file, &mut config.key_file),
            (&places.agreements, &mut config.agreements),
            (&places.contracts, &mut config.contracts),
            (&places.indicators, &mut config.indicators),
        ];
        for (flag, entry) in flags {
            if let Some(flag) = flag {
                entry.clone_from(flag);
            }
        }
        Ok(config)
    }

    /// The platform's part of the configuration.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        Ok(Settings {
            data: absolute(&self.data)?,
            key_file: absolute(&self.key_file)?,
            agreements: self.agreements.clone(),
            contracts: self.contracts.clone(),
            indicators: self.indicators.clone(),
            workbook_program: std::env::current_exe().context("could not find this program's own file")?,
            limits: self.limits.clone(),
            clock: Clock::system(),
        })
    }
}

/// The path from the root, without links and `..` as far as it exists.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    let whole = std::path::absolute(path).with_context(|| format!("`{}` is not a path", path.display()))?;
    let (mut there, mut missing) = (whole.as_path(), Vec::new());
    loop {
        if let Ok(real) = there.canonicalize() {
            return Ok(missing.iter().rev().fold(real, |path, name| path.join(name)));
        }
        let (Some(parent), Some(name)) = (there.parent(), there.file_name()) else { return Ok(whole) };
        missing.push(name);
        there = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_in_the_documents_with_its_default() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let text = std::fs::read_to_string(root.join("docs/settings.md")).unwrap();
        for limits in [serde_json::to_value(Limits::default()), serde_json::to_value(HttpLimits::default())] {
            for (name, value) in limits.unwrap().as_object().unwrap() {
                assert!(text.contains(&format!("| `{name}` | {value} |")), "`{name}`: {value}");
            }
        }
    }

    #[test]
    fn limits_that_nothing_could_work_with_are_refused() {
        Limits::default().check().unwrap();
        for limits in
            [Limits { query_seconds: 0, ..Limits::default() }, Limits { query_memory_bytes: 1, ..Limits::default() }]
        {
            assert!(limits.check().unwrap_err().contains("at least"));
        }
    }
}
