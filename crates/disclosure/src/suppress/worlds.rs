//! The worlds found so far, and what they still leave to be shown about each withheld column, to each reader.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::table::{Change, Column, Reader, Role, Table, at};

/// How far above and below the truth a column is in the worlds that a reader cannot exclude, and in which.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extremes {
    pub(super) above: i64,
    pub(super) top: Option<u32>,
    pub(super) below: i64,
    pub(super) bottom: Option<u32>,
}

/// What is missing: further up, further down, further apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) up: i64,
    pub(super) down: i64,
    pub(super) apart: i64,
}

impl Need {
    pub(super) const NOTHING: Self = Self { up: 0, down: 0, apart: 0 };
}

struct World {
    change: Change,
    /// Readers who know that it is not so, in order.
    excluded_by: Vec<Reader>,
    dropped: bool,
}

/// See the module.
pub(super) struct Worlds<'a> {
    table: &'a Table,
    list: Vec<World>,
    /// By column: by how much which world changes it.
    moves: Vec<Vec<(i64, u32)>>,
    /// What the public sees, kept up to date.
    extremes: Vec<Extremes>,
    /// By reader: how many of their own records are in which atoms.
    holdings: HashMap<Reader, Vec<(u32, i64)>>,
    /// By partner: its own records in each column.
    partners: BTreeMap<u16, Vec<i64>>,
}

impl<'a> Worlds<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        let mut partners: BTreeMap<u16, Vec<i64>> = BTreeMap::new();
        let mut holdings: HashMap<Reader, Vec<(u32, i64)>> = HashMap::new();
        for (known, atom) in table.known.0.iter().zip(0_u32..) {
            for (amount, reader) in known {
                holdings.entry(*reader).or_default().push((atom, *amount));
                let Reader::Partner(partner) = reader else { continue };
                let own = partners.entry(*partner).or_insert_with(|| vec![0; table.columns.len()]);
                table.members.row(atom).iter().for_each(|column| crate::table::add(own, *column, *amount));
            }
        }
        let columns = table.columns.len();
        Self {
            table,
            list: Vec::new(),
            moves: vec![Vec::new(); columns],
            extremes: vec![Extremes::default(); columns],
            holdings,
            partners,
        }
    }

    /// Whether a change is a world before readers who see all but these columns.
    pub(super) fn agrees(&self, change: &Change, withheld: &[bool]) -> bool {
        change.nets.iter().all(|(index, net)| at(withheld, *index) && self.is_possible(*index, *net))
    }

    /// What has to be withheld besides for a change to be a world; `None` if that cannot be.
    pub(super) fn missing_for(&self, change: &Change, withheld: &[bool]) -> Option<Vec<u32>> {
        let mut missing = Vec::new();
        for (index, net) in &change.nets {
            if !self.is_possible(*index, *net) {
                return None;
            }
            if !at(withheld, *index) {
                let column = self.table.columns.get(*index as usize)?;
                if !matches!(column.role, Role::Open | Role::Headline) || column.value < column.lower {
                    return None;
                }
                missing.push(*index);
            }
        }
        Some(missing)
    }

    /// Whether a change shows more of what is needed of a column, to a reader.
    pub(super) fn helps(&self, change: &Change, index: u32, need: Need, reader: Option<Reader>) -> bool {
        let net = change.net(index);
        let known = self.extremes(index, reader);
        let up = (need.up > 0 || need.apart > 0) && net > known.above;
        let down = (need.down > 0 || need.apart > 0) && -net > known.below;
        (up || down) && reader.is_none_or(|reader| self.excluded_by(change).binary_search(&reader).is_err())
    }

    /// Whether a column can be by so much more or less.
    fn is_possible(&self, index: u32, net: i64) -> bool {
        let column = self.table.columns.get(index as usize);
        column.is_some_and(|column| {
            let sum = column.value + net;
            sum >= column.lower && column.upper.is_none_or(|upper| sum <= upper)
        })
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a world.
    pub(super) fn keep(&mut self, change: Change) {
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        for (index, net) in &change.nets {
            if let Some(moves) = self.moves.get_mut(*index as usize) {
                moves.push((*net, number));
            }
            if let Some(known) = self.extremes.get_mut(*index as usize) {
                note(known, *net, number);
            }
        }
        let excluded_by = self.excluded_by(&change);
        self.list.push(World { change, excluded_by, dropped: false });
    }

    /// Readers who miss records of their own in a world.
    fn excluded_by(&self, change: &Change) -> Vec<Reader> {
        let mut readers = BTreeSet::new();
        for (atom, delta) in change.atoms.iter().filter(|(_, delta)| *delta < 0) {
            let left = at(&self.table.truth, *atom) + delta;
            let known = self.table.known.of(*atom);
            readers.extend(known.iter().take_while(|(own, _)| *own > left).map(|(_, reader)| *reader));
        }
        readers.into_iter().collect()
    }

    /// The extremes of a column in the worlds that a reader cannot exclude.
    pub(super) fn extremes(&self, index: u32, reader: Option<Reader>) -> Extremes {
        let Some(reader) = reader else { return at(&self.extremes, index) };
        let mut known = Extremes::default();
        for (net, number) in self.moves.get(index as usize).map_or(&[][..], Vec::as_slice) {
            let Some(world) = self.list.get(*number as usize).filter(|world| !world.dropped) else { continue };
            if world.excluded_by.binary_search(&reader).is_err() {
                note(&mut known, *net, *number);
            }
        }
        known
    }

    /// What is missing for a withheld column before a reader.
    pub(super) fn need(&self, index: u32, reader: Option<Reader>) -> Need {
        let Some(column) = self.table.columns.get(index as usize) else { return Need::NOTHING };
        let known = self.extremes(index, reader);
        let reach = self.reach(column, index, reader);
        let down = if reader.is_none() && column.fall < i64::MAX {
            (column.value - known.below - column.fall).max(0)
        } else {
            0
        };
        Need {
            up: (reach - column.value - known.above).max(0),
            down,
            apart: (column.width - known.above - known.below).max(0),
        }
    }

    fn reach(&self, column: &Column, index: u32, reader: Option<Reader>) -> i64 {
        let Some(Reader::Partner(partner)) = reader else { return column.reach };
        let own = self.partners.get(&partner).map_or(0, |own| at(own, index));
        // Nothing is claimed about what a partner knows wholly.
        if own >= column.value { i64::MIN / 2 } else { column.reach + own }
    }

    /// Single readers to whom a column is not covered, although it may be to the public.
    pub(super) fn open_readers(&self, index: u32) -> Vec<Reader> {
        let known = self.extremes(index, None);
        let mut readers: BTreeSet<Reader> = BTreeSet::new();
        for number in known.top.into_iter().chain(known.bottom) {
            if let Some(world) = self.list.get(number as usize) {
                readers.extend(&world.excluded_by);
            }
        }
        readers.extend(self.partners.keys().map(|partner| Reader::Partner(*partner)));
        readers
            .into_iter()
            .filter(|reader| !self.knows_wholly(index, *reader))
            .filter(|reader| self.need(index, Some(*reader)) != Need::NOTHING)
            .collect()
    }

    fn knows_wholly(&self, index: u32, reader: Reader) -> bool {
        let Reader::Partner(partner) = reader else { return false };
        let value = self.table.columns.get(index as usize).map_or(0, |column| column.value);
        self.partners.get(&partner).is_some_and(|own| at(own, index) >= value)
    }

    /// Counts that these readers together know atoms to have at least, by atom.
    pub(super) fn floors(&self, readers: &[Reader]) -> Vec<(u32, i64)> {
        let mut floors: BTreeMap<u32, i64> = BTreeMap::new();
        for (atom, own) in readers.iter().filter_map(|reader| self.holdings.get(reader)).flatten() {
            let floor = floors.entry(*atom).or_insert(0);
            *floor = (*floor).max(*own);
        }
        floors.into_iter().collect()
    }

    /// Drops the worlds that change a column, and returns the numbers of the dropped and the other columns that they changed.
    pub(super) fn drop_those_that_move(&mut self, index: u32) -> (Vec<u32>, Vec<u32>) {
        let mut dropped = Vec::new();
        let mut doubtful = BTreeSet::new();
        let moves = self.moves.get(index as usize).cloned().unwrap_or_default();
        for (_, number) in moves {
            let Some(world) = self.list.get_mut(number as usize).filter(|world| !world.dropped) else { continue };
            world.dropped = true;
            dropped.push(number);
            doubtful.extend(world.change.nets.iter().map(|net| net.0));
        }
        doubtful.iter().for_each(|column| self.refresh(*column));
        (dropped, doubtful.into_iter().filter(|column| *column != index).collect())
    }

    /// Takes back dropped worlds and forgets those from number `length` on.
    pub(super) fn restore(&mut self, dropped: &[u32], length: usize) {
        let mut doubtful = BTreeSet::new();
        for world in self.list.drain(length..) {
            doubtful.extend(world.change.nets.iter().map(|net| net.0));
        }
        for number in dropped {
            if let Some(world) = self.list.get_mut(*number as usize) {
                world.dropped = false;
                doubtful.extend(world.change.nets.iter().map(|net| net.0));
            }
        }
        for column in &doubtful {
            if let Some(moves) = self.moves.get_mut(*column as usize) {
                moves.retain(|(_, number)| (*number as usize) < length);
            }
            self.refresh(*column);
        }
    }

    fn refresh(&mut self, index: u32) {
        let mut known = Extremes::default();
        for (net, number) in self.moves.get(index as usize).map_or(&[][..], Vec::as_slice) {
            if self.list.get(*number as usize).is_some_and(|world| !world.dropped) {
                note(&mut known, *net, *number);
            }
        }
        if let Some(slot) = self.extremes.get_mut(index as usize) {
            *slot = known;
        }
    }

    /// A small set of worlds that shows all that the kept ones show about these columns: going backwards, a world that is not
    /// needed is dropped.
    pub(super) fn needed(mut self, columns: &[u32]) -> Vec<Change> {
        let wanted: BTreeSet<u32> = columns.iter().copied().collect();
        for number in (0..u32::try_from(self.list.len()).unwrap_or(0)).rev() {
            let Some(world) = self.list.get_mut(number as usize).filter(|world| !world.dropped) else { continue };
            world.dropped = true;
            let moved: Vec<u32> = world.change.nets.iter().map(|net| net.0).collect();
            moved.iter().for_each(|column| self.refresh(*column));
            let still = moved
                .iter()
                .filter(|column| wanted.contains(column))
                .all(|column| self.need(*column, None) == Need::NOTHING && self.open_readers(*column).is_empty());
            if !still {
                if let Some(world) = self.list.get_mut(number as usize) {
                    world.dropped = false;
                }
                moved.iter().for_each(|column| self.refresh(*column));
            }
        }
        self.list.into_iter().filter(|world| !world.dropped).map(|world| world.change).collect()
    }
}

fn note(known: &mut Extremes, net: i64, world: u32) {
    if net > known.above {
        (known.above, known.top) = (net, Some(world));
    }
    if -net > known.below {
        (known.below, known.bottom) = (-net, Some(world));
    }
}

/// Whether a column has to be shown safe once it is withheld.
pub(super) const fn starts_withheld(column: &Column) -> bool {
    matches!(column.role, Role::Protected | Role::Difference)
}
