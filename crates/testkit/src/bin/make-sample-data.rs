//! Writes the synthetic partnership's generated files below a folder: `make-sample-data sample-data`.

use std::path::PathBuf;
use std::process::ExitCode;

use testkit::{SampleFile, Seed};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: make-sample-data FOLDER");
        return ExitCode::from(2);
    };
    let files = match testkit::generate(Seed::default()) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(4);
        }
    };
    for SampleFile { path, bytes } in &files {
        let target = folder.join(path);
        let written =
            target.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&target, bytes));
        if let Err(error) = written {
            eprintln!("error: could not write `{}`: {error}", target.display());
            return ExitCode::from(4);
        }
        println!("{:>9}  {path}", bytes.len());
    }
    let total: usize = files.iter().map(|file| file.bytes.len()).sum();
    println!("{total:>9}  bytes in {} files", files.len());
    ExitCode::SUCCESS
}
