//! `commonground credential`.

use anyhow::Context;

use crate::cli::CredentialCommand;
use crate::config::Config;
use crate::terminal::{note, say};

pub(crate) fn run(config: &Config, command: &CredentialCommand) -> anyhow::Result<()> {
    let platform = super::open(config)?;
    match command {
        CredentialCommand::Add { organisation, role, purpose } => {
            let key = platform.add_credential(organisation, role, purpose, false)?;
            let id = key.split('_').nth(1).unwrap_or_default();
            say(key.as_str())
                .with_context(|| format!("the key was made but not shown: revoke `{id}` and make another"))?;
            note("this key is shown once: keep it safe");
        }
        CredentialCommand::List => {
            for credential in platform.credentials() {
                say(credential)?;
            }
        }
        CredentialCommand::Revoke { id } => {
            platform.revoke_credential(id)?;
            say(format_args!("revoked {id}"))?;
        }
    }
    Ok(())
}
