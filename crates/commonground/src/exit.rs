//! Exit codes: 0 done, 2 usage, 3 refused (policy, contract), 4 failed.

use std::process::ExitCode;

use platform::PlatformError;

pub(crate) const DONE: u8 = 0;
pub(crate) const USAGE: u8 = 2;
pub(crate) const REFUSED: u8 = 3;
pub(crate) const FAILED: u8 = 4;

/// Something that was refused by a rule of the command line itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// Prints an error with its causes and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because {cause}");
    }
    if let Some(PlatformError::Denied { blockers, .. }) = error.downcast_ref() {
        for blocker in blockers {
            eprintln!(
                "  {} {}: needs {}, found {}; {} (ask {})",
                blocker.agreement, blocker.clause, blocker.required, blocker.actual, blocker.remedy, blocker.contact
            );
        }
    }
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<Refused>().is_some() {
        return REFUSED;
    }
    match error.downcast_ref::<PlatformError>() {
        Some(
            PlatformError::Denied { .. }
            | PlatformError::Refused { .. }
            | PlatformError::TooLarge { .. }
            | PlatformError::IdempotencyConflict { .. }
            | PlatformError::Definition(_),
        ) => REFUSED,
        Some(PlatformError::BadParameter { .. } | PlatformError::NotFound { .. } | PlatformError::Name(_)) => USAGE,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_refusal_from_failure() {
        let cases: [(anyhow::Error, u8); 4] = [
            (Refused("no".to_owned()).into(), REFUSED),
            (PlatformError::TooLarge { limit_bytes: 1 }.into(), REFUSED),
            (PlatformError::BadParameter { parameter: "period", problem: "x".to_owned() }.into(), USAGE),
            (anyhow::anyhow!("disk on fire"), FAILED),
        ];
        for (error, expect) in cases {
            assert_eq!(code(&error), expect, "{error}");
        }
    }
}
