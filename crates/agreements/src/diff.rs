//! What replacing one agreement by another would allow and forbid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{DatasetId, PurposeId};
use serde::Serialize;

use crate::agreement::Agreement;
use crate::explain::{Capabilities, ExplanationRow, rows, write_rows};
use crate::links;
use crate::noise;
use crate::principal::{ActionKind, Recipient};
use crate::treatment::at_least_as_strict;

/// The difference between two agreements. Who may do what is compared fact by fact, whatever the grants are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// What the new agreement allows and the old does not, by dataset.
    pub allows: BTreeMap<DatasetId, Vec<ExplanationRow>>,
    /// What the old agreement allows and the new does not, by dataset.
    pub forbids: BTreeMap<DatasetId, Vec<ExplanationRow>>,
    /// Terms and columns that change, each as a line that ends in `looser`, `stricter` or `different`.
    pub terms: Vec<String>,
}

type Fact = (DatasetId, Recipient, ActionKind, PurposeId);

/// What replacing `old` by `new` would change.
#[must_use]
pub fn diff(old: &Agreement, new: &Agreement) -> Diff {
    let (before, after) = (facts(old), facts(new));
    Diff {
        allows: by_dataset(after.difference(&before)),
        forbids: by_dataset(before.difference(&after)),
        terms: terms(old, new),
    }
}

fn facts(agreement: &Agreement) -> BTreeSet<Fact> {
    let forbid = &agreement.document().forbid;
    let mut facts = BTreeSet::new();
    for (grant, recipients) in agreement.grants() {
        let recipients = recipients.iter().filter(|who| !forbid.recipients.iter().any(|pattern| pattern.forbids(who)));
        for recipient in recipients {
            for purpose in grant.purposes.difference(&forbid.purposes) {
                for action in &grant.actions {
                    for dataset in &grant.datasets {
                        facts.insert((dataset.clone(), recipient.clone(), *action, purpose.clone()));
                    }
                }
            }
        }
    }
    facts
}

fn by_dataset<'a>(facts: impl Iterator<Item = &'a Fact>) -> BTreeMap<DatasetId, Vec<ExplanationRow>> {
    let mut capabilities: BTreeMap<DatasetId, Capabilities> = BTreeMap::new();
    for (dataset, recipient, action, purpose) in facts {
        let rights = capabilities.entry(dataset.clone()).or_default().entry(recipient.clone()).or_default();
        rights.insert((*action, purpose.clone()));
    }
    capabilities.into_iter().map(|(dataset, capabilities)| (dataset, rows(&capabilities))).collect()
}

/// Compares a term of which less is stricter.
fn less_is_stricter<T: PartialOrd + fmt::Display>(lines: &mut Vec<String>, name: &str, old: T, new: T) {
    if old != new {
        let effect = if new < old { "stricter" } else { "looser" };
        lines.push(format!("{name}: {old} becomes {new}: {effect}"));
    }
}

/// Compares a term of which neither direction is stricter.
fn unordered<T: PartialEq + fmt::Debug>(lines: &mut Vec<String>, name: &str, old: &T, new: &T) {
    if old != new {
        lines.push(format!("{name}: {old:?} becomes {new:?}: different"));
    }
}

fn terms(old: &Agreement, new: &Agreement) -> Vec<String> {
    let mut lines = Vec::new();
    let (before, after) = (&old.document().terms, &new.document().terms);
    // More is stricter for these two, so the sides change places.
    if before.k != after.k {
        let effect = if after.k > before.k { "stricter" } else { "looser" };
        lines.push(format!("terms.k: {} becomes {}: {effect}", before.k, after.k));
    }
    if before.rounding != after.rounding {
        let effect = if after.rounding.is_multiple_of(before.rounding) { "stricter" } else { "different" };
        lines.push(format!("terms.rounding: {} becomes {}: {effect}", before.rounding, after.rounding));
    }
    let (old_levels, new_levels) = (old.levels(), new.levels());
    if old_levels != new_levels {
        let common = old_levels.meet(new_levels);
        let effect = match (common == new_levels, common == old_levels) {
            (true, _) => "stricter",
            (_, true) => "looser",
            _ => "different",
        };
        lines.push(format!("terms.finest: {old_levels} becomes {new_levels}: {effect}"));
    }
    unordered(&mut lines, "terms.methods", &before.methods, &after.methods);
    unordered(&mut lines, "terms.zeros", &before.zeros, &after.zeros);
    let rules = before.primary.beside(&after.primary).into_iter().chain(noise::beside(before.noise, after.noise));
    let rules = rules.chain([links::beside(before.links, after.links)]);
    for one in rules.filter(|one| !(one.stricter && one.looser)) {
        let effect = match (one.stricter, one.looser) {
            (true, _) => "stricter",
            (_, true) => "looser",
            _ => "different",
        };
        lines.push(format!("{}: {} becomes {}: {effect}", one.clause, one.before, one.after));
    }
    unordered(&mut lines, "terms.approval", &before.approval, &after.approval);
    unordered(&mut lines, "terms.tier", &before.tier, &after.tier);
    unordered(&mut lines, "terms.onward", &before.onward, &after.onward);
    unordered(&mut lines, "terms.obligations", &before.obligations, &after.obligations);
    less_is_stricter(&mut lines, "terms.query_budget", before.query_budget, after.query_budget);
    let (kept, keeps) = (&old.document().retention, &new.document().retention);
    less_is_stricter(&mut lines, "retention.raw_days", kept.raw_days, keeps.raw_days);
    less_is_stricter(&mut lines, "retention.derived_days", kept.derived_days, keeps.derived_days);
    let (header, renewed) = (&old.document().agreement, &new.document().agreement);
    less_is_stricter(&mut lines, "agreement.expires", header.expires, renewed.expires);
    unordered(&mut lines, "agreement.effective", &header.effective, &renewed.effective);
    unordered(&mut lines, "forbid", &old.document().forbid, &new.document().forbid);
    unordered(&mut lines, "optout", &old.document().optout, &new.document().optout);
    columns(&mut lines, old, new);
    lines
}

fn columns(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
    let listed = |agreement: &Agreement| -> BTreeMap<String, model::contract::Treatment> {
        let datasets = agreement.document().datasets.iter();
        datasets
            .flat_map(|dataset| {
                dataset.columns.iter().map(|column| (format!("{} {}", dataset.id, column.name), column.treatment))
            })
            .collect()
    };
    let (before, after) = (listed(old), listed(new));
    for (name, treatment) in &after {
        match before.get(name) {
            None => lines.push(format!("column {name}: may be taken now ({treatment:?}): looser")),
            Some(known) if known != treatment => {
                let effect = if at_least_as_strict(*treatment, *known) { "stricter" } else { "looser" };
                lines.push(format!("column {name}: {known:?} becomes {treatment:?}: {effect}"));
            }
            Some(_) => {}
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        lines.push(format!("column {name}: may not be taken any more: stricter"));
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, facts) in [("would allow", &self.allows), ("would forbid", &self.forbids)] {
            for (dataset, rows) in facts {
                writeln!(f, "{title}: {dataset}")?;
                write_rows(f, rows)?;
            }
        }
        for line in &self.terms {
            writeln!(f, "{line}")?;
        }
        if self.allows.is_empty() && self.forbids.is_empty() && self.terms.is_empty() {
            writeln!(f, "no difference")?;
        }
        Ok(())
    }
}
