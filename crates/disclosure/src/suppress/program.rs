//! The linear programs of the search and who solves them: the only place that knows the solver.

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOptions};

/// How a row's sum compares with its right-hand side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    AtLeast,
    AtMost,
}

/// A row of a program: its terms, how their sum compares, and with what.
type Row = (Vec<(usize, f64)>, Relation, f64);

/// Minimise cost over non-negative variables with upper bounds, subject to rows.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Cost, upper bound.
    pub(super) variables: Vec<(f64, f64)>,
    pub(super) rows: Vec<Row>,
    /// Whether all variables must be whole.
    pub(super) whole: bool,
}

impl Program {
    pub(super) fn variable(&mut self, cost: f64, upper: f64) -> usize {
        self.variables.push((cost, upper));
        self.variables.len() - 1
    }

    pub(super) fn row(&mut self, terms: Vec<(usize, f64)>, relation: Relation, right: f64) {
        self.rows.push((terms, relation, right));
    }
}

/// Somebody who solves programs, always with the same result for the same program.
pub(super) trait Solver {
    /// A cheapest assignment, or one known to be near it where variables must be whole; `None` if there is none, or none was
    /// found within the solver's steps. Values are floating point: whoever uses them checks them in whole numbers.
    fn minimise(&self, program: &Program) -> Option<Vec<f64>>;
}

/// The simplex and branch-and-bound solver of `microlp`. Steps are nodes, never time.
pub(super) struct Microlp {
    /// Nodes of a search for whole numbers.
    pub(super) nodes: u64,
}

impl Solver for Microlp {
    fn minimise(&self, program: &Program) -> Option<Vec<f64>> {
        let mut problem = Problem::new(OptimizationDirection::Minimize);
        let add = |(cost, upper): &(f64, f64)| {
            if program.whole {
                // Bounds are far below this limit.
                #[allow(clippy::cast_possible_truncation, reason = "clamped to the range of the target")]
                let upper = upper.clamp(0.0, 1e9) as i32;
                problem.add_integer_var(*cost, (0, upper))
            } else {
                problem.add_var(*cost, (0.0, *upper))
            }
        };
        let variables: Vec<_> = program.variables.iter().map(add).collect();
        for (terms, relation, right) in &program.rows {
            let terms: Vec<_> =
                terms.iter().filter_map(|(index, factor)| Some((*variables.get(*index)?, *factor))).collect();
            let relation = match relation {
                Relation::Equal => ComparisonOp::Eq,
                Relation::AtLeast => ComparisonOp::Ge,
                Relation::AtMost => ComparisonOp::Le,
            };
            problem.add_constraint(terms.as_slice(), relation, *right);
        }
        let mut options = SolveOptions::default();
        options.node_limit = Some(self.nodes);
        // The first whole assignment is as good as another: what matters is that there is one.
        options.mip_gap = 1e9;
        let solution = problem.solve_with(options).ok()?.into_solution().ok()?;
        Some(variables.iter().map(|variable| solution.var_value(*variable)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_solved_in_real_and_whole_numbers() {
        let mut program = Program::default();
        let (x, y) = (program.variable(1.0, 9.0), program.variable(3.0, 9.0));
        program.row(vec![(x, 2.0), (y, 2.0)], Relation::AtLeast, 5.0);
        program.row(vec![(x, 1.0)], Relation::AtMost, 2.0);
        let solver = Microlp { nodes: 10 };
        let real = solver.minimise(&program).unwrap();
        assert!((real[x] - 2.0).abs() < 1e-6 && (real[y] - 0.5).abs() < 1e-6, "{real:?}");
        program.whole = true;
        let whole = solver.minimise(&program).unwrap();
        assert!((whole[x] + whole[y] - 3.0).abs() < 1e-6, "{whole:?}");
        program.row(vec![(x, 1.0), (y, 1.0)], Relation::Equal, 40.0);
        assert_eq!(solver.minimise(&program), None);
    }
}
