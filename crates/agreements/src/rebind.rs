//! Data that are bound to a version of an agreement which a later one has replaced.
//!
//! A version is replaced by one that names its digest and is signed by every party of both: that is their word that the
//! new one shall stand in the place of the old. It does so for data that came under the old one where it is about the
//! same dataset and nothing in it is looser. Otherwise the data stay bound to what they came under, which is over.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::contract::Treatment;
use model::{DatasetId, Digest};

use crate::agreement::{AgreedDataset, Agreement};
use crate::links;
use crate::noise;
use crate::registry::Snapshot;
use crate::request::Governing;
use crate::terms::Method;
use crate::treatment::at_least_as_strict;

impl Snapshot {
    /// What governs data by now: the agreements that they are bound to, and in the place of one that was replaced its
    /// latest versions, if all of these are about the dataset and none is looser.
    #[must_use]
    pub fn rebound(&self, bound: &Governing, now: Timestamp) -> Governing {
        let moved = |digest: &Digest| {
            let latest = self.latest(digest, now);
            let fits = self.agreement(digest).is_some_and(|old| {
                let mut versions = latest.iter().map(|new| self.agreement(new));
                versions.all(|new| new.is_some_and(|new| looser(old, new, &bound.dataset).is_empty()))
            });
            if fits { latest } else { BTreeSet::from([*digest]) }
        };
        Governing { dataset: bound.dataset.clone(), agreements: bound.agreements.iter().flat_map(moved).collect() }
    }

    /// The latest versions that have replaced an agreement; itself, if none has.
    fn latest(&self, digest: &Digest, now: Timestamp) -> BTreeSet<Digest> {
        let (mut latest, mut seen, mut waiting) = (BTreeSet::new(), BTreeSet::new(), vec![*digest]);
        while let Some(next) = waiting.pop() {
            if !seen.insert(next) {
                continue;
            }
            let before = waiting.len();
            waiting.extend(self.successors(&next, now));
            if waiting.len() == before {
                latest.insert(next);
            }
        }
        latest
    }

    /// The latest versions that have replaced an agreement and may not stand in its place, each with what is looser.
    pub(crate) fn looser_successors(
        &self,
        agreement: &Agreement,
        datasets: &BTreeSet<DatasetId>,
        now: Timestamp,
    ) -> Vec<String> {
        let digest = agreement.digest();
        let latest = self.latest(&digest, now).into_iter().filter(|new| *new != digest);
        let describe = |new: Digest| {
            let new = self.agreement(&new)?;
            let clauses: BTreeSet<String> =
                datasets.iter().flat_map(|dataset| looser(agreement, new, dataset)).collect();
            let clauses: Vec<String> = clauses.into_iter().collect();
            // Another of several successors may be the one that is looser.
            let what = if clauses.is_empty() { "replaces it".to_owned() } else { clauses.join(", ") };
            Some(format!("{}: {what}", new.name()))
        };
        latest.filter_map(describe).collect()
    }
}

/// The clauses in which a version allows something with data of a dataset that the one before did not, or asks for a
/// treatment that they were not given. Its own dates are none: by them it is in force or it is not.
fn looser(old: &Agreement, new: &Agreement, dataset: &DatasetId) -> Vec<String> {
    let mut clauses: Vec<String> =
        terms(old, new).into_iter().filter(|(_, kept)| !kept).map(|(clause, _)| clause.to_owned()).collect();
    match (old.dataset(dataset), new.dataset(dataset)) {
        (Some(before), Some(after)) => clauses.extend(described_otherwise(before, after)),
        _ => clauses.push(format!("dataset {dataset} is not in it")),
    }
    for (grant, recipients) in new.grants().filter(|(grant, _)| grant.datasets.contains(dataset)) {
        // Within one grant as a whole: parts of several do not make one.
        let within = old.grants().any(|(known, before)| {
            grant.purposes.is_subset(&known.purposes)
                && grant.actions.is_subset(&known.actions)
                && recipients.is_subset(before)
                && grant.datasets.is_subset(&known.datasets)
                && grant.link_with.is_subset(&known.link_with)
        });
        if !within {
            clauses.push(format!("grant `{}` is wider", grant.id));
        }
    }
    clauses
}

/// Every clause that holds for all datasets, with whether it is kept: as it was, or stricter.
fn terms(old: &Agreement, new: &Agreement) -> Vec<(&'static str, bool)> {
    let (before, after) = (old.document(), new.document());
    let (a, b) = (&before.terms, &after.terms);
    // What is out was decided by one method with its zeros: neither can change under it. So `suppress` is accepted by both or by
    // neither, and `perturb` by both where it alone is.
    let methods = b.methods.is_subset(&a.methods) && Method::used(&b.methods) == Method::used(&a.methods);
    let forbids = |of: &Agreement| of.document().forbid.recipients.iter().cloned().collect::<BTreeSet<_>>();
    let opt_out = match (&before.optout, &after.optout) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(a), Some(b)) => {
            (&a.scheme, &a.applied_by) == (&b.scheme, &b.applied_by)
                && b.applies.is_superset(&a.applies)
                && b.max_age_days <= a.max_age_days
        }
    };
    let mut clauses = vec![
        ("terms.k", b.k >= a.k),
        ("terms.rounding", b.rounding.is_multiple_of(a.rounding)),
        ("terms.methods", methods),
        ("terms.zeros", b.zeros == a.zeros),
        ("terms.approval", b.approval.is_superset(&a.approval)),
        ("terms.finest", old.levels().meet(new.levels()) == new.levels()),
        ("terms.tier", b.tier <= a.tier),
        ("terms.onward", b.onward <= a.onward),
        ("terms.query_budget", b.query_budget <= a.query_budget),
        ("terms.obligations", b.obligations.is_superset(&a.obligations)),
        ("forbid.purposes", after.forbid.purposes.is_superset(&before.forbid.purposes)),
        ("forbid.links", after.forbid.links.is_superset(&before.forbid.links)),
        ("forbid.recipients", forbids(new).is_superset(&forbids(old))),
        ("optout", opt_out),
        ("retention.raw_days", after.retention.raw_days <= before.retention.raw_days),
        ("retention.derived_days", after.retention.derived_days <= before.retention.derived_days),
        ("rights.erasure_hours", after.rights.erasure_hours <= before.rights.erasure_hours),
        ("rights.breach_hours", after.rights.breach_hours <= before.rights.breach_hours),
        ("control.suspend", after.control.suspend.is_superset(&before.control.suspend)),
        ("control.terminate", after.control.terminate.is_superset(&before.control.terminate)),
        ("control.resume", after.control.resume.is_subset(&before.control.resume)),
        ("legal.regime", after.legal.regime == before.legal.regime),
        // Words cannot be compared, so they must be the same.
        ("legal.article_9", after.legal.article_9 == before.legal.article_9),
        ("legal.gateway", after.legal.gateway == before.legal.gateway),
        ("legal.transfers", after.legal.transfers == before.legal.transfers),
        ("agreement.kind", after.agreement.kind == before.agreement.kind),
    ];
    clauses.extend(a.primary.kept_by(&b.primary));
    clauses.extend(noise::kept(a.noise, b.noise));
    // What is out keeps its noise, and nothing more comes out with another.
    let of_links = links::beside(a.links, b.links);
    clauses.push((of_links.clause, of_links.stricter));
    clauses
}

/// What a version says otherwise about data that are there already.
fn described_otherwise(before: &AgreedDataset, after: &AgreedDataset) -> Vec<String> {
    let mut clauses = Vec::new();
    let mut say = |what: &str| clauses.push(format!("dataset {}: {what}", after.id));
    if after.exposure != before.exposure {
        say("exposure");
    }
    if after.level != before.level {
        say("level");
    }
    let ends_earlier = after.until.is_some_and(|until| before.until.is_none_or(|known| until < known));
    if after.from > before.from || ends_earlier {
        say("the days that it may be about");
    }
    for known in before.columns.iter().filter(|known| known.treatment != Treatment::Drop) {
        let name = &known.name;
        match after.columns.iter().find(|column| column.name == *name) {
            None => say(&format!("column `{name}` may not be taken any more")),
            Some(column) if (column.role, column.column_type) != (known.role, known.column_type) => {
                say(&format!("column `{name}` is of another kind"));
            }
            Some(column) if !at_least_as_strict(known.treatment, column.treatment) => {
                say(&format!("column `{name}` was treated more mildly"));
            }
            Some(_) => {}
        }
    }
    clauses
}
