//! `commonground credential`.

use anyhow::Context;
use platform::PlatformError;

use crate::cli::CredentialCommand;
use crate::config::Config;
use crate::terminal::{note, say};

pub(crate) fn run(config: &Config, command: &CredentialCommand) -> anyhow::Result<()> {
    match command {
        CredentialCommand::Add { organisation, role, purpose } => {
            let key = super::open_credentials(config)?.add_credential(organisation, role, purpose, false)?;
            let id = key.split('_').nth(1).unwrap_or_default();
            say(key.as_str())
                .with_context(|| format!("the key was made but not shown: revoke `{id}` and make another"))?;
            note("this key is shown once: keep it safe");
        }
        CredentialCommand::List => {
            for credential in super::open_credentials(config)?.credentials() {
                say(credential)?;
            }
        }
        CredentialCommand::Revoke { id } => {
            // A whole key names its id; the secret in it is said nowhere.
            let id = id.strip_prefix("cg_").and_then(|key| key.split('_').next()).unwrap_or(id);
            revoke(config, id)?;
            say(format_args!("revoked {id}"))?;
        }
    }
    Ok(())
}

/// A stolen key cannot wait until the service stops: while that holds the folder, it is asked.
fn revoke(config: &Config, id: &str) -> anyhow::Result<()> {
    match super::open_credentials(config) {
        Ok(platform) => platform.revoke_credential(id)?,
        Err(error) if error.downcast_ref().is_some_and(PlatformError::is_folder_in_use) => {
            platform::ask_to_revoke(&config.settings()?, id)?;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
