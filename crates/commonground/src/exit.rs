//! Exit codes: 0 done, 2 usage, 3 refused (policy, contract), 4 failed.

use std::process::ExitCode;

use platform::{AuthoringError, PlatformError};

use crate::terminal::{OutputError, note};

pub(crate) const DONE: u8 = 0;
pub(crate) const USAGE: u8 = 2;
pub(crate) const REFUSED: u8 = 3;
pub(crate) const FAILED: u8 = 4;

/// Something that was refused by a rule of the command line itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// A flag, a variable or the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Prints an error with its causes and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let code = code(error);
    if code != DONE {
        lines(error).iter().for_each(note);
    }
    ExitCode::from(code)
}

/// The error, each cause that says something new, and every reason of a denial.
fn lines(error: &anyhow::Error) -> Vec<String> {
    let mut said = error.to_string();
    let mut lines = vec![format!("error: {said}")];
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            lines.push(format!("  because {cause}"));
            said = cause;
        }
    }
    if let Some(PlatformError::Denied { blockers, .. }) = error.downcast_ref() {
        lines.extend(blockers.iter().map(|blocker| {
            let ask = if blocker.contact.is_empty() { String::new() } else { format!(" (ask {})", blocker.contact) };
            let of = format!("{} {}", blocker.agreement, blocker.clause);
            format!("  {}: needs {}, found {}; {}{ask}", of.trim(), blocker.required, blocker.actual, blocker.remedy)
        }));
    }
    lines
}

fn code(error: &anyhow::Error) -> u8 {
    if matches!(error.downcast_ref(), Some(OutputError::Closed)) {
        return DONE;
    }
    if error.is::<Usage>() {
        return USAGE;
    }
    if error.is::<Refused>() {
        return REFUSED;
    }
    match error.downcast_ref::<AuthoringError>() {
        Some(AuthoringError::Unknown(_)) => return USAGE,
        Some(AuthoringError::Author(_) | AuthoringError::Faulty(_) | AuthoringError::WouldNotLoad(_)) => {
            return REFUSED;
        }
        Some(AuthoringError::Platform(error)) => return of_platform(Some(error)),
        Some(AuthoringError::Key { .. } | AuthoringError::File { .. }) => return FAILED,
        None => {}
    }
    of_platform(error.downcast_ref())
}

fn of_platform(error: Option<&PlatformError>) -> u8 {
    match error {
        Some(
            PlatformError::Denied { .. }
            | PlatformError::Refused { .. }
            | PlatformError::TooLarge { .. }
            | PlatformError::IdempotencyConflict { .. }
            | PlatformError::Unregistrable { .. }
            | PlatformError::Definition(_),
        ) => REFUSED,
        Some(PlatformError::BadParameter { .. } | PlatformError::NotFound { .. } | PlatformError::Name(_)) => USAGE,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn codes_tell_refusal_from_failure() {
        let cases: [(anyhow::Error, u8); 7] = [
            (Refused("no".to_owned()).into(), REFUSED),
            (Usage("no".to_owned()).into(), USAGE),
            (OutputError::Closed.into(), DONE),
            (PlatformError::TooLarge { limit_bytes: 1 }.into(), REFUSED),
            (PlatformError::BadParameter { parameter: "period", problem: "x".to_owned() }.into(), USAGE),
            (PlatformError::Unavailable { reason: "the ledger's end is missing".to_owned() }.into(), FAILED),
            (anyhow::anyhow!("disk on fire"), FAILED),
        ];
        for (error, expect) in cases {
            assert_eq!(code(&error), expect, "{error}");
            let wrapped = Err::<(), _>(error).context("could not do it").unwrap_err();
            assert_eq!(code(&wrapped), expect, "wrapped: {wrapped}");
        }
    }

    #[test]
    fn every_cause_is_said_once() {
        let definition = model::DefinitionError::whole("a.toml", "it is empty");
        for (error, expect) in [
            (PlatformError::from(definition.clone()).into(), vec!["error: a.toml:1:1: it is empty"]),
            (
                anyhow::Error::from(definition).context("could not read `a.toml`"),
                vec!["error: could not read `a.toml`", "  because a.toml:1:1: it is empty"],
            ),
            (
                anyhow::anyhow!("disk full").context("could not write: disk full").context("could not store"),
                vec!["error: could not store", "  because could not write: disk full"],
            ),
        ] {
            assert_eq!(lines(&error), expect);
        }
    }
}
