//! The decision.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use jiff::Timestamp;
use model::{DatasetId, Exposure, OrganisationId, Tier};

use crate::canonical::sha256;
use crate::denial::Denial;
use crate::evaluate::{Evaluation, agreed_columns, evaluate, evaluate_for};
use crate::permit::{Permit, PermitRecord};
use crate::principal::{Action, ActionKind, Role};
use crate::registry::Snapshot;
use crate::request::{Governing, LinkedFigures, Request};

/// Decides a request. It is allowed if the caller's role and credential permit it, it names at least one dataset, and
/// for every dataset **every** agreement that governs it is active, has one grant that covers the whole request,
/// forbids nothing in it, has fresh evidence of opt-outs, and its terms are kept. Whatever cannot be established
/// denies.
///
/// The answer depends on the arguments alone.
///
/// # Errors
/// A denial with everything that stands in the way.
pub fn decide<A: Action>(snapshot: &Snapshot, request: &Request, now: Timestamp) -> Result<Permit<A>, Denial> {
    let evaluation = evaluate(snapshot, request, A::KIND, now);
    let terms = evaluation.terms.clone().filter(|_| evaluation.blockers.is_empty());
    let Some(terms) = terms else { return Err(denial(snapshot, request, A::KIND, evaluation, now)) };
    let inputs = evaluation.inputs;
    let columns = inputs.iter().map(|input| (input.dataset.clone(), agreed_columns(snapshot, input))).collect();
    let exposures = exposures(snapshot, &inputs);
    let record = PermitRecord {
        action: A::KIND,
        principal: request.principal.clone(),
        purpose: request.purpose.clone(),
        inputs,
        outputs: request.outputs.clone(),
        tier: if request.principal.role == Role::Public { Tier::Public } else { request.tier },
        agreements: evaluation.standings,
        epoch: snapshot.epoch(),
        decided_at: now,
    };
    Ok(Permit { record, terms, columns, exposures, action: PhantomData })
}

/// Decides whether figures of linked records may be read by whoever asks: as if they linked them now, with opt-outs as they were then, and
/// agreements that let figures tell as much. It gives no permit, so that nothing is linked by evidence of before.
///
/// # Errors
/// A denial with everything that stands in the way.
pub fn may_read_linked(
    snapshot: &Snapshot,
    request: &Request,
    figures: LinkedFigures,
    now: Timestamp,
) -> Result<(), Denial> {
    let evaluation = evaluate_for(snapshot, request, (ActionKind::Link, Some(figures)), now);
    if evaluation.blockers.is_empty() && evaluation.terms.is_some() {
        return Ok(());
    }
    Err(denial(snapshot, request, ActionKind::Link, evaluation, now))
}

fn denial(
    snapshot: &Snapshot,
    request: &Request,
    action: ActionKind,
    evaluation: Evaluation,
    now: Timestamp,
) -> Denial {
    let reference = reference(snapshot, request, action, &evaluation.inputs, now);
    let parties = parties(snapshot, &evaluation.inputs);
    Denial { reference, purpose: request.purpose.clone(), parties, blockers: evaluation.blockers }
}

/// Open only if every agreement says so.
fn exposures(snapshot: &Snapshot, inputs: &[Governing]) -> BTreeMap<DatasetId, Exposure> {
    let mut exposures = BTreeMap::new();
    for input in inputs {
        for agreement in input.agreements.iter().filter_map(|digest| snapshot.agreement(digest)) {
            if let Some(dataset) = agreement.dataset(&input.dataset) {
                let known = exposures.entry(input.dataset.clone()).or_insert_with(|| dataset.exposure.clone());
                if !dataset.exposure.is_open() {
                    *known = Exposure::Controlled;
                }
            }
        }
    }
    exposures
}

/// The organisations that are party to an agreement on each of the controlled datasets. Open data are no secret, and being
/// party to one dataset shows nothing of another.
fn parties(snapshot: &Snapshot, inputs: &[Governing]) -> BTreeSet<OrganisationId> {
    let exposures = exposures(snapshot, inputs);
    let controlled = inputs.iter().filter(|input| !exposures.get(&input.dataset).is_some_and(Exposure::is_open));
    let of = |input: &Governing| -> BTreeSet<OrganisationId> {
        let agreements = input.agreements.iter().filter_map(|digest| snapshot.agreement(digest));
        agreements.flat_map(|agreement| agreement.audience().iter().cloned()).collect()
    };
    controlled.map(of).reduce(|all, more| &all & &more).unwrap_or_default()
}

/// A reference under which the audit log keeps the whole denial; a digest, so that it says nothing by itself.
fn reference(
    snapshot: &Snapshot,
    request: &Request,
    action: ActionKind,
    inputs: &[Governing],
    now: Timestamp,
) -> String {
    let datasets: Vec<_> = inputs.iter().map(|input| input.dataset.as_str()).collect();
    let Request { principal, purpose, .. } = request;
    let text = format!("{} {now} {principal} {action} {purpose} {}", snapshot.epoch(), datasets.join(" "));
    let digest = sha256(&text).to_string();
    format!("d-{}", digest.get(..12).unwrap_or(&digest))
}
