//! Blocks: what cells connect. Two blocks have no atom and no cell in common, so that a world of one goes together with the truth of
//! the others, and whatever shown cells of several give away together is the sum of what those of each do. So each is decided and
//! proved by itself, and one in which nothing changed stays as it is.

mod entry;
mod kept;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::contributions::Contribution;
use crate::history::Proof;
use crate::ids::CellId;
use crate::material::Material;
use crate::table::{at, set};

pub(crate) use entry::{apart, is_same, joined};
pub(crate) use kept::Keeper;

/// Material, block by block.
pub(crate) struct Divided {
    /// In the order of their first cells, each with atoms of its own.
    pub(crate) blocks: Vec<Material>,
    /// Cells without atoms, and those that are not available.
    pub(crate) loose: Material,
    /// By way of whom the records of any block came.
    pub(crate) partners: BTreeSet<u16>,
}

/// A forest in which what is connected has one root.
pub(crate) struct Forest(Vec<u32>);

impl Forest {
    pub(crate) fn new(nodes: usize) -> Self {
        Self((0..).take(nodes).collect())
    }

    pub(crate) fn root(&mut self, mut node: u32) -> u32 {
        while at(&self.0, node) != node {
            let up = at(&self.0, at(&self.0, node));
            set(&mut self.0, node, up);
            node = up;
        }
        node
    }

    pub(crate) fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        set(&mut self.0, a.max(b), a.min(b));
    }
}

/// Where everything lies.
struct Places {
    /// How many atoms each block has.
    sizes: Vec<u32>,
    /// The block of each atom, and its number there.
    of_atom: Vec<(u32, u32)>,
    /// The block of each figure, if it is of one.
    of_figure: Vec<Option<u32>>,
}

/// Of what is in no block.
const NONE: u32 = u32::MAX;

impl Material {
    /// Divides it. All figures of a cell are of one block, as they are compared with each other, and all atoms of a place, as what went
    /// and came there is.
    pub(crate) fn divided(mut self) -> Divided {
        let places = Places::new(&self);
        let (cells, superseded) = (std::mem::take(&mut self.cells), std::mem::take(&mut self.superseded));
        let mut blocks: Vec<Self> = self.contents(&places);
        let mut loose = self.like(Vec::new());
        let mut of_figure = places.of_figure.iter();
        for (is_shown, mut cell) in
            cells.into_iter().map(|cell| (true, cell)).chain(superseded.into_iter().map(|cell| (false, cell)))
        {
            let block = of_figure.next().copied().flatten().and_then(|block| blocks.get_mut(block as usize));
            let block = block.unwrap_or(&mut loose);
            cell.atoms.iter_mut().for_each(|atom| *atom = places.local(*atom));
            if is_shown { block.cells.push(cell) } else { block.superseded.push(cell) }
        }
        let contributions = blocks.iter().flat_map(|block| &block.contributions).filter(|entry| entry.amount > 0);
        let partners = contributions.map(|entry| entry.partner).collect();
        Divided { blocks, loose, partners }
    }

    /// Into how many tables the last plan split a block of it, at most.
    pub(crate) fn tables_before(&self) -> usize {
        let mut tables: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (block, table) in self.inherited.iter().map(|proof| proof.of) {
            tables.entry(block).or_default().insert(table);
        }
        tables.values().map(BTreeSet::len).max().unwrap_or(0)
    }

    /// Material of the same group with this truth, and nothing else yet.
    fn like(&self, truth: Vec<i64>) -> Self {
        Self {
            group: self.group.clone(),
            origins: vec![0; truth.len()],
            truth,
            contributions: Vec::new(),
            cells: Vec::new(),
            superseded: Vec::new(),
            inherited: Vec::new(),
            revises: self.revises,
            more_follows: self.more_follows,
        }
    }

    /// Everything of each block but its cells.
    fn contents(&self, places: &Places) -> Vec<Self> {
        let mut blocks: Vec<Self> = places.sizes.iter().map(|atoms| self.like(vec![0; *atoms as usize])).collect();
        for ((truth, origin), place) in self.truth.iter().zip(&self.origins).zip(&places.of_atom) {
            let Some(block) = blocks.get_mut(place.0 as usize) else { continue };
            set(&mut block.truth, place.1, *truth);
            set(&mut block.origins, place.1, places.local(*origin));
        }
        for entry in &self.contributions {
            let Some((block, atom)) = places.of_atom.get(entry.atom as usize) else { continue };
            let block = blocks.get_mut(*block as usize);
            block.into_iter().for_each(|block| block.contributions.push(Contribution { atom: *atom, ..*entry }));
        }
        for proof in &self.inherited {
            for (block, proof) in proof.divided(&places.of_atom) {
                if let Some(block) = blocks.get_mut(block as usize) {
                    block.inherited.push(proof);
                }
            }
        }
        blocks
    }
}

impl Places {
    fn new(material: &Material) -> Self {
        let atoms = u32::try_from(material.truth.len()).unwrap_or(NONE);
        let figures = || material.figures().map(|cell| Some(cell).filter(|cell| !cell.facts.not_available));
        let mut nodes: BTreeMap<&CellId, u32> = BTreeMap::new();
        for cell in figures().flatten() {
            let next = atoms + u32::try_from(nodes.len()).unwrap_or(NONE);
            nodes.entry(&cell.id).or_insert(next);
        }
        let mut forest = Forest::new(material.truth.len() + nodes.len());
        (0_u32..).zip(&material.origins).for_each(|(atom, origin)| forest.join(atom, *origin));
        let mut with_atoms: BTreeSet<u32> = BTreeSet::new();
        for cell in figures().flatten().filter(|cell| !cell.atoms.is_empty()) {
            let node = nodes.get(&cell.id).copied().unwrap_or(NONE);
            cell.atoms.iter().for_each(|atom| forest.join(node, *atom));
            with_atoms.insert(node);
        }
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        for node in nodes.values().filter(|node| with_atoms.contains(node)) {
            let next = u32::try_from(numbers.len()).unwrap_or(NONE);
            numbers.entry(forest.root(*node)).or_insert(next);
        }
        let mut block_of = |node: u32| numbers.get(&forest.root(node)).copied();
        let of_figure = figures().map(|cell| block_of(*nodes.get(&cell?.id)?)).collect();
        let mut sizes = vec![0_u32; numbers.len()];
        let mut next = |block: u32| {
            let size = sizes.get_mut(block as usize)?;
            *size += 1;
            Some((block, *size - 1))
        };
        let of_atom = (0..atoms).map(|atom| block_of(atom).and_then(&mut next).unwrap_or((NONE, NONE))).collect();
        Self { sizes, of_atom, of_figure }
    }

    fn local(&self, atom: u32) -> u32 {
        at(&self.of_atom, atom).1
    }
}

impl Proof {
    /// What it says of each block: of a world that reaches over several, what it changes in each.
    fn divided(&self, places: &[(u32, u32)]) -> BTreeMap<u32, Self> {
        let mut proofs: BTreeMap<u32, Self> = BTreeMap::new();
        // By place here: its number in each block that has atoms of it.
        let mut numbers: Vec<Vec<(u32, u32)>> = Vec::with_capacity(self.inside.len());
        for atoms in &self.inside {
            let mut found: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for (block, atom) in atoms.iter().filter_map(|atom| places.get(*atom as usize)) {
                found.entry(*block).or_default().push(*atom);
            }
            let mut of_place = Vec::with_capacity(found.len());
            for (block, atoms) in found {
                let empty = || Self { of: self.of, inside: Vec::new(), worlds: Vec::new() };
                let proof = proofs.entry(block).or_insert_with(empty);
                of_place.push((block, u32::try_from(proof.inside.len()).unwrap_or(u32::MAX)));
                proof.inside.push(atoms);
            }
            numbers.push(of_place);
        }
        for world in &self.worlds {
            let mut parts: BTreeMap<u32, Vec<(u32, i64)>> = BTreeMap::new();
            for (place, delta) in world {
                for (block, number) in numbers.get(*place as usize).into_iter().flatten() {
                    parts.entry(*block).or_default().push((*number, *delta));
                }
            }
            for (block, part) in parts {
                proofs.entry(block).and_modify(|proof| proof.worlds.push(part));
            }
        }
        proofs
    }
}
