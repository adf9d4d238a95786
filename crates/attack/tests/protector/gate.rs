//! What the gate makes of random groups: what it is given of each revision, and all that it releases of them.

use std::collections::{BTreeMap, BTreeSet};

use attack::groups::{Counted, Group};
use attack::{Cell, Dimension, Problem, Table, Value, jointly};
use disclosure::{
    AtomIndex, AuditPort, AuthenticatedEntry, CellFacts, CellId, Coalitions, DurableReceipt, GroupId, LedgerPort,
    LedgerState, PlanKey, Policy, PortError, ReleaseRecord, SealedEntry, Unreleased, UnreleasedBuilder, ZeroPolicy,
};
use model::{AgeBand, AreaType, CellKey, Digest, Exposure, Month, Period, PeriodType, Sex};

/// A ledger and an audit log in memory.
#[derive(Default)]
struct Memory {
    entries: Vec<Vec<u8>>,
}

impl LedgerPort for Memory {
    fn append(&mut self, entry: &SealedEntry) -> Result<u64, PortError> {
        self.entries.push(entry.secret_bytes().to_vec());
        Ok(self.entries.len() as u64)
    }
}

struct Audit;

impl AuditPort for Audit {
    fn record_release(&mut self, _record: &ReleaseRecord) -> Result<u64, PortError> {
        Ok(1)
    }
}

/// The gate's key of a cell that the attacker calls by its codes.
pub(super) fn cell_id(group: &Group, codes: &[String]) -> CellId {
    let code = |name: &str| {
        let position = group.dimensions.iter().position(|dimension| dimension.name == name);
        position.map_or("all", |position| codes[position].as_str())
    };
    let area = code("area");
    let area_type = match area.chars().next().unwrap() {
        'L' => AreaType::Lsoa,
        'W' => AreaType::Ward,
        'N' => AreaType::Neighbourhood,
        'D' => AreaType::District,
        _ => AreaType::Partnership,
    };
    let sex = match code("sex") {
        "female" => Sex::Female,
        "male" => Sex::Male,
        _ => Sex::All,
    };
    let age = match code("age") {
        "0-15" => AgeBand::Closed(0, 15),
        "16-64" => AgeBand::Closed(16, 64),
        "65+" => AgeBand::Closed(65, 120),
        _ => AgeBand::All,
    };
    let area = if area == "all" { "ALL-AREAS".to_owned() } else { format!("AREA-{area}") };
    let key = CellKey {
        area_type,
        area: area.parse().unwrap(),
        period: period(group, code("period")),
        sex,
        age,
        breakdown: None,
    };
    let measure = if code("measure") == "part" { "part" } else { "whole" };
    CellId { measure: measure.parse().unwrap(), key }
}

/// Months, quarters and years, and all months that there are.
pub(super) fn period(group: &Group, code: &str) -> Period {
    let (year, rest) = code.split_once('-').unwrap_or((code, ""));
    let month = |month: i32| Month::new(year.parse().unwrap(), month).unwrap();
    match rest.strip_prefix('Q') {
        _ if code == "all" && are_of_one_year(group) => {
            PeriodType::CalendarYear.containing(Month::new(2023, 6).unwrap())
        }
        // Longer than any period; the groups have no financial years.
        _ if code == "all" => PeriodType::FinancialYear.containing(Month::new(2023, 6).unwrap()),
        _ if rest.is_empty() => PeriodType::CalendarYear.containing(month(1)),
        Some(quarter) => PeriodType::Quarter.containing(month(quarter.parse::<i32>().unwrap() * 3)),
        None => PeriodType::Month.containing(month(rest.parse().unwrap())),
    }
}

pub(super) fn are_of_one_year(group: &Group) -> bool {
    group.dimensions[PERIOD].atoms.len() <= 12
}

/// What a group is given as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    pub(super) zeros: ZeroPolicy,
    pub(super) own_records: bool,
    /// Whether it is known who stands behind each record and which partner it came from.
    pub(super) named: bool,
    pub(super) decoys: u16,
}

impl Setting {
    /// A setting for each seed, so that all combinations come up.
    pub(super) fn of(seed: u64) -> Self {
        let zeros =
            if seed.is_multiple_of(2) { ZeroPolicy::Publish } else { ZeroPolicy::HideShare { per_thousand: 300 } };
        Self { zeros, own_records: false, named: seed.is_multiple_of(3), decoys: if seed % 4 == 1 { 100 } else { 0 } }
    }

    pub(super) fn policy(self, k: u32) -> Policy {
        Policy {
            zeros: self.zeros,
            own_records: self.own_records,
            decoys_per_thousand: self.decoys,
            coalitions: Coalitions::Pairs,
            ..Policy::threshold(u64::from(k))
        }
    }
}

/// Whether an atom lies in a cell.
pub(super) fn inside(dimensions: &[Dimension], codes: &[String], at: &[usize]) -> bool {
    let each = codes.iter().zip(dimensions).zip(at);
    each.into_iter().all(|((code, dimension), atom)| inside_of(dimension, code, &dimension.atoms[*atom]))
}

/// Whether an atom of a dimension is one of those of a code.
pub(super) fn inside_of(dimension: &Dimension, code: &str, atom: &String) -> bool {
    let level = dimension.levels.iter().find_map(|level| level.codes.get(code));
    code == dimension.total || code == atom || level.is_some_and(|atoms| atoms.contains(atom))
}

/// What is published at a time.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The revision of the records, from 1.
    pub(super) revision: usize,
    /// The months that are withdrawn: no cell of longer periods around them is there either.
    pub(super) away: BTreeSet<String>,
    /// Areas in months of which the source has no figure.
    pub(super) gaps: BTreeSet<(usize, usize)>,
    /// How many of the group's views are registered, the first of them.
    pub(super) views: usize,
    /// Whether anything ever goes.
    pub(super) withdrawals: bool,
}

impl Step {
    /// Every view of a revision, with nothing away.
    pub(super) fn of(revision: usize) -> Self {
        Self { revision, away: BTreeSet::new(), gaps: BTreeSet::new(), views: usize::MAX, withdrawals: false }
    }

    /// The group's tables at this time, with their true counts.
    pub(super) fn tables(&self, group: &Group) -> Vec<(String, Vec<Counted>)> {
        let dimensions = group.dimensions_as_of(self.revision);
        let away = |cell: &Counted| {
            let period = &dimensions[PERIOD];
            // Where a period is longer than its name says, nothing could tell what it is beside.
            if self.withdrawals && cell.codes[PERIOD] == "all" && !are_of_one_year(group) {
                return true;
            }
            let covered = |month: &String| inside_of(period, &cell.codes[PERIOD], month);
            self.away.iter().filter(|month| period.atoms.contains(month)).any(covered)
        };
        let registered: BTreeSet<&String> = group.views.iter().take(self.views).map(|view| &view.name).collect();
        let mut tables = group.tables(self.revision);
        tables.retain(|(name, _)| registered.contains(name));
        for (_, cells) in &mut tables {
            cells.retain(|cell| !away(cell));
        }
        tables.retain(|(_, cells)| !cells.is_empty());
        tables
    }

    /// Whether the source has no figure of a part of a cell.
    fn has_gap(&self, dimensions: &[Dimension], codes: &[String]) -> bool {
        self.gaps.iter().any(|(area, month)| inside(&dimensions[..2], &codes[..2], &[*area, *month]))
    }
}

pub(super) const PERIOD: usize = 1;

/// What the gate is given at a time, the `number`th: atoms, and cells as sets of atoms.
pub(super) fn unreleased(group: &Group, step: &Step, number: usize, id: &GroupId, named: bool) -> Unreleased {
    let mut builder =
        UnreleasedBuilder::new(id.clone(), Digest([u8::try_from(number).unwrap(); 32]), Exposure::Controlled);
    let dimensions = group.dimensions_as_of(step.revision);
    let is_there = |record: &&attack::groups::Record| {
        let month = &group.dimensions[PERIOD].atoms[record.at[PERIOD]];
        let is_gap = step.gaps.contains(&(record.at[0], record.at[PERIOD]));
        (record.from..=record.until).contains(&step.revision) && !step.away.contains(month) && !is_gap
    };
    let mut counts: BTreeMap<Vec<usize>, u64> = BTreeMap::from([(Vec::new(), 0)]);
    for dimension in &dimensions {
        let atoms = 0..dimension.atoms.len();
        counts = counts.into_keys().flat_map(|at| atoms.clone().map(move |n| ([&at[..], &[n]].concat(), 0))).collect();
    }
    counts.retain(|at, _| !step.away.contains(&dimensions[PERIOD].atoms[at[PERIOD]]));
    for record in group.records.iter().filter(is_there) {
        *counts.get_mut(&record.at).unwrap() += 1;
    }
    let atoms: Vec<(Vec<usize>, AtomIndex)> = counts.into_iter().map(|(at, count)| (at, builder.atom(count))).collect();
    if named {
        let place: BTreeMap<&[usize], AtomIndex> = atoms.iter().map(|(at, atom)| (at.as_slice(), *atom)).collect();
        for record in group.records.iter().filter(is_there) {
            let person = Some((record.person as u128).to_be_bytes());
            builder.contribution(place[record.at.as_slice()], person, record.partner, 1);
        }
    }
    let mut cells: BTreeMap<Vec<String>, Counted> = BTreeMap::new();
    for (_, table) in step.tables(group) {
        cells.extend(table.into_iter().map(|cell| (cell.codes.clone(), cell)));
    }
    for cell in cells.into_values() {
        let members = atoms.iter().filter(|(at, _)| inside(&dimensions, &cell.codes, at));
        let members: Vec<AtomIndex> = members.map(|(_, atom)| *atom).collect();
        let headline = cell.codes.iter().all(|code| code == "all");
        let not_available = step.has_gap(&dimensions, &cell.codes);
        let facts = CellFacts { headline, not_available, ..CellFacts::default() };
        builder.cell(cell_id(group, &cell.codes), members, cell.people, facts);
    }
    builder.finish().unwrap()
}

/// What the gate releases of the revisions, joined, and of which it is.
pub(super) fn release(group: &Group, setting: Setting) -> Option<Released> {
    // What is new follows what is revised.
    let revisions = (1..=group.revisions).chain([group.revisions]);
    release_each(group, setting, &revisions.map(Step::of).collect::<Vec<_>>())
}

/// What the gate released.
pub(super) struct Released {
    /// Joined.
    pub(super) joint: Problem,
    /// Of which revisions it is.
    pub(super) published: Vec<usize>,
    /// For each time at which anything was published: what was, and the gate's answers.
    pub(super) times: Vec<(Step, BTreeMap<CellId, disclosure::Cell>)>,
}

/// What the gate releases at these times, joined by the revision of the records; what it refuses is not published.
pub(super) fn release_each(group: &Group, setting: Setting, steps: &[Step]) -> Option<Released> {
    let id: GroupId = "random".parse().unwrap();
    let policy = setting.policy(group.threshold);
    let mut memory = Memory::default();
    let mut times: Vec<(Step, BTreeMap<CellId, disclosure::Cell>)> = Vec::new();
    let mut withheld_once = BTreeSet::new();
    for (number, step) in steps.iter().enumerate() {
        let last = memory.entries.last().map(|entry| AuthenticatedEntry::from_vault(entry.clone()));
        let past = LedgerState::decode(id.clone(), last.as_ref()).unwrap();
        let mut truth = unreleased(group, step, number, &id, setting.named);
        let other = |before: &Step| (before.revision, &before.gaps) != (step.revision, &step.gaps);
        if step.withdrawals && times.last().is_some_and(|(before, _)| other(before)) {
            truth = truth.of_other_records();
        }
        let plan = match disclosure::plan(&past, &truth, &policy, &PlanKey::new([7; 32])) {
            Ok(plan) => plan,
            Err(error @ disclosure::PlanError::Unverified { .. }) => panic!("{step:?}: {error:?}"),
            Err(_) => continue,
        };
        let receipt = DurableReceipt::obtain(&plan, &mut memory, &mut Audit, 1).unwrap();
        let released = disclosure::commit(plan, receipt).unwrap();
        let mut cells = BTreeMap::new();
        let _ = released.as_ref().map(|tables| {
            cells.extend(tables.iter().map(|(id, cell)| (id.clone(), cell)));
            // A rule by which some are shown again would tell, whoever knows it, of what was withheld.
            for (id, cell) in tables.iter() {
                match cell {
                    _ if is_not_available(cell) => {}
                    disclosure::Cell::Withheld(_) => drop(withheld_once.insert(id.clone())),
                    disclosure::Cell::Value(value) => {
                        assert!(value == 0 || !withheld_once.contains(id), "{id} is shown again");
                    }
                }
            }
        });
        times.push((step.clone(), cells));
    }
    let entries: Vec<_> = memory.entries.iter().map(|entry| AuthenticatedEntry::from_vault(entry.clone())).collect();
    disclosure::verify_ledger(&entries).unwrap();
    let mut published: Vec<usize> = times.iter().map(|(step, _)| step.revision).collect();
    published.dedup();
    let of = |revision: &usize| {
        let shown: Vec<_> = times.iter().filter(|(step, _)| step.revision == *revision).map(|time| &time.1).collect();
        let mut problem = group.release(*revision, setting.zeros == ZeroPolicy::Publish, |_| false);
        for table in &mut problem.tables {
            table.cells = seen(group, table, |id| best(&shown, id));
        }
        problem
    };
    let revisions: Vec<Problem> = published.iter().map(of).collect();
    if revisions.is_empty() {
        return None;
    }
    let mut joint = jointly(&revisions, group.feed).unwrap();
    if setting.named {
        joint.attackers = group.partners(&published, &COALITIONS.map(<[u16]>::to_vec));
    }
    Some(Released { joint, published, times })
}

/// What a reader has of a cell who saw it several times while the records were the same.
pub(super) fn best(shown: &[&BTreeMap<CellId, disclosure::Cell>], id: &CellId) -> Option<disclosure::Cell> {
    let seen = || shown.iter().filter_map(|cells| cells.get(id).copied());
    let value = seen().find(|cell| cell.value().is_some());
    value.or_else(|| seen().find(|cell| !is_not_available(*cell)))
}

/// Whether a cell is marked as not available, which says nothing of its count.
pub(super) fn is_not_available(cell: disclosure::Cell) -> bool {
    cell == disclosure::Cell::Withheld(model::Mark::X)
}

/// Every partner, and every two of them.
pub(super) const COALITIONS: [&[u16]; 6] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2]];

/// The cells of a table as they were released.
pub(super) fn seen(group: &Group, table: &Table, cell: impl Fn(&CellId) -> Option<disclosure::Cell>) -> Vec<Cell> {
    let cells = table.cells.iter().filter_map(|old| {
        let value = match cell(&cell_id(group, &old.codes))? {
            disclosure::Cell::Value(count) => Value::Released(count),
            disclosure::Cell::Withheld(_) => Value::Withheld,
        };
        Some(Cell { codes: old.codes.clone(), value })
    });
    cells.collect()
}
