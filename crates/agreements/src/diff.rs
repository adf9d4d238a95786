//! What replacing one agreement by another would allow and forbid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use model::{DatasetId, PurposeId};
use serde::Serialize;

use crate::about::one_line;
use crate::agreement::{AgreedDataset, Agreement, Column, Dpia, Forbid, Legal, OptOut};
use crate::explain::{Capabilities, ExplanationRow, rows, write_rows};
use crate::links;
use crate::noise;
use crate::party::Party;
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

/// The same of a term that has names, from the narrowest to the widest.
fn narrower_is_stricter<T: PartialOrd + Serialize>(lines: &mut Vec<String>, name: &str, old: T, new: T) {
    if old != new {
        let effect = if new < old { "stricter" } else { "looser" };
        lines.push(format!("{name}: {} becomes {}: {effect}", word(old), word(new)));
    }
}

/// Compares a term of which neither direction is stricter.
fn unordered<T: PartialEq + fmt::Display>(lines: &mut Vec<String>, name: &str, old: &T, new: &T) {
    if old != new {
        lines.push(format!("{name}: {old} becomes {new}: different"));
    }
}

/// Compares lists of which more is stricter, or looser, item by item.
fn listed<T: Ord + fmt::Display>(
    lines: &mut Vec<String>,
    name: &str,
    (old, new): (&BTreeSet<T>, &BTreeSet<T>),
    more: &str,
) {
    let less = match more {
        "stricter" => "looser",
        "looser" => "stricter",
        other => other,
    };
    lines.extend(new.difference(old).map(|item| format!("{name}: {item} is added: {more}")));
    lines.extend(old.difference(new).map(|item| format!("{name}: {item} is taken out: {less}")));
}

/// The name of a value in files.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn words<T: Serialize>(values: &BTreeSet<T>) -> BTreeSet<String> {
    values.iter().map(word).collect()
}

fn terms(old: &Agreement, new: &Agreement) -> Vec<String> {
    let mut lines = Vec::new();
    protection(&mut lines, old, new);
    let (before, after) = (&old.document().terms, &new.document().terms);
    listed(&mut lines, "terms.approval", (&words(&before.approval), &words(&after.approval)), "stricter");
    narrower_is_stricter(&mut lines, "terms.tier", before.tier, after.tier);
    narrower_is_stricter(&mut lines, "terms.onward", before.onward, after.onward);
    listed(&mut lines, "terms.obligations", (&before.obligations, &after.obligations), "stricter");
    less_is_stricter(&mut lines, "terms.query_budget", before.query_budget, after.query_budget);
    let (kept, keeps) = (&old.document().retention, &new.document().retention);
    less_is_stricter(&mut lines, "retention.raw_days", kept.raw_days, keeps.raw_days);
    less_is_stricter(&mut lines, "retention.derived_days", kept.derived_days, keeps.derived_days);
    unordered(&mut lines, "retention.proof", &kept.proof, &keeps.proof);
    let (header, renewed) = (&old.document().agreement, &new.document().agreement);
    less_is_stricter(&mut lines, "agreement.expires", header.expires, renewed.expires);
    unordered(&mut lines, "agreement.effective", &header.effective, &renewed.effective);
    unordered(&mut lines, "agreement.review_by", &header.review_by, &renewed.review_by);
    unordered(&mut lines, "agreement.title", &header.title, &renewed.title);
    unordered(&mut lines, "agreement.kind", &word(header.kind), &word(renewed.kind));
    forbids(&mut lines, old, new);
    duties(&mut lines, old, new);
    law(&mut lines, &old.document().legal, &new.document().legal);
    parties(&mut lines, old, new);
    linked(&mut lines, old, new);
    datasets(&mut lines, old, new);
    columns(&mut lines, old, new);
    lines
}

/// How figures are protected, and how fine they may be.
fn protection(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
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
    listed(lines, "terms.methods", (&words(&before.methods), &words(&after.methods)), "different");
    unordered(lines, "terms.zeros", &word(before.zeros), &word(after.zeros));
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
}

fn forbids(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
    let (before, after) = (&old.document().forbid, &new.document().forbid);
    listed(lines, "forbid.purposes", (&before.purposes, &after.purposes), "stricter");
    listed(lines, "forbid.links", (&before.links, &after.links), "stricter");
    let recipients = |forbid: &Forbid| forbid.recipients.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    listed(lines, "forbid.recipients", (&recipients(before), &recipients(after)), "stricter");
}

/// Opt-outs, rights, and who may stop it.
fn duties(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
    let (before, after) = (old.document(), new.document());
    let opt_out = |optout: &Option<OptOut>| {
        optout.as_ref().map_or_else(
            || "none".to_owned(),
            |rule| {
                let applies: Vec<_> = rule.applies.iter().map(|action| action.as_str()).collect();
                let (scheme, by, days) = (&rule.scheme, &rule.applied_by, rule.max_age_days);
                format!("{scheme} applied by {by} within {days} days before {}", applies.join(", "))
            },
        )
    };
    unordered(lines, "optout", &opt_out(&before.optout), &opt_out(&after.optout));
    unordered(lines, "rights.lead", &before.rights.lead, &after.rights.lead);
    less_is_stricter(lines, "rights.erasure_hours", before.rights.erasure_hours, after.rights.erasure_hours);
    less_is_stricter(lines, "rights.breach_hours", before.rights.breach_hours, after.rights.breach_hours);
    let (controls, control) = (&before.control, &after.control);
    listed(lines, "control.suspend", (&controls.suspend, &control.suspend), "stricter");
    listed(lines, "control.resume", (&controls.resume, &control.resume), "looser");
    listed(lines, "control.terminate", (&controls.terminate, &control.terminate), "stricter");
}

/// The law that is named. Words cannot be compared, so every change is told.
fn law(lines: &mut Vec<String>, before: &Legal, after: &Legal) {
    let points = |points: &[String]| points.iter().cloned().collect::<BTreeSet<_>>();
    unordered(lines, "legal.regime", &before.regime, &after.regime);
    for (name, before, after) in [
        ("legal.article_6", &before.article_6, &after.article_6),
        ("legal.article_9", &before.article_9, &after.article_9),
        ("legal.schedule_1", &before.schedule_1, &after.schedule_1),
    ] {
        listed(lines, name, (&points(before), &points(after)), "different");
    }
    let optional = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
    let assessment = |legal: &Legal| {
        let words = |dpia: &Dpia| format!("{} ({}), to be reviewed by {}", dpia.id, dpia.digest, dpia.review_by);
        optional(&legal.dpia.as_ref().map(words))
    };
    unordered(lines, "legal.dpia", &assessment(before), &assessment(after));
    unordered(lines, "legal.article_10", &optional(&before.article_10), &optional(&after.article_10));
    for (name, before, after) in [
        ("legal.power", &before.power, &after.power),
        ("legal.gateway", &before.gateway, &after.gateway),
        ("legal.confidentiality", &before.confidentiality, &after.confidentiality),
        ("legal.privacy_notice", &before.privacy_notice, &after.privacy_notice),
        ("legal.transfers", &before.transfers, &after.transfers),
    ] {
        unordered(lines, name, before, after);
    }
}

/// Who is in it, as what.
fn parties(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
    let of = |agreement: &Agreement| -> BTreeSet<String> {
        let words = |party: &Party| format!("{} ({}, {} partner)", party.id, word(party.role), party.membership);
        agreement.document().parties.iter().map(words).collect()
    };
    listed(lines, "party", (&of(old), &of(new)), "different");
    let assurance = |party: &Party| {
        let assurance = &party.assurance;
        format!("{} ({}), valid until {}", assurance.scheme, assurance.level, assurance.until)
    };
    let contacts = |party: &Party| {
        let contacts = &party.contacts;
        let caldicott = contacts.caldicott.as_deref().unwrap_or("none");
        format!("ICO {}, DPO {}, Caldicott guardian {caldicott}, SIRO {}", contacts.ico, contacts.dpo, contacts.siro)
    };
    for party in &new.document().parties {
        let Some(known) = old.party(&party.id) else { continue };
        unordered(lines, &format!("assurance of {}", party.id), &assurance(known), &assurance(party));
        unordered(lines, &format!("contacts of {}", party.id), &contacts(known), &contacts(party));
    }
}

/// Which datasets grants let be linked.
fn linked(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
    let of = |agreement: &Agreement| {
        let mut pairs = BTreeSet::new();
        for (grant, _) in agreement.grants().filter(|(grant, _)| grant.actions.contains(&ActionKind::Link)) {
            for dataset in &grant.datasets {
                let others = grant.datasets.union(&grant.link_with).filter(|other| *other != dataset);
                pairs.extend(others.map(|other| format!("{dataset} with {other}")));
            }
        }
        pairs
    };
    listed(lines, "link", (&of(old), &of(new)), "looser");
}

/// What is said of datasets, apart from their columns.
fn datasets(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
    let of = |agreement: &Agreement| -> BTreeMap<DatasetId, String> {
        let words = |dataset: &AgreedDataset| {
            let until = dataset.until.map_or_else(String::new, |until| format!(" until before {until}"));
            let exposure = if dataset.exposure.is_open() { "open" } else { "controlled" };
            let (level, every, from) = (word(dataset.level), dataset.frequency, dataset.from);
            format!("{exposure}, {level} rows ({}), each {every}, from {from}{until}", dataset.unit_key)
        };
        agreement.document().datasets.iter().map(|dataset| (dataset.id.clone(), words(dataset))).collect()
    };
    let (before, after) = (of(old), of(new));
    for (id, words) in &after {
        match before.get(id) {
            None => lines.push(format!("dataset {id}: is added ({words}): looser")),
            Some(known) => unordered(lines, &format!("dataset {id}"), known, words),
        }
    }
    let gone = before.keys().filter(|id| !after.contains_key(*id));
    lines.extend(gone.map(|id| format!("dataset {id}: is taken out: stricter")));
}

fn columns(lines: &mut Vec<String>, old: &Agreement, new: &Agreement) {
    let of = |agreement: &Agreement| -> BTreeMap<String, Column> {
        let datasets = agreement.document().datasets.iter();
        let columns = datasets.flat_map(|dataset| dataset.columns.iter().map(move |column| (&dataset.id, column)));
        columns.map(|(dataset, column)| (format!("{dataset} {}", column.name), column.clone())).collect()
    };
    let (before, after) = (of(old), of(new));
    for (name, column) in &after {
        let treatment = word(column.treatment);
        let Some(known) = before.get(name) else {
            lines.push(format!("column {name}: may be taken now ({treatment}): looser"));
            continue;
        };
        if known.treatment != column.treatment {
            let effect = if at_least_as_strict(column.treatment, known.treatment) { "stricter" } else { "looser" };
            lines.push(format!("column {name}: {} becomes {treatment}: {effect}", word(known.treatment)));
        }
        let kind = |column: &Column| format!("{} as {}", word(column.column_type), word(column.role));
        unordered(lines, &format!("column {name}"), &kind(known), &kind(column));
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
            writeln!(f, "{}", one_line(line))?;
        }
        if self.allows.is_empty() && self.forbids.is_empty() && self.terms.is_empty() {
            writeln!(f, "no difference")?;
        }
        Ok(())
    }
}
