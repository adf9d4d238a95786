//! Attacks released tables: one folder, or one folder for each revision, oldest first.
//!
//! `cargo run -p attack --example attack-tables -- FOLDER...`

use std::path::PathBuf;
use std::process::ExitCode;

use attack::{Feed, InputLimits, Options, attack_all, read_over_time};

fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let options = Options { progress: Some(|step| eprintln!("{step}")), ..Options::default() };
    let report = read_over_time(&folders, Feed::Appends, &InputLimits::default())
        .and_then(|problems| attack_all(&problems, &options));
    match report {
        Ok(report) => {
            println!("{report}");
            let failures = report.failures();
            for failure in &failures {
                println!("failure: {failure}");
            }
            if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(4)
        }
    }
}
