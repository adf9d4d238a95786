//! Asking the real decision and the reference model the same.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed, TestCaseError, TestCaseResult, TestRng, TestRunner};

use super::random::many_bound_to_world;
use super::reference::allows;
use super::world::*;
use crate::canonical::sha256;
use crate::*;

/// What was decided, with its type of action put aside.
pub(super) type Decision = Result<(PermitRecord, Terms), Denial>;

/// One world in so many is written as files, signed, read and verified; the others are built directly.
const WRITTEN: u32 = 25;

/// A world, in which way it is loaded, and what is asked about it.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) world: World,
    pub(super) written: bool,
    pub(super) queries: Vec<Query>,
}

/// Asks, compares with the reference model, and counts.
#[derive(Debug, Default)]
pub(super) struct Asking {
    compared: Cell<u64>,
}

impl Asking {
    /// The decision, which must be the reference model's.
    pub(super) fn ask(&self, world: &World, loaded: &Loaded, query: &Query) -> Result<Decision, TestCaseError> {
        self.ask_at(world, loaded, query, instant(query.now))
    }

    /// The same, at an instant in the hour of the query.
    pub(super) fn ask_at(
        &self,
        world: &World,
        loaded: &Loaded,
        query: &Query,
        now: jiff::Timestamp,
    ) -> Result<Decision, TestCaseError> {
        let decision = decided_at(loaded, query, now);
        self.compared.set(self.compared.get() + 1);
        let blockers = decision.as_ref().err().map(|denial| &denial.blockers);
        prop_assert_eq!(decision.is_ok(), allows(world, query), "{:?} of {:?}", blockers, query);
        Ok(decision)
    }
}

pub(super) fn decided(loaded: &Loaded, query: &Query) -> Decision {
    decided_at(loaded, query, instant(query.now))
}

fn decided_at(loaded: &Loaded, query: &Query, now: jiff::Timestamp) -> Decision {
    let (snapshot, request) = (&loaded.snapshot, query.request(loaded));
    fn open<A: Action>(permit: Permit<A>) -> (PermitRecord, Terms) {
        (permit.record().clone(), permit.terms().clone())
    }
    match query.action {
        ActionKind::Ingest => decide::<Ingest>(snapshot, &request, now).map(open),
        ActionKind::Link => decide::<Link>(snapshot, &request, now).map(open),
        ActionKind::Derive => decide::<Derive>(snapshot, &request, now).map(open),
        ActionKind::Release => decide::<Release>(snapshot, &request, now).map(open),
    }
}

/// Checks a property of random worlds with so many queries each, and of `extra` random values. Gives the number of decisions that were
/// compared.
pub(super) fn on_random_worlds<E: Strategy>(
    name: &str,
    worlds: u32,
    queries: usize,
    extra: E,
    property: impl Fn(&Asking, Case, E::Value) -> TestCaseResult,
) -> u64 {
    let config = ProptestConfig { cases: worlds, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = match config.rng_seed {
        // Each property has worlds of its own, which follow from the seed of the run.
        RngSeed::Fixed(seed) => {
            let seed = sha256(&format!("{seed} {name}")).0;
            TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
        }
        RngSeed::Random => TestRunner::new(config),
    };
    let asking = Asking::default();
    let strategy = (many_bound_to_world(queries), prop::bool::weighted(1.0 / f64::from(WRITTEN)), extra);
    let result = runner.run(&strategy, |((world, queries), written, extra)| {
        property(&asking, Case { world, written, queries }, extra)
    });
    if let Err(failure) = result {
        panic!("{name}: {failure}");
    }
    asking.compared.get()
}
