//! What waits for approval, and where it stands by what was decided about it.

use std::collections::{BTreeMap, BTreeSet};

use agreements::Role;
use audit::{Actor, Grounds, PreviewRecord, Verdict};
use model::{Label, OrganisationId};

/// A plan that waits for approval, and what was decided about it.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) plan: PreviewRecord,
    pub(crate) approval: BTreeSet<Label>,
    /// In order.
    pub(crate) decisions: Vec<Decision>,
}

/// What somebody decided.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) actor: Option<Actor>,
    pub(crate) verdict: Verdict,
    pub(crate) grounds: Grounds,
}

impl Decision {
    /// For people; which credential it was is for those of the same organisation.
    pub(crate) fn told_to(&self, reader: Option<&OrganisationId>) -> String {
        let verdict = if self.verdict == Verdict::Approved { "approved" } else { "rejected" };
        let said = format!("{verdict} ({})", self.grounds.as_str());
        let Some(Actor { credential, organisation, role }) = &self.actor else { return said };
        let which = if reader == Some(organisation) { format!(", credential {credential}") } else { String::new() };
        format!("{said} by {role} of {organisation}{which}")
    }
}

/// Where a plan that waits stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Every role has approved it.
    Approved,
    /// These have not yet.
    Waits(BTreeSet<Label>),
    /// Somebody who is asked is against it.
    Rejected {
        /// Who.
        role: Label,
        /// Why.
        grounds: Grounds,
    },
}

impl Waiting {
    /// Whether this role is asked to approve it.
    pub(crate) fn asks(&self, role: Role) -> bool {
        self.approval.iter().any(|asked| asked.as_str() == role.as_str())
    }

    /// Where it stands with the roles that are asked. Of each role in each organisation the last word counts, so that nobody
    /// takes back what another organisation rejected. The supplier of the data may reject, and is not who approves.
    pub(crate) fn standing(&self, supplier: &OrganisationId) -> Standing {
        let last = self.last_words();
        let against = last.iter().find(|(_, decision)| decision.verdict == Verdict::Rejected);
        if let Some(((role, _), decision)) = against {
            return Standing::Rejected { role: (*role).clone(), grounds: decision.grounds };
        }
        let has_approved = |role: &Label| last.keys().any(|(of, by)| *of == role && *by != supplier);
        let missing: BTreeSet<Label> = self.approval.iter().filter(|role| !has_approved(role)).cloned().collect();
        if missing.is_empty() { Standing::Approved } else { Standing::Waits(missing) }
    }

    /// Whether the last word of a role in an organisation is a rejection.
    pub(crate) fn is_rejected_by(&self, role: &str, organisation: &OrganisationId) -> bool {
        let last = self.last_words();
        let mut own = last.iter().filter(|((of, by), _)| of.as_str() == role && *by == organisation);
        own.any(|(_, decision)| decision.verdict == Verdict::Rejected)
    }

    /// Whether somebody has said just this, and their organisation nothing else since.
    pub(crate) fn is_said(&self, actor: Option<&Actor>, verdict: Verdict, grounds: Grounds) -> bool {
        let mut last = self.last_words().into_values();
        actor.is_some()
            && last.any(|word| word.actor.as_ref() == actor && word.verdict == verdict && word.grounds == grounds)
    }

    fn last_words(&self) -> BTreeMap<(&Label, &OrganisationId), &Decision> {
        let mut last = BTreeMap::new();
        for decision in &self.decisions {
            if let Some(actor) = decision.actor.as_ref().filter(|actor| self.approval.contains(&actor.role)) {
                last.insert((&actor.role, &actor.organisation), decision);
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> BTreeSet<Label> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// Where a plan stands that reviewers and governance are asked about, after words written `verdict role organisation`.
    fn check(words: &[&str], expect: &Standing) {
        let decision = |text: &&str| {
            let parts: Vec<&str> = text.split(' ').collect();
            let actor = Actor {
                credential: "some/key".parse().unwrap(),
                organisation: parts[2].parse().unwrap(),
                role: parts[1].parse().unwrap(),
            };
            let verdict = if parts[0] == "yes" { Verdict::Approved } else { Verdict::Rejected };
            Decision { actor: Some(actor), verdict, grounds: Grounds::NotNow }
        };
        let plan = PreviewRecord {
            ledger_sequence: 1,
            ledger_entry: model::Digest([1; 32]),
            cells_shown: 1,
            cells_withheld: 0,
            steps: 0,
        };
        let approval = roles(&["governance", "reviewer"]);
        let waiting = Waiting { plan, approval, decisions: words.iter().map(decision).collect() };
        assert_eq!(waiting.standing(&"the-supplier".parse().unwrap()), *expect, "{words:?}");
    }

    #[test]
    fn all_roles_that_are_asked_approve_and_nobody_overrules_another_organisation() {
        let waits = |names: &[&str]| Standing::Waits(roles(names));
        let rejected = |role: &str| Standing::Rejected { role: role.parse().unwrap(), grounds: Grounds::NotNow };
        let both = || waits(&["governance", "reviewer"]);
        for (words, expect) in [
            (&[][..], both()),
            (&["yes reviewer one-org"], waits(&["governance"])),
            (&["yes reviewer one-org", "yes reviewer two-org"], waits(&["governance"])),
            (&["yes reviewer one-org", "yes governance one-org"], Standing::Approved),
            (&["yes governance one-org", "no reviewer one-org"], rejected("reviewer")),
            (&["no reviewer one-org", "yes reviewer one-org"], waits(&["governance"])),
            // Another organisation takes nothing back.
            (&["no reviewer one-org", "yes reviewer two-org", "yes governance two-org"], rejected("reviewer")),
            (&["yes reviewer two-org", "yes governance two-org", "no governance one-org"], rejected("governance")),
            // The supplier may reject, and take that back; it does not approve its own.
            (&["yes reviewer the-supplier", "yes governance one-org"], waits(&["reviewer"])),
            (&["yes reviewer one-org", "yes governance one-org", "no reviewer the-supplier"], rejected("reviewer")),
            (
                &["no reviewer the-supplier", "yes reviewer the-supplier", "yes governance one-org"],
                waits(&["reviewer"]),
            ),
            // Who is not asked has no say.
            (&["yes analyst one-org", "no operator one-org"], both()),
        ] {
            check(words, &expect);
        }
    }
}
