//! Variances of generalised least squares.

use super::structure::{Dimension, Structure};

/// What is assumed of every unknown beside what is published, as a share of one published count's information. It keeps the equations
/// solvable where something cannot be estimated; information can only lower variances, so it is on the safe side.
const RIDGE: f64 = 1e-7;
/// Variances above this many of one count's are of what cannot be estimated.
pub(super) const CANNOT: f64 = 1e5;
/// Unknowns of a list of crossings that are solved together, at most; beyond, all crossings are taken as registered.
const MOST_TOGETHER: usize = 2_000;

/// Of each level of a dimension, then of each atom, the least variance of one of its categories as a multiple of one count's. `None` where all
/// are publicly known.
pub(super) type Factors = Vec<Option<f64>>;

/// Unknowns with their coefficients.
type Row = Vec<(usize, f64)>;

/// Classes of a dimension, each as a combination of unknowns with coefficients 1 and -1: what is publicly known is taken out. In a
/// known set the first class is the known total less the others.
struct Unknowns {
    of_class: Vec<Row>,
    count: usize,
}

impl Unknowns {
    fn of(dimension: &Dimension) -> Self {
        let first = |class: usize| {
            let set = dimension.known_of.get(class).copied().flatten().and_then(|set| dimension.known.get(set));
            set.filter(|set| set.first() == Some(&class))
        };
        let mut count = 0;
        let mut of_class: Vec<Row> = Vec::with_capacity(dimension.classes);
        for class in 0..dimension.classes {
            of_class.push(if first(class).is_some() { Vec::new() } else { vec![(count, 1.0)] });
            count += usize::from(first(class).is_none());
        }
        for class in 0..dimension.classes {
            let Some(set) = first(class) else { continue };
            let others = set.iter().skip(1).filter_map(|other| of_class.get(*other)).flatten();
            let others: Row = others.map(|(unknown, _)| (*unknown, -1.0)).collect();
            if let Some(slot) = of_class.get_mut(class) {
                *slot = others;
            }
        }
        Self { of_class, count }
    }

    /// The sum over these classes, as coefficients of unknowns that are not zero.
    fn row(&self, classes: &[usize]) -> Row {
        let mut entries: Row =
            classes.iter().filter_map(|class| self.of_class.get(*class)).flatten().copied().collect();
        entries.sort_unstable_by_key(|(unknown, _)| *unknown);
        entries.dedup_by(|(next, more), (unknown, coefficient)| {
            let same = next == unknown;
            if same {
                *coefficient += *more;
            }
            same
        });
        entries.retain(|(_, coefficient)| *coefficient != 0.0);
        entries
    }
}

/// Of every level, and of every atom, the least variance factor of a dimension of which all crossings are registered.
pub(super) fn factors(dimension: &Dimension) -> Factors {
    let unknowns = Unknowns::of(dimension);
    let rows: Vec<Row> = dimension.categories.iter().map(|set| unknowns.row(set)).collect();
    let mut normal = Normal::new(unknowns.count);
    rows.iter().for_each(|row| normal.observe(row));
    let inverse = normal.inverse_root();
    let least = |rows: &mut dyn Iterator<Item = Row>| {
        let variances = rows.filter(|row| !row.is_empty()).map(|row| inverse.variance(&row));
        variances.fold(None, |least: Option<f64>, variance| Some(least.map_or(variance, |least| least.min(variance))))
    };
    let level = |categories: &Vec<usize>| least(&mut categories.iter().filter_map(|place| rows.get(*place).cloned()));
    let mut factors: Factors = dimension.levels.iter().map(|of| level(&of.categories)).collect();
    factors.push(least(&mut (0..dimension.classes).map(|class| unknowns.row(&[class]))));
    factors
}

/// Of each crossing of a list, then of each atom of the group, the least variance of a cell as a multiple of one count's; `None` if there are
/// too many unknowns.
pub(super) fn together(structure: &Structure, crossings: &[Vec<usize>]) -> Option<Factors> {
    let unknowns: Vec<Unknowns> = structure.dimensions.iter().map(Unknowns::of).collect();
    let size = unknowns.iter().try_fold(1_usize, |size, of| size.checked_mul(of.count))?;
    if size > MOST_TOGETHER {
        return None;
    }
    let mut normal = Normal::new(size);
    let cells: Vec<Vec<Row>> = crossings
        .iter()
        .map(|crossing| {
            let lists = crossing.iter().zip(&structure.dimensions).zip(&unknowns).map(|((level, dimension), of)| {
                let categories = dimension.levels.get(*level).map_or(&[][..], |level| level.categories.as_slice());
                let sets = categories.iter().filter_map(|place| dimension.categories.get(*place));
                (of.count, sets.map(|set| of.row(set)).collect::<Vec<_>>())
            });
            product(&lists.collect::<Vec<_>>())
        })
        .collect();
    cells.iter().flatten().for_each(|cell| normal.observe(cell));
    let inverse = normal.inverse_root();
    let least = |cells: &[Row]| {
        let variances = cells.iter().filter(|cell| !cell.is_empty()).map(|cell| inverse.variance(cell));
        variances.fold(None, |least: Option<f64>, variance| Some(least.map_or(variance, |least| least.min(variance))))
    };
    let mut found: Factors = cells.iter().map(|cells| least(cells)).collect();
    let atoms =
        structure.dimensions.iter().zip(&unknowns).map(|(dimension, of)| {
            (of.count, (0..dimension.classes).map(|class| of.row(&[class])).collect::<Vec<_>>())
        });
    found.push(least(&product(&atoms.collect::<Vec<_>>())));
    Some(found)
}

/// All products of one row of each dimension; a dimension comes with the number of its unknowns.
fn product(dimensions: &[(usize, Vec<Row>)]) -> Vec<Row> {
    let mut cells: Vec<Row> = vec![vec![(0, 1.0)]];
    for (count, rows) in dimensions {
        let cross = |cell: &Row, row: &Row| -> Row {
            let entry = |(a, x): &(usize, f64)| row.iter().map(|(b, y)| (a * count + b, x * y)).collect::<Vec<_>>();
            cell.iter().flat_map(entry).collect()
        };
        cells = cells.iter().flat_map(|cell| rows.iter().map(|row| cross(cell, row)).collect::<Vec<_>>()).collect();
    }
    cells
}

/// The matrix of the normal equations, by rows.
struct Normal(Vec<Vec<f64>>);

/// The inverse of its lower triangular root, by columns from the diagonal on.
struct InverseRoot(Vec<Vec<f64>>);

impl Normal {
    fn new(size: usize) -> Self {
        let mut rows = vec![vec![0.0; size]; size];
        for (number, row) in rows.iter_mut().enumerate() {
            row.iter_mut().skip(number).take(1).for_each(|entry| *entry = RIDGE);
        }
        Self(rows)
    }

    fn observe(&mut self, cell: &[(usize, f64)]) {
        for (a, x) in cell {
            let Some(row) = self.0.get_mut(*a) else { continue };
            for (b, y) in cell {
                if let Some(slot) = row.get_mut(*b) {
                    *slot += x * y;
                }
            }
        }
    }

    /// Cholesky, then the inverse of the root.
    fn inverse_root(self) -> InverseRoot {
        let size = self.0.len();
        let mut lower: Vec<Vec<f64>> = Vec::with_capacity(size);
        for (number, row) in self.0.iter().enumerate() {
            let mut new: Vec<f64> = Vec::with_capacity(number + 1);
            for (other, entry) in lower.iter().zip(row) {
                let last = other.last().copied().unwrap_or(1.0);
                new.push((entry - dot(&new, other)) / last);
            }
            let rest = row.get(number).copied().unwrap_or(0.0) - dot(&new, &new);
            new.push(rest.max(RIDGE / 2.0).sqrt());
            lower.push(new);
        }
        let column = |first: usize| {
            let mut column: Vec<f64> = Vec::with_capacity(size - first);
            for row in lower.iter().skip(first) {
                let last = row.last().copied().unwrap_or(1.0);
                let sum = row.get(first..).map_or(0.0, |row| dot(&column, row));
                column.push(if column.is_empty() { 1.0 / last } else { -sum / last });
            }
            column
        };
        InverseRoot((0..size).map(column).collect())
    }
}

impl InverseRoot {
    /// The variance of a combination of unknowns, as a multiple of one count's.
    fn variance(&self, row: &[(usize, f64)]) -> f64 {
        let mut sum = vec![0.0; self.0.len()];
        for (unknown, coefficient) in row {
            let Some(column) = self.0.get(*unknown) else { continue };
            for (slot, entry) in sum.iter_mut().skip(*unknown).zip(column) {
                *slot += coefficient * entry;
            }
        }
        dot(&sum, &sum)
    }
}

/// The scalar product over the shorter one, in eight sums, so that it need not wait for each addition.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let length = a.len().min(b.len());
    let (a, b) = (a.get(..length).unwrap_or(&[]), b.get(..length).unwrap_or(&[]));
    let mut sums = [0.0; 8];
    let (mut left, mut right) = (a.chunks_exact(8), b.chunks_exact(8));
    for (x, y) in left.by_ref().zip(right.by_ref()) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum += x * y;
        }
    }
    let rest: f64 = left.remainder().iter().zip(right.remainder()).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}
