//! What is printed: results on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Why a result could not be printed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The reader has gone, as with `| head`: it has what it wanted.
    #[error("standard output was closed")]
    Closed,
    /// Anything else, such as a full disk behind a redirection.
    #[error("could not write to standard output")]
    Failed(#[source] io::Error),
}

/// Prints one line of the result.
pub(crate) fn say(line: impl Display) -> Result<(), OutputError> {
    print(format!("{line}\n").as_bytes())
}

/// Prints a result as it is.
pub(crate) fn print(bytes: &[u8]) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => OutputError::Closed,
        _ => OutputError::Failed(error),
    })
}

/// Prints one line beside the result. Whether anybody reads it changes nothing.
pub(crate) fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
