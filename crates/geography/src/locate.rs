//! Which atom holds a point: a uniform grid of candidates over y-striped edges, decided by an exact even-odd test.

use crate::area::AtomIndex;
use crate::geometry::{Bounds, Point, Shape, crosses_upward};

/// Where a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In this atom.
    Atom(AtomIndex),
    /// In none.
    Outside,
}

impl Location {
    /// The atom, if any.
    #[must_use]
    pub const fn atom(self) -> Option<AtomIndex> {
        match self {
            Self::Atom(atom) => Some(atom),
            Self::Outside => None,
        }
    }
}

/// Cells of the grid for each edge: enough that most points fall in a cell that one area fills.
const CELLS_PER_EDGE: usize = 16;
/// Greatest number of grid cells (4 bytes each).
const MAX_CELLS: usize = 1 << 22;
/// Edges in a stripe, about.
const EDGES_PER_STRIPE: usize = 6;
/// Set in a cell that needs a test; the rest is then a position in `lists`.
const MIXED: u32 = 1 << 31;

/// An edge with its lower end first.
#[derive(Debug, Clone, Copy)]
struct Edge {
    low: Point,
    high: Point,
}

/// The edges of one atom, by horizontal stripes of equal height.
#[derive(Debug, Clone, Copy)]
struct Stripes {
    south: f64,
    per_degree: f64,
    count: u32,
    /// Position of the first stripe in `stripe_starts`.
    first: u32,
}

impl Stripes {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates and the result is capped"
    )]
    fn stripe(&self, y: f64) -> u32 {
        // The same monotone function places edges and points, so rounding cannot part them.
        (((y - self.south) * self.per_degree) as u32).min(self.count.saturating_sub(1))
    }
}

#[derive(Debug, Clone, Copy)]
struct Grid {
    bounds: Bounds,
    columns: u32,
    rows: u32,
    columns_per_degree: f64,
    rows_per_degree: f64,
}

impl Grid {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates and the result is capped"
    )]
    fn column(&self, x: f64) -> u32 {
        let [west, _] = self.bounds.min;
        (((x - west) * self.columns_per_degree) as u32).min(self.columns - 1)
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates and the result is capped"
    )]
    fn row(&self, y: f64) -> u32 {
        let [_, south] = self.bounds.min;
        (((y - south) * self.rows_per_degree) as u32).min(self.rows - 1)
    }

    fn cell(&self, column: u32, row: u32) -> usize {
        row as usize * self.columns as usize + column as usize
    }

    fn holds(&self, [x, y]: Point) -> bool {
        let ([west, south], [east, north]) = (self.bounds.min, self.bounds.max);
        x >= west && x <= east && y >= south && y <= north
    }
}

/// Answers [`Location`] for points in WGS84 degrees; immutable.
#[derive(Debug, Clone)]
pub(crate) struct PointIndex {
    grid: Option<Grid>,
    /// 0 outside; atom + 1 if it fills the cell; else `MIXED` and a position in `lists`.
    cells: Vec<u32>,
    /// Start of each candidate list in `candidates`; one more at the end.
    lists: Vec<u32>,
    /// Atom, shifted by one; the low bit says that it fills the cell.
    candidates: Vec<u32>,
    stripes: Vec<Stripes>,
    /// Start of each stripe in `edges`; one more at the end.
    stripe_starts: Vec<u32>,
    edges: Vec<Edge>,
}

impl PointIndex {
    /// Builds the index over shapes; their positions become the atoms' indexes.
    pub(crate) fn new(shapes: &[Shape]) -> Self {
        let mut index = Self {
            grid: None,
            cells: Vec::new(),
            lists: vec![0],
            candidates: Vec::new(),
            stripes: Vec::with_capacity(shapes.len()),
            stripe_starts: Vec::new(),
            edges: Vec::new(),
        };
        for shape in shapes {
            index.add_stripes(shape);
        }
        index.stripe_starts.push(as_u32(index.edges.len()));
        if let Some(bounds) = Bounds::of(shapes.iter().flat_map(Shape::points)) {
            let grid = grid_for(bounds, index.edges.len());
            index.fill(grid, shapes);
            index.grid = Some(grid);
        }
        index
    }

    fn add_stripes(&mut self, shape: &Shape) {
        let edges: Vec<Edge> = shape
            .segments()
            .filter_map(|(a, b)| {
                let ([_, ay], [_, by]) = (a, b);
                if ay < by {
                    Some(Edge { low: a, high: b })
                } else {
                    // Level edges never cross an eastward ray.
                    (by < ay).then_some(Edge { low: b, high: a })
                }
            })
            .collect();
        let Bounds { min: [_, south], max: [_, north] } =
            Bounds::of(shape.points()).unwrap_or(Bounds { min: [0.0, 0.0], max: [0.0, 0.0] });
        let count = as_u32((edges.len() / EDGES_PER_STRIPE).max(1));
        let height = north - south;
        let per_degree = if height > 0.0 { f64::from(count) / height } else { 0.0 };
        let stripes = Stripes { south, per_degree, count, first: as_u32(self.stripe_starts.len()) };
        let mut buckets: Vec<Vec<Edge>> = vec![Vec::new(); count as usize];
        for edge in edges {
            let ([_, low], [_, high]) = (edge.low, edge.high);
            for stripe in stripes.stripe(low)..=stripes.stripe(high) {
                if let Some(bucket) = buckets.get_mut(stripe as usize) {
                    bucket.push(edge);
                }
            }
        }
        for bucket in buckets {
            self.stripe_starts.push(as_u32(self.edges.len()));
            self.edges.extend(bucket);
        }
        self.stripes.push(stripes);
    }

    /// Enters every atom into the cells its border touches (as a candidate to test) and those it fills.
    fn fill(&mut self, grid: Grid, shapes: &[Shape]) {
        let mut entries: Vec<(u32, u32)> = Vec::new();
        for (atom, shape) in shapes.iter().enumerate() {
            let mut touched = touched_cells(&grid, shape);
            touched.sort_unstable();
            touched.dedup();
            let atom = as_u32(atom);
            self.add_filled(&grid, atom, shape, &touched, &mut entries);
            entries.extend(touched.iter().map(|&(row, column)| (as_u32(grid.cell(column, row)), atom << 1)));
        }
        entries.sort_unstable();
        self.cells = vec![0; grid.columns as usize * grid.rows as usize];
        for group in entries.chunk_by(|(a, _), (b, _)| a == b) {
            let Some(cell) = group.first().and_then(|&(cell, _)| self.cells.get_mut(cell as usize)) else { continue };
            if let &[(_, only)] = group
                && only & 1 == 1
            {
                *cell = (only >> 1) + 1;
            } else {
                *cell = MIXED | as_u32(self.lists.len() - 1);
                self.candidates.extend(group.iter().map(|&(_, candidate)| candidate));
                self.lists.push(as_u32(self.candidates.len()));
            }
        }
    }

    /// Between two touched cells of a row nothing changes: one test decides the whole run.
    fn add_filled(&self, grid: &Grid, atom: u32, shape: &Shape, touched: &[(u32, u32)], entries: &mut Vec<(u32, u32)>) {
        for row in touched.chunk_by(|(a, _), (b, _)| a == b) {
            for pair in row.windows(2) {
                let &[(row, west), (_, east)] = pair else { continue };
                if east - west < 2 {
                    continue;
                }
                let ([origin_x, origin_y], [cx, cy]) =
                    (grid.bounds.min, [f64::from(west + 1) + 0.5, f64::from(row) + 0.5]);
                let centre = [origin_x + cx / grid.columns_per_degree, origin_y + cy / grid.rows_per_degree];
                debug_assert_eq!(self.holds(atom, centre), shape.contains(centre));
                if self.holds(atom, centre) {
                    entries.extend((west + 1..east).map(|column| (as_u32(grid.cell(column, row)), atom << 1 | 1)));
                }
            }
        }
    }

    /// Exact even-odd test against one atom.
    fn holds(&self, atom: u32, point: Point) -> bool {
        let Some(stripes) = self.stripes.get(atom as usize) else { return false };
        let [_, y] = point;
        let position = (stripes.first + stripes.stripe(y)) as usize;
        let (Some(&start), Some(&end)) = (self.stripe_starts.get(position), self.stripe_starts.get(position + 1))
        else {
            return false;
        };
        let edges = self.edges.get(start as usize..end as usize).unwrap_or_default();
        edges.iter().fold(false, |inside, edge| inside ^ crosses_upward(edge.low, edge.high, point))
    }

    /// The atom that holds the point; where atoms overlap, the first.
    #[inline]
    pub(crate) fn locate(&self, point: Point) -> Location {
        let Some(grid) = &self.grid else { return Location::Outside };
        if !grid.holds(point) {
            return Location::Outside;
        }
        let [x, y] = point;
        let cell = self.cells.get(grid.cell(grid.column(x), grid.row(y))).copied().unwrap_or(0);
        if cell & MIXED == 0 {
            return cell.checked_sub(1).map_or(Location::Outside, atom_location);
        }
        self.test_candidates((cell & !MIXED) as usize, point)
    }

    fn test_candidates(&self, list: usize, point: Point) -> Location {
        let (Some(&start), Some(&end)) = (self.lists.get(list), self.lists.get(list + 1)) else {
            return Location::Outside;
        };
        let candidates = self.candidates.get(start as usize..end as usize).unwrap_or_default();
        candidates
            .iter()
            .find(|&&candidate| candidate & 1 == 1 || self.holds(candidate >> 1, point))
            .map_or(Location::Outside, |&candidate| atom_location(candidate >> 1))
    }

    /// Every atom that holds the point, in order: more than one where shapes overlap.
    pub(crate) fn all(&self, point: Point) -> Vec<AtomIndex> {
        let Some(grid) = self.grid.filter(|grid| grid.holds(point)) else { return Vec::new() };
        let [x, y] = point;
        let cell = self.cells.get(grid.cell(grid.column(x), grid.row(y))).copied().unwrap_or(0);
        if cell & MIXED == 0 {
            return cell.checked_sub(1).and_then(|atom| atom_location(atom).atom()).into_iter().collect();
        }
        let list = (cell & !MIXED) as usize;
        let start = self.lists.get(list).map_or(0, |&start| start as usize);
        let end = self.lists.get(list + 1).map_or(0, |&end| end as usize);
        let candidates = self.candidates.get(start..end).unwrap_or_default();
        let holding = candidates.iter().filter(|&&c| c & 1 == 1 || self.holds(c >> 1, point));
        holding.filter_map(|&candidate| atom_location(candidate >> 1).atom()).collect()
    }
}

fn atom_location(atom: u32) -> Location {
    u16::try_from(atom).map_or(Location::Outside, |atom| Location::Atom(AtomIndex(atom)))
}

/// Counts here are bounded by the import's limits, far below 2^32.
fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small counts")]
fn grid_for(bounds: Bounds, edges: usize) -> Grid {
    let ([west, south], [east, north]) = (bounds.min, bounds.max);
    let cells = (edges * CELLS_PER_EDGE).clamp(1, MAX_CELLS);
    let side = ((cells as f64).sqrt() as u32).max(1);
    let per_degree = |width: f64| if width > 0.0 { f64::from(side) / width } else { 0.0 };
    Grid {
        bounds,
        columns: side,
        rows: side,
        columns_per_degree: per_degree(east - west),
        rows_per_degree: per_degree(north - south),
    }
}

/// Cells that a shape's border may touch, as (row, column): the border's stretch in each row, widened by far more than
/// rounding can move a point.
fn touched_cells(grid: &Grid, shape: &Shape) -> Vec<(u32, u32)> {
    const MARGIN: f64 = 1e-6;
    let [_, south] = grid.bounds.min;
    let (width, height) = (1.0 / grid.columns_per_degree, 1.0 / grid.rows_per_degree);
    let mut touched = Vec::new();
    for (a, b) in shape.segments() {
        let ([ax, ay], [bx, by]) = (a, b);
        let (low, high) = (ay.min(by) - height * MARGIN, ay.max(by) + height * MARGIN);
        let along = |y: f64| if ay == by { ax } else { (bx - ax).mul_add(((y - ay) / (by - ay)).clamp(0.0, 1.0), ax) };
        for row in grid.row(low)..=grid.row(high) {
            let (bottom, top) = (f64::from(row).mul_add(height, south), f64::from(row + 1).mul_add(height, south));
            let (p, q) =
                if ay == by { (ax, bx) } else { (along(bottom - height * MARGIN), along(top + height * MARGIN)) };
            let (west, east) = (p.min(q) - width * MARGIN, p.max(q) + width * MARGIN);
            touched.extend((grid.column(west)..=grid.column(east)).map(|column| (row, column)));
        }
    }
    touched
}

#[cfg(test)]
mod tests;
