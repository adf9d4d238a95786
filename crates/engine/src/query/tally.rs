//! A table while rows are added to it: with all its cells as long as these are few, with those that some row is in otherwise.

use crosstab::{Block, CrosstabError, Dense, PairTable, Pairs, Shape, Sparse, SparseTable};
use datafusion::execution::memory_pool::MemoryReservation;

/// What codes of all axes together may come to, with room for values that turn up later.
pub(super) const MOST_CELLS: u64 = 1 << 63;
/// A table has all its cells if these are so few, or so few for each row: of others, most are empty.
const CELLS: u64 = 1 << 20;
const CELLS_PER_ROW: u64 = 4;

/// A table under way.
pub(super) enum Table {
    Dense(Dense),
    Sparse(Sparse),
    Pairs(Pairs),
}

/// A table with all its rows.
pub(super) enum Finished {
    /// Cells with what they add up to.
    Cells(SparseTable),
    /// Who is in which cell.
    Pairs(PairTable),
}

impl Finished {
    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Cells(table) => table.bytes(),
            Self::Pairs(table) => table.bytes(),
        }
    }
}

/// What a table may take.
pub(super) struct Room<'a> {
    /// Rows that there are in all.
    pub(super) rows: u64,
    /// Bytes that are held beside the table.
    pub(super) beside: usize,
    pub(super) reservation: &'a MemoryReservation,
}

impl Table {
    /// No rows, and no values of any axis.
    pub(super) fn new(axes: usize, measures: usize, keys: bool) -> Result<Self, CrosstabError> {
        Ok(Self::Dense(Dense::new(shape_of(vec![0; axes])?, measures, keys)?))
    }

    /// No rows, of which each has a key that tells people apart.
    pub(super) fn of_people(axes: usize) -> Result<Self, CrosstabError> {
        Ok(Self::Pairs(Pairs::new(shape_of(vec![0; axes])?)))
    }

    pub(super) fn add(&mut self, block: &Block<'_>) -> Result<(), CrosstabError> {
        match self {
            Self::Dense(table) => table.add(block),
            Self::Sparse(table) => table.add(block),
            Self::Pairs(table) => table.add(block),
        }
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Dense(table) => bytes_of(table.shape(), table),
            Self::Sparse(table) => usize::try_from(table.bytes()).unwrap_or(usize::MAX),
            Self::Pairs(table) => table.bytes(),
        }
    }

    fn sizes(&self) -> &[u32] {
        match self {
            Self::Dense(table) => table.shape().sizes(),
            Self::Sparse(table) => table.shape().sizes(),
            Self::Pairs(table) => table.shape().sizes(),
        }
    }

    /// With room for so many values of each axis.
    pub(super) fn with_room_for(self, sizes: &[u32], room: &Room<'_>) -> Result<Self, CrosstabError> {
        if sizes.iter().zip(self.sizes()).all(|(needed, known)| needed <= known) {
            return Ok(self);
        }
        let exact: Vec<u32> = sizes.iter().zip(self.sizes()).map(|(needed, known)| *needed.max(known)).collect();
        // More than needed, so that a table is seldom made anew: of a table with all its cells the first axis, which costs nothing
        // but memory (rows are sorted, new areas turn up again and again); of one with some, every axis, which costs nothing.
        let all = !matches!(self, Self::Dense(_));
        let roomy = exact.iter().zip(self.sizes()).enumerate().map(|(axis, (needed, known))| {
            let grows = needed > known && *known > 0 && (all || axis == 0);
            if grows { needed.saturating_mul(2) } else { *needed }
        });
        let shape = shape_of(roomy.collect()).or_else(|_| shape_of(exact))?;
        self.grown_to(shape, room)
    }

    fn grown_to(self, shape: Shape, room: &Room<'_>) -> Result<Self, CrosstabError> {
        let table = match self {
            Self::Sparse(table) => return Ok(Self::Sparse(table.reshaped(shape)?)),
            Self::Pairs(table) => return Ok(Self::Pairs(table.reshaped(shape)?)),
            Self::Dense(table) if *table.shape() == shape => return Ok(Self::Dense(table)),
            Self::Dense(table) => table,
        };
        let few = shape.cells() <= CELLS.max(room.rows.saturating_mul(CELLS_PER_ROW));
        let bytes = bytes_of(table.shape(), &table).saturating_add(bytes_of(&shape, &table));
        if few && room.reservation.try_resize(bytes.saturating_add(room.beside)).is_ok() {
            return Ok(Self::Dense(table.reshaped(shape)?));
        }
        Ok(Self::Sparse(Sparse::from(table).reshaped(shape)?))
    }

    /// Both parts of a table.
    pub(super) fn merge(self, other: Self, room: &Room<'_>) -> Result<Self, CrosstabError> {
        let sizes = self.sizes().iter().zip(other.sizes()).map(|(one, other)| *one.max(other)).collect();
        let shape = shape_of(sizes)?;
        match (self.grown_to(shape.clone(), room)?, other.grown_to(shape, room)?) {
            (Self::Dense(one), Self::Dense(other)) => Ok(Self::Dense(one.merge(other)?)),
            (Self::Pairs(one), Self::Pairs(other)) => Ok(Self::Pairs(one.merge(other)?)),
            (one, other) => Ok(Self::Sparse(one.sparse()?.merge(other.sparse()?)?)),
        }
    }

    fn sparse(self) -> Result<Sparse, CrosstabError> {
        match self {
            Self::Dense(table) => Ok(Sparse::from(table)),
            Self::Sparse(table) => Ok(table),
            Self::Pairs(_) => Err(CrosstabError::Mismatch { problem: "it is a part of another table" }),
        }
    }

    /// The cells that some row is in, or the pairs.
    pub(super) fn finish(self, threads: usize, stop: &(dyn Fn() -> bool + Sync)) -> Result<Finished, CrosstabError> {
        match self {
            Self::Dense(table) => Ok(Finished::Cells(SparseTable::from(table))),
            Self::Sparse(table) => table.finish(threads, stop).map(Finished::Cells),
            Self::Pairs(table) => table.finish(threads, stop).map(Finished::Pairs),
        }
    }
}

pub(super) fn shape_of(sizes: Vec<u32>) -> Result<Shape, CrosstabError> {
    Shape::new(sizes, MOST_CELLS)
}

fn bytes_of(shape: &Shape, like: &Dense) -> usize {
    let bytes = Dense::bytes_of(shape, like.sums().len(), like.is_keyed());
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
