//! From counts to figures with noise, and again after a restart, a correction, a question.

use std::collections::BTreeMap;

use model::{Digest, Month, Period, PeriodType};

use super::{empty, group, key, name, numbered};
use crate::ledger::{AuthenticatedEntry, LedgerError, SealedEntry};
use crate::{
    AnswerPort, AnswerReceipt, AnswerRecord, AuditPort, CommitError, CountedTable, CountsError, DurableReceipt, Judged,
    LedgerPort, LedgerState, Noise, NoisePlan, NoisePlanError, NoiseRelease, NoiseState, Noisy, Policy, PortError,
    ReceiptError, Refused, Registered, RegisteredDimension, RegisteredLevel, ReleaseRecord, Rounding, UnreleasedCounts,
    commit_noise, plan, restore_noise, verify_noise,
};

/// Ledger and audit log, of which one may be full.
#[derive(Default)]
struct Ports {
    ledger: u64,
    released: Vec<ReleaseRecord>,
    answered: Vec<AnswerRecord>,
    is_full: bool,
}

impl LedgerPort for Ports {
    fn append(&mut self, _: &SealedEntry) -> Result<u64, PortError> {
        self.ledger += 1;
        Ok(self.ledger)
    }
}

impl AuditPort for Ports {
    fn record_release(&mut self, record: &ReleaseRecord) -> Result<u64, PortError> {
        if self.is_full {
            return Err("log is full".into());
        }
        self.released.push(record.clone());
        Ok(1)
    }
}

impl AnswerPort for Ports {
    fn record_answer(&mut self, record: &AnswerRecord) -> Result<(), PortError> {
        if self.is_full {
            return Err("log is full".into());
        }
        self.answered.push(record.clone());
        Ok(())
    }
}

fn noise() -> Noise {
    Noise::new(6, 3.0, 2, 0.3).unwrap()
}

fn registered(revisions: u32) -> Registered {
    let levels = vec![RegisteredLevel::finest("area", 4), RegisteredLevel::total("all", 4)];
    let area = RegisteredDimension { name: "area".to_owned(), atoms: 4, levels, known: None };
    Registered { dimensions: vec![area], crossings: None, revisions }
}

fn judged(revisions: u32) -> Judged {
    Judged::new(&registered(revisions), &noise(), 0.9, false).unwrap()
}

fn month(number: i32) -> Period {
    PeriodType::Month.containing(Month::new(2024, number).unwrap())
}

fn counts(of: &str, revision: u8, values: &[u64]) -> UnreleasedCounts {
    let keys = values.iter().map(|value| value.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    UnreleasedCounts::new((name(of), Digest([revision; 32])), values.to_vec(), Some(keys)).unwrap()
}

/// A table of the figures that views show, of some revision; the month's data are in a state.
fn release(revision: u8, state: u8, values: &[u64]) -> NoiseRelease {
    NoiseRelease {
        revision: Digest([revision; 32]),
        rounding: Rounding::None,
        states: BTreeMap::from([(month(1), Digest([state; 32]))]),
        tables: vec![CountedTable {
            cells: (1..=values.len()).map(|number| Some(numbered(number))).collect(),
            counts: counts("test", revision, values),
        }],
    }
}

fn entry(plan: &NoisePlan) -> AuthenticatedEntry {
    AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec())
}

fn after(last: Option<&AuthenticatedEntry>) -> NoiseState {
    NoiseState::decode(name("test"), last).unwrap()
}

fn obtain(plan: &NoisePlan, ports: &mut Ports) -> Result<DurableReceipt, ReceiptError> {
    let mut ledger = Ports::default();
    DurableReceipt::obtain_noise(plan, &mut ledger, ports, 1_795_300_000)
}

fn committed(plan: NoisePlan) -> (Vec<u64>, Noisy) {
    let receipt = obtain(&plan, &mut Ports::default()).unwrap();
    let (tables, noisy) = commit_noise(plan, receipt).unwrap();
    (tables.get().iter().filter_map(|(_, cell)| cell.value()).collect(), noisy)
}

const VALUES: [u64; 8] = [0, 1, 2, 3, 5, 8, 40, 1000];

#[test]
fn views_and_answers_show_the_same_figures_before_and_after_a_restart() {
    let made = NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES)).unwrap();
    let stored = entry(&made);
    let digest = made.digest();
    assert_eq!(made.cells(), 8);
    let (shown, noisy) = committed(made);
    for (value, shown) in VALUES.iter().zip(&shown) {
        assert!(shown.abs_diff(*value) <= 6 && (*shown == 0 || *shown > 2), "{value} {shown}");
        assert!(*value > 0 || *shown == 0);
    }
    let mut ports = Ports::default();
    let (restored, again) = restore_noise(&name("test"), &stored).unwrap();
    assert_eq!(restored.get().iter().filter_map(|(_, cell)| cell.value()).collect::<Vec<_>>(), shown);
    for noisy in [&noisy, &again] {
        let receipt = AnswerReceipt::obtain(noisy, Digest([9; 32]), &mut ports).unwrap();
        assert_eq!(*noisy.answer(&counts("test", 1, &VALUES), &receipt).unwrap().get(), shown);
        // Other cells of the same release.
        let sums = noisy.answer(&counts("test", 1, &[1059]), &receipt).unwrap();
        assert!(sums.get().first().unwrap().abs_diff(1059) <= 6);
    }
    assert_eq!(ports.answered.len(), 2);
    let same = NoisePlan::new(&after(Some(&stored)), &judged(1), &release(1, 1, &VALUES)).unwrap();
    assert_eq!(same.digest(), digest);
}

#[test]
fn figures_are_rounded_after_the_noise() {
    let exact = committed(NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES)).unwrap()).0;
    let rounded = NoiseRelease { rounding: Rounding::Nearest(5), ..release(1, 1, &VALUES) };
    let rounded = committed(NoisePlan::new(&after(None), &judged(1), &rounded).unwrap()).0;
    assert_eq!(rounded, exact.iter().map(|value| (value + 2) / 5 * 5).collect::<Vec<_>>());
    assert_ne!(rounded, exact);
}

#[test]
fn nothing_is_released_without_record_and_of_nothing_else() {
    let mut full = Ports { is_full: true, ..Ports::default() };
    let one = NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES)).unwrap();
    assert!(matches!(obtain(&one, &mut full), Err(ReceiptError::Audit { .. })));
    let other = NoisePlan::new(&after(None), &judged(1), &release(2, 1, &VALUES)).unwrap();
    let receipt = obtain(&other, &mut Ports::default()).unwrap();
    assert!(matches!(commit_noise(one, receipt), Err(CommitError::OtherPlan { .. })));
    let (_, noisy) = committed(NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES)).unwrap());
    let (_, newer) = committed(other);
    assert!(AnswerReceipt::obtain(&noisy, Digest([9; 32]), &mut full).is_err());
    let mut ports = Ports::default();
    let receipt = AnswerReceipt::obtain(&noisy, Digest([9; 32]), &mut ports).unwrap();
    let refused = |counts: &UnreleasedCounts, noisy: &Noisy| noisy.answer(counts, &receipt).unwrap_err();
    assert!(matches!(refused(&counts("test", 1, &VALUES), &newer), CountsError::Other { .. }));
    assert!(matches!(refused(&counts("test", 2, &VALUES), &noisy), CountsError::Other { .. }));
    assert!(matches!(refused(&counts("else", 1, &VALUES), &noisy), CountsError::Other { .. }));
    let open = UnreleasedCounts::new((name("test"), Digest([1; 32])), vec![3], None).unwrap();
    assert!(matches!(refused(&open, &noisy), CountsError::NoKeys(_)));
}

#[test]
fn each_state_of_a_period_is_one_of_those_that_were_judged() {
    let first = entry(&NoisePlan::new(&after(None), &judged(2), &release(1, 1, &VALUES)).unwrap());
    // The same records under another revision are no correction.
    let same = entry(&NoisePlan::new(&after(Some(&first)), &judged(2), &release(2, 1, &VALUES)).unwrap());
    let corrected = entry(&NoisePlan::new(&after(Some(&same)), &judged(2), &release(3, 2, &VALUES[..7])).unwrap());
    // Back to what was out already, which has the noise that it had.
    let back = NoisePlan::new(&after(Some(&corrected)), &judged(2), &release(4, 1, &VALUES)).unwrap();
    assert_eq!(
        committed(back).0,
        committed(NoisePlan::new(&after(None), &judged(2), &release(1, 1, &VALUES)).unwrap()).0
    );
    let third = NoisePlan::new(&after(Some(&corrected)), &judged(2), &release(5, 3, &VALUES));
    assert!(matches!(third, Err(NoisePlanError::Revisions { editions: 2, .. })), "{third:?}");
    let mut other = release(5, 3, &VALUES);
    other.states = BTreeMap::from([(month(2), Digest([3; 32]))]);
    let _plan = NoisePlan::new(&after(Some(&corrected)), &judged(2), &other).unwrap();
    let (restored, _) = restore_noise(&name("test"), &corrected).unwrap();
    assert!(restored.get().is_revised());
    let verified = verify_noise(&name("test"), [&first, &same, &corrected]).unwrap();
    assert_eq!((verified.entries, verified.cells), (3, 7));
    assert!(matches!(verify_noise(&name("test"), [&corrected, &first]), Err(LedgerError::Noise { .. })));
}

#[test]
fn one_noise_and_one_method_for_good() {
    let first = entry(&NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES)).unwrap());
    let more = Judged::new(&registered(1), &Noise::new(8, 6.0, 2, 0.0).unwrap(), 0.9, false).unwrap();
    let other = NoisePlan::new(&after(Some(&first)), &more, &release(2, 1, &VALUES));
    assert!(matches!(other, Err(NoisePlanError::OtherNoise(_))));
    let changed = entry(&NoisePlan::new(&after(None), &more, &release(2, 1, &VALUES)).unwrap());
    assert!(matches!(verify_noise(&name("test"), [&first, &changed]), Err(LedgerError::Noise { .. })));
    // A plan that withholds, and the other way round.
    let cells = [super::Small { id: numbered(1), mask: 1, facts: crate::CellFacts::default() }];
    let withheld = plan(&empty(), &group(&[9], &cells), &Policy::threshold(5), &key(7)).unwrap();
    let withheld = AuthenticatedEntry::from_vault(withheld.ledger_entry().secret_bytes().to_vec());
    assert!(matches!(NoiseState::decode(name("test"), Some(&withheld)), Err(LedgerError::OtherMethod(_))));
    assert!(matches!(LedgerState::decode(name("test"), Some(&first)), Err(LedgerError::OtherMethod(_))));
    assert!(matches!(NoiseState::decode(name("else"), Some(&first)), Err(LedgerError::OtherGroup { .. })));
    let nonsense = AuthenticatedEntry::from_vault(b"{}".to_vec());
    assert!(matches!(NoiseState::decode(name("test"), Some(&nonsense)), Err(LedgerError::Unreadable)));
}

#[test]
fn where_zeros_are_protected_a_published_one_must_not_say_too_much() {
    let judge = |cap, protects| Judged::new(&registered(1), &noise(), cap, protects);
    let zero = judge(0.9, true).unwrap().bound().near_zero.zero;
    assert!(zero > 0.4 && zero < 0.5, "{zero}");
    assert!(judge(0.4, false).is_ok());
    assert!(matches!(judge(0.4, true), Err(Refused::Zeros { .. })));
    assert!(matches!(judge(0.2, false), Err(Refused::OneCount { .. } | Refused::Averaging { .. })));
}
