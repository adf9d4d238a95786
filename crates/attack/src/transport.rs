//! What any number of cells of two layers give away: for each part that a cell of one layer has in common with a cell of the
//! other, the most that it can hold in a world of these two layers alone. If that is from 1 to k - 1, some cells of one layer less
//! cells of the other inside them are so many: the minimum cut of a transportation problem, which has whole numbers.
//!
//! Nothing but the sums is known, so that a first world is made before any part is filled.

use std::collections::{BTreeMap, VecDeque};

/// Cells of either layer that a part lies in.
pub(crate) type Part = (Option<u32>, Option<u32>);

/// Cells of one layer less cells of the other.
pub(crate) struct Cut {
    /// The parts that it consists of, by number.
    pub(crate) parts: Vec<usize>,
    pub(crate) plus: Vec<u32>,
    pub(crate) minus: Vec<u32>,
    pub(crate) count: i64,
}

struct Arc {
    ends: (usize, usize),
    /// What it holds in the present world.
    holds: i64,
    /// Whether it may hold anything.
    real: bool,
}

struct World {
    arcs: Vec<Arc>,
    of_node: Vec<Vec<usize>>,
    /// Nodes of the first layer come before this one, which is what lies outside it.
    first: usize,
    /// What lies outside the second layer.
    last: usize,
}

type Step = (Option<usize>, usize);

/// What a search has reached. Kept from one search to the next, because most look at a few of many nodes only: an entry counts if it
/// is of the present round.
struct Marks {
    round: u64,
    reached: Vec<(u64, Step)>,
    /// Where one arc (or none, outside both layers) leads to the end.
    near: Vec<(u64, Option<usize>)>,
}

impl Marks {
    fn new(nodes: usize) -> Self {
        Self { round: 0, reached: vec![(0, (None, 0)); nodes], near: vec![(0, None); nodes] }
    }

    fn reach(&mut self, node: usize, step: Step) -> bool {
        let round = self.round;
        let slot = self.reached.get_mut(node).filter(|(of, _)| *of != round);
        slot.map(|slot| *slot = (round, step)).is_some()
    }

    fn lead(&mut self, node: Option<usize>, by: Option<usize>) {
        let round = self.round;
        node.and_then(|node| self.near.get_mut(node)).into_iter().for_each(|slot| *slot = (round, by));
    }

    fn leads(&self, node: usize) -> Option<Option<usize>> {
        self.near.get(node).filter(|(of, _)| *of == self.round).map(|(_, by)| *by)
    }

    fn step(&self, node: usize) -> Option<Step> {
        self.reached.get(node).filter(|(of, _)| *of == self.round).map(|(_, step)| *step)
    }
}

impl World {
    /// The nodes and arcs, everything outside the other layer; arcs that do not exist come after the parts.
    fn new(parts: &[Part], sums: &[i64]) -> (Self, Vec<u32>, Vec<u32>) {
        let cells = |of: fn(&Part) -> Option<u32>| -> Vec<u32> {
            let mut cells: Vec<u32> = parts.iter().filter_map(of).collect();
            cells.sort_unstable();
            cells.dedup();
            cells
        };
        let (one, two) = (cells(|part| part.0), cells(|part| part.1));
        let (first, last) = (one.len(), one.len() + 1 + two.len());
        let place = |cell: Option<u32>, cells: &[u32], outside: usize| {
            cell.and_then(|cell| cells.binary_search(&cell).ok()).unwrap_or(outside)
        };
        let node = |part: &Part| (place(part.0, &one, first), first + 1 + place(part.1, &two, two.len()));
        let mut world = Self {
            arcs: parts.iter().map(|part| Arc { ends: node(part), holds: 0, real: true }).collect(),
            of_node: vec![Vec::new(); last + 1],
            first,
            last,
        };
        let outside: BTreeMap<(usize, usize), usize> =
            world.arcs.iter().zip(0..).map(|(arc, number)| (arc.ends, number)).collect();
        let alone = (0..first).map(|u| (u, last)).chain((first + 1..last).map(|v| (first, v)));
        for (ends, cell) in alone.zip(one.iter().chain(&two)) {
            let holds = sums.get(*cell as usize).copied().unwrap_or(0);
            match outside.get(&ends).and_then(|number| world.arcs.get_mut(*number)) {
                Some(arc) => arc.holds = holds,
                None => world.arcs.push(Arc { ends, holds, real: false }),
            }
        }
        for (number, arc) in world.arcs.iter().enumerate() {
            for node in [arc.ends.0, arc.ends.1] {
                world.of_node.get_mut(node).into_iter().for_each(|list| list.push(number));
            }
        }
        (world, one, two)
    }

    /// A way from one node to another: towards the second layer arcs lose, towards the first they gain. All nodes reached, if
    /// there is none.
    fn way(
        &self,
        (from, to): (usize, usize),
        without: usize,
        marks: &mut Marks,
        steps: &mut u64,
    ) -> Result<Vec<(usize, bool)>, Vec<bool>> {
        marks.round += 1;
        let usable = |number: usize, loses: bool| {
            let arc = self.arcs.get(number).filter(|_| number != without)?;
            let open = if loses { arc.holds > 0 } else { arc.real };
            open.then_some(if loses { arc.ends.1 } else { arc.ends.0 })
        };
        let arcs_of = |node: usize| self.of_node.get(node).map_or(&[][..], Vec::as_slice);
        // The end is met from its own side before as many arcs as it has are looked at from the other.
        let (many, mut looked, mut met) = (arcs_of(to).len(), 0, false);
        let mut queue = VecDeque::from([from]);
        marks.reach(from, (None, from));
        while let Some(node) = queue.pop_front() {
            if looked + arcs_of(node).len() >= many && !met {
                met = true;
                *steps = steps.saturating_sub(many as u64);
                for number in arcs_of(to) {
                    let before =
                        self.arcs.get(*number).map(|arc| if to > self.first { arc.ends.0 } else { arc.ends.1 });
                    if usable(*number, to > self.first).is_some() {
                        marks.lead(before, Some(*number));
                    }
                }
                marks.lead(self.twin(to), None);
            }
            if let Some(by) = marks.leads(node) {
                return Ok(self.back(marks, node, from, by, to));
            }
            let loses = node <= self.first;
            looked += arcs_of(node).len();
            *steps = steps.saturating_sub(arcs_of(node).len() as u64);
            let next = arcs_of(node).iter().filter_map(|number| Some((Some(*number), usable(*number, loses)?)));
            for (by, other) in next.chain(self.twin(node).map(|twin| (None, twin))) {
                if !marks.reach(other, (by, node)) {
                    continue;
                }
                if other == to {
                    return Ok(self.back(marks, to, from, None, to));
                }
                if let Some(last) = marks.leads(other) {
                    return Ok(self.back(marks, other, from, last, to));
                }
                queue.push_back(other);
            }
        }
        *steps = steps.saturating_sub(self.of_node.len() as u64);
        Err((0..self.of_node.len()).map(|node| marks.step(node).is_some()).collect())
    }

    /// What is outside one layer may be outside both, unseen.
    fn twin(&self, node: usize) -> Option<usize> {
        match node {
            node if node == self.first => Some(self.last),
            node => (node == self.last).then_some(self.first),
        }
    }

    fn back(&self, marks: &Marks, mut node: usize, from: usize, last: Option<usize>, to: usize) -> Vec<(usize, bool)> {
        let mut way: Vec<(usize, bool)> = last.map(|number| (number, to > self.first)).into_iter().collect();
        while node != from {
            let Some((by, before)) = marks.step(node) else { break };
            way.extend(by.map(|number| (number, node > self.first)));
            node = before;
        }
        way
    }

    /// Moves along a way, as much as there is, at most so much.
    fn go(&mut self, way: &[(usize, bool)], most: i64) -> i64 {
        let losing = way.iter().filter(|(_, loses)| *loses).filter_map(|(number, _)| self.arcs.get(*number));
        let amount = losing.map(|arc| arc.holds).min().unwrap_or(i64::MAX).min(most);
        for (number, loses) in way {
            if let Some(arc) = self.arcs.get_mut(*number) {
                arc.holds += if *loses { -amount } else { amount };
            }
        }
        amount
    }

    /// Empties the arcs that do not exist; whether that is possible.
    fn settle(&mut self, parts: usize, marks: &mut Marks, steps: &mut u64) -> bool {
        for number in parts..self.arcs.len() {
            while let Some(Arc { ends, holds, .. }) = self.arcs.get(number)
                && *holds > 0
            {
                let (ends, holds) = (*ends, *holds);
                let Ok(way) = self.way((ends.1, ends.0), number, marks, steps) else { return false };
                let amount = self.go(&way, holds);
                self.arcs.get_mut(number).into_iter().for_each(|arc| arc.holds -= amount);
            }
        }
        true
    }
}

/// Every part that can hold from 1 to k - 1 at most, with the cells that show it; `None` if no world has these sums, or the
/// steps ran out.
pub(crate) fn fewest(parts: &[Part], sums: &[i64], k: i64, steps: &mut u64) -> Option<Vec<Cut>> {
    let (mut world, one, two) = World::new(parts, sums);
    let mut marks = Marks::new(world.of_node.len());
    if !world.settle(parts.len(), &mut marks, steps) {
        return None;
    }
    let mut cuts = Vec::new();
    for part in 0..parts.len() {
        loop {
            if *steps == 0 {
                return None;
            }
            let (ends, holds) = world.arcs.get(part).map(|arc| (arc.ends, arc.holds))?;
            if holds >= k {
                break;
            }
            match world.way(ends, part, &mut marks, steps) {
                Ok(way) => {
                    let amount = world.go(&way, k - holds);
                    world.arcs.get_mut(part)?.holds += amount;
                }
                Err(side) => {
                    if holds > 0 {
                        *steps = steps.saturating_sub(world.arcs.len() as u64);
                        cuts.push(cut(&world, &side, (&one, &two), holds));
                    }
                    break;
                }
            }
        }
    }
    Some(cuts)
}

fn cut(world: &World, side: &[bool], (one, two): (&[u32], &[u32]), count: i64) -> Cut {
    let on = |node: usize| side.get(node).copied().unwrap_or(false);
    let arcs = world.arcs.iter().enumerate().filter(|(_, arc)| arc.real && on(arc.ends.0) && !on(arc.ends.1));
    // What lies outside is not shown, so that it is on neither side of the sum.
    let shown = !on(world.first);
    let of = |cells: &[u32], start: usize| -> Vec<u32> {
        cells.iter().zip(start..).filter(|(_, node)| on(*node) == shown).map(|(cell, _)| *cell).collect()
    };
    let parts = arcs.map(|(number, _)| number).collect();
    let (one, two) = (of(one, 0), of(two, world.first + 1));
    let (plus, minus) = if shown { (one, two) } else { (two, one) };
    Cut { parts, plus, minus, count }
}
