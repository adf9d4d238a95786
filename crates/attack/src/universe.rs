//! Codes resolved to numbers: the distinct cells, their layers, and the sums that hold between them.

use std::collections::{BTreeMap, BTreeSet};

use crate::AttackError;
use crate::cell::number;
pub(crate) use crate::cell::{CellState, UNBOUNDED};
use crate::dimension::DimensionIndex;
use crate::problem::{Cell, Known, MOST_COUNT, Problem, Value};
use crate::util::{at, id};

/// What the report calls cells that only somebody's records tell apart.
const KNOWN: &str = "known records";

/// All cells whose codes are of the same levels; they are disjoint.
#[derive(Clone)]
pub(crate) struct Layer {
    /// One level per dimension.
    pub(crate) levels: Vec<u32>,
    /// Codes to cell.
    pub(crate) index: BTreeMap<Vec<u32>, u32>,
}

/// `parent` is the sum of `parts`.
#[derive(Clone)]
pub(crate) struct Relation {
    pub(crate) parent: u32,
    pub(crate) parts: Vec<u32>,
}

/// `low <= sum of factor times cell <= high`.
#[derive(Clone)]
pub(crate) struct Fact {
    pub(crate) terms: Vec<(u32, i64)>,
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// A code's level and number in each dimension.
type Region = Vec<(u32, u32)>;

/// The records of somebody.
#[derive(Clone, Default)]
pub(crate) struct Own {
    /// Where no cell holds a part of the region only: the records are taken out of every cell that holds it. What is left
    /// are other people's records, in the same cells as everybody's.
    apart: Vec<(Region, i64)>,
    /// Cells that hold the rest, somewhere inside.
    within: Vec<(u32, i64)>,
}

impl Own {
    /// All that several of them know.
    pub(crate) fn sum<'a>(owners: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for own in owners {
            all.apart.extend(own.apart.iter().cloned());
            all.within.extend(own.within.iter().copied());
        }
        all
    }
}

#[derive(Clone)]
pub(crate) struct Universe {
    pub(crate) name: String,
    pub(crate) threshold: i64,
    pub(crate) dimensions: Vec<DimensionIndex>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) cells: Vec<CellState>,
    pub(crate) relations: Vec<Relation>,
    /// What comparisons say.
    pub(crate) facts: Vec<Fact>,
    /// Who declares which records.
    pub(crate) attackers: Vec<(String, Own)>,
    /// (group, category in it) for each sensitive dimension.
    pub(crate) sensitive: Vec<(u32, u32)>,
    layer_ids: BTreeMap<Vec<u32>, u32>,
}

impl Universe {
    pub(crate) fn build(problem: &Problem) -> Result<Self, AttackError> {
        let define = |message: String| AttackError::Definition { group: problem.name.clone(), message };
        check_counts(problem).map_err(define)?;
        let mut names = BTreeSet::new();
        let mut dimensions = Vec::new();
        for dimension in &problem.dimensions {
            if !names.insert(&dimension.name) {
                return Err(define(format!("two dimensions are called `{}`: rename one", dimension.name)));
            }
            dimensions.push(DimensionIndex::build(dimension).map_err(define)?);
        }
        let mut universe = Self {
            name: problem.name.clone(),
            threshold: i64::from(problem.threshold),
            dimensions,
            layers: Vec::new(),
            cells: Vec::new(),
            relations: Vec::new(),
            facts: Vec::new(),
            attackers: Vec::new(),
            sensitive: Vec::new(),
            layer_ids: BTreeMap::new(),
        };
        universe.add_tables(problem)?;
        universe.add_bounds(problem)?;
        universe.add_comparisons(problem)?;
        for attacker in &problem.attackers {
            let own = universe.records_of(&attacker.known)?;
            universe.attackers.push((attacker.name.clone(), own));
        }
        let mut everybody = Own::default();
        for known in &problem.known {
            everybody.within.push((universe.cell(&known.codes, KNOWN)?, count(known)));
        }
        universe.declare(&everybody)?;
        universe.relations = universe.find_relations();
        universe.sensitive = universe.find_sensitive(problem)?;
        Ok(universe)
    }

    fn add_tables(&mut self, problem: &Problem) -> Result<(), AttackError> {
        for table in &problem.tables {
            let mut seen = BTreeSet::new();
            for cell in &table.cells {
                let index = self.cell(&cell.codes, &table.name)?;
                if !seen.insert(index) {
                    return Err(AttackError::Definition {
                        group: self.name.clone(),
                        message: format!("table `{}` has two rows for `{}`", table.name, cell.codes.join("`, `")),
                    });
                }
                let Some(state) = self.cells.get_mut(index as usize) else { continue };
                state.controlled |= !table.open;
                if !state.show(table, cell.value) {
                    let (group, cell) = (self.name.clone(), state.label.clone());
                    return Err(AttackError::Contradiction { group, cell });
                }
            }
        }
        Ok(())
    }

    fn add_bounds(&mut self, problem: &Problem) -> Result<(), AttackError> {
        for bound in &problem.bounds {
            let index = self.cell(&bound.codes, "public limit")?;
            if let Some(state) = self.cells.get_mut(index as usize) {
                state.floor = state.floor.max(i64::try_from(bound.lower).unwrap_or(UNBOUNDED));
                let upper = bound.upper.and_then(|upper| i64::try_from(upper).ok());
                state.ceiling = state.ceiling.min(upper.unwrap_or(UNBOUNDED));
            }
        }
        Ok(())
    }

    fn add_comparisons(&mut self, problem: &Problem) -> Result<(), AttackError> {
        for comparison in &problem.comparisons {
            let mut terms: BTreeMap<u32, i64> = BTreeMap::new();
            for (codes, factor) in &comparison.terms {
                let sum = terms.entry(self.cell(codes, "comparison")?).or_default();
                *sum = sum.saturating_add(*factor);
            }
            let terms = terms.into_iter().filter(|(_, factor)| *factor != 0).collect();
            let low = comparison.low.unwrap_or(-UNBOUNDED);
            self.facts.push(Fact { terms, low, high: comparison.high.unwrap_or(UNBOUNDED) });
        }
        Ok(())
    }

    fn records_of(&mut self, known: &[Known]) -> Result<Own, AttackError> {
        let mut own = Own::default();
        for known in known {
            let (region, _) = self.region(&known.codes, KNOWN)?;
            if (0..id(self.cells.len())).all(|cell| self.inside(cell, &region).is_some()) {
                own.apart.push((region, count(known)));
            } else {
                own.within.push((self.cell(&known.codes, KNOWN)?, count(known)));
            }
        }
        Ok(own)
    }

    /// As it is for whoever knows these records to be in the data.
    ///
    /// # Errors
    /// If a cell cannot hold them.
    pub(crate) fn with(&self, own: &Own) -> Result<Self, AttackError> {
        let mut theirs = self.clone();
        theirs.declare(own)?;
        Ok(theirs)
    }

    fn declare(&mut self, own: &Own) -> Result<(), AttackError> {
        for index in 0..id(self.cells.len()) {
            let apart = own.apart.iter().filter(|(region, _)| self.inside(index, region) == Some(true));
            let apart: i64 = apart.map(|(_, records)| records).sum();
            let within: i64 =
                own.within.iter().filter(|(region, _)| self.contains(index, *region)).map(|(_, n)| n).sum();
            if let Some(state) = self.cells.get_mut(index as usize) {
                state.take_out(apart);
                state.own += within;
                state.floor = state.floor.max(state.own);
                let value = state.released.unwrap_or(state.floor);
                if value < state.floor || value > state.ceiling {
                    let (group, cell) = (self.name.clone(), state.label.clone());
                    return Err(AttackError::Contradiction { group, cell });
                }
            }
        }
        for fact in &mut self.facts {
            let theirs = |(cell, factor): &(u32, i64)| {
                factor.saturating_mul(self.cells.get(*cell as usize).map_or(0, |state| state.apart))
            };
            let theirs = fact.terms.iter().map(theirs).fold(0, i64::saturating_add);
            fact.low = if fact.low <= -UNBOUNDED { fact.low } else { fact.low.saturating_sub(theirs) };
            fact.high = if fact.high >= UNBOUNDED { fact.high } else { fact.high.saturating_sub(theirs) };
        }
        Ok(())
    }

    /// Whether a region lies inside a cell; `None` if a part of it does.
    fn inside(&self, cell: u32, region: &Region) -> Option<bool> {
        let mut whole = true;
        for (d, (level, code)) in region.iter().enumerate() {
            let members = self.dimensions.get(d).and_then(|dimension| dimension.members(*level, *code)).unwrap_or(&[]);
            let cell = self.members(cell, d);
            let shared = members.iter().filter(|atom| cell.binary_search(atom).is_ok()).count();
            if shared == 0 {
                return Some(false);
            }
            whole &= shared == members.len();
        }
        whole.then_some(true)
    }

    /// The level and number of each code, and what the report calls the cell.
    fn region(&self, codes: &[String], table: &str) -> Result<(Region, String), AttackError> {
        let mut region = Region::new();
        let mut label = format!("{table}:");
        if codes.len() != self.dimensions.len() {
            let message =
                format!("a cell of `{table}` has {} codes for {} dimensions", codes.len(), self.dimensions.len());
            return Err(AttackError::Definition { group: self.name.clone(), message });
        }
        for (dimension, code) in self.dimensions.iter().zip(codes) {
            let Some(known) = dimension.lookup.get(code) else {
                let message = format!(
                    "`{code}` in `{table}` is not a code of dimension `{}`: add it to atoms or levels",
                    dimension.name
                );
                return Err(AttackError::Definition { group: self.name.clone(), message });
            };
            region.push(*known);
            if *code != dimension.total {
                label.push_str(&format!(" {}={code}", dimension.name));
            }
        }
        Ok((region, label))
    }

    /// The cell with these codes, made if it is new.
    fn cell(&mut self, codes: &[String], table: &str) -> Result<u32, AttackError> {
        let (region, label) = self.region(codes, table)?;
        let (levels, numbers): (Vec<u32>, Vec<u32>) = region.into_iter().unzip();
        let next_layer = id(self.layers.len());
        let layer = *self.layer_ids.entry(levels.clone()).or_insert(next_layer);
        if layer == next_layer {
            self.layers.push(Layer { levels, index: BTreeMap::new() });
        }
        let next = id(self.cells.len());
        let Some(entry) = self.layers.get_mut(layer as usize) else { return Ok(next) };
        let index = *entry.index.entry(numbers.clone()).or_insert(next);
        if index == next {
            self.cells.push(CellState::new(layer, numbers, label));
        }
        Ok(index)
    }

    pub(crate) fn members(&self, cell: u32, dimension: usize) -> &[u32] {
        let Some(state) = self.cells.get(cell as usize) else { return &[] };
        let level = self.layers.get(state.layer as usize).and_then(|layer| layer.levels.get(dimension));
        let code = state.codes.get(dimension);
        let (Some(level), Some(code), Some(index)) = (level, code, self.dimensions.get(dimension)) else { return &[] };
        index.members(*level, *code).unwrap_or(&[])
    }

    /// Whether `inner` lies inside `outer`.
    pub(crate) fn contains(&self, outer: u32, inner: u32) -> bool {
        (0..self.dimensions.len()).all(|d| {
            let outer = self.members(outer, d);
            self.members(inner, d).iter().all(|atom| outer.binary_search(atom).is_ok())
        })
    }

    /// For every cell and every layer that divides it exactly into cells that exist: the sum.
    fn find_relations(&self) -> Vec<Relation> {
        let mut relations = Vec::new();
        for (parent, state) in self.cells.iter().enumerate() {
            let Some(from) = self.layers.get(state.layer as usize) else { continue };
            for (layer, to) in self.layers.iter().enumerate() {
                if layer == state.layer as usize {
                    continue;
                }
                let mut factors = Vec::new();
                let mut product = 1_usize;
                for (d, dimension) in self.dimensions.iter().enumerate() {
                    let divided =
                        dimension.divide(at(&from.levels, id(d)), at(&state.codes, id(d)), at(&to.levels, id(d)));
                    let Some(divided) = divided else { break };
                    product = product.saturating_mul(divided.len());
                    factors.push(divided);
                }
                if factors.len() != self.dimensions.len() || product > to.index.len() {
                    continue;
                }
                if let Some(parts) = all_of(to, &factors) {
                    relations.push(Relation { parent: id(parent), parts });
                }
            }
        }
        relations
    }

    fn find_sensitive(&self, problem: &Problem) -> Result<Vec<(u32, u32)>, AttackError> {
        let mut pairs = BTreeSet::new();
        for table in &problem.tables {
            for name in &table.sensitive {
                let position = self.dimensions.iter().position(|d| d.name == *name);
                let Some((position, dimension)) = position.and_then(|p| Some((p, self.dimensions.get(p)?))) else {
                    let message =
                        format!("table `{}` names `{name}` as sensitive, which is not a dimension", table.name);
                    return Err(AttackError::Definition { group: self.name.clone(), message });
                };
                for cell in &table.cells {
                    let mut codes = cell.codes.clone();
                    match codes.get_mut(position) {
                        Some(code) if *code != dimension.total => code.clone_from(&dimension.total),
                        _ => continue,
                    }
                    if let (Some(group), Some(part)) = (self.find(&codes), self.find(&cell.codes)) {
                        pairs.insert((group, part));
                    }
                }
            }
        }
        Ok(pairs.into_iter().collect())
    }

    /// For every kind of atom that lies in some of these regions, in which of them it lies.
    ///
    /// # Errors
    /// If a region has a code that is not defined.
    pub(crate) fn membership(&self, regions: &[&[String]]) -> Result<Vec<Vec<bool>>, AttackError> {
        let mut kinds = BTreeSet::from([vec![true; regions.len()]]);
        for (d, dimension) in self.dimensions.iter().enumerate() {
            let mut inside: Vec<Vec<bool>> = vec![vec![false; regions.len()]; dimension.atoms()];
            for (number, region) in regions.iter().enumerate() {
                let code = region.get(d).map_or("", String::as_str);
                let members = dimension.lookup.get(code).and_then(|(level, code)| dimension.members(*level, *code));
                let Some(members) = members else {
                    let message = format!("`{code}` is not a code of dimension `{}`", dimension.name);
                    return Err(AttackError::Definition { group: self.name.clone(), message });
                };
                for atom in members {
                    if let Some(slot) = inside.get_mut(*atom as usize).and_then(|atom| atom.get_mut(number)) {
                        *slot = true;
                    }
                }
            }
            let inside: BTreeSet<Vec<bool>> = inside.into_iter().collect();
            let both = |kind: &Vec<bool>, atom: &Vec<bool>| kind.iter().zip(atom).map(|(a, b)| *a && *b).collect();
            kinds = kinds.iter().flat_map(|kind| inside.iter().map(move |atom| both(kind, atom))).collect();
        }
        Ok(kinds.into_iter().filter(|kind| kind.contains(&true)).collect())
    }

    pub(crate) fn find(&self, codes: &[String]) -> Option<u32> {
        let mut levels = Vec::new();
        let mut numbers = Vec::new();
        for (dimension, code) in self.dimensions.iter().zip(codes) {
            let (level, number) = dimension.lookup.get(code)?;
            levels.push(*level);
            numbers.push(*number);
        }
        let layer = self.layer_ids.get(&levels)?;
        self.layers.get(*layer as usize)?.index.get(&numbers).copied()
    }
}

fn count(known: &Known) -> i64 {
    number(known.count)
}

/// Refuses numbers so large that sums of them could overflow.
fn check_counts(problem: &Problem) -> Result<(), String> {
    let too_large = |what: &str, name: &str| {
        Err(format!("{what} of `{name}` is above {MOST_COUNT}, the largest number that is attacked: check the column"))
    };
    for table in &problem.tables {
        let large = |cell: &Cell| match cell.value {
            Value::Released(count) | Value::Between(_, count) => count > MOST_COUNT,
            Value::Withheld => false,
        };
        if table.cells.iter().any(large) {
            return too_large("a count", &table.name);
        }
    }
    if problem
        .bounds
        .iter()
        .any(|bound| bound.lower > MOST_COUNT || bound.upper.is_some_and(|upper| upper > MOST_COUNT))
    {
        return too_large("a limit", &problem.name);
    }
    let known = problem.attackers.iter().flat_map(|attacker| &attacker.known).chain(&problem.known);
    if known.map(|known| known.count).fold(0, u64::saturating_add) > MOST_COUNT {
        return too_large("the sum of known records", &problem.name);
    }
    let large = |value: i64| value.unsigned_abs() > MOST_COUNT;
    if problem.comparisons.iter().any(|comparison| comparison.terms.iter().any(|(_, factor)| large(*factor))) {
        return too_large("a denominator", &problem.name);
    }
    Ok(())
}

/// The cells of a layer at every combination of the factors' codes, if all exist.
fn all_of(layer: &Layer, factors: &[&[u32]]) -> Option<Vec<u32>> {
    let mut combinations: Vec<Vec<u32>> = vec![Vec::new()];
    for factor in factors {
        combinations = combinations
            .iter()
            .flat_map(|prefix| {
                factor.iter().map(move |code| {
                    let mut codes = prefix.clone();
                    codes.push(*code);
                    codes
                })
            })
            .collect();
    }
    combinations.iter().map(|codes| layer.index.get(codes).copied()).collect()
}
