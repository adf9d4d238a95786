//! Smallest and largest values over the worlds of one component.
//!
//! A linear programme gives the range over real-valued worlds, which contains every whole-number world: its limits,
//! rounded inwards with a tolerance that errs on the wide side, are sound. One solution is a world for *every* query, so
//! that many queries are decided by few solutions: first all sums are lowered together, then raised together as far as
//! each is wanted, and only what is then undecided is solved by itself. Where a decision rests on real-valued worlds,
//! whole-number worlds are sought too; they are verified in exact integers.

use microlp::{
    ComparisonOp, LinearExpr, OptimizationDirection, Problem, Solution, SolveOptions, SolveOutcome, Variable,
};

use crate::component::{Component, Query};
use crate::modular::{Implied, RowSpace};
use crate::network::{FAR, Network};
use crate::range::{LARGE, Range, TOLERANCE, ceiling, floor};
use crate::search::Options;
use crate::universe::UNBOUNDED;
use crate::util::at;

/// Raising all undecided sums together goes on while it settles this many at a time; one by one is cheaper for fewer.
const WORTHWHILE: usize = 25;

/// Columns times constraints from which no elimination is made in a network.
const LARGE_NETWORK: usize = 200_000;

/// Worlds kept of a component.
const KEPT: usize = 200;

/// What was found out in one component.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) ranges: Vec<Range>,
    pub(crate) solves: usize,
    /// Queries of which whoever knows of a record in another column knows no more that matters: see [`Network::spare`].
    pub(crate) roomy: Vec<bool>,
    /// Whole-number worlds, of use to whoever knows a little more.
    pub(crate) worlds: Vec<Vec<i64>>,
}

/// Attacks the queries of a component.
pub(crate) fn solve(component: &Component, options: &Options) -> Outcome {
    let mut search = Search::new(component, options);
    // Elimination only names what the limits of a large network find anyway.
    let large = component.columns.len().saturating_mul(component.constraints.len()) > LARGE_NETWORK;
    if !(large && search.follow_circuits()) {
        search.rank();
    }
    search.run()
}

/// Attacks the queries of a component again, for somebody who knows more than `before`. The worlds found then that are
/// worlds still are not sought again, and neither is what had been found out of a query that was not safe.
pub(crate) fn solve_again(component: &Component, before: &Outcome, options: &Options) -> Outcome {
    let mut search = Search { spare: 0, ..Search::new(component, options) };
    let ranges = search.outcome.ranges.iter_mut().zip(&before.ranges);
    for ((range, old), query) in ranges.zip(&component.queries) {
        (range.low, range.high) = (range.low.max(old.low), range.high.min(old.high));
        // One that was only just safe may not be so for who knows more.
        let told = query.want_high >= UNBOUNDED
            || old.high < query.want_high.saturating_sub(1)
            || old.high.saturating_sub(old.low) < query.want_width;
        if old.implied || (old.low_solved && old.high_solved && told) {
            *range = *old;
        }
    }
    for ((range, old), roomy) in search.outcome.ranges.iter_mut().zip(&before.ranges).zip(&before.roomy) {
        if *roomy {
            range.nearer(old);
        }
    }
    for world in before.worlds.iter().filter(|world| component.admits(world)) {
        search.record_whole(world);
    }
    search.run()
}

impl Search<'_> {
    fn run(mut self) -> Outcome {
        if self.undecided().next().is_some() && !self.follow_circuits() {
            self.lower_together();
            self.raise_together();
            self.one_by_one(true);
            self.one_by_one(false);
            self.whole_numbers();
        }
        self.outcome
    }
}

struct Search<'a> {
    component: &'a Component,
    options: &'a Options,
    /// How much wider than wanted a range must be for single contributors.
    spare: i64,
    outcome: Outcome,
    /// Where the search for one query's largest and smallest value starts.
    upwards: Option<Start>,
    downwards: Option<Start>,
}

/// A solved model with a variable that the next constraint ties to a query: so that each query starts from a solution
/// of the same equations and only the dual simplex has to run.
struct Start {
    model: Model,
    limit: Variable,
    solution: Solution,
}

/// The component as a linear programme: the variables of its columns, and room for more.
struct Model {
    problem: Problem,
    variables: Vec<Variable>,
}

fn number(value: i64) -> f64 {
    // Counts are far below 2^52, up to which this is exact.
    if value >= UNBOUNDED { f64::INFINITY } else { value as f64 }
}

impl Model {
    fn new(component: &Component, direction: OptimizationDirection, whole: bool, options: &Options) -> Self {
        let mut problem = Problem::new(direction);
        if let Some(left) = options.time_left {
            problem.set_time_limit(left());
        }
        let mut variables = Vec::new();
        for (low, high) in &component.columns {
            let variable = if whole {
                let small = |value: i64| i32::try_from(value).unwrap_or(i32::MAX);
                problem.add_integer_var(0.0, (small(*low), small(*high)))
            } else {
                problem.add_var(0.0, (number(*low), number(*high)))
            };
            variables.push(variable);
        }
        let mut model = Self { problem, variables };
        for constraint in &component.constraints {
            // Scaled, because the factors of comparisons are populations.
            let largest = constraint.terms.iter().map(|(_, factor)| factor.saturating_abs()).max().unwrap_or(1);
            let scaled = |value: i64| number(value) / number(largest.max(1));
            let mut sum = LinearExpr::empty();
            for (column, factor) in &constraint.terms {
                if let Some(variable) = model.variables.get(*column as usize) {
                    sum.add(*variable, scaled(*factor));
                }
            }
            if constraint.low == constraint.high {
                model.problem.add_constraint(sum, ComparisonOp::Eq, scaled(constraint.low));
                continue;
            }
            let negative = constraint.terms.iter().any(|(_, factor)| *factor < 0);
            if constraint.low > 0 || (negative && constraint.low > -UNBOUNDED) {
                model.problem.add_constraint(sum.clone(), ComparisonOp::Ge, scaled(constraint.low));
            }
            if constraint.high < UNBOUNDED {
                model.problem.add_constraint(sum, ComparisonOp::Le, scaled(constraint.high));
            }
        }
        model
    }

    /// `variable - sum of the query's columns`.
    fn difference(&self, variable: Variable, query: &Query) -> LinearExpr {
        let mut sum = LinearExpr::empty();
        sum.add(variable, 1.0);
        for column in &query.columns {
            if let Some(column) = self.variables.get(*column as usize) {
                sum.add(*column, -1.0);
            }
        }
        sum
    }

    fn values(&self, solution: &Solution) -> Vec<f64> {
        self.variables.iter().map(|variable| solution.var_value(*variable)).collect()
    }
}

impl<'a> Search<'a> {
    fn new(component: &'a Component, options: &'a Options) -> Self {
        let ranges = component.queries.iter().map(|query| {
            let sum = |limit: fn(&(i64, i64)) -> i64| {
                let columns = query.columns.iter().map(|c| at(&component.columns, *c));
                columns.fold(0_i64, |sum, range| sum.saturating_add(limit(&range)).min(UNBOUNDED))
            };
            Range {
                low: sum(|r| r.0),
                high: sum(|r| r.1),
                seen_low: i64::MAX,
                seen_high: i64::MIN,
                whole_low: i64::MAX,
                whole_high: i64::MIN,
                ..Range::default()
            }
        });
        Self {
            component,
            options,
            spare: Network::spare(options.singletons),
            outcome: Outcome { ranges: ranges.collect(), ..Outcome::default() },
            upwards: None,
            downwards: None,
        }
    }

    /// Which queries are combinations of the equations.
    fn rank(&mut self) {
        let equations: Vec<(Vec<(u32, i64)>, i64)> = self
            .component
            .constraints
            .iter()
            .filter(|constraint| constraint.low == constraint.high)
            .map(|constraint| (constraint.terms.clone(), constraint.low))
            .collect();
        let space = RowSpace::new(self.component.columns.len(), &equations);
        for (query, range) in self.component.queries.iter().zip(&mut self.outcome.ranges) {
            if let Implied::Value(value) = space.implied(&query.columns)
                && (range.low..=range.high).contains(&value)
            {
                let (low, high) = (value, value);
                *range = Range { low, high, seen_low: low, seen_high: high, implied: true, ..*range };
                (range.low_solved, range.high_solved, range.confirmed) = (true, true, true);
            }
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (u32, &'a Query, &Range)> {
        self.component
            .queries
            .iter()
            .zip(&self.outcome.ranges)
            .zip(0..)
            .map(|((query, range), number)| (number, query, range))
    }

    fn undecided(&self) -> impl Iterator<Item = (u32, &'a Query, &Range)> {
        self.pairs().filter(|(_, query, range)| !range.decided(query))
    }

    fn allowed(&mut self) -> bool {
        self.outcome.solves += 1;
        let size = self.component.columns.len().saturating_mul(self.component.constraints.len());
        let in_time = self.options.time_left.is_none_or(|left| !left().is_zero());
        in_time && self.outcome.solves <= self.options.max_solves && size <= self.options.max_size
    }

    /// Learns what a real-valued world shows.
    fn record(&mut self, values: &[f64]) {
        for (query, range) in self.component.queries.iter().zip(&mut self.outcome.ranges) {
            let sum: f64 = query.columns.iter().map(|column| at(values, *column)).sum();
            range.seen_low = range.seen_low.min(ceiling(sum));
            range.seen_high = range.seen_high.max(floor(sum));
        }
        if let Some(whole) = round(values).filter(|whole| self.component.admits(whole)) {
            self.record_whole(&whole);
        }
    }

    /// Learns what a whole-number world shows, and keeps it if it shows something new.
    fn record_whole(&mut self, world: &[i64]) {
        let mut news = false;
        for (query, range) in self.component.queries.iter().zip(&mut self.outcome.ranges) {
            let sum = query.columns.iter().map(|column| at(world, *column)).sum();
            news |= sum < range.whole_low || sum > range.whole_high;
            range.see(sum);
        }
        if news && self.outcome.worlds.len() < KEPT {
            self.outcome.worlds.push(world.to_vec());
        }
    }

    /// In a network, the range of every query of one column as far as it is wanted, in whole numbers; whether that was all.
    fn follow_circuits(&mut self) -> bool {
        let single = |query: &Query| match query.columns.as_slice() {
            [column] => Some(*column),
            _ => None,
        };
        let columns: Option<Vec<u32>> = self.component.queries.iter().map(single).collect();
        let (Some(columns), Some(mut network)) = (columns, Network::new(self.component)) else { return false };
        if !self.component.admits(&network.world()) {
            return false;
        }
        self.record_whole(&network.world());
        let mut ranges = self.outcome.ranges.clone();
        let mut roomy = Vec::with_capacity(columns.len());
        for ((column, query), range) in columns.iter().zip(&self.component.queries).zip(&mut ranges) {
            let known = range.implied || (range.low_solved && range.high_solved);
            let enough = self.spare == 0 && range.decided(query);
            if !known && !enough && circuits(&mut network, *column, query, range, self.spare).is_none() {
                return false;
            }
            roomy.push(range.reaches(query.want_high, query.want_width.saturating_add(self.spare)));
            range.confirmed |= range.whole_reaches(query, true) && range.whole_reaches(query, false);
        }
        // Every step kept to the sums, or the last world would not.
        if !self.component.admits(&network.world()) {
            return false;
        }
        (self.outcome.ranges, self.outcome.roomy) = (ranges, roomy);
        self.record_whole(&network.world());
        self.undecided().next().is_none()
    }

    /// A world in which the wanted sums are low together.
    fn lower_together(&mut self) {
        if !self.allowed() {
            return;
        }
        let mut model = Model::new(self.component, OptimizationDirection::Minimize, false, self.options);
        for (_, query, _) in self.undecided() {
            let free = model.problem.add_var(1.0, (0.0, f64::INFINITY));
            let difference = model.difference(free, query);
            model.problem.add_constraint(difference, ComparisonOp::Ge, 0.0);
        }
        if let Some(solution) = optimum(&model.problem) {
            self.record(&model.values(&solution));
        }
    }

    /// Worlds in which the undecided sums are as high as wanted, as many together as possible.
    fn raise_together(&mut self) {
        loop {
            let wanted: Vec<(&Query, i64)> = self
                .undecided()
                .filter_map(|(_, query, range)| range.missing_high(query).map(|to| (query, to)))
                .collect();
            if wanted.is_empty() || !self.allowed() {
                return;
            }
            let count = wanted.len();
            let mut model = Model::new(self.component, OptimizationDirection::Maximize, false, self.options);
            for (query, to) in wanted {
                let raised = model.problem.add_var(1.0, (0.0, number(to.min(LARGE))));
                let difference = model.difference(raised, query);
                model.problem.add_constraint(difference, ComparisonOp::Le, 0.0);
            }
            let Some(solution) = optimum(&model.problem) else { return };
            self.record(&model.values(&solution));
            let left = self.undecided().filter(|(_, query, range)| range.missing_high(query).is_some()).count();
            if left + WORTHWHILE > count {
                return;
            }
        }
    }

    /// Exact limits of what is still undecided.
    fn one_by_one(&mut self, up: bool) {
        for (number, query) in (0..).zip(&self.component.queries) {
            let range = self.range(number);
            let known = if up { range.missing_high(query).is_none() } else { range.low_solved };
            if range.decided(query) || known {
                continue;
            }
            let objective = self.extreme(query, up);
            let Some(range) = self.outcome.ranges.get_mut(number) else { continue };
            match objective {
                Some(objective) => range.settle(objective, up),
                None => range.unfinished = true,
            }
        }
    }

    fn range(&self, number: usize) -> Range {
        self.outcome.ranges.get(number).copied().unwrap_or_default()
    }

    /// The largest (or smallest) value of a query over real-valued worlds; the world is recorded.
    fn extreme(&mut self, query: &Query, up: bool) -> Option<f64> {
        if !self.allowed() {
            return None;
        }
        let slot = if up { &mut self.upwards } else { &mut self.downwards };
        if slot.is_none() {
            *slot = Start::new(self.component, up, self.options);
        }
        let start = slot.as_ref()?;
        let solution = start.extreme(query, up)?;
        let values = start.model.values(&solution);
        self.record(&values);
        Some(solution.objective())
    }

    /// Whole-number worlds for what only real-valued worlds have decided. An extreme point often is one; branch and
    /// bound follows where it is not.
    fn whole_numbers(&mut self) {
        for (number, query) in (0..).zip(&self.component.queries) {
            for up in [true, false] {
                let range = self.range(number);
                if range.unfinished || range.implied || range.whole_reaches(query, up) {
                    continue;
                }
                self.extreme(query, up);
                let range = self.range(number);
                if range.whole_reaches(query, up) {
                    continue;
                }
                if !self.allowed() {
                    self.outcome.ranges.get_mut(number).into_iter().for_each(|range| range.unfinished = true);
                    continue;
                }
                let target = range.whole_target(query, up);
                let found = self.whole_extreme(query, target, up);
                let (Some(value), Some(range)) = (found, self.outcome.ranges.get_mut(number)) else { continue };
                if up && value < target {
                    (range.high, range.seen_high, range.by_integers) = (value, value, true);
                } else if !up && value > target {
                    (range.low, range.seen_low, range.by_integers) = (value, value, true);
                }
            }
            if let Some(range) = self.outcome.ranges.get_mut(number) {
                range.confirmed |= range.whole_reaches(query, true) && range.whole_reaches(query, false);
            }
        }
    }

    /// The extreme of a query over whole-number worlds, no further than the target; `None` if the nodes run out.
    fn whole_extreme(&mut self, query: &Query, target: i64, up: bool) -> Option<i64> {
        let direction = if up { OptimizationDirection::Maximize } else { OptimizationDirection::Minimize };
        let mut model = Model::new(self.component, direction, true, self.options);
        let bounds = if up { (-1.0, number(target.min(LARGE))) } else { (number(target.max(0)), number(LARGE)) };
        let reached = model.problem.add_var(1.0, bounds);
        let difference = model.difference(reached, query);
        model.problem.add_constraint(difference, if up { ComparisonOp::Le } else { ComparisonOp::Ge }, 0.0);
        let mut options = SolveOptions::default();
        options.node_limit = Some(self.options.max_nodes);
        options.time_limit = self.options.time_left.map(|left| left());
        let outcome = model.problem.solve_with(options).ok()?;
        let optimal = outcome.is_optimal();
        let SolveOutcome::Solution(solution) = outcome else { return None };
        self.record(&model.values(&solution));
        let value = if up { floor(solution.objective()) } else { ceiling(solution.objective()) };
        optimal.then_some(value)
    }
}

/// The range of one column of a network, as far as it is wanted.
fn circuits(network: &mut Network, column: u32, query: &Query, range: &mut Range, spare: i64) -> Option<()> {
    range.see(network.value(column)?);
    let wide = query.want_width.saturating_add(spare);
    let (value, last) = network.extreme(column, true, query.want_high.max(range.seen_low.saturating_add(wide)))?;
    range.see(value);
    if last || value >= FAR {
        range.high = if last { range.high.min(value) } else { range.high };
        range.high_solved = true;
    }
    let until = if last { -1 } else { query.want_low.min(range.seen_high.saturating_sub(wide)) };
    if range.seen_low > until {
        let (value, last) = network.extreme(column, false, until)?;
        range.see(value);
        if last {
            range.low = range.low.max(value);
            range.low_solved = true;
        }
    }
    if range.low_solved && !range.high_solved && !range.decided(query) {
        let (value, last) = network.extreme(column, true, UNBOUNDED)?;
        range.see(value);
        range.high = if last { range.high.min(value) } else { range.high };
        range.high_solved = true;
    }
    Some(())
}

/// The values as whole numbers, if they are.
fn round(values: &[f64]) -> Option<Vec<i64>> {
    let whole = |value: &f64| {
        let rounded = value.round();
        ((value - rounded).abs() <= TOLERANCE && rounded.abs() <= 1e15).then_some(rounded as i64)
    };
    values.iter().map(whole).collect()
}

fn optimum(problem: &Problem) -> Option<Solution> {
    let outcome = problem.solve().ok()?;
    if outcome.is_optimal() { outcome.into_solution().ok() } else { None }
}

impl Start {
    fn new(component: &Component, up: bool, options: &Options) -> Option<Self> {
        let direction = if up { OptimizationDirection::Maximize } else { OptimizationDirection::Minimize };
        let mut model = Model::new(component, direction, false, options);
        let limit = model.problem.add_var(1.0, (-1.0, number(LARGE)));
        let solution = optimum(&model.problem)?;
        Some(Self { model, limit, solution })
    }

    fn extreme(&self, query: &Query, up: bool) -> Option<Solution> {
        let comparison = if up { ComparisonOp::Le } else { ComparisonOp::Ge };
        let tie = self.model.difference(self.limit, query);
        let warm = self.solution.clone().add_constraint(tie.clone(), comparison, 0.0).ok();
        let warm = warm.filter(SolveOutcome::is_optimal).and_then(|outcome| outcome.into_solution().ok());
        warm.or_else(|| {
            let mut problem = self.model.problem.clone();
            problem.add_constraint(tie, comparison, 0.0);
            optimum(&problem)
        })
    }
}
