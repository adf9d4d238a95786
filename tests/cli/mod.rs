//! The program as somebody at a terminal meets it: what it says when something is wrong, and how it starts.

mod agreements;
mod disclosure;
mod errors;
mod licences;
mod own;
mod revoke;
mod start;

use std::path::Path;
use std::process::{Command, Output};

use crate::support;

/// The program in a folder of its own, without configuration from outside; definitions are the sample's.
pub(crate) fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(support::binary());
    let root = support::root();
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("COMMONGROUND_") {
            command.env_remove(variable);
        }
    }
    command
        .current_dir(folder)
        .args(arguments)
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder)
        .env("XDG_CONFIG_HOME", folder)
        .env("COMMONGROUND_DATA", folder.join("data"))
        .env("COMMONGROUND_KEY_FILE", folder.join("data.key"))
        .env("COMMONGROUND_AGREEMENTS", root.join("sharing-agreements"))
        .env("COMMONGROUND_CONTRACTS", root.join("sample-data/contracts"))
        .env("COMMONGROUND_INDICATORS", root.join("sample-data/indicators"));
    command
}

/// Runs it to its end; the exit code and everything that it said on standard error.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    ended(&program(folder, arguments).output().unwrap())
}

fn ended(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}
