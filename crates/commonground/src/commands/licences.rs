//! `commonground licences`.

use crate::terminal::say;

/// What others made of the program; written by `make notices`.
const CRATES: &str = include_str!("../../THIRD-PARTY.txt");
/// The same of the web application, which its build leaves among its files.
const WEB: &str = "THIRD-PARTY.txt";

pub(crate) fn run() -> anyhow::Result<()> {
    say(
        "Commonground is licensed under the Apache License, Version 2.0, whose text is at the end of the first list.\n",
    )?;
    say(CRATES)?;
    if let Some(web) = dashboard::file(WEB) {
        say(String::from_utf8_lossy(&web.bytes))?;
    }
    Ok(())
}
