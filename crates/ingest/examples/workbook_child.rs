//! The child process that reads workbooks, as the program's hidden subcommand runs it; used by the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    ingest::workbook::child_main(std::io::stdin().lock(), std::io::stdout().lock())
}
