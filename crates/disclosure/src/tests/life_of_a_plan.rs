//! From the builder to released tables, and again after a restart, a new month, a revision.

use model::{AgeBand, AreaType, Digest, Exposure, Mark, Sex};

use super::{Small, cell_id, empty, group, key, name, numbered};
use crate::ledger::{AuthenticatedEntry, LedgerError, LedgerState, SealedEntry, restore};
use crate::{
    AuditPort, Cell, CellFacts, CellId, CommitError, DurableReceipt, Explainer, LedgerPort, OpenError, OpenSource,
    Plan, PlanError, Policy, PortError, ReceiptError, ReleaseRecord, Rounding, UnreleasedBuilder, ZeroPolicy, commit,
    plan, plan_without_what_is_late, report, verify_ledger,
};

#[derive(Default)]
struct Ports {
    ledger: Vec<Vec<u8>>,
    audit: Vec<ReleaseRecord>,
    ledger_fails: bool,
    audit_fails: bool,
}

struct Ledger<'a>(&'a mut Ports);

impl LedgerPort for Ledger<'_> {
    fn append(&mut self, entry: &SealedEntry) -> Result<u64, PortError> {
        if self.0.ledger_fails {
            return Err("disk full".into());
        }
        self.0.ledger.push(entry.secret_bytes().to_vec());
        Ok(self.0.ledger.len() as u64)
    }
}

#[derive(Default)]
struct Audit(Vec<ReleaseRecord>, bool);

impl AuditPort for Audit {
    fn record_release(&mut self, record: &ReleaseRecord) -> Result<u64, PortError> {
        if self.1 {
            return Err("log is full".into());
        }
        self.0.push(record.clone());
        Ok(self.0.len() as u64)
    }
}

fn obtain(plan: &Plan, ports: &mut Ports) -> Result<DurableReceipt, ReceiptError> {
    let mut audit = Audit(Vec::new(), ports.audit_fails);
    let receipt = DurableReceipt::obtain(plan, &mut Ledger(ports), &mut audit, 1_795_300_000);
    ports.audit.extend(audit.0);
    receipt
}

/// `areas` rows of monthly counts: cells by area and month, by area over all months, by month over all areas.
fn months(rows: &[Vec<u64>], publish: usize) -> (Vec<u64>, Vec<Small>) {
    let width = rows[0].len();
    let counts = rows.concat();
    let mut cells = Vec::new();
    for month in 0..publish {
        let name = i32::try_from(month + 1).unwrap();
        for area in 0..rows.len() {
            let id = cell_id("test", AreaType::Lsoa, &format!("AREA-{area}"), name, Sex::All, AgeBand::All);
            cells.push(Small { id, mask: 1 << (area * width + month), facts: CellFacts::default() });
        }
        let mask = (0..rows.len()).map(|area| 1 << (area * width + month)).sum();
        let id = cell_id("test", AreaType::District, "DISTRICT", name, Sex::All, AgeBand::All);
        cells.push(Small { id, mask, facts: CellFacts { headline: true, ..CellFacts::default() } });
    }
    (counts, cells)
}

fn rows() -> Vec<Vec<u64>> {
    vec![vec![2, 9, 4], vec![11, 8, 12], vec![9, 0, 7], vec![7, 13, 1]]
}

fn entry(plan: &Plan) -> AuthenticatedEntry {
    AuthenticatedEntry::from_vault(plan.ledger_entry().secret_bytes().to_vec())
}

fn plan_of(past: &LedgerState, rows: &[Vec<u64>], publish: usize) -> Result<Plan, PlanError> {
    let (counts, cells) = months(rows, publish);
    plan(past, &group(&counts, &cells), &Policy::threshold(5), &key(7))
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_the_digest_covers_what_is_seen() {
    let one = plan_of(&empty(), &rows(), 3).unwrap();
    let two = plan_of(&empty(), &rows(), 3).unwrap();
    assert_eq!(one.ledger_entry().secret_bytes(), two.ledger_entry().secret_bytes());
    assert_eq!(one.digest(), two.digest());
    // Another truth behind the same marks has the same digest.
    let lonely = |hidden: [u64; 2]| {
        let cells: Vec<Small> = [1, 2, 3]
            .map(|i| Small {
                id: numbered(i),
                mask: i as u32,
                facts: CellFacts { headline: i == 3, ..CellFacts::default() },
            })
            .to_vec();
        plan(&empty(), &group(&hidden, &cells), &Policy::threshold(5), &key(7)).unwrap()
    };
    assert_eq!(lonely([1, 9]).digest(), lonely([3, 7]).digest());
    assert_ne!(lonely([1, 9]).digest(), lonely([3, 8]).digest());
}

#[test]
fn nothing_secret_is_printed() {
    let truth = group(&[4242, 3], &[Small { id: numbered(1), mask: 3, facts: CellFacts::default() }]);
    let made = plan(&empty(), &truth, &Policy::threshold(5), &key(7)).unwrap();
    for text in
        [format!("{truth:?}"), format!("{made:?}"), format!("{:?}", made.ledger_entry()), format!("{:?}", entry(&made))]
    {
        assert!(!text.contains("424"), "{text}");
    }
}

#[test]
fn a_plan_is_released_only_with_its_own_receipt_after_ledger_and_audit() {
    let mut ports = Ports::default();
    let made = plan_of(&empty(), &rows(), 2).unwrap();
    let receipt = obtain(&made, &mut ports).unwrap();
    let (withheld, digest) = (made.summary().withheld(), made.digest());
    let tables = commit(made, receipt).unwrap();
    assert_eq!(ports.audit[0].digest, digest);
    assert_eq!(ports.audit[0].cells_withheld, withheld);
    assert_eq!(tables.get().iter().filter(|(_, cell)| cell.value().is_none()).count(), withheld);
    assert_eq!(restore(&AuthenticatedEntry::from_vault(ports.ledger[0].clone())).unwrap(), tables);

    let (first, second) = (plan_of(&empty(), &rows(), 2).unwrap(), plan_of(&empty(), &rows(), 3).unwrap());
    let receipt = obtain(&first, &mut ports).unwrap();
    assert!(matches!(commit(second, receipt), Err(CommitError::OtherPlan { .. })));

    let mut broken = Ports { ledger_fails: true, ..Ports::default() };
    assert!(matches!(obtain(&first, &mut broken), Err(ReceiptError::Ledger { .. })));
    assert!(broken.audit.is_empty(), "a release is in the log although the ledger failed");
    let mut broken = Ports { audit_fails: true, ..Ports::default() };
    assert!(matches!(obtain(&first, &mut broken), Err(ReceiptError::Audit { .. })));
}

#[test]
fn a_new_month_keeps_every_earlier_decision() {
    let first = plan_of(&empty(), &rows(), 2).unwrap();
    let before = restore(&entry(&first)).unwrap();
    let past = LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
    let second = plan_of(&past, &rows(), 3).unwrap();
    let after = restore(&entry(&second)).unwrap();
    for (id, cell) in before.get().iter() {
        assert_eq!(after.get().cell(id), Some(cell), "{id}");
    }
    assert!(after.get().len() > before.get().len());
}

/// What everybody knows that a count is at most may change while the count does not: the worlds are those of today.
#[test]
fn limits_of_today_hold_for_what_was_decided_before() {
    let with = |beyond: Option<u64>| {
        let (counts, mut cells) = months(&rows(), 2);
        for cell in cells.iter_mut().filter(|cell| !cell.facts.headline) {
            let count: u64 = (0..).zip(&counts).filter(|(atom, _)| cell.mask >> atom & 1 == 1).map(|(_, n)| n).sum();
            cell.facts.known_upper = beyond.map(|beyond| count + beyond);
        }
        group(&counts, &cells)
    };
    let limits = |plan: &Plan| -> Vec<Option<u64>> {
        let decoded = entry(plan).decode().unwrap();
        let cells = decoded.cells.iter().filter(|cell| !cell.headline);
        cells.map(|cell| cell.known_upper.map(|upper| upper - cell.count)).collect()
    };
    let policy = Policy::threshold(5);
    let first = plan(&empty(), &with(None), &policy, &key(7)).unwrap();
    assert!(first.summary().withheld() >= 2 && limits(&first).iter().all(Option::is_none));
    let mut past = vec![entry(&first)];
    for beyond in [Some(40), Some(6), Some(20), None] {
        let ledger = LedgerState::decode(name("test"), past.last()).unwrap();
        let next = plan(&ledger, &with(beyond), &policy, &key(7)).unwrap();
        assert_eq!(next.digest(), first.digest(), "what is shown stays");
        assert!(limits(&next).iter().all(|limit| *limit == beyond), "{beyond:?}: {:?}", limits(&next));
        past.push(entry(&next));
        verify_ledger(&past).unwrap();
    }
}

#[test]
fn the_whole_ledger_is_checked_and_explained_from_itself() {
    let first = plan_of(&empty(), &rows(), 2).unwrap();
    let past = LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
    let second = plan_of(&past, &rows(), 3).unwrap();
    let checked = verify_ledger([&entry(&first), &entry(&second)]).unwrap();
    assert_eq!((checked.entries, checked.cells), (2, 15));
    assert!(checked.worlds > 0);
    // The other way round, cells go missing, and what claims to be earlier is not.
    assert!(matches!(verify_ledger([&entry(&second), &entry(&first)]), Err(LedgerError::Broken { .. })));
    assert!(matches!(verify_ledger([&entry(&second)]), Err(LedgerError::Broken { .. })));

    let text = report(&entry(&second), &[]).unwrap().to_string();
    assert!(text.contains("everything together"), "{text}");
    let small = cell_id("test", AreaType::Lsoa, "AREA-0", 1, Sex::All, AgeBand::All);
    let explainer = Explainer::new(&entry(&second)).unwrap();
    let why = explainer.explain(&small).unwrap();
    assert_eq!(why.shown, Cell::Withheld(Mark::C));
    assert!(why.to_string().contains("fewer than 5 contributors"), "{why}");
    let other = second_withheld(&second, &small);
    let public = explainer.explain(&other).unwrap().public();
    assert_eq!(public, why.public(), "reasons differ from outside");
}

#[test]
fn why_a_cell_was_withheld_in_the_first_place_stays_known() {
    let first = plan_of(&empty(), &rows(), 2).unwrap();
    let past = LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
    let second = entry(&plan_of(&past, &rows(), 3).unwrap()).decode().unwrap();
    let withheld = entry(&first).decode().unwrap().cells;
    let withheld: Vec<_> = withheld.iter().filter(|cell| cell.reason.is_some()).collect();
    assert!(withheld.len() > 1, "{}", withheld.len());
    for cell in withheld {
        let now = second.cells.iter().find(|now| now.id == cell.id).unwrap();
        assert_eq!(now.reason, cell.reason, "{}", cell.id);
    }
}

/// Another withheld cell, withheld for another reason.
fn second_withheld(plan: &Plan, small: &CellId) -> CellId {
    let entry = entry(plan).decode().unwrap();
    let of = |id: &CellId| entry.cells.iter().find(|cell| cell.id == *id).unwrap().reason;
    let other = entry.cells.iter().find(|cell| cell.reason.is_some() && cell.reason != of(small));
    other.unwrap().id.clone()
}

#[test]
fn what_cannot_be_planned_says_why() {
    let first = plan_of(&empty(), &rows(), 2).unwrap();
    let past = || LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
    let (counts, cells) = months(&rows(), 2);
    let attempt =
        |past: &LedgerState, policy: &Policy| plan(past, &group(&counts, &cells), policy, &key(7)).map(|_| ());
    let hides = Policy { zeros: ZeroPolicy::HideShare { per_thousand: 100 }, ..Policy::threshold(5) };
    assert!(matches!(attempt(&past(), &hides), Err(PlanError::ZerosChanged(_))));
    assert!(matches!(attempt(&empty(), &Policy::threshold(1)), Err(PlanError::Threshold(1))));
    let other = LedgerState::empty(name("other"));
    assert!(matches!(attempt(&other, &Policy::threshold(5)), Err(PlanError::OtherGroup { .. })));
}

/// Two of five records are a new cell: beside the five, which everybody has, nothing hides them. The month to come is shown all the same.
#[test]
fn what_is_late_and_cannot_be_protected_holds_up_no_month_to_come() {
    let cell = |area: &str, month, mask| {
        let id = cell_id("test", AreaType::Lsoa, area, month, Sex::All, AgeBand::All);
        Small { id, mask, facts: CellFacts::default() }
    };
    let cells = [cell("AREA-0", 1, 0b011), cell("AREA-1", 1, 0b001), cell("AREA-0", 2, 0b100)];
    let (counts, k5) = ([2, 3, 30], Policy::threshold(5));
    let first = plan(&empty(), &group(&counts[..2], &cells[..1]), &k5, &key(7)).unwrap();
    let past = LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
    let truth = group(&counts, &cells);
    assert!(matches!(plan(&past, &truth, &k5, &key(7)), Err(PlanError::Unprovable { .. })));
    let second = plan_without_what_is_late(&past, &truth, &k5, &key(7)).unwrap();
    let tables = restore(&entry(&second)).unwrap();
    let shown = cells.each_ref().map(|cell| tables.get().cell(&cell.id).unwrap());
    assert_eq!(shown, [Cell::Value(5), Cell::Withheld(Mark::X), Cell::Value(30)]);
    assert!(!tables.get().more_follows() && tables.get().is_without_late());
    // It is given up: nothing that is registered later, nor any month to come, meets it again.
    let past = LedgerState::decode(name("test"), Some(&entry(&second))).unwrap();
    let later = [&cells[..], &[cell("AREA-2", 2, 0b0100), cell("AREA-0", 3, 0b1000)]].concat();
    let third = plan(&past, &group(&[2, 3, 30, 40], &later), &k5, &key(7)).unwrap();
    let tables = restore(&entry(&third)).unwrap();
    let shown = later.iter().map(|cell| tables.get().cell(&cell.id).unwrap()).collect::<Vec<_>>();
    let values = [30, 30, 40].map(Cell::Value);
    assert_eq!(shown, [&[Cell::Value(5), Cell::Withheld(Mark::X)], &values[..]].concat());
    assert!(!tables.get().is_without_late(), "it is told once");
    verify_ledger([&entry(&first), &entry(&second), &entry(&third)]).unwrap();
}

/// One cell in question beside two large ones, and what becomes of it.
fn shown(count: u64, contributors: u64, facts: CellFacts, policy: &Policy) -> Cell {
    let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
    let atoms = [builder.atom(count), builder.atom(500), builder.atom(600)];
    builder.cell(numbered(0), [atoms[0]], contributors, facts);
    builder.cell(numbered(1), [atoms[1]], 500, CellFacts::default());
    builder.cell(numbered(2), atoms, 1100, CellFacts::default());
    let made = plan(&empty(), &builder.finish().unwrap(), policy, &key(7)).unwrap();
    restore(&entry(&made)).unwrap().get().cell(&numbered(0)).unwrap()
}

#[test]
fn cells_are_decided_by_the_rules() {
    let plain = CellFacts::default();
    let k5 = Policy::threshold(5);
    let k8 = Policy { rounding: Rounding::Nearest(5), ..Policy::threshold(8) };
    let hide = Policy { zeros: ZeroPolicy::HideShare { per_thousand: 1000 }, ..Policy::threshold(5) };
    let c = Cell::Withheld(Mark::C);
    for (count, contributors, facts, policy, expect) in [
        (0, 0, plain, &k5, Cell::Value(0)),
        (0, 0, plain, &hide, c),
        (1, 1, plain, &k5, c),
        (4, 4, plain, &k5, c),
        (5, 5, plain, &k5, Cell::Value(5)),
        (6, 1, plain, &k5, c),
        (4, 4, CellFacts { headline: true, ..plain }, &k5, c),
        (7, 7, plain, &k8, c),
        (8, 8, plain, &k8, Cell::Value(10)),
        (12, 12, plain, &k8, Cell::Value(10)),
        (3, 3, CellFacts { known_upper: Some(4), ..plain }, &k5, c),
        (9, 9, CellFacts { not_available: true, ..plain }, &k5, Cell::Withheld(Mark::X)),
    ] {
        assert_eq!(shown(count, contributors, facts, policy), expect, "{count} from {contributors} with {facts:?}");
    }
}

/// The same count by fewer people is another figure, and not shown: that of before stays out, and what is under the mark now has a
/// proof of its own.
#[test]
fn fewer_people_behind_the_same_count_are_withheld() {
    let with = |people: u8| {
        let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
        let atoms = [builder.atom(6), builder.atom(500), builder.atom(600)];
        for person in 0..people {
            builder.contribution(atoms[0], Some([person; 16]), 0, u64::from(6 / people));
        }
        builder.cell(numbered(0), [atoms[0]], u64::from(people), CellFacts::default());
        builder.cell(numbered(1), [atoms[1]], 500, CellFacts::default());
        builder.cell(numbered(2), atoms, 1100, CellFacts::default());
        builder.finish().unwrap()
    };
    let policy = Policy::threshold(5);
    let first = plan(&empty(), &with(6), &policy, &key(7)).unwrap();
    assert_eq!(restore(&entry(&first)).unwrap().get().cell(&numbered(0)), Some(Cell::Value(6)));
    let past = LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
    let again = plan(&past, &with(1), &policy, &key(7)).unwrap();
    assert_eq!(restore(&entry(&again)).unwrap().get().cell(&numbered(0)).unwrap().value(), None);
    assert_eq!(verify_ledger([&entry(&first), &entry(&again)]).unwrap().entries, 2);
    // Shown for the first time it would be withheld.
    let fresh = plan(&empty(), &with(1), &policy, &key(7)).unwrap();
    assert_eq!(restore(&entry(&fresh)).unwrap().get().cell(&numbered(0)), Some(Cell::Withheld(Mark::C)));
}

#[test]
fn a_cell_is_defined_once() {
    let build = |second: &[usize], contributors: u64| {
        let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), Exposure::Controlled);
        let atoms = [builder.atom(5), builder.atom(6)];
        builder.cell(numbered(0), [atoms[0]], 5, CellFacts::default());
        builder.cell(numbered(0), second.iter().map(|i| atoms[*i]), contributors, CellFacts::default());
        builder.finish().map(|_| ())
    };
    assert_eq!(build(&[0], 5), Ok(()));
    assert!(build(&[0], 4).is_err());
    assert!(build(&[1], 5).is_err());
}

#[test]
fn only_open_data_are_released_as_they_are() {
    let open = OpenSource { source: "ONS".to_owned(), licence: "OGL-3.0".to_owned() };
    let build = |exposure| {
        let mut builder = UnreleasedBuilder::new(name("test"), Digest([0; 32]), exposure);
        let atom = builder.atom(1);
        builder.cell(numbered(0), [atom], 1, CellFacts::default());
        builder.finish().unwrap()
    };
    let declared = |source: &str| Exposure::Open { source: source.to_owned(), licence: open.licence.clone() };
    let tables = build(declared("ONS")).release_open(&open).unwrap();
    assert_eq!(tables.get().cell(&numbered(0)), Some(Cell::Value(1)));
    assert!(matches!(build(declared("other")).release_open(&open), Err(OpenError::OtherSource(_))));
    assert!(matches!(build(Exposure::Controlled).release_open(&open), Err(OpenError::Controlled(_))));
    let planned = plan(&empty(), &build(declared("ONS")), &Policy::threshold(5), &key(7));
    assert!(matches!(planned, Err(PlanError::Open(_))));
}

/// The independent check refuses what the search must never do.
#[test]
fn a_tampered_entry_is_not_restored() {
    let made = plan_of(&empty(), &rows(), 3).unwrap();
    let good = entry(&made).decode().unwrap();
    let tampered = |change: &dyn Fn(&mut crate::ledger::Entry)| {
        let mut copy = entry(&made).decode().unwrap();
        change(&mut copy);
        restore(&AuthenticatedEntry::from_vault(serde_json::to_vec(&copy).unwrap())).is_err()
    };
    assert!(!tampered(&|_| ()));
    assert!(!good.tables[0].worlds.is_empty());
    assert!(tampered(&|e| e.tables[0].worlds.clear()), "the truth as the only witness");
    assert!(tampered(&|e| e.tables[0].worlds[0][0].1 += 1), "a released total changes");
    assert!(tampered(&|e| e.tables[0].worlds[0][0].1 -= 1000), "a negative atom");
    assert!(tampered(&|e| e.truth[0] += 1), "another truth");
    assert!(
        tampered(&|e| e.cells.iter_mut().for_each(|c| c.outcome = crate::ledger::Outcome::Released)),
        "small counts"
    );
    assert!(tampered(&|e| e.policy.k = 12), "a stricter threshold");
    assert!(tampered(&|e| e.tables[0].places[0] = None), "an atom is taken out");
    let one_person = |e: &mut crate::ledger::Entry| {
        let mut shown = e.cells.iter_mut().filter(|c| c.outcome == crate::ledger::Outcome::Released && c.count > 0);
        shown.next().unwrap().contributors = 1;
    };
    assert!(tampered(&one_person), "a released cell of one person");
}

/// What is out tells more once a zero beside it is shown: nothing can be withheld any more, so the later plan is refused.
#[test]
fn a_zero_that_would_make_earlier_figures_tell_more_is_not_published() {
    // 30 in all, 14 of one kind and 13 of another, of which no record is of both: three of neither.
    let counts = [14, 13, 3, 0];
    let cell = |number, mask| Small { id: numbered(number), mask, facts: CellFacts::default() };
    let out = [cell(1, 0b1111), cell(2, 0b1001), cell(3, 0b1010)];
    let both = [&out[..], &[cell(4, 0b1000)]].concat();
    for (counts, refused) in [(counts, true), ([14, 13, 9, 0], false)] {
        let first = plan(&empty(), &group(&counts, &out), &Policy::threshold(5), &key(7)).unwrap();
        assert_eq!(first.summary().released(), 3, "without the zero the overlap is free");
        let past = LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
        let second = plan(&past, &group(&counts, &both), &Policy::threshold(5), &key(7));
        assert_eq!(
            matches!(second, Err(PlanError::Unprovable { .. })),
            refused,
            "{:?}",
            second.map(|plan| plan.digest())
        );
        // Planned at once, something else is withheld.
        let at_once = plan(&empty(), &group(&counts, &both), &Policy::threshold(5), &key(7)).unwrap();
        assert_eq!(at_once.summary().withheld() > 0, refused);
    }
}

/// The same where half of a sum is told only with a zero.
#[test]
fn a_zero_that_would_complete_half_of_a_sum_is_not_published() {
    let counts = [2, 9, 8, 0];
    let cell = |number, mask| Small { id: numbered(number), mask, facts: CellFacts::default() };
    let out = [cell(1, 0b1011), cell(2, 0b0110), cell(3, 0b0101)];
    let first = plan(&empty(), &group(&counts, &out), &Policy::threshold(5), &key(7)).unwrap();
    let past = LedgerState::decode(name("test"), Some(&entry(&first))).unwrap();
    let both = [&out[..], &[cell(4, 0b1000)]].concat();
    let second = plan(&past, &group(&counts, &both), &Policy::threshold(5), &key(7));
    let shown = second.as_ref().map_or(0, |plan| plan.summary().released());
    assert!(second.is_err() || shown < 4, "{shown} of 4 cells are shown");
}
