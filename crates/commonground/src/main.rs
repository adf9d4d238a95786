//! `commonground`: the command line, its configuration, and the only place where everything is put together.

mod cli;
mod commands;
mod config;
mod exit;
mod log;
mod progress;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The child that reads workbooks is this binary too; it must not read configuration or open folders.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == platform::WORKBOOK_COMMAND) {
        return platform::workbook_child();
    }
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    match commands::run(cli) {
        Ok(()) => ExitCode::from(exit::DONE),
        Err(error) => exit::report(&error),
    }
}
