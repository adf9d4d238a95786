//! A dimension's codes as sets of atoms.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::Dimension;
use crate::util::{at, id, put};

/// No code, no cell.
pub(crate) const NONE: u32 = u32::MAX;

/// Most codes of a dimension times its levels: what each divides into is kept.
const MOST_DIVISIONS: usize = 10_000_000;

/// A grouping of a dimension's atoms into disjoint codes.
#[derive(Clone)]
pub(crate) struct LevelIndex {
    pub(crate) codes: usize,
    /// The code of each atom, or [`NONE`].
    pub(crate) of_atom: Vec<u32>,
    /// The atoms of each code, ascending.
    pub(crate) members: Vec<Vec<u32>>,
}

/// A dimension with its atoms (level 0), declared levels and total (last).
#[derive(Clone)]
pub(crate) struct DimensionIndex {
    pub(crate) name: String,
    pub(crate) total: String,
    pub(crate) levels: Vec<LevelIndex>,
    pub(crate) lookup: BTreeMap<String, (u32, u32)>,
    /// By level, code and other level: the codes of the other level that the code divides into exactly.
    divisions: Vec<Vec<Vec<Option<Vec<u32>>>>>,
}

impl DimensionIndex {
    /// # Errors
    /// With the reason, if the dimension does not make sense.
    pub(crate) fn build(dimension: &Dimension) -> Result<Self, String> {
        let name = &dimension.name;
        let mut atoms = BTreeMap::new();
        for (number, atom) in dimension.atoms.iter().enumerate() {
            if atoms.insert(atom.as_str(), id(number)).is_some() {
                return Err(format!("dimension `{name}` lists atom `{atom}` twice"));
            }
        }
        if atoms.is_empty() {
            return Err(format!("dimension `{name}` has no atoms: give at least one"));
        }
        let codes: usize = dimension.levels.iter().map(|level| level.codes.len()).sum::<usize>() + atoms.len() + 1;
        if codes.saturating_mul(dimension.levels.len() + 2) > MOST_DIVISIONS {
            return Err(format!(
                "dimension `{name}` has {codes} codes in {} levels, more than can be attacked: at most {MOST_DIVISIONS} codes times \
                 levels; put codes that do not overlap into one level",
                dimension.levels.len()
            ));
        }
        let mut index = Self {
            name: name.clone(),
            total: dimension.total.clone(),
            levels: Vec::new(),
            lookup: BTreeMap::new(),
            divisions: Vec::new(),
        };
        let own: Vec<(&str, Vec<u32>)> =
            dimension.atoms.iter().zip(0..).map(|(atom, number)| (atom.as_str(), vec![number])).collect();
        index.add_level("atoms", &own, atoms.len())?;
        for level in &dimension.levels {
            let mut codes = Vec::new();
            for (code, names) in &level.codes {
                let mut members = Vec::new();
                for atom in names {
                    let number = atoms.get(atom.as_str()).ok_or_else(|| {
                        format!("`{atom}` in `{code}` of level `{}` is not an atom of dimension `{name}`", level.name)
                    })?;
                    members.push(*number);
                }
                codes.push((code.as_str(), members));
            }
            index.add_level(&level.name, &codes, atoms.len())?;
        }
        index.add_level("total", &[(dimension.total.as_str(), (0..id(atoms.len())).collect())], atoms.len())?;
        index.divisions = index.find_divisions();
        Ok(index)
    }

    fn add_level(&mut self, level: &str, codes: &[(&str, Vec<u32>)], atoms: usize) -> Result<(), String> {
        let name = self.name.clone();
        let mut of_atom = vec![NONE; atoms];
        let mut all_members = Vec::new();
        for (number, (code, members)) in codes.iter().enumerate() {
            let mut members = members.clone();
            members.sort_unstable();
            members.dedup();
            if members.is_empty() {
                return Err(format!("`{code}` of level `{level}` of dimension `{name}` has no atoms"));
            }
            for atom in &members {
                if of_atom.get(*atom as usize).is_some_and(|other| *other != NONE) {
                    return Err(format!(
                        "codes of level `{level}` of dimension `{name}` overlap at `{code}`: put overlapping codes into different levels"
                    ));
                }
                put(&mut of_atom, *atom, id(number));
            }
            match self.lookup.get(*code) {
                Some((level, other)) => {
                    let same = self.levels.get(*level as usize).and_then(|l| l.members.get(*other as usize));
                    if same != Some(&members) {
                        return Err(format!("`{code}` of dimension `{name}` is defined twice, with different atoms"));
                    }
                }
                None => {
                    self.lookup.insert((*code).to_owned(), (id(self.levels.len()), id(number)));
                }
            }
            all_members.push(members);
        }
        self.levels.push(LevelIndex { codes: codes.len(), of_atom, members: all_members });
        Ok(())
    }

    fn find_divisions(&self) -> Vec<Vec<Vec<Option<Vec<u32>>>>> {
        let divide = |members: &[u32], to: &LevelIndex| {
            let codes: BTreeSet<u32> = members.iter().map(|atom| at(&to.of_atom, *atom)).collect();
            let size: usize = codes.iter().filter_map(|code| to.members.get(*code as usize)).map(Vec::len).sum();
            (!codes.contains(&NONE) && size == members.len()).then(|| codes.into_iter().collect())
        };
        self.levels
            .iter()
            .map(|from| {
                let by_code = from.members.iter();
                by_code.map(|members| self.levels.iter().map(|to| divide(members, to)).collect()).collect()
            })
            .collect()
    }

    /// The codes of level `to` that this code divides into exactly, if it does.
    pub(crate) fn divide(&self, level: u32, code: u32, to: u32) -> Option<&[u32]> {
        self.divisions.get(level as usize)?.get(code as usize)?.get(to as usize)?.as_deref()
    }

    /// The atoms of a code, ascending.
    pub(crate) fn members(&self, level: u32, code: u32) -> Option<&[u32]> {
        self.levels.get(level as usize)?.members.get(code as usize).map(Vec::as_slice)
    }

    /// How many atoms there are.
    pub(crate) fn atoms(&self) -> usize {
        self.levels.first().map_or(0, |level| level.codes)
    }
}
