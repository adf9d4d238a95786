//! Histories of several years, planned block by block: what every entry must prove and keep is what a plan of everything as one proves
//! and keeps, and what changed in a block is never overlooked.

use std::collections::{BTreeMap, BTreeSet};

use model::{AgeBand, AreaType, Digest, Exposure, Mark, Month, Period, PeriodType, Sex};
use proptest::prelude::*;

use super::revisions::sealed;
use super::{cell_id, key, name};
use crate::blocks::{apart, is_same};
use crate::decide::{decide, decide_as_one};
use crate::ledger::{AuthenticatedEntry, Entry, restore};
use crate::plan::follows_from;
use crate::rules::Rules;
use crate::verify::verify;
use crate::{
    Cell, CellFacts, CellId, LedgerState, Plan, PlanError, Policy, Rounding, Unreleased, UnreleasedBuilder, ZeroPolicy,
    plan, verify_ledger,
};

const AREAS: usize = 3;
/// Quarters that make a year here.
const OF_YEAR: usize = 2;

/// Who a record is of, and by way of whom it came.
type Record = (u16, u16);

/// What a cell counts, by quarter and area, and whether it is a headline.
type Counted = (CellId, Vec<(usize, usize)>, bool);

/// What happens between two plans.
#[derive(Debug, Clone)]
enum Step {
    /// The next quarter comes, with so many records by area.
    Add(Vec<usize>),
    /// Records come to an area of a quarter, or go.
    Correct(usize, usize, i8),
    Withdraw(usize),
    Return(usize),
    Policy(Policy),
    /// Nothing does.
    Again,
}

/// The data of a dataset as they are.
#[derive(Clone, Default)]
struct Data {
    /// By quarter and area.
    quarters: Vec<[Vec<Record>; AREAS]>,
    away: BTreeSet<usize>,
    people: u16,
}

impl Data {
    fn records(&mut self, count: usize) -> Vec<Record> {
        let first = self.people;
        self.people += u16::try_from(count).unwrap();
        // Somebody now and then has two.
        (first..self.people).map(|person| (person - u16::from(person % 5 == 4), person % 2)).collect()
    }

    /// Whether anything changed of what is out.
    fn apply(&mut self, step: &Step) -> BTreeSet<usize> {
        match step {
            Step::Add(counts) => {
                let areas = std::array::from_fn(|area| self.records(counts[area]));
                self.quarters.push(areas);
                BTreeSet::from([self.quarters.len() - 1])
            }
            Step::Correct(quarter, area, by) if *quarter < self.quarters.len() => {
                let more = self.records(usize::try_from((*by).max(0)).unwrap());
                let records = &mut self.quarters[*quarter][*area];
                records.extend(more);
                records.truncate(records.len().saturating_sub(usize::try_from((-*by).max(0)).unwrap()));
                BTreeSet::from([*quarter])
            }
            Step::Withdraw(quarter) if *quarter < self.quarters.len() => {
                self.away.insert(*quarter);
                BTreeSet::from([*quarter])
            }
            Step::Return(quarter) => {
                self.away.remove(quarter);
                BTreeSet::from([*quarter])
            }
            _ => BTreeSet::new(),
        }
    }

    fn is_there(&self, quarter: usize) -> bool {
        quarter < self.quarters.len() && !self.away.contains(&quarter)
    }

    /// Areas and their total by quarter, areas by complete year; two areas together in the first quarter of a year.
    fn cells(&self) -> Vec<Counted> {
        let mut cells = Vec::new();
        for quarter in (0..self.quarters.len()).filter(|quarter| self.is_there(*quarter)) {
            let period = period(quarter);
            let all = |areas: std::ops::Range<usize>| areas.map(|area| (quarter, area)).collect::<Vec<_>>();
            cells.extend((0..AREAS).map(|area| (id(AreaType::Lsoa, area, period), all(area..area + 1), false)));
            cells.push((id(AreaType::District, 0, period), all(0..AREAS), true));
            if quarter % OF_YEAR == 0 {
                cells.push((id(AreaType::Msoa, 0, period), all(0..2), false));
            }
            let year = quarter / OF_YEAR * OF_YEAR..(quarter / OF_YEAR + 1) * OF_YEAR;
            if quarter + 1 == year.end && year.clone().all(|quarter| self.is_there(quarter)) {
                let period =
                    PeriodType::CalendarYear.containing(Month::new(2020 + (quarter / OF_YEAR) as i32, 1).unwrap());
                let of_year = |area: usize| year.clone().map(|quarter| (quarter, area)).collect();
                cells.extend((0..AREAS).map(|area| (id(AreaType::Lsoa, area, period), of_year(area), false)));
            }
        }
        cells
    }

    fn build(&self, is_named: bool) -> Unreleased {
        let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
        let mut atoms = BTreeMap::new();
        for (quarter, areas) in self.quarters.iter().enumerate() {
            for (area, records) in areas.iter().enumerate() {
                let atom = builder.atom(records.len() as u64);
                atoms.insert((quarter, area), atom);
                for (person, partner) in records.iter().filter(|_| is_named) {
                    builder.contribution(atom, Some(u128::from(*person).to_le_bytes()), *partner, 1);
                }
            }
        }
        for (id, inside, headline) in self.cells() {
            let records = || inside.iter().flat_map(|(quarter, area)| &self.quarters[*quarter][*area]);
            let people = records().map(|record| record.0).collect::<BTreeSet<_>>().len();
            let contributors = if is_named { people } else { records().count() };
            let facts = CellFacts { headline, ..CellFacts::default() };
            builder.cell(id, inside.iter().map(|place| atoms[place]), contributors as u64, facts);
        }
        builder.finish().unwrap()
    }
}

fn period(quarter: usize) -> Period {
    let month = 1 + 3 * (quarter % OF_YEAR) as i32;
    PeriodType::Quarter.containing(Month::new(2020 + (quarter / OF_YEAR) as i32, month).unwrap())
}

fn id(area_type: AreaType, area: usize, period: Period) -> CellId {
    let mut id = cell_id("test", area_type, &format!("AREA-{area}"), 1, Sex::All, AgeBand::All);
    id.key.period = period;
    id
}

fn ledger(entries: &[AuthenticatedEntry]) -> LedgerState {
    LedgerState::decode(name("test"), entries.last()).unwrap()
}

/// Plans that there need not be.
fn is_refused(error: &PlanError) -> bool {
    matches!(error, PlanError::Unprovable { .. } | PlanError::TooManyDifferences(_))
}

/// Of a life, how many blocks stayed as they were and how many were decided.
fn live(steps: &[Step], policy: Policy, is_named: bool, secret: u8) -> [usize; 2] {
    let (mut data, mut policy, mut found) = (Data::default(), policy, [0, 0]);
    let mut entries: Vec<AuthenticatedEntry> = Vec::new();
    let mut touched: BTreeSet<usize> = BTreeSet::new();
    let (mut replaced, mut other_rules) = (false, false);
    let mut withheld_once = BTreeSet::new();
    for step in steps {
        if let Step::Policy(next) = step {
            other_rules |= policy != *next;
            policy = next.clone();
        }
        replaced |= matches!(step, Step::Correct(..));
        touched.extend(data.apply(step));
        let past = ledger(&entries);
        let truth = data.build(is_named);
        let truth = if replaced { truth.of_other_records() } else { truth };
        let made = match plan(&past, &truth, &policy, &key(secret)) {
            Ok(made) => made,
            Err(error) if is_refused(&error) => continue,
            // Where search and check do not agree of a stricter threshold beside what is out, they do not as a whole either.
            Err(error @ PlanError::Unverified { .. }) => {
                let whole = decide_as_one(&past, &truth, &policy, &key(secret)).unwrap();
                assert!(verify(&whole).is_err(), "{step:?}: {error:?}");
                continue;
            }
            Err(error) => panic!("{step:?}: {error:?}"),
        };
        let entry = sealed(&made).decode().unwrap();
        verify(&entry).unwrap();
        let stayed = staying(&past, &entry);
        // What was known of other years is known of them still.
        let partners: BTreeSet<u16> = entry.contributions.iter().map(|(_, _, partner, _)| *partner).collect();
        let same_readers = past.history.as_ref().is_none_or(|history| history.contributions.partners() == partners);
        if !replaced && !other_rules && same_readers {
            let blocks = past.history.iter().flat_map(|history| &history.blocks);
            // After a revision it may be proved once more.
            for block in blocks.filter(|block| block.superseded.is_empty()) {
                let years: BTreeSet<String> = block.figures().map(|figure| year_of(&figure.id)).collect();
                let is_touched = touched.iter().any(|quarter| years.contains(&(2020 + quarter / OF_YEAR).to_string()));
                assert!(
                    is_touched || stayed.contains(&block.figures().next().unwrap().id),
                    "{step:?}: {years:?} was decided anew"
                );
            }
        }
        found[0] += stayed.len();
        found[1] += entry.blocks.len() - stayed.len();
        keeps_what_was_shown(&past, &made, &data, &mut withheld_once);
        entries.push(sealed(&made));
        (replaced, other_rules) = (false, false);
        touched.clear();
    }
    verify_ledger(&entries).unwrap();
    found
}

fn year_of(id: &CellId) -> String {
    id.key.period.months().next().unwrap().to_string().chars().take(4).collect()
}

/// First cells of the blocks of an entry that are what they were.
fn staying(past: &LedgerState, entry: &Entry) -> BTreeSet<CellId> {
    let known = || past.history.iter().flat_map(|history| &history.blocks);
    let (blocks, _) = apart(entry.clone()).unwrap();
    let stays = blocks.iter().filter_map(|block| known().find(|known| is_same(&known.entry, block)));
    stays.filter_map(|known| known.figures().next()).map(|figure| figure.id.clone()).collect()
}

/// Whatever is shown is true, what was not decided anew is shown as it was, and what was withheld is not shown later.
fn keeps_what_was_shown(past: &LedgerState, made: &Plan, data: &Data, withheld_once: &mut BTreeSet<CellId>) {
    let shown = restore(&sealed(made)).unwrap();
    let count = |inside: &[(usize, usize)]| inside.iter().map(|(q, a)| data.quarters[*q][*a].len() as u64).sum::<u64>();
    let truth: BTreeMap<CellId, u64> = data.cells().into_iter().map(|(id, inside, _)| (id, count(&inside))).collect();
    let entry = sealed(made).decode().unwrap();
    let anew: BTreeSet<&CellId> = entry.superseded.iter().map(|figure| &figure.id).collect();
    let rounded = matches!(entry.policy.rounding, Rounding::Nearest(_));
    for (id, cell) in shown.get().iter() {
        match cell {
            Cell::Withheld(Mark::C) => drop(withheld_once.insert(id.clone())),
            Cell::Value(value) => {
                assert!(rounded || truth[id] == value, "{id}");
                assert!(value == 0 || !withheld_once.contains(id), "{id}");
            }
            Cell::Withheld(_) => {}
        }
    }
    for figure in past.history.iter().flat_map(|history| &history.shown).filter(|figure| !anew.contains(&figure.id)) {
        let was_shown = matches!(figure.past, crate::history::Past::Released(_));
        let cell = entry.cells.iter().find(|cell| cell.id == figure.id).unwrap();
        assert_eq!(cell.outcome == crate::ledger::Outcome::Released, was_shown, "{}", figure.id);
    }
}

fn policies() -> impl Strategy<Value = Policy> {
    (3_u64..5, any::<bool>(), prop_oneof![Just(0_u16), Just(200)], any::<bool>()).prop_map(
        |(k, own, decoys, rounds)| {
            let rounding = if rounds { Rounding::Nearest(5) } else { Rounding::None };
            Policy { own_records: own, decoys_per_thousand: decoys, rounding, ..Policy::threshold(k) }
        },
    )
}

fn counts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0_usize..14, AREAS)
}

fn steps(quarters: usize) -> impl Strategy<Value = Vec<Step>> {
    let other = prop_oneof![
        3 => (0..quarters, 0..AREAS, -6_i8..7).prop_map(|(quarter, area, by)| Step::Correct(quarter, area, by)),
        2 => (0..quarters).prop_map(Step::Withdraw),
        2 => (0..quarters).prop_map(Step::Return),
        1 => policies().prop_map(Step::Policy),
        1 => Just(Step::Again),
    ];
    let any = prop_oneof![3 => counts().prop_map(Step::Add), 2 => other];
    prop::collection::vec(any, 2..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_is_proved_block_by_block(
        first in counts(),
        steps in steps(6),
        policy in policies(),
        is_named in any::<bool>(),
        secret in any::<u8>(),
    ) {
        live(&[vec![Step::Add(first)], steps].concat(), policy, is_named, secret);
    }

    /// A year is one block as long as its quarters have a total: planned as one, the same comes out, byte for byte.
    #[test]
    fn one_block_is_planned_as_everything_was(
        both in prop::collection::vec(counts(), OF_YEAR),
        (quarter, area, by) in (0..OF_YEAR, 0..AREAS, -6_i8..7),
        hides in any::<bool>(),
        is_named in any::<bool>(),
        secret in any::<u8>(),
    ) {
        let zeros = if hides { ZeroPolicy::HideShare { per_thousand: 300 } } else { ZeroPolicy::Publish };
        let policy = Policy { zeros, decoys_per_thousand: 100, ..Policy::threshold(3) };
        let mut data = Data::default();
        both.into_iter().for_each(|counts| drop(data.apply(&Step::Add(counts))));
        let first = data.build(is_named);
        data.apply(&Step::Correct(quarter, area, by));
        let mut entries = Vec::new();
        for truth in [first, data.build(is_named)] {
            let past = ledger(&entries);
            let Ok(made) = plan(&past, &truth, &policy, &key(secret)) else { continue };
            let entry = sealed(&made).decode().unwrap();
            prop_assert_eq!(entry.blocks.len(), 1);
            if staying(&past, &entry).is_empty() {
                let whole = decide_as_one(&past, &truth, &policy, &key(secret)).unwrap();
                prop_assert!(serde_json::to_vec(&whole).unwrap() == made.ledger_entry().secret_bytes());
            }
            entries.push(sealed(&made));
        }
    }
}

/// Quarter after quarter: of years that are out nothing is decided, and it takes no steps.
#[test]
fn a_quarter_decides_its_year_alone() {
    let add = |seed: usize| Step::Add(vec![2 + seed % 3, 9 + seed, 11 - seed % 7]);
    let steps: Vec<Step> = (0..8).flat_map(|seed| [add(seed), Step::Again]).collect();
    let [stayed, decided] = live(&steps, Policy::threshold(5), true, 3);
    // The first of a year has a block of its own, and the second takes it in.
    assert_eq!(decided, 8);
    assert_eq!(stayed, (0..8).map(|quarter| quarter / OF_YEAR + quarter / OF_YEAR + 1).sum::<usize>());
}

/// An entry of before blocks were told apart is proved anew, block by block, and stays so from then on.
#[test]
fn what_was_one_table_becomes_blocks() {
    let policy = Policy::threshold(5);
    let mut data = Data::default();
    (0..5).for_each(|seed| drop(data.apply(&Step::Add(vec![3, 9 + seed, 11]))));
    let truth = data.build(true);
    let mut old = decide_as_one(&ledger(&[]), &truth, &policy, &key(3)).unwrap();
    old.version = 7;
    let mut text = serde_json::to_value(&old).unwrap();
    text.as_object_mut().unwrap().remove("blocks").unwrap();
    let mut entries = vec![AuthenticatedEntry::from_vault(text.to_string().into_bytes())];
    let before = restore(&entries[0]).unwrap();
    for stayed in [0, 3] {
        let past = ledger(&entries);
        let made = plan(&past, &truth, &policy, &key(3)).unwrap();
        let entry = sealed(&made).decode().unwrap();
        assert_eq!((entry.blocks.len(), staying(&past, &entry).len()), (3, stayed));
        entries.push(sealed(&made));
        assert_eq!(restore(&entries[entries.len() - 1]).unwrap(), before);
    }
    assert_eq!(verify_ledger(&entries).unwrap().entries, 3);
}

/// What a plan that keeps every block that it finds again would put on record, after this plan.
fn by_mutant(first: &Plan, truth: &Unreleased, policy: &Policy) -> Entry {
    let past = ledger(&[sealed(first)]);
    decide(&past, truth, policy, &key(3), Rules { blocks: false, ..Rules::ALL }, true).unwrap().0
}

/// Whatever may change in a block that is there already: by who does not look, something that is wrong would be published.
#[test]
fn a_block_that_changed_does_not_stay() {
    let k3 = Policy::threshold(3);
    let mut data = Data::default();
    (0..3).for_each(|seed| drop(data.apply(&Step::Add(vec![2, 9 + seed, 11]))));
    let mut corrected = data.clone();
    corrected.apply(&Step::Correct(0, 1, 4));
    let mut longer = data.clone();
    longer.apply(&Step::Add(vec![1, 4, 10]));
    let first = plan(&ledger(&[]), &data.build(false), &k3, &key(3)).unwrap();
    let second = |truth: &Unreleased, policy: &Policy| {
        let honest = sealed(&plan(&ledger(&[sealed(&first)]), truth, policy, &key(3)).unwrap()).decode().unwrap();
        verify(&honest).unwrap();
        follows_from(truth, &honest).unwrap();
        (honest, by_mutant(&first, truth, policy))
    };
    // Nothing did.
    let (honest, same) = second(&data.build(false), &k3);
    assert!(serde_json::to_vec(&honest).unwrap() == serde_json::to_vec(&same).unwrap());
    for other in [corrected.build(false), longer.build(false)] {
        let (_, mutant) = second(&other, &k3);
        assert!(follows_from(&other, &mutant).is_err(), "another count, or another cell");
    }
    let (_, mutant) = second(&data.build(false), &Policy::threshold(5));
    assert!(verify(&mutant).is_err(), "a stricter threshold");
    let (honest, mutant) = second(&data.build(true), &k3);
    assert_eq!(
        (honest.contributions.is_empty(), mutant.contributions.is_empty()),
        (false, true),
        "whose records they are"
    );
}

/// Five areas of two with their total, in all but one of which the records are of nobody known. A second partner makes the first a reader, who
/// knows its own two, though nothing of that partner is here.
#[test]
fn a_block_with_other_readers_does_not_stay() {
    let k3 = Policy::threshold(3);
    let build = |there: bool| {
        let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
        let atoms = [2; 5].map(|count| builder.atom(count));
        builder.contribution(atoms[1], Some([1; 16]), 0, 1).contribution(atoms[1], Some([2; 16]), 0, 1);
        for (area, atom) in atoms.into_iter().enumerate() {
            builder.cell(id(AreaType::Lsoa, area, period(0)), [atom], 2, CellFacts::default());
        }
        let facts = CellFacts { headline: true, ..CellFacts::default() };
        builder.cell(id(AreaType::District, 0, period(0)), atoms, 10, facts);
        if there {
            let other = builder.atom(9);
            for person in 10..19 {
                builder.contribution(other, Some([person; 16]), 1, 1);
            }
            builder.cell(id(AreaType::Lsoa, 0, period(OF_YEAR)), [other], 9, CellFacts::default());
        }
        builder.finish().unwrap()
    };
    let next = build(true);
    let mut refused = BTreeSet::new();
    for secret in 0..8 {
        let first = plan(&ledger(&[]), &build(false), &k3, &key(secret)).unwrap();
        let honest = plan(&ledger(&[sealed(&first)]), &next, &k3, &key(secret)).unwrap();
        verify(&sealed(&honest).decode().unwrap()).unwrap();
        refused.extend(verify(&by_mutant(&first, &next, &k3)).err().map(|error| error.to_string()));
    }
    assert!(refused.iter().any(|why| why.contains("knows their own records")), "{refused:?}");
}

/// What everybody knows a count to be at most excludes worlds: a block for which that changed is proved anew.
#[test]
fn a_block_with_other_limits_does_not_stay() {
    let (k3, mut data) = (Policy::threshold(3), Data::default());
    data.apply(&Step::Add(vec![2, 9, 11]));
    let with = |upper: Option<u64>| {
        let mut truth = data.build(false);
        truth.cells.values_mut().for_each(|cell| cell.facts.known_upper = upper);
        truth
    };
    let first = plan(&ledger(&[]), &with(None), &k3, &key(3)).unwrap();
    let limits = |entry: &Entry| entry.cells.iter().map(|cell| cell.known_upper).collect::<BTreeSet<_>>();
    let honest = plan(&ledger(&[sealed(&first)]), &with(Some(40)), &k3, &key(3)).unwrap();
    assert_eq!(limits(&sealed(&honest).decode().unwrap()), BTreeSet::from([Some(40)]));
    assert_eq!(limits(&by_mutant(&first, &with(Some(40)), &k3)), BTreeSet::from([None]));
}

/// An entry that says of blocks what is not so is refused.
#[test]
fn blocks_share_nothing() {
    let mut data = Data::default();
    (0..3).for_each(|seed| drop(data.apply(&Step::Add(vec![2, 9 + seed, 11]))));
    let good = sealed(&plan(&ledger(&[]), &data.build(true), &Policy::threshold(3), &key(3)).unwrap());
    let refused = |change: &dyn Fn(&mut Entry)| {
        let mut entry = good.decode().unwrap();
        change(&mut entry);
        verify(&entry).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(refused(&|_| ()), Ok(()));
    let says = |change: &dyn Fn(&mut Entry), what: &str| {
        let why = refused(change).unwrap_err();
        assert!(why.contains(what), "{why}");
    };
    says(&|entry| entry.blocks.truncate(1), "of no block");
    says(&|entry| entry.blocks.truncate(0), "of no block");
    says(&|entry| (entry.blocks[0].atoms, entry.blocks[1].atoms) = (entry.blocks[1].atoms, entry.blocks[0].atoms), "");
    says(&|entry| *entry.origins.last_mut().unwrap() = 0, "in another block");
    let same_cell = |entry: &mut Entry| {
        let (first, last) =
            (entry.cells[0].id.clone(), entry.cells.iter().max_by_key(|cell| cell.place).unwrap().clone());
        entry.superseded.push(crate::ledger::EntryCell { id: first, ..last });
    };
    says(&same_cell, "of several blocks");
}

/// Two cells of the same records in two blocks would each be proved as if the other were not there.
#[test]
fn no_record_is_counted_in_two_blocks() {
    let mut data = Data::default();
    (0..3).for_each(|seed| drop(data.apply(&Step::Add(vec![2, 9 + seed, 11]))));
    let truth = data.build(true);
    let made = plan(&ledger(&[]), &truth, &Policy::threshold(3), &key(3)).unwrap();
    let mut entry = sealed(&made).decode().unwrap();
    follows_from(&truth, &entry).unwrap();
    let place = entry.cells.iter().map(|cell| cell.place).max().unwrap();
    entry.cells[0].place = place;
    let refused = follows_from(&truth, &entry).unwrap_err().to_string();
    assert!(refused.contains("counted in another block"), "{refused}");
    entry.cells.pop();
    assert!(follows_from(&truth, &entry).unwrap_err().to_string().contains("not here"));
}
