//! From counts to figures with noise, and again after a restart, a correction, a question.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, Month, Period, PeriodType};

use super::{empty, group, key, name, numbered};
use crate::ledger::{AuthenticatedEntry, LedgerError, SealedEntry};
use crate::{
    AnswerPort, AnswerReceipt, AnswerRecord, AuditPort, CellId, CellSpace, CommitError, CountedTable, CountsError,
    DurableReceipt, Judged, LedgerPort, LedgerState, Noise, NoisePlan, NoisePlanError, NoiseRelease, NoiseState, Noisy,
    Policy, PortError, ReceiptError, Refused, Registered, RegisteredDimension, RegisteredLevel, ReleaseRecord,
    Released, SumNoise, UnreleasedCounts, commit_noise, plan, restore_noise, verify_noise,
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
    Judged::new(&[registered(revisions)], &noise(), 0.9).unwrap()
}

fn month(number: i32) -> Period {
    PeriodType::Month.containing(Month::new(2024, number).unwrap())
}

fn counts(of: &str, revision: u8, values: &[u64]) -> UnreleasedCounts {
    let keys = values.iter().map(|value| value.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    UnreleasedCounts::new((name(of), Digest([revision; 32])), space(values.len()), values.to_vec(), Some(keys)).unwrap()
}

/// So many areas in one month.
fn space(areas: usize) -> CellSpace {
    CellSpace {
        areas: (1..=areas).map(|area| vec![format!("AREA-{area}")]).collect(),
        periods: vec![month(1)],
        by: Vec::new(),
    }
}

/// A table of the figures that views show, of some revision; the month's data are in a state.
fn release(revision: u8, state: u8, values: &[u64]) -> NoiseRelease {
    NoiseRelease {
        revision: Digest([revision; 32]),
        states: BTreeMap::from([(month(1), Digest([state; 32]))]),
        tables: vec![CountedTable {
            cells: (1..=values.len()).map(numbered).collect(),
            counts: counts("test", revision, values),
        }],
        kept: BTreeSet::new(),
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
    (tables.get().iter().filter_map(|(_, cell)| cell.value()).collect(), noisy.unwrap())
}

/// Figures of counts, of which there is one in each cell.
fn counted(answer: Released<Vec<Option<u64>>>) -> Vec<u64> {
    answer.get().iter().map(|figure| figure.unwrap()).collect()
}

const VALUES: [u64; 8] = [0, 1, 2, 3, 5, 8, 40, 1000];

#[test]
fn views_and_answers_show_the_same_figures_before_and_after_a_restart() {
    let made = NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES), &key(1)).unwrap();
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
    let again = again.unwrap();
    assert_eq!(restored.get().iter().filter_map(|(_, cell)| cell.value()).collect::<Vec<_>>(), shown);
    for noisy in [&noisy, &again] {
        let receipt = AnswerReceipt::obtain(noisy, Digest([9; 32]), &mut ports).unwrap();
        assert_eq!(counted(noisy.answer(&counts("test", 1, &VALUES), &receipt).unwrap()), shown);
        // Other cells of the same release.
        let sums = noisy.answer(&counts("test", 1, &[1059]), &receipt).unwrap();
        assert!(sums.get().first().unwrap().unwrap().abs_diff(1059) <= 6);
    }
    assert_eq!(ports.answered.len(), 2);
    let same = NoisePlan::new(&after(Some(&stored)), &judged(1), &release(1, 1, &VALUES), &key(1)).unwrap();
    assert_eq!(same.digest(), digest);
}

#[test]
fn nothing_is_released_without_record_and_of_nothing_else() {
    let mut full = Ports { is_full: true, ..Ports::default() };
    let one = NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES), &key(1)).unwrap();
    assert!(matches!(obtain(&one, &mut full), Err(ReceiptError::Audit { .. })));
    let other = NoisePlan::new(&after(None), &judged(1), &release(2, 1, &VALUES), &key(1)).unwrap();
    let receipt = obtain(&other, &mut Ports::default()).unwrap();
    assert!(matches!(commit_noise(one, receipt), Err(CommitError::OtherPlan { .. })));
    let (_, noisy) = committed(NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES), &key(1)).unwrap());
    let (_, newer) = committed(other);
    assert!(AnswerReceipt::obtain(&noisy, Digest([9; 32]), &mut full).is_err());
    let mut ports = Ports::default();
    let receipt = AnswerReceipt::obtain(&noisy, Digest([9; 32]), &mut ports).unwrap();
    let refused = |counts: &UnreleasedCounts, noisy: &Noisy| noisy.answer(counts, &receipt).unwrap_err();
    assert!(matches!(refused(&counts("test", 1, &VALUES), &newer), CountsError::Other { .. }));
    assert!(matches!(refused(&counts("test", 2, &VALUES), &noisy), CountsError::Other { .. }));
    assert!(matches!(refused(&counts("else", 1, &VALUES), &noisy), CountsError::Other { .. }));
    let open = UnreleasedCounts::new((name("test"), Digest([1; 32])), space(1), vec![3], None).unwrap();
    assert!(matches!(refused(&open, &noisy), CountsError::NoKeys(_)));
}

#[test]
fn each_state_of_a_period_is_one_of_those_that_were_judged() {
    let first = entry(&NoisePlan::new(&after(None), &judged(2), &release(1, 1, &VALUES), &key(1)).unwrap());
    // The same records under another revision are no correction.
    let same = entry(&NoisePlan::new(&after(Some(&first)), &judged(2), &release(2, 1, &VALUES), &key(1)).unwrap());
    let corrected =
        entry(&NoisePlan::new(&after(Some(&same)), &judged(2), &release(3, 2, &VALUES[..7]), &key(1)).unwrap());
    // Back to what was out already, which has the noise that it had.
    let back = NoisePlan::new(&after(Some(&corrected)), &judged(2), &release(4, 1, &VALUES), &key(1)).unwrap();
    assert_eq!(
        committed(back).0,
        committed(NoisePlan::new(&after(None), &judged(2), &release(1, 1, &VALUES), &key(1)).unwrap()).0
    );
    let third = NoisePlan::new(&after(Some(&corrected)), &judged(2), &release(5, 3, &VALUES), &key(1));
    assert!(matches!(third, Err(NoisePlanError::Revisions { editions: 2, .. })), "{third:?}");
    let full = |state: u8| after(Some(&corrected)).without_room(&release(5, state, &VALUES).states, 2);
    assert_eq!((full(3).len(), full(2).len(), full(1).len()), (1, 0, 0));
    let mut other = release(5, 3, &VALUES);
    other.states = BTreeMap::from([(month(1), Digest([2; 32])), (month(2), Digest([3; 32]))]);
    other.tables.clear();
    let _plan = NoisePlan::new(&after(Some(&corrected)), &judged(2), &other, &key(1)).unwrap();
    let (restored, _) = restore_noise(&name("test"), &corrected).unwrap();
    assert!(restored.get().is_revised());
    let verified = verify_noise(&name("test"), [&first, &same, &corrected]).unwrap();
    assert_eq!((verified.entries, verified.cells), (3, 7));
    assert!(matches!(verify_noise(&name("test"), [&corrected, &first]), Err(LedgerError::Noise { .. })));
}

/// What stays is what is out, whatever there is to count by now; of other data than it is of nothing stays.
#[test]
fn figures_of_a_period_stay_without_being_counted_again() {
    let made = NoisePlan::new(&after(None), &judged(2), &release(1, 1, &VALUES), &key(1)).unwrap();
    let first = entry(&made);
    let shown = committed(made).0;
    let kept =
        |state: u8| NoiseRelease { tables: Vec::new(), kept: BTreeSet::from([month(1)]), ..release(2, state, &VALUES) };
    let stays = NoisePlan::new(&after(Some(&first)), &judged(2), &kept(1), &key(1)).unwrap();
    let second = entry(&stays);
    assert_eq!(committed(stays).0, shown);
    assert_eq!(verify_noise(&name("test"), [&first, &second]).unwrap().cells, 8);
    assert_eq!(after(Some(&second)).state(month(1)), Some(Digest([1; 32])));
    assert_eq!(after(Some(&second)).editions(month(1)).len(), 1);
    assert_eq!((after(Some(&second)).areas(month(1)).len(), after(Some(&second)).areas(month(2)).len()), (1, 0));
    let other = NoisePlan::new(&after(Some(&first)), &judged(2), &kept(2), &key(1));
    assert!(matches!(other, Err(NoisePlanError::NotOut(_))), "{other:?}");
    let nothing = NoisePlan::new(&after(None), &judged(2), &kept(1), &key(1));
    assert!(matches!(nothing, Err(NoisePlanError::NotOut(_))), "{nothing:?}");
}

#[test]
fn one_noise_and_one_method_for_good() {
    let first = entry(&NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES), &key(1)).unwrap());
    let more = Judged::new(&[registered(1)], &Noise::new(8, 6.0, 2, 0.0).unwrap(), 0.9).unwrap();
    let other = NoisePlan::new(&after(Some(&first)), &more, &release(2, 1, &VALUES), &key(1));
    assert!(matches!(other, Err(NoisePlanError::OtherNoise(_))));
    let changed = entry(&NoisePlan::new(&after(None), &more, &release(2, 1, &VALUES), &key(1)).unwrap());
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

/// If only the cells of the record that was added had other noise, they would name its area and categories.
#[test]
fn a_correction_changes_the_noise_of_all_cells_of_its_period_and_of_no_other() {
    let values = [50; 64];
    let with = |revision, state, other| {
        let mut release = release(revision, state, &values);
        release.states.insert(month(2), Digest([7; 32]));
        let CountedTable { cells, .. } = &release.tables[0];
        let in_month =
            |id: &CellId| CellId { key: model::CellKey { period: month(2), ..id.key.clone() }, ..id.clone() };
        let cells = cells.iter().map(in_month).collect();
        let keys = Some((1..=64_u64).map(|number| number << 20).collect());
        let space = CellSpace { periods: vec![month(2)], ..space(64) };
        let counts = UnreleasedCounts::new((name("test"), Digest([other; 32])), space, values.to_vec(), keys).unwrap();
        release.tables.push(CountedTable { cells, counts });
        NoisePlan::new(&after(None), &judged(2), &release, &key(1)).unwrap()
    };
    let (first, second) = (committed(with(1, 1, 1)).0, committed(with(2, 2, 2)).0);
    let in_month = |figures: &[u64], number: i32| -> Vec<u64> {
        figures
            .iter()
            .enumerate()
            .filter(|(index, _)| index % 2 == (number - 1) as usize)
            .map(|(_, value)| *value)
            .collect()
    };
    assert_eq!(first.len(), 128);
    let same = |number| {
        let pairs = in_month(&first, number).into_iter().zip(in_month(&second, number));
        pairs.filter(|(one, other)| one == other).count()
    };
    // By chance as often as two draws are the same.
    assert!(same(1) < 25, "{}", same(1));
    assert_eq!(same(2), 64);
}

/// A cell and a larger one in which nobody else is have the same records, and noise of their own.
#[test]
fn equal_records_in_different_cells_have_different_noise() {
    let by = vec![("sex".to_owned(), vec!["female".to_owned(), "male".to_owned()])];
    let areas = (0..60).map(|area| vec![format!("AREA-{area}")]).collect();
    let space = CellSpace { areas, periods: vec![month(1)], by };
    // All are women.
    let counts: Vec<u64> = (0..60).flat_map(|_| [40, 0, 40]).collect();
    let keys = (1..=60_u64).flat_map(|key| [key << 20, 0, key << 20]).collect();
    let (_, noisy) = committed(NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES), &key(1)).unwrap());
    let receipt = AnswerReceipt::obtain(&noisy, Digest([9; 32]), &mut Ports::default()).unwrap();
    let answer = |space: CellSpace, counts, keys| {
        let counts = UnreleasedCounts::new((name("test"), Digest([1; 32])), space, counts, Some(keys)).unwrap();
        counted(noisy.answer(&counts, &receipt).unwrap())
    };
    let figures = answer(space.clone(), counts, keys);
    let equal = figures.chunks(3).filter(|row| row[0] == row[2]).count();
    assert!(equal < 30, "{equal} of 60");
    // The same area under another name, with its parts in another order, is the same cell; so are totals without the dimension.
    let totals: Vec<u64> = figures.chunks(3).map(|row| row[2]).collect();
    let without = CellSpace { by: Vec::new(), ..space };
    assert_eq!(answer(without, vec![40; 60], (1..=60_u64).map(|key| key << 20).collect()), totals);
    let two = |parts: [&str; 2]| CellSpace {
        areas: vec![parts.map(str::to_owned).to_vec()],
        periods: vec![month(1)],
        by: Vec::new(),
    };
    assert_eq!(answer(two(["a", "b"]), vec![90], vec![5]), answer(two(["b", "a"]), vec![90], vec![5]));
    // Of a period without data there is nothing.
    let nothing = CellSpace { periods: vec![month(3)], ..two(["a", "b"]) };
    let counts = UnreleasedCounts::new((name("test"), Digest([1; 32])), nothing, vec![1], Some(vec![1])).unwrap();
    assert!(matches!(noisy.answer(&counts, &receipt), Err(CountsError::NoData { .. })));
}

fn with_sums(most: u64) -> Judged {
    let sums = BTreeMap::from([("hours".to_owned(), SumNoise::new(most).unwrap())]);
    Judged::with_sums(&[registered(1)], sums, &noise(), 0.9).unwrap()
}

fn summed(values: &[u64], most: u64, sums: Vec<u64>) -> UnreleasedCounts {
    counts("test", 1, values).with_sums("hours".to_owned(), most, sums).unwrap()
}

/// A sum is shown where its count is, with noise of its own, and follows from what was registered.
#[test]
fn sums_follow_from_the_release() {
    let made = NoisePlan::new(&after(None), &with_sums(40), &release(1, 1, &VALUES), &key(1)).unwrap();
    let first = entry(&made);
    let noisy = committed(made).1;
    let receipt = AnswerReceipt::obtain(&noisy, Digest([7; 32]), &mut Ports::default()).unwrap();
    let answer = |counts: &UnreleasedCounts| noisy.answer(counts, &receipt).map(|figures| figures.get().clone());
    let shown = answer(&counts("test", 1, &VALUES)).unwrap();
    let sums: Vec<u64> = VALUES.iter().map(|value| value * 25).collect();
    let figures = answer(&summed(&VALUES, 40, sums.clone())).unwrap();
    for ((count, sum), figure) in shown.iter().zip(&sums).zip(&figures) {
        // 2 times 6 and 2: then there are more than 8 for sure.
        assert_eq!(figure.is_some(), count.unwrap() > 14, "{count:?} {figure:?}");
        assert!(figure.is_none_or(|figure| figure.abs_diff(*sum) <= 6 * 40 + 20), "{sum} {figure:?}");
    }
    assert!(
        figures.iter().flatten().count() >= 2
            && figures.iter().zip(&sums).any(|(figure, sum)| figure.is_some_and(|figure| figure != *sum))
    );
    assert_eq!(answer(&summed(&VALUES, 40, sums.clone())).unwrap(), figures);
    // What is not registered, or with other parts, has no noise that was judged.
    for refused in [
        summed(&VALUES, 41, sums.clone()),
        counts("test", 1, &VALUES).with_sums("cost".to_owned(), 40, sums.clone()).unwrap(),
    ] {
        assert!(matches!(answer(&refused), Err(CountsError::Unregistered { .. })));
    }
    assert!(counts("test", 1, &VALUES).with_sums("hours".to_owned(), 40, vec![1]).is_err());
    // After a restart, and for good.
    let again = restore_noise(&name("test"), &first).unwrap().1.unwrap();
    let receipt = AnswerReceipt::obtain(&again, Digest([7; 32]), &mut Ports::default()).unwrap();
    assert_eq!(*again.answer(&summed(&VALUES, 40, sums), &receipt).unwrap().get(), figures);
    for judged in [with_sums(41), judged(1)] {
        let other = NoisePlan::new(&after(Some(&first)), &judged, &release(2, 1, &VALUES), &key(1));
        assert!(matches!(other, Err(NoisePlanError::OtherSums { most: 40, .. })), "{other:?}");
    }
    let without = entry(&NoisePlan::new(&after(None), &judged(1), &release(2, 1, &VALUES), &key(1)).unwrap());
    assert!(matches!(verify_noise(&name("test"), [&first, &without]), Err(LedgerError::Noise { .. })));
    assert_eq!(verify_noise(&name("test"), [&without, &first]).unwrap().entries, 2, "more may be registered later");
}

/// Each sum is judged as one more publication of every cell.
#[test]
fn sums_are_judged_with_the_counts() {
    let guess = |judged: &Judged| judged.found().unwrap().guess;
    assert_eq!(guess(&with_sums(40)).to_bits(), guess(&judged(2)).to_bits());
    assert!(guess(&with_sums(40)) > guess(&judged(1)));
}

/// Every form of a registration is judged, and the worst is what counts.
#[test]
fn the_worst_form_of_a_registration_counts() {
    let few = |atoms: u32| {
        let levels = vec![RegisteredLevel::finest("kind", atoms), RegisteredLevel::total("all", atoms)];
        let kind = RegisteredDimension { name: "kind".to_owned(), atoms, levels, known: None };
        Registered { dimensions: vec![kind], crossings: None, revisions: 1 }
    };
    let guess = |registered: &[Registered]| Judged::new(registered, &noise(), 0.9).unwrap().found().unwrap().guess;
    let (two, three) = (guess(&[few(2)]), guess(&[few(3)]));
    assert_eq!(guess(&[few(3), few(2)]), two.max(three));
    assert!(matches!(Judged::new(&[few(2)], &noise(), 0.2), Err(Refused::OneCount { .. } | Refused::Averaging { .. })));
}

/// Of the same data there is one figure of each cell: in a plan, and beside what is out.
#[test]
fn one_figure_of_a_cell_for_the_same_data() {
    let first = entry(&NoisePlan::new(&after(None), &judged(1), &release(1, 1, &VALUES), &key(1)).unwrap());
    let other = [0, 1, 2, 3, 5, 8, 90, 1000];
    let changed = NoisePlan::new(&after(Some(&first)), &judged(1), &release(2, 1, &other), &key(1));
    assert!(matches!(changed, Err(NoisePlanError::TwoFigures(_))), "{changed:?}");
    let mut twice = release(1, 1, &VALUES);
    twice.tables.push(CountedTable {
        cells: twice.tables[0].cells.clone(),
        counts: counts("test", 1, &[0, 1, 2, 3, 5, 8, 90, 1000]),
    });
    let twice = NoisePlan::new(&after(None), &judged(1), &twice, &key(1));
    assert!(matches!(twice, Err(NoisePlanError::TwoFigures(_))), "{twice:?}");
}
