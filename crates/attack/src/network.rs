//! Components that are networks: every unknown counts once in at most one sum of one side and one of another, as cells of a table
//! count in rows and columns. Their worlds are flows, the largest and smallest value of an unknown is found along circuits in
//! whole numbers, and no linear programme is needed (Ford and Fulkerson 1956).
//!
//! Any two worlds differ by circuits, each of which changes an unknown by one at most and can be added by itself. So who knows
//! that some unknown is at least 1 knows the limits of another by one better at most: see [`Network::spare`].

use std::collections::VecDeque;

use crate::component::{Component, Constraint};
use crate::universe::UNBOUNDED;
use crate::util::at;

/// Further than this no unknown is followed: as good as unbounded.
pub(crate) const FAR: i64 = 1 << 40;

struct Arc {
    ends: (usize, usize),
    holds: i64,
    low: i64,
    high: i64,
}

/// A network with a world in it.
pub(crate) struct Network {
    /// The component's columns, then what sums leave open.
    arcs: Vec<Arc>,
    of_node: Vec<Vec<usize>>,
    columns: usize,
    /// By node, how a search came there and how it gets from there to its end by one arc; of the search of that number. Kept, because
    /// most searches look at few nodes.
    reached: Vec<(u64, (usize, bool))>,
    near: Vec<(u64, (usize, bool))>,
    searches: u64,
}

/// The side of each constraint, if those that share a column can be on different ones.
fn sides(sums: &[&Constraint], of_column: &[Vec<usize>]) -> Option<Vec<bool>> {
    let mut side: Vec<Option<bool>> = vec![None; sums.len()];
    for start in 0..side.len() {
        if side.get(start).copied().flatten().is_some() {
            continue;
        }
        *side.get_mut(start)? = Some(false);
        let mut queue = VecDeque::from([start]);
        while let Some(number) = queue.pop_front() {
            let own = side.get(number).copied().flatten()?;
            for (column, _) in &sums.get(number)?.terms {
                for other in of_column.get(*column as usize)?.iter().filter(|other| **other != number) {
                    match side.get_mut(*other)? {
                        Some(theirs) if *theirs == own => return None,
                        Some(_) => {}
                        open => {
                            *open = Some(!own);
                            queue.push_back(*other);
                        }
                    }
                }
            }
        }
    }
    side.into_iter().collect()
}

impl Network {
    /// The network of a component with a first world; `None` if it is no network, or has no world that is easily found.
    pub(crate) fn new(component: &Component) -> Option<Self> {
        let mut of_column: Vec<Vec<usize>> = vec![Vec::new(); component.columns.len()];
        // What is said of one column alone is a limit of it.
        let mut columns = component.columns.clone();
        for constraint in component.constraints.iter().filter(|constraint| constraint.terms.len() == 1) {
            let Some((column, 1)) = constraint.terms.first() else { return None };
            let (low, high) = columns.get_mut(*column as usize)?;
            (*low, *high) = ((*low).max(constraint.low), (*high).min(constraint.high));
            if low > high {
                return None;
            }
        }
        let sums: Vec<&Constraint> = component.constraints.iter().filter(|sum| sum.terms.len() > 1).collect();
        for (number, constraint) in sums.iter().enumerate() {
            for (column, factor) in &constraint.terms {
                let list = of_column.get_mut(*column as usize)?;
                list.push(number);
                if *factor != 1 || list.len() > 2 {
                    return None;
                }
            }
        }
        let side = sides(&sums, &of_column)?;
        // What is in one sum only comes from outside, or goes there.
        let outside = sums.len();
        let mut network = Self {
            arcs: Vec::new(),
            of_node: vec![Vec::new(); outside + 1],
            columns: component.columns.len(),
            reached: vec![(0, (0, false)); outside + 1],
            near: vec![(0, (0, false)); outside + 1],
            searches: 0,
        };
        for (constraints, (low, high)) in of_column.iter().zip(&columns) {
            let on = |wanted: bool| {
                let mut those = constraints.iter().filter(|number| side.get(**number) == Some(&wanted));
                those.next().copied().unwrap_or(outside)
            };
            network.arcs.push(Arc { ends: (on(false), on(true)), holds: *low, low: *low, high: *high });
        }
        let mut missing = vec![0_i64; outside + 1];
        for (number, constraint) in sums.iter().enumerate() {
            let second = at(&side, u32::try_from(number).ok()?);
            let least: i64 = constraint.terms.iter().map(|(column, _)| at(&columns, *column).0).sum();
            let sum = network.add_slack(constraint, number, (outside, second));
            let short = sum - least;
            if short < 0 {
                return None;
            }
            // The first side sends, the second receives.
            let signed = if second { -short } else { short };
            *missing.get_mut(number)? += signed;
            *missing.get_mut(outside)? -= signed;
        }
        for (number, arc) in network.arcs.iter().enumerate() {
            for node in [arc.ends.0, arc.ends.1] {
                network.of_node.get_mut(node)?.push(number);
            }
        }
        network.settle(missing)?;
        Some(network)
    }

    /// Adds the arc that makes a sum with limits exact, and tells what it then is.
    fn add_slack(&mut self, constraint: &Constraint, node: usize, (outside, second): (usize, bool)) -> i64 {
        let low = constraint.low.max(0);
        let bounded = constraint.high < UNBOUNDED;
        let high = if bounded { constraint.high - low } else { UNBOUNDED };
        // What is missing to the upper limit counts like an unknown; what exceeds the lower one runs the other way.
        let ends = if bounded != second { (node, outside) } else { (outside, node) };
        if high > 0 {
            self.arcs.push(Arc { ends, holds: 0, low: 0, high });
        }
        if bounded { constraint.high } else { low }
    }

    /// Sends what nodes have too much to those that have too little.
    fn settle(&mut self, mut missing: Vec<i64>) -> Option<()> {
        for from in 0..missing.len() {
            while let Some(much) = missing.get(from).copied().filter(|much| *much > 0) {
                let way = self.way(from, |node| missing.get(node).is_some_and(|n| *n < 0), None, usize::MAX)?;
                let to = way.last().and_then(|(number, forwards)| self.end(*number, *forwards))?;
                let amount = self.go(&way, much.min(-missing.get(to).copied()?));
                *missing.get_mut(from)? -= amount;
                *missing.get_mut(to)? += amount;
            }
        }
        missing.iter().all(|missing| *missing == 0).then_some(())
    }

    fn end(&self, number: usize, forwards: bool) -> Option<usize> {
        self.arcs.get(number).map(|arc| if forwards { arc.ends.1 } else { arc.ends.0 })
    }

    /// Where an arc leads from a node, and in which direction, if something can be moved there.
    fn open(&self, number: usize, node: usize) -> Option<(usize, bool)> {
        let arc = self.arcs.get(number)?;
        if arc.ends.0 == node && arc.holds < arc.high {
            return Some((arc.ends.1, true));
        }
        (arc.ends.1 == node && arc.holds > arc.low).then_some((arc.ends.0, false))
    }

    /// Marks the nodes from which one arc leads to this one.
    fn mark_near(&mut self, to: usize, without: usize) {
        for number in self.of_node.get(to).into_iter().flatten().filter(|number| **number != without) {
            let Some(arc) = self.arcs.get(*number) else { continue };
            let before = if arc.ends.0 == to { arc.ends.1 } else { arc.ends.0 };
            if let Some((end, forwards)) = self.open(*number, before)
                && end == to
                && let Some(slot) = self.near.get_mut(before)
            {
                *slot = (self.searches, (*number, forwards));
            }
        }
    }

    /// A short way on which something can be moved to a goal (to `only`, if that is the only one), without one of the arcs.
    fn way(
        &mut self,
        from: usize,
        goal: impl Fn(usize) -> bool,
        only: Option<usize>,
        without: usize,
    ) -> Option<Vec<(usize, bool)>> {
        self.searches += 1;
        let search = self.searches;
        if let Some(only) = only {
            self.mark_near(only, without);
        }
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            if let Some((_, last)) = self.near.get(node).filter(|(of, _)| *of == search).copied() {
                return self.back(from, node, Some(last));
            }
            for place in 0..self.of_node.get(node)?.len() {
                let Some(number) = self.of_node.get(node).and_then(|arcs| arcs.get(place)).copied() else { break };
                let Some((next, forwards)) = self.open(number, node).filter(|_| number != without) else { continue };
                let slot = self.reached.get_mut(next)?;
                if next == from || slot.0 == search {
                    continue;
                }
                *slot = (search, (number, forwards));
                if goal(next) {
                    return self.back(from, next, None);
                }
                if let Some((_, last)) = self.near.get(next).filter(|(of, _)| *of == search).copied() {
                    return self.back(from, next, Some(last));
                }
                queue.push_back(next);
            }
        }
        None
    }

    fn back(&self, from: usize, mut node: usize, last: Option<(usize, bool)>) -> Option<Vec<(usize, bool)>> {
        let mut way: Vec<(usize, bool)> = last.into_iter().collect();
        while node != from {
            let (of, (number, forwards)) = self.reached.get(node).copied()?;
            if of != self.searches {
                return None;
            }
            way.push((number, forwards));
            node = self.end(number, !forwards)?;
        }
        way.reverse();
        Some(way)
    }

    /// Moves as much as there is along a way, at most so much.
    fn go(&mut self, way: &[(usize, bool)], most: i64) -> i64 {
        let room = way.iter().filter_map(|(number, forwards)| {
            self.arcs.get(*number).map(|arc| if *forwards { arc.high - arc.holds } else { arc.holds - arc.low })
        });
        let amount = room.min().unwrap_or(i64::MAX).min(most);
        for (number, forwards) in way {
            if let Some(arc) = self.arcs.get_mut(*number) {
                arc.holds += if *forwards { amount } else { -amount };
            }
        }
        amount
    }

    /// The present world.
    pub(crate) fn world(&self) -> Vec<i64> {
        self.arcs.iter().take(self.columns).map(|arc| arc.holds).collect()
    }

    pub(crate) fn value(&self, column: u32) -> Option<i64> {
        self.arcs.get(column as usize).map(|arc| arc.holds)
    }

    /// Raises (or lowers) a column up to (down to) this, or as far as it goes: the value, and whether it is the last possible.
    pub(crate) fn extreme(&mut self, column: u32, up: bool, until: i64) -> Option<(i64, bool)> {
        let number = column as usize;
        loop {
            let arc = self.arcs.get(number)?;
            let left = if up { until.min(FAR) - arc.holds } else { arc.holds - until.max(-1) };
            let room = if up { arc.high - arc.holds } else { arc.holds - arc.low };
            if left <= 0 {
                return Some((arc.holds, false));
            }
            if room <= 0 {
                return Some((arc.holds, true));
            }
            // What goes through the arc has to come back to where it starts.
            let (from, to) = if up { (arc.ends.1, arc.ends.0) } else { arc.ends };
            let holds = arc.holds;
            let way = if from == to { Some(Vec::new()) } else { self.way(from, |node| node == to, Some(to), number) };
            let Some(mut circuit) = way else { return Some((holds, true)) };
            circuit.push((number, up));
            self.go(&circuit, left);
        }
    }

    /// How much wider than wanted a range must be for whoever knows of a record in any other unknown: both limits may be nearer
    /// by one.
    pub(crate) const fn spare(singletons: bool) -> i64 {
        if singletons { 2 } else { 0 }
    }
}
