//! `commonground credential`.

use crate::cli::CredentialCommand;
use crate::config::Config;

pub(crate) fn run(config: &Config, command: &CredentialCommand) -> anyhow::Result<()> {
    let platform = super::open(config)?;
    match command {
        CredentialCommand::Add { organisation, role, purpose } => {
            let key = platform.add_credential(organisation, role, purpose, false)?;
            println!("{}", key.as_str());
            eprintln!("this key is shown once: keep it safe");
        }
        CredentialCommand::List => {
            for credential in platform.credentials() {
                println!("{credential}");
            }
        }
        CredentialCommand::Revoke { id } => {
            platform.revoke_credential(id)?;
            println!("revoked {id}");
        }
    }
    Ok(())
}
