//! A table as the search sees it: a 0/1 matrix of cells over atoms, with the truth. One group is one or several tables.

use std::collections::BTreeMap;

use crate::history::Proof;

/// Rows of numbers, stored one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    start: Vec<u32>,
    items: Vec<u32>,
}

impl Rows {
    pub(crate) fn new(rows: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let mut out = Self { start: vec![0], items: Vec::new() };
        for row in rows {
            out.items.extend_from_slice(&row);
            out.start.push(u32::try_from(out.items.len()).unwrap_or(u32::MAX));
        }
        out
    }

    /// Row `index`; empty outside.
    pub(crate) fn row(&self, index: u32) -> &[u32] {
        let index = index as usize;
        match (self.start.get(index), self.start.get(index + 1)) {
            (Some(from), Some(to)) => self.items.get(*from as usize..*to as usize).unwrap_or(&[]),
            _ => &[],
        }
    }

    /// All rows.
    pub(crate) fn to_vec(&self) -> Vec<Vec<u32>> {
        (0..u32::try_from(self.len()).unwrap_or(0)).map(|row| self.row(row).to_vec()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.start.len().saturating_sub(1)
    }

    /// The same incidences by column: row `i` of the result lists the rows that contain `i`.
    pub(crate) fn transposed(&self, columns: usize) -> Self {
        let rows = 0..u32::try_from(self.len()).unwrap_or(0);
        let pairs = || rows.clone().flat_map(|row| self.row(row).iter().map(move |item| (*item, row)));
        Self::grouped(pairs, columns)
    }

    /// Row `i` lists what comes with `i`, in the order of the pairs.
    pub(crate) fn grouped<I: Iterator<Item = (u32, u32)>>(pairs: impl Fn() -> I, rows: usize) -> Self {
        let mut start = vec![0_u32; rows + 1];
        for (row, _) in pairs() {
            start.get_mut(row as usize + 1).into_iter().for_each(|count| *count += 1);
        }
        let mut sum = 0;
        for count in &mut start {
            sum += *count;
            *count = sum;
        }
        let mut next = start.clone();
        let mut items = vec![0_u32; sum as usize];
        for (row, item) in pairs().filter(|(row, _)| (*row as usize) < rows) {
            if let Some(place) = next.get_mut(row as usize) {
                set(&mut items, *place, item);
                *place += 1;
            }
        }
        Self { start, items }
    }
}

/// Element `index` of a vector; the default outside, which no caller asks for.
pub(crate) fn at<T: Copy + Default>(values: &[T], index: u32) -> T {
    values.get(index as usize).copied().unwrap_or_default()
}

/// Adds to element `index`.
pub(crate) fn add(values: &mut [i64], index: u32, delta: i64) {
    if let Some(value) = values.get_mut(index as usize) {
        *value += delta;
    }
}

/// Sets element `index`.
pub(crate) fn set<T>(values: &mut [T], index: u32, value: T) {
    if let Some(slot) = values.get_mut(index as usize) {
        *slot = value;
    }
}

/// What may happen to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Its value is known to everybody for good: a published zero, a cell of an earlier plan, a total that two tables share.
    #[default]
    Frozen,
    /// Released while anything else will do.
    Headline,
    /// Released unless it is needed to protect others.
    Open,
    /// Withheld for a reason of its own: unsafe, decoy, hidden zero, or withheld by an earlier plan.
    Protected,
    /// Never printed, yet protected: the difference of two nested cells.
    Difference,
}

/// Somebody who knows records of their own, and so excludes worlds without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reader {
    /// A contributor by number.
    Contributor(u64),
    /// One of the people in an atom of which only the count is known.
    Somebody(u32),
    /// A partner, or several together, by number among those who read.
    Partner(u16),
}

/// By atom: who knows how many records there to be their own, the most first.
#[derive(Debug, Default)]
pub(crate) struct Known(pub(crate) Vec<Vec<(i64, Reader)>>);

impl Known {
    pub(crate) fn of(&self, atom: u32) -> &[(i64, Reader)] {
        self.0.get(atom as usize).map_or(&[], Vec::as_slice)
    }
}

/// A distinct set of atoms that one or several cells count.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) role: Role,
    /// The true count.
    pub(crate) value: i64,
    /// What it costs to withhold it.
    pub(crate) cost: i64,
    /// Keyed order.
    pub(crate) order: u64,
    /// What a mark says at least about the count.
    pub(crate) lower: i64,
    /// What everybody knows that it is at most.
    pub(crate) upper: Option<i64>,
    /// A world must reach this, if it is withheld.
    pub(crate) reach: i64,
    /// A world must have at most this, if it is withheld; the greatest number demands nothing.
    pub(crate) fall: i64,
    /// Two worlds must differ by this, if it is withheld.
    pub(crate) width: i64,
}

impl Default for Column {
    /// A column that never changes.
    fn default() -> Self {
        Self {
            role: Role::Frozen,
            value: 0,
            cost: 0,
            order: 0,
            lower: 0,
            upper: None,
            reach: 0,
            fall: i64::MAX,
            width: 0,
        }
    }
}

impl Change {
    /// What it does to a column.
    pub(crate) fn net(&self, index: u32) -> i64 {
        let place = self.nets.binary_search_by_key(&index, |net| net.0).ok();
        place.and_then(|place| self.nets.get(place)).map_or(0, |net| net.1)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// True count per atom.
    pub(crate) truth: Vec<i64>,
    pub(crate) columns: Vec<Column>,
    /// Atoms of a column.
    pub(crate) atoms: Rows,
    /// Columns of an atom.
    pub(crate) members: Rows,
    /// Atoms that lie in no published zero.
    pub(crate) live: Vec<bool>,
    /// Own records of single readers.
    pub(crate) known: Known,
    /// What the worlds of the plan before come to in this table.
    pub(crate) inherited: Vec<Change>,
}

/// An integer change of atoms (`atoms`) and what it does to columns (`nets`), both sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) atoms: Vec<(u32, i64)>,
    pub(crate) nets: Vec<(u32, i64)>,
}

impl Table {
    /// Builds a table of the columns' atoms; `columns` give everything but the value, which is summed here.
    pub(crate) fn new(truth: Vec<i64>, mut columns: Vec<Column>, atoms: Rows) -> Self {
        for (column, index) in columns.iter_mut().zip(0_u32..) {
            column.value = atoms.row(index).iter().map(|atom| at(&truth, *atom)).sum();
        }
        let members = atoms.transposed(truth.len());
        let mut live = vec![true; truth.len()];
        for (column, index) in columns.iter().zip(0_u32..) {
            if column.role == Role::Frozen && column.value == 0 {
                atoms.row(index).iter().for_each(|atom| set(&mut live, *atom, false));
            }
        }
        Self { truth, columns, atoms, members, live, known: Known::default(), inherited: Vec::new() }
    }

    /// The worlds of a proof as changes of this table's atoms; those are left out that are about something else.
    pub(crate) fn changes(&self, proof: &Proof) -> Vec<Change> {
        proof.worlds.iter().filter_map(|world| self.change(&proof.inside, world)).collect()
    }

    /// What comes to a place comes to its first atom, what goes is taken from the first that have it. `None` where a place is not in
    /// the table, or has not as much.
    fn change(&self, inside: &[Vec<u32>], world: &[(u32, i64)]) -> Option<Change> {
        let mut atoms: BTreeMap<u32, i64> = BTreeMap::new();
        for (place, delta) in world {
            let mut left = *delta;
            for atom in inside.get(*place as usize)? {
                let change = atoms.entry(*atom).or_insert(0);
                let here = left.max(-(at(&self.truth, *atom) + *change));
                *change += here;
                left -= here;
            }
            if left != 0 {
                return None;
            }
        }
        atoms.retain(|_, delta| *delta != 0);
        let mut nets: BTreeMap<u32, i64> = BTreeMap::new();
        for (atom, delta) in &atoms {
            self.members.row(*atom).iter().for_each(|column| *nets.entry(*column).or_insert(0) += delta);
        }
        nets.retain(|_, net| *net != 0);
        let any = !nets.is_empty();
        any.then(|| Change { atoms: atoms.into_iter().collect(), nets: nets.into_iter().collect() })
    }

    pub(crate) fn column(&self, index: u32) -> Column {
        self.columns.get(index as usize).cloned().unwrap_or_default()
    }

    pub(crate) fn indices(&self) -> std::ops::Range<u32> {
        0..u32::try_from(self.columns.len()).unwrap_or(0)
    }
}
