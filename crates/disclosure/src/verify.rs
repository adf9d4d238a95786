//! Checks a ledger entry from the entry alone: every world exactly, every witness, every released cell. It shares no code with
//! the search that found the worlds.

use std::collections::BTreeMap;

use crate::ids::CellId;
use crate::ledger::{ColumnKind, Entry, EntryCell, EntryTable, Outcome};
use crate::policy::ZeroPolicy;

/// What does not hold. Cells are named, counts are not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The entry contradicts itself.
    #[error("table {table} of the entry is inconsistent: {what}")]
    Inconsistent {
        /// Number of the table.
        table: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A world that everybody can exclude.
    #[error("world {world} of table {table} contradicts what is public: {what}")]
    ImpossibleWorld {
        /// Number of the table.
        table: usize,
        /// Number of the world.
        world: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A withheld cell, or a difference, without a proof.
    #[error("column {column} of table {table} is protected without a witness")]
    NoWitness {
        /// Number of the table.
        table: usize,
        /// Number of the column.
        column: usize,
    },
    /// A cell whose outcome breaks the rules.
    #[error("cell `{cell}` breaks the rules: {what}")]
    Rule {
        /// The cell.
        cell: Box<CellId>,
        /// What is wrong.
        what: &'static str,
    },
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checked {
    /// Withheld columns whose proved interval stays below k: only where public bounds alone force that.
    pub(crate) provably_small: usize,
    /// Worlds checked.
    pub(crate) worlds: usize,
}

/// What a column must fulfil, recomputed from the cells that use it.
#[derive(Clone, Copy)]
struct Demand {
    lower: i64,
    upper: i64,
    reach: i64,
    used: bool,
}

/// Checks everything.
///
/// # Errors
/// The first thing that does not hold.
pub(crate) fn verify(entry: &Entry) -> Result<Checked, VerifyError> {
    let mut checked = Checked::default();
    let mut demands: Vec<Vec<Demand>> = entry.tables.iter().map(|table| initial(entry, table)).collect();
    for cell in &entry.cells {
        check_cell(entry, cell, &mut demands)?;
    }
    for ((number, table), demands) in entry.tables.iter().enumerate().zip(&demands) {
        check_table(entry, number, table, demands, &mut checked)?;
    }
    Ok(checked)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

fn initial(entry: &Entry, table: &EntryTable) -> Vec<Demand> {
    let demand = |upper: Option<u64>| Demand {
        lower: 0,
        upper: upper.map_or(i64::MAX / 4, signed),
        reach: signed(entry.policy.k),
        used: false,
    };
    table.columns.iter().map(|column| demand(column.upper)).collect()
}

/// The sum of a column in the truth.
fn total(table: &EntryTable, atoms: &[u32]) -> Option<i64> {
    atoms.iter().try_fold(0_i64, |sum, atom| sum.checked_add(signed(*table.truth.get(*atom as usize)?)))
}

fn check_cell(entry: &Entry, cell: &EntryCell, demands: &mut [Vec<Demand>]) -> Result<(), VerifyError> {
    let fail = |what| Err(VerifyError::Rule { cell: Box::new(cell.id.clone()), what });
    if cell.outcome == Outcome::NotAvailable {
        return Ok(());
    }
    let k = entry.policy.k;
    let publishes_zeros = entry.policy.zeros == ZeroPolicy::Publish;
    let unsafe_count = cell.count > 0 && (cell.count < k || cell.contributors < k);
    match cell.outcome {
        Outcome::Released if unsafe_count && !cell.earlier => return fail("an unsafe count is released"),
        Outcome::Withheld if publishes_zeros && cell.count == 0 => return fail("a zero is withheld"),
        _ => {}
    }
    let Some((table, column)) = cell.place else {
        return if cell.count == 0 && cell.outcome == Outcome::Released { Ok(()) } else { fail("it has no column") };
    };
    let place = entry.tables.get(table as usize).and_then(|t| Some((t, t.columns.get(column as usize)?)));
    let demand = demands.get_mut(table as usize).and_then(|demands| demands.get_mut(column as usize));
    let (Some((table, column)), Some(demand)) = (place, demand) else { return fail("its column does not exist") };
    if total(table, &column.atoms) != Some(signed(cell.count)) {
        return fail("its count is not the sum of its atoms");
    }
    match (cell.outcome, column.kind) {
        (Outcome::Released, ColumnKind::Released) | (Outcome::Withheld, ColumnKind::Withheld) => {}
        _ => return fail("its outcome is not that of its column"),
    }
    demand.used = true;
    demand.lower = demand.lower.max(i64::from(publishes_zeros));
    demand.upper = demand.upper.min(cell.known_upper.map_or(i64::MAX / 4, signed));
    // With fewer than k people behind more records, k further people than records beyond one each.
    let repeats = if cell.contributors < k { cell.count.saturating_sub(cell.contributors) } else { 0 };
    demand.reach = demand.reach.max(signed(k + repeats));
    Ok(())
}

/// What a world does to each column, and that it may.
fn check_world(
    table: &EntryTable,
    members: &[Vec<u32>],
    totals: &[i64],
    demands: &[Demand],
    world: &[(u32, i64)],
) -> Result<BTreeMap<u32, i64>, &'static str> {
    let mut nets: BTreeMap<u32, i64> = BTreeMap::new();
    let mut last = None;
    for (atom, delta) in world {
        if last.is_some_and(|last| last >= *atom) {
            return Err("its atoms are not in order");
        }
        last = Some(*atom);
        let truth = table.truth.get(*atom as usize).map(|count| signed(*count)).ok_or("an atom does not exist")?;
        if truth.checked_add(*delta).is_none_or(|count| count < 0) {
            return Err("an atom is negative");
        }
        for column in members.get(*atom as usize).ok_or("an atom does not exist")? {
            *nets.entry(*column).or_insert(0) += delta;
        }
    }
    nets.retain(|_, net| *net != 0);
    for (index, net) in &nets {
        let index = *index as usize;
        let (Some(column), Some(demand), Some(total)) =
            (table.columns.get(index), demands.get(index), totals.get(index))
        else {
            return Err("a column does not exist");
        };
        match column.kind {
            ColumnKind::Released | ColumnKind::Shared => return Err("it changes a released value"),
            ColumnKind::Withheld | ColumnKind::Difference => {}
        }
        let count = total + net;
        if count < demand.lower || count > demand.upper {
            return Err("it leaves what is known of a withheld value");
        }
    }
    Ok(nets)
}

fn check_table(
    entry: &Entry,
    number: usize,
    table: &EntryTable,
    demands: &[Demand],
    checked: &mut Checked,
) -> Result<(), VerifyError> {
    let inconsistent = |what| VerifyError::Inconsistent { table: number, what };
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); table.truth.len()];
    let mut totals = Vec::with_capacity(table.columns.len());
    for (column, index) in table.columns.iter().zip(0_u32..) {
        totals.push(total(table, &column.atoms).ok_or_else(|| inconsistent("a column has an unknown atom"))?);
        for atom in &column.atoms {
            members.get_mut(*atom as usize).ok_or_else(|| inconsistent("a column has an unknown atom"))?.push(index);
        }
    }
    let mut worlds = Vec::with_capacity(table.worlds.len());
    for (world, change) in table.worlds.iter().enumerate() {
        let nets = check_world(table, &members, &totals, demands, change)
            .map_err(|what| VerifyError::ImpossibleWorld { table: number, world, what })?;
        worlds.push(nets);
    }
    checked.worlds += worlds.len();
    let witnesses: BTreeMap<u32, (Option<u32>, Option<u32>)> =
        table.witnesses.iter().map(|(column, top, bottom)| (*column, (*top, *bottom))).collect();
    for (((column, demand), total), index) in table.columns.iter().zip(demands).zip(&totals).zip(0_u32..) {
        match column.kind {
            ColumnKind::Withheld if !demand.used => return Err(inconsistent("a withheld column has no cell")),
            ColumnKind::Withheld | ColumnKind::Difference => {}
            ColumnKind::Released | ColumnKind::Shared => continue,
        }
        let (top, bottom) = witnesses.get(&index).copied().unwrap_or_default();
        let value = |world: Option<u32>| -> Option<i64> {
            let Some(world) = world else { return Some(*total) };
            Some(total + worlds.get(world as usize)?.get(&index).copied().unwrap_or(0))
        };
        let (Some(high), Some(low)) = (value(top), value(bottom)) else {
            return Err(inconsistent("a witness does not exist"));
        };
        let k = signed(entry.policy.k);
        let width = k.min(demand.upper - demand.lower);
        if high < demand.reach.min(demand.upper) || high - low < width {
            return Err(VerifyError::NoWitness { table: number, column: index as usize });
        }
        checked.provably_small += usize::from(column.kind == ColumnKind::Withheld && high < k);
    }
    Ok(())
}
