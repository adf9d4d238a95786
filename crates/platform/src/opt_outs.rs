//! Who says that people who opted out were left out of a file, and when.
//!
//! The platform never sees a list of opt-outs and vouches for none. An agreement names the scheme and the party that
//! applies it; that party declares with each file when it did; the declaration is kept with the version and in the audit
//! log, and is the only evidence that a decision is given.

use std::collections::BTreeSet;

use agreements::{Governing, OptOutEvidence, Snapshot};
use catalog::{DatasetVersion, OptOutDeclaration};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Digest, Label, OrganisationId};

use crate::error::PlatformError;
use crate::platform::Platform;

/// Reads the instant, or the day in UTC, at which opt-outs were applied.
pub(crate) fn parse(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, PlatformError> {
    let Some(text) = text else { return Ok(None) };
    let bad = |problem| PlatformError::BadParameter { parameter: "opt_outs_applied", problem };
    let day = |text: &str| text.parse::<Date>().and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)));
    let applied = text
        .parse()
        .or_else(|_| day(text))
        .map_err(|_| bad("write a day such as 2026-03-31, or an instant such as 2026-03-31T09:00:00Z".to_owned()))?;
    if applied > now {
        return Err(bad("it lies in the future: say when opt-outs were applied to this file".to_owned()));
    }
    Ok(Some(applied))
}

/// The evidence there would be if everybody whom the agreements charge with it had applied opt-outs just now.
pub(crate) fn if_declared(snapshot: &Snapshot, governing: &Governing, now: Timestamp) -> Vec<OptOutEvidence> {
    let agreements = governing.agreements.iter().filter_map(|digest| snapshot.agreement(digest));
    let rules = agreements.filter_map(|agreement| agreement.document().optout.as_ref());
    rules.flat_map(|rule| declared(snapshot, governing, Some(&rule.applied_by), Some(now))).collect()
}

/// The evidence in a declaration: for the schemes that the agreements charge this organisation with, and no others.
pub(crate) fn declared(
    snapshot: &Snapshot,
    governing: &Governing,
    by: Option<&OrganisationId>,
    applied_at: Option<Timestamp>,
) -> Vec<OptOutEvidence> {
    let Some(applied_at) = applied_at else { return Vec::new() };
    let agreements = governing.agreements.iter().filter_map(|digest| snapshot.agreement(digest));
    let rules = agreements.filter_map(|agreement| agreement.document().optout.as_ref());
    rules
        .filter(|rule| Some(&rule.applied_by) == by)
        .map(|rule| OptOutEvidence { dataset: governing.dataset.clone(), scheme: rule.scheme.clone(), applied_at })
        .collect()
}

/// The evidence that several files hold together, for each scheme by those whom the agreements charge with it: the oldest declaration
/// counts, and one that lacks, or is somebody else's, is none.
pub(crate) fn together<'a>(
    snapshot: &Snapshot,
    governing: &Governing,
    declarations: impl Iterator<Item = Option<&'a OptOutDeclaration>>,
) -> Vec<OptOutEvidence> {
    let Some(declarations) = declarations.collect::<Option<Vec<_>>>() else { return Vec::new() };
    let mut by: BTreeSet<&OrganisationId> = declarations.iter().map(|declared| &declared.declared_by).collect();
    // Each file by the same.
    let Some(by) = by.pop_first().filter(|_| by.is_empty()) else { return Vec::new() };
    let oldest = declarations.iter().map(|declared| declared.applied_at).min();
    declared(snapshot, governing, Some(by), oldest)
}

/// Whether agreements on a version charge an organisation with applying opt-outs.
pub(crate) fn is_charged(snapshot: &Snapshot, agreements: &BTreeSet<Digest>, by: &OrganisationId) -> bool {
    let agreements = agreements.iter().filter_map(|digest| snapshot.agreement(digest));
    agreements.filter_map(|agreement| agreement.document().optout.as_ref()).any(|rule| rule.applied_by == *by)
}

/// What was declared of a version since it was recorded.
fn setting(version: &DatasetVersion) -> Result<Label, PlatformError> {
    Ok(format!("opt-outs/{}", version.facts.id).parse()?)
}

impl Platform {
    /// A version with what was declared of it last.
    pub(crate) fn last_declared(&self, mut version: DatasetVersion) -> Result<DatasetVersion, PlatformError> {
        let later = self.catalog().setting(&setting(&version)?).map_err(PlatformError::failed("read a setting"))?;
        if let Some(later) = later {
            let read = serde_json::from_str(&later).map_err(PlatformError::failed("read a declaration"))?;
            version.facts.opt_outs = Some(read);
        }
        Ok(version)
    }

    /// Keeps what is declared of a version now.
    pub(crate) fn declare(
        &self,
        mut version: DatasetVersion,
        declared: &OptOutDeclaration,
    ) -> Result<DatasetVersion, PlatformError> {
        let name = setting(&version)?;
        let before = self.catalog().setting(&name).map_err(PlatformError::failed("read a setting"))?;
        let text = serde_json::to_string(declared).map_err(PlatformError::failed("write a declaration"))?;
        self.catalog()
            .replace_setting(&name, before.as_deref(), &text)
            .map_err(PlatformError::failed("store a declaration"))?;
        version.facts.opt_outs = Some(declared.clone());
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_of_the_past_are_read() {
        let now = "2026-03-31T12:00:00Z".parse().unwrap();
        for (text, expect) in [
            ("2026-03-31", Ok("2026-03-31T00:00:00Z")),
            ("2026-03-31T11:59:59Z", Ok("2026-03-31T11:59:59Z")),
            ("2026-03-31T13:00:00+02:00", Ok("2026-03-31T11:00:00Z")),
            ("2026-04-01", Err("future")),
            ("2026-03-31T12:00:01Z", Err("future")),
            ("yes", Err("write a day")),
            ("", Err("write a day")),
        ] {
            match (parse(Some(text), now), expect) {
                (Ok(found), Ok(expect)) => assert_eq!(found.unwrap().to_string(), expect, "{text}"),
                (Err(error), Err(expect)) => assert!(error.to_string().contains(expect), "{text}: {error}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        assert_eq!(parse(None, now).unwrap(), None);
    }
}
