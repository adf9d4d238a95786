//! What any number of shown columns of two kinds give away together.
//!
//! Columns of one kind are disjoint. Take two kinds, and join a column of one with a column of the other by an *edge* where they
//! have atoms in common; what lies outside one kind is joined to a node that is not shown. A reader who adds columns of one
//! kind and subtracts columns of the other learns the sum of a set of edges, and sets of which all such sums are made are of
//! one form: columns of one kind, less columns of the other that lie inside them. The fewest records that such a set holds
//! together with a given edge are a minimum cut, and equal to the most that the edge can hold in any world of the two kinds
//! (max-flow min-cut theorem). So every edge that holds something is filled, by circuits, until it holds k; where that fails,
//! the cut is what the reader can compute.
//!
//! By people it is the same with the people whom an edge adds to those of the first: an upper limit of the people behind
//! the set. What was found is judged exactly; a set whose people are spread over its edges may be missed.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::scene::{Reader, Scene};
use super::{Limit, Shape};
use crate::table::{at, set};

const NONE: u32 = u32::MAX;
/// No limit of an edge.
const UNLIMITED: i64 = i64::MAX / 4;

/// Disjoint columns.
#[derive(PartialEq, Eq)]
pub(super) struct Layer {
    columns: Vec<u32>,
    /// By atom: which of the columns, or [`NONE`].
    place: Vec<u32>,
}

/// The columns of each kind, in as few disjoint layers as come about by taking one after the other.
pub(super) fn layers<'a>(scene: &Scene, shapes: impl Fn(u32) -> Vec<Shape<'a>>, atoms: usize) -> Vec<Layer> {
    let mut kinds: BTreeMap<Shape<'a>, Vec<Layer>> = BTreeMap::new();
    for column in &scene.shown {
        let row = scene.atoms.row(*column);
        for shape in shapes(*column) {
            let list = kinds.entry(shape).or_default();
            let free = |layer: &&mut Layer| row.iter().all(|atom| at(&layer.place, *atom) == NONE);
            let layer = match list.iter_mut().position(|mut layer| free(&mut layer)) {
                Some(found) => list.get_mut(found),
                None => {
                    list.push(Layer { columns: Vec::new(), place: vec![NONE; atoms] });
                    list.last_mut()
                }
            };
            let Some(layer) = layer else { continue };
            let number = u32::try_from(layer.columns.len()).unwrap_or(NONE);
            row.iter().for_each(|atom| set(&mut layer.place, *atom, number));
            layer.columns.push(*column);
        }
    }
    let mut layers: Vec<Layer> = Vec::new();
    for layer in kinds.into_values().flatten() {
        if !layers.iter().any(|known| known.columns == layer.columns) {
            layers.push(layer);
        }
    }
    layers
}

/// Columns of two kinds with an atom in common; the last node of either side is what lies outside.
struct Edge {
    ends: (u32, u32),
    count: i64,
    /// People, if there are fewer than k of them: those with a name, in order, and how many others.
    people: Option<(Vec<u64>, u64)>,
}

struct Graph<'a> {
    reader: &'a Reader<'a>,
    edges: Vec<Edge>,
    /// Edges of each node, the first kind's nodes before the second's.
    of_node: Vec<Vec<u32>>,
    /// How many columns the first kind has: its outside.
    first: u32,
    /// The second kind's outside, as a node.
    last: u32,
    limit: &'a mut Limit,
}

/// What is behind an edge that is filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Records,
    People,
}

/// Every set that columns of two layers give away, of fewer than k people besides those whom the reader knows.
pub(super) fn cuts(
    scene: &Scene,
    reader: &Reader<'_>,
    (one, two): (&Layer, &Layer),
    limit: &mut Limit,
    found: &mut dyn FnMut(Vec<u32>, &[u32]),
) {
    let mut graph = Graph::new(scene, reader, one, two, limit);
    let k = i64::try_from(reader.k()).unwrap_or(i64::MAX);
    let mut done = vec![false; graph.edges.len()];
    let measures: &[Measure] = if reader.named() { &[Measure::Records, Measure::People] } else { &[Measure::Records] };
    for measure in measures {
        for edge in 0..u32::try_from(graph.edges.len()).unwrap_or(0) {
            if at(&done, edge) || graph.limit.reached() {
                continue;
            }
            let holds = graph.holds(edge, *measure);
            if graph.edges.get(edge as usize).is_none_or(|edge| edge.count == 0) || holds >= k {
                continue;
            }
            let Some(side) = graph.fill(edge, k - holds, *measure) else { continue };
            let inside = |atom: u32| {
                let (u, v) = graph.ends(at(&one.place, atom), at(&two.place, atom));
                at(&side, u) && !at(&side, v)
            };
            let shown = |atom: &u32| !scene.members.row(*atom).is_empty();
            let atoms: Vec<u32> =
                (0..u32::try_from(one.place.len()).unwrap_or(0)).filter(shown).filter(|atom| inside(*atom)).collect();
            if !reader.is_few(reader.value(&atoms), &atoms) {
                continue;
            }
            for (number, other) in (0_u32..).zip(&graph.edges) {
                if at(&side, other.ends.0) && !at(&side, other.ends.1) {
                    set(&mut done, number, true);
                }
            }
            found(atoms, &graph.columns_of(&side, one, two));
        }
    }
}

impl<'a> Graph<'a> {
    fn new(scene: &Scene, reader: &'a Reader<'a>, one: &Layer, two: &Layer, limit: &'a mut Limit) -> Self {
        let first = u32::try_from(one.columns.len()).unwrap_or(NONE);
        let last = first + 1 + u32::try_from(two.columns.len()).unwrap_or(NONE);
        let mut graph =
            Self { reader, edges: Vec::new(), of_node: vec![Vec::new(); last as usize + 1], first, last, limit };
        let mut slot: Vec<u32> = vec![NONE; last as usize + 1];
        let rows = one.columns.iter().map(|column| scene.atoms.row(*column).to_vec());
        let outside: Vec<u32> = two
            .columns
            .iter()
            .flat_map(|column| scene.atoms.row(*column))
            .copied()
            .filter(|atom| at(&one.place, *atom) == NONE)
            .collect();
        for (row, u) in rows.chain([outside]).zip(0_u32..) {
            let start = graph.edges.len();
            let mut inside: Vec<Vec<u32>> = Vec::new();
            graph.limit.count(row.len());
            for atom in row {
                let (_, v) = graph.ends(u, at(&two.place, atom));
                if at(&slot, v) == NONE {
                    set(&mut slot, v, u32::try_from(inside.len()).unwrap_or(NONE));
                    graph.edges.push(Edge { ends: (u, v), count: 0, people: None });
                    inside.push(Vec::new());
                }
                inside.get_mut(at(&slot, v) as usize).into_iter().for_each(|list| list.push(atom));
            }
            for (edge, atoms) in graph.edges.iter_mut().skip(start).zip(inside) {
                set(&mut slot, edge.ends.1, NONE);
                edge.count = reader.value(&atoms);
                edge.people = reader.named().then(|| people_of(reader, &atoms)).flatten();
            }
        }
        for (edge, number) in graph.edges.iter().zip(0_u32..) {
            for node in [edge.ends.0, edge.ends.1] {
                graph.of_node.get_mut(node as usize).into_iter().for_each(|list| list.push(number));
            }
        }
        graph
    }

    /// The nodes of two places.
    const fn ends(&self, one: u32, two: u32) -> (u32, u32) {
        let u = if one == NONE { self.first } else { one };
        let v = if two == NONE { self.last } else { self.first + 1 + two };
        (u, v)
    }

    /// The columns that are added and subtracted where a cut divides the nodes.
    fn columns_of(&self, side: &[bool], one: &Layer, two: &Layer) -> Vec<u32> {
        // What lies outside is not shown, so that it is on neither side of the sum.
        let wanted = !at(side, self.first);
        let of = |layer: &Layer, start: u32| -> Vec<u32> {
            let chosen = layer.columns.iter().zip(start..).filter(|(_, node)| at(side, *node) == wanted);
            chosen.map(|(column, _)| *column).collect()
        };
        [of(one, 0), of(two, self.first + 1)].concat()
    }

    /// What an edge holds to begin with.
    fn holds(&self, edge: u32, measure: Measure) -> i64 {
        let Some(edge) = self.edges.get(edge as usize) else { return 0 };
        match (measure, &edge.people) {
            (Measure::Records, _) => edge.count,
            (Measure::People, Some((named, others))) => i64::try_from(named.len() as u64 + others).unwrap_or(0),
            (Measure::People, None) => UNLIMITED,
        }
    }

    /// How much an edge can give to another.
    fn gives(&self, edge: u32, to: u32, measure: Measure) -> i64 {
        let (Some(edge), Some(to)) = (self.edges.get(edge as usize), self.edges.get(to as usize)) else { return 0 };
        match (measure, &edge.people, &to.people) {
            (Measure::Records, _, _) => edge.count,
            (Measure::People, Some((named, others)), Some((first, those))) => {
                let new = named.iter().filter(|person| first.binary_search(person).is_err()).count() as u64 + others;
                if new + first.len() as u64 + those >= self.reader.k() {
                    UNLIMITED
                } else {
                    i64::try_from(new).unwrap_or(UNLIMITED)
                }
            }
            _ => UNLIMITED,
        }
    }

    /// Fills an edge by circuits until it holds so much more; if that fails, the nodes on the side of its first end.
    fn fill(&mut self, edge: u32, mut wanted: i64, measure: Measure) -> Option<Vec<bool>> {
        let mut now: BTreeMap<u32, i64> = BTreeMap::new();
        while wanted > 0 {
            let circuit = match self.circuit(edge, measure, &now) {
                Err(side) => return (!self.limit.reached()).then_some(side),
                Ok(circuit) => circuit,
            };
            let has = |other: u32| now.get(&other).copied().unwrap_or_else(|| self.gives(other, edge, measure));
            let down = circuit.iter().filter(|(_, down)| *down).map(|(other, _)| has(*other));
            let amount = down.min().unwrap_or(UNLIMITED).min(wanted);
            let changed = circuit.iter().map(|(other, down)| {
                (*other, if *down { has(*other) - amount } else { (has(*other) + amount).min(UNLIMITED) })
            });
            let changed: Vec<(u32, i64)> = changed.collect();
            now.extend(changed);
            wanted -= amount;
        }
        None
    }

    /// Edges that go down and up, in turn, so that one edge can go up and every sum stays; else the nodes reached.
    fn circuit(
        &mut self,
        start: u32,
        measure: Measure,
        now: &BTreeMap<u32, i64>,
    ) -> Result<Vec<(u32, bool)>, Vec<bool>> {
        let (from, to) = self.edges.get(start as usize).map_or((0, 0), |edge| edge.ends);
        let has = |edge: u32| now.get(&edge).copied().unwrap_or_else(|| self.gives(edge, start, measure));
        let twin = |node: u32| match node {
            node if node == self.first => Some(self.last),
            node => (node == self.last).then_some(self.first),
        };
        let edges_of = |node: u32| self.of_node.get(node as usize).map_or(&[][..], Vec::as_slice);
        let end = |edge: u32, down: bool| {
            self.edges.get(edge as usize).map_or(NONE, |edge| if down { edge.ends.1 } else { edge.ends.0 })
        };
        let mut steps = edges_of(to).len();
        // From here one edge leads to the end.
        let mut near: HashMap<u32, u32> = edges_of(to)
            .iter()
            .filter(|edge| **edge != start && has(**edge) > 0)
            .map(|e| (end(*e, false), *e))
            .collect();
        twin(to).into_iter().for_each(|node| {
            near.insert(node, NONE);
        });
        let mut seen = vec![false; self.of_node.len()];
        // By node: the edge and the node that it was reached by; no edge where it lies outside both kinds.
        let mut came: Vec<(u32, u32)> = vec![(NONE, NONE); self.of_node.len()];
        let mut queue = VecDeque::from([from]);
        set(&mut seen, from, true);
        let mut reached = near.contains_key(&from).then_some(from);
        while let (None, Some(node)) = (reached, queue.pop_front()) {
            let down = node <= self.first;
            let open = edges_of(node).iter().copied().filter(|edge| *edge != start && (!down || has(*edge) > 0));
            let next = open.map(|edge| (edge, end(edge, down))).chain(twin(node).map(|twin| (NONE, twin)));
            for (edge, other) in next {
                steps += 1;
                if at(&seen, other) {
                    continue;
                }
                set(&mut seen, other, true);
                set(&mut came, other, (edge, node));
                if near.contains_key(&other) {
                    reached = Some(other);
                    break;
                }
                queue.push_back(other);
            }
        }
        let path = reached.map(|node| {
            let last = near.get(&node).map(|edge| (*edge, true)).filter(|(edge, _)| *edge != NONE);
            last.into_iter().chain(self.path(node, &came)).collect()
        });
        self.limit.count(steps);
        path.ok_or(seen)
    }

    fn path(&self, to: u32, came: &[(u32, u32)]) -> Vec<(u32, bool)> {
        let mut path = Vec::new();
        let mut node = to;
        while let Some((edge, before)) = came.get(node as usize).copied().filter(|(_, before)| *before != NONE) {
            if edge != NONE {
                // Towards the second kind an edge goes down.
                path.push((edge, node > self.first));
            }
            node = before;
        }
        path
    }
}

/// The people behind atoms, if there are fewer than k.
fn people_of(reader: &Reader<'_>, atoms: &[u32]) -> Option<(Vec<u64>, u64)> {
    if reader.distinct(atoms.iter().copied()) >= reader.k() {
        return None;
    }
    let mut named = Vec::new();
    let others = atoms.iter().map(|atom| reader.people(*atom, &mut named)).sum();
    named.sort_unstable();
    named.dedup();
    Some((named, others))
}
