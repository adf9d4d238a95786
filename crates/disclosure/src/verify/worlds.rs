//! Checks worlds by exact sparse sums, and that they show what every withheld cell needs, to every reader.

use std::collections::{BTreeMap, BTreeSet};

use super::base::Base;
use super::rules::{Demand, judge};
use super::split::Pieces;
use super::{Checked, VerifyError};
use crate::ledger::{ColumnKind, Entry, EntryTable, Outcome};

/// Who misses their own records in a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Somebody {
    /// One of those in an atom of the table whose names are unknown.
    Unknown(u32),
    Contributor(u64),
    /// Partners, alone or together, by number among those who read.
    Partner(usize),
}

/// One table with everything the check derives.
struct Sheet<'a> {
    entry: &'a Entry,
    base: &'a Base<'a>,
    number: usize,
    table: &'a EntryTable,
    truth: Vec<i64>,
    members: Vec<Vec<u32>>,
    totals: Vec<i64>,
    /// Demand of each withheld column.
    demands: Vec<Option<Demand>>,
    /// Own records by atom of the table.
    own: Vec<BTreeMap<Somebody, i64>>,
}

/// One world: its effect on columns, and who can exclude it.
struct World {
    nets: BTreeMap<u32, i64>,
    excluded_by: BTreeSet<Somebody>,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

/// Checks one table.
pub(super) fn check(
    entry: &Entry,
    base: &Base<'_>,
    number: usize,
    divisions: &[Pieces],
    checked: &mut Checked,
) -> Result<(), VerifyError> {
    let Some(table) = entry.tables.get(number) else { return Ok(()) };
    let sheet = Sheet::new(entry, base, number, table)?;
    let mut worlds = Vec::with_capacity(table.worlds.len());
    for (world, change) in table.worlds.iter().enumerate() {
        let fail = |what| VerifyError::ImpossibleWorld { table: number, world, what };
        worlds.push(sheet.world(change, divisions).map_err(fail)?);
    }
    checked.worlds += worlds.len();
    let mut by_column: BTreeMap<u32, Vec<(i64, &World)>> = BTreeMap::new();
    for world in &worlds {
        for (column, net) in &world.nets {
            by_column.entry(*column).or_default().push((*net, world));
        }
    }
    for (demand, column) in sheet.demands.iter().zip(0_u32..) {
        let Some(demand) = demand else { continue };
        let moves = by_column.get(&column).map_or(&[][..], Vec::as_slice);
        let fail = |what| VerifyError::NoWitness { table: number, column: column as usize, what };
        checked.provably_small += usize::from(sheet.witnessed(column, demand, moves).map_err(fail)?);
    }
    Ok(())
}

impl<'a> Sheet<'a> {
    fn new(entry: &'a Entry, base: &'a Base<'a>, number: usize, table: &'a EntryTable) -> Result<Self, VerifyError> {
        let inconsistent = |what| VerifyError::Inconsistent { table: number, what };
        let inside = base.inside.get(number).map_or(&[][..], Vec::as_slice);
        let truth: Vec<i64> = inside.iter().map(|atoms| signed(base.value(atoms))).collect();
        let mut members = vec![Vec::new(); truth.len()];
        let mut totals = Vec::with_capacity(table.columns.len());
        for (column, index) in table.columns.iter().zip(0_u32..) {
            let mut total = 0_i64;
            for atom in column.atoms.iter().collect::<BTreeSet<_>>() {
                let of_atom = members.get_mut(*atom as usize).zip(truth.get(*atom as usize));
                let (list, count) = of_atom.ok_or_else(|| inconsistent("a column has an unknown atom"))?;
                list.push(index);
                total += count;
            }
            totals.push(total);
        }
        let own = own_records(entry, base, inside);
        let mut sheet =
            Self { entry, base, number, table, truth, members, totals, demands: vec![None; table.columns.len()], own };
        sheet.collect_demands()?;
        Ok(sheet)
    }

    /// The demands of all withheld figures, together by column.
    fn collect_demands(&mut self) -> Result<(), VerifyError> {
        for (cell, atoms) in self.entry.figures().zip(&self.base.cells) {
            let Some((table, column)) = cell.place.filter(|_| cell.outcome == Outcome::Withheld) else { continue };
            if table as usize != self.number {
                continue;
            }
            let demand = judge(self.entry, self.base, cell, atoms).1;
            let Some(slot) = self.demands.get_mut(column as usize) else { continue };
            *slot = Some(match *slot {
                None => demand,
                Some(other) => Demand {
                    // Where one of the names may be zero behind its mark, so may all.
                    lower: demand.lower.max(other.lower),
                    upper: demand.upper.into_iter().chain(other.upper).min(),
                    reach: demand.reach.max(other.reach),
                    fall: demand.fall.into_iter().chain(other.fall).min(),
                },
            });
        }
        for (column, demand) in self.table.columns.iter().zip(&self.demands) {
            if (column.kind == ColumnKind::Withheld) != demand.is_some() {
                let what = "a withheld column has no cell";
                return Err(VerifyError::Inconsistent { table: self.number, what });
            }
        }
        Ok(())
    }

    /// Computes a world, and that nobody who sees only what is public can exclude it.
    fn world(&self, change: &[(u32, i64)], divisions: &[Pieces]) -> Result<World, &'static str> {
        let mut nets: BTreeMap<u32, i64> = BTreeMap::new();
        let mut pieces: BTreeMap<(usize, u32), i64> = BTreeMap::new();
        let mut excluded_by = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for (atom, delta) in change {
            let index = *atom as usize;
            if !seen.insert(*atom) {
                return Err("an atom changes twice");
            }
            let truth = self.truth.get(index).ok_or("an atom does not exist")?;
            let count = truth.checked_add(*delta).filter(|count| *count >= 0).ok_or("an atom is negative")?;
            let own = self.own.get(index).into_iter().flatten();
            excluded_by.extend(own.filter(|(_, own)| **own > count).map(|(who, _)| *who));
            for column in self.members.get(index).into_iter().flatten() {
                *nets.entry(*column).or_insert(0) += delta;
            }
            for (division, pieces_of) in divisions.iter().enumerate() {
                if let Some(piece) = pieces_of.get(index).ok_or("an atom lies in no piece")? {
                    *pieces.entry((division, *piece)).or_insert(0) += delta;
                }
            }
        }
        if pieces.values().any(|sum| *sum != 0) {
            return Err("it changes a total that other tables share");
        }
        nets.retain(|_, net| *net != 0);
        for (index, net) in &nets {
            let index = *index as usize;
            match self.table.columns.get(index).map(|column| column.kind) {
                Some(ColumnKind::Withheld | ColumnKind::Difference) => {}
                _ => return Err("it changes a released value"),
            }
            let Some(demand) = self.demands.get(index).copied().flatten() else { continue };
            let count = self.totals.get(index).copied().unwrap_or(0) + net;
            if count < signed(demand.lower) || demand.upper.is_some_and(|upper| count > signed(upper)) {
                return Err("it leaves what is known of a withheld value");
            }
        }
        Ok(World { nets, excluded_by })
    }

    /// Checks one withheld column; whether its values are known to stay below k.
    fn witnessed(&self, column: u32, demand: &Demand, moves: &[(i64, &World)]) -> Result<bool, &'static str> {
        let total = self.totals.get(column as usize).copied().unwrap_or(0);
        let upper = demand.upper.map_or(i64::MAX / 4, signed);
        let k = signed(self.entry.policy.k);
        let lower = signed(demand.lower);
        let width = k.min(upper - lower);
        let reach = signed(demand.reach).min(upper);
        // Highest and lowest value over worlds that somebody cannot exclude; the truth is always one of them.
        let range = |who: Option<Somebody>| {
            let possible = moves.iter().filter(|(_, world)| who.is_none_or(|who| !world.excluded_by.contains(&who)));
            possible.fold((total, total), |(high, low), (net, _)| (high.max(total + net), low.min(total + net)))
        };
        let (high, low) = range(None);
        if high < reach {
            return Err("no world reaches what it must");
        }
        if high - low < width {
            return Err("worlds are too close");
        }
        if demand.fall.is_some_and(|fall| low > signed(fall).max(lower)) {
            return Err("no world falls to what it must");
        }
        let mut readers: BTreeSet<Somebody> = moves.iter().flat_map(|(_, world)| &world.excluded_by).copied().collect();
        readers.extend(self.partners());
        for reader in readers {
            let own = match reader {
                Somebody::Partner(_) => self.own_in(column, reader),
                // What a single contributor knows is part of the demand on every world.
                _ => 0,
            };
            if matches!(reader, Somebody::Partner(_)) && own >= total {
                continue;
            }
            let (high, low) = range(Some(reader));
            if high < (reach + own).min(upper) || high - low < width {
                return Err("somebody who knows their own records is left without a witness");
            }
        }
        Ok(high < k)
    }

    fn partners(&self) -> impl Iterator<Item = Somebody> {
        (0..self.base.readers.len()).map(Somebody::Partner)
    }

    fn own_in(&self, column: u32, who: Somebody) -> i64 {
        let atoms = self.table.columns.get(column as usize).map_or(&[][..], |column| column.atoms.as_slice());
        atoms.iter().filter_map(|atom| self.own.get(*atom as usize)?.get(&who)).sum()
    }
}

/// How many records somebody knows to be theirs, by atom of the table.
fn own_records(entry: &Entry, base: &Base<'_>, inside: &[Vec<u32>]) -> Vec<BTreeMap<Somebody, i64>> {
    let single = entry.policy.own_records;
    let of_table_atom = |(atoms, place): (&Vec<u32>, u32)| {
        let mut own: BTreeMap<Somebody, i64> = BTreeMap::new();
        for atom in atoms {
            let people = base.people.get(*atom as usize).map_or(&[][..], Vec::as_slice);
            let count = base.truth.get(*atom as usize).copied().unwrap_or(0);
            if single && people.is_empty() && count > 0 {
                own.insert(Somebody::Unknown(place), 1);
            }
            for (person, partner, amount) in people {
                if single {
                    *own.entry(Somebody::Contributor(*person)).or_insert(0) += signed(*amount);
                }
                for (reader, partners) in base.readers.iter().enumerate() {
                    if partners.contains(partner) {
                        *own.entry(Somebody::Partner(reader)).or_insert(0) += signed(*amount);
                    }
                }
            }
        }
        own
    };
    inside.iter().zip(0_u32..).map(of_table_atom).collect()
}
